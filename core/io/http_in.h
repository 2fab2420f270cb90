/* SPDX-License-Identifier: Apache-2.0 */
/* Inside io only: what a request of the HTTP server is made of. http_server.c moves it through its
 * states, http_in.c answers questions about it, http_stream.c feeds a chunked answer. */
#ifndef ATOLL_IO_HTTP_IN_H
#define ATOLL_IO_HTTP_IN_H

#include <microhttpd.h>

#include "base/list.h"
#include "io/http_server.h"

#define http_in_MAGIC     0x117f0001
#define http_server_MAGIC 0x117f0002

/* One TCP connection; lives from accept to close, over several requests. */
struct http_peer {
    int fd;
    char address[48];
    bool cert_known; /* the three below were looked up */
    char *cert_cn;
    char **cert_orgs; /* ended by NULL */
};

struct http_param {
    char *key, *value;
};

struct http_piece {
    struct list node;
    const char *ptr;
    size_t len, sent;
    void (*release)(void *arg); /* NULL: the bytes stand behind this struct */
    void *arg;
};

struct http_in {
    uint32_t magic;
    struct http_server *server;
    struct list node; /* in server->requests */
    struct MHD_Connection *conn;
    struct http_peer *peer;
    const char *method;
    char *target, *path;
    struct http_param *params; /* parsed at the first question */
    size_t n_params;
    bool params_known;
    struct buf body;

    bool started; /* the headers were seen */
    bool handed;  /* on_request ran */
    bool too_large;
    bool suspended; /* libmicrohttpd leaves the connection alone until MHD_resume_connection */
    bool answered;  /* the owner has given its answer, or its beginning */
    bool streaming;
    bool ended;                 /* http_stream_end */
    bool gone;                  /* the peer left; the owner was told */
    struct MHD_Response *reply; /* waits to be queued */
    unsigned status;
    struct loop_fd *hangup; /* watches the socket while libmicrohttpd does not */

    struct list pieces; /* struct http_piece */
    size_t queued;

    http_upgrade_fn *upgrade;
    void *upgrade_arg;
    struct MHD_UpgradeResponseHandle *upgraded;
    int upgrade_fd;

    void *user;
    void (*on_gone)(void *user);
};

struct http_server {
    uint32_t magic;
    struct loop *loop;
    struct http_server_opts opts; /* texts in it are not kept */
    uint16_t port;
    struct MHD_Daemon *daemon;
    struct loop_fd *ready;    /* the daemon's epoll descriptor */
    struct loop_timer *timer; /* the daemon's next timeout */
    struct loop_tick *kick;   /* run the daemon in this very turn */
    struct list requests;
    bool running, again, stopping;
    bool tls;
    void *ticket_key; /* gnutls_datum_t's bytes */
    unsigned ticket_key_len;
    char last_log[256];
};

void http_in_wake(struct http_in *in);   /* resume when suspended, and run the daemon soon */
void http_in_watch(struct http_in *in);  /* notice a peer that goes away */
void http_in_forget(struct http_in *in); /* free what http_in.c allocated */
void http_peer_forget(struct http_peer *p);
struct MHD_Response *http_stream_response(struct http_in *in);
void http_stream_drop(struct http_in *in); /* release what is queued */

#endif
