/* SPDX-License-Identifier: Apache-2.0 */
/* The work queue: one at a time per key, nothing lost, times kept. */
#include "unit/cm.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "kube/kube.h"

struct world {
    struct loop *loop;
    struct kube_queue *q;
    struct buf seen; /* keys in the order they were processed */
    unsigned running, most;
    bool finish; /* process() ends at once, with this result: */
    enum kube_result result;
    bool add_again, add_later, free_inside;
    unsigned runs;
    uint64_t times[64];
};

static void process(void *arg, const char *key)
{
    struct world *w = arg;
    buf_addf(&w->seen, "%s ", key);
    w->times[w->runs++ % ARRAY_LEN(w->times)] = loop_now_ms(w->loop);
    if (++w->running > w->most)
        w->most = w->running;
    if (w->add_again) {
        w->add_again = false;
        kube_queue_add(w->q, key);
        kube_queue_add(w->q, key);
    }
    if (w->add_later) {
        w->add_later = false;
        kube_queue_add_after(w->q, key, 500);
        kube_queue_add_after(w->q, key, 20);
        kube_queue_add_after(w->q, key, 300);
    }
    if (w->finish) {
        w->running--;
        kube_queue_done(w->q, key, w->result);
    }
    if (w->free_inside)
        kube_queue_free(w->q);
}

static void done(struct world *w, const char *key, enum kube_result r)
{
    w->running--;
    kube_queue_done(w->q, key, r);
}

static void world_init(struct world *w, unsigned workers)
{
    *w = (struct world){.seen = BUF_INIT(1 << 20)};
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    w->q = kube_queue_new(w->loop, "test", workers, process, w);
}

static void world_done(struct world *w)
{
    if (!w->free_inside)
        kube_queue_free(w->q);
    loop_free(w->loop);
    buf_done(&w->seen);
}

static void turns(struct world *w, uint64_t ms)
{
    bool never = false;
    loop_run_until(w->loop, &never, ms);
}

#define until(w, cond)                                                                             \
    do {                                                                                           \
        for (int i_ = 0; !(cond); i_++) {                                                          \
            if (i_ == 1000)                                                                        \
                fail_msg("waited 5 s for: %s; seen %s", #cond, buf_str(&(w)->seen));               \
            turns(w, 5);                                                                           \
        }                                                                                          \
    } while (0)

static void once_each(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 10);
    kube_queue_add(w.q, "a");
    kube_queue_add(w.q, "b");
    kube_queue_add(w.q, "a");
    assert_int_equal(w.runs, 0); /* never inside the add */
    assert_int_equal(kube_queue_len(w.q), 2);
    until(&w, w.runs == 2);
    assert_string_equal(buf_str(&w.seen), "a b ");
    kube_queue_add(w.q, "a"); /* while it runs: once more after its done */
    kube_queue_add(w.q, "a");
    turns(&w, 20);
    assert_int_equal(w.runs, 2);
    done(&w, "a", KUBE_DONE);
    until(&w, w.runs == 3);
    assert_string_equal(buf_str(&w.seen), "a b a ");
    done(&w, "a", KUBE_DONE);
    done(&w, "b", KUBE_DONE);
    turns(&w, 20);
    assert_int_equal(w.runs, 3);
    assert_int_equal(kube_queue_len(w.q), 0);
    world_done(&w);
}

static void workers_bound(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 3);
    for (int i = 0; i < 10; i++)
        kube_queue_add(w.q, (const char[]){(char)('a' + i), '\0'});
    until(&w, w.runs == 3);
    turns(&w, 20);
    assert_int_equal(w.runs, 3);
    done(&w, "b", KUBE_DONE);
    until(&w, w.runs == 4);
    assert_string_equal(buf_str(&w.seen), "a b c d ");
    assert_int_equal(w.most, 3);
    world_done(&w); /* with work left: nothing may leak */
}

static void done_inside_process(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    w.finish = true;
    w.add_again = true;
    for (int i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%03d", i);
        kube_queue_add(w.q, key);
    }
    until(&w, w.runs == 301);
    assert_int_equal(w.most, 1);
    assert_true(str_ends(buf_str(&w.seen), "k299 k000 ")); /* the second run waits in line */
    world_done(&w);
}

static void later(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 4);
    w.finish = true;
    uint64_t start = loop_now_ms(w.loop);
    kube_queue_add_after(w.q, "slow", 120);
    kube_queue_add_after(w.q, "fast", 40);
    kube_queue_add_after(w.q, "both", 10000);
    kube_queue_add_after(w.q, "both", 80); /* the earlier of two counts */
    kube_queue_add_after(w.q, "both", 5000);
    kube_queue_add_after(w.q, "now", 10000);
    kube_queue_add(w.q, "now");
    assert_int_equal(kube_queue_len(w.q), 1);
    until(&w, w.runs == 4);
    assert_string_equal(buf_str(&w.seen), "now fast both slow ");
    assert_true(w.times[1] - start >= 40 && w.times[2] - start >= 80 && w.times[3] - start >= 120);
    turns(&w, 30);
    assert_int_equal(w.runs, 4);
    w.add_later = true; /* asked for while it runs */
    kube_queue_add(w.q, "x");
    until(&w, w.runs == 6);
    assert_true(w.times[5] - w.times[4] >= 20 && w.times[5] - w.times[4] < 300);
    world_done(&w);
}

static void order_of_times(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    w.finish = true;
    for (int i = 0; i < 60; i++) { /* due times 1..60, added in a scrambled order */
        int t = (i * 37) % 60;
        char key[16];
        snprintf(key, sizeof(key), "%02d", t);
        kube_queue_add_after(w.q, key, 20 + 3 * (uint64_t)t);
    }
    until(&w, w.runs == 60);
    for (int t = 0; t < 60; t++) {
        char key[16];
        snprintf(key, sizeof(key), "%02d", t);
        assert_memory_equal(buf_str(&w.seen) + 3 * t, key, 2);
    }
    world_done(&w);
}

static void retries_back_off(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    w.finish = true;
    w.result = KUBE_RETRY;
    kube_queue_add(w.q, "a");
    until(&w, w.runs == 7); /* 5 10 20 40 80 160 ms, a quarter more or less */
    for (unsigned i = 1; i < 7; i++) {
        uint64_t gap = w.times[i] - w.times[i - 1], want = 5ULL << (i - 1);
        if (gap < want * 3 / 4)
            fail_msg("retry %u after %u ms", i, (unsigned)gap);
    }
    w.result = KUBE_DONE;
    until(&w, w.runs == 8);
    w.result = KUBE_RETRY;
    kube_queue_add(w.q, "a"); /* success forgets the failures: 5 ms again */
    until(&w, w.runs == 10);
    assert_true(w.times[9] - w.times[8] < 160);
    world_done(&w);
}

static void freed_inside(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 5);
    w.free_inside = true;
    kube_queue_add(w.q, "a");
    kube_queue_add(w.q, "b");
    until(&w, w.runs == 1);
    turns(&w, 20);
    assert_int_equal(w.runs, 1);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_each),           cmocka_unit_test(workers_bound),
        cmocka_unit_test(done_inside_process), cmocka_unit_test(later),
        cmocka_unit_test(order_of_times),      cmocka_unit_test(retries_back_off),
        cmocka_unit_test(freed_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
