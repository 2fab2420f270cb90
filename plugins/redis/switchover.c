/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planned change of primary, without losing an acknowledged write: writes are paused on the
 * primary, the candidate reads to the end, a sentinel promotes it, the old primary is demoted while
 * its clients still wait, and only then they are let go (to a -READONLY, which makes them
 * reconnect).
 *
 * A bare SENTINEL FAILOVER would let the old primary acknowledge writes for ten more seconds, and
 * lose them. The pause stays under half of down-after: a paused primary also blocks the sentinels'
 * own messages. If this process dies in the middle, the pause ends by itself and the sentinels
 * bring the rest in order.
 *
 * The talks: TARGET is the sentinel that leads, PEER the candidate, OLD the primary that steps
 * down.
 */
#include "errand.h"

#define LAG_MAX_BYTES (16u << 20) /* further behind: the pause would not be enough */
#define POLL_MS       2

/* ---- choosing
 * ----------------------------------------------------------------------------------------- */

static const struct atoll_instance *current_primary(const struct atoll_component *c)
{
    const struct atoll_instance *best = NULL;
    for (uint32_t i = 0; i < c->n_instances; i++) {
        const struct atoll_instance *in = c->instances[i];
        if (atoll_role_is(in, ROLE_PRIMARY) && (!best || in->role_version > best->role_version))
            best = in;
    }
    return best;
}

static bool linked_replica(const struct atoll_instance *in)
{
    return atoll_role_is(in, ROLE_SECONDARY) && atoll_str_is(atoll_fact_get(in, FACT_LINK), "up") &&
           !(in->flags & (ATOLL_INSTANCE_LEAVING | ATOLL_INSTANCE_TERMINATING));
}

static const struct atoll_instance *best_replica(const struct atoll_component *c)
{
    const struct atoll_instance *best = NULL;
    uint64_t most = 0;
    for (uint32_t i = 0; i < c->n_instances; i++) {
        const struct atoll_instance *in = c->instances[i];
        uint64_t offset = str_number(atoll_fact_get(in, FACT_OFFSET), 0);
        if (linked_replica(in) && (!best || offset > most)) {
            best = in;
            most = offset;
        }
    }
    return best;
}

static const struct atoll_instance *some_sentinel(const struct atoll_view *v,
                                                  const struct atoll_instance *primary)
{
    const struct atoll_component *c = view_sentinels(v);
    char endpoint[ENDPOINT_MAX];
    if (!instance_endpoint(primary, KIND_SERVER, endpoint))
        return NULL;
    for (uint32_t i = 0; c && i < c->n_instances; i++)
        if ((c->instances[i]->flags & ATOLL_INSTANCE_ROLE_KNOWN) &&
            atoll_str_is(atoll_fact_get(c->instances[i], FACT_MONITORS), endpoint) &&
            !atoll_str_is(atoll_fact_get(c->instances[i], FACT_TILT), "yes"))
            return c->instances[i];
    return NULL;
}

/* ---- the sequence, last step first
 * ------------------------------------------------------------------------ */

static void done_with_result(struct errand *e)
{
    (void)atoll_result(e->self->host, e->op, "primary", errand_name(e, PEER));
    (void)e->self->host->op->set(e->self->host->impl, e->op, atoll_str_of("primary-instance"),
                                 e->talk[PEER].in->id);
    errand_done(e);
}

static void verify_old(struct errand *e)
{
    if (e->old.master || !text_eq(e->old.upstream, e->promoted))
        errand_end(e, ATOLL_CLASS_UNKNOWN, "OldNotDemoted", "%s does not follow %s",
                   errand_name(e, OLD), e->promoted);
    else if (!text_eq(e->promoted, errand_name(e, PEER)))
        errand_end(e, ATOLL_CLASS_UNKNOWN, "OtherPromoted",
                   "the sentinel promoted %s instead of %s", e->promoted, errand_name(e, PEER));
    else
        done_with_result(e);
}

static void released(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "CLIENT UNPAUSE"))
        errand_inspect(e, OLD, verify_old);
}

