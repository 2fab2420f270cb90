/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints as Kubernetes defines them: a Pod that is ready, or any Pod when the Service publishes
 * not-ready addresses; Pods that have ended are out; Pods that are being deleted stay visible as
 * terminating.
 */
#include "node/endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

static bool pod_ready(const cJSON *pod)
{
    const cJSON *c = json_find(json_at(pod, "status", "conditions"), "type", "Ready");
    return streq(json_str(c, "status"), "True");
}

static bool pod_over(const cJSON *pod)
{
    const char *phase = json_str(pod, "status", "phase");
    return streq(phase, "Succeeded") || streq(phase, "Failed");
}

uint64_t endpoints_pod_hash(const cJSON *pod)
{
    AUTO(buf_done) struct buf b = BUF_INIT(SIZE_MAX / 2);
    const char *ip = json_str(pod, "status", "podIP");
    buf_addf(&b, "%s %d %d %d ", ip ? ip : "", pod_ready(pod), pod_over(pod),
             json_at(pod, "metadata", "deletionTimestamp") != NULL);
    const cJSON *labels = json_at(pod, "metadata", "labels");
    if (labels)
        json_add_to(&b, labels);
    json_foreach (c, json_at(pod, "spec", "containers"))
        if (json_at(c, "ports"))
            json_add_to(&b, json_at(c, "ports"));
    return hash_bytes(buf_str(&b), b.len);
}

/* ---- computing ----------------------------------------------------------------------------------
 */

static uint16_t named_port(const cJSON *pod, const char *name, const char *protocol)
{
    json_foreach (c, json_at(pod, "spec", "containers")) {
        json_foreach (p, json_at(c, "ports")) {
            const char *proto = json_str(p, "protocol");
            if (streq(json_str(p, "name"), name) && streq(proto ? proto : "TCP", protocol))
                return (uint16_t)json_int(0, p, "containerPort");
        }
    }
    return 0;
}

static uint16_t target_port(const cJSON *pod, const cJSON *service_port, const char *protocol)
{
    const cJSON *target = json_at(service_port, "targetPort");
    if (json_string_of(target))
        return named_port(pod, json_string_of(target), protocol);
    int64_t number = json_int_of(target, 0);
    return (uint16_t)(number ? number : json_int(0, service_port, "port"));
}

/* The Service's ports on this Pod; a named port the Pod does not have is left out. */
static size_t ports_on(const cJSON *service, const cJSON *pod, struct arena *a,
                       struct endpoint_port **ret)
{
    const cJSON *ports = json_at(service, "spec", "ports");
    struct endpoint_port *list =
        arena_array(a, struct endpoint_port, (size_t)cJSON_GetArraySize(ports) + 1);
    size_t n = 0;
    json_foreach (p, ports) {
        const char *protocol = json_str(p, "protocol"), *name = json_str(p, "name");
        struct endpoint_port one = {.name = name ? name : "",
                                    .protocol = protocol ? protocol : "TCP",
                                    .app_protocol = json_str(p, "appProtocol"),
                                    .service_port = (uint16_t)json_int(0, p, "port")};
        one.port = target_port(pod, p, one.protocol);
        if (one.port)
            list[n++] = one;
    }
    *ret = list;
    return n;
}

static bool same_ports(const struct endpoint_port *x, size_t n, const struct endpoint_group *g)
{
    if (n != g->n_ports)
        return false;
    for (size_t i = 0; i < n; i++)
        if (x[i].port != g->ports[i].port || !streq(x[i].name, g->ports[i].name))
            return false;
    return true;
}

static struct endpoint_group *group_of(struct endpoint_set *set, const struct endpoint_port *ports,
                                       size_t n_ports, size_t max, struct arena *a)
{
    for (size_t i = 0; i < set->n; i++)
        if (same_ports(ports, n_ports, &set->groups[i]))
            return &set->groups[i];
    struct endpoint_group *g = &set->groups[set->n++];
    *g = (struct endpoint_group){.ports = ports, .n_ports = n_ports};
    g->list = arena_array(a, struct endpoint, max);
    return g;
}

static struct endpoint endpoint_of(const cJSON *service, const cJSON *pod)
{
    bool all = json_bool(false, service, "spec", "publishNotReadyAddresses");
    const char *subdomain = json_str(pod, "spec", "subdomain");
    struct endpoint e = {.ip = json_str(pod, "status", "podIP"),
                         .ns = json_str(pod, "metadata", "namespace"),
                         .pod = json_str(pod, "metadata", "name"),
                         .uid = json_str(pod, "metadata", "uid"),
                         .node = json_str(pod, "spec", "nodeName"),
                         .serving = pod_ready(pod) || all,
                         .terminating = json_at(pod, "metadata", "deletionTimestamp") != NULL};
    e.ready = all || (e.serving && !e.terminating);
    if (streq(subdomain, json_str(service, "metadata", "name")))
        e.hostname = json_str(pod, "spec", "hostname");
    return e;
}

