/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command's own loop: lets a command line call the asynchronous rooms one after the other.
 */
#ifndef ATOLL_CLI_SESSION_H
#define ATOLL_CLI_SESSION_H

#include "cli/install.h"
#include "kube/kube.h"

struct session {
    struct loop *loop;
    struct http_client *http;
};
int session_init(struct session *s, struct err **err);
void session_done(struct session *s);
/* A client for one member, by the installation's kubeconfig. */
int session_client(struct session *s, const struct install *i, int member, struct kube_client **ret,
                   struct err **err);
/* One request, waited for. The HTTP status (0 = no answer, then *ret_text says why); body and text
 * are owned. */
int session_call(struct session *s, struct kube_client *c, const struct kube_call *call,
                 cJSON **ret_body, char **ret_text);
/* GET of a path without an object: the status, 0 when nobody answered. */
int session_probe(struct session *s, struct kube_client *c, const char *path);

#endif
