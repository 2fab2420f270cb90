/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Node object: made when it is missing, corrected when it differs, otherwise left alone.
 *
 * There is no heartbeat. A kubelet renews a Lease every ten seconds so that a control plane
 * elsewhere can notice its death; here node and API server are one process, a dead node cannot be
 * asked for, and a converged machine should write nothing. DiskPressure is looked at every half
 * minute, without a write unless it changes.
 */
#define LOG_ROOM "node"
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/quantity.h"
#include "node/state.h"

enum { LOOK_MS = 30000, RETRY_MS = 1000, DISK_LOW_PERCENT = 3, DISK_OK_PERCENT = 5 };

#define registrar_MAGIC 0x72656769u
struct registrar {
    uint32_t magic;
    struct node *node;
    struct loop_timer *timer;
    bool writing, disk_low;
    uint64_t sent_hash; /* of the last write, and the version it gave the Node */
    char *sent_rv;
};

/* ---- the wanted object --------------------------------------------------------------------------
 */

static char *first_line(const char *path)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    if (file_read(path, 65536, &text, &len, NULL))
        return mem_strdup("");
    struct str rest = {text, len}, line;
    str_split(&rest, '\n', &line);
    return mem_strndup(line.ptr, line.len);
}

static char *os_name(void)
{
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    static const char key[] = "PRETTY_NAME=\"";
    if (file_read("/etc/os-release", 65536, &text, &len, NULL))
        return mem_strdup("Linux");
    const char *at = strstr(text, key), *end = at ? strchr(at + sizeof(key) - 1, '"') : NULL;
    return end ? mem_strndup(at + sizeof(key) - 1, (size_t)(end - at) - (sizeof(key) - 1))
               : mem_strdup("Linux");
}

static const char *architecture(const struct utsname *u)
{
    return streq(u->machine, "x86_64")    ? "amd64"
           : streq(u->machine, "aarch64") ? "arm64"
                                          : u->machine;
}

static void put_node_info(cJSON *status, const struct utsname *u)
{
    AUTO(mem_freep) char *boot = first_line("/proc/sys/kernel/random/boot_id");
    AUTO(mem_freep) char *machine = first_line("/etc/machine-id"), *os = os_name();
    const struct {
        const char *key, *value;
    } rows[] = {{"architecture", architecture(u)},
                {"bootID", boot},
                {"containerRuntimeVersion", "atoll://" ATOLL_VERSION},
                {"kernelVersion", u->release},
                {"kubeProxyVersion", "v" ATOLL_VERSION},
                {"kubeletVersion", "v" ATOLL_VERSION},
                {"machineID", machine},
                {"operatingSystem", "linux"},
                {"osImage", os},
                {"systemUUID", machine}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        json_put_str(status, rows[i].value, "nodeInfo", rows[i].key);
}

static void put_sizes(const struct node *n, cJSON *status)
{
    static const char *const lists[] = {"capacity", "allocatable"};
    char cpu[32], memory[32], pods[32];
    snprintf(cpu, sizeof(cpu), "%lldm", (long long)n->cpu_milli);
    if (n->cpu_milli % 1000 == 0)
        snprintf(cpu, sizeof(cpu), "%lld", (long long)(n->cpu_milli / 1000));
    snprintf(memory, sizeof(memory), "%lldKi", (long long)(n->memory >> 10));
    snprintf(pods, sizeof(pods), "%lld", (long long)n->pods_max);
    /* In the form the API stores, or what we want would never equal what is there. */
    char stored[3][48];
    quantity_canonical(cpu, stored[0], NULL);
    quantity_canonical(memory, stored[1], NULL);
    quantity_canonical(pods, stored[2], NULL);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        json_put_str(status, stored[0], lists[i], "cpu");
        json_put_str(status, stored[1], lists[i], "memory");
        json_put_str(status, stored[2], lists[i], "pods");
    }
}

static void add_address(cJSON *list, const char *type, const char *address)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, type, "type");
    json_put_str(o, address, "address");
    cJSON_AddItemToArray(list, o);
}

