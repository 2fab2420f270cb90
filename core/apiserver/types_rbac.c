/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles and bindings of rbac.authorization.k8s.io/v1.
 */
#include <string.h>

#include "apiserver/names.h"
#include "apiserver/types_rows.h"

static const struct type_field policy_rule_rows[] = {
    ROW_SCALARS("verbs", 1, TF_REQUIRED, T_STRING, .help = "Verbs allowed, or *."),
    ROW_SCALARS("apiGroups", 2, 0, T_STRING, .help = "API groups of the resources, or *."),
    ROW_SCALARS("resources", 3, 0, T_STRING,
                .help = "Resources allowed, or *; subresources as pods/log."),
    ROW_SCALARS("resourceNames", 4, 0, T_STRING, .help = "Names the rule is limited to."),
    ROW_SCALARS("nonResourceURLs", 5, 0, T_STRING,
                .help = "Paths outside the resources; a final * matches the rest."),
    ROW_END,
};
static const struct type TYPE_POLICY_RULE = {.name = "PolicyRule",
                                             .package = "io.k8s.api.rbac.v1",
                                             .fields = policy_rule_rows,
                                             .check = policy_rule_check};

static const struct type_field role_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("rules", 2, 0, &TYPE_POLICY_RULE, .help = "What the role allows."),
    ROW_END,
};
const struct type TYPE_ROLE = {.name = "Role",
                               .package = "io.k8s.api.rbac.v1",
                               .fields = role_rows,
                               .help = "Permissions in one namespace."};

static const struct type_field subject_rows[] = {
    ROW_STR("kind", 1, TF_REQUIRED),
    ROW_STR("apiGroup", 2, TF_OMIT_ZERO),
    ROW_STR("name", 3, TF_REQUIRED),
    ROW_STR("namespace", 4, TF_OMIT_ZERO),
    ROW_END,
};
static const struct type TYPE_SUBJECT = {.name = "Subject",
                                         .package = "io.k8s.api.rbac.v1",
                                         .fields = subject_rows,
                                         .def = subject_default,
                                         .check = subject_check};

static const struct type_field role_ref_rows[] = {
    ROW_STR("apiGroup", 1, 0, .def = "\"rbac.authorization.k8s.io\""),
    ROW_STR("kind", 2, TF_REQUIRED),
    ROW_STR("name", 3, TF_REQUIRED),
    ROW_END,
};
static const struct type TYPE_ROLE_REF = {
    .name = "RoleRef", .package = "io.k8s.api.rbac.v1", .fields = role_ref_rows};

static const struct type_field role_binding_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("subjects", 2, 0, &TYPE_SUBJECT, .help = "Who gets the role."),
    ROW_OBJ("roleRef", 3, TF_REQUIRED, &TYPE_ROLE_REF,
            .help = "The role that is given; cannot change."),
    ROW_END,
};
const struct type TYPE_ROLE_BINDING = {.name = "RoleBinding",
                                       .package = "io.k8s.api.rbac.v1",
                                       .fields = role_binding_rows,
                                       .check = role_binding_check,
                                       .help = "Gives a role to subjects in one namespace."};

static const struct type_field aggregation_rule_rows[] = {
    ROW_LIST("clusterRoleSelectors", 1, 0, &TYPE_LABEL_SELECTOR),
    ROW_END,
};
static const struct type TYPE_AGGREGATION_RULE = {
    .name = "AggregationRule", .package = "io.k8s.api.rbac.v1", .fields = aggregation_rule_rows};

static const struct type_field cluster_role_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("rules", 2, 0, &TYPE_POLICY_RULE, .help = "What the role allows."),
    ROW_OBJ("aggregationRule", 3, 0, &TYPE_AGGREGATION_RULE),
    ROW_END,
};
const struct type TYPE_CLUSTER_ROLE = {.name = "ClusterRole",
                                       .package = "io.k8s.api.rbac.v1",
                                       .fields = cluster_role_rows,
                                       .help = "Permissions in the whole cluster."};

