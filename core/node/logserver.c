/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's HTTP server, asked by the API server for `kubectl logs`:
 *
 *     GET
 * /containerLogs/{ns}/{pod}/{container}?follow&previous&timestamps&tailLines&limitBytes&sinceSeconds&sinceTime
 *     GET /healthz
 *
 * Logs want the bearer token both sides were given. A log is sent in pieces as the reader takes
 * them; following waits on the directory of the run, across rotation, and ends with the container.
 */
#define LOG_ROOM "node"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "io/http_server.h"
#include "io/tls.h"
#include "node/log_lines.h"
#include "node/state.h"

enum {
    PIECE = 65536,
    RECORD_MAX_BYTES = 64 * 1024,
    QUEUE_HIGH = 1024 * 1024,
    QUEUE_MAX = 8 * 1024 * 1024,
    SLOW_MS = 20,
    TAIL_MAX = 32 * 1024 * 1024,
};

struct logserver {
    struct node *node;
    struct http_server *http;
    struct list streams;
};

#define stream_MAGIC 0x6c6f6773u
struct stream {
    uint32_t magic;
    struct list in_server;
    struct logserver *server;
    struct http_in *in;
    char *dir;
    int fd;
    bool old_first; /* log.1 is being read, log comes after it */
    bool follow;
    struct log_filter filter;
    struct buf held; /* an incomplete record */
    struct loop_file *watch;
    struct loop_timer *timer;
};

/* ---- a stream -----------------------------------------------------------------------------------
 */

static void stream_free(struct stream *s)
{
    list_remove(&s->in_server);
    loop_file_free(s->watch);
    loop_timer_free(s->timer);
    buf_done(&s->held);
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s->dir);
    s->magic = 0;
    mem_free(s);
}

static void on_gone(void *user)
{
    stream_free(CAST(stream, user));
}

static void stream_end(struct stream *s)
{
    struct http_in *in = s->in;
    http_in_set_user(in, NULL, NULL);
    stream_free(s);
    http_stream_end(in);
}

