/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's services as a plugin sees them: the tables of struct atoll_host over this room and io.
 *
 * Functions marked [loop] in the ABI check that they are on the loop; a call from another thread is
 * refused and counted as a bug of the plugin. Operations live in ops.c. Nothing here trusts a
 * handle, a size or a length that the plugin gives.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/abi.h"
#include "engine/runner_own.h"

#define TIMERS_MAX      65536
#define FDS_MAX         16384
#define HTTP_CALLS_MAX  256
#define HTTP_URL_MAX    8192
#define HTTP_BODY_MAX   ((size_t)8 * 1024 * 1024)
#define HTTP_HEADER_MAX 64
#define LOG_TEXT_MAX    2048

static struct runner *runner_of(void *impl)
{
    return CAST(runner, impl);
}

/* The runner when the caller stands on the loop, else NULL and a bug. */
static struct runner *on_loop(void *impl, const char *function)
{
    struct runner *r = runner_of(impl);
    if (runner_on_loop(r))
        return r;
    runner_bug(r, "wrong-thread", "%s was called from a thread that is not the loop's", function);
    return NULL;
}

/* ---- log, conf
 * ------------------------------------------------------------------------------------------ */

static void log_write_(void *impl, int32_t level, struct atoll_str text)
{
    char clean[LOG_TEXT_MAX];
    text_clean(clean, sizeof(clean), text);
    struct letter letter = {.kind = LETTER_LOG, .text = mem_strdup(clean)};
    letter.level = level < ATOLL_LOG_DEBUG   ? ATOLL_LOG_DEBUG
                   : level > ATOLL_LOG_ERROR ? ATOLL_LOG_ERROR
                                             : level;
    mailbox_put(runner_of(impl)->mail, &letter, true);
}

static int32_t conf_get_str(void *impl, const char *name, struct atoll_str *ret)
{
    const struct option_value *v = plugin_option(runner_of(impl)->plugin, name);
    if (!v || !v->set)
        return ATOLL_ERR_UNKNOWN;
    if (v->type != ATOLL_OPTION_STR)
        return ATOLL_ERR_INVALID;
    ret->ptr = v->text;
    ret->len = strlen(v->text);
    return ATOLL_OK;
}

static int32_t conf_get_int(void *impl, const char *name, int64_t *ret)
{
    const struct option_value *v = plugin_option(runner_of(impl)->plugin, name);
    if (!v || !v->set)
        return ATOLL_ERR_UNKNOWN;
    if (v->type == ATOLL_OPTION_STR)
        return ATOLL_ERR_INVALID;
    *ret = v->number;
    return ATOLL_OK;
}

/* ---- op
 * ----------------------------------------------------------------------------------------------------
 */

static int32_t complete(void *impl, struct atoll_op op, const struct atoll_outcome *outcome)
{
    return op_complete(runner_of(impl), op.id, outcome);
}

static int32_t set(void *impl, struct atoll_op op, struct atoll_str key, struct atoll_str value)
{
    return op_set(runner_of(impl), op.id, key, value);
}

static int32_t progress(void *impl, struct atoll_op op, struct atoll_str text)
{
    struct runner *r = runner_of(impl);
    if (!op_is_open(r, op.id))
        return ATOLL_ERR_UNKNOWN;
    char clean[LOG_TEXT_MAX];
    text_clean(clean, sizeof(clean), text);
    struct letter letter = {.kind = LETTER_PROGRESS, .id = op.id, .text = mem_strdup(clean)};
    return mailbox_put(r->mail, &letter, true) ? ATOLL_OK : ATOLL_ERR_LIMIT;
}

static int64_t remaining_ms(void *impl, struct atoll_op op)
{
    return op_remaining_ms(runner_of(impl), op.id);
}

static int32_t is_cancelled(void *impl, struct atoll_op op)
{
    return op_is_cancelled(runner_of(impl), op.id);
}

