/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors from memory: what is refused and with which sentence, what is copied; options;
 * definitions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "engine/engine.h"
#include "engine/load.h"

/* ---- a good descriptor, to be spoiled one member at a time
 * ------------------------------------------------------------ */

static int32_t create(const struct atoll_host *host, void **ret_self)
{
    (void)host;
    *ret_self = NULL;
    return ATOLL_OK;
}
static void destroy(void *self)
{
    (void)self;
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
static int32_t hook(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    (void)self;
    (void)call;
    (void)op;
    return ATOLL_ERR_BUSY;
}

struct parts {
    struct atoll_role roles[2];
    struct atoll_hook hooks[2];
    struct atoll_option options[2];
    struct atoll_role_probe role_probe;
    struct atoll_lifecycle lifecycle;
    struct atoll_topology topology;
    struct atoll_plugin plugin;
};

static void parts_make(struct parts *p)
{
    *p = (struct parts){
        .roles = {{"primary", 0, 2}, {"secondary", 0, 1}},
        .hooks = {{"wire", 0, 100, hook}, {"readonly", 0, 0, hook}},
        .options = {{"a", "1", "", ATOLL_OPTION_INT, 0, 0, 5},
                    {"b", NULL, "", ATOLL_OPTION_STR, 0, 0, 0}},
        .role_probe = {.size = sizeof(p->role_probe),
                       .n_roles = 2,
                       .role_size = sizeof(p->roles[0]),
                       .probe = probe},
        .lifecycle = {.size = sizeof(p->lifecycle), .n_hooks = 2, .hook_size = sizeof(p->hooks[0])},
        .topology = {.size = sizeof(p->topology)},
        .plugin = {.magic = ATOLL_PLUGIN_MAGIC,
                   .abi_major = 1,
                   .size = sizeof(p->plugin),
                   .name = "good",
                   .version = "1",
                   .n_options = 2,
                   .option_size = sizeof(p->options[0]),
                   .create = create,
                   .destroy = destroy}};
    p->role_probe.roles = p->roles;
    p->lifecycle.hooks = p->hooks;
    p->plugin.options = p->options;
    p->plugin.role_probe = &p->role_probe;
    p->plugin.lifecycle = &p->lifecycle;
    p->plugin.topology = &p->topology;
}

static void test_good_one(void **state)
{
    (void)state;
    struct parts parts;
    struct plugin *p = NULL;
    parts_make(&parts);
    assert_int_equal(plugin_adopt(&parts.plugin, "/x/good.so", "good", &p, NULL), 0);
    assert_ptr_not_equal(p->desc.role_probe, &parts.role_probe); /* copies all the way down */
    assert_ptr_not_equal(p->role_probe.roles, parts.roles);
    assert_true(plugin_has_role(p, STR("secondary")) && !plugin_has_role(p, STR("king")));
    assert_int_equal(plugin_hook(p, STR("wire"))->deadline_ms, 100);
    assert_null(plugin_hook(p, STR("wir")));
    AUTO(json_freep) cJSON *d = plugin_describe(p);
    assert_int_equal(json_int(0, d, "hooks", "wire"), 100);
    assert_true(json_bool(false, d, "families", "topology"));
    assert_false(json_bool(true, d, "families", "watch"));
    plugin_free(p);
}

static void test_families_are_optional(void **state)
{
    (void)state;
    struct parts parts;
    struct plugin *p = NULL;
    parts_make(&parts);
    parts.plugin.role_probe = NULL;
    parts.plugin.lifecycle = NULL;
    parts.plugin.topology = NULL;
    assert_int_equal(plugin_adopt(&parts.plugin, "/x/good.so", NULL, &p, NULL), 0);
    assert_null(p->desc.role_probe);
    assert_null(plugin_hook(p, STR("wire")));
    plugin_free(p);
}

/* ---- refusals
 * --------------------------------------------------------------------------------------------------------------
 */

#define SPOIL(name, statement)                                                                     \
    static void spoil_##name(struct parts *p)                                                      \
    {                                                                                              \
        statement;                                                                                 \
    }
SPOIL(magic, p->plugin.magic = 7)
SPOIL(major, p->plugin.abi_major = 3)
SPOIL(size, p->plugin.size = 40)
SPOIL(huge, p->plugin.size = 1u << 30)
SPOIL(flags, p->plugin.flags = 0x80000000u)
SPOIL(name, p->plugin.name = "Not A Label")
SPOIL(other, p->plugin.name = "bad")
SPOIL(version, p->plugin.version = NULL)
SPOIL(create, p->plugin.create = NULL)
SPOIL(destroy, p->plugin.destroy = NULL)
SPOIL(probe, p->role_probe.probe = NULL)
SPOIL(probe_size, p->role_probe.size = 16)
SPOIL(threads, p->role_probe.threads = 1234)
SPOIL(roles, p->role_probe.roles = NULL)
SPOIL(n_roles, p->role_probe.n_roles = 1000)
SPOIL(role_size, p->role_probe.role_size = 4)
SPOIL(role_name, p->roles[1].name = "")
SPOIL(hook_name, p->hooks[1].name = "memberJoin")
SPOIL(hook_twice, p->hooks[1].name = "wire")
SPOIL(hook_run, p->hooks[0].run = NULL)
SPOIL(hook_size, p->lifecycle.hook_size = 8)
SPOIL(topology, p->topology.size = 8)
SPOIL(option_type, p->options[0].type = 9)
SPOIL(option_name, p->options[1].name = NULL)
SPOIL(outside, p->topology.definitions = "../secret")

static const struct {
    void (*spoil)(struct parts *p);
    const char *sentence;
} refusals[] = {
    {spoil_magic, "magic: want 4c4f5441, found 00000007"},
    {spoil_major, "ABI major: want 1, found 3"},
    {spoil_size, "descriptor.size: want at least 96 (version 1.0), found 40"},
    {spoil_huge, "descriptor.size: want at least 96 (version 1.0), found 1073741824"},
    {spoil_flags, "flags: it needs features 80000000 of a newer host, this one is 1.0"},
    {spoil_name, "name: want a DNS label, found \"Not A Label\""},
    {spoil_other, "name: want \"good\" as configured, found \"bad\""},
    {spoil_version, "version: want a version, found none"},
    {spoil_create, "create: want a function, found NULL"},
    {spoil_destroy, "destroy: want a function, found NULL"},
    {spoil_probe, "role_probe.probe: want a function, found NULL"},
    {spoil_probe_size, "role_probe.size: want at least 64 (version 1.0), found 16"},
    {spoil_threads, "role_probe.threads: want 0, 1000, 2000, 3000 or 4000, found 1234"},
    {spoil_roles, "roles: 2 announced, found a NULL table"},
    {spoil_n_roles, "roles: want at most 16, found 1000"},
    {spoil_role_size, "roles.size: want at least 16 (version 1.0), found 4"},
    {spoil_role_name, "roles[1].name: want a name, found none"},
    {spoil_hook_name,
     "hooks[1].name: want one of post-provision pre-terminate member-join member-leave switchover "
     "readonly readwrite data-dump data-load reconfigure shard-add shard-remove account-provision "
     "available-probe wire, found \"memberJoin\""},
    {spoil_hook_twice, "hook wire stands twice in the table"},
    {spoil_hook_run, "hooks[0]: want a name and a function"},
    {spoil_hook_size, "hooks.size: want at least 24 (version 1.0), found 8"},
    {spoil_topology, "topology.size: want at least 40 (version 1.0), found 8"},
    {spoil_option_type, "option a: want type 0..3, found 9"},
    {spoil_option_name, "options[1].name: want a name, found none"},
    {spoil_outside, "definitions: want a name relative to its folder, found \"../secret\""},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct parts parts;
        struct plugin *p = NULL;
        struct err *err = NULL;
        AUTO(mem_freep) char *want = mem_printf("plugin /x/good.so: %s", refusals[i].sentence);
        parts_make(&parts);
        refusals[i].spoil(&parts);
        assert_true(plugin_adopt(&parts.plugin, "/x/good.so", "good", &p, &err) < 0);
        assert_null(p);
        assert_string_equal(err_text(err), want);
        err_free(err);
    }
    struct plugin *p = NULL;
    assert_int_equal(plugin_adopt(NULL, "/x/good.so", "good", &p, NULL), -EINVAL);
}

