/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client on libcurl's multi interface: HTTP/1.1 and HTTP/2, TLS, keep-alive, streaming bodies.
 *
 * One client per program; requests that name the same `lane` may share connections, others never do
 * (watches and short calls live in different lanes, so a stalled watch cannot block a write).
 */
#ifndef ATOLL_IO_HTTP_CLIENT_H
#define ATOLL_IO_HTTP_CLIENT_H

#include "base/str.h"
#include "io/loop.h"

struct http_client;
int http_client_new(struct loop *l, struct http_client **ret, struct err **err);
void http_client_free(struct http_client *c); /* cancels what runs, without callbacks */

struct http_header {
    const char *name, *value;
};

/* Credentials and trust, shared by many requests; copied by http_tls_new. All PEM text, NULL =
 * absent. */
struct http_tls;
struct http_tls *http_tls_new(const char *ca, const char *cert, const char *key, bool insecure,
                              const char *server_name);
void http_tls_free(struct http_tls *t); /* after the last request that uses it has ended */

enum http_lane { HTTP_LANE_CALL, HTTP_LANE_STREAM };

struct http_call {
    const char *method; /* "GET" */
    const char *url;    /* absolute, already escaped */
    const struct http_header *headers;
    size_t n_headers;
    struct str body;            /* copied */
    const struct http_tls *tls; /* NULL for http:// */
    const char *unix_socket;    /* connect there instead of the URL's host; NULL = no */
    enum http_lane lane;
    uint64_t deadline_ms; /* whole request; 0 = none */
    uint64_t connect_ms;  /* 0 = 10 s */
    size_t body_max;      /* answer body; without on_data. 0 = 64 MiB */
};

struct http_answer {
    int status;        /* 0 when no answer came: see error */
    const char *error; /* NULL, or one sentence: "connect to 127.0.0.1:6443: refused" */
    bool timed_out;
    struct str body;             /* empty when on_data took it */
    const char *retry_after;     /* header value or NULL */
    const char *content_type;    /* header value or NULL */
    struct http_header *headers; /* all, in order */
    size_t n_headers;
};

struct http_handler {
    void (*on_head)(void *arg, int status);       /* may be NULL */
    void (*on_data)(void *arg, struct str piece); /* may be NULL: then the body is collected */
    void (*on_done)(void *arg, const struct http_answer *a); /* exactly once, unless cancelled */
    void *arg;
};

struct http_request;
/* The request is owned by the client and dies after on_done or http_cancel. */
int http_start(struct http_client *c, const struct http_call *call, const struct http_handler *h,
               struct http_request **ret, struct err **err);
void http_cancel(struct http_request *r); /* no callback afterwards; allowed inside callbacks */

#endif
