/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to JSON trees: libyaml's events, turned into cJSON nodes by one recursive descent.
 *
 * The event interface is used, not libyaml's document tree, because the tree forgets whether a
 * scalar was tagged !!str. Scalar rules were compared with kubectl 1.32 (kubectl annotate --local
 * -o json). Not here: what the objects mean.
 */
#include "base/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"

#define TAG_PREFIX "tag:yaml.org,2002:"

struct yaml_reader {
    yaml_parser_t parser;
    const char *name;
    struct map anchors; /* name -> cJSON copy, of this document */
    size_t nodes;
    struct err **err;
};

static void event_freep(yaml_event_t *ev)
{
    yaml_event_delete(ev);
}

/* ---- errors
 * ---------------------------------------------------------------------------------------- */

#define fail_at(r, ev, code, fmt, ...)                                                             \
    err_set((r)->err, (code), "%s line %zu: " fmt, (r)->name, (ev)->start_mark.line + 1,           \
            ##__VA_ARGS__)

static int reader_next(struct yaml_reader *r, yaml_event_t *ret)
{
    if (yaml_parser_parse(&r->parser, ret))
        return 0;
    const yaml_parser_t *p = &r->parser;
    size_t line = (p->problem_mark.line ? p->problem_mark.line : p->context_mark.line) + 1;
    return err_set(r->err, -EINVAL, "%s line %zu: %s%s%s", r->name, line,
                   p->problem ? p->problem : "not YAML", p->context ? ", " : "",
                   p->context ? p->context : "");
}

/* Count nodes that are about to exist; aliases count all they bring. */
static int nodes_add(struct yaml_reader *r, const yaml_event_t *ev, size_t n)
{
    if (n > YAML_NODES_MAX - r->nodes)
        return fail_at(r, ev, -E2BIG, "more than %d values after expanding aliases",
                       YAML_NODES_MAX);
    r->nodes += n;
    return 0;
}

static unsigned depth_of(const cJSON *j)
{
    unsigned deepest = 0;
    for (const cJSON *c = j->child; c; c = c->next) {
        unsigned d = depth_of(c) + 1;
        deepest = d > deepest ? d : deepest;
    }
    return deepest;
}

static size_t nodes_in(const cJSON *j)
{
    size_t n = 1;
    for (const cJSON *c = j->child; c; c = c->next)
        n += nodes_in(c);
    return n;
}

/* ---- scalars
 * --------------------------------------------------------------------------------------- */

static bool word_in(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (streq(s, *words))
            return true;
    return false;
}

/* Integers in Go's base-0 notation: 0x, 0b, 0o and a leading 0 for octal. */
static bool scalar_integer(const char *s, double *ret)
{
    const char *p = s + (*s == '+' || *s == '-');
    int base = 10;
    if (p[0] == '0' && p[1]) {
        char c = p[1] | 0x20;
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        p += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    }
    const char *digits = base == 16   ? "0123456789abcdefABCDEF"
                         : base == 10 ? "0123456789"
                         : base == 8  ? "01234567"
                                      : "01";
    if (!*p || p[strspn(p, digits)])
        return false;
    errno = 0;
    unsigned long long v = strtoull(p, NULL, base);
    if (errno)
        return false; /* too large for an integer: read as a float below */
    *ret = *s == '-' ? -(double)v : (double)v;
    return true;
}

/* [-+]? ( .digits | digits [. digits*] ) ( [eE] [-+]? digits )? */
static bool scalar_float(const char *s, double *ret)
{
    const char *p = s + (*s == '+' || *s == '-');
    size_t whole = strspn(p, "0123456789");
    p += whole;
    size_t part = 0;
    if (*p == '.') {
        part = strspn(++p, "0123456789");
        p += part;
    }
    if (!whole && !part)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        size_t digits = strspn(p, "0123456789");
        if (!digits)
            return false;
        p += digits;
    }
    if (*p)
        return false;
    double v = strtod(s, NULL);
    if (!isfinite(v))
        return false;
    *ret = v;
    return true;
}

static bool scalar_number(const char *s, double *ret)
{
    if (!strchr("+-.0123456789", *s))
        return false;
    AUTO(mem_freep) char *plain = mem_strdup(s); /* 1_000 is a number */
    char *out = plain;
    for (const char *p = s; *p; p++)
        if (*p != '_')
            *out++ = *p;
    *out = '\0';
    return scalar_integer(plain, ret) || scalar_float(plain, ret);
}

