/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strategic merge patch: like a merge patch, but lists whose rows have a merge key are merged
 * element by element, and a patch may carry directives:
 *
 *     $patch: replace | delete | merge      in an object, or in an element of a list
 *     $retainKeys: [...]                     members of the target that may stay
 *     $setElementOrder/<list>: [...]         the order of the merged list
 *     $deleteFromPrimitiveList/<list>: [...] values to take out of a list of scalars
 *
 * The order of a merged list follows kubectl's expectation: elements of the patch in the order of
 * the patch (or of $setElementOrder), the others of the target where they were relative to them.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/types_rows.h"

#define ELEMENTS_MAX 4096 /* of a merged list: the ordering compares each with each */

#define SET_ORDER   "$setElementOrder/"
#define DELETE_FROM "$deleteFromPrimitiveList/"

static int merge_object(const struct type *t, cJSON *target, const cJSON *patch, struct err **err);

/* --- elements of merged lists --------------------------------------------------------------- */

/* What identifies an element: itself when the key is "", else its member. */
static const cJSON *identity(const cJSON *element, const char *key)
{
    return *key ? cJSON_GetObjectItemCaseSensitive(element, key) : element;
}

static bool same_identity(const cJSON *a, const cJSON *b, const char *key)
{
    const cJSON *x = identity(a, key), *y = identity(b, key);
    return x && y && json_equal(x, y);
}

static cJSON *find_same(const cJSON *list, const cJSON *element, const char *key)
{
    for (cJSON *e = list ? list->child : NULL; e; e = e->next)
        if (same_identity(e, element, key))
            return e;
    return NULL;
}

/* Place in the list, -1 when it is not there. */
static int index_of(const cJSON *list, const cJSON *element, const char *key)
{
    int i = 0;
    json_foreach (e, list) {
        if (same_identity(e, element, key))
            return i;
        i++;
    }
    return -1;
}

static const char *element_directive(const cJSON *element)
{
    return cJSON_IsObject(element) ? json_str(element, "$patch") : NULL;
}

static int check_size(const cJSON *list, const char *name, struct err **err)
{
    if (cJSON_GetArraySize(list) <= ELEMENTS_MAX)
        return 0;
    return err_set(err, -EINVAL, "strategic merge patch: %s: at most %d elements can be merged",
                   name, ELEMENTS_MAX);
}

/* --- ordering ------------------------------------------------------------------------------- */

/* Moves the elements that `order` names out of `list`, in that order, to a new list. */
static cJSON *take_ordered(cJSON *list, const cJSON *order, const char *key)
{
    cJSON *taken = cJSON_CreateArray();
    json_foreach (o, order) {
        cJSON *e = find_same(list, o, key);
        if (e)
            cJSON_AddItemToArray(taken, cJSON_DetachItemViaPointer(list, e));
    }
    return taken;
}

/*
 * Weaves the rest of the target into the ordered elements: a left-over element goes before an
 * ordered one only where it stood before it in the old list. Empties both and puts the result into
 * `list`.
 */
static void weave(cJSON *list, cJSON *ordered, const cJSON *old, const char *key)
{
    cJSON *rest = list->child;
    list->child = NULL;
    cJSON *left = cJSON_CreateArray();
    left->child = rest;
    while (left->child || ordered->child) {
        bool from_left = !ordered->child;
        if (left->child && ordered->child) {
            int l = index_of(old, left->child, key), r = index_of(old, ordered->child, key);
            from_left = l >= 0 && r >= 0 && l < r;
        }
        cJSON *source = from_left ? left : ordered;
        cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(source, source->child));
    }
    cJSON_Delete(left);
    cJSON_Delete(ordered);
}

static void order_list(cJSON *list, const cJSON *order, const cJSON *old, const char *key)
{
    weave(list, take_ordered(list, order, key), old, key);
}

/* --- merging lists -------------------------------------------------------------------------- */

/* An element that says only "replace": the list becomes the other elements. */
static bool replaces_list(const cJSON *patch)
{
    json_foreach (e, patch) {
        const char *directive = element_directive(e);
        if (directive && streq(directive, "replace"))
            return true;
    }
    return false;
}

