/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes of a Pod, kept as its objects want them: planned on the loop from the caches, written by
 * a worker. The first time is part of starting the Pod; later a changed ConfigMap or Secret is
 * written beside the running Pod.
 */
#define LOG_ROOM "node"
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "node/state.h"

enum { VOLUMES_ARENA = 64 * 1024 * 1024, RETRY_FIRST_MS = 500, RETRY_MAX_MS = 60000 };

#define volumes_job_MAGIC 0x766a6f62u
struct volumes_job {
    uint32_t magic;
    struct pod *pod;
    struct arena *arena;
    struct volume *volumes;
    size_t n;
    uint64_t hash;
    char *dir, *pod_file, *pod_text; /* pod.json is written first: without it nothing may start */
    int rc;
    struct err *err;
};

static void job_free(struct volumes_job *j)
{
    arena_free(j->arena);
    mem_free(j->dir);
    mem_free(j->pod_file);
    mem_free(j->pod_text);
    err_free(j->err);
    j->magic = 0;
    mem_free(j);
}

/* On a worker. */
static void job_work(void *arg)
{
    struct volumes_job *j = CAST(volumes_job, arg);
    j->rc = file_dir_make(j->dir, 0700, &j->err);
    if (!j->rc && !file_exists(j->pod_file))
        j->rc = file_replace(j->pod_file, j->pod_text, strlen(j->pod_text), 0600, &j->err);
    if (!j->rc)
        j->rc = volumes_write(j->volumes, j->n, j->dir, &j->err);
}

/* A missing object comes back with its own event; everything else is tried again, ever more slowly.
 */
static void failed(struct pod *p, const cJSON *object, const char *sentence)
{
    uint64_t pause = RETRY_FIRST_MS << (p->volumes_failures < 8 ? p->volumes_failures : 7);
    pause = pause > RETRY_MAX_MS ? RETRY_MAX_MS : pause;
    p->volumes_failures++;
    p->volumes_dirty = true;
    p->volumes_retry_ms = clock_mono_ms() + pause;
    if (!streq(p->volumes_message, sentence)) {
        mem_free(p->volumes_message);
        p->volumes_message = mem_strdup(sentence);
    }
    if (object && p->volumes_failures > 2) /* a claim that is being bound is no news */
        kube_event(p->node->events, object, true, "FailedMount", "%s", sentence);
    kube_queue_add_after(p->node->queue, p->queue_key, pause);
}

static void job_done(void *arg)
{
    struct volumes_job *j = CAST(volumes_job, arg);
    struct pod *p = j->pod;
    p->jobs--;
    p->volumes_writing = false;
    if (p->dead) {
        pod_free(p);
    } else if (j->rc) {
        failed(p, pod_object(p), err_text(j->err));
        pod_dirty(p);
    } else {
        arena_free(p->volumes_arena);
        p->volumes_arena = TAKE(j->arena);
        p->volumes = j->volumes;
        p->n_volumes = j->n;
        p->volumes_hash = j->hash;
        p->volumes_ready = true;
        p->volumes_failures = 0;
        mem_free(TAKE(p->volumes_message));
        pod_dirty(p);
    }
    job_free(j);
}

static char *pod_text(const struct pod *p)
{
    AUTO(json_freep) cJSON *j = cJSON_CreateObject();
    json_put_str(j, p->ns, "namespace");
    json_put_str(j, p->name, "name");
    json_put_str(j, p->uid, "uid");
    json_put_str(j, p->ip, "ip");
    json_put_bool(j, p->address == 0, "hostNetwork");
    json_put_int(j, p->accepted_us, "accepted");
    return json_print(j);
}

static uint64_t all_hash(const struct volume *v, size_t n)
{
    AUTO(buf_done) struct buf b = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s %d %llx %s\n", v[i].name, (int)v[i].kind, (unsigned long long)v[i].hash,
                 v[i].path ? v[i].path : "");
    return hash_bytes(buf_str(&b), b.len);
}

void pod_volumes_refresh(struct pod *p, const cJSON *object)
{
    struct node *n = p->node;
    uint64_t now = clock_mono_ms();
    if (p->volumes_writing || !object)
        return;
    if (now < p->volumes_retry_ms) { /* woken by something else: that took the place of our time in
                                        the queue */
        kube_queue_add_after(n->queue, p->queue_key, p->volumes_retry_ms - now);
        return;
    }
    AUTO(err_freep) struct err *err = NULL;
    struct downward d = {object, p->ip, n->address, n->name, n->cpu_milli, n->memory};
    struct lookup lookup = node_lookup(n);
    struct volumes_job *j = mem_new(struct volumes_job);
    *j = (struct volumes_job){
        .magic = volumes_job_MAGIC, .pod = p, .arena = arena_new(VOLUMES_ARENA)};
    if (volumes_plan(&d, &lookup, j->arena, &j->volumes, &j->n, &err)) {
        job_free(j);
        failed(p, object, err_text(err));
        return;
    }
    j->hash = all_hash(j->volumes, j->n);
    p->volumes_dirty = false;
    if (p->volumes_ready && j->hash == p->volumes_hash) {
        job_free(j);
        return;
    }
    j->dir = file_path(p->dir, "volumes");
    j->pod_file = file_path(p->dir, "pod.json");
    j->pod_text = pod_text(p);
    p->volumes_writing = true;
    p->jobs++;
    worker_run(n->loop, job_work, job_done, j);
}
