/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over plain sockets, looked at byte by byte: methods, bodies, late answers,
 * streams, peers that leave, upgrades. TLS and the client side are in test_http_client.c. */
#include "unit/io/wire.h"

#include <stdio.h>

#include "io/http_server.h"

#define BODY_MAX 10000

static struct loop *loop;
static struct http_server *server;
static struct http_in *held; /* the request a test answers later */
static struct buf seen;      /* what the owner saw */
static int gone, released;
static bool flag;

static void on_gone(void *user)
{
    assert_ptr_equal(user, &gone);
    gone++;
    held = NULL;
    flag = true;
}

static void on_release(void *arg)
{
    assert_ptr_equal(arg, &released);
    released++;
}

static void reply_text(struct http_in *in, int status, const char *text)
{
    const struct http_header headers[] = {{"Content-Type", "text/plain"}};
    http_reply(in, status, headers, 1, str_of(text));
}

static bool add_param(void *arg, const char *key, const char *value)
{
    (void)arg;
    buf_addf(&seen, "[%s=%s]", key, value);
    return strcmp(key, "stop") != 0;
}

static void echo(struct http_in *in)
{
    buf_addf(&seen, "%s %s", http_in_method(in), http_in_path(in));
    http_in_query_each(in, add_param, NULL);
    struct str body = http_in_body(in);
    AUTO(buf_done) struct buf text = BUF_INIT(BODY_MAX + 100);
    buf_addf(&text, "%s body=%zu large=%d x=%s raw=%s peer=%s\n", http_in_method(in), body.len,
             http_in_too_large(in),
             http_in_header(in, "x-test") ? http_in_header(in, "X-TEST") : "-",
             http_in_raw_target(in), http_in_peer(in));
    reply_text(in, http_in_too_large(in) ? 413 : 200, buf_str(&text));
}

static void start_stream(struct http_in *in)
{
    const struct http_header headers[] = {{"Content-Type", "application/json"}};
    http_in_set_user(in, &gone, on_gone);
    http_stream_start(in, 200, headers, 1);
    held = in;
    flag = true;
}

static void on_upgraded(void *arg, int fd, struct str extra, void *token);

static void on_request(void *arg, struct http_in *in)
{
    assert_ptr_equal(arg, &server);
    if (str_starts(http_in_path(in), "/stream")) {
        start_stream(in);
    } else if (str_starts(http_in_path(in), "/late")) {
        http_in_set_user(in, &gone, on_gone);
        held = in;
        flag = true;
    } else if (str_starts(http_in_path(in), "/upgrade")) {
        const struct http_header headers[] = {{"Upgrade", "test"}};
        http_upgrade(in, headers, 1, on_upgraded, NULL);
    } else if (str_starts(http_in_path(in), "/shared")) {
        http_reply_shared(in, 200, NULL, 0, STR("shared bytes"), on_release, &released);
    } else if (str_starts(http_in_path(in), "/empty")) {
        http_reply(in, 204, NULL, 0, (struct str){NULL, 0});
    } else {
        echo(in);
    }
}

static int setup(void **state)
{
    (void)state;
    struct http_server_opts o = {
        .address = "127.0.0.1", .body_max = BODY_MAX, .on_request = on_request, .arg = &server};
    held = NULL;
    seen = BUF_INIT(100000);
    gone = released = 0;
    flag = false;
    return loop_new(&loop, NULL) || http_server_new(loop, &o, &server, NULL);
}

static int teardown(void **state)
{
    (void)state;
    http_server_free(server);
    loop_free(loop);
    buf_done(&seen);
    return 0;
}

static struct wire *open_wire(void)
{
    return wire_open(loop, http_server_port(server));
}

static void wait_flag(void)
{
    assert_int_equal(loop_run_until(loop, &flag, WIRE_WAIT_MS), 0);
    flag = false;
}

static void simple(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w,
              "GET /a%20b/c?x=1&y=a+b%21&x=2&flag&=v HTTP/1.1\r\nHost: h\r\nX-Test: yes\r\n\r\n");
    wire_expect(w, "peer=127.0.0.1\n");
    assert_true(wire_has(w, "HTTP/1.1 200 OK\r\n"));
    assert_true(wire_has(w, "Content-Type: text/plain\r\n"));
    assert_true(wire_has(w, "x=yes raw=/a%20b/c?x=1&y=a+b%21&x=2&flag&=v "));
    assert_string_equal(buf_str(&seen), "GET /a b/c[x=1][y=a b!][x=2][flag=][=v]");
    buf_cut(&w->in, 0);
    wire_send(
        w,
        "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"); /* the same connection */
    wire_expect(w, "POST body=5");
    wire_close(w);
}

