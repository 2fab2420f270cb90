/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and volumes as decisions: one step at a time until both sides agree, and data only removed
 * for certain. */
#include "unit/cm.h"

#include <string.h>

#include "node/claim.h"

static const struct claim_place place = {"n1", "/state/volumes"};

struct world {
    cJSON *pvc, *pv;
    bool used, gone, removed;
    struct arena *arena;
};

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    w->arena = arena_new(1 << 20);
    w->pvc = cJSON_Parse(
        "{\"metadata\":{\"name\":\"data\",\"namespace\":\"ns\",\"uid\":\"U\",\"resourceVersion\":"
        "\"7\",\"finalizers\":[\"other/x\"]},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
        "\"storageClassName\":\"fast\",\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    cJSON_Delete(w->pvc);
    cJSON_Delete(w->pv);
    arena_free(w->arena);
    mem_free(w);
    return 0;
}

/* Plan for the claim, apply the patch as the API would; returns the step. */
static enum claim_step claim_turn(struct world *w)
{
    struct claim_plan p;
    claim_plan_pvc(w->pvc, w->pv, w->used, &place, w->arena, &p);
    if (p.step == CLAIM_CREATE_PV) {
        w->pv = p.body;
        json_put_str(w->pv, "1", "metadata", "resourceVersion");
        json_put_str(w->pv, "Pending", "status", "phase");
        return p.step;
    }
    if (p.step == CLAIM_PATCH_PVC || p.step == CLAIM_PATCH_PVC_STATUS)
        w->pvc = json_merge_patch(w->pvc, p.body);
    else if (p.step == CLAIM_PATCH_PV)
        w->pv = json_merge_patch(w->pv, p.body);
    cJSON_Delete(p.body);
    return p.step;
}

static enum claim_step volume_turn(struct world *w, const cJSON *pvc)
{
    struct claim_plan p;
    claim_plan_pv(w->pv, pvc, w->gone, w->removed, &p);
    if (p.body)
        w->pv = json_merge_patch(w->pv, p.body);
    cJSON_Delete(p.body);
    return p.step;
}

static void bound(struct world *w)
{
    assert_int_equal(claim_turn(w), CLAIM_CREATE_PV);
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PVC);
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PVC_STATUS);
    assert_int_equal(claim_turn(w), CLAIM_NOTHING);
    assert_int_equal(volume_turn(w, w->pvc), CLAIM_PATCH_PV_STATUS);
    assert_int_equal(volume_turn(w, w->pvc), CLAIM_NOTHING);
}

static void binding(void **state)
{
    struct world *w = *state;
    bound(w);
    assert_string_equal(json_str(w->pv, "metadata", "name"), "pvc-U");
    assert_string_equal(json_str(w->pv, "spec", "local", "path"), "/state/volumes/pvc-U");
    assert_string_equal(json_str(w->pv, "spec", "storageClassName"), "fast");
    assert_string_equal(json_str(w->pv, "status", "phase"), "Bound");
    assert_string_equal(json_str(w->pvc, "spec", "volumeName"), "pvc-U");
    assert_string_equal(json_str(w->pvc, "status", "phase"), "Bound");
    assert_string_equal(json_str(w->pvc, "status", "capacity", "storage"), "1Gi");
    assert_true(json_array_has(json_at(w->pvc, "metadata", "finalizers"), "other/x"));
    assert_true(json_array_has(json_at(w->pvc, "metadata", "finalizers"), CLAIM_PVC_FINALIZER));
    /* The form of a quantity is no difference; a larger request is. */
    json_put_str(w->pvc, "1024Mi", "spec", "resources", "requests", "storage");
    assert_int_equal(claim_turn(w), CLAIM_NOTHING);
    json_put_str(w->pvc, "2Gi", "spec", "resources", "requests", "storage");
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PV);
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PVC_STATUS);
    assert_int_equal(claim_turn(w), CLAIM_NOTHING);
    assert_string_equal(json_str(w->pvc, "status", "capacity", "storage"), "2Gi");
}

