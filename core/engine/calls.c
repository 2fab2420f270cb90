/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hook calls from the host: find the hook, decode the view with the latest roles in it, open an
 * operation, call, and send the outcome back under the host's number. Retries are the host's; a
 * call that could not even start says so as RETRY or FATAL, never as UNKNOWN.
 */
#include <stdio.h>
#include <string.h>

#include "engine/runner_own.h"

#define DEADLINE_DEFAULT_MS 30000

struct call {
    struct runner *runner;
    uint64_t id; /* the host's */
    struct op *op;
};

struct call_key {
    char text[24];
};

static struct call_key key_of(uint64_t id)
{
    struct call_key k;
    snprintf(k.text, sizeof(k.text), "%llu", (unsigned long long)id);
    return k;
}

void done_emit(struct runner *r, uint64_t id, uint32_t class_, const char *reason,
               const char *message, cJSON *results)
{
    cJSON *msg = frame_new(FRAME_DONE);
    frame_put_id(msg, id);
    json_put_int(msg, class_, "class");
    json_put_str(msg, reason, "reason");
    json_put_str(msg, message ? message : "", "message");
    if (results)
        json_put(msg, results, "results");
    runner_emit(r, msg);
}

static void on_end(void *arg, struct op *op)
{
    struct call *c = arg;
    done_emit(c->runner, c->id, op->class_, op->reason, op->message, TAKE(op->results));
    map_del(&c->runner->calls, key_of(c->id).text);
    mem_free(c);
}

/* ---- from frame to call
 * ----------------------------------------------------------------------------------- */

static int instance_find(const struct scene *s, const cJSON *body, const char *member,
                         const struct atoll_instance **ret, struct err **err)
{
    const char *id = json_str(body, member);
    *ret = id && id[0] ? scene_instance(s, id) : NULL;
    if (id && id[0] && !*ret)
        return err_set(err, -1, "%s: %s is not in the view", member, id);
    return 0;
}

/* The call's own texts live in the arena of its scene: the operation keeps that until it completes,
 * and the thread that runs the plugin's function until it returns. */
static int call_decode(struct job *j, const cJSON *body, struct err **err)
{
    int rc = scene_new(json_at(body, "view"), json_at(body, "secrets"), probe_role, j->runner,
                       &j->scene, err);
    if (rc < 0)
        return rc;
    struct arena *a = j->scene->arena;
    struct atoll_hook_call *c = arena_new_of(a, struct atoll_hook_call);
    j->call = c;
    c->size = sizeof(*c);
    c->attempt = (uint32_t)json_int(1, body, "attempt");
    c->hook = view_text(a, json_str(body, "hook"));
    c->key = view_text(a, json_str(body, "key"));
    rc = instance_find(j->scene, body, "instance", &c->instance, err);
    if (rc == 0)
        rc = instance_find(j->scene, body, "peer", &c->peer, err);
    if (rc == 0)
        rc = view_pairs(a, json_at(body, "args"), "args", &c->args, &c->n_args, err);
    if (rc < 0)
        return rc;
    c->view = j->scene->view;
    j->instance = c->instance;
    const char *where = c->instance ? c->instance->id.ptr : c->view->component.ptr;
    const char *name = c->instance ? c->instance->name.ptr : where;
    j->lane_key = mem_strdup(where ? where : c->view->cluster.ptr);
    j->what =
        mem_printf("hook %s on %s", json_str(body, "hook"), name ? name : c->view->cluster.ptr);
    return 0;
}

static const struct atoll_hook *hook_find(struct runner *r, uint64_t id, const char *name)
{
    const struct atoll_hook *hook = plugin_hook(r->plugin, str_of(name));
    if (hook)
        return hook;
    AUTO(buf_done) struct buf text = BUF_INIT(4096);
    buf_addf(&text, "%s has no hook \"%s\"; it has:", runner_file(r), name);
    for (uint32_t i = 0; i < r->plugin->lifecycle.n_hooks; i++)
        buf_addf(&text, " %s", r->plugin->hooks[i].name);
    done_emit(r, id, ATOLL_CLASS_FATAL, "UnknownHook", buf_str(&text), NULL);
    return NULL;
}

static uint64_t deadline_of(const cJSON *body, const struct atoll_hook *hook)
{
    int64_t ms = json_int(0, body, "deadlineMs");
    if (ms <= 0)
        ms = hook->deadline_ms;
    return ms > 0 ? (uint64_t)ms : DEADLINE_DEFAULT_MS;
}

static void call_begin(struct runner *r, uint64_t id, struct job *j, uint64_t deadline_ms)
{
    struct call *c = mem_new(struct call);
    struct op_spec spec = {.kind = OP_HOOK,
                           .what = mem_strdup(j->what),
                           .scene = j->scene,
                           .instance = j->instance,
                           .deadline_ms = deadline_ms,
                           .end = on_end,
                           .arg = c};
    c->runner = r;
    c->id = id;
    c->op = op_open(r, &spec);
    if (!c->op) {
        done_emit(r, id, ATOLL_CLASS_RETRY, "Limit", "too many operations are open", NULL);
        mem_free(c);
        job_free(j);
        return;
    }
    map_set(&r->calls, key_of(id).text, c);
    j->op = c->op->id;
    c->op->job = j;
    lanes_submit(r->lanes, j);
}

void call_start(struct runner *r, const struct frame *f)
{
    AUTO(err_freep) struct err *err = NULL;
    if (r->closing || map_get(&r->calls, key_of(f->id).text)) {
        done_emit(r, f->id, ATOLL_CLASS_RETRY, "NotStarted",
                  "the plugin is closing, or the number is in use", NULL);
        return;
    }
    const struct atoll_hook *hook = hook_find(r, f->id, json_str(f->body, "hook"));
    if (!hook)
        return;
    struct job *j = mem_new(struct job);
    j->runner = r;
    j->kind = JOB_HOOK;
    j->threads = r->plugin->lifecycle.threads;
    j->run = hook->run;
    if (call_decode(j, f->body, &err) < 0) {
        done_emit(r, f->id, ATOLL_CLASS_FATAL, "InvalidCall", err_text(err), NULL);
        job_free(j);
        return;
    }
    call_begin(r, f->id, j, deadline_of(f->body, hook));
}

void call_cancel(struct runner *r, uint64_t id)
{
    struct call *c = map_get(&r->calls, key_of(id).text);
    if (c)
        op_cancel(c->op);
}

void call_progress(struct runner *r, uint64_t op, const char *text)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&r->calls, &it, &key, &value)) {
        struct call *c = value;
        if (c->op->id != op)
            continue;
        cJSON *msg = frame_new(FRAME_PROGRESS);
        frame_put_id(msg, c->id);
        json_put_str(msg, text, "text");
        runner_emit(r, msg);
        return;
    }
}

/* Cancel what runs; the operations end in their own time. */
void calls_close(struct runner *r)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&r->calls, &it, &key, &value))
        op_cancel(((struct call *)value)->op);
}

void calls_done(struct runner *r)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&r->calls, &it, &key, &value))
        mem_free(value);
    map_done(&r->calls);
}
