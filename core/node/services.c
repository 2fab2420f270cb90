/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services of the node. One changed Pod touches the Services that select it and no others: every
 * Service hangs in a bucket of one label its selector asks for (the one fewest Services ask for),
 * and a Pod looks into the buckets of its own labels. What follows from a change goes out in this
 * order: the backends of the ClusterIP at once, names, then the objects in the API.
 */
#define LOG_ROOM "node"
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "node/haproxy.h"
#include "node/state.h"

#define MANAGED_BY "node.atoll.io"
enum { ARENA_MAX = 64 * 1024 * 1024 };

struct bucket {
    struct list services;
    size_t asked; /* Services that have this pair in their selector, in this bucket or another */
};

struct service {
    struct list in_bucket;
    char *key, *bucket; /* "ns/name"; "ns/label=value", NULL without a selector */
    cJSON *selector;
    struct map members; /* keys of Pods */
    char **proxies;     /* declared for it */
    size_t n_proxies;
    struct map sent; /* object name -> "hash version" of our last patch */
    bool told;       /* that nobody carries its ClusterIP */
};

#define services_MAGIC 0x73766373u
struct services {
    uint32_t magic;
    struct node *node;
    struct map all;           /* key -> struct service */
    struct map buckets;       /* pair -> struct bucket */
    struct kube_queue *queue; /* Services whose objects may have to be written */
    struct haproxy *haproxy;  /* NULL: not installed */
    char *no_haproxy;
    bool caches_ready, haproxy_ready, go;
};

/* ---- buckets ------------------------------------------------------------------------------------
 */

static char *pair_of(const char *ns, const char *label, const char *value)
{
    return mem_printf("%s/%s=%s", ns, label, value ? value : "");
}

static struct bucket *bucket_get(struct services *s, const char *pair)
{
    struct bucket *b = map_get(&s->buckets, pair);
    if (!b) {
        b = mem_new(struct bucket);
        list_init(&b->services);
        map_set(&s->buckets, pair, b);
    }
    return b;
}

static const char *ns_of(const char *key, char out[256])
{
    struct str rest = str_of(key), ns;
    str_split(&rest, '/', &ns);
    size_t n = ns.len < 255 ? ns.len : 255;
    memcpy(out, ns.ptr, n);
    out[n] = '\0';
    return out;
}

static void bucket_join(struct services *s, struct service *svc)
{
    char ns[256];
    size_t fewest = SIZE_MAX;
    ns_of(svc->key, ns);
    json_foreach (l, svc->selector) {
        char *pair = pair_of(ns, l->string, l->valuestring);
        struct bucket *b = bucket_get(s, pair);
        if (++b->asked < fewest) {
            fewest = b->asked;
            mem_free(svc->bucket);
            svc->bucket = TAKE(pair);
        }
        mem_free(pair);
    }
    if (svc->bucket)
        list_append(&bucket_get(s, svc->bucket)->services, &svc->in_bucket);
}

static void bucket_leave(struct services *s, struct service *svc)
{
    char ns[256];
    ns_of(svc->key, ns);
    list_remove(&svc->in_bucket);
    mem_free(TAKE(svc->bucket));
    json_foreach (l, svc->selector) {
        AUTO(mem_freep) char *pair = pair_of(ns, l->string, l->valuestring);
        struct bucket *b = map_get(&s->buckets, pair);
        if (b && --b->asked == 0) {
            map_del(&s->buckets, pair);
            mem_free(b);
        }
    }
}

/* ---- one Service --------------------------------------------------------------------------------
 */

static void sent_clear(struct service *svc)
{
    void *v;
    for (size_t it = 0; map_next(&svc->sent, &it, NULL, &v);)
        mem_free(v);
    map_done(&svc->sent);
    svc->sent = MAP_INIT;
}

static void service_free(struct services *s, struct service *svc)
{
    bucket_leave(s, svc);
    map_del(&s->all, svc->key);
    for (size_t i = 0; i < svc->n_proxies; i++)
        mem_free(svc->proxies[i]);
    mem_free(svc->proxies);
    sent_clear(svc);
    map_done(&svc->sent);
    map_done(&svc->members);
    cJSON_Delete(svc->selector);
    mem_free(svc->key);
    mem_free(svc);
}

