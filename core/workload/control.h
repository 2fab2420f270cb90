/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside workload only: the controllers' common ground. One struct workload holds the caches, the
 * queues and the table of what drives the engines; each file below owns one part of it.
 *
 * Keys of queues and maps are "namespace/name". Everything runs on the loop's thread.
 */
#ifndef ATOLL_WORKLOAD_CONTROL_H
#define ATOLL_WORKLOAD_CONTROL_H

#include "base/list.h"
#include "base/map.h"
#include "io/metrics.h"
#include "plan/plan.h"
#include "workload/workload.h"

/* ---- caches (stores.c)
 * ------------------------------------------------------------------------------------ */

enum store {
    STORE_CLUSTERS,
    STORE_COMPONENTS,
    STORE_ITS,
    STORE_PODS,
    STORE_PVCS,
    STORE_SERVICES,
    STORE_SECRETS,
    STORE_CONFIGMAPS,
    STORE_COMPDEFS,
    STORE_CLUSTERDEFS,
    STORES_N
};
/* Indexes every store has; those that make no sense for a kind stay empty. */
enum store_index {
    INDEX_OWNER,   /* uid of the controller owner */
    INDEX_ITS,     /* "ns/its" of Pods and claims */
    INDEX_CLUSTER, /* "ns/cluster" */
    INDEX_UID,     /* of Pods: how an engine names an instance */
    INDEX_COMPDEF, /* of Components: name of the definition */
    INDEXES_N
};

extern const struct kube_resource RESOURCE_CLUSTERS, RESOURCE_COMPONENTS, RESOURCE_ITS,
    RESOURCE_COMPDEFS, RESOURCE_CLUSTERDEFS, RESOURCE_SHARDINGDEFS, RESOURCE_COMPVERSIONS;
const struct kube_resource *resource_of(enum plan_object o);
enum store store_of(enum plan_object o);

/* ---- queues (queues.c)
 * ------------------------------------------------------------------------------------- */

enum queue {
    QUEUE_CLUSTER,
    QUEUE_COMPONENT,
    QUEUE_ITS,
    QUEUE_DRIVE, /* a cluster's engines: probes, watches, advice */
    QUEUES_N
};

struct drive;
struct install;
struct answers;

/*
 * Whoever waits for an answer of the API or of an engine embeds a ticket. When the controllers end
 * first, the ticket loses its workload: the answer then finds NULL and only frees what waited for
 * it.
 */
struct ticket {
    struct list node;
    struct workload *w;
};
void ticket_open(struct workload *w, struct ticket *t);
void ticket_close(struct ticket *t);

#define workload_MAGIC 0x6c6b7277
struct workload {
    uint32_t magic;
    struct kube_client *client;
    struct loop *loop;
    struct engine_host *engines;
    struct kube_events *events;
    struct api_schemas schemas;
    struct kube_cache *stores[STORES_N];
    int index[STORES_N][INDEXES_N];
    struct kube_queue *queues[QUEUES_N];
    size_t unsynced; /* caches that have not listed yet */
    bool synced;     /* controllers run */
    struct install *install;
    struct drive *drive;
    struct answers *answers;
    struct list tickets; /* what waits for an answer from outside */
    struct metric *m_total, *m_seconds, *m_writes;
};

/* stores.c */
void stores_new(struct workload *w);
void stores_start(struct workload *w);
void stores_free(struct workload *w);
size_t cached_find(const struct workload *w, enum store s, enum store_index i, const char *key,
                   struct arena *a, const cJSON ***ret);
const cJSON *cached_get(const struct workload *w, enum store s, const char *ns, const char *name);
const cJSON *cached_key(const struct workload *w, enum store s, const char *key);
/* An object as planners want it: current spelling, defaults. Owned by the caller. */
cJSON *cached_ready(const struct workload *w, enum api_kind_id id, const cJSON *object);

/* changes.c: which keys a change of an object makes dirty */
void changes_watch(struct workload *w);
void changes_all(struct workload *w); /* everything once, when the caches are in sync */

/* act.c */
typedef void act_done_fn(void *arg, bool ok);
/* Carries the plan out and frees it; done(arg) once, in a later turn or at once when there is
 * nothing to do. `about` gets the plan's events. */
void act_start(struct workload *w, struct plan *p, const cJSON *about, act_done_fn *done,
               void *arg);

/* One pass of a controller: observe and plan into p; false when the object is gone. The object goes
 * to *about. */
typedef bool control_fn(struct workload *w, const char *key, struct plan *p, const cJSON **about);
bool control_cluster(struct workload *w, const char *key, struct plan *p, const cJSON **about);
bool control_component(struct workload *w, const char *key, struct plan *p, const cJSON **about);
bool control_instanceset(struct workload *w, const char *key, struct plan *p, const cJSON **about);
void queues_new(struct workload *w);
void queues_free(struct workload *w);
void dirty(struct workload *w, enum queue q, const char *key);
void dirty_soon(struct workload *w, enum queue q, const char *key, uint64_t ms);
void dirty_name(struct workload *w, enum queue q, const char *ns, const char *name);

/* install.c: CRDs and definitions, then done(arg) */
void install_start(struct workload *w, void (*done)(void *arg), void *arg);
void install_free(struct workload *w);

/* answers.c: what the engines say of a component's specification, asked once per specification */
struct answer_view {
    enum plan_engine_state state;
    const char *engine, *reason, *message;
    bool available;
    const cJSON *validate, *render;
};
void answers_new(struct workload *w);
void answers_free(struct workload *w);
void answers_get(struct workload *w, const cJSON *component, const cJSON *definition,
                 struct arena *a, struct answer_view *ret);
void answers_forget(struct workload *w, const char *key);
void answers_retry(struct workload *w,
                   struct engine *e); /* its state changed: ask again what failed */

/* view.c: what an engine sees */
const char *definition_engine(const cJSON *definition); /* name of the plugin; NULL */
struct engine *engine_of(const struct workload *w, const cJSON *definition);
const char *cluster_key_of(struct arena *a,
                           const cJSON *object); /* "ns/cluster" by its label; NULL */
enum view_detail {
    VIEW_SPEC,      /* no instances: what is rendered must not depend on what runs */
    VIEW_ADDRESSES, /* instances without the flags that come and go */
    VIEW_FULL
};
cJSON *view_build(const struct workload *w, const char *cluster_key, enum view_detail detail,
                  struct arena *a);
/* The same view for one component, and for one of its instances alone. */
cJSON *view_for(const cJSON *view, const char *component);
cJSON *view_for_instance(const cJSON *view, const char *component, const cJSON *instance);
/* {ref: password} of every account in the view. */
cJSON *view_secrets(const struct workload *w, const char *ns, const cJSON *view);

/* drive.c */
void drive_new(struct workload *w);
void drive_free(struct workload *w);
void drive_cluster(struct workload *w, const char *key); /* one turn of QUEUE_DRIVE */
void drive_pod_changed(struct workload *w, const cJSON *old, const cJSON *now);
void drive_report(struct workload *w, struct engine *e, const char *instance,
                  const struct engine_role_view *r);
void drive_state(struct workload *w, struct engine *e);
/* Why the engine may still have something to wire, a sentence; NULL when it has not. */
const char *drive_unsettled(const struct workload *w, const char *cluster_key,
                            const char *component);
struct plan_wired drive_wired(const struct workload *w, const char *cluster_key,
                              const char *component);

#endif
