/* SPDX-License-Identifier: Apache-2.0 */
/* Inside io only: the libuv loop of a loop, and things that live on it after their owner let go. */
#ifndef ATOLL_IO_LOOP_OWN_H
#define ATOLL_IO_LOOP_OWN_H

#include <uv.h>

#include "base/list.h"
#include "io/loop.h"

uv_loop_t *loop_uv(struct loop *l);

/* Dropped with the loop at the latest; drop() frees everything, the loop runs no callback after it.
 */
struct loop_owned {
    struct list node;
    void (*drop)(struct loop_owned *o);
};
void loop_own(struct loop *l, struct loop_owned *o, void (*drop)(struct loop_owned *o));
void loop_disown(struct loop_owned *o);

#endif
