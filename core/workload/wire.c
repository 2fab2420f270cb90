/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an engine's advice to operations on instances and back. The advice is asked for when
 * something changed, which of it is started now is decided by plan_wiring, the record of each piece
 * lives here until it is done and not advised any more. A crash of this program loses only the
 * record: the advice is computed from the facts again.
 */
#define LOG_ROOM "workload"
#include "base/clock.h"
#include "base/log.h"
#include "workload/drive.h"

#define LOOK_AGAIN_MS 10000 /* level-triggered: as long as something is not settled */
#define ASK_AGAIN_MS  2000  /* the engine had no advice */
#define HOOK          "wire"

/* An advice or an operation somebody answers for. */
struct errand {
    struct ticket ticket;
    char *cluster, *component;
    char *key, *verb, *target, *peer, *why; /* of an operation */
    struct engine *engine;
    uint64_t turn; /* of an advice */
};

static struct errand *errand_new(struct workload *w, const char *cluster, const char *component,
                                 struct engine *e)
{
    struct errand *r = mem_new(struct errand);
    r->cluster = mem_strdup(cluster);
    r->component = mem_strdup(component);
    r->engine = e;
    ticket_open(w, &r->ticket);
    return r;
}

static void errand_free(struct errand *r)
{
    ticket_close(&r->ticket);
    mem_free(r->cluster);
    mem_free(r->component);
    mem_free(r->key);
    mem_free(r->verb);
    mem_free(r->target);
    mem_free(r->peer);
    mem_free(r->why);
    mem_free(r);
}

/* ---- the record
 * -------------------------------------------------------------------------------------------------
 */

static void work_drop(struct drive_cluster *c, const char *key)
{
    struct drive_work *k = map_del(&c->work, key);
    mem_free(k);
}

static struct drive_work *work_of(struct drive_cluster *c, const char *key)
{
    struct drive_work *k = map_get(&c->work, key);
    if (!k) {
        k = mem_new(struct drive_work);
        map_set(&c->work, key, k);
    }
    return k;
}

static bool advised(const struct drive_cluster *c, const char *key)
{
    size_t it = 0;
    const char *name;
    void *value;
    while (map_next(&c->components, &it, &name, &value)) {
        const struct drive_component *d = value;
        if (json_find(json_at(d->advice, "wire"), "key", key))
            return true;
    }
    return false;
}

/* Work that ended and that no advice asks for any more is history. */
static void work_sweep(struct drive_cluster *c)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&c->work, &it, &key, &value)) {
        const struct drive_work *k = value;
        if (k->record.in_flight || advised(c, key))
            continue;
        AUTO(mem_freep) char *old = mem_strdup(key);
        work_drop(c, old);
    }
}

void wire_forget(struct drive_cluster *c)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&c->work, &it, &key, &value))
        mem_free(value);
    map_done(&c->work);
}

static size_t records(const struct drive_cluster *c, struct arena *a, struct plan_wire_record **ret)
{
    size_t n = 0, it = 0;
    const char *key;
    void *value;
    struct plan_wire_record *list = arena_array(a, struct plan_wire_record, map_len(&c->work) + 1);
    while (map_next(&c->work, &it, &key, &value)) {
        const struct drive_work *k = value;
        list[n] = k->record;
        list[n++].key = arena_strdup(a, key);
    }
    *ret = list;
    return n;
}

/* ---- operations
 * ---------------------------------------------------------------------------------------------------
 */

