/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch is a call that stays: first what is there or what happened since, then each event as it
 * is committed, bookmarks in between, and a clean end at its time.
 */
#include "apiserver/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/rest_read.h"
#include "base/ids.h"
#include "base/log.h"
#include "io/metrics.h"

#define LOG_ROOM       "apiserver"
#define TICK_MS        1000
#define BOOKMARK_MS    60000
#define LAST_CALL_MS   2000 /* a bookmark this long before the end */
#define QUEUE_MAX      (8U << 20)
#define LINE_MAX_BYTES (128U << 20)
#define watcher_MAGIC  0x57415443U

struct watch_hub {
    struct api *api;
    struct loop_timer *tick;
    size_t n;
    struct metric *gauge, *events;
};

struct watcher {
    uint32_t magic;
    struct watch_hub *hub;
    struct list link; /* of the shelf */
    struct call *call;
    const char *prefix;
    struct view view;
    uint64_t after; /* events up to here are sent */
    uint64_t end_ms, bookmark_ms;
    bool bookmarks, columns_sent;
};

static const struct str TYPE_PREFIX[] = {
    [EVENT_ADDED] = {"{\"type\":\"ADDED\",\"object\":", 25},
    [EVENT_MODIFIED] = {"{\"type\":\"MODIFIED\",\"object\":", 28},
    [EVENT_DELETED] = {"{\"type\":\"DELETED\",\"object\":", 27},
};

int watch_transition(bool matched_before, bool matches_now)
{
    if (matches_now)
        return matched_before ? EVENT_MODIFIED : EVENT_ADDED;
    return matched_before ? EVENT_DELETED : -1;
}

/* ---- the stream ---- */

static void watcher_free(struct watcher *w)
{
    struct watch_hub *h = w->hub;
    list_remove(&w->link);
    call_free(w->call);
    h->n--;
    metric_set(h->gauge, NULL, (double)h->n);
    w->magic = 0;
    mem_free(w);
}

static void watcher_end(struct watcher *w)
{
    struct call *c = w->call;
    if (!c->gone)
        c->transport->stream_end(c->t);
    watcher_free(w);
}

static void free_text(void *text)
{
    mem_free(text);
}

/* Takes the text. */
static int write_buf(struct watcher *w, struct buf *b, size_t queue_max)
{
    size_t len = b->len;
    char *text = buf_take(b);
    struct call *c = w->call;
    return c->transport->stream_write(c->t, (struct str){text, len}, queue_max, free_text, text);
}

static int write_object(struct watcher *w, enum event_type type, const struct object *o,
                        size_t queue_max)
{
    struct call *c = w->call;
    if (view_is_stored(&w->view, o)) {
        int rc = c->transport->stream_write(c->t, TYPE_PREFIX[type], queue_max, NULL, NULL);
        struct str line = {o->text.ptr, o->text.len + 2};
        int rc2 = c->transport->stream_write(c->t, line, queue_max, object_release,
                                             (void *)(uintptr_t)object_ref(o));
        return rc < 0 ? rc : rc2;
    }
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    buf_add(&b, TYPE_PREFIX[type].ptr, TYPE_PREFIX[type].len);
    view_add_object(&b, &w->view, o, !w->columns_sent);
    buf_adds(&b, "}\n");
    w->columns_sent = true;
    return write_buf(w, &b, queue_max);
}

/* The event as this watcher may see it. Negative: the watcher is too slow. */
static int watcher_event(struct watcher *w, const struct event *e, const cJSON *head,
                         const cJSON *prev_head, size_t queue_max)
{
    struct call *c = w->call;
    if (e->rv <= w->after)
        return 0;
    w->after = e->rv;
    if (*w->prefix && !str_starts(e->obj->key, w->prefix))
        return 0;
    if (label_selector_empty(c->labels) && !c->fields)
        return write_object(w, e->type, e->obj, queue_max);
    bool now = e->type != EVENT_DELETED && head_selected(c->labels, c->fields, head);
    bool before = e->prev && head_selected(c->labels, c->fields, prev_head);
    int type = watch_transition(before, now);
    if (type < 0)
        return 0;
    if (type != EVENT_DELETED || e->type == EVENT_DELETED)
        return write_object(w, (enum event_type)type, e->obj, queue_max);
    /* It no longer matches: the last state that did, with the revision of the change. */
    const struct object *last = object_renumbered(e->prev, e->rv);
    int rc = write_object(w, EVENT_DELETED, last, queue_max);
    object_unref(last);
    return rc;
}

static bool selects(const struct watcher *w)
{
    return !label_selector_empty(w->call->labels) || w->call->fields;
}

