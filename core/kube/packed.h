/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects at rest. A cJSON tree takes about three times the bytes of its text; ten thousand Pods
 * would be a hundred megabytes of mostly pointers. A cache therefore keeps each object packed (keys
 * interned, strings in place) and unfolds it into a tree when somebody looks, in one allocation and
 * about a microsecond. The tree points into the packed bytes: it must not outlive them.
 */
#ifndef ATOLL_KUBE_PACKED_H
#define ATOLL_KUBE_PACKED_H

#include "base/json.h"
#include "base/map.h"

/* Names of members, shared by all objects of one store. Bounded: later names stand in the objects.
 */
struct packed_names {
    struct map ids; /* name -> its number + 1, as a pointer */
    char **names;
    size_t n, cap;
};
void kube_packed_names_done(struct packed_names *n);

struct packed {
    uint32_t refs;
    uint32_t nodes; /* of the tree */
    uint32_t bytes_len;
    uint64_t rv; /* metadata.resourceVersion, 0 = not a number */
    void *tree;  /* the unfolded form, NULL when folded; owned by the store */
    unsigned char bytes[];
};
/* One reference. Drops metadata.managedFields and adds apiVersion and kind where a list left them
 * out. `scratch` is empty before and after; its maximum bounds the object: NULL when it is too
 * large. */
struct packed *kube_packed_new(struct packed_names *names, const cJSON *o, const char *api_version,
                               const char *kind, struct buf *scratch);
size_t kube_packed_size(const struct packed *p);
/* Unfold into `nodes` zeroed cJSON structs; the first is the root. Read-only, never cJSON_Delete'd.
 */
void kube_packed_unfold(const struct packed *p, const struct packed_names *names, cJSON *nodes);

#endif
