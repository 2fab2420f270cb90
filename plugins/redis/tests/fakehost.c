/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake host; see fakehost.h.
 */
#include "fakehost.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define WATCHES   256
#define TIMERS    512
#define OPS       256
#define INSTANCES 32
#define GRACE_MS  2000

enum op_kind { OP_FREE, OP_PROBE, OP_WATCH, OP_HOOK, OP_WIRE };
struct op {
    enum op_kind kind;
    uint32_t generation;
    bool cancelled, completed;
    uint64_t deadline_us;
    char instance[64]; /* of a probe */
    char verb[32];
    struct fake_outcome outcome;
    struct atoll_hook_call call;
    struct atoll_kv args[16];
    char text[16][2][160];
};
struct watch {
    int fd;
    uint32_t events;
    void (*fn)(void *, uint32_t);
    void *arg;
};
struct timer {
    uint64_t handle, at_us;
    void (*fn)(void *);
    void *arg;
};
struct probe {
    char id[64];
    uint64_t due_us;
    bool flying, again;
    struct fake_answer answer;
};
struct verb_count {
    char verb[32];
    unsigned done;
};

struct fake {
    struct atoll_host host;
    const struct atoll_plugin *plugin;
    void *self;
    struct watch watches[WATCHES];
    struct timer timers[TIMERS];
    uint64_t last_timer;
    struct op ops[OPS];
    struct probe probes[INSTANCES];
    unsigned n_probes, probes_done;
    uint64_t period_us;
    struct {
        char name[32];
        int64_t value;
    } options[8];
    unsigned n_options;
    struct {
        char ref[64], text[128];
    } secrets[4];
    unsigned n_secrets;
    struct atoll_view *view;
    struct atoll_op watching;
    bool driving, idle, verbose, dirty;
    uint64_t advise_us, hold_us;
    char refusal[64], refusals[16][64];
    unsigned n_refusals;
    struct verb_count verbs[16];
    struct {
        uint32_t lowest;
        unsigned wires;
    } advice;
};

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- operations
 * ----------------------------------------------------------------------------------------- */

static struct op *op_find(struct fake *f, struct atoll_op op)
{
    uint64_t slot = op.id & 0xffffffffu;
    if (slot >= OPS || f->ops[slot].kind == OP_FREE || f->ops[slot].generation != op.id >> 32)
        return NULL;
    return &f->ops[slot];
}

static struct atoll_op op_handle(struct fake *f, const struct op *o)
{
    return (struct atoll_op){(uint64_t)o->generation << 32 | (uint64_t)(o - f->ops)};
}

static struct op *op_new(struct fake *f, enum op_kind kind, uint64_t deadline_ms)
{
    for (unsigned i = 0; i < OPS; i++)
        if (f->ops[i].kind == OP_FREE) {
            struct op *o = &f->ops[i];
            uint32_t generation = o->generation + 1;
            memset(o, 0, sizeof(*o));
            o->kind = kind;
            o->generation = generation;
            o->deadline_us = deadline_ms ? now_us() + deadline_ms * 1000 : 0;
            return o;
        }
    fail_msg("more than %d operations are open", OPS);
    return NULL;
}

static int32_t op_complete(void *impl, struct atoll_op op, const struct atoll_outcome *outcome)
{
    struct fake *f = impl;
    struct op *o = op_find(f, op);
    if (!o || o->completed) {
        fail_msg("operation %" PRIx64 " was completed twice or after its end", op.id);
        return ATOLL_ERR_UNKNOWN;
    }
    o->completed = true; /* delivered in the next turn */
    o->outcome.done = true;
    o->outcome.class_ = outcome->class_;
    snprintf(o->outcome.reason, sizeof(o->outcome.reason), "%.*s", STR_FMT(outcome->reason));
    snprintf(o->outcome.message, sizeof(o->outcome.message), "%.*s", STR_FMT(outcome->message));
    return ATOLL_OK;
}

static int32_t op_set(void *impl, struct atoll_op op, struct atoll_str key, struct atoll_str value)
{
    struct op *o = op_find(impl, op);
    assert_non_null(o);
    if (atoll_str_is(key, "primary-instance"))
        snprintf(o->outcome.result, sizeof(o->outcome.result), "%.*s", STR_FMT(value));
    return ATOLL_OK;
}

