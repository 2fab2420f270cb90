/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node: its caches, its parts, and who hears of what. Nothing is concluded from absence before
 * the caches that would know are in sync: until then Pods found on disk simply run on.
 */
#define LOG_ROOM "node"
#include "node/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/quantity.h"
#include "node/state.h"

enum { ADDRESSES_AFTER_MS = 500, ADDRESSES_MAX = 4 * 1024 * 1024 };

const struct conf_key node_conf_keys[] = {
    {"node.cpu", CONF_STR, NULL, 0, 0, NULL,
     "cores Pods may request together; unset: ten times the machine's"},
    {"node.memory", CONF_STR, NULL, 0, 0, NULL,
     "memory Pods may request together; unset: ten times the machine's"},
    {"node.pods", CONF_INT, "1000", 1, 60000, NULL, "Pods that may be bound to this node"},
    {"node.haproxy_threads", CONF_INT, "1", 1, 64, NULL,
     "threads of the HAProxy that carries the ClusterIPs"},
    {"node.packages.**", CONF_STR, NULL, 0, 0, NULL,
     "Debian package of a program, for the sentence of a Pod whose program is missing"},
};
const size_t node_conf_keys_n = ARRAY_LEN(node_conf_keys);

const cJSON *node_object(const struct node *n)
{
    return kube_cache_get(n->nodes_cache, NULL, n->name);
}

static const cJSON *lookup_get(void *ctx, enum lookup_kind kind, const char *ns, const char *name)
{
    const struct node *n = ctx;
    switch (kind) {
    case LOOKUP_CONFIGMAP:
        return kube_cache_get(n->configmaps_cache, ns, name);
    case LOOKUP_SECRET:
        return kube_cache_get(n->secrets_cache, ns, name);
    case LOOKUP_CLAIM:
        return kube_cache_get(n->pvcs_cache, ns, name);
    case LOOKUP_PV:
        return kube_cache_get(n->pvs_cache, NULL, name);
    }
    return NULL;
}

struct lookup node_lookup(struct node *n)
{
    return (struct lookup){lookup_get, n};
}

/* ---- Pods in the queue --------------------------------------------------------------------------
 */

static bool assigned(const struct node *n, const cJSON *pod)
{
    return pod && streq(json_str(pod, "spec", "nodeName"), n->name);
}

/* "ns/name/uid": the object of that name and uid, our memory of that uid, or both. */
static void process(void *arg, const char *queue_key)
{
    struct node *n = CAST(node, arg);
    const char *uid = strrchr(queue_key, '/');
    AUTO(mem_freep) char *key = mem_strndup(queue_key, (size_t)(uid - queue_key));
    struct pod *p = map_get(&n->pods, uid + 1);
    AUTO(err_freep) struct err *err = NULL;
    bool known = kube_cache_synced(n->pods_cache) && kube_cache_synced(n->configmaps_cache) &&
                 kube_cache_synced(n->secrets_cache) && kube_cache_synced(n->pvcs_cache) &&
                 kube_cache_synced(n->pvs_cache);
    const cJSON *object = known ? kube_cache_get_key(n->pods_cache, key) : NULL;
    if (object && (!streq(kube_uid(object), uid + 1) || !assigned(n, object)))
        object = NULL;
    if (known && !p && object && !(p = pod_accept(n, object, &err))) {
        kube_event(n->events, object, true, "FailedCreatePodSandBox", "%s", err_text(err));
        kube_queue_add_after(n->queue, queue_key, 5000);
    }
    if (known && p)
        pod_sync(p, object);
    kube_queue_done(n->queue, queue_key, KUBE_DONE);
}

static void all_pods_dirty(struct node *n)
{
    void *p;
    for (size_t it = 0; map_next(&n->pods, &it, NULL, &p);)
        pod_dirty(p);
}

static void on_versions(void *arg)
{
    all_pods_dirty(CAST(node, arg));
}

/* ---- what the caches say ------------------------------------------------------------------------
 */

/* Labels and annotations may be files in the Pod (downwardAPI). */
static void volumes_look(struct node *n, const cJSON *old, const cJSON *now)
{
    struct pod *p = old && now ? map_get(&n->pods, kube_uid(now)) : NULL;
    if (p && (!json_equal(json_at(old, "metadata", "labels"), json_at(now, "metadata", "labels")) ||
              !json_equal(json_at(old, "metadata", "annotations"),
                          json_at(now, "metadata", "annotations"))))
        p->volumes_dirty = true;
}

