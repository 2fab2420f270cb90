/* SPDX-License-Identifier: Apache-2.0 */
/* What is served: discovery, OpenAPI, version, health, metrics; everything that is not an object.
 */
#ifndef ATOLL_APISERVER_DISCOVERY_H
#define ATOLL_APISERVER_DISCOVERY_H

#include "apiserver/rest.h"

struct discovery;
struct discovery *discovery_new(struct api *api);
void discovery_free(struct discovery *d);
/* Any request that is not for an object; answers it. */
void discovery_answer(struct call *c);

#endif
