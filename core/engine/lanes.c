/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes and their threads. A lane with work and no running job waits in `ready`; every idle thread
 * takes the first ready lane. Threads are started when they are needed, up to the maximum, and one
 * more is kept for cancels. A thread that never comes back is lost; the operation it holds gets
 * abandoned, see ops.c.
 */
#include "engine/lanes.h"

#include <string.h>

#include "base/clock.h"
#define LOG_ROOM "engine"
#include "base/log.h"
#include "engine/runner_own.h"

#define KEY_SERIAL                                                                                 \
    "\x01"                                                                                         \
    "serial" /* no instance id starts like these */
#define KEY_CANCEL                                                                                 \
    "\x01"                                                                                         \
    "cancel"

struct lane {
    struct list node; /* in lanes.ready */
    char *key;
    struct list jobs;
    struct job *running;
};

struct thread {
    struct worker *worker;
    unsigned slot; /* in the note */
    struct job *job;
};

struct lanes {
    struct runner *runner;
    struct map by_key;
    struct list ready;
    struct thread **threads;
    unsigned n, max, running;
    uint64_t parallel; /* makes each PARALLEL call a lane of its own */
};

struct lanes *lanes_new(struct runner *r, unsigned threads_max)
{
    struct lanes *l = mem_new(struct lanes);
    l->runner = r;
    l->max = threads_max ? threads_max : 1;
    l->threads = mem_calloc(l->max + 1, sizeof(struct thread *));
    list_init(&l->ready);
    return l;
}

void lanes_free(struct lanes *l)
{
    if (!l)
        return;
    ATOLL_ASSERT(l->running == 0 && map_len(&l->by_key) == 0);
    for (unsigned i = 0; i < l->n; i++) {
        worker_free(l->threads[i]->worker);
        mem_free(l->threads[i]);
    }
    map_done(&l->by_key);
    mem_free(l->threads);
    mem_free(l);
}

void job_free(struct job *j)
{
    scene_unref(j->scene);
    mem_free(j->what);
    mem_free(j->lane_key);
    mem_free(j->forget);
    mem_free(j);
}

/* ---- the call itself
 * ------------------------------------------------------------------------------------ */

static int32_t job_call(struct job *j)
{
    void *self = j->runner->self;
    const struct atoll_role_probe *probe = &j->runner->plugin->role_probe;
    struct atoll_op op = {j->op};
    switch (j->kind) {
    case JOB_PROBE:
        return probe->probe(self, j->scene->view, j->instance, op);
    case JOB_WATCH:
        return probe->watch(self, j->scene->view, op);
    case JOB_HOOK:
        return j->run(self, j->call, op);
    case JOB_CANCEL:
        j->cancel(self, op);
        return ATOLL_OK;
    case JOB_FORGET:
        probe->forget(self, (struct atoll_str){j->forget, strlen(j->forget)});
        return ATOLL_OK;
    }
    return ATOLL_ERR_INVALID;
}

static void job_finish(struct job *j)
{
    struct op *op = j->op ? handle_get(&j->runner->ops.table, j->op) : NULL;
    if (op && op->job == j)
        op->job = NULL;
    if (j->rc < 0)
        op_refused(j->runner, j->op, j->rc, j->what);
    job_free(j);
}

static void job_on_loop(struct job *j)
{
    struct guard g = guard_begin(j->runner, j->what);
    j->started = true;
    j->rc = job_call(j);
    guard_end(&g);
    job_finish(j);
}

static void job_on_thread(void *arg)
{
    struct job *j = arg;
    struct letter done = {.kind = LETTER_JOB_DONE, .ptr = j};
    note_begin(j->runner->note, j->thread->slot, clock_mono_ms(), j->what);
    j->rc = job_call(j);
    note_end(j->runner->note, j->thread->slot);
    mailbox_put(j->runner->mail, &done, false);
}

/* ---- scheduling
 * ------------------------------------------------------------------------------------------- */

