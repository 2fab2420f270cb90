/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of plan: pure functions from what was observed to what shall be done.
 *
 * Each planner reads const objects and the time it is given, allocates from the plan's arena, and
 * appends ordered steps with a one-line reason. No I/O, no clock, no random numbers, no log: the
 * same input gives the same plan. A converged input gives no step. Objects come as JSON trees in
 * the current spelling with defaults filled in (api_normalize, field_default); planners never
 * change them.
 */
#ifndef ATOLL_PLAN_PLAN_H
#define ATOLL_PLAN_PLAN_H

#include "api/conditions.h"
#include "api/kinds.h"
#include "api/names.h"

/* ---- a plan
 * ------------------------------------------------------------------------------------------ */

enum plan_object {
    PLAN_CLUSTER,
    PLAN_COMPONENT,
    PLAN_INSTANCESET,
    PLAN_POD,
    PLAN_PVC,
    PLAN_SERVICE,
    PLAN_SECRET,
    PLAN_CONFIGMAP,
    PLAN_OBJECTS_N
};
enum plan_verb {
    PLAN_CREATE, /* body: the object */
    PLAN_PATCH,  /* body: a merge patch */
    PLAN_STATUS, /* body: a merge patch of the status subresource */
    PLAN_DELETE  /* uid: only that incarnation */
};

struct plan_step {
    enum plan_verb verb;
    enum plan_object object;
    unsigned stage;        /* all steps of a stage are done before the next stage starts */
    const char *ns, *name; /* arena */
    const char *uid;
    cJSON *body;        /* owned by the plan */
    const char *reason; /* one line */
    struct plan_step *next;
};

/* Something a person wants to read in `kubectl describe` of the planned object. */
struct plan_event {
    bool warning;
    const char *reason, *message;
    struct plan_event *next;
};

#define PLAN_NO_WAKE INT64_MAX
struct plan {
    struct arena *arena;
    struct plan_step *first, **tail;
    struct plan_event *events, **events_tail;
    size_t n_steps;
    unsigned stage;
    int64_t wake_ms; /* plan again after this time even when nothing changes; PLAN_NO_WAKE */
};
void plan_init(struct plan *p, size_t arena_max);
void plan_done(struct plan *p);
/* Adds to the current stage. `body` is taken over; the texts are copied. */
struct plan_step *plan_step_add(struct plan *p, enum plan_verb verb, enum plan_object object,
                                const char *ns, const char *name, cJSON *body,
                                const char *reason_fmt, ...) ATOLL_PRINTF(7, 8);
void plan_barrier(struct plan *p); /* what follows waits for what stands */
void plan_wake(struct plan *p, int64_t ms);
void plan_event_add(struct plan *p, bool warning, const char *reason, const char *fmt, ...)
    ATOLL_PRINTF(4, 5);
const char *plan_object_text(enum plan_object o); /* "Pod" */
const char *plan_verb_text(enum plan_verb v);     /* "create" */
/* The plan as text for tests and people: one line per step, its body indented below. */
void plan_print(const struct plan *p, struct buf *out);

/* ---- comparing what we own with what is there (desired.c)
 * --------------------------------------------- */

/* `have` with the members of `want` put over it. Lists of objects that have names are matched by
 * name, others by position; the result has want's items. What a server filled in stays. */
cJSON *desired_overlay(const cJSON *have, const cJSON *want);
/* Merge patch that brings `want` into `have`; NULL when it is there already. */
cJSON *desired_patch(const cJSON *have, const cJSON *want);
/* For objects that are ours alone: a patch that makes the member `key` of both equal, NULL when it
 * is. */
cJSON *desired_exact(const cJSON *have, const cJSON *want, const char *key);
/* Joins patches; either may be NULL. Takes both. */
cJSON *desired_join(cJSON *a, cJSON *b);
/* {metadata: {finalizers: [...], resourceVersion}}: with or without f. NULL when nothing changes.
 */
