/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of engine: the configured engines, their links, and what happens when one goes down.
 *
 * Every engine is a small state machine (supervise.h has its table). Messages arrive from its link
 * and are passed on by type; a link that goes down ends the open calls, and crash_record decides
 * when it is opened again. A tick of one second looks for helpers that hang. Callbacks never run
 * inside engine_host_new.
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#define LOG_ROOM "engine"
#include "base/log.h"
#include "engine/engine_own.h"

#define START_WAIT_MS 5000
#define TICK_MS       1000

const struct conf_key engine_conf_keys[] = {
    {"engines.*.plugin", CONF_STR, NULL, 0, 0, NULL,
     "Absolute path of the plugin; without it <name>.so in the plugin folder."},
    {"engines.*.isolation", CONF_STR, "process", 0, 0, "process|inline",
     "Where the plugin runs: in a process of its own, or (tests, debugging) in this one."},
    {"engines.*.threads", CONF_INT, "16", 1, 62, NULL,
     "Most threads on which blocking calls of the plugin run at once."},
    {"engines.*.address_space_mb", CONF_INT, "8192", 0, 1048576, NULL,
     "Limit of the address space of the plugin's process in MiB; 0 = none."},
    {"engines.*.options.**", CONF_STR, NULL, 0, 0, NULL,
     "Options of the plugin; its own table checks them."},
};
const size_t engine_conf_keys_n = ARRAY_LEN(engine_conf_keys);

static const cJSON *empty_array(void)
{
    static cJSON empty = {.type = cJSON_Array};
    return &empty;
}

/* ---- states
 * ---------------------------------------------------------------------------------------------------
 */

void host_soon(struct engine_host *h)
{
    if (!h->freeing && !loop_timer_active(h->soon))
        loop_timer_start(h->soon, 0);
}

static void on_soon(void *arg)
{
    struct engine_host *h = CAST(engine_host, arg);
    calls_tell_waiting(h);
    for (size_t i = 0; i < h->n; i++) {
        struct engine *e = h->engines[i];
        bool owed = e->tell_state && h->started;
        e->tell_state = e->tell_state && !owed;
        if (owed && h->on_state)
            h->on_state(h->arg, e);
    }
}

static void set_state(struct engine *e, enum engine_state to, const char *because)
{
    ATOLL_ASSERT(engine_state_may(e->state, to));
    bool worse = to != ENGINE_RUNNING && to != ENGINE_STARTING;
    log_write(worse ? LOG_ERROR : LOG_INFO, LOG_ROOM, "%s: %s -> %s because %s", e->name,
              engine_state_word(e->state), engine_state_word(to), because);
    e->state = to;
    char *message = mem_strdup(because);
    mem_free(e->message);
    e->message = message;
    e->tell_state = true;
    metric_set(e->host->m_available, e->name, to == ENGINE_RUNNING);
    bool settled = true;
    for (size_t i = 0; i < e->host->n; i++)
        settled = settled && e->host->engines[i]->state != ENGINE_STARTING;
    e->host->settled = settled;
    host_soon(e->host);
}

static void link_open(struct engine *e);

static void link_drop(struct engine *e)
{
    struct link *link = TAKE(e->link);
    if (link)
        e->kind->close(link);
    e->stuck_since_ms = 0;
}

/* The link is gone or never came to be. */
static void crashed(struct engine *e, const char *why)
{
    uint64_t now = loop_now_ms(e->host->loop);
    struct crash_verdict v = crash_record(&e->crashes, now, now - e->started_ms);
    AUTO(mem_freep)
    char *sentence =
        v.quarantine
            ? mem_printf("%s; that was crash %d within a minute, the next try is in %d minutes",
                         why, CRASHES_MAX, QUARANTINE_MS / 60000)
            : mem_strdup(why);
    set_state(e, v.quarantine ? ENGINE_QUARANTINED : ENGINE_CRASHED, sentence);
    calls_end_all(e, why);
    loop_timer_start(e->restart, v.delay_ms);
}

