/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies of Redis 7 and Sentinel 7 into plain structs. Field names and shapes are those of 7.0
 * (INFO takes several sections since 7.0; SENTINEL MASTER is a flat list of pairs). No I/O here.
 */
#include "answer.h"

#include <strings.h>

/* ---- endpoints
 * -------------------------------------------------------------------------------------- */

bool endpoint_format(char out[ENDPOINT_MAX], const char *host, size_t host_len, uint64_t port)
{
    if (!host_len || host_len > 45 || port == 0 || port > 65535) {
        out[0] = '\0';
        return false;
    }
    snprintf(out, ENDPOINT_MAX, "%.*s:%u", (int)host_len, host, (unsigned)port);
    return true;
}

bool endpoint_parse(struct atoll_str text, char host[ENDPOINT_MAX], int *ret_port)
{
    uint64_t at = text.len, port;
    while (at > 0 && text.ptr[at - 1] != ':')
        at--;
    if (at < 2 || at > ENDPOINT_MAX - 1)
        return false;
    if (!str_u64((struct atoll_str){text.ptr + at, text.len - at}, &port) || port == 0 ||
        port > 65535)
        return false;
    memcpy(host, text.ptr, (size_t)at - 1);
    host[at - 1] = '\0';
    *ret_port = (int)port;
    return true;
}

/* ---- INFO
 * ------------------------------------------------------------------------------------------- */

struct info_raw { /* what the lines say, before it is made sense of */
    struct atoll_str role, master_host, run_id, replid;
    uint64_t master_port, master_offset, replica_offset, uptime, priority;
    int64_t last_io, good_replicas;
    bool link_up, loading, aof_failing;
};

enum info_kind { INFO_STR, INFO_U64, INFO_I64, INFO_IS };
static const struct info_row {
    const char *name;
    enum info_kind kind;
    size_t at;
    const char *word; /* INFO_IS: true when the value is this */
} info_rows[] = {
    {"aof_last_write_status", INFO_IS, offsetof(struct info_raw, aof_failing), "err"},
    {"loading", INFO_IS, offsetof(struct info_raw, loading), "1"},
    {"master_host", INFO_STR, offsetof(struct info_raw, master_host), NULL},
    {"master_last_io_seconds_ago", INFO_I64, offsetof(struct info_raw, last_io), NULL},
    {"master_link_status", INFO_IS, offsetof(struct info_raw, link_up), "up"},
    {"master_port", INFO_U64, offsetof(struct info_raw, master_port), NULL},
    {"master_repl_offset", INFO_U64, offsetof(struct info_raw, master_offset), NULL},
    {"master_replid", INFO_STR, offsetof(struct info_raw, replid), NULL},
    {"min_slaves_good_slaves", INFO_I64, offsetof(struct info_raw, good_replicas), NULL},
    {"role", INFO_STR, offsetof(struct info_raw, role), NULL},
    {"run_id", INFO_STR, offsetof(struct info_raw, run_id), NULL},
    {"slave_priority", INFO_U64, offsetof(struct info_raw, priority), NULL},
    {"slave_repl_offset", INFO_U64, offsetof(struct info_raw, replica_offset), NULL},
    {"uptime_in_seconds", INFO_U64, offsetof(struct info_raw, uptime), NULL},
};

