/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes protobuf to JSON, by the numbers in the rows. kubectl sends the bodies of its create
 * commands this way and has no second form. Answers are always JSON, so there is no encoder.
 *
 *     envelope = 'k' '8' 's' NUL Unknown{ 1: TypeMeta{ 1: apiVersion, 2: kind }, 2: raw message }
 *
 * Every length is checked against what is left; unknown fields are skipped, as newer clients send
 * some.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/types_rows.h"
#include "base/clock.h"

#define DEPTH_MAX 40     /* the deepest of our types has about 15 */
#define NODES_MAX 500000 /* JSON values of one object */
#define MAP_MAX   10000  /* entries of one map: each is compared with the ones before */

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct cursor {
    const unsigned char *at, *end;
};

struct proto {
    struct err **err;
    const char *kind; /* for errors */
    size_t nodes;
    int depth;
};

/* One field of a message: its number and its value in wire form. */
struct item {
    uint32_t number;
    enum wire wire;
    uint64_t varint; /* also fixed64 and fixed32 */
    struct cursor bytes;
};

static int decode_message(struct proto *p, const struct type *t, struct cursor c, cJSON *obj);

static int malformed(struct proto *p, const char *what)
{
    return err_set(p->err, -EINVAL, "protobuf of kind %s: %s", p->kind, what);
}

/* --- wire format ---------------------------------------------------------------------------- */

static bool read_varint(struct cursor *c, uint64_t *ret)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        unsigned char b = *c->at++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct cursor *c, size_t n, uint64_t *ret)
{
    if ((size_t)(c->end - c->at) < n)
        return false;
    *ret = 0;
    for (size_t i = 0; i < n; i++)
        *ret |= (uint64_t)*c->at++ << (8 * i);
    return true;
}

/* The next field; false with *ret_rc 0 at the end of the message. */
static bool read_item(struct proto *p, struct cursor *c, struct item *ret, int *ret_rc)
{
    uint64_t tag, n;
    bool ok;
    *ret_rc = 0;
    if (c->at == c->end)
        return false;
    if (!read_varint(c, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        *ret_rc = malformed(p, "bad field tag");
        return false;
    }
    ret->number = (uint32_t)(tag >> 3);
    ret->wire = (enum wire)(tag & 7);
    switch (tag & 7) {
    case WIRE_VARINT:
        ok = read_varint(c, &ret->varint);
        break;
    case WIRE_FIXED64:
        ok = read_fixed(c, 8, &ret->varint);
        break;
    case WIRE_FIXED32:
        ok = read_fixed(c, 4, &ret->varint);
        break;
    case WIRE_BYTES:
        ok = read_varint(c, &n) && n <= (uint64_t)(c->end - c->at);
        ret->bytes = ok ? (struct cursor){c->at, c->at + n} : (struct cursor){0};
        c->at += ok ? n : 0;
        break;
    default:
        ok = false;
    }
    if (!ok)
        *ret_rc = malformed(p, "a field is cut off or has an unknown wire type");
    return ok;
}

/* --- values --------------------------------------------------------------------------------- */

static int count_node(struct proto *p)
{
    return ++p->nodes > NODES_MAX ? malformed(p, "too many values") : 0;
}

/* Length of the UTF-8 sequence at s, 0 when it is not one. */
static size_t sequence(const unsigned char *s, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (n < 2 || n > left)
        return n > left ? 0 : n;
    uint32_t v = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3f);
    }
    return v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : n;
}

static bool is_text(struct cursor c)
{
    while (c.at < c.end) {
        size_t n = sequence(c.at, (size_t)(c.end - c.at));
        if (n == 0 || *c.at == '\0')
            return false;
        c.at += n;
    }
    return true;
}

/* A string; NULL when it is not text. */
static cJSON *string_of(struct cursor c)
{
    if (!is_text(c))
        return NULL;
    char *s = mem_strndup((const char *)c.at, (size_t)(c.end - c.at));
    cJSON *j = cJSON_CreateString(s);
    mem_free(s);
    return j;
}

static cJSON *base64_of(struct cursor c)
{
    size_t n = (size_t)(c.end - c.at);
    struct buf out AUTO(buf_done) = BUF_INIT(n * 2 + 8);
    buf_add_base64(&out, c.at, n);
    return cJSON_CreateString(buf_str(&out));
}

