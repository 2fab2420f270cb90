/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns of Pods and of what runs Pods. The Status of a Pod is one word made of many: the reason
 * of the container that is worst off, unless the Pod is starting or going away.
 */
#include <stdio.h>
#include <string.h>

#include "apiserver/columns_cells.h"
#include "base/clock.h"

#define CELL_TEXT_MAX (16 * 1024)

struct pod_view {
    int64_t ready, total, restarts;
    const char *last_restart; /* RFC 3339 */
    char status[256];
};

static bool is_true(const cJSON *pod, const char *condition)
{
    const cJSON *c = json_find(json_at(pod, "status", "conditions"), "type", condition);
    return streq(json_str(c, "status"), "True");
}

static void see_restart(struct pod_view *v, const cJSON *status)
{
    const char *at = json_str(status, "lastState", "terminated", "finishedAt");
    v->restarts += json_int(0, status, "restartCount");
    if (at && (!v->last_restart || strcmp(at, v->last_restart) > 0))
        v->last_restart = at;
}

static const char *given(const cJSON *state, const char *which)
{
    const char *s = json_str(state, which, "reason");
    return s && *s ? s : NULL;
}

/* "OOMKilled", or how it ended when nobody says why. */
static void say_terminated(struct pod_view *v, const cJSON *state, const char *prefix)
{
    const char *reason = given(state, "terminated");
    int64_t signal = json_int(0, state, "terminated", "signal");
    if (reason)
        snprintf(v->status, sizeof(v->status), "%s%s", prefix, reason);
    else if (signal)
        snprintf(v->status, sizeof(v->status), "%sSignal:%lld", prefix, (long long)signal);
    else
        snprintf(v->status, sizeof(v->status), "%sExitCode:%lld", prefix,
                 (long long)json_int(0, state, "terminated", "exitCode"));
}

/* An init container that keeps running beside the others. */
static bool is_sidecar(const cJSON *pod, const cJSON *status)
{
    const char *name = json_str(status, "name");
    const cJSON *c = name ? json_find(json_at(pod, "spec", "initContainers"), "name", name) : NULL;
    return streq(json_str(c, "restartPolicy"), "Always");
}

/* true: the Pod is still initialising, and the status says with what. */
static bool view_init(struct pod_view *v, const cJSON *pod)
{
    int i = 0, total = cJSON_GetArraySize(json_at(pod, "spec", "initContainers"));
    json_foreach (s, json_at(pod, "status", "initContainerStatuses")) {
        const cJSON *state = json_at(s, "state");
        bool sidecar = is_sidecar(pod, s), ended = json_at(state, "terminated") != NULL;
        see_restart(v, s);
        if (sidecar && json_bool(false, s, "ready"))
            v->ready++;
        i++;
        if ((ended && json_int(0, state, "terminated", "exitCode") == 0) ||
            (sidecar && json_bool(false, s, "started")))
            continue;
        const char *waiting = given(state, "waiting");
        if (ended)
            say_terminated(v, state, "Init:");
        else if (waiting && !streq(waiting, "PodInitializing"))
            snprintf(v->status, sizeof(v->status), "Init:%s", waiting);
        else
            snprintf(v->status, sizeof(v->status), "Init:%d/%d", i - 1, total);
        return true;
    }
    return false;
}

static void view_containers(struct pod_view *v, const cJSON *pod)
{
    const cJSON *list = json_at(pod, "status", "containerStatuses");
    bool running = false;
    /* The first container has the last word: the list is read from the end. */
    for (int i = cJSON_GetArraySize(list); i-- > 0;) {
        const cJSON *s = cJSON_GetArrayItem(list, i), *state = json_at(s, "state");
        const char *waiting = given(state, "waiting");
        see_restart(v, s);
        if (waiting)
            snprintf(v->status, sizeof(v->status), "%s", waiting);
        else if (json_at(state, "terminated"))
            say_terminated(v, state, "");
        else if (json_bool(false, s, "ready") && json_at(state, "running")) {
            running = true;
            v->ready++;
        }
    }
    if (streq(v->status, "Completed") && running)
        snprintf(v->status, sizeof(v->status), "%s",
                 is_true(pod, "Ready") ? "Running" : "NotReady");
}

