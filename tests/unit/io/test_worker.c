/* SPDX-License-Identifier: Apache-2.0 */
/* The pool and the ordered worker: where work and done run, in which order, and what freeing waits
 * for. */
#include "unit/cm.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "io/loop.h"

enum { JOBS = 200 };

static struct loop *loop;
static pthread_t loop_thread;
static atomic_int worked;
static int finished;
static bool all_done;

struct job {
    int n, work_order;
    bool elsewhere;
};
static struct job jobs[JOBS];

static int setup(void **state)
{
    (void)state;
    finished = 0;
    all_done = false;
    atomic_store(&worked, 0);
    loop_thread = pthread_self();
    for (int i = 0; i < JOBS; i++)
        jobs[i] = (struct job){.n = i};
    return loop_new(&loop, NULL);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void work(void *arg)
{
    struct job *j = arg;
    j->elsewhere = !pthread_equal(pthread_self(), loop_thread);
    j->work_order = atomic_fetch_add(&worked, 1);
}

static void work_done(void *arg)
{
    struct job *j = arg;
    assert_true(j->elsewhere);
    assert_true(pthread_equal(pthread_self(), loop_thread));
    all_done = ++finished == JOBS;
}

static void ordered_done(void *arg)
{
    struct job *j = arg;
    assert_int_equal(j->n, finished);
    assert_int_equal(j->work_order, finished);
    work_done(arg);
}

static void pool(void **state)
{
    (void)state;
    for (int i = 0; i < JOBS; i++)
        worker_run(loop, work, work_done, &jobs[i]);
    assert_int_equal(finished, 0);
    assert_int_equal(loop_run_until(loop, &all_done, 5000), 0);
}

static void ordered(void **state)
{
    (void)state;
    struct worker *w;
    assert_int_equal(worker_new(loop, "a-name-longer-than-sixteen", &w, NULL), 0);
    for (int i = 0; i < JOBS; i++)
        worker_add(w, work, ordered_done, &jobs[i]);
    assert_int_equal(loop_run_until(loop, &all_done, 5000), 0);
    worker_free(w);
}

static void free_waits(void **state)
{
    (void)state;
    struct worker *w;
    assert_int_equal(worker_new(loop, "w", &w, NULL), 0);
    for (int i = 0; i < JOBS; i++)
        worker_add(w, work, ordered_done, &jobs[i]);
    worker_free(w);
    assert_int_equal(atomic_load(&worked), JOBS); /* all work has ended */
    assert_int_equal(finished, 0);                /* and no done() ran inside */
    assert_int_equal(loop_run_until(loop, &all_done, 5000), 0);
}

static void pool_outlives_run(void **state)
{
    (void)state;
    for (int i = 0; i < JOBS; i++)
        worker_run(loop, work, work_done, &jobs[i]);
    loop_free(loop); /* waits for the pool, nothing is lost */
    assert_int_equal(finished, JOBS);
    assert_int_equal(loop_new(&loop, NULL), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(pool), T(ordered), T(free_waits), T(pool_outlives_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
