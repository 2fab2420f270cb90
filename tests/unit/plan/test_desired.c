/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing what we own with what is there: a server's additions cost no write, what we drop goes
 * away. */
#include "unit/cm.h"

#include "plan/plan.h"

static void patch_is(const char *have, const char *want, const char *patch)
{
    AUTO(json_freep) cJSON *h = cJSON_Parse(have), *w = cJSON_Parse(want);
    AUTO(json_freep) cJSON *got = desired_patch(h, w);
    AUTO(mem_freep) char *text = got ? json_print(got) : mem_strdup("none");
    assert_string_equal(text, patch);
}

static void server_defaults_cost_nothing(void **state)
{
    (void)state;
    patch_is("{\"spec\":{\"clusterIP\":\"10.0.0.1\",\"ports\":[{\"name\":\"a\",\"port\":1,"
             "\"protocol\":\"TCP\"}]}}",
             "{\"spec\":{\"ports\":[{\"name\":\"a\",\"port\":1}]}}", "none");
    patch_is("{\"spec\":{\"ports\":[{\"port\":1,\"protocol\":\"TCP\"}]}}",
             "{\"spec\":{\"ports\":[{\"port\":1}]}}", "none");
}

static void changed_item_keeps_the_rest(void **state)
{
    (void)state;
    patch_is(
        "{\"ports\":[{\"name\":\"a\",\"port\":1,\"nodePort\":30001},{\"name\":\"b\",\"port\":2}]}",
        "{\"ports\":[{\"name\":\"b\",\"port\":2},{\"name\":\"a\",\"port\":9}]}",
        "{\"ports\":[{\"name\":\"b\",\"port\":2},{\"name\":\"a\",\"port\":9,\"nodePort\":30001}]}");
    patch_is("{\"l\":[\"a\",\"b\"]}", "{\"l\":[\"a\"]}", "{\"l\":[\"a\"]}");
    patch_is("{\"l\":[]}", "{\"l\":[\"a\"]}", "{\"l\":[\"a\"]}");
}

static void exact_removes(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *have = cJSON_Parse("{\"spec\":{\"a\":1,\"b\":{\"c\":2}},\"x\":1}");
    AUTO(json_freep) cJSON *want = cJSON_Parse("{\"spec\":{\"a\":1}}");
    AUTO(json_freep) cJSON *got = desired_exact(have, want, "spec");
    AUTO(mem_freep) char *text = json_print(got);
    assert_string_equal(text, "{\"spec\":{\"b\":null}}");
    assert_null(desired_exact(have, have, "spec"));
}

static void join_keeps_nulls(void **state)
{
    (void)state;
    cJSON *a = cJSON_Parse("{\"m\":{\"x\":null},\"k\":1}"),
          *b = cJSON_Parse("{\"m\":{\"y\":2,\"x\":null},\"z\":null}");
    AUTO(json_freep) cJSON *got = desired_join(a, b);
    AUTO(mem_freep) char *text = json_print(got);
    assert_string_equal(text, "{\"m\":{\"x\":null,\"y\":2},\"k\":1,\"z\":null}");
    assert_null(desired_join(NULL, NULL));
}

static void finalizers(void **state)
{
    (void)state;
    AUTO(json_freep)
    cJSON *o =
        cJSON_Parse("{\"metadata\":{\"resourceVersion\":\"7\",\"finalizers\":[\"a\",\"b\"]}}");
    assert_null(desired_finalizer(o, "a", true));
    assert_null(desired_finalizer(o, "c", false));
    AUTO(json_freep) cJSON *without = desired_finalizer(o, "a", false);
    AUTO(mem_freep) char *text = json_print(without);
    assert_string_equal(text, "{\"metadata\":{\"finalizers\":[\"b\"],\"resourceVersion\":\"7\"}}");
}

static int64_t share(const char *v, int64_t total, bool up)
{
    AUTO(json_freep) cJSON *j = cJSON_Parse(v);
    return desired_share(j, total, up, -1);
}

static void shares(void **state)
{
    (void)state;
    assert_int_equal(share("2", 10, true), 2);
    assert_int_equal(share("\"34%\"", 3, false), 1);
    assert_int_equal(share("\"34%\"", 3, true), 2);
    assert_int_equal(share("\"10%\"", 3, false), 0);
    assert_int_equal(share("\"many\"", 3, false), -1);
    assert_int_equal(desired_share(NULL, 3, false, 5), 5);
}

static void stages(void **state)
{
    (void)state;
    struct plan p;
    plan_init(&p, 1 << 20);
    plan_barrier(&p);
    plan_barrier(&p);
    plan_step_add(&p, PLAN_DELETE, PLAN_POD, "ns", "a", NULL, "one");
    plan_step_add(&p, PLAN_DELETE, PLAN_POD, "ns", "b", NULL, "two");
    plan_barrier(&p);
    plan_barrier(&p);
    plan_step_add(&p, PLAN_DELETE, PLAN_POD, "ns", "c", NULL, "three");
    plan_wake(&p, 500);
    plan_wake(&p, 900);
    struct buf out = BUF_INIT(1024);
    plan_print(&p, &out);
    assert_string_equal(buf_str(&out),
                        "0 delete Pod ns/a: one\n0 delete Pod ns/b: two\n1 delete Pod ns/c: three\n"
                        "wake after 500 ms\n");
    buf_done(&out);
    plan_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_defaults_cost_nothing),
        cmocka_unit_test(changed_item_keeps_the_rest),
        cmocka_unit_test(exact_removes),
        cmocka_unit_test(join_keeps_nulls),
        cmocka_unit_test(finalizers),
        cmocka_unit_test(shares),
        cmocka_unit_test(stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
