/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CRD is an object like any other; when it is committed, its served versions become rows of the
 * table. So whoever got the answer to its creation finds its kind served.
 *
 * A CRD that is deleted keeps its finalizer until its instances have gone, which the store's events
 * tell.
 */
#include "apiserver/crds.h"

#include <string.h>

#include "apiserver/rest_write.h"
#include "apiserver/watch.h"
#include "base/clock.h"
#include "base/log.h"

#define LOG_ROOM   "apiserver"
#define FINALIZER  "customresourcecleanup.apiextensions.k8s.io"
#define VERSIONS_N 64

struct crds {
    struct api *api;
    struct map rows;  /* CRD name -> struct kind */
    struct map dirty; /* CRD names whose instances are being deleted */
    struct loop_timer *turn;
};

/* The rows of one CRD. */
struct kind {
    int64_t generation;
    struct shelf *shelf;
    struct resource *rows[VERSIONS_N];
    size_t n;
    bool refill; /* the schema has changed: objects may lack its defaults */
};

static struct shelf *crd_shelf(const struct api *api)
{
    return store_find(api->store, "customresourcedefinitions");
}

/* ---- status ---- */

static void condition_set(cJSON *status, const char *type, bool value, const char *reason,
                          const char *message, const char *now)
{
    cJSON *list = (cJSON *)(uintptr_t)json_at(status, "conditions");
    if (!cJSON_IsArray(list)) {
        list = cJSON_CreateArray();
        json_put(status, list, "conditions");
    }
    cJSON *cond = (cJSON *)(uintptr_t)json_find(list, "type", type);
    if (cond && streq(json_str(cond, "status"), value ? "True" : "False"))
        return;
    if (!cond) {
        cond = cJSON_CreateObject();
        json_put_str(cond, type, "type");
        cJSON_AddItemToArray(list, cond);
    }
    json_put_str(cond, value ? "True" : "False", "status");
    json_put_str(cond, now, "lastTransitionTime");
    json_put_str(cond, reason, "reason");
    json_put_str(cond, message, "message");
}

static const char *storage_version(const cJSON *crd)
{
    json_foreach (v, json_at(crd, "spec", "versions")) {
        if (json_bool(false, v, "storage"))
            return json_str(v, "name");
    }
    return NULL;
}

/* Another CRD of the group has this kind. */
static bool kind_taken(const struct api *api, const cJSON *crd)
{
    const char *name = json_str(crd, "metadata", "name");
    const struct resource *res = resources_by_kind(&api->resources, json_str(crd, "spec", "group"),
                                                   json_str(crd, "spec", "names", "kind"));
    return res && !streq(res->qualified, name);
}

/* What a controller writes a moment later in a real cluster is true at once here. */
static void status_set(struct call *c, cJSON *crd)
{
    cJSON *status = json_obj(crd, "status");
    char now[CLOCK_TEXT_MAX];
    clock_time_text(c->now_us, now);
    bool taken = kind_taken(c->api, crd);
    condition_set(status, "NamesAccepted", !taken, taken ? "KindConflict" : "NoConflicts",
                  taken ? "another definition of the group has this kind" : "no conflicts found",
                  now);
    condition_set(status, "Established", !taken, taken ? "NotAccepted" : "InitialNamesAccepted",
                  taken ? "not all names are accepted" : "the initial names have been accepted",
                  now);
    const cJSON *names = json_at(crd, "spec", "names");
    if (names && !taken)
        json_put(status, cJSON_Duplicate(names, true), "acceptedNames");
    cJSON *stored = (cJSON *)(uintptr_t)json_at(status, "storedVersions");
    const char *version = storage_version(crd);
    if (!cJSON_IsArray(stored)) {
        stored = cJSON_CreateArray();
        json_put(status, stored, "storedVersions");
    }
    if (version && !json_array_has(stored, version))
        cJSON_AddItemToArray(stored, cJSON_CreateString(version));
}

static int crd_prepare(struct call *c, cJSON *obj, const cJSON *old)
{
    crd_default(obj);
    if (!old)
        json_del(obj, "status");
    if (!(c->subres && streq(c->subres->name, "status")))
        status_set(c, obj);
    return 0;
}

static void crd_check(struct call *c, const cJSON *obj, const cJSON *old, struct causes *causes)
{
    (void)c;
    crd_validate(obj, old, causes);
}

