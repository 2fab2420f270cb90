/* SPDX-License-Identifier: Apache-2.0 */
/* Runs with the real atoll-shim: start, end, signals, adoption by a later life, ends nobody
 * recorded. */
#include "unit/cm.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "node/run.h"

struct world {
    struct loop *loop;
    char dir[64], *shim;
    struct run *run;
    bool running, ended;
};

static void on_change(void *arg)
{
    struct world *w = arg;
    w->running |= run_facts(w->run)->state == RUN_RUNNING;
    w->ended |= run_facts(w->run)->state == RUN_ENDED;
}

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    const char *build = getenv("ATOLL_BUILD_DIR");
    w->shim = mem_printf("%s/libexec/atoll/atoll-shim", build ? build : ".");
    if (!file_exists(w->shim))
        fail_msg("%s is not built", w->shim);
    snprintf(w->dir, sizeof(w->dir), "/tmp/atoll-run-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    run_free(w->run);
    loop_free(w->loop);
    assert_int_equal(file_tree_remove(w->dir, NULL), 0);
    mem_free(w->shim);
    mem_free(w);
    return 0;
}

static void start(struct world *w, const char *script)
{
    static const char *const env[] = {"PATH=/usr/bin:/bin", "WORD=hello", NULL};
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct run_spec s = {
        .shim = w->shim, .dir = w->dir, .argv = argv, .env = env, .log_max = 65536};
    AUTO(err_freep) struct err *err = NULL;
    if (run_start(w->loop, &s, on_change, w, &w->run, &err))
        fail_msg("%s", err_text(err));
    assert_int_equal(run_start(w->loop, &s, on_change, w, &w->run, NULL),
                     -EWOULDBLOCK); /* one run, one shim */
}

static void await(struct world *w, const bool *what, const char *text)
{
    if (loop_run_until(w->loop, what, 10000))
        fail_msg("waited 10 s for: %s", text);
}

static void exit_code_and_log(void **state)
{
    struct world *w = *state;
    start(w, "echo $WORD; exit 7");
    await(w, &w->ended, "the end");
    const struct run_facts *f = run_facts(w->run);
    assert_int_equal(f->code, 7);
    assert_false(f->lost);
    assert_true(f->started_us > 0 && f->ended_us >= f->started_us);
    AUTO(mem_freep) char *path = file_path(w->dir, "log"), *text = NULL;
    size_t len;
    assert_int_equal(file_read(path, 4096, &text, &len, NULL), 0);
    assert_non_null(strstr(text, "Z stdout F hello\n"));
    pid_t pid;
    uint64_t at;
    assert_false(run_alive(w->dir, &pid, &at));
}

static void signals(void **state)
{
    struct world *w = *state;
    start(w, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done");
    await(w, &w->running, "running");
    AUTO(mem_freep) char *path = file_path(w->dir, "log");
    /* The trap is set when the word is in the log. */
    uint64_t until = clock_mono_ms() + 10000;
    for (bool ready = false; !ready;) {
        AUTO(mem_freep) char *text = NULL;
        size_t len;
        ready = file_read(path, 4096, &text, &len, NULL) == 0 && strstr(text, "ready");
        assert_true(clock_mono_ms() < until);
    }
    run_term(w->run);
    await(w, &w->ended, "the end by SIGTERM");
    assert_int_equal(run_facts(w->run)->code, 5);
}

static void killed(void **state)
{
    struct world *w = *state;
    start(w, "trap '' TERM; sleep 1000");
    await(w, &w->running, "running");
    run_kill(w->run);
    await(w, &w->ended, "the end by SIGKILL");
    assert_int_equal(run_facts(w->run)->code, 137);
}

/* Our life ends, the run does not; the next life sees its end and its true exit code. */
static void adopted(void **state)
{
    struct world *w = *state;
    start(w, "while [ ! -e \"$0.go\" ] && [ ! -e go ]; do sleep 0.02; done; exit 3");
    await(w, &w->running, "running");
    pid_t main_pid = run_facts(w->run)->main_pid;
    run_free(TAKE(w->run));
    assert_int_equal(run_adopt(w->loop, w->dir, on_change, w, &w->run, NULL), 0);
    assert_int_equal(run_facts(w->run)->state, RUN_RUNNING);
    assert_int_equal(run_facts(w->run)->main_pid, main_pid);
    run_term(w->run);
    await(w, &w->ended, "the end after adoption");
    assert_int_equal(run_facts(w->run)->code, 143);
    run_free(TAKE(w->run));
    assert_int_equal(run_adopt(w->loop, w->dir, on_change, w, &w->run, NULL), -ESRCH);
    struct run_facts f;
    run_facts_of_dir(w->dir, &f);
    assert_int_equal(f.code, 143);
    assert_false(f.lost);
}

static void shim_killed(void **state)
{
    struct world *w = *state;
    start(w, "sleep 1000");
    await(w, &w->running, "running");
    pid_t shim, main_pid = run_facts(w->run)->main_pid;
    uint64_t at;
    assert_true(run_alive(w->dir, &shim, &at));
    assert_int_equal(kill(shim, SIGKILL), 0);
    await(w, &w->ended, "the end of the shim");
    assert_true(run_facts(w->run)->lost);
    uint64_t until = clock_mono_ms() + 10000; /* what it watched over dies with it */
    while (kill(main_pid, 0) == 0)
        assert_true(clock_mono_ms() < until);
    struct run_facts f;
    run_facts_of_dir(w->dir, &f);
    assert_true(f.lost);
    assert_true(f.ended_us == run_facts(w->run)->ended_us); /* recorded once, the same ever after */
}

static void unstartable(void **state)
{
    struct world *w = *state;
    AUTO(mem_freep) char *path = file_path(w->dir, "exit.tmp");
    assert_int_equal(file_dir_make(path, 0700, NULL), 0); /* the shim cannot reserve its record */
    start(w, "true");
    await(w, &w->ended, "the end of the shim");
    assert_true(run_facts(w->run)->started_us == 0);
    assert_string_equal(run_facts(w->run)->message, "atoll-shim: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exit_code_and_log, setup, teardown),
        cmocka_unit_test_setup_teardown(signals, setup, teardown),
        cmocka_unit_test_setup_teardown(killed, setup, teardown),
        cmocka_unit_test_setup_teardown(adopted, setup, teardown),
        cmocka_unit_test_setup_teardown(shim_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(unstartable, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