static int32_t report(void *impl, struct atoll_op op, struct atoll_str instance,
                      const struct atoll_role_report *r)
{
    return op_report(runner_of(impl), op.id, instance, r);
}

static int32_t probe_now_(void *impl, struct atoll_str instance)
{
    if (instance.len == 0 || instance.len > 512)
        return ATOLL_ERR_INVALID;
    struct letter letter = {.kind = LETTER_PROBE_NOW,
                            .text = mem_strndup(instance.ptr, instance.len)};
    return mailbox_put(runner_of(impl)->mail, &letter, true) ? ATOLL_OK : ATOLL_ERR_LIMIT;
}

static int32_t secret_get(void *impl, struct atoll_op op, struct atoll_str ref,
                          struct atoll_str *ret)
{
    return op_secret(runner_of(impl), op.id, ref, ret);
}

/* No operation has a stream yet: the door of this room gives none to hooks. */
static int32_t stream_descriptor(void *impl, struct atoll_op op)
{
    (void)impl;
    (void)op;
    return -1;
}

/* ---- timer
 * ---------------------------------------------------------------------------------------------------
 */

struct plugin_timer {
    struct wheel_node node;
    struct runner *runner;
    uint64_t id;
    void (*fn)(void *arg);
    void *arg;
};

static void timer_drop(struct plugin_timer *t)
{
    wheel_del(&t->node);
    handle_del(&t->runner->timers, t->id);
    mem_free(t);
}

static void on_timer(struct wheel_node *n)
{
    struct plugin_timer *t = container_of(n, struct plugin_timer, node);
    struct plugin_timer copy = *t;
    timer_drop(t);
    struct guard g = guard_begin(copy.runner, "timer callback");
    copy.fn(copy.arg);
    guard_end(&g);
}

static uint64_t timer_after(void *impl, uint64_t ms, void (*fn)(void *arg), void *arg)
{
    struct runner *r = on_loop(impl, "timer.after");
    if (!r || !fn || r->closing)
        return 0;
    struct plugin_timer *t = mem_new(struct plugin_timer);
    t->runner = r;
    t->fn = fn;
    t->arg = arg;
    t->id = handle_add(&r->timers, t);
    if (!t->id) {
        mem_free(t);
        return 0;
    }
    wheel_node_init(&t->node, on_timer);
    wheel_add(r->wheel, &t->node, clock_mono_ms() + ms);
    return t->id;
}

static void timer_cancel(void *impl, uint64_t handle)
{
    struct runner *r = on_loop(impl, "timer.cancel");
    struct plugin_timer *t = r ? handle_get(&r->timers, handle) : NULL;
    if (t)
        timer_drop(t);
}

static uint64_t now_ms(void *impl)
{
    (void)impl;
    return clock_mono_ms();
}

/* ---- io
 * ------------------------------------------------------------------------------------------------------
 */

struct plugin_fd {
    struct runner *runner;
    uint64_t id;
    struct loop_fd *fd;
    void (*fn)(void *arg, uint32_t events);
    void *arg;
};

static void fd_drop(struct plugin_fd *f)
{
    loop_fd_free(f->fd);
    handle_del(&f->runner->fds, f->id);
    mem_free(f);
}

static void on_fd(void *arg, int events)
{
    struct plugin_fd *f = arg;
    uint32_t got =
        (events & LOOP_READ ? ATOLL_IO_READ : 0) | (events & LOOP_WRITE ? ATOLL_IO_WRITE : 0);
    struct guard g = guard_begin(f->runner, "descriptor callback");
    f->fn(f->arg, got); /* may unwatch, so f is not touched afterwards */
    guard_end(&g);
}

static int loop_events(uint32_t events)
{
    return (events & ATOLL_IO_READ ? LOOP_READ : 0) | (events & ATOLL_IO_WRITE ? LOOP_WRITE : 0);
}

