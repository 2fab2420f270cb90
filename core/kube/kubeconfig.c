/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubeconfig files. Several files ($KUBECONFIG, separated by colons) are read as one: of two
 * clusters, users or contexts with one name the first wins, and so does the first current-context.
 * Relative paths are relative to the file they stand in. Unlike kubectl we never write these files.
 *
 * Not here: exec plugins and auth-provider (they run programs of the user's choice inside a daemon)
 * and proxies; each is refused with a sentence instead of failing later with a 401.
 */
#include "kube/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/yaml.h"
#include "kube/kube.h"

#define KUBECONFIG_MAX ((size_t)4 << 20)

/* The three lists of all files, in order, so that the first of a name is found first; each element
 * carries "dir", where its relative paths start. */
struct merged {
    cJSON *clusters, *users, *contexts;
    char *current;
    size_t files;
};

static void merged_done(struct merged *m)
{
    cJSON_Delete(m->clusters);
    cJSON_Delete(m->users);
    cJSON_Delete(m->contexts);
    mem_free(m->current);
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

static void merge_list(cJSON *into, const cJSON *from, const char *dir)
{
    json_foreach (it, from) {
        if (!json_str(it, "name"))
            continue;
        cJSON *copy = cJSON_Duplicate(it, true);
        json_put_str(copy, dir, "dir");
        cJSON_AddItemToArray(into, copy);
    }
}

static int merge_file(struct merged *m, const char *path, struct err **err)
{
    AUTO(mem_freep) char *text = NULL;
    AUTO(json_freep) cJSON *docs = NULL;
    size_t len;
    int rc = file_read(path, KUBECONFIG_MAX, &text, &len, err);
    if (rc)
        return rc;
    rc = yaml_parse(path, text, len, &docs, err);
    mem_wipe(text, len);
    if (rc)
        return rc;
    const cJSON *doc = docs->child;
    if (doc && !cJSON_IsObject(doc))
        return err_set(err, -EINVAL, "%s: want a Config object, found something else", path);
    AUTO(mem_freep) char *dir = dir_of(path);
    merge_list(m->clusters, json_at(doc, "clusters"), dir);
    merge_list(m->users, json_at(doc, "users"), dir);
    merge_list(m->contexts, json_at(doc, "contexts"), dir);
    const char *current = json_str(doc, "current-context");
    if (!m->current && current && current[0])
        m->current = mem_strdup(current);
    m->files++;
    return 0;
}

/* $KUBECONFIG: absent files of the list are passed over, as kubectl does. */
static int merge_env(struct merged *m, const char *list, struct err **err)
{
    struct str rest = str_of(list), piece;
    while (str_split(&rest, ':', &piece)) {
        AUTO(mem_freep) char *path = mem_strndup(piece.ptr, piece.len);
        if (piece.len == 0 || !file_exists(path))
            continue;
        int rc = merge_file(m, path, err);
        if (rc)
            return rc;
    }
    if (m->files == 0)
        return err_set(err, -ENOENT, "KUBECONFIG=%s: none of these files exists", list);
    return 0;
}

static int merge_all(struct merged *m, const char *path, struct err **err)
{
    const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
    if (path)
        return merge_file(m, path, err);
    if (env && env[0])
        return merge_env(m, env, err);
    if (!home || !home[0])
        return err_set(err, -ENOENT, "no kubeconfig: neither KUBECONFIG nor HOME is set");
    AUTO(mem_freep) char *standard = mem_printf("%s/.kube/config", home);
    return merge_file(m, standard, err);
}

static char *absolute(const cJSON *item, const char *file)
{
    const char *dir = json_str(item, "dir");
    return file[0] == '/' || !dir ? mem_strdup(file) : file_path(dir, file);
}

/* The inline form is base64 except for tokens, and wins over the file, except for tokens. */
static int part_inline(const cJSON *value, const char *what, bool encoded, struct config_part *p,
                       struct err **err)
{
    const char *s = json_string_of(value);
    if (!encoded) {
        p->text = mem_strdup(s);
        return 0;
    }
    struct buf b = BUF_INIT(KUBECONFIG_MAX);
    if (base64_decode(str_trim(str_of(s)), &b)) {
        buf_done(&b);
        return err_set(err, -EINVAL, "%s: want base64", what);
    }
    p->text = buf_take(&b);
    return 0;
}

static int part_file(const cJSON *item, const char *file, const char *what, struct config_part *p,
                     struct err **err)
{
    size_t len;
    AUTO(mem_freep) char *text = NULL;
    p->file = absolute(item, file);
    int rc = file_read(p->file, KUBECONFIG_MAX, &text, &len, err);
    if (rc)
        return err_wrap(err, "%s", what);
    struct str s = str_trim((struct str){text, len});
    p->text = mem_strndup(s.ptr, s.len);
    mem_wipe(text, len);
    return 0;
}

/* Where each credential may stand, and which form wins when both do. */
static const struct part_row {
    const char *section; /* "cluster" or "user" */
    const char *inline_key, *file_key;
    size_t offset; /* of the part in struct kube_config */
    bool encoded, file_wins;
} part_rows[] = {
    {"cluster", "certificate-authority-data", "certificate-authority",
     offsetof(struct kube_config, ca), true, false},
    {"user", "client-certificate-data", "client-certificate", offsetof(struct kube_config, cert),
     true, false},
    {"user", "client-key-data", "client-key", offsetof(struct kube_config, key), true, false},
    {"user", "token", "tokenFile", offsetof(struct kube_config, token), false, true},
};

static int read_parts(const cJSON *item, const char *section, struct kube_config *c,
                      struct err **err)
{
    const cJSON *body = json_at(item, section);
    for (size_t i = 0; i < ARRAY_LEN(part_rows); i++) {
        const struct part_row *row = &part_rows[i];
        if (!streq(row->section, section))
            continue;
        struct config_part *p = (void *)((char *)c + row->offset);
        const cJSON *given = json_at(body, row->inline_key);
        const char *file = json_str(body, row->file_key);
        bool have_inline = json_string_of(given) && json_string_of(given)[0];
        bool have_file = file && file[0];
        int rc = 0;
        if (have_inline && !(have_file && row->file_wins))
            rc = part_inline(given, row->inline_key, row->encoded, p, err);
        else if (have_file)
            rc = part_file(item, file, row->file_key, p, err);
        if (rc)
            return err_wrap(err, "%s %s", section, json_str(item, "name"));
    }
    return 0;
}

static int read_cluster(const cJSON *item, struct kube_config *c, struct err **err)
{
    const cJSON *body = json_at(item, "cluster");
    const char *name = json_str(item, "name");
    const char *server = json_str(body, "server");
    if (!str_starts(server, "https://") && !str_starts(server, "http://"))
        return err_set(err, -EINVAL, "cluster %s: server: want http:// or https://, found \"%s\"",
                       name, server ? server : "");
    if (json_str(body, "proxy-url") && json_str(body, "proxy-url")[0])
        return err_set(err, -ENOTSUP, "cluster %s: proxy-url is not supported", name);
    c->server = mem_strdup(server);
    c->server_name = mem_strdup(json_str(body, "tls-server-name"));
    c->insecure = json_bool(false, body, "insecure-skip-tls-verify");
    return read_parts(item, "cluster", c, err);
}

static void read_groups(const cJSON *groups, struct kube_config *c)
{
    int n = cJSON_GetArraySize(groups), k = 0;
    if (n <= 0)
        return;
    c->as_groups = mem_calloc((size_t)n + 1, sizeof(char *));
    json_foreach (g, groups) {
        if (json_string_of(g))
            c->as_groups[k++] = mem_strdup(json_string_of(g));
    }
}

static int read_user(const cJSON *item, struct kube_config *c, struct err **err)
{
    const cJSON *body = json_at(item, "user");
    const char *name = json_str(item, "name");
    if (cJSON_IsObject(json_at(body, "exec")))
        return err_set(err, -ENOTSUP,
                       "user %s: exec plugins are not supported; give a token, a tokenFile or a "
                       "client certificate",
                       name);
    if (cJSON_IsObject(json_at(body, "auth-provider")))
        return err_set(err, -ENOTSUP, "user %s: auth-provider is not supported", name);
    c->user = mem_strdup(json_str(body, "username"));
    c->password = mem_strdup(json_str(body, "password"));
    c->as = mem_strdup(json_str(body, "as"));
    read_groups(json_at(body, "as-groups"), c);
    int rc = read_parts(item, "user", c, err);
    if (!rc && !c->cert.text != !c->key.text)
        return err_set(err, -EINVAL, "user %s: want client certificate and key together", name);
    return rc;
}

static int resolve(const struct merged *m, const char *wanted, struct kube_config *c,
                   struct err **err)
{
    const char *context = wanted ? wanted : m->current;
    if (!context)
        return err_set(err, -ENOENT, "kubeconfig: no current-context is set");
    const cJSON *ctx = json_at(json_find(m->contexts, "name", context), "context");
    if (!ctx)
        return err_set(err, -ENOENT, "kubeconfig: no context \"%s\"", context);
    const char *cluster = json_str(ctx, "cluster"), *user = json_str(ctx, "user");
    const cJSON *cluster_item = json_find(m->clusters, "name", cluster);
    if (!cluster_item)
        return err_set(err, -ENOENT, "kubeconfig: context %s: no cluster \"%s\"", context,
                       cluster ? cluster : "");
    const cJSON *user_item = json_find(m->users, "name", user);
    if (user && user[0] && !user_item)
        return err_set(err, -ENOENT, "kubeconfig: context %s: no user \"%s\"", context, user);
    c->context = mem_strdup(context);
    c->ns = mem_strdup(json_str(ctx, "namespace"));
    int rc = read_cluster(cluster_item, c, err);
    return rc || !user_item ? rc : read_user(user_item, c, err);
}

int kube_config_load(const char *path, const char *context, struct kube_config **ret,
                     struct err **err)
{
    AUTO(merged_done)
    struct merged m = {cJSON_CreateArray(), cJSON_CreateArray(), cJSON_CreateArray(), NULL, 0};
    int rc = merge_all(&m, path, err);
    if (rc)
        return rc;
    struct kube_config *c = kube_config_new();
    rc = resolve(&m, context, c, err);
    if (rc) {
        kube_config_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}
