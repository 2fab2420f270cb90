/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of atoll-shim share: facts about a process from /proc, and the exec half. */
#ifndef ATOLL_DAEMONS_SHIM_H
#define ATOLL_DAEMONS_SHIM_H

#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat; 0 when there is no such process. */
uint64_t shim_start_time(pid_t pid);
/* Whether a signal to this process has an effect it chose: caught, ignored, or blocked for sigwait.
 */
int shim_handles_signal(pid_t pid, int signo);
/* Run a program inside the namespaces of `pid`; returns its exit code, 128+signal, or 126 with a
 * sentence on stderr when it could not be run there. */
int shim_exec(long pid, uint64_t start_time, char **argv);

#endif