static bool selects(const struct service *svc, const cJSON *pod)
{
    return svc->selector && svc->selector->child &&
           kube_selector_matches(svc->selector, json_at(pod, "metadata", "labels"));
}

/* Take the selector of the object; look for its Pods in the index when it is new. */
static void service_select(struct services *s, struct service *svc, const cJSON *object)
{
    const cJSON *selector = json_at(object, "spec", "selector");
    AUTO(arena_freep) struct arena *a = arena_new(ARENA_MAX);
    const cJSON **pods;
    if (svc->selector && selector && json_equal(svc->selector, selector))
        return;
    if (!svc->selector && !selector)
        return;
    bucket_leave(s, svc);
    cJSON_Delete(svc->selector);
    svc->selector = selector ? cJSON_Duplicate(selector, true) : NULL;
    map_done(&svc->members);
    svc->members = MAP_INIT;
    bucket_join(s, svc);
    if (!svc->bucket)
        return;
    size_t n = kube_cache_find(s->node->pods_cache, s->node->pods_by_label, svc->bucket, a, &pods);
    for (size_t i = 0; i < n; i++)
        if (selects(svc, pods[i]))
            map_set(&svc->members, kube_key(a, pods[i]), svc);
}

static size_t member_pods(struct services *s, const struct service *svc, struct arena *a,
                          const cJSON ***ret)
{
    const char **keys = map_keys_sorted(&svc->members, a);
    const cJSON **pods = arena_array(a, const cJSON *, map_len(&svc->members) + 1);
    size_t n = 0;
    for (; *keys; keys++) {
        const cJSON *pod = kube_cache_get_key(s->node->pods_cache, *keys);
        if (pod)
            pods[n++] = pod;
    }
    *ret = pods;
    return n;
}

/* ---- ClusterIP ----------------------------------------------------------------------------------
 */

static const char *cluster_ip(const cJSON *object)
{
    const char *ip = json_str(object, "spec", "clusterIP");
    bool none = !ip || !ip[0] || streq(ip, "None") ||
                streq(json_str(object, "spec", "type"), "ExternalName");
    return none ? NULL : ip;
}

/* A Service without a selector: somebody else writes its Endpoints object. */
static size_t manual_targets(const cJSON *endpoints, const char *port_name, struct arena *a,
                             const char ***ret)
{
    size_t n = 0, max = 0;
    json_foreach (subset, json_at(endpoints, "subsets"))
        max += (size_t)cJSON_GetArraySize(json_at(subset, "addresses"));
    *ret = arena_array(a, const char *, max + 1);
    json_foreach (subset, json_at(endpoints, "subsets")) {
        json_foreach (port, json_at(subset, "ports")) {
            const char *name = json_str(port, "name");
            if (!streq(name ? name : "", port_name))
                continue;
            json_foreach (address, json_at(subset, "addresses"))
                if (json_str(address, "ip") && n < max)
                    (*ret)[n++] = arena_printf(a, "%s:%d", json_str(address, "ip"),
                                               (int)json_int(0, port, "port"));
            break;
        }
    }
    return n;
}

static bool listed(char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (streq(list[i], name))
            return true;
    return false;
}

static void proxies_take(struct services *s, struct service *svc, char **names, size_t n)
{
    for (size_t i = 0; i < svc->n_proxies; i++) {
        if (!listed(names, n, svc->proxies[i]))
            haproxy_remove(s->haproxy, svc->proxies[i]);
        mem_free(svc->proxies[i]);
    }
    mem_free(svc->proxies);
    svc->proxies = names;
    svc->n_proxies = n;
}

