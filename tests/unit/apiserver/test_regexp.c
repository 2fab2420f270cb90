/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns as CRDs use them: what matches, what is refused, and that no pattern takes long. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/regexp.h"
#include "base/clock.h"

struct row {
    const char *pattern, *text;
    bool matches;
};

static const struct row rows[] = {
    {"", "anything", true},
    {"b", "abc", true},
    {"^b", "abc", false},
    {"c$", "abc", true},
    {"b$", "abc", false},
    {"^[a-z]+$", "abc", true},
    {"^[a-z]+$", "aBc", false},
    {"^[a-z]+$", "", false},
    {"^a*b*$", "aabbb", true},
    {"^a*b*$", "aba", false},
    {"^(a|b|c|dd)+$", "abddc", true},
    {"^(a|b|c|dd)+$", "abd", false},
    {"^(|a)$", "", true},
    {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "a-b.c1", true},
    {"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "a-.c", false},
    {"^\\d{3}$", "123", true},
    {"^\\d{3}$", "12", false},
    {"^\\d{2,}$", "12345", true},
    {"^\\d{2,}$", "1", false},
    {"^x{2,4}$", "xxx", true},
    {"^x{2,4}$", "xxxxx", false},
    {"^x{0,2}$", "", true},
    {"^x{0,2}$", "xxx", false},
    {"^x{0}y$", "y", true},
    {"^x{0}y$", "xy", false},
    {"^(ab){2}$", "abab", true},
    {"^(ab?){2,3}c$", "abaac", true},
    {"a{,2}", "a{,2}", true},
    {"^[^/]+$", "a/b", false},
    {"^[]a]+$", "]a", true},
    {"^[a-]+$", "a-", true},
    {"^[\\w.-]+$", "a_1.b-c", true},
    {"^[\\D]$", "7", false},
    {"^\\S+\\s\\S+$", "a b", true},
    {"^[[:alpha:]]+$", "abC", true},
    {"^[[:^digit:]]+$", "ab1", false},
    {"(?i)^hello$", "HeLLo", true},
    {"^(?i:he)llo$", "HELLO", false},
    {"(?i)^[a-c]+$", "ABC", true},
    {"^a.c$", "a\nc", false},
    {"(?s)^a.c$", "a\nc", true},
    {"(?m)^b$", "a\nb\nc", true},
    {"\\bword\\b", "a word here", true},
    {"\\bword\\b", "swordfish", false},
    {"^\\x41\\x{1F600}$", "A\xf0\x9f\x98\x80", true},
    {"^.$", "\xc3\xa9", true},
    {"^\xc3\xa9+$", "\xc3\xa9\xc3\xa9", true},
    {"^(?P<n>a)(?:b)$", "ab", true},
    {"^a+?b*?$", "aab", true},
    {"^((a*)*)*$", "aaaa", true},
    {"^[0-9]+(\\.[0-9]+)?(Mi|Gi|Ti)?$", "1.5Gi", true},
    {"\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\^\\$\\\\", ".*+?()[]{}|^$\\", true},
};

static void test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct regexp *r = NULL;
        struct err *err AUTO(err_freep) = NULL;
        if (regexp_compile(rows[i].pattern, &r, &err))
            fail_msg("%s: %s", rows[i].pattern, err_text(err));
        if (regexp_matches(r, rows[i].text, strlen(rows[i].text), NULL) != rows[i].matches)
            fail_msg("/%s/ on \"%s\": want %d", rows[i].pattern, rows[i].text, rows[i].matches);
        regexp_free(r);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *pattern;
        int code;
    } bad[] = {
        {"(", -EINVAL},
        {")", -EINVAL},
        {"a(b", -EINVAL},
        {"[a", -EINVAL},
        {"[z-a]", -EINVAL},
        {"*a", -EINVAL},
        {"a**", -EINVAL},
        {"\\", -EINVAL},
        {"(?<n", -EINVAL},
        {"\\1", -EINVAL},
        {"(?=a)", -EINVAL},
        {"a{2,1}", -EINVAL},
        {"a{1001}", -EINVAL},
        {"\\p{L}", -ENOTSUP},
        {"[[:nope:]]", -EINVAL},
        {"\\xZZ", -EINVAL},
        {"(a{900}){900}", -E2BIG},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct regexp *r = NULL;
        struct err *err AUTO(err_freep) = NULL;
        int rc = regexp_compile(bad[i].pattern, &r, &err);
        if (rc != bad[i].code)
            fail_msg("%s: want %d, got %d (%s)", bad[i].pattern, bad[i].code, rc, err_text(err));
        assert_true(strlen(err_text(err)) > 10);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char pattern[1024];
    memset(pattern, '(', 200);
    pattern[200] = '\0';
    struct regexp *r = NULL;
    assert_int_equal(regexp_compile(pattern, &r, NULL), -E2BIG);
    /* Many alternatives are not deep. */
    size_t n = 0;
    for (int i = 0; i < 300; i++)
        n += (size_t)snprintf(pattern + n, sizeof(pattern) - n, "%c|", 'a' + i % 26);
    snprintf(pattern + n, sizeof(pattern) - n, "(zz)");
    assert_int_equal(regexp_compile(pattern, &r, NULL), 0);
    assert_true(regexp_matches(r, "zz", 2, NULL));
    regexp_free(r);
}

/* The classic that takes backtracking matchers for ever: here it is linear. */
static void test_no_explosion(void **state)
{
    (void)state;
    char text[2001];
    memset(text, 'a', 2000);
    text[2000] = '\0';
    struct regexp *r = NULL;
    assert_int_equal(regexp_compile("^(a+)+$|(a|aa)*b", &r, NULL), 0);
    text[1999] = '!';
    uint64_t start = clock_mono_ms();
    assert_false(regexp_matches(r, text, 2000, NULL));
    assert_true(clock_mono_ms() - start < 5000);
    regexp_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_no_explosion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
