/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine under wire, switchover and member-leave; see errand.h.
 */
#include "errand.h"

#define OWED_TIMEOUT_MS 500
#define SETTLE_EVERY_MS 2
#define SETTLE_TRIES    100

static void errand_pay(struct errand *e);
static void errand_silent(struct errand *e, const char *reason, const char *text);

/* ---- life
 * --------------------------------------------------------------------------------------------- */

static void errand_free(struct errand *e)
{
    struct errand **at = &e->self->errands;
    const struct atoll_host *host = e->self->host;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    host->timer->cancel(host->impl, e->timer);
    for (unsigned i = 0; i < WHO_MAX; i++)
        link_free(e->talk[i].link);
    if (e->shard->moving == e)
        e->shard->moving = NULL;
    shard_unref(e->shard);
    e->magic = 0;
    heap_free(e);
}

static void errand_complete(struct errand *e)
{
    struct redis *self = e->self;
    struct atoll_op op = e->op;
    uint32_t class_ = e->class_;
    char reason[sizeof(e->reason)], message[sizeof(e->message)];
    memcpy(reason, e->reason, sizeof(reason));
    memcpy(message, e->message, sizeof(message));
    errand_free(e);
    if (class_ == ATOLL_CLASS_DONE && !message[0])
        (void)atoll_done(self->host, op);
    else
        (void)atoll_complete(self->host, op, class_, reason, "%s", message);
}

static bool errand_is_seen(const struct errand *e)
{
    for (unsigned i = 0; i < WHO_MAX; i++)
        if (e->talk[i].in && !probe_answered_since(e->shard, e->talk[i].endpoint, e->ended_stamp))
            return false;
    return true;
}

/* The host thinks again when this operation ends. What was changed here must be in its facts by
 * then, or it would advise the same once more: wait for answers to questions asked after the
 * change. */
static void errand_settle(struct errand *e)
{
    if (!e->mutated || errand_is_seen(e) || e->settle_tries++ > SETTLE_TRIES)
        errand_complete(e);
    else
        errand_pause(e, SETTLE_EVERY_MS, errand_settle);
}

static void errand_show(struct errand *e)
{
    e->ended_stamp = ++e->self->stamp;
    for (unsigned i = 0; i < WHO_MAX; i++)
        if (e->talk[i].in && e->mutated)
            probe_endpoint_now(e->self, e->shard, e->talk[i].endpoint);
    errand_settle(e);
}

void errand_drop_all(struct redis *self)
{
    while (self->errands)
        errand_free(self->errands);
}

static bool talk_set(struct errand *e, enum who who, const struct atoll_instance *in)
{
    struct talk *t = &e->talk[who];
    t->errand = e;
    if (!in)
        return true;
    t->in = in;
    t->home = view_home(e->call->view, in);
    if (!t->home)
        return false;
    t->kind = component_kind(t->home);
    return instance_host(in, t->host) && instance_endpoint(in, t->kind, t->endpoint);
}

int32_t errand_begin(struct redis *self, const struct atoll_hook_call *call, struct atoll_op op,
                     const struct atoll_instance *target, const struct atoll_instance *peer,
                     const struct atoll_instance *old, errand_step *first)
{
    const struct atoll_component *servers = view_servers(call->view);
    char name[MASTER_NAME_MAX];
    if (!target || !servers)
        return ATOLL_ERR_INVALID;
    struct errand *e = heap_new(struct errand);
    e->magic = errand_MAGIC;
    e->self = self;
    e->op = op;
    e->call = call;
    e->next = self->errands;
    self->errands = e;
    master_name(call->view, servers, name);
    e->shard = shard_ref(self, name);
    e->started = redis_now(self);
    if (!talk_set(e, TARGET, target) || !talk_set(e, PEER, peer) || !talk_set(e, OLD, old))
        errand_end(e, ATOLL_CLASS_RETRY, "NoAddress",
                   "an instance of this step has no address yet");
    else
        first(e);
    return ATOLL_OK;
}

bool errand_move_begin(struct errand *e)
{
    if (e->shard->moving && e->shard->moving != e) {
        errand_end(e, ATOLL_CLASS_RETRY, "Busy",
                   "another switchover or failover of this shard runs");
        return false;
    }
    e->shard->moving = e;
    return true;
}

int64_t errand_remaining(const struct errand *e)
{
    return e->self->host->op->remaining_ms(e->self->host->impl, e->op);
}

const char *errand_name(const struct errand *e, enum who who)
{
    return e->talk[who].endpoint;
}

/* ---- asking
 * ------------------------------------------------------------------------------------------- */

static void errand_rest(struct errand *e)
{
    const struct atoll_host *host = e->self->host;
    host->timer->cancel(host->impl, e->timer);
    e->timer = 0;
    e->awaited = 0;
}

