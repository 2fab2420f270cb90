/* SPDX-License-Identifier: Apache-2.0 */
/* Refuses what it is asked with the code in argument "code"; hook readwrite completes and refuses
 * at once. */
#include "tiny.h"

static int32_t refuse(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    char code[16];
    (void)self;
    (void)op;
    atoll_str_copy(atoll_arg(call, "code"), code, sizeof(code));
    return (int32_t)strtol(code, NULL, 10);
}

static int32_t both(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)call;
    atoll_done(tiny_host(self), op);
    return ATOLL_ERR_BUSY;
}

static int32_t probe(void *self, const struct atoll_view *view,
                     const struct atoll_instance *instance, struct atoll_op op)
{
    (void)self;
    (void)view;
    (void)instance;
    (void)op;
    return ATOLL_ERR_BUSY;
}

static const struct atoll_hook hooks[] = {{"readonly", 0, 1000, refuse},
                                          {"readwrite", 0, 1000, both}};
static const struct atoll_role_probe role_probe = TINY_ROLE_PROBE(.probe = probe);
static const struct atoll_lifecycle lifecycle = TINY_LIFECYCLE(hooks);
TINY_PLUGIN("refuse", .role_probe = &role_probe, .lifecycle = &lifecycle)
