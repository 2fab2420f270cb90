/* SPDX-License-Identifier: Apache-2.0 */
/* ComponentVersion: images by service version. Stored and checked; not acted on yet. */
#include "api/kinds.h"
#include "api/shapes.h"

static const struct field RULE[] = {
    {"compDefs", FIELD_LIST, FIELD_REQUIRED, .min_len = 1, .max_len = 128},
    {"releases", FIELD_LIST, FIELD_REQUIRED, .min_len = 1, .max_len = 128},
};
static const struct field_table RULES = FIELD_TABLE(RULE);

static const struct field RELEASE[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, .max_len = 32},
    {"changes", FIELD_STRING, .max_len = 256},
    {"serviceVersion", FIELD_STRING, FIELD_REQUIRED, .max_len = 32},
    {.path = "images", .type = FIELD_MAP, .flags = FIELD_REQUIRED},
};
static const struct field_table RELEASES = FIELD_TABLE(RELEASE);

static const struct field ROWS[] = {
    {.path = "spec", .type = FIELD_OBJECT},
    {"spec.compatibilityRules", FIELD_LIST, FIELD_REQUIRED, .min_len = 1, .max_len = 128,
     .sub = &RULES},
    {"spec.releases", FIELD_LIST, FIELD_REQUIRED, .key = "name", .min_len = 1, .max_len = 128,
     .sub = &RELEASES},
    {"status", FIELD_OBJECT, .sub = &SHAPE_DEFINITION_STATUS},
    {.path = "status.serviceVersions", .type = FIELD_STRING},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static const struct api_column COLUMNS[] = {
    {"Versions", ".status.serviceVersions", "string", 0},
    {"Status", ".status.phase", "string", 0},
    {"Age", ".metadata.creationTimestamp", "date", 0},
};

const struct api_kind API_KIND_COMPONENTVERSION = {
    .group = API_GROUP_APPS,
    .version = "v1",
    .plural = "componentversions",
    .singular = "componentversion",
    .kind = "ComponentVersion",
    .namespaced = false,
    .short_names = "cmpv",
    .categories = "kubeblocks",
    .table = &TABLE,
    .columns = COLUMNS,
    .n_columns = ARRAY_LEN(COLUMNS),
    .help = "Which images make which version of a component.",
};
