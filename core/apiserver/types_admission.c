/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhook configurations of admissionregistration.k8s.io/v1.
 */
#include <string.h>

#include "apiserver/names.h"
#include "apiserver/types_rows.h"

static const struct type_field admission_service_reference_rows[] = {
    ROW_STR("namespace", 1, TF_REQUIRED),
    ROW_STR("name", 2, TF_REQUIRED),
    ROW_STR("path", 3, 0),
    ROW_INT("port", 4, 0, .def = "443"),
    ROW_END,
};
static const struct type TYPE_ADMISSION_SERVICE_REFERENCE = {
    .name = "ServiceReference",
    .package = "io.k8s.api.admissionregistration.v1",
    .fields = admission_service_reference_rows};

static const struct type_field admission_webhook_client_config_rows[] = {
    ROW_STR("url", 3, 0),
    ROW_OBJ("service", 1, 0, &TYPE_ADMISSION_SERVICE_REFERENCE),
    ROW_BYTES("caBundle", 2, 0),
    ROW_END,
};
static const struct type TYPE_ADMISSION_WEBHOOK_CLIENT_CONFIG = {
    .name = "WebhookClientConfig",
    .package = "io.k8s.api.admissionregistration.v1",
    .fields = admission_webhook_client_config_rows};

static const struct type_field rule_rows[] = {
    ROW_SCALARS("apiGroups", 1, TF_REQUIRED, T_STRING),
    ROW_SCALARS("apiVersions", 2, TF_REQUIRED, T_STRING),
    ROW_SCALARS("resources", 3, TF_REQUIRED, T_STRING),
    ROW_STR("scope", 4, 0, .def = "\"*\"", .allowed = "*|Cluster|Namespaced"),
    ROW_END,
};
static const struct type TYPE_RULE = {
    .name = "Rule", .package = "io.k8s.api.admissionregistration.v1", .fields = rule_rows};

static const struct type_field rule_with_operations_rows[] = {
    ROW_SCALARS("operations", 1, TF_REQUIRED, T_STRING),
    ROW_INLINE(2, &TYPE_RULE),
    ROW_END,
};
static const struct type TYPE_RULE_WITH_OPERATIONS = {.name = "RuleWithOperations",
                                                      .package =
                                                          "io.k8s.api.admissionregistration.v1",
                                                      .fields = rule_with_operations_rows};

static const struct type_field match_condition_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED),
    ROW_STR("expression", 2, TF_REQUIRED),
    ROW_END,
};
static const struct type TYPE_MATCH_CONDITION = {.name = "MatchCondition",
                                                 .package = "io.k8s.api.admissionregistration.v1",
                                                 .fields = match_condition_rows};

static const struct type_field validating_webhook_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED),
    ROW_OBJ("clientConfig", 2, 0, &TYPE_ADMISSION_WEBHOOK_CLIENT_CONFIG, .def = "{}"),
    ROW_LIST("rules", 3, 0, &TYPE_RULE_WITH_OPERATIONS),
    ROW_STR("failurePolicy", 4, 0, .def = "\"Fail\"", .allowed = "Fail|Ignore"),
    ROW_STR("matchPolicy", 9, 0, .def = "\"Equivalent\"", .allowed = "Equivalent|Exact"),
    ROW_OBJ("namespaceSelector", 5, 0, &TYPE_LABEL_SELECTOR, .def = "{}"),
    ROW_OBJ("objectSelector", 10, 0, &TYPE_LABEL_SELECTOR, .def = "{}"),
    ROW_STR("sideEffects", 6, TF_REQUIRED, .allowed = "None|NoneOnDryRun"),
    ROW_INT("timeoutSeconds", 7, 0, .def = "10"),
    ROW_SCALARS("admissionReviewVersions", 8, TF_REQUIRED, T_STRING),
    ROW_LIST("matchConditions", 11, 0, &TYPE_MATCH_CONDITION, .merge_key = "name"),
    ROW_END,
};
static const struct type TYPE_VALIDATING_WEBHOOK = {.name = "ValidatingWebhook",
                                                    .package =
                                                        "io.k8s.api.admissionregistration.v1",
                                                    .fields = validating_webhook_rows};

static const struct type_field validating_webhook_configuration_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("webhooks", 2, 0, &TYPE_VALIDATING_WEBHOOK, .merge_key = "name"),
    ROW_END,
};
const struct type TYPE_VALIDATING_WEBHOOK_CONFIGURATION = {
    .name = "ValidatingWebhookConfiguration",
    .package = "io.k8s.api.admissionregistration.v1",
    .fields = validating_webhook_configuration_rows,
    .check = webhooks_check,
    .help = "Webhooks that accept or refuse changes."};

