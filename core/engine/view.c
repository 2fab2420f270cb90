/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON view to ABI structs. See view.h for what a scene is.
 *
 * Sizes are bounded before the arena is asked, because an arena aborts above its maximum: the
 * counts above times the struct sizes, plus the text (at most the frame it came in) stay below
 * ARENA_MAX.
 */
#include "engine/view.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"

#define ARENA_MAX ((size_t)256 * 1024 * 1024)

struct decoder {
    struct arena *a;
    struct map ids; /* instance ids seen */
    size_t instances;
    view_role_fn *roles;
    void *arg;
    struct err **err;
};

static int want(struct decoder *d, const char *path, const char *key, const char *what)
{
    return err_set(d->err, -EINVAL, "view: %s%s%s: want %s", path, path[0] ? "." : "", key, what);
}

struct atoll_str view_text(struct arena *a, const char *s)
{
    struct atoll_str v = {0, 0};
    if (s && s[0]) {
        v.ptr = arena_strdup(a, s);
        v.len = strlen(s);
    }
    return v;
}

/* ---- fields
 * ------------------------------------------------------------------------------------------ */

static int get_text(struct decoder *d, const cJSON *o, const char *path, const char *key,
                    bool required, struct atoll_str *ret)
{
    const cJSON *j = json_at(o, key);
    if (!j || cJSON_IsNull(j))
        return required ? want(d, path, key, "a text, found nothing") : 0;
    if (!cJSON_IsString(j))
        return want(d, path, key, "a text");
    if (required && !j->valuestring[0])
        return want(d, path, key, "a text, found an empty one");
    *ret = view_text(d->a, j->valuestring);
    return 0;
}

static int get_int(struct decoder *d, const cJSON *o, const char *path, const char *key,
                   int64_t min, int64_t *ret)
{
    const cJSON *j = json_at(o, key);
    if (!j || cJSON_IsNull(j))
        return 0;
    if (!cJSON_IsNumber(j) || j->valuedouble < (double)min || j->valuedouble > 9007199254740992.0)
        return want(d, path, key, "a whole number in its bounds");
    *ret = (int64_t)j->valuedouble;
    return 0;
}

/* 64-bit counters travel as text; small ones may be numbers. */
static int get_u64(struct decoder *d, const cJSON *o, const char *path, const char *key,
                   uint64_t *ret)
{
    const cJSON *j = json_at(o, key);
    if (cJSON_IsString(j))
        return str_to_u64(str_of(j->valuestring), ret) < 0
                   ? want(d, path, key, "an unsigned number")
                   : 0;
    int64_t v = (int64_t)*ret;
    int rc = get_int(d, o, path, key, 0, &v);
    *ret = (uint64_t)v;
    return rc;
}

static int get_flag(struct decoder *d, const cJSON *o, const char *path, const char *key,
                    uint32_t bit, uint32_t *flags)
{
    const cJSON *j = json_at(o, key);
    if (!j || cJSON_IsNull(j))
        return 0;
    if (!cJSON_IsBool(j))
        return want(d, path, key, "true or false");
    if (cJSON_IsTrue(j))
        *flags |= bit;
    return 0;
}

static int get_array(struct decoder *d, const cJSON *o, const char *path, const char *key,
                     uint32_t max, const cJSON **ret, uint32_t *ret_n)
{
    const cJSON *j = json_at(o, key);
    *ret = NULL;
    *ret_n = 0;
    if (!j || cJSON_IsNull(j))
        return 0;
    if (!cJSON_IsArray(j))
        return want(d, path, key, "a list");
    uint32_t n = 0;
    json_foreach (item, j) {
        if (++n > max)
            return err_set(d->err, -E2BIG, "view: %s%s%s: want at most %u elements", path,
                           path[0] ? "." : "", key, max);
        if (!cJSON_IsObject(item))
            return want(d, path, key, "a list of objects");
    }
    *ret = j;
    *ret_n = n;
    return 0;
}