void endpoints_compute(const cJSON *service, const cJSON *const *pods, size_t n, struct arena *a,
                       struct endpoint_set *ret)
{
    *ret = (struct endpoint_set){.groups = arena_array(a, struct endpoint_group, n + 1)};
    for (size_t i = 0; i < n; i++) {
        const char *ip = json_str(pods[i], "status", "podIP");
        if (!ip || !ip[0] || pod_over(pods[i]))
            continue;
        struct endpoint_port *ports;
        size_t n_ports = ports_on(service, pods[i], a, &ports);
        struct endpoint_group *g = group_of(ret, ports, n_ports, n, a);
        g->list[g->n++] = endpoint_of(service, pods[i]);
    }
}

size_t endpoints_targets(const struct endpoint_set *set, const char *port_name,
                         uint16_t service_port, struct arena *a, const char ***ret)
{
    size_t max = 0, n = 0;
    for (size_t g = 0; g < set->n; g++)
        max += set->groups[g].n;
    *ret = arena_array(a, const char *, max + 1);
    for (size_t g = 0; g < set->n; g++) {
        const struct endpoint_group *group = &set->groups[g];
        for (size_t p = 0; p < group->n_ports; p++) {
            const struct endpoint_port *port = &group->ports[p];
            if (port->service_port != service_port || !streq(port->name, port_name) ||
                !streq(port->protocol, "TCP"))
                continue;
            for (size_t i = 0; i < group->n; i++)
                if (group->list[i].ready)
                    (*ret)[n++] = arena_printf(a, "%s:%u", group->list[i].ip, port->port);
            break;
        }
    }
    return n;
}

/* ---- API objects --------------------------------------------------------------------------------
 */

static cJSON *object_start(const cJSON *service, const char *version, const char *kind,
                           const char *name)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, version, "apiVersion");
    json_put_str(o, kind, "kind");
    json_put_str(o, name, "metadata", "name");
    json_put_str(o, json_str(service, "metadata", "namespace"), "metadata", "namespace");
    json_foreach (l, json_at(service, "metadata", "labels"))
        if (l->valuestring)
            json_put_str(o, l->valuestring, "metadata", "labels", l->string);
    if (streq(json_str(service, "spec", "clusterIP"), "None"))
        json_put_str(o, "", "metadata", "labels", "service.kubernetes.io/headless");
    return o;
}

static cJSON *pod_ref(const struct endpoint *e)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, "Pod", "kind");
    json_put_str(o, e->ns, "namespace");
    json_put_str(o, e->pod, "name");
    json_put_str(o, e->uid, "uid");
    return o;
}

static cJSON *ports_array(const struct endpoint_group *g)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < g->n_ports; i++) {
        cJSON *o = cJSON_CreateObject();
        json_put_str(o, g->ports[i].name, "name");
        json_put_int(o, g->ports[i].port, "port");
        json_put_str(o, g->ports[i].protocol, "protocol");
        if (g->ports[i].app_protocol)
            json_put_str(o, g->ports[i].app_protocol, "appProtocol");
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static void add_address(cJSON *subset, const struct endpoint *e)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, e->ip, "ip");
    if (e->hostname)
        json_put_str(o, e->hostname, "hostname");
    if (e->node)
        json_put_str(o, e->node, "nodeName");
    json_put(o, pod_ref(e), "targetRef");
    const char *list = e->ready ? "addresses" : "notReadyAddresses";
    if (!json_at(subset, list))
        json_put(subset, cJSON_CreateArray(), list);
    cJSON_AddItemToArray((cJSON *)json_at(subset, list), o);
}

/* The older form: unnamed ports have no name field, and terminating Pods are not shown. */
static cJSON *subset_of(const struct endpoint_group *g)
{
    cJSON *subset = cJSON_CreateObject();
    for (size_t i = 0; i < g->n; i++)
        if (!g->list[i].terminating || g->list[i].ready)
            add_address(subset, &g->list[i]);
    if (!subset->child) {
        cJSON_Delete(subset);
        return NULL;
    }
    cJSON *ports = ports_array(g);
    for (cJSON *p = ports->child; p; p = p->next)
        if (streq(json_str(p, "name"), ""))
            json_del(p, "name");
    if (ports->child)
        json_put(subset, ports, "ports");
    else
        cJSON_Delete(ports);
    return subset;
}

