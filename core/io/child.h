/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes by pidfd: spawn, signal, wait; and processes of an earlier life of this program.
 *
 * Signals go through the pidfd, so a reused pid is never hit. No SIGCHLD handler, no fork in the
 * loop's process image beyond vfork+exec (posix_spawn or clone with CLONE_VFORK).
 */
#ifndef ATOLL_IO_CHILD_H
#define ATOLL_IO_CHILD_H

#include <sys/types.h>

#include "io/loop.h"

struct child_fd {
    int from; /* descriptor here; borrowed, still open here afterwards */
    int to;   /* its number in the child */
};

struct child_spec {
    const char *const *argv;    /* argv[0] is an absolute path */
    const char *const *env;     /* NULL-terminated "K=V"; NULL = a minimal PATH only */
    const char *cwd;            /* NULL = unchanged */
    const struct child_fd *fds; /* all others are closed; 0, 1, 2 default to /dev/null */
    size_t n_fds;
    bool new_session;       /* setsid: survives us */
    bool die_with_parent;   /* SIGKILL when this program dies */
    uint64_t nofile;        /* RLIMIT_NOFILE, 0 = unchanged */
    uint64_t address_space; /* RLIMIT_AS in bytes, 0 = unchanged */
};

struct child;
/* `code` is the exit code, or 128+signal. Runs once. For an adopted process that is not our child
 * the code is unknown: -1. */
typedef void child_exit_fn(void *arg, int code);

int child_spawn(struct loop *l, const struct child_spec *spec, child_exit_fn *fn, void *arg,
                struct child **ret, struct err **err);
/* Follow a process we did not start. `start_time` (field 22 of /proc/pid/stat, 0 = do not check)
 * proves that the pid was not reused; -ESRCH when it is another process or gone. */
int child_adopt(struct loop *l, pid_t pid, uint64_t start_time, child_exit_fn *fn, void *arg,
                struct child **ret, struct err **err);
pid_t child_pid(const struct child *c);
uint64_t child_start_time(const struct child *c);
int child_signal(struct child *c, int signo); /* 0 or -ESRCH */
/* Forget the process without touching it; a child of ours is still reaped in the background. NULL
 * is fine. */
void child_free(struct child *c);

#endif
