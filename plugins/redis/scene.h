/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view with the facts read into structs: what advise thinks about. Pure; lives in a pool.
 */
#ifndef REDIS_SCENE_H
#define REDIS_SCENE_H

#include "redis.h"

struct server {
    const struct atoll_instance *in;
    char endpoint[ENDPOINT_MAX]; /* "" while it has no address */
    bool known;                  /* facts are an answer of the running server */
    bool leaving; /* scale-in chose it or it terminates: no target of wiring, no candidate */
    bool primary, gated, loading, empty, link_up, strict;
    struct atoll_str upstream, run_id;
    uint64_t offset, keys, version, priority;
};

struct guard { /* a sentinel */
    const struct atoll_instance *in;
    char endpoint[ENDPOINT_MAX];
    bool known, leaving, tilt, down, failing_over;
    struct atoll_str monitors, run_id, settings, failover;
    uint64_t epoch, others, replicas;
};

struct scene {
    struct pool *pool;
    const struct atoll_view *view;
    const struct atoll_component *servers_of, *guards_of;
    bool replicated;
    struct server *servers;
    struct guard *guards;
    uint32_t n_servers, n_guards;
    uint32_t wanted_servers; /* replicas asked for */
    uint32_t voters;         /* sentinels that count for a majority */
    uint32_t known_guards, known_servers;
    struct atoll_str settings_wanted; /* FACT_SETTINGS every sentinel should have */
    uint64_t quorum;
    bool strict_is_ours,
        strict; /* min-replicas-to-write: did the user leave it to us, and what we want */
    char master_name[MASTER_NAME_MAX];
};

/* false: the view has no component of servers. */
bool scene_read(struct scene *s, struct pool *pool, const struct settings *settings,
                const struct atoll_view *view);

/* What a majority of the voters monitors: the endpoint and the highest epoch there is for it; "" =
 * none. */
struct agreement {
    struct atoll_str endpoint;
    uint64_t epoch;
    uint32_t votes;
};
struct agreement scene_agreement(const struct scene *s);

const struct server *scene_server_at(const struct scene *s, struct atoll_str endpoint);
/* The claim that beats the others; NULL: nobody claims. *ret_tie: two different servers claim the
 * same. */
const struct server *scene_primary(const struct scene *s, bool *ret_tie);
/* A follower with all that `of` had when their link was last up. Without a link an offset of 0 or 1
 * is that of a server which never finished its first transfer. */
bool server_has_copy(const struct server *c, const struct server *of);
/* The follower of `m` that can take over: linked (or, when m is dead, once linked), most data
 * first. */
const struct server *scene_candidate(const struct scene *s, const struct server *m, bool need_link);

/* The parameters of a component as its sentinels must have them (plugin options, then the user's
 * own). */
struct guard_settings {
    uint64_t quorum, down_after_ms, failover_timeout_ms, parallel_syncs;
};
struct guard_settings guard_settings_of(const struct settings *settings,
                                        const struct atoll_component *sentinels, uint32_t voters);

#endif
