/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `atoll up`: writes the installation's files, starts the daemon of each member that does not run,
 * and waits until it serves, its node is ready and its kinds are there. Running it again changes
 * nothing that runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/session.h"
#include "io/child.h"

#define READY_MS 60000
#define STEP_MS  50

/* What must be on the machine before anything starts. */
static const struct {
    const char *program, *package, *why;
} needed[] = {
    {"bwrap", "bubblewrap", "runs Pods in a sandbox"},
    {"haproxy", "haproxy", "carries Services"},
};

static int needs_check(struct err **err)
{
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        AUTO(mem_freep) char *path = file_program(needed[i].program);
        if (!path)
            return err_set(err, -ENOENT,
                           "the program %s, which %s, is not installed: apt-get install %s",
                           needed[i].program, needed[i].why, needed[i].package);
    }
    return 0;
}

static int members_wanted(const char *text, int *ret, struct err **err)
{
    int64_t n;
    *ret = 0;
    if (!text)
        return 0;
    if (str_to_i64(str_of(text), &n) < 0 || n < 1 || n > INSTALL_MEMBERS_MAX)
        return err_set(err, -EINVAL, "--members: want 1 to %d, found \"%s\"", INSTALL_MEMBERS_MAX,
                       text);
    *ret = (int)n;
    return 0;
}

/* The existing installation, grown when more members are asked for; or a new one. */
static int install_open(const char *dir, int members, struct install *ret, struct err **err)
{
    int r = install_load(dir, ret, NULL);
    if (r == -ENOENT)
        return install_create(dir, members ? members : 1, ret, err);
    if (r < 0)
        return install_load(dir, ret, err);
    if (members && members < ret->members)
        return err_set(err, -EINVAL,
                       "--members: this installation has %d members, found %d; members are not "
                       "removed by `atoll up`",
                       ret->members, members);
    if (members > ret->members) {
        ret->members = members;
        return install_save(ret, err);
    }
    return 0;
}

/* The last line of the log that says ERROR (or the last line), for a start that failed. Heap. */
static char *log_last(const char *path)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    char *found = NULL;
    if (file_read(path, 64 << 20, &text, &len, NULL) < 0)
        return mem_strdup("its log could not be read");
    struct str left = {text, len}, line;
    bool is_error = false;
    while (str_split(&left, '\n', &line)) {
        AUTO(mem_freep) char *copy = mem_strndup(line.ptr, line.len);
        bool error = strstr(copy, " ERROR ") || str_starts(copy, "atolld: ");
        if (line.len && (error || !is_error)) {
            mem_free(found);
            const char *at = strstr(copy, " ERROR ");
            found = mem_strdup(at ? at + 7 : copy);
            is_error = error;
        }
    }
    return found ? found : mem_strdup("its log is empty");
}

struct start {
    struct child *child;
    bool ended;
    int code;
};

static void on_daemon_exit(void *arg, int code)
{
    struct start *s = arg;
    s->ended = true;
    s->code = code;
}

static int daemon_spawn(struct session *s, const struct install *i, int member, struct start *st,
                        struct err **err)
{
    AUTO(mem_freep) char *prefix = file_prefix();
    AUTO(mem_freep) char *program = mem_printf("%s/bin/atolld", prefix);
    AUTO(mem_freep) char *conf = install_member_path(i, member, "conf.d");
    AUTO(mem_freep) char *log = install_member_path(i, member, "atolld.log");
    AUTO(mem_freep)
    char *path =
        mem_printf("PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin:/usr/sbin:/sbin");
    AUTO(mem_freep) char *home = mem_printf("HOME=%s", getenv("HOME") ? getenv("HOME") : "/");
    const char *argv[] = {program, "--config", conf, NULL};
    const char *env[] = {path, home, NULL, NULL};
    AUTO(mem_freep)
    char *asan =
        getenv("ASAN_OPTIONS") ? mem_printf("ASAN_OPTIONS=%s", getenv("ASAN_OPTIONS")) : NULL;
    env[2] = asan;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", log, strerror(errno));
    struct child_fd fds[] = {{fd, 1}, {fd, 2}};
    struct child_spec spec = {.argv = argv,
                              .env = env,
                              .cwd = "/",
                              .fds = fds,
                              .n_fds = ARRAY_LEN(fds),
                              .new_session = true};
    int r = child_spawn(s->loop, &spec, on_daemon_exit, st, &st->child, err);
    close(fd);
    return r;
}

/* Questions asked in order until each is answered with yes. */
static bool api_ready(struct session *s, struct kube_client *c, const char *name)
{
    (void)name;
    return session_probe(s, c, "/readyz") == 200;
}

