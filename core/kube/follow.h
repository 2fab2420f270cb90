/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a cache follows a resource: what to do after each outcome of a list or a watch. Pure: a const
 * table of transitions, a classification, and delays from counters and a random number.
 */
#ifndef ATOLL_KUBE_FOLLOW_H
#define ATOLL_KUBE_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

enum follow_state {
    FOLLOW_STOPPED,
    FOLLOW_LISTING, /* a list is under way */
    FOLLOW_SYNCED,  /* listed, and the watch is open or being opened for the first time */
    FOLLOW_BROKEN,  /* the watch was lost; it is being opened again at the last version */
    FOLLOW_BACKOFF, /* nothing runs; a timer does */
};

enum kube_follow_outcome {
    FOLLOW_STARTED,      /* by its owner */
    FOLLOW_LISTED,       /* the list is complete */
    FOLLOW_OPENED,       /* the watch was answered with 200 */
    FOLLOW_ENDED,        /* the server ended the stream in order */
    FOLLOW_CUT,          /* the stream broke after it had worked */
    FOLLOW_SHORT,        /* it ended or broke within a second and without a word */
    FOLLOW_SILENT,       /* a deadline passed */
    FOLLOW_NO_ANSWER,    /* connection refused, reset, no such host, TLS failed */
    FOLLOW_EXPIRED,      /* 410: our version is no longer in the server's history */
    FOLLOW_EXPIRED_NEW,  /* the same for a version it has just given us */
    FOLLOW_WENT_BACK,    /* the server's versions are lower than before: another history */
    FOLLOW_TOO_NEW,      /* 504: our version is in the server's future */
    FOLLOW_BUSY,         /* 429, or 503 with a time */
    FOLLOW_UNAUTHORIZED, /* 401, and the credential files hold something new */
    FOLLOW_REFUSED,      /* any other answer that is not a success */
    FOLLOW_GARBAGE,      /* what came cannot be read */
};

enum follow_delay {
    FOLLOW_NOW,
    FOLLOW_SOON,    /* up to 100 ms: spreads the readers of one server that went away */
    FOLLOW_CONNECT, /* 100 ms, doubled up to 5 s, times 1..2 */
    FOLLOW_SLOWLY,  /* 800 ms, doubled up to 30 s, times 1..2 */
    FOLLOW_ASKED,   /* what the server asked for plus up to a tenth; SLOWLY when it named no time */
};

struct follow_step {
    unsigned from; /* bits 1 << state */
    enum kube_follow_outcome outcome;
    enum follow_state next;
    enum follow_delay delay; /* other than NOW: FOLLOW_BACKOFF first, then next */
    bool quiet;              /* part of a healthy life: not worth a line in the log */
    const char *because;
};
/* NULL: this outcome cannot happen in this state. */
const struct follow_step *kube_follow_next(enum follow_state state,
                                           enum kube_follow_outcome outcome);
const char *kube_follow_state_name(enum follow_state s);

/* How a list or a watch ended, as seen from outside. */
struct follow_end {
    bool watch;         /* otherwise a list */
    int status;         /* HTTP, or the code of an ERROR event; 0 = none */
    const char *reason; /* of the Status, or "" */
    bool cut;           /* the transport failed after the answer's head */
    bool timed_out, garbage, went_back;
    bool error_event;  /* status and reason come from an ERROR event */
    bool fresh;        /* the version came from a list and nothing was heard since */
    bool reauth;       /* 401 and other credentials are at hand now */
    uint64_t lived_ms; /* since the answer's head */
    uint64_t events;   /* bookmarks not counted */
    uint64_t retry_after_ms;
};
enum kube_follow_outcome kube_follow_outcome(const struct follow_end *e);
const char *kube_follow_outcome_name(enum kube_follow_outcome o);

/* What is remembered between attempts. */
struct follow_history {
    unsigned refusals; /* in a row without any answer */
    unsigned failures; /* since the last two minutes of health */
};
void kube_follow_note(struct follow_history *h, enum kube_follow_outcome o, uint64_t lived_ms);
/* Milliseconds. `random` is any number. Call after kube_follow_note. */
uint64_t kube_follow_delay_ms(enum follow_delay d, const struct follow_history *h,
                              uint64_t retry_after_ms, uint32_t random);

#endif
