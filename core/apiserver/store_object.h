/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store: how objects are made, and the database behind the queue. */
#ifndef ATOLL_APISERVER_STORE_OBJECT_H
#define ATOLL_APISERVER_STORE_OBJECT_H

#include "apiserver/store.h"

/* From a tree. `rv` 0 leaves resourceVersion out. */
struct object *object_new(const struct shelf *sh, const char *key, const cJSON *tree, uint64_t rv);
/* The same object with another revision. */
struct object *object_with_rv(const struct object *o, uint64_t rv);
/* From the columns of the database; the texts are copied. -EINVAL when text has not our shape. */
int object_load(const char *key, uint64_t rv, uint32_t flags, const char *uid, struct str head,
                struct str owners, struct str text, struct object **ret);
size_t object_owners_len(const struct object *o); /* bytes of the list, its end included */

/* One change of one row, in the order of revisions. */
struct op {
    struct shelf *shelf;
    struct entry *entry;
    int64_t id; /* row; entries keep theirs for life */
    enum event_type type;
    struct object *obj;  /* ADDED, MODIFIED: new state; DELETED: what the event carries */
    struct object *prev; /* NULL for ADDED */
};
struct waiter {
    store_sync_fn *fn;
    void *arg;
};
struct batch {
    struct op *ops;
    size_t n, cap;
    struct waiter *waiters;
    size_t n_waiters, cap_waiters;
    uint64_t revision; /* the last one given */
    int error;         /* of the commit */
    char *why;         /* heap, when error */
};

/* The database. db_commit runs on the worker, all else before the worker exists or after it ended.
 */
struct db;
typedef int db_row_fn(void *arg, int64_t id, const char *shelf, struct object *obj,
                      struct err **err);
int db_open(const char *path, uint64_t size_max, struct db **ret, struct err **err);
void db_close(struct db *d);
/* Rows ordered by shelf and key; *ret_revision is the last committed revision. */
int db_load(struct db *d, db_row_fn *fn, void *arg, uint64_t *ret_revision, struct err **err);
/* One transaction; sets error and why of the batch. */
void db_commit(struct db *d, struct batch *b);

/* The ring of events. */
struct history {
    struct event *ring;
    size_t cap, start, n;
    size_t bytes, bytes_max;
    uint64_t floor;
};
void history_init(struct history *h, size_t events_max, size_t bytes_max, uint64_t floor);
void history_done(struct history *h);
/* References both objects. */
void history_add(struct history *h, const struct event *e);
const struct event *history_at(const struct history *h, size_t i);
size_t history_after(const struct history *h, uint64_t rv);

#endif
