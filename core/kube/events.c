/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events for people: what a controller did to an object and why, as core/v1 Event objects, which is
 * what `kubectl describe` shows. They are a courtesy: bounded, never waited for, lost without
 * regret.
 *
 * One line per (object, type, reason, message). Its first occurrence is written at once, repeats
 * only raise its count, at most every five seconds. One object may start 25 lines in a row and one
 * in five minutes after that, so a message that changes every time cannot flood the API server.
 */
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/map.h"
#include "kube/client.h"

#define LOG_ROOM        "kube"
#define LINES_MAX       512
#define OBJECTS_MAX     1024
#define WRITE_GAP_MS    5000
#define MESSAGE_MAX     1024
#define OBJECT_NAME_MAX 230 /* with ".16 hex digits" below the 253 of a name */
#define TRIES_MAX       3
#define BURST           25
#define PER_SECOND      (1.0 / 300)

struct line {
    struct kube_events *events;
    struct list node; /* least recently used first */
    char *key;
    cJSON *body; /* the Event as it should be */
    int64_t count;
    bool written; /* it exists: repeats are patches */
    bool dirty;
    unsigned tries;
    uint64_t due_ms; /* not written before */
    struct client_call *call;
};

#define kube_events_MAGIC 0x6b657674
struct kube_events {
    uint32_t magic;
    struct kube_client *client;
    char *component, *host;
    struct map lines;   /* key -> struct line */
    struct map objects; /* uid -> struct pace */
    struct list order;
    struct loop_timer *timer;
};

static void line_free(struct line *n)
{
    kube_client_cancel(n->call);
    map_del(&n->events->lines, n->key);
    list_remove(&n->node);
    cJSON_Delete(n->body);
    mem_free(n->key);
    mem_free(n);
}

static void objects_clear(struct kube_events *e)
{
    size_t it = 0;
    void *pace;
    while (map_next(&e->objects, &it, NULL, &pace))
        mem_free(pace);
    map_done(&e->objects);
}

static bool may_start_line(struct kube_events *e, const char *uid)
{
    uint64_t now = loop_now_ms(e->client->loop);
    struct pace *p = map_get(&e->objects, uid);
    if (!p) {
        if (map_len(&e->objects) >= OBJECTS_MAX)
            objects_clear(e); /* forgetting is the cheap way to stay bounded */
        p = mem_new(struct pace);
        kube_pace_init(p, PER_SECOND, BURST, now);
        map_set(&e->objects, uid, p);
    }
    return kube_pace_take(p, now) == 0;
}

/* "<object>.<hex>", as client-go names them; another name for each try to create it. */
static void set_name(struct line *n, const char *object_name)
{
    uint64_t id;
    ids_random(&id, sizeof(id));
    AUTO(mem_freep)
    char *name = mem_printf("%.*s.%016llx", OBJECT_NAME_MAX, object_name, (unsigned long long)id);
    json_put_str(n->body, name, "metadata", "name");
}

static void put_reference(cJSON *body, const cJSON *object)
{
    static const char *const top[] = {"apiVersion", "kind"};
    static const char *const meta[] = {"name", "namespace", "uid", "resourceVersion"};
    for (size_t i = 0; i < ARRAY_LEN(top); i++)
        if (json_str(object, top[i]))
            json_put_str(body, json_str(object, top[i]), "involvedObject", top[i]);
    for (size_t i = 0; i < ARRAY_LEN(meta); i++)
        if (json_str(object, "metadata", meta[i]))
            json_put_str(body, json_str(object, "metadata", meta[i]), "involvedObject", meta[i]);
}

static cJSON *event_body(const struct kube_events *e, const cJSON *object, bool warning,
                         const char *reason, const char *message)
{
    const char *ns = kube_ns(object)[0] ? kube_ns(object) : "default";
    char now[CLOCK_TEXT_MAX];
    cJSON *body = cJSON_CreateObject();
    clock_time_text(clock_wall_us(), now);
    json_put_str(body, "v1", "apiVersion");
    json_put_str(body, "Event", "kind");
    json_put_str(body, ns, "metadata", "namespace");
    put_reference(body, object);
    json_put_str(body, warning ? "Warning" : "Normal", "type");
    json_put_str(body, reason, "reason");
    json_put_str(body, message, "message");
    json_put_str(body, e->component, "source", "component");
    json_put_str(body, e->host, "source", "host");
    json_put_str(body, e->component, "reportingComponent");
    json_put_str(body, e->host, "reportingInstance");
    json_put_str(body, now, "firstTimestamp");
    return body;
}

static void schedule(struct kube_events *e)
{
    uint64_t now = loop_now_ms(e->client->loop), first = UINT64_MAX;
    list_foreach (it, &e->order) {
        struct line *n = list_entry(it, struct line, node);
        if (n->dirty && !n->call && n->due_ms < first)
            first = n->due_ms;
    }
    if (first == UINT64_MAX)
        loop_timer_stop(e->timer);
    else
        loop_timer_start(e->timer, first > now ? first - now : 0);
}

