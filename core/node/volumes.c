/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the volumes of a Pod contain. Pure: objects come through the lookup, results live in the
 * arena. Writing them is volume_files.c.
 */
#include "node/volumes.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"

struct planning {
    const struct downward *d;
    const struct lookup *lookup;
    struct arena *arena;
    const char *volume; /* its name, for errors */
    struct volume_file *files;
    size_t n, cap, bytes;
};

static const char *pod_ns(const struct planning *p)
{
    return json_str(p->d->pod, "metadata", "namespace");
}

/* Relative, no empty, "." or ".." parts, and not one of the names the swap uses. */
static bool path_ok(const char *path)
{
    struct str rest = str_of(path), part;
    if (!path || !path[0] || path[0] == '/' || str_starts(path, ".."))
        return false;
    while (str_split(&rest, '/', &part))
        if (!part.len || str_eq(part, STR(".")) || str_eq(part, STR("..")))
            return false;
    return true;
}

static int add_file(struct planning *p, const char *path, const void *data, size_t len,
                    int64_t mode, struct err **err)
{
    if (!path_ok(path))
        return err_set(err, -EINVAL,
                       "volume %s: path \"%s\" must be relative and may not contain \"..\"",
                       p->volume, path ? path : "");
    if (len > VOLUME_BYTES_MAX - p->bytes)
        return err_set(err, -EFBIG, "volume %s: more than %d bytes", p->volume, VOLUME_BYTES_MAX);
    p->bytes += len;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        struct volume_file *grown = arena_array(p->arena, struct volume_file, cap);
        if (p->n)
            memcpy(grown, p->files, p->n * sizeof(*grown));
        p->files = grown;
        p->cap = cap;
    }
    void *copy = arena_alloc(p->arena, len + 1);
    memcpy(copy, data, len);
    p->files[p->n++] =
        (struct volume_file){arena_strdup(p->arena, path), copy, len, (unsigned)mode & 0777};
    return 0;
}

/* ---- ConfigMap and Secret -----------------------------------------------------------------------
 */

static int add_key(struct planning *p, bool base64, const char *text, const char *path,
                   int64_t mode, struct err **err)
{
    if (!base64)
        return add_file(p, path, text, strlen(text), mode, err);
    AUTO(buf_done) struct buf plain = BUF_INIT(VOLUME_BYTES_MAX);
    if (base64_decode(str_of(text), &plain))
        return err_set(err, -EINVAL, "volume %s: the value for \"%s\" is not base64", p->volume,
                       path);
    return add_file(p, path, buf_str(&plain), plain.len, mode, err);
}

/* The text of a key in data or binaryData; *ret_base64 says how it is written. */
static const char *key_text(const cJSON *object, bool secret, const char *key, bool *ret_base64)
{
    const char *text = json_str(object, "data", key);
    *ret_base64 = secret;
    if (!text && !secret) {
        text = json_str(object, "binaryData", key);
        *ret_base64 = true;
    }
    return text;
}

static int add_items(struct planning *p, const cJSON *object, bool secret, const cJSON *source,
                     int64_t mode, struct err **err)
{
    json_foreach (item, json_at(source, "items")) {
        const char *key = json_str(item, "key"), *path = json_str(item, "path");
        bool base64;
        const char *text = key_text(object, secret, key, &base64);
        if (!text && json_bool(false, source, "optional"))
            continue;
        if (!text)
            return err_set(err, -EAGAIN, "volume %s: %s %s/%s has no key \"%s\"", p->volume,
                           secret ? "secret" : "configmap", pod_ns(p),
                           json_str(object, "metadata", "name"), key ? key : "");
        int rc = add_key(p, base64, text, path, json_int(mode, item, "mode"), err);
        if (rc)
            return rc;
    }
    return 0;
}

