/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects: how the API says no, and why. One struct collects code, reason, details and
 * causes. */
#ifndef ATOLL_APISERVER_STATUS_H
#define ATOLL_APISERVER_STATUS_H

#include "base/json.h"

/* Reasons of causes, as Kubernetes spells them. */
#define CAUSE_REQUIRED      "FieldValueRequired"
#define CAUSE_INVALID       "FieldValueInvalid"
#define CAUSE_NOT_SUPPORTED "FieldValueNotSupported"
#define CAUSE_DUPLICATE     "FieldValueDuplicate"
#define CAUSE_FORBIDDEN     "FieldValueForbidden"
#define CAUSE_NOT_FOUND     "FieldValueNotFound"
#define CAUSE_TOO_LONG      "FieldValueTooLong"
#define CAUSE_TOO_MANY      "FieldValueTooMany"
#define CAUSE_TYPE_INVALID  "FieldValueTypeInvalid"

/* Nobody reads more; the bounds keep a hostile object from filling the arena. */
#define CAUSES_MAX        256
#define CAUSE_FIELD_MAX   512
#define CAUSE_MESSAGE_MAX 2048

struct cause {
    const char
        *reason; /* FieldValueRequired, FieldValueInvalid, FieldValueNotSupported, ... static */
    const char *field;   /* "spec.replicas", arena */
    const char *message; /* arena */
};
/* A growing list of causes; the arena owns all. Above CAUSES_MAX further causes are only counted.
 */
struct causes {
    struct arena *arena;
    struct cause *items;
    size_t n, cap;
    size_t dropped;
};
void causes_add(struct causes *c, const char *reason, const char *field, const char *fmt, ...)
    ATOLL_PRINTF(4, 5);
/* `Invalid value: "<value>": <why>` for a string; numbers and the rest print as JSON. */
void causes_invalid(struct causes *c, const char *field, const char *value, const char *why);
void causes_invalid_json(struct causes *c, const char *field, const cJSON *value, const char *why);
void causes_required(struct causes *c, const char *field, const char *why); /* why may be NULL */
void causes_duplicate(struct causes *c, const char *field, const cJSON *value);
void causes_forbidden(struct causes *c, const char *field, const char *why);
/* `allowed` as in the type rows: "Always|OnFailure|Never". */
void causes_not_supported(struct causes *c, const char *field, const cJSON *value,
                          const char *allowed);

struct failure {
    int code;                              /* HTTP */
    const char *reason;                    /* "NotFound"; NULL for none */
    const char *message;                   /* arena or static */
    const char *name, *group, *kind, *uid; /* details; NULL = leave out */
    const struct causes *causes;           /* NULL = none */
    int retry_after;                       /* seconds, 0 = none */
    bool no_details;
};
cJSON *failure_status(const struct failure *f); /* the Status object */
cJSON *success_status(const char *name, const char *group, const char *kind, const char *uid);
/* 422 with all causes in the message as Kubernetes words it: `Kind.group "name" is invalid: [f:
 * Invalid value: ..., ...]` */
void failure_invalid(struct failure *ret, struct arena *a, const char *group, const char *kind,
                     const char *name, const struct causes *causes);

#endif
