/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON on cJSON: reading by path, writing by path, comparing, patching.
 *
 * The parsed tree is the truth for objects we do not own: unknown members survive a
 * read-modify-write. Keys are compared with case. Numbers are doubles (cJSON); 64-bit counters
 * travel as strings, as Kubernetes does. Paths are lists of keys, because Kubernetes keys contain
 * '.' and '/':
 *
 *     json_str(pod, "metadata", "labels", "kubeblocks.io/role")
 */
#ifndef ATOLL_BASE_JSON_H
#define ATOLL_BASE_JSON_H

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/str.h"

#define JSON_DEPTH_MAX 100

/* Parse `len` bytes as one document. Errors name line and column. Depth above JSON_DEPTH_MAX is
 * refused. */
int json_parse(const char *text, size_t len, cJSON **ret, struct err **err);
/* Path of the first duplicate key (heap, e.g. "data.a"), or NULL. */
char *json_duplicate(const cJSON *root);
char *json_print(const cJSON *j);                   /* compact; heap; never NULL */
void json_add_to(struct buf *b, const cJSON *j);    /* compact, appended */
void json_add_string(struct buf *b, const char *s); /* quoted and escaped */
static inline void json_freep(cJSON **j)
{
    cJSON_Delete(*j);
    *j = NULL;
}

/* Reading. NULL roots are fine and give NULL or the default. */
const cJSON *json_at_(const cJSON *root, ...); /* keys ended by NULL */
#define json_at(...)        json_at_(__VA_ARGS__, (const char *)NULL)
#define json_str(...)       json_string_of(json_at(__VA_ARGS__))     /* NULL unless a string */
#define json_int(def, ...)  json_int_of(json_at(__VA_ARGS__), (def)) /* def unless a number */
#define json_bool(def, ...) json_bool_of(json_at(__VA_ARGS__), (def))
const char *json_string_of(const cJSON *j);
int64_t json_int_of(const cJSON *j, int64_t def);
bool json_bool_of(const cJSON *j, bool def);
/* Element of an array of objects whose member `key` is the string `value`; NULL when absent. */
const cJSON *json_find(const cJSON *array, const char *key, const char *value);
bool json_array_has(const cJSON *array, const char *value); /* a string element */
#define json_foreach(it, parent)                                                                   \
    for (const cJSON *it = (parent) ? (parent)->child : NULL; it; it = it->next)

/* Writing. Takes ownership of `value`; missing objects on the way are created; the old value is
 * freed. */
void json_put_(cJSON *root, cJSON *value, ...);
#define json_put(root, value, ...)  json_put_((root), (value), __VA_ARGS__, (const char *)NULL)
#define json_put_str(root, s, ...)  json_put((root), cJSON_CreateString(s), __VA_ARGS__)
#define json_put_int(root, n, ...)  json_put((root), cJSON_CreateNumber((double)(n)), __VA_ARGS__)
#define json_put_bool(root, b, ...) json_put((root), cJSON_CreateBool(b), __VA_ARGS__)
void json_del_(cJSON *root, ...); /* absent is fine */
#define json_del(root, ...) json_del_((root), __VA_ARGS__, (const char *)NULL)
cJSON *json_obj_(cJSON *root, ...); /* the object there, created when absent */
#define json_obj(root, ...) json_obj_((root), __VA_ARGS__, (const char *)NULL)

bool json_equal(const cJSON *a, const cJSON *b); /* object member order does not matter */
/* `want` is contained in `have`: every member of want's objects is there and equal; arrays equal.
 */
bool json_covers(const cJSON *have, const cJSON *want);
uint64_t json_hash(const cJSON *j); /* of the canonical form (sorted keys) */
/* RFC 7386. `target` may be NULL; it is consumed and the result returned. */
cJSON *json_merge_patch(cJSON *target, const cJSON *patch);
/* The smallest merge patch that turns `from` into `to`; NULL when equal. Heap tree. */
cJSON *json_merge_diff(const cJSON *from, const cJSON *to);

#endif
