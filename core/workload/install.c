/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be in the API before the controllers can work: our CRDs, established, and the
 * definitions the engines brought. One after the other, each compared first, so that a restart
 * writes nothing. A refusal is logged with the server's words and tried again: the controllers
 * wait, nothing that runs is touched.
 */
#define LOG_ROOM "workload"
#include "base/log.h"
#include "workload/control.h"

#define POLL_MS  50
#define RETRY_MS 1000

struct item {
    const struct kube_resource *resource;
    cJSON *want;
    bool crd;
};

#define install_MAGIC 0x6c747369
struct install {
    uint32_t magic;
    struct workload *w;
    struct item *items;
    size_t n, at;
    struct loop_timer *timer;
    void (*done)(void *arg);
    void *arg;
};

/* What waits for one answer; the installation may be gone when it comes. */
struct asked {
    struct ticket ticket;
    void (*then)(struct install *in, const struct kube_answer *a);
};

static void look(struct install *in);

static void on_answer(void *arg, const struct kube_answer *a)
{
    struct asked *q = arg;
    struct workload *w = q->ticket.w;
    void (*then)(struct install *, const struct kube_answer *) = q->then;
    ticket_close(&q->ticket);
    mem_free(q);
    if (w && w->install)
        then(w->install, a);
}

static void ask(struct install *in, enum kube_verb verb, const cJSON *body, const char *subresource,
                void (*then)(struct install *in, const struct kube_answer *a))
{
    const struct item *it = &in->items[in->at];
    struct kube_call call = {.verb = verb,
                             .resource = it->resource,
                             .name = kube_name(it->want),
                             .body = body,
                             .subresource = subresource,
                             .grace_seconds = -1};
    struct asked *q = mem_new(struct asked);
    q->then = then;
    ticket_open(in->w, &q->ticket);
    kube_start(in->w->client, &call, on_answer, q);
}

static void finish(struct install *in)
{
    void (*done)(void *) = in->done;
    void *arg = in->arg;
    install_free(in->w);
    done(arg);
}

static void next(struct install *in)
{
    in->at++;
    if (in->at == in->n)
        finish(in);
    else
        look(in);
}

static void again(struct install *in, const struct kube_answer *a)
{
    const struct item *it = &in->items[in->at];
    log_warn("installing %s %s: %s (%d %s); trying again", it->resource->kind, kube_name(it->want),
             a->message, a->status, a->reason);
    loop_timer_start(in->timer, RETRY_MS);
}

/* ---- definitions: tell people that they can be used
 * --------------------------------------------------------- */

static char *topology_names(const cJSON *definition)
{
    struct buf b = BUF_INIT(1024);
    json_foreach (t, json_at(definition, "spec", "topologies")) {
        buf_addf(&b, "%s%s", b.len ? "," : "", json_str(t, "name"));
    }
    return buf_take(&b);
}

static void on_status(struct install *in, const struct kube_answer *a)
{
    if (kube_ok(a) || a->status == 404)
        next(in);
    else
        again(in, a);
}

static void definition_status(struct install *in, const cJSON *have)
{
    AUTO(json_freep) cJSON *want = cJSON_CreateObject();
    AUTO(mem_freep) char *topologies = topology_names(have);
    json_put_str(want, "Available", "status", "phase");
    json_put_int(want, kube_generation(have), "status", "observedGeneration");
    if (*topologies)
        json_put_str(want, topologies, "status", "topologies");
    AUTO(json_freep) cJSON *patch = desired_patch(have, want);
    if (patch)
        ask(in, KUBE_PATCH_MERGE, patch, "status", on_status);
    else
        next(in);
}

/* ---- one item
 * -------------------------------------------------------------------------------------------------
 */

static void stands(struct install *in, const cJSON *have)
{
    if (!in->items[in->at].crd)
        definition_status(in, have);
    else if (kube_condition_true(have, "Established"))
        next(in);
    else
        loop_timer_start(in->timer, POLL_MS);
}

static void on_written(struct install *in, const struct kube_answer *a)
{
    if (kube_ok(a))
        stands(in, a->body);
    else
        again(in, a);
}

/* A definition is the engine's alone; of a CRD the server fills in parts, except in the schema we
 * print. */
