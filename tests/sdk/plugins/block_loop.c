/* SPDX-License-Identifier: Apache-2.0 */
/* Declares LOOP and blocks: readonly for ever, readwrite for 30 ms (which is too long too). */
#include <unistd.h>

#include "tiny.h"

static int32_t block_for_ever(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)self;
    (void)call;
    (void)op;
    for (;;)
        pause();
    return ATOLL_OK;
}

static int32_t block_a_little(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)call;
    usleep(30000);
    atoll_done(tiny_host(self), op);
    return ATOLL_OK;
}

static const struct atoll_hook hooks[] = {{"readonly", 0, 20000, block_for_ever},
                                          {"readwrite", 0, 1000, block_a_little}};
static const struct atoll_lifecycle lifecycle =
    TINY_LIFECYCLE(hooks, .threads = ATOLL_THREADS_LOOP);
TINY_PLUGIN("block-loop", .lifecycle = &lifecycle)
