/* SPDX-License-Identifier: Apache-2.0 */
/* ClusterDefinition: the topologies of an engine. It comes from the engine's plugin. */
#include "api/kinds.h"
#include "api/shapes.h"

static const struct field MEMBER[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 16, .pattern = PATTERN_LABEL},
    {"compDef", FIELD_STRING, FIELD_REQUIRED, .max_len = 64,
     .help = "ComponentDefinition: exact name, prefix or regular expression."},
    {"template", FIELD_BOOL, .help = "Any component whose name starts with this one."},
};
static const struct field_table MEMBERS = FIELD_TABLE(MEMBER);

static const struct field SHARDING[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 16, .pattern = PATTERN_LABEL},
    {"shardingDef", FIELD_STRING, FIELD_REQUIRED, .max_len = 64},
};
static const struct field_table SHARDINGS = FIELD_TABLE(SHARDING);

static const struct field TOPOLOGY[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 32},
    {"default", FIELD_BOOL, .help = "Used when the Cluster names none."},
    {"components", FIELD_LIST, .key = "name", .max_len = 128, .sub = &MEMBERS},
    {"shardings", FIELD_LIST, .key = "name", .max_len = 128, .sub = &SHARDINGS},
    {"orders.provision", FIELD_LIST,
     .help = "Stages, each a comma list of components; a stage waits for the one before."},
    {"orders.terminate", FIELD_LIST, .help = "The same for deletion."},
    {"orders.update", FIELD_LIST, .help = "The same for changes."},
};
static const struct field_table TOPOLOGIES = FIELD_TABLE(TOPOLOGY);

static const struct field ROWS[] = {
    {.path = "spec", .type = FIELD_OBJECT},
    {"spec.topologies", FIELD_LIST, .key = "name", .min_len = 1, .max_len = 128,
     .sub = &TOPOLOGIES},
    {"status", FIELD_OBJECT, .sub = &SHAPE_DEFINITION_STATUS},
    {.path = "status.topologies", .type = FIELD_STRING},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static const struct api_column COLUMNS[] = {
    {"Topologies", ".status.topologies", "string", 0},
    {"STATUS", ".status.phase", "string", 0},
    {"AGE", ".metadata.creationTimestamp", "date", 0},
};

const struct api_kind API_KIND_CLUSTERDEFINITION = {
    .group = API_GROUP_APPS,
    .version = "v1",
    .plural = "clusterdefinitions",
    .singular = "clusterdefinition",
    .kind = "ClusterDefinition",
    .namespaced = false,
    .short_names = "cd",
    .categories = "kubeblocks",
    .table = &TABLE,
    .columns = COLUMNS,
    .n_columns = ARRAY_LEN(COLUMNS),
    .help =
        "The topologies an engine offers, and the orders in which their components come and go.",
};
