/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop on libuv: turns, deferred calls, posts from other threads, timers, descriptors,
 * signals. Watching files is in loop_file.c, threads are in worker.c.
 *
 * One turn is one uv_run(ONCE): timers, then readiness, then deferred calls. Deferred calls run in
 * libuv's check phase, right after the callbacks that asked for them; while any wait, an idle
 * handle keeps the poll from blocking. A handle's memory belongs to libuv until its close callback,
 * so every _free here is a uv_close that frees the block kept in handle->data.
 */
#include "io/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <uv.h>

#include "base/list.h"
#include "io/loop_own.h"

#define loop_MAGIC        0x100b0001
#define loop_timer_MAGIC  0x100b0002
#define loop_fd_MAGIC     0x100b0003
#define loop_signal_MAGIC 0x100b0004
#define loop_tick_MAGIC   0x100b0005

struct call {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_tick {
    uint32_t magic;
    struct loop *loop;
    struct list node; /* in loop->ticks while started */
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    uint32_t magic;
    uv_loop_t uv;
    uv_async_t wake;
    uv_check_t check;
    uv_idle_t idle;         /* active while a deferred call or a tick waits */
    uv_timer_t until;       /* loop_run_until: its deadline, */
    uv_prepare_t prepare;   /* and a look before each poll */
    const bool *until_done; /* at its condition */
    struct list deferred, ticks, owned;
    bool running;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards posted */
    struct list posted;
};

struct loop_timer {
    uint32_t magic;
    uv_timer_t uv;
    void (*fn)(void *arg);
    void *arg;
};

struct loop_fd {
    uint32_t magic;
    uv_poll_t uv;
    int want;
    void (*fn)(void *arg, int events);
    void *arg;
};

struct loop_signal {
    uint32_t magic;
    uv_signal_t uv;
    void (*fn)(void *arg, int signo);
    void *arg;
};

static void handle_closed(uv_handle_t *h)
{
    mem_free(h->data);
}

static void call_add(struct list *to, void (*fn)(void *arg), void *arg)
{
    struct call *c = mem_new(struct call);
    c->fn = fn;
    c->arg = arg;
    list_append(to, &c->node);
}

/* Move everything from one list to an empty one. */
static void list_move(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    to->next = from->next;
    to->prev = from->prev;
    to->next->prev = to->prev->next = to;
    list_init(from);
}

static void calls_run(struct list *calls)
{
    while (!list_empty(calls)) {
        struct call *c = list_entry(calls->next, struct call, node);
        struct call copy = *c;
        list_remove(&c->node);
        mem_free(c);
        copy.fn(copy.arg);
    }
}

static void calls_forget(struct list *calls)
{
    list_foreach_safe (it, calls) {
        mem_free(list_entry(it, struct call, node));
    }
    list_init(calls);
}

static void ticks_run(struct list *ticks)
{
    while (!list_empty(ticks)) {
        struct loop_tick *t = list_entry(ticks->next, struct loop_tick, node);
        list_remove(&t->node);
        t->fn(t->arg); /* may free t */
    }
}

/* What these calls ask for in turn belongs to the next turn. */
static void on_check(uv_check_t *check)
{
    struct loop *l = container_of(check, struct loop, check);
    struct list calls, ticks;
    list_move(&l->deferred, &calls);
    list_move(&l->ticks, &ticks);
    calls_run(&calls);
    ticks_run(&ticks);
    if (list_empty(&l->deferred) && list_empty(&l->ticks))
        uv_idle_stop(&l->idle);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active is the point */
}

static void on_wake(uv_async_t *wake)
{
    struct loop *l = container_of(wake, struct loop, wake);
    struct list calls;
    pthread_mutex_lock(&l->lock);
    list_move(&l->posted, &calls);
    pthread_mutex_unlock(&l->lock);
    calls_run(&calls);
}

/* A timer may run at the start of a turn, before the poll: a turn that has nothing to wait for any
 * more must be told so, or it blocks. uv_stop makes this turn's poll return at once and is
 * forgotten with the turn. */
static void on_until(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static void on_prepare(uv_prepare_t *p)
{
    struct loop *l = container_of(p, struct loop, prepare);
    if (*l->until_done)
        uv_stop(&l->uv);
}

/* A peer that goes away is an error of write(), not a death. child.c gives children the default
 * back. */
static void sigpipe_ignore(void)
{
    struct sigaction ignore;
    memset(&ignore, 0, sizeof(ignore));
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, NULL);
}

int loop_new(struct loop **ret, struct err **err)
{
    sigpipe_ignore();
    struct loop *l = mem_new(struct loop);
    int rc = uv_loop_init(&l->uv);
    if (rc) {
        mem_free(l);
        return err_set(err, rc, "starting an event loop: %s", uv_strerror(rc));
    }
    l->magic = loop_MAGIC;
    list_init(&l->deferred);
    list_init(&l->ticks);
    list_init(&l->owned);
    list_init(&l->posted);
    pthread_mutex_init(&l->lock, NULL);
    rc = uv_async_init(&l->uv, &l->wake, on_wake);
    ATOLL_ASSERT(rc == 0); /* the descriptors it needs were opened by uv_loop_init */
    uv_check_init(&l->uv, &l->check);
    uv_check_start(&l->check, on_check);
    uv_idle_init(&l->uv, &l->idle);
    uv_timer_init(&l->uv, &l->until);
    uv_prepare_init(&l->uv, &l->prepare);
    *ret = l;
    return 0;
}

static void close_left(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, handle_closed);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    l = CAST(loop, l);
    ATOLL_ASSERT(!l->running);
    list_foreach_safe (it, &l->owned) {
        list_entry(it, struct loop_owned, node)->drop(list_entry(it, struct loop_owned, node));
    }
    on_wake(&l->wake); /* done() of finished jobs */
    uv_walk(&l->uv, close_left, NULL);
    while (uv_run(&l->uv, UV_RUN_DEFAULT)) /* work on the pool comes back here */
        continue;
    int rc = uv_loop_close(&l->uv);
    ATOLL_ASSERT(rc == 0);
    calls_forget(&l->deferred);
    calls_forget(&l->posted);
    ATOLL_ASSERT(list_empty(&l->ticks));
    pthread_mutex_destroy(&l->lock);
    l->magic = 0;
    mem_free(l);
}