static void on_down(void *arg, const char *why)
{
    struct engine *e = CAST(engine, arg);
    AUTO(mem_freep) char *sentence = mem_strdup(why); /* of the link, which goes now */
    link_drop(e);
    crashed(e, sentence);
}

static void restart_now(struct engine *e, const char *because)
{
    loop_timer_stop(e->restart);
    set_state(e, ENGINE_STARTING, because);
    metric_add(e->host->m_restarts, e->name, 1);
    link_open(e);
}

static void on_restart(void *arg)
{
    struct engine *e = CAST(engine, arg);
    restart_now(e, "its time to wait is over");
}

void engine_unquarantine(struct engine *e)
{
    e = CAST(engine, e);
    if (e->state != ENGINE_QUARANTINED && e->state != ENGINE_REFUSED && e->state != ENGINE_CRASHED)
        return;
    e->crashes = (struct crash_history){0};
    restart_now(e, "somebody asked for it");
}

/* ---- messages
 * ---------------------------------------------------------------------------------------------------
 */

void engine_send(struct engine *e, cJSON *msg)
{
    if (!e->link) {
        frame_wipe(msg);
        cJSON_Delete(msg);
        return;
    }
    int rc = e->kind->send(e->link, msg);
    if (rc == -ENOBUFS)
        e->kind->kill(e->link, "does not read its socket");
}

static void on_ready(struct engine *e, const cJSON *body)
{
    const char *error = json_str(body, "error");
    const cJSON *plugin = json_at(body, "plugin");
    if (e->state != ENGINE_STARTING)
        return;
    if (error || !plugin) {
        AUTO(mem_freep)
        char *sentence = mem_strdup(error ? error : "the helper sent no descriptor");
        link_drop(e);
        set_state(e, ENGINE_REFUSED, sentence);
        calls_end_all(e, sentence);
        loop_timer_start(e->restart, QUARANTINE_MS);
        return;
    }
    cJSON_Delete(e->plugin);
    e->plugin = cJSON_Duplicate(plugin, true);
    AUTO(mem_freep)
    char *sentence = mem_printf("%s version %s is loaded", e->path, engine_version(e));
    set_state(e, ENGINE_RUNNING, sentence);
}

static void on_stuck(struct engine *e, const cJSON *body)
{
    bool stuck = json_int(0, body, "stuck") > 0;
    if (stuck && e->state == ENGINE_RUNNING) {
        e->stuck_since_ms = loop_now_ms(e->host->loop);
        set_state(e, ENGINE_STUCK, json_str(body, "message"));
    } else if (!stuck && e->state == ENGINE_STUCK) {
        e->stuck_since_ms = 0;
        set_state(e, ENGINE_RUNNING, "what was stuck has ended");
    }
}

static void on_frame(void *arg, const struct frame *f)
{
    struct engine *e = CAST(engine, arg);
    switch (f->type) {
    case FRAME_READY:
        on_ready(e, f->body);
        break;
    case FRAME_ROLE:
        roles_heard(e, f);
        break;
    case FRAME_DONE:
        calls_heard(e, f);
        break;
    case FRAME_STATE:
        on_stuck(e, f->body);
        break;
    case FRAME_LOG:
        log_write((enum log_level)(json_int(0, f->body, "level") & 3), LOG_ROOM, "%s says: %s",
                  e->name, json_str(f->body, "text"));
        break;
    case FRAME_PROGRESS:
        log_info("%s operation %llu: %s", e->name, (unsigned long long)f->id,
                 json_str(f->body, "text"));
        break;
    case FRAME_BUG:
        log_warn("%s breaks a rule (%s): %s", e->name, json_str(f->body, "kind"),
                 json_str(f->body, "text"));
        metric_add(e->host->m_bugs, json_str(f->body, "kind"), (double)json_int(1, f->body, "n"));
        break;
    default:
        break;
    }
}

static void link_open(struct engine *e)
{
    AUTO(err_freep) struct err *err = NULL;
    const struct link_events ev = {.on_frame = on_frame, .on_down = on_down, .arg = e};
    e->started_ms = loop_now_ms(e->host->loop);
    if (e->kind->open(e->host->loop, &e->opts, &ev, &e->link, &err) < 0) {
        e->link = NULL;
        crashed(e, err_text(err));
        return;
    }
    roles_resend(e);
}

