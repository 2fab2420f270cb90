/* SPDX-License-Identifier: Apache-2.0 */
/* Slots, commands and configuration of HAProxy 2.6. Words and columns are those of its management
 * guide. */
#include "node/balance.h"

#include <stdio.h>
#include <string.h>

struct proxy *proxy_new(const char *name)
{
    struct proxy *p = mem_new(struct proxy);
    p->name = mem_strdup(name);
    return p;
}

void proxy_free(struct proxy *p)
{
    for (size_t i = 0; i < p->n; i++) {
        mem_free(p->slots[i].want);
        mem_free(p->slots[i].told);
        mem_free(p->slots[i].file);
    }
    mem_free(p->slots);
    mem_free(p->name);
    mem_free(p);
}

static void text_set(char **at, const char *text)
{
    if (streq(*at, text))
        return;
    mem_free(*at);
    *at = mem_strdup(text);
}

static void slots_grow(struct proxy *p, size_t n)
{
    p->slots = mem_realloc(p->slots, n * sizeof(*p->slots));
    memset(p->slots + p->n, 0, (n - p->n) * sizeof(*p->slots));
    p->n = n;
}

static bool among(const char *target, const char *const *targets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (streq(target, targets[i]))
            return true;
    return false;
}

static struct slot *slot_of(struct proxy *p, const char *target)
{
    for (size_t i = 0; i < p->n; i++)
        if (streq(p->slots[i].want, target))
            return &p->slots[i];
    return NULL;
}

/* The slot for a new target: of one that left first, then one that is closed. */
static struct slot *slot_free(struct proxy *p, const char *const *targets, size_t n)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->slots[i].want && !among(p->slots[i].want, targets, n))
            return &p->slots[i];
    return slot_of(p, NULL);
}

bool proxy_assign(struct proxy *p, const char *const *targets, size_t n)
{
    size_t room = p->n ? p->n : BALANCE_SLOTS_MIN;
    while (room < n)
        room *= 2;
    if (p->n && room > p->n)
        room *= 2; /* it grows: leave room, every growth is a reload */
    bool grown = room > p->n;
    if (grown)
        slots_grow(p, room);
    for (size_t i = 0; i < n; i++)
        if (!slot_of(p, targets[i]))
            text_set(&slot_free(p, targets, n)->want, targets[i]);
    for (size_t i = 0; i < p->n; i++)
        if (p->slots[i].want && !among(p->slots[i].want, targets, n))
            text_set(&p->slots[i].want, NULL);
    return grown;
}

bool proxy_settled(const struct proxy *p)
{
    for (size_t i = 0; i < p->known; i++)
        if (!streq(p->slots[i].want, p->slots[i].told))
            return false;
    return true;
}

void proxy_reloaded(struct proxy *p)
{
    p->known = p->filed;
    for (size_t i = 0; i < p->n; i++)
        text_set(&p->slots[i].told, i < p->known ? p->slots[i].file : NULL);
}

static void slot_command(const struct proxy *p, size_t i, const char *target, struct buf *out)
{
    const char *colon = target ? strrchr(target, ':') : NULL;
    if (!colon) {
        buf_addf(out, "set server %s/s%zu state maint\n", p->name, i + 1);
        return;
    }
    buf_addf(out, "set server %s/s%zu addr %.*s port %s\n", p->name, i + 1, (int)(colon - target),
             target, colon + 1);
    buf_addf(out, "set server %s/s%zu state ready\n", p->name, i + 1);
}

/* Closing first: between two commands a client must rather find nobody than the one that left.
 * Sessions are cut last, when a client that comes back at once already reaches the right one. */
void proxy_commands(struct proxy *p, struct buf *commands, struct buf *cuts)
{
    for (size_t i = 0; i < p->known; i++)
        if (p->slots[i].told && !p->slots[i].want)
            slot_command(p, i, NULL, commands);
    for (size_t i = 0; i < p->known; i++)
        if (p->slots[i].want && !streq(p->slots[i].want, p->slots[i].told))
            slot_command(p, i, p->slots[i].want, commands);
    for (size_t i = 0; i < p->known; i++) {
        struct slot *s = &p->slots[i];
        if (s->told && !streq(s->want, s->told)) {
            buf_addf(commands, "shutdown sessions server %s/s%zu\n", p->name, i + 1);
            buf_addf(cuts, "%s/s%zu\n", p->name, i + 1);
        }
        text_set(&s->told, s->want);
    }
}

/* ---- configuration ------------------------------------------------------------------------------
 */

static void config_proxy(struct proxy *p, struct buf *out)
{
    p->filed = p->n;
    buf_addf(out, "\nlisten %s\n    bind %s\n    balance %s\n", p->name, p->name,
             p->sticky ? "source" : "roundrobin");
    for (size_t i = 0; i < p->n; i++) {
        const char *want = p->slots[i].want;
        text_set(&p->slots[i].file, want);
        buf_addf(out, "    server s%zu %s%s\n", i + 1, want ? want : "127.0.0.1:1",
                 want ? "" : " disabled");
    }
}