static const struct type_field mutating_webhook_rows[] = {
    ROW_STR("name", 1, TF_REQUIRED),
    ROW_OBJ("clientConfig", 2, 0, &TYPE_ADMISSION_WEBHOOK_CLIENT_CONFIG, .def = "{}"),
    ROW_LIST("rules", 3, 0, &TYPE_RULE_WITH_OPERATIONS),
    ROW_STR("failurePolicy", 4, 0, .def = "\"Fail\"", .allowed = "Fail|Ignore"),
    ROW_STR("matchPolicy", 9, 0, .def = "\"Equivalent\"", .allowed = "Equivalent|Exact"),
    ROW_OBJ("namespaceSelector", 5, 0, &TYPE_LABEL_SELECTOR, .def = "{}"),
    ROW_OBJ("objectSelector", 11, 0, &TYPE_LABEL_SELECTOR, .def = "{}"),
    ROW_STR("sideEffects", 6, TF_REQUIRED, .allowed = "None|NoneOnDryRun"),
    ROW_INT("timeoutSeconds", 7, 0, .def = "10"),
    ROW_SCALARS("admissionReviewVersions", 8, TF_REQUIRED, T_STRING),
    ROW_STR("reinvocationPolicy", 10, 0, .def = "\"Never\"", .allowed = "IfNeeded|Never"),
    ROW_LIST("matchConditions", 12, 0, &TYPE_MATCH_CONDITION, .merge_key = "name"),
    ROW_END,
};
static const struct type TYPE_MUTATING_WEBHOOK = {.name = "MutatingWebhook",
                                                  .package = "io.k8s.api.admissionregistration.v1",
                                                  .fields = mutating_webhook_rows};

static const struct type_field mutating_webhook_configuration_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("webhooks", 2, 0, &TYPE_MUTATING_WEBHOOK, .merge_key = "name"),
    ROW_END,
};
const struct type TYPE_MUTATING_WEBHOOK_CONFIGURATION = {
    .name = "MutatingWebhookConfiguration",
    .package = "io.k8s.api.admissionregistration.v1",
    .fields = mutating_webhook_configuration_rows,
    .check = webhooks_check,
    .help = "Webhooks that may alter changes."};

/* --- rules ---------------------------------------------------------------------------------- */

static void check_webhook_name(const cJSON *w, const char *path, struct causes *c)
{
    const char *name = json_str(w, "name");
    char field[CAUSE_FIELD_MAX];
    if (!name || !*name)
        return;
    size_t dots = 0;
    for (const char *p = name; *p; p++)
        dots += *p == '.';
    const char *why = name_check_subdomain(name);
    if (!why && dots < 2)
        why = "should be a domain with at least three segments separated by dots";
    if (why)
        causes_invalid(c, type_path(field, path, "name"), name, why);
}

static void check_client(const cJSON *w, const char *path, struct causes *c)
{
    const cJSON *client = json_at(w, "clientConfig");
    const char *url = json_str(client, "url");
    const cJSON *service = json_at(client, "service");
    char field[CAUSE_FIELD_MAX];
    if ((url != NULL) == (service != NULL))
        causes_required(c, type_path(field, path, "clientConfig"),
                        "exactly one of url or service is required");
    if (url && !str_starts(url, "https://"))
        causes_invalid(c, type_path(field, path, "clientConfig.url"), url,
                       "'https' is the only allowed URL scheme; desired format: "
                       "https://host[/path]");
    else if (url && (strpbrk(url, "@?#") || !url[8] || url[8] == '/'))
        causes_invalid(c, type_path(field, path, "clientConfig.url"), url,
                       "want a host and no user, query or fragment; desired format: "
                       "https://host[/path]");
    type_check_range(service, type_path(field, path, "clientConfig.service"), "port", 1, 65535, c);
}

static void check_rules(const cJSON *w, const char *path, struct causes *c)
{
    static const char *const known[] = {"*", "CREATE", "UPDATE", "DELETE", "CONNECT"};
    char field[CAUSE_FIELD_MAX];
    size_t i = 0;
    json_foreach (r, json_at(w, "rules")) {
        size_t k = 0;
        json_foreach (op, json_at(r, "operations")) {
            bool found = false;
            for (size_t n = 0; n < ARRAY_LEN(known); n++)
                found = found || streq(known[n], op->valuestring);
            if (!found)
                causes_not_supported(c, type_path(field, path, "rules[%zu].operations[%zu]", i, k),
                                     op, "*|CONNECT|CREATE|DELETE|UPDATE");
            k++;
        }
        i++;
    }
}

static void check_review_versions(const cJSON *w, const char *path, struct causes *c)
{
    const cJSON *versions = json_at(w, "admissionReviewVersions");
    char field[CAUSE_FIELD_MAX];
    if (versions && versions->child && !json_array_has(versions, "v1"))
        causes_invalid_json(c, type_path(field, path, "admissionReviewVersions"), versions,
                            "must include at least one of v1");
}

void webhooks_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    struct map names AUTO(map_done) = MAP_INIT;
    char one[64], field[CAUSE_FIELD_MAX];
    size_t i = 0;
    (void)old;
    (void)path;
    type_check_unique(obj, "", "webhooks", "name", &names, c);
    json_foreach (w, json_at(obj, "webhooks")) {
        type_path(field, "", "webhooks[%zu]", i++);
        memcpy(one, field, sizeof(one));
        one[sizeof(one) - 1] = '\0';
        check_webhook_name(w, one, c);
        check_client(w, one, c);
        check_rules(w, one, c);
        check_review_versions(w, one, c);
        const cJSON *timeout = json_at(w, "timeoutSeconds");
        if (timeout && (timeout->valuedouble < 1 || timeout->valuedouble > 30))
            causes_invalid_json(c, type_path(field, one, "timeoutSeconds"), timeout,
                                "the timeout value must be between 1 and 30 seconds");
    }
}
