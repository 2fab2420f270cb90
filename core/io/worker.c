/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking work off the loop: the shared pool (libuv's, four threads) and ordered workers with a
 * thread of their own. A finished job of an ordered worker travels back through loop_post, so
 * done() calls keep the order of the jobs.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "io/loop_own.h"

#define pool_job_MAGIC 0x100b0011
#define worker_MAGIC   0x100b0012

struct pool_job {
    uint32_t magic;
    uv_work_t uv;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct job {
    struct list node;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct worker {
    uint32_t magic;
    struct loop *loop;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t some;
    struct list jobs;
    bool stop;
};

static void pool_work(uv_work_t *uv)
{
    struct pool_job *j = CAST(pool_job, uv->data);
    j->work(j->arg);
}

static void pool_done(uv_work_t *uv, int status)
{
    (void)status; /* never cancelled */
    struct pool_job *j = CAST(pool_job, uv->data);
    struct pool_job copy = *j;
    j->magic = 0;
    mem_free(j);
    if (copy.done)
        copy.done(copy.arg);
}

void worker_run(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct pool_job *j = mem_new(struct pool_job);
    j->magic = pool_job_MAGIC;
    j->work = work;
    j->done = done;
    j->arg = arg;
    j->uv.data = j;
    int rc = uv_queue_work(loop_uv(l), &j->uv, pool_work, pool_done);
    ATOLL_ASSERT(rc == 0); /* fails only without a work function */
}

/* The next job, or NULL when the worker ends and nothing is left. */
static struct job *worker_next(struct worker *w)
{
    struct job *j = NULL;
    pthread_mutex_lock(&w->lock);
    while (list_empty(&w->jobs) && !w->stop)
        pthread_cond_wait(&w->some, &w->lock);
    if (!list_empty(&w->jobs)) {
        j = list_entry(w->jobs.next, struct job, node);
        list_remove(&j->node);
    }
    pthread_mutex_unlock(&w->lock);
    return j;
}

static void *worker_main(void *arg)
{
    struct worker *w = CAST(worker, arg);
    for (struct job *j; (j = worker_next(w)); mem_free(j)) {
        j->work(j->arg);
        if (j->done)
            loop_post(w->loop, j->done, j->arg);
    }
    return NULL;
}

/* Signals are the loop's business: the new thread inherits a mask that blocks them all. */
static int thread_start(struct worker *w)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -rc;
}

int worker_new(struct loop *l, const char *name, struct worker **ret, struct err **err)
{
    struct worker *w = mem_new(struct worker);
    w->magic = worker_MAGIC;
    w->loop = l;
    list_init(&w->jobs);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->some, NULL);
    int rc = thread_start(w);
    if (rc) {
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->some);
        mem_free(w);
        return err_set(err, rc, "starting worker thread %s: %s", name, strerror(-rc));
    }
    char shown[16];
    snprintf(shown, sizeof(shown), "%s", name);
    pthread_setname_np(w->thread, shown);
    *ret = w;
    return 0;
}

void worker_add(struct worker *w, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct job *j = mem_new(struct job);
    j->work = work;
    j->done = done;
    j->arg = arg;
    pthread_mutex_lock(&w->lock);
    ATOLL_ASSERT(!w->stop);
    list_append(&w->jobs, &j->node);
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->lock);
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    w = CAST(worker, w);
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->some);
    w->magic = 0;
    mem_free(w);
}
