/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI documents: one path per way to reach a resource, one operation per verb. Parameters
 * matter to kubectl (it looks for dryRun and fieldValidation of PATCH); the prose of answers does
 * not.
 */
#include "apiserver/openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/openapi_build.h"
#include "apiserver/types_rows.h"

struct writer {
    bool v2;
    cJSON *paths, *schemas;
};

/* Where a resource is reached, and what can be done there. */
enum place { AT_LIST, AT_NAME, AT_STATUS, AT_SCALE };

static const struct verb {
    const char *method, *action, *word;
    enum place from, to;
    bool collection; /* needs a place that is a list */
    bool body;
} verbs[] = {
    {"get", "list", "list", AT_LIST, AT_LIST, true, false},
    {"post", "post", "create", AT_LIST, AT_LIST, true, true},
    {"delete", "deletecollection", "deleteCollection", AT_LIST, AT_LIST, true, false},
    {"get", "get", "read", AT_NAME, AT_SCALE, false, false},
    {"put", "put", "replace", AT_NAME, AT_SCALE, false, true},
    {"patch", "patch", "patch", AT_NAME, AT_SCALE, false, true},
    {"delete", "delete", "delete", AT_NAME, AT_NAME, false, false},
};

/* --- parameters ----------------------------------------------------------------------------- */

static const struct parameter {
    const char *name, *type, *help;
    const char *methods; /* in which it appears */
} parameters[] = {
    {"dryRun", "string", "All: do everything but store the result.", "post put patch delete"},
    {"fieldManager", "string", "Name under which changes are recorded.", "post put patch"},
    {"fieldValidation", "string", "Ignore, Warn or Strict: what to do about unknown fields.",
     "post put patch"},
    {"force", "boolean", "Take over fields of other managers (apply only).", "patch"},
    {"labelSelector", "string", "Only objects whose labels fit.", "list"},
    {"fieldSelector", "string", "Only objects whose fields fit.", "list"},
    {"limit", "integer", "At most so many objects; the answer says how to continue.", "list"},
    {"continue", "string", "Token of the page before.", "list"},
    {"resourceVersion", "string", "Version to read from.", "list get"},
    {"watch", "boolean", "Stream changes instead of a list.", "list"},
    {"timeoutSeconds", "integer", "End of a watch.", "list"},
    {"propagationPolicy", "string", "Orphan, Background or Foreground.", "delete"},
    {"gracePeriodSeconds", "integer", "Time the object has to end.", "delete"},
};

static bool has_word(const char *list, const char *word)
{
    struct str left = str_of(list), one;
    while (str_split(&left, ' ', &one))
        if (str_eq(one, str_of(word)))
            return true;
    return false;
}

static cJSON *parameter_new(const struct writer *w, const char *name, const char *in,
                            const char *type, const char *help)
{
    cJSON *p = cJSON_CreateObject();
    cJSON_AddStringToObject(p, "name", name);
    cJSON_AddStringToObject(p, "in", in);
    cJSON_AddStringToObject(p, "description", help);
    if (streq(in, "path"))
        cJSON_AddTrueToObject(p, "required");
    cJSON *holder = w->v2 ? p : cJSON_AddObjectToObject(p, "schema");
    cJSON_AddStringToObject(holder, "type", type);
    cJSON_AddTrueToObject(holder, "uniqueItems");
    return p;
}

static cJSON *query_parameters(const struct writer *w, const struct verb *v)
{
    cJSON *list = cJSON_CreateArray();
    const char *word = streq(v->action, "list") ? "list" : v->method;
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
        if (has_word(parameters[i].methods, word))
            cJSON_AddItemToArray(list, parameter_new(w, parameters[i].name, "query",
                                                     parameters[i].type, parameters[i].help));
    return list;
}

/* --- operations ----------------------------------------------------------------------------- */

static cJSON *gvk(const struct openapi_resource *r)
{
    cJSON *k = cJSON_CreateObject();
    cJSON_AddStringToObject(k, "group", r->group);
    cJSON_AddStringToObject(k, "version", r->version);
    cJSON_AddStringToObject(k, "kind", r->kind);
    return k;
}

static const char *const patch_types[] = {
    "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json", "application/apply-patch+yaml"};

/* Custom kinds take no strategic merge. */
static bool takes_patch(const struct openapi_resource *r, const char *type)
{
    return r->type || !streq(type, "application/strategic-merge-patch+json");
}

