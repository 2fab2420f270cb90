/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a namespace: born with a default service account, refused when it is one of the first
 * ones, emptied before it goes.
 *
 * The end is level-triggered: a namespace that is being deleted is looked at when it was marked and
 * whenever something inside it went; what is left decides.
 */
#include "apiserver/namespaces.h"

#include <string.h>

#include "apiserver/rest_write.h"
#include "base/clock.h"
#include "base/ids.h"

struct namespaces {
    struct api *api;
    struct map dirty; /* names to look at */
    struct loop_timer *turn;
};

static const char *const FIRST[] = {"default", "kube-system", "kube-public", "kube-node-lease"};

static const struct shelf *shelf_of(const struct api *api)
{
    return store_find(api->store, "namespaces");
}

int namespaces_check_create(struct call *c, const char *name)
{
    const struct object *ns = shelf_latest(shelf_of(c->api), c->ns);
    if (!ns) {
        c->failure = (struct failure){
            .code = 404,
            .reason = "NotFound",
            .message = arena_printf(c->arena, "namespaces \"%s\" not found", c->ns),
            .name = c->ns,
            .kind = "namespaces"};
        return -1;
    }
    if (!(ns->flags & OBJECT_DELETING))
        return 0;
    call_fail_object(
        c, 403, "Forbidden", name,
        "%s \"%s\" is forbidden: unable to create new content in namespace %s because it is "
        "being terminated",
        c->res->qualified, name ? name : "", c->ns);
    struct causes *causes = arena_new_of(c->arena, struct causes);
    causes->arena = c->arena;
    causes_add(causes, "NamespaceTerminating", "metadata.namespace",
               "namespace %s is being terminated", c->ns);
    c->failure.causes = causes;
    return -1;
}

/* ---- hooks ---- */

static int ns_prepare(struct call *c, cJSON *obj, const cJSON *old)
{
    (void)c;
    const char *name = json_str(obj, "metadata", "name");
    if (name)
        json_put_str(obj, name, "metadata", "labels", "kubernetes.io/metadata.name");
    if (old) {
        const cJSON *finalizers = json_at(old, "spec", "finalizers");
        if (finalizers && !(c->subres && streq(c->subres->name, "finalize")))
            json_put(obj, cJSON_Duplicate(finalizers, true), "spec", "finalizers");
        return 0;
    }
    cJSON *list = cJSON_CreateArray();
    cJSON_AddItemToArray(list, cJSON_CreateString("kubernetes"));
    json_put(obj, list, "spec", "finalizers");
    json_put_str(obj, "Active", "status", "phase");
    return 0;
}

static int ns_may_delete(struct call *c, const char *name)
{
    for (size_t i = 0; i < 3; i++) {
        if (streq(name, FIRST[i]))
            return call_fail_object(
                c, 403, "Forbidden", name,
                "namespaces \"%s\" is forbidden: this namespace may not be deleted", name);
    }
    return 0;
}

static bool ns_deleting(cJSON *obj, int64_t now_us)
{
    (void)now_us;
    json_put_str(obj, "Terminating", "status", "phase");
    return cJSON_GetArraySize(json_at(obj, "spec", "finalizers")) > 0;
}

/* An object of the server's own making. */
static cJSON *own_object(const struct api *api, const char *ns, const char *name)
{
    char uid[IDS_UUID_MAX], now[CLOCK_TEXT_MAX];
    cJSON *obj = cJSON_CreateObject();
    json_put_str(obj, name, "metadata", "name");
    if (ns)
        json_put_str(obj, ns, "metadata", "namespace");
    json_put_str(obj, ids_uuid(uid), "metadata", "uid");
    json_put_str(obj, clock_time_text(api->now_us(), now), "metadata", "creationTimestamp");
    return obj;
}

/* Pods are refused without it, so it is there from the first moment. */
static void add_account(struct api *api, const char *ns)
{
    struct shelf *sh = store_find(api->store, "serviceaccounts");
    AUTO(mem_freep) char *key = mem_printf("%s/default", ns);
    if (shelf_latest(sh, key))
        return;
    AUTO(json_freep) cJSON *account = own_object(api, ns, "default");
    store_put(api->store, sh, key, account);
}

static void ns_created(struct call *c, const struct object *obj)
{
    add_account(c->api, obj->key);
}

const struct hooks NAMESPACE_HOOKS = {.prepare = ns_prepare,
                                      .may_delete = ns_may_delete,
                                      .deleting = ns_deleting,
                                      .created = ns_created};

/* PUT /finalize takes spec.finalizers and nothing else. */
static void ns_finalize(struct call *c)
{
    cJSON *body = rest_body(c) < 0 ? NULL : rest_parse(c);
    const struct object *cur = NULL;
    if (!body || rest_decode(c, body, false) < 0 || rest_check_place(c, body) < 0 ||
        !(cur = rest_latest(c))) {
        call_answer_failure(c);
        return;
    }
    cJSON *obj = call_own(c, object_tree(cur));
    const cJSON *finalizers = json_at(body, "spec", "finalizers");
    json_put(obj, finalizers ? cJSON_Duplicate(finalizers, true) : cJSON_CreateArray(), "spec",
             "finalizers");
    rest_store_changed(c, cur, obj, false);
}

