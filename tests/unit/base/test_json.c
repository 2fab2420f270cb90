/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsing, paths, printing of numbers, comparing and merge patches. */
#include "unit/cm.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

static cJSON *of(const char *text)
{
    cJSON *j = NULL;
    AUTO(err_freep) struct err *err = NULL;
    if (json_parse(text, strlen(text), &j, &err))
        fail_msg("%s: %s", text, err_text(err));
    return j;
}

static void refused(const char *text, const char *why)
{
    AUTO(json_freep) cJSON *j = NULL;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(json_parse(text, strlen(text), &j, &err), -EINVAL);
    assert_string_equal(err_text(err), why);
    assert_null(j);
}

static void parse_refuses(void **state)
{
    (void)state;
    refused("", "JSON: want a document, found nothing");
    refused("{\"a\":\n 01}", "JSON line 2 column 4: bad number");
    refused("[1.]", "JSON line 1 column 4: bad number");
    refused("[-]", "JSON line 1 column 3: bad number");
    refused("[1e]", "JSON line 1 column 4: bad number");
    refused("[\"a\nb\"]", "JSON line 1 column 4: control character in a string");
    refused("[\"a\\u0000b\"]", "JSON line 1 column 4: NUL in a string");
    refused("[\"a", "JSON line 1 column 4: string without end");
    refused("[\"a\\", "JSON line 1 column 5: string without end");
    refused("{} x", "JSON line 1 column 4: something after the end of the document");
    refused("\xef\xbb\xbf{}", "JSON line 1 column 1: unexpected character");
    static const char *const bad[] = {"{",     "}",   "[1,]",  "{\"a\"}", "{\"a\":1,}",
                                      "[1 2]", "nul", "{a:1}", "+1",      "'a'"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(json_freep) cJSON *j = NULL;
        AUTO(err_freep) struct err *err = NULL;
        assert_int_equal(json_parse(bad[i], strlen(bad[i]), &j, &err), -EINVAL);
        assert_non_null(strstr(err_text(err), "JSON line 1 column "));
    }
}

static void depth(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 4];
    size_t n = JSON_DEPTH_MAX + 1;
    memset(text, '[', n);
    memset(text + n, ']', n);
    AUTO(json_freep) cJSON *j = NULL;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(json_parse(text, 2 * n, &j, &err), -EINVAL);
    assert_non_null(strstr(err_text(err), "nested too deep"));
    assert_int_equal(json_parse(text + 1, 2 * n - 2, &j, NULL), 0);
}

static void paths(void **state)
{
    (void)state;
    AUTO(json_freep)
    cJSON *j =
        of("{\"metadata\":{\"labels\":{\"kubeblocks.io/"
           "role\":\"primary\"},\"generation\":3},\"x\":true,"
           "\"list\":[{\"name\":\"a\",\"v\":1},{\"name\":\"b\",\"v\":2}],\"words\":[\"p\",\"q\"]}");
    assert_string_equal(json_str(j, "metadata", "labels", "kubeblocks.io/role"), "primary");
    assert_null(json_str(j, "metadata", "Labels", "kubeblocks.io/role"));
    assert_null(json_str(j, "metadata", "generation"));
    assert_int_equal(json_int(-1, j, "metadata", "generation"), 3);
    assert_int_equal(json_int(-1, j, "metadata", "nope", "deeper"), -1);
    assert_true(json_bool(false, j, "x"));
    assert_true(json_bool(true, j, "y"));
    assert_null(json_at(NULL, "a"));
    assert_int_equal(json_int(0, json_find(json_at(j, "list"), "name", "b"), "v"), 2);
    assert_null(json_find(json_at(j, "list"), "name", "c"));
    assert_true(json_array_has(json_at(j, "words"), "q"));
    assert_false(json_array_has(json_at(j, "words"), "r"));
}

static void prints(const char *in, const char *out)
{
    AUTO(json_freep) cJSON *j = of(in);
    AUTO(mem_freep) char *text = json_print(j);
    assert_string_equal(text, out);
}

static void printing(void **state)
{
    (void)state;
    prints("{ \"a\" : [ 1 , -2, 0.5, true, null ] , \"b\":{} }",
           "{\"a\":[1,-2,0.5,true,null],\"b\":{}}");
    prints("[1700000000000000,9007199254740992,1e3,0.1,1e300]",
           "[1700000000000000,9007199254740992,1000,0.1,1e+300]");
    prints("\"q\\\" b\\\\ n\\n t\\t u\\u0001 s\\/ e\\u00e9\"",
           "\"q\\\" b\\\\ n\\n t\\t u\\u0001 s/ e\xc3\xa9\"");
    AUTO(mem_freep) char *none = json_print(NULL);
    assert_string_equal(none, "null");
}