static void methods(void **state)
{
    (void)state;
    static const char *const names[] = {"PATCH", "DELETE", "OPTIONS", "BREW", "TRACE"};
    struct wire *w = open_wire();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[100], want[100];
        snprintf(text, sizeof(text), "%s /m HTTP/1.1\r\nHost: h\r\n\r\n", names[i]);
        snprintf(want, sizeof(want), "%s body=0", names[i]);
        wire_send(w, text);
        wire_expect(w, want);
    }
    buf_cut(&w->in, 0);
    wire_send(w, "HEAD /m HTTP/1.1\r\nHost: h\r\n\r\nGET /empty HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "204 No Content");
    assert_true(wire_has(w, "Content-Length: "));
    assert_false(wire_has(w, "HEAD body"));
    wire_close(w);
}

static void pipelined(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 "
                 "HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "raw=/3 ");
    assert_string_equal(buf_str(&seen), "GET /1GET /2GET /3");
    wire_close(w);
}

static void chunked_body(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    wire_send(w, "4\r\ndefg\r\n0\r\n\r\n");
    wire_expect(w, "POST body=7");
    wire_close(w);
}

static void too_large(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    char block[8001];
    memset(block, 'x', sizeof(block) - 1);
    block[sizeof(block) - 1] = '\0';
    wire_send(w, "POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 80000\r\n\r\n");
    for (int i = 0; i < 10; i++)
        wire_send(w, block);
    wire_expect(w, "large=1");
    assert_true(wire_has(w, "HTTP/1.1 413 "));
    assert_true(wire_has(w, "body=0"));
    buf_cut(&w->in, 0);
    wire_send(w, "GET /after HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection lives on */
    wire_expect(w, "raw=/after ");
    wire_close(w);
    w = open_wire();
    wire_send(w, "POST /exact HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n");
    wire_send(w, block);
    wire_send(w, block + 6000);
    wire_expect(w, "body=10000 large=0");
    wire_close(w);
}

static void expect_continue(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w,
              "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    wire_expect(w, "HTTP/1.1 100 Continue\r\n\r\n");
    wire_send(w, "abc");
    wire_expect(w, "POST body=3");
    wire_close(w);
    w = open_wire();
    wire_send(
        w, "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\nExpect: 100-continue\r\n\r\n");
    wire_expect(w, "large=1"); /* without the body having been sent */
    assert_false(wire_has(w, "100 Continue"));
    wire_close(w);
}

static void malformed(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: nonsense\r\n\r\n");
    wire_expect(w, "HTTP/1.1 400 ");
    wire_expect_close(w);
    wire_close(w);
    w = open_wire();
    wire_send(w, "GET /half HTTP/1.1\r\nHost:"); /* leaves in the middle of a head */
    wire_close(w);
    w = open_wire();
    wire_send(
        w, "POST /half HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"); /* and of a body */
    wire_close(w);
    w = open_wire();
    wire_send(w, "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "raw=/ok ");
    wire_close(w);
}

static void bad_escapes(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /a%zz%00?k=%4 HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "peer=");
    assert_string_equal(buf_str(&seen), "GET /a%zz%00[k=%4]");
    buf_cut(&seen, 0);
    wire_send(w, "GET http://host:1/abs?q HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "raw=http://host:1/abs?q ");
    assert_string_equal(buf_str(&seen), "GET /abs[q=]");
    wire_close(w);
}

static void late(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_flag();
    assert_int_equal(w->in.len, 0);
    reply_text(held, 201, "at last");
    wire_expect(w, "at last");
    assert_true(wire_has(w, "HTTP/1.1 201 Created"));
    wire_send(w, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "raw=/again ");
    assert_int_equal(gone, 0); /* answered requests are not gone */
    wire_close(w);
}

static void late_peer_leaves(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_flag();
    wire_close(w);
    wait_flag();
    assert_int_equal(gone, 1);
}

static void shared_body(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /shared HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "Content-Length: 12\r\n\r\nshared bytes");
    assert_int_equal(released, 1);
    wire_close(w);
}

static void stream(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "\r\n\r\n"); /* the head goes out before any data */
    assert_true(wire_has(w, "Transfer-Encoding: chunked"));
    for (int i = 0; i < 50; i++) {
        char text[32];
        snprintf(text, sizeof(text), "event-%d\n", i);
        assert_int_equal(http_stream_write(held, str_of(text), 1000), 0);
        wire_expect(w, text);
        assert_int_equal(http_stream_queued(held), 0);
    }
    assert_int_equal(http_stream_write_shared(held, STR("shared"), 1000, on_release, &released), 0);
    http_stream_end(held);
    wire_expect(w, "shared\r\n0\r\n\r\n");
    assert_int_equal(loop_run_until(loop, &flag, WIRE_WAIT_MS), 0);
    assert_int_equal(gone, 1);
    assert_int_equal(released, 1);
    buf_cut(&w->in, 0);
    wire_send(w, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "raw=/next ");
    wire_close(w);
}

