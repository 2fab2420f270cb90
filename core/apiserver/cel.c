/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling and running CEL. An error is a value like any other until it reaches the top: `a || b`
 * is true when one side is, whatever the other says, and so for &&, all() and exists().
 */
#include "apiserver/cel.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "apiserver/cel_ast.h"

struct eval {
    struct cel_run run;
    struct cel_value slots[CEL_SLOTS_MAX];
};

static struct cel_value eval(struct eval *e, const struct cel_node *n);

static struct cel_value no_overload(void)
{
    return cel_failed("no such overload", NULL);
}

/* --- fields --------------------------------------------------------------------------------- */

static const struct cel_type *member_type(const struct cel_type *t, const char *name)
{
    if (t && t->kind == CEL_OBJECT) {
        const struct cel_field *f = cel_field_find(t, name);
        return f ? f->type : &cel_dyn;
    }
    return t && t->elem ? t->elem : &cel_dyn;
}

/* *ret_found false: there is no such key. */
static struct cel_value member(struct cel_value v, const char *name, bool *ret_found)
{
    *ret_found = false;
    if (v.json && cJSON_IsObject(v.json)) {
        const cJSON *j = cJSON_GetObjectItemCaseSensitive(v.json, name);
        *ret_found = j != NULL;
        return cel_of_json(j, member_type(v.type, name));
    }
    for (size_t i = 0; v.kind == CEL_MAP && i + 1 < v.n; i += 2) {
        if (v.items[i].kind == CEL_STRING && str_eq(v.items[i].text, str_of(name))) {
            *ret_found = true;
            return v.items[i + 1];
        }
    }
    return (struct cel_value){.kind = CEL_NULL};
}

static struct cel_value eval_field(struct eval *e, const struct cel_node *n)
{
    struct cel_value v = eval(e, n->args[0]);
    bool found;
    if (v.failed)
        return v;
    if (v.kind != CEL_MAP && v.kind != CEL_OBJECT)
        return n->op == N_HAS && v.kind == CEL_NULL ? cel_bool_of(false) : no_overload();
    e->run.budget->left -= 1;
    struct cel_value r = member(v, n->text, &found);
    if (n->op == N_HAS)
        return cel_bool_of(found);
    return found ? r : cel_failed("no such key:", n->text);
}

static struct cel_value eval_index(struct eval *e, const struct cel_node *n)
{
    struct cel_value v = eval(e, n->args[0]), i = eval(e, n->args[1]);
    if (v.failed || i.failed)
        return v.failed ? v : i;
    if (v.kind == CEL_LIST) {
        double at = i.kind == CEL_DOUBLE ? i.real : (double)i.integer;
        size_t length = cel_length(v);
        if (i.kind != CEL_INT && i.kind != CEL_UINT && i.kind != CEL_DOUBLE)
            return no_overload();
        if (at < 0 || at >= (double)length || at != floor(at))
            return cel_failed("index out of bounds", NULL);
        e->run.budget->left -= (int64_t)length / 16;
        return cel_at(v, (size_t)at);
    }
    if ((v.kind == CEL_MAP || v.kind == CEL_OBJECT) && i.kind == CEL_STRING) {
        bool found;
        char *key AUTO(mem_freep) = mem_strndup(i.text.ptr, i.text.len);
        struct cel_value r = member(v, key, &found);
        return found ? r : cel_failed("no such key", NULL);
    }
    return no_overload();
}

/* --- logic ---------------------------------------------------------------------------------- */

/* `decides`: the value of either side that settles the result. */
static struct cel_value eval_logic(struct eval *e, const struct cel_node *n, bool decides)
{
    struct cel_value a = eval(e, n->args[0]);
    if (!a.failed && a.kind == CEL_BOOL && a.boolean == decides)
        return a;
    struct cel_value b = eval(e, n->args[1]);
    if (!b.failed && b.kind == CEL_BOOL && b.boolean == decides)
        return b;
    if (a.failed || b.failed)
        return a.failed ? a : b;
    return a.kind == CEL_BOOL && b.kind == CEL_BOOL ? cel_bool_of(!decides) : no_overload();
}

