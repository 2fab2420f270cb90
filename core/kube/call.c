/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call: one question, one answer, as many attempts as its deadline allows.
 *
 * Repeated inside, for verbs that may be sent twice: 429 and 503 that name a time (Retry-After);
 * and once when there was no answer, because a server that restarted leaves us with connections
 * that died while they were idle. For all verbs: once after a 401 when the credential files hold
 * something new. Everything else goes to the caller, who knows better. Calls that may not start yet
 * (too many in flight, or the pace) wait in order.
 *
 * A call is one of: waiting (in c->waiting), running (try.http set), or sleeping until its next
 * attempt (timer active, in neither). Its timer also ends it when the deadline comes while it
 * waits.
 */
#include "kube/client.h"

#include "base/log.h"

#define LOG_ROOM           "kube"
#define CALLS_IN_FLIGHT    28 /* fewer than io has connections to one host: room for the urgent */
#define ATTEMPTS_MAX       11
#define DEADLINE_MS        30000
#define RAW_ERROR_BODY_MAX ((size_t)64 << 10)

typedef void raw_data_fn(void *arg, struct str piece);
typedef void raw_done_fn(void *arg, int status, struct str body, const char *error);

#define client_call_MAGIC 0x6b63616c
struct client_call {
    uint32_t magic;
    struct kube_client *client;
    struct list in_calls, in_waiting;
    struct request request;
    uint64_t deadline_ms; /* loop time; 0 = none */
    unsigned attempts;
    bool urgent, reauthed;
    struct kube_client_try try;
    struct loop_timer *timer;
    struct err *start_err; /* the attempt could not even start */
    kube_done_fn *done;
    void *arg;
    /* raw calls only */
    bool raw;
    raw_data_fn *raw_data;
    raw_done_fn *raw_done;
    int head_status;
    struct buf raw_error; /* body of an answer that is not a success, when raw_data is set */
};

static void call_free(struct client_call *k)
{
    struct kube_client *c = k->client;
    if (k->try.http && !k->urgent)
        c->running--;
    kube_client_try_cancel(&k->try);
    list_remove(&k->in_calls);
    list_remove(&k->in_waiting);
    loop_timer_free(k->timer);
    kube_request_done(&k->request);
    err_free(k->start_err);
    buf_done(&k->raw_error);
    k->magic = 0;
    mem_free(k);
}

void kube_client_cancel(struct client_call *k)
{
    if (!k)
        return;
    struct kube_client *c = k->client;
    call_free(k);
    loop_timer_start(c->turn, 0); /* its place is free */
}

void kube_client_calls_drop(struct kube_client *c)
{
    while (!list_empty(&c->calls))
        call_free(list_entry(c->calls.next, struct client_call, in_calls));
}

/* The end: forget the call, then tell. The client may be gone when done returns. */
static void call_answer(struct client_call *k, struct answer *answer)
{
    kube_done_fn *done = k->done;
    raw_done_fn *raw_done = k->raw_done;
    void *arg = k->arg;
    bool raw = k->raw;
    kube_client_cancel(k);
    if (!raw && done)
        done(arg, &answer->a);
    else if (raw && raw_done)
        raw_done(arg, answer->a.status, (struct str){"", 0}, answer->a.message);
    kube_answer_done(answer);
}

static uint64_t time_left(const struct client_call *k)
{
    uint64_t now = loop_now_ms(k->client->loop);
    return k->deadline_ms > now ? k->deadline_ms - now : 0;
}

static void call_go(struct client_call *k);

/* Put it in line; its timer watches the deadline meanwhile. */
static void call_wait(struct client_call *k)
{
    struct kube_client *c = k->client;
    if (k->urgent) {
        call_go(k);
        return;
    }
    list_append(&c->waiting, &k->in_waiting);
    if (k->deadline_ms)
        loop_timer_start(k->timer, time_left(k));
    kube_client_calls_turn(c);
}

/* Start what may start. */
void kube_client_calls_turn(void *client)
{
    struct kube_client *c = CAST(kube_client, client);
    while (!list_empty(&c->waiting) && c->running < CALLS_IN_FLIGHT) {
        uint64_t wait = kube_pace_take(&c->pace, loop_now_ms(c->loop));
        if (wait) {
            loop_timer_start(c->turn, wait);
            return;
        }
        struct client_call *k = list_entry(c->waiting.next, struct client_call, in_waiting);
        list_remove(&k->in_waiting);
        call_go(k);
    }
}

/* Another attempt later? The time to wait in *ret_ms; it must fit before the deadline. */
static bool again(const struct client_call *k, const struct answer *a, uint64_t *ret_ms)
{
    if (k->request.repeatable && k->attempts == 1 && streq(a->a.reason, "NoAnswer")) {
        *ret_ms = 0;
        return !k->raw && time_left(k) > 0;
    }
    bool busy = (a->a.status == 429 || a->a.status == 503) && a->a.retry_after_ms > 0;
    if (k->raw || !busy || !k->request.repeatable || k->attempts >= ATTEMPTS_MAX)
        return false;
    *ret_ms = a->a.retry_after_ms;
    return *ret_ms < time_left(k);
}

