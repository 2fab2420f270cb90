/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views, the bounded builder and base64. Nothing here knows about locales or UTF-8: bytes in, bytes
 * out.
 */
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct str str_of(const char *s)
{
    return (struct str){s, s ? strlen(s) : 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
    return s && prefix && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    if (!s || !suffix)
        return false;
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

/* "a,,b" gives a, "", b; "" gives one empty piece; ptr becomes NULL after the last piece. */
bool str_split(struct str *s, char sep, struct str *ret_piece)
{
    if (!s->ptr)
        return false;
    const char *at = s->len ? memchr(s->ptr, sep, s->len) : NULL;
    if (!at) {
        *ret_piece = *s;
        *s = (struct str){NULL, 0};
        return true;
    }
    *ret_piece = (struct str){s->ptr, (size_t)(at - s->ptr)};
    s->len -= ret_piece->len + 1;
    s->ptr = at + 1;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str str_trim(struct str s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

int str_to_u64(struct str s, uint64_t *ret)
{
    uint64_t v = 0;
    bool over = false;
    if (s.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -EINVAL;
        over |= __builtin_mul_overflow(v, (uint64_t)10, &v);
        over |= __builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v);
    }
    if (over)
        return -ERANGE;
    *ret = v;
    return 0;
}

int str_to_i64(struct str s, int64_t *ret)
{
    bool negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        s.ptr++;
        s.len--;
    }
    uint64_t v;
    int rc = str_to_u64(s, &v);
    if (rc)
        return rc;
    if (v > (uint64_t)INT64_MAX + negative)
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

/* Make room for n more bytes and the NUL. */
static int buf_room(struct buf *b, size_t n)
{
    if (n > b->max || b->len > b->max - n) {
        b->overflow = true;
        return -ENOBUFS;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap * 2 : 64;
    if (cap < need)
        cap = need;
    if (cap > b->max + 1)
        cap = b->max + 1;
    b->ptr = mem_realloc(b->ptr, cap);
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
    int rc = buf_room(b, n);
    if (rc)
        return rc;
    if (n)
        memcpy(b->ptr + b->len, p, n);
    b->len += n;
    b->ptr[b->len] = '\0';
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return s ? buf_add(b, s, strlen(s)) : 0;
}

int buf_addc(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    ATOLL_ASSERT(n >= 0);
    if ((size_t)n < sizeof(small))
        return buf_add(b, small, (size_t)n);
    int rc = buf_room(b, (size_t)n);
    if (rc)
        return rc;
    va_start(ap, fmt);
    vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

int buf_addb(struct buf *b, const struct buf *other)
{
    return buf_add(b, other->ptr, other->len);
}

void buf_drop(struct buf *b, size_t n)
{
    ATOLL_ASSERT(n <= b->len);
    if (n == 0)
        return;
    memmove(b->ptr, b->ptr + n, b->len - n + 1);
    b->len -= n;
}

void buf_cut(struct buf *b, size_t len)
{
    ATOLL_ASSERT(len <= b->len);
    b->len = len;
    if (b->ptr)
        b->ptr[len] = '\0';
}

const char *buf_str(const struct buf *b)
{
    return b->ptr ? b->ptr : "";
}

char *buf_take(struct buf *b)
{
    char *p = b->ptr ? b->ptr : mem_strdup("");
    *b = BUF_INIT(b->max);
    return p;
}

void buf_done(struct buf *b)
{
    mem_free(b->ptr);
    *b = BUF_INIT(b->max);
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void buf_add_base64(struct buf *b, const void *p, size_t n)
{
    const unsigned char *in = p;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)in[i] << 16;
        v |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)in[i + 2] : 0;
        char out[4] = {base64_alphabet[v >> 18], base64_alphabet[v >> 12 & 63],
                       left > 1 ? base64_alphabet[v >> 6 & 63] : '=',
                       left > 2 ? base64_alphabet[v & 63] : '='};
        buf_add(b, out, 4);
    }
}

static int base64_value(char c)
{
    const char *at = c ? strchr(base64_alphabet, c) : NULL;
    return at ? (int)(at - base64_alphabet) : -1;
}

/* Four characters to one to three bytes; padding only where the caller allows it (the last group).
 */
static int base64_group(const char *in, bool last, unsigned char out[3], size_t *ret_n)
{
    size_t pad = 0;
    if (last && in[3] == '=')
        pad = in[2] == '=' ? 2 : 1;
    uint32_t v = 0;
    for (size_t k = 0; k < 4; k++) {
        int d = k >= 4 - pad ? 0 : base64_value(in[k]);
        if (d < 0)
            return -EINVAL;
        v = v << 6 | (uint32_t)d;
    }
    out[0] = (unsigned char)(v >> 16);
    out[1] = (unsigned char)(v >> 8);
    out[2] = (unsigned char)v;
    *ret_n = 3 - pad;
    /* Bits beyond the last byte must be zero, else two texts would mean the same bytes. */
    return (pad == 1 && out[2]) || (pad == 2 && out[1]) ? -EINVAL : 0;
}

int base64_decode(struct str in, struct buf *out)
{
    if (in.len % 4)
        return -EINVAL;
    size_t start = out->len;
    for (size_t i = 0; i < in.len; i += 4) {
        unsigned char bytes[3];
        size_t n;
        int rc = base64_group(in.ptr + i, i + 4 == in.len, bytes, &n);
        if (!rc)
            rc = buf_add(out, bytes, n);
        if (rc) {
            buf_cut(out, start);
            return rc;
        }
    }
    return 0;
}
