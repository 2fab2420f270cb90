/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation table. See ops.h for the states.
 *
 * Deadlines sit in the wheel: the first time the node fires it is the deadline (cancel), the second
 * time the end of the grace (abandon). An abandoned operation keeps its scene and its slot, because
 * the plugin may still read the arguments; only its late completion sets them free.
 */
#include "engine/ops.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/abi.h"
#include "engine/runner_own.h"

#define CLASS_MAX ATOLL_CLASS_UNKNOWN

void ops_init(struct ops *o)
{
    pthread_mutex_init(&o->lock, NULL);
    o->table = HANDLES_INIT(OPS_MAX);
}

void ops_done(struct ops *o)
{
    ATOLL_ASSERT(o->table.live == 0);
    handles_done(&o->table);
    pthread_mutex_destroy(&o->lock);
}

size_t ops_live(const struct ops *o)
{
    return o->table.live;
}

/* ---- the host's side: the loop
 * ------------------------------------------------------------------------ */

static void op_free(struct op *op)
{
    wheel_del(&op->timer);
    pthread_mutex_lock(&op->runner->ops.lock);
    handle_del(&op->runner->ops.table, op->id);
    pthread_mutex_unlock(&op->runner->ops.lock);
    cJSON_Delete(op->results);
    report_unref(op->report);
    scene_unref(op->scene);
    mem_free(op->message);
    mem_free(op->what);
    mem_free(op);
}

static void op_finish(struct op *op)
{
    wheel_del(&op->timer);
    op->end(op->arg, op);
    op_free(op);
}

static void op_abandon(struct op *op)
{
    struct runner *r = op->runner;
    pthread_mutex_lock(&r->ops.lock);
    bool open = op->state == OP_OPEN;
    if (open)
        op->state = OP_ABANDONED;
    pthread_mutex_unlock(&r->ops.lock);
    if (!open)
        return; /* the completion is in the mailbox */
    op->class_ = ATOLL_CLASS_UNKNOWN;
    snprintf(op->reason, sizeof(op->reason), "DeadlineExceeded");
    mem_free(op->message);
    op->message = mem_printf("%s did not end %d ms after it was cancelled", op->what, OP_GRACE_MS);
    r->ops.abandoned++;
    runner_tell_stuck(r); /* first: who hears the outcome finds the engine stuck */
    op->end(op->arg, op);
}

static void on_timer(struct wheel_node *n)
{
    struct op *op = container_of(n, struct op, timer);
    if (op->cancelled) {
        op_abandon(op);
        return;
    }
    if (op->expired)
        op->expired(op->arg);
    op_cancel(op);
}

struct op *op_open(struct runner *r, const struct op_spec *spec)
{
    struct op *op = mem_new(struct op);
    pthread_mutex_lock(&r->ops.lock);
    op->id = handle_add(&r->ops.table, op);
    pthread_mutex_unlock(&r->ops.lock);
    if (!op->id) {
        mem_free(spec->what);
        mem_free(op);
        return NULL;
    }
    op->runner = r;
    op->kind = spec->kind;
    op->what = spec->what;
    op->scene = scene_ref(spec->scene);
    op->instance = spec->instance;
    op->expired = spec->expired;
    op->end = spec->end;
    op->arg = spec->arg;
    op->deadline_ms = UINT64_MAX;
    wheel_node_init(&op->timer, on_timer);
    if (spec->deadline_ms != OP_NO_DEADLINE) {
        op->deadline_ms = loop_now_ms(r->loop) + spec->deadline_ms;
        wheel_add(r->wheel, &op->timer, op->deadline_ms);
    }
    return op;
}

