/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the node share: the node itself with its caches, and the Pods it runs. Each
 * part keeps what is its own behind its own header; this one is for node.c, pod*.c and those that
 * read Pods (log server, claims).
 */
#ifndef ATOLL_NODE_STATE_H
#define ATOLL_NODE_STATE_H

#include "base/map.h"
#include "kube/kube.h"
#include "node/address.h"
#include "node/calls.h"
#include "node/endpoints.h"
#include "node/hosts.h"
#include "node/node.h"
#include "node/plan.h"
#include "node/probe.h"
#include "node/program.h"
#include "node/run.h"
#include "node/sandbox.h"

struct node;
struct pod;

/* ---- parts with a life of their own: each is made and freed by node.c ---------------------------
 */

struct registrar; /* register.c: the Node object */
struct registrar *registrar_new(struct node *n);
void registrar_free(struct registrar *r);
void registrar_changed(struct registrar *r); /* the Node in the cache is not what it was */

struct scheduler; /* scheduler.c: binds Pods */
struct scheduler *scheduler_new(struct node *n);
void scheduler_free(struct scheduler *s);
void scheduler_pod(struct scheduler *s, const cJSON *old, const cJSON *now);
void scheduler_wake(struct scheduler *s); /* the Node changed: what did not fit may fit now */

struct services; /* services.c: endpoints, names, ClusterIPs */
struct services *node_services_new(struct node *n);
void node_services_free(struct services *s);
void node_services_pod(struct services *s, const cJSON *old, const cJSON *now);
void node_services_service(struct services *s, const cJSON *old, const cJSON *now);
void node_services_output(struct services *s, const cJSON *old,
                          const cJSON *now);   /* an Endpoints or EndpointSlice */
void node_services_synced(struct services *s); /* Pods, Services and what we write are all known */

struct claims; /* claims.c: PVCs and PVs */
struct claims *claims_new(struct node *n);
void claims_free(struct claims *c);
void claims_pvc(struct claims *c, const cJSON *old, const cJSON *now);
void claims_pv(struct claims *c, const cJSON *old, const cJSON *now);
void claims_pod(struct claims *c, const cJSON *old, const cJSON *now);
void claims_synced(struct claims *c);

struct logserver; /* logserver.c */
int logserver_new(struct node *n, struct logserver **ret, struct err **err);
void logserver_free(struct logserver *l);
uint16_t logserver_port(const struct logserver *l);

/* ---- the node -----------------------------------------------------------------------------------
 */

#define node_MAGIC 0x6e6f6465u
struct node {
    uint32_t magic;
    struct loop *loop;
    struct kube_client *client;
    struct calls *calls;
    struct http_client *http;
    const struct conf *conf;
    char *name, *dir, *address, *shim, *log_token, *bwrap;
    int64_t cpu_milli, memory, pods_max; /* what it offers */

    struct kube_cache *pods_cache, *services_cache, *endpoints_cache, *slices_cache;
    struct kube_cache *configmaps_cache, *secrets_cache, *pvcs_cache, *pvs_cache, *nodes_cache;
    int pods_by_reference, pods_by_label, slices_by_service; /* indexes */
    struct kube_events *events;
    struct kube_queue *queue; /* Pods to sync, by pod_key: "ns/name/uid" */

    struct map pods;    /* uid -> struct pod */
    struct map holders; /* "ns/name" -> the struct pod that may run under this name */
    struct addresses *addresses;
    struct loop_timer *addresses_timer; /* writes what they remember */
    bool addresses_writing;
    struct sandbox_host host;
    struct programs *programs;
    struct hosts *hosts;

    struct registrar *registrar;
    struct scheduler *scheduler;
    struct services *services;
    struct claims *claims;
    struct logserver *logserver;
};

/* The Node object as the cache has it; NULL. */
const cJSON *node_object(const struct node *n);
struct lookup node_lookup(struct node *n);
void node_addresses_changed(struct node *n); /* remember them soon */

/* ---- Pods ---------------------------------------------------------------------------------------
 */

#define container_MAGIC 0x636f6e74u
struct container {
    uint32_t magic;
    struct pod *pod;
    char *name;
    struct container_seen seen; /* its strings are ours; spec is set only while the Pod is synced */
    struct run *run;            /* of seen.now; NULL when it has ended or is being prepared */
    struct prober *prober;
    bool probed;    /* the prober of this run was made, if there is anything to probe */
    bool cancelled; /* stop came while the run was being prepared */
    struct action *hook;
    char *image, *identity, *program, *message, *last_message, *problem, *problem_message;
    unsigned level_before; /* of a start that may have to be undone */
    unsigned problems;     /* in a row, for the pause */
};

#define pod_MAGIC 0x706f6473u
struct pod {
    uint32_t magic;
    struct node *node;
    char *key, *ns, *name, *uid, *queue_key, *dir, *ip;
    uint32_t address; /* 0: the node's own (hostNetwork) */
    int64_t accepted_us;
    struct container **c; /* init containers in order, then the others */
    size_t n;
    bool kinds_known; /* its object was seen in this life */
    struct loop_timer *wake;

    bool volumes_dirty, volumes_ready, volumes_writing;
    uint64_t volumes_hash; /* of what was written last */
    struct arena *volumes_arena;
    struct volume *volumes;
    size_t n_volumes;
    char *volumes_message;
    unsigned volumes_failures;
    uint64_t volumes_retry_ms;

    unsigned jobs; /* on workers: the struct must live */
    bool patching, deleting, cleaning, dead;
    uint64_t sent_hash; /* of the last status patch, and the version it gave the object */
    char *sent_rv;
};

/* pod.c: a Pod of the API, or of the disk, becomes one of ours. */
struct pod *pod_accept(struct node *n, const cJSON *object, struct err **err);
int pods_load(struct node *n, struct err **err);
void pod_free(struct pod *p);                                     /* its processes go on */
struct container *container_new(struct pod *p, const char *name); /* appended to p->c */
struct container *pod_container(const struct pod *p, const char *name);
void pod_dirty(struct pod *p);
char *pod_run_dir(const struct pod *p, const char *container, int number);
char *pod_queue_key(const cJSON *object);
/* The object in the cache that is this Pod; NULL when it is gone or another one has its name. */
const cJSON *pod_object(const struct pod *p);

/* pod_sync.c: observe, plan, act. */
void pod_sync(struct pod *p, const cJSON *object);
/* pod_volumes.c */
void pod_volumes_refresh(struct pod *p, const cJSON *object);
/* pod_run.c: containers of a Pod as runs. */
void container_start(struct container *c, const cJSON *object, const char *why);
void container_hook(struct container *c, const cJSON *object, uint64_t grace_ms);
void container_term(struct container *c, const cJSON *object, const char *why);
void container_kill(struct container *c);
void container_on_run(void *arg); /* the run of a container changed */
void container_probe(struct container *c, const cJSON *object);
void container_adopt(struct container *c);
/* pod_write.c: the API's side. */
void pod_status_write(struct pod *p, const cJSON *object, const struct pod_seen *seen,
                      const struct pod_plan *plan);
void pod_delete(struct pod *p);
void pod_clean(struct pod *p);

#endif
