/* SPDX-License-Identifier: Apache-2.0 */
/* Inside plan only: what the parts of the Component planner share. */
#ifndef ATOLL_PLAN_COMP_H
#define ATOLL_PLAN_COMP_H

#include "plan/plan.h"

struct comp {
    const struct plan_component_in *in;
    struct arena *a;
    const cJSON *spec, *def;    /* def: definition's spec */
    const char *name, *ns;      /* the Component object */
    const char *cluster, *comp; /* "orders", "db" */
    bool changing;              /* the InstanceSet is not, or not known to be, what we want */
    const char *refused_reason; /* why nothing may be made or changed now; NULL */
    const char *refused;        /* the sentence */
};
void comp_setup(struct comp *c, const struct plan_component_in *in, struct arena *a);
cJSON *comp_labels(const struct comp *c); /* managed-by, instance, component-name */
cJSON *comp_child(const struct comp *c, const char *kind,
                  const char *name); /* v1 object with meta and owner */
const cJSON *comp_find(const cJSON *const *list, size_t n, const char *name);
const char *comp_config_object(const struct comp *c, const char *volume);
bool comp_volume_secret(const struct comp *c, const char *volume); /* a file in it holds a secret */

/* component_template.c: -EINVAL with a sentence for what the definition asks and is not served. */
int comp_template(const struct comp *c, cJSON **ret, struct err **err);
/* component_env.c */
int comp_env(const struct comp *c, cJSON *container, struct err **err);
/* component_services.c */
void comp_services(const struct comp *c, struct plan *p);
/* component_status.c */
cJSON *comp_status(const struct comp *c);

#endif
