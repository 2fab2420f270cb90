/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election by a coordination.k8s.io/v1 Lease, as client-go does it, so that its leaders and
 * ours understand each other.
 *
 * Times written into the Lease are for people. Decisions use this machine's monotonic clock only: a
 * record counts as held for its duration since *we* first saw it in its present form. A leader
 * counts its own time from before the request that renewed it, and stops after renew_s without
 * success, seconds before anybody else may take over.
 */
#include "kube/lease.h"

#include <string.h>

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "kube/client.h"

#define LOG_ROOM   "kube"
#define DURATION_S 15
#define RENEW_S    10
#define RETRY_S    2
#define RELEASE_MS 1000

#define kube_lease_MAGIC 0x6b6c6561
struct kube_lease {
    uint32_t magic;
    struct kube_client *client;
    char *ns, *name, *identity;
    unsigned duration_s, renew_s, retry_s;
    void (*on_change)(void *arg, bool leader);
    void *arg;

    bool leader;
    uint64_t renewed_ms; /* before the last successful write was sent */
    cJSON *object;       /* as last read or written; NULL = none known */
    cJSON *spec_seen;    /* its spec when it last changed ... */
    uint64_t changed_ms; /* ... which we noticed then */
    bool stale;          /* somebody wrote since: read before writing */
    bool read_now, absent;
    uint64_t sent_ms; /* before the running write */
    struct client_call *call;
    struct loop_timer *round, *expiry;
    void (*released)(void *arg);
    void *released_arg;
    bool releasing;
};

enum lease_step kube_lease_next(const struct lease_facts *f)
{
    if (f->leading && f->known)
        return LEASE_TAKE;
    if (!f->read_now)
        return LEASE_READ;
    if (f->absent)
        return LEASE_CREATE;
    if (f->ours || f->free)
        return LEASE_TAKE;
    return f->now_ms < f->changed_ms + f->duration_ms ? LEASE_WAIT : LEASE_TAKE;
}

static const char *spec_text(const struct kube_lease *l, const char *field)
{
    const char *s = json_str(l->object, "spec", field);
    return s ? s : "";
}

static bool lease_valid(const struct kube_lease *l)
{
    return l->leader && clock_mono_ms() < l->renewed_ms + l->renew_s * 1000ULL;
}

/* Candidates spread out: times 1 .. 2.2. A leader renews on time. */
static void next_round(struct kube_lease *l, bool leading)
{
    uint64_t ms = l->retry_s * 1000ULL;
    uint32_t random;
    ids_random(&random, sizeof(random));
    if (!leading)
        ms += ms * 12 / 10 * random / UINT32_MAX;
    loop_timer_start(l->round, ms);
}

static void lose(struct kube_lease *l, const char *because)
{
    if (!l->leader)
        return;
    l->leader = false;
    loop_timer_stop(l->expiry);
    log_warn("lease %s/%s: %s is no longer the leader because %s", l->ns, l->name, l->identity,
             because);
    l->on_change(l->arg, false);
}

static void win(struct kube_lease *l)
{
    uint64_t until = l->sent_ms + l->renew_s * 1000ULL, now = clock_mono_ms();
    bool news = !l->leader;
    if (until <= now) {
        lose(l, "the answer to its renewal came too late");
        return;
    }
    l->renewed_ms = l->sent_ms;
    l->leader = true;
    loop_timer_start(l->expiry, until - now);
    if (news) {
        log_info("lease %s/%s: %s is the leader", l->ns, l->name, l->identity);
        l->on_change(l->arg, true);
    }
}

static void on_expiry(void *arg)
{
    struct kube_lease *l = CAST(kube_lease, arg);
    kube_client_cancel(l->call);
    l->call = NULL;
    l->stale = true;
    next_round(l, false);
    lose(l, "it could not renew in time");
}

/* What the server says the record is now. The spec decides whether anybody did something. */
static void observe(struct kube_lease *l, const cJSON *object)
{
    const cJSON *spec = json_at(object, "spec");
    cJSON_Delete(l->object);
    l->object = object ? cJSON_Duplicate(object, true) : NULL;
    l->stale = false;
    if (l->spec_seen && spec && json_equal(l->spec_seen, spec))
        return;
    cJSON_Delete(l->spec_seen);
    l->spec_seen = spec ? cJSON_Duplicate(spec, true) : NULL;
    l->changed_ms = clock_mono_ms();
}

