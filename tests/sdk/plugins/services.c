/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A well-behaved LOOP plugin that uses every service of the host, one hook per service, and pushes
 * roles from a watch. What it saw comes back as results of the hook.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "tiny.h"

#define OPEN_MAX_ 8
#define SLOW_MS   300

struct open_op { /* an operation that waits for its cancel */
    struct atoll_op op;
    int used;
};

struct services {
    const struct atoll_host *host;
    uint64_t version; /* of the role; a watch that starts raises it */
    unsigned probes,
        slow; /* slow: so many probes take SLOW_MS to say what they saw at their start */
    struct open_op open[OPEN_MAX_];
};

struct errand { /* one hook in progress */
    struct services *self;
    struct atoll_op op;
    uint64_t began_ms, handle, unused_timer;
    int fds[2];
    pthread_t thread;
};

static struct errand *errand_new(void *self, struct atoll_op op)
{
    struct errand *e = calloc(1, sizeof(*e));
    if (!e)
        abort();
    e->self = self;
    e->op = op;
    return e;
}

static void result_number(struct errand *e, const char *key, long long value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", value);
    atoll_result(e->self->host, e->op, key, text);
}

static void errand_end(struct errand *e)
{
    atoll_done(e->self->host, e->op);
    free(e);
}

/* ---- timer, conf, log, progress
 * ------------------------------------------------------------------------------ */

static void never(void *arg)
{
    (void)arg;
    abort(); /* it was cancelled */
}

static void on_time(void *arg)
{
    struct errand *e = arg;
    const struct atoll_host *h = e->self->host;
    char text[32];
    atoll_str_copy(atoll_conf_text(h, "text"), text, sizeof(text));
    atoll_result(h, e->op, "text", text);
    result_number(e, "count", atoll_conf_number(h, "count", -1));
    result_number(e, "flag", atoll_conf_number(h, "flag", -1));
    result_number(e, "wait", atoll_conf_number(h, "wait", -1));
    result_number(e, "unset", atoll_conf_number(h, "unset", -7));
    result_number(e, "unknown", atoll_conf_number(h, "no-such-option", -8));
    result_number(e, "elapsed", (long long)(h->timer->now_ms(h->impl) - e->began_ms));
    errand_end(e);
}

static int32_t use_timer(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct errand *e = errand_new(self, op);
    const struct atoll_host *h = e->self->host;
    uint64_t other;
    (void)call;
    e->began_ms = h->timer->now_ms(h->impl);
    h->timer->after(h->impl, (uint64_t)atoll_conf_number(h, "wait", 1), on_time, e);
    other = h->timer->after(h->impl, 1, never, NULL);
    h->timer->cancel(h->impl, other);
    h->timer->cancel(h->impl, other);
    h->timer->cancel(h->impl, 12345);
    atoll_logf(h, ATOLL_LOG_INFO, "waiting %d%%", 50);
    h->op->progress(h->impl, op, atoll_str_of("half way"));
    return ATOLL_OK;
}

/* ---- io
 * ---------------------------------------------------------------------------------------------------------
 */

static void on_readable(void *arg, uint32_t events)
{
    struct errand *e = arg;
    const struct atoll_host *h = e->self->host;
    char byte = 0;
    result_number(e, "events", events);
    result_number(e, "bytes", read(e->fds[0], &byte, 1));
    result_number(e, "byte", byte);
    h->io->unwatch(h->impl, e->handle);
    h->io->unwatch(h->impl, e->handle);
    close(e->fds[0]);
    close(e->fds[1]);
    errand_end(e);
}

static void write_later(void *arg)
{
    struct errand *e = arg;
    if (write(e->fds[1], "x", 1) != 1)
        abort();
}

static int32_t use_io(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct errand *e = errand_new(self, op);
    const struct atoll_host *h = e->self->host;
    (void)call;
    if (pipe(e->fds) != 0)
        abort();
    e->handle = h->io->watch(h->impl, e->fds[0], ATOLL_IO_READ, on_readable, e);
    if (!e->handle || h->io->watch(h->impl, -1, ATOLL_IO_READ, on_readable, e))
        abort();
    h->timer->after(h->impl, 10, write_later, e);
    return ATOLL_OK;
}

/* As a client library does when its server is gone: the process must survive it. */
static int32_t write_to_nobody(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct errand *e = errand_new(self, op);
    (void)call;
    if (pipe(e->fds) != 0)
        abort();
    close(e->fds[0]);
    result_number(e, "written", write(e->fds[1], "x", 1));
    result_number(e, "broken", errno == EPIPE);
    close(e->fds[1]);
    errand_end(e);
    return ATOLL_OK;
}

