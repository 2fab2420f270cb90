/* SPDX-License-Identifier: Apache-2.0 */
/* Completes twice, and talks about an operation that is over. */
#include "tiny.h"

static int32_t twice(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    int32_t second, set;
    (void)call;
    atoll_complete(tiny_host(self), op, ATOLL_CLASS_DONE, "First", "the first one counts");
    second = atoll_complete(tiny_host(self), op, ATOLL_CLASS_FATAL, "Second", "this one must not");
    set = atoll_result(tiny_host(self), op, "late", "yes");
    if (second != ATOLL_ERR_UNKNOWN || set != ATOLL_ERR_UNKNOWN)
        abort();
    return ATOLL_OK;
}

static const struct atoll_hook hooks[] = {{"readonly", 0, 1000, twice}};
static const struct atoll_lifecycle lifecycle =
    TINY_LIFECYCLE(hooks, .threads = ATOLL_THREADS_LOOP);
TINY_PLUGIN("double-complete", .lifecycle = &lifecycle)
