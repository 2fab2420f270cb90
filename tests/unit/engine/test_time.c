/* SPDX-License-Identifier: Apache-2.0 */
/* The probe schedule (pure), the timer wheel on a real loop, handles, and the note. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/runner_own.h"

/* ---- schedule
 * -------------------------------------------------------------------------------------------------------
 */

static void test_probes_spread_over_the_period(void **state)
{
    (void)state;
    unsigned buckets[10] = {0};
    for (int i = 0; i < 1000; i++) {
        char id[64];
        snprintf(id, sizeof(id), "8a6e0b6c-0000-4000-8000-%012d", i);
        uint64_t at = probe_next_at(id, 5000000, 1000);
        assert_true(at > 5000000 && at <= 5001000);
        assert_int_equal(probe_next_at(id, at, 1000), at + 1000); /* the phase stays */
        assert_int_equal(probe_next_at(id, at - 1, 1000), at);
        buckets[(at - 5000001) / 100]++;
        uint64_t first = probe_first_at(id, 5000000, 1000);
        assert_true(first >= 5000000 && first < 5000200);
    }
    for (size_t i = 0; i < ARRAY_LEN(buckets); i++)
        assert_true(buckets[i] > 60 && buckets[i] < 140);
}

static void test_short_periods(void **state)
{
    (void)state;
    for (uint32_t period = 20; period < 300; period += 7)
        assert_true(probe_next_at("x", 12345, period) > 12345 &&
                    probe_next_at("x", 12345, period) <= 12345 + period);
}

/* ---- wheel
 * ------------------------------------------------------------------------------------------------------------
 */

struct alarm {
    struct wheel_node node;
    struct loop *loop;
    struct wheel *wheel;
    uint64_t want, got;
    unsigned *left;
    bool *done;
    struct alarm *victim;
};

static void on_alarm(struct wheel_node *n)
{
    struct alarm *a = container_of(n, struct alarm, node);
    a->got = loop_now_ms(a->loop);
    if (a->victim)
        wheel_del(&a->victim->node);
    if (--*a->left == 0)
        *a->done = true;
}

static void test_wheel(void **state)
{
    (void)state;
    static const uint64_t delays[] = {0,  1,   3,    4,    5,    50,
                                      51, 200, 2047, 2048, 2049, 2500}; /* one round is 2048 ms */
    struct alarm alarms[ARRAY_LEN(delays)];
    struct loop *l = NULL;
    unsigned left = ARRAY_LEN(delays);
    bool done = false;
    assert_int_equal(loop_new(&l, NULL), 0);
    struct wheel *w = wheel_new(l);
    uint64_t now = loop_now_ms(l);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        alarms[i] = (struct alarm){
            .loop = l, .wheel = w, .want = now + delays[i], .left = &left, .done = &done};
        wheel_node_init(&alarms[i].node, on_alarm);
        wheel_add(w, &alarms[i].node, alarms[i].want);
    }
    assert_int_equal(loop_run_until(l, &done, 10000), 0);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        assert_true(alarms[i].got >= alarms[i].want); /* never early; late only as the machine is */
    wheel_free(w);
    loop_free(l);
}

static void test_wheel_moves_and_removes(void **state)
{
    (void)state;
    struct loop *l = NULL;
    unsigned left = 2;
    bool done = false;
    assert_int_equal(loop_new(&l, NULL), 0);
    struct wheel *w = wheel_new(l);
    uint64_t now = loop_now_ms(l);
    struct alarm removed = {.loop = l, .left = &left, .done = &done};
    struct alarm a = {.loop = l, .left = &left, .done = &done, .victim = &removed};
    struct alarm b = {.loop = l, .left = &left, .done = &done};
    wheel_node_init(&removed.node, on_alarm);
    wheel_node_init(&a.node, on_alarm);
    wheel_node_init(&b.node, on_alarm);
    wheel_del(&a.node); /* not waiting: nothing */
    wheel_add(w, &a.node, now + 5000);
    wheel_add(w, &b.node, now + 40);
    wheel_add(w, &a.node, now + 21); /* moved */
    wheel_add(w, &removed.node,
              now + 21); /* behind a in the same tick: removed from within its call */
    assert_int_equal(loop_run_until(l, &done, 5000), 0);
    assert_true(b.got >= now + 40);
    assert_true(removed.got == 0);
    wheel_free(w);
    loop_free(l);
}

/* ---- handles
 * -----------------------------------------------------------------------------------------------------------
 */

static void test_handles(void **state)
{
    (void)state;
    int things[40];
    uint64_t ids[40];
    struct handles t = HANDLES_INIT(40);
    for (int i = 0; i < 40; i++) {
        ids[i] = handle_add(&t, &things[i]);
        assert_true(ids[i] != 0);
    }
    assert_true(handle_add(&t, &things[0]) == 0); /* full */
    for (int i = 0; i < 40; i++)
        assert_ptr_equal(handle_get(&t, ids[i]), &things[i]);
    handle_del(&t, ids[7]);
    handle_del(&t, ids[7]); /* twice is nothing */
    handle_del(&t, ids[3]);
    assert_null(handle_get(&t, ids[7]));
    uint64_t again = handle_add(&t, &things[0]);
    assert_int_equal((uint32_t)again, (uint32_t)ids[7]); /* the slot that was free longest */
    assert_true(again != ids[7]);
    assert_null(handle_get(&t, ids[7])); /* the old number still finds nothing */
    assert_null(handle_get(&t, 0));
    assert_null(handle_get(&t, UINT64_MAX));
    uint32_t it = 0;
    unsigned n = 0;
    while (handle_next(&t, &it))
        n++;
    assert_int_equal(n, 39);
    handles_done(&t);
}

/* ---- note
 * --------------------------------------------------------------------------------------------------------------
 */

static void check_note(const struct note *n, const char *want)
{
    struct buf b = BUF_INIT(2000);
    note_describe(n, &b);
    assert_string_equal(buf_str(&b), want);
    buf_done(&b);
}

static void test_note(void **state)
{
    (void)state;
    struct note *mine = NULL, *theirs = NULL;
    int fd = -1;
    assert_int_equal(note_new(&mine, &fd, NULL), 0);
    assert_int_equal(note_open(dup(fd), &theirs, NULL), 0);
    check_note(mine, "no call");
    note_begin(theirs, 0, 77, "probe of x");
    assert_true(note_loop_since(mine) == 77);
    check_note(mine, "probe of x");
    note_begin(theirs, 3, 78, "hook wire\n on y");
    check_note(mine, "probe of x or hook wire? on y");
    note_end(theirs, 0);
    note_end(theirs, 3);
    assert_true(note_loop_since(mine) == 0);
    check_note(mine, "no call (last: probe of x)");
    note_begin(theirs, NOTE_SLOTS, 1, "nowhere"); /* ignored */
    note_begin(NULL, 0, 1, "nowhere");
    note_free(theirs);
    note_free(mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes_spread_over_the_period),
        cmocka_unit_test(test_short_periods),
        cmocka_unit_test(test_wheel),
        cmocka_unit_test(test_wheel_moves_and_removes),
        cmocka_unit_test(test_handles),
        cmocka_unit_test(test_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
