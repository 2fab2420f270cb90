/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs of this machine that containers run: where one is, which Debian package would bring
 * one that is missing, and which version it is (asked once per file, with --version, in a sandbox
 * of its own).
 */
#ifndef ATOLL_NODE_PROGRAM_H
#define ATOLL_NODE_PROGRAM_H

#include "base/conf.h"
#include "io/loop.h"
#include "node/sandbox.h"

/*
 * Find argv[0] the way execvp will inside the sandbox. *ret_path is an arena string, or NULL when
 * it lies on one of the Pod's volumes, where only the sandbox can tell. -ENOENT with a sentence
 * that names the package, reason ErrImageNeverPull.
 */
int program_find(const cJSON *container, const char *argv0, const char *path_variable,
                 const struct conf *conf, struct arena *a, const char **ret_path, struct err **err);
/* The Debian package that has this program: node.packages.<program> of the configuration, a
 * built-in row, or, as for most servers, the name of the program itself. */
const char *program_package(const char *program, const struct conf *conf);
/* "1.2.3" out of what --version printed; arena string, "" when there is none. */
const char *program_version_of(const char *text, struct arena *a);

struct programs;
struct programs *programs_new(struct loop *l, const struct sandbox_host *host, const char *bwrap,
                              void (*on_known)(void *arg), void *arg);
void programs_free(struct programs *p);
/* "/usr/bin/x@1.2.3", or the path alone while (or as long as) the version is unknown. Asks when it
 * was never asked; on_known runs when an answer came. The string lives until programs_free. */
const char *programs_identity(struct programs *p, const char *path);

#endif
