/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite below the store: one row per object, one row for the revision, WAL, one transaction per
 * batch.
 *
 * `synchronous=FULL`: when a commit returns, its pages are on the disk; that is what an answered
 * write promises. The file is used by one thread at a time: the opener, then the writer's worker,
 * then the closer. Rows keep the id their entry got at birth, so that no text has to be searched.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "apiserver/store_object.h"

#define DB_FORMAT "1"

static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS objects(id INTEGER PRIMARY KEY, shelf TEXT NOT NULL, key TEXT NOT "
    "NULL,"
    " rv INTEGER NOT NULL, flags INTEGER NOT NULL, uid TEXT NOT NULL, head TEXT NOT NULL,"
    " owners BLOB NOT NULL, body TEXT NOT NULL);"
    "INSERT OR IGNORE INTO meta VALUES('format','" DB_FORMAT "'),('revision',0);";

enum statement { ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_PUT, ST_DELETE, ST_REVISION, ST_N };
static const char *const STATEMENTS[ST_N] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_PUT] =
        ("INSERT INTO objects VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT(id) DO UPDATE SET"
         " rv=?4, flags=?5, uid=?6, head=?7, owners=?8, body=?9"),
    [ST_DELETE] = "DELETE FROM objects WHERE id=?1",
    [ST_REVISION] = "UPDATE meta SET value=?1 WHERE name='revision'",
};

struct db {
    sqlite3 *sql;
    char *path;
    sqlite3_stmt *st[ST_N];
};

static int db_fail(struct db *d, struct err **err, const char *what)
{
    return err_set(err, -EIO, "%s: %s: %s", d->path, what, sqlite3_errmsg(d->sql));
}

static int db_exec(struct db *d, const char *text, struct err **err)
{
    char *why = NULL;
    if (sqlite3_exec(d->sql, text, NULL, NULL, &why) == SQLITE_OK)
        return 0;
    int rc = sqlite3_errcode(d->sql) == SQLITE_BUSY
                 ? err_set(err, -EBUSY, "%s: is in use by another server", d->path)
                 : err_set(err, -EIO, "%s: %s", d->path, why ? why : sqlite3_errmsg(d->sql));
    sqlite3_free(why);
    return rc;
}

/* A number or text in one row and column. */
static int db_one(struct db *d, const char *text, sqlite3_stmt **ret, struct err **err)
{
    if (sqlite3_prepare_v2(d->sql, text, -1, ret, NULL) != SQLITE_OK)
        return db_fail(d, err, "reading");
    if (sqlite3_step(*ret) == SQLITE_ROW)
        return 0;
    sqlite3_finalize(*ret);
    *ret = NULL;
    return db_fail(d, err, "reading");
}

static int db_check_format(struct db *d, struct err **err)
{
    sqlite3_stmt *st = NULL;
    int rc = db_one(d, "SELECT value FROM meta WHERE name='format'", &st, err);
    if (rc < 0)
        return rc;
    const char *found = (const char *)sqlite3_column_text(st, 0);
    if (!streq(found, DB_FORMAT))
        rc = err_set(err, -EPROTO, "%s: has format %s, this program writes format " DB_FORMAT,
                     d->path, found ? found : "(none)");
    sqlite3_finalize(st);
    return rc;
}

static int db_bound(struct db *d, uint64_t size_max, struct err **err)
{
    if (!size_max)
        return 0;
    AUTO(mem_freep)
    char *text = mem_printf("PRAGMA max_page_count=%" PRIu64, size_max / 4096 + 1);
    return db_exec(d, text, err);
}

static int db_prepare(struct db *d, struct err **err)
{
    for (int i = 0; i < ST_N; i++) {
        if (sqlite3_prepare_v3(d->sql, STATEMENTS[i], -1, SQLITE_PREPARE_PERSISTENT, &d->st[i],
                               NULL) != SQLITE_OK)
            return db_fail(d, err, STATEMENTS[i]);
    }
    return 0;
}

/* The parts of opening, in order. A second server on the same file is refused by the exclusive
 * lock. */
static int db_start(struct db *d, uint64_t size_max, struct err **err)
{
    int rc =
        db_exec(d,
                "PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                "PRAGMA synchronous=FULL; PRAGMA cache_size=-1024; PRAGMA wal_autocheckpoint=2000;"
                "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=16777216",
                err);
    if (rc == 0)
        rc = db_exec(d, SCHEMA, err);
    if (rc == 0)
        rc = db_check_format(d, err);
    if (rc == 0)
        rc = db_bound(d, size_max, err);
    return rc < 0 ? rc : db_prepare(d, err);
}