static struct cel_value eval_condition(struct eval *e, const struct cel_node *n)
{
    struct cel_value c = eval(e, n->args[0]);
    if (c.failed)
        return c;
    return c.kind == CEL_BOOL ? eval(e, n->args[c.boolean ? 1 : 2]) : no_overload();
}

/* --- arithmetic ----------------------------------------------------------------------------- */

static struct cel_value concat(struct eval *e, struct cel_value a, struct cel_value b)
{
    if (a.kind == CEL_LIST) {
        size_t n = cel_length(a), m = cel_length(b);
        struct cel_value *items = cel_take(&e->run, (n + m) * sizeof(*items));
        if (!items)
            return cel_failed("result is too large", NULL);
        for (size_t i = 0; i < n + m; i++) {
            e->run.budget->left -= 1 + (int64_t)(i / 8);
            if (e->run.budget->left < 0)
                break;
            items[i] = i < n ? cel_at(a, i) : cel_at(b, i - n);
        }
        return (struct cel_value){.kind = CEL_LIST, .items = items, .n = n + m};
    }
    size_t len = a.text.len + b.text.len;
    char *text = len <= CEL_TEXT_OUT ? cel_take(&e->run, len + 1) : NULL;
    if (!text)
        return cel_failed("result is too large", NULL);
    memcpy(text, a.text.ptr, a.text.len);
    memcpy(text + a.text.len, b.text.ptr, b.text.len);
    struct cel_value v = cel_string_of((struct str){text, len});
    v.kind = a.kind;
    return v;
}

static struct cel_value integer_of(enum cel_op op, int64_t a, int64_t b)
{
    int64_t r = 0;
    bool overflow = false;
    switch (op) {
    case N_ADD:
        overflow = __builtin_add_overflow(a, b, &r);
        break;
    case N_SUBTRACT:
        overflow = __builtin_sub_overflow(a, b, &r);
        break;
    case N_MULTIPLY:
        overflow = __builtin_mul_overflow(a, b, &r);
        break;
    default:
        if (b == 0)
            return cel_failed(op == N_DIVIDE ? "division by zero" : "modulus by zero", NULL);
        if (a == INT64_MIN && b == -1)
            return cel_failed("integer overflow", NULL);
        r = op == N_DIVIDE ? a / b : a % b;
        break;
    }
    return overflow ? cel_failed("integer overflow", NULL) : cel_int_of(r);
}

static struct cel_value double_of(enum cel_op op, double a, double b)
{
    switch (op) {
    case N_ADD:
        return cel_double_of(a + b);
    case N_SUBTRACT:
        return cel_double_of(a - b);
    case N_MULTIPLY:
        return cel_double_of(a * b);
    case N_DIVIDE:
        return b == 0 ? cel_failed("division by zero", NULL) : cel_double_of(a / b);
    default:
        return no_overload();
    }
}

static struct cel_value eval_arithmetic(struct eval *e, const struct cel_node *n)
{
    struct cel_value a = eval(e, n->args[0]), b = eval(e, n->args[1]);
    if (a.failed || b.failed)
        return a.failed ? a : b;
    bool x = a.kind == CEL_INT || a.kind == CEL_UINT, y = b.kind == CEL_INT || b.kind == CEL_UINT;
    if (x && y) {
        struct cel_value r = integer_of(n->op, a.integer, b.integer);
        if (a.kind == CEL_UINT && !r.failed)
            r.kind = CEL_UINT;
        return r;
    }
    if (a.kind == CEL_DOUBLE || b.kind == CEL_DOUBLE) {
        if ((!x && a.kind != CEL_DOUBLE) || (!y && b.kind != CEL_DOUBLE))
            return no_overload();
        return double_of(n->op, x ? (double)a.integer : a.real, y ? (double)b.integer : b.real);
    }
    bool joins = a.kind == CEL_STRING || a.kind == CEL_BYTES || a.kind == CEL_LIST;
    return n->op == N_ADD && joins && a.kind == b.kind ? concat(e, a, b) : no_overload();
}