static void step(struct kube_lease *l);
static void release(struct kube_lease *l);

static void on_read(void *arg, const struct kube_answer *a)
{
    struct kube_lease *l = CAST(kube_lease, arg);
    l->call = NULL;
    if (!kube_ok(a) && a->status != 404) {
        log_debug("lease %s/%s: reading: %s", l->ns, l->name, a->message);
        l->stale = true;
        next_round(l, l->leader);
        return;
    }
    l->read_now = true;
    l->absent = a->status == 404;
    observe(l, l->absent ? NULL : a->body);
    if (l->leader && !streq(spec_text(l, "holderIdentity"), l->identity)) {
        next_round(l, false);
        lose(l, "somebody else holds the lease");
        return;
    }
    if (l->releasing)
        release(l);
    else
        step(l);
}

static void on_written(void *arg, const struct kube_answer *a)
{
    struct kube_lease *l = CAST(kube_lease, arg);
    l->call = NULL;
    next_round(l, l->leader || kube_ok(a));
    if (kube_ok(a)) {
        observe(l, a->body);
    } else {
        l->stale = true; /* a conflict, or nobody knows whether it was written */
        log_debug("lease %s/%s: writing: %s", l->ns, l->name, a->message);
    }
    if (l->releasing)
        release(l);
    else if (kube_ok(a))
        win(l); /* our owner may free us in here */
}

static void start(struct kube_lease *l, enum kube_verb verb, const cJSON *body, kube_done_fn *done)
{
    struct kube_call call = {.verb = verb,
                             .resource = &KUBE_LEASES,
                             .ns = l->ns,
                             .name = l->name,
                             .body = body,
                             .deadline_ms = l->renew_s * 500ULL}; /* room for a second try */
    l->sent_ms = clock_mono_ms();
    l->call = kube_client_start(l->client, &call, NULL, true, done, l);
}

static cJSON *new_object(const struct kube_lease *l)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, "coordination.k8s.io/v1", "apiVersion");
    json_put_str(o, "Lease", "kind");
    json_put_str(o, l->name, "metadata", "name");
    json_put_str(o, l->ns, "metadata", "namespace");
    return o;
}

/* The record with us as its holder from now on. */
static cJSON *our_record(const struct kube_lease *l)
{
    char now[CLOCK_TEXT_MAX];
    cJSON *o = l->object ? cJSON_Duplicate(l->object, true) : new_object(l);
    clock_micro_text(clock_wall_us(), now);
    if (!streq(spec_text(l, "holderIdentity"), l->identity)) {
        int64_t before = json_int(0, l->object, "spec", "leaseTransitions");
        json_put_int(o, l->object ? before + 1 : 0, "spec", "leaseTransitions");
        json_put_str(o, now, "spec", "acquireTime");
    }
    json_put_str(o, l->identity, "spec", "holderIdentity");
    json_put_int(o, l->duration_s, "spec", "leaseDurationSeconds");
    json_put_str(o, now, "spec", "renewTime");
    return o;
}

static struct lease_facts facts(const struct kube_lease *l)
{
    int64_t promised = json_int(l->duration_s, l->object, "spec", "leaseDurationSeconds");
    const char *holder = spec_text(l, "holderIdentity");
    return (struct lease_facts){.leading = lease_valid(l),
                                .known = l->object && !l->stale,
                                .read_now = l->read_now,
                                .absent = l->absent,
                                .ours = streq(holder, l->identity),
                                .free = holder[0] == '\0',
                                .changed_ms = l->changed_ms,
                                .duration_ms = (uint64_t)(promised < 1       ? 1
                                                          : promised > 86400 ? 86400
                                                                             : promised) *
                                               1000,
                                .now_ms = clock_mono_ms()};
}

static void step(struct kube_lease *l)
{
    struct lease_facts f = facts(l);
    switch (kube_lease_next(&f)) {
    case LEASE_READ:
        start(l, KUBE_GET, NULL, on_read);
        break;
    case LEASE_WAIT:
        next_round(l, l->leader);
        break;
    case LEASE_CREATE:
    case LEASE_TAKE: {
        AUTO(json_freep) cJSON *record = our_record(l);
        start(l, f.absent && l->read_now ? KUBE_CREATE : KUBE_UPDATE, record, on_written);
        break;
    }
    }
}

