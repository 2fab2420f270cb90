/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binding Pods to this node. What bound Pods ask for is kept as a running sum, so one Pod costs one
 * decision. A Pod that does not fit gets the PodScheduled condition and waits until something
 * leaves or the Node changes.
 */
#define LOG_ROOM "node"
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/schedule.h"
#include "node/state.h"

#define scheduler_MAGIC 0x73636864u
struct scheduler {
    uint32_t magic;
    struct node *node;
    struct kube_queue *queue;
    struct map taken; /* uid -> struct demand, of Pods that are bound or being bound */
    struct demand sum;
    struct map unplaced; /* key of Pods that did not fit -> the scheduler */
};

/* ---- what is taken ------------------------------------------------------------------------------
 */

static void take(struct scheduler *s, const char *uid, const struct demand *d)
{
    if (map_get(&s->taken, uid))
        return;
    struct demand *copy = mem_new(struct demand);
    *copy = *d;
    map_set(&s->taken, uid, copy);
    s->sum.cpu_milli += d->cpu_milli;
    s->sum.memory += d->memory;
    s->sum.pods += d->pods;
}

static void give_back(struct scheduler *s, const char *uid)
{
    struct demand *d = map_del(&s->taken, uid);
    if (!d)
        return;
    s->sum.cpu_milli -= d->cpu_milli;
    s->sum.memory -= d->memory;
    s->sum.pods -= d->pods;
    mem_free(d);
    scheduler_wake(s);
}

static bool occupies(const struct scheduler *s, const cJSON *pod)
{
    const char *phase = json_str(pod, "status", "phase");
    return pod && streq(json_str(pod, "spec", "nodeName"), s->node->name) &&
           !streq(phase, "Succeeded") && !streq(phase, "Failed");
}

void scheduler_pod(struct scheduler *s, const cJSON *old, const cJSON *now)
{
    bool before = occupies(s, old), after = occupies(s, now);
    if (after && !before) {
        struct demand d = schedule_demand(now);
        take(s, kube_uid(now), &d);
    } else if (old && !after && (before || !now)) {
        give_back(s, kube_uid(old));
    }
    if (now && schedule_wanted(now)) {
        AUTO(mem_freep) char *key = mem_printf("%s/%s", kube_ns(now), kube_name(now));
        kube_queue_add(s->queue, key);
    }
}

void scheduler_wake(struct scheduler *s)
{
    const char *key;
    for (size_t it = 0; map_next(&s->unplaced, &it, &key, NULL);) {
        kube_queue_add(s->queue, key);
        map_del(&s->unplaced, key);
    }
}

/* ---- binding ------------------------------------------------------------------------------------
 */

#define bind_call_MAGIC 0x62696e64u
struct bind_call {
    uint32_t magic;
    struct scheduler *s;
    char *key, *uid;
};

static struct bind_call *bind_call_new(struct scheduler *s, const char *key, const char *uid)
{
    struct bind_call *b = mem_new(struct bind_call);
    *b = (struct bind_call){bind_call_MAGIC, s, mem_strdup(key), mem_strdup(uid)};
    return b;
}

/* The queue the key belongs to is gone, too. */
static void bind_call_drop(void *arg)
{
    struct bind_call *b = CAST(bind_call, arg);
    mem_free(b->key);
    mem_free(b->uid);
    b->magic = 0;
    mem_free(b);
}

static void bind_call_end(struct bind_call *b, enum kube_result r)
{
    kube_queue_done(b->s->queue, b->key, r);
    bind_call_drop(b);
}

static void on_bound(void *arg, const struct kube_answer *a)
{
    struct bind_call *b = CAST(bind_call, arg);
    bool gone = a->status == 404 || a->status == 409; /* deleted, or bound already */
    if (!kube_ok(a)) {
        give_back(b->s, b->uid);
        if (!gone)
            log_warn("pod %s: binding it: %s", b->key, a->message);
    }
    bind_call_end(b, kube_ok(a) || gone ? KUBE_DONE : KUBE_RETRY);
}

