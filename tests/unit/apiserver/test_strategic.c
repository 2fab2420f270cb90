/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge patch: lists merged by key, directives, order. */
#include "apiserver/types.h"

#include "unit/apiserver/leaf.h"

struct row {
    const char *target, *patch, *result;
};

static void run(const char *kind, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cJSON *patch AUTO(json_freep) = js(rows[i].patch), *result AUTO(json_freep) = NULL;
        struct err *err AUTO(err_freep) = NULL;
        if (type_strategic_merge(type_of("", "v1", kind), js(rows[i].target), patch, &result, &err))
            fail_msg("%s: %s", rows[i].patch, err_text(err));
        assert_json(result, rows[i].result, rows[i].patch);
    }
}

#define PC(list) "{'spec': {'containers': " list "}}"

static void test_merge(void **state)
{
    static const struct row rows[] = {
        {"{'metadata': {'labels': {'a': '1', 'b': '2'}}}",
         "{'metadata': {'labels': {'b': null, 'c': '3'}}}",
         "{'metadata': {'labels': {'a': '1', 'c': '3'}}}"},
        {"{}", "{'metadata': {'labels': {'a': '1'}}}", "{'metadata': {'labels': {'a': '1'}}}"},
        {PC("[{'name': 'a', 'image': '1', 'tty': true}, {'name': 'b', 'image': '1'}]"),
         PC("[{'name': 'a', 'image': '2'}]"),
         PC("[{'name': 'a', 'image': '2', 'tty': true}, {'name': 'b', 'image': '1'}]")},
        {PC("[{'name': 'a'}]"), PC("[{'name': 'b', 'image': '1'}]"),
         PC("[{'name': 'b', 'image': '1'}, {'name': 'a'}]")},
        {PC("[{'name': 'a', 'env': [{'name': 'X', 'value': '1'}, {'name': 'Y', 'value': '1'}]}]"),
         PC("[{'name': 'a', 'env': [{'name': 'Y', 'value': '2'}]}]"),
         PC("[{'name': 'a', 'env': [{'name': 'X', 'value': '1'}, {'name': 'Y', 'value': '2'}]}]")},
        {PC("[{'name': 'a', 'ports': [{'containerPort': 80, 'name': 'x'}]}]"),
         PC("[{'name': 'a', 'ports': [{'containerPort': 80, 'protocol': 'UDP'}]}]"),
         PC("[{'name': 'a', 'ports': [{'containerPort': 80, 'name': 'x', 'protocol': 'UDP'}]}]")},
        /* lists without merge key are replaced */
        {PC("[{'name': 'a', 'command': ['x', 'y']}]"), PC("[{'name': 'a', 'command': ['z']}]"),
         PC("[{'name': 'a', 'command': ['z']}]")},
        {"{'spec': {'tolerations': [{'key': 'a'}]}}", "{'spec': {'tolerations': [{'key': 'b'}]}}",
         "{'spec': {'tolerations': [{'key': 'b'}]}}"},
        /* finalizers are a set */
        {"{'metadata': {'finalizers': ['a/b', 'a/c']}}",
         "{'metadata': {'finalizers': ['a/c', 'a/d']}}",
         "{'metadata': {'finalizers': ['a/b', 'a/c', 'a/d']}}"},
        {"{'metadata': {'finalizers': ['a/b', 'a/c']}}",
         "{'metadata': {'$deleteFromPrimitiveList/finalizers': ['a/b']}}",
         "{'metadata': {'finalizers': ['a/c']}}"},
        {"{'status': {'conditions': [{'type': 'Ready', 'status': 'True'}]}}",
         "{'status': {'conditions': [{'type': 'DiskPressure', 'status': 'False'}]}}",
         "{'status': {'conditions': [{'type': 'DiskPressure', 'status': 'False'}, {'type': "
         "'Ready', 'status': 'True'}]}}"},
        /* another type in the way is replaced */
        {"{'spec': 'x'}", PC("[{'name': 'a'}]"), PC("[{'name': 'a'}]")},
        {PC("{'a': 1}"), PC("[{'name': 'a'}]"), PC("[{'name': 'a'}]")},
        {"{'spec': {'nodeName': 'x'}}", "{'spec': null}", "{}"},
        {"{'metadata': {'annotations': {'$odd': '1'}}}",
         "{'metadata': {'annotations': {'b': '2'}}}",
         "{'metadata': {'annotations': {'$odd': '1', 'b': '2'}}}"},
    };
    (void)state;
    run("Pod", rows, ARRAY_LEN(rows));
}

