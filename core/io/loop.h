/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: timers, deferred calls, descriptors, signals, and work on other threads.
 *
 * A handle returned here is freed with its own _free; after that call its callback never runs again
 * and the pointer is dead, whatever the loop still has to close inside.
 */
#ifndef ATOLL_IO_LOOP_H
#define ATOLL_IO_LOOP_H

#include "base/err.h"

struct loop;
/* Also makes the program ignore SIGPIPE. */
int loop_new(struct loop **ret, struct err **err);
void loop_free(struct loop *l); /* closes what is left; all owners must be gone */
void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l); /* [any thread] after the current turn */
/* Run turns until *done is true or `ms` have passed (tests and the command line). 0 or -ETIMEDOUT.
 */
int loop_run_until(struct loop *l, const bool *done, uint64_t ms);
uint64_t loop_now_ms(const struct loop *l); /* monotonic, cached at the start of the turn */

/* Once, in the next turn. Cannot be taken back; what is still waiting at loop_free never runs. */
void loop_defer(struct loop *l, void (*fn)(void *arg), void *arg);
/* The same as an object of its owner: starting it twice runs it once, and it can be stopped. */
struct loop_tick;
struct loop_tick *loop_tick_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_tick_start(struct loop_tick *t);
void loop_tick_stop(struct loop_tick *t);
void loop_tick_free(struct loop_tick *t); /* NULL is fine */
/* [any thread] The only way into the loop from another thread. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* A timer: one shot, may be started again from its own callback. */
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_timer_start(struct loop_timer *t, uint64_t ms); /* restarts when running */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_active(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/* Readiness of a descriptor we do not own; free the watch before closing it, and watch it only
 * once. LOOP_HANGUP: the peer has closed its sending side. A broken descriptor reports all that is
 * wanted. */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };
struct loop_fd;
int loop_fd_new(struct loop *l, int fd, void (*fn)(void *arg, int events), void *arg,
                struct loop_fd **ret, struct err **err);
void loop_fd_want(struct loop_fd *f, int events); /* 0 pauses */
void loop_fd_free(struct loop_fd *f);             /* does not close fd; NULL is fine */

struct loop_signal;
int loop_signal_new(struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg,
                    struct loop_signal **ret, struct err **err);
void loop_signal_free(struct loop_signal *s);

/* A file was changed or replaced, or something changed in a directory (inotify). Coalesced; says
 * nothing about what changed. The parent directory of a file must exist, the file need not. */
struct loop_file;
int loop_file_new(struct loop *l, const char *path, void (*fn)(void *arg), void *arg,
                  struct loop_file **ret, struct err **err);
void loop_file_free(struct loop_file *f);

/*
 * Blocking work on a pool of threads (4). `work` runs on a pool thread and must not touch the loop;
 * `done` runs on the loop afterwards. An ordered worker runs its jobs one after the other on one
 * thread of its own (SQLite's single writer lives there).
 */
void worker_run(struct loop *l, void (*work)(void *arg), void (*done)(void *arg), void *arg);
struct worker;
int worker_new(struct loop *l, const char *name, struct worker **ret, struct err **err);
void worker_add(struct worker *w, void (*work)(void *arg), void (*done)(void *arg), void *arg);
/* Waits for the queued jobs to finish on their thread; their done() still run, in a later turn. */
void worker_free(struct worker *w);

#endif