/* ---- secret, http, stream, arguments
 * ------------------------------------------------------------------------------- */

static int32_t use_secret(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct errand *e = errand_new(self, op);
    const struct atoll_host *h = e->self->host;
    struct atoll_str got = {0, 0};
    char text[64];
    int32_t rc = h->secret->get(h->impl, op, atoll_arg(call, "ref"), &got);
    result_number(e, "rc", rc);
    atoll_str_copy(got, text, sizeof(text));
    atoll_result(h, op, "value", text);
    result_number(e, "descriptor", h->stream->descriptor(h->impl, op));
    errand_end(e);
    return ATOLL_OK;
}

static void on_http(void *arg, int32_t status, struct atoll_str body)
{
    struct errand *e = arg;
    e->self->host->op->set(e->self->host->impl, e->op, atoll_str_of("body"), body);
    result_number(e, "status", status);
    errand_end(e);
}

static int32_t use_http(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct errand *e = errand_new(self, op);
    const struct atoll_host *h = e->self->host;
    struct atoll_kv header = {atoll_str_of("X-Test"), atoll_str_of("yes")};
    struct atoll_http_request q;
    int32_t rc;
    memset(&q, 0, sizeof(q));
    q.size = sizeof(q);
    q.method = atoll_str_of("POST");
    q.url = atoll_arg(call, "url");
    q.body = atoll_str_of("ping");
    q.headers = &header;
    q.n_headers = 1;
    rc = h->http->request(h->impl, op, &q, on_http, e);
    if (rc < 0)
        free(e);
    return rc;
}

static int32_t use_arguments(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct errand *e = errand_new(self, op);
    const struct atoll_host *h = e->self->host;
    result_number(e, "attempt", call->attempt);
    h->op->set(h->impl, op, atoll_str_of("hook"), call->hook);
    h->op->set(h->impl, op, atoll_str_of("key"), call->key);
    h->op->set(h->impl, op, atoll_str_of("instance"),
               call->instance ? call->instance->name : atoll_str_of("none"));
    h->op->set(h->impl, op, atoll_str_of("peer"),
               call->peer ? call->peer->name : atoll_str_of("none"));
    h->op->set(h->impl, op, atoll_str_of("verb"), atoll_arg(call, "verb"));
    if (call->instance) {
        h->op->set(h->impl, op, atoll_str_of("role"), call->instance->role);
        result_number(e, "known", (call->instance->flags & ATOLL_INSTANCE_ROLE_KNOWN) != 0);
        result_number(e, "version", (long long)call->instance->role_version);
        h->op->set(h->impl, op, atoll_str_of("steady"), atoll_fact_get(call->instance, "steady"));
    }
    errand_end(e);
    return ATOLL_OK;
}

/* ---- threads, cancel, probe_now
 * ---------------------------------------------------------------------------------------- */

static void *other_thread(void *arg)
{
    struct errand *e = arg;
    const struct atoll_host *h = e->self->host;
    result_number(e, "refused", h->timer->after(h->impl, 1, never, NULL) == 0);
    result_number(e, "remaining", h->op->remaining_ms(h->impl, e->op) > 0);
    errand_end(e);
    return NULL;
}

static int32_t use_thread(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct errand *e = errand_new(self, op);
    pthread_t t;
    (void)call;
    if (pthread_create(&t, NULL, other_thread, e) != 0)
        abort();
    pthread_detach(t);
    return ATOLL_OK;
}

static int32_t open_add(struct services *s, struct atoll_op op)
{
    int i;
    for (i = 0; i < OPEN_MAX_; i++) {
        if (s->open[i].used)
            continue;
        s->open[i].used = 1;
        s->open[i].op = op;
        return ATOLL_OK;
    }
    return ATOLL_ERR_LIMIT;
}

static int32_t wait_for_cancel(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)call;
    return open_add(self, op);
}

static void cancel(void *self, struct atoll_op op)
{
    struct services *s = self;
    int i;
    for (i = 0; i < OPEN_MAX_; i++) {
        if (!s->open[i].used || s->open[i].op.id != op.id)
            continue;
        s->open[i].used = 0;
        if (!s->host->op->is_cancelled(s->host->impl, op))
            abort();
        atoll_complete(s->host, op, ATOLL_CLASS_RETRY, "Cancelled", "cancel came after %s",
                       "a while");
        return;
    }
}

static int32_t ask_probe(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct services *s = self;
    s->host->op->probe_now(s->host->impl, call->instance->id);
    atoll_done(s->host, op);
    return ATOLL_OK;
}

/* ---- roles
 * --------------------------------------------------------------------------------------------------------------
 */

