/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load on an API server: api_load HOST PORT TOKEN OPERATION CONNECTIONS COUNT
 *
 * One thread and one TLS connection (HTTP/1.1, keep-alive) per connection, bodies read fully;
 * prints operations per second and the latency of whole requests. Operations: create (a ConfigMap
 * of 150 bytes), get, patch (a label), delete, pod (create a Pod of two containers), pods (list all
 * Pods), watch (one watcher, one writer: time from sending a write to its event).
 *
 * The server's certificate is not checked: this measures, it does not trust.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define ANSWER_MAX (256U << 20)
#define BASE       "/api/v1/namespaces/default/"

struct link {
    int fd;
    gnutls_session_t tls;
    gnutls_certificate_credentials_t cred;
    struct buf in;
};

static struct {
    const char *host, *token, *op;
    uint16_t port;
    size_t connections, count;
} opt;

static size_t next_index;
static uint64_t *latencies; /* microseconds, by index */

static void die(const char *what)
{
    fprintf(stderr, "api_load: %s\n", what);
    exit(1);
}

static void link_open(struct link *l)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(opt.port)};
    int one = 1;
    *l = (struct link){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                       .in = BUF_INIT(ANSWER_MAX)};
    if (l->fd < 0 || inet_pton(AF_INET, opt.host, &sa.sin_addr) != 1 ||
        connect(l->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        die("cannot connect");
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    gnutls_certificate_allocate_credentials(&l->cred);
    gnutls_init(&l->tls, GNUTLS_CLIENT);
    gnutls_set_default_priority(l->tls);
    gnutls_credentials_set(l->tls, GNUTLS_CRD_CERTIFICATE, l->cred);
    gnutls_transport_set_int(l->tls, l->fd);
    int rc;
    do
        rc = gnutls_handshake(l->tls);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    if (rc < 0)
        die(gnutls_strerror(rc));
}

static void link_close(struct link *l)
{
    gnutls_deinit(l->tls);
    gnutls_certificate_free_credentials(l->cred);
    close(l->fd);
    buf_done(&l->in);
}

static void link_send(struct link *l, const char *method, const char *target, const char *type,
                      const char *body)
{
    AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer %s\r\n", method, target,
             opt.token);
    if (body)
        buf_addf(&b, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, strlen(body));
    buf_adds(&b, "\r\n");
    buf_adds(&b, body);
    for (size_t at = 0; at < b.len;) {
        ssize_t n = gnutls_record_send(l->tls, b.ptr + at, b.len - at);
        if (n < 0 && gnutls_error_is_fatal((int)n))
            die("the server has closed the connection");
        at += n > 0 ? (size_t)n : 0;
    }
}

static void link_fill(struct link *l)
{
    char piece[65536];
    ssize_t n = gnutls_record_recv(l->tls, piece, sizeof(piece));
    if (n == 0 || (n < 0 && gnutls_error_is_fatal((int)n)))
        die("the server has closed the connection");
    if (n > 0)
        buf_add(&l->in, piece, (size_t)n);
}

/* Reads one answer with a Content-Length; its status, and the length of its body. */
static int link_answer(struct link *l, size_t *ret_len)
{
    char *end;
    while (!l->in.len || !(end = memmem(l->in.ptr, l->in.len, "\r\n\r\n", 4)))
        link_fill(l);
    size_t head = (size_t)(end - l->in.ptr) + 4, len = 0;
    const char *field = strcasestr(l->in.ptr, "content-length:");
    if (field && field < l->in.ptr + head)
        len = strtoul(field + 15, NULL, 10);
    while (l->in.len < head + len)
        link_fill(l);
    int status = (int)strtol(l->in.ptr + 9, NULL, 10);
    *ret_len = len;
    buf_drop(&l->in, head + len);
    return status;
}

static int call(struct link *l, const char *method, const char *target, const char *type,
                const char *body, size_t *ret_len)
{
    size_t len;
    link_send(l, method, target, type, body);
    return link_answer(l, ret_len ? ret_len : &len);
}

static void cm_text(char out[512], size_t i, const char *value)
{
    snprintf(out, 512,
             "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"load-%zu\"},"
             "\"data\":{\"key\":\"%s\",\"some\":\"more text to make it 150 bytes in all\"}}",
             i, value);
}

static void pod_text(char out[2048], size_t i)
{
    snprintf(out, 2048,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"load-%zu\","
             "\"labels\":{\"app\":\"load\","
             "\"n\":\"%zu\"}},\"spec\":{\"nodeName\":\"node-%zu\",\"containers\":[{\"name\":"
             "\"main\",\"image\":\"example/db:7\","
             "\"command\":[\"db-server\",\"/etc/db/"
             "db.conf\"],\"ports\":[{\"containerPort\":6379}],\"env\":[{\"name\":\"POD\","
             "\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}}],\"resources\":{"
             "\"limits\":{\"cpu\":\"1\","
             "\"memory\":\"1Gi\"}},\"readinessProbe\":{\"tcpSocket\":{\"port\":6379}},"
             "\"volumeMounts\":[{\"name\":\"data\","
             "\"mountPath\":\"/data\"}]},{\"name\":\"exporter\",\"image\":\"example/"
             "exporter:1\",\"ports\":[{\"containerPort\":9121}]}],"
             "\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}}]}}",
             i, i % 1000, i % 50);
}

