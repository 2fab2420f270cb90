/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox of a container: the bubblewrap command line for it. Private mount, pid, UTS and IPC
 * namespaces; the network is shared, because every Pod has a loopback address of its own. The
 * host's programs are there read-only, the Pod's volumes at their places, nothing else of the host.
 *
 * What it is not: a boundary against a hostile workload. It keeps databases out of each other's
 * files and out of the user's home; a container of an atolld that runs as root is root with a
 * container's capabilities.
 */
#ifndef ATOLL_NODE_SANDBOX_H
#define ATOLL_NODE_SANDBOX_H

#include "node/environment.h"
#include "node/volumes.h"

/* What of the host every sandbox shows; looked up once (links such as /bin -> usr/bin stay links).
 */
struct sandbox_host {
    struct sandbox_host_entry {
        const char *path;
        char *link; /* target when it is a link */
    } entries[12];
    size_t n;
    bool root; /* we are root: capabilities must be named */
};
void sandbox_host_look(struct sandbox_host *h);
void sandbox_host_done(struct sandbox_host *h);

struct sandbox {
    const struct sandbox_host *host;
    const char *bwrap; /* absolute path */
    const cJSON *pod, *container;
    const struct environment *env;
    const struct volume *volumes;
    size_t n_volumes;
    const char *volumes_dir;
    const char *tmp_dir;   /* becomes /tmp */
    const char *hosts_dir; /* holds the file `hosts`, which is replaced by rename */
    const char *const *command;
};
/* ended by NULL, in arena. Errors name the container and the mount. */
int sandbox_argv(const struct sandbox *s, struct arena *a, const char ***ret, struct err **err);

/* The same walls without volumes and network, for asking a program for its version. */
const char **sandbox_bare_argv(const struct sandbox_host *host, const char *bwrap,
                               const char *const *command, struct arena *a);

/* A path in the sandbox that is one of the host's (below /usr, /bin, ...) and not covered by a
 * mount. */
bool sandbox_shows_host(const cJSON *container, const char *path);
/* A path at or below one of the container's volume mounts. */
bool sandbox_mounted(const cJSON *container, const char *path);

#endif
