/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pods of this node: being accepted from the API, being found again on disk after a restart,
 * being forgotten. Below the Pod's directory: pod.json (who it is and its address), volumes/,
 * containers/NAME/NUMBER/ (runs).
 */
#define LOG_ROOM "node"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "node/state.h"

enum { POD_FILE_MAX = 65536 };

char *pod_queue_key(const cJSON *object)
{
    return mem_printf("%s/%s/%s", kube_ns(object), kube_name(object), kube_uid(object));
}

void pod_dirty(struct pod *p)
{
    kube_queue_add(p->node->queue, p->queue_key);
}

static void on_wake(void *arg)
{
    pod_dirty(CAST(pod, arg));
}

char *pod_run_dir(const struct pod *p, const char *container, int number)
{
    return mem_printf("%s/containers/%s/%d", p->dir, container, number);
}

struct container *pod_container(const struct pod *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (streq(p->c[i]->name, name))
            return p->c[i];
    return NULL;
}

const cJSON *pod_object(const struct pod *p)
{
    const cJSON *o = kube_cache_get_key(p->node->pods_cache, p->key);
    return o && streq(kube_uid(o), p->uid) ? o : NULL;
}

/* ---- birth and death ----------------------------------------------------------------------------
 */

struct container *container_new(struct pod *p, const char *name)
{
    struct container *c = mem_new(struct container);
    *c = (struct container){.magic = container_MAGIC, .pod = p, .name = mem_strdup(name)};
    c->seen.name = c->name;
    c->seen.kind = CONTAINER_APP;
    c->seen.now.number = c->seen.last.number = -1;
    p->c = mem_realloc(p->c, (p->n + 1) * sizeof(struct container *));
    p->c[p->n++] = c;
    return c;
}

static void container_free(struct container *c)
{
    run_free(c->run);
    prober_free(c->prober);
    action_cancel(c->hook);
    mem_free(c->name);
    mem_free(c->image);
    mem_free(c->identity);
    mem_free(c->program);
    mem_free(c->message);
    mem_free(c->last_message);
    mem_free(c->problem);
    mem_free(c->problem_message);
    c->magic = 0;
    mem_free(c);
}

static struct pod *pod_new(struct node *n, const char *ns, const char *name, const char *uid)
{
    struct pod *p = mem_new(struct pod);
    *p = (struct pod){.magic = pod_MAGIC, .node = n, .volumes_dirty = true};
    p->key = mem_printf("%s/%s", ns, name);
    p->queue_key = mem_printf("%s/%s/%s", ns, name, uid);
    p->ns = mem_strdup(ns);
    p->name = mem_strdup(name);
    p->uid = mem_strdup(uid);
    p->dir = mem_printf("%s/pods/%s", n->dir, uid);
    p->wake = loop_timer_new(n->loop, on_wake, p);
    map_set(&n->pods, uid, p);
    if (!map_get(&n->holders, p->key))
        map_set(&n->holders, p->key, p);
    return p;
}

/* Another Pod of this name waited for us to be gone. */
static void holder_pass(struct node *n, const struct pod *gone)
{
    void *v;
    if (map_get(&n->holders, gone->key) != gone)
        return;
    map_del(&n->holders, gone->key);
    for (size_t it = 0; map_next(&n->pods, &it, NULL, &v);) {
        struct pod *p = v;
        if (p != gone && streq(p->key, gone->key)) {
            map_set(&n->holders, p->key, p);
            pod_dirty(p);
            return;
        }
    }
}

static void pod_release(struct pod *p)
{
    for (size_t i = 0; i < p->n; i++)
        container_free(p->c[i]);
    mem_free(p->c);
    loop_timer_free(p->wake);
    arena_free(p->volumes_arena);
    mem_free(p->volumes_message);
    mem_free(p->sent_rv);
    mem_free(p->key);
    mem_free(p->queue_key);
    mem_free(p->ns);
    mem_free(p->name);
    mem_free(p->uid);
    mem_free(p->dir);
    mem_free(p->ip);
    p->magic = 0;
    mem_free(p);
}

void pod_free(struct pod *p)
{
    struct node *n = p->node;
    if (!p->dead) {
        map_del(&n->pods, p->uid);
        holder_pass(n, p);
        for (size_t i = 0; i < p->n; i++) { /* no callback may find us half gone */
            run_free(TAKE(p->c[i]->run));
            prober_free(TAKE(p->c[i]->prober));
            action_cancel(TAKE(p->c[i]->hook));
        }
        loop_timer_free(TAKE(p->wake)); /* the last job may end after the loop closed its handles */
        p->dead = true;
    }
    if (!p->jobs) /* else the last job calls again */
        pod_release(p);
}

/* ---- from the API -------------------------------------------------------------------------------
 */

static int address_give(struct pod *p, const cJSON *object, struct err **err)
{
    struct node *n = p->node;
    char text[ADDRESS_TEXT_MAX];
    uint32_t known;
    if (json_bool(false, object, "spec", "hostNetwork")) {
        p->ip = mem_strdup(n->address);
        return 0;
    }
    if (address_parse(json_str(object, "status", "podIP"), &known) == 0 &&
        addresses_claim(n->addresses, known, p->key) == 0)
        p->address = known;
    else
        p->address = addresses_take(n->addresses, p->key);
    if (!p->address)
        return err_set(err, -ENOSPC, "node %s has no free Pod address: %zu are in use", n->name,
                       addresses_used(n->addresses));
    p->ip = mem_strdup(address_text(p->address, text));
    return 0;
}

