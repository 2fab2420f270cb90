/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every small test plugin shares: one instance of `self`, create and destroy that count, and a
 * macro that fills a descriptor. Each plugin includes it once.
 */
#ifndef TESTS_SDK_TINY_H
#define TESTS_SDK_TINY_H

#include <stdlib.h>

#include "atoll/sugar.h"

struct tiny {
    const struct atoll_host *host;
};

static inline const struct atoll_host *tiny_host(void *self)
{
    return ((struct tiny *)self)->host;
}

static int32_t tiny_create(const struct atoll_host *host, void **ret_self)
{
    struct tiny *t = calloc(1, sizeof(*t));
    if (!t)
        return ATOLL_ERR_SYSTEM;
    t->host = host;
    *ret_self = t;
    return ATOLL_OK;
}

static void tiny_destroy(void *self)
{
    free(self);
}

__attribute__((unused)) static const struct atoll_role tiny_roles[] = {
    {"primary", ATOLL_ROLE_WRITABLE | ATOLL_ROLE_EXCLUSIVE, 2},
    {"secondary", 0, 1},
};

#define TINY_ROLE_PROBE(...)                                                                       \
    {                                                                                              \
        .size = sizeof(struct atoll_role_probe), .roles = tiny_roles, .n_roles = 2,                \
        .role_size = sizeof(struct atoll_role), .period_ms = 100, .timeout_ms = 200, ##__VA_ARGS__ \
    }

#define TINY_LIFECYCLE(table, ...)                                                                 \
    {                                                                                              \
        .size = sizeof(struct atoll_lifecycle), .hooks = (table),                                  \
        .n_hooks = sizeof(table) / sizeof((table)[0]), .hook_size = sizeof(struct atoll_hook),     \
        ##__VA_ARGS__                                                                              \
    }

#define TINY_PLUGIN(the_name, ...)                                                                 \
    static const struct atoll_plugin tiny_plugin = {.magic = ATOLL_PLUGIN_MAGIC,                   \
                                                    .abi_major = ATOLL_ABI_MAJOR,                  \
                                                    .abi_minor = ATOLL_ABI_MINOR,                  \
                                                    .size = sizeof(struct atoll_plugin),           \
                                                    .name = the_name,                              \
                                                    .version = "0.1",                              \
                                                    .summary = "a plugin for tests",               \
                                                    .create = tiny_create,                         \
                                                    .destroy = tiny_destroy,                       \
                                                    __VA_ARGS__};                                  \
    const struct atoll_plugin *atoll_plugin_entry(void)                                            \
    {                                                                                              \
        return &tiny_plugin;                                                                       \
    }

#endif
