/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in kinds: which exist, and how a row is found. The rows are in types_<what>.c, their
 * interpreters in types_decode.c, types_default.c, types_validate.c, strategic.c, proto.c,
 * openapi.c.
 */
#include "apiserver/types.h"

#include <stdio.h>
#include <string.h>

#include "apiserver/types_rows.h"

static const struct {
    const char *group, *version, *kind;
    const struct type *type;
} kinds[] = {
    {"", "v1", "Pod", &TYPE_POD},
    {"", "v1", "ConfigMap", &TYPE_CONFIG_MAP},
    {"", "v1", "Secret", &TYPE_SECRET},
    {"", "v1", "Service", &TYPE_SERVICE},
    {"", "v1", "Namespace", &TYPE_NAMESPACE},
    {"", "v1", "Node", &TYPE_NODE},
    {"", "v1", "Endpoints", &TYPE_ENDPOINTS},
    {"", "v1", "ServiceAccount", &TYPE_SERVICE_ACCOUNT},
    {"", "v1", "Event", &TYPE_EVENT},
    {"", "v1", "PersistentVolume", &TYPE_PERSISTENT_VOLUME},
    {"", "v1", "PersistentVolumeClaim", &TYPE_PERSISTENT_VOLUME_CLAIM},
    {"", "v1", "Binding", &TYPE_BINDING},
    {"", "v1", "DeleteOptions", &TYPE_DELETE_OPTIONS},
    {"meta.k8s.io", "v1", "DeleteOptions", &TYPE_DELETE_OPTIONS},
    {"coordination.k8s.io", "v1", "Lease", &TYPE_LEASE},
    {"discovery.k8s.io", "v1", "EndpointSlice", &TYPE_ENDPOINT_SLICE},
    {"events.k8s.io", "v1", "Event", &TYPE_EVENTS_EVENT},
    {"policy", "v1", "PodDisruptionBudget", &TYPE_POD_DISRUPTION_BUDGET},
    {"policy", "v1", "Eviction", &TYPE_EVICTION},
    {"policy", "v1beta1", "Eviction", &TYPE_EVICTION},
    {"apps", "v1", "ControllerRevision", &TYPE_CONTROLLER_REVISION},
    {"batch", "v1", "Job", &TYPE_JOB},
    {"batch", "v1", "CronJob", &TYPE_CRON_JOB},
    {"autoscaling", "v1", "Scale", &TYPE_SCALE},
    {"rbac.authorization.k8s.io", "v1", "Role", &TYPE_ROLE},
    {"rbac.authorization.k8s.io", "v1", "ClusterRole", &TYPE_CLUSTER_ROLE},
    {"rbac.authorization.k8s.io", "v1", "RoleBinding", &TYPE_ROLE_BINDING},
    {"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", &TYPE_CLUSTER_ROLE_BINDING},
    {"authentication.k8s.io", "v1", "TokenReview", &TYPE_TOKEN_REVIEW},
    {"authentication.k8s.io", "v1", "TokenRequest", &TYPE_TOKEN_REQUEST},
    {"authentication.k8s.io", "v1", "SelfSubjectReview", &TYPE_SELF_SUBJECT_REVIEW},
    {"authentication.k8s.io", "v1beta1", "SelfSubjectReview", &TYPE_SELF_SUBJECT_REVIEW},
    {"authentication.k8s.io", "v1alpha1", "SelfSubjectReview", &TYPE_SELF_SUBJECT_REVIEW},
    {"authorization.k8s.io", "v1", "SubjectAccessReview", &TYPE_SUBJECT_ACCESS_REVIEW},
    {"authorization.k8s.io", "v1", "SelfSubjectAccessReview", &TYPE_SELF_SUBJECT_ACCESS_REVIEW},
    {"authorization.k8s.io", "v1", "LocalSubjectAccessReview", &TYPE_LOCAL_SUBJECT_ACCESS_REVIEW},
    {"authorization.k8s.io", "v1", "SelfSubjectRulesReview", &TYPE_SELF_SUBJECT_RULES_REVIEW},
    {"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration",
     &TYPE_VALIDATING_WEBHOOK_CONFIGURATION},
    {"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration",
     &TYPE_MUTATING_WEBHOOK_CONFIGURATION},
    {"apiextensions.k8s.io", "v1", "CustomResourceDefinition", &TYPE_CUSTOM_RESOURCE_DEFINITION},
};

const struct type *type_of(const char *group, const char *version, const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (streq(kinds[i].kind, kind) && streq(kinds[i].group, group) &&
            streq(kinds[i].version, version))
            return kinds[i].type;
    return NULL;
}

const struct type_field *type_field_find(const struct type *t, const char *name)
{
    for (const struct type_field *f = t->fields; f->name; f++) {
        if (f->flags & TF_INLINE) {
            const struct type_field *inner = type_field_find(f->ref, name);
            if (inner)
                return inner;
        } else if (f->name[0] == name[0] && strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

const char *type_path(char out[CAUSE_FIELD_MAX], const char *path, const char *fmt, ...)
{
    bool index = fmt[0] == '['; /* "[3].name" follows the name of the list without a dot */
    int n = snprintf(out, CAUSE_FIELD_MAX, "%s%s", path, *path && !index ? "." : "");
    if (n < 0 || n >= CAUSE_FIELD_MAX)
        return out;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out + n, CAUSE_FIELD_MAX - (size_t)n, fmt, ap);
    va_end(ap);
    return out;
}