static void report(struct services *s, struct atoll_op op, struct atoll_str instance,
                   uint64_t version)
{
    struct atoll_fact facts[2];
    char offset[32];
    snprintf(offset, sizeof(offset), "%u", s->probes);
    facts[0] = atoll_fact_make("offset", offset, ATOLL_FACT_VOLATILE);
    facts[1] = atoll_fact_make("steady", "same", 0);
    atoll_report_role(s->host, op, instance, "primary", version, facts, 2);
}

struct slow_probe {
    struct services *self;
    struct atoll_op op;
    struct atoll_str instance;
    uint64_t version;
};

static void on_slow(void *arg)
{
    struct slow_probe *p = arg;
    report(p->self, p->op, p->instance, p->version);
    atoll_done(p->self->host, p->op);
    free(p);
}

static int32_t probe(void *self, const struct atoll_view *view,
                     const struct atoll_instance *instance, struct atoll_op op)
{
    struct services *s = self;
    (void)view;
    s->probes++;
    if (s->slow) {
        struct slow_probe *p = calloc(1, sizeof(*p));
        if (!p)
            abort();
        s->slow--;
        p->self = s;
        p->op = op;
        p->instance = instance->id;
        p->version = s->version;
        s->host->timer->after(s->host->impl, SLOW_MS, on_slow, p);
        return ATOLL_OK;
    }
    report(s, op, instance->id, s->version);
    atoll_done(s->host, op);
    return ATOLL_OK;
}

/* The next probe is slow; it begins now. */
static int32_t be_slow(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct services *s = self;
    s->slow = 1;
    s->host->op->probe_now(s->host->impl, call->instance->id);
    atoll_done(s->host, op);
    return ATOLL_OK;
}

static int32_t watch(void *self, const struct atoll_view *view, struct atoll_op op)
{
    struct services *s = self;
    const struct atoll_component *c = atoll_component_this(view);
    if (!c || c->n_instances == 0)
        return ATOLL_ERR_NOTSUP;
    s->version += 10;
    report(s, op, c->instances[0]->id, s->version);
    return open_add(s, op);
}

static const struct atoll_role_probe role_probe =
    TINY_ROLE_PROBE(.threads = ATOLL_THREADS_LOOP, .probe = probe, .watch = watch,
                    .cancel = cancel);
static const struct atoll_hook hooks[] = {
    {"readonly", 0, 5000, use_timer},          {"readwrite", 0, 5000, use_io},
    {"reconfigure", 0, 5000, use_secret},      {"account-provision", 0, 5000, use_http},
    {"switchover", 0, 5000, use_arguments},    {"member-join", 0, 5000, use_thread},
    {"member-leave", 0, 300, wait_for_cancel}, {"available-probe", 0, 5000, ask_probe},
    {"shard-add", 0, 5000, write_to_nobody},   {"data-load", 0, 5000, be_slow},
};
static const struct atoll_lifecycle lifecycle =
    TINY_LIFECYCLE(hooks, .threads = ATOLL_THREADS_LOOP, .cancel = cancel);

static const struct atoll_option options[] = {
    {"text", "hello", "a text", ATOLL_OPTION_STR, 0, 0, 10},
    {"count", "5", "a number", ATOLL_OPTION_INT, 0, 1, 10},
    {"flag", "true", "a switch", ATOLL_OPTION_BOOL, 0, 0, 0},
    {"wait", "50ms", "a duration", ATOLL_OPTION_DURATION, 0, 1, 1000},
    {"unset", NULL, "without a default", ATOLL_OPTION_INT, 0, 0, 0},
};

static int32_t create(const struct atoll_host *host, void **ret_self)
{
    struct services *s = calloc(1, sizeof(*s));
    (void)tiny_create;
    (void)tiny_host;
    if (!s)
        return ATOLL_ERR_SYSTEM;
    s->host = host;
    s->version = 1;
    *ret_self = s;
    return ATOLL_OK;
}

static const struct atoll_plugin plugin = {.magic = ATOLL_PLUGIN_MAGIC,
                                           .abi_major = ATOLL_ABI_MAJOR,
                                           .abi_minor = ATOLL_ABI_MINOR,
                                           .size = sizeof(plugin),
                                           .name = "services",
                                           .version = "0.1",
                                           .summary = "uses every service",
                                           .options = options,
                                           .n_options = 5,
                                           .option_size = sizeof(options[0]),
                                           .create = create,
                                           .destroy = tiny_destroy,
                                           .role_probe = &role_probe,
                                           .lifecycle = &lifecycle};

const struct atoll_plugin *atoll_plugin_entry(void)
{
    return &plugin;
}
