/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to an object of the addressed kind: size, content type, syntax, kind, unknown members.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/rest_write.h"
#include "base/yaml.h"

static bool type_is(const struct call *c, const char *type)
{
    return streq(c->content_type, type);
}

int rest_body(struct call *c)
{
    if (c->req.too_large)
        return call_fail(c, 413, "RequestEntityTooLarge", "Request entity too large: limit is %zu",
                         c->api->body_max);
    bool known = !*c->content_type || type_is(c, "application/json") ||
                 type_is(c, "application/yaml") ||
                 (type_is(c, "application/vnd.kubernetes.protobuf") && !c->res->custom);
    if (known)
        return 0;
    return call_fail(
        c, 415, "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml%s",
        c->res->custom ? "" : ", application/vnd.kubernetes.protobuf");
}

/* The first document of a YAML text. */
static int parse_yaml(struct str text, cJSON **ret, struct err **err)
{
    AUTO(json_freep) cJSON *all = NULL;
    int rc = yaml_parse("the body", text.ptr, text.len, &all, err);
    if (rc < 0)
        return rc;
    if (cJSON_GetArraySize(all) != 1)
        return err_set(err, -EINVAL, "want one document, found %d", cJSON_GetArraySize(all));
    *ret = cJSON_DetachItemFromArray(all, 0);
    return 0;
}

cJSON *rest_parse_text(struct call *c, struct str text, bool yaml)
{
    AUTO(err_freep) struct err *err = NULL;
    cJSON *tree = NULL;
    int rc = yaml ? parse_yaml(text, &tree, &err)
                  : json_parse(text.ptr ? text.ptr : "", text.len, &tree, &err);
    if (rc == 0)
        return call_own(c, tree);
    call_fail(c, 400, "BadRequest", "the object provided is unrecognized (must be of type %s): %s",
              c->res->kind, err_text(err));
    return NULL;
}

static cJSON *parse_protobuf(struct call *c)
{
    AUTO(err_freep) struct err *err = NULL;
    cJSON *tree = NULL;
    if (proto_decode(c->req.body, &tree, &err) == 0)
        return call_own(c, tree);
    call_fail(c, 400, "BadRequest", "the object provided is unrecognized (must be of type %s): %s",
              c->res->kind, err_text(err));
    return NULL;
}

cJSON *rest_parse(struct call *c)
{
    cJSON *tree = type_is(c, "application/vnd.kubernetes.protobuf")
                      ? parse_protobuf(c)
                      : rest_parse_text(c, c->req.body, type_is(c, "application/yaml"));
    if (tree && !cJSON_IsObject(tree)) {
        call_fail(c, 400, "BadRequest",
                  "the object provided is unrecognized (must be of type %s): want a JSON object",
                  c->res->kind);
        return NULL;
    }
    return tree;
}

/* ---- the object ---- */

static int fail_decode(struct call *c, const cJSON *obj, const char *text)
{
    const char *kind = json_str(obj, "kind");
    return call_fail(c, 400, "BadRequest", "%s in version \"%s\" cannot be handled as a %s: %s",
                     kind ? kind : c->res->kind, c->res->version, c->res->kind, text);
}

static int check_kind_builtin(struct call *c, cJSON *obj)
{
    const char *kind = json_str(obj, "kind"), *version = json_str(obj, "apiVersion");
    if (kind && *kind && !streq(kind, c->res->kind))
        return fail_decode(c, obj, "the path names another kind");
    if (version && *version && !streq(version, c->res->api_version))
        return call_fail(
            c, 400, "BadRequest",
            "%s in version \"%s\" cannot be handled as a %s: the path is of version \"%s\"",
            c->res->kind, version, c->res->kind, c->res->api_version);
    json_put_str(obj, c->res->kind, "kind");
    json_put_str(obj, c->res->api_version, "apiVersion");
    return 0;
}

static int check_kind_custom(struct call *c, cJSON *obj)
{
    const char *kind = json_str(obj, "kind"), *version = json_str(obj, "apiVersion");
    if (!kind || !*kind || !version || !*version)
        return call_fail(
            c, 400, "BadRequest",
            "the object provided is unrecognized (must be of type %s): kind and apiVersion "
            "must be set",
            c->res->kind);
    struct causes causes = {.arena = c->arena};
    if (!streq(kind, c->res->kind))
        causes_invalid(&causes, "kind", kind, arena_printf(c->arena, "must be %s", c->res->kind));
    if (!streq(version, c->res->api_version))
        causes_invalid(&causes, "apiVersion", version,
                       arena_printf(c->arena, "must be %s", c->res->api_version));
    if (!causes.n)
        return 0;
    const char *name = json_str(obj, "metadata", "name");
    return call_fail_invalid(c, c->res->group, kind, name ? name : "", &causes);
}

