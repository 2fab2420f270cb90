/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims, carried out: one queue for claims ("ns/name") and volumes ("/name"), one step per turn,
 * each step's answer planning the next. Directories are made before the PersistentVolume and
 * removed before it, on a worker.
 */
#define LOG_ROOM "node"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "node/claim.h"
#include "node/state.h"

#define claims_MAGIC 0x636c6d73u
struct claims {
    uint32_t magic;
    struct node *node;
    char *dir; /* of the volumes */
    struct kube_queue *queue;
    struct map gone;    /* names of volumes whose claim the API said is gone -> ourselves */
    struct map removed; /* names of volumes whose directory is removed */
    bool go;
    unsigned jobs;
    bool dead;
};

static void claims_release(struct claims *c)
{
    map_done(&c->gone);
    map_done(&c->removed);
    mem_free(c->dir);
    c->magic = 0;
    mem_free(c);
}

/* ---- events of the caches -----------------------------------------------------------------------
 */

static void add_claim(struct claims *c, const char *ns, const char *name)
{
    if (!c->go || !ns || !name)
        return;
    AUTO(mem_freep) char *key = mem_printf("%s/%s", ns, name);
    kube_queue_add(c->queue, key);
}

static void add_volume(struct claims *c, const char *name)
{
    add_claim(c, name ? "" : NULL, name);
}

void claims_pvc(struct claims *c, const cJSON *old, const cJSON *now)
{
    const cJSON *any = now ? now : old;
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    add_claim(c, kube_ns(any), kube_name(any));
    add_volume(c, json_str(any, "spec", "volumeName"));
    if (!now)
        add_volume(c, claim_pv_name(any, a));
}

void claims_pv(struct claims *c, const cJSON *old, const cJSON *now)
{
    const cJSON *any = now ? now : old, *ref = json_at(any, "spec", "claimRef");
    add_volume(c, kube_name(any));
    add_claim(c, json_str(ref, "namespace"), json_str(ref, "name"));
    if (!now) {
        map_del(&c->gone, kube_name(any));
        map_del(&c->removed, kube_name(any));
    }
}

struct pod_claims {
    struct claims *c;
    const char *ns;
};

static void on_reference(void *ctx, enum lookup_kind kind, const char *name)
{
    const struct pod_claims *p = ctx;
    if (kind == LOOKUP_CLAIM)
        add_claim(p->c, p->ns, name);
}

static bool pod_over(const cJSON *pod)
{
    const char *phase = json_str(pod, "status", "phase");
    return !pod || streq(phase, "Succeeded") || streq(phase, "Failed");
}

/* Only the end of a Pod matters here: then a claim that is being deleted may go. */
void claims_pod(struct claims *c, const cJSON *old, const cJSON *now)
{
    struct pod_claims p = {c, kube_ns(old ? old : now)};
    if (old && pod_over(now) && !pod_over(old))
        volumes_each_reference(old, on_reference, &p);
}

void claims_synced(struct claims *c)
{
    AUTO(arena_freep) struct arena *a = arena_new(64 * 1024 * 1024);
    const cJSON **list;
    c->go = true;
    size_t n = kube_cache_all(c->node->pvcs_cache, a, &list);
    for (size_t i = 0; i < n; i++)
        claims_pvc(c, NULL, list[i]);
    n = kube_cache_all(c->node->pvs_cache, a, &list);
    for (size_t i = 0; i < n; i++)
        claims_pv(c, NULL, list[i]);
}

/* ---- steps --------------------------------------------------------------------------------------
 */

#define claim_call_MAGIC 0x636c6361u
struct claim_call {
    uint32_t magic;
    struct claims *c;
    char *key;
    struct kube_cache *cache; /* that learns the answer */
    char *volume;             /* CLAIM_ASK_PVC: asked for this volume, ... */
    char *uid;                /* ...whose claim has this uid */
    struct err *err;          /* of a removal */
    int rc;
    char *path;
};

static struct claim_call *call_new(struct claims *c, const char *key, struct kube_cache *cache)
{
    struct claim_call *k = mem_new(struct claim_call);
    *k = (struct claim_call){
        .magic = claim_call_MAGIC, .c = c, .key = mem_strdup(key), .cache = cache};
    return k;
}

static void call_drop(void *arg)
{
    struct claim_call *k = CAST(claim_call, arg);
    mem_free(k->key);
    mem_free(k->volume);
    mem_free(k->uid);
    mem_free(k->path);
    err_free(k->err);
    k->magic = 0;
    mem_free(k);
}

