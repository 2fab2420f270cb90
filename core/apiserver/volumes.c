/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage object in use protection: a PersistentVolumeClaim that a Pod uses, and a PersistentVolume
 * that a claim is bound to, are born with a finalizer that is taken away when the last user has
 * gone. A database's directory does not disappear under a running process.
 *
 * Level-triggered, and only while something with the finalizer is being deleted.
 */
#include "apiserver/volumes.h"

#include <string.h>

#include "apiserver/rest_write.h"

#define CLAIM_FINALIZER  "kubernetes.io/pvc-protection"
#define VOLUME_FINALIZER "kubernetes.io/pv-protection"

struct volumes {
    struct api *api;
    struct loop_timer *turn;
    size_t waiting; /* marked objects seen in the last turn */
};

static void add_finalizer(cJSON *obj, const char *name)
{
    cJSON *list = (cJSON *)(uintptr_t)json_at(obj, "metadata", "finalizers");
    if (json_array_has(list, name))
        return;
    if (!list) {
        list = cJSON_CreateArray();
        json_put(obj, list, "metadata", "finalizers");
    }
    cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

static int claim_prepare(struct call *c, cJSON *obj, const cJSON *old)
{
    (void)c;
    if (!old)
        add_finalizer(obj, CLAIM_FINALIZER);
    return 0;
}

static int volume_prepare(struct call *c, cJSON *obj, const cJSON *old)
{
    (void)c;
    if (!old)
        add_finalizer(obj, VOLUME_FINALIZER);
    return 0;
}

const struct hooks PVC_HOOKS = {.prepare = claim_prepare};
const struct hooks PV_HOOKS = {.prepare = volume_prepare};

bool pod_uses_claim(const cJSON *pod, const char *claim)
{
    const char *phase = json_str(pod, "status", "phase");
    if (streq(phase, "Succeeded") || streq(phase, "Failed"))
        return false;
    json_foreach (v, json_at(pod, "spec", "volumes")) {
        if (streq(json_str(v, "persistentVolumeClaim", "claimName"), claim))
            return true;
    }
    return false;
}

static bool claim_in_use(const struct api *api, const struct object *claim)
{
    const char *name = strchr(claim->key, '/') + 1;
    AUTO(mem_freep) char *prefix = mem_strndup(claim->key, (size_t)(name - claim->key));
    const struct shelf *pods = store_find(api->store, "pods");
    const struct object *o;
    for (size_t i = shelf_first(pods, prefix); shelf_latest_at(pods, i, prefix, &o); i++) {
        AUTO(json_freep) cJSON *pod = o ? object_tree(o) : NULL;
        if (pod_uses_claim(pod, name))
            return true;
    }
    return false;
}

static bool volume_in_use(const struct api *api, const struct object *volume)
{
    AUTO(json_freep) cJSON *obj = object_tree(volume);
    const char *ns = json_str(obj, "spec", "claimRef", "namespace");
    const char *name = json_str(obj, "spec", "claimRef", "name");
    if (!streq(json_str(obj, "status", "phase"), "Bound") || !ns || !name)
        return false;
    AUTO(mem_freep) char *key = mem_printf("%s/%s", ns, name);
    return shelf_latest(store_find(api->store, "persistentvolumeclaims"), key) != NULL;
}

static void release(struct api *api, const struct resource *res, const struct object *o,
                    const char *finalizer)
{
    AUTO(json_freep) cJSON *obj = object_tree(o);
    cJSON *list = (cJSON *)(uintptr_t)json_at(obj, "metadata", "finalizers");
    for (cJSON *it = list ? list->child : NULL, *next; it; it = next) {
        next = it->next;
        if (streq(json_string_of(it), finalizer))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
    }
    if (list && !list->child)
        json_del(obj, "metadata", "finalizers");
    change_commit(api, res, o, obj);
}

static size_t visit(struct api *api, const char *plural, const char *finalizer,
                    bool (*in_use)(const struct api *, const struct object *))
{
    const struct resource *res = resources_find(&api->resources, "", "v1", plural);
    const struct object *o;
    size_t waiting = 0;
    for (size_t i = 0; shelf_latest_at(res->shelf, i, "", &o); i++) {
        if (!o || !(o->flags & OBJECT_DELETING) || !(o->flags & OBJECT_FINALIZERS))
            continue;
        AUTO(json_freep) cJSON *obj = object_tree(o);
        if (!json_array_has(json_at(obj, "metadata", "finalizers"), finalizer))
            continue;
        if (in_use(api, o))
            waiting++;
        else
            release(api, res, o, finalizer);
    }
    return waiting;
}

static void volumes_turn(void *arg)
{
    struct volumes *v = arg;
    v->waiting = visit(v->api, "persistentvolumeclaims", CLAIM_FINALIZER, claim_in_use) +
                 visit(v->api, "persistentvolumes", VOLUME_FINALIZER, volume_in_use);
}

static void volumes_event(void *arg, const struct event *e)
{
    struct volumes *v = arg;
    const char *name = e->shelf->name;
    bool marked = (e->obj->flags & OBJECT_DELETING) && e->type != EVENT_DELETED;
    bool storage = streq(name, "persistentvolumeclaims") || streq(name, "persistentvolumes");
    bool user_ended = v->waiting && e->type != EVENT_ADDED && (storage || streq(name, "pods"));
    if ((storage && marked) || user_ended)
        loop_timer_start(v->turn, 0);
}

struct volumes *volumes_new(struct api *api)
{
    struct volumes *v = mem_new(struct volumes);
    v->api = api;
    v->turn = loop_timer_new(api->loop, volumes_turn, v);
    store_listen(api->store, volumes_event, v);
    loop_timer_start(v->turn, 0);
    return v;
}

void volumes_free(struct volumes *v)
{
    if (!v)
        return;
    loop_timer_free(v->turn);
    mem_free(v);
}
