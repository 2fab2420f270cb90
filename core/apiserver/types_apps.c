/* SPDX-License-Identifier: Apache-2.0 */
/* ControllerRevision of apps/v1: a snapshot that a controller keeps of its own. Its data never
 * changes. */
#include "apiserver/types_rows.h"

static const struct type_field controller_revision_rows[] = {
    ROW_OBJ("metadata", 1, 0, &TYPE_OBJECT_META),
    ROW_ANY("data", 2, TF_IMMUTABLE | TF_RAW, .help = "The snapshot; any JSON."),
    ROW_LONG("revision", 3, 0, .def = "0", .help = "Number of the snapshot; higher is newer."),
    ROW_END,
};
const struct type TYPE_CONTROLLER_REVISION = {.name = "ControllerRevision",
                                              .package = "io.k8s.api.apps.v1",
                                              .fields = controller_revision_rows,
                                              .check = controller_revision_check,
                                              .help = "A snapshot of a controller's state."};

void controller_revision_check(const cJSON *obj, const cJSON *old, const char *path,
                               struct causes *c)
{
    (void)old;
    type_check_range(obj, path, "revision", 0, INT64_MAX, c);
}
