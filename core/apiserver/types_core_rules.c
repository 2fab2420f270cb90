/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of Namespace, Node, ConfigMap, Secret, PersistentVolume and
 * PersistentVolumeClaim.
 */
#include <stdio.h>
#include <string.h>

#include "apiserver/names.h"
#include "apiserver/types_rows.h"
#include "base/quantity.h"

#define DATA_MAX (1024 * 1024)

void namespace_default(cJSON *obj)
{
    const char *name = json_str(obj, "metadata", "name");
    if (name && *name)
        json_put_str(obj, name, "metadata", "labels", "kubernetes.io/metadata.name");
}

/* One taint per key and effect. */
void node_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    struct map seen AUTO(map_done) = MAP_INIT;
    char field[CAUSE_FIELD_MAX], key[512];
    size_t i = 0;
    (void)old;
    (void)path;
    json_foreach (t, json_at(obj, "spec", "taints")) {
        const char *name = json_str(t, "key"), *effect = json_str(t, "effect");
        type_path(field, "spec", "taints[%zu]", i++);
        type_check_name(t, field, "key", name_check_qualified, c);
        snprintf(key, sizeof(key), "%s:%s", name ? name : "", effect ? effect : "");
        if (map_set(&seen, key, &seen))
            causes_duplicate(c, field, t);
    }
}

/* --- ConfigMap and Secret ------------------------------------------------------------------- */

static void check_keys(const cJSON *map, const char *name, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    json_foreach (j, map) {
        const char *why = name_check_config_key(j->string);
        if (why)
            causes_invalid(c, type_path(field, "", "%s[%.300s]", name, j->string), j->string, why);
    }
}

static size_t base64_size(const char *s)
{
    size_t n = strlen(s), pad = 0;
    while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
        pad++;
    return n / 4 * 3 - (n ? pad : 0);
}

static size_t bytes_of(const cJSON *map, bool base64)
{
    size_t total = 0;
    json_foreach (j, map) {
        if (cJSON_IsString(j))
            total += base64 ? base64_size(j->valuestring) : strlen(j->valuestring);
    }
    return total;
}

/* `immutable: true` cannot be taken back, and holds the named members as they are. */
static void check_immutable(const cJSON *obj, const cJSON *old, const char *const *members,
                            size_t n, struct causes *c)
{
    static const char why[] = "field is immutable when `immutable` is set";
    if (!json_bool(false, old, "immutable"))
        return;
    if (!json_bool(false, obj, "immutable"))
        causes_forbidden(c, "immutable", why);
    for (size_t i = 0; i < n; i++) {
        const cJSON *a = json_at(obj, members[i]), *b = json_at(old, members[i]);
        if (!(a || b) || json_equal(a, b))
            continue;
        causes_forbidden(c, members[i], why);
    }
}

void config_map_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    static const char *const members[] = {"data", "binaryData"};
    const cJSON *data = json_at(obj, "data"), *binary = json_at(obj, "binaryData");
    char field[CAUSE_FIELD_MAX];
    (void)path;
    check_immutable(obj, old, members, ARRAY_LEN(members), c);
    check_keys(data, "data", c);
    check_keys(binary, "binaryData", c);
    json_foreach (j, binary) {
        if (cJSON_GetObjectItemCaseSensitive(data, j->string))
            causes_invalid(c, type_path(field, "", "data[%.300s]", j->string), j->string,
                           "duplicate of key present in binaryData");
    }
    if (bytes_of(data, false) + bytes_of(binary, true) > DATA_MAX)
        causes_add(c, CAUSE_TOO_LONG, "[]", "Too long: must have at most %d bytes", DATA_MAX);
}

/* stringData is written into data and never kept. */
void secret_default(cJSON *obj)
{
    const cJSON *plain = cJSON_GetObjectItemCaseSensitive(obj, "stringData");
    json_foreach (j, plain) {
        if (!cJSON_IsString(j))
            continue;
        size_t n = strlen(j->valuestring);
        struct buf text AUTO(buf_done) = BUF_INIT(n * 2 + 8);
        buf_add_base64(&text, j->valuestring, n);
        json_put_str(obj, buf_str(&text), "data", j->string);
    }
    json_del(obj, "stringData");
}

/* Keys that a type promises. `any` of them is enough where one will do. */
static const struct {
    const char *type;
    const char *keys[2];
    bool any;
} secret_keys[] = {
    {"kubernetes.io/tls", {"tls.crt", "tls.key"}, false},
    {"kubernetes.io/ssh-auth", {"ssh-privatekey"}, false},
    {"kubernetes.io/basic-auth", {"username", "password"}, true},
    {"kubernetes.io/dockerconfigjson", {".dockerconfigjson"}, false},
    {"kubernetes.io/dockercfg", {".dockercfg"}, false},
};

static void check_secret_keys(const cJSON *obj, const char *type, struct causes *c)
{
    const cJSON *data = json_at(obj, "data");
    char field[CAUSE_FIELD_MAX];
    for (size_t i = 0; i < ARRAY_LEN(secret_keys); i++) {
        if (!streq(secret_keys[i].type, type))
            continue;
        size_t found = 0;
        for (size_t k = 0; k < 2 && secret_keys[i].keys[k]; k++)
            found += cJSON_GetObjectItemCaseSensitive(data, secret_keys[i].keys[k]) != NULL;
        if (secret_keys[i].any && found > 0)
            return;
        for (size_t k = 0; k < 2 && secret_keys[i].keys[k]; k++)
            if (!cJSON_GetObjectItemCaseSensitive(data, secret_keys[i].keys[k]))
                causes_required(c, type_path(field, "", "data[%s]", secret_keys[i].keys[k]), NULL);
    }
    const char *account =
        json_str(obj, "metadata", "annotations", "kubernetes.io/service-account.name");
    if (streq(type, "kubernetes.io/service-account-token") && !(account && *account))
        causes_required(c, "metadata.annotations[kubernetes.io/service-account.name]", NULL);
}