int view_pairs(struct arena *a, const cJSON *object, const char *path, const struct atoll_kv **ret,
               uint32_t *ret_n, struct err **err)
{
    *ret = NULL;
    *ret_n = 0;
    if (!object || cJSON_IsNull(object))
        return 0;
    if (!cJSON_IsObject(object))
        return err_set(err, -EINVAL, "%s: want an object of texts", path);
    uint32_t n = 0;
    json_foreach (item, object) {
        if (!cJSON_IsString(item))
            return err_set(err, -EINVAL, "%s.%s: want a text", path, item->string);
        if (++n > VIEW_PAIRS_MAX)
            return err_set(err, -E2BIG, "%s: want at most %u members", path, VIEW_PAIRS_MAX);
    }
    struct atoll_kv *kv = arena_array(a, struct atoll_kv, n);
    uint32_t i = 0;
    json_foreach (item, object) {
        kv[i].key = view_text(a, item->string);
        kv[i++].value = view_text(a, item->valuestring);
    }
    *ret = kv;
    *ret_n = n;
    return 0;
}

/* ---- instances
 * ---------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    uint32_t bit;
} instance_flags[] = {
    {"present", ATOLL_INSTANCE_PRESENT},      {"running", ATOLL_INSTANCE_RUNNING},
    {"ready", ATOLL_INSTANCE_READY},          {"terminating", ATOLL_INSTANCE_TERMINATING},
    {"roleKnown", ATOLL_INSTANCE_ROLE_KNOWN}, {"leaving", ATOLL_INSTANCE_LEAVING},
};

static void facts_fill(struct arena *a, struct atoll_instance *in, const struct atoll_fact *from,
                       uint32_t n)
{
    struct atoll_fact *facts = arena_array(a, struct atoll_fact, n);
    for (uint32_t i = 0; i < n; i++) {
        facts[i].flags = from[i].flags;
        facts[i].key.ptr = arena_strndup(a, from[i].key.ptr, from[i].key.len);
        facts[i].key.len = from[i].key.len;
        facts[i].value.ptr =
            arena_strndup(a, from[i].value.len ? from[i].value.ptr : "", from[i].value.len);
        facts[i].value.len = from[i].value.len;
    }
    in->facts = facts;
    in->n_facts = n;
}

/* Role and facts: what the JSON says itself (tests), else what the caller knows by id. */
static int role_fill(struct decoder *d, const cJSON *o, const char *path, struct atoll_instance *in)
{
    if (json_at(o, "role") || json_at(o, "facts") || json_at(o, "roleKnown")) {
        if (json_at(o, "role") && !json_at(o, "roleKnown"))
            in->flags |= ATOLL_INSTANCE_ROLE_KNOWN;
        const struct atoll_kv *kv = NULL;
        AUTO(mem_freep) char *facts_path = mem_printf("view: %s.facts", path);
        int rc = get_text(d, o, path, "role", false, &in->role);
        if (rc == 0)
            rc = get_u64(d, o, path, "roleVersion", &in->role_version);
        if (rc == 0)
            rc = get_u64(d, o, path, "observedMsAgo", &in->observed_ms_ago);
        if (rc == 0)
            rc = view_pairs(d->a, json_at(o, "facts"), facts_path, &kv, &in->n_facts, d->err);
        if (rc != 0)
            return rc;
        struct atoll_fact *facts = arena_array(d->a, struct atoll_fact, in->n_facts);
        for (uint32_t i = 0; i < in->n_facts; i++) {
            facts[i].key = kv[i].key;
            facts[i].value = kv[i].value;
        }
        in->facts = facts;
        return 0;
    }
    struct view_role r = {0};
    if (!d->roles || !d->roles(d->arg, in->id, &r))
        return 0;
    in->flags |= r.known ? ATOLL_INSTANCE_ROLE_KNOWN : 0;
    in->role.ptr = arena_strndup(d->a, r.role.len ? r.role.ptr : "", r.role.len);
    in->role.len = r.role.len;
    in->role_version = r.version;
    in->observed_ms_ago = r.observed_ms_ago;
    facts_fill(d->a, in, r.facts, r.n_facts);
    return 0;
}

