/* SPDX-License-Identifier: Apache-2.0 */
/* What an InstanceSet says of itself: counts, one row per instance, conditions. Pure bookkeeping.
 */
#include "base/clock.h"
#include "plan/its.h"

struct counts {
    int64_t replicas, ready, available, current, updated;
};

static bool updated(const struct its_pod *m)
{
    return m->want && !m->terminating && (m->change == ITS_SAME || m->change == ITS_METADATA);
}

static void count_pod(const struct its_pod *m, const char *current, struct counts *c)
{
    if (m->terminating || !m->mine)
        return;
    c->replicas++;
    c->ready += m->ready;
    c->available += m->available;
    c->updated += updated(m);
    c->current += streq(json_str(m->pod, "metadata", "labels", LABEL_REVISION), current);
}

static void counts_put(cJSON *to, const struct counts *c)
{
    json_put_int(to, c->replicas, "replicas");
    json_put_int(to, c->ready, "readyReplicas");
    json_put_int(to, c->available, "availableReplicas");
    json_put_int(to, c->current, "currentReplicas");
    json_put_int(to, c->updated, "updatedReplicas");
}

/* ---- one row per instance
 * ----------------------------------------------------------------------------- */

static const char *desired_state(const struct its *s, const struct its_pod *m)
{
    if (m->want)
        return "Active";
    return json_array_has(json_at(s->spec, "offlineInstances"), m->name) ? "Offline" : "Released";
}

static cJSON *row_of_pod(const struct its *s, const struct its_pod *m)
{
    const char *tpl = json_str(m->pod, "metadata", "labels", LABEL_ITS_TEMPLATE);
    const char *revision = json_str(m->pod, "metadata", "labels", LABEL_REVISION);
    cJSON *row = cJSON_CreateObject();
    json_put_str(row, m->name, "podName");
    if (tpl)
        json_put_str(row, tpl, "templateName");
    json_put_str(row, desired_state(s, m), "desiredState");
    json_put_str(row, m->terminating ? "Terminating" : "Present", "currentState");
    if (revision)
        json_put_str(row, revision, "currentRevision");
    if (m->tpl)
        json_put_str(row, m->tpl->revision, "updateRevision");
    json_put_bool(row, updated(m), "upToDate");
    json_put_bool(row, m->ready, "ready");
    json_put_bool(row, m->available, "available");
    if (m->failed)
        json_put_bool(row, true, "failed");
    if (m->role)
        json_put_str(row, m->role, "role");
    return row;
}

static cJSON *row_of_absent(const struct its *s, const struct plan_instance *i)
{
    cJSON *row = cJSON_CreateObject();
    json_put_str(row, i->name, "podName");
    if (*i->tpl_name)
        json_put_str(row, i->tpl_name, "templateName");
    json_put_str(row, "Active", "desiredState");
    json_put_str(row, "Absent", "currentState");
    json_put_str(row, its_template_of(s, i)->revision, "updateRevision");
    return row;
}

static cJSON *rows(const struct its *s)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->n_want; i++) {
        const struct its_pod *m = map_get(&s->by_name, s->want[i].name);
        bool there = m && m->want;
        cJSON_AddItemToArray(list, there ? row_of_pod(s, m) : row_of_absent(s, &s->want[i]));
    }
    for (size_t i = 0; i < s->n_pods; i++)
        if (s->pods[i].mine && !s->pods[i].want)
            cJSON_AddItemToArray(list, row_of_pod(s, &s->pods[i]));
    return list;
}

static cJSON *template_rows(const struct its *s, const char *current)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t t = 1; t < s->n_tpls; t++) {
        struct counts c = {0};
        for (size_t i = 0; i < s->n_pods; i++)
            if (s->pods[i].tpl == &s->tpls[t])
                count_pod(&s->pods[i], current, &c);
        cJSON *row = cJSON_CreateObject();
        json_put_str(row, s->tpls[t].name, "name");
        counts_put(row, &c);
        cJSON_AddItemToArray(list, row);
    }
    return list;
}

/* ---- conditions
 * ------------------------------------------------------------------------------------------ */

/* JSON list of the Pods that fail a test; "" when all pass. */
static char *pods_that(const struct its *s, bool (*fails)(const struct its_pod *))
{
    AUTO(json_freep) cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->n_want; i++) {
        const struct its_pod *m = map_get(&s->by_name, s->want[i].name);
        if (!m || !m->want || fails(m))
            cJSON_AddItemToArray(list, cJSON_CreateString(s->want[i].name));
    }
    return list->child ? json_print(list) : mem_strdup("");
}