void secret_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    static const char *const members[] = {"data"};
    const char *type = json_str(obj, "type"), *was = json_str(old, "type");
    (void)path;
    if (was && !(type && streq(type, was)))
        causes_invalid(c, "type", type ? type : "", "field is immutable");
    check_immutable(obj, old, members, ARRAY_LEN(members), c);
    check_keys(json_at(obj, "data"), "data", c);
    if (bytes_of(json_at(obj, "data"), true) > DATA_MAX)
        causes_add(c, CAUSE_TOO_LONG, "data", "Too long: must have at most %d bytes", DATA_MAX);
    if (type)
        check_secret_keys(obj, type, c);
}

/* --- storage -------------------------------------------------------------------------------- */

#define ACCESS_MODES "ReadOnlyMany|ReadWriteMany|ReadWriteOnce|ReadWriteOncePod"

static void check_access_modes(const cJSON *spec, struct causes *c)
{
    static const char *const known[] = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce",
                                        "ReadWriteOncePod"};
    json_foreach (m, json_at(spec, "accessModes")) {
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            found = found || streq(known[i], m->valuestring);
        if (!found)
            causes_not_supported(c, "spec.accessModes", m, ACCESS_MODES);
    }
}

static const char *const volume_settings[] = {"capacity",
                                              "accessModes",
                                              "claimRef",
                                              "persistentVolumeReclaimPolicy",
                                              "storageClassName",
                                              "mountOptions",
                                              "volumeMode",
                                              "nodeAffinity",
                                              "volumeAttributesClassName"};

/* The member of a PersistentVolume's spec that names the storage. */
static const cJSON *volume_source(const cJSON *spec, const cJSON *after)
{
    const cJSON *j = after ? after->next : spec ? spec->child : NULL;
    for (; j; j = j->next) {
        bool setting = false;
        for (size_t i = 0; i < ARRAY_LEN(volume_settings); i++)
            setting = setting || streq(volume_settings[i], j->string);
        if (!setting)
            return j;
    }
    return NULL;
}

void persistent_volume_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *spec = json_at(obj, "spec"), *was = json_at(old, "spec");
    char field[CAUSE_FIELD_MAX];
    (void)path;
    check_access_modes(spec, c);
    const cJSON *source = volume_source(spec, NULL);
    if (!source)
        causes_required(c, "spec", "must specify a volume type");
    const cJSON *second = source ? volume_source(spec, source) : NULL;
    if (second)
        causes_forbidden(c, type_path(field, "spec", "%.200s", second->string),
                         "may not specify more than 1 volume type");
    if (spec && !json_str(spec, "capacity", "storage") && json_at(spec, "capacity"))
        causes_add(c, CAUSE_NOT_SUPPORTED, "spec.capacity",
                   "Unsupported value: supported values: \"storage\"");
    const cJSON *before = volume_source(was, NULL);
    if (before && source && (!streq(before->string, source->string) || !json_equal(before, source)))
        causes_forbidden(c, "spec.persistentvolumesource",
                         "spec.persistentvolumesource is immutable after creation");
}

static int64_t storage_of(const cJSON *spec)
{
    const char *text = json_str(spec, "resources", "requests", "storage");
    int64_t milli = 0;
    return text && quantity_parse(text, &milli, NULL) == 0 ? milli : 0;
}

/* Size may grow, the volume may be filled in once; the rest stays. */
static void check_claim_update(const cJSON *spec, const cJSON *was, struct causes *c)
{
    if (json_equal(spec, was))
        return;
    cJSON *same AUTO(json_freep) = was ? cJSON_Duplicate(was, true) : cJSON_CreateObject();
    static const char *const free_members[] = {"resources", "volumeAttributesClassName"};
    for (size_t i = 0; i < ARRAY_LEN(free_members); i++) {
        const cJSON *j = json_at(spec, free_members[i]);
        json_del(same, free_members[i]);
        if (j)
            json_put(same, cJSON_Duplicate(j, true), free_members[i]);
    }
    const char *volume = json_str(spec, "volumeName");
    if (volume && !type_given(was, "volumeName"))
        json_put_str(same, volume, "volumeName");
    if (!json_equal(same, spec))
        causes_forbidden(c, "spec",
                         "spec is immutable after creation except resources.requests and "
                         "volumeAttributesClassName for bound claims");
    if (storage_of(spec) < storage_of(was))
        causes_forbidden(c, "spec.resources.requests.storage",
                         "field can not be less than previous value");
}

void claim_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *spec = json_at(obj, "spec");
    (void)path;
    check_access_modes(spec, c);
    if (!json_str(spec, "resources", "requests", "storage"))
        causes_required(c, "spec.resources[storage]", NULL);
    else if (storage_of(spec) <= 0)
        causes_invalid(c, "spec.resources[storage]",
                       json_str(spec, "resources", "requests", "storage"),
                       "must be greater than zero");
    if (old)
        check_claim_update(spec, json_at(old, "spec"), c);
}
