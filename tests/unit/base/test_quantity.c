/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities: values and stored forms as resource.Quantity of k8s.io/apimachinery gives them. */
#include "unit/cm.h"

#include <errno.h>
#include <string.h>

#include "base/quantity.h"

static const struct {
    const char *text;
    int64_t milli;
    const char *canonical;
} rows[] = {
    {"0", 0, "0"},
    {"1", 1000, "1"},
    {"100m", 100, "100m"},
    {"1000m", 1000, "1"},
    {"1500m", 1500, "1500m"},
    {"1.5", 1500, "1500m"},
    {"0.5", 500, "500m"},
    {".5", 500, "500m"},
    {"5.", 5000, "5"},
    {"1u", 1, "1u"},
    {"1n", 1, "1n"},
    {"0.1m", 1, "100u"},
    {"1k", 1000000, "1k"},
    {"1000k", 1000000000, "1M"},
    {"2G", 2000000000000, "2G"},
    {"1e3", 1000000, "1e3"},
    {"12e4", 120000000, "120e3"},
    {"1e0", 1000, "1"},
    {"1E3", 1000000, "1e3"},
    {"1Ki", 1024000, "1Ki"},
    {"512Mi", 536870912000, "512Mi"},
    {"1024Mi", 1073741824000, "1Gi"},
    {"1.5Gi", 1610612736000, "1536Mi"},
    {"0.5Ki", 512000, "512"},
    {"0.1Ki", 102400, "102400m"},
    {"1025", 1025000, "1025"},
    {"-1", -1000, "-1"},
    {"-1.5Gi", -1610612736000, "-1536Mi"},
    {"+2", 2000, "2"},
    {"1E", 1000000000000000000 / 1000 * 1000, "1E"},
};

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[48];
        AUTO(err_freep) struct err *err = NULL;
        int64_t milli = -1;
        assert_int_equal(quantity_canonical(rows[i].text, out, &err), 0);
        assert_string_equal(out, rows[i].canonical);
        if (strcmp(rows[i].text, "1E") == 0) {
            assert_int_equal(quantity_parse(rows[i].text, &milli, &err),
                             -ERANGE); /* 10^21 thousandths */
            continue;
        }
        assert_int_equal(quantity_parse(rows[i].text, &milli, &err), 0);
        assert_true(milli == rows[i].milli);
    }
}

static void canonical_is_stable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[48];
        assert_int_equal(quantity_canonical(rows[i].canonical, out, NULL), 0);
        assert_string_equal(out, rows[i].canonical);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "x",  "1x",   "1 Gi", "Gi",   "1gi", "1K", "--1",
                                      "1.2.3", "1e", "1ee3", "1e3k", "1MiB", ".",   "-",  "1e9999"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(err_freep) struct err *err = NULL;
        int64_t milli = 7;
        assert_int_equal(quantity_parse(bad[i], &milli, &err), -EINVAL);
        assert_true(milli == 7);
        assert_non_null(strstr(err_text(err), bad[i]));
    }
    AUTO(err_freep) struct err *err = NULL;
    int64_t milli;
    assert_int_equal(
        quantity_parse("99999999999999999999999999999999999999999999999", &milli, &err), -ERANGE);
    assert_int_equal(quantity_parse("1e300", &milli, &err), -ERANGE);
    assert_int_equal(quantity_parse(NULL, &milli, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table), cmocka_unit_test(canonical_is_stable), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
