/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driving the engines: for every component whose definition names one, a probe per instance and a
 * watch, kept equal to what is there; their reports become role labels (labels.c) and wiring
 * (wire.c). One pass per dirty cluster; nothing here polls and nothing looks at the fleet, except
 * when an engine as a whole comes or goes.
 */
#define LOG_ROOM "workload"
#include "workload/drive.h"
#include "base/log.h"

#define ARENA_MAX      (256u << 20)
#define FIRST_WORDS_MS 3000

struct drive_cluster *drive_find(const struct workload *w, const char *key)
{
    return map_get(&w->drive->clusters, key);
}

void drive_touch(struct drive_cluster *c)
{
    c->changed = true;
    c->turn++;
}

struct drive_component *drive_component_find(const struct workload *w, const char *key,
                                             const char *component)
{
    const struct drive_cluster *c = drive_find(w, key);
    return c ? map_get(&c->components, component) : NULL;
}

struct plan_wired drive_wired(const struct workload *w, const char *cluster_key,
                              const char *component)
{
    const struct drive_component *c =
        component ? drive_component_find(w, cluster_key, component) : NULL;
    return c ? c->wired : (struct plan_wired){0};
}

const char *drive_unsettled(const struct workload *w, const char *cluster_key,
                            const char *component)
{
    const struct drive_cluster *c = drive_find(w, cluster_key);
    const struct drive_component *d =
        component ? drive_component_find(w, cluster_key, component) : NULL;
    if (!d || !d->wired.known)
        return "the engine has given no advice yet";
    if (d->wired.status != CONDITION_TRUE)
        return d->wired.message;
    return d->turn == c->turn ? NULL : "the engine has not seen the latest change yet";
}

/* ---- instances
 * ----------------------------------------------------------------------------------------------------
 */

static void instance_free(struct drive_instance *i)
{
    mem_free(i->cluster);
    mem_free(i->component);
    mem_free(i->role);
    mem_free(i);
}

static void instance_drop(struct workload *w, const char *uid)
{
    struct drive_instance *i = map_del(&w->drive->instances, uid);
    if (!i)
        return;
    engine_probe_clear(i->engine, uid);
    instance_free(i);
}

static void instance_set(struct workload *w, struct drive_cluster *c, const char *key,
                         const char *component, struct engine *e, const char *uid)
{
    struct drive_instance *i = map_get(&c->instances, uid);
    if (i && i->engine != e) {
        map_del(&c->instances, uid);
        instance_drop(w, uid);
        i = NULL;
    }
    if (!i) {
        i = mem_new(struct drive_instance);
        i->engine = e;
        i->cluster = mem_strdup(key);
        i->component = mem_strdup(component);
        i->role = mem_strdup("");
        i->since_ms = loop_now_ms(w->loop);
        i->since_ms = loop_now_ms(w->loop);
        map_set(&c->instances, uid, i);
        map_set(&w->drive->instances, uid, i);
    }
    i->seen = true;
}

static void instances_sweep(struct workload *w, struct drive_cluster *c)
{
    size_t it = 0;
    const char *uid;
    void *value;
    while (map_next(&c->instances, &it, &uid, &value)) {
        struct drive_instance *i = value;
        if (i->seen) {
            i->seen = false;
            continue;
        }
        AUTO(mem_freep) char *gone = mem_strdup(uid);
        map_del(&c->instances, gone);
        instance_drop(w, gone);
    }
}

/* ---- components
 * ----------------------------------------------------------------------------------------------------
 */

static void component_free(struct drive_component *c)
{
    union {
        const char *from;
        char *to;
    } reason = {.from = c->wired.reason}, message = {.from = c->wired.message};
    mem_free(reason.to);
    mem_free(message.to);
    mem_free(c->its);
    cJSON_Delete(c->advice);
    mem_free(c);
}

static char *watch_key(const char *key, const char *component)
{
    return mem_printf("%s/%s", key, component);
}

static struct drive_component *component_set(struct drive_cluster *c, const cJSON *object,
                                             const char *name, struct engine *e)
{
    struct drive_component *d = map_get(&c->components, name);
    if (!d) {
        d = mem_new(struct drive_component);
        d->its = mem_printf("%s/%s", kube_ns(object), kube_name(object));
        map_set(&c->components, name, d);
    }
    d->engine = e;
    d->seen = true;
    return d;
}

static void components_sweep(struct drive_cluster *c, const char *key)
{
    size_t it = 0;
    const char *name;
    void *value;
    while (map_next(&c->components, &it, &name, &value)) {
        struct drive_component *d = value;
        if (d->seen) {
            d->seen = false;
            continue;
        }
        AUTO(mem_freep) char *watch = watch_key(key, name), *gone = mem_strdup(name);
        engine_watch_clear(d->engine, watch);
        map_del(&c->components, gone);
        component_free(d);
    }
}