static int32_t op_progress(void *impl, struct atoll_op op, struct atoll_str text)
{
    (void)text;
    return op_find(impl, op) ? ATOLL_OK : ATOLL_ERR_UNKNOWN;
}

static int64_t op_remaining(void *impl, struct atoll_op op)
{
    struct op *o = op_find(impl, op);
    if (!o)
        return 0;
    return o->deadline_us ? ((int64_t)o->deadline_us - (int64_t)now_us()) / 1000 : INT32_MAX;
}

static int32_t op_is_cancelled(void *impl, struct atoll_op op)
{
    struct op *o = op_find(impl, op);
    return o && o->cancelled;
}

static struct probe *probe_find(struct fake *f, struct atoll_str id)
{
    for (unsigned i = 0; i < f->n_probes; i++)
        if (atoll_str_is(id, f->probes[i].id))
            return &f->probes[i];
    return NULL;
}

static int32_t op_report(void *impl, struct atoll_op op, struct atoll_str instance,
                         const struct atoll_role_report *r)
{
    struct fake *f = impl;
    struct probe *p = probe_find(f, instance);
    assert_non_null(op_find(f, op));
    if (!p)
        return ATOLL_ERR_UNKNOWN;
    struct fake_answer *a = &p->answer;
    memset(a, 0, sizeof(*a));
    a->known = r->state == ATOLL_ROLE_STATE_KNOWN;
    a->version = r->role_version;
    a->at_us = now_us();
    snprintf(a->role, sizeof(a->role), "%.*s", STR_FMT(r->role));
    snprintf(a->reason, sizeof(a->reason), "%.*s", STR_FMT(r->reason));
    snprintf(a->message, sizeof(a->message), "%.*s", STR_FMT(r->message));
    assert_true(r->n_facts <= FAKE_FACTS);
    for (uint32_t i = 0; i < r->n_facts; i++) {
        snprintf(a->key[i], sizeof(a->key[i]), "%.*s", STR_FMT(r->facts[i].key));
        snprintf(a->value[i], sizeof(a->value[i]), "%.*s", STR_FMT(r->facts[i].value));
        a->facts[i] = atoll_fact_make(a->key[i], a->value[i], r->facts[i].flags);
        a->n_facts++;
    }
    f->dirty = true;
    return ATOLL_OK;
}

static int32_t op_probe_now(void *impl, struct atoll_str instance)
{
    struct probe *p = probe_find(impl, instance);
    if (!p)
        return ATOLL_ERR_UNKNOWN;
    p->due_us = 0;
    p->again = true;
    return ATOLL_OK;
}

/* ---- the other services
 * ------------------------------------------------------------------------------------ */

static void log_write(void *impl, int32_t level, struct atoll_str text)
{
    struct fake *f = impl;
    if (f->verbose)
        print_message("  log[%d] %.*s\n", level, STR_FMT(text));
}

static int32_t conf_str(void *impl, const char *name, struct atoll_str *ret)
{
    (void)impl;
    (void)name;
    (void)ret;
    return ATOLL_ERR_UNKNOWN;
}

static int32_t conf_int(void *impl, const char *name, int64_t *ret)
{
    struct fake *f = impl;
    for (unsigned i = 0; i < f->n_options; i++)
        if (text_eq(f->options[i].name, name)) {
            *ret = f->options[i].value;
            return ATOLL_OK;
        }
    return ATOLL_ERR_UNKNOWN;
}

static uint64_t timer_after(void *impl, uint64_t ms, void (*fn)(void *arg), void *arg)
{
    struct fake *f = impl;
    for (unsigned i = 0; i < TIMERS; i++)
        if (!f->timers[i].handle) {
            f->timers[i] = (struct timer){++f->last_timer, now_us() + ms * 1000, fn, arg};
            return f->last_timer;
        }
    fail_msg("more than %d timers", TIMERS);
    return 0;
}

static void timer_cancel(void *impl, uint64_t handle)
{
    struct fake *f = impl;
    for (unsigned i = 0; handle && i < TIMERS; i++)
        if (f->timers[i].handle == handle)
            f->timers[i].handle = 0;
}

static uint64_t timer_now(void *impl)
{
    (void)impl;
    return now_us() / 1000;
}