static void on_pod(void *arg, const cJSON *old, const cJSON *now)
{
    struct node *n = CAST(node, arg);
    const cJSON *both[] = {old, now};
    node_services_pod(n->services, old, now); /* first: the hot path */
    volumes_look(n, old, now);
    for (size_t i = 0; i < 2; i++) {
        if (!both[i] || (i == 1 && old && streq(kube_uid(old), kube_uid(now))))
            continue;
        AUTO(mem_freep) char *key = pod_queue_key(both[i]);
        if (assigned(n, both[i]) || assigned(n, now) || map_get(&n->pods, kube_uid(both[i])))
            kube_queue_add(n->queue, key);
    }
    scheduler_pod(n->scheduler, old, now);
    claims_pod(n->claims, old, now);
}

static void on_node(void *arg, const cJSON *old, const cJSON *now)
{
    struct node *n = CAST(node, arg);
    (void)old;
    (void)now;
    registrar_changed(n->registrar);
    scheduler_wake(n->scheduler);
}

/* Pods that refer to this object: their volumes may have to be written, their start may be possible
 * now. */
static void on_reference(struct node *n, enum lookup_kind kind, const cJSON *object)
{
    AUTO(arena_freep) struct arena *a = arena_new(64 * 1024 * 1024);
    const cJSON **pods;
    const char *key = arena_printf(a, "%d/%s/%s", (int)kind, kube_ns(object), kube_name(object));
    size_t found = kube_cache_find(n->pods_cache, n->pods_by_reference, key, a, &pods);
    for (size_t i = 0; i < found; i++) {
        struct pod *p = map_get(&n->pods, kube_uid(pods[i]));
        if (!p)
            continue;
        p->volumes_dirty = true;
        p->volumes_retry_ms = 0;
        for (size_t c = 0; c < p->n; c++)
            p->c[c]->seen.problem_until_us = 0;
        pod_dirty(p);
    }
}

static void on_configmap(void *arg, const cJSON *old, const cJSON *now)
{
    on_reference(CAST(node, arg), LOOKUP_CONFIGMAP, now ? now : old);
}

static void on_secret(void *arg, const cJSON *old, const cJSON *now)
{
    on_reference(CAST(node, arg), LOOKUP_SECRET, now ? now : old);
}

static void on_pvc(void *arg, const cJSON *old, const cJSON *now)
{
    struct node *n = CAST(node, arg);
    claims_pvc(n->claims, old, now);
    on_reference(n, LOOKUP_CLAIM, now ? now : old);
}

static void on_pv(void *arg, const cJSON *old, const cJSON *now)
{
    struct node *n = CAST(node, arg);
    const cJSON *ref = json_at(now, "spec", "claimRef");
    const cJSON *pvc =
        ref ? kube_cache_get(n->pvcs_cache, json_str(ref, "namespace"), json_str(ref, "name"))
            : NULL;
    claims_pv(n->claims, old, now);
    if (pvc)
        on_reference(n, LOOKUP_CLAIM, pvc);
}

static void on_service(void *arg, const cJSON *old, const cJSON *now)
{
    node_services_service(CAST(node, arg)->services, old, now);
}

static void on_endpoints(void *arg, const cJSON *old, const cJSON *now)
{
    node_services_output(CAST(node, arg)->services, old, now);
}

/* ---- in sync ------------------------------------------------------------------------------------
 */

static bool all_synced(struct kube_cache *const *caches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!kube_cache_synced(caches[i]))
            return false;
    return true;
}

static void on_sync(void *arg)
{
    struct node *n = CAST(node, arg);
    struct kube_cache *pods[] = {n->pods_cache, n->configmaps_cache, n->secrets_cache,
                                 n->pvcs_cache, n->pvs_cache};
    struct kube_cache *outputs[] = {n->pods_cache, n->services_cache, n->endpoints_cache,
                                    n->slices_cache};
    struct kube_cache *volumes[] = {n->pods_cache, n->pvcs_cache, n->pvs_cache};
    registrar_changed(n->registrar);
    scheduler_wake(n->scheduler);
    if (all_synced(volumes, ARRAY_LEN(volumes)))
        claims_synced(n->claims);
    if (all_synced(outputs, ARRAY_LEN(outputs)))
        node_services_synced(n->services);
    if (!all_synced(pods, ARRAY_LEN(pods)))
        return;
    AUTO(arena_freep) struct arena *a = arena_new(256 * 1024 * 1024);
    const cJSON **list;
    size_t found = kube_cache_all(n->pods_cache, a, &list);
    for (size_t i = 0; i < found; i++) {
        AUTO(mem_freep) char *key = pod_queue_key(list[i]);
        if (assigned(n, list[i]))
            kube_queue_add(n->queue, key);
    }
    all_pods_dirty(n); /* also those on disk that the API no longer has */
}

/* ---- indexes ------------------------------------------------------------------------------------
 */

