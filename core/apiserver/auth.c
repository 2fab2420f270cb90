/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, certificates and the list of authorizers. Reviews over the API are in auth_reviews.c.
 *
 * The token file holds digests, so that reading it gives nobody access. Looking a digest up by hash
 * leaks nothing about the tokens: an attacker cannot choose a digest.
 */
#include "apiserver/auth.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "io/tls.h"

#define LOG_ROOM   "apiserver"
#define TOKENS_MAX (1U << 20)

struct token_user {
    char *name, *uid, *groups; /* groups as written: "a|b" */
};

struct token_table {
    struct map by_digest; /* sha256hex -> struct token_user */
};

struct auth {
    struct token_table *tokens; /* NULL = none */
    char *path;
    struct loop_file *watch;
};

void user_add_group(struct user *u, const char *group)
{
    if (!user_in_group(u, group) && u->n_groups < USER_GROUPS_MAX)
        u->groups[u->n_groups++] = group;
}

bool user_in_group(const struct user *u, const char *group)
{
    for (size_t i = 0; i < u->n_groups; i++) {
        if (streq(u->groups[i], group))
            return true;
    }
    return false;
}

/* ---- tokens ---- */

static void token_user_free(struct token_user *u)
{
    if (!u)
        return;
    mem_free(u->name);
    mem_free(u->uid);
    mem_free(u->groups);
    mem_free(u);
}

void token_table_free(struct token_table *t)
{
    if (!t)
        return;
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&t->by_digest, &it, &key, &value))
        token_user_free(value);
    map_done(&t->by_digest);
    mem_free(t);
}

static bool is_digest(struct str s)
{
    if (s.len != TLS_SHA256_HEX - 1)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!strchr("0123456789abcdef", s.ptr[i]))
            return false;
    }
    return true;
}

static int token_line(struct token_table *t, const char *name, unsigned line, struct str text,
                      struct err **err)
{
    struct str part[4] = {{0}}, piece;
    size_t n = 0;
    while (n < ARRAY_LEN(part) && str_split(&text, ',', &piece))
        part[n++] = str_trim(piece);
    if (n < 3 || text.len || !is_digest(part[0]) || !part[1].len)
        return err_set(
            err, -EINVAL,
            "%s line %u: want \"sha256hex,user,uid,group1|group2\", found something else", name,
            line);
    struct token_user *u = mem_new(struct token_user);
    u->name = mem_strndup(part[1].ptr, part[1].len);
    u->uid = mem_strndup(part[2].len ? part[2].ptr : "", part[2].len);
    u->groups = mem_strndup(part[3].len ? part[3].ptr : "", part[3].len);
    AUTO(mem_freep) char *digest = mem_strndup(part[0].ptr, part[0].len);
    token_user_free(map_set(&t->by_digest, digest, u));
    return 0;
}

int token_table_parse(const char *name, const char *text, struct token_table **ret,
                      struct err **err)
{
    struct token_table *t = mem_new(struct token_table);
    struct str rest = str_of(text), line;
    unsigned number = 0;
    while (str_split(&rest, '\n', &line)) {
        number++;
        line = str_trim(line);
        if (!line.len || line.ptr[0] == '#')
            continue;
        int rc = token_line(t, name, number, line, err);
        if (rc < 0) {
            token_table_free(t);
            return rc;
        }
    }
    *ret = t;
    return 0;
}

static int auth_load(struct auth *a, struct err **err)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    int rc = file_read(a->path, TOKENS_MAX, &text, &len, err);
    if (rc < 0)
        return rc;
    struct token_table *t = NULL;
    rc = token_table_parse(a->path, text, &t, err);
    if (rc < 0)
        return rc;
    token_table_free(a->tokens);
    a->tokens = t;
    return 0;
}

static void auth_changed(void *arg)
{
    struct auth *a = arg;
    AUTO(err_freep) struct err *err = NULL;
    if (auth_load(a, &err) < 0)
        log_warn("tokens stay as they were: %s", err_text(err));
}

int auth_new(struct loop *l, const char *tokens_file, struct auth **ret, struct err **err)
{
    struct auth *a = mem_new(struct auth);
    a->path = mem_strdup(tokens_file);
    int rc = 0;
    if (tokens_file) {
        rc = auth_load(a, err);
        if (rc == 0)
            rc = loop_file_new(l, tokens_file, auth_changed, a, &a->watch, err);
    }
    if (rc < 0) {
        auth_free(a);
        return err_wrap(err, "reading the tokens");
    }
    *ret = a;
    return 0;
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    loop_file_free(a->watch);
    token_table_free(a->tokens);
    mem_free(a->path);
    mem_free(a);
}