static void add_condition(cJSON *list, const char *type, bool on, const char *reason,
                          const char *message)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, type, "type");
    json_put_str(o, on ? "True" : "False", "status");
    json_put_str(o, reason, "reason");
    json_put_str(o, message, "message");
    cJSON_AddItemToArray(list, o);
}

static cJSON *wanted_status(const struct registrar *r)
{
    const struct node *n = r->node;
    struct utsname u;
    uname(&u);
    cJSON *status = cJSON_CreateObject(), *addresses = cJSON_CreateArray(),
          *conditions = cJSON_CreateArray();
    put_sizes(n, status);
    add_address(addresses, "InternalIP", n->address);
    add_address(addresses, "Hostname", n->name);
    json_put(status, addresses, "addresses");
    add_condition(conditions, "MemoryPressure", false, "NotWatched",
                  "this node does not watch memory");
    add_condition(conditions, "PIDPressure", false, "NotWatched",
                  "this node does not watch process numbers");
    add_condition(conditions, "DiskPressure", r->disk_low,
                  r->disk_low ? "DiskAlmostFull" : "DiskHasRoom",
                  r->disk_low ? "the file system of the node's directory is almost full"
                              : "the file system of the node's directory has room");
    add_condition(conditions, "Ready", true, "NodeRuns", "atolld runs Pods on this machine");
    json_put(status, conditions, "conditions");
    put_node_info(status, &u);
    json_put_int(status, logserver_port(n->logserver), "daemonEndpoints", "kubeletEndpoint",
                 "Port");
    return status;
}

static cJSON *wanted_labels(const struct node *n)
{
    struct utsname u;
    uname(&u);
    cJSON *labels = cJSON_CreateObject();
    json_put_str(labels, n->name, "kubernetes.io/hostname");
    json_put_str(labels, "linux", "kubernetes.io/os");
    json_put_str(labels, architecture(&u), "kubernetes.io/arch");
    return labels;
}

/* ---- the difference -----------------------------------------------------------------------------
 */

/* Our conditions that differ, with fresh times; NULL. */
static cJSON *conditions_diff(const cJSON *have, const cJSON *want)
{
    cJSON *list = cJSON_CreateArray();
    char now[CLOCK_TEXT_MAX];
    clock_time_text(clock_wall_us(), now);
    json_foreach (w, want) {
        const cJSON *h = json_find(have, "type", json_str(w, "type"));
        if (json_covers(h, w))
            continue;
        const char *since = json_str(h, "lastTransitionTime");
        bool same = streq(json_str(h, "status"), json_str(w, "status"));
        cJSON *o = cJSON_Duplicate(w, true);
        json_put_str(o, same && since ? since : now, "lastTransitionTime");
        json_put_str(o, now, "lastHeartbeatTime");
        cJSON_AddItemToArray(list, o);
    }
    if (list->child)
        return list;
    cJSON_Delete(list);
    return NULL;
}

