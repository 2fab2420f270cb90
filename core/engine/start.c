/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls from the core: hooks and topology questions. Each gets a number, goes out as one frame, and
 * ends exactly once in a later turn: with the plugin's outcome, with RETRY when it could not be
 * sent, or with UNKNOWN when the process that had it is gone.
 */
#include <stdio.h>

#include "atoll/plugin.h"
#include "engine/engine_own.h"

#define TOPOLOGY_DEADLINE_MS 10000
#define SLACK_MS             7000 /* beyond the deadline: the grace beside the plugin and the way back */

struct open_call {
    struct list node; /* in host->answers when it ends without the plugin */
    struct engine *engine;
    uint64_t id, overdue_ms;
    engine_done_fn *done;
    void *arg;
    int class_;
    const char *reason; /* static */
    char *message;
};

static const char *const class_words[] = {"done", "retry", "fatal", "unknown"};

static void id_text(uint64_t id, char out[24])
{
    snprintf(out, 24, "%llu", (unsigned long long)id);
}

static void call_tell(struct open_call *c, int class_, const char *reason, const char *message,
                      const cJSON *results)
{
    struct engine_outcome o = {
        .class_ = class_, .reason = reason, .message = message, .results = results};
    struct engine_host *h = c->engine->host;
    metric_add(h->m_calls, class_words[class_ & 3], 1);
    if (c->done)
        c->done(c->arg, &o);
    mem_free(c->message);
    mem_free(c);
}

static struct open_call *call_new(struct engine *e, uint64_t deadline_ms, engine_done_fn *done,
                                  void *arg)
{
    struct open_call *c = mem_new(struct open_call);
    list_init(&c->node);
    c->engine = e;
    c->id = ++e->host->next_id;
    c->overdue_ms = loop_now_ms(e->host->loop) + deadline_ms + SLACK_MS;
    c->done = done;
    c->arg = arg;
    return c;
}

/* The plugin's process takes calls, or a sentence says why not. */
static const char *unavailable(const struct engine *e)
{
    if (e->link && (e->state == ENGINE_RUNNING || e->state == ENGINE_STARTING))
        return NULL;
    return e->message && e->message[0] ? e->message : "the engine is not running";
}

/* Send the frame and remember the call; or keep the answer for the next turn. */
static uint64_t call_begin(struct engine *e, struct open_call *c, cJSON *msg)
{
    const char *why = unavailable(e);
    if (why) {
        frame_wipe(msg);
        cJSON_Delete(msg);
        c->class_ = ATOLL_CLASS_RETRY;
        c->reason = "EngineUnavailable";
        c->message = mem_strdup(why);
        list_append(&e->host->answers, &c->node);
        host_soon(e->host);
        return c->id;
    }
    char id[24];
    id_text(c->id, id);
    uint64_t number = c->id;
    map_set(&e->calls, id, c);
    engine_send(e, msg);
    return number;
}

static void put_copy(cJSON *msg, const char *key, const cJSON *j)
{
    if (j)
        json_put(msg, cJSON_Duplicate(j, true), key);
}

static void put_text(cJSON *msg, const char *key, const char *s)
{
    if (s)
        json_put_str(msg, s, key);
}

uint64_t engine_hook_start(struct engine *e, const struct engine_call *call, engine_done_fn *done,
                           void *arg)
{
    e = CAST(engine, e);
    uint32_t deadline = call->deadline_ms;
    if (!deadline)
        engine_has_hook(e, call->hook, &deadline);
    struct open_call *c = call_new(e, deadline ? deadline : 30000, done, arg);
    cJSON *msg = frame_new(FRAME_CALL);
    frame_put_id(msg, c->id);
    put_text(msg, "hook", call->hook);
    put_text(msg, "key", call->key);
    json_put_int(msg, call->attempt ? call->attempt : 1, "attempt");
    json_put_int(msg, call->deadline_ms, "deadlineMs");
    put_copy(msg, "view", call->view);
    put_text(msg, "instance", call->instance);
    put_text(msg, "peer", call->peer);
    put_copy(msg, "args", call->args);
    put_copy(msg, "secrets", call->secrets);
    return call_begin(e, c, msg);
}

void engine_op_cancel(struct engine *e, uint64_t op)
{
    e = CAST(engine, e);
    char id[24];
    id_text(op, id);
    if (!map_get(&e->calls, id) || !e->link)
        return;
    cJSON *msg = frame_new(FRAME_CANCEL);
    frame_put_id(msg, op);
    engine_send(e, msg);
}

static void topology_start(struct engine *e, const char *what, const cJSON *view,
                           engine_done_fn *done, void *arg)
{
    e = CAST(engine, e);
    struct open_call *c = call_new(e, TOPOLOGY_DEADLINE_MS, done, arg);
    cJSON *msg = frame_new(FRAME_TOPOLOGY);
    frame_put_id(msg, c->id);
    json_put_str(msg, what, "what");
    put_copy(msg, "view", view);
    call_begin(e, c, msg);
}

void engine_validate(struct engine *e, const cJSON *view, engine_done_fn *done, void *arg)
{
    topology_start(e, "validate", view, done, arg);
}

void engine_render(struct engine *e, const cJSON *view, engine_done_fn *done, void *arg)
{
    topology_start(e, "render", view, done, arg);
}

void engine_advise(struct engine *e, const cJSON *view, engine_done_fn *done, void *arg)
{
    topology_start(e, "advise", view, done, arg);
}

/* ---- ends
 * ---------------------------------------------------------------------------------------------------------
 */

void calls_heard(struct engine *e, const struct frame *f)
{
    char id[24];
    id_text(f->id, id);
    struct open_call *c = map_del(&e->calls, id);
    if (!c)
        return;
    call_tell(c, (int)json_int(ATOLL_CLASS_UNKNOWN, f->body, "class") & 3,
              json_str(f->body, "reason"), json_str(f->body, "message"),
              json_at(f->body, "results"));
}

void calls_end_all(struct engine *e, const char *why)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&e->calls, &it, &key, &value)) {
        struct open_call *c = value;
        c->class_ = ATOLL_CLASS_UNKNOWN;
        c->reason = "EngineCrashed";
        c->message = mem_strdup(why);
        map_del(&e->calls, key);
        list_append(&e->host->answers, &c->node);
        host_soon(e->host);
    }
}

/* Those that wait now; what their callbacks start waits for the next turn. */
void calls_tell_waiting(struct engine_host *h)
{
    uint64_t newest = h->next_id;
    while (!list_empty(&h->answers)) {
        struct open_call *c = list_entry(h->answers.next, struct open_call, node);
        if (c->id > newest)
            break;
        list_remove(&c->node);
        call_tell(c, c->class_, c->reason, c->message, NULL);
    }
    if (!list_empty(&h->answers))
        host_soon(h);
}

bool calls_overdue(const struct engine *e, uint64_t now_ms)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&e->calls, &it, &key, &value))
        if (now_ms > ((struct open_call *)value)->overdue_ms)
            return true;
    return false;
}

static void call_free(struct open_call *c)
{
    list_remove(&c->node);
    mem_free(c->message);
    mem_free(c);
}

void calls_drop(struct engine *e)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&e->calls, &it, &key, &value))
        call_free(value);
    map_done(&e->calls);
}

void calls_drop_waiting(struct engine_host *h)
{
    while (!list_empty(&h->answers))
        call_free(list_entry(h->answers.next, struct open_call, node));
}
