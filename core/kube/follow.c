/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of list and watch, after client-go's reflector, with one change: a server that refuses
 * the connection is asked again after 100 ms, because on one machine it is usually just restarting.
 */
#include "kube/follow.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

#define IN_STOPPED (1u << FOLLOW_STOPPED)
#define IN_LIST    (1u << FOLLOW_LISTING)
#define IN_SYNCED  (1u << FOLLOW_SYNCED)
#define IN_BROKEN  (1u << FOLLOW_BROKEN)
#define IN_WATCH   (IN_SYNCED | IN_BROKEN)

#define SHORT_MS    1000
#define HEALTHY_MS  120000
#define SOON_MS     100
#define CONNECT_MS  100
#define CONNECT_MAX 5000
#define SLOWLY_MS   800
#define SLOWLY_MAX  30000
#define DOUBLINGS   16

static const struct follow_step steps[] = {
    {IN_STOPPED, FOLLOW_STARTED, FOLLOW_LISTING, FOLLOW_NOW, true, "started"},

    {IN_LIST, FOLLOW_LISTED, FOLLOW_SYNCED, FOLLOW_NOW, true, "listed"},
    {IN_LIST, FOLLOW_EXPIRED, FOLLOW_LISTING, FOLLOW_SLOWLY, false, "the list's pages expired"},
    {IN_LIST, FOLLOW_TOO_NEW, FOLLOW_LISTING, FOLLOW_SLOWLY, false, "the server is behind"},
    {IN_LIST, FOLLOW_SILENT, FOLLOW_LISTING, FOLLOW_SLOWLY, false, "the list took too long"},
    {IN_LIST, FOLLOW_NO_ANSWER, FOLLOW_LISTING, FOLLOW_CONNECT, false, "no answer"},
    {IN_LIST, FOLLOW_BUSY, FOLLOW_LISTING, FOLLOW_ASKED, false, "the server is busy"},
    {IN_LIST, FOLLOW_REFUSED, FOLLOW_LISTING, FOLLOW_SLOWLY, false, "the list was refused"},
    {IN_LIST, FOLLOW_GARBAGE, FOLLOW_LISTING, FOLLOW_SLOWLY, false, "the list cannot be read"},

    {IN_WATCH, FOLLOW_OPENED, FOLLOW_SYNCED, FOLLOW_NOW, true, "the watch is open"},
    {IN_WATCH, FOLLOW_ENDED, FOLLOW_BROKEN, FOLLOW_NOW, true, "the watch ended in time"},
    {IN_WATCH, FOLLOW_CUT, FOLLOW_BROKEN, FOLLOW_SOON, false, "the watch was cut"},
    {IN_WATCH, FOLLOW_SHORT, FOLLOW_BROKEN, FOLLOW_SLOWLY, false, "very short watch"},
    {IN_WATCH, FOLLOW_SILENT, FOLLOW_BROKEN, FOLLOW_SLOWLY, false, "the watch fell silent"},
    {IN_WATCH, FOLLOW_NO_ANSWER, FOLLOW_BROKEN, FOLLOW_CONNECT, false, "no answer"},
    {IN_WATCH, FOLLOW_EXPIRED, FOLLOW_LISTING, FOLLOW_NOW, false, "the version expired"},
    {IN_WATCH, FOLLOW_EXPIRED_NEW, FOLLOW_LISTING, FOLLOW_SLOWLY, false,
     "the version expired as soon as it was listed"},
    {IN_WATCH, FOLLOW_WENT_BACK, FOLLOW_LISTING, FOLLOW_SOON, false,
     "the server's versions went back"},
    {IN_WATCH, FOLLOW_TOO_NEW, FOLLOW_LISTING, FOLLOW_SLOWLY, false, "the server is behind"},
    {IN_WATCH, FOLLOW_BUSY, FOLLOW_BROKEN, FOLLOW_ASKED, false, "the server is busy"},
    {IN_WATCH, FOLLOW_UNAUTHORIZED, FOLLOW_BROKEN, FOLLOW_SOON, false, "new credentials"},
    {IN_WATCH, FOLLOW_REFUSED, FOLLOW_BROKEN, FOLLOW_SLOWLY, false, "the watch was refused"},
    {IN_WATCH, FOLLOW_GARBAGE, FOLLOW_LISTING, FOLLOW_SLOWLY, false, "the watch cannot be read"},
};

