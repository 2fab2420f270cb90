/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of built-in resources and the registry it is the start of.
 *
 * Not here: the fields of the kinds (types*.c), what hooks do (pods.c, services.c, ...).
 */
#include "apiserver/resources.h"

#include <stdio.h>
#include <string.h>

static const char *const VERB_NAMES[] = {
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", ""};

const char *verb_name(enum verb v)
{
    return VERB_NAMES[v];
}

const struct subresource STATUS_SUBS[] = {{.name = "status", .verbs = VERBS_STATUS},
                                          {.name = NULL}};

/* What field selectors may ask besides name and namespace. */
static const struct field_label POD_FIELDS[] = {
    {"spec.nodeName", "spec.nodeName", ""},
    {"spec.restartPolicy", "spec.restartPolicy", ""},
    {"spec.schedulerName", "spec.schedulerName", ""},
    {"spec.serviceAccountName", "spec.serviceAccountName", ""},
    {"spec.hostNetwork", "spec.hostNetwork", "false"},
    {"status.phase", "status.phase", ""},
    {"status.podIP", "status.podIP", ""},
    {"status.nominatedNodeName", "status.nominatedNodeName", ""},
    {NULL, NULL, NULL},
};
static const struct field_label NODE_FIELDS[] = {
    {"spec.unschedulable", "spec.unschedulable", "false"},
    {NULL, NULL, NULL},
};
static const struct field_label NAMESPACE_FIELDS[] = {
    {"status.phase", "status.phase", ""},
    {NULL, NULL, NULL},
};
static const struct field_label SECRET_FIELDS[] = {
    {"type", "type", ""},
    {NULL, NULL, NULL},
};
static const struct field_label EVENT_FIELDS[] = {
    {"involvedObject.kind", "involvedObject.kind", ""},
    {"involvedObject.namespace", "involvedObject.namespace", ""},
    {"involvedObject.name", "involvedObject.name", ""},
    {"involvedObject.uid", "involvedObject.uid", ""},
    {"involvedObject.apiVersion", "involvedObject.apiVersion", ""},
    {"involvedObject.resourceVersion", "involvedObject.resourceVersion", ""},
    {"involvedObject.fieldPath", "involvedObject.fieldPath", ""},
    {"reason", "reason", ""},
    {"reportingComponent", "reportingComponent", ""},
    {"source", "source.component", ""},
    {"type", "type", ""},
    {NULL, NULL, NULL},
};
/* The same stored object seen through events.k8s.io: its own names, the stored paths. */
static const struct field_label EVENT_V1_FIELDS[] = {
    {"regarding.kind", "involvedObject.kind", ""},
    {"regarding.namespace", "involvedObject.namespace", ""},
    {"regarding.name", "involvedObject.name", ""},
    {"regarding.uid", "involvedObject.uid", ""},
    {"reason", "reason", ""},
    {"reportingController", "reportingComponent", ""},
    {"type", "type", ""},
    {NULL, NULL, NULL},
};
static const struct field_label JOB_FIELDS[] = {
    {"status.successful", "status.succeeded", "0"},
    {NULL, NULL, NULL},
};

#define NS_VERBS  (VERBS_ALL & ~VERB_BIT(VERB_DELETECOLLECTION))
#define RBAC      "rbac.authorization.k8s.io"
#define ADMISSION "admissionregistration.k8s.io"
#define REVIEWS   "authorization.k8s.io"

const struct resource RESOURCES_BUILTIN[] = {
    {.version = "v1",
     .group = "",
     .kind = "ConfigMap",
     .plural = "configmaps",
     .singular = "configmap",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL,
     .short_names = "cm"},
    {.version = "v1",
     .group = "",
     .kind = "Endpoints",
     .plural = "endpoints",
     .singular = "endpoints",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE,
     .short_names = "ep"},
    {.version = "v1",
     .group = "",
     .kind = "Event",
     .plural = "events",
     .singular = "event",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE,
     .short_names = "ev",
     .fields = EVENT_FIELDS},
    {.version = "v1",
     .group = "",
     .kind = "Namespace",
     .plural = "namespaces",
     .singular = "namespace",
     .verbs = NS_VERBS,
     .flags = RES_UNCONDITIONAL | RES_DELETE_OBJECT | RES_STATUS | RES_PLAIN_DELETION,
     .name_rule = NAME_LABEL,
     .short_names = "ns",
     .fields = NAMESPACE_FIELDS,
     .subs = NAMESPACE_SUBS,
     .hooks = &NAMESPACE_HOOKS},
    {.version = "v1",
     .group = "",
     .kind = "Node",
     .plural = "nodes",
     .singular = "node",
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_STATUS | RES_STATUS_METADATA,
     .short_names = "no",
     .fields = NODE_FIELDS,
     .subs = STATUS_SUBS,
     .hooks = &NODE_HOOKS},
    {.version = "v1",
     .group = "",
     .kind = "PersistentVolumeClaim",
     .plural = "persistentvolumeclaims",
     .singular = "persistentvolumeclaim",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_DELETE_OBJECT | RES_STATUS | RES_STATUS_METADATA,
     .short_names = "pvc",
     .subs = STATUS_SUBS,
     .hooks = &PVC_HOOKS},
    {.version = "v1",
     .group = "",
     .kind = "PersistentVolume",
     .plural = "persistentvolumes",
     .singular = "persistentvolume",
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_DELETE_OBJECT | RES_STATUS | RES_STATUS_METADATA,
     .short_names = "pv",
     .subs = STATUS_SUBS,
     .hooks = &PV_HOOKS},
    {.version = "v1",
     .group = "",
     .kind = "Pod",
     .plural = "pods",
     .singular = "pod",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_DELETE_OBJECT | RES_STATUS | RES_STATUS_METADATA,
     .short_names = "po",
     .categories = "all",
     .fields = POD_FIELDS,
     .subs = POD_SUBS,
     .hooks = &POD_HOOKS},
    {.version = "v1",
     .group = "",
     .kind = "Secret",
     .plural = "secrets",
     .singular = "secret",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL,
     .fields = SECRET_FIELDS},
    {.version = "v1",
     .group = "",
     .kind = "ServiceAccount",
     .plural = "serviceaccounts",
     .singular = "serviceaccount",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_DELETE_OBJECT,
     .short_names = "sa"},
    {.version = "v1",
     .group = "",
     .kind = "Service",
     .plural = "services",
     .singular = "service",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE | RES_DELETE_OBJECT | RES_STATUS |
              RES_STATUS_METADATA,
     .name_rule = NAME_LABEL_1035,
     .short_names = "svc",
     .categories = "all",
     .subs = STATUS_SUBS,
     .hooks = &SERVICE_HOOKS},

    {.version = "v1",
     .group = ADMISSION,
     .kind = "MutatingWebhookConfiguration",
     .plural = "mutatingwebhookconfigurations",
     .singular = "mutatingwebhookconfiguration",
     .verbs = VERBS_ALL,
     .flags = RES_GENERATION,
     .categories = "api-extensions"},
    {.version = "v1",
     .group = ADMISSION,
     .kind = "ValidatingWebhookConfiguration",
     .plural = "validatingwebhookconfigurations",
     .singular = "validatingwebhookconfiguration",
     .verbs = VERBS_ALL,
     .flags = RES_GENERATION,
     .categories = "api-extensions"},

    {.version = "v1",
     .group = "apiextensions.k8s.io",
     .kind = "CustomResourceDefinition",
     .plural = "customresourcedefinitions",
     .singular = "customresourcedefinition",
     .verbs = VERBS_ALL,
     .flags = RES_GENERATION | RES_STATUS | RES_PLAIN_DELETION | RES_DELETE_OBJECT,
     .short_names = "crd,crds",
     .categories = "api-extensions",
     .subs = STATUS_SUBS,
     .hooks = &CRD_HOOKS},

    {.version = "v1",
     .group = "apps",
     .kind = "ControllerRevision",
     .plural = "controllerrevisions",
     .singular = "controllerrevision",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL},

    {.version = "v1",
     .group = "authentication.k8s.io",
     .kind = "SelfSubjectReview",
     .plural = "selfsubjectreviews",
     .singular = "selfsubjectreview",
     .verbs = VERBS_CREATE,
     .hooks = &SELF_SUBJECT_HOOKS},
    {.version = "v1",
     .group = "authentication.k8s.io",
     .kind = "TokenReview",
     .plural = "tokenreviews",
     .singular = "tokenreview",
     .verbs = VERBS_CREATE,
     .hooks = &TOKEN_REVIEW_HOOKS},

    {.version = "v1",
     .group = REVIEWS,
     .kind = "LocalSubjectAccessReview",
     .plural = "localsubjectaccessreviews",
     .singular = "localsubjectaccessreview",
     .namespaced = true,
     .verbs = VERBS_CREATE,
     .hooks = &LOCAL_SAR_HOOKS},
    {.version = "v1",
     .group = REVIEWS,
     .kind = "SelfSubjectAccessReview",
     .plural = "selfsubjectaccessreviews",
     .singular = "selfsubjectaccessreview",
     .verbs = VERBS_CREATE,
     .hooks = &SELF_SAR_HOOKS},
    {.version = "v1",
     .group = REVIEWS,
     .kind = "SelfSubjectRulesReview",
     .plural = "selfsubjectrulesreviews",
     .singular = "selfsubjectrulesreview",
     .verbs = VERBS_CREATE,
     .hooks = &SELF_RULES_HOOKS},
    {.version = "v1",
     .group = REVIEWS,
     .kind = "SubjectAccessReview",
     .plural = "subjectaccessreviews",
     .singular = "subjectaccessreview",
     .verbs = VERBS_CREATE,
     .hooks = &SAR_HOOKS},

    {.version = "v1",
     .group = "batch",
     .kind = "CronJob",
     .plural = "cronjobs",
     .singular = "cronjob",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_GENERATION | RES_STATUS | RES_STATUS_METADATA,
     .short_names = "cj",
     .categories = "all",
     .subs = STATUS_SUBS},
    {.version = "v1",
     .group = "batch",
     .kind = "Job",
     .plural = "jobs",
     .singular = "job",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_GENERATION | RES_STATUS | RES_STATUS_METADATA,
     .categories = "all",
     .fields = JOB_FIELDS,
     .subs = STATUS_SUBS,
     .hooks = &JOB_HOOKS},

    {.version = "v1",
     .group = "coordination.k8s.io",
     .kind = "Lease",
     .plural = "leases",
     .singular = "lease",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_CREATE_ON_UPDATE},

    {.version = "v1",
     .group = "discovery.k8s.io",
     .kind = "EndpointSlice",
     .plural = "endpointslices",
     .singular = "endpointslice",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_GENERATION},

    {.version = "v1",
     .group = "events.k8s.io",
     .kind = "Event",
     .plural = "events",
     .singular = "event",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE,
     .short_names = "ev",
     .shelf_name = "events",
     .fields = EVENT_V1_FIELDS,
     .hooks = &EVENT_V1_HOOKS},

    {.version = "v1",
     .group = "policy",
     .kind = "PodDisruptionBudget",
     .plural = "poddisruptionbudgets",
     .singular = "poddisruptionbudget",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_GENERATION | RES_STATUS | RES_STATUS_METADATA,
     .short_names = "pdb",
     .subs = STATUS_SUBS},

    {.version = "v1",
     .group = RBAC,
     .kind = "ClusterRoleBinding",
     .plural = "clusterrolebindings",
     .singular = "clusterrolebinding",
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE,
     .name_rule = NAME_PATH_SEGMENT},
    {.version = "v1",
     .group = RBAC,
     .kind = "ClusterRole",
     .plural = "clusterroles",
     .singular = "clusterrole",
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE,
     .name_rule = NAME_PATH_SEGMENT},
    {.version = "v1",
     .group = RBAC,
     .kind = "RoleBinding",
     .plural = "rolebindings",
     .singular = "rolebinding",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE,
     .name_rule = NAME_PATH_SEGMENT},
    {.version = "v1",
     .group = RBAC,
     .kind = "Role",
     .plural = "roles",
     .singular = "role",
     .namespaced = true,
     .verbs = VERBS_ALL,
     .flags = RES_UNCONDITIONAL | RES_CREATE_ON_UPDATE,
     .name_rule = NAME_PATH_SEGMENT},

    {.kind = NULL},
};

static void path_key(char out[512], const char *group, const char *version, const char *plural)
{
    snprintf(out, 512, "%s/%s/%s", group, version, plural);
}

static void resource_names(struct resource *res)
{
    bool core = !*res->group;
    res->api_version =
        core ? mem_strdup(res->version) : mem_printf("%s/%s", res->group, res->version);
    res->qualified = core ? mem_strdup(res->plural) : mem_printf("%s.%s", res->plural, res->group);
    if (!res->list_kind)
        res->list_kind = mem_printf("%sList", res->kind);
    res->prefix =
        mem_printf("{\"kind\":\"%s\",\"apiVersion\":\"%s\",", res->kind, res->api_version);
    res->prefix_len = strlen(res->prefix);
}

/* The shelf belongs to the stored form; other versions of the kind only borrow it. */
static void resource_shelf(struct resources *r, struct resource *res, bool stored)
{
    const char *name = res->shelf_name ? res->shelf_name
                       : res->custom   ? res->qualified
                                       : res->plural;
    if (!(res->verbs & VERBS_GET))
        return;
    res->shelf = stored ? store_shelf(r->store, name, res->kind, res->api_version, res->fields)
                        : store_find(r->store, name);
    ATOLL_ASSERT(res->shelf);
}

struct resource *resources_add(struct resources *r, const struct resource *row, bool stored)
{
    struct resource *res = mem_new(struct resource);
    *res = *row;
    res->refs = 1;
    if (res->list_kind)
        res->list_kind = mem_strdup(res->list_kind);
    resource_names(res);
    resource_shelf(r, res, stored);
    if (!res->custom) {
        res->type = type_of(res->group, res->version, res->kind);
        res->columns = columns_builtin(res->group, res->kind);
    } else {
        res->columns = res->custom->columns;
    }
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->items = mem_realloc(r->items, r->cap * sizeof(struct resource *));
    }
    r->items[r->n++] = res;
    char key[512];
    path_key(key, res->group, res->version, res->plural);
    map_set(&r->by_path, key, res);
    r->generation++;
    return res;
}

