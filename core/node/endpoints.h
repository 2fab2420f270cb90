/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints of one Service, computed from the Service and the Pods its selector matches. Pure.
 * The same computation feeds the EndpointSlices and Endpoints in the API, the backends of the
 * ClusterIP and the names of a headless Service, so they cannot disagree.
 */
#ifndef ATOLL_NODE_ENDPOINTS_H
#define ATOLL_NODE_ENDPOINTS_H

#include "base/json.h"

#define ENDPOINTS_PER_SLICE 100

struct endpoint {
    const char *ip, *ns, *pod, *uid, *node;
    const char *hostname; /* what the Pod calls itself in this Service; NULL when it does not */
    bool ready, serving, terminating;
};
struct endpoint_port {
    const char *name, *protocol, *app_protocol; /* name "" when the Service's port has none */
    uint16_t port;                              /* on the Pod */
    uint16_t service_port;
};
/* Pods with the same ports; almost always there is one group. */
struct endpoint_group {
    const struct endpoint_port *ports;
    size_t n_ports;
    struct endpoint *list;
    size_t n;
};
struct endpoint_set {
    struct endpoint_group *groups;
    size_t n;
};

/* `pods`: those the selector matches, in name order. Everything returned is in the arena, strings
 * of the Pods are borrowed. */
void endpoints_compute(const cJSON *service, const cJSON *const *pods, size_t n, struct arena *a,
                       struct endpoint_set *ret);
/* What of a Pod endpoints depend on, as a hash: no change here, no work for any Service. */
uint64_t endpoints_pod_hash(const cJSON *pod);

/* The objects as they should be. Slices: an array. */
cJSON *endpoints_object(const cJSON *service, const struct endpoint_set *set,
                        const char *managed_by);
cJSON *endpoints_slices(const cJSON *service, const struct endpoint_set *set,
                        const char *managed_by);
/* The merge patch that brings `have` to `want`; NULL when nothing of ours differs. */
cJSON *endpoints_diff(const cJSON *have, const cJSON *want);

/* Pod addresses that connections to this port of the Service go to: "ip:port", arena strings. */
size_t endpoints_targets(const struct endpoint_set *set, const char *port_name,
                         uint16_t service_port, struct arena *a, const char ***ret);

#endif
