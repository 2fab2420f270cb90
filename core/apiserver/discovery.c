/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery: the table of resources, told in the three forms clients ask for, and OpenAPI.
 *
 * Documents are built when first asked for and kept until the table changes. Their hashes are of
 * their content, because clients keep documents on disk by hash, across restarts of this server.
 */
#include "apiserver/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/health.h"
#include "apiserver/openapi.h"
#include "base/ids.h"
#include "io/tls.h"

#define DOC_MAX    (256U << 20)
#define GROUPS_MAX 256
#define AGGREGATED "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

struct doc {
    char *text;
    size_t len;
    char hash[TLS_SHA256_HEX];
};

struct discovery {
    struct api *api;
    uint64_t generation; /* of the table the documents are made from */
    struct map docs;     /* name -> struct doc */
};

/* ---- what is in the table ---- */

/* Versions of a group, best first; groups in table order. Texts are the table's. */
struct group {
    const char *name;
    const char *versions[32];
    size_t n;
};

/* v2 before v1 before v1beta2 before v1alpha1 before anything else. */
static int version_rank(const char *v, long *ret_major, long *ret_minor)
{
    char *end;
    *ret_major = *ret_minor = 0;
    if (v[0] != 'v')
        return 3;
    *ret_major = strtol(v + 1, &end, 10);
    if (end == v + 1)
        return 3;
    if (!*end)
        return 0;
    bool beta = str_starts(end, "beta");
    if (!beta && !str_starts(end, "alpha"))
        return 3;
    *ret_minor = strtol(end + (beta ? 4 : 5), &end, 10);
    return *end ? 3 : beta ? 1 : 2;
}

static bool version_before(const char *a, const char *b)
{
    long a_major, a_minor, b_major, b_minor;
    int a_rank = version_rank(a, &a_major, &a_minor), b_rank = version_rank(b, &b_major, &b_minor);
    if (a_rank != b_rank)
        return a_rank < b_rank;
    if (a_major != b_major)
        return a_major > b_major;
    return a_minor != b_minor ? a_minor > b_minor : strcmp(a, b) < 0;
}

static void group_add(struct group *g, const char *version)
{
    size_t at = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (streq(g->versions[i], version))
            return;
    }
    if (g->n == ARRAY_LEN(g->versions))
        return;
    while (at < g->n && version_before(g->versions[at], version))
        at++;
    memmove(&g->versions[at + 1], &g->versions[at], (g->n - at) * sizeof(*g->versions));
    g->versions[at] = version;
    g->n++;
}

static size_t groups_of(const struct resources *r, struct group *out)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        size_t at = 0;
        while (at < n && !streq(out[at].name, r->items[i]->group))
            at++;
        if (at == n && n == GROUPS_MAX)
            continue;
        if (at == n)
            out[n++] = (struct group){.name = r->items[i]->group};
        group_add(&out[at], r->items[i]->version);
    }
    return n;
}

static const char *group_version(char out[256], const char *group, const char *version)
{
    snprintf(out, 256, "%s%s%s", group, *group ? "/" : "", version);
    return out;
}

/* ---- plain discovery ---- */

static cJSON *verbs_of(unsigned verbs, bool custom)
{
    /* Both orders are what Kubernetes answers; clients compare lists only as sets. */
    static const enum verb SORTED[] = {VERB_CREATE, VERB_DELETE, VERB_DELETECOLLECTION, VERB_GET,
                                       VERB_LIST,   VERB_PATCH,  VERB_UPDATE,           VERB_WATCH};
    static const enum verb CUSTOM[] = {VERB_DELETE, VERB_DELETECOLLECTION, VERB_GET,    VERB_LIST,
                                       VERB_PATCH,  VERB_CREATE,           VERB_UPDATE, VERB_WATCH};
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < ARRAY_LEN(SORTED); i++) {
        enum verb v = custom ? CUSTOM[i] : SORTED[i];
        if (verbs & VERB_BIT(v))
            cJSON_AddItemToArray(list, cJSON_CreateString(verb_name(v)));
    }
    return list;
}

