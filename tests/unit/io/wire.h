/* SPDX-License-Identifier: Apache-2.0 */
/* A raw TCP client on the test's loop: sends bytes, collects bytes, waits for a text. */
#ifndef ATOLL_TESTS_UNIT_IO_WIRE_H
#define ATOLL_TESTS_UNIT_IO_WIRE_H

#include "unit/cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/loop.h"

#define WIRE_WAIT_MS 10000

struct wire {
    struct loop *loop;
    int fd;
    struct loop_fd *watch;
    struct buf in;
    bool closed, met;
    const char *until; /* text awaited */
};

static void wire_check(struct wire *w)
{
    w->met = w->closed ||
             (w->until && w->in.ptr && memmem(w->in.ptr, w->in.len, w->until, strlen(w->until)));
}

static void wire_ready(void *arg, int events)
{
    (void)events;
    struct wire *w = arg;
    char piece[16384];
    ssize_t n = read(w->fd, piece, sizeof(piece));
    if (n > 0) {
        buf_add(&w->in, piece, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        w->closed = true;
        loop_fd_want(w->watch, 0);
    }
    wire_check(w);
}

static struct wire *wire_open(struct loop *l, uint16_t port)
{
    struct wire *w = mem_new(struct wire);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    w->loop = l;
    w->in = BUF_INIT(16 * 1024 * 1024);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(fcntl(w->fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(loop_fd_new(l, w->fd, wire_ready, w, &w->watch, NULL), 0);
    loop_fd_want(w->watch, LOOP_READ);
    return w;
}

static void wire_send(struct wire *w, const char *text)
{
    assert_int_equal(send(w->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Run the loop until `text` was received. */
static void wire_expect(struct wire *w, const char *text)
{
    w->until = text;
    wire_check(w);
    loop_run_until(w->loop, &w->met, WIRE_WAIT_MS);
    if (!w->in.ptr || !memmem(w->in.ptr, w->in.len, text, strlen(text)))
        fail_msg("awaited '%s', connection %s, received '%s'", text, w->closed ? "closed" : "open",
                 buf_str(&w->in));
}

static __attribute__((unused)) void wire_expect_close(struct wire *w)
{
    w->until = NULL;
    wire_check(w);
    if (loop_run_until(w->loop, &w->closed, WIRE_WAIT_MS))
        fail_msg("awaited the end of the connection, received '%s'", buf_str(&w->in));
}

static __attribute__((unused)) bool wire_has(const struct wire *w, const char *text)
{
    return strstr(buf_str(&w->in), text) != NULL;
}

static void wire_close(struct wire *w)
{
    loop_fd_free(w->watch);
    close(w->fd);
    buf_done(&w->in);
    mem_free(w);
}

#endif
