/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From "this is how the part we own shall look" to the smallest write, or none.
 *
 * Servers fill in fields we did not set, also inside list items; other actors own other members of
 * the same object. So what we want is laid over what is there, and the difference to what is there
 * is the patch. Where a member is ours alone, it is made exactly equal instead, so that what we
 * stopped wanting goes away.
 */
#include <string.h>

#include "plan/plan.h"

/* ---- overlay
 * ----------------------------------------------------------------------------------------- */

static const cJSON *same_item(const cJSON *have, const cJSON *item, int index)
{
    const char *name = json_str(item, "name");
    const cJSON *found = name ? json_find(have, "name", name) : NULL;
    /* A list of one unnamed port and the like: the position is all there is. */
    return found || name ? found : cJSON_GetArrayItem(have, index);
}

static cJSON *overlay_list(const cJSON *have, const cJSON *want)
{
    cJSON *list = cJSON_CreateArray();
    int index = 0;
    json_foreach (item, want) {
        const cJSON *there = cJSON_IsObject(item) ? same_item(have, item, index) : NULL;
        cJSON_AddItemToArray(list, desired_overlay(there, item));
        index++;
    }
    return list;
}

cJSON *desired_overlay(const cJSON *have, const cJSON *want)
{
    if (cJSON_IsArray(want) && cJSON_IsArray(have))
        return overlay_list(have, want);
    if (!cJSON_IsObject(want) || !cJSON_IsObject(have))
        return cJSON_Duplicate(want, true);
    cJSON *out = cJSON_Duplicate(have, true);
    json_foreach (member, want) {
        cJSON *value = desired_overlay(json_at(have, member->string), member);
        json_put(out, value, member->string);
    }
    return out;
}

cJSON *desired_patch(const cJSON *have, const cJSON *want)
{
    AUTO(json_freep) cJSON *goal = desired_overlay(have, want);
    return json_merge_diff(have, goal);
}

/* Selectors are ours alone even inside a Service we share with the server's defaults. */
cJSON *desired_exact(const cJSON *have, const cJSON *want, const char *key)
{
    AUTO(json_freep) cJSON *from = cJSON_CreateObject();
    AUTO(json_freep) cJSON *to = cJSON_CreateObject();
    if (json_at(have, key))
        cJSON_AddItemToObject(from, key, cJSON_Duplicate(json_at(have, key), true));
    if (json_at(want, key))
        cJSON_AddItemToObject(to, key, cJSON_Duplicate(json_at(want, key), true));
    return json_merge_diff(from, to);
}

cJSON *desired_join(cJSON *a, cJSON *b)
{
    if (!a || !b)
        return a ? a : b;
    /* Not json_merge_patch: that would act on the nulls instead of keeping them. */
    for (cJSON *m = b->child, *next; m; m = next) {
        next = m->next;
        cJSON *moved = cJSON_DetachItemViaPointer(b, m);
        cJSON *there = cJSON_GetObjectItemCaseSensitive(a, moved->string);
        if (there && cJSON_IsObject(there) && cJSON_IsObject(moved))
            desired_join(there, moved);
        else {
            AUTO(mem_freep) char *name = mem_strdup(moved->string);
            json_put(a, moved, name);
        }
    }
    cJSON_Delete(b);
    return a;
}

/* ---- parts of objects
 * ---------------------------------------------------------------------------------- */

cJSON *desired_finalizer(const cJSON *object, const char *f, bool present)
{
    const cJSON *have = json_at(object, "metadata", "finalizers");
    if (json_array_has(have, f) == present)
        return NULL;
    cJSON *list = cJSON_CreateArray();
    json_foreach (it, have) {
        if (!streq(it->valuestring, f))
            cJSON_AddItemToArray(list, cJSON_Duplicate(it, true));
    }
    if (present)
        cJSON_AddItemToArray(list, cJSON_CreateString(f));
    cJSON *patch = cJSON_CreateObject();
    json_put(patch, list, "metadata", "finalizers");
    /* A list is replaced as a whole: only when nobody else changed it meanwhile. */
    if (json_str(object, "metadata", "resourceVersion"))
        json_put_str(patch, json_str(object, "metadata", "resourceVersion"), "metadata",
                     "resourceVersion");
    return patch;
}

