/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds we serve: one row per kind, one field table per kind (<kind>.c), and what is printed
 * from them: the CRD for an API server, the manual's tables. Plain data; no requests, no objects.
 */
#ifndef ATOLL_API_KINDS_H
#define ATOLL_API_KINDS_H

#include "base/field.h"

struct api_column {
    const char *name, *json_path, *type; /* type: string, integer, date */
    int priority;                        /* 1: only with -o wide */
};

struct api_kind {
    const char *group, *version, *plural, *singular, *kind;
    bool namespaced;
    const char *short_names, *categories; /* "cmp", "kubeblocks,all"; NULL = none */
    const struct field_table *table;      /* rows start with "spec" and "status" */
    const struct api_column *columns;
    size_t n_columns;
    const char *scale_spec, *scale_status; /* JSON paths of the scale subresource; NULL = none */
    const char *help;
};

enum api_kind_id {
    API_CLUSTER,
    API_COMPONENT,
    API_INSTANCESET,
    API_COMPONENTDEFINITION,
    API_CLUSTERDEFINITION,
    API_SHARDINGDEFINITION,
    API_COMPONENTVERSION,
    API_KINDS_N
};
const struct api_kind *api_kind_at(enum api_kind_id id);
/* By group/version ("apps.kubeblocks.io/v1") and kind; NULL when it is not ours. */
const struct api_kind *api_kind_find(const char *api_version, const char *kind);

/* The CustomResourceDefinition object (apiextensions.k8s.io/v1) of a kind. */
cJSON *api_crd(const struct api_kind *k);
/* Markdown: a chapter per kind. */
void api_docs(struct buf *out);

/* Schemas of all kinds, built once by who needs them. */
struct api_schemas {
    struct field_schema *of[API_KINDS_N];
};
void api_schemas_init(struct api_schemas *s);
void api_schemas_done(struct api_schemas *s);

/* Spellings of KubeBlocks 1.0 become those of its main branch, in place (normalize.c). Both given:
 * the newer one stays. */
void api_normalize(enum api_kind_id id, cJSON *object);

/* One per kind, in its own file. */
extern const struct api_kind API_KIND_CLUSTER, API_KIND_COMPONENT, API_KIND_INSTANCESET,
    API_KIND_COMPONENTDEFINITION, API_KIND_CLUSTERDEFINITION, API_KIND_SHARDINGDEFINITION,
    API_KIND_COMPONENTVERSION;

#define API_GROUP_APPS      "apps.kubeblocks.io"
#define API_GROUP_WORKLOADS "workloads.kubeblocks.io"

#endif
