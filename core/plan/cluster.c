/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cluster: from what a person wrote to Components, in the orders of the topology, and back from
 * them to one phase. Which Components there shall be is cluster_components.c; this file has the
 * frame: refusals, the cluster's own Services, the end.
 */
#include "base/map.h"
#include "plan/clus.h"

/* ---- what is refused, what has no effect
 * ------------------------------------------------------------------- */

struct complaints {
    struct buf text;
    unsigned n;
};

static void complain(void *arg, const char *path, const char *text)
{
    struct complaints *all = arg;
    if (all->n++ < 5)
        buf_addf(&all->text, "%s%s %s", all->text.len ? "; " : "", path, text);
}

static void check_fields(struct clus *c)
{
    const struct field_schema *schema = c->in->schemas->of[API_CLUSTER];
    struct complaints errors = {.text = BUF_INIT(4096)}, warnings = {.text = BUF_INIT(4096)};
    field_validate(schema, c->in->cluster, NULL, complain, &errors);
    if (errors.n)
        c->refused = arena_strdup(c->a, buf_str(&errors.text));
    bool seen = json_int(-1, c->in->cluster, "status", "observedGeneration") ==
                json_int(0, c->in->cluster, "metadata", "generation");
    if (!seen)
        field_warnings(schema, c->in->cluster, complain, &warnings);
    if (warnings.n)
        plan_event_add(c->p, true, "FieldsWithoutEffect", "%s", buf_str(&warnings.text));
    buf_done(&errors.text);
    buf_done(&warnings.text);
}

/* ---- Services of the cluster
 * -------------------------------------------------------------------------------- */

static cJSON *service_build(const struct clus *c, const cJSON *row)
{
    cJSON *labels = cJSON_CreateObject();
    json_put_str(labels, LABEL_MANAGED_BY_VALUE, LABEL_MANAGED_BY);
    json_put_str(labels, c->name, LABEL_CLUSTER);
    cJSON *selector = cJSON_Duplicate(labels, true);
    if (json_str(row, "componentSelector"))
        json_put_str(selector, json_str(row, "componentSelector"), LABEL_COMPONENT);
    if (json_str(row, "roleSelector"))
        json_put_str(selector, json_str(row, "roleSelector"), LABEL_ROLE);
    cJSON *svc = cJSON_CreateObject();
    json_put_str(svc, "v1", "apiVersion");
    json_put_str(svc, "Service", "kind");
    const char *name = name_cluster_service(c->a, c->name, json_str(row, "serviceName"));
    cJSON *owner = desired_owner(c->in->cluster, API_GROUP_APPS "/v1", "Cluster");
    json_put(svc, desired_meta(c->ns, name, labels, owner), "metadata");
    if (json_at(row, "annotations"))
        json_put(svc, cJSON_Duplicate(json_at(row, "annotations"), true), "metadata",
                 "annotations");
    json_put(svc,
             json_at(row, "spec") ? cJSON_Duplicate(json_at(row, "spec"), true)
                                  : cJSON_CreateObject(),
             "spec");
    json_put(svc, selector, "spec", "selector");
    return svc;
}

static const cJSON *service_find(const struct clus *c, const char *name)
{
    for (size_t i = 0; i < c->in->n_services; i++)
        if (streq(json_str(c->in->services[i], "metadata", "name"), name))
            return c->in->services[i];
    return NULL;
}

static void services(struct clus *c)
{
    struct map kept = MAP_INIT;
    json_foreach (row, json_at(c->spec, "services")) {
        const char *name = name_cluster_service(c->a, c->name, json_str(row, "serviceName"));
        map_set(&kept, name, &kept);
        desired_object(c->p, PLAN_SERVICE, service_find(c, name), service_build(c, row), NULL);
    }
    for (size_t i = 0; i < c->in->n_services; i++) {
        const char *name = json_str(c->in->services[i], "metadata", "name");
        if (!map_get(&kept, name) && !json_at(c->in->services[i], "metadata", "deletionTimestamp"))
            plan_step_add(c->p, PLAN_DELETE, PLAN_SERVICE, c->ns, name, NULL,
                          "spec.services does not list it any more")
                ->uid = arena_strdup(c->a, json_str(c->in->services[i], "metadata", "uid"));
    }
    map_done(&kept);
}

/* ---- the end
 * -------------------------------------------------------------------------------------------------
 */

static void component_delete(struct clus *c, const cJSON *component, const char *why)
{
    if (json_at(component, "metadata", "deletionTimestamp"))
        return;
    plan_step_add(c->p, PLAN_DELETE, PLAN_COMPONENT, c->ns, json_str(component, "metadata", "name"),
                  NULL, "%s", why)
        ->uid = arena_strdup(c->a, json_str(component, "metadata", "uid"));
}

