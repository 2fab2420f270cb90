/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST, PUT and PATCH. What is common to them is in rest_body.c and rest_change.c.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/patch.h"
#include "apiserver/rest_write.h"

/* ---- create ---- */

static cJSON *read_object(struct call *c)
{
    if (rest_body(c) < 0)
        return NULL;
    cJSON *obj = rest_parse(c);
    if (!obj || rest_decode(c, obj, false) < 0 || rest_check_place(c, obj) < 0)
        return NULL;
    return obj;
}

void rest_create(struct call *c)
{
    cJSON *obj = read_object(c);
    if (obj)
        rest_store_new(c, obj);
    else
        call_answer_failure(c);
}

/* ---- update ---- */

static bool creates_on_update(const struct call *c, const cJSON *obj)
{
    const char *rv = json_str(obj, "metadata", "resourceVersion");
    return (c->res->flags & RES_CREATE_ON_UPDATE) && !c->subres && !(rv && *rv);
}

void rest_update(struct call *c)
{
    cJSON *obj = read_object(c);
    if (!obj) {
        call_answer_failure(c);
        return;
    }
    const struct object *cur = rest_latest(c);
    if (cur) {
        rest_store_changed(c, cur, obj, true);
    } else if (creates_on_update(c, obj)) {
        c->failure.code = 0;
        rest_store_new(c, obj);
    } else {
        call_answer_failure(c);
    }
}

/* ---- patch ---- */

static int fail_patch(struct call *c, const char *why)
{
    return call_fail(c, 400, "BadRequest", "error decoding patch: %s", why);
}

static int apply_json_patch(struct call *c, cJSON *target, const cJSON *patch, cJSON **ret)
{
    AUTO(err_freep) struct err *err = NULL;
    int rc = patch_json(target, patch, ret, &err);
    if (rc == 0)
        return 0;
    if (rc == -EINVAL)
        return fail_patch(c, err_text(err));
    call_fail(c, 422, "Invalid",
              "the server rejected our request due to an error in our request: %s", err_text(err));
    c->failure.no_details = false;
    return -1;
}

static int apply_merge_patch(struct call *c, cJSON *target, const cJSON *patch, cJSON **ret)
{
    if (!cJSON_IsObject(patch)) {
        cJSON_Delete(target);
        return fail_patch(c, "want a JSON object");
    }
    *ret = json_merge_patch(target, patch);
    return 0;
}

static int apply_strategic_patch(struct call *c, cJSON *target, const cJSON *patch, cJSON **ret)
{
    AUTO(err_freep) struct err *err = NULL;
    if (!cJSON_IsObject(patch)) {
        cJSON_Delete(target);
        return fail_patch(c, "want a JSON object");
    }
    if (type_strategic_merge(c->res->type, target, patch, ret, &err) < 0)
        return fail_patch(c, err_text(err));
    return 0;
}

struct patch_kind {
    const char *type;
    bool builtin_only;
    int (*apply)(struct call *c, cJSON *target, const cJSON *patch,
                 cJSON **ret); /* consumes target */
};
static const struct patch_kind PATCHES[] = {
    {"application/json-patch+json", false, apply_json_patch},
    {"application/merge-patch+json", false, apply_merge_patch},
    {"application/strategic-merge-patch+json", true, apply_strategic_patch},
};

static int fail_patch_type(struct call *c)
{
    if (str_starts(c->content_type, "application/apply-patch"))
        return call_fail(
            c, 415, "UnsupportedMediaType",
            "server-side apply is not served: use client-side apply (kubectl apply without "
            "--server-side) or a merge patch");
    if (!c->res->custom) {
        call_fail(c, 415, "UnsupportedMediaType", "415: Unsupported Media Type");
        c->failure.no_details = false;
        return -1;
    }
    return call_fail(
        c, 415, "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json");
}

static const struct patch_kind *patch_kind(struct call *c)
{
    for (size_t i = 0; i < ARRAY_LEN(PATCHES); i++) {
        if (streq(c->content_type, PATCHES[i].type) && !(PATCHES[i].builtin_only && c->res->custom))
            return &PATCHES[i];
    }
    fail_patch_type(c);
    return NULL;
}

cJSON *rest_apply_patch(struct call *c, cJSON *target)
{
    AUTO(json_freep) cJSON *mine = target, *patch = NULL;
    AUTO(err_freep) struct err *err = NULL;
    const struct patch_kind *kind = patch_kind(c);
    if (!kind)
        return NULL;
    if (c->req.too_large) {
        call_fail(c, 413, "RequestEntityTooLarge", "Request entity too large: limit is %zu",
                  c->api->body_max);
        return NULL;
    }
    if (json_parse(c->req.body.ptr ? c->req.body.ptr : "", c->req.body.len, &patch, &err) < 0) {
        fail_patch(c, err_text(err));
        return NULL;
    }
    cJSON *result = NULL;
    if (kind->apply(c, TAKE(mine), patch, &result) < 0)
        return NULL;
    call_own(c, result);
    if (!cJSON_IsObject(result)) {
        fail_patch(c, "the result is not an object");
        return NULL;
    }
    return result;
}

static cJSON *patched_object(struct call *c, const struct object *cur)
{
    cJSON *obj = rest_apply_patch(c, served_tree(c->res, cur));
    if (!obj || rest_decode(c, obj, true) < 0 || rest_check_place(c, obj) < 0)
        return NULL;
    return obj;
}

void rest_patch(struct call *c)
{
    if (!patch_kind(c)) {
        call_answer_failure(c);
        return;
    }
    const struct object *cur = rest_latest(c);
    cJSON *obj = cur ? patched_object(c, cur) : NULL;
    if (obj)
        rest_store_changed(c, cur, obj, false);
    else
        call_answer_failure(c);
}
