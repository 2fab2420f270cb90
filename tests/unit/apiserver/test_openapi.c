/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI documents: complete in themselves, with what kubectl looks for, and the same in protobuf.
 */
#include "apiserver/openapi.h"

#include "unit/apiserver/leaf.h"
#include "unit/apiserver/widget.h"

struct world {
    cJSON *widget;
    struct openapi_resource r[4];
};

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    w->widget = js(WIDGET_SCHEMA);
    w->r[0] = (struct openapi_resource){
        "", "v1", "Pod", "pods", true, true, false, type_of("", "v1", "Pod"), NULL};
    w->r[1] = (struct openapi_resource){
        "", "v1", "Node", "nodes", false, true, false, type_of("", "v1", "Node"), NULL};
    w->r[2] = (struct openapi_resource){
        "golden.example.com", "v1", "Widget", "widgets", true, true, true, NULL, w->widget};
    w->r[3] = (struct openapi_resource){
        "golden.example.com", "v2", "Bare", "bares", true, false, false, NULL, NULL};
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    cJSON_Delete(w->widget);
    mem_free(w);
    return 0;
}

/* Every $ref leads to a schema of the document. */
static void check_refs(const cJSON *j, const cJSON *schemas)
{
    json_foreach (m, j) {
        if (m->string && streq(m->string, "$ref") && cJSON_IsString(m)) {
            const char *name = strrchr(m->valuestring, '/') + 1;
            if (!json_at(schemas, name))
                fail_msg("dangling reference to %s", name);
        }
        check_refs(m, schemas);
    }
}

static void check_ids(const cJSON *doc)
{
    cJSON *seen AUTO(json_freep) = cJSON_CreateObject();
    json_foreach (path, json_at(doc, "paths")) {
        json_foreach (op, path) {
            const char *id = json_str(op, "operationId");
            if (!id)
                continue;
            if (json_at(seen, id))
                fail_msg("operationId %s twice", id);
            cJSON_AddTrueToObject(seen, id);
        }
    }
    assert_true(cJSON_GetArraySize(seen) > 5);
}

static bool has_parameter(const cJSON *op, const char *name)
{
    return json_find(json_at(op, "parameters"), "name", name) != NULL;
}

static void test_v3_core(void **state)
{
    struct world *w = *state;
    cJSON *doc AUTO(json_freep) = openapi_v3("", "v1", w->r, 4);
    const cJSON *schemas = json_at(doc, "components", "schemas"), *paths = json_at(doc, "paths");
    check_refs(doc, schemas);
    check_ids(doc);
    assert_int_equal(cJSON_GetArraySize(paths), 7);
    const cJSON *patch = json_at(paths, "/api/v1/namespaces/{namespace}/pods/{name}", "patch");
    assert_true(has_parameter(patch, "dryRun") && has_parameter(patch, "fieldValidation"));
    assert_json(json_at(patch, "x-kubernetes-group-version-kind"),
                "{'group': '', 'version': 'v1', 'kind': 'Pod'}", "gvk");
    assert_non_null(json_at(paths, "/api/v1/nodes/{name}/status", "put"));
    assert_null(json_at(paths, "/api/v1/nodes/{name}/status", "delete"));
    assert_non_null(json_at(paths, "/api/v1/pods", "get"));
    assert_null(json_at(paths, "/api/v1/pods", "post"));
    /* kubectl makes patches from these. */
    const cJSON *spec = json_at(schemas, "io.k8s.api.core.v1.PodSpec", "properties");
    assert_string_equal(json_str(spec, "containers", "x-kubernetes-patch-merge-key"), "name");
    assert_string_equal(json_str(spec, "volumes", "x-kubernetes-patch-strategy"),
                        "merge,retainKeys");
    assert_null(json_at(spec, "tolerations", "x-kubernetes-patch-merge-key"));
    assert_non_null(json_at(schemas, "io.k8s.api.core.v1.Volume", "properties", "configMap"));
    const cJSON *kinds =
        json_at(schemas, "io.k8s.api.core.v1.Pod", "x-kubernetes-group-version-kind");
    assert_int_equal(cJSON_GetArraySize(kinds), 1);
}

static void test_v3_custom(void **state)
{
    struct world *w = *state;
    cJSON *doc AUTO(json_freep) = openapi_v3("golden.example.com", "v1", w->r, 4);
    const cJSON *schemas = json_at(doc, "components", "schemas");
    check_refs(doc, schemas);
    check_ids(doc);
    const cJSON *s = json_at(schemas, "com.example.golden.v1.Widget");
    assert_string_equal(json_str(s, "description"), "A widget.");
    assert_non_null(json_at(s, "properties", "metadata", "allOf"));
    assert_non_null(json_at(s, "properties", "spec", "x-kubernetes-validations"));
    const char *scale = "/apis/golden.example.com/v1/namespaces/{namespace}/widgets/{name}/scale";
    assert_string_equal(
        json_str(doc, "paths", scale, "get", "x-kubernetes-group-version-kind", "kind"), "Scale");
    cJSON *bare AUTO(json_freep) = openapi_v3("golden.example.com", "v2", w->r, 4);
    assert_string_equal(
        json_str(bare, "components", "schemas", "com.example.golden.v2.Bare", "type"), "object");
}

