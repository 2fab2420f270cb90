/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this JSON a structural schema? Kubernetes wants to know the shape of every object from the
 * schema alone: a type everywhere, one way to say what members an object has, and inside allOf,
 * anyOf, oneOf and not only rules about values. Adds a cause for each thing that is wrong.
 */
#include <string.h>

#include "apiserver/schema_node.h"

enum level { LEVEL_ROOT, LEVEL_ITEM, LEVEL_FIELD };
enum want { W_STRING = 1, W_NUMBER = 2, W_BOOL = 4, W_OBJECT = 8, W_LIST = 16, W_ANY = 32 };
enum { K_NOT_NESTED = 1, K_NEVER = 2, K_COUNT = 4 };

/* What a schema may say. Members that are not here are ignored. */
static const struct keyword {
    const char *name;
    unsigned want, flags;
} keywords[] = {
    {"type", W_STRING, K_NOT_NESTED},
    {"properties", W_OBJECT, 0},
    {"items", W_OBJECT, 0},
    {"additionalProperties", W_OBJECT | W_BOOL, K_NOT_NESTED},
    {"required", W_LIST, 0},
    {"description", W_STRING, K_NOT_NESTED},
    {"title", W_STRING, K_NOT_NESTED},
    {"default", W_ANY, K_NOT_NESTED},
    {"nullable", W_BOOL, K_NOT_NESTED},
    {"enum", W_LIST, 0},
    {"format", W_STRING, 0},
    {"pattern", W_STRING, 0},
    {"minimum", W_NUMBER, 0},
    {"maximum", W_NUMBER, 0},
    {"exclusiveMinimum", W_BOOL, 0},
    {"exclusiveMaximum", W_BOOL, 0},
    {"multipleOf", W_NUMBER, 0},
    {"minLength", W_NUMBER, K_COUNT},
    {"maxLength", W_NUMBER, K_COUNT},
    {"minItems", W_NUMBER, K_COUNT},
    {"maxItems", W_NUMBER, K_COUNT},
    {"minProperties", W_NUMBER, K_COUNT},
    {"maxProperties", W_NUMBER, K_COUNT},
    {"uniqueItems", W_BOOL, 0},
    {"allOf", W_LIST, 0},
    {"anyOf", W_LIST, 0},
    {"oneOf", W_LIST, 0},
    {"not", W_OBJECT, 0},
    {"example", W_ANY, 0},
    {"externalDocs", W_OBJECT, 0},
    {"$ref", W_ANY, K_NEVER},
    {"id", W_ANY, K_NEVER},
    {"definitions", W_ANY, K_NEVER},
    {"dependencies", W_ANY, K_NEVER},
    {"patternProperties", W_ANY, K_NEVER},
    {"additionalItems", W_ANY, K_NEVER},
    {"x-kubernetes-preserve-unknown-fields", W_BOOL, K_NOT_NESTED},
    {"x-kubernetes-embedded-resource", W_BOOL, K_NOT_NESTED},
    {"x-kubernetes-int-or-string", W_BOOL, K_NOT_NESTED},
    {"x-kubernetes-list-type", W_STRING, K_NOT_NESTED},
    {"x-kubernetes-list-map-keys", W_LIST, K_NOT_NESTED},
    {"x-kubernetes-map-type", W_STRING, K_NOT_NESTED},
    {"x-kubernetes-validations", W_LIST, K_NOT_NESTED},
};

struct check {
    struct place *at;
    struct causes *c;
    size_t nodes;
};

static const char *here(struct check *k)
{
    return buf_str(&k->at->text);
}

/* A cause about a member of the schema at the place. */
static void blame(struct check *k, const char *reason, const char *name, const char *text)
{
    size_t before = place_key(k->at, name);
    causes_add(k->c, reason, here(k), "%s", text);
    place_back(k->at, before);
}

static bool flag(const cJSON *s, const char *name)
{
    return json_bool(false, s, name);
}

static const char *type_name(const cJSON *s)
{
    const char *t = json_str(s, "type");
    return t ? t : "";
}

/* --- vocabulary ----------------------------------------------------------------------------- */

