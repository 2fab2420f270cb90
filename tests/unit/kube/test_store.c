/* SPDX-License-Identifier: Apache-2.0 */
/* Packed objects, whose word counts, indexes, and how long a pointer is good. */
#include "unit/cm.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kube/store.h"
#include "unit/kube/pod_text.h"

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;
    AUTO(err_freep) struct err *err = NULL;
    if (json_parse(text, strlen(text), &j, &err))
        fail_msg("%s", err_text(err));
    return j;
}

static cJSON *pod(const char *name, unsigned rv, const char *role)
{
    AUTO(mem_freep)
    char *text = mem_printf("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
                            "\"namespace\":\"a\",\"resourceVersion\":\"%u\",\"labels\":{\"role\":"
                            "\"%s\"}}}",
                            name, rv, role);
    return parse(text);
}

/* ---- packed ---------------------------------------------------------------------------------- */

static const char *const shapes[] = {
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}",
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"a\":[],\"b\":{},\"c\":null,\"d\":true,\"e\":false}",
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"n\":[0,-1,1,127,128,-129,2147483648,"
    "-2147483649,9007199254740992,-9007199254740992,0.5,1e300,-2.25e-10]}",
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"\":\"\",\"s\":\"\\u00e9\\n\\\"\",\"x\":{\"x\":{"
    "\"x\":"
    "[[{\"x\":[1]}],{}]}}}",
};

static struct packed *fold(struct packed_names *names, const cJSON *o)
{
    struct buf scratch = BUF_INIT(1 << 20);
    struct packed *p = kube_packed_new(names, o, "v9", "Filled", &scratch);
    assert_int_equal(scratch.len, 0);
    buf_done(&scratch);
    return p;
}

/* Unfolds, compares with `want`, and checks the links cJSON's own readers rely on. */
static void check_unfolded(const struct packed *p, const struct packed_names *names,
                           const cJSON *want)
{
    cJSON *nodes = mem_calloc(p->nodes, sizeof(cJSON));
    kube_packed_unfold(p, names, nodes);
    assert_true(json_equal(nodes, want));
    AUTO(json_freep) cJSON *copy = cJSON_Duplicate(nodes, true); /* outlives the nodes */
    mem_free(nodes);
    assert_true(json_equal(copy, want));
    AUTO(mem_freep) char *a = json_print(copy);
    AUTO(mem_freep) char *b = json_print(want);
    assert_string_equal(a, b);
}

static void packs_and_unfolds(void **state)
{
    (void)state;
    struct packed_names names = {0};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        AUTO(json_freep) cJSON *o = parse(shapes[i]);
        struct packed *p = fold(&names, o);
        check_unfolded(p, &names, o);
        mem_free(p);
    }
    kube_packed_names_done(&names);
}

static void drops_and_fills(void **state)
{
    (void)state;
    struct packed_names names = {0};
    AUTO(json_freep)
    cJSON *o = parse("{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"7\",\"managedFields\":[{"
                     "\"f:a\":{}}]},\"spec\":{\"metadata\":{\"managedFields\":1},"
                     "\"managedFields\":2}}");
    AUTO(json_freep)
    cJSON *want = parse("{\"apiVersion\":\"v9\",\"kind\":\"Filled\",\"metadata\":{\"name\":\"x\","
                        "\"resourceVersion\":\"7\"},\"spec\":{\"metadata\":{\"managedFields\":1},"
                        "\"managedFields\":2}}");
    struct packed *p = fold(&names, o);
    check_unfolded(p, &names, want);
    assert_true(p->rv == 7);
    mem_free(p);
    kube_packed_names_done(&names);
}

static void many_names(void **state)
{
    (void)state;
    struct packed_names names = {0};
    for (int round = 0; round < 3; round++) {
        AUTO(json_freep) cJSON *o = parse(shapes[0]);
        for (int i = 0; i < 3000; i++) {
            AUTO(mem_freep) char *name = mem_printf("round-%d-name-%d", round, i);
            json_put_int(o, i, "data", name);
        }
        AUTO(mem_freep) char *longest = mem_printf("%0300d", 1);
        json_put_int(o, 1, "data", longest);
        struct packed *p = fold(&names, o);
        check_unfolded(p, &names, o);
        mem_free(p);
    }
    assert_int_equal(names.n, 4096);
    kube_packed_names_done(&names);
}

