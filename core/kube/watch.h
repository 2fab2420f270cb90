/* SPDX-License-Identifier: Apache-2.0 */
/* One watch request: a stream of lines as events. Ends exactly once; who asks again is cache.c. */
#ifndef ATOLL_KUBE_WATCH_H
#define ATOLL_KUBE_WATCH_H

#include "kube/client.h"
#include "kube/follow.h"

enum watch_event { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK };

struct watch_handler {
    void (*on_open)(void *arg);
    /* 0, or stop: -EINVAL the object makes no sense, -ESTALE its version is lower than it may be.
     * The watch must not be freed in here. */
    int (*on_event)(void *arg, enum watch_event type, const cJSON *object);
    /* Once, and the last call. end->watch and what the stream knows are filled in; message is a
     * sentence for the log. The watch must be freed in here or later. */
    void (*on_end)(void *arg, struct follow_end *end, const char *message);
    void *arg;
};

struct watch;
/* Events after rv. timeout_s is the server's; our own deadline is ten seconds later. */
struct watch *kube_watch_new(struct kube_client *c, const struct kube_cache_opts *scope,
                             const char *rv, unsigned timeout_s, const struct watch_handler *h);
void kube_watch_free(struct watch *w); /* no callback; NULL is fine */

#endif
