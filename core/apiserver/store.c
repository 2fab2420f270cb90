/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue in front of the database and the state it leads to.
 *
 * An entry has two states: `committed`, which readers see, and `latest`, which the next writer
 * builds on. They differ while a write is on its way to the disk. One batch is with the worker, one
 * more fills meanwhile; when a batch is lost, the filling one is lost with it, because it was built
 * on top.
 */
#include "apiserver/store.h"

#include <errno.h>
#include <string.h>

#include "apiserver/store_object.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "io/metrics.h"

#define LOG_ROOM      "apiserver"
#define LISTENERS_MAX 8
#define store_MAGIC   0x53544f52U

/* What a job at the worker holds: its end may be told after the store has gone. */
struct anchor {
    struct store *store; /* NULL = gone */
    unsigned refs;
};

struct entry {
    const struct object *committed, *latest; /* NULL = does not exist there */
    unsigned queued;                         /* writes on their way */
    int64_t id;
    char key[];
};

struct store {
    uint32_t magic;
    struct loop *loop;
    struct worker *worker;
    struct db *db;
    struct map shelves; /* name -> struct shelf */
    struct map uids;    /* uid -> struct place, of latest objects */
    struct history history;
    uint64_t revision; /* committed */
    uint64_t given;    /* last one given to a write */
    int64_t last_id;
    struct batch *filling;
    struct batch *writing; /* at the worker */
    struct loop_timer *flush;
    bool closing;
    struct anchor *anchor;
    struct {
        store_listen_fn *fn;
        void *arg;
    } listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct metric *commits, *commit_errors, *commit_seconds;
    uint64_t submitted_us;
};

struct place {
    struct shelf *shelf;
    struct entry *entry;
};

/* ---- shelves ---- */

static void text_set(char **slot, const char *text)
{
    if (!streq(*slot, text)) {
        mem_free(*slot);
        *slot = mem_strdup(text);
    }
}

struct shelf *store_shelf(struct store *s, const char *name, const char *kind,
                          const char *api_version, const struct field_label *fields)
{
    struct shelf *sh = map_get(&s->shelves, name);
    if (!sh) {
        sh = mem_new(struct shelf);
        sh->name = mem_strdup(name);
        list_init(&sh->watchers);
        map_set(&s->shelves, name, sh);
    }
    text_set(&sh->kind, kind);
    text_set(&sh->api_version, api_version);
    sh->fields = fields;
    return sh;
}

struct shelf *store_find(const struct store *s, const char *name)
{
    return map_get(&s->shelves, name);
}

