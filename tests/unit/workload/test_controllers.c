/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controllers as a whole, on one Cluster that lives through the tests of this file in their
 * order: it comes up, is left in peace, fails over, loses an instance, grows, shrinks, restarts, is
 * refused and is deleted.
 */
#include "unit/workload/rig.h"

#include <fcntl.h>

#define WAIT_MS 20000

static struct rig *rig;

static const char CLUSTER[] =
    "{\"apiVersion\":\"apps.kubeblocks.io/"
    "v1\",\"kind\":\"Cluster\",\"metadata\":{\"name\":\"orders\"},\"spec\":{"
    "\"clusterDef\":\"echo\",\"terminationPolicy\":\"DoNotTerminate\",\"componentSpecs\":[{"
    "\"name\":\"echo\","
    "\"replicas\":3,\"volumeClaimTemplates\":[{\"name\":\"data\",\"spec\":{\"accessModes\":["
    "\"ReadWriteOnce\"],"
    "\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}]}]}}";

/* The whole list of components with other numbers, as a user's patch. */
static void scale(int replicas, const char *annotations)
{
    AUTO(mem_freep)
    char *text = mem_printf(
        "{\"spec\":{\"componentSpecs\":[{\"name\":\"echo\",\"replicas\":%d,\"annotations\":{%s},"
        "\"volumeClaimTemplates\":[{\"name\":\"data\",\"spec\":{\"accessModes\":[\"ReadWriteOnce\"]"
        ","
        "\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}]}]}}",
        replicas, annotations);
    rig_patch(rig, &RIG_CLUSTERS, "orders", text);
}

static bool phase_is(const char *phase)
{
    const cJSON *c = rig_get(rig, &RIG_CLUSTERS, "orders");
    return c && streq(json_str(c, "status", "phase"), phase) &&
           json_int(-1, c, "status", "observedGeneration") == kube_generation(c);
}

static bool component_says(const char *condition, const char *status, const char *part)
{
    const cJSON *c = rig_get(rig, &RIG_COMPONENTS, "orders-echo");
    const cJSON *found = json_find(json_at(c, "status", "conditions"), "type", condition);
    const char *message = json_str(found, "message");
    return streq(json_str(found, "status"), status) && message && strstr(message, part);
}

static size_t with_role(const char *role, int n)
{
    size_t found = 0;
    for (int i = 0; i < n; i++) {
        AUTO(mem_freep) char *name = mem_printf("orders-echo-%d", i);
        found += streq(rig_role(rig, name), role);
    }
    return found;
}

/* Nothing is written while `ms` pass: the state is converged. */
static void assert_quiet(uint64_t ms)
{
    uint64_t before = kube_client_writes(rig->client);
    rig_turn(rig, ms);
    assert_int_equal(kube_client_writes(rig->client), before);
}

/* ---- the tests, in order
 * --------------------------------------------------------------------------------------- */

static void comes_up(void **state)
{
    (void)state;
    rig_start(rig, "inline");
    rig_apply(rig, &RIG_CLUSTERS, CLUSTER);
    rig_until(rig, phase_is("Running"), WAIT_MS);
    assert_int_equal(with_role("primary", 3), 1);
    assert_int_equal(with_role("secondary", 3), 2);
    const cJSON *its = rig_get(rig, &RIG_ITS, "orders-echo");
    assert_int_equal(json_int(0, its, "status", "readyReplicas"), 3);
    assert_int_equal(json_int(0, its, "status", "updatedReplicas"), 3);
    assert_int_equal(rig_count(rig, &KUBE_PVCS), 3);
    const cJSON *headless = rig_get(rig, &KUBE_SERVICES, "orders-echo-headless");
    assert_string_equal(json_str(headless, "spec", "clusterIP"), "None");
    const cJSON *secret = rig_get(rig, &KUBE_SECRETS, "orders-echo-account-default");
    assert_non_null(json_str(secret, "data", "password"));
}

