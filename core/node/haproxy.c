/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running HAProxy. The process is a run (run.h), its configuration and commands come from
 * balance.c. One timer and two chats drive it:
 *
 *     DOWN -> STARTING -> UP <-> RELOADING          ADOPTING -> UP
 *
 * In STARTING, RELOADING and ADOPTING the worker is asked who it is until the right one answers.
 * Commands that are due meanwhile go to whichever worker owns the socket; when the new one has
 * taken over, it is brought from its file to the present.
 */
#define LOG_ROOM "node"
#include "node/haproxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "node/address.h"
#include "node/chat.h"
#include "node/run.h"

enum {
    CONFIG_MAX = 64 * 1024 * 1024,
    PENDING_MAX = 16 * 1024 * 1024,
    BATCH_MAX = 8 * 1024, /* HAProxy reads a command line into a buffer of 16 KiB */
    CHAT_MS = 2000,
    SETTLE_MS = 20, /* new ports come in bunches: wait this long for more */
    RELOAD_GAP_MS = 300,
    ASK_MS = 10,
    TAKEOVER_MS = 5000,
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MAX_MS = 30000,
    BARRED_RETRY_MS = 60000,
    OLD_MAX = 64,
    CONNECTIONS_MAX = 10000,
    LOG_BYTES = 1024 * 1024,
};

enum haproxy_state { DOWN, STARTING, UP, RELOADING, ADOPTING };
static const char *const state_names[] = {"down", "starting", "up", "reloading", "adopting"};

#define haproxy_MAGIC 0x68617078u
struct haproxy {
    uint32_t magic;
    struct loop *loop;
    struct haproxy_opts o;
    char *dir, *shim, *program, *config, *worker_socket, *master_socket;
    struct map proxies; /* name -> struct proxy */
    enum haproxy_state state;
    struct run *run;
    struct loop_timer *timer;
    bool ready_told, complete, dirty, stopping;
    uint64_t since_ms, reloaded_ms, backoff_ms;
    int worker;              /* its pid */
    int old[OLD_MAX], asked; /* workers of before; `asked` is the one being searched */
    size_t n_old;
    bool old_known; /* the list is of after the last reload */
    struct chat *talk, *master;
    struct buf commands;      /* for the worker */
    struct buf cuts, cutting; /* slots to cut in old workers: collected, being cut */
};

static void tick(void *arg);
static void talk(struct haproxy *h);
static void cut_next(struct haproxy *h);

static void set_state(struct haproxy *h, enum haproxy_state to, const char *why)
{
    log_debug("haproxy %s -> %s: %s", state_names[h->state], state_names[to], why);
    h->state = to;
    h->since_ms = clock_mono_ms();
}

static bool live(const struct haproxy *h)
{
    return h->state == UP || h->state == RELOADING;
}

/* ---- places -------------------------------------------------------------------------------------
 */

/* A unix socket's path has 107 bytes, and HAProxy adds a suffix of its own while it binds. */
static char *socket_dir(const char *dir)
{
    if (strlen(dir) < 80)
        return mem_strdup(dir);
    char *path = mem_printf("/tmp/atoll-%u-%016llx", (unsigned)geteuid(),
                            (unsigned long long)hash_bytes(dir, strlen(dir)));
    mkdir(path, 0700);
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 077)) {
        mem_free(path); /* somebody else's: better a clear failure to bind */
        return mem_strdup(dir);
    }
    return path;
}

static char *run_dir(const struct haproxy *h, int number)
{
    return mem_printf("%s/runs/%d", h->dir, number);
}

/* The run of before is the one directory below runs/; a new run gets the next number. */
static int run_number(const struct haproxy *h)
{
    AUTO(mem_freep) char *path = file_path(h->dir, "number"), *text = NULL;
    size_t len;
    int64_t n;
    if (file_read(path, 64, &text, &len, NULL) || str_to_i64(str_trim((struct str){text, len}), &n))
        return 0;
    return (int)n;
}

/* ---- configuration ------------------------------------------------------------------------------
 */

