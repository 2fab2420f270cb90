/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who should be primary, who should follow whom, what sentinels should monitor. Pure: facts in,
 * advice out.
 *
 * The authority is the majority of the sentinels. The plugin promotes by itself only where that
 * changes nothing a majority believes: in a fresh shard nobody monitors, and a primary that came
 * back through the start gate (see GATE_ENDPOINT) while sentinels still believe in it. Everything
 * else is a failover led by one sentinel. Unknown is not gone: what does not answer is neither
 * empty nor dead.
 *
 * Not here: update order, victims, endpoints (order.c); doing it (wire.c), where every precondition
 * is read again from the servers.
 */
#include "advice.h"

#define YOUNG_MS 15000 /* a shard that starts gets this long to be complete */
#define PATIENCE_S                                                                                 \
    30 /* how long a restarted primary waits for a replica that runs but does not answer */
#define STAGE_SERVERS 0
#define STAGE_FOLLOW  1
#define STAGE_GUARDS  2

/* ---- single wires
 * ------------------------------------------------------------------------------------- */

/* "1" or "0"; empty: the user decided it in the file. */
static struct atoll_str strict_wanted(const struct scene *s)
{
    return atoll_str_of(!s->strict_is_ours ? "" : s->strict ? "1" : "0");
}

static bool strict_differs(const struct scene *s, const struct server *x)
{
    return s->strict_is_ours && x->strict != s->strict;
}

static void wire_promote(struct thought *t, const struct server *m, const char *why)
{
    const struct atoll_kv args[] = {{atoll_str_of("run-id"), m->run_id},
                                    {atoll_str_of("strict"), strict_wanted(t->scene)}};
    struct atoll_str key =
        pool_printf(t->scene->pool, "promote:%.*s:%.8s", STR_FMT(m->in->id), m->run_id.ptr);
    thought_wire(
        t, STAGE_SERVERS, "promote", m->in, NULL, key, args, ARRAY_LEN(args),
        pool_printf(t->scene->pool, "%.*s becomes primary: %s", STR_FMT(m->in->name), why));
}

static void wire_follow(struct thought *t, uint32_t stage, const struct server *x,
                        const struct server *m, const char *why)
{
    const struct atoll_kv args[] = {
        {atoll_str_of("run-id"), x->run_id},
        {atoll_str_of("upstream"), atoll_str_of(m->endpoint)},
        {atoll_str_of("upstream-run-id"), m->run_id},
    };
    struct atoll_str key = pool_printf(t->scene->pool, "follow:%.*s:%.8s:%s", STR_FMT(x->in->id),
                                       x->run_id.ptr, m->endpoint);
    thought_wire(t, stage, "follow", x->in, m->in, key, args, ARRAY_LEN(args),
                 pool_printf(t->scene->pool, "%.*s follows %.*s: %s", STR_FMT(x->in->name),
                             STR_FMT(m->in->name), why));
}

static void wire_monitor(struct thought *t, uint32_t stage, const struct guard *g,
                         const struct server *m, struct atoll_str instead_of, const char *why)
{
    struct pool *pool = t->scene->pool;
    const struct atoll_kv args[] = {
        {atoll_str_of("run-id"), g->run_id},
        {atoll_str_of("name"), atoll_str_of(t->scene->master_name)},
        {atoll_str_of("master"), atoll_str_of(m->endpoint)},
        {atoll_str_of("master-run-id"), m->run_id},
        {atoll_str_of("settings"), t->scene->settings_wanted},
        {atoll_str_of("instead-of"), instead_of},
    };
    struct atoll_str key =
        pool_printf(pool, "monitor:%.*s:%.8s:%s:%.*s", STR_FMT(g->in->id), g->run_id.ptr,
                    m->endpoint, STR_FMT(t->scene->settings_wanted));
    thought_wire(t, stage, "monitor", g->in, m->in, key, args, ARRAY_LEN(args),
                 pool_printf(pool, "%.*s monitors %.*s: %s", STR_FMT(g->in->name),
                             STR_FMT(m->in->name), why));
}

/* Every server but the old primary stayed up with a copy of its data: whichever is promoted,
 * nothing is lost. */
