/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CustomResourceDefinition as a whole: names, versions, columns, subresources, and what may not
 * change once the kind is served. The schema of each version is schema.c's.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/columns.h"
#include "apiserver/names.h"
#include "apiserver/schema.h"
#include "apiserver/types_rows.h"

#define VERSIONS_MAX          64
#define SELECTABLE_FIELDS_MAX 8

static const cJSON *get(const cJSON *j, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(j, name);
}

static const char *text(const cJSON *j, const char *name)
{
    const char *s = json_string_of(get(j, name));
    return s ? s : "";
}

/* --- defaults ------------------------------------------------------------------------------- */

static void put_absent(cJSON *obj, const char *name, const char *value)
{
    if (!*text(obj, name))
        json_put_str(obj, value, name);
}

static void default_names(cJSON *names)
{
    const char *kind = text(names, "kind");
    if (!*kind)
        return;
    char *lower AUTO(mem_freep) = mem_strdup(kind);
    for (char *p = lower; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    char *list AUTO(mem_freep) = mem_printf("%sList", kind);
    put_absent(names, "singular", lower);
    put_absent(names, "listKind", list);
}

void crd_default(cJSON *crd)
{
    cJSON *spec = json_obj(crd, "spec"), *status = json_obj(crd, "status");
    default_names(json_obj(spec, "names"));
    if (!get(spec, "conversion"))
        json_put_str(spec, "None", "conversion", "strategy");
    if (!get(status, "acceptedNames")) {
        json_put_str(status, "", "acceptedNames", "plural");
        json_put_str(status, "", "acceptedNames", "kind");
    }
    if (!get(status, "conditions"))
        json_put(status, cJSON_CreateArray(), "conditions");
    const cJSON *stored = get(status, "storedVersions");
    if (stored && stored->child)
        return;
    cJSON *versions = cJSON_CreateArray();
    json_foreach (v, get(spec, "versions")) {
        if (json_bool(false, v, "storage") && !versions->child)
            cJSON_AddItemToArray(versions, cJSON_CreateString(text(v, "name")));
    }
    json_put(status, versions, "storedVersions");
}

/* --- names ---------------------------------------------------------------------------------- */

static void check_label(const char *s, const char *field, struct causes *c)
{
    const char *why = *s ? name_check_label_1035(s) : NULL;
    if (why)
        causes_invalid(c, field, s, why);
}

/* Kinds are labels in mixed case. */
static void check_kind(const char *s, const char *field, struct causes *c)
{
    char *lower AUTO(mem_freep) = mem_strdup(s);
    for (char *p = lower; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (*s && name_check_label_1035(lower))
        causes_invalid(c, field, s,
                       "may have mixed case, but should otherwise be a DNS-1035 label");
}

static void check_labels(const cJSON *list, const char *field, struct causes *c)
{
    char at[CAUSE_FIELD_MAX];
    size_t i = 0;
    json_foreach (j, list) {
        type_path(at, field, "[%zu]", i++);
        if (cJSON_IsString(j) && *j->valuestring)
            check_label(j->valuestring, at, c);
        else
            causes_add(c, CAUSE_INVALID, at, "Invalid value: must be a name");
    }
}

static void check_names(const cJSON *names, struct causes *c)
{
    static const char *const needed[] = {"plural", "singular", "kind", "listKind"};
    char field[CAUSE_FIELD_MAX];
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!*text(names, needed[i]))
            causes_required(c, type_path(field, "spec.names", "%s", needed[i]), NULL);
    check_label(text(names, "plural"), "spec.names.plural", c);
    check_label(text(names, "singular"), "spec.names.singular", c);
    check_kind(text(names, "kind"), "spec.names.kind", c);
    check_kind(text(names, "listKind"), "spec.names.listKind", c);
    if (*text(names, "kind") && streq(text(names, "kind"), text(names, "listKind")))
        causes_invalid(c, "spec.names.listKind", text(names, "listKind"),
                       "kind and listKind may not be the same");
    check_labels(get(names, "shortNames"), "spec.names.shortNames", c);
    check_labels(get(names, "categories"), "spec.names.categories", c);
}

static void check_identity(const cJSON *crd, const cJSON *spec, struct causes *c)
{
    const char *group = text(spec, "group"), *name = json_str(crd, "metadata", "name");
    const char *why = *group ? name_check_subdomain(group) : NULL;
    if (!*group)
        causes_required(c, "spec.group", NULL);
    else if (why)
        causes_invalid(c, "spec.group", group, why);
    else if (!strchr(group, '.'))
        causes_invalid(c, "spec.group", group, "should be a domain with at least one dot");
    char *want AUTO(mem_freep) = mem_printf("%s.%s", text(get(spec, "names"), "plural"), group);
    if (name && *name && !streq(name, want))
        causes_invalid(c, "metadata.name", name, "must be spec.names.plural+\".\"+spec.group");
    const cJSON *scope = get(spec, "scope");
    if (!*text(spec, "scope"))
        causes_required(c, "spec.scope", NULL);
    else if (!streq(text(spec, "scope"), "Cluster") && !streq(text(spec, "scope"), "Namespaced"))
        causes_not_supported(c, "spec.scope", scope, "Cluster|Namespaced");
}

/* --- parts of a version --------------------------------------------------------------------- */

static void check_column(const cJSON *col, const char *at, struct causes *c)
{
    static const char *const types[] = {"boolean", "date", "integer", "number", "string"};
    static const char *const formats[] = {"int32", "int64", "float",     "double",
                                          "byte",  "date",  "date-time", "password"};
    char field[CAUSE_FIELD_MAX];
    const char *type = text(col, "type"), *format = text(col, "format"),
               *path = text(col, "jsonPath");
    bool known = false, formatted = !*format;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || streq(types[i], type);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        formatted = formatted || streq(formats[i], format);
    if (!*text(col, "name"))
        causes_required(c, type_path(field, at, "name"), NULL);
    if (!*type)
        causes_required(c, type_path(field, at, "type"),
                        "must be one of boolean,date,integer,number,string");
    else if (!known)
        causes_invalid(c, type_path(field, at, "type"), type,
                       "must be one of boolean,date,integer,number,string");
    if (!formatted)
        causes_invalid(c, type_path(field, at, "format"), format,
                       "must be one of byte,date,date-time,double,float,int32,int64,password");
    if (!*path)
        causes_required(c, type_path(field, at, "JSONPath"), NULL);
    else if (*path != '.' && *path != '[')
        causes_invalid(c, type_path(field, at, "JSONPath"), path,
                       "must be a simple json path starting with .");
    else if (!jsonpath_valid(path))
        causes_invalid(c, type_path(field, at, "JSONPath"), path,
                       "is not a path of names, indexes and [?(@.name==\"value\")] filters");
}

static void check_scale_path(const cJSON *scale, const char *name, const char *prefix, bool needed,
                             const char *at, struct causes *c)
{
    const char *path = text(scale, name);
    char field[CAUSE_FIELD_MAX];
    type_path(field, at, "scale.%s", name);
    bool either = streq(prefix, ".status.|.spec.");
    if (!*path && needed)
        causes_required(c, field, NULL);
    else if (*path && (!jsonpath_valid(path) || strpbrk(path, "[]")))
        causes_invalid(c, field, path, "must be a json path in dot notation");
    else if (*path && !either && !str_starts(path, prefix))
        causes_add(c, CAUSE_INVALID, field,
                   "Invalid value: \"%.200s\": should be a json path under %.*s", path,
                   (int)strlen(prefix) - 1, prefix);
    else if (*path && either && !str_starts(path, ".status.") && !str_starts(path, ".spec."))
        causes_invalid(c, field, path, "should be a json path under either .status or .spec");
}

static void check_subresources(const cJSON *sub, const char *at, struct causes *c)
{
    const cJSON *scale = get(sub, "scale");
    char field[CAUSE_FIELD_MAX];
    type_path(field, at, "subresources");
    if (!scale)
        return;
    check_scale_path(scale, "specReplicasPath", ".spec.", true, field, c);
    check_scale_path(scale, "statusReplicasPath", ".status.", true, field, c);
    check_scale_path(scale, "labelSelectorPath", ".status.|.spec.", false, field, c);
}

/* The schema at a path of plain names; NULL when it does not lead anywhere. */
static const cJSON *schema_at(const cJSON *schema, const char *path)
{
    struct str left = str_of(path), name;
    if (*path != '.')
        return NULL;
    str_split(&left, '.', &name); /* the empty piece before the first dot */
    while (schema && str_split(&left, '.', &name)) {
        char *key = mem_strndup(name.ptr, name.len);
        schema = json_at(schema, "properties", key);
        mem_free(key);
    }
    return schema;
}

static void check_selectable(const cJSON *version, const char *at, struct causes *c)
{
    const cJSON *fields = get(version, "selectableFields");
    struct map seen AUTO(map_done) = MAP_INIT;
    char list[CAUSE_FIELD_MAX], field[CAUSE_FIELD_MAX];
    size_t i = 0;
    type_path(list, at, "selectableFields");
    if (cJSON_GetArraySize(fields) > SELECTABLE_FIELDS_MAX)
        causes_add(c, CAUSE_TOO_MANY, list, "Too many: %d: must have at most %d items",
                   cJSON_GetArraySize(fields), SELECTABLE_FIELDS_MAX);
    json_foreach (f, fields) {
        const char *path = text(f, "jsonPath");
        const char *type =
            text(schema_at(json_at(version, "schema", "openAPIV3Schema"), path), "type");
        type_path(field, list, "[%zu].jsonPath", i++);
        if (!*path)
            causes_required(c, field, NULL);
        else if (str_starts(path, ".metadata"))
            causes_invalid(c, field, path, "must not point to fields in metadata");
        else if (!streq(type, "string") && !streq(type, "integer") && !streq(type, "boolean"))
            causes_invalid(c, field, path,
                           "must point to a field of type string, boolean or integer");
        if (*path && map_set(&seen, path, &seen))
            causes_duplicate(c, field, get(f, "jsonPath"));
    }
}

/* The version of that name in the old object. */
static const cJSON *old_version(const cJSON *old, const char *name)
{
    return json_find(json_at(old, "spec", "versions"), "name", name);
}

static void check_schema(const cJSON *version, const cJSON *old, const char *at, struct causes *c)
{
    const cJSON *openapi = json_at(version, "schema", "openAPIV3Schema");
    const cJSON *was =
        json_at(old_version(old, text(version, "name")), "schema", "openAPIV3Schema");
    char field[CAUSE_FIELD_MAX];
    type_path(field, at, "schema.openAPIV3Schema");
    if (!openapi)
        causes_required(c, field, "schemas are required");
    else if (!was || !json_equal(was, openapi)) /* what was accepted once stays accepted */
        schema_free(schema_compile(openapi, field, c));
}

static void check_version(const cJSON *version, const cJSON *old, const char *at, struct causes *c)
{
    const char *name = text(version, "name"), *why = name_check_label_1035(name);
    char field[CAUSE_FIELD_MAX];
    if (why)
        causes_invalid(c, type_path(field, at, "name"), name, why);
    const cJSON *warning = get(version, "deprecationWarning");
    if (warning && !json_bool(false, version, "deprecated"))
        causes_invalid_json(c, type_path(field, at, "deprecationWarning"), warning,
                            "can only be set for deprecated versions");
    else if (warning && (!*text(version, "deprecationWarning") ||
                         strlen(text(version, "deprecationWarning")) > 256))
        causes_invalid_json(c, type_path(field, at, "deprecationWarning"), warning,
                            "must have 1 to 256 characters");
    check_schema(version, old, at, c);
    check_subresources(get(version, "subresources"), at, c);
    check_selectable(version, at, c);
    size_t i = 0;
    json_foreach (col, get(version, "additionalPrinterColumns")) {
        check_column(col, type_path(field, at, "additionalPrinterColumns[%zu]", i++), c);
    }
}

static void check_stored(const cJSON *crd, const cJSON *versions, struct causes *c)
{
    const cJSON *stored = json_at(crd, "status", "storedVersions");
    if (!stored || !stored->child) {
        causes_add(c, CAUSE_INVALID, "status.storedVersions",
                   "Invalid value: []: must have at least one stored version");
        return;
    }
    json_foreach (v, versions) {
        if (json_bool(false, v, "storage") && !json_array_has(stored, text(v, "name")))
            causes_add(c, CAUSE_INVALID, "status.storedVersions",
                       "Invalid value: must have the storage version %.63s", text(v, "name"));
    }
    size_t i = 0;
    json_foreach (s, stored) {
        char field[CAUSE_FIELD_MAX];
        type_path(field, "status", "storedVersions[%zu]", i++);
        if (cJSON_IsString(s) && !json_find(versions, "name", s->valuestring))
            causes_invalid(
                c, field, s->valuestring,
                "missing from spec.versions; it was previously a storage version and must "
                "remain there until no object is stored in it");
    }
}

static void check_versions(const cJSON *crd, const cJSON *spec, const cJSON *old, struct causes *c)
{
    const cJSON *versions = get(spec, "versions");
    struct map names AUTO(map_done) = MAP_INIT;
    char at[CAUSE_FIELD_MAX];
    size_t i = 0, storage = 0;
    bool unique = true;
    if (cJSON_GetArraySize(versions) > VERSIONS_MAX) {
        causes_add(c, CAUSE_TOO_MANY, "spec.versions", "Too many: %d: must have at most %d items",
                   cJSON_GetArraySize(versions), VERSIONS_MAX);
        return;
    }
    json_foreach (v, versions) {
        check_version(v, old, type_path(at, "spec", "versions[%zu]", i++), c);
        storage += json_bool(false, v, "storage");
        unique = unique && !(*text(v, "name") && map_set(&names, text(v, "name"), &names));
    }
    if (!unique)
        causes_add(c, CAUSE_INVALID, "spec.versions",
                   "Invalid value: must contain unique version names");
    if (storage != 1)
        causes_add(c, CAUSE_INVALID, "spec.versions",
                   "Invalid value: must have exactly one version marked as storage version");
    check_stored(crd, versions, c);
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool is_established(const cJSON *crd)
{
    const cJSON *cond = json_find(json_at(crd, "status", "conditions"), "type", "Established");
    return streq(json_str(cond, "status"), "True");
}

static void check_fixed(const cJSON *now, const cJSON *was, const char *field, struct causes *c)
{
    if (!json_equal(now, was))
        causes_invalid_json(c, field, now, "field is immutable");
}

static void check_update(const cJSON *spec, const cJSON *old, struct causes *c)
{
    const cJSON *was = get(old, "spec");
    if (is_established(old)) {
        check_fixed(get(spec, "scope"), get(was, "scope"), "spec.scope", c);
        check_fixed(json_at(spec, "names", "kind"), json_at(was, "names", "kind"),
                    "spec.names.kind", c);
    }
    check_fixed(get(spec, "group"), get(was, "group"), "spec.group", c);
    check_fixed(json_at(spec, "names", "plural"), json_at(was, "names", "plural"),
                "spec.names.plural", c);
}

void crd_validate(const cJSON *crd, const cJSON *old, struct causes *c)
{
    const cJSON *spec = get(crd, "spec");
    const char *strategy = text(get(spec, "conversion"), "strategy");
    check_identity(crd, spec, c);
    check_names(get(spec, "names"), c);
    check_versions(crd, spec, old, c);
    if (*strategy && !streq(strategy, "None"))
        causes_not_supported(c, "spec.conversion.strategy", json_at(spec, "conversion", "strategy"),
                             "None");
    if (json_bool(false, spec, "preserveUnknownFields"))
        causes_add(c, CAUSE_INVALID, "spec.preserveUnknownFields",
                   "Invalid value: true: must be false; set x-kubernetes-preserve-unknown-fields: "
                   "true in the schema instead");
    if (old)
        check_update(spec, old, c);
}