static void put_list(cJSON *to, const char *key, const char *names)
{
    if (!names)
        return;
    cJSON *list = cJSON_CreateArray();
    struct str rest = str_of(names), piece;
    while (str_split(&rest, ',', &piece)) {
        AUTO(mem_freep) char *name = mem_strndup(piece.ptr, piece.len);
        cJSON_AddItemToArray(list, cJSON_CreateString(name));
    }
    json_put(to, list, key);
}

static void put_storage_hash(cJSON *to, const struct resource *res)
{
    if (!res->shelf)
        return;
    const char *slash = strchr(res->shelf->api_version, '/');
    AUTO(mem_freep)
    char *text = slash ? mem_printf("%s/%s", res->shelf->api_version, res->shelf->kind)
                       : mem_printf("/%s/%s", res->shelf->api_version, res->shelf->kind);
    char hex[TLS_SHA256_HEX], raw[8];
    tls_sha256(str_of(text), hex);
    for (size_t i = 0; i < sizeof(raw); i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        raw[i] = (char)strtoul(two, NULL, 16);
    }
    AUTO(buf_done) struct buf b = BUF_INIT(64);
    buf_add_base64(&b, raw, sizeof(raw));
    json_put_str(to, buf_str(&b), "storageVersionHash");
}

static cJSON *api_resource(const struct resource *res)
{
    cJSON *r = cJSON_CreateObject();
    json_put_str(r, res->plural, "name");
    json_put_str(r, res->singular, "singularName");
    json_put_bool(r, res->namespaced, "namespaced");
    json_put_str(r, res->kind, "kind");
    json_put(r, verbs_of(res->verbs, res->custom != NULL), "verbs");
    put_list(r, "shortNames", res->short_names);
    put_list(r, "categories", res->categories);
    put_storage_hash(r, res);
    return r;
}

static cJSON *api_subresource(const struct resource *res, const struct subresource *sub)
{
    cJSON *r = cJSON_CreateObject();
    AUTO(mem_freep) char *name = mem_printf("%s/%s", res->plural, sub->name);
    json_put_str(r, name, "name");
    json_put_str(r, "", "singularName");
    json_put_bool(r, res->namespaced, "namespaced");
    if (sub->group)
        json_put_str(r, sub->group, "group");
    if (sub->version)
        json_put_str(r, sub->version, "version");
    json_put_str(r, sub->kind ? sub->kind : res->kind, "kind");
    json_put(r, verbs_of(sub->verbs, false), "verbs");
    return r;
}

static cJSON *resource_list(const struct resources *r, const char *group, const char *version)
{
    char gv[256];
    cJSON *out = cJSON_CreateObject(), *list = cJSON_CreateArray();
    json_put_str(out, "APIResourceList", "kind");
    json_put_str(out, "v1", "apiVersion");
    json_put_str(out, group_version(gv, group, version), "groupVersion");
    json_put(out, list, "resources");
    for (size_t i = 0; i < r->n; i++) {
        const struct resource *res = r->items[i];
        if (!streq(res->group, group) || !streq(res->version, version))
            continue;
        cJSON_AddItemToArray(list, api_resource(res));
        for (const struct subresource *s = res->subs; s && s->name; s++)
            cJSON_AddItemToArray(list, api_subresource(res, s));
    }
    return out;
}

static cJSON *version_entry(const char *group, const char *version)
{
    char gv[256];
    cJSON *v = cJSON_CreateObject();
    json_put_str(v, group_version(gv, group, version), "groupVersion");
    json_put_str(v, version, "version");
    return v;
}