static void talk_close(struct talk *t)
{
    link_free(t->link);
    t->link = NULL;
}

static void on_reply(void *arg, uintptr_t tag, const redisReply *r)
{
    struct talk *t = arg;
    struct errand *e = CAST(errand, t->errand);
    if (tag == e->awaited && t == &e->talk[e->asked]) {
        errand_answer *then = e->on_answer;
        e->on_silence = NULL;
        errand_rest(e);
        then(e, r);
    } else if (r->type == REDIS_REPLY_ERROR && !e->complaint[0]) {
        snprintf(e->complaint, sizeof(e->complaint), "%s", r->str);
    }
}

static void on_lost(void *arg, const char *reason, const char *text)
{
    struct talk *t = arg;
    struct errand *e = CAST(errand, t->errand);
    talk_close(t);
    if (e->awaited && t == &e->talk[e->asked])
        errand_silent(e, reason, text);
}

static void on_timer(void *arg)
{
    struct errand *e = CAST(errand, arg);
    e->timer = 0;
    if (e->awaited) {
        talk_close(&e->talk[e->asked]);
        errand_silent(e, "Timeout", "no answer in time");
        return;
    }
    errand_step *then = e->on_pause;
    e->on_pause = NULL;
    then(e);
}

static void errand_silent(struct errand *e, const char *reason, const char *text)
{
    errand_step *then = e->on_silence;
    e->on_silence = NULL;
    errand_rest(e);
    if (then)
        then(e);
    else
        errand_end(e, e->mutated ? ATOLL_CLASS_UNKNOWN : ATOLL_CLASS_RETRY, reason, "%s: %s",
                   errand_name(e, e->asked), text);
}

static bool talk_open(struct errand *e, struct talk *t)
{
    const struct link_user user = {on_reply, on_lost, t};
    char text[160];
    if (t->link)
        return true;
    MUST(t->in);
    struct login login = component_login(e->self->host, e->op, t->home);
    t->link = link_open(e->self->host, t->host, kind_port(t->kind), login.username, login.password,
                        &user, text, sizeof(text));
    return t->link != NULL;
}

static bool errand_send(struct errand *e, enum who who, const char *fmt, va_list ap)
{
    struct talk *t = &e->talk[who];
    e->sent++;
    return talk_open(e, t) && link_sendv(t->link, e->sent, fmt, ap);
}

static void on_unsendable(struct errand *e)
{
    errand_silent(e, "ConnectFailed", "could not connect");
}

void errand_ask(struct errand *e, enum who who, errand_answer *then, const char *fmt, ...)
{
    const struct atoll_host *host = e->self->host;
    uint64_t ms = e->ending ? OWED_TIMEOUT_MS : (uint64_t)e->self->settings.command_timeout_ms;
    va_list ap;
    va_start(ap, fmt);
    bool ok = errand_send(e, who, fmt, ap);
    va_end(ap);
    e->asked = who;
    e->on_answer = then;
    if (!ok) {
        errand_pause(e, 0, on_unsendable); /* not from inside the caller's step */
        return;
    }
    e->awaited = e->sent;
    host->timer->cancel(host->impl, e->timer);
    e->timer = host->timer->after(host->impl, ms, on_timer, e);
}

void errand_push(struct errand *e, enum who who, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!errand_send(e, who, fmt, ap) && !e->complaint[0])
        snprintf(e->complaint, sizeof(e->complaint), "%s is not connected", errand_name(e, who));
    va_end(ap);
}

void errand_pause(struct errand *e, uint64_t ms, errand_step *then)
{
    const struct atoll_host *host = e->self->host;
    errand_rest(e);
    e->on_pause = then;
    e->timer = host->timer->after(host->impl, ms, on_timer, e);
}

bool errand_refused(struct errand *e, const redisReply *r, const char *doing)
{
    if (r->type != REDIS_REPLY_ERROR)
        return false;
    const char *reason = answer_error_reason(r->str);
    errand_end(e, ATOLL_CLASS_RETRY, !text_eq(reason, "EngineError") ? reason : "Refused",
               "%s on %s: %s", doing, errand_name(e, e->asked), r->str);
    return true;
}

bool errand_sentinel_said(struct errand *e, const redisReply *r)
{
    if (sentinel_answer_master(&e->sentinel, r) == 0)
        return true;
    if (!errand_refused(e, r, "SENTINEL MASTER"))
        errand_end(e, ATOLL_CLASS_RETRY, "BadAnswer",
                   "%s gave a SENTINEL MASTER without ip and port", errand_name(e, e->asked));
    return false;
}

/* ---- inspecting a server
 * --------------------------------------------------------------------------------- */

static struct server_answer *answer_of(struct errand *e, enum who who)
{
    return who == TARGET ? &e->target : who == PEER ? &e->peer : &e->old;
}

