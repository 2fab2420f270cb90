/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One asynchronous connection to a redis-server or sentinel: hiredis 0.14 over the host's
 * descriptor watch.
 *
 * A link never retries and has no deadline of its own: hiredis has none either, and a stopped
 * server accepts connections for ever, so whoever asks arms a timer and calls link_free when it
 * fires. After link_free no callback runs; it may be called from inside a callback of the same
 * link. Thread: [loop].
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "answer.h"

struct link;
struct link_user {
    /* The answer to the command sent with this tag; for a subscription every message. Never NULL.
     */
    void (*reply)(void *arg, uintptr_t tag, const redisReply *r);
    /* Once: refused, cut, or broken. Open commands get no answer. The link is of no use but to be
     * freed. */
    void (*lost)(void *arg, const char *reason, const char *text);
    void *arg;
};

/* Starts connecting; `password` empty = no AUTH. NULL when the system refused at once (text says
 * why). */
struct link *link_open(const struct atoll_host *host, const char *ip, int port,
                       struct atoll_str username, struct atoll_str password,
                       const struct link_user *user, char *text, size_t size);
void link_free(struct link *l); /* NULL is fine */
bool link_connected(const struct link *l);
/* Was the password refused? The commands after it then failed with NOAUTH. */
bool link_auth_failed(const struct link *l);

/* Queue one command; false when the link is lost already (then `lost` was or will be called). */
bool link_send(struct link *l, uintptr_t tag, const char *fmt, ...);
bool link_sendv(struct link *l, uintptr_t tag, const char *fmt, va_list ap);

#endif
