/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes.
 *
 * A child is made with clone(CLONE_VM | CLONE_VFORK): like vfork, its first steps run in our memory
 * while we stand still, so a big program pays nothing for copying its page tables. Those steps
 * (everything marked IN_CHILD) may use raw system calls only: no allocation, no locks, nothing a
 * sanitizer watches. They report a failure by writing into the struct launch on our stack.
 *
 * The exit is seen as readability of the pidfd. A process that is not our child (it was started by
 * an earlier life of this program) gives the same signal, but its exit code goes to its parent.
 */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "io/loop_own.h"

#define child_MAGIC   0xc411d001
#define STACK_SIZE    (64 * 1024)
#define FDS_MAX       32
#define SIGNALS       64
#define STAT_MAX      4096
#define CLOEXEC_RANGE 4U /* CLOSE_RANGE_CLOEXEC; older headers lack it */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define IN_CHILD                                                                                   \
    __attribute__((noinline, no_sanitize("address"), no_sanitize("thread"),                        \
                   no_sanitize("undefined")))

struct child {
    uint32_t magic;
    struct loop *loop;
    pid_t pid;
    uint64_t start_time;
    int pidfd;
    struct loop_fd *watch; /* NULL after the exit */
    bool ours;             /* to be reaped by us */
    bool forgotten;        /* child_free came before the exit */
    struct loop_owned owned;
    child_exit_fn *fn;
    void *arg;
};

/* What the child's first steps need; all of it prepared before the clone. */
struct launch {
    const struct child_spec *spec;
    const char *const *env;
    int null_fd, high; /* high: above all target numbers */
    pid_t parent;
    int kept[FDS_MAX]; /* copies of spec->fds[].from above `high` */
    int kept_null;
    const char *stage; /* where it failed */
    int error;         /* errno of the failure */
};

static IN_CHILD long check(struct launch *l, const char *stage, long rc)
{
    if (rc < 0) {
        l->stage = stage;
        l->error = errno;
        syscall(SYS_exit_group, 127);
    }
    return rc;
}

/* An ignored signal stays ignored over an exec; handlers of ours must not run in there. */
static IN_CHILD void signals_reset(void)
{
    struct {
        unsigned long handler, flags, restorer, mask;
    } def = {0, 0, 0, 0}; /* the kernel's struct sigaction, SIG_DFL */
    for (int signo = 1; signo <= SIGNALS; signo++)
        syscall(SYS_rt_sigaction, signo, &def, NULL, 8); /* fails for KILL and STOP */
}

static IN_CHILD void descriptors_arrange(struct launch *l)
{
    const struct child_spec *s = l->spec;
    bool std[3] = {false, false, false};
    l->kept_null = (int)check(l, "copying /dev/null",
                              syscall(SYS_fcntl, l->null_fd, F_DUPFD_CLOEXEC, l->high));
    for (size_t i = 0; i < s->n_fds; i++)
        l->kept[i] = (int)check(l, "copying a descriptor",
                                syscall(SYS_fcntl, s->fds[i].from, F_DUPFD_CLOEXEC, l->high));
    check(l, "closing descriptors", syscall(SYS_close_range, 3U, ~0U, CLOEXEC_RANGE));
    for (size_t i = 0; i < s->n_fds; i++) {
        check(l, "placing a descriptor", syscall(SYS_dup3, l->kept[i], s->fds[i].to, 0));
        if (s->fds[i].to < 3)
            std[s->fds[i].to] = true;
    }
    for (int fd = 0; fd < 3; fd++)
        if (!std[fd])
            check(l, "placing /dev/null", syscall(SYS_dup3, l->kept_null, fd, 0));
}

static IN_CHILD void limit(struct launch *l, const char *stage, int what, uint64_t value)
{
    struct {
        uint64_t soft, hard;
    } both = {value, value};
    if (value)
        check(l, stage, syscall(SYS_prlimit64, 0, what, &both, NULL));
}

