/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label selectors: the text of ?labelSelector= and the LabelSelector object, parsed once into
 * requirements that all must hold. Field selectors are in selector_field.c.
 *
 *     selector = requirement *( "," requirement )
 *     requirement = "!" key | key | key op value | key ("in" | "notin") "(" value *( "," value )
 * ")" op = "=" | "==" | "!=" | ">" | "<"
 *
 * Values may be empty ("a=" selects a label that is there and empty).
 */
#include "apiserver/selector.h"

#include <errno.h>
#include <string.h>

#include "apiserver/names.h"

#define SELECTOR_TEXT_MAX (64 * 1024)

enum op { OP_EXISTS, OP_ABSENT, OP_IN, OP_NOT_IN, OP_GREATER, OP_LESS };

struct requirement {
    char *key;
    enum op op;
    char **values;
    size_t n, cap;
    int64_t number; /* of > and < */
};

struct label_selector {
    struct requirement *items;
    size_t n, cap;
};

/* --- building ------------------------------------------------------------------------------- */

static struct requirement *requirement_add(struct label_selector *s, const char *key, size_t n,
                                           enum op op)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->items = mem_realloc(s->items, s->cap * sizeof(*s->items));
    }
    struct requirement *r = &s->items[s->n++];
    *r = (struct requirement){.key = mem_strndup(key, n), .op = op};
    return r;
}

static void value_add(struct requirement *r, const char *value, size_t n)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 2;
        r->values = mem_realloc(r->values, r->cap * sizeof(*r->values));
    }
    r->values[r->n++] = mem_strndup(value, n);
}

void label_selector_free(struct label_selector *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < s->items[i].n; k++)
            mem_free(s->items[i].values[k]);
        mem_free(s->items[i].values);
        mem_free(s->items[i].key);
    }
    mem_free(s->items);
    mem_free(s);
}

static void label_selector_freep(struct label_selector **s)
{
    label_selector_free(*s);
}

bool label_selector_empty(const struct label_selector *s)
{
    return !s || s->n == 0;
}

/* Key and values as labels allow them; numbers where they are compared. */
static int requirement_check(struct requirement *r, struct err **err)
{
    const char *why = name_check_qualified(r->key);
    if (why)
        return err_set(err, -EINVAL, "unable to parse requirement: key \"%.80s\": %s", r->key, why);
    for (size_t i = 0; i < r->n; i++) {
        why = name_check_label_value(r->values[i]);
        if (why)
            return err_set(err, -EINVAL,
                           "unable to parse requirement: value \"%.80s\" of \"%s\": %s",
                           r->values[i], r->key, why);
    }
    if (r->op == OP_GREATER || r->op == OP_LESS) {
        if (str_to_i64(str_of(r->values[0]), &r->number))
            return err_set(err, -EINVAL,
                           "unable to parse requirement: \"%s\": for '>' and '<' the value must be "
                           "an integer, found \"%s\"",
                           r->key, r->values[0]);
    }
    return 0;
}

/* --- the text form -------------------------------------------------------------------------- */

enum token {
    TOK_END,
    TOK_WORD,
    TOK_COMMA,
    TOK_OPEN,
    TOK_CLOSE,
    TOK_EQ,
    TOK_NE,
    TOK_NOT,
    TOK_GT,
    TOK_LT
};

struct scanner {
    const char *at;
    enum token token;
    const char *word;
    size_t len; /* of the token's text */
};

static bool is_word(char c)
{
    return c && !strchr(" \t\r\n,()=!<>", c);
}