static void stream_peer_leaves(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "\r\n\r\n");
    flag = false;
    uint64_t start = clock_mono_ms();
    wire_close(w); /* nothing is being written: only the hang-up can tell */
    wait_flag();
    assert_true(clock_mono_ms() - start < 1000);
    assert_int_equal(gone, 1);
}

static void stream_slow_reader(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "\r\n\r\n");
    loop_fd_want(w->watch, 0);
    static char block[100000];
    int rc = 0, n = 0;
    while (!rc && n < 1000) {
        rc = http_stream_write_shared(held, (struct str){block, sizeof(block)}, 1000000, on_release,
                                      &released);
        n++;
        bool never = false;
        loop_run_until(loop, &never, 1);
    }
    assert_int_equal(rc, -ENOBUFS);
    assert_true(n > 10 && n < 1000);
    assert_true(http_stream_queued(held) > 900000);
    flag = false;
    wire_close(w); /* while libmicrohttpd waits for the socket to take more */
    wait_flag();
    assert_int_equal(gone, 1);
    assert_int_equal(released, n);
}

static void stream_big(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "\r\n\r\n");
    static char block[3000001];
    memset(block, 'y', sizeof(block) - 1);
    block[sizeof(block) - 2] = 'Z';
    assert_int_equal(http_stream_write(held, str_of(block), 3000000), 0);
    wire_expect(w, "Z");
    assert_true(w->in.len > 3000000);
    wire_close(w);
}

