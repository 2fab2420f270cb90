/* SPDX-License-Identifier: Apache-2.0 */
/* Caches against a fake API: list, watch, what breaks them and how they come back. */
#include "unit/kube/fake_api.h"

#include "base/log.h"

/* What the handlers were told: "+a/x ~a/x -a/x", and per key the last state. */
struct told {
    struct kube_cache *cache;
    struct buf text;
    int changes, syncs;
    bool second_ran;
};

static void on_change(void *arg, const cJSON *old, const cJSON *now)
{
    struct told *t = arg;
    const cJSON *o = now ? now : old;
    buf_addf(&t->text, "%s%c%s", t->text.len ? " " : "",
             !old   ? '+'
             : !now ? '-'
                    : '~',
             kube_name(o));
    t->changes++;
    /* the store changes before the handlers run */
    const cJSON *stored = kube_cache_get(t->cache, kube_ns(o), kube_name(o));
    assert_true((stored != NULL) == (now != NULL) || t->syncs == 0);
    if (old && now)
        assert_string_not_equal(kube_rv(old), kube_rv(now));
}

static void on_change_second(void *arg, const cJSON *old, const cJSON *now)
{
    struct told *t = arg;
    (void)old;
    (void)now;
    assert_true(t->changes > 0); /* in the order they were added */
    t->second_ran = true;
}

static void on_sync(void *arg)
{
    struct told *t = arg;
    t->syncs++;
    buf_adds(&t->text, " sync");
}

static void by_role(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    emit(ctx, kube_label(o, "role"));
}

static void open_cache(struct fake *f, struct told *t, const struct kube_cache_opts *o)
{
    *t = (struct told){.text = BUF_INIT(1 << 20)};
    t->cache = kube_cache_new(f->client, o);
    kube_cache_on_change(t->cache, on_change, t);
    kube_cache_on_change(t->cache, on_change_second, t);
    kube_cache_on_sync(t->cache, on_sync, t);
    assert_int_equal(kube_cache_index(t->cache, by_role), 0);
    kube_cache_start(t->cache);
}

static void open_pods(struct fake *f, struct told *t)
{
    open_cache(f, t, &(struct kube_cache_opts){.resource = &KUBE_PODS});
    fake_until(f, t->syncs == 1 && fake_watches(f) == 1, 5000);
}

static void close_cache(struct told *t)
{
    kube_cache_free(t->cache);
    buf_done(&t->text);
}

/* What was told since the last question. */
static const char *since(struct told *t)
{
    static char text[4096];
    snprintf(text, sizeof(text), "%s", str_trim(str_of(buf_str(&t->text))).ptr);
    buf_cut(&t->text, 0);
    return text[0] == ' ' ? text + 1 : text;
}

static void lists_and_watches(void **state)
{
    struct fake *f = *state;
    struct told t;
    fake_pod(f, "a", "x", "primary");
    fake_pod(f, "b", "y", "secondary");
    open_cache(f, &t, &(struct kube_cache_opts){.resource = &KUBE_PODS});
    assert_false(kube_cache_synced(t.cache));
    assert_true(kube_cache_age_ms(t.cache) == UINT64_MAX);
    fake_until(f, t.syncs == 1 && fake_watches(f) == 1, 5000);
    assert_true(kube_cache_synced(t.cache) && t.second_ran);
    assert_string_equal(since(&t), "+x +y sync");
    assert_int_equal(kube_cache_len(t.cache), 2);
    fake_pod(f, "a", "z", "primary");
    fake_pod(f, "a", "x", "secondary");
    fake_pod_delete(f, "b", "y");
    fake_until(f, t.changes == 5, 5000);
    assert_string_equal(since(&t), "+z ~x -y");
    AUTO(arena_freep) struct arena *a = arena_new(65536);
    const cJSON **list;
    assert_int_equal(kube_cache_find(t.cache, 0, "primary", a, &list), 1);
    assert_string_equal(kube_name(list[0]), "z");
    assert_int_equal(kube_cache_all(t.cache, a, &list), 2);
    assert_string_equal(kube_name(list[0]), "x");
    assert_string_equal(kube_uid(kube_cache_get_key(t.cache, "a/x")), "uid-a-x");
    assert_null(kube_cache_get(t.cache, "b", "y"));
    assert_int_equal(t.syncs, 1);
    close_cache(&t);
}

