/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The role probe: one question per instance and period on a kept connection, answered from facts of
 * the engine alone. A cut connection is news, not an error: Sentinel cuts all clients of a server
 * in the very moment it promotes or demotes it, and a killed server comes back within milliseconds.
 * So after a cut the instance is asked again at once, then every 20 to 50 ms for three seconds,
 * then at the normal period.
 *
 * Not here: what the answers mean for others (advise.c), sentinel events (watch.c).
 */
#include "redis.h"

#define contact_MAGIC 0x434f4e54u
#define ID_MAX        128
#define HURRY_FOR_MS  3000
#define HURRY_MIN_MS  20
#define HURRY_MAX_MS  50

enum { ASK_INFO = 1, ASK_MASTER, ASK_ADDRESS, ASK_QUORUM, ASK_SENTINEL_INFO };

struct contact {
    uint32_t magic;
    enum kind kind;
    struct redis *self;
    struct contact *next_in_bucket, *next_in_shard;
    struct shard *shard;
    char id[ID_MAX];
    char host[ENDPOINT_MAX], endpoint[ENDPOINT_MAX];

    struct link *link;
    struct atoll_op op;
    bool asking;
    uint64_t deadline; /* timer of the question */
    struct sentinel_answer sentinel;

    bool was_replica, was_primary; /* the last answer */
    struct epoch_claim claim;
    char run_id[41];

    uint64_t asked_stamp, answered_stamp;
    uint64_t last_answer, last_hurry, hurry_timer;
    unsigned failures; /* since the last answer */
};

uint64_t redis_now(const struct redis *self)
{
    return self->host->timer->now_ms(self->host->impl);
}

void redis_probe_now(const struct redis *self, const char *instance)
{
    (void)self->host->op->probe_now(self->host->impl, atoll_str_of(instance));
}

/* ---- the table of contacts
 * --------------------------------------------------------------------------- */

static size_t bucket_of(struct atoll_str id)
{
    uint32_t h = 2166136261u;
    for (uint64_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.ptr[i]) * 16777619u;
    return h % REDIS_BUCKETS;
}

static struct contact *contact_find(struct redis *self, struct atoll_str id)
{
    for (struct contact *c = self->contacts[bucket_of(id)]; c; c = c->next_in_bucket)
        if (atoll_str_is(id, c->id))
            return c;
    return NULL;
}

static struct contact *contact_new(struct redis *self, const struct atoll_view *view,
                                   const struct atoll_instance *in)
{
    const struct atoll_component *home = view_home(view, in), *servers = view_servers(view);
    char id[ID_MAX], name[MASTER_NAME_MAX];
    if (!home || !servers || component_kind(home) == KIND_OTHER ||
        atoll_str_copy(in->id, id, sizeof(id)) != ATOLL_OK || !id[0])
        return NULL;
    struct contact *c = heap_new(struct contact);
    c->magic = contact_MAGIC;
    c->self = self;
    c->kind = component_kind(home);
    memcpy(c->id, id, sizeof(id));
    master_name(view, c->kind == KIND_SERVER ? home : servers, name);
    c->shard = shard_ref(self, name);
    c->next_in_shard = c->shard->members;
    c->shard->members = c;
    c->next_in_bucket = self->contacts[bucket_of(in->id)];
    self->contacts[bucket_of(in->id)] = c;
    return c;
}

static void contact_free(struct contact *c)
{
    struct redis *self = c->self;
    const struct atoll_host *host = self->host;
    host->timer->cancel(host->impl, c->deadline);
    host->timer->cancel(host->impl, c->hurry_timer);
    link_free(c->link);
    for (struct contact **at = &c->shard->members; *at; at = &(*at)->next_in_shard)
        if (*at == c) {
            *at = c->next_in_shard;
            break;
        }
    for (struct contact **at = &self->contacts[bucket_of(atoll_str_of(c->id))]; *at;
         at = &(*at)->next_in_bucket)
        if (*at == c) {
            *at = c->next_in_bucket;
            break;
        }
    shard_unref(c->shard);
    c->magic = 0;
    heap_free(c);
}

void probe_endpoint_now(struct redis *self, struct shard *s, const char *endpoint)
{
    for (struct contact *c = s->members; c; c = c->next_in_shard)
        if (text_eq(c->endpoint, endpoint))
            redis_probe_now(self, c->id);
}

void probe_shard_now(struct redis *self, struct shard *s)
{
    for (struct contact *c = s->members; c; c = c->next_in_shard)
        redis_probe_now(self, c->id);
}

bool probe_answered_since(const struct shard *s, const char *endpoint, uint64_t stamp)
{
    for (const struct contact *c = s->members; c; c = c->next_in_shard)
        if (text_eq(c->endpoint, endpoint))
            return c->answered_stamp > stamp;
    return true;
}

