/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods: what admission adds to them, how long their deletion takes, binding to a node.
 *
 * The fields and their rules are rows (types_pod*.c); logs are in pods_log.c.
 */
#include "apiserver/pods.h"

#include <string.h>

#include "apiserver/rest_write.h"
#include "base/clock.h"
#include "base/ids.h"

#define TOKEN_PATH "/var/run/secrets/kubernetes.io/serviceaccount"
#define GRACE      30

/* ---- service account ---- */

static int fail_account(struct call *c, const cJSON *pod, const char *account)
{
    const char *name = json_str(pod, "metadata", "name");
    return call_fail_object(c, 403, "Forbidden", name,
                            "pods \"%s\" is forbidden: error looking up service account %s/%s: "
                            "serviceaccount \"%s\" not found",
                            name ? name : "", c->ns, account, account);
}

static int add_account(struct call *c, cJSON *pod, const cJSON **ret_account)
{
    cJSON *spec = json_obj(pod, "spec");
    const char *account = json_str(spec, "serviceAccountName");
    if (!account || !*account) {
        json_put_str(spec, "default", "serviceAccountName");
        account = "default";
    }
    const struct shelf *sh = store_find(c->api->store, "serviceaccounts");
    const struct object *o = shelf_latest(sh, rest_key(c, c->ns, account));
    if (!o)
        return fail_account(c, pod, account);
    json_put_str(spec, json_str(spec, "serviceAccountName"), "serviceAccount");
    *ret_account = call_own(c, object_tree(o));
    return 0;
}

static bool wants_token(const cJSON *pod, const cJSON *account)
{
    const cJSON *own = json_at(pod, "spec", "automountServiceAccountToken");
    return json_bool_of(own ? own : json_at(account, "automountServiceAccountToken"), true);
}

static bool mounts_token(const cJSON *container)
{
    json_foreach (m, json_at(container, "volumeMounts")) {
        if (streq(json_str(m, "mountPath"), TOKEN_PATH))
            return true;
    }
    return false;
}

static bool mount_token(cJSON *spec, const char *list, const char *volume)
{
    bool mounted = false;
    json_foreach (it, json_at(spec, list)) {
        cJSON *container = (cJSON *)(uintptr_t)it;
        if (mounts_token(container))
            continue;
        cJSON *mounts = (cJSON *)(uintptr_t)json_at(container, "volumeMounts");
        if (!mounts) {
            mounts = cJSON_CreateArray();
            json_put(container, mounts, "volumeMounts");
        }
        cJSON *m = cJSON_CreateObject();
        json_put_str(m, volume, "name");
        json_put_bool(m, true, "readOnly");
        json_put_str(m, TOKEN_PATH, "mountPath");
        cJSON_AddItemToArray(mounts, m);
        mounted = true;
    }
    return mounted;
}

/* A token that renews itself, the CA to trust, the namespace to be in. */
static cJSON *token_volume(const char *name)
{
    static const char SOURCES[] =
        "[{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},"
        "{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":"
        "\"ca.crt\"}]}},"
        "{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\",\"fieldRef\":{\"apiVersion\":\"v1\","
        "\"fieldPath\":\"metadata.namespace\"}}]}}]";
    cJSON *sources = NULL, *volume = cJSON_CreateObject();
    int rc = json_parse(SOURCES, sizeof(SOURCES) - 1, &sources, NULL);
    ATOLL_ASSERT(rc == 0);
    json_put_str(volume, name, "name");
    json_put(volume, sources, "projected", "sources");
    json_put_int(volume, 0644, "projected", "defaultMode");
    return volume;
}

static void add_token(cJSON *pod)
{
    cJSON *spec = json_obj(pod, "spec");
    char name[32] = "kube-api-access-", suffix[6];
    memcpy(name + strlen(name), ids_suffix(suffix, 5), 6);
    bool mounted = mount_token(spec, "initContainers", name);
    mounted |= mount_token(spec, "containers", name);
    if (!mounted)
        return;
    cJSON *volumes = (cJSON *)(uintptr_t)json_at(spec, "volumes");
    if (!volumes) {
        volumes = cJSON_CreateArray();
        json_put(spec, volumes, "volumes");
    }
    cJSON_AddItemToArray(volumes, token_volume(name));
}

/* ---- the rest of admission ---- */

static bool tolerates(const cJSON *tolerations, const char *key)
{
    json_foreach (t, tolerations) {
        const char *k = json_str(t, "key"), *effect = json_str(t, "effect");
        bool same_key = streq(k, key) || ((!k || !*k) && streq(json_str(t, "operator"), "Exists"));
        if (same_key && (!effect || !*effect || streq(effect, "NoExecute")))
            return true;
    }
    return false;
}

