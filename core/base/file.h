/* SPDX-License-Identifier: Apache-2.0 */
/* Small files: read whole, replace atomically, make directories. Blocking; bounded; O_CLOEXEC. */
#ifndef ATOLL_BASE_FILE_H
#define ATOLL_BASE_FILE_H

#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct err **err);
/* Write to a temporary name in the same directory, fsync, rename. Nobody sees half a file. */
int file_replace(const char *path, const void *p, size_t n, mode_t mode, struct err **err);
int file_dir_make(const char *path, mode_t mode,
                  struct err **err); /* with parents; existing is fine */
int file_tree_remove(const char *path,
                     struct err **err);             /* does not follow links; absent is fine */
char *file_path(const char *dir, const char *name); /* heap: dir + "/" + name */
bool file_exists(const char *path);
/* The directory above this program's bin/, so that a build tree works like an installed one. Heap.
 */
char *file_prefix(void);
/* Absolute path of a program found in $PATH and /usr/sbin, or NULL. Heap. */
char *file_program(const char *name);

#endif
