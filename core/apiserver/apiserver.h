/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of apiserver: a Kubernetes-compatible API over SQLite, in this process.
 *
 * It knows the built-in kinds by table and every other kind from CRDs alone. Clients reach it
 * through HTTPS like any API server; nothing else of this room is for other rooms.
 */
#ifndef ATOLL_APISERVER_APISERVER_H
#define ATOLL_APISERVER_APISERVER_H

#include "base/conf.h"
#include "io/io.h"

extern const struct conf_key apiserver_conf_keys[]; /* apiserver.* */
extern const size_t apiserver_conf_keys_n;

struct apiserver;
struct apiserver_opts {
    const char *address; /* "127.0.0.1" */
    uint16_t port;
    const char *data_dir;      /* store.db lives here */
    const char *cert, *key;    /* PEM of the server */
    const char *client_ca;     /* PEM or NULL */
    const char *tokens_file;   /* lines "sha256hex,user,uid,group1|group2"; re-read when it changes;
                                  NULL = none */
    const char *service_cidr;  /* "127.101.0.0/16": ClusterIPs */
    const char *kubelet_token; /* bearer token for the node's log server, NULL = none */
    const struct conf *conf;
};
int apiserver_new(struct loop *l, struct http_client *http, const struct apiserver_opts *o,
                  struct apiserver **ret, struct err **err);
uint16_t apiserver_port(const struct apiserver *a);
/* Finishes queued commits, answers what it can, closes. */
void apiserver_free(struct apiserver *a);

#endif