struct emitting {
    const char *ns;
    kube_emit_fn *emit;
    void *ctx;
};

static void emit_reference(void *ctx, enum lookup_kind kind, const char *name)
{
    const struct emitting *e = ctx;
    AUTO(mem_freep) char *key = mem_printf("%d/%s/%s", (int)kind, e->ns, name);
    e->emit(e->ctx, key);
}

static void keys_by_reference(const cJSON *pod, kube_emit_fn *emit, void *ctx)
{
    struct emitting e = {kube_ns(pod), emit, ctx};
    volumes_each_reference(pod, emit_reference, &e);
}

static void keys_by_label(const cJSON *pod, kube_emit_fn *emit, void *ctx)
{
    json_foreach (l, json_at(pod, "metadata", "labels")) {
        AUTO(mem_freep)
        char *key =
            mem_printf("%s/%s=%s", kube_ns(pod), l->string, l->valuestring ? l->valuestring : "");
        emit(ctx, key);
    }
}

static void keys_by_service(const cJSON *slice, kube_emit_fn *emit, void *ctx)
{
    const char *service = kube_label(slice, "kubernetes.io/service-name");
    AUTO(mem_freep) char *key = service ? mem_printf("%s/%s", kube_ns(slice), service) : NULL;
    if (key)
        emit(ctx, key);
}

static void caches_make(struct node *n)
{
    const struct {
        struct kube_cache **at;
        const struct kube_resource *resource;
        kube_change_fn *fn;
    } rows[] = {
        {&n->nodes_cache, &KUBE_NODES, on_node},
        {&n->pvs_cache, &KUBE_PVS, on_pv},
        {&n->pvcs_cache, &KUBE_PVCS, on_pvc},
        {&n->configmaps_cache, &KUBE_CONFIGMAPS, on_configmap},
        {&n->secrets_cache, &KUBE_SECRETS, on_secret},
        {&n->endpoints_cache, &KUBE_ENDPOINTS, on_endpoints},
        {&n->slices_cache, &KUBE_ENDPOINTSLICES, on_endpoints},
        {&n->services_cache, &KUBE_SERVICES, on_service},
        {&n->pods_cache, &KUBE_PODS, on_pod},
    };
    AUTO(mem_freep) char *self = mem_printf("metadata.name=%s", n->name);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_cache_opts o = {.resource = rows[i].resource};
        if (rows[i].resource == &KUBE_NODES)
            o.field_selector = self;
        *rows[i].at = kube_cache_new(n->client, &o);
        kube_cache_on_change(*rows[i].at, rows[i].fn, n);
        kube_cache_on_sync(*rows[i].at, on_sync, n);
    }
    n->pods_by_reference = kube_cache_index(n->pods_cache, keys_by_reference);
    n->pods_by_label = kube_cache_index(n->pods_cache, keys_by_label);
    n->slices_by_service = kube_cache_index(n->slices_cache, keys_by_service);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        kube_cache_start(*rows[i].at);
}

/* ---- remembered addresses -----------------------------------------------------------------------
 */

static char *addresses_path(const struct node *n)
{
    return file_path(n->dir, "addresses");
}

struct addresses_job {
    char *path, *text;
};

static void addresses_work(void *arg)
{
    struct addresses_job *j = arg;
    file_replace(j->path, j->text, strlen(j->text), 0600,
                 NULL); /* only hints: a failure costs stability, not truth */
}

static void addresses_done(void *arg)
{
    struct addresses_job *j = arg;
    mem_free(j->path);
    mem_free(j->text);
    mem_free(j);
}

static void addresses_write(void *arg)
{
    struct node *n = CAST(node, arg);
    struct buf text = BUF_INIT(ADDRESSES_MAX);
    struct addresses_job *j = mem_new(struct addresses_job);
    addresses_print(n->addresses, &text);
    *j = (struct addresses_job){addresses_path(n), buf_take(&text)};
    worker_run(n->loop, addresses_work, addresses_done, j);
}

void node_addresses_changed(struct node *n)
{
    if (!loop_timer_active(n->addresses_timer))
        loop_timer_start(n->addresses_timer, ADDRESSES_AFTER_MS);
}

static void addresses_remember(struct node *n)
{
    AUTO(mem_freep) char *path = addresses_path(n), *text = NULL;
    size_t len;
    if (file_read(path, ADDRESSES_MAX, &text, &len, NULL) == 0)
        addresses_load(n->addresses, (struct str){text, len});
}

/* ---- life ---------------------------------------------------------------------------------------
 */

/* Requests are promises between Pods that compete for machines. On a machine of its own a whole
 * fleet is mostly idle, so by default ten times what there is may be promised. */
enum { OVERCOMMIT = 10 };

