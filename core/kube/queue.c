/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work queue: which keys are to be processed, when, and how many at once.
 *
 * A key is in one place: ready (list, in order of arrival), waiting for a time (heap by due time)
 * or running. What arrives while it runs is remembered in the item and acted on at its done. A key
 * that is in none of these is forgotten, with its failures.
 */
#include "base/ids.h"
#include "base/list.h"
#include "base/map.h"
#include "io/metrics.h"
#include "kube/kube.h"

#define RETRY_MIN_MS    5
#define RETRY_MAX_MS    30000
#define STARTS_PER_TURN 64 /* a queue must not keep the loop from everything else */
#define NOT_IN_HEAP     SIZE_MAX

struct item {
    char *key;
    struct list ready;
    size_t heap_at;  /* NOT_IN_HEAP */
    uint64_t due_ms; /* 0 = none; in the heap unless running */
    unsigned failures;
    bool running, again; /* again: added while it ran */
};

#define kube_queue_MAGIC 0x6b717565
struct kube_queue {
    uint32_t magic;
    struct loop *loop;
    char *name;
    unsigned workers, running;
    void (*process)(void *arg, const char *key);
    void *arg;
    struct map items;
    struct list ready;
    size_t n_ready;
    struct item **heap;
    size_t heap_n, heap_cap;
    struct loop_tick *tick;
    struct loop_timer *timer;
    struct metric *depth;
    bool pumping, freed; /* freed by its own process() */
};

/* ---- the heap: earliest due time on top ------------------------------------------------------ */

static void heap_place(struct kube_queue *q, size_t at, struct item *it)
{
    q->heap[at] = it;
    it->heap_at = at;
}

static void heap_up(struct kube_queue *q, struct item *it)
{
    size_t at = it->heap_at;
    for (; at > 0; at = (at - 1) / 2) {
        struct item *parent = q->heap[(at - 1) / 2];
        if (parent->due_ms <= it->due_ms)
            break;
        heap_place(q, at, parent);
    }
    heap_place(q, at, it);
}

static void heap_down(struct kube_queue *q, struct item *it)
{
    size_t at = it->heap_at;
    for (size_t child; (child = 2 * at + 1) < q->heap_n; at = child) {
        if (child + 1 < q->heap_n && q->heap[child + 1]->due_ms < q->heap[child]->due_ms)
            child++;
        if (q->heap[child]->due_ms >= it->due_ms)
            break;
        heap_place(q, at, q->heap[child]);
    }
    heap_place(q, at, it);
}

static void heap_add(struct kube_queue *q, struct item *it)
{
    if (q->heap_n == q->heap_cap) {
        q->heap_cap = q->heap_cap ? q->heap_cap * 2 : 16;
        q->heap = mem_realloc(q->heap, q->heap_cap * sizeof(*q->heap));
    }
    heap_place(q, q->heap_n++, it);
    heap_up(q, it);
}

static void heap_remove(struct kube_queue *q, struct item *it)
{
    size_t at = it->heap_at;
    struct item *last = q->heap[--q->heap_n];
    it->heap_at = NOT_IN_HEAP;
    if (last == it)
        return;
    heap_place(q, at, last);
    heap_up(q, last);
    heap_down(q, last);
}

/* ---- items ----------------------------------------------------------------------------------- */

static struct item *item_get(struct kube_queue *q, const char *key)
{
    struct item *it = map_get(&q->items, key);
    if (!it) {
        it = mem_new(struct item);
        it->key = mem_strdup(key);
        it->heap_at = NOT_IN_HEAP;
        list_init(&it->ready);
        map_set(&q->items, key, it);
    }
    return it;
}

static void item_free(struct kube_queue *q, struct item *it)
{
    map_del(&q->items, it->key);
    mem_free(it->key);
    mem_free(it);
}

static bool is_ready(const struct item *it)
{
    return !list_empty(&it->ready);
}

static void set_timer(struct kube_queue *q)
{
    uint64_t now = loop_now_ms(q->loop);
    if (q->heap_n == 0)
        loop_timer_stop(q->timer);
    else
        loop_timer_start(q->timer, q->heap[0]->due_ms > now ? q->heap[0]->due_ms - now : 0);
}

static void forget_time(struct kube_queue *q, struct item *it)
{
    if (it->heap_at != NOT_IN_HEAP) {
        heap_remove(q, it);
        set_timer(q);
    }
    it->due_ms = 0;
}

static void make_ready(struct kube_queue *q, struct item *it)
{
    forget_time(q, it);
    list_append(&q->ready, &it->ready);
    q->n_ready++;
    loop_tick_start(q->tick);
}

