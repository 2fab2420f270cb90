/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the JSON of an openAPIV3Schema to nodes that pruning, defaulting and validation can walk
 * fast. Whether the JSON is a structural schema was checked before (schema_structure.c); rules are
 * compiled in schema_rules.c.
 */
#include "apiserver/schema.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/schema_node.h"

/* Bounds the memory of one schema: nodes, property tables, CEL types and programs. */
#define SCHEMA_ARENA_MAX ((size_t)128 * 1024 * 1024)

static struct schema_node *build(struct schema *s, const cJSON *j);

static struct schema_node *node_new(struct schema *s)
{
    struct schema_node *n = arena_new_of(s->arena, struct schema_node);
    if (s->n_nodes == s->cap_nodes) {
        s->cap_nodes = s->cap_nodes ? s->cap_nodes * 2 : 64;
        s->all_nodes = mem_realloc(s->all_nodes, s->cap_nodes * sizeof(struct schema_node *));
    }
    s->all_nodes[s->n_nodes++] = n;
    return n;
}

static const cJSON *member(const cJSON *j, const char *name)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(j, name);
    return m && !cJSON_IsNull(m) ? m : NULL;
}

static enum schema_type type_read(const cJSON *j)
{
    static const struct {
        const char *name;
        enum schema_type type;
    } types[] = {{"object", ST_OBJECT},   {"array", ST_ARRAY},   {"string", ST_STRING},
                 {"integer", ST_INTEGER}, {"number", ST_NUMBER}, {"boolean", ST_BOOLEAN}};
    const char *name = json_str(j, "type");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (streq(types[i].name, name))
            return types[i].type;
    return ST_ANY;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct schema_prop *)a)->name, ((const struct schema_prop *)b)->name);
}

static void build_props(struct schema *s, struct schema_node *n, const cJSON *props)
{
    size_t count = (size_t)cJSON_GetArraySize(props), i = 0;
    n->props = arena_array(s->arena, struct schema_prop, count ? count : 1);
    json_foreach (p, props) {
        n->props[i++] = (struct schema_prop){p->string, build(s, p)};
    }
    n->n_props = i;
    if (i > 1)
        qsort(n->props, i, sizeof(*n->props), by_name);
}

static struct schema_nodes build_list(struct schema *s, const cJSON *list)
{
    struct schema_nodes r = {0};
    size_t count = (size_t)cJSON_GetArraySize(list);
    if (count == 0)
        return r;
    r.items = arena_array(s->arena, struct schema_node *, count);
    json_foreach (j, list) {
        r.items[r.n++] = build(s, j);
    }
    return r;
}

static int64_t count_of(const cJSON *j, const char *name)
{
    return json_int_of(member(j, name), -1);
}

static void build_values(struct schema_node *n, const cJSON *j)
{
    n->enums = member(j, "enum");
    n->minimum = member(j, "minimum");
    n->maximum = member(j, "maximum");
    n->multiple_of = member(j, "multipleOf");
    n->exclusive_minimum = json_bool(false, j, "exclusiveMinimum");
    n->exclusive_maximum = json_bool(false, j, "exclusiveMaximum");
    n->min_length = count_of(j, "minLength");
    n->max_length = count_of(j, "maxLength");
    n->min_items = count_of(j, "minItems");
    n->max_items = count_of(j, "maxItems");
    n->min_props = count_of(j, "minProperties");
    n->max_props = count_of(j, "maxProperties");
    const char *format = json_str(j, "format"), *pattern = json_str(j, "pattern");
    n->format = format ? schema_format_find(format) : NULL;
    if (pattern && *pattern && regexp_compile(pattern, &n->pattern, NULL) == 0)
        n->pattern_text = pattern;
}

static void build_kind(struct schema_node *n, const cJSON *j)
{
    const char *list = json_str(j, "x-kubernetes-list-type");
    n->type = type_read(j);
    n->nullable = json_bool(false, j, "nullable");
    n->int_or_string = json_bool(false, j, "x-kubernetes-int-or-string");
    n->preserve = json_bool(false, j, "x-kubernetes-preserve-unknown-fields");
    n->embedded = json_bool(false, j, "x-kubernetes-embedded-resource");
    n->list = !list                ? SL_ATOMIC
              : streq(list, "set") ? SL_SET
              : streq(list, "map") ? SL_MAP
                                   : SL_ATOMIC;
    n->map_keys = member(j, "x-kubernetes-list-map-keys");
    n->required = member(j, "required");
    n->def = member(j, "default");
}

/* Lists to check for duplicates lie here or below. */
static bool lists_below(const struct schema_node *n)
{
    bool found = n->list != SL_ATOMIC || (n->items && n->items->has_lists) ||
                 (n->additional && n->additional->has_lists);
    for (size_t i = 0; i < n->n_props && !found; i++)
        found = n->props[i].node->has_lists;
    return found;
}

