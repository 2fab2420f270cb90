/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this Pod run on this node? Pure. Looked at: nodeSelector, required node affinity, taints and
 * tolerations, spec.unschedulable, and whether its requests fit. Not looked at: Pod (anti-)affinity
 * and topology spread, which a single machine can only ignore or refuse; it ignores them.
 */
#ifndef ATOLL_NODE_SCHEDULE_H
#define ATOLL_NODE_SCHEDULE_H

#include "base/json.h"

struct demand {
    int64_t cpu_milli, memory;
    int64_t pods; /* 1 for a Pod; the sum for a node */
};
/* What a Pod asks for: its containers together, or the largest init container when that is more. */
struct demand schedule_demand(const cJSON *pod);
/* NULL when it fits; else the sentence, arena string. `room`: what is left. */
const char *schedule_refusal(const cJSON *pod, const cJSON *node, const struct demand *room,
                             struct arena *a);
/* A Pod this scheduler is asked to place: not bound, not being deleted, no gates, the default
 * scheduler's name. */
bool schedule_wanted(const cJSON *pod);

#endif
