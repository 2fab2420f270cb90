/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OpenAPI v2 document in the protobuf of gnostic (openapiv2/OpenAPIv2.proto), which is the only
 * form kubectl reads. The rows give the field numbers of the messages our documents use; maps are
 * repeated {1: name, 2: value}, and vendor extensions are values written as YAML, for which JSON is
 * good enough.
 */
#include <string.h>

#include "apiserver/openapi_build.h"

#define MESSAGE_MAX ((size_t)64 * 1024 * 1024)

enum kind {
    G_STRING,
    G_BOOL,
    G_STRINGS, /* repeated string */
    G_MESSAGE, /* of ref, inside `wrap` further messages' field when that is not 0 */
    G_MAP,     /* a message with repeated {1: name, 2: ref} in field `wrap` */
    G_TYPE,    /* TypeItem{1: repeated string} */
    G_MORE,    /* AdditionalPropertiesItem{1: Schema, 2: bool} */
    G_PARAMETERS,
    G_RESPONSES
};
struct message;
struct field {
    const char *name;
    uint8_t number;
    enum kind kind;
    const struct message *ref;
    uint8_t wrap;
};
struct message {
    const struct field *fields; /* ended by name NULL */
    uint8_t extensions;         /* number of vendor_extension, 0: has none */
};

static const struct message schema, operation;

static const struct field schema_fields[] = {{"$ref", 1, G_STRING, NULL, 0},
                                             {"format", 2, G_STRING, NULL, 0},
                                             {"title", 3, G_STRING, NULL, 0},
                                             {"description", 4, G_STRING, NULL, 0},
                                             {"uniqueItems", 16, G_BOOL, NULL, 0},
                                             {"required", 19, G_STRINGS, NULL, 0},
                                             {"additionalProperties", 21, G_MORE, &schema, 0},
                                             {"type", 22, G_TYPE, NULL, 0},
                                             {"items", 23, G_MESSAGE, &schema, 1},
                                             {"properties", 25, G_MAP, &schema, 1},
                                             {NULL, 0, G_STRING, NULL, 0}};
static const struct message schema = {schema_fields, 31};

static const struct field info_fields[] = {{"title", 1, G_STRING, NULL, 0},
                                           {"version", 2, G_STRING, NULL, 0},
                                           {NULL, 0, G_STRING, NULL, 0}};
static const struct message info = {info_fields, 7};

static const struct field body_fields[] = {
    {"description", 1, G_STRING, NULL, 0}, {"name", 2, G_STRING, NULL, 0},
    {"in", 3, G_STRING, NULL, 0},          {"required", 4, G_BOOL, NULL, 0},
    {"schema", 5, G_MESSAGE, &schema, 0},  {NULL, 0, G_STRING, NULL, 0}};
static const struct message body_parameter = {body_fields, 6};

static const struct field query_fields[] = {
    {"required", 1, G_BOOL, NULL, 0},      {"in", 2, G_STRING, NULL, 0},
    {"description", 3, G_STRING, NULL, 0}, {"name", 4, G_STRING, NULL, 0},
    {"type", 6, G_STRING, NULL, 0},        {"format", 7, G_STRING, NULL, 0},
    {"uniqueItems", 20, G_BOOL, NULL, 0},  {NULL, 0, G_STRING, NULL, 0}};
static const struct message query_parameter = {query_fields, 23};

static const struct field path_fields[] = {
    {"required", 1, G_BOOL, NULL, 0},      {"in", 2, G_STRING, NULL, 0},
    {"description", 3, G_STRING, NULL, 0}, {"name", 4, G_STRING, NULL, 0},
    {"type", 5, G_STRING, NULL, 0},        {"format", 6, G_STRING, NULL, 0},
    {"uniqueItems", 19, G_BOOL, NULL, 0},  {NULL, 0, G_STRING, NULL, 0}};
static const struct message path_parameter = {path_fields, 22};

