/* SPDX-License-Identifier: Apache-2.0 */
/* Role reports: what is copied, what is refused, what counts as a change, what texts are let
 * through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/report.h"

static struct atoll_str s(const char *text)
{
    return (struct atoll_str){text, strlen(text)};
}

static struct report *make(const char *role, uint64_t version, const struct atoll_fact *facts,
                           uint32_t n)
{
    struct atoll_role_report r = {.size = sizeof(r),
                                  .role = s(role),
                                  .role_version = version,
                                  .facts = facts,
                                  .n_facts = n,
                                  .fact_size = sizeof(*facts)};
    const char *fault = NULL;
    struct report *copy = report_new(&r, &fault);
    assert_non_null(copy);
    return copy;
}

static bool changed(struct report *old, struct report *now)
{
    bool yes = report_changed(old, now);
    report_unref(old);
    report_unref(now);
    return yes;
}

static void test_changes(void **state)
{
    (void)state;
    const struct atoll_fact a[] = {{s("run-id"), s("x"), 0, 0},
                                   {s("offset"), s("1"), ATOLL_FACT_VOLATILE, 0}};
    const struct atoll_fact b[] = {{s("offset"), s("2"), ATOLL_FACT_VOLATILE, 0},
                                   {s("run-id"), s("x"), 0, 0}};
    const struct atoll_fact c[] = {{s("run-id"), s("y"), 0, 0}};
    assert_true(changed(NULL, make("p", 1, NULL, 0)));
    assert_false(changed(make("p", 1, NULL, 0), make("p", 1, NULL, 0)));
    assert_true(changed(make("p", 1, NULL, 0), make("q", 1, NULL, 0)));
    assert_true(changed(make("p", 1, NULL, 0), make("", 1, NULL, 0)));
    assert_true(changed(make("p", 1, NULL, 0), make("p", 2, NULL, 0)));
    assert_false(changed(make("p", 1, a, 2),
                         make("p", 1, b, 2))); /* order and volatile ones do not matter */
    assert_false(changed(make("p", 1, a, 2), make("p", 1, a, 1)));
    assert_true(changed(make("p", 1, a, 2), make("p", 1, c, 1)));
    assert_true(changed(make("p", 1, a, 2), make("p", 1, NULL, 0)));
    assert_true(changed(make("p", 1, NULL, 0), make("p", 1, a, 2)));
    assert_true(changed(make("p", 1, NULL, 0), report_unknown("Timeout", "m")));
    assert_true(changed(report_unknown("Timeout", "m"), make("p", 1, NULL, 0)));
    assert_false(changed(report_unknown("Timeout", "m"), report_unknown("Refused", "n")));
}

static void check_fault(const struct atoll_role_report *r, const char *want)
{
    const char *fault = NULL;
    assert_null(report_new(r, &fault));
    assert_string_equal(fault, want);
}

static void test_faults(void **state)
{
    (void)state;
    static char big[REPORT_VALUE_MAX + 2];
    memset(big, 'x', sizeof(big) - 1);
    const struct atoll_fact nameless = {s(""), s("v"), 0, 0}, large = {s("k"), s(big), 0, 0};
    struct atoll_role_report r = {.size = sizeof(r)};
    check_fault(NULL, "a report that is NULL or too short");
    r.size = 8;
    check_fault(&r, "a report that is NULL or too short");
    r = (struct atoll_role_report){.size = sizeof(r), .state = 2};
    check_fault(&r, "a report with an unknown state");
    r = (struct atoll_role_report){
        .size = sizeof(r), .n_facts = 65, .facts = &large, .fact_size = sizeof(large)};
    check_fault(&r, "more than 64 facts");
    r = (struct atoll_role_report){
        .size = sizeof(r), .n_facts = 1, .facts = &large, .fact_size = 8};
    check_fault(&r, "facts without a table or with a short fact_size");
    r = (struct atoll_role_report){
        .size = sizeof(r), .n_facts = 1, .facts = &nameless, .fact_size = sizeof(large)};
    check_fault(&r, "a fact whose key is empty or longer than 128 bytes");
    r = (struct atoll_role_report){
        .size = sizeof(r), .n_facts = 1, .facts = &large, .fact_size = sizeof(large)};
    check_fault(&r, "a fact longer than 4096 bytes");
}

/* A plugin of a later version has larger facts. */
static void test_larger_elements(void **state)
{
    (void)state;
    struct later {
        struct atoll_fact v1;
        uint64_t more;
    } facts[2] = {{{s("a"), s("1"), 0, 0}, 7}, {{s("b"), s("2"), 0, 0}, 8}};
    struct atoll_role_report r = {
        .size = sizeof(r) + 8, .facts = &facts[0].v1, .n_facts = 2, .fact_size = sizeof(facts[0])};
    const char *fault;
    struct report *copy = report_new(&r, &fault);
    assert_string_equal(copy->facts[1].key.ptr, "b");
    assert_string_equal(copy->facts[1].value.ptr, "2");
    report_unref(copy);
}

static void check_clean(const char *in, size_t max, const char *want)
{
    char out[64];
    assert_int_equal(text_clean(out, max, s(in)), strlen(want));
    assert_string_equal(out, want);
}

static void test_texts(void **state)
{
    (void)state;
    check_clean("plain", 64, "plain");
    check_clean("two\nlines\x01", 64, "two lines ");
    check_clean("gr\xc3\xbc\xc3\x9f", 64, "gr\xc3\xbc\xc3\x9f");
    check_clean("cut\xc3\xbc", 5, "cut"); /* never half a character */
    check_clean("bad\xff\xc3(", 64,
                "bad?"
                "?(");
    check_clean("\xed\xa0\x80", 64,
                "?"
                "?"
                "?"); /* a surrogate */
    check_clean("\xc0\x80", 64,
                "?"
                "?"); /* an overlong NUL */
    check_clean("abc", 1, "");
    assert_true(reason_ok(s("ConnectTimeout2")));
    assert_false(reason_ok(s("")));
    assert_false(reason_ok(s("2Late")));
    assert_false(reason_ok(s("has blank")));
}

static void test_json(void **state)
{
    (void)state;
    const struct atoll_fact a[] = {{s("run-id"), s("x"), 0, 0},
                                   {s("offset"), s("1"), ATOLL_FACT_VOLATILE, 0}};
    struct report *r = make("p", UINT64_MAX, a, 2);
    AUTO(json_freep) cJSON *j = report_json(r);
    AUTO(mem_freep) char *text = json_print(j);
    assert_string_equal(
        text, "{\"known\":true,\"role\":\"p\",\"version\":\"18446744073709551615\",\"facts\":{"
              "\"run-id\":\"x\",\"offset\":\"1\"},\"volatile\":[\"offset\"]}");
    report_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_larger_elements),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
