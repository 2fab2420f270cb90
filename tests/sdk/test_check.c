/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance check itself: it lets the template pass and finds what the bad plugins do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"

static struct buf out = BUF_INIT(1 << 20);

static int check(const char *dir, const char *name)
{
    AUTO(mem_freep) char *path = mem_printf("%s/%s.so", dir, name);
    buf_cut(&out, 0);
    return engine_check(path, NULL, &out);
}

static void said(const char *part)
{
    if (!strstr(buf_str(&out), part))
        fail_msg("want \"%s\" in:\n%s", part, buf_str(&out));
}

static void test_template_passes(void **state)
{
    (void)state;
    int rc = check(ECHO_DIR, "echo");
    if (rc != 0)
        fail_msg("%s", buf_str(&out));
    said("ok   descriptor: echo version 1.0.0, ABI 1.0");
    said("ok   hook switchover cancelled: ");
    said("ok   advise: twice the same answer");
    said("ok   create and destroy: ");
    said("echo: 0 failures");
}

static void test_one_wrong_call_is_found(void **state)
{
    (void)state;
    assert_true(check(TEST_PLUGIN_DIR, "services") >
                0); /* it calls timer.after from a thread on purpose */
    said("FAIL hook member-join left alone: wrong-thread: timer.after was called from a thread "
         "that is not the loop's");
}

static void test_bad_ones_are_found(void **state)
{
    (void)state;
    assert_true(check(TEST_PLUGIN_DIR, "double-complete") > 0);
    said("FAIL hook readonly left alone: ");
    said("double-complete");
    assert_true(check(TEST_PLUGIN_DIR, "refuse") > 0);
    said("FAIL hook readonly left alone: did not complete within its grace"); /* without an argument
                                                                                 it forgets to */
    assert_true(check(TEST_PLUGIN_DIR, "liar-role") ==
                0); /* only an instance named liar-0 is lied about */
    assert_int_equal(check(TEST_PLUGIN_DIR, "wrong-abi"), -EINVAL);
    said("ABI major: want 1, found 2");
    assert_true(check(TEST_PLUGIN_DIR, "late-complete") > 0);
    said("FAIL hook readonly left alone: did not complete within its grace");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template_passes),
        cmocka_unit_test(test_one_wrong_call_is_found),
        cmocka_unit_test(test_bad_ones_are_found),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_done(&out);
    return failed;
}