static void too_large(void **state)
{
    (void)state;
    struct packed_names names = {0};
    AUTO(json_freep) cJSON *o = parse(shapes[2]);
    struct buf scratch = BUF_INIT(40);
    assert_null(kube_packed_new(&names, o, "v1", "X", &scratch));
    AUTO(json_freep) cJSON *small = parse("{\"apiVersion\":\"\",\"kind\":\"\"}");
    struct packed *p = kube_packed_new(&names, small, "v1", "X", &scratch);
    assert_non_null(p); /* the scratch is clean again */
    mem_free(p);
    buf_done(&scratch);
    kube_packed_names_done(&names);
}

/* ---- the rule -------------------------------------------------------------------------------- */

static void judges(void **state)
{
    (void)state;
    static const struct {
        struct kube_store_facts f;
        enum kube_store_verdict want;
    } rows[] = {
        /* absent */
        {{STORE_LIST, .rv = 5}, STORE_TAKE},
        {{STORE_EVENT, .rv = 5}, STORE_TAKE},
        {{STORE_LEARN, .rv = 5}, STORE_TAKE},
        {{STORE_LEARN, .rv = 5, .position = 4}, STORE_TAKE},
        {{STORE_LEARN, .rv = 5, .position = 5}, STORE_OLD}, /* the watch saw it come and go */
        {{STORE_LEARN, .rv = 5, .position = 9}, STORE_OLD},
        /* present */
        {{STORE_EVENT, true, .have_rv = 5, .rv = 5}, STORE_SAME},
        {{STORE_EVENT, true, .have_rv = 5, .rv = 4}, STORE_OLD},
        {{STORE_EVENT, true, .have_rv = 9, .rv = 10}, STORE_TAKE}, /* numbers, not texts */
        {{STORE_LEARN, true, .have_rv = 9, .rv = 10}, STORE_TAKE},
        {{STORE_LEARN, true, .have_rv = 10, .rv = 9}, STORE_OLD},
        {{STORE_LEARN, true, .have_rv = 10, .rv = 10}, STORE_SAME},
        {{STORE_LIST, true, .have_rv = 10, .rv = 9}, STORE_TAKE}, /* restored from a backup */
        {{STORE_LIST, true, .learned = true, .have_rv = 10, .rv = 9}, STORE_OLD},
        {{STORE_LIST, true, .learned = true, .have_rv = 10, .rv = 11}, STORE_TAKE},
        {{STORE_LIST, true, .have_rv = 10, .rv = 10}, STORE_SAME},
        /* versions that are not numbers */
        {{STORE_EVENT, true, .have_rv = 5}, STORE_TAKE},
        {{STORE_LIST, true, .rv = 5}, STORE_TAKE},
        {{STORE_LEARN, true, .have_rv = 5}, STORE_OLD},
        {{STORE_LEARN, .rv = 0}, STORE_OLD},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (kube_store_judge(&rows[i].f) != rows[i].want)
            fail_msg("row %zu", i);
}

/* ---- the store ------------------------------------------------------------------------------- */

static void by_role(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    emit(ctx, kube_label(o, "role"));
    emit(ctx, kube_label(o, "role")); /* twice is once */
}

static void by_letters(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    for (const char *p = kube_name(o); *p; p++)
        emit(ctx, (const char[]){*p, '\0'});
}

struct world {
    struct loop *loop;
    struct store *store;
    struct arena *arena;
    int gone;
};

static void world_init(struct world *w)
{
    *w = (struct world){0};
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    w->store = kube_store_new(w->loop, &KUBE_PODS);
    w->arena = arena_new(64 << 20);
    assert_int_equal(kube_store_index_add(w->store, by_role), 0);
    assert_int_equal(kube_store_index_add(w->store, by_letters), 1);
}

static void world_done(struct world *w)
{
    kube_store_free(w->store);
    loop_free(w->loop);
    arena_free(w->arena);
}

/* '+' added, '~' changed, '-' gone, '.' nothing */
static char put(struct world *w, enum kube_store_source source, const char *name, unsigned rv,
                const char *role, uint64_t position)
{
    AUTO(json_freep) cJSON *o = pod(name, rv, role);
    struct kube_store_change c;
    assert_int_equal(kube_store_put(w->store, source, o, position, &c), 0);
    char what = !c.now ? '.' : c.old ? '~' : '+';
    kube_store_change_done(w->store, &c);
    return what;
}

static char del(struct world *w, const char *name, unsigned rv)
{
    AUTO(json_freep) cJSON *o = pod(name, rv, "");
    struct kube_store_change c;
    assert_int_equal(kube_store_delete(w->store, o, &c), 0);
    char what = c.old ? '-' : '.';
    kube_store_change_done(w->store, &c);
    return what;
}

/* The names with an index key, joined. */
static const char *found(struct world *w, int index, const char *key)
{
    const cJSON **list;
    struct buf b = BUF_INIT(4096);
    size_t n = index < 0 ? kube_store_all(w->store, w->arena, &list)
                         : kube_store_find(w->store, index, key, w->arena, &list);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s%s", i ? " " : "", kube_name(list[i]));
    assert_null(list[n]);
    const char *text = arena_strdup(w->arena, buf_str(&b));
    buf_done(&b);
    return text;
}

static void on_gone(void *arg, struct kube_store_change *change)
{
    struct world *w = arg;
    w->gone++;
    assert_null(change->now);
    kube_store_change_done(w->store, change);
}

static void indexes_follow(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    assert_int_equal(put(&w, STORE_EVENT, "cab", 3, "primary", 0), '+');
    assert_int_equal(put(&w, STORE_EVENT, "abc", 4, "secondary", 0), '+');
    assert_int_equal(put(&w, STORE_EVENT, "b", 5, "secondary", 0), '+');
    assert_string_equal(found(&w, -1, NULL), "abc b cab");
    assert_string_equal(found(&w, 0, "secondary"), "abc b");
    assert_string_equal(found(&w, 1, "a"), "abc cab");
    assert_int_equal(put(&w, STORE_EVENT, "b", 6, "primary", 0), '~');
    assert_string_equal(found(&w, 0, "secondary"), "abc");
    assert_string_equal(found(&w, 0, "primary"), "b cab");
    assert_int_equal(put(&w, STORE_EVENT, "b", 7, "", 0), '~'); /* no key at all */
    assert_string_equal(found(&w, 0, "primary"), "cab");
    assert_int_equal(del(&w, "cab", 8), '-');
    assert_string_equal(found(&w, 0, "primary"), "");
    assert_string_equal(found(&w, 1, "c"), "abc");
    assert_int_equal(kube_store_len(w.store), 2);
    assert_string_equal(kube_label(kube_store_get(w.store, "a/abc"), "role"), "secondary");
    assert_null(kube_store_get(w.store, "a/cab"));
    world_done(&w);
}

static void order_of_words(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    assert_int_equal(put(&w, STORE_LEARN, "p", 10, "x", 9), '+');
    assert_int_equal(put(&w, STORE_EVENT, "p", 10, "x", 0), '.');
    assert_int_equal(put(&w, STORE_EVENT, "p", 8, "old", 0), '.');
    assert_int_equal(put(&w, STORE_LEARN, "p", 9, "old", 10), '.');
    assert_string_equal(found(&w, 0, "x"), "p");
    assert_int_equal(del(&w, "p", 9), '.'); /* an earlier life of the same name */
    assert_int_equal(del(&w, "p", 11), '-');
    assert_int_equal(del(&w, "p", 11), '.');
    assert_int_equal(put(&w, STORE_LEARN, "p", 10, "x", 11), '.'); /* late answer, no ghost */
    assert_int_equal(kube_store_len(w.store), 0);
    world_done(&w);
}

static void relist(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    put(&w, STORE_EVENT, "stays", 3, "x", 0);
    put(&w, STORE_EVENT, "goes", 4, "x", 0);
    put(&w, STORE_LEARN, "before", 30, "x", 0); /* learned before the list began: the list knows */
    kube_store_list_begin(w.store);
    assert_int_equal(put(&w, STORE_LIST, "stays", 3, "x", 0), '.');
    assert_int_equal(put(&w, STORE_LEARN, "young", 25, "x", 0), '+');
    assert_int_equal(put(&w, STORE_LEARN, "dead", 15, "x", 0), '+'); /* older than the list */
    assert_int_equal(put(&w, STORE_LEARN, "stays", 26, "y", 0), '~');
    assert_int_equal(put(&w, STORE_LIST, "stays", 3, "x", 0), '.'); /* a page from before that */
    kube_store_list_end(w.store, 20, on_gone, &w);
    assert_int_equal(w.gone, 3);
    assert_string_equal(found(&w, -1, NULL), "stays young");
    assert_string_equal(found(&w, 0, "y"), "stays");
    /* the server was restored: lower versions, and what it does not name is gone */
    kube_store_list_begin(w.store);
    assert_int_equal(put(&w, STORE_LIST, "stays", 2, "z", 0), '~');
    kube_store_list_end(w.store, 2, on_gone, &w);
    assert_string_equal(found(&w, -1, NULL), "stays");
    world_done(&w);
}

static void bad_objects(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    static const char *const texts[] = {"{}", "{\"metadata\":{\"name\":\"\"}}", "[]"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct kube_store_change c;
        AUTO(json_freep) cJSON *o = parse(texts[i]);
        assert_int_equal(kube_store_put(w.store, STORE_EVENT, o, 0, &c), -EINVAL);
        assert_int_equal(kube_store_delete(w.store, o, &c), -EINVAL);
        assert_true(!c.old && !c.now);
    }
    world_done(&w);
}

/* A pointer is read after its object was replaced and deleted, with sweeps in between: ASan judges.
 */
static void pointers_last_a_turn(void **state)
{
    (void)state;
    struct world w;
    bool never = false;
    size_t rest, trees, rest_before;
    world_init(&w);
    put(&w, STORE_EVENT, "p", 1, "one", 0);
    kube_store_memory(w.store, &rest_before, &trees);
    const cJSON *first = kube_store_get(w.store, "a/p");
    put(&w, STORE_EVENT, "p", 2, "two", 0);
    const cJSON *second = kube_store_get(w.store, "a/p");
    del(&w, "p", 3);
    assert_string_equal(kube_label(first, "role"), "one");
    assert_string_equal(kube_label(second, "role"), "two");
    kube_store_memory(w.store, &rest, &trees);
    assert_true(trees > 0);
    for (int i = 0; i < 100 && trees; i++) { /* bounded: each is at most 10 ms */
        loop_run_until(w.loop, &never, 10);
        kube_store_memory(w.store, &rest, &trees);
    }
    assert_int_equal(trees, 0);
    assert_int_equal(rest, 0);
    world_done(&w);
}

/* A timer takes a pointer and its object is replaced; the sweep is due in the same turn, after it.
 * A tick of that turn still reads the pointer. */
struct same_turn {
    struct world w;
    struct loop_tick *tick;
    const cJSON *taken;
    size_t trees;
    bool read;
};

static void take_and_replace(void *arg)
{
    struct same_turn *t = arg;
    size_t rest;
    t->taken = kube_store_get(t->w.store, "a/p");
    put(&t->w, STORE_EVENT, "p", 7, "new", 0);
    kube_store_memory(t->w.store, &rest, &t->trees);
    loop_tick_start(t->tick);
}

static void read_taken(void *arg)
{
    struct same_turn *t = arg;
    size_t rest, trees;
    kube_store_memory(t->w.store, &rest, &trees);
    assert_int_equal(trees, t->trees); /* nothing was freed, also where no sanitizer looks */
    assert_string_equal(kube_label(t->taken, "role"), "old");
    t->read = true;
}

static void a_sweep_in_the_same_turn(void **state)
{
    (void)state;
    struct same_turn t = {0};
    world_init(&t.w);
    t.tick = loop_tick_new(t.w.loop, read_taken, &t);
    struct loop_timer *timer = loop_timer_new(t.w.loop, take_and_replace, &t);
    put(&t.w, STORE_EVENT, "p", 1, "old", 0);
    put(&t.w, STORE_EVENT, "q", 2, "x", 0);
    loop_timer_start(timer, 10);
    del(&t.w, "q", 3); /* arms the sweep, in 20 ms */
    for (uint64_t end = clock_mono_ms() + 40; clock_mono_ms() < end;)
        continue; /* now both are due */
    assert_int_equal(loop_run_until(t.w.loop, &t.read, 5000), 0);
    loop_timer_free(timer);
    loop_tick_free(t.tick);
    world_done(&t.w);
}

static void trees_are_bounded(void **state)
{
    (void)state;
    struct world w;
    bool never = false;
    size_t rest, trees;
    world_init(&w);
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        put(&w, STORE_EVENT, name, 100 + (unsigned)i, "x", 0);
    }
    const cJSON **list;
    assert_int_equal(kube_store_all(w.store, w.arena, &list), 5000);
    kube_store_memory(w.store, &rest, &trees);
    assert_true(trees > (2 << 20));
    for (int i = 0; i < 100 && trees > (2 << 20); i++) {
        loop_run_until(w.loop, &never, 10);
        kube_store_memory(w.store, &rest, &trees);
    }
    assert_true(trees <= (2 << 20));
    assert_int_equal(put(&w, STORE_EVENT, "p0", 9000, "y", 0), '~'); /* folded objects change too */
    assert_string_equal(found(&w, 0, "y"), "p0");
    world_done(&w);
}

