/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cache: follows one resource by list and watch, keeps its store current and tells the handlers.
 *
 *   STOPPED -> LISTING -> SYNCED -> BROKEN -> SYNCED ...
 *                 ^---------+---------+      (with BACKOFF before either when something failed)
 *
 * What each outcome leads to is the table in follow.c; the store decides whose word counts. This
 * file connects the two with the network and the handlers.
 *
 * Changes are queued and handed out one after the other after the store has them all: at once when
 * a list or a watch brought them (we are at the bottom of the stack then), in a tick when our owner
 * did (kube_cache_learn), because a call never runs its caller's callbacks.
 */
#include "kube/kube.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ids.h"
#include "base/log.h"
#include "kube/client.h"
#include "kube/follow.h"
#include "kube/object.h"
#include "kube/store.h"
#include "kube/watch.h"

#define LOG_ROOM       "kube"
#define HANDLERS_MAX   16
#define PAGE_LIMIT     100 /* objects: about ten milliseconds of work for large Pods */
#define LIST_MS        60000
#define TIMEOUT_MIN_S  300
#define TIMEOUT_SPAN_S 300

struct note {
    struct list node;
    struct kube_store_change change;
};

#define kube_cache_MAGIC 0x6b636163
struct kube_cache {
    uint32_t magic;
    struct kube_client *client;
    struct kube_cache_opts scope;
    char *ns, *label_selector, *field_selector;
    struct store *store;

    enum follow_state state, after_backoff;
    struct follow_history history;
    struct loop_timer *backoff;
    struct client_call *list_call;
    struct watch *watch;
    char *cont;    /* continue token of the list under way */
    char *list_rv; /* the version the list under way shows */
    bool whole;    /* pages expired once: list in one piece */
    char *rv;      /* everything up to it is in the store; NULL before the first list */
    bool fresh;    /* rv came from a list and nothing was heard since */
    bool synced;
    uint64_t proof_ms; /* when we last knew we were current */

    struct handler {
        kube_change_fn *fn;
        void *arg;
    } handlers[HANDLERS_MAX];
    size_t n_handlers;
    struct sync_handler {
        void (*fn)(void *arg);
        void *arg;
    } on_sync[HANDLERS_MAX];
    size_t n_on_sync;
    struct list notes;
    struct loop_tick *tick; /* hands out what kube_cache_learn queued */
    bool handing_out;
    const char *trouble; /* the warning that was logged last; NULL after the all-clear */
};

static void start_list(struct kube_cache *k);
static void start_watch(struct kube_cache *k);

/* ---- telling --------------------------------------------------------------------------------- */

static void note_change(struct kube_cache *k, const struct kube_store_change *change)
{
    if (!change->old && !change->now)
        return;
    struct note *n = mem_new(struct note);
    n->change = *change;
    list_append(&k->notes, &n->node);
}

static void note_drop(struct kube_cache *k, struct note *n)
{
    list_remove(&n->node);
    kube_store_change_done(k->store, &n->change);
    mem_free(n);
}

static void hand_out(struct kube_cache *k)
{
    if (k->handing_out)
        return;
    k->handing_out = true;
    while (!list_empty(&k->notes)) {
        struct note *n = list_entry(k->notes.next, struct note, node);
        for (size_t i = 0; i < k->n_handlers; i++)
            k->handlers[i].fn(k->handlers[i].arg, kube_store_tree(k->store, n->change.old),
                              kube_store_tree(k->store, n->change.now));
        note_drop(k, n);
    }
    k->handing_out = false;
}

static void on_tick(void *arg)
{
    hand_out(CAST(kube_cache, arg));
}

/* ---- states ---------------------------------------------------------------------------------- */

#define SCOPE_MAX 256
static const char *scope_text(const struct kube_cache *k, char out[SCOPE_MAX])
{
    snprintf(out, SCOPE_MAX, "%s%s%.63s%s%.80s", k->scope.resource->plural, k->ns ? " in " : "",
             k->ns ? k->ns : "", k->label_selector ? " with " : "",
             k->label_selector ? k->label_selector : "");
    return out;
}

