/* SPDX-License-Identifier: Apache-2.0 */
/* Table output: the columns of each kind and how a cell is computed. */
#ifndef ATOLL_APISERVER_COLUMNS_H
#define ATOLL_APISERVER_COLUMNS_H

#include "base/json.h"

struct columns; /* for one kind */
/* Built-in kinds; falls back to Name, Age. */
const struct columns *columns_builtin(const char *group, const char *kind);
/* From a CRD version's additionalPrinterColumns (array or NULL). Heap; columns_free. */
struct columns *columns_custom(const cJSON *additional);
void columns_free(struct columns *c);
cJSON *columns_definitions(const struct columns *c); /* columnDefinitions array */
/* Cells of one object at a given time, as an array. */
cJSON *columns_cells(const struct columns *c, const cJSON *obj, int64_t now_us);

/* The JSONPath subset of printer columns and selectableFields: .a.b .a[0].b .a['x.y']
 * [?(@.type=="Ready")].status Returns a borrowed node or NULL. */
const cJSON *jsonpath_get(const cJSON *obj, const char *path);
bool jsonpath_valid(const char *path);

#endif