static cJSON *api_group(const struct group *g, bool standalone)
{
    cJSON *out = cJSON_CreateObject(), *list = cJSON_CreateArray();
    if (standalone) {
        json_put_str(out, "APIGroup", "kind");
        json_put_str(out, "v1", "apiVersion");
    }
    json_put_str(out, g->name, "name");
    json_put(out, list, "versions");
    for (size_t i = 0; i < g->n; i++)
        cJSON_AddItemToArray(list, version_entry(g->name, g->versions[i]));
    json_put(out, version_entry(g->name, g->versions[0]), "preferredVersion");
    return out;
}

static cJSON *api_versions(const struct api *api)
{
    cJSON *out = cJSON_CreateObject(), *versions = cJSON_CreateArray(),
          *cidrs = cJSON_CreateArray();
    cJSON *cidr = cJSON_CreateObject();
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1:%u", api->port);
    json_put_str(out, "APIVersions", "kind");
    cJSON_AddItemToArray(versions, cJSON_CreateString("v1"));
    json_put(out, versions, "versions");
    json_put_str(cidr, "0.0.0.0/0", "clientCIDR");
    json_put_str(cidr, address, "serverAddress");
    cJSON_AddItemToArray(cidrs, cidr);
    json_put(out, cidrs, "serverAddressByClientCIDRs");
    return out;
}

static cJSON *group_list(const struct resources *r)
{
    AUTO(mem_freep) struct group *groups = mem_calloc(GROUPS_MAX, sizeof(*groups));
    cJSON *out = cJSON_CreateObject(), *list = cJSON_CreateArray();
    json_put_str(out, "APIGroupList", "kind");
    json_put_str(out, "v1", "apiVersion");
    json_put(out, list, "groups");
    for (size_t i = 0, n = groups_of(r, groups); i < n; i++) {
        if (*groups[i].name)
            cJSON_AddItemToArray(list, api_group(&groups[i], false));
    }
    return out;
}

/* ---- aggregated discovery ---- */

static void put_kind(cJSON *to, const char *group, const char *version, const char *kind)
{
    json_put_str(to, group, "responseKind", "group");
    json_put_str(to, version, "responseKind", "version");
    json_put_str(to, kind, "responseKind", "kind");
}

static cJSON *aggregated_resource(const struct resource *res)
{
    cJSON *r = cJSON_CreateObject(), *subs = cJSON_CreateArray();
    json_put_str(r, res->plural, "resource");
    put_kind(r, res->group, res->version, res->kind);
    json_put_str(r, res->namespaced ? "Namespaced" : "Cluster", "scope");
    json_put_str(r, res->singular, "singularResource");
    json_put(r, verbs_of(res->verbs, false), "verbs");
    put_list(r, "shortNames", res->short_names);
    put_list(r, "categories", res->categories);
    for (const struct subresource *s = res->subs; s && s->name; s++) {
        cJSON *sub = cJSON_CreateObject();
        json_put_str(sub, s->name, "subresource");
        put_kind(sub, s->group ? s->group : res->group, s->version ? s->version : res->version,
                 s->kind ? s->kind : res->kind);
        json_put(sub, verbs_of(s->verbs, false), "verbs");
        cJSON_AddItemToArray(subs, sub);
    }
    if (subs->child)
        json_put(r, subs, "subresources");
    else
        cJSON_Delete(subs);
    return r;
}

static cJSON *aggregated_version(const struct resources *r, const char *group, const char *version)
{
    cJSON *v = cJSON_CreateObject(), *list = cJSON_CreateArray();
    json_put_str(v, version, "version");
    for (size_t i = 0; i < r->n; i++) {
        if (streq(r->items[i]->group, group) && streq(r->items[i]->version, version))
            cJSON_AddItemToArray(list, aggregated_resource(r->items[i]));
    }
    json_put(v, list, "resources");
    json_put_str(v, "Current", "freshness");
    return v;
}

