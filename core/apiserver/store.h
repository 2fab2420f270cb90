/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: every object as its serialised JSON in memory, SQLite below, one revision counter.
 *
 * A write is checked and given its revision at once, in memory, and waits in a queue; a worker
 * commits the queue as one transaction. Only then do readers see it, do watchers get its event and
 * does store_sync call back. Writers see queued writes (shelf_latest), so that a chain of writes to
 * one object keeps its order without waiting. A failed transaction undoes everything that is
 * queued: what was not committed has been seen by nobody.
 *
 * Revisions grow, across restarts and kill -9 too, and none is given to two writes that anybody
 * saw. The history of the last events serves watches and paged lists; a restart empties it (older
 * revisions then answer "too old", which every client handles by listing again).
 *
 * Not here: what an object must look like (rest), who gets which event (watch).
 */
#ifndef ATOLL_APISERVER_STORE_H
#define ATOLL_APISERVER_STORE_H

#include "apiserver/selector.h"
#include "base/json.h"
#include "base/list.h"
#include "io/loop.h"

enum object_flag {
    OBJECT_DELETING = 1 << 0,   /* metadata.deletionTimestamp is set */
    OBJECT_FINALIZERS = 1 << 1, /* metadata.finalizers is not empty */
    OBJECT_OWNED = 1 << 2       /* metadata.ownerReferences is not empty */
};

#define OBJECT_UID_MAX 40

/* One version of one object. Immutable; shared by answers, events and history. Loop thread only. */
struct object {
    uint32_t refs;
    uint32_t flags;
    uint64_t rv;
    const char *key; /* "namespace/name", or "name" of a cluster-scoped kind */
    struct str text; /* {"kind":..,"apiVersion":..,"metadata":{..},..}; "}\n" follows: the end of a
                        watch line */
    struct str metadata; /* the value of "metadata", inside text */
    struct str head;     /* what selectors read, as one small JSON object */
    const char *owners;  /* uids of ownerReferences, each ended by NUL, the list by an empty one */
    uint32_t body; /* where text goes on after kind and apiVersion: at "metadata" with its quote */
    char uid[OBJECT_UID_MAX];
};
/* Objects travel as const; counting does not change what they say. */
const struct object *object_ref(const struct object *o);
void object_unref(const struct object *o);  /* NULL is fine */
void object_release(void *o);               /* the same, for callbacks */
cJSON *object_tree(const struct object *o); /* parsed anew; never NULL */
cJSON *object_head(const struct object *o); /* parsed anew; never NULL */

/* All objects of one stored kind, sorted by key. */
struct store;
struct entry;
struct shelf {
    char *name; /* "configmaps", "widgets.golden.example.com": the key in the database */
    char *kind, *api_version; /* of the stored form */
    const struct field_label
        *fields; /* what field selectors may ask; borrowed; NULL = only the name */
    struct entry **entries;
    size_t n, cap;
    size_t live;          /* committed objects */
    struct list watchers; /* watch.c */
};

enum event_type { EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED };
struct event {
    uint64_t rv;
    struct shelf *shelf;
    enum event_type type;
    const struct object *obj;  /* DELETED: the last state with the revision of the deletion */
    const struct object *prev; /* NULL for ADDED */
};

struct store_opts {
    const char *path;      /* of the database file; its directory exists */
    size_t history_events; /* at most this many events are kept */
    size_t history_bytes;  /* and at most this many bytes of object text */
    uint64_t size_max;     /* bytes of the database file, 0 = no bound */
};
/* Opens or creates the database and loads it (blocking). Errors name the file. */
int store_open(struct loop *l, const struct store_opts *o, struct store **ret, struct err **err);
/* Commits what is queued, blocking: for the first writes, before anybody is served. The worker must
 * be idle. */
void store_commit_now(struct store *s);
/* Commits what is queued (blocking), runs what waits. Writes are forbidden afterwards. NULL is
 * fine. */
void store_drain(struct store *s);
void store_free(struct store *s); /* drains first */

uint64_t store_revision(const struct store *s); /* of the last committed write */
uint64_t store_floor(const struct store *s);    /* events after this revision are in the history */
/* Created when absent. `fields` and the texts are taken over from the latest call. */
struct shelf *store_shelf(struct store *s, const char *name, const char *kind,
                          const char *api_version, const struct field_label *fields);
struct shelf *store_find(const struct store *s, const char *name); /* NULL when absent */

/* Borrowed, NULL when absent. */
const struct object *shelf_get(const struct shelf *sh, const char *key); /* committed */
const struct object *shelf_latest(const struct shelf *sh,
                                  const char *key); /* with what is queued */
/* The same by uid, over all shelves, queued writes included. */
const struct object *store_by_uid(const struct store *s, const char *uid, struct shelf **ret_shelf);

/* Position of the first entry with this prefix ("ns/"; "" = all), and the committed object there.
 * shelf_at gives false at the end of the prefix; *ret may be NULL (a queued creation). */
size_t shelf_first(const struct shelf *sh, const char *prefix);
bool shelf_at(const struct shelf *sh, size_t i, const char *prefix, const struct object **ret);
/* The same for queued state. */
bool shelf_latest_at(const struct shelf *sh, size_t i, const char *prefix,
                     const struct object **ret);

/* The objects as they were at `rv`, sorted, borrowed until the loop's turn ends. -ESTALE when the
 * history no longer reaches there. */
int store_snapshot(const struct store *s, const struct shelf *sh, const char *prefix, uint64_t rv,
                   struct arena *a, const struct object ***ret, size_t *ret_n);

/* Queue a write. `tree` is read, not taken; its resourceVersion is replaced. The result is borrowed
 * until the loop's turn ends (object_ref keeps it). */
const struct object *store_put(struct store *s, struct shelf *sh, const char *key,
                               const cJSON *tree);
/* Queue a deletion; the key must exist (queued state). The result is the state DELETED events
 * carry. */
const struct object *store_delete(struct store *s, struct shelf *sh, const char *key);
/* What store_put would make of it, stored nowhere (dry runs). rv 0 = none. Owned by the caller. */
const struct object *store_draft(const struct shelf *sh, const char *key, const cJSON *tree,
                                 uint64_t rv);

/* A copy of an object with another revision. Owned by the caller. */
const struct object *object_renumbered(const struct object *o, uint64_t rv);

/* Calls back when all that is queued now is on disk (error 0) or lost (negative errno, -ENOSPC when
 * the disk or the bound is full). Never from inside the call. */
typedef void store_sync_fn(void *arg, int error);
void store_sync(struct store *s, store_sync_fn *fn, void *arg);

/* Each committed event, in order, before the callbacks of store_sync. At most 8 listeners. */
typedef void store_listen_fn(void *arg, const struct event *e);
void store_listen(struct store *s, store_listen_fn *fn, void *arg);

/* The history, oldest first: the position of the first event after rv, -ESTALE below the floor. */
int store_history_after(const struct store *s, uint64_t rv, size_t *ret_i);
const struct event *store_history_at(const struct store *s, size_t i); /* NULL at the end */

#endif
