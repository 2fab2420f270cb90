/* SPDX-License-Identifier: Apache-2.0 */
/* Structural schemas: what is one, and what it prunes, fills in, refuses. */
#include "apiserver/schema.h"

#include "unit/apiserver/leaf.h"
#include "unit/apiserver/widget.h"

static struct schema *compile(const char *text, struct arena *a, struct causes *c)
{
    cJSON *j = js(text);
    *c = (struct causes){.arena = a};
    struct schema *s = schema_compile(j, "s", c);
    cJSON_Delete(j);
    return s;
}

#define W(spec)                                                                                    \
    "{'apiVersion': 'golden.example.com/v1', 'kind': 'Widget', 'metadata': {'name': 'w'}, "        \
    "'spec': " spec "}"
#define BLOCKED ", Invalid <nil>"

/* --- values --------------------------------------------------------------------------------- */

static void test_validate(void **state)
{
    static const struct {
        const char *object, *causes;
    } rows[] = {
        {W("{'size': 3}"), ""},
        {W("{'size': 3, 'port': 'http', 'set': ['a', 'b'], 'anyMap': {'a': 1}, 'free': {'x': "
           "[1]}}"),
         ""},
        {W("{'size': 3, 'nullable': null, 'port': 80, 'when': '2024-01-01T00:00:00Z'}"), ""},
        {W("{'size': 101}"), "Invalid spec.size"},
        {W("{'size': 3, 'set': ['a', 'a']}"), "Duplicate spec.set[1]"},
        {W("{'size': 3, 'set': ['a', 'a', 'a']}"), "Duplicate spec.set[1], Duplicate spec.set[2]"},
        {W("{'size': 1.5}"), "TypeInvalid spec.size" BLOCKED},
        {W("{'size': 1e999}"), "TypeInvalid spec.size, Invalid spec.size" BLOCKED},
        {W("{'size': 'three'}"), "TypeInvalid spec.size" BLOCKED},
        {W("{'size': 3, 'port': true}"), "TypeInvalid spec.port" BLOCKED},
        {W("{'size': 3, 'port': 1.5}"), "TypeInvalid spec.port" BLOCKED},
        {W("{'color': 'red'}"), "Required spec.size" BLOCKED},
        {W("{'size': 3, 'items': [{'id': '0'}, {'id': '1'}, {'id': '2'}, {'id': '3'}]}"),
         "TooMany spec.items" BLOCKED},
        {W("{'size': 3, 'name': 'UPPER'}"), "Invalid spec.name"},
        /* only the first rule about a string speaks */
        {W("{'size': 3, 'name': 'UPPER-CASE-LONG'}"), "TooLong spec.name" BLOCKED},
        {W("{'size': 3, 'when': 'yesterday'}"), "TypeInvalid spec.when" BLOCKED},
        {W("{'size': 3, 'anyMap': {'a': 'x'}}"), "TypeInvalid spec.anyMap.a" BLOCKED},
        {W("{'size': 3, 'items': [{'id': 'a'}, {'id': 'b'}, {'id': 'a'}]}"),
         "Duplicate spec.items[2]"},
        {W("{'size': 0, 'color': 'pink', 'items': [{'v': 1}]}"),
         "Invalid spec.size, NotSupported spec.color, Required spec.items[0].id" BLOCKED},
        {"{'metadata': {'name': 'w'}}", "Required spec" BLOCKED},
        /* rules run when the shape is right */
        {W("{'size': 3, 'replicas': 5}"), "Invalid spec"},
        {W("{'size': 3, 'replicas': 3, 'mode': 'a'}"), ""},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c;
    struct schema *s = compile(WIDGET_SCHEMA, a, &c);
    assert_causes(&c, "", "widget");
    assert_non_null(s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *obj AUTO(json_freep) = js(rows[i].object);
        struct causes found = {.arena = a};
        schema_validate(s, obj, NULL, &found);
        assert_causes(&found, rows[i].causes, rows[i].object);
    }
    schema_free(s);
}

static void test_messages(void **state)
{
    static const struct {
        const char *object, *message;
    } rows[] = {
        {W("{'size': 0}"),
         "Invalid value: 0: spec.size in body should be greater than or equal to 1"},
        {W("{'size': 'x'}"),
         "Invalid value: \"string\": spec.size in body must be of type integer: \"string\""},
        {W("{'size': 1, 'color': 'x'}"),
         "Unsupported value: \"x\": supported values: \"red\", \"green\", \"blue\""},
        {W("{'size': 1, 'name': 'abcdefghijkl'}"), "Too long: may not be longer than 10"},
        {W("{'size': 1, 'set': ['q', 'q']}"), "Duplicate value: \"q\""},
        {W("{'size': 1, 'replicas': 2}"),
         "Invalid value: \"object\": replicas must not exceed size"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c;
    struct schema *s = compile(WIDGET_SCHEMA, a, &c);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *obj AUTO(json_freep) = js(rows[i].object);
        struct causes found = {.arena = a};
        schema_validate(s, obj, NULL, &found);
        assert_true(found.n >= 1);
        assert_string_equal(found.items[0].message, rows[i].message);
    }
    schema_free(s);
}

/* Causes that are there already (of metadata) hold the rules back as well. */
static void test_blocked_from_outside(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c;
    struct schema *s = compile(WIDGET_SCHEMA, a, &c);
    cJSON *obj AUTO(json_freep) = js(W("{'size': 3, 'replicas': 5}"));
    causes_required(&c, "metadata.name", NULL);
    schema_validate(s, obj, NULL, &c);
    assert_causes(&c, "Required metadata.name, Invalid <nil>", "blocked");
    schema_free(s);
}

static void test_transition(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c;
    struct schema *s = compile(WIDGET_SCHEMA, a, &c);
    cJSON *was AUTO(json_freep) = js(W("{'size': 3, 'mode': 'a'}"));
    cJSON *now AUTO(json_freep) = js(W("{'size': 3, 'mode': 'b'}"));
    cJSON *none AUTO(json_freep) = js(W("{'size': 3}"));
    schema_validate(s, now, was, &c);
    assert_causes(&c, "Invalid spec.mode", "changed");
    assert_string_equal(c.items[0].message, "Invalid value: \"string\": mode is immutable");
    c = (struct causes){.arena = a};
    schema_validate(s, was, was, &c);
    schema_validate(s, now, none, &c); /* nothing to compare with */
    schema_validate(s, none, was, &c);
    assert_causes(&c, "", "unchanged, added, removed");
    schema_free(s);
}

static void test_prune_and_default(void **state)
{
    static const struct {
        const char *in, *out, *removed;
    } rows[] = {
        {W("{'size': 3, 'junk': 1, 'opts': {}, 'items': [{'id': 'a', 'x': {}}],"
           " 'free': {'any': [1, {'x': 'y'}]}, 'port': 'http', 'nullable': null}"),
         W("{'color': 'red', 'free': {'any': [1, {'x': 'y'}]}, 'items': [{'id': 'a', 'v': 7}],"
           " 'nullable': null, 'opts': {'deep': 'x'}, 'port': 'http', 'replicas': 1, 'size': 3}"),
         "spec.junk spec.items[0].x"},
        {W("{'size': 3, 'color': null, 'name': null}"),
         W("{'size': 3, 'color': 'red', 'opts': {'deep': 'x'}, 'replicas': 1}"), ""},
        {"{'apiVersion': 'v', 'kind': 'k', 'metadata': {'anything': 1}, 'extra': {'a': 1}}",
         "{'apiVersion': 'v', 'kind': 'k', 'metadata': {'anything': 1}}", "extra"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c;
    struct schema *s = compile(WIDGET_SCHEMA, a, &c);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cJSON *obj AUTO(json_freep) = js(rows[i].in);
        const char **removed = NULL;
        size_t n = 0;
        struct buf names AUTO(buf_done) = BUF_INIT(1000);
        schema_prune(s, obj, a, &removed, &n);
        schema_default(s, obj);
        for (size_t k = 0; k < n; k++)
            buf_addf(&names, "%s%s", k ? " " : "", removed[k]);
        assert_json(obj, rows[i].out, rows[i].in);
        assert_string_equal(buf_str(&names), rows[i].removed);
        /* Doing it again changes nothing. */
        schema_prune(s, obj, a, &removed, &n);
        schema_default(s, obj);
        assert_int_equal(n, 0);
        assert_json(obj, rows[i].out, "again");
    }
    schema_free(s);
}

/* --- junctors and small rules --------------------------------------------------------------- */

#define PROP(s) "{'type': 'object', 'properties': {'p': " s "}}"

static void test_small_rules(void **state)
{
    static const struct {
        const char *schema, *good, *bad, *causes;
    } rows[] = {
        {"{'type': 'number', 'multipleOf': 0.1}", "0.3", "0.35", "Invalid p"},
        {"{'type': 'number', 'minimum': 1, 'exclusiveMinimum': true}", "1.1", "1", "Invalid p"},
        {"{'type': 'number', 'maximum': 1, 'exclusiveMaximum': true}", "0.9", "1", "Invalid p"},
        {"{'type': 'string', 'minLength': 2}", "'\xc3\xa9\xc3\xa9'", "'\xc3\xa9'", "Invalid p"},
        {"{'type': 'array', 'minItems': 1, 'items': {'type': 'string'}}", "['a']", "[]",
         "Invalid p"},
        {"{'type': 'object', 'minProperties': 1, 'additionalProperties': {'type': 'string'}}",
         "{'a': 'b'}", "{}", "Invalid p"},
        {"{'type': 'object', 'maxProperties': 1, 'additionalProperties': {'type': 'string'}}",
         "{'a': 'b'}", "{'a': 'b', 'c': 'd'}", "TooMany p"},
        {"{'type': 'boolean'}", "true", "'true'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'uuid'}", "'b2c30a8c-53b5-4c4c-9e4b-2d0b0a4c1d11'", "'b2c3'",
         "TypeInvalid p"},
        {"{'type': 'string', 'format': 'ipv4'}", "'10.0.0.1'", "'10.0.0.256'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'cidr'}", "'10.0.0.0/8'", "'10.0.0.0/33'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'duration'}", "'1h30m'", "'soon'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'email'}", "'a@b.example'", "'a b@c'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'uri'}", "'https://a.b/c'", "'nothing'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'date'}", "'2024-02-29'", "'2023-02-29'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'byte'}", "'YWI='", "'%%'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'mac'}", "'00:11:22:33:44:55'", "'00:11'", "TypeInvalid p"},
        {"{'type': 'string', 'format': 'hostname'}", "'a.b-c.d'", "'-a'", "TypeInvalid p"},
        {"{'type': 'integer', 'anyOf': [{'minimum': 10}, {'maximum': 2}]}", "1", "5", "Invalid p"},
        {"{'type': 'integer', 'oneOf': [{'minimum': 1}, {'minimum': 10}]}", "5", "11", "Invalid p"},
        {"{'type': 'integer', 'allOf': [{'minimum': 1}, {'maximum': 3}]}", "2", "4", "Invalid p"},
        {"{'type': 'integer', 'not': {'enum': [3]}}", "2", "3", "Invalid p"},
        {"{'type': 'object', 'properties': {'a': {'type': 'string'}, 'b': {'type': 'string'}},"
         " 'oneOf': [{'required': ['a']}, {'required': ['b']}]}",
         "{'a': ''}", "{'a': '', 'b': ''}", "Invalid p"},
        {"{'x-kubernetes-int-or-string': true, 'anyOf': [{'type': 'integer'}, {'type': 'string'}],"
         " 'pattern': '^[0-9]+%$'}",
         "'50%'", "'50'", "Invalid p"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024];
        struct causes c;
        snprintf(text, sizeof(text), PROP("%s"), rows[i].schema);
        struct schema *s = compile(text, a, &c);
        assert_causes(&c, "", text);
        for (int bad = 0; bad < 2; bad++) {
            snprintf(text, sizeof(text), "{'p': %s}", bad ? rows[i].bad : rows[i].good);
            cJSON *obj AUTO(json_freep) = js(text);
            struct causes found = {.arena = a};
            schema_validate(s, obj, NULL, &found);
            assert_causes(&found, bad ? rows[i].causes : "", rows[i].schema);
        }
        schema_free(s);
    }
}

/* --- what is no structural schema ----------------------------------------------------------- */

static void test_structure(void **state)
{
    static const struct {
        const char *schema, *causes;
    } rows[] = {
        {"{}", "Required s.type"},
        {"[]", "Invalid s"},
        {"{'type': 'string'}", "Invalid s.type"},
        {"{'type': 'thing'}", "NotSupported s.type"},
        {"{'type': 'object', 'nullable': true}", "Forbidden s.nullable"},
        {"{'type': 'object', 'additionalProperties': {'type': 'string'}}",
         "Forbidden s.additionalProperties"},
        {PROP("{'minimum': 1}"), "Required s.properties[p].type"},
        {PROP("{'type': 'array'}"), "Required s.properties[p].items"},
        {PROP("{'type': 'array', 'items': {}}"), "Required s.properties[p].items.type"},
        {PROP("{'type': 'object', 'properties': {'a': {'type': 'string'}}, 'additionalProperties': "
              "{'type':"
              " 'string'}}"),
         "Forbidden s.properties[p].additionalProperties"},
        {PROP("{'$ref': '#/x', 'type': 'string'}"), "Forbidden s.properties[p].$ref"},
        {PROP("{'type': 5}"), "Invalid s.properties[p].type"},
        {PROP("{'type': 'object', 'properties': {'a': {'type': 'string'}}}, 'p': {'type': "
              "'object'}"),
         "Duplicate s.properties.p"},
        {PROP("{'type': 'string', 'type': 'string'}"), "Duplicate s.properties.p.type"},
        {PROP("{'type': 'string', 'pattern': '('}"), "Invalid s.properties[p].pattern"},
        {PROP("{'type': 'array', 'uniqueItems': true, 'items': {'type': 'string'}}"),
         "Forbidden s.properties[p].uniqueItems"},
        {PROP("{'type': 'integer', 'anyOf': [{'type': 'integer'}]}"),
         "Forbidden s.properties[p].anyOf[0].type"},
        {PROP("{'type': 'integer', 'not': {'description': 'x'}}"),
         "Forbidden s.properties[p].not.description"},
        {PROP("{'x-kubernetes-int-or-string': true, 'type': 'string'}"),
         "Forbidden s.properties[p].type"},
        {PROP("{'type': 'object', 'x-kubernetes-preserve-unknown-fields': false}"),
         "Invalid s.properties[p].x-kubernetes-preserve-unknown-fields"},
        {PROP("{'type': 'string', 'x-kubernetes-list-type': 'set'}"),
         "Invalid s.properties[p].type"},
        {PROP("{'type': 'array', 'items': {'type': 'string'}, 'x-kubernetes-list-type': 'bag'}"),
         "NotSupported s.properties[p].x-kubernetes-list-type"},
        {PROP("{'type': 'array', 'items': {'type': 'object', 'properties': {'a': {'type': "
              "'string'}}},"
              " 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['a']}"),
         "Required s.properties[p].items.properties[a]"},
        {PROP("{'type': 'array', 'items': {'type': 'object'}, 'x-kubernetes-list-type': 'map'}"),
         "Required s.properties[p].x-kubernetes-list-map-keys"},
        {PROP("{'type': 'array', 'items': {'type': 'object'}, 'x-kubernetes-list-type': 'set'}"),
         "Invalid s.properties[p].items.x-kubernetes-map-type"},
        {"{'type': 'object', 'properties': {'metadata': {'type': 'object', 'properties': "
         "{'labels': {'type':"
         " 'object'}}}}}",
         "Forbidden s.properties[metadata]"},
        {PROP("{'type': 'string', 'default': 5}"), "TypeInvalid s.properties[p].default"},
        {PROP("{'type': 'string', 'enum': ['a'], 'default': 'b'}"),
         "NotSupported s.properties[p].default"},
        {PROP("{'type': 'object', 'default': {'x': 1}, 'properties': {'y': {'type': 'integer'}}}"),
         "Invalid s.properties[p].default"},
        {PROP(
             "{'type': 'object', 'default': {'y': 'x'}, 'properties': {'y': {'type': 'integer'}}}"),
         "TypeInvalid s.properties[p].default.y"},
        {PROP("{'type': 'string', 'x-kubernetes-validations': [{'rule': 'self.nope('}]}"),
         "Invalid s.properties[p].x-kubernetes-validations[0].rule"},
        {PROP("{'type': 'string', 'x-kubernetes-validations': [{'rule': 'self == 1'}]}"),
         "Invalid s.properties[p].x-kubernetes-validations[0].rule"},
        {PROP("{'type': 'string', 'x-kubernetes-validations': [{'message': 'x'}]}"),
         "Required s.properties[p].x-kubernetes-validations[0].rule"},
        {PROP("{'type': 'string', 'x-kubernetes-validations': [{'rule': 'true', 'reason': "
              "'Mood'}]}"),
         "NotSupported s.properties[p].x-kubernetes-validations[0].reason"},
        {PROP("{'type': 'array', 'items': {'type': 'string', 'x-kubernetes-validations': [{'rule':"
              " 'self == oldSelf'}]}}"),
         "Invalid s.properties[p].items.x-kubernetes-validations[0].rule"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct causes c;
        struct schema *s = compile(rows[i].schema, a, &c);
        assert_causes(&c, rows[i].causes, rows[i].schema);
        assert_null(s);
    }
}

/* --- rules ---------------------------------------------------------------------------------- */

static void test_rules(void **state)
{
    static const struct {
        const char *prop, *object, *old, *want; /* "Reason field: message" */
    } rows[] = {
        {"{'type': 'integer', 'x-kubernetes-validations': [{'rule': 'self > 1', 'reason': "
         "'FieldValueForbidden',"
         " 'messageExpression': '\\u0027got \\u0027 + string(self)'}]}",
         "{'p': 1}", NULL, "FieldValueForbidden p: Forbidden: got 1"},
        {"{'type': 'object', 'properties': {'q': {'type': 'integer'}}, 'x-kubernetes-validations': "
         "[{'rule':"
         " 'has(self.q)', 'fieldPath': '.q', 'reason': 'FieldValueRequired', 'message': 'need "
         "q'}]}",
         "{'p': {}}", NULL, "FieldValueRequired p.q: Required value: need q"},
        {"{'type': 'integer', 'x-kubernetes-validations': [{'rule': 'self > 1'}]}", "{'p': 1}",
         NULL, "FieldValueInvalid p: Invalid value: \"number\": failed rule: self > 1"},
        {"{'type': 'object', 'properties': {'q': {'type': 'integer'}}, 'x-kubernetes-validations': "
         "[{'rule':"
         " 'self.q > 1', 'message': 'm'}]}",
         "{'p': {}}", NULL,
         "FieldValueInvalid p: Invalid value: \"object\": no such key: q evaluating rule: m"},
        {"{'type': 'object', 'additionalProperties': {'type': 'integer', "
         "'x-kubernetes-validations': [{'rule':"
         " 'self >= oldSelf', 'message': 'shrinks'}]}}",
         "{'p': {'a': 1, 'b': 2}}", "{'p': {'a': 2, 'b': 2}}",
         "FieldValueInvalid p[a]: Invalid value: \"number\": shrinks"},
        {"{'type': 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'], "
         "'items':"
         " {'type': 'object', 'required': ['id'], 'properties': {'id': {'type': 'string'}, 'v': "
         "{'type':"
         " 'integer', 'x-kubernetes-validations': [{'rule': 'self >= oldSelf', 'message': "
         "'shrinks'}]}}}}",
         "{'p': [{'id': 'new', 'v': 0}, {'id': 'a', 'v': 1}]}", "{'p': [{'id': 'a', 'v': 2}]}",
         "FieldValueInvalid p[1].v: Invalid value: \"number\": shrinks"},
    };
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024];
        struct causes c;
        snprintf(text, sizeof(text), PROP("%s"), rows[i].prop);
        cJSON *j = js(text);
        c = (struct causes){.arena = a};
        struct schema *s = schema_compile(j, "s", &c);
        cJSON_Delete(j);
        assert_causes(&c, "", text);
        cJSON *obj AUTO(json_freep) = js(rows[i].object);
        cJSON *old AUTO(json_freep) = rows[i].old ? js(rows[i].old) : NULL;
        schema_validate(s, obj, old, &c);
        assert_int_equal(c.n, 1);
        snprintf(text, sizeof(text), "%s %s: %s", c.items[0].reason, c.items[0].field,
                 c.items[0].message);
        assert_string_equal(text, rows[i].want);
        schema_free(s);
    }
}

/* Rules at the root see name and nothing else of metadata. */
static void test_root_rules(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c;
    struct schema *s = compile(
        "{'type': 'object', 'x-kubernetes-validations': [{'rule': 'size(self.metadata.name) <"
        " 4', 'message': 'long name'}]}",
        a, &c);
    assert_causes(&c, "", "root rule");
    cJSON *obj AUTO(json_freep) = js("{'metadata': {'name': 'longer'}}");
    schema_validate(s, obj, NULL, &c);
    assert_causes(&c, "Invalid <nil>", "root rule");
    schema_free(s);
    s = compile("{'type': 'object', 'x-kubernetes-validations': [{'rule': "
                "'self.metadata.labels.size() == 0'}]}",
                a, &c);
    assert_null(s);
}

/* A schema that fans out is given up, not followed for ever. */
static void test_expensive(void **state)
{
    (void)state;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct buf text AUTO(buf_done) = BUF_INIT(1 << 20);
    buf_adds(&text, "{'type': 'object', 'properties': {'p': {'type': 'array', 'items': {'type': "
                    "'integer', 'anyOf': [");
    for (int i = 0; i < 2000; i++)
        buf_adds(&text, i ? ", {'minimum': 9}" : "{'minimum': 9}");
    buf_adds(&text, "]}}}}");
    struct causes c;
    struct schema *s = compile(buf_str(&text), a, &c);
    assert_causes(&c, "", "fan");
    cJSON *obj AUTO(json_freep) = js("{'p': []}");
    for (int i = 0; i < 20000; i++)
        cJSON_AddItemToArray(obj->child, cJSON_CreateNumber(1));
    schema_validate(s, obj, NULL, &c);
    bool said = false;
    for (size_t i = 0; i < c.n; i++)
        said = said || strstr(c.items[i].message, "too large to be validated");
    assert_true(said || c.dropped > 0);
    schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_blocked_from_outside),
        cmocka_unit_test(test_transition),
        cmocka_unit_test(test_prune_and_default),
        cmocka_unit_test(test_small_rules),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_root_rules),
        cmocka_unit_test(test_expensive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
