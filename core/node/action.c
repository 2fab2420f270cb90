/* SPDX-License-Identifier: Apache-2.0 */
/* Actions. TCP and HTTP cost no process; exec is `atoll-shim exec`, killed at the deadline. */
#include "node/action.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/child.h"
#include "node/address.h"

enum { OUTPUT_MAX = 1024, BODY_MAX = 10 * 1024 };

#define action_MAGIC 0x61637431u
struct action {
    uint32_t magic;
    struct action_target t;
    action_done_fn *done;
    void *arg;
    struct loop_timer *deadline;
    struct http_request *request;
    struct http_tls *tls;
    struct child *child;
    int fd; /* socket, or the reading end of the output */
    struct loop_fd *watch;
    struct buf output;
    const char *late; /* what to say at the deadline */
    bool late_ok;
    bool exited;
    int code;
};

static void action_free(struct action *a)
{
    loop_timer_free(a->deadline);
    loop_fd_free(a->watch);
    if (a->request)
        http_cancel(a->request);
    http_tls_free(a->tls);
    child_free(a->child);
    if (a->fd >= 0)
        close(a->fd);
    buf_done(&a->output);
    a->magic = 0;
    mem_free(a);
}

static void finish(struct action *a, bool ok, const char *message)
{
    action_done_fn *done = a->done;
    void *arg = a->arg;
    AUTO(mem_freep) char *text = mem_strdup(message);
    action_free(a);
    done(arg, ok, text);
}

void action_cancel(struct action *a)
{
    if (!a)
        return;
    if (a->child && !a->exited)
        child_signal(a->child, SIGKILL);
    action_free(a);
}

static void on_deadline(void *arg)
{
    struct action *a = CAST(action, arg);
    if (a->child && !a->exited)
        child_signal(a->child, SIGKILL);
    finish(a, a->late_ok, a->late);
}

/* ---- exec ---------------------------------------------------------------------------------------
 */

static void exec_ended(struct action *a)
{
    if (!a->exited || a->fd >= 0)
        return;
    AUTO(mem_freep)
    char *text =
        mem_printf("exit code %d%s%s", a->code, a->output.len ? ": " : "", buf_str(&a->output));
    finish(a, a->code == 0, text);
}

static void on_output(void *arg, int events)
{
    struct action *a = CAST(action, arg);
    char piece[512];
    (void)events;
    ssize_t n = read(a->fd, piece, sizeof(piece));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        buf_add(&a->output, piece, (size_t)n);
        return;
    }
    loop_fd_free(TAKE(a->watch));
    close(a->fd);
    a->fd = -1;
    exec_ended(a);
}

static void on_exec_exit(void *arg, int code)
{
    struct action *a = CAST(action, arg);
    a->exited = true;
    a->code = code;
    exec_ended(a);
}

static int exec_start(struct action *a, const cJSON *exec, struct err **err)
{
    const cJSON *command = json_at(exec, "command");
    AUTO(arena_freep) struct arena *m = arena_new(1 << 20);
    const char **argv = arena_array(m, const char *, (size_t)cJSON_GetArraySize(command) + 6);
    const char *head[] = {a->t.shim, "exec", arena_printf(m, "%d", (int)a->t.pid),
                          arena_printf(m, "%llu", (unsigned long long)a->t.start), "--"};
    memcpy(argv, head, sizeof(head));
    size_t n = ARRAY_LEN(head);
    int pipes[2];
    json_foreach (word, command)
        argv[n++] = word->valuestring ? word->valuestring : "";
    if (!command || !command->child)
        return err_set(err, -EINVAL, "exec.command is empty");
    if (!a->t.pid)
        return err_set(err, -ESRCH, "the container does not run");
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return err_set(err, -errno, "pipe: %s", strerror(errno));
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    a->fd = pipes[0];
    struct child_fd fds[] = {{pipes[1], 1}, {pipes[1], 2}};
    struct child_spec spec = {
        .argv = argv, .fds = fds, .n_fds = ARRAY_LEN(fds), .die_with_parent = true};
    int rc = loop_fd_new(a->t.loop, a->fd, on_output, a, &a->watch, err);
    if (!rc)
        rc = child_spawn(a->t.loop, &spec, on_exec_exit, a, &a->child, err);
    close(pipes[1]);
    if (!rc)
        loop_fd_want(a->watch, LOOP_READ);
    return rc;
}

/* ---- tcpSocket ----------------------------------------------------------------------------------
 */

static void on_connected(void *arg, int events)
{
    struct action *a = CAST(action, arg);
    int rc = 0;
    socklen_t n = sizeof(rc);
    (void)events;
    getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &rc, &n);
    finish(a, rc == 0, rc ? strerror(rc) : "connected");
}