void probe_claims_again(struct redis *self, struct shard *s)
{
    for (struct contact *c = s->members; c; c = c->next_in_shard)
        if (c->was_primary)
            redis_probe_now(self, c->id);
}

/* ---- answering the host
 * ------------------------------------------------------------------------------ */

static void contact_rest(struct contact *c)
{
    const struct atoll_host *host = c->self->host;
    c->asking = false;
    host->timer->cancel(host->impl, c->deadline);
    c->deadline = 0;
}

static void finish_unknown(struct contact *c, const char *reason, const char *text)
{
    if (!c->asking)
        return;
    contact_rest(c);
    (void)atoll_report_unknown(c->self->host, c->op, atoll_str_of(c->id), reason, text);
    (void)atoll_done(c->self->host, c->op);
}

static void finish_known(struct contact *c, const char *role, uint64_t version,
                         const struct atoll_fact *facts, uint32_t n)
{
    contact_rest(c);
    c->failures = 0;
    c->answered_stamp = c->asked_stamp;
    c->last_answer = redis_now(c->self);
    (void)atoll_report_role(c->self->host, c->op, atoll_str_of(c->id), role, version, facts, n);
    (void)atoll_done(c->self->host, c->op);
}

static const char *yes_no(bool b)
{
    return b ? "yes" : "no";
}

struct number { /* room for a 64-bit number as text */
    char text[24];
};
static const char *number(struct number *n, int64_t v)
{
    snprintf(n->text, sizeof(n->text), "%lld", (long long)v);
    return n->text;
}

/* Which claim this answer makes; 0 for all that are no primary. */
static uint64_t contact_claim(struct contact *c, const struct server_answer *a, bool primary)
{
    uint64_t version = 0;
    if (!text_eq(c->run_id, a->run_id)) {
        epoch_claim_clear(&c->claim);
        memcpy(c->run_id, a->run_id, sizeof(c->run_id));
    }
    if (primary)
        version = epoch_claim_update(&c->shard->book, &c->claim, c->endpoint, c->was_replica);
    else
        epoch_claim_clear(&c->claim);
    c->was_replica = !a->master;
    c->was_primary = primary;
    return version;
}

static void on_hurry(void *arg)
{
    struct contact *c = CAST(contact, arg);
    c->hurry_timer = 0;
    redis_probe_now(c->self, c->id);
}

/* Most servers load within milliseconds: do not wait a whole period for the end of it. */
static void look_again_while_loading(struct contact *c, const struct server_answer *a)
{
    const struct atoll_host *host = c->self->host;
    if (a->loading && a->uptime * 1000 < HURRY_FOR_MS && !c->hurry_timer)
        c->hurry_timer = host->timer->after(host->impl, HURRY_MAX_MS, on_hurry, c);
}

static void finish_server(struct contact *c, const struct server_answer *a)
{
    bool primary = a->master && !a->loading;
    const char *role = primary ? ROLE_PRIMARY : a->master || a->gated ? "" : ROLE_SECONDARY;
    struct number offset, lag, uptime, keys, replicas, priority;
    const struct atoll_fact facts[] = {
        atoll_fact_make(FACT_GATED, yes_no(a->gated), 0),
        atoll_fact_make(FACT_LOADING, yes_no(a->loading), 0),
        atoll_fact_make(FACT_EMPTY, yes_no(a->empty), 0),
        atoll_fact_make(FACT_LINK,
                        a->master    ? "none"
                        : a->link_up ? "up"
                                     : "down",
                        0),
        atoll_fact_make(FACT_UPSTREAM, a->master || a->gated ? "" : a->upstream, 0),
        atoll_fact_make(FACT_RUN_ID, a->run_id, 0),
        atoll_fact_make(FACT_REPLID, a->replid, 0),
        atoll_fact_make(FACT_AOF, a->aof_ok ? "ok" : "failing", 0),
        atoll_fact_make(FACT_STRICT, yes_no(a->strict), 0),
        atoll_fact_make(FACT_PRIORITY, a->master ? "" : number(&priority, (int64_t)a->priority), 0),
        atoll_fact_make(FACT_OFFSET, number(&offset, (int64_t)a->offset), ATOLL_FACT_VOLATILE),
        atoll_fact_make(FACT_LAG, number(&lag, a->lag), ATOLL_FACT_VOLATILE),
        atoll_fact_make(FACT_UPTIME, number(&uptime, (int64_t)a->uptime), ATOLL_FACT_VOLATILE),
        atoll_fact_make(FACT_KEYS, number(&keys, (int64_t)a->keys), ATOLL_FACT_VOLATILE),
        atoll_fact_make(FACT_REPLICAS, number(&replicas, (int64_t)a->replicas_online),
                        ATOLL_FACT_VOLATILE),
    };
    uint64_t version = contact_claim(c, a, primary);
    finish_known(c, role, version, facts, ARRAY_LEN(facts));
    look_again_while_loading(c, a);
}

