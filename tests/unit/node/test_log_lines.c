/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a log into what `kubectl logs` shows. */
#include "unit/cm.h"

#include <string.h>

#include "base/clock.h"
#include "node/log_lines.h"

static const char text[] = "2026-01-01T00:00:01.000000001Z stdout F one\n"
                           "2026-01-01T00:00:02.000000000Z stderr P tw\n"
                           "2026-01-01T00:00:02.500000000Z stderr F o\n"
                           "2026-01-01T00:00:03.000000000Z stdout F \n"
                           "rubbish\n"
                           "2026-01-01T00:00:04.000000000Z stdout F four and more\n"
                           "2026-01-01T00:00:05.000000000Z stdout F cut he";

static void shows(struct log_filter f, size_t used, const char *want)
{
    AUTO(buf_done) struct buf out = BUF_INIT(65536);
    assert_int_equal(log_lines_show(&f, str_of(text), &out), used);
    assert_string_equal(buf_str(&out), want);
}

static void records(void **state)
{
    (void)state;
    size_t complete = (size_t)(strrchr(text, '\n') - text) + 1;
    int64_t since;
    shows((struct log_filter){.limit = -1}, complete, "one\ntwo\n\nfour and more\n");
    shows((struct log_filter){.limit = 6}, complete, "one\ntw");
    shows((struct log_filter){.limit = 0}, complete, "");
    clock_parse("2026-01-01T00:00:02.5Z", &since);
    shows((struct log_filter){.limit = -1, .since_us = since}, complete, "o\n\nfour and more\n");
    clock_parse("2026-01-01T00:00:04Z", &since);
    shows((struct log_filter){.limit = -1, .since_us = since, .timestamps = true}, complete,
          "2026-01-01T00:00:04.000000000Z four and more\n");
}

static void tails(void **state)
{
    (void)state;
    static const char lines[] = "a\nbb\nccc\n";
    static const struct {
        size_t n, at, found;
    } rows[] = {{0, 9, 0}, {1, 5, 1}, {2, 2, 2}, {3, 0, 3}, {9, 0, 3}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t found;
        assert_int_equal(log_lines_tail(str_of(lines), rows[i].n, &found), rows[i].at);
        assert_int_equal(found, rows[i].found);
    }
    size_t found;
    assert_int_equal(log_lines_tail((struct str){"", 0}, 5, &found), 0);
    assert_int_equal(found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(tails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
