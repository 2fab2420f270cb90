/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: libmicrohttpd as a passenger of the loop. Questions about a request are in http_in.c,
 * chunked answers in http_stream.c.
 *
 * libmicrohttpd runs in its external epoll mode: its epoll descriptor is one watch of the loop, its
 * next timeout one timer, and server_run() calls MHD_run until it has nothing ready. Whatever
 * has to move a connection from outside (an answer, a piece of a stream) resumes it and starts
 * `kick`, which runs the daemon later in the same turn.
 *
 * The life of a request: on_target (born) -> on_access with headers -> on_access with body pieces
 * -> on_access with the end: handed to the owner. Then either the answer is there at once, or the
 * connection is suspended until it comes; on_access runs again after the resume. on_completed is
 * the death.
 *
 * What libmicrohttpd 0.9.75 does not do, and is done here:
 * - it does not see a peer leave while the connection is suspended: http_in_watch looks for RDHUP;
 * - after an upgrade over TLS it does not tell our side that the peer closed: see on_hangup.
 * Facts about its inside come from its source, src/microhttpd/{daemon,connection,response}.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "io/http_in.h"

#define LOG_ROOM "io"

#define CONNECTION_MEMORY                                                                          \
    (16 * 1024) /* request head, answer head and buffers of one connection                         \
                 */
#define CONNECTIONS_MAX 4096
#define IDLE_SECONDS    120
#define RUNS_PER_TURN   64 /* then the rest of the loop gets its turn */
#define LISTEN_BACKLOG  1024

static void server_run(struct http_server *s);

static void on_kick(void *arg)
{
    server_run(CAST(http_server, arg));
}

static void on_epoll(void *arg, int events)
{
    (void)events;
    server_run(CAST(http_server, arg));
}

static void timer_set(struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
        loop_timer_stop(s->timer);
    else if (ms == 0)
        loop_tick_start(s->kick);
    else
        loop_timer_start(s->timer, ms);
}

static void server_run(struct http_server *s)
{
    if (s->running) { /* a callback of the daemon woke another connection */
        s->again = true;
        return;
    }
    s->running = true;
    for (int i = 0; i < RUNS_PER_TURN; i++) {
        MHD_UNSIGNED_LONG_LONG ms = 1;
        s->again = false;
        MHD_run(s->daemon);
        if (!s->again && (MHD_get_timeout(s->daemon, &ms) != MHD_YES || ms > 0))
            break;
    }
    s->running = false;
    timer_set(s);
}

void http_in_wake(struct http_in *in)
{
    struct http_server *s = in->server;
    if (s->stopping)
        return;
    if (in->suspended) {
        in->suspended = false;
        MHD_resume_connection(in->conn);
        if (s->running)
            s->again = true;
        else
            loop_tick_start(s->kick);
    }
}

/* The owner learns it once, and only while it has something open. */
static void tell_gone(struct http_in *in)
{
    void (*fn)(void *user) = in->on_gone;
    bool open = in->handed && !in->upgraded && (in->streaming || in->upgrade || !in->answered);
    http_stream_drop(in);
    in->on_gone = NULL;
    if (fn && open)
        fn(in->user);
}

/* The peer closed its side. After an upgrade over TLS, let the daemon forward what came before,
 * then give our side its end of file. Before that, the request is dead. */
static void on_hangup(void *arg, int events)
{
    (void)events;
    struct http_in *in = CAST(http_in, arg);
    loop_fd_free(in->hangup);
    in->hangup = NULL;
    if (in->upgraded) {
        server_run(in->server);
        shutdown(in->upgrade_fd, SHUT_RD);
        return;
    }
    if (in->answered && !in->streaming)
        return; /* the answer is on its way; sending it will tell */
    in->gone = true;
    shutdown(in->peer->fd, SHUT_RDWR); /* for a daemon that waits until a full socket takes more */
    tell_gone(in);
    http_in_wake(in);
}

void http_in_watch(struct http_in *in)
{
    if (in->hangup || in->gone)
        return;
    if (loop_fd_new(in->server->loop, in->peer->fd, on_hangup, in, &in->hangup, NULL) == 0)
        loop_fd_want(in->hangup, LOOP_HANGUP);
}

