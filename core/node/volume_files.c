/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing volumes to disk. Blocking, so it runs on a worker thread; it sees nothing but its
 * arguments.
 *
 * A set of files lives in a directory `..<hash>`; `..data` is a link to it and every visible name
 * is a link through `..data`. A new set is written beside the old one, then `..data` is replaced by
 * rename. Nothing is synced: after a power cut the sets are compared and written again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "node/volumes.h"

static int dirs_above(const char *path, struct err **err)
{
    const char *slash = strrchr(path, '/');
    AUTO(mem_freep) char *dir = mem_strndup(path, (size_t)(slash - path));
    return file_dir_make(dir, 0755, err);
}

static int file_write(const char *path, const struct volume_file *f, struct err **err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, -errno, "writing %s: %s", path, strerror(errno));
    size_t done = 0;
    int rc = 0;
    while (done < f->len && !rc) {
        ssize_t n = write(fd, (const char *)f->data + done, f->len - done);
        if (n < 0 && errno != EINTR)
            rc = -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    if (!rc && fchmod(fd, f->mode) < 0)
        rc = -errno;
    close(fd);
    return rc ? err_set(err, rc, "writing %s: %s", path, strerror(-rc)) : 0;
}

static int set_write(const struct volume *v, const char *set, struct err **err)
{
    int rc = file_tree_remove(set, err); /* half of an earlier try */
    if (!rc)
        rc = file_dir_make(set, 0755, err);
    for (size_t i = 0; i < v->n_files && !rc; i++) {
        AUTO(mem_freep) char *path = file_path(set, v->files[i].path);
        rc = dirs_above(path, err);
        if (!rc)
            rc = file_write(path, &v->files[i], err);
    }
    return rc;
}

/* A link with this target under this name, replacing what is there in one step. */
static int link_put(const char *dir, const char *name, const char *target, struct err **err)
{
    AUTO(mem_freep) char *path = file_path(dir, name);
    char found[PATH_MAX];
    ssize_t n = readlink(path, found, sizeof(found));
    if (n >= 0 && (size_t)n == strlen(target) && memcmp(found, target, (size_t)n) == 0)
        return 0;
    AUTO(mem_freep) char *tmp = mem_printf("%s/..tmp", dir);
    unlink(tmp);
    if (symlink(target, tmp) < 0 || rename(tmp, path) < 0)
        return err_set(err, -errno, "linking %s: %s", path, strerror(errno));
    return 0;
}

/* The visible name of a file is its first path component. */
static char *top_name(const char *path)
{
    const char *slash = strchr(path, '/');
    return mem_strndup(path, slash ? (size_t)(slash - path) : strlen(path));
}

static bool top_planned(const struct volume *v, const char *name)
{
    for (size_t i = 0; i < v->n_files; i++) {
        AUTO(mem_freep) char *top = top_name(v->files[i].path);
        if (streq(top, name))
            return true;
    }
    return false;
}

/* Remove links of files that are gone and sets that are not the current one. */
static int stale_remove(const struct volume *v, const char *dir, const char *set, struct err **err)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_set(err, -errno, "reading %s: %s", dir, strerror(errno));
    int rc = 0;
    for (struct dirent *e; !rc && (e = readdir(d));) {
        bool keep = streq(e->d_name, ".") || streq(e->d_name, "..") || streq(e->d_name, "..data") ||
                    streq(e->d_name, set) || top_planned(v, e->d_name);
        AUTO(mem_freep) char *path = file_path(dir, e->d_name);
        if (!keep)
            rc = file_tree_remove(path, err);
    }
    closedir(d);
    return rc;
}

static int files_write(const struct volume *v, const char *dir, struct err **err)
{
    char set[32], current[64];
    snprintf(set, sizeof(set), "..%016llx", (unsigned long long)v->hash);
    AUTO(mem_freep) char *data = file_path(dir, "..data");
    AUTO(mem_freep) char *path = file_path(dir, set);
    ssize_t n = readlink(data, current, sizeof(current));
    if (n == (ssize_t)strlen(set) && memcmp(current, set, (size_t)n) == 0)
        return 0;
    int rc = file_dir_make(dir, 0755, err);
    if (!rc)
        rc = set_write(v, path, err);
    if (!rc)
        rc = link_put(dir, "..data", set, err);
    for (size_t i = 0; i < v->n_files && !rc; i++) {
        AUTO(mem_freep) char *top = top_name(v->files[i].path);
        AUTO(mem_freep) char *target = mem_printf("..data/%s", top);
        rc = link_put(dir, top, target, err);
    }
    return rc ? rc : stale_remove(v, dir, set, err);
}

static int empty_make(const char *dir, struct err **err)
{
    int rc = file_dir_make(dir, 0777, err);
    if (!rc && chmod(dir, 0777) < 0) /* whatever the umask says; the directory above is private */
        return err_set(err, -errno, "making %s: %s", dir, strerror(errno));
    return rc;
}

int volumes_write(const struct volume *v, size_t n, const char *dir, struct err **err)
{
    for (size_t i = 0; i < n; i++) {
        AUTO(mem_freep) char *path = file_path(dir, v[i].name);
        int rc = 0;
        if (v[i].kind == VOLUME_EMPTY)
            rc = empty_make(path, err);
        else if (v[i].kind == VOLUME_FILES)
            rc = files_write(&v[i], path, err);
        else if (!file_exists(v[i].path))
            rc = err_set(err, -ENOENT, "its directory %s does not exist", v[i].path);
        if (rc)
            return err_wrap(err, "volume %s", v[i].name);
    }
    return 0;
}