static uint64_t io_watch(void *impl, int32_t fd, uint32_t events, void (*fn)(void *, uint32_t),
                         void *arg)
{
    struct fake *f = impl;
    for (unsigned i = 0; i < WATCHES; i++)
        if (!f->watches[i].fn) {
            f->watches[i] = (struct watch){fd, events, fn, arg};
            return i + 1;
        }
    return 0;
}

static void io_want(void *impl, uint64_t handle, uint32_t events)
{
    struct fake *f = impl;
    assert_true(handle > 0 && handle <= WATCHES && f->watches[handle - 1].fn);
    f->watches[handle - 1].events = events;
}

static void io_unwatch(void *impl, uint64_t handle)
{
    struct fake *f = impl;
    assert_true(handle > 0 && handle <= WATCHES);
    memset(&f->watches[handle - 1], 0, sizeof(f->watches[0]));
}

static int32_t secret_get(void *impl, struct atoll_op op, struct atoll_str ref,
                          struct atoll_str *ret)
{
    struct fake *f = impl;
    assert_non_null(op_find(f, op));
    for (unsigned i = 0; i < f->n_secrets; i++)
        if (atoll_str_is(ref, f->secrets[i].ref)) {
            *ret = atoll_str_of(f->secrets[i].text);
            return ATOLL_OK;
        }
    return ATOLL_ERR_UNKNOWN;
}

static const struct atoll_log_api log_api = {.size = sizeof(log_api), .write = log_write};
static const struct atoll_conf_api conf_api = {
    .size = sizeof(conf_api), .get_str = conf_str, .get_int = conf_int};
static const struct atoll_op_api op_api = {.size = sizeof(op_api),
                                           .complete = op_complete,
                                           .set = op_set,
                                           .progress = op_progress,
                                           .remaining_ms = op_remaining,
                                           .is_cancelled = op_is_cancelled,
                                           .report = op_report,
                                           .probe_now = op_probe_now};
static const struct atoll_timer_api timer_api = {
    .size = sizeof(timer_api), .after = timer_after, .cancel = timer_cancel, .now_ms = timer_now};
static const struct atoll_io_api io_api = {
    .size = sizeof(io_api), .watch = io_watch, .want = io_want, .unwatch = io_unwatch};
static const struct atoll_secret_api secret_api = {.size = sizeof(secret_api), .get = secret_get};

/* ---- life
 * -----------------------------------------------------------------------------------------------------
 */

struct fake *fake_new(void)
{
    struct fake *f = calloc(1, sizeof(*f));
    f->host = (struct atoll_host){.size = sizeof(f->host),
                                  .impl = f,
                                  .log = &log_api,
                                  .conf = &conf_api,
                                  .op = &op_api,
                                  .timer = &timer_api,
                                  .io = &io_api,
                                  .secret = &secret_api};
    f->plugin = atoll_plugin_entry();
    assert_int_equal(f->plugin->create(&f->host, &f->self), ATOLL_OK);
    return f;
}

void fake_free(struct fake *f)
{
    fake_drive(f, false);
    fake_watch(f, false);
    f->period_us = 0;
    for (unsigned i = 0; i < f->n_probes; i++)
        f->probes[i].again = false;
    for (unsigned i = 0; i < OPS; i++)
        fake_until(f, 20000, f->ops[i].kind == OP_FREE);
    f->plugin->destroy(f->self);
    for (unsigned i = 0; i < WATCHES; i++)
        assert_null(f->watches[i].fn);
    for (unsigned i = 0; i < TIMERS; i++)
        assert_int_equal(f->timers[i].handle, 0);
    free(f);
}

void *fake_self(struct fake *f)
{
    return f->self;
}

const struct atoll_host *fake_host(struct fake *f)
{
    return &f->host;
}

void fake_option(struct fake *f, const char *name, int64_t value)
{
    assert_true(f->n_options < ARRAY_LEN(f->options));
    snprintf(f->options[f->n_options].name, sizeof(f->options[0].name), "%s", name);
    f->options[f->n_options++].value = value;
    f->plugin->destroy(f->self);
    assert_int_equal(f->plugin->create(&f->host, &f->self), ATOLL_OK);
}

void fake_secret(struct fake *f, const char *ref, const char *text)
{
    unsigned i = 0;
    while (i < f->n_secrets && !text_eq(f->secrets[i].ref, ref))
        i++;
    assert_true(i < ARRAY_LEN(f->secrets));
    snprintf(f->secrets[i].ref, sizeof(f->secrets[0].ref), "%s", ref);
    snprintf(f->secrets[i].text, sizeof(f->secrets[0].text), "%s", text);
    if (i == f->n_secrets)
        f->n_secrets++;
}

