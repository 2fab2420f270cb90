/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caches of the controllers: one row per kind with its resource, selector and indexes. Only
 * objects of ours are held: children carry our labels, and the selector keeps the rest of the
 * cluster out of memory.
 */
#include "workload/control.h"

#define MANAGED  LABEL_MANAGED_BY "=" LABEL_MANAGED_BY_VALUE
#define INSTANCE LABEL_ITS_MANAGED_BY "=" LABEL_ITS_KIND

const struct kube_resource RESOURCE_CLUSTERS = {API_GROUP_APPS, "v1", "clusters", "Cluster", true};
const struct kube_resource RESOURCE_COMPONENTS = {API_GROUP_APPS, "v1", "components", "Component",
                                                  true};
const struct kube_resource RESOURCE_ITS = {API_GROUP_WORKLOADS, "v1", "instancesets", "InstanceSet",
                                           true};
const struct kube_resource RESOURCE_COMPDEFS = {API_GROUP_APPS, "v1", "componentdefinitions",
                                                "ComponentDefinition", false};
const struct kube_resource RESOURCE_CLUSTERDEFS = {API_GROUP_APPS, "v1", "clusterdefinitions",
                                                   "ClusterDefinition", false};
const struct kube_resource RESOURCE_SHARDINGDEFS = {API_GROUP_APPS, "v1", "shardingdefinitions",
                                                    "ShardingDefinition", false};
const struct kube_resource RESOURCE_COMPVERSIONS = {API_GROUP_APPS, "v1", "componentversions",
                                                    "ComponentVersion", false};

static const struct {
    const struct kube_resource *resource;
    const char *selector;
} ROWS[STORES_N] = {
    [STORE_CLUSTERS] = {&RESOURCE_CLUSTERS, NULL},
    [STORE_COMPONENTS] = {&RESOURCE_COMPONENTS, NULL},
    [STORE_ITS] = {&RESOURCE_ITS, NULL},
    [STORE_PODS] = {&KUBE_PODS, INSTANCE},
    [STORE_PVCS] = {&KUBE_PVCS, INSTANCE},
    [STORE_SERVICES] = {&KUBE_SERVICES, MANAGED},
    [STORE_SECRETS] = {&KUBE_SECRETS, MANAGED},
    [STORE_CONFIGMAPS] = {&KUBE_CONFIGMAPS, MANAGED},
    [STORE_COMPDEFS] = {&RESOURCE_COMPDEFS, NULL},
    [STORE_CLUSTERDEFS] = {&RESOURCE_CLUSTERDEFS, NULL},
};

static const enum store STORE_OF[PLAN_OBJECTS_N] = {
    [PLAN_CLUSTER] = STORE_CLUSTERS, [PLAN_COMPONENT] = STORE_COMPONENTS,
    [PLAN_INSTANCESET] = STORE_ITS,  [PLAN_POD] = STORE_PODS,
    [PLAN_PVC] = STORE_PVCS,         [PLAN_SERVICE] = STORE_SERVICES,
    [PLAN_SECRET] = STORE_SECRETS,   [PLAN_CONFIGMAP] = STORE_CONFIGMAPS,
};

enum store store_of(enum plan_object o)
{
    return STORE_OF[o];
}

const struct kube_resource *resource_of(enum plan_object o)
{
    return ROWS[STORE_OF[o]].resource;
}

/* ---- indexes
 * -----------------------------------------------------------------------------------------------
 */

static void emit_pair(const cJSON *o, const char *name, kube_emit_fn *emit, void *ctx)
{
    if (!name)
        return;
    AUTO(mem_freep) char *key = mem_printf("%s/%s", kube_ns(o), name);
    emit(ctx, key);
}

static void keys_owner(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    const char *uid = json_str(kube_controller(o), "uid");
    if (uid)
        emit(ctx, uid);
}

static void keys_its(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    emit_pair(o, kube_label(o, LABEL_ITS), emit, ctx);
}

static void keys_cluster(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    emit_pair(o, kube_label(o, LABEL_CLUSTER), emit, ctx);
}

static void keys_uid(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    emit(ctx, kube_uid(o));
}

static void keys_compdef(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    const char *def = json_str(o, "spec", "compDef");
    if (def)
        emit(ctx, def);
}

typedef void keys_fn(const cJSON *o, kube_emit_fn *emit, void *ctx);
static keys_fn *const KEYS[INDEXES_N] = {
    [INDEX_OWNER] = keys_owner, [INDEX_ITS] = keys_its,         [INDEX_CLUSTER] = keys_cluster,
    [INDEX_UID] = keys_uid,     [INDEX_COMPDEF] = keys_compdef,
};

/* An index costs memory for each object, so a store has only those that somebody asks. */
#define BIT(i) (1u << (i))
static const unsigned INDEXES[STORES_N] = {
    [STORE_COMPONENTS] = BIT(INDEX_OWNER) | BIT(INDEX_CLUSTER) | BIT(INDEX_COMPDEF),
    [STORE_PODS] = BIT(INDEX_ITS) | BIT(INDEX_UID),
    [STORE_PVCS] = BIT(INDEX_ITS),
    [STORE_SERVICES] = BIT(INDEX_OWNER),
    [STORE_SECRETS] = BIT(INDEX_OWNER),
    [STORE_CONFIGMAPS] = BIT(INDEX_OWNER),
};

/* ---- life
 * ---------------------------------------------------------------------------------------------------
 */

static void on_sync(void *arg)
{
    struct workload *w = CAST(workload, arg);
    ATOLL_ASSERT(w->unsynced > 0);
    if (--w->unsynced)
        return;
    w->synced = true;
    changes_all(w);
}

void stores_new(struct workload *w)
{
    for (int s = 0; s < STORES_N; s++) {
        struct kube_cache_opts o = {.resource = ROWS[s].resource,
                                    .label_selector = ROWS[s].selector};
        w->stores[s] = kube_cache_new(w->client, &o);
        for (int i = 0; i < INDEXES_N; i++)
            w->index[s][i] = INDEXES[s] & BIT(i) ? kube_cache_index(w->stores[s], KEYS[i]) : -1;
        kube_cache_on_sync(w->stores[s], on_sync, w);
    }
}

void stores_start(struct workload *w)
{
    w->unsynced = STORES_N;
    for (int s = 0; s < STORES_N; s++)
        kube_cache_start(w->stores[s]);
}

void stores_free(struct workload *w)
{
    for (int s = 0; s < STORES_N; s++) {
        if (w->stores[s])
            kube_cache_free(w->stores[s]);
        w->stores[s] = NULL;
    }
}

/* ---- reading
 * ---------------------------------------------------------------------------------------------------
 */

size_t cached_find(const struct workload *w, enum store s, enum store_index i, const char *key,
                   struct arena *a, const cJSON ***ret)
{
    ATOLL_ASSERT(w->index[s][i] >= 0);
    *ret = NULL;
    return key ? kube_cache_find(w->stores[s], w->index[s][i], key, a, ret) : 0;
}

const cJSON *cached_get(const struct workload *w, enum store s, const char *ns, const char *name)
{
    return name ? kube_cache_get(w->stores[s], ns ? ns : "", name) : NULL;
}

const cJSON *cached_key(const struct workload *w, enum store s, const char *key)
{
    return key ? kube_cache_get_key(w->stores[s], key) : NULL;
}

cJSON *cached_ready(const struct workload *w, enum api_kind_id id, const cJSON *object)
{
    if (!object)
        return NULL;
    cJSON *copy = cJSON_Duplicate(object, true);
    api_normalize(id, copy);
    field_default(w->schemas.of[id], copy);
    return copy;
}
