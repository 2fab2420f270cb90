/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One version of an object: serialised once, when it is written, and served from that text for
 * ever.
 *
 * The text starts with kind, apiVersion and metadata.resourceVersion, in this order. So a list can
 * leave kind and apiVersion out, another served version can replace them, a partial answer can cut
 * out the metadata, and a deletion can change the revision, all without parsing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/store_object.h"

#define TEXT_MAX (64U << 20) /* far above body_max: defaults and status make objects grow */

static const char METADATA[] = "\"metadata\":{";
static const char REVISION[] = "\"resourceVersion\":\"";

const struct object *object_ref(const struct object *o)
{
    ((struct object *)(uintptr_t)o)->refs++;
    return o;
}

void object_unref(const struct object *o)
{
    struct object *mine = (struct object *)(uintptr_t)o;
    if (mine && --mine->refs == 0)
        mem_free(mine);
}

void object_release(void *o)
{
    object_unref(o);
}

static cJSON *parse_own(struct str text)
{
    cJSON *tree = NULL;
    int rc = json_parse(text.ptr, text.len, &tree, NULL);
    ATOLL_ASSERT(rc == 0); /* we wrote it, or db_load has checked it */
    return tree;
}

cJSON *object_tree(const struct object *o)
{
    return parse_own(o->text);
}

cJSON *object_head(const struct object *o)
{
    return parse_own(o->head);
}

/* The parts of an object before they are laid out in one allocation. */
struct parts {
    struct buf text, head, owners;
    size_t body, metadata, metadata_len;
};

static void parts_done(struct parts *p)
{
    buf_done(&p->text);
    buf_done(&p->head);
    buf_done(&p->owners);
}

static void add_member(struct buf *b, const cJSON *member, bool *first)
{
    if (!*first)
        buf_addc(b, ',');
    *first = false;
    json_add_string(b, member->string);
    buf_addc(b, ':');
    json_add_to(b, member);
}

static void add_metadata(struct parts *p, const cJSON *metadata, uint64_t rv)
{
    bool first = true;
    p->body = p->text.len;
    buf_adds(&p->text, METADATA);
    p->metadata = p->text.len - 1;
    if (rv) {
        buf_addf(&p->text, "%s%llu\"", REVISION, (unsigned long long)rv);
        first = false;
    }
    json_foreach (m, metadata) {
        if (!streq(m->string, "resourceVersion"))
            add_member(&p->text, m, &first);
    }
    buf_addc(&p->text, '}');
    p->metadata_len = p->text.len - p->metadata;
}

static void add_text(struct parts *p, const struct shelf *sh, const cJSON *tree, uint64_t rv)
{
    buf_adds(&p->text, "{\"kind\":");
    json_add_string(&p->text, sh->kind);
    buf_adds(&p->text, ",\"apiVersion\":");
    json_add_string(&p->text, sh->api_version);
    buf_addc(&p->text, ',');
    add_metadata(p, json_at(tree, "metadata"), rv);
    bool first = false;
    json_foreach (m, tree) {
        if (!streq(m->string, "kind") && !streq(m->string, "apiVersion") &&
            !streq(m->string, "metadata"))
            add_member(&p->text, m, &first);
    }
    buf_addc(&p->text, '}');
}

/* Copies the value at a dotted path of `from` to the same place in `to`. */
static void copy_path(cJSON *to, const cJSON *from, const char *path)
{
    struct str rest = str_of(path), piece;
    cJSON *place = to;
    char key[256];
    while (str_split(&rest, '.', &piece) && piece.len < sizeof(key)) {
        memcpy(key, piece.ptr, piece.len);
        key[piece.len] = '\0';
        from = json_at(from, key);
        if (!from)
            return;
        if (!cJSON_IsObject(from)) {
            json_put(place, cJSON_Duplicate(from, true), key);
            return;
        }
        place = json_obj(place, key);
    }
}

static void add_head(struct parts *p, const struct shelf *sh, const cJSON *tree)
{
    AUTO(json_freep) cJSON *head = cJSON_CreateObject();
    copy_path(head, tree, "metadata.name");
    copy_path(head, tree, "metadata.namespace");
    const cJSON *labels = json_at(tree, "metadata", "labels");
    if (labels && labels->child)
        json_put(head, cJSON_Duplicate(labels, true), "metadata", "labels");
    for (const struct field_label *f = sh->fields; f && f->name; f++)
        copy_path(head, tree, f->path);
    json_add_to(&p->head, head);
}

static uint32_t add_owners(struct parts *p, const cJSON *tree)
{
    uint32_t flags = 0;
    json_foreach (ref, json_at(tree, "metadata", "ownerReferences")) {
        const char *uid = json_str(ref, "uid");
        if (uid && *uid && strlen(uid) < OBJECT_UID_MAX) {
            buf_add(&p->owners, uid, strlen(uid) + 1);
            flags = OBJECT_OWNED;
        }
    }
    buf_addc(&p->owners, '\0');
    return flags;
}

