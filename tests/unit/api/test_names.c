/* SPDX-License-Identifier: Apache-2.0 */
/* Derived names, passwords and conditions. */
#include "unit/cm.h"

#include <string.h>

#include "api/conditions.h"
#include "api/names.h"

static void names(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
    assert_string_equal(name_component(a, "orders", "db"), "orders-db");
    assert_string_equal(name_headless(a, "orders", "db"), "orders-db-headless");
    assert_string_equal(name_service(a, "orders", "db", "main"), "orders-db-main");
    assert_string_equal(name_service(a, "orders", "db", ""), "orders-db");
    assert_string_equal(name_cluster_service(a, "orders", NULL), "orders");
    assert_string_equal(name_pod_service(a, "orders-db-each", 3), "orders-db-each-3");
    assert_string_equal(name_account(a, "orders", "db", "root"), "orders-db-account-root");
    assert_string_equal(name_pvc(a, "data", "orders-db-0"), "data-orders-db-0");
    assert_string_equal(name_instance(a, "orders-db", "", 7), "orders-db-7");
    assert_string_equal(name_instance(a, "orders-db", "big", 0), "orders-db-big-0");
    assert_int_equal(name_ordinal("orders-db-12"), 12);
    assert_int_equal(name_ordinal("orders-db"), -1);
    assert_int_equal(name_ordinal("orders-db--1"), 1);
    assert_int_equal(name_ordinal(NULL), -1);
}

static size_t count_in(const char *text, const char *alphabet)
{
    size_t n = 0;
    for (; *text; text++)
        n += strchr(alphabet, *text) != NULL;
    return n;
}

static char *make(const char *config, unsigned char first)
{
    unsigned char random[PASSWORD_RANDOM] = {first};
    AUTO(json_freep) cJSON *c = config ? cJSON_Parse(config) : NULL;
    struct buf b = BUF_INIT(256);
    assert_int_equal(password_make(c, random, &b, NULL), 0);
    return buf_take(&b);
}

static void passwords(void **state)
{
    (void)state;
    AUTO(mem_freep) char *plain = make(NULL, 1), *same = make(NULL, 1), *other = make(NULL, 2);
    assert_int_equal(strlen(plain), 16);
    assert_int_equal(count_in(plain, "0123456789"), 4);
    assert_string_equal(plain, same);
    assert_string_not_equal(plain, other);
    AUTO(mem_freep)
    char *odd = make("{\"length\":24,\"numDigits\":8,\"numSymbols\":2,\"symbolCharacters\":\"%\","
                     "\"letterCase\":\"LowerCases\"}",
                     9);
    assert_int_equal(strlen(odd), 24);
    assert_int_equal(count_in(odd, "0123456789"), 8);
    assert_int_equal(count_in(odd, "%"), 2);
    assert_int_equal(count_in(odd, "abcdefghijklmnopqrstuvwxyz"), 14);
    AUTO(mem_freep) char *seed1 = make("{\"seed\":\"x\"}", 1), *seed2 = make("{\"seed\":\"x\"}", 2);
    assert_string_equal(seed1, seed2);
    /* The value is a contract: a seed gives the same password on every build. */
    AUTO(mem_freep)
    char *upper = make("{\"seed\":\"x\",\"letterCase\":\"UpperCases\",\"numDigits\":0}", 1);
    assert_int_equal(count_in(upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 16);
}

static void password_refused(void **state)
{
    (void)state;
    unsigned char random[PASSWORD_RANDOM] = {0};
    static const char *const BAD[] = {"{\"length\":7}", "{\"length\":33}",
                                      "{\"length\":8,\"numDigits\":8,\"numSymbols\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        AUTO(json_freep) cJSON *c = cJSON_Parse(BAD[i]);
        AUTO(err_freep) struct err *err = NULL;
        struct buf b = BUF_INIT(256);
        assert_true(password_make(c, random, &b, &err) < 0);
        assert_non_null(strstr(err_text(err), "passwordConfig"));
        buf_done(&b);
    }
}

static void conditions(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *list = cJSON_CreateArray();
    condition_set(list, "Ready", CONDITION_FALSE, "Waiting", "w", 1, "t1");
    condition_set(list, "Other", CONDITION_TRUE, "", NULL, 1, "t1");
    condition_set(list, "Ready", CONDITION_FALSE, "StillWaiting", "w", 2, "t2");
    const cJSON *ready = json_find(list, "type", "Ready");
    assert_string_equal(json_str(ready, "lastTransitionTime"), "t1");
    assert_string_equal(json_str(ready, "reason"), "StillWaiting");
    assert_int_equal(json_int(0, ready, "observedGeneration"), 2);
    condition_set(list, "Ready", CONDITION_TRUE, "Done", "", 2, "t3");
    assert_string_equal(json_str(ready, "lastTransitionTime"), "t3");
    assert_int_equal(cJSON_GetArraySize(list), 2);
    condition_remove(list, "Ready");
    condition_remove(list, "Absent");
    assert_int_equal(cJSON_GetArraySize(list), 1);
    AUTO(json_freep) cJSON *o = cJSON_CreateObject();
    json_put(o, TAKE(list), "status", "conditions");
    assert_true(condition_is(o, "Other", CONDITION_TRUE));
    assert_false(condition_is(o, "Ready", CONDITION_TRUE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(passwords),
        cmocka_unit_test(password_refused),
        cmocka_unit_test(conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
