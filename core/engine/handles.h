/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for things that are handed to a plugin: slot and generation, never a pointer. A number
 * that is used after its thing is gone finds nothing, and slots are reused oldest first, so a
 * mistake stays visible for long. No lock: the owner has one when threads share the table.
 */
#ifndef ATOLL_ENGINE_HANDLES_H
#define ATOLL_ENGINE_HANDLES_H

#include "base/mem.h"

struct handle_slot;
struct handles {
    struct handle_slot *slots;
    uint32_t n, cap, live, max;
    uint32_t free_first, free_last; /* slot + 1; 0 = none */
};

#define HANDLES_INIT(maximum) ((struct handles){.max = (maximum)})
uint64_t handle_add(struct handles *t, void *p);        /* 0 when `max` are alive */
void *handle_get(const struct handles *t, uint64_t id); /* NULL when gone or never there */
void handle_del(struct handles *t, uint64_t id);
/* Iterate: uint32_t it = 0; while ((p = handle_next(&t, &it))). Deleting the current one is
 * allowed. */
void *handle_next(const struct handles *t, uint32_t *it);
void handles_done(struct handles *t); /* frees the table, not the things */

#endif