static void balance(struct services *s, struct service *svc, const cJSON *object,
                    const struct endpoint_set *set, struct arena *a)
{
    const char *ip = cluster_ip(object);
    const cJSON *ports = json_at(object, "spec", "ports");
    if (!s->haproxy) {
        if (ip && !svc->told)
            kube_event(s->node->events, object, true, "ClusterIPNotServed",
                       "nobody listens on %s: %s", ip, s->no_haproxy);
        svc->told = true;
        return;
    }
    size_t n = 0, max = ip ? (size_t)cJSON_GetArraySize(ports) : 0;
    char **names = max ? mem_calloc(max, sizeof(char *)) : NULL;
    bool sticky = streq(json_str(object, "spec", "sessionAffinity"), "ClientIP");
    const cJSON *manual =
        svc->bucket ? NULL : kube_cache_get_key(s->node->endpoints_cache, svc->key);
    json_foreach (p, ports) {
        const char *protocol = json_str(p, "protocol"), *name = json_str(p, "name"), **targets;
        int port = (int)json_int(0, p, "port");
        if (!ip || port <= 0 || (protocol && !streq(protocol, "TCP")))
            continue;
        names[n] = mem_printf("%s:%d", ip, port);
        size_t n_targets =
            svc->bucket ? endpoints_targets(set, name ? name : "", (uint16_t)port, a, &targets)
                        : manual_targets(manual, name ? name : "", a, &targets);
        haproxy_set(s->haproxy, names[n++], sticky, targets, n_targets);
    }
    proxies_take(s, svc, names, n);
}

/* ---- following changes --------------------------------------------------------------------------
 */

static void tell_names(struct services *s, const struct service *svc, const cJSON *object,
                       const struct endpoint_set *set)
{
    AUTO(buf_done) struct buf global = BUF_INIT(ARENA_MAX), local = BUF_INIT(ARENA_MAX);
    AUTO(mem_freep) char *owner = mem_printf("svc %s", svc->key);
    char ns[256];
    if (object)
        hosts_of_service(object, set, &global, &local);
    hosts_set(s->node->hosts, owner, ns_of(svc->key, ns), buf_str(&global), buf_str(&local));
}

static void service_update(struct services *s, struct service *svc, const cJSON *object)
{
    AUTO(arena_freep) struct arena *a = arena_new(ARENA_MAX);
    const cJSON **pods;
    struct endpoint_set set;
    size_t n = member_pods(s, svc, a, &pods);
    endpoints_compute(object, pods, n, a, &set);
    balance(s, svc, object, &set, a);
    tell_names(s, svc, object, &set);
    kube_queue_add(s->queue, svc->key);
}

static void service_seen(struct services *s, const cJSON *object)
{
    AUTO(mem_freep) char *key = mem_printf("%s/%s", kube_ns(object), kube_name(object));
    struct service *svc = map_get(&s->all, key);
    if (!svc) {
        svc = mem_new(struct service);
        list_init(&svc->in_bucket);
        svc->key = TAKE(key);
        map_set(&s->all, svc->key, svc);
    }
    service_select(s, svc, object);
    service_update(s, svc, object);
}

static void service_gone(struct services *s, const cJSON *object)
{
    AUTO(mem_freep) char *key = mem_printf("%s/%s", kube_ns(object), kube_name(object));
    struct service *svc = map_get(&s->all, key);
    if (!svc)
        return;
    if (s->haproxy)
        proxies_take(s, svc, NULL, 0);
    tell_names(s, svc, NULL, NULL);
    service_free(s, svc);
    kube_queue_add(s->queue, key);
}

void node_services_service(struct services *s, const cJSON *old, const cJSON *now)
{
    if (!s->go)
        return;
    if (now)
        service_seen(s, now);
    else
        service_gone(s, old);
}

/* One Service and one Pod: is it in now, was it in before? */
static void member_check(struct services *s, struct service *svc, const char *pod_key,
                         const cJSON *now)
{
    bool was = map_get(&svc->members, pod_key) != NULL, is = now && selects(svc, now);
    const cJSON *object;
    if (is)
        map_set(&svc->members, pod_key, svc);
    else
        map_del(&svc->members, pod_key);
    if ((was || is) && (object = kube_cache_get_key(s->node->services_cache, svc->key)))
        service_update(s, svc, object);
}

