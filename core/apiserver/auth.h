/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and whether they may.
 *
 * Users come from bearer tokens (kept as SHA-256 in a file) and client certificates. Members of
 * system:masters may do everything; other authenticated users may see discovery, version and health
 * and ask about themselves; anonymous sees version and health. Role-based rules are one more row in
 * the list of authorizers.
 */
#ifndef ATOLL_APISERVER_AUTH_H
#define ATOLL_APISERVER_AUTH_H

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

#define USER_GROUPS_MAX 32

/* Texts belong to the arena of the request. */
struct user {
    const char *name, *uid;
    const char *groups[USER_GROUPS_MAX + 1]; /* ended by NULL */
    size_t n_groups;
};
void user_add_group(struct user *u, const char *group); /* once; above the maximum it is left out */
bool user_in_group(const struct user *u, const char *group);

/* What is asked for: a resource (path NULL) or a path. */
struct attributes {
    const char *verb;
    const char *group, *version, *resource, *sub, *ns, *name; /* NULL = none */
    const char *path;
};

struct auth;
/* `tokens_file` NULL = no tokens. It is read again when it changes; a file that cannot be read then
 * leaves the old tokens valid and is logged. */
int auth_new(struct loop *l, const char *tokens_file, struct auth **ret, struct err **err);
void auth_free(struct auth *a);

/* The user of a bearer token. -EACCES when nobody has it. */
int auth_token(const struct auth *a, struct str token, struct arena *arena, struct user *ret);
/* The user of the request by its headers and certificate; anonymous when there is neither. -EACCES:
 * 401. */
int auth_user(const struct auth *a, const char *authorization, const char *cert_cn,
              const char *const *cert_orgs, struct arena *arena, struct user *ret);
bool auth_allowed(const struct auth *a, const struct user *u, const struct attributes *at,
                  const char **ret_reason);

/* From "sha256hex,user,uid,group1|group2" lines. Exposed for tests. */
struct token_table;
int token_table_parse(const char *name, const char *text, struct token_table **ret,
                      struct err **err);
void token_table_free(struct token_table *t);

#endif