/* Trouble is a warning, more of the same is not news, its end is an info, a healthy life silent. */
static enum log_level level_of(struct kube_cache *k, enum follow_state next, bool quiet,
                               const char *because)
{
    const char *before = k->trouble;
    if (!quiet) {
        k->trouble = because;
        return before == because ? LOG_DEBUG : LOG_WARN;
    }
    if (before && next == FOLLOW_SYNCED) {
        k->trouble = NULL;
        return LOG_INFO;
    }
    return LOG_DEBUG;
}

static void set_state(struct kube_cache *k, enum follow_state next, bool quiet, const char *because,
                      const char *detail)
{
    char scope[SCOPE_MAX];
    enum log_level level = level_of(k, next, quiet, because);
    if (k->state != next)
        log_write(level, LOG_ROOM, "%s: %s -> %s because %s%s%s", scope_text(k, scope),
                  kube_follow_state_name(k->state), kube_follow_state_name(next), because,
                  detail[0] ? ": " : "", detail);
    k->state = next;
}

static void enter(struct kube_cache *k, enum follow_state s)
{
    if (s == FOLLOW_LISTING)
        start_list(k);
    else if (!k->watch)
        start_watch(k);
}

static void follow(struct kube_cache *k, enum kube_follow_outcome o, const struct follow_end *end,
                   const char *detail)
{
    const struct follow_step *step = kube_follow_next(k->state, o);
    ATOLL_ASSERT(step);
    uint32_t random;
    ids_random(&random, sizeof(random));
    kube_follow_note(&k->history, o, end ? end->lived_ms : 0);
    uint64_t ms =
        kube_follow_delay_ms(step->delay, &k->history, end ? end->retry_after_ms : 0, random);
    if (step->delay != FOLLOW_NOW) {
        set_state(k, FOLLOW_BACKOFF, step->quiet, step->because, detail);
        k->after_backoff = step->next;
        loop_timer_start(k->backoff, ms);
        return;
    }
    set_state(k, step->next, step->quiet, step->because, detail);
    enter(k, step->next);
}

static void on_backoff(void *arg)
{
    struct kube_cache *k = CAST(kube_cache, arg);
    set_state(k, k->after_backoff, true, "the wait is over", "");
    enter(k, k->after_backoff);
}

static void set_text(char **to, const char *value)
{
    char *copy = value && value[0] ? mem_strdup(value) : NULL;
    mem_free(*to);
    *to = copy;
}

static void proof(struct kube_cache *k)
{
    k->proof_ms = loop_now_ms(k->client->loop);
}

/* ---- listing --------------------------------------------------------------------------------- */

static void on_gone(void *arg, struct kube_store_change *change)
{
    note_change(arg, change);
}

static void take_item(struct kube_cache *k, const cJSON *item)
{
    struct kube_store_change change;
    char scope[SCOPE_MAX];
    int rc = kube_store_put(k->store, STORE_LIST, item, 0, &change);
    if (rc) /* one object nobody could use; the others still count */
        log_error("%s: \"%.100s\" is left out: %s", scope_text(k, scope), kube_name(item),
                  rc == -E2BIG ? "larger than any object may be" : "no usable name");
    else
        note_change(k, &change);
}

static void list_complete(struct kube_cache *k)
{
    bool first = !k->synced;
    kube_store_list_end(k->store, kube_object_rv(k->list_rv), on_gone, k);
    set_text(&k->rv, k->list_rv);
    k->fresh = true;
    k->whole = false;
    k->synced = true;
    proof(k);
    hand_out(k);
    k->handing_out = true;
    for (size_t i = 0; first && i < k->n_on_sync; i++)
        k->on_sync[i].fn(k->on_sync[i].arg);
    k->handing_out = false;
    follow(k, FOLLOW_LISTED, NULL, "");
}

static void list_failed(struct kube_cache *k, const struct kube_answer *a)
{
    struct follow_end end = {.status = a->status,
                             .reason = a->reason,
                             .timed_out = strcmp(a->reason, "Timeout") == 0 && a->status == 0,
                             .garbage = strcmp(a->reason, "BadAnswer") == 0,
                             .retry_after_ms = a->retry_after_ms};
    if (kube_ok(a))
        end.garbage = true;
    enum kube_follow_outcome o = kube_follow_outcome(&end);
    if (o == FOLLOW_EXPIRED)
        k->whole = true;
    follow(k, o, &end, a->message);
}

