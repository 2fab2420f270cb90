/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations: everything a plugin was asked to do and has to complete exactly once.
 *
 *   OPEN -> COMPLETED -> gone        the plugin completed; the outcome waits in the mailbox
 *   OPEN -> ABANDONED -> gone        deadline, cancel, grace passed; gone only when it completes
 * after all OPEN -> gone                     refused, or ended by the host before it started
 *
 * An operation is opened, cancelled and ended on the loop. complete, set, report and the questions
 * come from any thread; one lock guards what they share. `end` runs exactly once per operation, on
 * the loop.
 */
#ifndef ATOLL_ENGINE_OPS_H
#define ATOLL_ENGINE_OPS_H

#include <pthread.h>

#include "engine/handles.h"
#include "engine/report.h"
#include "engine/view.h"
#include "engine/wheel.h"

#define OPS_MAX         65536
#define OP_GRACE_MS     2000 /* between cancel and abandoning */
#define OP_RESULTS_MAX  256
#define OP_RESULT_BYTES (1024 * 1024)
#define OP_NO_DEADLINE  0

struct runner;
struct job;
enum op_kind { OP_PROBE, OP_WATCH, OP_HOOK };
enum op_state { OP_OPEN, OP_COMPLETED, OP_ABANDONED };

struct op {
    uint64_t id;
    struct runner *runner;
    enum op_kind kind;
    char *what; /* "probe of orders-0": for the log and for people */
    struct scene *scene;
    const struct atoll_instance *instance; /* of the scene; may be NULL */
    struct job *job;                       /* the call, while it waits or runs */
    struct wheel_node timer;
    void (*expired)(void *arg);            /* at the deadline, before the grace; may be NULL */
    void (*end)(void *arg, struct op *op); /* read the outcome below */
    void *arg;

    /* guarded by the lock of ops */
    enum op_state state;
    uint64_t deadline_ms; /* absolute, loop clock; UINT64_MAX = none */
    bool cancelled;
    uint32_t class_;
    char reason[64];
    char *message;
    cJSON *results;
    size_t result_bytes;
    struct report *report;
};

struct ops {
    pthread_mutex_t lock;
    struct handles table;
    unsigned abandoned; /* loop only */
};

struct op_spec {
    enum op_kind kind;
    char *what;          /* heap; taken */
    struct scene *scene; /* referenced */
    const struct atoll_instance *instance;
    uint64_t deadline_ms; /* from now; OP_NO_DEADLINE */
    void (*expired)(void *arg);
    void (*end)(void *arg, struct op *op);
    void *arg;
};

void ops_init(struct ops *o);
void ops_done(struct ops *o); /* all operations are gone */
size_t ops_live(const struct ops *o);
struct op *op_open(struct runner *r,
                   const struct op_spec *spec); /* NULL: too many (what is freed) */
/* Ask the plugin to stop (once) and start the grace. */
void op_cancel(struct op *op);
/* End now with this outcome: refused, never started, or the runner closes. */
void op_end_with(struct op *op, uint32_t class_, const char *reason, const char *fmt, ...)
    ATOLL_PRINTF(4, 5);
/* Letters. */
void op_completed(struct runner *r, uint64_t id);
void op_late(struct runner *r, uint64_t id);
/* The plugin's function said no: rc is one of ATOLL_ERR_*. */
void op_refused(struct runner *r, uint64_t id, int32_t rc, const char *what);

/* The plugin's side, [any thread]: ATOLL_OK or ATOLL_ERR_*. */
int32_t op_complete(struct runner *r, uint64_t id, const struct atoll_outcome *outcome);
int32_t op_set(struct runner *r, uint64_t id, struct atoll_str key, struct atoll_str value);
int32_t op_report(struct runner *r, uint64_t id, struct atoll_str instance,
                  const struct atoll_role_report *rep);
int64_t op_remaining_ms(struct runner *r, uint64_t id);
int32_t op_is_cancelled(struct runner *r, uint64_t id);
int32_t op_secret(struct runner *r, uint64_t id, struct atoll_str ref, struct atoll_str *ret);
bool op_is_open(struct runner *r, uint64_t id);

#endif