static uint64_t io_watch(void *impl, int32_t fd, uint32_t events,
                         void (*fn)(void *arg, uint32_t events), void *arg)
{
    struct runner *r = on_loop(impl, "io.watch");
    if (!r || !fn || fd < 0)
        return 0;
    struct plugin_fd *f = mem_new(struct plugin_fd);
    f->runner = r;
    f->fn = fn;
    f->arg = arg;
    f->id = handle_add(&r->fds, f);
    if (!f->id || loop_fd_new(r->loop, fd, on_fd, f, &f->fd, NULL) < 0) {
        handle_del(&r->fds, f->id);
        mem_free(f);
        return 0;
    }
    loop_fd_want(f->fd, loop_events(events));
    return f->id;
}

static void io_want(void *impl, uint64_t handle, uint32_t events)
{
    struct runner *r = on_loop(impl, "io.want");
    struct plugin_fd *f = r ? handle_get(&r->fds, handle) : NULL;
    if (f)
        loop_fd_want(f->fd, loop_events(events));
}

static void io_unwatch(void *impl, uint64_t handle)
{
    struct runner *r = on_loop(impl, "io.unwatch");
    struct plugin_fd *f = r ? handle_get(&r->fds, handle) : NULL;
    if (f)
        fd_drop(f);
}

/* ---- http
 * ----------------------------------------------------------------------------------------------------
 */

struct plugin_http {
    struct list node;
    struct runner *runner;
    void (*done)(void *arg, int32_t status, struct atoll_str body);
    void *arg;
};

static void on_http(void *arg, const struct http_answer *a)
{
    struct plugin_http *h = arg;
    struct atoll_str body = {a->body.ptr, a->body.len};
    if (a->status == 0 && a->error)
        body = (struct atoll_str){a->error, strlen(a->error)};
    list_remove(&h->node);
    struct guard g = guard_begin(h->runner, "http callback");
    h->done(h->arg, a->status, body);
    guard_end(&g);
    mem_free(h);
}

static char *text_of(struct arena *a, struct atoll_str s)
{
    return arena_strndup(a, s.len ? s.ptr : "", s.len);
}

static bool http_fits(const struct atoll_http_request *q)
{
    bool known = q->url.len > 8 && q->url.len <= HTTP_URL_MAX &&
                 (memcmp(q->url.ptr, "http://", 7) == 0 || memcmp(q->url.ptr, "https://", 8) == 0);
    for (uint32_t i = 0; i < q->n_headers && i < HTTP_HEADER_MAX; i++)
        known = known && q->headers[i].key.len <= HTTP_URL_MAX &&
                q->headers[i].value.len <= HTTP_URL_MAX;
    return known && q->method.len > 0 && q->method.len <= 16 && q->body.len <= HTTP_BODY_MAX &&
           q->n_headers <= HTTP_HEADER_MAX;
}

static uint64_t http_deadline(struct runner *r, uint64_t op, uint32_t wanted_ms)
{
    int64_t left = op_remaining_ms(r, op);
    uint64_t ms = wanted_ms ? wanted_ms : 30000;
    return left > 0 && (uint64_t)left < ms ? (uint64_t)left : ms;
}

static int http_begin(struct runner *r, const struct atoll_http_request *q, uint64_t op,
                      struct plugin_http *h)
{
    AUTO(arena_freep) struct arena *a = arena_new(HTTP_BODY_MAX);
    struct http_header headers[HTTP_HEADER_MAX];
    for (uint32_t i = 0; i < q->n_headers; i++)
        headers[i] =
            (struct http_header){text_of(a, q->headers[i].key), text_of(a, q->headers[i].value)};
    struct http_call call = {.method = text_of(a, q->method),
                             .url = text_of(a, q->url),
                             .headers = headers,
                             .n_headers = q->n_headers,
                             .body = {q->body.ptr, q->body.len},
                             .lane = HTTP_LANE_CALL,
                             .deadline_ms = http_deadline(r, op, q->deadline_ms),
                             .body_max = HTTP_BODY_MAX};
    struct http_handler handler = {.on_done = on_http, .arg = h};
    struct http_request *request;
    int rc = r->http ? 0 : http_client_new(r->loop, &r->http, NULL);
    return rc < 0 ? rc : http_start(r->http, &call, &handler, &request, NULL);
}