static char *lay(char **at, struct str s, const char *tail, size_t tail_len)
{
    char *start = *at;
    if (s.len)
        memcpy(start, s.ptr, s.len);
    memcpy(start + s.len, tail, tail_len);
    *at = start + s.len + tail_len;
    return start;
}

/* Everything in one allocation: the struct, then key, text, head, owners. */
static struct object *object_lay(const char *key, struct str text, struct str head,
                                 struct str owners)
{
    size_t key_len = strlen(key);
    struct object *o = mem_alloc(sizeof(*o) + key_len + text.len + head.len + owners.len + 8);
    char *at = (char *)(o + 1);
    o->refs = 1;
    o->key = lay(&at, (struct str){key, key_len}, "", 1);
    o->text = (struct str){lay(&at, text, "}\n", 3), text.len};
    o->head = (struct str){lay(&at, head, "", 1), head.len};
    o->owners = lay(&at, owners, "", 1);
    return o;
}

static void object_place(struct object *o, size_t body, size_t metadata, size_t metadata_len)
{
    o->body = (uint32_t)body;
    o->metadata = (struct str){o->text.ptr + metadata, metadata_len};
}

static void uid_set(struct object *o, const char *uid)
{
    if (uid && strlen(uid) < sizeof(o->uid))
        memcpy(o->uid, uid, strlen(uid) + 1);
}

struct object *object_new(const struct shelf *sh, const char *key, const cJSON *tree, uint64_t rv)
{
    AUTO(parts_done)
    struct parts p = {BUF_INIT(TEXT_MAX), BUF_INIT(TEXT_MAX), BUF_INIT(TEXT_MAX), 0, 0, 0};
    add_text(&p, sh, tree, rv);
    add_head(&p, sh, tree);
    uint32_t flags = add_owners(&p, tree);
    ATOLL_ASSERT(!p.text.overflow && !p.head.overflow && !p.owners.overflow);
    if (json_str(tree, "metadata", "deletionTimestamp"))
        flags |= OBJECT_DELETING;
    if (cJSON_GetArraySize(json_at(tree, "metadata", "finalizers")) > 0)
        flags |= OBJECT_FINALIZERS;
    struct object *o =
        object_lay(key, (struct str){p.text.ptr, p.text.len}, (struct str){p.head.ptr, p.head.len},
                   (struct str){p.owners.ptr, p.owners.len});
    o->rv = rv;
    o->flags = flags;
    object_place(o, p.body, p.metadata, p.metadata_len);
    uid_set(o, json_str(tree, "metadata", "uid"));
    return o;
}

size_t object_owners_len(const struct object *o)
{
    const char *at = o->owners;
    while (*at)
        at += strlen(at) + 1;
    return (size_t)(at - o->owners) + 1;
}

struct object *object_with_rv(const struct object *o, uint64_t rv)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)rv);
    size_t at = o->body + strlen(METADATA) + strlen(REVISION);
    const char *end = memchr(o->text.ptr + at, '"', o->text.len - at);
    ATOLL_ASSERT(o->rv && end);
    size_t old_len = (size_t)(end - (o->text.ptr + at));
    AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX + 64);
    buf_add(&text, o->text.ptr, at);
    buf_add(&text, digits, (size_t)n);
    buf_add(&text, end, o->text.len - at - old_len);
    struct object *copy = object_lay(o->key, (struct str){text.ptr, text.len}, o->head,
                                     (struct str){o->owners, object_owners_len(o)});
    copy->rv = rv;
    copy->flags = o->flags;
    object_place(copy, o->body, (size_t)(o->metadata.ptr - o->text.ptr),
                 o->metadata.len + (size_t)n - old_len);
    memcpy(copy->uid, o->uid, sizeof(copy->uid));
    return copy;
}

/* Length of the JSON object that starts at `at` with '{'; 0 when it has no end. */
static size_t object_extent(struct str text, size_t at)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = at; i < text.len; i++) {
        char c = text.ptr[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i + 1 - at;
        }
    }
    return 0;
}

int object_load(const char *key, uint64_t rv, uint32_t flags, const char *uid, struct str head,
                struct str owners, struct str text, struct object **ret)
{
    const char *body = text.len ? memmem(text.ptr, text.len, METADATA, strlen(METADATA)) : NULL;
    if (!body || text.ptr[0] != '{' || !owners.len || owners.ptr[owners.len - 1] != '\0')
        return -EINVAL;
    size_t metadata = (size_t)(body - text.ptr) + strlen(METADATA) - 1;
    size_t extent = object_extent(text, metadata);
    if (!extent || object_extent(text, 0) != text.len)
        return -EINVAL;
    struct object *o = object_lay(key, text, head, owners);
    o->rv = rv;
    o->flags = flags;
    object_place(o, (size_t)(body - text.ptr), metadata, extent);
    uid_set(o, uid);
    *ret = o;
    return 0;
}
