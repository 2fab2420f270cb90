/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where calls into the plugin run: on the loop, or on worker threads by lanes. A lane runs one call
 * at a time in order; the thread model of a family says which lane a call belongs to: SERIAL one
 * lane for the whole plugin     PER_INSTANCE  one lane per instance PARALLEL      a lane per call
 * LOOP          no lane, at once on the loop cancel() of a family that is not LOOP has a lane of
 * its own: it must be able to run while the call it cancels still does. Scheduling happens on the
 * loop only; threads just run what they are given.
 */
#ifndef ATOLL_ENGINE_LANES_H
#define ATOLL_ENGINE_LANES_H

#include "engine/ops.h"

enum job_kind { JOB_PROBE, JOB_WATCH, JOB_HOOK, JOB_CANCEL, JOB_FORGET };

struct lane;
struct thread;
struct job {
    struct list node; /* in its lane while it waits */
    struct runner *runner;
    enum job_kind kind;
    uint64_t op;
    uint32_t threads;    /* model */
    struct scene *scene; /* reference; NULL for cancel and forget */
    const struct atoll_instance *instance;
    struct atoll_hook_call *call; /* in the arena of its scene */
    int32_t (*run)(void *self, const struct atoll_hook_call *call, struct atoll_op op);
    void (*cancel)(void *self, struct atoll_op op);
    char *what, *lane_key, *forget; /* heap */
    struct lane *lane;
    struct thread *thread;
    int32_t rc;
    bool started;
};

struct lanes;
struct lanes *lanes_new(struct runner *r, unsigned threads_max);
/* Takes the job. What it comes to is told through op_refused and the op's completion. */
void lanes_submit(struct lanes *l, struct job *j);
/* A job that did not start yet: forget it. false: it runs. */
bool lanes_withdraw(struct lanes *l, struct job *j);
void lanes_returned(struct lanes *l, struct job *j); /* LETTER_JOB_DONE */
unsigned lanes_running(const struct lanes *l);
/* Ends the threads. Nothing may run any more. */
void lanes_free(struct lanes *l);
void job_free(struct job *j);

#endif
