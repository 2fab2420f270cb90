/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an instance. One flat file per kind, the same for all instances of a component:
 * whatever differs between them (the address) is an argument in the definition, whatever changes at
 * run time (who follows whom, priorities) is wired. Pure.
 *
 * Secrets appear as @{secret REF}, in single quotes: there redis.conf takes everything literally
 * except a single quote.
 */
#include "params.h"
#include "redis.h"
#include "scene.h"

#define FILE_MAX 32768
#define MB       (1LL << 20)

struct page {
    char text[FILE_MAX];
    size_t len;
};

static void line(struct page *p, const char *fmt, ...) ATOLL_FORMAT(2, 3);
static void line(struct page *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(p->text + p->len, sizeof(p->text) - p->len, fmt, ap);
    va_end(ap);
    MUST(n >= 0 && (size_t)n + 1 < sizeof(p->text) - p->len); /* options are bounded by validate */
    p->len += (size_t)n;
    p->text[p->len++] = '\n';
    p->text[p->len] = '\0';
}

/* Ours, unless the user said otherwise. */
static void setting(struct page *p, const struct atoll_component *c, const char *name,
                    const char *fmt, ...) ATOLL_FORMAT(4, 5);
static void setting(struct page *p, const struct atoll_component *c, const char *name,
                    const char *fmt, ...)
{
    char value[256];
    va_list ap;
    if (atoll_component_option(c, name).ptr)
        return;
    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    line(p, "%s %s", name, value);
}

static void user_settings(struct page *p, const struct atoll_component *c)
{
    for (uint32_t i = 0; i < c->n_options; i++) {
        struct atoll_str name = c->options[i].key, value = c->options[i].value;
        const struct param *row = server_param(name);
        char fault[700];
        if (!row || row->type == PARAM_OWNED || param_fault(row, value, fault, sizeof(fault)))
            continue; /* validate refused it */
        bool quoted = row->type == PARAM_TEXT &&
                      !atoll_str_is(name, "client-output-buffer-limit") &&
                      !atoll_str_is(name, "save");
        if (quoted || value.len == 0)
            line(p, "%.*s '%.*s'", STR_FMT(name), STR_FMT(value));
        else
            line(p, "%.*s %.*s", STR_FMT(name), STR_FMT(value));
    }
}

static void passwords(struct page *p, const struct atoll_component *c, bool replicated)
{
    const struct atoll_account *a = atoll_account_named(c, "default");
    if (!a || !a->secret.len)
        return;
    line(p, "requirepass '@{secret %.*s}'", STR_FMT(a->secret));
    if (replicated)
        line(p, "masterauth '@{secret %.*s}'", STR_FMT(a->secret));
}

/* A snapshot or a log rewrite under writes copies up to 60 % of the data (measured), and buffers
 * come on top: 60 % of the limit is for data. */
static void memory_settings(struct page *p, const struct atoll_component *c)
{
    int64_t backlog = 64 * MB;
    if (c->memory_bytes >= 32 * MB) {
        setting(p, c, "maxmemory", "%lld", (long long)c->memory_bytes / 5 * 3);
        if (backlog > c->memory_bytes / 8)
            backlog = c->memory_bytes / 8;
    }
    setting(p, c, "maxmemory-policy", "noeviction");
    setting(p, c, "repl-backlog-size", "%lld", (long long)backlog);
}

/* A primary that lost its replicas stops acknowledging before the sentinels can have promoted
 * another one: max-lag plus one second is below down-after. Whether it does (min-replicas-to-write)
 * depends on how many servers there are; that is wired, because a file that changes with the size
 * would restart everybody when one is added. */
static void replication_settings(struct page *p, const struct redis *self,
                                 const struct atoll_view *view, const struct atoll_component *c)
{
    const struct atoll_component *sentinels = view_sentinels(view);
    struct guard_settings g =
        guard_settings_of(&self->settings, sentinels, sentinels ? sentinels->replicas : 0);
    int64_t lag = (int64_t)g.down_after_ms / 1000 - 1;
    line(p, "# Nobody is primary on its own decision: see the start gate in the plugin's README.");
    line(p, "replicaof %s %d", GATE_HOST, GATE_PORT);
    line(p, "replica-priority %d", PRIORITY_NEVER);
    line(p, "replica-read-only yes");
    setting(p, c, "min-replicas-max-lag", "%lld", (long long)(lag >= 1 ? lag : 1));
    setting(p, c, "repl-diskless-sync", "yes");
    setting(p, c, "repl-diskless-sync-delay", "1");
}

static void render_server(struct page *p, const struct redis *self, const struct atoll_view *view,
                          const struct atoll_component *c)
{
    bool replicated = view_replicated(view);
    line(p, "# Written by the redis plugin; a change here is overwritten.");
    line(p, "port %d", REDIS_PORT);
    line(p, "protected-mode no");
    line(p, "daemonize no");
    line(p, "logfile ''");
    line(p, "dir /data");
    line(p, "dbfilename dump.rdb");
    line(p, "appendonly yes");
    setting(p, c, "appendfsync", "everysec");
    setting(p, c, "save", "''");
    setting(p, c, "tcp-keepalive", "60");
    passwords(p, c, replicated);
    memory_settings(p, c);
    if (replicated)
        replication_settings(p, self, view, c);
    user_settings(p, c);
}

static void render_sentinel(struct page *p, const struct atoll_component *c)
{
    line(p, "# Written by the redis plugin; what the sentinel learns is kept on its data volume.");
    line(p, "port %d", SENTINEL_PORT);
    line(p, "protected-mode no");
    line(p, "daemonize no");
    line(p, "logfile ''");
    line(p, "dir /data");
    passwords(p, c, false); /* also what it says to the other sentinels */
}

void render(void *p, const struct atoll_view *view, const struct atoll_instance *instance,
            const struct atoll_files *files)
{
    struct redis *self = CAST(redis, p);
    const struct atoll_component *c = atoll_component_this(view);
    const bool sentinel = c && component_kind(c) == KIND_SENTINEL;
    (void)instance;
    if (!c || component_kind(c) == KIND_OTHER)
        return;
    struct page *page = heap_new(struct page);
    if (sentinel)
        render_sentinel(page, c);
    else
        render_server(page, self, view, c);
    files->file(files->impl, sentinel ? "sentinel-config" : "redis-config",
                sentinel ? "sentinel.conf" : "redis.conf", 0444,
                (struct atoll_str){page->text, page->len});
    heap_free(page);
}
