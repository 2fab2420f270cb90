/* SPDX-License-Identifier: Apache-2.0 */
/*
 * InstanceSet: make the instances that are missing, remove those that shall not be, keep their
 * volumes, end in order. Changing instances that are there is instanceset_update.c, what a Pod
 * looks like is instanceset_pod.c, what is told about it is instanceset_status.c.
 */
#include <string.h>

#include "base/clock.h"
#include "plan/its.h"

#define ROLE_MISSING_MS 60000

/* ---- observing one Pod
 * --------------------------------------------------------------------------------- */

static const cJSON *pod_condition(const cJSON *pod, const char *type)
{
    return json_find(json_at(pod, "status", "conditions"), "type", type);
}

bool plan_pod_ready(const cJSON *pod)
{
    return streq(json_str(pod_condition(pod, "Ready"), "status"), "True");
}

static int64_t ready_for_ms(const cJSON *pod, int64_t now_us)
{
    const char *since = json_str(pod_condition(pod, "Ready"), "lastTransitionTime");
    int64_t at_us;
    if (!since || clock_parse(since, &at_us) < 0)
        return 0;
    return (now_us - at_us) / 1000;
}

/* Waiting reasons that time alone does not heal. */
static bool container_failed(const cJSON *statuses)
{
    static const char *const BAD[] = {"CrashLoopBackOff",  "ErrImagePull",
                                      "ImagePullBackOff",  "ErrImageNeverPull",
                                      "InvalidImageName",  "CreateContainerConfigError",
                                      "RunContainerError", "CreateContainerError"};
    json_foreach (c, statuses) {
        const char *reason = json_str(c, "state", "waiting", "reason");
        for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
            if (streq(reason, BAD[i]))
                return true;
    }
    return false;
}

static bool pod_failed(const cJSON *pod)
{
    return streq(json_str(pod, "status", "phase"), "Failed") ||
           container_failed(json_at(pod, "status", "containerStatuses")) ||
           container_failed(json_at(pod, "status", "initContainerStatuses"));
}

static void pod_observe_role(struct its *s, struct its_pod *m)
{
    const cJSON *row = m->role ? json_find(json_at(s->spec, "roles"), "name", m->role) : NULL;
    m->priority = row ? json_int(0, row, "updatePriority") : -1;
    if (row || !cJSON_GetArraySize(json_at(s->spec, "roles")) || !m->ready || m->terminating)
        return;
    /* Ready for a minute and still nobody knows what it is: something is wrong with it. */
    int64_t left = ROLE_MISSING_MS - ready_for_ms(m->pod, s->in->now_us);
    if (left <= 0)
        m->failed = true;
    else
        plan_wake(s->p, left);
}

static void pod_observe(struct its *s, struct its_pod *m)
{
    m->name = json_str(m->pod, "metadata", "name");
    m->ordinal = name_ordinal(m->name);
    m->mine = desired_owned(m->pod, s->in->its);
    m->terminating = json_at(m->pod, "metadata", "deletionTimestamp") != NULL;
    m->role = json_str(m->pod, "metadata", "labels", LABEL_ROLE);
    m->ready = plan_pod_ready(m->pod);
    m->failed = pod_failed(m->pod);
    int64_t left = json_int(0, s->spec, "minReadySeconds") * 1000;
    if (left && m->ready)
        left -= ready_for_ms(m->pod, s->in->now_us);
    m->available = m->ready && !m->terminating && left <= 0;
    if (m->ready && left > 0)
        plan_wake(s->p, left);
    pod_observe_role(s, m);
}

/* A map holds void *; what comes out is used as const again. */
static void *cast_away(const cJSON *j)
{
    union {
        const cJSON *from;
        void *to;
    } u = {.from = j};
    return u.to;
}

static void observe(struct its *s)
{
    s->pods = arena_array(s->p->arena, struct its_pod, s->in->n_pods + 1);
    for (size_t i = 0; i < s->in->n_pods; i++) {
        struct its_pod *m = &s->pods[s->n_pods++];
        m->pod = s->in->pods[i];
        pod_observe(s, m);
        map_set(&s->by_name, m->name, m);
    }
    for (size_t i = 0; i < s->in->n_pvcs; i++)
        map_set(&s->pvcs, json_str(s->in->pvcs[i], "metadata", "name"), cast_away(s->in->pvcs[i]));
    for (size_t i = 0; i < s->n_want; i++) {
        struct its_pod *m = map_get(&s->by_name, s->want[i].name);
        map_set(&s->wanted, s->want[i].name, &s->want[i]);
        if (!m || !m->mine)
            continue;
        m->want = &s->want[i];
        m->tpl = its_template_of(s, m->want);
        its_pod_compare(s, m);
    }
}

