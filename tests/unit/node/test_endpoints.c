/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of a Service: who is in, with which ports, as objects and as targets. */
#include "unit/cm.h"

#include <stdio.h>
#include <string.h>

#include "node/endpoints.h"

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;
    struct err *err = NULL;
    if (json_parse(text, strlen(text), &j, &err))
        fail_msg("%s in %s", err_text(err), text);
    return j;
}

static cJSON *pod(const char *name, const char *ip, bool ready)
{
    AUTO(mem_freep)
    char *text = mem_printf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"uid-%"
                            "s\",\"labels\":{\"app\":\"x\"}},\"spec\":{"
                            "\"nodeName\":\"n1\",\"hostname\":\"%s\",\"subdomain\":\"svc\","
                            "\"containers\":[{\"ports\":[{\"name\":\"db\","
                            "\"containerPort\":6379}]}]},\"status\":{\"phase\":\"Running\","
                            "\"podIP\":\"%s\",\"conditions\":[{\"type\":"
                            "\"Ready\",\"status\":\"%s\"}]}}",
                            name, name, name, ip, ready ? "True" : "False");
    return parse(text);
}

static const char service_text[] = "{\"metadata\":{\"name\":\"svc\",\"namespace\":\"ns\",\"uid\":"
                                   "\"s1\",\"labels\":{\"l\":\"v\"}},\"spec\":{"
                                   "\"clusterIP\":\"None\",\"ports\":[{\"name\":\"a\",\"port\":80,"
                                   "\"targetPort\":\"db\"},{\"name\":\"b\",\"port\":81}]}}";

struct fixture {
    cJSON *service, *pods[4];
    struct arena *arena;
    struct endpoint_set set;
};

static int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    f->service = parse(service_text);
    f->pods[0] = pod("p-0", "127.1.1.1", true);
    f->pods[1] = pod("p-1", "127.1.1.2", false);
    f->pods[2] = pod("p-2", "127.1.1.3", true);
    f->pods[3] = pod("p-3", "", true);
    json_put_str(f->pods[2], "t", "metadata", "deletionTimestamp");
    f->arena = arena_new(1 << 22);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 4; i++)
        cJSON_Delete(f->pods[i]);
    cJSON_Delete(f->service);
    arena_free(f->arena);
    mem_free(f);
    return 0;
}

static void compute(struct fixture *f)
{
    endpoints_compute(f->service, (const cJSON *const *)f->pods, 4, f->arena, &f->set);
}

static const char *shape(struct fixture *f)
{
    AUTO(buf_done) struct buf b = BUF_INIT(65536);
    for (size_t g = 0; g < f->set.n; g++) {
        const struct endpoint_group *group = &f->set.groups[g];
        buf_adds(&b, "[");
        for (size_t i = 0; i < group->n_ports; i++)
            buf_addf(&b, "%s:%u ", group->ports[i].name, group->ports[i].port);
        for (size_t i = 0; i < group->n; i++)
            buf_addf(&b, "%s%s%s%s ", group->list[i].pod, group->list[i].ready ? "+r" : "",
                     group->list[i].serving ? "+s" : "", group->list[i].terminating ? "+t" : "");
        buf_adds(&b, "]");
    }
    return arena_strdup(f->arena, buf_str(&b));
}

static void who_is_in(void **state)
{
    struct fixture *f = *state;
    compute(f);
    assert_string_equal(shape(f), "[a:6379 b:81 p-0+r+s p-1 p-2+s+t ]");
    json_put_bool(f->service, true, "spec", "publishNotReadyAddresses");
    compute(f);
    assert_string_equal(shape(f), "[a:6379 b:81 p-0+r+s p-1+r+s p-2+r+s+t ]");
    json_put_str(f->pods[0], "Succeeded", "status", "phase");
    json_put(f->pods[1], cJSON_CreateArray(), "spec", "containers"); /* has no port named db */
    compute(f);
    assert_string_equal(shape(f), "[b:81 p-1+r+s ][a:6379 b:81 p-2+r+s+t ]");
}

static void targets(void **state)
{
    struct fixture *f = *state;
    const char **list;
    compute(f);
    assert_int_equal(endpoints_targets(&f->set, "a", 80, f->arena, &list), 1);
    assert_string_equal(list[0], "127.1.1.1:6379");
    assert_int_equal(endpoints_targets(&f->set, "b", 81, f->arena, &list), 1);
    assert_string_equal(list[0], "127.1.1.1:81");
    assert_int_equal(endpoints_targets(&f->set, "c", 82, f->arena, &list), 0);
}

