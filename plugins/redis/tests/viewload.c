/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to struct atoll_view; see viewload.h.
 */
#include "viewload.h"

#include <stdlib.h>

static void check_members(const cJSON *o, const char *what, const char *const *known)
{
    for (const cJSON *m = o->child; m; m = m->next) {
        const char *const *k = known;
        while (*k && !text_eq(*k, m->string))
            k++;
        if (!*k) {
            fprintf(stderr, "view: %s has an unknown member \"%s\"\n", what, m->string);
            abort();
        }
    }
}

static struct atoll_str text(const cJSON *o, const char *name)
{
    return atoll_str_of(cJSON_GetStringValue(cJSON_GetObjectItem(o, name)));
}

static double number(const cJSON *o, const char *name, double otherwise)
{
    const cJSON *m = cJSON_GetObjectItem(o, name);
    return cJSON_IsNumber(m) ? m->valuedouble : otherwise;
}

static uint32_t flag(const cJSON *o, const char *name, uint32_t bit, bool otherwise)
{
    const cJSON *m = cJSON_GetObjectItem(o, name);
    return (m ? cJSON_IsTrue(m) : otherwise) ? bit : 0;
}

static void load_facts(struct pool *pool, struct atoll_instance *in, const cJSON *facts)
{
    struct atoll_fact *f =
        pool_array(pool, struct atoll_fact, (size_t)cJSON_GetArraySize(facts) + 1);
    in->facts = f;
    in->fact_size = sizeof(*f);
    for (const cJSON *m = facts ? facts->child : NULL; m; m = m->next, in->n_facts++)
        f[in->n_facts] = atoll_fact_make(m->string, cJSON_GetStringValue(m), 0);
}

static const struct atoll_instance *load_instance(struct pool *pool, const cJSON *o,
                                                  struct atoll_str component)
{
    static const char *const known[] = {"id",      "name",        "address", "ordinal",
                                        "present", "running",     "leaving", "terminating",
                                        "role",    "roleVersion", "facts",   NULL};
    struct atoll_instance *in = pool_array(pool, struct atoll_instance, 1);
    check_members(o, "an instance", known);
    in->size = sizeof(*in);
    in->id = text(o, "id");
    in->name = cJSON_GetObjectItem(o, "name") ? text(o, "name") : in->id;
    in->component = component;
    in->address = text(o, "address");
    in->ordinal = (int64_t)number(o, "ordinal", 0);
    in->role = text(o, "role");
    in->role_version = (uint64_t)number(o, "roleVersion", 0);
    in->flags = flag(o, "present", ATOLL_INSTANCE_PRESENT, true) |
                flag(o, "running", ATOLL_INSTANCE_RUNNING, true) |
                flag(o, "leaving", ATOLL_INSTANCE_LEAVING, false) |
                flag(o, "terminating", ATOLL_INSTANCE_TERMINATING, false);
    if (cJSON_GetObjectItem(o, "role"))
        in->flags |= ATOLL_INSTANCE_ROLE_KNOWN;
    load_facts(pool, in, cJSON_GetObjectItem(o, "facts"));
    return in;
}

static const struct atoll_component *load_component(struct pool *pool, const cJSON *o)
{
    static const char *const known[] = {"name",    "definition",  "replicas", "instances",
                                        "options", "memoryBytes", "accounts", NULL};
    struct atoll_component *c = pool_array(pool, struct atoll_component, 1);
    const cJSON *instances = cJSON_GetObjectItem(o, "instances"),
                *options = cJSON_GetObjectItem(o, "options");
    const cJSON *accounts = cJSON_GetObjectItem(o, "accounts"), *m;
    check_members(o, "a component", known);
    c->size = sizeof(*c);
    c->name = text(o, "name");
    c->definition = text(o, "definition");
    c->replicas = (uint32_t)number(o, "replicas", cJSON_GetArraySize(instances));
    c->memory_bytes = (int64_t)number(o, "memoryBytes", 0);
    const struct atoll_instance **in =
        pool_array(pool, const struct atoll_instance *, (size_t)cJSON_GetArraySize(instances) + 1);
    cJSON_ArrayForEach (m, instances)
        in[c->n_instances++] = load_instance(pool, m, c->name);
    c->instances = in;
    struct atoll_kv *kv =
        pool_array(pool, struct atoll_kv, (size_t)cJSON_GetArraySize(options) + 1);
    cJSON_ArrayForEach (m, options)
        kv[c->n_options++] =
            (struct atoll_kv){atoll_str_of(m->string), atoll_str_of(cJSON_GetStringValue(m))};
    c->options = kv;
    const struct atoll_account **list =
        pool_array(pool, const struct atoll_account *, (size_t)cJSON_GetArraySize(accounts) + 1);
    cJSON_ArrayForEach (m, accounts) {
        struct atoll_account *a = pool_array(pool, struct atoll_account, 1);
        *a = (struct atoll_account){sizeof(*a), 0, text(m, "name"), text(m, "username"),
                                    text(m, "secret")};
        list[c->n_accounts++] = a;
    }
    c->accounts = list;
    return c;
}

const struct atoll_view *view_load(struct pool *pool, const cJSON *json)
{
    static const char *const known[] = {"cluster", "topology", "component", "components",
                                        "ageMs",   "say",      NULL};
    struct atoll_view *v = pool_array(pool, struct atoll_view, 1);
    const cJSON *components = cJSON_GetObjectItem(json, "components"), *m;
    check_members(json, "the view", known);
    v->size = sizeof(*v);
    v->cluster = text(json, "cluster");
    v->topology = text(json, "topology");
    v->component = text(json, "component");
    v->age_ms = (uint64_t)number(json, "ageMs", 0);
    const struct atoll_component **list = pool_array(pool, const struct atoll_component *,
                                                     (size_t)cJSON_GetArraySize(components) + 1);
    cJSON_ArrayForEach (m, components)
        list[v->n_components++] = load_component(pool, m);
    v->components = list;
    return v;
}
