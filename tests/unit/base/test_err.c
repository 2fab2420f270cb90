/* SPDX-License-Identifier: Apache-2.0 */
/* The error chain: order of sentences, the code, the reason, and callers that pass NULL. */
#include "unit/cm.h"

#include <errno.h>

#include "base/err.h"

static int fails(struct err **err)
{
    return err_set(err, -ENOENT, "opening %s: no such file", "x.cfg");
}

static int fails_outside(struct err **err)
{
    int rc = fails(err);
    return rc ? err_wrap(err, "starting %s", "member-1") : 0;
}

static void chain(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(fails_outside(&err), -ENOENT);
    assert_int_equal(err_code(err), -ENOENT);
    assert_string_equal(err_text(err), "starting member-1: opening x.cfg: no such file");
    assert_string_equal(err_reason(err), "");
    err_reason_set(&err, "FileMissing");
    err_wrap(&err, "outer");
    assert_string_equal(err_reason(err), "FileMissing");
    assert_string_equal(err_text(err), "outer: starting member-1: opening x.cfg: no such file");
}

static void null_holder_keeps_code(void **state)
{
    (void)state;
    assert_int_equal(fails_outside(NULL), -ENOENT);
    err_set(NULL, -EBUSY, "x");
    assert_int_equal(err_wrap(NULL, "y"), -EBUSY);
}

static void set_again_replaces(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    err_set(&err, -EINVAL, "first");
    err_set(&err, -EIO, "second after %s", err_text(err));
    assert_int_equal(err_code(err), -EIO);
    assert_string_equal(err_text(err), "second after first");
}

static void none(void **state)
{
    (void)state;
    struct err *err = NULL;
    assert_int_equal(err_code(err), 0);
    assert_string_equal(err_text(err), "no error");
    assert_string_equal(err_reason(err), "");
    err_reason_set(&err, "X");
    assert_null(err);
    err_freep(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain), cmocka_unit_test(null_holder_keeps_code),
        cmocka_unit_test(set_again_replaces), cmocka_unit_test(none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
