/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine plugin ABI of Atoll, version 1. This is the only ABI header.
 *
 * A plugin is one shared object that exports one function, atoll_plugin_entry, and hides the rest. It
 * knows one database engine and nothing else: it observes and advises, the host acts. Promise: a plugin
 * built against 1.x loads in every host 1.y; with y < x it loads too, unless it set a must-understand
 * flag, and finds the later fields absent.
 *
 * Growth is append-only. Every struct starts with or is described by a size; the host copies min(size)
 * into a zeroed struct of its own, the plugin reads a later field only when `size` covers it
 * (ATOLL_HAS). Arrays of plain structs come with their element size, arrays that may grow later are
 * arrays of pointers. Only fixed-width integers, const char *, {ptr,len} views and pointers to tables
 * cross; the header compiles as C99 -pedantic, C11 and C++11.
 *
 * Threads. [loop] runs on the host's loop thread: never block, at most 5 ms, watched. [worker] runs on a
 * pool thread and may block until the deadline. [any] may be called from any thread. A family declares
 * with `threads` which of the two its functions get; ATOLL_THREADS_SERIAL is the default (0). In a family
 * that is not LOOP, cancel is the one function that may run while another one still does: it must be able
 * to reach the call it cancels. create, destroy, topology and callbacks of services are always [loop].
 *
 * Ownership. Arguments are borrowed until the operation completes (pure functions: until they return).
 * Results are copied in by the host. Nothing allocated on one side is freed on the other. `self` is the
 * only state of a plugin; it may be dropped at any restart, so truth lives in the engine.
 */
#ifndef ATOLL_PLUGIN_H
#define ATOLL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATOLL_PLUGIN_MAGIC 0x4c4f5441u /* "ATOL" in memory on a little-endian machine */
#define ATOLL_ABI_MAJOR    1
#define ATOLL_ABI_MINOR    0

#if defined(__GNUC__)
#define ATOLL_EXPORT __attribute__((visibility("default")))
#else
#define ATOLL_EXPORT
#endif

/* True when the struct behind p is large enough to hold member m. */
#define ATOLL_HAS(p, T, m) ((p)->size >= offsetof(T, m) + sizeof((p)->m))

/* ---- small values ------------------------------------------------------------------------------ */

struct atoll_str { /* a view; not NUL-terminated; {0, 0} is absent */
    const char *ptr;
    uint64_t len;
};
struct atoll_kv {
    struct atoll_str key, value;
};
struct atoll_op { /* an operation: slot and generation, never a pointer, never reused while alive */
    uint64_t id;
};

/* Results of functions that refuse: negative, never an errno of one platform. */
#define ATOLL_OK           0
#define ATOLL_ERR_INVALID  (-1) /* the arguments make no sense */
#define ATOLL_ERR_UNKNOWN  (-2) /* unknown name, operation, handle */
#define ATOLL_ERR_BUSY     (-3) /* not now: try again later */
#define ATOLL_ERR_NOTSUP   (-4) /* this plugin or host does not do that */
#define ATOLL_ERR_LIMIT    (-5) /* too large, too many */
#define ATOLL_ERR_SYSTEM   (-6) /* the operating system refused */

/* ---- what the plugin sees: a cluster, its components, their instances --------------------------- */

#define ATOLL_INSTANCE_PRESENT     0x01u /* its process environment exists */
#define ATOLL_INSTANCE_RUNNING     0x02u /* its process runs */
#define ATOLL_INSTANCE_READY       0x04u
#define ATOLL_INSTANCE_TERMINATING 0x08u
#define ATOLL_INSTANCE_ROLE_KNOWN  0x10u /* role, role_version and facts are an answer of the engine */
#define ATOLL_INSTANCE_LEAVING     0x20u /* scale-in chose it */

#define ATOLL_FACT_VOLATILE 0x01u /* changes all the time (an offset): a change alone tells nobody */
struct atoll_fact {
    struct atoll_str key, value;
    uint32_t flags, reserved;
};

struct atoll_instance {
    uint32_t size, flags;
    struct atoll_str id;        /* stable for the life of this instance; never an address */
    struct atoll_str name;      /* "orders-redis-0" */
    struct atoll_str component; /* "redis" */
    struct atoll_str address;   /* IP, may change when the instance moves; empty = none yet */
    struct atoll_str host;      /* stable DNS name */
    int64_t ordinal;
    struct atoll_str role;      /* as last observed; see ATOLL_INSTANCE_ROLE_KNOWN */
    uint64_t role_version;
    uint64_t observed_ms_ago;   /* age of role and facts */
    const struct atoll_fact *facts;
    uint32_t n_facts, fact_size;
};

struct atoll_account {
    uint32_t size, flags;
    struct atoll_str name;      /* as declared by the definition: "default" */
    struct atoll_str username;
    struct atoll_str secret;    /* reference for host->secret->get and for @{secret REF} in files */
};

