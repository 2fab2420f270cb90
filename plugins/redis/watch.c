/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch of a shard: a subscription to every sentinel that guards it. Events tell *when* to look
 * and which epoch a running failover has; they are never the evidence for a role. The evidence is
 * the server's own answer, so an event ends in probe_now of the instance it names.
 *
 * A subscription outlives the watch operation by a few seconds, because the host cancels and
 * restarts the watch whenever the view changes.
 */
#include "redis.h"

#define subscription_MAGIC 0x53554253u
#define BACKOFF_MIN_MS     100
#define BACKOFF_MAX_MS     5000
#define IDLE_MS            5000
#define SUBSCRIPTIONS_MAX  32

struct subscription {
    uint32_t magic;
    struct subscription *next;
    struct shard *shard;
    char id[128], host[ENDPOINT_MAX];
    char username[64], password[256]; /* for reconnecting inside the watch; wiped with it */
    struct link *link;
    uint64_t retry_timer, backoff;
    bool heard, wanted;
};

static void subscription_connect(struct subscription *s);

/* ---- shards
 * ------------------------------------------------------------------------------------------- */

struct shard *shard_ref(struct redis *self, const char *name)
{
    struct shard *s = self->shards;
    while (s && !text_eq(s->master_name, name))
        s = s->next;
    if (!s) {
        s = heap_new(struct shard);
        s->self = self;
        snprintf(s->master_name, sizeof(s->master_name), "%s", name);
        s->next = self->shards;
        self->shards = s;
    }
    s->refs++;
    return s;
}

void shard_unref(struct shard *s)
{
    if (--s->refs > 0)
        return;
    struct shard **at = &s->self->shards;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    heap_free(s);
}

/* ---- events
 * ------------------------------------------------------------------------------------------- */

/* The words of a payload; "master m 10.0.0.1 6379" or "slave r 10.0.0.2 6379 @ m 10.0.0.1 6379". */
struct words {
    struct atoll_str word[8];
    unsigned n;
};

static struct words words_of(const char *text, size_t len)
{
    struct words w = {.n = 0};
    for (size_t i = 0; i < len && w.n < ARRAY_LEN(w.word);) {
        size_t end = i;
        while (end < len && text[end] != ' ')
            end++;
        if (end > i)
            w.word[w.n++] = (struct atoll_str){text + i, end - i};
        i = end + 1;
    }
    return w;
}

static void look_at(struct shard *s, struct atoll_str ip, struct atoll_str port)
{
    char endpoint[ENDPOINT_MAX];
    if (endpoint_format(endpoint, ip.ptr, (size_t)ip.len, str_number(port, 0)))
        probe_endpoint_now(s->self, s, endpoint);
}

static void event_epoch(struct subscription *sub, const struct words *w)
{
    uint64_t epoch;
    if (w->n == 1 && str_u64(w->word[0], &epoch) && epoch_announced(&sub->shard->book, epoch))
        probe_claims_again(sub->shard->self, sub->shard);
}

/* <name> <old ip> <old port> <new ip> <new port>. The sentinel itself is asked too: it has the
 * epoch. */
static void event_switch(struct subscription *sub, const struct words *w)
{
    if (w->n != 5 || !atoll_str_is(w->word[0], sub->shard->master_name))
        return;
    atoll_logf(sub->shard->self->host, ATOLL_LOG_INFO,
               "%s: sentinel moved the primary from %.*s to %.*s", sub->shard->master_name,
               STR_FMT(w->word[1]), STR_FMT(w->word[3]));
    look_at(sub->shard, w->word[3], w->word[4]);
    look_at(sub->shard, w->word[1], w->word[2]);
    redis_probe_now(sub->shard->self, sub->id);
}

static bool event_is_ours(const struct shard *s, const struct words *w)
{
    if (w->n < 4)
        return false;
    if (atoll_str_is(w->word[0], "master"))
        return atoll_str_is(w->word[1], s->master_name);
    return w->n >= 6 && atoll_str_is(w->word[5], s->master_name);
}

