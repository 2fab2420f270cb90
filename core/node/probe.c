/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: counters, then the timers that feed them. */
#include "node/probe.h"

#include "base/clock.h"

static const char *const fields[] = {"startupProbe", "livenessProbe", "readinessProbe"};
static const char *const words[] = {"Startup probe", "Liveness probe", "Readiness probe"};

enum { EAGER_MS = 50, EAGER_EXEC_MS = 500 };

void probe_rule_of(const cJSON *probe, enum probe_kind kind, struct probe_rule *ret)
{
    int64_t period = json_int(10, probe, "periodSeconds"),
            timeout = json_int(1, probe, "timeoutSeconds");
    int64_t delay = json_int(0, probe, "initialDelaySeconds");
    int64_t success = json_int(1, probe, "successThreshold"),
            failure = json_int(3, probe, "failureThreshold");
    *ret = (struct probe_rule){.kind = kind,
                               .exec = json_at(probe, "exec") != NULL,
                               .delay_ms = (uint64_t)(delay > 0 ? delay : 0) * 1000,
                               .period_ms = (uint64_t)(period > 0 ? period : 10) * 1000,
                               .timeout_ms = (uint64_t)(timeout > 0 ? timeout : 1) * 1000,
                               .success = success > 0 ? (unsigned)success : 1,
                               .failure = failure > 0 ? (unsigned)failure : 3};
}

static bool eager(const struct probe_rule *r, const struct probe_count *c)
{
    return r->kind != PROBE_LIVENESS && !c->passed;
}

enum probe_verdict probe_note(const struct probe_rule *r, struct probe_count *c, bool ok,
                              uint64_t age_ms)
{
    c->asked++;
    if (ok) {
        c->failures = 0;
        if (++c->successes < r->success)
            return PROBE_SAME;
        c->passed = true;
        return PROBE_PASS;
    }
    c->successes = 0;
    c->failures++;
    if (eager(r, c)) /* asked more often than every period: time decides */
        return age_ms >= r->delay_ms + r->failure * r->period_ms ? PROBE_FAIL : PROBE_SAME;
    return c->failures >= r->failure ? PROBE_FAIL : PROBE_SAME;
}

uint64_t probe_pause(const struct probe_rule *r, const struct probe_count *c)
{
    uint64_t first = r->exec ? EAGER_EXEC_MS : EAGER_MS;
    if (!eager(r, c) || c->successes)
        return r->period_ms;
    uint64_t ms = c->asked > 16 ? r->period_ms : first << (c->asked ? c->asked - 1 : 0);
    return ms < r->period_ms ? ms : r->period_ms;
}

/* ---- timers and actions -------------------------------------------------------------------------
 */

#define prober_MAGIC 0x70726f62u
#define probe_MAGIC  0x70726f31u
struct probe {
    uint32_t magic;
    struct prober *owner;
    cJSON *spec; /* NULL: the container has no such probe */
    struct probe_rule rule;
    struct probe_count count;
    struct loop_timer *timer;
    struct action *action;
};

struct prober {
    uint32_t magic;
    struct action_target target;
    cJSON *container; /* its name and ports, for actions */
    char *ip, *shim;
    uint64_t born_ms;
    struct probe probes[3];
    struct prober_state state;
    char *message;
    void (*on_change)(void *arg);
    void *arg;
};

static uint64_t age(const struct prober *p)
{
    return clock_mono_ms() - p->born_ms;
}

static void begin(struct probe *q)
{
    uint64_t now = age(q->owner);
    if (q->spec)
        loop_timer_start(q->timer, now < q->rule.delay_ms ? q->rule.delay_ms - now : 0);
}

/* Startup holds the other two back. */
static void begin_others(struct prober *p)
{
    begin(&p->probes[PROBE_LIVENESS]);
    begin(&p->probes[PROBE_READINESS]);
}