static struct cel_value eval_negate(struct eval *e, const struct cel_node *n)
{
    struct cel_value v = eval(e, n->args[0]);
    if (v.failed)
        return v;
    if (v.kind == CEL_DOUBLE)
        return cel_double_of(-v.real);
    return v.kind == CEL_INT ? integer_of(N_SUBTRACT, 0, v.integer) : no_overload();
}

static struct cel_value eval_relation(struct eval *e, const struct cel_node *n)
{
    struct cel_value a = eval(e, n->args[0]), b = eval(e, n->args[1]);
    int order;
    if (a.failed || b.failed)
        return a.failed ? a : b;
    if (n->op == N_EQUAL || n->op == N_NOT_EQUAL)
        return cel_bool_of(cel_equal(a, b, e->run.budget) == (n->op == N_EQUAL));
    e->run.budget->left -= (int64_t)(a.text.len + b.text.len) / 16;
    if (!cel_compare(a, b, &order))
        return no_overload();
    return cel_bool_of(n->op == N_LESS         ? order < 0
                       : n->op == N_LESS_EQUAL ? order <= 0
                       : n->op == N_GREATER    ? order > 0
                                               : order >= 0);
}

static struct cel_value eval_in(struct eval *e, const struct cel_node *n)
{
    struct cel_value what = eval(e, n->args[0]), in = eval(e, n->args[1]);
    if (what.failed || in.failed)
        return what.failed ? what : in;
    if (in.kind == CEL_MAP || in.kind == CEL_OBJECT) {
        bool found = false;
        if (what.kind != CEL_STRING)
            return cel_bool_of(false);
        char *key AUTO(mem_freep) = mem_strndup(what.text.ptr, what.text.len);
        member(in, key, &found);
        return cel_bool_of(found);
    }
    if (in.kind != CEL_LIST)
        return no_overload();
    const cJSON *j = in.json ? in.json->child : NULL;
    const struct cel_type *elem = in.type && in.type->elem ? in.type->elem : &cel_dyn;
    for (size_t i = 0; in.json ? j != NULL : i < in.n; i++) {
        struct cel_value v = in.json ? cel_of_json(j, elem) : in.items[i];
        if (--e->run.budget->left < 0)
            break;
        if (cel_equal(what, v, e->run.budget))
            return cel_bool_of(true);
        j = j ? j->next : NULL;
    }
    return cel_bool_of(false);
}

/* --- lists and macros ----------------------------------------------------------------------- */

static struct cel_value eval_container(struct eval *e, const struct cel_node *n)
{
    struct cel_value *items = cel_take(&e->run, n->n * sizeof(*items));
    if (!items)
        return cel_failed("result is too large", NULL);
    for (size_t i = 0; i < n->n; i++) {
        items[i] = eval(e, n->args[i]);
        if (items[i].failed)
            return items[i];
    }
    return (struct cel_value){
        .kind = n->op == N_MAP ? CEL_MAP : CEL_LIST, .items = items, .n = n->n};
}

/* Walks elements of lists and keys of maps. */
struct walk {
    struct cel_value range;
    const struct cel_type *elem;
    const cJSON *json;
    size_t i;
};

static bool walk_next(struct walk *w, struct cel_value *ret)
{
    bool map = w->range.kind != CEL_LIST;
    if (w->range.json) {
        if (!w->json)
            return false;
        *ret = map ? cel_string_of(str_of(w->json->string)) : cel_of_json(w->json, w->elem);
        w->json = w->json->next;
        return true;
    }
    if (w->i >= w->range.n)
        return false;
    *ret = w->range.items[w->i];
    w->i += map ? 2 : 1;
    return true;
}

/* What all() and its kind remember while they walk. */
struct tally {
    size_t yes;
    bool no, has_error;
    struct cel_value error;
};

