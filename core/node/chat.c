/* SPDX-License-Identifier: Apache-2.0 */
/* A chat is one small state machine: connect, write, half-close, read to the end. */
#include "node/chat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define chat_MAGIC 0x63686174u
struct chat {
    uint32_t magic;
    int fd;
    struct loop_fd *watch;
    struct loop_timer *timer;
    chat_done_fn *done;
    void *arg;
    struct buf out, in;
    size_t sent;
    int early; /* it could not even be started: told in the next turn */
};

static void chat_free(struct chat *c)
{
    loop_fd_free(c->watch);
    loop_timer_free(c->timer);
    if (c->fd >= 0)
        close(c->fd);
    buf_done(&c->out);
    buf_done(&c->in);
    c->magic = 0;
    mem_free(c);
}

static void finish(struct chat *c, int rc)
{
    chat_done_fn *done = c->done;
    void *arg = c->arg;
    AUTO(buf_done) struct buf answer = c->in;
    c->in = BUF_INIT(0);
    chat_free(c);
    done(arg, rc, buf_str(&answer));
}

static int send_some(struct chat *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        c->sent += (size_t)n;
    }
    shutdown(c->fd, SHUT_WR); /* no more questions: HAProxy's master would keep listening */
    loop_fd_want(c->watch, LOOP_READ);
    return 0;
}

static int read_some(struct chat *c)
{
    char piece[16384];
    for (;;) {
        ssize_t n = read(c->fd, piece, sizeof(piece));
        if (n == 0)
            return 1;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (buf_add(&c->in, piece, (size_t)n))
            return -ENOBUFS;
    }
}

static void on_ready(void *arg, int events)
{
    struct chat *c = CAST(chat, arg);
    int rc = 0;
    if (events & LOOP_WRITE)
        rc = send_some(c);
    if (rc == 0 && (events & LOOP_READ))
        rc = read_some(c);
    if (rc)
        finish(c, rc > 0 ? 0 : rc);
}

static void on_timer(void *arg)
{
    struct chat *c = CAST(chat, arg);
    finish(c, c->early ? c->early : -ETIMEDOUT);
}

static int chat_open(struct chat *c, struct loop *l, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) >= sizeof(to.sun_path))
        return -ENAMETOOLONG;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return -errno;
    int rc = loop_fd_new(l, c->fd, on_ready, c, &c->watch, NULL);
    if (!rc)
        loop_fd_want(c->watch, LOOP_READ | LOOP_WRITE);
    return rc;
}

struct chat *chat_start(struct loop *l, const char *socket_path, const char *text, uint64_t ms,
                        chat_done_fn *done, void *arg)
{
    struct chat *c = mem_new(struct chat);
    *c = (struct chat){
        .magic = chat_MAGIC, .fd = -1, .done = done, .arg = arg, .in = BUF_INIT(CHAT_ANSWER_MAX)};
    c->out = BUF_INIT(strlen(text) + 1);
    buf_adds(&c->out, text);
    c->timer = loop_timer_new(l, on_timer, c);
    c->early = chat_open(c, l, socket_path);
    loop_timer_start(c->timer, c->early ? 0 : ms);
    return c;
}

void chat_cancel(struct chat *c)
{
    if (c)
        chat_free(c);
}