/* ---- volumes
 * ------------------------------------------------------------------------------------------- */

/* Claims of an instance that are missing are made; false while one of them is on its way out. */
static bool claims_ensure(struct its *s, const struct plan_instance *i)
{
    bool usable = true;
    json_foreach (claim, json_at(s->spec, "volumeClaimTemplates")) {
        const char *vct = json_str(claim, "metadata", "name");
        const char *name = vct ? name_pvc(s->p->arena, vct, i->name) : NULL;
        if (!name)
            continue;
        const cJSON *there = map_get(&s->pvcs, name);
        if (!there)
            plan_step_add(s->p, PLAN_CREATE, PLAN_PVC, s->ns, name, its_pvc_build(s, i, claim),
                          "volume of the new instance %s", i->name);
        else if (json_at(there, "metadata", "deletionTimestamp"))
            usable = false;
    }
    return usable;
}

static bool wants_deleted(const struct its *s, const char *when)
{
    return !streq(json_str(s->spec, "persistentVolumeClaimRetentionPolicy", when), "Retain");
}

/* Volumes of instances that were scaled in, once their Pod is gone. */
static void claims_release(struct its *s)
{
    if (s->stop || s->spec_error || !wants_deleted(s, "whenScaled"))
        return;
    for (size_t i = 0; i < s->in->n_pvcs; i++) {
        const cJSON *pvc = s->in->pvcs[i];
        const char *pod = json_str(pvc, "metadata", "labels", LABEL_POD_NAME);
        if (!pod || json_at(pvc, "metadata", "deletionTimestamp") || map_get(&s->by_name, pod) ||
            map_get(&s->wanted, pod))
            continue;
        plan_step_add(s->p, PLAN_DELETE, PLAN_PVC, s->ns, json_str(pvc, "metadata", "name"), NULL,
                      "instance %s was scaled in and whenScaled is Delete", pod)
            ->uid = arena_strdup(s->p->arena, json_str(pvc, "metadata", "uid"));
    }
}

/* ---- Pods
 * ------------------------------------------------------------------------------------------------
 */

void its_pod_delete(struct its *s, struct its_pod *m, const char *why)
{
    if (m->leaving)
        return;
    m->leaving = true;
    plan_step_add(s->p, PLAN_DELETE, PLAN_POD, s->ns, m->name, NULL, "%s", why)->uid =
        arena_strdup(s->p->arena, json_str(m->pod, "metadata", "uid"));
}

static int64_t unavailable(const struct its *s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s->n_pods; i++)
        n += s->pods[i].want && !s->pods[i].available;
    return n;
}

/* How many may be made in this round. Ordered: the next one, when all before it are available. */
static int64_t create_budget(const struct its *s)
{
    if (!s->parallel)
        return 1;
    int64_t at_once = desired_share(json_at(s->spec, "parallelPodManagementConcurrency"),
                                    s->replicas, true, s->replicas);
    return (at_once < 1 ? 1 : at_once) - unavailable(s);
}

static void create_missing(struct its *s)
{
    int64_t budget = create_budget(s);
    struct plan_instance **make = arena_array(s->p->arena, struct plan_instance *, s->n_want + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_want && budget > 0; i++) {
        struct its_pod *there = map_get(&s->by_name, s->want[i].name);
        if (there && !there->mine)
            plan_event_add(s->p, true, "NameTaken", "Pod %s exists and belongs to somebody else",
                           there->name);
        if (there && !s->parallel && !there->available)
            break;
        if (there || !claims_ensure(s, &s->want[i]))
            continue;
        make[n++] = &s->want[i];
        budget--;
    }
    plan_barrier(s->p);
    for (size_t i = 0; i < n; i++)
        plan_step_add(s->p, PLAN_CREATE, PLAN_POD, s->ns, make[i]->name, its_pod_build(s, make[i]),
                      "instance %zu of %lld is missing", (size_t)(make[i] - s->want) + 1,
                      (long long)s->n_want);
}

