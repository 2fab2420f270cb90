/* SPDX-License-Identifier: Apache-2.0 */
/* Reading objects, keys, owners, and both kinds of selectors. */
#include "unit/cm.h"

#include <string.h>

#include "kube/kube.h"
#include "kube/object.h"

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;
    assert_int_equal(json_parse(text, strlen(text), &j, NULL), 0);
    return j;
}

static const char pod_text[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"db-0\",\"namespace\":"
    "\"shop\","
    "\"uid\":\"u-1\",\"resourceVersion\":\"42\",\"generation\":3,"
    "\"labels\":{\"app.kubernetes.io/name\":\"db\",\"role\":\"primary\"},"
    "\"annotations\":{\"a.b/c\":\"x\"},\"finalizers\":[\"f/one\"],"
    "\"ownerReferences\":[{\"kind\":\"Node\",\"name\":\"n\",\"uid\":\"u-n\"},"
    "{\"kind\":\"InstanceSet\",\"name\":\"db\",\"uid\":\"u-i\",\"controller\":true}]},"
    "\"spec\":{\"nodeName\":\"n1\"},\"status\":{\"conditions\":["
    "{\"type\":\"Ready\",\"status\":\"True\"},{\"type\":\"Stuck\",\"status\":\"Unknown\"}]}}";

static void reads_metadata(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *o = parse(pod_text);
    assert_string_equal(kube_name(o), "db-0");
    assert_string_equal(kube_ns(o), "shop");
    assert_string_equal(kube_uid(o), "u-1");
    assert_string_equal(kube_rv(o), "42");
    assert_int_equal(kube_generation(o), 3);
    assert_string_equal(kube_label(o, "app.kubernetes.io/name"), "db");
    assert_null(kube_label(o, "absent"));
    assert_string_equal(kube_annotation(o, "a.b/c"), "x");
    assert_false(kube_deleting(o));
    assert_true(kube_has_finalizer(o, "f/one"));
    assert_false(kube_has_finalizer(o, "f/two"));
    assert_string_equal(json_str(kube_controller(o), "name"), "db");
    assert_true(kube_condition_true(o, "Ready"));
    assert_false(kube_condition_true(o, "Stuck"));
    assert_false(kube_condition_true(o, "Absent"));
}

static void reads_nothing_from_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "{\"metadata\":null}",
                                        "{\"metadata\":{\"name\":7,\"ownerReferences\":{}},"
                                        "\"status\":{\"conditions\":null}}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO(json_freep) cJSON *o = parse(texts[i]);
        assert_string_equal(kube_name(o), "");
        assert_string_equal(kube_ns(o), "");
        assert_null(kube_controller(o));
        assert_false(kube_condition_true(o, "Ready"));
        assert_false(kube_deleting(o));
    }
    assert_string_equal(kube_rv(NULL), "");
    assert_null(kube_label(NULL, "x"));
}

static void keys(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    AUTO(json_freep) cJSON *pod = parse(pod_text);
    AUTO(json_freep) cJSON *node = parse("{\"metadata\":{\"name\":\"n1\"}}");
    char key[OBJECT_KEY_MAX], longest[400];
    assert_string_equal(kube_key(a, pod), "shop/db-0");
    assert_string_equal(kube_key(a, node), "n1");
    assert_true(kube_object_key("", "n1", key));
    assert_string_equal(key, "n1");
    assert_false(kube_object_key("ns", "", key));
    assert_false(kube_object_key("ns", NULL, key));
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_false(kube_object_key("ns", longest, key));
    assert_true(kube_object_rv("18446744073709551615") == UINT64_MAX);
    assert_true(kube_object_rv("18446744073709551616") == 0);
    assert_true(kube_object_rv("12a") == 0);
    assert_true(kube_object_rv(NULL) == 0);
}

static void owner_reference(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *pod = parse(pod_text);
    AUTO(json_freep) cJSON *ref = kube_owner_ref(pod, &KUBE_LEASES, true);
    AUTO(json_freep)
    cJSON *want =
        parse("{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"name\":"
              "\"db-0\",\"uid\":\"u-1\",\"controller\":true,\"blockOwnerDeletion\":true}");
    assert_true(json_equal(ref, want));
    AUTO(json_freep) cJSON *plain = kube_owner_ref(pod, &KUBE_PODS, false);
    assert_null(json_at(plain, "controller"));
    assert_string_equal(json_str(plain, "apiVersion"), "v1");
}