static unsigned connections(const struct haproxy *h, uint64_t *ret_nofile)
{
    struct rlimit limit = {1024, 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    uint64_t reserve = 200 + 2 * map_len(&h->proxies);
    uint64_t want = 2 * (uint64_t)CONNECTIONS_MAX + reserve;
    uint64_t have = limit.rlim_max < want ? limit.rlim_max : want;
    *ret_nofile = have;
    return have > reserve + 200 ? (unsigned)((have - reserve) / 2) : 100;
}

/* HAProxy refuses a whole configuration for one address it cannot bind, so every new one is tried
 * first. */
static int bind_try(const char *name)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    const char *colon = strrchr(name, ':');
    AUTO(mem_freep) char *ip = mem_strndup(name, (size_t)(colon - name));
    uint32_t address;
    int64_t port;
    int on = 1;
    if (address_parse(ip, &address) || str_to_i64(str_of(colon + 1), &port) || port < 1 ||
        port > 65535)
        return -EINVAL;
    at.sin_addr.s_addr = htonl(address);
    at.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int rc = bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static void bind_check(struct haproxy *h, struct proxy *p)
{
    int rc = p->filed ? 0 : bind_try(p->name);
    bool news = rc && !p->barred;
    p->barred = rc != 0;
    if (!news)
        return;
    AUTO(mem_freep)
    char *text = mem_printf(
        "nobody listens on %s: binding it: %s%s", p->name, strerror(-rc),
        rc == -EACCES ? " (ports below 1024 want root or net.ipv4.ip_unprivileged_port_start)"
                      : "");
    h->o.on_problem(h->o.arg, p->name, text);
}

/* Forget proxies nobody wants, try to bind the new ones, write the file. Returns how many it has,
 * or an error. */
static int config_write(struct haproxy *h, uint64_t *ret_nofile, struct err **err)
{
    AUTO(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);
    const char *name;
    void *v;
    int n = 0;
    for (size_t it = 0; map_next(&h->proxies, &it, &name, &v);) {
        struct proxy *p = v;
        if (!p->declared) {
            map_del(&h->proxies, name);
            proxy_free(p);
            continue;
        }
        bind_check(h, p);
        n += !p->barred;
    }
    struct balance_settings s = {h->worker_socket, connections(h, ret_nofile), h->o.threads};
    balance_config(&h->proxies, &s, &text);
    int rc = file_replace(h->config, text.ptr, text.len, 0600, err);
    return rc ? rc : n;
}

/* ---- commands -----------------------------------------------------------------------------------
 */

static void say(struct haproxy *h, struct proxy *p)
{
    if (live(h) && !proxy_settled(p))
        proxy_commands(p, &h->commands, &h->cuts);
}

static void on_talk(void *arg, int rc, const char *answer)
{
    struct haproxy *h = CAST(haproxy, arg);
    h->talk = NULL;
    if (rc || strstr(answer, "No such") || strstr(answer, "Unknown command")) {
        log_warn("haproxy: a command failed (%s), reloading it", rc ? strerror(-rc) : answer);
        h->dirty = true;
        loop_timer_start(h->timer, SETTLE_MS);
    }
    talk(h);
}

static void talk(struct haproxy *h)
{
    AUTO(buf_done) struct buf batch = BUF_INIT(PENDING_MAX);
    if (h->talk || !h->commands.len || !live(h))
        return;
    balance_batch(&h->commands, BATCH_MAX, &batch);
    h->talk = chat_start(h->loop, h->worker_socket, buf_str(&batch), CHAT_MS, on_talk, h);
}

/* ---- old workers --------------------------------------------------------------------------------
 */

static void on_proc(void *arg, int rc, const char *answer)
{
    struct haproxy *h = CAST(haproxy, arg);
    h->master = NULL;
    if (rc) { /* the master is busy becoming a new one */
        loop_timer_start(h->timer, ASK_MS);
        return;
    }
    h->n_old = balance_old_workers(answer, h->old, OLD_MAX);
    h->old_known = true;
    cut_next(h);
}

static void ask_master(struct haproxy *h)
{
    if (!h->master)
        h->master = chat_start(h->loop, h->master_socket, "show proc\n", CHAT_MS, on_proc, h);
}

static void on_cut(void *arg, int rc, const char *answer)
{
    struct haproxy *h = CAST(haproxy, arg);
    (void)rc;
    (void)answer;
    h->master = NULL;
    cut_next(h);
}

static void on_sessions(void *arg, int rc, const char *answer)
{
    struct haproxy *h = CAST(haproxy, arg);
    AUTO(buf_done) struct buf commands = BUF_INIT(PENDING_MAX);
    h->master = NULL;
    if (!rc)
        balance_cut(answer, buf_str(&h->cutting), h->asked, &commands);
    if (commands.len)
        h->master = chat_start(h->loop, h->master_socket, buf_str(&commands), CHAT_MS, on_cut, h);
    else
        cut_next(h);
}

/* One old worker after the other is searched for sessions to slots that changed hands. During a
 * reload nobody knows yet who is old: the cuts wait for its end. */
static void cut_next(struct haproxy *h)
{
    if (h->master || h->state != UP || !h->old_known)
        return;
    if (!h->cutting.len) {
        if (!h->cuts.len || !h->n_old) {
            buf_cut(&h->cuts, 0);
            return;
        }
        buf_addb(&h->cutting, &h->cuts);
        buf_cut(&h->cuts, 0);
        h->asked = -1;
    }
    size_t next = 0;
    while (next < h->n_old && h->asked >= 0 && h->old[next] != h->asked)
        next++;
    next += h->asked >= 0;
    if (next >= h->n_old) { /* all searched; who is left? */
        buf_cut(&h->cutting, 0);
        ask_master(h);
        return;
    }
    h->asked = h->old[next];
    AUTO(mem_freep) char *text = mem_printf("@!%d show sess\n", h->asked);
    h->master = chat_start(h->loop, h->master_socket, text, CHAT_MS, on_sessions, h);
}

/* ---- starting, reloading, adopting --------------------------------------------------------------
 */

static void retry_later(struct haproxy *h)
{
    h->backoff_ms = h->backoff_ms ? h->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (h->backoff_ms > BACKOFF_MAX_MS)
        h->backoff_ms = BACKOFF_MAX_MS;
    loop_timer_start(h->timer, h->backoff_ms);
}

static void on_run(void *arg)
{
    struct haproxy *h = CAST(haproxy, arg);
    const struct run_facts *f = run_facts(h->run);
    if (f->state != RUN_ENDED)
        return;
    if (!h->stopping)
        log_error("haproxy ended with code %d, starting it again; see %s/runs/%d/log", f->code,
                  h->dir, run_number(h));
    run_free(TAKE(h->run));
    chat_cancel(TAKE(h->talk));
    chat_cancel(TAKE(h->master));
    buf_cut(&h->commands, 0);
    buf_cut(&h->cuts, 0);
    buf_cut(&h->cutting, 0);
    h->n_old = 0;
    h->old_known = false;
    h->dirty = true;
    set_state(h, DOWN, h->stopping ? "no Service needs it" : "it ended");
    if (h->stopping)
        loop_timer_start(h->timer, SETTLE_MS);
    else
        retry_later(h);
    h->stopping = false;
}

static int run_begin(struct haproxy *h, uint64_t nofile, struct err **err)
{
    static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    AUTO(mem_freep) char *master = mem_printf("%s,mode,600", h->master_socket);
    AUTO(mem_freep) char *last = run_dir(h, run_number(h)), *dir = run_dir(h, run_number(h) + 1);
    AUTO(mem_freep)
    char *number = mem_printf("%d\n", run_number(h) + 1), *path = file_path(h->dir, "number");
    const char *argv[] = {h->program, "-W", "-S", master, "-f", h->config, NULL};
    struct run_spec s = {.shim = h->shim,
                         .dir = dir,
                         .argv = argv,
                         .env = env,
                         .log_max = LOG_BYTES,
                         .nofile = nofile};
    int rc = file_tree_remove(last, err);
    if (!rc)
        rc = file_dir_make(dir, 0700, err);
    if (!rc)
        rc = file_replace(path, number, strlen(number), 0600, err);
    return rc ? rc : run_start(h->loop, &s, on_run, h, &h->run, err);
}

static void start(struct haproxy *h)
{
    AUTO(err_freep) struct err *err = NULL;
    uint64_t nofile;
    h->dirty = false;
    int n = config_write(h, &nofile, &err);
    if (n == 0) {
        loop_timer_start(h->timer, BARRED_RETRY_MS);
        return; /* nothing to carry */
    }
    if (n < 0 || run_begin(h, nofile, &err)) {
        log_error("haproxy: %s", err_text(err));
        h->dirty = true;
        retry_later(h);
        return;
    }
    set_state(h, STARTING, "there are Services");
    loop_timer_start(h->timer, ASK_MS);
}

static void on_reload_said(void *arg, int rc, const char *answer)
{
    struct haproxy *h = CAST(haproxy, arg);
    (void)answer;
    h->master = NULL;
    if (rc)
        log_warn("haproxy: asking its master to reload: %s", strerror(-rc));
    loop_timer_start(h->timer, ASK_MS);
}

static void reload(struct haproxy *h)
{
    AUTO(err_freep) struct err *err = NULL;
    uint64_t nofile;
    h->dirty = false;
    int n = config_write(h, &nofile, &err);
    if (n < 0) {
        log_error("haproxy: %s", err_text(err));
        h->dirty = true;
        retry_later(h);
    } else if (n == 0) {
        h->stopping = true;
        run_term(h->run);
    } else {
        set_state(h, RELOADING, "proxies came or went");
        chat_cancel(TAKE(h->master));
        if (h->cutting.len)
            buf_addb(&h->cuts, &h->cutting);
        buf_cut(&h->cutting, 0);
        h->master = chat_start(h->loop, h->master_socket, "reload\n", CHAT_MS, on_reload_said, h);
    }
}

static void up(struct haproxy *h, int worker)
{
    void *p;
    bool fresh = h->state != ADOPTING;
    if (fresh)
        log_info("haproxy carries %zu proxies, worker %d after %llu ms", map_len(&h->proxies),
                 worker, (unsigned long long)(clock_mono_ms() - h->since_ms));
    h->worker = worker;
    h->backoff_ms = 0;
    h->reloaded_ms = clock_mono_ms();
    set_state(h, UP, "its worker answers");
    for (size_t it = 0; map_next(&h->proxies, &it, NULL, &p);) {
        if (fresh)
            proxy_reloaded(p);
        say(h, p);
    }
    talk(h);
    h->old_known = false;
    ask_master(h); /* who is old now? then the cuts that waited */
    loop_timer_start(h->timer, h->dirty ? RELOAD_GAP_MS : SETTLE_MS);
}

static void tell_ready(struct haproxy *h)
{
    if (!h->ready_told)
        h->o.on_ready(h->o.arg);
    h->ready_told = true;
}

static void takeover_failed(struct haproxy *h)
{
    AUTO(mem_freep) char *dir = run_dir(h, run_number(h));
    log_error("haproxy: no worker took over within %d ms while %s; see %s/log", TAKEOVER_MS,
              state_names[h->state], dir);
    if (h->state == RELOADING) {
        set_state(h, UP, "the old worker goes on");
        h->dirty = true;
        retry_later(h);
    } else {
        run_kill(h->run); /* on_run starts it again */
        tell_ready(h);
    }
}

static void on_info(void *arg, int rc, const char *answer)
{
    struct haproxy *h = CAST(haproxy, arg);
    h->talk = NULL;
    const char *at = rc ? NULL : strstr(answer, "\nPid: ");
    int pid = at ? (int)strtol(at + 6, NULL, 10) : 0;
    bool right = pid > 0 && (h->state != RELOADING || pid != h->worker);
    if (right) {
        if (h->state == ADOPTING)
            balance_learn(&h->proxies, answer);
        up(h, pid);
        tell_ready(h);
    } else if (clock_mono_ms() - h->since_ms > TAKEOVER_MS) {
        takeover_failed(h);
    } else {
        loop_timer_start(h->timer, ASK_MS);
        talk(h);
    }
}

/* Proxies that could not be bound: once they can, a reload brings them. */
static void barred_again(struct haproxy *h)
{
    void *v;
    bool any = false;
    for (size_t it = 0; map_next(&h->proxies, &it, NULL, &v);) {
        struct proxy *p = v;
        any |= p->barred;
        if (p->barred && p->declared && bind_try(p->name) == 0)
            h->dirty = true;
    }
    if (any && !h->dirty)
        loop_timer_start(h->timer, BARRED_RETRY_MS);
}

static void tick(void *arg)
{
    struct haproxy *h = CAST(haproxy, arg);
    if (h->state == STARTING || h->state == RELOADING || h->state == ADOPTING) {
        if (h->talk) /* commands first */
            loop_timer_start(h->timer, ASK_MS);
        else
            h->talk = chat_start(h->loop, h->worker_socket, "show info;show servers state\n",
                                 CHAT_MS, on_info, h);
        return;
    }
    if (!h->ready_told)
        tell_ready(h);
    barred_again(h);
    if (h->state == UP && !h->old_known)
        ask_master(h);
    if (!h->complete || !h->dirty || h->stopping)
        return;
    if (h->state == DOWN)
        start(h);
    else if (clock_mono_ms() - h->reloaded_ms < RELOAD_GAP_MS)
        loop_timer_start(h->timer, RELOAD_GAP_MS);
    else
        reload(h);
}

/* ---- the door -----------------------------------------------------------------------------------
 */

int haproxy_new(struct loop *l, const struct haproxy_opts *o, struct haproxy **ret,
                struct err **err)
{
    AUTO(mem_freep) char *program = file_program("haproxy");
    if (!program)
        return err_set(err, -ENOENT, "HAProxy is not installed (Debian: apt install haproxy)");
    int rc = file_dir_make(o->dir, 0700, err);
    if (rc)
        return rc;
    struct haproxy *h = mem_new(struct haproxy);
    *h = (struct haproxy){.magic = haproxy_MAGIC, .loop = l, .o = *o, .program = TAKE(program)};
    AUTO(mem_freep) char *sockets = socket_dir(o->dir);
    h->dir = mem_strdup(o->dir);
    h->shim = mem_strdup(o->shim);
    h->config = file_path(o->dir, "haproxy.cfg");
    h->worker_socket = file_path(sockets, "worker.sock");
    h->master_socket = file_path(sockets, "master.sock");
    h->commands = h->cuts = h->cutting = BUF_INIT(PENDING_MAX);
    h->timer = loop_timer_new(l, tick, h);
    AUTO(mem_freep) char *last = run_dir(h, run_number(h));
    if (run_adopt(l, last, on_run, h, &h->run, NULL) == 0)
        set_state(h, ADOPTING, "it runs already");
    loop_timer_start(h->timer, 0);
    *ret = h;
    return 0;
}

void haproxy_free(struct haproxy *h)
{
    if (!h)
        return;
    void *p;
    chat_cancel(h->talk);
    chat_cancel(h->master);
    run_free(h->run);
    loop_timer_free(h->timer);
    for (size_t it = 0; map_next(&h->proxies, &it, NULL, &p);)
        proxy_free(p);
    map_done(&h->proxies);
    buf_done(&h->commands);
    buf_done(&h->cuts);
    buf_done(&h->cutting);
    mem_free(h->dir);
    mem_free(h->shim);
    mem_free(h->program);
    mem_free(h->config);
    mem_free(h->worker_socket);
    mem_free(h->master_socket);
    h->magic = 0;
    mem_free(h);
}

static void restructure(struct haproxy *h)
{
    bool waiting =
        h->dirty; /* then the timer runs already, or a running take-over looks at it in its end */
    h->dirty = true;
    if (!waiting && (h->state == UP || h->state == DOWN))
        loop_timer_start(h->timer, SETTLE_MS);
}

void haproxy_set(struct haproxy *h, const char *name, bool sticky, const char *const *targets,
                 size_t n)
{
    struct proxy *p = map_get(&h->proxies, name);
    if (!p) {
        p = proxy_new(name);
        map_set(&h->proxies, name, p);
    }
    bool structure = (!p->filed && !p->barred) || p->sticky != sticky;
    p->declared = true;
    p->sticky = sticky;
    if (proxy_assign(p, targets, n) || structure)
        restructure(h);
    say(h, p);
    talk(h);
    cut_next(h);
}

void haproxy_remove(struct haproxy *h, const char *name)
{
    struct proxy *p = map_get(&h->proxies, name);
    if (!p || !p->declared)
        return;
    proxy_assign(p, NULL, 0); /* its clients are told now; the port goes with the next reload */
    say(h, p);
    talk(h);
    p->declared = false;
    restructure(h);
}

void haproxy_complete(struct haproxy *h)
{
    void *v;
    h->complete = true;
    for (size_t it = 0; map_next(&h->proxies, &it, NULL, &v);)
        if (!((struct proxy *)v)->declared)
            h->dirty = true;
    if (h->dirty && (h->state == UP || h->state == DOWN))
        loop_timer_start(h->timer, SETTLE_MS);
}
