/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims and volumes, decided. Data is removed for one reason only: the claim a volume was made for
 * is gone, the API said so when asked (not only a cache), the policy is Delete, and the volume is
 * ours.
 */
#include "node/claim.h"

#include "base/quantity.h"

static const char *text_at(const cJSON *o, const char *key)
{
    return json_str(o, "metadata", key);
}

static bool has_finalizer(const cJSON *o, const char *name)
{
    return json_array_has(json_at(o, "metadata", "finalizers"), name);
}

bool claim_pv_ours(const cJSON *pv)
{
    return streq(json_str(pv, "metadata", "annotations", "pv.kubernetes.io/provisioned-by"),
                 CLAIM_PROVISIONER);
}

const char *claim_pv_name(const cJSON *pvc, struct arena *a)
{
    return arena_printf(a, "pvc-%s", text_at(pvc, "uid"));
}

static struct claim_plan plan(enum claim_step step, cJSON *body)
{
    return (struct claim_plan){.step = step, .body = body};
}

/* A merge patch that holds for this version of the object alone: finalizers are replaced as a
 * whole. */
static cJSON *finalizers_patch(const cJSON *o, const char *name, bool add)
{
    cJSON *patch = cJSON_CreateObject(), *list = cJSON_CreateArray();
    json_foreach (f, json_at(o, "metadata", "finalizers"))
        if (!streq(f->valuestring, name))
            cJSON_AddItemToArray(list, cJSON_CreateString(f->valuestring));
    if (add)
        cJSON_AddItemToArray(list, cJSON_CreateString(name));
    json_put(patch, list, "metadata", "finalizers");
    json_put_str(patch, text_at(o, "resourceVersion"), "metadata", "resourceVersion");
    return patch;
}

/* ---- claims -------------------------------------------------------------------------------------
 */

static const char *refusal(const cJSON *pvc, struct arena *a)
{
    const char *mode = json_str(pvc, "spec", "volumeMode");
    if (streq(mode, "Block"))
        return arena_printf(
            a, "claim %s: volumeMode Block is not offered by this node: use Filesystem",
            text_at(pvc, "name"));
    if (json_at(pvc, "spec", "dataSource") || json_at(pvc, "spec", "dataSourceRef"))
        return arena_printf(a, "claim %s: dataSource is not offered by this node",
                            text_at(pvc, "name"));
    if (json_at(pvc, "spec", "selector"))
        return arena_printf(
            a, "claim %s: selector is not offered by this node: name the volume in volumeName",
            text_at(pvc, "name"));
    return NULL;
}

static cJSON *claim_ref(const cJSON *pvc)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, "v1", "apiVersion");
    json_put_str(o, "PersistentVolumeClaim", "kind");
    json_put_str(o, text_at(pvc, "namespace"), "namespace");
    json_put_str(o, text_at(pvc, "name"), "name");
    json_put_str(o, text_at(pvc, "uid"), "uid");
    return o;
}

static cJSON *node_affinity(const char *node)
{
    cJSON *expression = cJSON_CreateObject(), *values = cJSON_CreateArray(),
          *list = cJSON_CreateArray();
    cJSON *term = cJSON_CreateObject(), *terms = cJSON_CreateArray(), *o = cJSON_CreateObject();
    cJSON_AddItemToArray(values, cJSON_CreateString(node));
    json_put_str(expression, "kubernetes.io/hostname", "key");
    json_put_str(expression, "In", "operator");
    json_put(expression, values, "values");
    cJSON_AddItemToArray(list, expression);
    json_put(term, list, "matchExpressions");
    cJSON_AddItemToArray(terms, term);
    json_put(o, terms, "required", "nodeSelectorTerms");
    return o;
}

