/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of the built-in kinds, in the order and with the words kubectl users know. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/columns_cells.h"

#define CELL_TEXT_MAX (16 * 1024)
#define SHOWN_MAX     3 /* endpoints in one cell */

/* A cell that is the text at a path. */
#define TEXT_CELL(fn, missing, ...)                                                                \
    static cJSON *fn(const cJSON *obj, int64_t now_us)                                             \
    {                                                                                              \
        (void)now_us;                                                                              \
        return cell_text(json_str(obj, __VA_ARGS__), missing);                                     \
    }
#define COUNT_CELL(fn, ...)                                                                        \
    static cJSON *fn(const cJSON *obj, int64_t now_us)                                             \
    {                                                                                              \
        (void)now_us;                                                                              \
        return cJSON_CreateNumber(cJSON_GetArraySize(json_at(obj, __VA_ARGS__)));                  \
    }

static void add(struct buf *b, const char *separator, const char *s)
{
    buf_adds(b, b->len ? separator : "");
    buf_adds(b, s ? s : "");
}

/* --- Namespace, Node ------------------------------------------------------------------------ */

TEXT_CELL(namespace_status, "", "status", "phase")

static const struct column namespace_columns[] = {
    COLUMN_NAME,
    COLUMN("Status", "string", "", 0, "Active, or Terminating once deleted.", namespace_status),
    COLUMN_AGE, COLUMNS_END};

static cJSON *node_status(const cJSON *obj, int64_t now_us)
{
    const cJSON *ready = json_find(json_at(obj, "status", "conditions"), "type", "Ready");
    const char *status = json_str(ready, "status");
    struct buf out AUTO(buf_done) = BUF_INIT(128);
    (void)now_us;
    buf_adds(&out, !status ? "Unknown" : streq(status, "True") ? "Ready" : "NotReady");
    if (json_bool(false, obj, "spec", "unschedulable"))
        buf_adds(&out, ",SchedulingDisabled");
    return cell_buf(&out, "");
}

static cJSON *node_roles(const cJSON *obj, int64_t now_us)
{
    static const char prefix[] = "node-role.kubernetes.io/";
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    (void)now_us;
    json_foreach (l, json_at(obj, "metadata", "labels")) {
        if (str_starts(l->string, prefix) && l->string[sizeof(prefix) - 1])
            add(&out, ",", l->string + sizeof(prefix) - 1);
        else if (streq(l->string, "kubernetes.io/role") && cJSON_IsString(l) && *l->valuestring)
            add(&out, ",", l->valuestring);
    }
    return cell_buf(&out, "<none>");
}

static cJSON *node_address(const cJSON *obj, const char *type)
{
    const cJSON *a = json_find(json_at(obj, "status", "addresses"), "type", type);
    return cell_text(json_str(a, "address"), "<none>");
}

static cJSON *node_internal(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return node_address(obj, "InternalIP");
}

static cJSON *node_external(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return node_address(obj, "ExternalIP");
}

TEXT_CELL(node_version, "", "status", "nodeInfo", "kubeletVersion")
TEXT_CELL(node_os, "<unknown>", "status", "nodeInfo", "osImage")
TEXT_CELL(node_kernel, "<unknown>", "status", "nodeInfo", "kernelVersion")
TEXT_CELL(node_runtime, "<unknown>", "status", "nodeInfo", "containerRuntimeVersion")

static const struct column node_columns[] = {
    COLUMN_NAME,
    COLUMN("Status", "string", "", 0, "Whether the node is ready and takes new Pods.", node_status),
    COLUMN("Roles", "string", "", 0, "Roles given to the node by labels.", node_roles),
    COLUMN_AGE,
    COLUMN("Version", "string", "", 0, "Version the node reports.", node_version),
    COLUMN("Internal-IP", "string", "", 1, "Address inside the cluster.", node_internal),
    COLUMN("External-IP", "string", "", 1, "Address outside the cluster.", node_external),
    COLUMN("OS-Image", "string", "", 1, "Operating system.", node_os),
    COLUMN("Kernel-Version", "string", "", 1, "Kernel.", node_kernel),
    COLUMN("Container-Runtime", "string", "", 1, "What runs the containers.", node_runtime),
    COLUMNS_END};

/* --- Service, Endpoints, EndpointSlice ------------------------------------------------------ */

TEXT_CELL(service_type, "", "spec", "type")
TEXT_CELL(service_ip, "<none>", "spec", "clusterIP")

