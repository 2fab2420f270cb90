/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job and CronJob of batch/v1.
 */
#include <string.h>

#include "apiserver/types_rows.h"

static const struct type_field pod_failure_policy_on_exit_codes_requirement_rows[] = {
    ROW_STR("containerName", 1, 0),
    ROW_STR("operator", 2, 0, .def = "\"\""),
    ROW_SCALARS("values", 3, 0, T_INT32),
    ROW_END,
};
static const struct type TYPE_POD_FAILURE_POLICY_ON_EXIT_CODES_REQUIREMENT = {
    .name = "PodFailurePolicyOnExitCodesRequirement",
    .package = "io.k8s.api.batch.v1",
    .fields = pod_failure_policy_on_exit_codes_requirement_rows};

static const struct type_field pod_failure_policy_on_pod_conditions_pattern_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),
    ROW_STR("status", 2, 0, .def = "\"\""),
    ROW_END,
};
static const struct type TYPE_POD_FAILURE_POLICY_ON_POD_CONDITIONS_PATTERN = {
    .name = "PodFailurePolicyOnPodConditionsPattern",
    .package = "io.k8s.api.batch.v1",
    .fields = pod_failure_policy_on_pod_conditions_pattern_rows};

static const struct type_field pod_failure_policy_rule_rows[] = {
    ROW_STR("action", 1, 0, .def = "\"\""),
    ROW_OBJ("onExitCodes", 2, 0, &TYPE_POD_FAILURE_POLICY_ON_EXIT_CODES_REQUIREMENT),
    ROW_LIST("onPodConditions", 3, 0, &TYPE_POD_FAILURE_POLICY_ON_POD_CONDITIONS_PATTERN),
    ROW_END,
};
static const struct type TYPE_POD_FAILURE_POLICY_RULE = {.name = "PodFailurePolicyRule",
                                                         .package = "io.k8s.api.batch.v1",
                                                         .fields = pod_failure_policy_rule_rows};

static const struct type_field pod_failure_policy_rows[] = {
    ROW_LIST("rules", 1, 0, &TYPE_POD_FAILURE_POLICY_RULE),
    ROW_END,
};
static const struct type TYPE_POD_FAILURE_POLICY = {.name = "PodFailurePolicy",
                                                    .package = "io.k8s.api.batch.v1",
                                                    .fields = pod_failure_policy_rows};

static const struct type_field success_policy_rule_rows[] = {
    ROW_STR("succeededIndexes", 1, 0),
    ROW_INT("succeededCount", 2, 0),
    ROW_END,
};
static const struct type TYPE_SUCCESS_POLICY_RULE = {.name = "SuccessPolicyRule",
                                                     .package = "io.k8s.api.batch.v1",
                                                     .fields = success_policy_rule_rows};

static const struct type_field success_policy_rows[] = {
    ROW_LIST("rules", 1, 0, &TYPE_SUCCESS_POLICY_RULE),
    ROW_END,
};
static const struct type TYPE_SUCCESS_POLICY = {
    .name = "SuccessPolicy", .package = "io.k8s.api.batch.v1", .fields = success_policy_rows};

static const struct type_field job_spec_rows[] = {
    ROW_INT("parallelism", 1, 0, .help = "Pods that may run at the same time."),
    ROW_INT("completions", 2, 0, .help = "Pods that must succeed."),
    ROW_LONG("activeDeadlineSeconds", 3, 0, .help = "Seconds after which the job has failed."),
    ROW_OBJ("podFailurePolicy", 11, 0, &TYPE_POD_FAILURE_POLICY),
    ROW_OBJ("successPolicy", 16, 0, &TYPE_SUCCESS_POLICY),
    ROW_INT("backoffLimit", 7, 0, .def = "6", .help = "Retries before the job has failed."),
    ROW_INT("backoffLimitPerIndex", 12, 0),
    ROW_INT("maxFailedIndexes", 13, 0),
    ROW_OBJ("selector", 4, 0, &TYPE_LABEL_SELECTOR),
    ROW_BOOL("manualSelector", 5, 0, .def = "false"),
    ROW_OBJ("template", 6, TF_REQUIRED, &TYPE_POD_TEMPLATE_SPEC, .help = "Pod that does the work."),
    ROW_INT("ttlSecondsAfterFinished", 8, 0,
            .help = "Seconds after which the finished job is removed."),
    ROW_STR("completionMode", 9, 0, .def = "\"NonIndexed\"", .allowed = "Indexed|NonIndexed"),
    ROW_BOOL("suspend", 10, 0, .def = "false",
             .help = "True stops the job without losing its place."),
    ROW_STR("podReplacementPolicy", 14, 0, .allowed = "Failed|TerminatingOrFailed"),
    ROW_STR("managedBy", 15, 0),
    ROW_END,
};
static const struct type TYPE_JOB_SPEC = {
    .name = "JobSpec", .package = "io.k8s.api.batch.v1", .fields = job_spec_rows};