static const struct type_field cluster_role_binding_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_LIST("subjects", 2, 0, &TYPE_SUBJECT),
    ROW_OBJ("roleRef", 3, TF_REQUIRED, &TYPE_ROLE_REF),
    ROW_END,
};
const struct type TYPE_CLUSTER_ROLE_BINDING = {.name = "ClusterRoleBinding",
                                               .package = "io.k8s.api.rbac.v1",
                                               .fields = cluster_role_binding_rows,
                                               .check = cluster_role_binding_check,
                                               .help = "Gives a role to subjects everywhere."};

/* --- defaults and rules --------------------------------------------------------------------- */

#define RBAC_GROUP "rbac.authorization.k8s.io"

void subject_default(cJSON *obj)
{
    const char *kind = json_str(obj, "kind");
    if (kind && (streq(kind, "User") || streq(kind, "Group")) && !type_given(obj, "apiGroup"))
        json_put_str(obj, RBAC_GROUP, "apiGroup");
}

void subject_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const char *kind = json_str(obj, "kind");
    char field[CAUSE_FIELD_MAX];
    (void)old;
    if (!kind || !*kind)
        return;
    bool account = streq(kind, "ServiceAccount");
    if (!account && !streq(kind, "User") && !streq(kind, "Group"))
        causes_not_supported(c, type_path(field, path, "kind"), json_at(obj, "kind"),
                             "ServiceAccount|User|Group");
    if (account && !type_given(obj, "namespace"))
        causes_required(c, type_path(field, path, "namespace"), NULL);
    if (account)
        type_check_name(obj, path, "name", name_check_subdomain, c);
    const cJSON *group = json_at(obj, "apiGroup");
    if (group && !streq(json_string_of(group), account ? "" : RBAC_GROUP))
        causes_not_supported(c, type_path(field, path, "apiGroup"), group,
                             account ? "" : RBAC_GROUP);
}

void policy_rule_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    (void)old;
    bool urls = type_given(obj, "nonResourceURLs");
    bool groups = type_given(obj, "apiGroups"), resources = type_given(obj, "resources");
    if (urls && (groups || resources || type_given(obj, "resourceNames"))) {
        causes_invalid_json(c, type_path(field, path, "nonResourceURLs"),
                            json_at(obj, "nonResourceURLs"),
                            "rules cannot apply to both regular resources and non-resource URLs");
        return;
    }
    if (!urls && !groups)
        causes_required(c, type_path(field, path, "apiGroups"),
                        "resource rules must supply at least one api group");
    if (!urls && !resources)
        causes_required(c, type_path(field, path, "resources"),
                        "resource rules must supply at least one resource");
}

static void check_binding(const cJSON *obj, const cJSON *old, const char *kinds, struct causes *c)
{
    const cJSON *ref = json_at(obj, "roleRef"), *kind = json_at(ref, "kind");
    if (old && !json_equal(ref, json_at(old, "roleRef")))
        causes_invalid_json(c, "roleRef", ref, "cannot change roleRef");
    const char *name = json_string_of(kind);
    bool role = name && streq(name, "Role") && streq(kinds, "ClusterRole|Role");
    if (name && *name && !role && !streq(name, "ClusterRole"))
        causes_not_supported(c, "roleRef.kind", kind, kinds);
    const char *group = json_str(ref, "apiGroup");
    if (group && !streq(group, RBAC_GROUP))
        causes_not_supported(c, "roleRef.apiGroup", json_at(ref, "apiGroup"), RBAC_GROUP);
    type_check_name(ref, "roleRef", "name", name_check_path_segment, c);
}

void role_binding_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    (void)path;
    check_binding(obj, old, "ClusterRole|Role", c);
}

void cluster_role_binding_check(const cJSON *obj, const cJSON *old, const char *path,
                                struct causes *c)
{
    (void)path;
    check_binding(obj, old, "ClusterRole", c);
}