static void turn(struct loop *l)
{
    ATOLL_ASSERT(!l->running); /* a callback must not run the loop it stands on */
    l->running = true;
    uv_run(&l->uv, UV_RUN_ONCE);
    l->running = false;
}

void loop_run(struct loop *l)
{
    while (!atomic_exchange(&l->stop, false))
        turn(l);
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    uv_async_send(&l->wake);
}

int loop_run_until(struct loop *l, const bool *done, uint64_t ms)
{
    uv_update_time(&l->uv);
    uint64_t end = uv_now(&l->uv) + ms;
    l->until_done = done;
    uv_timer_start(&l->until, on_until, ms, 0);
    uv_prepare_start(&l->prepare, on_prepare);
    while (!*done && uv_now(&l->uv) < end)
        turn(l);
    uv_timer_stop(&l->until);
    uv_prepare_stop(&l->prepare);
    return *done ? 0 : -ETIMEDOUT;
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg)
{
    call_add(&l->deferred, fn, arg);
    uv_idle_start(&l->idle, on_idle);
}

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&l->lock);
    call_add(&l->posted, fn, arg);
    pthread_mutex_unlock(&l->lock);
    uv_async_send(&l->wake);
}

struct loop_tick *loop_tick_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_tick *t = mem_new(struct loop_tick);
    t->magic = loop_tick_MAGIC;
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
    list_init(&t->node);
    return t;
}

void loop_tick_start(struct loop_tick *t)
{
    if (!list_empty(&t->node))
        return;
    list_append(&t->loop->ticks, &t->node);
    uv_idle_start(&t->loop->idle, on_idle);
}

void loop_tick_stop(struct loop_tick *t)
{
    list_remove(&t->node);
}

void loop_tick_free(struct loop_tick *t)
{
    if (!t)
        return;
    t = CAST(loop_tick, t);
    loop_tick_stop(t);
    t->magic = 0;
    mem_free(t);
}

void loop_own(struct loop *l, struct loop_owned *o, void (*drop)(struct loop_owned *o))
{
    o->drop = drop;
    list_append(&l->owned, &o->node);
}

