/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins that break every rule, in one isolation mode: what they break stays theirs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "rig.h"

static struct rig rig;

static void start(const char *name)
{
    AUTO(mem_freep) char *text = rig_engine(TEST_PLUGIN_DIR, name, NULL);
    rig_start(&rig, text);
}

/* ---- refused at the door
 * -------------------------------------------------------------------------------------------- */

static void check_refused(const char *name, const char *sentence)
{
    start(name);
    assert_string_equal(engine_state_reason(rig.e), "Refused");
    AUTO(mem_freep) char *want = mem_printf("plugin %s/%s.so: %s", TEST_PLUGIN_DIR, name, sentence);
    assert_string_equal(engine_state_message(rig.e), want);
    assert_false(engine_available(rig.e));
    assert_int_equal(cJSON_GetArraySize(engine_definitions(rig.e)), 0);
    struct rig_outcome o = {0};
    rig_call(&rig, "readonly", "a", NULL, &o);
    rig_until_done(&rig, &o, 1000);
    assert_int_equal(o.class_, ATOLL_CLASS_RETRY);
    rig_stop(&rig);
}

static void test_wrong_abi(void **state)
{
    (void)state;
    check_refused("wrong-abi", "ABI major: want 1, found 2");
}

static void test_short_struct(void **state)
{
    (void)state;
    AUTO(mem_freep)
    char *sentence = mem_printf("descriptor.size: want at least %zu (version 1.0), found %zu",
                                offsetof(struct atoll_plugin, topology) + sizeof(void *),
                                offsetof(struct atoll_plugin, create));
    check_refused("short-struct", sentence);
}

static void test_must_understand(void **state)
{
    (void)state;
    check_refused("must-understand",
                  "flags: it needs features 00040000 of a newer host, this one is 1.0");
}

static void test_no_such_file(void **state)
{
    (void)state;
    check_refused("no-such-plugin", "No such file or directory");
}

static void test_other_name(void **state)
{
    (void)state;
    AUTO(mem_freep)
    char *text = mem_printf("other: { plugin = \"%s/hang.so\"; isolation = \"%s\"; };",
                            TEST_PLUGIN_DIR, rig_isolation);
    rig_start(&rig, text);
    assert_string_equal(engine_state_reason(rig.e), "Refused");
    assert_non_null(
        strstr(engine_state_message(rig.e), "name: want \"other\" as configured, found \"hang\""));
    rig_stop(&rig);
}

static void check_options(const char *options, const char *sentence)
{
    AUTO(mem_freep) char *extra = mem_printf("options: { %s }", options);
    AUTO(mem_freep) char *text = rig_engine(TEST_PLUGIN_DIR, "services", extra);
    rig_start(&rig, text);
    assert_string_equal(engine_state_reason(rig.e), "Refused");
    assert_string_equal(engine_state_message(rig.e), sentence);
    rig_stop(&rig);
}

static void test_bad_options(void **state)
{
    (void)state;
    check_options("count = 99;",
                  "test.cfg line 1: engines.services.options.count: want 1..10, found 99");
    check_options(
        "flag = \"maybe\";",
        "test.cfg line 1: engines.services.options.flag: want true or false, found \"maybe\"");
    check_options("text = \"much too long for it\";",
                  "test.cfg line 1: engines.services.options.text: want 0..10 characters, found "
                  "much too long for it");
    check_options("colour = 1;",
                  "test.cfg line 1: engines.services.options.colour: no such option; want one of: "
                  "text, count, flag, wait, unset");
}

/* ---- completing wrongly
 * -----------------------------------------------------------------------------------------------
 */

static void test_double_complete(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    double before = rig_bugs("double-complete"), after = rig_bugs("use-after-complete");
    start("double-complete");
    rig_call(&rig, "readonly", "a", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    assert_string_equal(o.reason, "First");
    assert_string_equal(rig_result(&o, "late"), "");
    rig_call(&rig, "readonly", "a", NULL, &o); /* still alive and well */
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.times, 1);
    rig_stop(&rig);
    assert_true(rig_bugs("double-complete") >= before + 1);
    assert_true(rig_bugs("use-after-complete") >= after + 1);
    rig_outcome_clear(&o);
}