static const struct field response_fields[] = {{"description", 1, G_STRING, NULL, 0},
                                               {"schema", 2, G_MESSAGE, &schema, 1},
                                               {NULL, 0, G_STRING, NULL, 0}};
static const struct message response = {response_fields, 5};

static const struct field operation_fields[] = {{"tags", 1, G_STRINGS, NULL, 0},
                                                {"summary", 2, G_STRING, NULL, 0},
                                                {"description", 3, G_STRING, NULL, 0},
                                                {"operationId", 5, G_STRING, NULL, 0},
                                                {"produces", 6, G_STRINGS, NULL, 0},
                                                {"consumes", 7, G_STRINGS, NULL, 0},
                                                {"parameters", 8, G_PARAMETERS, NULL, 0},
                                                {"responses", 9, G_RESPONSES, NULL, 0},
                                                {NULL, 0, G_STRING, NULL, 0}};
static const struct message operation = {operation_fields, 13};

static const struct field item_fields[] = {{"get", 2, G_MESSAGE, &operation, 0},
                                           {"put", 3, G_MESSAGE, &operation, 0},
                                           {"post", 4, G_MESSAGE, &operation, 0},
                                           {"delete", 5, G_MESSAGE, &operation, 0},
                                           {"patch", 8, G_MESSAGE, &operation, 0},
                                           {"parameters", 9, G_PARAMETERS, NULL, 0},
                                           {NULL, 0, G_STRING, NULL, 0}};
static const struct message path_item = {item_fields, 10};

static const struct field document_fields[] = {{"swagger", 1, G_STRING, NULL, 0},
                                               {"info", 2, G_MESSAGE, &info, 0},
                                               {"paths", 8, G_MAP, &path_item, 2},
                                               {"definitions", 9, G_MAP, &schema, 1},
                                               {NULL, 0, G_STRING, NULL, 0}};
static const struct message document = {document_fields, 16};

/* --- wire ----------------------------------------------------------------------------------- */

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        buf_addc(b, (char)(0x80 | (v & 0x7f)));
    buf_addc(b, (char)v);
}

static void put_bytes(struct buf *b, uint32_t number, const void *p, size_t n)
{
    put_varint(b, number << 3 | 2);
    put_varint(b, n);
    buf_add(b, p, n);
}

static void put_text(struct buf *b, uint32_t number, const char *s)
{
    put_bytes(b, number, s, strlen(s));
}

static void put_bool(struct buf *b, uint32_t number, bool v)
{
    put_varint(b, number << 3);
    put_varint(b, v);
}

/* A finished inner message; it is emptied. */
static void put_inner(struct buf *b, uint32_t number, struct buf *inner)
{
    put_bytes(b, number, buf_str(inner), inner->len);
    b->overflow = b->overflow || inner->overflow;
    buf_done(inner);
}

/* --- messages ------------------------------------------------------------------------------- */

static void put_message(struct buf *b, const struct message *m, const cJSON *j);

static void put_nested(struct buf *b, uint32_t number, const struct message *m, const cJSON *j)
{
    struct buf inner = BUF_INIT(MESSAGE_MAX);
    put_message(&inner, m, j);
    put_inner(b, number, &inner);
}

static void put_strings(struct buf *b, uint32_t number, const cJSON *list)
{
    json_foreach (s, list) {
        if (cJSON_IsString(s))
            put_text(b, number, s->valuestring);
    }
}

/* NamedX{1: name, 2: X} for each member. */
static void put_map(struct buf *b, const struct field *f, const cJSON *map)
{
    struct buf all = BUF_INIT(MESSAGE_MAX);
    json_foreach (j, map) {
        struct buf named = BUF_INIT(MESSAGE_MAX);
        put_text(&named, 1, j->string);
        put_nested(&named, 2, f->ref, j);
        put_inner(&all, f->wrap, &named);
    }
    put_inner(b, f->number, &all);
}

static void put_type(struct buf *b, const struct field *f, const cJSON *j)
{
    struct buf inner = BUF_INIT(MESSAGE_MAX);
    if (cJSON_IsString(j))
        put_text(&inner, 1, j->valuestring);
    put_inner(b, f->number, &inner);
}

