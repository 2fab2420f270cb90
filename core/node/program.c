/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: finding them is a few stat() calls; the version question is a child with a deadline
 * whose output is read up to a few kilobytes. A program that does not know --version simply has no
 * version here.
 */
#include "node/program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "io/child.h"

#define ANSWER_MAX  4096
#define DEADLINE_MS 5000

/* Only names that differ from their package. */
static const struct {
    const char *program, *package;
} packages[] = {
    {"bash", "bash"},
    {"sh", "dash"},
    {"mysqld", "mariadb-server"},
    {"mariadbd", "mariadb-server"},
    {"mysql", "mariadb-client"},
    {"mariadb", "mariadb-client"},
    {"postgres", "postgresql"},
    {"mongod", "mongodb-server"},
    {"python3", "python3-minimal"},
    {"sleep", "coreutils"},
};

const char *program_package(const char *program, const struct conf *conf)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    AUTO(mem_freep) char *key = mem_printf("node.packages.%s", name);
    const char *set = conf ? conf_raw(conf, key) : NULL;
    if (set)
        return set;
    for (size_t i = 0; i < ARRAY_LEN(packages); i++)
        if (streq(name, packages[i].program))
            return packages[i].package;
    return name;
}

static bool executable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int missing(const cJSON *container, const char *argv0, const struct conf *conf,
                   struct err **err)
{
    int rc = err_set(
        err, -ENOENT,
        "container %s: program %s is not installed on this machine (Debian: apt install %s)",
        json_str(container, "name"), argv0, program_package(argv0, conf));
    err_reason_set(err, "ErrImageNeverPull");
    return rc;
}

int program_find(const cJSON *container, const char *argv0, const char *path_variable,
                 const struct conf *conf, struct arena *a, const char **ret_path, struct err **err)
{
    if (strchr(argv0, '/')) {
        bool host = argv0[0] == '/' && sandbox_shows_host(container, argv0);
        if (host && !executable(argv0))
            return missing(container, argv0, conf, err);
        *ret_path = host ? arena_strdup(a, argv0) : NULL;
        return 0;
    }
    struct str rest = str_of(path_variable), dir;
    while (str_split(&rest, ':', &dir)) {
        const char *full = arena_printf(a, "%.*s/%s", (int)dir.len, dir.ptr, argv0);
        if (sandbox_shows_host(container, full) && executable(full)) {
            *ret_path = full;
            return 0;
        }
        if (sandbox_mounted(container, full)) {
            *ret_path = NULL; /* a volume on the PATH may have it */
            return 0;
        }
    }
    return missing(container, argv0, conf, err);
}

/* The first word that looks like 1.2 or v1.2.3-x, also behind "name-" or "v=". */
const char *program_version_of(const char *text, struct arena *a)
{
    for (const char *at = text; *at; at++) {
        if (!isdigit((unsigned char)*at) ||
            (at > text && (isdigit((unsigned char)at[-1]) || at[-1] == '.')))
            continue;
        size_t n = strspn(at, "0123456789");
        if (at[n] != '.' || !isdigit((unsigned char)at[n + 1]))
            continue;
        while (isalnum((unsigned char)at[n]) || at[n] == '.' || at[n] == '-' || at[n] == '+')
            n++;
        return arena_strndup(a, at, n);
    }
    return "";
}

/* ---- asking for the version ---------------------------------------------------------------------
 */

#define program_MAGIC 0x70726f67u
struct program {
    uint32_t magic;
    struct programs *owner;
    char *path, *identity;
    time_t mtime;
    struct child *child;
    struct loop_fd *watch;
    struct loop_timer *deadline;
    int fd;
    bool ended;
    int code;
    struct buf answer;
};

struct programs {
    struct loop *loop;
    const struct sandbox_host *host;
    char *bwrap;
    void (*on_known)(void *arg);
    void *arg;
    struct map by_path;
    struct list_of_old {
        char **list;
        size_t n;
    } old; /* identities that somebody may still point to */
};

struct programs *programs_new(struct loop *l, const struct sandbox_host *host, const char *bwrap,
                              void (*on_known)(void *arg), void *arg)
{
    struct programs *p = mem_new(struct programs);
    p->loop = l;
    p->host = host;
    p->bwrap = mem_strdup(bwrap);
    p->on_known = on_known;
    p->arg = arg;
    return p;
}

