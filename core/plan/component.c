/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Component: from a definition and what the user said to Secrets, config files, Services and an
 * InstanceSet. In that order, because each is needed by the next: a password is made once, the
 * engine renders files that hold it, Pods mount them. Passwords are never made a second time: a
 * running database keeps the first one.
 */
#include <errno.h>
#include <string.h>

#include "plan/comp.h"

/* ---- shared bits
 * ------------------------------------------------------------------------------------------ */

void comp_setup(struct comp *c, const struct plan_component_in *in, struct arena *a)
{
    *c = (struct comp){.in = in,
                       .a = a,
                       .spec = json_at(in->component, "spec"),
                       .def = json_at(in->definition, "spec")};
    c->name = json_str(in->component, "metadata", "name");
    c->ns = json_str(in->component, "metadata", "namespace");
    c->cluster = json_str(in->component, "metadata", "labels", LABEL_CLUSTER);
    c->comp = json_str(in->component, "metadata", "labels", LABEL_COMPONENT);
}

cJSON *comp_labels(const struct comp *c)
{
    cJSON *labels = cJSON_CreateObject();
    json_put_str(labels, LABEL_MANAGED_BY_VALUE, LABEL_MANAGED_BY);
    json_put_str(labels, c->cluster, LABEL_CLUSTER);
    json_put_str(labels, c->comp, LABEL_COMPONENT);
    return labels;
}

cJSON *comp_child(const struct comp *c, const char *kind, const char *name)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, "v1", "apiVersion");
    json_put_str(o, kind, "kind");
    cJSON *owner = desired_owner(c->in->component, API_GROUP_APPS "/v1", "Component");
    json_put(o, desired_meta(c->ns, name, comp_labels(c), owner), "metadata");
    return o;
}

const cJSON *comp_find(const cJSON *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (streq(json_str(list[i], "metadata", "name"), name))
            return list[i];
    return NULL;
}

static void refuse(struct comp *c, const char *reason, const char *sentence)
{
    if (c->refused)
        return;
    c->refused_reason = reason;
    c->refused = arena_strdup(c->a, sentence);
}

/* ---- accounts
 * ------------------------------------------------------------------------------------------------
 */

cJSON *plan_component_accounts(const cJSON *component, const cJSON *definition)
{
    struct arena *a = arena_new(64 << 10);
    const char *cluster = json_str(component, "metadata", "labels", LABEL_CLUSTER);
    const char *comp = json_str(component, "metadata", "labels", LABEL_COMPONENT);
    cJSON *list = cJSON_CreateArray();
    json_foreach (account, cluster && comp ? json_at(definition, "spec", "systemAccounts") : NULL) {
        const char *name = json_str(account, "name");
        const cJSON *own = json_find(json_at(component, "spec", "systemAccounts"), "name", name);
        if (!name || json_bool(false, own, "disabled"))
            continue;
        cJSON *row = cJSON_CreateObject();
        json_put_str(row, name, "name");
        json_put_str(row, name_account(a, cluster, comp, name), "secret");
        cJSON_AddItemToArray(list, row);
    }
    arena_free(a);
    return list;
}

static const cJSON *password_config(const struct comp *c, const char *account)
{
    const cJSON *own =
        json_at(json_find(json_at(c->spec, "systemAccounts"), "name", account), "passwordConfig");
    const cJSON *def = json_find(json_at(c->def, "systemAccounts"), "name", account);
    return own ? own : json_at(def, "passwordConfig");
}

static void put_base64(cJSON *o, const char *text, const char *key)
{
    struct buf b = BUF_INIT(4 << 20);
    buf_add_base64(&b, text, strlen(text));
    json_put_str(o, buf_str(&b), "data", key);
    buf_done(&b);
}

static cJSON *account_secret(const struct comp *c, const char *secret, const char *account,
                             const char *password)
{
    cJSON *o = comp_child(c, "Secret", secret);
    json_put_str(o, account, "metadata", "labels", LABEL_ACCOUNT);
    json_put_str(o, "Opaque", "type");
    put_base64(o, account, "username");
    put_base64(o, password, "password");
    return o;
}

