/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of a Pod as JSON, in the words a kubelet uses, and its difference to what the API has.
 * Pure. Only what this node says about a Pod is in it: conditions of others are neither repeated
 * nor removed.
 */
#include "node/plan.h"

#include <string.h>

#include "base/clock.h"
#include "base/map.h"

enum { EXIT_LOST = 137, EXIT_UNSTARTED = 128 };

static void put_time(cJSON *o, int64_t us, const char *key)
{
    char text[CLOCK_TEXT_MAX];
    json_put_str(o, clock_time_text(us, text), key);
}

static char *container_id(const struct pod_seen *s, const struct container_seen *c,
                          const struct run_seen *r)
{
    return mem_printf("atoll://%s/%s/%d", json_str(s->pod, "metadata", "uid"), c->name, r->number);
}

static cJSON *running_state(const struct run_seen *r)
{
    cJSON *o = cJSON_CreateObject();
    put_time(o, r->started_us, "startedAt");
    return o;
}

static cJSON *waiting_state(const struct container_shown *w)
{
    cJSON *o = cJSON_CreateObject();
    if (w->reason)
        json_put_str(o, w->reason, "reason");
    if (w->message)
        json_put_str(o, w->message, "message");
    return o;
}

static cJSON *terminated_state(const struct pod_seen *s, const struct container_seen *c,
                               const struct run_seen *r)
{
    cJSON *o = cJSON_CreateObject();
    bool unstarted = !r->started_us;
    json_put_int(o, r->lost ? EXIT_LOST : unstarted ? EXIT_UNSTARTED : r->code, "exitCode");
    json_put_str(o,
                 r->lost     ? "ContainerStatusUnknown"
                 : unstarted ? "StartError"
                 : r->code   ? "Error"
                             : "Completed",
                 "reason");
    if (r->message)
        json_put_str(o, r->message, "message");
    put_time(o, unstarted ? r->ended_us : r->started_us, "startedAt");
    put_time(o, r->ended_us, "finishedAt");
    AUTO(mem_freep) char *id = container_id(s, c, r);
    json_put_str(o, id, "containerID");
    return o;
}

static cJSON *container_status(const struct pod_seen *s, const struct container_seen *c,
                               const struct container_shown *w)
{
    const struct run_seen *r = &c->now;
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, c->name, "name");
    json_put_str(o, json_str(c->spec, "image") ? json_str(c->spec, "image") : "", "image");
    json_put_str(o, r->identity ? r->identity : "", "imageID");
    if (r->number >= 0) {
        AUTO(mem_freep) char *id = container_id(s, c, r);
        json_put_str(o, id, "containerID");
    }
    json_put_int(o, r->number > 0 ? r->number : 0, "restartCount");
    json_put_bool(o, w->ready, "ready");
    json_put_bool(o, w->started, "started");
    if (w->kind == SHOW_RUNNING)
        json_put(o, running_state(r), "state", "running");
    else if (w->kind == SHOW_TERMINATED)
        json_put(o, terminated_state(s, c, r), "state", "terminated");
    else
        json_put(o, waiting_state(w), "state", "waiting");
    const struct run_seen *last = w->kind == SHOW_WAITING && r->state == RUN_ENDED ? r : &c->last;
    if (last->number >= 0)
        json_put(o, terminated_state(s, c, last), "lastState", "terminated");
    else
        json_put(o, cJSON_CreateObject(), "lastState");
    return o;
}

static cJSON *statuses(const struct pod_seen *s, const struct pod_plan *p, bool apps)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->n; i++)
        if ((s->c[i].kind == CONTAINER_APP) == apps)
            cJSON_AddItemToArray(list, container_status(s, &s->c[i], &p->shown[i]));
    return list;
}

/* ---- conditions ---------------------------------------------------------------------------------
 */

static void add_condition(cJSON *list, const struct pod_seen *s, const cJSON *old, const char *type,
                          bool on, const char *reason, const char *message)
{
    const cJSON *before = json_find(json_at(old, "conditions"), "type", type);
    const char *since = json_str(before, "lastTransitionTime");
    bool same = before && streq(json_str(before, "status"), on ? "True" : "False");
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, type, "type");
    json_put_str(o, on ? "True" : "False", "status");
    if (same && since)
        json_put_str(o, since, "lastTransitionTime");
    else
        put_time(o, s->now_us, "lastTransitionTime");
    if (reason)
        json_put_str(o, reason, "reason");
    if (message)
        json_put_str(o, message, "message");
    cJSON_AddItemToArray(list, o);
}

/* "containers with unready status: [a b]", or NULL when all are ready. */
static char *unready(const struct pod_seen *s, const struct pod_plan *p)
{
    AUTO(buf_done) struct buf b = BUF_INIT(65536);
    for (size_t i = 0; i < s->n; i++)
        if (s->c[i].kind != CONTAINER_INIT && !p->shown[i].ready)
            buf_addf(&b, "%s%s", b.len ? " " : "", s->c[i].name);
    return b.len ? mem_printf("containers with unready status: [%s]", buf_str(&b)) : NULL;
}

static char *uninitialized(const struct pod_seen *s)
{
    AUTO(buf_done) struct buf b = BUF_INIT(65536);
    for (size_t i = 0; i < s->n; i++) {
        const struct container_seen *c = &s->c[i];
        if (c->kind != CONTAINER_APP && !(c->now.state == RUN_ENDED && c->now.code == 0))
            buf_addf(&b, "%s%s", b.len ? " " : "", c->name);
    }
    return mem_printf("containers with incomplete status: [%s]", buf_str(&b));
}

