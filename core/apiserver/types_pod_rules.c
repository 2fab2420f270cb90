/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of Pods that rows cannot say: names that must be unique or refer to each
 * other, "exactly one of", numbers within bounds, and what may change once a Pod exists. What
 * admission adds to a Pod (service account, token volume, tolerations) is not here.
 */
#include <stdio.h>
#include <string.h>

#include "apiserver/names.h"
#include "apiserver/types_rows.h"
#include "base/quantity.h"

/* --- defaults ------------------------------------------------------------------------------- */

/* Always for the tag latest and for images without tag and digest. */
static const char *pull_policy(const char *image)
{
    if (strchr(image, '@'))
        return "IfNotPresent";
    const char *last = strrchr(image, '/');
    const char *tag = strchr(last ? last : image, ':');
    return !tag || streq(tag, ":latest") ? "Always" : "IfNotPresent";
}

void container_default(cJSON *obj)
{
    if (!type_given(obj, "imagePullPolicy")) {
        const char *image = json_str(obj, "image");
        json_put_str(obj, pull_policy(image ? image : ""), "imagePullPolicy");
    }
}

/* A volume without source is an empty directory. */
void volume_default(cJSON *obj)
{
    json_foreach (j, obj) {
        if (!streq(j->string, "name"))
            return;
    }
    cJSON_AddObjectToObject(obj, "emptyDir");
}

/* The old name and the new one say the same. */
void pod_spec_default(cJSON *obj)
{
    const char *name = json_str(obj, "serviceAccountName"), *old = json_str(obj, "serviceAccount");
    if (name && *name && !(old && streq(old, name)))
        json_put_str(obj, name, "serviceAccount");
    else if (old && *old && !(name && *name))
        json_put_str(obj, old, "serviceAccountName");
}

static void requests_from_limits(cJSON *container)
{
    const cJSON *limits = json_at(container, "resources", "limits");
    json_foreach (l, limits) {
        cJSON *requests = json_obj(container, "resources", "requests");
        if (!cJSON_GetObjectItemCaseSensitive(requests, l->string))
            cJSON_AddItemToObject(requests, l->string, cJSON_Duplicate(l, true));
    }
}

/* On the network of the node a port is the node's port. */
static void host_ports(cJSON *container)
{
    for (cJSON *p = cJSON_GetObjectItemCaseSensitive(container, "ports")
                        ? cJSON_GetObjectItemCaseSensitive(container, "ports")->child
                        : NULL;
         p; p = p->next) {
        const cJSON *port = cJSON_GetObjectItemCaseSensitive(p, "containerPort");
        if (cJSON_IsNumber(port) && !cJSON_GetObjectItemCaseSensitive(p, "hostPort"))
            json_put_int(p, (int64_t)port->valuedouble, "hostPort");
    }
}

void pod_default(cJSON *obj)
{
    static const char *const lists[] = {"containers", "initContainers"};
    cJSON *spec = cJSON_GetObjectItemCaseSensitive(obj, "spec");
    if (!cJSON_IsObject(spec))
        return;
    bool host = json_bool(false, spec, "hostNetwork");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, lists[i]);
        for (cJSON *c = list ? list->child : NULL; c; c = c->next) {
            requests_from_limits(c);
            if (host)
                host_ports(c);
        }
    }
    if (!cJSON_GetObjectItemCaseSensitive(spec, "enableServiceLinks"))
        cJSON_AddTrueToObject(spec, "enableServiceLinks");
}

/* --- small parts ---------------------------------------------------------------------------- */

/* A port by number or name in `name` of obj. */
static void check_port_ref(const cJSON *obj, const char *path, const char *name, struct causes *c)
{
    type_check_range(obj, path, name, 1, 65535, c);
    type_check_name(obj, path, name, name_check_port, c);
}

void port_holder_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    (void)old;
    check_port_ref(obj, path, "port", c);
}

void container_port_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    (void)old;
    type_check_range(obj, path, "containerPort", 1, 65535, c);
    type_check_range(obj, path, "hostPort", 0, 65535, c);
    type_check_name(obj, path, "name", name_check_port, c);
}

static size_t members_of(const cJSON *obj, const char *const *names, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += cJSON_GetObjectItemCaseSensitive(obj, names[i]) != NULL;
    return found;
}

void probe_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    static const char *const handlers[] = {"exec", "httpGet", "tcpSocket", "grpc"};
    static const char *const numbers[] = {"initialDelaySeconds", "timeoutSeconds", "periodSeconds",
                                          "successThreshold", "failureThreshold"};
    (void)old;
    size_t n = members_of(obj, handlers, ARRAY_LEN(handlers));
    if (n == 0)
        causes_required(c, path, "must specify a handler type");
    else if (n > 1)
        causes_forbidden(c, path, "may not specify more than 1 handler type");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        type_check_range(obj, path, numbers[i], 0, INT64_MAX, c);
}

