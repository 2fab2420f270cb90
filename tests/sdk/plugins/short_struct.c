/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor that ends before the members of version 1.0. */
#include "tiny.h"

static const struct atoll_plugin plugin = {.magic = ATOLL_PLUGIN_MAGIC,
                                           .abi_major = ATOLL_ABI_MAJOR,
                                           .size = offsetof(struct atoll_plugin, create),
                                           .name = "short-struct",
                                           .version = "0.1",
                                           .create = tiny_create,
                                           .destroy = tiny_destroy};

const struct atoll_plugin *atoll_plugin_entry(void)
{
    (void)tiny_roles;
    return &plugin;
}