static void pods_are_as_others_know_them(void **state)
{
    (void)state;
    const cJSON *pod = rig_pod(rig, "orders-echo-1");
    assert_string_equal(kube_label(pod, "app.kubernetes.io/instance"), "orders");
    assert_string_equal(kube_label(pod, "app.kubernetes.io/managed-by"), "kubeblocks");
    assert_string_equal(kube_label(pod, "apps.kubeblocks.io/component-name"), "echo");
    assert_string_equal(kube_label(pod, "workloads.kubeblocks.io/instance"), "orders-echo");
    assert_string_equal(kube_label(pod, "apps.kubeblocks.io/pod-name"), "orders-echo-1");
    assert_string_equal(json_str(pod, "spec", "subdomain"), "orders-echo-headless");
    const cJSON *volume = json_find(json_at(pod, "spec", "volumes"), "name", "echo-config");
    assert_string_equal(json_str(volume, "secret", "secretName"), "orders-echo-echo-config");
    const cJSON *echo = json_at(pod, "spec", "containers")->child;
    assert_string_equal(json_string_of(json_at(echo, "args")->child), "--serve");
    const cJSON *address = json_find(json_at(echo, "env"), "name", "ATOLL_ADDRESS");
    assert_string_equal(json_str(address, "valueFrom", "fieldRef", "fieldPath"), "status.podIP");
}

static void password_is_in_the_file(void **state)
{
    (void)state;
    struct buf password = BUF_INIT(256), file = BUF_INIT(4096);
    const cJSON *secret = rig_get(rig, &KUBE_SECRETS, "orders-echo-account-default");
    assert_int_equal(base64_decode(str_of(json_str(secret, "data", "password")), &password), 0);
    const cJSON *config = rig_get(rig, &KUBE_SECRETS, "orders-echo-echo-config");
    assert_int_equal(base64_decode(str_of(json_str(config, "data", "echo.conf")), &file), 0);
    assert_int_equal(password.len, 16);
    assert_non_null(strstr(buf_str(&file), buf_str(&password)));
    buf_done(&password);
    buf_done(&file);
}

static void converged_is_quiet(void **state)
{
    (void)state;
    rig_until(rig, component_says("Wired", "True", ""), WAIT_MS);
    rig_turn(rig, 300);
    assert_quiet(1500);
}

static void restart_of_the_controllers_writes_nothing(void **state)
{
    (void)state;
    rig_stop(rig);
    rig_start(rig, "inline");
    rig_until(rig, rig->reports >= 3, WAIT_MS);
    rig_turn(rig, 500);
    assert_int_equal(kube_client_writes(rig->client), 0);
}

static void newer_claim_moves_the_role(void **state)
{
    (void)state;
    rig_say(rig, "orders-echo-2", "primary 40\n");
    rig_until(rig, streq(rig_role(rig, "orders-echo-2"), "primary"), WAIT_MS);
    assert_int_equal(with_role("primary", 3), 1);
    assert_string_equal(kube_annotation(rig_pod(rig, "orders-echo-2"), ANNOTATION_ROLE_VERSION),
                        "40");
    /* The engine's advice makes the old one follow. */
    rig_until(rig, with_role("secondary", 3) == 2, WAIT_MS);
    rig_until(rig, phase_is("Running"), WAIT_MS);
}

static bool file_says(const char *instance, const char *words)
{
    AUTO(mem_freep) char *path = mem_printf("%s/echo/%s", rig->dir, instance), *text = NULL;
    size_t len;
    return file_read(path, 4096, &text, &len, NULL) == 0 && str_starts(text, words);
}

/* A folder in the place of its file: the instance answers nothing and cannot be told anything. The
 * engine promotes another one meanwhile, whose claim is older: refused. */
static void silence_keeps_the_role(void **state)
{
    (void)state;
    AUTO(mem_freep) char *path = mem_printf("%s/echo/orders-echo-2", rig->dir);
    AUTO(mem_freep) char *aside = mem_printf("%s/aside", rig->dir);
    assert_int_equal(file_dir_make(aside, 0755, NULL), 0);
    assert_int_equal(renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_EXCHANGE), 0);
    rig_until(rig, file_says("orders-echo-0", "primary"), WAIT_MS);
    rig_until(rig, component_says("Wired", "False", "follow"), WAIT_MS);
    rig_turn(rig, 1200); /* more than a probe's period */
    assert_string_equal(rig_role(rig, "orders-echo-2"), "primary");
    assert_string_equal(rig_role(rig, "orders-echo-0"), "secondary");
    /* It can be told again: whoever the engine settles on, there is one. */
    assert_int_equal(rmdir(path), 0);
    rig_until(rig, component_says("Wired", "True", ""), WAIT_MS);
    rig_until(rig, with_role("primary", 3) == 1 && with_role("secondary", 3) == 2, WAIT_MS);
}

static void label_removed_by_hand_returns(void **state)
{
    (void)state;
    rig_patch(rig, &KUBE_PODS, "orders-echo-0",
              "{\"metadata\":{\"labels\":{\"kubeblocks.io/role\":null}}}");
    rig_until(rig, rig_role(rig, "orders-echo-0") != NULL, WAIT_MS);
}

