/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field selectors: ?fieldSelector=status.phase=Running,metadata.name!=x. Only = == and != exist,
 * all terms must hold, and a kind allows only the fields it lists. Values may escape \, \= and \\.
 */
#include "apiserver/selector.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SELECTOR_TEXT_MAX (64 * 1024)

static const struct field_label always_allowed[] = {
    {"metadata.name", "metadata.name", ""},
    {"metadata.namespace", "metadata.namespace", ""},
};

struct term {
    const struct field_label *label; /* of the caller's table or above: both outlive the selector */
    char *value;
    bool equal;
};

struct field_selector {
    struct term *items;
    size_t n, cap;
};

void field_selector_free(struct field_selector *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->items[i].value);
    mem_free(s->items);
    mem_free(s);
}

static void field_selector_freep(struct field_selector **s)
{
    field_selector_free(*s);
}

static const struct field_label *label_find(const struct field_label *allowed, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(always_allowed); i++)
        if (str_eq(name, str_of(always_allowed[i].name)))
            return &always_allowed[i];
    for (const struct field_label *l = allowed; l && l->name; l++)
        if (str_eq(name, str_of(l->name)))
            return l;
    return NULL;
}

static int label_unknown(const struct field_label *allowed, struct str name, struct err **err)
{
    struct buf known AUTO(buf_done) = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(always_allowed); i++)
        buf_addf(&known, "%s\"%s\"", i ? ", " : "", always_allowed[i].name);
    for (const struct field_label *l = allowed; l && l->name; l++)
        buf_addf(&known, ", \"%s\"", l->name);
    return err_set(err, -EINVAL, "\"%.*s\" is not a known field selector: only %s",
                   (int)(name.len < 200 ? name.len : 200), name.ptr, buf_str(&known));
}

/* The end of the term that starts at s: an unescaped comma or the end of the text. */
static size_t term_length(const char *s)
{
    size_t n = 0;
    while (s[n] && s[n] != ',') {
        if (s[n] == '\\' && s[n + 1])
            n++;
        n++;
    }
    return n;
}

/* A value without its backslashes; what is escaped must be one of the three characters. */
static int unescape(struct str raw, char **ret, struct err **err)
{
    char *out = mem_alloc(raw.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        bool escaped = c == '\\' && i + 1 < raw.len && strchr(",=\\", raw.ptr[i + 1]);
        if (!escaped && strchr(",=\\", c)) {
            mem_free(out);
            return err_set(err, -EINVAL,
                           "invalid field selector value \"%.*s\": '\\', ',' and '=' must be "
                           "escaped with '\\'",
                           (int)(raw.len < 80 ? raw.len : 80), raw.ptr);
        }
        out[n++] = escaped ? raw.ptr[++i] : c;
    }
    *ret = out;
    return 0;
}

static int term_parse(struct field_selector *s, struct str text, const struct field_label *allowed,
                      struct err **err)
{
    const char *eq = memchr(text.ptr, '=', text.len);
    if (!eq)
        return err_set(err, -EINVAL,
                       "invalid selector: '%.*s'; can't understand it: want name=value",
                       (int)(text.len < 200 ? text.len : 200), text.ptr);
    bool equal = eq == text.ptr || eq[-1] != '!';
    struct str name = {text.ptr, (size_t)(eq - text.ptr) - (equal ? 0 : 1)};
    const char *start = eq + 1;
    const char *end = text.ptr + text.len;
    if (equal && start < end && *start == '=')
        start++;
    const struct field_label *label = label_find(allowed, name);
    if (!label)
        return label_unknown(allowed, name, err);
    char *value = NULL;
    int rc = unescape((struct str){start, (size_t)(end - start)}, &value, err);
    if (rc)
        return rc;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->items = mem_realloc(s->items, s->cap * sizeof(*s->items));
    }
    s->items[s->n++] = (struct term){.label = label, .value = value, .equal = equal};
    return 0;
}

int field_selector_parse(const char *text, const struct field_label *allowed,
                         struct field_selector **ret, struct err **err)
{
    if (text && strlen(text) > SELECTOR_TEXT_MAX)
        return err_set(err, -EINVAL, "field selector: at most %d bytes, found %zu",
                       SELECTOR_TEXT_MAX, strlen(text));
    struct field_selector *s AUTO(field_selector_freep) = mem_new(struct field_selector);
    for (const char *at = text ? text : ""; *at;) {
        size_t n = term_length(at);
        if (n > 0) {
            int rc = term_parse(s, (struct str){at, n}, allowed, err);
            if (rc)
                return rc;
        }
        at += n + (at[n] == ',' ? 1 : 0);
    }
    *ret = s->n ? TAKE(s) : NULL;
    return 0;
}

/* The member a dotted path leads to. Names of these fields never contain dots. */
static const cJSON *dotted(const cJSON *obj, const char *path)
{
    struct str left = str_of(path), part;
    const cJSON *at = obj;
    while (at && str_split(&left, '.', &part)) {
        const cJSON *found = NULL;
        if (cJSON_IsObject(at)) {
            json_foreach (m, at) {
                if (str_eq(str_of(m->string), part)) {
                    found = m;
                    break;
                }
            }
        }
        at = found;
    }
    return at;
}

/* Scalars as text; `small` holds numbers. */
static const char *scalar_text(const cJSON *j, const char *missing, char small[32])
{
    if (cJSON_IsString(j))
        return j->valuestring;
    if (cJSON_IsBool(j))
        return cJSON_IsTrue(j) ? "true" : "false";
    if (cJSON_IsNumber(j)) {
        snprintf(small, 32, "%.15g", j->valuedouble);
        return small;
    }
    return missing ? missing : "";
}

bool field_selector_matches(const struct field_selector *s, const cJSON *obj)
{
    for (size_t i = 0; s && i < s->n; i++) {
        const struct term *t = &s->items[i];
        char small[32];
        const char *have = scalar_text(dotted(obj, t->label->path), t->label->missing, small);
        if (streq(have, t->value) != t->equal)
            return false;
    }
    return true;
}

const char *field_selector_exact(const struct field_selector *s, const char *name)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (s->items[i].equal && streq(s->items[i].label->name, name))
            return s->items[i].value;
    return NULL;
}