static void start_page(struct kube_cache *k);

static void on_page(void *arg, const struct kube_answer *a)
{
    struct kube_cache *k = CAST(kube_cache, arg);
    const char *rv = json_str(a->body, "metadata", "resourceVersion");
    k->list_call = NULL;
    if (!kube_ok(a) || !rv || !rv[0]) {
        list_failed(k, a);
        return;
    }
    if (!k->list_rv) /* all pages show the version of the first */
        set_text(&k->list_rv, rv);
    json_foreach (item, json_at(a->body, "items")) {
        take_item(k, item);
    }
    hand_out(k);
    set_text(&k->cont, json_str(a->body, "metadata", "continue"));
    if (k->cont)
        start_page(k);
    else
        list_complete(k);
}

static void start_page(struct kube_cache *k)
{
    struct kube_call call = {.verb = KUBE_LIST,
                             .resource = k->scope.resource,
                             .ns = k->ns,
                             .label_selector = k->label_selector,
                             .field_selector = k->field_selector,
                             .deadline_ms = LIST_MS};
    struct request_page page = {.limit = k->whole ? 0 : PAGE_LIMIT, .cont = k->cont};
    k->list_call = kube_client_start(k->client, &call, &page, false, on_page, k);
}

static void start_list(struct kube_cache *k)
{
    set_text(&k->cont, NULL);
    set_text(&k->list_rv, NULL);
    kube_store_list_begin(k->store);
    start_page(k);
}

/* ---- watching -------------------------------------------------------------------------------- */

static void on_open(void *arg)
{
    struct kube_cache *k = CAST(kube_cache, arg);
    proof(k);
    follow(k, FOLLOW_OPENED, NULL, "");
}

static bool went_back(const struct kube_cache *k, const char *rv)
{
    uint64_t now = kube_object_rv(rv), before = kube_object_rv(k->rv);
    return now && before && now < before;
}

/* 0, -EINVAL (no usable metadata) or -ESTALE (the server lives in another history now). */
static int on_event(void *arg, enum watch_event type, const cJSON *o)
{
    struct kube_cache *k = CAST(kube_cache, arg);
    struct kube_store_change change = {0};
    const char *rv = kube_rv(o);
    bool back = went_back(k, rv);
    int rc = rv[0] ? 0 : -EINVAL;
    if (!rc && type == WATCH_BOOKMARK && back)
        rc = -ESTALE;
    if (!rc && type == WATCH_DELETED)
        rc = kube_store_delete(k->store, o, &change);
    else if (!rc && type != WATCH_BOOKMARK)
        rc = kube_store_put(k->store, STORE_EVENT, o, 0, &change);
    if (rc)
        return rc;
    if (!back)
        set_text(&k->rv, rv);
    k->fresh = false;
    proof(k);
    note_change(k, &change);
    hand_out(k);
    return 0;
}

static void on_end(void *arg, struct follow_end *end, const char *message)
{
    struct kube_cache *k = CAST(kube_cache, arg);
    struct watch *over = TAKE(k->watch);
    end->fresh = k->fresh;
    follow(k, kube_follow_outcome(end), end, message);
    kube_watch_free(over);
}

static void start_watch(struct kube_cache *k)
{
    struct watch_handler h = {on_open, on_event, on_end, k};
    uint32_t random;
    ids_random(&random, sizeof(random));
    unsigned timeout_s = TIMEOUT_MIN_S + random % TIMEOUT_SPAN_S;
    k->watch = kube_watch_new(k->client, &k->scope, k->rv, timeout_s, &h);
}

/* ---- the door -------------------------------------------------------------------------------- */

