/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of node: the local node of the embedded mode. It registers a Node, binds unscheduled
 * Pods to itself, runs bound Pods as sandboxed processes, keeps volumes, logs and probes, computes
 * EndpointSlices and Endpoints, and carries ClusterIPs through HAProxy. It reaches the API through
 * kube/ alone.
 */
#ifndef ATOLL_NODE_NODE_H
#define ATOLL_NODE_NODE_H

#include "base/conf.h"
#include "kube/kube.h"

extern const struct conf_key node_conf_keys[]; /* node.* */
extern const size_t node_conf_keys_n;

struct node;
struct node_opts {
    const char *name;     /* "member-1" */
    const char *dir;      /* state: pods/, volumes/, haproxy/ */
    const char *pod_cidr; /* "127.1.0.0/16": Pods get addresses from it */
    const char
        *address;     /* node's own address; its HTTP server (logs) listens there, on a free port */
    const char *shim; /* absolute path of atoll-shim */
    const char *log_token; /* bearer token the API server presents when it fetches logs */
    const struct conf *conf;
};
int node_new(struct kube_client *c, struct http_client *http, const struct node_opts *o,
             struct node **ret, struct err **err);
/* Stops managing; running Pods are left alone (the next node_new adopts them). */
void node_free(struct node *n);
/* End every Pod process and HAProxy of a node directory, for `atoll down`; no API needed. Returns
 * how many ended. */
int node_stop_all(const char *dir, unsigned grace_seconds, struct err **err);

#endif
