/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of io: all that touches a socket, a child process or a thread.
 *
 * Everything here belongs to one loop and is called on that loop's thread, except where a function
 * says [any thread]. Callbacks are one level deep: a call never runs your callback before it
 * returns; results arrive in a later turn of the loop. No libuv, libcurl or libmicrohttpd type
 * passes this door.
 */
#ifndef ATOLL_IO_IO_H
#define ATOLL_IO_IO_H

#include "io/child.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "io/ipc.h"
#include "io/loop.h"
#include "io/metrics.h"
#include "io/tls.h"

#endif
