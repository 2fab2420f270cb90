/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree behind a field table, and the interpreters that walk an object along it: validation,
 * warnings, unknown members, defaults. Printing schema and manual from the same tree is in
 * field_print.c.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/field_tree.h"
#include "base/quantity.h"

/* ---- rows to tree
 * -------------------------------------------------------------------------------- */

struct field_schema {
    struct arena *arena;
    struct field_node root;
};

#define FIELD_ARENA_MAX (8u << 20)
#define FIELD_PATH_MAX  1024

static struct field_node *node_new(struct arena *a, const char *name, enum field_type type)
{
    struct field_node *n = arena_new_of(a, struct field_node);
    n->name = name;
    n->type = type;
    return n;
}

static struct field_node *child_get(struct arena *a, struct field_node *parent, struct str name)
{
    struct field_node **tail = &parent->children;
    for (; *tail; tail = &(*tail)->next)
        if (str_eq(str_of((*tail)->name), name))
            return *tail;
    *tail = node_new(a, arena_strndup(a, name.ptr, name.len), FIELD_OBJECT);
    return *tail;
}

/* Items of a list and values of a map are one anonymous node. */
static struct field_node *element_get(struct arena *a, struct field_node *parent,
                                      enum field_type container)
{
    ATOLL_ASSERT(parent->row && parent->type == container);
    if (!parent->element)
        parent->element = node_new(a, "", FIELD_OBJECT);
    return parent->element;
}

/* One step of a path: "name", "name[]" or "*". */
static struct field_node *step_into(struct arena *a, struct field_node *at, struct str piece)
{
    bool items = piece.len > 2 && memcmp(piece.ptr + piece.len - 2, "[]", 2) == 0;
    if (items)
        piece.len -= 2;
    ATOLL_ASSERT(piece.len > 0);
    if (str_eq(piece, STR("*")))
        return element_get(a, at, FIELD_MAP);
    struct field_node *n = child_get(a, at, piece);
    return items ? element_get(a, n, FIELD_LIST) : n;
}

static void rows_add(struct arena *a, struct field_node *root, const struct field_table *t,
                     unsigned depth)
{
    ATOLL_ASSERT(depth < 16);
    for (size_t i = 0; i < t->n; i++) {
        const struct field *row = &t->rows[i];
        struct field_node *at = root;
        struct str path = str_of(row->path), piece;
        while (str_split(&path, '.', &piece))
            at = step_into(a, at, piece);
        ATOLL_ASSERT(!at->row);
        at->row = row;
        at->type = row->type;
        if (!row->sub)
            continue;
        bool container = row->type == FIELD_LIST || row->type == FIELD_MAP;
        rows_add(a, container ? element_get(a, at, row->type) : at, row->sub, depth + 1);
    }
}

static void tree_finish(struct arena *a, struct field_node *n)
{
    if ((n->type == FIELD_LIST || n->type == FIELD_MAP) && !n->element)
        n->element = node_new(a, "", FIELD_STRING);
    if (n->row && n->row->pattern) {
        n->pattern = arena_new_of(a, regex_t);
        ATOLL_ASSERT(regcomp(n->pattern, n->row->pattern, REG_EXTENDED | REG_NOSUB) == 0);
    }
    if (n->element)
        tree_finish(a, n->element);
    for (struct field_node *c = n->children; c; c = c->next)
        tree_finish(a, c);
}

struct field_schema *field_schema_new(const struct field_table *t)
{
    struct field_schema *s = mem_new(struct field_schema);
    s->arena = arena_new(FIELD_ARENA_MAX);
    s->root.name = "";
    rows_add(s->arena, &s->root, t, 0);
    tree_finish(s->arena, &s->root);
    return s;
}

static void patterns_free(struct field_node *n)
{
    if (n->pattern)
        regfree(n->pattern);
    if (n->element)
        patterns_free(n->element);
    for (struct field_node *c = n->children; c; c = c->next)
        patterns_free(c);
}

void field_schema_free(struct field_schema *s)
{
    if (!s)
        return;
    patterns_free(&s->root);
    arena_free(s->arena);
    mem_free(s);
}

const struct field_node *field_root(const struct field_schema *s)
{
    return &s->root;
}

/* ---- walking an object
 * ----------------------------------------------------------------------------- */

struct walk {
    field_report_fn *report;
    void *arg;
    size_t count;
    char path[FIELD_PATH_MAX];
    size_t len;
};

static void report(struct walk *w, const char *fmt, ...) ATOLL_PRINTF(2, 3);
static void report(struct walk *w, const char *fmt, ...)
{
    w->count++;
    if (!w->report)
        return;
    va_list ap;
    va_start(ap, fmt);
    char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    w->report(w->arg, w->path, text);
    mem_free(text);
}

