/* SPDX-License-Identifier: Apache-2.0 */
/* Component: one component of a Cluster, written by the Cluster controller. */
#include "api/kinds.h"
#include "api/shapes.h"

static const struct field ROWS[] = {
    {"spec", FIELD_OBJECT, FIELD_REQUIRED, .sub = &SHAPE_COMPONENT},
    {"spec.compDef", FIELD_STRING, FIELD_REQUIRED, .max_len = 64,
     .help = "ComponentDefinition, exact name."},
    {"spec.terminationPolicy", FIELD_STRING, .def = "\"Delete\"",
     .allowed = "DoNotTerminate|Delete|WipeOut"},
    {.path = "spec.runtimeClassName", .type = FIELD_STRING},
    {"spec.tlsConfig", FIELD_OPAQUE, FIELD_REJECTED,
     .instead = "encrypted connections are not served yet"},
    {.path = "spec.sidecars", .type = FIELD_OPAQUE_LIST, .flags = FIELD_NO_EFFECT},
    {"spec.customActions", FIELD_OPAQUE_LIST, FIELD_NO_EFFECT,
     .instead = "hooks are code of the engine"},
    {.path = "status", .type = FIELD_OBJECT},
    {.path = "status.observedGeneration", .type = FIELD_INT64},
    {"status.phase", FIELD_STRING, .allowed = PHASES_COMPONENT},
    {.path = "status.message", .type = FIELD_MAP},
    {"status.conditions", FIELD_LIST, .key = "type", .sub = &SHAPE_CONDITIONS},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static const struct api_column COLUMNS[] = {
    {"DEFINITION", ".spec.compDef", "string", 0},
    {"SERVICE-VERSION", ".spec.serviceVersion", "string", 0},
    {"STATUS", ".status.phase", "string", 0},
    {"AGE", ".metadata.creationTimestamp", "date", 0},
};

const struct api_kind API_KIND_COMPONENT = {
    .group = API_GROUP_APPS,
    .version = "v1",
    .plural = "components",
    .singular = "component",
    .kind = "Component",
    .namespaced = true,
    .short_names = "cmp",
    .categories = "kubeblocks",
    .table = &TABLE,
    .columns = COLUMNS,
    .n_columns = ARRAY_LEN(COLUMNS),
    .help = "One component of a cluster; made from the Cluster, do not edit.",
};