static void check_path(const char *path, int code, const char *part)
{
    struct plugin *p = NULL;
    struct err *err = NULL;
    assert_int_equal(plugin_load(path, NULL, &p, &err), code);
    if (!strstr(err_text(err), part))
        fail_msg("want \"%s\" in \"%s\"", part, err_text(err));
    err_free(err);
}

static void test_paths(void **state)
{
    (void)state;
    char dir[] = "/tmp/atoll-load-XXXXXX";
    assert_non_null(mkdtemp(dir));
    AUTO(mem_freep) char *so = file_path(dir, "x.so");
    check_path("x.so", -EINVAL, "want an absolute path");
    check_path(so, -ENOENT, "No such file");
    check_path(dir, -EINVAL, "want a regular file");
    assert_int_equal(file_replace(so, "not ELF", 7, 0755, NULL), 0);
    check_path(so, -EINVAL, so); /* the linker's own words */
    assert_int_equal(chmod(so, 0757), 0);
    check_path(so, -EPERM, "want mode not writable by others, found 0757");
    if (geteuid() == 0) {
        assert_int_equal(chmod(so, 0775) | chown(so, 0, 12345), 0);
        check_path(so, -EPERM, "of gid 12345");
        assert_int_equal(chown(so, 12345, 0), 0);
        check_path(so, -EPERM, "want owner root or uid 0, found uid 12345");
    }
    file_tree_remove(dir, NULL);
}

