/* SPDX-License-Identifier: Apache-2.0 */
/* Subresources of Pods: binding, log, and the streams that are refused. */
#ifndef ATOLL_APISERVER_PODS_H
#define ATOLL_APISERVER_PODS_H

#include "apiserver/rest.h"

void pods_bind(struct call *c);
void pods_log(struct call *c);
void pods_stream(struct call *c); /* exec, attach, portforward */

/* The container a request means: the named one, or the only one. NULL and 400. */
const char *pods_container(struct call *c, const cJSON *pod);
/* "http://address:port" of the node's log server, or NULL and 500. */
const char *pods_node_url(struct call *c, const cJSON *pod);

#endif
