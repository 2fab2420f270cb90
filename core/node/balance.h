/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HAProxy should look like: one proxy per ClusterIP and port, each with a fixed number of
 * server slots that addresses are put into and taken out of at run time. Pure: text in, text out.
 * Running it is haproxy.c.
 *
 * A slot knows what it shall be (`want`) and what the running worker was last told (`told`). Config
 * files carry `want`, so a fresh worker knows the truth by itself.
 */
#ifndef ATOLL_NODE_BALANCE_H
#define ATOLL_NODE_BALANCE_H

#include "base/map.h"
#include "base/str.h"

#define BALANCE_SLOTS_MIN 4

struct slot {
    char *want; /* "127.1.1.2:6379"; NULL = closed */
    char *told; /* the same for the running worker */
    char *file; /* the same for the configuration file written last */
};
struct proxy {
    char *name;    /* "127.101.0.5:6379": where it listens; also its name for HAProxy */
    bool sticky;   /* the same client gets the same server */
    bool declared; /* a Service wants it; proxies found in a running HAProxy start without */
    bool barred;   /* it cannot be bound (see haproxy.c); left out of the configuration */
    struct slot *slots;
    size_t n;
    size_t filed; /* slots it has in the configuration file written last; 0 = it is not in it */
    size_t known; /* slots the running worker has; the others wait for a reload */
};

struct proxy *proxy_new(const char *name);
void proxy_free(struct proxy *p);
/* Put the targets into slots. One that has a slot keeps it; a new one takes the slot of one that
 * left, so that replacing a single target is one change of address. True when there are more slots
 * now than before: the running worker does not know the new ones, a reload is due. */
bool proxy_assign(struct proxy *p, const char *const *targets, size_t n);

/* Runtime commands, one per line, that bring the worker from `told` to `want`, which become equal.
 * `cuts` gets a line "proxy/slot" for every slot whose sessions end: older workers, which only
 * finish their sessions, refuse the command for a whole server and are searched for single sessions
 * instead (balance_cut). */
void proxy_commands(struct proxy *p, struct buf *commands, struct buf *cuts);
bool proxy_settled(const struct proxy *p);
/* A worker that read the last file has taken over: that is what it was told. */
void proxy_reloaded(struct proxy *p);

struct balance_settings {
    const char *worker_socket;
    unsigned maxconn, threads;
};
/* haproxy.cfg for all declared proxies, in name order; they are `filed` then, with their slots as
 * wanted. */
void balance_config(const struct map *proxies, const struct balance_settings *s, struct buf *out);

/* `show servers state` into proxies that are not declared; their slots have want = told. */
void balance_learn(struct map *proxies, const char *servers_state);
/* Pids of old workers in `show proc` of the master; returns how many were stored. */

/* From `show sess` of an old worker: commands (with the master's prefix for that worker) that end
 * the sessions of the slots in `cuts`. */
void balance_cut(const char *show_sess, const char *cuts, int worker, struct buf *commands);
/* The next batch of at most `max` bytes off the front of `lines`, as one line of ";"-separated
 * commands. */
void balance_batch(struct buf *lines, size_t max, struct buf *ret);
size_t balance_old_workers(const char *show_proc, int *ret, size_t max);

#endif
