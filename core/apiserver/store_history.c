/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of the last events: what a watch replays and what a paged list undoes.
 *
 * Bounded by count and by bytes. An event that falls out raises the floor: a reader that asks for
 * something older is told so, and lists again.
 */
#include "apiserver/store_object.h"

void history_init(struct history *h, size_t events_max, size_t bytes_max, uint64_t floor)
{
    *h = (struct history){
        .cap = events_max ? events_max : 1, .bytes_max = bytes_max, .floor = floor};
    h->ring = mem_calloc(h->cap, sizeof(*h->ring));
}

const struct event *history_at(const struct history *h, size_t i)
{
    return i < h->n ? &h->ring[(h->start + i) % h->cap] : NULL;
}

static size_t event_bytes(const struct event *e)
{
    return e->obj->text.len + (e->prev ? e->prev->text.len : 0);
}

static void history_drop(struct history *h)
{
    struct event *e = &h->ring[h->start];
    h->floor = e->rv;
    h->bytes -= event_bytes(e);
    object_unref(e->obj);
    object_unref(e->prev);
    h->start = (h->start + 1) % h->cap;
    h->n--;
}

void history_done(struct history *h)
{
    while (h->n)
        history_drop(h);
    mem_free(h->ring);
    h->ring = NULL;
}

void history_add(struct history *h, const struct event *e)
{
    if (h->n == h->cap)
        history_drop(h);
    struct event *slot = &h->ring[(h->start + h->n) % h->cap];
    *slot = *e;
    object_ref(e->obj);
    if (e->prev)
        object_ref(e->prev);
    h->n++;
    h->bytes += event_bytes(slot);
    while (h->bytes > h->bytes_max && h->n > 1)
        history_drop(h);
}

size_t history_after(const struct history *h, uint64_t rv)
{
    size_t low = 0, high = h->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (history_at(h, mid)->rv <= rv)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}