static void tell(struct workload *w, const struct errand *r, const struct engine_outcome *o)
{
    const cJSON *cluster = cached_key(w, STORE_CLUSTERS, r->cluster);
    const cJSON **pods;
    AUTO(arena_freep) struct arena *a = arena_new(1 << 20);
    size_t n = cached_find(w, STORE_PODS, INDEX_UID, r->target, a, &pods);
    const char *where = n ? kube_name(pods[0]) : r->target;
    if (o->class_ == PLAN_OUTCOME_DONE)
        log_info("%s: %s %s: %s", r->cluster, r->verb, where, r->why);
    else
        log_warn("%s: %s %s: %s: %s", r->cluster, r->verb, where, o->reason, o->message);
    if (!cluster)
        return;
    if (o->class_ == PLAN_OUTCOME_DONE)
        kube_event(w->events, cluster, false, "Wired", "%s %s: %s", r->verb, where, r->why);
    else
        kube_event(w->events, cluster, true, "WireFailed", "%s %s: %s: %s", r->verb, where,
                   o->reason, o->message);
}

static void on_operated(void *arg, const struct engine_outcome *o)
{
    struct errand *r = arg;
    struct workload *w = r->ticket.w;
    struct drive_cluster *c = w ? drive_find(w, r->cluster) : NULL;
    struct drive_work *k = c ? map_get(&c->work, r->key) : NULL;
    if (k) {
        k->record.in_flight = false;
        k->record.outcome = o->class_;
        k->record.ended_ms = loop_now_ms(w->loop);
        tell(w, r, o);
        engine_probe_now(r->engine, r->target);
        if (r->peer)
            engine_probe_now(r->engine, r->peer);
        drive_touch(c);
        dirty(w, QUEUE_DRIVE, r->cluster);
    }
    errand_free(r);
}

static cJSON *arguments(const cJSON *wire)
{
    const cJSON *own = json_at(wire, "args");
    cJSON *args = cJSON_IsObject(own) ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    json_put_str(args, json_str(wire, "verb"), "verb");
    return args;
}

static cJSON *view_now(const struct workload *w, const cJSON *full, const char *key,
                       const char *component)
{
    cJSON *view = view_for(full, component);
    const char *born =
        json_str(cached_key(w, STORE_CLUSTERS, key), "metadata", "creationTimestamp");
    int64_t at_us = 0,
            age_us = born && clock_parse(born, &at_us) == 0 ? clock_wall_us() - at_us : 0;
    json_put_int(view, age_us > 0 ? age_us / 1000 : 0, "ageMs");
    return view;
}

static void operate(struct workload *w, const char *key, const char *component, struct engine *e,
                    const struct plan_wire_start *s, const cJSON *full)
{
    const cJSON *wire = s->wire;
    const char *peer = json_str(wire, "peer"), *why = json_str(wire, "reason"),
               *ns_end = __builtin_strchr(key, '/');
    AUTO(mem_freep) char *ns = mem_strndup(key, ns_end ? (size_t)(ns_end - key) : 0);
    AUTO(json_freep) cJSON *view = view_now(w, full, key, component), *args = arguments(wire);
    AUTO(json_freep) cJSON *secrets = view_secrets(w, ns, full);
    struct errand *r = errand_new(w, key, component, e);
    r->key = mem_strdup(json_str(wire, "key"));
    r->verb = mem_strdup(json_str(wire, "verb"));
    r->target = mem_strdup(json_str(wire, "target"));
    r->peer = peer && *peer ? mem_strdup(peer) : NULL;
    r->why = mem_strdup(why ? why : "");
    struct drive_work *k = work_of(drive_find(w, key), r->key);
    k->record =
        (struct plan_wire_record){.digest = s->digest, .in_flight = true, .attempt = s->attempt};
    struct engine_call call = {.hook = HOOK,
                               .key = r->key,
                               .attempt = s->attempt,
                               .view = view,
                               .instance = r->target,
                               .peer = r->peer,
                               .args = args,
                               .secrets = secrets};
    k->op = engine_hook_start(e, &call, on_operated, r);
}

static bool complete(const cJSON *wire)
{
    return json_str(wire, "key") && json_str(wire, "verb") && json_str(wire, "target");
}

/* ---- advice
 * ---------------------------------------------------------------------------------------------------------
 */

