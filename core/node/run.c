/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs. The lock closes the one gap a pid file leaves open: between the decision to start and the
 * first line the shim writes, a new atolld already sees that somebody is there.
 */
#include "node/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/child.h"

enum { FACT_FILE_MAX = 4096, POLL_FIRST_MS = 4, POLL_MAX_MS = 100, TAIL_BYTES = 1024 };

#define run_MAGIC 0x72756e31u
struct run {
    uint32_t magic;
    struct loop *loop;
    char *dir;
    struct child *shim;
    struct loop_timer *poll; /* until the main process is known */
    uint64_t poll_ms;
    struct run_facts facts;
    void (*on_change)(void *arg);
    void *arg;
};

/* ---- the directory ------------------------------------------------------------------------------
 */

/* Up to three numbers of a fact file; how many there were. */
static int numbers_read(const char *dir, const char *name, int64_t ret[3], char *word,
                        size_t word_max)
{
    AUTO(mem_freep) char *path = file_path(dir, name), *text = NULL;
    size_t len;
    if (file_read(path, FACT_FILE_MAX, &text, &len, NULL))
        return 0;
    struct str rest = str_trim((struct str){text, len}), piece;
    int n = 0;
    while (n < 3 && str_split(&rest, ' ', &piece) && str_to_i64(piece, &ret[n]) == 0)
        n++;
    if (word)
        snprintf(word, word_max, "%.*s", rest.ptr ? (int)rest.len : 0, rest.ptr ? rest.ptr : "");
    return n;
}

bool run_alive(const char *dir, pid_t *ret_pid, uint64_t *ret_start)
{
    AUTO(mem_freep) char *path = file_path(dir, "lock");
    int64_t v[3] = {0};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool alive = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    close(fd);
    bool known = alive && numbers_read(dir, "pid", v, NULL, 0) == 3;
    *ret_pid = known ? (pid_t)v[0] : 0;
    *ret_start = known ? (uint64_t)v[1] : 0;
    return alive;
}

static bool child_read(const char *dir, struct run_facts *f)
{
    int64_t v[3];
    if (numbers_read(dir, "child", v, NULL, 0) != 3)
        return false;
    f->main_pid = (pid_t)v[0];
    f->main_start = (uint64_t)v[1];
    f->started_us = v[2];
    return true;
}

