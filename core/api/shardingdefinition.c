/* SPDX-License-Identifier: Apache-2.0 */
/* ShardingDefinition: how the shards of a sharding are made. Stored and checked; not acted on yet.
 */
#include "api/kinds.h"
#include "api/shapes.h"

static const struct field ACCOUNT[] = {
    {.path = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {"shared", FIELD_BOOL, .help = "All shards have the same password."},
};
static const struct field_table ACCOUNTS = FIELD_TABLE(ACCOUNT);

static const struct field ROWS[] = {
    {.path = "spec", .type = FIELD_OBJECT},
    {"spec.template.compDef", FIELD_STRING, FIELD_REQUIRED,
     .help = "ComponentDefinition of a shard."},
    {.path = "spec.shardsLimit", .type = FIELD_OBJECT},
    {"spec.shardsLimit.minShards", FIELD_INT32, FIELD_REQUIRED, .min = 0, .max = 2048},
    {"spec.shardsLimit.maxShards", FIELD_INT32, FIELD_REQUIRED, .min = 0, .max = 2048},
    {"spec.provisionStrategy", FIELD_STRING, .def = "\"Serial\"",
     .allowed = "Serial|BestEffortParallel|Parallel"},
    {"spec.updateStrategy", FIELD_STRING, .def = "\"Serial\"",
     .allowed = "Serial|BestEffortParallel|Parallel"},
    {"spec.lifecycleActions", FIELD_OPAQUE, FIELD_REJECTED,
     .instead = "lifecycle actions are code of the engine plugin; name it in the annotation "
                "engine.atoll.io/plugin"},
    {"spec.systemAccounts", FIELD_LIST, .key = "name", .sub = &ACCOUNTS},
    {.path = "spec.tls.shared", .type = FIELD_BOOL},
    {"status", FIELD_OBJECT, .sub = &SHAPE_DEFINITION_STATUS},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static const struct api_column COLUMNS[] = {
    {"TEMPLATE", ".spec.template.compDef", "string", 0},
    {"STATUS", ".status.phase", "string", 0},
    {"AGE", ".metadata.creationTimestamp", "date", 0},
};

const struct api_kind API_KIND_SHARDINGDEFINITION = {
    .group = API_GROUP_APPS,
    .version = "v1",
    .plural = "shardingdefinitions",
    .singular = "shardingdefinition",
    .kind = "ShardingDefinition",
    .namespaced = false,
    .short_names = "sdd",
    .categories = "kubeblocks",
    .table = &TABLE,
    .columns = COLUMNS,
    .n_columns = ARRAY_LEN(COLUMNS),
    .help = "How the shards of a sharded component are made.",
};