cJSON *desired_finalizer(const cJSON *object, const char *f, bool present);
/* A step for `want`: create it, patch it, or nothing. `spec_key` ("spec", "data") is made exactly
 * equal when not NULL; all else of `want` is laid over what is there. Takes want. */
void desired_object(struct plan *p, enum plan_object o, const cJSON *have, cJSON *want,
                    const char *spec_key);
bool desired_owned(const cJSON *object, const cJSON *owner); /* controller reference by uid */
cJSON *desired_owner(const cJSON *owner, const char *api_version, const char *kind);
/* metadata {name, namespace, labels, ownerReferences} of a child. */
cJSON *desired_meta(const char *ns, const char *name, cJSON *labels, cJSON *owner);
/* Number or percentage of `total`; `up` rounds up. `def` when absent or malformed. */
int64_t desired_share(const cJSON *v, int64_t total, bool up, int64_t def);
/* A status step when `want` (a whole status) differs from the object's. Members in `want` replace
 * those there; those it lacks are removed. Takes want. */
void desired_status(struct plan *p, enum plan_object o, const cJSON *object, cJSON *want,
                    const char *reason);

/* ---- instances of an InstanceSet (instances.c)
 * ---------------------------------------------------------- */

struct plan_instance {
    const char *name;     /* "orders-db-0" */
    const cJSON *tpl;     /* its row of spec.instances, NULL: the default template */
    const char *tpl_name; /* "" for the default */
    int64_t ordinal;
};
/* The instances that shall exist, sorted by template name and ordinal. -EINVAL: the spec cannot be
 * met (sentence). spec.stop is not looked at. */
int plan_instances(struct arena *a, const cJSON *its, struct plan_instance **ret, size_t *ret_n,
                   struct err **err);

/* ---- InstanceSet (instanceset.c, instanceset_update.c, instanceset_status.c)
 * ----------------------------- */

struct plan_its_in {
    const struct api_schemas *schemas;
    const cJSON *its;
    const cJSON *const *pods; /* all with its instance label */
    size_t n_pods;
    const cJSON *const *pvcs; /* all with its instance label */
    size_t n_pvcs;
    const cJSON *headless; /* Service <its>-headless or NULL */
    const char *hold;      /* why no available instance may be restarted now; NULL */
    int64_t now_us;
};
void plan_instanceset(const struct plan_its_in *in, struct plan *p);
/* What the planner and its readers ask of a Pod. */
bool plan_pod_ready(const cJSON *pod);
bool plan_its_ready(const cJSON *its); /* by its status, for the current generation */

/* ---- roles (roles.c)
 * ------------------------------------------------------------------------------------ */

struct plan_member {
    const char *pod, *uid;
    const char *label;      /* role label now; NULL none */
    uint64_t label_version; /* of the annotation; 0 none */
    bool heard; /* the engine answered for this instance since we run: role, version are its last
                   answer */
    bool known; /* ... and that answer still stands */
    const char *role; /* "" it has none */
    uint64_t version;
};
/*
 * Patches of role labels for one InstanceSet. Claims of an exclusive role are ordered by version: a
 * higher claim takes the label from others in the same plan (theirs is removed first), equal claims
 * do not move, unknown keeps what it has. A role that `roles` (spec.roles) does not declare is no
 * role.
 */
void plan_roles(const cJSON *roles, const char *ns, const struct plan_member *m, size_t n,
                struct plan *p);

/* ---- definitions (definitions.c)
 * -------------------------------------------------------------------------- */

/* The definition that `pattern` (exact name, prefix or regular expression) means: `current` when it
 * matches and exists, else the newest by name. NULL with a sentence that names what was looked for
 * and what there is. */
const cJSON *plan_definition_find(const cJSON *const *defs, size_t n, const char *pattern,
                                  const char *current, const char *kind, struct err **err);
int plan_name_compare(const char *a, const char *b); /* numbers in names by value: x-9 < x-10 */