static bool crd_deleting(cJSON *obj, int64_t now_us)
{
    char now[CLOCK_TEXT_MAX];
    if (json_str(obj, "metadata", "deletionTimestamp"))
        return false; /* it waits only for its finalizers */
    cJSON *list = (cJSON *)(uintptr_t)json_at(obj, "metadata", "finalizers");
    if (!list) {
        list = cJSON_CreateArray();
        json_put(obj, list, "metadata", "finalizers");
    }
    if (!json_array_has(list, FINALIZER))
        cJSON_AddItemToArray(list, cJSON_CreateString(FINALIZER));
    condition_set(
        json_obj(obj, "status"), "Terminating", true, "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        clock_time_text(now_us, now));
    return true;
}

const struct hooks CRD_HOOKS = {
    .prepare = crd_prepare, .check = crd_check, .deleting = crd_deleting};

/* ---- rows ---- */

void custom_free(struct custom *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < ARRAY_LEN(c->texts); i++)
        mem_free(c->texts[i]);
    for (struct field_label *f = c->fields; f && f->name; f++)
        mem_free((void *)(uintptr_t)f->name);
    mem_free(c->fields);
    schema_free(c->schema);
    cJSON_Delete(c->openapi);
    columns_free(c->columns);
    mem_free(c->warning);
    mem_free(c->replicas_spec);
    mem_free(c->replicas_status);
    mem_free(c->selector_path);
    mem_free(c);
}

/* "a,b" of a list of strings; NULL for none. */
static char *joined(const cJSON *list)
{
    AUTO(buf_done) struct buf b = BUF_INIT(65536);
    json_foreach (item, list)
        buf_addf(&b, "%s%s", b.len ? "," : "", json_string_of(item));
    return b.len ? buf_take(&b) : NULL;
}

static const cJSON *newer_version(const cJSON *crd, const cJSON *than)
{
    json_foreach (v, json_at(crd, "spec", "versions")) {
        if (v != than && json_bool(false, v, "served") && !json_bool(false, v, "deprecated"))
            return v;
    }
    return NULL;
}

static char *deprecation(const cJSON *crd, const cJSON *v)
{
    const char *group = json_str(crd, "spec", "group"),
               *kind = json_str(crd, "spec", "names", "kind");
    const char *own = json_str(v, "deprecationWarning"), *name = json_str(v, "name");
    const cJSON *newer = newer_version(crd, v);
    if (!json_bool(false, v, "deprecated"))
        return NULL;
    if (own)
        return mem_strdup(own);
    if (!newer)
        return mem_printf("%s/%s %s is deprecated", group, name, kind);
    return mem_printf("%s/%s %s is deprecated; use %s/%s %s", group, name, kind, group,
                      json_str(newer, "name"), kind);
}

/* selectableFields: ".spec.color" is asked as spec.color. */
static struct field_label *selectable(const cJSON *v)
{
    const cJSON *list = json_at(v, "selectableFields");
    size_t n = 0;
    struct field_label *f = mem_calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*f));
    json_foreach (item, list) {
        const char *path = json_str(item, "jsonPath");
        if (path && *path == '.') {
            char *name = mem_strdup(path + 1);
            f[n++] = (struct field_label){name, name, ""};
        }
    }
    return f;
}

static void custom_scale(struct custom *cu, const cJSON *scale)
{
    if (!scale)
        return;
    cu->replicas_spec = mem_strdup(json_str(scale, "specReplicasPath"));
    cu->replicas_status = mem_strdup(json_str(scale, "statusReplicasPath"));
    cu->selector_path = mem_strdup(json_str(scale, "labelSelectorPath"));
}

static struct custom *custom_new(const cJSON *crd, const cJSON *v)
{
    struct custom *cu = mem_new(struct custom);
    const cJSON *openapi = json_at(v, "schema", "openAPIV3Schema");
    AUTO(arena_freep) struct arena *a = arena_new(16U << 20);
    struct causes causes = {.arena = a};
    if (openapi) {
        cu->schema = schema_compile(openapi, "schema", &causes);
        cu->openapi = cJSON_Duplicate(openapi, true);
    }
    if (openapi && !cu->schema)
        log_error("%s %s: the stored schema does not compile: %s: %s",
                  json_str(crd, "metadata", "name"), json_str(v, "name"),
                  causes.n ? causes.items[0].field : "", causes.n ? causes.items[0].message : "");
    cu->columns = columns_custom(json_at(v, "additionalPrinterColumns"));
    cu->warning = deprecation(crd, v);
    cu->fields = selectable(v);
    cu->storage = json_bool(false, v, "storage");
    cu->has_status = json_at(v, "subresources", "status") != NULL;
    custom_scale(cu, json_at(v, "subresources", "scale"));
    return cu;
}

