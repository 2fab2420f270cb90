/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Common Expression Language, the part that rules of CRDs use: fields, has(), operators,
 * ternary, `in`, lists and maps, string and list functions, the macros all exists exists_one map
 * filter, and conversions. Programs are type-checked when they are compiled, so a typing error is
 * found when the CRD is created. Anything we do not have is a compile error that names it, never a
 * rule that is skipped.
 *
 * Not here: optional types (`?.`), two-variable macros, durations and timestamps beyond comparison,
 * the url, ip and quantity libraries beyond isIP, isCIDR and isQuantity.
 */
#ifndef ATOLL_APISERVER_CEL_H
#define ATOLL_APISERVER_CEL_H

#include "base/json.h"

enum cel_kind {
    CEL_DYN, /* known only when it runs */
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_LIST,
    CEL_MAP,
    CEL_OBJECT
};

struct cel_type;
struct cel_field {
    const char *name; /* JSON name, unescaped */
    const struct cel_type *type;
};
struct cel_type {
    enum cel_kind kind;
    const struct cel_type *elem;    /* of LIST, and the values of MAP */
    const struct cel_field *fields; /* of OBJECT, sorted by name */
    size_t n_fields;
    bool is_set;           /* list whose order does not count */
    const cJSON *map_keys; /* list identified by these members of its elements */
};
extern const struct cel_type cel_dyn, cel_bool, cel_int, cel_double, cel_string, cel_bytes,
    cel_timestamp, cel_duration;

struct cel_var {
    const char *name;
    const struct cel_type *type;
};
#define CEL_TEXT_MAX (16 * 1024)
#define CEL_VARS_MAX 8

struct cel; /* immutable */
/* The result must be of kind `wanted` (CEL_BOOL or CEL_STRING). Everything but compiled patterns
 * lies in the arena, which must outlive the program. `vars` is copied. */
int cel_compile(struct arena *a, const char *text, const struct cel_var *vars, size_t n_vars,
                enum cel_kind wanted, struct cel **ret, struct err **err);
void cel_free(struct cel *c);
bool cel_uses(const struct cel *c, size_t var);

/* Work that may still be done; shared by all rules of one object. */
struct cel_budget {
    int64_t left;
};
#define CEL_BUDGET 5000000

/* `values` in the order of vars; NULL is null. -EINVAL: the rule failed with an error (no such key,
 * ...); -E2BIG: the budget ran out. */
int cel_eval_bool(const struct cel *c, const cJSON *const *values, struct cel_budget *b, bool *ret,
                  struct err **err);
int cel_eval_string(const struct cel *c, const cJSON *const *values, struct cel_budget *b,
                    char **ret, struct err **err);

#endif