static void test_late_complete(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    double before = rig_bugs("late-complete");
    start("late-complete");
    rig_call(&rig, "readonly", "a", NULL, &o);
    rig_until_done(&rig, &o, 8000);
    assert_int_equal(o.class_, ATOLL_CLASS_UNKNOWN);
    assert_string_equal(o.reason, "DeadlineExceeded");
    assert_true(o.took_ms >= 2200); /* 200 ms deadline, 2 s grace */
    assert_string_equal(engine_state_reason(rig.e), "Stuck");
    assert_string_equal(engine_state_message(rig.e),
                        "late-complete.so is stuck in hook readonly on a-0");
    rig_until_state(&rig, "Running", 5000); /* it completed after all */
    rig_stop(&rig);
    assert_int_equal(o.times, 1);
    assert_true(rig_bugs("late-complete") >= before + 1);
}

static bool cond_restarted(void *arg)
{
    return engine_available(rig.e) && engine_helper_pid(rig.e) != *(int *)arg;
}

static void test_hang(void **state)
{
    (void)state;
    struct rig_outcome o = {0}, fine = {0};
    start("hang");
    int pid = engine_helper_pid(rig.e);
    rig_call(&rig, "readonly", "a", NULL, &o);
    rig_call(&rig, "readwrite", "a", NULL, &fine);
    rig_until_done(&rig, &fine, 5000);
    assert_int_equal(fine.class_, ATOLL_CLASS_DONE); /* one hanging call holds up nobody else */
    rig_until_done(&rig, &o, 8000);
    assert_int_equal(o.class_, ATOLL_CLASS_UNKNOWN);
    rig_until_state(&rig, "Stuck", 1000);
    rig_call(&rig, "readwrite", "a", NULL, &fine);
    rig_until_done(&rig, &fine, 1000);
    assert_int_equal(fine.class_, ATOLL_CLASS_RETRY);
    if (rig_is_process()) { /* the stuck process is ended and another one works */
        rig_until(&rig, cond_restarted, &pid, 15000, "a new helper");
        rig_call(&rig, "readwrite", "a", NULL, &fine);
        rig_until_done(&rig, &fine, 5000);
        assert_int_equal(fine.class_, ATOLL_CLASS_DONE);
    }
    rig_stop(&rig); /* inline: does not wait for the thread that never comes back */
}

