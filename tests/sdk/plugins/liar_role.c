/* SPDX-License-Identifier: Apache-2.0 */
/* Reports a role it does not declare, for another instance than asked, twice, and without
 * completing an answer. */
#include "tiny.h"

static int32_t probe(void *self, const struct atoll_view *view,
                     const struct atoll_instance *instance, struct atoll_op op)
{
    const struct atoll_host *host = tiny_host(self);
    (void)view;
    if (atoll_str_is(instance->name, "liar-0"))
        atoll_report_role(host, op, instance->id, "king", 1, NULL, 0);
    else if (atoll_str_is(instance->name, "liar-1") &&
             atoll_report_role(host, op, atoll_str_of("somebody-else"), "primary", 1, NULL, 0) !=
                 ATOLL_ERR_INVALID)
        abort();
    atoll_done(host, op);
    return ATOLL_OK;
}

static const struct atoll_role_probe role_probe =
    TINY_ROLE_PROBE(.threads = ATOLL_THREADS_LOOP, .probe = probe);
TINY_PLUGIN("liar-role", .role_probe = &role_probe)
