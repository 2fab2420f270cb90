/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes of one running container: startup, liveness, readiness. What to do with an answer is a
 * pure function of counters; timers and actions are around it.
 *
 * One thing is quicker than a kubelet: until the first success of a startup or readiness probe it
 * is asked again soon (50 ms, doubling up to its period; exec from 500 ms), because on this machine
 * a server is up long before a period of ten seconds is over. Failures of that phase count against
 * failureThreshold as time, not as answers.
 */
#ifndef ATOLL_NODE_PROBE_H
#define ATOLL_NODE_PROBE_H

#include "node/action.h"

enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS };
struct probe_rule {
    enum probe_kind kind;
    bool exec;
    uint64_t delay_ms, period_ms, timeout_ms;
    unsigned success, failure; /* thresholds */
};
struct probe_count {
    unsigned successes, failures; /* in a row */
    unsigned asked;               /* in all */
    bool passed;                  /* succeeded at least `success` times in a row, once */
};
enum probe_verdict { PROBE_SAME, PROBE_PASS, PROBE_FAIL };

void probe_rule_of(const cJSON *probe, enum probe_kind kind, struct probe_rule *ret);
/* An answer arrived `age_ms` after the start of the container. Pure. */
enum probe_verdict probe_note(const struct probe_rule *r, struct probe_count *c, bool ok,
                              uint64_t age_ms);
/* When to ask next, after an answer. Pure. */
uint64_t probe_pause(const struct probe_rule *r, const struct probe_count *c);

struct prober;
struct prober_state {
    bool started, ready, unhealthy;
    const char *message; /* of the last failure; "" */
    const char *which;   /* "Readiness probe" */
};
/* NULL when the container has no probe. `age_ms`: how long it runs already. `was`: what was known
 * of this very run before (an adopted container keeps its readiness until a probe says otherwise);
 * NULL for a new run. */
struct prober *prober_new(const struct action_target *t, uint64_t age_ms,
                          const struct prober_state *was, void (*on_change)(void *arg), void *arg);
void prober_free(struct prober *p); /* NULL is fine */
const struct prober_state *prober_state(const struct prober *p);

#endif
