/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: one loaded plugin at work. It owns the plugin's self, its operations, threads, probe
 * schedule, watches and host services, and speaks the frames of frames.h: messages in through
 * runner_handle, messages out through emit. The helper process has one behind a socket, inline
 * isolation has one in this process.
 */
#ifndef ATOLL_ENGINE_RUNNER_H
#define ATOLL_ENGINE_RUNNER_H

#include "engine/frames.h"
#include "engine/note.h"
#include "io/loop.h"

struct runner;
struct runner_opts {
    struct loop *loop;
    struct note *note; /* borrowed; NULL = none */
    void (*emit)(void *arg,
                 cJSON *msg); /* takes msg; on the loop, never from within runner_handle's caller */
    void *arg;
};
/* From a hello frame: load, configure, create. The hello answer is emitted by runner_handle's
 * owner: see runner_hello. */
int runner_new(const struct runner_opts *o, const struct frame *hello, struct runner **ret,
               struct err **err);
cJSON *runner_ready(const struct runner *r);  /* heap tree */
cJSON *runner_refused(const struct err *err); /* the same when runner_new failed */
/* Any other frame from the host. */
void runner_handle(struct runner *r, const struct frame *f);
/* Cancel everything and take nothing new. */
void runner_close(struct runner *r);
bool runner_idle(const struct runner *r);
/* Closes, waits up to a grace for calls on threads, destroys. A plugin that is still inside a call
 * keeps its memory for ever (see zombies in runner.c) and its destroy is not called: false then. */
bool runner_free(struct runner *r);

#endif