static bool all_copies(const struct scene *s, const struct server *from)
{
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *x = &s->servers[i];
        if (x != from && !server_has_copy(x, from))
            return false;
    }
    return s->n_servers >= s->wanted_servers;
}

static void wire_failover(struct thought *t, const struct guard *g, const struct server *from,
                          const struct server *to, uint64_t epoch, const char *why)
{
    struct pool *pool = t->scene->pool;
    const struct atoll_kv args[] = {
        {atoll_str_of("name"), atoll_str_of(t->scene->master_name)},
        {atoll_str_of("from"), atoll_str_of(from->endpoint)},
        {atoll_str_of("from-run-id"), from->run_id},
        {atoll_str_of("from-instance"), from->in->id},
        {atoll_str_of("to-run-id"), to->run_id},
        {atoll_str_of("others"), atoll_str_of(all_copies(t->scene, from) ? "copies" : "any")},
        {atoll_str_of("epoch"), pool_printf(pool, "%llu", (unsigned long long)epoch)},
    };
    struct atoll_str key = pool_printf(pool, "failover:%s:%.8s:%llu", from->endpoint,
                                       from->run_id.ptr, (unsigned long long)epoch);
    thought_wire(t, STAGE_SERVERS, "failover", g->in, to->in, key, args, ARRAY_LEN(args),
                 pool_printf(pool, "%.*s fails over to %.*s: %s", STR_FMT(g->in->name),
                             STR_FMT(to->in->name), why));
}

static void wire_forget(struct thought *t, const struct guard *g)
{
    struct pool *pool = t->scene->pool;
    const struct atoll_kv args[] = {
        {atoll_str_of("run-id"), g->run_id},
        {atoll_str_of("name"), atoll_str_of(t->scene->master_name)},
        {atoll_str_of("master"), g->monitors},
    };
    struct atoll_str key = pool_printf(pool, "forget:%.*s:%.8s:%.*s", STR_FMT(g->in->id),
                                       g->run_id.ptr, STR_FMT(g->monitors));
    thought_wire(t, STAGE_SERVERS, "forget", g->in, NULL, key, args, ARRAY_LEN(args),
                 pool_printf(pool, "%.*s forgets %.*s, where no instance lives any more",
                             STR_FMT(g->in->name), STR_FMT(g->monitors)));
}

/* Settings that depend on what the server is now. A replica that is linked may be promoted by
 * sentinels from now on; how many replicas a write needs depends on the size of the shard. */
static void wire_enlist(struct thought *t, const struct server *x)
{
    struct pool *pool = t->scene->pool;
    const struct atoll_kv args[] = {
        {atoll_str_of("run-id"), x->run_id},
        {atoll_str_of("name"), atoll_str_of(t->scene->master_name)},
        {atoll_str_of("strict"), strict_wanted(t->scene)},
    };
    struct atoll_str key = pool_printf(pool, "enlist:%.*s:%.8s:%.*s:%.*s", STR_FMT(x->in->id),
                                       x->run_id.ptr, STR_FMT(x->upstream), STR_FMT(args[2].value));
    const char *why = x->primary ? "the size of the shard decides how many replicas a write needs"
                                 : "it is linked: sentinels may promote it";
    thought_wire(t, STAGE_FOLLOW, "enlist", x->in, NULL, key, args, ARRAY_LEN(args),
                 pool_printf(pool, "%.*s: %s", STR_FMT(x->in->name), why));
}

/* It remembers sentinels or replicas that are gone, which raises the majority it needs. */
static void wire_refresh(struct thought *t, const struct guard *g)
{
    struct pool *pool = t->scene->pool;
    const struct atoll_kv args[] = {
        {atoll_str_of("run-id"), g->run_id},
        {atoll_str_of("name"), atoll_str_of(t->scene->master_name)},
        {atoll_str_of("master"), g->monitors},
        {atoll_str_of("sentinels"), pool_printf(pool, "%u", t->scene->n_guards)},
        {atoll_str_of("servers"), pool_printf(pool, "%u", t->scene->n_servers)},
    };
    struct atoll_str key =
        pool_printf(pool, "refresh:%.*s:%.8s:%llu:%llu", STR_FMT(g->in->id), g->run_id.ptr,
                    (unsigned long long)g->others, (unsigned long long)g->replicas);
    thought_wire(t, STAGE_GUARDS, "refresh", g->in, NULL, key, args, ARRAY_LEN(args),
                 pool_printf(pool,
                             "%.*s knows %llu other sentinels and %llu replicas: some are gone",
                             STR_FMT(g->in->name), (unsigned long long)g->others,
                             (unsigned long long)g->replicas));
}