static void many_streams(void **state)
{
    (void)state;
    enum { N = 100 };
    struct wire *wires[N];
    struct http_in *ins[N];
    for (int i = 0; i < N; i++) {
        wires[i] = open_wire();
        wire_send(wires[i], "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        wire_expect(wires[i], "\r\n\r\n");
        ins[i] = held;
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(http_stream_write(ins[i], STR("to all"), 1000), 0);
    for (int i = 0; i < N; i++) {
        wire_expect(wires[i], "to all");
        if (i % 2)
            wire_close(wires[i]);
    }
    bool never = false;
    for (int i = 0; i < 100 && gone < N / 2; i++)
        loop_run_until(loop, &never, 20);
    assert_int_equal(gone, N / 2);
    for (int i = 0; i < N; i += 2)
        wire_close(wires[i]); /* these are still open when the server is freed */
}

static int upgrade_fd = -1;
static void *upgrade_token;

static void on_upgraded(void *arg, int fd, struct str extra, void *token)
{
    (void)arg;
    buf_add(&seen, extra.ptr, extra.len);
    upgrade_fd = fd;
    upgrade_token = token;
    flag = true;
}

static void upgrade(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(
        w, "GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nearly");
    wait_flag();
    wire_expect(w, "\r\n\r\n");
    assert_true(wire_has(w, "HTTP/1.1 101 Switching Protocols"));
    assert_true(wire_has(w, "Upgrade: test"));
    assert_string_equal(buf_str(&seen), "early");
    assert_int_equal(write(upgrade_fd, "from server", 11), 11);
    wire_expect(w, "from server");
    http_upgrade_close(upgrade_token);
    wire_expect_close(w);
    wire_close(w);
}

/* HTTP/1.0 knows no chunks: the stream ends with the connection. HEAD has no body at all. */
static void stream_odd_peers(void **state)
{
    (void)state;
    struct wire *w = open_wire();
    wire_send(w, "GET /stream HTTP/1.0\r\nHost: h\r\n\r\n");
    wire_expect(w, "\r\n\r\n");
    assert_int_equal(http_stream_write(held, STR("plain bytes"), 1000), 0);
    wire_expect(w, "\r\n\r\nplain bytes");
    http_stream_end(held);
    wire_expect_close(w);
    wire_close(w);
    w = open_wire();
    flag = false;
    wire_send(w, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(w, "raw=/next ");
    assert_int_equal(gone, 2);
    wire_close(w);
}

static void long_headers(void **state)
{
    (void)state;
    static char text[40000];
    static const size_t sizes[] = {8000, 30000};
    static const char *const answers[] = {"x=yyyy", "HTTP/1.1 431 "};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct wire *w = open_wire();
        int n = snprintf(text, sizeof(text), "GET /long HTTP/1.1\r\nHost: h\r\nX-Test: ");
        memset(text + n, 'y', sizes[i]);
        memcpy(text + n + sizes[i], "\r\n\r\n", 5);
        wire_send(w, text);
        wire_expect(w, answers[i]);
        wire_close(w);
    }
}

/* An idle connection is closed after a second; a stream in which nothing happens is not. */
static void idle(void **state)
{
    (void)state;
    struct http_server_opts o = {
        .address = "127.0.0.1", .idle_seconds = 1, .on_request = on_request, .arg = &server};
    http_server_free(server);
    assert_int_equal(http_server_new(loop, &o, &server, NULL), 0);
    struct wire *quiet = open_wire(), *streaming = open_wire(), *half = open_wire();
    wire_send(streaming, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_send(half, "GET /half HTTP/1.1\r\nHo");
    wire_expect(streaming, "\r\n\r\n");
    wire_expect_close(quiet);
    wire_expect_close(half);
    assert_false(streaming->closed);
    assert_int_equal(http_stream_write(held, STR("alive"), 100), 0);
    wire_expect(streaming, "alive");
    wire_close(quiet);
    wire_close(half);
    wire_close(streaming);
}

static void port_in_use(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    struct http_server *other = NULL;
    struct http_server_opts o = {
        .address = "127.0.0.1", .port = http_server_port(server), .on_request = on_request};
    char want[100];
    snprintf(want, sizeof(want), "listening on 127.0.0.1 port %u: Address already in use", o.port);
    assert_int_equal(http_server_new(loop, &o, &other, &err), -EADDRINUSE);
    assert_string_equal(err_text(err), want);
    assert_string_equal(err_reason(err), "PortInUse");
    o.address = "localhost";
    assert_int_equal(http_server_new(loop, &o, &other, &err), -EINVAL);
    o.address = "127.0.0.1";
    o.port = 0;
    o.cert = o.key = "not a certificate";
    assert_int_equal(http_server_new(loop, &o, &other, &err), -EINVAL);
    assert_null(other);
}

static void freed_while_busy(void **state)
{
    (void)state;
    struct wire *a = open_wire(), *b = open_wire(), *c = open_wire();
    wire_send(a, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_flag();
    wire_send(b, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    wire_expect(b, "\r\n\r\n");
    assert_int_equal(http_stream_write_shared(held, STR("x"), 100, on_release, &released), 0);
    wire_send(c, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    wire_send(c, "d");
    http_server_free(server);
    server = NULL;
    assert_int_equal(gone, 2);
    assert_int_equal(released, 1);
    wire_close(a);
    wire_close(b);
    wire_close(c);
}

static void escaping(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT(100), back = BUF_INIT(100);
    http_escape(&b, "a b/c+\xc3\xa4~-_.");
    assert_string_equal(buf_str(&b), "a%20b%2Fc%2B%C3%A4~-_.");
    assert_int_equal(http_unescape(str_of(buf_str(&b)), &back, true), 0);
    assert_string_equal(buf_str(&back), "a b/c+\xc3\xa4~-_.");
    assert_int_equal(http_unescape(STR("%2"), &back, true), -EINVAL);
    assert_int_equal(http_unescape(STR("%00"), &back, true), -EINVAL);
    assert_int_equal(http_unescape(STR("%g0"), &back, true), -EINVAL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(simple),
        T(methods),
        T(pipelined),
        T(chunked_body),
        T(too_large),
        T(expect_continue),
        T(malformed),
        T(bad_escapes),
        T(late),
        T(late_peer_leaves),
        T(shared_body),
        T(stream),
        T(stream_peer_leaves),
        T(stream_slow_reader),
        T(stream_big),
        T(many_streams),
        T(upgrade),
        T(stream_odd_peers),
        T(long_headers),
        T(idle),
        T(port_in_use),
        T(freed_while_busy),
        cmocka_unit_test(escaping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
