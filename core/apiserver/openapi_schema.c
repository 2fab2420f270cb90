/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas for OpenAPI: of built-in types from their rows, of custom kinds from their CRD. kubectl
 * reads descriptions for explain, and merge keys to compute the patches of apply.
 */
#include <stdio.h>
#include <string.h>

#include "apiserver/openapi_build.h"
#include "apiserver/types_rows.h"

cJSON *openapi_ref(const char *name, bool v2)
{
    char *path AUTO(mem_freep) =
        mem_printf("%s%s", v2 ? "#/definitions/" : "#/components/schemas/", name);
    cJSON *ref = cJSON_CreateObject();
    cJSON_AddStringToObject(ref, "$ref", path);
    return ref;
}

static char *type_name(const struct type *t)
{
    return mem_printf("%s.%s", t->package, t->name);
}

const char *type_openapi_name(const struct type *t, const char *group, const char *version,
                              struct arena *a)
{
    (void)group;
    (void)version;
    return arena_printf(a, "%s.%s", t->package, t->name);
}

/* --- built-in types ------------------------------------------------------------------------- */

static void say_type(cJSON *s, const char *type, const char *format)
{
    cJSON_AddStringToObject(s, "type", type);
    if (format)
        cJSON_AddStringToObject(s, "format", format);
}

static void scalar_schema(cJSON *s, enum type_kind kind)
{
    static const struct {
        const char *type, *format;
    } words[] = {
        [T_STRING] = {"string", NULL},      [T_INT32] = {"integer", "int32"},
        [T_INT64] = {"integer", "int64"},   [T_BOOL] = {"boolean", NULL},
        [T_DOUBLE] = {"number", "double"},  [T_BYTES] = {"string", "byte"},
        [T_TIME] = {"string", "date-time"}, [T_MICROTIME] = {"string", "date-time"},
        [T_QUANTITY] = {"string", NULL},    [T_INT_OR_STRING] = {"string", "int-or-string"},
        [T_OBJECT] = {"object", NULL},      [T_LIST] = {"array", NULL},
        [T_MAP] = {"object", NULL},         [T_ANY] = {"object", NULL},
    };
    say_type(s, words[kind].type, words[kind].format);
    if (kind == T_ANY)
        cJSON_AddTrueToObject(s, "x-kubernetes-preserve-unknown-fields");
}

static cJSON *element_schema(const struct type_field *f, bool v2)
{
    if (f->ref) {
        char *name AUTO(mem_freep) = type_name(f->ref);
        return openapi_ref(name, v2);
    }
    cJSON *s = cJSON_CreateObject();
    scalar_schema(s, f->elem);
    return s;
}

/* A reference cannot carry a description in v3: it goes into allOf. */
static void object_schema(cJSON *s, const struct type_field *f, bool v2)
{
    char *name AUTO(mem_freep) = type_name(f->ref);
    cJSON *ref = openapi_ref(name, v2);
    if (v2) {
        cJSON_AddItemToObject(s, "$ref", cJSON_DetachItemFromObject(ref, "$ref"));
        cJSON_Delete(ref);
        return;
    }
    cJSON_AddItemToArray(cJSON_AddArrayToObject(s, "allOf"), ref);
}

static void list_schema(cJSON *s, const struct type_field *f, bool v2)
{
    say_type(s, "array", NULL);
    cJSON_AddItemToObject(s, "items", element_schema(f, v2));
    if (!f->merge_key) {
        cJSON_AddStringToObject(s, "x-kubernetes-list-type", "atomic");
        return;
    }
    bool map = *f->merge_key != '\0';
    cJSON_AddStringToObject(s, "x-kubernetes-patch-strategy",
                            f->flags & TF_RETAIN_KEYS ? "merge,retainKeys" : "merge");
    cJSON_AddStringToObject(s, "x-kubernetes-list-type", map ? "map" : "set");
    if (!map)
        return;
    cJSON_AddStringToObject(s, "x-kubernetes-patch-merge-key", f->merge_key);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(s, "x-kubernetes-list-map-keys"),
                         cJSON_CreateString(f->merge_key));
}

static cJSON *field_schema(const struct type_field *f, bool v2)
{
    cJSON *s = cJSON_CreateObject();
    if (f->help)
        cJSON_AddStringToObject(s, "description", f->help);
    if (f->kind == T_OBJECT) {
        object_schema(s, f, v2);
    } else if (f->kind == T_LIST) {
        list_schema(s, f, v2);
    } else if (f->kind == T_MAP) {
        say_type(s, "object", NULL);
        cJSON_AddItemToObject(s, "additionalProperties", element_schema(f, v2));
    } else {
        scalar_schema(s, f->kind);
    }
    if (f->def && !v2 && f->kind != T_OBJECT)
        cJSON_AddItemToObject(s, "default", type_default_value(f));
    return s;
}

/* Fields of inlined types are properties of the outer one. */
static void add_fields(const struct type *t, cJSON *props, cJSON *required, bool v2)
{
    for (const struct type_field *f = t->fields; f->name; f++) {
        if (f->flags & TF_INLINE) {
            add_fields(f->ref, props, required, v2);
            continue;
        }
        cJSON_AddItemToObject(props, f->name, field_schema(f, v2));
        if (f->flags & TF_REQUIRED)
            cJSON_AddItemToArray(required, cJSON_CreateString(f->name));
    }
}

