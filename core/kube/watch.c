/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch stream: one JSON object per line, cut out of the pieces the network delivers. A line may
 * be larger than a megabyte (a big ConfigMap), but not larger than LINE_BYTES_MAX.
 *
 * Three clocks watch a watch: the server's timeoutSeconds, our deadline ten seconds later, and half
 * a minute for the head of the answer. A peer that died without a word is found by TCP keepalive.
 */
#include "kube/watch.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define LOG_ROOM       "kube"
#define LINE_BYTES_MAX ((size_t)8 << 20)
#define HEAD_MS        30000
#define GRACE_S        10
#define ERROR_BODY_MAX ((size_t)64 << 10)

#define watch_MAGIC 0x6b776174
struct watch {
    uint32_t magic;
    struct kube_client *client;
    struct request request;
    struct kube_client_try try;
    struct watch_handler h;
    struct loop_timer *timer; /* the head's deadline; or tells a failed start */
    struct buf line;          /* what came after the last newline; or the body of a refusal */
    struct follow_end end;
    char *message, *reason;
    uint64_t opened_ms; /* 0 = no head yet */
    bool ended;
};

static void set_message(struct watch *w, const char *text)
{
    mem_free(w->message);
    w->message = mem_strdup(text);
}

static void watch_end(struct watch *w)
{
    if (w->ended)
        return;
    w->ended = true;
    kube_client_try_cancel(&w->try);
    loop_timer_stop(w->timer);
    if (w->opened_ms)
        w->end.lived_ms = loop_now_ms(w->client->loop) - w->opened_ms;
    w->end.reason = w->reason ? w->reason : "";
    w->h.on_end(w->h.arg, &w->end, w->message ? w->message : "");
}

static void set_status(struct watch *w, const cJSON *status)
{
    const char *reason = json_str(status, "reason"), *message = json_str(status, "message");
    mem_free(w->reason);
    w->reason = mem_strdup(reason ? reason : "");
    set_message(w, message ? message : w->reason);
}

static bool event_type(const char *text, enum watch_event *ret)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (streq(text, names[i])) {
            *ret = (enum watch_event)i;
            return true;
        }
    }
    return false;
}

static bool garbage(struct watch *w, const char *why)
{
    w->end.garbage = true;
    set_message(w, why);
    return false;
}

/* One line. false: the stream is over. */
static bool take_line(struct watch *w, struct str text)
{
    AUTO(json_freep) cJSON *line = NULL;
    AUTO(err_freep) struct err *err = NULL;
    enum watch_event type;
    if (str_trim(text).len == 0)
        return true;
    if (json_parse(text.ptr, text.len, &line, &err))
        return garbage(w, err_text(err));
    const char *word = json_str(line, "type");
    const cJSON *object = json_at(line, "object");
    if (streq(word, "ERROR")) {
        w->end.error_event = true;
        w->end.status = (int)json_int(500, object, "code");
        w->end.retry_after_ms =
            (uint64_t)json_int(0, object, "details", "retryAfterSeconds") * 1000;
        set_status(w, object);
        return false;
    }
    if (!event_type(word, &type) || !cJSON_IsObject(object))
        return garbage(w, "want an event with type and object, found something else");
    w->end.events += type != WATCH_BOOKMARK;
    int rc = w->h.on_event(w->h.arg, type, object);
    w->end.went_back = rc == -ESTALE;
    if (rc == 0 || rc == -ESTALE)
        return rc == 0;
    return garbage(w, "an event's object has no usable metadata");
}

/* Lines wholly inside the piece are parsed where they lie; only a torn line is copied. */
static bool take_piece(struct watch *w, struct str piece)
{
    while (piece.len) {
        const char *newline = memchr(piece.ptr, '\n', piece.len);
        size_t n = newline ? (size_t)(newline - piece.ptr) : piece.len;
        struct str line = {piece.ptr, n};
        if ((w->line.len || !newline) && buf_add(&w->line, piece.ptr, n))
            return garbage(w, "a line is longer than 8 MiB");
        if (!newline)
            return true;
        if (w->line.len)
            line = (struct str){w->line.ptr, w->line.len};
        if (!take_line(w, line))
            return false;
        buf_cut(&w->line, 0);
        piece.ptr += n + 1;
        piece.len -= n + 1;
    }
    return true;
}