static void cancel_submit(struct op *op)
{
    struct runner *r = op->runner;
    const struct atoll_plugin *d = &r->plugin->desc;
    bool hook = op->kind == OP_HOOK;
    struct job *j = mem_new(struct job);
    j->runner = r;
    j->kind = JOB_CANCEL;
    j->op = op->id;
    j->threads = hook ? d->lifecycle->threads : d->role_probe->threads;
    j->cancel = hook ? d->lifecycle->cancel : d->role_probe->cancel;
    j->what = mem_printf("cancel of %s", op->what);
    if (j->cancel)
        lanes_submit(r->lanes, j);
    else
        job_free(j); /* a plugin without cancel asks is_cancelled */
}

void op_cancel(struct op *op)
{
    struct runner *r = op->runner;
    pthread_mutex_lock(&r->ops.lock);
    bool first = op->state == OP_OPEN && !op->cancelled;
    op->cancelled = true;
    pthread_mutex_unlock(&r->ops.lock);
    if (!first)
        return;
    if (op->job && lanes_withdraw(r->lanes, op->job)) {
        op->job = NULL;
        op_end_with(op, ATOLL_CLASS_RETRY, "NotStarted",
                    "%s waited for a thread until its time was over", op->what);
        return;
    }
    wheel_add(r->wheel, &op->timer, loop_now_ms(r->loop) + OP_GRACE_MS);
    cancel_submit(op);
}

/* From here on a completion by the plugin is one too many. false: it was faster, its letter is on
 * the way. */
static bool op_claim(struct op *op)
{
    pthread_mutex_lock(&op->runner->ops.lock);
    bool open = op->state == OP_OPEN;
    if (open)
        op->state = OP_COMPLETED;
    pthread_mutex_unlock(&op->runner->ops.lock);
    return open;
}

void op_end_with(struct op *op, uint32_t class_, const char *reason, const char *fmt, ...)
{
    if (!op_claim(op))
        return;
    va_list ap;
    va_start(ap, fmt);
    char *message = mem_vprintf(fmt, ap);
    va_end(ap);
    mem_free(op->message);
    op->message = message;
    op->class_ = class_;
    snprintf(op->reason, sizeof(op->reason), "%s", reason);
    op_finish(op);
}

static struct op *op_find(struct runner *r, uint64_t id)
{
    return handle_get(&r->ops.table, id);
}

void op_completed(struct runner *r, uint64_t id)
{
    struct op *op = op_find(r, id);
    if (op)
        op_finish(op);
}

void op_late(struct runner *r, uint64_t id)
{
    struct op *op = op_find(r, id);
    if (!op || op->state != OP_ABANDONED)
        return;
    r->ops.abandoned--;
    op_free(op);
    runner_tell_stuck(r);
}

static const struct {
    int32_t rc;
    uint32_t class_;
    const char *reason, *text;
} refusals[] = {
    {ATOLL_ERR_BUSY, ATOLL_CLASS_RETRY, "Busy", "is busy"},
    {ATOLL_ERR_LIMIT, ATOLL_CLASS_RETRY, "Limit", "reached a limit"},
    {ATOLL_ERR_SYSTEM, ATOLL_CLASS_RETRY, "SystemError", "was refused by the operating system"},
    {ATOLL_ERR_NOTSUP, ATOLL_CLASS_FATAL, "NotSupported", "does not do that"},
    {ATOLL_ERR_UNKNOWN, ATOLL_CLASS_FATAL, "Unknown", "does not know a name it was given"},
    {ATOLL_ERR_INVALID, ATOLL_CLASS_FATAL, "Invalid", "finds the arguments senseless"},
};

void op_refused(struct runner *r, uint64_t id, int32_t rc, const char *what)
{
    struct op *op = op_find(r, id);
    pthread_mutex_lock(&r->ops.lock);
    enum op_state state = op ? op->state : OP_COMPLETED;
    pthread_mutex_unlock(&r->ops.lock);
    if (state == OP_ABANDONED) {
        op_late(r, id);
        return;
    }
    if (state == OP_COMPLETED) {
        runner_bug(r, "refused-and-completed", "%s completed and was refused with %d", what, rc);
        return;
    }
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(refusals) && refusals[i].rc != rc)
        i++;
    op_end_with(op, refusals[i].class_, refusals[i].reason, "%s was refused: %s %s", what,
                runner_file(r), refusals[i].text);
}

