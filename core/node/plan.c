/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planner of one Pod: order of init containers, restarts and their backoff, stopping with hooks
 * and grace. It starts nothing and knows no clock; node's pod.c carries the steps out and calls
 * again after every change.
 */
#include "node/plan.h"

#include <string.h>

enum {
    SECOND_US = 1000000,
    DELAY_FIRST_S = 10,
    DELAY_MAX_S = 300,
    GOOD_RUN_S = 600,
    GRACE_DEFAULT_S = 30,
    KILL_AGAIN_MS = 1000,
};

/* A failed hook or a late one never takes the process its chance to end by itself. */
#define GRACE_AFTER_HOOK_MS 2000

int64_t restart_delay_us(unsigned level)
{
    if (level < 2)
        return 0;
    int64_t s = level > 10 ? DELAY_MAX_S : (int64_t)DELAY_FIRST_S << (level - 2);
    return (s > DELAY_MAX_S ? DELAY_MAX_S : s) * SECOND_US;
}

unsigned restart_level(unsigned level, int64_t started_us, int64_t ended_us)
{
    return started_us && ended_us - started_us >= (int64_t)GOOD_RUN_S * SECOND_US ? 1 : level + 1;
}

/* ---- the plan being made ------------------------------------------------------------------------
 */

struct planning {
    const struct pod_seen *s;
    struct pod_plan *p;
    struct arena *arena;
    size_t cap;
    const char *policy;
};

static void step(struct planning *g, enum pod_step_kind kind, size_t c, uint64_t grace_ms,
                 const char *why)
{
    ATOLL_ASSERT(g->p->n < g->cap);
    g->p->steps[g->p->n++] = (struct pod_step){kind, c, grace_ms, why};
}

static void wake_in(struct planning *g, int64_t ms)
{
    if (ms < 1)
        ms = 1;
    if (g->p->wake_ms < 0 || ms < g->p->wake_ms)
        g->p->wake_ms = ms;
}

static bool alive(const struct container_seen *c)
{
    return c->now.state == RUN_STARTING || c->now.state == RUN_RUNNING;
}

static bool failed(const struct container_seen *c)
{
    return c->now.state == RUN_ENDED && c->now.code != 0;
}

static const char *spec_str(const struct planning *g, const char *field)
{
    return json_str(g->s->pod, "spec", field);
}

/* Does this container start again after the end of a run? */
static bool restarts(const struct planning *g, const struct container_seen *c)
{
    if (c->kind == CONTAINER_SIDECAR)
        return true;
    if (c->kind == CONTAINER_INIT)
        return failed(c) && !streq(g->policy, "Never");
    return streq(g->policy, "Always") || (streq(g->policy, "OnFailure") && failed(c));
}

/* ---- showing ------------------------------------------------------------------------------------
 */

static void show_waiting(struct planning *g, size_t i, const char *reason, const char *message)
{
    g->p->shown[i] =
        (struct container_shown){.kind = SHOW_WAITING, .reason = reason, .message = message};
}

static void show(struct planning *g, size_t i)
{
    const struct container_seen *c = &g->s->c[i];
    struct container_shown *w = &g->p->shown[i];
    if (c->now.state == RUN_RUNNING) {
        bool done_at_once = c->kind == CONTAINER_INIT; /* init containers have no readiness */
        *w = (struct container_shown){.kind = SHOW_RUNNING};
        w->started = c->started;
        w->ready = !done_at_once && c->started && c->ready;
    } else if (c->now.state == RUN_ENDED) {
        *w = (struct container_shown){.kind = SHOW_TERMINATED};
        w->ready = c->kind == CONTAINER_INIT && c->now.code == 0;
    } else {
        show_waiting(g, i,
                     g->p->initialized || c->kind != CONTAINER_APP ? "ContainerCreating"
                                                                   : "PodInitializing",
                     g->s->held ? g->s->held : g->s->volumes_message);
    }
}

/* ---- stopping -----------------------------------------------------------------------------------
 */

static bool has_prestop(const struct container_seen *c)
{
    return json_at(c->spec, "lifecycle", "preStop") != NULL;
}

/* The next step towards the end of one running container. */
static void stop(struct planning *g, size_t i, int64_t grace_s, const char *why)
{
    const struct container_seen *c = &g->s->c[i];
    uint64_t grace = grace_s > 0 ? (uint64_t)grace_s * 1000 : 1;
    uint64_t limit = grace + (has_prestop(c) ? GRACE_AFTER_HOOK_MS : 0);
    uint64_t gone = g->s->now_ms - (c->stopping_ms ? c->stopping_ms : g->s->now_ms);
    bool hook = has_prestop(c) && c->now.state == RUN_RUNNING && !c->term_sent && gone < grace;
    if (hook && c->prestop == HOOK_IDLE) {
        step(g, STEP_HOOK, i, grace, why);
        wake_in(g, (int64_t)grace);
    } else if (hook && c->prestop == HOOK_RUNNING) {
        wake_in(g, (int64_t)(grace - gone));
    } else if (!c->term_sent) {
        step(g, STEP_TERM, i, limit > gone ? limit - gone : 0, why);
        wake_in(g, limit > gone ? (int64_t)(limit - gone) : 0);
    } else if (gone >= limit) {
        step(g, STEP_KILL, i, 0, "it did not end within its grace period");
        wake_in(g, KILL_AGAIN_MS);
    } else {
        wake_in(g, (int64_t)(limit - gone));
    }
}