static bool apply(struct prober *p, struct probe *q, enum probe_verdict v)
{
    struct prober_state before = p->state;
    if (v == PROBE_SAME)
        return false;
    if (q->rule.kind == PROBE_STARTUP && v == PROBE_PASS) {
        p->state.started = true;
        begin_others(p);
    } else if (q->rule.kind == PROBE_READINESS) {
        p->state.ready = v == PROBE_PASS;
    } else if (v == PROBE_FAIL) {
        p->state.unhealthy = true;
    }
    return before.started != p->state.started || before.ready != p->state.ready ||
           before.unhealthy != p->state.unhealthy;
}

static void message_set(struct prober *p, const struct probe *q, const char *text)
{
    mem_free(p->message);
    p->message = mem_strdup(text);
    p->state.message = p->message;
    p->state.which = words[q->rule.kind];
}

static void on_answer(void *arg, bool ok, const char *message)
{
    struct probe *q = CAST(probe, arg);
    struct prober *p = q->owner;
    q->action = NULL;
    if (!ok)
        message_set(p, q, message);
    bool changed = apply(p, q, probe_note(&q->rule, &q->count, ok, age(p)));
    bool over = p->state.unhealthy || (q->rule.kind == PROBE_STARTUP && p->state.started);
    if (!over)
        loop_timer_start(q->timer, probe_pause(&q->rule, &q->count));
    if (changed)
        p->on_change(p->arg); /* last: it may free us */
}

static void on_time(void *arg)
{
    struct probe *q = CAST(probe, arg);
    struct action_target t = q->owner->target;
    t.container = q->owner->container;
    q->action = action_start(&t, q->spec, q->rule.timeout_ms, on_answer, q);
}

static void probe_init(struct prober *p, enum probe_kind kind, const cJSON *container)
{
    struct probe *q = &p->probes[kind];
    const cJSON *spec = json_at(container, fields[kind]);
    *q = (struct probe){.magic = probe_MAGIC, .owner = p};
    if (!spec)
        return;
    q->spec = cJSON_Duplicate(spec, true);
    probe_rule_of(spec, kind, &q->rule);
    q->timer = loop_timer_new(p->target.loop, on_time, q);
}

struct prober *prober_new(const struct action_target *t, uint64_t age_ms,
                          const struct prober_state *was, void (*on_change)(void *arg), void *arg)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        any |= json_at(t->container, fields[i]) != NULL;
    if (!any)
        return NULL;
    struct prober *p = mem_new(struct prober);
    *p = (struct prober){.magic = prober_MAGIC, .target = *t, .on_change = on_change, .arg = arg};
    p->target.ip = p->ip = mem_strdup(t->ip);
    p->target.shim = p->shim = mem_strdup(t->shim);
    p->born_ms = clock_mono_ms() - age_ms;
    p->container = cJSON_CreateObject();
    if (json_at(t->container, "ports"))
        json_put(p->container, cJSON_Duplicate(json_at(t->container, "ports"), true), "ports");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        probe_init(p, (enum probe_kind)i, t->container);
    p->state.message = "";
    p->state.started = !p->probes[PROBE_STARTUP].spec || (was && was->started);
    p->state.ready = !p->probes[PROBE_READINESS].spec || (was && was->ready);
    p->probes[PROBE_READINESS].count.passed = was && was->ready;
    if (p->state.started)
        begin_others(p);
    else
        begin(&p->probes[PROBE_STARTUP]);
    return p;
}

void prober_free(struct prober *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < ARRAY_LEN(p->probes); i++) {
        action_cancel(p->probes[i].action);
        loop_timer_free(p->probes[i].timer);
        cJSON_Delete(p->probes[i].spec);
        p->probes[i].magic = 0;
    }
    cJSON_Delete(p->container);
    mem_free(p->ip);
    mem_free(p->shim);
    mem_free(p->message);
    p->magic = 0;
    mem_free(p);
}

const struct prober_state *prober_state(const struct prober *p)
{
    return &p->state;
}
