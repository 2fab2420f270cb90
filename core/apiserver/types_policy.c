/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PodDisruptionBudget and Eviction of policy/v1.
 */
#include <string.h>

#include "apiserver/types_rows.h"

static const struct type_field pod_disruption_budget_spec_rows[] = {
    ROW_INT_OR_STRING("minAvailable", 1, 0,
                      .help = "Pods that must stay available, as a number or percentage."),
    ROW_OBJ("selector", 2, 0, &TYPE_LABEL_SELECTOR, .help = "Pods the budget is about."),
    ROW_INT_OR_STRING("maxUnavailable", 3, 0,
                      .help = "Pods that may be unavailable, as a number or percentage."),
    ROW_STR("unhealthyPodEvictionPolicy", 4, 0, .allowed = "AlwaysAllow|IfHealthyBudget"),
    ROW_END,
};
static const struct type TYPE_POD_DISRUPTION_BUDGET_SPEC = {.name = "PodDisruptionBudgetSpec",
                                                            .package = "io.k8s.api.policy.v1",
                                                            .fields =
                                                                pod_disruption_budget_spec_rows};

static const struct type_field pod_disruption_budget_status_rows[] = {
    ROW_LONG("observedGeneration", 1, TF_OMIT_ZERO),
    ROW_MAP("disruptedPods", 2, 0, T_TIME),
    ROW_INT("disruptionsAllowed", 3, 0, .def = "0", .help = "Evictions allowed now."),
    ROW_INT("currentHealthy", 4, 0, .def = "0"),
    ROW_INT("desiredHealthy", 5, 0, .def = "0"),
    ROW_INT("expectedPods", 6, 0, .def = "0"),
    ROW_LIST("conditions", 7, 0, &TYPE_CONDITION, .merge_key = "type"),
    ROW_END,
};
static const struct type TYPE_POD_DISRUPTION_BUDGET_STATUS = {
    .name = "PodDisruptionBudgetStatus",
    .package = "io.k8s.api.policy.v1",
    .fields = pod_disruption_budget_status_rows};

static const struct type_field pod_disruption_budget_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_POD_DISRUPTION_BUDGET_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_POD_DISRUPTION_BUDGET_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_POD_DISRUPTION_BUDGET = {
    .name = "PodDisruptionBudget",
    .package = "io.k8s.api.policy.v1",
    .fields = pod_disruption_budget_rows,
    .check = budget_check,
    .help = "How many pods of a set may be disrupted at a time."};

static const struct type_field eviction_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("deleteOptions", 2, 0, &TYPE_DELETE_OPTIONS),
    ROW_END,
};
const struct type TYPE_EVICTION = {.name = "Eviction",
                                   .package = "io.k8s.api.policy.v1",
                                   .fields = eviction_rows,
                                   .help =
                                       "Asks for the removal of a pod if its budgets allow it."};

/* --- rules ---------------------------------------------------------------------------------- */

/* A number from 0, or a percentage from 0% to 100%. */
static void check_share(const cJSON *spec, const char *name, struct causes *c)
{
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(spec, name);
    char field[CAUSE_FIELD_MAX];
    type_check_range(spec, "spec", name, 0, INT64_MAX, c);
    if (!cJSON_IsString(j))
        return;
    struct str text = str_of(j->valuestring);
    int64_t n = -1;
    bool percent = text.len > 1 && text.ptr[text.len - 1] == '%';
    text.len -= percent ? 1 : 0;
    if (!percent || str_to_i64(text, &n) || n < 0 || n > 100)
        causes_invalid_json(
            c, type_path(field, "spec", "%s", name), j,
            "a valid percent string must be a number from 0 to 100 followed by '%'");
}

void budget_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *spec = json_at(obj, "spec");
    (void)old;
    (void)path;
    if (json_at(spec, "minAvailable") && json_at(spec, "maxUnavailable"))
        causes_invalid_json(c, "spec", spec, "minAvailable and maxUnavailable cannot be both set");
    check_share(spec, "minAvailable", c);
    check_share(spec, "maxUnavailable", c);
}
