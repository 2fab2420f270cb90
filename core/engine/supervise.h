/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of an engine and when it is started again: pure, so that every decision has a unit test.
 */
#ifndef ATOLL_ENGINE_SUPERVISE_H
#define ATOLL_ENGINE_SUPERVISE_H

#include "base/mem.h"

enum engine_state {
    ENGINE_STARTING,
    ENGINE_RUNNING,
    ENGINE_STUCK,       /* an operation never ended */
    ENGINE_CRASHED,     /* waits for its restart */
    ENGINE_QUARANTINED, /* three crashes in a minute */
    ENGINE_REFUSED,     /* the plugin did not load */
    ENGINE_STATES
};
bool engine_state_may(enum engine_state from, enum engine_state to);
const char *engine_state_word(enum engine_state s); /* "Running" */

#define CRASHES_MAX       3
#define CRASH_WINDOW_MS   60000
#define QUARANTINE_MS     600000
#define RESTART_MIN_MS    100
#define RESTART_MAX_MS    30000
#define STUCK_RESTART_MS  5000  /* stuck and nothing else open */
#define STUCK_PATIENCE_MS 60000 /* stuck, whatever is open */
#define HANG_MS           10000 /* one call that blocks the plugin's loop */

struct crash_history {
    uint64_t at[CRASHES_MAX]; /* the latest, ring */
    unsigned n;               /* ever, since the last quiet minute */
};
struct crash_verdict {
    bool quarantine;
    uint64_t delay_ms; /* until the next start */
};
/* Record a crash that happened now. `up_ms`: how long it had been running. */
struct crash_verdict crash_record(struct crash_history *h, uint64_t now_ms, uint64_t up_ms);

/* Whether a helper has to be ended, as a sentence part for people, or NULL. */
struct helper_signs {
    uint64_t now_ms;
    uint64_t busy_since_ms;  /* 0 = its loop is free */
    uint64_t stuck_since_ms; /* 0 = not stuck */
    size_t calls_open;       /* of the host, without the abandoned ones */
    bool call_overdue;       /* one is past deadline, grace and slack */
};
const char *helper_verdict(const struct helper_signs *s);

#endif
