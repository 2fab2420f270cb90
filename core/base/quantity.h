/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes quantities: "100m", "1.5", "512Mi", "2G", "1e3". */
#ifndef ATOLL_BASE_QUANTITY_H
#define ATOLL_BASE_QUANTITY_H

#include "base/err.h"

/* Value in thousandths (so "100m" is 100, "1Ki" is 1024000), rounded up. The error quotes the text.
 */
int quantity_parse(const char *text, int64_t *ret_milli, struct err **err);
/* The form Kubernetes stores: "1000m" -> "1", "1024Mi" -> "1Gi", "0.5" -> "500m". out holds 48
 * bytes. */
int quantity_canonical(const char *text, char out[48], struct err **err);

#endif
