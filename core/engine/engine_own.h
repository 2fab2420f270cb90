/* SPDX-License-Identifier: Apache-2.0 */
/* The host's inside, shared by engine.c (door, links, restarts), roles.c (probe and watch
 * specifications, roles) and start.c (hook and topology calls). */
#ifndef ATOLL_ENGINE_ENGINE_OWN_H
#define ATOLL_ENGINE_ENGINE_OWN_H

#include "base/list.h"
#include "base/map.h"
#include "engine/engine.h"
#include "engine/link.h"
#include "engine/supervise.h"
#include "io/metrics.h"

struct engine {
    uint32_t magic;
    struct engine_host *host;
    char *name, *path;
    const struct link_kind *kind;
    struct link_opts opts;
    cJSON *options;
    struct link *link; /* NULL while down */

    enum engine_state state;
    char *message;
    struct crash_history crashes;
    struct loop_timer *restart;
    uint64_t started_ms, stuck_since_ms;
    bool tell_state; /* on_state is owed */

    cJSON *plugin;      /* of the last ready frame; NULL before the first */
    struct map specs;   /* instance -> struct probe_spec */
    struct map watches; /* key -> struct watch_spec */
    struct map calls;   /* id -> struct open_call */
};
#define engine_MAGIC 0xa7011020

struct engine_host {
    uint32_t magic;
    struct loop *loop;
    char *helper, *plugin_dir;
    void (*on_role)(void *arg, struct engine *e, const char *instance,
                    const struct engine_role_view *r);
    void (*on_state)(void *arg, struct engine *e);
    void *arg;
    struct engine **engines;
    size_t n;
    struct loop_timer *tick, *soon;
    struct list answers; /* struct open_call that ended without the plugin */
    bool settled, started, freeing;
    uint64_t next_id;
    struct metric *m_bugs, *m_restarts, *m_available, *m_calls;
};
#define engine_host_MAGIC 0xa7011021

/* ---- engine.c ---- */
/* Send when there is somebody to send to; takes msg. */
void engine_send(struct engine *e, cJSON *msg);
void host_soon(struct engine_host *h);

/* ---- roles.c ---- */
void roles_resend(struct engine *e); /* after a restart: every specification again */
void roles_heard(struct engine *e, const struct frame *f);
void roles_done(struct engine *e);

/* ---- start.c ---- */
void calls_heard(struct engine *e, const struct frame *f);
void calls_end_all(struct engine *e, const char *why); /* UNKNOWN: the process is gone */
void calls_tell_waiting(struct engine_host *h);
bool calls_overdue(const struct engine *e, uint64_t now_ms);
void calls_drop(struct engine *e); /* without callbacks */
void calls_drop_waiting(struct engine_host *h);

#endif
