/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: libcurl's multi_socket interface as a passenger of the loop. Credentials are in
 * http_tls.c.
 *
 * Each lane is a multi handle, so lanes have separate connection pools. libcurl tells which sockets
 * and which timeout it waits for; lane_act() reports readiness back, then everything that ended is
 * answered.
 *
 * libcurl forbids adding and removing transfers from inside its callbacks. While one runs
 * (`inside`), a start is put into `waiting` and a cancel only marks the request; settle() does both
 * afterwards. on_head and on_data are called from inside libcurl, on_done never is.
 */
#include "io/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/log.h"
#include "io/http_tls.h"

#define LOG_ROOM "io"

#define http_client_MAGIC    0x117c0001
#define http_request_MAGIC   0x117c0002
#define http_lane_pool_MAGIC 0x117c0003

#define BODY_MAX    ((size_t)64 * 1024 * 1024)
#define HEADERS_MAX (256 * 1024) /* bytes of all header lines of an answer */
#define CONNECT_MS  10000
#define CALL_CONNS_MAX                                                                             \
    32L /* per host; more calls wait for a free connection or share an HTTP/2 one */
#define IDLE_CONNS_MAX 64L
#define SPARE_MAX      32

enum { LANES = 2 };

struct http_lane_pool {
    uint32_t magic;
    struct http_client *client;
    CURLM *multi;
    CURLSH *share; /* TLS sessions, so that a new connection is cheap */
    struct loop_timer *timer;
};

struct http_client {
    uint32_t magic;
    struct loop *loop;
    struct http_lane_pool lanes[LANES];
    struct list requests; /* all that are alive */
    struct list sockets;
    CURL *spare[SPARE_MAX]; /* idle easy handles */
    size_t n_spare;
    int inside; /* depth of libcurl calls that may call us */
    bool settling;
    bool to_settle;
};

struct socket_watch {
    struct list node;
    struct http_lane_pool *lane;
    curl_socket_t fd;
    struct loop_fd *watch;
};

struct http_request {
    uint32_t magic;
    struct http_client *client;
    struct http_lane_pool *lane;
    struct list node;
    CURL *easy;
    struct http_handler handler;
    struct curl_slist *headers, *connect_to;
    char *where; /* "127.0.0.1:6443", for errors */
    char *body;
    uint64_t deadline_ms, connect_ms;
    bool waiting, cancelled, ending;
    bool head_ended, too_big;
    struct http_header *got; /* of the answer */
    size_t n_got, got_bytes;
    struct buf text;
    char curl_error[CURL_ERROR_SIZE];
};

static void settle(struct http_client *c);

static void lane_act(struct http_lane_pool *lane, curl_socket_t fd, int events)
{
    struct http_client *c = lane->client;
    int running;
    c->inside++;
    CURLMcode rc = curl_multi_socket_action(lane->multi, fd, events, &running);
    c->inside--;
    if (rc != CURLM_OK)
        log_error("http client: %s", curl_multi_strerror(rc));
    settle(c);
}

