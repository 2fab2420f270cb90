/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a component's containers, in this order, so that later entries may use earlier
 * ones: who the instance is (ATOLL_NAME, ATOLL_ADDRESS, ATOLL_HOST), the definition's vars, what
 * the container brings, what the user added, what the engine rendered. A later entry of the same
 * name wins.
 */
#include <errno.h>

#include "plan/comp.h"

static void env_set(cJSON *env, cJSON *entry)
{
    const char *name = json_str(entry, "name");
    for (cJSON *e = env->child; e; e = e->next) {
        if (!streq(json_str(e, "name"), name))
            continue;
        cJSON_ReplaceItemViaPointer(env, e, entry);
        return;
    }
    cJSON_AddItemToArray(env, entry);
}

static cJSON *text_entry(const char *name, const char *value)
{
    cJSON *e = cJSON_CreateObject();
    json_put_str(e, name, "name");
    json_put_str(e, value, "value");
    return e;
}

static void env_set_field(cJSON *env, const char *name, const char *path)
{
    cJSON *e = cJSON_CreateObject();
    json_put_str(e, name, "name");
    json_put_str(e, path, "valueFrom", "fieldRef", "fieldPath");
    env_set(env, e);
}

static void identity_add(const struct comp *c, cJSON *env)
{
    const char *headless = name_headless(c->a, c->cluster, c->comp);
    env_set_field(env, "ATOLL_NAME", "metadata.name");
    env_set_field(env, "ATOLL_ADDRESS", "status.podIP");
    env_set(env, text_entry("ATOLL_HOST", name_pod_host(c->a, "$(ATOLL_NAME)", headless, c->ns)));
}

/* ---- vars
 * ---------------------------------------------------------------------------------------------------
 */

static cJSON *secret_entry(const char *name, const char *secret, const char *key)
{
    cJSON *e = cJSON_CreateObject();
    json_put_str(e, name, "name");
    json_put_str(e, secret, "valueFrom", "secretKeyRef", "name");
    json_put_str(e, key, "valueFrom", "secretKeyRef", "key");
    return e;
}

/* Does a reference mean this component? Others are not served: their order of creation is not ours
 * to wait for. */
static bool own_component(const struct comp *c, const cJSON *ref)
{
    const char *pattern = json_str(ref, "compDef");
    if (!pattern || !*pattern)
        return true;
    return plan_definition_find(&c->in->definition, 1, pattern, NULL, "ComponentDefinition",
                                NULL) != NULL;
}

static cJSON *var_cluster(const struct comp *c, const char *name, const cJSON *ref)
{
    if (json_at(ref, "clusterName"))
        return text_entry(name, c->cluster);
    if (json_at(ref, "namespace"))
        return text_entry(name, c->ns);
    const char *uid = json_str(c->in->cluster, "metadata", "uid");
    return json_at(ref, "clusterUID") ? text_entry(name, uid ? uid : "") : NULL;
}

static cJSON *var_credential(const struct comp *c, const char *name, const cJSON *ref)
{
    if (!own_component(c, ref) || !json_str(ref, "name"))
        return NULL;
    const char *secret = name_account(c->a, c->cluster, c->comp, json_str(ref, "name"));
    return json_at(ref, "username")   ? secret_entry(name, secret, "username")
           : json_at(ref, "password") ? secret_entry(name, secret, "password")
                                      : NULL;
}

static cJSON *var_component(const struct comp *c, const char *name, const cJSON *ref)
{
    if (!own_component(c, ref))
        return NULL;
    if (json_at(ref, "componentName"))
        return text_entry(name, name_component(c->a, c->cluster, c->comp));
    if (json_at(ref, "shortName"))
        return text_entry(name, c->comp);
    const char *version = json_str(c->spec, "serviceVersion");
    if (!version)
        version = json_str(c->def, "serviceVersion");
    return json_at(ref, "serviceVersion") ? text_entry(name, version ? version : "") : NULL;
}

static cJSON *var_key(const char *name, const char *source, const cJSON *ref)
{
    cJSON *e = cJSON_CreateObject();
    json_put_str(e, name, "name");
    json_put(e, cJSON_Duplicate(ref, true), "valueFrom", source);
    return e;
}

/* A table: the source, and who makes an entry of it. */
static cJSON *var_from(const struct comp *c, const char *name, const cJSON *from)
{
    static const struct {
        const char *source;
        cJSON *(*make)(const struct comp *c, const char *name, const cJSON *ref);
    } SOURCES[] = {
        {"clusterVarRef", var_cluster},
        {"credentialVarRef", var_credential},
        {"componentVarRef", var_component},
    };
    static const char *const PLAIN[] = {"configMapKeyRef", "secretKeyRef"};
    for (size_t i = 0; i < ARRAY_LEN(SOURCES); i++)
        if (json_at(from, SOURCES[i].source))
            return SOURCES[i].make(c, name, json_at(from, SOURCES[i].source));
    for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++)
        if (json_at(from, PLAIN[i]))
            return var_key(name, PLAIN[i], json_at(from, PLAIN[i]));
    return NULL;
}

static int vars_add(const struct comp *c, cJSON *env, struct err **err)
{
    json_foreach (var, json_at(c->def, "vars")) {
        const char *name = json_str(var, "name");
        const cJSON *from = json_at(var, "valueFrom");
        cJSON *entry = from
                           ? var_from(c, name, from)
                           : text_entry(name, json_str(var, "value") ? json_str(var, "value") : "");
        bool optional = json_bool(false, from ? from->child : NULL, "optional");
        if (!entry && !optional)
            return err_set(
                err, -EINVAL,
                "ComponentDefinition %s: var %s: %s is not served here with these options",
                json_str(c->in->definition, "metadata", "name"), name,
                from && from->child ? from->child->string : "valueFrom");
        if (entry)
            env_set(env, entry);
    }
    return 0;
}

static void list_add(cJSON *env, const cJSON *list)
{
    json_foreach (e, list) {
        env_set(env, cJSON_Duplicate(e, true));
    }
}

int comp_env(const struct comp *c, cJSON *container, struct err **err)
{
    cJSON *env = cJSON_CreateArray();
    identity_add(c, env);
    int r = vars_add(c, env, err);
    if (r < 0) {
        cJSON_Delete(env);
        return r;
    }
    list_add(env, json_at(container, "env"));
    list_add(env, json_at(c->spec, "env"));
    const char *name = json_str(container, "name");
    if (name)
        list_add(env, json_at(c->in->render, "env", name));
    json_put(container, env, "env");
    return 0;
}