static const struct info_row *info_row_find(struct atoll_str name)
{
    size_t low = 0, high = ARRAY_LEN(info_rows);
    while (low < high) {
        size_t mid = (low + high) / 2;
        const char *want = info_rows[mid].name;
        size_t n = strlen(want) < name.len ? strlen(want) : (size_t)name.len;
        int c = memcmp(name.ptr, want, n);
        if (c == 0)
            c = name.len < strlen(want) ? -1 : name.len > strlen(want);
        if (c == 0)
            return &info_rows[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static void info_store(struct info_raw *raw, const struct info_row *row, struct atoll_str value)
{
    char *at = (char *)raw + row->at;
    switch (row->kind) {
    case INFO_STR:
        memcpy(at, &value, sizeof(value));
        break;
    case INFO_IS:
        *(bool *)at = atoll_str_is(value, row->word);
        break;
    case INFO_U64:
        (void)str_u64(value, (uint64_t *)(void *)at);
        break;
    case INFO_I64:
        (void)str_i64(value, (int64_t *)(void *)at);
        break;
    }
}

/* The number behind "name=" in "ip=...,port=...,state=online"; the text for what = NULL. */
static struct atoll_str info_member(struct atoll_str value, const char *name)
{
    size_t want = strlen(name);
    for (uint64_t i = 0; i < value.len;) {
        uint64_t end = i;
        while (end < value.len && value.ptr[end] != ',')
            end++;
        if (end - i > want && memcmp(value.ptr + i, name, want) == 0 && value.ptr[i + want] == '=')
            return (struct atoll_str){value.ptr + i + want + 1, end - i - want - 1};
        i = end + 1;
    }
    return (struct atoll_str){NULL, 0};
}

static bool info_numbered(struct atoll_str name, const char *stem) /* "db12", "slave0" */
{
    size_t n = strlen(stem);
    uint64_t number;
    return name.len > n && memcmp(name.ptr, stem, n) == 0 &&
           str_u64((struct atoll_str){name.ptr + n, name.len - n}, &number);
}

static void info_line(struct server_answer *a, struct info_raw *raw, struct atoll_str name,
                      struct atoll_str value)
{
    const struct info_row *row = info_row_find(name);
    if (row)
        info_store(raw, row, value);
    else if (info_numbered(name, "db"))
        a->keys += str_number(info_member(value, "keys"), 0);
    else if (info_numbered(name, "slave"))
        a->replicas_online += (uint64_t)atoll_str_is(info_member(value, "state"), "online");
}

static bool info_next(const char **at, const char *end, struct atoll_str *name,
                      struct atoll_str *value)
{
    while (*at < end) {
        const char *start = *at;
        const char *stop = memchr(start, '\n', (size_t)(end - start));
        *at = stop ? stop + 1 : end;
        if (!stop)
            stop = end;
        if (stop > start && stop[-1] == '\r')
            stop--;
        const char *colon = memchr(start, ':', (size_t)(stop - start));
        if (!colon)
            continue;
        *name = (struct atoll_str){start, (uint64_t)(colon - start)};
        *value = (struct atoll_str){colon + 1, (uint64_t)(stop - colon - 1)};
        return true;
    }
    return false;
}

int server_answer_parse(struct server_answer *a, const char *info, size_t len)
{
    struct info_raw raw = {.last_io = -1, .good_replicas = -1};
    struct atoll_str name, value;
    const char *at = info;
    memset(a, 0, sizeof(*a));
    while (info_next(&at, info + len, &name, &value))
        info_line(a, &raw, name, value);
    if (!atoll_str_is(raw.role, "master") && !atoll_str_is(raw.role, "slave"))
        return -1;
    if (atoll_str_copy(raw.run_id, a->run_id, sizeof(a->run_id)) != ATOLL_OK || !a->run_id[0])
        return -1;
    (void)atoll_str_copy(raw.replid, a->replid, sizeof(a->replid));
    a->master = atoll_str_is(raw.role, "master");
    a->loading = raw.loading;
    a->aof_ok = !raw.aof_failing;
    a->uptime = raw.uptime;
    a->priority = raw.priority;
    a->empty = a->keys == 0;
    a->lag = raw.last_io;
    a->strict = raw.good_replicas >= 0; /* the field is there only when it is on */
    a->offset = a->master ? raw.master_offset : raw.replica_offset;
    if (a->master)
        return 0;
    if (!endpoint_format(a->upstream, raw.master_host.ptr, (size_t)raw.master_host.len,
                         raw.master_port))
        return -1;
    a->gated = strcmp(a->upstream, GATE_ENDPOINT) == 0;
    a->link_up = raw.link_up && !a->gated;
    return 0;
}

int server_answer_reply(struct server_answer *a, const redisReply *r)
{
    memset(a, 0, sizeof(*a));
    if (r->type != REDIS_REPLY_STRING)
        return -1;
    return server_answer_parse(a, r->str, r->len);
}

/* ---- sentinel
 * --------------------------------------------------------------------------------------- */

static struct atoll_str pair_value(const redisReply *r, const char *name)
{
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const redisReply *k = r->element[i], *v = r->element[i + 1];
        if (k->type == REDIS_REPLY_STRING && v->type == REDIS_REPLY_STRING && text_eq(k->str, name))
            return (struct atoll_str){v->str, v->len};
    }
    return (struct atoll_str){NULL, 0};
}

static bool flags_have(struct atoll_str flags, const char *flag)
{
    size_t n = strlen(flag);
    for (uint64_t i = 0, end; i < flags.len; i = end + 1) {
        end = i;
        while (end < flags.len && flags.ptr[end] != ',')
            end++;
        if (end - i == n && memcmp(flags.ptr + i, flag, n) == 0)
            return true;
    }
    return false;
}

int sentinel_answer_master(struct sentinel_answer *a, const redisReply *r)
{
    memset(a, 0, sizeof(*a));
    memcpy(a->failover, "none", sizeof("none"));
    if (r->type == REDIS_REPLY_ERROR)
        return strstr(r->str, "No such master") ? 0 : -1;
    if (r->type != REDIS_REPLY_ARRAY)
        return -1;
    struct atoll_str ip = pair_value(r, "ip"), flags = pair_value(r, "flags");
    struct atoll_str state = pair_value(r, "failover-state");
    if (!endpoint_format(a->monitors, ip.ptr, (size_t)ip.len, str_number(pair_value(r, "port"), 0)))
        return -1;
    a->knows = true;
    a->epoch = str_number(pair_value(r, "config-epoch"), 0);
    a->others = str_number(pair_value(r, "num-other-sentinels"), 0);
    a->replicas = str_number(pair_value(r, "num-slaves"), 0);
    a->quorum = str_number(pair_value(r, "quorum"), 0);
    a->down_after = str_number(pair_value(r, "down-after-milliseconds"), 0);
    a->failover_timeout = str_number(pair_value(r, "failover-timeout"), 0);
    a->parallel_syncs = str_number(pair_value(r, "parallel-syncs"), 0);
    a->down = flags_have(flags, "s_down");
    if (flags_have(flags, "failover_in_progress"))
        (void)atoll_str_copy(state.len ? state : atoll_str_of("running"), a->failover,
                             sizeof(a->failover));
    return 0;
}

/* A leader past the promotion already carries the new epoch but still lists the old address; only
 * GET-MASTER-ADDR-BY-NAME names the promoted replica then. Before that both name the old master. */
void sentinel_answer_address(struct sentinel_answer *a, const redisReply *r)
{
    bool moved = text_eq(a->failover, "reconf_slaves") || text_eq(a->failover, "update_config");
    char endpoint[ENDPOINT_MAX];
    if (moved && sentinel_answer_endpoint(r, endpoint))
        memcpy(a->monitors, endpoint, sizeof(endpoint));
}

bool sentinel_answer_endpoint(const redisReply *r, char out[ENDPOINT_MAX])
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
        r->element[0]->type != REDIS_REPLY_STRING || r->element[1]->type != REDIS_REPLY_STRING)
        return false;
    struct atoll_str port = {r->element[1]->str, r->element[1]->len};
    return endpoint_format(out, r->element[0]->str, r->element[0]->len, str_number(port, 0));
}

