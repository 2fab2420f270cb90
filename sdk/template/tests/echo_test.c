/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test of a plugin without any host: the services are one struct, written here. It loads the
 * shared object as the host would, probes an instance, promotes it by the advice, and probes again.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "atoll/sugar.h"

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: want %s\n", __FILE__, __LINE__, #cond);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* ---- a fake host
 * ----------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/echo-test-XXXXXX";
static char role[64], verb[64];
static int completions, last_class;

static int32_t get_str(void *impl, const char *name, struct atoll_str *ret)
{
    (void)impl;
    CHECK(strcmp(name, "dir") == 0);
    *ret = atoll_str_of(dir);
    return ATOLL_OK;
}
static int32_t complete(void *impl, struct atoll_op op, const struct atoll_outcome *outcome)
{
    (void)impl;
    (void)op;
    completions++;
    last_class = (int)outcome->class_;
    return ATOLL_OK;
}
static int32_t set(void *impl, struct atoll_op op, struct atoll_str key, struct atoll_str value)
{
    (void)impl;
    (void)op;
    (void)key;
    (void)value;
    return ATOLL_OK;
}
static int32_t report(void *impl, struct atoll_op op, struct atoll_str instance,
                      const struct atoll_role_report *r)
{
    (void)impl;
    (void)op;
    (void)instance;
    CHECK(atoll_str_copy(r->state == ATOLL_ROLE_STATE_KNOWN ? r->role : r->reason, role,
                         sizeof(role)) == 0);
    return ATOLL_OK;
}
static void on_wire(void *impl, uint32_t stage, const struct atoll_wire *w)
{
    (void)impl;
    (void)stage;
    CHECK(atoll_str_copy(atoll_str_of(w->verb), verb, sizeof(verb)) == 0);
}

int main(int argc, char **argv)
{
    static const struct atoll_conf_api conf = {.size = sizeof(conf), .get_str = get_str};
    static const struct atoll_op_api op = {
        .size = sizeof(op), .complete = complete, .set = set, .report = report};
    struct atoll_host host = {.size = sizeof(host), .conf = &conf, .op = &op};
    struct atoll_instance in = {
        .size = sizeof(in), .id = atoll_str_of("i-1"), .name = atoll_str_of("echo-0")};
    const struct atoll_instance *ins[] = {&in};
    struct atoll_component c = {
        .size = sizeof(c), .name = atoll_str_of("echo"), .n_instances = 1, .instances = ins};
    const struct atoll_component *cs[] = {&c};
    struct atoll_view view = {.size = sizeof(view),
                              .component = atoll_str_of("echo"),
                              .n_components = 1,
                              .components = cs};
    struct atoll_advice advice = {.size = sizeof(advice), .wire = on_wire};
    const struct atoll_plugin *(*entry)(void);
    struct atoll_op token = {1};
    char path[300];
    void *so, *self;

    CHECK(argc == 2 && mkdtemp(dir));
    so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(so);
    *(void **)&entry = dlsym(so, "atoll_plugin_entry");
    CHECK(entry && entry()->magic == ATOLL_PLUGIN_MAGIC && entry()->abi_major == ATOLL_ABI_MAJOR);
    CHECK(entry()->create(&host, &self) == 0);

    CHECK(entry()->role_probe->probe(self, &view, &in, token) == 0);
    CHECK(completions == 1 && strcmp(role, "NoFile") == 0);

    entry()->topology->advise(self, &view, &advice);
    CHECK(strcmp(verb, "promote") == 0);
    {
        struct atoll_kv arg = {atoll_str_of("verb"), atoll_str_of(verb)};
        struct atoll_hook_call call = {.size = sizeof(call),
                                       .attempt = 1,
                                       .view = &view,
                                       .instance = &in,
                                       .args = &arg,
                                       .n_args = 1};
        CHECK(entry()->lifecycle->hooks[0].run(self, &call, token) == 0);
        CHECK(completions == 2 && last_class == ATOLL_CLASS_DONE);
    }
    CHECK(entry()->role_probe->probe(self, &view, &in, token) == 0);
    CHECK(completions == 3 && strcmp(role, "primary") == 0);

    entry()->destroy(self);
    snprintf(path, sizeof(path), "%s/echo-0", dir);
    CHECK(unlink(path) == 0 && rmdir(dir) == 0);
    printf("echo: all checks passed\n");
    return 0;
}