/* Highest ordinal of the last template first; ordered sets lose one at a time. */
static bool removed_after(const struct its_pod *a, const struct its_pod *b)
{
    const char *ta = json_str(a->pod, "metadata", "labels", LABEL_ITS_TEMPLATE);
    const char *tb = json_str(b->pod, "metadata", "labels", LABEL_ITS_TEMPLATE);
    int c = strcmp(ta ? ta : "", tb ? tb : "");
    return c ? c < 0 : a->ordinal < b->ordinal;
}

static void delete_unwanted(struct its *s)
{
    const char *why = s->stop ? "the set is stopped" : "it is not among the wanted instances";
    struct its_pod *victim = NULL;
    for (size_t i = 0; i < s->n_pods; i++) {
        struct its_pod *m = &s->pods[i];
        if (m->want || !m->mine)
            continue;
        if (m->terminating && !s->parallel)
            return;
        if (m->terminating)
            continue;
        if (s->parallel || s->stop)
            its_pod_delete(s, m, why);
        else if (!victim || removed_after(victim, m))
            victim = m;
    }
    if (victim)
        its_pod_delete(s, victim, why);
}

/* A Pod that ended for good (evicted, node lost) does not come back by itself. */
static void replace_ended(struct its *s)
{
    for (size_t i = 0; i < s->n_pods; i++) {
        const char *phase = json_str(s->pods[i].pod, "status", "phase");
        if (s->pods[i].want && !s->pods[i].terminating &&
            (streq(phase, "Failed") || streq(phase, "Succeeded")))
            its_pod_delete(s, &s->pods[i], "it has ended and will not start again");
    }
}

static bool aligned(const struct its *s)
{
    size_t present = 0;
    for (size_t i = 0; i < s->n_pods; i++) {
        if (!s->pods[i].want && s->pods[i].mine)
            return false;
        present += s->pods[i].want != NULL;
    }
    return present == s->n_want;
}

/* ---- headless Service
 * -------------------------------------------------------------------------------------- */

static cJSON *headless_ports(const cJSON *template)
{
    cJSON *ports = cJSON_CreateArray();
    json_foreach (c, json_at(template, "spec", "containers")) {
        json_foreach (port, json_at(c, "ports")) {
            cJSON *o = cJSON_CreateObject();
            if (json_str(port, "name"))
                json_put_str(o, json_str(port, "name"), "name");
            json_put_int(o, json_int(0, port, "containerPort"), "port");
            json_put_str(o, json_str(port, "protocol") ? json_str(port, "protocol") : "TCP",
                         "protocol");
            cJSON_AddItemToArray(ports, o);
        }
    }
    return ports;
}

/* Stable names of the instances: <pod>.<set>-headless. They exist before the instance is ready. */
static void headless_ensure(struct its *s)
{
    if (json_bool(false, s->spec, "disableDefaultHeadlessService"))
        return;
    const char *name = arena_printf(s->p->arena, "%s-headless", s->name);
    const cJSON *selector = json_at(s->spec, "selector", "matchLabels");
    cJSON *labels = selector ? cJSON_Duplicate(selector, true) : cJSON_CreateObject();
    json_put_str(labels, LABEL_MANAGED_BY_VALUE, LABEL_MANAGED_BY);
    cJSON *svc = cJSON_CreateObject();
    json_put_str(svc, "v1", "apiVersion");
    json_put_str(svc, "Service", "kind");
    json_put(svc,
             desired_meta(s->ns, name, labels,
                          desired_owner(s->in->its, API_GROUP_WORKLOADS "/v1", LABEL_ITS_KIND)),
             "metadata");
    json_put_str(svc, "None", "spec", "clusterIP");
    json_put_bool(svc, true, "spec", "publishNotReadyAddresses");
    cJSON *ports = headless_ports(json_at(s->spec, "template"));
    if (ports->child)
        json_put(svc, ports, "spec", "ports");
    else
        cJSON_Delete(ports);
    if (selector)
        json_put(svc, cJSON_Duplicate(selector, true), "spec", "selector");
    desired_object(s->p, PLAN_SERVICE, s->in->headless, svc, NULL);
}