/* All watchers of the shelf; heads are parsed once, and only when somebody selects. */
static void hub_event(void *arg, const struct event *e)
{
    struct watch_hub *h = arg;
    cJSON *head = NULL, *prev_head = NULL;
    list_foreach_safe (it, &e->shelf->watchers) {
        struct watcher *w = CAST(watcher, list_entry(it, struct watcher, link));
        if (w->call->gone) {
            watcher_free(w);
            continue;
        }
        if (selects(w) && !head) {
            head = object_head(e->obj);
            prev_head = e->prev ? object_head(e->prev) : NULL;
        }
        metric_add(h->events, NULL, 1);
        if (watcher_event(w, e, head, prev_head, QUEUE_MAX) < 0) {
            log_warn("watch of %s by %s is closed: it does not read", w->call->res->qualified,
                     w->call->user.name);
            watcher_end(w);
        }
    }
    cJSON_Delete(head);
    cJSON_Delete(prev_head);
}

/* ---- bookmarks and time ---- */

static void write_bookmark(struct watcher *w, bool initial_end)
{
    const struct resource *res = w->view.res;
    struct buf b = BUF_INIT(4096);
    const char *kind = res->kind, *version = res->api_version, *tail = "";
    if (w->view.form != FORM_OBJECT) {
        kind = w->view.form == FORM_TABLE ? "Table" : "PartialObjectMetadata";
        version = "meta.k8s.io/v1";
        tail = w->view.form == FORM_TABLE ? ",\"columnDefinitions\":null,\"rows\":[]" : "";
    }
    buf_addf(
        &b,
        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":"
        "{\"resourceVersion\":\"%llu\"%s}%s}}\n",
        kind, version, (unsigned long long)store_revision(w->call->api->store),
        initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "", tail);
    write_buf(w, &b, SIZE_MAX);
}

static void watcher_tick(struct watcher *w, uint64_t now)
{
    if (w->call->gone) {
        watcher_free(w);
        return;
    }
    if (now >= w->end_ms) {
        watcher_end(w);
        return;
    }
    if (w->bookmarks && now >= w->bookmark_ms) {
        write_bookmark(w, false);
        uint64_t last = w->end_ms - LAST_CALL_MS;
        w->bookmark_ms = w->bookmark_ms >= last ? UINT64_MAX : now + BOOKMARK_MS;
        if (w->bookmark_ms != UINT64_MAX && w->bookmark_ms > last)
            w->bookmark_ms = last;
    }
}

static void hub_each(struct watch_hub *h, void (*fn)(struct watcher *w, void *arg), void *arg)
{
    for (size_t i = 0; i < h->api->resources.n; i++) {
        struct shelf *sh = h->api->resources.items[i]->shelf;
        if (!sh)
            continue;
        list_foreach_safe (it, &sh->watchers)
            fn(CAST(watcher, list_entry(it, struct watcher, link)), arg);
    }
}

static void tick_one(struct watcher *w, void *arg)
{
    watcher_tick(w, *(const uint64_t *)arg);
}

static void hub_tick(void *arg)
{
    struct watch_hub *h = arg;
    uint64_t now = loop_now_ms(h->api->loop);
    hub_each(h, tick_one, &now);
    if (h->n)
        loop_timer_start(h->tick, TICK_MS);
}

/* ---- the beginning ---- */

/* What is there, as ADDED. Objects are shared with the store: many bytes may wait, few are copied.
 */
static void send_present(struct watcher *w)
{
    struct call *c = w->call;
    const struct shelf *sh = c->res->shelf;
    const struct object *o;
    for (size_t i = shelf_first(sh, w->prefix); shelf_at(sh, i, w->prefix, &o); i++) {
        if (o && selected(c->labels, c->fields, o))
            write_object(w, EVENT_ADDED, o, SIZE_MAX);
    }
    w->after = store_revision(c->api->store);
}

static void replay_one(struct watcher *w, const struct event *e)
{
    AUTO(json_freep) cJSON *head = NULL, *prev_head = NULL;
    if (selects(w)) {
        head = object_head(e->obj);
        prev_head = e->prev ? object_head(e->prev) : NULL;
    }
    watcher_event(w, e, head, prev_head, SIZE_MAX);
}

static void replay(struct watcher *w, size_t from)
{
    const struct store *s = w->call->api->store;
    const struct event *e;
    for (size_t i = from; (e = store_history_at(s, i)); i++) {
        if (e->shelf == w->call->res->shelf)
            replay_one(w, e);
    }
    if (w->after < store_revision(s))
        w->after = store_revision(s);
}