static cJSON *media(const char *name, bool v2)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddItemToObject(m, "schema", openapi_ref(name, v2));
    return m;
}

static cJSON *any_object(void)
{
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "type", "object");
    return s;
}

static void add_body_v2(cJSON *op, const struct verb *v, const struct openapi_resource *r,
                        const char *name)
{
    cJSON *p = cJSON_CreateObject(), *consumes = cJSON_AddArrayToObject(op, "consumes");
    bool patch = streq(v->method, "patch");
    cJSON_AddStringToObject(p, "name", "body");
    cJSON_AddStringToObject(p, "in", "body");
    cJSON_AddTrueToObject(p, "required");
    cJSON_AddItemToObject(p, "schema", patch ? any_object() : openapi_ref(name, true));
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(op, "parameters"), p);
    for (size_t i = 0; patch && i < ARRAY_LEN(patch_types); i++)
        if (takes_patch(r, patch_types[i]))
            cJSON_AddItemToArray(consumes, cJSON_CreateString(patch_types[i]));
    if (!patch)
        cJSON_AddItemToArray(consumes, cJSON_CreateString("application/json"));
}

static void add_body_v3(cJSON *op, const struct verb *v, const struct openapi_resource *r,
                        const char *name)
{
    cJSON *body = cJSON_AddObjectToObject(op, "requestBody");
    cJSON *content = cJSON_AddObjectToObject(body, "content");
    bool patch = streq(v->method, "patch");
    cJSON_AddTrueToObject(body, "required");
    for (size_t i = 0; patch && i < ARRAY_LEN(patch_types); i++) {
        cJSON *m = cJSON_CreateObject();
        cJSON_AddItemToObject(m, "schema", any_object());
        if (takes_patch(r, patch_types[i]))
            cJSON_AddItemToObject(content, patch_types[i], m);
        else
            cJSON_Delete(m);
    }
    if (!patch)
        cJSON_AddItemToObject(content, "application/json", media(name, false));
}

static void add_responses(const struct writer *w, cJSON *op, const struct verb *v, const char *name)
{
    cJSON *ok = json_obj(op, "responses", streq(v->method, "post") ? "201" : "200");
    cJSON_AddStringToObject(ok, "description", streq(v->method, "post") ? "Created" : "OK");
    if (streq(v->method, "delete") || v->collection)
        return;
    if (w->v2)
        cJSON_AddItemToObject(ok, "schema", openapi_ref(name, true));
    else
        json_put(ok, media(name, false), "content", "application/json");
}

static void add_tags(cJSON *op, const struct openapi_resource *r)
{
    char *tag AUTO(mem_freep) = mem_printf("%s_%s", *r->group ? r->group : "core", r->version);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(op, "tags"), cJSON_CreateString(tag));
}

/* "readCoreV1NamespacedPodStatus": unique in the document. */
static void add_id(cJSON *op, const struct verb *v, const struct openapi_resource *r, enum place at,
                   bool all)
{
    static const char *const suffix[] = {"", "", "Status", "Scale"};
    struct buf id AUTO(buf_done) = BUF_INIT(512);
    bool up = true;
    buf_adds(&id, v->word);
    for (const char *p = *r->group ? r->group : "core"; *p; p++) {
        if (isalnum((unsigned char)*p))
            buf_addc(&id, up ? (char)toupper((unsigned char)*p) : *p);
        up = !isalnum((unsigned char)*p);
    }
    buf_addf(&id, "%c%s%s%s%s%s", toupper((unsigned char)r->version[0]), r->version + 1,
             r->namespaced && !all ? "Namespaced" : "", r->kind, suffix[at],
             all ? "ForAllNamespaces" : "");
    cJSON_AddStringToObject(op, "operationId", buf_str(&id));
}

static void add_operation(const struct writer *w, cJSON *item, const struct verb *v,
                          const struct openapi_resource *r, enum place at, bool all)
{
    static const struct openapi_resource scale = {
        .group = "autoscaling", .version = "v1", .kind = "Scale", .type = &TYPE_SCALE};
    const struct openapi_resource *shown = at == AT_SCALE ? &scale : r;
    char *shown_name AUTO(mem_freep) = openapi_name(shown);
    cJSON *op = cJSON_AddObjectToObject(item, v->method);
    add_tags(op, r);
    add_id(op, v, r, at, all);
    cJSON_AddItemToObject(op, "parameters", query_parameters(w, v));
    if (v->body && w->v2)
        add_body_v2(op, v, r, shown_name);
    else if (v->body)
        add_body_v3(op, v, r, shown_name);
    add_responses(w, op, v, shown_name);
    cJSON_AddStringToObject(op, "x-kubernetes-action", v->action);
    cJSON_AddItemToObject(op, "x-kubernetes-group-version-kind", gvk(shown));
}