/* Applications first, sidecars when no application runs any more. Returns whether anything is still
 * alive. */
static bool stop_all(struct planning *g, int64_t grace_s, const char *why)
{
    size_t apps = 0, others = 0;
    for (size_t i = 0; i < g->s->n; i++)
        if (alive(&g->s->c[i]))
            (g->s->c[i].kind == CONTAINER_SIDECAR ? &others : &apps)[0]++;
    for (size_t i = 0; i < g->s->n; i++)
        if (alive(&g->s->c[i]) && (!apps || g->s->c[i].kind != CONTAINER_SIDECAR))
            stop(g, i, grace_s, why);
    return apps + others > 0;
}

/* ---- starting and restarting --------------------------------------------------------------------
 */

static void start(struct planning *g, size_t i, const char *why)
{
    const struct container_seen *c = &g->s->c[i];
    int64_t wait = c->problem ? c->problem_until_us - g->s->now_us : 0;
    if (c->problem)
        show_waiting(g, i, c->problem, c->problem_message);
    if (wait > 0)
        wake_in(g, wait / 1000);
    else
        step(g, STEP_START, i, 0, why);
}

/* It ended and shall run again: now, or when its backoff is over. */
static void restart(struct planning *g, size_t i)
{
    const struct container_seen *c = &g->s->c[i];
    unsigned level = restart_level(c->level, c->now.started_us, c->now.ended_us);
    int64_t delay = restart_delay_us(level), gone = g->s->now_us - c->now.ended_us;
    if (gone >= 0 && gone < delay) { /* negative: the clock was set back, so nothing is known */
        int64_t s = delay / SECOND_US;
        show_waiting(g, i, "CrashLoopBackOff",
                     arena_printf(g->arena, "back-off %lld%s restarting failed container %s",
                                  (long long)(s % 60 ? s : s / 60), s % 60 ? "s" : "m", c->name));
        wake_in(g, (delay - gone) / 1000 + 1);
        return;
    }
    start(g, i, "it ended");
}

static int64_t probe_grace(const struct planning *g, const struct container_seen *c)
{
    int64_t pod = json_int(GRACE_DEFAULT_S, g->s->pod, "spec", "terminationGracePeriodSeconds");
    int64_t own = json_int(-1, c->spec, "livenessProbe", "terminationGracePeriodSeconds");
    return own > 0 ? own : pod;
}

/* Keep one container as its spec and its policy want it. */
static void keep(struct planning *g, size_t i)
{
    const struct container_seen *c = &g->s->c[i];
    bool changed = c->now.image && !streq(c->now.image, json_str(c->spec, "image"));
    if (alive(c) && (c->unhealthy || c->stopping_ms))
        stop(g, i, probe_grace(g, c), "its liveness or startup probe failed");
    else if (alive(c) && changed && c->kind != CONTAINER_INIT)
        stop(g, i, probe_grace(g, c), "its image changed");
    else if (c->now.state == RUN_NONE)
        start(g, i, "it never ran");
    else if (c->now.state == RUN_ENDED && changed && c->kind != CONTAINER_INIT)
        start(g, i, "its image changed");
    else if (c->now.state == RUN_ENDED && restarts(g, c))
        restart(g, i);
}

static bool init_done(const struct container_seen *c)
{
    if (c->kind == CONTAINER_SIDECAR)
        return c->now.state == RUN_RUNNING && c->started;
    return c->now.state == RUN_ENDED && c->now.code == 0;
}

/* Once an application has run, init containers are history: they never run again for this Pod. */
static bool apps_ran(const struct planning *g)
{
    for (size_t i = 0; i < g->s->n; i++)
        if (g->s->c[i].kind == CONTAINER_APP && g->s->c[i].now.number >= 0)
            return true;
    return false;
}

static bool initialized(const struct planning *g)
{
    if (apps_ran(g))
        return true;
    for (size_t i = 0; i < g->s->n; i++)
        if (g->s->c[i].kind != CONTAINER_APP && !init_done(&g->s->c[i]))
            return false;
    return true;
}

/* Init containers one after the other; sidecars among them are kept once it was their turn. */
static void keep_init(struct planning *g)
{
    bool history = apps_ran(g);
    for (size_t i = 0; i < g->s->n && g->s->c[i].kind != CONTAINER_APP; i++) {
        bool done = init_done(&g->s->c[i]);
        if (g->s->c[i].kind == CONTAINER_SIDECAR || (!done && !history))
            keep(g, i);
        if (!done && !history)
            return;
    }
}

/* ---- phase --------------------------------------------------------------------------------------
 */

struct app_counts {
    size_t running, waiting, ended, succeeded;
};

