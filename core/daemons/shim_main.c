/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atoll-shim: the parent of one container of the local node. It outlives atolld, so that a restart
 * of the daemon ends no container, and it alone learns how the container ended.
 *
 *     atoll-shim run DIR LOG_MAX_BYTES sandboxed|direct -- PROGRAM ARG...
 *     atoll-shim exec PID START_TIME -- PROGRAM ARG...           (shim_exec.c)
 *
 * `run` writes into DIR: pid (of the shim), child (of the container's main process), log and log.1,
 * and, last of all, exit. Descriptor 3 is a file that carries a flock for as long as the shim
 * lives: who can take the lock knows that no shim is there. With "sandboxed" PROGRAM is bubblewrap,
 * which reports the main process on its descriptor 3; with "direct" PROGRAM itself is the main
 * process.
 *
 * Signals: SIGTERM asks the main process to end, SIGUSR1 kills it, SIGHUP, SIGINT, SIGQUIT and
 * SIGUSR2 are passed on. Hundreds of these run on one machine, so: no library but libc, static
 * memory, one loop. That is also why nothing of core/base is used here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemons/shim.h"

enum {
    LOCK_FD = 3,
    LINE_MAX_BYTES = 16384, /* a longer line is written in parts, as container runtimes do */
    RECORD_MAX = 64,        /* size of the file `exit`, reserved at the start */
    DRAIN_MS = 2000,        /* how long output may still come after the end of the main process */
    DEFAULT_TERM_MS = 1000, /* see term_try */
    TERM_RETRY_MS = 20,
    EXIT_RETRY_MS = 1000,
};

struct stream {
    const char *name;
    int fd; /* -1 at its end */
    size_t len;
    char line[LINE_MAX_BYTES];
};

static struct stream streams[2] = {{.name = "stdout", .fd = -1}, {.name = "stderr", .fd = -1}};

static int dir_fd = -1, log_fd = -1, exit_fd = -1, status_fd = -1, signal_fd = -1;
static uint64_t log_size, log_max, log_lost;
static char out[LINE_MAX_BYTES + 1024];
static size_t out_len;

static pid_t program_pid;     /* what we started: bubblewrap, or the main process itself */
static pid_t main_pid;        /* the main process, 0 until known */
static int main_fd = -1;      /* its pidfd: a reused pid is never hit */
static char status_text[512]; /* what bubblewrap said so far */
static size_t status_len;
static uint64_t term_since; /* SIGTERM is wanted since then, 0 = no (or done) */
static int kill_wanted;

static uint64_t mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int64_t wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- small files --------------------------------------------------------------------------------
 */

static int write_file(const char *name, const char *text, size_t n)
{
    char tmp[32];
    snprintf(tmp, sizeof(tmp), "%s.tmp", name);
    int fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = write(fd, text, n) == (ssize_t)n ? 0 : -EIO;
    close(fd);
    if (!rc && renameat(dir_fd, tmp, dir_fd, name) < 0)
        rc = -errno;
    return rc;
}

static int record_process(const char *name, pid_t pid)
{
    char text[96];
    int n = snprintf(text, sizeof(text), "%d %llu %lld\n", (int)pid,
                     (unsigned long long)shim_start_time(pid), (long long)wall_us());
    return write_file(name, text, (size_t)n);
}

/* The block that `exit` will need is taken now, so that a full disk cannot swallow an exit code. */
static int exit_reserve(void)
{
    char blank[RECORD_MAX];
    memset(blank, ' ', sizeof(blank));
    exit_fd = openat(dir_fd, "exit.tmp", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (exit_fd < 0 || write(exit_fd, blank, sizeof(blank)) != (ssize_t)sizeof(blank))
        return -errno;
    fsync(exit_fd);
    return 0;
}

static int exit_publish(const char record[RECORD_MAX])
{
    if (pwrite(exit_fd, record, RECORD_MAX, 0) != RECORD_MAX)
        return -EIO;
    fsync(exit_fd);
    return renameat(dir_fd, "exit.tmp", dir_fd, "exit") < 0 ? -errno : 0;
}

/* ---- the log ------------------------------------------------------------------------------------
 */

static int log_open(int flags)
{
    struct stat st;
    log_fd = openat(dir_fd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);
    if (log_fd < 0)
        return -errno;
    log_size = fstat(log_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    return 0;
}

static void log_rotate(void)
{
    if (renameat(dir_fd, "log", dir_fd, "log.1") < 0)
        return;
    close(log_fd);
    if (log_open(0) < 0)
        log_size = 0; /* tried again with the next write */
}

/* Whole records or nothing: a record cut by a full disk is taken back and counted as lost. */
static void log_flush(void)
{
    if (!out_len)
        return;
    if (log_fd < 0)
        log_open(0);
    ssize_t n = log_fd < 0 ? -1 : write(log_fd, out, out_len);
    if (n != (ssize_t)out_len) {
        if (n > 0 && ftruncate(log_fd, (off_t)log_size) < 0)
            log_size += (uint64_t)n;
        log_lost += out_len;
    } else {
        log_size += out_len;
    }
    out_len = 0;
    if (log_fd >= 0 && log_size >= log_max)
        log_rotate();
}

static size_t stamp(char *at, size_t max)
{
    static time_t last;
    static char text[24];
    struct timespec t;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &t);
    if (t.tv_sec != last) {
        gmtime_r(&t.tv_sec, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        last = t.tv_sec;
    }
    return (size_t)snprintf(at, max, "%s.%09ldZ", text, t.tv_nsec);
}

static void log_record(const char *stream, char tag, const char *p, size_t n)
{
    char head[64];
    size_t h = stamp(head, sizeof(head));
    h += (size_t)snprintf(head + h, sizeof(head) - h, " %s %c ", stream, tag);
    if (out_len + h + n + 1 > sizeof(out))
        log_flush();
    memcpy(out + out_len, head, h);
    memcpy(out + out_len + h, p, n);
    out[out_len + h + n] = '\n';
    out_len += h + n + 1;
}

static void log_lost_note(void)
{
    char text[96];
    if (!log_lost || out_len)
        return;
    int n = snprintf(text, sizeof(text), "atoll-shim: %llu bytes of output could not be written",
                     (unsigned long long)log_lost);
    uint64_t before = log_lost;
    log_record("stderr", 'F', text, (size_t)n);
    size_t note = out_len;
    log_flush();
    log_lost = log_lost == before ? 0 : log_lost - note; /* the note itself does not count */
}

static void stream_lines(struct stream *s)
{
    char *start = s->line, *end = s->line + s->len, *nl;
    while ((nl = memchr(start, '\n', (size_t)(end - start)))) {
        log_record(s->name, 'F', start, (size_t)(nl - start));
        start = nl + 1;
    }
    s->len = (size_t)(end - start);
    if (s->len == sizeof(s->line)) {
        log_record(s->name, 'P', start, s->len);
        s->len = 0;
    }
    memmove(s->line, start, s->len);
}

static void stream_read(struct stream *s)
{
    ssize_t n = read(s->fd, s->line + s->len, sizeof(s->line) - s->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    log_lost_note();
    if (n > 0) {
        s->len += (size_t)n;
        stream_lines(s);
    } else {
        if (s->len)
            log_record(s->name, 'P', s->line, s->len);
        s->len = 0;
        close(s->fd);
        s->fd = -1;
    }
    log_flush();
}

/* ---- the main process ---------------------------------------------------------------------------
 */

static void main_known(pid_t pid)
{
    main_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    main_pid = pid;
    record_process("child", pid);
}

static long status_number(const char *key)
{
    const char *at = strstr(status_text, key);
    return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* bubblewrap says {"child-pid": N, ...} when the sandbox stands and {"exit-code": N} at the end;
 * the second comes only if the program could be executed at all. */
static void status_read(void)
{
    ssize_t n = read(status_fd, status_text + status_len, sizeof(status_text) - 1 - status_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        close(status_fd);
        status_fd = -1;
        return;
    }
    status_len += (size_t)n;
    status_text[status_len] = '\0';
    long pid = status_number("\"child-pid\": ");
    if (!main_pid && pid > 0 && memchr(status_text, '\n', status_len))
        main_known((pid_t)pid);
}

static void main_signal(int signo)
{
    if (main_fd >= 0)
        syscall(SYS_pidfd_send_signal, main_fd, signo, NULL, 0);
    else if (signo == SIGKILL)
        kill(program_pid, SIGKILL); /* bubblewrap takes its child with it */
}

static int same_program(pid_t a, pid_t b)
{
    char path[48], x[512], y[512];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)a);
    ssize_t n = readlink(path, x, sizeof(x));
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)b);
    ssize_t m = readlink(path, y, sizeof(y));
    return n > 0 && n == m && memcmp(x, y, (size_t)n) == 0;
}

/*
 * The main process is pid 1 of its namespace, and the kernel drops a signal for pid 1 that it has
 * no handler for. So SIGTERM is sent when somebody listens (handler, ignored on purpose, or blocked
 * for sigwait), and asked again a little later when it is still starting. After a second without a
 * handler the default action of SIGTERM is carried out for it: it is ended.
 */
static void term_try(void)
{
    if (!main_pid)
        return;
    if (main_pid != program_pid && same_program(main_pid, program_pid))
        return; /* still bubblewrap, about to execute the program */
    if (main_pid == program_pid || shim_handles_signal(main_pid, SIGTERM)) {
        main_signal(SIGTERM);
        term_since = 0;
    } else if (mono_ms() - term_since >= DEFAULT_TERM_MS) {
        main_signal(SIGKILL);
        term_since = 0;
    }
}

static void signal_take(int signo)
{
    if (signo == SIGTERM && !term_since)
        term_since = mono_ms();
    else if (signo == SIGUSR1)
        kill_wanted = 1;
    else if (signo != SIGCHLD && signo != SIGTERM)
        main_signal(signo);
}

static void signals_read(void)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        signal_take((int)info.ssi_signo);
}

