/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine says of a component's specification: whether it can be run (validate) and which
 * files, environment and arguments its instances get (render). Asked once per specification and
 * kept; the answer's secrets are put in only for the moment of a plan. An engine that cannot answer
 * is asked again, and until then nothing of the component is changed.
 */
#include "workload/control.h"

#define RETRY_MS 5000
#define FILE_MAX (1u << 20)

struct answer {
    uint64_t known; /* hash of the view that was answered; 0 none */
    uint64_t asked; /* hash of the view that is being asked; 0 none */
    bool failed;
    uint64_t retry_ms; /* failed: not before */
    char *reason, *message;
    cJSON *validate, *render;
    cJSON *expanded; /* render with secrets, of the latest pass */
    struct engine *engine;
};

struct answers {
    struct map by_component; /* "ns/name" -> struct answer */
};

struct question {
    struct ticket ticket;
    char *key; /* component */
    uint64_t hash;
    cJSON *view;
};

static void on_validated(void *arg, const struct engine_outcome *o);
static void on_rendered(void *arg, const struct engine_outcome *o);

/* ---- asking
 * -------------------------------------------------------------------------------------------------
 */

static struct answer *answer_of(struct workload *w, const char *key)
{
    struct answer *n = map_get(&w->answers->by_component, key);
    if (n)
        return n;
    n = mem_new(struct answer);
    map_set(&w->answers->by_component, key, n);
    return n;
}

static void question_free(struct question *q)
{
    ticket_close(&q->ticket);
    mem_free(q->key);
    cJSON_Delete(q->view);
    mem_free(q);
}

static void ask(struct workload *w, const char *key, struct answer *n, struct engine *e,
                cJSON *view, uint64_t hash)
{
    struct question *q = mem_new(struct question);
    q->key = mem_strdup(key);
    q->hash = hash;
    q->view = view;
    ticket_open(w, &q->ticket);
    n->asked = hash;
    n->engine = e;
    engine_validate(e, view, on_validated, q);
}

/* ---- answers
 * -------------------------------------------------------------------------------------------------
 */

static void texts_set(struct answer *n, const char *reason, const char *message)
{
    mem_free(n->reason);
    mem_free(n->message);
    n->reason = mem_strdup(reason && *reason ? reason : "EngineFailed");
    n->message = mem_strdup(message && *message ? message : "the engine gave no answer");
}

static void settle(struct workload *w, struct question *q, struct answer *n,
                   const struct engine_outcome *o)
{
    n->asked = 0;
    n->failed = o->class_ != PLAN_OUTCOME_DONE;
    if (n->failed) {
        texts_set(n, o->reason, o->message);
        n->retry_ms = loop_now_ms(w->loop) + RETRY_MS;
    } else {
        n->known = q->hash;
    }
    dirty(w, QUEUE_COMPONENT, q->key);
    question_free(q);
}

/* The component may be gone, or asked about something else by now: the newest question counts. */
static struct answer *still_asked(struct question *q)
{
    struct workload *w = q->ticket.w;
    struct answer *n = w ? map_get(&w->answers->by_component, q->key) : NULL;
    return n && n->asked == q->hash ? n : NULL;
}

static void on_validated(void *arg, const struct engine_outcome *o)
{
    struct question *q = arg;
    struct answer *n = still_asked(q);
    if (!n) {
        question_free(q);
        return;
    }
    json_freep(&n->validate);
    json_freep(&n->render);
    if (o->results)
        n->validate = cJSON_Duplicate(o->results, true);
    bool refused = cJSON_GetArraySize(json_at(n->validate, "errors")) > 0;
    if (o->class_ != PLAN_OUTCOME_DONE || refused)
        settle(q->ticket.w, q, n, o);
    else
        engine_render(n->engine, q->view, on_rendered, q);
}

static void on_rendered(void *arg, const struct engine_outcome *o)
{
    struct question *q = arg;
    struct answer *n = still_asked(q);
    if (!n) {
        question_free(q);
        return;
    }
    if (o->results)
        n->render = cJSON_Duplicate(o->results, true);
    settle(q->ticket.w, q, n, o);
}

/* ---- the view of a plan
 * ----------------------------------------------------------------------------------------- */

static int expand_file(cJSON *file, const cJSON *secrets, struct err **err)
{
    struct buf out = BUF_INIT(FILE_MAX);
    bool had = false;
    const char *content = json_str(file, "content");
    int r = content ? engine_expand_secrets(content, secrets, &out, &had, err) : 0;
    if (r == 0 && had)
        json_put_str(file, buf_str(&out), "expanded");
    if (out.ptr)
        mem_wipe(out.ptr, out.len);
    buf_done(&out);
    return r;
}

/* Its own accounts may also be named by their names: @{secret root}. */
static cJSON *secrets_of(struct workload *w, const char *ns, const cJSON *view, bool *ret_all)
{
    cJSON *secrets = view_secrets(w, ns, view);
    const char *self = json_str(view, "component");
    *ret_all = true;
    json_foreach (c, json_at(view, "components")) {
        json_foreach (account, json_at(c, "accounts")) {
            const char *text = json_str(secrets, json_str(account, "secret"));
            *ret_all &= text != NULL;
            if (text && streq(json_str(c, "name"), self) &&
                !json_at(secrets, json_str(account, "name")))
                json_put_str(secrets, text, json_str(account, "name"));
        }
    }
    return secrets;
}

