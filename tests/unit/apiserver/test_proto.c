/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf bodies: what kubectl 1.33 sends, what the parts mean, and what is broken. */
#include "apiserver/types.h"

#include "unit/apiserver/leaf.h"

/* Bodies recorded from kubectl 1.33.0, and the object they mean once decoded by its rows. */
static const struct {
    const char *command, *group, *version, *kind, *body, *object;
} recorded[] = {
    {"create ns kt", "", "v1", "Namespace",
     "azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhoKEgoCa3QSABoAIgAqADIAOABCABIAGgIKABoAIgA=",
     "{'metadata': {'name': 'kt'}, 'spec': {}, 'status': {}}"},
    {"create cm c0 --from-literal=a=b --from-literal=c=d", "", "v1", "ConfigMap",
     "azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiYKFAoCYzASABoCa3QiACoAMgA4AEIAEgYKAWESAWISBgoBYxIBZBoAIgA=",
     "{'metadata': {'name': 'c0', 'namespace': 'kt'}, 'data': {'a': 'b', 'c': 'd'}}"},
    {"create secret generic s1 --from-literal=p=q", "", "v1", "Secret",
     "azhzAAoMCgJ2MRIGU2VjcmV0EiAKFAoCczESABoCa3QiACoAMgA4AEIAEgYKAXASAXEaABoAIgA=",
     "{'metadata': {'name': 's1', 'namespace': 'kt'}, 'data': {'p': 'cQ=='}}"},
    {"create service clusterip svc --tcp=80:8080 --tcp=443:web", "", "v1", "Service",
     "azhzAAoNCgJ2MRIHU2VydmljZRKLAQohCgNzdmMSABoCa3QiACoAMgA4AEIAWgoKA2FwcBIDc3ZjEmIKGwoHODAtODA4M"
     "BIDVENQGFAiBwgAEJA/"
     "GgAoAAoeCgc0NDMtd2ViEgNUQ1AYuwMiCQgBEAAaA3dlYigAEgoKA2FwcBIDc3ZjGgAiCUNsdXN0ZXJJUDoAQgBSAFoAY"
     "ABoABoCCgAaACIA",
     "{'metadata': {'name': 'svc', 'namespace': 'kt', 'labels': {'app': 'svc'}}, 'spec': {'ports': "
     "[{'name': '80-8080', 'protocol': 'TCP', 'port': 80, 'targetPort': 8080}, {'name': '443-web', "
     "'protocol': 'TCP', 'port': 443, 'targetPort': 'web'}], 'selector': {'app': 'svc'}, 'type': "
     "'ClusterIP'}, 'status': {'loadBalancer': {}}}"},
    {"create role r --verb=get,list --resource=pods,configmaps", "rbac.authorization.k8s.io", "v1",
     "Role",
     "azhzAAokChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgRSb2xlEjYKEwoBchIAGgJrdCIAKgAyADgAQgASHwoDZ"
     "2V0CgRsaXN0EgAaBHBvZHMaCmNvbmZpZ21hcHMaACIA",
     "{'metadata': {'name': 'r', 'namespace': 'kt'}, 'rules': [{'verbs': ['get', 'list'], "
     "'apiGroups': [''], 'resources': ['pods', 'configmaps']}]}"},
    {"create rolebinding rb --role=r --user=jane --serviceaccount=kt:robot",
     "rbac.authorization.k8s.io", "v1", "RoleBinding",
     "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtSb2xlQmluZGluZxKGAQoUCgJyYhIAGgJrdCIAKgAyA"
     "DgAQgASKQoEVXNlchIZcmJhYy5hdXRob3JpemF0aW9uLms4cy5pbxoEamFuZSIAEh0KDlNlcnZpY2VBY2NvdW50EgAaBX"
     "JvYm90IgJrdBokChlyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvEgRSb2xlGgFyGgAiAA==",
     "{'metadata': {'name': 'rb', 'namespace': 'kt'}, 'subjects': [{'kind': 'User', 'apiGroup': "
     "'rbac.authorization.k8s.io', 'name': 'jane'}, {'kind': 'ServiceAccount', 'name': 'robot', "
     "'namespace': 'kt'}], 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', "
     "'name': 'r'}}"},
    {"create job j --image=busybox:1 -- sh -c 'echo hi'", "batch", "v1", "Job",
     "azhzAAoPCghiYXRjaC92MRIDSm9iEo0BChMKAWoSABoCa3QiACoAMgA4AEIAEmwyagoQCgASABoAIgAqADIAOABCABJWE"
     "jMKAWoSCWJ1c3lib3g6MRoCc2gaAi1jGgdlY2hvIGhpKgBCAGoAcgCAAQCIAQCQAQCiAQAaBU5ldmVyMgBCAEoAUgBYAG"
     "AAaACCAQCKAQCaAQDCAQAaCCAAKAAwADoAGgAiAA==",
     "{'metadata': {'name': 'j', 'namespace': 'kt'}, 'spec': {'template': {'metadata': {}, 'spec': "
     "{'containers': [{'name': 'j', 'image': 'busybox:1', 'command': ['sh', '-c', 'echo hi'], "
     "'resources': {}}], 'restartPolicy': 'Never'}}}, 'status': {}}"},
    {"create pdb p --selector=app=x --min-available=50%", "policy", "v1", "PodDisruptionBudget",
     "azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSOgoTCgFwEgAaAmt0IgAqADIAOABCABIXCgkIARAAG"
     "gM1MCUSCgoICgNhcHASAXgaCggAGAAgACgAMAAaACIA",
     "{'metadata': {'name': 'p', 'namespace': 'kt'}, 'spec': {'minAvailable': '50%', 'selector': "
     "{'matchLabels': {'app': 'x'}}}, 'status': {'disruptionsAllowed': 0, 'currentHealthy': 0, "
     "'desiredHealthy': 0, 'expectedPods': 0}}"},
    {"create token robot --duration=10m --audience=a", "authentication.k8s.io", "v1",
     "TokenRequest",
     "azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIgChAKABIAGgAiACoAMgA4AEIAEgYKA"
     "WEg2AQaBAoAEgAaACIA",
     "{'metadata': {}, 'spec': {'audiences': ['a'], 'expirationSeconds': 600}, 'status': {'token': "
     "''}}"},
    {"auth can-i get pods", "authorization.k8s.io", "v1", "SelfSubjectAccessReview",
     "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSNwoQCgASABoAIgAqA"
     "DIAOABCABIZChcKAmt0EgNnZXQaACIAKgRwb2RzMgA6ABoICAASABoAIAAaACIA",
     "{'metadata': {}, 'spec': {'resourceAttributes': {'namespace': 'kt', 'verb': 'get', "
     "'resource': 'pods'}}, 'status': {'allowed': false}}"},
    {"auth whoami", "authentication.k8s.io", "v1", "SelfSubjectReview",
     "azhzAAotChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESEVNlbGZTdWJqZWN0UmV2aWV3EhoKEAoAEgAaACIAKgAyADgAQ"
     "gASBgoECgASABoAIgA=",
     "{'metadata': {}, 'status': {'userInfo': {}}}"},
};

