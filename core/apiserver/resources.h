/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is served: one row per resource and version. Discovery, OpenAPI and REST read nothing else.
 *
 * Built-in rows are a table; custom resources add rows while the server runs (crds.c). The
 * behaviour that only one kind has hangs on its row as hooks.
 */
#ifndef ATOLL_APISERVER_RESOURCES_H
#define ATOLL_APISERVER_RESOURCES_H

#include "apiserver/columns.h"
#include "apiserver/schema.h"
#include "apiserver/store.h"
#include "apiserver/types.h"
#include "base/map.h"

enum verb {
    VERB_GET,
    VERB_LIST,
    VERB_WATCH,
    VERB_CREATE,
    VERB_UPDATE,
    VERB_PATCH,
    VERB_DELETE,
    VERB_DELETECOLLECTION,
    VERB_NONE /* a method no verb stands for */
};
const char *verb_name(enum verb v); /* "" for NONE */
#define VERB_BIT(v)   (1U << (v))
#define VERBS_ALL     ((1U << VERB_NONE) - 1)
#define VERBS_CREATE  VERB_BIT(VERB_CREATE)
#define VERBS_GET     VERB_BIT(VERB_GET)
#define VERBS_STATUS  (VERB_BIT(VERB_GET) | VERB_BIT(VERB_UPDATE) | VERB_BIT(VERB_PATCH))
#define VERBS_CONNECT (VERB_BIT(VERB_CREATE) | VERB_BIT(VERB_GET))

enum resource_flag {
    RES_CREATE_ON_UPDATE = 1 << 0, /* PUT of an absent object creates it */
    RES_UNCONDITIONAL = 1 << 1,    /* PUT without resourceVersion is allowed */
    RES_GENERATION = 1 << 2,    /* metadata.generation counts changes outside metadata and status */
    RES_DELETE_OBJECT = 1 << 3, /* DELETE answers the object, not a Status */
    RES_STATUS = 1 << 4,        /* status is written through /status only */
    RES_PLAIN_DELETION = 1 << 5, /* lingering objects get no deletionGracePeriodSeconds */
    RES_STATUS_METADATA = 1 << 6 /* /status takes labels and annotations too */
};

struct call; /* rest.h */

struct subresource {
    const char *name;            /* "status" */
    const char *kind;            /* of its body; NULL = the resource's own */
    const char *group, *version; /* of its body, when they differ from the resource's; else NULL */
    unsigned verbs;
    void (*run)(struct call *c); /* NULL: the generic handlers know it (status) */
};

struct hooks {
    /* Fill in what depends on more than the object's own rows, after the defaults and before the
     * checks. old is NULL on create. Negative: c->failure says why. */
    int (*prepare)(struct call *c, cJSON *obj, const cJSON *old);
    /* Rules beyond the rows. */
    void (*check)(struct call *c, const cJSON *obj, const cJSON *old, struct causes *causes);
    /* Negative: c->failure says why it may not be deleted. */
    int (*may_delete)(struct call *c, const char *name);
    /* Pure: the object is being deleted. May change it; true: it stays until its controller lets
     * go. */
    bool (*deleting)(cJSON *obj, int64_t now_us);
    /* Pure: seconds until a deletion takes effect. asked -1 = not said. NULL hook: at once. */
    int64_t (*grace)(const cJSON *obj, int64_t asked);
    /* Written in the same batch, after the object was queued. */
    void (*created)(struct call *c, const struct object *obj);
    /* Between the served and the stored form, when they differ by more than apiVersion. */
    void (*to_stored)(cJSON *obj);
    void (*to_served)(cJSON *obj);
    /* Kinds that are answered, never stored. */
    void (*answer)(struct call *c);
};

struct resource {
    const char *group, *version, *kind, *plural, *singular;
    bool namespaced;
    unsigned verbs, flags;
    enum name_rule name_rule;
    const char *short_names;          /* "po" or "a,b"; NULL = none */
    const char *categories;           /* "all"; NULL = none */
    const char *shelf_name;           /* NULL: as plural (or plural.group for custom kinds) */
    const struct field_label *fields; /* ended by name NULL; NULL = none */
    const struct subresource *subs;   /* ended by name NULL; NULL = none */
    const struct hooks *hooks;        /* NULL = none */

    /* Filled when the row is registered. */
    char *api_version; /* "v1", "policy/v1" */
    char *qualified;   /* "pods", "leases.coordination.k8s.io" */
    char *list_kind;
    char *prefix; /* {"kind":"Pod","apiVersion":"v1", */
    size_t prefix_len;
    const struct type *type; /* NULL for custom kinds */
    struct shelf *shelf;     /* NULL for kinds that are only answered */
    const struct columns *columns;
    struct custom *custom; /* NULL for built-in kinds; owned by the row */
    unsigned refs;         /* the registry, requests and watches */
    bool dead;             /* out of service */
};

/* What a version of a CRD adds to its row. Made by crds.c. */
struct custom {
    char *texts[8];        /* group, version, kind, plural, singular, short names, categories */
    struct schema *schema; /* NULL: nothing is pruned or checked */
    cJSON *openapi;        /* its openAPIV3Schema, NULL when none */
    struct columns *columns;
    char *warning;                                         /* deprecation text or NULL */
    char *replicas_spec, *replicas_status, *selector_path; /* scale; NULL = no scale */
    struct field_label *fields;
    bool has_status, storage;
};

struct resources {
    struct map by_path; /* "group/version/plural" */
    struct resource **items;
    size_t n, cap;
    struct store *store;
    uint64_t generation; /* grows with every change; discovery and OpenAPI caches */
};

void resources_init(struct resources *r, struct store *s); /* with all built-in rows */
void resources_done(struct resources *r);
/* Copies the row. The shelf's stored form becomes this row's when `stored`. */
struct resource *resources_add(struct resources *r, const struct resource *row, bool stored);
/* Takes the row out of service. The struct lives as long as requests and watches hold it. */
void resources_remove(struct resources *r, struct resource *res);
struct resource *resource_ref(struct resource *res);
void resource_unref(struct resource *res); /* NULL is fine */
struct resource *resources_find(const struct resources *r, const char *group, const char *version,
                                const char *plural);
/* The row whose kind and group match, of any version: owner references name kinds. NULL when none.
 */
struct resource *resources_by_kind(const struct resources *r, const char *group, const char *kind);
/* The row of the stored form of a shelf. */
struct resource *resources_of_shelf(const struct resources *r, const struct shelf *sh);
bool resources_has_group(const struct resources *r, const char *group,
                         const char *version); /* version NULL = any */

extern const struct resource RESOURCES_BUILTIN[]; /* ended by kind NULL */

void custom_free(struct custom *c); /* crds.c; NULL is fine */

/* Hooks of the kinds that have some. */
extern const struct hooks POD_HOOKS, SERVICE_HOOKS, NAMESPACE_HOOKS, CRD_HOOKS, EVENT_V1_HOOKS,
    NODE_HOOKS, JOB_HOOKS, PVC_HOOKS, PV_HOOKS;
extern const struct hooks TOKEN_REVIEW_HOOKS, SAR_HOOKS, LOCAL_SAR_HOOKS, SELF_SAR_HOOKS,
    SELF_RULES_HOOKS, SELF_SUBJECT_HOOKS;
extern const struct subresource POD_SUBS[], NAMESPACE_SUBS[], SCALE_SUBS[], STATUS_SUBS[],
    STATUS_SCALE_SUBS[];

#endif
