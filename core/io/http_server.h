/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP(S) server on libmicrohttpd, driven by the loop (no threads of its own).
 *
 * A request is handed over when its body is complete. A body above body_max is read and thrown
 * away first (unless the peer waits for "100 Continue"), so that the answer is not cut off: see
 * http_in_too_large. The owner answers now or in any later turn with exactly one of: http_reply, or
 * http_stream_start ... http_stream_end, or http_upgrade. If the peer goes away first, on_gone runs
 * once and the request is dead; answering is then forbidden. Strings of a request live as long as
 * the request.
 *
 * on_gone, once set with http_in_set_user, runs
 *   - never after http_reply (the request is forgotten with that call),
 *   - exactly once for a stream: when the peer leaves, or some time after http_stream_end,
 *   - once when the peer leaves, or http_server_free runs, before there was an answer.
 * A peer that closes only its sending half counts as gone. A peer that takes nothing for
 * idle_seconds although data waits is gone too.
 */
#ifndef ATOLL_IO_HTTP_SERVER_H
#define ATOLL_IO_HTTP_SERVER_H

#include "base/str.h"
#include "io/http_client.h"
#include "io/loop.h"

struct http_server;
struct http_in; /* one request */

struct http_server_opts {
    const char *address;      /* "127.0.0.1" */
    uint16_t port;            /* 0 = any free: see http_server_port */
    const char *cert, *key;   /* PEM; NULL = plain HTTP */
    const char *client_ca;    /* PEM; asks for (does not require) a client certificate */
    size_t body_max;          /* bytes of a request body */
    unsigned connections_max; /* 0 = 4096 */
    unsigned idle_seconds;    /* keep-alive timeout, 0 = 120; never cuts a running stream */
    void (*on_request)(void *arg, struct http_in *in);
    void *arg;
};
/* -EADDRINUSE with a sentence that names address and port. */
int http_server_new(struct loop *l, const struct http_server_opts *o, struct http_server **ret,
                    struct err **err);
uint16_t http_server_port(const struct http_server *s);
/* Not from inside one of its callbacks. Every open request dies: its on_gone runs inside this call.
 * Upgraded connections must have been closed. */
void http_server_free(struct http_server *s);

const char *http_in_method(const struct http_in *in);
const char *http_in_path(const struct http_in *in);       /* decoded, without the query */
const char *http_in_raw_target(const struct http_in *in); /* as sent: path and query, not decoded */
const char *http_in_query(const struct http_in *in,
                          const char *key); /* first value, decoded; NULL absent, "" empty */
/* All parameters in order; false stops. */
void http_in_query_each(const struct http_in *in,
                        bool (*fn)(void *arg, const char *key, const char *value), void *arg);
const char *http_in_header(const struct http_in *in, const char *name); /* any case; NULL absent */
struct str http_in_body(const struct http_in *in);
bool http_in_too_large(const struct http_in *in);
const char *http_in_peer(const struct http_in *in); /* "127.0.0.1" */
/* Subject of a client certificate verified against client_ca; NULL when none. organisations is
 * NULL-ended. */
const char *http_in_cert_cn(const struct http_in *in);
const char *const *http_in_cert_orgs(const struct http_in *in);
void http_in_set_user(struct http_in *in, void *user,
                      void (*on_gone)(void *user)); /* on_gone may be NULL */
void *http_in_user(const struct http_in *in);

/* Whole answer; copies all. Content-Length is set; a body for HEAD is dropped. */
void http_reply(struct http_in *in, int status, const struct http_header *headers, size_t n,
                struct str body);
/* The same with a body that is not copied: free_fn(free_arg) when sent or dropped. */
void http_reply_shared(struct http_in *in, int status, const struct http_header *headers, size_t n,
                       struct str body, void (*free_fn)(void *), void *free_arg);

/* Chunked answer. Headers go out at once. */
void http_stream_start(struct http_in *in, int status, const struct http_header *headers, size_t n);
/* Copies. -ENOBUFS when more than queue_max bytes wait for a slow reader (the caller then ends it).
 */
int http_stream_write(struct http_in *in, struct str piece, size_t queue_max);
/* The same without copying: `release(arg)` when sent or dropped, also on -ENOBUFS. One buffer may
 * serve many streams. */
int http_stream_write_shared(struct http_in *in, struct str piece, size_t queue_max,
                             void (*release)(void *), void *arg);
size_t http_stream_queued(const struct http_in *in);
/* Clean end of chunks. on_gone still runs when the request dies. */
void http_stream_end(struct http_in *in);

/* Take the socket over after a 101 answer (WebSocket). `extra` are bytes already read. The owner
 * reads and writes through the returned descriptor (plain bytes, TLS is handled inside) and closes
 * it with http_upgrade_close. Runs in a later turn. */
typedef void http_upgrade_fn(void *arg, int fd, struct str extra, void *token);
void http_upgrade(struct http_in *in, const struct http_header *headers, size_t n,
                  http_upgrade_fn *fn, void *arg);
void http_upgrade_close(void *token);

/* Query strings and paths. */
void http_escape(struct buf *b, const char *s); /* percent-encoding of one component */
int http_unescape(struct str s, struct buf *b, bool plus_is_blank);

#endif
