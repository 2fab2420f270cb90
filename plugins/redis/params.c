/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of Redis 7.0 and its sentinel, as rows. What is not listed is refused: a name that
 * Redis does not know stops the server at its next start, which is the worst time to hear of it.
 */
#include "params.h"

#include <strings.h>

#define KB 1024LL
#define GB (KB * KB * KB)
#define OURS(name, why)                                                                            \
    {                                                                                              \
        name, PARAM_OWNED, 0, 0, why                                                               \
    }

#define BY_DEFINITION "the definition of the component decides it"
#define BY_WIRING     "it is set while instances are wired"
#define BY_ACCOUNT    "it comes from the account of the component"

static const struct param server_params[] = {
    {"active-defrag-cycle-max", PARAM_INT, 1, 99, NULL},
    {"active-defrag-cycle-min", PARAM_INT, 1, 99, NULL},
    {"active-defrag-ignore-bytes", PARAM_MEMORY, 1, 1024 * GB, NULL},
    {"active-defrag-threshold-lower", PARAM_INT, 0, 1000, NULL},
    {"active-defrag-threshold-upper", PARAM_INT, 0, 1000, NULL},
    {"active-expire-effort", PARAM_INT, 1, 10, NULL},
    {"activedefrag", PARAM_BOOL, 0, 0, NULL},
    {"activerehashing", PARAM_BOOL, 0, 0, NULL},
    {"aof-load-truncated", PARAM_BOOL, 0, 0, NULL},
    {"aof-rewrite-incremental-fsync", PARAM_BOOL, 0, 0, NULL},
    {"aof-timestamp-enabled", PARAM_BOOL, 0, 0, NULL},
    {"aof-use-rdb-preamble", PARAM_BOOL, 0, 0, NULL},
    {"appendfsync", PARAM_WORD, 0, 0, "always everysec no"},
    OURS("appendonly", "a server without its log would come back empty from every restart"),
    {"auto-aof-rewrite-min-size", PARAM_MEMORY, 0, 1024 * GB, NULL},
    {"auto-aof-rewrite-percentage", PARAM_INT, 0, 100000, NULL},
    OURS("bind", BY_DEFINITION),
    OURS("bind-source-addr", BY_DEFINITION),
    {"busy-reply-threshold", PARAM_INT, 0, 3600000, NULL},
    {"client-output-buffer-limit", PARAM_TEXT, 0, 0, NULL},
    {"client-query-buffer-limit", PARAM_MEMORY, 1 * KB *KB, 1024 * GB, NULL},
    OURS("cluster-enabled", "this is no component of a sharded cluster"),
    OURS("daemonize", BY_DEFINITION),
    {"databases", PARAM_INT, 1, 16384, NULL},
    OURS("dbfilename", BY_DEFINITION),
    OURS("dir", BY_DEFINITION),
    {"dynamic-hz", PARAM_BOOL, 0, 0, NULL},
    {"hash-max-listpack-entries", PARAM_INT, 0, 1 << 30, NULL},
    {"hash-max-listpack-value", PARAM_INT, 0, 1 << 30, NULL},
    {"hll-sparse-max-bytes", PARAM_INT, 0, 16000, NULL},
    {"hz", PARAM_INT, 1, 500, NULL},
    OURS("include", "one flat file keeps the roles apart from the rest"),
    {"io-threads", PARAM_INT, 1, 128, NULL},
    {"io-threads-do-reads", PARAM_BOOL, 0, 0, NULL},
    {"jemalloc-bg-thread", PARAM_BOOL, 0, 0, NULL},
    {"latency-monitor-threshold", PARAM_INT, 0, 3600000, NULL},
    {"latency-tracking", PARAM_BOOL, 0, 0, NULL},
    {"lazyfree-lazy-eviction", PARAM_BOOL, 0, 0, NULL},
    {"lazyfree-lazy-expire", PARAM_BOOL, 0, 0, NULL},
    {"lazyfree-lazy-server-del", PARAM_BOOL, 0, 0, NULL},
    {"lazyfree-lazy-user-del", PARAM_BOOL, 0, 0, NULL},
    {"lazyfree-lazy-user-flush", PARAM_BOOL, 0, 0, NULL},
    {"lfu-decay-time", PARAM_INT, 0, 1 << 30, NULL},
    {"lfu-log-factor", PARAM_INT, 0, 1 << 30, NULL},
    {"list-compress-depth", PARAM_INT, 0, 1 << 30, NULL},
    {"list-max-listpack-size", PARAM_INT, -5, 1 << 30, NULL},
    OURS("logfile", BY_DEFINITION),
    {"loglevel", PARAM_WORD, 0, 0, "debug verbose notice warning"},
    OURS("masterauth", BY_ACCOUNT),
    OURS("masteruser", BY_ACCOUNT),
    {"maxclients", PARAM_INT, 100, 1000000, NULL},
    {"maxmemory", PARAM_MEMORY, 1 * KB *KB, 1024 * GB, NULL},
    {"maxmemory-clients", PARAM_TEXT, 0, 0, NULL},
    {"maxmemory-eviction-tenacity", PARAM_INT, 0, 100, NULL},
    {"maxmemory-policy", PARAM_WORD, 0, 0,
     "noeviction allkeys-lru allkeys-lfu allkeys-random volatile-lru volatile-lfu volatile-random "
     "volatile-ttl"},
    {"maxmemory-samples", PARAM_INT, 1, 64, NULL},
    {"min-replicas-max-lag", PARAM_INT, 0, 3600, NULL},
    {"min-replicas-to-write", PARAM_INT, 0, 100, NULL},
    {"no-appendfsync-on-rewrite", PARAM_BOOL, 0, 0, NULL},
    {"notify-keyspace-events", PARAM_TEXT, 0, 0, NULL},
    OURS("pidfile", BY_DEFINITION),
    OURS("port", BY_DEFINITION),
    {"proto-max-bulk-len", PARAM_MEMORY, 1 * KB *KB, 1024 * GB, NULL},
    OURS("protected-mode", BY_DEFINITION),
    {"rdb-save-incremental-fsync", PARAM_BOOL, 0, 0, NULL},
    {"rdbchecksum", PARAM_BOOL, 0, 0, NULL},
    {"rdbcompression", PARAM_BOOL, 0, 0, NULL},
    {"repl-backlog-size", PARAM_MEMORY, 16 * KB, 1024 * GB, NULL},
    {"repl-backlog-ttl", PARAM_INT, 0, 1 << 30, NULL},
    {"repl-disable-tcp-nodelay", PARAM_BOOL, 0, 0, NULL},
    {"repl-diskless-load", PARAM_WORD, 0, 0, "disabled on-empty-db swapdb"},
    {"repl-diskless-sync", PARAM_BOOL, 0, 0, NULL},
    {"repl-diskless-sync-delay", PARAM_INT, 0, 3600, NULL},
    {"repl-diskless-sync-max-replicas", PARAM_INT, 0, 1000, NULL},
    {"repl-ping-replica-period", PARAM_INT, 1, 3600, NULL},
    {"repl-timeout", PARAM_INT, 1, 86400, NULL},
    OURS("replica-announce-ip", BY_DEFINITION),
    OURS("replica-announce-port", BY_DEFINITION),
    {"replica-lazy-flush", PARAM_BOOL, 0, 0, NULL},
    OURS("replica-priority", BY_WIRING),
    OURS("replica-read-only", "a writable replica loses what is written to it"),
    {"replica-serve-stale-data", PARAM_BOOL, 0, 0, NULL},
    OURS("replicaof", BY_WIRING),
    OURS("requirepass", BY_ACCOUNT),
    {"save", PARAM_TEXT, 0, 0, NULL},
    {"set-max-intset-entries", PARAM_INT, 0, 1 << 30, NULL},
    {"shutdown-timeout", PARAM_INT, 0, 3600, NULL},
    OURS("slaveof", BY_WIRING),
    {"slowlog-log-slower-than", PARAM_INT, -1, INT64_MAX, NULL},
    {"slowlog-max-len", PARAM_INT, 0, 1 << 30, NULL},
    {"stop-writes-on-bgsave-error", PARAM_BOOL, 0, 0, NULL},
    {"stream-node-max-bytes", PARAM_MEMORY, 0, 1024 * GB, NULL},
    {"stream-node-max-entries", PARAM_INT, 0, 1 << 30, NULL},
    {"tcp-backlog", PARAM_INT, 1, 65535, NULL},
    {"tcp-keepalive", PARAM_INT, 0, 86400, NULL},
    {"timeout", PARAM_INT, 0, 1 << 30, NULL},
    {"tracking-table-max-keys", PARAM_INT, 0, 1 << 30, NULL},
    {"zset-max-listpack-entries", PARAM_INT, 0, 1 << 30, NULL},
    {"zset-max-listpack-value", PARAM_INT, 0, 1 << 30, NULL},
};

