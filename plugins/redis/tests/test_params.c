/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of parameters: what is taken, what is refused and with which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "params.h"

static const char *fault(const char *name, const char *value)
{
    static char text[700];
    const struct param *p = server_param(atoll_str_of(name));
    assert_non_null(p);
    return param_fault(p, atoll_str_of(value), text, sizeof(text));
}

static void test_values(void **state)
{
    (void)state;
    assert_null(fault("maxclients", "10000"));
    assert_string_equal(fault("maxclients", "5"),
                        "want a whole number from 100 to 1000000, found \"5\"");
    assert_non_null(fault("maxclients", "many"));
    assert_non_null(fault("maxclients", ""));
    assert_null(fault("maxmemory", "1gb"));
    assert_non_null(fault("maxmemory", "1 gb"));
    assert_non_null(fault("maxmemory", "99999999999gb"));
    assert_null(fault("appendfsync", "always"));
    assert_non_null(fault("appendfsync", "always everysec"));
    assert_null(fault("activedefrag", "yes"));
    assert_non_null(fault("activedefrag", "true"));
    assert_null(fault("slowlog-log-slower-than", "-1"));
    assert_null(fault("save", "900 1"));
}

/* A value must not be able to add a second line or to name a secret. */
static void test_no_way_out_of_the_line(void **state)
{
    (void)state;
    assert_non_null(fault("notify-keyspace-events", "KEA\nrequirepass x"));
    assert_non_null(fault("notify-keyspace-events", "KEA' '"));
    assert_non_null(fault("save", "@{secret other}"));
}

static void test_owned(void **state)
{
    (void)state;
    static const char *const ours[] = {"replicaof", "slaveof", "requirepass", "masterauth",
                                       "bind",      "dir",     "appendonly",  "replica-priority",
                                       "port",      "include"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        const char *said = fault(ours[i], "yes");
        assert_non_null(said);
        assert_memory_equal(said, "may not be set: ", 16);
    }
    assert_null(server_param(atoll_str_of("no-such-parameter")));
    assert_null(sentinel_param(atoll_str_of("maxmemory")));
    assert_non_null(sentinel_param(atoll_str_of("quorum")));
}

static void test_memory(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(memory_parse(atoll_str_of("64MB"), &v));
    assert_int_equal(v, 64 << 20);
    assert_true(memory_parse(atoll_str_of("1k"), &v));
    assert_int_equal(v, 1000);
    assert_true(memory_parse(atoll_str_of("4096"), &v));
    assert_int_equal(v, 4096);
    assert_false(memory_parse(atoll_str_of("gb"), &v));
    assert_false(memory_parse(atoll_str_of("-1"), &v));
    assert_false(memory_parse(atoll_str_of("1tb"), &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_no_way_out_of_the_line),
        cmocka_unit_test(test_owned),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
