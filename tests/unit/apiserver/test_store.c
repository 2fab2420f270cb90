/* SPDX-License-Identifier: Apache-2.0 */
/* The store: revisions, the queue, snapshots, restart, a full disk. */
#include "unit/cm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/store.h"
#include "base/file.h"

struct box {
    struct loop *loop;
    struct store *store;
    struct shelf *shelf;
    char dir[64], path[96];
    int error;
    bool synced;
    char log[4096]; /* events: "A key rv;" */
};

static void on_event(void *arg, const struct event *e)
{
    struct box *b = arg;
    size_t n = strlen(b->log);
    snprintf(b->log + n, sizeof(b->log) - n, "%c%s;", "AMD"[e->type], e -> obj -> key);
}

static void on_sync(void *arg, int error)
{
    struct box *b = arg;
    b->error = error;
    b->synced = true;
}

static void box_open(struct box *b, size_t events, uint64_t size_max)
{
    struct err *err = NULL;
    struct store_opts o = {b->path, events, 1 << 20, size_max};
    assert_int_equal(loop_new(&b->loop, &err), 0);
    if (store_open(b->loop, &o, &b->store, &err) < 0)
        fail_msg("%s", err_text(err));
    b->shelf = store_shelf(b->store, "things", "Thing", "v1", NULL);
    store_listen(b->store, on_event, b);
    b->log[0] = '\0';
}

static void box_new(struct box *b, size_t events, uint64_t size_max)
{
    memset(b, 0, sizeof(*b));
    snprintf(b->dir, sizeof(b->dir), "/tmp/atoll-store-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->path, sizeof(b->path), "%s/store.db", b->dir);
    box_open(b, events, size_max);
}

static void box_shut(struct box *b)
{
    bool never = false;
    store_free(b->store);
    loop_run_until(b->loop, &never, 1); /* the worker's last word */
    loop_free(b->loop);
}

static void box_done(struct box *b)
{
    box_shut(b);
    assert_int_equal(file_tree_remove(b->dir, NULL), 0);
}

static int box_sync(struct box *b)
{
    b->synced = false;
    store_sync(b->store, on_sync, b);
    assert_int_equal(loop_run_until(b->loop, &b->synced, 10000), 0);
    return b->error;
}

static const struct object *put(struct box *b, const char *key, const char *value)
{
    cJSON *tree AUTO(json_freep) = cJSON_CreateObject();
    json_put_str(tree, key, "metadata", "name");
    AUTO(mem_freep) char *uid = mem_printf("uid-%s", key);
    json_put_str(tree, uid, "metadata", "uid");
    json_put_str(tree, value, "metadata", "labels", "v");
    json_put_str(tree, value, "data");
    return store_put(b->store, b->shelf, key, tree);
}

static void readers_see_what_is_on_disk(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 100, 0);
    const struct object *o = put(&b, "a", "1");
    assert_int_equal(o->rv, 1);
    assert_null(shelf_get(b.shelf, "a"));
    assert_ptr_equal(shelf_latest(b.shelf, "a"), o);
    assert_int_equal(store_revision(b.store), 0);
    put(&b, "a", "2"); /* a chain on top of what waits */
    store_delete(b.store, b.shelf, "a");
    put(&b, "a", "3");
    assert_string_equal(b.log, "");
    assert_int_equal(box_sync(&b), 0);
    assert_string_equal(b.log, "Aa;Ma;Da;Aa;");
    assert_int_equal(store_revision(b.store), 4);
    assert_int_equal(shelf_get(b.shelf, "a")->rv, 4);
    assert_int_equal(b.shelf->live, 1);
    assert_non_null(store_by_uid(b.store, "uid-a", NULL));
    store_delete(b.store, b.shelf, "a");
    assert_null(store_by_uid(b.store, "uid-a", NULL));
    assert_int_equal(box_sync(&b), 0);
    assert_int_equal(b.shelf->n, 0);
    assert_int_equal(b.shelf->live, 0);
    box_done(&b);
}

