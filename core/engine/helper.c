/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the socket: the main loop of atoll-engine. It holds no credential, gains no
 * privilege, and lives exactly as long as its socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/engine.h"
#include "engine/runner.h"
#include "io/ipc.h"
#define LOG_ROOM "engine"
#include "base/log.h"

#define CLOSE_MS                                                                                   \
    3000 /* for operations to end after the socket closed; a little more than their grace */
#define POLL_MS 10

enum { EXIT_FINE = 0, EXIT_SETUP = 1, EXIT_PROTOCOL = 2, EXIT_HOST_DEAF = 3 };

struct helper {
    uint32_t magic;
    struct loop *loop;
    struct ipc *ipc;
    struct note *note;
    struct runner *runner;
    struct loop_timer *poll;
    bool idle, gone;
    int code;
};
#define helper_MAGIC 0xa7011012

static void quit(struct helper *h, int code)
{
    h->gone = true;
    if (code)
        h->code = code;
    loop_stop(h->loop);
}

static void on_emit(void *arg, cJSON *msg)
{
    struct helper *h = CAST(helper, arg);
    AUTO(buf_done) struct buf b = BUF_INIT(FRAME_MAX);
    bool may_drop = streq(json_str(msg, "type"), frame_type_name(FRAME_LOG));
    json_add_to(&b, msg);
    cJSON_Delete(msg);
    int rc = h->gone ? 0 : b.overflow ? -EMSGSIZE : ipc_send(h->ipc, (struct str){b.ptr, b.len});
    if (rc == -ENOBUFS && !may_drop) {
        log_error("the host does not read: ending");
        quit(h, EXIT_HOST_DEAF);
    } else if (rc == -EMSGSIZE) {
        log_error("a message of more than %zu bytes was dropped", FRAME_MAX);
    }
}

static int start_runner(struct helper *h, const struct frame *hello, struct err **err)
{
    int64_t note_fd = json_int(-1, hello->body, "note");
    if (note_fd >= 0 && note_open((int)note_fd, &h->note, err) < 0)
        return err_code(*err);
    struct runner_opts o = {.loop = h->loop, .note = h->note, .emit = on_emit, .arg = h};
    return runner_new(&o, hello, &h->runner, err);
}

static void on_hello(struct helper *h, const struct frame *f)
{
    AUTO(err_freep) struct err *err = NULL;
    log_name_set(json_str(f->body, "name"));
    int rc = start_runner(h, f, &err);
    on_emit(h, rc < 0 ? runner_refused(err) : runner_ready(h->runner));
}

static void on_frame(void *arg, struct str text)
{
    struct helper *h = CAST(helper, arg);
    AUTO(err_freep) struct err *err = NULL;
    struct frame f;
    if (h->gone)
        return;
    int rc = frame_decode(text, true, &f, &err);
    mem_wipe((void *)text.ptr,
             text.len); /* ipc drops these bytes now; secrets must not stay in them */
    if (rc < 0) {
        log_error("%s", err_text(err));
        quit(h, EXIT_PROTOCOL);
        return;
    }
    if (f.type == FRAME_HELLO && !h->runner)
        on_hello(h, &f);
    else if (h->runner)
        runner_handle(h->runner, &f);
    frame_done(&f); /* frames behind a refused hello are dropped */
}

static void on_close(void *arg, const char *why)
{
    (void)why;
    quit(CAST(helper, arg), EXIT_FINE);
}

static void on_poll(void *arg)
{
    struct helper *h = CAST(helper, arg);
    h->idle = runner_idle(h->runner);
    loop_timer_start(h->poll, POLL_MS);
}

/* Let operations end in an orderly way, as long as that does not take long. */
static bool runner_end(struct helper *h)
{
    if (!h->runner)
        return true;
    runner_close(h->runner);
    h->poll = loop_timer_new(h->loop, on_poll, h);
    on_poll(h);
    loop_run_until(h->loop, &h->idle, CLOSE_MS);
    loop_timer_free(h->poll);
    return runner_free(h->runner);
}

static void confine(void)
{
    struct rlimit none = {0, 0};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none); /* its memory holds secrets */
#ifndef ATOLL_SANITIZED
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int engine_helper_main(int fd)
{
    AUTO(err_freep) struct err *err = NULL;
    struct helper h = {.magic = helper_MAGIC};
    const struct ipc_handler handler = {.on_frame = on_frame, .on_close = on_close, .arg = &h};
    log_name_set("atoll-engine");
    confine();
    fcntl(fd, F_SETFD, FD_CLOEXEC); /* what a plugin starts must not hold our socket */
    int rc = loop_new(&h.loop, &err);
    if (rc == 0)
        rc = ipc_new(h.loop, fd, FRAME_MAX, FRAME_QUEUE_MAX, &handler, &h.ipc, &err);
    if (rc < 0) {
        log_error("descriptor %d: %s", fd, err_text(err));
        loop_free(h.loop);
        return EXIT_SETUP;
    }
    loop_run(h.loop);
    if (!runner_end(&h))
        _exit(h.code); /* a thread is still inside the plugin: nothing may be taken from under it */
    ipc_free(h.ipc);
    loop_free(h.loop);
    note_free(h.note);
    return h.code;
}
