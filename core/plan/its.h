/* SPDX-License-Identifier: Apache-2.0 */
/* Inside plan only: what the three parts of the InstanceSet planner (align, update, status) look
 * at. */
#ifndef ATOLL_PLAN_ITS_H
#define ATOLL_PLAN_ITS_H

#include "base/map.h"
#include "plan/plan.h"

/* How a Pod gets from what it is to what its template says. */
enum its_change {
    ITS_SAME,
    ITS_METADATA, /* labels, annotations, tolerations: a patch that disturbs nothing */
    ITS_IN_PLACE, /* a patch after which containers restart: an image */
    ITS_RECREATE,
    ITS_RESTRICTED /* only a new Pod would do it, and the policy forbids that */
};

struct its_template { /* one per row of spec.instances, and one for the rest */
    const char *name;
    cJSON *pod; /* Pod template with the row's overrides; owned */
    const cJSON *row;
    const char *revision;
};

struct its_pod {
    const cJSON *pod;
    const char *name, *role;
    const struct plan_instance *want; /* NULL: it shall not exist */
    const struct its_template *tpl;   /* of want */
    bool ready, available, terminating, failed, mine;
    bool leaving;     /* this plan deletes it */
    int64_t priority; /* updatePriority of its role; -1 without a role */
    int64_t ordinal;
    enum its_change change;
    cJSON *patch; /* for ITS_METADATA and ITS_IN_PLACE; owned */
};

struct its {
    const struct plan_its_in *in;
    struct plan *p;
    const cJSON *spec;
    const char *name, *ns;
    int64_t replicas;
    bool stop, paused, parallel;
    struct plan_instance *want;
    size_t n_want;
    struct its_template *tpls;
    size_t n_tpls;
    struct its_pod *pods; /* as many as in->n_pods, the set's own first */
    size_t n_pods;
    struct map by_name;     /* Pod name -> struct its_pod */
    struct map wanted;      /* Pod name -> struct plan_instance */
    struct map pvcs;        /* claim name -> cJSON */
    const char *spec_error; /* why the spec cannot be met, or NULL */
    const char *restricted; /* sentence for InstanceUpdateRestricted, or NULL */
};

/* instanceset_pod.c */
void its_templates_build(struct its *s);
cJSON *its_pod_build(const struct its *s, const struct plan_instance *i);
cJSON *its_pvc_build(const struct its *s, const struct plan_instance *i, const cJSON *claim);
const struct its_template *its_template_of(const struct its *s, const struct plan_instance *i);
void its_pod_compare(const struct its *s, struct its_pod *m);
void its_schedule(cJSON *pod_spec, const cJSON *policy); /* also for component_template.c */
/* instanceset.c */
void its_pod_delete(struct its *s, struct its_pod *m, const char *why);
/* instanceset_update.c */
void its_update(struct its *s);
/* instanceset_status.c */
cJSON *its_status(const struct its *s);

#endif
