/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atolld, the daemon: reads conf.d, wires the rooms of the roles it was given, runs the loop.
 *
 * Nothing is decided here. Roles start in the order of the table below and stop in reverse; each
 * role is one row with a start and a stop function. SIGTERM and SIGINT end it cleanly, SIGKILL at
 * any moment is expected and harmless: state lives in the API, in the node's directory and in the
 * engines themselves.
 */
#define LOG_ROOM "atolld"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "apiserver/apiserver.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/engine.h"
#include "io/io.h"
#include "kube/kube.h"
#include "node/node.h"
#include "workload/workload.h"

static const struct conf_key daemon_keys[] = {
    {"name", CONF_STR, "atoll", 0, 0, NULL,
     "name of this daemon, shown in logs; the node's name in the embedded mode"},
    {"roles", CONF_STR_LIST, NULL, 0, 0, NULL, "what this daemon does: apiserver, node, member"},
    {"lock_file", CONF_STR, NULL, 0, 0, NULL, "locked while the daemon runs, holds its process id"},
    {"log.level", CONF_STR, "info", 0, 0, "debug|info|warn|error", "least level that is written"},
    {"api.address", CONF_STR, "127.0.0.1", 0, 0, NULL,
     "address the embedded API server listens on"},
    {"api.port", CONF_INT, "6443", 1, 65535, NULL, "port the embedded API server listens on"},
    {"api.data_dir", CONF_STR, NULL, 0, 0, NULL, "directory of the embedded API server's store"},
    {"api.cert_file", CONF_STR, NULL, 0, 0, NULL, "PEM certificate of the embedded API server"},
    {"api.key_file", CONF_STR, NULL, 0, 0, NULL, "PEM key of the embedded API server"},
    {"api.client_ca_file", CONF_STR, NULL, 0, 0, NULL,
     "PEM certificates that client certificates are checked against"},
    {"api.tokens_file", CONF_STR, NULL, 0, 0, NULL,
     "bearer tokens: lines of sha256,user,uid,group|group"},
    {"api.service_cidr", CONF_STR, "127.101.0.0/16", 0, 0, NULL, "addresses for Services"},
    {"kube.kubeconfig", CONF_STR, NULL, 0, 0, NULL,
     "kubeconfig of the cluster to manage; unset: in-cluster"},
    {"kube.context", CONF_STR, NULL, 0, 0, NULL,
     "context in that kubeconfig; unset: its current context"},
    {"node_agent.dir", CONF_STR, NULL, 0, 0, NULL, "state directory of the local node"},
    {"node_agent.pod_cidr", CONF_STR, "127.1.0.0/16", 0, 0, NULL,
     "addresses for Pods of the local node"},
    {"node_agent.address", CONF_STR, "127.0.0.1", 0, 0, NULL,
     "address of the local node, for its log server"},
    {"node_agent.log_token_file", CONF_STR, NULL, 0, 0, NULL,
     "shared secret between API server and log server"},
    {"member.leader_election", CONF_BOOL, "true", 0, 0, NULL,
     "act only while holding the Lease (two or more replicas)"},
    {"member.lease_namespace", CONF_STR, "atoll-system", 0, 0, NULL, "namespace of the Lease"},
    {"member.plugin_dir", CONF_STR, NULL, 0, 0, NULL,
     "where engine plugins are; unset: ../lib/atoll/engines beside this program"},
    {"health.address", CONF_STR, NULL, 0, 0, NULL,
     "address for /healthz, /readyz and /metrics without the embedded API server; unset: off"},
    {"health.port", CONF_INT, "8080", 1, 65535, NULL, "its port"},
};

struct daemon {
    struct loop *loop;
    struct http_client *http;
    struct conf *conf;
    struct apiserver *api;
    struct kube_client *kube;
    struct node *node;
    struct engine_host *engines;
    struct kube_lease *lease;
    struct workload *workload;
    struct http_server *health;
    struct loop_timer *trim;
    char *log_token, *prefix; /* prefix: the directory above bin/ */
    size_t roles_started;     /* that many rows of the table of roles are to be stopped */
    int lock_fd, exit_code;
};

struct role {
    const char *name;
    int (*start)(struct daemon *d, struct err **err);
    void (*stop)(struct daemon *d);
};

static bool role_wanted(const struct daemon *d, const char *name)
{
    for (size_t i = 0; i < conf_list_len(d->conf, "roles"); i++)
        if (streq(conf_list_at(d->conf, "roles", i), name))
            return true;
    return false;
}

/* A small file named by a configuration key; absent key gives NULL. */
static int read_key_file(const struct daemon *d, const char *key, char **ret, struct err **err)
{
    const char *path = conf_str(d->conf, key);
    if (!path)
        return 0;
    size_t len;
    int r = file_read(path, 1 << 20, ret, &len, err);
    return r < 0 ? err_wrap(err, "%s: %s", conf_where(d->conf, key), key) : 0;
}

