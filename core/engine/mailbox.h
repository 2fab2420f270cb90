/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mailbox: the one way from a plugin's threads to the loop. Letters are delivered in order, in
 * a later turn, many per wake-up. What could be endless (logs, reports) is bounded; completions
 * never are, because operations are.
 */
#ifndef ATOLL_ENGINE_MAILBOX_H
#define ATOLL_ENGINE_MAILBOX_H

#include "base/list.h"
#include "io/loop.h"

#define MAILBOX_MAX 8192 /* letters that may be refused */

enum letter_kind {
    LETTER_COMPLETE,  /* an operation has its outcome: id */
    LETTER_LATE,      /* an abandoned operation completed after all: id */
    LETTER_JOB_DONE,  /* a call returned on its thread: ptr = struct job */
    LETTER_REPORT,    /* of a watch: id, text = instance, ptr = struct report */
    LETTER_PROBE_NOW, /* text = instance */
    LETTER_PROGRESS,  /* id, text */
    LETTER_LOG,       /* level, text */
    LETTER_BUG,       /* text = sentence, word = kind (static) */
};

struct letter {
    struct list node;
    enum letter_kind kind;
    int level;
    bool bounded; /* set by mailbox_put */
    uint64_t id;
    const char *word;
    void *ptr;
    char *text; /* heap */
};

struct mailbox;
/* `deliver` runs on the loop; it owns letter.ptr, the mailbox frees letter.text. */
struct mailbox *mailbox_new(struct loop *l, void (*deliver)(void *arg, struct letter *letter),
                            void *arg);
/* [any thread] Copies the letter, takes text (heap or NULL). false: refused because full or closed;
 * text is freed, ptr stays the caller's. */
bool mailbox_put(struct mailbox *m, const struct letter *letter, bool bounded);
/* Deliver what is there now. With wait_ms > 0 sleep that long for a first letter. false: nothing
 * came. */
bool mailbox_drain(struct mailbox *m, uint64_t wait_ms);
/* No deliveries afterwards; what is in it is dropped. Later puts are refused. Never freed before
 * the last wake-up came back, and not at all when `keep` says that threads may still hold it. */
void mailbox_close(struct mailbox *m, bool keep);

#endif