struct atoll_component {
    uint32_t size, flags;
    struct atoll_str name;            /* "redis", for a shard its shard name */
    struct atoll_str definition;      /* "redis-7" */
    struct atoll_str service_version; /* "7.0.6" */
    struct atoll_str sharding;        /* name of the sharding this shard belongs to, or empty */
    uint32_t replicas;                /* wanted */
    uint32_t n_instances, n_accounts, n_options;
    const struct atoll_instance *const *instances; /* by ordinal */
    const struct atoll_account *const *accounts;
    const struct atoll_kv *options;   /* parameters the user set for this component */
    int64_t cpu_milli, memory_bytes, storage_bytes; /* limits, 0 = none */
};

struct atoll_view {
    uint32_t size, flags;
    struct atoll_str cluster;    /* id of the cluster, unique in the fleet: "default/orders" */
    struct atoll_str topology;   /* "replication" */
    struct atoll_str component;  /* the component this call is about; empty = the whole cluster */
    uint32_t n_components, reserved;
    const struct atoll_component *const *components;
    uint64_t age_ms;             /* age of the cluster; the only notion of time in a pure function */
};

/* ---- host services ------------------------------------------------------------------------------ */

#define ATOLL_LOG_DEBUG 0
#define ATOLL_LOG_INFO  1
#define ATOLL_LOG_WARN  2
#define ATOLL_LOG_ERROR 3

struct atoll_log_api {
    uint32_t size, reserved;
    void (*write)(void *impl, int32_t level, struct atoll_str text); /* [any] one line, no secrets */
};

/* Values after defaults and bounds of the plugin's option table. ATOLL_ERR_UNKNOWN for other names. */
struct atoll_conf_api {
    uint32_t size, reserved;
    int32_t (*get_str)(void *impl, const char *name, struct atoll_str *ret); /* [any] lives as long as self */
    int32_t (*get_int)(void *impl, const char *name, int64_t *ret);          /* INT, BOOL (0/1), DURATION (ms) */
};

#define ATOLL_CLASS_DONE    0 /* it happened */
#define ATOLL_CLASS_RETRY   1 /* it did not happen, may work later */
#define ATOLL_CLASS_FATAL   2 /* it will never work with these arguments */
#define ATOLL_CLASS_UNKNOWN 3 /* nobody knows whether it happened */

struct atoll_outcome {
    uint32_t size, class_;
    struct atoll_str reason;  /* CamelCase, becomes a condition reason; may be empty for DONE */
    struct atoll_str message; /* one sentence for a person */
};

#define ATOLL_ROLE_STATE_KNOWN   0 /* `role` is the engine's own answer (empty role: it has none now) */
#define ATOLL_ROLE_STATE_UNKNOWN 1 /* no answer: never "not primary" */

struct atoll_role_report {
    uint32_t size, state;
    struct atoll_str role;     /* one of the plugin's roles[] */
    uint64_t role_version;     /* epoch from the engine; orders two claims of an exclusive role */
    struct atoll_str reason;   /* for UNKNOWN: CamelCase ("ConnectTimeout", "AuthFailed") */
    struct atoll_str message;
    const struct atoll_fact *facts;
    uint32_t n_facts, fact_size;
};

struct atoll_op_api {
    uint32_t size, reserved;
    /* [any] Exactly once per accepted operation. Only queues; the host delivers later on its loop. A second
     * or late call is ignored, logged as a plugin bug and counted: ATOLL_ERR_UNKNOWN. */
    int32_t (*complete)(void *impl, struct atoll_op op, const struct atoll_outcome *outcome);
    int32_t (*set)(void *impl, struct atoll_op op, struct atoll_str key, struct atoll_str value); /* [any] a result */
    int32_t (*progress)(void *impl, struct atoll_op op, struct atoll_str text);                   /* [any] */
    int64_t (*remaining_ms)(void *impl, struct atoll_op op);  /* [any] until the deadline; <= 0 expired */
    int32_t (*is_cancelled)(void *impl, struct atoll_op op);  /* [any] 1, 0 */
    /* [any] From probe: what this instance is (before complete). From watch: what any instance of the view
     * is, as often as the plugin learns it. `instance` is the id. */
    int32_t (*report)(void *impl, struct atoll_op op, struct atoll_str instance, const struct atoll_role_report *r);
    /* [any] Outside any operation: this instance changed, probe it now (its connection was cut). */
    int32_t (*probe_now)(void *impl, struct atoll_str instance);
};

/* Timers and descriptors belong to the plugin, not to an operation. Callbacks run on [loop]. */
struct atoll_timer_api {
    uint32_t size, reserved;
    uint64_t (*after)(void *impl, uint64_t ms, void (*fn)(void *arg), void *arg); /* [loop] handle, once */
    void (*cancel)(void *impl, uint64_t handle);                                  /* [loop] fired or unknown: nothing */
    uint64_t (*now_ms)(void *impl);                                               /* [any] monotonic */
};

