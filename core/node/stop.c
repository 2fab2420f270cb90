/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending everything a node directory knows of, without an API and without a loop: for `atoll down`,
 * which stops atolld first. It blocks for at most the grace period and a few seconds.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "node/node.h"
#include "node/run.h"

enum { RUNS_MAX = 65536, KILL_MS = 5000, PID_WAIT_MS = 1000 };

struct living {
    int *fds; /* pidfds of shims */
    size_t n, cap;
    int rc; /* the first that could not be opened */
};

static void living_add(struct living *v, int fd)
{
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 64;
        v->fds = mem_realloc(v->fds, v->cap * sizeof(*v->fds));
    }
    v->fds[v->n++] = fd;
}

/* The pid of a shim that was started a moment ago may take a little. */
static void look_at(struct living *v, const char *dir)
{
    pid_t pid = 0;
    uint64_t start, until = clock_mono_ms() + PID_WAIT_MS;
    while (run_alive(dir, &pid, &start) && !pid && clock_mono_ms() < until)
        poll(NULL, 0, 5);
    int fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pid && fd < 0 && errno != ESRCH)
        v->rc = -errno;
    /* Still the one that holds the lock? Then the descriptor is its, whatever became of the number.
     */
    if (fd >= 0 && run_alive(dir, &pid, &start) && v->n < RUNS_MAX)
        living_add(v, fd);
    else if (fd >= 0)
        close(fd);
}

static void each_entry(struct living *v, const char *dir,
                       void (*fn)(struct living *v, const char *path))
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        AUTO(mem_freep) char *path = file_path(dir, e->d_name);
        if (e->d_name[0] != '.')
            fn(v, path);
    }
    closedir(d);
}

static void look_at_container(struct living *v, const char *dir)
{
    each_entry(v, dir, look_at);
}

static void look_at_pod(struct living *v, const char *dir)
{
    AUTO(mem_freep) char *containers = file_path(dir, "containers");
    each_entry(v, containers, look_at_container);
}

static void signal_all(const struct living *v, int signo)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->fds[i] >= 0)
            syscall(SYS_pidfd_send_signal, v->fds[i], signo, NULL, 0);
}

/* Until all have ended or the time is up; those that ended are closed. True when none is left. */
static bool wait_all(struct living *v, uint64_t ms)
{
    uint64_t until = clock_mono_ms() + ms;
    for (size_t i = 0; i < v->n; i++) {
        struct pollfd p = {v->fds[i], POLLIN, 0};
        uint64_t now = clock_mono_ms();
        if (v->fds[i] < 0)
            continue;
        if (poll(&p, 1, now < until ? (int)(until - now) : 0) != 1)
            return false;
        close(v->fds[i]);
        v->fds[i] = -1;
    }
    return true;
}

int node_stop_all(const char *dir, unsigned grace_seconds, struct err **err)
{
    struct living v = {0};
    AUTO(mem_freep) char *pods = file_path(dir, "pods"), *runs = file_path(dir, "haproxy/runs");
    each_entry(&v, pods, look_at_pod);
    each_entry(&v, runs, look_at);
    int n = (int)v.n, rc = v.rc;
    signal_all(&v, SIGTERM);
    bool gone = wait_all(&v, (uint64_t)grace_seconds * 1000);
    if (!gone) {
        signal_all(&v, SIGUSR1); /* the shim kills and records */
        gone = wait_all(&v, KILL_MS);
    }
    if (!gone) {
        signal_all(&v, SIGKILL); /* what a shim watches over dies with it */
        gone = wait_all(&v, KILL_MS);
    }
    for (size_t i = 0; i < v.n; i++)
        if (v.fds[i] >= 0)
            close(v.fds[i]);
    mem_free(v.fds);
    if (rc)
        return err_set(err, rc, "%s: some processes could not be looked at: %s", dir,
                       strerror(-rc));
    return gone ? n
                : err_set(err, -ETIMEDOUT, "%s: a process does not end, not even by SIGKILL", dir);
}