static void on_timer(void *arg)
{
    lane_act(CAST(http_lane_pool, arg), CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(void *arg, int events)
{
    struct socket_watch *s = arg;
    lane_act(s->lane, s->fd,
             (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
                 (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

/* libcurl's wish: wake me in ms, -1 for not at all. */
static int on_curl_timer(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct http_lane_pool *lane = CAST(http_lane_pool, arg);
    if (ms < 0)
        loop_timer_stop(lane->timer);
    else
        loop_timer_start(lane->timer, (uint64_t)ms);
    return 0;
}

static void watch_free(struct socket_watch *s)
{
    list_remove(&s->node);
    loop_fd_free(s->watch);
    mem_free(s);
}

static struct socket_watch *watch_new(struct http_lane_pool *lane, curl_socket_t fd)
{
    AUTO(err_freep) struct err *err = NULL;
    struct socket_watch *s = mem_new(struct socket_watch);
    s->lane = lane;
    s->fd = fd;
    if (loop_fd_new(lane->client->loop, fd, on_socket, s, &s->watch, &err)) {
        log_error("http client: %s", err_text(err));
        mem_free(s);
        return NULL;
    }
    list_append(&lane->client->sockets, &s->node);
    curl_multi_assign(lane->multi, fd, s);
    return s;
}

/* libcurl's wish: watch this socket, or watch it no longer. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    (void)easy;
    struct http_lane_pool *lane = CAST(http_lane_pool, arg);
    struct socket_watch *s = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            watch_free(s);
        curl_multi_assign(lane->multi, fd, NULL);
        return 0;
    }
    if (!s && !(s = watch_new(lane, fd)))
        return 0; /* the deadline will end the request */
    loop_fd_want(s->watch,
                 (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
    return 0;
}

/* libcurl opens sockets that a child would inherit. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)arg;
    (void)purpose;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void headers_clear(struct http_request *r)
{
    for (size_t i = 0; i < r->n_got; i++) {
        mem_free((char *)r->got[i].name);
        mem_free((char *)r->got[i].value);
    }
    mem_free(r->got);
    r->got = NULL;
    r->n_got = r->got_bytes = 0;
}

static void header_add(struct http_request *r, struct str line)
{
    struct str value = line, name = line;
    if (!str_split(&value, ':', &name) || !value.ptr)
        return;
    value = str_trim(value);
    r->got = mem_realloc(r->got, (r->n_got + 1) * sizeof(*r->got));
    r->got[r->n_got++] =
        (struct http_header){mem_strndup(name.ptr, name.len), mem_strndup(value.ptr, value.len)};
}

/* One header line. A status line starts anew (100 Continue comes first); an empty line ends the
 * head. */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct http_request *r = CAST(http_request, arg);
    struct str line = str_trim((struct str){p, size * n});
    long status = 0;
    if (r->cancelled)
        return 0;
    if (r->head_ended)
        return size * n; /* a trailer */
    r->got_bytes += line.len;
    if (r->got_bytes > HEADERS_MAX)
        return 0;
    if (line.len >= 5 && strncmp(line.ptr, "HTTP/", 5) == 0) {
        headers_clear(r);
    } else if (line.len) {
        header_add(r, line);
    } else {
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
        r->head_ended = status >= 200;
        if (r->head_ended && r->handler.on_head)
            r->handler.on_head(r->handler.arg, (int)status);
    }
    return r->cancelled ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_request *r = CAST(http_request, arg);
    size_t len = size * n;
    if (r->cancelled)
        return 0;
    if (r->handler.on_data) {
        r->handler.on_data(r->handler.arg, (struct str){p, len});
        return r->cancelled ? 0 : len;
    }
    if (buf_add(&r->text, p, len)) {
        r->too_big = true;
        return 0;
    }
    return len;
}

static CURL *easy_take(struct http_client *c)
{
    CURL *easy = c->n_spare ? c->spare[--c->n_spare] : curl_easy_init();
    ATOLL_ASSERT(easy);
    return easy;
}

static void easy_give(struct http_client *c, CURL *easy)
{
    if (c->n_spare == SPARE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    c->spare[c->n_spare++] = easy;
}

/* Inside libcurl only for a request that still waits. */
static void request_free(struct http_request *r)
{
    struct http_client *c = r->client;
    ATOLL_ASSERT(c->inside == 0 || r->waiting);
    if (!r->waiting)
        curl_multi_remove_handle(r->lane->multi, r->easy);
    easy_give(c, r->easy);
    list_remove(&r->node);
    curl_slist_free_all(r->headers);
    curl_slist_free_all(r->connect_to);
    headers_clear(r);
    buf_done(&r->text);
    mem_free(r->where);
    mem_free(r->body);
    r->magic = 0;
    mem_free(r);
}

static void error_text(const struct http_request *r, CURLcode code, struct buf *out)
{
    curl_off_t connected = 0;
    long number = 0;
    curl_easy_getinfo(r->easy, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &number);
    if (r->too_big)
        buf_addf(out, "answer of %s: want at most %zu bytes, found more", r->where, r->text.max);
    else if (r->got_bytes > HEADERS_MAX)
        buf_addf(out, "answer of %s: want at most %d bytes of headers, found more", r->where,
                 HEADERS_MAX);
    else if (code == CURLE_COULDNT_CONNECT && number)
        buf_addf(out, "connect to %s: %s", r->where, strerror((int)number));
    else if (code == CURLE_OPERATION_TIMEDOUT && connected == 0)
        buf_addf(out, "connect to %s: no answer in time", r->where);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        buf_addf(out, "%s: no answer within %llu ms", r->where, (unsigned long long)r->deadline_ms);
    else
        buf_addf(out, "%s: %s", r->where,
                 r->curl_error[0] ? r->curl_error : curl_easy_strerror(code));
}

static const char *header_of(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_got; i++)
        if (strcasecmp(r->got[i].name, name) == 0)
            return r->got[i].value;
    return NULL;
}

/* An answer that broke off is no answer: its status is 0, whatever its head said. */
static void request_done(struct http_request *r, CURLcode code)
{
    AUTO(buf_done) struct buf error = BUF_INIT(1024);
    long status = 0;
    if (code == CURLE_OK)
        curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    else
        error_text(r, code, &error);
    struct http_answer a = {
        .status = (int)status,
        .error = code == CURLE_OK ? NULL : buf_str(&error),
        .timed_out = code == CURLE_OPERATION_TIMEDOUT,
        .body = {buf_str(&r->text), r->text.len},
        .retry_after = header_of(r, "Retry-After"),
        .content_type = header_of(r, "Content-Type"),
        .headers = r->got,
        .n_headers = r->n_got,
    };
    r->ending = true;
    r->handler.on_done(r->handler.arg, &a);
    request_free(r);
}

static void request_add(struct http_request *r)
{
    r->waiting = false;
    CURLMcode rc = curl_multi_add_handle(r->lane->multi, r->easy);
    ATOLL_ASSERT(rc == CURLM_OK); /* fails only for a handle that was added before */
}

static bool message_next(struct http_client *c, struct http_request **ret, CURLcode *ret_code)
{
    for (int i = 0; i < LANES; i++) {
        int left;
        for (CURLMsg *m; (m = curl_multi_info_read(c->lanes[i].multi, &left));) {
            if (m->msg != CURLMSG_DONE)
                continue;
            void *owner = NULL;
            *ret_code = m->data.result;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&owner);
            *ret = CAST(http_request, owner);
            return true;
        }
    }
    return false;
}

static void reap(struct http_client *c)
{
    while (c->to_settle) {
        c->to_settle = false;
        list_foreach_safe (it, &c->requests) {
            struct http_request *r = list_entry(it, struct http_request, node);
            if (r->cancelled)
                request_free(r);
            else if (r->waiting)
                request_add(r);
        }
    }
}

/* What could not be done inside libcurl, and everything that ended. on_done may start and cancel.
 */
static void settle(struct http_client *c)
{
    struct http_request *r;
    CURLcode code;
    if (c->inside || c->settling)
        return;
    c->settling = true;
    reap(c);
    while (message_next(c, &r, &code)) {
        request_done(r, code);
        reap(c);
    }
    c->settling = false;
}

static bool has_header(const struct http_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_headers; i++)
        if (strcasecmp(call->headers[i].name, name) == 0)
            return true;
    return false;
}

static void header_line(struct http_request *r, const char *name, const char *value)
{
    AUTO(mem_freep) char *line = mem_printf(value[0] ? "%s: %s" : "%s;%s", name, value);
    r->headers = curl_slist_append(r->headers, line);
    ATOLL_ASSERT(r->headers);
}

/* Headers that libcurl would add on its own and nobody asked for are switched off by "Name:". */
static void set_headers(struct http_request *r, const struct http_call *call)
{
    for (size_t i = 0; i < call->n_headers; i++)
        header_line(r, call->headers[i].name, call->headers[i].value);
    r->headers = curl_slist_append(r->headers, "Expect:");
    if (!has_header(call, "Content-Type"))
        r->headers = curl_slist_append(r->headers, "Content-Type:");
    curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
    if (!has_header(call, "User-Agent"))
        curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "atoll/" ATOLL_VERSION);
}

static void set_method(struct http_request *r, const struct http_call *call)
{
    bool wants_body = call->body.len || streq(call->method, "POST") || streq(call->method, "PUT") ||
                      streq(call->method, "PATCH");
    if (wants_body) {
        r->body = mem_alloc(call->body.len + 1);
        if (call->body.len)
            memcpy(r->body, call->body.ptr, call->body.len);
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->body);
    } else if (streq(call->method, "HEAD")) {
        curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, call->method);
}

/* Ask for the certificate of another name than the URL's: the URL gets that name, the connection
 * and the Host header keep the old one. */
static void set_server_name(struct http_request *r, const struct http_call *call, CURLU *url)
{
    const char *name = call->tls ? http_tls_server_name(call->tls) : NULL;
    if (!name)
        return;
    char *port = NULL;
    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    AUTO(mem_freep) char *to = mem_printf("%s:%s:%s", name, port, r->where);
    curl_free(port);
    r->connect_to = curl_slist_append(NULL, to);
    curl_easy_setopt(r->easy, CURLOPT_CONNECT_TO, r->connect_to);
    if (!has_header(call, "Host"))
        header_line(r, "Host", r->where);
    curl_url_set(url, CURLUPART_HOST, name, 0);
}

/* Take the URL apart; r->where is what errors name. */
static int set_url(struct http_request *r, const struct http_call *call, struct err **err)
{
    CURLU *url = curl_url();
    char *host = NULL, *port = NULL, *full = NULL;
    CURLUcode rc = curl_url_set(url, CURLUPART_URL, call->url, 0);
    if (!rc)
        rc = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (!rc)
        rc = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (!rc) {
        r->where =
            call->unix_socket ? mem_strdup(call->unix_socket) : mem_printf("%s:%s", host, port);
        set_server_name(r, call, url);
        rc = curl_url_get(url, CURLUPART_URL, &full, 0);
    }
    if (!rc)
        curl_easy_setopt(r->easy, CURLOPT_URL, full);
    curl_free(host);
    curl_free(port);
    curl_free(full);
    curl_url_cleanup(url);
    return rc ? err_set(err, -EINVAL, "URL '%s': %s", call->url, curl_url_strerror(rc)) : 0;
}

static void set_options(struct http_request *r, const struct http_call *call)
{
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, r);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->curl_error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_PROXY, ""); /* not what the environment happens to say */
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(e, CURLOPT_SHARE, r->lane->share);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 15L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_ms);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)r->deadline_ms);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    if (call->unix_socket)
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    if (call->tls) {
        http_tls_apply(call->tls, e);
        curl_easy_setopt(e, CURLOPT_PIPEWAIT,
                         1L); /* rather share an HTTP/2 connection than open more */
    }
}

