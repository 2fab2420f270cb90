/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of CEL we have, in one table: strings, sizes, conversions and a few on lists. A
 * function sees values whose types may not have been known when it was compiled, so each looks
 * again.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/cel_ast.h"
#include "apiserver/schema_node.h"
#include "base/clock.h"
#include "base/quantity.h"

#define ANY_OF(kind) (1u << (kind))

static struct cel_value no_overload(const struct cel_call *c)
{
    return cel_failed("no matching overload for", c->node->text);
}

static bool is_string(const struct cel_call *c, size_t i)
{
    return i < c->n && c->args[i].kind == CEL_STRING;
}

static bool is_int(const struct cel_call *c, size_t i)
{
    return i < c->n && c->args[i].kind == CEL_INT;
}

static void spend(const struct cel_call *c, size_t bytes)
{
    c->run->budget->left -= (int64_t)bytes / 16;
}

/* A new text of up to n bytes; NULL when there is no room. */
static char *text_new(const struct cel_call *c, size_t n)
{
    return n > CEL_TEXT_OUT ? NULL : cel_take(c->run, n + 1);
}

static struct cel_value too_large(void)
{
    return cel_failed("result is too large", NULL);
}

static struct cel_value text_copy(const struct cel_call *c, const char *s, size_t n)
{
    char *out = text_new(c, n);
    if (!out)
        return too_large();
    memcpy(out, s, n);
    return cel_string_of((struct str){out, n});
}

/* --- code points ---------------------------------------------------------------------------- */

static int64_t count_points(struct str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* The byte at which code point i starts; the length for the one behind the last; -1 beyond. */
static int64_t offset_of(struct str s, int64_t i)
{
    int64_t seen = -1;
    for (size_t k = 0; k < s.len; k++) {
        seen += ((unsigned char)s.ptr[k] & 0xc0) != 0x80;
        if (seen == i)
            return (int64_t)k;
    }
    return seen + 1 == i ? (int64_t)s.len : -1;
}

/* --- strings -------------------------------------------------------------------------------- */

static const char *find(struct str in, struct str what)
{
    return what.len == 0 ? in.ptr : memmem(in.ptr, in.len, what.ptr, what.len);
}

static struct cel_value f_contains(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_string(c, 1))
        return no_overload(c);
    spend(c, c->args[0].text.len);
    return cel_bool_of(find(c->args[0].text, c->args[1].text) != NULL);
}

static struct cel_value f_starts_with(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_string(c, 1))
        return no_overload(c);
    struct str s = c->args[0].text, p = c->args[1].text;
    return cel_bool_of(p.len <= s.len && memcmp(s.ptr, p.ptr, p.len) == 0);
}

static struct cel_value f_ends_with(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_string(c, 1))
        return no_overload(c);
    struct str s = c->args[0].text, p = c->args[1].text;
    return cel_bool_of(p.len <= s.len && memcmp(s.ptr + s.len - p.len, p.ptr, p.len) == 0);
}

/* A pattern that is known only now. */
static struct cel_value matches_text(struct str s, struct str pattern, int64_t *steps)
{
    struct regexp *r = NULL;
    char *text AUTO(mem_freep) = mem_strndup(pattern.ptr, pattern.len);
    if (regexp_compile(text, &r, NULL))
        return cel_failed("invalid regular expression", NULL);
    struct cel_value v = cel_bool_of(regexp_matches(r, s.ptr, s.len, steps));
    *steps += 10000;
    regexp_free(r);
    return v;
}

static struct cel_value f_matches(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_string(c, 1))
        return no_overload(c);
    struct str s = c->args[0].text;
    int64_t steps = 0;
    struct cel_value v = c->node->pattern
                             ? cel_bool_of(regexp_matches(c->node->pattern, s.ptr, s.len, &steps))
                             : matches_text(s, c->args[1].text, &steps);
    c->run->budget->left -= 100 + steps / 8;
    return v;
}

static struct cel_value change_case(const struct cel_call *c, char low, char high, int by)
{
    if (!is_string(c, 0))
        return no_overload(c);
    struct str s = c->args[0].text;
    char *out = text_new(c, s.len);
    if (!out)
        return too_large();
    for (size_t i = 0; i < s.len; i++)
        out[i] = s.ptr[i] >= low && s.ptr[i] <= high ? (char)(s.ptr[i] + by) : s.ptr[i];
    return cel_string_of((struct str){out, s.len});
}

