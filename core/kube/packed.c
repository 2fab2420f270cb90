/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folding and unfolding of objects. The format is private to this process: a node is a tag byte and
 * its value; a member has its name's number before it, or 0 and the name itself.
 *
 *   string  bytes, NUL            integer  zigzag varint       number  eight bytes of a double
 *   array   count, nodes          object   count, (name, node) ...
 *
 * Texts stay where they are: an unfolded node points into the packed bytes.
 */
#include "kube/packed.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "kube/object.h"

#define NAMES_MAX    4096
#define NAME_LEN_MAX 96
#define EXACT_MAX    9007199254740992.0 /* 2^53 */

enum tag { TAG_NULL, TAG_FALSE, TAG_TRUE, TAG_STRING, TAG_INT, TAG_DOUBLE, TAG_ARRAY, TAG_OBJECT };

/* What is being folded: the object itself, its metadata, or something below. */
enum place { PLACE_ROOT, PLACE_METADATA, PLACE_BELOW };

struct fold {
    struct packed_names *names;
    struct buf *out;
    uint32_t nodes;
};

void kube_packed_names_done(struct packed_names *n)
{
    for (size_t i = 0; i < n->n; i++)
        mem_free(n->names[i]);
    mem_free(n->names);
    map_done(&n->ids);
    *n = (struct packed_names){0};
}

/* The number of a name, 0 when it stays where it is. */
static size_t name_id(struct packed_names *n, const char *name)
{
    uintptr_t id = (uintptr_t)map_get(&n->ids, name);
    if (id)
        return id;
    if (n->n == NAMES_MAX || strlen(name) > NAME_LEN_MAX)
        return 0;
    if (n->n == n->cap) {
        n->cap = n->cap ? n->cap * 2 : 64;
        n->names = mem_realloc(n->names, n->cap * sizeof(*n->names));
    }
    n->names[n->n++] = mem_strdup(name);
    map_set(&n->ids, name, (void *)(uintptr_t)n->n);
    return n->n;
}

static void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_addc(b, (char)(v | 0x80));
    buf_addc(b, (char)v);
}

static void put_text(struct buf *b, const char *s)
{
    buf_add(b, s ? s : "", s ? strlen(s) + 1 : 1);
}

static void put_number(struct buf *b, double d)
{
    if (d == floor(d) && fabs(d) <= EXACT_MAX) {
        int64_t i = (int64_t)d;
        buf_addc(b, TAG_INT);
        put_varint(b, (uint64_t)i << 1 ^ (uint64_t)(i >> 63));
    } else {
        buf_addc(b, TAG_DOUBLE);
        buf_add(b, &d, sizeof(d));
    }
}

static bool is_dropped(enum place place, const cJSON *member)
{
    return place == PLACE_METADATA && streq(member->string, "managedFields");
}

static enum place place_below(enum place place, const cJSON *member)
{
    return place == PLACE_ROOT && streq(member->string, "metadata") ? PLACE_METADATA : PLACE_BELOW;
}

static void put_node(struct fold *f, const cJSON *j, enum place place);

static void put_name(struct fold *f, const char *name)
{
    size_t id = name_id(f->names, name);
    put_varint(f->out, id);
    if (id == 0)
        put_text(f->out, name);
}

static void put_members(struct fold *f, const cJSON *o, enum place place)
{
    json_foreach (it, o) {
        if (is_dropped(place, it))
            continue;
        put_name(f, it->string);
        put_node(f, it, place_below(place, it));
    }
}

static size_t count_members(const cJSON *o, enum place place)
{
    size_t n = 0;
    json_foreach (it, o) {
        n += !is_dropped(place, it);
    }
    return n;
}

static void put_node(struct fold *f, const cJSON *j, enum place place)
{
    f->nodes++;
    if (cJSON_IsString(j)) {
        buf_addc(f->out, TAG_STRING);
        put_text(f->out, j->valuestring);
    } else if (cJSON_IsNumber(j)) {
        put_number(f->out, j->valuedouble);
    } else if (cJSON_IsObject(j)) {
        buf_addc(f->out, TAG_OBJECT);
        put_varint(f->out, count_members(j, place));
        put_members(f, j, place);
    } else if (cJSON_IsArray(j)) {
        buf_addc(f->out, TAG_ARRAY);
        put_varint(f->out, (uint64_t)cJSON_GetArraySize(j));
        json_foreach (it, j) {
            put_node(f, it, PLACE_BELOW);
        }
    } else {
        buf_addc(f->out, cJSON_IsTrue(j) ? TAG_TRUE : cJSON_IsFalse(j) ? TAG_FALSE : TAG_NULL);
    }
}

