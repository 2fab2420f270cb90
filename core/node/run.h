/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: a program under an atoll-shim, and the directory the shim keeps its facts in. Containers
 * and HAProxy are runs. A run outlives this program; the next one adopts it, or learns from the
 * directory how it ended.
 *
 * The directory: lock (flock held while a shim lives), pid, child, log, log.1, exit; see
 * daemons/shim_main.c.
 */
#ifndef ATOLL_NODE_RUN_H
#define ATOLL_NODE_RUN_H

#include <sys/types.h>

#include "io/loop.h"
#include "node/plan.h"

struct run_facts {
    enum run_state state;
    pid_t main_pid;      /* of the main process, seen from here; 0 = not known */
    uint64_t main_start; /* its start time in clock ticks, against reused pids */
    int64_t started_us, ended_us;
    int code;          /* exit code, or 128+signal */
    bool lost;         /* ended without a record */
    char message[256]; /* why it could not be started */
};

struct run_spec {
    const char *shim;        /* absolute path of atoll-shim */
    const char *dir;         /* exists, and no run was in it before */
    const char *const *argv; /* argv[0] absolute */
    const char *const *env;
    bool sandboxed;   /* argv is bubblewrap with --json-status-fd 3 */
    uint64_t log_max; /* bytes of one log file */
    uint64_t nofile;  /* 0 = as ours */
};

struct run;
/* on_change runs when the state of the facts changed; last with RUN_ENDED. */
int run_start(struct loop *l, const struct run_spec *spec, void (*on_change)(void *arg), void *arg,
              struct run **ret, struct err **err);
/* -ESRCH when no shim lives there: then run_facts_of_dir knows the end. */
int run_adopt(struct loop *l, const char *dir, void (*on_change)(void *arg), void *arg,
              struct run **ret, struct err **err);
const struct run_facts *run_facts(const struct run *r);
void run_term(struct run *r);
void run_kill(struct run *r);
void run_free(struct run *r); /* the processes go on; NULL is fine */

/* Facts of a directory without a living shim. An end nobody recorded is recorded now, as lost. */
void run_facts_of_dir(const char *dir, struct run_facts *ret);
/* Is a shim alive there? Then *ret_pid and *ret_start are its own (0 while it has not written them
 * yet). */
bool run_alive(const char *dir, pid_t *ret_pid, uint64_t *ret_start);

#endif
