/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a socket pair: order, sizes, full queues, broken peers, freeing from inside a
 * handler. */
#include "unit/cm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/ipc.h"

#define WAIT_MS   10000
#define FRAME_MAX 1000000
#define QUEUE_MAX 3000000

static struct loop *loop;

struct end {
    struct ipc *ipc;
    struct buf got; /* frames, each followed by '|' */
    int frames;
    int want; /* frames until `met` */
    bool met, closed, free_in_frame, free_in_close;
    struct end *echo_to;
    char why[128];
};

static struct end a, b;
static int fds[2];

static void on_frame(void *arg, struct str frame)
{
    struct end *e = arg;
    assert_false(e->closed);
    buf_add(&e->got, frame.ptr, frame.len);
    buf_addc(&e->got, '|');
    e->met = ++e->frames >= e->want;
    if (e->echo_to)
        assert_int_equal(ipc_send(e->ipc, frame), 0);
    if (e->free_in_frame)
        ipc_free(TAKE(e->ipc));
}

static void on_close(void *arg, const char *why)
{
    struct end *e = arg;
    assert_false(e->closed);
    e->closed = true;
    snprintf(e->why, sizeof(e->why), "%s", why);
    if (e->free_in_close)
        ipc_free(TAKE(e->ipc));
}

static int setup(void **state)
{
    (void)state;
    struct ipc_handler ha = {on_frame, on_close, &a}, hb = {on_frame, on_close, &b};
    a = b = (struct end){.got = BUF_INIT(20000000), .want = 1};
    return loop_new(&loop, NULL) || ipc_pair(fds, NULL) ||
           ipc_new(loop, fds[0], FRAME_MAX, QUEUE_MAX, &ha, &a.ipc, NULL) ||
           ipc_new(loop, fds[1], FRAME_MAX, QUEUE_MAX, &hb, &b.ipc, NULL);
}

static int teardown(void **state)
{
    (void)state;
    ipc_free(a.ipc);
    ipc_free(b.ipc);
    buf_done(&a.got);
    buf_done(&b.got);
    loop_free(loop);
    return 0;
}

static void wait_for(const bool *flag)
{
    assert_int_equal(loop_run_until(loop, flag, WAIT_MS), 0);
}

static void frames(void **state)
{
    (void)state;
    b.want = 3;
    assert_int_equal(ipc_send(a.ipc, STR("one")), 0);
    assert_int_equal(ipc_send(a.ipc, STR("")), 0);
    assert_int_equal(ipc_send(a.ipc, STR("three")), 0);
    assert_int_equal(b.frames, 0);
    wait_for(&b.met);
    assert_string_equal(buf_str(&b.got), "one||three|");
}

static void echo_many(void **state)
{
    (void)state;
    b.echo_to = &a;
    a.want = 20000;
    for (int i = 0; i < 20000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(ipc_send(a.ipc, str_of(text)), 0);
    }
    wait_for(&a.met);
    assert_true(str_starts(buf_str(&a.got), "0|1|2|3|"));
    assert_true(str_ends(buf_str(&a.got), "|19998|19999|"));
}

static void big_frames(void **state)
{
    (void)state;
    AUTO(mem_freep) char *big = mem_alloc(FRAME_MAX + 1);
    memset(big, 'b', FRAME_MAX);
    b.want = 2;
    assert_int_equal(ipc_send(a.ipc, (struct str){big, FRAME_MAX}), 0);
    assert_int_equal(ipc_send(a.ipc, (struct str){big, FRAME_MAX}), 0);
    assert_int_equal(ipc_send(a.ipc, (struct str){big, FRAME_MAX + 1}), -ENOBUFS);
    wait_for(&b.met);
    assert_int_equal(b.got.len, 2 * (FRAME_MAX + 1));
}

static void queue_is_bounded(void **state)
{
    (void)state;
    AUTO(mem_freep) char *big = mem_alloc(FRAME_MAX);
    int sent = 0;
    memset(big, 'q', FRAME_MAX);
    while (sent < 100 && ipc_send(a.ipc, (struct str){big, FRAME_MAX}) == 0)
        sent++;
    assert_true(sent >= 2 && sent <= 4); /* the queue, and what the kernel took */
    assert_int_equal(ipc_send(a.ipc, (struct str){big, FRAME_MAX}), -ENOBUFS);
    b.want = sent;
    wait_for(&b.met); /* nothing that was accepted is lost, and nothing else came */
    b.met = false;
    b.want = sent + 1;
    assert_int_equal(ipc_send(a.ipc, STR("again")), 0);
    wait_for(&b.met);
    assert_int_equal(b.got.len, (size_t)sent * (FRAME_MAX + 1) + 6);
}

static void peer_closes(void **state)
{
    (void)state;
    assert_int_equal(ipc_send(a.ipc, STR("last words")), 0);
    ipc_free(TAKE(a.ipc));
    wait_for(&b.closed);
    assert_string_equal(buf_str(&b.got), "last words|");
    assert_string_equal(b.why, "the peer closed the connection");
    assert_int_equal(ipc_send(b.ipc, STR("x")), -EPIPE);
}

static void peer_stops_reading(void **state)
{
    (void)state;
    assert_int_equal(ipc_send(b.ipc, STR("before")), 0);
    shutdown(fds[1], SHUT_RD);
    assert_int_equal(ipc_send(a.ipc, STR("x")), -EPIPE);
    assert_false(a.closed); /* not from inside ipc_send */
    wait_for(&a.closed);
    assert_string_equal(buf_str(&a.got), "before|");
    assert_string_equal(a.why, "Broken pipe");
}

static void too_large(void **state)
{
    (void)state;
    const unsigned char head[] = {0xff, 0xff, 0xff, 0x7f};
    assert_int_equal(write(fds[0], head, sizeof(head)), sizeof(head));
    wait_for(&b.closed);
    assert_string_equal(b.why, "want a frame of at most 1000000 bytes, found 2147483647");
}

static void byte_by_byte(void **state)
{
    (void)state;
    const char wire[] = {3, 0, 0, 0, 'a', 'b', 'c', 0, 0, 0, 0, 1, 0, 0, 0, 'z'};
    b.want = 3;
    for (size_t i = 0; i < sizeof(wire); i++) {
        bool never = false;
        assert_int_equal(write(fds[0], wire + i, 1), 1);
        loop_run_until(loop, &never, 1);
    }
    wait_for(&b.met);
    assert_string_equal(buf_str(&b.got), "abc||z|");
}

static void freed_inside(void **state)
{
    (void)state;
    b.free_in_frame = true;
    assert_int_equal(ipc_send(a.ipc, STR("1")), 0);
    assert_int_equal(ipc_send(a.ipc, STR("2")), 0);
    a.free_in_close = true;
    wait_for(&a.closed);
    assert_int_equal(b.frames, 1);
    assert_null(a.ipc);
    assert_null(b.ipc);
    assert_false(b.closed);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(frames),           T(echo_many),    T(big_frames),
        T(queue_is_bounded), T(peer_closes),  T(peer_stops_reading),
        T(too_large),        T(byte_by_byte), T(freed_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
