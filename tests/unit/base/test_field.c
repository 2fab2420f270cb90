/* SPDX-License-Identifier: Apache-2.0 */
/* The field table interpreter: every rule of a row, the schema, the defaults, the texts. */
#include "unit/cm.h"

#include <string.h>

#include "base/field.h"

static const struct field PORT[] = {
    {.path = "name",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .max_len = 5,
     .pattern = "^[a-z]+$"},
    {"port", FIELD_INT32, FIELD_REQUIRED, .min = 1, .max = 65535},
    {"protocol", FIELD_STRING, .def = "\"TCP\"", .allowed = "TCP|UDP"},
};
static const struct field_table PORTS = FIELD_TABLE(PORT);
static const struct field ROWS[] = {
    {.path = "spec", .type = FIELD_OBJECT, .flags = FIELD_REQUIRED},
    {.path = "spec.id", .type = FIELD_STRING, .flags = FIELD_IMMUTABLE},
    {"spec.ports", FIELD_LIST, .key = "name", .max_len = 3, .sub = &PORTS},
    {.path = "spec.hosts", .type = FIELD_LIST, .flags = FIELD_SET},
    {.path = "spec.labels", .type = FIELD_MAP},
    {.path = "spec.memory", .type = FIELD_QUANTITY},
    {.path = "spec.share", .type = FIELD_INT_OR_STRING},
    {.path = "spec.since", .type = FIELD_TIME},
    {.path = "spec.secret", .type = FIELD_STRING, .flags = FIELD_SECRET, .allowed = "a"},
    {"spec.rolling.max", FIELD_INT32, .def = "2", .min = 0, .max = FIELD_NO_MAX},
    {"spec.old", FIELD_STRING, FIELD_DEPRECATED, .instead = "spec.id"},
    {"spec.exporter", FIELD_BOOL, FIELD_NO_EFFECT, .instead = "there is none"},
    {"spec.tls", FIELD_OPAQUE, FIELD_REJECTED, .instead = "leave it out"},
    {.path = "spec.template", .type = FIELD_OPAQUE},
    {"status.parts", FIELD_MAP, .sub = &PORTS},
};
static const struct field_table TABLE = FIELD_TABLE(ROWS);

static void collect(void *arg, const char *path, const char *text)
{
    buf_addf(arg, "%s %s\n", path, text);
}

static char *run(const char *object, const char *old,
                 size_t (*fn)(const struct field_schema *, const cJSON *, const cJSON *,
                              field_report_fn *, void *))
{
    struct field_schema *s = field_schema_new(&TABLE);
    cJSON *o = cJSON_Parse(object), *before = old ? cJSON_Parse(old) : NULL;
    assert_non_null(o);
    struct buf out = BUF_INIT(8192);
    size_t n = fn(s, o, before, collect, &out);
    size_t lines = 0;
    for (const char *c = buf_str(&out); *c; c++)
        lines += *c == '\n';
    assert_int_equal(n, lines);
    cJSON_Delete(o);
    cJSON_Delete(before);
    field_schema_free(s);
    return buf_take(&out);
}

static size_t warnings(const struct field_schema *s, const cJSON *o, const cJSON *old,
                       field_report_fn *r, void *a)
{
    (void)old;
    return field_warnings(s, o, r, a);
}

static size_t unknown(const struct field_schema *s, const cJSON *o, const cJSON *old,
                      field_report_fn *r, void *a)
{
    (void)old;
    return field_unknown(s, o, r, a);
}

#define VALIDATE(object, old, want)                                                                \
    do {                                                                                           \
        AUTO(mem_freep) char *got_ = run(object, old, field_validate);                             \
        assert_string_equal(got_, want);                                                           \
    } while (0)