/* Random changes against a plain model. */
static void against_model(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    const char *roles[] = {"r", "s", "t"};
    const char *model[20] = {0};
    uint32_t seed = 12345;
    for (unsigned step = 1; step <= 4000; step++) {
        seed = seed * 1664525 + 1013904223;
        unsigned who = seed >> 8 & 15, what = seed >> 16 & 3;
        char name[8];
        snprintf(name, sizeof(name), "n%02u", who);
        if (what == 3) {
            assert_int_equal(del(&w, name, step), model[who] ? '-' : '.');
            model[who] = NULL;
        } else {
            assert_int_equal(put(&w, STORE_EVENT, name, step, roles[what], 0),
                             model[who] ? '~' : '+');
            model[who] = roles[what];
        }
        if (step % 50)
            continue;
        for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
            struct buf b = BUF_INIT(4096);
            for (unsigned i = 0; i < 16; i++)
                if (streq(model[i], roles[r]))
                    buf_addf(&b, "%sn%02u", b.len ? " " : "", i);
            assert_string_equal(found(&w, 0, roles[r]), buf_str(&b));
            buf_done(&b);
        }
    }
    world_done(&w);
}

static void by_owner(const cJSON *o, kube_emit_fn *emit, void *ctx)
{
    emit(ctx, json_str(kube_controller(o), "uid"));
}

