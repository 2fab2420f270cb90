/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe schedule, beside the plugin. Each instance has a phase in its period that follows from
 * its id, so a fleet spreads evenly and a restart spreads the same way. At most one probe per
 * instance is in flight; a probe that is still running when its next turn comes makes that turn be
 * skipped.
 *
 * What a probe says becomes a report; only a report that differs from the last one told leaves this
 * process. An answer that does not come is UNKNOWN: it changes what is known, never what the role
 * was.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/runner_own.h"

#define PERIOD_DEFAULT_MS 1000
#define PERIOD_MIN_MS     20
#define PERIOD_MAX_MS     3600000
#define TIMEOUT_MIN_MS    10
#define GRAINS            20  /* probes due in the same twentieth of a period share one wake-up */
#define FIRST_SPREAD_MS   200 /* a new instance is probed this soon */

struct probe {
    struct wheel_node timer;
    struct runner *runner;
    char *id, *what;
    struct scene *scene;
    const struct atoll_instance *instance;
    uint32_t period_ms, timeout_ms;
    struct op *op;         /* in flight */
    uint64_t abandoned;    /* one that never ended: no other starts before it does */
    bool again;            /* probe once more after this one */
    bool removed;          /* forget it when the one in flight has ended */
    struct report *pushed; /* what a watch said during the flight */
    struct report *answer; /* the last answer of the engine */
    uint64_t answered_ms;
    struct report *told;
};

/* ---- time: pure
 * ------------------------------------------------------------------------------------------ */

static uint64_t phase_of(const char *instance)
{
    uint64_t h = hash_bytes(instance, strlen(instance));
    h ^= h >> 29; /* ids differ in their last characters, FNV keeps that in its low bits */
    return h * 0x9e3779b97f4a7c15ull >> 16;
}

uint64_t probe_first_at(const char *instance, uint64_t now_ms, uint32_t period_ms)
{
    uint32_t spread = period_ms < FIRST_SPREAD_MS ? period_ms : FIRST_SPREAD_MS;
    return now_ms + phase_of(instance) % spread;
}

uint64_t probe_next_at(const char *instance, uint64_t now_ms, uint32_t period_ms)
{
    uint64_t phase = phase_of(instance) % period_ms, grain = period_ms / GRAINS;
    phase -= grain ? phase % grain : 0;
    uint64_t round = now_ms / period_ms * period_ms + phase;
    return round > now_ms ? round : round + period_ms;
}

/* ---- telling
 * -----------------------------------------------------------------------------------------------
 */

static void tell(struct probe *p, struct report *report)
{
    if (report_changed(p->told, report)) {
        cJSON *msg = frame_new(FRAME_ROLE);
        json_put_str(msg, p->id, "instance");
        json_put(msg, report_json(report), "role");
        runner_emit(p->runner, msg);
        report_unref(p->told);
        p->told = report_ref(report);
    }
}

/* A role outside roles[] is no answer. */
static struct report *checked(struct probe *p, struct report *report)
{
    struct runner *r = p->runner;
    struct str role = {report->role.ptr, report->role.len};
    if (!report->known || role.len == 0 || plugin_has_role(r->plugin, role))
        return report;
    AUTO(mem_freep)
    char *text = mem_printf("%s reported the role \"%s\", which it does not declare",
                            runner_file(r), report->role.ptr);
    runner_bug(r, "undeclared-role", "%s for %s", text, p->id);
    report_unref(report);
    return report_unknown("UndeclaredRole", text);
}

/* Takes the report. */
static void heard(struct probe *p, struct report *report)
{
    report = checked(p, report);
    if (report->known) {
        report_unref(p->answer);
        p->answer = report_ref(report);
        p->answered_ms = loop_now_ms(p->runner->loop);
    }
    tell(p, report);
    report_unref(report);
}

/* ---- one probe
 * ------------------------------------------------------------------------------------------------
 */

static void probe_free(struct probe *p)
{
    wheel_del(&p->timer);
    scene_unref(p->scene);
    report_unref(p->pushed);
    report_unref(p->answer);
    report_unref(p->told);
    mem_free(p->id);
    mem_free(p->what);
    mem_free(p);
}

