/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON patch (RFC 6902) on a cJSON tree. The target is ours, so operations work in place and a
 * failed patch leaves nothing behind. Every step is paid from one budget: a small patch can
 * otherwise ask for endless work (copies of copies, walks to the end of a long list).
 */
#include "apiserver/patch.h"

#include <errno.h>
#include <string.h>

#define PATCH_WORK_MAX    20000000 /* members stepped over, nodes copied */
#define PATCH_POINTER_MAX 4096

struct patch {
    cJSON *root;
    int64_t work; /* what is left */
    size_t index; /* of the operation, for errors */
    struct err **err;
};

/* The place a pointer names: the container and the last token. parent NULL means the whole
 * document. */
struct place {
    cJSON *parent;
    char *token; /* unescaped; owned */
    cJSON *node; /* NULL when there is none yet */
    size_t depth;
};

static void place_done(struct place *p)
{
    mem_free(p->token);
    p->token = NULL;
}

static int wrong(struct patch *p, int code, const char *what, const char *path)
{
    return err_set(p->err, code, "JSON patch operation %zu: %s: \"%.200s\"", p->index, what, path);
}

static int pay(struct patch *p, int64_t cost)
{
    p->work -= cost;
    if (p->work >= 0)
        return 0;
    return err_set(p->err, -EINVAL, "JSON patch operation %zu: the patch needs too much work",
                   p->index);
}

/* Nodes below j (with itself) and how deep they go. */
static void measure(const cJSON *j, size_t depth, int64_t *nodes, size_t *deepest)
{
    (*nodes)++;
    if (depth > *deepest)
        *deepest = depth;
    json_foreach (child, j)
        measure(child, depth + 1, nodes, deepest);
}

/* ~1 is '/', ~0 is '~'; anything else after '~' is malformed. */
static char *unescape(struct str token)
{
    char *out = mem_alloc(token.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '~') {
            char d = i + 1 < token.len ? token.ptr[++i] : '\0';
            if (d != '0' && d != '1') {
                mem_free(out);
                return NULL;
            }
            c = d == '1' ? '/' : '~';
        }
        out[n++] = c;
    }
    return out;
}

/* A list index: digits without leading zero. */
static bool list_index(const char *token, int64_t *ret)
{
    if (token[0] == '0' && token[1] != '\0')
        return false;
    return token[0] != '-' && token[0] != '+' && str_to_i64(str_of(token), ret) == 0;
}

/* The child a token names, NULL when there is none. */
static int child_of(struct patch *p, cJSON *parent, const char *token, cJSON **ret)
{
    int64_t want = -1, at = 0;
    bool list = cJSON_IsArray(parent);
    *ret = NULL;
    if ((!list && !cJSON_IsObject(parent)) || (list && !list_index(token, &want)))
        return 0;
    for (cJSON *c = parent->child; c; c = c->next, at++) {
        int rc = pay(p, 1);
        if (rc)
            return rc;
        if (list ? at == want : streq(c->string, token)) {
            *ret = c;
            return 0;
        }
    }
    return 0;
}

static int place_find(struct patch *p, const char *path, struct place *ret)
{
    struct place at = {.node = p->root};
    if (strlen(path) > PATCH_POINTER_MAX)
        return err_set(p->err, -EINVAL, "JSON patch operation %zu: path above %d bytes", p->index,
                       PATCH_POINTER_MAX);
    if (*path && *path != '/')
        return wrong(p, -EINVAL, "a path must be empty or start with '/'", path);
    struct str left = *path ? str_of(path + 1) : (struct str){NULL, 0}, token;
    while (str_split(&left, '/', &token)) {
        if (at.depth > 0 && !at.node) {
            place_done(&at);
            return wrong(p, -ENOENT, "a member on the way does not exist", path);
        }
        mem_free(at.token);
        at.token = unescape(token);
        if (!at.token)
            return wrong(p, -EINVAL, "'~' must be followed by 0 or 1", path);
        at.parent = at.node;
        at.depth++;
        int rc = child_of(p, at.parent, at.token, &at.node);
        if (rc) {
            place_done(&at);
            return rc;
        }
    }
    *ret = at;
    return 0;
}

/* --- operations ----------------------------------------------------------------------------- */

