/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server alone, for tests and benchmarks: apiserver_main DIR [ADDRESS [PORT
 * [KEY=VALUE...]]]
 *
 * Makes a CA and an administrator's token in DIR (kept when they are there already), writes
 * DIR/kubeconfig and a client certificate (DIR/admin.crt, admin.key), prints "URL TOKEN" in one
 * line when it serves, and ends on SIGTERM or SIGINT.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apiserver/apiserver.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/log.h"

#define TOKEN_CHARS 32
#define PEM_MAX     65536

struct setup {
    const char *dir, *address;
    uint16_t port;
    struct tls_pair ca, server;
    char *token, *tokens_file;
};

static void die(struct err *err) __attribute__((noreturn));
static void die(struct err *err)
{
    fprintf(stderr, "apiserver_main: %s\n", err_text(err));
    exit(1);
}

static char *read_or_null(const char *dir, const char *name)
{
    AUTO(mem_freep) char *path = file_path(dir, name);
    char *text = NULL;
    size_t len;
    return file_read(path, PEM_MAX, &text, &len, NULL) == 0 ? text : NULL;
}

static void write_text(const char *dir, const char *name, const char *text)
{
    struct err *err = NULL;
    AUTO(mem_freep) char *path = file_path(dir, name);
    if (file_replace(path, text, strlen(text), 0600, &err) < 0)
        die(err);
}

static void make_keys(struct setup *s)
{
    struct err *err = NULL;
    s->ca.cert = read_or_null(s->dir, "ca.crt");
    s->ca.key = read_or_null(s->dir, "ca.key");
    if (!s->ca.cert || !s->ca.key) {
        if (tls_ca_new("test-ca", 30, &s->ca, &err) < 0)
            die(err);
        write_text(s->dir, "ca.crt", s->ca.cert);
        write_text(s->dir, "ca.key", s->ca.key);
    }
    const char *const addresses[] = {s->address, NULL}, *const names[] = {"localhost", NULL};
    struct tls_leaf leaf = {.common_name = "apiserver",
                            .dns_names = names,
                            .addresses = addresses,
                            .server = true,
                            .days = 30};
    if (tls_leaf_new(&s->ca, &leaf, &s->server, &err) < 0)
        die(err);
}

/* A client certificate of an administrator: DIR/admin.crt, DIR/admin.key. */
static void make_client(const struct setup *s)
{
    struct err *err = NULL;
    struct tls_pair pair = {0};
    const char *const groups[] = {"system:masters", NULL};
    struct tls_leaf leaf = {
        .common_name = "certified", .organisations = groups, .client = true, .days = 30};
    if (tls_leaf_new(&s->ca, &leaf, &pair, &err) < 0)
        die(err);
    write_text(s->dir, "admin.crt", pair.cert);
    write_text(s->dir, "admin.key", pair.key);
    tls_pair_done(&pair);
}

static void make_token(struct setup *s)
{
    s->token = read_or_null(s->dir, "token");
    if (!s->token) {
        s->token = mem_alloc(TOKEN_CHARS + 1);
        ids_token(s->token, TOKEN_CHARS);
        write_text(s->dir, "token", s->token);
    }
    char digest[TLS_SHA256_HEX];
    AUTO(mem_freep)
    char *line =
        mem_printf("%s,admin,admin-uid,system:masters\n", tls_sha256(str_of(s->token), digest));
    write_text(s->dir, "tokens", line);
    s->tokens_file = file_path(s->dir, "tokens");
}

static void write_kubeconfig(const struct setup *s, uint16_t port)
{
    AUTO(buf_done) struct buf ca = BUF_INIT(PEM_MAX);
    buf_add_base64(&ca, s->ca.cert, strlen(s->ca.cert));
    AUTO(mem_freep)
    char *text = mem_printf(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster:\n"
        "    server: https://%s:%u\n    certificate-authority-data: %s\nusers:\n- name: admin\n  "
        "user:\n"
        "    token: %s\ncontexts:\n- name: test\n  context: {cluster: test, user: admin, "
        "namespace: default}\n",
        s->address, port, ca.ptr, s->token);
    write_text(s->dir, "kubeconfig", text);
}

static void on_signal(void *arg, int signo)
{
    (void)signo;
    loop_stop(arg);
}

static struct conf *make_conf(int argc, char **argv)
{
    struct err *err = NULL;
    struct conf *conf = NULL;
    AUTO(buf_done) struct buf text = BUF_INIT(65536);
    buf_adds(&text, "apiserver: {\n");
    for (int i = 4; i < argc; i++)
        buf_addf(&text, "%s;\n", argv[i]);
    buf_adds(&text, "};\n");
    if (conf_load_text("arguments", buf_str(&text), apiserver_conf_keys, apiserver_conf_keys_n,
                       &conf, &err) < 0)
        die(err);
    return conf;
}

int main(int argc, char **argv)
{
    struct err *err = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: apiserver_main DIR [ADDRESS [PORT [KEY=VALUE...]]]\n");
        return 2;
    }
    struct setup s = {.dir = argv[1],
                      .address = argc > 2 ? argv[2] : "127.0.0.1",
                      .port = argc > 3 ? (uint16_t)strtoul(argv[3], NULL, 10) : 0};
    if (file_dir_make(s.dir, 0700, &err) < 0)
        die(err);
    make_keys(&s);
    make_client(&s);
    make_token(&s);
    struct conf *conf = make_conf(argc, argv);
    struct loop *loop;
    struct http_client *http;
    struct apiserver *a;
    struct loop_signal *term, *intr;
    AUTO(mem_freep) char *data = file_path(s.dir, "data");
    struct apiserver_opts o = {.address = s.address,
                               .port = s.port,
                               .data_dir = data,
                               .cert = s.server.cert,
                               .key = s.server.key,
                               .client_ca = s.ca.cert,
                               .tokens_file = s.tokens_file,
                               .service_cidr = "10.96.0.0/16",
                               .kubelet_token = "kubelet-token",
                               .conf = conf};
    if (loop_new(&loop, &err) < 0 || http_client_new(loop, &http, &err) < 0 ||
        loop_signal_new(loop, SIGTERM, on_signal, loop, &term, &err) < 0 ||
        loop_signal_new(loop, SIGINT, on_signal, loop, &intr, &err) < 0 ||
        apiserver_new(loop, http, &o, &a, &err) < 0)
        die(err);
    write_kubeconfig(&s, apiserver_port(a));
    printf("https://%s:%u %s\n", s.address, apiserver_port(a), s.token);
    fflush(stdout);
    loop_run(loop);
    apiserver_free(a);
    http_client_free(http);
    loop_signal_free(term);
    loop_signal_free(intr);
    loop_free(loop);
    conf_free(conf);
    tls_pair_done(&s.ca);
    tls_pair_done(&s.server);
    mem_free(s.token);
    mem_free(s.tokens_file);
    return 0;
}