cJSON *endpoints_object(const cJSON *service, const struct endpoint_set *set,
                        const char *managed_by)
{
    cJSON *o = object_start(service, "v1", "Endpoints", json_str(service, "metadata", "name"));
    cJSON *subsets = cJSON_CreateArray();
    json_put_str(o, managed_by, "metadata", "labels", "endpoints.kubernetes.io/managed-by");
    for (size_t i = 0; i < set->n; i++) {
        cJSON *subset = subset_of(&set->groups[i]);
        if (subset)
            cJSON_AddItemToArray(subsets, subset);
    }
    json_put(o, subsets, "subsets");
    return o;
}

static cJSON *slice_endpoint(const struct endpoint *e)
{
    cJSON *o = cJSON_CreateObject(), *addresses = cJSON_CreateArray();
    cJSON_AddItemToArray(addresses, cJSON_CreateString(e->ip));
    json_put(o, addresses, "addresses");
    json_put_bool(o, e->ready, "conditions", "ready");
    json_put_bool(o, e->serving, "conditions", "serving");
    json_put_bool(o, e->terminating, "conditions", "terminating");
    if (e->hostname)
        json_put_str(o, e->hostname, "hostname");
    if (e->node)
        json_put_str(o, e->node, "nodeName");
    json_put(o, pod_ref(e), "targetRef");
    return o;
}

/* The name follows from the place of the slice alone, so that it is found again after any restart
 * and a Service whose endpoints come and go keeps its slice. */
static char *slice_name(const cJSON *service, size_t index)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    char suffix[6] = {0};
    AUTO(mem_freep) char *key = mem_printf("%s %zu", json_str(service, "metadata", "uid"), index);
    uint64_t h = hash_bytes(key, strlen(key));
    for (size_t i = 0; i < 5; i++, h /= sizeof(alphabet) - 1)
        suffix[i] = alphabet[h % (sizeof(alphabet) - 1)];
    return mem_printf("%s-%s", json_str(service, "metadata", "name"), suffix);
}

static cJSON *owner_ref(const cJSON *service)
{
    cJSON *list = cJSON_CreateArray(), *o = cJSON_CreateObject();
    json_put_str(o, "v1", "apiVersion");
    json_put_str(o, "Service", "kind");
    json_put_str(o, json_str(service, "metadata", "name"), "name");
    json_put_str(o, json_str(service, "metadata", "uid"), "uid");
    json_put_bool(o, true, "controller");
    json_put_bool(o, true, "blockOwnerDeletion");
    cJSON_AddItemToArray(list, o);
    return list;
}

static void slice_add(cJSON *slices, const cJSON *service, const struct endpoint_group *g,
                      size_t first, const char *managed_by)
{
    AUTO(mem_freep) char *name = slice_name(service, (size_t)cJSON_GetArraySize(slices));
    cJSON *o = object_start(service, "discovery.k8s.io/v1", "EndpointSlice", name);
    cJSON *list = cJSON_CreateArray();
    json_put_str(o, json_str(service, "metadata", "name"), "metadata", "labels",
                 "kubernetes.io/service-name");
    json_put_str(o, managed_by, "metadata", "labels", "endpointslice.kubernetes.io/managed-by");
    json_put(o, owner_ref(service), "metadata", "ownerReferences");
    json_put_str(o, "IPv4", "addressType");
    for (size_t i = first; i < g->n && i < first + ENDPOINTS_PER_SLICE; i++)
        cJSON_AddItemToArray(list, slice_endpoint(&g->list[i]));
    json_put(o, list, "endpoints");
    json_put(o, ports_array(g), "ports");
    cJSON_AddItemToArray(slices, o);
}

cJSON *endpoints_slices(const cJSON *service, const struct endpoint_set *set,
                        const char *managed_by)
{
    cJSON *list = cJSON_CreateArray();
    const struct endpoint_group none = {0};
    for (size_t i = 0; i < set->n; i++)
        for (size_t first = 0; first < set->groups[i].n; first += ENDPOINTS_PER_SLICE)
            slice_add(list, service, &set->groups[i], first, managed_by);
    if (!list->child)
        slice_add(list, service, &none, 0, managed_by);
    return list;
}

cJSON *endpoints_diff(const cJSON *have, const cJSON *want)
{
    cJSON *patch = cJSON_CreateObject();
    static const char *const whole[] = {"subsets", "endpoints", "ports"};
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        const cJSON *w = json_at(want, whole[i]), *h = json_at(have, whole[i]);
        bool both_empty = w && !w->child && (!h || !h->child);
        if (w && !both_empty && !json_equal(h, w))
            json_put(patch, cJSON_Duplicate(w, true), whole[i]);
    }
    json_foreach (l, json_at(want, "metadata", "labels"))
        if (!streq(json_str(have, "metadata", "labels", l->string), l->valuestring))
            json_put_str(patch, l->valuestring, "metadata", "labels", l->string);
    if (patch->child)
        return patch;
    cJSON_Delete(patch);
    return NULL;
}