static void test_blocked_loop(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    double before = rig_bugs("blocked-loop");
    start("block-loop");
    rig_call(&rig, "readwrite", "a", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    assert_true(rig_bugs("blocked-loop") >= before + 1);
    if (rig_is_process()) { /* inline nobody could look */
        int pid = engine_helper_pid(rig.e);
        rig_call(&rig, "readonly", "a", NULL, &o);
        rig_until_done(&rig, &o, 20000);
        assert_int_equal(o.class_, ATOLL_CLASS_UNKNOWN);
        assert_string_equal(o.message, "block-loop.so was ended: it blocked its loop for more than "
                                       "10 s in hook readonly on a-0");
        rig_until(&rig, cond_restarted, &pid, 5000, "a new helper");
    }
    rig_stop(&rig);
}

/* ---- lying and refusing
 * ------------------------------------------------------------------------------------------------
 */

static void test_liar_role(void **state)
{
    (void)state;
    double undeclared = rig_bugs("undeclared-role"), wrong = rig_bugs("wrong-instance");
    start("liar-role");
    for (unsigned i = 0; i < 3; i++)
        rig_probe(&rig, "liar", 3, i, 50);
    const struct rig_role *role = rig_until_unknown(&rig, "id-liar-0", "UndeclaredRole", 3000);
    assert_string_equal(role->message,
                        "liar-role.so reported the role \"king\", which it does not declare");
    rig_until_unknown(&rig, "id-liar-1", "NoAnswer", 3000);
    role = rig_until_unknown(&rig, "id-liar-2", "NoAnswer", 3000);
    assert_string_equal(role->message, "the probe ended without a report");
    assert_null(rig_role_of(&rig, "somebody-else"));
    assert_true(rig_bugs("undeclared-role") > undeclared);
    assert_true(rig_bugs("wrong-instance") > wrong);
    rig_stop(&rig);
}

typedef void question_fn(struct engine *e, const cJSON *view, engine_done_fn *done, void *arg);

static void test_liar_topology(void **state)
{
    (void)state;
    static const struct {
        question_fn *ask;
        const char *topology, *sentence; /* NULL: a good answer */
    } rows[] = {
        {engine_validate, "endless", "more than 8388608 bytes or 20000 items"},
        {engine_render, "file-name", "file name \"../passwd\": want letters, digits and -._"},
        {engine_render, "binary", "content that is not UTF-8 text"},
        {engine_render, "mode", "file x.conf: want a mode of at most 0777, found 4755"},
        {engine_render, "nameless", "name is missing"},
        {engine_render, "fine", NULL},
        {engine_advise, "stranger",
         "target names instance \"id-somebody-else\", which is not in the view"},
        {engine_advise, "peer",
         "peer names instance \"id-somebody-else\", which is not in the view"},
        {engine_advise, "keyless", "wire follow: key is missing"},
        {engine_advise, "short", "wire: a struct that is NULL or too short"},
        {engine_advise, "reason", "refuse: want a CamelCase reason, found \"not camel case\""},
        {engine_advise, "fine", NULL},
    };
    struct rig_outcome o = {0};
    double before = rig_bugs("bad-answer");
    start("liar-topology");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *view = rig_view("a", 1);
        json_put_str(view, rows[i].topology, "topology");
        rig_outcome_clear(&o);
        rows[i].ask(rig.e, view, rig_done, &o);
        rig_until_done(&rig, &o, 5000);
        assert_int_equal(o.class_, rows[i].sentence ? ATOLL_CLASS_FATAL : ATOLL_CLASS_DONE);
        assert_int_equal(o.results != NULL, rows[i].sentence == NULL); /* all or nothing */
        if (rows[i].sentence && !strstr(o.message, rows[i].sentence))
            fail_msg("want \"%s\" in \"%s\"", rows[i].sentence, o.message);
        if (rows[i].sentence)
            assert_string_equal(o.reason, "BadAnswer");
    }
    assert_true(rig_bugs("bad-answer") >= before + 9); /* the last may still be on its way */
    rig_stop(&rig);
    rig_outcome_clear(&o);
}

static void test_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *args;
        int class_;
        const char *reason;
    } rows[] = {
        {"{\"code\": \"-3\"}", ATOLL_CLASS_RETRY, "Busy"},
        {"{\"code\": \"-4\"}", ATOLL_CLASS_FATAL, "NotSupported"},
        {"{\"code\": \"-1\"}", ATOLL_CLASS_FATAL, "Invalid"},
        {"{\"code\": \"-6\"}", ATOLL_CLASS_RETRY, "SystemError"},
        {"{\"code\": \"-99\"}", ATOLL_CLASS_FATAL, "Invalid"},
    };
    struct rig_outcome o = {0};
    start("refuse");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rig_call(&rig, "readonly", "a", rows[i].args, &o);
        rig_until_done(&rig, &o, 5000);
        assert_int_equal(o.class_, rows[i].class_);
        assert_string_equal(o.reason, rows[i].reason);
    }
    double before = rig_bugs("refused-and-completed");
    rig_call(&rig, "readwrite", "a", NULL, &o); /* completes, then refuses: the completion counts */
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    rig_probe(&rig, "a", 2, 0, 50);
    const struct rig_role *role = rig_until_unknown(&rig, "id-a-0", "Busy", 3000);
    assert_string_equal(role->message, "probe of a-0 was refused: refuse.so is busy");
    assert_true(rig_bugs("refused-and-completed") >= before + 1);
    rig_stop(&rig);
    assert_int_equal(o.times, 1);
}