/* ---- options and definitions
 * --------------------------------------------------------------------------------------------------
 */

static const struct atoll_option table[] = {
    {"text", "hello", "", ATOLL_OPTION_STR, 0, 0, 8},
    {"count", "3", "", ATOLL_OPTION_INT, 0, 1, 9},
    {"flag", "false", "", ATOLL_OPTION_BOOL, 0, 0, 0},
    {"wait", "2s", "", ATOLL_OPTION_DURATION, 0, 100, 5000},
    {"bare", NULL, "", ATOLL_OPTION_DURATION, 0, 0, 0},
};

static int check(const char *name, const char *value, struct option_value **ret, struct err **err)
{
    AUTO(json_freep) cJSON *given = cJSON_CreateObject();
    if (name) {
        json_put_str(given, value, name, "value");
        json_put_str(given, "a.cfg line 3", name, "where");
    }
    return options_check(table, ARRAY_LEN(table), "x", given, ret, err);
}

static void test_option_values(void **state)
{
    (void)state;
    struct option_value *v = NULL;
    assert_int_equal(check(NULL, NULL, &v, NULL), 0);
    assert_string_equal(v[0].text, "hello");
    assert_true(v[1].number == 3 && v[2].number == 0 && v[3].number == 2000 && !v[4].set);
    options_free(v, ARRAY_LEN(table));
    assert_int_equal(check("wait", "250ms", &v, NULL), 0);
    assert_true(v[3].number == 250);
    options_free(v, ARRAY_LEN(table));
    assert_int_equal(check("flag", "on", &v, NULL), 0);
    assert_true(v[2].number == 1);
    options_free(v, ARRAY_LEN(table));
}

static void test_option_refusals(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"count", "10", "a.cfg line 3: engines.x.options.count: want 1..9, found 10"},
        {"count", "ten",
         "a.cfg line 3: engines.x.options.count: want a whole number, found \"ten\""},
        {"wait", "1h", "a.cfg line 3: engines.x.options.wait: want 100..5000 ms, found 1h"},
        {"text", "far too long",
         "a.cfg line 3: engines.x.options.text: want 0..8 characters, found far too long"},
        {"what", "1",
         "a.cfg line 3: engines.x.options.what: no such option; want one of: text, count, flag, "
         "wait, bare"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct option_value *v = NULL;
        struct err *err = NULL;
        assert_true(check(rows[i][0], rows[i][1], &v, &err) < 0);
        assert_string_equal(err_text(err), rows[i][2]);
        err_free(err);
    }
}