static cJSON *aggregated(const struct resources *r, bool core)
{
    AUTO(mem_freep) struct group *groups = mem_calloc(GROUPS_MAX, sizeof(*groups));
    cJSON *out = cJSON_CreateObject(), *items = cJSON_CreateArray();
    json_put_str(out, "APIGroupDiscoveryList", "kind");
    json_put_str(out, "apidiscovery.k8s.io/v2", "apiVersion");
    json_obj(out, "metadata");
    json_put(out, items, "items");
    for (size_t i = 0, n = groups_of(r, groups); i < n; i++) {
        if ((*groups[i].name == '\0') != core)
            continue;
        cJSON *item = cJSON_CreateObject(), *versions = cJSON_CreateArray();
        json_obj(item, "metadata");
        if (!core)
            json_put_str(item, groups[i].name, "metadata", "name");
        for (size_t v = 0; v < groups[i].n; v++)
            cJSON_AddItemToArray(versions,
                                 aggregated_version(r, groups[i].name, groups[i].versions[v]));
        json_put(item, versions, "versions");
        cJSON_AddItemToArray(items, item);
    }
    return out;
}

/* ---- documents that are kept ---- */

static void docs_clear(struct discovery *d)
{
    size_t it = 0;
    const char *name;
    void *value;
    while (map_next(&d->docs, &it, &name, &value)) {
        struct doc *doc = value;
        mem_free(doc->text);
        mem_free(doc);
    }
    map_done(&d->docs);
    d->docs = MAP_INIT;
}

static const struct doc *doc_keep(struct discovery *d, const char *name, char *text, size_t len)
{
    struct doc *doc = mem_new(struct doc);
    doc->text = text;
    doc->len = len;
    tls_sha256((struct str){text, len}, doc->hash);
    map_set(&d->docs, name, doc);
    return doc;
}

static const struct doc *doc_json(struct discovery *d, const char *name, cJSON *tree)
{
    struct buf b = BUF_INIT(DOC_MAX);
    json_add_to(&b, tree);
    cJSON_Delete(tree);
    size_t len = b.len;
    return doc_keep(d, name, buf_take(&b), len);
}

static size_t openapi_rows(const struct resources *r, const char *group, const char *version,
                           struct openapi_resource *out)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct resource *res = r->items[i];
        if (group && (!streq(res->group, group) || !streq(res->version, version)))
            continue;
        out[n++] = (struct openapi_resource){.group = res->group,
                                             .version = res->version,
                                             .kind = res->kind,
                                             .plural = res->plural,
                                             .namespaced = res->namespaced,
                                             .has_status = res->flags & RES_STATUS,
                                             .has_scale = res->custom && res->custom->replicas_spec,
                                             .type = res->type,
                                             .schema = res->custom ? res->custom->openapi : NULL};
    }
    return n;
}

/* The document is made when it is not kept. NULL: there is no such group and version. */
static const struct doc *doc_v3(struct discovery *d, const char *group, const char *version)
{
    struct resources *r = &d->api->resources;
    char gv[256], name[300];
    snprintf(name, sizeof(name), "v3 %s", group_version(gv, group, version));
    const struct doc *doc = map_get(&d->docs, name);
    if (doc)
        return doc;
    AUTO(mem_freep) struct openapi_resource *rows = mem_calloc(r->n + 1, sizeof(*rows));
    size_t n = openapi_rows(r, group, version, rows);
    return n ? doc_json(d, name, openapi_v3(group, version, rows, n)) : NULL;
}

static const struct doc *doc_v2(struct discovery *d, bool proto)
{
    struct resources *r = &d->api->resources;
    const char *name = proto ? "v2 proto" : "v2 json";
    const struct doc *doc = map_get(&d->docs, name);
    if (doc)
        return doc;
    AUTO(mem_freep) struct openapi_resource *rows = mem_calloc(r->n + 1, sizeof(*rows));
    size_t n = openapi_rows(r, NULL, NULL, rows);
    if (!proto)
        return doc_json(d, name, openapi_v2_json(rows, n));
    struct buf b = BUF_INIT(DOC_MAX);
    openapi_v2_proto(rows, n, &b);
    size_t len = b.len;
    return doc_keep(d, name, buf_take(&b), len);
}

