/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people and API servers read of a field table: the structural OpenAPI schema for a CRD and
 * the Markdown table of the manual. Nothing is checked here; field.c does that from the same tree.
 */
#include <string.h>

#include "base/field_tree.h"

/* ---- OpenAPI
 * --------------------------------------------------------------------------------------- */

static cJSON *schema_of(const struct field_node *n);

static void add_string_bounds(cJSON *s, const struct field *row)
{
    if (row->allowed) {
        cJSON *words = cJSON_AddArrayToObject(s, "enum");
        struct str rest = str_of(row->allowed), piece;
        while (str_split(&rest, '|', &piece)) {
            char *word = mem_strndup(piece.ptr, piece.len);
            cJSON_AddItemToArray(words, cJSON_CreateString(word));
            mem_free(word);
        }
    }
    if (row->max_len)
        cJSON_AddNumberToObject(s, "maxLength", row->max_len);
    if (row->min_len)
        cJSON_AddNumberToObject(s, "minLength", row->min_len);
    if (row->pattern)
        cJSON_AddStringToObject(s, "pattern", row->pattern);
}

static void add_number_bounds(cJSON *s, const struct field *row)
{
    if (!row->min && !row->max)
        return;
    cJSON_AddNumberToObject(s, "minimum", (double)row->min);
    if (row->max != FIELD_NO_MAX)
        cJSON_AddNumberToObject(s, "maximum", (double)row->max);
}

static void add_list_rules(cJSON *s, const struct field *row)
{
    ATOLL_ASSERT(row); /* a list is always said by a row */
    if (row->max_len)
        cJSON_AddNumberToObject(s, "maxItems", row->max_len);
    if (row->min_len)
        cJSON_AddNumberToObject(s, "minItems", row->min_len);
    if (row->flags & FIELD_SET)
        cJSON_AddStringToObject(s, "x-kubernetes-list-type", "set");
    if (!row->key)
        return;
    cJSON_AddStringToObject(s, "x-kubernetes-list-type", "map");
    cJSON *keys = cJSON_AddArrayToObject(s, "x-kubernetes-list-map-keys");
    struct str rest = str_of(row->key), piece;
    while (str_split(&rest, ',', &piece)) {
        char *key = mem_strndup(piece.ptr, piece.len);
        cJSON_AddItemToArray(keys, cJSON_CreateString(key));
        mem_free(key);
    }
}

static void add_members(cJSON *s, const struct field_node *n)
{
    cJSON *required = NULL;
    cJSON *members = n->children ? cJSON_AddObjectToObject(s, "properties") : NULL;
    for (const struct field_node *c = n->children; c; c = c->next) {
        cJSON_AddItemToObject(members, c->name, schema_of(c));
        if (!c->row || !(c->row->flags & FIELD_REQUIRED))
            continue;
        if (!required)
            required = cJSON_AddArrayToObject(s, "required");
        cJSON_AddItemToArray(required, cJSON_CreateString(c->name));
    }
}

static cJSON *preserve(cJSON *s)
{
    cJSON_AddBoolToObject(s, "x-kubernetes-preserve-unknown-fields", true);
    return s;
}

static cJSON *typed(const char *type, const char *format)
{
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "type", type);
    if (format)
        cJSON_AddStringToObject(s, "format", format);
    return s;
}

/* What quantity_parse accepts, for readers of the schema. Written as Kubernetes' own CRDs have it.
 */
#define QUANTITY_NUMBER "(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))"
#define QUANTITY_PATTERN                                                                           \
    "^(\\+|-)?" QUANTITY_NUMBER "(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?" QUANTITY_NUMBER "))?$"

static cJSON *int_or_string(void)
{
    cJSON *s = cJSON_CreateObject();
    cJSON *any = cJSON_AddArrayToObject(s, "anyOf");
    cJSON_AddItemToArray(any, typed("integer", NULL));
    cJSON_AddItemToArray(any, typed("string", NULL));
    cJSON_AddBoolToObject(s, "x-kubernetes-int-or-string", true);
    return s;
}

static cJSON *bare_schema(const struct field_node *n)
{
    cJSON *s;
    switch (n->type) {
    case FIELD_OBJECT:
        s = typed("object", NULL);
        add_members(s, n);
        return n->row && n->row->flags & FIELD_PRESERVE ? preserve(s) : s;
    case FIELD_LIST:
        s = typed("array", NULL);
        cJSON_AddItemToObject(s, "items", schema_of(n->element));
        add_list_rules(s, n->row);
        return s;
    case FIELD_MAP:
        s = typed("object", NULL);
        cJSON_AddItemToObject(s, "additionalProperties", schema_of(n->element));
        return s;
    case FIELD_STRING:
        return typed("string", NULL);
    case FIELD_INT32:
        return typed("integer", "int32");
    case FIELD_INT64:
        return typed("integer", "int64");
    case FIELD_BOOL:
        return typed("boolean", NULL);
    case FIELD_INT_OR_STRING:
        return int_or_string();
    case FIELD_QUANTITY:
        s = int_or_string();
        cJSON_AddStringToObject(s, "pattern", QUANTITY_PATTERN);
        return s;
    case FIELD_TIME:
        return typed("string", "date-time");
    case FIELD_OPAQUE:
        return preserve(typed("object", NULL));
    case FIELD_OPAQUE_LIST:
        s = typed("array", NULL);
        cJSON_AddItemToObject(s, "items", preserve(typed("object", NULL)));
        return s;
    case FIELD_ANY:
        break;
    }
    return preserve(cJSON_CreateObject());
}