static int merge_element(const struct type_field *f, cJSON *target, const cJSON *element,
                         struct err **err)
{
    const char *directive = element_directive(element), *key = f->merge_key;
    if (directive && streq(directive, "replace"))
        return 0;
    if (!cJSON_IsObject(element))
        return err_set(err, -EINVAL, "strategic merge patch: %s: want objects in the list",
                       f->name);
    if (!identity(element, key))
        return err_set(err, -EINVAL,
                       "strategic merge patch: %s: an element lacks its merge key \"%s\"", f->name,
                       key);
    cJSON *have = find_same(target, element, key);
    if (directive && streq(directive, "delete")) {
        for (; have; have = find_same(target, element, key))
            cJSON_Delete(cJSON_DetachItemViaPointer(target, have));
        return 0;
    }
    if (!have) {
        have = cJSON_CreateObject();
        cJSON_AddItemToArray(target, have);
    }
    return merge_object(f->ref, have, element, err);
}

static void merge_scalars(cJSON *target, const cJSON *patch)
{
    json_foreach (e, patch) {
        if (!find_same(target, e, ""))
            cJSON_AddItemToArray(target, cJSON_Duplicate(e, true));
    }
}

static int merge_list(const struct type_field *f, cJSON *target, const cJSON *patch,
                      struct err **err)
{
    int rc = check_size(target, f->name, err);
    if (!rc)
        rc = check_size(patch, f->name, err);
    if (rc)
        return rc;
    if (replaces_list(patch)) {
        cJSON_Delete(target->child);
        target->child = NULL;
    }
    cJSON *old AUTO(json_freep) = cJSON_Duplicate(target, true);
    if (!f->ref)
        merge_scalars(target, patch);
    for (const cJSON *e = f->ref ? patch->child : NULL; e && !rc; e = e->next)
        rc = merge_element(f, target, e, err);
    if (rc)
        return rc;
    /* Elements the patch deletes are not in the list any more, so the patch itself is the order. */
    order_list(target, patch, old, f->merge_key);
    return 0;
}

/* --- merging objects ------------------------------------------------------------------------ */

/* The member as an empty container of the patch's type unless it has that type already. */
static cJSON *container_for(cJSON *target, const char *name, bool list)
{
    cJSON *have = cJSON_GetObjectItemCaseSensitive(target, name);
    if (have && (list ? cJSON_IsArray(have) : cJSON_IsObject(have)))
        return have;
    if (have)
        cJSON_Delete(cJSON_DetachItemViaPointer(target, have));
    have = list ? cJSON_CreateArray() : cJSON_CreateObject();
    cJSON_AddItemToObject(target, name, have);
    return have;
}

static int merge_member(const struct type_field *f, cJSON *target, const cJSON *patch,
                        struct err **err)
{
    const char *name = patch->string;
    if (cJSON_IsNull(patch)) {
        cJSON_DeleteItemFromObjectCaseSensitive(target, name);
        return 0;
    }
    if (cJSON_IsObject(patch)) {
        const struct type *t = f && f->kind == T_OBJECT ? f->ref : NULL;
        return merge_object(t, container_for(target, name, false), patch, err);
    }
    if (cJSON_IsArray(patch) && f && f->kind == T_LIST && f->merge_key)
        return merge_list(f, container_for(target, name, true), patch, err);
    cJSON_DeleteItemFromObjectCaseSensitive(target, name);
    cJSON_AddItemToObject(target, name, cJSON_Duplicate(patch, true));
    return 0;
}

/* --- directives ----------------------------------------------------------------------------- */

static int retain_keys(cJSON *target, const cJSON *patch, struct err **err)
{
    const cJSON *keys = cJSON_GetObjectItemCaseSensitive(patch, "$retainKeys");
    if (!keys)
        return 0;
    if (!cJSON_IsArray(keys))
        return err_set(err, -EINVAL, "strategic merge patch: $retainKeys must be a list");
    int rc = check_size(keys, "$retainKeys", err);
    if (rc)
        return rc;
    json_foreach (p, patch) {
        if (p->string[0] != '$' && !json_array_has(keys, p->string))
            return err_set(err, -EINVAL,
                           "strategic merge patch: \"%.80s\" is patched but not in $retainKeys",
                           p->string);
    }
    for (cJSON *j = target->child, *next; j; j = next) {
        next = j->next;
        if (!json_array_has(keys, j->string))
            cJSON_Delete(cJSON_DetachItemViaPointer(target, j));
    }
    return 0;
}

static const struct type_field *list_field(const struct type *t, const char *name)
{
    const struct type_field *f = t ? type_field_find(t, name) : NULL;
    return f && f->kind == T_LIST ? f : NULL;
}