static int api_start(struct daemon *d, struct err **err)
{
    AUTO(mem_freep) char *cert = NULL, *key = NULL, *client_ca = NULL;
    int r;
    if (!conf_str(d->conf, "api.data_dir"))
        return err_set(err, -EINVAL, "role apiserver needs api.data_dir, which is not set");
    if ((r = read_key_file(d, "api.cert_file", &cert, err)) < 0 ||
        (r = read_key_file(d, "api.key_file", &key, err)) < 0 ||
        (r = read_key_file(d, "api.client_ca_file", &client_ca, err)) < 0)
        return r;
    struct apiserver_opts o = {
        .address = conf_str(d->conf, "api.address"),
        .port = (uint16_t)conf_int(d->conf, "api.port"),
        .data_dir = conf_str(d->conf, "api.data_dir"),
        .cert = cert,
        .key = key,
        .client_ca = client_ca,
        .tokens_file = conf_str(d->conf, "api.tokens_file"),
        .service_cidr = conf_str(d->conf, "api.service_cidr"),
        .kubelet_token = d->log_token,
        .conf = d->conf,
    };
    return apiserver_new(d->loop, d->http, &o, &d->api, err);
}

static void api_stop(struct daemon *d)
{
    if (d->api)
        apiserver_free(d->api);
}

/* Both node and member speak to the API through one client. */
static int kube_start_client(struct daemon *d, struct err **err)
{
    if (d->kube)
        return 0;
    struct kube_config *cfg = NULL;
    const char *path = conf_str(d->conf, "kube.kubeconfig");
    int r = path ? kube_config_load(path, conf_str(d->conf, "kube.context"), &cfg, err)
                 : kube_config_in_cluster(&cfg, err);
    if (r < 0)
        return err_wrap(err, "finding the API to manage (kube.kubeconfig)");
    return kube_client_new(d->loop, d->http, cfg, "atolld/" ATOLL_VERSION, &d->kube, err);
}

static int node_start(struct daemon *d, struct err **err)
{
    int r = kube_start_client(d, err);
    if (r < 0)
        return r;
    if (!conf_str(d->conf, "node_agent.dir"))
        return err_set(err, -EINVAL, "role node needs node_agent.dir, which is not set");
    AUTO(mem_freep) char *shim = mem_printf("%s/libexec/atoll/atoll-shim", d->prefix);
    struct node_opts o = {
        .name = conf_str(d->conf, "name"),
        .dir = conf_str(d->conf, "node_agent.dir"),
        .pod_cidr = conf_str(d->conf, "node_agent.pod_cidr"),
        .address = conf_str(d->conf, "node_agent.address"),
        .shim = shim,
        .log_token = d->log_token,
        .conf = d->conf,
    };
    return node_new(d->kube, d->http, &o, &d->node, err);
}

static void node_stop(struct daemon *d)
{
    if (d->node)
        node_free(d->node);
}

/* The engines' callbacks reach the controllers once they exist. */
static void on_role(void *arg, struct engine *e, const char *instance,
                    const struct engine_role_view *r)
{
    struct daemon *d = arg;
    if (d->workload)
        workload_on_role(d->workload, e, instance, r);
}

static void on_state(void *arg, struct engine *e)
{
    struct daemon *d = arg;
    if (d->workload)
        workload_on_state(d->workload, e);
}

static void controllers_start(struct daemon *d)
{
    AUTO(err_freep) struct err *err = NULL;
    struct workload_opts o = {.client = d->kube, .engines = d->engines, .install = true};
    if (workload_new(&o, &d->workload, &err) < 0) {
        log_error("starting the controllers: %s", err_text(err));
        d->exit_code = 1;
        loop_stop(d->loop);
    }
}

/* A leader that loses its Lease ends: a restart begins with clean caches, and databases do not
 * notice. */
static void on_lease(void *arg, bool leader)
{
    struct daemon *d = arg;
    if (leader && !d->workload) {
        log_info("leader: starting the controllers");
        controllers_start(d);
    } else if (!leader && d->workload) {
        log_error("the Lease was lost: ending");
        d->exit_code = 1;
        loop_stop(d->loop);
    }
}

