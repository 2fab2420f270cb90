/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a view into a scene; see scene.h.
 */
#include "scene.h"

static bool fact_yes(const struct atoll_instance *in, const char *key)
{
    return atoll_str_is(atoll_fact_get(in, key), "yes");
}

static uint64_t fact_number(const struct atoll_instance *in, const char *key)
{
    return str_number(atoll_fact_get(in, key), 0);
}

static bool instance_known(const struct atoll_instance *in)
{
    const uint32_t need =
        ATOLL_INSTANCE_PRESENT | ATOLL_INSTANCE_RUNNING | ATOLL_INSTANCE_ROLE_KNOWN;
    return (in->flags & need) == need;
}

static bool instance_leaving(const struct atoll_instance *in)
{
    return (in->flags & (ATOLL_INSTANCE_LEAVING | ATOLL_INSTANCE_TERMINATING)) != 0;
}

static void server_read(struct server *s, const struct atoll_instance *in)
{
    s->in = in;
    (void)instance_endpoint(in, KIND_SERVER, s->endpoint);
    s->known = instance_known(in) && s->endpoint[0] && atoll_fact_get(in, FACT_RUN_ID).len > 0;
    s->leaving = instance_leaving(in);
    if (!s->known)
        return;
    s->primary = atoll_str_is(in->role, ROLE_PRIMARY);
    s->gated = fact_yes(in, FACT_GATED);
    s->loading = fact_yes(in, FACT_LOADING);
    s->empty = fact_yes(in, FACT_EMPTY);
    s->strict = fact_yes(in, FACT_STRICT);
    s->link_up = atoll_str_is(atoll_fact_get(in, FACT_LINK), "up");
    s->upstream = atoll_fact_get(in, FACT_UPSTREAM);
    s->run_id = atoll_fact_get(in, FACT_RUN_ID);
    s->offset = fact_number(in, FACT_OFFSET);
    s->keys = fact_number(in, FACT_KEYS);
    s->priority = str_number(atoll_fact_get(in, FACT_PRIORITY), PRIORITY_NORMAL);
    s->version = in->role_version;
}

static void guard_read(struct guard *g, const struct atoll_instance *in)
{
    g->in = in;
    (void)instance_endpoint(in, KIND_SENTINEL, g->endpoint);
    g->known = instance_known(in) && g->endpoint[0] && atoll_fact_get(in, FACT_RUN_ID).len > 0;
    g->leaving = instance_leaving(in);
    if (!g->known)
        return;
    g->tilt = fact_yes(in, FACT_TILT);
    g->down = fact_yes(in, FACT_DOWN);
    g->failover = atoll_fact_get(in, FACT_FAILOVER);
    g->failing_over = g->failover.len > 0 && !atoll_str_is(g->failover, "none");
    g->monitors = atoll_fact_get(in, FACT_MONITORS);
    g->run_id = atoll_fact_get(in, FACT_RUN_ID);
    g->settings = atoll_fact_get(in, FACT_SETTINGS);
    g->epoch = fact_number(in, FACT_EPOCH);
    g->others = fact_number(in, FACT_OTHERS);
    g->replicas = fact_number(in, FACT_REPLICAS);
}

struct guard_settings guard_settings_of(const struct settings *settings,
                                        const struct atoll_component *sentinels, uint32_t voters)
{
    const struct {
        const char *name;
        uint64_t otherwise;
    } rows[] = {
        {"quorum", voters / 2 + 1},
        {"down-after-milliseconds", (uint64_t)settings->down_after_ms},
        {"failover-timeout", (uint64_t)settings->failover_timeout_ms},
        {"parallel-syncs", 1},
    };
    uint64_t value[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct atoll_str user =
            sentinels ? atoll_component_option(sentinels, rows[i].name) : atoll_str_of(NULL);
        value[i] = str_number(user, rows[i].otherwise);
    }
    return (struct guard_settings){value[0], value[1], value[2], value[3]};
}

