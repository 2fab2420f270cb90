/* SPDX-License-Identifier: Apache-2.0 */
/* Shape and alphabet of random names, and that every letter of the alphabet really occurs. */
#include "unit/cm.h"

#include <string.h>

#include "base/ids.h"
#include "base/map.h"

static void uuids(void **state)
{
    (void)state;
    AUTO(map_done) struct map seen = MAP_INIT;
    for (int i = 0; i < 1000; i++) {
        char id[IDS_UUID_MAX];
        ids_uuid(id);
        assert_int_equal(strlen(id), 36);
        assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
        assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
        assert_null(map_set(&seen, id, &seen));
    }
}

static void alphabet_is_used(const char *(*make)(char *, size_t), const char *alphabet)
{
    char text[20001];
    size_t count[256] = {0};
    make(text, 20000);
    assert_int_equal(strlen(text), 20000);
    assert_int_equal(strspn(text, alphabet), 20000);
    for (const char *p = text; *p; p++)
        count[(unsigned char)*p]++;
    for (const char *p = alphabet; *p; p++) {
        /* Far outside of chance for a fair pick, close enough to notice a modulo that favours
         * letters. */
        size_t fair = 20000 / strlen(alphabet);
        assert_in_range(count[(unsigned char)*p], fair * 2 / 3, fair * 3 / 2);
    }
}

static void alphabets(void **state)
{
    (void)state;
    alphabet_is_used(ids_suffix, "bcdfghjklmnpqrstvwxz2456789");
    alphabet_is_used(ids_token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    char none[1] = {'x'};
    assert_string_equal(ids_suffix(none, 0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(uuids), cmocka_unit_test(alphabets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