static void objects(void **state)
{
    struct fixture *f = *state;
    compute(f);
    AUTO(json_freep) cJSON *e = endpoints_object(f->service, &f->set, "test");
    const cJSON *subset = json_at(e, "subsets")->child;
    assert_int_equal(cJSON_GetArraySize(json_at(subset, "addresses")), 1);
    assert_int_equal(cJSON_GetArraySize(json_at(subset, "notReadyAddresses")),
                     1); /* not the terminating one */
    assert_string_equal(json_str(json_at(subset, "addresses")->child, "hostname"), "p-0");
    assert_string_equal(json_str(e, "metadata", "labels", "l"), "v");
    AUTO(json_freep) cJSON *slices = endpoints_slices(f->service, &f->set, "test");
    assert_int_equal(cJSON_GetArraySize(slices), 1);
    const cJSON *s = slices->child;
    assert_string_equal(json_str(s, "metadata", "labels", "kubernetes.io/service-name"), "svc");
    assert_string_equal(json_str(s, "metadata", "labels", "endpointslice.kubernetes.io/managed-by"),
                        "test");
    assert_string_equal(json_str(json_at(s, "metadata", "ownerReferences")->child, "uid"), "s1");
    assert_int_equal(cJSON_GetArraySize(json_at(s, "endpoints")), 3);
    assert_int_equal(strlen(json_str(s, "metadata", "name")), strlen("svc-") + 5);
    AUTO(json_freep) cJSON *again = endpoints_slices(f->service, &f->set, "test");
    assert_true(json_equal(slices, again));
}

static void differences(void **state)
{
    struct fixture *f = *state;
    compute(f);
    AUTO(json_freep) cJSON *have = endpoints_slices(f->service, &f->set, "test");
    json_put_str(have->child, "7", "metadata", "resourceVersion");
    AUTO(json_freep) cJSON *want = endpoints_slices(f->service, &f->set, "test");
    assert_null(endpoints_diff(have->child, want->child));
    json_put_str(json_at(f->pods[1], "status", "conditions")->child, "True", "status");
    compute(f);
    AUTO(json_freep) cJSON *next = endpoints_slices(f->service, &f->set, "test");
    AUTO(json_freep) cJSON *patch = endpoints_diff(have->child, next->child);
    assert_int_equal(cJSON_GetArraySize(patch), 1);
    assert_non_null(json_at(patch, "endpoints"));
    endpoints_compute(f->service, NULL, 0, f->arena, &f->set);
    AUTO(json_freep) cJSON *none = endpoints_object(f->service, &f->set, "test");
    AUTO(json_freep) cJSON *empty = cJSON_Duplicate(none, true);
    json_del(empty, "subsets"); /* how a server stores an empty list */
    assert_null(endpoints_diff(empty, none));
}

static void many(void **state)
{
    struct fixture *f = *state;
    enum { N = 250 };
    cJSON *pods[N];
    for (int i = 0; i < N; i++) {
        char name[16], ip[32];
        snprintf(name, sizeof(name), "p-%03d", i);
        snprintf(ip, sizeof(ip), "127.1.2.%d", i);
        pods[i] = pod(name, ip, true);
    }
    endpoints_compute(f->service, (const cJSON *const *)pods, N, f->arena, &f->set);
    AUTO(json_freep) cJSON *slices = endpoints_slices(f->service, &f->set, "test");
    assert_int_equal(cJSON_GetArraySize(slices), 3);
    assert_int_equal(cJSON_GetArraySize(json_at(cJSON_GetArrayItem(slices, 2), "endpoints")), 50);
    assert_false(streq(json_str(cJSON_GetArrayItem(slices, 0), "metadata", "name"),
                       json_str(cJSON_GetArrayItem(slices, 1), "metadata", "name")));
    for (int i = 0; i < N; i++)
        cJSON_Delete(pods[i]);
}

static void hashes(void **state)
{
    struct fixture *f = *state;
    uint64_t h = endpoints_pod_hash(f->pods[0]);
    json_put_str(f->pods[0], "2026", "status", "startTime");
    assert_true(endpoints_pod_hash(f->pods[0]) == h);
    json_put_str(f->pods[0], "primary", "metadata", "labels", "role");
    assert_true(endpoints_pod_hash(f->pods[0]) != h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_in, setup, teardown),
        cmocka_unit_test_setup_teardown(targets, setup, teardown),
        cmocka_unit_test_setup_teardown(objects, setup, teardown),
        cmocka_unit_test_setup_teardown(differences, setup, teardown),
        cmocka_unit_test_setup_teardown(many, setup, teardown),
        cmocka_unit_test_setup_teardown(hashes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
