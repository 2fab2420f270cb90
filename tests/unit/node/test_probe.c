/* SPDX-License-Identifier: Apache-2.0 */
/* Probes: thresholds and pauses as pure functions, then a prober against real sockets. */
#include "unit/cm.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_server.h"
#include "node/probe.h"

static struct probe_rule rule(const char *text, enum probe_kind kind)
{
    struct probe_rule r;
    AUTO(json_freep) cJSON *j = cJSON_Parse(text);
    assert_non_null(j);
    probe_rule_of(j, kind, &r);
    return r;
}

static void defaults(void **state)
{
    (void)state;
    struct probe_rule r = rule("{\"exec\":{}}", PROBE_READINESS);
    assert_true(r.exec && r.delay_ms == 0 && r.period_ms == 10000 && r.timeout_ms == 1000);
    assert_true(r.success == 1 && r.failure == 3);
    r = rule("{\"periodSeconds\":2,\"timeoutSeconds\":5,\"initialDelaySeconds\":7,"
             "\"successThreshold\":2,"
             "\"failureThreshold\":9}",
             PROBE_READINESS);
    assert_true(!r.exec && r.delay_ms == 7000 && r.period_ms == 2000 && r.timeout_ms == 5000);
    assert_true(r.success == 2 && r.failure == 9);
}

static void liveness(void **state)
{
    (void)state;
    struct probe_rule r = rule("{}", PROBE_LIVENESS);
    struct probe_count c = {0};
    assert_int_equal(probe_note(&r, &c, false, 0), PROBE_SAME);
    assert_int_equal(probe_pause(&r, &c), 10000);
    assert_int_equal(probe_note(&r, &c, false, 0), PROBE_SAME);
    assert_int_equal(probe_note(&r, &c, true, 0), PROBE_PASS);
    assert_int_equal(probe_note(&r, &c, false, 0), PROBE_SAME);
    assert_int_equal(probe_note(&r, &c, false, 0), PROBE_SAME);
    assert_int_equal(probe_note(&r, &c, false, 0), PROBE_FAIL);
}

static void readiness(void **state)
{
    (void)state;
    struct probe_rule r = rule("{\"successThreshold\":2,\"failureThreshold\":2}", PROBE_READINESS);
    struct probe_count c = {0};
    static const uint64_t pauses[] = {50, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) { /* eager until the first success */
        assert_int_equal(probe_note(&r, &c, false, 0), PROBE_SAME);
        assert_int_equal(probe_pause(&r, &c), pauses[i]);
    }
    assert_int_equal(probe_note(&r, &c, true, 0), PROBE_SAME);
    assert_int_equal(probe_pause(&r, &c), 10000);
    assert_int_equal(probe_note(&r, &c, true, 0), PROBE_PASS);
    assert_int_equal(probe_note(&r, &c, false, 0), PROBE_SAME);
    assert_int_equal(probe_pause(&r, &c), 10000);
    assert_int_equal(probe_note(&r, &c, false, 0), PROBE_FAIL);
}

/* Many quick failures are not failureThreshold slow ones. */
static void startup(void **state)
{
    (void)state;
    struct probe_rule r =
        rule("{\"initialDelaySeconds\":1,\"failureThreshold\":3,\"exec\":{}}", PROBE_STARTUP);
    struct probe_count c = {0};
    for (int i = 0; i < 100; i++)
        assert_int_equal(probe_note(&r, &c, false, 30999), PROBE_SAME);
    assert_int_equal(probe_note(&r, &c, false, 31000), PROBE_FAIL);
    c = (struct probe_count){0};
    probe_note(&r, &c, false, 0);
    assert_int_equal(probe_pause(&r, &c), 500); /* a process is dearer than a connection */
    assert_int_equal(probe_note(&r, &c, true, 100), PROBE_PASS);
}

/* ---- with sockets -------------------------------------------------------------------------------
 */

struct world {
    struct loop *loop;
    struct http_client *http;
    struct prober *p;
    bool changed;
};