/* ---- everything around a primary that stands
 * ------------------------------------------------------------ */

static void settle_follower(struct thought *t, const struct server *m, const struct server *x)
{
    if (!x->known || x->leaving)
        return;
    if (x == m) {
        if (x->primary && strict_differs(t->scene, x))
            wire_enlist(t, x);
        return;
    }
    if (atoll_str_is(x->upstream, m->endpoint)) {
        if (x->link_up && !x->loading &&
            (x->priority != PRIORITY_NORMAL || strict_differs(t->scene, x)))
            wire_enlist(t, x);
        return;
    }
    if (x->loading && !x->primary)
        return; /* REPLICAOF is refused while loading; it will be asked again */
    if (x->primary && x->version > m->version) {
        thought_refuse(
            t, x->in, "NewerPrimary",
            "%.*s claims to be primary with epoch %llu, newer than %llu of %.*s; waiting for the "
            "sentinels to agree",
            STR_FMT(x->in->name), (unsigned long long)x->version, (unsigned long long)m->version,
            STR_FMT(m->in->name));
        return;
    }
    if (m->empty && !x->empty && x->gated) {
        char m_host[ENDPOINT_MAX] = "";
        (void)instance_host(m->in, m_host);
        thought_refuse(
            t, x->in, "FollowerHasData",
            "%.*s holds %llu keys and primary %.*s none: following would erase them; if they "
            "are not wanted, run REPLICAOF %s %d on it by hand",
            STR_FMT(x->in->name), (unsigned long long)x->keys, STR_FMT(m->in->name), m_host,
            REDIS_PORT);
        return;
    }
    wire_follow(t, STAGE_FOLLOW, x, m, x->primary ? "the newer epoch wins" : "it is the primary");
}

static void settle_guard(struct thought *t, const struct server *m, const struct guard *g,
                         uint64_t epoch)
{
    if (!g->known || g->leaving)
        return;
    if (!g->monitors.len)
        wire_monitor(t, STAGE_GUARDS, g, m, g->monitors, "it monitors nobody yet");
    else if (!atoll_str_is(g->monitors, m->endpoint)) {
        /* One that knows others learns the newer epoch from them within two seconds. */
        if (g->others == 0 && g->epoch <= epoch)
            wire_monitor(t, STAGE_GUARDS, g, m, g->monitors,
                         "it is alone with an older configuration");
    } else if (!atoll_str_eq(g->settings, t->scene->settings_wanted))
        wire_monitor(t, STAGE_GUARDS, g, m, g->monitors, "its settings differ");
}

/* Everybody is there, linked and of one opinion: only then may a sentinel forget its replicas for
 * the up to ten seconds it takes to find them again, and only one sentinel at a time. */
static bool is_calm(const struct scene *s, const struct server *m)
{
    if (!m->primary || s->n_servers != s->wanted_servers || s->n_guards != s->guards_of->replicas)
        return false;
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *x = &s->servers[i];
        if (!x->known || x->leaving || x->loading ||
            (x != m && !(x->link_up && atoll_str_is(x->upstream, m->endpoint))))
            return false;
    }
    for (uint32_t i = 0; i < s->n_guards; i++) {
        const struct guard *g = &s->guards[i];
        if (!g->known || g->leaving || g->tilt || !atoll_str_is(g->monitors, m->endpoint) ||
            g->others + 1 < s->n_guards || g->replicas + 1 < s->n_servers)
            return false;
    }
    return true;
}