static void add_external_ips(struct buf *out, const cJSON *obj)
{
    json_foreach (ip, json_at(obj, "spec", "externalIPs")) {
        add(out, ",", json_string_of(ip));
    }
}

static cJSON *service_external(const cJSON *obj, int64_t now_us)
{
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    const char *type = json_str(obj, "spec", "type");
    (void)now_us;
    if (streq(type, "ExternalName"))
        return cell_text(json_str(obj, "spec", "externalName"), "<none>");
    if (!streq(type, "LoadBalancer")) {
        add_external_ips(&out, obj);
        return cell_buf(&out, "<none>");
    }
    json_foreach (i, json_at(obj, "status", "loadBalancer", "ingress")) {
        const char *ip = json_str(i, "ip"), *name = json_str(i, "hostname");
        add(&out, ",", ip && *ip ? ip : name);
    }
    add_external_ips(&out, obj);
    return cell_buf(&out, "<pending>");
}

static cJSON *service_ports(const cJSON *obj, int64_t now_us)
{
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    (void)now_us;
    json_foreach (p, json_at(obj, "spec", "ports")) {
        const char *protocol = json_str(p, "protocol");
        int64_t node = json_int(0, p, "nodePort");
        buf_addf(&out, "%s%lld", out.len ? "," : "", (long long)json_int(0, p, "port"));
        if (node)
            buf_addf(&out, ":%lld", (long long)node);
        buf_addf(&out, "/%s", protocol ? protocol : "TCP");
    }
    return cell_buf(&out, "<none>");
}

static cJSON *service_selector(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_labels(json_at(obj, "spec", "selector"), "<none>");
}

static const struct column service_columns[] = {
    COLUMN_NAME,
    COLUMN("Type", "string", "", 0, "How the service is reached.", service_type),
    COLUMN("Cluster-IP", "string", "", 0, "Address of the service.", service_ip),
    COLUMN("External-IP", "string", "", 0, "Address outside the cluster.", service_external),
    COLUMN("Port(s)", "string", "", 0, "Ports of the service.", service_ports),
    COLUMN_AGE,
    COLUMN("Selector", "string", "", 1, "Labels of the Pods behind it.", service_selector),
    COLUMNS_END};

/* A list of which only the first few are shown. */
struct shown {
    struct buf text;
    size_t n;
};

static void show(struct shown *s, const char *address, const cJSON *port)
{
    if (s->n++ >= SHOWN_MAX || !address)
        return;
    add(&s->text, ",", address);
    if (port && cJSON_IsNumber(port))
        buf_addf(&s->text, ":%lld", (long long)port->valuedouble);
}

static cJSON *shown_cell(struct shown *s, const char *missing)
{
    if (s->n > SHOWN_MAX)
        buf_addf(&s->text, " + %zu more...", s->n - SHOWN_MAX);
    cJSON *cell = cell_buf(&s->text, missing);
    buf_done(&s->text);
    return cell;
}

static cJSON *endpoints_cell(const cJSON *obj, int64_t now_us)
{
    struct shown s = {.text = BUF_INIT(CELL_TEXT_MAX)};
    (void)now_us;
    json_foreach (set, json_at(obj, "subsets")) {
        const cJSON *ports = json_at(set, "ports");
        if (!ports || !ports->child) {
            json_foreach (a, json_at(set, "addresses")) {
                show(&s, json_str(a, "ip"), NULL);
            }
        }
        json_foreach (p, ports) {
            json_foreach (a, json_at(set, "addresses")) {
                show(&s, json_str(a, "ip"), json_at(p, "port"));
            }
        }
    }
    return shown_cell(&s, "<none>");
}

static const struct column endpoints_columns[] = {
    COLUMN_NAME, COLUMN("Endpoints", "string", "", 0, "Addresses and ports.", endpoints_cell),
    COLUMN_AGE, COLUMNS_END};

TEXT_CELL(slice_type, "", "addressType")

static cJSON *slice_ports(const cJSON *obj, int64_t now_us)
{
    struct shown s = {.text = BUF_INIT(CELL_TEXT_MAX)};
    char text[24];
    (void)now_us;
    json_foreach (p, json_at(obj, "ports")) {
        const cJSON *port = json_at(p, "port");
        snprintf(text, sizeof(text), "%lld", (long long)json_int_of(port, 0));
        show(&s, cJSON_IsNumber(port) ? text : "*", NULL);
    }
    return shown_cell(&s, "<unset>");
}

