/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: one hosts file per namespace, mounted into every sandbox of that namespace.
 *
 * There is no DNS server on a local node. Names that Kubernetes would resolve are lines of a file
 * instead: the full ones ("svc.ns.svc.cluster.local", "pod.svc.ns.svc") for everybody, the short
 * ones ("svc", "pod") for their own namespace. A file is replaced by rename, its directory is what
 * sandboxes mount, so running programs see every change at their next look-up.
 */
#ifndef ATOLL_NODE_HOSTS_H
#define ATOLL_NODE_HOSTS_H

#include "io/loop.h"
#include "node/endpoints.h"

struct hosts;
struct hosts *hosts_new(struct loop *l, const char *dir);
void hosts_free(struct hosts *h);
/* The lines of one owner (a Service or a Pod, "svc ns/name"): `global` for all namespaces, `local`
 * for `ns`. NULL or "" removes. Files follow within 50 ms. */
void hosts_set(struct hosts *h, const char *owner, const char *ns, const char *global,
               const char *local);
/* Directory for sandboxes of this namespace, made and filled when it is new. Arena string. */
const char *hosts_dir(struct hosts *h, const char *ns, struct arena *a, struct err **err);

/* The lines of a Service. Pure. */
void hosts_of_service(const cJSON *service, const struct endpoint_set *set, struct buf *global,
                      struct buf *local);

#endif
