/* SPDX-License-Identifier: Apache-2.0 */
/* From API objects to the status document. Printing is in status_print.c. */
#include "cli/status_view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kube/kube.h"

static void put_age(cJSON *to, const cJSON *object, int64_t now_us)
{
    char text[CLOCK_TEXT_MAX];
    int64_t made;
    const char *created = json_str(object, "metadata", "creationTimestamp");
    if (created && clock_parse(created, &made) == 0)
        json_put_str(to, clock_age_text((now_us - made) / 1000000, text), "age");
}

/* The message of the first condition that is not as it should be, so that a reader sees why. */
static const char *trouble_of(const cJSON *object)
{
    json_foreach (c, json_at(object, "status", "conditions")) {
        const char *status = json_str(c, "status"), *message = json_str(c, "message");
        if (streq(status, "False") && message && *message)
            return message;
    }
    return NULL;
}

static int64_t restarts_of(const cJSON *pod)
{
    int64_t n = 0;
    json_foreach (c, json_at(pod, "status", "containerStatuses"))
        n += json_int(0, c, "restartCount");
    return n;
}

static const char *pod_phase(const cJSON *pod)
{
    if (kube_deleting(pod))
        return "Terminating";
    json_foreach (c, json_at(pod, "status", "containerStatuses")) {
        const char *waiting = json_str(c, "state", "waiting", "reason");
        if (waiting)
            return waiting;
    }
    const char *phase = json_str(pod, "status", "phase");
    return phase ? phase : "Unknown";
}

static cJSON *instance_of(const cJSON *pod, int64_t now_us)
{
    cJSON *i = cJSON_CreateObject();
    const char *role = kube_label(pod, "kubeblocks.io/role"),
               *address = json_str(pod, "status", "podIP");
    json_put_str(i, kube_name(pod), "name");
    json_put_str(i, role ? role : "", "role");
    json_put_str(i, pod_phase(pod), "phase");
    json_put_bool(i, kube_condition_true(pod, "Ready"), "ready");
    json_put_int(i, restarts_of(pod), "restarts");
    json_put_str(i, address ? address : "", "address");
    put_age(i, pod, now_us);
    return i;
}

static bool belongs(const cJSON *object, const char *ns, const char *cluster, const char *component)
{
    return streq(kube_ns(object), ns) &&
           streq(kube_label(object, "app.kubernetes.io/instance"), cluster) &&
           (!component ||
            streq(kube_label(object, "apps.kubeblocks.io/component-name"), component));
}

static cJSON *component_of(const cJSON *component, const char *cluster,
                           const struct status_input *in, int64_t *ready, int64_t *replicas)
{
    cJSON *c = cJSON_CreateObject(), *instances = cJSON_CreateArray();
    const char *label = kube_label(component, "apps.kubeblocks.io/component-name");
    const char *name = label ? label : kube_name(component),
               *phase = json_str(component, "status", "phase");
    int64_t up = 0, want = json_int(1, component, "spec", "replicas");
    json_foreach (pod, in->pods) {
        if (!belongs(pod, kube_ns(component), cluster, name))
            continue;
        up += kube_condition_true(pod, "Ready") ? 1 : 0;
        cJSON_AddItemToArray(instances, instance_of(pod, in->now_us));
    }
    json_put_str(c, name, "name");
    json_put_str(c, phase ? phase : "Unknown", "phase");
    json_put_int(c, up, "ready");
    json_put_int(c, want, "replicas");
    const char *trouble = streq(phase, "Running") ? NULL : trouble_of(component);
    if (trouble)
        json_put_str(c, trouble, "message");
    json_put(c, instances, "instances");
    *ready += up;
    *replicas += want;
    return c;
}

static cJSON *cluster_of(const cJSON *cluster, const struct status_input *in)
{
    cJSON *c = cJSON_CreateObject(), *components = cJSON_CreateArray();
    const char *phase = json_str(cluster, "status", "phase");
    const char *definition = json_str(cluster, "spec", "clusterDef"),
               *topology = json_str(cluster, "spec", "topology");
    int64_t ready = 0, replicas = 0;
    json_put_str(c, kube_ns(cluster), "namespace");
    json_put_str(c, kube_name(cluster), "name");
    json_put_str(c, phase ? phase : "Unknown", "phase");
    json_put_str(c, definition ? definition : "", "definition");
    json_put_str(c, topology ? topology : "", "topology");
    put_age(c, cluster, in->now_us);
    const char *trouble = streq(phase, "Running") ? NULL : trouble_of(cluster);
    if (trouble)
        json_put_str(c, trouble, "message");
    json_foreach (k, in->components) {
        if (belongs(k, kube_ns(cluster), kube_name(cluster), NULL))
            cJSON_AddItemToArray(components,
                                 component_of(k, kube_name(cluster), in, &ready, &replicas));
    }
    json_put_int(c, ready, "ready");
    json_put_int(c, replicas, "replicas");
    json_put(c, components, "components");
    return c;
}

cJSON *status_member(const char *name, const char *server, const struct status_input *in)
{
    cJSON *m = cJSON_CreateObject(), *clusters = cJSON_CreateArray();
    bool node = false;
    json_foreach (n, in->nodes)
        node |= kube_condition_true(n, "Ready");
    json_put_str(m, name, "name");
    json_put_str(m, server, "server");
    json_put_bool(m, true, "reachable");
    json_put_str(m, node ? "Ready" : "NotReady", "node");
    json_foreach (c, in->clusters)
        cJSON_AddItemToArray(clusters, cluster_of(c, in));
    json_put(m, clusters, "clusters");
    return m;
}

cJSON *status_member_unreachable(const char *name, const char *server, const char *message)
{
    cJSON *m = cJSON_CreateObject();
    json_put_str(m, name, "name");
    json_put_str(m, server, "server");
    json_put_bool(m, false, "reachable");
    json_put_str(m, message, "message");
    return m;
}