static void validates(void **state)
{
    (void)state;
    VALIDATE("{\"spec\":{}}", NULL, "");
    VALIDATE("{}", NULL, "spec is required\n");
    VALIDATE("{\"spec\":[]}", NULL, "spec want an object, found a list\n");
    VALIDATE("{\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":80},{\"name\":\"toolong\",\"port\":"
             "0}]}}",
             NULL,
             "spec.ports[1].name want at most 5 characters, found 7\n"
             "spec.ports[1].port want 1..65535, found 0\n");
    VALIDATE("{\"spec\":{\"ports\":[{\"name\":\"A\",\"port\":1.5,\"protocol\":\"SCTP\"}]}}", NULL,
             "spec.ports[0].name want text that matches ^[a-z]+$, found \"A\"\n"
             "spec.ports[0].port want an integer, found a number\n"
             "spec.ports[0].protocol want one of TCP|UDP, found \"SCTP\"\n");
    VALIDATE("{\"spec\":{\"ports\":[{\"name\":\"a\",\"port\":1},{\"name\":\"a\",\"port\":2}]}}",
             NULL, "spec.ports[1] \"a\" is used twice as name\n");
    VALIDATE("{\"spec\":{\"ports\":[{},{},{},{}]}}", NULL,
             "spec.ports want at most 3 items, found 4\n"
             "spec.ports[0].name is required\nspec.ports[0].port is required\n"
             "spec.ports[1].name is required\nspec.ports[1].port is required\n"
             "spec.ports[2].name is required\nspec.ports[2].port is required\n"
             "spec.ports[3].name is required\nspec.ports[3].port is required\n");
    VALIDATE("{\"spec\":{\"hosts\":[\"a\",\"b\",\"a\"]}}", NULL,
             "spec.hosts[2] \"\"a\"\" is used twice\n");
    VALIDATE("{\"spec\":{\"hosts\":[1],\"labels\":{\"a\":2}}}", NULL,
             "spec.hosts[0] want a string, found a number\nspec.labels.a want a string, found a "
             "number\n");
    VALIDATE("{\"spec\":{\"share\":\"30%\",\"memory\":\"1Gi\",\"since\":\"2026-01-01T00:00:00Z\"}}",
             NULL, "");
    VALIDATE("{\"spec\":{\"share\":true,\"since\":\"yesterday\"}}", NULL,
             "spec.share want an integer or a string, found true or false\n"
             "spec.since want a time like 2026-01-31T10:00:00Z, found \"yesterday\"\n");
    VALIDATE("{\"spec\":{\"secret\":\"xyz\"}}", NULL,
             "spec.secret want one of a, found \"(hidden)\"\n");
    VALIDATE("{\"spec\":{\"rolling\":{\"max\":-1}}}", NULL,
             "spec.rolling.max want at least 0, found -1\n");
    VALIDATE("{\"spec\":{\"rolling\":{\"max\":3000000000}}}", NULL,
             "spec.rolling.max want an integer of 32 bits, found 3000000000\n");
    VALIDATE("{\"spec\":{},\"status\":{\"parts\":{\"x\":{\"name\":\"a\"}}}}", NULL,
             "status.parts.x.port is required\n");
}

static void quantity_text(void **state)
{
    (void)state;
    AUTO(mem_freep) char *got = run("{\"spec\":{\"memory\":\"lots\"}}", NULL, field_validate);
    assert_non_null(strstr(got, "spec.memory"));
    assert_non_null(strstr(got, "lots"));
}

static void rejects_and_keeps(void **state)
{
    (void)state;
    VALIDATE("{\"spec\":{\"tls\":{\"x\":1}}}", NULL, "spec.tls is not served here: leave it out\n");
    VALIDATE("{\"spec\":{\"tls\":false}}", NULL, "");
    VALIDATE("{\"spec\":{\"id\":\"a\"}}", "{\"spec\":{\"id\":\"a\"}}", "");
    VALIDATE("{\"spec\":{\"id\":\"a\"}}", "{\"spec\":{}}", "");
    VALIDATE("{\"spec\":{\"id\":\"b\"}}", "{\"spec\":{\"id\":\"a\"}}",
             "spec.id cannot be changed once it is set\n");
    VALIDATE("{\"spec\":{}}", "{\"spec\":{\"id\":\"a\"}}",
             "spec.id cannot be removed once it is set\n");
}