static IN_CHILD int first_steps(void *arg)
{
    struct launch *l = arg;
    const struct child_spec *s = l->spec;
    uint64_t none = 0;
    signals_reset();
    if (s->new_session)
        check(l, "setsid", syscall(SYS_setsid));
    if (s->die_with_parent) {
        check(l, "prctl", syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
        if (syscall(SYS_getppid) != l->parent) /* it died before the line above */
            syscall(SYS_exit_group, 127);
    }
    if (s->cwd)
        check(l, "chdir", syscall(SYS_chdir, s->cwd));
    descriptors_arrange(l);
    limit(l, "RLIMIT_NOFILE", RLIMIT_NOFILE, s->nofile);
    limit(l, "RLIMIT_AS", RLIMIT_AS, s->address_space);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    check(l, "exec", syscall(SYS_execve, s->argv[0], s->argv, l->env));
    return 127;
}

/* We stand still until the child has executed its program or given up. */
static int launch_run(struct launch *l, pid_t *ret_pid, int *ret_pidfd)
{
    sigset_t all, old;
    char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all,
                    &old); /* no handler may run on the child's side of our memory */
    int saved = errno;
    pid_t pid = clone(first_steps, stack + STACK_SIZE,
                      CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, l, ret_pidfd);
    int rc = pid < 0 ? -errno : 0;
    errno = saved;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    munmap(stack, STACK_SIZE);
    *ret_pid = pid;
    return rc;
}

/* 0 with the exit code (or -1 when somebody else has it), -EAGAIN while the process runs. */
static int reap(int pidfd, int *ret_code)
{
    siginfo_t si;
    memset(&si, 0, sizeof(si));
    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOHANG) < 0) {
        *ret_code = -1;
        return 0;
    }
    if (si.si_pid == 0)
        return -EAGAIN;
    *ret_code = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
    return 0;
}

/* Fields of /proc/pid/stat behind the program's name, which may contain anything. */
static int stat_read(pid_t pid, pid_t *ret_parent, uint64_t *ret_start)
{
    char path[64];
    AUTO(mem_freep) char *text = NULL;
    size_t len = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (file_read(path, STAT_MAX, &text, &len, NULL))
        return -ESRCH;
    const char *end = strrchr(text, ')');
    struct str rest = str_of(end ? end + 1 : ""), field;
    uint64_t parent = 0, start = 0;
    rest = str_trim(rest);
    for (int i = 3; str_split(&rest, ' ', &field); i++) {
        if (i == 4 && str_to_u64(field, &parent))
            return -ESRCH;
        if (i == 22) {
            *ret_parent = (pid_t)parent;
            return str_to_u64(field, ret_start ? ret_start : &start) ? -ESRCH : 0;
        }
    }
    return -ESRCH;
}

static void child_drop(struct child *c)
{
    loop_fd_free(c->watch);
    if (c->pidfd >= 0)
        close(c->pidfd);
    c->magic = 0;
    mem_free(c);
}

static void drop_owned(struct loop_owned *o)
{
    child_drop(container_of(o, struct child, owned));
}

static void on_exit_ready(void *arg, int events)
{
    (void)events;
    struct child *c = CAST(child, arg);
    int code;
    if (reap(c->pidfd, &code))
        return;
    loop_fd_free(c->watch);
    c->watch = NULL;
    if (c->forgotten) {
        loop_disown(&c->owned);
        child_drop(c);
    } else {
        c->fn(c->arg, code); /* may free c */
    }
}

static int child_new(struct loop *l, pid_t pid, int pidfd, bool ours, child_exit_fn *fn, void *arg,
                     struct child **ret, struct err **err)
{
    struct child *c = mem_new(struct child);
    c->magic = child_MAGIC;
    c->loop = l;
    c->pid = pid;
    c->pidfd = pidfd;
    c->ours = ours;
    c->fn = fn;
    c->arg = arg;
    int rc = loop_fd_new(l, pidfd, on_exit_ready, c, &c->watch, err);
    if (rc) {
        c->pidfd = -1; /* still the caller's */
        child_drop(c);
        return rc;
    }
    loop_fd_want(c->watch, LOOP_READ);
    *ret = c;
    return 0;
}

