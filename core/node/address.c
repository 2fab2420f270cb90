/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address book of one range. Every address that was ever given away has a line in it; lines
 * that are free hang in one list, oldest first. An address without a line was never used and is
 * found by a cursor.
 */
#include "node/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/list.h"
#include "base/map.h"

#define RESTING_MAX                                                                                \
    8192 /* names remembered; older ones are forgotten, their addresses count as never used */

struct line {
    struct list resting; /* in addresses.resting when free */
    uint32_t address;
    bool used;
    char *key;
};

struct addresses {
    uint32_t first, last, own, cursor;
    size_t used, n_resting;
    struct map by_text; /* address -> line */
    struct map by_key;  /* last key of a line -> line */
    struct list resting;
};

int address_parse(const char *text, uint32_t *ret)
{
    struct in_addr in;
    if (!text || inet_pton(AF_INET, text, &in) != 1)
        return -EINVAL;
    *ret = ntohl(in.s_addr);
    return 0;
}

const char *address_text(uint32_t address, char out[ADDRESS_TEXT_MAX])
{
    snprintf(out, ADDRESS_TEXT_MAX, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
             (address >> 8) & 255, address & 255);
    return out;
}

static int range_parse(const char *cidr, uint32_t *ret_net, unsigned *ret_prefix)
{
    struct str rest = str_of(cidr), net, prefix;
    uint64_t n;
    if (!str_split(&rest, '/', &net) || !str_split(&rest, '/', &prefix) || rest.ptr)
        return -EINVAL;
    AUTO(mem_freep) char *text = mem_strndup(net.ptr, net.len);
    if (address_parse(text, ret_net) || str_to_u64(prefix, &n) || n < 8 || n > 29)
        return -EINVAL;
    *ret_prefix = (unsigned)n;
    return *ret_net & (0xffffffffu >> n) ? -EINVAL : 0;
}

int addresses_new(const char *cidr, const char *own, struct addresses **ret, struct err **err)
{
    uint32_t net, mine = 0;
    unsigned prefix;
    if (range_parse(cidr, &net, &prefix))
        return err_set(
            err, -EINVAL,
            "Pod addresses: want an IPv4 range such as 127.1.0.0/16 (prefix 8 to 29, no bits "
            "behind the prefix), found \"%s\"",
            cidr ? cidr : "");
    address_parse(own, &mine);
    struct addresses *a = mem_new(struct addresses);
    a->last = (net | (0xffffffffu >> prefix)) - 1; /* not the broadcast address */
    a->first = prefix < 24 ? net + 257 : net + 1;
    a->own = mine;
    a->cursor = a->first;
    list_init(&a->resting);
    *ret = a;
    return 0;
}

static void line_free(struct addresses *a, struct line *l)
{
    char text[ADDRESS_TEXT_MAX];
    map_del(&a->by_text, address_text(l->address, text));
    if (map_get(&a->by_key, l->key) == l)
        map_del(&a->by_key, l->key);
    list_remove(&l->resting);
    mem_free(l->key);
    mem_free(l);
}

void addresses_free(struct addresses *a)
{
    if (!a)
        return;
    void *l;
    for (size_t it = 0; map_next(&a->by_text, &it, NULL, &l);) {
        mem_free(((struct line *)l)->key);
        mem_free(l);
    }
    map_done(&a->by_text);
    map_done(&a->by_key);
    mem_free(a);
}

static struct line *line_of(const struct addresses *a, uint32_t address)
{
    char text[ADDRESS_TEXT_MAX];
    return map_get(&a->by_text, address_text(address, text));
}

static void line_rest(struct addresses *a, struct line *l)
{
    l->used = false;
    list_append(&a->resting, &l->resting);
    if (++a->n_resting > RESTING_MAX) {
        a->n_resting--;
        line_free(a, list_entry(a->resting.next, struct line, resting));
    }
}

static void line_use(struct addresses *a, struct line *l, const char *key)
{
    if (!list_empty(&l->resting)) {
        list_remove(&l->resting);
        a->n_resting--;
    }
    if (!streq(l->key, key)) {
        if (l->key && map_get(&a->by_key, l->key) == l)
            map_del(&a->by_key, l->key);
        mem_free(l->key);
        l->key = mem_strdup(key);
    }
    l->used = true;
    a->used++;
    map_set(&a->by_key, key, l);
}

static struct line *line_new(struct addresses *a, uint32_t address, const char *key)
{
    char text[ADDRESS_TEXT_MAX];
    struct line *l = mem_new(struct line);
    list_init(&l->resting);
    l->address = address;
    l->key = mem_strdup(key);
    map_set(&a->by_text, address_text(address, text), l);
    return l;
}

/* An address that has no line; 0 when all have one. The cursor goes round, so that an address whose
 * line was forgotten is the last to come back. */
static uint32_t fresh(struct addresses *a)
{
    uint64_t size = (uint64_t)a->last - a->first + 1;
    if (map_len(&a->by_text) >= size)
        return 0;
    for (uint64_t i = 0; i < size; i++) {
        uint32_t at = a->cursor;
        a->cursor = at == a->last ? a->first : at + 1;
        if (at != a->own && !line_of(a, at))
            return at;
    }
    return 0;
}

uint32_t addresses_take(struct addresses *a, const char *key)
{
    struct line *l = map_get(&a->by_key, key);
    if (!l || l->used) {
        uint32_t address = fresh(a);
        if (address)
            l = line_new(a, address, key);
        else if (!list_empty(&a->resting))
            l = list_entry(a->resting.next, struct line, resting);
        else
            return 0;
    }
    line_use(a, l, key);
    return l->address;
}

int addresses_claim(struct addresses *a, uint32_t address, const char *key)
{
    if (address < a->first || address > a->last || address == a->own)
        return -ERANGE;
    struct line *l = line_of(a, address);
    if (l && l->used)
        return streq(l->key, key) ? 0 : -EADDRINUSE;
    line_use(a, l ? l : line_new(a, address, key), key);
    return 0;
}

void addresses_release(struct addresses *a, uint32_t address)
{
    struct line *l = line_of(a, address);
    if (!l || !l->used)
        return;
    a->used--;
    line_rest(a, l);
}

size_t addresses_used(const struct addresses *a)
{
    return a->used;
}

void addresses_print(const struct addresses *a, struct buf *out)
{
    char text[ADDRESS_TEXT_MAX];
    list_foreach (it, &a->resting) {
        const struct line *l = list_entry(it, struct line, resting);
        buf_addf(out, "%s %s\n", address_text(l->address, text), l->key);
    }
}

void addresses_load(struct addresses *a, struct str text)
{
    struct str row, word;
    uint32_t address;
    while (str_split(&text, '\n', &row)) {
        if (!row.len || !str_split(&row, ' ', &word) || !row.ptr || !row.len)
            continue;
        AUTO(mem_freep) char *ip = mem_strndup(word.ptr, word.len);
        AUTO(mem_freep) char *key = mem_strndup(row.ptr, row.len);
        if (address_parse(ip, &address) || line_of(a, address))
            continue;
        if (addresses_claim(a, address, key) == 0)
            addresses_release(a, address);
    }
}
