/* SPDX-License-Identifier: Apache-2.0 */
/* Environment, downward API and $(NAME) as Kubernetes documents them. */
#include "unit/cm.h"

#include <errno.h>
#include <string.h>

#include "node/environment.h"

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;
    struct err *err = NULL;
    if (json_parse(text, strlen(text), &j, &err))
        fail_msg("%s", err_text(err));
    return j;
}

static const char pod_text[] = "{\"metadata\":{\"name\":\"p-0\",\"namespace\":\"ns\",\"uid\":"
                               "\"u1\",\"labels\":{\"a/b\":\"x\",\"c\":\"y\\\"z\"},"
                               "\"annotations\":{\"n\":\"v\"}},\"spec\":{\"serviceAccountName\":"
                               "\"default\",\"containers\":[{\"name\":\"m\","
                               "\"image\":\"img:1\",\"resources\":{\"limits\":{\"cpu\":\"1500m\","
                               "\"memory\":\"64Mi\"},\"requests\":"
                               "{\"cpu\":\"100m\"}}},{\"name\":\"side\"}]}}";

static const cJSON *config, *secret;

static const cJSON *get(void *ctx, enum lookup_kind kind, const char *ns, const char *name)
{
    (void)ctx;
    if (!streq(ns, "ns") || !streq(name, "here"))
        return NULL;
    return kind == LOOKUP_CONFIGMAP ? config : kind == LOOKUP_SECRET ? secret : NULL;
}

struct fixture {
    cJSON *pod, *config, *secret;
    struct arena *arena;
    struct downward d;
    struct lookup lookup;
};

static int setup(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    f->pod = parse(pod_text);
    config = f->config =
        parse("{\"data\":{\"k\":\"v1\",\"bad name\":\"q\",\"two\":\"line\\nline\"}}");
    secret = f->secret = parse("{\"data\":{\"pw\":\"czNjcmV0\",\"broken\":\"*\"}}");
    f->arena = arena_new(1 << 22);
    f->d = (struct downward){f->pod, "127.1.1.2", "127.1.0.1", "node-1", 4000, 1 << 30};
    f->lookup = (struct lookup){get, NULL};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cJSON_Delete(f->pod);
    cJSON_Delete(f->config);
    cJSON_Delete(f->secret);
    arena_free(f->arena);
    mem_free(f);
    return 0;
}

