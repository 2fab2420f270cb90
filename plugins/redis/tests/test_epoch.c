/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The versions of claims, over the histories a shard can have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "epoch.h"

#define A "127.16.0.1:6379"
#define B "127.16.0.2:6379"
#define C "127.16.0.3:6379"

static void test_first_primary(void **state)
{
    (void)state;
    struct epoch_book book = {0};
    struct epoch_claim a = {0};
    assert_int_equal(epoch_claim_update(&book, &a, A, true),
                     0); /* promoted by us, nobody monitors */
    assert_true(epoch_configured(&book, A, 0));
    assert_false(epoch_configured(&book, A, 0)); /* the second sentinel says the same: no news */
    assert_int_equal(epoch_claim_update(&book, &a, A, false), 0);
}

/* ROLE says master before any sentinel has switched: the claim must beat the old primary's. */
static void test_failover(void **state)
{
    (void)state;
    struct epoch_book book = {.master = A, .config = 4, .running = 4};
    struct epoch_claim a = {0}, b = {0};
    assert_int_equal(epoch_claim_update(&book, &a, A, false), 4);
    assert_true(epoch_announced(&book, 5));
    assert_false(epoch_announced(&book, 5));
    assert_int_equal(epoch_claim_update(&book, &a, A, false),
                     4); /* an attempt alone moves nothing */
    assert_int_equal(epoch_claim_update(&book, &b, B, true), 5);
    assert_true(epoch_configured(&book, B, 5));
    assert_int_equal(epoch_claim_update(&book, &b, B, false), 5);
    assert_int_equal(epoch_claim_update(&book, &a, A, false),
                     4);                         /* it still claims: keeps what it had */
    assert_false(epoch_configured(&book, A, 4)); /* a sentinel that lags */
    assert_string_equal(book.master, B);
}

/* The event comes after the probe: the claim is lifted at the next look. */
static void test_event_is_late(void **state)
{
    (void)state;
    struct epoch_book book = {.master = A, .config = 4, .running = 4};
    struct epoch_claim b = {0};
    assert_int_equal(epoch_claim_update(&book, &b, B, true), 0);
    assert_true(epoch_announced(&book, 5));
    assert_int_equal(epoch_claim_update(&book, &b, B, false), 5);
}

/* A primary from the past shows up while somebody else is being promoted. */
static void test_old_primary_returns(void **state)
{
    (void)state;
    struct epoch_book book = {.master = B, .config = 5, .running = 6};
    struct epoch_claim old = {0};
    assert_int_equal(epoch_claim_update(&book, &old, A, false), 0); /* never seen as a replica */
    assert_int_equal(epoch_claim_update(&book, &old, A, false), 0);
}

static void test_attempts_that_failed(void **state)
{
    (void)state;
    struct epoch_book book = {.master = A, .config = 1, .running = 1};
    struct epoch_claim c = {0};
    for (uint64_t n = 2; n < 9; n++)
        assert_true(epoch_announced(&book, n));
    assert_int_equal(epoch_claim_update(&book, &c, C, true), 8);
    assert_true(epoch_configured(&book, C, 8));
    assert_int_equal(epoch_claim_update(&book, &c, C, false), 8);
}

static void test_claim_never_falls_while_it_stands(void **state)
{
    (void)state;
    struct epoch_book book = {.master = A, .config = 7, .running = 7};
    struct epoch_claim a = {0};
    assert_int_equal(epoch_claim_update(&book, &a, A, false), 7);
    assert_true(epoch_configured(&book, B, 8)); /* moved on */
    assert_int_equal(epoch_claim_update(&book, &a, A, false), 7);
    epoch_claim_clear(&a);
    assert_int_equal(epoch_claim_update(&book, &a, A, false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_primary),
        cmocka_unit_test(test_failover),
        cmocka_unit_test(test_event_is_late),
        cmocka_unit_test(test_old_primary_returns),
        cmocka_unit_test(test_attempts_that_failed),
        cmocka_unit_test(test_claim_never_falls_while_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
