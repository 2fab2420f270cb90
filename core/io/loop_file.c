/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching a file or a directory for changes.
 *
 * An inotify watch on a file follows the inode, and the usual way to change a file is to rename
 * another one over it (file_replace, editors, the "..data" link of a mounted ConfigMap). So a file
 * is watched through its directory, and reported when its identity, size or time is another than
 * before.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "io/loop_own.h"

#define loop_file_MAGIC 0x100b0006
#define SETTLE_MS       20 /* one save is several events */

struct loop_file {
    uint32_t magic;
    uv_fs_event_t uv;
    struct loop_timer *settle;
    char *path;
    bool is_dir;
    struct stat seen; /* zero when the file is absent */
    void (*fn)(void *arg);
    void *arg;
};

static struct stat look(const char *path)
{
    struct stat st;
    memset(&st, 0, sizeof(st));
    if (stat(path, &st) < 0)
        memset(&st, 0, sizeof(st));
    return st;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void on_settled(void *arg)
{
    struct loop_file *f = CAST(loop_file, arg);
    struct stat now = look(f->path);
    if (!f->is_dir && same(&now, &f->seen))
        return; /* a neighbour changed */
    f->seen = now;
    f->fn(f->arg);
}

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    (void)name;
    (void)events;
    (void)status;
    struct loop_file *f = CAST(loop_file, uv->data);
    if (!loop_timer_active(f->settle))
        loop_timer_start(f->settle, SETTLE_MS);
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int loop_file_new(struct loop *l, const char *path, void (*fn)(void *arg), void *arg,
                  struct loop_file **ret, struct err **err)
{
    struct loop_file *f = mem_new(struct loop_file);
    f->magic = loop_file_MAGIC;
    f->path = mem_strdup(path);
    f->fn = fn;
    f->arg = arg;
    f->settle = loop_timer_new(l, on_settled, f);
    uv_fs_event_init(loop_uv(l), &f->uv);
    f->uv.data = f;
    f->seen = look(path);
    f->is_dir = S_ISDIR(f->seen.st_mode);
    AUTO(mem_freep) char *dir = f->is_dir ? mem_strdup(path) : parent_of(path);
    int rc = uv_fs_event_start(&f->uv, on_event, dir, 0);
    if (rc) {
        loop_file_free(f);
        return err_set(err, rc, "watching %s: %s", dir, uv_strerror(rc));
    }
    *ret = f;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

void loop_file_free(struct loop_file *f)
{
    if (!f)
        return;
    f = CAST(loop_file, f);
    loop_timer_free(f->settle);
    mem_free(f->path);
    f->magic = 0;
    uv_close((uv_handle_t *)&f->uv, on_closed);
}
