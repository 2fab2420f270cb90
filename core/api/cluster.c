/* SPDX-License-Identifier: Apache-2.0 */
/* Cluster: what a person writes. One table; see base/field.h for how it is read. */
#include "api/kinds.h"
#include "api/shapes.h"

static const struct field SERVICE[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 25},
    {"serviceName", FIELD_STRING, .max_len = 25, .pattern = PATTERN_LABEL,
     .help = "The Service is called <cluster>[-<serviceName>]."},
    {.path = "annotations", .type = FIELD_MAP},
    {"spec", FIELD_OPAQUE, .help = "A Kubernetes Service spec; the selector is made here."},
    {"roleSelector", FIELD_STRING, .help = "Only instances with this role."},
    {"componentSelector", FIELD_STRING, .help = "Only instances of this component."},
    {"podService", FIELD_BOOL, FIELD_NO_EFFECT, .instead = "use services of the component"},
};
static const struct field_table SERVICES = FIELD_TABLE(SERVICE);

static const struct field COMPONENT_STATUS[] = {
    {"phase", FIELD_STRING, .allowed = PHASES_COMPONENT},
    {.path = "message", .type = FIELD_MAP},
    {.path = "observedGeneration", .type = FIELD_INT64},
    {.path = "upToDate", .type = FIELD_BOOL},
};
static const struct field_table COMPONENT_STATUSES = FIELD_TABLE(COMPONENT_STATUS);

static const struct field ROWS[] = {
    {.path = "spec", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED},
    {"spec.clusterDef", FIELD_STRING, FIELD_IMMUTABLE, .max_len = 63, .pattern = PATTERN_NAME,
     .help = "ClusterDefinition with the topologies. Without it every component names its "
             "componentDef."},
    {"spec.topology", FIELD_STRING, FIELD_IMMUTABLE, .max_len = 32,
     .help = "A topology of the clusterDef; its default one when absent."},
    {"spec.terminationPolicy", FIELD_STRING, FIELD_REQUIRED,
     .allowed = "DoNotTerminate|Delete|WipeOut",
     .help = "What deleting the cluster does: refuse; remove everything but backups; remove "
             "backups too."},
    {"spec.componentSpecs", FIELD_LIST, .min_len = 1, .max_len = 128, .key = "name",
     .sub = &SHAPE_COMPONENT, .help = "The components."},
    {"spec.componentSpecs[].name", FIELD_STRING, FIELD_REQUIRED, .max_len = 22,
     .pattern = PATTERN_LABEL, .help = "Name of the component; part of every derived name."},
    {"spec.componentSpecs[].componentDef", FIELD_STRING, .max_len = 64,
     .help =
         "ComponentDefinition: exact name, prefix or regular expression; the newest match wins."},
    {"spec.componentSpecs[].tls", FIELD_BOOL, FIELD_REJECTED,
     .instead = "encrypted connections are not served yet"},
    {.path = "spec.componentSpecs[].issuer", .type = FIELD_OPAQUE, .flags = FIELD_NO_EFFECT},
    {"spec.shardings", FIELD_OPAQUE_LIST, FIELD_REJECTED,
     .instead = "sharding is not served yet; use componentSpecs"},
    {"spec.runtimeClassName", FIELD_STRING, .help = "RuntimeClass of all Pods."},
    {"spec.schedulingPolicy", FIELD_OPAQUE, .help = "Scheduling of components that have none."},
    {"spec.services", FIELD_LIST, .key = "name", .sub = &SERVICES,
     .help = "Services of the cluster."},
    {"spec.backup", FIELD_OPAQUE, FIELD_NO_EFFECT,
     .instead = "scheduled backups are not served yet"},
    {"spec.restore", FIELD_OPAQUE, FIELD_REJECTED, .instead = "restoring is not served yet"},
    {.path = "status", .type = FIELD_OBJECT},
    {.path = "status.observedGeneration", .type = FIELD_INT64},
    {"status.phase", FIELD_STRING,
     .allowed = "Creating|Running|Updating|Stopping|Stopped|Deleting|Failed|Abnormal"},
    {.path = "status.message", .type = FIELD_STRING},
    {"status.components", FIELD_MAP, .sub = &COMPONENT_STATUSES},
    {"status.conditions", FIELD_LIST, .key = "type", .sub = &SHAPE_CONDITIONS},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static const struct api_column COLUMNS[] = {
    {"CLUSTER-DEFINITION", ".spec.clusterDef", "string", 0},
    {"TERMINATION-POLICY", ".spec.terminationPolicy", "string", 0},
    {"STATUS", ".status.phase", "string", 0},
    {"AGE", ".metadata.creationTimestamp", "date", 0},
};

const struct api_kind API_KIND_CLUSTER = {
    .group = API_GROUP_APPS,
    .version = "v1",
    .plural = "clusters",
    .singular = "cluster",
    .kind = "Cluster",
    .namespaced = true,
    .categories = "kubeblocks,all",
    .table = &TABLE,
    .columns = COLUMNS,
    .n_columns = ARRAY_LEN(COLUMNS),
    .help = "A database cluster: its components and how they work together.",
};
