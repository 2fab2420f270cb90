/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process isolation: the plugin lives in a child that runs atoll-engine, at the other end of a
 * socket pair.
 *
 * The child gets three descriptors (its stderr is ours, the socket, the note), a small environment,
 * limits, and dies with us. It is gone when it has exited and its last frame was read; then one
 * sentence says how it ended and, from the note, in what. Deciding about restarts is not here: see
 * engine.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/link.h"
#include "engine/note.h"
#include "io/child.h"
#include "io/ipc.h"
#define LOG_ROOM "engine"
#include "base/log.h"

#define SOCKET_FD  3 /* in the child */
#define NOTE_FD    4
#define OPEN_FILES 65536
#define LAST_WORDS_MS                                                                              \
    1000 /* between the end of the process and the end of its socket, either way round */

struct link {
    uint32_t magic;
    struct loop *loop;
    char *file; /* "x.so" */
    struct ipc *ipc;
    struct child *child;
    struct note *note;
    struct loop_timer *patience;
    struct link_events ev;
    int code;
    bool exited, closed, down;
    char *killed; /* why we ended it */
};
#define link_MAGIC 0xa7011011

cJSON *link_hello(const struct link_opts *o, int note_fd)
{
    cJSON *msg = frame_new(FRAME_HELLO);
    json_put_str(msg, o->name, "name");
    json_put_str(msg, o->plugin, "plugin");
    json_put_int(msg, o->threads, "threads");
    if (o->options)
        json_put(msg, cJSON_Duplicate(o->options, true), "options");
    if (note_fd >= 0)
        json_put_int(msg, note_fd, "note");
    return msg;
}

/* ---- the end
 * ---------------------------------------------------------------------------------------------------
 */

static void describe_end(const struct link *l, struct buf *out)
{
    buf_addf(out, "%s ", l->file);
    const char *signal_name = l->code > 128 ? sigabbrev_np(l->code - 128) : NULL;
    if (l->killed)
        buf_addf(out, "was ended: it %s", l->killed);
    else if (signal_name)
        buf_addf(out, "ended with SIG%s", signal_name);
    else
        buf_addf(out, "ended with exit code %d", l->code);
    buf_adds(out, " in ");
    note_describe(l->note, out);
}

static void check_down(struct link *l)
{
    if (l->down || !l->exited || !l->closed)
        return;
    AUTO(buf_done) struct buf why = BUF_INIT(2048);
    l->down = true;
    loop_timer_stop(l->patience);
    describe_end(l, &why);
    l->ev.on_down(l->ev.arg, buf_str(&why)); /* closes us */
}

static void on_exit_code(void *arg, int code)
{
    struct link *l = CAST(link, arg);
    l->exited = true;
    l->code = code;
    if (!l->closed)
        loop_timer_start(l->patience, LAST_WORDS_MS);
    check_down(l);
}

static void on_close(void *arg, const char *why)
{
    struct link *l = CAST(link, arg);
    log_debug("%s: socket: %s", l->file, why);
    l->closed = true;
    if (!l->exited)
        loop_timer_start(l->patience, LAST_WORDS_MS);
    check_down(l);
}

/* One of the two ends did not follow the other. */
static void on_patience(void *arg)
{
    struct link *l = CAST(link, arg);
    if (!l->exited) {
        child_signal(l->child, SIGKILL);
        return;
    }
    l->closed = true; /* somebody the plugin started still holds its socket */
    check_down(l);
}

static void on_frame(void *arg, struct str text)
{
    struct link *l = CAST(link, arg);
    AUTO(err_freep) struct err *err = NULL;
    struct frame f;
    if (l->down)
        return;
    if (frame_decode(text, false, &f, &err) < 0) {
        log_error("%s: %s", l->file, err_text(err));
        if (!l->killed) /* the rest of what it says cannot be trusted either */
            l->killed = mem_strdup("sent a broken frame");
        child_signal(l->child, SIGKILL);
        return;
    }
    l->ev.on_frame(l->ev.arg, &f); /* may close us */
    frame_done(&f);
}

/* ---- the beginning
 * -----------------------------------------------------------------------------------------------
 */

/* What a child may know of our environment: where programs are, how text looks, and how a test
 * build reports. */
static const char *const env_allowed[] = {"PATH",         "LANG",         "LC_ALL",
                                          "TZ",           "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                          "TSAN_OPTIONS", "LSAN_OPTIONS", "GCOV_PREFIX"};

static const char **env_make(struct arena *a)
{
    const char **env = arena_array(a, const char *, ARRAY_LEN(env_allowed) + 1);
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(env_allowed); i++) {
        const char *value = getenv(env_allowed[i]);
        if (value)
            env[n++] = arena_printf(a, "%s=%s", env_allowed[i], value);
    }
    return env;
}