/* Let the plugin drop what it keeps for this instance, then drop ours. */
static void probe_forget(struct probe *p)
{
    struct runner *r = p->runner;
    map_del(&r->probes, p->id);
    if (r->plugin->role_probe.forget && !r->closing) {
        struct job *j = mem_new(struct job);
        j->runner = r;
        j->kind = JOB_FORGET;
        j->threads = r->plugin->role_probe.threads;
        j->forget = mem_strdup(p->id);
        j->lane_key = mem_strdup(p->id);
        j->what = mem_printf("forget of %s", p->id);
        lanes_submit(r->lanes, j);
    }
    probe_free(p);
}

static void probe_schedule(struct probe *p)
{
    uint64_t now = loop_now_ms(p->runner->loop);
    if (p->runner->closing)
        return;
    wheel_add(p->runner->wheel, &p->timer,
              p->again ? now : probe_next_at(p->id, now, p->period_ms));
}

static void on_expired(void *arg)
{
    struct probe *p = arg;
    char text[128];
    snprintf(text, sizeof(text), "no answer within %u ms", p->timeout_ms);
    heard(p, report_unknown("ProbeTimeout", text));
}

static struct report *op_report_take(struct op *op)
{
    if (op->class_ == ATOLL_CLASS_DONE && op->report)
        return TAKE(op->report);
    if (op->report && !op->report->known)
        return TAKE(op->report); /* says why better than the outcome */
    return report_unknown(op->reason[0] ? op->reason : "NoAnswer",
                          op->message && op->message[0] ? op->message
                                                        : "the probe ended without a report");
}

static void on_end(void *arg, struct op *op)
{
    struct probe *p = arg;
    bool timed_out = op->cancelled; /* UNKNOWN was told at the deadline; a late answer is old */
    p->op = NULL;
    p->abandoned = op->state == OP_ABANDONED ? op->id : 0;
    struct report *report = op_report_take(op);
    if (p->pushed && p->pushed->known && report->known && p->pushed->version > report->version)
        p->again = true; /* the answer is older than what a watch said meanwhile */
    else if (!timed_out && !p->removed)
        heard(p, report_ref(report));
    report_unref(report);
    report_unref(TAKE(p->pushed));
    if (p->removed)
        probe_forget(p);
    else
        probe_schedule(p);
}

static void probe_start(struct probe *p)
{
    struct runner *r = p->runner;
    struct op_spec spec = {.kind = OP_PROBE,
                           .what = mem_strdup(p->what),
                           .scene = p->scene,
                           .instance = p->instance,
                           .deadline_ms = p->timeout_ms,
                           .expired = on_expired,
                           .end = on_end,
                           .arg = p};
    p->again = false;
    wheel_del(&p->timer);
    struct op *op = op_open(r, &spec);
    if (!op) {
        probe_schedule(p);
        return;
    }
    struct job *j = mem_new(struct job);
    j->runner = r;
    j->kind = JOB_PROBE;
    j->op = op->id;
    j->threads = r->plugin->role_probe.threads;
    j->scene = scene_ref(p->scene);
    j->instance = p->instance;
    j->what = mem_strdup(p->what);
    j->lane_key = mem_strdup(p->id);
    p->op = op;
    op->job = j;
    lanes_submit(r->lanes, j);
}

static void on_due(struct wheel_node *n)
{
    struct probe *p = container_of(n, struct probe, timer);
    if (p->op || p->runner->closing)
        return;
    if (p->abandoned && handle_get(&p->runner->ops.table, p->abandoned))
        probe_schedule(p);
    else
        probe_start(p);
}

/* ---- specifications
 * --------------------------------------------------------------------------------------------- */

static uint32_t bounded(const cJSON *spec, const char *key, uint32_t def, uint32_t min,
                        uint32_t max)
{
    int64_t v = json_int(def, spec, key);
    return v < min ? min : v > max ? max : (uint32_t)v;
}

