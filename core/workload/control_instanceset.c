/* SPDX-License-Identifier: Apache-2.0 */
/* The InstanceSet controller: observe from the caches, plan. */
#include "base/clock.h"
#include "workload/control.h"

/* With an engine, the next instance is restarted when the engine has nothing left to wire: a
 * replica that runs but does not follow yet is no replacement. What is not known yet counts as not
 * wired. */
static const char *hold(const struct workload *w, const cJSON *its, struct arena *a)
{
    const cJSON *component =
        cached_get(w, STORE_COMPONENTS, kube_ns(its), json_str(kube_controller(its), "name"));
    const cJSON *def = cached_get(w, STORE_COMPDEFS, "", json_str(component, "spec", "compDef"));
    const char *cluster = cluster_key_of(a, its);
    if (!definition_engine(def) || !cluster)
        return NULL;
    return drive_unsettled(w, cluster, kube_label(its, LABEL_COMPONENT));
}

bool control_instanceset(struct workload *w, const char *key, struct plan *p, const cJSON **about)
{
    const cJSON *its = cached_key(w, STORE_ITS, key);
    if (!its)
        return false;
    *about = its;
    const cJSON **pods, **pvcs;
    AUTO(json_freep) cJSON *ready = cached_ready(w, API_INSTANCESET, its);
    struct plan_its_in in = {.schemas = &w->schemas, .its = ready, .now_us = clock_wall_us()};
    in.n_pods = cached_find(w, STORE_PODS, INDEX_ITS, key, p->arena, &pods);
    in.n_pvcs = cached_find(w, STORE_PVCS, INDEX_ITS, key, p->arena, &pvcs);
    in.pods = pods;
    in.pvcs = pvcs;
    const char *headless = arena_printf(p->arena, "%s-headless", kube_name(its));
    in.headless = cached_get(w, STORE_SERVICES, kube_ns(its), headless);
    in.hold = hold(w, its, p->arena);
    plan_instanceset(&in, p);
    return true;
}