static bool node_ready(struct session *s, struct kube_client *c, const char *name)
{
    AUTO(json_freep) cJSON *node = NULL;
    struct kube_call call = {
        .verb = KUBE_GET, .resource = &KUBE_NODES, .name = name, .grace_seconds = -1};
    return session_call(s, c, &call, &node, NULL) == 200 && kube_condition_true(node, "Ready");
}

static bool kinds_ready(struct session *s, struct kube_client *c, const char *name)
{
    (void)name;
    return session_probe(s, c, "/apis/apps.kubeblocks.io/v1/clusters?limit=1") == 200 &&
           session_probe(s, c, "/apis/workloads.kubeblocks.io/v1/instancesets?limit=1") == 200;
}

static const struct {
    bool (*ready)(struct session *s, struct kube_client *c, const char *name);
    const char *what;
} steps[] = {{api_ready, "API"}, {node_ready, "node"}, {kinds_ready, "controllers"}};

static void pause_ms(struct session *s, uint64_t ms)
{
    bool never = false;
    loop_run_until(s->loop, &never, ms);
}

static int member_wait(struct session *s, const struct install *i, int member, struct start *st,
                       struct err **err)
{
    AUTO(mem_freep) char *name = install_member_name(member);
    AUTO(mem_freep) char *log = install_member_path(i, member, "atolld.log");
    struct kube_client *c = NULL;
    int r = session_client(s, i, member, &c, err);
    uint64_t end = clock_mono_ms() + READY_MS;
    for (size_t k = 0; k < ARRAY_LEN(steps) && r == 0; k++) {
        while (!steps[k].ready(s, c, name) && r == 0) {
            if (st->ended) {
                AUTO(mem_freep) char *why = log_last(log);
                r = err_set(err, -EIO, "%s: atolld ended with code %d: %s (log: %s)", name,
                            st->code, why, log);
            } else if (clock_mono_ms() > end) {
                AUTO(mem_freep) char *why = log_last(log);
                r = err_set(err, -ETIMEDOUT, "%s: its %s was not ready after %d s: %s (log: %s)",
                            name, steps[k].what, READY_MS / 1000, why, log);
            } else {
                pause_ms(s, STEP_MS);
            }
        }
        if (r == 0) {
            printf(" %s", steps[k].what);
            fflush(stdout);
        }
    }
    kube_client_free(c);
    return r;
}

static int member_up(struct session *s, const struct install *i, int member, struct err **err)
{
    AUTO(mem_freep) char *name = install_member_name(member);
    struct start st = {0};
    uint64_t began = clock_mono_ms();
    int pid = install_running(i, member), r = 0;
    if (pid)
        printf("  %s: atolld runs already (pid %d); ready:", name, pid);
    else
        r = daemon_spawn(s, i, member, &st, err);
    if (r == 0 && !pid)
        printf("  %s: started atolld (pid %d); ready:", name, (int)child_pid(st.child));
    fflush(stdout);
    if (r == 0)
        r = member_wait(s, i, member, &st, err);
    if (r == 0)
        printf(" (%.1f s)\n", (double)(clock_mono_ms() - began) / 1000);
    else
        printf("\n");
    child_free(st.child);
    return r;
}

static void print_next(const struct install *i, const char *dir_flag)
{
    AUTO(mem_freep) char *kubeconfig = install_path(i, "kubeconfig");
    printf("\nkubeconfig: %s  (contexts member-1", kubeconfig);
    for (int m = 2; m <= i->members; m++)
        printf(", member-%d", m);
    printf(")\n\nnext:\n  export KUBECONFIG=%s\n  kubectl get nodes\n  atoll status%s%s\n",
           kubeconfig, dir_flag ? " --dir " : "", dir_flag ? dir_flag : "");
}

int up_run(const struct args *a, struct err **err)
{
    const char *dir_flag = args_value(a, "dir");
    AUTO(mem_freep) char *dir = install_dir(dir_flag);
    struct install i = {0};
    struct session s;
    int members, r;
    if ((r = members_wanted(args_value(a, "members"), &members, err)) < 0 ||
        (r = needs_check(err)) < 0 || (r = install_open(dir, members, &i, err)) < 0) {
        install_done(&i);
        return r;
    }
    printf("installation %s: %d member%s, API on 127.0.0.1:%d%s\n", i.dir, i.members,
           i.members == 1 ? "" : "s", install_port(&i, 1), i.members == 1 ? "" : " and following");
    if ((r = install_write(&i, err)) == 0 && (r = session_init(&s, err)) == 0) {
        for (int m = 1; m <= i.members && r == 0; m++)
            r = member_up(&s, &i, m, err);
        session_done(&s);
    }
    if (r == 0)
        print_next(&i, dir_flag);
    install_done(&i);
    return r;
}
