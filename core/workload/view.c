/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine sees of a cluster: the view of sdk/include/atoll/plugin.h as JSON, put together
 * from the caches. Roles and facts are not in it: the engine's own side fills them in. Time is not
 * in it either, so that equal views are equal texts and cost nothing to set again.
 */
#include <stdlib.h>

#include "base/quantity.h"
#include "workload/control.h"

const char *definition_engine(const cJSON *definition)
{
    return kube_annotation(definition, ANNOTATION_ENGINE);
}

struct engine *engine_of(const struct workload *w, const cJSON *definition)
{
    const char *name = definition_engine(definition);
    return name && w->engines ? engine_find(w->engines, name) : NULL;
}

const char *cluster_key_of(struct arena *a, const cJSON *object)
{
    const char *cluster = kube_label(object, LABEL_CLUSTER);
    return cluster ? arena_printf(a, "%s/%s", kube_ns(object), cluster) : NULL;
}

/* ---- a component
 * -----------------------------------------------------------------------------------------------
 */

/* In thousandths; 0 when absent or not a quantity (the API server has its own opinion of those). */
static int64_t milli(const cJSON *v)
{
    int64_t n = 0;
    if (cJSON_IsNumber(v))
        return (int64_t)(v->valuedouble * 1000);
    const char *text = json_string_of(v);
    return text && quantity_parse(text, &n, NULL) == 0 ? n : 0;
}

static void put_resources(cJSON *to, const cJSON *component, const cJSON *definition)
{
    const cJSON *own = json_at(component, "spec", "resources", "limits");
    const cJSON *containers = json_at(definition, "spec", "runtime", "containers");
    const cJSON *def = json_at(containers ? containers->child : NULL, "resources", "limits");
    const cJSON *cpu = json_at(own, "cpu"), *memory = json_at(own, "memory");
    const cJSON *claims = json_at(component, "spec", "volumeClaimTemplates");
    const cJSON *storage =
        json_at(claims ? claims->child : NULL, "spec", "resources", "requests", "storage");
    int64_t memory_bytes = milli(memory ? memory : json_at(def, "memory")) / 1000;
    int64_t storage_bytes = milli(storage) / 1000;
    json_put_int(to, milli(cpu ? cpu : json_at(def, "cpu")), "cpuMilli");
    json_put_int(to, memory_bytes, "memoryBytes");
    json_put_int(to, storage_bytes, "storageBytes");
}

static void put_accounts(cJSON *to, const cJSON *component, const cJSON *definition)
{
    cJSON *list = cJSON_CreateArray();
    AUTO(json_freep) cJSON *accounts = plan_component_accounts(component, definition);
    json_foreach (row, accounts) {
        cJSON *account = cJSON_CreateObject();
        json_put_str(account, json_str(row, "name"), "name");
        json_put_str(account, json_str(row, "name"), "username");
        json_put_str(account, json_str(row, "secret"), "secret");
        cJSON_AddItemToArray(list, account);
    }
    json_put(to, list, "accounts");
}

static cJSON *component_view(const struct workload *w, const cJSON *component,
                             const cJSON *definition)
{
    AUTO(json_freep) cJSON *ready = cached_ready(w, API_COMPONENT, component);
    const char *version = json_str(ready, "spec", "serviceVersion");
    if (!version)
        version = json_str(definition, "spec", "serviceVersion");
    cJSON *v = cJSON_CreateObject();
    json_put_str(v, kube_label(component, LABEL_COMPONENT), "name");
    json_put_str(v, kube_name(definition), "definition");
    json_put_str(v, version ? version : "", "serviceVersion");
    const char *sharding = kube_label(component, LABEL_SHARDING);
    json_put_str(v, sharding ? sharding : "", "sharding");
    json_put_int(v, json_int(1, ready, "spec", "replicas"), "replicas");
    json_put(v, plan_component_options(ready), "options");
    put_resources(v, ready, definition);
    put_accounts(v, ready, definition);
    json_put(v, cJSON_CreateArray(), "instances");
    return v;
}

/* ---- its instances
 * --------------------------------------------------------------------------------------------------
 */

static bool all_running(const cJSON *pod)
{
    const cJSON *statuses = json_at(pod, "status", "containerStatuses");
    if (!statuses || !statuses->child)
        return false;
    json_foreach (c, statuses) {
        if (!json_at(c, "state", "running"))
            return false;
    }
    return true;
}

static bool ended(const cJSON *pod)
{
    const char *phase = json_str(pod, "status", "phase");
    return streq(phase, "Failed") || streq(phase, "Succeeded");
}

static cJSON *instance_view(const cJSON *pod, const char *component, const char *host,
                            enum view_detail detail, bool leaving)
{
    const char *address = json_str(pod, "status", "podIP");
    cJSON *i = cJSON_CreateObject();
    json_put_str(i, kube_uid(pod), "id");
    json_put_str(i, kube_name(pod), "name");
    json_put_str(i, component, "component");
    json_put_str(i, address ? address : "", "address");
    json_put_str(i, host, "host");
    json_put_int(i, name_ordinal(kube_name(pod)), "ordinal");
    json_put_bool(i, !ended(pod), "present");
    if (detail != VIEW_FULL)
        return i;
    json_put_bool(i, all_running(pod), "running");
    json_put_bool(i, plan_pod_ready(pod), "ready");
    json_put_bool(i, kube_deleting(pod), "terminating");
    json_put_bool(i, leaving, "leaving");
    return i;
}