static cJSON *slice_endpoints(const cJSON *obj, int64_t now_us)
{
    struct shown s = {.text = BUF_INIT(CELL_TEXT_MAX)};
    (void)now_us;
    json_foreach (e, json_at(obj, "endpoints")) {
        json_foreach (a, json_at(e, "addresses")) {
            show(&s, json_string_of(a), NULL);
        }
    }
    return shown_cell(&s, "<unset>");
}

static const struct column slice_columns[] = {
    COLUMN_NAME,
    COLUMN("AddressType", "string", "", 0, "Kind of the addresses.", slice_type),
    COLUMN("Ports", "string", "", 0, "Ports of each endpoint.", slice_ports),
    COLUMN("Endpoints", "string", "", 0, "Addresses.", slice_endpoints),
    COLUMN_AGE,
    COLUMNS_END};

/* --- ConfigMap, Secret, ServiceAccount ------------------------------------------------------ */

static cJSON *config_data(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cJSON_CreateNumber(cJSON_GetArraySize(json_at(obj, "data")) +
                              cJSON_GetArraySize(json_at(obj, "binaryData")));
}

TEXT_CELL(secret_type, "", "type")
COUNT_CELL(secret_data, "data")
COUNT_CELL(account_secrets, "secrets")

static const struct column config_columns[] = {
    COLUMN_NAME, COLUMN("Data", "string", "", 0, "Number of keys.", config_data), COLUMN_AGE,
    COLUMNS_END};
static const struct column secret_columns[] = {
    COLUMN_NAME, COLUMN("Type", "string", "", 0, "Type of the secret.", secret_type),
    COLUMN("Data", "string", "", 0, "Number of keys.", secret_data), COLUMN_AGE, COLUMNS_END};
static const struct column account_columns[] = {
    COLUMN_NAME, COLUMN("Secrets", "string", "", 0, "Number of secrets.", account_secrets),
    COLUMN_AGE, COLUMNS_END};

/* --- Event: both shapes --------------------------------------------------------------------- */

static const char *either(const cJSON *obj, const char *a, const char *b)
{
    const char *s = json_str(obj, a);
    return s && *s ? s : json_str(obj, b);
}

static const char *event_first_time(const cJSON *obj)
{
    const char *s = either(obj, "firstTimestamp", "deprecatedFirstTimestamp");
    return s && *s ? s : json_str(obj, "eventTime");
}

static cJSON *event_first(const cJSON *obj, int64_t now_us)
{
    char out[32];
    return cJSON_CreateString(age_text(event_first_time(obj), now_us, "<unknown>", out));
}

static cJSON *event_last(const cJSON *obj, int64_t now_us)
{
    const char *last = json_str(obj, "series", "lastObservedTime");
    char out[32];
    if (!last || !*last)
        last = either(obj, "lastTimestamp", "deprecatedLastTimestamp");
    if (!last || !*last)
        last = event_first_time(obj);
    return cJSON_CreateString(age_text(last, now_us, "<unknown>", out));
}

static cJSON *event_object(const cJSON *obj, int64_t now_us)
{
    const cJSON *ref = json_at(obj, "involvedObject");
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    (void)now_us;
    ref = ref ? ref : json_at(obj, "regarding");
    const char *kind = json_str(ref, "kind"), *name = json_str(ref, "name");
    for (const char *p = kind ? kind : ""; *p; p++)
        buf_addc(&out, (char)tolower((unsigned char)*p));
    if (name && *name)
        buf_addf(&out, "/%s", name);
    return cell_buf(&out, "");
}

static cJSON *event_subobject(const cJSON *obj, int64_t now_us)
{
    const char *path = json_str(obj, "involvedObject", "fieldPath");
    (void)now_us;
    return cell_text(path ? path : json_str(obj, "regarding", "fieldPath"), "");
}

static cJSON *event_source(const cJSON *obj, int64_t now_us)
{
    const cJSON *source = json_at(obj, "source");
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    (void)now_us;
    source = source && source->child ? source : json_at(obj, "deprecatedSource");
    const char *component = json_str(source, "component"), *host = json_str(source, "host");
    if (!component || !*component)
        component = either(obj, "reportingComponent", "reportingController");
    if (!host || !*host)
        host = json_str(obj, "reportingInstance");
    buf_adds(&out, component);
    if (host && *host)
        buf_addf(&out, ", %s", host);
    return cell_buf(&out, "");
}

