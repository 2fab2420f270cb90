/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in kinds by table. One row per field says everything the server needs to know about it: its
 * JSON type, its protobuf number, its default, how a strategic merge treats it, what `kubectl
 * explain` says. Interpreters below turn the rows into behaviour; adding a kind means adding rows.
 */
#ifndef ATOLL_APISERVER_TYPES_H
#define ATOLL_APISERVER_TYPES_H

#include "apiserver/status.h"

enum type_kind {
    T_STRING,
    T_INT32,
    T_INT64,
    T_BOOL,
    T_DOUBLE,
    T_BYTES, /* base64 in JSON */
    T_TIME,
    T_MICROTIME,
    T_QUANTITY,
    T_INT_OR_STRING,
    T_OBJECT, /* ref names the type */
    T_LIST,   /* of ref (object) or of `elem` scalars */
    T_MAP,    /* string to `elem` scalar, or to ref */
    T_ANY     /* raw JSON, kept as it is (RawExtension, FieldsV1, JSON schema) */
};
struct type;
struct type_field {
    const char *name; /* JSON name */
    enum type_kind kind;
    uint16_t proto;         /* field number in generated.proto, 0 = unknown there */
    const struct type *ref; /* for OBJECT, LIST, MAP of objects */
    enum type_kind elem;    /* for LIST, MAP of scalars */
    const char *merge_key;  /* strategic merge by this key; "" = set of scalars; NULL = replace */
    const char *def;        /* JSON text of the default, NULL = none */
    const char *allowed;    /* "Always|OnFailure|Never", NULL = anything */
    uint32_t flags;
    const char *help; /* our own words, one sentence; NULL = none */
};
enum {
    TF_REQUIRED = 1,
    TF_IMMUTABLE = 2,
    TF_RETAIN_KEYS = 4,
    TF_DEPRECATED = 8,
    TF_OMIT_ZERO = 16, /* "", 0 and false mean the same as absent: dropped on decode */
    TF_INLINE = 32, /* a message of its own in protobuf whose fields lie in the outer JSON object;
                       name is "" */
    TF_RAW = 128,   /* T_ANY whose protobuf message holds the JSON text in field 1 */
    TF_NULL = 64    /* written as null when absent (Kubernetes does for times it does not omit) */
};
struct type {
    const char *name;                /* "PodSpec" */
    const struct type_field *fields; /* ended by name NULL */
    const char *help;
    /* Defaults that depend on other fields, and rules that are not in rows. May be NULL. `obj` is
     * this struct. */
    void (*def)(cJSON *obj);
    void (*check)(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
    const char *package; /* OpenAPI name without the last part: "io.k8s.api.core.v1" */
};
/* The row of a JSON member, also when it lies in an inlined type; NULL when unknown. */
const struct type_field *type_field_find(const struct type *t, const char *name);

/* The root type of a built-in kind; NULL when unknown: type_of("", "v1", "Pod"). */
const struct type *type_of(const char *group, const char *version, const char *kind);

/* JSON shape against the rows. A wrong JSON type is an error for 400 (err text as the API words it:
 * "json: cannot unmarshal string into Go struct field ..." is not copied; ours names path, wanted,
 * found). Unknown fields are removed and their paths appended to *unknown (arena strings, the first
 * TYPE_UNKNOWN_MAX), duplicates are the caller's. Nulls, empty lists and maps and zero values that
 * mean "absent" are removed as Kubernetes does, and quantities get their canonical form. */
#define TYPE_UNKNOWN_MAX 64
int type_decode(const struct type *t, cJSON *obj, struct arena *a, const char ***ret_unknown,
                size_t *ret_n, struct err **err);
void type_default(const struct type *t, cJSON *obj);
/* All field rules of rows and check functions below `obj`; old NULL on create. */
void type_validate(const struct type *t, const cJSON *obj, const cJSON *old, struct causes *c);
/* Strategic merge patch with $patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList.
 * `target` is consumed; *ret is the result. -EINVAL with a sentence. */
int type_strategic_merge(const struct type *t, cJSON *target, const cJSON *patch, cJSON **ret,
                         struct err **err);
/* Kubernetes protobuf envelope (k8s\0) to JSON with kind and apiVersion. -EINVAL, -ENOTSUP (kind
 * without rows). */
int proto_decode(struct str body, cJSON **ret, struct err **err);
/* JSON schema of a type for OpenAPI v3 (refs as #/components/schemas/NAME) and the set of types it
 * reaches. */
void type_openapi(const struct type *t, cJSON *schemas);
const char *type_openapi_name(const struct type *t, const char *group, const char *version,
                              struct arena *a);

/* metadata is the same for all: names, labels, annotations, finalizers, ownerReferences. */
enum name_rule { NAME_SUBDOMAIN, NAME_LABEL, NAME_LABEL_1035, NAME_PATH_SEGMENT };
extern const struct type TYPE_OBJECT_META;
void meta_validate(const cJSON *metadata, bool namespaced, enum name_rule rule, struct causes *c);

void meta_validate_labels(const cJSON *labels, const char *path, struct causes *c);
void meta_validate_annotations(const cJSON *annotations, const char *path, struct causes *c);

/* "Guaranteed", "Burstable" or "BestEffort" of a defaulted Pod. */
const char *pod_qos_class(const cJSON *pod);

#endif