static int tcp_start(struct action *a, const char *host, uint16_t port, struct err **err)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    uint32_t address;
    if (address_parse(host, &address))
        return err_set(err, -EINVAL, "tcpSocket.host: want an IPv4 address, found \"%s\"", host);
    to.sin_addr.s_addr = htonl(address);
    a->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0)
        return err_set(err, -errno, "socket: %s", strerror(errno));
    if (connect(a->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
        return err_set(err, -errno, "dial tcp %s:%u: %s", host, port, strerror(errno));
    int rc = loop_fd_new(a->t.loop, a->fd, on_connected, a, &a->watch, err);
    if (!rc)
        loop_fd_want(a->watch, LOOP_WRITE);
    return rc;
}

/* ---- httpGet ------------------------------------------------------------------------------------
 */

static void on_http(void *arg, const struct http_answer *answer)
{
    struct action *a = CAST(action, arg);
    a->request = NULL;
    if (!answer->status) {
        finish(a, false, answer->error ? answer->error : "no answer");
        return;
    }
    AUTO(mem_freep) char *text = mem_printf("HTTP status %d", answer->status);
    finish(a, answer->status >= 200 && answer->status < 400, text);
}

static int http_get_start(struct action *a, const cJSON *get, const char *host, uint16_t port,
                          uint64_t ms, struct err **err)
{
    const char *path = json_str(get, "path"), *scheme = json_str(get, "scheme");
    const cJSON *list = json_at(get, "httpHeaders");
    bool tls = streq(scheme, "HTTPS");
    AUTO(arena_freep) struct arena *m = arena_new(1 << 20);
    size_t n = 0;
    struct http_header *headers =
        arena_array(m, struct http_header, (size_t)cJSON_GetArraySize(list) + 1);
    json_foreach (h, list)
        if (json_str(h, "name") && json_str(h, "value"))
            headers[n++] = (struct http_header){json_str(h, "name"), json_str(h, "value")};
    if (tls) /* a probe asks for life, not for identity */
        a->tls = http_tls_new(NULL, NULL, NULL, true, NULL);
    struct http_call call = {.method = "GET",
                             .url = arena_printf(m, "%s://%s:%u%s%s", tls ? "https" : "http", host,
                                                 port, path && path[0] == '/' ? "" : "/",
                                                 path ? path : ""),
                             .headers = headers,
                             .n_headers = n,
                             .tls = a->tls,
                             .deadline_ms = ms,
                             .body_max = BODY_MAX};
    struct http_handler handler = {.on_done = on_http, .arg = a};
    return http_start(a->t.http, &call, &handler, &a->request, err);
}

/* ---- any ----------------------------------------------------------------------------------------
 */

/* A number, or the name of one of the container's ports. 0 when it is neither. */
static uint16_t port_of(const cJSON *container, const cJSON *port)
{
    const char *name = json_string_of(port);
    int64_t n;
    if (!name)
        n = json_int_of(port, 0);
    else if (str_to_i64(str_of(name), &n))
        n = json_int(0, json_find(json_at(container, "ports"), "name", name), "containerPort");
    return n > 0 && n < 65536 ? (uint16_t)n : 0;
}

static int network_start(struct action *a, const cJSON *spec, bool http, uint64_t ms,
                         struct err **err)
{
    const cJSON *one = json_at(spec, http ? "httpGet" : "tcpSocket"), *port = json_at(one, "port");
    const char *host = json_str(one, "host");
    uint16_t number = port_of(a->t.container, port);
    if (!host || !host[0])
        host = a->t.ip;
    if (!number)
        return err_set(
            err, -EINVAL,
            "port \"%s\" is neither a port number nor the name of a port of the container",
            json_string_of(port) ? json_string_of(port) : "");
    return http ? http_get_start(a, one, host, number, ms, err) : tcp_start(a, host, number, err);
}

static void on_early_failure(void *arg)
{
    struct action *a = CAST(action, arg);
    finish(a, false, buf_str(&a->output));
}

struct action *action_start(const struct action_target *t, const cJSON *spec, uint64_t timeout_ms,
                            action_done_fn *done, void *arg)
{
    struct action *a = mem_new(struct action);
    *a = (struct action){
        .magic = action_MAGIC, .t = *t, .done = done, .arg = arg, .fd = -1, .late = "timed out"};
    a->output = BUF_INIT(OUTPUT_MAX);
    a->deadline = loop_timer_new(t->loop, on_deadline, a);
    AUTO(err_freep) struct err *err = NULL;
    int rc = 0;
    if (json_at(spec, "exec"))
        rc = exec_start(a, json_at(spec, "exec"), &err);
    else if (json_at(spec, "httpGet"))
        rc = network_start(a, spec, true, timeout_ms, &err);
    else if (json_at(spec, "tcpSocket"))
        rc = network_start(a, spec, false, timeout_ms, &err);
    else if (json_at(spec, "sleep")) {
        uint64_t ms = (uint64_t)json_int(0, spec, "sleep", "seconds") * 1000;
        a->late_ok = ms < timeout_ms;
        timeout_ms = a->late_ok ? ms : timeout_ms;
    } else
        rc = err_set(&err, -ENOTSUP, "not an action this node offers");
    a->t.container = NULL; /* borrowed for the call */
    if (rc) {
        loop_timer_free(a->deadline);
        a->deadline = loop_timer_new(t->loop, on_early_failure, a);
        buf_adds(&a->output, err_text(err));
        timeout_ms = 0;
    }
    loop_timer_start(a->deadline, timeout_ms);
    return a;
}

const char *action_refused(const cJSON *container, struct arena *a)
{
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        if (json_at(container, probes[i], "grpc"))
            return arena_printf(
                a,
                "container %s: %s.grpc is not offered by this node: use exec, httpGet or tcpSocket",
                json_str(container, "name"), probes[i]);
    if (json_at(container, "lifecycle", "postStart"))
        return arena_printf(
            a,
            "container %s: lifecycle.postStart is not offered by this node: do it in the command",
            json_str(container, "name"));
    return NULL;
}
