/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of CEL: made from JSON as its declared type says, compared, ordered, counted.
 *
 * A container from the object stays JSON and its elements become values when they are looked at, so
 * reading one field of a large object costs one field.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/cel_ast.h"
#include "base/clock.h"

const struct cel_type cel_dyn = {.kind = CEL_DYN};
const struct cel_type cel_bool = {.kind = CEL_BOOL};
const struct cel_type cel_int = {.kind = CEL_INT};
const struct cel_type cel_double = {.kind = CEL_DOUBLE};
const struct cel_type cel_string = {.kind = CEL_STRING};
const struct cel_type cel_bytes = {.kind = CEL_BYTES};
const struct cel_type cel_timestamp = {.kind = CEL_TIMESTAMP};
const struct cel_type cel_duration = {.kind = CEL_DURATION};

struct cel_value cel_bool_of(bool b)
{
    return (struct cel_value){.kind = CEL_BOOL, .boolean = b};
}

struct cel_value cel_int_of(int64_t n)
{
    return (struct cel_value){.kind = CEL_INT, .integer = n};
}

struct cel_value cel_double_of(double d)
{
    return (struct cel_value){.kind = CEL_DOUBLE, .real = d};
}

struct cel_value cel_string_of(struct str s)
{
    return (struct cel_value){.kind = CEL_STRING, .text = s};
}

struct cel_value cel_failed(const char *why, const char *what)
{
    return (struct cel_value){.failed = true, .text = str_of(why), .what = what};
}

void *cel_take(struct cel_run *r, size_t n)
{
    size_t cost = n + 32; /* with what the arena spends on alignment */
    if (n > CEL_MEMORY_MAX || cost > CEL_MEMORY_MAX - r->memory)
        return NULL;
    r->memory += cost;
    r->budget->left -= (int64_t)n / 64;
    return arena_alloc(r->arena, n ? n : 1);
}

/* [-] ( digits [. digits] unit )+ with units ns us ms s m h; or 0. */
bool cel_duration_parse(struct str s, int64_t *ret_ns)
{
    static const struct {
        struct str unit;
        double ns;
    } units[] = {{STR("ns"), 1},  {STR("us"), 1e3}, {STR("ms"), 1e6},
                 {STR("s"), 1e9}, {STR("m"), 60e9}, {STR("h"), 3600e9}};
    bool negative = s.len && s.ptr[0] == '-';
    double total = 0;
    size_t i = negative ? 1 : 0;
    if (s.len == i)
        return false;
    if (s.len == i + 1 && s.ptr[i] == '0') {
        *ret_ns = 0;
        return true;
    }
    while (i < s.len) {
        double value = 0, scale = 1;
        size_t digits = 0;
        bool fraction = false;
        for (;
             i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] == '.' && !fraction));
             i++) {
            fraction = fraction || s.ptr[i] == '.';
            if (s.ptr[i] == '.')
                continue;
            value = value * 10 + (s.ptr[i] - '0');
            scale *= fraction ? 10 : 1;
            digits++;
        }
        size_t start = i;
        while (i < s.len && s.ptr[i] >= 'a' && s.ptr[i] <= 'z')
            i++;
        double ns = 0;
        for (size_t k = 0; k < ARRAY_LEN(units); k++)
            if (str_eq(units[k].unit, (struct str){s.ptr + start, i - start}))
                ns = units[k].ns;
        if (digits == 0 || ns == 0)
            return false;
        total += value / scale * ns;
    }
    if (total > 9.2e18)
        return false;
    *ret_ns = negative ? -(int64_t)total : (int64_t)total;
    return true;
}

/* --- from JSON ------------------------------------------------------------------------------ */

static struct cel_value number_of(double d, enum cel_kind kind)
{
    bool whole = d == floor(d) && fabs(d) < 9.2e18;
    if (kind == CEL_DOUBLE || !whole)
        return cel_double_of(d);
    return cel_int_of((int64_t)d);
}

/* A string with a format that has a type of its own; a text that is not one stays a string. */
static struct cel_value text_of(const char *s, enum cel_kind kind)
{
    struct cel_value v = cel_string_of(str_of(s));
    int64_t n;
    if (kind == CEL_TIMESTAMP && clock_parse(s, &n) == 0) {
        v.kind = kind;
        v.integer = n;
    } else if (kind == CEL_DURATION && cel_duration_parse(v.text, &n)) {
        v.kind = kind;
        v.integer = n;
    }
    return v;
}

