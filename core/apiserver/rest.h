/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, from its first byte to its answer.
 *
 * A request is a struct call: what was asked, who asks, what was found out on the way, the failure
 * if there is one. It runs through a table of stages (rest.c) in the order a kube-apiserver does
 * its checks, because clients see that order in which error they get. Nothing here touches a
 * socket: the transport is five functions, so that tests need none.
 *
 * Memory: one arena per call; JSON trees that live for the call are handed to call_own.
 */
#ifndef ATOLL_APISERVER_REST_H
#define ATOLL_APISERVER_REST_H

#include "apiserver/auth.h"
#include "apiserver/resources.h"
#include "apiserver/status.h"
#include "io/http_client.h"

#define CALL_HEADERS_MAX 24
#define CALL_TREES_MAX   16
#define NAMESPACE_MAX    64

/* How the transport takes an answer. `t` is its own. After reply or the end of a stream (or after
 * call_gone) the call is dead. */
struct transport {
    const char *(*header)(void *t, const char *name);
    /* Common name of the verified client certificate or NULL, and its organisations. */
    const char *(*certificate)(void *t, const char *const **ret_orgs);
    void (*reply)(void *t, int status, const struct http_header *headers, size_t n, struct str body,
                  void (*free_fn)(void *), void *free_arg); /* free_fn NULL: the body is copied */
    void (*stream_start)(void *t, int status, const struct http_header *headers, size_t n);
    /* -ENOBUFS when more than queue_max bytes wait. Takes the buffer in any case. */
    int (*stream_write)(void *t, struct str piece, size_t queue_max, void (*release)(void *),
                        void *arg);
    void (*stream_end)(void *t);
};

struct param {
    const char *key, *value;
};

struct request {
    const char *method;
    const char *path; /* decoded, without the query */
    const struct param *params;
    size_t n_params;
    struct str body;
    bool too_large;
};

struct watch_hub;
struct crds;
struct gc;
struct namespaces;
struct services;
struct volumes;
struct discovery;
struct event_ttl;

/* What all requests share. */
struct api {
    struct loop *loop;
    struct http_client *http; /* NULL: logs cannot be fetched */
    struct store *store;
    struct resources resources;
    struct auth *auth;
    struct watch_hub *watches;
    struct crds *crds;
    struct gc *gc;
    struct namespaces *namespaces;
    struct services *services;
    struct volumes *volumes;
    struct discovery *discovery;
    struct event_ttl *event_ttl;
    const char *kubelet_token;
    uint16_t port;
    size_t body_max;
    bool pod_tokens; /* add the token volume to Pods */
    int64_t (*now_us)(void);
    struct metric *requests, *request_seconds, *writes;
};

enum form { FORM_OBJECT, FORM_TABLE, FORM_PARTIAL };
enum include_object { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT };
enum field_validation { VALIDATE_WARN, VALIDATE_STRICT, VALIDATE_IGNORE };

struct call {
    uint32_t magic;
    struct api *api;
    struct arena *arena;
    const struct transport *transport;
    void *t;
    struct request req;
    int64_t now_us;
    uint64_t started_us;
    bool gone, answered;
    void (*on_gone)(struct call *c); /* what runs for it elsewhere ends; NULL = nothing does */
    void *work;                      /* of on_gone's owner */
    struct list link;                /* of the server */

    /* who */
    struct user user;

    /* what: from the path */
    enum verb verb;
    bool is_api;                                            /* below /api or /apis */
    const char *group, *version, *plural, *ns, *name, *sub; /* NULL = not in the path */
    bool watching;
    struct resource *res;
    const struct subresource *subres;

    /* how: from headers and parameters */
    enum form form;
    enum include_object include;
    bool yaml, dry_run;
    enum field_validation validation;
    const char *content_type; /* without parameters, "" = none */
    struct label_selector *labels;
    struct field_selector *fields;

    struct failure failure;                       /* code 0 = none */
    const char *failure_continue;                 /* metadata.continue of a 410 */
    struct http_header headers[CALL_HEADERS_MAX]; /* of the answer */
    size_t n_headers;
    cJSON *trees[CALL_TREES_MAX];
    size_t n_trees;

