/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version of a claim to be primary. Pure bookkeeping over what sentinels said; no I/O, no
 * clock.
 *
 * The rule. Sentinel numbers every configuration of a master name with a config-epoch, and every
 * attempt at a failover with a new, higher epoch. So:
 *  - the server that the newest known configuration names claims with that config-epoch;
 *  - a server seen to turn from replica into primary while an attempt is running (an epoch above
 * the newest configuration was announced) claims with the epoch of the attempt: ROLE says `master`
 * up to two seconds before +switch-master does, and this claim must beat the old primary's;
 *  - any other primary (an old one that comes back) keeps what it had, else 0;
 *  - a claim never falls while the server stays primary under the same run id;
 *  - without sentinels (topology standalone) there is one server and its version is always 0:
 * nobody else can claim, so there is nothing to order. The host moves an exclusive role only to a
 * higher version, so two servers that both claim the same one cannot make it flap.
 */
#ifndef REDIS_EPOCH_H
#define REDIS_EPOCH_H

#include "answer.h"

struct epoch_book {
    char master[ENDPOINT_MAX]; /* of the newest configuration; "" = none known */
    uint64_t config;           /* its config-epoch */
    uint64_t running;          /* highest epoch announced (+new-epoch) */
};

struct epoch_claim {
    bool fresh; /* it was seen as a replica before it became primary, no configuration names it yet
                 */
    uint64_t version;
};

/* A sentinel believes in `master` under `epoch`. True when this changed the book. */
bool epoch_configured(struct epoch_book *b, const char *master, uint64_t epoch);
/* +new-epoch N. True when it was news. */
bool epoch_announced(struct epoch_book *b, uint64_t epoch);

/* The server at `endpoint` says it is primary; `was_replica`: the answer before this one said
 * replica. */
uint64_t epoch_claim_update(const struct epoch_book *b, struct epoch_claim *c, const char *endpoint,
                            bool was_replica);
/* It is no primary (any more), or restarted. */
void epoch_claim_clear(struct epoch_claim *c);

#endif
