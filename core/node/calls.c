/* SPDX-License-Identifier: Apache-2.0 */
/* What the client is given is not a pointer but a ticket: slot and generation in one table of this
 * process. */
#include "node/calls.h"

struct ticket {
    uint32_t generation;
    struct calls *owner; /* NULL: free, or forgotten */
    kube_done_fn *done;
    void *arg;
    void (*drop)(void *arg);
};

struct calls {
    struct kube_client *client;
};

static struct {
    struct ticket *list;
    size_t n;
} table; /* the loop's thread only; as large as the most calls ever open at once */

static size_t ticket_free_index(void)
{
    for (size_t i = 0; i < table.n; i++)
        if (!table.list[i].owner)
            return i;
    size_t grown = table.n ? 2 * table.n : 64;
    table.list = mem_realloc(table.list, grown * sizeof(*table.list));
    for (size_t i = table.n; i < grown; i++)
        table.list[i] = (struct ticket){0};
    size_t first = table.n;
    table.n = grown;
    return first;
}

static void on_answer(void *arg, const struct kube_answer *a)
{
    uint64_t number = (uintptr_t)arg;
    struct ticket *t = &table.list[(number & 0xffffffff) - 1];
    if (!t->owner || t->generation != (uint32_t)(number >> 32))
        return;
    struct ticket was = *t;
    t->owner = NULL;
    t->generation++;
    was.done(was.arg, a);
}

struct calls *calls_new(struct kube_client *client)
{
    struct calls *c = mem_new(struct calls);
    c->client = client;
    return c;
}

void calls_free(struct calls *c)
{
    for (size_t i = 0; c && i < table.n; i++) {
        struct ticket *t = &table.list[i];
        if (t->owner != c)
            continue;
        t->owner = NULL;
        t->generation++;
        if (t->drop)
            t->drop(t->arg);
    }
    mem_free(c);
}

void calls_start(struct calls *c, const struct kube_call *call, kube_done_fn *done, void *arg,
                 void (*drop)(void *arg))
{
    _Static_assert(sizeof(uintptr_t) == 8, "a ticket is 64 bits");
    size_t i = ticket_free_index();
    struct ticket *t = &table.list[i];
    *t = (struct ticket){t->generation, c, done, arg, drop};
    uint64_t number = (uint64_t)t->generation << 32 | (uint64_t)(i + 1);
    kube_start(c->client, call, on_answer,
               (void *)(uintptr_t)number); /* NOLINT: a number, never followed */
}
