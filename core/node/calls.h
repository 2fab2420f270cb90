/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API calls whose answer may come after their caller is gone. The client promises to call back
 * once, whoever asked; a node that is freed forgets its calls here, and late answers find nobody.
 */
#ifndef ATOLL_NODE_CALLS_H
#define ATOLL_NODE_CALLS_H

#include "kube/kube.h"

struct calls;
struct calls *calls_new(struct kube_client *client);
/* Forgets every open call; `drop` of each runs now. */
void calls_free(struct calls *c);
/* As kube_start. `drop` (may be NULL) frees arg when done will never run. */
void calls_start(struct calls *c, const struct kube_call *call, kube_done_fn *done, void *arg,
                 void (*drop)(void *arg));

#endif