/* The first readiness gate whose condition is not true; NULL when all are. */
static const char *closed_gate(const struct pod_seen *s, const cJSON *old)
{
    json_foreach (gate, json_at(s->pod, "spec", "readinessGates")) {
        const char *type = json_str(gate, "conditionType");
        const cJSON *c = json_find(json_at(old, "conditions"), "type", type);
        if (!streq(json_str(c, "status"), "True"))
            return type;
    }
    return NULL;
}

static bool is_final(const char *phase)
{
    return streq(phase, "Succeeded") || streq(phase, "Failed");
}

static cJSON *conditions(const struct pod_seen *s, const struct pod_plan *p, const cJSON *old)
{
    cJSON *list = cJSON_CreateArray();
    AUTO(mem_freep) char *bad = unready(s, p), *todo = uninitialized(s);
    bool over = is_final(p->phase), ready = !bad && !over;
    const char *reason = ready ? NULL : over ? "PodCompleted" : "ContainersNotReady";
    const char *gate = closed_gate(s, old);
    AUTO(mem_freep)
    char *gate_text =
        gate ? mem_printf("the status of pod readiness gate \"%s\" is not \"True\"", gate) : NULL;
    if (over && streq(p->phase, "Failed"))
        reason = "PodFailed";
    add_condition(list, s, old, "PodScheduled", true, NULL, NULL);
    add_condition(list, s, old, "Initialized", p->initialized,
                  p->initialized ? NULL : "ContainersNotInitialized", p->initialized ? NULL : todo);
    add_condition(list, s, old, "ContainersReady", ready, reason, ready || over ? NULL : bad);
    if (ready && gate)
        add_condition(list, s, old, "Ready", false, "ReadinessGatesNotReady", gate_text);
    else
        add_condition(list, s, old, "Ready", ready, reason, ready || over ? NULL : bad);
    return list;
}

/* ---- the status ---------------------------------------------------------------------------------
 */

static cJSON *ip_list(const char *ip)
{
    cJSON *list = cJSON_CreateArray(), *one = cJSON_CreateObject();
    json_put_str(one, ip, "ip");
    cJSON_AddItemToArray(list, one);
    return list;
}

cJSON *pod_status(const struct pod_seen *s, const struct pod_plan *p, const cJSON *old)
{
    cJSON *o = cJSON_CreateObject();
    const char *began = json_str(old, "startTime");
    json_put_str(o, p->phase, "phase");
    if (p->reason)
        json_put_str(o, p->reason, "reason");
    if (p->message)
        json_put_str(o, p->message, "message");
    if (began)
        json_put_str(o, began, "startTime");
    else
        put_time(o, s->accepted_us, "startTime");
    json_put_str(o, s->host_ip, "hostIP");
    json_put(o, ip_list(s->host_ip), "hostIPs");
    if (s->ip) {
        json_put_str(o, s->ip, "podIP");
        json_put(o, ip_list(s->ip), "podIPs");
    }
    json_put(o, conditions(s, p, old), "conditions");
    cJSON *init = statuses(s, p, false);
    if (cJSON_GetArraySize(init))
        json_put(o, init, "initContainerStatuses");
    else
        cJSON_Delete(init);
    json_put(o, statuses(s, p, true), "containerStatuses");
    return o;
}

/* Everything but times of the last look, which say nothing new. */
static bool condition_same(const cJSON *have, const cJSON *want)
{
    static const char *const fields[] = {"status", "reason", "message", "lastTransitionTime"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!streq(json_str(have, fields[i]), json_str(want, fields[i])))
            return false;
    return true;
}

/* Our conditions that differ; a reason or message that went away is removed by name, since a
 * strategic merge keeps what it is not told about. */
static cJSON *conditions_diff(const cJSON *old, const cJSON *want)
{
    cJSON *list = cJSON_CreateArray();
    json_foreach (w, want) {
        const cJSON *have = json_find(old, "type", json_str(w, "type"));
        if (have && condition_same(have, w))
            continue;
        cJSON *o = cJSON_Duplicate(w, true);
        if (json_at(have, "reason") && !json_at(w, "reason"))
            json_put(o, cJSON_CreateNull(), "reason");
        if (json_at(have, "message") && !json_at(w, "message"))
            json_put(o, cJSON_CreateNull(), "message");
        cJSON_AddItemToArray(list, o);
    }
    if (list->child)
        return list;
    cJSON_Delete(list);
    return NULL;
}

cJSON *pod_status_diff(const cJSON *old, const cJSON *want)
{
    cJSON *patch = cJSON_CreateObject();
    json_foreach (w, want) {
        cJSON *changed = NULL;
        if (streq(w->string, "conditions"))
            changed = conditions_diff(json_at(old, "conditions"), w);
        else if (!json_equal(json_at(old, w->string), w))
            changed = cJSON_Duplicate(w, true);
        if (changed)
            json_put(patch, changed, w->string);
    }
    /* podIPs and hostIPs merge by ip: when the address changed the old one must go. */
    if (json_at(patch, "podIPs") && json_at(old, "podIPs")) {
        cJSON *replace = cJSON_CreateObject();
        json_put_str(replace, "replace", "$patch");
        cJSON_AddItemToArray((cJSON *)json_at(patch, "podIPs"), replace);
    }
    if (patch->child)
        return patch;
    cJSON_Delete(patch);
    return NULL;
}