void balance_config(const struct map *proxies, const struct balance_settings *s, struct buf *out)
{
    AUTO(arena_freep) struct arena *a = arena_new(64 * 1024 * 1024);
    const char **names = map_keys_sorted(proxies, a);
    buf_addf(out,
             "# Written by atolld's local node; changes are overwritten.\n"
             "global\n"
             "    stats socket %s mode 600 level admin expose-fd listeners\n"
             "    stats timeout 1h\n"
             "    maxconn %u\n"
             "    nbthread %u\n"
             "\n"
             "defaults\n"
             "    mode tcp\n"
             "    timeout connect 2s\n"
             "    timeout client 24d\n" /* a Service does not end idle connections */
             "    timeout server 24d\n"
             "    option tcpka\n"
             "    option redispatch\n"
             "    retries 1\n",
             s->worker_socket, s->maxconn, s->threads);
    for (; *names; names++) {
        struct proxy *p = map_get(proxies, *names);
        p->filed = 0;
        if (p->declared && !p->barred)
            config_proxy(p, out);
    }
}

/* ---- what a running HAProxy says ----------------------------------------------------------------
 */

/* Column `i` (from 0) of a blank-separated row. */
static struct str column(struct str row, size_t i)
{
    struct str word;
    while (str_split(&row, ' ', &word))
        if (word.len && i-- == 0)
            return word;
    return (struct str){"", 0};
}

enum { COL_PROXY = 1, COL_SERVER = 3, COL_ADDRESS = 4, COL_ADMIN = 6, COL_PORT = 18 };

static void learn_row(struct map *proxies, struct str row)
{
    struct str name = column(row, COL_PROXY), server = column(row, COL_SERVER);
    struct str address = column(row, COL_ADDRESS), admin = column(row, COL_ADMIN),
               port = column(row, COL_PORT);
    uint64_t number, admin_bits;
    if (!name.len || !memchr(name.ptr, ':', name.len) || server.len < 2 || server.ptr[0] != 's' ||
        str_to_u64((struct str){server.ptr + 1, server.len - 1}, &number) || number < 1 ||
        number > 65536 || str_to_u64(admin, &admin_bits) || !port.len)
        return;
    AUTO(mem_freep) char *key = mem_strndup(name.ptr, name.len);
    struct proxy *p = map_get(proxies, key);
    if (!p) {
        p = proxy_new(key);
        map_set(proxies, key, p);
    }
    if (p->declared)
        return;
    if (number > p->n)
        slots_grow(p, number);
    p->filed = p->known = p->n;
    if (admin_bits & 1) /* forced into maintenance: closed */
        return;
    AUTO(mem_freep)
    char *target = mem_printf("%.*s:%.*s", (int)address.len, address.ptr, (int)port.len, port.ptr);
    text_set(&p->slots[number - 1].want, target);
    text_set(&p->slots[number - 1].told, target);
}

void balance_learn(struct map *proxies, const char *servers_state)
{
    struct str rest = str_of(servers_state), row;
    while (str_split(&rest, '\n', &row))
        if (row.len && row.ptr[0] != '#')
            learn_row(proxies, row);
}

size_t balance_old_workers(const char *show_proc, int *ret, size_t max)
{
    size_t n = 0;
    bool old = false;
    struct str rest = str_of(show_proc), row;
    while (str_split(&rest, '\n', &row)) {
        int64_t pid;
        if (row.len && row.ptr[0] == '#')
            old = row.len >= 13 && memcmp(row.ptr, "# old workers", 13) == 0;
        else if (old && n < max && str_to_i64(column(row, 0), &pid) == 0)
            ret[n++] = (int)pid;
    }
    return n;
}

/* The word after `key` in a row of `show sess`. */
static struct str value_after(struct str row, const char *key)
{
    const char *at = memmem(row.ptr, row.len, key, strlen(key));
    if (!at)
        return (struct str){"", 0};
    at += strlen(key);
    size_t left = row.len - (size_t)(at - row.ptr);
    const char *end = memchr(at, ' ', left);
    return (struct str){at, end ? (size_t)(end - at) : left};
}

static bool line_among(const char *lines, struct str want)
{
    struct str rest = str_of(lines), line;
    while (str_split(&rest, '\n', &line))
        if (line.len && str_eq(line, want))
            return true;
    return false;
}

void balance_cut(const char *show_sess, const char *cuts, int worker, struct buf *commands)
{
    struct str rest = str_of(show_sess), row;
    while (str_split(&rest, '\n', &row)) {
        struct str be = value_after(row, " be="), server = value_after(row, " srv=");
        const char *colon = row.len ? memchr(row.ptr, ':', row.len) : NULL;
        if (!colon || !be.len || !server.len || memcmp(row.ptr, "0x", 2) != 0)
            continue;
        AUTO(mem_freep)
        char *slot = mem_printf("%.*s/%.*s", (int)be.len, be.ptr, (int)server.len, server.ptr);
        if (line_among(cuts, str_of(slot)))
            buf_addf(commands, "@!%d shutdown session %.*s\n", worker, (int)(colon - row.ptr),
                     row.ptr);
    }
}

void balance_batch(struct buf *lines, size_t max, struct buf *ret)
{
    size_t done = 0;
    while (done < lines->len) {
        const char *at = lines->ptr + done, *end = memchr(at, '\n', lines->len - done);
        size_t n = end ? (size_t)(end - at) : lines->len - done;
        if (ret->len && ret->len + n + 1 > max)
            break;
        if (ret->len)
            buf_addc(ret, ';');
        buf_add(ret, at, n);
        done += n + (end != NULL);
    }
    buf_drop(lines, done);
    if (ret->len)
        buf_addc(ret, '\n');
}
