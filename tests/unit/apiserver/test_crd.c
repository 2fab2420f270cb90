/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions: what is filled in, what is refused, what may not change. */
#include "apiserver/patch.h"
#include "apiserver/schema.h"

#include "unit/apiserver/leaf.h"
#include "unit/apiserver/widget.h"

/* The widget CRD with a JSON patch on it. */
static cJSON *patched(const char *ops)
{
    cJSON *crd = js(WIDGET_CRD), *list = js(ops), *result = NULL;
    struct err *err = NULL;
    if (patch_json(crd, list, &result, &err))
        fail_msg("%s: %s", ops, err_text(err));
    cJSON_Delete(list);
    return result;
}

#define V0     "/spec/versions/0"
#define SCHEMA V0 "/schema/openAPIV3Schema"
#define PROPS  SCHEMA "/properties/spec/properties"
#define P0     "spec.versions[0].schema.openAPIV3Schema"

static void test_create(void **state)
{
    static const struct {
        const char *ops, *causes;
    } rows[] = {
        {"[]", ""},
        {"[{'op': 'remove', 'path': '" PROPS "/size/type'}]",
         "Required " P0 ".properties[spec].properties[size].type"},
        {"[{'op': 'replace', 'path': '/metadata/name', 'value': 'wrong.example.com'}]",
         "Invalid metadata.name"},
        {"[{'op': 'remove', 'path': '" V0 "/schema'}]", "Required " P0},
        {"[{'op': 'replace', 'path': '/spec/versions/1/storage', 'value': true}]",
         "Invalid spec.versions, Invalid status.storedVersions"},
        {"[{'op': 'replace', 'path': '" V0 "/storage', 'value': false}]",
         "Invalid spec.versions, Invalid status.storedVersions"},
        {"[{'op': 'replace', 'path': '" PROPS "/color/default', 'value': 'pink'}]",
         "NotSupported " P0 ".properties[spec].properties[color].default"},
        {"[{'op': 'replace', 'path': '" PROPS
         "/mode/x-kubernetes-validations/0/rule', 'value': 'self.nope('}]",
         "Invalid " P0 ".properties[spec].properties[mode].x-kubernetes-validations[0].rule"},
        {"[{'op': 'replace', 'path': '/spec/scope', 'value': 'Everywhere'}]",
         "NotSupported spec.scope"},
        {"[{'op': 'remove', 'path': '/spec/scope'}]", "Required spec.scope"},
        {"[{'op': 'replace', 'path': '/spec/group', 'value': 'nodots'}, {'op': 'replace', 'path': "
         "'/metadata/name',"
         " 'value': 'widgets.nodots'}]",
         "Invalid spec.group"},
        {"[{'op': 'replace', 'path': '/spec/names/kind', 'value': 'Bad_Kind'}]",
         "Invalid spec.names.kind, Invalid spec.names.listKind"},
        {"[{'op': 'replace', 'path': '/spec/names/shortNames', 'value': ['Bad']}]",
         "Invalid spec.names.shortNames[0]"},
        {"[{'op': 'add', 'path': '/spec/names/listKind', 'value': 'Widget'}]",
         "Invalid spec.names.listKind"},
        {"[{'op': 'replace', 'path': '/spec/versions/1/name', 'value': 'v1'}]",
         "Invalid spec.versions"},
        {"[{'op': 'replace', 'path': '" V0 "/additionalPrinterColumns/0/type', 'value': 'text'}]",
         "Invalid spec.versions[0].additionalPrinterColumns[0].type"},
        {"[{'op': 'replace', 'path': '" V0
         "/additionalPrinterColumns/0/jsonPath', 'value': 'spec.size'}]",
         "Invalid spec.versions[0].additionalPrinterColumns[0].JSONPath"},
        {"[{'op': 'replace', 'path': '" V0
         "/subresources/scale/specReplicasPath', 'value': '.status.x'}]",
         "Invalid spec.versions[0].subresources.scale.specReplicasPath"},
        {"[{'op': 'add', 'path': '" V0
         "/selectableFields', 'value': [{'jsonPath': '.spec.color'}, {'jsonPath':"
         " '.spec.items'}, {'jsonPath': '.spec.color'}]}]",
         "Invalid spec.versions[0].selectableFields[1].jsonPath, Duplicate"
         " spec.versions[0].selectableFields[2].jsonPath"},
        {"[{'op': 'add', 'path': '/spec/conversion', 'value': {'strategy': 'Webhook'}}]",
         "NotSupported spec.conversion.strategy"},
        {"[{'op': 'add', 'path': '/spec/preserveUnknownFields', 'value': true}]",
         "Invalid spec.preserveUnknownFields"},
        {"[{'op': 'add', 'path': '" V0 "/deprecationWarning', 'value': 'old'}]",
         "Invalid spec.versions[0].deprecationWarning"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *crd AUTO(json_freep) = patched(rows[i].ops);
        struct causes c = {.arena = a};
        crd_default(crd);
        crd_validate(crd, NULL, &c);
        assert_causes(&c, rows[i].causes, rows[i].ops);
    }
}

static void test_default(void **state)
{
    (void)state;
    cJSON *crd AUTO(json_freep) =
        js("{'metadata': {'name': 'x'}, 'spec': {'names': {'plural': 'things', 'kind': 'Thing'},"
           " 'versions': [{'name': 'v1'}, {'name': 'v2', 'storage': true}]}}");
    crd_default(crd);
    assert_json(
        json_at(crd, "spec", "names"),
        "{'plural': 'things', 'kind': 'Thing', 'singular': 'thing', 'listKind': 'ThingList'}",
        "names");
    assert_json(json_at(crd, "spec", "conversion"), "{'strategy': 'None'}", "conversion");
    assert_json(
        json_at(crd, "status"),
        "{'acceptedNames': {'plural': '', 'kind': ''}, 'conditions': [], 'storedVersions': ['v2']}",
        "status");
    cJSON *again AUTO(json_freep) = cJSON_Duplicate(crd, true);
    crd_default(again);
    assert_true(json_equal(crd, again));
}

static void test_update(void **state)
{
    static const struct {
        const char *ops, *causes;
    } rows[] = {
        {"[]", ""},
        {"[{'op': 'replace', 'path': '/spec/scope', 'value': 'Cluster'}]", "Invalid spec.scope"},
        {"[{'op': 'replace', 'path': '/spec/names/kind', 'value': 'Gadget'}]",
         "Invalid spec.names.kind"},
        {"[{'op': 'replace', 'path': '/spec/names/shortNames', 'value': ['wx']}]", ""},
        {"[{'op': 'remove', 'path': '/spec/versions/1'}]", ""},
        {"[{'op': 'replace', 'path': '/spec/group', 'value': 'other.example.com'}]",
         "Invalid metadata.name, Invalid spec.group"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    cJSON *old AUTO(json_freep) = js(WIDGET_CRD);
    crd_default(old);
    json_put(old, js("[{'type': 'Established', 'status': 'True'}]"), "status", "conditions");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *crd AUTO(json_freep) = patched(rows[i].ops);
        struct causes c = {.arena = a};
        crd_default(crd);
        crd_validate(crd, old, &c);
        assert_causes(&c, rows[i].causes, rows[i].ops);
    }
    /* The version objects were stored in must stay. */
    cJSON *crd AUTO(json_freep) =
        patched("[{'op': 'remove', 'path': '/spec/versions/0'}, {'op': 'replace', 'path':"
                " '/spec/versions/0/storage', 'value': true}]");
    struct causes c = {.arena = a};
    json_put(crd, js("['v1', 'v1beta1']"), "status", "storedVersions");
    crd_default(crd);
    crd_validate(crd, old, &c);
    assert_causes(&c, "Invalid status.storedVersions[0]", "dropped version");
}

/* Whatever stands where: nothing but causes may come of it. */
static void test_strange(void **state)
{
    static const char *const strange[] = {
        "{}",
        "{'spec': 5}",
        "{'spec': {'versions': {}}}",
        "{'spec': {'versions': [1, null, []]}}",
        "{'spec': {'versions': [{'schema': {'openAPIV3Schema': []}}], 'names': []}}",
        "{'spec': {'versions': [{'additionalPrinterColumns': [1], 'subresources': {'scale': 1}}]}}",
        "{'spec': {'versions': [{'selectableFields': [1]}]}, 'status': {'storedVersions': [1]}}"};
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        cJSON *crd AUTO(json_freep) = js(strange[i]);
        struct causes c = {.arena = a};
        crd_validate(crd, NULL, &c);
        assert_true(c.n > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_strange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