static void settle_ghosts(struct thought *t, const struct server *m)
{
    const struct scene *s = t->scene;
    if (!is_calm(s, m))
        return;
    for (uint32_t i = 0; i < s->n_guards; i++) {
        const struct guard *g = &s->guards[i];
        if (g->others + 1 > s->n_guards || g->replicas + 1 > s->n_servers) {
            wire_refresh(t, g);
            return;
        }
    }
}

static void settle(struct thought *t, const struct server *m, uint64_t epoch)
{
    for (uint32_t i = 0; i < t->scene->n_servers; i++)
        settle_follower(t, m, &t->scene->servers[i]);
    for (uint32_t i = 0; i < t->scene->n_guards; i++)
        settle_guard(t, m, &t->scene->guards[i], epoch);
    settle_ghosts(t, m);
}

/* ---- nobody is monitored anywhere
 * ------------------------------------------------------------------------- */

static bool eligible(const struct server *x)
{
    return x->known && !x->leaving && !x->loading && x->gated;
}

/* Most keys, then the lowest ordinal. */
static const struct server *fullest(const struct scene *s)
{
    const struct server *best = NULL;
    for (uint32_t i = 0; i < s->n_servers; i++)
        if (eligible(&s->servers[i]) && (!best || s->servers[i].keys > best->keys))
            best = &s->servers[i];
    return best;
}

static bool any_loading(const struct scene *s)
{
    for (uint32_t i = 0; i < s->n_servers; i++)
        if (s->servers[i].known && s->servers[i].loading)
            return true;
    return false;
}

/* Enough of a shard without memory is known to choose its first primary. */
static bool choice_is_safe(struct thought *t, const struct server *best)
{
    const struct scene *s = t->scene;
    uint32_t missing =
        s->wanted_servers > s->known_servers ? s->wanted_servers - s->known_servers : 0;
    if (any_loading(s)) {
        thought_refuse(t, NULL, "Loading", "waiting for servers that still load their data");
        return false;
    }
    if (missing == 0)
        return true;
    if (!best->empty) {
        thought_refuse(
            t, NULL, "WaitingForInstances",
            "no sentinel remembers a primary and %.*s holds data: all %u servers must be known "
            "before one is chosen, %u are not",
            STR_FMT(best->in->name), s->wanted_servers, missing);
        return false;
    }
    if (t->scene->view->age_ms < YOUNG_MS || s->known_servers < s->wanted_servers / 2 + 1) {
        thought_refuse(t, NULL, "WaitingForInstances", "%u of %u servers are known so far",
                       s->known_servers, s->wanted_servers);
        return false;
    }
    return true;
}

static void bootstrap(struct thought *t)
{
    const struct scene *s = t->scene;
    bool tie = false;
    const struct server *m = scene_primary(s, &tie);
    if (m && tie) {
        thought_refuse(
            t, NULL, "TwoPrimaries",
            "two servers claim to be primary with epoch %llu and no sentinel decides; make one a "
            "replica by hand",
            (unsigned long long)m->version);
        return;
    }
    if (m) {
        settle(t, m, m->version);
        return;
    }
    m = fullest(s);
    if (!m) {
        thought_refuse(t, NULL, "WaitingForInstances", "no server is ready to be promoted");
        return;
    }
    if (!choice_is_safe(t, m))
        return;
    wire_promote(
        t, m, m->empty ? "the shard is new" : "no sentinel remembers one and it holds most data");
    settle(t, m, m->version);
}

/* ---- the primary came back through the gate
 * --------------------------------------------------------------- */

static const struct guard *leader_for(const struct scene *s, const struct server *m)
{
    for (uint32_t i = 0; i < s->n_guards; i++) {
        const struct guard *g = &s->guards[i];
        if (g->known && !g->leaving && !g->tilt && atoll_str_is(g->monitors, m->endpoint))
            return g;
    }
    return NULL;
}

/* A server that runs without answering may hold newer data; one that does not run comes back gated.
 */
static const struct server *silent_one(const struct scene *s, const struct server *m)
{
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *x = &s->servers[i];
        bool runs = (x->in->flags & ATOLL_INSTANCE_RUNNING) != 0;
        if (x != m && !x->leaving &&
            ((!x->known && (runs || m->empty)) || (x->known && x->loading)))
            return x;
    }
    return NULL;
}