static struct schema_node *build(struct schema *s, const cJSON *j)
{
    struct schema_node *n = node_new(s);
    const cJSON *items = member(j, "items"), *more = member(j, "additionalProperties");
    const cJSON *not = member(j, "not"), *props = member(j, "properties");
    build_kind(n, j);
    build_values(n, j);
    if (props)
        build_props(s, n, props);
    n->items = cJSON_IsObject(items) ? build(s, items) : NULL;
    n->additional = cJSON_IsObject(more) ? build(s, more) : NULL;
    n->additional_any = cJSON_IsTrue(more);
    n->not = cJSON_IsObject(not ) ? build(s, not ) : NULL;
    n->all = build_list(s, member(j, "allOf"));
    n->any = build_list(s, member(j, "anyOf"));
    n->one = build_list(s, member(j, "oneOf"));
    n->has_lists = lists_below(n);
    return n;
}

struct schema_node *schema_prop(const struct schema_node *n, const char *name)
{
    size_t low = 0, high = n->n_props;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(n->props[middle].name, name);
        if (order == 0)
            return n->props[middle].node;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* --- defaults ------------------------------------------------------------------------------- */

/* A default must be what an object would keep: nothing unknown, and valid. */
static void check_default(const struct schema_node *n, struct place *at, struct causes *c)
{
    struct schema one = {.root = (struct schema_node *)(uintptr_t)n}; /* only read */
    cJSON *copy AUTO(json_freep) = cJSON_Duplicate(n->def, true);
    const char **removed = NULL;
    size_t n_removed = 0, before = place_key(at, "default");
    schema_prune_value(&one, copy, c->arena, &removed, &n_removed);
    if (n_removed)
        causes_add(c, CAUSE_INVALID, buf_str(&at->text),
                   "Invalid value: must not have unknown fields, found %s", removed[0]);
    else
        schema_check_value(n, n->def, at, c);
    place_back(at, before);
}

static void check_defaults(const struct schema_node *n, const cJSON *j, struct place *at,
                           struct causes *c)
{
    if (n->def)
        check_default(n, at, c);
    size_t before = place_key(at, "items");
    if (n->items)
        check_defaults(n->items, member(j, "items"), at, c);
    place_back(at, before);
    before = place_key(at, "additionalProperties");
    if (n->additional)
        check_defaults(n->additional, member(j, "additionalProperties"), at, c);
    place_back(at, before);
    before = place_key(at, "properties");
    json_foreach (p, member(j, "properties")) {
        size_t inner = place_in(at, p->string);
        check_defaults(schema_prop(n, p->string), p, at, c);
        place_back(at, inner);
    }
    place_back(at, before);
}

/* --- the whole ------------------------------------------------------------------------------ */

void schema_free(struct schema *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_nodes; i++) {
        struct schema_node *n = s->all_nodes[i];
        regexp_free(n->pattern);
        for (size_t k = 0; k < n->n_rules; k++) {
            cel_free(n->rules[k].rule);
            cel_free(n->rules[k].message_expression);
        }
    }
    mem_free(s->all_nodes);
    cJSON_Delete(s->json);
    arena_free(s->arena);
    mem_free(s);
}

/* A patch can bring members of one name. What walks the JSON would then meet another schema than
 * what asks for the name: refused. */
static void check_names(const cJSON *openapi, struct place *at, struct causes *c)
{
    char *name AUTO(mem_freep) = json_duplicate(openapi);
    if (!name)
        return;
    size_t before = place_key(at, name);
    causes_add(c, CAUSE_DUPLICATE, buf_str(&at->text), "Duplicate value: a member is named twice");
    place_back(at, before);
}

struct schema *schema_compile(const cJSON *openapi, const char *path, struct causes *c)
{
    struct place at = {.text = BUF_INIT(8192)};
    size_t before = c->n + c->dropped;
    buf_adds(&at.text, path);
    check_names(openapi, &at, c);
    schema_structure(openapi, &at, c);
    struct schema *s = NULL;
    if (c->n + c->dropped == before) {
        s = mem_new(struct schema);
        s->arena = arena_new(SCHEMA_ARENA_MAX);
        s->json = cJSON_Duplicate(openapi, true);
        s->root = build(s, s->json);
        check_defaults(s->root, s->json, &at, c);
        if (c->n + c->dropped == before)
            schema_rules_compile(s, s->json, &at, c);
    }
    buf_done(&at.text);
    if (c->n + c->dropped != before) {
        schema_free(s);
        return NULL;
    }
    return s;
}