static const struct subresource *subs_of(const struct custom *cu)
{
    if (cu->has_status && cu->replicas_spec)
        return STATUS_SCALE_SUBS;
    if (cu->has_status)
        return STATUS_SUBS;
    return cu->replicas_spec ? SCALE_SUBS : NULL;
}

static const char *keep_text(struct custom *cu, size_t i, const char *text)
{
    cu->texts[i] = mem_strdup(text);
    return cu->texts[i];
}

static struct resource *row_add(struct crds *crds, const cJSON *crd, const cJSON *v)
{
    const cJSON *names = json_at(crd, "spec", "names");
    struct custom *cu = custom_new(crd, v);
    cu->texts[5] = joined(json_at(names, "shortNames"));
    cu->texts[6] = joined(json_at(names, "categories"));
    struct resource row = {
        .group = keep_text(cu, 0, json_str(crd, "spec", "group")),
        .version = keep_text(cu, 1, json_str(v, "name")),
        .kind = keep_text(cu, 2, json_str(names, "kind")),
        .plural = keep_text(cu, 3, json_str(names, "plural")),
        .singular = keep_text(cu, 4, json_str(names, "singular")),
        .list_kind = keep_text(cu, 7, json_str(names, "listKind")) ? cu->texts[7] : NULL,
        .short_names = cu->texts[5],
        .categories = cu->texts[6],
        .namespaced = streq(json_str(crd, "spec", "scope"), "Namespaced"),
        .verbs = VERBS_ALL,
        .flags = RES_GENERATION | (cu->has_status ? RES_STATUS : 0),
        .fields = cu->fields,
        .subs = subs_of(cu),
        .custom = cu,
    };
    return resources_add(&crds->api->resources, &row, cu->storage);
}

/* The stored form must be known even when its version is not served. */
static struct shelf *shelf_prepare(struct crds *crds, const cJSON *crd)
{
    const char *version = storage_version(crd), *group = json_str(crd, "spec", "group");
    AUTO(mem_freep) char *api_version = mem_printf("%s/%s", group, version);
    return store_shelf(crds->api->store, json_str(crd, "metadata", "name"),
                       json_str(crd, "spec", "names", "kind"), api_version, NULL);
}

static bool established(const cJSON *crd)
{
    return streq(
        json_str(json_find(json_at(crd, "status", "conditions"), "type", "Established"), "status"),
        "True");
}

static void kind_drop_rows(struct crds *crds, struct kind *k, bool for_good)
{
    for (size_t i = 0; i < k->n; i++) {
        if (for_good)
            watch_close(k->rows[i]);
        resources_remove(&crds->api->resources, k->rows[i]);
    }
    k->n = 0;
    if (k->shelf)
        k->shelf->fields = NULL;
}

/* Watches of versions that are no longer served end; the others go on. */
static void close_unserved(struct crds *crds, struct resource *const *old, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!resources_find(&crds->api->resources, old[i]->group, old[i]->version, old[i]->plural))
            watch_close(old[i]);
        resource_unref(old[i]);
    }
}

static void kind_build(struct crds *crds, struct kind *k, const cJSON *crd)
{
    struct resource *old[VERSIONS_N];
    size_t n_old = k->n;
    for (size_t i = 0; i < n_old; i++)
        old[i] = resource_ref(k->rows[i]);
    kind_drop_rows(crds, k, false);
    if (storage_version(crd) && established(crd)) {
        k->shelf = shelf_prepare(crds, crd);
        json_foreach (v, json_at(crd, "spec", "versions")) {
            if (json_bool(false, v, "served") && k->n < VERSIONS_N)
                k->rows[k->n++] = row_add(crds, crd, v);
        }
    }
    close_unserved(crds, old, n_old);
    k->refill = n_old > 0;
}

static void crd_changed(struct crds *crds, const struct object *o)
{
    struct kind *k = map_get(&crds->rows, o->key);
    AUTO(json_freep) cJSON *crd = object_tree(o);
    int64_t generation = json_int(0, crd, "metadata", "generation");
    if (!k) {
        k = mem_new(struct kind);
        map_set(&crds->rows, o->key, k);
    } else if (k->generation == generation && (k->n > 0) == established(crd)) {
        return; /* metadata or status */
    }
    k->generation = generation;
    kind_build(crds, k, crd);
}

static void crd_gone(struct crds *crds, const char *name)
{
    struct kind *k = map_del(&crds->rows, name);
    if (!k)
        return;
    kind_drop_rows(crds, k, true);
    mem_free(k);
}

/* ---- the end ---- */