void fake_verbose(struct fake *f)
{
    f->verbose = true;
}

/* ---- the view
 * -------------------------------------------------------------------------------------------------
 */

static struct atoll_instance *instance_at(struct fake *f, const char *id)
{
    const struct atoll_instance *in = atoll_instance_by_id(f->view, atoll_str_of(id));
    return (struct atoll_instance *)(uintptr_t)in; /* the test made it, and it is writable */
}

void fake_view(struct fake *f, struct atoll_view *view)
{
    f->view = view;
    for (uint32_t c = 0; c < view->n_components; c++)
        for (uint32_t i = 0; i < view->components[c]->n_instances; i++) {
            struct atoll_str id = view->components[c]->instances[i]->id;
            if (probe_find(f, id))
                continue;
            assert_true(f->n_probes < INSTANCES);
            snprintf(f->probes[f->n_probes].id, sizeof(f->probes[0].id), "%.*s", STR_FMT(id));
            f->n_probes++;
        }
    for (unsigned i = 0; i < f->n_probes; i++)
        if (!instance_at(f, f->probes[i].id) && !f->probes[i].flying) {
            f->plugin->role_probe->forget(f->self, atoll_str_of(f->probes[i].id));
            f->probes[i--] = f->probes[--f->n_probes];
        }
    f->dirty = true;
}

static void fill_view(struct fake *f)
{
    for (unsigned i = 0; i < f->n_probes; i++) {
        struct atoll_instance *in = instance_at(f, f->probes[i].id);
        const struct fake_answer *a = &f->probes[i].answer;
        if (!in)
            continue;
        in->flags &= ~ATOLL_INSTANCE_ROLE_KNOWN;
        in->flags |= a->known ? ATOLL_INSTANCE_ROLE_KNOWN : 0;
        in->role = atoll_str_of(a->role);
        in->role_version = a->version;
        in->facts = a->facts;
        in->n_facts = a->n_facts;
        in->fact_size = sizeof(a->facts[0]);
    }
}

const struct fake_answer *fake_answer(struct fake *f, const char *id)
{
    struct probe *p = probe_find(f, atoll_str_of(id));
    assert_non_null(p);
    return &p->answer;
}

const char *fake_fact(struct fake *f, const char *id, const char *key)
{
    const struct fake_answer *a = fake_answer(f, id);
    for (uint32_t i = 0; i < a->n_facts; i++)
        if (text_eq(a->key[i], key))
            return a->value[i];
    return "";
}

/* ---- probes and the watch
 * ----------------------------------------------------------------------------------- */

void fake_probe_every(struct fake *f, uint64_t ms)
{
    f->period_us = ms * 1000;
    for (unsigned i = 0; i < f->n_probes; i++)
        f->probes[i].due_us = now_us() + f->period_us * i / (f->n_probes ? f->n_probes : 1);
}

void fake_probe_now(struct fake *f, const char *id)
{
    assert_int_equal(op_probe_now(f, atoll_str_of(id)), ATOLL_OK);
}

bool fake_quiet(struct fake *f)
{
    for (unsigned i = 0; i < f->n_probes; i++)
        if (f->probes[i].flying || f->probes[i].again)
            return false;
    return true;
}

unsigned fake_probes(struct fake *f)
{
    return f->probes_done;
}

static void start_probe(struct fake *f, unsigned i)
{
    struct probe *p = &f->probes[i];
    const struct atoll_instance *in = instance_at(f, p->id);
    if (!in)
        return;
    struct op *o = op_new(f, OP_PROBE, f->plugin->role_probe->timeout_ms);
    snprintf(o->instance, sizeof(o->instance), "%s", p->id);
    p->flying = true;
    p->again = false;
    p->due_us = now_us() + f->period_us;
    fill_view(f);
    int32_t rc = f->plugin->role_probe->probe(f->self, f->view, in, op_handle(f, o));
    if (rc < 0)
        fail_msg("probe of %s was not accepted: %d", p->id, rc);
}

static void start_due_probes(struct fake *f)
{
    uint64_t now = now_us();
    for (unsigned i = 0; f->view && i < f->n_probes; i++) {
        struct probe *p = &f->probes[i];
        if (!p->flying && (p->again || (f->period_us && p->due_us <= now)))
            start_probe(f, i);
    }
}

