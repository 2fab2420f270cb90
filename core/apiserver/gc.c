/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The garbage collector: an index from owners to dependents, and a list of uids to look at.
 *
 * It is fed by the store's events and works one turn later, so it is immediate where a real cluster
 * takes seconds. Level-triggered: looking at a uid again at any time does no harm, and after a
 * restart everything that is owned is looked at once.
 *
 * An owner marked "orphan" lets its dependents go; one marked "foregroundDeletion" has them deleted
 * and waits for those that block it; an owner that has gone takes those with it that have no other.
 */
#include "apiserver/gc.h"

#include <string.h>

#include "apiserver/rest_write.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN     "orphan"

struct gc {
    struct api *api;
    struct map owners; /* owner uid -> struct map of dependents' uids */
    struct map dirty;  /* uids to look at */
    struct loop_timer *turn;
};

/* ---- pure parts ---- */

bool gc_drop_owner(cJSON *obj, const char *uid)
{
    cJSON *refs = (cJSON *)(uintptr_t)json_at(obj, "metadata", "ownerReferences");
    bool found = false;
    for (cJSON *it = refs ? refs->child : NULL, *next; it; it = next) {
        next = it->next;
        if (streq(json_str(it, "uid"), uid)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(refs, it));
            found = true;
        }
    }
    if (refs && !refs->child)
        json_del(obj, "metadata", "ownerReferences");
    return found;
}

enum owner_state gc_owner_state(const char *owners, bool (*there)(void *arg, const char *uid),
                                void *arg)
{
    size_t n = 0, gone = 0;
    for (const char *uid = owners; *uid; uid += strlen(uid) + 1) {
        n++;
        gone += !there(arg, uid);
    }
    if (!n)
        return OWNER_NONE;
    return gone == n ? OWNER_ALL_GONE : gone ? OWNER_SOME_GONE : OWNER_ALL_THERE;
}

static bool blocks(const cJSON *obj, const char *uid)
{
    return json_bool(false, json_find(json_at(obj, "metadata", "ownerReferences"), "uid", uid),
                     "blockOwnerDeletion");
}

static bool drop_finalizer(cJSON *obj, const char *name)
{
    cJSON *list = (cJSON *)(uintptr_t)json_at(obj, "metadata", "finalizers");
    bool found = false;
    for (cJSON *it = list ? list->child : NULL, *next; it; it = next) {
        next = it->next;
        if (streq(json_string_of(it), name)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
            found = true;
        }
    }
    if (list && !list->child)
        json_del(obj, "metadata", "finalizers");
    return found;
}

/* ---- the index ---- */

static void look_at(struct gc *g, const char *uid)
{
    if (!*uid)
        return;
    map_set(&g->dirty, uid, g);
    if (!loop_timer_active(g->turn))
        loop_timer_start(g->turn, 0);
}

static void index_add(struct gc *g, const struct object *o)
{
    for (const char *uid = o->owners; *uid; uid += strlen(uid) + 1) {
        struct map *deps = map_get(&g->owners, uid);
        if (!deps) {
            deps = mem_new(struct map);
            map_set(&g->owners, uid, deps);
        }
        map_set(deps, o->uid, g);
    }
}

static void index_drop(struct gc *g, const struct object *o)
{
    for (const char *uid = o->owners; *uid; uid += strlen(uid) + 1) {
        struct map *deps = map_get(&g->owners, uid);
        if (!deps)
            continue;
        map_del(deps, o->uid);
        if (!map_len(deps)) {
            map_del(&g->owners, uid);
            map_done(deps);
            mem_free(deps);
        }
    }
}

static void gc_event(void *arg, const struct event *e)
{
    struct gc *g = arg;
    if (e->prev && (e->prev->flags & OBJECT_OWNED))
        index_drop(g, e->prev);
    if (e->type == EVENT_DELETED) {
        look_at(g, e->obj->uid);
        for (const char *uid = e->obj->owners; *uid; uid += strlen(uid) + 1)
            look_at(g, uid); /* it may have waited for this one */
        return;
    }
    if (e->obj->flags & OBJECT_OWNED) {
        index_add(g, e->obj);
        look_at(g, e->obj->uid);
    }
    if ((e->obj->flags & OBJECT_DELETING) && (e->obj->flags & OBJECT_FINALIZERS))
        look_at(g, e->obj->uid);
}

/* ---- what is done ---- */

/* An object to act on: its latest state and its row; false when it has gone. */
struct target {
    const struct object *o;
    const struct resource *res;
};

static bool target_find(const struct gc *g, const char *uid, struct target *ret)
{
    struct shelf *sh = NULL;
    ret->o = store_by_uid(g->api->store, uid, &sh);
    ret->res = ret->o ? resources_of_shelf(&g->api->resources, sh) : NULL;
    return ret->o && ret->res;
}

static bool owner_there(void *arg, const char *uid)
{
    const struct gc *g = arg;
    return store_by_uid(g->api->store, uid, NULL) != NULL;
}

static void delete_target(struct gc *g, const struct target *t)
{
    static const struct deletion by_default = {PROPAGATE_DEFAULT, -1};
    bool gone;
    if (t->o->flags & OBJECT_DELETING)
        return;
    object_unref(deletion_run(g->api, t->res, t->o, &by_default, &gone));
}