static int sizes_set(struct node *n, struct err **err)
{
    const char *cpu = conf_str(n->conf, "node.cpu"), *memory = conf_str(n->conf, "node.memory");
    int64_t milli;
    n->cpu_milli = (int64_t)sysconf(_SC_NPROCESSORS_ONLN) * 1000 * OVERCOMMIT;
    n->memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) * OVERCOMMIT;
    n->pods_max = conf_int(n->conf, "node.pods");
    if (cpu && (quantity_parse(cpu, &n->cpu_milli, err) || n->cpu_milli <= 0))
        return err_wrap(err, "%s: node.cpu", conf_where(n->conf, "node.cpu"));
    if (memory && (quantity_parse(memory, &milli, err) || milli <= 0))
        return err_wrap(err, "%s: node.memory", conf_where(n->conf, "node.memory"));
    if (memory)
        n->memory = milli / 1000;
    return 0;
}

static int node_open(struct node *n, const struct node_opts *o, struct err **err)
{
    int rc = file_dir_make(n->dir, 0700, err);
    if (!rc && chmod(n->dir, 0700) < 0)
        rc = err_set(err, -errno, "%s: %s", n->dir, strerror(errno));
    if (!rc)
        rc = sizes_set(n, err);
    if (!rc)
        rc = addresses_new(o->pod_cidr, o->address, &n->addresses, err);
    if (!rc && !(n->bwrap = file_program("bwrap")))
        rc = err_set(err, -ENOENT, "bubblewrap is not installed (Debian: apt install bubblewrap)");
    if (!rc && access(n->shim, X_OK) < 0)
        rc = err_set(err, -errno, "%s: %s", n->shim, strerror(errno));
    return rc ? rc : logserver_new(n, &n->logserver, err);
}

int node_new(struct kube_client *c, struct http_client *http, const struct node_opts *o,
             struct node **ret, struct err **err)
{
    struct node *n = mem_new(struct node);
    *n = (struct node){.magic = node_MAGIC,
                       .loop = kube_client_loop(c),
                       .client = c,
                       .http = http,
                       .conf = o->conf};
    n->name = mem_strdup(o->name);
    n->dir = mem_strdup(o->dir);
    n->address = mem_strdup(o->address);
    n->shim = mem_strdup(o->shim);
    n->log_token = mem_strdup(o->log_token);
    int rc = node_open(n, o, err);
    if (rc) {
        node_free(n);
        return err_wrap(err, "node %s", o->name);
    }
    AUTO(mem_freep) char *hosts = file_path(n->dir, "hosts");
    sandbox_host_look(&n->host);
    n->calls = calls_new(c);
    n->hosts = hosts_new(n->loop, hosts);
    n->programs = programs_new(n->loop, &n->host, n->bwrap, on_versions, n);
    n->events = kube_events_new(c, "atoll-node");
    n->queue = kube_queue_new(n->loop, "pods", 64, process, n);
    n->addresses_timer = loop_timer_new(n->loop, addresses_write, n);
    rc = pods_load(n, err);
    if (rc) {
        node_free(n);
        return err_wrap(err, "node %s", o->name);
    }
    addresses_remember(n);
    n->registrar = registrar_new(n);
    n->scheduler = scheduler_new(n);
    n->services = node_services_new(n);
    n->claims = claims_new(n);
    caches_make(n);
    *ret = n;
    return 0;
}

void node_free(struct node *n)
{
    struct kube_cache **caches[] = {&n->pods_cache,   &n->services_cache,   &n->endpoints_cache,
                                    &n->slices_cache, &n->configmaps_cache, &n->secrets_cache,
                                    &n->pvcs_cache,   &n->pvs_cache,        &n->nodes_cache};
    void *p;
    for (size_t i = 0; i < ARRAY_LEN(caches); i++)
        kube_cache_free(TAKE(*caches[i]));
    calls_free(TAKE(n->calls));
    logserver_free(n->logserver);
    registrar_free(n->registrar);
    scheduler_free(n->scheduler);
    node_services_free(n->services);
    claims_free(n->claims);
    programs_free(n->programs);
    for (size_t it = 0; map_next(&n->pods, &it, NULL, &p); it = 0)
        pod_free(p);
    map_done(&n->pods);
    map_done(&n->holders);
    kube_queue_free(n->queue);
    kube_events_free(n->events);
    hosts_free(n->hosts);
    loop_timer_free(n->addresses_timer);
    addresses_free(n->addresses);
    sandbox_host_done(&n->host);
    mem_free(n->name);
    mem_free(n->dir);
    mem_free(n->address);
    mem_free(n->shim);
    mem_free(n->log_token);
    mem_free(n->bwrap);
    n->magic = 0;
    mem_free(n);
}