/* ---- another version
 * ------------------------------------------------------------------------------------------------------
 */

static void test_newer_plugin(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    AUTO(mem_freep) char *text = rig_engine(TEST_PLUGIN_DIR, "newer", "options: { first = 9; }");
    rig_start(&rig, text);
    assert_string_equal(engine_state_reason(rig.e), "Running");
    assert_int_equal(cJSON_GetArraySize(engine_roles(rig.e)), 2);
    assert_non_null(json_find(engine_roles(rig.e), "name", "witness"));
    rig_probe(&rig, "a", 1, 0, 50);
    rig_until_role(&rig, "id-a-0", "witness", 3000);
    rig_call(&rig, "readwrite", "a", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    assert_string_equal(rig_result(&o, "second"), "two");
    rig_stop(&rig);
    rig_outcome_clear(&o);
}

/* ---- crashing
 * ----------------------------------------------------------------------------------------------------------------
 */

/* Inline a crash is the program's: the price of that mode, shown in a child. */
static void crash_inline(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        start("crash");
        rig_probe(&rig, "bomb", 1, 0, 20);
        rig_until_role(&rig, "id-bomb-0", "primary", 5000);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void crash_process(void)
{
    struct rig_outcome o = {0};
    start("crash");
    rig_probe(&rig, "good", 1, 0, 50);
    rig_until_role(&rig, "id-good-0", "primary", 3000);
    rig_call(&rig, "readonly", "good", NULL, &o); /* open when it happens */
    rig_probe(&rig, "bomb", 1, 0, 50);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_UNKNOWN);
    assert_string_equal(o.reason, "EngineCrashed");
    assert_string_equal(o.message, "crash.so ended with SIGSEGV in probe of bomb-0");
    rig_until_state(&rig, "Quarantined", 10000);
    assert_string_equal(
        engine_state_message(rig.e),
        "crash.so ended with SIGSEGV in probe of bomb-0; that was crash 3 within a minute, "
        "the next try is in 10 minutes");
    assert_int_equal(engine_helper_pid(rig.e), 0);
    engine_probe_clear(rig.e, "id-bomb-0");
    engine_unquarantine(rig.e);
    rig_until_state(&rig, "Running", 5000);
    rig_call(&rig, "readonly", "good", NULL, &o);
    assert_true(rig_role_of(&rig, "id-good-0")->known);
    rig_stop(&rig);
    assert_false(o.done);
}

static void test_crash(void **state)
{
    (void)state;
    if (rig_is_process())
        crash_process();
    else
        crash_inline();
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash),           cmocka_unit_test(test_wrong_abi),
        cmocka_unit_test(test_short_struct),    cmocka_unit_test(test_no_such_file),
        cmocka_unit_test(test_must_understand), cmocka_unit_test(test_other_name),
        cmocka_unit_test(test_bad_options),     cmocka_unit_test(test_double_complete),
        cmocka_unit_test(test_late_complete),   cmocka_unit_test(test_hang),
        cmocka_unit_test(test_blocked_loop),    cmocka_unit_test(test_liar_topology),
        cmocka_unit_test(test_liar_role),       cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_newer_plugin),
    };
    return cmocka_run_group_tests_name(rig_isolation, tests, NULL, NULL);
}

/* A sanitizer must not turn the crash of the test plugin into a report of its own; it reads this at
 * its start. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "handle_segv=0:allow_user_segv_handler=1";
}

int main(int argc, char **argv)
{
    setenv("ASAN_OPTIONS", "handle_segv=0", 1); /* for the helper process */
    setenv("TSAN_OPTIONS", "handle_segv=0", 1);
    return rig_main(argc, argv, run);
}