static void on_round(void *arg)
{
    struct kube_lease *l = CAST(kube_lease, arg);
    l->read_now = l->absent = false;
    if (l->releasing && !l->call)
        release(l);
    else if (!l->call)
        step(l);
}

struct kube_lease *kube_lease_new(struct kube_client *c, const struct kube_lease_opts *o)
{
    ATOLL_ASSERT(o->ns && o->name && o->identity && o->identity[0] && o->on_change);
    struct kube_lease *l = mem_new(struct kube_lease);
    l->magic = kube_lease_MAGIC;
    l->client = c;
    l->ns = mem_strdup(o->ns);
    l->name = mem_strdup(o->name);
    l->identity = mem_strdup(o->identity);
    l->duration_s = o->duration_s ? o->duration_s : DURATION_S;
    l->renew_s = o->renew_s ? o->renew_s : RENEW_S;
    l->retry_s = o->retry_s ? o->retry_s : RETRY_S;
    ATOLL_ASSERT(l->duration_s > l->renew_s && l->renew_s >= l->retry_s);
    l->on_change = o->on_change;
    l->arg = o->arg;
    l->round = loop_timer_new(c->loop, on_round, l);
    l->expiry = loop_timer_new(c->loop, on_expiry, l);
    loop_timer_start(l->round, 0);
    return l;
}

bool kube_lease_held(const struct kube_lease *l)
{
    return lease_valid(l) && !l->releasing;
}

static void lease_destroy(struct kube_lease *l)
{
    kube_client_cancel(l->call);
    loop_timer_free(l->round);
    loop_timer_free(l->expiry);
    cJSON_Delete(l->object);
    cJSON_Delete(l->spec_seen);
    mem_free(l->ns);
    mem_free(l->name);
    mem_free(l->identity);
    l->magic = 0;
    mem_free(l);
}

static void on_released(void *arg, const struct kube_answer *a)
{
    struct kube_lease *l = CAST(kube_lease, arg);
    void (*released)(void *) = l->released;
    void *user = l->released_arg;
    if (!kube_ok(a))
        log_warn("lease %s/%s: releasing: %s", l->ns, l->name, a->message);
    l->call = NULL;
    lease_destroy(l);
    released(user);
}

/* Holder "" and one second: others take it in their next round. */
static cJSON *free_record(const struct kube_lease *l)
{
    char now[CLOCK_TEXT_MAX];
    cJSON *o = cJSON_Duplicate(l->object, true);
    clock_micro_text(clock_wall_us(), now);
    json_put_str(o, "", "spec", "holderIdentity");
    json_put_int(o, 1, "spec", "leaseDurationSeconds");
    json_put_str(o, now, "spec", "renewTime");
    json_put_str(o, now, "spec", "acquireTime");
    return o;
}

static void send_release(struct kube_lease *l, kube_done_fn *done, void *arg)
{
    AUTO(json_freep) cJSON *record = free_record(l);
    struct kube_call call = {.verb = KUBE_UPDATE,
                             .resource = &KUBE_LEASES,
                             .ns = l->ns,
                             .name = l->name,
                             .body = record,
                             .deadline_ms = RELEASE_MS};
    l->leader = false;
    struct client_call *sent = kube_client_start(l->client, &call, NULL, true, done, arg);
    l->call = done ? sent : NULL;
}

static void release(struct kube_lease *l)
{
    if (l->leader && l->object && !l->stale) {
        send_release(l, on_released, l);
        return;
    }
    void (*released)(void *) = l->released;
    void *user = l->released_arg;
    lease_destroy(l);
    released(user);
}

void kube_lease_release(struct kube_lease *l, void (*released)(void *arg), void *arg)
{
    ATOLL_ASSERT(!l->releasing && released);
    l->releasing = true;
    l->released = released;
    l->released_arg = arg;
    loop_timer_stop(l->expiry);
    if (!l->call) /* otherwise its answer continues */
        loop_timer_start(l->round, 0);
}

void kube_lease_free(struct kube_lease *l)
{
    if (!l)
        return;
    kube_client_cancel(l->call);
    l->call = NULL;
    if (l->leader && l->object && !l->stale && !l->releasing)
        send_release(l, NULL, NULL);
    lease_destroy(l);
}