static void decode64(const char *text, struct buf *out)
{
    assert_int_equal(base64_decode(str_of(text), out), 0);
}

static void test_recorded(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        struct buf body AUTO(buf_done) = BUF_INIT(4096);
        struct err *err AUTO(err_freep) = NULL;
        cJSON *j AUTO(json_freep) = NULL;
        const char **unknown = NULL;
        size_t n = 0;
        decode64(recorded[i].body, &body);
        if (proto_decode((struct str){body.ptr, body.len}, &j, &err))
            fail_msg("%s: %s", recorded[i].command, err_text(err));
        assert_string_equal(json_str(j, "kind"), recorded[i].kind);
        const struct type *t = type_of(recorded[i].group, recorded[i].version, recorded[i].kind);
        if (type_decode(t, j, a, &unknown, &n, &err))
            fail_msg("%s: %s", recorded[i].command, err_text(err));
        assert_int_equal(n, 0);
        cJSON_DeleteItemFromObject(j, "kind");
        cJSON_DeleteItemFromObject(j, "apiVersion");
        assert_json(j, recorded[i].object, recorded[i].command);
    }
}

/* Cut off anywhere, or with any byte changed: an error or an object, never harm. */
static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        struct buf body AUTO(buf_done) = BUF_INIT(4096);
        decode64(recorded[i].body, &body);
        for (size_t n = 0; n < body.len; n++) {
            /* A copy of exactly n bytes, so that the sanitizer sees one byte too many. */
            char *part = mem_alloc(n + 1);
            memcpy(part, body.ptr, n);
            part = mem_realloc(part, n ? n : 1);
            cJSON *j = NULL;
            if (proto_decode((struct str){part, n}, &j, NULL) == 0)
                cJSON_Delete(j);
            mem_free(part);
            unsigned char saved = (unsigned char)body.ptr[n];
            for (int bit = 0; bit < 8; bit++) {
                body.ptr[n] = (char)(saved ^ 1 << bit);
                if (proto_decode((struct str){body.ptr, body.len}, &j, NULL) == 0)
                    cJSON_Delete(j);
            }
            body.ptr[n] = (char)saved;
        }
    }
}

/* --- messages made by hand ------------------------------------------------------------------ */

/* k8s\0, {1: {1: "v1", 2: kind}, 2: raw}; all lengths here are below 128. */
static int decode_raw(const char *kind, const char *raw, size_t n, cJSON **ret, struct err **err)
{
    struct buf b AUTO(buf_done) = BUF_INIT(4096);
    size_t k = strlen(kind);
    buf_add(&b, "k8s\0\x0a", 5);
    buf_addc(&b, (char)(k + 6));
    buf_add(&b, "\x0a\x02v1\x12", 5);
    buf_addc(&b, (char)k);
    buf_adds(&b, kind);
    buf_addc(&b, 0x12);
    buf_addc(&b, (char)n);
    buf_add(&b, raw, n);
    return proto_decode((struct str){b.ptr, b.len}, ret, err);
}

#define RAW(s) s, sizeof(s) - 1