static bool is_not_ready(const struct its_pod *m)
{
    return !m->ready || m->terminating;
}

static bool is_not_available(const struct its_pod *m)
{
    return !m->available;
}

static char *pods_failed(const struct its *s)
{
    AUTO(json_freep) cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < s->n_pods; i++)
        if (s->pods[i].want && s->pods[i].failed)
            cJSON_AddItemToArray(list, cJSON_CreateString(s->pods[i].name));
    return list->child ? json_print(list) : NULL;
}

static void conditions_put(const struct its *s, cJSON *status)
{
    char now[CLOCK_TEXT_MAX];
    clock_time_text(s->in->now_us, now);
    int64_t generation = json_int(0, s->in->its, "metadata", "generation");
    cJSON *list = conditions_copy(s->in->its);
    AUTO(mem_freep) char *unready = pods_that(s, is_not_ready);
    AUTO(mem_freep) char *unavailable = pods_that(s, is_not_available);
    AUTO(mem_freep) char *failed = pods_failed(s);
    condition_set(list, CONDITION_ITS_READY, !*unready, *unready ? "NotReady" : "Ready", unready,
                  generation, now);
    condition_set(list, CONDITION_ITS_AVAILABLE, !*unavailable,
                  *unavailable ? "NotAvailable" : "Available", unavailable, generation, now);
    if (failed || s->spec_error)
        condition_set(list, CONDITION_ITS_FAILURE, CONDITION_TRUE,
                      s->spec_error ? "InvalidSpec" : "InstanceFailure",
                      s->spec_error ? s->spec_error : failed, generation, now);
    else
        condition_remove(list, CONDITION_ITS_FAILURE);
    if (s->restricted)
        condition_set(list, CONDITION_ITS_RESTRICTED, CONDITION_TRUE, "StrictInPlace",
                      s->restricted, generation, now);
    else
        condition_remove(list, CONDITION_ITS_RESTRICTED);
    json_put(status, list, "conditions");
}

/* ---- all of it
 * ---------------------------------------------------------------------------------------------- */

static void init_replicas_put(const struct its *s, const struct counts *c, cJSON *status)
{
    const cJSON *before = json_at(s->in->its, "status");
    int64_t init = json_int(s->replicas, before, "initReplicas");
    int64_t ready = json_int(0, before, "readyInitReplicas");
    int64_t now = c->ready < init ? c->ready : init;
    json_put_int(status, init, "initReplicas");
    json_put_int(status, now > ready ? now : ready, "readyInitReplicas");
}

cJSON *its_status(const struct its *s)
{
    const char *update = s->tpls[0].revision;
    const char *before = json_str(s->in->its, "status", "currentRevision");
    struct counts c = {0};
    cJSON *status = cJSON_CreateObject();
    for (size_t i = 0; i < s->n_pods; i++)
        count_pod(&s->pods[i], before ? before : update, &c);
    bool all_updated = c.updated == c.replicas;
    if (all_updated)
        c.current = c.updated;
    const char *current = all_updated || !before ? update : before;
    json_put_int(status, json_int(0, s->in->its, "metadata", "generation"), "observedGeneration");
    counts_put(status, &c);
    init_replicas_put(s, &c, status);
    json_put_str(status, current, "currentRevision");
    json_put_str(status, update, "updateRevision");
    json_put(status, rows(s), "instanceStatus");
    if (s->n_tpls > 1)
        json_put(status, template_rows(s, current), "templatesStatus");
    conditions_put(s, status);
    return status;
}

bool plan_its_ready(const cJSON *its)
{
    const cJSON *status = json_at(its, "status");
    int64_t want = json_int(1, its, "spec", "replicas");
    bool roles = cJSON_GetArraySize(json_at(its, "spec", "roles")) > 0;
    if (json_int(-1, status, "observedGeneration") != json_int(0, its, "metadata", "generation") ||
        json_int(-1, status, "replicas") != want || json_int(-1, status, "readyReplicas") != want ||
        json_int(-1, status, "updatedReplicas") != want)
        return false;
    if (json_int(0, its, "spec", "minReadySeconds") > 0 &&
        json_int(-1, status, "availableReplicas") != want)
        return false;
    json_foreach (row, json_at(status, "instanceStatus")) {
        bool active = streq(json_str(row, "desiredState"), "Active");
        if (roles && active && !json_str(row, "role"))
            return false;
    }
    return true;
}