static int spec_apply(struct probe *p, const cJSON *spec, struct err **err)
{
    const struct atoll_role_probe *t = &p->runner->plugin->role_probe;
    AUTO(scene_unrefp) struct scene *scene = NULL;
    int rc = scene_new(json_at(spec, "view"), json_at(spec, "secrets"), NULL, NULL, &scene, err);
    if (rc < 0)
        return rc;
    const struct atoll_instance *instance = scene_instance(scene, p->id);
    if (!instance)
        return err_set(err, -EINVAL, "view: instance %s is not in it", p->id);
    scene_unref(p->scene);
    p->scene = TAKE(scene);
    p->instance = instance;
    p->period_ms = bounded(spec, "periodMs", t->period_ms ? t->period_ms : PERIOD_DEFAULT_MS,
                           PERIOD_MIN_MS, PERIOD_MAX_MS);
    p->timeout_ms = bounded(spec, "timeoutMs", t->timeout_ms ? t->timeout_ms : p->period_ms,
                            TIMEOUT_MIN_MS, PERIOD_MAX_MS);
    mem_free(p->what);
    p->what = mem_printf("probe of %s", instance->name.ptr);
    return 0;
}

static struct probe *probe_new(struct runner *r, const char *instance)
{
    struct probe *p = mem_new(struct probe);
    p->runner = r;
    p->id = mem_strdup(instance);
    wheel_node_init(&p->timer, on_due);
    return p;
}

void probe_spec_set(struct runner *r, const char *instance, const cJSON *spec)
{
    AUTO(err_freep) struct err *err = NULL;
    struct probe *p = map_get(&r->probes, instance);
    if (r->closing || !r->plugin->desc.role_probe)
        return;
    struct probe *fresh = p ? NULL : probe_new(r, instance);
    uint32_t period_before = p ? p->period_ms : 0;
    p = p ? p : fresh;
    if (spec_apply(p, spec, &err) < 0) {
        heard(p, report_unknown("InvalidSpec", err_text(err)));
        if (fresh)
            probe_free(fresh);
        return;
    }
    p->removed = false;
    if (fresh) {
        map_set(&r->probes, instance, p);
        wheel_add(r->wheel, &p->timer,
                  probe_first_at(instance, loop_now_ms(r->loop), p->period_ms));
    } else if (period_before != p->period_ms && !p->op) {
        probe_schedule(p);
    }
}

void probe_spec_clear(struct runner *r, const char *instance)
{
    struct probe *p = map_get(&r->probes, instance);
    if (!p)
        return;
    if (!p->op) {
        probe_forget(p);
        return;
    }
    p->removed = true;
    op_cancel(p->op);
}

void probe_now(struct runner *r, const char *instance)
{
    struct probe *p = map_get(&r->probes, instance);
    if (!p || r->closing)
        return;
    if (p->op)
        p->again = true;
    else
        on_due(&p->timer);
}

void probe_heard(struct runner *r, const char *instance, struct report *report)
{
    struct probe *p = map_get(&r->probes, instance);
    if (!p || p->removed) {
        report_unref(report);
        return;
    }
    if (p->op) {
        report_unref(p->pushed);
        p->pushed = report_ref(report);
    }
    heard(p, report);
}

bool probe_role(void *runner, struct atoll_str instance, struct view_role *ret)
{
    struct runner *r = runner;
    struct probe *p = map_get(&r->probes, instance.ptr);
    if (!p || !p->answer)
        return false;
    *ret = (struct view_role){.known = p->told && p->told->known,
                              .role = p->answer->role,
                              .version = p->answer->version,
                              .observed_ms_ago = loop_now_ms(r->loop) - p->answered_ms,
                              .facts = p->answer->facts,
                              .n_facts = p->answer->n_facts};
    return true;
}

void probes_close(struct runner *r)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&r->probes, &it, &key, &value)) {
        struct probe *p = value;
        wheel_del(&p->timer);
        p->removed = true;
        if (p->op)
            op_cancel(p->op);
        else
            probe_forget(p);
    }
}

void probes_done(struct runner *r)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&r->probes, &it, &key, &value))
        probe_free(value);
    map_done(&r->probes);
}