static struct thread *thread_new(struct lanes *l)
{
    struct err *err = NULL;
    AUTO(mem_freep) char *name = mem_printf("engine-%u", l->n + 1);
    struct thread *t = mem_new(struct thread);
    t->slot = l->n + 1;
    if (worker_new(l->runner->loop, name, &t->worker, &err) < 0) {
        log_error("%s: %s", runner_file(l->runner), err_text(err));
        err_free(err);
        mem_free(t);
        return NULL;
    }
    l->threads[l->n++] = t;
    return t;
}

/* An idle thread for this lane. The last possible one is for cancels alone. */
static struct thread *thread_idle(struct lanes *l, const struct lane *lane)
{
    unsigned busy = 0;
    struct thread *idle = NULL;
    for (unsigned i = 0; i < l->n; i++) {
        bool cancels = l->threads[i]->job && l->threads[i]->job->kind == JOB_CANCEL;
        busy += l->threads[i]->job && !cancels;
        idle = l->threads[i]->job ? idle : l->threads[i];
    }
    if (busy >= l->max && !streq(lane->key, KEY_CANCEL))
        return NULL;
    if (!idle && l->n <= l->max)
        idle = thread_new(l);
    return idle;
}

static void lanes_start(struct lanes *l)
{
    list_foreach_safe (it, &l->ready) {
        struct lane *lane = list_entry(it, struct lane, node);
        struct thread *t = thread_idle(l, lane);
        if (!t)
            continue;
        struct job *j = list_entry(lane->jobs.next, struct job, node);
        list_remove(&j->node);
        list_remove(&lane->node);
        lane->running = j;
        j->started = true;
        j->thread = t;
        t->job = j;
        l->running++;
        worker_add(t->worker, job_on_thread, NULL, j);
    }
}

static struct lane *lane_of(struct lanes *l, const struct job *j)
{
    AUTO(mem_freep) char *own = NULL;
    const char *key = KEY_SERIAL;
    if (j->kind == JOB_CANCEL)
        key = KEY_CANCEL;
    else if (j->threads == ATOLL_THREADS_PER_INSTANCE)
        key = j->lane_key;
    else if (j->threads == ATOLL_THREADS_PARALLEL)
        own = mem_printf("\x01"
                         "%llu",
                         (unsigned long long)++l->parallel);
    key = own ? own : key;
    struct lane *lane = map_get(&l->by_key, key);
    if (lane)
        return lane;
    lane = mem_new(struct lane);
    lane->key = mem_strdup(key);
    list_init(&lane->node);
    list_init(&lane->jobs);
    map_set(&l->by_key, key, lane);
    return lane;
}

static void lane_settle(struct lanes *l, struct lane *lane)
{
    if (lane->running)
        return;
    list_remove(&lane->node);
    if (!list_empty(&lane->jobs)) {
        list_append(&l->ready, &lane->node);
        return;
    }
    map_del(&l->by_key, lane->key);
    mem_free(lane->key);
    mem_free(lane);
}

void lanes_submit(struct lanes *l, struct job *j)
{
    list_init(&j->node);
    if (j->threads == ATOLL_THREADS_LOOP) {
        job_on_loop(j);
        return;
    }
    j->lane = lane_of(l, j);
    list_append(&j->lane->jobs, &j->node);
    if (!j->lane->running && list_empty(&j->lane->node))
        list_append(&l->ready, &j->lane->node);
    lanes_start(l);
}

bool lanes_withdraw(struct lanes *l, struct job *j)
{
    if (j->started)
        return false;
    list_remove(&j->node);
    lane_settle(l, j->lane);
    job_free(j);
    return true;
}

void lanes_returned(struct lanes *l, struct job *j)
{
    struct lane *lane = j->lane;
    lane->running = NULL;
    j->thread->job = NULL;
    l->running--;
    lane_settle(l, lane);
    job_finish(j);
    lanes_start(l);
}

unsigned lanes_running(const struct lanes *l)
{
    return l->running;
}
