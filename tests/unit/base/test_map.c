/* SPDX-License-Identifier: Apache-2.0 */
/* The string map against a plain array, and the intrusive list. */
#include "unit/cm.h"

#include <stdio.h>

#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

static void basics(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT;
    int a = 1, b = 2;
    assert_null(map_get(&m, "x"));
    assert_null(map_del(&m, "x"));
    assert_null(map_set(&m, "x", &a));
    assert_ptr_equal(map_set(&m, "x", &b), &a);
    assert_ptr_equal(map_get(&m, "x"), &b);
    assert_null(map_get(&m, NULL));
    assert_int_equal(map_len(&m), 1);
    assert_ptr_equal(map_del(&m, "x"), &b);
    assert_int_equal(map_len(&m), 0);
}

/* A fixed pseudo-random sequence of sets and deletes; the array is the truth. */
static void against_array(void **state)
{
    (void)state;
    enum { N = 700 };
    AUTO(map_done) struct map m = MAP_INIT;
    static int values[N];
    bool in[N] = {false};
    size_t live = 0;
    uint32_t seed = 12345;
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        size_t i = (seed >> 8) % N;
        char key[32];
        snprintf(key, sizeof(key), "key-%zu", i);
        if ((seed >> 24) % 3) {
            assert_ptr_equal(map_set(&m, key, &values[i]), in[i] ? &values[i] : NULL);
            live += !in[i];
            in[i] = true;
        } else {
            assert_ptr_equal(map_del(&m, key), in[i] ? &values[i] : NULL);
            live -= in[i];
            in[i] = false;
        }
        assert_int_equal(map_len(&m), live);
    }
    for (size_t i = 0; i < N; i++) {
        char key[32];
        snprintf(key, sizeof(key), "key-%zu", i);
        assert_ptr_equal(map_get(&m, key), in[i] ? &values[i] : NULL);
    }
    assert_true(m.cap <= 4096); /* tombstones are thrown away, not carried along */
}

static void delete_while_walking(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT;
    int v;
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%d", i);
        map_set(&m, key, &v);
    }
    size_t it = 0, seen = 0;
    const char *key;
    while (map_next(&m, &it, &key, NULL)) {
        seen++;
        AUTO(mem_freep) char *copy = mem_strdup(key);
        map_del(&m, copy);
    }
    assert_int_equal(seen, 100);
    assert_int_equal(map_len(&m), 0);
}

static void sorted(void **state)
{
    (void)state;
    AUTO(map_done) struct map m = MAP_INIT;
    AUTO(arena_freep) struct arena *a = arena_new(10000);
    int v;
    map_set(&m, "b", &v);
    map_set(&m, "B", &v);
    map_set(&m, "a", &v);
    const char **keys = map_keys_sorted(&m, a);
    assert_string_equal(keys[0], "B");
    assert_string_equal(keys[1], "a");
    assert_string_equal(keys[2], "b");
    assert_null(keys[3]);
}

static void hash_is_fnv1a(void **state)
{
    (void)state;
    assert_true(hash_bytes("", 0) == 0xcbf29ce484222325ULL);
    assert_true(hash_bytes("a", 1) == 0xaf63dc4c8601ec8cULL);
    assert_true(hash_bytes("foobar", 6) == 0x85944171f73967e8ULL);
}

struct item {
    int n;
    struct list node;
};

static void ring(void **state)
{
    (void)state;
    struct list head;
    struct item items[5];
    list_init(&head);
    assert_true(list_empty(&head));
    for (int i = 0; i < 5; i++) {
        items[i].n = i;
        list_append(&head, &items[i].node);
    }
    int sum = 0;
    list_foreach_safe (it, &head) {
        struct item *i = list_entry(it, struct item, node);
        sum = sum * 10 + i->n;
        if (i->n % 2)
            list_remove(&i->node);
    }
    assert_int_equal(sum, 1234);
    list_remove(&items[1].node); /* a second time is fine */
    sum = 0;
    list_foreach (it, &head) {
        sum = sum * 10 + list_entry(it, struct item, node)->n;
    }
    assert_int_equal(sum, 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basics),
        cmocka_unit_test(against_array),
        cmocka_unit_test(delete_while_walking),
        cmocka_unit_test(sorted),
        cmocka_unit_test(hash_is_fnv1a),
        cmocka_unit_test(ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