static void wait_until(struct kube_queue *q, struct item *it, uint64_t due_ms)
{
    if (it->due_ms && it->due_ms <= due_ms)
        return;
    it->due_ms = due_ms;
    if (it->running)
        return; /* its done looks at due_ms */
    if (it->heap_at == NOT_IN_HEAP)
        heap_add(q, it);
    else
        heap_up(q, it);
    set_timer(q);
}

/* ---- running --------------------------------------------------------------------------------- */

static void queue_free(struct kube_queue *q)
{
    size_t at = 0;
    void *value;
    while (map_next(&q->items, &at, NULL, &value))
        item_free(q, value);
    map_done(&q->items);
    mem_free(q->heap);
    mem_free(q->name);
    loop_tick_free(q->tick);
    loop_timer_free(q->timer);
    q->magic = 0;
    mem_free(q);
}

static void run_one(struct kube_queue *q)
{
    struct item *it = list_entry(q->ready.next, struct item, ready);
    list_remove(&it->ready);
    q->n_ready--;
    q->running++;
    it->running = true;
    q->process(q->arg, it->key);
}

static void pump(void *arg)
{
    struct kube_queue *q = CAST(kube_queue, arg);
    q->pumping = true;
    for (int i = 0; i < STARTS_PER_TURN; i++) {
        if (q->freed || q->running >= q->workers || list_empty(&q->ready))
            break;
        run_one(q);
    }
    q->pumping = false;
    if (q->freed) {
        queue_free(q);
        return;
    }
    metric_set(q->depth, q->name, (double)q->n_ready);
    if (q->running < q->workers && !list_empty(&q->ready))
        loop_tick_start(q->tick);
}

static void on_timer(void *arg)
{
    struct kube_queue *q = CAST(kube_queue, arg);
    uint64_t now = loop_now_ms(q->loop);
    while (q->heap_n && q->heap[0]->due_ms <= now)
        make_ready(q, q->heap[0]);
    set_timer(q);
}

/* 5 ms doubled for every failure in a row, up to 30 s, a quarter more or less. */
static uint64_t retry_ms(unsigned failures)
{
    uint32_t random;
    ids_random(&random, sizeof(random));
    unsigned shift = failures - 1;
    uint64_t ms = shift < 16 ? (uint64_t)RETRY_MIN_MS << shift : RETRY_MAX_MS;
    if (ms > RETRY_MAX_MS)
        ms = RETRY_MAX_MS;
    return ms - ms / 4 + ms / 2 * random / UINT32_MAX;
}

/* ---- the door -------------------------------------------------------------------------------- */

struct kube_queue *kube_queue_new(struct loop *l, const char *name, unsigned workers,
                                  void (*process)(void *arg, const char *key), void *arg)
{
    ATOLL_ASSERT(workers > 0 && process);
    struct kube_queue *q = mem_new(struct kube_queue);
    q->magic = kube_queue_MAGIC;
    q->loop = l;
    q->name = mem_strdup(name);
    q->workers = workers;
    q->process = process;
    q->arg = arg;
    list_init(&q->ready);
    q->tick = loop_tick_new(l, pump, q);
    q->timer = loop_timer_new(l, on_timer, q);
    q->depth =
        metric_get("atoll_kube_queue_depth", METRIC_GAUGE, "queue", "Keys ready to be processed");
    return q;
}

void kube_queue_free(struct kube_queue *q)
{
    if (!q)
        return;
    q->freed = true;
    if (!q->pumping)
        queue_free(q);
}

void kube_queue_add(struct kube_queue *q, const char *key)
{
    struct item *it = item_get(q, key);
    if (it->running)
        it->again = true;
    else if (!is_ready(it))
        make_ready(q, it);
}

void kube_queue_add_after(struct kube_queue *q, const char *key, uint64_t ms)
{
    if (ms == 0) {
        kube_queue_add(q, key);
        return;
    }
    struct item *it = item_get(q, key);
    if (!is_ready(it))
        wait_until(q, it, loop_now_ms(q->loop) + ms);
}

void kube_queue_done(struct kube_queue *q, const char *key, enum kube_result r)
{
    if (q->freed)
        return;
    struct item *it = map_get(&q->items, key);
    ATOLL_ASSERT(it && it->running); /* exactly one done for each process */
    uint64_t due = it->due_ms;
    bool again = it->again;
    it->running = it->again = false;
    it->due_ms = 0;
    q->running--;
    it->failures = r == KUBE_RETRY ? it->failures + 1 : 0;
    if (r == KUBE_RETRY) {
        uint64_t retry = loop_now_ms(q->loop) + retry_ms(it->failures);
        due = due && due < retry ? due : retry;
    }
    if (again)
        make_ready(q, it);
    else if (due)
        wait_until(q, it, due);
    else
        item_free(q, it);
    if (!list_empty(&q->ready))
        loop_tick_start(q->tick);
}

size_t kube_queue_len(const struct kube_queue *q)
{
    return q->n_ready + q->running;
}