static void release_from(struct gc *g, const struct target *t, const char *owner_uid)
{
    AUTO(json_freep) cJSON *obj = object_tree(t->o);
    if (gc_drop_owner(obj, owner_uid))
        change_commit(g->api, t->res, t->o, obj);
}

static void release_from_gone(struct gc *g, const struct target *t)
{
    AUTO(json_freep) cJSON *obj = object_tree(t->o);
    bool changed = false;
    for (const char *uid = t->o->owners; *uid; uid += strlen(uid) + 1) {
        if (!owner_there(g, uid))
            changed |= gc_drop_owner(obj, uid);
    }
    if (changed)
        change_commit(g->api, t->res, t->o, obj);
}

/* The dependent's side: no owner left, some owners left. */
static void visit_dependent(struct gc *g, const char *uid)
{
    struct target t;
    if (!target_find(g, uid, &t) || !(t.o->flags & OBJECT_OWNED))
        return;
    switch (gc_owner_state(t.o->owners, owner_there, g)) {
    case OWNER_ALL_GONE:
        delete_target(g, &t);
        break;
    case OWNER_SOME_GONE:
        release_from_gone(g, &t);
        break;
    case OWNER_NONE:
    case OWNER_ALL_THERE:
        break;
    }
}

static void each_dependent(struct gc *g, const char *uid,
                           void (*fn)(struct gc *g, const char *dependent, const char *owner,
                                      size_t *n),
                           size_t *n)
{
    struct map *deps = map_get(&g->owners, uid);
    size_t it = 0;
    const char *dependent;
    void *value;
    while (deps && map_next(deps, &it, &dependent, &value))
        fn(g, dependent, uid, n);
}

static void orphan_one(struct gc *g, const char *dependent, const char *owner, size_t *n)
{
    (void)n;
    struct target t;
    if (target_find(g, dependent, &t))
        release_from(g, &t, owner);
}

/* Deletes it, or only lets go when it has another owner that stays. *n counts those the owner waits
 * for. */
static void foreground_one(struct gc *g, const char *dependent, const char *owner, size_t *n)
{
    struct target t;
    if (!target_find(g, dependent, &t))
        return;
    for (const char *uid = t.o->owners; *uid; uid += strlen(uid) + 1) {
        if (!streq(uid, owner) && owner_there(g, uid)) {
            release_from(g, &t, owner);
            return;
        }
    }
    AUTO(json_freep) cJSON *obj = object_tree(t.o);
    delete_target(g, &t);
    *n += blocks(obj, owner) && store_by_uid(g->api->store, dependent, NULL);
}

static void gone_one(struct gc *g, const char *dependent, const char *owner, size_t *n)
{
    (void)owner;
    (void)n;
    visit_dependent(g, dependent);
}

/* An owner that waits for its dependents. */
static void visit_owner(struct gc *g, const char *uid, const struct target *t)
{
    AUTO(json_freep) cJSON *obj = object_tree(t->o);
    const cJSON *finalizers = json_at(obj, "metadata", "finalizers");
    size_t waits = 0;
    const char *done = NULL;
    if (json_array_has(finalizers, ORPHAN)) {
        each_dependent(g, uid, orphan_one, &waits);
        done = ORPHAN;
    } else if (json_array_has(finalizers, FOREGROUND)) {
        each_dependent(g, uid, foreground_one, &waits);
        done = FOREGROUND;
    }
    if (done && !waits && drop_finalizer(obj, done))
        change_commit(g->api, t->res, t->o, obj);
}

static void visit(struct gc *g, const char *uid)
{
    struct target t;
    size_t n = 0;
    if (!target_find(g, uid, &t)) {
        each_dependent(g, uid, gone_one, &n);
        return;
    }
    if ((t.o->flags & OBJECT_DELETING) && (t.o->flags & OBJECT_FINALIZERS))
        visit_owner(g, uid, &t);
    visit_dependent(g, uid);
}

static void gc_turn(void *arg)
{
    struct gc *g = arg;
    struct map work = g->dirty;
    g->dirty = MAP_INIT;
    size_t it = 0;
    const char *uid;
    void *value;
    while (map_next(&work, &it, &uid, &value))
        visit(g, uid);
    map_done(&work);
}

/* ---- birth and death ---- */

static void load_shelf(struct gc *g, const struct shelf *sh)
{
    const struct object *o;
    for (size_t i = 0; shelf_at(sh, i, "", &o); i++) {
        if (!o)
            continue;
        if (o->flags & OBJECT_OWNED)
            index_add(g, o);
        if (o->flags & (OBJECT_OWNED | OBJECT_DELETING))
            look_at(g, o->uid);
    }
}

struct gc *gc_new(struct api *api)
{
    struct gc *g = mem_new(struct gc);
    g->api = api;
    g->turn = loop_timer_new(api->loop, gc_turn, g);
    store_listen(api->store, gc_event, g);
    for (size_t i = 0; i < api->resources.n; i++) {
        if (api->resources.items[i]->shelf)
            load_shelf(g, api->resources.items[i]->shelf);
    }
    return g;
}

void gc_free(struct gc *g)
{
    if (!g)
        return;
    loop_timer_free(g->turn);
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&g->owners, &it, &key, &value)) {
        map_done(value);
        mem_free(value);
    }
    map_done(&g->owners);
    map_done(&g->dirty);
    mem_free(g);
}