/* 200, one ERROR event, the end: so it is done for a watch that asks for too old a revision. */
static void send_expired(struct watcher *w, uint64_t rv)
{
    struct call *c = w->call;
    call_fail(c, 410, "Expired", "too old resource version: %llu (%llu)", (unsigned long long)rv,
              (unsigned long long)store_floor(c->api->store));
    AUTO(json_freep) cJSON *status = failure_status(&c->failure);
    struct buf b = BUF_INIT(LINE_MAX_BYTES);
    buf_adds(&b, "{\"type\":\"ERROR\",\"object\":");
    json_add_to(&b, status);
    buf_adds(&b, "}\n");
    write_buf(w, &b, SIZE_MAX);
}

static uint64_t watch_seconds(const struct list_params *p)
{
    if (p->timeout_seconds > 0)
        return (uint64_t)p->timeout_seconds;
    uint32_t random;
    ids_random(&random, sizeof(random));
    return 1800 + random % 1800; /* not all clients at once */
}

static struct watcher *watcher_new(struct call *c, const struct list_params *p)
{
    struct watch_hub *h = c->api->watches;
    struct watcher *w = mem_new(struct watcher);
    uint64_t now = loop_now_ms(c->api->loop), ms = watch_seconds(p) * 1000;
    *w = (struct watcher){.magic = watcher_MAGIC,
                          .hub = h,
                          .call = c,
                          .prefix = rest_prefix(c),
                          .view = {c->res, c->form, c->include, c->now_us},
                          .end_ms = now + ms,
                          .bookmarks = p->bookmarks};
    uint64_t first = ms > LAST_CALL_MS ? ms - LAST_CALL_MS : 0;
    w->bookmark_ms = now + (first < BOOKMARK_MS ? first : BOOKMARK_MS);
    list_append(&c->res->shelf->watchers, &w->link);
    h->n++;
    metric_set(h->gauge, NULL, (double)h->n);
    if (!loop_timer_active(h->tick))
        loop_timer_start(h->tick, TICK_MS);
    return w;
}

void rest_watch(struct call *c)
{
    struct list_params p;
    if (rest_list_params(c, &p) < 0) {
        call_answer_failure(c);
        return;
    }
    struct http_header headers[CALL_HEADERS_MAX + 2] = {{"Content-Type", "application/json"},
                                                        {"Cache-Control", "no-cache, private"}};
    memcpy(headers + 2, c->headers, c->n_headers * sizeof(*headers));
    metric_add(c->api->requests, verb_name(VERB_WATCH), 1);
    struct watcher *w = watcher_new(c, &p);
    c->transport->stream_start(c->t, 200, headers, c->n_headers + 2);
    bool present = !p.rv_given || p.rv == 0 || p.send_initial;
    size_t from = 0;
    if (streq(call_param(c, "sendInitialEvents"), "false") && (!p.rv_given || p.rv == 0)) {
        w->after = store_revision(c->api->store);
    } else if (present) {
        send_present(w);
    } else if (p.rv > store_revision(c->api->store)) {
        w->after = p.rv; /* silent until then */
    } else if (store_history_after(c->api->store, p.rv, &from) < 0) {
        send_expired(w, p.rv);
        watcher_end(w);
        return;
    } else {
        w->after = p.rv;
        replay(w, from);
    }
    if (p.send_initial && p.bookmarks)
        write_bookmark(w, true);
}

/* ---- the hub ---- */

struct watch_hub *watch_hub_new(struct api *api)
{
    struct watch_hub *h = mem_new(struct watch_hub);
    h->api = api;
    h->tick = loop_timer_new(api->loop, hub_tick, h);
    h->gauge = metric_get("atoll_apiserver_watches", METRIC_GAUGE, NULL, "Open watches.");
    h->events = metric_get("atoll_apiserver_watch_events_total", METRIC_COUNTER, NULL,
                           "Events looked at for a watcher.");
    store_listen(api->store, hub_event, h);
    return h;
}

static void end_one(struct watcher *w, void *arg)
{
    (void)arg;
    watcher_end(w);
}

static void end_if(struct watcher *w, const struct resource *res)
{
    if (w->view.res == res)
        watcher_end(w);
}

void watch_close(const struct resource *res)
{
    if (!res->shelf)
        return;
    list_foreach_safe (it, &res->shelf->watchers)
        end_if(CAST(watcher, list_entry(it, struct watcher, link)), res);
}

void watch_hub_free(struct watch_hub *h)
{
    if (!h)
        return;
    hub_each(h, end_one, NULL);
    loop_timer_free(h->tick);
    mem_free(h);
}
