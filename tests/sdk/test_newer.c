/* SPDX-License-Identifier: Apache-2.0 */
/* Old plugin, new host, looked at from close by: what the old tables do not have is zero in the
 * host's copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/load.h"

static void test_later_members_are_zero(void **state)
{
    (void)state;
    struct plugin *p = NULL;
    struct err *err = NULL;
    if (plugin_load(ECHO_DIR "/echo.so", "echo", &p, &err) < 0)
        fail_msg("%s", err_text(err));
    assert_true(p->desc.size < sizeof(p->desc));
    assert_true(p->desc.later == 0);
    assert_true(p->role_probe.later == 0 && p->lifecycle.later == 0 && p->topology.later == 0);
    assert_int_equal(p->role_probe.n_roles, 2);
    for (uint32_t i = 0; i < p->role_probe.n_roles; i++)
        assert_true(p->roles[i].later == 0);
    assert_string_equal(p->roles[1].name, "secondary");
    for (uint32_t i = 0; i < p->lifecycle.n_hooks; i++)
        assert_true(p->hooks[i].later == 0 && p->hooks[i].run);
    assert_string_equal(p->hooks[1].name, "switchover");
    assert_true(p->options[0].later == 0);
    plugin_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_later_members_are_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
