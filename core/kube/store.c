/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries by key, all of them in key order, and by index. Objects are packed (packed.h) and
 * unfolded on demand; trees that were looked at stay unfolded, oldest out first, up to TREES_MAX
 * bytes.
 *
 * What is given up is freed by the sweep, a timer, and only by the second sweep after it was last
 * handed out. One turn of the loop runs timers at most twice, so a turn always lies between. That
 * is what makes "good until the next turn" true for every reader without reference counts in their
 * hands.
 */
#include "kube/store.h"

#include <errno.h>
#include <string.h>

#include "base/list.h"
#include "kube/object.h"

#define INDEXES_MAX      8
#define OBJECT_BYTES_MAX ((size_t)16 << 20)
#define TREES_MAX        ((size_t)2 << 20)
#define SWEEP_MS         20

struct entry {
    char *key;
    struct packed *now;
    uint32_t listed;  /* number of the list that last named it */
    uint32_t learned; /* number of the list during which it was learned, or 0 */
    uint32_t n_in;
    struct set **in; /* the sets it is in, all indexes together */
};

/* Entries in key order. */
struct set {
    uint32_t index; /* its index */
    size_t n, cap;
    struct entry **items;
    char key[];
};

/* An unfolded object. */
struct tree {
    struct list node; /* in store->trees, least recently used first */
    struct packed *of;
    uint32_t used; /* epoch */
    size_t size;
    cJSON nodes[];
};

/* A packed object nobody holds any more. */
struct grave {
    struct list node;
    struct packed *p;
    uint32_t used; /* epoch */
};

#define store_MAGIC 0x6b73746f
struct store {
    uint32_t magic;
    struct loop *loop;
    const struct kube_resource *resource;
    char api_version[128];
    struct packed_names names;
    struct buf scratch;
    struct map entries; /* key -> struct entry */
    struct set *all;
    struct kube_store_index {
        void (*keys_of)(const cJSON *o, kube_emit_fn *emit, void *ctx);
        struct map sets; /* index key -> struct set */
    } index[INDEXES_MAX];
    int n_index;
    uint32_t lists; /* number of the list under way or the last one */
    bool listing;
    struct list trees, graves;
    struct loop_timer *sweep;
    uint32_t epoch; /* sweeps so far */
    size_t rest_bytes, tree_bytes;
};

