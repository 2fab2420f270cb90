/* SPDX-License-Identifier: Apache-2.0 */
/* What a Cluster says of itself: one phase out of its Components' phases, conditions, a row per
 * component. */
#include "base/clock.h"
#include "plan/clus.h"

/* The phase a component counts with: one that has not seen our change yet is not running any more.
 */
static const char *phase_now(const struct clus_comp *m)
{
    const char *phase = json_str(m->have, "status", "phase");
    if (m->error)
        return m->have && phase ? phase : "Failed";
    if (!m->have || !phase)
        return "Creating";
    bool seen = json_int(-1, m->have, "status", "observedGeneration") ==
                json_int(0, m->have, "metadata", "generation");
    return streq(phase, "Running") && !(seen && m->current) ? "Updating" : phase;
}

static size_t count(const struct clus *c, const char *phase)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += streq(phase_now(&c->comps[i]), phase);
    return n;
}

/* First match, as KubeBlocks decides it. */
static const char *phase_of(const struct clus *c)
{
    const char *before = json_str(c->in->cluster, "status", "phase");
    if (c->deleting && !c->kept)
        return "Deleting";
    if (!c->n)
        return c->refused ? "Failed" : before ? before : "Creating";
    size_t stopped = count(c, "Stopped"), running = count(c, "Running"),
           creating = count(c, "Creating");
    size_t updating = count(c, "Updating"), failed = count(c, "Failed");
    if (c->refused && !c->comps[0].have)
        return "Failed";
    if (stopped == c->n)
        return "Stopped";
    if (running + stopped == c->n)
        return "Running";
    if (creating == c->n)
        return "Creating";
    if (creating + running + updating == c->n || count(c, "Starting"))
        return "Updating";
    if (count(c, "Stopping"))
        return "Stopping";
    if (failed == c->n)
        return "Failed";
    return failed ? "Abnormal" : before ? before : "Creating";
}

static cJSON *component_row(const struct clus_comp *m)
{
    cJSON *row = cJSON_CreateObject();
    const cJSON *message = json_at(m->have, "status", "message");
    json_put_str(row, phase_now(m), "phase");
    if (m->error)
        json_put_str(row, m->error, "message", "Component");
    else if (message)
        json_put(row, cJSON_Duplicate(message, true), "message");
    json_put_int(row, json_int(0, m->have, "status", "observedGeneration"), "observedGeneration");
    json_put_bool(row, clus_settled(m), "upToDate");
    return row;
}

static cJSON *component_rows(const struct clus *c)
{
    cJSON *rows = cJSON_CreateObject();
    for (size_t i = 0; i < c->n; i++)
        json_put(rows, component_row(&c->comps[i]), c->comps[i].name);
    return rows;
}

/* ---- conditions
 * ------------------------------------------------------------------------------------------------
 */

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

static const char *first_error(const struct clus *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->comps[i].error)
            return c->comps[i].error;
    return NULL;
}

/* "db Creating, proxy Failed: image missing" for those that do not run. */
static char *not_running(const struct clus *c)
{
    struct buf b = BUF_INIT(1024);
    for (size_t i = 0; i < c->n; i++) {
        const char *phase = phase_now(&c->comps[i]);
        const cJSON *why = json_at(c->comps[i].have, "status", "message");
        if (streq(phase, "Running") || streq(phase, "Stopped"))
            continue;
        buf_addf(&b, "%s%s %s", b.len ? ", " : "", c->comps[i].name, phase);
        if (why && why->child && cJSON_IsString(why->child))
            buf_addf(&b, ": %s", why->child->valuestring);
    }
    return buf_take(&b);
}

static bool all_available(const struct clus *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (!condition_is(c->comps[i].have, CONDITION_AVAILABLE, CONDITION_TRUE))
            return false;
    return c->n > 0;
}

static cJSON *conditions(const struct clus *c)
{
    struct out o = {.list = conditions_copy(c->in->cluster)};
    o.generation = json_int(0, c->in->cluster, "metadata", "generation");
    clock_time_text(c->in->now_us, o.now);
    const char *error = first_error(c);
    AUTO(mem_freep) char *rest = not_running(c);
    bool ready = !*rest && !c->refused && c->n > 0, available = all_available(c);
    put(&o, CONDITION_PROVISIONING, !c->refused, c->refused ? "PreCheckFailed" : "PreCheckSucceed",
        c->refused ? c->refused : "the specification is carried out");
    put(&o, CONDITION_APPLIED, !error && !c->refused,
        error || c->refused ? "ApplyResourcesFailed" : "ApplyResourcesSucceed",
        c->refused ? c->refused
        : error    ? error
                   : "Components are applied");
    put(&o, CONDITION_READY, ready, ready ? "ClusterReady" : "ComponentsNotReady", rest);
    put(&o, CONDITION_AVAILABLE, available, available ? "Available" : "NotAvailable",
        available ? "every component can be used" : "a component cannot be used now");
    if (c->kept)
        put(&o, CONDITION_DELETION, CONDITION_FALSE, "DoNotTerminate", c->kept);
    else
        condition_remove(o.list, CONDITION_DELETION);
    return o.list;
}

cJSON *clus_status(const struct clus *c)
{
    cJSON *status = cJSON_CreateObject();
    json_put_int(status, json_int(0, c->in->cluster, "metadata", "generation"),
                 "observedGeneration");
    json_put_str(status, phase_of(c), "phase");
    const char *message = c->refused ? c->refused : first_error(c);
    if (message)
        json_put_str(status, message, "message");
    json_put(status, component_rows(c), "components");
    json_put(status, conditions(c), "conditions");
    return status;
}