static int delete_from_list(const struct type *t, cJSON *target, const cJSON *directive,
                            struct err **err)
{
    const char *name = directive->string + strlen(DELETE_FROM);
    const struct type_field *f = list_field(t, name);
    if (!cJSON_IsArray(directive) || (f && f->ref))
        return err_set(err, -EINVAL,
                       "strategic merge patch: " DELETE_FROM "%.80s wants a list of scalars", name);
    int rc = check_size(directive, name, err);
    cJSON *list = cJSON_GetObjectItemCaseSensitive(target, name);
    if (rc || !cJSON_IsArray(list))
        return rc;
    rc = check_size(list, name, err);
    for (cJSON *e = rc ? NULL : list->child, *next; e; e = next) {
        next = e->next;
        if (find_same(directive, e, ""))
            cJSON_Delete(cJSON_DetachItemViaPointer(list, e));
    }
    return rc;
}

/* `old` is the target before the merge: it tells where elements stood. */
static int set_order(const struct type *t, cJSON *target, const cJSON *old, const cJSON *patch,
                     const cJSON *directive, struct err **err)
{
    const char *name = directive->string + strlen(SET_ORDER);
    const struct type_field *f = list_field(t, name);
    if (!cJSON_IsArray(directive))
        return err_set(err, -EINVAL, "strategic merge patch: " SET_ORDER "%.80s wants a list",
                       name);
    cJSON *list = cJSON_GetObjectItemCaseSensitive(target, name);
    if (!f || !f->merge_key || !cJSON_IsArray(list))
        return 0;
    int rc = check_size(directive, name, err);
    if (!rc)
        rc = check_size(list, name, err);
    if (rc)
        return rc;
    json_foreach (e, cJSON_GetObjectItemCaseSensitive(patch, name)) {
        const char *what = element_directive(e);
        if (!(what && streq(what, "delete")) && index_of(directive, e, f->merge_key) < 0)
            return err_set(err, -EINVAL,
                           "strategic merge patch: %s: an element of the patch is not in "
                           "$setElementOrder",
                           name);
    }
    order_list(list, directive, cJSON_GetObjectItemCaseSensitive(old, name), f->merge_key);
    return 0;
}

static bool has_order(const cJSON *patch)
{
    json_foreach (p, patch) {
        if (str_starts(p->string, SET_ORDER))
            return true;
    }
    return false;
}

static void clear(cJSON *target)
{
    cJSON_Delete(target->child);
    target->child = NULL;
}

/* $patch of an object. *ret_done: nothing is left to do. */
static int object_directive(cJSON *target, const cJSON *patch, bool *ret_done, struct err **err)
{
    const cJSON *directive = cJSON_GetObjectItemCaseSensitive(patch, "$patch");
    const char *what = directive ? json_string_of(directive) : "merge";
    *ret_done = false;
    if (what && streq(what, "merge"))
        return 0;
    if (what && (streq(what, "replace") || streq(what, "delete"))) {
        clear(target);
        *ret_done = streq(what, "delete");
        return 0;
    }
    return err_set(err, -EINVAL,
                   "strategic merge patch: unknown $patch \"%.40s\", want replace, delete or merge",
                   what ? what : "");
}

static int merge_object(const struct type *t, cJSON *target, const cJSON *patch, struct err **err)
{
    bool done;
    int rc = object_directive(target, patch, &done, err);
    if (rc || done)
        return rc;
    rc = retain_keys(target, patch, err);
    cJSON *old AUTO(json_freep) = has_order(patch) ? cJSON_Duplicate(target, true) : NULL;
    for (const cJSON *p = rc ? NULL : patch->child; p && !rc; p = p->next) {
        if (p->string[0] != '$')
            rc = merge_member(t ? type_field_find(t, p->string) : NULL, target, p, err);
        else if (str_starts(p->string, DELETE_FROM))
            rc = delete_from_list(t, target, p, err);
    }
    for (const cJSON *p = rc || !old ? NULL : patch->child; p && !rc; p = p->next)
        if (str_starts(p->string, SET_ORDER))
            rc = set_order(t, target, old, patch, p, err);
    return rc;
}

int type_strategic_merge(const struct type *t, cJSON *target, const cJSON *patch, cJSON **ret,
                         struct err **err)
{
    int rc = cJSON_IsObject(patch) && cJSON_IsObject(target)
                 ? merge_object(t, target, patch, err)
                 : err_set(err, -EINVAL, "strategic merge patch: want an object");
    if (rc) {
        cJSON_Delete(target);
        return rc;
    }
    *ret = target;
    return 0;
}