static void write_file(const char *dir, const char *name, const char *text)
{
    AUTO(mem_freep) char *path = file_path(dir, name);
    assert_int_equal(file_replace(path, text, strlen(text), 0644, NULL), 0);
}

#define OBJECT(name) "apiVersion: v1\nkind: Thing\nmetadata: {name: " name "}\n"

static void check_definitions_fail(const char *so, const char *sentence)
{
    struct err *err = NULL;
    cJSON *got = NULL;
    assert_true(definitions_read(so, "d", &got, &err) < 0);
    if (!strstr(err_text(err), sentence))
        fail_msg("want \"%s\" in \"%s\"", sentence, err_text(err));
    err_free(err);
}

static void test_definitions(void **state)
{
    (void)state;
    char dir[] = "/tmp/atoll-defs-XXXXXX";
    assert_non_null(mkdtemp(dir));
    AUTO(mem_freep) char *so = file_path(dir, "x.so");
    AUTO(mem_freep) char *folder = file_path(dir, "d");
    check_definitions_fail(so, "No such file");
    assert_int_equal(file_dir_make(folder, 0755, NULL), 0);
    write_file(folder, "b.yaml", OBJECT("second"));
    write_file(folder, "a.yml", OBJECT("first") "---\n" OBJECT("third"));
    write_file(folder, "README", "not yaml: [");
    cJSON *got = NULL;
    assert_int_equal(definitions_read(so, "d", &got, NULL), 0);
    assert_int_equal(cJSON_GetArraySize(got), 3);
    assert_string_equal(json_str(got->child, "metadata", "name"), "first");
    assert_string_equal(json_str(got->child->next->next, "metadata", "name"), "second");
    cJSON_Delete(got);
    assert_int_equal(definitions_read(so, "d/b.yaml", &got, NULL), 0);
    assert_int_equal(cJSON_GetArraySize(got), 1);
    cJSON_Delete(got);
    write_file(folder, "c.yaml", "kind: Thing\n");
    check_definitions_fail(so, "c.yaml document 1: want apiVersion, kind and metadata.name");
    write_file(folder, "c.yaml", OBJECT("x") "spec: {a: 1, a: 2}\n");
    check_definitions_fail(so, "c.yaml document 1 (x): spec.a stands twice");
    write_file(folder, "c.yaml", "a: [\n");
    check_definitions_fail(so, "c.yaml line 2:");
    file_tree_remove(dir, NULL);
}

static void test_secrets_in_files(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *secrets = cJSON_CreateObject();
    struct buf out = BUF_INIT(100);
    struct err *err = NULL;
    bool had = true;
    json_put_str(secrets, "p@ss}w", "acct/default");
    assert_int_equal(engine_expand_secrets("plain", secrets, &out, &had, NULL), 0);
    assert_false(had);
    buf_cut(&out, 0);
    assert_int_equal(engine_expand_secrets("a @{secret acct/default} b @{secret acct/default}",
                                           secrets, &out, &had, NULL),
                     0);
    assert_true(had);
    assert_string_equal(buf_str(&out), "a p@ss}w b p@ss}w");
    assert_int_equal(engine_expand_secrets("@{secret other}", secrets, &out, &had, &err), -ENOENT);
    assert_string_equal(err_text(err), "@{secret other}: no such secret was given");
    err_freep(&err);
    assert_int_equal(engine_expand_secrets("x @{secret acct", secrets, &out, &had, &err), -EINVAL);
    err_freep(&err);
    buf_cut(&out, 0);
    char large[101];
    memset(large, 'x', 100);
    large[100] = '\0';
    assert_int_equal(engine_expand_secrets(large, secrets, &out, &had, NULL), 0);
    assert_int_equal(engine_expand_secrets("@{secret acct/default}", secrets, &out, &had, NULL),
                     -ENOBUFS);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_one),      cmocka_unit_test(test_families_are_optional),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_paths),
        cmocka_unit_test(test_option_values), cmocka_unit_test(test_option_refusals),
        cmocka_unit_test(test_definitions),   cmocka_unit_test(test_secrets_in_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