/* Before an element. Not cJSON_InsertItemInArray: in 1.7.15 with Debian's patches it refuses every
 * place but the first. */
static void insert_before(cJSON *list, cJSON *element, cJSON *value)
{
    value->next = element;
    value->prev = element->prev;
    element->prev = value;
    if (element == list->child)
        list->child = value; /* whose prev is the last element, as cJSON wants it */
    else
        value->prev->next = value;
}

/* Puts `value` (consumed) at the place; in lists it moves the rest up. */
static int place_add(struct patch *p, struct place *at, const char *path, cJSON *value)
{
    int64_t nodes = 0, index;
    size_t deepest = at->depth;
    measure(value, at->depth, &nodes, &deepest);
    int rc = pay(p, nodes);
    if (!rc && deepest >= JSON_DEPTH_MAX)
        rc = wrong(p, -EINVAL, "the result would be nested too deep", path);
    if (rc)
        goto fail;
    if (!at->parent) {
        cJSON_Delete(p->root);
        p->root = value;
        return 0;
    }
    if (cJSON_IsObject(at->parent)) {
        if (at->node)
            cJSON_Delete(cJSON_DetachItemViaPointer(at->parent, at->node));
        cJSON_AddItemToObject(at->parent, at->token, value);
        return 0;
    }
    if (!cJSON_IsArray(at->parent)) {
        rc = wrong(p, -ENOENT, "the parent is neither an object nor a list", path);
        goto fail;
    }
    if (streq(at->token, "-")) {
        cJSON_AddItemToArray(at->parent, value);
        return 0;
    }
    if (!list_index(at->token, &index)) {
        rc = wrong(p, -EINVAL, "want a list index or '-'", path);
        goto fail;
    }
    if (at->node) {
        insert_before(at->parent, at->node, value);
        return 0;
    }
    if (index == cJSON_GetArraySize(at->parent)) {
        cJSON_AddItemToArray(at->parent, value);
        return 0;
    }
    rc = wrong(p, -ENOENT, "the list index is out of range", path);
fail:
    cJSON_Delete(value);
    return rc;
}

static int op_add(struct patch *p, const cJSON *op, const char *path)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(op, "value");
    if (!value)
        return wrong(p, -EINVAL, "add without a value", path);
    struct place at AUTO(place_done) = {0};
    int rc = place_find(p, path, &at);
    return rc ? rc : place_add(p, &at, path, cJSON_Duplicate(value, true));
}

/* Takes the node out of the tree. */
static int take(struct patch *p, const char *path, cJSON **ret)
{
    struct place at AUTO(place_done) = {0};
    int rc = place_find(p, path, &at);
    if (rc)
        return rc;
    if (!at.node)
        return wrong(p, -ENOENT, "there is nothing at the path", path);
    if (!at.parent)
        return wrong(p, -EINVAL, "the whole document cannot be removed", path);
    *ret = cJSON_DetachItemViaPointer(at.parent, at.node);
    return 0;
}

static int op_remove(struct patch *p, const cJSON *op, const char *path)
{
    (void)op;
    cJSON *gone = NULL;
    int rc = take(p, path, &gone);
    cJSON_Delete(gone);
    return rc;
}

static int op_replace(struct patch *p, const cJSON *op, const char *path)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(op, "value");
    if (!value)
        return wrong(p, -EINVAL, "replace without a value", path);
    struct place at AUTO(place_done) = {0};
    int rc = place_find(p, path, &at);
    if (rc)
        return rc;
    if (!at.node)
        return wrong(p, -ENOENT, "there is nothing at the path", path);
    if (at.parent && cJSON_IsArray(at.parent)) {
        int64_t nodes = 0;
        size_t deepest = 0;
        measure(value, at.depth, &nodes, &deepest);
        rc = pay(p, nodes);
        if (!rc && deepest >= JSON_DEPTH_MAX)
            rc = wrong(p, -EINVAL, "the result would be nested too deep", path);
        if (!rc)
            cJSON_ReplaceItemViaPointer(at.parent, at.node, cJSON_Duplicate(value, true));
        return rc;
    }
    return place_add(p, &at, path, cJSON_Duplicate(value, true));
}

