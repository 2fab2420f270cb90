/* SPDX-License-Identifier: Apache-2.0 */
/* Every service of the host as a LOOP plugin uses it, watches, cancelling, and secrets; in one
 * isolation mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/http_server.h"
#include "rig.h"

static struct rig rig;
static struct rig_outcome o;

static int setup(void **state)
{
    (void)state;
    AUTO(mem_freep)
    char *text = rig_engine(TEST_PLUGIN_DIR, "services",
                            "options: { text = \"hi\"; flag = false; wait = \"60ms\"; }");
    rig_start(&rig, text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    rig_outcome_clear(&o);
    return 0;
}

static void run_hook(const char *hook, const char *args)
{
    rig_call(&rig, hook, "a", args, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
}

static void test_conf_and_timer(void **state)
{
    (void)state;
    run_hook("readonly", NULL);
    assert_string_equal(rig_result(&o, "text"), "hi");
    assert_string_equal(rig_result(&o, "count"), "5");
    assert_string_equal(rig_result(&o, "flag"), "0");
    assert_string_equal(rig_result(&o, "wait"), "60");
    assert_string_equal(rig_result(&o, "unset"), "-7");
    assert_string_equal(rig_result(&o, "unknown"), "-8");
    int64_t elapsed = 0;
    assert_int_equal(str_to_i64(str_of(rig_result(&o, "elapsed")), &elapsed), 0);
    assert_true(elapsed >= 60 && elapsed < 2000); /* never early */
}

static void test_io(void **state)
{
    (void)state;
    run_hook("readwrite", NULL);
    assert_string_equal(rig_result(&o, "events"), "1");
    assert_string_equal(rig_result(&o, "bytes"), "1");
    assert_string_equal(rig_result(&o, "byte"), "120");
}

static void test_a_broken_pipe_is_an_error_not_the_end(void **state)
{
    (void)state;
    run_hook("shard-add", NULL);
    assert_string_equal(rig_result(&o, "written"), "-1");
    assert_string_equal(rig_result(&o, "broken"), "1");
    assert_true(engine_available(rig.e));
}