static int add_all(struct planning *p, const cJSON *map, bool base64, int64_t mode,
                   struct err **err)
{
    json_foreach (it, map) {
        int rc = it->valuestring ? add_key(p, base64, it->valuestring, it->string, mode, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int add_object(struct planning *p, enum lookup_kind kind, const char *name,
                      const cJSON *source, int64_t mode, struct err **err)
{
    bool secret = kind == LOOKUP_SECRET;
    const cJSON *object = name ? p->lookup->get(p->lookup->ctx, kind, pod_ns(p), name) : NULL;
    if (!object && json_bool(false, source, "optional"))
        return 0;
    if (!object)
        return err_set(err, -EAGAIN, "volume %s: %s \"%s\" not found", p->volume,
                       secret ? "secret" : "configmap", name ? name : "");
    if (json_at(source, "items"))
        return add_items(p, object, secret, source, mode, err);
    int rc = add_all(p, json_at(object, "data"), secret, mode, err);
    return rc || secret ? rc : add_all(p, json_at(object, "binaryData"), true, mode, err);
}

/* ---- downward API and projected -----------------------------------------------------------------
 */

static int add_downward(struct planning *p, const cJSON *source, int64_t mode, struct err **err)
{
    json_foreach (item, json_at(source, "items")) {
        AUTO(buf_done) struct buf text = BUF_INIT(1024 * 1024);
        const cJSON *field = json_at(item, "fieldRef");
        int rc = field
                     ? downward_field(p->d, json_str(field, "fieldPath"), &text, err)
                     : downward_resource(p->d, NULL, json_at(item, "resourceFieldRef"), &text, err);
        if (!rc)
            rc = add_file(p, json_str(item, "path"), buf_str(&text), text.len,
                          json_int(mode, item, "mode"), err);
        if (rc)
            return err_wrap(err, "volume %s", p->volume);
    }
    return 0;
}

static int add_projected(struct planning *p, const cJSON *projected, int64_t mode, struct err **err)
{
    json_foreach (source, json_at(projected, "sources")) {
        const cJSON *one;
        int rc;
        if ((one = json_at(source, "configMap")))
            rc = add_object(p, LOOKUP_CONFIGMAP, json_str(one, "name"), one, mode, err);
        else if ((one = json_at(source, "secret")))
            rc = add_object(p, LOOKUP_SECRET, json_str(one, "name"), one, mode, err);
        else if ((one = json_at(source, "downwardAPI")))
            rc = add_downward(p, one, mode, err);
        else
            rc = err_set(err, -ENOTSUP,
                         "volume %s: projected source \"%s\" is not offered by this node: use "
                         "configMap, secret or "
                         "downwardAPI",
                         p->volume, source->child ? source->child->string : "");
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- one volume, all volumes --------------------------------------------------------------------
 */

static uint64_t files_hash(const struct planning *p)
{
    AUTO(buf_done) struct buf all = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < p->n; i++) {
        buf_addf(&all, "%s %o %zu ", p->files[i].path, p->files[i].mode, p->files[i].len);
        buf_add(&all, p->files[i].data, p->files[i].len);
    }
    return hash_bytes(buf_str(&all), all.len);
}

static int plan_claim(struct planning *p, const char *name, struct volume *v, struct err **err)
{
    const struct lookup *l = p->lookup;
    const cJSON *claim = name ? l->get(l->ctx, LOOKUP_CLAIM, pod_ns(p), name) : NULL;
    if (!claim)
        return err_set(err, -EAGAIN, "volume %s: persistentvolumeclaim \"%s\" not found", p->volume,
                       name ? name : "");
    if (json_at(claim, "metadata", "deletionTimestamp"))
        return err_set(err, -EAGAIN, "volume %s: persistentvolumeclaim \"%s\" is being deleted",
                       p->volume, name);
    const char *pv_name = json_str(claim, "spec", "volumeName");
    const cJSON *pv = pv_name ? l->get(l->ctx, LOOKUP_PV, NULL, pv_name) : NULL;
    if (!pv || !streq(json_str(claim, "status", "phase"), "Bound"))
        return err_set(err, -EAGAIN,
                       "volume %s: persistentvolumeclaim \"%s\" is not bound to a volume yet",
                       p->volume, name);
    const char *path = json_str(pv, "spec", "local", "path");
    if (!path || path[0] != '/')
        return err_set(
            err, -ENOTSUP,
            "volume %s: persistentvolume \"%s\" is not one of this node (spec.local.path)",
            p->volume, pv_name);
    v->kind = VOLUME_CLAIM;
    v->path = arena_strdup(p->arena, path);
    return 0;
}

/* The one member of a volume besides its name says what it is. */
static const cJSON *volume_source(const cJSON *volume)
{
    json_foreach (it, volume)
        if (!streq(it->string, "name"))
            return it;
    return NULL;
}

static int plan_one(struct planning *p, const cJSON *volume, struct volume *v, struct err **err)
{
    const cJSON *source = volume_source(volume);
    const char *kind = source ? source->string : "emptyDir"; /* the API's default */
    int64_t mode = json_int(0644, source, "defaultMode");
    int rc;
    v->name = arena_strdup(p->arena, p->volume);
    v->kind = VOLUME_FILES;
    if (streq(kind, "configMap"))
        rc = add_object(p, LOOKUP_CONFIGMAP, json_str(source, "name"), source, mode, err);
    else if (streq(kind, "secret"))
        rc = add_object(p, LOOKUP_SECRET, json_str(source, "secretName"), source, mode, err);
    else if (streq(kind, "projected"))
        rc = add_projected(p, source, mode, err);
    else if (streq(kind, "downwardAPI"))
        rc = add_downward(p, source, mode, err);
    else if (streq(kind, "persistentVolumeClaim"))
        return plan_claim(p, json_str(source, "claimName"), v, err);
    else if (streq(kind, "emptyDir"))
        return v->kind = VOLUME_EMPTY, 0;
    else
        return err_set(
            err, -ENOTSUP,
            "volume %s: %s is not offered by this node: use emptyDir or a persistentVolumeClaim",
            p->volume, kind);
    v->files = p->files;
    v->n_files = p->n;
    v->hash = files_hash(p);
    return rc;
}

int volumes_plan(const struct downward *d, const struct lookup *lookup, struct arena *a,
                 struct volume **ret, size_t *ret_n, struct err **err)
{
    const cJSON *volumes = json_at(d->pod, "spec", "volumes");
    struct volume *all = arena_array(a, struct volume, (size_t)cJSON_GetArraySize(volumes) + 1);
    size_t n = 0;
    json_foreach (volume, volumes) {
        struct planning p = {
            .d = d, .lookup = lookup, .arena = a, .volume = json_str(volume, "name")};
        int rc = plan_one(&p, volume, &all[n++], err);
        if (rc)
            return rc;
    }
    *ret = all;
    *ret_n = n;
    return 0;
}

const char *volume_path(const struct volume *v, const char *dir, struct arena *a)
{
    return v->kind == VOLUME_CLAIM ? v->path : arena_printf(a, "%s/%s", dir, v->name);
}

/* ---- what a Pod refers to -----------------------------------------------------------------------
 */

typedef void reference_fn(void *ctx, enum lookup_kind kind, const char *name);

static void refer(reference_fn *fn, void *ctx, enum lookup_kind kind, const char *name)
{
    if (name)
        fn(ctx, kind, name);
}

static void references_of_containers(const cJSON *containers, reference_fn *fn, void *ctx)
{
    json_foreach (c, containers) {
        json_foreach (e, json_at(c, "env")) {
            refer(fn, ctx, LOOKUP_CONFIGMAP, json_str(e, "valueFrom", "configMapKeyRef", "name"));
            refer(fn, ctx, LOOKUP_SECRET, json_str(e, "valueFrom", "secretKeyRef", "name"));
        }
        json_foreach (e, json_at(c, "envFrom")) {
            refer(fn, ctx, LOOKUP_CONFIGMAP, json_str(e, "configMapRef", "name"));
            refer(fn, ctx, LOOKUP_SECRET, json_str(e, "secretRef", "name"));
        }
    }
}

void volumes_each_reference(const cJSON *pod, reference_fn *fn, void *ctx)
{
    json_foreach (v, json_at(pod, "spec", "volumes")) {
        refer(fn, ctx, LOOKUP_CONFIGMAP, json_str(v, "configMap", "name"));
        refer(fn, ctx, LOOKUP_SECRET, json_str(v, "secret", "secretName"));
        refer(fn, ctx, LOOKUP_CLAIM, json_str(v, "persistentVolumeClaim", "claimName"));
        json_foreach (s, json_at(v, "projected", "sources")) {
            refer(fn, ctx, LOOKUP_CONFIGMAP, json_str(s, "configMap", "name"));
            refer(fn, ctx, LOOKUP_SECRET, json_str(s, "secret", "name"));
        }
    }
    references_of_containers(json_at(pod, "spec", "initContainers"), fn, ctx);
    references_of_containers(json_at(pod, "spec", "containers"), fn, ctx);
}
