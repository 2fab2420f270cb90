/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's own state and the functions its tables name. State is connections and what was heard
 * on them; all of it may be lost at any time, the truth is in the servers and sentinels.
 */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include "cluster.h"
#include "epoch.h"
#include "link.h"

#define redis_MAGIC   0x52454449u
#define REDIS_BUCKETS 1024

#define ROLE_PRIMARY   "primary"
#define ROLE_SECONDARY "secondary"

struct contact;
struct shard;
struct errand;

struct settings { /* the plugin's options, read once */
    int64_t down_after_ms, failover_timeout_ms, command_timeout_ms, switchover_pause_ms;
};

struct redis {
    uint32_t magic;
    const struct atoll_host *host;
    struct settings settings;
    struct contact *contacts[REDIS_BUCKETS]; /* by instance id */
    struct shard *shards;                    /* few per helper; a list */
    struct errand *errands;
    uint64_t stamp; /* counts questions and ends of errands, to order them */
};

uint64_t redis_now(const struct redis *self);
void redis_probe_now(const struct redis *self, const char *instance);

/* probe.c */
int32_t probe_start(void *self, const struct atoll_view *view,
                    const struct atoll_instance *instance, struct atoll_op op);
bool probe_cancel(struct redis *self, struct atoll_op op);
void probe_forget(void *self, struct atoll_str instance);
void probe_drop_all(struct redis *self);
/* A server of the shard answers at this endpoint: ask it now. */
void probe_endpoint_now(struct redis *self, struct shard *s, const char *endpoint);
void probe_shard_now(struct redis *self, struct shard *s);
/* Did it answer a question that was asked after this stamp? True also for endpoints nobody probes.
 */
bool probe_answered_since(const struct shard *s, const char *endpoint, uint64_t stamp);
/* What sentinels say changed: primaries whose claim depends on it are asked again. */
void probe_claims_again(struct redis *self, struct shard *s);

/* watch.c */
int32_t watch_start(void *self, const struct atoll_view *view, struct atoll_op op);
bool watch_cancel(struct redis *self, struct atoll_op op);
void watch_drop_all(struct redis *self);

/* One master name: what its sentinels said, who is probed for it, and its subscriptions. */
struct subscription;
struct shard {
    struct shard *next;
    unsigned refs; /* contacts and the watch */
    char master_name[MASTER_NAME_MAX];
    struct epoch_book book;
    struct contact *members;
    struct subscription *subscriptions;
    const struct errand *moving; /* a switchover or failover this plugin runs right now */
    struct atoll_op watch;
    bool watched;
    uint64_t idle_timer;
    struct redis *self;
};
struct shard *shard_ref(struct redis *self, const char *name);
void shard_unref(struct shard *s);

/* errand.c: operations in several steps */
void errand_drop_all(struct redis *self);
void errand_cancel(void *self, struct atoll_op op);
int32_t wire_start(void *self, const struct atoll_hook_call *call, struct atoll_op op);
int32_t switchover_start(void *self, const struct atoll_hook_call *call, struct atoll_op op);
int32_t member_leave_start(void *self, const struct atoll_hook_call *call, struct atoll_op op);

/* The pure family. */
void validate(void *self, const struct atoll_view *view, const struct atoll_diag *diag);
void render(void *self, const struct atoll_view *view, const struct atoll_instance *instance,
            const struct atoll_files *files);
void advise(void *self, const struct atoll_view *view, const struct atoll_advice *advice);

#endif