static void demoted(struct errand *e, const redisReply *r)
{
    if (errand_refused(e, r, "REPLICAOF"))
        return;
    errand_paid(e, "UNPAUSE");
    errand_ask(e, OLD, released, "CLIENT UNPAUSE");
}

static void promoted(struct errand *e)
{
    char host[ENDPOINT_MAX];
    int port;
    if (!endpoint_parse(atoll_str_of(e->promoted), host, &port))
        errand_end(e, ATOLL_CLASS_UNKNOWN, "BadAnswer", "a sentinel names %s as primary",
                   e->promoted);
    else
        errand_ask(e, OLD, demoted, "REPLICAOF %s %d", host, port);
}

/* The primary is let go again, although the sentinel may still promote: the host hears UNKNOWN and
 * looks again. */
static void not_promoted(struct errand *e)
{
    errand_end(e, ATOLL_CLASS_UNKNOWN, "NotPromoted", "%s was not promoted within %lld ms of pause",
               errand_name(e, PEER), (long long)e->budget_ms);
}

static void sentinel_told(struct errand *e, const redisReply *r)
{
    if (errand_refused(e, r, "SENTINEL FAILOVER"))
        return;
    uint64_t used = redis_now(e->self) - e->started;
    e->mutated = true;
    errand_await_promotion(e, errand_name(e, OLD),
                           (uint64_t)e->budget_ms > used ? (uint64_t)e->budget_ms - used : 0,
                           promoted, not_promoted);
}

static void compare_offsets(struct errand *e);

static void offsets_candidate(struct errand *e)
{
    if (e->peer.offset == e->old.offset)
        errand_ask(e, TARGET, sentinel_told, "SENTINEL FAILOVER %s", e->shard->master_name);
    else if (redis_now(e->self) - e->started > (uint64_t)e->budget_ms / 2)
        errand_end(e, ATOLL_CLASS_RETRY, "CandidateLags",
                   "%s is %llu bytes behind %s after %lld ms of pause", errand_name(e, PEER),
                   (unsigned long long)(e->old.offset - e->peer.offset), errand_name(e, OLD),
                   (long long)e->budget_ms / 2);
    else
        errand_pause(e, POLL_MS, compare_offsets);
}

static void offsets_old(struct errand *e)
{
    errand_inspect(e, PEER, offsets_candidate);
}

static void compare_offsets(struct errand *e)
{
    errand_inspect(e, OLD, offsets_old);
}

static void paused(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "CLIENT PAUSE"))
        compare_offsets(e);
}

static void ask_readiness(struct errand *e);

/* A sentinel reads the replicas' priorities every ten seconds. Until it has read this one's, it
 * might promote another replica or none, while writes are paused: wait before pausing. */
static void ready(struct errand *e, const redisReply *r)
{
    if (errand_refused(e, r, "SENTINEL REPLICAS"))
        return;
    if (sentinel_knows_priority(r, errand_name(e, PEER)) != PRIORITY_CHOSEN) {
        if (errand_remaining(e) > 5000)
            errand_pause(e, 100, ask_readiness);
        else
            errand_end(e, ATOLL_CLASS_RETRY, "SentinelNotReady", "%s does not yet prefer %s",
                       errand_name(e, TARGET), errand_name(e, PEER));
        return;
    }
    e->started = redis_now(e->self);
    errand_owe(e, (struct debt){OLD, "CLIENT", "UNPAUSE", NULL, NULL});
    errand_ask(e, OLD, paused, "CLIENT PAUSE %lld WRITE", (long long)e->budget_ms * 5 / 4);
}

static void ask_readiness(struct errand *e)
{
    errand_ask(e, TARGET, ready, "SENTINEL REPLICAS %s", e->shard->master_name);
}

static void preferred(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "CONFIG SET replica-priority"))
        ask_readiness(e);
}

/* ---- preconditions
 * ---------------------------------------------------------------------------------------- */