enum expansion {
    EXPANDED,
    EXPAND_WAITS, /* for a password; its Secret makes the component dirty when it comes */
    EXPAND_FAILED /* a file names a secret that nobody has: n->message */
};

static enum expansion expand(struct workload *w, const char *ns, const cJSON *view,
                             struct answer *n)
{
    bool all;
    AUTO(json_freep) cJSON *secrets = secrets_of(w, ns, view, &all);
    json_freep(&n->expanded);
    n->expanded = n->render ? cJSON_Duplicate(n->render, true) : cJSON_CreateObject();
    const cJSON *files = json_at(n->expanded, "files");
    for (cJSON *f = files ? files->child : NULL; f; f = f->next) {
        AUTO(err_freep) struct err *err = NULL;
        if (expand_file(f, secrets, &err) == 0)
            continue;
        err_wrap(&err, "file %s", json_str(f, "name") ? json_str(f, "name") : "");
        texts_set(n, "MissingSecret", err_text(err));
        return all ? EXPAND_FAILED : EXPAND_WAITS;
    }
    return EXPANDED;
}

static void fill(struct answer *n, enum plan_engine_state state, struct answer_view *ret)
{
    ret->state = state;
    if (state == PLAN_ENGINE_FAILED) {
        ret->reason = n->reason;
        ret->message = n->message;
    } else if (state == PLAN_ENGINE_ANSWERED) {
        ret->validate = n->validate;
        ret->render = n->expanded;
    }
}

static void consult(struct workload *w, const cJSON *component, struct engine *e, struct arena *a,
                    struct answer_view *ret)
{
    const char *key = kube_key(a, component), *cluster = cluster_key_of(a, component);
    struct answer *n = answer_of(w, key);
    AUTO(json_freep) cJSON *whole = view_build(w, cluster, VIEW_SPEC, a);
    cJSON *view = view_for(whole, kube_label(component, LABEL_COMPONENT));
    uint64_t hash = json_hash(view) | 1, now = loop_now_ms(w->loop);
    bool wait = n->failed && now < n->retry_ms && n->engine == e;
    if (n->known == hash && !n->failed) {
        static const enum plan_engine_state STATES[] = {[EXPANDED] = PLAN_ENGINE_ANSWERED,
                                                        [EXPAND_WAITS] = PLAN_ENGINE_WAITING,
                                                        [EXPAND_FAILED] = PLAN_ENGINE_FAILED};
        enum expansion x = expand(w, kube_ns(component), view, n);
        cJSON_Delete(view);
        fill(n, STATES[x], ret);
        return;
    }
    if (n->asked != hash && !wait)
        ask(w, key, n, e, view, hash);
    else
        cJSON_Delete(view);
    if (wait)
        dirty_soon(w, QUEUE_COMPONENT, key, n->retry_ms - now + 1);
    fill(n, n->failed ? PLAN_ENGINE_FAILED : PLAN_ENGINE_WAITING, ret);
}

void answers_get(struct workload *w, const cJSON *component, const cJSON *definition,
                 struct arena *a, struct answer_view *ret)
{
    const char *name = definition_engine(definition);
    *ret = (struct answer_view){.state = PLAN_ENGINE_NONE, .engine = name};
    if (!name || !kube_label(component, LABEL_COMPONENT) || !cluster_key_of(a, component))
        return;
    struct engine *e = engine_of(w, definition);
    if (!e) {
        ret->state = PLAN_ENGINE_FAILED;
        ret->reason = "EngineNotConfigured";
        ret->message = arena_printf(
            a, "ComponentDefinition %s needs engine %s, which the configuration does not name",
            kube_name(definition), name);
        return;
    }
    consult(w, component, e, a, ret);
    ret->available = engine_available(e);
    if (ret->available)
        return;
    ret->reason = engine_state_reason(e);
    ret->message = engine_state_message(e);
}

/* ---- life
 * -----------------------------------------------------------------------------------------------------------
 */

static void answer_free(struct answer *n)
{
    mem_free(n->reason);
    mem_free(n->message);
    cJSON_Delete(n->validate);
    cJSON_Delete(n->render);
    cJSON_Delete(n->expanded);
    mem_free(n);
}

void answers_new(struct workload *w)
{
    w->answers = mem_new(struct answers);
}

void answers_free(struct workload *w)
{
    size_t it = 0;
    const char *key;
    void *n;
    while (map_next(&w->answers->by_component, &it, &key, &n))
        answer_free(n);
    map_done(&w->answers->by_component);
    mem_free(w->answers);
    w->answers = NULL;
}

void answers_forget(struct workload *w, const char *key)
{
    struct answer *n = map_del(&w->answers->by_component, key);
    if (n)
        answer_free(n);
}

void answers_retry(struct workload *w, struct engine *e)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&w->answers->by_component, &it, &key, &value)) {
        struct answer *n = value;
        if (n->engine != e)
            continue;
        n->retry_ms = 0;
        if (w->synced)
            dirty(w, QUEUE_COMPONENT, key);
    }
}
