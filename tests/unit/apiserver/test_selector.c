/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors: what they select, and what is no selector. */
#include "apiserver/selector.h"

#include "unit/apiserver/leaf.h"

/* Seven objects l0..l6: tier a for the first three, else b; odd on the odd ones; idx is the number.
 */
static cJSON *labels_of(int i)
{
    cJSON *l = cJSON_CreateObject();
    char idx[8];
    snprintf(idx, sizeof(idx), "%d", i);
    cJSON_AddStringToObject(l, "idx", idx);
    cJSON_AddStringToObject(l, "tier", i < 3 ? "a" : "b");
    if (i % 2)
        cJSON_AddStringToObject(l, "odd", "");
    return l;
}

static void test_labels(void **state)
{
    static const struct {
        const char *text, *selected;
    } rows[] = {
        {NULL, "0123456"},
        {"", "0123456"},
        {"  ", "0123456"},
        {"tier=a", "012"},
        {"tier==a", "012"},
        {" tier = a ", "012"},
        {"tier!=a", "3456"},
        {"missing!=x", "0123456"},
        {"odd", "135"},
        {"!odd", "0246"},
        {"odd=", "135"},
        {"tier=b,odd", "35"},
        {"tier in (a,b),idx notin (1,2)", "03456"},
        {"tier in (a)", "012"},
        {"missing in (a)", ""},
        {"missing notin (a)", "0123456"},
        {"odd in (,x)", "135"},
        {"idx>3", "456"},
        {"idx<1", "0"},
        {"tier>3", ""},
        {"in=x", ""},
        {"notin", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct label_selector *s = NULL;
        struct err *err AUTO(err_freep) = NULL;
        struct buf selected AUTO(buf_done) = BUF_INIT(16);
        if (label_selector_parse(rows[i].text, &s, &err))
            fail_msg("%s: %s", rows[i].text, err_text(err));
        for (int k = 0; k < 7; k++) {
            cJSON *l AUTO(json_freep) = labels_of(k);
            if (label_selector_matches(s, l))
                buf_addc(&selected, (char)('0' + k));
        }
        if (!streq(buf_str(&selected), rows[i].selected))
            fail_msg("%s: have %s, want %s", rows[i].text, buf_str(&selected), rows[i].selected);
        label_selector_free(s);
    }
}

static void test_label_errors(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"tier in a", "found 'a', expected: '('"},
        {"tier=bad value!", "found 'value'"},
        {"tier=a,", "expected: a label key"},
        {",tier=a", "expected: a label key"},
        {"tier in (a", "',' or ')'"},
        {"tier in ()x", "',' or 'end of string'"},
        {"tier a", "expected: in, notin"},
        {"bad key=x", "found 'key'"},
        {"-x=y", "name part must"},
        {"tier=-x-", "label must be"},
        {"idx>x", "must be an integer"},
        {"=a", "a label key"},
        {"!", "a label key"},
        {"a==(b)", "a value"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct label_selector *s = NULL;
        struct err *err AUTO(err_freep) = NULL;
        assert_int_equal(label_selector_parse(rows[i].text, &s, &err), -EINVAL);
        if (!strstr(err_text(err), rows[i].says))
            fail_msg("%s\n  says %s\n  want %s", rows[i].text, err_text(err), rows[i].says);
    }
}

