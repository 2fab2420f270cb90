/* SPDX-License-Identifier: Apache-2.0 */
/* Pod addresses: stable by name, rested by age, never shared. */
#include "unit/cm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/address.h"

static struct addresses *book(const char *cidr)
{
    struct addresses *a = NULL;
    assert_int_equal(addresses_new(cidr, "127.17.1.1", &a, NULL), 0);
    return a;
}

static uint32_t ip(const char *text)
{
    uint32_t v = 0;
    assert_int_equal(address_parse(text, &v), 0);
    return v;
}

static void ranges(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "127.1.0.0",      "127.1.0.0/7", "127.1.0.0/30", "127.1.2.3/16",
        "127.1.0/16", "127.1.0.0/16/3", "::1/64"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct addresses *a = NULL;
        AUTO(err_freep) struct err *err = NULL;
        assert_int_equal(addresses_new(bad[i], NULL, &a, &err), -EINVAL);
        assert_non_null(strstr(err_text(err), bad[i]));
        assert_null(a);
    }
}

static void same_name_same_address(void **state)
{
    (void)state;
    struct addresses *a = book("127.17.0.0/16");
    uint32_t x = addresses_take(a, "ns/a-0");
    char text[ADDRESS_TEXT_MAX];
    assert_string_equal(address_text(x, text), "127.17.1.2"); /* 127.17.1.1 is the node */
    uint32_t y = addresses_take(a, "ns/a-1");
    assert_int_not_equal(x, y);
    addresses_release(a, x);
    assert_int_equal(addresses_take(a, "ns/a-0"), x);
    /* The old one still runs: the new Pod of that name gets another address. */
    assert_int_not_equal(addresses_take(a, "ns/a-0"), x);
    addresses_free(a);
}

/* 127.17.1.0/29 has 127.17.1.2 .. 127.17.1.6 to give. */
static void oldest_rests_longest(void **state)
{
    (void)state;
    struct addresses *a = book("127.17.1.0/29");
    uint32_t got[5];
    char key[16];
    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof(key), "n/p-%d", i);
        got[i] = addresses_take(a, key);
        assert_int_not_equal(got[i], 0);
    }
    assert_int_equal(addresses_take(a, "n/more"), 0);
    assert_int_equal(addresses_used(a), 5);
    addresses_release(a, got[3]);
    addresses_release(a, got[1]);
    addresses_release(a, got[1]); /* twice is once */
    assert_int_equal(addresses_used(a), 3);
    assert_int_equal(addresses_take(a, "n/new"), got[3]);
    assert_int_equal(addresses_take(a, "n/p-3"), got[1]); /* its own is taken by n/new */
    assert_int_equal(addresses_take(a, "n/p-9"), 0);
    addresses_free(a);
}

static void claims(void **state)
{
    (void)state;
    struct addresses *a = book("127.17.0.0/16");
    assert_int_equal(addresses_claim(a, ip("127.17.1.2"), "n/x"), 0);
    assert_int_equal(addresses_claim(a, ip("127.17.1.2"), "n/x"), 0);
    assert_int_equal(addresses_claim(a, ip("127.17.1.2"), "n/y"), -EADDRINUSE);
    assert_int_equal(addresses_claim(a, ip("127.17.1.1"), "n/y"), -ERANGE);
    assert_int_equal(addresses_claim(a, ip("127.17.0.9"), "n/y"), -ERANGE);
    assert_int_equal(addresses_claim(a, ip("127.18.1.1"), "n/y"), -ERANGE);
    assert_int_equal(addresses_used(a), 1);
    assert_int_equal(addresses_take(a, "n/y"), ip("127.17.1.3"));
    addresses_free(a);
}

static void memory_survives(void **state)
{
    (void)state;
    struct addresses *a = book("127.17.0.0/16");
    uint32_t x = addresses_take(a, "n/x"), y = addresses_take(a, "n/y");
    addresses_release(a, y);
    addresses_release(a, x);
    AUTO(buf_done) struct buf text = BUF_INIT(65536);
    addresses_print(a, &text);
    assert_string_equal(buf_str(&text), "127.17.1.3 n/y\n127.17.1.2 n/x\n");
    addresses_free(a);
    a = book("127.17.0.0/16");
    buf_adds(&text, "rubbish\n127.17.1.2 n/z\n10.0.0.1 n/q\n127.17.1.9\n");
    addresses_load(a, (struct str){text.ptr, text.len});
    assert_int_equal(addresses_used(a), 0);
    assert_int_equal(addresses_take(a, "n/x"), x);
    assert_int_not_equal(addresses_take(a, "n/new"), y); /* y rests while others were never used */
    assert_int_equal(addresses_take(a, "n/y"), y);
    addresses_free(a);
}

/* Ten thousand births and deaths: never two owners of one address. */
static void never_shared(void **state)
{
    (void)state;
    enum { SLOTS = 200 };
    struct addresses *a = book("127.17.1.0/24");
    uint32_t held[SLOTS] = {0};
    uint32_t seed = 7;
    for (int step = 0; step < 10000; step++) {
        seed = seed * 1664525 + 1013904223;
        size_t i = (seed >> 8) % SLOTS;
        char key[16];
        snprintf(key, sizeof(key), "n/p-%zu", i);
        if (held[i]) {
            addresses_release(a, held[i]);
            held[i] = 0;
            continue;
        }
        held[i] = addresses_take(a, key);
        assert_int_not_equal(held[i], 0);
        for (size_t j = 0; j < SLOTS; j++)
            assert_true(j == i || held[j] != held[i]);
    }
    addresses_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(same_name_same_address),
        cmocka_unit_test(oldest_rests_longest),
        cmocka_unit_test(claims),
        cmocka_unit_test(memory_survives),
        cmocka_unit_test(never_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