static bool linked_to(const struct scene *s, const struct server *m)
{
    for (uint32_t i = 0; i < s->n_servers; i++)
        if (s->servers[i].known && s->servers[i].link_up &&
            atoll_str_is(s->servers[i].upstream, m->endpoint))
            return true;
    return false;
}

static void hand_over(struct thought *t, const struct server *m, const struct server *to,
                      uint64_t epoch, const char *why)
{
    const struct guard *leader = leader_for(t->scene, m);
    if (!leader)
        thought_refuse(t, m->in, "NoLeader", "every sentinel that monitors %.*s is in TILT",
                       STR_FMT(m->in->name));
    else
        wire_failover(t, leader, m, to, epoch, why);
}

static void restarted_without_copies(struct thought *t, const struct server *m, uint64_t epoch)
{
    const struct scene *s = t->scene;
    const struct server *silent = silent_one(s, m), *best = fullest(s);
    uint64_t uptime = str_number(atoll_fact_get(m->in, FACT_UPTIME), 0);
    if (m->empty && best && !best->empty) {
        thought_refuse(
            t, m->in, "PrimaryRestartedEmpty",
            "%.*s came back without data while %.*s holds %llu keys: nobody may follow it",
            STR_FMT(m->in->name), STR_FMT(best->in->name), (unsigned long long)best->keys);
        if (!silent)
            hand_over(t, m, best, epoch, "the old primary came back empty");
        return;
    }
    if (silent && (m->empty || uptime < PATIENCE_S)) {
        thought_refuse(t, m->in, "PrimaryRestarted",
                       "%.*s restarted and waits: %.*s does not answer yet and may hold newer data",
                       STR_FMT(m->in->name), STR_FMT(silent->in->name));
        return;
    }
    wire_promote(t, m,
                 m->empty ? "it restarted, and nobody holds any data"
                          : "it restarted with its data, and no replica stayed up");
    settle(t, m, epoch);
}

static void restarted(struct thought *t, const struct server *m, uint64_t epoch)
{
    const struct server *copy = scene_candidate(t->scene, m, false);
    if (m->loading) {
        thought_refuse(t, m->in, "PrimaryLoading", "%.*s restarted and loads its data",
                       STR_FMT(m->in->name));
        return;
    }
    if (linked_to(t->scene, m)) {
        thought_refuse(t, m->in, "PrimaryRestarted",
                       "%.*s restarted; waiting for fresh answers of its replicas",
                       STR_FMT(m->in->name));
        return;
    }
    if (copy && m->empty && !copy->empty)
        thought_refuse(
            t, m->in, "PrimaryRestartedEmpty",
            "%.*s came back without data while %.*s holds %llu keys: nobody may follow it",
            STR_FMT(m->in->name), STR_FMT(copy->in->name), (unsigned long long)copy->keys);
    if (copy)
        hand_over(t, m, copy, epoch, "the primary restarted and this replica has all its writes");
    else
        restarted_without_copies(t, m, epoch);
}

/* The primary does not answer. Sentinels promote a linked replica by themselves; servers that
 * restarted since are closed to them, so when a majority holds it for dead the fullest of those is
 * chosen here. */
static void unanswered(struct thought *t, const struct server *m, uint64_t epoch)
{
    const struct scene *s = t->scene;
    const struct server *best = fullest(s), *silent = silent_one(s, m);
    uint32_t down = 0;
    bool live_copy = false;
    for (uint32_t i = 0; i < s->n_guards; i++)
        down += s->guards[i].known && s->guards[i].down &&
                atoll_str_is(s->guards[i].monitors, m->endpoint);
    for (uint32_t i = 0; i < s->n_servers; i++)
        live_copy |= &s->servers[i] != m && s->servers[i].known && !s->servers[i].gated;
    thought_refuse(t, m->in, "PrimaryUnknown",
                   "%.*s does not answer; %u of %u sentinels hold it for down",
                   STR_FMT(m->in->name), down, s->voters);
    if (best && !live_copy && !silent && down > s->voters / 2 && !best->empty)
        hand_over(t, m, best, epoch, "the primary is dead and the others restarted");
}

/* ---- what a majority believes
 * ----------------------------------------------------------------------------- */

