/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to struct atoll_view, in the shape in which the host passes views around. For tests only.
 */
#ifndef REDIS_TESTS_VIEWLOAD_H
#define REDIS_TESTS_VIEWLOAD_H

#include <cjson/cJSON.h>

#include "memory.h"

/* The tree must outlive the view. Aborts with the path on a member it does not know: a typo in a
 * case must not pass as a missing fact. */
const struct atoll_view *view_load(struct pool *pool, const cJSON *json);

#endif
