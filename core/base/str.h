/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: a view that owns nothing (struct str) and one builder with a maximum (struct buf).
 */
#ifndef ATOLL_BASE_STR_H
#define ATOLL_BASE_STR_H

#include "base/mem.h"

struct str {
    const char *ptr;
    size_t len;
};
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
struct str str_of(const char *s); /* NULL gives the empty view */
bool str_eq(struct str a, struct str b);
bool str_starts(const char *s, const char *prefix); /* NULL never starts with anything */
bool str_ends(const char *s, const char *suffix);
static inline bool streq(const char *a, const char *b) /* NULL equals only NULL */
{
    return a == b || (a && b && __builtin_strcmp(a, b) == 0);
}
/* Next piece of `s` before `sep`; the piece may be empty. false when `s` is used up. */
bool str_split(struct str *s, char sep, struct str *ret_piece);
struct str str_trim(struct str s);
int str_to_i64(struct str s, int64_t *ret); /* whole view, decimal; -EINVAL, -ERANGE */
int str_to_u64(struct str s, uint64_t *ret);

/* Grows up to `max` bytes of content, then refuses and remembers it in `overflow`. */
struct buf {
    char *ptr; /* NUL-terminated once anything was added, else NULL */
    size_t len, cap, max;
    bool overflow;
};
#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})
int buf_add(struct buf *b, const void *p, size_t n); /* 0 or -ENOBUFS */
int buf_adds(struct buf *b, const char *s);          /* NULL adds nothing */
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) ATOLL_PRINTF(2, 3);
int buf_addb(struct buf *b, const struct buf *other);
void buf_drop(struct buf *b, size_t n);   /* remove n bytes at the front */
void buf_cut(struct buf *b, size_t len);  /* shorten to len */
const char *buf_str(const struct buf *b); /* never NULL */
char *buf_take(struct buf *b);            /* never NULL; b is empty afterwards */
void buf_done(struct buf *b);             /* for AUTO(buf_done); b may be used again */

/* base64 (RFC 4648, with padding). Decode accepts no blanks. */
void buf_add_base64(struct buf *b, const void *p, size_t n);
int base64_decode(struct str in, struct buf *out); /* -EINVAL */

#endif
