/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hook `wire`: one piece of advice, carried out. Advice may be old when it gets here, so every
 * verb reads its preconditions again from the servers, ends as DONE without a write when things are
 * as wanted already, and as RETRY when they are not what the advice assumed. REPLICAOF is never
 * sent to or for a server whose run id is not the one the advice was about.
 *
 * Not here: deciding (advise.c); the planned change of primary (switchover.c).
 */
#include "errand.h"

static struct atoll_str arg(const struct errand *e, const char *name)
{
    return atoll_arg(e->call, name);
}

static bool same_run(struct errand *e, enum who who, const struct server_answer *a,
                     const char *name)
{
    struct atoll_str want = arg(e, name);
    if (!want.len || atoll_str_is(want, a->run_id))
        return true;
    errand_end(e, ATOLL_CLASS_RETRY, "InstanceRestarted",
               "%s has run id %.8s, this step was for %.8s", errand_name(e, who), a->run_id,
               want.ptr);
    return false;
}

static bool not_loading(struct errand *e, enum who who, const struct server_answer *a)
{
    if (!a->loading)
        return true;
    errand_end(e, ATOLL_CLASS_RETRY, "Loading", "%s still loads its data", errand_name(e, who));
    return false;
}

/* ---- promote: open the gate of a server
 * ------------------------------------------------------------------ */

static void promote_check(struct errand *e)
{
    if (e->target.master && !e->target.loading)
        errand_done(e);
    else
        errand_end(e, ATOLL_CLASS_UNKNOWN, "NotPromoted",
                   "%s still is a replica after REPLICAOF NO ONE", errand_name(e, TARGET));
}

static void promote_sent(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "REPLICAOF NO ONE"))
        errand_inspect(e, TARGET, promote_check);
}

static void promote_decide(struct errand *e)
{
    const struct server_answer *a = &e->target;
    if (a->master && !a->loading) {
        errand_done(e);
        return;
    }
    if (!same_run(e, TARGET, a, "run-id") || !not_loading(e, TARGET, a))
        return;
    if (!a->gated) {
        errand_end(e, ATOLL_CLASS_RETRY, "NotGated",
                   "%s follows %s: somebody else decided meanwhile", errand_name(e, TARGET),
                   a->upstream);
        return;
    }
    e->mutated = true;
    if (arg(e, "strict").len) /* before the first write can come */
        errand_push(e, TARGET, "CONFIG SET min-replicas-to-write %d",
                    atoll_str_is(arg(e, "strict"), "1"));
    errand_ask(e, TARGET, promote_sent, "REPLICAOF NO ONE");
}

static void promote(struct errand *e)
{
    const struct atoll_component *c = e->talk[TARGET].home;
    for (uint32_t i = 0; i < c->n_instances; i++)
        if (c->instances[i] != e->talk[TARGET].in && atoll_role_is(c->instances[i], ROLE_PRIMARY)) {
            errand_end(e, ATOLL_CLASS_RETRY, "OtherPrimary", "%.*s is primary",
                       STR_FMT(c->instances[i]->name));
            return;
        }
    errand_inspect(e, TARGET, promote_decide);
}

/* ---- follow
 * ------------------------------------------------------------------------------------------------
 */

static void follow_check(struct errand *e)
{
    if (!e->target.master && text_eq(e->target.upstream, errand_name(e, PEER)))
        errand_done(e);
    else
        errand_end(e, ATOLL_CLASS_UNKNOWN, "NotFollowing", "%s follows %s after REPLICAOF %s",
                   errand_name(e, TARGET), e->target.master ? "nobody" : e->target.upstream,
                   errand_name(e, PEER));
}

static void follow_sent(struct errand *e, const redisReply *r)
{
    bool was_master = e->target.master;
    if (errand_refused(e, r, "REPLICAOF"))
        return;
    if (was_master) /* its clients believe they talk to the primary */
        errand_push(e, TARGET, "CLIENT KILL TYPE normal SKIPME yes");
    errand_inspect(e, TARGET, follow_check);
}