static void text_move(const char **to, const char *from)
{
    union {
        const char *from;
        char *to;
    } old = {.from = *to};
    *to = mem_strdup(from);
    mem_free(old.to);
}

static void wired_set(struct workload *w, struct drive_component *d, const struct plan_wired *now)
{
    bool same = d->wired.known && d->wired.status == now->status &&
                streq(d->wired.reason, now->reason) && streq(d->wired.message, now->message);
    if (same)
        return;
    d->wired.known = true;
    d->wired.status = now->status;
    text_move(&d->wired.reason, now->reason);
    text_move(&d->wired.message, now->message);
    dirty(w, QUEUE_COMPONENT, d->its);
}

static void carry_out(struct workload *w, const char *key, const char *component,
                      struct drive_component *d)
{
    AUTO(arena_freep) struct arena *a = arena_new(64u << 20);
    struct drive_cluster *c = drive_find(w, key);
    struct plan_wire_record *list;
    struct plan_wiring p;
    work_sweep(c);
    size_t n = records(c, a, &list);
    plan_wiring(d->advice, list, n, loop_now_ms(w->loop), a, &p);
    if (p.n_starts && !engine_has_hook(d->engine, HOOK, NULL)) {
        p.wired = (struct plan_wired){
            .known = true,
            .status = CONDITION_FALSE,
            .reason = "NoWireHook",
            .message = "the engine advises wiring and declares no hook \"wire\""};
        p.n_starts = 0;
    }
    wired_set(w, d, &p.wired);
    d->settled = p.wired.status == CONDITION_TRUE;
    if (d->settled)
        dirty(w, QUEUE_ITS, d->its); /* an update may wait for it */
    AUTO(json_freep) cJSON *full = p.n_starts ? view_build(w, key, VIEW_FULL, a) : NULL;
    for (size_t i = 0; i < p.n_starts && !c->quiet; i++)
        if (complete(p.starts[i].wire))
            operate(w, key, component, d->engine, &p.starts[i], full);
    if (p.wake_ms)
        dirty_soon(w, QUEUE_DRIVE, key, p.wake_ms);
    else if (!d->settled)
        dirty_soon(w, QUEUE_DRIVE, key, LOOK_AGAIN_MS);
}

static void on_advised(void *arg, const struct engine_outcome *o)
{
    struct errand *r = arg;
    struct workload *w = r->ticket.w;
    struct drive_component *d = w ? drive_component_find(w, r->cluster, r->component) : NULL;
    if (d && d->advising && d->engine == r->engine) {
        bool again = d->advise_again;
        d->advising = d->advise_again = false;
        if (o->class_ == PLAN_OUTCOME_DONE && o->results) {
            cJSON_Delete(d->advice);
            d->advice = cJSON_Duplicate(o->results, true);
            /* What changed meanwhile is asked about first: its advice may be another one. */
            d->turn = r->turn;
            if (!again)
                carry_out(w, r->cluster, r->component, d);
        } else {
            log_info("%s: no advice for %s: %s: %s", r->cluster, r->component, o->reason,
                     o->message);
            d->settled = false;
            dirty_soon(w, QUEUE_DRIVE, r->cluster, ASK_AGAIN_MS);
        }
        if (again) {
            d->settled = false;
            dirty(w, QUEUE_DRIVE, r->cluster);
        }
    }
    errand_free(r);
}

void wire_advise(struct workload *w, const char *key, const char *component, const cJSON *full)
{
    struct drive_component *d = drive_component_find(w, key, component);
    if (d->advising) {
        d->advise_again = true;
        return;
    }
    if (!engine_available(d->engine))
        return; /* its return makes the cluster dirty */
    AUTO(json_freep) cJSON *view = view_now(w, full, key, component);
    struct errand *r = errand_new(w, key, component, d->engine);
    r->turn = drive_find(w, key)->turn;
    d->advising = true;
    engine_advise(d->engine, view, on_advised, r);
}
