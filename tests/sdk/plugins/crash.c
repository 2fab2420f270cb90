/* SPDX-License-Identifier: Apache-2.0 */
/* Writes through a null pointer in the probe of every instance whose name starts with "bomb". */
#include <string.h>

#include "tiny.h"

static int *volatile nowhere;

__attribute__((no_sanitize("undefined"), no_sanitize("address"))) static int32_t
probe(void *self, const struct atoll_view *view, const struct atoll_instance *instance,
      struct atoll_op op)
{
    (void)view;
    if (instance->name.len >= 4 && memcmp(instance->name.ptr, "bomb", 4) == 0)
        *nowhere = 1;
    atoll_report_role(tiny_host(self), op, instance->id, "primary", 1, NULL, 0);
    atoll_done(tiny_host(self), op);
    return ATOLL_OK;
}

/* An operation that is open when the crash comes. */
static int32_t wait_for_ever(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)self;
    (void)call;
    (void)op;
    return ATOLL_OK;
}

static const struct atoll_hook hooks[] = {{"readonly", 0, 60000, wait_for_ever}};
static const struct atoll_role_probe role_probe =
    TINY_ROLE_PROBE(.threads = ATOLL_THREADS_LOOP, .probe = probe);
static const struct atoll_lifecycle lifecycle =
    TINY_LIFECYCLE(hooks, .threads = ATOLL_THREADS_LOOP);
TINY_PLUGIN("crash", .role_probe = &role_probe, .lifecycle = &lifecycle)