static void follow_agreement(struct thought *t, const struct server *m, uint64_t epoch)
{
    const struct server *claims = scene_primary(t->scene, NULL);
    if (claims && claims != m && claims->version > epoch)
        thought_refuse(
            t, claims->in, "NewerPrimary",
            "%.*s was promoted with epoch %llu; waiting for a majority of the sentinels to say so",
            STR_FMT(claims->in->name), (unsigned long long)claims->version);
    else if (!m->known)
        unanswered(t, m, epoch);
    else if (m->primary)
        settle(t, m, epoch);
    else if (m->gated || m->loading)
        restarted(t, m, epoch);
    else
        thought_refuse(
            t, m->in, "PrimaryDemoted",
            "sentinels believe in %.*s, which follows %.*s; they will fail over by themselves",
            STR_FMT(m->in->name), STR_FMT(m->upstream));
}

/* The address in the sentinels' memory belongs to nobody (all instances moved). A running copy is
 * theirs to promote; without one their memory is of no use, and must go from all of them before
 * anybody monitors anew: an epoch that one of them kept would win against the new configuration. */
static void address_gone(struct thought *t, struct atoll_str endpoint)
{
    const struct scene *s = t->scene;
    for (uint32_t i = 0; i < s->n_servers; i++)
        if (s->servers[i].known && !s->servers[i].gated && !s->servers[i].primary) {
            thought_refuse(
                t, NULL, "PrimaryGone",
                "sentinels believe in %.*s, where no instance is; they will promote a replica",
                STR_FMT(endpoint));
            return;
        }
    if (s->known_guards < s->voters || s->known_servers < s->wanted_servers) {
        thought_refuse(
            t, NULL, "PrimaryGone",
            "sentinels believe in %.*s, where no instance is: %u of %u servers and %u of %u "
            "sentinels must be known before that is forgotten",
            STR_FMT(endpoint), s->known_servers, s->wanted_servers, s->known_guards, s->voters);
        return;
    }
    for (uint32_t i = 0; i < s->n_guards; i++)
        if (s->guards[i].known && s->guards[i].monitors.len &&
            !scene_server_at(s, s->guards[i].monitors))
            wire_forget(t, &s->guards[i]);
}

/* Some monitor, no majority does: wiring was interrupted, or sentinels lost their memory. */
static void complete_agreement(struct thought *t, struct agreement a)
{
    const struct server *m = scene_server_at(t->scene, a.endpoint);
    bool tie = false;
    const struct server *claims = scene_primary(t->scene, &tie);
    if (!m)
        address_gone(t, a.endpoint);
    else if (m == claims && !tie)
        settle(t, m, a.epoch);
    else
        thought_refuse(t, m->in, "NoAgreement",
                       "only %u of %u sentinels monitor %.*s, and it is not the primary", a.votes,
                       t->scene->voters, STR_FMT(m->in->name));
}

static bool failover_runs(struct thought *t)
{
    for (uint32_t i = 0; i < t->scene->n_guards; i++) {
        const struct guard *g = &t->scene->guards[i];
        if (!g->known || !g->failing_over)
            continue;
        thought_refuse(t, NULL, "FailoverInProgress", "%.*s leads a failover (%.*s)",
                       STR_FMT(g->in->name), STR_FMT(g->failover));
        return true;
    }
    return false;
}

void advise_wiring(struct thought *t)
{
    const struct scene *s = t->scene;
    uint32_t majority = s->voters / 2 + 1;
    if (!s->replicated || !s->n_servers)
        return;
    if (s->known_guards < majority) {
        thought_refuse(t, NULL, "NoSentinelMajority", "%u of %u sentinels are known, %u are needed",
                       s->known_guards, s->voters, majority);
        return;
    }
    if (failover_runs(t))
        return;
    struct agreement a = scene_agreement(s);
    const struct server *m = scene_server_at(s, a.endpoint);
    if (a.votes == 0)
        bootstrap(t);
    else if (a.votes < majority)
        complete_agreement(t, a);
    else if (!m)
        address_gone(t, a.endpoint);
    else
        follow_agreement(t, m, a.epoch);
}