static void test_label_objects(void **state)
{
    static const struct {
        const char *object, *selected; /* NULL: an error */
    } rows[] = {
        {"{}", "0123456"},
        {"{'matchLabels': {'tier': 'a'}}", "012"},
        {"{'matchLabels': {'tier': 'b'}, 'matchExpressions': [{'key': 'odd', 'operator': "
         "'Exists'}]}",
         "35"},
        {"{'matchExpressions': [{'key': 'odd', 'operator': 'DoesNotExist'}]}", "0246"},
        {"{'matchExpressions': [{'key': 'idx', 'operator': 'In', 'values': ['1', '2']}]}", "12"},
        {"{'matchExpressions': [{'key': 'idx', 'operator': 'NotIn', 'values': ['1', '2']}]}",
         "03456"},
        {"{'matchExpressions': [{'key': 'idx', 'operator': 'In'}]}", NULL},
        {"{'matchExpressions': [{'key': 'idx', 'operator': 'Exists', 'values': ['x']}]}", NULL},
        {"{'matchExpressions': [{'key': 'idx', 'operator': 'Near'}]}", NULL},
        {"{'matchExpressions': [{'operator': 'Exists'}]}", NULL},
        {"{'matchLabels': {'tier': 5}}", NULL},
        {"{'matchLabels': {'bad key': 'x'}}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct label_selector *s = NULL;
        cJSON *object AUTO(json_freep) = js(rows[i].object);
        struct buf selected AUTO(buf_done) = BUF_INIT(16);
        int rc = label_selector_of(object, &s, NULL);
        assert_int_equal(rc, rows[i].selected ? 0 : -EINVAL);
        for (int k = 0; !rc && k < 7; k++) {
            cJSON *l AUTO(json_freep) = labels_of(k);
            if (label_selector_matches(s, l))
                buf_addc(&selected, (char)('0' + k));
        }
        if (!rc)
            assert_string_equal(buf_str(&selected), rows[i].selected);
        label_selector_free(s);
    }
    struct label_selector *none = NULL;
    assert_int_equal(label_selector_parse("", &none, NULL), 0);
    assert_true(label_selector_empty(none));
}

static const struct field_label pod_fields[] = {{"spec.nodeName", "spec.nodeName", ""},
                                                {"status.phase", "status.phase", "Pending"},
                                                {"spec.hostNetwork", "spec.hostNetwork", "false"},
                                                {"count", "count", "0"},
                                                {NULL, "", ""}};

static void test_fields(void **state)
{
    static const struct {
        const char *text;
        bool matches;
    } rows[] = {
        {NULL, true},
        {"", true},
        {"metadata.name=p", true},
        {"metadata.name==p", true},
        {"metadata.name!=p", false},
        {"metadata.namespace=n", true},
        {"spec.nodeName=node-1,metadata.name=p", true},
        {"spec.nodeName=node-1,metadata.name=q", false},
        {"spec.nodeName=", false},
        {"status.phase=Pending", true},
        {"spec.hostNetwork=true", true},
        {"count=3", true},
        {"metadata.name!=a\\,b", true},
        {"metadata.name=p,", true},
    };
    (void)state;
    cJSON *pod AUTO(json_freep) = js("{'metadata': {'name': 'p', 'namespace': 'n'}, 'spec': "
                                     "{'nodeName': 'node-1', 'hostNetwork': true},"
                                     " 'count': 3}");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_selector *s = NULL;
        struct err *err AUTO(err_freep) = NULL;
        if (field_selector_parse(rows[i].text, pod_fields, &s, &err))
            fail_msg("%s: %s", rows[i].text, err_text(err));
        if (field_selector_matches(s, pod) != rows[i].matches)
            fail_msg("%s: want %d", rows[i].text, rows[i].matches);
        field_selector_free(s);
    }
}

static void test_field_errors(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"metadata.name", "can't understand"},
        {"data.i=1", "\"data.i\" is not a known field selector: only \"metadata.name\", "
                     "\"metadata.namespace\","},
        {"metadata.name=a=b", "must be escaped"},
        {"metadata.name=a\\b", "must be escaped"},
        {"=x", "is not a known field selector"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_selector *s = NULL;
        struct err *err AUTO(err_freep) = NULL;
        assert_int_equal(field_selector_parse(rows[i].text, pod_fields, &s, &err), -EINVAL);
        if (!strstr(err_text(err), rows[i].says))
            fail_msg("%s\n  says %s\n  want %s", rows[i].text, err_text(err), rows[i].says);
    }
}

static void test_field_exact(void **state)
{
    (void)state;
    struct field_selector *s = NULL;
    assert_int_equal(
        field_selector_parse("metadata.name!=x,metadata.name=a\\=b\\,c\\\\", NULL, &s, NULL), 0);
    assert_string_equal(field_selector_exact(s, "metadata.name"), "a=b,c\\");
    assert_null(field_selector_exact(s, "metadata.namespace"));
    assert_null(field_selector_exact(NULL, "metadata.name"));
    field_selector_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),        cmocka_unit_test(test_label_errors),
        cmocka_unit_test(test_label_objects), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_field_errors),  cmocka_unit_test(test_field_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
