/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked answers: a queue of pieces per request, read by libmicrohttpd when the socket takes more.
 * An empty queue suspends the connection, so an idle watch costs no turn of anything.
 */
#include "io/http_in.h"

#include <errno.h>
#include <string.h>

/* libmicrohttpd allocates this much per response for peers that know no chunks (HTTP/1.0). */
#define BLOCK 1024

static void piece_done(struct http_in *in, struct http_piece *p)
{
    list_remove(&p->node);
    in->queued -= p->len - p->sent;
    if (p->release)
        p->release(p->arg);
    mem_free(p);
}

void http_stream_drop(struct http_in *in)
{
    while (!list_empty(&in->pieces))
        piece_done(in, list_entry(in->pieces.next, struct http_piece, node));
}

static size_t take(struct http_in *in, char *to, size_t max)
{
    size_t n = 0;
    while (n < max && !list_empty(&in->pieces)) {
        struct http_piece *p = list_entry(in->pieces.next, struct http_piece, node);
        size_t part = p->len - p->sent < max - n ? p->len - p->sent : max - n;
        memcpy(to + n, p->ptr + p->sent, part);
        p->sent += part;
        in->queued -= part;
        n += part;
        if (p->sent == p->len)
            piece_done(in, p);
    }
    return n;
}

static ssize_t on_read(void *arg, uint64_t pos, char *to, size_t max)
{
    (void)pos;
    struct http_in *in = CAST(http_in, arg);
    if (in->gone || in->server->stopping)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = take(in, to, max);
    if (n)
        return (ssize_t)n;
    if (in->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    MHD_suspend_connection(in->conn);
    in->suspended = true;
    return 0;
}

struct MHD_Response *http_stream_response(struct http_in *in)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, in, NULL);
}

static int enqueue(struct http_in *in, struct http_piece *p)
{
    list_append(&in->pieces, &p->node);
    in->queued += p->len;
    http_in_wake(in);
    return 0;
}

static bool has_room(const struct http_in *in, struct str piece, size_t queue_max)
{
    ATOLL_ASSERT(in->streaming && !in->ended);
    return piece.len <= queue_max && in->queued <= queue_max - piece.len;
}

int http_stream_write(struct http_in *in, struct str piece, size_t queue_max)
{
    if (!has_room(in, piece, queue_max))
        return -ENOBUFS;
    if (piece.len == 0)
        return 0;
    struct http_piece *p = mem_alloc(sizeof(*p) + piece.len);
    char *bytes = (char *)(p + 1);
    memcpy(bytes, piece.ptr, piece.len);
    p->ptr = bytes;
    p->len = piece.len;
    return enqueue(in, p);
}

int http_stream_write_shared(struct http_in *in, struct str piece, size_t queue_max,
                             void (*release)(void *), void *arg)
{
    if (!has_room(in, piece, queue_max)) {
        release(arg); /* dropped */
        return -ENOBUFS;
    }
    struct http_piece *p = mem_new(struct http_piece);
    p->ptr = piece.ptr;
    p->len = piece.len;
    p->release = release;
    p->arg = arg;
    return enqueue(in, p);
}

size_t http_stream_queued(const struct http_in *in)
{
    return in->queued;
}

void http_stream_end(struct http_in *in)
{
    ATOLL_ASSERT(in->streaming && !in->ended);
    in->ended = true;
    http_in_wake(in);
}
