/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path: from an engine's word to the role label of a Pod, without waiting for a queue. One
 * InstanceSet at a time is planned, from the cached labels and the last reports; its patches go out
 * at once. While they are under way the next run waits, because it would plan on labels that are
 * about to change.
 */
#define LOG_ROOM "workload"
#include "base/log.h"
#include "workload/drive.h"

#define ARENA_MAX (64u << 20)
#define RETRY_MS  100

struct labelling {
    struct ticket ticket;
    char *cluster, *component;
};

static struct plan_member member_of(const struct workload *w, const cJSON *pod)
{
    const struct drive_instance *i = map_get(&w->drive->instances, kube_uid(pod));
    const char *version = kube_annotation(pod, ANNOTATION_ROLE_VERSION);
    struct plan_member m = {.pod = kube_name(pod),
                            .uid = kube_uid(pod),
                            .label = kube_label(pod, LABEL_ROLE),
                            .role = ""};
    if (version && str_to_u64(str_of(version), &m.label_version) < 0)
        m.label_version = 0;
    if (!i || !i->heard)
        return m;
    m.heard = true;
    m.known = i->known;
    m.role = i->role;
    m.version = i->version;
    return m;
}

static void on_labelled(void *arg, bool ok)
{
    struct labelling *l = arg;
    struct workload *w = l->ticket.w;
    struct drive_component *c = w ? drive_component_find(w, l->cluster, l->component) : NULL;
    if (c) {
        bool again = c->label_again;
        c->labelling = c->label_again = false;
        if (!ok)
            dirty_soon(w, QUEUE_DRIVE, l->cluster, RETRY_MS);
        else if (again)
            labels_run(w, l->cluster, l->component);
    }
    ticket_close(&l->ticket);
    mem_free(l->cluster);
    mem_free(l->component);
    mem_free(l);
}

static void plan_labels(struct workload *w, const cJSON *its, const char *its_key, struct plan *p)
{
    const cJSON **pods;
    size_t n = cached_find(w, STORE_PODS, INDEX_ITS, its_key, p->arena, &pods);
    struct plan_member *m = arena_array(p->arena, struct plan_member, n + 1);
    for (size_t i = 0; i < n; i++)
        m[i] = member_of(w, pods[i]);
    plan_roles(json_at(its, "spec", "roles"), kube_ns(its), m, n, p);
}

void labels_run(struct workload *w, const char *cluster_key, const char *component)
{
    struct drive_component *c = drive_component_find(w, cluster_key, component);
    const cJSON *its = c ? cached_key(w, STORE_ITS, c->its) : NULL;
    if (!its)
        return;
    if (c->labelling) {
        c->label_again = true;
        return;
    }
    struct plan p;
    plan_init(&p, ARENA_MAX);
    plan_labels(w, its, c->its, &p);
    if (!p.first) {
        plan_done(&p);
        return;
    }
    for (const struct plan_step *s = p.first; s; s = s->next) {
        const char *role = json_str(s->body, "metadata", "labels", LABEL_ROLE);
        log_info("%s/%s: role %s: %s", s->ns, s->name, role ? role : "none", s->reason);
    }
    struct labelling *l = mem_new(struct labelling);
    l->cluster = mem_strdup(cluster_key);
    l->component = mem_strdup(component);
    ticket_open(w, &l->ticket);
    c->labelling = true;
    act_start(w, &p, its, on_labelled, l);
}
