/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: birth, messages, letters, the loop's watchdog, death. See runner.h.
 *
 * Death is the delicate part. destroy() is promised that no operation is open, and a thread that is
 * still inside the plugin may come back at any time. So a runner that cannot become idle within a
 * grace is not freed: it becomes a zombie, whose services answer "unknown" for ever. In a helper
 * process the exit of the process follows at once and takes the zombie with it.
 */
#include "engine/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#define LOG_ROOM "engine"
#include "base/log.h"
#include "engine/runner_own.h"

#define THREADS_DEFAULT 16
#define BUGS_PER_SECOND 20

static struct list zombies = {&zombies, &zombies}; /* keeps them reachable */

const char *runner_file(const struct runner *r)
{
    const char *slash = strrchr(r->plugin->path, '/');
    return slash ? slash + 1 : r->plugin->path;
}

bool runner_on_loop(const struct runner *r)
{
    return pthread_equal(r->loop_thread, pthread_self()) != 0;
}

void runner_emit(struct runner *r, cJSON *msg)
{
    r->emit(r->emit_arg, msg);
}

/* ---- the watchdog
 * ------------------------------------------------------------------------------------------- */

struct guard guard_begin(struct runner *r, const char *what)
{
    struct guard g = {r, clock_mono_us(), what};
    note_begin(r->note, 0, g.began_us / 1000, what);
    return g;
}

void guard_end(struct guard *g)
{
    note_end(g->r->note, 0);
    uint64_t took = clock_mono_us() - g->began_us;
    if (took > LOOP_BUDGET_US)
        runner_bug(g->r, "blocked-loop", "%s took %llu ms on the loop; want at most %d", g->what,
                   (unsigned long long)took / 1000, LOOP_BUDGET_US / 1000);
}

void runner_bug(struct runner *r, const char *kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct letter letter = {.kind = LETTER_BUG, .word = kind, .text = mem_vprintf(fmt, ap)};
    va_end(ap);
    mailbox_put(r->mail, &letter, true);
}

/* At most BUGS_PER_SECOND are told; what was held back is counted with the next one. */
static void bug_tell(struct runner *r, const struct letter *letter)
{
    uint64_t now = loop_now_ms(r->loop);
    if (now - r->bug_window_ms >= 1000) {
        r->bug_window_ms = now;
        r->bugs_told = 0;
    }
    if (r->bugs_told >= BUGS_PER_SECOND) {
        r->bugs_held++;
        return;
    }
    cJSON *msg = frame_new(FRAME_BUG);
    json_put_str(msg, letter->word, "kind");
    json_put_str(msg, letter->text, "text");
    json_put_int(msg, 1 + r->bugs_held, "n");
    r->bugs_told++;
    r->bugs_held = 0;
    runner_emit(r, msg);
}

static void log_tell(struct runner *r, const struct letter *letter)
{
    cJSON *msg = frame_new(FRAME_LOG);
    json_put_int(msg, letter->level, "level");
    json_put_str(msg, letter->text, "text");
    runner_emit(r, msg);
}

void runner_tell_stuck(struct runner *r)
{
    AUTO(mem_freep) char *text = NULL;
    uint32_t it = 0;
    pthread_mutex_lock(&r->ops.lock);
    for (struct op *op; !text && (op = handle_next(&r->ops.table, &it));)
        if (op->state == OP_ABANDONED)
            text = mem_printf("%s is stuck in %s", runner_file(r), op->what);
    pthread_mutex_unlock(&r->ops.lock);
    if (r->closing)
        return;
    cJSON *msg = frame_new(FRAME_STATE);
    json_put_int(msg, r->ops.abandoned, "stuck");
    json_put_str(msg, text ? text : "", "message");
    runner_emit(r, msg);
}

/* ---- letters
 * ---------------------------------------------------------------------------------------------------
 */

static void deliver(void *arg, struct letter *letter)
{
    struct runner *r = CAST(runner, arg);
    switch (letter->kind) {
    case LETTER_COMPLETE:
        op_completed(r, letter->id);
        break;
    case LETTER_LATE:
        op_late(r, letter->id);
        break;
    case LETTER_JOB_DONE:
        lanes_returned(r->lanes, letter->ptr);
        break;
    case LETTER_REPORT:
        if (handle_get(&r->ops.table, letter->id))
            probe_heard(r, letter->text, letter->ptr);
        else
            report_unref(letter->ptr);
        break;
    case LETTER_PROBE_NOW:
        probe_now(r, letter->text);
        break;
    case LETTER_PROGRESS:
        call_progress(r, letter->id, letter->text);
        break;
    case LETTER_LOG:
        log_tell(r, letter);
        break;
    case LETTER_BUG:
        bug_tell(r, letter);
        break;
    }
}

/* ---- messages from the host
 * --------------------------------------------------------------------------------------- */