/* What the program (or bubblewrap for it) said last. */
static void last_words(const char *dir, struct run_facts *f)
{
    AUTO(mem_freep) char *path = file_path(dir, "log");
    char text[TAIL_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t n = fd < 0 ? 0
                       : pread(fd, text, sizeof(text) - 1,
                               end > TAIL_BYTES - 1 ? end - (TAIL_BYTES - 1) : 0);
    if (fd >= 0)
        close(fd);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    text[n > 0 ? n : 0] = '\0';
    const char *line = strrchr(text, '\n'), *mark = strstr(line ? line : text, " F ");
    if (mark)
        snprintf(f->message, sizeof(f->message), "%.*s", (int)sizeof(f->message) - 1, mark + 3);
}

static void lost_record(const char *dir, struct run_facts *f)
{
    AUTO(mem_freep) char *path = file_path(dir, "exit");
    char text[64];
    f->lost = true;
    f->code = 128 + SIGKILL;
    f->ended_us = clock_wall_us();
    int n = snprintf(text, sizeof(text), "%d 1 %" PRId64 " lost\n", f->code, f->ended_us);
    file_replace(path, text, (size_t)n, 0600, NULL); /* if it fails, it is recorded the next time */
}

void run_facts_of_dir(const char *dir, struct run_facts *ret)
{
    struct run_facts f = {.state = RUN_ENDED};
    int64_t v[3];
    char word[16] = "";
    bool child = child_read(dir, &f);
    f.main_pid = 0;
    if (numbers_read(dir, "exit", v, word, sizeof(word)) == 3) {
        f.code = (int)v[0];
        f.ended_us = v[2];
        f.lost = streq(word, "lost");
        if (!v[1]) {
            f.started_us = 0;
            last_words(dir, &f);
        } else if (!child) {
            f.started_us = f.ended_us;
        }
    } else if (child) {
        lost_record(dir, &f);
    } else { /* not even the main process was there */
        f.code = 128;
        f.ended_us = clock_wall_us();
        snprintf(f.message, sizeof(f.message),
                 "atoll-shim ended before it could start the program");
    }
    *ret = f;
}

/* ---- a living run -------------------------------------------------------------------------------
 */

static int adopt_try(struct run *r);

static void on_shim_exit(void *arg, int code)
{
    struct run *r = CAST(run, arg);
    loop_timer_stop(r->poll);
    run_facts_of_dir(r->dir, &r->facts);
    if (!r->facts.started_us && code > 0 && code < 128) /* shim_main.c: its errno */
        snprintf(r->facts.message, sizeof(r->facts.message), "atoll-shim: %s", strerror(code));
    r->on_change(r->arg);
}

static void poll_again(struct run *r)
{
    r->poll_ms = r->poll_ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : r->poll_ms * 2;
    loop_timer_start(r->poll, r->poll_ms);
}

static void on_poll(void *arg)
{
    struct run *r = CAST(run, arg);
    bool fresh = r->facts.state == RUN_STARTING && child_read(r->dir, &r->facts);
    if (!r->shim && adopt_try(r)) {
        on_shim_exit(r, -1);
        return;
    }
    if (fresh)
        r->facts.state = RUN_RUNNING;
    if (!r->shim || r->facts.state == RUN_STARTING)
        poll_again(r);
    if (fresh)
        r->on_change(r->arg); /* last: the owner may free us */
}

static struct run *run_new(struct loop *l, const char *dir, void (*on_change)(void *arg), void *arg)
{
    struct run *r = mem_new(struct run);
    *r = (struct run){.magic = run_MAGIC, .loop = l, .on_change = on_change, .arg = arg};
    r->dir = mem_strdup(dir);
    r->poll = loop_timer_new(l, on_poll, r);
    r->poll_ms = POLL_FIRST_MS;
    r->facts.state = RUN_STARTING;
    return r;
}

void run_free(struct run *r)
{
    if (!r)
        return;
    child_free(r->shim);
    loop_timer_free(r->poll);
    mem_free(r->dir);
    r->magic = 0;
    mem_free(r);
}

static int lock_take(const char *dir, int *ret_fd, struct err **err)
{
    AUTO(mem_freep) char *path = file_path(dir, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int rc = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(err, rc, "locking %s: %s", path, strerror(-rc));
    }
    *ret_fd = fd;
    return 0;
}

/* atoll-shim run DIR LOG_MAX MODE -- argv... */
static const char **shim_argv(const struct run_spec *s, struct arena *a)
{
    size_t n = 0;
    while (s->argv[n])
        n++;
    const char **v = arena_array(a, const char *, n + 7);
    const char *head[] = {s->shim,
                          "run",
                          s->dir,
                          arena_printf(a, "%" PRIu64, s->log_max),
                          s->sandboxed ? "sandboxed" : "direct",
                          "--"};
    memcpy(v, head, sizeof(head));
    memcpy(v + ARRAY_LEN(head), s->argv, n * sizeof(*v));
    return v;
}

int run_start(struct loop *l, const struct run_spec *spec, void (*on_change)(void *arg), void *arg,
              struct run **ret, struct err **err)
{
    int lock = -1;
    int rc = lock_take(spec->dir, &lock, err);
    if (rc)
        return rc;
    AUTO(arena_freep) struct arena *a = arena_new(4 * 1024 * 1024);
    struct child_fd fds[] = {{lock, 3}};
    struct child_spec cs = {.argv = shim_argv(spec, a),
                            .env = spec->env,
                            .cwd = "/",
                            .fds = fds,
                            .n_fds = ARRAY_LEN(fds),
                            .new_session = true,
                            .nofile = spec->nofile};
    struct run *r = run_new(l, spec->dir, on_change, arg);
    rc = child_spawn(l, &cs, on_shim_exit, r, &r->shim, err);
    close(lock);
    if (rc) {
        run_free(r);
        return rc;
    }
    loop_timer_start(r->poll, r->poll_ms);
    *ret = r;
    return 0;
}

/* -ESRCH: no shim lives there. A shim that has not written its pid yet, or an adoption that fails
 * for want of descriptors, is tried again by the timer: what lives must never be taken for dead. */
static int adopt_try(struct run *r)
{
    pid_t pid;
    uint64_t start;
    if (!run_alive(r->dir, &pid, &start))
        return -ESRCH;
    int rc = pid ? child_adopt(r->loop, pid, start, on_shim_exit, r, &r->shim, NULL) : -EAGAIN;
    return rc == -ESRCH ? rc : 0;
}

int run_adopt(struct loop *l, const char *dir, void (*on_change)(void *arg), void *arg,
              struct run **ret, struct err **err)
{
    struct run *r = run_new(l, dir, on_change, arg);
    if (adopt_try(r)) {
        run_free(r);
        return err_set(err, -ESRCH, "no shim lives in %s", dir);
    }
    if (child_read(dir, &r->facts))
        r->facts.state = RUN_RUNNING;
    if (!r->shim || r->facts.state != RUN_RUNNING)
        loop_timer_start(r->poll, r->poll_ms);
    *ret = r;
    return 0;
}

const struct run_facts *run_facts(const struct run *r)
{
    return &r->facts;
}

void run_term(struct run *r)
{
    if (r->shim)
        child_signal(r->shim, SIGTERM);
}

void run_kill(struct run *r)
{
    if (r->shim)
        child_signal(r->shim, SIGUSR1);
}