/* Append to the path; the old length goes back in with path_cut. A path too long is shown cut. */
static size_t path_push(struct walk *w, const char *name, long index)
{
    size_t mark = w->len;
    size_t room = sizeof(w->path) - w->len;
    int n = index >= 0
                ? snprintf(w->path + w->len, room, "[%ld]", index)
                : snprintf(w->path + w->len, room, "%s%s", w->len ? "." : "", name ? name : "");
    w->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    return mark;
}

static void path_cut(struct walk *w, size_t mark)
{
    w->len = mark;
    w->path[mark] = '\0';
}

static const char *type_text(enum field_type t)
{
    static const char *const TEXT[] = {
        [FIELD_OBJECT] = "an object",    [FIELD_LIST] = "a list",
        [FIELD_MAP] = "a map",           [FIELD_STRING] = "a string",
        [FIELD_INT32] = "an integer",    [FIELD_INT64] = "an integer",
        [FIELD_BOOL] = "true or false",  [FIELD_INT_OR_STRING] = "an integer or a string",
        [FIELD_QUANTITY] = "a quantity", [FIELD_TIME] = "a time",
        [FIELD_OPAQUE] = "an object",    [FIELD_OPAQUE_LIST] = "a list of objects",
        [FIELD_ANY] = "any value",
    };
    return TEXT[t];
}

static const char *found_text(const cJSON *v)
{
    return cJSON_IsObject(v)   ? "an object"
           : cJSON_IsArray(v)  ? "a list"
           : cJSON_IsString(v) ? "a string"
           : cJSON_IsNumber(v) ? "a number"
           : cJSON_IsBool(v)   ? "true or false"
                               : "null";
}

static bool is_integer(const cJSON *v)
{
    return cJSON_IsNumber(v) && floor(v->valuedouble) == v->valuedouble;
}

static bool type_fits(enum field_type t, const cJSON *v)
{
    switch (t) {
    case FIELD_OBJECT:
    case FIELD_MAP:
    case FIELD_OPAQUE:
        return cJSON_IsObject(v);
    case FIELD_LIST:
    case FIELD_OPAQUE_LIST:
        return cJSON_IsArray(v);
    case FIELD_STRING:
    case FIELD_TIME:
        return cJSON_IsString(v);
    case FIELD_INT32:
    case FIELD_INT64:
        return is_integer(v);
    case FIELD_BOOL:
        return cJSON_IsBool(v);
    case FIELD_INT_OR_STRING:
        return is_integer(v) || cJSON_IsString(v);
    case FIELD_QUANTITY:
        return cJSON_IsNumber(v) || cJSON_IsString(v);
    case FIELD_ANY:
        return true;
    }
    return false;
}

/* ---- validation
 * ------------------------------------------------------------------------------------ */

static bool word_allowed(const char *allowed, const char *word)
{
    struct str rest = str_of(allowed), piece;
    while (str_split(&rest, '|', &piece))
        if (str_eq(piece, str_of(word)))
            return true;
    return false;
}

static const char *shown(const struct field *row, const char *value)
{
    return row->flags & FIELD_SECRET ? "(hidden)" : value;
}

static void check_string(struct walk *w, const struct field_node *n, const char *value)
{
    const struct field *row = n->row;
    size_t len = strlen(value);
    if (row->allowed && !word_allowed(row->allowed, value))
        report(w, "want one of %s, found \"%s\"", row->allowed, shown(row, value));
    if (row->max_len && len > row->max_len)
        report(w, "want at most %u characters, found %zu", row->max_len, len);
    if (len < row->min_len)
        report(w, "want at least %u characters, found %zu", row->min_len, len);
    if (n->pattern && regexec(n->pattern, value, 0, NULL, 0) != 0)
        report(w, "want text that matches %s, found \"%s\"", row->pattern, shown(row, value));
}

static void check_number(struct walk *w, const struct field_node *n, double value)
{
    const struct field *row = n->row;
    if (n->type == FIELD_INT32 && (value > INT32_MAX || value < INT32_MIN))
        report(w, "want an integer of 32 bits, found %.0f", value);
    else if (row && (row->min || row->max) &&
             (value < (double)row->min || value > (double)row->max)) {
        if (row->max == FIELD_NO_MAX)
            report(w, "want at least %lld, found %.0f", (long long)row->min, value);
        else
            report(w, "want %lld..%lld, found %.0f", (long long)row->min, (long long)row->max,
                   value);
    }
}

static void check_quantity(struct walk *w, const cJSON *v)
{
    if (!cJSON_IsString(v))
        return;
    AUTO(err_freep) struct err *err = NULL;
    int64_t milli;
    if (quantity_parse(v->valuestring, &milli, &err) < 0)
        report(w, "%s", err_text(err));
}