static cJSON *event_message(const cJSON *obj, int64_t now_us)
{
    const char *message = either(obj, "message", "note");
    struct str s = str_trim(str_of(message));
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    (void)now_us;
    buf_add(&out, s.ptr, s.len);
    return cell_buf(&out, "");
}

static cJSON *event_count(const cJSON *obj, int64_t now_us)
{
    int64_t n = json_int(0, obj, "series", "count");
    (void)now_us;
    n = n ? n : json_int(0, obj, "count");
    n = n ? n : json_int(0, obj, "deprecatedCount");
    return cJSON_CreateNumber((double)(n ? n : 1));
}

TEXT_CELL(event_type, "", "type")
TEXT_CELL(event_reason, "", "reason")

static const struct column event_columns[] = {
    COLUMN("Last Seen", "string", "", 0, "Time since it last happened.", event_last),
    COLUMN("Type", "string", "", 0, "Normal or Warning.", event_type),
    COLUMN("Reason", "string", "", 0, "Why, in one word.", event_reason),
    COLUMN("Object", "string", "", 0, "What it is about.", event_object),
    COLUMN("Subobject", "string", "", 1, "Part of the object.", event_subobject),
    COLUMN("Source", "string", "", 1, "Who reported it.", event_source),
    COLUMN("Message", "string", "", 0, "What happened.", event_message),
    COLUMN("First Seen", "string", "", 1, "Time since it first happened.", event_first),
    COLUMN("Count", "string", "", 1, "How often it happened.", event_count),
    COLUMN("Name", "string", "name", 1, "Name of the event.", cell_name),
    COLUMNS_END};

/* --- storage -------------------------------------------------------------------------------- */

static cJSON *phase_or_terminating(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    if (json_str(obj, "metadata", "deletionTimestamp"))
        return cJSON_CreateString("Terminating");
    return cell_text(json_str(obj, "status", "phase"), "");
}

static cJSON *access_modes(const cJSON *modes)
{
    static const struct {
        const char *name, *text;
    } known[] = {{"ReadWriteOnce", "RWO"},
                 {"ReadOnlyMany", "ROX"},
                 {"ReadWriteMany", "RWX"},
                 {"ReadWriteOncePod", "RWOP"}};
    struct buf out AUTO(buf_done) = BUF_INIT(256);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (json_array_has(modes, known[i].name))
            add(&out, ",", known[i].text);
    return cell_buf(&out, "");
}

