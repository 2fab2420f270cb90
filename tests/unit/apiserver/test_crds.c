/* SPDX-License-Identifier: Apache-2.0 */
/* CRDs from birth to end: what is served when, what a change of the schema does, watches that end
 * with their kind. */
#include "unit/apiserver/api_fixture.h"

#define CRDS    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define GADGETS "/apis/test.example.com/v1/namespaces/default/gadgets"

/* `fields` are the properties of spec. */
static const char *crd(const char *fields, const char *more)
{
    static char text[2048];
    snprintf(text, sizeof(text),
             "{\"apiVersion\":\"apiextensions.k8s.io/"
             "v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":"
             "\"gadgets.test.example.com\"%s},\"spec\":{\"group\":\"test.example.com\",\"scope\":"
             "\"Namespaced\",\"names\":{"
             "\"plural\":\"gadgets\",\"singular\":\"gadget\",\"kind\":\"Gadget\"},\"versions\":[{"
             "\"name\":\"v1\","
             "\"served\":true,\"storage\":true,\"selectableFields\":[{\"jsonPath\":\".spec.color\"}"
             "],\"schema\":{"
             "\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":"
             "\"object\",\"properties\":{%s}}}}}},"
             "{\"name\":\"v2\",\"served\":true,\"storage\":false,\"schema\":{\"openAPIV3Schema\":{"
             "\"type\":\"object\","
             "\"x-kubernetes-preserve-unknown-fields\":true}}}]}}",
             more, fields);
    return text;
}

static const char GADGET[] =
    "{\"apiVersion\":\"test.example.com/v1\",\"kind\":\"Gadget\",\"metadata\":{\"name\":\"g\"},"
    "\"spec\":{\"color\":\"red\"}}";

static void served_when_answered(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    assert_int_equal(fx_code(&f, "GET", GADGETS, NULL), 404);
    assert_int_equal(fx_code(&f, "POST", CRDS, crd("\"color\":{\"type\":\"string\"}", "")), 201);
    assert_int_equal(fx_code(&f, "GET", GADGETS, NULL), 200);
    fx_do(&f, &x, "POST", GADGETS, GADGET);
    assert_int_equal(x.status, 201);
    assert_int_equal(json_int(0, x.body, "metadata", "generation"), 1);
    fx_done(&x);
    fx_do(&f, &x, "GET", "/apis/test.example.com/v2/namespaces/default/gadgets/g", NULL);
    assert_string_equal(json_str(x.body, "apiVersion"), "test.example.com/v2");
    assert_string_equal(json_str(x.body, "spec", "color"), "red");
    fx_done(&x);
    fx_do(&f, &x, "GET", GADGETS "?fieldSelector=spec.color=red", NULL);
    assert_int_equal(cJSON_GetArraySize(json_at(x.body, "items")), 1);
    fx_done(&x);
    fx_do(&f, &x, "GET", GADGETS "?fieldSelector=spec.color=blue", NULL);
    assert_int_equal(cJSON_GetArraySize(json_at(x.body, "items")), 0);
    fx_done(&x);
    fx_stop(&f);
    fx_start(&f);
    assert_int_equal(fx_code(&f, "GET", GADGETS "/g", NULL), 200);
    fx_close(&f);
}

static void a_new_schema_brings_its_defaults(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    assert_int_equal(fx_code(&f, "POST", CRDS, crd("\"color\":{\"type\":\"string\"}", "")), 201);
    assert_int_equal(fx_code(&f, "POST", GADGETS, GADGET), 201);
    fx_do(&f, &x, "GET", CRDS "/gadgets.test.example.com", NULL);
    AUTO(mem_freep)
    char *rv =
        mem_printf(",\"resourceVersion\":\"%s\"", json_str(x.body, "metadata", "resourceVersion"));
    fx_done(&x);
    static const char WITH_SIZE[] =
        "\"color\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\",\"default\":3}";
    struct exchange w = {.slow_after = -1};
    fx_begin(&f, &w, "GET", GADGETS "?watch=true", NULL);
    assert_int_equal(fx_code(&f, "PUT", CRDS "/gadgets.test.example.com", crd(WITH_SIZE, rv)), 200);
    const struct shelf *sh = store_find(f.api.store, "gadgets.test.example.com");
    FX_UNTIL(&f, strstr(shelf_get(sh, "default/g")->text.ptr, "\"size\":3"));
    FX_UNTIL(&f, strstr(w.text, "MODIFIED")); /* the watch goes on, and is told */
    assert_false(w.ended);
    fx_close(&f);
}

static void the_end_takes_the_instances(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    assert_int_equal(fx_code(&f, "POST", CRDS, crd("\"color\":{\"type\":\"string\"}", "")), 201);
    assert_int_equal(fx_code(&f, "POST", GADGETS,
                             "{\"apiVersion\":\"test.example.com/"
                             "v1\",\"kind\":\"Gadget\",\"metadata\":{\"name\":\"held\","
                             "\"finalizers\":[\"a.example/b\"]}}"),
                     201);
    assert_int_equal(fx_code(&f, "POST", GADGETS, GADGET), 201);
    struct exchange w = {.slow_after = -1};
    fx_begin(&f, &w, "GET", GADGETS "?watch=true", NULL);
    assert_int_equal(fx_code(&f, "DELETE", CRDS "/gadgets.test.example.com", NULL), 200);
    const struct shelf *sh = store_find(f.api.store, "gadgets.test.example.com");
    FX_UNTIL(&f, sh->live == 1); /* the one that is held stays, and so does the CRD */
    fx_do(&f, &x, "GET", CRDS "/gadgets.test.example.com", NULL);
    assert_non_null(json_str(x.body, "metadata", "deletionTimestamp"));
    fx_done(&x);
    fx_stop(&f); /* a restart in the middle of it */
    fx_start(&f);
    fx_do(&f, &x, "GET", GADGETS "/held", NULL);
    json_del(x.body, "metadata", "finalizers");
    AUTO(mem_freep) char *body = json_print(x.body);
    fx_done(&x);
    memset(&w, 0, sizeof(w));
    w.slow_after = -1;
    fx_begin(&f, &w, "GET", GADGETS "?watch=true", NULL);
    assert_int_equal(fx_code(&f, "PUT", GADGETS "/held", body), 200);
    FX_UNTIL(&f, !shelf_get(store_find(f.api.store, "customresourcedefinitions"),
                            "gadgets.test.example.com"));
    assert_true(w.ended);
    assert_int_equal(fx_code(&f, "GET", GADGETS, NULL), 404);
    fx_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(served_when_answered),
        cmocka_unit_test(a_new_schema_brings_its_defaults),
        cmocka_unit_test(the_end_takes_the_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
