/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside a client: one HTTP attempt with the credentials of the moment (client.c), and a call that
 * may take several (call.c). Watches use the first, everything else the second.
 */
#ifndef ATOLL_KUBE_CLIENT_H
#define ATOLL_KUBE_CLIENT_H

#include "base/list.h"
#include "io/metrics.h"
#include "kube/pace.h"
#include "kube/request.h"

struct kube_config;

/* TLS material, replaced when its files change; an attempt keeps what it began with. */
struct client_cred {
    struct list node;     /* in client->creds, the newest last */
    struct http_tls *tls; /* NULL for plain http */
    unsigned attempts;    /* that use it */
};

#define kube_client_MAGIC 0x6b636c69
struct kube_client {
    uint32_t magic;
    struct loop *loop;
    struct http_client *http;
    struct kube_config *cfg;
    struct list creds;
    struct client_cred *cred; /* of new attempts; the last of creds */
    char *user_agent, *manager;
    uint64_t refreshed_ms;   /* when credential files were last read */
    struct list calls;       /* all open calls */
    struct list waiting;     /* those not yet sent, in order */
    struct loop_timer *turn; /* when the pace lets the next one go */
    struct pace pace;
    unsigned running; /* calls in flight that count against the limit */
    unsigned streams; /* open watches: their caches must be freed first */
    uint64_t writes;
    struct metric *requests_total, *writes_total;
    struct map *warned; /* texts of Warning headers seen */
};

/* ---- one attempt ----------------------------------------------------------------------------- */

struct kube_client_try {
    struct http_request *http; /* NULL: not running */
    struct client_cred *cred;
};
struct client_send {
    const struct request *request;
    enum http_lane lane;
    uint64_t deadline_ms;
};
int kube_client_try(struct kube_client *c, const struct client_send *s,
                    const struct http_handler *h, struct kube_client_try *ret, struct err **err);
void kube_client_try_ended(struct kube_client_try *t);  /* first thing in on_done */
void kube_client_try_cancel(struct kube_client_try *t); /* fine when nothing runs */
/* After a 401: read the credential files again. true when it is worth another attempt. */
bool kube_client_reauth(struct kube_client *c);
/* Warning headers: once per text. */
void kube_client_warnings(struct kube_client *c, const struct http_answer *a);

/* ---- one call -------------------------------------------------------------------------------- */

struct client_call;
/* As kube_start, with a handle. urgent: passes by the pace and the limit of calls in flight. */
struct client_call *kube_client_start(struct kube_client *c, const struct kube_call *call,
                                      const struct request_page *page, bool urgent,
                                      kube_done_fn *done, void *arg);
void kube_client_cancel(
    struct client_call *call); /* no callback; NULL is fine; not after done ran */
void kube_client_calls_drop(struct kube_client *c);
void kube_client_calls_turn(void *client); /* timer: the pace allows the next */

#endif