static void deletion(void **state)
{
    struct world *w = *state;
    bound(w);
    json_put_str(w->pvc, "now", "metadata", "deletionTimestamp");
    w->used = true;
    assert_int_equal(claim_turn(w), CLAIM_NOTHING); /* a Pod still has it */
    w->used = false;
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PVC);
    assert_false(json_array_has(json_at(w->pvc, "metadata", "finalizers"), CLAIM_PVC_FINALIZER));
    assert_int_equal(claim_turn(w), CLAIM_NOTHING);
    /* The cache has no claim any more: the API is asked, nothing is removed on the word of a cache.
     */
    assert_int_equal(volume_turn(w, NULL), CLAIM_ASK_PVC);
    w->gone = true;
    assert_int_equal(volume_turn(w, NULL), CLAIM_REMOVE);
    w->removed = true;
    assert_int_equal(volume_turn(w, NULL), CLAIM_DELETE_PV);
    json_put_str(w->pv, "now", "metadata", "deletionTimestamp");
    assert_int_equal(volume_turn(w, NULL), CLAIM_PATCH_PV);
    assert_int_equal(cJSON_GetArraySize(json_at(w->pv, "metadata", "finalizers")), 0);
    assert_int_equal(volume_turn(w, NULL), CLAIM_NOTHING);
}

static void another_claim_of_that_name(void **state)
{
    struct world *w = *state;
    bound(w);
    json_put_str(w->pvc, "OTHER", "metadata", "uid");
    assert_int_equal(volume_turn(w, w->pvc), CLAIM_ASK_PVC);
}

static void data_stays(void **state)
{
    struct world *w = *state;
    bound(w);
    w->gone = true;
    json_put_str(w->pv, "Retain", "spec", "persistentVolumeReclaimPolicy");
    assert_int_equal(volume_turn(w, NULL), CLAIM_PATCH_PV_STATUS);
    assert_string_equal(json_str(w->pv, "status", "phase"), "Released");
    assert_int_equal(volume_turn(w, NULL), CLAIM_NOTHING);
    json_put_str(w->pv, "Delete", "spec", "persistentVolumeReclaimPolicy");
    json_del(w->pv, "metadata", "annotations"); /* not one of ours */
    assert_int_equal(volume_turn(w, NULL), CLAIM_NOTHING);
    /* Somebody deletes the volume of a living claim: it waits for the claim. */
    json_put_str(w->pv, CLAIM_PROVISIONER, "metadata", "annotations",
                 "pv.kubernetes.io/provisioned-by");
    json_put_str(w->pv, "now", "metadata", "deletionTimestamp");
    w->gone = false;
    assert_int_equal(volume_turn(w, w->pvc), CLAIM_PATCH_PV_STATUS);
    assert_int_equal(volume_turn(w, w->pvc), CLAIM_NOTHING);
}

static void by_hand(void **state)
{
    struct world *w = *state;
    json_put_str(w->pvc, "mine", "spec", "volumeName");
    assert_int_equal(claim_turn(w), CLAIM_NOTHING); /* not there yet */
    w->pv = cJSON_Parse("{\"metadata\":{\"name\":\"mine\"},\"spec\":{\"capacity\":{\"storage\":"
                        "\"5Gi\"},\"accessModes\":"
                        "[\"ReadWriteMany\"],\"local\":{\"path\":\"/x\"}}}");
    assert_int_equal(volume_turn(w, NULL), CLAIM_PATCH_PV_STATUS);
    assert_string_equal(json_str(w->pv, "status", "phase"), "Available");
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PV);
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PVC);
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PVC_STATUS);
    assert_int_equal(claim_turn(w), CLAIM_NOTHING);
    assert_string_equal(json_str(w->pvc, "status", "capacity", "storage"), "5Gi");
    /* A volume of another claim is not taken. */
    json_put_str(w->pv, "SOMEBODY", "spec", "claimRef", "uid");
    json_del(w->pvc, "status");
    assert_int_equal(claim_turn(w), CLAIM_NOTHING);
}

static void refused(void **state)
{
    struct world *w = *state;
    struct claim_plan p;
    json_put_str(w->pvc, "Block", "spec", "volumeMode");
    claim_plan_pvc(w->pvc, NULL, false, &place, w->arena, &p);
    assert_int_equal(p.step, CLAIM_REFUSE);
    assert_string_equal(p.message,
                        "claim data: volumeMode Block is not offered by this node: use Filesystem");
}

static void lost(void **state)
{
    struct world *w = *state;
    bound(w);
    cJSON_Delete(w->pv);
    w->pv = NULL;
    json_put_str(w->pvc, "yes", "metadata", "annotations", "pv.kubernetes.io/bind-completed");
    assert_int_equal(claim_turn(w), CLAIM_PATCH_PVC_STATUS);
    assert_string_equal(json_str(w->pvc, "status", "phase"), "Lost");
    assert_int_equal(claim_turn(w), CLAIM_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(binding, setup, teardown),
        cmocka_unit_test_setup_teardown(deletion, setup, teardown),
        cmocka_unit_test_setup_teardown(another_claim_of_that_name, setup, teardown),
        cmocka_unit_test_setup_teardown(data_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(by_hand, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
        cmocka_unit_test_setup_teardown(lost, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
