/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patch: RFC 6902 and the limits that keep a patch cheap. */
#include "apiserver/patch.h"

#include "unit/apiserver/leaf.h"

static void test_results(void **state)
{
    static const struct {
        const char *target, *ops, *result;
    } rows[] = {
        {"{'a': 1}", "[]", "{'a': 1}"},
        {"{'a': 1}", "[{'op': 'add', 'path': '/b', 'value': 2}]", "{'a': 1, 'b': 2}"},
        {"{'a': 1}", "[{'op': 'add', 'path': '/a', 'value': 2}]", "{'a': 2}"},
        {"{'a': 1}", "[{'op': 'add', 'path': '', 'value': [1]}]", "[1]"},
        {"{'a': [1, 3]}", "[{'op': 'add', 'path': '/a/1', 'value': 2}]", "{'a': [1, 2, 3]}"},
        {"{'a': [1, 3]}", "[{'op': 'add', 'path': '/a/2', 'value': 4}]", "{'a': [1, 3, 4]}"},
        {"{'a': [1, 3]}", "[{'op': 'add', 'path': '/a/-', 'value': 4}]", "{'a': [1, 3, 4]}"},
        {"{'a': [1, 3]}", "[{'op': 'add', 'path': '/a/0', 'value': 0}]", "{'a': [0, 1, 3]}"},
        {"{'a': null}", "[{'op': 'add', 'path': '/b', 'value': null}]", "{'a': null, 'b': null}"},
        {"{'a/b': {'~': 1}}", "[{'op': 'replace', 'path': '/a~1b/~0', 'value': 2}]",
         "{'a/b': {'~': 2}}"},
        {"{'': {'': 1}}", "[{'op': 'replace', 'path': '//', 'value': 2}]", "{'': {'': 2}}"},
        {"{'a': 1, 'b': 2}", "[{'op': 'remove', 'path': '/a'}]", "{'b': 2}"},
        {"{'a': [1, 2, 3]}", "[{'op': 'remove', 'path': '/a/1'}]", "{'a': [1, 3]}"},
        {"{'a': [1, 2]}", "[{'op': 'replace', 'path': '/a/1', 'value': {'x': 1}}]",
         "{'a': [1, {'x': 1}]}"},
        {"{'a': 1}", "[{'op': 'replace', 'path': '', 'value': {}}]", "{}"},
        {"{'a': {'b': 1}, 'c': {}}", "[{'op': 'move', 'from': '/a/b', 'path': '/c/d'}]",
         "{'a': {}, 'c': {'d': 1}}"},
        {"{'a': [1, 2, 3]}", "[{'op': 'move', 'from': '/a/0', 'path': '/a/2'}]",
         "{'a': [2, 3, 1]}"},
        {"{'a': {'b': 1}}", "[{'op': 'copy', 'from': '/a', 'path': '/a/c'}]",
         "{'a': {'b': 1, 'c': {'b': 1}}}"},
        {"{'a': {'b': 1}}", "[{'op': 'move', 'from': '/a', 'path': '/a'}]", "{'a': {'b': 1}}"},
        {"{'a': {'b': [1, 2]}}", "[{'op': 'test', 'path': '/a', 'value': {'b': [1, 2]}}]",
         "{'a': {'b': [1, 2]}}"},
        {"{'a': 1}", "[{'op': 'test', 'path': '/none', 'value': null}]", "{'a': 1}"},
        {"{'b': '2'}",
         "[{'op': 'test', 'path': '/b', 'value': '2'}, {'op': 'replace', 'path': '/b', 'value': "
         "'3'}]",
         "{'b': '3'}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *ops AUTO(json_freep) = js(rows[i].ops), *result AUTO(json_freep) = NULL;
        struct err *err AUTO(err_freep) = NULL;
        if (patch_json(js(rows[i].target), ops, &result, &err))
            fail_msg("%s: %s", rows[i].ops, err_text(err));
        assert_json(result, rows[i].result, rows[i].ops);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *ops;
        int code;
    } rows[] = {
        {"{'not': 'a list'}", -EINVAL},
        {"[5]", -EINVAL},
        {"[{'op': 'frobnicate', 'path': '/a'}]", -EINVAL},
        {"[{'op': 'add', 'path': 'a', 'value': 1}]", -EINVAL},
        {"[{'op': 'add', 'path': '/b'}]", -EINVAL},
        {"[{'path': '/b', 'value': 1}]", -EINVAL},
        {"[{'op': 'add', 'path': '/b~2', 'value': 1}]", -EINVAL},
        {"[{'op': 'add', 'path': '/b~', 'value': 1}]", -EINVAL},
        {"[{'op': 'move', 'path': '/b'}]", -EINVAL},
        {"[{'op': 'move', 'from': '/a', 'path': '/a/b'}]", -EINVAL},
        {"[{'op': 'add', 'path': '/l/x', 'value': 1}]", -EINVAL},
        {"[{'op': 'add', 'path': '/l/01', 'value': 1}]", -EINVAL},
        {"[{'op': 'remove', 'path': ''}]", -EINVAL},
        {"[{'op': 'remove', 'path': '/nope'}]", -ENOENT},
        {"[{'op': 'replace', 'path': '/nope', 'value': 1}]", -ENOENT},
        {"[{'op': 'replace', 'path': '/nope/deep', 'value': 1}]", -ENOENT},
        {"[{'op': 'add', 'path': '/nope/deep', 'value': 1}]", -ENOENT},
        {"[{'op': 'add', 'path': '/a/b', 'value': 1}]", -ENOENT},
        {"[{'op': 'add', 'path': '/l/9', 'value': 1}]", -ENOENT},
        {"[{'op': 'remove', 'path': '/l/-'}]", -ENOENT},
        {"[{'op': 'remove', 'path': '/l/2'}]", -ENOENT},
        {"[{'op': 'copy', 'from': '/nope', 'path': '/b'}]", -ENOENT},
        {"[{'op': 'test', 'path': '/nope', 'value': 1}]", -ENOENT},
        {"[{'op': 'test', 'path': '/a', 'value': 2}]", -EPERM},
        {"[{'op': 'test', 'path': '/a', 'value': '1'}]", -EPERM},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *ops AUTO(json_freep) = js(rows[i].ops), *result = NULL;
        struct err *err AUTO(err_freep) = NULL;
        int rc = patch_json(js("{'a': 1, 'l': [1, 2]}"), ops, &result, &err);
        if (rc != rows[i].code)
            fail_msg("%s: want %d, got %d (%s)", rows[i].ops, rows[i].code, rc, err_text(err));
        assert_true(strstr(err_text(err), "JSON patch") != NULL);
    }
}

/* Copies of copies: twice the size with each operation. */
static void test_explosion(void **state)
{
    (void)state;
    struct buf ops AUTO(buf_done) = BUF_INIT(1 << 20);
    buf_adds(&ops, "[");
    for (int i = 0; i < 40; i++)
        buf_addf(&ops, "%s{'op': 'copy', 'from': '/a', 'path': '/a/%d'}", i ? "," : "", i);
    buf_adds(&ops, "]");
    cJSON *list AUTO(json_freep) = js(buf_str(&ops)), *result = NULL;
    struct err *err AUTO(err_freep) = NULL;
    assert_int_equal(patch_json(js("{'a': {'x': 1}}"), list, &result, &err), -EINVAL);
    assert_true(strstr(err_text(err), "too much work") || strstr(err_text(err), "too deep"));
}

static void test_too_many(void **state)
{
    (void)state;
    cJSON *list AUTO(json_freep) = cJSON_CreateArray();
    for (int i = 0; i <= PATCH_OPS_MAX; i++)
        cJSON_AddItemToArray(list, js("{'op': 'test', 'path': '', 'value': {}}"));
    cJSON *result = NULL;
    assert_int_equal(patch_json(js("{}"), list, &result, NULL), -EINVAL);
    cJSON_DeleteItemFromArray(list, 0);
    assert_int_equal(patch_json(js("{}"), list, &result, NULL), 0);
    cJSON_Delete(result);
}

static void test_depth(void **state)
{
    (void)state;
    cJSON *deep = js("1"), *result = NULL;
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        cJSON *outer = cJSON_CreateArray();
        cJSON_AddItemToArray(outer, deep);
        deep = outer;
    }
    cJSON *ops AUTO(json_freep) = js("[{'op': 'add', 'path': '/a'}]");
    cJSON_AddItemToObject(ops->child, "value", deep);
    assert_int_equal(patch_json(js("{}"), ops, &result, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_explosion), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
