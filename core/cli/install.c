/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an installation lives and which ports and loopback networks it owns. Its files
 * (certificates, configuration, kubeconfigs) are written in install_files.c.
 */
#include "cli/install.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

#define PORT_FIRST  16440
#define OCTET_FIRST 20

static char *state_home(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/')
        return mem_printf("%s/atoll", xdg);
    return mem_printf("%s/.local/state/atoll", home && home[0] == '/' ? home : "/tmp");
}

char *install_dir(const char *flag)
{
    const char *want = flag ? flag : getenv("ATOLL_DIR");
    if (!want || !*want) {
        AUTO(mem_freep) char *home = state_home();
        return file_path(home, "default");
    }
    if (want[0] == '/')
        return mem_strdup(want);
    char cwd[PATH_MAX];
    return getcwd(cwd, sizeof(cwd)) ? file_path(cwd, want) : mem_strdup(want);
}

void install_done(struct install *i)
{
    mem_free(i->dir);
    i->dir = NULL;
}

char *install_path(const struct install *i, const char *rest)
{
    return file_path(i->dir, rest);
}

char *install_member_name(int member)
{
    return mem_printf("member-%d", member);
}

char *install_member_path(const struct install *i, int member, const char *rest)
{
    return mem_printf("%s/member-%d/%s", i->dir, member, rest);
}

int install_port(const struct install *i, int member)
{
    return PORT_FIRST + INSTALL_MEMBERS_MAX * i->block + member - 1;
}

static int octet_of(const struct install *i, int member)
{
    return OCTET_FIRST + INSTALL_MEMBERS_MAX * i->block + member - 1;
}

char *install_pod_cidr(const struct install *i, int member)
{
    return mem_printf("127.%d.0.0/17", octet_of(i, member));
}

char *install_service_cidr(const struct install *i, int member)
{
    return mem_printf("127.%d.128.0/17", octet_of(i, member));
}

char *install_node_address(const struct install *i, int member)
{
    return mem_printf("127.%d.0.1", octet_of(i, member));
}

int install_load(const char *dir, struct install *ret, struct err **err)
{
    AUTO(mem_freep) char *path = file_path(dir, "installation.json");
    AUTO(mem_freep) char *text = NULL;
    AUTO(json_freep) cJSON *j = NULL;
    size_t len;
    if (!file_exists(path))
        return err_set(err, -ENOENT, "there is no installation in %s; `atoll up` makes one", dir);
    int r = file_read(path, 1 << 16, &text, &len, err);
    if (r < 0)
        return r;
    if (json_parse(text, len, &j, err) < 0)
        return err_wrap(err, "reading %s", path);
    int64_t block = json_int(-1, j, "block"), members = json_int(-1, j, "members");
    if (block < 0 || block >= INSTALL_BLOCKS)
        return err_set(err, -EINVAL, "%s: block: want 0..%d, found %lld", path, INSTALL_BLOCKS - 1,
                       (long long)block);
    if (members < 1 || members > INSTALL_MEMBERS_MAX)
        return err_set(err, -EINVAL, "%s: members: want 1..%d, found %lld", path,
                       INSTALL_MEMBERS_MAX, (long long)members);
    *ret = (struct install){.dir = mem_strdup(dir), .block = (int)block, .members = (int)members};
    return 0;
}

int install_save(const struct install *i, struct err **err)
{
    AUTO(json_freep) cJSON *j = cJSON_CreateObject();
    json_put_int(j, 1, "version");
    json_put_int(j, i->block, "block");
    json_put_int(j, i->members, "members");
    AUTO(mem_freep) char *text = json_print(j);
    AUTO(mem_freep) char *path = install_path(i, "installation.json");
    return file_replace(path, text, strlen(text), 0644, err);
}

/* ---- blocks
 * ---------------------------------------------------------------------------------------- */

static char *registry_entry(int block)
{
    AUTO(mem_freep) char *home = state_home();
    return mem_printf("%s/blocks/%d", home, block);
}

/* Somebody's directory still says that it owns this block. */
static bool block_owned(int block, const char *dir)
{
    AUTO(mem_freep) char *entry = registry_entry(block);
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    if (file_read(entry, PATH_MAX, &text, &len, NULL) < 0 || streq(text, dir))
        return false;
    struct install other = {0};
    if (install_load(text, &other, NULL) < 0)
        return false;
    bool owned = other.block == block;
    install_done(&other);
    return owned;
}

static bool port_free(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool ok = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0;
    close(fd);
    return ok;
}

static bool block_free(int block, const char *dir)
{
    struct install probe = {.block = block};
    if (block_owned(block, dir))
        return false;
    for (int m = 1; m <= INSTALL_MEMBERS_MAX; m++)
        if (!port_free(install_port(&probe, m)))
            return false;
    return true;
}

/* Two `atoll up` at once must not choose the same block: the registry is locked meanwhile. */
static int registry_lock(struct err **err)
{
    AUTO(mem_freep) char *home = state_home();
    AUTO(mem_freep) char *blocks = file_path(home, "blocks");
    int r = file_dir_make(blocks, 0700, err);
    if (r < 0)
        return r;
    int fd = open(blocks, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return err_set(err, -errno, "locking %s: %s", blocks, strerror(errno));
    return fd;
}

int install_create(const char *dir, int members, struct install *ret, struct err **err)
{
    int r = file_dir_make(dir, 0700, err);
    if (r < 0)
        return err_wrap(err, "making the installation's directory");
    int lock = registry_lock(err);
    if (lock < 0)
        return lock;
    struct install i = {.dir = mem_strdup(dir), .members = members};
    while (i.block < INSTALL_BLOCKS && !block_free(i.block, dir))
        i.block++;
    if (i.block == INSTALL_BLOCKS) {
        r = err_set(err, -EADDRINUSE,
                    "all %d blocks of ports (%d and following on 127.0.0.1) are in use; `atoll "
                    "down` an installation "
                    "you no longer need",
                    INSTALL_BLOCKS, PORT_FIRST);
    } else {
        AUTO(mem_freep) char *entry = registry_entry(i.block);
        r = file_replace(entry, dir, strlen(dir), 0600, err);
        if (r == 0)
            r = install_save(&i, err);
    }
    close(lock);
    if (r < 0) {
        install_done(&i);
        return r;
    }
    *ret = i;
    return 0;
}

void install_release(const struct install *i)
{
    AUTO(mem_freep) char *entry = registry_entry(i->block);
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    if (file_read(entry, PATH_MAX, &text, &len, NULL) == 0 && streq(text, i->dir))
        unlink(entry);
}

int install_running(const struct install *i, int member)
{
    AUTO(mem_freep) char *path = install_member_path(i, member, "lock");
    int fd = open(path, O_RDWR | O_CLOEXEC), pid = 0;
    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_SH | LOCK_NB) < 0) {
        char text[32] = "";
        int64_t n = 0;
        ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
        if (len > 0 && str_to_i64(str_trim(str_of(text)), &n) == 0)
            pid = (int)n;
    }
    close(fd);
    return pid;
}