static void buckets_check(struct services *s, const cJSON *labelled, const char *pod_key,
                          const cJSON *now, const cJSON *skip)
{
    json_foreach (l, json_at(labelled, "metadata", "labels")) {
        if (skip && streq(json_str(skip, "metadata", "labels", l->string), l->valuestring))
            continue; /* this bucket was looked into for the other version */
        AUTO(mem_freep) char *pair = pair_of(kube_ns(labelled), l->string, l->valuestring);
        struct bucket *b = map_get(&s->buckets, pair);
        if (!b)
            continue;
        list_foreach_safe (it, &b->services)
            member_check(s, list_entry(it, struct service, in_bucket), pod_key, now);
    }
}

static void pod_name_tell(struct services *s, const cJSON *old, const cJSON *now)
{
    const cJSON *any = now ? now : old;
    const char *ip = json_str(now, "status", "podIP");
    AUTO(mem_freep) char *owner = mem_printf("the pod %s/%s", kube_ns(any), kube_name(any));
    AUTO(mem_freep) char *line = ip && ip[0] ? mem_printf("%s\t%s\n", ip, kube_name(any)) : NULL;
    hosts_set(s->node->hosts, owner, kube_ns(any), NULL, line);
}

void node_services_pod(struct services *s, const cJSON *old, const cJSON *now)
{
    if (!s->go || (old && now && endpoints_pod_hash(old) == endpoints_pod_hash(now)))
        return;
    AUTO(arena_freep) struct arena *a = arena_new(65536);
    const char *key = kube_key(a, now ? now : old);
    pod_name_tell(s, old, now);
    if (old)
        buckets_check(s, old, key, now, NULL);
    if (now)
        buckets_check(s, now, key, now, old);
}

/* Somebody touched an object that is ours to write (or the Endpoints of a Service without
 * selector). */
void node_services_output(struct services *s, const cJSON *old, const cJSON *now)
{
    const cJSON *any = now ? now : old;
    const char *name = kube_label(any, "kubernetes.io/service-name");
    if (!s->go)
        return;
    AUTO(mem_freep) char *key = mem_printf("%s/%s", kube_ns(any), name ? name : kube_name(any));
    struct service *svc = map_get(&s->all, key);
    const cJSON *object = svc ? kube_cache_get_key(s->node->services_cache, key) : NULL;
    if (object && !svc->bucket)
        service_update(s, svc, object);
    else if (svc)
        kube_queue_add(s->queue, key);
}

/* ---- writing objects ----------------------------------------------------------------------------
 */

#define round_MAGIC 0x726f756eu
struct round { /* the calls of one Service that run at the same time */
    uint32_t magic;
    struct services *s;
    char *key;
    unsigned open;
    bool failed;
};

#define output_call_MAGIC 0x6f757463u
struct output_call {
    uint32_t magic;
    struct round *round;
    struct kube_cache *cache;
    char *name;
    uint64_t hash;
};

static void round_step(struct round *r)
{
    if (--r->open)
        return;
    if (r->s)
        kube_queue_done(r->s->queue, r->key, r->failed ? KUBE_RETRY : KUBE_DONE);
    mem_free(r->key);
    r->magic = 0;
    mem_free(r);
}

static void output_drop(void *arg)
{
    struct output_call *c = CAST(output_call, arg);
    c->round->s = NULL;
    round_step(c->round);
    mem_free(c->name);
    c->magic = 0;
    mem_free(c);
}

static void on_output(void *arg, const struct kube_answer *a)
{
    struct output_call *c = CAST(output_call, arg);
    struct round *r = c->round;
    struct service *svc = map_get(&r->s->all, r->key);
    bool gone = a->status == 404 || a->status == 409; /* the watch brings what is there instead */
    if (kube_ok(a) && c->cache) {
        if (svc)
            mem_free(map_set(&svc->sent, c->name,
                             mem_printf("%llx %s", (unsigned long long)c->hash, kube_rv(a->body))));
        kube_cache_learn(c->cache, a->body);
    }
    if (!kube_ok(a) && !gone)
        log_warn("service %s: writing %s: %s", r->key, c->name, a->message);
    r->failed |= !kube_ok(a) && (!gone || a->status == 409);
    mem_free(c->name);
    c->magic = 0;
    mem_free(c);
    round_step(r);
}

