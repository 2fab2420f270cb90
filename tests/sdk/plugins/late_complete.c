/* SPDX-License-Identifier: Apache-2.0 */
/* Completes long after its deadline and its grace: 3.2 s after a deadline of 200 ms. */
#include <unistd.h>

#include "tiny.h"

static int32_t late(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)call;
    while (tiny_host(self)->op->remaining_ms(tiny_host(self)->impl, op) > -3000)
        usleep(10000);
    if (atoll_done(tiny_host(self), op) != ATOLL_ERR_UNKNOWN)
        abort();
    return ATOLL_OK;
}

static const struct atoll_hook hooks[] = {{"readonly", 0, 200, late}};
static const struct atoll_lifecycle lifecycle =
    TINY_LIFECYCLE(hooks, .threads = ATOLL_THREADS_PER_INSTANCE);
TINY_PLUGIN("late-complete", .lifecycle = &lifecycle)