static void follow_decide(struct errand *e)
{
    const struct server_answer *x = &e->target, *m = &e->peer;
    if (!m->master || m->loading) {
        errand_end(e, ATOLL_CLASS_RETRY, "NotPrimary", "%s is no primary: nobody may follow it now",
                   errand_name(e, PEER));
        return;
    }
    if (!same_run(e, PEER, m, "upstream-run-id"))
        return;
    if (m->empty && !x->empty && x->gated) {
        errand_end(e, ATOLL_CLASS_RETRY, "FollowerHasData",
                   "%s holds %llu keys, primary %s none: following would erase them",
                   errand_name(e, TARGET), (unsigned long long)x->keys, errand_name(e, PEER));
        return;
    }
    e->mutated = true;
    errand_ask(e, TARGET, follow_sent, "REPLICAOF %s %d", e->talk[PEER].host, REDIS_PORT);
}

static void follow_target(struct errand *e)
{
    const struct server_answer *x = &e->target;
    if (!x->master && text_eq(x->upstream, errand_name(e, PEER))) {
        errand_done(e);
        return;
    }
    if (!same_run(e, TARGET, x, "run-id") || !not_loading(e, TARGET, x))
        return;
    errand_inspect(e, PEER, follow_decide);
}

static void follow(struct errand *e)
{
    struct atoll_str want = arg(e, "upstream");
    if (!e->talk[PEER].in)
        errand_end(e, ATOLL_CLASS_FATAL, "BadArgument", "follow needs a peer");
    else if (want.len && !atoll_str_is(want, errand_name(e, PEER)))
        errand_end(e, ATOLL_CLASS_RETRY, "PeerMoved", "the primary is at %s now, not at %.*s",
                   errand_name(e, PEER), STR_FMT(want));
    else
        errand_inspect(e, TARGET, follow_target);
}

/* ---- enlist: a linked replica may be promoted by sentinels; how many replicas a write needs ----
 */

static void enlist_sent(struct errand *e, const redisReply *r)
{
    if (errand_refused(e, r, "CONFIG SET"))
        return;
    if (e->complaint[0])
        errand_end(e, ATOLL_CLASS_RETRY, "Refused", "CONFIG SET on %s: %s", errand_name(e, TARGET),
                   e->complaint);
    else
        errand_done(e);
}

static void enlist_decide(struct errand *e)
{
    const struct server_answer *x = &e->target;
    struct atoll_str strict = arg(e, "strict");
    bool open = !x->master && x->priority != PRIORITY_NORMAL;
    bool set = strict.len > 0 && x->strict != (atoll_str_is(strict, "1") != 0);
    if (!open && !set) {
        errand_done(e);
        return;
    }
    if (!same_run(e, TARGET, x, "run-id"))
        return;
    if (!x->master && (!x->link_up || x->loading)) {
        errand_end(e, ATOLL_CLASS_RETRY, "LinkDown", "%s lost its link to %s",
                   errand_name(e, TARGET), x->upstream);
        return;
    }
    e->mutated = true;
    if (set)
        errand_push(e, TARGET, "CONFIG SET min-replicas-to-write %d", atoll_str_is(strict, "1"));
    if (open)
        errand_push(e, TARGET, "CONFIG SET replica-priority %d", PRIORITY_NORMAL);
    errand_ask(e, TARGET, enlist_sent, "PING");
}

static void enlist(struct errand *e)
{
    if (e->shard->moving) /* that one sets priorities too */
        errand_end(e, ATOLL_CLASS_RETRY, "Busy", "a switchover or failover of this shard runs");
    else
        errand_inspect(e, TARGET, enlist_decide);
}

/* ---- what sentinels have to say
 * ------------------------------------------------------------------------------ */

static void ask_sentinel(struct errand *e, errand_answer *then)
{
    errand_ask(e, TARGET, then, "SENTINEL MASTER %s", e->shard->master_name);
}

static bool sentinel_has_settings(struct errand *e)
{
    const struct sentinel_answer *a = &e->sentinel;
    char settings[96];
    snprintf(settings, sizeof(settings), "%llu/%llu/%llu/%llu", (unsigned long long)a->quorum,
             (unsigned long long)a->down_after, (unsigned long long)a->failover_timeout,
             (unsigned long long)a->parallel_syncs);
    return atoll_str_is(arg(e, "settings"), settings);
}

/* ---- monitor
 * ---------------------------------------------------------------------------------------------------
 */

static void monitor_verify(struct errand *e, const redisReply *r)
{
    if (!errand_sentinel_said(e, r))
        return;
    if (e->complaint[0])
        errand_end(e, ATOLL_CLASS_UNKNOWN, "Refused", "%s: %s", errand_name(e, TARGET),
                   e->complaint);
    else if (!e->sentinel.knows || !text_eq(e->sentinel.monitors, errand_name(e, PEER)) ||
             !sentinel_has_settings(e))
        errand_end(e, ATOLL_CLASS_UNKNOWN, "NotMonitoring", "%s does not monitor %s as it was told",
                   errand_name(e, TARGET), errand_name(e, PEER));
    else
        errand_done(e);
}

