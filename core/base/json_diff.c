/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing JSON trees, their hash, and RFC 7386 merge patches in both directions.
 *
 * Member order never matters here. Objects are linked lists in cJSON, so a lookup is a scan; two
 * objects that came from the same writer have the same order, and the cursor makes that case
 * linear.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"

/* The member `key` of object, looked for first where the cursor stands. */
static const cJSON *member_near(const cJSON *object, const char *key, const cJSON **cursor)
{
    const cJSON *found = *cursor;
    if (!found || strcmp(found->string, key) != 0)
        found = cJSON_GetObjectItemCaseSensitive(object, key);
    *cursor = found ? found->next : *cursor;
    return found;
}

static size_t count(const cJSON *parent)
{
    size_t n = 0;
    json_foreach (it, parent) {
        n++;
    }
    return n;
}

static bool members_in(const cJSON *have, const cJSON *want,
                       bool (*same)(const cJSON *, const cJSON *))
{
    const cJSON *cursor = have->child;
    json_foreach (it, want) {
        const cJSON *there = member_near(have, it->string, &cursor);
        if (!there || !same(there, it))
            return false;
    }
    return true;
}

static bool arrays_equal(const cJSON *a, const cJSON *b)
{
    const cJSON *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (!json_equal(x, y))
            return false;
    return !x && !y;
}

bool json_equal(const cJSON *a, const cJSON *b)
{
    if (a == b)
        return true;
    if (!a || !b || (a->type & 0xff) != (b->type & 0xff))
        return false;
    if (cJSON_IsObject(a))
        return count(a) == count(b) && members_in(a, b, json_equal);
    if (cJSON_IsArray(a))
        return arrays_equal(a, b);
    if (cJSON_IsString(a) || cJSON_IsRaw(a))
        return streq(a->valuestring, b->valuestring);
    return !cJSON_IsNumber(a) || a->valuedouble == b->valuedouble;
}

bool json_covers(const cJSON *have, const cJSON *want)
{
    if (!want)
        return true;
    if (cJSON_IsObject(want))
        return cJSON_IsObject(have) && members_in(have, want, json_covers);
    return json_equal(have, want);
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static void add_canonical(struct buf *b, const cJSON *j)
{
    if (cJSON_IsArray(j)) {
        buf_addc(b, '[');
        json_foreach (it, j) {
            add_canonical(b, it);
            buf_addc(b, ',');
        }
        buf_addc(b, ']');
        return;
    }
    if (!cJSON_IsObject(j)) {
        json_add_to(b, j);
        return;
    }
    size_t n = 0;
    AUTO(mem_freep) const cJSON **sorted = mem_calloc(count(j), sizeof(*sorted));
    json_foreach (it, j) {
        sorted[n++] = it;
    }
    qsort(sorted, n, sizeof(*sorted), by_key);
    buf_addc(b, '{');
    for (size_t i = 0; i < n; i++) {
        json_add_string(b, sorted[i]->string);
        buf_addc(b, ':');
        add_canonical(b, sorted[i]);
        buf_addc(b, ',');
    }
    buf_addc(b, '}');
}

uint64_t json_hash(const cJSON *j)
{
    AUTO(buf_done) struct buf b = BUF_INIT(SIZE_MAX / 4);
    add_canonical(&b, j);
    return hash_bytes(b.ptr, b.len);
}

cJSON *json_merge_patch(cJSON *target, const cJSON *patch)
{
    if (!cJSON_IsObject(patch)) {
        cJSON_Delete(target);
        return cJSON_Duplicate(patch, true);
    }
    if (!cJSON_IsObject(target)) {
        cJSON_Delete(target);
        target = cJSON_CreateObject();
    }
    json_foreach (it, patch) {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(target, it->string);
        if (cJSON_IsNull(it)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(target, old));
        } else if (cJSON_IsObject(it) && cJSON_IsObject(old)) {
            json_merge_patch(old, it); /* in place: an object stays itself */
        } else if (old) {
            cJSON_ReplaceItemInObjectCaseSensitive(target, it->string, json_merge_patch(NULL, it));
        } else {
            cJSON_AddItemToObject(target, it->string, json_merge_patch(NULL, it));
        }
    }
    return target;
}

/* A merge patch cannot say "null" as a value; a null member of `to` is therefore left out when new.
 */
cJSON *json_merge_diff(const cJSON *from, const cJSON *to)
{
    if (json_equal(from, to))
        return NULL;
    if (!cJSON_IsObject(from) || !cJSON_IsObject(to))
        return to ? cJSON_Duplicate(to, true) : cJSON_CreateNull();
    cJSON *patch = cJSON_CreateObject();
    json_foreach (old, from) {
        if (!cJSON_GetObjectItemCaseSensitive(to, old->string))
            cJSON_AddNullToObject(patch, old->string);
    }
    json_foreach (it, to) {
        const cJSON *old = cJSON_GetObjectItemCaseSensitive(from, it->string);
        cJSON *piece = old || !cJSON_IsNull(it) ? json_merge_diff(old, it) : NULL;
        if (piece)
            cJSON_AddItemToObject(patch, it->string, piece);
    }
    return patch;
}
