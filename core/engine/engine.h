/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of engine: plugins behind a uniform asynchronous face.
 *
 * Each configured engine runs in a helper process (isolation = "process", the default) or in this
 * one
 * ("inline", for tests). The face is the same: calls are queued, results arrive in a later turn, a
 * dead helper ends every open operation as UNKNOWN and is restarted with backoff; three crashes in
 * a minute quarantine the engine until the configuration changes or ten minutes pass. The probe
 * schedule, the kept connections and the latest facts live beside the plugin, so only changes come
 * back.
 *
 * The view (see sdk/include/atoll/plugin.h, struct atoll_view) crosses this door as JSON:
 *   {cluster, topology, component, ageMs, components: [{name, definition, serviceVersion, sharding,
 * replicas, options:{k:v}, cpuMilli, memoryBytes, storageBytes, accounts:[{name, username,
 * secret}], instances:[{id, name, component, address, host, ordinal, present, running, ready,
 * terminating, leaving}]}]} role, role_version, observed_ms_ago and facts of instances are filled
 * in beside the plugin from its own latest reports, matched by id; a test may give them (role,
 * roleVersion, observedMsAgo, facts:{k:v}).
 */
#ifndef ATOLL_ENGINE_ENGINE_H
#define ATOLL_ENGINE_ENGINE_H

#include "base/conf.h"
#include "base/json.h"
#include "io/loop.h"

/* conf.d keys of this room, for the program's table: engines.*.plugin (path), .isolation, .threads,
 * .address_space_mb, .options.** (checked against the plugin's own table when it is loaded) */
extern const struct conf_key engine_conf_keys[];
extern const size_t engine_conf_keys_n;

struct engine_role_view {
    bool known;       /* false: UNKNOWN, keep what you had */
    const char *role; /* "" = answered, has no role */
    uint64_t version; /* orders two claims of an exclusive role */
    const char *reason, *message;
    const cJSON *facts; /* {key: value}, all facts of the last answer */
};

struct engine;
struct engine_host;
struct engine_host_opts {
    const struct conf *conf;
    const char *helper;     /* absolute path of atoll-engine */
    const char *plugin_dir; /* where engine "x" is looked up as x.so when no path is configured */
    /* Changes of role, role version, known/unknown, or a fact that is not volatile. */
    void (*on_role)(void *arg, struct engine *e, const char *instance,
                    const struct engine_role_view *r);
    /* Availability of an engine changed (crashed, back, quarantined, stuck). */
    void (*on_state)(void *arg, struct engine *e);
    void *arg;
};
/* Runs the loop for up to 5 s per start, so not from a callback of it. An engine that cannot be
 * started or was refused is no error here: it is there with its state, and everything else goes on.
 */
int engine_host_new(struct loop *l, const struct engine_host_opts *o, struct engine_host **ret,
                    struct err **err);
/* Ends helpers; open operations end without callbacks. Not from one of its callbacks. Inline it may
 * wait up to 2 s for calls that run on threads. */
void engine_host_free(struct engine_host *h);
struct engine *engine_find(struct engine_host *h, const char *name); /* NULL when not configured */
size_t engine_count(const struct engine_host *h);
struct engine *engine_at(struct engine_host *h, size_t i);

const char *engine_name(const struct engine *e);
const char *engine_version(const struct engine *e);
/* Known once the plugin was loaded the first time (engine_host_new waits for that, at most 5 s per
 * engine). */
const cJSON *
engine_definitions(const struct engine *e); /* array of API objects from the plugin's YAML */
const cJSON *
engine_roles(const struct engine *e); /* [{name, writable, voter, exclusive, updatePriority}] */
bool engine_has_hook(const struct engine *e, const char *hook, uint32_t *ret_deadline_ms);
bool engine_available(const struct engine *e);
const char *
engine_state_reason(const struct engine *e); /* "Running", "Crashed", "Quarantined", "Stuck", ... */
const char *engine_state_message(
    const struct engine *e); /* one sentence: "x.so ended with SIGSEGV in probe of ..." */
int engine_helper_pid(const struct engine *e); /* 0 inline or not running */
void engine_unquarantine(struct engine *e);

/* Probes. Setting the same spec again is free. `spec`: {view: <view>, instance: id, periodMs?,
 * timeoutMs?, secrets: {ref: text}}. */
void engine_probe_set(struct engine *e, const char *instance, const cJSON *spec);
void engine_probe_clear(struct engine *e, const char *instance);
void engine_probe_now(struct engine *e, const char *instance);
size_t engine_probe_count(const struct engine *e);
/* A long watch for one component, key = "cluster/component". Restarted when the view changes or it
 * ends. */
void engine_watch_set(struct engine *e, const char *key, const cJSON *spec); /* {view, secrets} */
void engine_watch_clear(struct engine *e, const char *key);

/* Operations. `done` exactly once in a later turn. */
struct engine_outcome {
    int class_; /* ATOLL_CLASS_DONE, _RETRY, _FATAL, _UNKNOWN */
    const char *reason, *message;
    const cJSON *
        results; /* {key: value} set by the plugin, or the answer of a topology call; may be NULL */
};
typedef void engine_done_fn(void *arg, const struct engine_outcome *o);
struct engine_call {
    const char *hook;     /* "wire", "switchover", ... */
    const char *key;      /* stable over attempts */
    unsigned attempt;     /* from 1 */
    uint32_t deadline_ms; /* 0 = the hook's default */
    const cJSON *view;
    const char *instance; /* id or NULL */
    const char *peer;     /* id or NULL */
    const cJSON *args;    /* {k: v} or NULL */
    const cJSON *secrets; /* {ref: text} or NULL */
};
uint64_t engine_hook_start(struct engine *e, const struct engine_call *c, engine_done_fn *done,
                           void *arg);
void engine_op_cancel(struct engine *e, uint64_t op);

/* Topology. results:
 *   validate -> {errors:[{field,message}], warnings:[{field,message}]}
 *   render   -> {files:[{volume,name,mode,content}], env:{container:[{name,value}]},
 * args:{container:[text]}} advise   -> {wire:[{stage,verb,target,peer,key,args:{},reason}],
 * updateOrder:[{position,instance}], switchoverBefore:[{instance,candidate,reason}],
 * victims:[{position,instance,reason}], endpoints:[{role,instance}],
 * refusals:[{subject,reason,message}]}   */
void engine_validate(struct engine *e, const cJSON *view, engine_done_fn *done, void *arg);
void engine_render(struct engine *e, const cJSON *view, engine_done_fn *done, void *arg);
void engine_advise(struct engine *e, const cJSON *view, engine_done_fn *done, void *arg);

/*
 * Conformance of one plugin, in this process and on a loop of its own: descriptor, size skews,
 * every hook finished, cancelled and expired, probes, topology twice the same, two instances at
 * once, leaks. The view is made from the plugin's own definitions; its addresses answer nobody. One
 * line per check goes to `out`: "ok ...", "warn ..." or "FAIL ...". `options` {name: text} or NULL.
 * Returns the number of failures, or a negative errno when the plugin does not even load. Takes
 * seconds; may not be called on a loop.
 */
int engine_check(const char *path, const cJSON *options, struct buf *out);

/* The other end of the socket: main loop of atoll-engine. fd is the inherited socket. Returns an
 * exit code. */
int engine_helper_main(int fd);

/* Replace @{secret REF} in text; -ENOENT names the missing reference. */
int engine_expand_secrets(const char *text, const cJSON *secrets, struct buf *out, bool *ret_had,
                          struct err **err);

#endif
