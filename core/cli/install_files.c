/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an installation: certificate authority, server certificates, tokens, conf.d,
 * kubeconfigs. Keys and tokens are made once and kept; texts are written again at every `atoll up`,
 * so that a newer program brings its own configuration along. A user's own conf.d files are never
 * touched.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/ids.h"
#include "base/json.h"
#include "cli/install.h"
#include "io/tls.h"

#define CERT_DAYS     3650
#define RENEW_SECONDS (30LL * 24 * 3600)
#define TOKEN_LEN     40

static int write_text(char *path, const char *text, mode_t mode, struct err **err)
{
    int r = file_replace(path, text, strlen(text), mode, err);
    mem_free(path);
    return r;
}

static int read_text(char *path, char **ret, struct err **err)
{
    size_t len;
    int r = file_read(path, 1 << 20, ret, &len, err);
    mem_free(path);
    return r;
}

static int ca_ensure(const struct install *i, struct tls_pair *ret, struct err **err)
{
    AUTO(mem_freep) char *cert = install_path(i, "pki/ca.pem");
    AUTO(mem_freep) char *key = install_path(i, "pki/ca.key");
    size_t len;
    if (file_exists(cert) && file_exists(key)) {
        int r = file_read(cert, 1 << 16, &ret->cert, &len, err);
        return r < 0 ? r : file_read(key, 1 << 16, &ret->key, &len, err);
    }
    AUTO(mem_freep) char *dir = install_path(i, "pki");
    int r = file_dir_make(dir, 0700, err);
    if (r < 0 || (r = tls_ca_new("atoll", CERT_DAYS, ret, err)) < 0)
        return r;
    if ((r = file_replace(key, ret->key, strlen(ret->key), 0600, err)) < 0)
        return r;
    return file_replace(cert, ret->cert, strlen(ret->cert), 0644, err);
}

static bool cert_good(const char *path)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    int64_t left;
    return file_read(path, 1 << 16, &text, &len, NULL) == 0 &&
           tls_cert_remaining(text, &left, NULL) == 0 && left > RENEW_SECONDS;
}

static int leaf_ensure(const struct install *i, int member, const struct tls_pair *ca,
                       struct err **err)
{
    AUTO(mem_freep) char *path = install_member_path(i, member, "tls.pem");
    if (cert_good(path))
        return 0;
    AUTO(mem_freep) char *name = install_member_name(member);
    const char *names[] = {
        "localhost", name, "kubernetes", "kubernetes.default", "kubernetes.default.svc", NULL};
    const char *addresses[] = {"127.0.0.1", NULL};
    struct tls_leaf leaf = {.common_name = name,
                            .dns_names = names,
                            .addresses = addresses,
                            .server = true,
                            .days = CERT_DAYS};
    struct tls_pair pair = {0};
    int r = tls_leaf_new(ca, &leaf, &pair, err);
    if (r == 0)
        r = write_text(install_member_path(i, member, "tls.key"), pair.key, 0600, err);
    if (r == 0)
        r = write_text(install_member_path(i, member, "tls.pem"), pair.cert, 0644, err);
    tls_pair_done(&pair);
    return r;
}

/* A random secret in a file of its own, made once. */
static int token_ensure(const struct install *i, int member, const char *file, char **ret,
                        struct err **err)
{
    AUTO(mem_freep) char *path = install_member_path(i, member, file);
    if (file_exists(path))
        return read_text(mem_strdup(path), ret, err);
    char token[TOKEN_LEN + 1];
    ids_token(token, TOKEN_LEN);
    int r = file_replace(path, token, TOKEN_LEN, 0600, err);
    if (r == 0)
        *ret = mem_strdup(token);
    mem_wipe(token, sizeof(token));
    return r;
}

static int tokens_write(const struct install *i, int member, const char *admin,
                        const char *controller, struct err **err)
{
    char admin_hash[TLS_SHA256_HEX], controller_hash[TLS_SHA256_HEX];
    tls_sha256(str_of(admin), admin_hash);
    tls_sha256(str_of(controller), controller_hash);
    AUTO(mem_freep)
    char *text =
        mem_printf("%s,admin,admin,system:masters\n%s,system:atoll,system:atoll,system:masters\n",
                   admin_hash, controller_hash);
    return write_text(install_member_path(i, member, "tokens"), text, 0600, err);
}

/* Every engine plugin that was installed beside this program, by file name. Ends with NULL. */
static char **engines_list(void)
{
    AUTO(mem_freep) char *prefix = file_prefix();
    AUTO(mem_freep) char *dir = mem_printf("%s/lib/atoll/engines", prefix);
    char **list = mem_calloc(65, sizeof(*list));
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && n < 64 && (e = readdir(d));)
        if (str_ends(e->d_name, ".so"))
            list[n++] = mem_strndup(e->d_name, strlen(e->d_name) - 3);
    if (d)
        closedir(d);
    for (size_t i = 1; i < n;
         i++) /* readdir has no order; the file should not change from run to run */
        for (size_t k = i; k > 0 && strcmp(list[k - 1], list[k]) > 0; k--) {
            char *swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
    return list;
}