static void account_ensure(struct comp *c, const cJSON *row, size_t index, struct plan *p)
{
    const char *secret = json_str(row, "secret"), *account = json_str(row, "name");
    if (comp_find(c->in->secrets, c->in->n_secrets, secret))
        return;
    if (c->in->its) {
        refuse(c, "AccountSecretMissing",
               arena_printf(c->a,
                            "Secret %s of account %s is gone; the running instances still use its "
                            "password, so no "
                            "new one is made: restore the Secret",
                            secret, account));
        return;
    }
    AUTO(err_freep) struct err *err = NULL;
    struct buf password = BUF_INIT(256);
    if (index >= PLAN_ACCOUNTS_MAX)
        refuse(c, "TooManyAccounts", "a definition may have at most 32 system accounts");
    else if (password_make(password_config(c, account), c->in->random[index], &password, &err) < 0)
        refuse(c, "InvalidPasswordConfig",
               arena_printf(c->a, "account %s: %s", account, err_text(err)));
    else
        plan_step_add(p, PLAN_CREATE, PLAN_SECRET, c->ns, secret,
                      account_secret(c, secret, account, buf_str(&password)),
                      "password of account %s", account);
    mem_wipe(password.ptr, password.len);
    buf_done(&password);
}

static void accounts_ensure(struct comp *c, struct plan *p)
{
    AUTO(json_freep) cJSON *accounts = plan_component_accounts(c->in->component, c->in->definition);
    size_t index = 0;
    json_foreach (row, accounts) {
        account_ensure(c, row, index++, p);
    }
}

/* ---- config files
 * --------------------------------------------------------------------------------------------- */

const char *comp_config_object(const struct comp *c, const char *volume)
{
    json_foreach (config, json_at(c->def, "configs")) {
        if (streq(json_str(config, "volumeName"), volume))
            return name_config(c->a, c->cluster, c->comp, json_str(config, "name"));
    }
    return name_config(c->a, c->cluster, c->comp, volume);
}

bool comp_volume_secret(const struct comp *c, const char *volume)
{
    json_foreach (file, json_at(c->in->render, "files")) {
        if (streq(json_str(file, "volume"), volume) && json_str(file, "expanded"))
            return true;
    }
    return false;
}

static cJSON *config_object(const struct comp *c, const char *volume, bool secret)
{
    cJSON *o = comp_child(c, secret ? "Secret" : "ConfigMap", comp_config_object(c, volume));
    if (secret)
        json_put_str(o, "Opaque", "type");
    json_foreach (file, json_at(c->in->render, "files")) {
        const char *name = json_str(file, "name"), *content = json_str(file, "content");
        if (!streq(json_str(file, "volume"), volume) || !name || !content)
            continue;
        if (secret)
            put_base64(o, json_str(file, "expanded") ? json_str(file, "expanded") : content, name);
        else
            json_put_str(o, content, "data", name);
    }
    return o;
}

static bool first_of_volume(const cJSON *files, const cJSON *file)
{
    json_foreach (it, files) {
        if (it == file)
            return true;
        if (streq(json_str(it, "volume"), json_str(file, "volume")))
            return false;
    }
    return true;
}

static void configs_ensure(const struct comp *c, struct plan *p)
{
    const cJSON *files = json_at(c->in->render, "files");
    json_foreach (file, files) {
        if (!json_str(file, "volume") || !first_of_volume(files, file))
            continue;
        const char *volume = json_str(file, "volume");
        bool secret = comp_volume_secret(c, volume);
        const char *name = comp_config_object(c, volume);
        const cJSON *have = secret ? comp_find(c->in->secrets, c->in->n_secrets, name)
                                   : comp_find(c->in->configmaps, c->in->n_configmaps, name);
        desired_object(p, secret ? PLAN_SECRET : PLAN_CONFIGMAP, have,
                       config_object(c, volume, secret), "data");
    }
}

/* ---- what is not allowed
 * ------------------------------------------------------------------------------------- */

struct first_error {
    struct arena *a;
    const char *of, *text;
};

static void first_error(void *arg, const char *path, const char *text)
{
    struct first_error *f = arg;
    if (!f->text)
        f->text = arena_printf(f->a, "%s%s %s", f->of, path, text);
}

static void check_fields(struct comp *c)
{
    struct first_error f = {.a = c->a, .of = ""};
    field_validate(c->in->schemas->of[API_COMPONENT], c->in->component, NULL, first_error, &f);
    if (f.text)
        refuse(c, "InvalidSpec", f.text);
    f = (struct first_error){.a = c->a};
    f.of = arena_printf(
        c->a, "ComponentDefinition %s: ", json_str(c->in->definition, "metadata", "name"));
    field_validate(c->in->schemas->of[API_COMPONENTDEFINITION], c->in->definition, NULL,
                   first_error, &f);
    if (f.text)
        refuse(c, "InvalidDefinition", f.text);
}