/* ---- start and end ------------------------------------------------------------------------------
 */

static int pipe_new(int *ret_read, int *ret_write)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    *ret_read = p[0];
    *ret_write = p[1];
    return 0;
}

static void program_exec(char **argv, int stdout_fd, int stderr_fd, int report_fd)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(stdout_fd, 1);
    dup2(stderr_fd, 2);
    if (report_fd >= 0)
        dup2(report_fd, 3);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(argv[0], argv);
    dprintf(2, "atoll-shim: executing %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int program_start(char **argv, int sandboxed)
{
    int w_out, w_err, w_status = -1;
    if (pipe_new(&streams[0].fd, &w_out) < 0 || pipe_new(&streams[1].fd, &w_err) < 0 ||
        (sandboxed && pipe_new(&status_fd, &w_status) < 0))
        return -errno;
    program_pid = fork();
    if (program_pid < 0)
        return -errno;
    if (program_pid == 0)
        program_exec(argv, w_out, w_err, w_status);
    close(w_out);
    close(w_err);
    if (sandboxed)
        close(w_status);
    else
        main_known(program_pid);
    return 0;
}

static int signals_open(void)
{
    static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signal_fd < 0 ? -errno : 0;
}

static void poll_once(int timeout_ms)
{
    struct pollfd p[4] = {{signal_fd, POLLIN, 0},
                          {streams[0].fd, POLLIN, 0},
                          {streams[1].fd, POLLIN, 0},
                          {status_fd, POLLIN, 0}};
    if (poll(p, 4, timeout_ms) <= 0)
        return;
    if (p[3].revents)
        status_read();
    if (p[1].revents)
        stream_read(&streams[0]);
    if (p[2].revents)
        stream_read(&streams[1]);
    if (p[0].revents)
        signals_read();
}

/* Until the program has ended; returns its wait status. */
static int attend(void)
{
    int status;
    for (;;) {
        poll_once(term_since || (kill_wanted && main_fd < 0) ? TERM_RETRY_MS : -1);
        if (waitpid(program_pid, &status, WNOHANG) == program_pid)
            return status;
        if (kill_wanted) {
            main_signal(SIGKILL);
            kill_wanted = 0;
        } else if (term_since) {
            term_try();
        }
    }
}

static void drain(void)
{
    uint64_t until = mono_ms() + DRAIN_MS;
    while (streams[0].fd >= 0 || streams[1].fd >= 0 || status_fd >= 0) {
        uint64_t now = mono_ms();
        if (now >= until)
            return;
        poll_once((int)(until - now));
    }
}

static void finish(int status, int sandboxed)
{
    long code = status_number("\"exit-code\": ");
    int started = !sandboxed || code >= 0;
    if (WIFSIGNALED(status)) { /* of bubblewrap: its child was killed with it */
        started = main_pid != 0;
        code = 128 + WTERMSIG(status);
    } else if (code < 0) {
        code = WEXITSTATUS(status);
    }
    char record[RECORD_MAX + 1];
    int n = snprintf(record, sizeof(record), "%ld %d %lld\n", code, started, (long long)wall_us());
    memset(record + n, ' ', (size_t)(RECORD_MAX - n));
    /* Without this record the end of the container would be a guess: try until it stands or we are
     * told to give up. */
    while (exit_publish(record) < 0 && !kill_wanted)
        poll_once(EXIT_RETRY_MS);
}

static int run(char **argv, int sandboxed)
{
    setsid();
    prctl(PR_SET_NAME, "atoll-shim");
    fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC);
    int rc;
    if ((rc = record_process("pid", getpid())) < 0 || (rc = exit_reserve()) < 0 ||
        (rc = signals_open()) < 0 || (rc = log_open(0)) < 0 ||
        (rc = program_start(argv, sandboxed)) < 0) {
        fprintf(stderr, "atoll-shim: starting %s: %s\n", argv[0], strerror(-rc));
        return -rc; /* nobody keeps our stderr: the errno is the message */
    }
    int status = attend();
    drain();
    finish(status, sandboxed);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 5 && strcmp(argv[1], "exec") == 0 && strcmp(argv[4], "--") == 0)
        return shim_exec(strtol(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), argv + 5);
    if (argc < 7 || strcmp(argv[1], "run") != 0 || strcmp(argv[5], "--") != 0) {
        fprintf(stderr, "usage: atoll-shim run DIR LOG_MAX sandboxed|direct -- PROGRAM ARG...\n"
                        "       atoll-shim exec PID START_TIME -- PROGRAM ARG...\n");
        return 2;
    }
    dir_fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    log_max = strtoull(argv[3], NULL, 10);
    if (dir_fd < 0 || log_max == 0) {
        fprintf(stderr, "atoll-shim: %s: %s, or LOG_MAX %s is not a size\n", argv[2],
                strerror(errno), argv[3]);
        return 2;
    }
    return run(argv + 6, strcmp(argv[4], "sandboxed") == 0);
}