void fake_watch(struct fake *f, bool on)
{
    struct op *o = f->watching.id ? op_find(f, f->watching) : NULL;
    if (o && !o->cancelled) {
        o->cancelled = true;
        f->plugin->role_probe->cancel(f->self, f->watching);
    }
    f->watching.id = 0;
    if (!on)
        return;
    for (unsigned i = 0; i < OPS; i++)
        fake_until(f, 1000, f->ops[i].kind != OP_WATCH);
    o = op_new(f, OP_WATCH, 0);
    fill_view(f);
    if (f->plugin->role_probe->watch(f->self, f->view, op_handle(f, o)) < 0)
        o->kind = OP_FREE;
    else
        f->watching = op_handle(f, o);
}

/* ---- hooks
 * ----------------------------------------------------------------------------------------------------
 */

static const struct atoll_hook *hook_find(struct fake *f, const char *name)
{
    for (uint32_t i = 0; i < f->plugin->lifecycle->n_hooks; i++)
        if (text_eq(f->plugin->lifecycle->hooks[i].name, name))
            return &f->plugin->lifecycle->hooks[i];
    fail_msg("no hook %s", name);
    return NULL;
}

static void op_arg(struct op *o, struct atoll_str key, struct atoll_str value)
{
    uint32_t n = o->call.n_args;
    assert_true(n < ARRAY_LEN(o->args));
    snprintf(o->text[n][0], sizeof(o->text[n][0]), "%.*s", STR_FMT(key));
    snprintf(o->text[n][1], sizeof(o->text[n][1]), "%.*s", STR_FMT(value));
    o->args[n] = (struct atoll_kv){atoll_str_of(o->text[n][0]), atoll_str_of(o->text[n][1])};
    o->call.n_args++;
}

static void start_hook(struct fake *f, struct op *o, const char *name, const char *instance,
                       const char *peer)
{
    fill_view(f);
    o->call.size = sizeof(o->call);
    o->call.attempt = 1;
    o->call.hook = atoll_str_of(name);
    o->call.view = f->view;
    o->call.instance = instance && *instance ? instance_at(f, instance) : NULL;
    o->call.peer = peer && *peer ? instance_at(f, peer) : NULL;
    o->call.args = o->args;
    int32_t rc = hook_find(f, name)->run(f->self, &o->call, op_handle(f, o));
    if (rc < 0) {
        o->outcome = (struct fake_outcome){.done = true, .class_ = ATOLL_CLASS_FATAL};
        snprintf(o->outcome.reason, sizeof(o->outcome.reason), "NotAccepted%d", -rc);
        o->completed = true;
    }
}

struct fake_outcome fake_hook(struct fake *f, const char *hook, const char *instance,
                              const char *peer, ...)
{
    struct op *o = op_new(f, OP_HOOK, hook_find(f, hook)->deadline_ms);
    va_list ap;
    va_start(ap, peer);
    for (const char *key; (key = va_arg(ap, const char *));)
        op_arg(o, atoll_str_of(key), atoll_str_of(va_arg(ap, const char *)));
    va_end(ap);
    start_hook(f, o, hook, instance, peer);
    fake_until(f, 30000, o->completed);
    struct fake_outcome outcome = o->outcome;
    o->kind = OP_FREE;
    if (f->verbose)
        print_message("  hook %s: class %u %s %s\n", hook, outcome.class_, outcome.reason,
                      outcome.message);
    return outcome;
}

/* ---- advice
 * ---------------------------------------------------------------------------------------------------
 */

static void start_wire(void *impl, uint32_t stage, const struct atoll_wire *w)
{
    struct fake *f = impl;
    char target[64], peer[64];
    if (stage != f->advice.lowest)
        return;
    struct op *o = op_new(f, OP_WIRE, hook_find(f, "wire")->deadline_ms);
    snprintf(o->verb, sizeof(o->verb), "%s", w->verb);
    op_arg(o, atoll_str_of("verb"), atoll_str_of(w->verb));
    for (uint32_t i = 0; i < w->n_args; i++)
        op_arg(o, w->args[i].key, w->args[i].value);
    (void)atoll_str_copy(w->target, target, sizeof(target));
    (void)atoll_str_copy(w->peer, peer, sizeof(peer));
    if (f->verbose)
        print_message("  wire %u %.*s\n", stage, STR_FMT(w->reason));
    start_hook(f, o, "wire", target, peer);
}