static void view_pod(struct pod_view *v, const cJSON *pod)
{
    const char *phase = json_str(pod, "status", "phase"),
               *reason = json_str(pod, "status", "reason");
    const cJSON *scheduled =
        json_find(json_at(pod, "status", "conditions"), "type", "PodScheduled");
    *v = (struct pod_view){.total = cJSON_GetArraySize(json_at(pod, "spec", "containers"))};
    json_foreach (c, json_at(pod, "spec", "initContainers")) {
        v->total += streq(json_str(c, "restartPolicy"), "Always");
    }
    const char *word = reason && *reason ? reason : phase ? phase : "";
    if (streq(json_str(scheduled, "reason"), "SchedulingGated"))
        word = "SchedulingGated";
    snprintf(v->status, sizeof(v->status), "%s", word);
    if (!view_init(v, pod) || is_true(pod, "Initialized"))
        view_containers(v, pod);
    if (!json_str(pod, "metadata", "deletionTimestamp"))
        return;
    bool ended = phase && (streq(phase, "Succeeded") || streq(phase, "Failed"));
    if (reason && streq(reason, "NodeLost"))
        snprintf(v->status, sizeof(v->status), "Unknown");
    else if (!ended)
        snprintf(v->status, sizeof(v->status), "Terminating");
}

static cJSON *pod_ready(const cJSON *obj, int64_t now_us)
{
    struct pod_view v;
    char out[64];
    (void)now_us;
    view_pod(&v, obj);
    snprintf(out, sizeof(out), "%lld/%lld", (long long)v.ready, (long long)v.total);
    return cJSON_CreateString(out);
}

static cJSON *pod_status(const cJSON *obj, int64_t now_us)
{
    struct pod_view v;
    (void)now_us;
    view_pod(&v, obj);
    return cJSON_CreateString(v.status);
}

static cJSON *pod_restarts(const cJSON *obj, int64_t now_us)
{
    struct pod_view v;
    char out[96], age[32];
    view_pod(&v, obj);
    if (v.restarts && v.last_restart)
        snprintf(out, sizeof(out), "%lld (%s ago)", (long long)v.restarts,
                 age_text(v.last_restart, now_us, "<unknown>", age));
    else
        snprintf(out, sizeof(out), "%lld", (long long)v.restarts);
    return cJSON_CreateString(out);
}

static cJSON *pod_ip(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(json_str(obj, "status", "podIP"), "<none>");
}

static cJSON *pod_node(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(json_str(obj, "spec", "nodeName"), "<none>");
}

static cJSON *pod_nominated(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(json_str(obj, "status", "nominatedNodeName"), "<none>");
}

static cJSON *pod_gates(const cJSON *obj, int64_t now_us)
{
    const cJSON *gates = json_at(obj, "spec", "readinessGates");
    int total = cJSON_GetArraySize(gates), open = 0;
    char out[32];
    (void)now_us;
    json_foreach (g, gates) {
        const char *type = json_str(g, "conditionType");
        open += type && is_true(obj, type);
    }
    snprintf(out, sizeof(out), "%d/%d", open, total);
    return cJSON_CreateString(total ? out : "<none>");
}

static const struct column pod_columns[] = {
    COLUMN_NAME,
    COLUMN("Ready", "string", "", 0, "Containers that are ready, of all.", pod_ready),
    COLUMN("Status", "string", "", 0, "State of the Pod in one word.", pod_status),
    COLUMN("Restarts", "string", "", 0, "Restarts of containers, and when the last one was.",
           pod_restarts),
    COLUMN_AGE,
    COLUMN("IP", "string", "", 1, "Address of the Pod.", pod_ip),
    COLUMN("Node", "string", "", 1, "Node the Pod runs on.", pod_node),
    COLUMN("Nominated Node", "string", "", 1, "Node the Pod waits for.", pod_nominated),
    COLUMN("Readiness Gates", "string", "", 1, "Gates that are open, of all.", pod_gates),
    COLUMNS_END};
const struct columns columns_pod = {.items = pod_columns};

/* --- Jobs ----------------------------------------------------------------------------------- */

static cJSON *join_containers(const cJSON *spec, const char *member)
{
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    json_foreach (c, json_at(spec, "containers")) {
        const char *s = json_str(c, member);
        buf_addf(&out, "%s%s", out.len ? "," : "", s ? s : "");
    }
    return cell_buf(&out, "");
}

static cJSON *job_containers(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return join_containers(json_at(obj, "spec", "template", "spec"), "name");
}

static cJSON *job_images(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return join_containers(json_at(obj, "spec", "template", "spec"), "image");
}

static cJSON *job_selector(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_labels(json_at(obj, "spec", "selector", "matchLabels"), "<none>");
}