static void warns(void **state)
{
    (void)state;
    AUTO(mem_freep) char *got = run("{\"spec\":{\"old\":\"x\",\"exporter\":true}}", NULL, warnings);
    assert_string_equal(got, "spec.old is an old spelling; use spec.id\n"
                             "spec.exporter is accepted and has no effect here: there is none\n");
    AUTO(mem_freep) char *off = run("{\"spec\":{\"exporter\":false}}", NULL, warnings);
    assert_string_equal(off, "");
    AUTO(mem_freep)
    char *more =
        run("{\"spec\":{\"typo\":1,\"template\":{\"any\":1},\"ports\":[{\"nmae\":\"x\"}]}}", NULL,
            unknown);
    assert_string_equal(
        more,
        "spec.typo is not a field of this kind\nspec.ports[0].nmae is not a field of this kind\n");
}

static void defaults(void **state)
{
    (void)state;
    struct field_schema *s = field_schema_new(&TABLE);
    AUTO(json_freep)
    cJSON *o = cJSON_Parse("{\"spec\":{\"ports\":[{\"name\":\"a\"},{\"name\":\"b\",\"protocol\":"
                           "\"UDP\"}],\"rolling\":{}}}");
    field_default(s, o);
    AUTO(mem_freep) char *text = json_print(o);
    assert_string_equal(text, "{\"spec\":{\"ports\":[{\"name\":\"a\",\"protocol\":\"TCP\"},"
                              "{\"name\":\"b\",\"protocol\":\"UDP\"}],\"rolling\":{\"max\":2}}}");
    field_schema_free(s);
}

static void schema(void **state)
{
    (void)state;
    struct field_schema *s = field_schema_new(&TABLE);
    AUTO(json_freep) cJSON *o = field_openapi(s);
    const cJSON *spec = json_at(o, "properties", "spec");
    assert_string_equal(json_str(spec, "type"), "object");
    assert_true(json_array_has(json_at(o, "required"), "spec"));
    const cJSON *ports = json_at(spec, "properties", "ports");
    assert_string_equal(json_str(ports, "x-kubernetes-list-type"), "map");
    assert_true(json_array_has(json_at(ports, "x-kubernetes-list-map-keys"), "name"));
    assert_int_equal(json_int(0, ports, "maxItems"), 3);
    const cJSON *port = json_at(ports, "items", "properties", "port");
    assert_int_equal(json_int(0, port, "maximum"), 65535);
    assert_string_equal(json_str(port, "format"), "int32");
    const cJSON *protocol = json_at(ports, "items", "properties", "protocol");
    assert_string_equal(json_str(protocol, "default"), "TCP");
    assert_true(json_array_has(json_at(protocol, "enum"), "UDP"));
    assert_true(json_bool(false, spec, "properties", "memory", "x-kubernetes-int-or-string"));
    assert_true(
        json_bool(false, spec, "properties", "template", "x-kubernetes-preserve-unknown-fields"));
    assert_null(json_at(spec, "properties", "tls", "type"));
    assert_non_null(json_at(spec, "properties", "id", "x-kubernetes-validations"));
    assert_null(json_at(spec, "properties", "rolling", "properties", "max", "maximum"));
    assert_string_equal(
        json_str(o, "properties", "status", "properties", "parts", "additionalProperties", "type"),
        "object");
    field_schema_free(s);
}

static void manual(void **state)
{
    (void)state;
    struct field_schema *s = field_schema_new(&TABLE);
    struct buf out = BUF_INIT(16384);
    field_docs(s, &out);
    assert_non_null(
        strstr(buf_str(&out), "| `spec.ports[].port` | integer |  | works, required |  |\n"));
    assert_non_null(
        strstr(buf_str(&out), "| `spec.tls` | object |  | rejected | leave it out |\n"));
    buf_done(&out);
    field_schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validates),
        cmocka_unit_test(quantity_text),
        cmocka_unit_test(rejects_and_keeps),
        cmocka_unit_test(warns),
        cmocka_unit_test(defaults),
        cmocka_unit_test(schema),
        cmocka_unit_test(manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