static void kill_and_reap(int pidfd)
{
    siginfo_t si;
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    waitid((idtype_t)P_PIDFD, (id_t)pidfd, &si, WEXITED);
    close(pidfd);
}

static int launch_prepare(struct launch *l, const struct child_spec *spec, struct err **err)
{
    static const char *const minimal[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    ATOLL_ASSERT(spec->argv && spec->argv[0] && spec->n_fds <= FDS_MAX);
    if (spec->argv[0][0] != '/')
        return err_set(err, -EINVAL, "starting '%s': want an absolute path", spec->argv[0]);
    l->spec = spec;
    l->env = spec->env ? spec->env : minimal;
    l->parent = getpid();
    l->high = 3;
    for (size_t i = 0; i < spec->n_fds; i++)
        if (spec->fds[i].to >= l->high)
            l->high = spec->fds[i].to + 1;
    l->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (l->null_fd < 0)
        return err_set(err, -errno, "starting %s: opening /dev/null: %s", spec->argv[0],
                       strerror(errno));
    return 0;
}

int child_spawn(struct loop *l, const struct child_spec *spec, child_exit_fn *fn, void *arg,
                struct child **ret, struct err **err)
{
    struct launch launch;
    pid_t pid = -1, parent;
    int pidfd = -1;
    memset(&launch, 0, sizeof(launch));
    int rc = launch_prepare(&launch, spec, err);
    if (rc)
        return rc;
    rc = launch_run(&launch, &pid, &pidfd);
    close(launch.null_fd);
    if (rc)
        return err_set(err, rc, "starting %s: clone: %s", spec->argv[0], strerror(-rc));
    if (launch.error) {
        kill_and_reap(pidfd);
        return err_set(err, -launch.error, "starting %s: %s: %s", spec->argv[0], launch.stage,
                       strerror(launch.error));
    }
    rc = child_new(l, pid, pidfd, true, fn, arg, ret, err);
    if (rc) {
        kill_and_reap(pidfd);
        return err_wrap(err, "starting %s", spec->argv[0]);
    }
    stat_read(pid, &parent, &(*ret)->start_time); /* it cannot vanish before we reap it */
    return 0;
}

int child_adopt(struct loop *l, pid_t pid, uint64_t start_time, child_exit_fn *fn, void *arg,
                struct child **ret, struct err **err)
{
    pid_t parent = 0;
    uint64_t found = 0;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return err_set(err, -errno, "following process %d: %s", (int)pid, strerror(errno));
    int rc =
        stat_read(pid, &parent, &found); /* after the open: the descriptor names whom we look at */
    if (rc || (start_time && found != start_time)) {
        close(pidfd);
        return err_set(err, -ESRCH, "following process %d: want start time %llu, found %llu",
                       (int)pid, (unsigned long long)start_time, (unsigned long long)found);
    }
    rc = child_new(l, pid, pidfd, parent == getpid(), fn, arg, ret, err);
    if (rc) {
        close(pidfd);
        return err_wrap(err, "following process %d", (int)pid);
    }
    (*ret)->start_time = found;
    return 0;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

uint64_t child_start_time(const struct child *c)
{
    return c->start_time;
}

int child_signal(struct child *c, int signo)
{
    if (!c->watch)
        return -ESRCH;
    return syscall(SYS_pidfd_send_signal, c->pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

void child_free(struct child *c)
{
    if (!c)
        return;
    c = CAST(child, c);
    if (c->watch && c->ours) {
        c->forgotten = true;
        loop_own(c->loop, &c->owned, drop_owned);
    } else {
        child_drop(c);
    }
}
