/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys become dirty when an object changes: always found by a label, an owner or an index,
 * never by looking through the fleet. Pods change in bursts, so their set is planned a few
 * milliseconds later, once.
 */
#include "workload/control.h"

#define COALESCE_MS 20

static const char *either_label(const cJSON *old, const cJSON *now, const char *label)
{
    return kube_label(now ? now : old, label);
}

/* ---- our kinds
 * -----------------------------------------------------------------------------------------------
 */

static void on_cluster(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    const cJSON *o = now ? now : old;
    if (!w->synced)
        return;
    dirty_name(w, QUEUE_CLUSTER, kube_ns(o), kube_name(o));
    if (!old || !now || kube_deleting(old) != kube_deleting(now))
        dirty_name(w, QUEUE_DRIVE, kube_ns(o), kube_name(o));
}

static void on_component(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    const cJSON *o = now ? now : old;
    if (!w->synced)
        return;
    const char *cluster = either_label(old, now, LABEL_CLUSTER);
    dirty_name(w, QUEUE_COMPONENT, kube_ns(o), kube_name(o));
    dirty_name(w, QUEUE_CLUSTER, kube_ns(o), cluster);
    /* A status of ours changes nothing an engine sees. */
    if (!old || !now || kube_generation(old) != kube_generation(now) ||
        kube_deleting(old) != kube_deleting(now))
        dirty_name(w, QUEUE_DRIVE, kube_ns(o), cluster);
}

static void on_its(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    const cJSON *o = now ? now : old;
    if (!w->synced)
        return;
    dirty_name(w, QUEUE_ITS, kube_ns(o), kube_name(o));
    dirty_name(w, QUEUE_COMPONENT, kube_ns(o), json_str(kube_controller(o), "name"));
    if (!old || !now || kube_generation(old) != kube_generation(now))
        dirty_name(w, QUEUE_DRIVE, kube_ns(o), either_label(old, now, LABEL_CLUSTER));
}

/* ---- children
 * ---------------------------------------------------------------------------------------------------
 */

static void on_pod(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    const cJSON *o = now ? now : old;
    const char *its = either_label(old, now, LABEL_ITS);
    if (!w->synced || !its)
        return;
    AUTO(mem_freep) char *key = mem_printf("%s/%s", kube_ns(o), its);
    if (now && old)
        dirty_soon(w, QUEUE_ITS, key, COALESCE_MS);
    else
        dirty(w, QUEUE_ITS, key);
    drive_pod_changed(w, old, now);
}

static void on_pvc(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    const cJSON *o = now ? now : old;
    if (w->synced && (!old || !now || kube_deleting(old) != kube_deleting(now)))
        dirty_name(w, QUEUE_ITS, kube_ns(o), kube_label(o, LABEL_ITS));
}

/* Services, Secrets and ConfigMaps: whoever owns one makes it right again. */
static void on_owned(void *arg, const cJSON *old, const cJSON *now)
{
    static const struct {
        const char *kind;
        enum queue queue;
    } OWNERS[] = {
        {"Cluster", QUEUE_CLUSTER}, {"Component", QUEUE_COMPONENT}, {LABEL_ITS_KIND, QUEUE_ITS}};
    struct workload *w = CAST(workload, arg);
    const cJSON *o = now ? now : old, *owner = kube_controller(o);
    if (!w->synced)
        return;
    for (size_t i = 0; i < ARRAY_LEN(OWNERS); i++)
        if (streq(json_str(owner, "kind"), OWNERS[i].kind))
            dirty_name(w, OWNERS[i].queue, kube_ns(o), json_str(owner, "name"));
}

/* A password is used by the whole cluster: by files of other components and by every probe. */
static void on_secret(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    const cJSON *o = now ? now : old;
    on_owned(arg, old, now);
    if (!w->synced || !kube_label(o, LABEL_ACCOUNT) || !kube_label(o, LABEL_CLUSTER))
        return;
    AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
    const char *key = arena_printf(a, "%s/%s", kube_ns(o), kube_label(o, LABEL_CLUSTER));
    const cJSON **components;
    size_t n = cached_find(w, STORE_COMPONENTS, INDEX_CLUSTER, key, a, &components);
    for (size_t i = 0; i < n; i++)
        dirty_name(w, QUEUE_COMPONENT, kube_ns(o), kube_name(components[i]));
    dirty(w, QUEUE_DRIVE, key);
}

/* ---- definitions: rare, so all who could mean them look again
 * ------------------------------------------------------ */

static void all_dirty(struct workload *w, enum store s, enum queue q)
{
    AUTO(arena_freep) struct arena *a = arena_new(256u << 20);
    const cJSON **all;
    size_t n = kube_cache_all(w->stores[s], a, &all);
    for (size_t i = 0; i < n; i++)
        dirty_name(w, q, kube_ns(all[i]), kube_name(all[i]));
}

static bool only_status(const cJSON *old, const cJSON *now)
{
    return old && now && kube_generation(old) == kube_generation(now);
}

static void on_compdef(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    if (!w->synced || only_status(old, now))
        return;
    AUTO(arena_freep) struct arena *a = arena_new(64u << 20);
    const cJSON **users;
    size_t n =
        cached_find(w, STORE_COMPONENTS, INDEX_COMPDEF, kube_name(now ? now : old), a, &users);
    for (size_t i = 0; i < n; i++) {
        dirty_name(w, QUEUE_COMPONENT, kube_ns(users[i]), kube_name(users[i]));
        dirty_name(w, QUEUE_DRIVE, kube_ns(users[i]), kube_label(users[i], LABEL_CLUSTER));
    }
    if (!old || !now)
        all_dirty(w, STORE_CLUSTERS, QUEUE_CLUSTER);
}

static void on_clusterdef(void *arg, const cJSON *old, const cJSON *now)
{
    struct workload *w = CAST(workload, arg);
    if (w->synced && !only_status(old, now))
        all_dirty(w, STORE_CLUSTERS, QUEUE_CLUSTER);
}

/* ---- wiring up
 * --------------------------------------------------------------------------------------------------------
 */

void changes_watch(struct workload *w)
{
    static kube_change_fn *const HANDLERS[STORES_N] = {
        [STORE_CLUSTERS] = on_cluster, [STORE_COMPONENTS] = on_component,
        [STORE_ITS] = on_its,          [STORE_PODS] = on_pod,
        [STORE_PVCS] = on_pvc,         [STORE_SERVICES] = on_owned,
        [STORE_SECRETS] = on_secret,   [STORE_CONFIGMAPS] = on_owned,
        [STORE_COMPDEFS] = on_compdef, [STORE_CLUSTERDEFS] = on_clusterdef,
    };
    for (int s = 0; s < STORES_N; s++)
        kube_cache_on_change(w->stores[s], HANDLERS[s], w);
}

void changes_all(struct workload *w)
{
    all_dirty(w, STORE_CLUSTERS, QUEUE_CLUSTER);
    all_dirty(w, STORE_COMPONENTS, QUEUE_COMPONENT);
    all_dirty(w, STORE_ITS, QUEUE_ITS);
    all_dirty(w, STORE_CLUSTERS, QUEUE_DRIVE);
}
