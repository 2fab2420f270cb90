/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this engine cannot run, field by field, before anything is created. Pure.
 */
#include "params.h"
#include "redis.h"

#define MEMORY_MIN (32LL << 20)

static void say(void (*fn)(void *, const char *, struct atoll_str), const struct atoll_diag *d,
                const char *field, const char *fmt, ...) ATOLL_FORMAT(4, 5);
static void say(void (*fn)(void *, const char *, struct atoll_str), const struct atoll_diag *d,
                const char *field, const char *fmt, ...)
{
    char text[ATOLL_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fn(d->impl, field, atoll_str_of(text));
}

static void validate_options(const struct atoll_component *c, const struct atoll_diag *d)
{
    bool sentinel = component_kind(c) == KIND_SENTINEL;
    for (uint32_t i = 0; i < c->n_options; i++) {
        struct atoll_str name = c->options[i].key, value = c->options[i].value;
        const struct param *p = sentinel ? sentinel_param(name) : server_param(name);
        char field[256], fault[700];
        snprintf(field, sizeof(field), "%.*s.parameters.%.*s", STR_FMT(c->name), STR_FMT(name));
        if (!p)
            say(d->error, d, field, "no parameter of %s that can be set here",
                sentinel ? "a sentinel" : "a Redis 7 server");
        else if (param_fault(p, value, fault, sizeof(fault)))
            say(d->error, d, field, "%s", fault);
    }
}

static void validate_memory(const struct atoll_component *c, const struct atoll_diag *d)
{
    struct atoll_str asked = atoll_component_option(c, "maxmemory");
    int64_t maxmemory;
    char field[256];
    snprintf(field, sizeof(field), "%.*s.resources.limits.memory", STR_FMT(c->name));
    if (c->memory_bytes <= 0)
        return;
    if (c->memory_bytes < MEMORY_MIN)
        say(d->error, d, field, "want at least %lld bytes for a Redis server, found %lld",
            (long long)MEMORY_MIN, (long long)c->memory_bytes);
    if (memory_parse(asked, &maxmemory) && maxmemory > c->memory_bytes)
        say(d->error, d, field, "maxmemory is %lld bytes, the limit only %lld",
            (long long)maxmemory, (long long)c->memory_bytes);
    else if (memory_parse(asked, &maxmemory) && maxmemory > c->memory_bytes / 4 * 3)
        say(d->warn, d, field,
            "maxmemory is over three quarters of the limit: a snapshot under writes may need half "
            "as much "
            "again");
}

static void validate_sentinels(const struct atoll_component *servers,
                               const struct atoll_component *s, const struct atoll_diag *d)
{
    char field[256];
    if (!s) {
        snprintf(field, sizeof(field), "%.*s", STR_FMT(servers->name));
        say(d->error, d, field,
            "topology replication needs a component of definition redis-sentinel-7");
        return;
    }
    snprintf(field, sizeof(field), "%.*s.replicas", STR_FMT(s->name));
    if (s->replicas == 0)
        say(d->error, d, field, "want at least 1 sentinel, found 0");
    else if (s->replicas < 3 || s->replicas % 2 == 0)
        say(d->warn, d, field, "%u sentinels survive the loss of %u; 3 or 5 are usual", s->replicas,
            (s->replicas - 1) / 2);
    int64_t quorum;
    snprintf(field, sizeof(field), "%.*s.parameters.quorum", STR_FMT(s->name));
    if (str_i64(atoll_component_option(s, "quorum"), &quorum) && quorum > s->replicas)
        say(d->error, d, field, "want at most %u, the number of sentinels, found %lld", s->replicas,
            (long long)quorum);
}

static void validate_servers(const struct atoll_view *view, const struct atoll_component *c,
                             const struct atoll_diag *d)
{
    char field[256];
    snprintf(field, sizeof(field), "%.*s.replicas", STR_FMT(c->name));
    if (view_replicated(view)) {
        if (c->replicas == 1)
            say(d->warn, d, field, "one server has no copy to fail over to");
        validate_sentinels(c, view_sentinels(view), d);
    } else if (c->replicas > 1) {
        say(d->error, d, field,
            "topology standalone runs 1 server, found %u; use topology replication with sentinels "
            "for copies",
            c->replicas);
    }
    validate_memory(c, d);
}

void validate(void *p, const struct atoll_view *view, const struct atoll_diag *d)
{
    static const char *const topologies[] = {"standalone", "replication"};
    bool known = view->topology.len == 0;
    (void)CAST(redis, p);
    for (size_t i = 0; i < ARRAY_LEN(topologies); i++)
        known |= atoll_str_is(view->topology, topologies[i]) != 0;
    if (!known) {
        say(d->error, d, "topology", "want standalone or replication, found \"%.*s\"",
            STR_FMT(view->topology));
        return;
    }
    for (uint32_t i = 0; i < view->n_components; i++) {
        const struct atoll_component *c = view->components[i];
        if (view->component.len && !atoll_str_eq(view->component, c->name))
            continue;
        if (component_kind(c) == KIND_SERVER)
            validate_servers(view, c, d);
        if (component_kind(c) != KIND_OTHER)
            validate_options(c, d);
    }
}