static void check_replicas(struct comp *c)
{
    const cJSON *limit = json_at(c->def, "replicasLimit");
    int64_t n = json_int(1, c->spec, "replicas");
    int64_t min = json_int(0, limit, "minReplicas"), max = json_int(16384, limit, "maxReplicas");
    if (limit && (n < min || n > max))
        refuse(c, "ReplicasOutOfLimit",
               arena_printf(c->a, "replicas: want %lld..%lld, found %lld", (long long)min,
                            (long long)max, (long long)n));
    bool keeps =
        streq(json_str(c->spec, "persistentVolumeClaimRetentionPolicy", "whenScaled"), "Retain");
    if (n == 0 && c->in->its && !keeps &&
        cJSON_GetArraySize(json_at(c->spec, "volumeClaimTemplates")))
        refuse(c, "ScaleToZero",
               "replicas: 0 would delete all volumes; set "
               "persistentVolumeClaimRetentionPolicy.whenScaled to Retain, "
               "or stop to true");
}

static void check_engine(struct comp *c)
{
    if (c->in->engine == PLAN_ENGINE_FAILED) {
        refuse(c, c->in->engine_reason, c->in->engine_message);
        return;
    }
    struct buf text = BUF_INIT(2048);
    json_foreach (e, json_at(c->in->validate, "errors")) {
        buf_addf(&text, "%s%s: %s", text.len ? "; " : "", json_str(e, "field"),
                 json_str(e, "message"));
    }
    if (text.len)
        refuse(c, "RefusedByEngine", buf_str(&text));
    buf_done(&text);
}

static void check(struct comp *c)
{
    if (!c->cluster || !c->comp)
        refuse(c, "NoCluster", "labels " LABEL_CLUSTER " and " LABEL_COMPONENT " are required");
    else if (!c->in->definition)
        refuse(c, "DefinitionNotFound", c->in->definition_error);
    else {
        check_fields(c);
        check_replicas(c);
        check_engine(c);
    }
}

/* ---- the InstanceSet
 * -------------------------------------------------------------------------------------------- */

static void copy(cJSON *to, const cJSON *from, const char *name)
{
    const cJSON *v = json_at(from, name);
    if (v)
        json_put(to, cJSON_Duplicate(v, true), name);
}

/* Claims in the form of a StatefulSet: {metadata: {name, labels}, spec}. */
static cJSON *its_claims(const struct comp *c)
{
    cJSON *list = cJSON_CreateArray();
    json_foreach (claim, json_at(c->spec, "volumeClaimTemplates")) {
        cJSON *o = cJSON_CreateObject();
        json_put_str(o, json_str(claim, "name"), "metadata", "name");
        copy(json_obj(o, "metadata"), claim, "labels");
        copy(json_obj(o, "metadata"), claim, "annotations");
        copy(o, claim, "spec");
        if (!json_at(o, "spec", "accessModes")) {
            cJSON *modes = cJSON_CreateArray();
            cJSON_AddItemToArray(modes, cJSON_CreateString("ReadWriteOnce"));
            json_put(o, modes, "spec", "accessModes");
        }
        cJSON_AddItemToArray(list, o);
    }
    return list;
}

static void its_spec_put(const struct comp *c, cJSON *spec)
{
    static const char *const FROM_COMPONENT[] = {"replicas",
                                                 "persistentVolumeClaimRetentionPolicy",
                                                 "parallelPodManagementConcurrency",
                                                 "instanceUpdateStrategy",
                                                 "instances",
                                                 "ordinals",
                                                 "offlineInstances",
                                                 "stop"};
    static const char *const EITHER[] = {"podUpdatePolicy", "podUpgradePolicy"};
    static const char *const FROM_DEFINITION[] = {"roles", "minReadySeconds",
                                                  "podManagementPolicy"};
    for (size_t i = 0; i < ARRAY_LEN(FROM_COMPONENT); i++)
        copy(spec, c->spec, FROM_COMPONENT[i]);
    for (size_t i = 0; i < ARRAY_LEN(FROM_DEFINITION); i++)
        copy(spec, c->def, FROM_DEFINITION[i]);
    for (size_t i = 0; i < ARRAY_LEN(EITHER); i++)
        copy(spec, json_at(c->spec, EITHER[i]) ? c->spec : c->def, EITHER[i]);
    if (json_str(c->def, "updateStrategy"))
        json_put_str(spec, json_str(c->def, "updateStrategy"), "memberUpdateStrategy");
    json_put(spec, comp_labels(c), "selector", "matchLabels");
}