static unsigned kind_of(const cJSON *j)
{
    return cJSON_IsString(j)   ? W_STRING
           : cJSON_IsNumber(j) ? W_NUMBER
           : cJSON_IsBool(j)   ? W_BOOL
           : cJSON_IsObject(j) ? W_OBJECT
           : cJSON_IsArray(j)  ? W_LIST
                               : 0;
}

/* An empty or false member says nothing, also where it is not allowed. */
static bool says_nothing(const cJSON *j)
{
    return cJSON_IsNull(j) || cJSON_IsFalse(j) || (cJSON_IsString(j) && !*j->valuestring) ||
           (cJSON_IsArray(j) && !j->child);
}

static bool check_keyword(struct check *k, const struct keyword *w, const cJSON *j, bool nested,
                          bool int_or_string_pattern)
{
    if (w->flags & K_NEVER) {
        blame(k, CAUSE_FORBIDDEN, w->name,
              "Forbidden: not supported in schemas of custom resources");
        return true;
    }
    if (!(w->want & W_ANY) && !(w->want & kind_of(j))) {
        blame(k, CAUSE_INVALID, w->name, "Invalid value: wrong JSON type for this schema member");
        return false;
    }
    if ((w->flags & K_COUNT) && (j->valuedouble < 0 || j->valuedouble > 9e15))
        blame(k, CAUSE_INVALID, w->name, "Invalid value: must be a number from 0");
    bool pattern = int_or_string_pattern && streq(w->name, "type");
    if (nested && (w->flags & K_NOT_NESTED) && !pattern && !says_nothing(j))
        blame(k, CAUSE_FORBIDDEN, w->name,
              "Forbidden: must be empty inside allOf, anyOf, oneOf and not to be structural");
    return true;
}

/* false: a member has the wrong JSON type, nothing below makes sense. */
static bool check_vocabulary(struct check *k, const cJSON *s, bool nested, bool pattern)
{
    bool sound = true;
    json_foreach (j, s) {
        for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
            if (!cJSON_IsNull(j) && streq(keywords[i].name, j->string))
                sound = check_keyword(k, &keywords[i], j, nested, pattern) && sound;
    }
    return sound;
}

static void check_strings(struct check *k, const cJSON *s, const char *name)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(s, name);
    json_foreach (j, list) {
        if (cJSON_IsString(j))
            continue;
        blame(k, CAUSE_INVALID, name, "Invalid value: must be a list of strings");
        return;
    }
}

static void check_pattern(struct check *k, const cJSON *s)
{
    const char *pattern = json_str(s, "pattern");
    struct regexp *r = NULL;
    struct err *err AUTO(err_freep) = NULL;
    if (pattern && regexp_compile(pattern, &r, &err)) {
        size_t before = place_key(k->at, "pattern");
        causes_add(k->c, CAUSE_INVALID, here(k),
                   "Invalid value: \"%.200s\": must be a valid regular expression, but isn't: %s",
                   pattern, err_text(err));
        place_back(k->at, before);
    }
    regexp_free(r);
    if (flag(s, "uniqueItems"))
        blame(k, CAUSE_FORBIDDEN, "uniqueItems",
              "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes "
              "quadratic");
}

/* --- value rules: allOf, anyOf, oneOf, not -------------------------------------------------- */

static void check_nested(struct check *k, const cJSON *s, bool pattern);

/* anyOf: [{type: integer}, {type: string}] is how int-or-string is often written. */
static bool is_int_or_string(const cJSON *any)
{
    const cJSON *a = any ? any->child : NULL, *b = a ? a->next : NULL;
    return b && !b->next && cJSON_GetArraySize(a) == 1 && cJSON_GetArraySize(b) == 1 &&
           streq(type_name(a), "integer") && streq(type_name(b), "string");
}

static void check_list_of(struct check *k, const cJSON *s, const char *name, bool first_pattern)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(s, name);
    size_t i = 0, before = place_key(k->at, name);
    bool pattern = streq(name, "anyOf") && first_pattern && is_int_or_string(list);
    json_foreach (j, list) {
        size_t inner = place_index(k->at, i);
        if (cJSON_IsObject(j))
            check_nested(k, j, pattern);
        else
            causes_add(k->c, CAUSE_INVALID, here(k), "Invalid value: must be a schema");
        /* allOf: [{anyOf: [integer, string]}, ...] is the other way to write it. */
        place_back(k->at, inner);
        i++;
    }
    place_back(k->at, before);
}

