/* SPDX-License-Identifier: Apache-2.0 */
/* Names, labels and keys, and the metadata checks made of them. */
#include "apiserver/names.h"

#include "unit/apiserver/leaf.h"

#define X63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define X64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* Two labels of full length. */
#define X63_X63                                                                                    \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."                             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* A prefix and a name of full length, and one of a character more. */
#define PREFIX_X63 "x.y/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PREFIX_X64 "x.y/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct rule {
    const char *(*check)(const char *);
    const char *good[6], *bad[10];
};

static const struct rule rules[] = {
    {name_check_label, {"a", "a-1", "1a", X63}, {"", "A", "a.", "-a", "a-", "a.b", X64, "a_b"}},
    {name_check_label_1035, {"a", "a-1"}, {"", "1a", "A", "a-", "a.b"}},
    {name_check_subdomain, {"a", "a.b-c.1", X63_X63}, {"", ".a", "a.", "a..b", "A", "a_b", "-a.b"}},
    {name_check_path_segment, {"a:B_c", "Any thing"}, {".", "..", "a/b", "a%b"}},
    {name_check_qualified,
     {"a", "A.b_c-1", "x.y/A", PREFIX_X63},
     {"", "/a", "a/", "X/a", "a/b/c", "bad key", "-a", PREFIX_X64}},
    {name_check_label_value, {"", "A.b_c-1", X63}, {"bad value!", "-a", "a-", X64}},
    {name_check_config_key,
     {"a", "a-x", ".b", "a.b_c-1"},
     {"", ".", "..", "..x", "bad key", "a/b"}},
    {name_check_env, {"A", "a.b-c", "1"}, {"", "a=b", "a\tb"}},
    {name_check_port, {"http", "a-1"}, {"", "1", "HTTP", "a--b", "-a", "abcdefghijklmnop", "123"}},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        for (size_t k = 0; k < ARRAY_LEN(rules[i].good) && rules[i].good[k]; k++)
            if (rules[i].check(rules[i].good[k]))
                fail_msg("rule %zu refuses \"%s\": %s", i, rules[i].good[k],
                         rules[i].check(rules[i].good[k]));
        for (size_t k = 0; k < ARRAY_LEN(rules[i].bad) && rules[i].bad[k]; k++)
            if (!rules[i].check(rules[i].bad[k]))
                fail_msg("rule %zu accepts \"%s\"", i, rules[i].bad[k]);
    }
}

static void test_meta(void **state)
{
    static const struct {
        const char *meta;
        bool namespaced;
        enum name_rule rule;
        const char *causes;
    } rows[] = {
        {"{'name': 'a', 'namespace': 'n'}", true, NAME_SUBDOMAIN, ""},
        {"{'name': 'a'}", false, NAME_SUBDOMAIN, ""},
        {"{'generateName': 'a-', 'name': 'a-x'}", false, NAME_SUBDOMAIN, ""},
        {"{}", false, NAME_SUBDOMAIN, "Required metadata.name"},
        {"{'name': 'Bad_Name!'}", false, NAME_SUBDOMAIN, "Invalid metadata.name"},
        {"{'name': 'Bad.Name'}", false, NAME_LABEL, "Invalid metadata.name"},
        {"{'name': '1a'}", false, NAME_LABEL_1035, "Invalid metadata.name"},
        {"{'name': 'system:x'}", false, NAME_PATH_SEGMENT, ""},
        {"{'generateName': 'Bad_', 'name': 'a'}", false, NAME_SUBDOMAIN,
         "Invalid metadata.generateName"},
        {"{'name': 'a'}", true, NAME_SUBDOMAIN, "Required metadata.namespace"},
        {"{'name': 'a', 'namespace': 'n'}", false, NAME_SUBDOMAIN, "Forbidden metadata.namespace"},
        {"{'name': 'a', 'labels': {'bad key': 'v', 'ok': 'bad value!'}}", false, NAME_SUBDOMAIN,
         "Invalid metadata.labels, Invalid metadata.labels"},
        {"{'name': 'a', 'annotations': {'bad key': 'v', 'Upper.Prefix/x': 'any text!'}}", false,
         NAME_SUBDOMAIN, "Invalid metadata.annotations"},
        {"{'name': 'a', 'finalizers': ['noslash', 'example.com/hold', 'orphan']}", false,
         NAME_SUBDOMAIN, "Invalid metadata.finalizers[0]"},
        {"{'name': 'a', 'finalizers': ['orphan', 'foregroundDeletion']}", false, NAME_SUBDOMAIN,
         "Invalid metadata.finalizers"},
        {"{'name': 'a', 'ownerReferences': [{'apiVersion': 'v1', 'kind': 'K', 'name': 'n', 'uid': "
         "''}]}",
         false, NAME_SUBDOMAIN, "Invalid metadata.ownerReferences[0].uid"},
        {"{'name': 'a', 'ownerReferences': [{'apiVersion': 'v1', 'kind': 'K', 'name': 'n', 'uid': "
         "'u', 'controller':"
         " true}, {'apiVersion': 'v1', 'kind': 'K', 'name': 'm', 'uid': 'v', 'controller': true}]}",
         false, NAME_SUBDOMAIN, "Invalid metadata.ownerReferences"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *meta AUTO(json_freep) = js(rows[i].meta);
        struct causes c = {.arena = a};
        meta_validate(meta, rows[i].namespaced, rows[i].rule, &c);
        assert_causes(&c, rows[i].causes, rows[i].meta);
    }
}

static void test_annotations_too_long(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(1 << 20);
    struct causes c = {.arena = a};
    char *big = mem_alloc(NAMES_ANNOTATIONS_MAX + 1);
    memset(big, 'x', NAMES_ANNOTATIONS_MAX);
    cJSON *annotations AUTO(json_freep) = cJSON_CreateObject();
    cJSON_AddStringToObject(annotations, "k", big);
    meta_validate_annotations(annotations, "metadata.annotations", &c);
    assert_causes(&c, "TooLong metadata.annotations", "annotations");
    mem_free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_meta),
        cmocka_unit_test(test_annotations_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