void http_in_set_user(struct http_in *in, void *user, void (*on_gone)(void *user))
{
    in->user = user;
    in->on_gone = on_gone;
    if (on_gone && in->suspended)
        http_in_watch(in);
}

static void *on_target(void *arg, const char *target, struct MHD_Connection *conn)
{
    struct http_server *s = CAST(http_server, arg);
    struct http_in *in = mem_new(struct http_in);
    in->magic = http_in_MAGIC;
    in->server = s;
    in->conn = conn;
    in->target = mem_strdup(target);
    in->body = BUF_INIT(s->opts.body_max);
    in->upgrade_fd = -1;
    list_init(&in->pieces);
    list_append(&s->requests, &in->node);
    return in;
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **ctx,
                         enum MHD_RequestTerminationCode why)
{
    (void)arg;
    (void)conn;
    (void)why;
    if (!*ctx)
        return;
    struct http_in *in = CAST(http_in, *ctx);
    *ctx = NULL;
    loop_fd_free(in->hangup);
    in->hangup = NULL;
    tell_gone(in);
    if (in->reply)
        MHD_destroy_response(in->reply);
    list_remove(&in->node);
    http_in_forget(in);
    in->magic = 0;
    mem_free(in);
}

/* Give libmicrohttpd the answer, or put the connection aside until there is one. */
static enum MHD_Result answer_or_wait(struct http_in *in)
{
    if (in->gone || in->server->stopping)
        return MHD_NO;
    if (!in->reply) {
        MHD_suspend_connection(in->conn);
        in->suspended = true;
        if (in->on_gone)
            http_in_watch(in);
        return MHD_YES;
    }
    struct MHD_Response *reply = TAKE(in->reply);
    enum MHD_Result rc = MHD_queue_response(in->conn, in->status, reply);
    MHD_destroy_response(reply);
    if (rc == MHD_YES && in->streaming)
        http_in_watch(in);
    return rc;
}

/* A peer that waits for "100 Continue" can be told at once that its body is too large. */
static bool refuses_early(const struct http_in *in)
{
    uint64_t length = 0;
    return http_in_header(in, MHD_HTTP_HEADER_EXPECT) &&
           str_to_u64(str_of(http_in_header(in, MHD_HTTP_HEADER_CONTENT_LENGTH)), &length) == 0 &&
           length > in->server->opts.body_max;
}

static void hand_over(struct http_in *in)
{
    in->handed = true;
    in->server->opts.on_request(in->server->opts.arg, in);
}

static void request_started(struct http_in *in, struct MHD_Connection *conn, const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    in->started = true;
    in->method = method;
    in->peer = info->socket_context;
    in->too_large = refuses_early(in);
}

static enum MHD_Result on_access(void *arg, struct MHD_Connection *conn, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_len, void **ctx)
{
    (void)arg;
    (void)url;
    (void)version;
    struct http_in *in = CAST(http_in, *ctx);
    if (!in->started) {
        request_started(in, conn, method);
        if (!in->too_large)
            return MHD_YES;
    } else if (*data_len) {
        /* What is too much is read and thrown away: closing now would cut off the answer. */
        if (in->too_large || buf_add(&in->body, data, *data_len)) {
            in->too_large = true;
            buf_done(&in->body);
        }
        *data_len = 0;
        return MHD_YES;
    }
    if (!in->handed)
        hand_over(in);
    return answer_or_wait(in);
}

static void answer(struct http_in *in, int status, struct MHD_Response *reply,
                   const struct http_header *headers, size_t n)
{
    ATOLL_ASSERT(!in->answered && !in->gone && reply);
    ATOLL_ASSERT(status >= 100 && status <= 999);
    for (size_t i = 0; i < n; i++)
        if (MHD_add_response_header(reply, headers[i].name, headers[i].value) != MHD_YES)
            log_warn("answer header %s was left out: not a valid header", headers[i].name);
    in->answered = true;
    in->status = (unsigned)status;
    in->reply = reply;
    http_in_wake(in);
}