static void check_value_rules(struct check *k, const cJSON *s, bool pattern)
{
    check_pattern(k, s);
    check_strings(k, s, "required");
    check_list_of(k, s, "allOf", false);
    check_list_of(k, s, "anyOf", pattern);
    check_list_of(k, s, "oneOf", false);
    const cJSON *not = cJSON_GetObjectItemCaseSensitive(s, "not");
    size_t before = place_key(k->at, "not");
    if (cJSON_IsObject(not ))
        check_nested(k, not, false);
    place_back(k->at, before);
}

static bool too_many(struct check *k)
{
    if (++k->nodes <= SCHEMA_NODES_MAX)
        return false;
    if (k->nodes == SCHEMA_NODES_MAX + 1)
        causes_add(k->c, CAUSE_TOO_MANY, here(k), "Too many: at most %d schemas in a schema",
                   SCHEMA_NODES_MAX);
    return true;
}

/* A schema under a junctor. `pattern`: it is a branch of int-or-string and may say its type. */
static void check_nested(struct check *k, const cJSON *s, bool pattern)
{
    if (too_many(k) || !check_vocabulary(k, s, true, pattern))
        return;
    check_value_rules(k, s, true);
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(s, "items");
    size_t before = place_key(k->at, "items");
    if (cJSON_IsObject(items))
        check_nested(k, items, false);
    place_back(k->at, before);
    before = place_key(k->at, "properties");
    json_foreach (p, cJSON_GetObjectItemCaseSensitive(s, "properties")) {
        size_t inner = place_in(k->at, p->string);
        if (streq(p->string, "metadata"))
            causes_forbidden(k->c, here(k), "must not be specified in a nested context");
        if (cJSON_IsObject(p))
            check_nested(k, p, false);
        place_back(k->at, inner);
    }
    place_back(k->at, before);
}

/* --- structure ------------------------------------------------------------------------------ */

static void check_type(struct check *k, const cJSON *s, enum level level)
{
    static const char *const missing[] = {
        "Required value: must not be empty at the root",
        "Required value: must not be empty for specified array items",
        "Required value: must not be empty for specified object fields"};
    static const char *const known[] = {"array",  "boolean", "integer",
                                        "number", "object",  "string"};
    const char *type = type_name(s);
    bool free_type =
        flag(s, "x-kubernetes-int-or-string") || flag(s, "x-kubernetes-preserve-unknown-fields");
    if (flag(s, "x-kubernetes-embedded-resource") && !streq(type, "object"))
        blame(k, *type ? CAUSE_INVALID : CAUSE_REQUIRED, "type",
              *type ? "Invalid value: must be object if x-kubernetes-embedded-resource is true"
                    : "Required value: must be object if x-kubernetes-embedded-resource is true");
    else if (!*type && !free_type)
        blame(k, CAUSE_REQUIRED, "type", missing[level]);
    if (!*type)
        return;
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        found = found || streq(known[i], type);
    size_t before = place_key(k->at, "type");
    if (!found)
        causes_not_supported(k->c, here(k), cJSON_GetObjectItemCaseSensitive(s, "type"),
                             "array|boolean|integer|number|object|string");
    else if (level == LEVEL_ROOT && !streq(type, "object"))
        causes_invalid(k->c, here(k), type, "must be object at the root");
    place_back(k->at, before);
}

static void check_extensions(struct check *k, const cJSON *s)
{
    bool int_or_string = flag(s, "x-kubernetes-int-or-string");
    if (int_or_string && flag(s, "x-kubernetes-preserve-unknown-fields"))
        blame(k, CAUSE_INVALID, "x-kubernetes-preserve-unknown-fields",
              "Invalid value: true: must be false if x-kubernetes-int-or-string is true");
    if (int_or_string && flag(s, "x-kubernetes-embedded-resource"))
        blame(k, CAUSE_INVALID, "x-kubernetes-embedded-resource",
              "Invalid value: true: must be false if x-kubernetes-int-or-string is true");
    if (int_or_string && *type_name(s))
        blame(k, CAUSE_FORBIDDEN, "type",
              "Forbidden: must be empty if x-kubernetes-int-or-string is true");
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(s, "x-kubernetes-preserve-unknown-fields")))
        blame(k, CAUSE_INVALID, "x-kubernetes-preserve-unknown-fields",
              "Invalid value: false: must be true or undefined");
    const cJSON *props = cJSON_GetObjectItemCaseSensitive(s, "properties");
    if (flag(s, "x-kubernetes-embedded-resource") && !(props && props->child) &&
        !flag(s, "x-kubernetes-preserve-unknown-fields"))
        blame(k, CAUSE_REQUIRED, "properties",
              "Required value: must not be empty if x-kubernetes-embedded-resource is true without "
              "x-kubernetes-preserve-unknown-fields");
}

