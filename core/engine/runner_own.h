/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a runner, shared by the files that make it up: runner.c, ops.c, lanes.c,
 * services.c, probes.c, watches.c, calls.c, topology.c. */
#ifndef ATOLL_ENGINE_RUNNER_OWN_H
#define ATOLL_ENGINE_RUNNER_OWN_H

#include "base/map.h"
#include "engine/lanes.h"
#include "engine/load.h"
#include "engine/mailbox.h"
#include "engine/runner.h"
#include "io/http_client.h"

#define LOOP_BUDGET_US 5000 /* a call on the loop that takes longer is a bug of the plugin */

struct runner {
    uint32_t magic;
    struct loop *loop;
    pthread_t loop_thread;
    struct plugin *plugin;
    void *self;
    struct note *note;
    void (*emit)(void *arg, cJSON *msg);
    void *emit_arg;

    struct wheel *wheel;
    struct mailbox *mail;
    struct lanes *lanes;
    struct ops ops;
    struct map probes;  /* instance -> struct probe */
    struct map watches; /* key -> struct watch */
    struct map calls;   /* id as text -> struct call */

    struct atoll_host host; /* services.c */
    struct handles timers, fds;
    struct http_client *http;
    struct list http_calls;

    uint64_t bug_window_ms; /* bugs told in this second, and those that were not */
    unsigned bugs_told, bugs_held;
    bool closing;
    struct list zombie; /* see runner_free */
};
#define runner_MAGIC 0xa7011001

/* ---- runner.c ---- */
void runner_emit(struct runner *r, cJSON *msg);
/* A rule of the ABI was broken: [any thread]. `kind` is static, a label of
 * atoll_engine_plugin_bugs_total. */
void runner_bug(struct runner *r, const char *kind, const char *fmt, ...) ATOLL_PRINTF(3, 4);
void runner_tell_stuck(struct runner *r);
const char *runner_file(const struct runner *r); /* "x.so" */
bool runner_on_loop(const struct runner *r);
/* Around every call into the plugin on the loop: the note and the watchdog. */
struct guard {
    struct runner *r;
    uint64_t began_us;
    const char *what;
};
struct guard guard_begin(struct runner *r, const char *what);
void guard_end(struct guard *g);

/* ---- services.c ---- */
void services_init(struct runner *r);
void services_done(struct runner *r); /* drops the plugin's timers, descriptors and requests */

/* ---- probes.c ---- */
void probe_spec_set(struct runner *r, const char *instance, const cJSON *spec);
void probe_spec_clear(struct runner *r, const char *instance);
void probe_now(struct runner *r, const char *instance);
void probe_heard(struct runner *r, const char *instance,
                 struct report *report); /* from a watch; takes it */
bool probe_role(void *runner, struct atoll_str instance,
                struct view_role *ret); /* a view_role_fn */
void probes_close(struct runner *r);
void probes_done(struct runner *r);
/* When an instance is probed first and next: pure, so that a fleet spreads over the period. */
uint64_t probe_first_at(const char *instance, uint64_t now_ms, uint32_t period_ms);
uint64_t probe_next_at(const char *instance, uint64_t now_ms, uint32_t period_ms);

/* ---- watches.c ---- */
void watch_set(struct runner *r, const char *key, const cJSON *spec);
void watch_clear(struct runner *r, const char *key);
void watches_close(struct runner *r);
void watches_done(struct runner *r);

/* ---- calls.c, topology.c ---- */
void call_start(struct runner *r, const struct frame *f);
void call_cancel(struct runner *r, uint64_t id);
void call_progress(struct runner *r, uint64_t op, const char *text);
void calls_close(struct runner *r);
void calls_done(struct runner *r);
void topology_run(struct runner *r, const struct frame *f);
void done_emit(struct runner *r, uint64_t id, uint32_t class_, const char *reason,
               const char *message, cJSON *results /* taken */);

#endif