static void test_directives(void **state)
{
    static const struct row rows[] = {
        {PC("[{'name': 'a'}, {'name': 'b'}]"), PC("[{'name': 'a', '$patch': 'delete'}]"),
         PC("[{'name': 'b'}]")},
        {PC("[{'name': 'a'}]"), PC("[{'name': 'z', '$patch': 'delete'}]"), PC("[{'name': 'a'}]")},
        {PC("[{'name': 'a'}, {'name': 'b'}]"), PC("[{'name': 'c'}, {'$patch': 'replace'}]"),
         PC("[{'name': 'c'}]")},
        {PC("[{'name': 'a', 'image': '1', 'tty': true}]"),
         PC("[{'name': 'a', 'image': '2', '$patch': 'merge'}]"),
         PC("[{'name': 'a', 'image': '2', 'tty': true}]")},
        {"{'spec': {'nodeName': 'x', 'hostname': 'y'}}",
         "{'spec': {'$patch': 'replace', 'hostname': 'z'}}", "{'spec': {'hostname': 'z'}}"},
        {"{'spec': {'nodeName': 'x'}}", "{'spec': {'$patch': 'delete'}}", "{'spec': {}}"},
        {"{'spec': {'volumes': [{'name': 'v', 'emptyDir': {}}]}}",
         "{'spec': {'volumes': [{'name': 'v', '$retainKeys': ['name', 'configMap'], 'configMap': "
         "{'name': 'c'}}]}}",
         "{'spec': {'volumes': [{'name': 'v', 'configMap': {'name': 'c'}}]}}"},
        /* directives inside an element that is new do not stay in it */
        {"{}",
         PC("[{'name': 'a', 'env': [{'name': 'X', '$patch': 'delete'}], '$setElementOrder/env': "
            "[{'name': 'X'}]}]"),
         PC("[{'name': 'a', 'env': []}]")},
    };
    (void)state;
    run("Pod", rows, ARRAY_LEN(rows));
}

static void test_order(void **state)
{
    static const struct row rows[] = {
        {PC("[{'name': 'a'}, {'name': 'b'}, {'name': 'c'}]"),
         "{'spec': {'$setElementOrder/containers': [{'name': 'c'}, {'name': 'a'}, {'name': 'b'}], "
         "'containers': [{'name':"
         " 'b', 'image': '2'}]}}",
         PC("[{'name': 'c'}, {'name': 'a'}, {'name': 'b', 'image': '2'}]")},
        /* elements the order does not know stay where they stood relative to the others */
        {PC("[{'name': 'own'}, {'name': 'a'}, {'name': 'b'}]"),
         "{'spec': {'$setElementOrder/containers': [{'name': 'b'}, {'name': 'a'}]}}",
         PC("[{'name': 'own'}, {'name': 'b'}, {'name': 'a'}]")},
        {PC("[{'name': 'a'}]"),
         "{'spec': {'$setElementOrder/containers': [{'name': 'a'}, {'name': 'n'}], 'containers': "
         "[{'name': 'n'}]}}",
         PC("[{'name': 'a'}, {'name': 'n'}]")},
        {"{'metadata': {'finalizers': ['a', 'b']}}",
         "{'metadata': {'$setElementOrder/finalizers': ['b', 'c', 'a'], 'finalizers': ['c']}}",
         "{'metadata': {'finalizers': ['b', 'c', 'a']}}"},
    };
    (void)state;
    run("Pod", rows, ARRAY_LEN(rows));
}

static void test_errors(void **state)
{
    static const struct {
        const char *patch, *says;
    } rows[] = {
        {"[]", "want an object"},
        {PC("[{'image': 'x'}]"), "lacks its merge key"},
        {PC("[5]"), "want objects"},
        {"{'spec': {'$patch': 'explode'}}", "unknown $patch"},
        {"{'spec': {'$patch': 5}}", "unknown $patch"},
        {"{'spec': {'$retainKeys': ['a'], 'nodeName': 'x'}}", "not in $retainKeys"},
        {"{'spec': {'$retainKeys': 'a'}}", "must be a list"},
        {"{'spec': {'$setElementOrder/containers': [{'name': 'a'}], 'containers': [{'name': "
         "'b'}]}}",
         "not in $setElementOrder"},
        {"{'spec': {'$setElementOrder/containers': 'a'}}", "wants a list"},
        {"{'spec': {'$deleteFromPrimitiveList/containers': ['a']}}", "list of scalars"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *patch AUTO(json_freep) = js(rows[i].patch), *result = NULL;
        struct err *err AUTO(err_freep) = NULL;
        int rc = type_strategic_merge(type_of("", "v1", "Pod"), js(PC("[{'name': 'a'}]")), patch,
                                      &result, &err);
        assert_int_equal(rc, -EINVAL);
        if (!strstr(err_text(err), rows[i].says))
            fail_msg("%s\n  says %s\n  want %s", rows[i].patch, err_text(err), rows[i].says);
    }
}

static void test_bound(void **state)
{
    (void)state;
    cJSON *patch AUTO(json_freep) = js("{'metadata': {'finalizers': []}}"), *result = NULL;
    for (int i = 0; i < 5000; i++)
        cJSON_AddItemToArray(patch->child->child, cJSON_CreateString("x/y"));
    assert_int_equal(type_strategic_merge(type_of("", "v1", "Pod"), js("{}"), patch, &result, NULL),
                     -EINVAL);
}

/* What kubectl sends for set image, cordon and a Service port. */
static void test_kubectl(void **state)
{
    (void)state;
    static const struct row service[] = {
        {"{'spec': {'ports': [{'port': 80, 'targetPort': 80}, {'port': 81, 'targetPort': 81}]}}",
         "{'spec': {'$setElementOrder/ports': [{'port': 80}], 'ports': [{'port': 80, 'targetPort': "
         "'web'}, {'$patch':"
         " 'delete', 'port': 81}]}}",
         "{'spec': {'ports': [{'port': 80, 'targetPort': 'web'}]}}"}};
    static const struct row node[] = {
        {"{'spec': {'taints': [{'key': 'a'}]}}", "{'spec': {'unschedulable': true}}",
         "{'spec': {'taints': [{'key': 'a'}], 'unschedulable': true}}"}};
    run("Service", service, 1);
    run("Node", node, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge), cmocka_unit_test(test_directives),
        cmocka_unit_test(test_order), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_bound), cmocka_unit_test(test_kubectl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