static struct cel_value f_lower(const struct cel_call *c)
{
    return change_case(c, 'A', 'Z', 'a' - 'A');
}

static struct cel_value f_upper(const struct cel_call *c)
{
    return change_case(c, 'a', 'z', 'A' - 'a');
}

static struct cel_value f_trim(const struct cel_call *c)
{
    return is_string(c, 0) ? cel_string_of(str_trim(c->args[0].text)) : no_overload(c);
}

static struct cel_value f_replace(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_string(c, 1) || !is_string(c, 2) || (c->n == 4 && !is_int(c, 3)))
        return no_overload(c);
    struct str s = c->args[0].text, from = c->args[1].text, to = c->args[2].text;
    int64_t left = c->n == 4 ? c->args[3].integer : -1;
    struct buf out AUTO(buf_done) = BUF_INIT(CEL_TEXT_OUT);
    spend(c, s.len * 2);
    while (left != 0 && from.len) {
        const char *at = find(s, from);
        if (!at)
            break;
        buf_add(&out, s.ptr, (size_t)(at - s.ptr));
        buf_add(&out, to.ptr, to.len);
        spend(c, to.len + 16);
        s.len -= (size_t)(at - s.ptr) + from.len;
        s.ptr = at + from.len;
        left--;
    }
    buf_add(&out, s.ptr, s.len);
    return out.overflow ? too_large() : text_copy(c, buf_str(&out), out.len);
}

static struct cel_value f_substring(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_int(c, 1) || (c->n == 3 && !is_int(c, 2)))
        return no_overload(c);
    struct str s = c->args[0].text;
    int64_t from = offset_of(s, c->args[1].integer);
    int64_t to = c->n == 3 ? offset_of(s, c->args[2].integer) : (int64_t)s.len;
    spend(c, s.len);
    if (from < 0 || to < from)
        return cel_failed("index out of range", c->node->text);
    return cel_string_of((struct str){s.ptr + from, (size_t)(to - from)});
}

static struct cel_value f_char_at(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_int(c, 1))
        return no_overload(c);
    struct str s = c->args[0].text;
    int64_t from = offset_of(s, c->args[1].integer);
    if (from < 0)
        return cel_failed("index out of range", c->node->text);
    size_t n = (size_t)from < s.len ? 1 : 0;
    while (n && (size_t)from + n < s.len && ((unsigned char)s.ptr[(size_t)from + n] & 0xc0) == 0x80)
        n++;
    return cel_string_of((struct str){s.ptr + from, n});
}

/* Index of an element of a list, from the front or the back. */
static struct cel_value index_in_list(const struct cel_call *c, bool last)
{
    size_t n = cel_length(c->args[0]);
    int64_t found = -1;
    for (size_t i = 0; i < n && (found < 0 || last); i++) {
        c->run->budget->left -= 1 + (int64_t)(c->args[0].json ? i / 8 : 0);
        if (c->run->budget->left < 0)
            break;
        if (cel_equal(cel_at(c->args[0], i), c->args[1], c->run->budget))
            found = (int64_t)i;
    }
    return cel_int_of(found);
}

static struct cel_value index_in_text(const struct cel_call *c, bool last)
{
    if (!is_string(c, 0) || !is_string(c, 1))
        return no_overload(c);
    struct str s = c->args[0].text, what = c->args[1].text;
    spend(c, s.len);
    if (!last) {
        const char *at = find(s, what);
        return cel_int_of(at ? count_points((struct str){s.ptr, (size_t)(at - s.ptr)}) : -1);
    }
    for (size_t i = s.len + 1; i-- > 0;)
        if (what.len <= s.len - i && memcmp(s.ptr + i, what.ptr, what.len) == 0)
            return cel_int_of(count_points((struct str){s.ptr, i}));
    return cel_int_of(-1);
}

static struct cel_value f_index_of(const struct cel_call *c)
{
    return c->args[0].kind == CEL_LIST ? index_in_list(c, false) : index_in_text(c, false);
}