/* "quorum/down-after/failover-timeout/parallel-syncs" */
static bool settings_split(struct atoll_str text, uint64_t value[4])
{
    unsigned n = 0;
    for (uint64_t i = 0; i <= text.len && n < 4; n++) {
        uint64_t end = i;
        while (end < text.len && text.ptr[end] != '/')
            end++;
        if (!str_u64((struct atoll_str){text.ptr + i, end - i}, &value[n]) || value[n] == 0)
            return false;
        i = end + 1;
    }
    return n == 4;
}

static void monitor_set(struct errand *e, const uint64_t v[4])
{
    const char *name = e->shard->master_name;
    struct login login = component_login(e->self->host, e->op, e->talk[PEER].home);
    errand_push(e, TARGET,
                "SENTINEL SET %s quorum %llu down-after-milliseconds %llu failover-timeout %llu "
                "parallel-syncs %llu",
                name, (unsigned long long)v[0], (unsigned long long)v[1], (unsigned long long)v[2],
                (unsigned long long)v[3]);
    if (!login.password.len)
        return;
    char password[256]; /* NUL-terminated for the formatter, wiped below */
    if (atoll_str_copy(login.password, password, sizeof(password)) == ATOLL_OK)
        errand_push(e, TARGET, "SENTINEL SET %s auth-pass %s", name, password);
    else
        snprintf(e->complaint, sizeof(e->complaint), "the password has more than %zu bytes",
                 sizeof(password) - 1);
    explicit_bzero(password, sizeof(password));
}

/* Sentinels that lost their memory start at epoch 0, and every later claim would lose against the
 * ones the host remembers. A vote in a later epoch (for nobody: the id is made up) lifts the
 * current epoch. */
static void monitor_lift_epoch(struct errand *e)
{
    const struct epoch_book *b = &e->shard->book;
    uint64_t epoch = b->running + (strcmp(b->master, errand_name(e, PEER)) != 0);
    if (b->running > 0)
        errand_push(e, TARGET, "SENTINEL IS-MASTER-DOWN-BY-ADDR %s %d %llu %s", e->talk[PEER].host,
                    REDIS_PORT, (unsigned long long)epoch,
                    "0000000000000000000000000000000000000000");
}

static void monitor_write(struct errand *e)
{
    const char *name = e->shard->master_name;
    bool known = e->sentinel.knows && text_eq(e->sentinel.monitors, errand_name(e, PEER));
    uint64_t v[4];
    if (!e->peer.master || e->peer.loading || e->peer.gated) {
        errand_end(e, ATOLL_CLASS_RETRY, "NotPrimary",
                   "%s is no primary: it must not be monitored as one", errand_name(e, PEER));
        return;
    }
    if (!same_run(e, PEER, &e->peer, "master-run-id"))
        return;
    if (!settings_split(arg(e, "settings"), v)) {
        errand_end(e, ATOLL_CLASS_FATAL, "BadArgument",
                   "settings: want four numbers, found \"%.*s\"", STR_FMT(arg(e, "settings")));
        return;
    }
    e->mutated = true;
    if (e->sentinel.knows && !known)
        errand_push(e, TARGET, "SENTINEL REMOVE %s", name);
    if (!known)
        errand_push(e, TARGET, "SENTINEL MONITOR %s %s %d %llu", name, e->talk[PEER].host,
                    REDIS_PORT, (unsigned long long)v[0]);
    monitor_set(e, v);
    if (!known)
        monitor_lift_epoch(e);
    ask_sentinel(e, monitor_verify);
}

static void monitor_decide(struct errand *e, const redisReply *r)
{
    const struct sentinel_answer *a = &e->sentinel;
    if (!errand_sentinel_said(e, r))
        return;
    bool right = a->knows && text_eq(a->monitors, errand_name(e, PEER));
    if (right && sentinel_has_settings(e))
        errand_done(e);
    else if (a->knows && !right && !atoll_str_is(arg(e, "instead-of"), a->monitors))
        errand_end(e, ATOLL_CLASS_RETRY, "MonitorsOther", "%s monitors %s under epoch %llu",
                   errand_name(e, TARGET), a->monitors, (unsigned long long)a->epoch);
    else
        errand_inspect(e, PEER, monitor_write);
}

