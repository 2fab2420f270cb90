/* SPDX-License-Identifier: Apache-2.0 */
/* yaml_parse: scalars as kubectl sends them, documents, anchors, and errors that name file and
 * line. */
#include "base/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *yaml, const char *json)
{
    struct err *err = NULL;
    AUTO(json_freep) cJSON *got = NULL;
    int rc = yaml_parse("t.yaml", yaml, strlen(yaml), &got, &err);
    if (rc < 0)
        print_error("%s\n", err_text(err));
    err_free(err);
    assert_int_equal(rc, 0);
    AUTO(mem_freep) char *text = json_print(got);
    assert_string_equal(text, json);
}

static void check_fails(const char *yaml, int code, const char *message)
{
    struct err *err = NULL;
    cJSON *got = NULL;
    assert_int_equal(yaml_parse("t.yaml", yaml, strlen(yaml), &got, &err), code);
    assert_null(got);
    assert_string_equal(err_text(err), message);
    err_free(err);
}

/* The right column is what kubectl 1.32 prints for the left one. */
static void test_scalars(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"yes", "true"},
        {"on", "true"},
        {"y", "true"},
        {"No", "false"},
        {"True", "true"},
        {"~", "null"},
        {"Null", "null"},
        {"0x1f", "31"},
        {"010", "8"},
        {"0o10", "8"},
        {"09", "9"},
        {"00012", "10"},
        {"1_000", "1000"},
        {"0x_1f", "31"},
        {"1e3", "1000"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"+5", "5"},
        {"1.", "1"},
        {"0b11", "3"},
        {"-0x1f", "-31"},
        {"1e", "\"1e\""},
        {"e3", "\"e3\""},
        {".", "\".\""},
        {"+", "\"+\""},
        {"_1", "\"_1\""},
        {"0x", "\"0x\""},
        {"1:30", "\"1:30\""},
        {"\"yes\"", "\"yes\""},
        {"'010'", "\"010\""},
        {"!!str 5", "\"5\""},
        {"!!int \"5\"", "5"},
        {"!!float 1", "1"},
        {"2001-01-01", "\"2001-01-01\""},
        {"1e400", "\"1e400\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(mem_freep) char *yaml = mem_printf("[%s]", rows[i][0]);
        AUTO(mem_freep) char *json = mem_printf("[[%s]]", rows[i][1]);
        check(yaml, json);
    }
    check("a: |\n  x\n  y\nb: >-\n  p\n  q\n", "[{\"a\":\"x\\ny\\n\",\"b\":\"p q\"}]");
}

static void test_documents(void **state)
{
    (void)state;
    check("a: 1\n---\n---\nb: [x, {c: null}]\n...\n", "[{\"a\":1},{\"b\":[\"x\",{\"c\":null}]}]");
    check("", "[]");
    check("# only a comment\n", "[]");
    check("{\"k\": [1, \"2\", true]}", "[{\"k\":[1,\"2\",true]}]");
}

static void test_anchors(void **state)
{
    (void)state;
    check("a: &x {p: 1}\nb: *x\n", "[{\"a\":{\"p\":1},\"b\":{\"p\":1}}]");
    check("b: {p: 1, q: 2}\nc: {<<: {p: 3, r: 4}, p: 5}\n",
          "[{\"b\":{\"p\":1,\"q\":2},\"c\":{\"p\":5,\"r\":4}}]");
    check("x: {<<: [{a: 1}, {a: 2, b: 3}]}", "[{\"x\":{\"a\":1,\"b\":3}}]");
    check("{1: a, yes: b, 1.5: c}", "[{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\"}]");
    check_fails("a: &x [1, *x]", -EINVAL,
                "t.yaml line 1: alias *x: no complete value with anchor &x before it");
    check_fails("a: &x 1\n---\nb: *x", -EINVAL,
                "t.yaml line 3: alias *x: no complete value with anchor &x before it");
}

static void test_errors(void **state)
{
    (void)state;
    check_fails("a: 1\nb:\n\tx", -EINVAL,
                "t.yaml line 3: found character that cannot start any token, while scanning for "
                "the next token");
    check_fails("a: 1\nb: .inf", -EINVAL, "t.yaml line 2: .inf: JSON has no such number");
    check_fails("a: 1\n? [1]\n: 2", -EINVAL,
                "t.yaml line 2: a key of a mapping must be text, a number or a boolean");
    check_fails("\n\na: !secret x", -EINVAL,
                "t.yaml line 3: tag !secret: want !!str, !!int, !!float, !!bool or !!null");
    check_fails("a: !!int x", -EINVAL, "t.yaml line 1: \"x\" is not of its tag !!int");
    check_fails("a: {<<: 5}", -EINVAL, "t.yaml line 1: <<: want a mapping or a list of mappings");
    check_fails("a: \"x\\0y\"", -EINVAL, "t.yaml line 1: a text holds a NUL byte");
}

static void test_duplicate_keys_are_kept_for_the_caller(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *got = NULL;
    const char *text = "m: {a: 1, a: 2}";
    assert_int_equal(yaml_parse("t", text, strlen(text), &got, NULL), 0);
    AUTO(mem_freep) char *where = json_duplicate(got->child);
    assert_string_equal(where, "m.a");
}

static void test_bounds(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < JSON_DEPTH_MAX + 1; i++)
        buf_addc(&b, '[');
    check_fails(buf_str(&b), -E2BIG, "t.yaml line 1: nested deeper than 100");
    buf_cut(&b, 0);
    /* Ten aliases of ten aliases of ...: 10^9 values from half a kilobyte. */
    buf_adds(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++)
        buf_addf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    struct err *err = NULL;
    cJSON *got = NULL;
    assert_int_equal(yaml_parse("t.yaml", b.ptr, b.len, &got, &err), -E2BIG);
    err_free(err);
    buf_cut(&b, 0);
    /* A chain of aliases that gets deeper with every document line. */
    buf_adds(&b, "a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n");
    for (int i = 1; i < 20; i++)
        buf_addf(&b, "a%d: &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i, i - 1);
    assert_int_equal(yaml_parse("t.yaml", b.ptr, b.len, &got, NULL), -E2BIG);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_duplicate_keys_are_kept_for_the_caller),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
