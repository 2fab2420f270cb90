/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.conditions: {type, status, reason, message, observedGeneration, lastTransitionTime}. A
 * condition is only rewritten when it says something new, and its transition time moves only when
 * its status does, so that a converged object costs no write.
 */
#ifndef ATOLL_API_CONDITIONS_H
#define ATOLL_API_CONDITIONS_H

#include "base/json.h"

/* Types. KubeBlocks' own, then ours. */
#define CONDITION_PROVISIONING   "ProvisioningStarted"
#define CONDITION_APPLIED        "ApplyResources"
#define CONDITION_READY          "Ready"
#define CONDITION_AVAILABLE      "Available"
#define CONDITION_PROGRESSING    "Progressing"
#define CONDITION_HEALTHY        "Healthy"
#define CONDITION_ACCOUNTS       "SystemAccountProvision"
#define CONDITION_ITS_READY      "InstanceReady"
#define CONDITION_ITS_AVAILABLE  "InstanceAvailable"
#define CONDITION_ITS_FAILURE    "InstanceFailure"
#define CONDITION_ITS_RESTRICTED "InstanceUpdateRestricted"
#define CONDITION_DELETION       "DeletionAllowed" /* False: terminationPolicy refuses it */
#define CONDITION_WIRED          "Wired"           /* the engine's advice is carried out */
#define CONDITION_ENGINE         "EngineAvailable"

enum condition_status { CONDITION_FALSE, CONDITION_TRUE, CONDITION_UNKNOWN };

/* Set one in `list` (an array tree). `now` is the RFC 3339 text for a transition. */
void condition_set(cJSON *list, const char *type, enum condition_status status, const char *reason,
                   const char *message, int64_t generation, const char *now);
void condition_remove(cJSON *list, const char *type);
/* A copy of status.conditions of an object, an empty array when it has none. */
cJSON *conditions_copy(const cJSON *object);
const cJSON *condition_find(const cJSON *object, const char *type);
bool condition_is(const cJSON *object, const char *type, enum condition_status status);

#endif