static void call_end(struct claim_call *k, bool again)
{
    struct claims *c = k->c;
    if (again)
        kube_queue_add(c->queue, k->key);
    kube_queue_done(c->queue, k->key, KUBE_DONE);
    call_drop(k);
}

static void on_written(void *arg, const struct kube_answer *a)
{
    struct claim_call *k = CAST(claim_call, arg);
    struct claims *c = k->c;
    bool stale = a->status == 404 ||
                 a->status == 409; /* seen through old glasses: the watch brings new ones */
    if (kube_ok(a)) {
        if (k->cache && !streq(json_str(a->body, "kind"), "Status"))
            kube_cache_learn(k->cache, a->body);
        call_end(k, true);
        return;
    }
    if (!stale)
        log_warn("claim %s: %s", k->key, a->message);
    kube_queue_done(c->queue, k->key, KUBE_RETRY);
    call_drop(k);
}

/* Only a clear answer counts: 404, or a claim of the same name with another uid. */
static void on_asked(void *arg, const struct kube_answer *a)
{
    struct claim_call *k = CAST(claim_call, arg);
    bool gone = a->status == 404 && streq(a->reason, "NotFound");
    bool other = kube_ok(a) && kube_uid(a->body) && !streq(kube_uid(a->body), k->uid);
    if (gone || other) {
        map_set(&k->c->gone, k->volume, k->c);
        call_end(k, true);
        return;
    }
    kube_queue_add_after(k->c->queue, k->key, 5000);
    call_end(k, false);
}

static void remove_work(void *arg)
{
    struct claim_call *k = CAST(claim_call, arg);
    k->rc = file_tree_remove(k->path, &k->err);
}

static void remove_done(void *arg)
{
    struct claim_call *k = CAST(claim_call, arg);
    struct claims *c = k->c;
    c->jobs--;
    if (c->dead) {
        call_drop(k);
        if (!c->jobs)
            claims_release(c);
        return;
    }
    if (k->rc) {
        log_error("volume %s: %s", k->volume, err_text(k->err));
        kube_queue_add_after(c->queue, k->key, 10000);
        call_end(k, false);
        return;
    }
    log_info("volume %s: its claim is gone, its directory is removed", k->volume);
    map_set(&c->removed, k->volume, c);
    call_end(k, true);
}

/* Processes of a Pod that was deleted by force may still write there. */
static bool path_in_use(const struct claims *c, const char *path)
{
    void *v;
    for (size_t it = 0; map_next(&c->node->pods, &it, NULL, &v);) {
        const struct pod *p = v;
        for (size_t i = 0; i < p->n_volumes; i++)
            if (p->volumes[i].kind == VOLUME_CLAIM && streq(p->volumes[i].path, path))
                return true;
    }
    return false;
}

static void remove_directory(struct claims *c, const char *key, const cJSON *pv)
{
    AUTO(mem_freep) char *path = file_path(c->dir, kube_name(pv));
    /* The path in the object is for readers; what we remove is what we would have made. */
    bool ours = streq(json_str(pv, "spec", "local", "path"), path);
    if (path_in_use(c, path)) {
        kube_queue_add_after(c->queue, key, 1000);
        kube_queue_done(c->queue, key, KUBE_DONE);
        return;
    }
    if (!ours) {
        log_error("volume %s: spec.local.path is not %s; nothing is removed", kube_name(pv), path);
        map_set(&c->removed, kube_name(pv), c);
        kube_queue_add(c->queue, key);
        kube_queue_done(c->queue, key, KUBE_DONE);
        return;
    }
    struct claim_call *k = call_new(c, key, NULL);
    k->volume = mem_strdup(kube_name(pv));
    k->path = TAKE(path);
    c->jobs++;
    worker_run(c->node->loop, remove_work, remove_done, k);
}

static void ask(struct claims *c, const char *key, const cJSON *pv)
{
    const cJSON *ref = json_at(pv, "spec", "claimRef");
    struct claim_call *k = call_new(c, key, NULL);
    k->volume = mem_strdup(kube_name(pv));
    k->uid = mem_strdup(json_str(ref, "uid"));
    struct kube_call call = {.verb = KUBE_GET,
                             .resource = &KUBE_PVCS,
                             .ns = json_str(ref, "namespace"),
                             .name = json_str(ref, "name")};
    calls_start(c->node->calls, &call, on_asked, k, call_drop);
}

static int directory_make(struct claims *c, const cJSON *pv, struct err **err)
{
    AUTO(mem_freep) char *path = file_path(c->dir, kube_name(pv));
    return file_dir_make(path, 0777, err);
}

