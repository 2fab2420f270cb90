/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration table: values, defaults, and errors that name the file and the line. */
#include "unit/cm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/file.h"
#include "base/str.h"

static const struct conf_key keys[] = {
    {"name", CONF_STR, NULL, 0, 0, NULL, "Who we are."},
    {"apiserver.port", CONF_INT, "6443", 1, 65535, NULL, "Port."},
    {"apiserver.on", CONF_BOOL, "true", 0, 0, NULL, "Whether."},
    {"apiserver.grace", CONF_DURATION, "10s", 0, 60000, NULL, "How long."},
    {"hosts", CONF_STR_LIST, "a, b", 0, 0, NULL, "Where."},
    {"engines.*.isolation", CONF_STR, "process", 0, 0, "process|inline", "How."},
    {"engines.*.options.**", CONF_STR, NULL, 0, 0, NULL, "Engine's own."},
};

static struct conf *load(const char *text)
{
    struct conf *c = NULL;
    AUTO(err_freep) struct err *err = NULL;
    if (conf_load_text("t.cfg", text, keys, ARRAY_LEN(keys), &c, &err))
        fail_msg("%s", err_text(err));
    return c;
}

static void refused(const char *text, const char *why)
{
    AUTO(conf_freep) struct conf *c = NULL;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(conf_load_text("t.cfg", text, keys, ARRAY_LEN(keys), &c, &err), -EINVAL);
    assert_string_equal(err_text(err), why);
    assert_null(c);
}

static void defaults(void **state)
{
    (void)state;
    AUTO(conf_freep) struct conf *c = load("");
    assert_null(conf_str(c, "name"));
    assert_int_equal(conf_int(c, "apiserver.port"), 6443);
    assert_true(conf_bool(c, "apiserver.on"));
    assert_int_equal(conf_int(c, "apiserver.grace"), 10000);
    assert_int_equal(conf_list_len(c, "hosts"), 2);
    assert_string_equal(conf_list_at(c, "hosts", 1), "b");
    assert_string_equal(conf_str(c, "engines.any.isolation"), "process");
    assert_false(conf_is_set(c, "apiserver.port"));
    assert_string_equal(conf_where(c, "apiserver.port"), "default");
    assert_null(conf_names(c, "engines")[0]);
}

static void values(void **state)
{
    (void)state;
    AUTO(conf_freep)
    struct conf *c = load("name = \"n\";\n"
                          "apiserver = { port = 80; on = false;\n grace = 5; };\n"
                          "hosts = [\"x\", \"y\", \"z\"];\n"
                          "engines = { beta = { isolation = \"inline\"; };\n"
                          "  alpha = { options = { \n depth = 3; deep = { er = true; }; }; };\n"
                          "  gamma = {}; };\n");
    assert_string_equal(conf_str(c, "name"), "n");
    assert_int_equal(conf_int(c, "apiserver.port"), 80);
    assert_false(conf_bool(c, "apiserver.on"));
    assert_int_equal(conf_int(c, "apiserver.grace"), 5000);
    assert_string_equal(conf_where(c, "apiserver.grace"), "t.cfg line 3");
    assert_int_equal(conf_list_len(c, "hosts"), 3);
    assert_string_equal(conf_str(c, "engines.beta.isolation"), "inline");
    assert_string_equal(conf_str(c, "engines.alpha.isolation"), "process");
    assert_string_equal(conf_raw(c, "engines.alpha.options.depth"), "3");
    assert_string_equal(conf_raw(c, "engines.alpha.options.deep.er"), "true");
    assert_null(conf_raw(c, "engines.alpha.options.none"));
    const char *const *names = conf_names(c, "engines");
    assert_string_equal(names[0], "alpha");
    assert_string_equal(names[1], "beta");
    assert_string_equal(names[2], "gamma");
    assert_null(names[3]);
    assert_ptr_equal(conf_names(c, "engines"), names);
    assert_string_equal(conf_names(c, "engines.alpha.options")[0], "deep");
}

static void errors(void **state)
{
    (void)state;
    refused("\n\napiserver = { prot = 1; };", "t.cfg line 3: unknown option 'apiserver.prot'");
    refused("nonsense = {};", "t.cfg line 1: unknown option 'nonsense'");
    refused("apiserver = {\n port = 99999; };",
            "t.cfg line 2: apiserver.port: want 1..65535, found 99999");
    refused("apiserver = { port = \"x\"; };",
            "t.cfg line 1: apiserver.port: want a whole number, found a string x");
    refused("apiserver = { port = {}; };",
            "t.cfg line 1: apiserver.port: want a whole number, found a group");
    refused("apiserver = 5;", "t.cfg line 1: unknown option 'apiserver'");
    refused("apiserver = { grace = \"2m\"; };",
            "t.cfg line 1: apiserver.grace: want 0..60000 ms, found 2m");
    refused("apiserver = { grace = \"soon\"; };",
            "t.cfg line 1: apiserver.grace: want a duration like \"10s\", found 'soon'");
    refused("engines = { x = { isolation = \"thread\"; }; };",
            "t.cfg line 1: engines.x.isolation: want process|inline, found 'thread'");
    refused("engines = { x = { options = { l = [1]; }; }; };",
            "t.cfg line 1: engines.x.options.l: want a scalar, found a list");
    refused("hosts = [1];", "t.cfg line 1: hosts: want a list of strings, element 0 is not one");
    refused("name = \"a\";\nname = \"b\";", "t.cfg line 2: duplicate setting name");
    refused("name = ;", "t.cfg line 1: syntax error");
}

static void later_file_wins(void **state)
{
    (void)state;
    char dir[] = "/tmp/atoll-test-conf-XXXXXX";
    assert_non_null(mkdtemp(dir));
    static const char *const files[][2] = {
        {"20-b.cfg", "apiserver = { port = 2; };"},
        {"10-a.cfg", "name = \"a\"; apiserver = { port = 1; on = false; };"},
        {"30-c.txt", "nonsense"},
        {".hidden.cfg", "nonsense"},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        AUTO(mem_freep) char *path = file_path(dir, files[i][0]);
        assert_int_equal(file_replace(path, files[i][1], strlen(files[i][1]), 0600, NULL), 0);
    }
    AUTO(conf_freep) struct conf *c = NULL;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(conf_load_dir(dir, keys, ARRAY_LEN(keys), &c, &err), 0);
    assert_int_equal(conf_int(c, "apiserver.port"), 2);
    assert_false(conf_bool(c, "apiserver.on"));
    assert_string_equal(conf_str(c, "name"), "a");
    assert_non_null(strstr(conf_where(c, "apiserver.port"), "20-b.cfg line 1"));
    assert_int_equal(file_tree_remove(dir, NULL), 0);
    struct conf *none = NULL;
    assert_int_equal(conf_load_dir(dir, keys, ARRAY_LEN(keys), &none, &err), -ENOENT);
}

static void printed(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT(10000);
    conf_keys_print(keys, ARRAY_LEN(keys), &b);
    assert_non_null(
        strstr(buf_str(&b), "apiserver.port: a whole number 1..65535, default 6443. Port.\n"));
    assert_non_null(strstr(
        buf_str(&b), "engines.*.isolation: a string (process|inline), default process. How.\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),        cmocka_unit_test(values),  cmocka_unit_test(errors),
        cmocka_unit_test(later_file_wins), cmocka_unit_test(printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