#define ATOLL_IO_READ  1u
#define ATOLL_IO_WRITE 2u
struct atoll_io_api {
    uint32_t size, reserved;
    /* [loop] 0 = refused. The descriptor stays the plugin's; unwatch before closing it. */
    uint64_t (*watch)(void *impl, int32_t fd, uint32_t events, void (*fn)(void *arg, uint32_t events), void *arg);
    void (*want)(void *impl, uint64_t handle, uint32_t events);
    void (*unwatch)(void *impl, uint64_t handle); /* no callback afterwards */
};

struct atoll_secret_api {
    uint32_t size, reserved;
    /* [any] Bytes of a secret that came with the operation; wiped by the host when the operation ends. */
    int32_t (*get)(void *impl, struct atoll_op op, struct atoll_str ref, struct atoll_str *ret);
};

struct atoll_http_request {
    uint32_t size, deadline_ms;
    struct atoll_str method, url, body;
    const struct atoll_kv *headers;
    uint32_t n_headers, reserved;
};
struct atoll_http_api {
    uint32_t size, reserved;
    /* [loop] One request, one call of done on [loop]; status 0 = no answer, body then says why. */
    int32_t (*request)(void *impl, struct atoll_op op, const struct atoll_http_request *r,
                       void (*done)(void *arg, int32_t status, struct atoll_str body), void *arg);
};

struct atoll_stream_api {
    uint32_t size, reserved;
    /* [worker] The descriptor to dump to (data-dump) or load from (data-load); -1 when the operation has none.
     * Owned by the host. */
    int32_t (*descriptor)(void *impl, struct atoll_op op);
};

struct atoll_host {
    uint32_t size, abi_minor;
    void *impl; /* first argument of every service */
    const struct atoll_log_api *log;
    const struct atoll_conf_api *conf;
    const struct atoll_op_api *op;
    const struct atoll_timer_api *timer;
    const struct atoll_io_api *io;
    const struct atoll_secret_api *secret;
    const struct atoll_http_api *http;
    const struct atoll_stream_api *stream;
};

/* ---- family 1: role probe ------------------------------------------------------------------------ */

#define ATOLL_THREADS_SERIAL       0u /* = 2000 */
#define ATOLL_THREADS_LOOP         1000u
#define ATOLL_THREADS_SERIAL_2000  2000u
#define ATOLL_THREADS_PER_INSTANCE 3000u
#define ATOLL_THREADS_PARALLEL     4000u

#define ATOLL_ROLE_WRITABLE  0x01u
#define ATOLL_ROLE_VOTER     0x02u
#define ATOLL_ROLE_EXCLUSIVE 0x04u

struct atoll_role {
    const char *name;
    uint32_t flags;
    int32_t update_priority; /* the highest is updated last */
};

struct atoll_role_probe {
    uint32_t size, threads;
    const struct atoll_role *roles;
    uint32_t n_roles, role_size;
    uint32_t period_ms, timeout_ms; /* defaults; the host staggers instances over the period */
    /* 0 accepted: report at most once, complete exactly once. DONE without a report, any other class, or a
     * passed deadline mean UNKNOWN. */
    int32_t (*probe)(void *self, const struct atoll_view *view, const struct atoll_instance *instance,
                     struct atoll_op op);
    /* Optional, long: streams reports until cancelled, then completes. view->component says which component;
     * ATOLL_ERR_NOTSUP when this one has nothing to push. When the view changes the host cancels it and calls
     * again: keep connections in self. */
    int32_t (*watch)(void *self, const struct atoll_view *view, struct atoll_op op);
    void (*cancel)(void *self, struct atoll_op op);              /* at most once; complete soon after */
    void (*forget)(void *self, struct atoll_str instance);       /* optional: it is gone, drop its connection */
};

/* ---- family 2: lifecycle hooks --------------------------------------------------------------------- */

/*
 * Names: post-provision pre-terminate member-join member-leave switchover readonly readwrite data-dump
 * data-load reconfigure account-provision available-probe shard-add shard-remove wire. Each may run more
 * than once for the same `key` (at least once delivery) and must then end the same way.
 */
#define ATOLL_HOOK_READS_ONLY 0x01u /* changes nothing */

struct atoll_hook_call {
    uint32_t size, attempt;                 /* attempt starts at 1 */
    struct atoll_str hook, key;             /* key: the same for every attempt at the same piece of work */
    const struct atoll_view *view;
    const struct atoll_instance *instance;  /* where, or NULL for the whole component */
    const struct atoll_instance *peer;      /* candidate, upstream, leaving member...; or NULL */
    const struct atoll_kv *args;            /* "wire" gets verb and the advice's own arguments */
    uint32_t n_args, reserved;
};

