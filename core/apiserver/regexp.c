/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern becomes a small program for a machine that follows all alternatives at once (Thompson's
 * construction), so no pattern can make matching explode. Only "does it match" is answered: groups
 * do not capture, and lazy and greedy repetition are the same.
 */
#include "apiserver/regexp.h"

#include <errno.h>
#include <string.h>

#define PROGRAM_MAX 4000 /* instructions; counted repetition copies its operand */
#define RANGES_MAX  4000
#define REPEAT_MAX  1000
#define DEPTH_MAX   100
#define STEPS_MAX   50000000 /* instructions in one search: well below a second */

enum op { OP_CHAR, OP_ANY, OP_ANY_NOT_NL, OP_CLASS, OP_SPLIT, OP_JUMP, OP_ASSERT, OP_MATCH };
enum assert_kind {
    AT_TEXT_START,
    AT_TEXT_END,
    AT_LINE_START,
    AT_LINE_END,
    AT_WORD_BOUNDARY,
    AT_NO_WORD_BOUNDARY
};

struct instruction {
    uint8_t op;
    bool negated; /* of a class */
    bool fold;    /* of a character or class: case does not count */
    uint32_t x,
        y; /* char: x; split: both targets; jump: x; class: first range and count; assert: kind */
};
struct range {
    uint32_t low, high;
};

struct regexp {
    struct instruction *program;
    uint32_t n, cap;
    struct range *ranges;
    uint32_t n_ranges, cap_ranges;
};

struct parser {
    struct regexp *r;
    const char *at, *end;
    int depth;
    bool fold, dot_nl, multi; /* (?i) (?s) (?m) */
    struct err **err;
};

void regexp_free(struct regexp *r)
{
    if (!r)
        return;
    mem_free(r->program);
    mem_free(r->ranges);
    mem_free(r);
}

/* --- emitting ------------------------------------------------------------------------------- */

static int emit(struct parser *p, struct instruction i)
{
    struct regexp *r = p->r;
    if (r->n >= PROGRAM_MAX)
        return err_set(p->err, -E2BIG, "regular expression is too large");
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 32;
        r->program = mem_realloc(r->program, r->cap * sizeof(*r->program));
    }
    r->program[r->n++] = i;
    return 0;
}

static int range_add(struct parser *p, uint32_t low, uint32_t high)
{
    struct regexp *r = p->r;
    if (r->n_ranges >= RANGES_MAX)
        return err_set(p->err, -E2BIG, "regular expression has too many character ranges");
    if (r->n_ranges == r->cap_ranges) {
        r->cap_ranges = r->cap_ranges ? r->cap_ranges * 2 : 32;
        r->ranges = mem_realloc(r->ranges, r->cap_ranges * sizeof(*r->ranges));
    }
    r->ranges[r->n_ranges++] = (struct range){low, high};
    return 0;
}

/* Opens a gap for one instruction at `at`; targets behind it move along. */
static int insert(struct parser *p, uint32_t at, struct instruction i)
{
    int rc = emit(p, i);
    if (rc)
        return rc;
    struct regexp *r = p->r;
    memmove(&r->program[at + 1], &r->program[at], (r->n - 1 - at) * sizeof(*r->program));
    r->program[at] = i;
    for (uint32_t k = at + 1; k < r->n; k++) {
        struct instruction *in = &r->program[k];
        if (in->op == OP_SPLIT || in->op == OP_JUMP)
            in->x += in->x >= at ? 1 : 0;
        if (in->op == OP_SPLIT)
            in->y += in->y >= at ? 1 : 0;
    }
    return 0;
}

/* Another copy of the instructions [from, to) at the end. */
static int duplicate(struct parser *p, uint32_t from, uint32_t to)
{
    uint32_t shift = p->r->n - from;
    for (uint32_t k = from; k < to; k++) {
        struct instruction i = p->r->program[k];
        if (i.op == OP_SPLIT || i.op == OP_JUMP)
            i.x += shift;
        if (i.op == OP_SPLIT)
            i.y += shift;
        int rc = emit(p, i);
        if (rc)
            return rc;
    }
    return 0;
}

/* --- characters ----------------------------------------------------------------------------- */