/* ---- end
 * -----------------------------------------------------------------------------------------------------
 */

/* Pods first, volumes by policy when no Pod can write to them any more, then the object itself. */
static void finish(struct its *s)
{
    if (!json_array_has(json_at(s->in->its, "metadata", "finalizers"), FINALIZER_ITS))
        return;
    size_t left = 0;
    for (size_t i = 0; i < s->n_pods; i++) {
        left += s->pods[i].mine;
        if (s->pods[i].mine && !s->pods[i].terminating)
            its_pod_delete(s, &s->pods[i], "the set is being deleted");
    }
    if (left)
        return;
    for (size_t i = 0; i < s->in->n_pvcs && wants_deleted(s, "whenDeleted"); i++) {
        const cJSON *pvc = s->in->pvcs[i];
        if (!json_at(pvc, "metadata", "deletionTimestamp"))
            plan_step_add(s->p, PLAN_DELETE, PLAN_PVC, s->ns, json_str(pvc, "metadata", "name"),
                          NULL, "the set is being deleted and whenDeleted is Delete")
                ->uid = arena_strdup(s->p->arena, json_str(pvc, "metadata", "uid"));
    }
    plan_barrier(s->p);
    plan_step_add(s->p, PLAN_PATCH, PLAN_INSTANCESET, s->ns, s->name,
                  desired_finalizer(s->in->its, FINALIZER_ITS, false), "all its Pods are gone");
}

static void align_and_update(struct its *s)
{
    if (s->spec_error) {
        plan_event_add(s->p, true, "InvalidSpec", "%s", s->spec_error);
        return;
    }
    cJSON *finalizer = desired_finalizer(s->in->its, FINALIZER_ITS, true);
    if (finalizer)
        plan_step_add(s->p, PLAN_PATCH, PLAN_INSTANCESET, s->ns, s->name, finalizer,
                      "its Pods must go before it goes");
    headless_ensure(s);
    plan_barrier(s->p);
    create_missing(s);
    delete_unwanted(s);
    replace_ended(s);
    if (aligned(s) && !s->stop)
        its_update(s);
    claims_release(s);
}

static void on_violation(void *arg, const char *path, const char *text)
{
    struct its *s = arg;
    if (!s->spec_error)
        s->spec_error = arena_printf(s->p->arena, "%s %s", path, text);
}

static void setup(struct its *s, const struct plan_its_in *in, struct plan *p)
{
    *s = (struct its){.in = in, .p = p, .spec = json_at(in->its, "spec")};
    s->name = json_str(in->its, "metadata", "name");
    s->ns = json_str(in->its, "metadata", "namespace");
    s->stop = json_bool(false, s->spec, "stop");
    s->paused = json_bool(false, s->spec, "paused");
    s->parallel = streq(json_str(s->spec, "podManagementPolicy"), "Parallel");
    s->replicas = s->stop ? 0 : json_int(1, s->spec, "replicas");
    AUTO(err_freep) struct err *err = NULL;
    if (plan_instances(p->arena, in->its, &s->want, &s->n_want, &err) < 0)
        s->spec_error = arena_strdup(p->arena, err_text(err));
    field_validate(in->schemas->of[API_INSTANCESET], in->its, NULL, on_violation, s);
    if (s->stop)
        s->n_want = 0;
}

static void clear(struct its *s)
{
    for (size_t i = 0; i < s->n_tpls; i++)
        cJSON_Delete(s->tpls[i].pod);
    for (size_t i = 0; i < s->n_pods; i++)
        cJSON_Delete(s->pods[i].patch);
    map_done(&s->by_name);
    map_done(&s->wanted);
    map_done(&s->pvcs);
}

void plan_instanceset(const struct plan_its_in *in, struct plan *p)
{
    struct its s;
    setup(&s, in, p);
    its_templates_build(&s);
    observe(&s);
    if (json_at(in->its, "metadata", "deletionTimestamp")) {
        finish(&s);
    } else {
        if (!s.paused)
            align_and_update(&s);
        plan_barrier(p);
        desired_status(p, PLAN_INSTANCESET, in->its, its_status(&s), "what was observed changed");
    }
    clear(&s);
}