static void scan_next(struct scanner *s)
{
    while (*s->at && strchr(" \t\r\n", *s->at))
        s->at++;
    s->word = s->at;
    size_t n = 1;
    switch (*s->at) {
    case '\0':
        s->token = TOK_END;
        n = 0;
        break;
    case ',':
        s->token = TOK_COMMA;
        break;
    case '(':
        s->token = TOK_OPEN;
        break;
    case ')':
        s->token = TOK_CLOSE;
        break;
    case '>':
        s->token = TOK_GT;
        break;
    case '<':
        s->token = TOK_LT;
        break;
    case '=':
        s->token = TOK_EQ;
        n = s->at[1] == '=' ? 2 : 1;
        break;
    case '!':
        s->token = s->at[1] == '=' ? TOK_NE : TOK_NOT;
        n = s->at[1] == '=' ? 2 : 1;
        break;
    default:
        s->token = TOK_WORD;
        n = 0;
        while (is_word(s->at[n]))
            n++;
        break;
    }
    s->len = n;
    s->at += n;
}

static int scan_wrong(const struct scanner *s, const char *wanted, struct err **err)
{
    return err_set(err, -EINVAL, "unable to parse requirement: found '%.*s', expected: %s",
                   (int)(s->len < 80 ? s->len : 80), s->word, wanted);
}

static bool word_is(const struct scanner *s, const char *text)
{
    return s->token == TOK_WORD && s->len == strlen(text) && memcmp(s->word, text, s->len) == 0;
}

/* "(" value *( "," value ) ")"; a value may be missing, which means the empty one. */
static int parse_set(struct scanner *s, struct requirement *r, struct err **err)
{
    scan_next(s);
    if (s->token != TOK_OPEN)
        return scan_wrong(s, "'('", err);
    bool more = true;
    while (more) {
        scan_next(s);
        if (s->token == TOK_WORD) {
            value_add(r, s->word, s->len);
            scan_next(s);
        } else {
            value_add(r, "", 0);
        }
        if (s->token != TOK_COMMA && s->token != TOK_CLOSE)
            return scan_wrong(s, "',' or ')'", err);
        more = s->token == TOK_COMMA;
    }
    scan_next(s);
    return 0;
}

/* The scanner stands on the operator. */
static int parse_value(struct scanner *s, struct requirement *r, struct err **err)
{
    scan_next(s);
    if (s->token == TOK_WORD) {
        value_add(r, s->word, s->len);
        scan_next(s);
        return 0;
    }
    if (s->token != TOK_COMMA && s->token != TOK_END)
        return scan_wrong(s, "a value", err);
    value_add(r, "", 0);
    return 0;
}

static int parse_requirement(struct scanner *s, struct label_selector *sel, struct err **err)
{
    bool absent = s->token == TOK_NOT;
    if (absent)
        scan_next(s);
    if (s->token != TOK_WORD)
        return scan_wrong(s, "a label key", err);
    struct requirement *r = requirement_add(sel, s->word, s->len, absent ? OP_ABSENT : OP_EXISTS);
    scan_next(s);
    int rc = 0;
    if (absent || s->token == TOK_COMMA || s->token == TOK_END)
        return requirement_check(r, err);
    if (word_is(s, "in") || word_is(s, "notin")) {
        r->op = s->len == 2 ? OP_IN : OP_NOT_IN;
        rc = parse_set(s, r, err);
    } else if (s->token == TOK_EQ || s->token == TOK_NE) {
        r->op = s->token == TOK_EQ ? OP_IN : OP_NOT_IN;
        rc = parse_value(s, r, err);
    } else if (s->token == TOK_GT || s->token == TOK_LT) {
        r->op = s->token == TOK_GT ? OP_GREATER : OP_LESS;
        rc = parse_value(s, r, err);
    } else {
        rc = scan_wrong(s, "in, notin, =, ==, !=, >, <", err);
    }
    return rc ? rc : requirement_check(r, err);
}