struct atoll_hook {
    const char *name;
    uint32_t flags, deadline_ms;
    int32_t (*run)(void *self, const struct atoll_hook_call *call, struct atoll_op op); /* 0 obliges one complete */
};

struct atoll_lifecycle {
    uint32_t size, threads;
    const struct atoll_hook *hooks;
    uint32_t n_hooks, hook_size;
    void (*cancel)(void *self, struct atoll_op op);
};

/* ---- family 3: topology: pure, synchronous, no I/O, same input same answer --------------------------- */

struct atoll_diag {
    uint32_t size, reserved;
    void *impl;
    void (*error)(void *impl, const char *field, struct atoll_str message); /* field: "redis.replicas" */
    void (*warn)(void *impl, const char *field, struct atoll_str message);
};

/* A file may contain @{secret REF}, which the host replaces when it stores the file (then as a secret). */
struct atoll_files {
    uint32_t size, reserved;
    void *impl;
    void (*file)(void *impl, const char *volume, const char *name, uint32_t mode, struct atoll_str content);
    void (*env)(void *impl, const char *container, const char *name, struct atoll_str value);
    void (*arg)(void *impl, const char *container, struct atoll_str value); /* appended to its arguments */
};

/* One wiring operation: hook "wire" will run on `target` with these arguments. */
struct atoll_wire {
    uint32_t size, n_args;
    const char *verb;           /* the plugin's own word: "follow", "promote", "monitor" */
    struct atoll_str target;    /* instance id */
    struct atoll_str peer;      /* instance id or empty */
    struct atoll_str key;       /* stable name of this piece of work */
    const struct atoll_kv *args;
    struct atoll_str reason;    /* one sentence: why now */
};

struct atoll_advice {
    uint32_t size, reserved;
    void *impl;
    /* In order: a later stage starts when the earlier ones are done. Same stage = may run together. */
    void (*wire)(void *impl, uint32_t stage, const struct atoll_wire *w);
    void (*update_order)(void *impl, uint32_t position, struct atoll_str instance); /* smaller first; equal together */
    void (*switchover_before)(void *impl, struct atoll_str instance, struct atoll_str candidate, struct atoll_str reason);
    void (*victim)(void *impl, uint32_t position, struct atoll_str instance, struct atoll_str reason);
    void (*endpoint)(void *impl, const char *role, struct atoll_str instance);
    /* What must not happen now and why; subject is an instance id or empty for the component. */
    void (*refuse)(void *impl, struct atoll_str subject, const char *reason, struct atoll_str message);
};

struct atoll_topology {
    uint32_t size, reserved;
    /* File or folder of YAML beside the shared object, named relative to it: the definitions it brings. */
    const char *definitions;
    void (*validate)(void *self, const struct atoll_view *view, const struct atoll_diag *diag);
    /* What every instance of view->component needs. `instance` holds late-bound values such as
     * "$(ATOLL_ADDRESS)": good in env and arguments, where they are expanded at start, not in files. */
    void (*render)(void *self, const struct atoll_view *view, const struct atoll_instance *instance,
                   const struct atoll_files *files);
    /* From observed facts to ordered advice for view->component. Roles and facts are the host's latest. */
    void (*advise)(void *self, const struct atoll_view *view, const struct atoll_advice *advice);
};

/* ---- the descriptor --------------------------------------------------------------------------------- */

#define ATOLL_OPTION_STR      0u
#define ATOLL_OPTION_INT      1u
#define ATOLL_OPTION_BOOL     2u
#define ATOLL_OPTION_DURATION 3u /* "500ms", "10s"; bounds in ms */

struct atoll_option {
    const char *name, *def, *help; /* def: text form, NULL = none */
    uint32_t type, reserved;
    int64_t min, max;              /* both 0 = no bounds */
};

#define ATOLL_PLUGIN_MUST_UNDERSTAND 0xffff0000u /* flags in here that the host does not know: refused */

struct atoll_plugin {
    uint32_t magic;                /* these 16 bytes are frozen for ever */
    uint16_t abi_major, abi_minor;
    uint32_t size, flags;

    const char *name, *version, *summary; /* name: a DNS label, the one in conf.d */
    const struct atoll_option *options;
    uint32_t n_options, option_size;
    int32_t (*create)(const struct atoll_host *host, void **ret_self); /* [loop] host outlives self */
    void (*destroy)(void *self);                                       /* [loop] no operation is open */
    const struct atoll_role_probe *role_probe;
    const struct atoll_lifecycle *lifecycle;
    const struct atoll_topology *topology;
    /* later families are appended here */
};

ATOLL_EXPORT const struct atoll_plugin *atoll_plugin_entry(void);

#ifdef __cplusplus
}
#endif
#endif
