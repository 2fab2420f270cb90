/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: the only door to the heap, arenas for one unit of work, and checks for `void *`.
 *
 * Raw malloc, strdup and free appear in mem.c alone. Small allocations abort the program with one
 * line when the machine is out of memory: thousands of untestable branches are worth less than
 * that. Sizes that come from outside (a network, a file, a plugin) are bounded by their reader
 * before they get here.
 *
 * Thread: every function may be called from any thread; one arena belongs to one thread at a time.
 */
#ifndef ATOLL_BASE_MEM_H
#define ATOLL_BASE_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Run fn(&variable) when the variable leaves its scope. Always initialise at the declaration. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Move a pointer out of an AUTO variable: yields it and leaves NULL behind. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) take_moved_ = (p);                                                           \
        (p) = NULL;                                                                                \
        take_moved_;                                                                               \
    })

#define ARRAY_LEN(a)           (sizeof(a) / sizeof((a)[0]))
#define container_of(p, T, m)  ((T *)(void *)((char *)(p)-offsetof(T, m)))
#define ATOLL_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))

/* Programming errors. Stays on in release: prints the place and aborts. */
#define ATOLL_ASSERT(cond)                                                                         \
    ((cond) ? (void)0 : mem_assert_failed(#cond, __FILE__, __LINE__, __func__))
void mem_assert_failed(const char *cond, const char *file, int line, const char *func)
    __attribute__((noreturn));

void *mem_alloc(size_t n);                   /* zeroed; never NULL */
void *mem_calloc(size_t count, size_t size); /* zeroed, overflow checked; never NULL */
void *mem_realloc(void *p, size_t n);        /* not zeroed; never NULL */
char *mem_strdup(const char *s);             /* NULL stays NULL */
char *mem_strndup(const char *s, size_t n);  /* copies at most n bytes and ends them with NUL */
char *mem_printf(const char *fmt, ...) ATOLL_PRINTF(1, 2);
char *mem_vprintf(const char *fmt, va_list ap) ATOLL_PRINTF(1, 0);
void mem_free(void *p);                /* NULL is fine */
void mem_wipe(void *p, size_t n);      /* zero a secret; not optimised away */
static inline void mem_freep(void *pp) /* for AUTO(mem_freep) on any pointer */
{
    void **p = pp;
    mem_free(*p);
    *p = NULL;
}
/* For a long-lived program: few heaps for its threads, freed memory goes back to the system. Once,
 * at its start. */
void mem_tune(void);
void mem_trim(void); /* give back what is free inside the heap; milliseconds */
#define mem_new(T) ((T *)mem_alloc(sizeof(T)))

/*
 * Objects that travel through `void *` start with `uint32_t magic`. For struct foo define FOO_MAGIC
 * as
 * `#define foo_MAGIC 0x...`; set it at birth, CAST at every callback entry, zero it at death.
 */
#define CAST(name, p) ((struct name *)mem_cast((p), name##_MAGIC, #name, __FILE__, __LINE__))
void *mem_cast(void *p, uint32_t magic, const char *name, const char *file, int line);

/* An arena: allocations of one unit of work, freed together. `max` bounds the bytes handed out. */
struct arena;
struct arena *arena_new(size_t max);
void arena_free(struct arena *a);
static inline void arena_freep(struct arena **a)
{
    arena_free(*a);
    *a = NULL;
}
void *arena_alloc(struct arena *a, size_t n); /* zeroed, aligned for any type; aborts above max */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) ATOLL_PRINTF(2, 3);
size_t arena_used(const struct arena *a);
#define arena_new_of(a, T)   ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (n)))

#endif
