/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bubblewrap command line. Building it is pure, except for sandbox_host_look and the resolution
 * of subPath, which must follow links on the disk to refuse those that lead out of their volume.
 */
#include "node/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static const char *const host_dirs[] = {"/usr",   "/bin",   "/sbin",  "/lib",
                                        "/lib32", "/lib64", "/libx32"};

/* Files of /etc that programs need to find users, libraries and services, none of which is a
 * secret. */
static const char *const etc_files[] = {
    "/etc/passwd",      "/etc/group",      "/etc/nsswitch.conf", "/etc/host.conf",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",  "/etc/alternatives",
    "/etc/ssl",         "/etc/services",   "/etc/protocols",     "/etc/localtime",
    "/etc/timezone",
};

/* What container runtimes leave to root, without raw sockets and device nodes. */
static const char *const capabilities[] = {
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_FSETID",           "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID",       "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
};

void sandbox_host_look(struct sandbox_host *h)
{
    *h = (struct sandbox_host){.root = geteuid() == 0};
    for (size_t i = 0; i < ARRAY_LEN(host_dirs); i++) {
        char target[PATH_MAX];
        struct stat st;
        if (lstat(host_dirs[i], &st) < 0)
            continue;
        struct sandbox_host_entry *e = &h->entries[h->n++];
        e->path = host_dirs[i];
        ssize_t n = S_ISLNK(st.st_mode) ? readlink(host_dirs[i], target, sizeof(target)) : -1;
        e->link = n > 0 ? mem_strndup(target, (size_t)n) : NULL;
    }
}

void sandbox_host_done(struct sandbox_host *h)
{
    for (size_t i = 0; i < h->n; i++)
        mem_free(h->entries[i].link);
    h->n = 0;
}

/* ---- the argument list --------------------------------------------------------------------------
 */

struct args {
    struct arena *arena;
    const char **list;
    size_t n, cap;
};

static void add(struct args *b, const char *word)
{
    if (b->n + 1 >= b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 128;
        const char **grown = arena_array(b->arena, const char *, cap);
        if (b->n)
            memcpy(grown, b->list, b->n * sizeof(*grown));
        b->list = grown;
        b->cap = cap;
    }
    b->list[b->n++] = word;
}

static void add2(struct args *b, const char *a, const char *c)
{
    add(b, a);
    add(b, c);
}

static void add3(struct args *b, const char *a, const char *c, const char *d)
{
    add2(b, a, c);
    add(b, d);
}

static void add_walls(struct args *b, const struct sandbox_host *host)
{
    add2(b, "--unshare-pid", "--unshare-uts");
    add3(b, "--unshare-ipc", "--die-with-parent", "--as-pid-1");
    add2(b, "--cap-drop", "ALL");
    for (size_t i = 0; i < ARRAY_LEN(capabilities) && host->root; i++)
        add2(b, "--cap-add", capabilities[i]);
    for (size_t i = 0; i < host->n; i++) {
        const struct sandbox_host_entry *e = &host->entries[i];
        add3(b, e->link ? "--symlink" : "--ro-bind", e->link ? e->link : e->path, e->path);
    }
    add2(b, "--dir", "/etc"); /* else it would be made for its first file, closed to other users */
    for (size_t i = 0; i < ARRAY_LEN(etc_files); i++)
        add3(b, "--ro-bind-try", etc_files[i], etc_files[i]);
    add2(b, "--proc", "/proc");
    add2(b, "--dev", "/dev");
}