void env_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    static const char *const sources[] = {"fieldRef", "resourceFieldRef", "configMapKeyRef",
                                          "secretKeyRef", "fileKeyRef"};
    char field[CAUSE_FIELD_MAX];
    (void)old;
    type_check_name(obj, path, "name", name_check_env, c);
    const cJSON *from = cJSON_GetObjectItemCaseSensitive(obj, "valueFrom");
    if (!from)
        return;
    type_path(field, path, "valueFrom");
    size_t n = members_of(from, sources, ARRAY_LEN(sources));
    if (n == 0)
        causes_invalid(c, field, "",
                       "must specify one of: `fieldRef`, `resourceFieldRef`, "
                       "`configMapKeyRef` or `secretKeyRef`");
    else if (n > 1)
        causes_invalid(c, field, "", "may not have more than one field specified at a time");
    if (type_given(obj, "value"))
        causes_invalid(c, field, "", "may not be specified when `value` is not empty");
}

static bool climbs(const char *path)
{
    struct str left = str_of(path), part;
    while (str_split(&left, '/', &part))
        if (str_eq(part, STR("..")))
            return true;
    return false;
}

void volume_mount_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const char *sub = json_str(obj, "subPath"), *expr = json_str(obj, "subPathExpr");
    char field[CAUSE_FIELD_MAX];
    (void)old;
    if (sub && *sub && expr && *expr)
        causes_invalid(c, type_path(field, path, "subPathExpr"), expr,
                       "subPathExpr and subPath are mutually exclusive");
    if (sub && *sub == '/')
        causes_invalid(c, type_path(field, path, "subPath"), sub, "must be a relative path");
    else if (sub && climbs(sub))
        causes_invalid(c, type_path(field, path, "subPath"), sub, "must not contain '..'");
}

void toleration_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const char *op = json_str(obj, "operator");
    char field[CAUSE_FIELD_MAX];
    (void)old;
    bool exists = op && streq(op, "Exists");
    type_check_name(obj, path, "key", name_check_qualified, c);
    if (!type_given(obj, "key") && !exists)
        causes_invalid(c, type_path(field, path, "operator"), op ? op : "",
                       "operator must be Exists when `key` is empty, which means \"match all "
                       "values and all keys\"");
    if (exists && type_given(obj, "value"))
        causes_invalid(c, type_path(field, path, "operator"), op,
                       "value must be empty when `operator` is 'Exists'");
    const char *effect = json_str(obj, "effect");
    if (cJSON_GetObjectItemCaseSensitive(obj, "tolerationSeconds") &&
        !(effect && streq(effect, "NoExecute")))
        causes_invalid(c, type_path(field, path, "effect"), effect ? effect : "",
                       "effect must be 'NoExecute' when `tolerationSeconds` is set");
}

static void check_amount(const cJSON *j, const char *path, const char *list, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    int64_t milli = 0;
    type_path(field, path, "%s[%.200s]", list, j->string);
    const char *why = name_check_qualified(j->string);
    if (why)
        causes_invalid(c, field, j->string, why);
    if (cJSON_IsString(j) && quantity_parse(j->valuestring, &milli, NULL) == 0 && milli < 0)
        causes_invalid(c, field, j->valuestring, "must be greater than or equal to 0");
}

void resources_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *limits = json_at(obj, "limits");
    char field[CAUSE_FIELD_MAX];
    (void)old;
    json_foreach (l, limits)
        check_amount(l, path, "limits", c);
    json_foreach (r, json_at(obj, "requests")) {
        const char *limit = json_str(limits, r->string);
        int64_t want = 0, most = 0;
        check_amount(r, path, "requests", c);
        if (limit && cJSON_IsString(r) && !quantity_parse(r->valuestring, &want, NULL) &&
            !quantity_parse(limit, &most, NULL) && want > most)
            causes_add(c, CAUSE_INVALID, type_path(field, path, "requests"),
                       "Invalid value: \"%s\": must be less than or equal to %s limit of %s",
                       r->valuestring, r->string, limit);
    }
}

/* --- volumes -------------------------------------------------------------------------------- */

void volume_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    size_t sources = 0;
    char field[CAUSE_FIELD_MAX];
    (void)old;
    type_check_name(obj, path, "name", name_check_label, c);
    json_foreach (j, obj) {
        if (streq(j->string, "name"))
            continue;
        if (sources++ > 0)
            causes_forbidden(c, type_path(field, path, "%.200s", j->string),
                             "may not specify more than 1 volume type");
        const cJSON *mode = type_member(j, "defaultMode");
        if (mode && (mode->valuedouble < 0 || mode->valuedouble > 0777))
            causes_invalid_json(c, type_path(field, path, "%.200s.defaultMode", j->string), mode,
                                "must be a number between 0 and 0777 (octal), both inclusive");
    }
    if (sources == 0)
        causes_required(c, path, "must specify a volume type");
}