static int instance_read(struct decoder *d, const cJSON *o, const char *path,
                         struct atoll_str component, const struct atoll_instance **ret)
{
    struct atoll_instance *in = arena_new_of(d->a, struct atoll_instance);
    in->size = sizeof(*in);
    in->fact_size = sizeof(struct atoll_fact);
    in->component = component;
    int rc = get_text(d, o, path, "id", true, &in->id);
    if (rc == 0)
        rc = get_text(d, o, path, "name", true, &in->name);
    if (rc == 0)
        rc = get_text(d, o, path, "component", false, &in->component);
    if (rc == 0)
        rc = get_text(d, o, path, "address", false, &in->address);
    if (rc == 0)
        rc = get_text(d, o, path, "host", false, &in->host);
    if (rc == 0)
        rc = get_int(d, o, path, "ordinal", 0, &in->ordinal);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(instance_flags); i++)
        rc = get_flag(d, o, path, instance_flags[i].key, instance_flags[i].bit, &in->flags);
    if (rc == 0 && map_set(&d->ids, in->id.ptr, in))
        rc = err_set(d->err, -EINVAL, "view: %s.id: %s stands twice", path, in->id.ptr);
    if (rc == 0)
        rc = role_fill(d, o, path, in);
    *ret = in;
    return rc;
}

