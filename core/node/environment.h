/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is told about itself and its configuration: fields of its Pod (downward API),
 * its environment, and $(NAME) in its command. Pure: objects are looked up through a callback.
 */
#ifndef ATOLL_NODE_ENVIRONMENT_H
#define ATOLL_NODE_ENVIRONMENT_H

#include "base/json.h"

enum lookup_kind { LOOKUP_CONFIGMAP, LOOKUP_SECRET, LOOKUP_CLAIM, LOOKUP_PV };
/* The object, or NULL when it is not there; borrowed until the next turn. PVs have no namespace. */
struct lookup {
    const cJSON *(*get)(void *ctx, enum lookup_kind kind, const char *ns, const char *name);
    void *ctx;
};

struct downward {
    const cJSON *pod;
    const char *pod_ip, *host_ip, *node_name;
    int64_t cpu_milli, memory; /* of the node: what a limit is when the container has none */
};

/* fieldRef.fieldPath: metadata.name, .namespace, .uid, .labels['k'], .annotations['k'],
 * spec.nodeName, spec.serviceAccountName, status.podIP(s), status.hostIP(s); and, for volumes, all
 * labels or annotations as key="value" lines. -EINVAL with a sentence for any other path. */
int downward_field(const struct downward *d, const char *path, struct buf *out, struct err **err);
/* resourceFieldRef of `container` (or of the one it names): limits.* and requests.* of cpu, memory,
 * ephemeral-storage, divided and rounded up. */
int downward_resource(const struct downward *d, const cJSON *container, const cJSON *ref,
                      struct buf *out, struct err **err);

struct environment {
    const char **list; /* "NAME=value", ended by NULL, in arena */
    size_t n;
};
/* The reason of an error is CreateContainerConfigError. */
int environment_make(const struct downward *d, const cJSON *container, const struct lookup *lookup,
                     struct arena *a, struct environment *ret, struct err **err);
const char *environment_get(const struct environment *e, const char *name);
/* $(NAME) becomes the value, $$ becomes $, an unknown name stays as it is. */
const char *environment_expand(const struct environment *e, const char *text, struct arena *a);
/* command and args, expanded; ended by NULL. -ENOEXEC with a sentence when there is no command. */
int environment_command(const struct environment *e, const cJSON *container, struct arena *a,
                        const char ***ret, struct err **err);

#endif