/* Position of the first entry that is not below `key`. */
static size_t shelf_lower(const struct shelf *sh, const char *key)
{
    size_t low = 0, high = sh->n;
    if (high && strcmp(sh->entries[high - 1]->key, key) < 0)
        return high; /* keys often come in order */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(sh->entries[mid]->key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct entry *shelf_entry(const struct shelf *sh, const char *key)
{
    size_t i = shelf_lower(sh, key);
    return i < sh->n && streq(sh->entries[i]->key, key) ? sh->entries[i] : NULL;
}

static struct entry *entry_make(struct store *s, struct shelf *sh, const char *key)
{
    size_t i = shelf_lower(sh, key);
    if (i < sh->n && streq(sh->entries[i]->key, key))
        return sh->entries[i];
    if (sh->n == sh->cap) {
        sh->cap = sh->cap ? sh->cap * 2 : 16;
        sh->entries = mem_realloc(sh->entries, sh->cap * sizeof(void *));
    }
    size_t len = strlen(key);
    struct entry *e = mem_alloc(sizeof(*e) + len + 1);
    memcpy(e->key, key, len + 1);
    e->id = ++s->last_id;
    memmove(&sh->entries[i + 1], &sh->entries[i], (sh->n - i) * sizeof(void *));
    sh->entries[i] = e;
    sh->n++;
    return e;
}

/* An entry without any state and without writes on their way is forgotten. */
static void entry_settle(struct shelf *sh, struct entry *e)
{
    if (e->committed || e->latest || e->queued)
        return;
    size_t i = shelf_lower(sh, e->key);
    ATOLL_ASSERT(i < sh->n && sh->entries[i] == e);
    memmove(&sh->entries[i], &sh->entries[i + 1], (sh->n - i - 1) * sizeof(void *));
    sh->n--;
    mem_free(e);
}

const struct object *shelf_get(const struct shelf *sh, const char *key)
{
    const struct entry *e = shelf_entry(sh, key);
    return e ? e->committed : NULL;
}

const struct object *shelf_latest(const struct shelf *sh, const char *key)
{
    const struct entry *e = shelf_entry(sh, key);
    return e ? e->latest : NULL;
}

size_t shelf_first(const struct shelf *sh, const char *prefix)
{
    return prefix && *prefix ? shelf_lower(sh, prefix) : 0;
}

static const struct entry *entry_at(const struct shelf *sh, size_t i, const char *prefix)
{
    if (i >= sh->n || (prefix && *prefix && !str_starts(sh->entries[i]->key, prefix)))
        return NULL;
    return sh->entries[i];
}

bool shelf_at(const struct shelf *sh, size_t i, const char *prefix, const struct object **ret)
{
    const struct entry *e = entry_at(sh, i, prefix);
    if (e)
        *ret = e->committed;
    return e != NULL;
}

bool shelf_latest_at(const struct shelf *sh, size_t i, const char *prefix,
                     const struct object **ret)
{
    const struct entry *e = entry_at(sh, i, prefix);
    if (e)
        *ret = e->latest;
    return e != NULL;
}

/* ---- uids ---- */

static void uid_forget(struct store *s, const struct object *o)
{
    if (o && o->uid[0])
        mem_free(map_del(&s->uids, o->uid));
}

static void uid_learn(struct store *s, struct shelf *sh, struct entry *e)
{
    if (!e->latest || !e->latest->uid[0])
        return;
    struct place *p = mem_new(struct place);
    *p = (struct place){sh, e};
    mem_free(map_set(&s->uids, e->latest->uid, p));
}

const struct object *store_by_uid(const struct store *s, const char *uid, struct shelf **ret_shelf)
{
    struct place *p = map_get(&s->uids, uid);
    if (!p)
        return NULL;
    if (ret_shelf)
        *ret_shelf = p->shelf;
    return p->entry->latest;
}

/* Replaces what writers see. Takes one reference of `o`. */
static void latest_set(struct store *s, struct shelf *sh, struct entry *e, const struct object *o)
{
    const struct object *old = e->latest;
    if (!old || !o || !streq(old->uid, o->uid)) {
        uid_forget(s, old);
        e->latest = o;
        uid_learn(s, sh, e);
    } else {
        e->latest = o;
    }
    object_unref(old);
}

/* ---- the queue ---- */

static struct batch *batch_filling(struct store *s)
{
    if (!s->filling)
        s->filling = mem_new(struct batch);
    return s->filling;
}

static void batch_free(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        object_unref(b->ops[i].obj);
        object_unref(b->ops[i].prev);
    }
    mem_free(b->ops);
    mem_free(b->waiters);
    mem_free(b->why);
    mem_free(b);
}

static struct anchor *anchor_ref(struct anchor *a)
{
    a->refs++;
    return a;
}

/* The store, or NULL when it has gone meanwhile. */
static struct store *anchor_drop(struct anchor *a)
{
    struct store *s = a->store;
    if (--a->refs == 0)
        mem_free(a);
    return s ? CAST(store, s) : NULL;
}

static void store_flush(struct store *s);

static void flush_turn(void *arg)
{
    store_flush(CAST(store, arg));
}

/* Writes of one turn of the loop go into one batch. */
static void flush_soon(struct store *s)
{
    if (!s->writing && !s->closing && !loop_timer_active(s->flush))
        loop_timer_start(s->flush, 0);
}

static void op_add(struct store *s, struct shelf *sh, struct entry *e, enum event_type type,
                   struct object *obj)
{
    struct batch *b = batch_filling(s);
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->ops = mem_realloc(b->ops, b->cap * sizeof(*b->ops));
    }
    const struct object *prev = e->latest ? object_ref(e->latest) : NULL;
    b->ops[b->n++] = (struct op){sh, e, e->id, type, obj, (struct object *)(uintptr_t)prev};
    b->revision = obj->rv;
    e->queued++;
    latest_set(s, sh, e, type == EVENT_DELETED ? NULL : object_ref(obj));
    flush_soon(s);
}

const struct object *store_put(struct store *s, struct shelf *sh, const char *key,
                               const cJSON *tree)
{
    struct entry *e = entry_make(s, sh, key);
    struct object *o = object_new(sh, key, tree, ++s->given);
    op_add(s, sh, e, e->latest ? EVENT_MODIFIED : EVENT_ADDED, o);
    return o;
}

const struct object *store_delete(struct store *s, struct shelf *sh, const char *key)
{
    struct entry *e = shelf_entry(sh, key);
    ATOLL_ASSERT(e && e->latest);
    struct object *o = object_with_rv(e->latest, ++s->given);
    op_add(s, sh, e, EVENT_DELETED, o);
    return o;
}

const struct object *store_draft(const struct shelf *sh, const char *key, const cJSON *tree,
                                 uint64_t rv)
{
    return object_new(sh, key, tree, rv);
}

const struct object *object_renumbered(const struct object *o, uint64_t rv)
{
    return object_with_rv(o, rv);
}

