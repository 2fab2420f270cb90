/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of the engine door with a well-behaved plugin (the template echo), in one isolation
 * mode. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "rig.h"

static char dir[] = "/tmp/atoll-sdk-XXXXXX";
static struct rig rig;

static void engine_says(const char *name, const char *text)
{
    AUTO(mem_freep) char *path = file_path(dir, name);
    assert_int_equal(file_replace(path, text, strlen(text), 0644, NULL), 0);
}

static int setup(void **state)
{
    (void)state;
    AUTO(mem_freep) char *options = mem_printf("options: { dir = \"%s\"; }", dir);
    AUTO(mem_freep) char *text = rig_engine(ECHO_DIR, "echo", options);
    rig_start(&rig, text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    assert_int_equal(file_tree_remove(dir, NULL), 0);
    assert_int_equal(file_dir_make(dir, 0755, NULL), 0);
    return 0;
}

static void test_what_the_plugin_brings(void **state)
{
    (void)state;
    uint32_t deadline = 0;
    assert_string_equal(engine_state_reason(rig.e), "Running");
    assert_true(engine_available(rig.e));
    assert_ptr_equal(engine_find(rig.host, "echo"), rig.e);
    assert_null(engine_find(rig.host, "other"));
    assert_int_equal(engine_count(rig.host), 1);
    assert_string_equal(engine_version(rig.e), "1.0.0");
    const cJSON *primary = json_find(engine_roles(rig.e), "name", "primary");
    assert_true(json_bool(false, primary, "exclusive") && json_bool(false, primary, "writable"));
    assert_int_equal(json_int(0, primary, "updatePriority"), 2);
    assert_true(engine_has_hook(rig.e, "switchover", &deadline));
    assert_int_equal(deadline, 5000);
    assert_false(engine_has_hook(rig.e, "data-dump", NULL));
    assert_int_equal(cJSON_GetArraySize(engine_definitions(rig.e)), 2);
    assert_string_equal(json_str(engine_definitions(rig.e)->child, "metadata", "annotations",
                                 "engine.atoll.io/plugin"),
                        "echo");
    assert_int_equal(engine_helper_pid(rig.e) != 0, rig_is_process());
}

static void test_only_changes_are_told(void **state)
{
    (void)state;
    rig_probe(&rig, "a", 2, 0, 50);
    rig_probe(&rig, "a", 2, 1, 50);
    assert_int_equal(engine_probe_count(rig.e), 2);
    rig_until_unknown(&rig, "id-a-0", "NoFile", 3000);
    engine_says("a-0", "primary 7\n");
    assert_int_equal(rig_until_role(&rig, "id-a-0", "primary", 3000)->version, 7);
    engine_says("a-1", "secondary 7\n");
    rig_until_role(&rig, "id-a-1", "secondary", 3000);
    size_t before = rig.n_roles;
    engine_says("a-0", "secondary 8\n"); /* many probes of a-1 pass meanwhile */
    assert_int_equal(rig_until_role(&rig, "id-a-0", "secondary", 3000)->version, 8);
    assert_int_equal(rig.n_roles, before + 1);
    engine_says("a-0", "secondary 9\n");
    rig_until_role(&rig, "id-a-0", "secondary", 3000);
}

static void test_same_spec_again_is_nothing(void **state)
{
    (void)state;
    engine_says("a-0", "primary 1\n");
    rig_probe(&rig, "a", 2, 0, 50);
    rig_until_role(&rig, "id-a-0", "primary", 3000);
    for (int i = 0; i < 100; i++)
        rig_probe(&rig, "a", 2, 0, 50);
    engine_probe_now(rig.e, "id-a-0");
    engine_says("a-0", "primary 2\n");
    rig_until_role(&rig, "id-a-0", "primary", 3000);
    assert_true(rig_role_count(&rig, "id-a-0") <= 2);
}

static bool cond_version_2(void *arg)
{
    (void)arg;
    const struct rig_role *role = rig_role_of(&rig, "id-a-0");
    return role && role->version == 2;
}

static void test_probe_now_does_not_wait_for_the_period(void **state)
{
    (void)state;
    engine_says("a-0", "primary 1\n");
    rig_probe(&rig, "a", 1, 0, 600000);
    rig_until_role(&rig, "id-a-0", "primary", 3000);
    engine_says("a-0", "primary 2\n");
    assert_false(rig_within(&rig, cond_version_2, NULL, 100));
    engine_probe_now(rig.e, "id-a-0");
    rig_until(&rig, cond_version_2, NULL, 3000, "version 2 after probe_now");
}

static void test_cleared_means_silent(void **state)
{
    (void)state;
    engine_says("a-0", "primary 1\n");
    rig_probe(&rig, "a", 1, 0, 20);
    rig_until_role(&rig, "id-a-0", "primary", 3000);
    engine_probe_clear(rig.e, "id-a-0");
    assert_int_equal(engine_probe_count(rig.e), 0);
    engine_says("a-0", "primary 2\n");
    assert_false(rig_within(&rig, cond_version_2, NULL, 200));
    rig_probe(&rig, "a", 1, 0, 20); /* and back again */
    rig_until(&rig, cond_version_2, NULL, 3000, "version 2 after setting the spec again");
}

static void test_broken_view_is_unknown_with_a_path(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *spec = cJSON_CreateObject();
    json_put(spec, rig_view("a", 1), "view");
    json_put(spec, cJSON_CreateString("many"), "view", "components");
    engine_probe_set(rig.e, "id-a-0", spec);
    const struct rig_role *role = rig_until_unknown(&rig, "id-a-0", "InvalidSpec", 3000);
    assert_string_equal(role->message, "view: components: want a list");
}

static void test_hooks(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    rig_call(&rig, "wire", "a", "{\"verb\": \"promote\"}", &o);
    assert_false(o.done); /* never from inside the call */
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    assert_string_equal(rig_result(&o, "role"), "primary");
    AUTO(mem_freep) char *path = file_path(dir, "a-0");
    assert_true(file_exists(path));
    rig_call(&rig, "switchover", "a", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    rig_probe(&rig, "a", 2, 1, 50);
    assert_int_equal(rig_until_role(&rig, "id-a-1", "primary", 3000)->version, 2);
    rig_call(&rig, "wire", "a", "{\"verb\": \"dance\"}", &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_FATAL);
    assert_string_equal(o.reason, "Unknown");
    rig_call(&rig, "data-dump", "a", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_FATAL);
    assert_string_equal(o.reason, "UnknownHook");
    assert_string_equal(o.message, "echo.so has no hook \"data-dump\"; it has: wire switchover");
    assert_int_equal(o.times, 1);
    rig_outcome_clear(&o);
}

static void test_call_with_an_instance_that_is_not_there(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    AUTO(json_freep) cJSON *view = rig_view("a", 1);
    struct engine_call c = {.hook = "wire", .view = view, .instance = "id-b-0"};
    engine_hook_start(rig.e, &c, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_FATAL);
    assert_string_equal(o.message, "instance: id-b-0 is not in the view");
}

static void test_topology(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    AUTO(json_freep) cJSON *view = rig_view("a", 2);
    json_put_int(view->child->next->next->child, 12, "replicas"); /* components[0] */
    engine_validate(rig.e, view, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    assert_string_equal(json_str(json_at(o.results, "errors")->child, "message"),
                        "echo runs at most 9 replicas");

    rig_outcome_clear(&o);
    engine_render(rig.e, view, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    const cJSON *file = json_at(o.results, "files")->child;
    assert_string_equal(json_str(file, "volume"), "echo-config");
    assert_int_equal(json_int(0, file, "mode"), 0644);
    assert_string_equal(json_str(file, "content"),
                        "cluster = test/a\npassword = @{secret default}\n");
    const cJSON *env = json_at(o.results, "env", "echo")->child;
    assert_string_equal(json_str(env, "name"), "ECHO_ADDRESS");
    assert_string_equal(json_str(env, "value"), "$(ATOLL_ADDRESS)");
    assert_string_equal(json_at(o.results, "args", "echo")->child->valuestring, "--serve");
    rig_outcome_clear(&o);
}

static void test_advice_sees_the_latest_roles(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    AUTO(json_freep) cJSON *view = rig_view("a", 2);
    engine_advise(rig.e, view, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    const cJSON *wire = json_at(o.results, "wire")->child;
    assert_string_equal(json_str(wire, "verb"), "promote");
    assert_string_equal(json_str(wire, "target"), "id-a-0");
    assert_string_equal(json_str(wire, "args", "verb"), "promote");

    engine_says("a-1", "primary 3\n");
    rig_probe(&rig, "a", 2, 0, 50);
    rig_probe(&rig, "a", 2, 1, 50);
    rig_until_role(&rig, "id-a-1", "primary", 3000);
    rig_outcome_clear(&o);
    engine_advise(rig.e, view, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    wire = json_at(o.results, "wire")->child;
    assert_string_equal(json_str(wire, "verb"), "follow");
    assert_string_equal(json_str(wire, "peer"), "id-a-1");
    assert_int_equal(cJSON_GetArraySize(json_at(o.results, "updateOrder")), 2);

    AUTO(json_freep) cJSON *first = cJSON_Duplicate(o.results, true);
    rig_outcome_clear(&o);
    engine_advise(rig.e, view, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    assert_true(json_equal(first, o.results));
    rig_outcome_clear(&o);
}

static void test_topology_of_a_senseless_view(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    AUTO(json_freep) cJSON *view = rig_view("a", 1);
    json_put_str(view, "nobody", "component");
    engine_advise(rig.e, view, rig_done, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_FATAL);
    assert_string_equal(o.message, "view: component: \"nobody\" is none of components");
}

static void test_free_with_open_work_tells_nobody(void **state)
{
    (void)state;
    struct rig_outcome o = {0};
    rig_call(&rig, "wire", "a", "{\"verb\": \"promote\"}", &o);
    rig_probe(&rig, "a", 2, 0, 20);
    rig_stop(&rig);
    assert_false(o.done);
    setup(NULL);
}

/* ---- a dead helper
 * -------------------------------------------------------------------------------------------------
 */

static bool cond_other_pid(void *arg)
{
    int pid = engine_helper_pid(rig.e);
    return pid != 0 && pid != *(int *)arg && engine_available(rig.e);
}

static bool cond_told_more(void *arg)
{
    return rig.n_roles > *(size_t *)arg;
}

static void test_kill_9_loses_nothing(void **state)
{
    (void)state;
    if (!rig_is_process())
        return;
    engine_says("a-0", "primary 1\n");
    rig_probe(&rig, "a", 1, 0, 50);
    rig_until_role(&rig, "id-a-0", "primary", 3000);
    size_t told = rig.n_roles;
    unsigned states = rig.states;
    int pid = engine_helper_pid(rig.e);
    assert_int_equal(kill(pid, SIGKILL), 0);
    rig_until_state(&rig, "Crashed", 3000);
    assert_non_null(strstr(engine_state_message(rig.e), "echo.so ended with SIGKILL"));
    assert_false(engine_available(rig.e));
    struct rig_outcome o = {0};
    rig_call(&rig, "wire", "a", "{\"verb\": \"promote\"}",
             &o); /* while it is down: it did not happen */
    rig_until_done(&rig, &o, 1000);
    assert_int_equal(o.class_, ATOLL_CLASS_RETRY);
    assert_string_equal(o.reason, "EngineUnavailable");
    rig_until(&rig, cond_other_pid, &pid, 5000, "another helper");
    assert_false(rig_within(&rig, cond_told_more, &told,
                            300));     /* probed again, found the same: nobody is told */
    engine_says("a-0", "primary 2\n"); /* still probed, by the new one */
    rig_until(&rig, cond_version_2, NULL, 5000, "version 2 from the new helper");
    assert_int_equal(rig.n_roles, told + 1); /* what was known was not told again */
    assert_true(rig.states >= states + 2);
    rig_call(&rig, "switchover", "a", NULL, &o);
    rig_until_done(&rig, &o, 5000);
    assert_int_equal(o.class_, ATOLL_CLASS_DONE);
    rig_outcome_clear(&o);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_the_plugin_brings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_changes_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_spec_again_is_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_probe_now_does_not_wait_for_the_period, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_cleared_means_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_view_is_unknown_with_a_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hooks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_call_with_an_instance_that_is_not_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_topology, setup, teardown),
        cmocka_unit_test_setup_teardown(test_advice_sees_the_latest_roles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_topology_of_a_senseless_view, setup, teardown),
        cmocka_unit_test_setup_teardown(test_free_with_open_work_tells_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill_9_loses_nothing, setup, teardown),
    };
    if (!mkdtemp(dir))
        return 2;
    int failed = cmocka_run_group_tests_name(rig_isolation, tests, NULL, NULL);
    file_tree_remove(dir, NULL);
    return failed;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, run);
}
