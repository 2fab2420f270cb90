/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of workload: the controllers of one Kubernetes cluster (Cluster, Component, InstanceSet,
 * and later Sharding, OpsRequest, Backup). They install our CRDs and the engines' definitions, then
 * reconcile.
 */
#ifndef ATOLL_WORKLOAD_WORKLOAD_H
#define ATOLL_WORKLOAD_WORKLOAD_H

#include "engine/engine.h"
#include "kube/kube.h"

struct workload;
struct workload_opts {
    struct kube_client *client;
    struct engine_host *engines; /* borrowed; wire its callbacks to the two functions below */
    bool install;                /* create/update CRDs and definitions at start */
};
int workload_new(const struct workload_opts *o, struct workload **ret, struct err **err);
void workload_free(struct workload *w);
bool workload_synced(const struct workload *w);
/* For engine_host_opts.on_role and on_state. */
void workload_on_role(void *w, struct engine *e, const char *instance,
                      const struct engine_role_view *r);
void workload_on_state(void *w, struct engine *e);

#endif