static size_t heap_in_use(void)
{
#ifdef ATOLL_SANITIZED
    return 0; /* the sanitizer's allocator does not say */
#else
    return mallinfo2().uordblks;
#endif
}

/* The reason for packing. 6 KiB is the bound of the design; the figure is printed with the method.
 */
static void a_pod_costs_little(void **state)
{
    (void)state;
    enum { PODS = 4000 };
    struct loop *l;
    size_t rest, trees, text_bytes = 0;
    assert_int_equal(loop_new(&l, NULL), 0);
    size_t before = heap_in_use();
    struct store *s = kube_store_new(l, &KUBE_PODS);
    kube_store_index_add(s, by_role);
    kube_store_index_add(s, by_owner);
    kube_store_list_begin(s);
    for (unsigned i = 0; i < PODS; i++) {
        struct kube_store_change c;
        AUTO(mem_freep) char *text = pod_text(i, 1000 + i);
        AUTO(json_freep) cJSON *o = parse(text);
        text_bytes += strlen(text);
        assert_int_equal(kube_store_put(s, STORE_LIST, o, 0, &c), 0);
        kube_store_change_done(s, &c);
        bool never = false;
        if (i % 250 == 0)
            loop_run_until(l, &never, 25); /* sweep */
    }
    assert_int_equal(kube_store_len(s), PODS);
    for (trees = SIZE_MAX; trees > 2 << 20; kube_store_memory(s, &rest, &trees)) {
        bool never = false;
        loop_run_until(l, &never, 25);
    }
    size_t heap = heap_in_use() - before;
    print_message("%d pods of %zu bytes with 2 indexes: %zu bytes each at rest, %zu KiB of trees, "
                  "heap %zu bytes each\n",
                  PODS, text_bytes / PODS, rest / PODS, trees >> 10, heap / PODS);
    assert_true(rest / PODS < 6144);
    assert_true(heap / PODS < 6144);
    kube_store_free(s);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_and_unfolds),
        cmocka_unit_test(drops_and_fills),
        cmocka_unit_test(many_names),
        cmocka_unit_test(too_large),
        cmocka_unit_test(judges),
        cmocka_unit_test(indexes_follow),
        cmocka_unit_test(order_of_words),
        cmocka_unit_test(relist),
        cmocka_unit_test(bad_objects),
        cmocka_unit_test(pointers_last_a_turn),
        cmocka_unit_test(a_sweep_in_the_same_turn),
        cmocka_unit_test(trees_are_bounded),
        cmocka_unit_test(against_model),
        cmocka_unit_test(a_pod_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