static const cJSON *item_prop(const cJSON *s, const char *name)
{
    return json_at(s, "items", "properties", name);
}

static void check_map_keys(struct check *k, const cJSON *s)
{
    const cJSON *keys = cJSON_GetObjectItemCaseSensitive(s, "x-kubernetes-list-map-keys");
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(s, "items");
    if (!keys || !keys->child)
        blame(k, CAUSE_REQUIRED, "x-kubernetes-list-map-keys",
              "Required value: must not be empty if x-kubernetes-list-type is map");
    if (cJSON_IsObject(items) && !streq(type_name(items), "object"))
        blame(k, CAUSE_INVALID, "items.type",
              "Invalid value: must be object if parent array's x-kubernetes-list-type is map");
    json_foreach (key, keys) {
        const cJSON *prop = cJSON_IsString(key) ? item_prop(s, key->valuestring) : NULL;
        if (!prop) {
            blame(k, CAUSE_INVALID, "x-kubernetes-list-map-keys",
                  "Invalid value: entries must all be names of item properties");
            continue;
        }
        if (streq(type_name(prop), "array") || streq(type_name(prop), "object"))
            blame(k, CAUSE_INVALID, "items.properties",
                  "Invalid value: a list map key must be a scalar");
        const cJSON *required = cJSON_GetObjectItemCaseSensitive(items, "required");
        if (!cJSON_GetObjectItemCaseSensitive(prop, "default") &&
            !json_array_has(required, key->valuestring)) {
            size_t before = place_key(k->at, "items.properties");
            size_t inner = place_in(k->at, key->valuestring);
            causes_required(k->c, buf_str(&k->at->text),
                            "this property is in x-kubernetes-list-map-keys, so it must have a "
                            "default or be a required property");
            place_back(k->at, inner);
            place_back(k->at, before);
        }
    }
}

static void check_list_type(struct check *k, const cJSON *s)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(s, "x-kubernetes-list-type");
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(s, "x-kubernetes-map-type");
    const char *kind = json_string_of(list), *type = type_name(s);
    size_t before = place_key(k->at, "x-kubernetes-list-type");
    if (kind && !streq(kind, "atomic") && !streq(kind, "set") && !streq(kind, "map"))
        causes_not_supported(k->c, here(k), list, "atomic|set|map");
    if (!kind &&
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(s, "x-kubernetes-list-map-keys")) > 0)
        causes_required(k->c, here(k), "must be map if x-kubernetes-list-map-keys is non-empty");
    place_back(k->at, before);
    before = place_key(k->at, "x-kubernetes-map-type");
    if (map && !streq(json_string_of(map), "atomic") && !streq(json_string_of(map), "granular"))
        causes_not_supported(k->c, here(k), map, "atomic|granular");
    place_back(k->at, before);
    if (kind && !streq(type, "array"))
        blame(k, *type ? CAUSE_INVALID : CAUSE_REQUIRED, "type",
              "Required value: must be array if x-kubernetes-list-type is specified");
    if (map && !streq(type, "object"))
        blame(k, *type ? CAUSE_INVALID : CAUSE_REQUIRED, "type",
              "Required value: must be object if x-kubernetes-map-type is specified");
    if (kind && streq(kind, "map"))
        check_map_keys(k, s);
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(s, "items");
    const char *inner = json_str(items, "x-kubernetes-map-type");
    if (kind && streq(kind, "set") && streq(type_name(items), "object") &&
        !(inner && streq(inner, "atomic")))
        blame(k, CAUSE_INVALID, "items.x-kubernetes-map-type",
              "Invalid value: must be atomic as item of a list with x-kubernetes-list-type=set");
    if (kind && !streq(kind, "atomic") && flag(items, "nullable"))
        blame(k, CAUSE_FORBIDDEN, "items.nullable",
              "Forbidden: cannot be nullable when x-kubernetes-list-type is map or set");
}

