/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation in several steps over a few connections, written as functions that hand on to each
 * other: ask a question, get called with the answer, decide, ask the next. One question is open at
 * a time.
 *
 * What an errand owes (UNPAUSE, a priority it changed) is registered when it is done and paid at
 * the end, however the errand ends; until that is tried, the operation is not completed.
 */
#ifndef REDIS_ERRAND_H
#define REDIS_ERRAND_H

#include "redis.h"

enum who { TARGET, PEER, OLD, WHO_MAX }; /* the instances an errand talks to */

#define errand_MAGIC 0x45525241u
#define OWED_MAX     4

struct errand;
typedef void errand_step(struct errand *e);
typedef void errand_answer(struct errand *e, const redisReply *r);

struct talk {
    struct errand *errand;
    const struct atoll_instance *in;
    const struct atoll_component *home;
    enum kind kind;
    char host[ENDPOINT_MAX], endpoint[ENDPOINT_MAX];
    struct link *link;
};

struct errand {
    uint32_t magic;
    struct redis *self;
    struct errand *next;
    struct atoll_op op;
    const struct atoll_hook_call *call; /* lives until the operation completes */
    struct shard *shard;
    struct talk talk[WHO_MAX];

    enum who asked;
    uintptr_t sent, awaited; /* tags */
    errand_answer *on_answer;
    errand_step *
        on_silence; /* the next question may go unanswered: continue here; cleared by each answer */
    errand_step *on_pause, *on_inspect;
    uint64_t timer;

    bool mutated;        /* something was changed whose effect is not verified */
    char complaint[160]; /* first error among pushed commands */
    struct debt {
        enum who who;
        const char *command, *argument; /* constants: "CLIENT", "UNPAUSE" */
        const char *name, *value;       /* of CONFIG SET, else NULL */
    } owed[OWED_MAX];
    unsigned n_owed;
    bool ending;
    uint64_t ended_stamp; /* when the last of it was done */
    unsigned settle_tries;
    uint32_t class_;
    char reason[64], message[512];

    /* what the verbs remember between steps */
    struct server_answer target, peer, old;
    struct sentinel_answer sentinel;
    uint64_t started, tries;
    int64_t budget_ms;
    char promoted[ENDPOINT_MAX], from[ENDPOINT_MAX];
    uint64_t await_until;
    errand_step *on_promoted, *on_late;
};

/* Start; target may not be NULL, peer and old may. Refuses (does not accept the operation) on
 * nonsense. */
int32_t errand_begin(struct redis *self, const struct atoll_hook_call *call, struct atoll_op op,
                     const struct atoll_instance *target, const struct atoll_instance *peer,
                     const struct atoll_instance *old, errand_step *first);

void errand_ask(struct errand *e, enum who who, errand_answer *then, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* SERVER_QUESTION, parsed; a refusal or nonsense ends the errand. */
void errand_inspect(struct errand *e, enum who who, errand_step *then);
/* Queue a command before the next question on the same connection; an error is found in
 * e->complaint. */
void errand_push(struct errand *e, enum who who, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void errand_pause(struct errand *e, uint64_t ms, errand_step *then);
void errand_owe(struct errand *e, struct debt debt);
void errand_paid(struct errand *e,
                 const char *argument); /* it was done already, or is not needed */

void errand_end(struct errand *e, uint32_t class_, const char *reason, const char *fmt, ...)
    ATOLL_FORMAT(4, 5);
void errand_done(struct errand *e);
/* "WRONGTYPE ..." as an answer: RETRY with its text. True when the errand was ended. */
bool errand_refused(struct errand *e, const redisReply *r, const char *doing);
/* The answer to SENTINEL MASTER into e->sentinel; false: it was no such answer and the errand was
 * ended. */
bool errand_sentinel_said(struct errand *e, const redisReply *r);
int64_t errand_remaining(const struct errand *e);
const char *errand_name(const struct errand *e, enum who who);
/* Only one switchover or failover per shard at a time; false: another one runs (and the errand was
 * ended). */
bool errand_move_begin(struct errand *e);

/* After SENTINEL FAILOVER was accepted by TARGET: wait until PEER or somebody else than `from` is
 * primary, then `then` with the endpoint in e->promoted; `late` when it is not seen within `ms`. */
void errand_await_promotion(struct errand *e, const char *from, uint64_t ms, errand_step *then,
                            errand_step *late);

#endif