static const struct doc *doc_aggregated(struct discovery *d, bool core)
{
    const char *name = core ? "aggregated api" : "aggregated apis";
    const struct doc *doc = map_get(&d->docs, name);
    return doc ? doc : doc_json(d, name, aggregated(&d->api->resources, core));
}

static cJSON *openapi_index(struct discovery *d)
{
    AUTO(mem_freep) struct group *groups = mem_calloc(GROUPS_MAX, sizeof(*groups));
    cJSON *out = cJSON_CreateObject(), *paths = json_obj(out, "paths");
    for (size_t i = 0, n = groups_of(&d->api->resources, groups); i < n; i++) {
        for (size_t v = 0; v < groups[i].n; v++) {
            const struct doc *doc = doc_v3(d, groups[i].name, groups[i].versions[v]);
            char gv[256];
            group_version(gv, groups[i].name, groups[i].versions[v]);
            AUTO(mem_freep) char *path = mem_printf("%s/%s", *groups[i].name ? "apis" : "api", gv);
            AUTO(mem_freep) char *url = mem_printf("/openapi/v3/%s?hash=%s", path, doc->hash);
            json_put_str(paths, url, path, "serverRelativeURL");
        }
    }
    return out;
}

/* ---- answering ---- */

static void answer_doc(struct call *c, const struct doc *doc, const char *type)
{
    const char *have = call_header(c, "If-None-Match");
    char etag[TLS_SHA256_HEX + 2];
    snprintf(etag, sizeof(etag), "\"%s\"", doc->hash);
    call_add_header(c, "ETag", etag);
    call_add_header(c, "Vary", "Accept");
    if (have && strstr(have, etag))
        call_answer_text(c, 304, type, (struct str){"", 0});
    else
        call_answer_text(c, 200, type, (struct str){doc->text, doc->len});
}

static void answer_tree(struct call *c, cJSON *tree)
{
    call_own(c, tree);
    call_answer_json(c, 200, tree);
}

/* The first of the client's list that we have: aggregated v2 or plain JSON. */
static bool wants_aggregated(struct call *c)
{
    const char *accept = call_header(c, "Accept");
    struct str rest = str_of(accept), item;
    while (accept && str_split(&rest, ',', &item)) {
        AUTO(mem_freep) char *text = mem_strndup(item.ptr, item.len);
        if (!strstr(text, "as="))
            return false;
        if (strstr(text, "as=APIGroupDiscoveryList") && strstr(text, "v=v2;"))
            return true;
        if (strstr(text, "as=APIGroupDiscoveryList") && str_ends(text, "v=v2"))
            return true;
    }
    return false;
}

static void answer_aggregated(struct call *c, bool core)
{
    call_add_header(c, "Cache-Control", "public");
    answer_doc(c, doc_aggregated(c->api->discovery, core), AGGREGATED);
}

static void answer_group(struct call *c, const char *name)
{
    AUTO(mem_freep) struct group *groups = mem_calloc(GROUPS_MAX, sizeof(*groups));
    for (size_t i = 0, n = groups_of(&c->api->resources, groups); i < n; i++) {
        if (*name && streq(groups[i].name, name)) {
            answer_tree(c, api_group(&groups[i], true));
            return;
        }
    }
    call_answer_plain_404(c);
}

static void answer_version(struct call *c, const char *group, const char *version)
{
    if (resources_has_group(&c->api->resources, group, version))
        answer_tree(c, resource_list(&c->api->resources, group, version));
    else
        call_answer_plain_404(c);
}

static void answer_openapi_v3(struct call *c, const char *path)
{
    AUTO(mem_freep) char *copy = mem_strdup(path);
    char *group = str_starts(copy, "api/") ? copy + 3 : copy + strlen("apis/"), *version;
    if (str_starts(copy, "api/")) {
        version = group + 1;
        *group = '\0';
    } else if (str_starts(copy, "apis/") && (version = strchr(group, '/'))) {
        *version++ = '\0';
    } else {
        call_answer_plain_404(c);
        return;
    }
    const struct doc *doc = doc_v3(c->api->discovery, group, version);
    if (doc)
        answer_doc(c, doc, "application/json");
    else
        call_answer_plain_404(c);
}

