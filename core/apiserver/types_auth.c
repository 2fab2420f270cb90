/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reviews of authentication.k8s.io/v1 and authorization.k8s.io/v1.
 */
#include <string.h>

#include "apiserver/types_rows.h"

static const struct type_field token_review_spec_rows[] = {
    ROW_STR("token", 1, TF_OMIT_ZERO),
    ROW_SCALARS("audiences", 2, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_TOKEN_REVIEW_SPEC = {.name = "TokenReviewSpec",
                                                   .package = "io.k8s.api.authentication.v1",
                                                   .fields = token_review_spec_rows};

static const struct type_field user_info_rows[] = {
    ROW_STR("username", 1, TF_OMIT_ZERO),
    ROW_STR("uid", 2, TF_OMIT_ZERO),
    ROW_SCALARS("groups", 3, 0, T_STRING),
    ROW_MAP("extra", 4, 0, T_ANY),
    ROW_END,
};
static const struct type TYPE_USER_INFO = {
    .name = "UserInfo", .package = "io.k8s.api.authentication.v1", .fields = user_info_rows};

static const struct type_field token_review_status_rows[] = {
    ROW_BOOL("authenticated", 1, TF_OMIT_ZERO),
    ROW_OBJ("user", 2, 0, &TYPE_USER_INFO, .def = "{}"),
    ROW_SCALARS("audiences", 4, 0, T_STRING),
    ROW_STR("error", 3, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_TOKEN_REVIEW_STATUS = {.name = "TokenReviewStatus",
                                                     .package = "io.k8s.api.authentication.v1",
                                                     .fields = token_review_status_rows};

static const struct type_field token_review_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_TOKEN_REVIEW_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_TOKEN_REVIEW_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_TOKEN_REVIEW = {
    .name = "TokenReview", .package = "io.k8s.api.authentication.v1", .fields = token_review_rows};

static const struct type_field bound_object_reference_rows[] = {
    ROW_STR("kind", 1, TF_OMIT_ZERO),
    ROW_STR("apiVersion", 2, TF_OMIT_ZERO),
    ROW_STR("name", 3, TF_OMIT_ZERO),
    ROW_STR("uid", 4, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_BOUND_OBJECT_REFERENCE = {.name = "BoundObjectReference",
                                                        .package = "io.k8s.api.authentication.v1",
                                                        .fields = bound_object_reference_rows};

static const struct type_field token_request_spec_rows[] = {
    ROW_SCALARS("audiences", 1, 0, T_STRING),
    ROW_LONG("expirationSeconds", 4, 0, .def = "3600"),
    ROW_OBJ("boundObjectRef", 3, TF_NULL, &TYPE_BOUND_OBJECT_REFERENCE),
    ROW_END,
};
static const struct type TYPE_TOKEN_REQUEST_SPEC = {.name = "TokenRequestSpec",
                                                    .package = "io.k8s.api.authentication.v1",
                                                    .fields = token_request_spec_rows,
                                                    .check = token_request_check};

static const struct type_field token_request_status_rows[] = {
    ROW_STR("token", 1, 0, .def = "\"\""),
    ROW_TIME("expirationTimestamp", 2, TF_NULL),
    ROW_END,
};
static const struct type TYPE_TOKEN_REQUEST_STATUS = {.name = "TokenRequestStatus",
                                                      .package = "io.k8s.api.authentication.v1",
                                                      .fields = token_request_status_rows};

static const struct type_field token_request_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_TOKEN_REQUEST_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_TOKEN_REQUEST_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_TOKEN_REQUEST = {.name = "TokenRequest",
                                        .package = "io.k8s.api.authentication.v1",
                                        .fields = token_request_rows};

static const struct type_field self_subject_review_status_rows[] = {
    ROW_OBJ("userInfo", 1, 0, &TYPE_USER_INFO, .def = "{}"),
    ROW_END,
};
static const struct type TYPE_SELF_SUBJECT_REVIEW_STATUS = {
    .name = "SelfSubjectReviewStatus",
    .package = "io.k8s.api.authentication.v1",
    .fields = self_subject_review_status_rows};

static const struct type_field self_subject_review_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("status", 2, 0, &TYPE_SELF_SUBJECT_REVIEW_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_SELF_SUBJECT_REVIEW = {.name = "SelfSubjectReview",
                                              .package = "io.k8s.api.authentication.v1",
                                              .fields = self_subject_review_rows};

static const struct type_field field_selector_attributes_rows[] = {
    ROW_STR("rawSelector", 1, TF_OMIT_ZERO),
    ROW_LIST("requirements", 2, 0, &TYPE_FIELD_SELECTOR_REQUIREMENT),
    ROW_END,
};
static const struct type TYPE_FIELD_SELECTOR_ATTRIBUTES = {.name = "FieldSelectorAttributes",
                                                           .package = "io.k8s.api.authorization.v1",
                                                           .fields =
                                                               field_selector_attributes_rows};

static const struct type_field label_selector_attributes_rows[] = {
    ROW_STR("rawSelector", 1, TF_OMIT_ZERO),
    ROW_LIST("requirements", 2, 0, &TYPE_LABEL_SELECTOR_REQUIREMENT),
    ROW_END,
};
static const struct type TYPE_LABEL_SELECTOR_ATTRIBUTES = {.name = "LabelSelectorAttributes",
                                                           .package = "io.k8s.api.authorization.v1",
                                                           .fields =
                                                               label_selector_attributes_rows};

static const struct type_field resource_attributes_rows[] = {
    ROW_STR("namespace", 1, TF_OMIT_ZERO),
    ROW_STR("verb", 2, TF_OMIT_ZERO),
    ROW_STR("group", 3, TF_OMIT_ZERO),
    ROW_STR("version", 4, TF_OMIT_ZERO),
    ROW_STR("resource", 5, TF_OMIT_ZERO),
    ROW_STR("subresource", 6, TF_OMIT_ZERO),
    ROW_STR("name", 7, TF_OMIT_ZERO),
    ROW_OBJ("fieldSelector", 8, 0, &TYPE_FIELD_SELECTOR_ATTRIBUTES),
    ROW_OBJ("labelSelector", 9, 0, &TYPE_LABEL_SELECTOR_ATTRIBUTES),
    ROW_END,
};
static const struct type TYPE_RESOURCE_ATTRIBUTES = {.name = "ResourceAttributes",
                                                     .package = "io.k8s.api.authorization.v1",
                                                     .fields = resource_attributes_rows};

static const struct type_field non_resource_attributes_rows[] = {
    ROW_STR("path", 1, TF_OMIT_ZERO),
    ROW_STR("verb", 2, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_NON_RESOURCE_ATTRIBUTES = {.name = "NonResourceAttributes",
                                                         .package = "io.k8s.api.authorization.v1",
                                                         .fields = non_resource_attributes_rows};

static const struct type_field subject_access_review_spec_rows[] = {
    ROW_OBJ("resourceAttributes", 1, 0, &TYPE_RESOURCE_ATTRIBUTES),
    ROW_OBJ("nonResourceAttributes", 2, 0, &TYPE_NON_RESOURCE_ATTRIBUTES),
    ROW_STR("user", 3, TF_OMIT_ZERO),
    ROW_SCALARS("groups", 4, 0, T_STRING),
    ROW_MAP("extra", 5, 0, T_ANY),
    ROW_STR("uid", 6, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_SUBJECT_ACCESS_REVIEW_SPEC = {
    .name = "SubjectAccessReviewSpec",
    .package = "io.k8s.api.authorization.v1",
    .fields = subject_access_review_spec_rows};

static const struct type_field subject_access_review_status_rows[] = {
    ROW_BOOL("allowed", 1, 0, .def = "false"),
    ROW_BOOL("denied", 4, TF_OMIT_ZERO),
    ROW_STR("reason", 2, TF_OMIT_ZERO),
    ROW_STR("evaluationError", 3, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_SUBJECT_ACCESS_REVIEW_STATUS = {
    .name = "SubjectAccessReviewStatus",
    .package = "io.k8s.api.authorization.v1",
    .fields = subject_access_review_status_rows};

static const struct type_field subject_access_review_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_SUBJECT_ACCESS_REVIEW_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_SUBJECT_ACCESS_REVIEW_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_SUBJECT_ACCESS_REVIEW = {.name = "SubjectAccessReview",
                                                .package = "io.k8s.api.authorization.v1",
                                                .fields = subject_access_review_rows,
                                                .check = access_review_check};

static const struct type_field self_subject_access_review_spec_rows[] = {
    ROW_OBJ("resourceAttributes", 1, 0, &TYPE_RESOURCE_ATTRIBUTES),
    ROW_OBJ("nonResourceAttributes", 2, 0, &TYPE_NON_RESOURCE_ATTRIBUTES),
    ROW_END,
};
static const struct type TYPE_SELF_SUBJECT_ACCESS_REVIEW_SPEC = {
    .name = "SelfSubjectAccessReviewSpec",
    .package = "io.k8s.api.authorization.v1",
    .fields = self_subject_access_review_spec_rows};

static const struct type_field self_subject_access_review_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_SELF_SUBJECT_ACCESS_REVIEW_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_SUBJECT_ACCESS_REVIEW_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_SELF_SUBJECT_ACCESS_REVIEW = {.name = "SelfSubjectAccessReview",
                                                     .package = "io.k8s.api.authorization.v1",
                                                     .fields = self_subject_access_review_rows,
                                                     .check = access_review_check};

static const struct type_field local_subject_access_review_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_SUBJECT_ACCESS_REVIEW_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_SUBJECT_ACCESS_REVIEW_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_LOCAL_SUBJECT_ACCESS_REVIEW = {.name = "LocalSubjectAccessReview",
                                                      .package = "io.k8s.api.authorization.v1",
                                                      .fields = local_subject_access_review_rows,
                                                      .check = access_review_check};

static const struct type_field self_subject_rules_review_spec_rows[] = {
    ROW_STR("namespace", 1, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_SELF_SUBJECT_RULES_REVIEW_SPEC = {
    .name = "SelfSubjectRulesReviewSpec",
    .package = "io.k8s.api.authorization.v1",
    .fields = self_subject_rules_review_spec_rows};

static const struct type_field resource_rule_rows[] = {
    ROW_SCALARS("verbs", 1, 0, T_STRING),
    ROW_SCALARS("apiGroups", 2, 0, T_STRING),
    ROW_SCALARS("resources", 3, 0, T_STRING),
    ROW_SCALARS("resourceNames", 4, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_RESOURCE_RULE = {
    .name = "ResourceRule", .package = "io.k8s.api.authorization.v1", .fields = resource_rule_rows};

static const struct type_field non_resource_rule_rows[] = {
    ROW_SCALARS("verbs", 1, 0, T_STRING),
    ROW_SCALARS("nonResourceURLs", 2, 0, T_STRING),
    ROW_END,
};
static const struct type TYPE_NON_RESOURCE_RULE = {.name = "NonResourceRule",
                                                   .package = "io.k8s.api.authorization.v1",
                                                   .fields = non_resource_rule_rows};

static const struct type_field subject_rules_review_status_rows[] = {
    ROW_LIST("resourceRules", 1, 0, &TYPE_RESOURCE_RULE),
    ROW_LIST("nonResourceRules", 2, 0, &TYPE_NON_RESOURCE_RULE),
    ROW_BOOL("incomplete", 3, 0, .def = "false"),
    ROW_STR("evaluationError", 4, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_SUBJECT_RULES_REVIEW_STATUS = {
    .name = "SubjectRulesReviewStatus",
    .package = "io.k8s.api.authorization.v1",
    .fields = subject_rules_review_status_rows};

static const struct type_field self_subject_rules_review_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_OBJ("spec", 2, 0, &TYPE_SELF_SUBJECT_RULES_REVIEW_SPEC, .def = "{}"),
    ROW_OBJ("status", 3, 0, &TYPE_SUBJECT_RULES_REVIEW_STATUS, .def = "{}"),
    ROW_END,
};
const struct type TYPE_SELF_SUBJECT_RULES_REVIEW = {.name = "SelfSubjectRulesReview",
                                                    .package = "io.k8s.api.authorization.v1",
                                                    .fields = self_subject_rules_review_rows};

/* --- rules ---------------------------------------------------------------------------------- */

#define TOKEN_SECONDS_MIN 600

void token_request_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *seconds = json_at(obj, "expirationSeconds");
    char field[CAUSE_FIELD_MAX];
    (void)old;
    type_path(field, path, "expirationSeconds");
    if (seconds && seconds->valuedouble < TOKEN_SECONDS_MIN)
        causes_invalid_json(c, field, seconds, "may not specify a duration less than 10 minutes");
    else if (seconds && seconds->valuedouble > (double)(1LL << 32))
        causes_invalid_json(c, field, seconds,
                            "may not specify a duration larger than 2^32 seconds");
}

/* Of SubjectAccessReview, SelfSubjectAccessReview and LocalSubjectAccessReview. */
void access_review_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *spec = json_at(obj, "spec");
    const cJSON *resource = json_at(spec, "resourceAttributes");
    const cJSON *url = json_at(spec, "nonResourceAttributes");
    (void)old;
    (void)path;
    if (resource && url)
        causes_invalid_json(c, "spec.nonResourceAttributes", url,
                            "cannot be specified in combination with resourceAttributes");
    if (!resource && !url)
        causes_invalid_json(c, "spec.resourceAttributes", NULL,
                            "exactly one of nonResourceAttributes or resourceAttributes must be "
                            "specified");
}