static void text_is_what_is_served(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 100, 0);
    const struct object *o = put(&b, "a", "x\"}{");
    assert_memory_equal(
        o->text.ptr,
        "{\"kind\":\"Thing\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\"", 66);
    assert_memory_equal(o->text.ptr + o->text.len, "}\n", 2);
    assert_int_equal(o->metadata.ptr[0], '{');
    assert_int_equal(o->metadata.ptr[o->metadata.len - 1], '}');
    cJSON *head AUTO(json_freep) = object_head(o);
    assert_string_equal(json_str(head, "metadata", "labels", "v"), "x\"}{");
    assert_null(json_at(head, "data"));
    const struct object *later = object_renumbered(o, 1234567);
    cJSON *tree AUTO(json_freep) = object_tree(later);
    assert_string_equal(json_str(tree, "metadata", "resourceVersion"), "1234567");
    assert_string_equal(json_str(tree, "data"), "x\"}{");
    assert_int_equal(later->metadata.len, o->metadata.len + 6);
    object_unref(later);
    box_done(&b);
}

static void the_past_can_be_read(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 5, 0);
    put(&b, "a", "1"); /* 1 */
    put(&b, "c", "1"); /* 2 */
    assert_int_equal(box_sync(&b), 0);
    put(&b, "b", "1");                   /* 3 */
    put(&b, "a", "2");                   /* 4 */
    store_delete(b.store, b.shelf, "c"); /* 5 */
    assert_int_equal(box_sync(&b), 0);
    AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
    const struct object **items;
    size_t n;
    assert_int_equal(store_snapshot(b.store, b.shelf, "", 2, a, &items, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(items[0]->key, "a");
    assert_int_equal(items[0]->rv, 1);
    assert_string_equal(items[1]->key, "c");
    assert_int_equal(store_snapshot(b.store, b.shelf, "", 4, a, &items, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(items[0]->rv, 4);
    put(&b, "d", "1"); /* 6: the first event falls out of the ring of five */
    assert_int_equal(box_sync(&b), 0);
    assert_int_equal(store_floor(b.store), 1);
    assert_int_equal(store_snapshot(b.store, b.shelf, "", 0, a, &items, &n), -ESTALE);
    assert_int_equal(store_snapshot(b.store, b.shelf, "", 1, a, &items, &n), 0);
    assert_int_equal(n, 1);
    size_t i;
    assert_int_equal(store_history_after(b.store, 0, &i), -ESTALE);
    assert_int_equal(store_history_after(b.store, 4, &i), 0);
    assert_int_equal(store_history_at(b.store, i)->rv, 5);
    assert_null(store_history_at(b.store, i + 2));
    box_done(&b);
}

static void a_restart_goes_on(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 100, 0);
    put(&b, "ns/b", "1");
    put(&b, "ns/a", "1");
    put(&b, "other/a", "1");
    store_delete(b.store, b.shelf,
                 "ns/b"); /* 4: the last revision belongs to something that has gone */
    assert_int_equal(box_sync(&b), 0);
    put(&b, "ns/z", "1"); /* queued at the end: a clean end commits it */
    box_shut(&b);
    box_open(&b, 100, 0);
    assert_int_equal(store_revision(b.store), 5);
    assert_int_equal(store_floor(b.store), 5);
    const struct object *o = NULL;
    size_t i = shelf_first(b.shelf, "ns/");
    assert_true(shelf_at(b.shelf, i, "ns/", &o));
    assert_string_equal(o->key, "ns/a");
    assert_int_equal(o->rv, 2);
    assert_string_equal(o->uid, "uid-ns/a");
    assert_true(shelf_at(b.shelf, i + 1, "ns/", &o));
    assert_string_equal(o->key, "ns/z");
    assert_false(shelf_at(b.shelf, i + 2, "ns/", &o));
    assert_int_equal(put(&b, "ns/a", "2")->rv, 6);
    assert_int_equal(box_sync(&b), 0);
    box_shut(&b);
    box_open(&b, 100, 0);
    assert_int_equal(shelf_get(b.shelf, "ns/a")->rv, 6);
    box_done(&b);
}

/* The bound of the file stands for a full disk: SQLite reports the same error. */
static void a_full_disk_loses_nothing_that_was_answered(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 100, 256 * 1024);
    char big[16 * 1024];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    char key[32];
    int stored = 0, error = 0;
    while (!error && stored < 100) {
        snprintf(key, sizeof(key), "k%03d", stored);
        put(&b, key, big);
        error = box_sync(&b);
        stored += !error;
    }
    assert_int_equal(error, -ENOSPC);
    assert_in_range(stored, 3, 20);
    assert_null(shelf_latest(b.shelf, key)); /* undone */
    uint64_t rv = store_revision(b.store);
    put(&b, "k000", "changed"); /* in front of one that cannot be stored: both are lost */
    put(&b, key, big);
    put(&b, "other", big);
    assert_int_equal(box_sync(&b), -ENOSPC);
    assert_int_equal(store_revision(b.store), rv);
    assert_int_equal(shelf_latest(b.shelf, "k000")->rv, shelf_get(b.shelf, "k000")->rv);
    assert_null(shelf_latest(b.shelf, "other"));
    store_delete(b.store, b.shelf, "k000"); /* room again */
    store_delete(b.store, b.shelf, "k001");
    assert_int_equal(box_sync(&b), 0);
    assert_true(put(&b, key, big)->rv > rv + 2); /* no number is given twice */
    assert_int_equal(box_sync(&b), 0);
    box_shut(&b);
    box_open(&b, 100, 256 * 1024);
    assert_null(shelf_get(b.shelf, "k000"));
    assert_non_null(shelf_get(b.shelf, "k002"));
    assert_non_null(shelf_get(b.shelf, key));
    box_done(&b);
}

static void keys_are_sorted(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 10000, 0);
    uint32_t seed = 4711;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 1664525 + 1013904223;
        char key[32];
        snprintf(key, sizeof(key), "n%u/x%u", (seed >> 8) % 7, (seed >> 12) % 400);
        if (shelf_latest(b.shelf, key) && (seed >> 28) < 6)
            store_delete(b.store, b.shelf, key);
        else
            put(&b, key, "v");
        if (i % 97 == 0)
            assert_int_equal(box_sync(&b), 0);
    }
    assert_int_equal(box_sync(&b), 0);
    const struct object *o, *last = NULL;
    size_t n = 0;
    for (size_t i = 0; shelf_at(b.shelf, i, "", &o); i++, n++, last = o) {
        assert_non_null(o);
        assert_true(!last || strcmp(last->key, o->key) < 0);
    }
    assert_int_equal(n, b.shelf->live);
    box_done(&b);
}

