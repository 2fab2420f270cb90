/* SPDX-License-Identifier: Apache-2.0 */
/* Turns, deferral, timers, descriptors, signals, file watches, and handles freed at awkward
 * moments. */
#include "unit/cm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "io/loop.h"

#define WAIT_MS 5000

static struct loop *loop;
static int calls;
static bool done;

static int setup(void **state)
{
    (void)state;
    calls = 0;
    done = false;
    return loop_new(&loop, NULL);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void count(void *arg)
{
    (void)arg;
    calls++;
}

static void finish(void *arg)
{
    (void)arg;
    done = true;
}

static void wait_done(void)
{
    assert_int_equal(loop_run_until(loop, &done, WAIT_MS), 0);
}

static void defer_again(void *arg)
{
    (void)arg;
    calls++;
    loop_defer(loop, finish, NULL);
}

static void deferred(void **state)
{
    (void)state;
    loop_defer(loop, count, NULL);
    loop_defer(loop, defer_again, NULL);
    assert_int_equal(calls, 0); /* never before the call returns */
    wait_done();
    assert_int_equal(calls, 2);
}

static void until_times_out(void **state)
{
    (void)state;
    uint64_t start = clock_mono_ms();
    assert_int_equal(loop_run_until(loop, &done, 30), -ETIMEDOUT);
    assert_in_range(clock_mono_ms() - start, 29, 2000);
}

static void spin(uint64_t ms)
{
    for (uint64_t end = clock_mono_ms() + ms; clock_mono_ms() < end;)
        continue;
}

/* A timer that is due at the start of a turn runs before the poll, which then must not block. */
static void until_does_not_oversleep(void **state)
{
    (void)state;
    struct loop_timer *t = loop_timer_new(loop, finish, NULL);
    uint64_t start = clock_mono_ms();
    loop_timer_start(t, 1);
    spin(3);
    wait_done();
    assert_true(clock_mono_ms() - start < WAIT_MS / 2);
    for (int i = 0; i < 300; i++) { /* the deadline itself: falls between two turns now and then */
        bool never = false;
        loop_post(loop, count, NULL);
        loop_run_until(loop, &never, 1);
    }
    loop_timer_free(t);
}

static struct loop_tick *tick;

static void free_tick(void *arg)
{
    count(arg);
    loop_tick_free(TAKE(tick));
}

static void ticks(void **state)
{
    (void)state;
    struct loop_tick *once = loop_tick_new(loop, count, NULL),
                     *never = loop_tick_new(loop, count, NULL);
    tick = loop_tick_new(loop, free_tick, NULL);
    loop_tick_start(once);
    loop_tick_start(once);
    loop_tick_start(tick);
    loop_tick_start(never);
    loop_tick_stop(never);
    loop_defer(loop, defer_again, NULL);
    wait_done();
    assert_int_equal(calls, 3);
    loop_tick_free(once);
    loop_tick_free(never);
    loop_tick_free(NULL);
    /* With nothing left to do the loop sleeps: it does not spin behind a stopped tick. */
    done = false;
    clock_t cpu = clock();
    loop_run_until(loop, &done, 100);
    assert_true(clock() - cpu < CLOCKS_PER_SEC / 20);
}

static struct loop_timer *timer;

static void rearm(void *arg)
{
    (void)arg;
    if (++calls < 3)
        loop_timer_start(timer, 1);
    else
        done = true;
}

static void timers(void **state)
{
    (void)state;
    struct loop_timer *other = loop_timer_new(loop, count, NULL);
    timer = loop_timer_new(loop, rearm, NULL);
    loop_timer_start(timer, 1);
    loop_timer_start(other, 1);
    loop_timer_stop(other);
    assert_true(loop_timer_active(timer));
    assert_false(loop_timer_active(other));
    wait_done();
    assert_int_equal(calls, 3);
    assert_false(loop_timer_active(timer));
    loop_timer_start(other, 0);
    loop_timer_free(other); /* while running: never fires */
    loop_timer_free(timer);
    done = false;
    loop_defer(loop, finish, NULL);
    wait_done();
    assert_int_equal(calls, 3);
}

static void sleep_then_start(void *arg)
{
    (void)arg;
    usleep(60000); /* a callback that took long */
    loop_timer_start(timer, 50);
}

static void timer_counts_from_now(void **state)
{
    (void)state;
    timer = loop_timer_new(loop, finish, NULL);
    loop_defer(loop, sleep_then_start, NULL);
    uint64_t start = clock_mono_ms();
    wait_done();
    assert_true(clock_mono_ms() - start >= 109);
    loop_timer_free(timer);
}

static struct loop_fd *watch;
static int pair[2], seen;

static void on_ready(void *arg, int events)
{
    (void)arg;
    char text[64];
    seen |= events;
    if (events & LOOP_READ) {
        ssize_t n = read(pair[0], text, sizeof(text));
        if (n <= 0)
            loop_fd_want(watch, 0);
        calls += n > 0 ? (int)n : 0;
    }
    done = true;
}

static void descriptors(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(loop_fd_new(loop, pair[0], on_ready, NULL, &watch, NULL), 0);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    assert_int_equal(loop_run_until(loop, &done, 20), -ETIMEDOUT); /* nothing wanted yet */
    loop_fd_want(watch, LOOP_READ);
    wait_done();
    assert_int_equal(calls, 3);
    assert_int_equal(seen, LOOP_READ);
    done = false;
    seen = 0;
    loop_fd_want(watch, LOOP_WRITE);
    wait_done();
    assert_int_equal(seen, LOOP_WRITE);
    done = false;
    seen = 0;
    loop_fd_want(watch, LOOP_HANGUP);
    assert_int_equal(loop_run_until(loop, &done, 20), -ETIMEDOUT);
    close(pair[1]);
    wait_done();
    assert_int_equal(seen, LOOP_HANGUP);
    loop_fd_free(watch);
    close(pair[0]);
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(loop_fd_new(loop, pair[0], on_ready, NULL, &watch, &err), -EBADF);
}

static void on_sig(void *arg, int signo)
{
    (void)arg;
    calls = signo;
    done = true;
}

static void signals(void **state)
{
    (void)state;
    struct loop_signal *s;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(loop_signal_new(loop, SIGUSR1, on_sig, NULL, &s, &err), 0);
    raise(SIGUSR1);
    wait_done();
    assert_int_equal(calls, SIGUSR1);
    loop_signal_free(s);
    assert_int_equal(loop_signal_new(loop, SIGKILL, on_sig, NULL, &s, &err), -EINVAL);
}

static void *post_some(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        loop_post(loop, count, NULL);
    loop_post(loop, finish, NULL);
    return NULL;
}

static void posts(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_some, NULL), 0);
    wait_done();
    assert_int_equal(calls, 1000);
    pthread_join(thread, NULL);
    loop_post(loop, count, NULL); /* still waiting when the loop is freed: runs there */
}