/* --- paths ---------------------------------------------------------------------------------- */

static void add_path(const struct writer *w, const struct openapi_resource *r, enum place at,
                     bool all)
{
    static const char *const suffix[] = {"", "/{name}", "/{name}/status", "/{name}/scale"};
    bool in_namespace = r->namespaced && !all;
    char *path AUTO(mem_freep) =
        mem_printf("%s%s/%s%s/%s%s", *r->group ? "/apis/" : "/api", r->group, r->version,
                   in_namespace ? "/namespaces/{namespace}" : "", r->plural, suffix[at]);
    cJSON *item = cJSON_AddObjectToObject(w->paths, path);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        bool fits = at >= verbs[i].from && at <= verbs[i].to;
        if (fits && (!all || streq(verbs[i].action, "list")))
            add_operation(w, item, &verbs[i], r, at, all);
    }
    cJSON *list = cJSON_AddArrayToObject(item, "parameters");
    if (in_namespace)
        cJSON_AddItemToArray(list,
                             parameter_new(w, "namespace", "path", "string", "The namespace."));
    if (at != AT_LIST)
        cJSON_AddItemToArray(list,
                             parameter_new(w, "name", "path", "string", "Name of the object."));
}

static void add_resource(const struct writer *w, const struct openapi_resource *r)
{
    add_path(w, r, AT_LIST, false);
    if (r->namespaced)
        add_path(w, r, AT_LIST, true);
    add_path(w, r, AT_NAME, false);
    if (r->has_status)
        add_path(w, r, AT_STATUS, false);
    if (r->has_scale) {
        add_path(w, r, AT_SCALE, false);
        openapi_type(&TYPE_SCALE, w->schemas, w->v2);
    }
    char *name AUTO(mem_freep) = openapi_name(r);
    if (r->type)
        openapi_type(r->type, w->schemas, w->v2);
    else if (!cJSON_GetObjectItemCaseSensitive(w->schemas, name)) {
        cJSON *empty AUTO(json_freep) = cJSON_CreateObject();
        cJSON *s = openapi_custom(r->schema ? r->schema : empty, w->schemas, w->v2);
        cJSON_AddItemToObject(w->schemas, name, s);
    }
    cJSON *schema = cJSON_GetObjectItemCaseSensitive(w->schemas, name);
    cJSON *kinds = cJSON_GetObjectItemCaseSensitive(schema, "x-kubernetes-group-version-kind");
    if (!kinds)
        kinds = cJSON_AddArrayToObject(schema, "x-kubernetes-group-version-kind");
    cJSON_AddItemToArray(kinds, gvk(r));
}

/* --- documents ------------------------------------------------------------------------------ */

static void add_info(cJSON *doc)
{
    json_put_str(doc, "Atoll", "info", "title");
    json_put_str(doc, ATOLL_VERSION, "info", "version");
}

cJSON *openapi_v3(const char *group, const char *version, const struct openapi_resource *r,
                  size_t n)
{
    cJSON *doc = cJSON_CreateObject();
    cJSON_AddStringToObject(doc, "openapi", "3.0.0");
    add_info(doc);
    struct writer w = {.paths = json_obj(doc, "paths"),
                       .schemas = json_obj(doc, "components", "schemas")};
    for (size_t i = 0; i < n; i++)
        if (streq(r[i].group, group) && streq(r[i].version, version))
            add_resource(&w, &r[i]);
    return doc;
}

cJSON *openapi_v2_json(const struct openapi_resource *r, size_t n)
{
    cJSON *doc = cJSON_CreateObject();
    cJSON_AddStringToObject(doc, "swagger", "2.0");
    add_info(doc);
    struct writer w = {
        .v2 = true, .paths = json_obj(doc, "paths"), .schemas = json_obj(doc, "definitions")};
    for (size_t i = 0; i < n; i++)
        add_resource(&w, &r[i]);
    return doc;
}

void openapi_v2_proto(const struct openapi_resource *r, size_t n, struct buf *out)
{
    cJSON *doc AUTO(json_freep) = openapi_v2_json(r, n);
    openapi_gnostic(doc, out);
}