static void check_count(struct walk *w, const struct field *row, const cJSON *v, const char *what)
{
    unsigned n = (unsigned)cJSON_GetArraySize(v);
    if (row && row->max_len && n > row->max_len)
        report(w, "want at most %u %s, found %u", row->max_len, what, n);
    if (row && n < row->min_len)
        report(w, "want at least %u %s, found %u", row->min_len, what, n);
}

/* The text that must be unique among the items, e.g. "http" or "80,TCP"; NULL when a part is
 * absent. */
static char *item_key(const struct field *row, const cJSON *item)
{
    if (!row->key)
        return row->flags & FIELD_SET ? json_print(item) : NULL;
    struct buf b = BUF_INIT(4096);
    struct str rest = str_of(row->key), part;
    while (str_split(&rest, ',', &part)) {
        char *name = mem_strndup(part.ptr, part.len);
        const cJSON *v = json_at(item, name);
        mem_free(name);
        if (!v) {
            buf_done(&b);
            return NULL;
        }
        if (b.len)
            buf_addc(&b, ',');
        if (cJSON_IsString(v))
            buf_adds(&b, v->valuestring);
        else
            json_add_to(&b, v);
    }
    return buf_take(&b);
}

static void check_unique(struct walk *w, const struct field *row, const cJSON *list)
{
    if (!row || (!row->key && !(row->flags & FIELD_SET)))
        return;
    struct map seen = MAP_INIT;
    long index = 0;
    json_foreach (item, list) {
        AUTO(mem_freep) char *key = item_key(row, item);
        if (key && map_set(&seen, key, &seen)) {
            size_t mark = path_push(w, NULL, index);
            report(w, "\"%s\" is used twice%s%s", key, row->key ? " as " : "",
                   row->key ? row->key : "");
            path_cut(w, mark);
        }
        index++;
    }
    map_done(&seen);
}

/* The item of the old list that is "the same" one: by key where there is one, else by position. */
static const cJSON *old_item(const struct field *row, const cJSON *old, const cJSON *item,
                             long index)
{
    if (!row || !row->key)
        return cJSON_GetArrayItem(old, (int)index);
    AUTO(mem_freep) char *want = item_key(row, item);
    json_foreach (it, old) {
        AUTO(mem_freep) char *have = item_key(row, it);
        if (want && have && streq(want, have))
            return it;
    }
    return NULL;
}

static void validate_node(struct walk *w, const struct field_node *n, const cJSON *v,
                          const cJSON *old);

static void validate_object(struct walk *w, const struct field_node *n, const cJSON *v,
                            const cJSON *old)
{
    for (const struct field_node *c = n->children; c; c = c->next) {
        const cJSON *member = json_at(v, c->name);
        const cJSON *before = json_at(old, c->name);
        size_t mark = path_push(w, c->name, -1);
        if (member && !cJSON_IsNull(member))
            validate_node(w, c, member, before);
        else if (c->row && c->row->flags & FIELD_REQUIRED)
            report(w, "is required");
        else if (before && !cJSON_IsNull(before) && c->row && c->row->flags & FIELD_IMMUTABLE)
            report(w, "cannot be removed once it is set");
        path_cut(w, mark);
    }
}

static void validate_list(struct walk *w, const struct field_node *n, const cJSON *v,
                          const cJSON *old)
{
    check_count(w, n->row, v, "items");
    check_unique(w, n->row, v);
    long index = 0;
    json_foreach (item, v) {
        size_t mark = path_push(w, NULL, index);
        validate_node(w, n->element, item, old ? old_item(n->row, old, item, index) : NULL);
        path_cut(w, mark);
        index++;
    }
}

static void validate_map(struct walk *w, const struct field_node *n, const cJSON *v,
                         const cJSON *old)
{
    check_count(w, n->row, v, "members");
    json_foreach (member, v) {
        size_t mark = path_push(w, member->string, -1);
        validate_node(w, n->element, member, json_at(old, member->string));
        path_cut(w, mark);
    }
}

static void validate_scalar(struct walk *w, const struct field_node *n, const cJSON *v)
{
    int64_t wall_us;
    if (cJSON_IsNumber(v))
        check_number(w, n, v->valuedouble);
    else if (n->type == FIELD_QUANTITY)
        check_quantity(w, v);
    else if (n->type == FIELD_TIME && clock_parse(v->valuestring, &wall_us) < 0)
        report(w, "want a time like 2026-01-31T10:00:00Z, found \"%s\"", v->valuestring);
    else if (cJSON_IsString(v) && n->row)
        check_string(w, n, v->valuestring);
}

/* `tls: false` and `shardings: []` say the same as their absence. */
static bool asks_for_nothing(const cJSON *v)
{
    bool container = cJSON_IsObject(v) || cJSON_IsArray(v);
    return cJSON_IsFalse(v) || cJSON_IsNull(v) || (container && !v->child);
}

