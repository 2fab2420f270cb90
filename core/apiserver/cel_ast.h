/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a CEL expression and its values, shared by the cel_*.c files. */
#ifndef ATOLL_APISERVER_CEL_AST_H
#define ATOLL_APISERVER_CEL_AST_H

#include "apiserver/cel.h"
#include "apiserver/regexp.h"

#define CEL_DEPTH_MAX 60    /* nesting in the text */
#define CEL_TREE_MAX  250   /* depth of the tree, which long chains of operators make deep */
#define CEL_NODES_MAX 10000 /* of one program */
#define CEL_SLOTS_MAX 32    /* variables visible at one place */
#define CEL_TEXT_OUT  (256 * 1024)

enum cel_op {
    N_LITERAL,
    N_IDENT, /* slot */
    N_FIELD, /* args[0].text */
    N_HAS,   /* has(args[0].text) */
    N_INDEX, /* args[0][args[1]] */
    N_LIST,  /* [args...] */
    N_MAP,   /* {args[0]: args[1], ...} */
    N_COND,  /* args[0] ? args[1] : args[2] */
    N_AND,
    N_OR,
    N_NOT,
    N_NEGATE,
    N_ADD,
    N_SUBTRACT,
    N_MULTIPLY,
    N_DIVIDE,
    N_MODULO,
    N_EQUAL,
    N_NOT_EQUAL,
    N_LESS,
    N_LESS_EQUAL,
    N_GREATER,
    N_GREATER_EQUAL,
    N_IN,
    N_CALL, /* text(args...), or args[0].text(args[1]...) when member */
    N_MACRO /* args[0].text(slot, args[1][, args[2]]) */
};

struct cel_function;

/* A value. Containers from JSON stay JSON; those the program makes are lists of values. */
struct cel_value {
    enum cel_kind kind;
    bool failed; /* an error; `text` says which */
    bool boolean;
    int64_t integer; /* int, uint, microseconds of timestamps, nanoseconds of durations */
    double real;
    struct str text;  /* string, bytes, why it failed */
    const char *what; /* of an error */
    const cJSON *json;
    const struct cel_type *type;   /* of a JSON container */
    const struct cel_value *items; /* of a made list, or the pairs of a made map */
    size_t n;
};

struct cel_node {
    enum cel_op op;
    uint32_t at; /* offset in the text, for errors */
    bool member;
    uint8_t slot;
    uint16_t depth;
    const char *text; /* name of field, function or macro */
    const char *var;  /* of a macro */
    struct cel_node **args;
    size_t n;
    const struct cel_type *type; /* filled in by the checker */
    struct cel_value literal;
    const struct cel_function *function;
    struct regexp *pattern; /* of matches() with a literal */
};

struct cel {
    struct arena *arena;
    const char *text;
    struct cel_node *root;
    struct cel_var vars[CEL_VARS_MAX];
    size_t n_vars;
    bool used[CEL_VARS_MAX];
    struct regexp *patterns[64];
    size_t n_patterns;
};

/* cel_parse.c */
int cel_parse(struct cel *c, struct err **err);
/* "ERROR: <input>:1:11: text\n | rule\n | ..........^" */
int cel_complain(const struct cel *c, uint32_t at, struct err **err, const char *fmt, ...)
    ATOLL_PRINTF(4, 5);

/* cel_check.c */
int cel_check(struct cel *c, enum cel_kind wanted, struct err **err);
const struct cel_field *cel_field_find(const struct cel_type *t, const char *name);

/* cel_value.c */
struct cel_value cel_of_json(const cJSON *j, const struct cel_type *t);
/* An error: why is static, what (may be NULL) outlives the evaluation. Allocates nothing, because a
 * macro may meet one per element. */
struct cel_value cel_failed(const char *why, const char *what);
bool cel_duration_parse(struct str s, int64_t *ret_ns); /* Go's form: 1h30m */
bool cel_equal(struct cel_value a, struct cel_value b, struct cel_budget *budget);
/* -1, 0, 1; false when the two have no order. */
bool cel_compare(struct cel_value a, struct cel_value b, int *ret);
size_t cel_length(struct cel_value v); /* of a list or map */
struct cel_value cel_at(struct cel_value list, size_t i);
int64_t cel_weight(struct cel_value v); /* rough cost of looking at all of it */
struct cel_value cel_bool_of(bool b);
struct cel_value cel_int_of(int64_t n);
struct cel_value cel_double_of(double d);
struct cel_value cel_string_of(struct str s);

/* One evaluation. */
#define CEL_MEMORY_MAX (8 * 1024 * 1024)
struct cel_run {
    struct arena *arena;
    struct cel_budget *budget;
    size_t memory; /* taken so far */
};
/* NULL when the evaluation has taken too much. */
void *cel_take(struct cel_run *r, size_t n);

/* cel_functions.c */
struct cel_call {
    struct cel_run *run;
    const struct cel_node *node;
    const struct cel_value *args; /* the target first */
    size_t n;
};
struct cel_function {
    const char *name;
    bool member;          /* x.f(...), else f(x, ...) */
    uint8_t least, most;  /* arguments, with the target */
    uint32_t target;      /* kinds the first argument may have, bits of enum cel_kind; 0: any */
    enum cel_kind result; /* CEL_DYN: as the program finds */
    struct cel_value (*run)(const struct cel_call *call);
};
/* NULL when there is no such function; the name may exist as the other form. */
const struct cel_function *cel_function_find(const char *name, bool member);

#endif