/* Our Event is gone (they live an hour): the next occurrence starts a new one. */
static void renew(struct line *n)
{
    n->written = false;
    set_name(n, json_str(n->body, "involvedObject", "name"));
}

static void on_answer(void *arg, const struct kube_answer *a)
{
    struct line *n = arg;
    struct kube_events *e = CAST(kube_events, n->events);
    n->call = NULL;
    if (kube_ok(a)) {
        n->written = true;
        n->tries = 0;
    } else if (++n->tries >= TRIES_MAX) {
        log_debug("event %s: given up: %s", n->key, a->message);
        line_free(n);
    } else {
        if (a->status == 404 || a->status == 409)
            renew(n);
        n->dirty = true;
    }
    schedule(e);
}

static void write_line(struct line *n)
{
    AUTO(json_freep) cJSON *patch = NULL;
    char now[CLOCK_TEXT_MAX];
    clock_time_text(clock_wall_us(), now);
    json_put_str(n->body, now, "lastTimestamp");
    json_put_int(n->body, n->count, "count");
    if (n->written) {
        patch = cJSON_CreateObject();
        json_put_int(patch, n->count, "count");
        json_put_str(patch, now, "lastTimestamp");
    }
    struct kube_call call = {.verb = n->written ? KUBE_PATCH_MERGE : KUBE_CREATE,
                             .resource = &KUBE_EVENTS,
                             .ns = json_str(n->body, "metadata", "namespace"),
                             .name = json_str(n->body, "metadata", "name"),
                             .body = n->written ? patch : n->body};
    n->dirty = false;
    n->due_ms = loop_now_ms(n->events->client->loop) + WRITE_GAP_MS;
    n->call = kube_client_start(n->events->client, &call, NULL, false, on_answer, n);
}

static void on_timer(void *arg)
{
    struct kube_events *e = CAST(kube_events, arg);
    uint64_t now = loop_now_ms(e->client->loop);
    list_foreach (it, &e->order) {
        struct line *n = list_entry(it, struct line, node);
        if (n->dirty && !n->call && n->due_ms <= now)
            write_line(n);
    }
    schedule(e);
}

struct kube_events *kube_events_new(struct kube_client *c, const char *component)
{
    struct kube_events *e = mem_new(struct kube_events);
    char host[256] = "";
    gethostname(host, sizeof(host) - 1);
    e->magic = kube_events_MAGIC;
    e->client = c;
    e->component = mem_strdup(component);
    e->host = mem_strdup(host);
    list_init(&e->order);
    e->timer = loop_timer_new(c->loop, on_timer, e);
    return e;
}

void kube_events_free(struct kube_events *e)
{
    if (!e)
        return;
    list_foreach_safe (it, &e->order) {
        line_free(list_entry(it, struct line, node));
    }
    map_done(&e->lines);
    objects_clear(e);
    loop_timer_free(e->timer);
    mem_free(e->component);
    mem_free(e->host);
    e->magic = 0;
    mem_free(e);
}

/* The line of this key, new when there was none; NULL when the object has said enough. */
static struct line *line_get(struct kube_events *e, const cJSON *object, bool warning,
                             const char *reason, const char *message)
{
    AUTO(mem_freep)
    char *key = mem_printf("%s %s/%s %c %s: %s", kube_uid(object), kube_ns(object),
                           kube_name(object), warning ? 'W' : 'N', reason, message);
    struct line *n = map_get(&e->lines, key);
    if (n)
        return n;
    if (!may_start_line(e, kube_uid(object))) {
        log_debug("event %s: left out, the object had too many", key);
        return NULL;
    }
    if (map_len(&e->lines) >= LINES_MAX)
        line_free(list_entry(e->order.next, struct line, node));
    n = mem_new(struct line);
    n->events = e;
    n->key = TAKE(key);
    n->body = event_body(e, object, warning, reason, message);
    list_init(&n->node);
    set_name(n, kube_name(object));
    map_set(&e->lines, n->key, n);
    return n;
}

/* A text cut in the middle of a character is not UTF-8, and then not JSON. */
static void cut_whole(char *s)
{
    size_t n = strlen(s);
    while (n && ((unsigned char)s[n - 1] & 0xc0) == 0x80)
        n--;
    if (n && (unsigned char)s[n - 1] >= 0xc0)
        s[n - 1] = '\0';
}

void kube_event(struct kube_events *e, const cJSON *object, bool warning, const char *reason,
                const char *fmt, ...)
{
    char message[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (len >= (int)sizeof(message))
        cut_whole(message);
    if (!kube_name(object)[0])
        return; /* nothing a reader could look up */
    struct line *n = line_get(e, object, warning, reason, message);
    if (!n)
        return;
    n->count++;
    n->dirty = true;
    list_remove(&n->node);
    list_append(&e->order, &n->node);
    schedule(e);
}