void http_reply(struct http_in *in, int status, const struct http_header *headers, size_t n,
                struct str body)
{
    answer(in, status,
           MHD_create_response_from_buffer(body.len, (void *)(body.len ? body.ptr : ""),
                                           MHD_RESPMEM_MUST_COPY),
           headers, n);
}

void http_reply_shared(struct http_in *in, int status, const struct http_header *headers, size_t n,
                       struct str body, void (*free_fn)(void *), void *free_arg)
{
    answer(in, status,
           MHD_create_response_from_buffer_with_free_callback_cls(
               body.len, (void *)(body.len ? body.ptr : ""), free_fn, free_arg),
           headers, n);
}

void http_stream_start(struct http_in *in, int status, const struct http_header *headers, size_t n)
{
    in->streaming = true;
    answer(in, status, http_stream_response(in), headers, n);
}

static void on_upgraded(void *arg, struct MHD_Connection *conn, void *ctx, const char *extra,
                        size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
    (void)conn;
    (void)ctx;
    struct http_in *in = CAST(http_in, arg);
    in->upgraded = handle;
    in->upgrade_fd = fd;
    if (in->server->tls)
        http_in_watch(in);
    in->upgrade(in->upgrade_arg, fd, (struct str){extra, extra_len}, in);
}

void http_upgrade(struct http_in *in, const struct http_header *headers, size_t n,
                  http_upgrade_fn *fn, void *arg)
{
    struct MHD_Response *reply = MHD_create_response_for_upgrade(on_upgraded, in);
    in->upgrade = fn;
    in->upgrade_arg = arg;
    loop_fd_free(TAKE(in->hangup)); /* the socket is about to be the owner's */
    answer(in, MHD_HTTP_SWITCHING_PROTOCOLS, reply, headers, n);
}

void http_upgrade_close(void *token)
{
    struct http_in *in = CAST(http_in, token);
    loop_fd_free(in->hangup);
    in->hangup = NULL;
    MHD_upgrade_action(in->upgraded, MHD_UPGRADE_ACTION_CLOSE);
    loop_tick_start(in->server->kick);
}

static void peer_address(struct http_peer *p, const struct sockaddr *sa)
{
    if (sa && sa->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, p->address,
                  sizeof(p->address));
    else if (sa && sa->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, p->address,
                  sizeof(p->address));
}

/* A machine that vanishes without a FIN is noticed within about two minutes. */
static void socket_options(int fd)
{
    const int on = 1, idle = 60, interval = 15, count = 4;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static void on_connection(void *arg, struct MHD_Connection *conn, void **ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = CAST(http_server, arg);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_peer_forget(*ctx);
        *ctx = NULL;
        return;
    }
    struct http_peer *p = mem_new(struct http_peer);
    p->fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    peer_address(p, MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    socket_options(p->fd);
    if (s->tls) {
        gnutls_session_t session =
            MHD_get_connection_info(conn, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
        gnutls_datum_t key = {s->ticket_key, s->ticket_key_len};
        gnutls_session_ticket_enable_server(session, &key);
    }
    *ctx = p;
}

static void on_log(void *arg, const char *fmt, va_list ap) ATOLL_PRINTF(2, 0);
static void on_log(void *arg, const char *fmt, va_list ap)
{
    struct http_server *s = arg;
    vsnprintf(s->last_log, sizeof(s->last_log), fmt, ap);
    s->last_log[strcspn(s->last_log, "\r\n")] = '\0';
    log_debug("http server: %s", s->last_log);
}

static int address_parse(const char *address, uint16_t port, struct sockaddr_storage *ret,
                         socklen_t *ret_len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ret;
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_len = sizeof(*v4);
        return 0;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *ret_len = sizeof(*v6);
        return 0;
    }
    return -EINVAL;
}

static int listen_try(const struct sockaddr_storage *at, socklen_t len, int *ret_fd)
{
    const int on = 1;
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)at, len) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