static struct cel_value tally_result(const char *macro, const struct tally *t)
{
    bool all = streq(macro, "all"), exists = streq(macro, "exists");
    if (all && t->no)
        return cel_bool_of(false);
    if (exists && t->yes)
        return cel_bool_of(true);
    if (t->has_error)
        return t->error;
    return cel_bool_of(all || (!exists && t->yes == 1));
}

/* Adds what map() or filter() makes of one element. */
static struct cel_value collect(struct eval *e, const struct cel_node *n, struct cel_value element,
                                struct cel_value *items, size_t *count)
{
    bool map = streq(n->text, "map");
    struct cel_value keep = map && n->n == 2 ? cel_bool_of(true) : eval(e, n->args[1]);
    if (keep.failed || keep.kind != CEL_BOOL)
        return keep.failed ? keep : no_overload();
    if (!keep.boolean)
        return keep;
    struct cel_value v = map ? eval(e, n->args[n->n - 1]) : element;
    if (!v.failed)
        items[(*count)++] = v;
    return v;
}

static void count(struct eval *e, const struct cel_node *n, struct tally *t)
{
    struct cel_value v = eval(e, n->args[1]);
    bool fine = !v.failed && v.kind == CEL_BOOL;
    if (!fine && !t->has_error) {
        t->has_error = true;
        t->error = v.failed ? v : no_overload();
    }
    t->yes += fine && v.boolean;
    t->no = t->no || (fine && !v.boolean);
}

static struct cel_value eval_macro(struct eval *e, const struct cel_node *n)
{
    struct walk w = {.range = eval(e, n->args[0])};
    if (w.range.failed)
        return w.range;
    if (w.range.kind < CEL_LIST)
        return no_overload();
    w.json = w.range.json ? w.range.json->child : NULL;
    w.elem = w.range.type && w.range.type->elem ? w.range.type->elem : &cel_dyn;
    bool collects = streq(n->text, "map") || streq(n->text, "filter");
    size_t length = cel_length(w.range), made = 0;
    struct cel_value *items = collects ? cel_take(&e->run, length * sizeof(*items)) : NULL;
    if (collects && !items)
        return cel_failed("result is too large", NULL);
    struct tally t = {0};
    struct cel_value element, outer = e->slots[n->slot];
    struct cel_value result = cel_bool_of(true);
    bool all = streq(n->text, "all"), exists = streq(n->text, "exists");
    while (walk_next(&w, &element) && !result.failed && e->run.budget->left > 0) {
        e->slots[n->slot] = element;
        if (collects)
            result = collect(e, n, element, items, &made);
        else
            count(e, n, &t);
        if ((all && t.no) || (exists && t.yes))
            break;
    }
    e->slots[n->slot] = outer;
    if (result.failed)
        return result;
    return collects ? (struct cel_value){.kind = CEL_LIST, .items = items, .n = made}
                    : tally_result(n->text, &t);
}

static struct cel_value eval_call(struct eval *e, const struct cel_node *n)
{
    struct cel_value args[5];
    ATOLL_ASSERT(n->n <= ARRAY_LEN(args));
    for (size_t i = 0; i < n->n; i++) {
        args[i] = eval(e, n->args[i]);
        if (args[i].failed)
            return args[i];
    }
    struct cel_call call = {.run = &e->run, .node = n, .args = args, .n = n->n};
    return n->function->run(&call);
}

static struct cel_value eval_not(struct eval *e, const struct cel_node *n)
{
    struct cel_value v = eval(e, n->args[0]);
    if (v.failed || v.kind != CEL_BOOL)
        return v.failed ? v : no_overload();
    return cel_bool_of(!v.boolean);
}

