/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a view; see cluster.h.
 */
#include "cluster.h"

/* By the name of the definition; a digit follows, so "redis-sentinel-7" is no server. */
enum kind component_kind(const struct atoll_component *c)
{
    static const struct {
        const char *start;
        enum kind kind;
    } rows[] = {
        {"redis-sentinel-", KIND_SENTINEL},
        {"redis-", KIND_SERVER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].start);
        if (c->definition.len > n && !memcmp(c->definition.ptr, rows[i].start, n) &&
            c->definition.ptr[n] >= '0' && c->definition.ptr[n] <= '9')
            return rows[i].kind;
    }
    return KIND_OTHER;
}

int kind_port(enum kind k)
{
    return k == KIND_SENTINEL ? SENTINEL_PORT : REDIS_PORT;
}

const struct atoll_component *view_home(const struct atoll_view *v, const struct atoll_instance *in)
{
    return atoll_component_named(v, in->component);
}

static const struct atoll_component *view_first(const struct atoll_view *v, enum kind k)
{
    for (uint32_t i = 0; i < v->n_components; i++)
        if (component_kind(v->components[i]) == k)
            return v->components[i];
    return NULL;
}

const struct atoll_component *view_servers(const struct atoll_view *v)
{
    const struct atoll_component *c = atoll_component_this(v);
    return c && component_kind(c) == KIND_SERVER ? c : view_first(v, KIND_SERVER);
}

const struct atoll_component *view_sentinels(const struct atoll_view *v)
{
    return view_first(v, KIND_SENTINEL);
}

bool view_replicated(const struct atoll_view *v)
{
    if (v->topology.len)
        return atoll_str_is(v->topology, "replication");
    return view_sentinels(v) != NULL;
}

void master_name(const struct atoll_view *v, const struct atoll_component *servers,
                 char out[MASTER_NAME_MAX])
{
    snprintf(out, MASTER_NAME_MAX, "%.*s.%.*s", STR_FMT(v->cluster), STR_FMT(servers->name));
    for (char *at = out; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *at))
            *at = '.';
}

bool instance_host(const struct atoll_instance *in, char host[ENDPOINT_MAX])
{
    return in->address.len > 0 && atoll_str_copy(in->address, host, ENDPOINT_MAX) == ATOLL_OK;
}

bool instance_endpoint(const struct atoll_instance *in, enum kind k, char out[ENDPOINT_MAX])
{
    return endpoint_format(out, in->address.ptr, (size_t)in->address.len, (uint64_t)kind_port(k));
}

struct login component_login(const struct atoll_host *host, struct atoll_op op,
                             const struct atoll_component *c)
{
    struct login login = {{NULL, 0}, {NULL, 0}};
    const struct atoll_account *a = atoll_account_named(c, "default");
    if (a && a->secret.len &&
        host->secret->get(host->impl, op, a->secret, &login.password) == ATOLL_OK &&
        login.password.len)
        login.username = a->username.len ? a->username : atoll_str_of("default");
    return login;
}