void runner_handle(struct runner *r, const struct frame *f)
{
    const cJSON *b = f->body;
    switch (f->type) {
    case FRAME_SPEC:
        probe_spec_set(r, json_str(b, "instance"), json_at(b, "spec"));
        break;
    case FRAME_CLEAR:
        probe_spec_clear(r, json_str(b, "instance"));
        break;
    case FRAME_PROBE:
        probe_now(r, json_str(b, "instance"));
        break;
    case FRAME_WATCH:
        watch_set(r, json_str(b, "key"), json_at(b, "spec"));
        break;
    case FRAME_UNWATCH:
        watch_clear(r, json_str(b, "key"));
        break;
    case FRAME_CALL:
        call_start(r, f);
        break;
    case FRAME_CANCEL:
        call_cancel(r, f->id);
        break;
    case FRAME_TOPOLOGY:
        topology_run(r, f);
        break;
    default:
        log_warn("%s: frame %s came at the wrong time", runner_file(r), frame_type_name(f->type));
    }
}

/* ---- birth and death
 * ------------------------------------------------------------------------------------------------
 */

static void runner_drop(struct runner *r)
{
    services_done(r);
    probes_done(r);
    watches_done(r);
    calls_done(r);
    lanes_free(r->lanes);
    wheel_free(r->wheel);
    mailbox_close(r->mail, false);
    ops_done(&r->ops);
    plugin_free(r->plugin);
    r->magic = 0;
    mem_free(r);
}

static int create_call(struct runner *r, struct err **err)
{
    AUTO(mem_freep) char *what = mem_printf("create of %s", r->plugin->desc.name);
    struct guard g = guard_begin(r, what);
    int32_t rc = r->plugin->desc.create(&r->host, &r->self);
    guard_end(&g);
    mailbox_drain(r->mail, 0); /* the plugin's own words come before our sentence */
    if (rc < 0)
        return err_set(err, -EINVAL, "plugin %s: create: want 0, found %d", r->plugin->path, rc);
    return 0;
}

int runner_new(const struct runner_opts *o, const struct frame *hello, struct runner **ret,
               struct err **err)
{
    AUTO(plugin_freep) struct plugin *plugin = NULL;
    int rc =
        plugin_load(json_str(hello->body, "plugin"), json_str(hello->body, "name"), &plugin, err);
    if (rc == 0)
        rc = plugin_configure(plugin, json_at(hello->body, "options"), err);
    if (rc < 0)
        return rc;
    struct runner *r = mem_new(struct runner);
    r->magic = runner_MAGIC;
    r->loop = o->loop;
    r->loop_thread = pthread_self();
    r->plugin = TAKE(plugin);
    r->note = o->note;
    r->emit = o->emit;
    r->emit_arg = o->arg;
    r->wheel = wheel_new(o->loop);
    r->mail = mailbox_new(o->loop, deliver, r);
    r->lanes = lanes_new(r, (unsigned)json_int(THREADS_DEFAULT, hello->body, "threads"));
    list_init(&r->zombie);
    ops_init(&r->ops);
    services_init(r);
    rc = create_call(r, err);
    if (rc < 0)
        runner_drop(r);
    else
        *ret = r;
    return rc;
}

cJSON *runner_ready(const struct runner *r)
{
    cJSON *msg = frame_new(FRAME_READY);
    json_put(msg, plugin_describe(r->plugin), "plugin");
    return msg;
}

cJSON *runner_refused(const struct err *err)
{
    cJSON *msg = frame_new(FRAME_READY);
    json_put_str(msg, err_text(err), "error");
    return msg;
}

void runner_close(struct runner *r)
{
    if (r->closing)
        return;
    r->closing = true;
    watches_close(r);
    calls_close(r);
    probes_close(r);
}

bool runner_idle(const struct runner *r)
{
    return ops_live(&r->ops) == 0 && lanes_running(r->lanes) == 0;
}

static void zombie_make(struct runner *r)
{
    log_warn("%s is still inside a call: its memory stays", runner_file(r));
    services_done(r);
    wheel_free(r->wheel);
    mailbox_close(r->mail, true);
    list_append(&zombies, &r->zombie);
}

bool runner_free(struct runner *r)
{
    if (!r)
        return true;
    runner_close(r);
    uint64_t until = clock_mono_ms() + OP_GRACE_MS;
    while (mailbox_drain(r->mail, 0))
        continue;
    for (uint64_t now;
         !runner_idle(r) && lanes_running(r->lanes) && (now = clock_mono_ms()) < until;)
        mailbox_drain(r->mail, until - now);
    if (!runner_idle(r)) {
        zombie_make(r);
        return false;
    }
    struct guard g = guard_begin(r, "destroy");
    r->plugin->desc.destroy(r->self);
    guard_end(&g);
    mailbox_drain(r->mail, 0);
    runner_drop(r);
    return true;
}
