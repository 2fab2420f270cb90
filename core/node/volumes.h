/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The volumes of one Pod: what each should contain (pure), and writing that below the Pod's
 * directory.
 *
 * ConfigMap, Secret, projected and downwardAPI volumes look as a kubelet makes them: every file is
 * a link through `..data`, which is swapped in one rename, so a reader sees the old set or the new
 * set, never a mixture. PVCs are claims.c's: here a claim is only a path.
 */
#ifndef ATOLL_NODE_VOLUMES_H
#define ATOLL_NODE_VOLUMES_H

#include "node/environment.h"

#define VOLUME_BYTES_MAX (16 * 1024 * 1024) /* of all files of one volume */

struct volume_file {
    const char *path; /* relative, without "..", may have directories */
    const void *data;
    size_t len;
    unsigned mode;
};
enum volume_kind { VOLUME_EMPTY, VOLUME_FILES, VOLUME_CLAIM };
struct volume {
    const char *name;
    enum volume_kind kind;
    const struct volume_file *files; /* VOLUME_FILES */
    size_t n_files;
    uint64_t hash;    /* of paths, modes and contents */
    const char *path; /* VOLUME_CLAIM: directory of the claim */
};

/* All volumes of the Pod, arena strings. Errors name the volume; -EAGAIN when something it needs is
 * not there yet (a ConfigMap, an unbound claim), -ENOTSUP for a kind this node does not offer. */
int volumes_plan(const struct downward *d, const struct lookup *lookup, struct arena *a,
                 struct volume **ret, size_t *ret_n, struct err **err);
/* Make the planned state true below `dir` (a directory per volume). Blocking; for a worker. Volumes
 * whose files are already as planned are left alone. */
int volumes_write(const struct volume *v, size_t n, const char *dir, struct err **err);
/* Path of a volume on the host, arena string. */
const char *volume_path(const struct volume *v, const char *dir, struct arena *a);

/* Names of the objects a Pod's volumes and containers refer to: fn(ctx, kind, name). */
void volumes_each_reference(const cJSON *pod,
                            void (*fn)(void *ctx, enum lookup_kind kind, const char *name),
                            void *ctx);

#endif