static struct cel_value f_last_index_of(const struct cel_call *c)
{
    return c->args[0].kind == CEL_LIST ? index_in_list(c, true) : index_in_text(c, true);
}

static struct cel_value f_split(const struct cel_call *c)
{
    if (!is_string(c, 0) || !is_string(c, 1) || (c->n == 3 && !is_int(c, 2)))
        return no_overload(c);
    struct str s = c->args[0].text, by = c->args[1].text;
    int64_t most = c->n == 3 && c->args[2].integer >= 0 ? c->args[2].integer : INT64_MAX;
    size_t n = 1, cap = s.len / (by.len ? by.len : 1) + 2;
    for (const char *at = by.len ? find(s, by) : NULL; at; n++) {
        size_t from = (size_t)(at - s.ptr) + by.len;
        at = find((struct str){s.ptr + from, s.len - from}, by);
    }
    struct cel_value *items = cel_take(c->run, (by.len ? n : cap) * sizeof(*items));
    if (!items)
        return too_large();
    n = 0;
    while (most > 0 && (int64_t)n + 1 < most) {
        const char *at = by.len ? find(s, by) : s.len > 1 ? s.ptr + 1 : NULL;
        if (!at)
            break;
        while (!by.len && at < s.ptr + s.len && ((unsigned char)*at & 0xc0) == 0x80)
            at++;
        if (!by.len && at == s.ptr + s.len)
            break;
        items[n++] = cel_string_of((struct str){s.ptr, (size_t)(at - s.ptr)});
        s.len -= (size_t)(at - s.ptr) + by.len;
        s.ptr = at + by.len;
    }
    if (most > 0 && (by.len || s.len))
        items[n++] = cel_string_of(s);
    return (struct cel_value){.kind = CEL_LIST, .items = items, .n = n};
}

static struct cel_value f_join(const struct cel_call *c)
{
    struct str by = c->n == 2 && is_string(c, 1) ? c->args[1].text : (struct str){"", 0};
    struct buf out AUTO(buf_done) = BUF_INIT(CEL_TEXT_OUT);
    size_t n = c->args[0].kind == CEL_LIST ? cel_length(c->args[0]) : 0;
    if (c->args[0].kind != CEL_LIST)
        return no_overload(c);
    for (size_t i = 0; i < n && !out.overflow; i++) {
        struct cel_value v = cel_at(c->args[0], i);
        c->run->budget->left -= 1 + (int64_t)(c->args[0].json ? i / 8 : 0);
        if (v.kind != CEL_STRING || c->run->budget->left < 0)
            return no_overload(c);
        buf_add(&out, by.ptr, i ? by.len : 0);
        buf_add(&out, v.text.ptr, v.text.len);
    }
    return out.overflow ? too_large() : text_copy(c, buf_str(&out), out.len);
}

/* --- sizes and lists ------------------------------------------------------------------------ */

static struct cel_value f_size(const struct cel_call *c)
{
    struct cel_value v = c->args[0];
    switch (v.kind) {
    case CEL_STRING:
        spend(c, v.text.len);
        return cel_int_of(count_points(v.text));
    case CEL_BYTES:
        return cel_int_of((int64_t)v.text.len);
    case CEL_LIST:
    case CEL_MAP:
    case CEL_OBJECT: {
        size_t n = cel_length(v);
        spend(c, n);
        return cel_int_of((int64_t)n);
    }
    default:
        return no_overload(c);
    }
}

/* The least (sign -1) or greatest (1) element. */
static struct cel_value extreme(const struct cel_call *c, int sign)
{
    struct cel_value list = c->args[0];
    size_t n = list.kind == CEL_LIST ? cel_length(list) : 0;
    if (n == 0)
        return cel_failed("called on an empty list:", c->node->text);
    struct cel_value best = cel_at(list, 0);
    for (size_t i = 1; i < n; i++) {
        struct cel_value v = cel_at(list, i);
        int order;
        c->run->budget->left -= 1 + (int64_t)(list.json ? i / 8 : 0);
        if (c->run->budget->left < 0 || !cel_compare(v, best, &order))
            return no_overload(c);
        if (order * sign > 0)
            best = v;
    }
    return best;
}

static struct cel_value f_min(const struct cel_call *c)
{
    return extreme(c, -1);
}

