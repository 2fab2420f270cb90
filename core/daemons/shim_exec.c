/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atoll-shim exec: run a probe or a hook inside the sandbox of a running container. It joins the
 * mount, pid, UTS and IPC namespaces of the main process (and first the user namespace that owns
 * them, when bubblewrap made one because atolld is not root), takes over its working directory and
 * drops to its capabilities. nsenter(1) cannot do the part without root, because it does not know
 * which user namespace owns which.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemons/shim.h"

enum { EXEC_FAILED = 126, ENVIRON_MAX = 512 * 1024, VARIABLES_MAX = 8192 };

extern char **environ;

static size_t proc_read(pid_t pid, const char *file, char *text, size_t max)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, max - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

uint64_t shim_start_time(pid_t pid)
{
    char text[1024];
    proc_read(pid, "stat", text, sizeof(text));
    char *at = strrchr(text, ')'); /* the name may hold anything, also blanks and brackets */
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

static uint64_t status_mask(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

int shim_handles_signal(pid_t pid, int signo)
{
    char text[4096];
    proc_read(pid, "status", text, sizeof(text));
    uint64_t mask = status_mask(text, "\nSigBlk:\t") | status_mask(text, "\nSigIgn:\t") |
                    status_mask(text, "\nSigCgt:\t");
    return (mask >> (signo - 1)) & 1;
}

static int failed(const char *what)
{
    fprintf(stderr, "atoll-shim: %s: %s\n", what, strerror(errno));
    return EXEC_FAILED;
}

static int ns_open(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Join the user namespace that owns the mount namespace, unless it is already ours. */
static int user_join(int mnt)
{
    struct stat theirs, ours;
    int user = ioctl(mnt, NS_GET_USERNS);
    if (user < 0)
        return errno == EPERM ? 0 : -1; /* owned by one of our ancestors: nothing to join */
    int rc = 0;
    if (fstat(user, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
        rc = -1;
    else if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev)
        rc = setns(user, CLONE_NEWUSER);
    close(user);
    return rc;
}

/* The sandbox runs with fewer capabilities than we may have; with no_new_privs they cannot come
 * back. */
static int capabilities_take(uint64_t mask)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted = (uint32_t)(mask >> (32 * i));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return (int)syscall(SYS_capset, &head, data);
}

/* The environment the container was started with, from /proc: also right when ours or its spec is
 * newer. */
static void environ_take(pid_t pid)
{
    static char text[ENVIRON_MAX];
    static char *list[VARIABLES_MAX + 1];
    char path[64];
    size_t len = 0, n = 0;
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got; fd >= 0 && (got = read(fd, text + len, sizeof(text) - 1 - len)) > 0;)
        len += (size_t)got;
    if (fd >= 0)
        close(fd);
    for (char *at = text; at < text + len && n < VARIABLES_MAX; at += strlen(at) + 1)
        if (*at)
            list[n++] = at;
    if (n)
        environ = list;
}

static int exec_child(char **argv, int cwd, uint64_t caps)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fchdir(cwd) < 0)
        return failed("entering the working directory of the container");
    if (capabilities_take(caps) < 0)
        return failed("giving up capabilities");
    execvp(argv[0], argv);
    return failed(argv[0]);
}

int shim_exec(long pid_number, uint64_t start_time, char **argv)
{
    pid_t pid = (pid_t)pid_number;
    char status[4096];
    int mnt = ns_open(pid, "ns/mnt"), pids = ns_open(pid, "ns/pid");
    int uts = ns_open(pid, "ns/uts"), ipc = ns_open(pid, "ns/ipc"), cwd = ns_open(pid, "cwd");
    if (mnt < 0 || pids < 0 || uts < 0 || ipc < 0 || cwd < 0 ||
        !proc_read(pid, "status", status, sizeof(status)))
        return failed("the container is gone");
    if (shim_start_time(pid) != start_time) {
        errno = ESRCH;
        return failed("the container is gone");
    }
    environ_take(pid);
    if (user_join(mnt) < 0 || setns(uts, CLONE_NEWUTS) < 0 || setns(ipc, CLONE_NEWIPC) < 0 ||
        setns(pids, CLONE_NEWPID) < 0 || setns(mnt, CLONE_NEWNS) < 0)
        return failed("joining the sandbox of the container");
    pid_t child = fork();
    if (child < 0)
        return failed("fork");
    if (child == 0)
        _exit(exec_child(argv, cwd, status_mask(status, "\nCapEff:\t")));
    int rc;
    while (waitpid(child, &rc, 0) < 0)
        if (errno != EINTR)
            return failed("waiting");
    /* Not return: a leak checker's thread would be born in the other pid namespace and never be
     * found. */
    _exit(WIFSIGNALED(rc) ? 128 + WTERMSIG(rc) : WEXITSTATUS(rc));
}