void loop_disown(struct loop_owned *o)
{
    list_remove(&o->node);
}

static void on_timer(uv_timer_t *uv)
{
    struct loop_timer *t = CAST(loop_timer, uv->data);
    t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct loop_timer *t = mem_new(struct loop_timer);
    t->magic = loop_timer_MAGIC;
    t->fn = fn;
    t->arg = arg;
    uv_timer_init(&l->uv, &t->uv);
    t->uv.data = t;
    return t;
}

/* libuv counts from the start of the turn; after a long callback a short timer would be due at
 * once. */
void loop_timer_start(struct loop_timer *t, uint64_t ms)
{
    uv_update_time(t->uv.loop);
    uv_timer_start(&t->uv, on_timer, ms, 0);
}

void loop_timer_stop(struct loop_timer *t)
{
    uv_timer_stop(&t->uv);
}

bool loop_timer_active(const struct loop_timer *t)
{
    return uv_is_active((const uv_handle_t *)&t->uv) != 0;
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    t = CAST(loop_timer, t);
    t->magic = 0;
    uv_close((uv_handle_t *)&t->uv, handle_closed);
}

static void on_fd(uv_poll_t *uv, int status, int events);

static void fd_arm(struct loop_fd *f)
{
    int ev = (f->want & LOOP_READ ? UV_READABLE : 0) | (f->want & LOOP_WRITE ? UV_WRITABLE : 0) |
             (f->want & LOOP_HANGUP ? UV_DISCONNECT : 0);
    int rc = ev ? uv_poll_start(&f->uv, ev, on_fd) : uv_poll_stop(&f->uv);
    ATOLL_ASSERT(rc == 0);
}

/* libuv stops a poll that reports an error. The owner learns the error from its next read or write,
 * so everything it waits for is reported, and the poll goes on unless it changed its mind. */
static void on_fd(uv_poll_t *uv, int status, int events)
{
    struct loop_fd *f = CAST(loop_fd, uv->data);
    int got = (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0) |
              (events & UV_DISCONNECT ? LOOP_HANGUP : 0);
    if (status < 0) {
        got = f->want;
        fd_arm(f);
    }
    if (got & f->want)
        f->fn(f->arg, got & f->want);
}

int loop_fd_new(struct loop *l, int fd, void (*fn)(void *arg, int events), void *arg,
                struct loop_fd **ret, struct err **err)
{
    struct loop_fd *f = mem_new(struct loop_fd);
    int rc = uv_poll_init(&l->uv, &f->uv, fd);
    if (rc) {
        mem_free(f);
        return err_set(err, rc, "watching descriptor %d: %s", fd, uv_strerror(rc));
    }
    f->magic = loop_fd_MAGIC;
    f->fn = fn;
    f->arg = arg;
    f->uv.data = f;
    *ret = f;
    return 0;
}

void loop_fd_want(struct loop_fd *f, int events)
{
    if (events == f->want)
        return;
    f->want = events;
    fd_arm(f);
}

void loop_fd_free(struct loop_fd *f)
{
    if (!f)
        return;
    f = CAST(loop_fd, f);
    f->magic = 0;
    uv_close((uv_handle_t *)&f->uv, handle_closed);
}

static void on_signal(uv_signal_t *uv, int signo)
{
    struct loop_signal *s = CAST(loop_signal, uv->data);
    s->fn(s->arg, signo);
}

int loop_signal_new(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg,
                    struct loop_signal **ret, struct err **err)
{
    struct loop_signal *s = mem_new(struct loop_signal);
    s->magic = loop_signal_MAGIC;
    s->fn = fn;
    s->arg = arg;
    int rc = uv_signal_init(&l->uv, &s->uv);
    ATOLL_ASSERT(rc == 0);
    s->uv.data = s;
    rc = uv_signal_start(&s->uv, on_signal, signo);
    if (rc) {
        loop_signal_free(s);
        return err_set(err, rc, "catching signal %d: %s", signo, uv_strerror(rc));
    }
    *ret = s;
    return 0;
}

void loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return;
    s = CAST(loop_signal, s);
    s->magic = 0;
    uv_close((uv_handle_t *)&s->uv, handle_closed);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}