static void scene_read_guards(struct scene *s, const struct settings *settings)
{
    const struct atoll_component *c = s->guards_of;
    uint32_t staying = 0;
    if (!c)
        return;
    s->n_guards = c->n_instances;
    s->guards = pool_array(s->pool, struct guard, c->n_instances);
    for (uint32_t i = 0; i < c->n_instances; i++) {
        guard_read(&s->guards[i], c->instances[i]);
        s->known_guards += s->guards[i].known && !s->guards[i].leaving;
        staying += !s->guards[i].leaving;
    }
    s->voters = c->replicas > staying ? c->replicas : staying;
    struct guard_settings g = guard_settings_of(settings, c, s->voters);
    s->quorum = g.quorum;
    s->settings_wanted =
        pool_printf(s->pool, "%llu/%llu/%llu/%llu", (unsigned long long)g.quorum,
                    (unsigned long long)g.down_after_ms, (unsigned long long)g.failover_timeout_ms,
                    (unsigned long long)g.parallel_syncs);
}

bool scene_read(struct scene *s, struct pool *pool, const struct settings *settings,
                const struct atoll_view *view)
{
    *s = (struct scene){.pool = pool, .view = view};
    s->servers_of = view_servers(view);
    s->replicated = view_replicated(view);
    s->guards_of = s->replicated ? view_sentinels(view) : NULL;
    if (!s->servers_of)
        return false;
    master_name(view, s->servers_of, s->master_name);
    s->wanted_servers = s->servers_of->replicas;
    s->strict_is_ours = !atoll_component_option(s->servers_of, "min-replicas-to-write").ptr;
    s->strict = s->wanted_servers >= 3; /* with two, the loss of one would stop all writes */
    s->n_servers = s->servers_of->n_instances;
    s->servers = pool_array(pool, struct server, s->n_servers);
    for (uint32_t i = 0; i < s->n_servers; i++) {
        server_read(&s->servers[i], s->servers_of->instances[i]);
        s->known_servers += s->servers[i].known;
    }
    scene_read_guards(s, settings);
    return true;
}

struct agreement scene_agreement(const struct scene *s)
{
    struct agreement best = {{NULL, 0}, 0, 0};
    for (uint32_t i = 0; i < s->n_guards; i++) {
        const struct guard *g = &s->guards[i];
        struct agreement a = {g->monitors, 0, 0};
        if (!g->known || g->leaving || !g->monitors.len)
            continue;
        for (uint32_t j = 0; j < s->n_guards; j++) {
            const struct guard *o = &s->guards[j];
            if (!o->known || o->leaving || !atoll_str_eq(o->monitors, g->monitors))
                continue;
            a.votes++;
            if (o->epoch > a.epoch)
                a.epoch = o->epoch;
        }
        if (a.votes > best.votes || (a.votes == best.votes && a.epoch > best.epoch))
            best = a;
    }
    return best;
}

const struct server *scene_server_at(const struct scene *s, struct atoll_str endpoint)
{
    for (uint32_t i = 0; i < s->n_servers; i++)
        if (endpoint.len && atoll_str_is(endpoint, s->servers[i].endpoint))
            return &s->servers[i];
    return NULL;
}

const struct server *scene_primary(const struct scene *s, bool *ret_tie)
{
    const struct server *best = NULL;
    bool tie = false;
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *c = &s->servers[i];
        if (!c->known || !c->primary)
            continue;
        if (best && c->version == best->version)
            tie = true;
        if (!best || c->version > best->version) {
            tie = false;
            best = c;
        }
    }
    if (ret_tie)
        *ret_tie = tie;
    return best;
}

bool server_has_copy(const struct server *c, const struct server *of)
{
    return c->known && !c->leaving && !c->loading && !c->gated && !c->primary &&
           atoll_str_is(c->upstream, of->endpoint) && (c->link_up || c->offset > 1);
}

const struct server *scene_candidate(const struct scene *s, const struct server *m, bool need_link)
{
    const struct server *best = NULL;
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *c = &s->servers[i];
        if (c == m || !server_has_copy(c, m) || (need_link && !c->link_up))
            continue;
        if (c->empty && !m->empty && m->known)
            continue; /* its transfer has not come through yet */
        if (!best || c->offset > best->offset)
            best = c;
    }
    return best;
}
