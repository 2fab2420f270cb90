/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observe, plan, act for one Pod. Observing is cheap: containers keep what is known of them, the
 * object comes from the cache. All thinking is in plan.c.
 */
#define LOG_ROOM "node"
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/state.h"

enum { PLAN_ARENA = 4 * 1024 * 1024 };

static enum container_kind kind_of(const cJSON *object, const cJSON *spec)
{
    json_foreach (c, json_at(object, "spec", "containers"))
        if (c == spec)
            return CONTAINER_APP;
    return streq(json_str(spec, "restartPolicy"), "Always") ? CONTAINER_SIDECAR : CONTAINER_INIT;
}

static const cJSON *spec_of(const cJSON *object, const char *name)
{
    const cJSON *c = json_find(json_at(object, "spec", "containers"), "name", name);
    return c ? c : json_find(json_at(object, "spec", "initContainers"), "name", name);
}

static size_t rank_of(const cJSON *object, const char *name)
{
    size_t i = 0;
    json_foreach (c, json_at(object, "spec", "initContainers")) {
        if (streq(json_str(c, "name"), name))
            return i;
        i++;
    }
    json_foreach (c, json_at(object, "spec", "containers")) {
        if (streq(json_str(c, "name"), name))
            return i;
        i++;
    }
    return i;
}

/* A Pod found on disk has its containers in any order and perhaps not all of them. */
static void containers_match(struct pod *p, const cJSON *object)
{
    static const char *const lists[] = {"initContainers", "containers"};
    if (p->kinds_known)
        return;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        json_foreach (spec, json_at(object, "spec", lists[l]))
            if (json_str(spec, "name") && !pod_container(p, json_str(spec, "name")))
                container_new(p, json_str(spec, "name"));
    for (size_t i = 0; i + 1 < p->n; i++)
        for (size_t j = p->n - 1; j > i; j--)
            if (rank_of(object, p->c[j]->name) < rank_of(object, p->c[j - 1]->name)) {
                struct container *swap = p->c[j];
                p->c[j] = p->c[j - 1];
                p->c[j - 1] = swap;
            }
    for (size_t i = 0; i < p->n; i++)
        p->c[i]->seen.kind = kind_of(object, spec_of(object, p->c[i]->name));
    p->kinds_known = true;
}

/* ---- observe ------------------------------------------------------------------------------------
 */

/* The version of a program is known a little after its first container runs. A daemon that starts
 * again asks again and meanwhile believes what it wrote before. */
static char *identity_now(const struct container *c, const cJSON *object)
{
    const cJSON *status =
        json_find(json_at(object, "status", "containerStatuses"), "name", c->name);
    const char *identity = programs_identity(c->pod->node->programs, c->program);
    const char *before = json_str(status, "imageID");
    bool same = str_starts(before, c->program) && before[strlen(c->program)] == '@';
    return mem_strdup(!strchr(identity, '@') && same ? before : identity);
}

static void observe_container(struct container *c, const cJSON *object)
{
    struct container_seen *s = &c->seen;
    s->spec = object ? spec_of(object, c->name) : NULL;
    if (c->program && (!c->identity || !strchr(c->identity, '@'))) {
        mem_free(c->identity);
        c->identity = identity_now(c, object);
    }
    s->now.image = c->image;
    s->now.identity = c->identity;
    s->now.message = c->message;
    s->last.message = c->last_message;
    s->problem = c->problem;
    s->problem_message = c->problem_message;
    if (object && s->now.state == RUN_RUNNING)
        container_probe(c, object);
    const struct prober_state *probes = c->prober ? prober_state(c->prober) : NULL;
    s->started = !probes || probes->started;
    s->ready = !probes || probes->ready;
    s->unhealthy = probes && probes->unhealthy;
}

static const char *held(const struct pod *p)
{
    const struct pod *holder = map_get(&p->node->holders, p->key);
    return holder && holder != p ? "an earlier Pod of the same name still ends on this node" : NULL;
}

static struct pod_seen observe(struct pod *p, const cJSON *object, struct arena *a)
{
    struct pod_seen s = {.pod = object,
                         .ip = p->ip,
                         .host_ip = p->node->address,
                         .node_name = p->node->name,
                         .n = p->n,
                         .volumes_ready = p->volumes_ready,
                         .volumes_message = p->volumes_message,
                         .held = held(p),
                         .accepted_us = p->accepted_us,
                         .now_us = clock_wall_us(),
                         .now_ms = clock_mono_ms()};
    s.c = arena_array(a, struct container_seen, p->n + 1);
    for (size_t i = 0; i < p->n; i++) {
        observe_container(p->c[i], object);
        s.c[i] = p->c[i]->seen;
    }
    return s;
}

/* ---- act ----------------------------------------------------------------------------------------
 */

static void act(struct pod *p, const cJSON *object, const struct pod_step *step)
{
    struct container *c = step->c < p->n ? p->c[step->c] : NULL;
    switch (step->kind) {
    case STEP_VOLUMES:
        pod_volumes_refresh(p, object);
        return;
    case STEP_START:
        container_start(c, object, step->why);
        return;
    case STEP_HOOK:
        container_hook(c, object, step->grace_ms);
        return;
    case STEP_TERM:
        container_term(c, object, step->why);
        return;
    case STEP_KILL:
        container_kill(c);
        return;
    case STEP_DELETE:
        pod_delete(p);
        return;
    case STEP_CLEAN:
        pod_clean(p);
        return;
    }
}

static bool has_step(const struct pod_plan *plan, enum pod_step_kind kind)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->steps[i].kind == kind)
            return true;
    return false;
}

/* Nothing of it ran in this node's memory and it is over: whoever wrote its status knew better. */
static bool stranger(const struct pod *p, const cJSON *object)
{
    const char *phase = json_str(object, "status", "phase");
    for (size_t i = 0; i < p->n; i++)
        if (p->c[i]->seen.now.number >= 0)
            return false;
    return streq(phase, "Succeeded") || streq(phase, "Failed");
}

static void backoff_event(const struct pod *p, const cJSON *object, const struct pod_plan *plan)
{
    for (size_t i = 0; i < p->n; i++)
        if (streq(plan->shown[i].reason, "CrashLoopBackOff"))
            kube_event(p->node->events, object, true, "BackOff",
                       "Back-off restarting failed container %s in pod %s", p->c[i]->name, p->name);
}

void pod_sync(struct pod *p, const cJSON *object)
{
    AUTO(arena_freep) struct arena *a = arena_new(PLAN_ARENA);
    struct pod_plan plan;
    if (object)
        containers_match(p, object);
    if (object && p->volumes_dirty && p->volumes_ready && !kube_deleting(object))
        pod_volumes_refresh(p, object);
    struct pod_seen seen = observe(p, object, a);
    pod_plan(&seen, a, &plan);
    if (object && !has_step(&plan, STEP_DELETE) && !stranger(p, object)) {
        pod_status_write(p, object, &seen, &plan);
        backoff_event(p, object, &plan);
    }
    if (plan.wake_ms >= 0)
        loop_timer_start(p->wake, (uint64_t)plan.wake_ms);
    else
        loop_timer_stop(p->wake);
    for (size_t i = 0; i < plan.n && !p->dead; i++)
        act(p, object, &plan.steps[i]);
    for (size_t i = 0; i < p->n && !p->dead; i++)
        p->c[i]->seen.spec = NULL;
}
