/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Pod's life writes: its status, the end of its object, and the end of its directory. A
 * status that the API already has is not written, so a converged Pod costs nothing.
 */
#define LOG_ROOM "node"
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "node/state.h"

enum { RETRY_MS = 1000, CLEAN_RETRY_MS = 10000 };

/* Calls outlive Pods: they name one instead of pointing to it. */
#define pod_call_MAGIC 0x7063616cu
struct pod_call {
    uint32_t magic;
    struct node *node;
    char *uid;
    uint64_t hash;
};

static struct pod_call *call_new(const struct pod *p)
{
    struct pod_call *c = mem_new(struct pod_call);
    *c = (struct pod_call){.magic = pod_call_MAGIC, .node = p->node, .uid = mem_strdup(p->uid)};
    return c;
}

static void call_drop(void *arg)
{
    struct pod_call *c = CAST(pod_call, arg);
    mem_free(c->uid);
    c->magic = 0;
    mem_free(c);
}

static struct pod *call_end(struct pod_call *c)
{
    struct pod *p = map_get(&c->node->pods, c->uid);
    call_drop(c);
    return p;
}

/* ---- status -------------------------------------------------------------------------------------
 */

static void on_status(void *arg, const struct kube_answer *a)
{
    struct pod_call *c = CAST(pod_call, arg);
    struct node *n = c->node;
    uint64_t hash = c->hash;
    struct pod *p = call_end(c);
    if (kube_ok(a))
        kube_cache_learn(n->pods_cache, a->body);
    if (!p)
        return;
    p->patching = false;
    if (kube_ok(a)) {
        mem_free(p->sent_rv);
        p->sent_rv = mem_strdup(kube_rv(a->body));
        p->sent_hash = hash;
        pod_dirty(p); /* it may have changed meanwhile */
    } else if (a->status != 404 &&
               a->status != 409) { /* gone or another one: the watch will say so */
        log_warn("pod %s: writing its status: %s", p->key, a->message);
        kube_queue_add_after(n->queue, p->queue_key, RETRY_MS);
    }
}

void pod_status_write(struct pod *p, const cJSON *object, const struct pod_seen *seen,
                      const struct pod_plan *plan)
{
    const cJSON *old = json_at(object, "status");
    if (p->patching) /* its answer plans again */
        return;
    AUTO(json_freep) cJSON *want = pod_status(seen, plan, old);
    cJSON *diff = pod_status_diff(old, want);
    if (!diff)
        return;
    AUTO(json_freep) cJSON *patch = cJSON_CreateObject();
    json_put_str(patch, p->uid, "metadata", "uid");
    json_put(patch, diff, "status");
    uint64_t hash = json_hash(patch);
    if (hash == p->sent_hash && streq(p->sent_rv, kube_rv(object)))
        return; /* the server took the same words and shows others: saying them again changes
                   nothing */
    struct pod_call *c = call_new(p);
    c->hash = hash;
    p->patching = true;
    struct kube_call call = {.verb = KUBE_PATCH_STRATEGIC,
                             .resource = &KUBE_PODS,
                             .ns = p->ns,
                             .name = p->name,
                             .subresource = "status",
                             .body = patch};
    calls_start(p->node->calls, &call, on_status, c, call_drop);
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static void on_delete(void *arg, const struct kube_answer *a)
{
    struct pod_call *c = CAST(pod_call, arg);
    struct node *n = c->node;
    struct pod *p = call_end(c);
    if (!p || kube_ok(a) || a->status == 404 || a->status == 409)
        return;
    p->deleting = false;
    log_warn("pod %s: deleting it: %s", p->key, a->message);
    kube_queue_add_after(n->queue, p->queue_key, RETRY_MS);
}

void pod_delete(struct pod *p)
{
    if (p->deleting)
        return;
    p->deleting = true;
    struct kube_call call = {.verb = KUBE_DELETE,
                             .resource = &KUBE_PODS,
                             .ns = p->ns,
                             .name = p->name,
                             .grace_seconds = 0,
                             .precondition_uid = p->uid};
    calls_start(p->node->calls, &call, on_delete, call_new(p), call_drop);
}

#define clean_job_MAGIC 0x636c6e31u
struct clean_job {
    uint32_t magic;
    struct pod *pod;
    char *dir;
    int rc;
    struct err *err;
};

static void clean_work(void *arg)
{
    struct clean_job *j = CAST(clean_job, arg);
    j->rc = file_tree_remove(j->dir, &j->err);
}

static void clean_done(void *arg)
{
    struct clean_job *j = CAST(clean_job, arg);
    struct pod *p = j->pod;
    struct node *n = p->node;
    p->jobs--;
    if (p->dead) {
        pod_free(p);
    } else if (j->rc) {
        log_error("pod %s: %s", p->key, err_text(j->err));
        p->cleaning = false;
        kube_queue_add_after(n->queue, p->queue_key, CLEAN_RETRY_MS);
    } else {
        AUTO(mem_freep) char *owner = mem_printf("the pod %s", p->key);
        log_info("pod %s is gone", p->key);
        hosts_set(n->hosts, owner, p->ns, NULL, NULL);
        if (p->address) {
            addresses_release(n->addresses, p->address);
            node_addresses_changed(n);
        }
        pod_free(p);
    }
    mem_free(j->dir);
    err_free(j->err);
    j->magic = 0;
    mem_free(j);
}

void pod_clean(struct pod *p)
{
    if (p->cleaning || p->jobs)
        return; /* a job that ends plans again */
    p->cleaning = true;
    p->jobs++;
    struct clean_job *j = mem_new(struct clean_job);
    *j = (struct clean_job){.magic = clean_job_MAGIC, .pod = p, .dir = mem_strdup(p->dir)};
    worker_run(p->node->loop, clean_work, clean_done, j);
}
