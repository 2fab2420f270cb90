/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods/log: the parameters are checked here, the text comes from the node's log server and is
 * passed on as it arrives.
 */
#include <string.h>

#include "apiserver/pods.h"
#include "base/clock.h"
#include "io/http_server.h"
#include "io/metrics.h"

#define QUEUE_MAX      (16U << 20)
#define LINES_DEADLINE 60000 /* without follow */
#define log_MAGIC      0x4c4f4753U

struct log {
    uint32_t magic;
    struct call *call;
    struct http_request *request;
    bool streaming;
    struct buf refusal; /* what the node said instead of a log */
};

static const char *const PASSED[] = {"follow",     "previous",     "timestamps", "tailLines",
                                     "limitBytes", "sinceSeconds", "sinceTime"};

static void check_number(struct call *c, const char *key, int64_t min, const char *why,
                         struct causes *causes)
{
    const char *text = call_param(c, key);
    int64_t n;
    if (!text)
        return;
    if (str_to_i64(str_of(text), &n) < 0)
        causes_invalid(causes, key, text, "want a whole number");
    else if (n < min)
        causes_add(causes, CAUSE_INVALID, key, "Invalid value: %lld: %s", (long long)n, why);
}

static int check_params(struct call *c)
{
    struct causes causes = {.arena = c->arena};
    int64_t when;
    const char *since = call_param(c, "sinceTime");
    check_number(c, "tailLines", 0, "must be greater than or equal to 0", &causes);
    check_number(c, "limitBytes", 1, "must be greater than 0", &causes);
    if (since && call_param(c, "sinceSeconds"))
        causes_forbidden(&causes, "[]",
                         "at most one of `sinceTime` or `sinceSeconds` may be specified");
    else
        check_number(c, "sinceSeconds", 1, "must be greater than 0", &causes);
    if (since && clock_parse(since, &when) < 0)
        causes_invalid(&causes, "sinceTime", since, "want a time as RFC 3339");
    return causes.n ? call_fail_invalid(c, "", "PodLogOptions", c->name, &causes) : 0;
}

static const char *log_url(struct call *c, const char *base, const char *container)
{
    AUTO(buf_done) struct buf b = BUF_INIT(16384);
    buf_addf(&b, "%s/containerLogs/%s/%s/%s", base, c->ns, c->name, container);
    char sep = '?';
    for (size_t i = 0; i < ARRAY_LEN(PASSED); i++) {
        const char *value = call_param(c, PASSED[i]);
        if (!value)
            continue;
        buf_addf(&b, "%c%s=", sep, PASSED[i]);
        http_escape(&b, value);
        sep = '&';
    }
    return arena_strdup(c->arena, buf_str(&b));
}

static void log_free(struct log *l)
{
    l->magic = 0;
    buf_done(&l->refusal);
    mem_free(l);
}

static void log_head(void *arg, int status)
{
    struct log *l = CAST(log, arg);
    struct call *c = l->call;
    static const struct http_header headers[] = {{"Content-Type", "text/plain"},
                                                 {"Cache-Control", "no-cache, private"}};
    if (status != 200)
        return;
    l->streaming = true;
    metric_add(c->api->requests, "get", 1);
    c->transport->stream_start(c->t, 200, headers, ARRAY_LEN(headers));
}

static void free_text(void *text)
{
    mem_free(text);
}

/* A reader that does not read loses the rest: the stream is cut, not kept in memory. */
static void log_cut(struct log *l)
{
    struct call *c = l->call;
    http_cancel(l->request);
    c->on_gone = NULL;
    c->transport->stream_end(c->t);
    call_free(c);
    log_free(l);
}

static void log_data(void *arg, struct str piece)
{
    struct log *l = CAST(log, arg);
    if (!l->streaming && piece.len)
        buf_add(&l->refusal, piece.ptr, piece.len);
    if (!l->streaming || !piece.len)
        return;
    char *copy = mem_alloc(piece.len);
    memcpy(copy, piece.ptr, piece.len);
    struct str mine = {copy, piece.len};
    if (l->call->transport->stream_write(l->call->t, mine, QUEUE_MAX, free_text, copy) < 0)
        log_cut(l);
}

static void log_done(void *arg, const struct http_answer *a)
{
    struct log *l = CAST(log, arg);
    struct call *c = l->call;
    c->on_gone = NULL;
    if (l->streaming) {
        c->transport->stream_end(c->t);
        call_free(c);
    } else {
        if (a->status == 0)
            call_fail(c, 500, NULL, "the log server of the node does not answer: %s", a->error);
        else
            call_fail(c,
                      a->status == 404   ? 404
                      : a->status == 400 ? 400
                                         : 500,
                      a->status == 404   ? "NotFound"
                      : a->status == 400 ? "BadRequest"
                                         : NULL,
                      "%s", l->refusal.len ? buf_str(&l->refusal) : "the node gave no log");
        call_answer_failure(c);
    }
    log_free(l);
}

static void log_gone(struct call *c)
{
    struct log *l = CAST(log, c->work);
    http_cancel(l->request);
    log_free(l);
    call_free(c);
}

static void log_fetch(struct call *c, const char *url)
{
    AUTO(err_freep) struct err *err = NULL;
    struct log *l = mem_new(struct log);
    *l = (struct log){.magic = log_MAGIC, .call = c, .refusal = BUF_INIT(4096)};
    struct http_header header = {
        "Authorization",
        arena_printf(c->arena, "Bearer %s", c->api->kubelet_token ? c->api->kubelet_token : "")};
    struct http_call call = {.method = "GET",
                             .url = url,
                             .headers = &header,
                             .n_headers = 1,
                             .lane = HTTP_LANE_STREAM,
                             .deadline_ms = call_flag(call_param(c, "follow")) ? 0 : LINES_DEADLINE,
                             .connect_ms = 3000};
    struct http_handler handler = {log_head, log_data, log_done, l};
    c->work = l;
    c->on_gone = log_gone;
    if (http_start(c->api->http, &call, &handler, &l->request, &err) == 0)
        return;
    c->on_gone = NULL;
    log_free(l);
    call_fail(c, 500, NULL, "%s", err_text(err));
    call_answer_failure(c);
}

void pods_log(struct call *c)
{
    const struct object *o = shelf_get(c->res->shelf, rest_key(c, c->ns, c->name));
    cJSON *pod = o ? call_own(c, object_tree(o)) : NULL;
    const char *container = NULL, *base = NULL;
    if (!pod) {
        call_fail_not_found(c, c->res, c->name);
    } else if (check_params(c) == 0 && (container = pods_container(c, pod))) {
        const char *node = json_str(pod, "spec", "nodeName");
        if (!node || !*node) { /* nobody has run it: there is nothing to show */
            call_answer_text(c, 204, NULL, (struct str){"", 0});
            return;
        }
        base = pods_node_url(c, pod);
        if (base && !c->api->http) {
            call_fail(c, 500, NULL, "logs are not served: this server has no HTTP client");
            base = NULL;
        }
    }
    if (base)
        log_fetch(c, log_url(c, base, container));
    else
        call_answer_failure(c);
}
