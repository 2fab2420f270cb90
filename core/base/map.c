/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String map: open addressing with tombstones, at most 3/4 full. Deleting never moves an entry,
 * which is what makes deletion during iteration safe; the table is rebuilt when it grows.
 */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define MAP_CAP_MIN 16

struct map_slot {
    char *key; /* NULL = never used; &tombstone = deleted */
    uint64_t hash;
    void *value;
};

static char tombstone;

uint64_t hash_bytes(const void *p, size_t n)
{
    const unsigned char *s = p;
    uint64_t h = 14695981039346656037ULL;
    for (size_t i = 0; i < n; i++)
        h = (h ^ s[i]) * 1099511628211ULL;
    return h;
}

static uint64_t map_hash(const char *key)
{
    uint64_t h = hash_bytes(key, strlen(key));
    return h ^ h >> 32; /* FNV-1a is weak in its low bits for keys that differ only at the end */
}

static bool slot_is_live(const struct map_slot *s)
{
    return s->key && s->key != &tombstone;
}

static struct map_slot *map_find(const struct map *m, const char *key, uint64_t hash)
{
    if (!m->cap)
        return NULL;
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (!s->key)
            return NULL;
        if (s->key != &tombstone && s->hash == hash && strcmp(s->key, key) == 0)
            return s;
    }
}

/* First free slot for a key that is not in the map. */
static struct map_slot *map_free_slot(const struct map *m, uint64_t hash)
{
    size_t i = hash & (m->cap - 1);
    while (slot_is_live(&m->slots[i]))
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

static void map_rebuild(struct map *m)
{
    struct map old = *m;
    size_t cap = MAP_CAP_MIN;
    while (cap / 2 < old.live + 1)
        cap *= 2;
    m->slots = mem_calloc(cap, sizeof(struct map_slot));
    m->cap = cap;
    m->used = m->live = old.live;
    for (size_t i = 0; i < old.cap; i++)
        if (slot_is_live(&old.slots[i]))
            *map_free_slot(m, old.slots[i].hash) = old.slots[i];
    mem_free(old.slots);
}

void *map_get(const struct map *m, const char *key)
{
    const struct map_slot *s = key ? map_find(m, key, map_hash(key)) : NULL;
    return s ? s->value : NULL;
}

void *map_set(struct map *m, const char *key, void *value)
{
    ATOLL_ASSERT(key && value);
    uint64_t hash = map_hash(key);
    struct map_slot *s = map_find(m, key, hash);
    if (s) {
        void *old = s->value;
        s->value = value;
        return old;
    }
    if (m->cap == 0 || m->used + 1 > m->cap / 4 * 3)
        map_rebuild(m);
    s = map_free_slot(m, hash);
    m->used += s->key == NULL; /* a tombstone was counted already */
    m->live++;
    *s = (struct map_slot){mem_strdup(key), hash, value};
    return NULL;
}

void *map_del(struct map *m, const char *key)
{
    struct map_slot *s = key ? map_find(m, key, map_hash(key)) : NULL;
    if (!s)
        return NULL;
    void *old = s->value;
    mem_free(s->key);
    *s = (struct map_slot){&tombstone, 0, NULL};
    m->live--;
    return old;
}

size_t map_len(const struct map *m)
{
    return m->live;
}

bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value)
{
    for (; *it < m->cap; (*it)++) {
        const struct map_slot *s = &m->slots[*it];
        if (!slot_is_live(s))
            continue;
        if (ret_key)
            *ret_key = s->key;
        if (ret_value)
            *ret_value = s->value;
        (*it)++;
        return true;
    }
    return false;
}

void map_done(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        if (slot_is_live(&m->slots[i]))
            mem_free(m->slots[i].key);
    mem_free(m->slots);
    *m = MAP_INIT;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **map_keys_sorted(const struct map *m, struct arena *a)
{
    const char **keys = arena_array(a, const char *, m->live + 1);
    size_t it = 0, n = 0;
    while (map_next(m, &it, &keys[n], NULL))
        n++;
    qsort(keys, n, sizeof(*keys), by_bytes);
    return keys;
}