struct cel_value cel_of_json(const cJSON *j, const struct cel_type *t)
{
    if (!j || cJSON_IsNull(j))
        return (struct cel_value){.kind = CEL_NULL};
    if (cJSON_IsBool(j))
        return cel_bool_of(cJSON_IsTrue(j));
    if (cJSON_IsNumber(j))
        return number_of(j->valuedouble, t->kind);
    if (cJSON_IsString(j))
        return text_of(j->valuestring, t->kind);
    struct cel_value v = {.json = j, .type = t};
    if (cJSON_IsArray(j))
        v.kind = CEL_LIST;
    else
        v.kind = t->kind == CEL_OBJECT ? CEL_OBJECT : CEL_MAP;
    return v;
}

/* --- containers ----------------------------------------------------------------------------- */

size_t cel_length(struct cel_value v)
{
    if (v.json)
        return (size_t)cJSON_GetArraySize(v.json);
    return v.kind == CEL_MAP ? v.n / 2 : v.n;
}

static const struct cel_type *elem_type(const struct cel_type *t)
{
    return t && t->elem ? t->elem : &cel_dyn;
}

struct cel_value cel_at(struct cel_value list, size_t i)
{
    if (!list.json)
        return list.items[i];
    return cel_of_json(cJSON_GetArrayItem(list.json, (int)i), elem_type(list.type));
}

static int64_t json_weight(const cJSON *j)
{
    int64_t n = 1 + (cJSON_IsString(j) ? (int64_t)strlen(j->valuestring) / 16 : 0);
    json_foreach (child, j) {
        n += json_weight(child);
    }
    return n;
}

int64_t cel_weight(struct cel_value v)
{
    if (v.json)
        return json_weight(v.json);
    int64_t n = 1 + (int64_t)v.text.len / 16;
    for (size_t i = 0; i < v.n; i++)
        n += cel_weight(v.items[i]);
    return n;
}

/* --- order ---------------------------------------------------------------------------------- */

static bool is_number(struct cel_value v)
{
    return v.kind == CEL_INT || v.kind == CEL_UINT || v.kind == CEL_DOUBLE;
}

static int order_of(double a, double b)
{
    return a < b ? -1 : a > b;
}

/* An integer with a double, without losing the last digits of the integer. */
static int compare_mixed(int64_t a, double b)
{
    if (b >= 9223372036854775808.0)
        return -1;
    if (b < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)b;
    if (a != whole)
        return a < whole ? -1 : 1;
    return order_of(0, b - (double)whole);
}

static bool compare_numbers(struct cel_value a, struct cel_value b, int *ret)
{
    bool x = a.kind == CEL_DOUBLE, y = b.kind == CEL_DOUBLE;
    if ((x && isnan(a.real)) || (y && isnan(b.real)))
        return false;
    if (x && y)
        *ret = order_of(a.real, b.real);
    else if (x)
        *ret = -compare_mixed(b.integer, a.real);
    else if (y)
        *ret = compare_mixed(a.integer, b.real);
    else
        *ret = a.integer < b.integer ? -1 : a.integer > b.integer;
    return true;
}

bool cel_compare(struct cel_value a, struct cel_value b, int *ret)
{
    if (is_number(a) && is_number(b))
        return compare_numbers(a, b, ret);
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case CEL_STRING:
    case CEL_BYTES: {
        size_t n = a.text.len < b.text.len ? a.text.len : b.text.len;
        int order = n ? memcmp(a.text.ptr, b.text.ptr, n) : 0;
        *ret = order ? order : a.text.len < b.text.len ? -1 : a.text.len > b.text.len;
        return true;
    }
    case CEL_TIMESTAMP:
    case CEL_DURATION:
        *ret = a.integer < b.integer ? -1 : a.integer > b.integer;
        return true;
    case CEL_BOOL:
        *ret = (int)a.boolean - (int)b.boolean;
        return true;
    default:
        return false;
    }
}

/* --- equality ------------------------------------------------------------------------------- */

static bool spend(struct cel_budget *b, int64_t cost)
{
    b->left -= cost;
    return b->left >= 0;
}

