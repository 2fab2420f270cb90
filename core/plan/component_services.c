/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Services of a Component: those of its definition, switched on or changed by the user's list,
 * one per instance where podService says so. A Service of an instance stays until its Pod is gone,
 * so that a leaving instance is reachable to the end.
 */
#include "base/map.h"
#include "plan/comp.h"

static cJSON *selector(const struct comp *c, const cJSON *service, const char *pod)
{
    cJSON *labels = comp_labels(c);
    if (json_str(service, "roleSelector"))
        json_put_str(labels, json_str(service, "roleSelector"), LABEL_ROLE);
    if (pod)
        json_put_str(labels, pod, LABEL_POD_NAME);
    return labels;
}

static void annotations_add(cJSON *svc, const cJSON *from)
{
    json_foreach (a, json_at(from, "annotations")) {
        json_put(svc, cJSON_Duplicate(a, true), "metadata", "annotations", a->string);
    }
}

static cJSON *service_build(const struct comp *c, const cJSON *service, const cJSON *own,
                            const char *name, const char *pod)
{
    cJSON *svc = comp_child(c, "Service", name);
    annotations_add(svc, service);
    annotations_add(svc, own);
    json_put(svc,
             json_at(service, "spec") ? cJSON_Duplicate(json_at(service, "spec"), true)
                                      : cJSON_CreateObject(),
             "spec");
    if (json_str(own, "serviceType"))
        json_put_str(svc, json_str(own, "serviceType"), "spec", "type");
    json_put(svc, selector(c, service, pod), "spec", "selector");
    return svc;
}

/* The selector is ours alone: a label that is not wanted any more must go. */
static void service_ensure(const struct comp *c, cJSON *want, struct map *kept, struct plan *p)
{
    const char *name = arena_strdup(c->a, json_str(want, "metadata", "name"));
    const cJSON *have = comp_find(c->in->services, c->in->n_services, name);
    map_set(kept, name, kept);
    AUTO(json_freep) cJSON *goal = cJSON_CreateObject();
    cJSON_AddItemToObject(goal, "selector",
                          cJSON_Duplicate(json_at(want, "spec", "selector"), true));
    cJSON *drop = have ? desired_exact(json_at(have, "spec"), goal, "selector") : NULL;
    if (!drop) {
        desired_object(p, PLAN_SERVICE, have, want, NULL);
        return;
    }
    cJSON *patch = cJSON_CreateObject();
    json_del(want, "apiVersion");
    json_del(want, "kind");
    cJSON *rest = desired_patch(have, want);
    cJSON_Delete(want);
    cJSON_AddItemToObject(patch, "spec", drop);
    plan_step_add(p, PLAN_PATCH, PLAN_SERVICE, c->ns, name, desired_join(patch, rest),
                  "its selector changed");
}

static void pod_services(const struct comp *c, const cJSON *service, const cJSON *own,
                         const char *base, struct map *kept, struct plan *p)
{
    json_foreach (row, json_at(c->in->its, "status", "instanceStatus")) {
        const char *pod = json_str(row, "podName");
        bool gone = streq(json_str(row, "currentState"), "Absent") &&
                    !streq(json_str(row, "desiredState"), "Active");
        if (!pod || gone)
            continue;
        const char *name = name_pod_service(c->a, base, name_ordinal(pod));
        service_ensure(c, service_build(c, service, own, name, pod), kept, p);
    }
}

static void remove_others(const struct comp *c, const struct map *kept, struct plan *p)
{
    for (size_t i = 0; i < c->in->n_services; i++) {
        const cJSON *svc = c->in->services[i];
        const char *name = json_str(svc, "metadata", "name");
        if (map_get(kept, name) || json_at(svc, "metadata", "deletionTimestamp"))
            continue;
        plan_step_add(p, PLAN_DELETE, PLAN_SERVICE, c->ns, name, NULL,
                      "no definition or user asks for it any more")
            ->uid = arena_strdup(p->arena, json_str(svc, "metadata", "uid"));
    }
}

void comp_services(const struct comp *c, struct plan *p)
{
    struct map kept = MAP_INIT;
    json_foreach (service, json_at(c->def, "services")) {
        const cJSON *own =
            json_find(json_at(c->spec, "services"), "name", json_str(service, "name"));
        if (json_bool(false, service, "disableAutoProvision") && !own)
            continue;
        const char *base =
            name_service(c->a, c->cluster, c->comp, json_str(service, "serviceName"));
        if (json_bool(json_bool(false, service, "podService"), own, "podService"))
            pod_services(c, service, own, base, &kept, p);
        else
            service_ensure(c, service_build(c, service, own, base, NULL), &kept, p);
    }
    remove_others(c, &kept, p);
    map_done(&kept);
}
