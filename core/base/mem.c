/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap and the arenas. This is the only file of the project that calls malloc, realloc and
 * free.
 *
 * Out of memory ends the program with one line: see mem.h for the reason. An arena is a list of
 * chunks; small allocations are cut from the newest chunk, large ones get a chunk of their own
 * behind it, so a big string does not waste the rest of the chunk in use.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK_MIN 4096
#define ARENA_CHUNK_MAX (256 * 1024)
#define ARENA_ALIGN     _Alignof(max_align_t)

void mem_assert_failed(const char *cond, const char *file, int line, const char *func)
{
    fprintf(stderr, "assertion failed: %s (%s:%d, %s)\n", cond, file, line, func);
    abort();
}

static void *mem_must(void *p, size_t n)
{
    if (!p) {
        fprintf(stderr, "out of memory: %zu bytes wanted\n", n);
        abort();
    }
    return p;
}

void *mem_alloc(size_t n)
{
    return mem_must(calloc(1, n ? n : 1), n);
}

void *mem_calloc(size_t count, size_t size)
{
    size_t n;
    ATOLL_ASSERT(!__builtin_mul_overflow(count, size, &n));
    return mem_alloc(n);
}

void *mem_realloc(void *p, size_t n)
{
    return mem_must(realloc(p, n ? n : 1), n);
}

char *mem_strndup(const char *s, size_t n)
{
    if (!s)
        return NULL;
    size_t len = strnlen(s, n);
    char *copy = mem_must(malloc(len + 1), len + 1);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *s)
{
    return s ? mem_strndup(s, strlen(s)) : NULL;
}

char *mem_vprintf(const char *fmt, va_list ap)
{
    char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    return mem_must(n < 0 ? NULL : text, 0);
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    return text;
}

void mem_free(void *p)
{
    free(p);
}

void mem_wipe(void *p, size_t n)
{
    if (p && n)
        explicit_bzero(p, n);
}

void *mem_cast(void *p, uint32_t magic, const char *name, const char *file, int line)
{
    uint32_t found = 0;
    if (p)
        memcpy(&found, p, sizeof(found));
    if (!p || found != magic) {
        fprintf(stderr, "%s:%d: not a struct %s: %p has magic %08x, wanted %08x\n", file, line,
                name, p, found, magic);
        abort();
    }
    return p;
}

struct chunk {
    struct chunk *next;
    size_t size, used; /* of data */
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct chunk *head; /* the chunk small allocations are cut from */
    size_t max, used;
    size_t next_chunk;
};

struct arena *arena_new(size_t max)
{
    struct arena *a = mem_new(struct arena);
    a->max = max;
    a->next_chunk = ARENA_CHUNK_MIN;
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

static struct chunk *chunk_new(size_t size)
{
    struct chunk *c = mem_alloc(sizeof(struct chunk) + size);
    c->size = size;
    return c;
}

/* A chunk with room for n bytes; becomes the head unless it serves this one allocation only. */
static struct chunk *arena_chunk(struct arena *a, size_t n)
{
    if (a->head && a->head->size - a->head->used >= n)
        return a->head;
    if (a->head && n > a->next_chunk / 4) {
        struct chunk *own = chunk_new(n);
        own->next = a->head->next;
        a->head->next = own;
        return own;
    }
    struct chunk *c = chunk_new(n > a->next_chunk ? n : a->next_chunk);
    if (a->next_chunk < ARENA_CHUNK_MAX)
        a->next_chunk *= 2;
    c->next = a->head;
    a->head = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > a->max || a->used > a->max - n) {
        fprintf(stderr, "arena: %zu bytes wanted, %zu of %zu used\n", n, a->used, a->max);
        abort();
    }
    size_t room = n ? n : 1;
    ATOLL_ASSERT(room <= SIZE_MAX - ARENA_ALIGN - sizeof(struct chunk));
    room = (room + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    struct chunk *c = arena_chunk(a, room);
    void *p = c->data + c->used;
    c->used += room;
    a->used += n;
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    if (!s)
        return NULL;
    size_t len = strnlen(s, n);
    char *copy = arena_alloc(a, len + 1);
    memcpy(copy, s, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    ATOLL_ASSERT(n >= 0);
    if ((size_t)n < sizeof(small))
        return arena_strndup(a, small, (size_t)n);
    char *text = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

void mem_tune(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD,
            256 << 10); /* fixed: otherwise glibc raises it after the first large buffer */
    mallopt(M_TRIM_THRESHOLD, 512 << 10);
}

void mem_trim(void)
{
    malloc_trim(0);
}