static int operate(struct link *l, size_t i)
{
    char body[2048], target[256], value[32];
    const char *op = opt.op;
    snprintf(target, sizeof(target), BASE "configmaps/load-%zu", i);
    snprintf(value, sizeof(value), "%zu-%u", i, (unsigned)getpid());
    if (streq(op, "create")) {
        cm_text(body, i, value);
        return call(l, "POST", BASE "configmaps", "application/json", body, NULL);
    }
    if (streq(op, "pod")) {
        pod_text(body, i);
        return call(l, "POST", BASE "pods", "application/json", body, NULL);
    }
    if (streq(op, "patch")) {
        snprintf(body, sizeof(body), "{\"metadata\":{\"labels\":{\"v\":\"%s\"}}}", value);
        return call(l, "PATCH", target, "application/merge-patch+json", body, NULL);
    }
    if (streq(op, "get"))
        return call(l, "GET", BASE "configmaps/load-0", NULL, NULL, NULL);
    if (streq(op, "pods"))
        return call(l, "GET", "/api/v1/pods", NULL, NULL, NULL);
    if (streq(op, "delete"))
        return call(l, "DELETE", target, NULL, NULL, NULL);
    die("unknown operation");
    return 0;
}

static void *client(void *arg)
{
    (void)arg;
    struct link l;
    link_open(&l);
    for (;;) {
        size_t i = __atomic_fetch_add(&next_index, 1, __ATOMIC_RELAXED);
        if (i >= opt.count)
            break;
        uint64_t start = clock_mono_us();
        int status = operate(&l, i);
        latencies[i] = clock_mono_us() - start;
        if (status >= 400) {
            fprintf(stderr, "api_load: %s %zu: answered %d\n", opt.op, i, status);
            exit(1);
        }
    }
    link_close(&l);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void report(uint64_t us)
{
    qsort(latencies, opt.count, sizeof(*latencies), by_value);
    printf("%-7s %3zu connections, %zu operations: %.0f/s, p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
           opt.op, opt.connections, opt.count, (double)opt.count * 1e6 / (double)us,
           (double)latencies[opt.count / 2] / 1e3, (double)latencies[opt.count * 99 / 100] / 1e3,
           (double)latencies[opt.count - 1] / 1e3);
}

/* A writer and a watcher in this thread: send a patch, wait for its event, then read the answer. */
static void watch_latency(void)
{
    struct link w, l;
    char body[128], mark[64];
    link_open(&w);
    link_open(&l);
    link_send(&w, "GET", BASE "configmaps?watch=true&fieldSelector=metadata.name%3Dload-0", NULL,
              NULL);
    while (!w.in.len || !memmem(w.in.ptr, w.in.len, "load-0", 6))
        link_fill(&w);
    for (size_t i = 0; i < opt.count; i++) {
        snprintf(mark, sizeof(mark), "mark-%zu-%u", i, (unsigned)getpid());
        snprintf(body, sizeof(body), "{\"metadata\":{\"labels\":{\"v\":\"%s\"}}}", mark);
        buf_cut(&w.in, 0);
        uint64_t start = clock_mono_us();
        link_send(&l, "PATCH", BASE "configmaps/load-0", "application/merge-patch+json", body);
        while (!w.in.len || !memmem(w.in.ptr, w.in.len, mark, strlen(mark)))
            link_fill(&w);
        latencies[i] = clock_mono_us() - start;
        size_t len;
        if (link_answer(&l, &len) != 200)
            die("a patch failed");
    }
    link_close(&w);
    link_close(&l);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: api_load HOST PORT TOKEN create|get|patch|delete|pod|pods|watch "
                        "CONNECTIONS COUNT\n");
        return 2;
    }
    opt.host = argv[1];
    opt.port = (uint16_t)strtoul(argv[2], NULL, 10);
    opt.token = argv[3];
    opt.op = argv[4];
    opt.connections = strtoul(argv[5], NULL, 10);
    opt.count = strtoul(argv[6], NULL, 10);
    if (!opt.connections || opt.connections > 1024 || !opt.count || opt.count > 10000000)
        die("want 1 to 1024 connections and 1 to 10 million operations");
    latencies = mem_calloc(opt.count, sizeof(*latencies));
    uint64_t start = clock_mono_us();
    if (streq(opt.op, "watch")) {
        watch_latency();
    } else {
        pthread_t threads[1024];
        for (size_t i = 0; i < opt.connections; i++)
            pthread_create(&threads[i], NULL, client, NULL);
        for (size_t i = 0; i < opt.connections; i++)
            pthread_join(threads[i], NULL);
    }
    report(clock_mono_us() - start);
    mem_free(latencies);
    return 0;
}