static int32_t http_request_(void *impl, struct atoll_op op, const struct atoll_http_request *q,
                             void (*done)(void *arg, int32_t status, struct atoll_str body),
                             void *arg)
{
    struct runner *r = on_loop(impl, "http.request");
    if (!r || !q || q->size < ABI_HTTP_REQUEST_1_0 || !done || !http_fits(q))
        return ATOLL_ERR_INVALID;
    if (!op_is_open(r, op.id))
        return ATOLL_ERR_UNKNOWN;
    unsigned running = 0;
    list_foreach (it, &r->http_calls)
        running++;
    if (running >= HTTP_CALLS_MAX)
        return ATOLL_ERR_LIMIT;
    struct plugin_http *h = mem_new(struct plugin_http);
    h->runner = r;
    h->done = done;
    h->arg = arg;
    if (http_begin(r, q, op.id, h) < 0) {
        mem_free(h);
        return ATOLL_ERR_SYSTEM;
    }
    list_append(&r->http_calls, &h->node);
    return ATOLL_OK;
}

/* ---- the tables
 * ------------------------------------------------------------------------------------------------
 */

static const struct atoll_log_api log_api = {.size = sizeof(log_api), .write = log_write_};
static const struct atoll_conf_api conf_api = {
    .size = sizeof(conf_api), .get_str = conf_get_str, .get_int = conf_get_int};
static const struct atoll_op_api op_api = {.size = sizeof(op_api),
                                           .complete = complete,
                                           .set = set,
                                           .progress = progress,
                                           .remaining_ms = remaining_ms,
                                           .is_cancelled = is_cancelled,
                                           .report = report,
                                           .probe_now = probe_now_};
static const struct atoll_timer_api timer_api = {
    .size = sizeof(timer_api), .after = timer_after, .cancel = timer_cancel, .now_ms = now_ms};
static const struct atoll_io_api io_api = {
    .size = sizeof(io_api), .watch = io_watch, .want = io_want, .unwatch = io_unwatch};
static const struct atoll_secret_api secret_api = {.size = sizeof(secret_api), .get = secret_get};
static const struct atoll_http_api http_api = {.size = sizeof(http_api), .request = http_request_};
static const struct atoll_stream_api stream_api = {.size = sizeof(stream_api),
                                                   .descriptor = stream_descriptor};

void services_init(struct runner *r)
{
    r->timers = HANDLES_INIT(TIMERS_MAX);
    r->fds = HANDLES_INIT(FDS_MAX);
    list_init(&r->http_calls);
    r->host = (struct atoll_host){.size = sizeof(r->host),
                                  .abi_minor = ATOLL_ABI_MINOR,
                                  .impl = r,
                                  .log = &log_api,
                                  .conf = &conf_api,
                                  .op = &op_api,
                                  .timer = &timer_api,
                                  .io = &io_api,
                                  .secret = &secret_api,
                                  .http = &http_api,
                                  .stream = &stream_api};
}

void services_done(struct runner *r)
{
    uint32_t it = 0;
    void *p;
    while ((p = handle_next(&r->timers, &it)))
        timer_drop(p);
    it = 0;
    while ((p = handle_next(&r->fds, &it)))
        fd_drop(p);
    http_client_free(r->http);
    r->http = NULL;
    list_foreach_safe (h, &r->http_calls) {
        list_remove(h);
        mem_free(list_entry(h, struct plugin_http, node));
    }
    handles_done(&r->timers);
    handles_done(&r->fds);
}
