/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin of a later minor version: every table has members this host does not know, the elements
 * of its arrays are larger, and an ignorable flag is set. It must load and work.
 */
#include "tiny.h"

struct newer_role {
    struct atoll_role v1;
    const char *icon;
};
struct newer_hook {
    struct atoll_hook v1;
    uint64_t cost;
};
struct newer_option {
    struct atoll_option v1;
    const char *unit;
};
struct newer_role_probe {
    struct atoll_role_probe v1;
    void (*later)(void);
};
struct newer_lifecycle {
    struct atoll_lifecycle v1;
    void (*later)(void);
};
struct newer_topology {
    struct atoll_topology v1;
    void (*later)(void);
};
struct newer_plugin {
    struct atoll_plugin v1;
    const void *later_family;
};

static const struct newer_role roles[] = {{{"primary", ATOLL_ROLE_WRITABLE, 3}, "x"},
                                          {{"witness", 0, 1}, "y"}};
static const struct newer_option options[] = {
    {{"first", "1", "", ATOLL_OPTION_INT, 0, 0, 9}, "s"},
    {{"second", "two", "", ATOLL_OPTION_STR, 0, 0, 0}, "ms"}};

static int32_t probe(void *self, const struct atoll_view *view,
                     const struct atoll_instance *instance, struct atoll_op op)
{
    (void)view;
    atoll_report_role(tiny_host(self), op, instance->id, "witness", 4, NULL, 0);
    atoll_done(tiny_host(self), op);
    return ATOLL_OK;
}

static int32_t second_hook(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    char text[32];
    (void)call;
    atoll_str_copy(atoll_conf_text(tiny_host(self), "second"), text, sizeof(text));
    atoll_result(tiny_host(self), op, "second", text);
    atoll_done(tiny_host(self), op);
    return ATOLL_OK;
}

static int32_t never(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)self;
    (void)call;
    (void)op;
    return ATOLL_ERR_NOTSUP;
}

static const struct newer_hook hooks[] = {{{"readonly", 0, 100, never}, 1},
                                          {{"readwrite", 0, 5000, second_hook}, 2}};
static const struct newer_role_probe role_probe = {.v1 = {.size = sizeof(role_probe),
                                                          .roles = &roles[0].v1,
                                                          .n_roles = 2,
                                                          .role_size = sizeof(roles[0]),
                                                          .period_ms = 100,
                                                          .timeout_ms = 200,
                                                          .probe = probe}};
static const struct newer_lifecycle lifecycle = {.v1 = {.size = sizeof(lifecycle),
                                                        .hooks = &hooks[0].v1,
                                                        .n_hooks = 2,
                                                        .hook_size = sizeof(hooks[0])}};
static const struct newer_topology topology = {.v1 = {.size = sizeof(topology)}};

static const struct newer_plugin plugin = {.v1 = {.magic = ATOLL_PLUGIN_MAGIC,
                                                  .abi_major = ATOLL_ABI_MAJOR,
                                                  .abi_minor = ATOLL_ABI_MINOR + 7,
                                                  .size = sizeof(plugin),
                                                  .flags = 0x0001,
                                                  .name = "newer",
                                                  .version = "0.1",
                                                  .options = &options[0].v1,
                                                  .n_options = 2,
                                                  .option_size = sizeof(options[0]),
                                                  .create = tiny_create,
                                                  .destroy = tiny_destroy,
                                                  .role_probe = &role_probe.v1,
                                                  .lifecycle = &lifecycle.v1,
                                                  .topology = &topology.v1}};

const struct atoll_plugin *atoll_plugin_entry(void)
{
    (void)tiny_roles;
    return &plugin.v1;
}
