/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces: what may be created where, their end, and those that are always there. */
#ifndef ATOLL_APISERVER_NAMESPACES_H
#define ATOLL_APISERVER_NAMESPACES_H

#include "apiserver/rest.h"

struct namespaces;
struct namespaces *namespaces_new(struct api *api);
void namespaces_free(struct namespaces *n);
/* Creates default, kube-system, kube-public and kube-node-lease where they are missing. */
void namespaces_bootstrap(struct api *api);
/* 404 when the namespace of the request is not there, 403 when it is on its way out. */
int namespaces_check_create(struct call *c, const char *name);

#endif