static void count_wire(void *impl, uint32_t stage, const struct atoll_wire *w)
{
    struct fake *f = impl;
    (void)w;
    if (!f->advice.wires || stage < f->advice.lowest)
        f->advice.lowest = stage;
    f->advice.wires++;
}

static void ignore_order(void *impl, uint32_t position, struct atoll_str in)
{
    (void)impl, (void)position, (void)in;
}
static void ignore_three(void *impl, struct atoll_str a, struct atoll_str b, struct atoll_str c)
{
    (void)impl, (void)a, (void)b, (void)c;
}
static void ignore_victim(void *impl, uint32_t position, struct atoll_str a, struct atoll_str b)
{
    (void)impl, (void)position, (void)a, (void)b;
}
static void ignore_endpoint(void *impl, const char *role, struct atoll_str in)
{
    (void)impl, (void)role, (void)in;
}
static void take_refusal(void *impl, struct atoll_str subject, const char *reason,
                         struct atoll_str text)
{
    struct fake *f = impl;
    (void)subject;
    if (f->verbose && !text_eq(f->refusal, reason))
        print_message("  refuse %s: %.*s\n", reason, STR_FMT(text));
    if (!f->refusal[0])
        snprintf(f->refusal, sizeof(f->refusal), "%s", reason);
    if (!fake_refused(f, reason) && f->n_refusals < ARRAY_LEN(f->refusals))
        snprintf(f->refusals[f->n_refusals++], sizeof(f->refusals[0]), "%s", reason);
}
static void ignore_refusal(void *impl, struct atoll_str subject, const char *reason,
                           struct atoll_str text)
{
    (void)impl, (void)subject, (void)reason, (void)text;
}

bool fake_refused(struct fake *f, const char *reason)
{
    for (unsigned i = 0; i < f->n_refusals; i++)
        if (text_eq(f->refusals[i], reason))
            return true;
    return false;
}

static bool wires_run(struct fake *f)
{
    for (unsigned i = 0; i < OPS; i++)
        if (f->ops[i].kind == OP_WIRE)
            return true;
    return false;
}

static void drive(struct fake *f)
{
    uint64_t now = now_us();
    if (!f->driving || wires_run(f) || now < f->hold_us || (!f->dirty && now < f->advise_us))
        return;
    f->dirty = false;
    f->advise_us = now + 200000;
    fill_view(f);
    f->refusal[0] = '\0';
    memset(&f->advice, 0, sizeof(f->advice));
    struct atoll_advice a = {
        sizeof(a),       0,           f, count_wire, ignore_order, ignore_three, ignore_victim,
        ignore_endpoint, take_refusal};
    f->plugin->topology->advise(f->self, f->view, &a);
    f->idle = f->advice.wires == 0;
    a.wire = start_wire;
    a.refuse = ignore_refusal;
    if (f->advice.wires)
        f->plugin->topology->advise(f->self, f->view, &a);
}

void fake_drive(struct fake *f, bool on)
{
    f->driving = on;
    f->dirty = true;
    f->idle = false;
}

bool fake_idle(struct fake *f)
{
    return f->idle && !wires_run(f);
}

const char *fake_refusal(struct fake *f)
{
    return f->refusal;
}

static void wire_ended(struct fake *f, struct op *o)
{
    if (f->verbose)
        print_message("  wire %s: class %u %s %s\n", o->verb, o->outcome.class_, o->outcome.reason,
                      o->outcome.message);
    f->dirty = true;
    if (o->outcome.class_ != ATOLL_CLASS_DONE) {
        f->hold_us = now_us() + 100000;
        return;
    }
    unsigned i = 0;
    while (i < ARRAY_LEN(f->verbs) - 1 && f->verbs[i].verb[0] &&
           !text_eq(f->verbs[i].verb, o->verb))
        i++;
    snprintf(f->verbs[i].verb, sizeof(f->verbs[0].verb), "%s", o->verb);
    f->verbs[i].done++;
}

unsigned fake_wired(struct fake *f, const char *verb)
{
    for (unsigned i = 0; i < ARRAY_LEN(f->verbs); i++)
        if (text_eq(f->verbs[i].verb, verb))
            return f->verbs[i].done;
    return 0;
}