static void two_servers_on_one_file(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 10, 0);
    struct err *err = NULL;
    struct store_opts o = {b.path, 10, 1 << 20, 0};
    struct store *second = NULL;
    assert_int_equal(store_open(b.loop, &o, &second, &err), -EBUSY);
    assert_non_null(strstr(err_text(err), "another server"));
    err_free(err);
    box_done(&b);
}

static void a_foreign_file_is_refused(void **state)
{
    (void)state;
    struct box b;
    box_new(&b, 10, 0);
    box_shut(&b);
    assert_int_equal(
        file_replace(b.path, "this is not a database, it is a text file", 41, 0600, NULL), 0);
    struct err *err = NULL;
    struct store_opts o = {b.path, 10, 1 << 20, 0};
    struct store *s = NULL;
    assert_int_equal(loop_new(&b.loop, &err), 0);
    assert_true(store_open(b.loop, &o, &s, &err) < 0);
    assert_non_null(strstr(err_text(err), b.path));
    err_free(err);
    loop_free(b.loop);
    assert_int_equal(file_tree_remove(b.dir, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_what_is_on_disk),
        cmocka_unit_test(text_is_what_is_served),
        cmocka_unit_test(the_past_can_be_read),
        cmocka_unit_test(a_restart_goes_on),
        cmocka_unit_test(a_full_disk_loses_nothing_that_was_answered),
        cmocka_unit_test(keys_are_sorted),
        cmocka_unit_test(two_servers_on_one_file),
        cmocka_unit_test(a_foreign_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