/* ---- Component (component.c, component_template.c, component_status.c)
 * -------------------------------------- */

#define PLAN_ACCOUNTS_MAX 32
enum plan_engine_state {
    PLAN_ENGINE_NONE,     /* the definition names no engine */
    PLAN_ENGINE_WAITING,  /* its answer is on the way */
    PLAN_ENGINE_ANSWERED, /* validate and render are there */
    PLAN_ENGINE_FAILED    /* it could not answer: engine_reason, engine_message */
};
struct plan_wired { /* how far the engine's advice is carried out; see wiring.c */
    bool known;
    enum condition_status status;
    const char *reason, *message;
};
struct plan_component_in {
    const struct api_schemas *schemas;
    const cJSON *component, *cluster; /* cluster may be NULL */
    const cJSON *definition;          /* NULL: definition_error says why */
    const char *definition_error;
    const cJSON *its;                                                  /* NULL absent */
    const cJSON *const *services, *const *secrets, *const *configmaps; /* owned by the component */
    size_t n_services, n_secrets, n_configmaps;
    const unsigned char (
        *random)[PASSWORD_RANDOM]; /* PLAN_ACCOUNTS_MAX rows, for passwords made now */
    enum plan_engine_state engine;
    const char *engine_name, *engine_reason, *engine_message;
    bool engine_available;
    const cJSON *validate; /* {errors:[{field,message}], warnings} */
    const cJSON
        *render; /* {files:[{volume,name,mode,content,secret}], env, args}, secrets expanded */
    struct plan_wired wired;
    int64_t now_us;
};
void plan_component(const struct plan_component_in *in, struct plan *p);
/* The engine's parameters a user set: {key: value}, from spec.configs[].variables. */
cJSON *plan_component_options(const cJSON *component);
/* Accounts that shall exist: [{name, secret}]. */
cJSON *plan_component_accounts(const cJSON *component, const cJSON *definition);

/* Inside plan, shown for tests: the InstanceSet a Component asks for. */
cJSON *plan_component_its(const struct plan_component_in *in, struct arena *a, struct err **err);

/* ---- Cluster (cluster.c, cluster_status.c)
 * ------------------------------------------------------------------ */

struct plan_cluster_in {
    const struct api_schemas *schemas;
    const cJSON *cluster;
    const cJSON *const *clusterdefs, *const *compdefs;
    size_t n_clusterdefs, n_compdefs;
    const cJSON *const *components; /* owned by the cluster */
    size_t n_components;
    const cJSON *const *services; /* owned by the cluster */
    size_t n_services;
    int64_t now_us;
};
void plan_cluster(const struct plan_cluster_in *in, struct plan *p);

/* ---- wiring (wiring.c)
 * --------------------------------------------------------------------------------------- */

#define PLAN_OUTCOME_DONE    0 /* = ATOLL_CLASS_* */
#define PLAN_OUTCOME_RETRY   1
#define PLAN_OUTCOME_FATAL   2
#define PLAN_OUTCOME_UNKNOWN 3

struct plan_wire_record { /* what is remembered of one piece of work, by its key */
    const char *key;
    uint64_t digest; /* of verb, target, peer, args: another digest is other work */
    bool in_flight;
    unsigned attempt;  /* of the last start */
    int outcome;       /* of the last end */
    uint64_t ended_ms; /* when; 0 never */
};
struct plan_wire_start {
    const cJSON *wire; /* row of advice.wire */
    uint64_t digest;
    unsigned attempt;
};
struct plan_wiring {
    struct plan_wire_start *starts;
    size_t n_starts;
    uint64_t wake_ms; /* 0: nothing to wait for */
    struct plan_wired wired;
};
uint64_t plan_wire_digest(const cJSON *wire);
void plan_wiring(const cJSON *advice, const struct plan_wire_record *records, size_t n,
                 uint64_t now_ms, struct arena *a, struct plan_wiring *ret);

#endif