struct resource *resource_ref(struct resource *res)
{
    res->refs++;
    return res;
}

void resource_unref(struct resource *res)
{
    if (!res || --res->refs)
        return;
    mem_free(res->api_version);
    mem_free(res->qualified);
    mem_free(res->list_kind);
    mem_free(res->prefix);
    custom_free(res->custom);
    mem_free(res);
}

void resources_remove(struct resources *r, struct resource *res)
{
    char key[512];
    path_key(key, res->group, res->version, res->plural);
    if (map_get(&r->by_path, key) == res)
        map_del(&r->by_path, key);
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i] == res) {
            memmove(&r->items[i], &r->items[i + 1], (r->n - i - 1) * sizeof(struct resource *));
            r->n--;
            break;
        }
    }
    res->dead = true;
    r->generation++;
    resource_unref(res);
}

struct resource *resources_find(const struct resources *r, const char *group, const char *version,
                                const char *plural)
{
    char key[512];
    path_key(key, group, version, plural);
    return map_get(&r->by_path, key);
}

struct resource *resources_by_kind(const struct resources *r, const char *group, const char *kind)
{
    for (size_t i = 0; i < r->n; i++) {
        struct resource *res = r->items[i];
        if (streq(res->kind, kind) && streq(res->group, group))
            return res;
    }
    return NULL;
}

struct resource *resources_of_shelf(const struct resources *r, const struct shelf *sh)
{
    for (size_t i = 0; i < r->n; i++) {
        struct resource *res = r->items[i];
        if (res->shelf == sh && streq(res->api_version, sh->api_version))
            return res;
    }
    return NULL;
}

bool resources_has_group(const struct resources *r, const char *group, const char *version)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct resource *res = r->items[i];
        if (streq(res->group, group) && (!version || streq(res->version, version)))
            return true;
    }
    return false;
}

void resources_init(struct resources *r, struct store *s)
{
    *r = (struct resources){.store = s};
    for (const struct resource *row = RESOURCES_BUILTIN; row->kind; row++)
        resources_add(r, row, !row->shelf_name);
}

void resources_done(struct resources *r)
{
    for (size_t i = 0; i < r->n; i++)
        resource_unref(r->items[i]);
    mem_free(r->items);
    map_done(&r->by_path);
}