/* The zero time is how Go writes "no time": null. */
static int decode_time(struct proto *p, struct cursor c, bool micro, cJSON **ret)
{
    struct item i;
    int64_t seconds = 0, nanos = 0;
    int rc;
    bool any = false;
    while (read_item(p, &c, &i, &rc)) {
        any = true;
        if (i.number == 1 && i.wire == WIRE_VARINT)
            seconds = (int64_t)i.varint;
        if (i.number == 2 && i.wire == WIRE_VARINT)
            nanos = (int32_t)i.varint;
    }
    if (rc)
        return rc;
    /* Years 0001 to 9999, as RFC 3339 can write them. */
    if (seconds < -62135596800 || seconds > 253402300799 || nanos < 0 || nanos > 999999999)
        return malformed(p, "time out of range");
    bool zero = !any || (seconds == 0 && nanos == 0) || seconds == -62135596800;
    int64_t us = seconds * 1000000 + nanos / 1000;
    char text[CLOCK_TEXT_MAX];
    *ret = zero
               ? cJSON_CreateNull()
               : cJSON_CreateString(micro ? clock_micro_text(us, text) : clock_time_text(us, text));
    return 0;
}

/* Quantity{1: string}. */
static int decode_quantity(struct proto *p, struct cursor c, cJSON **ret)
{
    struct item i;
    int rc;
    cJSON *j AUTO(json_freep) = cJSON_CreateString("0");
    while (read_item(p, &c, &i, &rc)) {
        if (i.number != 1 || i.wire != WIRE_BYTES)
            continue;
        cJSON_Delete(j);
        j = string_of(i.bytes);
        if (!j)
            return malformed(p, "a quantity is not UTF-8");
    }
    *ret = rc ? NULL : TAKE(j);
    return rc;
}

/* IntOrString{1: type (1 = string), 2: int, 3: string}. */
static int decode_int_or_string(struct proto *p, struct cursor c, cJSON **ret)
{
    struct item i;
    int rc;
    bool is_string = false;
    int32_t number = 0;
    struct cursor text = {(const unsigned char *)"", (const unsigned char *)""};
    while (read_item(p, &c, &i, &rc)) {
        if (i.number == 1 && i.wire == WIRE_VARINT)
            is_string = i.varint == 1;
        if (i.number == 2 && i.wire == WIRE_VARINT)
            number = (int32_t)i.varint;
        if (i.number == 3 && i.wire == WIRE_BYTES)
            text = i.bytes;
    }
    if (rc)
        return rc;
    *ret = is_string ? string_of(text) : cJSON_CreateNumber(number);
    return *ret ? 0 : malformed(p, "a string is not UTF-8");
}

/* RawExtension, FieldsV1: a message with the JSON text in field 1. */
static int decode_raw(struct proto *p, struct cursor c, cJSON **ret)
{
    struct item i;
    int rc;
    cJSON *j AUTO(json_freep) = cJSON_CreateObject();
    while (read_item(p, &c, &i, &rc)) {
        if (i.number != 1 || i.wire != WIRE_BYTES || i.bytes.at == i.bytes.end)
            continue;
        cJSON *parsed = NULL;
        if (json_parse((const char *)i.bytes.at, (size_t)(i.bytes.end - i.bytes.at), &parsed,
                       p->err))
            return err_wrap(p->err, "protobuf of kind %s", p->kind);
        cJSON_Delete(j);
        j = parsed;
    }
    *ret = rc ? NULL : TAKE(j);
    return rc;
}

/* Kinds whose value is a message of its own. */
static bool is_message(enum type_kind kind)
{
    return kind == T_TIME || kind == T_MICROTIME || kind == T_QUANTITY || kind == T_INT_OR_STRING ||
           kind == T_OBJECT || kind == T_MAP || kind == T_ANY;
}

static enum wire wire_of(enum type_kind kind)
{
    if (kind == T_DOUBLE)
        return WIRE_FIXED64;
    return is_message(kind) || kind == T_STRING || kind == T_BYTES ? WIRE_BYTES : WIRE_VARINT;
}

static cJSON *double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof(d));
    return cJSON_CreateNumber(d);
}

