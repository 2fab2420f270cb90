/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API server and local node in one process and nothing else, for tests:
 *
 *     node_main DIR PORT POD_CIDR SERVICE_CIDR NODE_ADDRESS [KEY=VALUE...]
 *
 * DIR keeps everything, so a second start (after kill -9) continues. Prints "URL TOKEN" when it
 * serves. The keys are those of node.*. `node_main stop DIR` is what `atoll down` does for a node:
 * it ends every Pod process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/apiserver.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/log.h"
#include "node/node.h"

enum { TOKEN_CHARS = 32, PEM_MAX = 65536 };

static struct loop *loop;
static struct http_client *http;

static void die(struct err *err) __attribute__((noreturn));
static void die(struct err *err)
{
    fprintf(stderr, "node_main: %s\n", err_text(err));
    exit(1);
}

/* The text of DIR/NAME, made by `make` when it is not there yet. */
static char *kept(const char *dir, const char *name, char *(*make)(const char *dir))
{
    struct err *err = NULL;
    AUTO(mem_freep) char *path = file_path(dir, name);
    char *text = NULL;
    size_t len;
    if (file_read(path, PEM_MAX, &text, &len, NULL) == 0)
        return text;
    text = make(dir);
    if (file_replace(path, text, strlen(text), 0600, &err))
        die(err);
    return text;
}

static char *make_token(const char *dir)
{
    char token[TOKEN_CHARS + 1];
    (void)dir;
    return mem_strdup(ids_token(token, TOKEN_CHARS));
}

static struct apiserver *serve(const char *dir, uint16_t port, const char *cidr, const char *token,
                               const struct conf *conf, struct tls_pair *ca)
{
    struct err *err = NULL;
    struct tls_pair server = {0};
    struct apiserver *a = NULL;
    char digest[TLS_SHA256_HEX];
    const char *const addresses[] = {"127.0.0.1", NULL};
    struct tls_leaf leaf = {
        .common_name = "apiserver", .addresses = addresses, .server = true, .days = 30};
    AUTO(mem_freep) char *data = file_path(dir, "data"), *tokens = file_path(dir, "tokens");
    AUTO(mem_freep)
    char *line =
        mem_printf("%s,admin,admin-uid,system:masters\n", tls_sha256(str_of(token), digest));
    if (tls_ca_new("test-ca", 30, ca, &err) || tls_leaf_new(ca, &leaf, &server, &err) ||
        file_replace(tokens, line, strlen(line), 0600, &err))
        die(err);
    struct apiserver_opts o = {.address = "127.0.0.1",
                               .port = port,
                               .data_dir = data,
                               .cert = server.cert,
                               .key = server.key,
                               .tokens_file = tokens,
                               .service_cidr = cidr,
                               .kubelet_token = "log-token",
                               .conf = conf};
    if (apiserver_new(loop, http, &o, &a, &err))
        die(err);
    tls_pair_done(&server);
    return a;
}

static struct node *run_node(const char *dir, char **argv, const char *url, const char *token,
                             const struct conf *conf, const struct tls_pair *ca,
                             struct kube_client **ret_client)
{
    struct err *err = NULL;
    struct kube_config *cfg = NULL;
    struct node *n = NULL;
    AUTO(mem_freep) char *state = file_path(dir, "node"), *shim = mem_strdup(getenv("ATOLL_SHIM"));
    struct node_opts o = {.name = "node-1",
                          .dir = state,
                          .pod_cidr = argv[3],
                          .address = argv[5],
                          .shim = shim,
                          .log_token = "log-token",
                          .conf = conf};
    if (kube_config_direct(url, ca->cert, token, &cfg, &err) ||
        kube_client_new(loop, http, cfg, "node-test/1", ret_client, &err) ||
        node_new(*ret_client, http, &o, &n, &err))
        die(err);
    return n;
}

/* `*ret_keys` must outlive the result. */
static struct conf *make_conf(int argc, char **argv, struct conf_key **ret_keys)
{
    struct err *err = NULL;
    struct conf *conf = NULL;
    size_t n = node_conf_keys_n + apiserver_conf_keys_n;
    struct conf_key *keys = *ret_keys = mem_calloc(n, sizeof(*keys));
    AUTO(buf_done) struct buf text = BUF_INIT(65536);
    memcpy(keys, node_conf_keys, node_conf_keys_n * sizeof(*keys));
    memcpy(keys + node_conf_keys_n, apiserver_conf_keys, apiserver_conf_keys_n * sizeof(*keys));
    buf_adds(&text, "node: {\n");
    for (int i = 6; i < argc; i++)
        buf_addf(&text, "%s;\n", argv[i]);
    buf_adds(&text, "};\n");
    if (conf_load_text("arguments", buf_str(&text), keys, n, &conf, &err))
        die(err);
    return conf;
}

static void on_signal(void *arg, int signo)
{
    (void)arg;
    (void)signo;
    loop_stop(loop);
}

static int stop(const char *dir)
{
    struct err *err = NULL;
    AUTO(mem_freep) char *state = file_path(dir, "node");
    int n = node_stop_all(state, 10, &err);
    if (n < 0)
        die(err);
    printf("%d\n", n);
    return 0;
}

int main(int argc, char **argv)
{
    struct err *err = NULL;
    if (argc == 3 && streq(argv[1], "stop"))
        return stop(argv[2]);
    if (argc < 6 || !getenv("ATOLL_SHIM")) {
        fprintf(stderr, "usage: ATOLL_SHIM=path node_main DIR PORT POD_CIDR SERVICE_CIDR "
                        "NODE_ADDRESS [KEY=VALUE...]\n");
        return 2;
    }
    struct tls_pair ca = {0};
    AUTO(mem_freep) struct conf_key *keys = NULL;
    struct conf *conf = make_conf(argc, argv, &keys);
    struct kube_client *client = NULL;
    struct loop_signal *term;
    AUTO(mem_freep) char *token = kept(argv[1], "token", make_token);
    if (loop_new(&loop, &err) || http_client_new(loop, &http, &err) ||
        loop_signal_new(loop, SIGTERM, on_signal, NULL, &term, &err))
        die(err);
    struct apiserver *a =
        serve(argv[1], (uint16_t)strtoul(argv[2], NULL, 10), argv[4], token, conf, &ca);
    AUTO(mem_freep) char *url = mem_printf("https://127.0.0.1:%u", apiserver_port(a));
    struct node *n = run_node(argv[1], argv, url, token, conf, &ca, &client);
    printf("%s %s\n", url, token);
    fflush(stdout);
    loop_run(loop);
    node_free(n);
    kube_client_free(client);
    apiserver_free(a);
    http_client_free(http);
    loop_signal_free(term);
    loop_free(loop);
    tls_pair_done(&ca);
    conf_free(conf);
    return 0;
}
