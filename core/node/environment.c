/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Downward API, environment and expansion as Kubernetes documents them. Not done here: Service
 * variables (NAME_SERVICE_HOST), which nobody should need where names resolve, and fields of other
 * containers' status.
 */
#include "node/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/quantity.h"

#define VALUE_MAX  (1024 * 1024)
#define EXPAND_MAX (1024 * 1024)

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* ---- downward API -------------------------------------------------------------------------------
 */

static const char *pod_name(const struct downward *d)
{
    return json_str(d->pod, "metadata", "name");
}

static void map_lines(const cJSON *map, struct buf *out)
{
    json_foreach (it, map) {
        if (out->len)
            buf_addc(out, '\n');
        buf_addf(out, "%s=", it->string);
        json_add_string(out, it->valuestring);
    }
}

/* metadata.labels['key'] and metadata.annotations['key'] */
static bool map_entry(const struct downward *d, const char *path, const char *map, struct buf *out)
{
    AUTO(mem_freep) char *prefix = mem_printf("metadata.%s['", map);
    if (!str_starts(path, prefix) || !str_ends(path, "']"))
        return false;
    size_t skip = strlen(prefix);
    AUTO(mem_freep) char *key = mem_strndup(path + skip, strlen(path) - skip - 2);
    buf_adds(out, json_str(d->pod, "metadata", map, key));
    return true;
}

int downward_field(const struct downward *d, const char *path, struct buf *out, struct err **err)
{
    const struct {
        const char *path, *value;
    } rows[] = {
        {"metadata.name", pod_name(d)},
        {"metadata.namespace", json_str(d->pod, "metadata", "namespace")},
        {"metadata.uid", json_str(d->pod, "metadata", "uid")},
        {"spec.nodeName", d->node_name},
        {"spec.serviceAccountName", json_str(d->pod, "spec", "serviceAccountName")},
        {"status.podIP", d->pod_ip},
        {"status.podIPs", d->pod_ip},
        {"status.hostIP", d->host_ip},
        {"status.hostIPs", d->host_ip},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (streq(path, rows[i].path)) {
            buf_adds(out, rows[i].value);
            return 0;
        }
    }
    if (map_entry(d, path, "labels", out) || map_entry(d, path, "annotations", out))
        return 0;
    if (streq(path, "metadata.labels") || streq(path, "metadata.annotations")) {
        map_lines(json_at(d->pod, "metadata", path + strlen("metadata.")), out);
        return 0;
    }
    return err_set(
        err, -EINVAL,
        "Pod %s: fieldRef.fieldPath \"%s\" is not a field of a Pod that this node offers",
        pod_name(d), path ? path : "");
}

static const cJSON *container_named(const cJSON *pod, const char *name)
{
    const cJSON *c = json_find(json_at(pod, "spec", "containers"), "name", name);
    return c ? c : json_find(json_at(pod, "spec", "initContainers"), "name", name);
}

/* Thousandths of what the container asked for; the node's own size stands in for a missing limit.
 */
static int64_t resource_milli(const struct downward *d, const cJSON *container, const char *which,
                              const char *resource)
{
    int64_t milli = 0;
    const char *text = json_str(container, "resources", which, resource);
    if (!text && streq(which, "requests"))
        text = json_str(container, "resources", "limits", resource);
    if (text && quantity_parse(text, &milli, NULL) == 0)
        return milli;
    if (streq(which, "requests"))
        return 0;
    if (streq(resource, "cpu"))
        return d->cpu_milli;
    return streq(resource, "memory") ? d->memory * 1000 : 0;
}

int downward_resource(const struct downward *d, const cJSON *container, const cJSON *ref,
                      struct buf *out, struct err **err)
{
    const char *resource = json_str(ref, "resource"), *name = json_str(ref, "containerName");
    const char *divisor = json_str(ref, "divisor");
    const cJSON *of = name && name[0] ? container_named(d->pod, name) : container;
    const char *dot = resource ? strchr(resource, '.') : NULL;
    int64_t by = 1000;
    if (!of || !dot || (!str_starts(resource, "limits.") && !str_starts(resource, "requests.")))
        return err_set(err, -EINVAL,
                       "Pod %s: resourceFieldRef wants limits.* or requests.* of a container of "
                       "the Pod, found "
                       "resource \"%s\" of container \"%s\"",
                       pod_name(d), resource ? resource : "", name ? name : "");
    if (divisor && quantity_parse(divisor, &by, NULL) == 0 && by <= 0)
        by = 1000; /* "0" is how the API spells "none given" */
    AUTO(mem_freep) char *which = mem_strndup(resource, (size_t)(dot - resource));
    int64_t milli = resource_milli(d, of, which, dot + 1);
    buf_addf(out, "%lld", (long long)((milli + by - 1) / by));
    return 0;
}

