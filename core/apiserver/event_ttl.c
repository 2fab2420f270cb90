/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of Event objects. Writing an Event (a count that goes up) starts its time again; a
 * restart of the server does too, for all of them.
 *
 * Written times are kept in a queue in the order of writing, so that a look costs what has expired,
 * not what is there.
 */
#include "apiserver/event_ttl.h"

#include <string.h>

#define LOOKS_PER_TTL 60

struct note {
    struct list link;
    uint64_t written_ms;
    char key[];
};

struct event_ttl {
    struct api *api;
    const struct shelf *shelf;
    struct map notes;  /* key -> struct note */
    struct list queue; /* oldest first */
    uint64_t ttl_ms;
    struct loop_timer *look;
};

static void note_drop(struct event_ttl *t, const char *key)
{
    struct note *n = map_del(&t->notes, key);
    if (!n)
        return;
    list_remove(&n->link);
    mem_free(n);
}

static void note_write(struct event_ttl *t, const char *key)
{
    struct note *n = map_get(&t->notes, key);
    if (n) {
        list_remove(&n->link);
    } else {
        size_t len = strlen(key);
        n = mem_alloc(sizeof(*n) + len + 1);
        memcpy(n->key, key, len + 1);
        list_init(&n->link);
        map_set(&t->notes, key, n);
    }
    n->written_ms = loop_now_ms(t->api->loop);
    list_append(&t->queue, &n->link);
}

static void on_event(void *arg, const struct event *e)
{
    struct event_ttl *t = arg;
    if (e->shelf != t->shelf)
        return;
    if (e->type == EVENT_DELETED)
        note_drop(t, e->obj->key);
    else
        note_write(t, e->obj->key);
}

static void look(void *arg)
{
    struct event_ttl *t = arg;
    uint64_t now = loop_now_ms(t->api->loop);
    struct shelf *sh = store_find(t->api->store, t->shelf->name);
    list_foreach_safe (it, &t->queue) {
        struct note *n = list_entry(it, struct note, link);
        if (now - n->written_ms < t->ttl_ms)
            break;
        if (shelf_latest(sh, n->key))
            store_delete(t->api->store, sh, n->key);
        list_remove(&n->link); /* the deletion's event drops the note; a lost one is tried again */
        n->written_ms = now;
        list_append(&t->queue, &n->link);
    }
    loop_timer_start(t->look, t->ttl_ms / LOOKS_PER_TTL + 1);
}

struct event_ttl *event_ttl_new(struct api *api, uint64_t ttl_ms)
{
    struct event_ttl *t = mem_new(struct event_ttl);
    t->api = api;
    t->ttl_ms = ttl_ms;
    t->shelf = store_find(api->store, "events");
    list_init(&t->queue);
    const struct object *o;
    for (size_t i = 0; shelf_at(t->shelf, i, "", &o); i++) {
        if (o)
            note_write(t, o->key);
    }
    store_listen(api->store, on_event, t);
    t->look = loop_timer_new(api->loop, look, t);
    loop_timer_start(t->look, ttl_ms / LOOKS_PER_TTL + 1);
    return t;
}

void event_ttl_free(struct event_ttl *t)
{
    if (!t)
        return;
    loop_timer_free(t->look);
    list_foreach_safe (it, &t->queue)
        mem_free(list_entry(it, struct note, link));
    map_done(&t->notes);
    mem_free(t);
}