static void put_string_member(struct fold *f, const char *name, const char *value)
{
    f->nodes++;
    put_name(f, name);
    buf_addc(f->out, TAG_STRING);
    put_text(f->out, value);
}

static void put_root(struct fold *f, const cJSON *o, const char *api_version, const char *kind)
{
    bool no_version = !json_str(o, "apiVersion"), no_kind = !json_str(o, "kind");
    f->nodes++;
    buf_addc(f->out, TAG_OBJECT);
    put_varint(f->out, count_members(o, PLACE_ROOT) + no_version + no_kind);
    if (no_version)
        put_string_member(f, "apiVersion", api_version);
    if (no_kind)
        put_string_member(f, "kind", kind);
    put_members(f, o, PLACE_ROOT);
}

struct packed *kube_packed_new(struct packed_names *names, const cJSON *o, const char *api_version,
                               const char *kind, struct buf *scratch)
{
    struct fold f = {names, scratch, 0};
    struct packed *p = NULL;
    put_root(&f, o, api_version, kind);
    if (!scratch->overflow) {
        p = mem_alloc(sizeof(*p) + scratch->len);
        p->refs = 1;
        p->nodes = f.nodes;
        p->bytes_len = (uint32_t)scratch->len;
        p->rv = kube_object_rv(json_str(o, "metadata", "resourceVersion"));
        memcpy(p->bytes, scratch->ptr, scratch->len);
    }
    buf_cut(scratch, 0);
    scratch->overflow = false;
    return p;
}

size_t kube_packed_size(const struct packed *p)
{
    return sizeof(*p) + p->bytes_len;
}

struct unfold {
    const unsigned char *at;
    const struct packed_names *names;
    cJSON *free; /* next unused node */
};

static uint64_t get_varint(struct unfold *u)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char c = *u->at++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return v;
    }
}

static char *get_text(struct unfold *u)
{
    char *s = (char *)u->at; /* cJSON has no const; the tree is handed out as const */
    u->at += strlen(s) + 1;
    return s;
}

static void set_number(cJSON *j, double d)
{
    j->type = cJSON_Number;
    j->valuedouble = d;
    j->valueint = d >= INT_MAX ? INT_MAX : d <= INT_MIN ? INT_MIN : (int)d;
}

static void get_node(struct unfold *u, cJSON *j);

/* The children of one node lie side by side. */
static void get_children(struct unfold *u, cJSON *parent, bool named)
{
    size_t n = (size_t)get_varint(u);
    cJSON *children = u->free;
    u->free += n;
    for (size_t i = 0; i < n; i++) {
        cJSON *j = &children[i];
        if (named) {
            size_t id = (size_t)get_varint(u);
            j->string = id ? u->names->names[id - 1] : get_text(u);
        }
        get_node(u, j);
        j->prev = i ? &children[i - 1] : &children[n - 1];
        j->next = i + 1 < n ? &children[i + 1] : NULL;
    }
    parent->child = n ? children : NULL;
}

static void get_node(struct unfold *u, cJSON *j)
{
    switch ((enum tag) * u->at++) {
    case TAG_STRING:
        j->type = cJSON_String;
        j->valuestring = get_text(u);
        break;
    case TAG_INT: {
        uint64_t z = get_varint(u);
        set_number(j, (double)(int64_t)(z >> 1 ^ (0 - (z & 1))));
        break;
    }
    case TAG_DOUBLE: {
        double d;
        memcpy(&d, u->at, sizeof(d));
        u->at += sizeof(d);
        set_number(j, d);
        break;
    }
    case TAG_OBJECT:
        j->type = cJSON_Object;
        get_children(u, j, true);
        break;
    case TAG_ARRAY:
        j->type = cJSON_Array;
        get_children(u, j, false);
        break;
    case TAG_TRUE:
        j->type = cJSON_True;
        j->valueint = 1;
        break;
    case TAG_FALSE:
        j->type = cJSON_False;
        break;
    case TAG_NULL:
        j->type = cJSON_NULL;
        break;
    }
}

void kube_packed_unfold(const struct packed *p, const struct packed_names *names, cJSON *nodes)
{
    struct unfold u = {p->bytes, names, nodes + 1};
    get_node(&u, nodes);
    ATOLL_ASSERT(u.free == nodes + p->nodes && u.at == p->bytes + p->bytes_len);
}