static void finish_sentinel(struct contact *c)
{
    const struct sentinel_answer *a = &c->sentinel;
    struct number epoch, others, replicas;
    char settings[96];
    snprintf(settings, sizeof(settings), "%llu/%llu/%llu/%llu", (unsigned long long)a->quorum,
             (unsigned long long)a->down_after, (unsigned long long)a->failover_timeout,
             (unsigned long long)a->parallel_syncs);
    const struct atoll_fact facts[] = {
        atoll_fact_make(FACT_MONITORS, a->knows ? a->monitors : "", 0),
        atoll_fact_make(FACT_EPOCH, number(&epoch, (int64_t)a->epoch), 0),
        atoll_fact_make(FACT_FAILOVER, a->failover, 0),
        atoll_fact_make(FACT_OTHERS, number(&others, (int64_t)a->others), 0),
        atoll_fact_make(FACT_REPLICAS, number(&replicas, (int64_t)a->replicas), 0),
        atoll_fact_make(FACT_SETTINGS, a->knows ? settings : "", 0),
        atoll_fact_make(FACT_USABLE, yes_no(a->usable), 0),
        atoll_fact_make(FACT_DOWN, yes_no(a->down), 0),
        atoll_fact_make(FACT_TILT, yes_no(a->tilt), 0),
        atoll_fact_make(FACT_RUN_ID, a->run_id, 0),
    };
    struct shard *s = c->shard;
    finish_known(c, "", 0, facts, ARRAY_LEN(facts));
    if (a->knows && epoch_configured(&s->book, a->monitors, a->epoch))
        probe_claims_again(c->self, s);
}

/* ---- what happens on the connection
 * ------------------------------------------------------------------- */

static void contact_hurry(struct contact *c)
{
    const struct atoll_host *host = c->self->host;
    uint64_t now = redis_now(c->self), delay = 0;
    if (c->hurry_timer || now - c->last_answer > HURRY_FOR_MS || !c->last_answer)
        return;
    if (c->failures || now - c->last_hurry < HURRY_MIN_MS)
        delay = HURRY_MIN_MS + 10u * c->failures;
    if (delay > HURRY_MAX_MS)
        delay = HURRY_MAX_MS;
    c->failures++;
    c->last_hurry = now;
    if (delay)
        c->hurry_timer = host->timer->after(host->impl, delay, on_hurry, c);
    else
        redis_probe_now(c->self, c->id);
}

static void contact_cut(struct contact *c, const char *reason, const char *text)
{
    bool was_primary = c->was_primary && c->failures == 0;
    link_free(c->link);
    c->link = NULL;
    finish_unknown(c, reason, text);
    contact_hurry(c);
    if (was_primary) /* its replicas' links went down in the same moment: learn that now */
        probe_shard_now(c->self, c->shard);
}

static void on_lost(void *arg, const char *reason, const char *text)
{
    contact_cut(CAST(contact, arg), reason, text);
}

/* The engine refused to answer: it is alive, and this says nothing about its role. */
static void contact_refused(struct contact *c, const char *text)
{
    const char *reason = link_auth_failed(c->link) ? "AuthFailed" : answer_error_reason(text);
    char copy[160];
    snprintf(copy, sizeof(copy), "%s answered: %s", c->endpoint, text);
    /* The password may be another one next time; and the rest of a sentinel's four answers must not
     * be taken for answers to the next question. */
    if (text_eq(reason, "AuthFailed") || c->kind == KIND_SENTINEL) {
        link_free(c->link);
        c->link = NULL;
    }
    finish_unknown(c, reason, copy);
}

static void on_reply_server(struct contact *c, const redisReply *r)
{
    struct server_answer a;
    if (r->type == REDIS_REPLY_ERROR)
        contact_refused(c, r->str);
    else if (server_answer_reply(&a, r) < 0)
        finish_unknown(c, "BadAnswer", "INFO lacks role, run_id or master_host");
    else
        finish_server(c, &a);
}

static void on_reply_sentinel(struct contact *c, uintptr_t tag, const redisReply *r)
{
    switch (tag) {
    case ASK_MASTER:
        if (sentinel_answer_master(&c->sentinel, r) < 0)
            contact_refused(c,
                            r->type == REDIS_REPLY_ERROR ? r->str : "an answer of another shape");
        return;
    case ASK_ADDRESS:
        sentinel_answer_address(&c->sentinel, r);
        return;
    case ASK_QUORUM:
        sentinel_answer_quorum(&c->sentinel, r);
        return;
    default:
        if (r->type == REDIS_REPLY_ERROR) {
            contact_refused(c, r->str);
            return;
        }
        sentinel_answer_info(&c->sentinel, r);
        finish_sentinel(c);
    }
}

