/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pod template of a component: the definition's runtime with the user's resources, scheduling
 * and volumes, the engine's files, arguments and environment put in. Nothing of this program's
 * version enters it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "plan/comp.h"
#include "plan/its.h"

#define FILE_MODE 0444

static void members_put(cJSON *meta, const char *key, const cJSON *from)
{
    json_foreach (m, json_at(from, key)) {
        json_put(meta, cJSON_Duplicate(m, true), key, m->string);
    }
}

/* ---- metadata
 * -------------------------------------------------------------------------------------------- */

/* Of what the engine said, without passwords: they stay out of every label and annotation. */
static uint64_t files_hash(const struct comp *c)
{
    cJSON *said = cJSON_CreateArray();
    json_foreach (file, json_at(c->in->render, "files")) {
        cJSON *copy = cJSON_Duplicate(file, true);
        json_del(copy, "expanded");
        cJSON_AddItemToArray(said, copy);
    }
    uint64_t h = json_hash(said);
    cJSON_Delete(said);
    return h;
}

static cJSON *metadata(const struct comp *c)
{
    cJSON *meta = cJSON_CreateObject();
    const char *uid = json_str(c->in->cluster, "metadata", "uid");
    json_obj(meta, "labels");
    members_put(meta, "labels", c->def);
    members_put(meta, "labels", c->spec);
    members_put(meta, "annotations", c->def);
    members_put(meta, "annotations", c->spec);
    AUTO(json_freep) cJSON *own = comp_labels(c);
    json_foreach (l, own) {
        json_put(meta, cJSON_Duplicate(l, true), "labels", l->string);
    }
    json_put_str(meta, json_str(c->in->definition, "metadata", "name"), "labels",
                 LABEL_APP_COMPONENT);
    json_put_str(meta, LABEL_RELEASE_STABLE, "labels", LABEL_RELEASE_PHASE);
    if (uid)
        json_put_str(meta, uid, "labels", LABEL_CLUSTER_UID);
    if (cJSON_GetArraySize(json_at(c->in->render, "files"))) {
        char text[20];
        snprintf(text, sizeof(text), "%016" PRIx64, files_hash(c));
        json_put_str(meta, text, "annotations", ANNOTATION_CONFIG_HASH);
    }
    return meta;
}

/* ---- volumes
 * ------------------------------------------------------------------------------------------------
 */

static cJSON *volumes_of(cJSON *spec)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "volumes");
    return list ? list : cJSON_AddArrayToObject(spec, "volumes");
}

static void volume_set(cJSON *spec, cJSON *volume)
{
    cJSON *list = volumes_of(spec);
    for (cJSON *v = list->child; v; v = v->next) {
        if (streq(json_str(v, "name"), json_str(volume, "name"))) {
            cJSON_ReplaceItemViaPointer(list, v, volume);
            return;
        }
    }
    cJSON_AddItemToArray(list, volume);
}

static int64_t default_mode(const struct comp *c, const char *volume)
{
    json_foreach (config, json_at(c->def, "configs")) {
        if (streq(json_str(config, "volumeName"), volume))
            return json_int(FILE_MODE, config, "defaultMode");
    }
    return FILE_MODE;
}

/* Files with a mode of their own need a list of items; then every file must be in it. */
static cJSON *config_items(const struct comp *c, const char *volume)
{
    cJSON *items = cJSON_CreateArray();
    bool own_modes = false;
    json_foreach (file, json_at(c->in->render, "files")) {
        if (!streq(json_str(file, "volume"), volume) || !json_str(file, "name"))
            continue;
        cJSON *item = cJSON_CreateObject();
        json_put_str(item, json_str(file, "name"), "key");
        json_put_str(item, json_str(file, "name"), "path");
        int64_t mode = json_int(0, file, "mode");
        if (mode)
            json_put_int(item, mode, "mode");
        own_modes |= mode && mode != default_mode(c, volume);
        cJSON_AddItemToArray(items, item);
    }
    if (own_modes)
        return items;
    cJSON_Delete(items);
    return NULL;
}