/* ---- the loop
 * -------------------------------------------------------------------------------------------------
 */

static void deliver(struct fake *f)
{
    uint64_t now = now_us();
    for (unsigned i = 0; i < OPS; i++) {
        struct op *o = &f->ops[i];
        if (o->kind == OP_FREE || o->kind == OP_HOOK)
            continue;
        if (o->completed) {
            if (o->kind == OP_PROBE) {
                struct probe *p = probe_find(f, atoll_str_of(o->instance));
                if (p)
                    p->flying = false;
                f->probes_done++;
            } else if (o->kind == OP_WIRE) {
                wire_ended(f, o);
            }
            o->kind = OP_FREE;
        } else if (o->deadline_us && now > o->deadline_us && !o->cancelled) {
            o->cancelled = true;
            if (o->kind == OP_PROBE)
                f->plugin->role_probe->cancel(f->self, op_handle(f, o));
            else
                f->plugin->lifecycle->cancel(f->self, op_handle(f, o));
        } else if (o->deadline_us && now > o->deadline_us + GRACE_MS * 1000) {
            fail_msg("operation %s did not end after its cancellation", o->verb);
        }
    }
}

static void fire_timers(struct fake *f)
{
    uint64_t now = now_us();
    for (unsigned i = 0; i < TIMERS; i++)
        if (f->timers[i].handle && f->timers[i].at_us <= now) {
            struct timer t = f->timers[i];
            f->timers[i].handle = 0;
            t.fn(t.arg);
        }
}

static int next_wait_ms(struct fake *f, uint64_t ms)
{
    uint64_t now = now_us(), until = now + ms * 1000;
    for (unsigned i = 0; i < TIMERS; i++)
        if (f->timers[i].handle && f->timers[i].at_us < until)
            until = f->timers[i].at_us;
    for (unsigned i = 0; i < f->n_probes; i++)
        if (f->probes[i].again && !f->probes[i].flying)
            until = now;
    for (unsigned i = 0; i < OPS; i++)
        if (f->ops[i].kind != OP_FREE && f->ops[i].completed)
            until = now;
    return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

static void poll_once(struct fake *f, int wait_ms)
{
    struct pollfd fds[WATCHES];
    unsigned slot[WATCHES], n = 0;
    for (unsigned i = 0; i < WATCHES; i++)
        if (f->watches[i].fn) {
            short events = (short)((f->watches[i].events & ATOLL_IO_READ ? POLLIN : 0) |
                                   (f->watches[i].events & ATOLL_IO_WRITE ? POLLOUT : 0));
            fds[n] = (struct pollfd){f->watches[i].fd, events, 0};
            slot[n++] = i;
        }
    if (poll(fds, n, wait_ms) <= 0)
        return;
    for (unsigned i = 0; i < n; i++) {
        struct watch w = f->watches[slot[i]];
        uint32_t events = (fds[i].revents & POLLIN ? ATOLL_IO_READ : 0) |
                          (fds[i].revents & POLLOUT ? ATOLL_IO_WRITE : 0);
        if (fds[i].revents & (POLLERR | POLLHUP))
            events |= ATOLL_IO_READ | ATOLL_IO_WRITE;
        if (events && w.fn && w.fd == fds[i].fd)
            w.fn(w.arg, events);
    }
}

void fake_turn(struct fake *f, uint64_t ms)
{
    poll_once(f, next_wait_ms(f, ms));
    fire_timers(f);
    deliver(f);
    start_due_probes(f);
    if (f->view)
        drive(f);
}

void fake_fail(struct fake *f, const char *file, int line, const char *what, int ms)
{
    print_message("%s:%d: waited %d ms for: %s\n", file, line, ms, what);
    for (unsigned i = 0; i < f->n_probes; i++) {
        const struct fake_answer *a = &f->probes[i].answer;
        print_message("  %s: %s role=\"%s\" version=%" PRIu64 " %s", f->probes[i].id,
                      a->known ? "known" : "unknown", a->role, a->version, a->reason);
        for (uint32_t k = 0; k < a->n_facts; k++)
            print_message(" %s=%s", a->key[k], a->value[k]);
        print_message("\n");
    }
    print_message("  refusal: %s, idle: %d\n", f->refusal, f->idle);
    _fail(file, line);
}