static bool is_scalar(enum field_type t)
{
    return t == FIELD_STRING || t == FIELD_INT32 || t == FIELD_INT64 || t == FIELD_BOOL;
}

static void add_immutable_rule(cJSON *s)
{
    cJSON *rules = cJSON_AddArrayToObject(s, "x-kubernetes-validations");
    cJSON *rule = cJSON_CreateObject();
    cJSON_AddStringToObject(rule, "rule", "self == oldSelf");
    cJSON_AddStringToObject(rule, "message", "cannot be changed once it is set");
    cJSON_AddItemToArray(rules, rule);
}

static cJSON *schema_of(const struct field_node *n)
{
    const struct field *row = n->row;
    /* A refused field must reach the controller, which says why; the schema lets it through. */
    if (row && row->flags & FIELD_REJECTED) {
        cJSON *s = preserve(cJSON_CreateObject());
        char *text = mem_printf("Not served: %s", row->instead);
        cJSON_AddStringToObject(s, "description", text);
        mem_free(text);
        return s;
    }
    cJSON *s = bare_schema(n);
    if (!row)
        return s;
    if (row->help)
        cJSON_AddStringToObject(s, "description", row->help);
    if (n->type == FIELD_STRING)
        add_string_bounds(s, row);
    if (n->type == FIELD_INT32 || n->type == FIELD_INT64)
        add_number_bounds(s, row);
    if (row->def)
        cJSON_AddItemToObject(s, "default", cJSON_Parse(row->def));
    if (row->flags & FIELD_IMMUTABLE && is_scalar(n->type))
        add_immutable_rule(s);
    return s;
}

cJSON *field_openapi(const struct field_schema *s)
{
    return schema_of(field_root(s));
}

/* ---- Markdown
 * --------------------------------------------------------------------------------------- */

static const char *type_word(enum field_type t)
{
    static const char *const WORD[] = {
        [FIELD_OBJECT] = "object",     [FIELD_LIST] = "list",
        [FIELD_MAP] = "map",           [FIELD_STRING] = "string",
        [FIELD_INT32] = "integer",     [FIELD_INT64] = "integer",
        [FIELD_BOOL] = "boolean",      [FIELD_INT_OR_STRING] = "integer or string",
        [FIELD_QUANTITY] = "quantity", [FIELD_TIME] = "time",
        [FIELD_OPAQUE] = "object",     [FIELD_OPAQUE_LIST] = "list",
        [FIELD_ANY] = "any",
    };
    return WORD[t];
}

static const char *served_word(unsigned flags)
{
    return flags & FIELD_REJECTED     ? "rejected"
           : flags & FIELD_NO_EFFECT  ? "accepted, no effect"
           : flags & FIELD_DEPRECATED ? "works, old spelling"
                                      : "works";
}

/* A cell: '|' is escaped, since it would end the cell. */
static void add_cell(struct buf *out, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
    buf_adds(out, " | ");
}

static void docs_row(struct buf *out, const char *path, const struct field *row)
{
    buf_addf(out, "| `%s` | %s | ", path, type_word(row->type));
    add_cell(out, row->def ? row->def : "");
    buf_adds(out, served_word(row->flags));
    if (row->flags & FIELD_REQUIRED)
        buf_adds(out, ", required");
    if (row->flags & FIELD_IMMUTABLE)
        buf_adds(out, ", immutable");
    buf_adds(out, " | ");
    bool both = row->help && row->instead;
    AUTO(mem_freep)
    char *text = mem_printf("%s%s%s", row->help ? row->help : "", both ? " " : "",
                            row->instead ? row->instead : "");
    add_cell(out, text);
    buf_cut(out, out->len - 1);
    buf_addc(out, '\n');
}

static void docs_node(struct buf *out, const struct field_node *n, const char *path)
{
    if (n->row && *path)
        docs_row(out, path, n->row);
    if (n->row && n->row->flags & FIELD_REJECTED)
        return;
    if (n->element) {
        AUTO(mem_freep) char *below = mem_printf("%s%s", path, n->type == FIELD_LIST ? "[]" : ".*");
        docs_node(out, n->element, below);
    }
    for (const struct field_node *c = n->children; c; c = c->next) {
        AUTO(mem_freep) char *below = mem_printf("%s%s%s", path, *path ? "." : "", c->name);
        docs_node(out, c, below);
    }
}

void field_docs(const struct field_schema *s, struct buf *out)
{
    buf_adds(out, "| field | type | default | served | meaning |\n|---|---|---|---|---|\n");
    docs_node(out, field_root(s), "");
}