/* As many as we may give: a helper holds a connection per instance. */
static uint64_t files_limit(void)
{
    struct rlimit own;
    if (getrlimit(RLIMIT_NOFILE, &own) < 0)
        return 0;
    return own.rlim_max < OPEN_FILES ? own.rlim_max : OPEN_FILES;
}

static int child_start(struct link *l, const struct link_opts *o, int socket_fd, int note_fd,
                       struct err **err)
{
    AUTO(arena_freep) struct arena *a = arena_new(1024 * 1024);
    const struct child_fd fds[] = {
        {STDERR_FILENO, STDERR_FILENO}, {socket_fd, SOCKET_FD}, {note_fd, NOTE_FD}};
    char number[16];
    snprintf(number, sizeof(number), "%d", SOCKET_FD);
    const char *const argv[] = {o->helper, "--fd", number, NULL};
    struct child_spec spec = {.argv = argv,
                              .env = env_make(a),
                              .cwd = "/",
                              .fds = fds,
                              .n_fds = ARRAY_LEN(fds),
                              .die_with_parent = true,
                              .nofile = files_limit(),
                              .address_space = o->address_space};
#ifdef ATOLL_SANITIZED
    spec.address_space = 0; /* the shadow memory alone is larger than any limit */
#endif
    return child_spawn(l->loop, &spec, on_exit_code, l, &l->child, err);
}

static void process_close(struct link *l);

static int connect_child(struct link *l, const struct link_opts *o, int fds[2], struct err **err)
{
    const struct ipc_handler h = {.on_frame = on_frame, .on_close = on_close, .arg = l};
    int note_fd = -1;
    int rc = note_new(&l->note, &note_fd, err);
    if (rc == 0)
        rc = child_start(l, o, fds[1], note_fd, err);
    close(fds[1]);
    if (rc < 0) {
        close(fds[0]);
        return rc;
    }
    return ipc_new(l->loop, fds[0], FRAME_MAX, FRAME_QUEUE_MAX, &h, &l->ipc, err);
}

static int process_send(struct link *l, cJSON *msg)
{
    struct buf b = BUF_INIT(FRAME_MAX);
    json_add_to(&b, msg);
    frame_wipe(msg);
    cJSON_Delete(msg);
    int rc = b.overflow  ? -ENOBUFS
             : l->closed ? -EPIPE
                         : ipc_send(l->ipc, (struct str){b.ptr, b.len});
    mem_wipe(b.ptr, b.len);
    buf_done(&b);
    return rc;
}

static int process_open(struct loop *loop, const struct link_opts *o, const struct link_events *ev,
                        struct link **ret, struct err **err)
{
    int fds[2];
    int rc = ipc_pair(fds, err);
    if (rc < 0)
        return rc;
    struct link *l = mem_new(struct link);
    const char *slash = strrchr(o->plugin, '/');
    l->magic = link_MAGIC;
    l->loop = loop;
    l->ev = *ev;
    l->file = mem_strdup(slash ? slash + 1 : o->plugin);
    l->patience = loop_timer_new(loop, on_patience, l);
    rc = connect_child(l, o, fds, err);
    if (rc == 0)
        rc = process_send(l, link_hello(o, NOTE_FD));
    if (rc < 0) {
        process_close(l);
        return err_wrap(err, "starting %s", o->helper);
    }
    *ret = l;
    return 0;
}

static int process_pid(const struct link *l)
{
    return l->child && !l->exited ? (int)child_pid(l->child) : 0;
}

static uint64_t process_busy_since(const struct link *l)
{
    return note_loop_since(l->note);
}

static void process_kill(struct link *l, const char *why)
{
    if (l->exited)
        return;
    if (!l->killed)
        l->killed = mem_strdup(why);
    child_signal(l->child, SIGKILL);
}

/* A helper that is well ends by itself when its socket closes; one that stands in a call may not.
 */
static void process_close(struct link *l)
{
    if (!l)
        return;
    if (l->child && !l->exited && (note_loop_since(l->note) || l->killed))
        child_signal(l->child, SIGKILL);
    ipc_free(l->ipc);
    child_free(l->child);
    note_free(l->note);
    loop_timer_free(l->patience);
    mem_free(l->killed);
    mem_free(l->file);
    l->magic = 0;
    mem_free(l);
}

const struct link_kind link_process = {.name = "process",
                                       .open = process_open,
                                       .send = process_send,
                                       .pid = process_pid,
                                       .busy_since = process_busy_since,
                                       .kill = process_kill,
                                       .close = process_close};
