/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test rig of tests/sdk: one engine host with one or more plugins in the isolation mode the
 * program was started with, recorded roles, states and outcomes, and waiting for a condition with a
 * deadline.
 */
#ifndef TESTS_SDK_RIG_H
#define TESTS_SDK_RIG_H

#include "atoll/plugin.h"
#include "engine/engine.h"
#include "io/metrics.h"

#define RIG_ROLES_MAX 64

extern const char *rig_isolation; /* "inline" or "process" */
extern const char *rig_folder;    /* of plugins, given on the command line; NULL = the test's own */
bool rig_is_process(void);

struct rig_role {
    char instance[64];
    bool known;
    char role[64], reason[64], message[512], steady[64], offset[64];
    uint64_t version;
};

struct rig_outcome {
    bool done;
    int times, class_;
    char reason[64], message[1024];
    cJSON *results;
    uint64_t began_ms, took_ms; /* real time between start and outcome */
};

struct rig {
    struct loop *loop;
    struct conf *conf;
    struct engine_host *host;
    struct engine *e; /* the first engine */
    struct rig_role roles[RIG_ROLES_MAX];
    size_t n_roles;
    unsigned states; /* calls of on_state */
};

/* `conf` is libconfig text inside "engines = { ... }"; %s of the isolation is put in by rig_engine.
 */
void rig_start(struct rig *r, const char *conf_text);
void rig_stop(struct rig *r);
/* "name: {plugin = ...; isolation = ...; extra}" for one engine of `dir`. Heap. */
char *rig_engine(const char *dir, const char *name, const char *extra);
/* Run the loop until cond(arg); fails the test naming `what` after ms. */
void rig_until(struct rig *r, bool (*cond)(void *arg), void *arg, uint64_t ms, const char *what);
/* Run the loop for a while in which nothing of a kind must happen; ends early when cond becomes
 * true. */
bool rig_within(struct rig *r, bool (*cond)(void *arg), void *arg, uint64_t ms);
void rig_until_state(struct rig *r, const char *reason, uint64_t ms);
const struct rig_role *rig_role_of(const struct rig *r,
                                   const char *instance); /* the latest; NULL */
const struct rig_role *rig_until_role(struct rig *r, const char *instance, const char *role,
                                      uint64_t ms);
const struct rig_role *rig_until_unknown(struct rig *r, const char *instance, const char *reason,
                                         uint64_t ms);
size_t rig_role_count(const struct rig *r, const char *instance); /* how often a change was told */
double rig_bugs(const char *kind);

/* A view with one component "c" of n instances named <prefix>-<i> with ids id-<prefix>-<i>. Heap
 * tree. */
cJSON *rig_view(const char *prefix, unsigned n);
void rig_probe(struct rig *r, const char *prefix, unsigned n, unsigned index, unsigned period_ms);

/* Start a hook on instance <prefix>-0 of a view of two. */
uint64_t rig_call(struct rig *r, const char *hook, const char *prefix, const char *args_json,
                  struct rig_outcome *o);
void rig_done(void *outcome, const struct engine_outcome *o);
void rig_until_done(struct rig *r, struct rig_outcome *o, uint64_t ms);
void rig_outcome_clear(struct rig_outcome *o);
const char *rig_result(const struct rig_outcome *o, const char *key); /* "" when absent */

int rig_main(int argc, char **argv, int (*run)(void));

#endif
