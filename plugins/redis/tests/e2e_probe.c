/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe against real servers in the states in which they can be found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>

#include "servers.h"

static struct site *site;

static int one_server(void **state)
{
    (void)state;
    site = site_new(1, 0);
    site_start(site);
    return 0;
}
static int two_servers(void **state)
{
    (void)state;
    site = site_new(2, 1);
    site_start(site);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    site_free(site);
    return 0;
}

static bool is_unknown(const char *id, const char *reason)
{
    const struct fake_answer *a = fake_answer(site->fake, id);
    return !a->known && text_eq(a->reason, reason);
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

static void test_standalone(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_probe_every(f, 100);
    fake_until(f, 2000, has_role("r0", "primary"));
    assert_int_equal(fake_answer(f, "r0")->version, 0);
    assert_true(has_fact("r0", FACT_GATED, "no") && has_fact("r0", FACT_EMPTY, "yes"));
    assert_string_equal(fake_fact(f, "r0", FACT_RUN_ID),
                        INFO(&site->server[0], "server", "run_id"));
    assert_string_equal(ASK(&site->server[0], "SET k v"), "OK");
    fake_until(f, 2000, has_fact("r0", FACT_EMPTY, "no") && has_fact("r0", FACT_KEYS, "1"));
}

/* Killed: noticed by the cut connection, not by the period. Restarted: noticed within the next 50
 * ms. */
static void test_killed_and_restarted(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_probe_every(f, 60000);
    fake_probe_now(f, "r0");
    fake_until(f, 2000, has_role("r0", "primary"));
    assert_string_equal(ASK(&site->server[0], "SET k v"), "OK");
    fake_until(f, 1000, fake_quiet(f));
    uint64_t start = now_us();
    process_kill(&site->server[0], SIGKILL);
    fake_until(f, 1000, is_unknown("r0", "ConnectRefused"));
    print_message("  death seen after %llu us\n", (unsigned long long)(now_us() - start));
    process_start(site, &site->server[0], NULL);
    start = now_us();
    fake_until(f, 1000, has_role("r0", "primary"));
    print_message("  return seen after %llu us\n", (unsigned long long)(now_us() - start));
    assert_true(now_us() - start < 500000); /* the period is a minute */
    assert_true(has_fact("r0", FACT_KEYS, "1"));
}

static void test_loading(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    for (unsigned i = 0; i < 400; i++)
        assert_string_equal(ASK(&site->server[0], "SET key:%u v", i), "OK");
    /* Only the snapshot part of the log lets the server answer while it loads. */
    (void)ASK(&site->server[0], "BGREWRITEAOF");
    fake_until(f, 5000,
               text_eq(INFO(&site->server[0], "persistence", "aof_rewrite_in_progress"), "0") &&
                   text_eq(INFO(&site->server[0], "persistence", "aof_rewrite_scheduled"), "0"));
    process_kill(&site->server[0], SIGTERM);
    process_start(site, &site->server[0],
                  (const char *const[]){"--key-load-delay", "3000",
                                        "--loading-process-events-interval-bytes", "1024", NULL});
    fake_probe_every(f, 50);
    fake_until(f, 3000, has_fact("r0", FACT_LOADING, "yes"));
    assert_string_equal(fake_answer(f, "r0")->role,
                        ""); /* ROLE says master, but it serves nobody */
    fake_until(f, 10000, has_role("r0", "primary"));
    assert_true(has_fact("r0", FACT_KEYS, "400"));
}

static void *run_script(void *arg)
{
    struct process *p = arg;
    (void)ASK(p, "EVAL %s 0", "while true do end");
    return NULL;
}

static void test_busy(void **state)
{
    struct fake *f = site->fake;
    pthread_t thread;
    (void)state;
    assert_string_equal(ASK(&site->server[0], "CONFIG SET busy-reply-threshold 50"), "OK");
    fake_probe_every(f, 100);
    fake_until(f, 2000, has_role("r0", "primary"));
    assert_int_equal(pthread_create(&thread, NULL, run_script, &site->server[0]), 0);
    fake_until(f, 3000, is_unknown("r0", "Busy")); /* alive: never "no primary" */
    assert_string_equal(ASK(&site->server[0], "SCRIPT KILL"), "OK");
    pthread_join(thread, NULL);
    fake_until(f, 3000, has_role("r0", "primary"));
}

static void test_credentials(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_secret(f, "redis", "wrong");
    fake_probe_every(f, 50);
    fake_until(f, 2000, is_unknown("r0", "AuthFailed"));
    fake_secret(f, "redis", "secret-of-the-servers");
    fake_until(f, 2000, has_role("r0", "primary")); /* the next probe logs in anew */
    assert_string_equal(ASK(&site->server[0], "ACL SETUSER default -info"), "OK");
    fake_until(f, 2000, is_unknown("r0", "NoPermission"));
    assert_string_equal(ASK(&site->server[0], "ACL SETUSER default +info"), "OK");
    fake_until(f, 2000, has_role("r0", "primary"));
}

static void test_stopped(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_probe_every(f, 50);
    fake_until(f, 2000, has_role("r0", "primary"));
    process_kill(&site->server[0], SIGSTOP);
    fake_until(f, 3000, is_unknown("r0", "Timeout")); /* the kernel still accepts connections */
    process_kill(&site->server[0], SIGCONT);
    fake_until(f, 3000, has_role("r0", "primary"));
    assert_string_equal(ASK(&site->server[0], "CLIENT PAUSE 1500 ALL"), "OK");
    fake_until(f, 3000, is_unknown("r0", "Timeout"));
    fake_until(f, 3000, has_role("r0", "primary"));
    assert_string_equal(ASK(&site->server[0], "CLIENT PAUSE 1500 WRITE"), "OK");
    for (uint64_t until = now_us() + 700000; now_us() < until; fake_turn(f, 5))
        assert_true(has_role("r0", "primary"));
}

static void test_max_clients(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_probe_every(f, 50);
    fake_until(f, 2000, has_role("r0", "primary"));
    assert_string_equal(ASK(&site->server[0], "CONFIG SET maxclients 1"), "OK");
    uint64_t asked = fake_probes(f) + 5;
    fake_until(f, 2000, fake_probes(f) > asked);
    assert_true(has_role("r0", "primary")); /* the kept connection is in already */
}

static void test_nobody_there(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    process_kill(&site->server[0], SIGKILL);
    fake_probe_every(f, 50);
    fake_until(f, 2000, is_unknown("r0", "ConnectRefused"));
    site->instances[0][0].address = atoll_str_of("");
    fake_until(f, 2000, is_unknown("r0", "NoAddress"));
}

/* The start gate: no role, no data given away, data kept. */
static void test_gate(void **state)
{
    struct fake *f = site->fake;
    struct process *a = &site->server[0], *b = &site->server[1];
    (void)state;
    fake_probe_every(f, 50);
    fake_until(f, 2000, has_fact("r0", FACT_GATED, "yes") && has_fact("r1", FACT_GATED, "yes"));
    assert_true(has_role("r0", "") && has_role("r1", ""));
    assert_true(has_fact("r0", FACT_PRIORITY, "0"));
    assert_memory_equal(ASK(a, "SET k v"), "-READONLY", 9);
    assert_string_equal(ASK(a, "REPLICAOF NO ONE"), "OK");
    assert_string_equal(ASK(b, "REPLICAOF %s 6379", a->ip), "OK");
    fake_until(f, 5000,
               has_role("r0", "primary") && has_role("r1", "secondary") &&
                   has_fact("r1", FACT_LINK, "up"));
    fake_until(f, 2000, has_fact("r0", FACT_REPLICAS, "1"));
    assert_string_equal(ASK(a, "SET k v"), "OK");
    fake_until(f, 2000, has_fact("r1", FACT_KEYS, "1"));
    process_kill(a, SIGKILL);
    process_start(site, a, NULL);
    fake_until(f, 3000, has_role("r0", "") && has_fact("r0", FACT_GATED, "yes"));
    fake_until(f, 3000, has_fact("r1", FACT_LINK, "down"));
    /* The replica asks for data again every second and must be sent away. */
    uint64_t asked = fake_probes(f);
    fake_until(f, 5000, fake_probes(f) > asked + 80);
    assert_true(has_fact("r0", FACT_KEYS, "1") && has_fact("r1", FACT_KEYS, "1"));
    assert_string_equal(ASK(b, "GET k"), "v");
}

/* What a sentinel does to the one it promotes; the period is a minute, so only the cut tells. */
static void test_promotion_is_noticed_at_once(void **state)
{
    struct fake *f = site->fake;
    struct process *a = &site->server[0], *b = &site->server[1];
    uint64_t worst = 0;
    (void)state;
    fake_probe_every(f, 60000);
    for (unsigned i = 0; i < 10; i++) {
        assert_string_equal(ASK(a, "REPLICAOF NO ONE"), "OK");
        assert_string_equal(ASK(b, "REPLICAOF %s 6379", a->ip), "OK");
        fake_until(f, 3000, (fake_probe_now(f, "r1"), has_role("r1", "secondary")));
        fake_until(f, 1000, fake_quiet(f));
        struct timeval patience = {2, 0};
        redisContext *c = redisConnectWithTimeout(b->ip, REDIS_PORT, patience);
        redisAppendCommand(c, "AUTH secret-of-the-servers");
        redisAppendCommand(c, "MULTI");
        redisAppendCommand(c, "REPLICAOF NO ONE");
        redisAppendCommand(c, "CLIENT KILL TYPE normal");
        redisAppendCommand(c, "EXEC");
        for (int n = 0; n < 5; n++) {
            redisReply *r = NULL;
            if (redisGetReply(c, (void **)&r) == REDIS_OK && r)
                freeReplyObject(r);
        }
        uint64_t start = now_us();
        fake_until(f, 1000, has_role("r1", "primary"));
        uint64_t took = fake_answer(f, "r1")->at_us - start;
        worst = took > worst ? took : worst;
        redisFree(c);
    }
    print_message("  worst of 10: %llu us after EXEC was answered\n", (unsigned long long)worst);
    assert_true(worst < 100000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_standalone, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_killed_and_restarted, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_loading, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_busy, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_credentials, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_stopped, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_max_clients, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_there, one_server, teardown),
        cmocka_unit_test_setup_teardown(test_gate, two_servers, teardown),
        cmocka_unit_test_setup_teardown(test_promotion_is_noticed_at_once, two_servers, teardown),
    };
    site_skip_without_redis();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
