/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled structural schema, shared by the schema_*.c files. */
#ifndef ATOLL_APISERVER_SCHEMA_NODE_H
#define ATOLL_APISERVER_SCHEMA_NODE_H

#include <string.h>

#include "apiserver/cel.h"
#include "apiserver/regexp.h"
#include "apiserver/schema.h"
#include "apiserver/types_rows.h"

#define SCHEMA_NODES_MAX   60000
#define SCHEMA_STEPS_MAX   5000000 /* schema nodes visited for one object */
#define SCHEMA_REMOVED_MAX 64

enum schema_type { ST_ANY, ST_OBJECT, ST_ARRAY, ST_STRING, ST_INTEGER, ST_NUMBER, ST_BOOLEAN };
enum schema_list { SL_ATOMIC, SL_SET, SL_MAP };

struct schema_node;
struct schema_prop {
    const char *name;
    struct schema_node *node;
};
struct schema_rule {
    struct cel *rule, *message_expression;            /* the latter may be NULL */
    const char *text, *message, *reason, *field_path; /* the last three may be NULL */
    bool uses_old;
};
struct schema_nodes {
    struct schema_node **items;
    size_t n;
};

/* Everything points into the schema's own copy of the JSON. */
struct schema_node {
    enum schema_type type;
    bool nullable, int_or_string, preserve, embedded;
    bool additional_any;       /* additionalProperties: true */
    bool has_rules;            /* here or below */
    bool has_lists;            /* sets or maps, here or below */
    struct schema_prop *props; /* sorted by name */
    size_t n_props;
    struct schema_node *items, *additional, *not ;
    struct schema_nodes all, any, one;
    const cJSON *required, *def, *enums;
    enum schema_list list;
    const cJSON *map_keys;
    const cJSON *minimum, *maximum, *multiple_of;
    bool exclusive_minimum, exclusive_maximum;
    int64_t min_length, max_length, min_items, max_items, min_props, max_props; /* -1: none */
    struct regexp *pattern;
    const char *pattern_text;
    const struct schema_format *format;
    struct schema_rule *rules;
    size_t n_rules;
    struct cel_type *cel; /* made when a rule needs it */
};

struct schema {
    struct arena *arena;
    cJSON *json;
    struct schema_node *root;
    struct schema_node **all_nodes; /* for what must be freed */
    size_t n_nodes, cap_nodes;
};

/* A place in an object or a schema, as text. Pushing returns what pops. */
struct place {
    struct buf text;
};
#define PLACE_NAME_MAX 200 /* of one name: they come from outside */
static inline void place_add_name(struct place *p, const char *name)
{
    size_t n = strlen(name);
    buf_add(&p->text, name, n < PLACE_NAME_MAX ? n : PLACE_NAME_MAX);
}
static inline size_t place_key(struct place *p, const char *name)
{
    size_t before = p->text.len;
    if (before)
        buf_addc(&p->text, '.');
    place_add_name(p, name);
    return before;
}
static inline size_t place_in(struct place *p, const char *name) /* properties[name] */
{
    size_t before = p->text.len;
    buf_addc(&p->text, '[');
    place_add_name(p, name);
    buf_addc(&p->text, ']');
    return before;
}
static inline size_t place_index(struct place *p, size_t i)
{
    return type_path_index(&p->text, i);
}
static inline void place_back(struct place *p, size_t before)
{
    buf_cut(&p->text, before);
}

/* schema_structure.c: is the JSON a structural schema? Adds causes. */
void schema_structure(const cJSON *openapi, struct place *at, struct causes *c);

/* schema.c */
struct schema_node *schema_prop(const struct schema_node *n, const char *name);

/* schema_apply.c: prune a value that is not a whole object (no apiVersion, kind, metadata to keep).
 */
void schema_prune_value(const struct schema *s, cJSON *value, struct arena *a,
                        const char ***ret_removed, size_t *ret_n);

/* schema_validate.c: a value against a node, without rules; `path` is where the value lies. */
void schema_check_value(const struct schema_node *n, const cJSON *value, struct place *at,
                        struct causes *c);

/* schema_rules.c */
void schema_rules_compile(struct schema *s, const cJSON *openapi, struct place *at,
                          struct causes *c);
void schema_rules_check(const struct schema *s, const cJSON *obj, const cJSON *old,
                        struct causes *c);

/* schema_format.c */
struct schema_format {
    const char *name;
    bool (*valid)(const char *s);
};
const struct schema_format *schema_format_find(const char *name); /* NULL: not checked */

#endif
