/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pieces of an engine's wiring advice are started now.
 *
 * Advice comes in stages; a stage starts when the ones before it are done. A piece is recognised by
 * its key and by a digest of what it says: other words under the same key are other work. What just
 * ended well is not started again at once, because the facts that prove it need a moment to arrive;
 * what failed waits longer each time. Nothing is polled: the answer says when to look again.
 */
#include <string.h>

#include "base/map.h"
#include "plan/plan.h"

#define SETTLE_MS   2000
#define BACKOFF_MS  500
#define BACKOFF_MAX 30000
#define TEXT_MAX    1500

uint64_t plan_wire_digest(const cJSON *wire)
{
    static const char *const PARTS[] = {"verb", "target", "peer", "args"};
    cJSON *said = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        const cJSON *v = json_at(wire, PARTS[i]);
        if (v)
            cJSON_AddItemToObject(said, PARTS[i], cJSON_Duplicate(v, true));
    }
    uint64_t h = json_hash(said);
    cJSON_Delete(said);
    return h;
}

/* After the n-th attempt: 0.5 s, 1 s, 2 s ... 30 s; done work gets time to show. */
static uint64_t pause_ms(const struct plan_wire_record *r)
{
    uint64_t ms = r->outcome == PLAN_OUTCOME_DONE ? SETTLE_MS : BACKOFF_MS;
    for (unsigned i = 1; i < r->attempt && ms < BACKOFF_MAX; i++)
        ms *= 2;
    return ms < BACKOFF_MAX ? ms : BACKOFF_MAX;
}

enum piece {
    PIECE_START,
    PIECE_RUNS,
    PIECE_RESTS, /* failed a moment ago */
    PIECE_DONE   /* ended well a moment ago */
};

struct reader {
    const struct plan_wire_record *records;
    struct map by_key;
    uint64_t now_ms;
    struct plan_wiring *out;
};

static void wake_at(struct plan_wiring *out, uint64_t at, uint64_t now)
{
    uint64_t ms = at > now ? at - now : 1;
    if (!out->wake_ms || ms < out->wake_ms)
        out->wake_ms = ms;
}

static enum piece look(struct reader *rd, const cJSON *wire, uint64_t digest,
                       const struct plan_wire_record **ret)
{
    const char *key = json_str(wire, "key");
    const struct plan_wire_record *r = map_get(&rd->by_key, key ? key : "");
    *ret = r;
    if (!r)
        return PIECE_START;
    if (r->in_flight)
        return PIECE_RUNS;
    if (r->digest != digest || !r->ended_ms)
        return PIECE_START;
    uint64_t again = r->ended_ms + pause_ms(r);
    if (again <= rd->now_ms)
        return PIECE_START;
    wake_at(rd->out, again, rd->now_ms);
    return r->outcome == PLAN_OUTCOME_DONE ? PIECE_DONE : PIECE_RESTS;
}

static void start(struct reader *rd, const cJSON *wire, uint64_t digest,
                  const struct plan_wire_record *r)
{
    bool same = r && r->digest == digest;
    rd->out->starts[rd->out->n_starts++] = (struct plan_wire_start){
        .wire = wire, .digest = digest, .attempt = same ? r->attempt + 1 : 1};
}

/* Starts what can start of one stage; true when the stage holds nothing back. */
static bool stage_go(struct reader *rd, const cJSON *wires, int64_t stage)
{
    bool clear = true;
    json_foreach (wire, wires) {
        const struct plan_wire_record *r;
        if (json_int(0, wire, "stage") != stage)
            continue;
        uint64_t digest = plan_wire_digest(wire);
        enum piece p = look(rd, wire, digest, &r);
        if (p == PIECE_START)
            start(rd, wire, digest, r);
        clear &= p == PIECE_DONE;
    }
    return clear;
}

/* The smallest stage above `after`; -1 when there is none. */
static int64_t stage_next(const cJSON *wires, int64_t after)
{
    int64_t next = -1;
    json_foreach (wire, wires) {
        int64_t s = json_int(0, wire, "stage");
        if (s > after && (next < 0 || s < next))
            next = s;
    }
    return next;
}

/* ---- the condition
 * ---------------------------------------------------------------------------------------------- */

static void tell(const cJSON *advice, struct arena *a, struct plan_wired *w)
{
    const cJSON *refusals = json_at(advice, "refusals"), *wires = json_at(advice, "wire");
    struct buf b = BUF_INIT(TEXT_MAX);
    w->known = true;
    json_foreach (r, refusals) {
        buf_addf(&b, "%s%s", b.len ? "; " : "", json_str(r, "message"));
    }
    if (b.len) {
        w->status = CONDITION_FALSE;
        const char *reason = json_str(refusals->child, "reason");
        w->reason = arena_strdup(a, reason && *reason ? reason : "Refused");
        w->message = arena_strdup(a, buf_str(&b));
    } else if (cJSON_GetArraySize(wires)) {
        json_foreach (wire, wires) {
            const char *why = json_str(wire, "reason");
            buf_addf(&b, "%s%s: %s", b.len ? "; " : "", json_str(wire, "verb"), why ? why : "");
        }
        w->status = CONDITION_FALSE;
        w->reason = "Wiring";
        w->message = arena_strdup(a, buf_str(&b));
    } else {
        w->status = CONDITION_TRUE;
        w->reason = "AsAdvised";
        w->message = "instances are wired as the engine advises";
    }
    buf_done(&b);
}

void plan_wiring(const cJSON *advice, const struct plan_wire_record *records, size_t n,
                 uint64_t now_ms, struct arena *a, struct plan_wiring *ret)
{
    const cJSON *wires = json_at(advice, "wire");
    struct reader rd = {.records = records, .now_ms = now_ms, .out = ret};
    *ret = (struct plan_wiring){0};
    ret->starts = arena_array(a, struct plan_wire_start, (size_t)cJSON_GetArraySize(wires) + 1);
    for (size_t i = 0; i < n; i++) {
        union {
            const struct plan_wire_record *from;
            void *to;
        } u = {.from = &records[i]};
        map_set(&rd.by_key, records[i].key, u.to);
    }
    for (int64_t s = stage_next(wires, -1); s >= 0 && stage_go(&rd, wires, s);
         s = stage_next(wires, s))
        ;
    map_done(&rd.by_key);
    tell(advice, a, &ret->wired);
}