static int decode_scalar(struct proto *p, enum type_kind kind, const struct item *i, cJSON **ret)
{
    *ret = NULL;
    if (i->wire != wire_of(kind))
        return malformed(p, "a field has the wrong wire type");
    switch (kind) {
    case T_STRING:
        *ret = string_of(i->bytes);
        return *ret ? 0 : malformed(p, "a string is not UTF-8");
    case T_BYTES:
        *ret = base64_of(i->bytes);
        return 0;
    case T_INT32:
        *ret = cJSON_CreateNumber((int32_t)i->varint);
        return 0;
    case T_INT64:
        *ret = cJSON_CreateNumber((double)(int64_t)i->varint);
        return 0;
    case T_BOOL:
        *ret = cJSON_CreateBool(i->varint != 0);
        return 0;
    case T_DOUBLE:
        *ret = double_of(i->varint);
        return 0;
    case T_TIME:
    case T_MICROTIME:
        return decode_time(p, i->bytes, kind == T_MICROTIME, ret);
    case T_QUANTITY:
        return decode_quantity(p, i->bytes, ret);
    case T_INT_OR_STRING:
        return decode_int_or_string(p, i->bytes, ret);
    default:
        return err_set(p->err, -ENOTSUP, "protobuf of kind %s: a field is not supported; send JSON",
                       p->kind);
    }
}

/* --- fields --------------------------------------------------------------------------------- */

/* The container at the row's name, made when it is not there yet. */
static cJSON *container(cJSON *obj, const struct type_field *f, bool list)
{
    cJSON *j = cJSON_GetObjectItemCaseSensitive(obj, f->name);
    if (j)
        return j;
    return list ? cJSON_AddArrayToObject(obj, f->name) : cJSON_AddObjectToObject(obj, f->name);
}

static int decode_child(struct proto *p, const struct type *t, struct cursor c, cJSON *obj)
{
    if (++p->depth > DEPTH_MAX)
        return malformed(p, "nested too deep");
    int rc = decode_message(p, t, c, obj);
    p->depth--;
    return rc;
}

/* Map entry{1: key, 2: value}. */
static int decode_entry(struct proto *p, const struct type_field *f, struct cursor c, cJSON *map)
{
    struct item i, value = {.wire = wire_of(f->elem)};
    int rc;
    cJSON *key AUTO(json_freep) = cJSON_CreateString("");
    cJSON *j = NULL;
    value.bytes = (struct cursor){c.end, c.end};
    while (read_item(p, &c, &i, &rc)) {
        if (i.number == 1 && i.wire == WIRE_BYTES) {
            cJSON_Delete(key);
            key = string_of(i.bytes);
            if (!key)
                return malformed(p, "a map key is not UTF-8");
        }
        if (i.number == 2)
            value = i;
    }
    if (!rc)
        rc = decode_scalar(p, f->elem, &value, &j);
    if (rc)
        return rc;
    cJSON_DeleteItemFromObjectCaseSensitive(map, key->valuestring);
    cJSON_AddItemToObject(map, key->valuestring, j);
    return cJSON_GetArraySize(map) > MAP_MAX ? malformed(p, "too many entries in a map") : 0;
}

/* Numbers in lists may come packed in one field. */
static int decode_packed(struct proto *p, const struct type_field *f, struct cursor c, cJSON *list)
{
    struct item i = {.wire = WIRE_VARINT};
    while (c.at < c.end) {
        cJSON *j;
        if (!read_varint(&c, &i.varint))
            return malformed(p, "packed numbers are cut off");
        int rc = count_node(p);
        if (!rc)
            rc = decode_scalar(p, f->elem, &i, &j);
        if (rc)
            return rc;
        cJSON_AddItemToArray(list, j);
    }
    return 0;
}

static int decode_element(struct proto *p, const struct type_field *f, const struct item *i,
                          cJSON *list)
{
    if (f->ref) {
        cJSON *e = cJSON_CreateObject();
        cJSON_AddItemToArray(list, e);
        return i->wire == WIRE_BYTES ? decode_child(p, f->ref, i->bytes, e)
                                     : malformed(p, "a list element is no message");
    }
    if (wire_of(f->elem) == WIRE_VARINT && i->wire == WIRE_BYTES)
        return decode_packed(p, f, i->bytes, list);
    cJSON *j;
    int rc = decode_scalar(p, f->elem, i, &j);
    if (!rc)
        cJSON_AddItemToArray(list, j);
    return rc;
}

static int decode_field(struct proto *p, const struct type_field *f, const struct item *i,
                        cJSON *obj)
{
    cJSON *j = NULL;
    int rc = count_node(p);
    if (rc)
        return rc;
    if ((f->kind == T_OBJECT || f->kind == T_MAP || f->kind == T_ANY) && i->wire != WIRE_BYTES)
        return malformed(p, "a field has the wrong wire type");
    switch (f->kind) {
    case T_OBJECT:
        return decode_child(p, f->ref, i->bytes,
                            f->flags & TF_INLINE ? obj : container(obj, f, false));
    case T_MAP:
        return decode_entry(p, f, i->bytes, container(obj, f, false));
    case T_LIST:
        return decode_element(p, f, i, container(obj, f, true));
    case T_ANY:
        rc = f->flags & TF_RAW
                 ? decode_raw(p, i->bytes, &j)
                 : err_set(p->err, -ENOTSUP,
                           "protobuf of kind %s: field \"%s\" is not supported; send JSON", p->kind,
                           f->name);
        break;
    default:
        rc = decode_scalar(p, f->kind, i, &j);
        break;
    }
    if (rc)
        return rc;
    cJSON_DeleteItemFromObjectCaseSensitive(obj, f->name);
    cJSON_AddItemToObject(obj, f->name, j);
    return 0;
}

