/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClusterIP allocation. The Services themselves are the record: the set of used addresses is built
 * from them at start and follows the store's events.
 *
 * A free address is looked for from a place that depends on the Service's name, and an address that
 * was freed a moment ago is passed over while others are free: clients may still hold connections
 * to it.
 */
#include "apiserver/services.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/rest_write.h"

#define RECENT_MAX 256 /* freed addresses that are passed over */

struct services {
    struct api *api;
    struct ip_range range;
    struct map used; /* address text -> key of its Service (heap) */
    uint32_t recent[RECENT_MAX];
    size_t recent_at;
};

/* ---- addresses ---- */

int ip_parse(const char *text, uint32_t *ret)
{
    struct in_addr a;
    if (!text || inet_pton(AF_INET, text, &a) != 1)
        return -EINVAL;
    *ret = ntohl(a.s_addr);
    return 0;
}

const char *ip_text(uint32_t ip, char out[IP_TEXT_MAX])
{
    struct in_addr a = {htonl(ip)};
    inet_ntop(AF_INET, &a, out, IP_TEXT_MAX);
    return out;
}

int ip_range_parse(const char *cidr, struct ip_range *ret, struct err **err)
{
    struct str rest = str_of(cidr), address;
    int64_t bits = 0;
    uint32_t base = 0;
    str_split(&rest, '/', &address);
    AUTO(mem_freep) char *text = mem_strndup(address.ptr ? address.ptr : "", address.len);
    if (ip_parse(text, &base) < 0 || str_to_i64(rest, &bits) < 0 || bits < 8 || bits > 30)
        return err_set(err, -EINVAL,
                       "service_cidr: want an IPv4 range with /8 to /30, found \"%s\"", cidr);
    uint32_t size = 1U << (32 - bits);
    *ret = (struct ip_range){base & ~(size - 1), size};
    return 0;
}

/* ---- the set ---- */

static bool headless(const cJSON *service)
{
    return streq(json_str(service, "spec", "clusterIP"), "None");
}

static const char *address_of(const cJSON *service)
{
    const char *ip = json_str(service, "spec", "clusterIP");
    return ip && *ip && !headless(service) ? ip : NULL;
}

static void use(struct services *s, const char *ip, const char *key)
{
    mem_free(map_set(&s->used, ip, mem_strdup(key)));
}

static void forget(struct services *s, const char *ip, const char *key)
{
    uint32_t n;
    if (!streq(map_get(&s->used, ip), key))
        return;
    mem_free(map_del(&s->used, ip));
    if (ip_parse(ip, &n) == 0)
        s->recent[s->recent_at++ % RECENT_MAX] = n;
}

static bool is_recent(const struct services *s, uint32_t ip)
{
    for (size_t i = 0; i < RECENT_MAX; i++) {
        if (s->recent[i] == ip)
            return true;
    }
    return false;
}

static bool is_used(const struct services *s, uint32_t ip)
{
    char text[IP_TEXT_MAX];
    return map_get(&s->used, ip_text(ip, text)) != NULL;
}

/* Network and broadcast address are left out. 0 when all are taken. */
static uint32_t pick(const struct services *s, const char *key, bool recent_too)
{
    uint32_t n = s->range.size - 2, start = (uint32_t)(hash_bytes(key, strlen(key)) % n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t ip = s->range.base + 1 + (start + i) % n;
        if (!is_used(s, ip) && (recent_too || !is_recent(s, ip)))
            return ip;
    }
    return 0;
}

/* ---- hooks ---- */

static int fail_address(struct call *c, const cJSON *obj, const char *ip, const char *why)
{
    struct causes causes = {.arena = c->arena};
    causes_invalid(&causes, "spec.clusterIPs", ip, why);
    return call_fail_invalid(c, "", "Service", json_str(obj, "metadata", "name"), &causes);
}

static int check_asked(struct call *c, const cJSON *obj, const char *key, const char *ip)
{
    const struct services *s = c->api->services;
    uint32_t n;
    if (ip_parse(ip, &n) < 0)
        return 0; /* the rows refuse it with all other faults */
    if (n - s->range.base >= s->range.size) {
        char low[IP_TEXT_MAX];
        return fail_address(
            c, obj, ip,
            arena_printf(c->arena,
                         "failed to allocate IP %s: the provided IP is not in the valid "
                         "range (%u addresses from %s)",
                         ip, s->range.size, ip_text(s->range.base, low)));
    }
    const char *holder = map_get(&s->used, ip);
    if (holder && !streq(holder, key))
        return fail_address(
            c, obj, ip,
            arena_printf(c->arena, "failed to allocate IP %s: provided IP is already allocated",
                         ip));
    return 0;
}

static void set_address(cJSON *obj, const char *ip)
{
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_CreateString(ip));
    json_put_str(obj, ip, "spec", "clusterIP");
    json_put(obj, list, "spec", "clusterIPs");
}

static int service_prepare(struct call *c, cJSON *obj, const cJSON *old)
{
    struct services *s = c->api->services;
    const char *name = json_str(obj, "metadata", "name"), *asked = address_of(obj);
    const char *key = rest_key(c, c->ns, name ? name : "");
    const char *type = json_str(obj, "spec", "type");
    if (streq(type, "ExternalName") || headless(obj))
        return 0;
    if (!asked && old && address_of(old)) { /* an update that does not repeat it keeps it */
        set_address(obj, address_of(old));
        return 0;
    }
    if (asked)
        return old && streq(asked, address_of(old)) ? 0 : old ? 0 : check_asked(c, obj, key, asked);
    uint32_t ip = pick(s, key, false);
    if (!ip)
        ip = pick(s, key, true);
    if (!ip)
        return call_fail(c, 500, "InternalError", "all %u addresses for Services are taken",
                         s->range.size);
    char text[IP_TEXT_MAX];
    set_address(obj, ip_text(ip, text));
    return 0;
}

static void service_created(struct call *c, const struct object *o)
{
    AUTO(json_freep) cJSON *obj = object_tree(o);
    if (address_of(obj))
        use(c->api->services, address_of(obj), o->key);
}

const struct hooks SERVICE_HOOKS = {.prepare = service_prepare, .created = service_created};

static void services_event(void *arg, const struct event *e)
{
    struct services *s = arg;
    if (!streq(e->shelf->name, "services"))
        return;
    AUTO(json_freep)
    cJSON *now = object_tree(e->obj), *before = e->prev ? object_tree(e->prev) : NULL;
    const char *ip = e->type == EVENT_DELETED ? NULL : address_of(now), *old = address_of(before);
    if (old && !streq(old, ip))
        forget(s, old, e->obj->key);
    if (ip && !streq(ip, old))
        use(s, ip, e->obj->key);
}

int services_new(struct api *api, const char *cidr, struct services **ret, struct err **err)
{
    struct ip_range range;
    int rc = ip_range_parse(cidr, &range, err);
    if (rc < 0)
        return rc;
    struct services *s = mem_new(struct services);
    s->api = api;
    s->range = range;
    const struct shelf *sh = store_find(api->store, "services");
    const struct object *o;
    for (size_t i = 0; shelf_at(sh, i, "", &o); i++) {
        AUTO(json_freep) cJSON *obj = o ? object_tree(o) : NULL;
        if (o && address_of(obj))
            use(s, address_of(obj), o->key);
    }
    store_listen(api->store, services_event, s);
    *ret = s;
    return 0;
}

void services_free(struct services *s)
{
    if (!s)
        return;
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&s->used, &it, &key, &value))
        mem_free(value);
    map_done(&s->used);
    mem_free(s);
}
