/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hiredis over the host's io service. What had to be known about hiredis 0.14: a refused connection
 * calls the connect callback with an error and then frees the context without the disconnect
 * callback; a lost one calls pending reply callbacks with NULL, then the disconnect callback, then
 * frees the context. Both end here in link_detach: from then on the context knows nothing of us.
 */
#include "link.h"

#include <hiredis/async.h>

#define link_MAGIC 0x4c494e4bu
#define TAG_AUTH   UINTPTR_MAX

struct link {
    uint32_t magic;
    unsigned busy; /* callbacks of this link on the stack */
    bool connected, dead, auth_failed, lost;
    const struct atoll_host *host;
    redisAsyncContext *ac;
    uint64_t watch;
    uint32_t events;
    struct link_user user;
};

/* ---- the event adapter
 * ------------------------------------------------------------------------------ */

static void link_leave(struct link *l)
{
    if (--l->busy == 0 && l->dead) {
        l->magic = 0;
        heap_free(l);
    }
}

static void link_io(void *arg, uint32_t events)
{
    struct link *l = CAST(link, arg);
    l->busy++;
    if (!(events & (ATOLL_IO_READ | ATOLL_IO_WRITE)))
        events = ATOLL_IO_READ | ATOLL_IO_WRITE; /* an error: let hiredis find out which */
    if (l->ac && (events & ATOLL_IO_READ))
        redisAsyncHandleRead(l->ac);
    if (l->ac && (events & ATOLL_IO_WRITE))
        redisAsyncHandleWrite(l->ac);
    link_leave(l);
}

static void link_want(struct link *l, uint32_t events)
{
    if (events == l->events)
        return;
    l->events = events;
    if (l->watch)
        l->host->io->want(l->host->impl, l->watch, events);
}

static void ev_add_read(void *p)
{
    struct link *l = CAST(link, p);
    link_want(l, l->events | ATOLL_IO_READ);
}
static void ev_del_read(void *p)
{
    struct link *l = CAST(link, p);
    link_want(l, l->events & ~ATOLL_IO_READ);
}
static void ev_add_write(void *p)
{
    struct link *l = CAST(link, p);
    link_want(l, l->events | ATOLL_IO_WRITE);
}
static void ev_del_write(void *p)
{
    struct link *l = CAST(link, p);
    link_want(l, l->events & ~ATOLL_IO_WRITE);
}

/* The context lives on a little inside hiredis; it must not reach us any more. */
static redisAsyncContext *link_detach(struct link *l)
{
    redisAsyncContext *ac = l->ac;
    if (!ac)
        return NULL;
    if (l->watch)
        l->host->io->unwatch(l->host->impl, l->watch);
    l->watch = 0;
    l->ac = NULL;
    l->connected = false;
    ac->data = NULL;
    memset(&ac->ev, 0, sizeof(ac->ev));
    return ac;
}

/* ---- callbacks of hiredis
 * --------------------------------------------------------------------------- */

static void link_gone(struct link *l, const char *reason, const char *text)
{
    char copy[128];
    snprintf(copy, sizeof(copy), "%s", text && *text ? text : "connection lost");
    (void)link_detach(l);
    if (l->lost || l->dead)
        return;
    l->lost = true;
    l->busy++;
    l->user.lost(l->user.arg, reason, copy);
    link_leave(l);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    struct link *l = ac->data;
    if (!l)
        return;
    l = CAST(link, l);
    if (status == REDIS_OK) {
        l->connected = true;
        return;
    }
    bool refused = ac->errstr && strstr(ac->errstr, "refused");
    link_gone(l, refused ? "ConnectRefused" : "ConnectFailed", ac->errstr);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    struct link *l = ac->data;
    (void)status;
    if (l)
        link_gone(CAST(link, l), "ConnectionLost", ac->errstr);
}

static void on_reply(redisAsyncContext *ac, void *reply, void *priv)
{
    struct link *l = ac->data;
    uintptr_t tag = (uintptr_t)priv;
    if (!l || !reply)
        return;
    l = CAST(link, l);
    const redisReply *r = reply;
    if (tag == TAG_AUTH) {
        /* A server without any password says -ERR: it will answer, so this is no failure. */
        l->auth_failed = r->type == REDIS_REPLY_ERROR && strncmp(r->str, "ERR", 3) != 0;
        return;
    }
    if (l->dead)
        return;
    l->busy++;
    l->user.reply(l->user.arg, tag, r);
    link_leave(l);
}

/* ---- the door
 * --------------------------------------------------------------------------------------- */

static void link_auth(struct link *l, struct atoll_str username, struct atoll_str password)
{
    const char *argv[3] = {"AUTH", username.ptr, password.ptr};
    size_t len[3] = {4, (size_t)username.len, (size_t)password.len};
    if (!username.len) {
        argv[1] = password.ptr;
        len[1] = (size_t)password.len;
    }
    redisAsyncCommandArgv(l->ac, on_reply, (void *)TAG_AUTH, username.len ? 3 : 2, argv, len);
}

static bool link_adopt(struct link *l, redisAsyncContext *ac)
{
    l->watch = l->host->io->watch(l->host->impl, ac->c.fd, 0, link_io, l);
    if (!l->watch)
        return false;
    l->ac = ac;
    ac->data = l;
    ac->ev.data = l;
    ac->ev.addRead = ev_add_read;
    ac->ev.delRead = ev_del_read;
    ac->ev.addWrite = ev_add_write;
    ac->ev.delWrite = ev_del_write;
    (void)redisEnableKeepAlive(&ac->c);           /* a subscription may be silent for days */
    redisAsyncSetConnectCallback(ac, on_connect); /* asks for writability */
    redisAsyncSetDisconnectCallback(ac, on_disconnect);
    return true;
}

struct link *link_open(const struct atoll_host *host, const char *ip, int port,
                       struct atoll_str username, struct atoll_str password,
                       const struct link_user *user, char *text, size_t size)
{
    redisAsyncContext *ac = redisAsyncConnect(ip, port);
    if (!ac || ac->err) {
        snprintf(text, size, "connecting to %s:%d: %s", ip, port,
                 ac ? ac->errstr : "out of memory");
        if (ac)
            redisAsyncFree(ac);
        return NULL;
    }
    struct link *l = heap_new(struct link);
    l->magic = link_MAGIC;
    l->host = host;
    l->user = *user;
    if (!link_adopt(l, ac)) {
        snprintf(text, size, "connecting to %s:%d: the host refused to watch another descriptor",
                 ip, port);
        redisAsyncFree(ac);
        heap_free(l);
        return NULL;
    }
    if (password.len)
        link_auth(l, username, password);
    return l;
}

void link_free(struct link *l)
{
    if (!l)
        return;
    l = CAST(link, l);
    redisAsyncContext *ac = link_detach(l);
    l->dead = true;
    if (ac)
        redisAsyncFree(ac);
    l->busy++;
    link_leave(l);
}

bool link_connected(const struct link *l)
{
    return l && l->connected;
}

bool link_auth_failed(const struct link *l)
{
    return l && l->auth_failed;
}

bool link_sendv(struct link *l, uintptr_t tag, const char *fmt, va_list ap)
{
    if (!l->ac)
        return false;
    return redisvAsyncCommand(l->ac, on_reply, (void *)tag, fmt, ap) == REDIS_OK;
}

bool link_send(struct link *l, uintptr_t tag, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool ok = link_sendv(l, tag, fmt, ap);
    va_end(ap);
    return ok;
}