/* ---- one pass
 * ----------------------------------------------------------------------------------------------------------
 */

struct pass {
    struct workload *w;
    const char *key, *ns;
    struct drive_cluster *c;
    cJSON *full, *addresses, *bare, *secrets;
};

static void probes_set(struct pass *p, const char *name, struct engine *e, const cJSON *component)
{
    json_foreach (i, json_at(component, "instances")) {
        const char *uid = json_str(i, "id"), *address = json_str(i, "address");
        if (!address || !*address || !json_bool(false, i, "present"))
            continue;
        instance_set(p->w, p->c, p->key, name, e, uid);
        AUTO(json_freep) cJSON *spec = cJSON_CreateObject();
        json_put(spec, view_for_instance(p->bare, name, i), "view");
        json_put_str(spec, uid, "instance");
        json_put(spec, cJSON_Duplicate(p->secrets, true), "secrets");
        engine_probe_set(e, uid, spec);
    }
}

static void watch_set(struct pass *p, const char *name, struct engine *e)
{
    AUTO(json_freep) cJSON *spec = cJSON_CreateObject();
    AUTO(mem_freep) char *key = watch_key(p->key, name);
    json_put(spec, view_for(p->addresses, name), "view");
    json_put(spec, cJSON_Duplicate(p->secrets, true), "secrets");
    engine_watch_set(e, key, spec);
}

static void component_pass(struct pass *p, const cJSON *object)
{
    const char *name = kube_label(object, LABEL_COMPONENT);
    const cJSON *def = cached_get(p->w, STORE_COMPDEFS, "", json_str(object, "spec", "compDef"));
    struct engine *e = engine_of(p->w, def);
    const cJSON *view = name ? json_find(json_at(p->full, "components"), "name", name) : NULL;
    if (!e || !view)
        return;
    component_set(p->c, object, name, e);
    probes_set(p, name, e, view);
    if (cJSON_GetArraySize(json_at(view, "instances")))
        watch_set(p, name, e);
}

/*
 * Before the first advice every instance gets the time to answer one probe: after a restart of this
 * program nothing is known, and an engine that mistakes that for "nobody is primary" would rewire a
 * healthy cluster. 0: everybody answered or had the time.
 */
static uint64_t first_words_ms(const struct pass *p)
{
    uint64_t now = loop_now_ms(p->w->loop), wait = 0;
    size_t it = 0;
    const char *uid;
    void *value;
    while (map_next(&p->c->instances, &it, &uid, &value)) {
        const struct drive_instance *i = value;
        uint64_t age = now - i->since_ms;
        if (!i->answered && age < FIRST_WORDS_MS && FIRST_WORDS_MS - age > wait)
            wait = FIRST_WORDS_MS - age;
    }
    return wait;
}

static bool wants_advice(const struct pass *p, const cJSON *object, const struct drive_component *d)
{
    if (p->c->quiet || kube_deleting(object) || json_bool(false, object, "spec", "stop"))
        return false;
    uint64_t wait = d->advice ? 0 : first_words_ms(p);
    if (wait)
        dirty_soon(p->w, QUEUE_DRIVE, p->key, wait);
    return !wait && (p->c->changed || !d->settled);
}

static void advise(struct pass *p, const cJSON *const *components, size_t n)
{
    uint64_t hash = json_hash(p->full);
    if (hash != p->c->hash)
        drive_touch(p->c);
    p->c->hash = hash;
    for (size_t i = 0; i < n; i++) {
        const char *name = kube_label(components[i], LABEL_COMPONENT);
        const struct drive_component *d = name ? map_get(&p->c->components, name) : NULL;
        if (!d)
            continue;
        labels_run(p->w, p->key, name);
        if (wants_advice(p, components[i], d))
            wire_advise(p->w, p->key, name, p->full);
    }
    p->c->changed = false;
}

static void secrets_wipe(cJSON *secrets)
{
    for (cJSON *s = secrets->child; s; s = s->next)
        if (cJSON_IsString(s))
            mem_wipe(s->valuestring, __builtin_strlen(s->valuestring));
    cJSON_Delete(secrets);
}

static void cluster_pass(struct pass *p, struct arena *a, const cJSON *const *components, size_t n)
{
    p->full = view_build(p->w, p->key, VIEW_FULL, a);
    p->addresses = view_build(p->w, p->key, VIEW_ADDRESSES, a);
    p->bare = view_build(p->w, p->key, VIEW_SPEC, a);
    p->secrets = view_secrets(p->w, p->ns, p->full);
    for (size_t i = 0; i < n; i++)
        component_pass(p, components[i]);
    instances_sweep(p->w, p->c);
    components_sweep(p->c, p->key);
    advise(p, components, n);
    cJSON_Delete(p->full);
    cJSON_Delete(p->addresses);
    cJSON_Delete(p->bare);
    secrets_wipe(p->secrets);
}