static void fields(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[][2] = {
        {"metadata.name", "p-0"},
        {"metadata.namespace", "ns"},
        {"metadata.uid", "u1"},
        {"metadata.labels['a/b']", "x"},
        {"metadata.labels['absent']", ""},
        {"metadata.annotations['n']", "v"},
        {"metadata.labels", "a/b=\"x\"\nc=\"y\\\"z\""},
        {"spec.nodeName", "node-1"},
        {"spec.serviceAccountName", "default"},
        {"status.podIP", "127.1.1.2"},
        {"status.hostIP", "127.1.0.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf out = BUF_INIT(4096);
        assert_int_equal(downward_field(&f->d, rows[i][0], &out, NULL), 0);
        assert_string_equal(buf_str(&out), rows[i][1]);
    }
    AUTO(buf_done) struct buf out = BUF_INIT(4096);
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(downward_field(&f->d, "status.phase", &out, &err), -EINVAL);
    assert_non_null(strstr(err_text(err), "status.phase"));
}

static void resources(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[][3] = {
        {"m", "{\"resource\":\"limits.cpu\"}", "2"},
        {"m", "{\"resource\":\"limits.cpu\",\"divisor\":\"1m\"}", "1500"},
        {"m", "{\"resource\":\"limits.memory\",\"divisor\":\"1Mi\"}", "64"},
        {"m", "{\"resource\":\"limits.memory\",\"divisor\":\"0\"}", "67108864"},
        {"m", "{\"resource\":\"requests.cpu\",\"divisor\":\"1m\"}", "100"},
        {"m", "{\"resource\":\"requests.memory\"}", "67108864"},
        {"side", "{\"resource\":\"limits.cpu\"}", "4"},
        {"side", "{\"resource\":\"limits.memory\",\"divisor\":\"1Gi\"}", "1"},
        {"side", "{\"resource\":\"requests.cpu\"}", "0"},
        {"side", "{\"resource\":\"limits.cpu\",\"containerName\":\"m\"}", "2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf_done) struct buf out = BUF_INIT(4096);
        AUTO(json_freep) cJSON *ref = parse(rows[i][1]);
        const cJSON *c = json_find(json_at(f->pod, "spec", "containers"), "name", rows[i][0]);
        assert_int_equal(downward_resource(&f->d, c, ref, &out, NULL), 0);
        assert_string_equal(buf_str(&out), rows[i][2]);
    }
    AUTO(json_freep)
    cJSON *ref = parse("{\"resource\":\"limits.cpu\",\"containerName\":\"nobody\"}");
    AUTO(buf_done) struct buf out = BUF_INIT(4096);
    assert_int_equal(downward_resource(&f->d, f->pod, ref, &out, NULL), -EINVAL);
}

static void environment(void **state)
{
    struct fixture *f = *state;
    AUTO(json_freep)
    cJSON *c = parse(
        "{\"name\":\"m\",\"envFrom\":[{\"configMapRef\":{\"name\":\"here\"},\"prefix\":\"C_\"},"
        "{\"secretRef\":{\"name\":\"here\"}},{\"secretRef\":{\"name\":\"no\",\"optional\":true}}],"
        "\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"$(A)-$(C_k)-$(Z)-$$("
        "A)\"},"
        "{\"name\":\"IP\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}},"
        "{\"name\":\"PW\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"here\",\"key\":\"pw\"}}},"
        "{\"name\":\"OPT\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"here\",\"key\":\"no\","
        "\"optional\":true}}},"
        "{\"name\":\"A\",\"value\":\"2\"}],"
        "\"command\":[\"sh\",\"-c\"],\"args\":[\"--bind $(IP) $(NOPE) $$(IP) $A\"]}");
    struct environment e;
    assert_int_equal(environment_make(&f->d, c, &f->lookup, f->arena, &e, NULL), 0);
    assert_string_equal(environment_get(&e, "A"), "2");
    assert_string_equal(environment_get(&e, "B"), "1-v1-$(Z)-$(A)");
    assert_string_equal(environment_get(&e, "IP"), "127.1.1.2");
    assert_string_equal(environment_get(&e, "PW"), "s3cret");
    assert_string_equal(environment_get(&e, "pw"), "s3cret");
    assert_string_equal(environment_get(&e, "C_two"), "line\nline");
    assert_null(environment_get(&e, "C_bad name"));
    assert_null(environment_get(&e, "OPT"));
    assert_string_equal(environment_get(&e, "HOSTNAME"), "p-0");
    assert_non_null(environment_get(&e, "PATH"));
    const char **argv = NULL;
    assert_int_equal(environment_command(&e, c, f->arena, &argv, NULL), 0);
    assert_string_equal(argv[0], "sh");
    assert_string_equal(argv[2], "--bind 127.1.1.2 $(NOPE) $(IP) $A");
    assert_null(argv[3]);
}

static void what_is_missing(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[][2] = {
        {"{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"no\",\"key\":\"k\"}"
         "}}]}",
         "secret \"no\" not found"},
        {"{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"here\",\"key\":"
         "\"q\"}}}]}",
         "key \"q\" not found in configmap ns/here"},
        {"{\"envFrom\":[{\"configMapRef\":{\"name\":\"no\"}}]}", "configmap \"no\" not found"},
        {"{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"here\",\"key\":"
         "\"broken\"}}}]}",
         "not base64"},
        {"{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.x\"}}}]}",
         "spec.x"},
        {"{\"name\":\"m\",\"env\":[{\"name\":\"A=B\",\"value\":\"\"}]}", "A=B"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *c = parse(rows[i][0]);
        AUTO(err_freep) struct err *err = NULL;
        struct environment e;
        assert_true(environment_make(&f->d, c, &f->lookup, f->arena, &e, &err) < 0);
        assert_string_equal(err_reason(err), "CreateContainerConfigError");
        if (!strstr(err_text(err), rows[i][1]))
            fail_msg("want \"%s\" in \"%s\"", rows[i][1], err_text(err));
    }
}

static void no_command(void **state)
{
    struct fixture *f = *state;
    AUTO(json_freep) cJSON *c = parse("{\"name\":\"m\",\"image\":\"img:1\",\"args\":[\"x\"]}");
    AUTO(err_freep) struct err *err = NULL;
    struct environment e;
    const char **argv = NULL;
    assert_int_equal(environment_make(&f->d, c, &f->lookup, f->arena, &e, NULL), 0);
    assert_int_equal(environment_command(&e, c, f->arena, &argv, &err), -ENOEXEC);
    assert_string_equal(err_text(err),
                        "container m: image img:1 is not run on this node: give a command");
    assert_string_equal(err_reason(err), "ErrImageNeverPull");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields, setup, teardown),
        cmocka_unit_test_setup_teardown(resources, setup, teardown),
        cmocka_unit_test_setup_teardown(environment, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(no_command, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