static void selector_objects(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        bool want;
    } rows[] = {
        {"{}", true},
        {"{\"role\":\"primary\"}", true},
        {"{\"role\":\"secondary\"}", false},
        {"{\"matchLabels\":{\"role\":\"primary\"}}", true},
        {"{\"matchLabels\":{\"role\":\"primary\",\"x\":\"y\"}}", false},
        {"{\"matchExpressions\":[{\"key\":\"role\",\"operator\":\"In\",\"values\":[\"a\","
         "\"primary\"]}]}",
         true},
        {"{\"matchExpressions\":[{\"key\":\"role\",\"operator\":\"NotIn\",\"values\":[\"primary\"]}"
         "]}",
         false},
        {"{\"matchExpressions\":[{\"key\":\"none\",\"operator\":\"NotIn\",\"values\":[\"primary\"]}"
         "]}",
         true},
        {"{\"matchExpressions\":[{\"key\":\"role\",\"operator\":\"In\",\"values\":[\"a\"]}]}",
         false},
        {"{\"matchExpressions\":[{\"key\":\"role\",\"operator\":\"Exists\"}]}", true},
        {"{\"matchExpressions\":[{\"key\":\"role\",\"operator\":\"DoesNotExist\"}]}", false},
        {"{\"matchExpressions\":[{\"key\":\"role\",\"operator\":\"Sometimes\"}]}", false},
        {"{\"matchLabels\":{\"role\":\"primary\"},\"matchExpressions\":[{\"key\":\"none\","
         "\"operator\":\"Exists\"}]}",
         false},
        {"null", false},
    };
    AUTO(json_freep) cJSON *pod = parse(pod_text);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *s = parse(rows[i].selector);
        if (kube_selector_matches(s, json_at(pod, "metadata", "labels")) != rows[i].want)
            fail_msg("%s", rows[i].selector);
    }
}

static void selector_texts(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        bool want;
    } rows[] = {
        {NULL, true},
        {"", true},
        {"role=primary", true},
        {"role==primary", true},
        {" role = primary ", true},
        {"role=secondary", false},
        {"role!=secondary", true},
        {"role!=primary", false},
        {"none!=x", true},
        {"role", true},
        {"none", false},
        {"!none", true},
        {"!role", false},
        {"role in (primary,secondary)", true},
        {"role in (a, b)", false},
        {"role notin (a,b)", true},
        {"none notin (a)", true},
        {"none in (a)", false},
        {"app.kubernetes.io/name=db,role in (primary)", true},
        {"app.kubernetes.io/name=db,role in (primary),none", false},
        {"role in primary", false},
        {"role near (primary)", false},
    };
    AUTO(json_freep) cJSON *pod = parse(pod_text);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (kube_selector_labels_match(rows[i].selector, json_at(pod, "metadata", "labels")) !=
            rows[i].want)
            fail_msg("%s", rows[i].selector);
    assert_true(kube_selector_fields_match("spec.nodeName=n1,metadata.name=db-0", pod));
    assert_true(kube_selector_fields_match(NULL, pod));
    assert_true(kube_selector_fields_match("spec.nodeName!=n2", pod));
    assert_true(kube_selector_fields_match("spec.schedulerName=", pod));
    assert_false(kube_selector_fields_match("spec.nodeName=n2", pod));
    assert_false(kube_selector_fields_match("spec.nodeName", pod));
}

static void resources(void **state)
{
    (void)state;
    char out[128];
    assert_string_equal(kube_api_version(&KUBE_PODS, out), "v1");
    assert_string_equal(kube_api_version(&KUBE_PDBS, out), "policy/v1");
}

static void manifests(void **state)
{
    (void)state;
    static const char text[] = "kind: Pod\nmetadata: {name: a}\n---\nkind: Pod\n";
    AUTO(json_freep) cJSON *docs = NULL;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(kube_yaml_parse("x.yaml", text, strlen(text), &docs, NULL), 0);
    assert_int_equal(cJSON_GetArraySize(docs), 2);
    assert_string_equal(kube_name(docs->child), "a");
    cJSON *none = NULL;
    assert_true(kube_yaml_parse("x.yaml", "a: [1\nb: 2", 11, &none, &err) < 0);
    assert_non_null(strstr(err_text(err), "x.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_metadata),
        cmocka_unit_test(reads_nothing_from_nothing),
        cmocka_unit_test(keys),
        cmocka_unit_test(owner_reference),
        cmocka_unit_test(selector_objects),
        cmocka_unit_test(selector_texts),
        cmocka_unit_test(resources),
        cmocka_unit_test(manifests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
