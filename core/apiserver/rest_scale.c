/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /scale of custom resources: the replicas of an object behind one face, autoscaling/v1 Scale.
 *
 * The CRD says where the numbers lie; a write through Scale is an ordinary change of the object.
 */
#include <string.h>

#include "apiserver/crds.h"
#include "apiserver/rest_write.h"

const struct subresource SCALE_SUBS[] = {
    {.name = "scale",
     .kind = "Scale",
     .group = "autoscaling",
     .version = "v1",
     .verbs = VERBS_STATUS,
     .run = rest_scale},
    {.name = NULL},
};
const struct subresource STATUS_SCALE_SUBS[] = {
    {.name = "status", .verbs = VERBS_STATUS},
    {.name = "scale",
     .kind = "Scale",
     .group = "autoscaling",
     .version = "v1",
     .verbs = VERBS_STATUS,
     .run = rest_scale},
    {.name = NULL},
};

static void copy(cJSON *to, const cJSON *from, const char *key)
{
    const cJSON *value = json_at(from, "metadata", key);
    if (value)
        json_put(to, cJSON_Duplicate(value, true), "metadata", key);
}

static cJSON *scale_of(const struct custom *cu, const cJSON *obj)
{
    static const char *const KEPT[] = {"name", "namespace", "uid", "resourceVersion",
                                       "creationTimestamp"};
    cJSON *s = cJSON_CreateObject();
    json_put_str(s, "Scale", "kind");
    json_put_str(s, "autoscaling/v1", "apiVersion");
    for (size_t i = 0; i < ARRAY_LEN(KEPT); i++)
        copy(s, obj, KEPT[i]);
    const cJSON *wanted = jsonpath_get(obj, cu->replicas_spec);
    json_obj(s, "spec");
    if (json_int_of(wanted, 0))
        json_put_int(s, json_int_of(wanted, 0), "spec", "replicas");
    json_put_int(s, json_int_of(jsonpath_get(obj, cu->replicas_status), 0), "status", "replicas");
    const char *selector =
        cu->selector_path ? json_string_of(jsonpath_get(obj, cu->selector_path)) : NULL;
    if (selector && *selector)
        json_put_str(s, selector, "status", "selector");
    return s;
}

/* ".spec.replicas" is one of the simple paths the CRD's rules allow. */
static void replicas_set(cJSON *obj, const char *path, int64_t n)
{
    struct str rest = str_of(path), piece;
    cJSON *at = obj;
    char key[256];
    while (str_split(&rest, '.', &piece)) {
        if (!piece.len || piece.len >= sizeof(key))
            continue;
        memcpy(key, piece.ptr, piece.len);
        key[piece.len] = '\0';
        if (rest.len)
            at = json_obj(at, key);
        else
            json_put_int(at, n, key);
    }
}

static void answer_scale(struct call *c, const struct object *o)
{
    AUTO(json_freep) cJSON *obj = served_tree(c->res, o), *s = scale_of(c->res->custom, obj);
    c->answer_text = json_print(s);
    c->answer_status = 200;
    object_unref(o);
    call_answer_after_commit(c);
}

void rest_scale_check(const struct custom *cu, const cJSON *obj, struct causes *causes)
{
    const char *const paths[] = {cu->replicas_spec, cu->replicas_status};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const cJSON *n = paths[i] ? jsonpath_get(obj, paths[i]) : NULL;
        if (n && !cJSON_IsNumber(n))
            causes_add(causes, CAUSE_INVALID, paths[i],
                       "Invalid value: 0: %s accessor error: want a whole number", paths[i]);
        else if (n && n->valuedouble < 0)
            causes_add(causes, CAUSE_INVALID, paths[i],
                       "Invalid value: %lld: should be a non-negative integer",
                       (long long)json_int_of(n, 0));
    }
}

static int check_scale(struct call *c, const cJSON *scale)
{
    const cJSON *n = json_at(scale, "spec", "replicas");
    if (n && !cJSON_IsNumber(n))
        return call_fail(c, 400, "BadRequest", "spec.replicas: want a whole number");
    return rest_check_place(c, (cJSON *)(uintptr_t)scale);
}

/* The Scale that the request wants, from a body or a patch of the present one. */
static cJSON *wanted_scale(struct call *c, const struct object *cur)
{
    AUTO(json_freep) cJSON *obj = served_tree(c->res, cur);
    cJSON *scale = c->verb == VERB_PATCH ? rest_apply_patch(c, scale_of(c->res->custom, obj))
                   : rest_body(c) < 0    ? NULL
                                         : rest_parse(c);
    return scale && check_scale(c, scale) == 0 ? scale : NULL;
}

static void scale_change(struct call *c, const struct object *cur)
{
    cJSON *scale = wanted_scale(c, cur);
    const struct object *result = NULL;
    if (scale) {
        cJSON *obj = call_own(c, served_tree(c->res, cur));
        const char *rv = json_str(scale, "metadata", "resourceVersion");
        replicas_set(obj, c->res->custom->replicas_spec, json_int(0, scale, "spec", "replicas"));
        if (rv)
            json_put_str(obj, rv, "metadata", "resourceVersion");
        if (rest_change(c, cur, obj, false, &result) == 0) {
            answer_scale(c, result);
            return;
        }
    }
    call_answer_failure(c);
}

void rest_scale(struct call *c)
{
    const struct object *cur = rest_latest(c);
    if (!cur)
        call_answer_failure(c);
    else if (c->verb == VERB_GET)
        answer_scale(c, object_ref(cur));
    else
        scale_change(c, cur);
}
