/* SPDX-License-Identifier: Apache-2.0 */
/* Records and lines. A record tagged P is a piece of a line: it ends without a newline. */
#include "node/log_lines.h"

#include <string.h>

#include "base/clock.h"

struct record {
    struct str time, text;
    bool partial;
};

static bool record_parse(struct str line, struct record *r)
{
    struct str stream, tag;
    if (!str_split(&line, ' ', &r->time) || !str_split(&line, ' ', &stream) ||
        !str_split(&line, ' ', &tag) || tag.len != 1)
        return false;
    r->partial = tag.ptr[0] == 'P';
    r->text = line.ptr ? line : (struct str){"", 0};
    return true;
}

static bool too_old(const struct log_filter *f, const struct record *r)
{
    int64_t at;
    if (!f->since_us)
        return false;
    AUTO(mem_freep) char *text = mem_strndup(r->time.ptr, r->time.len);
    return clock_parse(text, &at) == 0 && at < f->since_us;
}

static void show(struct log_filter *f, struct str piece, struct buf *out)
{
    size_t n = piece.len;
    if (f->limit >= 0 && (int64_t)n > f->limit)
        n = (size_t)f->limit;
    buf_add(out, piece.ptr, n);
    if (f->limit >= 0)
        f->limit -= (int64_t)n;
}

size_t log_lines_show(struct log_filter *f, struct str text, struct buf *out)
{
    size_t used = 0;
    const char *nl;
    while (used < text.len && (nl = memchr(text.ptr + used, '\n', text.len - used))) {
        struct str line = {text.ptr + used, (size_t)(nl - text.ptr) - used};
        struct record r;
        used += line.len + 1;
        if (!record_parse(line, &r) || too_old(f, &r))
            continue;
        if (f->timestamps) {
            show(f, r.time, out);
            show(f, STR(" "), out);
        }
        show(f, r.text, out);
        if (!r.partial)
            show(f, STR("\n"), out);
    }
    return used;
}

size_t log_lines_tail(struct str text, size_t n, size_t *ret_found)
{
    size_t at = text.len, found = 0;
    while (at > 0 && found < n) {
        const char *nl = memrchr(text.ptr, '\n', at - 1); /* the newline before the last record */
        found++;
        at = nl ? (size_t)(nl - text.ptr) + 1 : 0;
    }
    *ret_found = found;
    return at;
}
