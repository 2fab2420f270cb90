/* SPDX-License-Identifier: Apache-2.0 */
/* What one log line looks like, and that a line cannot be forged or overrun. stderr is a pipe here.
 */
#include "unit/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

#define LOG_ROOM "test"

static int saved_stderr, pipe_fds[2];

static int redirect(void **state)
{
    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    assert_int_equal(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
    return dup2(pipe_fds[1], STDERR_FILENO) < 0;
}

static int restore(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(saved_stderr);
    log_level_set(LOG_INFO);
    log_name_set(NULL);
    return 0;
}

static const char *seen(void)
{
    static char text[16384];
    ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void line(void **state)
{
    (void)state;
    log_warn("pod=%s gone", "p-0");
    const char *text = seen();
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[19], '.');
    assert_string_equal(text + 23, "Z WARN test: pod=p-0 gone\n");
    log_name_set("member-1");
    errno = EXDEV;
    log_error("x");
    assert_int_equal(errno, EXDEV);
    assert_string_equal(seen() + 23, "Z ERROR member-1 test: x\n");
}

static void levels(void **state)
{
    (void)state;
    enum log_level level = LOG_ERROR;
    log_debug("hidden");
    assert_string_equal(seen(), "");
    assert_int_equal(log_level_parse("debug", &level), 0);
    log_level_set(level);
    log_debug("shown");
    assert_string_equal(seen() + 23, "Z DEBUG test: shown\n");
    assert_int_equal(log_level_parse("loud", &level), -EINVAL);
    log_level_set(LOG_ERROR);
    log_warn("hidden");
    assert_string_equal(seen(), "");
}

static void one_line_only(void **state)
{
    (void)state;
    log_info("%s", "a\nERROR forged\x1b[31m");
    assert_string_equal(seen() + 23, "Z INFO test: a?ERROR forged?[31m\n");
    char big[9000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    log_info("%s", big);
    const char *text = seen();
    assert_true(strlen(text) < 4096);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line, redirect, restore),
        cmocka_unit_test_setup_teardown(levels, redirect, restore),
        cmocka_unit_test_setup_teardown(one_line_only, redirect, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
