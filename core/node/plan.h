/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do next for one Pod, and what to say about it. Pure: the Pod as the API has it, the runs
 * of its containers and two clocks in; steps, a wake-up time and the status out.
 *
 * A *run* is one start of a container, numbered from 0; the number of the newest run is the restart
 * count.
 */
#ifndef ATOLL_NODE_PLAN_H
#define ATOLL_NODE_PLAN_H

#include "base/json.h"

enum run_state {
    RUN_NONE,     /* never started, or this run was only decided */
    RUN_STARTING, /* a shim is there, the main process is not yet */
    RUN_RUNNING,
    RUN_ENDED,
};
struct run_seen {
    enum run_state state;
    int number;                   /* -1: none */
    int64_t started_us, ended_us; /* wall clock; started 0 = it never ran */
    int code;
    bool lost; /* it ended, but nobody recorded how: a crash of the machine, kill -9 of the shim */
    const char *message;          /* why it could not be started; NULL */
    const char *image, *identity; /* spec.image of that run; "/usr/bin/x@1.2.3" */
};

enum container_kind { CONTAINER_INIT, CONTAINER_SIDECAR, CONTAINER_APP };
enum hook_state { HOOK_IDLE, HOOK_RUNNING, HOOK_DONE };
struct container_seen {
    const cJSON *spec; /* NULL when the API has no Pod any more */
    const char *name;
    enum container_kind kind;
    struct run_seen now, last; /* last: the run before, ended; number -1 when there is none */
    unsigned level;            /* restarts without ten good minutes in between */
    bool started, ready,
        unhealthy; /* words of the probes about this run; true, true, false without probes */
    enum hook_state prestop;
    uint64_t stopping_ms; /* monotonic, since when it is being stopped; 0 = no */
    bool term_sent;
    const char *problem,
        *problem_message;     /* the next run cannot be prepared: CamelCase reason and sentence */
    int64_t problem_until_us; /* not tried before */
};

struct pod_seen {
    const cJSON *pod; /* NULL: gone from the API */
    const char *ip, *host_ip, *node_name;
    struct container_seen *c; /* init containers in order, then the others */
    size_t n;
    bool volumes_ready;
    const char *volumes_message; /* why not, a sentence; NULL = being prepared */
    const char *held;            /* it may not start yet: a sentence; NULL */
    int64_t accepted_us;         /* when this node first saw it */
    int64_t now_us;              /* wall clock: for backoff, which is remembered in files */
    uint64_t now_ms;             /* monotonic: for grace */
};

enum pod_step_kind {
    STEP_VOLUMES, /* prepare the volumes (again) */
    STEP_START,   /* start the next run of a container */
    STEP_HOOK,    /* run its preStop hook */
    STEP_TERM,
    STEP_KILL,
    STEP_DELETE, /* nothing runs any more: take the object out of the API */
    STEP_CLEAN,  /* nothing runs and the object is gone: remove what is on disk */
};
struct pod_step {
    enum pod_step_kind kind;
    size_t c;          /* container, for START .. KILL */
    uint64_t grace_ms; /* HOOK, TERM: what is left */
    const char *why;
};

/* How a container appears in the status. */
enum show_kind { SHOW_WAITING, SHOW_RUNNING, SHOW_TERMINATED };
struct container_shown {
    enum show_kind kind;
    const char *reason, *message; /* of WAITING */
    bool ready, started;
};

struct pod_plan {
    struct pod_step *steps;
    size_t n;
    int64_t wake_ms; /* plan again after this; -1 = only when something happens */
    const char *phase, *reason, *message;
    struct container_shown *shown; /* one per container */
    bool initialized;
};
void pod_plan(const struct pod_seen *s, struct arena *a, struct pod_plan *ret);

/* How long a container waits before run `level` + 1: 0, 10 s, 20 s, ... 5 min. */
int64_t restart_delay_us(unsigned level);
/* The level after a run of this length. */
unsigned restart_level(unsigned level, int64_t started_us, int64_t ended_us);

/* The status the Pod should have. Fields that are not the node's are not in it; conditions are only
 * the node's. `old` is the status in the API: transition times and startTime are kept from it. */
cJSON *pod_status(const struct pod_seen *s, const struct pod_plan *p, const cJSON *old);
/* The strategic merge patch that brings `old` to `want`; NULL when it says so already. */
cJSON *pod_status_diff(const cJSON *old, const cJSON *want);

#endif