static int member_start(struct daemon *d, struct err **err)
{
    int r = kube_start_client(d, err);
    if (r < 0)
        return r;
    AUTO(mem_freep) char *helper = mem_printf("%s/bin/atoll-engine", d->prefix);
    AUTO(mem_freep) char *plugins = mem_printf("%s/lib/atoll/engines", d->prefix);
    const char *configured = conf_str(d->conf, "member.plugin_dir");
    struct engine_host_opts eo = {.conf = d->conf,
                                  .helper = helper,
                                  .plugin_dir = configured ? configured : plugins,
                                  .on_role = on_role,
                                  .on_state = on_state,
                                  .arg = d};
    if ((r = engine_host_new(d->loop, &eo, &d->engines, err)) < 0)
        return r;
    if (!conf_bool(d->conf, "member.leader_election")) {
        controllers_start(d);
        return d->workload ? 0 : -EIO;
    }
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    AUTO(mem_freep) char *identity = mem_printf("%s_%d", host, (int)getpid());
    struct kube_lease_opts lo = {.ns = conf_str(d->conf, "member.lease_namespace"),
                                 .name = "atoll-member",
                                 .identity = identity,
                                 .on_change = on_lease,
                                 .arg = d};
    d->lease = kube_lease_new(d->kube, &lo);
    return 0;
}

static void member_stop(struct daemon *d)
{
    workload_free(d->workload);
    d->workload = NULL;
    kube_lease_free(d->lease);
    engine_host_free(d->engines);
}

static void on_health(void *arg, struct http_in *in)
{
    struct daemon *d = arg;
    const char *path = http_in_path(in);
    static const struct http_header text = {"Content-Type", "text/plain; version=0.0.4"};
    if (streq(path, "/metrics")) {
        AUTO(buf_done) struct buf b = BUF_INIT(4 << 20);
        metrics_print(&b);
        http_reply(in, 200, &text, 1, str_of(buf_str(&b)));
        return;
    }
    bool ready = streq(path, "/healthz") || streq(path, "/livez") ||
                 (streq(path, "/readyz") && (!d->workload || workload_synced(d->workload)));
    bool known = ready || streq(path, "/readyz");
    http_reply(in,
               ready   ? 200
               : known ? 503
                       : 404,
               &text, 1,
               str_of(ready   ? "ok\n"
                      : known ? "starting\n"
                              : "not found\n"));
}

static int health_start(struct daemon *d, struct err **err)
{
    const char *address = conf_str(d->conf, "health.address");
    if (!address)
        return 0;
    struct http_server_opts o = {.address = address,
                                 .port = (uint16_t)conf_int(d->conf, "health.port"),
                                 .body_max = 1024,
                                 .on_request = on_health,
                                 .arg = d};
    int r = http_server_new(d->loop, &o, &d->health, err);
    return r < 0 ? err_wrap(err, "starting the health server") : 0;
}

static const struct role roles[] = {
    {"apiserver", api_start, api_stop},
    {"node", node_start, node_stop},
    {"member", member_start, member_stop},
};

static int roles_check(const struct daemon *d, struct err **err)
{
    size_t n = conf_list_len(d->conf, "roles");
    if (!n)
        return err_set(err, -EINVAL,
                       "roles: want one or more of apiserver, node, member; found none");
    for (size_t i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(roles); k++)
            known |= streq(conf_list_at(d->conf, "roles", i), roles[k].name);
        if (!known)
            return err_set(err, -EINVAL, "%s: roles: want apiserver, node or member, found \"%s\"",
                           conf_where(d->conf, "roles"), conf_list_at(d->conf, "roles", i));
    }
    return 0;
}

/* One daemon per lock file; the file names the process for `atoll down`. */
static int lock_take(struct daemon *d, struct err **err)
{
    const char *path = conf_str(d->conf, "lock_file");
    if (!path)
        return 0;
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock_fd < 0)
        return err_set(err, -errno, "lock_file %s: %s", path, strerror(errno));
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, -EBUSY, "another atolld holds %s: is this member already running?",
                       path);
    char pid[32];
    int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(d->lock_fd, 0) < 0 || pwrite(d->lock_fd, pid, (size_t)n, 0) != n)
        return err_set(err, -errno, "writing %s: %s", path, strerror(errno));
    return 0;
}

#define TRIM_MS 20000

/* A burst (a first list, many new objects) leaves holes in the heap: what is free goes back now and
 * then. */
static void on_trim(void *arg)
{
    struct daemon *d = arg;
    mem_trim();
    loop_timer_start(d->trim, TRIM_MS);
}

static void on_released(void *arg)
{
    struct daemon *d = arg;
    loop_stop(d->loop);
}

/* A leader stops its controllers, hands its Lease back while the loop still turns, and ends. */
static void on_signal(void *arg, int signo)
{
    struct daemon *d = arg;
    log_info("signal %d: ending", signo);
    if (!d->lease) {
        loop_stop(d->loop);
        return;
    }
    workload_free(d->workload);
    d->workload = NULL;
    kube_lease_release(TAKE(d->lease), on_released, d);
}