static void pages(void **state)
{
    struct fake *f = *state;
    struct told t;
    for (int i = 0; i < 601; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%03d", i);
        fake_pod(f, "a", name, "r");
    }
    open_cache(f, &t, &(struct kube_cache_opts){.resource = &KUBE_PODS, .ns = "a"});
    fake_until(f, t.syncs == 1 && fake_watches(f) == 1, 5000);
    assert_int_equal(kube_cache_len(t.cache), 601);
    assert_int_equal(t.changes, 601);
    assert_int_equal(fake_count(f, "GET", "limit=100"), 7);
    assert_int_equal(fake_count(f, "GET", "continue="), 6);
    assert_non_null(strstr(f->log[0], "/api/v1/namespaces/a/pods?"));
    close_cache(&t);
}

static void bookmarks_move_the_position(void **state)
{
    struct fake *f = *state;
    struct told t;
    open_pods(f, &t);
    f->rv = 5000;
    fake_bookmark(f, "pods");
    fake_turns(f, 30);
    fake_end_streams(f);
    fake_until(f, fake_count(f, "GET", "watch=true") == 2, 5000);
    assert_int_equal(fake_count(f, "GET", "resourceVersion=5000"), 1);
    assert_int_equal(t.changes, 0);
    close_cache(&t);
}

/* The end of a stream in order: watch again at once, from the last version, without a list. */
static void resumes_after_the_end(void **state)
{
    struct fake *f = *state;
    struct told t;
    open_pods(f, &t);
    fake_pod(f, "a", "x", NULL);
    fake_until(f, t.changes == 1, 5000);
    fake_end_streams(f);
    fake_pod(f, "a", "y", NULL); /* while nobody watches */
    fake_until(f, t.changes == 2, 5000);
    assert_string_equal(since(&t), "sync +x +y");
    assert_int_equal(fake_count(f, "GET", "limit="), 1);
    close_cache(&t);
}

/* The server restarts on its port: found again within a second, nothing lost, no list. */
static void survives_a_restart(void **state)
{
    struct fake *f = *state;
    struct told t;
    fake_pod(f, "a", "x", NULL);
    open_pods(f, &t);
    fake_pod(f, "a", "w", NULL);
    fake_until(f, t.changes == 2, 5000);
    fake_close(f);
    fake_turns(f, 150);
    fake_pod(f, "a", "y", NULL);
    fake_pod_delete(f, "a", "x");
    assert_true(kube_cache_synced(t.cache)); /* stale, but not empty */
    assert_int_equal(kube_cache_len(t.cache), 2);
    assert_true(kube_cache_age_ms(t.cache) >= 140);
    fake_open(f);
    uint64_t start = loop_now_ms(f->loop);
    fake_until(f, t.changes == 4, 5000);
    assert_true(loop_now_ms(f->loop) - start < 1500);
    assert_string_equal(since(&t), "+x sync +w +y -x");
    assert_int_equal(fake_count(f, "GET", "limit="), 1);
    assert_true(kube_cache_age_ms(t.cache) < 1000);
    close_cache(&t);
}

/* 410: list again; what vanished meanwhile is reported as deleted, what changed as changed. */
static void relists_when_expired(void **state)
{
    struct fake *f = *state;
    struct told t;
    fake_pod(f, "a", "gone", NULL);
    fake_pod(f, "a", "same", NULL);
    fake_pod(f, "a", "other", "r");
    open_pods(f, &t);
    fake_pod(f, "a", "seen", NULL); /* the watch has said something: its version is not fresh */
    fake_until(f, t.changes == 4, 5000);
    since(&t);
    fake_end_streams(f);
    fake_pod_delete(f, "a", "gone");
    fake_pod(f, "a", "other", "s");
    fake_pod(f, "a", "new", NULL);
    f->floor = f->rv + 1;
    f->rv += 10;
    fake_until(f, t.changes == 7, 5000);
    assert_string_equal(since(&t), "+new ~other -gone");
    assert_int_equal(fake_count(f, "GET", "limit="), 2);
    fake_until(f, fake_watches(f) == 1, 5000);
    fake_pod(f, "a", "live", NULL);
    fake_until(f, t.changes == 8, 5000);
    close_cache(&t);
}