static int instances_read(struct decoder *d, const cJSON *o, const char *path,
                          struct atoll_component *c)
{
    const cJSON *list = NULL;
    int rc = get_array(d, o, path, "instances", VIEW_INSTANCES_MAX, &list, &c->n_instances);
    if (rc < 0)
        return rc;
    d->instances += c->n_instances;
    if (d->instances > VIEW_INSTANCES_MAX)
        return err_set(d->err, -E2BIG, "view: want at most %u instances", VIEW_INSTANCES_MAX);
    const struct atoll_instance **in =
        arena_array(d->a, const struct atoll_instance *, c->n_instances);
    c->instances = in;
    unsigned i = 0;
    json_foreach (item, list) {
        AUTO(mem_freep) char *at = mem_printf("%s.instances[%u]", path, i);
        rc = instance_read(d, item, at, c->name, &in[i++]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- components
 * ---------------------------------------------------------------------------------------- */

static int accounts_read(struct decoder *d, const cJSON *o, const char *path,
                         struct atoll_component *c)
{
    const cJSON *list = NULL;
    int rc = get_array(d, o, path, "accounts", VIEW_ACCOUNTS_MAX, &list, &c->n_accounts);
    if (rc < 0)
        return rc;
    const struct atoll_account **accounts =
        arena_array(d->a, const struct atoll_account *, c->n_accounts);
    c->accounts = accounts;
    unsigned i = 0;
    json_foreach (item, list) {
        AUTO(mem_freep) char *at = mem_printf("%s.accounts[%u]", path, i);
        struct atoll_account *account = arena_new_of(d->a, struct atoll_account);
        account->size = sizeof(*account);
        accounts[i++] = account;
        rc = get_text(d, item, at, "name", true, &account->name);
        if (rc == 0)
            rc = get_text(d, item, at, "username", false, &account->username);
        if (rc == 0)
            rc = get_text(d, item, at, "secret", false, &account->secret);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int component_read(struct decoder *d, const cJSON *o, const char *path,
                          const struct atoll_component **ret)
{
    struct atoll_component *c = arena_new_of(d->a, struct atoll_component);
    AUTO(mem_freep) char *options_path = mem_printf("view: %s.options", path);
    int64_t replicas = 0;
    *ret = c;
    c->size = sizeof(*c);
    int rc = get_text(d, o, path, "name", true, &c->name);
    if (rc == 0)
        rc = get_text(d, o, path, "definition", false, &c->definition);
    if (rc == 0)
        rc = get_text(d, o, path, "serviceVersion", false, &c->service_version);
    if (rc == 0)
        rc = get_text(d, o, path, "sharding", false, &c->sharding);
    if (rc == 0)
        rc = get_int(d, o, path, "replicas", 0, &replicas);
    if (rc == 0)
        rc = get_int(d, o, path, "cpuMilli", 0, &c->cpu_milli);
    if (rc == 0)
        rc = get_int(d, o, path, "memoryBytes", 0, &c->memory_bytes);
    if (rc == 0)
        rc = get_int(d, o, path, "storageBytes", 0, &c->storage_bytes);
    if (rc == 0 && replicas > UINT32_MAX)
        rc = want(d, path, "replicas", "a whole number in its bounds");
    c->replicas = (uint32_t)replicas;
    if (rc == 0)
        rc = view_pairs(d->a, json_at(o, "options"), options_path, &c->options, &c->n_options,
                        d->err);
    if (rc == 0)
        rc = accounts_read(d, o, path, c);
    if (rc == 0)
        rc = instances_read(d, o, path, c);
    return rc;
}

static int view_read(struct decoder *d, const cJSON *o, const struct atoll_view **ret)
{
    struct atoll_view *v = arena_new_of(d->a, struct atoll_view);
    const cJSON *list = NULL;
    v->size = sizeof(*v);
    *ret = v;
    if (!cJSON_IsObject(o))
        return err_set(d->err, -EINVAL, "view: want an object");
    int rc = get_text(d, o, "", "cluster", true, &v->cluster);
    if (rc == 0)
        rc = get_text(d, o, "", "topology", false, &v->topology);
    if (rc == 0)
        rc = get_text(d, o, "", "component", false, &v->component);
    if (rc == 0)
        rc = get_u64(d, o, "", "ageMs", &v->age_ms);
    if (rc == 0)
        rc = get_array(d, o, "", "components", VIEW_COMPONENTS_MAX, &list, &v->n_components);
    if (rc < 0)
        return rc;
    const struct atoll_component **components =
        arena_array(d->a, const struct atoll_component *, v->n_components);
    v->components = components;
    bool found = v->component.len == 0;
    unsigned i = 0;
    json_foreach (item, list) {
        AUTO(mem_freep) char *path = mem_printf("components[%u]", i);
        rc = component_read(d, item, path, &components[i]);
        if (rc < 0)
            return rc;
        found = found || streq(components[i]->name.ptr, v->component.ptr);
        i++;
    }
    return found ? 0
                 : err_set(d->err, -EINVAL, "view: component: \"%s\" is none of components",
                           v->component.ptr);
}

/* ---- scenes
 * --------------------------------------------------------------------------------------------- */

int scene_new(const cJSON *view, const cJSON *secrets, view_role_fn *roles, void *arg,
              struct scene **ret, struct err **err)
{
    AUTO(scene_unrefp) struct scene *s = mem_new(struct scene);
    s->refs = 1;
    s->arena = arena_new(ARENA_MAX);
    struct decoder d = {.a = s->arena, .ids = MAP_INIT, .roles = roles, .arg = arg, .err = err};
    int rc = view_read(&d, view, &s->view);
    map_done(&d.ids);
    if (rc == 0 && secrets)
        rc = secrets_new(secrets, &s->secrets, err);
    if (rc == 0)
        *ret = TAKE(s);
    return rc;
}

struct scene *scene_ref(struct scene *s)
{
    s->refs++;
    return s;
}

void scene_unref(struct scene *s)
{
    if (!s || --s->refs)
        return;
    secrets_free(s->secrets);
    arena_free(s->arena);
    mem_free(s);
}

const struct atoll_instance *scene_instance(const struct scene *s, const char *id)
{
    for (uint32_t c = 0; c < s->view->n_components; c++) {
        const struct atoll_component *component = s->view->components[c];
        for (uint32_t i = 0; i < component->n_instances; i++)
            if (streq(component->instances[i]->id.ptr, id))
                return component->instances[i];
    }
    return NULL;
}