static void put_more(struct buf *b, const struct field *f, const cJSON *j)
{
    struct buf inner = BUF_INIT(MESSAGE_MAX);
    if (cJSON_IsBool(j))
        put_bool(&inner, 2, cJSON_IsTrue(j));
    else
        put_nested(&inner, 1, f->ref, j);
    put_inner(b, f->number, &inner);
}

/* ParametersItem{1: Parameter{1: body | 2: NonBodyParameter{3: query | 4: path}}}. */
static void put_parameters(struct buf *b, const struct field *f, const cJSON *list)
{
    json_foreach (p, list) {
        struct buf item = BUF_INIT(MESSAGE_MAX), parameter = BUF_INIT(MESSAGE_MAX);
        const char *in = json_str(p, "in");
        if (streq(in, "body")) {
            put_nested(&parameter, 1, &body_parameter, p);
        } else {
            struct buf other = BUF_INIT(MESSAGE_MAX);
            bool path = streq(in, "path");
            put_nested(&other, path ? 4 : 3, path ? &path_parameter : &query_parameter, p);
            put_inner(&parameter, 2, &other);
        }
        put_inner(&item, 1, &parameter);
        put_inner(b, f->number, &item);
    }
}

/* Responses{1: repeated NamedResponseValue{1: name, 2: ResponseValue{1: Response}}}. */
static void put_responses(struct buf *b, const struct field *f, const cJSON *map)
{
    struct buf all = BUF_INIT(MESSAGE_MAX);
    json_foreach (j, map) {
        struct buf named = BUF_INIT(MESSAGE_MAX), value = BUF_INIT(MESSAGE_MAX);
        put_text(&named, 1, j->string);
        put_nested(&value, 1, &response, j);
        put_inner(&named, 2, &value);
        put_inner(&all, 1, &named);
    }
    put_inner(b, f->number, &all);
}

/* NamedAny{1: name, 2: Any{2: yaml}}. */
static void put_extension(struct buf *b, uint32_t number, const cJSON *j)
{
    struct buf any = BUF_INIT(MESSAGE_MAX), named = BUF_INIT(MESSAGE_MAX);
    char *yaml AUTO(mem_freep) = json_print(j);
    put_text(&any, 2, yaml);
    put_text(&named, 1, j->string);
    put_inner(&named, 2, &any);
    put_inner(b, number, &named);
}

static void put_field(struct buf *b, const struct field *f, const cJSON *j)
{
    switch (f->kind) {
    case G_STRING:
        if (cJSON_IsString(j))
            put_text(b, f->number, j->valuestring);
        break;
    case G_BOOL:
        put_bool(b, f->number, cJSON_IsTrue(j));
        break;
    case G_STRINGS:
        put_strings(b, f->number, j);
        break;
    case G_MESSAGE:
        if (f->wrap) {
            struct buf inner = BUF_INIT(MESSAGE_MAX);
            put_nested(&inner, f->wrap, f->ref, j);
            put_inner(b, f->number, &inner);
        } else {
            put_nested(b, f->number, f->ref, j);
        }
        break;
    case G_MAP:
        put_map(b, f, j);
        break;
    case G_TYPE:
        put_type(b, f, j);
        break;
    case G_MORE:
        put_more(b, f, j);
        break;
    case G_PARAMETERS:
        put_parameters(b, f, j);
        break;
    case G_RESPONSES:
        put_responses(b, f, j);
        break;
    }
}

static void put_message(struct buf *b, const struct message *m, const cJSON *j)
{
    for (const struct field *f = m->fields; f->name; f++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(j, f->name);
        if (value)
            put_field(b, f, value);
    }
    json_foreach (x, j) {
        if (m->extensions && str_starts(x->string, "x-"))
            put_extension(b, m->extensions, x);
    }
}

void openapi_gnostic(const cJSON *doc, struct buf *out)
{
    put_message(out, &document, doc);
}
