/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames over a stream socket.
 *
 * A send writes at once when nothing waits before it; what the socket does not take is queued.
 * Reading is bounded per turn so that one busy peer does not keep the loop to itself. A handler may
 * free the connection from inside its own call; `busy` keeps the memory until that call is over.
 */
#include "io/ipc.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ipc_MAGIC      0x19c00001
#define HEAD           4
#define READ_SIZE      65536
#define READS_PER_TURN 8

struct ipc {
    uint32_t magic;
    int fd;
    struct loop_fd *watch;
    struct loop_tick *failing; /* a write failed; tell in the next turn */
    size_t frame_max;
    struct ipc_handler handler;
    struct buf in, out;
    size_t out_sent; /* bytes of out that are gone already */
    int busy;        /* handler calls on the stack */
    bool closed, freed;
    char why[128];
};

static void ipc_drop(struct ipc *i)
{
    loop_fd_free(i->watch);
    loop_tick_free(i->failing);
    close(i->fd);
    buf_done(&i->in);
    buf_done(&i->out);
    i->magic = 0;
    mem_free(i);
}

static void enter(struct ipc *i)
{
    i->busy++;
}

static void leave(struct ipc *i)
{
    if (--i->busy == 0 && i->freed)
        ipc_drop(i);
}

static void fail(struct ipc *i, const char *why)
{
    if (i->closed || i->freed)
        return;
    i->closed = true;
    loop_fd_want(i->watch, 0);
    loop_tick_stop(i->failing);
    i->handler.on_close(i->handler.arg, why);
}

static size_t waiting(const struct ipc *i)
{
    return i->out.len - i->out_sent;
}

static void want_update(struct ipc *i)
{
    if (!i->closed)
        loop_fd_want(i->watch, LOOP_READ | (waiting(i) ? LOOP_WRITE : 0));
}

static bool is_alive(const struct ipc *i)
{
    return !i->closed && !i->freed;
}

/* Hand out the complete frames of `in`. */
static void deliver(struct ipc *i)
{
    size_t at = 0;
    while (is_alive(i) && i->in.len - at >= HEAD) {
        uint32_t len;
        memcpy(&len, i->in.ptr + at, HEAD);
        len = le32toh(len);
        if (len > i->frame_max) {
            snprintf(i->why, sizeof(i->why), "want a frame of at most %zu bytes, found %u",
                     i->frame_max, len);
            fail(i, i->why);
            return;
        }
        if (i->in.len - at - HEAD < len)
            break;
        i->handler.on_frame(i->handler.arg, (struct str){i->in.ptr + at + HEAD, len});
        at += HEAD + len;
    }
    buf_drop(&i->in, at);
}

static void read_some(struct ipc *i)
{
    for (int k = 0; k < READS_PER_TURN && is_alive(i); k++) {
        char piece[READ_SIZE];
        ssize_t n = recv(i->fd, piece, sizeof(piece), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            snprintf(i->why, sizeof(i->why), "%s",
                     n ? strerror(errno) : "the peer closed the connection");
            fail(i, i->why);
            return;
        }
        int rc = buf_add(&i->in, piece, (size_t)n);
        ATOLL_ASSERT(rc == 0); /* deliver() leaves less than one frame */
        deliver(i);
        if (n < READ_SIZE)
            return;
    }
}

static void on_failing(void *arg)
{
    struct ipc *i = CAST(ipc, arg);
    enter(i);
    read_some(i); /* frames that came before the end still count */
    fail(i, i->why);
    leave(i);
}

/* The reading side usually learns the end first; this is for a peer that only stopped reading. */
static int write_failed(struct ipc *i, int error)
{
    snprintf(i->why, sizeof(i->why), "%s", strerror(error));
    buf_cut(&i->out, 0);
    i->out_sent = 0;
    loop_tick_start(i->failing);
    return -EPIPE;
}

static void write_some(struct ipc *i)
{
    while (is_alive(i) && waiting(i)) {
        ssize_t n = send(i->fd, i->out.ptr + i->out_sent, waiting(i), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            write_failed(i, errno);
        if (n <= 0)
            break;
        i->out_sent += (size_t)n;
    }
    if (i->out_sent > i->out.len / 2) { /* moving the rest costs less than what was sent */
        buf_drop(&i->out, i->out_sent);
        i->out_sent = 0;
    }
}

static void on_ready(void *arg, int events)
{
    struct ipc *i = CAST(ipc, arg);
    enter(i);
    if (events & LOOP_READ)
        read_some(i);
    if (events & LOOP_WRITE)
        write_some(i);
    if (is_alive(i))
        want_update(i);
    leave(i);
}

int ipc_new(struct loop *l, int fd, size_t frame_max, size_t queue_max, const struct ipc_handler *h,
            struct ipc **ret, struct err **err)
{
    ATOLL_ASSERT(h->on_frame && h->on_close && frame_max <= UINT32_MAX - HEAD);
    struct ipc *i = mem_new(struct ipc);
    i->magic = ipc_MAGIC;
    i->fd = fd;
    i->frame_max = frame_max;
    i->handler = *h;
    i->in = BUF_INIT(frame_max + HEAD + READ_SIZE);
    i->out = BUF_INIT(queue_max * 2); /* what was sent stays in front of it for a while */
    i->failing = loop_tick_new(l, on_failing, i);
    int rc = loop_fd_new(l, fd, on_ready, i, &i->watch, err);
    if (rc) {
        ipc_drop(i);
        return rc;
    }
    want_update(i);
    *ret = i;
    return 0;
}

int ipc_send(struct ipc *i, struct str frame)
{
    uint32_t head = htole32((uint32_t)frame.len);
    size_t total = HEAD + frame.len, sent = 0;
    if (i->closed || i->freed || i->why[0])
        return -EPIPE;
    if (frame.len > i->frame_max || waiting(i) + total > i->out.max / 2)
        return -ENOBUFS;
    if (waiting(i) == 0) {
        struct iovec parts[2] = {{&head, HEAD}, {(void *)frame.ptr, frame.len}};
        struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = sendmsg(i->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return write_failed(i, errno);
        sent = n > 0 ? (size_t)n : 0;
        if (sent == total)
            return 0;
    }
    if (sent < HEAD)
        buf_add(&i->out, (const char *)&head + sent, HEAD - sent);
    size_t of_body = sent > HEAD ? sent - HEAD : 0;
    buf_add(&i->out, frame.ptr + of_body, frame.len - of_body);
    want_update(i);
    return 0;
}

void ipc_free(struct ipc *i)
{
    if (!i)
        return;
    i = CAST(ipc, i);
    i->freed = true;
    if (i->busy == 0)
        ipc_drop(i);
}

int ipc_pair(int ret_fds[2], struct err **err)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0)
        return err_set(err, -errno, "making a socket pair: %s", strerror(errno));
    return 0;
}