enum kube_store_verdict kube_store_judge(const struct kube_store_facts *f)
{
    bool numbers = f->rv != 0 && (!f->have || f->have_rv != 0);
    if (!numbers) /* not comparable: what the API says in order counts, our own memory does not */
        return f->source == STORE_LEARN ? STORE_OLD : STORE_TAKE;
    if (f->have && f->rv == f->have_rv)
        return STORE_SAME;
    switch (f->source) {
    case STORE_LIST:
        /* A list tells the truth of its moment, even with lower numbers than before (a server
         * restored from a backup). Only what we learned after it began may be newer. */
        return f->have && f->learned && f->rv < f->have_rv ? STORE_OLD : STORE_TAKE;
    case STORE_EVENT:
        return f->have && f->rv < f->have_rv ? STORE_OLD : STORE_TAKE;
    case STORE_LEARN:
        /* Absent, although the watch is past it: it was deleted in between. */
        if (!f->have)
            return f->rv <= f->position ? STORE_OLD : STORE_TAKE;
        return f->rv < f->have_rv ? STORE_OLD : STORE_TAKE;
    }
    return STORE_OLD;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static struct set *set_new(uint32_t index, const char *key)
{
    size_t n = strlen(key) + 1;
    struct set *s = mem_alloc(sizeof(*s) + n);
    s->index = index;
    memcpy(s->key, key, n);
    return s;
}

static void set_free(struct set *s)
{
    mem_free(s->items);
    mem_free(s);
}

/* Where the key is or would be. */
static size_t set_place(const struct set *s, const char *key)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(s->items[mid]->key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void set_add(struct set *s, struct entry *e)
{
    size_t at = set_place(s, e->key);
    if (at < s->n && s->items[at] == e)
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap + s->cap / 2 + 1 : 2;
        s->items = mem_realloc(s->items, s->cap * sizeof(struct entry *));
    }
    memmove(s->items + at + 1, s->items + at, (s->n - at) * sizeof(struct entry *));
    s->items[at] = e;
    s->n++;
}

static void set_remove(struct set *s, const struct entry *e)
{
    size_t at = set_place(s, e->key);
    ATOLL_ASSERT(at < s->n && s->items[at] == e);
    memmove(s->items + at, s->items + at + 1, (s->n - at - 1) * sizeof(struct entry *));
    s->n--;
}

/* ---- trees and graves ------------------------------------------------------------------------ */

static void sweep_soon(struct store *s)
{
    if (!loop_timer_active(s->sweep))
        loop_timer_start(s->sweep, SWEEP_MS);
}

static void tree_drop(struct store *s, struct tree *t)
{
    list_remove(&t->node);
    s->tree_bytes -= t->size;
    t->of->tree = NULL;
    mem_free(t);
}

const cJSON *kube_store_tree(struct store *s, struct packed *p)
{
    if (!p)
        return NULL;
    struct tree *t = p->tree;
    if (!t) {
        size_t size = sizeof(*t) + p->nodes * sizeof(cJSON);
        t = mem_alloc(size);
        list_init(&t->node);
        t->of = p;
        t->size = size;
        p->tree = t;
        kube_packed_unfold(p, &s->names, t->nodes);
        s->tree_bytes += size;
        if (s->tree_bytes > TREES_MAX)
            sweep_soon(s);
    }
    list_remove(&t->node);
    list_append(&s->trees, &t->node);
    t->used = s->epoch;
    return t->nodes;
}

static void packed_drop(struct store *s, struct packed *p)
{
    if (p->tree)
        tree_drop(s, p->tree);
    s->rest_bytes -= kube_packed_size(p);
    mem_free(p);
}

static struct packed *packed_ref(struct packed *p)
{
    p->refs++;
    return p;
}

/* The last reader may still hold its tree: bury it, the sweep does the rest. */
static void packed_unref(struct store *s, struct packed *p)
{
    if (!p || --p->refs)
        return;
    if (!p->tree) {
        packed_drop(s, p);
        return;
    }
    struct grave *g = mem_new(struct grave);
    g->p = p;
    g->used = s->epoch;
    list_append(&s->graves, &g->node);
    sweep_soon(s);
}

static void graves_clear(struct store *s, bool all)
{
    list_foreach_safe (it, &s->graves) {
        struct grave *g = list_entry(it, struct grave, node);
        if (!all && g->used == s->epoch)
            return; /* the rest is younger */
        list_remove(&g->node);
        packed_drop(s, g->p);
        mem_free(g);
    }
}

static void on_sweep(void *arg)
{
    struct store *s = CAST(store, arg);
    graves_clear(s, false);
    while (s->tree_bytes > TREES_MAX && !list_empty(&s->trees)) {
        struct tree *t = list_entry(s->trees.next, struct tree, node);
        if (t->used == s->epoch)
            break;
        tree_drop(s, t);
    }
    s->epoch++;
    if (!list_empty(&s->graves) || s->tree_bytes > TREES_MAX)
        sweep_soon(s);
}

/* ---- indexes --------------------------------------------------------------------------------- */

/* The sets one object belongs to under all indexes, collected before anything is changed. */
struct wanted {
    struct store *store;
    uint32_t index;
    size_t n, cap;
    struct set **sets;
};

static struct set *index_set(struct store *s, uint32_t index, const char *key)
{
    struct set *set = map_get(&s->index[index].sets, key);
    if (!set) {
        set = set_new(index, key);
        map_set(&s->index[index].sets, key, set);
    }
    return set;
}

static void emit_key(void *ctx, const char *key)
{
    struct wanted *w = ctx;
    if (!key || !key[0])
        return;
    struct set *set = index_set(w->store, w->index, key);
    for (size_t i = 0; i < w->n; i++)
        if (w->sets[i] == set)
            return;
    if (w->n == w->cap) { /* bounded by the size of an object */
        w->cap = w->cap ? w->cap * 2 : 4;
        w->sets = mem_realloc(w->sets, w->cap * sizeof(*w->sets));
    }
    w->sets[w->n++] = set;
}

static bool wants(const struct wanted *w, const struct set *set)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->sets[i] == set)
            return true;
    return false;
}

