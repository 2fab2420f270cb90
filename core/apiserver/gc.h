/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage collection by ownerReferences: background, foreground, orphan. */
#ifndef ATOLL_APISERVER_GC_H
#define ATOLL_APISERVER_GC_H

#include "apiserver/rest.h"

struct gc *gc_new(struct api *api);
void gc_free(struct gc *g);

/* ---- pure, for tests ---- */
/* Removes the references to these uids (ended by an empty one); whether any was there. */
bool gc_drop_owner(cJSON *obj, const char *uid);
enum owner_state { OWNER_NONE, OWNER_ALL_GONE, OWNER_SOME_GONE, OWNER_ALL_THERE };
/* By asking `there` for each owner uid of the list (each ended by NUL, the list by an empty one).
 */
enum owner_state gc_owner_state(const char *owners, bool (*there)(void *arg, const char *uid),
                                void *arg);

#endif
