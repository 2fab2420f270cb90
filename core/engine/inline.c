/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inline isolation: a runner in this process. Messages go through a queue in both directions, so
 * neither side is ever called from inside its own call, as over a socket. For tests and debugging:
 * a plugin that crashes takes the program along, one that blocks its loop blocks ours.
 */
#include <errno.h>

#include "base/list.h"
#include "engine/link.h"
#include "engine/runner.h"

struct letter_out {
    struct list node;
    cJSON *msg;
    bool down; /* to the plugin */
};

struct link {
    uint32_t magic;
    struct loop *loop;
    struct loop_timer *soon;
    struct list queue;
    struct runner *runner;
    struct link_events ev;
    size_t queued;
    bool busy, closed; /* closed from inside on_soon: dropped at its end */
};
#define link_MAGIC 0xa7011010

static void queue_put(struct link *l, cJSON *msg, bool down)
{
    struct letter_out *m = mem_new(struct letter_out);
    m->msg = msg;
    m->down = down;
    list_append(&l->queue, &m->node);
    l->queued++;
    if (!loop_timer_active(l->soon))
        loop_timer_start(l->soon, 0);
}

static void on_emit(void *arg, cJSON *msg)
{
    queue_put(CAST(link, arg), msg, false);
}

static void start_runner(struct link *l, const struct frame *hello)
{
    AUTO(err_freep) struct err *err = NULL;
    struct runner_opts o = {.loop = l->loop, .emit = on_emit, .arg = l};
    int rc = runner_new(&o, hello, &l->runner, &err);
    queue_put(l, rc < 0 ? runner_refused(err) : runner_ready(l->runner), false);
}

static void pass(struct link *l, struct letter_out *m)
{
    AUTO(err_freep) struct err *err = NULL;
    struct frame f;
    int rc = frame_check(TAKE(m->msg), m->down, &f, &err);
    ATOLL_ASSERT(rc == 0); /* both ends are ours */
    if (!m->down)
        l->ev.on_frame(l->ev.arg, &f);
    else if (f.type == FRAME_HELLO)
        start_runner(l, &f);
    else if (l->runner)
        runner_handle(l->runner, &f);
    frame_done(&f);
}

static struct letter_out *queue_take(struct link *l)
{
    struct letter_out *m = list_entry(l->queue.next, struct letter_out, node);
    list_remove(&m->node);
    l->queued--;
    return m;
}

static void inline_drop(struct link *l)
{
    while (l->queued) {
        struct letter_out *m = queue_take(l);
        frame_wipe(m->msg);
        cJSON_Delete(m->msg);
        mem_free(m);
    }
    loop_timer_free(l->soon);
    l->magic = 0;
    mem_free(l);
}

/* What is in the queue now; answers wait for the next turn. */
static void on_soon(void *arg)
{
    struct link *l = CAST(link, arg);
    l->busy = true;
    for (size_t n = l->queued; n > 0 && !l->closed; n--) {
        struct letter_out *m = queue_take(l);
        pass(l, m);
        mem_free(m);
    }
    l->busy = false;
    if (l->closed)
        inline_drop(l);
    else if (l->queued)
        loop_timer_start(l->soon, 0);
}

static int inline_open(struct loop *loop, const struct link_opts *o, const struct link_events *ev,
                       struct link **ret, struct err **err)
{
    (void)err;
    struct link *l = mem_new(struct link);
    l->magic = link_MAGIC;
    l->loop = loop;
    l->ev = *ev;
    l->soon = loop_timer_new(loop, on_soon, l);
    list_init(&l->queue);
    queue_put(l, link_hello(o, -1), true);
    *ret = l;
    return 0;
}

static int inline_send(struct link *l, cJSON *msg)
{
    queue_put(l, msg, true);
    return 0;
}

static int inline_pid(const struct link *l)
{
    (void)l;
    return 0;
}

static uint64_t inline_busy_since(const struct link *l)
{
    (void)l;
    return 0; /* while it is busy nobody can ask */
}

static void inline_kill(struct link *l, const char *why)
{
    (void)l;
    (void)why;
}

static void inline_close(struct link *l)
{
    if (!l)
        return;
    runner_free(l->runner);
    l->runner = NULL;
    l->closed = true;
    if (!l->busy)
        inline_drop(l);
}

const struct link_kind link_inline = {.name = "inline",
                                      .open = inline_open,
                                      .send = inline_send,
                                      .pid = inline_pid,
                                      .busy_since = inline_busy_since,
                                      .kill = inline_kill,
                                      .close = inline_close};