/* ---- environment --------------------------------------------------------------------------------
 */

struct making {
    const struct downward *d;
    const cJSON *container;
    const struct lookup *lookup;
    struct arena *arena;
    struct map values; /* name -> value, arena strings */
};

const char *environment_get(const struct environment *e, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->list[i], name, n) == 0 && e->list[i][n] == '=')
            return e->list[i] + n + 1;
    return NULL;
}

static const char *value_in_map(const void *ctx, const char *name)
{
    return map_get(ctx, name);
}

static const char *value_in_list(const void *ctx, const char *name)
{
    return environment_get(ctx, name);
}

static const char *expand(const char *text, struct arena *a,
                          const char *(*value)(const void *, const char *), const void *ctx)
{
    AUTO(buf_done) struct buf out = BUF_INIT(EXPAND_MAX);
    for (const char *at = text; *at; at++) {
        const char *end;
        if (at[0] == '$' && at[1] == '$') {
            buf_addc(&out, '$');
            at++;
        } else if (at[0] == '$' && at[1] == '(' && (end = strchr(at, ')'))) {
            AUTO(mem_freep) char *name = mem_strndup(at + 2, (size_t)(end - at - 2));
            const char *v = value(ctx, name);
            if (v)
                buf_adds(&out, v);
            else
                buf_add(&out, at, (size_t)(end - at + 1));
            at = end;
        } else {
            buf_addc(&out, *at);
        }
    }
    return arena_strdup(a, buf_str(&out));
}

const char *environment_expand(const struct environment *e, const char *text, struct arena *a)
{
    return expand(text, a, value_in_list, e);
}

