/* SPDX-License-Identifier: Apache-2.0 */
/* Sets a must-understand flag no host of version 1.0 knows. */
#include "tiny.h"

static const struct atoll_plugin plugin = {.magic = ATOLL_PLUGIN_MAGIC,
                                           .abi_major = ATOLL_ABI_MAJOR,
                                           .size = sizeof(plugin),
                                           .flags = 0x00040001u,
                                           .name = "must-understand",
                                           .version = "0.1",
                                           .create = tiny_create,
                                           .destroy = tiny_destroy};

const struct atoll_plugin *atoll_plugin_entry(void)
{
    (void)tiny_roles;
    return &plugin;
}