const struct subresource NAMESPACE_SUBS[] = {
    {.name = "finalize", .verbs = VERB_BIT(VERB_UPDATE), .run = ns_finalize},
    {.name = "status", .verbs = VERBS_STATUS},
    {.name = NULL},
};

/* ---- the end ---- */

static bool other_shelf(const struct resources *r, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (r->items[j]->shelf == r->items[i]->shelf)
            return false;
    }
    return true;
}

/* Deletes what is there; the number of objects that linger. */
static size_t empty_shelf(struct api *api, struct resource *res, const char *prefix)
{
    static const struct deletion background = {PROPAGATE_BACKGROUND, -1};
    const struct object *o;
    size_t left = 0;
    for (size_t i = shelf_first(res->shelf, prefix); shelf_latest_at(res->shelf, i, prefix, &o);
         i++) {
        bool gone;
        if (!o)
            continue;
        object_unref(deletion_run(api, res, o, &background, &gone));
        left += !gone;
    }
    return left;
}

static void namespace_visit(struct api *api, const char *name)
{
    const struct object *ns = shelf_latest(shelf_of(api), name);
    if (!ns || !(ns->flags & OBJECT_DELETING))
        return;
    AUTO(mem_freep) char *prefix = mem_printf("%s/", name);
    size_t left = 0;
    for (size_t i = 0; i < api->resources.n; i++) {
        struct resource *res = api->resources.items[i];
        struct resource *own = res->shelf ? resources_of_shelf(&api->resources, res->shelf) : NULL;
        if (res->namespaced && res->shelf && other_shelf(&api->resources, i))
            left += empty_shelf(api, own ? own : res, prefix);
    }
    if (left)
        return; /* the next deletion in it brings us back */
    AUTO(json_freep) cJSON *obj = object_tree(ns);
    json_put(obj, cJSON_CreateArray(), "spec", "finalizers");
    const struct resource *res = resources_find(&api->resources, "", "v1", "namespaces");
    change_commit(api, res, ns, obj);
}

static void namespaces_turn(void *arg)
{
    struct namespaces *n = arg;
    struct map work = n->dirty;
    n->dirty = MAP_INIT;
    size_t it = 0;
    const char *name;
    void *value;
    while (map_next(&work, &it, &name, &value))
        namespace_visit(n->api, name);
    map_done(&work);
}

static void namespaces_event(void *arg, const struct event *e)
{
    struct namespaces *n = arg;
    const char *slash = strchr(e->obj->key, '/');
    const struct shelf *sh = shelf_of(n->api);
    AUTO(mem_freep) char *name = NULL;
    if (e->shelf == sh && e->type != EVENT_DELETED && (e->obj->flags & OBJECT_DELETING))
        name = mem_strdup(e->obj->key);
    else if (slash && e->type == EVENT_DELETED)
        name = mem_strndup(e->obj->key, (size_t)(slash - e->obj->key));
    const struct object *ns = name ? shelf_latest(sh, name) : NULL;
    if (!ns || !(ns->flags & OBJECT_DELETING))
        return;
    map_set(&n->dirty, name, n);
    loop_timer_start(n->turn, 0);
}

/* ---- birth ---- */

void namespaces_bootstrap(struct api *api)
{
    struct shelf *sh = store_find(api->store, "namespaces");
    for (size_t i = 0; i < ARRAY_LEN(FIRST); i++) {
        if (!shelf_latest(sh, FIRST[i])) {
            AUTO(json_freep) cJSON *ns = own_object(api, NULL, FIRST[i]);
            json_put_str(ns, FIRST[i], "metadata", "labels", "kubernetes.io/metadata.name");
            cJSON *list = cJSON_CreateArray();
            cJSON_AddItemToArray(list, cJSON_CreateString("kubernetes"));
            json_put(ns, list, "spec", "finalizers");
            json_put_str(ns, "Active", "status", "phase");
            store_put(api->store, sh, FIRST[i], ns);
        }
        add_account(api, FIRST[i]);
    }
}

struct namespaces *namespaces_new(struct api *api)
{
    struct namespaces *n = mem_new(struct namespaces);
    n->api = api;
    n->turn = loop_timer_new(api->loop, namespaces_turn, n);
    store_listen(api->store, namespaces_event, n);
    const struct shelf *sh = shelf_of(api);
    const struct object *o;
    for (size_t i = 0; shelf_latest_at(sh, i, "", &o); i++) {
        if (o && (o->flags & OBJECT_DELETING))
            map_set(&n->dirty, o->key, n);
    }
    loop_timer_start(n->turn, 0);
    return n;
}

void namespaces_free(struct namespaces *n)
{
    if (!n)
        return;
    loop_timer_free(n->turn);
    map_done(&n->dirty);
    mem_free(n);
}
