/* SPDX-License-Identifier: Apache-2.0 */
/* When an engine is restarted, quarantined or ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/supervise.h"

static void test_three_crashes_in_a_minute(void **state)
{
    (void)state;
    struct crash_history h = {0};
    struct crash_verdict v = crash_record(&h, 1000, 500);
    assert_false(v.quarantine);
    assert_int_equal(v.delay_ms, 100);
    v = crash_record(&h, 2000, 900);
    assert_false(v.quarantine);
    assert_int_equal(v.delay_ms, 200);
    v = crash_record(&h, 61000, 900); /* exactly a minute after the first */
    assert_true(v.quarantine);
    assert_int_equal(v.delay_ms, QUARANTINE_MS);
    v = crash_record(&h, 700000, 10); /* after a quarantine it starts anew */
    assert_false(v.quarantine);
    assert_int_equal(v.delay_ms, 100);
}

static void test_slow_crashes_back_off(void **state)
{
    (void)state;
    struct crash_history h = {0};
    uint64_t now = 0, delay = 0;
    for (int i = 0; i < 20; i++) {
        now += 31000; /* never three within a minute */
        struct crash_verdict v = crash_record(&h, now, 30000);
        assert_false(v.quarantine);
        assert_true(v.delay_ms >= delay);
        delay = v.delay_ms;
    }
    assert_int_equal(delay, RESTART_MAX_MS);
}

static void test_a_quiet_minute_forgets(void **state)
{
    (void)state;
    struct crash_history h = {0};
    crash_record(&h, 1000, 10);
    crash_record(&h, 2000, 10);
    struct crash_verdict v = crash_record(&h, 62001, 60000);
    assert_false(v.quarantine);
    assert_int_equal(v.delay_ms, RESTART_MIN_MS);
}

static void test_states(void **state)
{
    (void)state;
    assert_true(engine_state_may(ENGINE_STARTING, ENGINE_RUNNING));
    assert_true(engine_state_may(ENGINE_RUNNING, ENGINE_STUCK));
    assert_true(engine_state_may(ENGINE_STUCK, ENGINE_RUNNING));
    assert_false(engine_state_may(ENGINE_RUNNING, ENGINE_STARTING));
    assert_false(engine_state_may(ENGINE_QUARANTINED, ENGINE_RUNNING));
    for (int to = 0; to < ENGINE_STATES; to++) /* what waits for a restart can only be started */
        assert_int_equal(engine_state_may(ENGINE_REFUSED, (enum engine_state)to),
                         to == ENGINE_STARTING);
    assert_string_equal(engine_state_word(ENGINE_QUARANTINED), "Quarantined");
}

static void test_helper_verdicts(void **state)
{
    (void)state;
    struct helper_signs s = {.now_ms = 100000};
    assert_null(helper_verdict(&s));
    s.busy_since_ms = 90000;
    assert_null(helper_verdict(&s));
    s.busy_since_ms = 89999;
    assert_string_equal(helper_verdict(&s), "blocked its loop for more than 10 s");
    s = (struct helper_signs){.now_ms = 100000, .call_overdue = true};
    assert_non_null(helper_verdict(&s));
    s = (struct helper_signs){.now_ms = 100000, .stuck_since_ms = 96000};
    assert_null(helper_verdict(&s));
    s.stuck_since_ms = 95000;
    assert_non_null(helper_verdict(&s));
    s.calls_open = 1; /* somebody's work is still running in there */
    assert_null(helper_verdict(&s));
    s.stuck_since_ms = 40000;
    assert_non_null(helper_verdict(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_crashes_in_a_minute),
        cmocka_unit_test(test_slow_crashes_back_off),
        cmocka_unit_test(test_a_quiet_minute_forgets),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_helper_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