static const struct clus_comp *member_of(const struct clus *c, const cJSON *component)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->comps[i].have == component)
            return &c->comps[i];
    return NULL;
}

/* The first stage of the terminate order that still has objects; what is in no order goes with it.
 */
static int terminate_stage(const struct clus *c)
{
    int first = INT32_MAX;
    for (size_t i = 0; i < c->in->n_components; i++) {
        const struct clus_comp *m = member_of(c, c->in->components[i]);
        if (m && m->terminate != STAGE_NONE && m->terminate < first)
            first = m->terminate;
    }
    return first;
}

static void finish(struct clus *c)
{
    int stage = terminate_stage(c);
    for (size_t i = 0; i < c->in->n_components; i++) {
        const struct clus_comp *m = member_of(c, c->in->components[i]);
        if (!m || m->terminate == STAGE_NONE || m->terminate == stage)
            component_delete(c, c->in->components[i], "the cluster is being deleted");
    }
    if (c->in->n_components)
        return;
    cJSON *patch = desired_finalizer(c->in->cluster, FINALIZER_CLUSTER, false);
    if (patch)
        plan_step_add(c->p, PLAN_PATCH, PLAN_CLUSTER, c->ns, c->name, patch,
                      "all its Components are gone");
}

static void remove_dropped(struct clus *c)
{
    for (size_t i = 0; i < c->in->n_components; i++)
        if (!member_of(c, c->in->components[i]))
            component_delete(c, c->in->components[i],
                             "spec.componentSpecs does not list it any more");
}

static void keep(struct clus *c)
{
    if (!streq(json_str(c->spec, "terminationPolicy"), "DoNotTerminate"))
        return;
    c->kept = "terminationPolicy is DoNotTerminate; set it to Delete to let the deletion proceed";
    if (!condition_is(c->in->cluster, CONDITION_DELETION, CONDITION_FALSE))
        plan_event_add(c->p, true, "DeletionRefused", "%s", c->kept);
}

/* ---- the whole
 * --------------------------------------------------------------------------------------------------
 */

/* What runs counts as what was wanted. */
static void leave_as_is(struct clus *c)
{
    for (size_t i = 0; i < c->n; i++)
        c->comps[i].current = true;
}

static void build(struct clus *c)
{
    cJSON *patch = desired_finalizer(c->in->cluster, FINALIZER_CLUSTER, true);
    if (patch && !c->deleting)
        plan_step_add(c->p, PLAN_PATCH, PLAN_CLUSTER, c->ns, c->name, patch,
                      "its Components must go before it goes");
    if (c->refused) {
        leave_as_is(c);
        return;
    }
    services(c);
    clus_components(c);
    remove_dropped(c);
}

static void tell_phase(struct clus *c, const cJSON *status)
{
    const char *before = json_str(c->in->cluster, "status", "phase"),
               *now = json_str(status, "phase");
    if (before && !streq(before, now))
        plan_event_add(c->p, streq(now, "Failed") || streq(now, "Abnormal"), "PhaseChanged",
                       "%s -> %s", before, now);
    if (c->refused &&
        !streq(json_str(condition_find(c->in->cluster, CONDITION_PROVISIONING), "message"),
               c->refused))
        plan_event_add(c->p, true, "PreCheckFailed", "%s", c->refused);
}

void plan_cluster(const struct plan_cluster_in *in, struct plan *p)
{
    struct clus c = {.in = in, .p = p, .a = p->arena, .spec = json_at(in->cluster, "spec")};
    c.name = json_str(in->cluster, "metadata", "name");
    c.ns = json_str(in->cluster, "metadata", "namespace");
    c.deleting = json_at(in->cluster, "metadata", "deletionTimestamp") != NULL;
    check_fields(&c);
    clus_resolve(&c);
    if (c.deleting)
        keep(&c);
    bool ending = c.deleting && !c.kept;
    if (ending)
        leave_as_is(&c);
    else
        build(&c);
    plan_barrier(p);
    /* The last step takes the finalizer away; a status written before it would only make it
     * conflict. */
    if (!ending || in->n_components) {
        cJSON *status = clus_status(&c);
        tell_phase(&c, status);
        desired_status(p, PLAN_CLUSTER, in->cluster, status, "what was observed changed");
        plan_barrier(p);
    }
    if (ending)
        finish(&c);
    for (size_t i = 0; i < c.n; i++)
        cJSON_Delete(c.comps[i].want);
}
