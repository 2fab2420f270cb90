/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of kube: any Kubernetes API as generic JSON objects.
 *
 * Kubeconfig, requests, list+watch caches with indexes, a work queue, a Lease election, Events. The
 * embedded API server and a real one look the same from here. All functions: the loop's thread
 * only.
 */
#ifndef ATOLL_KUBE_KUBE_H
#define ATOLL_KUBE_KUBE_H

#include "base/json.h"
#include "io/http_client.h"
#include "io/loop.h"

/* ---- where the API is and who we are --------------------------------------------------------- */

struct kube_config; /* one resolved context */
/* path NULL: $KUBECONFIG (colon list), then ~/.kube/config. context NULL: current-context.
 * Understands inline and file credentials, tokenFile (re-read), client certificates, exec plugins
 * are refused with a sentence. */
int kube_config_load(const char *path, const char *context, struct kube_config **ret,
                     struct err **err);
int kube_config_in_cluster(struct kube_config **ret, struct err **err);
int kube_config_direct(const char *server, const char *ca_pem, const char *token,
                       struct kube_config **ret, struct err **err);
void kube_config_free(struct kube_config *c);
const char *kube_config_server(const struct kube_config *c);
const char *kube_config_namespace(const struct kube_config *c); /* "default" when none */
const char *kube_config_context(const struct kube_config *c);

struct kube_client;
/* user_agent: "atolld/0.1.0"; the part before '/' becomes the field manager. Takes ownership of
 * cfg. */
int kube_client_new(struct loop *l, struct http_client *http, struct kube_config *cfg,
                    const char *user_agent, struct kube_client **ret, struct err **err);
void kube_client_free(struct kube_client *c); /* cancels open calls without callbacks; after its
                                                 caches, lease, events */
struct loop *kube_client_loop(struct kube_client *c);
/* Calls a second and at once; 0 = no limit. Default 50 and 100, none when the server is on this
 * machine. Watches and the leader's Lease do not count. In any case at most 28 calls are in flight;
 * the others wait in order. */
void kube_client_limit(struct kube_client *c, double per_second, unsigned burst);

/* ---- requests -------------------------------------------------------------------------------- */

struct kube_resource {
    const char *group;   /* "" for core */
    const char *version; /* "v1" */
    const char *plural;  /* "pods" */
    const char *kind;    /* "Pod" */
    bool namespaced;
};
/* The built-in resources every room needs; ours stand in api/. */
extern const struct kube_resource KUBE_NAMESPACES, KUBE_NODES, KUBE_PODS, KUBE_SERVICES,
    KUBE_ENDPOINTS, KUBE_ENDPOINTSLICES, KUBE_CONFIGMAPS, KUBE_SECRETS, KUBE_SERVICEACCOUNTS,
    KUBE_PVCS, KUBE_PVS, KUBE_EVENTS, KUBE_LEASES, KUBE_CRDS, KUBE_PDBS;
const char *kube_api_version(const struct kube_resource *r,
                             char out[128]); /* "apps.kubeblocks.io/v1" */

enum kube_verb {
    KUBE_GET,
    KUBE_LIST,
    KUBE_CREATE,
    KUBE_UPDATE,
    KUBE_PATCH_MERGE,
    KUBE_PATCH_JSON,
    KUBE_PATCH_STRATEGIC,
    KUBE_APPLY,
    KUBE_DELETE
};

struct kube_call {
    enum kube_verb verb;
    const struct kube_resource *resource;
    const char *ns, *name;      /* NULL as fits */
    const char *subresource;    /* "status", "binding"; NULL */
    const char *label_selector; /* for LIST */
    const char *field_selector;
    const cJSON *body;            /* borrowed for the call */
    const char *propagation;      /* DELETE: "Background" (default), "Foreground", "Orphan" */
    int64_t grace_seconds;        /* DELETE: -1 = default, 0 = at once */
    const char *precondition_uid; /* DELETE */
    bool force;                   /* APPLY */
    uint64_t deadline_ms;         /* 0 = 30 s */
};

