/* SPDX-License-Identifier: Apache-2.0 */
/* Inside plan only: what the parts of the Cluster planner share. */
#ifndef ATOLL_PLAN_CLUS_H
#define ATOLL_PLAN_CLUS_H

#include "plan/plan.h"

#define STAGE_NONE (-1)

struct clus_comp {
    const char *name;  /* "db" */
    const cJSON *spec; /* row of componentSpecs; NULL: the topology has it, the user says nothing */
    const char *pattern;              /* of its definition */
    int provision, update, terminate; /* stages; STAGE_NONE: in no order */
    const cJSON *have;                /* the Component object, NULL absent */
    cJSON *want;                      /* what it shall be; owned; NULL: see error */
    bool current;                     /* have is what we want */
    const char *error;                /* why it cannot be built */
};

struct clus {
    const struct plan_cluster_in *in;
    struct plan *p;
    struct arena *a;
    const cJSON *spec, *topology;
    const char *name, *ns;
    struct clus_comp *comps;
    size_t n;
    const char *refused; /* the spec as a whole is not accepted: the sentence */
    const char *kept;    /* deletion is refused: the sentence */
    bool deleting;
};

/* cluster_components.c */
void clus_resolve(struct clus *c);
void clus_components(struct clus *c);
bool clus_settled(const struct clus_comp *m); /* running (or stopped) as we want it */
/* cluster_status.c */
cJSON *clus_status(const struct clus *c);

#endif