static cJSON *pv_new(const cJSON *pvc, const struct claim_place *place, struct arena *a)
{
    const char *name = claim_pv_name(pvc, a), *class = json_str(pvc, "spec", "storageClassName");
    const char *size = json_str(pvc, "spec", "resources", "requests", "storage");
    cJSON *o = cJSON_CreateObject(), *finalizers = cJSON_CreateArray();
    json_put_str(o, "v1", "apiVersion");
    json_put_str(o, "PersistentVolume", "kind");
    json_put_str(o, name, "metadata", "name");
    json_put_str(o, CLAIM_PROVISIONER, "metadata", "annotations",
                 "pv.kubernetes.io/provisioned-by");
    cJSON_AddItemToArray(finalizers, cJSON_CreateString(CLAIM_PV_FINALIZER));
    json_put(o, finalizers, "metadata", "finalizers");
    json_put(o, cJSON_Duplicate(json_at(pvc, "spec", "accessModes"), true), "spec", "accessModes");
    json_put_str(o, size ? size : "1Gi", "spec", "capacity", "storage");
    json_put(o, claim_ref(pvc), "spec", "claimRef");
    json_put_str(o, "Delete", "spec", "persistentVolumeReclaimPolicy");
    json_put_str(o, class ? class : "", "spec", "storageClassName");
    json_put_str(o, "Filesystem", "spec", "volumeMode");
    json_put_str(o, arena_printf(a, "%s/%s", place->dir, name), "spec", "local", "path");
    json_put(o, node_affinity(place->node), "spec", "nodeAffinity");
    return o;
}

static bool bound_to(const cJSON *pv, const cJSON *pvc)
{
    const cJSON *ref = json_at(pv, "spec", "claimRef");
    return streq(json_str(ref, "uid"), text_at(pvc, "uid"));
}

/* A volume made by hand for this claim: no claimRef yet, or one without a uid. */
static bool open_for(const cJSON *pv, const cJSON *pvc)
{
    const cJSON *ref = json_at(pv, "spec", "claimRef");
    return !ref || (!json_str(ref, "uid") && streq(json_str(ref, "name"), text_at(pvc, "name")) &&
                    streq(json_str(ref, "namespace"), text_at(pvc, "namespace")));
}

static cJSON *bind_patch(const cJSON *pvc, const char *pv_name)
{
    cJSON *patch = finalizers_patch(pvc, CLAIM_PVC_FINALIZER, true);
    json_put_str(patch, "yes", "metadata", "annotations", "pv.kubernetes.io/bind-completed");
    json_put_str(patch, pv_name, "spec", "volumeName");
    return patch;
}

static bool same_quantity(const char *x, const char *y)
{
    int64_t a, b;
    if (!x || !y || quantity_parse(x, &a, NULL) || quantity_parse(y, &b, NULL))
        return streq(x, y);
    return a == b;
}

/* The claim names its volume, which is there and its own: make both say so, and let it grow. */
static struct claim_plan plan_bound(const cJSON *pvc, const cJSON *pv)
{
    const char *want = json_str(pvc, "spec", "resources", "requests", "storage");
    const char *have = json_str(pv, "spec", "capacity", "storage");
    if (!has_finalizer(pvc, CLAIM_PVC_FINALIZER))
        return plan(CLAIM_PATCH_PVC, finalizers_patch(pvc, CLAIM_PVC_FINALIZER, true));
    if (want && claim_pv_ours(pv) && !same_quantity(want, have)) {
        cJSON *patch = cJSON_CreateObject(); /* directories have no size: growing is a word */
        json_put_str(patch, want, "spec", "capacity", "storage");
        return plan(CLAIM_PATCH_PV, patch);
    }
    if (streq(json_str(pvc, "status", "phase"), "Bound") &&
        same_quantity(json_str(pvc, "status", "capacity", "storage"), have))
        return plan(CLAIM_NOTHING, NULL);
    cJSON *patch = cJSON_CreateObject();
    json_put_str(patch, "Bound", "status", "phase");
    if (json_at(pv, "spec", "accessModes"))
        json_put(patch, cJSON_Duplicate(json_at(pv, "spec", "accessModes"), true), "status",
                 "accessModes");
    if (have)
        json_put_str(patch, have, "status", "capacity", "storage");
    return plan(CLAIM_PATCH_PVC_STATUS, patch);
}

