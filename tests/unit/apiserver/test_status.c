/* SPDX-License-Identifier: Apache-2.0 */
/* Status objects, causes and the sentence of a 422. */
#include "unit/apiserver/leaf.h"

static void test_failure(void **state)
{
    (void)state;
    struct failure f = {.code = 404,
                        .reason = "NotFound",
                        .message = "configmaps \"x\" not found",
                        .name = "x",
                        .group = "",
                        .kind = "configmaps"};
    cJSON *s AUTO(json_freep) = failure_status(&f);
    assert_json(
        s,
        "{'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Failure', 'message':"
        " 'configmaps \\\"x\\\" not found', 'reason': 'NotFound', 'details': {'name': 'x', 'kind':"
        " 'configmaps'}, 'code': 404}",
        "not found");
    f = (struct failure){.code = 400, .reason = "BadRequest", .message = "m", .no_details = true};
    cJSON *plain AUTO(json_freep) = failure_status(&f);
    assert_null(json_at(plain, "details"));
    f = (struct failure){.code = 504, .message = "m", .retry_after = 1};
    cJSON *retry AUTO(json_freep) = failure_status(&f);
    assert_json(json_at(retry, "details"), "{'retryAfterSeconds': 1}", "retry");
    assert_null(json_at(retry, "reason"));
}

static void test_success(void **state)
{
    (void)state;
    cJSON *s AUTO(json_freep) = success_status("x", "apps", "deployments", "u");
    assert_json(s,
                "{'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Success', "
                "'details': {'name':"
                " 'x', 'group': 'apps', 'kind': 'deployments', 'uid': 'u'}}",
                "success");
    cJSON *bare AUTO(json_freep) = success_status(NULL, NULL, NULL, NULL);
    assert_null(json_at(bare, "details"));
}

static void test_invalid(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    struct causes c = {.arena = a};
    struct failure f;
    causes_required(&c, "spec.a", NULL);
    failure_invalid(&f, a, "", "Pod", "p", &c);
    assert_string_equal(f.message, "Pod \"p\" is invalid: spec.a: Required value");
    assert_int_equal(f.code, 422);
    causes_invalid(&c, "spec.b", "x\"y", "why");
    causes_invalid(&c, "spec.b", "x\"y", "why"); /* said once, listed twice */
    failure_invalid(&f, a, "g.io", "Kind", "n", &c);
    assert_string_equal(f.message,
                        "Kind.g.io \"n\" is invalid: [spec.a: Required value, spec.b: Invalid "
                        "value: \"x\\\"y\": why]");
    cJSON *s AUTO(json_freep) = failure_status(&f);
    assert_int_equal(cJSON_GetArraySize(json_at(s, "details", "causes")), 3);
    assert_json(cJSON_GetArrayItem(json_at(s, "details", "causes"), 0),
                "{'reason': 'FieldValueRequired', 'message': 'Required value', 'field': 'spec.a'}",
                "cause");
    failure_invalid(&f, a, "authorization.k8s.io", NULL, NULL, &c);
    assert_true(str_starts(f.message, ".authorization.k8s.io \"\" is invalid: ["));
}

static void test_words(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    struct causes c = {.arena = a};
    cJSON *n AUTO(json_freep) = js("5"), *text AUTO(json_freep) = js("'five'");
    causes_not_supported(&c, "f", text, "One|Two");
    causes_duplicate(&c, "f", n);
    causes_forbidden(&c, "f", "no");
    causes_invalid_json(&c, "f", n, "odd");
    causes_invalid_json(&c, "f", NULL, "absent");
    assert_string_equal(c.items[0].message,
                        "Unsupported value: \"five\": supported values: \"One\", \"Two\"");
    assert_string_equal(c.items[1].message, "Duplicate value: 5");
    assert_string_equal(c.items[2].message, "Forbidden: no");
    assert_string_equal(c.items[3].message, "Invalid value: 5: odd");
    assert_string_equal(c.items[4].message, "Invalid value: \"null\": absent");
}

/* However much is wrong, the arena stays small and the texts stay whole. */
static void test_bounds(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(4 << 20);
    struct causes c = {.arena = a};
    char *big = mem_alloc(100001);
    for (int i = 0; i < 100000; i += 2)
        big[i] = '\xc3', big[i + 1] = '\xa9';
    for (int i = 0; i < 1000; i++)
        causes_add(&c, CAUSE_INVALID, big, "x%s", big);
    assert_int_equal(c.n, CAUSES_MAX);
    assert_int_equal(c.dropped, 1000 - CAUSES_MAX);
    size_t n = strlen(c.items[0].message);
    assert_true(n <= CAUSE_MESSAGE_MAX && n % 2 == 1); /* x and whole characters */
    assert_true(strlen(c.items[0].field) <= CAUSE_FIELD_MAX);
    struct failure f;
    failure_invalid(&f, a, "", "Pod", "p", &c);
    assert_true(strlen(f.message) < 128 * 1024);
    mem_free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure), cmocka_unit_test(test_success),
        cmocka_unit_test(test_invalid), cmocka_unit_test(test_words),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