static void event_instance(struct subscription *sub, const struct words *w)
{
    if (event_is_ours(sub->shard, w) && !atoll_str_is(w->word[0], "sentinel"))
        look_at(sub->shard, w->word[2], w->word[3]);
}

/* The sentinel's own view of the shard changed. */
static void event_view(struct subscription *sub, const struct words *w)
{
    event_instance(sub, w);
    if (event_is_ours(sub->shard, w))
        redis_probe_now(sub->shard->self, sub->id);
}

static void event_alarm(struct subscription *sub, const struct words *w)
{
    if (!event_is_ours(sub->shard, w))
        return;
    atoll_logf(sub->shard->self->host, ATOLL_LOG_WARN,
               "%s: sentinel %s found no replica it may promote", sub->shard->master_name,
               sub->host);
    event_view(sub, w);
}

static void on_event(struct subscription *sub, const char *channel, const char *payload, size_t len)
{
    static const struct {
        const char *channel;
        void (*fn)(struct subscription *, const struct words *);
    } rows[] = {
        {"+new-epoch", event_epoch},
        {"+switch-master", event_switch},
        {"+try-failover", event_view},
        {"+failover-state-wait-promotion", event_instance},
        {"+promoted-slave", event_view},
        {"+failover-end", event_view},
        {"+failover-end-for-timeout", event_view},
        {"+config-update-from", event_view},
        {"-failover-abort-not-elected", event_view},
        {"-failover-abort-slave-timeout", event_view},
        {"-failover-abort-no-good-slave", event_alarm},
        {"+role-change", event_instance},
        {"-role-change", event_instance},
        {"+slave-reconf-done", event_instance},
        {"+reboot", event_instance},
        {"+sdown", event_view},
        {"-sdown", event_view},
        {"+odown", event_view},
        {"+slave", event_view},
        {"+reset-master", event_view},
    };
    struct words w = words_of(payload, len);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (text_eq(rows[i].channel, channel)) {
            rows[i].fn(sub, &w);
            return;
        }
}

/* ---- one subscription
 * ----------------------------------------------------------------------------------- */

static void on_message(void *arg, uintptr_t tag, const redisReply *r)
{
    struct subscription *s = CAST(subscription, arg);
    (void)tag;
    s->heard = true;
    s->backoff = 0;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 4) {
        redis_probe_now(s->shard->self, s->id); /* subscribed: learn what was missed until now */
        return;
    }
    const redisReply *channel = r->element[2], *payload = r->element[3];
    if (channel->type == REDIS_REPLY_STRING && payload->type == REDIS_REPLY_STRING)
        on_event(s, channel->str, payload->str, payload->len);
}

static void on_retry(void *arg)
{
    struct subscription *s = CAST(subscription, arg);
    s->retry_timer = 0;
    subscription_connect(s);
}

static void subscription_retry(struct subscription *s)
{
    const struct atoll_host *host = s->shard->self->host;
    link_free(s->link);
    s->link = NULL;
    if (!s->shard->watched || s->retry_timer)
        return;
    s->backoff = s->backoff ? s->backoff * 2 : BACKOFF_MIN_MS;
    if (s->backoff > BACKOFF_MAX_MS)
        s->backoff = BACKOFF_MAX_MS;
    s->retry_timer = host->timer->after(host->impl, s->backoff, on_retry, s);
}

static void on_lost(void *arg, const char *reason, const char *text)
{
    struct subscription *s = CAST(subscription, arg);
    if (s->heard)
        atoll_logf(s->shard->self->host, ATOLL_LOG_INFO,
                   "%s: subscription to sentinel %s ended: %s: %s", s->shard->master_name, s->host,
                   reason, text);
    s->heard = false;
    redis_probe_now(s->shard->self, s->id);
    subscription_retry(s);
}

static void subscription_connect(struct subscription *s)
{
    const struct link_user user = {on_message, on_lost, s};
    char text[160];
    s->link = link_open(s->shard->self->host, s->host, SENTINEL_PORT, atoll_str_of(s->username),
                        atoll_str_of(s->password), &user, text, sizeof(text));
    if (!s->link || !link_send(s->link, 0, "PSUBSCRIBE *"))
        subscription_retry(s);
}