static void *stop_it(void *arg)
{
    loop_stop(arg);
    return NULL;
}

static void stops(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    loop_stop(loop);
    loop_run(loop); /* a stop before the run is not lost */
}

static void files(void **state)
{
    (void)state;
    char dir[] = "/tmp/atoll-test-loop-XXXXXX";
    assert_non_null(mkdtemp(dir));
    AUTO(mem_freep) char *path = file_path(dir, "watched");
    AUTO(mem_freep) char *other = file_path(dir, "other");
    struct loop_file *f;
    assert_int_equal(loop_file_new(loop, path, finish, NULL, &f, NULL), 0);
    for (int i = 0; i < 3; i++) { /* created, replaced, replaced again */
        assert_int_equal(file_replace(path, "x", 1, 0600, NULL), 0);
        wait_done();
        done = false;
    }
    assert_int_equal(file_replace(other, "x", 1, 0600, NULL), 0);
    assert_int_equal(loop_run_until(loop, &done, 100), -ETIMEDOUT);
    assert_int_equal(unlink(path), 0);
    wait_done();
    loop_file_free(f);
    done = false;
    assert_int_equal(loop_file_new(loop, dir, finish, NULL, &f, NULL), 0);
    assert_int_equal(unlink(other), 0);
    wait_done();
    loop_file_free(f);
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(loop_file_new(loop, "/tmp/atoll-none/x", finish, NULL, &f, &err), -ENOENT);
    assert_int_equal(file_tree_remove(dir, NULL), 0);
}

static void left_over(void **state)
{
    (void)state;
    struct loop_timer *t = loop_timer_new(loop, count, NULL);
    loop_timer_start(t, 100000);
    loop_defer(loop, count, NULL);
    /* loop_free in teardown takes both along; the leak checker watches */
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(deferred),    T(until_times_out), T(until_does_not_oversleep),
        T(ticks),       T(timers),          T(timer_counts_from_now),
        T(descriptors), T(signals),         T(posts),
        T(stops),       T(files),           T(left_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