static struct conf_key *all_keys(size_t *ret_n)
{
    const struct {
        const struct conf_key *keys;
        size_t n;
    } tables[] = {
        {daemon_keys, ARRAY_LEN(daemon_keys)},
        {apiserver_conf_keys, apiserver_conf_keys_n},
        {node_conf_keys, node_conf_keys_n},
        {engine_conf_keys, engine_conf_keys_n},
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        n += tables[i].n;
    struct conf_key *all = mem_calloc(n, sizeof(*all));
    n = 0;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        memcpy(all + n, tables[i].keys, tables[i].n * sizeof(*all));
        n += tables[i].n;
    }
    *ret_n = n;
    return all;
}

static int daemon_start(struct daemon *d, struct err **err)
{
    int r;
    if ((r = roles_check(d, err)) < 0 || (r = lock_take(d, err)) < 0 ||
        (r = read_key_file(d, "node_agent.log_token_file", &d->log_token, err)) < 0)
        return r;
    if (d->log_token)
        d->log_token[strcspn(d->log_token, "\r\n")] = 0;
    if ((r = http_client_new(d->loop, &d->http, err)) < 0 || (r = health_start(d, err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!role_wanted(d, roles[i].name))
            continue;
        d->roles_started = i + 1;
        if ((r = roles[i].start(d, err)) < 0)
            return err_wrap(err, "starting role %s", roles[i].name);
        log_info("role %s started", roles[i].name);
    }
    d->roles_started = ARRAY_LEN(roles);
    return 0;
}

static void daemon_stop(struct daemon *d)
{
    for (size_t i = d->roles_started; i-- > 0;)
        if (role_wanted(d, roles[i].name))
            roles[i].stop(d);
    if (d->health)
        http_server_free(d->health);
    if (d->kube)
        kube_client_free(d->kube);
    if (d->http)
        http_client_free(d->http);
}

static int run(const char *conf_dir, const struct conf_key *keys, size_t n_keys)
{
    AUTO(err_freep) struct err *err = NULL;
    struct daemon d = {.lock_fd = -1};
    struct loop_signal *term = NULL, *intr = NULL;
    enum log_level level = LOG_INFO;
    if (conf_load_dir(conf_dir, keys, n_keys, &d.conf, &err) < 0) {
        fprintf(stderr, "atolld: %s\n", err_text(err));
        return 2;
    }
    log_level_parse(conf_str(d.conf, "log.level"), &level);
    log_level_set(level);
    log_name_set(conf_str(d.conf, "name"));
    d.prefix = file_prefix();
    if (loop_new(&d.loop, &err) < 0 ||
        loop_signal_new(d.loop, SIGTERM, on_signal, &d, &term, &err) < 0 ||
        loop_signal_new(d.loop, SIGINT, on_signal, &d, &intr, &err) < 0 ||
        daemon_start(&d, &err) < 0) {
        log_error("%s", err_text(err));
        d.exit_code = 1;
    } else {
        log_info("atolld %s runs", ATOLL_VERSION);
        d.trim = loop_timer_new(d.loop, on_trim, &d);
        loop_timer_start(d.trim, TRIM_MS);
        loop_run(d.loop);
    }
    daemon_stop(&d);
    loop_timer_free(d.trim);
    loop_signal_free(term);
    loop_signal_free(intr);
    loop_free(d.loop);
    conf_free(d.conf);
    mem_free(d.log_token);
    mem_free(d.prefix);
    if (d.lock_fd >= 0)
        close(d.lock_fd);
    return d.exit_code;
}

static void usage(FILE *out, const struct conf_key *keys, size_t n)
{
    AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
    conf_keys_print(keys, n, &b);
    fprintf(out,
            "atolld - runs the roles of one Atoll cluster\n\n"
            "usage: atolld --config DIR\n\n"
            "  -c, --config DIR   every *.cfg in DIR is read, in name order\n"
            "  -h, --help         this text\n"
            "  -V, --version      the version\n\n"
            "Configuration keys:\n%s",
            buf_str(&b));
}

/* Thousands of connections are normal; the soft limit of a login shell is not enough. */
static void raise_file_limit(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max;
        setrlimit(RLIMIT_NOFILE, &lim);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {0}};
    const char *conf_dir = NULL;
    size_t n_keys;
    AUTO(mem_freep) struct conf_key *keys = all_keys(&n_keys);
    for (int c; (c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1;) {
        if (c == 'c') {
            conf_dir = optarg;
        } else if (c == 'h') {
            usage(stdout, keys, n_keys);
            return 0;
        } else if (c == 'V') {
            printf("atolld %s\n", ATOLL_VERSION);
            return 0;
        } else {
            return 2;
        }
    }
    if (!conf_dir || optind < argc) {
        fprintf(stderr, "atolld: want --config DIR, found %s%s; see atolld --help\n",
                optind < argc ? "the argument " : "none", optind < argc ? argv[optind] : "");
        return 2;
    }
    raise_file_limit();
    mem_tune();
    return run(conf_dir, keys, n_keys);
}
