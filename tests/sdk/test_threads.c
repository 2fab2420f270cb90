/* SPDX-License-Identifier: Apache-2.0 */
/* The four thread models: how much runs at once, where, and that nothing waits longer than its
 * deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "rig.h"

#define CALLS 6 /* three on each of two instances */

static struct rig rig;
static struct rig_outcome outs[CALLS];

static int number(const char *text)
{
    int64_t v = -1;
    assert_int_equal(str_to_i64(str_of(text), &v), 0);
    return (int)v;
}

static uint64_t call_on(unsigned instance, const char *hook, uint32_t deadline_ms,
                        struct rig_outcome *o)
{
    AUTO(json_freep) cJSON *view = rig_view("t", 2);
    struct engine_call c = {.hook = hook,
                            .view = view,
                            .instance = instance ? "id-t-1" : "id-t-0",
                            .deadline_ms = deadline_ms};
    rig_outcome_clear(o);
    return engine_hook_start(rig.e, &c, rig_done, o);
}

static void start(const char *name, const char *extra)
{
    AUTO(mem_freep) char *text = rig_engine(TEST_PLUGIN_DIR, name, extra);
    rig_start(&rig, text);
    assert_string_equal(engine_state_reason(rig.e), "Running");
}

static void stop(void)
{
    rig_stop(&rig);
    for (int i = 0; i < CALLS; i++)
        rig_outcome_clear(&outs[i]);
}

/* Run CALLS calls at once; the most that ran together, over all and for one instance. */
static void run_all(int *ret_most, int *ret_here, const char *want_loop)
{
    *ret_most = *ret_here = 0;
    for (unsigned i = 0; i < CALLS; i++)
        call_on(i % 2, "readonly", 0, &outs[i]);
    for (unsigned i = 0; i < CALLS; i++) {
        rig_until_done(&rig, &outs[i], 15000);
        assert_int_equal(outs[i].class_, ATOLL_CLASS_DONE);
        assert_string_equal(rig_result(&outs[i], "loop"), want_loop);
        int most = number(rig_result(&outs[i], "most")),
            here = number(rig_result(&outs[i], "here"));
        *ret_most = most > *ret_most ? most : *ret_most;
        *ret_here = here > *ret_here ? here : *ret_here;
    }
}

static void test_loop(void **state)
{
    (void)state;
    int most, here;
    start("threads-loop", NULL);
    run_all(&most, &here, "yes");
    assert_int_equal(most, 1);
    stop();
}

static void test_serial(void **state)
{
    (void)state;
    int most, here;
    start("threads-serial", NULL);
    run_all(&most, &here, "no");
    assert_int_equal(most, 1);
    stop();
}

static void test_per_instance(void **state)
{
    (void)state;
    int most, here;
    start("threads-instance", NULL);
    run_all(&most, &here, "no");
    assert_int_equal(here, 1);
    assert_int_equal(most, 2);
    stop();
}

static void test_parallel(void **state)
{
    (void)state;
    int most, here;
    start("threads-parallel", NULL);
    run_all(&most, &here, "no");
    assert_true(most > 2 && here > 1);
    stop();
}

static void test_thread_maximum(void **state)
{
    (void)state;
    int most, here;
    start("threads-parallel", "threads = 2");
    run_all(&most, &here, "no");
    assert_int_equal(most, 2);
    stop();
}

/* What waits behind a blocking call until its own deadline never started, and says so. */
static void test_deadline_in_the_queue(void **state)
{
    (void)state;
    start("threads-serial", NULL);
    call_on(0, "readwrite", 1500, &outs[0]); /* blocks the one lane */
    call_on(1, "readonly", 200, &outs[1]);
    rig_until_done(&rig, &outs[1], 5000);
    assert_false(outs[0].done);
    assert_int_equal(outs[1].class_, ATOLL_CLASS_RETRY);
    assert_string_equal(outs[1].reason, "NotStarted");
    rig_until_done(&rig, &outs[0], 5000);
    assert_string_equal(outs[0].reason, "Cancelled");
    assert_true(engine_available(rig.e));
    stop();
}

/* A call that holds its lane learns of its cancel. */
static void test_cancel_reaches_a_blocking_call(void **state)
{
    (void)state;
    static const char *const names[] = {"threads-serial", "threads-instance", "threads-parallel"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        start(names[i], "threads = 1");
        uint64_t op = call_on(0, "readwrite", 60000, &outs[0]);
        engine_op_cancel(rig.e, op);
        rig_until_done(&rig, &outs[0], 5000);
        assert_true(streq(outs[0].reason, "Cancelled") || streq(outs[0].reason, "NotStarted"));
        assert_true(outs[0].took_ms < 2000);
        stop();
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_per_instance),
        cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_thread_maximum),
        cmocka_unit_test(test_deadline_in_the_queue),
        cmocka_unit_test(test_cancel_reaches_a_blocking_call),
    };
    return cmocka_run_group_tests_name(rig_isolation, tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, run);
}
