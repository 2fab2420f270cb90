/* SPDX-License-Identifier: Apache-2.0 */
/* Names and ordinals of instances, the choice of definitions, and the cost of planning a large set.
 */
#include "unit/cm.h"

#include <string.h>
#include <time.h>

#include "plan/plan.h"

static char *names_of(const char *spec)
{
    AUTO(arena_freep) struct arena *a = arena_new(64 << 20);
    AUTO(json_freep) cJSON *its = cJSON_Parse("{\"metadata\":{\"name\":\"its\"}}");
    AUTO(err_freep) struct err *err = NULL;
    struct plan_instance *list;
    size_t n;
    struct buf out = BUF_INIT(4096);
    json_put(its, cJSON_Parse(spec), "spec");
    if (plan_instances(a, its, &list, &n, &err) < 0)
        buf_adds(&out, err_text(err));
    else
        for (size_t i = 0; i < n; i++)
            buf_addf(&out, "%s%s", i ? " " : "", list[i].name);
    return buf_take(&out);
}

#define NAMES(spec, want)                                                                          \
    do {                                                                                           \
        AUTO(mem_freep) char *got_ = names_of(spec);                                               \
        assert_string_equal(got_, want);                                                           \
    } while (0)

static void naming(void **state)
{
    (void)state;
    NAMES("{\"replicas\":3}", "its-0 its-1 its-2");
    NAMES("{\"replicas\":0}", "");
    NAMES("{\"replicas\":3,\"offlineInstances\":[\"its-1\"]}", "its-0 its-2 its-3");
    NAMES("{\"replicas\":3,\"ordinals\":{\"ranges\":[{\"start\":2,\"end\":4}],\"discrete\":[10]}}",
          "its-2 its-3 its-4");
    NAMES(
        "{\"replicas\":4,\"ordinals\":{\"ranges\":[{\"start\":2,\"end\":4}],\"discrete\":[10,3]}}",
        "its-2 its-3 its-4 its-10");
    NAMES("{\"replicas\":3,\"ordinals\":{\"ranges\":[{\"start\":2,\"end\":3}]}}",
          "the default template wants 3 instances, its ordinals allow 2");
    NAMES("{\"replicas\":3,\"instances\":[{\"name\":\"foo\",\"replicas\":1}]}",
          "its-0 its-1 its-foo-0");
    NAMES("{\"replicas\":2,\"instances\":[{\"name\":\"b\",\"replicas\":1},{\"name\":\"a\"}]}",
          "its-a-0 its-b-0");
    NAMES("{\"replicas\":1,\"instances\":[{\"name\":\"b\",\"replicas\":2}]}",
          "spec.instances: templates want 2 instances, spec.replicas is 1");
    NAMES("{\"replicas\":3,\"instances\":[{\"name\":\"b\"},{\"name\":\"b\"}]}",
          "spec.instances: template \"b\" is there twice");
    NAMES("{\"replicas\":1,\"ordinals\":{\"ranges\":[{\"start\":0,\"end\":2000000}]}}",
          "ordinals of template \"\": want at most 100000, found 2000001");
    NAMES("{\"replicas\":11,\"offlineInstances\":[\"its-0\"]}",
          "its-1 its-2 its-3 its-4 its-5 its-6 its-7 its-8 its-9 its-10 its-11");
}

static void name_order(void **state)
{
    (void)state;
    assert_true(plan_name_compare("x-9", "x-10") < 0);
    assert_true(plan_name_compare("x-10", "x-9-1.0") > 0);
    assert_true(plan_name_compare("x-7-1.0.0", "x-7-1.0.1") < 0);
    assert_true(plan_name_compare("x-07", "x-7") == 0);
    assert_true(plan_name_compare("x", "x-1") < 0);
    assert_true(plan_name_compare("a", "b") < 0);
}

static const char *find(const char *pattern, const char *current)
{
    static const char *const NAMES_OF[] = {"echo-9", "echo-10", "echo-proxy-1", "other"};
    static cJSON *defs[ARRAY_LEN(NAMES_OF)];
    const cJSON *list[ARRAY_LEN(NAMES_OF)];
    for (size_t i = 0; i < ARRAY_LEN(NAMES_OF); i++) {
        if (!defs[i]) {
            defs[i] = cJSON_CreateObject();
            json_put_str(defs[i], NAMES_OF[i], "metadata", "name");
        }
        list[i] = defs[i];
    }
    if (!pattern) {
        for (size_t i = 0; i < ARRAY_LEN(defs); i++)
            json_freep(&defs[i]);
        return NULL;
    }
    static char text[256];
    AUTO(err_freep) struct err *err = NULL;
    const cJSON *d =
        plan_definition_find(list, ARRAY_LEN(NAMES_OF), pattern, current, "Definition", &err);
    const char *shown = d ? json_str(d, "metadata", "name") : err_text(err);
    size_t n = strlen(shown) < sizeof(text) - 1 ? strlen(shown) : sizeof(text) - 1;
    memcpy(text, shown, n);
    text[n] = '\0';
    return text;
}

static void definitions(void **state)
{
    (void)state;
    assert_string_equal(find("echo-9", NULL), "echo-9");
    assert_string_equal(find("echo-1", NULL), "echo-10");
    assert_string_equal(find("^echo-[0-9]+$", NULL), "echo-10");
    assert_string_equal(find("^echo-[0-9]+$", "echo-9"), "echo-9");
    assert_string_equal(find("^echo-[0-9]+$", "gone"), "echo-10");
    assert_string_equal(
        find("nothing", NULL),
        "no Definition matches \"nothing\"; there are: echo-9, echo-10, echo-proxy-1, other");
    assert_string_equal(find("echo-[", NULL),
                        "\"echo-[\" is not a name and not a regular expression");
    find(NULL, NULL);
}

/* ---- cost
 * --------------------------------------------------------------------------------------------------
 */

static double plan_seconds(int replicas)
{
    cJSON *its = cJSON_Parse(
        "{\"metadata\":{\"name\":\"its\",\"namespace\":\"ns\",\"uid\":\"u\",\"generation\":1},"
        "\"spec\":{\"podManagementPolicy\":\"Parallel\",\"selector\":{\"matchLabels\":{\"a\":\"b\"}"
        "},"
        "\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}},"
        "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{}}]}}");
    json_put_int(its, replicas, "spec", "replicas");
    struct plan p;
    plan_init(&p, 512u << 20);
    struct api_schemas schemas;
    api_schemas_init(&schemas);
    struct plan_its_in in = {.schemas = &schemas, .its = its, .now_us = 1};
    struct timespec a, b;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    plan_instanceset(&in, &p);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    /* finalizer, headless Service, a claim and a Pod each, status */
    assert_int_equal(p.n_steps, (size_t)replicas * 2 + 3);
    plan_done(&p);
    api_schemas_done(&schemas);
    cJSON_Delete(its);
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* Ten times the instances must not cost a hundred times the time; 40 leaves room for a noisy
 * machine. */
static void planning_is_not_quadratic(void **state)
{
    (void)state;
    plan_seconds(200);
    double small = plan_seconds(500), large = plan_seconds(5000);
    print_message("500 instances %.1f ms, 5000 instances %.1f ms\n", small * 1e3, large * 1e3);
    assert_true(large < small * 40 + 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(naming),
        cmocka_unit_test(name_order),
        cmocka_unit_test(definitions),
        cmocka_unit_test(planning_is_not_quadratic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
