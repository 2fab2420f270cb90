/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects: how the API says no, and why. One struct collects code, reason, details and causes. */
#ifndef ATOLL_APISERVER_STATUS_H
#define ATOLL_APISERVER_STATUS_H

#include "base/json.h"

struct cause {
    const char *reason;  /* FieldValueRequired, FieldValueInvalid, FieldValueNotSupported, ... static */
    const char *field;   /* "spec.replicas", arena */
    const char *message; /* arena */
};
/* A growing list of causes; the arena owns all. */
struct causes {
    struct arena *arena;
    struct cause *items;
    size_t n, cap;
};
void causes_add(struct causes *c, const char *reason, const char *field, const char *fmt, ...) ATOLL_PRINTF(4, 5);

struct failure {
    int code;                    /* HTTP */
    const char *reason;          /* "NotFound"; NULL for none */
    const char *message;         /* arena or static */
    const char *name, *group, *kind, *uid; /* details; NULL = leave out */
    const struct causes *causes; /* NULL = none */
    int retry_after;             /* seconds, 0 = none */
    bool no_details;
};
cJSON *failure_status(const struct failure *f);          /* the Status object */
cJSON *success_status(const char *name, const char *group, const char *kind, const char *uid);
/* 422 with all causes in the message as Kubernetes words it: `Kind.group "name" is invalid: [f: Invalid value: ..., ...]` */
void failure_invalid(struct failure *ret, struct arena *a, const char *group, const char *kind, const char *name,
                     const struct causes *causes);

#endif
