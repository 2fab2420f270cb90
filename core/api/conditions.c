/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of a status: see conditions.h. */
#include "api/conditions.h"

#define MESSAGE_MAX 2048 /* a condition is a sentence; Kubernetes' own limit is 32768 */

static const char *status_text(enum condition_status s)
{
    return s == CONDITION_TRUE ? "True" : s == CONDITION_FALSE ? "False" : "Unknown";
}

static cJSON *find(const cJSON *list, const char *type)
{
    for (cJSON *it = list ? list->child : NULL; it; it = it->next)
        if (streq(json_str(it, "type"), type))
            return it;
    return NULL;
}

void condition_set(cJSON *list, const char *type, enum condition_status status, const char *reason,
                   const char *message, int64_t generation, const char *now)
{
    AUTO(mem_freep) char *text = mem_strndup(message ? message : "", MESSAGE_MAX);
    cJSON *c = find(list, type);
    if (!c) {
        c = cJSON_CreateObject();
        json_put_str(c, type, "type");
        cJSON_AddItemToArray(list, c);
    }
    if (!streq(json_str(c, "status"), status_text(status))) {
        json_put_str(c, status_text(status), "status");
        json_put_str(c, now, "lastTransitionTime");
    }
    json_put_str(c, reason && *reason ? reason : "Unspecified", "reason");
    json_put_str(c, text, "message");
    json_put_int(c, generation, "observedGeneration");
}

void condition_remove(cJSON *list, const char *type)
{
    cJSON *c = find(list, type);
    if (c)
        cJSON_Delete(cJSON_DetachItemViaPointer(list, c));
}

cJSON *conditions_copy(const cJSON *object)
{
    const cJSON *have = json_at(object, "status", "conditions");
    return cJSON_IsArray(have) ? cJSON_Duplicate(have, true) : cJSON_CreateArray();
}

const cJSON *condition_find(const cJSON *object, const char *type)
{
    return find(json_at(object, "status", "conditions"), type);
}

bool condition_is(const cJSON *object, const char *type, enum condition_status status)
{
    return streq(json_str(condition_find(object, type), "status"), status_text(status));
}