static void deleted_pod_comes_back(void **state)
{
    (void)state;
    AUTO(mem_freep) char *uid = mem_strdup(kube_uid(rig_pod(rig, "orders-echo-1")));
    assert_int_equal(rig_call(rig, KUBE_DELETE, &KUBE_PODS, "orders-echo-1", NULL), 200);
    rig_until(rig,
              rig_pod(rig, "orders-echo-1") && !streq(kube_uid(rig_pod(rig, "orders-echo-1")), uid),
              WAIT_MS);
    rig_until(rig, rig_role(rig, "orders-echo-1") != NULL, WAIT_MS);
    rig_until(rig, phase_is("Running"), WAIT_MS);
}

static void grows_and_shrinks(void **state)
{
    (void)state;
    scale(5, "");
    rig_until(rig, with_role("secondary", 5) == 4, WAIT_MS);
    rig_until(rig, phase_is("Running"), WAIT_MS);
    assert_int_equal(rig_count(rig, &KUBE_PVCS), 5);
    scale(3, "");
    rig_until(rig, kube_cache_len(rig->pods) == 3, WAIT_MS);
    rig_until(rig, rig_count(rig, &KUBE_PVCS) == 3, WAIT_MS);
    rig_until(rig, phase_is("Running"), WAIT_MS);
    assert_non_null(rig_pod(rig, "orders-echo-2"));
}

static void restart_annotation_renews_every_pod(void **state)
{
    (void)state;
    char *uids[3];
    for (int i = 0; i < 3; i++) {
        AUTO(mem_freep) char *name = mem_printf("orders-echo-%d", i);
        uids[i] = mem_strdup(kube_uid(rig_pod(rig, name)));
    }
    scale(3, "\"kubeblocks.io/restart\":\"2026-01-01T00:00:00Z\"");
    for (int i = 0; i < 3; i++) {
        AUTO(mem_freep) char *name = mem_printf("orders-echo-%d", i);
        rig_until(rig, rig_pod(rig, name) && !streq(kube_uid(rig_pod(rig, name)), uids[i]),
                  WAIT_MS);
        mem_free(uids[i]);
    }
    rig_until(rig, phase_is("Running"), WAIT_MS);
    assert_int_equal(with_role("primary", 3), 1);
}

static void engine_refuses_what_it_cannot_run(void **state)
{
    (void)state;
    scale(10, "\"kubeblocks.io/restart\":\"2026-01-01T00:00:00Z\"");
    rig_until(rig, component_says("ProvisioningStarted", "False", "echo runs at most 9 replicas"),
              WAIT_MS);
    assert_int_equal(kube_cache_len(rig->pods), 3);
    scale(3, "\"kubeblocks.io/restart\":\"2026-01-01T00:00:00Z\"");
    rig_until(rig, component_says("ProvisioningStarted", "True", ""), WAIT_MS);
    rig_until(rig, phase_is("Running"), WAIT_MS);
}

static void unknown_definition_is_told(void **state)
{
    (void)state;
    rig_apply(rig, &RIG_CLUSTERS,
              "{\"apiVersion\":\"apps.kubeblocks.io/"
              "v1\",\"kind\":\"Cluster\",\"metadata\":{\"name\":\"lost\"},"
              "\"spec\":{\"terminationPolicy\":\"Delete\",\"componentSpecs\":[{\"name\":\"a\","
              "\"componentDef\":"
              "\"nothing\"}]}}");
    rig_until(rig, json_str(rig_get(rig, &RIG_CLUSTERS, "lost"), "status", "message") != NULL,
              WAIT_MS);
    assert_string_equal(
        json_str(rig_get(rig, &RIG_CLUSTERS, "lost"), "status", "message"),
        "component a: no ComponentDefinition matches \"nothing\"; there is: echo-1");
    assert_int_equal(rig_call(rig, KUBE_DELETE, &RIG_CLUSTERS, "lost", NULL), 200);
    rig_until(rig, !rig_get(rig, &RIG_CLUSTERS, "lost"), WAIT_MS);
}

