/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of CEL expressions. What cannot work is refused when a CRD is created: unknown variables
 * and fields, unknown functions, operators on types they do not take. What depends on the object (a
 * dyn) is left to the evaluation.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/cel_ast.h"

struct scope {
    const char *name;
    const struct cel_type *type;
};

struct checker {
    struct cel *c;
    struct scope scopes[CEL_SLOTS_MAX];
    size_t n;
    struct err **err;
};

static int check(struct checker *k, struct cel_node *n);

static const char *kind_name(enum cel_kind kind)
{
    static const char *const names[] = {"dyn",    "null",   "bool",  "int",       "uint",
                                        "double", "string", "bytes", "timestamp", "duration",
                                        "list",   "map",    "object"};
    return names[kind];
}

static bool is_kind(const struct cel_node *n, enum cel_kind kind)
{
    return n->type->kind == kind || n->type->kind == CEL_DYN;
}

static bool is_number_kind(enum cel_kind kind)
{
    return kind == CEL_INT || kind == CEL_UINT || kind == CEL_DOUBLE || kind == CEL_DYN;
}

static bool same_or_dyn(const struct cel_node *a, const struct cel_node *b)
{
    enum cel_kind x = a->type->kind, y = b->type->kind;
    bool maps = (x == CEL_MAP || x == CEL_OBJECT) && (y == CEL_MAP || y == CEL_OBJECT);
    return x == y || x == CEL_DYN || y == CEL_DYN || maps;
}

static const struct cel_type *list_of(struct checker *k, const struct cel_type *elem)
{
    struct cel_type *t = arena_new_of(k->c->arena, struct cel_type);
    *t = (struct cel_type){.kind = CEL_LIST, .elem = elem};
    return t;
}

/* --- names ---------------------------------------------------------------------------------- */

/* Property names that are no identifiers are written __dot__, __dash__, ...: the name they mean. */
static void unescape(const char *name, char *out, size_t max)
{
    static const struct {
        const char *text;
        char c;
    } marks[] = {{"__dot__", '.'}, {"__dash__", '-'}, {"__slash__", '/'}};
    size_t n = 0, len = strlen(name);
    /* Reserved words are wrapped whole: __namespace__. */
    if (len > 4 && str_starts(name, "__") && str_ends(name, "__") && !strstr(name + 2, "__d") &&
        !strstr(name + 2, "__s") && strstr(name + 2, "__") == name + len - 2) {
        size_t inner = len - 4;
        bool mark = false;
        for (size_t i = 0; i < ARRAY_LEN(marks); i++)
            mark = mark || streq(marks[i].text, name);
        if (!mark && !streq(name, "__underscores__") && inner < max) {
            memcpy(out, name + 2, inner);
            out[inner] = '\0';
            return;
        }
    }
    while (*name && n + 3 < max) {
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(marks) && !found; i++) {
            if (str_starts(name, marks[i].text)) {
                out[n++] = marks[i].c;
                name += strlen(marks[i].text);
                found = true;
            }
        }
        if (!found && str_starts(name, "__underscores__")) {
            out[n++] = '_';
            out[n++] = '_';
            name += strlen("__underscores__");
        } else if (!found) {
            out[n++] = *name++;
        }
    }
    out[n] = '\0';
}

