/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of this plugin: the only place that calls the heap, a pool for one piece of pure work, and
 * checks for objects that travel through void *. A plugin may not use the host's own allocator,
 * hence this file.
 *
 * Thread: [loop]; nothing here locks.
 */
#ifndef REDIS_MEMORY_H
#define REDIS_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atoll/sugar.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Programming errors; stays on in release. */
#define MUST(cond) ((cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))
void must_failed(const char *cond, const char *file, int line) __attribute__((noreturn));

/* struct foo starts with `uint32_t magic` and has foo_MAGIC; CAST at every callback entry. */
#define CAST(name, p) ((struct name *)cast_checked((p), name##_MAGIC, #name, __FILE__, __LINE__))
void *cast_checked(void *p, uint32_t magic, const char *name, const char *file, int line);

void *heap_alloc(size_t n); /* zeroed; a machine out of memory ends the process with one line */
void heap_free(void *p);    /* NULL is fine */
#define heap_new(T) ((T *)heap_alloc(sizeof(T)))

/* Everything allocated for one call of a pure function; freed together. */
struct pool;
struct pool *pool_new(size_t max);
void pool_free(struct pool *p);
static inline void pool_freep(struct pool **p)
{
    pool_free(*p);
    *p = NULL;
}
#define AUTO_POOL(name, max) __attribute__((cleanup(pool_freep))) struct pool *name = pool_new(max)
void *pool_alloc(struct pool *p,
                 size_t n); /* zeroed, aligned; aborts above max (callers bound their input) */
#define pool_array(p, T, n) ((T *)pool_alloc((p), sizeof(T) * (n)))
struct atoll_str pool_printf(struct pool *p, const char *fmt, ...) ATOLL_FORMAT(2, 3);
char *pool_text(struct pool *p, const char *fmt, ...) ATOLL_FORMAT(2, 3);

/* ---- numbers in views
 * ----------------------------------------------------------------------------- */

bool str_u64(struct atoll_str s, uint64_t *ret); /* the whole text, decimal, no sign */
bool str_i64(struct atoll_str s, int64_t *ret);
uint64_t str_number(struct atoll_str s, uint64_t otherwise);

static inline bool text_eq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* For printf's %.*s. */
#define STR_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

#endif
