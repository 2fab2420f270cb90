/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer wheel: many deadlines on one loop timer. Adding and removing are O(1), a node lives
 * inside its owner, and the loop wakes only for ticks that hold something. Resolution is one tick,
 * never early. Loop thread only.
 */
#ifndef ATOLL_ENGINE_WHEEL_H
#define ATOLL_ENGINE_WHEEL_H

#include "base/list.h"
#include "io/loop.h"

#define WHEEL_TICK_MS 4

struct wheel;
struct wheel_node {
    struct list node;
    struct wheel *wheel; /* NULL while not waiting */
    uint64_t due;
    void (*fn)(struct wheel_node *n);
};

struct wheel *wheel_new(struct loop *l);
void wheel_free(struct wheel *w); /* forgets what waits; NULL is fine */
void wheel_node_init(struct wheel_node *n, void (*fn)(struct wheel_node *n));
/* At or after `at_ms` on loop_now_ms's clock; in a later turn even when that has passed. Moves a
 * waiting node. */
void wheel_add(struct wheel *w, struct wheel_node *n, uint64_t at_ms);
void wheel_del(struct wheel_node *n); /* not waiting: nothing */

#endif
