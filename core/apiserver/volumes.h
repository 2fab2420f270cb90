/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and volumes that are in use outlive their deletion until nothing uses them. */
#ifndef ATOLL_APISERVER_VOLUMES_H
#define ATOLL_APISERVER_VOLUMES_H

#include "apiserver/rest.h"

struct volumes *volumes_new(struct api *api);
void volumes_free(struct volumes *v);

/* ---- pure, for tests ---- */
bool pod_uses_claim(const cJSON *pod, const char *claim); /* a Pod that has not ended */

#endif