static cJSON *its_build(const struct comp *c, struct err **err)
{
    cJSON *template = NULL;
    if (comp_template(c, &template, err) < 0)
        return NULL;
    cJSON *its = comp_child(c, LABEL_ITS_KIND, name_component(c->a, c->cluster, c->comp));
    json_put_str(its, API_GROUP_WORKLOADS "/v1", "apiVersion");
    json_put_str(its, json_str(c->in->definition, "metadata", "name"), "metadata", "labels",
                 LABEL_APP_COMPONENT);
    cJSON *spec = json_obj(its, "spec");
    its_spec_put(c, spec);
    json_put(spec, template, "template");
    json_put(spec, its_claims(c), "volumeClaimTemplates");
    field_default(c->in->schemas->of[API_INSTANCESET], its);
    return its;
}

cJSON *plan_component_its(const struct plan_component_in *in, struct arena *a, struct err **err)
{
    struct comp c;
    comp_setup(&c, in, a);
    return its_build(&c, err);
}

static void its_ensure(struct comp *c, struct plan *p)
{
    AUTO(err_freep) struct err *err = NULL;
    cJSON *its = its_build(c, &err);
    size_t before = p->n_steps;
    if (!its)
        refuse(c, "InvalidDefinition", err_text(err));
    else
        desired_object(p, PLAN_INSTANCESET, c->in->its, its, "spec");
    c->changing = p->n_steps > before;
}

/* ---- the whole
 * ----------------------------------------------------------------------------------------------------
 */

static void finish(const struct comp *c, struct plan *p)
{
    if (c->in->its) {
        if (!json_at(c->in->its, "metadata", "deletionTimestamp"))
            plan_step_add(p, PLAN_DELETE, PLAN_INSTANCESET, c->ns,
                          json_str(c->in->its, "metadata", "name"), NULL,
                          "the component is being deleted")
                ->uid = arena_strdup(p->arena, json_str(c->in->its, "metadata", "uid"));
        return;
    }
    cJSON *patch = desired_finalizer(c->in->component, FINALIZER_COMPONENT, false);
    if (patch)
        plan_step_add(p, PLAN_PATCH, PLAN_COMPONENT, c->ns, c->name, patch,
                      "its InstanceSet is gone");
}

static bool engine_done(const struct comp *c)
{
    return c->in->engine == PLAN_ENGINE_NONE || c->in->engine == PLAN_ENGINE_ANSWERED;
}

static void build(struct comp *c, struct plan *p)
{
    cJSON *patch = desired_finalizer(c->in->component, FINALIZER_COMPONENT, true);
    if (patch)
        plan_step_add(p, PLAN_PATCH, PLAN_COMPONENT, c->ns, c->name, patch,
                      "its InstanceSet must go before it goes");
    check(c);
    if (c->refused)
        return;
    accounts_ensure(c, p);
    comp_services(c, p);
    plan_barrier(p);
    c->changing = !engine_done(c);
    if (c->refused || c->changing)
        return;
    configs_ensure(c, p);
    plan_barrier(p);
    its_ensure(c, p);
}

void plan_component(const struct plan_component_in *in, struct plan *p)
{
    struct comp c;
    comp_setup(&c, in, p->arena);
    bool deleting = json_at(in->component, "metadata", "deletionTimestamp") != NULL;
    if (!deleting)
        build(&c, p);
    plan_barrier(p);
    /* While the engine thinks nothing new can be said; the old status stands. */
    bool thinking = !deleting && !c.refused && in->engine == PLAN_ENGINE_WAITING &&
                    json_at(in->component, "status");
    /* The last step takes the finalizer away; a status written before it would make it conflict. */
    bool last = deleting && !in->its;
    if (!thinking && !last)
        desired_status(p, PLAN_COMPONENT, in->component, comp_status(&c),
                       "what was observed changed");
    if (deleting) {
        plan_barrier(p);
        finish(&c, p);
    }
    if (c.refused &&
        !streq(json_str(condition_find(in->component, CONDITION_PROVISIONING), "message"),
               c.refused))
        plan_event_add(p, true, c.refused_reason, "%s", c.refused);
}

cJSON *plan_component_options(const cJSON *component)
{
    cJSON *options = cJSON_CreateObject();
    json_foreach (config, json_at(component, "spec", "configs")) {
        json_foreach (v, json_at(config, "variables")) {
            if (cJSON_IsString(v))
                json_put_str(options, v->valuestring, v->string);
        }
    }
    return options;
}