int auth_token(const struct auth *a, struct str token, struct arena *arena, struct user *ret)
{
    char digest[TLS_SHA256_HEX];
    const struct token_user *u =
        a->tokens ? map_get(&a->tokens->by_digest, tls_sha256(token, digest)) : NULL;
    if (!u)
        return -EACCES;
    *ret = (struct user){.name = arena_strdup(arena, u->name), .uid = arena_strdup(arena, u->uid)};
    struct str rest = str_of(u->groups), group;
    while (str_split(&rest, '|', &group)) {
        if (group.len)
            user_add_group(ret, arena_strndup(arena, group.ptr, group.len));
    }
    user_add_group(ret, "system:authenticated");
    return 0;
}

int auth_user(const struct auth *a, const char *authorization, const char *cert_cn,
              const char *const *cert_orgs, struct arena *arena, struct user *ret)
{
    if (cert_cn) {
        *ret = (struct user){.name = arena_strdup(arena, cert_cn), .uid = ""};
        for (size_t i = 0; cert_orgs && cert_orgs[i]; i++)
            user_add_group(ret, arena_strdup(arena, cert_orgs[i]));
        user_add_group(ret, "system:authenticated");
        return 0;
    }
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0)
        return auth_token(a, str_trim(str_of(authorization + 7)), arena, ret);
    *ret = (struct user){.name = "system:anonymous", .uid = ""};
    user_add_group(ret, "system:unauthenticated");
    return 0;
}

/* ---- authorizers ---- */

static const char *const PUBLIC_PATHS[] = {"/healthz", "/livez", "/readyz", "/version", NULL};
static const char *const DISCOVERY_PATHS[] = {"/api", "/apis", "/openapi", "/.well-known", NULL};

/* The path is one of the list or lies below it. */
static bool path_in(const char *path, const char *const *list)
{
    for (size_t i = 0; list[i]; i++) {
        size_t n = strlen(list[i]);
        if (strncmp(path, list[i], n) == 0 && (!path[n] || path[n] == '/'))
            return true;
    }
    return false;
}

static bool allow_masters(const struct user *u, const struct attributes *at,
                          const char **ret_reason)
{
    (void)at;
    (void)ret_reason;
    return user_in_group(u, "system:masters");
}

static bool allow_public(const struct user *u, const struct attributes *at, const char **ret_reason)
{
    (void)u;
    *ret_reason = "everybody may see health and version";
    return at->path && streq(at->verb, "get") && path_in(at->path, PUBLIC_PATHS);
}

static bool allow_discovery(const struct user *u, const struct attributes *at,
                            const char **ret_reason)
{
    *ret_reason = "every authenticated user may see what is served";
    return at->path && streq(at->verb, "get") && user_in_group(u, "system:authenticated") &&
           path_in(at->path, DISCOVERY_PATHS);
}

/* Questions about oneself. */
static bool allow_self(const struct user *u, const struct attributes *at, const char **ret_reason)
{
    *ret_reason = "every authenticated user may ask about themselves";
    return at->resource && streq(at->verb, "create") && user_in_group(u, "system:authenticated") &&
           ((streq(at->group, "authorization.k8s.io") && str_starts(at->resource, "selfsubject")) ||
            (streq(at->group, "authentication.k8s.io") &&
             streq(at->resource, "selfsubjectreviews")));
}

/* Asked in order; the first that allows decides. Role-based rules belong at the end. */
static bool (*const AUTHORIZERS[])(const struct user *, const struct attributes *,
                                   const char **) = {
    allow_masters,
    allow_public,
    allow_discovery,
    allow_self,
};

bool auth_allowed(const struct auth *a, const struct user *u, const struct attributes *at,
                  const char **ret_reason)
{
    (void)a;
    for (size_t i = 0; i < ARRAY_LEN(AUTHORIZERS); i++) {
        const char *reason = NULL;
        if (AUTHORIZERS[i](u, at, &reason)) {
            *ret_reason = reason;
            return true;
        }
    }
    *ret_reason = NULL;
    return false;
}
