/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors, client side. Objects (matchLabels, matchExpressions) as they stand in specs, and the
 * texts of list parameters, which a cache needs to judge an object that did not come from its own
 * watch. The server stays the authority: a text we cannot read selects nothing here.
 */
#include "kube/kube.h"
#include "kube/object.h"

#include <string.h>

static const char *label_of(const cJSON *labels, const char *key)
{
    return json_str(labels, key);
}

static bool map_matches(const cJSON *want, const cJSON *labels)
{
    json_foreach (it, want) {
        const char *value = json_string_of(it);
        if (!value || !streq(value, label_of(labels, it->string)))
            return false;
    }
    return true;
}

static bool expression_matches(const cJSON *e, const cJSON *labels)
{
    const char *key = json_str(e, "key"), *op = json_str(e, "operator");
    const cJSON *values = json_at(e, "values");
    if (!key || !op)
        return false;
    const char *have = label_of(labels, key);
    if (streq(op, "Exists"))
        return have != NULL;
    if (streq(op, "DoesNotExist"))
        return have == NULL;
    if (streq(op, "In"))
        return have && json_array_has(values, have);
    if (streq(op, "NotIn"))
        return !have || !json_array_has(values, have);
    return false;
}

bool kube_selector_matches(const cJSON *selector, const cJSON *labels)
{
    const cJSON *map = json_at(selector, "matchLabels");
    const cJSON *expressions = json_at(selector, "matchExpressions");
    bool plain = !cJSON_IsObject(map) && !cJSON_IsArray(expressions);
    if (!cJSON_IsObject(selector))
        return false; /* an absent selector selects nothing, an empty one everything */
    if (plain)
        return map_matches(selector, labels);
    if (!map_matches(map, labels))
        return false;
    json_foreach (e, expressions) {
        if (!expression_matches(e, labels))
            return false;
    }
    return true;
}

static bool str_is(struct str s, const char *text)
{
    return text && str_eq(s, str_of(text));
}

static const char *label_by(const cJSON *labels, struct str key)
{
    json_foreach (it, labels) {
        if (str_is(key, it->string))
            return json_string_of(it);
    }
    return NULL;
}

/* "a,b in (x,y),!c" gives "a", "b in (x,y)", "!c": commas inside brackets do not separate. */
static bool next_requirement(struct str *rest, struct str *ret)
{
    if (!rest->ptr)
        return false;
    size_t i = 0;
    for (int depth = 0; i < rest->len; i++) {
        char c = rest->ptr[i];
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (c == ',' && depth == 0)
            break;
    }
    *ret = str_trim((struct str){rest->ptr, i});
    if (i == rest->len)
        *rest = (struct str){NULL, 0};
    else
        *rest = (struct str){rest->ptr + i + 1, rest->len - i - 1};
    return true;
}

static bool one_of(struct str list, const char *value)
{
    struct str item;
    while (str_split(&list, ',', &item))
        if (str_is(str_trim(item), value))
            return true;
    return false;
}

/* Splits "key OP value" at the first OP of = == != ; false when there is none. */
static bool split_equality(struct str r, struct str *key, struct str *value, bool *negative)
{
    const char *eq = r.len ? memchr(r.ptr, '=', r.len) : NULL;
    if (!eq)
        return false;
    size_t at = (size_t)(eq - r.ptr);
    *negative = at > 0 && r.ptr[at - 1] == '!';
    *key = str_trim((struct str){r.ptr, at - *negative});
    size_t from = at + 1;
    if (!*negative && from < r.len && r.ptr[from] == '=')
        from++;
    *value = str_trim((struct str){r.ptr + from, r.len - from});
    return true;
}

/* "key in (a,b)" and "key notin (a,b)". */
static bool set_matches(struct str r, struct str key, const char *have)
{
    struct str op = str_trim((struct str){r.ptr + key.len, r.len - key.len});
    const char *open = op.len ? memchr(op.ptr, '(', op.len) : NULL;
    if (!open || op.ptr[op.len - 1] != ')')
        return false;
    struct str word = str_trim((struct str){op.ptr, (size_t)(open - op.ptr)});
    struct str list = {open + 1, (size_t)(op.ptr + op.len - 1 - (open + 1))};
    if (str_is(word, "in"))
        return have && one_of(list, have);
    return str_is(word, "notin") && (!have || !one_of(list, have));
}

static bool label_requirement(struct str r, const cJSON *labels)
{
    struct str key, value;
    bool negative;
    if (r.len && r.ptr[0] == '!' && !memchr(r.ptr, '=', r.len))
        return !label_by(labels, str_trim((struct str){r.ptr + 1, r.len - 1}));
    bool brackets = r.len && memchr(r.ptr, '(', r.len);
    if (!brackets && split_equality(r, &key, &value, &negative)) {
        const char *have = label_by(labels, key);
        return negative ? !str_is(value, have) : str_is(value, have);
    }
    const char *blank = r.len ? memchr(r.ptr, ' ', r.len) : NULL;
    key = (struct str){r.ptr, blank ? (size_t)(blank - r.ptr) : r.len};
    const char *have = label_by(labels, key);
    return blank ? set_matches(r, key, have) : have != NULL;
}

bool kube_selector_labels_match(const char *selector, const cJSON *labels)
{
    struct str rest = str_of(selector), r;
    while (next_requirement(&rest, &r)) {
        if (r.len == 0 && rest.ptr == NULL)
            break;
        if (r.len == 0 || !label_requirement(r, labels))
            return false;
    }
    return true;
}

/* "spec.nodeName" as a path; a missing field counts as "". */
static const char *field_by(const cJSON *o, struct str path)
{
    struct str step;
    while (o && str_split(&path, '.', &step)) {
        const cJSON *next = NULL;
        json_foreach (it, cJSON_IsObject(o) ? o : NULL) {
            if (str_is(step, it->string))
                next = it;
        }
        o = next;
    }
    const char *s = json_string_of(o);
    return s ? s : "";
}

bool kube_selector_fields_match(const char *selector, const cJSON *object)
{
    struct str rest = str_of(selector), r, key, value;
    bool negative;
    while (str_split(&rest, ',', &r)) {
        r = str_trim(r);
        if (r.len == 0 && rest.ptr == NULL)
            break;
        if (!split_equality(r, &key, &value, &negative))
            return false;
        if (str_is(value, field_by(object, key)) == negative)
            return false;
    }
    return true;
}