static void release(struct crds *crds, const struct object *o)
{
    const struct resource *res = resources_find(&crds->api->resources, "apiextensions.k8s.io", "v1",
                                                "customresourcedefinitions");
    AUTO(json_freep) cJSON *obj = object_tree(o);
    cJSON *list = (cJSON *)(uintptr_t)json_at(obj, "metadata", "finalizers");
    for (cJSON *it = list ? list->child : NULL, *next; it; it = next) {
        next = it->next;
        if (streq(json_string_of(it), FINALIZER))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
    }
    if (list && !list->child)
        json_del(obj, "metadata", "finalizers");
    change_commit(crds->api, res, o, obj);
}

static struct resource *storage_row(const struct kind *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->rows[i]->custom->storage)
            return k->rows[i];
    }
    return NULL;
}

/* A new schema may bring defaults. Kubernetes adds them whenever it reads; here they are written
 * once, so that reading stays copying. */
static void refill(struct crds *crds, struct kind *k)
{
    const struct resource *res = storage_row(k);
    const struct object *o;
    k->refill = false;
    if (!res || !res->custom->schema)
        return;
    for (size_t i = 0; shelf_latest_at(res->shelf, i, "", &o); i++) {
        if (!o)
            continue;
        AUTO(json_freep) cJSON *before = object_tree(o), *after = cJSON_Duplicate(before, true);
        schema_default(res->custom->schema, after);
        if (!json_equal(before, after))
            store_put(crds->api->store, res->shelf, o->key, after);
    }
}

static size_t delete_instances(struct crds *crds, const struct resource *res)
{
    static const struct deletion by_default = {PROPAGATE_DEFAULT, -1};
    const struct object *o;
    size_t left = 0;
    for (size_t i = 0; shelf_latest_at(res->shelf, i, "", &o); i++) {
        bool gone;
        if (!o)
            continue;
        object_unref(deletion_run(crds->api, res, o, &by_default, &gone));
        left += !gone;
    }
    return left;
}

static void crd_visit(struct crds *crds, const char *name)
{
    const struct object *o = shelf_latest(crd_shelf(crds->api), name);
    struct kind *k = map_get(&crds->rows, name);
    if (k && k->refill)
        refill(crds, k);
    if (!o || !(o->flags & OBJECT_DELETING) || !(o->flags & OBJECT_FINALIZERS))
        return;
    if (k && k->n && delete_instances(crds, k->rows[0]))
        return;
    AUTO(json_freep) cJSON *obj = object_tree(o);
    if (json_array_has(json_at(obj, "metadata", "finalizers"), FINALIZER))
        release(crds, o);
}

static void crds_turn(void *arg)
{
    struct crds *crds = arg;
    struct map work = crds->dirty;
    crds->dirty = MAP_INIT;
    size_t it = 0;
    const char *name;
    void *value;
    while (map_next(&work, &it, &name, &value))
        crd_visit(crds, name);
    map_done(&work);
}

static void visit_soon(struct crds *crds, const char *name)
{
    map_set(&crds->dirty, name, crds);
    loop_timer_start(crds->turn, 0);
}

static void crds_event(void *arg, const struct event *e)
{
    struct crds *crds = arg;
    if (e->shelf != crd_shelf(crds->api)) {
        const struct object *crd =
            e->type == EVENT_DELETED ? shelf_latest(crd_shelf(crds->api), e->shelf->name) : NULL;
        if (crd && (crd->flags & OBJECT_DELETING))
            visit_soon(crds, e->shelf->name);
        return;
    }
    if (e->type == EVENT_DELETED) {
        crd_gone(crds, e->obj->key);
        return;
    }
    crd_changed(crds, e->obj);
    const struct kind *k = map_get(&crds->rows, e->obj->key);
    if ((e->obj->flags & OBJECT_DELETING) || k->refill)
        visit_soon(crds, e->obj->key);
}

struct crds *crds_new(struct api *api)
{
    struct crds *crds = mem_new(struct crds);
    crds->api = api;
    crds->turn = loop_timer_new(api->loop, crds_turn, crds);
    store_listen(api->store, crds_event, crds);
    const struct object *o;
    for (size_t i = 0; shelf_at(crd_shelf(api), i, "", &o); i++) {
        if (!o)
            continue;
        crd_changed(crds, o);
        if (o->flags & OBJECT_DELETING)
            visit_soon(crds, o->key);
    }
    return crds;
}

void crds_free(struct crds *crds)
{
    if (!crds)
        return;
    loop_timer_free(crds->turn);
    size_t it = 0;
    const char *name;
    void *k;
    while (map_next(&crds->rows, &it, &name, &k))
        mem_free(k);
    map_done(&crds->rows);
    map_done(&crds->dirty);
    mem_free(crds);
}
