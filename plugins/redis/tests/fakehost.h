/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for one plugin in one test program: the whole service table over poll(), probes on a
 * schedule, the latest answers, hooks that are waited for, and a driver that carries out advice the
 * way the real host does (lowest stage first, then think again). Everything happens inside
 * fake_turn; there are no threads.
 */
#ifndef REDIS_TESTS_FAKEHOST_H
#define REDIS_TESTS_FAKEHOST_H

#include "redis.h"

#define FAKE_FACTS 24

struct fake_answer { /* the latest report of one instance */
    bool known;
    char role[32], reason[64], message[256];
    uint64_t version, at_us;
    uint32_t n_facts;
    char key[FAKE_FACTS][32], value[FAKE_FACTS][128];
    struct atoll_fact facts[FAKE_FACTS];
};

struct fake_outcome {
    bool done;
    uint32_t class_;
    char reason[64], message[512], result[256];
};

struct fake;
struct fake *fake_new(void);
void fake_free(struct fake *f); /* fails the test when an operation is still open */
void *fake_self(struct fake *f);
const struct atoll_host *fake_host(struct fake *f);
uint64_t now_us(void);

/* Before the first probe. */
void fake_option(struct fake *f, const char *name,
                 int64_t value); /* then the plugin is created anew */
void fake_secret(struct fake *f, const char *ref, const char *text);

/* The view is the caller's and changes under his hands; role and facts of its instances are filled
 * in from the latest answers before every call. */
void fake_view(struct fake *f, struct atoll_view *view);
void fake_probe_every(struct fake *f,
                      uint64_t ms); /* all instances of the view; 0 = only when asked for */
void fake_probe_now(struct fake *f, const char *id);
void fake_watch(struct fake *f, bool on);
const struct fake_answer *fake_answer(struct fake *f, const char *id);
const char *fake_fact(struct fake *f, const char *id, const char *key); /* "" = absent */

/* One turn of the loop, at most `ms` long. */
void fake_turn(struct fake *f, uint64_t ms);
/* Turn until `test` holds; fails after `ms`, saying what was awaited. */
#define fake_until(f, ms, test)                                                                    \
    do {                                                                                           \
        uint64_t until_ = now_us() + (uint64_t)(ms)*1000;                                          \
        while (!(test)) {                                                                          \
            if (now_us() > until_)                                                                 \
                fake_fail((f), __FILE__, __LINE__, #test, (ms));                                   \
            fake_turn((f), 5);                                                                     \
        }                                                                                          \
    } while (0)
void fake_fail(struct fake *f, const char *file, int line, const char *what, int ms);

/* Start a hook and wait for its end. args: "verb", "promote", ..., NULL. */
struct fake_outcome fake_hook(struct fake *f, const char *hook, const char *instance,
                              const char *peer, ...);
/* Carry out advice whenever there is some and nothing runs. */
void fake_drive(struct fake *f, bool on);
bool fake_idle(struct fake *f);           /* the last advice wanted no wiring, and nothing runs */
const char *fake_refusal(struct fake *f); /* reason of the last advice's first refusal, "" = none */
bool fake_refused(struct fake *f, const char *reason); /* ever, since the test began */
unsigned fake_wired(struct fake *f,
                    const char *verb); /* how many wires with this verb ended DONE */
unsigned fake_probes(struct fake *f);
bool fake_quiet(struct fake *f); /* no probe runs or is asked for */
/* Print what the plugin logs and what is wired. */
void fake_verbose(struct fake *f);

#endif