struct kube_answer {
    int status;              /* HTTP; 0 = no answer (unknown whether it happened) */
    const char *reason;      /* Status.reason or "NoAnswer", "Timeout"; "" on success */
    const char *message;     /* one sentence; "" on success */
    const cJSON *body;       /* object or Status; borrowed for the call */
    uint64_t retry_after_ms; /* 0 = none given */
};
static inline bool kube_ok(const struct kube_answer *a)
{
    return a->status >= 200 && a->status < 300;
}
typedef void kube_done_fn(void *arg, const struct kube_answer *a);
/* done runs exactly once in a later turn (never after kube_client_free). 429 and 503 with
 * Retry-After are retried inside for idempotent verbs until the deadline, and those once more when
 * no answer came. done may be NULL. */
void kube_start(struct kube_client *c, const struct kube_call *call, kube_done_fn *done, void *arg);
/* Writes started by this client so far, by verb (metric atoll_kube_writes_total{verb}). */
uint64_t kube_client_writes(const struct kube_client *c);
/* Any path, for discovery and logs. on_data NULL collects the body as text in `body_text` of the
 * callback. */
void kube_raw(struct kube_client *c, const char *method, const char *path_and_query,
              struct str body, const char *content_type,
              void (*on_data)(void *arg, struct str piece),
              void (*done)(void *arg, int status, struct str body, const char *error), void *arg);

/* ---- reading objects ------------------------------------------------------------------------- */

const char *kube_name(const cJSON *o);
const char *kube_ns(const cJSON *o); /* "" when cluster-scoped */
const char *kube_uid(const cJSON *o);
const char *kube_rv(const cJSON *o);
int64_t kube_generation(const cJSON *o);
const char *kube_label(const cJSON *o, const char *key);
const char *kube_annotation(const cJSON *o, const char *key);
bool kube_deleting(const cJSON *o);
bool kube_has_finalizer(const cJSON *o, const char *f);
/* The controller owner (controller: true); NULL when none. */
const cJSON *kube_controller(const cJSON *o);
bool kube_condition_true(const cJSON *o, const char *type);
/* "ns/name" or "name", into the arena. */
const char *kube_key(struct arena *a, const cJSON *o);
cJSON *kube_owner_ref(const cJSON *owner, const struct kube_resource *r, bool controller);
/* matchLabels/matchExpressions selector object, or a plain map, against labels. */
bool kube_selector_matches(const cJSON *selector, const cJSON *labels);
/* YAML (several documents) to JSON objects, an array tree. Errors name file and line. */
int kube_yaml_parse(const char *name, const char *text, size_t len, cJSON **ret_array,
                    struct err **err);

/* ---- caches ---------------------------------------------------------------------------------- */

/*
 * One list+watch per resource and scope, shared by all its readers. Objects are immutable,
 * managedFields is dropped. They rest packed (about 2.5 kB for a Pod of 5 kB of JSON, whose cJSON
 * tree would take 30) and are unfolded when somebody looks, for microseconds: a pointer from the
 * cache is good until the next turn of the loop. Keep keys, not pointers. Never modify or
 * cJSON_Delete what you got; cJSON_Duplicate is fine.
 *
 * The store changes before the handlers run. A broken watch resumes from the last RV with jittered
 * backoff; 410 relists; a relist reports what vanished as deleted. Until a cache is synced (its
 * first list is complete, which stays true) nothing may be concluded from absence; how old its
 * knowledge may be says kube_cache_age_ms.
 */
struct kube_cache;
struct kube_cache_opts {
    const struct kube_resource *resource;
    const char *ns;             /* NULL = all */
    const char *label_selector; /* NULL = all */
    const char *field_selector;
};
typedef void kube_change_fn(void *arg, const cJSON *old,
                            const cJSON *now); /* old NULL: added; now NULL: deleted */
struct kube_cache *kube_cache_new(struct kube_client *c, const struct kube_cache_opts *o);
/* Before kube_cache_start. Several handlers run in the order they were added. */
void kube_cache_on_change(struct kube_cache *k, kube_change_fn *fn, void *arg);
void kube_cache_on_sync(struct kube_cache *k, void (*fn)(void *arg),
                        void *arg); /* once, first list delivered */
