/* SPDX-License-Identifier: Apache-2.0 */
/* The InstanceSet controller: observe from the caches, plan. */
#include "base/clock.h"
#include "workload/control.h"

bool control_instanceset(struct workload *w, const char *key, struct plan *p, const cJSON **about)
{
    const cJSON *its = cached_key(w, STORE_ITS, key);
    if (!its)
        return false;
    *about = its;
    const cJSON **pods, **pvcs;
    AUTO(json_freep) cJSON *ready = cached_ready(w, API_INSTANCESET, its);
    struct plan_its_in in = {.its = ready, .now_us = clock_wall_us()};
    in.n_pods = cached_find(w, STORE_PODS, INDEX_ITS, key, p->arena, &pods);
    in.n_pvcs = cached_find(w, STORE_PVCS, INDEX_ITS, key, p->arena, &pvcs);
    in.pods = pods;
    in.pvcs = pvcs;
    const char *headless = arena_printf(p->arena, "%s-headless", kube_name(its));
    in.headless = cached_get(w, STORE_SERVICES, kube_ns(its), headless);
    plan_instanceset(&in, p);
    return true;
}
