/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive ring of two pointers. The node lives inside the object; no allocation. */
#ifndef ATOLL_BASE_LIST_H
#define ATOLL_BASE_LIST_H

#include "base/mem.h"

struct list {
    struct list *prev, *next;
};
static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
/* Safe on a node that is in no list, as long as list_init was called on it. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
#define list_entry(p, T, m)    container_of(p, T, m)
#define list_foreach(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/* The body may remove `it`. */
#define list_foreach_safe(it, head)                                                                \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

#endif
