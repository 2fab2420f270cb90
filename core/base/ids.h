/* SPDX-License-Identifier: Apache-2.0 */
/* Random names and identifiers, from the kernel's generator. */
#ifndef ATOLL_BASE_IDS_H
#define ATOLL_BASE_IDS_H

#include "base/mem.h"

#define IDS_UUID_MAX 37
void ids_random(void *p, size_t n);
const char *ids_uuid(char out[IDS_UUID_MAX]); /* version 4 */
/* n characters of Kubernetes' name alphabet "bcdfghjklmnpqrstvwxz2456789", NUL-terminated: out
 * holds n+1. */
const char *ids_suffix(char *out, size_t n);
const char *ids_token(char *out, size_t n); /* letters and digits, for secrets */

#endif