static const char *storage_class(const cJSON *obj)
{
    const char *old =
        json_str(obj, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class");
    return old ? old : json_str(obj, "spec", "storageClassName");
}

static cJSON *class_cell(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(storage_class(obj), "");
}

static bool is_bound(const cJSON *claim)
{
    const char *volume = json_str(claim, "spec", "volumeName");
    return volume && *volume;
}

static cJSON *claim_capacity(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(is_bound(obj) ? json_str(obj, "status", "capacity", "storage") : "", "");
}

static cJSON *claim_modes(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return access_modes(is_bound(obj) ? json_at(obj, "status", "accessModes") : NULL);
}

TEXT_CELL(claim_volume, "", "spec", "volumeName")
TEXT_CELL(attributes_class, "<unset>", "spec", "volumeAttributesClassName")
TEXT_CELL(volume_mode, "<unset>", "spec", "volumeMode")
TEXT_CELL(volume_capacity, "", "spec", "capacity", "storage")
TEXT_CELL(volume_policy, "", "spec", "persistentVolumeReclaimPolicy")
TEXT_CELL(volume_reason, "", "status", "reason")

static cJSON *volume_modes(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return access_modes(json_at(obj, "spec", "accessModes"));
}

static cJSON *volume_claim(const cJSON *obj, int64_t now_us)
{
    const cJSON *ref = json_at(obj, "spec", "claimRef");
    struct buf out AUTO(buf_done) = BUF_INIT(1024);
    (void)now_us;
    if (ref)
        buf_addf(&out, "%s/%s", json_str(ref, "namespace") ? json_str(ref, "namespace") : "",
                 json_str(ref, "name") ? json_str(ref, "name") : "");
    return cell_buf(&out, "");
}

#define COLUMN_VOLUME_MODE                                                                         \
    COLUMN("VolumeMode", "string", "", 1, "Filesystem or Block.", volume_mode)
#define COLUMN_CLASS COLUMN("StorageClass", "string", "", 0, "Class of the storage.", class_cell)
#define COLUMN_ATTRIBUTES                                                                          \
    COLUMN("VolumeAttributesClass", "string", "", 0, "Class of the volume's attributes.",          \
           attributes_class)

static const struct column claim_columns[] = {
    COLUMN_NAME,
    COLUMN("Status", "string", "", 0, "Pending, Bound or Lost.", phase_or_terminating),
    COLUMN("Volume", "string", "", 0, "Volume the claim is bound to.", claim_volume),
    COLUMN("Capacity", "string", "", 0, "Size of the volume.", claim_capacity),
    COLUMN("Access Modes", "string", "", 0, "How it can be mounted.", claim_modes),
    COLUMN_CLASS,
    COLUMN_ATTRIBUTES,
    COLUMN_AGE,
    COLUMN_VOLUME_MODE,
    COLUMNS_END};
static const struct column volume_columns[] = {
    COLUMN_NAME,
    COLUMN("Capacity", "string", "", 0, "Size of the volume.", volume_capacity),
    COLUMN("Access Modes", "string", "", 0, "How it can be mounted.", volume_modes),
    COLUMN("Reclaim Policy", "string", "", 0, "What happens when it is released.", volume_policy),
    COLUMN("Status", "string", "", 0, "Available, Bound, Released or Failed.",
           phase_or_terminating),
    COLUMN("Claim", "string", "", 0, "Claim the volume is bound to.", volume_claim),
    COLUMN_CLASS,
    COLUMN_ATTRIBUTES,
    COLUMN("Reason", "string", "", 0, "Why it failed.", volume_reason),
    COLUMN_AGE,
    COLUMN_VOLUME_MODE,
    COLUMNS_END};

/* --- Lease, budgets, webhooks, roles -------------------------------------------------------- */

TEXT_CELL(lease_holder, "", "spec", "holderIdentity")

static const struct column lease_columns[] = {
    COLUMN_NAME, COLUMN("Holder", "string", "", 0, "Who holds the lease.", lease_holder),
    COLUMN_AGE, COLUMNS_END};

static cJSON *budget_share(const cJSON *j)
{
    char out[32];
    if (!cJSON_IsNumber(j))
        return cell_text(json_string_of(j), "N/A");
    snprintf(out, sizeof(out), "%lld", (long long)j->valuedouble);
    return cJSON_CreateString(out);
}

static cJSON *budget_min(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return budget_share(json_at(obj, "spec", "minAvailable"));
}

static cJSON *budget_max(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return budget_share(json_at(obj, "spec", "maxUnavailable"));
}

static cJSON *budget_allowed(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cJSON_CreateNumber((double)json_int(0, obj, "status", "disruptionsAllowed"));
}

static const struct column budget_columns[] = {
    COLUMN_NAME,
    COLUMN("Min Available", "string", "", 0, "Pods that must stay available.", budget_min),
    COLUMN("Max Unavailable", "string", "", 0, "Pods that may be unavailable.", budget_max),
    COLUMN("Allowed Disruptions", "integer", "", 0, "Evictions allowed now.", budget_allowed),
    COLUMN_AGE,
    COLUMNS_END};

COUNT_CELL(webhook_count, "webhooks")

static const struct column webhook_columns[] = {
    COLUMN_NAME, COLUMN("Webhooks", "integer", "", 0, "Number of webhooks.", webhook_count),
    COLUMN_AGE, COLUMNS_END};

static const struct column created_columns[] = {
    COLUMN_NAME, COLUMN("Created At", "date", "", 0, "When it was created.", cell_created),
    COLUMNS_END};

static cJSON *binding_role(const cJSON *obj, int64_t now_us)
{
    struct buf out AUTO(buf_done) = BUF_INIT(1024);
    (void)now_us;
    const char *kind = json_str(obj, "roleRef", "kind"), *name = json_str(obj, "roleRef", "name");
    buf_addf(&out, "%s/%s", kind ? kind : "", name ? name : "");
    return cell_buf(&out, "");
}

static cJSON *binding_subjects(const cJSON *obj, const char *kind)
{
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    bool accounts = streq(kind, "ServiceAccount");
    json_foreach (s, json_at(obj, "subjects")) {
        if (!streq(json_str(s, "kind"), kind))
            continue;
        const char *ns = json_str(s, "namespace");
        add(&out, ", ", accounts ? (ns ? ns : "") : json_str(s, "name"));
        if (accounts)
            buf_addf(&out, "/%s", json_str(s, "name") ? json_str(s, "name") : "");
    }
    return cell_buf(&out, "");
}

static cJSON *binding_users(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return binding_subjects(obj, "User");
}

static cJSON *binding_groups(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return binding_subjects(obj, "Group");
}

static cJSON *binding_accounts(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return binding_subjects(obj, "ServiceAccount");
}

static const struct column binding_columns[] = {
    COLUMN_NAME,
    COLUMN("Role", "string", "", 0, "The role that is given.", binding_role),
    COLUMN_AGE,
    COLUMN("Users", "string", "", 1, "Users that get it.", binding_users),
    COLUMN("Groups", "string", "", 1, "Groups that get it.", binding_groups),
    COLUMN("ServiceAccounts", "string", "", 1, "Service accounts that get it.", binding_accounts),
    COLUMNS_END};

/* "statefulset.apps/x": the owner that manages the snapshot. */
static cJSON *revision_controller(const cJSON *obj, int64_t now_us)
{
    struct buf out AUTO(buf_done) = BUF_INIT(1024);
    (void)now_us;
    json_foreach (o, json_at(obj, "metadata", "ownerReferences")) {
        const char *kind = json_str(o, "kind"), *version = json_str(o, "apiVersion");
        const char *name = json_str(o, "name"), *slash = version ? strchr(version, '/') : NULL;
        if (!json_bool(false, o, "controller") || !kind || !name || out.len)
            continue;
        for (const char *p = kind; *p; p++)
            buf_addc(&out, (char)tolower((unsigned char)*p));
        if (slash)
            buf_addf(&out, ".%.*s", (int)(slash - version), version);
        buf_addf(&out, "/%s", name);
    }
    return cell_buf(&out, "<none>");
}

static cJSON *revision_number(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cJSON_CreateNumber((double)json_int(0, obj, "revision"));
}

static const struct column revision_columns[] = {
    COLUMN_NAME,
    COLUMN("Controller", "string", "", 0, "Who keeps the snapshot.", revision_controller),
    COLUMN("Revision", "string", "", 0, "Number of the snapshot.", revision_number), COLUMN_AGE,
    COLUMNS_END};

/* --- the table ------------------------------------------------------------------------------ */

#define RBAC "rbac.authorization.k8s.io"

static const struct {
    const char *group, *kind;
    struct columns columns;
} kinds[] = {
    {"", "Namespace", {.items = namespace_columns}},
    {"", "Node", {.items = node_columns}},
    {"", "Service", {.items = service_columns}},
    {"", "Endpoints", {.items = endpoints_columns}},
    {"", "ConfigMap", {.items = config_columns}},
    {"", "Secret", {.items = secret_columns}},
    {"", "ServiceAccount", {.items = account_columns}},
    {"", "Event", {.items = event_columns}},
    {"events.k8s.io", "Event", {.items = event_columns}},
    {"", "PersistentVolume", {.items = volume_columns}},
    {"", "PersistentVolumeClaim", {.items = claim_columns}},
    {"apps", "ControllerRevision", {.items = revision_columns}},
    {"discovery.k8s.io", "EndpointSlice", {.items = slice_columns}},
    {"coordination.k8s.io", "Lease", {.items = lease_columns}},
    {"policy", "PodDisruptionBudget", {.items = budget_columns}},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", {.items = webhook_columns}},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", {.items = webhook_columns}},
    {RBAC, "Role", {.items = created_columns}},
    {RBAC, "ClusterRole", {.items = created_columns}},
    {RBAC, "RoleBinding", {.items = binding_columns}},
    {RBAC, "ClusterRoleBinding", {.items = binding_columns}},
    {"apiextensions.k8s.io", "CustomResourceDefinition", {.items = created_columns}},
};

const struct columns *columns_of_kind(const char *group, const char *kind)
{
    if (streq(group, "") && streq(kind, "Pod"))
        return &columns_pod;
    if (streq(group, "batch") && streq(kind, "Job"))
        return &columns_job;
    if (streq(group, "batch") && streq(kind, "CronJob"))
        return &columns_cron_job;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (streq(kinds[i].kind, kind) && streq(kinds[i].group, group))
            return &kinds[i].columns;
    return NULL;
}