int http_start(struct http_client *c, const struct http_call *call, const struct http_handler *h,
               struct http_request **ret, struct err **err)
{
    ATOLL_ASSERT(h->on_done && call->method && call->url);
    struct http_request *r = mem_new(struct http_request);
    r->magic = http_request_MAGIC;
    r->client = c;
    r->lane = &c->lanes[call->lane];
    r->handler = *h;
    r->deadline_ms = call->deadline_ms;
    r->connect_ms = call->connect_ms ? call->connect_ms : CONNECT_MS;
    r->text = BUF_INIT(call->body_max ? call->body_max : BODY_MAX);
    r->easy = easy_take(c);
    r->waiting = true;
    list_append(&c->requests, &r->node);
    int rc = set_url(r, call, err);
    if (rc) {
        request_free(r); /* it never was libcurl's, so this is safe inside it too */
        return rc;
    }
    set_options(r, call);
    set_method(r, call);
    set_headers(r, call);
    if (c->inside)
        c->to_settle = true;
    else
        request_add(r);
    if (ret)
        *ret = r;
    return 0;
}

void http_cancel(struct http_request *r)
{
    r = CAST(http_request, r);
    if (r->ending)
        return; /* from its own on_done */
    if (r->client->inside && !r->waiting) {
        r->cancelled = true;
        r->client->to_settle = true;
    } else {
        request_free(r);
    }
}

