/* SPDX-License-Identifier: Apache-2.0 */
/* Role reports: copying, cleaning, comparing. Pure; called on any thread. */
#include "engine/report.h"

#include <string.h>

#include "engine/abi.h"

/* Length of a well-formed UTF-8 sequence at p (n bytes left); 0 when it is none. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4
                               : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

size_t text_clean(char *out, size_t max, struct atoll_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len;) {
        const unsigned char *p = (const unsigned char *)s.ptr + i;
        size_t len = utf8_len(p, s.len - i);
        if (n + (len ? len : 1) >= max)
            break;
        if (len == 0 || *p < 0x20 || *p == 0x7f) {
            out[n++] = len ? ' ' : '?';
            i++;
            continue;
        }
        memcpy(out + n, p, len);
        n += len;
        i += len;
    }
    out[n] = '\0';
    return n;
}

bool reason_ok(struct atoll_str s)
{
    if (s.len == 0 || s.len > 63)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return true;
}

/* ---- copying
 * ------------------------------------------------------------------------------------------- */

static const struct atoll_fact *fact_at(const struct atoll_role_report *r, uint32_t i)
{
    return (const void *)((const char *)r->facts + (size_t)i * r->fact_size);
}

static const char *facts_fault(const struct atoll_role_report *r)
{
    if (r->n_facts > REPORT_FACTS_MAX)
        return "more than 64 facts";
    if (r->n_facts && (!r->facts || r->fact_size < ABI_FACT_1_0))
        return "facts without a table or with a short fact_size";
    for (uint32_t i = 0; i < r->n_facts; i++) {
        const struct atoll_fact *f = fact_at(r, i);
        if (f->key.len == 0 || f->key.len > REPORT_KEY_MAX)
            return "a fact whose key is empty or longer than 128 bytes";
        if (f->value.len > REPORT_VALUE_MAX)
            return "a fact longer than 4096 bytes";
    }
    return NULL;
}

static const char *report_fault(const struct atoll_role_report *r)
{
    if (!r || r->size < ABI_ROLE_REPORT_1_0)
        return "a report that is NULL or too short";
    if (r->state > ATOLL_ROLE_STATE_UNKNOWN)
        return "a report with an unknown state";
    if (r->role.len > REPORT_KEY_MAX)
        return "a role longer than 128 bytes";
    return r->state == ATOLL_ROLE_STATE_KNOWN ? facts_fault(r) : NULL;
}

static struct atoll_str put(char **at, struct atoll_str s, size_t max)
{
    size_t room = s.len + 1 < max ? s.len + 1 : max;
    struct atoll_str copy = {*at, text_clean(*at, room, s)};
    *at += room;
    return copy;
}

static size_t room_for(struct atoll_str s, size_t max)
{
    return s.len + 1 < max ? s.len + 1 : max;
}

struct report *report_new(const struct atoll_role_report *r, const char **ret_fault)
{
    const char *fault = report_fault(r);
    if (fault) {
        *ret_fault = fault;
        return NULL;
    }
    uint32_t n_facts = r->state == ATOLL_ROLE_STATE_KNOWN ? r->n_facts : 0;
    size_t size = sizeof(struct report) + n_facts * sizeof(struct atoll_fact);
    size += room_for(r->role, REPORT_KEY_MAX + 1) + room_for(r->reason, 64) +
            room_for(r->message, REPORT_TEXT_MAX);
    for (uint32_t i = 0; i < n_facts; i++)
        size += fact_at(r, i)->key.len + fact_at(r, i)->value.len + 2;
    struct report *copy = mem_alloc(size);
    char *at = (char *)&copy->facts[n_facts];
    copy->refs = 1;
    copy->known = r->state == ATOLL_ROLE_STATE_KNOWN;
    copy->version = r->role_version;
    copy->role = put(&at, r->role, REPORT_KEY_MAX + 1);
    copy->reason = put(&at, r->reason, 64);
    copy->message = put(&at, r->message, REPORT_TEXT_MAX);
    copy->n_facts = n_facts;
    for (uint32_t i = 0; i < n_facts; i++) {
        copy->facts[i].flags = fact_at(r, i)->flags;
        copy->facts[i].key = put(&at, fact_at(r, i)->key, REPORT_KEY_MAX + 1);
        copy->facts[i].value = put(&at, fact_at(r, i)->value, REPORT_VALUE_MAX + 1);
    }
    return copy;
}

struct report *report_unknown(const char *reason, const char *message)
{
    struct atoll_role_report r = {.size = sizeof(r), .state = ATOLL_ROLE_STATE_UNKNOWN};
    const char *fault;
    r.reason = (struct atoll_str){reason, strlen(reason)};
    r.message = (struct atoll_str){message, strlen(message)};
    return report_new(&r, &fault);
}

struct report *report_ref(struct report *r)
{
    r->refs++;
    return r;
}

void report_unref(struct report *r)
{
    if (r && --r->refs == 0)
        mem_free(r);
}

/* ---- comparing
 * ------------------------------------------------------------------------------------------- */

static bool same(struct atoll_str a, struct atoll_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static const struct atoll_fact *fact_find(const struct report *r, struct atoll_str key)
{
    for (uint32_t i = 0; i < r->n_facts; i++)
        if (same(r->facts[i].key, key))
            return &r->facts[i];
    return NULL;
}

/* Every steady fact of a is in b with the same value. */
static bool facts_covered(const struct report *a, const struct report *b)
{
    for (uint32_t i = 0; i < a->n_facts; i++) {
        if (a->facts[i].flags & ATOLL_FACT_VOLATILE)
            continue;
        const struct atoll_fact *other = fact_find(b, a->facts[i].key);
        if (!other || !same(other->value, a->facts[i].value))
            return false;
    }
    return true;
}

bool report_changed(const struct report *old, const struct report *now)
{
    if (!old || old->known != now->known)
        return true;
    if (!now->known)
        return false;
    return !same(old->role, now->role) || old->version != now->version ||
           !facts_covered(old, now) || !facts_covered(now, old);
}

cJSON *report_json(const struct report *r)
{
    cJSON *j = cJSON_CreateObject();
    AUTO(mem_freep) char *version = mem_printf("%llu", (unsigned long long)r->version);
    json_put_bool(j, r->known, "known");
    if (r->known) {
        json_put_str(j, r->role.ptr, "role");
        json_put_str(j, version, "version");
        cJSON *facts = json_obj(j, "facts"), *changing = cJSON_CreateArray();
        for (uint32_t i = 0; i < r->n_facts; i++) {
            json_put_str(facts, r->facts[i].value.ptr, r->facts[i].key.ptr);
            if (r->facts[i].flags & ATOLL_FACT_VOLATILE)
                cJSON_AddItemToArray(changing, cJSON_CreateString(r->facts[i].key.ptr));
        }
        json_put(j, changing, "volatile");
    } else {
        json_put_str(j, r->reason.ptr, "reason");
        json_put_str(j, r->message.ptr, "message");
    }
    return j;
}