/* Set on the monitored master at run time, not in the file. */
static const struct param sentinel_params[] = {
    {"down-after-milliseconds", PARAM_INT, 1000, 3600000, NULL},
    {"failover-timeout", PARAM_INT, 1000, 3600000, NULL},
    {"parallel-syncs", PARAM_INT, 1, 100, NULL},
    {"quorum", PARAM_INT, 1, 100, NULL},
};

static const struct param *param_find(const struct param *rows, size_t n, struct atoll_str name)
{
    for (size_t i = 0; i < n; i++)
        if (atoll_str_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

const struct param *server_param(struct atoll_str name)
{
    return param_find(server_params, ARRAY_LEN(server_params), name);
}

const struct param *sentinel_param(struct atoll_str name)
{
    return param_find(sentinel_params, ARRAY_LEN(sentinel_params), name);
}

/* ---- values
 * ------------------------------------------------------------------------------------------- */

bool memory_parse(struct atoll_str text, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {{"", 1},        {"b", 1},        {"k", 1000},       {"kb", KB},
                 {"m", 1000000}, {"mb", KB * KB}, {"g", 1000000000}, {"gb", GB}};
    uint64_t digits = 0, v;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!str_u64((struct atoll_str){text.ptr, digits}, &v))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (text.len - digits == strlen(units[i].unit) &&
            !strncasecmp(text.ptr + digits, units[i].unit, (size_t)(text.len - digits)) &&
            v <= (uint64_t)(INT64_MAX / units[i].factor)) {
            *ret = (int64_t)v * units[i].factor;
            return true;
        }
    return false;
}

static bool word_among(struct atoll_str value, const char *words)
{
    for (const char *at = words; *at;) {
        size_t n = strcspn(at, " ");
        if (value.len == n && !memcmp(value.ptr, at, n))
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

/* One line of the file, whose quotes we write ourselves. */
static bool text_is_plain(struct atoll_str value)
{
    for (uint64_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < 0x20 || value.ptr[i] == '@' || value.ptr[i] == '\'' ||
            value.ptr[i] == '"' || value.ptr[i] == '\\')
            return false;
    return value.len <= 512;
}

const char *param_fault(const struct param *p, struct atoll_str value, char *text, size_t size)
{
    int64_t v = 0;
    switch (p->type) {
    case PARAM_OWNED:
        snprintf(text, size, "may not be set: %s", p->words);
        return text;
    case PARAM_INT:
        if (str_i64(value, &v) && v >= p->min && v <= p->max)
            return NULL;
        snprintf(text, size, "want a whole number from %lld to %lld, found \"%.*s\"",
                 (long long)p->min, (long long)p->max, STR_FMT(value));
        return text;
    case PARAM_MEMORY:
        if (memory_parse(value, &v) && v >= p->min && v <= p->max)
            return NULL;
        snprintf(text, size, "want an amount such as 64mb, from %lld to %lld bytes, found \"%.*s\"",
                 (long long)p->min, (long long)p->max, STR_FMT(value));
        return text;
    case PARAM_BOOL:
        if (word_among(value, "yes no"))
            return NULL;
        snprintf(text, size, "want yes or no, found \"%.*s\"", STR_FMT(value));
        return text;
    case PARAM_WORD:
        if (word_among(value, p->words))
            return NULL;
        snprintf(text, size, "want one of %s, found \"%.*s\"", p->words, STR_FMT(value));
        return text;
    case PARAM_TEXT:
        if (text_is_plain(value))
            return NULL;
        snprintf(text, size,
                 "want one line of at most 512 bytes without quotes, backslashes and @");
        return text;
    }
    return NULL;
}
