/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value against a schema: all errors, with the reasons and words Kubernetes uses. Then duplicates
 * in sets and maps, and last, only when the shape is right, the CEL rules.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/schema_node.h"
#include "base/map.h"

struct check {
    struct causes *c; /* NULL: only whether it is valid */
    bool failed;      /* something was wrong */
    int64_t steps;
    struct place *at;
};

static void check_value(struct check *k, const struct schema_node *n, const cJSON *v);

/* The walk has become too long, or the only answer wanted is known. */
static bool stopped(struct check *k)
{
    if (k->failed && !k->c)
        return true;
    if (--k->steps > 0)
        return false;
    if (k->steps == 0 && k->c)
        causes_add(k->c, CAUSE_INVALID, buf_str(&k->at->text),
                   "Invalid value: the object is too large to be validated against its schema");
    k->failed = true;
    return true;
}

static void fail(struct check *k, const char *reason, const char *fmt, ...) ATOLL_PRINTF(3, 4);
static void fail(struct check *k, const char *reason, const char *fmt, ...)
{
    k->failed = true;
    if (!k->c)
        return;
    char text[CAUSE_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    causes_add(k->c, reason, buf_str(&k->at->text), "%s", text);
}

static const char *here(const struct check *k)
{
    return buf_str(&k->at->text);
}

/* --- scalars -------------------------------------------------------------------------------- */

static bool is_integral(const cJSON *v)
{
    return cJSON_IsNumber(v) && isfinite(v->valuedouble) && v->valuedouble == floor(v->valuedouble);
}

static const char *kind_of(const cJSON *v)
{
    if (cJSON_IsNumber(v))
        return is_integral(v) ? "integer" : "number";
    return cJSON_IsString(v)   ? "string"
           : cJSON_IsBool(v)   ? "boolean"
           : cJSON_IsArray(v)  ? "array"
           : cJSON_IsObject(v) ? "object"
                               : "null";
}

static bool type_matches(const struct schema_node *n, const cJSON *v)
{
    if (cJSON_IsNull(v) && n->nullable)
        return true;
    if (n->int_or_string)
        return is_integral(v) || cJSON_IsString(v);
    switch (n->type) {
    case ST_ANY:
        return true;
    case ST_OBJECT:
        return cJSON_IsObject(v);
    case ST_ARRAY:
        return cJSON_IsArray(v);
    case ST_STRING:
        return cJSON_IsString(v);
    case ST_INTEGER:
        return is_integral(v);
    case ST_NUMBER: /* 1e999 would be stored as null */
        return cJSON_IsNumber(v) && isfinite(v->valuedouble);
    case ST_BOOLEAN:
        return cJSON_IsBool(v);
    }
    return false;
}

static void check_type(struct check *k, const struct schema_node *n, const cJSON *v)
{
    static const char *const names[] = {"any",     "object", "array",  "string",
                                        "integer", "number", "boolean"};
    if (type_matches(n, v))
        return;
    const char *found = kind_of(v);
    fail(k, CAUSE_TYPE_INVALID, "Invalid value: \"%s\": %s in body must be of type %s: \"%s\"",
         found, here(k), n->int_or_string ? "integer,string" : names[n->type], found);
}

static void check_enum(struct check *k, const struct schema_node *n, const cJSON *v)
{
    if (!n->enums || (cJSON_IsNull(v) && n->nullable))
        return;
    json_foreach (e, n->enums) {
        if (json_equal(e, v))
            return;
    }
    k->failed = true;
    if (!k->c)
        return;
    struct buf list AUTO(buf_done) = BUF_INIT(1024);
    json_foreach (e, n->enums) {
        buf_adds(&list, list.len ? ", " : "");
        json_add_to(&list, e);
    }
    char *text AUTO(mem_freep) = json_print(v);
    fail(k, CAUSE_NOT_SUPPORTED, "Unsupported value: %.200s: supported values: %s", text,
         buf_str(&list));
}

static int64_t characters(const char *s)
{
    int64_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* A pattern is paid from the same budget as the walk. */
static bool pattern_matches(struct check *k, const struct regexp *pattern, const char *s)
{
    int64_t steps = 0;
    bool matches = regexp_matches(pattern, s, strlen(s), &steps);
    steps /= 16;
    k->steps -= steps < k->steps ? steps : k->steps - 1;
    return matches;
}

/* The first rule that does not hold is enough, as in Kubernetes. */
static void check_string(struct check *k, const struct schema_node *n, const cJSON *v)
{
    const char *s = v->valuestring;
    int64_t length = n->max_length >= 0 || n->min_length >= 0 ? characters(s) : 0;
    if (n->max_length >= 0 && length > n->max_length)
        fail(k, CAUSE_TOO_LONG, "Too long: may not be longer than %lld", (long long)n->max_length);
    else if (n->min_length >= 0 && length < n->min_length)
        fail(k, CAUSE_INVALID,
             "Invalid value: \"%.200s\": %s in body should be at least %lld chars long", s, here(k),
             (long long)n->min_length);
    else if (n->pattern && !pattern_matches(k, n->pattern, s))
        fail(k, CAUSE_INVALID, "Invalid value: \"%.200s\": %s in body should match '%.400s'", s,
             here(k), n->pattern_text);
    if (n->format && !n->format->valid(s))
        fail(k, CAUSE_TYPE_INVALID,
             "Invalid value: \"%.200s\": %s in body must be of type %s: \"%.200s\"", s, here(k),
             n->format->name, s);
}

static bool is_multiple(double v, double of)
{
    double ratio = v / of;
    return of > 0 && fabs(ratio - round(ratio)) <= fabs(ratio) * DBL_EPSILON * 4;
}

static void check_number(struct check *k, const struct schema_node *n, const cJSON *v)
{
    double d = v->valuedouble;
    if (n->minimum &&
        (n->exclusive_minimum ? d <= n->minimum->valuedouble : d < n->minimum->valuedouble))
        fail(k, CAUSE_INVALID, "Invalid value: %.15g: %s in body should be greater than %s%.15g", d,
             here(k), n->exclusive_minimum ? "" : "or equal to ", n->minimum->valuedouble);
    if (n->maximum &&
        (n->exclusive_maximum ? d >= n->maximum->valuedouble : d > n->maximum->valuedouble))
        fail(k, CAUSE_INVALID, "Invalid value: %.15g: %s in body should be less than %s%.15g", d,
             here(k), n->exclusive_maximum ? "" : "or equal to ", n->maximum->valuedouble);
    if (n->multiple_of && !is_multiple(d, n->multiple_of->valuedouble))
        fail(k, CAUSE_INVALID, "Invalid value: %.15g: %s in body should be a multiple of %.15g", d,
             here(k), n->multiple_of->valuedouble);
}

/* --- containers ----------------------------------------------------------------------------- */

static void check_size(struct check *k, int64_t size, int64_t low, int64_t high, const char *what)
{
    if (high >= 0 && size > high)
        fail(k, CAUSE_TOO_MANY, "Too many: %lld: must have at most %lld items", (long long)size,
             (long long)high);
    if (low >= 0 && size < low)
        fail(k, CAUSE_INVALID, "Invalid value: %lld: %s in body should have at least %lld %s",
             (long long)size, here(k), (long long)low, what);
}

static void check_array(struct check *k, const struct schema_node *n, const cJSON *v)
{
    size_t i = 0;
    if (n->min_items >= 0 || n->max_items >= 0)
        check_size(k, cJSON_GetArraySize(v), n->min_items, n->max_items, "items");
    if (!n->items)
        return;
    json_foreach (e, v) {
        size_t before = place_index(k->at, i++);
        check_value(k, n->items, e);
        place_back(k->at, before);
        if (stopped(k))
            return;
    }
}

static void check_object(struct check *k, const struct schema_node *n, const cJSON *v)
{
    if (n->min_props >= 0 || n->max_props >= 0)
        check_size(k, cJSON_GetArraySize(v), n->min_props, n->max_props, "properties");
    json_foreach (name, n->required) {
        if (cJSON_GetObjectItemCaseSensitive(v, name->valuestring))
            continue;
        size_t before = place_key(k->at, name->valuestring);
        fail(k, CAUSE_REQUIRED, "Required value");
        place_back(k->at, before);
    }
    if (!n->n_props && !n->additional)
        return;
    json_foreach (j, v) {
        const struct schema_node *inner = schema_prop(n, j->string);
        inner = inner ? inner : n->additional;
        if (!inner)
            continue;
        size_t before = place_key(k->at, j->string);
        check_value(k, inner, j);
        place_back(k->at, before);
        if (stopped(k))
            return;
    }
}

/* --- junctors ------------------------------------------------------------------------------- */

static bool holds(struct check *k, const struct schema_node *n, const cJSON *v)
{
    struct check inner = {.steps = k->steps, .at = k->at};
    check_value(&inner, n, v);
    k->steps = inner.steps;
    return !inner.failed;
}

static void check_junctors(struct check *k, const struct schema_node *n, const cJSON *v)
{
    size_t any = 0, one = 0;
    for (size_t i = 0; i < n->all.n; i++)
        check_value(k, n->all.items[i], v);
    for (size_t i = 0; i < n->any.n && !any; i++)
        any += holds(k, n->any.items[i], v);
    for (size_t i = 0; i < n->one.n && one < 2; i++)
        one += holds(k, n->one.items[i], v);
    if (n->any.n && !any)
        fail(k, CAUSE_INVALID,
             "Invalid value: \"\": \"%s\" must validate at least one schema (anyOf)", here(k));
    if (n->one.n && one != 1)
        fail(k, CAUSE_INVALID,
             "Invalid value: \"\": \"%s\" must validate one and only one schema (oneOf)", here(k));
    if (n->not &&holds(k, n->not, v))
        fail(k, CAUSE_INVALID, "Invalid value: \"\": \"%s\" must not validate the schema (not)",
             here(k));
}

static void check_value(struct check *k, const struct schema_node *n, const cJSON *v)
{
    if (stopped(k))
        return;
    check_type(k, n, v);
    if (cJSON_IsNull(v) && n->nullable)
        return;
    check_enum(k, n, v);
    if (cJSON_IsString(v))
        check_string(k, n, v);
    else if (cJSON_IsNumber(v))
        check_number(k, n, v);
    else if (cJSON_IsArray(v))
        check_array(k, n, v);
    else if (cJSON_IsObject(v))
        check_object(k, n, v);
    if (n->all.n || n->any.n || n->one.n || n->not )
        check_junctors(k, n, v);
}

/* --- sets and maps -------------------------------------------------------------------------- */

/* What must not occur twice: the element of a set, the keys of an element of a map. */
static cJSON *identity(const struct schema_node *n, const cJSON *e)
{
    if (n->list == SL_SET)
        return cJSON_Duplicate(e, true);
    cJSON *keys = cJSON_CreateObject();
    json_foreach (key, n->map_keys) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(e, key->valuestring);
        if (v)
            cJSON_AddItemToObject(keys, key->valuestring, cJSON_Duplicate(v, true));
    }
    return keys;
}

static void check_duplicates(struct check *k, const struct schema_node *n, const cJSON *list)
{
    struct map seen AUTO(map_done) = MAP_INIT;
    size_t i = 0;
    json_foreach (e, list) {
        char name[32];
        size_t before = place_index(k->at, i++);
        cJSON *id AUTO(json_freep) = identity(n, e);
        snprintf(name, sizeof(name), "%c%016llx", (char)('a' + (id->type & 0xff) % 26),
                 (unsigned long long)json_hash(id));
        const cJSON *first = map_get(&seen, name);
        cJSON *other AUTO(json_freep) = first ? identity(n, first) : NULL;
        if (!first)
            map_set(&seen, name, (void *)(uintptr_t)e);
        else if (json_equal(other, id) && k->c)
            causes_duplicate(k->c, here(k), id);
        place_back(k->at, before);
    }
}

static void check_lists(struct check *k, const struct schema_node *n, const cJSON *v)
{
    if (!n->has_lists || stopped(k))
        return;
    if (cJSON_IsArray(v)) {
        size_t i = 0;
        if (n->list != SL_ATOMIC && v->child && v->child->next)
            check_duplicates(k, n, v);
        for (const cJSON *e = n->items && n->items->has_lists ? v->child : NULL; e; e = e->next) {
            size_t before = place_index(k->at, i++);
            check_lists(k, n->items, e);
            place_back(k->at, before);
        }
        return;
    }
    for (const cJSON *j = cJSON_IsObject(v) ? v->child : NULL; j; j = j->next) {
        const struct schema_node *inner = schema_prop(n, j->string);
        inner = inner ? inner : n->additional;
        size_t before = place_key(k->at, j->string);
        if (inner)
            check_lists(k, inner, j);
        place_back(k->at, before);
    }
}

/* --- entry ---------------------------------------------------------------------------------- */

void schema_check_value(const struct schema_node *n, const cJSON *value, struct place *at,
                        struct causes *c)
{
    struct check k = {.c = c, .steps = SCHEMA_STEPS_MAX, .at = at};
    check_value(&k, n, value);
    check_lists(&k, n, value);
}

/* Errors about the shape: with one of them a rule could fail for the wrong reason. */
static bool blocks_rules(const struct causes *c)
{
    static const char *const reasons[] = {CAUSE_NOT_SUPPORTED, CAUSE_REQUIRED, CAUSE_TOO_LONG,
                                          CAUSE_TOO_MANY, CAUSE_TYPE_INVALID};
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < ARRAY_LEN(reasons); k++)
            if (streq(c->items[i].reason, reasons[k]))
                return true;
    return false;
}

void schema_validate(const struct schema *s, const cJSON *obj, const cJSON *old, struct causes *c)
{
    struct place at = {.text = BUF_INIT(8192)};
    schema_check_value(s->root, obj, &at, c);
    buf_done(&at.text);
    if (!s->root->has_rules)
        return;
    if (blocks_rules(c))
        causes_add(c, CAUSE_INVALID, "<nil>",
                   "Invalid value: \"null\": some validation rules were not checked because the "
                   "object was invalid; correct the existing errors to complete validation");
    else
        schema_rules_check(s, obj, old, c);
}