static void engine_look(struct engine *e, uint64_t now)
{
    if (!e->link)
        return;
    struct helper_signs signs = {.now_ms = now,
                                 .busy_since_ms = e->kind->busy_since(e->link),
                                 .stuck_since_ms = e->stuck_since_ms,
                                 .calls_open = map_len(&e->calls),
                                 .call_overdue = calls_overdue(e, now)};
    const char *why = helper_verdict(&signs);
    if (why)
        e->kind->kill(e->link, why);
}

static void on_tick(void *arg)
{
    struct engine_host *h = CAST(engine_host, arg);
    uint64_t now = loop_now_ms(h->loop);
    for (size_t i = 0; i < h->n; i++)
        engine_look(h->engines[i], now);
    loop_timer_start(h->tick, TICK_MS);
}

/* ---- birth and death
 * -----------------------------------------------------------------------------------------------
 */

/* {name: {value, where}} of engines.<name>.options. */
static cJSON *options_read(const struct conf *c, const char *name)
{
    AUTO(mem_freep) char *prefix = mem_printf("engines.%s.options", name);
    cJSON *options = cJSON_CreateObject();
    for (const char *const *key = conf_names(c, prefix); *key; key++) {
        AUTO(mem_freep) char *path = mem_printf("%s.%s", prefix, *key);
        const char *value = conf_raw(c, path);
        if (!value)
            continue;
        json_put_str(options, value, *key, "value");
        json_put_str(options, conf_where(c, path), *key, "where");
    }
    return options;
}

static struct engine *engine_new(struct engine_host *h, const struct conf *c, const char *name)
{
    AUTO(mem_freep) char *plugin_key = mem_printf("engines.%s.plugin", name);
    AUTO(mem_freep) char *isolation_key = mem_printf("engines.%s.isolation", name);
    AUTO(mem_freep) char *threads_key = mem_printf("engines.%s.threads", name);
    AUTO(mem_freep) char *space_key = mem_printf("engines.%s.address_space_mb", name);
    AUTO(mem_freep) char *file = mem_printf("%s.so", name);
    const char *path = conf_str(c, plugin_key);
    struct engine *e = mem_new(struct engine);
    e->magic = engine_MAGIC;
    e->host = h;
    e->name = mem_strdup(name);
    e->path = path ? mem_strdup(path) : file_path(h->plugin_dir ? h->plugin_dir : "", file);
    e->kind = streq(conf_str(c, isolation_key), "inline") ? &link_inline : &link_process;
    e->options = options_read(c, name);
    e->opts = (struct link_opts){.name = e->name,
                                 .plugin = e->path,
                                 .helper = h->helper,
                                 .options = e->options,
                                 .threads = (unsigned)conf_int(c, threads_key),
                                 .address_space = (uint64_t)conf_int(c, space_key) << 20};
    e->restart = loop_timer_new(h->loop, on_restart, e);
    return e;
}

static void engine_free(struct engine *e)
{
    link_drop(e);
    roles_done(e);
    calls_drop(e);
    loop_timer_free(e->restart);
    cJSON_Delete(e->plugin);
    cJSON_Delete(e->options);
    mem_free(e->message);
    mem_free(e->name);
    mem_free(e->path);
    e->magic = 0;
    mem_free(e);
}

static void metrics_register(struct engine_host *h)
{
    h->m_bugs = metric_get("atoll_engine_plugin_bugs_total", METRIC_COUNTER, "kind",
                           "Rules of the plugin interface that plugins broke.");
    h->m_restarts = metric_get("atoll_engine_restarts_total", METRIC_COUNTER, "engine",
                               "Starts of a plugin after its first.");
    h->m_available = metric_get("atoll_engine_available", METRIC_GAUGE, "engine",
                                "1 while the plugin runs and is not stuck.");
    h->m_calls = metric_get("atoll_engine_calls_total", METRIC_COUNTER, "class",
                            "Hook and topology calls by outcome.");
}