/* ---- the plugin's side: any thread
 * ---------------------------------------------------------------------- */

static void letter_send(struct runner *r, enum letter_kind kind, uint64_t id)
{
    struct letter letter = {.kind = kind, .id = id};
    mailbox_put(r->mail, &letter, false);
}

static void outcome_copy(struct op *op, const struct atoll_outcome *o)
{
    char text[4096];
    op->class_ = o->class_;
    if (reason_ok(o->reason))
        snprintf(op->reason, sizeof(op->reason), "%.*s", (int)o->reason.len, o->reason.ptr);
    else if (o->class_ != ATOLL_CLASS_DONE)
        snprintf(op->reason, sizeof(op->reason), "Unspecified");
    text_clean(text, sizeof(text), o->message);
    op->message = mem_strdup(text);
}

/* Find an operation the plugin may still talk about; anything else is a bug of the plugin. */
static struct op *op_talk(struct runner *r, uint64_t id, const char *kind, const char *verb)
{
    struct op *op = op_find(r, id);
    if (op && op->state == OP_OPEN)
        return op;
    if (op && op->state == OP_ABANDONED)
        runner_bug(r, "late", "%s after %s was abandoned", verb, op->what);
    else if (op)
        runner_bug(r, kind, "%s after %s had completed", verb, op->what);
    else
        runner_bug(r, kind, "%s for operation %llx, which has ended or never was", verb,
                   (unsigned long long)id);
    return NULL;
}

int32_t op_complete(struct runner *r, uint64_t id, const struct atoll_outcome *o)
{
    bool bad = !o || o->size < ABI_OUTCOME_1_0 || o->class_ > CLASS_MAX;
    struct atoll_outcome none = {.size = sizeof(none), .class_ = ATOLL_CLASS_UNKNOWN};
    if (bad) {
        runner_bug(r, "bad-outcome", "an outcome that is NULL, too short or of an unknown class");
        o = &none; /* it counts as a completion all the same: nobody knows what happened */
    }
    pthread_mutex_lock(&r->ops.lock);
    struct op *op = op_find(r, id);
    bool late = op && op->state == OP_ABANDONED;
    if (late) {
        runner_bug(r, "late-complete", "complete after %s was abandoned", op->what);
        letter_send(r, LETTER_LATE, id);
        op = NULL;
    } else {
        op = op_talk(r, id, "double-complete", "complete");
    }
    if (op) {
        outcome_copy(op, o);
        op->state = OP_COMPLETED;
        letter_send(r, LETTER_COMPLETE, id);
    }
    pthread_mutex_unlock(&r->ops.lock);
    return op ? ATOLL_OK : ATOLL_ERR_UNKNOWN;
}

static int32_t result_add(struct op *op, struct atoll_str key, struct atoll_str value)
{
    if (key.len == 0 || key.len > REPORT_KEY_MAX)
        return ATOLL_ERR_INVALID;
    if (value.len > OP_RESULT_BYTES || op->result_bytes + value.len > OP_RESULT_BYTES ||
        cJSON_GetArraySize(op->results) >= OP_RESULTS_MAX)
        return ATOLL_ERR_LIMIT;
    AUTO(mem_freep) char *name = mem_alloc(key.len + 1);
    AUTO(mem_freep) char *text = mem_alloc(value.len + 1);
    text_clean(name, key.len + 1, key);
    text_clean(text, value.len + 1, value);
    op->result_bytes += value.len;
    if (!op->results)
        op->results = cJSON_CreateObject();
    json_put_str(op->results, text, name);
    return ATOLL_OK;
}

int32_t op_set(struct runner *r, uint64_t id, struct atoll_str key, struct atoll_str value)
{
    pthread_mutex_lock(&r->ops.lock);
    struct op *op = op_talk(r, id, "use-after-complete", "set");
    int32_t rc = op ? result_add(op, key, value) : ATOLL_ERR_UNKNOWN;
    pthread_mutex_unlock(&r->ops.lock);
    return rc;
}