static void on_change(void *arg)
{
    ((struct world *)arg)->changed = true;
}

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    assert_int_equal(http_client_new(w->loop, &w->http, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    prober_free(w->p);
    http_client_free(w->http);
    loop_free(w->loop);
    mem_free(w);
    return 0;
}

static int listener(const char *ip, uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof(a);
    inet_pton(AF_INET, ip, &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void watch(struct world *w, const char *container, const struct prober_state *was)
{
    AUTO(json_freep) cJSON *c = cJSON_Parse(container);
    assert_non_null(c);
    struct action_target t = {
        .loop = w->loop, .http = w->http, .shim = "/nowhere", .ip = "127.17.203.1", .container = c};
    w->changed = false;
    w->p = prober_new(&t, 0, was, on_change, w);
}

static void await_change(struct world *w)
{
    w->changed = false;
    if (loop_run_until(w->loop, &w->changed, 10000))
        fail_msg("waited 10 s for a probe to change its mind: %s", prober_state(w->p)->message);
}

/* Until a failure was seen; none of them may change the verdict. */
static void await_failure(struct world *w, const char *message)
{
    static const bool never = false;
    for (int i = 0; i < 5000 && !streq(prober_state(w->p)->message, message); i++)
        loop_run_until(w->loop, &never, 2);
    assert_string_equal(prober_state(w->p)->message, message);
    assert_false(w->changed);
}

static void tcp(void **state)
{
    struct world *w = *state;
    uint16_t port;
    int fd = listener("127.17.203.1", &port);
    AUTO(mem_freep)
    char *text = mem_printf(
        "{\"ports\":[{\"name\":\"db\",\"containerPort\":%u}],\"readinessProbe\":{\"tcpSocket\":"
        "{\"port\":\"db\"},\"periodSeconds\":1,\"failureThreshold\":1}}",
        port);
    watch(w, text, NULL);
    assert_true(prober_state(w->p)->started);
    assert_false(prober_state(w->p)->ready);
    await_failure(w, "Connection refused");
    assert_int_equal(listen(fd, 16), 0);
    await_change(w);
    assert_true(prober_state(w->p)->ready);
    close(fd);
    await_change(w);
    assert_false(prober_state(w->p)->ready);
    assert_string_equal(prober_state(w->p)->which, "Readiness probe");
}

static void on_request(void *arg, struct http_in *in)
{
    bool *good = arg;
    bool right = streq(http_in_path(in), "/ok") && streq(http_in_header(in, "X-A"), "b");
    http_reply(in, *good && right ? 204 : 503, NULL, 0, (struct str){"", 0});
}

static void http(void **state)
{
    struct world *w = *state;
    bool good = false;
    struct http_server *s = NULL;
    struct http_server_opts o = {
        .address = "127.17.203.1", .body_max = 1024, .on_request = on_request, .arg = &good};
    assert_int_equal(http_server_new(w->loop, &o, &s, NULL), 0);
    AUTO(mem_freep)
    char *text = mem_printf(
        "{\"startupProbe\":{\"httpGet\":{\"port\":%u,\"path\":\"/ok\",\"httpHeaders\":[{\"name\":"
        "\"X-A\",\"value\":\"b\"}]}}}",
        http_server_port(s));
    watch(w, text, NULL);
    assert_false(prober_state(w->p)->started);
    await_failure(w, "HTTP status 503");
    good = true;
    await_change(w);
    assert_true(prober_state(w->p)->started);
    prober_free(TAKE(w->p));
    http_server_free(s);
}

static void what_was_stays(void **state)
{
    struct world *w = *state;
    struct prober_state was = {.started = true, .ready = true};
    watch(w,
          "{\"readinessProbe\":{\"tcpSocket\":{\"port\":1},\"periodSeconds\":1,"
          "\"failureThreshold\":2}}",
          &was);
    assert_true(prober_state(w->p)->ready); /* a restart of the daemon makes nobody unready */
    await_change(w);
    assert_false(prober_state(w->p)->ready); /* the probe does */
    prober_free(TAKE(w->p));
    watch(w, "{\"name\":\"none\"}", NULL);
    assert_null(w->p);
}

static void refused(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new(4096);
    AUTO(json_freep)
    cJSON *c = cJSON_Parse("{\"name\":\"m\",\"livenessProbe\":{\"grpc\":{\"port\":1}}}");
    assert_string_equal(action_refused(c, a),
                        "container m: livenessProbe.grpc is not offered by this node: use exec, "
                        "httpGet or tcpSocket");
    json_del(c, "livenessProbe");
    assert_null(action_refused(c, a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(liveness),
        cmocka_unit_test(readiness),
        cmocka_unit_test(startup),
        cmocka_unit_test_setup_teardown(tcp, setup, teardown),
        cmocka_unit_test_setup_teardown(http, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_stays, setup, teardown),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