static void monitor(struct errand *e)
{
    if (!e->talk[PEER].in)
        errand_end(e, ATOLL_CLASS_FATAL, "BadArgument", "monitor needs a peer");
    else
        ask_sentinel(e, monitor_decide);
}

/* ---- forget, refresh
 * ------------------------------------------------------------------------------------------- */

static void sentinel_told(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "SENTINEL"))
        errand_done(e);
}

static bool monitors_as_advised(struct errand *e)
{
    if (atoll_str_is(arg(e, "master"), e->sentinel.monitors))
        return true;
    errand_end(e, ATOLL_CLASS_RETRY, "MonitorsOther", "%s monitors %s, this step was for %.*s",
               errand_name(e, TARGET), e->sentinel.monitors, STR_FMT(arg(e, "master")));
    return false;
}

static void forget_decide(struct errand *e, const redisReply *r)
{
    if (!errand_sentinel_said(e, r))
        return;
    if (!e->sentinel.knows) {
        errand_done(e);
    } else if (monitors_as_advised(e)) {
        e->mutated = true;
        errand_ask(e, TARGET, sentinel_told, "SENTINEL REMOVE %s", e->shard->master_name);
    }
}

static void forget(struct errand *e)
{
    ask_sentinel(e, forget_decide);
}

/* A RESET while the master is down would leave no candidate for a failover, for good. */
static void refresh_decide(struct errand *e, const redisReply *r)
{
    const struct sentinel_answer *a = &e->sentinel;
    if (!errand_sentinel_said(e, r) || !monitors_as_advised(e))
        return;
    if (a->others + 1 <= str_number(arg(e, "sentinels"), 0) &&
        a->replicas + 1 <= str_number(arg(e, "servers"), 0)) {
        errand_done(e); /* it was reset already: once more would cost it its replicas again */
        return;
    }
    if (a->down || !text_eq(a->failover, "none")) {
        errand_end(e, ATOLL_CLASS_RETRY, "NotCalm", "%s sees the primary down or fails over",
                   errand_name(e, TARGET));
        return;
    }
    e->mutated = true;
    errand_ask(e, TARGET, sentinel_told, "SENTINEL RESET %s", e->shard->master_name);
}

static void refresh(struct errand *e)
{
    ask_sentinel(e, refresh_decide);
}

/* ---- failover: one sentinel promotes the peer, the old primary being out of service
 * ---------------------- */

static void failover_late(struct errand *e)
{
    errand_end(e, ATOLL_CLASS_UNKNOWN, "NotPromoted", "nobody was promoted in time, %s was chosen",
               errand_name(e, PEER));
}

static void failover_tell(struct errand *e);
static void failover_check(struct errand *e);

static void failover_told(struct errand *e, const redisReply *r)
{
    /* A sentinel may have to read the candidate's new priority first, which it does every 10 s. */
    if (r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "NOGOODSLAVE", 11) &&
        errand_remaining(e) > 3000) {
        errand_pause(e, 200, failover_tell);
        return;
    }
    if (errand_refused(e, r, "SENTINEL FAILOVER"))
        return;
    e->mutated = true;
    errand_await_promotion(e, errand_name(e, OLD), (uint64_t)errand_remaining(e) - 1000,
                           errand_done, failover_late);
}

static void failover_tell(struct errand *e)
{
    errand_ask(e, TARGET, failover_told, "SENTINEL FAILOVER %s", e->shard->master_name);
}

/* It reads priorities every ten seconds. What it remembers of a server that restarted is from
 * before: unless every other one is a copy that stayed up, it must have read the choice first, or
 * it may promote a server that came back empty. */
static void failover_compare(struct errand *e, const redisReply *r)
{
    if (errand_refused(e, r, "SENTINEL REPLICAS"))
        return;
    if (sentinel_knows_priority(r, errand_name(e, PEER)) == PRIORITY_CHOSEN)
        failover_tell(e);
    else if (errand_remaining(e) > 3000)
        errand_pause(e, 100, failover_check);
    else
        errand_end(e, ATOLL_CLASS_RETRY, "SentinelNotReady", "%s does not yet prefer %s",
                   errand_name(e, TARGET), errand_name(e, PEER));
}