static void carry_out(struct claims *c, const char *key, const cJSON *object, const cJSON *pv,
                      struct claim_plan *p)
{
    struct node *n = c->node;
    AUTO(json_freep) cJSON *body = p->body;
    AUTO(err_freep) struct err *err = NULL;
    struct kube_call call = {
        .verb = KUBE_PATCH_MERGE, .resource = &KUBE_PVCS, .body = body, .grace_seconds = -1};
    struct kube_cache *cache = n->pvcs_cache;
    bool volume = p->step == CLAIM_CREATE_PV || p->step == CLAIM_PATCH_PV ||
                  p->step == CLAIM_PATCH_PV_STATUS || p->step == CLAIM_DELETE_PV;
    if (p->step == CLAIM_REFUSE)
        kube_event(n->events, object, true, "ProvisioningFailed", "%s", p->message);
    switch (p->step) {
    case CLAIM_REFUSE:
    case CLAIM_NOTHING:
        kube_queue_done(c->queue, key, KUBE_DONE);
        return;
    case CLAIM_ASK_PVC:
        ask(c, key, object);
        return;
    case CLAIM_REMOVE:
        remove_directory(c, key, object);
        return;
    case CLAIM_CREATE_PV:
        if (directory_make(c, body, &err)) {
            kube_event(n->events, object, true, "ProvisioningFailed", "%s", err_text(err));
            kube_queue_done(c->queue, key, KUBE_RETRY);
            return;
        }
        call.verb = KUBE_CREATE;
        break;
    case CLAIM_DELETE_PV:
        call.verb = KUBE_DELETE;
        break;
    default:
        break;
    }
    if (volume) {
        call.resource = &KUBE_PVS;
        cache = n->pvs_cache;
    }
    call.ns = volume ? NULL : kube_ns(object);
    call.name = call.verb == KUBE_CREATE ? NULL : kube_name(volume ? pv : object);
    call.subresource =
        p->step == CLAIM_PATCH_PVC_STATUS || p->step == CLAIM_PATCH_PV_STATUS ? "status" : NULL;
    calls_start(n->calls, &call, on_written, call_new(c, key, cache), call_drop);
}

static bool claim_used(const struct claims *c, const cJSON *pvc, struct arena *a)
{
    const cJSON **pods;
    const char *key = arena_printf(a, "%d/%s/%s", (int)LOOKUP_CLAIM, kube_ns(pvc), kube_name(pvc));
    size_t n = kube_cache_find(c->node->pods_cache, c->node->pods_by_reference, key, a, &pods);
    for (size_t i = 0; i < n; i++)
        if (!pod_over(pods[i]))
            return true;
    return false;
}

static void process(void *arg, const char *key)
{
    struct claims *c = CAST(claims, arg);
    struct node *n = c->node;
    AUTO(arena_freep) struct arena *a = arena_new(16 * 1024 * 1024);
    struct claim_plan plan = {0};
    const cJSON *object, *pv;
    if (key[0] == '/') {
        object = pv = kube_cache_get(n->pvs_cache, NULL, key + 1);
        const cJSON *ref = json_at(pv, "spec", "claimRef");
        if (pv)
            claim_plan_pv(
                pv,
                kube_cache_get(n->pvcs_cache, json_str(ref, "namespace"), json_str(ref, "name")),
                map_get(&c->gone, key + 1) != NULL, map_get(&c->removed, key + 1) != NULL, &plan);
    } else {
        struct claim_place place = {n->name, c->dir};
        object = kube_cache_get_key(n->pvcs_cache, key);
        const char *named = json_str(object, "spec", "volumeName");
        pv = object ? kube_cache_get(n->pvs_cache, NULL, named ? named : claim_pv_name(object, a))
                    : NULL;
        if (object)
            claim_plan_pvc(object, pv, claim_used(c, object, a), &place, a, &plan);
    }
    carry_out(c, key, object, pv, &plan);
}

struct claims *claims_new(struct node *n)
{
    struct claims *c = mem_new(struct claims);
    *c = (struct claims){.magic = claims_MAGIC, .node = n};
    c->dir = file_path(n->dir, "volumes");
    c->queue = kube_queue_new(n->loop, "claims", 16, process, c);
    return c;
}

void claims_free(struct claims *c)
{
    if (!c)
        return;
    kube_queue_free(TAKE(c->queue));
    c->dead = true;
    if (!c->jobs)
        claims_release(c);
}