int db_open(const char *path, uint64_t size_max, struct db **ret, struct err **err)
{
    struct db *d = mem_new(struct db);
    d->path = mem_strdup(path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(path, &d->sql, flags, NULL) == SQLITE_OK ? db_start(d, size_max, err)
                                                                      : db_fail(d, err, "opening");
    if (rc < 0) {
        db_close(d);
        return rc;
    }
    *ret = d;
    return 0;
}

void db_close(struct db *d)
{
    if (!d)
        return;
    for (int i = 0; i < ST_N; i++)
        sqlite3_finalize(d->st[i]);
    sqlite3_close(d->sql);
    mem_free(d->path);
    mem_free(d);
}

static struct str column_str(sqlite3_stmt *st, int i)
{
    const char *p = sqlite3_column_blob(st, i);
    return (struct str){p, p ? (size_t)sqlite3_column_bytes(st, i) : 0};
}

static int db_row(struct db *d, sqlite3_stmt *st, db_row_fn *fn, void *arg, struct err **err)
{
    const char *shelf = (const char *)sqlite3_column_text(st, 1);
    const char *key = (const char *)sqlite3_column_text(st, 2);
    const char *uid = (const char *)sqlite3_column_text(st, 5);
    struct object *o = NULL;
    if (!shelf || !key ||
        object_load(key, (uint64_t)sqlite3_column_int64(st, 3), (uint32_t)sqlite3_column_int(st, 4),
                    uid, column_str(st, 6), column_str(st, 7), column_str(st, 8), &o) < 0)
        return err_set(err, -EPROTO, "%s: row %lld (%s %s) is damaged", d->path,
                       (long long)sqlite3_column_int64(st, 0), shelf ? shelf : "?",
                       key ? key : "?");
    return fn(arg, sqlite3_column_int64(st, 0), shelf, o, err);
}

static int db_load_revision(struct db *d, uint64_t *ret, struct err **err)
{
    sqlite3_stmt *st = NULL;
    int rc = db_one(d, "SELECT value FROM meta WHERE name='revision'", &st, err);
    if (rc == 0)
        *ret = (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return rc;
}

int db_load(struct db *d, db_row_fn *fn, void *arg, uint64_t *ret_revision, struct err **err)
{
    int rc = db_load_revision(d, ret_revision, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(d->sql,
                           "SELECT id,shelf,key,rv,flags,uid,head,owners,body FROM objects"
                           " ORDER BY shelf,key",
                           -1, &st, NULL) != SQLITE_OK)
        return db_fail(d, err, "reading objects");
    int step = SQLITE_ROW;
    while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
        rc = db_row(d, st, fn, arg, err);
    sqlite3_finalize(st);
    if (rc == 0 && step != SQLITE_DONE)
        rc = db_fail(d, err, "reading objects");
    return rc;
}

static int db_step(struct db *d, enum statement which)
{
    int rc = sqlite3_step(d->st[which]);
    sqlite3_reset(d->st[which]);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static void bind_str(sqlite3_stmt *st, int i, struct str s)
{
    sqlite3_bind_text(st, i, s.ptr ? s.ptr : "", (int)s.len, SQLITE_STATIC);
}

static int db_put(struct db *d, const struct op *op)
{
    sqlite3_stmt *st = d->st[ST_PUT];
    const struct object *o = op->obj;
    sqlite3_bind_int64(st, 1, op->id);
    bind_str(st, 2, str_of(op->shelf->name));
    bind_str(st, 3, str_of(o->key));
    sqlite3_bind_int64(st, 4, (int64_t)o->rv);
    sqlite3_bind_int(st, 5, (int)o->flags);
    bind_str(st, 6, str_of(o->uid));
    bind_str(st, 7, o->head);
    sqlite3_bind_blob(st, 8, o->owners, (int)object_owners_len(o), SQLITE_STATIC);
    bind_str(st, 9, o->text);
    int rc = db_step(d, ST_PUT);
    sqlite3_clear_bindings(st); /* the texts belong to the loop's thread */
    return rc;
}

static int db_write_all(struct db *d, const struct batch *b)
{
    int rc = db_step(d, ST_BEGIN);
    for (size_t i = 0; i < b->n && rc == SQLITE_OK; i++) {
        if (b->ops[i].type != EVENT_DELETED) {
            rc = db_put(d, &b->ops[i]);
        } else {
            sqlite3_bind_int64(d->st[ST_DELETE], 1, b->ops[i].id);
            rc = db_step(d, ST_DELETE);
        }
    }
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(d->st[ST_REVISION], 1, (int64_t)b->revision);
        rc = db_step(d, ST_REVISION);
    }
    return rc == SQLITE_OK ? db_step(d, ST_COMMIT) : rc;
}

void db_commit(struct db *d, struct batch *b)
{
    int rc = db_write_all(d, b);
    if (rc == SQLITE_OK)
        return;
    b->error = (rc & 0xff) == SQLITE_FULL ? -ENOSPC : -EIO;
    b->why = mem_printf("%s: %s", d->path, sqlite3_errmsg(d->sql));
    if (!sqlite3_get_autocommit(d->sql))
        db_step(d, ST_ROLLBACK);
}