/* --- containers ----------------------------------------------------------------------------- */

void container_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const char *image = json_str(obj, "image");
    struct map names AUTO(map_done) = MAP_INIT;
    char field[CAUSE_FIELD_MAX];
    (void)old;
    type_check_name(obj, path, "name", name_check_label, c);
    if (image && *image && (image[0] == ' ' || image[strlen(image) - 1] == ' '))
        causes_invalid(c, type_path(field, path, "image"), image,
                       "must not have leading or trailing whitespace");
    type_check_unique(obj, path, "ports", "name", &names, c);
    const char *policy = json_str(obj, "terminationMessagePath");
    if (policy && *policy != '/' && *policy)
        causes_invalid(c, type_path(field, path, "terminationMessagePath"), policy,
                       "must be an absolute path");
}

/* `path` is the spec's; the container is element i of `list`. */
static void check_mounts(const cJSON *container, const char *path, const char *list, size_t i,
                         const struct map *volumes, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    struct map paths AUTO(map_done) = MAP_INIT;
    size_t k = 0;
    json_foreach (m, type_member(container, "volumeMounts")) {
        const char *name = json_string_of(type_member(m, "name"));
        const char *at = json_string_of(type_member(m, "mountPath"));
        if (name && *name && !map_get(volumes, name))
            causes_add(c, CAUSE_NOT_FOUND,
                       type_path(field, path, "%s[%zu].volumeMounts[%zu].name", list, i, k),
                       "Not found: \"%.200s\"", name);
        if (at && *at && map_set(&paths, at, &paths))
            causes_invalid(
                c, type_path(field, path, "%s[%zu].volumeMounts[%zu].mountPath", list, i, k), at,
                "must be unique");
        k++;
    }
}

static void check_containers(const cJSON *spec, const char *path, const struct map *volumes,
                             struct causes *c)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    struct map names AUTO(map_done) = MAP_INIT;
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        type_check_unique(spec, path, lists[k], "name", &names, c);
        size_t i = 0;
        json_foreach (one, type_member(spec, lists[k])) {
            check_mounts(one, path, lists[k], i++, volumes, c);
        }
    }
}

/* --- the spec ------------------------------------------------------------------------------- */

static void check_names(const cJSON *obj, const char *path, struct causes *c)
{
    type_check_name(obj, path, "hostname", name_check_label, c);
    type_check_name(obj, path, "subdomain", name_check_label, c);
    type_check_name(obj, path, "nodeName", name_check_subdomain, c);
    type_check_name(obj, path, "serviceAccountName", name_check_subdomain, c);
    type_check_name(obj, path, "priorityClassName", name_check_subdomain, c);
    const cJSON *labels = type_member(obj, "nodeSelector");
    char field[CAUSE_FIELD_MAX];
    if (labels)
        meta_validate_labels(labels, type_path(field, path, "nodeSelector"), c);
}

static void check_host_aliases(const cJSON *obj, const char *path, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    size_t i = 0;
    json_foreach (a, json_at(obj, "hostAliases")) {
        const char *ip = json_str(a, "ip");
        if (ip && *ip && !type_is_ip(ip, NULL))
            causes_invalid(c, type_path(field, path, "hostAliases[%zu].ip", i), ip,
                           "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        i++;
    }
}

void pod_spec_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    struct map volumes AUTO(map_done) = MAP_INIT;
    char field[CAUSE_FIELD_MAX];
    (void)old;
    type_check_unique(obj, path, "volumes", "name", &volumes, c);
    check_containers(obj, path, &volumes, c);
    check_names(obj, path, c);
    check_host_aliases(obj, path, c);
    type_check_range(obj, path, "terminationGracePeriodSeconds", 0, INT64_MAX, c);
    type_check_range(obj, path, "activeDeadlineSeconds", 1, INT32_MAX, c);
    const char *dns = json_str(obj, "dnsPolicy");
    if (dns && streq(dns, "None") && !type_given(json_at(obj, "dnsConfig"), "nameservers"))
        causes_required(c, type_path(field, path, "dnsConfig.nameservers"),
                        "must provide at least one DNS nameserver when `dnsPolicy` is None");
}

void pod_template_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    char field[CAUSE_FIELD_MAX];
    (void)old;
    meta_validate_labels(json_at(obj, "metadata", "labels"),
                         type_path(field, path, "metadata.labels"), c);
    meta_validate_annotations(json_at(obj, "metadata", "annotations"),
                              type_path(field, path, "metadata.annotations"), c);
}

/* --- what may change ------------------------------------------------------------------------ */

