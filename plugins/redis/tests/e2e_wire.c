/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wiring real shards: bringing up, repairing, and refusing, with the driver of the fake host in
 * place of the real one.
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
    if (getenv("VERBOSE"))
        fake_verbose(site->fake);
    fake_option(site->fake, "down_after", 2000);
    site_start(site);
    fake_probe_every(site->fake, 200);
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
static bool has_fact(const char *id, const char *key, const char *value)
{
    return fake_answer(site->fake, id)->known && text_eq(fake_fact(site->fake, id, key), value);
}

/* Everybody follows `primary`, every sentinel monitors it and knows all the others, nothing is left
 * to do. */
static bool settled_on(unsigned primary)
{
    char endpoint[ENDPOINT_MAX];
    snprintf(endpoint, sizeof(endpoint), "%s:6379", site->server[primary].ip);
    for (unsigned i = 0; i < site->n_servers; i++) {
        const char *id = site->server[i].id;
        if (i == primary
                ? !has_role(id, "primary")
                : !has_role(id, "secondary") || !has_fact(id, FACT_UPSTREAM, endpoint) ||
                      !has_fact(id, FACT_LINK, "up") || !has_fact(id, FACT_PRIORITY, "100"))
            return false;
    }
    for (unsigned i = 0; i < site->n_sentinels; i++)
        if (!has_fact(site->sentinel[i].id, FACT_MONITORS, endpoint) ||
            !has_fact(site->sentinel[i].id, FACT_OTHERS, "2") ||
            !has_fact(site->sentinel[i].id, FACT_REPLICAS, "2"))
            return false;
    return fake_idle(site->fake);
}

static int settled_at_all(void)
{
    for (unsigned i = 0; i < site->n_servers; i++)
        if (settled_on(i))
            return (int)i;
    return -1;
}

static void bring_up(void)
{
    fake_watch(site->fake, true);
    fake_drive(site->fake, true);
    fake_until(site->fake, 20000, settled_on(0));
}

/* On a busy machine the replicas' acknowledgements may be late and a write is refused for a moment
 * (-NOREPLICAS), which is the server's right: the write is then asked for again. */
static void write_keys(struct process *p, const char *prefix, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        fake_until(site->fake, 10000, text_eq(ASK(p, "SET %s:%u v", prefix, i), "OK"));
}

/* With appendfsync everysec a busy disk may hold back the log's last two seconds: a kill would lose
 * them. Tests that kill every copy at once wait for it. */
static void await_logged(void)
{
    for (unsigned i = 0; i < site->n_servers; i++)
        fake_until(site->fake, 10000,
                   text_eq(INFO(&site->server[i], "persistence", "aof_buffer_length"), "0"));
}

static unsigned writes_to(struct process *p)
{
    return calls(p, "replicaof") + calls(p, "slaveof") + calls(p, "config|set");
}