/* Restricting more than the name would hide metadata that every object has. */
static void check_metadata(struct check *k, const cJSON *s)
{
    const cJSON *m = json_at(s, "properties", "metadata");
    size_t before = place_key(k->at, "properties");
    size_t inner = place_in(k->at, "metadata");
    bool extra = false;
    json_foreach (j, m) {
        extra = extra || !(streq(j->string, "type") || streq(j->string, "properties") ||
                           streq(j->string, "description") || streq(j->string, "default"));
    }
    json_foreach (j, json_at(m, "properties")) {
        extra = extra || !(streq(j->string, "name") || streq(j->string, "generateName"));
    }
    if (m && !streq(type_name(m), "object"))
        blame(k, CAUSE_INVALID, "type", "Invalid value: must be object");
    if (extra)
        causes_forbidden(k->c, here(k),
                         "must not specify anything other than name and generateName, but metadata "
                         "is implicitly specified");
    place_back(k->at, inner);
    static const char *const texts[] = {"apiVersion", "kind"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const cJSON *t = json_at(s, "properties", texts[i]);
        inner = place_in(k->at, texts[i]);
        if (t && !streq(type_name(t), "string"))
            blame(k, CAUSE_INVALID, "type", "Invalid value: must be string");
        place_back(k->at, inner);
    }
    place_back(k->at, before);
}

static void check_schema(struct check *k, const cJSON *s, enum level level);

static void check_children(struct check *k, const cJSON *s, enum level level)
{
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(s, "items");
    const cJSON *props = cJSON_GetObjectItemCaseSensitive(s, "properties");
    const cJSON *more = cJSON_GetObjectItemCaseSensitive(s, "additionalProperties");
    size_t before = place_key(k->at, "items");
    if (cJSON_IsObject(items))
        check_schema(k, items, LEVEL_ITEM);
    else if (streq(type_name(s), "array"))
        causes_required(k->c, here(k), "must be specified");
    place_back(k->at, before);
    before = place_key(k->at, "properties");
    json_foreach (p, props) {
        size_t inner = place_in(k->at, p->string);
        bool meta = level == LEVEL_ROOT && streq(p->string, "metadata");
        if (!cJSON_IsObject(p))
            causes_add(k->c, CAUSE_INVALID, here(k), "Invalid value: must be a schema");
        else if (!meta)
            check_schema(k, p, LEVEL_FIELD);
        place_back(k->at, inner);
    }
    place_back(k->at, before);
    before = place_key(k->at, "additionalProperties");
    if (more && props && props->child && !cJSON_IsTrue(more))
        causes_forbidden(k->c, here(k), "additionalProperties and properties are mutual exclusive");
    if (more && !says_nothing(more) && level == LEVEL_ROOT)
        causes_forbidden(k->c, here(k), "must not be used at the root");
    if (cJSON_IsObject(more))
        check_schema(k, more, LEVEL_FIELD);
    place_back(k->at, before);
}

static void check_schema(struct check *k, const cJSON *s, enum level level)
{
    if (too_many(k) || !check_vocabulary(k, s, false, false))
        return;
    check_type(k, s, level);
    check_extensions(k, s);
    check_list_type(k, s);
    check_value_rules(k, s, true);
    if (level == LEVEL_ROOT || flag(s, "x-kubernetes-embedded-resource"))
        check_metadata(k, s);
    if (level == LEVEL_ROOT && flag(s, "nullable"))
        blame(k, CAUSE_FORBIDDEN, "nullable", "Forbidden: nullable cannot be true at the root");
    check_children(k, s, level);
}

void schema_structure(const cJSON *openapi, struct place *at, struct causes *c)
{
    struct check k = {.at = at, .c = c};
    if (cJSON_IsObject(openapi))
        check_schema(&k, openapi, LEVEL_ROOT);
    else
        causes_add(c, CAUSE_INVALID, here(&k), "Invalid value: must be a schema");
}