static int32_t probe_report(struct op *op, struct atoll_str instance, struct report **rep)
{
    if (instance.len != op->instance->id.len ||
        memcmp(instance.ptr, op->instance->id.ptr, instance.len) != 0) {
        runner_bug(op->runner, "wrong-instance", "%s reported instance %.*s", op->what,
                   (int)(instance.len < 100 ? instance.len : 100), instance.ptr);
        return ATOLL_ERR_INVALID;
    }
    if (op->report)
        runner_bug(op->runner, "report-twice", "%s reported more than once", op->what);
    report_unref(op->report);
    op->report = TAKE(*rep);
    return ATOLL_OK;
}

static int32_t watch_report(struct op *op, struct atoll_str instance, struct report **rep)
{
    if (instance.len == 0 || instance.len > 512)
        return ATOLL_ERR_INVALID;
    struct letter letter = {.kind = LETTER_REPORT, .id = op->id, .ptr = *rep};
    letter.text = mem_strndup(instance.ptr, instance.len);
    if (!mailbox_put(op->runner->mail, &letter, true))
        return ATOLL_ERR_LIMIT;
    *rep = NULL;
    return ATOLL_OK;
}

int32_t op_report(struct runner *r, uint64_t id, struct atoll_str instance,
                  const struct atoll_role_report *given)
{
    const char *fault = NULL;
    AUTO(report_unrefp) struct report *rep = report_new(given, &fault);
    if (!rep) {
        runner_bug(r, "bad-report", "%s", fault);
        return ATOLL_ERR_INVALID;
    }
    int32_t rc = ATOLL_ERR_UNKNOWN;
    pthread_mutex_lock(&r->ops.lock);
    struct op *op = op_talk(r, id, "use-after-complete", "report");
    if (op && op->kind == OP_HOOK) {
        runner_bug(r, "report-outside", "%s reported a role; only probe and watch may", op->what);
        rc = ATOLL_ERR_INVALID;
    } else if (op) {
        rc = op->kind == OP_PROBE ? probe_report(op, instance, &rep)
                                  : watch_report(op, instance, &rep);
    }
    pthread_mutex_unlock(&r->ops.lock);
    return rc;
}

int64_t op_remaining_ms(struct runner *r, uint64_t id)
{
    pthread_mutex_lock(&r->ops.lock);
    struct op *op = op_find(r, id);
    uint64_t deadline = op ? op->deadline_ms : 0;
    pthread_mutex_unlock(&r->ops.lock);
    if (deadline == UINT64_MAX)
        return INT64_MAX;
    return (int64_t)deadline - (int64_t)clock_mono_ms();
}

int32_t op_is_cancelled(struct runner *r, uint64_t id)
{
    pthread_mutex_lock(&r->ops.lock);
    struct op *op = op_find(r, id);
    int32_t yes = !op || op->cancelled || op->state != OP_OPEN;
    pthread_mutex_unlock(&r->ops.lock);
    return yes;
}

int32_t op_secret(struct runner *r, uint64_t id, struct atoll_str ref, struct atoll_str *ret)
{
    struct str found;
    int32_t rc = ATOLL_ERR_UNKNOWN;
    pthread_mutex_lock(&r->ops.lock);
    struct op *op = op_find(r, id);
    if (op && secrets_get(op->scene->secrets, (struct str){ref.ptr, ref.len}, &found)) {
        ret->ptr = found.ptr;
        ret->len = found.len;
        rc = ATOLL_OK;
    }
    pthread_mutex_unlock(&r->ops.lock);
    return rc;
}

bool op_is_open(struct runner *r, uint64_t id)
{
    pthread_mutex_lock(&r->ops.lock);
    struct op *op = op_find(r, id);
    bool open = op && op->state == OP_OPEN;
    pthread_mutex_unlock(&r->ops.lock);
    return open;
}