void claim_plan_pvc(const cJSON *pvc, const cJSON *pv, bool used, const struct claim_place *place,
                    struct arena *a, struct claim_plan *ret)
{
    const char *named = json_str(pvc, "spec", "volumeName"), *why;
    *ret = plan(CLAIM_NOTHING, NULL);
    if (json_at(pvc, "metadata", "deletionTimestamp")) {
        if (!used && has_finalizer(pvc, CLAIM_PVC_FINALIZER))
            *ret = plan(CLAIM_PATCH_PVC, finalizers_patch(pvc, CLAIM_PVC_FINALIZER, false));
    } else if (named && pv && bound_to(pv, pvc)) {
        *ret = plan_bound(pvc, pv);
    } else if (named && pv && open_for(pv, pvc)) {
        cJSON *patch = cJSON_CreateObject();
        json_put(patch, claim_ref(pvc), "spec", "claimRef");
        *ret = plan(CLAIM_PATCH_PV, patch);
    } else if (named) {
        bool lost = json_str(pvc, "metadata", "annotations", "pv.kubernetes.io/bind-completed") &&
                    !streq(json_str(pvc, "status", "phase"), "Lost");
        if (lost) {
            cJSON *patch = cJSON_CreateObject();
            json_put_str(patch, "Lost", "status", "phase");
            *ret = plan(CLAIM_PATCH_PVC_STATUS, patch);
        }
    } else if ((why = refusal(pvc, a))) {
        ret->step = CLAIM_REFUSE;
        ret->message = why;
    } else if (!pv) {
        *ret = plan(CLAIM_CREATE_PV, pv_new(pvc, place, a));
    } else {
        *ret = plan(CLAIM_PATCH_PVC, bind_patch(pvc, text_at(pv, "name")));
    }
}

/* ---- volumes ------------------------------------------------------------------------------------
 */

static struct claim_plan pv_phase(const cJSON *pv, const char *phase)
{
    if (streq(json_str(pv, "status", "phase"), phase))
        return plan(CLAIM_NOTHING, NULL);
    cJSON *patch = cJSON_CreateObject();
    json_put_str(patch, phase, "status", "phase");
    return plan(CLAIM_PATCH_PV_STATUS, patch);
}

static struct claim_plan plan_released(const cJSON *pv, bool removed)
{
    bool dying = json_at(pv, "metadata", "deletionTimestamp") != NULL;
    bool delete =
        streq(json_str(pv, "spec", "persistentVolumeReclaimPolicy"), "Delete") && claim_pv_ours(pv);
    if (delete &&!removed)
        return plan(CLAIM_REMOVE, NULL);
    if (delete &&!dying)
        return plan(CLAIM_DELETE_PV, NULL);
    if (dying &&
        has_finalizer(pv, CLAIM_PV_FINALIZER)) /* Retain: the directory stays, the object may go */
        return plan(CLAIM_PATCH_PV, finalizers_patch(pv, CLAIM_PV_FINALIZER, false));
    return dying ? plan(CLAIM_NOTHING, NULL) : pv_phase(pv, "Released");
}

void claim_plan_pv(const cJSON *pv, const cJSON *pvc, bool gone, bool removed,
                   struct claim_plan *ret)
{
    const char *uid = json_str(pv, "spec", "claimRef", "uid");
    bool dying = json_at(pv, "metadata", "deletionTimestamp") != NULL;
    if (!uid) {
        bool free_to_go =
            dying && has_finalizer(pv, CLAIM_PV_FINALIZER) && !json_at(pv, "spec", "claimRef");
        *ret = free_to_go ? plan(CLAIM_PATCH_PV, finalizers_patch(pv, CLAIM_PV_FINALIZER, false))
               : dying    ? plan(CLAIM_NOTHING, NULL)
                          : pv_phase(pv, "Available");
        return;
    }
    if (pvc && streq(text_at(pvc, "uid"), uid)) {
        bool named = streq(json_str(pvc, "spec", "volumeName"), text_at(pv, "name"));
        *ret = named ? pv_phase(pv, "Bound") : plan(CLAIM_NOTHING, NULL);
        return;
    }
    *ret = gone ? plan_released(pv, removed) : plan(CLAIM_ASK_PVC, NULL);
}