static void count_app(const struct planning *g, size_t i, struct app_counts *n)
{
    const struct container_seen *c = &g->s->c[i];
    if (g->p->shown[i].kind == SHOW_RUNNING)
        n->running++;
    else if (c->now.state != RUN_ENDED && c->last.number < 0)
        n->waiting++;
    else
        n->ended++;
    if (g->p->shown[i].kind == SHOW_TERMINATED && c->now.code == 0)
        n->succeeded++;
}

static bool init_failed_for_good(const struct planning *g)
{
    for (size_t i = 0; i < g->s->n; i++)
        if (g->s->c[i].kind == CONTAINER_INIT && failed(&g->s->c[i]) && !restarts(g, &g->s->c[i]))
            return true;
    return false;
}

static const char *phase(const struct planning *g)
{
    struct app_counts n = {0};
    if (init_failed_for_good(g) && !apps_ran(g))
        return "Failed";
    if (!g->p->initialized)
        return "Pending";
    for (size_t i = 0; i < g->s->n; i++)
        if (g->s->c[i].kind == CONTAINER_APP)
            count_app(g, i, &n);
    if (n.waiting)
        return "Pending";
    if (n.running || streq(g->policy, "Always"))
        return "Running";
    if (n.ended == n.succeeded)
        return "Succeeded";
    return streq(g->policy, "Never") ? "Failed" : "Running";
}

static bool phase_final(const char *p)
{
    return streq(p, "Succeeded") || streq(p, "Failed");
}

/* ---- the whole Pod ------------------------------------------------------------------------------
 */

static void show_all(struct planning *g)
{
    for (size_t i = 0; i < g->s->n; i++)
        show(g, i);
}

/* spec.activeDeadlineSeconds: the Pod fails when it is over. */
static bool deadline_over(struct planning *g)
{
    int64_t limit = json_int(0, g->s->pod, "spec", "activeDeadlineSeconds");
    int64_t left = g->s->accepted_us + limit * SECOND_US - g->s->now_us;
    if (limit <= 0)
        return false;
    if (left > 0)
        wake_in(g, left / 1000 + 1);
    return left <= 0;
}

static void plan_end(struct planning *g, const char *final, const char *reason, const char *message)
{
    g->p->n = 0; /* whatever life wanted */
    show_all(g);
    g->p->phase = final;
    g->p->reason = reason;
    g->p->message = message;
    stop_all(g, json_int(GRACE_DEFAULT_S, g->s->pod, "spec", "terminationGracePeriodSeconds"),
             "the Pod has ended");
}

static void plan_deletion(struct planning *g)
{
    int64_t grace = json_int(GRACE_DEFAULT_S, g->s->pod, "metadata", "deletionGracePeriodSeconds");
    show_all(g);
    g->p->phase = phase(g);
    if (!stop_all(g, grace, "the Pod is being deleted"))
        step(g, STEP_DELETE, 0, 0, "all its containers have ended");
}

static void plan_gone(struct planning *g)
{
    /* Deleted by force: nobody waits, but data may want to be saved. */
    if (!stop_all(g, 2, "the Pod is gone from the API"))
        step(g, STEP_CLEAN, 0, 0, "the Pod is gone from the API");
}

static void plan_life(struct planning *g)
{
    show_all(g);
    if (g->s->held)
        return;
    if (!g->s->volumes_ready) {
        step(g, STEP_VOLUMES, 0, 0, "its volumes are not as wanted");
        return;
    }
    keep_init(g);
    for (size_t i = 0; i < g->s->n && g->p->initialized; i++)
        if (g->s->c[i].kind == CONTAINER_APP)
            keep(g, i);
}

void pod_plan(const struct pod_seen *s, struct arena *a, struct pod_plan *ret)
{
    struct planning g = {.s = s, .p = ret, .arena = a, .cap = 2 * s->n + 2};
    *ret = (struct pod_plan){.wake_ms = -1, .phase = "Pending"};
    ret->steps = arena_array(a, struct pod_step, g.cap);
    ret->shown = arena_array(a, struct container_shown, s->n + 1);
    g.policy = spec_str(&g, "restartPolicy") ? spec_str(&g, "restartPolicy") : "Always";
    ret->initialized = initialized(&g);
    if (!s->pod) {
        plan_gone(&g);
        return;
    }
    const char *before = json_str(s->pod, "status", "phase");
    if (json_at(s->pod, "metadata", "deletionTimestamp")) {
        plan_deletion(&g);
        return;
    }
    if (phase_final(before)) { /* final is final, whatever a late observation says */
        plan_end(&g, before, json_str(s->pod, "status", "reason"),
                 json_str(s->pod, "status", "message"));
        return;
    }
    if (deadline_over(&g)) {
        plan_end(&g, "Failed", "DeadlineExceeded",
                 "Pod was active on the node longer than the specified deadline");
        return;
    }
    plan_life(&g);
    ret->phase = phase(&g);
    if (phase_final(ret->phase))
        plan_end(&g, ret->phase, NULL, NULL);
}
