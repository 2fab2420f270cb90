/* SPDX-License-Identifier: Apache-2.0 */
/* Never comes back: hook readonly blocks its thread and ignores cancel; readwrite works. */
#include <unistd.h>

#include "tiny.h"

static int32_t never_return(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)self;
    (void)call;
    (void)op;
    for (;;)
        pause();
    return ATOLL_OK;
}

static int32_t fine(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)call;
    atoll_done(tiny_host(self), op);
    return ATOLL_OK;
}

static const struct atoll_hook hooks[] = {{"readonly", 0, 200, never_return},
                                          {"readwrite", 0, 5000, fine}};
static const struct atoll_lifecycle lifecycle =
    TINY_LIFECYCLE(hooks, .threads = ATOLL_THREADS_PARALLEL);
TINY_PLUGIN("hang", .lifecycle = &lifecycle)
