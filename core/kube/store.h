/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of one cache and their indexes. No network, no handlers, no state machine: it is told
 * what a list, a watch or our own write said, and answers what changed. Whose word counts is
 * decided by kube_store_judge, a pure function.
 */
#ifndef ATOLL_KUBE_STORE_H
#define ATOLL_KUBE_STORE_H

#include "kube/kube.h"
#include "kube/packed.h"

enum kube_store_source {
    STORE_LIST,  /* an item of the list under way */
    STORE_EVENT, /* ADDED or MODIFIED of the watch */
    STORE_LEARN, /* the answer to our own write */
};

struct kube_store_facts {
    enum kube_store_source source;
    bool have;         /* an object with this key is here */
    bool learned;      /* and it was learned since the list under way began */
    uint64_t have_rv;  /* 0 = not a number */
    uint64_t rv;       /* of the new object */
    uint64_t position; /* what the watch has seen everything up to; 0 = nothing yet */
};
enum kube_store_verdict { STORE_TAKE, STORE_SAME, STORE_OLD };
enum kube_store_verdict kube_store_judge(const struct kube_store_facts *f);

/* What changed. Holds both states until kube_store_change_done; both NULL: nothing. */
struct kube_store_change {
    struct packed *old, *now;
};

struct store;
struct store *kube_store_new(struct loop *l, const struct kube_resource *r);
void kube_store_free(struct store *s);
int kube_store_index_add(struct store *s,
                         void (*keys_of)(const cJSON *o, kube_emit_fn *emit, void *ctx));

/* What the list does not name between these two is gone, except what was learned meanwhile and is
 * younger than the list. fn must not touch the store. */
typedef void kube_store_gone_fn(void *arg, struct kube_store_change *change);
void kube_store_list_begin(struct store *s);
void kube_store_list_end(struct store *s, uint64_t list_rv, kube_store_gone_fn *fn, void *arg);

/* -EINVAL: no name, or a namespace or name no server would allow; -E2BIG: larger than any object
 * may be. */
int kube_store_put(struct store *s, enum kube_store_source source, const cJSON *o,
                   uint64_t position, struct kube_store_change *ret);
/* DELETED of the watch; `o` is the last state. */
int kube_store_delete(struct store *s, const cJSON *o, struct kube_store_change *ret);
void kube_store_change_done(struct store *s, struct kube_store_change *c);

size_t kube_store_len(const struct store *s);
/* The tree of a packed object, good until the next turn. NULL stays NULL. */
const cJSON *kube_store_tree(struct store *s, struct packed *p);
const cJSON *kube_store_get(struct store *s, const char *key);
size_t kube_store_find(struct store *s, int index, const char *key, struct arena *a,
                       const cJSON ***ret);
size_t kube_store_all(struct store *s, struct arena *a, const cJSON ***ret);
/* Bytes held: objects at rest with their entries and indexes; and trees unfolded now. */
void kube_store_memory(const struct store *s, size_t *ret_rest, size_t *ret_trees);

#endif