static const char *from_of(struct patch *p, const cJSON *op, int *ret_rc)
{
    const char *from = json_str(op, "from");
    if (!from)
        *ret_rc =
            err_set(p->err, -EINVAL, "JSON patch operation %zu: want a \"from\" path", p->index);
    return from;
}

static int op_move(struct patch *p, const cJSON *op, const char *path)
{
    int rc = 0;
    const char *from = from_of(p, op, &rc);
    if (!from)
        return rc;
    size_t n = strlen(from);
    if (strncmp(path, from, n) == 0 && path[n] == '/')
        return wrong(p, -EINVAL, "a value cannot move into itself", path);
    cJSON *node = NULL;
    rc = take(p, from, &node);
    if (rc)
        return rc;
    struct place at AUTO(place_done) = {0};
    rc = place_find(p, path, &at);
    if (rc) {
        cJSON_Delete(node);
        return rc;
    }
    return place_add(p, &at, path, node);
}

static int op_copy(struct patch *p, const cJSON *op, const char *path)
{
    int rc = 0;
    const char *from = from_of(p, op, &rc);
    if (!from)
        return rc;
    struct place source AUTO(place_done) = {0};
    struct place at AUTO(place_done) = {0};
    rc = place_find(p, from, &source);
    if (!rc && !source.node)
        rc = wrong(p, -ENOENT, "there is nothing at the path", from);
    if (!rc)
        rc = place_find(p, path, &at);
    if (rc)
        return rc;
    int64_t nodes = 0;
    size_t deepest = 0;
    measure(source.node, 0, &nodes, &deepest);
    /* A copy allocates: it costs more than a look. */
    rc = pay(p, nodes * 8);
    return rc ? rc : place_add(p, &at, path, cJSON_Duplicate(source.node, true));
}

static int op_test(struct patch *p, const cJSON *op, const char *path)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(op, "value");
    if (!value)
        return wrong(p, -EINVAL, "test without a value", path);
    struct place at AUTO(place_done) = {0};
    int rc = place_find(p, path, &at);
    if (rc)
        return rc;
    if (!at.node)
        return cJSON_IsNull(value) ? 0 : wrong(p, -ENOENT, "there is nothing at the path", path);
    int64_t nodes = 0;
    size_t deepest = 0;
    measure(value, 0, &nodes, &deepest);
    rc = pay(p, nodes);
    if (rc)
        return rc;
    return json_equal(at.node, value) ? 0 : wrong(p, -EPERM, "test failed", path);
}

static const struct {
    const char *name;
    int (*run)(struct patch *p, const cJSON *op, const char *path);
} operations[] = {
    {"add", op_add},   {"remove", op_remove}, {"replace", op_replace},
    {"move", op_move}, {"copy", op_copy},     {"test", op_test},
};

static int run(struct patch *p, const cJSON *op)
{
    const char *name = json_str(op, "op"), *path = json_str(op, "path");
    if (!name || !path)
        return err_set(p->err, -EINVAL,
                       "JSON patch operation %zu: want an object with \"op\" and \"path\"",
                       p->index);
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        if (streq(operations[i].name, name))
            return operations[i].run(p, op, path);
    return err_set(p->err, -EINVAL,
                   "JSON patch operation %zu: unknown op \"%.40s\", want add, remove, replace, "
                   "move, copy or test",
                   p->index, name);
}

int patch_json(cJSON *target, const cJSON *ops, cJSON **ret, struct err **err)
{
    struct patch p = {.root = target, .work = PATCH_WORK_MAX, .err = err};
    int rc = 0;
    if (!cJSON_IsArray(ops))
        rc = err_set(err, -EINVAL, "JSON patch: want a list of operations");
    else if (cJSON_GetArraySize(ops) > PATCH_OPS_MAX)
        rc = err_set(err, -EINVAL, "JSON patch: at most %d operations, found %d", PATCH_OPS_MAX,
                     cJSON_GetArraySize(ops));
    for (const cJSON *op = rc ? NULL : ops->child; op && !rc; op = op->next, p.index++)
        rc = run(&p, op);
    if (rc) {
        cJSON_Delete(p.root);
        return rc;
    }
    *ret = p.root;
    return 0;
}
