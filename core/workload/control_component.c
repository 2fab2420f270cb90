/* SPDX-License-Identifier: Apache-2.0 */
/* The Component controller: observe from the caches and from what the engine said, plan. */
#include "base/clock.h"
#include "base/ids.h"
#include "workload/control.h"

/* Passwords are made of these when an account is new; most passes throw them away unused. */
static const unsigned char (*random_rows(struct arena *a))[PASSWORD_RANDOM]
{
    size_t n = (size_t)PLAN_ACCOUNTS_MAX * PASSWORD_RANDOM;
    void *rows = arena_alloc(a, n);
    ids_random(rows, n);
    return rows;
}

static const cJSON *definition_of(struct workload *w, const cJSON *component, struct arena *a,
                                  const char **ret_error)
{
    const char *name = json_str(component, "spec", "compDef");
    const cJSON *def = cached_get(w, STORE_COMPDEFS, "", name);
    if (def)
        return def;
    const cJSON **all;
    AUTO(err_freep) struct err *err = NULL;
    size_t n = kube_cache_all(w->stores[STORE_COMPDEFS], a, &all);
    plan_definition_find(all, n, name ? name : "", NULL, "ComponentDefinition", &err);
    *ret_error = err ? arena_strdup(a, err_text(err))
                     : "spec.compDef must be the exact name of a definition";
    return NULL;
}

static void observe_children(struct workload *w, const cJSON *component, struct arena *a,
                             struct plan_component_in *in)
{
    const char *uid = kube_uid(component);
    const cJSON **services, **secrets, **configmaps;
    in->n_services = cached_find(w, STORE_SERVICES, INDEX_OWNER, uid, a, &services);
    in->n_secrets = cached_find(w, STORE_SECRETS, INDEX_OWNER, uid, a, &secrets);
    in->n_configmaps = cached_find(w, STORE_CONFIGMAPS, INDEX_OWNER, uid, a, &configmaps);
    in->services = services;
    in->secrets = secrets;
    in->configmaps = configmaps;
}

static void observe_engine(struct workload *w, const cJSON *component, struct arena *a,
                           struct plan_component_in *in)
{
    struct answer_view v;
    answers_get(w, component, in->definition, a, &v);
    in->engine = v.state;
    in->engine_name = v.engine;
    in->engine_reason = v.reason;
    in->engine_message = v.message;
    in->engine_available = v.available;
    in->validate = v.validate;
    in->render = v.render;
    const char *cluster = cluster_key_of(a, component);
    if (cluster)
        in->wired = drive_wired(w, cluster, kube_label(component, LABEL_COMPONENT));
}

bool control_component(struct workload *w, const char *key, struct plan *p, const cJSON **about)
{
    const cJSON *component = cached_key(w, STORE_COMPONENTS, key);
    if (!component) {
        answers_forget(w, key);
        return false;
    }
    *about = component;
    const char *error = NULL;
    AUTO(json_freep) cJSON *ready = cached_ready(w, API_COMPONENT, component);
    AUTO(json_freep)
    cJSON *definition =
        cached_ready(w, API_COMPONENTDEFINITION, definition_of(w, component, p->arena, &error));
    const char *cluster = kube_label(component, LABEL_CLUSTER);
    struct plan_component_in in = {.schemas = &w->schemas,
                                   .component = ready,
                                   .cluster =
                                       cached_get(w, STORE_CLUSTERS, kube_ns(component), cluster),
                                   .definition = definition,
                                   .definition_error = error,
                                   .random = random_rows(p->arena),
                                   .now_us = clock_wall_us()};
    in.its = cached_get(w, STORE_ITS, kube_ns(component), kube_name(component));
    if (in.its && !desired_owned(in.its, component))
        in.its = NULL;
    observe_children(w, component, p->arena, &in);
    observe_engine(w, ready, p->arena, &in);
    plan_component(&in, p);
    return true;
}
