/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controllers against the embedded API server: a server process of the test's own, an engine
 * that is a folder of files (the SDK's template), and a node that runs no process: it says
 * "Running, Ready" of every Pod and lets go of those that are deleted.
 */
#ifndef ATOLL_TESTS_WORKLOAD_RIG_H
#define ATOLL_TESTS_WORKLOAD_RIG_H

#include "unit/cm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/file.h"
#include "io/io.h"
#include "workload/workload.h"

#define RIG_NS "default"

struct rig {
    struct loop *loop;
    struct http_client *http;
    char dir[64]; /* api/ is the server's, echo/ the engine's */
    struct child *server;
    bool server_ended;
    struct kube_client *client; /* of the controllers */
    struct kube_client *user;   /* of the test and of the node */
    struct kube_cache *pods;
    unsigned next_address;
    struct conf *conf;
    struct engine_host *engines;
    struct workload *workload;
    unsigned reports; /* of roles, since the controllers started */
    /* the answer of the latest call */
    bool answered;
    int status;
    cJSON *body;
};

static const struct kube_resource RIG_CLUSTERS = {"apps.kubeblocks.io", "v1", "clusters", "Cluster",
                                                  true};
static const struct kube_resource RIG_COMPONENTS = {"apps.kubeblocks.io", "v1", "components",
                                                    "Component", true};
static const struct kube_resource RIG_ITS = {"workloads.kubeblocks.io", "v1", "instancesets",
                                             "InstanceSet", true};

/* ---- waiting
 * --------------------------------------------------------------------------------------------------
 */

static inline void rig_turn(struct rig *r, uint64_t ms)
{
    bool never = false;
    loop_run_until(r->loop, &never, ms);
}

/* Turn the loop until cond holds; says what was awaited when it does not. */
#define rig_until(r, cond, ms)                                                                     \
    do {                                                                                           \
        uint64_t until_ = loop_now_ms((r)->loop) + (ms);                                           \
        while (!(cond)) {                                                                          \
            if (loop_now_ms((r)->loop) >= until_)                                                  \
                fail_msg("waited %d ms for: %s", (int)(ms), #cond);                                \
            rig_turn((r), 20);                                                                     \
        }                                                                                          \
    } while (0)

/* ---- the user
 * ----------------------------------------------------------------------------------------------------
 */

static inline void rig_on_answer(void *arg, const struct kube_answer *a)
{
    struct rig *r = arg;
    json_freep(&r->body);
    r->status = a->status;
    r->body = a->body ? cJSON_Duplicate(a->body, true) : NULL;
    r->answered = true;
}

/* One call, waited for. The body is good until the next one. */
static inline int rig_call(struct rig *r, enum kube_verb verb, const struct kube_resource *res,
                           const char *name, const cJSON *body)
{
    struct kube_call call = {.verb = verb,
                             .resource = res,
                             .ns = res->namespaced ? RIG_NS : NULL,
                             .name = name,
                             .body = body,
                             .grace_seconds = -1};
    r->answered = false;
    kube_start(r->user, &call, rig_on_answer, r);
    if (loop_run_until(r->loop, &r->answered, 10000) < 0)
        fail_msg("no answer about %s %s", res->kind, name ? name : "");
    return r->status;
}

static inline const cJSON *rig_get(struct rig *r, const struct kube_resource *res, const char *name)
{
    return rig_call(r, KUBE_GET, res, name, NULL) == 200 ? r->body : NULL;
}

static inline size_t rig_count(struct rig *r, const struct kube_resource *res)
{
    assert_int_equal(rig_call(r, KUBE_LIST, res, NULL, NULL), 200);
    return (size_t)cJSON_GetArraySize(json_at(r->body, "items"));
}

static inline void rig_apply(struct rig *r, const struct kube_resource *res, const char *text)
{
    AUTO(json_freep) cJSON *o = cJSON_Parse(text);
    assert_non_null(o);
    if (rig_call(r, KUBE_CREATE, res, NULL, o) != 201)
        fail_msg("creating %s: %d %s", text, r->status, json_str(r->body, "message"));
}

static inline void rig_patch(struct rig *r, const struct kube_resource *res, const char *name,
                             const char *text)
{
    AUTO(json_freep) cJSON *o = cJSON_Parse(text);
    assert_non_null(o);
    if (rig_call(r, KUBE_PATCH_MERGE, res, name, o) != 200)
        fail_msg("patching %s %s: %d %s", res->kind, name, r->status, json_str(r->body, "message"));
}

/* ---- the node
 * ----------------------------------------------------------------------------------------------------
 */

static inline void rig_run_pod(struct rig *r, const cJSON *pod)
{
    char now[CLOCK_TEXT_MAX], address[32];
    snprintf(address, sizeof(address), "127.18.7.%u", ++r->next_address);
    clock_time_text(clock_wall_us(), now);
    AUTO(json_freep) cJSON *status = cJSON_CreateObject();
    cJSON *conditions = cJSON_CreateArray(), *ready = cJSON_CreateObject();
    json_put_str(ready, "Ready", "type");
    json_put_str(ready, "True", "status");
    json_put_str(ready, now, "lastTransitionTime");
    cJSON_AddItemToArray(conditions, ready);
    json_put_str(status, "Running", "status", "phase");
    json_put_str(status, address, "status", "podIP");
    json_put(status, conditions, "status", "conditions");
    struct kube_call call = {.verb = KUBE_PATCH_MERGE,
                             .resource = &KUBE_PODS,
                             .ns = kube_ns(pod),
                             .name = kube_name(pod),
                             .subresource = "status",
                             .body = status,
                             .grace_seconds = -1};
    kube_start(r->user, &call, NULL, NULL);
}

static inline void rig_on_pod(void *arg, const cJSON *old, const cJSON *now)
{
    struct rig *r = arg;
    if (!now)
        return;
    if (kube_deleting(now) && (!old || !kube_deleting(old))) {
        struct kube_call call = {.verb = KUBE_DELETE,
                                 .resource = &KUBE_PODS,
                                 .ns = kube_ns(now),
                                 .name = kube_name(now),
                                 .precondition_uid = kube_uid(now)};
        kube_start(r->user, &call, NULL, NULL);
    } else if (!kube_deleting(now) && !json_str(now, "status", "podIP")) {
        rig_run_pod(r, now);
    }
}

static inline const cJSON *rig_pod(struct rig *r, const char *name)
{
    return kube_cache_get(r->pods, RIG_NS, name);
}

static inline const char *rig_role(struct rig *r, const char *name)
{
    return kube_label(rig_pod(r, name), LABEL_ROLE);
}

/* ---- the engine
 * ----------------------------------------------------------------------------------------------------
 */

/* What "the database" says of itself from now on: "primary 7". */
static inline void rig_say(struct rig *r, const char *instance, const char *words)
{
    AUTO(mem_freep) char *path = mem_printf("%s/echo/%s", r->dir, instance);
    assert_int_equal(file_replace(path, words, strlen(words), 0644, NULL), 0);
}

static inline void rig_on_role(void *arg, struct engine *e, const char *instance,
                               const struct engine_role_view *v)
{
    struct rig *r = arg;
    r->reports++;
    if (r->workload)
        workload_on_role(r->workload, e, instance, v);
}

static inline void rig_on_state(void *arg, struct engine *e)
{
    struct rig *r = arg;
    if (r->workload)
        workload_on_state(r->workload, e);
}

/* ---- the controllers
 * ---------------------------------------------------------------------------------------------------
 */

static inline struct kube_client *rig_client(struct rig *r, const char *agent)
{
    AUTO(mem_freep) char *path = mem_printf("%s/api/kubeconfig", r->dir);
    AUTO(err_freep) struct err *err = NULL;
    struct kube_config *cfg;
    struct kube_client *c = NULL;
    if (kube_config_load(path, NULL, &cfg, &err) < 0 ||
        kube_client_new(r->loop, r->http, cfg, agent, &c, &err) < 0)
        fail_msg("%s", err_text(err));
    return c;
}

/* isolation: "inline" or "process". */
static inline void rig_start(struct rig *r, const char *isolation)
{
    AUTO(err_freep) struct err *err = NULL;
    const char *build = getenv("ATOLL_BUILD_DIR");
    AUTO(mem_freep) char *plugins = mem_printf("%s/lib/atoll/examples", build ? build : ".");
    AUTO(mem_freep) char *helper = mem_printf("%s/bin/atoll-engine", build ? build : ".");
    AUTO(mem_freep)
    char *text = mem_printf(
        "engines = { echo = { isolation = \"%s\"; options = { dir = \"%s/echo\"; }; }; };",
        isolation, r->dir);
    if (conf_load_text("test.cfg", text, engine_conf_keys, engine_conf_keys_n, &r->conf, &err) < 0)
        fail_msg("%s", err_text(err));
    struct engine_host_opts o = {.conf = r->conf,
                                 .helper = helper,
                                 .plugin_dir = plugins,
                                 .on_role = rig_on_role,
                                 .on_state = rig_on_state,
                                 .arg = r};
    if (engine_host_new(r->loop, &o, &r->engines, &err) < 0)
        fail_msg("%s", err_text(err));
    r->client = rig_client(r, "atolld/test");
    r->reports = 0;
    struct workload_opts w = {.client = r->client, .engines = r->engines, .install = true};
    if (workload_new(&w, &r->workload, &err) < 0)
        fail_msg("%s", err_text(err));
    rig_until(r, workload_synced(r->workload), 20000);
}

static inline void rig_stop(struct rig *r)
{
    workload_free(TAKE(r->workload));
    engine_host_free(TAKE(r->engines));
    kube_client_free(TAKE(r->client));
    conf_free(TAKE(r->conf));
}

/* ---- all of it
 * ---------------------------------------------------------------------------------------------------------
 */

static inline void rig_on_server_end(void *arg, int code)
{
    struct rig *r = arg;
    (void)code;
    r->server_ended = true;
}

static inline void rig_serve(struct rig *r)
{
    AUTO(err_freep) struct err *err = NULL;
    const char *build = getenv("ATOLL_BUILD_DIR");
    AUTO(mem_freep) char *program = mem_printf("%s/tests/apiserver_main", build ? build : ".");
    AUTO(mem_freep)
    char *api = mem_printf("%s/api", r->dir), *config = mem_printf("%s/kubeconfig", api);
    const char *argv[] = {program, api, "127.18.7.250", NULL};
    struct child_fd fds[] = {{2, 2}};
    struct child_spec spec = {.argv = argv, .fds = fds, .n_fds = 1, .die_with_parent = true};
    if (child_spawn(r->loop, &spec, rig_on_server_end, r, &r->server, &err) < 0)
        fail_msg("%s", err_text(err));
    rig_until(r, file_exists(config) || r->server_ended, 10000);
    assert_false(r->server_ended);
}

static inline struct rig *rig_new(void)
{
    struct rig *r = mem_new(struct rig);
    AUTO(mem_freep) char *echo = NULL;
    snprintf(r->dir, sizeof(r->dir), "/tmp/atoll-workload-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    echo = mem_printf("%s/echo", r->dir);
    assert_int_equal(file_dir_make(echo, 0755, NULL), 0);
    assert_int_equal(loop_new(&r->loop, NULL), 0);
    assert_int_equal(http_client_new(r->loop, &r->http, NULL), 0);
    rig_serve(r);
    r->user = rig_client(r, "tester/1.0");
    struct kube_cache_opts o = {.resource = &KUBE_PODS};
    r->pods = kube_cache_new(r->user, &o);
    kube_cache_on_change(r->pods, rig_on_pod, r);
    kube_cache_start(r->pods);
    rig_until(r, kube_cache_synced(r->pods), 10000);
    return r;
}

static inline void rig_free(struct rig *r)
{
    if (r->workload)
        rig_stop(r);
    kube_cache_free(r->pods);
    kube_client_free(r->user);
    child_signal(r->server, SIGTERM);
    rig_until(r, r->server_ended, 10000);
    child_free(r->server);
    http_client_free(r->http);
    loop_free(r->loop);
    json_freep(&r->body);
    file_tree_remove(r->dir, NULL);
    mem_free(r);
}

#endif
