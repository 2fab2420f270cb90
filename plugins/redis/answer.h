/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a redis-server or a sentinel answered, as plain structs, and the names under which the host
 * hears it (facts). Parsing is pure: bytes in, struct out; every field of an answer we do not know
 * is skipped, so other Redis versions stay readable.
 */
#ifndef REDIS_ANSWER_H
#define REDIS_ANSWER_H

#include <hiredis/hiredis.h>

#include "memory.h"

#define REDIS_PORT    6379
#define SENTINEL_PORT 26379
#define ENDPOINT_MAX  64 /* "ip:port", an IPv6 address has at most 45 bytes */

/* The start gate: the upstream in every rendered file of the replication topology. Nothing listens
 * there, so a server that just started is a read-only replica of nowhere which keeps its data and
 * gives none away
 * (-NOMASTERLINK), until the plugin promotes it or makes it follow somebody. */
#define GATE_HOST     "127.0.0.1"
#define GATE_PORT     1
#define GATE_ENDPOINT "127.0.0.1:1"

/* replica-priority: every server starts with NEVER, so no sentinel promotes one that has not been
 * seen linked to the primary since it started (a replica that never finished its first transfer is
 * a candidate to a sentinel, and equal to the others: redis 7.0 reports no link-down time for it).
 */
#define PRIORITY_NEVER  0
#define PRIORITY_CHOSEN 1
#define PRIORITY_NORMAL 100

/* Facts of a server. "yes"/"no" unless said otherwise. */
#define FACT_GATED    "gated" /* follows the gate: has no role */
#define FACT_LOADING  "loading"
#define FACT_EMPTY    "empty"    /* no key in any database */
#define FACT_LINK     "link"     /* "up", "down"; "none" for a primary */
#define FACT_UPSTREAM "upstream" /* "ip:port"; empty for a primary and when gated */
#define FACT_RUN_ID   "run-id"
#define FACT_REPLID   "replid"
#define FACT_AOF      "aof" /* "ok", "failing" */
#define FACT_STRICT                                                                                \
    "strict" /* min-replicas-to-write is on: no write without a replica that listens */
#define FACT_PRIORITY                                                                              \
    "priority" /* replica-priority: 0 = no sentinel may promote it; empty for a primary */
#define FACT_OFFSET "offset" /* volatile */
#define FACT_LAG    "lag"    /* volatile: seconds since the upstream was heard */
#define FACT_UPTIME "uptime" /* volatile: seconds */
#define FACT_KEYS   "keys"   /* volatile */
#define FACT_REPLICAS                                                                              \
    "replicas" /* of a server: online replicas (volatile); of a sentinel: replicas it knows */

/* Facts of a sentinel, all about the one master name of this shard. */
#define FACT_MONITORS "monitors" /* "ip:port", empty: it does not know the name */
#define FACT_EPOCH    "epoch"    /* config-epoch under which it believes that */
#define FACT_FAILOVER "failover" /* "none" or the state of the failover it leads */
#define FACT_OTHERS   "others"   /* other sentinels it knows */
#define FACT_SETTINGS "settings" /* "quorum/down-after/failover-timeout/parallel-syncs" */
#define FACT_USABLE   "usable"   /* quorum and majority reachable, as it sees it */
#define FACT_TILT     "tilt"
#define FACT_DOWN     "down" /* it believes that the master is down (subjectively) */

struct server_answer {
    bool master, loading, gated, link_up, aof_ok, empty, strict;
    char upstream[ENDPOINT_MAX];
    char run_id[41], replid[41];
    uint64_t offset, keys, uptime, replicas_online, priority;
    int64_t lag; /* -1: never heard */
};

struct sentinel_answer {
    bool knows, down, usable, tilt;
    char monitors[ENDPOINT_MAX];
    uint64_t epoch;
    char failover[32];
    uint64_t others, replicas, quorum, down_after, failover_timeout, parallel_syncs;
    char run_id[41];
};

/* The answer to SERVER_QUESTION. 0, or -1: this is no such answer. One call of 8.5 us says all that
 * ROLE says (both read the same variable), and also whether the server is loading. */
#define SERVER_QUESTION "INFO replication persistence keyspace server"
int server_answer_parse(struct server_answer *a, const char *info, size_t len);
/* The same from a reply; refuses every type but a string. */
int server_answer_reply(struct server_answer *a, const redisReply *r);
/* SENTINEL MASTER, then GET-MASTER-ADDR-BY-NAME, CKQUORUM, INFO server sentinel, in this order. */
int sentinel_answer_master(struct sentinel_answer *a, const redisReply *r);
void sentinel_answer_address(struct sentinel_answer *a, const redisReply *r);
/* GET-MASTER-ADDR-BY-NAME alone; false: it knows no such master. */
bool sentinel_answer_endpoint(const redisReply *r, char out[ENDPOINT_MAX]);
void sentinel_answer_quorum(struct sentinel_answer *a, const redisReply *r);
void sentinel_answer_info(struct sentinel_answer *a, const redisReply *r);

/* SENTINEL REPLICAS: the priority this sentinel knows of the replica at `endpoint`; -1: it would
 * not promote it, because it does not know it or holds it for down. */
int64_t sentinel_knows_priority(const redisReply *r, const char *endpoint);

/* An error reply as the reason of an UNKNOWN role: "-NOAUTH ..." is "AuthFailed". */
const char *answer_error_reason(const char *text);

/* "ip:port" into out; false when the parts are unusable. */
bool endpoint_format(char out[ENDPOINT_MAX], const char *host, size_t host_len, uint64_t port);
/* The other way round; host gets a NUL-terminated copy. */
bool endpoint_parse(struct atoll_str text, char host[ENDPOINT_MAX], int *ret_port);

#endif
