/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room as a whole: configuration, birth and death in the right order, and the transport between
 * HTTP requests and calls.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/apiserver.h"
#include "apiserver/crds.h"
#include "apiserver/discovery.h"
#include "apiserver/gc.h"
#include "apiserver/namespaces.h"
#include "apiserver/services.h"
#include "apiserver/volumes.h"
#include "apiserver/watch.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "io/metrics.h"

#define LOG_ROOM        "apiserver"
#define PARAMS_MAX      64
#define apiserver_MAGIC 0x41504953U

const struct conf_key apiserver_conf_keys[] = {
    {"apiserver.history_events", CONF_INT, "10000", 100, 10000000, NULL,
     "events kept for watches to resume and paged lists to finish"},
    {"apiserver.history_mib", CONF_INT, "64", 1, 4096, NULL,
     "bound of the memory these events hold"},
    {"apiserver.body_max_kib", CONF_INT, "3072", 64, 65536, NULL, "largest request body"},
    {"apiserver.store_max_mib", CONF_INT, "8192", 1, 1048576, NULL,
     "bound of the database file; above it writes are refused"},
    {"apiserver.connections_max", CONF_INT, "4096", 16, 65536, NULL, "open connections"},
    {"apiserver.pod_token_volume", CONF_BOOL, "false", 0, 0, NULL,
     "add the service account token volume to Pods, as Kubernetes does (tokens are not issued "
     "yet)"},
};
const size_t apiserver_conf_keys_n = ARRAY_LEN(apiserver_conf_keys);

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

static int64_t wall_us(void)
{
    return clock_wall_us();
}

static void api_init(struct apiserver *a, struct loop *l, struct http_client *http,
                     const struct apiserver_opts *o)
{
    struct api *api = &a->api;
    api->loop = l;
    api->http = http;
    a->kubelet_token = mem_strdup(o->kubelet_token);
    api->kubelet_token = a->kubelet_token;
    api->now_us = wall_us;
    api->body_max = (size_t)conf_int(o->conf, "apiserver.body_max_kib") * 1024;
    api->pod_tokens = conf_bool(o->conf, "apiserver.pod_token_volume");
    api->requests = metric_get("atoll_apiserver_requests_total", METRIC_COUNTER, "verb",
                               "Requests that were answered.");
    api->request_seconds =
        metric_get("atoll_apiserver_request_seconds", METRIC_HISTOGRAM, NULL,
                   "Time from a request's last byte to its answer; watches are not in it.");
    api->writes = metric_get("atoll_apiserver_writes_total", METRIC_COUNTER, "resource",
                             "Writes that reached the store.");
}

static int api_open_store(struct api *api, const struct apiserver_opts *o, struct err **err)
{
    int rc = file_dir_make(o->data_dir, 0700, err);
    if (rc < 0)
        return rc;
    AUTO(mem_freep) char *path = file_path(o->data_dir, "store.db");
    struct store_opts so = {
        .path = path,
        .history_events = (size_t)conf_int(o->conf, "apiserver.history_events"),
        .history_bytes = (size_t)conf_int(o->conf, "apiserver.history_mib") << 20,
        .size_max = (uint64_t)conf_int(o->conf, "apiserver.store_max_mib") << 20};
    return store_open(api->loop, &so, &api->store, err);
}

/* Listeners are told of an event in the order in which they are made here: watchers first. */
static int api_start(struct api *api, const struct apiserver_opts *o, struct err **err)
{
    int rc = auth_new(api->loop, o->tokens_file, &api->auth, err);
    if (rc == 0)
        rc = api_open_store(api, o, err);
    if (rc < 0)
        return rc;
    resources_init(&api->resources, api->store);
    api->watches = watch_hub_new(api);
    rc = services_new(api, o->service_cidr ? o->service_cidr : "127.101.0.0/16", &api->services,
                      err);
    if (rc < 0)
        return rc;
    api->crds = crds_new(api);
    api->volumes = volumes_new(api);
    api->namespaces = namespaces_new(api);
    api->gc = gc_new(api);
    api->discovery = discovery_new(api);
    namespaces_bootstrap(api);
    return 0;
}

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
    api_init(a, l, http, o);
    int rc = api_start(&a->api, o, err);
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
    struct api *api = &a->api;
    store_drain(api->store); /* answers what was committed */
    gc_free(api->gc);
    namespaces_free(api->namespaces);
    volumes_free(api->volumes);
    crds_free(api->crds);
    services_free(api->services);
    watch_hub_free(api->watches);
    http_server_free(a->http);
    calls_free(a);
    discovery_free(api->discovery);
    resources_done(&api->resources);
    store_free(api->store);
    auth_free(api->auth);
    mem_free(a->kubelet_token);
    a->magic = 0;
    mem_free(a);
}