void store_sync(struct store *s, store_sync_fn *fn, void *arg)
{
    struct batch *b = s->filling || !s->writing ? batch_filling(s) : s->writing;
    if (b->n_waiters == b->cap_waiters) {
        b->cap_waiters = b->cap_waiters ? b->cap_waiters * 2 : 16;
        b->waiters = mem_realloc(b->waiters, b->cap_waiters * sizeof(*b->waiters));
    }
    b->waiters[b->n_waiters++] = (struct waiter){fn, arg};
    flush_soon(s);
}

/* ---- commit ---- */

static void batch_wake(const struct batch *b, int error)
{
    for (size_t i = 0; i < b->n_waiters; i++)
        b->waiters[i].fn(b->waiters[i].arg, error);
}

static void op_publish(struct store *s, const struct op *op)
{
    struct entry *e = op->entry;
    struct event ev = {op->obj->rv, op->shelf, op->type, op->obj, op->prev};
    bool gone = op->type == EVENT_DELETED;
    op->shelf->live += (size_t)(!gone) - (size_t)(e->committed != NULL);
    object_unref(e->committed);
    e->committed = gone ? NULL : object_ref(op->obj);
    e->queued--;
    s->revision = ev.rv;
    history_add(&s->history, &ev);
    for (size_t i = 0; i < s->n_listeners; i++)
        s->listeners[i].fn(s->listeners[i].arg, &ev);
    entry_settle(op->shelf, e);
}

/* Back to the committed state, newest first. */
static void batch_undo(struct store *s, struct batch *b)
{
    for (size_t i = b->n; i-- > 0;) {
        struct op *op = &b->ops[i];
        op->entry->queued--;
        if (op->entry->latest != op->entry->committed)
            latest_set(s, op->shelf, op->entry,
                       op->entry->committed ? object_ref(op->entry->committed) : NULL);
        entry_settle(op->shelf, op->entry);
    }
}

static void batch_lost(struct store *s, struct batch *b)
{
    struct batch *top = s->filling;
    s->filling = NULL;
    log_error("store: %zu writes are lost: %s", b->n + (top ? top->n : 0), b->why);
    metric_add(s->commit_errors, NULL, 1);
    if (top)
        batch_undo(s, top);
    batch_undo(s, b);
    batch_wake(b, b->error);
    if (top) {
        batch_wake(top, b->error);
        batch_free(top);
    }
}

static void batch_done(struct store *s, struct batch *b)
{
    if (b->error) {
        batch_lost(s, b);
    } else {
        for (size_t i = 0; i < b->n; i++)
            op_publish(s, &b->ops[i]);
        batch_wake(b, 0);
    }
    batch_free(b);
}

static void commit_work(void *arg)
{
    struct store *s =
        ((struct anchor *)arg)->store; /* on the worker: only db and writing are touched */
    db_commit(s->db, s->writing);
}

static void commit_done(void *arg)
{
    struct store *s = anchor_drop(arg);
    if (!s)
        return;
    struct batch *b = TAKE(s->writing);
    metric_add(s->commits, NULL, 1);
    metric_observe(s->commit_seconds, NULL, (double)(clock_mono_us() - s->submitted_us) / 1e6);
    batch_done(s, b);
    if (s->filling && !s->writing)
        store_flush(s);
}

static void store_flush(struct store *s)
{
    if (s->writing || !s->filling)
        return;
    s->writing = s->filling;
    s->filling = NULL;
    if (!s->writing->n) { /* only waiters: everything is on the disk already */
        batch_done(s, TAKE(s->writing));
        return;
    }
    s->submitted_us = clock_mono_us();
    worker_add(s->worker, commit_work, commit_done, anchor_ref(s->anchor));
}

/* ---- reading the past ---- */

uint64_t store_revision(const struct store *s)
{
    return s->revision;
}

uint64_t store_floor(const struct store *s)
{
    return s->history.floor;
}

int store_history_after(const struct store *s, uint64_t rv, size_t *ret_i)
{
    if (rv < s->history.floor)
        return -ESTALE;
    *ret_i = history_after(&s->history, rv);
    return 0;
}

const struct event *store_history_at(const struct store *s, size_t i)
{
    return history_at(&s->history, i);
}

void store_listen(struct store *s, store_listen_fn *fn, void *arg)
{
    ATOLL_ASSERT(s->n_listeners < LISTENERS_MAX);
    s->listeners[s->n_listeners].fn = fn;
    s->listeners[s->n_listeners++].arg = arg;
}

/* A sorted list of borrowed objects that can be rolled back. */
struct past {
    const struct object **items;
    size_t n;
};