static void answer_openapi(struct call *c, const char *path)
{
    const char *accept = call_header(c, "Accept");
    struct discovery *d = c->api->discovery;
    if (streq(path, "v2")) {
        bool proto = accept && strstr(accept, "application/com.github.proto-openapi.spec.v2");
        /* With its own media type Go's parser fails: octet-stream it must be. */
        answer_doc(c, doc_v2(d, proto), proto ? "application/octet-stream" : "application/json");
    } else if (streq(path, "v3") || streq(path, "v3/")) {
        answer_tree(c, openapi_index(d));
    } else if (str_starts(path, "v3/")) {
        answer_openapi_v3(c, path + 3);
    } else {
        call_answer_plain_404(c);
    }
}

static void answer_root(struct call *c)
{
    AUTO(mem_freep) struct group *groups = mem_calloc(GROUPS_MAX, sizeof(*groups));
    cJSON *out = cJSON_CreateObject(), *list = cJSON_CreateArray();
    static const char *const FIXED[] = {"/api",    "/api/v1",  "/apis",       "/healthz",
                                        "/livez",  "/metrics", "/openapi/v2", "/openapi/v3",
                                        "/readyz", "/version"};
    for (size_t i = 0; i < ARRAY_LEN(FIXED); i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(FIXED[i]));
    for (size_t i = 0, n = groups_of(&c->api->resources, groups); i < n; i++) {
        AUTO(mem_freep) char *path = mem_printf("/apis/%s", groups[i].name);
        if (*groups[i].name)
            cJSON_AddItemToArray(list, cJSON_CreateString(path));
    }
    json_put(out, list, "paths");
    answer_tree(c, out);
}

static void answer_api(struct call *c, const char *path)
{
    while (*path == '/')
        path++;
    if (*path)
        answer_version(c, "", path);
    else if (wants_aggregated(c))
        answer_aggregated(c, true);
    else
        answer_tree(c, api_versions(c->api));
}

static void answer_apis(struct call *c, const char *path)
{
    while (*path == '/')
        path++;
    const char *slash = strchr(path, '/');
    const char *group =
        arena_strndup(c->arena, path, slash ? (size_t)(slash - path) : strlen(path));
    if (slash && slash[1])
        answer_version(c, group, slash + 1);
    else if (*group)
        answer_group(c, group);
    else if (wants_aggregated(c))
        answer_aggregated(c, false);
    else
        answer_tree(c, group_list(&c->api->resources));
}

void discovery_answer(struct call *c)
{
    struct discovery *d = c->api->discovery;
    const char *path = c->req.path;
    if (d->generation != c->api->resources.generation) {
        docs_clear(d);
        d->generation = c->api->resources.generation;
    }
    if (!streq(c->req.method, "GET")) {
        call_fail(c, 405, "MethodNotAllowed",
                  "the server does not allow this method on the requested resource");
        c->failure.no_details = false;
        call_answer_failure(c);
    } else if (health_answer(c)) {
        return;
    } else if (streq(path, "/")) {
        answer_root(c);
    } else if (streq(path, "/api") || str_starts(path, "/api/")) {
        answer_api(c, path + 4);
    } else if (streq(path, "/apis") || str_starts(path, "/apis/")) {
        answer_apis(c, path + 5);
    } else if (str_starts(path, "/openapi/")) {
        answer_openapi(c, path + strlen("/openapi/"));
    } else {
        call_answer_plain_404(c);
    }
}

struct discovery *discovery_new(struct api *api)
{
    struct discovery *d = mem_new(struct discovery);
    d->api = api;
    return d;
}

void discovery_free(struct discovery *d)
{
    if (!d)
        return;
    docs_clear(d);
    mem_free(d);
}
