/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of times, ages and durations. The clocks themselves are only asked to run forward. */
#include "unit/cm.h"

#include <errno.h>

#include "base/clock.h"

static void clocks_run(void **state)
{
    (void)state;
    uint64_t a = clock_mono_us(), b = clock_mono_us();
    assert_true(a <= b);
    assert_true(clock_mono_ms() >= b / 1000);
    assert_true(clock_wall_us() > 1600000000LL * 1000000);
}

static void time_texts(void **state)
{
    (void)state;
    char out[CLOCK_TEXT_MAX];
    assert_string_equal(clock_time_text(0, out), "1970-01-01T00:00:00Z");
    assert_string_equal(clock_time_text(1795332801LL * 1000000, out), "2026-11-22T07:33:21Z");
    assert_string_equal(clock_micro_text(1795332801123456LL, out), "2026-11-22T07:33:21.123456Z");
    assert_string_equal(clock_micro_text(-1, out), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(clock_time_text(951782400LL * 1000000, out), "2000-02-29T00:00:00Z");
}

static int64_t parsed(const char *text)
{
    int64_t us = -77;
    assert_int_equal(clock_parse(text, &us), 0);
    return us;
}

static void parse(void **state)
{
    (void)state;
    assert_true(parsed("2026-11-22T07:33:21Z") == 1795332801000000LL);
    assert_true(parsed("2026-11-22T07:33:21.123456Z") == 1795332801123456LL);
    assert_true(parsed("2026-11-22T07:33:21.1234569Z") == 1795332801123456LL);
    assert_true(parsed("2026-11-22T07:33:21.5Z") == 1795332801500000LL);
    assert_true(parsed("2026-11-22T09:03:21+01:30") == 1795332801000000LL);
    assert_true(parsed("2026-11-21T23:33:21-08:00") == 1795332801000000LL);
    static const char *const bad[] = {"",
                                      "2026-11-22",
                                      "2026-11-22 07:33:21Z",
                                      "2026-11-22T07:33:21",
                                      "2026-13-22T07:33:21Z",
                                      "2025-02-29T00:00:00Z",
                                      "2026-11-22T24:00:00Z",
                                      "2026-11-22T07:33:21.Z",
                                      "2026-11-22T07:33:21Zx",
                                      "2026-11-22T07:33:21+1:00"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t us = 5;
        assert_int_equal(clock_parse(bad[i], &us), -EINVAL);
        assert_true(us == 5);
    }
    assert_int_equal(clock_parse(NULL, &(int64_t){0}), -EINVAL);
}

static void round_trip(void **state)
{
    (void)state;
    char out[CLOCK_TEXT_MAX];
    for (int64_t us = -5000000000000000LL; us < 9000000000000000LL; us += 86399999999LL * 7)
        assert_true(parsed(clock_micro_text(us, out)) == us);
}

static void ages(void **state)
{
    (void)state;
    static const struct {
        int64_t s;
        const char *text;
    } rows[] = {{0, "0s"},          {119, "119s"},    {120, "2m"},      {190, "3m10s"},
                {600, "10m"},       {3600, "60m"},    {10799, "179m"},  {10800, "3h"},
                {11000, "3h3m"},    {28800, "8h"},    {86400, "24h"},   {172800, "2d"},
                {180000, "2d2h"},   {691200, "8d"},   {1036800, "12d"}, {63072000, "2y"},
                {63158400, "2y1d"}, {-5, "<invalid>"}};
    char out[CLOCK_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(clock_age_text(rows[i].s, out), rows[i].text);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"500ms", 500},    {"10s", 10000}, {"5m", 300000}, {"1h", 3600000},
                {"2d", 172800000}, {"7", 7000},    {"0", 0}};
    int64_t ms;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(clock_duration_parse(rows[i].text, &ms), 0);
        assert_true(ms == rows[i].ms);
    }
    static const char *const bad[] = {"", "s", "-1s", "+1s", "1.5s", "1h30m", "10 s", "1w"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(clock_duration_parse(bad[i], &ms), -EINVAL);
    assert_int_equal(clock_duration_parse(NULL, &ms), -EINVAL);
    assert_int_equal(clock_duration_parse("9223372036854775807d", &ms), -ERANGE);
    assert_int_equal(clock_duration_parse("99999999999999999999", &ms), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_run), cmocka_unit_test(time_texts), cmocka_unit_test(parse),
        cmocka_unit_test(round_trip), cmocka_unit_test(ages),       cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