/* Names the InstanceSet still wants; an empty map when it cannot say. */
static void wanted_names(const cJSON *its, struct arena *a, struct map *names)
{
    struct plan_instance *list;
    size_t n = 0;
    if (!its || json_bool(false, its, "spec", "stop") || kube_deleting(its) ||
        plan_instances(a, its, &list, &n, NULL) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        map_set(names, list[i].name, names);
}

static int by_ordinal(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
    return plan_name_compare(kube_name(x), kube_name(y));
}

static void put_instances(const struct workload *w, const cJSON *component, enum view_detail detail,
                          struct arena *a, cJSON *to)
{
    const char *ns = kube_ns(component), *name = kube_label(component, LABEL_COMPONENT);
    const char *its_key = arena_printf(a, "%s/%s", ns, kube_name(component));
    const char *headless = arena_printf(a, "%s-headless", kube_name(component));
    const cJSON **pods;
    size_t n = cached_find(w, STORE_PODS, INDEX_ITS, its_key, a, &pods);
    struct map wanted = MAP_INIT;
    wanted_names(cached_key(w, STORE_ITS, its_key), a, &wanted);
    if (n)
        qsort(pods, n, sizeof(void *), by_ordinal);
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) {
        const char *host = name_pod_host(a, kube_name(pods[i]), headless, ns);
        bool leaving = !map_get(&wanted, kube_name(pods[i]));
        cJSON_AddItemToArray(list, instance_view(pods[i], name, host, detail, leaving));
    }
    map_done(&wanted);
    json_put(to, list, "instances");
}

/* ---- the whole
 * --------------------------------------------------------------------------------------------------------
 */

cJSON *view_build(const struct workload *w, const char *cluster_key, enum view_detail detail,
                  struct arena *a)
{
    const cJSON **components;
    size_t n = cached_find(w, STORE_COMPONENTS, INDEX_CLUSTER, cluster_key, a, &components);
    const char *topology = NULL;
    cJSON *view = cJSON_CreateObject(), *list = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) {
        const cJSON *def =
            cached_get(w, STORE_COMPDEFS, "", json_str(components[i], "spec", "compDef"));
        if (!def || !kube_label(components[i], LABEL_COMPONENT))
            continue;
        cJSON *v = component_view(w, components[i], def);
        if (detail != VIEW_SPEC)
            put_instances(w, components[i], detail, a, v);
        cJSON_AddItemToArray(list, v);
        if (!topology)
            topology = kube_annotation(components[i], ANNOTATION_TOPOLOGY);
    }
    json_put_str(view, cluster_key, "cluster");
    json_put_str(view, topology ? topology : "", "topology");
    json_put_str(view, "", "component");
    json_put(view, list, "components");
    return view;
}

cJSON *view_for(const cJSON *view, const char *component)
{
    cJSON *v = cJSON_Duplicate(view, true);
    json_put_str(v, component, "component");
    return v;
}

/* A probe needs its instance, the accounts and the options; the rest of the cluster would only make
 * the specification change all the time. */
cJSON *view_for_instance(const cJSON *bare, const char *component, const cJSON *instance)
{
    static const char *const STABLE[] = {"id",   "name",    "component", "address",
                                         "host", "ordinal", "present"};
    cJSON *v = view_for(bare, component);
    cJSON *i = cJSON_CreateObject();
    for (size_t k = 0; k < ARRAY_LEN(STABLE); k++)
        json_put(i, cJSON_Duplicate(json_at(instance, STABLE[k]), true), STABLE[k]);
    const cJSON *list =
        json_at(json_find(json_at(v, "components"), "name", component), "instances");
    for (cJSON *c = json_at(v, "components")->child; c; c = c->next)
        if (json_at(c, "instances") == list) {
            cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(c, "instances"), i);
            return v;
        }
    cJSON_Delete(i);
    return v;
}

/* ---- passwords
 * -----------------------------------------------------------------------------------------------------------
 */

static void put_secret(const struct workload *w, const char *ns, const char *ref, cJSON *to)
{
    const char *data = json_str(cached_get(w, STORE_SECRETS, ns, ref), "data", "password");
    struct buf text = BUF_INIT(64 << 10);
    if (data && base64_decode(str_of(data), &text) == 0)
        json_put_str(to, buf_str(&text), ref);
    if (text.ptr)
        mem_wipe(text.ptr, text.len);
    buf_done(&text);
}

cJSON *view_secrets(const struct workload *w, const char *ns, const cJSON *view)
{
    cJSON *secrets = cJSON_CreateObject();
    json_foreach (c, json_at(view, "components")) {
        json_foreach (account, json_at(c, "accounts")) {
            put_secret(w, ns, json_str(account, "secret"), secrets);
        }
    }
    return secrets;
}