#define UPDATE_TEXT                                                                                \
    "pod updates may not change fields other than `spec.containers[*].image`, "                    \
    "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` (only "      \
    "additions to existing tolerations), `spec.terminationGracePeriodSeconds` (allow it to be "    \
    "set to 1 if it was previously negative)"

static void copy_member(cJSON *to, const cJSON *from, const char *name)
{
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(from, name);
    json_del(to, name);
    if (j)
        json_put(to, cJSON_Duplicate(j, true), name);
}

static void copy_images(cJSON *to, const cJSON *from, const char *list)
{
    cJSON *t = cJSON_GetObjectItemCaseSensitive(to, list);
    const cJSON *f = cJSON_GetObjectItemCaseSensitive(from, list);
    t = t ? t->child : NULL;
    f = f ? f->child : NULL;
    for (; t && f; t = t->next, f = f->next)
        copy_member(t, f, "image");
}

/* Old tolerations must all remain, new ones may follow. */
static bool tolerations_grew(const cJSON *now, const cJSON *was)
{
    json_foreach (w, was) {
        bool kept = false;
        json_foreach (n, now)
            kept = kept || json_equal(n, w);
        if (!kept)
            return false;
    }
    return true;
}

/* The name of the first member that differs, for the sentence. */
static const char *first_difference(const cJSON *a, const cJSON *b)
{
    json_foreach (j, a) {
        if (!json_equal(j, cJSON_GetObjectItemCaseSensitive(b, j->string)))
            return j->string;
    }
    json_foreach (j, b) {
        if (!cJSON_GetObjectItemCaseSensitive(a, j->string))
            return j->string;
    }
    return "?";
}

static void check_deadline(const cJSON *spec, const cJSON *was, struct causes *c)
{
    const cJSON *a = json_at(was, "activeDeadlineSeconds");
    const cJSON *b = json_at(spec, "activeDeadlineSeconds");
    if (a && (!b || b->valuedouble > a->valuedouble))
        causes_invalid_json(c, "spec.activeDeadlineSeconds", b,
                            "must be less than or equal to previous value");
}

void pod_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c)
{
    const cJSON *spec = json_at(obj, "spec"), *was = json_at(old, "spec");
    (void)path;
    if (!spec)
        causes_required(c, "spec", NULL);
    if (!old || !spec || json_equal(spec, was))
        return;
    check_deadline(spec, was, c);
    /* Bring what may change to the old state; then nothing else may differ. */
    cJSON *same AUTO(json_freep) = was ? cJSON_Duplicate(was, true) : cJSON_CreateObject();
    copy_images(same, spec, "containers");
    copy_images(same, spec, "initContainers");
    copy_member(same, spec, "activeDeadlineSeconds");
    if (json_int(0, was, "terminationGracePeriodSeconds") < 0 &&
        json_int(0, spec, "terminationGracePeriodSeconds") == 1)
        copy_member(same, spec, "terminationGracePeriodSeconds");
    if (tolerations_grew(json_at(spec, "tolerations"), json_at(was, "tolerations")))
        copy_member(same, spec, "tolerations");
    if (!json_equal(same, spec))
        causes_add(c, CAUSE_FORBIDDEN, "spec", "Forbidden: %s; found a change of spec.%s",
                   UPDATE_TEXT, first_difference(same, spec));
}

/* --- quality of service --------------------------------------------------------------------- */

struct qos {
    bool any;      /* some request or limit is set */
    bool all_same; /* cpu and memory have limits equal to requests everywhere */
};

static bool same_amount(const char *a, const char *b)
{
    int64_t x = 0, y = 0;
    return a && b && !quantity_parse(a, &x, NULL) && !quantity_parse(b, &y, NULL) && x == y;
}

static void qos_add(struct qos *q, const cJSON *container)
{
    static const char *const counted[] = {"cpu", "memory"};
    for (size_t i = 0; i < ARRAY_LEN(counted); i++) {
        const char *limit = json_str(container, "resources", "limits", counted[i]);
        const char *request = json_str(container, "resources", "requests", counted[i]);
        int64_t milli = 0;
        q->any = q->any || (limit && !quantity_parse(limit, &milli, NULL) && milli > 0) ||
                 (request && !quantity_parse(request, &milli, NULL) && milli > 0);
        q->all_same = q->all_same && same_amount(limit, request);
    }
}

const char *pod_qos_class(const cJSON *pod)
{
    struct qos q = {.all_same = true};
    json_foreach (one, json_at(pod, "spec", "containers"))
        qos_add(&q, one);
    json_foreach (one, json_at(pod, "spec", "initContainers"))
        qos_add(&q, one);
    if (!q.any)
        return "BestEffort";
    return q.all_same ? "Guaranteed" : "Burstable";
}
