/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor: what this plugin is called, what it offers, and the birth and death of its state.
 */
#include "redis.h"

#ifndef REDIS_PLUGIN_VERSION
#define REDIS_PLUGIN_VERSION "0.1.0"
#endif

static const struct atoll_option options[] = {
    {"down_after", "5s", "how long a primary must be silent before sentinels hold it for down",
     ATOLL_OPTION_DURATION, 0, 300, 3600000},
    {"failover_timeout", "60s", "how long sentinels give one failover", ATOLL_OPTION_DURATION, 0,
     1000, 3600000},
    {"command_timeout", "500ms", "how long one answer of a server or sentinel may take",
     ATOLL_OPTION_DURATION, 0, 50, 60000},
    {"switchover_pause", "2s",
     "the longest pause of writes in a switchover (at most half of down_after)",
     ATOLL_OPTION_DURATION, 0, 200, 60000},
};

static const struct atoll_role roles[] = {
    {ROLE_PRIMARY, ATOLL_ROLE_WRITABLE | ATOLL_ROLE_EXCLUSIVE, 2},
    {ROLE_SECONDARY, 0, 1},
};

static void cancel_probe(void *p, struct atoll_op op)
{
    struct redis *self = CAST(redis, p);
    if (!watch_cancel(self, op))
        (void)probe_cancel(self, op);
}

static const struct atoll_role_probe role_probe = {
    .size = sizeof(role_probe),
    .threads = ATOLL_THREADS_LOOP,
    .roles = roles,
    .n_roles = ARRAY_LEN(roles),
    .role_size = sizeof(roles[0]),
    .period_ms = 1000,
    .timeout_ms = 1000,
    .probe = probe_start,
    .watch = watch_start,
    .cancel = cancel_probe,
    .forget = probe_forget,
};

static const struct atoll_hook hooks[] = {
    {"wire", 0, 15000, wire_start},
    {"switchover", 0, 20000, switchover_start},
    {"member-leave", 0, 10000, member_leave_start},
};

static const struct atoll_lifecycle lifecycle = {
    .size = sizeof(lifecycle),
    .threads = ATOLL_THREADS_LOOP,
    .hooks = hooks,
    .n_hooks = ARRAY_LEN(hooks),
    .hook_size = sizeof(hooks[0]),
    .cancel = errand_cancel,
};

static const struct atoll_topology topology = {
    .size = sizeof(topology),
    .definitions = "redis.definitions",
    .validate = validate,
    .render = render,
    .advise = advise,
};

static int32_t create(const struct atoll_host *host, void **ret_self)
{
    struct redis *self = heap_new(struct redis);
    self->magic = redis_MAGIC;
    self->host = host;
    self->settings.down_after_ms = atoll_conf_number(host, "down_after", 5000);
    self->settings.failover_timeout_ms = atoll_conf_number(host, "failover_timeout", 60000);
    self->settings.command_timeout_ms = atoll_conf_number(host, "command_timeout", 500);
    self->settings.switchover_pause_ms = atoll_conf_number(host, "switchover_pause", 2000);
    *ret_self = self;
    return ATOLL_OK;
}

static void destroy(void *p)
{
    struct redis *self = CAST(redis, p);
    errand_drop_all(self);
    probe_drop_all(self);
    watch_drop_all(self);
    self->magic = 0;
    heap_free(self);
}

static const struct atoll_plugin plugin = {
    .magic = ATOLL_PLUGIN_MAGIC,
    .abi_major = ATOLL_ABI_MAJOR,
    .abi_minor = ATOLL_ABI_MINOR,
    .size = sizeof(plugin),
    .name = "redis",
    .version = REDIS_PLUGIN_VERSION,
    .summary = "Redis 7: standalone, and replication with Sentinel",
    .options = options,
    .n_options = ARRAY_LEN(options),
    .option_size = sizeof(options[0]),
    .create = create,
    .destroy = destroy,
    .role_probe = &role_probe,
    .lifecycle = &lifecycle,
    .topology = &topology,
};

ATOLL_EXPORT const struct atoll_plugin *atoll_plugin_entry(void)
{
    return &plugin;
}