/* A node that is not ready for five minutes loses its Pods, unless they say otherwise. */
static void add_tolerations(cJSON *pod)
{
    static const char *const KEYS[] = {"node.kubernetes.io/not-ready",
                                       "node.kubernetes.io/unreachable"};
    cJSON *spec = json_obj(pod, "spec");
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        cJSON *list = (cJSON *)(uintptr_t)json_at(spec, "tolerations");
        if (tolerates(list, KEYS[i]))
            continue;
        if (!list) {
            list = cJSON_CreateArray();
            json_put(spec, list, "tolerations");
        }
        cJSON *t = cJSON_CreateObject();
        json_put_str(t, KEYS[i], "key");
        json_put_str(t, "Exists", "operator");
        json_put_str(t, "NoExecute", "effect");
        json_put_int(t, 300, "tolerationSeconds");
        cJSON_AddItemToArray(list, t);
    }
}

/* podIP is the first of podIPs: whoever sets one sets both. */
static void sync_addresses(cJSON *pod)
{
    const char *ip = json_str(pod, "status", "podIP");
    const cJSON *ips = json_at(pod, "status", "podIPs");
    if (!ip || !*ip || streq(json_str(ips ? ips->child : NULL, "ip"), ip))
        return;
    cJSON *list = cJSON_CreateArray(), *first = cJSON_CreateObject();
    json_put_str(first, ip, "ip");
    cJSON_AddItemToArray(list, first);
    json_put(pod, list, "status", "podIPs");
}

static int pod_prepare(struct call *c, cJSON *pod, const cJSON *old)
{
    const cJSON *account = NULL;
    sync_addresses(pod);
    if (old)
        return 0;
    cJSON *spec = json_obj(pod, "spec");
    if (add_account(c, pod, &account) < 0)
        return -1;
    if (c->api->pod_tokens && wants_token(pod, account))
        add_token(pod);
    add_tolerations(pod);
    if (!json_at(spec, "priority"))
        json_put_int(spec, 0, "priority");
    if (!json_at(spec, "preemptionPolicy"))
        json_put_str(spec, "PreemptLowerPriority", "preemptionPolicy");
    json_put_str(pod, "Pending", "status", "phase");
    json_put_str(pod, pod_qos_class(pod), "status", "qosClass");
    return 0;
}

/* Nobody runs it, or it has ended: then there is nothing to wait for. */
static int64_t pod_grace(const cJSON *pod, int64_t asked)
{
    const char *node = json_str(pod, "spec", "nodeName"), *phase = json_str(pod, "status", "phase");
    if (!node || !*node || streq(phase, "Succeeded") || streq(phase, "Failed"))
        return 0;
    return asked >= 0 ? asked : json_int(GRACE, pod, "spec", "terminationGracePeriodSeconds");
}

const struct hooks POD_HOOKS = {.prepare = pod_prepare, .grace = pod_grace};

const struct subresource POD_SUBS[] = {
    {.name = "attach", .kind = "PodAttachOptions", .verbs = VERBS_CONNECT, .run = pods_stream},
    {.name = "binding", .kind = "Binding", .verbs = VERBS_CREATE, .run = pods_bind},
    {.name = "exec", .kind = "PodExecOptions", .verbs = VERBS_CONNECT, .run = pods_stream},
    {.name = "log", .verbs = VERBS_GET, .run = pods_log},
    {.name = "portforward",
     .kind = "PodPortForwardOptions",
     .verbs = VERBS_CONNECT,
     .run = pods_stream},
    {.name = "status", .verbs = VERBS_STATUS},
    {.name = NULL},
};

/* ---- binding ---- */

static int fail_bound(struct call *c, const char *node)
{
    call_fail_object(
        c, 409, "Conflict", c->name,
        "Operation cannot be fulfilled on pods/binding \"%s\": pod %s is already assigned to "
        "node \"%s\"",
        c->name, c->name, node);
    c->failure.kind = "pods/binding";
    return -1;
}

static void set_scheduled(struct call *c, cJSON *pod)
{
    char now[CLOCK_TEXT_MAX];
    cJSON *list = (cJSON *)(uintptr_t)json_at(pod, "status", "conditions");
    cJSON *cond = (cJSON *)(uintptr_t)json_find(list, "type", "PodScheduled");
    if (!list) {
        list = cJSON_CreateArray();
        json_put(pod, list, "status", "conditions");
    }
    if (!cond) {
        cond = cJSON_CreateObject();
        cJSON_AddItemToArray(list, cond);
        json_put_str(cond, "PodScheduled", "type");
    }
    json_put_str(cond, "True", "status");
    json_put(cond, cJSON_CreateNull(), "lastProbeTime");
    json_put_str(cond, clock_time_text(c->now_us, now), "lastTransitionTime");
}