static void output_start(struct round *r, struct kube_cache *cache, const struct kube_call *call,
                         const char *name, uint64_t hash)
{
    struct output_call *c = mem_new(struct output_call);
    *c = (struct output_call){output_call_MAGIC, r, cache, mem_strdup(name), hash};
    r->open++;
    calls_start(r->s->node->calls, call, on_output, c, output_drop);
}

static void object_write(struct round *r, const struct kube_resource *resource,
                         struct kube_cache *cache, const cJSON *have, const cJSON *want)
{
    struct service *svc = map_get(&r->s->all, r->key);
    struct kube_call call = {.resource = resource, .ns = kube_ns(want)};
    if (!have) {
        call.verb = KUBE_CREATE;
        call.body = want;
        output_start(r, cache, &call, kube_name(want), 0);
        return;
    }
    AUTO(json_freep) cJSON *patch = endpoints_diff(have, want);
    if (!patch)
        return;
    uint64_t hash = json_hash(patch);
    AUTO(mem_freep) char *now = mem_printf("%llx %s", (unsigned long long)hash, kube_rv(have));
    if (svc && streq(map_get(&svc->sent, kube_name(want)), now))
        return; /* the server took these words before and still shows others */
    call.verb = KUBE_PATCH_MERGE;
    call.name = kube_name(want);
    call.body = patch;
    output_start(r, cache, &call, kube_name(want), hash);
}

static void object_delete(struct round *r, const struct kube_resource *resource, const cJSON *have)
{
    struct kube_call call = {.verb = KUBE_DELETE,
                             .resource = resource,
                             .ns = kube_ns(have),
                             .name = kube_name(have),
                             .grace_seconds = -1,
                             .precondition_uid = kube_uid(have)};
    output_start(r, NULL, &call, kube_name(have), 0);
}

static bool ours(const cJSON *object)
{
    return streq(kube_label(object, "endpointslice.kubernetes.io/managed-by"), MANAGED_BY) ||
           streq(kube_label(object, "endpoints.kubernetes.io/managed-by"), MANAGED_BY);
}

static void slices_write(struct round *r, const cJSON *want, struct arena *a)
{
    struct node *n = r->s->node;
    const cJSON **have;
    size_t n_have = kube_cache_find(n->slices_cache, n->slices_by_service, r->key, a, &have);
    json_foreach (w, want)
        object_write(r, &KUBE_ENDPOINTSLICES, n->slices_cache,
                     kube_cache_get(n->slices_cache, kube_ns(w), kube_name(w)), w);
    for (size_t i = 0; i < n_have; i++) {
        bool wanted = false;
        json_foreach (w, want)
            wanted |= streq(kube_name(w), kube_name(have[i]));
        if (!wanted && ours(have[i]) && !kube_deleting(have[i]))
            object_delete(r, &KUBE_ENDPOINTSLICES, have[i]);
    }
}

static void objects_write(struct round *r, const cJSON *object, struct arena *a)
{
    struct services *s = r->s;
    struct service *svc = map_get(&s->all, r->key);
    const cJSON **pods;
    struct endpoint_set set;
    const cJSON *have = kube_cache_get_key(s->node->endpoints_cache, r->key);
    if (!svc ||
        !object) { /* the Service is gone: slices go by their owner, the Endpoints object by us */
        if (!object && have && ours(have) && !kube_deleting(have))
            object_delete(r, &KUBE_ENDPOINTS, have);
        return;
    }
    if (!svc->bucket || kube_deleting(object))
        return;
    size_t n = member_pods(s, svc, a, &pods);
    endpoints_compute(object, pods, n, a, &set);
    AUTO(json_freep) cJSON *slices = endpoints_slices(object, &set, MANAGED_BY);
    AUTO(json_freep) cJSON *endpoints = endpoints_object(object, &set, MANAGED_BY);
    slices_write(r, slices, a);
    object_write(r, &KUBE_ENDPOINTS, s->node->endpoints_cache, have, endpoints);
}

