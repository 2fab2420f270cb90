/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files. Everything here blocks, so a loop calls it at start-up or from a worker. Watching a
 * file for changes is io/loop.h's business.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.h"

#define TREE_DEPTH_MAX 128

static void fd_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int read_all(int fd, const char *path, struct buf *b, struct err **err)
{
    for (;;) {
        char piece[16384];
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, -errno, "reading %s: %s", path, strerror(errno));
        if (n == 0)
            return 0;
        if (buf_add(b, piece, (size_t)n))
            return err_set(err, -EFBIG, "reading %s: want at most %zu bytes, found more", path,
                           b->max);
    }
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct err **err)
{
    AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(err, -errno, "opening %s: %s", path, strerror(errno));
    AUTO(buf_done) struct buf b = BUF_INIT(max);
    int rc = read_all(fd, path, &b, err);
    if (rc)
        return rc;
    if (ret_len)
        *ret_len = b.len;
    *ret_text = buf_take(&b);
    return 0;
}

static int write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

/* The rename is durable only when the directory is. */
static void dir_sync(const char *path)
{
    const char *slash = strrchr(path, '/');
    AUTO(mem_freep)
    char *dir =
        slash ? mem_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : mem_strdup(".");
    AUTO(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        fsync(fd);
}

static int write_new(const char *tmp, const void *p, size_t n, mode_t mode)
{
    AUTO(fd_closep) int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, mode) < 0) /* whatever the umask says */
        return -errno;
    int rc = write_all(fd, p, n);
    if (!rc && fsync(fd) < 0)
        rc = -errno;
    return rc;
}

int file_replace(const char *path, const void *p, size_t n, mode_t mode, struct err **err)
{
    char random[9];
    AUTO(mem_freep) char *tmp = mem_printf("%s.%s.tmp", path, ids_suffix(random, 8));
    int rc = write_new(tmp, p, n, mode);
    if (!rc && rename(tmp, path) < 0)
        rc = -errno;
    if (rc) {
        unlink(tmp);
        return err_set(err, rc, "writing %s: %s", path, strerror(-rc));
    }
    dir_sync(path);
    return 0;
}

int file_dir_make(const char *path, mode_t mode, struct err **err)
{
    AUTO(mem_freep) char *copy = mem_strdup(path);
    if (!path[0])
        return err_set(err, -EINVAL, "making a directory: the path is empty");
    for (char *at = copy + 1;; at++) {
        if (*at && *at != '/')
            continue;
        char end = *at;
        *at = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return err_set(err, -errno, "making directory %s: %s", copy, strerror(errno));
        *at = end;
        if (!end)
            break;
    }
    struct stat st;
    if (stat(path, &st) < 0)
        return err_set(err, -errno, "making directory %s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -ENOTDIR, "making directory %s: it exists and is not a directory",
                       path);
    return 0;
}

static int tree_remove_at(int dir, const char *name, int depth);

/* Empty the directory behind fd (owned by this call). */
static int tree_empty(int fd, int depth)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    int rc = 0;
    for (struct dirent *e; !rc && (errno = 0, e = readdir(d));)
        if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
            rc = tree_remove_at(dirfd(d), e->d_name, depth + 1);
    closedir(d);
    return rc;
}

static int tree_remove_at(int dir, const char *name, int depth)
{
    if (depth > TREE_DEPTH_MAX)
        return -ELOOP;
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int rc = tree_empty(fd, depth);
    if (!rc && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        rc = -errno;
    return rc;
}

int file_tree_remove(const char *path, struct err **err)
{
    int rc = tree_remove_at(AT_FDCWD, path, 0);
    return rc ? err_set(err, rc, "removing %s: %s", path, strerror(-rc)) : 0;
}

char *file_path(const char *dir, const char *name)
{
    return mem_printf("%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *file_program(const char *name)
{
    if (!name || !name[0])
        return NULL;
    if (strchr(name, '/'))
        return name[0] == '/' && is_program(name) ? mem_strdup(name) : NULL;
    const char *path = getenv("PATH");
    AUTO(mem_freep)
    char *all = mem_printf("%s:/usr/local/sbin:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
    struct str rest = str_of(all), dir;
    while (str_split(&rest, ':', &dir)) {
        if (!dir.len || dir.ptr[0] != '/')
            continue; /* a relative entry would depend on where we were started */
        char *full = mem_printf("%.*s/%s", (int)dir.len, dir.ptr, name);
        if (is_program(full))
            return full;
        mem_free(full);
    }
    return NULL;
}

char *file_prefix(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n < 0)
        return mem_strdup("/usr");
    path[n] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash && slash != path)
            *slash = 0;
    }
    return mem_strdup(path);
}
