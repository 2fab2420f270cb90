/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planned changes of primary under load: no acknowledged write may be missing afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>

#include "servers.h"

static struct site *site;

static int setup(void **state)
{
    (void)state;
    site = site_new(3, 3);
    fake_option(site->fake, "down_after", 3000);
    site_start(site);
    fake_probe_every(site->fake, 200);
    fake_watch(site->fake, true);
    fake_drive(site->fake, true);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    site_free(site);
    return 0;
}

static bool has_role(const char *id, const char *role)
{
    const struct fake_answer *a = fake_answer(site->fake, id);
    return a->known && text_eq(a->role, role);
}

static bool all_linked_to(unsigned primary)
{
    char endpoint[ENDPOINT_MAX];
    snprintf(endpoint, sizeof(endpoint), "%s:6379", site->server[primary].ip);
    for (unsigned i = 0; i < 3; i++) {
        struct process *p = &site->server[i], *s = &site->sentinel[i];
        if (i == primary ? !has_role(p->id, "primary")
                         : !has_role(p->id, "secondary") ||
                               !text_eq(fake_fact(site->fake, p->id, FACT_UPSTREAM), endpoint) ||
                               !text_eq(fake_fact(site->fake, p->id, FACT_LINK), "up") ||
                               !text_eq(fake_fact(site->fake, p->id, FACT_PRIORITY), "100"))
            return false;
        if (!text_eq(fake_fact(site->fake, s->id, FACT_MONITORS), endpoint) ||
            !text_eq(fake_fact(site->fake, s->id, FACT_FAILOVER), "none") ||
            !text_eq(fake_fact(site->fake, s->id, FACT_REPLICAS), "2"))
            return false;
    }
    return fake_idle(site->fake);
}

static void test_switchovers_lose_nothing(void **state)
{
    struct fake *f = site->fake;
    unsigned primary = 0, worst_gap = 0, total = 0;
    (void)state;
    fake_until(f, 30000, all_linked_to(0));
    for (unsigned round = 0; round < 4; round++) {
        unsigned candidate = (primary + 1 + round % 2) % 3, acked, gap;
        struct process *from = &site->server[primary], *to = &site->server[candidate];
        char prefix[16];
        snprintf(prefix, sizeof(prefix), "round%u", round);
        struct load *l = load_start(site, prefix);
        fake_until(f, 5000, load_acked(l) > 200);
        unsigned full = (unsigned)strtoul(INFO(to, "stats", "sync_full"), NULL, 10);
        struct fake_outcome o = fake_hook(f, "switchover", from->id, to->id, NULL);
        if (o.class_ != ATOLL_CLASS_DONE)
            fail_msg("switchover: %u %s: %s", o.class_, o.reason, o.message);
        assert_string_equal(o.result, to->id);
        fake_until(f, 1000, has_role(to->id, "primary") && has_role(from->id, "secondary"));
        assert_true(fake_answer(f, to->id)->version > round);
        unsigned before = load_acked(l);
        fake_until(f, 5000, load_acked(l) > before + 200);
        fake_until(f, 20000, all_linked_to(candidate));
        unsigned lost = load_stop(l, to, &acked, &gap);
        assert_int_equal(lost, 0);
        assert_int_equal(strtoul(INFO(to, "stats", "sync_full"), NULL, 10),
                         full); /* partial only */
        total += acked;
        worst_gap = gap > worst_gap ? gap : worst_gap;
        /* Again, the same words: it is so already. */
        unsigned writes =
            calls(from, "replicaof") + calls(to, "replicaof") + calls(from, "client|pause");
        o = fake_hook(f, "switchover", from->id, to->id, NULL);
        assert_int_equal(o.class_, ATOLL_CLASS_DONE);
        assert_int_equal(calls(from, "replicaof") + calls(to, "replicaof") +
                             calls(from, "client|pause"),
                         writes);
        primary = candidate;
    }
    print_message("  4 switchovers, %u acknowledged writes, 0 lost, longest gap %u ms\n", total,
                  worst_gap / 1000);
}

static void test_without_a_candidate(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_until(f, 30000, all_linked_to(0));
    struct fake_outcome o =
        fake_hook(f, "switchover", NULL, NULL, NULL); /* it finds both by itself */
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    assert_true(text_eq(o.result, "r1") || text_eq(o.result, "r2"));
}

/* Nothing may be left paused or preferred when it does not come to pass. */
static void test_refusals_leave_no_trace(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_until(f, 30000, all_linked_to(0));
    fake_drive(f, false);
    struct fake_outcome o = fake_hook(f, "switchover", "r1", "r2", NULL);
    assert_string_equal(o.reason, "NoSentinel"); /* none monitors r1 or r2 */
    assert_string_equal(ASK(&site->server[1], "REPLICAOF 127.0.0.1 1"), "OK");
    o = fake_hook(f, "switchover", "r0", "r1", NULL);
    assert_string_equal(o.reason, "NotAReplica");
    process_kill(&site->server[2], SIGSTOP);
    o = fake_hook(f, "switchover", "r0", "r2", NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_RETRY);
    assert_string_equal(o.reason, "Timeout");
    process_kill(&site->server[2], SIGCONT);
    /* The sentinel stops answering in the middle: after the pause began. */
    fake_drive(f, true);
    fake_until(f, 30000, all_linked_to(0));
    fake_drive(f, false);
    assert_string_equal(ASK(&site->server[0], "CONFIG SET min-replicas-to-write 0"), "OK");
    assert_string_equal(ASK(&site->sentinel[0], "SENTINEL SIMULATE-FAILURE crash-after-election"),
                        "OK");
    o = fake_hook(f, "switchover", "r0", "r1", NULL);
    assert_int_not_equal(o.class_, ATOLL_CLASS_DONE);
    print_message("  crashed sentinel: %u %s: %s\n", o.class_, o.reason, o.message);
    uint64_t start = now_us();
    assert_string_equal(ASK(&site->server[0], "SET k v"), "OK");
    assert_true(now_us() - start < 500000); /* let go before the pause would have ended by itself */
    assert_string_equal(ASK(&site->server[1], "CONFIG GET replica-priority"),
                        "replica-priority 100");
    process_kill(&site->sentinel[0], SIGKILL); /* reaps it */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_switchovers_lose_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_candidate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_leave_no_trace, setup, teardown),
    };
    site_skip_without_redis();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