struct kube_cache *kube_cache_new(struct kube_client *c, const struct kube_cache_opts *o)
{
    struct kube_cache *k = mem_new(struct kube_cache);
    k->magic = kube_cache_MAGIC;
    k->client = c;
    set_text(&k->ns, o->ns);
    set_text(&k->label_selector, o->label_selector);
    set_text(&k->field_selector, o->field_selector);
    k->scope = (struct kube_cache_opts){o->resource, k->ns, k->label_selector, k->field_selector};
    k->store = kube_store_new(c->loop, o->resource);
    k->backoff = loop_timer_new(c->loop, on_backoff, k);
    k->tick = loop_tick_new(c->loop, on_tick, k);
    list_init(&k->notes);
    return k;
}

void kube_cache_on_change(struct kube_cache *k, kube_change_fn *fn, void *arg)
{
    ATOLL_ASSERT(k->state == FOLLOW_STOPPED && k->n_handlers < HANDLERS_MAX);
    k->handlers[k->n_handlers++] = (struct handler){fn, arg};
}

void kube_cache_on_sync(struct kube_cache *k, void (*fn)(void *arg), void *arg)
{
    ATOLL_ASSERT(!k->synced && k->n_on_sync < HANDLERS_MAX);
    k->on_sync[k->n_on_sync++] = (struct sync_handler){fn, arg};
}

int kube_cache_index(struct kube_cache *k,
                     void (*keys_of)(const cJSON *o, kube_emit_fn *emit, void *ctx))
{
    ATOLL_ASSERT(k->state == FOLLOW_STOPPED);
    return kube_store_index_add(k->store, keys_of);
}

void kube_cache_start(struct kube_cache *k)
{
    follow(k, FOLLOW_STARTED, NULL, "");
}

void kube_cache_free(struct kube_cache *k)
{
    if (!k)
        return;
    ATOLL_ASSERT(!k->handing_out); /* not from its own handlers */
    kube_client_cancel(k->list_call);
    kube_watch_free(k->watch);
    loop_timer_free(k->backoff);
    loop_tick_free(k->tick);
    list_foreach_safe (it, &k->notes) {
        note_drop(k, list_entry(it, struct note, node));
    }
    kube_store_free(k->store);
    mem_free(k->ns);
    mem_free(k->label_selector);
    mem_free(k->field_selector);
    mem_free(k->cont);
    mem_free(k->list_rv);
    mem_free(k->rv);
    k->magic = 0;
    mem_free(k);
}

bool kube_cache_synced(const struct kube_cache *k)
{
    return k->synced;
}

uint64_t kube_cache_age_ms(const struct kube_cache *k)
{
    return k->synced ? loop_now_ms(k->client->loop) - k->proof_ms : UINT64_MAX;
}

size_t kube_cache_len(const struct kube_cache *k)
{
    return kube_store_len(k->store);
}

const cJSON *kube_cache_get(const struct kube_cache *k, const char *ns, const char *name)
{
    char key[OBJECT_KEY_MAX];
    return kube_object_key(ns, name, key) ? kube_store_get(k->store, key) : NULL;
}

const cJSON *kube_cache_get_key(const struct kube_cache *k, const char *key)
{
    return kube_store_get(k->store, key);
}

size_t kube_cache_find(const struct kube_cache *k, int index, const char *key, struct arena *a,
                       const cJSON ***ret)
{
    return kube_store_find(k->store, index, key, a, ret);
}

size_t kube_cache_all(const struct kube_cache *k, struct arena *a, const cJSON ***ret)
{
    return kube_store_all(k->store, a, ret);
}

static bool in_scope(const struct kube_cache *k, const cJSON *o)
{
    const char *kind = json_str(o, "kind");
    return (!kind || streq(kind, k->scope.resource->kind)) &&
           (!k->ns || streq(k->ns, kube_ns(o))) &&
           kube_selector_labels_match(k->label_selector, json_at(o, "metadata", "labels")) &&
           kube_selector_fields_match(k->field_selector, o);
}

void kube_cache_learn(struct kube_cache *k, const cJSON *object)
{
    struct kube_store_change change;
    if (k->state == FOLLOW_STOPPED || !cJSON_IsObject(object) || !in_scope(k, object))
        return; /* the watch will tell what it means for us */
    if (kube_store_put(k->store, STORE_LEARN, object, kube_object_rv(k->rv), &change))
        return;
    note_change(k, &change);
    loop_tick_start(k->tick);
}