static bool is_in(const struct entry *e, const struct set *set)
{
    for (size_t i = 0; i < e->n_in; i++)
        if (e->in[i] == set)
            return true;
    return false;
}

static void set_leave(struct store *s, struct set *set, const struct entry *e)
{
    set_remove(set, e);
    if (set->n == 0) {
        map_del(&s->index[set->index].sets, set->key);
        set_free(set);
    }
}

/* Move the entry to the sets its new state (NULL: none) belongs to. */
static void reindex(struct store *s, struct entry *e, const cJSON *now)
{
    struct wanted w = {.store = s};
    for (; now && w.index < (uint32_t)s->n_index; w.index++)
        s->index[w.index].keys_of(now, emit_key, &w);
    for (size_t i = 0; i < w.n; i++)
        if (!is_in(e, w.sets[i]))
            set_add(w.sets[i], e);
    for (size_t i = 0; i < e->n_in; i++)
        if (!wants(&w, e->in[i]))
            set_leave(s, e->in[i], e);
    s->rest_bytes += (w.n - e->n_in) * sizeof(struct set *);
    e->n_in = (uint32_t)w.n;
    mem_free(e->in);
    e->in = w.n ? mem_realloc(w.sets, w.n * sizeof(struct set *)) : NULL;
}

int kube_store_index_add(struct store *s,
                         void (*keys_of)(const cJSON *o, kube_emit_fn *emit, void *ctx))
{
    ATOLL_ASSERT(s->n_index < INDEXES_MAX && map_len(&s->entries) == 0);
    s->index[s->n_index].keys_of = keys_of;
    return s->n_index++;
}

/* ---- the store ------------------------------------------------------------------------------- */

struct store *kube_store_new(struct loop *l, const struct kube_resource *r)
{
    struct store *s = mem_new(struct store);
    s->magic = store_MAGIC;
    s->loop = l;
    s->resource = r;
    kube_api_version(r, s->api_version);
    s->scratch = BUF_INIT(OBJECT_BYTES_MAX);
    s->all = set_new(0, "");
    list_init(&s->trees);
    list_init(&s->graves);
    s->sweep = loop_timer_new(l, on_sweep, s);
    return s;
}

/* Bytes of an entry beyond its object: itself, its key twice, its places in the map and in `all`.
 */
static size_t entry_size(const struct entry *e)
{
    return sizeof(*e) + 2 * (strlen(e->key) + 1) + 2 * 24 + sizeof(void *);
}

static void entry_free(struct store *s, struct entry *e)
{
    reindex(s, e, NULL);
    s->rest_bytes -= entry_size(e);
    mem_free(e->key);
    mem_free(e);
}

void kube_store_free(struct store *s)
{
    if (!s)
        return;
    size_t it = 0;
    void *value;
    while (map_next(&s->entries, &it, NULL, &value)) {
        struct entry *e = value;
        packed_unref(s, e->now);
        entry_free(s, e);
    }
    graves_clear(s, true);
    ATOLL_ASSERT(list_empty(&s->trees)); /* every change was given back */
    map_done(&s->entries);
    for (int i = 0; i < s->n_index; i++)
        map_done(&s->index[i].sets);
    set_free(s->all);
    kube_packed_names_done(&s->names);
    buf_done(&s->scratch);
    loop_timer_free(s->sweep);
    s->magic = 0;
    mem_free(s);
}

static struct entry *entry_add(struct store *s, const char *key)
{
    struct entry *e = mem_new(struct entry);
    e->key = mem_strdup(key);
    map_set(&s->entries, key, e);
    set_add(s->all, e);
    s->rest_bytes += entry_size(e);
    return e;
}

static void entry_remove(struct store *s, struct entry *e)
{
    set_remove(s->all, e);
    map_del(&s->entries, e->key);
    entry_free(s, e);
}

void kube_store_list_begin(struct store *s)
{
    s->lists++;
    s->listing = true;
}

static void mark(struct store *s, struct entry *e, enum kube_store_source source)
{
    if (source == STORE_LIST)
        e->listed = s->lists;
    e->learned = source == STORE_LEARN && s->listing ? s->lists : 0;
}

static bool learned_meanwhile(const struct store *s, const struct entry *e)
{
    return s->listing && e->learned == s->lists;
}

