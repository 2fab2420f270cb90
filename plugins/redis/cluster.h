/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a view: which component holds servers and which sentinels, how a shard is called by its
 * sentinels, and with which account one logs in. Pure, no state.
 */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include "answer.h"

#define MASTER_NAME_MAX 200

enum kind { KIND_OTHER, KIND_SERVER, KIND_SENTINEL };
enum kind component_kind(const struct atoll_component *c);
int kind_port(enum kind k);

/* The component an instance belongs to; NULL when the view does not have it. */
const struct atoll_component *view_home(const struct atoll_view *v,
                                        const struct atoll_instance *in);
/* The servers the call is about: view->component when it holds servers, else the first that does.
 */
const struct atoll_component *view_servers(const struct atoll_view *v);
const struct atoll_component *view_sentinels(const struct atoll_view *v);
/* Sentinels decide who is primary (topology "replication", or sentinels without a named topology).
 */
bool view_replicated(const struct atoll_view *v);

/* "default.orders.redis": unique in the fleet, because sentinels that share a name merge (the name
 * is the only thing they compare in a hello). Characters a sentinel file cannot hold become dots.
 */
void master_name(const struct atoll_view *v, const struct atoll_component *servers,
                 char out[MASTER_NAME_MAX]);

/* The address of an instance as host + our port of its kind; false while it has none. */
bool instance_host(const struct atoll_instance *in, char host[ENDPOINT_MAX]);
bool instance_endpoint(const struct atoll_instance *in, enum kind k, char out[ENDPOINT_MAX]);

/* Username and password of a component for this operation; empty when it declares no account or the
 * operation brought no such secret. The views are the host's and end with the operation. */
struct login {
    struct atoll_str username, password;
};
struct login component_login(const struct atoll_host *host, struct atoll_op op,
                             const struct atoll_component *c);

#endif