bool desired_owned(const cJSON *object, const cJSON *owner)
{
    const char *uid = json_str(owner, "metadata", "uid");
    json_foreach (ref, json_at(object, "metadata", "ownerReferences")) {
        if (json_bool(false, ref, "controller") && streq(json_str(ref, "uid"), uid))
            return true;
    }
    return false;
}

cJSON *desired_owner(const cJSON *owner, const char *api_version, const char *kind)
{
    cJSON *ref = cJSON_CreateObject();
    json_put_str(ref, api_version, "apiVersion");
    json_put_str(ref, kind, "kind");
    json_put_str(ref, json_str(owner, "metadata", "name"), "name");
    json_put_str(ref, json_str(owner, "metadata", "uid"), "uid");
    json_put_bool(ref, true, "controller");
    json_put_bool(ref, true, "blockOwnerDeletion");
    return ref;
}

cJSON *desired_meta(const char *ns, const char *name, cJSON *labels, cJSON *owner)
{
    cJSON *m = cJSON_CreateObject();
    json_put_str(m, name, "name");
    json_put_str(m, ns, "namespace");
    if (labels)
        json_put(m, labels, "labels");
    if (owner) {
        cJSON *owners = cJSON_CreateArray();
        cJSON_AddItemToArray(owners, owner);
        json_put(m, owners, "ownerReferences");
    }
    return m;
}

int64_t desired_share(const cJSON *v, int64_t total, bool up, int64_t def)
{
    if (cJSON_IsNumber(v))
        return (int64_t)v->valuedouble;
    const char *text = json_string_of(v);
    int64_t percent;
    if (!text || !str_ends(text, "%") ||
        str_to_i64((struct str){text, strlen(text) - 1}, &percent) < 0)
        return def;
    return (percent * total + (up ? 99 : 0)) / 100;
}

/* ---- steps
 * ---------------------------------------------------------------------------------------------- */

/* What the patch touches, for the reason line: "spec.replicas, metadata.labels". */
static void touched(const cJSON *patch, const char *prefix, unsigned depth, struct buf *out)
{
    json_foreach (m, patch) {
        AUTO(mem_freep) char *path = mem_printf("%s%s%s", prefix, *prefix ? "." : "", m->string);
        if (cJSON_IsObject(m) && m->child && depth < 2)
            touched(m, path, depth + 1, out);
        else
            buf_addf(out, "%s%s", out->len ? ", " : "", path);
    }
}

static void step_patch(struct plan *p, enum plan_object o, const cJSON *have, cJSON *patch)
{
    struct buf what = BUF_INIT(512);
    touched(patch, "", 0, &what);
    plan_step_add(p, PLAN_PATCH, o, json_str(have, "metadata", "namespace"),
                  json_str(have, "metadata", "name"), patch, "changed: %s", buf_str(&what));
    buf_done(&what);
}

void desired_object(struct plan *p, enum plan_object o, const cJSON *have, cJSON *want,
                    const char *spec_key)
{
    const char *ns = json_str(want, "metadata", "namespace"),
               *name = json_str(want, "metadata", "name");
    if (!have) {
        plan_step_add(p, PLAN_CREATE, o, ns, name, want, "it does not exist");
        return;
    }
    cJSON *patch = spec_key ? desired_exact(have, want, spec_key) : NULL;
    if (spec_key)
        json_del(want, spec_key);
    json_del(want, "apiVersion");
    json_del(want, "kind");
    patch = desired_join(desired_patch(have, want), patch);
    cJSON_Delete(want);
    if (patch)
        step_patch(p, o, have, patch);
}

void desired_status(struct plan *p, enum plan_object o, const cJSON *object, cJSON *want,
                    const char *reason)
{
    AUTO(json_freep) cJSON *status = want;
    AUTO(json_freep) cJSON *goal = cJSON_CreateObject();
    cJSON_AddItemToObject(goal, "status", TAKE(status));
    cJSON *patch = desired_exact(object, goal, "status");
    if (patch)
        plan_step_add(p, PLAN_STATUS, o, json_str(object, "metadata", "namespace"),
                      json_str(object, "metadata", "name"), patch, "%s", reason);
}
