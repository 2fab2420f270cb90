/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which order instances are updated, who takes over before the primary, who leaves first, and
 * which instance serves which role; and the entry of advise. Pure.
 */
#include "advice.h"

#define ADVICE_POOL_MAX (4u << 20)

void thought_wire(struct thought *t, uint32_t stage, const char *verb,
                  const struct atoll_instance *target, const struct atoll_instance *peer,
                  struct atoll_str key, const struct atoll_kv *args, uint32_t n_args,
                  struct atoll_str reason)
{
    const struct atoll_wire w = {
        .size = sizeof(w),
        .verb = verb,
        .target = target->id,
        .peer = peer ? peer->id : atoll_str_of(NULL),
        .key = key,
        .args = args,
        .n_args = n_args,
        .reason = reason,
    };
    t->out->wire(t->out->impl, stage, &w);
}

void thought_refuse(struct thought *t, const struct atoll_instance *subject, const char *reason,
                    const char *fmt, ...)
{
    char text[ATOLL_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    t->out->refuse(t->out->impl, subject ? subject->id : atoll_str_of(NULL), reason,
                   atoll_str_of(text));
}

/* ---- servers
 * ------------------------------------------------------------------------------------------ */

/* What does not work is updated first, the primary last; among equals the highest ordinal first,
 * one after the other, so that never two copies of one shard are away at once. */
static int rank(const struct server *x, const struct server *primary)
{
    return x == primary ? 2 : x->known && x->link_up ? 1 : 0;
}

static uint32_t position_of(const struct scene *s, const struct server *x,
                            const struct server *primary)
{
    uint32_t before = 0;
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *o = &s->servers[i];
        int mine = rank(x, primary), other = rank(o, primary);
        before += o != x && (other < mine || (other == mine && o->in->ordinal > x->in->ordinal));
    }
    return before;
}

static struct atoll_str victim_reason(const struct server *x, const struct server *primary)
{
    return atoll_str_of(x == primary ? "it is the primary: the last to leave"
                        : x->known   ? "a replica"
                                     : "it does not answer");
}

static void advise_victims(struct thought *t, const struct server *primary)
{
    const struct scene *s = t->scene;
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *x = &s->servers[i];
        uint32_t position = 0;
        for (uint32_t j = 0; j < s->n_servers; j++) {
            const struct server *o = &s->servers[j];
            position += o != x && o != primary && (x == primary || o->in->ordinal > x->in->ordinal);
        }
        t->out->victim(t->out->impl, position, x->in->id, victim_reason(x, primary));
    }
}

static void advise_successor(struct thought *t, const struct server *primary)
{
    const struct server *c = scene_candidate(t->scene, primary, true);
    if (c)
        t->out->switchover_before(t->out->impl, primary->in->id, c->in->id,
                                  pool_printf(t->scene->pool,
                                              "%.*s is linked and has read furthest (%llu)",
                                              STR_FMT(c->in->name), (unsigned long long)c->offset));
    else if (t->scene->wanted_servers > 1)
        thought_refuse(t, primary->in, "NoCandidate",
                       "no replica of %.*s is linked: it must not be stopped now",
                       STR_FMT(primary->in->name));
}

void advise_server_order(struct thought *t)
{
    const struct scene *s = t->scene;
    const struct server *primary = scene_primary(s, NULL);
    for (uint32_t i = 0; i < s->n_servers; i++) {
        const struct server *x = &s->servers[i];
        t->out->update_order(t->out->impl, position_of(s, x, primary), x->in->id);
        if (x == primary)
            t->out->endpoint(t->out->impl, ROLE_PRIMARY, x->in->id);
        else if (primary && x->known && x->link_up && atoll_str_is(x->upstream, primary->endpoint))
            t->out->endpoint(t->out->impl, ROLE_SECONDARY, x->in->id);
    }
    if (primary && s->replicated)
        advise_successor(t, primary);
    advise_victims(t, primary);
}

/* ---- sentinels
 * ---------------------------------------------------------------------------------------- */

void advise_sentinel_order(struct thought *t)
{
    const struct scene *s = t->scene;
    for (uint32_t i = 0; i < s->n_guards; i++) {
        const struct guard *g = &s->guards[i];
        uint32_t position = 0, leaves = 0;
        for (uint32_t j = 0; j < s->n_guards; j++) {
            const struct guard *o = &s->guards[j];
            bool higher = o->in->ordinal > g->in->ordinal;
            position += o != g && (o->known < g->known || (o->known == g->known && higher));
            leaves += o != g && higher;
        }
        t->out->update_order(t->out->impl, position, g->in->id);
        t->out->victim(t->out->impl, leaves, g->in->id,
                       atoll_str_of("the highest ordinal leaves first"));
    }
    if (s->known_guards < s->voters)
        thought_refuse(t, NULL, "SentinelMissing",
                       "%u of %u sentinels answer: another one must not be stopped now",
                       s->known_guards, s->voters);
}

/* ---- the entry
 * ---------------------------------------------------------------------------------------- */

void advise(void *p, const struct atoll_view *view, const struct atoll_advice *advice)
{
    struct redis *self = CAST(redis, p);
    const struct atoll_component *c = atoll_component_this(view);
    AUTO_POOL(pool, ADVICE_POOL_MAX);
    struct scene scene;
    struct thought t = {&scene, advice};
    if (!scene_read(&scene, pool, &self->settings, view))
        return;
    if (c && component_kind(c) == KIND_SENTINEL) {
        advise_sentinel_order(&t);
        return;
    }
    advise_wiring(&t);
    advise_server_order(&t);
}
