/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of rows (required, allowed values, immutable) and, for each object on the way, the
 * check hook of its type. Collects everything that is wrong. Metadata of the object itself is not
 * looked at: meta_validate does that, because its rules depend on the resource.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/types_rows.h"

bool type_given(const cJSON *obj, const char *name)
{
    const cJSON *j = type_member(obj, name);
    return j && !cJSON_IsNull(j) && !(cJSON_IsString(j) && !*j->valuestring) &&
           !(cJSON_IsArray(j) && !j->child);
}

void type_check_range(const cJSON *obj, const char *path, const char *name, int64_t low,
                      int64_t high, struct causes *c)
{
    const cJSON *j = type_member(obj, name);
    if (!cJSON_IsNumber(j) ||
        (j->valuedouble >= (double)low && (high == INT64_MAX || j->valuedouble <= (double)high)))
        return;
    char field[CAUSE_FIELD_MAX], why[96];
    if (high == INT64_MAX)
        snprintf(why, sizeof(why), "must be greater than or equal to %lld", (long long)low);
    else
        snprintf(why, sizeof(why), "must be between %lld and %lld, inclusive", (long long)low,
                 (long long)high);
    causes_invalid_json(c, type_path(field, path, "%s", name), j, why);
}

void type_check_name(const cJSON *obj, const char *path, const char *name,
                     const char *(*rule)(const char *), struct causes *c)
{
    const char *s = json_string_of(type_member(obj, name));
    const char *why = s && *s ? rule(s) : NULL;
    char field[CAUSE_FIELD_MAX];
    if (why)
        causes_invalid(c, type_path(field, path, "%s", name), s, why);
}

void type_check_unique(const cJSON *obj, const char *path, const char *name, const char *key,
                       struct map *seen, struct causes *c)
{
    const cJSON *list = type_member(obj, name);
    char field[CAUSE_FIELD_MAX];
    size_t i = 0;
    json_foreach (e, list) {
        const cJSON *j = type_member(e, key);
        /* The value only has to be something: the map is used as a set. */
        if (cJSON_IsString(j) && *j->valuestring && map_set(seen, j->valuestring, seen))
            causes_duplicate(c, type_path(field, path, "%s[%zu].%s", name, i, key), j);
        i++;
    }
}

bool type_is_ip(const char *s, int *ret_family)
{
    unsigned char raw[16];
    int family = strchr(s, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, s, raw) != 1)
        return false;
    if (ret_family)
        *ret_family = family == AF_INET6 ? 6 : 4;
    return true;
}

struct walk {
    struct causes *causes;
    struct buf path;
};

static bool is_empty(const cJSON *j)
{
    return !j || cJSON_IsNull(j) || (cJSON_IsString(j) && !*j->valuestring) ||
           (cJSON_IsArray(j) && !j->child);
}

static bool is_allowed(const char *allowed, const char *value)
{
    size_t n = strlen(value);
    for (const char *at = allowed;; at++) {
        size_t len = strcspn(at, "|");
        if (len == n && memcmp(at, value, n) == 0)
            return true;
        at += len;
        if (!*at)
            return false;
    }
}

/* Nearly always all is well, so the path is only written when it is not. */
static void check_row(struct walk *w, const struct type_field *f, const cJSON *obj,
                      const cJSON *old)
{
    const cJSON *j = type_member(obj, f->name);
    bool missing = (f->flags & TF_REQUIRED) && is_empty(j);
    bool odd =
        !missing && f->allowed && cJSON_IsString(j) && !is_allowed(f->allowed, j->valuestring);
    bool changed = (f->flags & TF_IMMUTABLE) && old && !json_equal(type_member(old, f->name), j);
    if (!missing && !odd && !changed)
        return;
    size_t before = type_path_name(&w->path, f->name);
    if (missing)
        causes_required(w->causes, buf_str(&w->path), NULL);
    if (odd)
        causes_not_supported(w->causes, buf_str(&w->path), j, f->allowed);
    if (changed)
        causes_invalid_json(w->causes, buf_str(&w->path), j, "field is immutable");
    buf_cut(&w->path, before);
}

static void check_object(struct walk *w, const struct type *t, const cJSON *obj, const cJSON *old);

static void check_children(struct walk *w, const struct type *t, const cJSON *obj, const cJSON *old)
{
    bool root = w->path.len == 0;
    json_foreach (j, obj) {
        if ((!j->child && !cJSON_IsObject(j)) || (root && streq(j->string, "metadata")))
            continue;
        const struct type_field *f = type_field_find(t, j->string);
        if (!f || !f->ref)
            continue;
        size_t before = type_path_name(&w->path, j->string);
        if (f->kind == T_OBJECT && cJSON_IsObject(j))
            check_object(w, f->ref, j, type_member(old, j->string));
        size_t named = w->path.len, i = 0;
        for (const cJSON *e = f->kind == T_LIST ? j->child : NULL; e; e = e->next, i++) {
            type_path_index(&w->path, i);
            check_object(w, f->ref, e, NULL);
            buf_cut(&w->path, named);
        }
        buf_cut(&w->path, before);
    }
}

static void check_rows(struct walk *w, const struct type *t, const cJSON *obj, const cJSON *old)
{
    for (const struct type_field *f = t->fields; f->name; f++) {
        if (f->flags & TF_INLINE)
            check_rows(w, f->ref, obj, old);
        else if (f->allowed || (f->flags & (TF_REQUIRED | TF_IMMUTABLE)))
            check_row(w, f, obj, old);
    }
    if (t->check)
        t->check(obj, old, buf_str(&w->path), w->causes);
}

static void check_object(struct walk *w, const struct type *t, const cJSON *obj, const cJSON *old)
{
    check_rows(w, t, obj, old);
    check_children(w, t, obj, old);
}

void type_validate(const struct type *t, const cJSON *obj, const cJSON *old, struct causes *c)
{
    struct walk w = {.causes = c, .path = BUF_INIT(4096)};
    check_object(&w, t, obj, old);
    buf_done(&w.path);
}