static void on_http_done(void *arg, const struct http_answer *http)
{
    struct client_call *k = CAST(client_call, arg);
    struct kube_client *c = k->client;
    struct answer answer;
    uint64_t wait_ms;
    kube_client_try_ended(&k->try);
    c->running -= !k->urgent;
    kube_client_warnings(c, http);
    kube_answer_read(&answer, http);
    if (answer.a.status == 401 && !k->reauthed && kube_client_reauth(c)) {
        k->reauthed = true;
        kube_answer_done(&answer);
        call_wait(k);
    } else if (again(k, &answer, &wait_ms)) {
        log_debug("%s %s: %d, again in %llu ms", k->request.method, k->request.url, answer.a.status,
                  (unsigned long long)wait_ms);
        kube_answer_done(&answer);
        loop_timer_start(k->timer, wait_ms);
    } else {
        call_answer(k, &answer);
    }
}

static void on_raw_head(void *arg, int status)
{
    CAST(client_call, arg)->head_status = status;
}

static void on_raw_data(void *arg, struct str piece)
{
    struct client_call *k = CAST(client_call, arg);
    if (k->head_status >= 200 && k->head_status < 300)
        k->raw_data(k->arg, piece);
    else
        buf_add(&k->raw_error, piece.ptr, piece.len); /* what does not fit is not worth reading */
}

static void on_raw_done(void *arg, const struct http_answer *http)
{
    struct client_call *k = CAST(client_call, arg);
    raw_done_fn *done = k->raw_done;
    void *user = k->arg;
    AUTO(buf_done) struct buf error_body = k->raw_error;
    k->raw_error = BUF_INIT(0);
    struct str body = error_body.len ? (struct str){error_body.ptr, error_body.len} : http->body;
    kube_client_try_ended(&k->try);
    k->client->running -= !k->urgent;
    kube_client_cancel(k);
    if (done)
        done(user, http->status, body, http->error);
}

static void call_go(struct client_call *k)
{
    struct kube_client *c = k->client;
    bool streamed = k->raw && k->raw_data;
    struct http_handler h = {.on_head = streamed ? on_raw_head : NULL,
                             .on_data = streamed ? on_raw_data : NULL,
                             .on_done = k->raw ? on_raw_done : on_http_done,
                             .arg = k};
    struct client_send send = {.request = &k->request,
                               .lane = streamed ? HTTP_LANE_STREAM : HTTP_LANE_CALL,
                               .deadline_ms = k->deadline_ms ? time_left(k) + 1 : 0};
    loop_timer_stop(k->timer);
    k->attempts++;
    err_free(k->start_err);
    k->start_err = NULL;
    if (kube_client_try(c, &send, &h, &k->try, &k->start_err))
        loop_timer_start(k->timer, 0); /* told in a later turn, like everything else */
    else
        c->running += !k->urgent;
}

static void on_timer(void *arg)
{
    struct client_call *k = CAST(client_call, arg);
    struct answer answer;
    if (k->start_err) {
        kube_answer_none(&answer, "NoAnswer", err_text(k->start_err));
        call_answer(k, &answer);
    } else if (k->deadline_ms && time_left(k) == 0) {
        kube_answer_none(&answer, "Timeout", "the deadline came before it could be sent");
        call_answer(k, &answer);
    } else {
        call_wait(k); /* slept long enough */
    }
}

static struct client_call *call_new(struct kube_client *c, void *arg)
{
    struct client_call *k = mem_new(struct client_call);
    k->magic = client_call_MAGIC;
    k->client = c;
    k->arg = arg;
    k->timer = loop_timer_new(c->loop, on_timer, k);
    k->raw_error = BUF_INIT(RAW_ERROR_BODY_MAX);
    list_append(&c->calls, &k->in_calls);
    list_init(&k->in_waiting);
    return k;
}

static void count_write(struct kube_client *c, const struct request *r)
{
    if (!r->write)
        return;
    c->writes++;
    metric_add(c->writes_total, r->verb, 1);
}

struct client_call *kube_client_start(struct kube_client *c, const struct kube_call *call,
                                      const struct request_page *page, bool urgent,
                                      kube_done_fn *done, void *arg)
{
    struct client_call *k = call_new(c, arg);
    k->done = done;
    k->urgent = urgent;
    k->deadline_ms = loop_now_ms(c->loop) + (call->deadline_ms ? call->deadline_ms : DEADLINE_MS);
    kube_request_build(&k->request, kube_config_server(c->cfg), c->manager, call, page);
    count_write(c, &k->request);
    call_wait(k);
    return k;
}

void kube_start(struct kube_client *c, const struct kube_call *call, kube_done_fn *done, void *arg)
{
    kube_client_start(c, call, NULL, false, done, arg);
}

void kube_raw(struct kube_client *c, const char *method, const char *path_and_query,
              struct str body, const char *content_type, raw_data_fn *on_data, raw_done_fn *done,
              void *arg)
{
    struct client_call *k = call_new(c, arg);
    k->raw = true;
    k->raw_data = on_data;
    k->raw_done = done;
    k->deadline_ms = on_data ? 0 : loop_now_ms(c->loop) + DEADLINE_MS;
    kube_request_raw(&k->request, kube_config_server(c->cfg), method, path_and_query, content_type,
                     body);
    count_write(c, &k->request);
    call_wait(k);
}
