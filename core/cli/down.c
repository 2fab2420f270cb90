/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `atoll down`: stops the daemons, ends the Pods they left running, and removes the data when the
 * user agrees; and `atoll kubeconfig`, which prints a path.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/install.h"
#include "node/node.h"

#define STOP_MS       15000
#define GRACE_SECONDS 10

static int confirm(const struct install *i, struct err **err)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO))
        return err_set(err, -EINVAL,
                       "this removes all data in %s; say --yes to agree or --keep-data to only "
                       "stop (no terminal to ask)",
                       i->dir);
    printf("Stop this installation and remove all data in %s? [y/N] ", i->dir);
    fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
        return err_set(err, -ECANCELED, "nothing was stopped and nothing removed");
    return 0;
}

/* Asks the daemon to end and waits until it has let go of its lock. */
static int daemon_stop(const struct install *i, int member, struct err **err)
{
    int pid = install_running(i, member);
    uint64_t end = clock_mono_ms() + STOP_MS;
    if (!pid)
        return 0;
    if (kill(pid, SIGTERM) < 0 && errno != ESRCH)
        return err_set(err, -errno, "member-%d: ending atolld (pid %d): %s", member, pid,
                       strerror(errno));
    while (install_running(i, member) == pid) {
        if (clock_mono_ms() > end)
            return err_set(err, -ETIMEDOUT, "member-%d: atolld (pid %d) did not end within %d s",
                           member, pid, STOP_MS / 1000);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    printf("  member-%d: atolld ended\n", member);
    return 0;
}

static int member_down(const struct install *i, int member, struct err **err)
{
    AUTO(mem_freep) char *node = install_member_path(i, member, "node");
    int r = daemon_stop(i, member, err);
    if (r < 0)
        return r;
    if (!file_exists(node))
        return 0;
    r = node_stop_all(node, GRACE_SECONDS, err);
    if (r < 0)
        return err_wrap(err, "member-%d: ending its Pods", member);
    printf("  member-%d: %d process%s of its node ended\n", member, r, r == 1 ? "" : "es");
    return 0;
}

static int data_remove(const struct install *i, struct err **err)
{
    int r = file_tree_remove(i->dir, err);
    if (r < 0)
        return err_wrap(err, "removing %s", i->dir);
    install_release(i);
    printf("removed %s\n", i->dir);
    return 0;
}

int down_run(const struct args *a, struct err **err)
{
    AUTO(mem_freep) char *dir = install_dir(args_value(a, "dir"));
    bool keep = args_value(a, "keep-data") != NULL;
    struct install i;
    int r = install_load(dir, &i, err);
    if (r < 0)
        return r;
    if (!keep && !args_value(a, "yes"))
        r = confirm(&i, err);
    for (int m = 1; m <= i.members && r == 0; m++)
        r = member_down(&i, m, err);
    if (r == 0 && keep)
        printf("kept the data in %s; `atoll up` goes on with it\n", i.dir);
    else if (r == 0)
        r = data_remove(&i, err);
    install_done(&i);
    return r;
}

int kubeconfig_run(const struct args *a, struct err **err)
{
    AUTO(mem_freep) char *dir = install_dir(args_value(a, "dir"));
    struct install i;
    int r = install_load(dir, &i, err);
    if (r < 0)
        return r;
    AUTO(mem_freep) char *path = install_path(&i, "kubeconfig");
    printf("%s\n", path);
    install_done(&i);
    return 0;
}
