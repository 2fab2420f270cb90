/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts files: lines by owner in memory, files written behind a short timer because changes come in
 * bunches. */
#define LOG_ROOM "node"
#include "node/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"

#define HOSTS_MAX      (64 * 1024 * 1024)
#define WRITE_AFTER_MS 20
#define RETRY_MS       5000

struct owner_lines {
    char *ns, *global, *local;
};

#define hosts_MAGIC 0x686f7374u
struct hosts {
    uint32_t magic;
    struct loop *loop;
    struct loop_timer *timer;
    char *dir;
    struct map owners;     /* -> struct owner_lines */
    struct map namespaces; /* with a directory; -> itself */
    uint64_t cost_ms;      /* of the last writing */
};

/* ---- the lines of a Service ---------------------------------------------------------------------
 */

static void add_names(struct buf *b, const char *ip, const char *prefix, const char *svc,
                      const char *ns)
{
    buf_addf(b, "%s\t%s%s.%s.svc.cluster.local %s%s.%s.svc %s%s.%s\n", ip, prefix, svc, ns, prefix,
             svc, ns, prefix, svc, ns);
}

void hosts_of_service(const cJSON *service, const struct endpoint_set *set, struct buf *global,
                      struct buf *local)
{
    const char *name = json_str(service, "metadata", "name"),
               *ns = json_str(service, "metadata", "namespace");
    const char *ip = json_str(service, "spec", "clusterIP");
    if (!ip || !ip[0] || streq(json_str(service, "spec", "type"), "ExternalName"))
        return;
    if (!streq(ip, "None")) {
        add_names(global, ip, "", name, ns);
        buf_addf(local, "%s\t%s\n", ip, name);
        return;
    }
    for (size_t g = 0; g < set->n; g++) {
        for (size_t i = 0; i < set->groups[g].n; i++) {
            const struct endpoint *e = &set->groups[g].list[i];
            if (!e->ready)
                continue;
            AUTO(mem_freep) char *prefix = mem_printf("%s.", e->hostname ? e->hostname : e->pod);
            add_names(global, e->ip, prefix, name, ns);
            add_names(global, e->ip, "", name, ns);
            buf_addf(local, "%s\t%s%s %s\n", e->ip, prefix, name, name);
        }
    }
}

/* ---- files --------------------------------------------------------------------------------------
 */

static void write_all(void *arg);

struct hosts *hosts_new(struct loop *l, const char *dir)
{
    struct hosts *h = mem_new(struct hosts);
    h->magic = hosts_MAGIC;
    h->loop = l;
    h->dir = mem_strdup(dir);
    h->timer = loop_timer_new(l, write_all, h);
    return h;
}

static void lines_free(struct owner_lines *o)
{
    mem_free(o->ns);
    mem_free(o->global);
    mem_free(o->local);
    mem_free(o);
}

void hosts_free(struct hosts *h)
{
    if (!h)
        return;
    void *o;
    for (size_t it = 0; map_next(&h->owners, &it, NULL, &o);)
        lines_free(o);
    map_done(&h->owners);
    map_done(&h->namespaces);
    loop_timer_free(h->timer);
    mem_free(h->dir);
    h->magic = 0;
    mem_free(h);
}

/* Not synced: after a power cut it is written again. */
static int write_file(const char *dir, struct str text, struct err **err)
{
    AUTO(mem_freep) char *path = file_path(dir, "hosts");
    AUTO(mem_freep) char *tmp = file_path(dir, "hosts.tmp");
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(err, -errno, "writing %s: %s", tmp, strerror(errno));
    ssize_t n = write(fd, text.ptr, text.len);
    int rc = n == (ssize_t)text.len ? 0 : n < 0 ? -errno : -ENOSPC;
    close(fd);
    if (!rc && rename(tmp, path) < 0)
        rc = -errno;
    return rc ? err_set(err, rc, "writing %s: %s", path, strerror(-rc)) : 0;
}

static int write_namespace(struct hosts *h, const char *ns, const char **owners,
                           const struct buf *global, struct err **err)
{
    AUTO(buf_done) struct buf text = BUF_INIT(HOSTS_MAX);
    AUTO(mem_freep) char *dir = file_path(h->dir, ns);
    buf_adds(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (; *owners; owners++) {
        const struct owner_lines *o = map_get(&h->owners, *owners);
        if (streq(o->ns, ns))
            buf_adds(&text, o->local);
    }
    if (global->len)
        buf_addb(&text, global);
    int rc = file_dir_make(dir, 0755, err);
    return rc ? rc : write_file(dir, (struct str){text.ptr, text.len}, err);
}

/* Names of Services sort before names of Pods ("svc", "the pod"), so a Service wins a name they
 * share. */
static int write_some(struct hosts *h, const char *only, struct err **err)
{
    AUTO(arena_freep) struct arena *a = arena_new(HOSTS_MAX);
    AUTO(buf_done) struct buf global = BUF_INIT(HOSTS_MAX);
    const char **owners = map_keys_sorted(&h->owners, a);
    for (size_t i = 0; owners[i]; i++)
        buf_adds(&global, ((struct owner_lines *)map_get(&h->owners, owners[i]))->global);
    int rc = 0;
    const char *ns;
    for (size_t it = 0; !rc && map_next(&h->namespaces, &it, &ns, NULL);)
        if (!only || streq(only, ns))
            rc = write_namespace(h, ns, owners, &global, err);
    return rc;
}

static void write_all(void *arg)
{
    struct hosts *h = CAST(hosts, arg);
    AUTO(err_freep) struct err *err = NULL;
    uint64_t began = clock_mono_ms();
    if (write_some(h, NULL, &err)) {
        log_error("names of Services are out of date in sandboxes: %s", err_text(err));
        loop_timer_start(h->timer, RETRY_MS);
    }
    h->cost_ms = clock_mono_ms() - began;
}

static char *text_or_null(const char *s)
{
    return s && s[0] ? mem_strdup(s) : NULL;
}

void hosts_set(struct hosts *h, const char *owner, const char *ns, const char *global,
               const char *local)
{
    struct owner_lines *o = map_get(&h->owners, owner);
    AUTO(mem_freep) char *g = text_or_null(global), *l = text_or_null(local);
    if (o ? streq(o->global, g) && streq(o->local, l) : !g && !l)
        return;
    if (o) {
        map_del(&h->owners, owner);
        lines_free(o);
    }
    if (g || l) {
        o = mem_new(struct owner_lines);
        *o = (struct owner_lines){mem_strdup(ns), TAKE(g), TAKE(l)};
        map_set(&h->owners, owner, o);
    }
    /* A big file costs time: never spend more than a tenth of it here. */
    if (!loop_timer_active(h->timer))
        loop_timer_start(h->timer, WRITE_AFTER_MS + 10 * h->cost_ms);
}

const char *hosts_dir(struct hosts *h, const char *ns, struct arena *a, struct err **err)
{
    if (!map_get(&h->namespaces, ns)) {
        map_set(&h->namespaces, ns, h);
        if (write_some(h, ns, err)) {
            map_del(&h->namespaces, ns);
            return NULL;
        }
    }
    return arena_printf(a, "%s/%s", h->dir, ns);
}
