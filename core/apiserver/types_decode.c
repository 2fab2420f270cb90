/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON object against the rows of its type: wrong JSON types are errors, unknown members are
 * taken out and named, and what is left gets the form Kubernetes would store (no nulls, no empty
 * lists, times in UTC, canonical quantities). Whether the values make sense is types_validate.c's
 * business.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/types_rows.h"
#include "base/clock.h"
#include "base/quantity.h"

struct decode {
    struct arena *arena;
    const char **unknown;
    size_t n_unknown;
    struct buf path;
    struct err **err;
};

static int decode_object(struct decode *d, const struct type *t, cJSON *obj);

static const char *found(const cJSON *j)
{
    switch (j->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return "a boolean";
    case cJSON_NULL:
        return "null";
    case cJSON_Number:
        return "a number";
    case cJSON_String:
        return "a string";
    case cJSON_Array:
        return "a list";
    default:
        return "an object";
    }
}

static int wrong_type(struct decode *d, const cJSON *j, const char *wanted)
{
    return err_set(d->err, -EINVAL, "%s: want %s, found %s", buf_str(&d->path), wanted, found(j));
}

/* Names come from outside here: long ones are cut. */
static size_t path_push(struct decode *d, const char *name)
{
    size_t before = type_path_name(&d->path, name);
    if (d->path.len > before + 200)
        buf_cut(&d->path, before + 200);
    return before;
}

static void unknown_add(struct decode *d, const char *name)
{
    if (d->n_unknown >= TYPE_UNKNOWN_MAX)
        return;
    if (!d->unknown)
        d->unknown = arena_array(d->arena, const char *, TYPE_UNKNOWN_MAX + 1);
    d->unknown[d->n_unknown++] =
        arena_printf(d->arena, "%s%s%.200s", buf_str(&d->path), d->path.len ? "." : "", name);
}

/* --- scalars -------------------------------------------------------------------------------- */

static int decode_integer(struct decode *d, const cJSON *j, double low, double high)
{
    if (!cJSON_IsNumber(j))
        return wrong_type(d, j, "a number");
    if (j->valuedouble != floor(j->valuedouble))
        return err_set(d->err, -EINVAL, "%s: want an integer, found %g", buf_str(&d->path),
                       j->valuedouble);
    if (j->valuedouble < low || j->valuedouble > high)
        return err_set(d->err, -EINVAL, "%s: number %g is out of range", buf_str(&d->path),
                       j->valuedouble);
    return 0;
}

static void replace_string(cJSON *j, const char *text)
{
    if (cJSON_IsString(j)) {
        cJSON_SetValuestring(j, text);
        if (streq(j->valuestring, text))
            return;
    }
    cJSON_free(j->valuestring);
    j->valuestring = NULL;
    size_t n = strlen(text) + 1;
    j->valuestring = cJSON_malloc(n);
    ATOLL_ASSERT(j->valuestring);
    memcpy(j->valuestring, text, n);
    j->type = (j->type & ~0xff) | cJSON_String;
}

static int decode_time(struct decode *d, cJSON *j, bool micro)
{
    int64_t us;
    if (!cJSON_IsString(j))
        return wrong_type(d, j, "a time");
    if (clock_parse(j->valuestring, &us))
        return err_set(d->err, -EINVAL,
                       "%s: want a time like 2006-01-02T15:04:05Z, found \"%.60s\"",
                       buf_str(&d->path), j->valuestring);
    char text[CLOCK_TEXT_MAX];
    replace_string(j, micro ? clock_micro_text(us, text) : clock_time_text(us, text));
    return 0;
}

static int decode_quantity(struct decode *d, cJSON *j)
{
    char text[64], out[48];
    if (cJSON_IsNumber(j))
        snprintf(text, sizeof(text), "%.15g", j->valuedouble);
    else if (!cJSON_IsString(j))
        return wrong_type(d, j, "a quantity");
    const char *in = cJSON_IsString(j) ? j->valuestring : text;
    struct err *why AUTO(err_freep) = NULL;
    if (quantity_canonical(in, out, &why))
        return err_set(d->err, -EINVAL, "%s: want a quantity like 500m or 1Gi: %s",
                       buf_str(&d->path), err_text(why));
    replace_string(j, out);
    return 0;
}

static int decode_bytes(struct decode *d, const cJSON *j)
{
    if (!cJSON_IsString(j))
        return wrong_type(d, j, "a base64 string");
    struct str text = str_of(j->valuestring);
    struct buf out AUTO(buf_done) = BUF_INIT(text.len + 4);
    if (base64_decode(text, &out))
        return err_set(d->err, -EINVAL, "%s: illegal base64 data", buf_str(&d->path));
    return 0;
}

