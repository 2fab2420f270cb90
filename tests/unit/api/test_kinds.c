/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds: their CRDs are structural and complete, manifests of users pass, old spellings are
 * understood. */
#include "unit/cm.h"

#include <string.h>

#include "api/kinds.h"

/* Kubernetes refuses a schema node without a type, unless it keeps unknown fields or is
 * int-or-string. */
static void check_structural(const cJSON *node, const char *where)
{
    bool typed = json_str(node, "type") || json_bool(false, node, "x-kubernetes-int-or-string") ||
                 json_bool(false, node, "x-kubernetes-preserve-unknown-fields");
    if (!typed)
        fail_msg("%s has no type", where);
    json_foreach (child, json_at(node, "properties")) {
        check_structural(child, child->string);
    }
    if (json_at(node, "items"))
        check_structural(json_at(node, "items"), where);
    if (json_at(node, "additionalProperties"))
        check_structural(json_at(node, "additionalProperties"), where);
    /* Keys of a list map must be there in every item. */
    json_foreach (key, json_at(node, "x-kubernetes-list-map-keys")) {
        if (!json_array_has(json_at(node, "items", "required"), key->valuestring))
            fail_msg("%s: list key %s is not required", where, key->valuestring);
    }
}

static void crds_are_structural(void **state)
{
    (void)state;
    for (int i = 0; i < API_KINDS_N; i++) {
        const struct api_kind *k = api_kind_at((enum api_kind_id)i);
        AUTO(json_freep) cJSON *crd = api_crd(k);
        const cJSON *version = json_at(crd, "spec", "versions")->child;
        AUTO(mem_freep) char *name = mem_printf("%s.%s", k->plural, k->group);
        assert_string_equal(json_str(crd, "metadata", "name"), name);
        assert_string_equal(json_str(crd, "spec", "scope"),
                            k->namespaced ? "Namespaced" : "Cluster");
        check_structural(json_at(version, "schema", "openAPIV3Schema"), k->kind);
        assert_non_null(json_at(version, "subresources", "status"));
        assert_non_null(json_find(json_at(version, "additionalPrinterColumns"), "jsonPath",
                                  ".metadata.creationTimestamp"));
    }
    AUTO(json_freep) cJSON *its = api_crd(&API_KIND_INSTANCESET);
    assert_string_equal(json_str(json_at(its, "spec", "versions")->child, "subresources", "scale",
                                 "specReplicasPath"),
                        ".spec.replicas");
    assert_true(json_array_has(json_at(its, "spec", "names", "shortNames"), "its"));
}

static void found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(api_kind_find("apps.kubeblocks.io/v1", "Cluster"), &API_KIND_CLUSTER);
    assert_ptr_equal(api_kind_find("workloads.kubeblocks.io/v1", "InstanceSet"),
                     &API_KIND_INSTANCESET);
    assert_null(api_kind_find("apps.kubeblocks.io/v1alpha1", "Cluster"));
    assert_null(api_kind_find("v1", "Pod"));
}

static void show(void *arg, const char *path, const char *text)
{
    buf_addf(arg, "%s %s\n", path, text);
}

static const char MANIFEST[] =
    "{\"apiVersion\":\"apps.kubeblocks.io/"
    "v1\",\"kind\":\"Cluster\",\"metadata\":{\"name\":\"orders\"},\"spec\":{"
    "\"clusterDef\":\"echo\",\"topology\":\"pair\",\"terminationPolicy\":\"Delete\","
    "\"componentSpecs\":[{"
    "\"name\":\"db\",\"serviceVersion\":\"1.0\",\"disableExporter\":false,\"replicas\":2,"
    "\"resources\":{"
    "\"limits\":{\"cpu\":\"0.5\",\"memory\":\"0.5Gi\"}},\"systemAccounts\":[{\"name\":\"root\","
    "\"passwordGenerationPolicy\":{\"length\":10}}],\"volumeClaimTemplates\":[{\"name\":\"data\","
    "\"spec\":{"
    "\"storageClassName\":\"\",\"accessModes\":[\"ReadWriteOnce\"]}}]}]}}";

static void manifest_passes(void **state)
{
    (void)state;
    struct api_schemas s;
    api_schemas_init(&s);
    AUTO(json_freep) cJSON *o = cJSON_Parse(MANIFEST);
    struct buf out = BUF_INIT(4096);
    assert_int_equal(field_warnings(s.of[API_CLUSTER], o, show, &out), 1);
    assert_string_equal(
        buf_str(&out),
        "spec.componentSpecs[0].systemAccounts[0].passwordGenerationPolicy is an old "
        "spelling; use passwordConfig\n");
    api_normalize(API_CLUSTER, o);
    field_default(s.of[API_CLUSTER], o);
    buf_cut(&out, 0);
    if (field_validate(s.of[API_CLUSTER], o, NULL, show, &out))
        fail_msg("%s", buf_str(&out));
    const cJSON *account =
        json_at(json_at(o, "spec", "componentSpecs")->child, "systemAccounts")->child;
    assert_null(json_at(account, "passwordGenerationPolicy"));
    assert_int_equal(json_int(0, account, "passwordConfig", "length"), 10);
    assert_int_equal(json_int(0, account, "passwordConfig", "numDigits"), 4);
    buf_done(&out);
    api_schemas_done(&s);
}

static void newer_spelling_wins(void **state)
{
    (void)state;
    AUTO(json_freep)
    cJSON *o = cJSON_Parse("{\"spec\":{\"defaultTemplateOrdinals\":{\"discrete\":[1]},"
                           "\"ordinals\":{\"discrete\":[2]}}}");
    api_normalize(API_INSTANCESET, o);
    assert_null(json_at(o, "spec", "defaultTemplateOrdinals"));
    assert_int_equal(json_int_of(json_at(o, "spec", "ordinals", "discrete")->child, 0), 2);
}

static void manual_names_every_kind(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(1 << 20);
    api_docs(&out);
    assert_false(out.overflow);
    for (int i = 0; i < API_KINDS_N; i++)
        assert_non_null(strstr(buf_str(&out), api_kind_at((enum api_kind_id)i)->kind));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crds_are_structural),     cmocka_unit_test(found_by_name),
        cmocka_unit_test(manifest_passes),         cmocka_unit_test(newer_spelling_wins),
        cmocka_unit_test(manual_names_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
