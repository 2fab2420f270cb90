/* SPDX-License-Identifier: Apache-2.0 */
/* What a Component says of itself: phase, conditions, message. */
#include "base/clock.h"
#include "plan/comp.h"

static bool its_failed(const cJSON *its)
{
    return condition_is(its, CONDITION_ITS_FAILURE, CONDITION_TRUE);
}

/* The InstanceSet is what this Component asks for now, and has seen it. */
static bool its_current(const struct comp *c)
{
    const cJSON *its = c->in->its;
    return json_int(-1, its, "status", "observedGeneration") ==
               json_int(0, its, "metadata", "generation") &&
           json_int(-1, its, "spec", "replicas") == json_int(1, c->spec, "replicas");
}

static const char *phase_stopped(const struct comp *c)
{
    return json_int(0, c->in->its, "status", "replicas") > 0 ? "Stopping" : "Stopped";
}

/* Running is reached when the instances are wired, too: before that a client may be refused. Once
 * reached, a fail-over in progress does not take it away; the condition Wired tells. */
static bool wiring_open(const struct comp *c, const char *before)
{
    return c->in->wired.known && c->in->wired.status != CONDITION_TRUE && !streq(before, "Running");
}

/* Order of tests as KubeBlocks has it; a refusal before anything runs counts as failed. */
static const char *phase_of(const struct comp *c)
{
    const char *before = json_str(c->in->component, "status", "phase");
    const cJSON *its = c->in->its;
    if (json_at(c->in->component, "metadata", "deletionTimestamp") ||
        json_at(its, "metadata", "deletionTimestamp"))
        return "Deleting";
    if (!its)
        return c->refused ? "Failed" : "Creating";
    if (json_bool(false, c->spec, "stop"))
        return phase_stopped(c);
    if (plan_its_ready(its) && its_current(c) && !c->changing && !wiring_open(c, before))
        return "Running";
    if (its_failed(its))
        return "Failed";
    if (!before || streq(before, "Creating"))
        return "Creating";
    if (streq(before, "Stopped") || streq(before, "Stopping") || streq(before, "Starting"))
        return "Starting";
    if (streq(before, "Failed") && !json_at(its, "status", "currentRevision"))
        return "Creating";
    return "Updating";
}

static bool phase_listed(const char *list, const char *phase)
{
    struct str rest = str_of(list), piece;
    while (str_split(&rest, ',', &piece))
        if (str_eq(str_trim(piece), str_of(phase)))
            return true;
    return false;
}

static bool role_ready(const cJSON *its, const char *role)
{
    json_foreach (row, json_at(its, "status", "instanceStatus")) {
        if (streq(json_str(row, "role"), role) && json_bool(false, row, "ready"))
            return true;
    }
    return false;
}

static bool is_available(const struct comp *c, const char *phase)
{
    const char *phases = json_str(c->def, "available", "withPhases");
    const char *role = json_str(c->def, "available", "withRole");
    if (role && !role_ready(c->in->its, role))
        return false;
    return phases || !role ? phase_listed(phases ? phases : "Running", phase) : true;
}

struct out {
    cJSON *list;
    int64_t generation;
    char now[CLOCK_TEXT_MAX];
};

static void put(struct out *o, const char *type, enum condition_status s, const char *reason,
                const char *message)
{
    condition_set(o->list, type, s, reason, message, o->generation, o->now);
}

static void put_engine(const struct comp *c, struct out *o)
{
    if (c->in->engine == PLAN_ENGINE_NONE)
        return;
    put(o, CONDITION_ENGINE, c->in->engine_available,
        c->in->engine_available ? "Running" : c->in->engine_reason,
        c->in->engine_available ? "the engine answers" : c->in->engine_message);
    if (c->in->wired.known)
        put(o, CONDITION_WIRED, c->in->wired.status, c->in->wired.reason, c->in->wired.message);
}

static cJSON *conditions(const struct comp *c, const char *phase)
{
    struct out o = {.list = conditions_copy(c->in->component)};
    o.generation = json_int(0, c->in->component, "metadata", "generation");
    clock_time_text(c->in->now_us, o.now);
    bool running = streq(phase, "Running") || streq(phase, "Stopped");
    bool available = is_available(c, phase);
    put(&o, CONDITION_PROVISIONING, !c->refused, c->refused ? c->refused_reason : "Accepted",
        c->refused ? c->refused : "the specification is carried out");
    put(&o, CONDITION_AVAILABLE, available, available ? "Available" : "NotAvailable",
        available ? "it can be used" : "it cannot be used now");
    put(&o, CONDITION_PROGRESSING, !running && !c->refused, running ? "Settled" : phase,
        running ? "every instance is as wanted" : "instances are not as wanted yet");
    put_engine(c, &o);
    return o.list;
}

/* Why it is not running, by object: what a person reads first. */
static cJSON *message(const struct comp *c)
{
    cJSON *m = cJSON_CreateObject();
    const cJSON *failure = condition_find(c->in->its, CONDITION_ITS_FAILURE);
    if (c->refused) {
        const char *key = arena_printf(c->a, "Component/%s", c->name);
        json_put_str(m, c->refused, key);
    }
    if (failure) {
        const char *key =
            arena_printf(c->a, "InstanceSet/%s", json_str(c->in->its, "metadata", "name"));
        json_put_str(m, json_str(failure, "message"), key);
    }
    return m;
}

cJSON *comp_status(const struct comp *c)
{
    const char *phase = phase_of(c);
    cJSON *status = cJSON_CreateObject();
    json_put_int(status, json_int(0, c->in->component, "metadata", "generation"),
                 "observedGeneration");
    json_put_str(status, phase, "phase");
    cJSON *m = message(c);
    if (m->child)
        json_put(status, m, "message");
    else
        cJSON_Delete(m);
    json_put(status, conditions(c, phase), "conditions");
    return status;
}
