/* SPDX-License-Identifier: Apache-2.0 */
/* The Cluster controller: observe from the caches, plan. Acting is act.c. */
#include "base/clock.h"
#include "workload/control.h"

bool control_cluster(struct workload *w, const char *key, struct plan *p, const cJSON **about)
{
    const cJSON *cluster = cached_key(w, STORE_CLUSTERS, key);
    if (!cluster)
        return false;
    *about = cluster;
    const cJSON **clusterdefs, **compdefs, **components, **services;
    AUTO(json_freep) cJSON *ready = cached_ready(w, API_CLUSTER, cluster);
    struct plan_cluster_in in = {
        .schemas = &w->schemas, .cluster = ready, .now_us = clock_wall_us()};
    in.n_clusterdefs = kube_cache_all(w->stores[STORE_CLUSTERDEFS], p->arena, &clusterdefs);
    in.n_compdefs = kube_cache_all(w->stores[STORE_COMPDEFS], p->arena, &compdefs);
    in.n_components =
        cached_find(w, STORE_COMPONENTS, INDEX_OWNER, kube_uid(cluster), p->arena, &components);
    in.n_services =
        cached_find(w, STORE_SERVICES, INDEX_OWNER, kube_uid(cluster), p->arena, &services);
    in.clusterdefs = clusterdefs;
    in.compdefs = compdefs;
    in.components = components;
    in.services = services;
    plan_cluster(&in, p);
    return true;
}