static void subscription_free(struct subscription *s)
{
    struct shard *shard = s->shard;
    struct subscription **at = &shard->subscriptions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    shard->self->host->timer->cancel(shard->self->host->impl, s->retry_timer);
    link_free(s->link);
    explicit_bzero(s->password, sizeof(s->password));
    s->magic = 0;
    heap_free(s);
}

static void subscriptions_drop(struct shard *s, bool all)
{
    for (struct subscription *sub = s->subscriptions, *next; sub; sub = next) {
        next = sub->next;
        if (all || !sub->wanted)
            subscription_free(sub);
    }
}

/* ---- the watch operation
 * ----------------------------------------------------------------------------------- */

static struct subscription *subscription_for(struct shard *shard, const struct atoll_instance *in)
{
    char host[ENDPOINT_MAX], id[128];
    if (!instance_host(in, host) || atoll_str_copy(in->id, id, sizeof(id)) != ATOLL_OK)
        return NULL;
    for (struct subscription *s = shard->subscriptions; s; s = s->next)
        if (text_eq(s->id, id) && text_eq(s->host, host))
            return s;
    struct subscription *s = heap_new(struct subscription);
    s->magic = subscription_MAGIC;
    s->shard = shard;
    memcpy(s->id, id, sizeof(id));
    memcpy(s->host, host, sizeof(host));
    s->next = shard->subscriptions;
    shard->subscriptions = s;
    return s;
}

static void watch_subscribe(struct shard *shard, const struct atoll_component *sentinels,
                            struct atoll_op op)
{
    struct login login = component_login(shard->self->host, op, sentinels);
    for (struct subscription *s = shard->subscriptions; s; s = s->next)
        s->wanted = false;
    for (uint32_t i = 0; i < sentinels->n_instances && i < SUBSCRIPTIONS_MAX; i++) {
        struct subscription *s = subscription_for(shard, sentinels->instances[i]);
        if (!s)
            continue;
        s->wanted = true;
        (void)atoll_str_copy(login.username, s->username, sizeof(s->username));
        (void)atoll_str_copy(login.password, s->password, sizeof(s->password));
        if (!s->link && !s->retry_timer)
            subscription_connect(s);
    }
    subscriptions_drop(shard, false);
}

static void on_idle(void *arg)
{
    struct shard *s = arg;
    s->idle_timer = 0;
    subscriptions_drop(s, true);
    shard_unref(s);
}

int32_t watch_start(void *p, const struct atoll_view *view, struct atoll_op op)
{
    struct redis *self = CAST(redis, p);
    const struct atoll_component *c = atoll_component_this(view), *sentinels = view_sentinels(view);
    char name[MASTER_NAME_MAX];
    if (!c || component_kind(c) != KIND_SERVER || !view_replicated(view) || !sentinels)
        return ATOLL_ERR_NOTSUP;
    master_name(view, c, name);
    struct shard *s = shard_ref(self, name);
    if (s->watched) {
        shard_unref(s);
        return ATOLL_ERR_BUSY;
    }
    if (s->idle_timer) { /* the reference of the last watch is still held: it becomes ours */
        self->host->timer->cancel(self->host->impl, s->idle_timer);
        s->idle_timer = 0;
        shard_unref(s);
    }
    s->watched = true;
    s->watch = op;
    watch_subscribe(s, sentinels, op);
    return ATOLL_OK;
}

bool watch_cancel(struct redis *self, struct atoll_op op)
{
    struct shard *s = self->shards;
    while (s && !(s->watched && s->watch.id == op.id))
        s = s->next;
    if (!s)
        return false;
    s->watched = false;
    s->idle_timer = self->host->timer->after(self->host->impl, IDLE_MS, on_idle, s);
    (void)atoll_done(self->host, op);
    return true;
}

void watch_drop_all(struct redis *self)
{
    for (struct shard *s = self->shards, *next; s; s = next) {
        next = s->next;
        subscriptions_drop(s, true);
        if (!s->idle_timer && !s->watched)
            continue;
        self->host->timer->cancel(self->host->impl, s->idle_timer);
        s->idle_timer = 0;
        s->watched = false;
        shard_unref(s);
    }
}
