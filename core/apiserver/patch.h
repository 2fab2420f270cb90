/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 6902. Merge patch is json_merge_patch (base/json.h), strategic merge is in types.h. */
#ifndef ATOLL_APISERVER_PATCH_H
#define ATOLL_APISERVER_PATCH_H

#include "base/json.h"

#define PATCH_OPS_MAX 10000
/* `target` is consumed; *ret is the result. -EINVAL: the patch is malformed (400); -ENOENT, -EPERM:
 * an operation failed (422): missing path, failed test. */
int patch_json(cJSON *target, const cJSON *ops, cJSON **ret, struct err **err);

#endif