/* Not named by the list, but written after the moment the list shows. */
static bool is_younger(const struct store *s, const struct entry *e, uint64_t list_rv)
{
    return learned_meanwhile(s, e) && e->now->rv > list_rv;
}

void kube_store_list_end(struct store *s, uint64_t list_rv, kube_store_gone_fn *fn, void *arg)
{
    size_t it = 0;
    void *value;
    while (map_next(&s->entries, &it, NULL, &value)) {
        struct entry *e = value;
        if (e->listed == s->lists || is_younger(s, e, list_rv))
            continue;
        struct kube_store_change gone = {.old = e->now};
        entry_remove(s, e);
        fn(arg, &gone);
    }
    s->listing = false;
}

static enum kube_store_verdict judge(const struct store *s, enum kube_store_source source,
                                     const struct entry *e, uint64_t rv, uint64_t position)
{
    struct kube_store_facts f = {.source = source,
                                 .have = e != NULL,
                                 .learned = e && learned_meanwhile(s, e),
                                 .have_rv = e ? e->now->rv : 0,
                                 .rv = rv,
                                 .position = position};
    return kube_store_judge(&f);
}

int kube_store_put(struct store *s, enum kube_store_source source, const cJSON *o,
                   uint64_t position, struct kube_store_change *ret)
{
    char key[OBJECT_KEY_MAX];
    *ret = (struct kube_store_change){0};
    if (!kube_object_key(kube_ns(o), kube_name(o), key))
        return -EINVAL;
    struct entry *e = map_get(&s->entries, key);
    enum kube_store_verdict v = judge(s, source, e, kube_object_rv(kube_rv(o)), position);
    if (e && source == STORE_LIST)
        e->listed = s->lists;
    if (v != STORE_TAKE)
        return 0;
    struct packed *p =
        kube_packed_new(&s->names, o, s->api_version, s->resource->kind, &s->scratch);
    if (!p)
        return -E2BIG;
    s->rest_bytes += kube_packed_size(p);
    if (!e)
        e = entry_add(s, key);
    *ret = (struct kube_store_change){.old = e->now, .now = packed_ref(p)};
    e->now = p;
    mark(s, e, source);
    if (s->n_index)
        reindex(s, e, kube_store_tree(s, p));
    return 0;
}

int kube_store_delete(struct store *s, const cJSON *o, struct kube_store_change *ret)
{
    char key[OBJECT_KEY_MAX];
    *ret = (struct kube_store_change){0};
    if (!kube_object_key(kube_ns(o), kube_name(o), key))
        return -EINVAL;
    struct entry *e = map_get(&s->entries, key);
    uint64_t rv = kube_object_rv(kube_rv(o));
    if (!e || (rv && rv < e->now->rv)) /* a newer object of the same name was learned */
        return 0;
    *ret = (struct kube_store_change){.old = e->now};
    entry_remove(s, e);
    return 0;
}

void kube_store_change_done(struct store *s, struct kube_store_change *c)
{
    packed_unref(s, c->old);
    packed_unref(s, c->now);
    *c = (struct kube_store_change){0};
}

size_t kube_store_len(const struct store *s)
{
    return map_len(&s->entries);
}

const cJSON *kube_store_get(struct store *s, const char *key)
{
    struct entry *e = map_get(&s->entries, key);
    return e ? kube_store_tree(s, e->now) : NULL;
}

static size_t set_trees(struct store *s, const struct set *set, struct arena *a, const cJSON ***ret)
{
    size_t n = set ? set->n : 0;
    const cJSON **trees = arena_array(a, const cJSON *, n + 1);
    for (size_t i = 0; i < n; i++)
        trees[i] = kube_store_tree(s, set->items[i]->now);
    *ret = trees;
    return n;
}

size_t kube_store_find(struct store *s, int index, const char *key, struct arena *a,
                       const cJSON ***ret)
{
    ATOLL_ASSERT(index >= 0 && index < s->n_index);
    return set_trees(s, map_get(&s->index[index].sets, key), a, ret);
}

size_t kube_store_all(struct store *s, struct arena *a, const cJSON ***ret)
{
    return set_trees(s, s->all, a, ret);
}

void kube_store_memory(const struct store *s, size_t *ret_rest, size_t *ret_trees)
{
    *ret_rest = s->rest_bytes;
    *ret_trees = s->tree_bytes;
}
