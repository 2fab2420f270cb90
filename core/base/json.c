/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing JSON trees by path. Comparing and patching are in json_diff.c.
 *
 * cJSON parses, but it lets pass what other readers of the same text refuse (control characters in
 * strings, "01", a NUL inside a string that cuts it), and it prints 1700000000000000 as 1.7e+15,
 * which no Kubernetes int64 field accepts. So a strict scan runs before its parser, and the printer
 * is ours.
 */
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"

#define JSON_EXACT_MAX 9007199254740992.0 /* 2^53: above it a double no longer counts by one */

struct scan {
    const char *text;
    size_t len, at;
    int depth;
    const char *why;
};

static int scan_fail(struct scan *s, const char *why)
{
    s->why = why;
    return -EINVAL;
}

static bool is_digit(struct scan *s)
{
    return s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

static bool scan_digits(struct scan *s)
{
    size_t start = s->at;
    while (is_digit(s))
        s->at++;
    return s->at > start;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static int scan_number(struct scan *s)
{
    if (s->text[s->at] == '-')
        s->at++;
    bool zero = s->at < s->len && s->text[s->at] == '0';
    size_t start = s->at;
    if (!scan_digits(s) || (zero && s->at - start > 1))
        return scan_fail(s, "bad number");
    if (s->at < s->len && s->text[s->at] == '.') {
        s->at++;
        if (!scan_digits(s))
            return scan_fail(s, "bad number");
    }
    if (s->at < s->len && (s->text[s->at] | 0x20) == 'e') {
        s->at++;
        if (s->at < s->len && (s->text[s->at] == '+' || s->text[s->at] == '-'))
            s->at++;
        if (!scan_digits(s))
            return scan_fail(s, "bad number");
    }
    return 0;
}

static int scan_string(struct scan *s)
{
    for (s->at++; s->at < s->len; s->at++) {
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c < 0x20)
            return scan_fail(s, "control character in a string");
        if (c == '\\') {
            if (s->len - s->at > 5 && memcmp(s->text + s->at, "\\u0000", 6) == 0)
                return scan_fail(s, "NUL in a string");
            s->at++;
        }
    }
    s->at = s->len; /* a backslash at the very end went one further */
    return scan_fail(s, "string without end");
}

/* What cJSON would not notice. The structure itself is left to cJSON. */
static int scan_strict(struct scan *s)
{
    while (s->at < s->len) {
        char c = s->text[s->at];
        int rc = 0;
        if (c == '"') {
            rc = scan_string(s);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            rc = scan_number(s);
        } else {
            if ((c == '{' || c == '[') && ++s->depth > JSON_DEPTH_MAX)
                return scan_fail(s, "nested too deep");
            if (c == '}' || c == ']')
                s->depth--;
            if (c == '\0' || (unsigned char)c >= 0x80)
                return scan_fail(s, "unexpected character");
            s->at++;
        }
        if (rc)
            return rc;
    }
    return 0;
}

static int parse_error(const char *text, size_t at, const char *why, struct err **err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column++;
        if (text[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return err_set(err, -EINVAL, "JSON line %zu column %zu: %s", line, column, why);
}

int json_parse(const char *text, size_t len, cJSON **ret, struct err **err)
{
    struct scan s = {.text = text, .len = len};
    if (len == 0)
        return err_set(err, -EINVAL, "JSON: want a document, found nothing");
    if (scan_strict(&s))
        return parse_error(text, s.at, s.why, err);
    const char *end = NULL;
    cJSON *j = cJSON_ParseWithLengthOpts(text, len, &end, false);
    size_t at = end && end >= text ? (size_t)(end - text) : 0;
    if (at > len)
        at = len;
    if (!j)
        return parse_error(text, at, at < len ? "syntax error" : "unexpected end", err);
    while (at < len && strchr(" \t\r\n", text[at]))
        at++;
    if (at < len) {
        cJSON_Delete(j);
        return parse_error(text, at, "something after the end of the document", err);
    }
    *ret = j;
    return 0;
}

static char *duplicate_here(const cJSON *object)
{
    struct map seen = MAP_INIT;
    char *found = NULL;
    json_foreach (it, object) {
        if (map_set(&seen, it->string, (void *)object)) {
            found = mem_strdup(it->string);
            break;
        }
    }
    map_done(&seen);
    return found;
}

static char *duplicate_below(const cJSON *j)
{
    char *found = cJSON_IsObject(j) && j->child && j->child->next ? duplicate_here(j) : NULL;
    if (found)
        return found;
    size_t i = 0;
    json_foreach (it, j) {
        AUTO(mem_freep) char *deeper = duplicate_below(it);
        if (deeper && cJSON_IsArray(j))
            return mem_printf("[%zu]%s%s", i, deeper[0] == '[' ? "" : ".", deeper);
        if (deeper)
            return mem_printf("%s%s%s", it->string, deeper[0] == '[' ? "" : ".", deeper);
        i++;
    }
    return NULL;
}

char *json_duplicate(const cJSON *root)
{
    return root ? duplicate_below(root) : NULL;
}

void json_add_string(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    const char *run = s ? s : "";
    for (const char *p = run;; p++) {
        unsigned char c = (unsigned char)*p;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, run, (size_t)(p - run));
        run = p + 1;
        if (c == '\0')
            break;
        static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
        const char *short_form = NULL;
        for (const char *e = shorts; *e && !short_form; e += 2)
            short_form = (unsigned char)*e == c ? e + 1 : NULL;
        if (short_form)
            buf_addf(b, "\\%c", *short_form);
        else
            buf_addf(b, "\\u%04x", c);
    }
    buf_addc(b, '"');
}

static void add_number(struct buf *b, double d)
{
    if (isnan(d) || isinf(d)) {
        buf_adds(b, "null");
    } else if (fabs(d) <= JSON_EXACT_MAX && d == floor(d)) {
        buf_addf(b, "%lld", (long long)d);
    } else {
        char text[40];
        for (int precision = 15; precision <= 17; precision += 2) {
            snprintf(text, sizeof(text), "%.*g", precision, d);
            double back;
            if (sscanf(text, "%lf", &back) == 1 && back == d)
                break;
        }
        buf_adds(b, text);
    }
}

static void add_members(struct buf *b, const cJSON *parent, bool keys)
{
    json_foreach (it, parent) {
        if (it != parent->child)
            buf_addc(b, ',');
        if (keys) {
            json_add_string(b, it->string);
            buf_addc(b, ':');
        }
        json_add_to(b, it);
    }
}

void json_add_to(struct buf *b, const cJSON *j)
{
    if (cJSON_IsObject(j)) {
        buf_addc(b, '{');
        add_members(b, j, true);
        buf_addc(b, '}');
    } else if (cJSON_IsArray(j)) {
        buf_addc(b, '[');
        add_members(b, j, false);
        buf_addc(b, ']');
    } else if (cJSON_IsString(j)) {
        json_add_string(b, j->valuestring);
    } else if (cJSON_IsNumber(j)) {
        add_number(b, j->valuedouble);
    } else if (cJSON_IsRaw(j)) {
        buf_adds(b, j->valuestring);
    } else {
        buf_adds(b, cJSON_IsTrue(j) ? "true" : cJSON_IsFalse(j) ? "false" : "null");
    }
}

char *json_print(const cJSON *j)
{
    struct buf b = BUF_INIT(SIZE_MAX / 4); /* the tree is bounded by its reader */
    json_add_to(&b, j);
    return buf_take(&b);
}

static cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const cJSON *json_at_(const cJSON *root, ...)
{
    va_list ap;
    va_start(ap, root);
    for (const char *key; root && (key = va_arg(ap, const char *));)
        root = member(root, key);
    va_end(ap);
    return root;
}

const char *json_string_of(const cJSON *j)
{
    return cJSON_IsString(j) ? j->valuestring : NULL;
}

int64_t json_int_of(const cJSON *j, int64_t def)
{
    if (!cJSON_IsNumber(j) || isnan(j->valuedouble))
        return def;
    if (j->valuedouble >= 9223372036854775808.0)
        return INT64_MAX;
    if (j->valuedouble <= -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)j->valuedouble;
}

bool json_bool_of(const cJSON *j, bool def)
{
    return cJSON_IsBool(j) ? cJSON_IsTrue(j) : def;
}

const cJSON *json_find(const cJSON *array, const char *key, const char *value)
{
    if (!cJSON_IsArray(array) || !value)
        return NULL;
    json_foreach (it, array) {
        if (streq(json_string_of(member(it, key)), value))
            return it;
    }
    return NULL;
}

bool json_array_has(const cJSON *array, const char *value)
{
    if (!cJSON_IsArray(array) || !value)
        return false;
    json_foreach (it, array) {
        if (streq(json_string_of(it), value))
            return true;
    }
    return false;
}

/* Put value under key, in the place of an old one or at the end. */
static void member_set(cJSON *object, const char *key, cJSON *value)
{
    ATOLL_ASSERT(value);
    if (member(object, key))
        cJSON_ReplaceItemInObjectCaseSensitive(object, key, value);
    else
        cJSON_AddItemToObject(object, key, value);
}

/* The object under key; anything else that stands there gives way to an empty object. */
static cJSON *member_object(cJSON *parent, const char *key)
{
    cJSON *j = member(parent, key);
    if (cJSON_IsObject(j))
        return j;
    j = cJSON_CreateObject();
    member_set(parent, key, j);
    return j;
}

void json_put_(cJSON *root, cJSON *value, ...)
{
    ATOLL_ASSERT(cJSON_IsObject(root));
    va_list ap;
    va_start(ap, value);
    const char *key = va_arg(ap, const char *);
    ATOLL_ASSERT(key);
    for (const char *next; (next = va_arg(ap, const char *)); key = next)
        root = member_object(root, key);
    va_end(ap);
    member_set(root, key, value);
}

void json_del_(cJSON *root, ...)
{
    va_list ap;
    va_start(ap, root);
    const char *key = va_arg(ap, const char *);
    for (const char *next; root && (next = va_arg(ap, const char *)); key = next)
        root = member(root, key);
    va_end(ap);
    if (cJSON_IsObject(root))
        cJSON_DeleteItemFromObjectCaseSensitive(root, key);
}

cJSON *json_obj_(cJSON *root, ...)
{
    ATOLL_ASSERT(cJSON_IsObject(root));
    va_list ap;
    va_start(ap, root);
    for (const char *key; (key = va_arg(ap, const char *));)
        root = member_object(root, key);
    va_end(ap);
    return root;
}