static cJSON *status_diff(const cJSON *have, const cJSON *want)
{
    cJSON *patch = cJSON_CreateObject();
    json_foreach (w, want) {
        const cJSON *h = json_at(have, w->string);
        cJSON *d = NULL;
        if (streq(w->string, "conditions"))
            d = conditions_diff(h, w);
        else if (!json_covers(h, w))
            d = cJSON_Duplicate(w, true);
        if (d)
            json_put(patch, d, w->string);
    }
    if (patch->child)
        return patch;
    cJSON_Delete(patch);
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static void on_written(void *arg, const struct kube_answer *a)
{
    struct registrar *r = CAST(registrar, arg);
    r->writing = false;
    if (kube_ok(a)) {
        mem_free(r->sent_rv);
        r->sent_rv = mem_strdup(kube_rv(a->body));
        kube_cache_learn(r->node->nodes_cache, a->body);
        registrar_changed(r);
    } else {
        r->sent_hash = 0;
        log_warn("node %s: registering it: %s", r->node->name, a->message);
        loop_timer_start(r->timer, RETRY_MS);
    }
}

static void write_node(struct registrar *r, enum kube_verb verb, const char *subresource,
                       const cJSON *body)
{
    uint64_t hash = json_hash(body);
    if (hash == r->sent_hash && streq(r->sent_rv, kube_rv(node_object(r->node))))
        return; /* the server took the same words and shows others: no use in repeating them */
    struct kube_call call = {.verb = verb,
                             .resource = &KUBE_NODES,
                             .name = verb == KUBE_CREATE ? NULL : r->node->name,
                             .subresource = subresource,
                             .body = body};
    r->sent_hash = hash;
    r->writing = true;
    calls_start(r->node->calls, &call, on_written, r, NULL);
}

static void create(struct registrar *r)
{
    AUTO(json_freep) cJSON *body = cJSON_CreateObject();
    json_put_str(body, "v1", "apiVersion");
    json_put_str(body, "Node", "kind");
    json_put_str(body, r->node->name, "metadata", "name");
    json_put(body, wanted_labels(r->node), "metadata", "labels");
    write_node(r, KUBE_CREATE, NULL, body);
}

/* A new Node is tainted not-ready by admission; the controller that would take the taint away
 * watches Leases, and here is none of either. The list without it, or NULL when it is not there. */
static cJSON *taints_without(const cJSON *taints)
{
    cJSON *list = cJSON_CreateArray();
    bool found = false;
    json_foreach (t, taints) {
        if (streq(json_str(t, "key"), "node.kubernetes.io/not-ready"))
            found = true;
        else
            cJSON_AddItemToArray(list, cJSON_Duplicate(t, true));
    }
    if (found)
        return list;
    cJSON_Delete(list);
    return NULL;
}

void registrar_changed(struct registrar *r)
{
    struct node *n = r->node;
    if (r->writing || !kube_cache_synced(n->nodes_cache))
        return;
    const cJSON *have = node_object(n);
    if (!have) {
        create(r);
        return;
    }
    AUTO(json_freep) cJSON *labels = wanted_labels(n), *status = wanted_status(r);
    AUTO(json_freep) cJSON *body = cJSON_CreateObject();
    cJSON *diff;
    if (!json_covers(json_at(have, "metadata", "labels"), labels)) {
        json_put(body, TAKE(labels), "metadata", "labels");
        write_node(r, KUBE_PATCH_MERGE, NULL, body);
    } else if ((diff = taints_without(json_at(have, "spec", "taints")))) {
        json_put_str(body, kube_rv(have), "metadata", "resourceVersion");
        json_put(body, diff, "spec", "taints");
        write_node(r, KUBE_PATCH_MERGE, NULL, body);
    } else if ((diff = status_diff(json_at(have, "status"), status))) {
        json_put(body, diff, "status");
        write_node(r, KUBE_PATCH_STRATEGIC, "status", body);
    }
}

static void look(void *arg)
{
    struct registrar *r = CAST(registrar, arg);
    struct statvfs fs;
    if (statvfs(r->node->dir, &fs) == 0 && fs.f_blocks) {
        unsigned long long free_percent = (unsigned long long)fs.f_bavail * 100 / fs.f_blocks;
        r->disk_low = free_percent < (r->disk_low ? DISK_OK_PERCENT : DISK_LOW_PERCENT);
    }
    loop_timer_start(r->timer, LOOK_MS);
    registrar_changed(r);
}

struct registrar *registrar_new(struct node *n)
{
    struct registrar *r = mem_new(struct registrar);
    *r = (struct registrar){.magic = registrar_MAGIC, .node = n};
    r->timer = loop_timer_new(n->loop, look, r);
    loop_timer_start(r->timer, 0);
    return r;
}

void registrar_free(struct registrar *r)
{
    if (!r)
        return;
    loop_timer_free(r->timer);
    mem_free(r->sent_rv);
    r->magic = 0;
    mem_free(r);
}