static int open_log(const struct stream *s, const char *name)
{
    AUTO(mem_freep) char *path = file_path(s->dir, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool run_ended(const struct stream *s)
{
    AUTO(mem_freep) char *path = file_path(s->dir, "exit");
    pid_t pid;
    uint64_t start;
    return file_exists(path) || !run_alive(s->dir, &pid, &start);
}

/* At the end of the file: is there a newer one? */
static bool next_file(struct stream *s)
{
    struct stat mine, now;
    int fd = open_log(s, "log");
    if (fd < 0)
        return false;
    bool other = s->old_first || s->fd < 0 ||
                 (fstat(s->fd, &mine) == 0 && fstat(fd, &now) == 0 && mine.st_ino != now.st_ino);
    if (!other) {
        close(fd);
        return false;
    }
    if (s->fd >= 0)
        close(s->fd);
    s->fd = fd;
    s->old_first = false;
    return true;
}

/* -EPIPE when nothing more shall be sent. */
static int send_piece(struct stream *s, const char *p, size_t n)
{
    AUTO(buf_done) struct buf out = BUF_INIT(QUEUE_MAX);
    buf_add(&s->held, p, n);
    size_t used = log_lines_show(&s->filter, (struct str){s->held.ptr, s->held.len}, &out);
    buf_drop(&s->held, used);
    if (s->held.overflow || (s->held.len && s->held.len + PIECE > s->held.max))
        buf_cut(&s->held, 0); /* no record is that long: the file was damaged */
    if (out.len && http_stream_write(s->in, (struct str){out.ptr, out.len}, QUEUE_MAX))
        return -EPIPE;
    return s->filter.limit == 0 ? -EPIPE : 0;
}

/* Send until the end of what there is, or until the reader is slow. */
static void pump(void *arg)
{
    struct stream *s = CAST(stream, arg);
    bool over =
        run_ended(s); /* before reading: what comes after the last byte read is then nothing */
    char piece[PIECE];
    for (;;) {
        if (http_stream_queued(s->in) > QUEUE_HIGH) {
            loop_timer_start(s->timer, SLOW_MS);
            return;
        }
        ssize_t n = s->fd < 0 ? 0 : read(s->fd, piece, sizeof(piece));
        if (n > 0 && send_piece(s, piece, (size_t)n)) {
            stream_end(s);
            return;
        }
        if (n <= 0 && !next_file(s))
            break;
    }
    if (!s->follow || over)
        stream_end(s);
}

/* ---- where to begin -----------------------------------------------------------------------------
 */

/* Offset of the last `n` records of a file; how many there are. Reads the end of the file,
 * doubling. */
static off_t tail_offset(int fd, size_t n, size_t *ret_found)
{
    off_t size = lseek(fd, 0, SEEK_END);
    for (size_t want = PIECE;; want *= 2) {
        size_t len = (off_t)want < size ? want : (size_t)size;
        AUTO(mem_freep) char *text = mem_alloc(len + 1);
        ssize_t got = pread(fd, text, len, size - (off_t)len);
        struct str view = {text, got > 0 ? (size_t)got : 0};
        const char *first = len < (size_t)size ? memchr(text, '\n', view.len) : NULL;
        size_t skip =
            first ? (size_t)(first - text) + 1 : 0; /* the record we came into the middle of */
        size_t at = log_lines_tail((struct str){text + skip, view.len - skip}, n, ret_found);
        if (*ret_found >= n || len == (size_t)size || want >= TAIL_MAX)
            return size - (off_t)len + (off_t)(skip + at);
    }
}

static void seek_tail(struct stream *s, size_t n)
{
    size_t found = 0;
    int fd = open_log(s, "log"), old = open_log(s, "log.1");
    off_t at = fd >= 0 ? tail_offset(fd, n, &found) : 0;
    if (old >= 0 && found < n) {
        size_t rest;
        off_t old_at = tail_offset(old, n - found, &rest);
        lseek(old, old_at, SEEK_SET);
        s->fd = old;
        s->old_first = true;
        if (fd >= 0)
            close(fd);
        return;
    }
    if (old >= 0)
        close(old);
    s->fd = fd;
    if (fd >= 0)
        lseek(fd, at, SEEK_SET);
}

static void seek_start(struct stream *s)
{
    s->fd = open_log(s, "log.1");
    s->old_first = s->fd >= 0;
    if (s->fd < 0)
        s->fd = open_log(s, "log");
}

/* ---- requests -----------------------------------------------------------------------------------
 */

static void refuse(struct http_in *in, int status, const char *text)
{
    const struct http_header h = {"Content-Type", "text/plain"};
    http_reply(in, status, &h, 1, str_of(text));
}

static bool flag(const struct http_in *in, const char *key)
{
    const char *v = http_in_query(in, key);
    return v && !streq(v, "false") && !streq(v, "0");
}

/* A number of the query, -1 when it is absent; false when it is none. */
static bool number(const struct http_in *in, const char *key, int64_t *ret)
{
    const char *v = http_in_query(in, key);
    *ret = -1;
    return !v || (str_to_i64(str_of(v), ret) == 0 && *ret >= 0);
}

static bool allowed(const struct logserver *l, const struct http_in *in)
{
    const char *got = http_in_header(in, "Authorization");
    const char *want = l->node->log_token;
    return want && want[0] && str_starts(got, "Bearer ") &&
           tls_equal_secret(str_of(got + 7), str_of(want));
}

/* The directory of the run whose log is asked for; NULL after an answer was given. */
static char *run_wanted(const struct logserver *l, struct http_in *in, const char *ns,
                        const char *pod_name, const char *container)
{
    AUTO(mem_freep) char *key = mem_printf("%s/%s", ns, pod_name), *text = NULL;
    const struct pod *p = map_get(&l->node->holders, key);
    const struct container *c = p ? pod_container(p, container) : NULL;
    bool previous = flag(in, "previous");
    if (!c) {
        text = mem_printf("container \"%s\" of pod \"%s\" does not run on this node", container,
                          pod_name);
        refuse(in, 404, text);
        return NULL;
    }
    int number_wanted = c->seen.now.number - (previous ? 1 : 0);
    AUTO(mem_freep) char *dir = pod_run_dir(p, container, number_wanted);
    if (number_wanted >= 0 && file_exists(dir))
        return TAKE(dir);
    text = previous
               ? mem_printf("previous terminated container \"%s\" in pod \"%s\" not found",
                            container, pod_name)
               : mem_printf("container \"%s\" in pod \"%s\" is waiting to start: %s", container,
                            pod_name, c->problem ? c->problem : "ContainerCreating");
    refuse(in, 400, text);
    return NULL;
}

static void stream_start(struct logserver *l, struct http_in *in, const char *dir)
{
    int64_t tail, limit, since;
    const char *since_time = http_in_query(in, "sinceTime");
    struct log_filter f = {.timestamps = flag(in, "timestamps")};
    if (!number(in, "tailLines", &tail) || !number(in, "limitBytes", &limit) ||
        !number(in, "sinceSeconds", &since) ||
        (since_time && clock_parse(since_time, &f.since_us))) {
        refuse(in, 400,
               "tailLines, limitBytes and sinceSeconds are numbers from 0, sinceTime is RFC 3339");
        return;
    }
    f.limit = limit;
    if (since >= 0)
        f.since_us = clock_wall_us() - since * 1000000;
    struct stream *s = mem_new(struct stream);
    *s = (struct stream){.magic = stream_MAGIC, .server = l, .in = in, .fd = -1, .filter = f};
    s->dir = mem_strdup(dir);
    s->follow = flag(in, "follow") && !flag(in, "previous");
    s->held = BUF_INIT(RECORD_MAX_BYTES + 2 * PIECE);
    s->timer = loop_timer_new(l->node->loop, pump, s);
    list_append(&l->streams, &s->in_server);
    if (tail >= 0)
        seek_tail(s, (size_t)tail);
    else
        seek_start(s);
    if (s->follow)
        loop_file_new(l->node->loop, dir, pump, s, &s->watch, NULL);
    const struct http_header h = {"Content-Type", "text/plain"};
    http_stream_start(in, 200, &h, 1);
    http_in_set_user(in, s, on_gone);
    loop_timer_start(s->timer, 0);
}

static void on_logs(struct logserver *l, struct http_in *in, const char *rest)
{
    struct str path = str_of(rest), part[3];
    size_t n = 0;
    while (n < 3 && str_split(&path, '/', &part[n]))
        n++;
    if (n < 3 || path.ptr) {
        refuse(in, 404, "want /containerLogs/NAMESPACE/POD/CONTAINER");
        return;
    }
    AUTO(mem_freep)
    char *ns = mem_strndup(part[0].ptr, part[0].len), *pod = mem_strndup(part[1].ptr, part[1].len);
    AUTO(mem_freep) char *container = mem_strndup(part[2].ptr, part[2].len);
    AUTO(mem_freep) char *dir = run_wanted(l, in, ns, pod, container);
    if (dir)
        stream_start(l, in, dir);
}

static void on_request(void *arg, struct http_in *in)
{
    struct logserver *l = arg;
    const char *path = http_in_path(in);
    if (!streq(http_in_method(in), "GET"))
        refuse(in, 405, "only GET is served here");
    else if (streq(path, "/healthz"))
        refuse(in, 200, "ok");
    else if (!str_starts(path, "/containerLogs/"))
        refuse(in, 404, "served here: /containerLogs/NAMESPACE/POD/CONTAINER and /healthz");
    else if (!allowed(l, in))
        refuse(in, 401, "logs are for the API server: the bearer token is missing or wrong");
    else
        on_logs(l, in, path + strlen("/containerLogs/"));
}

/* The port of before, if it is free: then a restart changes nothing in the Node object. */
static uint16_t port_before(const char *path)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    int64_t port;
    if (file_read(path, 64, &text, &len, NULL) ||
        str_to_i64(str_trim((struct str){text, len}), &port) || port < 1 || port > 65535)
        return 0;
    return (uint16_t)port;
}

static void port_keep(const char *path, uint16_t port)
{
    AUTO(mem_freep) char *text = mem_printf("%u\n", port);
    file_replace(path, text, strlen(text), 0600, NULL); /* only a hint */
}

int logserver_new(struct node *n, struct logserver **ret, struct err **err)
{
    struct logserver *l = mem_new(struct logserver);
    AUTO(mem_freep) char *path = file_path(n->dir, "log-port");
    struct http_server_opts o = {.address = n->address,
                                 .port = port_before(path),
                                 .body_max = 4096,
                                 .on_request = on_request,
                                 .arg = l};
    l->node = n;
    list_init(&l->streams);
    int rc = o.port ? http_server_new(n->loop, &o, &l->http, NULL) : -EADDRINUSE;
    if (rc) {
        o.port = 0;
        rc = http_server_new(n->loop, &o, &l->http, err);
    }
    if (rc) {
        mem_free(l);
        return err_wrap(err, "log server of node %s", n->name);
    }
    if (!o.port)
        port_keep(path, http_server_port(l->http));
    *ret = l;
    return 0;
}

void logserver_free(struct logserver *l)
{
    if (!l)
        return;
    list_foreach_safe (it, &l->streams) {
        struct stream *s = list_entry(it, struct stream, in_server);
        http_in_set_user(s->in, NULL, NULL);
        stream_free(s);
    }
    http_server_free(l->http);
    mem_free(l);
}

uint16_t logserver_port(const struct logserver *l)
{
    return http_server_port(l->http);
}
