/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Length-prefixed frames over a stream socket: 4 bytes little-endian length, then the body.
 * A frame above `frame_max` closes the connection. Writes are queued up to `queue_max` bytes.
 */
#ifndef ATOLL_IO_IPC_H
#define ATOLL_IO_IPC_H

#include "base/str.h"
#include "io/loop.h"

struct ipc;
struct ipc_handler {
    void (*on_frame)(void *arg, struct str frame); /* frame is borrowed for the call */
    void (*on_close)(void *arg, const char *why);  /* once; not after ipc_free */
    void *arg;
};
/* Takes ownership of fd. */
int ipc_new(struct loop *l, int fd, size_t frame_max, size_t queue_max, const struct ipc_handler *h,
            struct ipc **ret, struct err **err);
int ipc_send(struct ipc *i, struct str frame); /* 0, -ENOBUFS (queue full), -EPIPE (closed) */
void ipc_free(struct ipc *i); /* NULL is fine; may be called from on_frame/on_close */
int ipc_pair(int ret_fds[2], struct err **err); /* SOCK_STREAM socketpair, CLOEXEC, nonblocking */

#endif
