/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a schema does to an object before anybody looks at it: take out what it does not name, and
 * fill in defaults. A null where null is not allowed counts as absent.
 */
#include <string.h>

#include "apiserver/schema_node.h"

/* --- pruning -------------------------------------------------------------------------------- */

struct prune {
    struct arena *arena;
    const char **removed;
    size_t n;
    struct place at;
};

static void prune_value(struct prune *p, const struct schema_node *n, cJSON *value, bool root);

static bool is_meta(const char *name)
{
    return streq(name, "apiVersion") || streq(name, "kind") || streq(name, "metadata");
}

static void note_removed(struct prune *p, const char *name)
{
    if (p->n >= SCHEMA_REMOVED_MAX)
        return;
    if (!p->removed)
        p->removed = arena_array(p->arena, const char *, SCHEMA_REMOVED_MAX + 1);
    const char *at = buf_str(&p->at.text);
    p->removed[p->n++] = arena_printf(p->arena, "%s%s%.200s", at, *at ? "." : "", name);
}

static void prune_object(struct prune *p, const struct schema_node *n, cJSON *obj, bool root)
{
    for (cJSON *j = obj->child, *next; j; j = next) {
        next = j->next;
        if ((root || n->embedded) && is_meta(j->string))
            continue;
        const struct schema_node *inner = schema_prop(n, j->string);
        bool known = inner || n->additional || n->additional_any || n->preserve;
        if (!inner)
            inner = n->additional;
        if (!known) {
            note_removed(p, j->string);
            cJSON_Delete(cJSON_DetachItemViaPointer(obj, j));
        } else if (inner) {
            size_t before = place_key(&p->at, j->string);
            prune_value(p, inner, j, false);
            place_back(&p->at, before);
        }
    }
}

static void prune_value(struct prune *p, const struct schema_node *n, cJSON *value, bool root)
{
    if (cJSON_IsObject(value)) {
        prune_object(p, n, value, root);
        return;
    }
    size_t i = 0;
    for (cJSON *e = cJSON_IsArray(value) && n->items ? value->child : NULL; e; e = e->next) {
        size_t before = place_index(&p->at, i++);
        prune_value(p, n->items, e, false);
        place_back(&p->at, before);
    }
}

static void prune(const struct schema *s, cJSON *value, bool root, struct arena *a,
                  const char ***ret_removed, size_t *ret_n)
{
    struct prune p = {.arena = a, .at = {.text = BUF_INIT(8192)}};
    prune_value(&p, s->root, value, root);
    buf_done(&p.at.text);
    *ret_removed = p.removed;
    *ret_n = p.n;
}

void schema_prune(const struct schema *s, cJSON *obj, struct arena *a, const char ***ret_removed,
                  size_t *ret_n)
{
    prune(s, obj, true, a, ret_removed, ret_n);
}

void schema_prune_value(const struct schema *s, cJSON *value, struct arena *a,
                        const char ***ret_removed, size_t *ret_n)
{
    prune(s, value, false, a, ret_removed, ret_n);
}

/* --- defaults ------------------------------------------------------------------------------- */

static const struct schema_node *child_node(const struct schema_node *n, const char *name)
{
    const struct schema_node *inner = schema_prop(n, name);
    return inner ? inner : n->additional;
}

/* Nulls that mean "absent": taken out, so that a default can take their place. */
static void drop_nulls(const struct schema_node *n, cJSON *obj)
{
    for (cJSON *j = obj->child, *next; j; j = next) {
        next = j->next;
        const struct schema_node *inner = cJSON_IsNull(j) ? child_node(n, j->string) : NULL;
        if (inner && !inner->nullable)
            cJSON_Delete(cJSON_DetachItemViaPointer(obj, j));
    }
}

static void default_value(const struct schema_node *n, cJSON *value, bool root)
{
    if (cJSON_IsObject(value)) {
        drop_nulls(n, value);
        for (size_t i = 0; i < n->n_props; i++) {
            const struct schema_prop *p = &n->props[i];
            if (p->node->def && !(root && is_meta(p->name)) &&
                !cJSON_GetObjectItemCaseSensitive(value, p->name))
                cJSON_AddItemToObject(value, p->name, cJSON_Duplicate(p->node->def, true));
        }
        for (cJSON *j = value->child; j; j = j->next) {
            const struct schema_node *inner =
                j->child || cJSON_IsObject(j) ? child_node(n, j->string) : NULL;
            if (inner && !(root && is_meta(j->string)))
                default_value(inner, j, false);
        }
        return;
    }
    cJSON *e = cJSON_IsArray(value) && n->items ? value->child : NULL;
    for (; e; e = e->next) {
        if (cJSON_IsNull(e) && !n->items->nullable && n->items->def) {
            cJSON *filled = cJSON_Duplicate(n->items->def, true);
            cJSON_ReplaceItemViaPointer(value, e, filled);
            e = filled;
        }
        default_value(n->items, e, false);
    }
}

void schema_default(const struct schema *s, cJSON *obj)
{
    default_value(s->root, obj, true);
}
