/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a CEL expression to a tree. Macros (has, all, exists, exists_one, map, filter) are
 * recognised here, because their arguments are not ordinary expressions.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/cel_ast.h"

struct parser {
    struct cel *c;
    const char *at;
    int depth;        /* of the recursion */
    uint16_t deepest; /* tree so far */
    size_t nodes;
    struct err **err;
};

static struct cel_node *parse_expression(struct parser *p);

/* --- errors --------------------------------------------------------------------------------- */

int cel_complain(const struct cel *c, uint32_t at, struct err **err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *what AUTO(mem_freep) = mem_vprintf(fmt, ap);
    va_end(ap);
    size_t line = 1, start = 0, end = at;
    for (size_t i = 0; i < at; i++) {
        if (c->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    while (c->text[end] && c->text[end] != '\n' && end - start < 200)
        end++;
    size_t column = at - start;
    char dots[200];
    size_t n = column < sizeof(dots) - 1 ? column : sizeof(dots) - 1;
    memset(dots, '.', n);
    dots[n] = '\0';
    return err_set(err, -EINVAL, "ERROR: <input>:%zu:%zu: %s\n | %.*s\n | %s^", line, column + 1,
                   what, (int)(end - start), c->text + start, dots);
}

static struct cel_node *wrong(struct parser *p, const char *what)
{
    uint32_t at = (uint32_t)(p->at - p->c->text);
    if (*p->at)
        cel_complain(p->c, at, p->err, "Syntax error: %s, found '%c'", what, *p->at);
    else
        cel_complain(p->c, at, p->err, "Syntax error: %s, found the end of the expression", what);
    return NULL;
}

/* --- nodes ---------------------------------------------------------------------------------- */

static struct cel_node *node_new(struct parser *p, enum cel_op op, const char *at)
{
    if (++p->nodes > CEL_NODES_MAX || p->deepest > CEL_TREE_MAX) {
        cel_complain(p->c, (uint32_t)(at - p->c->text), p->err, "expression is too large");
        return NULL;
    }
    struct cel_node *n = arena_new_of(p->c->arena, struct cel_node);
    n->op = op;
    n->at = (uint32_t)(at - p->c->text);
    return n;
}

static void set_args(struct parser *p, struct cel_node *n, struct cel_node *const *args,
                     size_t count)
{
    n->args = arena_array(p->c->arena, struct cel_node *, count ? count : 1);
    for (size_t i = 0; i < count; i++)
        n->args[i] = args[i];
    n->n = count;
    for (size_t i = 0; i < count; i++)
        n->depth = args[i]->depth >= n->depth ? (uint16_t)(args[i]->depth + 1) : n->depth;
    p->deepest = n->depth > p->deepest ? n->depth : p->deepest;
}

static struct cel_node *node_with(struct parser *p, enum cel_op op, const char *at,
                                  struct cel_node *a, struct cel_node *b, struct cel_node *c)
{
    struct cel_node *args[3] = {a, b, c};
    struct cel_node *n = node_new(p, op, at);
    if (n)
        set_args(p, n, args, c ? 3 : b ? 2 : 1);
    return n;
}

/* --- words ---------------------------------------------------------------------------------- */

static void skip_blank(struct parser *p)
{
    for (;;) {
        while (*p->at && strchr(" \t\r\n\f", *p->at))
            p->at++;
        if (p->at[0] != '/' || p->at[1] != '/')
            return;
        p->at += strcspn(p->at, "\n");
    }
}

/* A mark that is not the start of a longer one. */
static bool peek(struct parser *p, const char *mark)
{
    skip_blank(p);
    size_t n = strlen(mark);
    if (strncmp(p->at, mark, n) != 0)
        return false;
    if (isalpha((unsigned char)mark[0]))
        return !isalnum((unsigned char)p->at[n]) && p->at[n] != '_';
    bool longer = (streq(mark, "<") || streq(mark, ">") || streq(mark, "!")) && p->at[1] == '=';
    return !longer;
}

static bool accept(struct parser *p, const char *mark)
{
    if (!peek(p, mark))
        return false;
    p->at += strlen(mark);
    return true;
}

static bool is_name_start(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

/* An identifier, copied; NULL and an error when there is none. */
static const char *parse_name(struct parser *p)
{
    skip_blank(p);
    const char *start = p->at;
    if (!is_name_start(*p->at)) {
        wrong(p, "want a name");
        return NULL;
    }
    while (isalnum((unsigned char)*p->at) || *p->at == '_')
        p->at++;
    return arena_strndup(p->c->arena, start, (size_t)(p->at - start));
}

static bool is_reserved(const char *name)
{
    static const char *const words[] = {
        "as",     "break", "const",  "continue", "else", "for",     "function",
        "if",     "in",    "import", "let",      "loop", "package", "namespace",
        "return", "var",   "void",   "while",    "true", "false",   "null"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (streq(words[i], name))
            return true;
    return false;
}

/* --- literals ------------------------------------------------------------------------------- */

static struct cel_node *literal(struct parser *p, const char *at, struct cel_value v)
{
    struct cel_node *n = node_new(p, N_LITERAL, at);
    if (n)
        n->literal = v;
    return n;
}

static struct cel_node *parse_number(struct parser *p)
{
    const char *start = p->at;
    bool hex = start[0] == '0' && (start[1] | 0x20) == 'x';
    char *end;
    errno = 0;
    unsigned long long whole = strtoull(start, &end, hex ? 16 : 10);
    bool overflow = errno == ERANGE;
    bool real =
        !hex && (((end[0] == '.') && isdigit((unsigned char)end[1])) || (*end | 0x20) == 'e');
    if (real) {
        double d = strtod(start, &end);
        p->at = end;
        return literal(p, start, cel_double_of(d));
    }
    bool is_unsigned = (*end | 0x20) == 'u';
    p->at = end + is_unsigned;
    if (overflow || whole > INT64_MAX) {
        p->at = start;
        return wrong(p, "integer literal is too large");
    }
    struct cel_value v = cel_int_of((int64_t)whole);
    if (is_unsigned)
        v.kind = CEL_UINT;
    return literal(p, start, v);
}

static void add_code_point(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(b, (char)c);
    } else if (c < 0x800) {
        buf_addc(b, (char)(0xc0 | c >> 6));
        buf_addc(b, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_addc(b, (char)(0xe0 | c >> 12));
        buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_addc(b, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_addc(b, (char)(0xf0 | c >> 18));
        buf_addc(b, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_addc(b, (char)(0x80 | (c & 0x3f)));
    }
}

/* `digits` of a base; false when they are not there. */
static bool read_digits(struct parser *p, int digits, int base, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < digits; i++) {
        char c = *p->at;
        int d = c >= '0' && c <= '9'         ? c - '0'
                : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10
                                             : 99;
        if (d >= base)
            return false;
        v = v * (uint32_t)base + (uint32_t)d;
        p->at++;
    }
    *ret = v;
    return v <= 0x10ffff && v != 0;
}

/* After the backslash. */
static bool parse_escape(struct parser *p, struct buf *out)
{
    static const char letters[] = "abfnrtv\\?\"'`", values[] = "\a\b\f\n\r\t\v\\?\"'`";
    char c = *p->at;
    const char *known = c ? strchr(letters, c) : NULL;
    uint32_t code = 0;
    if (known) {
        p->at++;
        buf_addc(out, values[known - letters]);
        return true;
    }
    bool ok;
    if (c >= '0' && c <= '3') {
        ok = read_digits(p, 3, 8, &code);
    } else {
        int digits = (c | 0x20) == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        p->at += digits ? 1 : 0;
        ok = digits && read_digits(p, digits, 16, &code);
    }
    if (ok)
        add_code_point(out, code);
    return ok;
}

/* 'x' "x" '''x''' """x""" with optional r and b before. */
static struct cel_node *parse_string(struct parser *p)
{
    const char *start = p->at;
    bool raw = false, bytes = false;
    for (; *p->at != '\'' && *p->at != '"'; p->at++) {
        raw = raw || (*p->at | 0x20) == 'r';
        bytes = bytes || (*p->at | 0x20) == 'b';
    }
    char quote = *p->at;
    bool triple = p->at[1] == quote && p->at[2] == quote;
    p->at += triple ? 3 : 1;
    struct buf out AUTO(buf_done) = BUF_INIT(CEL_TEXT_MAX);
    while (*p->at) {
        bool end = *p->at == quote && (!triple || (p->at[1] == quote && p->at[2] == quote));
        if (end) {
            p->at += triple ? 3 : 1;
            struct cel_value v = cel_string_of(
                (struct str){arena_strndup(p->c->arena, buf_str(&out), out.len), out.len});
            v.kind = bytes ? CEL_BYTES : CEL_STRING;
            return literal(p, start, v);
        }
        if (*p->at == '\n' && !triple)
            break;
        if (*p->at == '\\' && !raw) {
            p->at++;
            if (!parse_escape(p, &out))
                return wrong(p, "invalid escape sequence in a string");
        } else {
            buf_addc(&out, *p->at++);
        }
    }
    return wrong(p, "want the end of a string");
}

static bool at_string(const struct parser *p)
{
    const char *s = p->at;
    for (int i = 0; i < 2 && strchr("rRbB", *s) && *s; i++)
        s++;
    return *s == '\'' || *s == '"';
}

/* --- calls and macros ----------------------------------------------------------------------- */

struct arguments {
    struct cel_node *items[64];
    size_t n;
};

/* expr, expr, ... up to the closing mark. */
static bool parse_arguments(struct parser *p, const char *close, struct arguments *a)
{
    a->n = 0;
    while (!accept(p, close)) {
        if (a->n && !accept(p, ","))
            return wrong(p, "want ',' or the end of the list") != NULL;
        if (a->n && accept(p, close)) /* a trailing comma */
            return true;
        if (a->n == ARRAY_LEN(a->items))
            return wrong(p, "at most 64 elements") != NULL;
        a->items[a->n] = parse_expression(p);
        if (!a->items[a->n])
            return false;
        a->n++;
    }
    return true;
}

/* Longer literal lists than arguments fit: [1, 2, ...] is gathered in pieces. */
static struct cel_node *parse_list(struct parser *p, const char *at, bool map)
{
    struct cel_node **items = NULL;
    size_t n = 0, cap = 0;
    const char *close = map ? "}" : "]";
    bool ok = true;
    while (ok && !accept(p, close)) {
        if (n && !accept(p, ","))
            ok = wrong(p, "want ',' or the end of the list") != NULL;
        if (ok && n && accept(p, close))
            break;
        for (int part = 0; ok && part < (map ? 2 : 1); part++) {
            if (part && !accept(p, ":"))
                ok = wrong(p, "want ':' after a map key") != NULL;
            struct cel_node *e = ok ? parse_expression(p) : NULL;
            ok = e != NULL;
            if (n == cap) {
                cap = cap ? cap * 2 : 16;
                items = mem_realloc(items, cap * sizeof(struct cel_node *));
            }
            items[n] = e;
            n += ok ? 1 : 0;
        }
    }
    struct cel_node *list = ok ? node_new(p, map ? N_MAP : N_LIST, at) : NULL;
    if (list)
        set_args(p, list, items, n);
    mem_free(items);
    return list;
}

static bool is_macro(const char *name)
{
    static const char *const macros[] = {"all",       "exists", "exists_one",
                                         "existsOne", "map",    "filter"};
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        if (streq(macros[i], name))
            return true;
    return false;
}

/* target.all(x, predicate) and its kind; the variable's name waits in `literal.text` for the
 * checker. */
static struct cel_node *macro(struct parser *p, const char *at, struct cel_node *target,
                              const char *name, const struct arguments *a)
{
    bool map = streq(name, "map");
    if (a->n != 2 && !(map && a->n == 3)) {
        cel_complain(p->c, (uint32_t)(at - p->c->text), p->err,
                     "macro %s wants a variable and %s, found %zu arguments", name,
                     map ? "one or two expressions" : "one expression", a->n);
        return NULL;
    }
    const struct cel_node *var = a->items[0];
    if (var->op != N_IDENT) {
        cel_complain(p->c, var->at, p->err, "the first argument of %s must be a variable name",
                     name);
        return NULL;
    }
    struct cel_node *n =
        node_with(p, N_MACRO, at, target, a->items[1], a->n == 3 ? a->items[2] : NULL);
    if (n) {
        n->text = name;
        n->var = var->text;
    }
    return n;
}

static struct cel_node *call(struct parser *p, const char *at, struct cel_node *target,
                             const char *name)
{
    struct arguments a;
    if (!parse_arguments(p, ")", &a))
        return NULL;
    if (target && is_macro(name))
        return macro(p, at, target, name, &a);
    if (!target && streq(name, "has")) {
        if (a.n == 1 && a.items[0]->op == N_FIELD) {
            a.items[0]->op = N_HAS;
            return a.items[0];
        }
        cel_complain(p->c, (uint32_t)(at - p->c->text), p->err,
                     "has() wants one field selection, like has(self.x)");
        return NULL;
    }
    struct cel_node *n = node_new(p, N_CALL, at);
    if (!n)
        return NULL;
    struct cel_node *all[ARRAY_LEN(a.items) + 1];
    size_t count = 0;
    if (target)
        all[count++] = target;
    for (size_t i = 0; i < a.n; i++)
        all[count++] = a.items[i];
    set_args(p, n, all, count);
    n->text = name;
    n->member = target != NULL;
    return n;
}

/* --- grammar -------------------------------------------------------------------------------- */

static struct cel_node *parse_primary(struct parser *p)
{
    skip_blank(p);
    const char *at = p->at;
    if (isdigit((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1])))
        return parse_number(p);
    if (at_string(p))
        return parse_string(p);
    if (accept(p, "(")) {
        struct cel_node *n = parse_expression(p);
        return !n || accept(p, ")") ? n : wrong(p, "want ')'");
    }
    if (accept(p, "["))
        return parse_list(p, at, false);
    if (accept(p, "{"))
        return parse_list(p, at, true);
    if (accept(p, "true"))
        return literal(p, at, cel_bool_of(true));
    if (accept(p, "false"))
        return literal(p, at, cel_bool_of(false));
    if (accept(p, "null"))
        return literal(p, at, (struct cel_value){.kind = CEL_NULL});
    if (!is_name_start(*at))
        return wrong(p, "want an expression");
    const char *name = parse_name(p);
    if (!name)
        return NULL;
    if (is_reserved(name)) {
        p->at = at;
        return wrong(p, "reserved word");
    }
    if (accept(p, "("))
        return call(p, at, NULL, name);
    struct cel_node *n = node_new(p, N_IDENT, at);
    if (n)
        n->text = name;
    return n;
}

static struct cel_node *parse_member(struct parser *p)
{
    struct cel_node *n = parse_primary(p);
    while (n) {
        skip_blank(p);
        const char *at = p->at;
        if (accept(p, ".")) {
            if (peek(p, "?"))
                return wrong(p, "optional selection is not supported");
            const char *name = parse_name(p);
            if (!name)
                return NULL;
            if (accept(p, "(")) {
                n = call(p, at, n, name);
                continue;
            }
            n = node_with(p, N_FIELD, at, n, NULL, NULL);
            if (n)
                n->text = name;
        } else if (accept(p, "[")) {
            if (peek(p, "?"))
                return wrong(p, "optional selection is not supported");
            struct cel_node *index = parse_expression(p);
            if (!index)
                return NULL;
            if (!accept(p, "]"))
                return wrong(p, "want ']'");
            n = node_with(p, N_INDEX, at, n, index, NULL);
        } else {
            return n;
        }
    }
    return NULL;
}

static struct cel_node *parse_unary(struct parser *p)
{
    skip_blank(p);
    const char *at = p->at;
    bool not = peek(p, "!");
    if (!not &&!peek(p, "-"))
        return parse_member(p);
    p->at++;
    if (++p->depth > CEL_DEPTH_MAX)
        return wrong(p, "expression is nested too deep");
    struct cel_node *n = parse_unary(p);
    p->depth--;
    if (!n)
        return NULL;
    bool number =
        n->op == N_LITERAL && (n->literal.kind == CEL_INT || n->literal.kind == CEL_DOUBLE);
    if (!not &&number) {
        n->literal.integer = -n->literal.integer;
        n->literal.real = -n->literal.real;
        return n;
    }
    return node_with(p, not ? N_NOT : N_NEGATE, at, n, NULL, NULL);
}

/* Binary operators by level, loosest first; all associate to the left. */
static const struct {
    const char *mark;
    enum cel_op op;
    int level;
} operators[] = {
    {"||", N_OR, 0},        {"&&", N_AND, 1},        {"==", N_EQUAL, 2},
    {"!=", N_NOT_EQUAL, 2}, {"<=", N_LESS_EQUAL, 2}, {">=", N_GREATER_EQUAL, 2},
    {"<", N_LESS, 2},       {">", N_GREATER, 2},     {"in", N_IN, 2},
    {"+", N_ADD, 3},        {"-", N_SUBTRACT, 3},    {"*", N_MULTIPLY, 4},
    {"/", N_DIVIDE, 4},     {"%", N_MODULO, 4},
};
#define LEVELS 5

static bool accept_operator(struct parser *p, int level, enum cel_op *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (operators[i].level == level && accept(p, operators[i].mark)) {
            *ret = operators[i].op;
            return true;
        }
    }
    return false;
}

static struct cel_node *parse_binary(struct parser *p, int level)
{
    if (level == LEVELS)
        return parse_unary(p);
    struct cel_node *n = parse_binary(p, level + 1);
    while (n) {
        skip_blank(p);
        const char *at = p->at;
        enum cel_op op;
        if (!accept_operator(p, level, &op))
            return n;
        struct cel_node *right = parse_binary(p, level + 1);
        n = right ? node_with(p, op, at, n, right, NULL) : NULL;
    }
    return NULL;
}

static struct cel_node *parse_expression(struct parser *p)
{
    if (++p->depth > CEL_DEPTH_MAX)
        return wrong(p, "expression is nested too deep");
    struct cel_node *n = parse_binary(p, 0);
    skip_blank(p);
    const char *at = p->at;
    if (n && accept(p, "?")) {
        struct cel_node *yes = parse_binary(p, 0);
        if (yes && !accept(p, ":"))
            return wrong(p, "want ':'");
        struct cel_node *no = yes ? parse_expression(p) : NULL;
        n = no ? node_with(p, N_COND, at, n, yes, no) : NULL;
    }
    p->depth--;
    return n;
}

int cel_parse(struct cel *c, struct err **err)
{
    struct parser p = {.c = c, .at = c->text, .err = err};
    struct err *why = NULL;
    p.err = err ? err : &why;
    c->root = parse_expression(&p);
    skip_blank(&p);
    if (c->root && *p.at)
        c->root = wrong(&p, "want an operator or the end");
    err_free(why);
    return c->root ? 0 : -EINVAL;
}
