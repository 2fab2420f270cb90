/* SPDX-License-Identifier: Apache-2.0 */
/* Views, numbers, the bounded builder, base64. */
#include "unit/cm.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

static void compare(void **state)
{
    (void)state;
    assert_true(str_eq(STR("ab"), str_of("ab")));
    assert_false(str_eq(STR("ab"), STR("abc")));
    assert_true(str_eq(str_of(NULL), STR("")));
    assert_true(str_starts("abc", "ab"));
    assert_false(str_starts("a", "ab"));
    assert_false(str_starts(NULL, ""));
    assert_true(str_ends("x.cfg", ".cfg"));
    assert_false(str_ends("cfg", ".cfg"));
    assert_true(streq(NULL, NULL));
    assert_false(streq("a", NULL));
    assert_true(str_eq(str_trim(STR(" \ta b\r\n")), STR("a b")));
    assert_int_equal(str_trim(STR("  ")).len, 0);
}

static void split_is(const char *text, const char *joined)
{
    AUTO(buf_done) struct buf b = BUF_INIT(100);
    struct str s = str_of(text), piece;
    while (str_split(&s, ',', &piece)) {
        buf_addc(&b, '<');
        buf_add(&b, piece.ptr, piece.len);
        buf_addc(&b, '>');
    }
    assert_string_equal(buf_str(&b), joined);
}

static void split(void **state)
{
    (void)state;
    split_is("a,b,c", "<a><b><c>");
    split_is("a,,b", "<a><><b>");
    split_is(",", "<><>");
    split_is("", "<>");
    split_is(NULL, "");
}

static void numbers(void **state)
{
    (void)state;
    int64_t i = 77;
    uint64_t u = 77;
    assert_int_equal(str_to_i64(STR("-9223372036854775808"), &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(str_to_i64(STR("9223372036854775807"), &i), 0);
    assert_true(i == INT64_MAX);
    assert_int_equal(str_to_i64(STR("9223372036854775808"), &i), -ERANGE);
    assert_int_equal(str_to_i64(STR("-9223372036854775809"), &i), -ERANGE);
    assert_int_equal(str_to_i64(STR(""), &i), -EINVAL);
    assert_int_equal(str_to_i64(STR("-"), &i), -EINVAL);
    assert_int_equal(str_to_i64(STR("1x"), &i), -EINVAL);
    assert_int_equal(str_to_i64(STR(" 1"), &i), -EINVAL);
    assert_true(i == INT64_MAX); /* untouched on failure */
    assert_int_equal(str_to_u64(STR("18446744073709551615"), &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(str_to_u64(STR("18446744073709551616"), &u), -ERANGE);
    assert_int_equal(str_to_u64(STR("-1"), &u), -EINVAL);
}

static void builder(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT(10);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_adds(&b, "12345"), 0);
    assert_int_equal(buf_addf(&b, "%d", 678), 0);
    assert_int_equal(buf_adds(&b, NULL), 0);
    assert_int_equal(buf_adds(&b, "xyz"), -ENOBUFS);
    assert_true(b.overflow);
    assert_string_equal(buf_str(&b), "12345678");
    assert_int_equal(buf_adds(&b, "90"), 0); /* exactly full */
    assert_int_equal(buf_addc(&b, '!'), -ENOBUFS);
    buf_drop(&b, 3);
    assert_string_equal(buf_str(&b), "4567890");
    buf_cut(&b, 2);
    assert_string_equal(buf_str(&b), "45");
    AUTO(mem_freep) char *taken = buf_take(&b);
    assert_string_equal(taken, "45");
    assert_int_equal(b.len, 0);
    assert_false(b.overflow);
    AUTO(mem_freep) char *empty = buf_take(&b);
    assert_string_equal(empty, "");
}

static void builder_long_format(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT(2000), c = BUF_INIT(2000);
    char big[700];
    memset(big, 'q', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(buf_addf(&b, "[%s]", big), 0);
    assert_int_equal(b.len, 701);
    assert_int_equal(strlen(b.ptr), 701);
    buf_addb(&c, &b);
    assert_int_equal(buf_addf(&c, "%s%s", big, big), -ENOBUFS);
    assert_int_equal(c.len, 701);
}

static void base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        AUTO(buf_done) struct buf in = BUF_INIT(100), out = BUF_INIT(100);
        buf_add_base64(&in, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(buf_str(&in), pairs[i][1]);
        assert_int_equal(base64_decode(str_of(pairs[i][1]), &out), 0);
        assert_string_equal(buf_str(&out), pairs[i][0]);
    }
    static const char *const bad[] = {"Zg=",   "Zg",   "Z===", "Zg==Zg==", "Zm9v\n",
                                      "Z m8=", "Zh==", "Zm9=", "===="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(buf_done) struct buf out = BUF_INIT(100);
        assert_int_equal(base64_decode(str_of(bad[i]), &out), -EINVAL);
        assert_int_equal(out.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare),
        cmocka_unit_test(split),
        cmocka_unit_test(numbers),
        cmocka_unit_test(builder),
        cmocka_unit_test(builder_long_format),
        cmocka_unit_test(base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
