/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acting: each step of a plan becomes one request. Steps of a stage run together, the next stage
 * waits for them, the first failure ends the plan (its key is tried again). Nothing is decided here
 * beyond what an answer means: gone is as good as deleted, and our own write goes into the cache
 * before anybody plans again.
 */
#define LOG_ROOM "workload"
#include "base/log.h"
#include "workload/control.h"

#define act_MAGIC 0x20746361
struct act {
    uint32_t magic;
    struct ticket ticket;
    struct plan plan;
    const struct plan_step *next;
    size_t open; /* requests without an answer */
    bool failed;
    cJSON *about; /* for events about failures */
    act_done_fn *done;
    void *arg;
};

struct request {
    struct act *act;
    const struct plan_step *step;
};

static void run_stage(struct act *a);

static void act_free(struct act *a)
{
    ticket_close(&a->ticket);
    plan_done(&a->plan);
    cJSON_Delete(a->about);
    a->magic = 0;
    mem_free(a);
}

static void act_end(struct act *a)
{
    act_done_fn *done = a->done;
    void *arg = a->arg;
    bool ok = !a->failed;
    act_free(a);
    done(arg, ok);
}

/* ---- answers
 * -------------------------------------------------------------------------------------------------
 */

static bool gone(const struct plan_step *s, const struct kube_answer *ans)
{
    /* A uid that does not match means that this incarnation is gone. */
    return (ans->status == 404 && s->verb != PLAN_CREATE) ||
           (ans->status == 409 && s->verb == PLAN_DELETE);
}

static void learn(struct act *a, const struct plan_step *s, const struct kube_answer *ans)
{
    if (ans->body && *kube_uid(ans->body) && json_at(ans->body, "metadata", "name"))
        kube_cache_learn(a->ticket.w->stores[store_of(s->object)], ans->body);
}

/* Refused for what it says, not for when it came: a person must look. */
static void tell_refused(struct act *a, const struct plan_step *s, const struct kube_answer *ans)
{
    bool stays = ans->status == 400 || ans->status == 403 || ans->status == 422;
    log_write(stays ? LOG_WARN : LOG_INFO, LOG_ROOM, "%s %s %s/%s: %s (%d %s)",
              plan_verb_text(s->verb), plan_object_text(s->object), s->ns, s->name, ans->message,
              ans->status, ans->reason);
    if (stays && a->about)
        kube_event(a->ticket.w->events, a->about, true, "WriteRefused", "%s %s %s: %s",
                   plan_verb_text(s->verb), plan_object_text(s->object), s->name, ans->message);
}

static void on_answer(void *arg, const struct kube_answer *ans)
{
    struct request *r = arg;
    struct act *a = CAST(act, r->act);
    const struct plan_step *s = r->step;
    mem_free(r);
    a->open--;
    if (!a->ticket.w) {
        if (!a->open)
            act_free(a);
        return;
    }
    if (kube_ok(ans)) {
        learn(a, s, ans);
    } else if (!gone(s, ans)) {
        tell_refused(a, s, ans);
        a->failed = true;
    }
    if (!a->open)
        run_stage(a);
}

/* ---- requests
 * -------------------------------------------------------------------------------------------------
 */

static void send(struct act *a, const struct plan_step *s)
{
    static const enum kube_verb VERBS[] = {[PLAN_CREATE] = KUBE_CREATE,
                                           [PLAN_PATCH] = KUBE_PATCH_MERGE,
                                           [PLAN_STATUS] = KUBE_PATCH_MERGE,
                                           [PLAN_DELETE] = KUBE_DELETE};
    struct kube_call call = {.verb = VERBS[s->verb],
                             .resource = resource_of(s->object),
                             .ns = s->ns,
                             .name = s->name,
                             .body = s->body,
                             .grace_seconds = -1};
    if (s->verb == PLAN_STATUS)
        call.subresource = "status";
    if (s->verb == PLAN_DELETE)
        call.precondition_uid = s->uid;
    /* Not the next incarnation of the same name. */
    if (s->verb == PLAN_PATCH && s->uid)
        json_put_str(s->body, s->uid, "metadata", "uid");
    struct request *r = mem_new(struct request);
    *r = (struct request){.act = a, .step = s};
    a->open++;
    log_debug("%s %s %s/%s: %s", plan_verb_text(s->verb), plan_object_text(s->object), s->ns,
              s->name, s->reason);
    metric_add(a->ticket.w->m_writes, plan_object_text(s->object), 1);
    kube_start(a->ticket.w->client, &call, on_answer, r);
}

static void run_stage(struct act *a)
{
    if (a->failed || !a->next) {
        act_end(a);
        return;
    }
    unsigned stage = a->next->stage;
    while (a->next && a->next->stage == stage) {
        const struct plan_step *s = a->next;
        a->next = s->next;
        send(a, s);
    }
}

static void send_events(struct workload *w, const struct plan *p, const cJSON *about)
{
    for (const struct plan_event *e = p->events; e && about; e = e->next)
        kube_event(w->events, about, e->warning, e->reason, "%s", e->message);
}

/* What an Event needs of its object; the cache's own copy may be gone when a request fails. */
static cJSON *reference(const cJSON *about)
{
    static const char *const META[] = {"name", "namespace", "uid", "resourceVersion"};
    if (!about)
        return NULL;
    cJSON *o = cJSON_CreateObject();
    if (json_str(about, "apiVersion"))
        json_put_str(o, json_str(about, "apiVersion"), "apiVersion");
    if (json_str(about, "kind"))
        json_put_str(o, json_str(about, "kind"), "kind");
    for (size_t i = 0; i < ARRAY_LEN(META); i++)
        if (json_str(about, "metadata", META[i]))
            json_put_str(o, json_str(about, "metadata", META[i]), "metadata", META[i]);
    return o;
}

void act_start(struct workload *w, struct plan *p, const cJSON *about, act_done_fn *done, void *arg)
{
    send_events(w, p, about);
    if (!p->first) {
        plan_done(p);
        done(arg, true);
        return;
    }
    struct act *a = mem_new(struct act);
    *a = (struct act){.magic = act_MAGIC, .plan = *p, .done = done, .arg = arg};
    ticket_open(w, &a->ticket);
    a->about = reference(about);
    a->next = a->plan.first;
    run_stage(a);
}