static void cluster_drop(struct workload *w, const char *key)
{
    struct drive_cluster *c = map_del(&w->drive->clusters, key);
    if (!c)
        return;
    instances_sweep(w, c);
    components_sweep(c, key);
    wire_forget(c);
    map_done(&c->instances);
    map_done(&c->components);
    mem_free(c);
}

void drive_cluster(struct workload *w, const char *key)
{
    AUTO(arena_freep) struct arena *a = arena_new(ARENA_MAX);
    const cJSON **components;
    size_t n = cached_find(w, STORE_COMPONENTS, INDEX_CLUSTER, key, a, &components);
    if (!n || !w->engines) {
        cluster_drop(w, key);
        return;
    }
    struct pass p = {.w = w, .key = key, .ns = kube_ns(components[0]), .c = drive_find(w, key)};
    if (!p.c) {
        p.c = mem_new(struct drive_cluster);
        map_set(&w->drive->clusters, key, p.c);
    }
    const cJSON *cluster = cached_key(w, STORE_CLUSTERS, key);
    p.c->quiet = kube_deleting(cluster) &&
                 !streq(json_str(cluster, "spec", "terminationPolicy"), "DoNotTerminate");
    cluster_pass(&p, a, components, n);
}

/* ---- what makes a cluster dirty
 * -------------------------------------------------------------------------------------------- */

static bool view_differs(const cJSON *old, const cJSON *now)
{
    if (!old || !now)
        return true;
    return !streq(json_str(old, "status", "podIP"), json_str(now, "status", "podIP")) ||
           !streq(json_str(old, "status", "phase"), json_str(now, "status", "phase")) ||
           plan_pod_ready(old) != plan_pod_ready(now) || kube_deleting(old) != kube_deleting(now) ||
           !json_equal(json_at(old, "status", "containerStatuses"),
                       json_at(now, "status", "containerStatuses"));
}

void drive_pod_changed(struct workload *w, const cJSON *old, const cJSON *now)
{
    AUTO(arena_freep) struct arena *a = arena_new(64 << 10);
    const cJSON *pod = now ? now : old;
    const char *key = cluster_key_of(a, pod), *component = kube_label(pod, LABEL_COMPONENT);
    if (!key || !component)
        return;
    bool relabelled =
        old && now && !streq(kube_label(old, LABEL_ROLE), kube_label(now, LABEL_ROLE));
    if (relabelled)
        labels_run(w, key, component);
    if (!view_differs(old, now))
        return;
    struct drive_cluster *c = drive_find(w, key);
    if (c)
        drive_touch(c);
    dirty(w, QUEUE_DRIVE, key);
}

void drive_report(struct workload *w, struct engine *e, const char *instance,
                  const struct engine_role_view *r)
{
    struct drive_instance *i = map_get(&w->drive->instances, instance);
    if (!i || i->engine != e)
        return;
    i->known = r->known;
    i->answered = true;
    if (r->known) {
        i->heard = true;
        i->version = r->version;
        if (!streq(i->role, r->role)) {
            mem_free(i->role);
            i->role = mem_strdup(r->role ? r->role : "");
        }
    }
    struct drive_cluster *c = drive_find(w, i->cluster);
    if (c)
        drive_touch(c);
    if (r->known)
        labels_run(w, i->cluster, i->component);
    dirty(w, QUEUE_DRIVE, i->cluster);
}

void drive_state(struct workload *w, struct engine *e)
{
    size_t it = 0;
    const char *key;
    void *value;
    if (!w->synced)
        return;
    while (map_next(&w->drive->clusters, &it, &key, &value)) {
        struct drive_cluster *c = value;
        size_t k = 0;
        const char *name;
        void *component;
        while (map_next(&c->components, &k, &name, &component)) {
            struct drive_component *d = component;
            if (d->engine != e)
                continue;
            dirty(w, QUEUE_COMPONENT, d->its);
            drive_touch(c);
        }
        if (c->changed)
            dirty(w, QUEUE_DRIVE, key);
    }
}

/* ---- life
 * --------------------------------------------------------------------------------------------------------------------
 */

void drive_new(struct workload *w)
{
    w->drive = mem_new(struct drive);
}

void drive_free(struct workload *w)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&w->drive->clusters, &it, &key, &value)) {
        AUTO(mem_freep) char *name = mem_strdup(key);
        cluster_drop(w, name);
    }
    map_done(&w->drive->clusters);
    map_done(&w->drive->instances);
    mem_free(w->drive);
    w->drive = NULL;
}
