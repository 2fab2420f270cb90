/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer wheel: SLOTS lists, one per tick modulo SLOTS, and a bitmap of the lists that are not
 * empty.
 *
 * A node further away than one round stays in its slot and is looked at again when the wheel comes
 * by. The loop timer is always armed for the next slot with a bit set.
 */
#include "engine/wheel.h"

#include <string.h>

#define SLOTS 512u
#define WORDS (SLOTS / 64)

struct wheel {
    struct loop *loop;
    struct loop_timer *timer;
    uint64_t tick;  /* the last one that was served */
    uint64_t armed; /* tick the timer is set for; 0 = not set */
    uint64_t bits[WORDS];
    struct list slots[SLOTS];
};

static uint64_t tick_of(uint64_t ms) /* rounded up: never early */
{
    return (ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
}

/* The first tick after w->tick whose slot holds something; 0 when none does. */
static uint64_t next_tick(const struct wheel *w)
{
    for (unsigned i = 1; i <= SLOTS;) {
        unsigned slot = (unsigned)((w->tick + i) % SLOTS);
        uint64_t word = w->bits[slot / 64] >> (slot % 64);
        if (word)
            i += (unsigned)__builtin_ctzll(word);
        else
            i += 64 - slot % 64;
        if (word)
            return i <= SLOTS ? w->tick + i : 0;
    }
    return 0;
}

static void arm(struct wheel *w)
{
    uint64_t next = next_tick(w);
    if (next == w->armed)
        return;
    w->armed = next;
    if (!next) {
        loop_timer_stop(w->timer);
        return;
    }
    uint64_t at = next * WHEEL_TICK_MS, now = loop_now_ms(w->loop);
    loop_timer_start(w->timer, at > now ? at - now : 0);
}

static void slot_put(struct wheel *w, struct wheel_node *n, uint64_t tick)
{
    unsigned slot = (unsigned)(tick % SLOTS);
    list_append(&w->slots[slot], &n->node);
    w->bits[slot / 64] |= 1ull << (slot % 64);
}

static void slot_serve(struct wheel *w, unsigned slot, uint64_t now)
{
    struct list due;
    list_init(&due);
    while (!list_empty(&w->slots[slot])) {
        struct list *first = w->slots[slot].next;
        list_remove(first);
        list_append(&due, first);
    }
    w->bits[slot / 64] &= ~(1ull << (slot % 64));
    while (!list_empty(&due)) {
        struct wheel_node *n = list_entry(due.next, struct wheel_node, node);
        list_remove(&n->node);
        if (n->due > now) { /* of a later round */
            slot_put(w, n, tick_of(n->due));
            continue;
        }
        n->wheel = NULL;
        n->fn(n); /* may free n, add and remove others */
    }
}

static void on_timer(void *arg)
{
    struct wheel *w = arg;
    uint64_t now = loop_now_ms(w->loop);
    uint64_t last = now / WHEEL_TICK_MS;
    uint64_t first = w->tick + 1;
    if (last >= SLOTS && first < last - SLOTS + 1)
        first = last - SLOTS + 1; /* slept longer than a round: every slot once */
    for (uint64_t t = first; t <= last; t++) {
        w->tick = t;
        unsigned slot = (unsigned)(t % SLOTS);
        if (w->bits[slot / 64] >> (slot % 64) & 1)
            slot_serve(w, slot, now);
    }
    w->armed = 0;
    arm(w);
}

struct wheel *wheel_new(struct loop *l)
{
    struct wheel *w = mem_new(struct wheel);
    w->loop = l;
    w->timer = loop_timer_new(l, on_timer, w);
    w->tick = loop_now_ms(l) / WHEEL_TICK_MS;
    for (unsigned i = 0; i < SLOTS; i++)
        list_init(&w->slots[i]);
    return w;
}

void wheel_free(struct wheel *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < SLOTS; i++)
        while (!list_empty(&w->slots[i]))
            wheel_del(list_entry(w->slots[i].next, struct wheel_node, node));
    loop_timer_free(w->timer);
    mem_free(w);
}

void wheel_node_init(struct wheel_node *n, void (*fn)(struct wheel_node *n))
{
    *n = (struct wheel_node){.fn = fn};
    list_init(&n->node);
}

void wheel_add(struct wheel *w, struct wheel_node *n, uint64_t at_ms)
{
    wheel_del(n);
    uint64_t now_tick = loop_now_ms(w->loop) / WHEEL_TICK_MS;
    if (!w->armed && now_tick > w->tick)
        w->tick = now_tick; /* it was empty: nothing was missed meanwhile */
    n->wheel = w;
    n->due = at_ms;
    uint64_t tick = tick_of(at_ms);
    slot_put(w, n, tick > w->tick ? tick : w->tick + 1);
    arm(w);
}

void wheel_del(struct wheel_node *n)
{
    struct wheel *w = n->wheel;
    if (!w)
        return;
    n->wheel = NULL;
    list_remove(&n->node);
    uint64_t tick = tick_of(n->due);
    unsigned slot = (unsigned)(tick % SLOTS);
    if (list_empty(&w->slots[slot]))
        w->bits[slot / 64] &= ~(1ull << (slot % 64));
}