static int listen_on(struct http_server *s, const char *address, uint16_t port, int *ret_fd,
                     struct err **err)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    if (address_parse(address, port, &at, &len))
        return err_set(err, -EINVAL, "listening on '%s': want an IP address", address);
    int rc = listen_try(&at, len, ret_fd);
    if (rc) {
        err_set(err, rc, "listening on %s port %u: %s", address, port, strerror(-rc));
        if (rc == -EADDRINUSE)
            err_reason_set(err, "PortInUse");
        return rc;
    }
    len = sizeof(at);
    getsockname(*ret_fd, (struct sockaddr *)&at, &len);
    s->port = ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&at)->sin_port
                                            : ((struct sockaddr_in6 *)(void *)&at)->sin6_port);
    return 0;
}

static int daemon_start(struct http_server *s, const struct http_server_opts *o, int fd,
                        struct err **err)
{
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)o->key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)o->cert},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL"},
        {o->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, (void *)o->client_ca},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    s->daemon = MHD_start_daemon(
        flags | (s->tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_access, s, MHD_OPTION_EXTERNAL_LOGGER,
        on_log, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_LIMIT, o->connections_max ? o->connections_max : CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_seconds ? o->idle_seconds : IDLE_SECONDS,
        MHD_OPTION_ARRAY, s->tls ? tls : none, MHD_OPTION_END);
    if (s->daemon)
        return 0;
    close(fd); /* on success it belongs to the daemon */
    return err_set(err, -EINVAL, "starting the %s server on %s port %u: %s",
                   s->tls ? "HTTPS" : "HTTP", o->address, s->port,
                   s->last_log[0] ? s->last_log : "libmicrohttpd gave no reason");
}

static void ticket_key_make(struct http_server *s)
{
    gnutls_datum_t key = {NULL, 0};
    if (gnutls_session_ticket_key_generate(&key) < 0)
        return;
    s->ticket_key = mem_alloc(key.size);
    s->ticket_key_len = key.size;
    memcpy(s->ticket_key, key.data, key.size);
    mem_wipe(key.data, key.size);
    gnutls_free(key.data);
}

static void server_drop(struct http_server *s)
{
    loop_fd_free(s->ready);
    loop_timer_free(s->timer);
    loop_tick_free(s->kick);
    mem_wipe(s->ticket_key, s->ticket_key_len);
    mem_free(s->ticket_key);
    s->magic = 0;
    mem_free(s);
}

int http_server_new(struct loop *l, const struct http_server_opts *o, struct http_server **ret,
                    struct err **err)
{
    ATOLL_ASSERT(o->on_request && !o->cert == !o->key);
    struct http_server *s = mem_new(struct http_server);
    int fd = -1;
    s->magic = http_server_MAGIC;
    s->loop = l;
    s->opts = *o;
    s->tls = o->cert != NULL;
    list_init(&s->requests);
    s->timer = loop_timer_new(l, on_kick, s);
    s->kick = loop_tick_new(l, on_kick, s);
    if (s->tls)
        ticket_key_make(s);
    int rc = listen_on(s, o->address, o->port, &fd, err);
    if (!rc)
        rc = daemon_start(s, o, fd, err);
    if (!rc)
        rc = loop_fd_new(l, MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                         on_epoll, s, &s->ready, err);
    if (rc) {
        if (s->daemon)
            MHD_stop_daemon(s->daemon);
        server_drop(s);
        return rc;
    }
    loop_fd_want(s->ready, LOOP_READ);
    server_run(s); /* puts the listening socket into the daemon's epoll set */
    *ret = s;
    return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    s = CAST(http_server, s);
    ATOLL_ASSERT(!s->running);
    s->stopping = true;
    loop_fd_free(s->ready); /* its descriptor is closed by the daemon */
    s->ready = NULL;
    list_foreach (it, &s->requests) {
        struct http_in *in = list_entry(it, struct http_in, node);
        if (in->suspended) /* libmicrohttpd does not stop with suspended connections */
            MHD_resume_connection(in->conn);
        in->suspended = false;
    }
    MHD_stop_daemon(s->daemon);
    ATOLL_ASSERT(list_empty(&s->requests));
    server_drop(s);
}
