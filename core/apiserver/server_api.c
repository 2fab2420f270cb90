/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room without its port: configuration, and the parts behind struct api in the order of their
 * birth and death. Tests start it like this and hand requests to it without a socket.
 */
#include "apiserver/server.h"

#include <string.h>

#include "apiserver/crds.h"
#include "apiserver/discovery.h"
#include "apiserver/event_ttl.h"
#include "apiserver/gc.h"
#include "apiserver/namespaces.h"
#include "apiserver/services.h"
#include "apiserver/volumes.h"
#include "apiserver/watch.h"
#include "base/clock.h"
#include "base/file.h"
#include "io/metrics.h"

const struct conf_key apiserver_conf_keys[] = {
    {"apiserver.history_events", CONF_INT, "10000", 100, 10000000, NULL,
     "events kept for watches to resume and paged lists to finish"},
    {"apiserver.history_mib", CONF_INT, "64", 1, 4096, NULL,
     "bound of the memory these events hold"},
    {"apiserver.body_max_kib", CONF_INT, "3072", 64, 65536, NULL, "largest request body"},
    {"apiserver.store_max_mib", CONF_INT, "8192", 1, 1048576, NULL,
     "bound of the database file; above it writes are refused"},
    {"apiserver.connections_max", CONF_INT, "4096", 16, 65536, NULL, "open connections"},
    {"apiserver.event_ttl", CONF_DURATION, "1h", 1000, 31536000000, NULL,
     "how long an Event object is kept after it was last written"},
    {"apiserver.pod_token_volume", CONF_BOOL, "false", 0, 0, NULL,
     "add the service account token volume to Pods, as Kubernetes does (tokens are not issued "
     "yet)"},
};
const size_t apiserver_conf_keys_n = ARRAY_LEN(apiserver_conf_keys);

static int64_t wall_us(void)
{
    return clock_wall_us();
}

static void api_init(struct api *api, struct loop *l, struct http_client *http,
                     const struct apiserver_opts *o)
{
    api->loop = l;
    api->http = http;
    api->kubelet_token = o->kubelet_token;
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
int api_start(struct api *api, struct loop *l, struct http_client *http,
              const struct apiserver_opts *o, struct err **err)
{
    api_init(api, l, http, o);
    int rc = auth_new(l, o->tokens_file, &api->auth, err);
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
    api->event_ttl = event_ttl_new(api, (uint64_t)conf_int(o->conf, "apiserver.event_ttl"));
    api->discovery = discovery_new(api);
    namespaces_bootstrap(api);
    store_commit_now(api->store); /* the first request finds them */
    return 0;
}

void api_quiesce(struct api *api)
{
    store_drain(api->store);
    event_ttl_free(api->event_ttl);
    gc_free(api->gc);
    namespaces_free(api->namespaces);
    volumes_free(api->volumes);
    crds_free(api->crds);
    services_free(api->services);
    watch_hub_free(api->watches);
}

void api_stop(struct api *api)
{
    discovery_free(api->discovery);
    resources_done(&api->resources);
    store_free(api->store);
    auth_free(api->auth);
}
