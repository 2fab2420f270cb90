/* SPDX-License-Identifier: Apache-2.0 */
/* The list of kinds and what is printed from their tables: CRDs and the manual. */
#include "api/kinds.h"

static const struct api_kind *const KINDS[API_KINDS_N] = {
    [API_CLUSTER] = &API_KIND_CLUSTER,
    [API_COMPONENT] = &API_KIND_COMPONENT,
    [API_INSTANCESET] = &API_KIND_INSTANCESET,
    [API_COMPONENTDEFINITION] = &API_KIND_COMPONENTDEFINITION,
    [API_CLUSTERDEFINITION] = &API_KIND_CLUSTERDEFINITION,
    [API_SHARDINGDEFINITION] = &API_KIND_SHARDINGDEFINITION,
    [API_COMPONENTVERSION] = &API_KIND_COMPONENTVERSION,
};

const struct api_kind *api_kind_at(enum api_kind_id id)
{
    ATOLL_ASSERT(id < API_KINDS_N);
    return KINDS[id];
}

const struct api_kind *api_kind_find(const char *api_version, const char *kind)
{
    for (size_t i = 0; i < API_KINDS_N; i++) {
        char *have = mem_printf("%s/%s", KINDS[i]->group, KINDS[i]->version);
        bool same = streq(have, api_version) && streq(KINDS[i]->kind, kind);
        mem_free(have);
        if (same)
            return KINDS[i];
    }
    return NULL;
}

void api_schemas_init(struct api_schemas *s)
{
    for (size_t i = 0; i < API_KINDS_N; i++)
        s->of[i] = field_schema_new(KINDS[i]->table);
}

void api_schemas_done(struct api_schemas *s)
{
    for (size_t i = 0; i < API_KINDS_N; i++)
        field_schema_freep(&s->of[i]);
}

/* ---- CRD
 * ------------------------------------------------------------------------------------------- */

static void add_words(cJSON *to, const char *name, const char *comma_list)
{
    if (!comma_list)
        return;
    cJSON *list = cJSON_AddArrayToObject(to, name);
    struct str rest = str_of(comma_list), piece;
    while (str_split(&rest, ',', &piece)) {
        char *word = mem_strndup(piece.ptr, piece.len);
        cJSON_AddItemToArray(list, cJSON_CreateString(word));
        mem_free(word);
    }
}

static cJSON *crd_names(const struct api_kind *k)
{
    cJSON *names = cJSON_CreateObject();
    json_put_str(names, k->plural, "plural");
    json_put_str(names, k->singular, "singular");
    json_put_str(names, k->kind, "kind");
    char *list = mem_printf("%sList", k->kind);
    json_put_str(names, list, "listKind");
    mem_free(list);
    add_words(names, "shortNames", k->short_names);
    add_words(names, "categories", k->categories);
    return names;
}

static cJSON *crd_schema(const struct api_kind *k)
{
    struct field_schema *s = field_schema_new(k->table);
    cJSON *root = field_openapi(s);
    field_schema_free(s);
    json_put_str(root, "string", "properties", "apiVersion", "type");
    json_put_str(root, "string", "properties", "kind", "type");
    json_put_str(root, "object", "properties", "metadata", "type");
    json_put_str(root, k->help, "description");
    return root;
}

static void add_columns(cJSON *version, const struct api_kind *k)
{
    cJSON *columns = cJSON_AddArrayToObject(version, "additionalPrinterColumns");
    for (size_t i = 0; i < k->n_columns; i++) {
        const struct api_column *c = &k->columns[i];
        cJSON *o = cJSON_CreateObject();
        json_put_str(o, c->name, "name");
        json_put_str(o, c->type, "type");
        json_put_str(o, c->json_path, "jsonPath");
        if (c->priority)
            json_put_int(o, c->priority, "priority");
        cJSON_AddItemToArray(columns, o);
    }
}

static cJSON *crd_version(const struct api_kind *k)
{
    cJSON *v = cJSON_CreateObject();
    json_put_str(v, k->version, "name");
    json_put_bool(v, true, "served");
    json_put_bool(v, true, "storage");
    json_put(v, crd_schema(k), "schema", "openAPIV3Schema");
    json_put(v, cJSON_CreateObject(), "subresources", "status");
    if (k->scale_spec) {
        json_put_str(v, k->scale_spec, "subresources", "scale", "specReplicasPath");
        json_put_str(v, k->scale_status, "subresources", "scale", "statusReplicasPath");
    }
    add_columns(v, k);
    return v;
}

cJSON *api_crd(const struct api_kind *k)
{
    cJSON *crd = cJSON_CreateObject();
    json_put_str(crd, "apiextensions.k8s.io/v1", "apiVersion");
    json_put_str(crd, "CustomResourceDefinition", "kind");
    char *name = mem_printf("%s.%s", k->plural, k->group);
    json_put_str(crd, name, "metadata", "name");
    mem_free(name);
    json_put_str(crd, k->group, "spec", "group");
    json_put_str(crd, k->namespaced ? "Namespaced" : "Cluster", "spec", "scope");
    json_put(crd, crd_names(k), "spec", "names");
    cJSON *versions = cJSON_CreateArray();
    cJSON_AddItemToArray(versions, crd_version(k));
    json_put(crd, versions, "spec", "versions");
    return crd;
}

/* ---- manual
 * ------------------------------------------------------------------------------------------ */

void api_docs(struct buf *out)
{
    for (size_t i = 0; i < API_KINDS_N; i++) {
        const struct api_kind *k = KINDS[i];
        buf_addf(out, "%s## %s (%s/%s)\n\n%s\n\n", i ? "\n" : "", k->kind, k->group, k->version,
                 k->help);
        struct field_schema *s = field_schema_new(k->table);
        field_docs(s, out);
        field_schema_free(s);
    }
}