static struct cel_value f_max(const struct cel_call *c)
{
    return extreme(c, 1);
}

static struct cel_value f_is_sorted(const struct cel_call *c)
{
    size_t n = c->args[0].kind == CEL_LIST ? cel_length(c->args[0]) : 0;
    for (size_t i = 1; i < n; i++) {
        int order;
        c->run->budget->left -= 1 + (int64_t)(c->args[0].json ? i / 4 : 0);
        if (c->run->budget->left < 0 ||
            !cel_compare(cel_at(c->args[0], i - 1), cel_at(c->args[0], i), &order))
            return no_overload(c);
        if (order > 0)
            return cel_bool_of(false);
    }
    return cel_bool_of(true);
}

static struct cel_value f_sum(const struct cel_call *c)
{
    size_t n = c->args[0].kind == CEL_LIST ? cel_length(c->args[0]) : 0;
    struct cel_value total = cel_int_of(0);
    for (size_t i = 0; i < n; i++) {
        struct cel_value v = cel_at(c->args[0], i);
        c->run->budget->left -= 1 + (int64_t)(c->args[0].json ? i / 8 : 0);
        if (c->run->budget->left < 0 || (v.kind != CEL_INT && v.kind != CEL_DOUBLE))
            return no_overload(c);
        if (v.kind == CEL_DOUBLE && total.kind == CEL_INT)
            total = cel_double_of((double)total.integer);
        total.real += v.kind == CEL_DOUBLE ? v.real : (double)v.integer;
        if (total.kind == CEL_INT &&
            __builtin_add_overflow(total.integer, v.integer, &total.integer))
            return cel_failed("integer overflow", NULL);
    }
    return total;
}

/* --- conversions ---------------------------------------------------------------------------- */

static struct cel_value f_int(const struct cel_call *c)
{
    struct cel_value v = c->args[0];
    int64_t n;
    if (v.kind == CEL_STRING)
        return str_to_i64(v.text, &n) ? cel_failed("cannot convert the string to int", NULL)
                                      : cel_int_of(n);
    if (v.kind == CEL_DOUBLE)
        return fabs(v.real) < 9.2e18 ? cel_int_of((int64_t)v.real)
                                     : cel_failed("integer overflow", NULL);
    if (v.kind == CEL_TIMESTAMP)
        return cel_int_of(v.integer / 1000000);
    return v.kind == CEL_INT || v.kind == CEL_UINT ? cel_int_of(v.integer) : no_overload(c);
}

static struct cel_value f_uint(const struct cel_call *c)
{
    struct cel_value v = f_int(c);
    if (!v.failed && v.integer < 0)
        return cel_failed("unsigned integer overflow", NULL);
    if (!v.failed)
        v.kind = CEL_UINT;
    return v;
}

static struct cel_value f_double(const struct cel_call *c)
{
    struct cel_value v = c->args[0];
    if (v.kind == CEL_STRING) {
        char *text AUTO(mem_freep) = mem_strndup(v.text.ptr, v.text.len);
        char *end;
        double d = strtod(text, &end);
        return *text && !*end ? cel_double_of(d)
                              : cel_failed("cannot convert the string to double", NULL);
    }
    if (v.kind == CEL_INT || v.kind == CEL_UINT)
        return cel_double_of((double)v.integer);
    return v.kind == CEL_DOUBLE ? v : no_overload(c);
}

static void add_text(struct buf *b, struct cel_value v)
{
    char time[CLOCK_TEXT_MAX];
    switch (v.kind) {
    case CEL_BOOL:
        buf_adds(b, v.boolean ? "true" : "false");
        break;
    case CEL_INT:
    case CEL_UINT:
        buf_addf(b, "%lld", (long long)v.integer);
        break;
    case CEL_DOUBLE:
        buf_addf(b, "%.15g", v.real);
        break;
    case CEL_STRING:
    case CEL_BYTES:
        buf_add(b, v.text.ptr, v.text.len);
        break;
    case CEL_TIMESTAMP:
        buf_adds(b, clock_time_text(v.integer, time));
        break;
    case CEL_DURATION:
        buf_addf(b, "%.9gs", (double)v.integer / 1e9);
        break;
    case CEL_NULL:
        buf_adds(b, "null");
        break;
    default:
        if (v.json)
            json_add_to(b, v.json);
        break;
    }
    for (size_t i = 0; v.kind == CEL_LIST && !v.json && i < v.n; i++) {
        buf_adds(b, i ? ", " : "[");
        add_text(b, v.items[i]);
        buf_adds(b, i + 1 == v.n ? "]" : "");
    }
}

