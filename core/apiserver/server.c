/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: the port, the transport between HTTP requests and calls. What lies behind is in
 * server_api.c.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/server.h"
#include "base/log.h"

#define LOG_ROOM        "apiserver"
#define PARAMS_MAX      64
#define apiserver_MAGIC 0x41504953U

struct apiserver {
    uint32_t magic;
    struct api api;
    struct http_server *http;
    char *kubelet_token;
    struct list calls; /* not answered yet, and watches */
};

/* ---- the transport ---- */

static const char *in_header(void *t, const char *name)
{
    return http_in_header(t, name);
}

static const char *in_certificate(void *t, const char *const **ret_orgs)
{
    *ret_orgs = http_in_cert_orgs(t);
    return http_in_cert_cn(t);
}

/* The call is dead afterwards: nobody must tell it that the peer has left. */
static void in_detach(void *t)
{
    http_in_set_user(t, NULL, NULL);
}

static void in_reply(void *t, int status, const struct http_header *headers, size_t n,
                     struct str body, void (*free_fn)(void *), void *free_arg)
{
    in_detach(t);
    if (free_fn)
        http_reply_shared(t, status, headers, n, body, free_fn, free_arg);
    else
        http_reply(t, status, headers, n, body);
}

static void in_stream_start(void *t, int status, const struct http_header *headers, size_t n)
{
    http_stream_start(t, status, headers, n);
}

static int in_stream_write(void *t, struct str piece, size_t queue_max, void (*release)(void *),
                           void *arg)
{
    if (!release)
        return http_stream_write(t, piece, queue_max);
    return http_stream_write_shared(t, piece, queue_max, release, arg);
}

static void in_stream_end(void *t)
{
    in_detach(t);
    http_stream_end(t);
}

static const struct transport HTTP_TRANSPORT = {in_header,       in_certificate,  in_reply,
                                                in_stream_start, in_stream_write, in_stream_end};

static void on_gone(void *user)
{
    call_gone(CAST(call, user));
}

/* Parameters as the client sent them, in order. */
struct params {
    struct param at[PARAMS_MAX];
    size_t n;
};

static bool param_add(void *arg, const char *key, const char *value)
{
    struct params *p = arg;
    if (p->n < PARAMS_MAX)
        p->at[p->n++] = (struct param){key, value ? value : ""};
    return p->n < PARAMS_MAX;
}

static void on_request(void *arg, struct http_in *in)
{
    struct apiserver *a = CAST(apiserver, arg);
    struct params params = {.n = 0};
    http_in_query_each(in, param_add, &params);
    struct request req = {.method = http_in_method(in),
                          .path = http_in_path(in),
                          .body = http_in_body(in),
                          .too_large = http_in_too_large(in)};
    struct call *c = call_new(&a->api, &HTTP_TRANSPORT, in, &req);
    struct param *copy = arena_array(c->arena, struct param, params.n + 1);
    memcpy(copy, params.at, params.n * sizeof(*copy));
    c->req.params = copy;
    c->req.n_params = params.n;
    list_append(&a->calls, &c->link);
    http_in_set_user(in, c, on_gone);
    call_run(c);
}

/* ---- birth ---- */

static int apiserver_listen(struct apiserver *a, const struct apiserver_opts *o, struct err **err)
{
    struct http_server_opts ho = {
        .address = o->address,
        .port = o->port,
        .cert = o->cert,
        .key = o->key,
        .client_ca = o->client_ca,
        .body_max = a->api.body_max,
        .connections_max = (unsigned)conf_int(o->conf, "apiserver.connections_max"),
        .on_request = on_request,
        .arg = a,
    };
    int rc = http_server_new(a->api.loop, &ho, &a->http, err);
    if (rc == 0)
        a->api.port = http_server_port(a->http);
    return rc;
}

int apiserver_new(struct loop *l, struct http_client *http, const struct apiserver_opts *o,
                  struct apiserver **ret, struct err **err)
{
    struct apiserver *a = mem_new(struct apiserver);
    a->magic = apiserver_MAGIC;
    list_init(&a->calls);
    a->kubelet_token = mem_strdup(o->kubelet_token);
    int rc = api_start(&a->api, l, http, o, err);
    a->api.kubelet_token = a->kubelet_token; /* the caller's may go */
    if (rc == 0)
        rc = apiserver_listen(a, o, err);
    if (rc < 0) {
        apiserver_free(a);
        return rc;
    }
    log_info("serving the API on %s:%u, revision %llu", o->address, a->api.port,
             (unsigned long long)store_revision(a->api.store));
    *ret = a;
    return 0;
}

uint16_t apiserver_port(const struct apiserver *a)
{
    return a->api.port;
}

/* ---- death ---- */

/* What still waits gets its peer cut off by the HTTP server; here only memory is left. */
static void calls_free(struct apiserver *a)
{
    list_foreach_safe (it, &a->calls) {
        struct call *c = CAST(call, list_entry(it, struct call, link));
        call_gone(c);
    }
    list_foreach_safe (it, &a->calls)
        call_free(CAST(call, list_entry(it, struct call, link)));
}

void apiserver_free(struct apiserver *a)
{
    if (!a)
        return;
    api_quiesce(&a->api);
    http_server_free(a->http);
    calls_free(a);
    api_stop(&a->api);
    mem_free(a->kubelet_token);
    a->magic = 0;
    mem_free(a);
}
