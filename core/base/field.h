/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON fields by table: one row says all about one field of an API object, and one interpreter
 * reads the rows to validate, to default, to warn, to print the CRD schema and to print the manual.
 *
 * Paths: "spec.name", "spec.ports[].port" (items of a list), "status.components.*.phase" (values of
 * a map). Objects on the way need no row of their own. A row with `sub` has that table's rows below
 * it, so that a structure used in several places is written once. Nothing here does I/O or keeps
 * global state.
 */
#ifndef ATOLL_BASE_FIELD_H
#define ATOLL_BASE_FIELD_H

#include "base/json.h"

enum field_type {
    FIELD_OBJECT,
    FIELD_LIST, /* items by rows "path[]..."; without any: strings */
    FIELD_MAP,  /* free keys, values by rows "path.*..."; without any: strings */
    FIELD_STRING,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_BOOL,
    FIELD_INT_OR_STRING, /* 3 or "30%" */
    FIELD_QUANTITY,      /* "512Mi", 2 */
    FIELD_TIME,          /* RFC 3339 */
    FIELD_OPAQUE,        /* an object whose members belong to somebody else: kept as they are */
    FIELD_OPAQUE_LIST,   /* a list of such objects */
    FIELD_ANY            /* any JSON value, kept as it is */
};

enum field_flag {
    FIELD_REQUIRED = 1 << 0,
    FIELD_IMMUTABLE = 1 << 1,  /* once set it keeps its value */
    FIELD_SECRET = 1 << 2,     /* never shown in texts */
    FIELD_DEPRECATED = 1 << 3, /* works; `instead` names the newer spelling */
    FIELD_NO_EFFECT = 1 << 4,  /* accepted, does nothing here: a warning says so */
    FIELD_REJECTED = 1 << 5,   /* refused; `instead` is the alternative, one sentence */
    FIELD_PRESERVE = 1 << 6,   /* an object that may have members without a row */
    FIELD_SET = 1 << 7         /* a list of scalars without duplicates */
};

struct field_table;
struct field {
    const char *path;
    enum field_type type;
    unsigned flags;
    const char *def;  /* JSON text, NULL = none */
    int64_t min, max; /* numbers; both 0 = no bounds, FIELD_NO_MAX = only min */
    unsigned min_len,
        max_len;         /* bytes of a string, items of a list, members of a map; 0 = no bound */
    const char *allowed; /* strings: "A|B|C" */
    const char
        *pattern; /* strings: an anchored regular expression (POSIX extended, also valid in RE2) */
    const char *key; /* list of objects: member that names an item, "name" or "port,protocol" */
    const struct field_table *sub;
    const char *help;
    const char *instead;
};
#define FIELD_NO_MAX INT64_MAX

struct field_table {
    const struct field *rows;
    size_t n;
};
#define FIELD_TABLE(array)                                                                         \
    {                                                                                              \
        (array), ARRAY_LEN(array)                                                                  \
    }

/* The rows as a tree. Immutable; any thread. A malformed table is a programming error (assert). */
struct field_schema;
struct field_schema *field_schema_new(const struct field_table *t);
void field_schema_free(struct field_schema *s);
static inline void field_schema_freep(struct field_schema **s)
{
    field_schema_free(*s);
    *s = NULL;
}

/* `text` is a sentence without the path. */
typedef void field_report_fn(void *arg, const char *path, const char *text);
/* Every violation, in document order; the number of them. `old` (may be NULL) is the stored object,
 * for IMMUTABLE. Members without a row are no violation: see field_unknown. */
size_t field_validate(const struct field_schema *s, const cJSON *value, const cJSON *old,
                      field_report_fn *report, void *arg);
/* NO_EFFECT and DEPRECATED fields that are present: each row once. */
size_t field_warnings(const struct field_schema *s, const cJSON *value, field_report_fn *report,
                      void *arg);
/* Members that no row describes. */
size_t field_unknown(const struct field_schema *s, const cJSON *value, field_report_fn *report,
                     void *arg);
/* Absent fields get their default, inside objects that are present. */
void field_default(const struct field_schema *s, cJSON *value);
/* Structural OpenAPI v3 schema of the root object. */
cJSON *field_openapi(const struct field_schema *s);
/* Markdown table: field, type, default, what it does, how it is served. */
void field_docs(const struct field_schema *s, struct buf *out);

#endif
