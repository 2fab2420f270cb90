/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program atoll-engine by itself: this test stands where atolld does, at the other end of the
 * socket. In a sanitizer build the exit code 0 also says that the helper leaked nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "engine/frames.h"
#include "io/child.h"
#include "io/ipc.h"

static struct helper {
    struct loop *loop;
    struct ipc *ipc;
    struct child *child;
    bool exited, closed, framed;
    int code;
    char last[32]; /* type of the latest frame */
    cJSON *body;
} h;

static void on_exit_code(void *arg, int code)
{
    (void)arg;
    h.exited = true;
    h.code = code;
}

static void on_frame(void *arg, struct str text)
{
    struct frame f;
    struct err *err = NULL;
    (void)arg;
    if (frame_decode(text, false, &f, &err) < 0)
        fail_msg("%s", err_text(err));
    snprintf(h.last, sizeof(h.last), "%s", frame_type_name(f.type));
    cJSON_Delete(h.body);
    h.body = TAKE(f.body);
    h.framed = true;
}

static void on_close(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    h.closed = true;
}

static void helper_spawn(const char *const *argv)
{
    const struct ipc_handler handler = {.on_frame = on_frame, .on_close = on_close};
    int fds[2];
    char path[64] = "PATH=/usr/bin", asan[128];
    const char *options = getenv("ASAN_OPTIONS");
    snprintf(asan, sizeof(asan), "ASAN_OPTIONS=%s", options ? options : "");
    const char *const env[] = {path, asan, NULL};
    assert_int_equal(ipc_pair(fds, NULL), 0);
    const struct child_fd child_fds[] = {{STDERR_FILENO, STDERR_FILENO}, {fds[1], 3}};
    struct child_spec spec = {.argv = argv,
                              .env = env,
                              .cwd = "/",
                              .fds = child_fds,
                              .n_fds = 2,
                              .die_with_parent = true};
    struct err *err = NULL;
    h = (struct helper){0};
    assert_int_equal(loop_new(&h.loop, NULL), 0);
    if (child_spawn(h.loop, &spec, on_exit_code, NULL, &h.child, &err) < 0)
        fail_msg("%s", err_text(err));
    close(fds[1]);
    assert_int_equal(ipc_new(h.loop, fds[0], FRAME_MAX, FRAME_QUEUE_MAX, &handler, &h.ipc, NULL),
                     0);
}

static void helper_start(void)
{
    static const char *const argv[] = {ENGINE_HELPER, "--fd", "3", NULL};
    helper_spawn(argv);
}

static void say(const char *fmt, ...) ATOLL_PRINTF(1, 2);
static void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    assert_int_equal(ipc_send(h.ipc, str_of(text)), 0);
}

static void hear(const char *type)
{
    for (int i = 0; i < 100; i++) {
        h.framed = false;
        if (loop_run_until(h.loop, &h.framed, 5000) < 0)
            break;
        if (streq(h.last, type))
            return;
    }
    fail_msg("no frame %s within 5 s; the last was \"%s\"", type, h.last);
}

static int helper_end(void)
{
    ipc_free(h.ipc);
    if (loop_run_until(h.loop, &h.exited, 10000) < 0)
        fail_msg("the helper did not end within 10 s of its socket");
    child_free(h.child);
    cJSON_Delete(h.body);
    loop_free(h.loop);
    return h.code;
}

#define VIEW                                                                                       \
    "{\"cluster\":\"t/"                                                                            \
    "a\",\"component\":\"c\",\"components\":[{\"name\":\"c\",\"instances\":[{\"id\":\"i\","        \
    "\"name\":\"a-0\"}]}]}"

static void test_a_clean_life(void **state)
{
    (void)state;
    helper_start();
    say("{\"type\":\"hello\",\"name\":\"services\",\"plugin\":\"%s/services.so\"}",
        TEST_PLUGIN_DIR);
    hear("ready");
    assert_string_equal(json_str(h.body, "plugin", "name"), "services");
    say("{\"type\":\"spec\",\"instance\":\"i\",\"spec\":{\"view\":" VIEW
        ",\"secrets\":{\"r\":\"s\"}}}");
    hear("role");
    assert_string_equal(json_str(h.body, "role", "role"), "primary");
    say("{\"type\":\"watch\",\"key\":\"t/a/c\",\"spec\":{\"view\":" VIEW "}}");
    hear("role");
    say("{\"type\":\"call\",\"id\":\"1\",\"hook\":\"readonly\",\"view\":" VIEW "}");
    hear("done");
    assert_string_equal(json_str(h.body, "id"), "1");
    say("{\"type\":\"call\",\"id\":\"2\",\"hook\":\"member-leave\",\"deadlineMs\":60000,"
        "\"view\":" VIEW "}");
    say("{\"type\":\"topology\",\"id\":\"3\",\"what\":\"advise\",\"view\":" VIEW "}");
    hear("done");
    assert_string_equal(json_str(h.body, "id"), "3");
    assert_int_equal(helper_end(), 0); /* with a watch, a hook and probes open */
}

static void test_confinement(void **state)
{
    (void)state;
    helper_start();
    say("{\"type\":\"hello\",\"name\":\"echo\",\"plugin\":\"%s/echo.so\"}", ECHO_DIR);
    hear("ready");
    AUTO(mem_freep) char *status_path = mem_printf("/proc/%d/status", child_pid(h.child));
    AUTO(mem_freep) char *limits_path = mem_printf("/proc/%d/limits", child_pid(h.child));
    AUTO(mem_freep) char *status = NULL;
    AUTO(mem_freep) char *limits = NULL;
    size_t len;
    assert_int_equal(file_read(status_path, 65536, &status, &len, NULL), 0);
    assert_non_null(strstr(status, "NoNewPrivs:\t1"));
    assert_int_equal(file_read(limits_path, 65536, &limits, &len, NULL), 0);
    const char *core = strstr(limits, "Max core file size");
    unsigned long soft = 1, hard = 1;
    assert_non_null(core);
    assert_int_equal(sscanf(core, "Max core file size %lu %lu", &soft, &hard), 2);
    assert_true(soft == 0 && hard == 0);
    assert_int_equal(helper_end(), 0);
}

static void test_a_refused_plugin(void **state)
{
    (void)state;
    helper_start();
    say("{\"type\":\"hello\",\"name\":\"x\",\"plugin\":\"%s/wrong-abi.so\"}", TEST_PLUGIN_DIR);
    hear("ready");
    assert_non_null(strstr(json_str(h.body, "error"), "ABI major: want 1, found 2"));
    say("{\"type\":\"clear\",\"instance\":\"i\"}"); /* dropped */
    assert_int_equal(helper_end(), 0);
}

static void test_nonsense_ends_it(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "nonsense",
                                       "{\"type\":\"role\",\"instance\":\"i\",\"role\":{}}",
                                       "{\"type\":\"call\",\"id\":\"1\"}"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        helper_start();
        say("%s", rows[i]);
        assert_int_equal(helper_end(), 2);
    }
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    static const char *const none[] = {ENGINE_HELPER, NULL};
    static const char *const stdout_fd[] = {ENGINE_HELPER, "--fd", "1", NULL};
    helper_spawn(none);
    assert_int_equal(helper_end(), 1);
    helper_spawn(stdout_fd);
    assert_int_equal(helper_end(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clean_life),     cmocka_unit_test(test_confinement),
        cmocka_unit_test(test_a_refused_plugin), cmocka_unit_test(test_nonsense_ends_it),
        cmocka_unit_test(test_wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