static void pod_bind(struct scheduler *s, const char *key, const cJSON *pod)
{
    AUTO(json_freep) cJSON *body = cJSON_CreateObject();
    struct demand d = schedule_demand(pod);
    json_put_str(body, "v1", "apiVersion");
    json_put_str(body, "Binding", "kind");
    json_put_str(body, kube_name(pod), "metadata", "name");
    json_put_str(body, kube_uid(pod), "metadata", "uid");
    json_put_str(body, "v1", "target", "apiVersion");
    json_put_str(body, "Node", "target", "kind");
    json_put_str(body, s->node->name, "target", "name");
    take(s, kube_uid(pod), &d);
    struct kube_call call = {.verb = KUBE_CREATE,
                             .resource = &KUBE_PODS,
                             .ns = kube_ns(pod),
                             .name = kube_name(pod),
                             .subresource = "binding",
                             .body = body};
    calls_start(s->node->calls, &call, on_bound, bind_call_new(s, key, kube_uid(pod)),
                bind_call_drop);
}

static void on_refused(void *arg, const struct kube_answer *a)
{
    struct bind_call *b = CAST(bind_call, arg);
    bool over = kube_ok(a) || a->status == 404 || a->status == 409;
    if (kube_ok(a))
        kube_cache_learn(b->s->node->pods_cache, a->body);
    bind_call_end(b, over ? KUBE_DONE : KUBE_RETRY);
}

static void pod_refuse(struct scheduler *s, const char *key, const cJSON *pod, const char *why)
{
    const cJSON *old = json_find(json_at(pod, "status", "conditions"), "type", "PodScheduled");
    char now[CLOCK_TEXT_MAX];
    map_set(&s->unplaced, key, s);
    if (streq(json_str(old, "status"), "False") && streq(json_str(old, "message"), why)) {
        kube_queue_done(s->queue, key, KUBE_DONE);
        return;
    }
    kube_event(s->node->events, pod, true, "FailedScheduling", "%s", why);
    AUTO(json_freep) cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_CreateArray(), *c = cJSON_CreateObject();
    json_put_str(c, "PodScheduled", "type");
    json_put_str(c, "False", "status");
    json_put_str(c, "Unschedulable", "reason");
    json_put_str(c, why, "message");
    json_put_str(c, clock_time_text(clock_wall_us(), now), "lastTransitionTime");
    cJSON_AddItemToArray(list, c);
    json_put_str(body, kube_uid(pod), "metadata", "uid");
    json_put(body, list, "status", "conditions");
    struct kube_call call = {.verb = KUBE_PATCH_STRATEGIC,
                             .resource = &KUBE_PODS,
                             .ns = kube_ns(pod),
                             .name = kube_name(pod),
                             .subresource = "status",
                             .body = body};
    calls_start(s->node->calls, &call, on_refused, bind_call_new(s, key, kube_uid(pod)),
                bind_call_drop);
}

static void process(void *arg, const char *key)
{
    struct scheduler *s = CAST(scheduler, arg);
    struct node *n = s->node;
    const cJSON *pod = kube_cache_get_key(n->pods_cache, key), *node = node_object(n);
    if (json_find(json_at(node, "spec", "taints"), "key", "node.kubernetes.io/not-ready"))
        node = NULL; /* register.c is about to take that taint away: no news for anybody */
    if (pod && schedule_wanted(pod) && !node)
        map_set(&s->unplaced, key, s); /* scheduler_wake comes with the Node */
    if (!pod || !schedule_wanted(pod) || !node || map_get(&s->taken, kube_uid(pod))) {
        kube_queue_done(s->queue, key, KUBE_DONE);
        return;
    }
    AUTO(arena_freep) struct arena *a = arena_new(65536);
    struct demand room = {n->cpu_milli - s->sum.cpu_milli, n->memory - s->sum.memory,
                          n->pods_max - s->sum.pods};
    const char *why = schedule_refusal(pod, node, &room, a);
    if (why)
        pod_refuse(s, key, pod, why);
    else
        pod_bind(s, key, pod);
}

struct scheduler *scheduler_new(struct node *n)
{
    struct scheduler *s = mem_new(struct scheduler);
    *s = (struct scheduler){.magic = scheduler_MAGIC, .node = n};
    s->queue = kube_queue_new(n->loop, "schedule", 16, process, s);
    return s;
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    void *d;
    kube_queue_free(s->queue);
    for (size_t it = 0; map_next(&s->taken, &it, NULL, &d);)
        mem_free(d);
    map_done(&s->taken);
    map_done(&s->unplaced);
    s->magic = 0;
    mem_free(s);
}