static void validate_node(struct walk *w, const struct field_node *n, const cJSON *v,
                          const cJSON *old)
{
    unsigned flags = n->row ? n->row->flags : 0;
    if (flags & FIELD_REJECTED) {
        if (!asks_for_nothing(v))
            report(w, "is not served here: %s", n->row->instead);
        return;
    }
    if (!type_fits(n->type, v)) {
        report(w, "want %s, found %s", type_text(n->type), found_text(v));
        return;
    }
    if (flags & FIELD_IMMUTABLE && old && !cJSON_IsNull(old) && !json_equal(old, v)) {
        report(w, "cannot be changed once it is set");
        return;
    }
    if (n->type == FIELD_OBJECT)
        validate_object(w, n, v, old);
    else if (n->type == FIELD_LIST)
        validate_list(w, n, v, old);
    else if (n->type == FIELD_MAP)
        validate_map(w, n, v, old);
    else
        validate_scalar(w, n, v);
}

size_t field_validate(const struct field_schema *s, const cJSON *value, const cJSON *old,
                      field_report_fn *fn, void *arg)
{
    struct walk w = {.report = fn, .arg = arg};
    validate_node(&w, &s->root, value, old);
    return w.count;
}

/* ---- warnings and unknown members
 * -------------------------------------------------------------------- */

/* Calls visit for the node's members, items or values that are present in v. */
static void descend(struct walk *w, const struct field_node *n, const cJSON *v,
                    void (*visit)(struct walk *, const struct field_node *, const cJSON *))
{
    if (n->type == FIELD_OBJECT) {
        for (const struct field_node *c = n->children; c; c = c->next) {
            const cJSON *member = json_at(v, c->name);
            size_t mark = path_push(w, c->name, -1);
            if (member)
                visit(w, c, member);
            path_cut(w, mark);
        }
    } else if (n->element) {
        long index = 0;
        json_foreach (item, v) {
            size_t mark = path_push(w, item->string, n->type == FIELD_LIST ? index : -1);
            visit(w, n->element, item);
            path_cut(w, mark);
            index++;
        }
    }
}

static void warn_node(struct walk *w, const struct field_node *n, const cJSON *v)
{
    unsigned flags = n->row ? n->row->flags : 0;
    if (flags & FIELD_NO_EFFECT && !asks_for_nothing(v))
        report(w, "is accepted and has no effect here%s%s", n->row->instead ? ": " : "",
               n->row->instead ? n->row->instead : "");
    else if (flags & FIELD_DEPRECATED)
        report(w, "is an old spelling; use %s", n->row->instead);
    else
        descend(w, n, v, warn_node);
}

size_t field_warnings(const struct field_schema *s, const cJSON *value, field_report_fn *fn,
                      void *arg)
{
    struct walk w = {.report = fn, .arg = arg};
    warn_node(&w, &s->root, value);
    return w.count;
}

static const struct field_node *child_find(const struct field_node *n, const char *name)
{
    const struct field_node *c = n->children;
    while (c && !streq(c->name, name))
        c = c->next;
    return c;
}

static void unknown_node(struct walk *w, const struct field_node *n, const cJSON *v)
{
    if (n->type == FIELD_OBJECT && !(n->row && n->row->flags & FIELD_PRESERVE)) {
        json_foreach (member, v) {
            if (child_find(n, member->string))
                continue;
            size_t mark = path_push(w, member->string, -1);
            report(w, "is not a field of this kind");
            path_cut(w, mark);
        }
    }
    descend(w, n, v, unknown_node);
}

size_t field_unknown(const struct field_schema *s, const cJSON *value, field_report_fn *fn,
                     void *arg)
{
    struct walk w = {.report = fn, .arg = arg};
    unknown_node(&w, &s->root, value);
    return w.count;
}

/* ---- defaults
 * --------------------------------------------------------------------------------------- */

static void default_node(const struct field_node *n, cJSON *v)
{
    if (n->type == FIELD_OBJECT && cJSON_IsObject(v)) {
        for (const struct field_node *c = n->children; c; c = c->next) {
            cJSON *member = cJSON_GetObjectItemCaseSensitive(v, c->name);
            if (!member && c->row && c->row->def) {
                member = cJSON_Parse(c->row->def);
                ATOLL_ASSERT(member);
                cJSON_AddItemToObject(v, c->name, member);
            }
            if (member)
                default_node(c, member);
        }
    } else if (n->element) {
        for (cJSON *item = v->child; item; item = item->next)
            default_node(n->element, item);
    }
}

void field_default(const struct field_schema *s, cJSON *value)
{
    default_node(&s->root, value);
}