static struct cel_value f_string(const struct cel_call *c)
{
    struct cel_value v = c->args[0];
    if (v.kind == CEL_STRING)
        return v;
    if (v.kind == CEL_NULL || v.kind >= CEL_LIST)
        return no_overload(c);
    struct buf out AUTO(buf_done) = BUF_INIT(CEL_TEXT_OUT);
    add_text(&out, v);
    return text_copy(c, buf_str(&out), out.len);
}

static struct cel_value f_bool(const struct cel_call *c)
{
    struct cel_value v = c->args[0];
    if (v.kind == CEL_BOOL)
        return v;
    if (v.kind == CEL_STRING && (str_eq(v.text, STR("true")) || str_eq(v.text, STR("false"))))
        return cel_bool_of(v.text.len == 4);
    return no_overload(c);
}

static struct cel_value f_duration(const struct cel_call *c)
{
    struct cel_value v = c->args[0];
    int64_t ns;
    if (v.kind == CEL_DURATION)
        return v;
    if (v.kind != CEL_STRING || !cel_duration_parse(v.text, &ns))
        return cel_failed("cannot convert to duration", NULL);
    return (struct cel_value){.kind = CEL_DURATION, .integer = ns};
}

static struct cel_value f_timestamp(const struct cel_call *c)
{
    struct cel_value v = c->args[0];
    int64_t us;
    if (v.kind == CEL_TIMESTAMP)
        return v;
    char *text AUTO(mem_freep) = v.kind == CEL_STRING ? mem_strndup(v.text.ptr, v.text.len) : NULL;
    if (!text || clock_parse(text, &us))
        return cel_failed("cannot convert to timestamp", NULL);
    return (struct cel_value){.kind = CEL_TIMESTAMP, .integer = us};
}

/* isIP(s), isCIDR(s) of Kubernetes' libraries. */
static struct cel_value has_format(const struct cel_call *c, const char *a, const char *b)
{
    if (!is_string(c, 0))
        return no_overload(c);
    char *text AUTO(mem_freep) = mem_strndup(c->args[0].text.ptr, c->args[0].text.len);
    return cel_bool_of(schema_format_find(a)->valid(text) || schema_format_find(b)->valid(text));
}

static struct cel_value f_is_ip(const struct cel_call *c)
{
    return has_format(c, "ipv4", "ipv6");
}

static struct cel_value f_is_cidr(const struct cel_call *c)
{
    return has_format(c, "cidr", "cidr");
}

static struct cel_value f_is_quantity(const struct cel_call *c)
{
    int64_t milli;
    if (!is_string(c, 0))
        return no_overload(c);
    char *text AUTO(mem_freep) = mem_strndup(c->args[0].text.ptr, c->args[0].text.len);
    return cel_bool_of(quantity_parse(text, &milli, NULL) == 0);
}

static struct cel_value f_dyn(const struct cel_call *c)
{
    return c->args[0];
}

/* "text %s %d %f".format([a, b, c]); %s takes anything, %d integers, %f and %e numbers with
 * precision. */
static struct cel_value f_format(const struct cel_call *c)
{
    if (!is_string(c, 0) || c->n != 2 || c->args[1].kind != CEL_LIST)
        return no_overload(c);
    struct str s = c->args[0].text;
    struct buf out AUTO(buf_done) = BUF_INIT(CEL_TEXT_OUT);
    size_t used = 0, have = cel_length(c->args[1]);
    for (size_t i = 0; i < s.len && !out.overflow; i++) {
        if (s.ptr[i] != '%') {
            buf_addc(&out, s.ptr[i]);
            continue;
        }
        size_t digits = 0;
        int precision = 6;
        if (++i < s.len && s.ptr[i] == '.')
            for (i++, precision = 0; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9' && digits < 2;
                 i++, digits++)
                precision = precision * 10 + (s.ptr[i] - '0');
        char verb = i < s.len ? s.ptr[i] : '\0';
        if (verb == '%') {
            buf_addc(&out, '%');
            continue;
        }
        if (used >= have || !verb || !strchr("sdfe", verb))
            return cel_failed("format: wrong verb or too few arguments", NULL);
        struct cel_value v = cel_at(c->args[1], used++);
        double d = v.kind == CEL_DOUBLE ? v.real : (double)v.integer;
        c->run->budget->left -= cel_weight(v);
        if (verb == 's' || verb == 'd')
            add_text(&out, v);
        else if (verb == 'f')
            buf_addf(&out, "%.*f", precision, d);
        else
            buf_addf(&out, "%.*e", precision, d);
    }
    return out.overflow ? too_large() : text_copy(c, buf_str(&out), out.len);
}

