/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mailbox. One wake-up through loop_post is on its way at most; it finds the mailbox by
 * pointer, so the memory stays until that wake-up ran, even when the owner closed the mailbox in
 * between.
 */
#include "engine/mailbox.h"

#include <pthread.h>
#include <time.h>

#include "engine/report.h"

struct mailbox {
    struct loop *loop;
    void (*deliver)(void *arg, struct letter *letter);
    void *arg;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t some;
    struct list letters;
    unsigned n_bounded;
    bool ringing; /* a wake-up is on its way */
    bool closed, keep;
};

struct mailbox *mailbox_new(struct loop *l, void (*deliver)(void *arg, struct letter *letter),
                            void *arg)
{
    struct mailbox *m = mem_new(struct mailbox);
    pthread_condattr_t attr;
    m->loop = l;
    m->deliver = deliver;
    m->arg = arg;
    list_init(&m->letters);
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->some, &attr);
    pthread_condattr_destroy(&attr);
    return m;
}

static void mailbox_free(struct mailbox *m)
{
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->some);
    mem_free(m);
}

static void on_ring(void *arg)
{
    struct mailbox *m = arg;
    pthread_mutex_lock(&m->lock);
    m->ringing = false;
    bool dead = m->closed && !m->keep, closed = m->closed;
    pthread_mutex_unlock(&m->lock);
    if (dead)
        mailbox_free(m);
    else if (!closed)
        mailbox_drain(m, 0);
}

bool mailbox_put(struct mailbox *m, const struct letter *letter, bool bounded)
{
    struct letter *copy = mem_new(struct letter);
    *copy = *letter;
    copy->bounded = bounded;
    pthread_mutex_lock(&m->lock);
    bool taken = !m->closed && !(bounded && m->n_bounded >= MAILBOX_MAX);
    if (taken) {
        list_append(&m->letters, &copy->node);
        m->n_bounded += bounded;
        if (!m->ringing)
            loop_post(m->loop, on_ring, m);
        m->ringing = true;
        pthread_cond_signal(&m->some);
    }
    pthread_mutex_unlock(&m->lock);
    if (!taken) {
        mem_free(copy->text);
        mem_free(copy);
    }
    return taken;
}

static void wait_some(struct mailbox *m, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (list_empty(&m->letters))
        if (pthread_cond_timedwait(&m->some, &m->lock, &until) != 0)
            break;
}

static struct letter *letter_take(struct mailbox *m)
{
    if (list_empty(&m->letters))
        return NULL;
    struct letter *letter = list_entry(m->letters.next, struct letter, node);
    list_remove(&letter->node);
    m->n_bounded -= letter->bounded;
    return letter;
}

bool mailbox_drain(struct mailbox *m, uint64_t wait_ms)
{
    struct list batch;
    list_init(&batch);
    pthread_mutex_lock(&m->lock);
    if (wait_ms)
        wait_some(m, wait_ms);
    for (struct letter *letter; (letter = letter_take(m));)
        list_append(&batch, &letter->node);
    pthread_mutex_unlock(&m->lock);
    bool some = !list_empty(&batch);
    while (!list_empty(&batch)) {
        struct letter *letter = list_entry(batch.next, struct letter, node);
        list_remove(&letter->node);
        m->deliver(m->arg, letter);
        mem_free(letter->text);
        mem_free(letter);
    }
    return some;
}

void mailbox_close(struct mailbox *m, bool keep)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->closed = true;
    m->keep = keep;
    bool now = !m->ringing && !keep;
    for (struct letter *letter; (letter = letter_take(m));) {
        if (letter->kind == LETTER_REPORT)
            report_unref(letter->ptr);
        mem_free(letter->text);
        mem_free(letter);
    }
    pthread_mutex_unlock(&m->lock);
    if (now)
        mailbox_free(m);
}
