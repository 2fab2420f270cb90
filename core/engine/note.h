/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note: a page of shared memory in which the plugin's process says what each of its threads is
 * doing, so that the host can name the last call of a process that died or hangs. One slot per
 * thread; slot 0 is the loop's. Writing costs one snprintf and no system call.
 */
#ifndef ATOLL_ENGINE_NOTE_H
#define ATOLL_ENGINE_NOTE_H

#include "base/err.h"
#include "base/str.h"

#define NOTE_SLOTS    64
#define NOTE_TEXT_MAX 240

struct note;
/* A new one, and the descriptor that shares it (owned by the note). */
int note_new(struct note **ret, int *ret_fd, struct err **err);
int note_open(int fd, struct note **ret, struct err **err); /* the other side; takes fd */
void note_free(struct note *n);                             /* NULL is fine */
/* NULL notes are fine and do nothing. `slot` above the last: not noted. */
void note_begin(struct note *n, unsigned slot, uint64_t now_ms, const char *what);
void note_end(struct note *n, unsigned slot);
/* Since when the loop's slot is in one call; 0 = it is in none. */
uint64_t note_loop_since(const struct note *n);
/* "probe of x" or "probe of x or hook wire on y" (at most three), or "no call (last: probe of x)".
 */
void note_describe(const struct note *n, struct buf *out);
void note_clear(struct note *n);

#endif