static const char *const words_null[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const words_true[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                         "on",   "On",   "ON",   "y",   "Y",   NULL};
static const char *const words_false[] = {"false", "False", "FALSE", "no", "No", "NO",
                                          "off",   "Off",   "OFF",   "n",  "N",  NULL};
static const char *const words_no_json[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                            "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                            ".NaN",  ".NAN",  NULL};

static cJSON *scalar_resolve(const char *s)
{
    double number;
    if (word_in(s, words_null))
        return cJSON_CreateNull();
    if (word_in(s, words_true))
        return cJSON_CreateTrue();
    if (word_in(s, words_false))
        return cJSON_CreateFalse();
    if (scalar_number(s, &number))
        return cJSON_CreateNumber(number);
    return cJSON_CreateString(s);
}

static bool tag_fits(const char *tag, const cJSON *j)
{
    return (streq(tag, "int") && cJSON_IsNumber(j) && trunc(j->valuedouble) == j->valuedouble) ||
           (streq(tag, "float") && cJSON_IsNumber(j)) || (streq(tag, "bool") && cJSON_IsBool(j)) ||
           (streq(tag, "null") && cJSON_IsNull(j));
}

static int scalar_read(struct yaml_reader *r, const yaml_event_t *ev, cJSON **ret)
{
    const char *s = (const char *)ev->data.scalar.value;
    const char *tag = (const char *)ev->data.scalar.tag;
    if (strlen(s) != ev->data.scalar.length)
        return fail_at(r, ev, -EINVAL, "a text holds a NUL byte");
    if (tag && !str_starts(tag, TAG_PREFIX) && !streq(tag, "!"))
        return fail_at(r, ev, -EINVAL, "tag %s: want !!str, !!int, !!float, !!bool or !!null", tag);
    if (tag && str_starts(tag, TAG_PREFIX))
        tag += strlen(TAG_PREFIX);
    bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (streq(tag, "str") || streq(tag, "!") || (!tag && !plain)) {
        *ret = cJSON_CreateString(s);
        return 0;
    }
    if (word_in(s, words_no_json))
        return fail_at(r, ev, -EINVAL, "%s: JSON has no such number", s);
    cJSON *j = scalar_resolve(s);
    if (tag && !tag_fits(tag, j)) {
        cJSON_Delete(j);
        return fail_at(r, ev, -EINVAL, "\"%s\" is not of its tag !!%s", s, tag);
    }
    *ret = j;
    return 0;
}

/* ---- collections
 * ------------------------------------------------------------------------------------ */

static int node_read(struct yaml_reader *r, yaml_event_t *ev, unsigned depth, cJSON **ret);

static int sequence_read(struct yaml_reader *r, unsigned depth, cJSON *array)
{
    for (;;) {
        AUTO(event_freep) yaml_event_t ev = {0};
        int rc = reader_next(r, &ev);
        if (rc < 0 || ev.type == YAML_SEQUENCE_END_EVENT)
            return rc;
        cJSON *item = NULL;
        rc = node_read(r, &ev, depth, &item);
        if (rc < 0)
            return rc;
        cJSON_AddItemToArray(array, item);
    }
}

/* A key as JSON wants it: text. kubectl turns 1 into "1" and yes into "true", so do we. */
static int key_text(struct yaml_reader *r, const yaml_event_t *ev, const cJSON *key, char **ret)
{
    if (cJSON_IsString(key))
        *ret = mem_strdup(key->valuestring);
    else if (cJSON_IsNumber(key) || cJSON_IsBool(key))
        *ret = json_print(key);
    else
        return fail_at(r, ev, -EINVAL, "a key of a mapping must be text, a number or a boolean");
    return 0;
}

/* "<<: *base" or "<<: [*a, *b]": members that the mapping itself does not name. The first of
 * several wins. */
static int merge_into(struct yaml_reader *r, const yaml_event_t *ev, cJSON *merged,
                      const cJSON *value)
{
    if (cJSON_IsArray(value)) {
        json_foreach (item, value) {
            int rc = cJSON_IsObject(item)
                         ? merge_into(r, ev, merged, item)
                         : fail_at(r, ev, -EINVAL, "<<: want a mapping or a list of mappings");
            if (rc < 0)
                return rc;
        }
        return 0;
    }
    if (!cJSON_IsObject(value))
        return fail_at(r, ev, -EINVAL, "<<: want a mapping or a list of mappings");
    json_foreach (member, value) {
        if (!cJSON_GetObjectItemCaseSensitive(merged, member->string))
            cJSON_AddItemToObject(merged, member->string, cJSON_Duplicate(member, true));
    }
    return 0;
}

static void merge_finish(cJSON *object, cJSON *merged)
{
    while (merged->child) {
        cJSON *member = cJSON_DetachItemViaPointer(merged, merged->child);
        if (cJSON_GetObjectItemCaseSensitive(object, member->string)) {
            cJSON_Delete(member);
            continue;
        }
        AUTO(mem_freep) char *name = mem_strdup(member->string);
        cJSON_AddItemToObject(object, name, member);
    }
}

static int member_read(struct yaml_reader *r, yaml_event_t *kev, unsigned depth, cJSON *object,
                       cJSON *merged)
{
    bool is_merge = kev->type == YAML_SCALAR_EVENT && !kev->data.scalar.tag &&
                    kev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                    streq((const char *)kev->data.scalar.value, "<<");
    AUTO(json_freep) cJSON *key = NULL;
    AUTO(json_freep) cJSON *value = NULL;
    AUTO(mem_freep) char *name = NULL;
    AUTO(event_freep) yaml_event_t vev = {0};
    int rc = node_read(r, kev, depth, &key);
    if (rc == 0)
        rc = key_text(r, kev, key, &name);
    if (rc == 0)
        rc = reader_next(r, &vev);
    if (rc == 0)
        rc = node_read(r, &vev, depth, &value);
    if (rc < 0)
        return rc;
    if (is_merge)
        return merge_into(r, &vev, merged, value);
    cJSON_AddItemToObject(object, name, TAKE(value));
    return 0;
}

static int mapping_read(struct yaml_reader *r, unsigned depth, cJSON *object)
{
    AUTO(json_freep) cJSON *merged = cJSON_CreateObject();
    for (;;) {
        AUTO(event_freep) yaml_event_t ev = {0};
        int rc = reader_next(r, &ev);
        if (rc < 0)
            return rc;
        if (ev.type == YAML_MAPPING_END_EVENT) {
            merge_finish(object, merged);
            return 0;
        }
        rc = member_read(r, &ev, depth, object, merged);
        if (rc < 0)
            return rc;
    }
}

static int alias_read(struct yaml_reader *r, const yaml_event_t *ev, unsigned depth, cJSON **ret)
{
    const char *anchor = (const char *)ev->data.alias.anchor;
    const cJSON *found = map_get(&r->anchors, anchor);
    if (!found)
        return fail_at(r, ev, -EINVAL, "alias *%s: no complete value with anchor &%s before it",
                       anchor, anchor);
    if (depth + depth_of(found) >= JSON_DEPTH_MAX)
        return fail_at(r, ev, -E2BIG, "nested deeper than %d", JSON_DEPTH_MAX);
    int rc = nodes_add(r, ev, nodes_in(found));
    if (rc == 0)
        *ret = cJSON_Duplicate(found, true);
    return rc;
}

static int anchor_keep(struct yaml_reader *r, const yaml_event_t *ev, const char *anchor,
                       const cJSON *j)
{
    int rc = nodes_add(r, ev, nodes_in(j)); /* the copy counts too */
    if (rc == 0)
        cJSON_Delete(map_set(&r->anchors, anchor, cJSON_Duplicate(j, true)));
    return rc;
}

static int node_read(struct yaml_reader *r, yaml_event_t *ev, unsigned depth, cJSON **ret)
{
    if (depth >= JSON_DEPTH_MAX)
        return fail_at(r, ev, -E2BIG, "nested deeper than %d", JSON_DEPTH_MAX);
    if (ev->type == YAML_ALIAS_EVENT)
        return alias_read(r, ev, depth, ret);
    int rc = nodes_add(r, ev, 1);
    if (rc < 0)
        return rc;
    AUTO(json_freep) cJSON *j = NULL;
    const yaml_char_t *anchor = NULL;
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        anchor = ev->data.scalar.anchor;
        rc = scalar_read(r, ev, &j);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = ev->data.sequence_start.anchor;
        j = cJSON_CreateArray();
        rc = sequence_read(r, depth + 1, j);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = ev->data.mapping_start.anchor;
        j = cJSON_CreateObject();
        rc = mapping_read(r, depth + 1, j);
        break;
    default:
        return fail_at(r, ev, -EINVAL, "unexpected end");
    }
    if (rc == 0 && anchor)
        rc = anchor_keep(r, ev, (const char *)anchor, j);
    if (rc == 0)
        *ret = TAKE(j);
    return rc;
}

/* ---- documents
 * ---------------------------------------------------------------------------------------- */

static void anchors_clear(struct map *anchors)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(anchors, &it, &key, &value))
        cJSON_Delete(value);
    map_done(anchors);
    *anchors = MAP_INIT;
}