static void process(void *arg, const char *key)
{
    struct services *s = CAST(services, arg);
    AUTO(arena_freep) struct arena *a = arena_new(ARENA_MAX);
    struct round *r = mem_new(struct round);
    *r = (struct round){.magic = round_MAGIC, .s = s, .key = mem_strdup(key), .open = 1};
    objects_write(r, kube_cache_get_key(s->node->services_cache, key), a);
    round_step(r);
}

/* ---- life ---------------------------------------------------------------------------------------
 */

static void begin(struct services *s)
{
    AUTO(arena_freep) struct arena *a = arena_new(ARENA_MAX);
    struct node *n = s->node;
    const cJSON **list;
    if (s->go || !s->caches_ready || !s->haproxy_ready)
        return;
    s->go = true;
    size_t n_pods = kube_cache_all(n->pods_cache, a, &list);
    for (size_t i = 0; i < n_pods; i++)
        pod_name_tell(s, NULL, list[i]);
    size_t n_services = kube_cache_all(n->services_cache, a, &list);
    for (size_t i = 0; i < n_services; i++)
        service_seen(s, list[i]);
    size_t n_endpoints = kube_cache_all(n->endpoints_cache, a, &list);
    for (size_t i = 0; i < n_endpoints; i++) /* of Services that were deleted while we were away */
        if (ours(list[i]) && !map_get(&s->all, kube_key(a, list[i])))
            kube_queue_add(s->queue, kube_key(a, list[i]));
    if (s->haproxy)
        haproxy_complete(s->haproxy);
}

void node_services_synced(struct services *s)
{
    s->caches_ready = true;
    begin(s);
}

static void on_haproxy(void *arg)
{
    struct services *s = CAST(services, arg);
    s->haproxy_ready = true;
    begin(s);
}

static void on_problem(void *arg, const char *proxy, const char *sentence)
{
    struct services *s = CAST(services, arg);
    const char *key;
    void *v;
    log_warn("%s", sentence);
    for (size_t it = 0; map_next(&s->all, &it, &key, &v);) {
        struct service *svc = v;
        const cJSON *object = kube_cache_get_key(s->node->services_cache, key);
        if (object && listed(svc->proxies, svc->n_proxies, proxy))
            kube_event(s->node->events, object, true, "ClusterIPNotServed", "%s", sentence);
    }
}

struct services *node_services_new(struct node *n)
{
    struct services *s = mem_new(struct services);
    *s = (struct services){.magic = services_MAGIC, .node = n};
    AUTO(mem_freep) char *dir = mem_printf("%s/haproxy", n->dir);
    AUTO(err_freep) struct err *err = NULL;
    struct haproxy_opts o = {.dir = dir,
                             .shim = n->shim,
                             .threads = (unsigned)conf_int(n->conf, "node.haproxy_threads"),
                             .on_ready = on_haproxy,
                             .on_problem = on_problem,
                             .arg = s};
    s->queue = kube_queue_new(n->loop, "endpoints", 32, process, s);
    if (haproxy_new(n->loop, &o, &s->haproxy, &err)) {
        log_warn("ClusterIPs of Services do not work: %s", err_text(err));
        s->no_haproxy = mem_strdup(err_text(err));
        s->haproxy_ready = true;
    }
    return s;
}

void node_services_free(struct services *s)
{
    if (!s)
        return;
    void *v;
    haproxy_free(s->haproxy);
    kube_queue_free(s->queue);
    for (size_t it = 0; map_next(&s->all, &it, NULL, &v); it = 0)
        service_free(s, v);
    map_done(&s->all);
    map_done(&s->buckets);
    mem_free(s->no_haproxy);
    s->magic = 0;
    mem_free(s);
}