static bool candidate_fits(struct errand *e)
{
    const struct server_answer *o = &e->old, *c = &e->peer;
    const char *reason = NULL;
    if (c->master || !text_eq(c->upstream, errand_name(e, OLD)))
        reason = "NotAReplica";
    else if (!c->link_up || c->loading)
        reason = "LinkDown";
    else if (!text_eq(o->replid, c->replid))
        reason = "OtherHistory";
    else if (o->offset > c->offset && o->offset - c->offset > LAG_MAX_BYTES)
        reason = "CandidateLags";
    if (reason)
        errand_end(e, ATOLL_CLASS_RETRY, reason,
                   "%s cannot take over from %s now (upstream %s, link %s, "
                   "offset %llu of %llu)",
                   errand_name(e, PEER), errand_name(e, OLD), c->master ? "none" : c->upstream,
                   c->link_up ? "up" : "down", (unsigned long long)c->offset,
                   (unsigned long long)o->offset);
    return reason == NULL;
}

static void decide_sentinel(struct errand *e, const redisReply *r)
{
    const struct sentinel_answer *a = &e->sentinel;
    if (!errand_sentinel_said(e, r))
        return;
    if (!a->knows || !text_eq(a->monitors, errand_name(e, OLD)))
        errand_end(e, ATOLL_CLASS_RETRY, "MonitorsOther", "%s monitors %s, not %s",
                   errand_name(e, TARGET), a->knows ? a->monitors : "nobody", errand_name(e, OLD));
    else if (!text_eq(a->failover, "none") || a->down)
        errand_end(e, ATOLL_CLASS_RETRY, "FailoverInProgress",
                   "%s sees %s down or fails over already", errand_name(e, TARGET),
                   errand_name(e, OLD));
    else if (a->down_after < 400)
        errand_end(e, ATOLL_CLASS_RETRY, "DownAfterTooShort",
                   "down-after is %llu ms: writes cannot be paused safely under 400",
                   (unsigned long long)a->down_after);
    else {
        int64_t half = (int64_t)a->down_after / 2, pause = e->self->settings.switchover_pause_ms;
        e->budget_ms = (pause < half ? pause : half) * 4 / 5;
        errand_owe(e, (struct debt){PEER, "CONFIG", "SET", "replica-priority", "100"});
        errand_ask(e, PEER, preferred, "CONFIG SET replica-priority %d", PRIORITY_CHOSEN);
    }
}

static void decide_candidate(struct errand *e)
{
    if (e->peer.master && !e->old.master && text_eq(e->old.upstream, errand_name(e, PEER))) {
        done_with_result(e); /* a repetition of what is done */
        return;
    }
    if (!e->old.master || e->old.loading) {
        errand_end(e, ATOLL_CLASS_RETRY, "NotPrimary", "%s is no primary (any more)",
                   errand_name(e, OLD));
        return;
    }
    if (candidate_fits(e))
        errand_ask(e, TARGET, decide_sentinel, "SENTINEL MASTER %s", e->shard->master_name);
}

static void decide_old(struct errand *e)
{
    errand_inspect(e, PEER, decide_candidate);
}

static void begin(struct errand *e)
{
    if (errand_move_begin(e))
        errand_inspect(e, OLD, decide_old);
}

int32_t switchover_start(void *p, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct redis *self = CAST(redis, p);
    const struct atoll_component *servers = view_servers(call->view);
    if (!servers)
        return ATOLL_ERR_INVALID;
    const struct atoll_instance *old = call->instance ? call->instance : current_primary(servers);
    const struct atoll_instance *candidate = call->peer ? call->peer : best_replica(servers);
    if (!view_replicated(call->view))
        return atoll_complete(self->host, op, ATOLL_CLASS_FATAL, "NoReplication",
                              "a standalone server has nobody to hand over to");
    if (!old || !candidate || old == candidate)
        return atoll_complete(self->host, op, ATOLL_CLASS_RETRY, "NoCandidate", "there is no %s",
                              old ? "linked replica to hand over to" : "known primary");
    /* After a finished one every sentinel names the candidate: the repetition must be recognised
     * too. */
    const struct atoll_instance *guard = some_sentinel(call->view, old);
    if (!guard)
        guard = some_sentinel(call->view, candidate);
    if (!guard)
        return atoll_complete(self->host, op, ATOLL_CLASS_RETRY, "NoSentinel",
                              "no known sentinel monitors %.*s", STR_FMT(old->name));
    return errand_begin(self, call, op, guard, candidate, old, begin);
}