static void lane_init(struct http_client *c, struct http_lane_pool *lane, long per_host)
{
    lane->magic = http_lane_pool_MAGIC;
    lane->client = c;
    lane->timer = loop_timer_new(c->loop, on_timer, lane);
    lane->multi = curl_multi_init();
    lane->share = curl_share_init();
    ATOLL_ASSERT(lane->multi && lane->share);
    curl_share_setopt(lane->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(lane->multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
    curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNS_MAX);
}

int http_client_new(struct loop *l, struct http_client **ret, struct err **err)
{
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; safe to call again */
    if (rc != CURLE_OK)
        return err_set(err, -EIO, "starting libcurl: %s", curl_easy_strerror(rc));
    struct http_client *c = mem_new(struct http_client);
    c->magic = http_client_MAGIC;
    c->loop = l;
    list_init(&c->requests);
    list_init(&c->sockets);
    lane_init(c, &c->lanes[HTTP_LANE_CALL], CALL_CONNS_MAX);
    lane_init(c, &c->lanes[HTTP_LANE_STREAM], 0);
    *ret = c;
    return 0;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    c = CAST(http_client, c);
    ATOLL_ASSERT(c->inside == 0 && !c->settling);
    list_foreach_safe (it, &c->requests) {
        request_free(list_entry(it, struct http_request, node));
    }
    while (c->n_spare)
        curl_easy_cleanup(c->spare[--c->n_spare]);
    for (int i = 0; i < LANES; i++) {
        curl_multi_cleanup(c->lanes[i].multi);
        curl_share_cleanup(c->lanes[i].share);
        loop_timer_free(c->lanes[i].timer);
        c->lanes[i].magic = 0;
    }
    list_foreach_safe (it, &c->sockets) {
        watch_free(list_entry(it, struct socket_watch, node));
    }
    c->magic = 0;
    mem_free(c);
    curl_global_cleanup();
}
