/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do for a PersistentVolumeClaim and for a PersistentVolume of this node. Pure. The node is
 * the provisioner, the binder and the owner of the directories behind them; a claim is bound as
 * soon as it is seen.
 */
#ifndef ATOLL_NODE_CLAIM_H
#define ATOLL_NODE_CLAIM_H

#include "base/json.h"

#define CLAIM_PROVISIONER   "node.atoll.io"
#define CLAIM_PVC_FINALIZER "kubernetes.io/pvc-protection"
#define CLAIM_PV_FINALIZER  "kubernetes.io/pv-protection"

enum claim_step {
    CLAIM_NOTHING,
    CLAIM_REFUSE,    /* this node cannot offer it: a sentence for an Event */
    CLAIM_CREATE_PV, /* body: the PersistentVolume */
    CLAIM_PATCH_PV,  /* merge patch */
    CLAIM_PATCH_PVC, /* merge patch */
    CLAIM_PATCH_PVC_STATUS,
    CLAIM_PATCH_PV_STATUS,
    CLAIM_ASK_PVC, /* PV: its claim seems gone; ask the API itself before anything is removed */
    CLAIM_REMOVE,  /* PV: the claim is gone for certain: remove the directory, then the object */
    CLAIM_DELETE_PV,
};
struct claim_plan {
    enum claim_step step;
    cJSON *body;         /* of CREATE and PATCH; heap, the caller's */
    const char *message; /* of REFUSE; arena */
};
struct claim_place {
    const char *node, *dir; /* volumes live in dir/NAME */
};

/* `pv`: the volume the claim names or, while it names none, the one that was made for it; NULL.
 * `used`: a Pod that has not ended refers to it. */
void claim_plan_pvc(const cJSON *pvc, const cJSON *pv, bool used, const struct claim_place *place,
                    struct arena *a, struct claim_plan *ret);
/* `pvc`: the claim with the name in claimRef as the cache has it; NULL. `gone`: the API itself said
 * that the claim is gone. `removed`: the directory is. */
void claim_plan_pv(const cJSON *pv, const cJSON *pvc, bool gone, bool removed,
                   struct claim_plan *ret);
/* Is this volume one we made? */
bool claim_pv_ours(const cJSON *pv);
const char *claim_pv_name(const cJSON *pvc, struct arena *a);

#endif