int label_selector_parse(const char *text, struct label_selector **ret, struct err **err)
{
    if (text && strlen(text) > SELECTOR_TEXT_MAX)
        return err_set(err, -EINVAL, "label selector: at most %d bytes, found %zu",
                       SELECTOR_TEXT_MAX, strlen(text));
    struct scanner s = {.at = text ? text : ""};
    scan_next(&s);
    if (s.token == TOK_END) {
        *ret = NULL;
        return 0;
    }
    struct label_selector *sel AUTO(label_selector_freep) = mem_new(struct label_selector);
    for (;;) {
        int rc = parse_requirement(&s, sel, err);
        if (rc)
            return rc;
        if (s.token == TOK_END)
            break;
        if (s.token != TOK_COMMA)
            return scan_wrong(&s, "',' or 'end of string'", err);
        scan_next(&s);
    }
    *ret = TAKE(sel);
    return 0;
}

/* --- the object form ------------------------------------------------------------------------ */

static int expression_add(struct label_selector *sel, const cJSON *e, struct err **err)
{
    static const struct {
        const char *name;
        enum op op;
    } ops[] = {
        {"In", OP_IN}, {"NotIn", OP_NOT_IN}, {"Exists", OP_EXISTS}, {"DoesNotExist", OP_ABSENT}};
    const char *key = json_str(e, "key"), *name = json_str(e, "operator");
    const cJSON *values = json_at(e, "values");
    if (!key)
        return err_set(err, -EINVAL, "matchExpressions: want a key, found none");
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (!streq(ops[i].name, name))
            continue;
        struct requirement *r = requirement_add(sel, key, strlen(key), ops[i].op);
        json_foreach (v, values) {
            if (!cJSON_IsString(v))
                return err_set(err, -EINVAL, "matchExpressions %.80s: values must be strings", key);
            value_add(r, v->valuestring, strlen(v->valuestring));
        }
        bool set = r->op == OP_IN || r->op == OP_NOT_IN;
        if (set != (r->n > 0))
            return err_set(err, -EINVAL, "matchExpressions %.80s: operator %s wants %s", key, name,
                           set ? "at least one value" : "no values");
        return requirement_check(r, err);
    }
    return err_set(err, -EINVAL,
                   "matchExpressions %.80s: operator must be In, NotIn, Exists or DoesNotExist, "
                   "found \"%.40s\"",
                   key, name ? name : "");
}

int label_selector_of(const cJSON *object, struct label_selector **ret, struct err **err)
{
    struct label_selector *sel AUTO(label_selector_freep) = mem_new(struct label_selector);
    json_foreach (l, json_at(object, "matchLabels")) {
        if (!cJSON_IsString(l))
            return err_set(err, -EINVAL, "matchLabels %.80s: want a string", l->string);
        struct requirement *r = requirement_add(sel, l->string, strlen(l->string), OP_IN);
        value_add(r, l->valuestring, strlen(l->valuestring));
        int rc = requirement_check(r, err);
        if (rc)
            return rc;
    }
    json_foreach (e, json_at(object, "matchExpressions")) {
        int rc = expression_add(sel, e, err);
        if (rc)
            return rc;
    }
    *ret = sel->n ? TAKE(sel) : NULL;
    return 0;
}

/* --- matching ------------------------------------------------------------------------------- */

static bool value_in(const struct requirement *r, const char *value)
{
    for (size_t i = 0; i < r->n; i++)
        if (streq(r->values[i], value))
            return true;
    return false;
}

static bool requirement_holds(const struct requirement *r, const cJSON *labels)
{
    const char *value = json_str(labels, r->key);
    int64_t n;
    switch (r->op) {
    case OP_EXISTS:
        return value != NULL;
    case OP_ABSENT:
        return value == NULL;
    case OP_IN:
        return value && value_in(r, value);
    case OP_NOT_IN:
        return !value || !value_in(r, value);
    case OP_GREATER:
        return value && str_to_i64(str_of(value), &n) == 0 && n > r->number;
    case OP_LESS:
        return value && str_to_i64(str_of(value), &n) == 0 && n < r->number;
    }
    return false;
}

bool label_selector_matches(const struct label_selector *s, const cJSON *labels)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (!requirement_holds(&s->items[i], labels))
            return false;
    return true;
}