static void on_head(void *arg, int status)
{
    struct watch *w = CAST(watch, arg);
    w->end.status = status;
    if (status != 200)
        return;
    w->opened_ms = loop_now_ms(w->client->loop);
    loop_timer_stop(w->timer);
    w->h.on_open(w->h.arg);
}

static void on_data(void *arg, struct str piece)
{
    struct watch *w = CAST(watch, arg);
    if (w->ended)
        return;
    if (w->end.status != 200) {
        if (w->line.len + piece.len <= ERROR_BODY_MAX)
            buf_add(&w->line, piece.ptr, piece.len);
    } else if (!take_piece(w, piece)) {
        watch_end(w);
    } else if (w->line.len == 0 && w->line.cap > 65536) {
        buf_done(&w->line); /* one big object is no reason to keep its room for ever */
    }
}

/* The watch was answered with something else than 200. */
static void read_refusal(struct watch *w, const struct http_answer *a)
{
    struct http_answer full = *a;
    struct answer answer;
    full.status = w->end.status;
    full.error = NULL;
    full.body = (struct str){w->line.ptr, w->line.len};
    kube_answer_read(&answer, &full);
    w->end.retry_after_ms = answer.a.retry_after_ms;
    w->end.reauth = answer.a.status == 401 && kube_client_reauth(w->client);
    mem_free(w->reason);
    w->reason = mem_strdup(answer.a.reason);
    set_message(w, answer.a.message);
    kube_answer_done(&answer);
}

static void on_done(void *arg, const struct http_answer *a)
{
    struct watch *w = CAST(watch, arg);
    kube_client_try_ended(&w->try);
    kube_client_warnings(w->client, a);
    w->end.timed_out = a->timed_out;
    w->end.cut = a->error != NULL;
    if (a->error)
        set_message(w, a->error);
    if (w->end.status != 0 && w->end.status != 200)
        read_refusal(w, a);
    watch_end(w);
}

static void on_timer(void *arg)
{
    struct watch *w = CAST(watch, arg);
    if (w->try.http) {
        w->end.timed_out = true;
        set_message(w, "no answer to the watch within 30 s");
    }
    watch_end(w);
}

struct watch *kube_watch_new(struct kube_client *c, const struct kube_cache_opts *scope,
                             const char *rv, unsigned timeout_s, const struct watch_handler *h)
{
    struct watch *w = mem_new(struct watch);
    AUTO(err_freep) struct err *err = NULL;
    w->magic = watch_MAGIC;
    w->client = c;
    w->h = *h;
    w->line = BUF_INIT(LINE_BYTES_MAX);
    w->end.watch = true;
    w->timer = loop_timer_new(c->loop, on_timer, w);
    c->streams++;
    kube_request_watch(&w->request, kube_config_server(c->cfg), scope, rv, timeout_s);
    struct http_handler http = {on_head, on_data, on_done, w};
    struct client_send send = {&w->request, HTTP_LANE_STREAM, (timeout_s + GRACE_S) * 1000ULL};
    if (kube_client_try(c, &send, &http, &w->try, &err)) {
        set_message(w, err_text(err));
        loop_timer_start(w->timer, 0); /* told in a later turn */
    } else {
        loop_timer_start(w->timer, HEAD_MS);
    }
    return w;
}

void kube_watch_free(struct watch *w)
{
    if (!w)
        return;
    w->client->streams--;
    kube_client_try_cancel(&w->try);
    loop_timer_free(w->timer);
    kube_request_done(&w->request);
    buf_done(&w->line);
    mem_free(w->message);
    mem_free(w->reason);
    w->magic = 0;
    mem_free(w);
}