/* Same keys of a list-map element. */
static bool same_keys(const cJSON *keys, const cJSON *a, const cJSON *b)
{
    json_foreach (k, keys) {
        const cJSON *x = cJSON_GetObjectItemCaseSensitive(a, k->valuestring);
        const cJSON *y = cJSON_GetObjectItemCaseSensitive(b, k->valuestring);
        if (!json_equal(x, y))
            return false;
    }
    return true;
}

/* Every element of a has its like in b; with equal lengths and no duplicates that is equality. */
static bool equal_unordered(struct cel_value a, struct cel_value b, struct cel_budget *budget)
{
    const struct cel_type *elem = elem_type(a.type);
    json_foreach (x, a.json) {
        bool found = false;
        json_foreach (y, b.json) {
            if (!spend(budget, 1))
                return false;
            if (a.type->map_keys && !same_keys(a.type->map_keys, x, y))
                continue;
            found = cel_equal(cel_of_json(x, elem), cel_of_json(y, elem), budget);
            if (found || a.type->map_keys)
                break;
        }
        if (!found)
            return false;
    }
    return true;
}

static bool equal_lists(struct cel_value a, struct cel_value b, struct cel_budget *budget)
{
    size_t n = cel_length(a);
    if (n != cel_length(b))
        return false;
    if (a.json && b.json && a.type && (a.type->is_set || a.type->map_keys))
        return equal_unordered(a, b, budget);
    const cJSON *x = a.json ? a.json->child : NULL, *y = b.json ? b.json->child : NULL;
    for (size_t i = 0; i < n; i++) {
        struct cel_value p = a.json ? cel_of_json(x, elem_type(a.type)) : a.items[i];
        struct cel_value q = b.json ? cel_of_json(y, elem_type(b.type)) : b.items[i];
        if (!spend(budget, 1) || !cel_equal(p, q, budget))
            return false;
        x = x ? x->next : NULL;
        y = y ? y->next : NULL;
    }
    return true;
}

static const struct cel_type *member_type(const struct cel_type *t, const char *name)
{
    const struct cel_field *f = t && t->kind == CEL_OBJECT ? cel_field_find(t, name) : NULL;
    return f ? f->type : elem_type(t);
}

static bool equal_json_maps(struct cel_value a, struct cel_value b, struct cel_budget *budget)
{
    if (cJSON_GetArraySize(a.json) != cJSON_GetArraySize(b.json))
        return false;
    json_foreach (x, a.json) {
        const cJSON *y = cJSON_GetObjectItemCaseSensitive(b.json, x->string);
        if (!y || !spend(budget, 1) ||
            !cel_equal(cel_of_json(x, member_type(a.type, x->string)),
                       cel_of_json(y, member_type(b.type, x->string)), budget))
            return false;
    }
    return true;
}

/* A map from the program against any map: its keys are few. */
static bool equal_made_map(struct cel_value made, struct cel_value other, struct cel_budget *budget)
{
    if (cel_length(made) != cel_length(other))
        return false;
    for (size_t i = 0; i + 1 < made.n; i += 2) {
        bool found = false;
        if (other.json && made.items[i].kind == CEL_STRING) {
            char *key = mem_strndup(made.items[i].text.ptr, made.items[i].text.len);
            const cJSON *y = cJSON_GetObjectItemCaseSensitive(other.json, key);
            found = y && cel_equal(made.items[i + 1], cel_of_json(y, member_type(other.type, key)),
                                   budget);
            mem_free(key);
        }
        for (size_t k = 0; k + 1 < other.n && !other.json && !found; k += 2)
            found = spend(budget, 1) && cel_equal(made.items[i], other.items[k], budget) &&
                    cel_equal(made.items[i + 1], other.items[k + 1], budget);
        if (!found)
            return false;
    }
    return true;
}

static bool is_map(struct cel_value v)
{
    return v.kind == CEL_MAP || v.kind == CEL_OBJECT;
}

bool cel_equal(struct cel_value a, struct cel_value b, struct cel_budget *budget)
{
    int order;
    if (is_map(a) && is_map(b))
        return a.json && b.json ? equal_json_maps(a, b, budget)
               : a.json         ? equal_made_map(b, a, budget)
                                : equal_made_map(a, b, budget);
    if (a.kind == CEL_NULL || b.kind == CEL_NULL)
        return a.kind == b.kind;
    if (a.kind == CEL_LIST && b.kind == CEL_LIST)
        return equal_lists(a, b, budget);
    return cel_compare(a, b, &order) && order == 0;
}
