/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading Kubernetes objects: the metadata everybody needs, owners and conditions. Nothing here
 * changes an object, and every function takes NULL and half-written objects: what is not there is
 * "", NULL, 0 or false. Selectors are in selector.c.
 */
#include "kube/object.h"
#include "kube/kube.h"

#include <stdio.h>

static const char *meta_text(const cJSON *o, const char *field)
{
    const char *s = json_str(o, "metadata", field);
    return s ? s : "";
}

const char *kube_name(const cJSON *o)
{
    return meta_text(o, "name");
}

const char *kube_ns(const cJSON *o)
{
    return meta_text(o, "namespace");
}

const char *kube_uid(const cJSON *o)
{
    return meta_text(o, "uid");
}

const char *kube_rv(const cJSON *o)
{
    return meta_text(o, "resourceVersion");
}

int64_t kube_generation(const cJSON *o)
{
    return json_int(0, o, "metadata", "generation");
}

const char *kube_label(const cJSON *o, const char *key)
{
    return json_str(o, "metadata", "labels", key);
}

const char *kube_annotation(const cJSON *o, const char *key)
{
    return json_str(o, "metadata", "annotations", key);
}

bool kube_deleting(const cJSON *o)
{
    return json_str(o, "metadata", "deletionTimestamp") != NULL;
}

bool kube_has_finalizer(const cJSON *o, const char *f)
{
    return json_array_has(json_at(o, "metadata", "finalizers"), f);
}

const cJSON *kube_controller(const cJSON *o)
{
    json_foreach (ref, json_at(o, "metadata", "ownerReferences")) {
        if (json_bool(false, ref, "controller"))
            return ref;
    }
    return NULL;
}

bool kube_condition_true(const cJSON *o, const char *type)
{
    const cJSON *c = json_find(json_at(o, "status", "conditions"), "type", type);
    return streq(json_str(c, "status"), "True");
}

const char *kube_key(struct arena *a, const cJSON *o)
{
    const char *ns = kube_ns(o), *name = kube_name(o);
    return ns[0] ? arena_printf(a, "%s/%s", ns, name) : arena_strdup(a, name);
}

bool kube_object_key(const char *ns, const char *name, char out[OBJECT_KEY_MAX])
{
    if (!name || !name[0])
        return false;
    bool scoped = ns && ns[0];
    int n = snprintf(out, OBJECT_KEY_MAX, "%s%s%s", scoped ? ns : "", scoped ? "/" : "", name);
    return n > 0 && n < OBJECT_KEY_MAX;
}

uint64_t kube_object_rv(const char *rv)
{
    uint64_t v;
    return rv && str_to_u64(str_of(rv), &v) == 0 ? v : 0;
}

cJSON *kube_owner_ref(const cJSON *owner, const struct kube_resource *r, bool controller)
{
    char api_version[128];
    ATOLL_ASSERT(kube_uid(owner)[0]); /* the server would collect the dependent at once */
    cJSON *ref = cJSON_CreateObject();
    json_put_str(ref, kube_api_version(r, api_version), "apiVersion");
    json_put_str(ref, r->kind, "kind");
    json_put_str(ref, kube_name(owner), "name");
    json_put_str(ref, kube_uid(owner), "uid");
    if (controller) {
        json_put_bool(ref, true, "controller");
        json_put_bool(ref, true, "blockOwnerDeletion");
    }
    return ref;
}
