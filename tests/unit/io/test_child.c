/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes, made of /bin/sh: exit codes, descriptors, limits, sessions, adoption,
 * forgetting. */
#include "unit/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/child.h"

#define WAIT_MS 10000

static struct loop *loop;
static bool exited;
static int exit_code;

static int setup(void **state)
{
    (void)state;
    exited = false;
    exit_code = -77;
    return loop_new(&loop, NULL);
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

static void on_exit_code(void *arg, int code)
{
    (void)arg;
    assert_false(exited);
    exited = true;
    exit_code = code;
}

static struct child *spawn(struct child_spec spec, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    AUTO(err_freep) struct err *err = NULL;
    struct child *c = NULL;
    spec.argv = argv;
    if (child_spawn(loop, &spec, on_exit_code, NULL, &c, &err))
        fail_msg("%s", err_text(err));
    assert_false(exited);
    return c;
}

static void wait_exit(void)
{
    assert_int_equal(loop_run_until(loop, &exited, WAIT_MS), 0);
}

/* Run a script with its stdout in a pipe; what it printed. */
static char *output_of(struct child_spec spec, const char *script)
{
    int fds[2];
    char text[4096];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct child_fd out[4] = {{fds[1], 1}};
    assert_true(spec.n_fds < 3);
    for (size_t i = 0; i < spec.n_fds; i++)
        out[i + 1] = spec.fds[i];
    spec.fds = out;
    spec.n_fds++;
    struct child *c = spawn(spec, script);
    wait_exit();
    child_free(c);
    close(fds[1]);
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    close(fds[0]);
    return mem_strndup(text, n > 0 ? (size_t)n : 0);
}

static void codes(void **state)
{
    (void)state;
    struct child *c = spawn((struct child_spec){0}, "exit 42");
    assert_true(child_pid(c) > 0);
    assert_true(child_start_time(c) > 0);
    wait_exit();
    assert_int_equal(exit_code, 42);
    assert_int_equal(child_signal(c, SIGTERM), -ESRCH);
    child_free(c);
    exited = false;
    c = spawn((struct child_spec){0}, "exec sleep 100");
    assert_int_equal(child_signal(c, SIGTERM), 0);
    wait_exit();
    assert_int_equal(exit_code, 128 + SIGTERM);
    child_free(c);
    child_free(NULL);
}

static void failures(void **state)
{
    (void)state;
    struct child *c = NULL;
    AUTO(err_freep) struct err *err = NULL;
    const char *none[] = {"/no/such/program", NULL}, *relative[] = {"sh", NULL},
               *dir[] = {"/tmp", NULL};
    const char *sh[] = {"/bin/sh", "-c", "exit 0", NULL};
    struct child_spec spec = {.argv = none};
    assert_int_equal(child_spawn(loop, &spec, on_exit_code, NULL, &c, &err), -ENOENT);
    assert_string_equal(err_text(err),
                        "starting /no/such/program: exec: No such file or directory");
    spec.argv = relative;
    assert_int_equal(child_spawn(loop, &spec, on_exit_code, NULL, &c, &err), -EINVAL);
    spec.argv = dir;
    assert_int_equal(child_spawn(loop, &spec, on_exit_code, NULL, &c, &err), -EACCES);
    spec = (struct child_spec){.argv = sh, .cwd = "/no/such/dir"};
    assert_int_equal(child_spawn(loop, &spec, on_exit_code, NULL, &c, &err), -ENOENT);
    assert_string_equal(err_text(err), "starting /bin/sh: chdir: No such file or directory");
    struct child_fd closed = {9999, 5};
    spec = (struct child_spec){.argv = sh, .fds = &closed, .n_fds = 1};
    assert_int_equal(child_spawn(loop, &spec, on_exit_code, NULL, &c, &err), -EBADF);
    assert_null(c);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left behind */
    assert_int_equal(errno, ECHILD);
}

static void environment(void **state)
{
    (void)state;
    const char *const env[] = {"ONLY=this", NULL};
    setenv("ATOLL_TEST_LEAK", "x", 1);
    AUTO(mem_freep) char *given = output_of((struct child_spec){.env = env}, "/usr/bin/env");
    exited = false;
    AUTO(mem_freep) char *minimal = output_of((struct child_spec){0}, "/usr/bin/env");
    assert_non_null(strstr(given, "ONLY=this"));
    assert_null(strstr(given, "ATOLL_TEST_LEAK"));
    assert_null(strstr(minimal, "ATOLL_TEST_LEAK"));
    assert_non_null(strstr(minimal, "PATH="));
    exited = false;
    AUTO(mem_freep) char *cwd = output_of((struct child_spec){.cwd = "/usr"}, "pwd");
    assert_string_equal(cwd, "/usr\n");
}

static void descriptors(void **state)
{
    (void)state;
    int leak = open("/dev/null", O_RDONLY); /* deliberately without CLOEXEC */
    AUTO(mem_freep)
    char *list =
        output_of((struct child_spec){0}, "cd /proc/self/fd; for i in *; do echo -n \"$i \"; done");
    assert_non_null(strstr(list, "0 1 2 "));
    assert_null(strstr(list, "3 4")); /* the shell's own directory handle at most */
    exited = false;
    /* Source and target numbers overlap crosswise. */
    int a[2], b[2];
    assert_int_equal(pipe2(a, O_CLOEXEC), 0);
    assert_int_equal(pipe2(b, O_CLOEXEC), 0);
    struct child_fd cross[2] = {{a[1], b[1]}, {b[1], a[1]}};
    char script[128];
    snprintf(script, sizeof(script),
             "echo -n to-b >/proc/self/fd/%d; echo -n to-a >/proc/self/fd/%d", a[1], b[1]);
    AUTO(mem_freep) char *none = output_of((struct child_spec){.fds = cross, .n_fds = 2}, script);
    char text[16] = {0};
    assert_int_equal(read(a[0], text, sizeof(text) - 1), 4);
    assert_string_equal(text, "to-a");
    assert_int_equal(read(b[0], text, sizeof(text) - 1), 4);
    assert_string_equal(text, "to-b");
    assert_string_equal(none, "");
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
    close(leak);
}

static void limits(void **state)
{
    (void)state;
    AUTO(mem_freep) char *files = output_of((struct child_spec){.nofile = 57}, "ulimit -n");
    exited = false;
    AUTO(mem_freep)
    char *memory =
        output_of((struct child_spec){.address_space = 512UL * 1024 * 1024}, "ulimit -v");
    assert_string_equal(files, "57\n");
    assert_string_equal(memory, "524288\n");
    struct rlimit mine;
    getrlimit(RLIMIT_NOFILE, &mine);
    assert_int_not_equal(mine.rlim_cur, 57);
}

static void session_and_signals(void **state)
{
    (void)state;
    /* Fields 5 and 6 of stat are process group and session. SIGPIPE is ignored here, and must not
     * be there. */
    AUTO(mem_freep)
    char *own = output_of((struct child_spec){.new_session = true},
                          "set -- $(cat /proc/$$/stat); test $6 = $$ && echo own");
    exited = false;
    AUTO(mem_freep)
    char *ignored =
        output_of((struct child_spec){0}, "exec grep -E 'SigIgn|SigBlk' /proc/self/status");
    assert_string_equal(own, "own\n");
    assert_string_equal(ignored, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void adoption(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    struct child *adopted = NULL;
    /* A grandchild whose parent ends at once: it is nobody's child of ours. */
    AUTO(mem_freep)
    char *text = output_of((struct child_spec){0}, "sleep 100 >/dev/null & echo $!");
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    exited = false;
    assert_int_equal(child_adopt(loop, pid, 12345, on_exit_code, NULL, &adopted, &err), -ESRCH);
    assert_int_equal(child_adopt(loop, pid, 0, on_exit_code, NULL, &adopted, &err), 0);
    uint64_t start = child_start_time(adopted);
    child_free(adopted); /* it lives on */
    assert_int_equal(child_adopt(loop, pid, start, on_exit_code, NULL, &adopted, &err), 0);
    assert_int_equal(child_pid(adopted), pid);
    assert_int_equal(child_signal(adopted, SIGKILL), 0);
    wait_exit();
    assert_int_equal(exit_code, -1);
    child_free(adopted);
    assert_int_equal(child_adopt(loop, 4194303, 0, on_exit_code, NULL, &adopted, &err), -ESRCH);
}

static void forgotten(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct child_fd in = {fds[0], 0};
    struct child *c = spawn((struct child_spec){.fds = &in, .n_fds = 1}, "read x; exit 3");
    pid_t pid = child_pid(c);
    child_free(c);
    assert_int_equal(kill(pid, 0), 0); /* untouched */
    close(fds[0]);
    close(fds[1]); /* now it ends, and is reaped without anybody being told */
    bool gone = false;
    for (int i = 0; i < 1000 && !gone; i++) {
        bool never = false;
        loop_run_until(loop, &never, 5);
        gone = kill(pid, 0) < 0;
    }
    assert_true(gone);
    assert_false(exited);
    /* One that still runs when the loop is freed; the leak checker watches. */
    c = spawn((struct child_spec){.die_with_parent = true}, "exec sleep 100");
    pid = child_pid(c);
    child_free(c);
    loop_free(loop);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(loop_new(&loop, NULL), 0);
}

/* Our own child starts a grandchild with die_with_parent and is then killed. */
static void dies_with_parent(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t middle = fork();
    if (middle == 0) {
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        struct child_spec spec = {.argv = argv, .die_with_parent = true};
        struct child *c;
        struct loop *l;
        if (loop_new(&l, NULL) || child_spawn(l, &spec, on_exit_code, NULL, &c, NULL))
            _exit(1);
        pid_t pid = child_pid(c);
        ssize_t n = write(fds[1], &pid, sizeof(pid));
        for (;;)
            pause();
        _exit((int)n);
    }
    pid_t pid = 0;
    struct child *adopted = NULL;
    assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
    assert_int_equal(child_adopt(loop, pid, 0, on_exit_code, NULL, &adopted, NULL), 0);
    assert_int_equal(kill(middle, SIGKILL), 0);
    wait_exit();
    child_free(adopted);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    close(fds[0]);
    close(fds[1]);
}

static void many(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        exited = false;
        struct child *c = spawn((struct child_spec){0}, "exit 7");
        wait_exit();
        assert_int_equal(exit_code, 7);
        child_free(c);
    }
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(codes),       T(failures),  T(environment),
        T(descriptors), T(limits),    T(session_and_signals),
        T(adoption),    T(forgotten), T(dies_with_parent),
        T(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
