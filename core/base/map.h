/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from string to pointer. Keys are copied, values are the caller's. Order is
 * unspecified. */
#ifndef ATOLL_BASE_MAP_H
#define ATOLL_BASE_MAP_H

#include "base/mem.h"

struct map_slot;
struct map {
    struct map_slot *slots;
    size_t cap, used, live;
};
#define MAP_INIT ((struct map){0})
void *map_get(const struct map *m, const char *key); /* NULL when absent */
void *map_set(struct map *m, const char *key,
              void *value);                    /* value != NULL; returns the old value */
void *map_del(struct map *m, const char *key); /* returns the removed value or NULL */
size_t map_len(const struct map *m);
/* Iterate: size_t it = 0; while (map_next(&m, &it, &key, &value)). Deleting the current key is
 * allowed. */
bool map_next(const struct map *m, size_t *it, const char **ret_key, void **ret_value);
void map_done(struct map *m); /* frees keys, not values */
/* Keys in byte order, as an arena array ended by NULL. */
const char **map_keys_sorted(const struct map *m, struct arena *a);
uint64_t hash_bytes(const void *p, size_t n); /* stable across runs and machines (FNV-1a) */

#endif
