/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a dirty key to a plan that is carried out: one queue per kind, one pass per key at a time, a
 * metric for each. What a pass does is the control_fn of its kind; this file only turns the crank.
 */
#include "base/clock.h"
#include "workload/control.h"

#define WORKERS   16
#define ARENA_MAX (512u << 20) /* a set of ten thousand instances needs some */

struct pass {
    struct workload *w;
    enum queue queue;
    char *key;
};

static const struct {
    const char *kind;
    control_fn *control;
} ROWS[QUEUES_N] = {
    [QUEUE_CLUSTER] = {"Cluster", control_cluster},
    [QUEUE_COMPONENT] = {"Component", control_component},
    [QUEUE_ITS] = {"InstanceSet", control_instanceset},
    [QUEUE_DRIVE] = {"Engine", NULL},
};

static void on_acted(void *arg, bool ok)
{
    struct pass *p = arg;
    kube_queue_done(p->w->queues[p->queue], p->key, ok ? KUBE_DONE : KUBE_RETRY);
    mem_free(p->key);
    mem_free(p);
}

static void process(struct workload *w, enum queue q, const char *key)
{
    struct plan plan;
    const cJSON *about = NULL;
    uint64_t began = clock_mono_us();
    plan_init(&plan, ARENA_MAX);
    bool there = ROWS[q].control(w, key, &plan, &about);
    metric_add(w->m_total, ROWS[q].kind, 1);
    metric_observe(w->m_seconds, ROWS[q].kind, (double)(clock_mono_us() - began) / 1e6);
    if (!there) {
        plan_done(&plan);
        kube_queue_done(w->queues[q], key, KUBE_DONE);
        return;
    }
    if (plan.wake_ms != PLAN_NO_WAKE)
        kube_queue_add_after(w->queues[q], key, (uint64_t)plan.wake_ms + 1);
    struct pass *p = mem_new(struct pass);
    *p = (struct pass){.w = w, .queue = q, .key = mem_strdup(key)};
    act_start(w, &plan, about, on_acted, p);
}

static void process_cluster(void *arg, const char *key)
{
    process(CAST(workload, arg), QUEUE_CLUSTER, key);
}

static void process_component(void *arg, const char *key)
{
    process(CAST(workload, arg), QUEUE_COMPONENT, key);
}

static void process_its(void *arg, const char *key)
{
    process(CAST(workload, arg), QUEUE_ITS, key);
}

static void process_drive(void *arg, const char *key)
{
    struct workload *w = CAST(workload, arg);
    uint64_t began = clock_mono_us();
    drive_cluster(w, key);
    metric_add(w->m_total, ROWS[QUEUE_DRIVE].kind, 1);
    metric_observe(w->m_seconds, ROWS[QUEUE_DRIVE].kind, (double)(clock_mono_us() - began) / 1e6);
    kube_queue_done(w->queues[QUEUE_DRIVE], key, KUBE_DONE);
}

void queues_new(struct workload *w)
{
    static const struct {
        const char *name;
        void (*process)(void *arg, const char *key);
    } QUEUES[QUEUES_N] = {
        [QUEUE_CLUSTER] = {"cluster", process_cluster},
        [QUEUE_COMPONENT] = {"component", process_component},
        [QUEUE_ITS] = {"instanceset", process_its},
        [QUEUE_DRIVE] = {"engine", process_drive},
    };
    for (int q = 0; q < QUEUES_N; q++)
        w->queues[q] = kube_queue_new(w->loop, QUEUES[q].name, WORKERS, QUEUES[q].process, w);
    w->m_total =
        metric_get("atoll_reconcile_total", METRIC_COUNTER, "kind", "Passes of the controllers.");
    w->m_seconds = metric_get("atoll_reconcile_seconds", METRIC_HISTOGRAM, "kind",
                              "Time to observe and plan.");
    w->m_writes = metric_get("atoll_workload_writes_total", METRIC_COUNTER, "kind",
                             "API writes of the controllers.");
}

void queues_free(struct workload *w)
{
    for (int q = 0; q < QUEUES_N; q++) {
        if (w->queues[q])
            kube_queue_free(w->queues[q]);
        w->queues[q] = NULL;
    }
}

void dirty(struct workload *w, enum queue q, const char *key)
{
    kube_queue_add(w->queues[q], key);
}

void dirty_soon(struct workload *w, enum queue q, const char *key, uint64_t ms)
{
    kube_queue_add_after(w->queues[q], key, ms);
}

void dirty_name(struct workload *w, enum queue q, const char *ns, const char *name)
{
    if (!name)
        return;
    AUTO(mem_freep) char *key = mem_printf("%s/%s", ns, name);
    dirty(w, q, key);
}
