/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hook `member-leave`: an instance is about to go for good. Nothing is reset here: SENTINEL
 * RESET while anything is wrong costs the next failover its candidates. What sentinels remember of
 * the departed is taken from them later, one by one, when the shard is calm (verb `refresh` of
 * wire).
 */
#include "errand.h"

/* ---- a server: no sentinel may promote it any more
 * --------------------------------------------------------- */

static void server_withdrawn(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "CONFIG SET replica-priority"))
        errand_done(e);
}

static void server_decide(struct errand *e)
{
    if (e->target.master) {
        errand_end(e, ATOLL_CLASS_RETRY, "IsPrimary",
                   "%s is the primary: it needs a switchover first", errand_name(e, TARGET));
        return;
    }
    if (e->target.priority == PRIORITY_NEVER) {
        errand_done(e);
        return;
    }
    e->mutated = true;
    errand_ask(e, TARGET, server_withdrawn, "CONFIG SET replica-priority %d", PRIORITY_NEVER);
}

static void server_leaves(struct errand *e)
{
    if (e->shard->moving)
        errand_end(e, ATOLL_CLASS_RETRY, "Busy", "a switchover or failover of this shard runs");
    else
        errand_inspect(e, TARGET, server_decide);
}

/* ---- a sentinel: it stops taking part before it stops
 * -------------------------------------------------------- */

static void sentinel_left(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "SENTINEL REMOVE"))
        errand_done(e);
}

static void sentinel_decide(struct errand *e, const redisReply *r)
{
    if (!errand_sentinel_said(e, r))
        return;
    if (!e->sentinel.knows)
        errand_done(e);
    else if (!text_eq(e->sentinel.failover, "none"))
        errand_end(e, ATOLL_CLASS_RETRY, "FailoverInProgress", "%s leads a failover (%s)",
                   errand_name(e, TARGET), e->sentinel.failover);
    else {
        e->mutated = true;
        errand_ask(e, TARGET, sentinel_left, "SENTINEL REMOVE %s", e->shard->master_name);
    }
}

static void sentinel_leaves(struct errand *e)
{
    const struct atoll_component *c = e->talk[TARGET].home;
    uint32_t stay = 0, answer = 0;
    for (uint32_t i = 0; i < c->n_instances; i++) {
        const struct atoll_instance *in = c->instances[i];
        if (in == e->talk[TARGET].in ||
            (in->flags & (ATOLL_INSTANCE_LEAVING | ATOLL_INSTANCE_TERMINATING)))
            continue;
        stay++;
        answer += (in->flags & ATOLL_INSTANCE_ROLE_KNOWN) != 0;
    }
    if (stay > 0 && answer < stay / 2 + 1)
        errand_end(e, ATOLL_CLASS_RETRY, "NoMajority",
                   "only %u of the %u sentinels that stay answer", answer, stay);
    else
        errand_ask(e, TARGET, sentinel_decide, "SENTINEL MASTER %s", e->shard->master_name);
}

int32_t member_leave_start(void *p, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct redis *self = CAST(redis, p);
    const struct atoll_instance *leaving = call->peer ? call->peer : call->instance;
    const struct atoll_component *home = leaving ? view_home(call->view, leaving) : NULL;
    if (!home || component_kind(home) == KIND_OTHER)
        return ATOLL_ERR_INVALID;
    if (!view_replicated(call->view))
        return atoll_done(self->host, op);
    return errand_begin(self, call, op, leaving, NULL, NULL,
                        component_kind(home) == KIND_SERVER ? server_leaves : sentinel_leaves);
}