const struct cel_field *cel_field_find(const struct cel_type *t, const char *name)
{
    size_t low = 0, high = t->n_fields;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(t->fields[middle].name, name);
        if (order == 0)
            return &t->fields[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int check_ident(struct checker *k, struct cel_node *n)
{
    for (size_t i = k->n; i-- > 0;) {
        if (!streq(k->scopes[i].name, n->text))
            continue;
        n->slot = (uint8_t)i;
        n->type = k->scopes[i].type;
        if (i < k->c->n_vars)
            k->c->used[i] = true;
        return 0;
    }
    return cel_complain(k->c, n->at, k->err, "undeclared reference to '%s'", n->text);
}

static int check_field(struct checker *k, struct cel_node *n)
{
    int rc = check(k, n->args[0]);
    if (rc)
        return rc;
    const struct cel_type *t = n->args[0]->type;
    char name[256];
    unescape(n->text, name, sizeof(name));
    /* Keys of maps are written as they are; only declared properties are escaped. */
    if (t->kind == CEL_OBJECT)
        n->text = arena_strdup(k->c->arena, name);
    if (t->kind == CEL_DYN) {
        n->type = &cel_dyn;
    } else if (t->kind == CEL_MAP) {
        n->type = t->elem ? t->elem : &cel_dyn;
    } else if (t->kind == CEL_OBJECT) {
        const struct cel_field *f = cel_field_find(t, name);
        if (!f)
            return cel_complain(k->c, n->at, k->err, "undefined field '%s'", n->text);
        n->type = f->type;
    } else {
        return cel_complain(k->c, n->at, k->err, "type '%s' does not support field selection",
                            kind_name(t->kind));
    }
    if (n->op == N_HAS)
        n->type = &cel_bool;
    return 0;
}

/* --- operators ------------------------------------------------------------------------------ */

static int no_overload(struct checker *k, const struct cel_node *n, const char *mark)
{
    const char *a = kind_name(n->args[0]->type->kind);
    if (n->n == 1)
        return cel_complain(k->c, n->at, k->err,
                            "found no matching overload for '%s' applied to '(%s)'", mark, a);
    return cel_complain(k->c, n->at, k->err,
                        "found no matching overload for '%s' applied to '(%s, %s)'", mark, a,
                        kind_name(n->args[1]->type->kind));
}

static int check_logic(struct checker *k, struct cel_node *n)
{
    static const char *const marks[] = {[N_AND] = "_&&_", [N_OR] = "_||_", [N_NOT] = "!_"};
    for (size_t i = 0; i < n->n; i++)
        if (!is_kind(n->args[i], CEL_BOOL))
            return no_overload(k, n, marks[n->op]);
    n->type = &cel_bool;
    return 0;
}

static int check_arithmetic(struct checker *k, struct cel_node *n)
{
    static const char *const marks[] = {[N_ADD] = "_+_",
                                        [N_SUBTRACT] = "_-_",
                                        [N_MULTIPLY] = "_*_",
                                        [N_DIVIDE] = "_/_",
                                        [N_MODULO] = "_%_"};
    const struct cel_node *a = n->args[0], *b = n->args[1];
    enum cel_kind x = a->type->kind, y = b->type->kind;
    enum cel_kind kind = x == CEL_DYN ? y : x;
    bool ok = same_or_dyn(a, b) && is_number_kind(kind);
    if (n->op == N_MODULO)
        ok = ok && kind != CEL_DOUBLE;
    if (n->op == N_ADD && same_or_dyn(a, b))
        ok = ok || kind == CEL_STRING || kind == CEL_BYTES || kind == CEL_LIST;
    if (ok && kind == CEL_LIST &&
        (a->type->is_set || a->type->map_keys || b->type->is_set || b->type->map_keys))
        return cel_complain(k->c, n->at, k->err,
                            "'+' on lists of list-type set or map is not supported");
    if (!ok)
        return no_overload(k, n, marks[n->op]);
    n->type = x == CEL_DYN ? b->type : a->type;
    if (x == CEL_DYN || y == CEL_DYN)
        n->type = &cel_dyn;
    return 0;
}

static int check_comparison(struct checker *k, struct cel_node *n)
{
    static const char *const marks[] = {
        [N_LESS] = "_<_", [N_LESS_EQUAL] = "_<=_", [N_GREATER] = "_>_", [N_GREATER_EQUAL] = "_>=_"};
    enum cel_kind x = n->args[0]->type->kind, y = n->args[1]->type->kind;
    bool numbers = is_number_kind(x) && is_number_kind(y);
    bool container = x >= CEL_LIST || y >= CEL_LIST || x == CEL_NULL || y == CEL_NULL;
    if ((!numbers && !same_or_dyn(n->args[0], n->args[1])) || container)
        return no_overload(k, n, marks[n->op]);
    n->type = &cel_bool;
    return 0;
}

static int check_equality(struct checker *k, struct cel_node *n)
{
    enum cel_kind x = n->args[0]->type->kind, y = n->args[1]->type->kind;
    bool numbers = is_number_kind(x) && is_number_kind(y);
    if (!numbers && !same_or_dyn(n->args[0], n->args[1]) && x != CEL_NULL && y != CEL_NULL)
        return no_overload(k, n, n->op == N_EQUAL ? "_==_" : "_!=_");
    n->type = &cel_bool;
    return 0;
}

static int check_in(struct checker *k, struct cel_node *n)
{
    const struct cel_type *t = n->args[1]->type;
    enum cel_kind x = n->args[0]->type->kind;
    bool list = t->kind == CEL_LIST || t->kind == CEL_DYN;
    bool map = t->kind == CEL_MAP && (x == CEL_STRING || x == CEL_DYN);
    if (t->kind == CEL_LIST && t->elem) {
        enum cel_kind e = t->elem->kind;
        list = e == x || e == CEL_DYN || x == CEL_DYN || (is_number_kind(e) && is_number_kind(x)) ||
               (e >= CEL_LIST && x >= CEL_LIST);
    }
    if (!list && !map)
        return no_overload(k, n, "@in");
    n->type = &cel_bool;
    return 0;
}

static int check_index(struct checker *k, struct cel_node *n)
{
    const struct cel_type *t = n->args[0]->type;
    bool list = t->kind == CEL_LIST && is_number_kind(n->args[1]->type->kind);
    bool map = t->kind == CEL_MAP;
    if (!list && !map && t->kind != CEL_DYN)
        return no_overload(k, n, "_[_]");
    n->type = (list || map) && t->elem ? t->elem : &cel_dyn;
    return 0;
}

static int check_condition(struct checker *k, struct cel_node *n)
{
    if (!is_kind(n->args[0], CEL_BOOL))
        return cel_complain(k->c, n->at, k->err, "the condition of '?:' must be a bool, found %s",
                            kind_name(n->args[0]->type->kind));
    if (!same_or_dyn(n->args[1], n->args[2]))
        return cel_complain(k->c, n->at, k->err, "the branches of '?:' have types %s and %s",
                            kind_name(n->args[1]->type->kind), kind_name(n->args[2]->type->kind));
    bool dyn = n->args[1]->type->kind == CEL_DYN || n->args[2]->type->kind == CEL_DYN;
    n->type = dyn ? &cel_dyn : n->args[1]->type;
    return 0;
}

/* --- lists, calls, macros ------------------------------------------------------------------- */

static void check_container(struct checker *k, struct cel_node *n)
{
    size_t step = n->op == N_MAP ? 2 : 1;
    const struct cel_type *elem = n->n ? n->args[step - 1]->type : &cel_dyn;
    for (size_t i = step - 1; i < n->n; i += step)
        if (n->args[i]->type->kind != elem->kind || elem->kind >= CEL_LIST)
            elem = n->args[i]->type == elem ? elem : &cel_dyn;
    if (n->op == N_LIST) {
        n->type = list_of(k, elem);
        return;
    }
    struct cel_type *t = arena_new_of(k->c->arena, struct cel_type);
    *t = (struct cel_type){.kind = CEL_MAP, .elem = elem};
    n->type = t;
}

/* A literal pattern is compiled once. */
static int compile_pattern(struct checker *k, struct cel_node *n)
{
    const struct cel_node *p = n->n > 1 ? n->args[1] : NULL;
    struct err *why AUTO(err_freep) = NULL;
    if (!streq(n->text, "matches") || !p || p->op != N_LITERAL)
        return 0;
    if (k->c->n_patterns == ARRAY_LEN(k->c->patterns))
        return cel_complain(k->c, n->at, k->err, "too many patterns in one expression");
    char *text AUTO(mem_freep) = mem_strndup(p->literal.text.ptr, p->literal.text.len);
    if (regexp_compile(text, &n->pattern, &why))
        return cel_complain(k->c, p->at, k->err, "%s", err_text(why));
    k->c->patterns[k->c->n_patterns++] = n->pattern;
    return 0;
}

static const struct cel_type *result_type(struct checker *k, const struct cel_node *n)
{
    switch (n->function->result) {
    case CEL_BOOL:
        return &cel_bool;
    case CEL_INT:
        return &cel_int;
    case CEL_DOUBLE:
        return &cel_double;
    case CEL_STRING:
        return &cel_string;
    case CEL_BYTES:
        return &cel_bytes;
    case CEL_TIMESTAMP:
        return &cel_timestamp;
    case CEL_DURATION:
        return &cel_duration;
    case CEL_LIST: /* of strings: split() */
        return list_of(k, &cel_string);
    default:
        return &cel_dyn;
    }
}

static int check_call(struct checker *k, struct cel_node *n)
{
    const struct cel_function *f = cel_function_find(n->text, n->member);
    if (!f && cel_function_find(n->text, !n->member))
        return cel_complain(k->c, n->at, k->err, "write %s as %s", n->text,
                            n->member ? "a function: f(x)" : "a method: x.f()");
    if (!f)
        return cel_complain(k->c, n->at, k->err,
                            "undeclared reference to '%s' (this function is "
                            "not supported here)",
                            n->text);
    if (n->n < f->least || n->n > f->most)
        return cel_complain(k->c, n->at, k->err, "wrong number of arguments for '%s'", n->text);
    const struct cel_type *t = n->n ? n->args[0]->type : &cel_dyn;
    if (f->target && t->kind != CEL_DYN && !(f->target >> t->kind & 1))
        return cel_complain(k->c, n->at, k->err, "'%s' does not take a value of type %s", n->text,
                            kind_name(t->kind));
    n->function = f;
    n->type = result_type(k, n);
    return compile_pattern(k, n);
}

static int scope_push(struct checker *k, const struct cel_node *n, const struct cel_type *t)
{
    if (k->n == CEL_SLOTS_MAX)
        return cel_complain(k->c, n->at, k->err, "too many variables");
    k->scopes[k->n++] = (struct scope){n->var, t};
    return 0;
}

static int check_macro(struct checker *k, struct cel_node *n)
{
    int rc = check(k, n->args[0]);
    if (rc)
        return rc;
    const struct cel_type *t = n->args[0]->type;
    bool map = t->kind == CEL_MAP || t->kind == CEL_OBJECT;
    if (!map && t->kind != CEL_LIST && t->kind != CEL_DYN)
        return cel_complain(k->c, n->at, k->err,
                            "expression of type '%s' cannot be range of a comprehension",
                            kind_name(t->kind));
    n->slot = (uint8_t)k->n;
    rc = scope_push(k, n, map ? &cel_string : t->elem ? t->elem : &cel_dyn);
    for (size_t i = 1; i < n->n && !rc; i++)
        rc = check(k, n->args[i]);
    k->n--;
    if (rc)
        return rc;
    bool is_map_macro = streq(n->text, "map");
    bool predicate = !is_map_macro || n->n == 3;
    if (predicate && !is_kind(n->args[1], CEL_BOOL))
        return cel_complain(k->c, n->args[1]->at, k->err,
                            "the predicate of %s must be a bool, found %s", n->text,
                            kind_name(n->args[1]->type->kind));
    if (is_map_macro)
        n->type = list_of(k, n->args[n->n - 1]->type);
    else if (streq(n->text, "filter"))
        n->type = map ? list_of(k, &cel_string) : list_of(k, t->elem ? t->elem : &cel_dyn);
    else
        n->type = &cel_bool;
    return 0;
}

static const struct cel_type *literal_type(const struct cel_value *v)
{
    static const struct cel_type null_type = {.kind = CEL_NULL}, uint_type = {.kind = CEL_UINT};
    switch (v->kind) {
    case CEL_BOOL:
        return &cel_bool;
    case CEL_INT:
        return &cel_int;
    case CEL_UINT:
        return &uint_type;
    case CEL_DOUBLE:
        return &cel_double;
    case CEL_STRING:
        return &cel_string;
    case CEL_BYTES:
        return &cel_bytes;
    default:
        return &null_type;
    }
}

static int check_negate(struct checker *k, struct cel_node *n)
{
    enum cel_kind kind = n->args[0]->type->kind;
    if (kind != CEL_INT && kind != CEL_DOUBLE && kind != CEL_DYN)
        return no_overload(k, n, "-_");
    n->type = n->args[0]->type;
    return 0;
}

static int check(struct checker *k, struct cel_node *n)
{
    switch (n->op) {
    case N_LITERAL:
        n->type = literal_type(&n->literal);
        return 0;
    case N_IDENT:
        return check_ident(k, n);
    case N_FIELD:
    case N_HAS:
        return check_field(k, n);
    case N_MACRO:
        return check_macro(k, n);
    default:
        break;
    }
    for (size_t i = 0; i < n->n; i++) {
        int rc = check(k, n->args[i]);
        if (rc)
            return rc;
    }
    switch (n->op) {
    case N_INDEX:
        return check_index(k, n);
    case N_LIST:
    case N_MAP:
        check_container(k, n);
        return 0;
    case N_COND:
        return check_condition(k, n);
    case N_AND:
    case N_OR:
    case N_NOT:
        return check_logic(k, n);
    case N_NEGATE:
        return check_negate(k, n);
    case N_ADD:
    case N_SUBTRACT:
    case N_MULTIPLY:
    case N_DIVIDE:
    case N_MODULO:
        return check_arithmetic(k, n);
    case N_EQUAL:
    case N_NOT_EQUAL:
        return check_equality(k, n);
    case N_IN:
        return check_in(k, n);
    case N_CALL:
        return check_call(k, n);
    default:
        return check_comparison(k, n);
    }
}

int cel_check(struct cel *c, enum cel_kind wanted, struct err **err)
{
    struct checker k = {.c = c, .err = err};
    for (size_t i = 0; i < c->n_vars; i++)
        k.scopes[k.n++] = (struct scope){c->vars[i].name, c->vars[i].type};
    int rc = check(&k, c->root);
    if (rc)
        return rc;
    if (!is_kind(c->root, wanted))
        return err_set(err, -EINVAL, "must evaluate to %s, found %s", kind_name(wanted),
                       kind_name(c->root->type->kind));
    return 0;
}