/* --- the table ------------------------------------------------------------------------------ */

#define S    ANY_OF(CEL_STRING)
#define L    ANY_OF(CEL_LIST)
#define NUM  (ANY_OF(CEL_INT) | ANY_OF(CEL_UINT) | ANY_OF(CEL_DOUBLE))
#define SIZE (S | L | ANY_OF(CEL_BYTES) | ANY_OF(CEL_MAP) | ANY_OF(CEL_OBJECT))

static const struct cel_function functions[] = {
    {"size", true, 1, 1, SIZE, CEL_INT, f_size},
    {"size", false, 1, 1, SIZE, CEL_INT, f_size},
    {"contains", true, 2, 2, S, CEL_BOOL, f_contains},
    {"startsWith", true, 2, 2, S, CEL_BOOL, f_starts_with},
    {"endsWith", true, 2, 2, S, CEL_BOOL, f_ends_with},
    {"matches", true, 2, 2, S, CEL_BOOL, f_matches},
    {"matches", false, 2, 2, S, CEL_BOOL, f_matches},
    {"lowerAscii", true, 1, 1, S, CEL_STRING, f_lower},
    {"upperAscii", true, 1, 1, S, CEL_STRING, f_upper},
    {"trim", true, 1, 1, S, CEL_STRING, f_trim},
    {"replace", true, 3, 4, S, CEL_STRING, f_replace},
    {"substring", true, 2, 3, S, CEL_STRING, f_substring},
    {"charAt", true, 2, 2, S, CEL_STRING, f_char_at},
    {"indexOf", true, 2, 2, S | L, CEL_INT, f_index_of},
    {"lastIndexOf", true, 2, 2, S | L, CEL_INT, f_last_index_of},
    {"split", true, 2, 3, S, CEL_LIST, f_split},
    {"join", true, 1, 2, L, CEL_STRING, f_join},
    {"format", true, 2, 2, S, CEL_STRING, f_format},
    {"isSorted", true, 1, 1, L, CEL_BOOL, f_is_sorted},
    {"sum", true, 1, 1, L, CEL_DYN, f_sum},
    {"min", true, 1, 1, L, CEL_DYN, f_min},
    {"max", true, 1, 1, L, CEL_DYN, f_max},
    {"int", false, 1, 1, S | NUM | ANY_OF(CEL_TIMESTAMP), CEL_INT, f_int},
    {"uint", false, 1, 1, S | NUM, CEL_DYN, f_uint},
    {"double", false, 1, 1, S | NUM, CEL_DOUBLE, f_double},
    {"string", false, 1, 1, 0, CEL_STRING, f_string},
    {"bool", false, 1, 1, S | ANY_OF(CEL_BOOL), CEL_BOOL, f_bool},
    {"duration", false, 1, 1, S | ANY_OF(CEL_DURATION), CEL_DURATION, f_duration},
    {"timestamp", false, 1, 1, S | ANY_OF(CEL_TIMESTAMP), CEL_TIMESTAMP, f_timestamp},
    {"dyn", false, 1, 1, 0, CEL_DYN, f_dyn},
    {"isIP", false, 1, 1, S, CEL_BOOL, f_is_ip},
    {"isCIDR", false, 1, 1, S, CEL_BOOL, f_is_cidr},
    {"isQuantity", false, 1, 1, S, CEL_BOOL, f_is_quantity},
};

const struct cel_function *cel_function_find(const char *name, bool member)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (functions[i].member == member && streq(functions[i].name, name))
            return &functions[i];
    return NULL;
}