static void test_v2(void **state)
{
    struct world *w = *state;
    cJSON *doc AUTO(json_freep) = openapi_v2_json(w->r, 4);
    check_refs(doc, json_at(doc, "definitions"));
    check_ids(doc);
    const cJSON *patch =
        json_at(doc, "paths", "/api/v1/namespaces/{namespace}/pods/{name}", "patch");
    assert_true(has_parameter(patch, "dryRun") && has_parameter(patch, "body"));
    /* What v2 cannot say is left out. */
    const cJSON *spec =
        json_at(doc, "definitions", "com.example.golden.v1.Widget", "properties", "spec");
    assert_null(json_at(spec, "x-kubernetes-validations"));
    assert_null(json_at(spec, "properties", "nullable", "type"));
    assert_null(json_at(spec, "properties", "port", "type"));
    assert_string_equal(json_str(spec, "properties", "size", "type"), "integer");
}

/* --- the protobuf, read back with a few lines ------------------------------------------------ */

struct wire {
    const unsigned char *at, *end;
};

static uint64_t varint(struct wire *w)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(w->at < w->end && shift < 64);
        unsigned char b = *w->at++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
}

/* The next field; its bytes when it has any. */
static bool next(struct wire *w, uint32_t *number, struct wire *bytes)
{
    if (w->at == w->end)
        return false;
    uint64_t tag = varint(w);
    *number = (uint32_t)(tag >> 3);
    *bytes = (struct wire){w->at, w->at};
    if ((tag & 7) == 2) {
        uint64_t n = varint(w);
        assert_true(n <= (uint64_t)(w->end - w->at));
        *bytes = (struct wire){w->at, w->at + n};
        w->at += n;
    } else {
        assert_int_equal(tag & 7, 0);
        varint(w);
    }
    return true;
}

static struct wire field(struct wire w, uint32_t want)
{
    uint32_t number;
    struct wire bytes;
    while (next(&w, &number, &bytes))
        if (number == want)
            return bytes;
    fail_msg("no field %u", want);
    return w;
}

static bool is_text(struct wire w, const char *text)
{
    return (size_t)(w.end - w.at) == strlen(text) && memcmp(w.at, text, strlen(text)) == 0;
}

/* The value of a repeated {1: name, 2: value} in field `entry`. */
static struct wire named(struct wire w, uint32_t entry, const char *name)
{
    uint32_t number;
    struct wire bytes;
    while (next(&w, &number, &bytes))
        if (number == entry && is_text(field(bytes, 1), name))
            return field(bytes, 2);
    fail_msg("no entry %s", name);
    return w;
}

static void test_gnostic(void **state)
{
    struct world *w = *state;
    struct buf out AUTO(buf_done) = BUF_INIT(8 << 20);
    openapi_v2_proto(w->r, 4, &out);
    assert_false(out.overflow);
    struct wire doc = {(unsigned char *)out.ptr, (unsigned char *)out.ptr + out.len};
    assert_true(is_text(field(doc, 1), "2.0"));
    assert_true(is_text(field(field(doc, 2), 1), "Atoll"));
    struct wire pod = named(field(doc, 9), 1, "io.k8s.api.core.v1.Pod");
    assert_true(is_text(field(field(pod, 22), 1), "object"));
    struct wire spec = named(field(pod, 25), 1, "spec");
    assert_true(is_text(field(spec, 1), "#/definitions/io.k8s.api.core.v1.PodSpec"));
    struct wire gvk = named(pod, 31, "x-kubernetes-group-version-kind");
    assert_true(is_text(field(gvk, 2), "[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"}]"));
    struct wire item = named(field(doc, 8), 2, "/api/v1/namespaces/{namespace}/pods/{name}");
    struct wire patch = field(item, 8);
    struct wire first = field(field(field(field(patch, 8), 1), 2), 3); /* query parameter */
    assert_true(is_text(field(first, 4), "dryRun"));
    struct wire containers =
        named(field(named(field(doc, 9), 1, "io.k8s.api.core.v1.PodSpec"), 25), 1, "containers");
    assert_true(is_text(field(field(field(containers, 23), 1), 1),
                        "#/definitions/io.k8s.api.core.v1.Container"));
    struct wire labels =
        named(field(named(field(doc, 9), 1, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"), 25),
              1, "labels");
    assert_true(is_text(field(field(field(field(labels, 21), 1), 22), 1), "string"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_v3_core, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v3_custom, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v2, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gnostic, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