static struct cel_value eval(struct eval *e, const struct cel_node *n)
{
    if (--e->run.budget->left < 0)
        return cel_failed("out of budget", NULL);
    switch (n->op) {
    case N_LITERAL:
        return n->literal;
    case N_IDENT:
        return e->slots[n->slot];
    case N_FIELD:
    case N_HAS:
        return eval_field(e, n);
    case N_INDEX:
        return eval_index(e, n);
    case N_LIST:
    case N_MAP:
        return eval_container(e, n);
    case N_COND:
        return eval_condition(e, n);
    case N_AND:
        return eval_logic(e, n, false);
    case N_OR:
        return eval_logic(e, n, true);
    case N_NOT:
        return eval_not(e, n);
    case N_NEGATE:
        return eval_negate(e, n);
    case N_ADD:
    case N_SUBTRACT:
    case N_MULTIPLY:
    case N_DIVIDE:
    case N_MODULO:
        return eval_arithmetic(e, n);
    case N_IN:
        return eval_in(e, n);
    case N_CALL:
        return eval_call(e, n);
    case N_MACRO:
        return eval_macro(e, n);
    default:
        return eval_relation(e, n);
    }
}

/* --- entry ---------------------------------------------------------------------------------- */

int cel_compile(struct arena *a, const char *text, const struct cel_var *vars, size_t n_vars,
                enum cel_kind wanted, struct cel **ret, struct err **err)
{
    ATOLL_ASSERT(n_vars <= CEL_VARS_MAX);
    if (strlen(text) > CEL_TEXT_MAX)
        return err_set(err, -EINVAL, "expression is longer than %d bytes", CEL_TEXT_MAX);
    struct cel *c = arena_new_of(a, struct cel);
    c->arena = a;
    c->text = arena_strdup(a, text);
    c->n_vars = n_vars;
    for (size_t i = 0; i < n_vars; i++)
        c->vars[i] = vars[i];
    int rc = cel_parse(c, err);
    if (!rc)
        rc = cel_check(c, wanted, err);
    if (rc) {
        cel_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

/* The program lies in the arena; only patterns are on the heap. */
void cel_free(struct cel *c)
{
    for (size_t i = 0; c && i < c->n_patterns; i++)
        regexp_free(c->patterns[i]);
    if (c)
        c->n_patterns = 0;
}

bool cel_uses(const struct cel *c, size_t var)
{
    return c->used[var];
}

static struct cel_value run(const struct cel *c, const cJSON *const *values, struct eval *e,
                            int *ret_rc, struct err **err)
{
    for (size_t i = 0; i < c->n_vars; i++)
        e->slots[i] = cel_of_json(values[i], c->vars[i].type);
    struct cel_value v = eval(e, c->root);
    *ret_rc = 0;
    /* Loops stop early when the budget is gone: what they gave then means nothing. */
    if (e->run.budget->left <= 0)
        *ret_rc = err_set(err, -E2BIG, "the evaluation takes too long");
    else if (v.failed)
        *ret_rc = err_set(err, -EINVAL, "%.*s%s%s", (int)v.text.len, v.text.ptr, v.what ? " " : "",
                          v.what ? v.what : "");
    return v;
}

#define EVAL_ARENA_MAX (CEL_MEMORY_MAX * 2)

int cel_eval_bool(const struct cel *c, const cJSON *const *values, struct cel_budget *b, bool *ret,
                  struct err **err)
{
    struct arena *a AUTO(arena_freep) = arena_new(EVAL_ARENA_MAX);
    struct eval e = {.run = {.arena = a, .budget = b}};
    int rc;
    struct cel_value v = run(c, values, &e, &rc, err);
    if (rc)
        return rc;
    if (v.kind != CEL_BOOL)
        return err_set(err, -EINVAL, "the rule did not give true or false");
    *ret = v.boolean;
    return 0;
}

int cel_eval_string(const struct cel *c, const cJSON *const *values, struct cel_budget *b,
                    char **ret, struct err **err)
{
    struct arena *a AUTO(arena_freep) = arena_new(EVAL_ARENA_MAX);
    struct eval e = {.run = {.arena = a, .budget = b}};
    int rc;
    struct cel_value v = run(c, values, &e, &rc, err);
    if (rc)
        return rc;
    if (v.kind != CEL_STRING)
        return err_set(err, -EINVAL, "the expression did not give a string");
    *ret = mem_strndup(v.text.ptr, v.text.len);
    return 0;
}