void sentinel_answer_quorum(struct sentinel_answer *a, const redisReply *r)
{
    a->usable = r->type == REDIS_REPLY_STATUS && !strncmp(r->str, "OK", 2);
}

void sentinel_answer_info(struct sentinel_answer *a, const redisReply *r)
{
    struct atoll_str name, value;
    if (r->type != REDIS_REPLY_STRING)
        return;
    const char *at = r->str;
    while (info_next(&at, r->str + r->len, &name, &value)) {
        if (atoll_str_is(name, "run_id"))
            (void)atoll_str_copy(value, a->run_id, sizeof(a->run_id));
        else if (atoll_str_is(name, "sentinel_tilt"))
            a->tilt = atoll_str_is(value, "1");
    }
}

int64_t sentinel_knows_priority(const redisReply *r, const char *endpoint)
{
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        const redisReply *one = r->element[i];
        char at[ENDPOINT_MAX];
        if (one->type != REDIS_REPLY_ARRAY)
            continue;
        struct atoll_str ip = pair_value(one, "ip"), flags = pair_value(one, "flags");
        if (!endpoint_format(at, ip.ptr, (size_t)ip.len, str_number(pair_value(one, "port"), 0)) ||
            !text_eq(at, endpoint))
            continue;
        if (flags_have(flags, "s_down") || flags_have(flags, "disconnected"))
            return -1;
        return (int64_t)str_number(pair_value(one, "slave-priority"), 0);
    }
    return -1;
}

/* ---- errors
 * ----------------------------------------------------------------------------------------- */

const char *answer_error_reason(const char *text)
{
    static const struct {
        const char *start, *reason;
    } rows[] = {
        {"NOAUTH", "AuthFailed"},
        {"WRONGPASS", "AuthFailed"},
        {"NOPERM", "NoPermission"},
        {"BUSY", "Busy"},
        {"LOADING", "Loading"},
        {"ERR max number of clients", "MaxClients"},
        {"MASTERDOWN", "MasterDown"},
        {"ERR Client sent AUTH", "AuthFailed"},
        {"ERR invalid password", "AuthFailed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!strncasecmp(text, rows[i].start, strlen(rows[i].start)))
            return rows[i].reason;
    return "EngineError";
}
