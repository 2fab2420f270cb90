/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small particulars of built-in kinds: the taint of a new Node, the labels of a Job, the two faces
 * of an Event.
 */
#include <string.h>

#include "apiserver/rest_write.h"

/* ---- Node: nothing is placed on it before it says that it is ready ---- */

static int node_prepare(struct call *c, cJSON *obj, const cJSON *old)
{
    static const char NOT_READY[] = "node.kubernetes.io/not-ready";
    (void)c;
    const cJSON *capacity = json_at(obj, "status", "capacity");
    if (capacity && !json_at(obj, "status", "allocatable"))
        json_put(obj, cJSON_Duplicate(capacity, true), "status", "allocatable");
    if (old || json_find(json_at(obj, "spec", "taints"), "key", NOT_READY))
        return 0;
    cJSON *list = (cJSON *)(uintptr_t)json_at(obj, "spec", "taints");
    if (!list) {
        list = cJSON_CreateArray();
        json_put(obj, list, "spec", "taints");
    }
    cJSON *taint = cJSON_CreateObject();
    json_put_str(taint, NOT_READY, "key");
    json_put_str(taint, "NoSchedule", "effect");
    cJSON_AddItemToArray(list, taint);
    return 0;
}

const struct hooks NODE_HOOKS = {.prepare = node_prepare};

/* ---- Job: its Pods are found by labels made from its uid ---- */

static void label_absent(cJSON *labels, const char *key, const char *value)
{
    if (!json_at(labels, key))
        json_put_str(labels, value, key);
}

static int job_prepare(struct call *c, cJSON *obj, const cJSON *old)
{
    (void)c;
    const char *uid = json_str(obj, "metadata", "uid"), *name = json_str(obj, "metadata", "name");
    if (old || json_bool(false, obj, "spec", "manualSelector") || !uid || !name)
        return 0;
    cJSON *labels = json_obj(obj, "spec", "template", "metadata", "labels");
    label_absent(labels, "batch.kubernetes.io/controller-uid", uid);
    label_absent(labels, "batch.kubernetes.io/job-name", name);
    label_absent(labels, "controller-uid", uid);
    label_absent(labels, "job-name", name);
    json_put_str(obj, uid, "spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid");
    if (!json_at(obj, "metadata", "labels"))
        json_put(obj, cJSON_Duplicate(labels, true), "metadata", "labels");
    return 0;
}

const struct hooks JOB_HOOKS = {.prepare = job_prepare};

/* ---- Event: core/v1 is what is stored, events.k8s.io/v1 is another view of it ---- */

static const struct {
    const char *core, *v1;
} EVENT_NAMES[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

static void rename_member(cJSON *obj, const char *from, const char *to)
{
    cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(obj, from);
    if (value)
        json_put(obj, value, to);
}

static void drop_empty(cJSON *obj, const char *key)
{
    const char *text = json_str(obj, key);
    if (text && !*text)
        json_del(obj, key);
}

static void event_to_served(cJSON *obj)
{
    for (size_t i = 0; i < ARRAY_LEN(EVENT_NAMES); i++)
        rename_member(obj, EVENT_NAMES[i].core, EVENT_NAMES[i].v1);
    drop_empty(obj, "reportingController");
    drop_empty(obj, "reportingInstance");
}

static void put_absent(cJSON *obj, const char *key, cJSON *value)
{
    if (json_at(obj, key))
        cJSON_Delete(value);
    else
        json_put(obj, value, key);
}

static void event_to_stored(cJSON *obj)
{
    for (size_t i = 0; i < ARRAY_LEN(EVENT_NAMES); i++)
        rename_member(obj, EVENT_NAMES[i].v1, EVENT_NAMES[i].core);
    put_absent(obj, "source", cJSON_CreateObject());
    put_absent(obj, "firstTimestamp", cJSON_CreateNull());
    put_absent(obj, "lastTimestamp", cJSON_CreateNull());
    put_absent(obj, "eventTime", cJSON_CreateNull());
    put_absent(obj, "reportingComponent", cJSON_CreateString(""));
    put_absent(obj, "reportingInstance", cJSON_CreateString(""));
}

const struct hooks EVENT_V1_HOOKS = {.to_served = event_to_served, .to_stored = event_to_stored};
