/* SPDX-License-Identifier: Apache-2.0 */
/* Inside workload only: what is remembered of each cluster while its engines are driven. */
#ifndef ATOLL_WORKLOAD_DRIVE_H
#define ATOLL_WORKLOAD_DRIVE_H

#include "workload/control.h"

/* One instance, and the last words of its engine about it. The key of its map is the Pod's uid. */
struct drive_instance {
    struct engine *engine;
    char *cluster, *component; /* "ns/cluster", "db" */
    bool heard, known;
    bool answered;     /* the engine said something, if only that it does not know */
    uint64_t since_ms; /* when its probe was set */
    char *role;
    uint64_t version;
    bool seen; /* in the pass that runs */
};

struct drive_component {
    struct engine *engine;
    char *its;     /* "ns/its", also the Component's key */
    cJSON *advice; /* latest; NULL none yet */
    bool advising, advise_again;
    bool settled;            /* the advice asks for nothing */
    uint64_t turn;           /* of the cluster, when the advice was asked for */
    struct plan_wired wired; /* texts owned */
    bool labelling, label_again;
    bool seen;
};

/* One piece of wiring work; the key of its map is the plugin's. */
struct drive_work {
    struct plan_wire_record record; /* record.key borrowed from the map */
    uint64_t op;
};

struct drive_cluster {
    struct map components; /* name -> struct drive_component */
    struct map instances;  /* uid -> struct drive_instance, the same as in struct drive */
    struct map work;       /* key -> struct drive_work */
    uint64_t hash;         /* of the view that was advised on last */
    bool changed;          /* a role, a fact or an instance changed since */
    uint64_t turn;         /* counts such changes */
    bool quiet;            /* it is being deleted: no wiring */
};

struct drive {
    struct map clusters;  /* "ns/cluster" -> struct drive_cluster */
    struct map instances; /* uid -> struct drive_instance */
};

struct drive_cluster *drive_find(const struct workload *w, const char *key);
void drive_touch(struct drive_cluster *c); /* something an engine sees changed */
struct drive_component *drive_component_find(const struct workload *w, const char *key,
                                             const char *component);

/* labels.c */
void labels_run(struct workload *w, const char *cluster_key, const char *component);
/* wire.c */
void wire_advise(struct workload *w, const char *key, const char *component, const cJSON *full);
void wire_forget(struct drive_cluster *c);

#endif
