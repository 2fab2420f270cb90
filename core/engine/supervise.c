/* SPDX-License-Identifier: Apache-2.0 */
/* When an engine is restarted, quarantined or ended: tables and pure functions. The doing is in
 * engine.c. */
#include "engine/supervise.h"

static const struct {
    const char *word;
    bool to[ENGINE_STATES];
} states[ENGINE_STATES] = {
    [ENGINE_STARTING] = {"Starting",
                         {[ENGINE_RUNNING] = true,
                          [ENGINE_CRASHED] = true,
                          [ENGINE_QUARANTINED] = true,
                          [ENGINE_REFUSED] = true}},
    [ENGINE_RUNNING] =
        {"Running", {[ENGINE_STUCK] = true, [ENGINE_CRASHED] = true, [ENGINE_QUARANTINED] = true}},
    [ENGINE_STUCK] =
        {"Stuck", {[ENGINE_RUNNING] = true, [ENGINE_CRASHED] = true, [ENGINE_QUARANTINED] = true}},
    [ENGINE_CRASHED] = {"Crashed", {[ENGINE_STARTING] = true, [ENGINE_QUARANTINED] = true}},
    [ENGINE_QUARANTINED] = {"Quarantined", {[ENGINE_STARTING] = true}},
    [ENGINE_REFUSED] = {"Refused", {[ENGINE_STARTING] = true}},
};

bool engine_state_may(enum engine_state from, enum engine_state to)
{
    return states[from].to[to];
}

const char *engine_state_word(enum engine_state s)
{
    return states[s].word;
}

struct crash_verdict crash_record(struct crash_history *h, uint64_t now_ms, uint64_t up_ms)
{
    struct crash_verdict v = {.delay_ms = RESTART_MIN_MS};
    if (up_ms >= CRASH_WINDOW_MS)
        h->n = 0;
    h->at[h->n % CRASHES_MAX] = now_ms;
    h->n++;
    for (unsigned i = 1; i < h->n && v.delay_ms < RESTART_MAX_MS; i++)
        v.delay_ms *= 2;
    if (v.delay_ms > RESTART_MAX_MS)
        v.delay_ms = RESTART_MAX_MS;
    uint64_t oldest = h->at[h->n % CRASHES_MAX]; /* the one that is overwritten next */
    if (h->n >= CRASHES_MAX && now_ms - oldest <= CRASH_WINDOW_MS) {
        v.quarantine = true;
        v.delay_ms = QUARANTINE_MS;
        h->n = 0;
    }
    return v;
}

const char *helper_verdict(const struct helper_signs *s)
{
    if (s->busy_since_ms && s->now_ms > s->busy_since_ms + HANG_MS)
        return "blocked its loop for more than 10 s";
    if (s->call_overdue)
        return "did not answer a call within its deadline";
    if (!s->stuck_since_ms)
        return NULL;
    uint64_t stuck = s->now_ms - s->stuck_since_ms;
    if (stuck >= STUCK_PATIENCE_MS || (stuck >= STUCK_RESTART_MS && s->calls_open == 0))
        return "was stuck in an operation that never ended";
    return NULL;
}
