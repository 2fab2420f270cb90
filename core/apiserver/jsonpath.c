/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of printer columns, scale subresources and selectable fields:
 *
 *     .a.b   .a[0].b   .a['x.y']   .a[?(@.type=="Ready")].status
 *
 * A filter takes the first element that fits; an index may be negative (from the end). Braces
 * around the whole are accepted. Nothing here computes: a path leads to one node or to none.
 */
#include <string.h>

#include "apiserver/columns.h"

#define STEPS_MAX 64

enum step_kind { STEP_NAME, STEP_INDEX, STEP_FILTER, STEP_END, STEP_BAD };

struct step {
    enum step_kind kind;
    struct str name;  /* of a member; of the path inside a filter, "a.b" */
    struct str value; /* of a filter */
    bool bare, equal; /* a value without quotes; == or != */
    int64_t index;
};

static bool is_name_char(char c)
{
    return c && !strchr(".[]{}()?@*\"' \t\r\n=!<>,\\", c);
}

/* A quoted text; escapes of the quote and the backslash are left in, the comparison steps over
 * them. */
static bool read_quoted(const char **at, struct str *ret)
{
    char quote = **at;
    const char *start = ++*at;
    while (**at && **at != quote) {
        if (**at == '\\' && (*at)[1])
            ++*at;
        ++*at;
    }
    if (**at != quote)
        return false;
    *ret = (struct str){start, (size_t)(*at - start)};
    ++*at;
    return true;
}

static void skip_blank(const char **at)
{
    while (**at == ' ')
        ++*at;
}

/* After "[?(": @.a.b == "x" )] */
static struct step read_filter(const char **at)
{
    struct step s = {.kind = STEP_BAD};
    skip_blank(at);
    if (strncmp(*at, "@.", 2) != 0)
        return s;
    *at += 2;
    s.name.ptr = *at;
    while (is_name_char(**at) || **at == '.')
        ++*at;
    s.name.len = (size_t)(*at - s.name.ptr);
    skip_blank(at);
    s.equal = strncmp(*at, "==", 2) == 0;
    if (!s.name.len || (!s.equal && strncmp(*at, "!=", 2) != 0))
        return s;
    *at += 2;
    skip_blank(at);
    if (**at == '"' || **at == '\'') {
        if (!read_quoted(at, &s.value))
            return s;
    } else {
        s.bare = true;
        s.value.ptr = *at;
        while (is_name_char(**at) || **at == '.')
            ++*at;
        s.value.len = (size_t)(*at - s.value.ptr);
        if (!s.value.len)
            return s;
    }
    skip_blank(at);
    if (strncmp(*at, ")]", 2) != 0)
        return s;
    *at += 2;
    s.kind = STEP_FILTER;
    return s;
}

/* After "[". */
static struct step read_bracket(const char **at)
{
    struct step s = {.kind = STEP_BAD};
    if (strncmp(*at, "?(", 2) == 0) {
        *at += 2;
        return read_filter(at);
    }
    if (**at == '"' || **at == '\'') {
        if (read_quoted(at, &s.name) && **at == ']')
            s.kind = STEP_NAME;
    } else if (strncmp(*at, "*]", 2) == 0) {
        ++*at;
        s.kind = STEP_INDEX;
    } else {
        struct str digits = {*at, strcspn(*at, "]")};
        *at += digits.len;
        if (digits.len && digits.len < 10 && !str_to_i64(digits, &s.index) && **at == ']')
            s.kind = STEP_INDEX;
    }
    *at += s.kind == STEP_BAD ? 0 : 1;
    return s;
}

static struct step read_step(const char **at)
{
    struct step s = {.kind = STEP_BAD};
    if (**at == '\0') {
        s.kind = STEP_END;
        return s;
    }
    if (**at == '[') {
        ++*at;
        return read_bracket(at);
    }
    if (**at != '.')
        return s;
    ++*at;
    if (**at == '[') { /* ".[0]" is written by some */
        ++*at;
        return read_bracket(at);
    }
    s.name.ptr = *at;
    while (is_name_char(**at) || (**at == '\\' && (*at)[1])) {
        *at += **at == '\\' ? 2 : 1;
        s.name.len = (size_t)(*at - s.name.ptr);
    }
    s.kind = s.name.len ? STEP_NAME : STEP_BAD;
    return s;
}

/* Equal when the backslashes of `escaped` are stepped over. */
static bool same_text(struct str escaped, const char *plain)
{
    for (size_t i = 0; i < escaped.len; i++) {
        if (escaped.ptr[i] == '\\' && i + 1 < escaped.len)
            i++;
        if (escaped.ptr[i] != *plain || !*plain)
            return false;
        plain++;
    }
    return *plain == '\0';
}

static const cJSON *member(const cJSON *j, struct str name)
{
    if (!cJSON_IsObject(j))
        return NULL;
    json_foreach (m, j) {
        if (same_text(name, m->string))
            return m;
    }
    return NULL;
}

static bool fits(const struct step *s, const cJSON *element)
{
    struct str left = s->name, part;
    const cJSON *at = element;
    while (at && str_split(&left, '.', &part))
        at = member(at, part);
    bool same = false;
    if (cJSON_IsString(at))
        same = same_text(s->value, at->valuestring);
    else if (cJSON_IsBool(at))
        same = s->bare && str_eq(s->value, cJSON_IsTrue(at) ? STR("true") : STR("false"));
    int64_t n;
    if (cJSON_IsNumber(at))
        same = s->bare && str_to_i64(s->value, &n) == 0 && (double)n == at->valuedouble;
    return at && same == s->equal;
}

static const cJSON *apply(const struct step *s, const cJSON *j)
{
    if (s->kind == STEP_NAME)
        return member(j, s->name);
    if (!cJSON_IsArray(j))
        return NULL;
    if (s->kind == STEP_INDEX) {
        int64_t i = s->index < 0 ? s->index + cJSON_GetArraySize(j) : s->index;
        return i < 0 ? NULL : cJSON_GetArrayItem(j, (int)i);
    }
    json_foreach (e, j) {
        if (fits(s, e))
            return e;
    }
    return NULL;
}

/* Braces around the path are not part of it. `copy` is freed by the caller. */
static const char *unwrap(const char *path, char **copy)
{
    size_t n = strlen(path);
    if (n < 2 || path[0] != '{' || path[n - 1] != '}')
        return path;
    *copy = mem_strndup(path + 1, n - 2);
    return *copy;
}

bool jsonpath_valid(const char *path)
{
    char *copy AUTO(mem_freep) = NULL;
    const char *at = unwrap(path, &copy);
    for (int i = 0; i < STEPS_MAX; i++) {
        struct step s = read_step(&at);
        if (s.kind == STEP_END)
            return i > 0;
        if (s.kind == STEP_BAD)
            return false;
    }
    return false;
}

const cJSON *jsonpath_get(const cJSON *obj, const char *path)
{
    char *copy AUTO(mem_freep) = NULL;
    const char *at = unwrap(path, &copy);
    for (int i = 0; i < STEPS_MAX && obj; i++) {
        struct step s = read_step(&at);
        if (s.kind == STEP_END)
            return i > 0 ? obj : NULL; /* an empty path is none */
        if (s.kind == STEP_BAD)
            return NULL;
        obj = apply(&s, obj);
    }
    return NULL;
}
