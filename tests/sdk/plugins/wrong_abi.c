/* SPDX-License-Identifier: Apache-2.0 */
/* Built for major version 2. */
#include "tiny.h"

static const struct atoll_plugin plugin = {.magic = ATOLL_PLUGIN_MAGIC,
                                           .abi_major = ATOLL_ABI_MAJOR + 1,
                                           .size = sizeof(plugin),
                                           .name = "wrong-abi",
                                           .version = "0.1",
                                           .create = tiny_create,
                                           .destroy = tiny_destroy};

const struct atoll_plugin *atoll_plugin_entry(void)
{
    (void)tiny_roles;
    (void)tiny_host;
    return &plugin;
}