static cJSON *difference(const struct item *it, const cJSON *have)
{
    if (!it->crd)
        return desired_join(desired_patch(have, it->want), desired_exact(have, it->want, "spec"));
    const cJSON *mine = json_at(it->want, "spec", "versions"),
                *theirs = json_at(have, "spec", "versions");
    cJSON *patch = desired_patch(have, it->want);
    if (json_equal(json_at(mine->child, "schema"),
                   json_at(theirs ? theirs->child : NULL, "schema")))
        return patch;
    if (!patch)
        patch = cJSON_CreateObject();
    json_put(patch, cJSON_Duplicate(mine, true), "spec", "versions");
    return patch;
}

static void on_looked(struct install *in, const struct kube_answer *a)
{
    const struct item *it = &in->items[in->at];
    if (a->status == 404) {
        log_info("installing %s %s", it->resource->kind, kube_name(it->want));
        ask(in, KUBE_CREATE, it->want, NULL, on_written);
        return;
    }
    if (!kube_ok(a)) {
        again(in, a);
        return;
    }
    AUTO(json_freep) cJSON *patch = difference(it, a->body);
    if (!patch) {
        stands(in, a->body);
        return;
    }
    log_info("updating %s %s", it->resource->kind, kube_name(it->want));
    ask(in, KUBE_PATCH_MERGE, patch, NULL, on_written);
}

static void look(struct install *in)
{
    ask(in, KUBE_GET, NULL, NULL, on_looked);
}

static void on_timer(void *arg)
{
    look(CAST(install, arg));
}

/* ---- the list
 * ---------------------------------------------------------------------------------------------------
 */

static const struct kube_resource *resource_of_kind(const char *kind)
{
    static const struct kube_resource *const DEFINITIONS[] = {
        &RESOURCE_COMPDEFS, &RESOURCE_CLUSTERDEFS, &RESOURCE_SHARDINGDEFS, &RESOURCE_COMPVERSIONS};
    for (size_t i = 0; i < ARRAY_LEN(DEFINITIONS); i++)
        if (streq(DEFINITIONS[i]->kind, kind))
            return DEFINITIONS[i];
    return NULL;
}

static void add_definition(struct install *in, const struct engine *e, const cJSON *definition)
{
    const char *kind = json_str(definition, "kind"),
               *name = json_str(definition, "metadata", "name");
    const struct api_kind *k = api_kind_find(json_str(definition, "apiVersion"), kind);
    const struct kube_resource *r = k ? resource_of_kind(kind) : NULL;
    if (!r || !name) {
        log_warn("engine %s brings %s %s, which is no kind of definition; it is left out",
                 engine_name(e), kind ? kind : "an object without kind",
                 name ? name : "without name");
        return;
    }
    struct item *it = &in->items[in->n++];
    *it = (struct item){.resource = r, .want = cJSON_Duplicate(definition, true)};
    for (int id = 0; id < API_KINDS_N; id++) {
        if (api_kind_at((enum api_kind_id)id) != k)
            continue;
        api_normalize((enum api_kind_id)id, it->want);
        field_default(in->w->schemas.of[id], it->want);
    }
}

static void list_make(struct install *in)
{
    struct engine_host *h = in->w->engines;
    size_t max = API_KINDS_N, engines = h ? engine_count(h) : 0;
    for (size_t i = 0; i < engines; i++)
        max += (size_t)cJSON_GetArraySize(engine_definitions(engine_at(h, i)));
    in->items = mem_calloc(max, sizeof(*in->items));
    for (int id = 0; id < API_KINDS_N; id++)
        in->items[in->n++] = (struct item){.resource = &KUBE_CRDS,
                                           .want = api_crd(api_kind_at((enum api_kind_id)id)),
                                           .crd = true};
    for (size_t i = 0; i < engines; i++) {
        const struct engine *e = engine_at(h, i);
        json_foreach (definition, engine_definitions(e)) {
            add_definition(in, e, definition);
        }
    }
}

void install_start(struct workload *w, void (*done)(void *arg), void *arg)
{
    struct install *in = mem_new(struct install);
    *in = (struct install){.magic = install_MAGIC, .w = w, .done = done, .arg = arg};
    in->timer = loop_timer_new(w->loop, on_timer, in);
    w->install = in;
    list_make(in);
    look(in);
}

void install_free(struct workload *w)
{
    struct install *in = w->install;
    if (!in)
        return;
    w->install = NULL;
    loop_timer_free(in->timer);
    for (size_t i = 0; i < in->n; i++)
        cJSON_Delete(in->items[i].want);
    mem_free(in->items);
    in->magic = 0;
    mem_free(in);
}