static bool name_ok(const char *name)
{
    if (!name || !name[0] || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (const char *c = name; *c; c++)
        if (*c == '=' || (unsigned char)*c <= ' ')
            return false;
    return true;
}

static void put(struct making *m, const char *name, const char *value)
{
    map_set(&m->values, name, arena_strdup(m->arena, value ? value : ""));
}

static int config_error(struct err **err, const char *fmt, ...) ATOLL_PRINTF(2, 3);
static int config_error(struct err **err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    int rc = err_set(err, -ENOENT, "%s", text);
    err_reason_set(err, "CreateContainerConfigError");
    return rc;
}

static const char *kind_word(enum lookup_kind kind)
{
    return kind == LOOKUP_SECRET ? "secret" : "configmap";
}

/* One value of a ConfigMap or Secret; NULL in *ret when it is absent and optional. */
static int keyed_value(struct making *m, enum lookup_kind kind, const cJSON *ref, char **ret,
                       struct err **err)
{
    const char *ns = json_str(m->d->pod, "metadata", "namespace");
    const char *name = json_str(ref, "name"), *key = json_str(ref, "key");
    bool optional = json_bool(false, ref, "optional");
    const cJSON *object = m->lookup->get(m->lookup->ctx, kind, ns, name);
    const char *text = object ? json_str(object, "data", key) : NULL;
    if (!object && !optional)
        return config_error(err, "%s \"%s\" not found", kind_word(kind), name ? name : "");
    if (!text && !optional)
        return config_error(err, "key \"%s\" not found in %s %s/%s", key ? key : "",
                            kind_word(kind), ns, name);
    if (!text)
        return 0;
    if (kind == LOOKUP_CONFIGMAP) {
        *ret = mem_strdup(text);
        return 0;
    }
    struct buf plain = BUF_INIT(VALUE_MAX);
    if (base64_decode(str_of(text), &plain)) {
        buf_done(&plain);
        return config_error(err, "key \"%s\" of secret %s/%s is not base64", key, ns, name);
    }
    *ret = buf_take(&plain);
    return 0;
}

static int one_value(struct making *m, const cJSON *from, char **ret, struct err **err)
{
    const cJSON *ref;
    AUTO(buf_done) struct buf out = BUF_INIT(VALUE_MAX);
    int rc = 0;
    if ((ref = json_at(from, "configMapKeyRef")))
        return keyed_value(m, LOOKUP_CONFIGMAP, ref, ret, err);
    if ((ref = json_at(from, "secretKeyRef")))
        return keyed_value(m, LOOKUP_SECRET, ref, ret, err);
    if ((ref = json_at(from, "fieldRef")))
        rc = downward_field(m->d, json_str(ref, "fieldPath"), &out, err);
    else if ((ref = json_at(from, "resourceFieldRef")))
        rc = downward_resource(m->d, m->container, ref, &out, err);
    else
        return 0;
    if (rc) {
        err_reason_set(err, "CreateContainerConfigError");
        return rc;
    }
    *ret = buf_take(&out);
    return 0;
}

/* Every key of one object, with a prefix; names no program could read are left out, as Kubernetes
 * does. */
static int put_all(struct making *m, const cJSON *from, struct err **err)
{
    const cJSON *ref = json_at(from, "secretRef");
    enum lookup_kind kind = ref ? LOOKUP_SECRET : LOOKUP_CONFIGMAP;
    if (!ref)
        ref = json_at(from, "configMapRef");
    const char *ns = json_str(m->d->pod, "metadata", "namespace"), *name = json_str(ref, "name");
    const char *prefix = json_str(from, "prefix");
    const cJSON *object = name ? m->lookup->get(m->lookup->ctx, kind, ns, name) : NULL;
    if (!object && !json_bool(false, ref, "optional"))
        return config_error(err, "%s \"%s\" not found", kind_word(kind), name ? name : "");
    json_foreach (it, json_at(object, "data")) {
        AUTO(mem_freep) char *full = mem_printf("%s%s", prefix ? prefix : "", it->string);
        AUTO(buf_done) struct buf plain = BUF_INIT(VALUE_MAX);
        const char *value = it->valuestring;
        if (!name_ok(full) || !value)
            continue;
        if (kind == LOOKUP_SECRET) {
            if (base64_decode(str_of(value), &plain))
                continue;
            value = buf_str(&plain);
        }
        put(m, full, value);
    }
    return 0;
}

static int put_one(struct making *m, const cJSON *entry, struct err **err)
{
    const char *name = json_str(entry, "name"), *value = json_str(entry, "value");
    const cJSON *from = json_at(entry, "valueFrom");
    if (!name_ok(name))
        return config_error(err, "container %s: env name \"%s\" is not a name",
                            json_str(m->container, "name"), name ? name : "");
    if (!from) {
        put(m, name, expand(value ? value : "", m->arena, value_in_map, &m->values));
        return 0;
    }
    AUTO(mem_freep) char *found = NULL;
    int rc = one_value(m, from, &found, err);
    if (!rc && found)
        put(m, name, found);
    return rc;
}

static void list_make(struct making *m, struct environment *ret)
{
    const char **names = map_keys_sorted(&m->values, m->arena);
    size_t n = map_len(&m->values);
    ret->list = arena_array(m->arena, const char *, n + 1);
    ret->n = n;
    for (size_t i = 0; i < n; i++)
        ret->list[i] =
            arena_printf(m->arena, "%s=%s", names[i], (const char *)map_get(&m->values, names[i]));
}

int environment_make(const struct downward *d, const cJSON *container, const struct lookup *lookup,
                     struct arena *a, struct environment *ret, struct err **err)
{
    struct making m = {
        .d = d, .container = container, .lookup = lookup, .arena = a, .values = MAP_INIT};
    const char *host = json_str(d->pod, "spec", "hostname");
    int rc = 0;
    put(&m, "PATH", default_path);
    put(&m, "HOME", "/root");
    put(&m, "HOSTNAME", host ? host : pod_name(d));
    const cJSON *from = json_at(container, "envFrom"), *env = json_at(container, "env");
    for (const cJSON *it = from ? from->child : NULL; it && !rc; it = it->next)
        rc = put_all(&m, it, err);
    for (const cJSON *it = env ? env->child : NULL; it && !rc; it = it->next)
        rc = put_one(&m, it, err);
    if (!rc)
        list_make(&m, ret);
    map_done(&m.values);
    return rc;
}

int environment_command(const struct environment *e, const cJSON *container, struct arena *a,
                        const char ***ret, struct err **err)
{
    const cJSON *command = json_at(container, "command"), *args = json_at(container, "args");
    int n = cJSON_GetArraySize(command);
    if (n == 0) {
        int rc =
            err_set(err, -ENOEXEC, "container %s: image %s is not run on this node: give a command",
                    json_str(container, "name"), json_str(container, "image"));
        err_reason_set(err, "ErrImageNeverPull");
        return rc;
    }
    const char **argv = arena_array(a, const char *, (size_t)(n + cJSON_GetArraySize(args)) + 1);
    size_t i = 0;
    json_foreach (it, command)
        argv[i++] = environment_expand(e, it->valuestring ? it->valuestring : "", a);
    json_foreach (it, args)
        argv[i++] = environment_expand(e, it->valuestring ? it->valuestring : "", a);
    *ret = argv;
    return 0;
}