static int helper_check(const struct engine_host *h, const struct engine *e, struct err **err)
{
    if (e->kind != &link_process || (h->helper && h->helper[0] == '/'))
        return 0;
    return err_set(
        err, -EINVAL,
        "engines.%s: isolation = process wants the absolute path of atoll-engine, found %s",
        e->name, h->helper ? h->helper : "none");
}

int engine_host_new(struct loop *l, const struct engine_host_opts *o, struct engine_host **ret,
                    struct err **err)
{
    const char *const *names = conf_names(o->conf, "engines");
    struct engine_host *h = mem_new(struct engine_host);
    int rc = 0;
    h->magic = engine_host_MAGIC;
    h->loop = l;
    h->helper = mem_strdup(o->helper);
    h->plugin_dir = mem_strdup(o->plugin_dir);
    h->on_role = o->on_role;
    h->on_state = o->on_state;
    h->arg = o->arg;
    h->tick = loop_timer_new(l, on_tick, h);
    h->soon = loop_timer_new(l, on_soon, h);
    list_init(&h->answers);
    metrics_register(h);
    while (names[h->n])
        h->n++;
    h->engines = mem_calloc(h->n + 1, sizeof(struct engine *));
    for (size_t i = 0; i < h->n; i++) {
        h->engines[i] = engine_new(h, o->conf, names[i]);
        rc = rc < 0 ? rc : helper_check(h, h->engines[i], err);
    }
    if (rc < 0) {
        engine_host_free(h);
        return rc;
    }
    for (size_t i = 0; i < h->n; i++)
        link_open(h->engines[i]);
    if (h->n)
        loop_run_until(l, &h->settled, START_WAIT_MS);
    loop_timer_start(h->tick, TICK_MS);
    h->started = true;
    host_soon(h);
    *ret = h;
    return 0;
}

void engine_host_free(struct engine_host *h)
{
    if (!h)
        return;
    h = CAST(engine_host, h);
    h->freeing = true;
    h->on_role = NULL;
    h->on_state = NULL;
    calls_drop_waiting(h);
    for (size_t i = 0; i < h->n; i++)
        engine_free(h->engines[i]);
    loop_timer_free(h->tick);
    loop_timer_free(h->soon);
    mem_free(h->engines);
    mem_free(h->helper);
    mem_free(h->plugin_dir);
    h->magic = 0;
    mem_free(h);
}

/* ---- asking
 * -------------------------------------------------------------------------------------------------------------
 */

struct engine *engine_find(struct engine_host *h, const char *name)
{
    for (size_t i = 0; i < h->n; i++)
        if (streq(h->engines[i]->name, name))
            return h->engines[i];
    return NULL;
}

size_t engine_count(const struct engine_host *h)
{
    return h->n;
}

struct engine *engine_at(struct engine_host *h, size_t i)
{
    return i < h->n ? h->engines[i] : NULL;
}

const char *engine_name(const struct engine *e)
{
    return e->name;
}

const char *engine_version(const struct engine *e)
{
    const char *version = json_str(e->plugin, "version");
    return version ? version : "";
}

const cJSON *engine_definitions(const struct engine *e)
{
    const cJSON *definitions = json_at(e->plugin, "definitions");
    return definitions ? definitions : empty_array();
}

const cJSON *engine_roles(const struct engine *e)
{
    const cJSON *roles = json_at(e->plugin, "roles");
    return roles ? roles : empty_array();
}

bool engine_has_hook(const struct engine *e, const char *hook, uint32_t *ret_deadline_ms)
{
    const cJSON *deadline = json_at(e->plugin, "hooks", hook);
    if (!deadline)
        return false;
    if (ret_deadline_ms)
        *ret_deadline_ms = (uint32_t)json_int_of(deadline, 0);
    return true;
}

bool engine_available(const struct engine *e)
{
    return e->state == ENGINE_RUNNING;
}

const char *engine_state_reason(const struct engine *e)
{
    return engine_state_word(e->state);
}

const char *engine_state_message(const struct engine *e)
{
    return e->message ? e->message : "";
}

int engine_helper_pid(const struct engine *e)
{
    return e->link ? e->kind->pid(e->link) : 0;
}