    /* writes: what becomes of the object, and what is answered after the commit */
    cJSON *body_tree;
    bool body_tree_set;
    const struct object *answer; /* referenced */
    int answer_status;
    char *answer_text; /* heap: instead of an object */
};
#define call_MAGIC 0x43414c4cU

struct call *call_new(struct api *api, const struct transport *tr, void *t,
                      const struct request *req);
/* Runs it as far as it goes. It ends with an answer, maybe in a later turn. */
void call_run(struct call *c);
/* The peer has left: nothing is answered any more. */
void call_gone(struct call *c);
void call_free(
    struct call *c); /* transports call it after reply or stream_end through call_end only */

/* ---- inside the room ---- */
const char *call_param(const struct call *c, const char *key); /* NULL = absent */
const char *call_header(const struct call *c, const char *name);
bool call_flag(const char *value);            /* "true" or "1" */
cJSON *call_own(struct call *c, cJSON *tree); /* freed with the call */
void call_warn(struct call *c, const char *fmt, ...) ATOLL_PRINTF(2, 3);
void call_add_header(struct call *c, const char *name, const char *value);

/* Set c->failure and return -1. */
int call_fail(struct call *c, int code, const char *reason, const char *fmt, ...)
    ATOLL_PRINTF(4, 5);
/* The same with details of the addressed object (kind is the plural resource). */
int call_fail_object(struct call *c, int code, const char *reason, const char *name,
                     const char *fmt, ...) ATOLL_PRINTF(5, 6);
int call_fail_not_found(struct call *c, const struct resource *res, const char *name);
int call_fail_invalid(struct call *c, const char *group, const char *kind, const char *name,
                      const struct causes *causes);
int call_fail_conflict(struct call *c, const char *name);
int call_fail_store(struct call *c, int error);

/* Answers; each is the last thing done with the call. */
void call_answer_failure(struct call *c);
void call_answer_json(struct call *c, int status, const cJSON *tree);
void call_answer_text(struct call *c, int status, const char *content_type, struct str text);
void call_answer_buf(struct call *c, int status, struct buf *b); /* takes the text, JSON */
void call_answer_object(struct call *c, int status,
                        const struct object *o); /* in the form that was asked for */
void call_answer_plain_404(struct call *c);
/* After the commit: c->answer or c->answer_text, with c->answer_status. */
void call_answer_after_commit(struct call *c);

/* The verbs. */
void rest_get(struct call *c);
void rest_list(struct call *c);
void rest_watch(struct call *c);
void rest_create(struct call *c);
void rest_update(struct call *c);
void rest_patch(struct call *c);
void rest_delete(struct call *c);
void rest_delete_collection(struct call *c);
const char *rest_key(struct call *c, const char *ns, const char *name);

/* Parsed parameters. */
int rest_options(struct call *c);
int rest_negotiate(struct call *c);
int rest_selectors(struct call *c);
int rest_number(struct call *c, const char *key, int64_t *ret); /* untouched when absent */
enum revision_match { MATCH_UNSET, MATCH_EXACT, MATCH_NOT_OLDER };
struct list_params {
    int64_t limit, timeout_seconds; /* 0 = none */
    const char *token;              /* continue; NULL = none */
    bool rv_given;
    uint64_t rv; /* when given */
    enum revision_match match;
    bool send_initial, bookmarks;
};
int rest_list_params(struct call *c, struct list_params *ret); /* of lists and watches, checked */

/* JSON of one object in a form. */
struct view {
    const struct resource *res;
    enum form form;
    enum include_object include;
    int64_t now_us;
};
void view_add_object(struct buf *b, const struct view *v, const struct object *o, bool columns);
void view_add_item(struct buf *b, const struct view *v,
                   const struct object *o); /* of a list or Table */
/* Up to and with the '[' of items or rows; `metadata` is the text inside its braces. */
void view_add_list_head(struct buf *b, const struct view *v, const char *metadata);
void view_add_table(struct buf *b, const struct view *v, const char *metadata, bool columns);
cJSON *served_tree(const struct resource *res,
                   const struct object *o);               /* parsed, in the served version */
void stored_form(const struct resource *res, cJSON *obj); /* in place */
bool view_is_stored(const struct view *v,
                    const struct object *o); /* the stored text is the answer */

#endif