static void asking_done(struct program *p)
{
    loop_fd_free(p->watch);
    loop_timer_free(p->deadline);
    child_free(p->child);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    p->watch = NULL;
    p->deadline = NULL;
    p->child = NULL;
}

void programs_free(struct programs *ps)
{
    if (!ps)
        return;
    void *v;
    for (size_t it = 0; map_next(&ps->by_path, &it, NULL, &v);) {
        struct program *p = CAST(program, v);
        if (p->child)
            child_signal(p->child, SIGKILL);
        asking_done(p);
        buf_done(&p->answer);
        mem_free(p->path);
        mem_free(p->identity);
        p->magic = 0;
        mem_free(p);
    }
    map_done(&ps->by_path);
    for (size_t i = 0; i < ps->old.n; i++)
        mem_free(ps->old.list[i]);
    mem_free(ps->old.list);
    mem_free(ps->bwrap);
    mem_free(ps);
}

static void identity_set(struct program *p, char *identity)
{
    struct programs *ps = p->owner;
    if (p->identity) {
        ps->old.list = mem_realloc(ps->old.list, (ps->old.n + 1) * sizeof(char *));
        ps->old.list[ps->old.n++] = p->identity;
    }
    p->identity = identity;
}

/* Both the end of the output and the end of the child are needed: either may come first. */
static void answered(struct program *p)
{
    if (!p->ended || p->fd >= 0)
        return;
    asking_done(p);
    AUTO(arena_freep) struct arena *a = arena_new(2 * ANSWER_MAX);
    const char *version = p->code == 0 ? program_version_of(buf_str(&p->answer), a) : "";
    if (version[0]) {
        identity_set(p, mem_printf("%s@%s", p->path, version));
        p->owner->on_known(p->owner->arg);
    }
    buf_done(&p->answer);
}

static void on_output(void *arg, int events)
{
    struct program *p = CAST(program, arg);
    (void)events;
    char piece[1024];
    ssize_t n = read(p->fd, piece, sizeof(piece));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        buf_add(&p->answer, piece, (size_t)n); /* beyond the maximum it is thrown away */
        return;
    }
    loop_fd_free(TAKE(p->watch));
    close(p->fd);
    p->fd = -1;
    answered(p);
}

static void on_exit_code(void *arg, int code)
{
    struct program *p = CAST(program, arg);
    p->ended = true;
    p->code = code;
    answered(p);
}

static void on_deadline(void *arg)
{
    struct program *p = CAST(program, arg);
    child_signal(p->child, SIGKILL);
}

static void ask(struct program *p)
{
    struct programs *ps = p->owner;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return;
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
    const char *command[] = {p->path, "--version", NULL};
    const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", NULL};
    struct child_fd fds[] = {{pipes[1], 1}, {pipes[1], 2}};
    struct child_spec spec = {.argv = sandbox_bare_argv(ps->host, ps->bwrap, command, a),
                              .env = env,
                              .fds = fds,
                              .n_fds = ARRAY_LEN(fds),
                              .die_with_parent = true};
    p->fd = pipes[0];
    p->answer = BUF_INIT(ANSWER_MAX);
    int rc = child_spawn(ps->loop, &spec, on_exit_code, p, &p->child, NULL);
    close(pipes[1]);
    if (rc || loop_fd_new(ps->loop, p->fd, on_output, p, &p->watch, NULL)) {
        if (p->child)
            child_signal(p->child, SIGKILL);
        asking_done(p);
        return;
    }
    loop_fd_want(p->watch, LOOP_READ);
    p->deadline = loop_timer_new(ps->loop, on_deadline, p);
    loop_timer_start(p->deadline, DEADLINE_MS);
}

const char *programs_identity(struct programs *ps, const char *path)
{
    struct stat st;
    struct program *p = map_get(&ps->by_path, path);
    time_t mtime = stat(path, &st) == 0 ? st.st_mtime : 0;
    if (p && (p->mtime == mtime || p->child))
        return p->identity;
    if (!p) {
        p = mem_new(struct program);
        *p = (struct program){
            .magic = program_MAGIC, .owner = ps, .path = mem_strdup(path), .fd = -1};
        map_set(&ps->by_path, path, p);
    }
    p->mtime = mtime; /* a new package was installed: ask again */
    p->ended = false;
    identity_set(p, mem_strdup(path));
    ask(p);
    return p->identity;
}