static void test_secret(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *view = rig_view("a", 1);
    AUTO(json_freep) cJSON *secrets = cJSON_CreateObject();
    AUTO(json_freep) cJSON *args = cJSON_CreateObject();
    json_put_str(secrets, "s3cret", "acct/default");
    json_put_str(args, "acct/default", "ref");
    struct engine_call c = {.hook = "reconfigure", .view = view, .args = args, .secrets = secrets};
    engine_hook_start(rig.e, &c, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    assert_string_equal(rig_result(&o, "rc"), "0");
    assert_string_equal(rig_result(&o, "value"), "s3cret");
    assert_string_equal(rig_result(&o, "descriptor"), "-1");
    run_hook("reconfigure",
             "{\"ref\": \"acct/default\"}"); /* without the secret in the call there is none */
    assert_string_equal(rig_result(&o, "rc"), "-2");
    assert_string_equal(rig_result(&o, "value"), "");
}

static void on_request(void *arg, struct http_in *in)
{
    unsigned *n = arg;
    struct str body = http_in_body(in);
    ++*n;
    bool good = streq(http_in_method(in), "POST") && streq(http_in_header(in, "X-Test"), "yes") &&
                str_eq(body, STR("ping"));
    http_reply(in, good ? 201 : 400, NULL, 0, STR("pong"));
}

static void test_http(void **state)
{
    (void)state;
    unsigned n = 0;
    struct http_server *server = NULL;
    struct http_server_opts so = {
        .address = "127.0.0.1", .body_max = 1000, .on_request = on_request, .arg = &n};
    assert_int_equal(http_server_new(rig.loop, &so, &server, NULL), 0);
    AUTO(mem_freep)
    char *args = mem_printf("{\"url\": \"http://127.0.0.1:%u/x\"}", http_server_port(server));
    run_hook("account-provision", args);
    assert_string_equal(rig_result(&o, "status"), "201");
    assert_string_equal(rig_result(&o, "body"), "pong");
    assert_int_equal(n, 1);
    http_server_free(server);
    run_hook("account-provision", args); /* nobody listens any more */
    assert_string_equal(rig_result(&o, "status"), "0");
    assert_true(rig_result(&o, "body")[0] != '\0');
    rig_call(&rig, "account-provision", "a", "{\"url\": \"file:///etc/passwd\"}", &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_FATAL);
}

static void test_arguments_and_latest_role(void **state)
{
    (void)state;
    rig_probe(&rig, "a", 2, 0, 50);
    rig_until_role(&rig, "id-a-0", "primary", 3000);
    run_hook("switchover", "{\"verb\": \"x\"}");
    assert_string_equal(rig_result(&o, "attempt"), "3");
    assert_string_equal(rig_result(&o, "hook"), "switchover");
    assert_string_equal(rig_result(&o, "key"), "work-1");
    assert_string_equal(rig_result(&o, "instance"), "a-0");
    assert_string_equal(rig_result(&o, "peer"), "a-1");
    assert_string_equal(rig_result(&o, "verb"), "x");
    assert_string_equal(rig_result(&o, "role"), "primary");
    assert_string_equal(rig_result(&o, "known"), "1");
    assert_string_equal(rig_result(&o, "version"), "1");
    assert_string_equal(rig_result(&o, "steady"), "same");
}

static void test_another_thread(void **state)
{
    (void)state;
    double before = rig_bugs("wrong-thread");
    run_hook("member-join", NULL);
    assert_string_equal(rig_result(&o, "refused"), "1");
    assert_string_equal(rig_result(&o, "remaining"), "1");
    assert_true(rig_bugs("wrong-thread") >= before + 1);
}

static void test_deadline_cancels(void **state)
{
    (void)state;
    rig_call(&rig, "member-leave", "a", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_RETRY);
    assert_string_equal(o.reason, "Cancelled");
    assert_string_equal(o.message, "cancel came after a while");
    assert_true(o.took_ms >= 300 && o.took_ms < 2000);
    assert_true(engine_available(rig.e));
}

static void test_cancel_by_the_core(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *view = rig_view("a", 1);
    struct engine_call c = {
        .hook = "member-leave", .view = view, .instance = "id-a-0", .deadline_ms = 60000};
    uint64_t op = engine_hook_start(rig.e, &c, rig_done, &o);
    engine_op_cancel(rig.e, op);
    rig_until_done(&rig, &o, 5000);
    assert_string_equal(o.reason, "Cancelled");
    engine_op_cancel(rig.e, op); /* it is over: nothing */
    assert_int_equal(o.times, 1);
}

static void test_volatile_facts_change_silently(void **state)
{
    (void)state;
    rig_probe(&rig, "a", 1, 0, 20);
    const struct rig_role *role = rig_until_role(&rig, "id-a-0", "primary", 3000);
    assert_string_equal(role->steady, "same");
    assert_string_equal(role->offset, "1");
    for (int i = 0; i < 10; i++) { /* each of these comes behind at least one probe */
        run_hook("available-probe", NULL);
    }
    assert_int_equal(rig_role_count(&rig, "id-a-0"), 1);
}

/* ---- watches
 * -------------------------------------------------------------------------------------------------------
 */

static bool cond_version(void *arg)
{
    const struct rig_role *role = rig_role_of(&rig, "id-w-0");
    return role && role->version == *(uint64_t *)arg;
}

static void watch_set(unsigned instances)
{
    AUTO(json_freep) cJSON *spec = cJSON_CreateObject();
    json_put(spec, rig_view("w", instances), "view");
    engine_watch_set(rig.e, "test/w/c", spec);
}

static void test_watch_pushes(void **state)
{
    (void)state;
    uint64_t first = 11, second = 21;
    rig_probe(&rig, "w", 2, 0, 600000); /* the floor, far away */
    rig_until_role(&rig, "id-w-0", "primary", 3000);
    watch_set(2);
    rig_until(&rig, cond_version, &first, 3000, "version 11 from the watch");
    watch_set(2); /* the same: nothing */
    assert_false(rig_within(&rig, cond_version, &second, 100));
    watch_set(3); /* the view changed: cancelled, completed, started again */
    rig_until(&rig, cond_version, &second, 3000, "version 21 from the second watch");
    engine_watch_clear(rig.e, "test/w/c");
    run_hook("readonly", NULL);
    assert_true(engine_available(rig.e));
}

/* A probe that began before the watch spoke and ends after it brings an older answer. */
static void test_an_answer_older_than_the_push_is_dropped(void **state)
{
    (void)state;
    uint64_t pushed = 11;
    rig_probe(&rig, "w", 2, 0, 600000);
    assert_int_equal(rig_until_role(&rig, "id-w-0", "primary", 3000)->version, 1);
    rig_call(&rig, "data-load", "w", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    watch_set(2);
    rig_until(&rig, cond_version, &pushed, 3000, "version 11 from the watch");
    size_t told = rig.n_roles;
    for (int i = 0; i < 7; i++) /* 60 ms each: longer than the slow probe */
        run_hook("readonly", NULL);
    assert_int_equal(rig.n_roles, told);
    assert_int_equal(rig_role_of(&rig, "id-w-0")->version, 11);
}

static void test_watch_that_has_nothing_to_push(void **state)
{
    (void)state;
    watch_set(0); /* the plugin says NOTSUP */
    run_hook("readonly", NULL);
    assert_true(engine_available(rig.e));
    uint64_t first = 11;
    rig_probe(&rig, "w", 2, 0, 600000);
    rig_until_role(&rig, "id-w-0", "primary", 3000);
    watch_set(1);
    rig_until(&rig, cond_version, &first, 3000, "version 11 from the watch");
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conf_and_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_io, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_broken_pipe_is_an_error_not_the_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arguments_and_latest_role, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_cancels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel_by_the_core, setup, teardown),
        cmocka_unit_test_setup_teardown(test_volatile_facts_change_silently, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_pushes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_older_than_the_push_is_dropped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_watch_that_has_nothing_to_push, setup, teardown),
    };
    return cmocka_run_group_tests_name(rig_isolation, tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, run);
}
