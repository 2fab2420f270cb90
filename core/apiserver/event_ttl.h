/* SPDX-License-Identifier: Apache-2.0 */
/* Events are notes, not records: they go some time after they were last written. */
#ifndef ATOLL_APISERVER_EVENT_TTL_H
#define ATOLL_APISERVER_EVENT_TTL_H

#include "apiserver/rest.h"

struct event_ttl;
struct event_ttl *event_ttl_new(struct api *api, uint64_t ttl_ms);
void event_ttl_free(struct event_ttl *t);

#endif