static cJSON *job_status(const cJSON *obj, int64_t now_us)
{
    static const char *const states[] = {"Complete", "Failed"};
    (void)now_us;
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (is_true(obj, states[i]))
            return cJSON_CreateString(states[i]);
    if (json_str(obj, "metadata", "deletionTimestamp"))
        return cJSON_CreateString("Terminating");
    static const char *const waiting[] = {"Suspended", "FailureTarget", "SuccessCriteriaMet"};
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        if (is_true(obj, waiting[i]))
            return cJSON_CreateString(waiting[i]);
    return cJSON_CreateString("Running");
}

static cJSON *job_completions(const cJSON *obj, int64_t now_us)
{
    int64_t done = json_int(0, obj, "status", "succeeded");
    int64_t parallel = json_int(0, obj, "spec", "parallelism");
    char out[96];
    (void)now_us;
    if (json_at(obj, "spec", "completions"))
        snprintf(out, sizeof(out), "%lld/%lld", (long long)done,
                 (long long)json_int(0, obj, "spec", "completions"));
    else if (parallel > 1)
        snprintf(out, sizeof(out), "%lld/1 of %lld", (long long)done, (long long)parallel);
    else
        snprintf(out, sizeof(out), "%lld/1", (long long)done);
    return cJSON_CreateString(out);
}

static cJSON *job_duration(const cJSON *obj, int64_t now_us)
{
    const char *start = json_str(obj, "status", "startTime");
    const char *end = json_str(obj, "status", "completionTime");
    int64_t until = now_us;
    char out[32];
    if (end)
        clock_parse(end, &until);
    return cJSON_CreateString(age_text(start, until, "", out));
}

static const struct column job_columns[] = {
    COLUMN_NAME,
    COLUMN("Status", "string", "", 0, "State of the Job.", job_status),
    COLUMN("Completions", "string", "", 0, "Pods that succeeded, of those needed.",
           job_completions),
    COLUMN("Duration", "string", "", 0, "Time from start to end, or until now.", job_duration),
    COLUMN_AGE,
    COLUMN("Containers", "string", "", 1, "Names of the containers.", job_containers),
    COLUMN("Images", "string", "", 1, "Images of the containers.", job_images),
    COLUMN("Selector", "string", "", 1, "Labels of the Job's Pods.", job_selector),
    COLUMNS_END};
const struct columns columns_job = {.items = job_columns};

static cJSON *cron_schedule(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(json_str(obj, "spec", "schedule"), "");
}

static cJSON *cron_zone(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(json_str(obj, "spec", "timeZone"), "<none>");
}

static cJSON *cron_suspend(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cJSON_CreateString(json_bool(false, obj, "spec", "suspend") ? "True" : "False");
}

static cJSON *cron_active(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cJSON_CreateNumber(cJSON_GetArraySize(json_at(obj, "status", "active")));
}

static cJSON *cron_last(const cJSON *obj, int64_t now_us)
{
    char out[32];
    return cJSON_CreateString(
        age_text(json_str(obj, "status", "lastScheduleTime"), now_us, "<none>", out));
}

static cJSON *cron_containers(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return join_containers(json_at(obj, "spec", "jobTemplate", "spec", "template", "spec"), "name");
}

static cJSON *cron_images(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return join_containers(json_at(obj, "spec", "jobTemplate", "spec", "template", "spec"),
                           "image");
}

static cJSON *cron_selector(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_labels(json_at(obj, "spec", "jobTemplate", "spec", "selector", "matchLabels"),
                       "<none>");
}

static const struct column cron_columns[] = {
    COLUMN_NAME,
    COLUMN("Schedule", "string", "", 0, "When it runs, in cron format.", cron_schedule),
    COLUMN("Timezone", "string", "", 0, "Time zone of the schedule.", cron_zone),
    COLUMN("Suspend", "string", "", 0, "Whether runs are held back.", cron_suspend),
    COLUMN("Active", "string", "", 0, "Jobs that run now.", cron_active),
    COLUMN("Last Schedule", "string", "", 0, "Time since the last run.", cron_last),
    COLUMN_AGE,
    COLUMN("Containers", "string", "", 1, "Names of the containers.", cron_containers),
    COLUMN("Images", "string", "", 1, "Images of the containers.", cron_images),
    COLUMN("Selector", "string", "", 1, "Labels of the Pods.", cron_selector),
    COLUMNS_END};
const struct columns columns_cron_job = {.items = cron_columns};