static const struct type_field job_condition_rows[] = {
    ROW_STR("type", 1, 0, .def = "\"\""),
    ROW_STR("status", 2, 0, .def = "\"\""),
    ROW_TIME("lastProbeTime", 3, TF_NULL),
    ROW_TIME("lastTransitionTime", 4, TF_NULL),
    ROW_STR("reason", 5, TF_OMIT_ZERO),
    ROW_STR("message", 6, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_JOB_CONDITION = {
    .name = "JobCondition", .package = "io.k8s.api.batch.v1", .fields = job_condition_rows};

static const struct type_field uncounted_terminated_pods_rows[] = {
    ROW_SCALARS("succeeded", 1, 0, T_STRING),
    ROW_SCALARS("failed", 2, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_UNCOUNTED_TERMINATED_PODS = {.name = "UncountedTerminatedPods",
                                                           .package = "io.k8s.api.batch.v1",
                                                           .fields =
                                                               uncounted_terminated_pods_rows};

static const struct type_field job_status_rows[] = {
    ROW_LIST("conditions", 1, 0, &TYPE_JOB_CONDITION, .merge_key = "type"),
    ROW_TIME("startTime", 2, 0),
    ROW_TIME("completionTime", 3, 0),
    ROW_INT("active", 4, TF_OMIT_ZERO),
    ROW_INT("succeeded", 5, TF_OMIT_ZERO),
    ROW_INT("failed", 6, TF_OMIT_ZERO),
    ROW_INT("terminating", 11, 0),
    ROW_STR("completedIndexes", 7, TF_OMIT_ZERO),
    ROW_STR("failedIndexes", 10, 0),
    ROW_OBJ("uncountedTerminatedPods", 8, 0, &TYPE_UNCOUNTED_TERMINATED_PODS),
    ROW_INT("ready", 9, 0),
    ROW_END,
};
static const struct type TYPE_JOB_STATUS = {
    .name = "JobStatus", .package = "io.k8s.api.batch.v1", .fields = job_status_rows};

static const struct type_field job_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_JOB_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_JOB_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_JOB = {.name = "Job",
                              .package = "io.k8s.api.batch.v1",
                              .fields = job_rows,
                              .def = job_default,
                              .check = job_check,
                              .help = "Pods that run to their end."};

static const struct type_field job_template_spec_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_JOB_SPEC, .def = "{}"),
    ROW_END,
};
static const struct type TYPE_JOB_TEMPLATE_SPEC = {
    .name = "JobTemplateSpec", .package = "io.k8s.api.batch.v1", .fields = job_template_spec_rows};

static const struct type_field cron_job_spec_rows[] = {
    ROW_STR("schedule", 1, TF_REQUIRED, .help = "When to run, in cron format."),
    ROW_STR("timeZone", 8, 0),
    ROW_LONG("startingDeadlineSeconds", 2, 0),
    ROW_STR("concurrencyPolicy", 3, TF_OMIT_ZERO, .def = "\"Allow\"",
            .allowed = "Allow|Forbid|Replace",
            .help = "What happens when the last run is still going on."),
    ROW_BOOL("suspend", 4, 0, .def = "false"),
    ROW_OBJ("jobTemplate", 5, 0, &TYPE_JOB_TEMPLATE_SPEC, .def = "{}",
            .help = "Job made at each run."),
    ROW_INT("successfulJobsHistoryLimit", 6, 0, .def = "3"),
    ROW_INT("failedJobsHistoryLimit", 7, 0, .def = "1"),
    ROW_END,
};
static const struct type TYPE_CRON_JOB_SPEC = {
    .name = "CronJobSpec", .package = "io.k8s.api.batch.v1", .fields = cron_job_spec_rows};

static const struct type_field cron_job_status_rows[] = {
    ROW_LIST("active", 1, 0, &TYPE_OBJECT_REFERENCE),
    ROW_TIME("lastScheduleTime", 4, 0),
    ROW_TIME("lastSuccessfulTime", 5, 0),
    ROW_END,
};
static const struct type TYPE_CRON_JOB_STATUS = {
    .name = "CronJobStatus", .package = "io.k8s.api.batch.v1", .fields = cron_job_status_rows};

static const struct type_field cron_job_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_CRON_JOB_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_CRON_JOB_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_CRON_JOB = {.name = "CronJob",
                                   .package = "io.k8s.api.batch.v1",
                                   .fields = cron_job_rows,
                                   .check = cron_job_check,
                                   .help = "Jobs at set times."};

/* --- defaults and rules --------------------------------------------------------------------- */

/* One run of one Pod unless told otherwise; a work queue sets parallelism alone. */
void job_default(cJSON *obj)
{
    cJSON *spec = cJSON_GetObjectItemCaseSensitive(obj, "spec");
    if (!cJSON_IsObject(spec))
        return;
    bool completions = cJSON_GetObjectItemCaseSensitive(spec, "completions") != NULL;
    bool parallelism = cJSON_GetObjectItemCaseSensitive(spec, "parallelism") != NULL;
    if (!completions && !parallelism)
        cJSON_AddNumberToObject(spec, "completions", 1);
    if (!parallelism)
        cJSON_AddNumberToObject(spec, "parallelism", 1);
    if (!cJSON_GetObjectItemCaseSensitive(spec, "podReplacementPolicy"))
        cJSON_AddStringToObject(spec, "podReplacementPolicy",
                                json_at(spec, "podFailurePolicy") ? "Failed"
                                                                  : "TerminatingOrFailed");
}

static void check_job_spec(const cJSON *spec, const char *path, struct causes *c)
{
    static const char *const numbers[] = {"parallelism", "completions", "activeDeadlineSeconds",
                                          "backoffLimit", "ttlSecondsAfterFinished"};
    char field[CAUSE_FIELD_MAX];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        type_check_range(spec, path, numbers[i], 0, INT64_MAX, c);
    const cJSON *restart = json_at(spec, "template", "spec", "restartPolicy");
    if (cJSON_IsString(restart) && streq(restart->valuestring, "Always"))
        causes_not_supported(c, type_path(field, path, "template.spec.restartPolicy"), restart,
                             "OnFailure|Never");
}

void job_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    static const char *const fixed[] = {"completions", "selector", "template", "completionMode"};
    const cJSON *spec = json_at(obj, "spec"), *was = json_at(old, "spec");
    char field[CAUSE_FIELD_MAX];
    (void)path;
    check_job_spec(spec, "spec", c);
    for (size_t i = 0; was && i < ARRAY_LEN(fixed); i++) {
        const cJSON *a = json_at(spec, fixed[i]), *b = json_at(was, fixed[i]);
        if ((a || b) && !json_equal(a, b))
            causes_invalid_json(c, type_path(field, "spec", "%s", fixed[i]), a,
                                "field is immutable");
    }
}

/* Five fields of the cron alphabet, or one of the @words. What the numbers mean is the scheduler's.
 */
static bool schedule_valid(const char *s)
{
    static const char *const words[] = {"@yearly", "@annually", "@monthly", "@weekly",
                                        "@daily",  "@midnight", "@hourly"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (streq(words[i], s))
            return true;
    if (str_starts(s, "@every ") && s[7])
        return true;
    size_t fields = 0;
    while (*s) {
        size_t n = strcspn(s, " ");
        if (n > 0 &&
            strspn(s, "0123456789*/,-?LWABCDEFGHIJKMNOPQRSTUVXYZabcdefghijklmnopqrstuvwxyz#") < n)
            return false;
        fields += n > 0 ? 1 : 0;
        s += n;
        s += strspn(s, " ");
    }
    return fields == 5;
}

void cron_job_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *spec = json_at(obj, "spec");
    const char *schedule = json_str(spec, "schedule");
    (void)old;
    (void)path;
    if (schedule && *schedule && !schedule_valid(schedule))
        causes_invalid(c, "spec.schedule", schedule,
                       "want five fields \"minute hour day month weekday\" or a word like @daily");
    type_check_range(spec, "spec", "startingDeadlineSeconds", 0, INT64_MAX, c);
    type_check_range(spec, "spec", "successfulJobsHistoryLimit", 0, INT64_MAX, c);
    type_check_range(spec, "spec", "failedJobsHistoryLimit", 0, INT64_MAX, c);
    check_job_spec(json_at(spec, "jobTemplate", "spec"), "spec.jobTemplate.spec", c);
}