/* The next code point; a broken byte is U+FFFD of width one. */
static uint32_t decode(const char *s, size_t left, size_t *ret_width)
{
    unsigned char c = (unsigned char)s[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xf0 && c < 0xf8 ? 4
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xc2 && c < 0xe0 ? 2
                                       : 0;
    *ret_width = 1;
    if (n == 1)
        return c;
    if (n == 0 || n > left)
        return 0xfffd;
    uint32_t v = c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        unsigned char d = (unsigned char)s[i];
        if ((d & 0xc0) != 0x80)
            return 0xfffd;
        v = v << 6 | (d & 0x3f);
    }
    *ret_width = n;
    return v;
}

static uint32_t take(struct parser *p)
{
    size_t width;
    uint32_t c = decode(p->at, (size_t)(p->end - p->at), &width);
    p->at += width;
    return c;
}

static bool more(const struct parser *p)
{
    return p->at < p->end;
}

static bool peek(const struct parser *p, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(p->end - p->at) >= n && memcmp(p->at, text, n) == 0;
}

static bool accept(struct parser *p, const char *text)
{
    if (!peek(p, text))
        return false;
    p->at += strlen(text);
    return true;
}

static int wrong(struct parser *p, int code, const char *what)
{
    return err_set(p->err, code, "regular expression: %s", what);
}

/* --- classes -------------------------------------------------------------------------------- */