char *install_conf_text(const struct install *i, int member, const char *const *engines)
{
    struct buf b = BUF_INIT(1 << 16);
    AUTO(mem_freep) char *pods = install_pod_cidr(i, member);
    AUTO(mem_freep) char *services = install_service_cidr(i, member);
    AUTO(mem_freep) char *address = install_node_address(i, member);
    AUTO(mem_freep) char *at = mem_printf("%s/member-%d", i->dir, member);
    buf_addf(&b,
             "# Written by `atoll up`, again each time. Put your own settings into a file beside "
             "this one,\n"
             "# for instance 10-mine.cfg: a later file wins, key by key. `atolld --help` lists the "
             "keys.\n"
             "name = \"member-%d\";\n"
             "roles = [\"apiserver\", \"node\", \"member\"];\n"
             "lock_file = \"%s/lock\";\n"
             "api = {\n    address = \"127.0.0.1\";\n    port = %d;\n    data_dir = \"%s/store\";\n"
             "    cert_file = \"%s/tls.pem\";\n    key_file = \"%s/tls.key\";\n    client_ca_file "
             "= \"%s/pki/ca.pem\";\n"
             "    tokens_file = \"%s/tokens\";\n    service_cidr = \"%s\";\n};\n",
             member, at, install_port(i, member), at, at, at, i->dir, at, services);
    buf_addf(
        &b,
        "kube = {\n    kubeconfig = \"%s/controller.kubeconfig\";\n};\n"
        "node_agent = {\n    dir = \"%s/node\";\n    pod_cidr = \"%s\";\n    address = \"%s\";\n"
        "    log_token_file = \"%s/log.token\";\n};\n"
        "member = {\n    # One daemon, its own API: nobody to elect against, and no Lease to "
        "renew.\n"
        "    leader_election = false;\n};\n",
        at, at, pods, address, at);
    buf_adds(&b, "engines = {\n");
    for (; engines && *engines; engines++)
        buf_addf(&b, "    %s = { isolation = \"process\"; };\n", *engines);
    buf_adds(&b, "};\n");
    return buf_take(&b);
}

char *install_kubeconfig_text(const struct install *i, const char *ca_pem,
                              const char *const *tokens, int first, int last)
{
    struct buf b = BUF_INIT(1 << 20);
    AUTO(buf_done) struct buf ca = BUF_INIT(1 << 16);
    buf_add_base64(&ca, ca_pem, strlen(ca_pem));
    buf_adds(&b, "apiVersion: v1\nkind: Config\nclusters:\n");
    for (int m = first; m <= last; m++)
        buf_addf(&b,
                 "- name: member-%d\n  cluster:\n    server: https://127.0.0.1:%d\n"
                 "    certificate-authority-data: %s\n",
                 m, install_port(i, m), buf_str(&ca));
    buf_adds(&b, "users:\n");
    for (int m = first; m <= last; m++)
        buf_addf(&b, "- name: member-%d\n  user:\n    token: %s\n", m, tokens[m - first]);
    buf_adds(&b, "contexts:\n");
    for (int m = first; m <= last; m++)
        buf_addf(&b, "- name: member-%d\n  context:\n    cluster: member-%d\n    user: member-%d\n",
                 m, m, m);
    buf_addf(&b, "current-context: member-%d\n", first);
    return buf_take(&b);
}

static int member_write(const struct install *i, int member, const struct tls_pair *ca,
                        char **ret_admin, struct err **err)
{
    AUTO(mem_freep) char *controller = NULL;
    AUTO(mem_freep) char *log_token = NULL;
    static const char *const dirs[] = {"conf.d", "store", "node"};
    int r = 0;
    for (size_t k = 0; k < ARRAY_LEN(dirs) && r == 0; k++) {
        AUTO(mem_freep) char *dir = install_member_path(i, member, dirs[k]);
        r = file_dir_make(dir, 0700, err);
    }
    if (r < 0 || (r = leaf_ensure(i, member, ca, err)) < 0 ||
        (r = token_ensure(i, member, "admin.token", ret_admin, err)) < 0 ||
        (r = token_ensure(i, member, "controller.token", &controller, err)) < 0 ||
        (r = token_ensure(i, member, "log.token", &log_token, err)) < 0 ||
        (r = tokens_write(i, member, *ret_admin, controller, err)) < 0)
        return r;
    const char *tokens[] = {controller};
    AUTO(mem_freep) char *kubeconfig = install_kubeconfig_text(i, ca->cert, tokens, member, member);
    if ((r = write_text(install_member_path(i, member, "controller.kubeconfig"), kubeconfig, 0600,
                        err)) < 0)
        return r;
    char **engines = engines_list();
    AUTO(mem_freep) char *conf = install_conf_text(i, member, (const char *const *)engines);
    for (char **e = engines; *e; e++)
        mem_free(*e);
    mem_free(engines);
    return write_text(install_member_path(i, member, "conf.d/00-atoll.cfg"), conf, 0600, err);
}

int install_write(const struct install *i, struct err **err)
{
    struct tls_pair ca = {0};
    char *admin[INSTALL_MEMBERS_MAX] = {0};
    int r = ca_ensure(i, &ca, err);
    for (int m = 1; m <= i->members && r == 0; m++)
        r = member_write(i, m, &ca, &admin[m - 1], err);
    if (r == 0) {
        AUTO(mem_freep)
        char *text = install_kubeconfig_text(i, ca.cert, (const char *const *)admin, 1, i->members);
        r = write_text(install_path(i, "kubeconfig"), text, 0600, err);
    }
    for (int m = 0; m < INSTALL_MEMBERS_MAX; m++)
        mem_free(admin[m]);
    tls_pair_done(&ca);
    return r;
}
