/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of this plugin: heap, pools, checked casts, numbers in views. See memory.h.
 */
#include "memory.h"

#include <inttypes.h>
#include <stdlib.h>

void must_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "redis plugin: %s does not hold at %s:%d\n", cond, file, line);
    abort();
}

void *cast_checked(void *p, uint32_t magic, const char *name, const char *file, int line)
{
    uint32_t found = 0;
    if (p)
        memcpy(&found, p, sizeof(found));
    if (found != magic) {
        fprintf(stderr, "redis plugin: not a struct %s (magic %08" PRIx32 ") at %s:%d\n", name,
                found, file, line);
        abort();
    }
    return p;
}

void *heap_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) {
        fprintf(stderr, "redis plugin: out of memory for %zu bytes\n", n);
        abort();
    }
    return p;
}

void heap_free(void *p)
{
    free(p);
}

/* ---- pools
 * ------------------------------------------------------------------------------------------ */

#define POOL_CHUNK 8192

struct pool_chunk {
    struct pool_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
};
struct pool {
    struct pool_chunk *chunks;
    size_t total, max;
};

struct pool *pool_new(size_t max)
{
    struct pool *p = heap_new(struct pool);
    p->max = max;
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    for (struct pool_chunk *c = p->chunks, *next; c; c = next) {
        next = c->next;
        heap_free(c);
    }
    heap_free(p);
}

void *pool_alloc(struct pool *p, size_t n)
{
    const size_t align = _Alignof(max_align_t);
    MUST(n <= p->max && p->total <= p->max - n);
    n = (n + align - 1) / align * align;
    if (!p->chunks || p->chunks->size - p->chunks->used < n) {
        size_t size = n > POOL_CHUNK ? n : POOL_CHUNK;
        struct pool_chunk *c = heap_alloc(sizeof(*c) + size);
        c->size = size;
        c->next = p->chunks;
        p->chunks = c;
    }
    void *at = p->chunks->bytes + p->chunks->used;
    p->chunks->used += n;
    p->total += n;
    return at;
}

static struct atoll_str pool_vprintf(struct pool *p, const char *fmt, va_list ap)
    ATOLL_FORMAT(2, 0);
static struct atoll_str pool_vprintf(struct pool *p, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    MUST(n >= 0);
    char *text = pool_alloc(p, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    return (struct atoll_str){text, (uint64_t)n};
}

struct atoll_str pool_printf(struct pool *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct atoll_str s = pool_vprintf(p, fmt, ap);
    va_end(ap);
    return s;
}

char *pool_text(struct pool *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct atoll_str s = pool_vprintf(p, fmt, ap);
    va_end(ap);
    return (char *)(uintptr_t)s.ptr; /* ours, just allocated and writable */
}

/* ---- numbers
 * ---------------------------------------------------------------------------------------- */

bool str_u64(struct atoll_str s, uint64_t *ret)
{
    uint64_t v = 0;
    if (!s.len || s.len > 20)
        return false;
    for (uint64_t i = 0; i < s.len; i++) {
        unsigned d = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (d > 9 || v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    return true;
}

bool str_i64(struct atoll_str s, int64_t *ret)
{
    uint64_t v;
    bool minus = s.len > 0 && s.ptr[0] == '-';
    if (minus)
        s.ptr++, s.len--;
    if (!str_u64(s, &v) || v > INT64_MAX)
        return false;
    *ret = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

uint64_t str_number(struct atoll_str s, uint64_t otherwise)
{
    uint64_t v;
    return str_u64(s, &v) ? v : otherwise;
}