static int bind(struct call *c, const cJSON *binding)
{
    const char *name = json_str(binding, "metadata", "name"),
               *node = json_str(binding, "target", "name");
    const char *kind = json_str(binding, "target", "kind");
    if (name && *name && !streq(name, c->name))
        return call_fail(c, 400, "BadRequest",
                         "the name of the binding (%s) is not that of the pod (%s)", name, c->name);
    struct causes causes = {.arena = c->arena};
    if (kind && *kind && !streq(kind, "Node"))
        causes_add(&causes, CAUSE_NOT_SUPPORTED, "target.kind",
                   "Unsupported value: \"%s\": supported values: \"Node\"", kind);
    if (!node || !*node)
        causes_required(&causes, "target.name", NULL);
    if (causes.n)
        return call_fail_invalid(c, "", "Binding", c->name, &causes);
    const struct object *cur = rest_latest(c);
    if (!cur)
        return -1;
    cJSON *pod = call_own(c, object_tree(cur));
    const char *bound = json_str(pod, "spec", "nodeName");
    if (bound && *bound)
        return fail_bound(c, bound);
    if (cur->flags & OBJECT_DELETING)
        return call_fail_object(c, 409, "Conflict", c->name,
                                "pod %s is being deleted, cannot be assigned to a host", c->name);
    json_put_str(pod, node, "spec", "nodeName");
    json_foreach (a, json_at(binding, "metadata", "annotations"))
        json_put_str(pod, json_string_of(a), "metadata", "annotations", a->string);
    set_scheduled(c, pod);
    if (!c->dry_run)
        change_commit(c->api, c->res, cur, pod);
    return 0;
}

void pods_bind(struct call *c)
{
    cJSON *binding = rest_body(c) < 0 ? NULL : rest_parse(c);
    if (!binding || bind(c, binding) < 0) {
        call_answer_failure(c);
        return;
    }
    c->answer_text = mem_strdup("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                                "\"status\":\"Success\",\"code\":201}");
    c->answer_status = 201;
    call_answer_after_commit(c);
}

/* ---- containers and nodes ---- */

static const cJSON *container_find(const cJSON *pod, const char *name)
{
    static const char *const LISTS[] = {"containers", "initContainers", "ephemeralContainers"};
    for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
        const cJSON *found = json_find(json_at(pod, "spec", LISTS[i]), "name", name);
        if (found)
            return found;
    }
    return NULL;
}

const char *pods_container(struct call *c, const cJSON *pod)
{
    const char *asked = call_param(c, "container");
    const cJSON *list = json_at(pod, "spec", "containers");
    if (asked && *asked) {
        if (container_find(pod, asked))
            return asked;
        call_fail(c, 400, "BadRequest", "container %s is not valid for pod %s", asked, c->name);
        return NULL;
    }
    const char *annotated =
        json_str(pod, "metadata", "annotations", "kubectl.kubernetes.io/default-container");
    if (annotated && container_find(pod, annotated))
        return annotated;
    if (cJSON_GetArraySize(list) == 1)
        return json_str(list->child, "name");
    AUTO(buf_done) struct buf names = BUF_INIT(8192);
    json_foreach (it, list)
        buf_addf(&names, "%s%s", names.len ? " " : "", json_str(it, "name"));
    call_fail(c, 400, "BadRequest",
              "a container name must be specified for pod %s, choose one of: [%s]", c->name,
              buf_str(&names));
    return NULL;
}

const char *pods_node_url(struct call *c, const cJSON *pod)
{
    const char *name = json_str(pod, "spec", "nodeName"), *address = NULL;
    const struct object *o = name ? shelf_get(store_find(c->api->store, "nodes"), name) : NULL;
    cJSON *node = o ? call_own(c, object_tree(o)) : NULL;
    const cJSON *found = json_find(json_at(node, "status", "addresses"), "type", "InternalIP");
    address = json_str(found, "address");
    int64_t port = json_int(0, node, "status", "daemonEndpoints", "kubeletEndpoint", "Port");
    if (address && *address && port > 0)
        return arena_printf(c->arena, "http://%s:%lld", address, (long long)port);
    call_fail(c, 500, NULL, "no preferred addresses found; known addresses: []");
    return NULL;
}

static const cJSON *stream_pod(struct call *c)
{
    const struct object *o = shelf_get(c->res->shelf, rest_key(c, c->ns, c->name));
    if (o)
        return call_own(c, object_tree(o));
    call_fail_not_found(c, c->res, c->name);
    return NULL;
}

/* Exec, attach and port-forward need a kubelet that speaks WebSocket; the local node does not. */
void pods_stream(struct call *c)
{
    const cJSON *pod = stream_pod(c);
    bool forward = streq(c->sub, "portforward");
    if (pod && (forward || pods_container(c, pod)) && pods_node_url(c, pod))
        call_fail(
            c, 500, NULL,
            "%s is not served: the node %s runs its Pods as processes of this machine, use the "
            "machine's own tools (kubectl logs works)",
            c->sub, json_str(pod, "spec", "nodeName"));
    call_answer_failure(c);
}