static void on_inspected(struct errand *e, const redisReply *r)
{
    if (errand_refused(e, r, "INFO"))
        return;
    if (server_answer_reply(answer_of(e, e->asked), r) < 0)
        errand_end(e, ATOLL_CLASS_RETRY, "BadAnswer", "%s gave an INFO without role or run id",
                   errand_name(e, e->asked));
    else
        e->on_inspect(e);
}

void errand_inspect(struct errand *e, enum who who, errand_step *then)
{
    e->on_inspect = then;
    errand_ask(e, who, on_inspected, SERVER_QUESTION);
}

/* ---- a promotion
 * ------------------------------------------------------------------------------------------- */

static void await_look(struct errand *e);

static void await_again(struct errand *e)
{
    errand_pause(e, 2, await_look);
}

/* The leader names the promoted one as soon as it has seen it; that may be another one than was
 * chosen. */
static void await_sentinel(struct errand *e, const redisReply *r)
{
    if (sentinel_answer_endpoint(r, e->promoted) && !text_eq(e->promoted, e->from))
        e->on_promoted(e);
    else
        await_again(e);
}

static void await_peer(struct errand *e)
{
    if (e->peer.master && !e->peer.loading) {
        memcpy(e->promoted, errand_name(e, PEER), sizeof(e->promoted));
        e->on_promoted(e);
        return;
    }
    e->on_silence = await_again;
    errand_ask(e, TARGET, await_sentinel, "SENTINEL GET-MASTER-ADDR-BY-NAME %s",
               e->shard->master_name);
}

static void await_look(struct errand *e)
{
    if (redis_now(e->self) > e->await_until) {
        e->on_late(e);
        return;
    }
    e->on_silence = await_again; /* the promotion cuts this very connection */
    errand_inspect(e, PEER, await_peer);
}

void errand_await_promotion(struct errand *e, const char *from, uint64_t ms, errand_step *then,
                            errand_step *late)
{
    snprintf(e->from, sizeof(e->from), "%s", from);
    e->await_until = redis_now(e->self) + ms;
    e->on_promoted = then;
    e->on_late = late;
    await_look(e);
}

/* ---- the end
 * ------------------------------------------------------------------------------------------- */

void errand_owe(struct errand *e, struct debt debt)
{
    MUST(e->n_owed < OWED_MAX);
    e->owed[e->n_owed++] = debt;
}

void errand_paid(struct errand *e, const char *argument)
{
    for (unsigned i = 0; i < e->n_owed; i++)
        if (text_eq(e->owed[i].argument, argument)) {
            e->owed[i] = e->owed[--e->n_owed];
            return;
        }
}

static void on_paid(struct errand *e, const redisReply *r)
{
    if (r->type == REDIS_REPLY_ERROR)
        atoll_logf(e->self->host, ATOLL_LOG_WARN, "%s: cleaning up on %s: %s",
                   e->shard->master_name, errand_name(e, e->asked), r->str);
    errand_pay(e);
}

static void on_unpaid(struct errand *e)
{
    atoll_logf(e->self->host, ATOLL_LOG_WARN, "%s: cleaning up on %s failed: no answer",
               e->shard->master_name, errand_name(e, e->asked));
    errand_pay(e);
}

static void errand_pay(struct errand *e)
{
    if (!e->n_owed) {
        errand_show(e);
        return;
    }
    struct debt d = e->owed[--e->n_owed];
    e->on_silence = on_unpaid;
    if (d.name)
        errand_ask(e, d.who, on_paid, "%s %s %s %s", d.command, d.argument, d.name, d.value);
    else
        errand_ask(e, d.who, on_paid, "%s %s", d.command, d.argument);
}

void errand_end(struct errand *e, uint32_t class_, const char *reason, const char *fmt, ...)
{
    va_list ap;
    MUST(!e->ending);
    e->ending = true;
    e->class_ = class_;
    snprintf(e->reason, sizeof(e->reason), "%s", reason);
    va_start(ap, fmt);
    vsnprintf(e->message, sizeof(e->message), fmt, ap);
    va_end(ap);
    errand_rest(e);
    errand_pay(e);
}

void errand_done(struct errand *e)
{
    errand_end(e, ATOLL_CLASS_DONE, "", "%s", "");
}

static struct errand *errand_find(struct redis *self, struct atoll_op op)
{
    struct errand *e = self->errands;
    while (e && e->op.id != op.id)
        e = e->next;
    return e;
}

void errand_cancel(void *p, struct atoll_op op)
{
    struct redis *self = CAST(redis, p);
    struct errand *e = errand_find(self, op);
    if (!e || e->ending)
        return;
    errand_end(e, e->mutated ? ATOLL_CLASS_UNKNOWN : ATOLL_CLASS_RETRY, "DeadlineExceeded",
               "cancelled while waiting for %s", errand_name(e, e->asked));
}