static void writing(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *j = cJSON_CreateObject();
    json_put_str(j, "v", "a", "b.c/d");
    json_put_int(j, 5, "a", "n");
    json_put_bool(j, true, "flag");
    json_put_int(j, 6, "a", "n");
    json_put_str(j, "deep", "flag", "now", "object");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json_obj(j, "o", "p"), "q"), cJSON_CreateNumber(1));
    json_del(j, "a", "b.c/d");
    json_del(j, "not", "there");
    AUTO(mem_freep) char *text = json_print(j);
    assert_string_equal(
        text,
        "{\"a\":{\"n\":6},\"flag\":{\"now\":{\"object\":\"deep\"}},\"o\":{\"p\":{\"q\":[1]}}}");
}

static void duplicates(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"a\":1,\"b\":2}", NULL},
        {"{\"a\":1,\"A\":2}", NULL},
        {"{\"data\":{\"a\":1,\"a\":2}}", "data.a"},
        {"{\"l\":[{},{\"x\":1,\"x\":1}]}", "l[1].x"},
        {"[[{\"x\":1,\"x\":1}]]", "[0][0].x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *j = of(rows[i][0]);
        AUTO(mem_freep) char *path = json_duplicate(j);
        if (rows[i][1])
            assert_string_equal(path, rows[i][1]);
        else
            assert_null(path);
    }
}

static void comparing(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *a = of("{\"x\":1,\"y\":{\"p\":[1,2],\"q\":null}}");
    AUTO(json_freep) cJSON *b = of("{\"y\":{\"q\":null,\"p\":[1,2]},\"x\":1}");
    AUTO(json_freep) cJSON *c = of("{\"y\":{\"q\":null,\"p\":[2,1]},\"x\":1}");
    AUTO(json_freep) cJSON *part = of("{\"y\":{\"p\":[1,2]}}");
    AUTO(json_freep) cJSON *more = of("{\"y\":{\"p\":[1]}}");
    assert_true(json_equal(a, b));
    assert_false(json_equal(a, c));
    assert_false(json_equal(a, part));
    assert_false(json_equal(a, NULL));
    assert_true(json_hash(a) == json_hash(b));
    assert_false(json_hash(a) == json_hash(c));
    assert_true(json_covers(a, part));
    assert_false(json_covers(part, a));
    assert_false(json_covers(a, more));
}

/* The examples of RFC 7386, appendix A. */
static void merge(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"a\":1}", "{\"a\":{\"b\":{\"c\":null,\"d\":1}}}", "{\"a\":{\"b\":{\"d\":1}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *patch = of(rows[i][1]);
        AUTO(json_freep) cJSON *got = json_merge_patch(of(rows[i][0]), patch);
        AUTO(mem_freep) char *text = json_print(got);
        assert_string_equal(text, rows[i][2]);
    }
    AUTO(json_freep) cJSON *patch = of("{\"a\":1}");
    AUTO(json_freep) cJSON *got = json_merge_patch(NULL, patch);
    assert_true(json_equal(got, patch));
}

static void diff(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"{\"a\":1}", "{\"a\":1}", NULL},
        {"{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":null}"},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":1,\"y\":3}}", "{\"a\":{\"y\":3}}"},
        {"{\"a\":1}", "{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1}}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":{}}", "{\"a\":{\"x\":null}}"},
        {"{\"a\":[1]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}"},
        {"{}", "{\"n\":{\"m\":1}}", "{\"n\":{\"m\":1}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *from = of(rows[i][0]);
        AUTO(json_freep) cJSON *to = of(rows[i][1]);
        AUTO(json_freep) cJSON *patch = json_merge_diff(from, to);
        if (!rows[i][2]) {
            assert_null(patch);
            continue;
        }
        AUTO(mem_freep) char *text = json_print(patch);
        assert_string_equal(text, rows[i][2]);
        from = json_merge_patch(from, patch);
        assert_true(json_equal(from, to));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_refuses), cmocka_unit_test(depth),   cmocka_unit_test(paths),
        cmocka_unit_test(printing),      cmocka_unit_test(writing), cmocka_unit_test(duplicates),
        cmocka_unit_test(comparing),     cmocka_unit_test(merge),   cmocka_unit_test(diff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