static int decode_scalar(struct decode *d, enum type_kind kind, cJSON *j)
{
    switch (kind) {
    case T_STRING:
        return cJSON_IsString(j) ? 0 : wrong_type(d, j, "a string");
    case T_INT32:
        return decode_integer(d, j, INT32_MIN, INT32_MAX);
    case T_INT64:
        return decode_integer(d, j, -9.2233720368547758e18, 9.2233720368547748e18);
    case T_BOOL:
        return cJSON_IsBool(j) ? 0 : wrong_type(d, j, "true or false");
    case T_DOUBLE:
        return cJSON_IsNumber(j) ? 0 : wrong_type(d, j, "a number");
    case T_BYTES:
        return decode_bytes(d, j);
    case T_TIME:
        return decode_time(d, j, false);
    case T_MICROTIME:
        return decode_time(d, j, true);
    case T_QUANTITY:
        return decode_quantity(d, j);
    case T_INT_OR_STRING:
        return cJSON_IsString(j) ? 0 : decode_integer(d, j, INT32_MIN, INT32_MAX);
    case T_OBJECT:
    case T_LIST:
    case T_MAP:
    case T_ANY:
        break;
    }
    return 0;
}

/* --- containers ----------------------------------------------------------------------------- */

static int decode_list(struct decode *d, const struct type_field *f, cJSON *list)
{
    if (!cJSON_IsArray(list))
        return wrong_type(d, list, "a list");
    size_t before = d->path.len, i = 0;
    for (cJSON *e = list->child; e; e = e->next, i++) {
        type_path_index(&d->path, i);
        int rc = 0;
        if (!f->ref)
            rc = decode_scalar(d, f->elem, e);
        else if (!cJSON_IsObject(e))
            rc = wrong_type(d, e, "an object");
        else
            rc = decode_object(d, f->ref, e);
        if (rc)
            return rc;
        buf_cut(&d->path, before);
    }
    return 0;
}

/* A null in a map of texts is the empty text, as Go reads it. */
static int decode_map(struct decode *d, const struct type_field *f, cJSON *map)
{
    if (!cJSON_IsObject(map))
        return wrong_type(d, map, "an object");
    for (cJSON *e = map->child; e; e = e->next) {
        size_t before = path_push(d, e->string);
        if (cJSON_IsNull(e) && (f->elem == T_STRING || f->elem == T_BYTES))
            replace_string(e, "");
        int rc = decode_scalar(d, f->elem, e);
        if (rc)
            return rc;
        buf_cut(&d->path, before);
    }
    return 0;
}

static bool means_absent(const struct type_field *f, const cJSON *j)
{
    if (f->kind == T_LIST || f->kind == T_MAP)
        return j->child == NULL;
    if (!(f->flags & TF_OMIT_ZERO))
        return false;
    return cJSON_IsFalse(j) || (cJSON_IsNumber(j) && j->valuedouble == 0) ||
           (cJSON_IsString(j) && !*j->valuestring);
}

static int decode_member(struct decode *d, const struct type_field *f, cJSON *j)
{
    switch (f->kind) {
    case T_OBJECT:
        return cJSON_IsObject(j) ? decode_object(d, f->ref, j) : wrong_type(d, j, "an object");
    case T_LIST:
        return decode_list(d, f, j);
    case T_MAP:
        return decode_map(d, f, j);
    default:
        return decode_scalar(d, f->kind, j);
    }
}

static int decode_object(struct decode *d, const struct type *t, cJSON *obj)
{
    bool root = d->path.len == 0;
    for (cJSON *j = obj->child, *next; j; j = next) {
        next = j->next;
        const struct type_field *f = type_field_find(t, j->string);
        if (!f && root && (streq(j->string, "kind") || streq(j->string, "apiVersion"))) {
            if (!cJSON_IsString(j))
                return err_set(d->err, -EINVAL, "%s: want a string, found %s", j->string, found(j));
            continue;
        }
        if (!f)
            unknown_add(d, j->string);
        if (!f || cJSON_IsNull(j)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(obj, j));
            continue;
        }
        size_t before = path_push(d, j->string);
        int rc = decode_member(d, f, j);
        if (rc)
            return rc;
        buf_cut(&d->path, before);
        if (means_absent(f, j))
            cJSON_Delete(cJSON_DetachItemViaPointer(obj, j));
    }
    return 0;
}

int type_decode(const struct type *t, cJSON *obj, struct arena *a, const char ***ret_unknown,
                size_t *ret_n, struct err **err)
{
    struct decode d = {.arena = a, .path = BUF_INIT(4096), .err = err};
    int rc = cJSON_IsObject(obj) ? decode_object(&d, t, obj)
                                 : err_set(err, -EINVAL, "want an object of kind %s, found %s",
                                           t->name, found(obj));
    buf_done(&d.path);
    if (rc)
        return rc;
    *ret_unknown = d.unknown;
    *ret_n = d.n_unknown;
    return 0;
}