static void add_root_dirs(struct args *b)
{
    static const char *const dirs[] = {"/run",     "/root",    "/home",
                                       "/var/lib", "/var/log", "/var/cache"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        add2(b, "--dir", dirs[i]);
    add3(b, "--symlink", "/run", "/var/run");
}

/* ---- mounts -------------------------------------------------------------------------------------
 */

struct mount {
    const char *source, *target;
    bool read_only;
};

static int by_target(const void *x, const void *y)
{
    return strcmp(((const struct mount *)x)->target, ((const struct mount *)y)->target);
}

static const struct volume *volume_named(const struct sandbox *s, const char *name)
{
    for (size_t i = 0; i < s->n_volumes; i++)
        if (streq(s->volumes[i].name, name))
            return &s->volumes[i];
    return NULL;
}

static bool path_clean(const char *path)
{
    struct str rest = str_of(path), part;
    while (str_split(&rest, '/', &part))
        if (str_eq(part, STR("..")))
            return false;
    return true;
}

/* subPath below the volume; a directory is made when nothing is there (as a kubelet does), and a
 * link that leads out of the volume is refused. */
static int sub_resolve(const struct volume *v, const char *root, const char *sub, struct arena *a,
                       const char **ret, struct err **err)
{
    char real_root[PATH_MAX], real[PATH_MAX];
    const char *path = arena_printf(a, "%s/%s", root, sub);
    if (v->kind != VOLUME_FILES && access(path, F_OK) < 0) {
        int rc = file_dir_make(path, 0777, err);
        if (rc)
            return rc;
    }
    if (!realpath(root, real_root) || !realpath(path, real))
        return err_set(err, -errno, "subPath \"%s\" of volume %s: %s", sub, v->name,
                       strerror(errno));
    size_t n = strlen(real_root);
    if (strncmp(real, real_root, n) != 0 || real[n] != '/')
        return err_set(err, -EPERM, "subPath \"%s\" of volume %s leads out of the volume", sub,
                       v->name);
    *ret = arena_strdup(a, real);
    return 0;
}

static int mount_make(const struct sandbox *s, const cJSON *vm, struct arena *a, struct mount *ret,
                      struct err **err)
{
    const char *name = json_str(vm, "name"), *target = json_str(vm, "mountPath");
    const char *sub = json_str(vm, "subPath"), *expr = json_str(vm, "subPathExpr");
    const struct volume *v = volume_named(s, name);
    if (!v)
        return err_set(err, -EINVAL, "volumeMounts: the Pod has no volume \"%s\"",
                       name ? name : "");
    if (!target || !target[0] || !path_clean(target))
        return err_set(err, -EINVAL,
                       "volumeMounts: mountPath of %s must be a path without \"..\", found \"%s\"",
                       name, target ? target : "");
    if (expr && expr[0])
        sub = environment_expand(s->env, expr, a);
    if (sub && (sub[0] == '/' || !path_clean(sub)))
        return err_set(err, -EINVAL,
                       "volumeMounts: subPath of %s must be relative without \"..\", found \"%s\"",
                       name, sub);
    ret->target = target[0] == '/' ? target : arena_printf(a, "/%s", target);
    ret->read_only = v->kind == VOLUME_FILES || json_bool(false, vm, "readOnly");
    ret->source = volume_path(v, s->volumes_dir, a);
    return sub && sub[0] ? sub_resolve(v, ret->source, sub, a, &ret->source, err) : 0;
}

/* Parents before children, whatever order the Pod lists them in. */
static int add_mounts(struct args *b, const struct sandbox *s, struct err **err)
{
    const cJSON *list = json_at(s->container, "volumeMounts");
    size_t n = 0;
    struct mount *mounts =
        arena_array(b->arena, struct mount, (size_t)cJSON_GetArraySize(list) + 1);
    json_foreach (vm, list) {
        int rc = mount_make(s, vm, b->arena, &mounts[n++], err);
        if (rc)
            return err_wrap(err, "container %s", json_str(s->container, "name"));
    }
    qsort(mounts, n, sizeof(*mounts), by_target);
    for (size_t i = 0; i < n; i++)
        add3(b, mounts[i].read_only ? "--ro-bind" : "--bind", mounts[i].source, mounts[i].target);
    return 0;
}

/* Is `path` at or below `top`? */
static bool below(const char *path, const char *top)
{
    size_t n = strlen(top);
    while (n > 1 && top[n - 1] == '/')
        n--;
    return strncmp(path, top, n) == 0 && (path[n] == '\0' || path[n] == '/' || n == 1);
}

bool sandbox_mounted(const cJSON *container, const char *path)
{
    json_foreach (vm, json_at(container, "volumeMounts")) {
        const char *target = json_str(vm, "mountPath");
        if (target && target[0] == '/' && below(path, target))
            return true;
    }
    return false;
}

bool sandbox_shows_host(const cJSON *container, const char *path)
{
    if (sandbox_mounted(container, path))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(host_dirs); i++)
        if (below(path, host_dirs[i]))
            return true;
    return false;
}

static void add_working_dir(struct args *b, const struct sandbox *s)
{
    const char *dir = json_str(s->container, "workingDir");
    if (!dir || dir[0] != '/')
        dir = "/";
    else if (!sandbox_mounted(s->container, dir) && !sandbox_shows_host(s->container, dir))
        add2(b, "--dir", dir);
    add2(b, "--chdir", dir);
}

static void add_command(struct args *b, const char *const *command)
{
    add(b, "--");
    for (; *command; command++)
        add(b, *command);
    add(b, NULL);
}

int sandbox_argv(const struct sandbox *s, struct arena *a, const char ***ret, struct err **err)
{
    const char *hostname = json_str(s->pod, "spec", "hostname");
    struct args b = {.arena = a};
    add3(&b, s->bwrap, "--json-status-fd", "3");
    add_walls(&b, s->host);
    add2(&b, "--hostname", hostname ? hostname : json_str(s->pod, "metadata", "name"));
    add_root_dirs(&b);
    add3(&b, "--bind", s->tmp_dir, "/tmp");
    add3(&b, "--bind", s->tmp_dir, "/var/tmp");
    add3(&b, "--ro-bind", s->hosts_dir, "/run/atoll/hosts");
    add3(&b, "--symlink", "/run/atoll/hosts/hosts", "/etc/hosts");
    int rc = add_mounts(&b, s, err);
    if (rc)
        return rc;
    add_working_dir(&b, s);
    add_command(&b, s->command);
    *ret = b.list;
    return 0;
}

const char **sandbox_bare_argv(const struct sandbox_host *host, const char *bwrap,
                               const char *const *command, struct arena *a)
{
    struct args b = {.arena = a};
    add2(&b, bwrap, "--unshare-net");
    add_walls(&b, host);
    add2(&b, "--tmpfs", "/tmp");
    add_command(&b, command);
    return b.list;
}