/* The same as an HTTP answer instead of an ERROR event. */
static void relists_when_refused_with_410(void **state)
{
    struct fake *f = *state;
    struct told t;
    open_pods(f, &t);
    fake_pod(f, "a", "x", NULL);
    fake_until(f, t.changes == 1, 5000);
    fake_answer(f, "GET", "watch=true", 410,
                "{\"kind\":\"Status\",\"reason\":\"Gone\",\"message\":\"old\",\"code\":410}", NULL,
                1);
    fake_end_streams(f);
    fake_until(f, fake_count(f, "GET", "limit=") == 2 && fake_watches(f) == 1, 5000);
    assert_int_equal(t.changes, 1); /* nothing was different */
    close_cache(&t);
}

static void list_expires_between_pages(void **state)
{
    struct fake *f = *state;
    struct told t;
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%03d", i);
        fake_pod(f, "a", name, NULL);
    }
    fake_answer(f, "GET", "continue=", 410,
                "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"token\",\"code\":410}",
                NULL, 1);
    open_pods(f, &t);
    assert_int_equal(kube_cache_len(t.cache), 300);
    assert_int_equal(t.changes, 300);                       /* nobody is told twice */
    assert_int_equal(fake_count(f, "GET", "limit=100"), 2); /* first page, and the one refused */
    assert_int_equal(fake_count(f, "GET", "pods HTTP"), 0);
    assert_true(streq(f->log[2], "GET /api/v1/pods")); /* then in one piece */
    close_cache(&t);
}

static void lists_until_it_works(void **state)
{
    struct fake *f = *state;
    struct told t;
    fake_pod(f, "a", "x", NULL);
    fake_close(f);
    open_cache(f, &t, &(struct kube_cache_opts){.resource = &KUBE_PODS});
    fake_turns(f, 250);
    assert_int_equal(t.syncs, 0);
    fake_answer(f, "GET", "limit=", 403, "{\"reason\":\"Forbidden\",\"message\":\"no\"}", NULL, 1);
    fake_answer(f, "GET", "limit=", 200, "{\"items\":[]}", NULL, 1); /* no version: not a list */
    fake_open(f);
    fake_until(f, t.syncs == 1 && fake_watches(f) == 1, 15000);
    assert_string_equal(since(&t), "+x sync");
    close_cache(&t);
}

/* A watch that ends at once and says nothing must not become a busy loop. */
static void very_short_watches_back_off(void **state)
{
    struct fake *f = *state;
    struct told t;
    open_pods(f, &t);
    fake_answer(f, "GET", "watch=true", 200, "\n", NULL, 100);
    fake_end_streams(f);
    fake_turns(f, 700); /* the first wait is 800 ms at least, the second 1600 ms */
    assert_int_equal(fake_count(f, "GET", "watch=true"), 1);
    fake_until(f, fake_count(f, "GET", "watch=true") == 2, 5000);
    fake_turns(f, 1400);
    assert_int_equal(fake_count(f, "GET", "watch=true"), 2);
    assert_int_equal(fake_count(f, "GET", "limit="), 1);
    close_cache(&t);
}

static void garbage_relists(void **state)
{
    struct fake *f = *state;
    struct told t;
    open_pods(f, &t);
    fake_send(f, "pods", "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\"}}\n");
    fake_until(f, fake_count(f, "GET", "limit=") == 2 && fake_watches(f) == 1, 5000);
    fake_send(f, "pods", "{\"type\":\n");
    fake_until(f, fake_count(f, "GET", "limit=") == 3 && fake_watches(f) == 1, 10000);
    fake_pod(f, "a", "x", NULL);
    fake_until(f, t.changes == 1, 5000);
    close_cache(&t);
}

