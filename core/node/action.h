/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One action against a container, as probes and preStop hooks name them: exec (inside its sandbox),
 * httpGet, tcpSocket, sleep. Answers yes or no and a sentence. grpc is not offered; action_refused
 * says so beforehand.
 */
#ifndef ATOLL_NODE_ACTION_H
#define ATOLL_NODE_ACTION_H

#include <sys/types.h>

#include "base/json.h"
#include "io/http_client.h"
#include "io/loop.h"

struct action_target {
    struct loop *loop;
    struct http_client *http;
    const char *shim;
    const char *ip; /* of the Pod */
    pid_t pid;      /* of the container's main process */
    uint64_t start;
    const cJSON *container; /* for named ports */
};

struct action;
typedef void action_done_fn(void *arg, bool ok, const char *message);
/* `spec` holds one of the members named above. Borrowed for the call. done runs once, in a later
 * turn. */
struct action *action_start(const struct action_target *t, const cJSON *spec, uint64_t timeout_ms,
                            action_done_fn *done, void *arg);
void action_cancel(struct action *a); /* no callback afterwards; NULL is fine */

/* A sentence when a probe or hook of this container is of a kind this node does not offer; arena
 * string or NULL. */
const char *action_refused(const cJSON *container, struct arena *a);

#endif