static const struct type_field *field_of(const struct type *t, uint32_t number)
{
    for (const struct type_field *f = t->fields; f->name; f++)
        if (f->proto == number)
            return f;
    return NULL;
}

static int decode_message(struct proto *p, const struct type *t, struct cursor c, cJSON *obj)
{
    struct item i;
    int rc;
    while (read_item(p, &c, &i, &rc)) {
        const struct type_field *f = field_of(t, i.number);
        rc = f ? decode_field(p, f, &i, obj) : 0;
        if (rc)
            return rc;
    }
    return rc;
}

/* --- envelope ------------------------------------------------------------------------------- */

struct envelope {
    char *api_version, *kind;
    struct cursor raw;
};

static void envelope_done(struct envelope *e)
{
    mem_free(e->api_version);
    mem_free(e->kind);
}

static int read_text(struct proto *p, const struct item *i, char **ret)
{
    if (i->wire != WIRE_BYTES || !is_text(i->bytes) || i->bytes.end - i->bytes.at > 253)
        return malformed(p, "apiVersion and kind must be short texts");
    mem_free(*ret);
    *ret = mem_strndup((const char *)i->bytes.at, (size_t)(i->bytes.end - i->bytes.at));
    return 0;
}

static int read_type_meta(struct proto *p, struct cursor c, struct envelope *e)
{
    struct item i;
    int rc;
    while (read_item(p, &c, &i, &rc)) {
        if (i.number == 1)
            rc = read_text(p, &i, &e->api_version);
        else if (i.number == 2)
            rc = read_text(p, &i, &e->kind);
        if (rc)
            return rc;
    }
    return rc;
}

static int read_envelope(struct proto *p, struct cursor c, struct envelope *e)
{
    struct item i;
    int rc;
    while (read_item(p, &c, &i, &rc)) {
        if (i.number == 1 && i.wire == WIRE_BYTES)
            rc = read_type_meta(p, i.bytes, e);
        else if (i.number == 2 && i.wire == WIRE_BYTES)
            e->raw = i.bytes;
        if (rc)
            return rc;
    }
    if (!rc && (!e->api_version || !e->kind))
        rc = malformed(p, "the envelope names no apiVersion and kind");
    return rc;
}

static const struct type *type_named(const char *api_version, const char *kind)
{
    const char *slash = strchr(api_version, '/');
    if (!slash)
        return type_of("", api_version, kind);
    char *group AUTO(mem_freep) = mem_strndup(api_version, (size_t)(slash - api_version));
    return type_of(group, slash + 1, kind);
}

int proto_decode(struct str body, cJSON **ret, struct err **err)
{
    static const char magic[4] = {'k', '8', 's', '\0'};
    struct proto p = {.err = err, .kind = "?"};
    struct envelope e AUTO(envelope_done) = {0};
    if (body.len < sizeof(magic) || memcmp(body.ptr, magic, sizeof(magic)) != 0)
        return malformed(&p, "want the four bytes k8s\\0 in front");
    const unsigned char *bytes = (const unsigned char *)body.ptr;
    int rc = read_envelope(&p, (struct cursor){bytes + sizeof(magic), bytes + body.len}, &e);
    if (rc)
        return rc;
    ATOLL_ASSERT(e.api_version && e.kind);
    p.kind = e.kind;
    const struct type *t = type_named(e.api_version, e.kind);
    if (!t)
        return err_set(err, -ENOTSUP, "protobuf of %s %s is not supported; send JSON",
                       e.api_version, e.kind);
    cJSON *obj AUTO(json_freep) = cJSON_CreateObject();
    cJSON_AddStringToObject(obj, "kind", e.kind);
    cJSON_AddStringToObject(obj, "apiVersion", e.api_version);
    if (e.raw.at)
        rc = decode_message(&p, t, e.raw, obj);
    if (!rc)
        *ret = TAKE(obj);
    return rc;
}