static void add_identity(cJSON *props)
{
    static const struct {
        const char *name, *help;
    } words[] = {{"apiVersion", "Version of the schema this object is written in."},
                 {"kind", "Kind of the object, in CamelCase."}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        cJSON *s = cJSON_CreateObject();
        cJSON_AddStringToObject(s, "description", words[i].help);
        say_type(s, "string", NULL);
        cJSON_AddItemToObject(props, words[i].name, s);
    }
}

static void add_types_below(const struct type *t, cJSON *schemas, bool v2)
{
    for (const struct type_field *f = t->fields; f->name; f++) {
        if (f->flags & TF_INLINE)
            add_types_below(f->ref, schemas, v2);
        else if (f->ref)
            openapi_type(f->ref, schemas, v2);
    }
}

void openapi_type(const struct type *t, cJSON *schemas, bool v2)
{
    char *name AUTO(mem_freep) = type_name(t);
    if (cJSON_GetObjectItemCaseSensitive(schemas, name))
        return;
    cJSON *s = cJSON_AddObjectToObject(schemas, name);
    if (t->help)
        cJSON_AddStringToObject(s, "description", t->help);
    say_type(s, "object", NULL);
    cJSON *props = cJSON_CreateObject(), *required = cJSON_CreateArray();
    if (t->fields->name && streq(t->fields->name, "metadata"))
        add_identity(props);
    add_fields(t, props, required, v2);
    if (props->child)
        cJSON_AddItemToObject(s, "properties", props);
    else
        cJSON_Delete(props);
    if (required->child)
        cJSON_AddItemToObject(s, "required", required);
    else
        cJSON_Delete(required);
    add_types_below(t, schemas, v2);
}

void type_openapi(const struct type *t, cJSON *schemas)
{
    openapi_type(t, schemas, false);
}

/* --- custom kinds --------------------------------------------------------------------------- */

/* What v2 has no word for is left out; the rest is as the CRD says. */
static bool is_in_v2(const char *name)
{
    static const char *const kept[] = {
        "description", "type",       "format", "required",
        "title",       "properties", "items",  "additionalProperties"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (streq(kept[i], name))
            return true;
    return str_starts(name, "x-kubernetes-") && !streq(name, "x-kubernetes-validations");
}

static cJSON *plain_schema(const cJSON *j);

static cJSON *plain_member(const cJSON *m)
{
    bool schema = streq(m->string, "items") || streq(m->string, "additionalProperties");
    if (schema && cJSON_IsObject(m))
        return plain_schema(m);
    if (!streq(m->string, "properties"))
        return cJSON_Duplicate(m, true);
    cJSON *props = cJSON_CreateObject();
    json_foreach (p, m) {
        cJSON_AddItemToObject(props, p->string, plain_schema(p));
    }
    return props;
}

/* kubectl checks v2 strictly: where a null or several types are fine, v2 says no type at all. */
static cJSON *plain_schema(const cJSON *j)
{
    cJSON *s = cJSON_CreateObject();
    bool loose = json_bool(false, j, "nullable") ||
                 json_bool(false, j, "x-kubernetes-int-or-string") ||
                 json_bool(false, j, "x-kubernetes-preserve-unknown-fields");
    json_foreach (m, j) {
        bool shape = streq(m->string, "type") || streq(m->string, "items") ||
                     streq(m->string, "properties") || streq(m->string, "format");
        if (is_in_v2(m->string) && !(loose && shape))
            cJSON_AddItemToObject(s, m->string, plain_member(m));
    }
    return s;
}

cJSON *openapi_custom(const cJSON *openapi, cJSON *schemas, bool v2)
{
    cJSON *s = v2 ? plain_schema(openapi) : cJSON_Duplicate(openapi, true);
    if (!cJSON_GetObjectItemCaseSensitive(s, "type"))
        cJSON_AddStringToObject(s, "type", "object");
    cJSON *props = json_obj(s, "properties");
    cJSON_DeleteItemFromObjectCaseSensitive(props, "apiVersion");
    cJSON_DeleteItemFromObjectCaseSensitive(props, "kind");
    cJSON_DeleteItemFromObjectCaseSensitive(props, "metadata");
    add_identity(props);
    const struct type_field metadata =
        ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META, .help = "Metadata that every object has.");
    cJSON_AddItemToObject(props, "metadata", field_schema(&metadata, v2));
    openapi_type(&TYPE_OBJECT_META, schemas, v2);
    return s;
}

/* "golden.example.com" backwards, then version and kind. */
static char *custom_name(const struct openapi_resource *r)
{
    struct buf out AUTO(buf_done) = BUF_INIT(1024);
    const char *end = r->group + strlen(r->group);
    while (end > r->group) {
        const char *start = end;
        while (start > r->group && start[-1] != '.')
            start--;
        buf_addf(&out, "%.*s.", (int)(end - start), start);
        end = start > r->group ? start - 1 : start;
    }
    buf_addf(&out, "%s.%s", r->version, r->kind);
    return buf_take(&out);
}

char *openapi_name(const struct openapi_resource *r)
{
    return r->type ? type_name(r->type) : custom_name(r);
}