struct set_name {
    const char *name;
    const struct range *ranges;
    size_t n;
};
static const struct range set_digit[] = {{'0', '9'}};
static const struct range set_space[] = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
static const struct range set_posix_space[] = {{'\t', '\r'}, {' ', ' '}};
static const struct range set_word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct range set_alnum[] = {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
static const struct range set_alpha[] = {{'A', 'Z'}, {'a', 'z'}};
static const struct range set_ascii[] = {{0, 127}};
static const struct range set_blank[] = {{'\t', '\t'}, {' ', ' '}};
static const struct range set_cntrl[] = {{0, 31}, {127, 127}};
static const struct range set_graph[] = {{'!', '~'}};
static const struct range set_lower[] = {{'a', 'z'}};
static const struct range set_print[] = {{' ', '~'}};
static const struct range set_punct[] = {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
static const struct range set_upper[] = {{'A', 'Z'}};
static const struct range set_xdigit[] = {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};

#define SET(n, s)                                                                                  \
    {                                                                                              \
        n, s, ARRAY_LEN(s)                                                                         \
    }
static const struct set_name posix_sets[] = {
    SET("alnum", set_alnum), SET("alpha", set_alpha),       SET("ascii", set_ascii),
    SET("blank", set_blank), SET("cntrl", set_cntrl),       SET("digit", set_digit),
    SET("graph", set_graph), SET("lower", set_lower),       SET("print", set_print),
    SET("punct", set_punct), SET("space", set_posix_space), SET("upper", set_upper),
    SET("word", set_word),   SET("xdigit", set_xdigit),
};
static const struct set_name perl_sets[] = {SET("d", set_digit), SET("s", set_space),
                                            SET("w", set_word)};

static int add_set(struct parser *p, const struct set_name *s, bool negated)
{
    uint32_t next = 0;
    for (size_t i = 0; i < s->n; i++) {
        int rc = 0;
        if (!negated)
            rc = range_add(p, s->ranges[i].low, s->ranges[i].high);
        else if (s->ranges[i].low > next)
            rc = range_add(p, next, s->ranges[i].low - 1);
        if (rc)
            return rc;
        next = s->ranges[i].high + 1;
    }
    return negated ? range_add(p, next, 0x10ffff) : 0;
}

/* \d \D \s \S \w \W at the parser; *ret_found false leaves it where it is. */
static int parse_perl_set(struct parser *p, bool *ret_found)
{
    *ret_found = false;
    if (p->end - p->at < 2 || p->at[0] != '\\')
        return 0;
    char c = p->at[1];
    for (size_t i = 0; i < ARRAY_LEN(perl_sets); i++) {
        char lower = perl_sets[i].name[0];
        if (c != lower && c != lower - 32)
            continue;
        p->at += 2;
        *ret_found = true;
        return add_set(p, &perl_sets[i], c != lower);
    }
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After \x: two digits, or {digits}. */
static int parse_hex(struct parser *p, uint32_t *ret)
{
    uint32_t v = 0;
    size_t digits = 0;
    bool braces = accept(p, "{");
    while (more(p) && hex_value(*p->at) >= 0 && digits < (braces ? 8u : 2u)) {
        v = v << 4 | (uint32_t)hex_value(*p->at++);
        digits++;
    }
    if (digits == 0 || v > 0x10ffff || (!braces && digits != 2) || (braces && !accept(p, "}")))
        return wrong(p, -EINVAL, "bad \\x escape");
    *ret = v;
    return 0;
}

/* A character after the backslash; sets and assertions were tried before. */
static int parse_escape(struct parser *p, uint32_t *ret)
{
    static const char letters[] = "afnrtv", values[] = "\a\f\n\r\t\v";
    if (!more(p))
        return wrong(p, -EINVAL, "trailing backslash");
    uint32_t c = take(p);
    const char *at = c && c < 0x80 ? strchr(letters, (char)c) : NULL;
    if (at) {
        *ret = (uint32_t)values[at - letters];
        return 0;
    }
    if (c == 'x')
        return parse_hex(p, ret);
    if (c == 'p' || c == 'P' || c == 'Q' || c == 'C' || c == 'E')
        return wrong(p, -ENOTSUP, "\\p, \\P, \\Q and \\C are not supported here");
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alnum)
        return wrong(p, -EINVAL, "invalid escape sequence (backreferences do not exist)");
    *ret = c;
    return 0;
}

static int parse_posix_set(struct parser *p, bool *ret_found)
{
    *ret_found = false;
    if (!peek(p, "[:"))
        return 0;
    const char *close = memmem(p->at, (size_t)(p->end - p->at), ":]", 2);
    if (!close)
        return 0;
    const char *name = p->at + 2;
    bool negated = name < close && *name == '^';
    name += negated;
    for (size_t i = 0; i < ARRAY_LEN(posix_sets); i++) {
        if (!str_eq(str_of(posix_sets[i].name), (struct str){name, (size_t)(close - name)}))
            continue;
        p->at = close + 2;
        *ret_found = true;
        return add_set(p, &posix_sets[i], negated);
    }
    return wrong(p, -EINVAL, "invalid character class name");
}

static int parse_class_char(struct parser *p, uint32_t *ret)
{
    if (accept(p, "\\"))
        return parse_escape(p, ret);
    *ret = take(p);
    return 0;
}

/* One member of a class: a set, a character or a range of them. */
static int parse_class_member(struct parser *p)
{
    bool found;
    int rc = parse_perl_set(p, &found);
    if (!rc && !found)
        rc = parse_posix_set(p, &found);
    if (rc || found)
        return rc;
    uint32_t low = 0, high;
    rc = parse_class_char(p, &low);
    if (rc)
        return rc;
    high = low;
    if (peek(p, "-") && p->end - p->at > 1 && p->at[1] != ']') {
        p->at++;
        rc = parse_class_char(p, &high);
        if (rc)
            return rc;
        if (high < low)
            return wrong(p, -EINVAL, "invalid character class range");
    }
    return range_add(p, low, high);
}

/* After '['. */
static int parse_class(struct parser *p)
{
    struct instruction i = {.op = OP_CLASS, .fold = p->fold, .x = p->r->n_ranges};
    i.negated = accept(p, "^");
    bool first = true;
    while (first || !accept(p, "]")) {
        if (!more(p))
            return wrong(p, -EINVAL, "missing closing ]");
        int rc = parse_class_member(p);
        if (rc)
            return rc;
        first = false;
    }
    i.y = p->r->n_ranges - i.x;
    return emit(p, i);
}

/* --- grammar -------------------------------------------------------------------------------- */

static int parse_alternatives(struct parser *p);

static int emit_assert(struct parser *p, enum assert_kind kind)
{
    return emit(p, (struct instruction){.op = OP_ASSERT, .x = kind});
}

/* (?ims-ims) and (?ims:...). The flags of a group end with it. */
static int parse_flags(struct parser *p, bool *ret_group)
{
    bool on = true;
    for (; more(p); p->at++) {
        switch (*p->at) {
        case '-':
            on = false;
            break;
        case 'i':
            p->fold = on;
            break;
        case 's':
            p->dot_nl = on;
            break;
        case 'm':
            p->multi = on;
            break;
        case 'U':
            break; /* greediness does not matter */
        case ':':
        case ')':
            *ret_group = *p->at++ == ':';
            return 0;
        default:
            return wrong(p, -EINVAL, "invalid group syntax after (?");
        }
    }
    return wrong(p, -EINVAL, "missing closing )");
}

/* After '('. */
static int parse_group(struct parser *p)
{
    struct parser saved = *p;
    bool group = true;
    int rc = 0;
    if (++p->depth > DEPTH_MAX)
        return wrong(p, -E2BIG, "nested too deep");
    if (accept(p, "?P<") || accept(p, "?<")) {
        while (more(p) && *p->at != '>')
            p->at++;
        if (!accept(p, ">"))
            return wrong(p, -EINVAL, "invalid named group");
    } else if (accept(p, "?")) {
        rc = parse_flags(p, &group);
    }
    if (rc || !group) { /* (?i) holds for the rest of the enclosing group */
        p->depth--;
        return rc;
    }
    rc = parse_alternatives(p);
    if (rc)
        return rc;
    if (!accept(p, ")"))
        return wrong(p, -EINVAL, "missing closing )");
    p->depth--;
    p->fold = saved.fold;
    p->dot_nl = saved.dot_nl;
    p->multi = saved.multi;
    return 0;
}

static int parse_backslash(struct parser *p)
{
    bool found;
    struct instruction set = {.op = OP_CLASS, .x = p->r->n_ranges};
    int rc = parse_perl_set(p, &found);
    if (rc)
        return rc;
    if (found) {
        set.y = p->r->n_ranges - set.x;
        return emit(p, set);
    }
    if (accept(p, "\\A"))
        return emit_assert(p, AT_TEXT_START);
    if (accept(p, "\\z"))
        return emit_assert(p, AT_TEXT_END);
    if (accept(p, "\\b"))
        return emit_assert(p, AT_WORD_BOUNDARY);
    if (accept(p, "\\B"))
        return emit_assert(p, AT_NO_WORD_BOUNDARY);
    uint32_t c;
    p->at++;
    rc = parse_escape(p, &c);
    return rc ? rc : emit(p, (struct instruction){.op = OP_CHAR, .fold = p->fold, .x = c});
}

static int parse_atom(struct parser *p)
{
    if (peek(p, "\\"))
        return parse_backslash(p);
    uint32_t c = take(p);
    switch (c) {
    case '(':
        return parse_group(p);
    case '[':
        return parse_class(p);
    case '.':
        return emit(p, (struct instruction){.op = p->dot_nl ? OP_ANY : OP_ANY_NOT_NL});
    case '^':
        return emit_assert(p, p->multi ? AT_LINE_START : AT_TEXT_START);
    case '$':
        return emit_assert(p, p->multi ? AT_LINE_END : AT_TEXT_END);
    case '*':
    case '+':
    case '?':
        return wrong(p, -EINVAL, "missing argument to repetition operator");
    default:
        return emit(p, (struct instruction){.op = OP_CHAR, .fold = p->fold, .x = c});
    }
}

static int parse_number(struct parser *p, int64_t *ret)
{
    const char *start = p->at;
    while (more(p) && *p->at >= '0' && *p->at <= '9')
        p->at++;
    struct str digits = {start, (size_t)(p->at - start)};
    return digits.len ? str_to_i64(digits, ret) : -EINVAL;
}

/* {n} {n,} {n,m}; anything else after '{' is a plain character. high -1: no end. */
static bool parse_counts(struct parser *p, int64_t *low, int64_t *high)
{
    const char *start = p->at;
    if (accept(p, "{") && parse_number(p, low) == 0) {
        *high = *low;
        if (accept(p, ",")) {
            *high = -1;
            if (!peek(p, "}") && parse_number(p, high))
                *high = -2;
        }
        if (*high != -2 && accept(p, "}"))
            return true;
    }
    p->at = start;
    return false;
}

/* The instructions from `from` to the end, at least `low` and at most `high` times. */
static int repeat(struct parser *p, uint32_t from, int64_t low, int64_t high)
{
    uint32_t size = p->r->n - from, last = from;
    int rc = 0;
    for (int64_t k = 1; k < low && !rc; k++) {
        last = p->r->n;
        rc = duplicate(p, from, from + size);
    }
    if (rc)
        return rc;
    if (high < 0 && low > 0) { /* x+ : back to the last copy */
        uint32_t here = p->r->n;
        return emit(p, (struct instruction){.op = OP_SPLIT, .x = last, .y = here + 1});
    }
    if (high < 0) { /* x* */
        rc = insert(p, from, (struct instruction){.op = OP_SPLIT, .x = from + 1});
        if (!rc)
            rc = emit(p, (struct instruction){.op = OP_JUMP, .x = from});
        if (!rc)
            p->r->program[from].y = p->r->n;
        return rc;
    }
    if (high == 0) { /* x{0} matches the empty text */
        p->r->n = from;
        return 0;
    }
    int64_t optional = high - low;
    if (low == 0) { /* the first copy is optional itself */
        rc = insert(p, from, (struct instruction){.op = OP_SPLIT, .x = from + 1});
        if (!rc)
            p->r->program[from].y = p->r->n;
        from++;
        optional--;
    }
    for (; optional > 0 && !rc; optional--) {
        uint32_t split = p->r->n;
        rc = emit(p, (struct instruction){.op = OP_SPLIT, .x = split + 1});
        if (!rc)
            rc = duplicate(p, from, from + size);
        if (!rc)
            p->r->program[split].y = p->r->n;
    }
    return rc;
}

static int parse_repetition(struct parser *p, uint32_t from)
{
    int64_t low = 1, high = 1;
    bool seen = false;
    for (;;) {
        if (accept(p, "*"))
            low = 0, high = -1;
        else if (accept(p, "+"))
            low = 1, high = -1;
        else if (accept(p, "?"))
            low = 0, high = 1;
        else if (!peek(p, "{") || !parse_counts(p, &low, &high))
            return 0;
        if (seen)
            return wrong(p, -EINVAL, "invalid nested repetition operator");
        if (low > REPEAT_MAX || high > REPEAT_MAX || (high >= 0 && high < low))
            return wrong(p, -EINVAL, "invalid repeat count");
        seen = true;
        accept(p, "?"); /* lazy: the same set of texts */
        int rc = repeat(p, from, low, high);
        if (rc)
            return rc;
    }
}

static int parse_sequence(struct parser *p)
{
    while (more(p) && !peek(p, "|") && !peek(p, ")")) {
        uint32_t from = p->r->n;
        int rc = parse_atom(p);
        if (!rc)
            rc = parse_repetition(p, from);
        if (rc)
            return rc;
    }
    return 0;
}

/* a|b|c as split a, jump end; split b, jump end; c. The jumps wait in a chain for the end. */
static int parse_alternatives(struct parser *p)
{
    uint32_t chain = UINT32_MAX;
    for (;;) {
        uint32_t from = p->r->n;
        int rc = parse_sequence(p);
        if (!rc && !accept(p, "|"))
            break;
        if (!rc)
            rc = insert(p, from, (struct instruction){.op = OP_SPLIT, .x = from + 1});
        if (!rc)
            rc = emit(p, (struct instruction){.op = OP_JUMP, .x = chain});
        if (rc)
            return rc;
        chain = p->r->n - 1;
        p->r->program[from].y = p->r->n;
    }
    while (chain != UINT32_MAX) {
        uint32_t next = p->r->program[chain].x;
        p->r->program[chain].x = p->r->n;
        chain = next;
    }
    return 0;
}

int regexp_compile(const char *pattern, struct regexp **ret, struct err **err)
{
    struct regexp *r = mem_new(struct regexp);
    struct parser p = {.r = r, .at = pattern, .end = pattern + strlen(pattern), .err = err};
    int rc = parse_alternatives(&p);
    if (!rc && more(&p))
        rc = wrong(&p, -EINVAL, "unexpected )");
    if (!rc)
        rc = emit(&p, (struct instruction){.op = OP_MATCH});
    if (rc) {
        regexp_free(r);
        return rc;
    }
    *ret = r;
    return 0;
}

/* --- matching ------------------------------------------------------------------------------- */

/* The instructions alive at one place of the text: each at most once. */
struct threads {
    uint32_t *list, *place;
    uint32_t n;
};

struct search {
    const struct regexp *r;
    const char *text;
    size_t len, at;
    int64_t steps;
    bool matched;
    uint32_t *stack;
};

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

static bool assert_holds(const struct search *s, enum assert_kind kind)
{
    bool start = s->at == 0, end = s->at == s->len;
    bool before = !start && is_word((unsigned char)s->text[s->at - 1]);
    bool after = !end && is_word((unsigned char)s->text[s->at]);
    switch (kind) {
    case AT_TEXT_START:
        return start;
    case AT_TEXT_END:
        return end;
    case AT_LINE_START:
        return start || s->text[s->at - 1] == '\n';
    case AT_LINE_END:
        return end || s->text[s->at] == '\n';
    case AT_WORD_BOUNDARY:
        return before != after;
    case AT_NO_WORD_BOUNDARY:
        return before == after;
    }
    return false;
}

static bool threads_has(const struct threads *t, uint32_t i)
{
    return t->place[i] < t->n && t->list[t->place[i]] == i;
}

/* Adds an instruction and all it leads to without reading a character. */
static void follow(struct search *s, struct threads *t, uint32_t first)
{
    size_t n = 0;
    s->stack[n++] = first;
    while (n > 0) {
        uint32_t i = s->stack[--n];
        if (threads_has(t, i))
            continue;
        s->steps++;
        t->place[i] = t->n;
        t->list[t->n++] = i;
        const struct instruction *in = &s->r->program[i];
        if (in->op == OP_JUMP)
            s->stack[n++] = in->x;
        else if (in->op == OP_ASSERT && assert_holds(s, (enum assert_kind)in->x))
            s->stack[n++] = i + 1;
        else if (in->op == OP_MATCH)
            s->matched = true;
        if (in->op == OP_SPLIT) {
            s->stack[n++] = in->y;
            s->stack[n++] = in->x;
        }
    }
}

static uint32_t fold(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool class_has(const struct regexp *r, const struct instruction *in, uint32_t c)
{
    uint32_t other = c;
    if (in->fold && c < 0x80)
        other = fold(c) == c && c >= 'a' && c <= 'z' ? c - 32 : fold(c);
    for (uint32_t k = in->x; k < in->x + in->y; k++) {
        const struct range *g = &r->ranges[k];
        if ((c >= g->low && c <= g->high) || (other >= g->low && other <= g->high))
            return !in->negated;
    }
    return in->negated;
}

static bool reads(const struct regexp *r, const struct instruction *in, uint32_t c)
{
    switch ((enum op)in->op) {
    case OP_CHAR:
        return in->x == c || (in->fold && fold(in->x) == fold(c));
    case OP_ANY:
        return true;
    case OP_ANY_NOT_NL:
        return c != '\n';
    case OP_CLASS:
        return class_has(r, in, c);
    default:
        return false;
    }
}

bool regexp_matches(const struct regexp *r, const char *text, size_t len, int64_t *steps)
{
    uint32_t *memory = mem_calloc((size_t)r->n * 6 + 4, sizeof(uint32_t));
    struct threads now = {.list = memory, .place = memory + r->n};
    struct threads next = {.list = memory + 2 * r->n, .place = memory + 3 * r->n};
    struct search s = {.r = r, .text = text, .len = len, .stack = memory + 4 * r->n};
    /* A match may start anywhere: the first instruction is added again at each place. */
    follow(&s, &now, 0);
    while (!s.matched && s.at < len && s.steps < STEPS_MAX) {
        size_t width;
        uint32_t c = decode(text + s.at, len - s.at, &width);
        s.at += width;
        next.n = 0;
        for (uint32_t k = 0; k < now.n && !s.matched; k++) {
            s.steps++;
            if (reads(r, &r->program[now.list[k]], c))
                follow(&s, &next, now.list[k] + 1);
        }
        if (!s.matched)
            follow(&s, &next, 0);
        struct threads swap = now;
        now = next;
        next = swap;
    }
    mem_free(memory);
    if (steps)
        *steps += s.steps;
    return s.matched;
}
