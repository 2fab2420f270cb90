/* SPDX-License-Identifier: Apache-2.0 */
/* The frame table: both directions, missing and wrong members, bounds, secrets, and damaged bytes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/frames.h"

static void check_fails(const char *text, bool from_host, int code, const char *sentence)
{
    struct frame f;
    struct err *err = NULL;
    assert_int_equal(frame_decode(str_of(text), from_host, &f, &err), code);
    assert_string_equal(err_text(err), sentence);
    err_free(err);
}

static void test_good_ones(void **state)
{
    (void)state;
    struct frame f;
    assert_int_equal(
        frame_decode(STR("{\"type\":\"cancel\",\"id\":\"18446744073709551615\"}"), true, &f, NULL),
        0);
    assert_int_equal(f.type, FRAME_CANCEL);
    assert_true(f.id == UINT64_MAX);
    frame_done(&f);
    assert_int_equal(
        frame_decode(
            STR("{\"id\":\"7\",\"type\":\"done\",\"class\":3,\"reason\":\"\",\"message\":\"\","
                "\"results\":{\"a\":\"b\"},\"more\":[1]}"),
            false, &f, NULL),
        0);
    assert_int_equal(f.type, FRAME_DONE);
    assert_string_equal(json_str(f.body, "results", "a"), "b");
    frame_done(&f);
}

static void test_bad_ones(void **state)
{
    (void)state;
    check_fails("", true, -EINVAL, "frame: JSON: want a document, found nothing");
    check_fails("[]", true, -EINVAL, "frame: want an object");
    check_fails("{}", true, -EINVAL, "frame: type: want a text, found nothing");
    check_fails("{\"type\":\"dance\"}", true, -EINVAL,
                "frame: type: \"dance\" is not one that comes from the host");
    check_fails("{\"type\":\"role\"}", true, -EINVAL,
                "frame: type: \"role\" is not one that comes from the host");
    check_fails("{\"type\":\"hello\"}", false, -EINVAL,
                "frame: type: \"hello\" is not one that comes from the plugin's process");
    check_fails("{\"type\":\"spec\",\"instance\":\"a\"}", true, -EINVAL,
                "frame spec: spec: want an object");
    check_fails("{\"type\":\"spec\",\"instance\":1,\"spec\":{}}", true, -EINVAL,
                "frame spec: instance: want a text");
    check_fails("{\"type\":\"cancel\",\"id\":7}", true, -EINVAL,
                "frame cancel: id: want an operation number as text");
    check_fails("{\"type\":\"cancel\",\"id\":\"-7\"}", true, -EINVAL,
                "frame cancel: id: want an operation number as text");
    check_fails("{\"type\":\"state\",\"stuck\":1.5,\"message\":\"\"}", false, -EINVAL,
                "frame state: stuck: want a whole number");
    check_fails("{\"type\":\"state\",\"stuck\":-1,\"message\":\"\"}", false, -EINVAL,
                "frame state: stuck: want a whole number");
}

static void test_too_large(void **state)
{
    (void)state;
    struct frame f;
    struct err *err = NULL;
    struct str huge = {"", FRAME_MAX + 1}; /* refused before a byte is read */
    assert_int_equal(frame_decode(huge, true, &f, &err), -E2BIG);
    err_free(err);
}

static void test_secrets_are_overwritten(void **state)
{
    (void)state;
    static const char text[] =
        "{\"type\":\"spec\",\"instance\":\"a\",\"spec\":{\"secrets\":{\"r\":\"hidden\"}},"
        "\"secrets\":{\"q\":\"hidden\"}}";
    struct frame f;
    assert_int_equal(frame_decode(str_of(text), true, &f, NULL), 0);
    frame_wipe(f.body);
    AUTO(mem_freep) char *after = json_print(f.body);
    assert_null(strstr(after, "hidden"));
    assert_string_equal(json_str(f.body, "instance"), "a");
    frame_done(&f);
}

/* Every single-byte change of a good frame either decodes to a checked frame or is refused with a
 * sentence. */
static void test_damaged_bytes(void **state)
{
    (void)state;
    static const char good[] =
        "{\"type\":\"call\",\"id\":\"7\",\"hook\":\"wire\",\"attempt\":1,\"view\":{\"cluster\":"
        "\"c\",\"components\":[{\"name\":\"a\"}]},\"args\":{\"k\":\"v\"}}";
    unsigned refused = 0;
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        for (unsigned c = 0; c < 256; c += 7) {
            char text[sizeof(good)];
            struct frame f;
            struct err *err = NULL;
            memcpy(text, good, sizeof(good));
            text[at] = (char)c;
            if (frame_decode((struct str){text, sizeof(good) - 1}, true, &f, &err) < 0) {
                refused++;
                assert_true(err_text(err)[0] != '\0');
                err_free(err);
                continue;
            }
            assert_int_equal(f.type, FRAME_CALL);
            assert_non_null(json_str(f.body, "hook"));
            frame_done(&f);
        }
    }
    assert_true(refused > 1000);
}

static void test_names_and_ids(void **state)
{
    (void)state;
    for (int i = 0; i < FRAME_TYPES; i++) {
        AUTO(json_freep) cJSON *msg = frame_new((enum frame_type)i);
        assert_string_equal(json_str(msg, "type"), frame_type_name((enum frame_type)i));
        frame_put_id(msg, UINT64_MAX);
        assert_string_equal(json_str(msg, "id"), "18446744073709551615");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),     cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_too_large),     cmocka_unit_test(test_secrets_are_overwritten),
        cmocka_unit_test(test_damaged_bytes), cmocka_unit_test(test_names_and_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
