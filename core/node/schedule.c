/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for placing a Pod on the one node there is. Sentences follow those of kube-scheduler.
 */
#include "node/schedule.h"

#include <string.h>

#include "base/quantity.h"

/* ---- requests -----------------------------------------------------------------------------------
 */

static int64_t request_milli(const cJSON *container, const char *resource)
{
    int64_t milli = 0;
    const char *text = json_str(container, "resources", "requests", resource);
    if (!text)
        text = json_str(container, "resources", "limits", resource);
    return text && quantity_parse(text, &milli, NULL) == 0 && milli > 0 ? milli : 0;
}

static int64_t ask_milli(const cJSON *pod, const char *resource)
{
    int64_t sum = 0, most = 0, overhead = 0;
    json_foreach (c, json_at(pod, "spec", "containers"))
        sum += request_milli(c, resource);
    json_foreach (c, json_at(pod, "spec", "initContainers")) {
        int64_t one = request_milli(c, resource);
        if (streq(json_str(c, "restartPolicy"), "Always"))
            sum += one;
        else if (one > most)
            most = one;
    }
    const char *text = json_str(pod, "spec", "overhead", resource);
    if (text)
        quantity_parse(text, &overhead, NULL);
    return (sum > most ? sum : most) + overhead;
}

struct demand schedule_demand(const cJSON *pod)
{
    return (struct demand){ask_milli(pod, "cpu"), (ask_milli(pod, "memory") + 999) / 1000, 1};
}

/* ---- labels and affinity ------------------------------------------------------------------------
 */

static bool selector_fits(const cJSON *selector, const cJSON *labels)
{
    json_foreach (s, selector)
        if (!streq(s->valuestring, json_str(labels, s->string)))
            return false;
    return true;
}

static bool number_fits(const char *have, const cJSON *values, bool greater)
{
    int64_t a, b;
    const char *want = values ? json_string_of(values->child) : NULL;
    if (!have || !want || str_to_i64(str_of(have), &a) || str_to_i64(str_of(want), &b))
        return false;
    return greater ? a > b : a < b;
}

static bool expression_fits(const cJSON *e, const char *have)
{
    const char *op = json_str(e, "operator");
    const cJSON *values = json_at(e, "values");
    if (streq(op, "In"))
        return have && json_array_has(values, have);
    if (streq(op, "NotIn"))
        return !have || !json_array_has(values, have);
    if (streq(op, "Exists"))
        return have != NULL;
    if (streq(op, "DoesNotExist"))
        return have == NULL;
    return (streq(op, "Gt") || streq(op, "Lt")) && number_fits(have, values, streq(op, "Gt"));
}

static bool term_fits(const cJSON *term, const cJSON *node)
{
    const cJSON *expressions = json_at(term, "matchExpressions"),
                *fields = json_at(term, "matchFields");
    if ((!expressions || !expressions->child) && (!fields || !fields->child))
        return false; /* an empty term selects nothing */
    json_foreach (e, expressions)
        if (!expression_fits(e, json_str(node, "metadata", "labels", json_str(e, "key"))))
            return false;
    json_foreach (e, fields)
        if (!streq(json_str(e, "key"), "metadata.name") ||
            !expression_fits(e, json_str(node, "metadata", "name")))
            return false;
    return true;
}

static bool affinity_fits(const cJSON *pod, const cJSON *node)
{
    const cJSON *terms =
        json_at(pod, "spec", "affinity", "nodeAffinity",
                "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
    if (!terms)
        return true;
    json_foreach (t, terms)
        if (term_fits(t, node))
            return true;
    return false;
}

/* ---- taints -------------------------------------------------------------------------------------
 */

static bool tolerates(const cJSON *toleration, const char *key, const char *value,
                      const char *effect)
{
    const char *t_effect = json_str(toleration, "effect"), *t_key = json_str(toleration, "key");
    const char *t_value = json_str(toleration, "value");
    if (t_effect && t_effect[0] && !streq(t_effect, effect))
        return false;
    if (t_key && t_key[0] && !streq(t_key, key))
        return false;
    if (streq(json_str(toleration, "operator"), "Exists"))
        return true;
    return t_key && t_key[0] && streq(t_value ? t_value : "", value ? value : "");
}

static bool tolerated(const cJSON *pod, const char *key, const char *value, const char *effect)
{
    json_foreach (t, json_at(pod, "spec", "tolerations"))
        if (tolerates(t, key, value, effect))
            return true;
    return false;
}

/* The first taint that keeps the Pod away; NULL. */
static const cJSON *untolerated(const cJSON *pod, const cJSON *node)
{
    json_foreach (t, json_at(node, "spec", "taints")) {
        const char *effect = json_str(t, "effect");
        if (!streq(effect, "PreferNoSchedule") &&
            !tolerated(pod, json_str(t, "key"), json_str(t, "value"), effect))
            return t;
    }
    return NULL;
}

/* ---- the decision -------------------------------------------------------------------------------
 */

static const char *short_of(const struct demand *ask, const struct demand *room, const char *name,
                            struct arena *a)
{
    if (ask->pods > room->pods)
        return arena_printf(a, "Too many pods: node %s takes no more", name);
    if (ask->cpu_milli > room->cpu_milli && ask->cpu_milli > 0)
        return arena_printf(a, "Insufficient cpu: the Pod requests %lldm, node %s has %lldm left",
                            (long long)ask->cpu_milli, name, (long long)room->cpu_milli);
    if (ask->memory > room->memory && ask->memory > 0)
        return arena_printf(a,
                            "Insufficient memory: the Pod requests %lldMi, node %s has %lldMi left",
                            (long long)(ask->memory >> 20), name, (long long)(room->memory >> 20));
    return NULL;
}

const char *schedule_refusal(const cJSON *pod, const cJSON *node, const struct demand *room,
                             struct arena *a)
{
    const char *name = json_str(node, "metadata", "name"), *why;
    const cJSON *taint;
    struct demand ask = schedule_demand(pod);
    if (json_bool(false, node, "spec", "unschedulable") &&
        !tolerated(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule"))
        why = "node(s) were unschedulable";
    else if (!selector_fits(json_at(pod, "spec", "nodeSelector"),
                            json_at(node, "metadata", "labels")) ||
             !affinity_fits(pod, node))
        why = "node(s) didn't match Pod's node affinity/selector";
    else if ((taint = untolerated(pod, node)))
        why = arena_printf(a, "node(s) had untolerated taint {%s: %s}", json_str(taint, "key"),
                           json_str(taint, "value") ? json_str(taint, "value") : "");
    else
        why = short_of(&ask, room, name, a);
    return why ? arena_printf(a, "0/1 nodes are available: 1 %s.", why) : NULL;
}

bool schedule_wanted(const cJSON *pod)
{
    const char *scheduler = json_str(pod, "spec", "schedulerName"),
               *phase = json_str(pod, "status", "phase");
    const cJSON *gates = json_at(pod, "spec", "schedulingGates");
    if (json_str(pod, "spec", "nodeName") || json_at(pod, "metadata", "deletionTimestamp") ||
        (gates && gates->child))
        return false;
    return (!phase || streq(phase, "Pending")) &&
           (!scheduler || streq(scheduler, "default-scheduler"));
}