static void config_volumes(const struct comp *c, cJSON *spec)
{
    json_foreach (file, json_at(c->in->render, "files")) {
        const char *volume = json_str(file, "volume");
        if (!volume)
            continue;
        bool secret = comp_volume_secret(c, volume);
        const char *source = secret ? "secret" : "configMap";
        cJSON *v = cJSON_CreateObject();
        json_put_str(v, volume, "name");
        json_put_str(v, comp_config_object(c, volume), source, secret ? "secretName" : "name");
        json_put_int(v, default_mode(c, volume), source, "defaultMode");
        cJSON *items = config_items(c, volume);
        if (items)
            json_put(v, items, source, "items");
        volume_set(spec, v);
    }
}

static bool volume_known(const struct comp *c, const cJSON *spec, const char *name)
{
    return json_find(json_at(spec, "volumes"), "name", name) ||
           json_find(json_at(c->spec, "volumeClaimTemplates"), "name", name);
}

/* A mounted volume that nobody provides is scratch space: data without a claim lives as long as its
 * Pod. */
static void scratch_volumes(const struct comp *c, cJSON *spec, const char *list)
{
    json_foreach (container, json_at(spec, list)) {
        json_foreach (mount, json_at(container, "volumeMounts")) {
            const char *name = json_str(mount, "name");
            if (!name || volume_known(c, spec, name))
                continue;
            cJSON *v = cJSON_CreateObject();
            json_put_str(v, name, "name");
            json_put(v, cJSON_CreateObject(), "emptyDir");
            volume_set(spec, v);
        }
    }
}

/* ---- containers
 * -------------------------------------------------------------------------------------------------
 */

static void args_add(const struct comp *c, cJSON *container)
{
    const char *name = json_str(container, "name");
    const cJSON *more = name ? json_at(c->in->render, "args", name) : NULL;
    if (!cJSON_GetArraySize(more))
        return;
    cJSON *args = cJSON_GetObjectItemCaseSensitive(container, "args");
    if (!args)
        args = cJSON_AddArrayToObject(container, "args");
    json_foreach (a, more) {
        cJSON_AddItemToArray(args, cJSON_Duplicate(a, true));
    }
}

static int containers_finish(const struct comp *c, cJSON *spec, const char *list, struct err **err)
{
    const cJSON *containers = json_at(spec, list);
    for (cJSON *it = containers ? containers->child : NULL; it; it = it->next) {
        int r = comp_env(c, it, err);
        if (r < 0)
            return r;
        args_add(c, it);
    }
    return 0;
}

/* The first container is the engine: the user's resources are its resources. */
static void resources_put(const struct comp *c, cJSON *spec)
{
    const cJSON *containers = json_at(spec, "containers"),
                *resources = json_at(c->spec, "resources");
    if (!containers || !containers->child || !resources || !resources->child)
        return;
    cJSON *merged = desired_overlay(json_at(containers->child, "resources"), resources);
    json_put(containers->child, merged, "resources");
}

static void network_put(const struct comp *c, cJSON *spec)
{
    static const char *const MEMBERS[] = {"hostAliases", "dnsPolicy", "dnsConfig"};
    for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++) {
        const cJSON *v = json_at(c->spec, "network", MEMBERS[i]);
        if (v)
            json_put(spec, cJSON_Duplicate(v, true), MEMBERS[i]);
    }
}

static void pod_put(const struct comp *c, cJSON *spec)
{
    its_schedule(spec, json_at(c->spec, "schedulingPolicy"));
    network_put(c, spec);
    if (json_str(c->spec, "runtimeClassName"))
        json_put_str(spec, json_str(c->spec, "runtimeClassName"), "runtimeClassName");
    if (json_str(c->spec, "serviceAccountName"))
        json_put_str(spec, json_str(c->spec, "serviceAccountName"), "serviceAccountName");
    json_foreach (v, json_at(c->spec, "volumes")) {
        volume_set(spec, cJSON_Duplicate(v, true));
    }
}

int comp_template(const struct comp *c, cJSON **ret, struct err **err)
{
    AUTO(json_freep) cJSON *t = cJSON_CreateObject();
    json_put(t, metadata(c), "metadata");
    json_put(t, cJSON_Duplicate(json_at(c->def, "runtime"), true), "spec");
    cJSON *spec = json_obj(t, "spec");
    resources_put(c, spec);
    pod_put(c, spec);
    int r = containers_finish(c, spec, "initContainers", err);
    if (r == 0)
        r = containers_finish(c, spec, "containers", err);
    if (r < 0)
        return r;
    config_volumes(c, spec);
    scratch_volumes(c, spec, "initContainers");
    scratch_volumes(c, spec, "containers");
    *ret = TAKE(t);
    return 0;
}
