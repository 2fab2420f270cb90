/* SPDX-License-Identifier: Apache-2.0 */
/* One question and its answer over a unix socket: send text, read until the other side closes. */
#ifndef ATOLL_NODE_CHAT_H
#define ATOLL_NODE_CHAT_H

#include "base/str.h"
#include "io/loop.h"

#define CHAT_ANSWER_MAX (16 * 1024 * 1024)

struct chat;
/* rc 0 with the answer, or a negative errno (-ETIMEDOUT after `ms`). Runs once, in a later turn. */
typedef void chat_done_fn(void *arg, int rc, const char *answer);
struct chat *chat_start(struct loop *l, const char *socket_path, const char *text, uint64_t ms,
                        chat_done_fn *done, void *arg);
void chat_cancel(
    struct chat *c); /* no callback afterwards; NULL is fine; the pointer is dead after done, too */

#endif
