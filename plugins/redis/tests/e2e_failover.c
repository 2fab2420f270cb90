/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Primaries that die under load. Two ways: it comes back at once (through the start gate), or it
 * stays away and the sentinels decide alone. Asserted on data: every write that was acknowledged
 * and replicated is on the new primary; and on how fast the new role is known after the server
 * first says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "servers.h"

static struct site *site;

static int setup(void **state)
{
    (void)state;
    site = site_new(3, 3);
    fake_option(site->fake, "down_after", 1000);
    site_start(site);
    fake_probe_every(site->fake, 1000); /* as in production: what is faster than that was pushed */
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

/* ---- an observer that asks ROLE as fast as it can, outside the plugin's loop
 * ---------------------------------- */

struct observer {
    pthread_t thread;
    atomic_bool stop;
    _Atomic uint64_t first_us[3]; /* when this server first said master; 0 = not yet */
    unsigned skip;
};

static void *observe(void *arg)
{
    struct observer *o = arg;
    redisContext *c[3] = {NULL, NULL, NULL};
    while (!atomic_load(&o->stop))
        for (unsigned i = 0; i < 3; i++) {
            struct timeval t = {0, 200000};
            if (i == o->skip)
                continue;
            if (!c[i]) {
                c[i] = redisConnectWithTimeout(site->server[i].ip, REDIS_PORT, t);
                redisReply *a = redisCommand(c[i], "AUTH secret-of-the-servers");
                if (a)
                    freeReplyObject(a);
            }
            redisReply *r = redisCommand(c[i], "ROLE");
            if (!r || r->type != REDIS_REPLY_ARRAY) {
                redisFree(c[i]);
                c[i] = NULL;
            } else if (text_eq(r->element[0]->str, "master") && !atomic_load(&o->first_us[i])) {
                atomic_store(&o->first_us[i], now_us());
            }
            if (r)
                freeReplyObject(r);
        }
    for (unsigned i = 0; i < 3; i++)
        redisFree(c[i]);
    return NULL;
}

/* ---- the rounds
 * -----------------------------------------------------------------------------------------------
 */

static int other_primary(unsigned old)
{
    for (unsigned i = 0; i < 3; i++)
        if (i != old && has_role(site->server[i].id, "primary"))
            return (int)i;
    return -1;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void rounds(unsigned n, bool comes_back)
{
    struct fake *f = site->fake;
    unsigned primary = 0, lost_total = 0, acked_total = 0;
    uint64_t late[64] = {0}, version = 0;
    fake_until(f, 30000, all_linked_to(0));
    for (unsigned round = 0; round < n; round++) {
        struct process *victim = &site->server[primary];
        struct observer o = {.skip = primary};
        unsigned acked, gap;
        char prefix[16];
        snprintf(prefix, sizeof(prefix), "k%u", round);
        struct load *l = load_start(site, prefix);
        fake_until(f, 5000, load_acked(l) > 100);
        assert_int_equal(pthread_create(&o.thread, NULL, observe, &o), 0);
        process_kill(victim, SIGKILL);
        if (comes_back)
            process_start(site, victim, NULL);
        fake_until(f, 20000, other_primary(primary) >= 0);
        unsigned next = (unsigned)other_primary(primary);
        fake_until(f, 1000, atomic_load(&o.first_us[next]) > 0);
        uint64_t said = atomic_load(&o.first_us[next]),
                 known = fake_answer(f, site->server[next].id)->at_us;
        late[round] = known > said ? known - said : 0;
        assert_true(fake_answer(f, site->server[next].id)->version >
                    version); /* beats the old claim */
        version = fake_answer(f, site->server[next].id)->version;
        atomic_store(&o.stop, true);
        pthread_join(o.thread, NULL);
        if (!comes_back)
            process_start(site, victim, NULL);
        fake_until(f, 40000, all_linked_to(next));
        lost_total += load_stop(l, &site->server[next], &acked, &gap);
        acked_total += acked;
        primary = next;
    }
    qsort(late, n, sizeof(late[0]), compare_numbers);
    print_message(
        "  %u failovers: role known after ROLE=master: median %llu us, worst %llu us; %u acked, %u "
        "lost\n",
        n, (unsigned long long)late[n / 2], (unsigned long long)late[n - 1], acked_total,
        lost_total);
    assert_true(late[n - 1] < 100000);
    assert_int_equal(lost_total, 0); /* a killed process's socket buffers are still sent */
}

static void test_killed_and_back_at_once(void **state)
{
    (void)state;
    rounds(5, true);
}

static void test_killed_and_away(void **state)
{
    (void)state;
    rounds(5, false);
}

/* Acceptance: an old primary that was only frozen wakes up and must not stay one. */
static void test_frozen_primary_wakes_up(void **state)
{
    struct fake *f = site->fake;
    (void)state;
    fake_until(f, 30000, all_linked_to(0));
    process_kill(&site->server[0], SIGSTOP);
    fake_until(f, 20000, other_primary(0) > 0);
    unsigned next = (unsigned)other_primary(0);
    uint64_t epoch = fake_answer(f, site->server[next].id)->version;
    assert_true(epoch > 0);
    fake_until(f, 20000,
               text_eq(fake_fact(f, "s1", FACT_FAILOVER), "none") &&
                   text_eq(fake_fact(f, "s0", FACT_FAILOVER), "none") &&
                   text_eq(fake_fact(f, "s2", FACT_FAILOVER), "none"));
    process_kill(&site->server[0], SIGCONT);
    fake_until(f, 30000, all_linked_to(next));
    assert_true(fake_answer(f, site->server[next].id)->version >= epoch);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed_and_back_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_and_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_frozen_primary_wakes_up, setup, teardown),
    };
    site_skip_without_redis();
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