/* The server's data were replaced by an older state: its versions start lower. */
static void another_history(void **state)
{
    struct fake *f = *state;
    struct told t;
    f->rv = 900;
    fake_pod(f, "a", "x", "new");
    fake_pod(f, "a", "y", NULL);
    open_pods(f, &t);
    since(&t);
    cJSON_Delete(map_del(&f->objects, "/api/v1/namespaces/a/pods/y"));
    f->rv = 10;
    fake_map_free(&f->history, mem_free);
    cJSON *x = map_get(&f->objects, "/api/v1/namespaces/a/pods/x");
    json_put_str(x, "7", "metadata", "resourceVersion");
    json_put_str(x, "old", "metadata", "labels", "role");
    fake_bookmark(f, "pods");
    fake_until(f, t.changes == 4, 5000);
    assert_string_equal(since(&t), "~x -y");
    assert_string_equal(kube_label(kube_cache_get(t.cache, "a", "x"), "role"), "old");
    close_cache(&t);
}

/* Lines torn at every place, and one larger than any network buffer. */
static void torn_lines(void **state)
{
    struct fake *f = *state;
    struct told t;
    open_pods(f, &t);
    static const char text[] = "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"metadata\":{"
                               "\"name\":\"torn\",\"namespace\":\"a\",\"resourceVersion\":\"200\"}}"
                               "}\n";
    f->rv = 200;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        http_stream_write(f->streams[0].in, (struct str){text + i, 1}, 1 << 20);
        fake_turns(f, 1);
    }
    fake_until(f, t.changes == 1, 5000);
    cJSON *big = fake_object("Pod", "a", "big");
    char *filler = mem_alloc((3 << 20) + 1);
    memset(filler, 'x', 3 << 20);
    json_put_str(big, filler, "data");
    fake_put(f, "/api/v1/namespaces/a/pods/big", big);
    fake_until(f, t.changes == 2, 10000);
    assert_int_equal(strlen(json_str(kube_cache_get(t.cache, "a", "big"), "data")), 3 << 20);
    mem_free(filler);
    close_cache(&t);
}

/* ---- learning our own writes ----------------------------------------------------------------- */

static void learns(void **state)
{
    struct fake *f = *state;
    struct told t;
    fake_pod(f, "a", "x", "one");
    open_pods(f, &t);
    since(&t);
    fake_answer(f, "GET", "watch=true", 0, NULL, NULL, 1); /* the next watch stays deaf */
    fake_end_streams(f);
    fake_until(f, fake_count(f, "GET", "watch=true") == 2, 5000);
    fake_pod(f, "a", "x", "two");
    fake_pod(f, "a", "mine", "two");
    kube_cache_learn(t.cache, map_get(&f->objects, "/api/v1/namespaces/a/pods/x"));
    kube_cache_learn(t.cache, map_get(&f->objects, "/api/v1/namespaces/a/pods/mine"));
    assert_string_equal(kube_label(kube_cache_get(t.cache, "a", "x"), "role"), "two");
    assert_string_equal(since(&t), ""); /* at once in the store, later to the handlers */
    fake_until(f, t.changes == 3, 5000);
    assert_string_equal(since(&t), "~x +mine");
    fake_close(f); /* the deaf watch breaks; the next one tells all that again */
    fake_open(f);
    fake_until(f, fake_watches(f) == 1, 5000);
    fake_pod(f, "a", "end", NULL);
    fake_until(f, t.changes == 4, 5000);
    assert_string_equal(since(&t), "+end"); /* what was learned is not told twice */
    close_cache(&t);
}

