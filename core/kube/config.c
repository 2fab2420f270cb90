/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the API is and who we are: the in-cluster service account, an address given directly, and
 * reading again what lies in files. Kubeconfig files are in kubeconfig.c.
 *
 * Credential files are small and local, so they are read on the loop: at start, once a minute and
 * after a 401. Tokens of service accounts live an hour and are rotated at 80 % of it.
 */
#include "kube/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "kube/kube.h"

#define CREDENTIAL_MAX  ((size_t)1 << 20)
#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

struct kube_config *kube_config_new(void)
{
    struct kube_config *c = mem_new(struct kube_config);
    c->magic = kube_config_MAGIC;
    return c;
}

static void secret_free(char *s)
{
    if (s)
        mem_wipe(s, strlen(s));
    mem_free(s);
}

static void part_done(struct config_part *p)
{
    secret_free(p->text);
    mem_free(p->file);
}

void kube_config_free(struct kube_config *c)
{
    if (!c)
        return;
    mem_free(c->context);
    mem_free(c->server);
    mem_free(c->ns);
    mem_free(c->server_name);
    part_done(&c->ca);
    part_done(&c->cert);
    part_done(&c->key);
    part_done(&c->token);
    mem_free(c->user);
    secret_free(c->password);
    mem_free(c->as);
    for (char **g = c->as_groups; g && *g; g++)
        mem_free(*g);
    mem_free(c->as_groups);
    c->magic = 0;
    mem_free(c);
}

const char *kube_config_server(const struct kube_config *c)
{
    return c->server;
}

const char *kube_config_namespace(const struct kube_config *c)
{
    return c->ns && c->ns[0] ? c->ns : "default";
}

const char *kube_config_context(const struct kube_config *c)
{
    return c->context ? c->context : "";
}

/* The file's text without the newline editors put at the end. */
static char *credential_read(const char *path, struct err **err)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    if (file_read(path, CREDENTIAL_MAX, &text, &len, err))
        return NULL;
    struct str s = str_trim((struct str){text, len});
    char *ret = mem_strndup(s.ptr, s.len);
    mem_wipe(text, len);
    return ret;
}

static bool part_refresh(struct config_part *p)
{
    if (!p->file)
        return false;
    char *now = credential_read(p->file, NULL);
    if (!now || !now[0] || streq(now, p->text)) {
        secret_free(now);
        return false;
    }
    secret_free(p->text);
    p->text = now;
    return true;
}

void kube_config_refresh(struct kube_config *c, bool *ret_token_changed, bool *ret_tls_changed)
{
    bool ca = part_refresh(&c->ca), cert = part_refresh(&c->cert), key = part_refresh(&c->key);
    *ret_token_changed = part_refresh(&c->token);
    *ret_tls_changed = ca || cert || key;
}

static int server_check(const char *server, struct err **err)
{
    if (!str_starts(server, "https://") && !str_starts(server, "http://"))
        return err_set(err, -EINVAL, "server: want http:// or https:// and a host, found \"%s\"",
                       server ? server : "");
    return 0;
}

int kube_config_direct(const char *server, const char *ca_pem, const char *token,
                       struct kube_config **ret, struct err **err)
{
    int rc = server_check(server, err);
    if (rc)
        return rc;
    struct kube_config *c = kube_config_new();
    c->server = mem_strdup(server);
    c->ca.text = mem_strdup(ca_pem);
    c->token.text = mem_strdup(token);
    *ret = c;
    return 0;
}

/* Read dir/name into the part; the file is remembered for its rotation. */
static int part_load(struct config_part *p, const char *dir, const char *name, struct err **err)
{
    p->file = file_path(dir, name);
    p->text = credential_read(p->file, err);
    return p->text ? 0 : err_wrap(err, "service account");
}

static void config_freep(struct kube_config **c)
{
    kube_config_free(*c);
}

int kube_config_in_cluster_at(const char *dir, const char *host, const char *port,
                              struct kube_config **ret, struct err **err)
{
    if (!host || !host[0] || !port || !port[0])
        return err_set(err, -ENOENT,
                       "not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are "
                       "not set");
    AUTO(config_freep) struct kube_config *c = kube_config_new();
    bool v6 = strchr(host, ':') != NULL;
    c->server = mem_printf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    c->context = mem_strdup("in-cluster");
    int rc = part_load(&c->token, dir, "token", err);
    if (!rc)
        rc = part_load(&c->ca, dir, "ca.crt", err);
    if (rc)
        return rc;
    AUTO(mem_freep) char *ns_file = file_path(dir, "namespace");
    c->ns = credential_read(ns_file, NULL);
    *ret = TAKE(c);
    return 0;
}

int kube_config_in_cluster(struct kube_config **ret, struct err **err)
{
    return kube_config_in_cluster_at(SERVICE_ACCOUNT, getenv("KUBERNETES_SERVICE_HOST"),
                                     getenv("KUBERNETES_SERVICE_PORT"), ret, err);
}
