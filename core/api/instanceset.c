/* SPDX-License-Identifier: Apache-2.0 */
/* InstanceSet: named instances of one Pod template, with roles. */
#include "api/kinds.h"
#include "api/shapes.h"

static const struct field INSTANCE_STATUS[] = {
    {.path = "podName", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {.path = "templateName", .type = FIELD_STRING},
    {"desiredState", FIELD_STRING, .allowed = "Active|Offline|Released"},
    {"currentState", FIELD_STRING, .allowed = "Present|Terminating|Absent"},
    {.path = "currentRevision", .type = FIELD_STRING},
    {.path = "updateRevision", .type = FIELD_STRING},
    {.path = "upToDate", .type = FIELD_BOOL},
    {.path = "ready", .type = FIELD_BOOL},
    {.path = "available", .type = FIELD_BOOL},
    {.path = "failed", .type = FIELD_BOOL},
    {.path = "role", .type = FIELD_STRING},
    {.path = "configs", .type = FIELD_OPAQUE_LIST},
    {.path = "volumeExpansion", .type = FIELD_BOOL},
};
static const struct field_table INSTANCE_STATUSES = FIELD_TABLE(INSTANCE_STATUS);

static const struct field TEMPLATE_STATUS[] = {
    {.path = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {.path = "replicas", .type = FIELD_INT32},
    {.path = "readyReplicas", .type = FIELD_INT32},
    {.path = "availableReplicas", .type = FIELD_INT32},
    {.path = "currentReplicas", .type = FIELD_INT32},
    {.path = "updatedReplicas", .type = FIELD_INT32},
};
static const struct field_table TEMPLATE_STATUSES = FIELD_TABLE(TEMPLATE_STATUS);

static const struct field ROWS[] = {
    {.path = "spec", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED},
    {"spec.replicas", FIELD_INT32, .def = "1", .min = 0, .max = FIELD_NO_MAX, .help = "Instances."},
    {"spec.selector", FIELD_OPAQUE, FIELD_REQUIRED, .help = "Label selector of the Pods."},
    {"spec.template", FIELD_OPAQUE, FIELD_REQUIRED, .help = "Pod template."},
    {"spec.volumeClaimTemplates", FIELD_OPAQUE_LIST,
     .help = "Claims of each instance, called <name>-<pod>."},
    {"spec.minReadySeconds", FIELD_INT32, .def = "0", .min = 0, .max = FIELD_NO_MAX,
     .help = "How long an instance must be ready to count as available."},
    {"spec.ordinals", FIELD_OBJECT, .sub = &SHAPE_ORDINALS},
    {"spec.defaultTemplateOrdinals", FIELD_OBJECT, FIELD_DEPRECATED, .sub = &SHAPE_ORDINALS,
     .instead = "ordinals"},
    {"spec.instances", FIELD_LIST, .key = "name", .sub = &SHAPE_INSTANCE},
    {"spec.flatInstanceOrdinal", FIELD_BOOL, FIELD_REJECTED,
     .instead = "ordinals count per template; leave it false"},
    {"spec.offlineInstances", FIELD_LIST, FIELD_SET, .help = "Instances that must not exist."},
    {"spec.persistentVolumeClaimRetentionPolicy", FIELD_OBJECT, .sub = &SHAPE_RETENTION},
    {"spec.podManagementPolicy", FIELD_STRING, .allowed = "OrderedReady|Parallel",
     .help = "One after the other (when absent) or all at once."},
    {.path = "spec.parallelPodManagementConcurrency", .type = FIELD_INT_OR_STRING},
    {"spec.podUpdatePolicy", FIELD_STRING, .allowed = "StrictInPlace|PreferInPlace|ReCreate"},
    {"spec.podUpgradePolicy", FIELD_STRING, .allowed = "StrictInPlace|PreferInPlace|ReCreate"},
    {"spec.instanceUpdateStrategy", FIELD_OBJECT, .sub = &SHAPE_UPDATE},
    {"spec.memberUpdateStrategy", FIELD_STRING, .allowed = "Serial|Parallel|BestEffortParallel",
     .help =
         "How many of the instances that may be updated are touched together; Serial when absent."},
    {"spec.roles", FIELD_LIST, .key = "name", .max_len = 128, .sub = &SHAPE_ROLE},
    {"spec.lifecycleActions", FIELD_OPAQUE, FIELD_NO_EFFECT,
     .instead = "hooks are code of the engine"},
    {"spec.membershipReconfiguration", FIELD_OPAQUE, FIELD_NO_EFFECT,
     .instead = "hooks are code of the engine"},
    {"spec.templateVars", FIELD_OPAQUE, FIELD_NO_EFFECT, .instead = "hooks are code of the engine"},
    {"spec.configs", FIELD_OPAQUE_LIST, FIELD_NO_EFFECT,
     .instead = "a changed file changes the template"},
    {"spec.paused", FIELD_BOOL, .help = "Change nothing but the status."},
    {"spec.stop", FIELD_BOOL, .help = "End all Pods and keep the volumes."},
    {"spec.disableDefaultHeadlessService", FIELD_BOOL,
     .help = "Do not make the Service <set>-headless that gives the instances stable names."},
    {"spec.enableInstanceAPI", FIELD_BOOL, FIELD_NO_EFFECT, .instead = "Pods are made directly"},
    {.path = "spec.instanceAssistantObjects", .type = FIELD_OPAQUE_LIST, .flags = FIELD_NO_EFFECT},
    {.path = "status", .type = FIELD_OBJECT},
    {.path = "status.observedGeneration", .type = FIELD_INT64},
    {.path = "status.replicas", .type = FIELD_INT32},
    {.path = "status.readyReplicas", .type = FIELD_INT32},
    {.path = "status.availableReplicas", .type = FIELD_INT32},
    {.path = "status.currentReplicas", .type = FIELD_INT32},
    {.path = "status.updatedReplicas", .type = FIELD_INT32},
    {.path = "status.initReplicas", .type = FIELD_INT32},
    {.path = "status.readyInitReplicas", .type = FIELD_INT32},
    {.path = "status.currentRevision", .type = FIELD_STRING},
    {.path = "status.updateRevision", .type = FIELD_STRING},
    {"status.instanceStatus", FIELD_LIST, .key = "podName", .sub = &INSTANCE_STATUSES},
    {"status.templatesStatus", FIELD_LIST, .key = "name", .sub = &TEMPLATE_STATUSES},
    {"status.conditions", FIELD_LIST, .key = "type", .sub = &SHAPE_CONDITIONS},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static const struct api_column COLUMNS[] = {
    {"DESIRED", ".spec.replicas", "string", 0},
    {"UP-TO-DATE", ".status.updatedReplicas", "string", 0},
    {"READY", ".status.readyReplicas", "string", 0},
    {"AVAILABLE", ".status.availableReplicas", "string", 0},
    {"AGE", ".metadata.creationTimestamp", "date", 0},
};

const struct api_kind API_KIND_INSTANCESET = {
    .group = API_GROUP_WORKLOADS,
    .version = "v1",
    .plural = "instancesets",
    .singular = "instanceset",
    .kind = "InstanceSet",
    .namespaced = true,
    .short_names = "its",
    .categories = "kubeblocks",
    .table = &TABLE,
    .columns = COLUMNS,
    .n_columns = ARRAY_LEN(COLUMNS),
    .scale_spec = ".spec.replicas",
    .scale_status = ".status.replicas",
    .help = "Named instances of one Pod template, with roles and volumes.",
};