static void learns_no_ghosts(void **state)
{
    struct fake *f = *state;
    struct told t;
    open_cache(f, &t,
               &(struct kube_cache_opts){
                   .resource = &KUBE_PODS, .ns = "a", .label_selector = "role in (r,s)"});
    AUTO(json_freep) cJSON *early = fake_object("Pod", "a", "early");
    fake_until(f, t.syncs == 1 && fake_watches(f) == 1, 5000);
    since(&t);
    fake_pod(f, "a", "x", "r");
    AUTO(json_freep)
    cJSON *late = cJSON_Duplicate(map_get(&f->objects, "/api/v1/namespaces/a/pods/x"), true);
    fake_pod_delete(f, "a", "x");
    fake_until(f, t.changes == 2, 5000);
    kube_cache_learn(t.cache, late); /* the answer to a write overtaken by a deletion */
    json_put_str(early, "99999", "metadata", "resourceVersion");
    kube_cache_learn(t.cache, early); /* not selected */
    json_put_str(early, "r", "metadata", "labels", "role");
    json_put_str(early, "b", "metadata", "namespace");
    kube_cache_learn(t.cache, early); /* another namespace */
    json_put_str(early, "a", "metadata", "namespace");
    json_put_str(early, "Status", "kind");
    kube_cache_learn(t.cache, early); /* not even a Pod */
    kube_cache_learn(t.cache, NULL);
    fake_turns(f, 30);
    assert_string_equal(since(&t), "+x -x");
    assert_int_equal(kube_cache_len(t.cache), 0);
    json_put_str(early, "Pod", "kind");
    kube_cache_learn(t.cache, early);
    assert_int_equal(kube_cache_len(t.cache), 1);
    close_cache(&t); /* with a handler call pending */
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void freed_in_every_state(void **state)
{
    struct fake *f = *state;
    struct told t;
    fake_pod(f, "a", "x", NULL);
    open_cache(f, &t, &(struct kube_cache_opts){.resource = &KUBE_PODS});
    close_cache(&t); /* the list is under way */
    open_pods(f, &t);
    close_cache(&t); /* the watch is open */
    fake_close(f);
    open_cache(f, &t, &(struct kube_cache_opts){.resource = &KUBE_PODS});
    fake_turns(f, 30);
    close_cache(&t); /* backing off */
    t.cache = kube_cache_new(f->client, &(struct kube_cache_opts){.resource = &KUBE_PODS});
    close_cache(&t); /* never started */
    fake_turns(f, 30);
}

static void several_caches(void **state)
{
    struct fake *f = *state;
    struct told a, b, c;
    fake_pod(f, "a", "x", NULL);
    fake_pod(f, "b", "y", NULL);
    fake_put(f, "/api/v1/namespaces/a/configmaps/cm", fake_object("ConfigMap", "a", "cm"));
    open_cache(f, &a, &(struct kube_cache_opts){.resource = &KUBE_PODS});
    open_cache(f, &b, &(struct kube_cache_opts){.resource = &KUBE_PODS, .ns = "b"});
    open_cache(f, &c, &(struct kube_cache_opts){.resource = &KUBE_CONFIGMAPS});
    fake_until(f, a.syncs && b.syncs && c.syncs && fake_watches(f) == 3, 5000);
    assert_int_equal(kube_cache_len(a.cache), 2);
    assert_int_equal(kube_cache_len(b.cache), 1);
    assert_int_equal(kube_cache_len(c.cache), 1);
    close_cache(&a);
    close_cache(&b);
    close_cache(&c);
}

static int setup(void **state)
{
    log_level_set(LOG_ERROR);
    *state = fake_new();
    return 0;
}

static int teardown(void **state)
{
    fake_free(*state);
    return 0;
}

#define with_fake(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fake(lists_and_watches),
        with_fake(pages),
        with_fake(bookmarks_move_the_position),
        with_fake(resumes_after_the_end),
        with_fake(survives_a_restart),
        with_fake(relists_when_expired),
        with_fake(relists_when_refused_with_410),
        with_fake(list_expires_between_pages),
        with_fake(lists_until_it_works),
        with_fake(very_short_watches_back_off),
        with_fake(garbage_relists),
        with_fake(another_history),
        with_fake(torn_lines),
        with_fake(learns),
        with_fake(learns_no_ghosts),
        with_fake(freed_in_every_state),
        with_fake(several_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