static void failover_check(struct errand *e)
{
    if (atoll_str_is(arg(e, "others"), "copies"))
        failover_tell(e);
    else
        errand_ask(e, TARGET, failover_compare, "SENTINEL REPLICAS %s", e->shard->master_name);
}

static void failover_chosen(struct errand *e, const redisReply *r)
{
    if (!errand_refused(e, r, "CONFIG SET replica-priority"))
        failover_check(e);
}

static void failover_prepare(struct errand *e)
{
    const struct server_answer *c = &e->peer;
    if (c->master) {
        errand_done(e);
        return;
    }
    if (!same_run(e, PEER, c, "to-run-id") || !not_loading(e, PEER, c))
        return;
    errand_owe(e, (struct debt){PEER, "CONFIG", "SET", "replica-priority", "100"});
    errand_ask(e, PEER, failover_chosen, "CONFIG SET replica-priority %d", PRIORITY_CHOSEN);
}

static void failover_old_answers(struct errand *e)
{
    if (e->old.master && !e->old.gated)
        errand_end(e, ATOLL_CLASS_RETRY, "PrimaryIsBack",
                   "%s serves as primary: a failover now would lose its writes",
                   errand_name(e, OLD));
    else if (same_run(e, OLD, &e->old, "from-run-id"))
        errand_inspect(e, PEER, failover_prepare);
}

static void failover_old_is_silent(struct errand *e)
{
    if (e->sentinel.down)
        errand_inspect(e, PEER, failover_prepare);
    else
        errand_end(e, ATOLL_CLASS_RETRY, "PrimaryUnknown",
                   "%s does not answer, and %s does not hold it for dead", errand_name(e, OLD),
                   errand_name(e, TARGET));
}

static void failover_decide(struct errand *e, const redisReply *r)
{
    const struct sentinel_answer *a = &e->sentinel;
    if (!errand_sentinel_said(e, r))
        return;
    if (a->knows && text_eq(a->monitors, errand_name(e, PEER)))
        errand_done(e);
    else if (!a->knows || !atoll_str_is(arg(e, "from"), a->monitors))
        errand_end(e, ATOLL_CLASS_RETRY, "MonitorsOther",
                   "%s monitors %s, this failover was from %.*s", errand_name(e, TARGET),
                   a->knows ? a->monitors : "nobody", STR_FMT(arg(e, "from")));
    else if (!text_eq(a->failover, "none"))
        errand_end(e, ATOLL_CLASS_RETRY, "FailoverInProgress", "%s leads a failover already (%s)",
                   errand_name(e, TARGET), a->failover);
    else {
        e->on_silence = failover_old_is_silent;
        errand_inspect(e, OLD, failover_old_answers);
    }
}

static void failover(struct errand *e)
{
    if (!e->talk[PEER].in || !e->talk[OLD].in)
        errand_end(e, ATOLL_CLASS_FATAL, "BadArgument", "failover needs a peer and from-instance");
    else if (errand_move_begin(e))
        ask_sentinel(e, failover_decide);
}

/* ---- the hook
 * -------------------------------------------------------------------------------------------------
 */

int32_t wire_start(void *p, const struct atoll_hook_call *call, struct atoll_op op)
{
    static const struct {
        const char *verb;
        errand_step *first;
        enum kind target;
    } verbs[] = {
        {"promote", promote, KIND_SERVER},     {"follow", follow, KIND_SERVER},
        {"enlist", enlist, KIND_SERVER},       {"monitor", monitor, KIND_SENTINEL},
        {"forget", forget, KIND_SENTINEL},     {"refresh", refresh, KIND_SENTINEL},
        {"failover", failover, KIND_SENTINEL},
    };
    struct redis *self = CAST(redis, p);
    struct atoll_str verb = atoll_arg(call, "verb"), from = atoll_arg(call, "from-instance");
    const struct atoll_instance *old = from.len ? atoll_instance_by_id(call->view, from) : NULL;
    const struct atoll_component *home =
        call->instance ? view_home(call->view, call->instance) : NULL;
    for (size_t i = 0; home && i < ARRAY_LEN(verbs); i++)
        if (atoll_str_is(verb, verbs[i].verb) && component_kind(home) == verbs[i].target)
            return errand_begin(self, call, op, call->instance, call->peer, old, verbs[i].first);
    atoll_logf(self->host, ATOLL_LOG_WARN, "wire: verb \"%.*s\" does not fit its target",
               STR_FMT(verb));
    return ATOLL_ERR_INVALID;
}
