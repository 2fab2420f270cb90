/* SPDX-License-Identifier: Apache-2.0 */
/* Slot and generation. The free slots form a queue, so the one that was free longest is used next.
 */
#include "engine/handles.h"

struct handle_slot {
    void *p;             /* NULL = free */
    uint32_t generation; /* of the present or the next life */
    uint32_t next_free;
};

static struct handle_slot *slot_of(const struct handles *t, uint64_t id)
{
    uint32_t number = (uint32_t)id;
    if (number == 0 || number > t->n)
        return NULL;
    struct handle_slot *s = &t->slots[number - 1];
    return s->p && s->generation == (uint32_t)(id >> 32) ? s : NULL;
}

static uint32_t slot_take(struct handles *t)
{
    uint32_t number = t->free_first;
    if (number) {
        t->free_first = t->slots[number - 1].next_free;
        if (!t->free_first)
            t->free_last = 0;
        return number;
    }
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 32;
        t->slots = mem_realloc(t->slots, t->cap * sizeof(*t->slots));
    }
    t->slots[t->n] = (struct handle_slot){.generation = 1};
    return ++t->n;
}

uint64_t handle_add(struct handles *t, void *p)
{
    if (t->live == t->max)
        return 0;
    uint32_t number = slot_take(t);
    t->live++;
    t->slots[number - 1].p = p;
    return (uint64_t)t->slots[number - 1].generation << 32 | number;
}

void *handle_get(const struct handles *t, uint64_t id)
{
    struct handle_slot *s = slot_of(t, id);
    return s ? s->p : NULL;
}

void handle_del(struct handles *t, uint64_t id)
{
    struct handle_slot *s = slot_of(t, id);
    if (!s)
        return;
    s->p = NULL;
    s->generation += s->generation == UINT32_MAX ? 2 : 1; /* never 0: no handle is 0 */
    s->next_free = 0;
    if (t->free_last)
        t->slots[t->free_last - 1].next_free = (uint32_t)id;
    else
        t->free_first = (uint32_t)id;
    t->free_last = (uint32_t)id;
    t->live--;
}

void *handle_next(const struct handles *t, uint32_t *it)
{
    while (*it < t->n) {
        void *p = t->slots[(*it)++].p;
        if (p)
            return p;
    }
    return NULL;
}

void handles_done(struct handles *t)
{
    mem_free(t->slots);
    *t = HANDLES_INIT(t->max);
}