/* What was found in the body and has no place. */
struct strays {
    const char *texts[TYPE_UNKNOWN_MAX + 4];
    size_t n;
};

static void stray_add(struct strays *s, const char *text)
{
    if (s->n < ARRAY_LEN(s->texts))
        s->texts[s->n++] = text;
}

static void strays_add(struct call *c, struct strays *s, const char *prefix,
                       const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        stray_add(s, arena_printf(c->arena, "unknown field \"%s%s\"", prefix, paths[i]));
}

static int decode_builtin(struct call *c, cJSON *obj, struct strays *s)
{
    AUTO(err_freep) struct err *err = NULL;
    const char **unknown = NULL;
    size_t n = 0;
    if (type_decode(c->res->type, obj, c->arena, &unknown, &n, &err) < 0)
        return fail_decode(c, obj, err_text(err));
    strays_add(c, s, "", unknown, n);
    return 0;
}

static int decode_custom(struct call *c, cJSON *obj, struct strays *s)
{
    AUTO(err_freep) struct err *err = NULL;
    const char **unknown = NULL;
    size_t n = 0;
    cJSON *metadata = (cJSON *)(uintptr_t)json_at(obj, "metadata");
    if (metadata && !cJSON_IsObject(metadata))
        return fail_decode(c, obj, "metadata: want an object");
    if (metadata && type_decode(&TYPE_OBJECT_META, metadata, c->arena, &unknown, &n, &err) < 0)
        return fail_decode(c, obj, err_text(err));
    strays_add(c, s, "metadata.", unknown, n);
    if (c->res->custom->schema) {
        schema_prune(c->res->custom->schema, obj, c->arena, &unknown, &n);
        strays_add(c, s, "", unknown, n);
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int fail_strict(struct call *c, const cJSON *obj, const struct strays *s, bool patched)
{
    AUTO(buf_done) struct buf b = BUF_INIT(16384);
    buf_adds(&b, "strict decoding error: ");
    for (size_t i = 0; i < s->n; i++)
        buf_addf(&b, "%s%s", i ? ", " : "", s->texts[i]);
    if (!patched)
        return fail_decode(c, obj, buf_str(&b));
    struct causes causes = {.arena = c->arena};
    causes_add(&causes, CAUSE_INVALID, "patch", "Invalid value: %s", buf_str(&b));
    return call_fail_invalid(c, "", "", "", &causes);
}

static bool repeats_later(const cJSON *member)
{
    for (const cJSON *next = member->next; next; next = next->next) {
        if (streq(next->string, member->string))
            return true;
    }
    return false;
}

/* Of members with one name the last stays. Only called when there are some. */
static void drop_duplicates(cJSON *tree)
{
    for (cJSON *m = tree->child, *next; m; m = next) {
        next = m->next;
        if (cJSON_IsObject(tree) && repeats_later(m))
            cJSON_Delete(cJSON_DetachItemViaPointer(tree, m));
        else
            drop_duplicates(m);
    }
}

int rest_decode(struct call *c, cJSON *obj, bool patched)
{
    struct strays s = {.n = 0};
    int rc = c->res->custom ? check_kind_custom(c, obj) : check_kind_builtin(c, obj);
    if (rc < 0)
        return rc;
    AUTO(mem_freep) char *duplicate = patched ? NULL : json_duplicate(obj);
    if (duplicate) {
        drop_duplicates(obj);
        stray_add(&s, arena_printf(c->arena, "duplicate field \"%s\"", duplicate));
    }
    rc = c->res->custom ? decode_custom(c, obj, &s) : decode_builtin(c, obj, &s);
    if (rc < 0)
        return rc;
    qsort(s.texts, s.n, sizeof(*s.texts), by_text);
    if (s.n && c->validation == VALIDATE_STRICT)
        return fail_strict(c, obj, &s, patched);
    for (size_t i = 0; i < s.n && c->validation == VALIDATE_WARN; i++)
        call_warn(c, "%s", s.texts[i]);
    json_obj(obj, "metadata");
    return 0;
}

int rest_check_place(struct call *c, cJSON *obj)
{
    const char *ns = json_str(obj, "metadata", "namespace"),
               *name = json_str(obj, "metadata", "name");
    if (ns && *ns && !streq(ns, c->ns))
        return call_fail(
            c, 400, "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the "
            "request");
    if (c->name && !streq(name, c->name))
        return call_fail(c, 400, "BadRequest",
                         "the name of the object (%s) does not match the name on the URL (%s)",
                         name ? name : "", c->name);
    if (c->ns)
        json_put_str(obj, c->ns, "metadata", "namespace");
    return 0;
}