static void on_reply(void *arg, uintptr_t tag, const redisReply *r)
{
    struct contact *c = CAST(contact, arg);
    if (!c->asking)
        return; /* the rest of a question that was answered or given up */
    if (c->kind == KIND_SERVER)
        on_reply_server(c, r);
    else
        on_reply_sentinel(c, tag, r);
}

static void on_deadline(void *arg)
{
    struct contact *c = CAST(contact, arg);
    bool connected = link_connected(c->link);
    char text[128];
    c->deadline = 0;
    snprintf(text, sizeof(text), "%s did not answer within %lld ms", c->endpoint,
             (long long)c->self->settings.command_timeout_ms);
    link_free(c->link);
    c->link = NULL;
    finish_unknown(c, connected ? "Timeout" : "ConnectTimeout", text);
}

/* ---- asking
 * -------------------------------------------------------------------------------------------- */

static bool contact_ask(struct contact *c)
{
    const char *name = c->shard->master_name;
    if (c->kind == KIND_SERVER)
        return link_send(c->link, ASK_INFO, SERVER_QUESTION);
    return link_send(c->link, ASK_MASTER, "SENTINEL MASTER %s", name) &&
           link_send(c->link, ASK_ADDRESS, "SENTINEL GET-MASTER-ADDR-BY-NAME %s", name) &&
           link_send(c->link, ASK_QUORUM, "SENTINEL CKQUORUM %s", name) &&
           link_send(c->link, ASK_SENTINEL_INFO, "INFO server sentinel");
}

static bool contact_connect(struct contact *c, const struct atoll_component *home,
                            struct atoll_op op)
{
    const struct link_user user = {on_reply, on_lost, c};
    struct login login = component_login(c->self->host, op, home);
    char text[160];
    c->link = link_open(c->self->host, c->host, kind_port(c->kind), login.username, login.password,
                        &user, text, sizeof(text));
    if (!c->link)
        finish_unknown(c, "ConnectFailed", text);
    return c->link != NULL;
}

/* It moved: nothing heard at the old address counts any more. */
static bool contact_locate(struct contact *c, const struct atoll_instance *in)
{
    char endpoint[ENDPOINT_MAX];
    if (!instance_endpoint(in, c->kind, endpoint) || !instance_host(in, c->host))
        return false;
    if (text_eq(endpoint, c->endpoint))
        return true;
    link_free(c->link);
    c->link = NULL;
    memcpy(c->endpoint, endpoint, sizeof(endpoint));
    epoch_claim_clear(&c->claim);
    c->was_primary = c->was_replica = false;
    c->last_answer = 0;
    return true;
}

int32_t probe_start(void *p, const struct atoll_view *view, const struct atoll_instance *instance,
                    struct atoll_op op)
{
    struct redis *self = CAST(redis, p);
    struct contact *c = contact_find(self, instance->id);
    if (!c)
        c = contact_new(self, view, instance);
    const struct atoll_component *home = view_home(view, instance);
    if (!c || !home)
        return ATOLL_ERR_INVALID;
    if (c->asking)
        return ATOLL_ERR_BUSY;
    c->op = op;
    c->asking = true;
    c->asked_stamp = ++self->stamp;
    if (!contact_locate(c, instance)) {
        finish_unknown(c, "NoAddress", "the instance has no address yet");
        return ATOLL_OK;
    }
    if (!c->link && !contact_connect(c, home, op))
        return ATOLL_OK;
    c->deadline = self->host->timer->after(
        self->host->impl, (uint64_t)self->settings.command_timeout_ms, on_deadline, c);
    if (!contact_ask(c))
        contact_cut(c, "ConnectionLost", "the connection broke while asking");
    return ATOLL_OK;
}

bool probe_cancel(struct redis *self, struct atoll_op op)
{
    for (size_t i = 0; i < REDIS_BUCKETS; i++)
        for (struct contact *c = self->contacts[i]; c; c = c->next_in_bucket)
            if (c->asking && c->op.id == op.id) {
                link_free(c->link);
                c->link = NULL;
                finish_unknown(c, "Timeout", "the host cancelled the probe");
                return true;
            }
    return false;
}

void probe_forget(void *p, struct atoll_str instance)
{
    struct redis *self = CAST(redis, p);
    struct contact *c = contact_find(self, instance);
    if (!c)
        return;
    finish_unknown(c, "Forgotten", "the instance is gone");
    contact_free(c);
}

void probe_drop_all(struct redis *self)
{
    for (size_t i = 0; i < REDIS_BUCKETS; i++)
        while (self->contacts[i])
            contact_free(self->contacts[i]);
}
