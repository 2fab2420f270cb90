/* SPDX-License-Identifier: Apache-2.0 */
/* A call as HTTP, and an HTTP answer as Kubernetes means it. Pure: no socket, no clock. */
#ifndef ATOLL_KUBE_REQUEST_H
#define ATOLL_KUBE_REQUEST_H

#include "io/http_client.h"
#include "kube/kube.h"

struct request {
    const char *method, *verb; /* "PATCH", "patch" (the label of metrics) */
    const char *content_type;  /* NULL without body */
    char *url;
    char *body; /* NULL without */
    bool write;
    bool repeatable; /* sending it twice ends in the same state */
};

/* What only this room's own lists need. */
struct request_page {
    unsigned limit;   /* 0 = all */
    const char *cont; /* continue token of the page before; NULL = first */
};

void kube_request_build(struct request *r, const char *server, const char *manager,
                        const struct kube_call *call, const struct request_page *page);
/* Events strictly after rv, with bookmarks. */
void kube_request_watch(struct request *r, const char *server, const struct kube_cache_opts *scope,
                        const char *rv, unsigned timeout_s);
/* path_and_query as given; body is copied. */
void kube_request_raw(struct request *r, const char *server, const char *method,
                      const char *path_and_query, const char *content_type, struct str body);
void kube_request_done(struct request *r);

/* An answer with what it borrows from. */
struct answer {
    struct kube_answer a;
    cJSON *tree;
    char *message;
};
void kube_answer_read(struct answer *out, const struct http_answer *http);
/* No answer at all; message is copied. */
void kube_answer_none(struct answer *out, const char *reason, const char *message);
void kube_answer_done(struct answer *a);

#endif
