/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HAProxy of the node: one process (master and worker) that carries every ClusterIP and port.
 *
 * A changed target is a command on its socket, done within a millisecond, and sessions to a target
 * that left are ended so that clients come back and find the new one. A new ClusterIP or port is a
 * reload without a refused connection; workers of before finish their sessions. HAProxy outlives
 * atolld and is adopted by the next one.
 */
#ifndef ATOLL_NODE_HAPROXY_H
#define ATOLL_NODE_HAPROXY_H

#include "io/loop.h"
#include "node/balance.h"

struct haproxy;
struct haproxy_opts {
    const char *dir, *shim;
    unsigned threads;
    /* What ran before is known: declaring may begin. Once, in a later turn. */
    void (*on_ready)(void *arg);
    /* This proxy cannot be bound; the sentence says why. */
    void (*on_problem)(void *arg, const char *proxy, const char *sentence);
    void *arg;
};
/* -ENOENT when HAProxy is not installed. */
int haproxy_new(struct loop *l, const struct haproxy_opts *o, struct haproxy **ret,
                struct err **err);
void haproxy_free(struct haproxy *h); /* HAProxy goes on; NULL is fine */
/* Declare a proxy ("ip:port") and its targets ("ip:port" each). Repeating it costs nothing. */
void haproxy_set(struct haproxy *h, const char *name, bool sticky, const char *const *targets,
                 size_t n);
void haproxy_remove(struct haproxy *h, const char *name);
/* Every proxy has been declared once: what is not declared now is not wanted. */
void haproxy_complete(struct haproxy *h);

#endif