/* The helper process dies three times: quarantined, told, and the databases stay as they are. */
static void lost_engine_is_told(void **state)
{
    (void)state;
    rig_stop(rig);
    rig_start(rig, "process");
    struct engine *e = engine_find(rig->engines, "echo");
    for (int i = 0; i < 3; i++) {
        rig_until(rig, engine_helper_pid(e) > 0 && engine_available(e), WAIT_MS);
        int pid = engine_helper_pid(e);
        kill(pid, SIGKILL);
        rig_until(rig, engine_helper_pid(e) != pid, WAIT_MS);
    }
    rig_until(rig, component_says("EngineAvailable", "False", "SIGKILL"), WAIT_MS);
    assert_int_equal(with_role("primary", 3), 1);
    assert_int_equal(kube_cache_len(rig->pods), 3);
    engine_unquarantine(e);
    rig_until(rig, component_says("EngineAvailable", "True", ""), WAIT_MS);
    rig_until(rig, phase_is("Running"), WAIT_MS);
}

static void deletion_is_refused_then_ends(void **state)
{
    (void)state;
    assert_int_equal(rig_call(rig, KUBE_DELETE, &RIG_CLUSTERS, "orders", NULL), 200);
    rig_until(rig,
              json_find(json_at(rig_get(rig, &RIG_CLUSTERS, "orders"), "status", "conditions"),
                        "type", "DeletionAllowed") != NULL,
              WAIT_MS);
    rig_turn(rig, 200);
    assert_int_equal(kube_cache_len(rig->pods), 3);
    rig_patch(rig, &RIG_CLUSTERS, "orders", "{\"spec\":{\"terminationPolicy\":\"Delete\"}}");
    rig_until(rig, !rig_get(rig, &RIG_CLUSTERS, "orders"), WAIT_MS);
    rig_until(rig, rig_count(rig, &KUBE_PVCS) == 0, WAIT_MS);
    rig_until(rig, rig_count(rig, &KUBE_SECRETS) == 0, WAIT_MS);
    assert_int_equal(rig_count(rig, &RIG_COMPONENTS), 0);
    assert_int_equal(rig_count(rig, &RIG_ITS), 0);
    assert_int_equal(kube_cache_len(rig->pods), 0);
}

/* An InstanceSet without a Cluster: ordered, one after the other, volumes kept when asked. */
static void instanceset_alone(void **state)
{
    (void)state;
    rig_apply(rig, &RIG_ITS,
              "{\"apiVersion\":\"workloads.kubeblocks.io/"
              "v1\",\"kind\":\"InstanceSet\",\"metadata\":{\"name\":\"plain\"},"
              "\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":\"plain\"}},"
              "\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"Retain\"},"
              "\"offlineInstances\":[\"plain-1\"],\"template\":{\"metadata\":{\"labels\":{\"app\":"
              "\"plain\"}},\"spec\":{"
              "\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}},\"volumeClaimTemplates\":[{"
              "\"metadata\":{\"name\":"
              "\"d\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{"
              "\"storage\":\"1Gi\"}}}}]}}");
    rig_until(rig, rig_pod(rig, "plain-3") && json_str(rig_pod(rig, "plain-3"), "status", "podIP"),
              WAIT_MS);
    assert_null(rig_pod(rig, "plain-1"));
    rig_until(rig, kube_condition_true(rig_get(rig, &RIG_ITS, "plain"), "InstanceReady"), WAIT_MS);
    assert_int_equal(rig_call(rig, KUBE_DELETE, &RIG_ITS, "plain", NULL), 200);
    rig_until(rig, !rig_get(rig, &RIG_ITS, "plain"), WAIT_MS);
    assert_int_equal(kube_cache_len(rig->pods), 0);
    assert_int_equal(rig_count(rig, &KUBE_PVCS), 3);
}

static int setup(void **state)
{
    (void)state;
    rig = rig_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_free(rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_up),
        cmocka_unit_test(pods_are_as_others_know_them),
        cmocka_unit_test(password_is_in_the_file),
        cmocka_unit_test(converged_is_quiet),
        cmocka_unit_test(restart_of_the_controllers_writes_nothing),
        cmocka_unit_test(newer_claim_moves_the_role),
        cmocka_unit_test(silence_keeps_the_role),
        cmocka_unit_test(label_removed_by_hand_returns),
        cmocka_unit_test(deleted_pod_comes_back),
        cmocka_unit_test(grows_and_shrinks),
        cmocka_unit_test(restart_annotation_renews_every_pod),
        cmocka_unit_test(engine_refuses_what_it_cannot_run),
        cmocka_unit_test(unknown_definition_is_told),
        cmocka_unit_test(lost_engine_is_told),
        cmocka_unit_test(deletion_is_refused_then_ends),
        cmocka_unit_test(instanceset_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