static void past_undo(struct past *p, const struct event *e)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(p->items[mid]->key, e->obj->key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    bool there = low < p->n && streq(p->items[low]->key, e->obj->key);
    if (there && e->prev) {
        p->items[low] = e->prev;
    } else if (there) {
        memmove(&p->items[low], &p->items[low + 1], (p->n - low - 1) * sizeof(void *));
        p->n--;
    } else if (e->prev) {
        memmove(&p->items[low + 1], &p->items[low], (p->n - low) * sizeof(void *));
        p->items[low] = e->prev;
        p->n++;
    }
}

int store_snapshot(const struct store *s, const struct shelf *sh, const char *prefix, uint64_t rv,
                   struct arena *a, const struct object ***ret, size_t *ret_n)
{
    size_t from;
    int rc = store_history_after(s, rv, &from);
    if (rc < 0)
        return rc;
    struct past p = {arena_array(a, const struct object *, sh->n + s->history.n - from + 1), 0};
    const struct object *o;
    for (size_t i = shelf_first(sh, prefix); shelf_at(sh, i, prefix, &o); i++) {
        if (o)
            p.items[p.n++] = o;
    }
    for (size_t i = s->history.n; i-- > from;) {
        const struct event *e = history_at(&s->history, i);
        if (e->shelf == sh && (!prefix || str_starts(e->obj->key, prefix)))
            past_undo(&p, e);
    }
    *ret = p.items;
    *ret_n = p.n;
    return 0;
}

/* ---- birth and death ---- */

static int load_row(void *arg, int64_t id, const char *shelf, struct object *obj, struct err **err)
{
    (void)err;
    struct store *s = arg;
    struct shelf *sh = map_get(&s->shelves, shelf);
    if (!sh) /* its kind is named by whoever registers it; nothing is written before that */
        sh = store_shelf(s, shelf, "", "", NULL);
    struct entry *e = entry_make(s, sh, obj->key);
    e->id = id;
    e->committed = obj;
    latest_set(s, sh, e, object_ref(obj));
    sh->live++;
    if (id > s->last_id)
        s->last_id = id;
    return 0;
}

int store_open(struct loop *l, const struct store_opts *o, struct store **ret, struct err **err)
{
    struct store *s = mem_new(struct store);
    s->magic = store_MAGIC;
    s->loop = l;
    s->anchor = mem_new(struct anchor);
    *s->anchor = (struct anchor){s, 1};
    s->flush = loop_timer_new(l, flush_turn, s);
    s->commits = metric_get("atoll_apiserver_commits_total", METRIC_COUNTER, NULL,
                            "Transactions of the store.");
    s->commit_errors = metric_get("atoll_apiserver_commit_errors_total", METRIC_COUNTER, NULL,
                                  "Transactions of the store that failed.");
    s->commit_seconds = metric_get("atoll_apiserver_commit_seconds", METRIC_HISTOGRAM, NULL,
                                   "Time from handing a batch to the disk until it was there.");
    int rc = db_open(o->path, o->size_max, &s->db, err);
    if (rc == 0)
        rc = db_load(s->db, load_row, s, &s->revision, err);
    if (rc == 0)
        rc = worker_new(l, "store", &s->worker, err);
    history_init(&s->history, o->history_events, o->history_bytes, s->revision);
    s->given = s->revision;
    if (rc < 0) {
        store_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

static void shelf_free(struct shelf *sh)
{
    for (size_t i = 0; i < sh->n; i++) {
        object_unref(sh->entries[i]->committed);
        object_unref(sh->entries[i]->latest);
        mem_free(sh->entries[i]);
    }
    mem_free(sh->entries);
    mem_free(sh->name);
    mem_free(sh->kind);
    mem_free(sh->api_version);
    mem_free(sh);
}

void store_commit_now(struct store *s)
{
    ATOLL_ASSERT(!s->writing);
    loop_timer_stop(s->flush);
    while (s->filling) {
        struct batch *b = TAKE(s->filling);
        if (b->n)
            db_commit(s->db, b);
        batch_done(s, b);
    }
}

/* What is at the worker is waited for, what is filling is committed here: nothing is lost on a
 * clean end. */
void store_drain(struct store *s)
{
    if (!s || !s->worker)
        return;
    s->closing = true;
    worker_free(TAKE(s->worker));
    if (s->writing)
        batch_done(s, TAKE(s->writing));
    store_commit_now(s);
}

void store_free(struct store *s)
{
    if (!s)
        return;
    store_drain(s);
    loop_timer_free(s->flush);
    history_done(&s->history);
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&s->shelves, &it, &key, &value))
        shelf_free(value);
    map_done(&s->shelves);
    for (it = 0; map_next(&s->uids, &it, &key, &value);)
        mem_free(value);
    map_done(&s->uids);
    db_close(s->db);
    s->anchor->store = NULL;
    anchor_drop(s->anchor);
    s->magic = 0;
    mem_free(s);
}