struct pod *pod_accept(struct node *n, const cJSON *object, struct err **err)
{
    struct pod *p = pod_new(n, kube_ns(object), kube_name(object), kube_uid(object));
    int64_t began;
    p->accepted_us = clock_wall_us();
    if (json_str(object, "status", "startTime") &&
        !clock_parse(json_str(object, "status", "startTime"), &began))
        p->accepted_us = began;
    if (address_give(p, object, err)) {
        pod_free(p);
        return NULL;
    }
    static const char *const lists[] = {"initContainers", "containers"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        json_foreach (c, json_at(object, "spec", lists[l]))
            if (json_str(c, "name"))
                container_new(p, json_str(c, "name"));
    return p;
}

/* ---- from the disk ------------------------------------------------------------------------------
 */

static int json_load(const char *path, cJSON **ret, struct err **err)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    int rc = file_read(path, POD_FILE_MAX, &text, &len, err);
    return rc ? rc : json_parse(text, len, ret, err);
}

/* Numbers of the runs of one container that are on disk: the newest and whether the one before is
 * there. */
static int newest_run(const char *dir)
{
    DIR *d = opendir(dir);
    int64_t n, newest = -1;
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        if (str_to_i64(str_of(e->d_name), &n) == 0 && n > newest && n < INT32_MAX)
            newest = n;
    closedir(d);
    return (int)newest;
}

static void run_remembered(struct container *c, int number)
{
    AUTO(mem_freep)
    char *dir = pod_run_dir(c->pod, c->name, number), *path = file_path(dir, "start.json");
    AUTO(json_freep) cJSON *j = NULL;
    if (json_load(path, &j, NULL))
        return; /* the machine stopped in that moment: nothing is known, the run will be ended or
                   lost */
    c->seen.level = (unsigned)json_int(0, j, "level");
    c->image = mem_strdup(json_str(j, "image"));
    c->identity = mem_strdup(json_str(j, "identity"));
    c->program = mem_strdup(json_str(j, "program"));
}

static void last_remembered(struct container *c, int number)
{
    AUTO(mem_freep) char *dir = pod_run_dir(c->pod, c->name, number);
    struct run_facts f;
    if (number < 0 || !file_exists(dir))
        return;
    run_facts_of_dir(dir, &f);
    c->last_message = f.message[0] ? mem_strdup(f.message) : NULL;
    c->seen.last = (struct run_seen){.state = RUN_ENDED,
                                     .number = number,
                                     .started_us = f.started_us,
                                     .ended_us = f.ended_us,
                                     .code = f.code,
                                     .lost = f.lost,
                                     .message = c->last_message};
}

static void container_load(struct pod *p, const char *name)
{
    AUTO(mem_freep) char *dir = mem_printf("%s/containers/%s", p->dir, name);
    int number = newest_run(dir);
    struct container *c = container_new(p, name);
    if (number < 0)
        return;
    run_remembered(c, number);
    last_remembered(c, number - 1);
    c->seen.now.number = number;
    container_adopt(c);
}

static void containers_load(struct pod *p)
{
    AUTO(mem_freep) char *dir = file_path(p->dir, "containers");
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            container_load(p, e->d_name);
    closedir(d);
}

static int pod_load(struct node *n, const char *uid, struct err **err)
{
    AUTO(mem_freep) char *path = mem_printf("%s/pods/%s/pod.json", n->dir, uid);
    AUTO(json_freep) cJSON *j = NULL;
    int rc = json_load(path, &j, err);
    const char *ns = json_str(j, "namespace"), *name = json_str(j, "name"), *ip = json_str(j, "ip");
    if (rc)
        return rc;
    if (!ns || !name || !ip || !streq(json_str(j, "uid"), uid))
        return err_set(err, -EINVAL, "%s: want namespace, name, ip and uid \"%s\"", path, uid);
    struct pod *p = pod_new(n, ns, name, uid);
    p->ip = mem_strdup(ip);
    p->accepted_us = json_int(clock_wall_us(), j, "accepted");
    if (!json_bool(false, j, "hostNetwork") && address_parse(ip, &p->address) == 0)
        addresses_claim(n->addresses, p->address, p->key);
    containers_load(p);
    return 0;
}

/* A directory without a readable pod.json never started anything: pod.json is written first. */
static void pod_leftover(const char *path, const char *why)
{
    AUTO(mem_freep) char *containers = file_path(path, "containers");
    AUTO(err_freep) struct err *err = NULL;
    if (file_exists(containers))
        log_error("%s; its directory is left alone: look at it and remove it", why);
    else if (file_tree_remove(path, &err))
        log_error("%s", err_text(err));
}

int pods_load(struct node *n, struct err **err)
{
    AUTO(mem_freep) char *dir = file_path(n->dir, "pods");
    int rc = file_dir_make(dir, 0700, err);
    DIR *d = rc ? NULL : opendir(dir);
    if (!rc && !d)
        rc = err_set(err, -errno, "reading %s: %s", dir, strerror(errno));
    if (rc)
        return rc;
    for (struct dirent *e; (e = readdir(d));) {
        AUTO(err_freep) struct err *why = NULL;
        AUTO(mem_freep) char *path = file_path(dir, e->d_name);
        if (e->d_name[0] != '.' && pod_load(n, e->d_name, &why))
            pod_leftover(path, err_text(why));
    }
    closedir(d);
    return 0;
}