/* emit(ctx, key) for each index key of the object (none, one or several). Before start. Returns the
 * index number. */
typedef void kube_emit_fn(void *ctx, const char *key);
int kube_cache_index(struct kube_cache *k,
                     void (*keys_of)(const cJSON *o, kube_emit_fn *emit, void *ctx));
void kube_cache_start(struct kube_cache *k);
void kube_cache_free(struct kube_cache *k); /* not from its own handlers */
bool kube_cache_synced(const struct kube_cache *k);
/* Since the last proof of being current: a list, an opened watch, an event or a bookmark. Bookmarks
 * come about once a minute, so a quiet healthy cache reaches that age. UINT64_MAX before the first
 * list. */
uint64_t kube_cache_age_ms(const struct kube_cache *k);
size_t kube_cache_len(const struct kube_cache *k);
const cJSON *kube_cache_get(const struct kube_cache *k, const char *ns,
                            const char *name);                                /* NULL absent */
const cJSON *kube_cache_get_key(const struct kube_cache *k, const char *key); /* "ns/name" */
/* Objects with this index key, name order, as an arena array; count returned. */
size_t kube_cache_find(const struct kube_cache *k, int index, const char *key, struct arena *a,
                       const cJSON ***ret);
size_t kube_cache_all(const struct kube_cache *k, struct arena *a, const cJSON ***ret);
/* Our own write came back: put the answer in at once, so that the next plan sees it. Never replaces
 * a newer RV, never brings back what the watch saw deleted, ignored outside the cache's namespace
 * and selectors. The handlers run for it in a later turn, and not again when the watch tells the
 * same.
 */
void kube_cache_learn(struct kube_cache *k, const cJSON *object);

/* ---- work queue ------------------------------------------------------------------------------ */

/*
 * Keys, deduplicated; one key is never processed twice at once; adds during processing run once
 * after. process() starts the work for a key and must end it with exactly one kube_queue_done, now
 * or later.
 */
struct kube_queue;
enum kube_result { KUBE_DONE, KUBE_RETRY /* backoff 5 ms .. 30 s, jittered */ };
struct kube_queue *kube_queue_new(struct loop *l, const char *name, unsigned workers,
                                  void (*process)(void *arg, const char *key), void *arg);
void kube_queue_free(struct kube_queue *q);
void kube_queue_add(struct kube_queue *q, const char *key);
/* Keeps the earlier of two times. */
void kube_queue_add_after(struct kube_queue *q, const char *key, uint64_t ms);
void kube_queue_done(struct kube_queue *q, const char *key, enum kube_result r);
/* Keys ready or being processed; not those waiting for a time. */
size_t kube_queue_len(const struct kube_queue *q);

/* ---- leader election and events -------------------------------------------------------------- */

struct kube_lease;
struct kube_lease_opts {
    const char *ns, *name, *identity;
    unsigned duration_s, renew_s, retry_s; /* 0 = 15, 10, 2 */
    void (*on_change)(void *arg, bool leader);
    void *arg;
};
struct kube_lease *kube_lease_new(struct kube_client *c, const struct kube_lease_opts *o);
/* Also by the clock: false the moment it may have expired. */
bool kube_lease_held(const struct kube_lease *l);
/* Sends a release when held, without waiting: it only leaves if the loop still turns and the client
 * lives. */
void kube_lease_free(struct kube_lease *l);
/* For an orderly exit: releases when held, waits for the answer (at most about a second after a
 * write that is under way), frees the lease, then calls released(arg) in a later turn. Stop leading
 * before you call it. */
void kube_lease_release(struct kube_lease *l, void (*released)(void *arg), void *arg);

/* One Event per (object, reason, message); repeats raise its count, at most one write per 5 s each;
 * bounded. */
struct kube_events;
struct kube_events *kube_events_new(struct kube_client *c, const char *component);
void kube_events_free(struct kube_events *e);
void kube_event(struct kube_events *e, const cJSON *object, bool warning, const char *reason,
                const char *fmt, ...) ATOLL_PRINTF(5, 6);

#endif