/* From nothing to a shard; then the same words again change nothing. */
static void test_bring_up_and_repeat(void **state)
{
    struct fake *f = site->fake;
    char run[3][128], master[ENDPOINT_MAX], settings[64] = "2/2000/60000/1";
    unsigned before[3];
    (void)state;
    uint64_t start = now_us();
    bring_up();
    print_message("  settled after %llu ms\n", (unsigned long long)(now_us() - start) / 1000);
    for (unsigned i = 0; i < 3; i++) /* nothing was done twice */
        assert_int_equal(calls(&site->server[i], "replicaof"), 1);
    assert_int_equal(fake_wired(f, "monitor"), 3);
    assert_true(has_fact("s0", FACT_SETTINGS, settings) && has_fact("s0", FACT_USABLE, "yes"));
    fake_drive(f, false);
    for (unsigned i = 0; i < 3; i++)
        assert_true(has_fact(site->server[i].id, FACT_STRICT, "yes"));
    write_keys(&site->server[0], "k", 3); /* needs a replica: min-replicas-to-write is 1 */
    for (unsigned i = 0; i < 3; i++) {
        snprintf(run[i], sizeof(run[i]), "%s", fake_fact(f, site->server[i].id, FACT_RUN_ID));
        before[i] = writes_to(&site->server[i]);
    }
    snprintf(master, sizeof(master), "%s:6379", site->server[0].ip);
    struct fake_outcome o =
        fake_hook(f, "wire", "r0", NULL, "verb", "promote", "run-id", run[0], NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    o = fake_hook(f, "wire", "r1", "r0", "verb", "follow", "run-id", run[1], "upstream", master,
                  "upstream-run-id", run[0], NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    o = fake_hook(f, "wire", "r1", NULL, "verb", "enlist", "run-id", run[1], NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    o = fake_hook(f, "wire", "s1", "r0", "verb", "monitor", "master", master, "settings", settings,
                  "master-run-id", run[0], "instead-of", "", NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(writes_to(&site->server[i]), before[i]);
}

/* Advice that is out of date by the time it runs. */
static void test_stale_advice_is_refused(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    bring_up();
    fake_drive(f, false);
    struct fake_outcome o = fake_hook(f, "wire", "r1", NULL, "verb", "promote", "run-id", "", NULL);
    assert_string_equal(o.reason, "OtherPrimary");
    o = fake_hook(f, "wire", "r0", "r1", "verb", "follow", "run-id", "", NULL);
    assert_string_equal(o.reason, "NotPrimary");
    o = fake_hook(f, "wire", "r0", "r1", "verb", "follow", "run-id", "deadbeef", NULL);
    assert_string_equal(o.reason, "InstanceRestarted");
    o = fake_hook(f, "wire", "s0", "r1", "verb", "monitor", "settings", "2/2000/60000/1", NULL);
    assert_string_equal(o.reason, "MonitorsOther");
    o = fake_hook(f, "wire", "s0", "r1", "verb", "failover", "from",
                  ASK(&site->server[0], "ECHO x"), "from-instance", "r0", NULL);
    assert_string_equal(o.reason, "MonitorsOther");
    char from[ENDPOINT_MAX];
    snprintf(from, sizeof(from), "%s:6379", site->server[0].ip);
    o = fake_hook(f, "wire", "s0", "r1", "verb", "failover", "from", from, "from-instance", "r0",
                  NULL);
    assert_string_equal(o.reason, "PrimaryIsBack"); /* a living primary is not failed over */
    o = fake_hook(f, "wire", "s0", "r1", "verb", "promote", NULL);
    assert_string_equal(o.reason, "NotAccepted1");
    assert_int_equal(o.class_, ATOLL_CLASS_FATAL);
    o = fake_hook(f, "member-leave", "r0", NULL, NULL);
    assert_string_equal(o.reason, "IsPrimary");
    for (unsigned i = 0; i < 3; i++)
        assert_true(has_role(site->server[i].id, i ? "secondary" : "primary"));
}

/* A replica restarts: gated, follows again, is enlisted again. */
static void test_replica_restarts(void **state)
{
    (void)state;
    bring_up();
    write_keys(&site->server[0], "k", 20);
    process_kill(&site->server[2], SIGKILL);
    fake_until(site->fake, 2000, !fake_answer(site->fake, "r2")->known);
    process_start(site, &site->server[2], NULL);
    fake_until(site->fake, 15000, settled_on(0));
    assert_string_equal(ASK(&site->server[2], "DBSIZE"), "20");
}

/* The primary is killed and comes back at once, through the gate: a replica is promoted, nothing is
 * lost. */
static void test_primary_restarts(void **state)
{
    (void)state;
    bring_up();
    write_keys(&site->server[0], "k", 50);
    process_kill(&site->server[0], SIGKILL);
    process_start(site, &site->server[0], NULL);
    uint64_t start = now_us();
    fake_until(site->fake, 5000, has_role("r1", "primary") || has_role("r2", "primary"));
    print_message("  another primary after %llu ms\n",
                  (unsigned long long)(now_us() - start) / 1000);
    fake_until(site->fake, 25000, settled_at_all() > 0);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(ASK(&site->server[i], "DBSIZE"), "50");
}

/* It comes back without its data: nobody may follow it. */
static void test_primary_restarts_empty(void **state)
{
    (void)state;
    bring_up();
    write_keys(&site->server[0], "k", 50);
    process_kill(&site->server[0], SIGKILL);
    process_wipe(&site->server[0]);
    process_start(site, &site->server[0], NULL);
    fake_until(site->fake, 25000, settled_at_all() > 0);
    assert_true(fake_refused(site->fake, "PrimaryRestartedEmpty"));
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(ASK(&site->server[i], "DBSIZE"), "50");
}

/* The whole shard is stopped and started. */
static void test_all_restart(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    bring_up();
    write_keys(&site->server[0], "k", 50);
    fake_until(f, 3000, has_fact("r1", FACT_KEYS, "50") && has_fact("r2", FACT_KEYS, "50"));
    await_logged();
    for (unsigned i = 0; i < 3; i++) {
        process_kill(&site->server[i], SIGKILL);
        process_kill(&site->sentinel[i], SIGKILL);
    }
    fake_until(f, 3000,
               !fake_answer(f, "r0")->known && !fake_answer(f, "r2")->known &&
                   !fake_answer(f, "s0")->known && !fake_answer(f, "r1")->known);
    for (unsigned i = 0; i < 3; i++) {
        process_start(site, &site->server[i], NULL);
        process_start(site, &site->sentinel[i], NULL); /* remembers what it monitored */
        sentinel_hurry(&site->sentinel[i]);
    }
    fake_until(f, 25000, settled_on(0));
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(ASK(&site->server[i], "DBSIZE"), "50");
}

/* The same, and the old primary lost its volume: the fullest of the others takes over. */
static void test_all_restart_primary_empty(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    bring_up();
    write_keys(&site->server[0], "k", 50);
    fake_until(f, 3000, has_fact("r1", FACT_KEYS, "50") && has_fact("r2", FACT_KEYS, "50"));
    await_logged();
    fake_drive(f, false);
    for (unsigned i = 0; i < 3; i++)
        process_kill(&site->server[i], SIGKILL);
    fake_until(f, 3000,
               !fake_answer(f, "r0")->known && !fake_answer(f, "r1")->known &&
                   !fake_answer(f, "r2")->known);
    process_wipe(&site->server[0]);
    process_wipe(&site->server[1]);
    for (unsigned i = 0; i < 3; i++)
        process_start(site, &site->server[i], NULL);
    fake_drive(f, true);
    fake_until(f, 40000, settled_on(2));
    assert_true(fake_refused(f, "PrimaryRestartedEmpty"));
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(ASK(&site->server[i], "DBSIZE"), "50");
}

/* One sentinel loses its memory; later all of them do. Epochs go on upwards. */
static void test_sentinels_wiped(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    bring_up();
    process_kill(&site->sentinel[1], SIGKILL);
    process_wipe(&site->sentinel[1]);
    process_start(site, &site->sentinel[1], NULL);
    sentinel_hurry(&site->sentinel[1]);
    fake_until(f, 3000, has_fact("s1", FACT_OTHERS, "0"));
    fake_until(f, 30000, settled_on(0));
    struct fake_outcome o = fake_hook(f, "switchover", "r0", "r1", NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    fake_until(f, 30000, settled_on(1));
    uint64_t epoch = fake_answer(f, "r1")->version;
    assert_true(epoch > 0);
    for (unsigned i = 0; i < 3; i++) {
        process_kill(&site->sentinel[i], SIGKILL);
        process_wipe(&site->sentinel[i]);
    }
    fake_until(f, 5000, text_eq(fake_refusal(f), "NoSentinelMajority"));
    for (unsigned i = 0; i < 3; i++) {
        process_start(site, &site->sentinel[i], NULL);
        sentinel_hurry(&site->sentinel[i]);
    }
    fake_until(f, 30000, settled_on(1)); /* not on ordinal 0 */
    o = fake_hook(f, "switchover", "r1", "r2", NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    fake_until(f, 5000, has_role("r2", "primary"));
    assert_true(fake_answer(f, "r2")->version >
                epoch); /* although the sentinels began at 0 again */
    fake_until(f, 30000, settled_on(2));
}

/* A replica is taken away for good: withdrawn first, and later forgotten by every sentinel. */
static void test_replica_leaves(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    bring_up();
    site->instances[0][2].flags |= ATOLL_INSTANCE_LEAVING;
    site->components[0].replicas = 2;
    struct fake_outcome o = fake_hook(f, "member-leave", "r2", NULL, NULL);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    fake_until(f, 3000, has_fact("r2", FACT_PRIORITY, "0"));
    process_kill(&site->server[2], SIGTERM);
    fake_until(f, 3000, !fake_answer(f, "r2")->known);
    site->components[0].n_instances = 2;
    site->n_servers = 2;
    fake_view(f, &site->view);
    fake_watch(f, true);
    fake_until(f, 45000,
               has_fact("s0", FACT_REPLICAS, "1") && has_fact("s1", FACT_REPLICAS, "1") &&
                   has_fact("s2", FACT_REPLICAS, "1") && has_fact("s0", FACT_OTHERS, "2") &&
                   has_fact("s1", FACT_OTHERS, "2") && has_fact("s2", FACT_OTHERS, "2") &&
                   fake_idle(f));
    assert_int_equal(fake_wired(f, "refresh"), 3);
}

/* The primary is empty and a server that comes back is not: it may not be erased by wiring. */
static void test_follower_has_data(void **state)
{
    struct fake *f = site->fake;
    char upstream[ENDPOINT_MAX];
    (void)state;
    bring_up();
    write_keys(&site->server[0], "k", 50);
    fake_until(f, 3000, has_fact("r2", FACT_KEYS, "50"));
    await_logged();
    process_kill(&site->server[2], SIGKILL);
    fake_until(f, 3000, !fake_answer(f, "r2")->known);
    assert_string_equal(ASK(&site->server[0], "FLUSHALL"), "OK");
    fake_until(f, 3000, has_fact("r0", FACT_EMPTY, "yes"));
    process_start(site, &site->server[2], NULL);
    fake_until(f, 5000, fake_refused(f, "FollowerHasData"));
    fake_drive(f, false);
    snprintf(upstream, sizeof(upstream), "%s:6379", site->server[0].ip);
    struct fake_outcome o =
        fake_hook(f, "wire", "r2", "r0", "verb", "follow", "upstream", upstream, NULL);
    assert_string_equal(o.reason, "FollowerHasData");
    assert_string_equal(ASK(&site->server[2], "DBSIZE"), "50");
    /* What the sentence tells a person to do. */
    assert_string_equal(ASK(&site->server[2], "REPLICAOF %s 6379", site->server[0].ip), "OK");
    fake_drive(f, true);
    fake_until(f, 15000, settled_on(0));
    assert_string_equal(ASK(&site->server[2], "DBSIZE"), "0");
}

/* Two servers are enough for some: then no write waits for a replica. */
static void test_size_changes(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    bring_up();
    assert_true(has_fact("r0", FACT_STRICT, "yes"));
    site->components[0].replicas = 2;
    site->instances[0][2].flags |= ATOLL_INSTANCE_LEAVING;
    fake_until(f, 5000, has_fact("r0", FACT_STRICT, "no") && has_fact("r1", FACT_STRICT, "no"));
    site->components[0].replicas = 3;
    site->instances[0][2].flags &= ~ATOLL_INSTANCE_LEAVING;
    fake_until(f, 5000, has_fact("r0", FACT_STRICT, "yes") && has_fact("r1", FACT_STRICT, "yes"));
}

/* Every address changes at once: the sentinels' memory points to nobody. */
static void test_all_move(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    bring_up();
    write_keys(&site->server[0], "k", 50);
    fake_until(f, 3000, has_fact("r1", FACT_KEYS, "50") && has_fact("r2", FACT_KEYS, "50"));
    await_logged();
    for (unsigned i = 0; i < 3; i++)
        process_kill(&site->server[i], SIGKILL);
    fake_until(f, 3000,
               !fake_answer(f, "r0")->known && !fake_answer(f, "r1")->known &&
                   !fake_answer(f, "r2")->known);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(site->server[i].ip, sizeof(site->server[i].ip), "127.16.%u.%u", site->net, 51 + i);
        site->instances[0][i].address = atoll_str_of(site->server[i].ip);
        process_start(site, &site->server[i], NULL);
    }
    fake_until(f, 40000, settled_at_all() >= 0);
    assert_int_equal(fake_wired(f, "forget"), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(ASK(&site->server[i], "DBSIZE"), "50");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bring_up_and_repeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_advice_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replica_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_primary_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_primary_restarts_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_restart_primary_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sentinels_wiped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replica_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_follower_has_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_move, setup, teardown),
    };
    site_skip_without_redis();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