static void test_values(void **state)
{
    static const struct {
        const char *kind, *raw;
        size_t n;
        const char *object;
    } rows[] = {
        /* metadata{8: {1: 1704067200}} */
        {"ConfigMap", RAW("\x0a\x08\x42\x06\x08\x80\x81\xc8\xac\x06"),
         "{'metadata': {'creationTimestamp': '2024-01-01T00:00:00Z'}}"},
        {"ConfigMap", RAW("\x0a\x02\x42\x00"), "{'metadata': {'creationTimestamp': null}}"},
        /* data, an unknown field 99 and a fixed64 one are skipped */
        {"ConfigMap",
         RAW("\x12\x06\x0a\x01\x61\x12\x01\x62\x9a\x06\x01x\xa1\x06\x01\x02\x03\x04\x05\x06\x07"
             "\x08"),
         "{'data': {'a': 'b'}}"},
        /* the later of two entries wins; a missing value is empty */
        {"ConfigMap", RAW("\x12\x06\x0a\x01\x61\x12\x01\x62\x12\x03\x0a\x01\x61"),
         "{'data': {'a': ''}}"},
        {"ConfigMap", RAW("\x1a\x07\x0a\x01\x61\x12\x02\x00\xff\x20\x01"),
         "{'binaryData': {'a': 'AP8='}, 'immutable': true}"},
        /* Pod.spec{1: Volume{1: name, 2: source{2: emptyDir}}}: the source lies in the volume
           itself */
        {"Pod", RAW("\x12\x09\x0a\x07\x0a\x01v\x12\x02\x12\x00"),
         "{'spec': {'volumes': [{'name': 'v', 'emptyDir': {}}]}}"},
        /* container resources{1: limits{"cpu": Quantity{"1"}}} */
        {"Pod", RAW("\x12\x12\x12\x10\x42\x0e\x0a\x0c\x0a\x03\x63pu\x12\x05\x0a\x03\x35\x30m"),
         "{'spec': {'containers': [{'resources': {'limits': {'cpu': '50m'}}}]}}"},
        /* negative numbers fill ten bytes */
        {"Pod", RAW("\x12\x0b\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         "{'spec': {'terminationGracePeriodSeconds': -1}}"},
        /* securityContext{4: supplementalGroups packed [1, 300]} */
        {"Pod", RAW("\x12\x07\x72\x05\x22\x03\x01\xac\x02"),
         "{'spec': {'securityContext': {'supplementalGroups': [1, 300]}}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err *err AUTO(err_freep) = NULL;
        cJSON *j AUTO(json_freep) = NULL;
        if (decode_raw(rows[i].kind, rows[i].raw, rows[i].n, &j, &err))
            fail_msg("row %zu: %s", i, err_text(err));
        cJSON_DeleteItemFromObject(j, "kind");
        cJSON_DeleteItemFromObject(j, "apiVersion");
        assert_json(j, rows[i].object, "row");
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *kind, *raw;
        size_t n;
        int code;
        const char *says;
    } rows[] = {
        {"Nope", RAW(""), -ENOTSUP, "not supported; send JSON"},
        {"ConfigMap", RAW("\x12\x7f"), -EINVAL, "cut off"},
        {"ConfigMap", RAW("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), -EINVAL, "cut off"},
        {"ConfigMap", RAW("\x13"), -EINVAL, "wire type"},
        {"ConfigMap", RAW("\x00\x00"), -EINVAL, "bad field tag"},
        {"ConfigMap", RAW("\x10\x01"), -EINVAL, "wrong wire type"},
        {"ConfigMap", RAW("\x22\x01\x01"), -EINVAL, "wrong wire type"},
        {"ConfigMap", RAW("\x12\x06\x0a\x01\xff\x12\x01\x62"), -EINVAL, "UTF-8"},
        {"ConfigMap", RAW("\x12\x06\x0a\x01\x00\x12\x01\x62"), -EINVAL, "UTF-8"},
        {"ConfigMap", RAW("\x12\x07\x0a\x01\x61\x12\x02\xc0\x80"), -EINVAL, "UTF-8"},
        {"ConfigMap", RAW("\x0a\x0c\x42\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), -EINVAL,
         "out of range"},
        /* Volume.volumeSource.iscsi is kept raw in JSON only */
        {"Pod", RAW("\x12\x06\x0a\x04\x12\x02\x42\x00"), -ENOTSUP, "send JSON"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err *err AUTO(err_freep) = NULL;
        cJSON *j = NULL;
        int rc = decode_raw(rows[i].kind, rows[i].raw, rows[i].n, &j, &err);
        if (rc != rows[i].code || !strstr(err_text(err), rows[i].says))
            fail_msg("row %zu: %d %s, want %d %s", i, rc, err_text(err), rows[i].code,
                     rows[i].says);
    }
    cJSON *j = NULL;
    assert_int_equal(proto_decode(STR(""), &j, NULL), -EINVAL);
    assert_int_equal(proto_decode(STR("{\"kind\":1}"), &j, NULL), -EINVAL);
    assert_int_equal(proto_decode((struct str){"k8s\0", 4}, &j, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
