/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: every *.cfg of a directory (libconfig syntax, in name order) read through one
 * table.
 *
 * Each program states its keys in a `struct conf_key` table; the table is what checks, defaults and
 * documents them. An unknown key, a wrong type or a value out of bounds is an error that names the
 * file and the line: "conf.d/10-member.cfg line 4: apiserver.port: want 1..65535, found 99999". A
 * later file wins over an earlier one, key by key.
 */
#ifndef ATOLL_BASE_CONF_H
#define ATOLL_BASE_CONF_H

#include "base/err.h"

enum conf_type { CONF_STR, CONF_INT, CONF_BOOL, CONF_DURATION /* ms */, CONF_STR_LIST };

struct conf_key {
    const char
        *path; /* "apiserver.port"; "engines.*.isolation": the star is one name the user chose;
                * a path ending in ".**" accepts any scalar below it (checked later by its owner) */
    enum conf_type type;
    const char *def;     /* text form, NULL = none */
    int64_t min, max;    /* for INT and DURATION; both 0 = no bounds */
    const char *allowed; /* for STR: "process|inline"; NULL = anything */
    const char *help;
};

struct conf; /* immutable after load; free with conf_free */

int conf_load_dir(const char *dir, const struct conf_key *keys, size_t n_keys, struct conf **ret,
                  struct err **err);
int conf_load_text(const char *name, const char *text, const struct conf_key *keys, size_t n_keys,
                   struct conf **ret, struct err **err);
void conf_free(struct conf *c);
static inline void conf_freep(struct conf **c)
{
    conf_free(*c);
    *c = NULL;
}
/* Values after defaults. A key that is not in the table is a programming error (assert). */
const char *conf_str(const struct conf *c, const char *path); /* NULL when unset without default */
int64_t conf_int(const struct conf *c, const char *path);     /* 0 when unset; DURATION in ms */
bool conf_bool(const struct conf *c, const char *path);
size_t conf_list_len(const struct conf *c, const char *path);
const char *conf_list_at(const struct conf *c, const char *path, size_t i);
bool conf_is_set(const struct conf *c, const char *path); /* in a file, not by default */
/* "file line N" of a key that is set, for errors of its owner; "default" otherwise. Valid while c
 * lives. */
const char *conf_where(const struct conf *c, const char *path);
/* Names in the place of a star: conf_names(c, "engines") -> {"x", "y", NULL}. Valid while c lives.
 */
const char *const *conf_names(const struct conf *c, const char *prefix);
/* Raw text of a key below a ".**" path, NULL when absent. */
const char *conf_raw(const struct conf *c, const char *path);
/* For --help and the manual: one line per key. */
struct buf;
void conf_keys_print(const struct conf_key *keys, size_t n_keys, struct buf *out);

#endif