const struct follow_step *kube_follow_next(enum follow_state state,
                                           enum kube_follow_outcome outcome)
{
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (steps[i].outcome == outcome && steps[i].from & 1u << state)
            return &steps[i];
    return NULL;
}

const char *kube_follow_state_name(enum follow_state s)
{
    static const char *const names[] = {"stopped", "listing", "synced", "broken", "backoff"};
    return names[s];
}

static bool is_expired(const struct follow_end *e)
{
    return e->status == 410 || strcmp(e->reason, "Expired") == 0 || strcmp(e->reason, "Gone") == 0;
}

static enum kube_follow_outcome refused(const struct follow_end *e)
{
    if (is_expired(e))
        return e->watch && e->fresh ? FOLLOW_EXPIRED_NEW : FOLLOW_EXPIRED;
    if (e->status == 429 || (e->status == 503 && e->retry_after_ms))
        return FOLLOW_BUSY;
    if (e->status == 401 && e->reauth)
        return FOLLOW_UNAUTHORIZED;
    if (e->status == 504)
        return FOLLOW_TOO_NEW;
    return FOLLOW_REFUSED;
}

enum kube_follow_outcome kube_follow_outcome(const struct follow_end *e)
{
    bool good = e->status >= 200 && e->status < 300;
    if (e->garbage)
        return FOLLOW_GARBAGE;
    if (e->went_back)
        return FOLLOW_WENT_BACK;
    if (e->status == 0)
        return e->timed_out ? FOLLOW_SILENT : FOLLOW_NO_ANSWER;
    if (!good || e->error_event)
        return refused(e);
    if (!e->watch)
        return e->timed_out ? FOLLOW_SILENT : e->cut ? FOLLOW_NO_ANSWER : FOLLOW_LISTED;
    if (e->timed_out)
        return FOLLOW_SILENT;
    if (e->lived_ms < SHORT_MS && e->events == 0)
        return FOLLOW_SHORT;
    return e->cut ? FOLLOW_CUT : FOLLOW_ENDED;
}

const char *kube_follow_outcome_name(enum kube_follow_outcome o)
{
    static const char *const names[] = {"started", "listed",       "opened",    "ended",
                                        "cut",     "short",        "silent",    "no answer",
                                        "expired", "expired new",  "went back", "too new",
                                        "busy",    "unauthorized", "refused",   "garbage"};
    return names[o];
}

void kube_follow_note(struct follow_history *h, enum kube_follow_outcome o, uint64_t lived_ms)
{
    if (o == FOLLOW_NO_ANSWER)
        h->refusals++;
    else
        h->refusals = 0;
    if (lived_ms >= HEALTHY_MS)
        h->failures = 0;
    switch (o) {
    case FOLLOW_STARTED:
    case FOLLOW_LISTED:
    case FOLLOW_OPENED:
    case FOLLOW_ENDED:
    case FOLLOW_CUT:
    case FOLLOW_NO_ANSWER:
        break;
    default:
        h->failures++;
    }
}

/* base, 2 base, 4 base ... up to max for the first, second, third time; times 1..2 */
static uint64_t doubled(uint64_t base, uint64_t max, unsigned times, uint32_t random)
{
    unsigned shift = times ? times - 1 : 0;
    uint64_t ms = base << (shift < DOUBLINGS ? shift : DOUBLINGS);
    if (ms > max)
        ms = max;
    return ms + ms * random / UINT32_MAX;
}

uint64_t kube_follow_delay_ms(enum follow_delay d, const struct follow_history *h,
                              uint64_t retry_after_ms, uint32_t random)
{
    switch (d) {
    case FOLLOW_NOW:
        return 0;
    case FOLLOW_SOON:
        return (uint64_t)random * SOON_MS / UINT32_MAX;
    case FOLLOW_CONNECT:
        return doubled(CONNECT_MS, CONNECT_MAX, h->refusals, random);
    case FOLLOW_SLOWLY:
        return doubled(SLOWLY_MS, SLOWLY_MAX, h->failures, random);
    case FOLLOW_ASKED:
        if (retry_after_ms == 0)
            return doubled(SLOWLY_MS, SLOWLY_MAX, h->failures, random);
        return retry_after_ms + (uint64_t)random * (retry_after_ms / 10) / UINT32_MAX;
    }
    return 0;
}