static int stream_read(struct yaml_reader *r, cJSON *array)
{
    for (;;) {
        AUTO(event_freep) yaml_event_t ev = {0};
        int rc = reader_next(r, &ev);
        if (rc < 0 || ev.type == YAML_STREAM_END_EVENT)
            return rc;
        if (ev.type == YAML_DOCUMENT_END_EVENT)
            anchors_clear(&r->anchors);
        if (ev.type == YAML_STREAM_START_EVENT || ev.type == YAML_DOCUMENT_START_EVENT ||
            ev.type == YAML_DOCUMENT_END_EVENT)
            continue;
        cJSON *doc = NULL;
        rc = node_read(r, &ev, 0, &doc);
        if (rc < 0)
            return rc;
        if (cJSON_IsNull(doc))
            cJSON_Delete(doc);
        else
            cJSON_AddItemToArray(array, doc);
    }
}

int yaml_parse(const char *name, const char *text, size_t len, cJSON **ret_array, struct err **err)
{
    struct yaml_reader r = {.name = name, .anchors = MAP_INIT, .err = err};
    AUTO(json_freep) cJSON *array = cJSON_CreateArray();
    if (!yaml_parser_initialize(&r.parser))
        return err_set(err, -ENOMEM, "%s: out of memory", name);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    int rc = stream_read(&r, array);
    yaml_parser_delete(&r.parser);
    anchors_clear(&r.anchors);
    if (rc == 0)
        *ret_array = TAKE(array);
    return rc;
}
