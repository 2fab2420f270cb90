/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of list and watch: how an end is read, what each state makes of it, how long it waits.
 */
#include "unit/cm.h"

#include <string.h>

#include "base/mem.h"
#include "kube/follow.h"

static void reads_ends(void **state)
{
    (void)state;
    static const struct {
        struct follow_end end;
        enum kube_follow_outcome want;
    } rows[] = {
        {{.watch = true, .status = 200, .lived_ms = 400000}, FOLLOW_ENDED},
        {{.watch = true, .status = 200, .lived_ms = 400, .events = 1}, FOLLOW_ENDED},
        {{.watch = true, .status = 200, .lived_ms = 999}, FOLLOW_SHORT},
        {{.watch = true, .status = 200, .lived_ms = 999, .cut = true}, FOLLOW_SHORT},
        {{.watch = true, .status = 200, .lived_ms = 1000, .cut = true}, FOLLOW_CUT},
        {{.watch = true, .status = 200, .lived_ms = 1, .events = 3, .cut = true}, FOLLOW_CUT},
        {{.watch = true, .status = 200, .lived_ms = 610000, .timed_out = true, .cut = true},
         FOLLOW_SILENT},
        {{.watch = true, .timed_out = true}, FOLLOW_SILENT},
        {{.watch = true, .cut = true}, FOLLOW_NO_ANSWER},
        {{.watch = true, .status = 410, .error_event = true, .reason = "Expired"}, FOLLOW_EXPIRED},
        {{.watch = true, .status = 500, .error_event = true, .reason = "Gone"}, FOLLOW_EXPIRED},
        {{.watch = true, .status = 410, .fresh = true}, FOLLOW_EXPIRED_NEW},
        {{.watch = true, .status = 410}, FOLLOW_EXPIRED},
        {{.watch = true, .status = 200, .error_event = true}, FOLLOW_REFUSED},
        {{.watch = true, .status = 500, .error_event = true}, FOLLOW_REFUSED},
        {{.watch = true, .status = 429}, FOLLOW_BUSY},
        {{.watch = true, .status = 503, .retry_after_ms = 1000}, FOLLOW_BUSY},
        {{.watch = true, .status = 503}, FOLLOW_REFUSED},
        {{.watch = true, .status = 504}, FOLLOW_TOO_NEW},
        {{.watch = true, .status = 401}, FOLLOW_REFUSED},
        {{.watch = true, .status = 401, .reauth = true}, FOLLOW_UNAUTHORIZED},
        {{.watch = true, .status = 404}, FOLLOW_REFUSED},
        {{.watch = true, .status = 200, .garbage = true, .lived_ms = 5}, FOLLOW_GARBAGE},
        {{.watch = true, .status = 200, .went_back = true, .lived_ms = 5}, FOLLOW_WENT_BACK},
        {{.status = 200}, FOLLOW_LISTED},
        {{.status = 410, .fresh = true}, FOLLOW_EXPIRED},
        {{.status = 403}, FOLLOW_REFUSED},
        {{.cut = true}, FOLLOW_NO_ANSWER},
        {{.timed_out = true}, FOLLOW_SILENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct follow_end end = rows[i].end;
        if (!end.reason)
            end.reason = "";
        enum kube_follow_outcome found = kube_follow_outcome(&end);
        if (found != rows[i].want)
            fail_msg("row %zu: want %s, found %s", i, kube_follow_outcome_name(rows[i].want),
                     kube_follow_outcome_name(found));
    }
}

static void transitions(void **state)
{
    (void)state;
    static const struct {
        enum follow_state from;
        enum kube_follow_outcome outcome;
        enum follow_state next;
        enum follow_delay delay;
    } rows[] = {
        {FOLLOW_STOPPED, FOLLOW_STARTED, FOLLOW_LISTING, FOLLOW_NOW},
        {FOLLOW_LISTING, FOLLOW_LISTED, FOLLOW_SYNCED, FOLLOW_NOW},
        {FOLLOW_LISTING, FOLLOW_NO_ANSWER, FOLLOW_LISTING, FOLLOW_CONNECT},
        {FOLLOW_LISTING, FOLLOW_BUSY, FOLLOW_LISTING, FOLLOW_ASKED},
        {FOLLOW_LISTING, FOLLOW_EXPIRED, FOLLOW_LISTING, FOLLOW_SLOWLY},
        {FOLLOW_SYNCED, FOLLOW_ENDED, FOLLOW_BROKEN, FOLLOW_NOW},
        {FOLLOW_SYNCED, FOLLOW_CUT, FOLLOW_BROKEN, FOLLOW_SOON},
        {FOLLOW_SYNCED, FOLLOW_SHORT, FOLLOW_BROKEN, FOLLOW_SLOWLY},
        {FOLLOW_BROKEN, FOLLOW_OPENED, FOLLOW_SYNCED, FOLLOW_NOW},
        {FOLLOW_BROKEN, FOLLOW_NO_ANSWER, FOLLOW_BROKEN, FOLLOW_CONNECT},
        {FOLLOW_BROKEN, FOLLOW_BUSY, FOLLOW_BROKEN, FOLLOW_ASKED}, /* re-watch, not relist */
        {FOLLOW_BROKEN, FOLLOW_EXPIRED, FOLLOW_LISTING, FOLLOW_NOW},
        {FOLLOW_SYNCED, FOLLOW_EXPIRED_NEW, FOLLOW_LISTING, FOLLOW_SLOWLY},
        {FOLLOW_SYNCED, FOLLOW_WENT_BACK, FOLLOW_LISTING, FOLLOW_SOON},
        {FOLLOW_SYNCED, FOLLOW_GARBAGE, FOLLOW_LISTING, FOLLOW_SLOWLY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct follow_step *s = kube_follow_next(rows[i].from, rows[i].outcome);
        assert_non_null(s);
        if (s->next != rows[i].next || s->delay != rows[i].delay)
            fail_msg("row %zu: %s + %s", i, kube_follow_state_name(rows[i].from),
                     kube_follow_outcome_name(rows[i].outcome));
    }
    assert_null(kube_follow_next(FOLLOW_STOPPED, FOLLOW_ENDED));
    assert_null(kube_follow_next(FOLLOW_BACKOFF, FOLLOW_LISTED));
}

/* Whatever a list or a watch ends with, the state it ran in has an answer. */
static void no_end_without_a_step(void **state)
{
    (void)state;
    static const int statuses[] = {0, 200, 301, 400, 401, 403, 404, 410, 429, 500, 503, 504};
    for (size_t s = 0; s < ARRAY_LEN(statuses); s++) {
        for (unsigned bits = 0; bits < 1u << 9; bits++) {
            struct follow_end e = {.watch = bits & 1,
                                   .status = statuses[s],
                                   .reason = bits & 2 ? "Expired" : "",
                                   .cut = bits & 4,
                                   .timed_out = bits & 8,
                                   .garbage = bits & 16,
                                   .error_event = (bits & 1) && (bits & 32),
                                   .fresh = bits & 64,
                                   .lived_ms = bits & 128 ? 5000 : 5,
                                   .reauth = (bits & 1) && (bits & 256)};
            enum kube_follow_outcome o = kube_follow_outcome(&e);
            if (e.watch) {
                assert_non_null(kube_follow_next(FOLLOW_SYNCED, o));
                assert_non_null(kube_follow_next(FOLLOW_BROKEN, o));
            } else {
                assert_non_null(kube_follow_next(FOLLOW_LISTING, o));
            }
        }
    }
}

static void delays(void **state)
{
    (void)state;
    struct follow_history h = {0};
    static const uint64_t connect[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (size_t i = 0; i < ARRAY_LEN(connect); i++) {
        kube_follow_note(&h, FOLLOW_NO_ANSWER, 0);
        assert_true(kube_follow_delay_ms(FOLLOW_CONNECT, &h, 0, 0) == connect[i]);
        assert_true(kube_follow_delay_ms(FOLLOW_CONNECT, &h, 0, UINT32_MAX) == connect[i] * 2);
    }
    assert_int_equal(h.failures, 0);
    static const uint64_t slowly[] = {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};
    for (size_t i = 0; i < ARRAY_LEN(slowly); i++) {
        kube_follow_note(&h, FOLLOW_SHORT, 5);
        assert_true(kube_follow_delay_ms(FOLLOW_SLOWLY, &h, 0, 0) == slowly[i]);
        assert_true(kube_follow_delay_ms(FOLLOW_SLOWLY, &h, 0, UINT32_MAX) == slowly[i] * 2);
    }
    assert_int_equal(h.refusals, 0); /* an answer, even a bad one, ends the refusals */
    for (int i = 0; i < 1000; i++)
        kube_follow_note(&h, FOLLOW_SHORT, 5);
    assert_true(kube_follow_delay_ms(FOLLOW_SLOWLY, &h, 0, 0) == 30000);
    kube_follow_note(&h, FOLLOW_CUT, 119999);
    assert_true(h.failures > 0);
    kube_follow_note(&h, FOLLOW_CUT, 120000); /* two healthy minutes */
    assert_int_equal(h.failures, 0);
    assert_true(kube_follow_delay_ms(FOLLOW_NOW, &h, 0, UINT32_MAX) == 0);
    assert_true(kube_follow_delay_ms(FOLLOW_SOON, &h, 0, UINT32_MAX) == 100);
    assert_true(kube_follow_delay_ms(FOLLOW_ASKED, &h, 2000, 0) == 2000);
    assert_true(kube_follow_delay_ms(FOLLOW_ASKED, &h, 2000, UINT32_MAX) == 2200);
    kube_follow_note(&h, FOLLOW_BUSY, 0);
    assert_true(kube_follow_delay_ms(FOLLOW_ASKED, &h, 0, 0) == 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_ends),
        cmocka_unit_test(transitions),
        cmocka_unit_test(no_end_without_a_step),
        cmocka_unit_test(delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
