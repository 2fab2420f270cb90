/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Components a Cluster has, what each shall be, and whether it is its turn.
 *
 * With a clusterDef the topology says which components there are and in which order they come,
 * change and go; without one every component names its definition. A stage is touched when the
 * stage before it is settled: running (or stopped) with what we want of it. Components in no order
 * are touched at once.
 */
#include <errno.h>
#include <string.h>

#include "plan/clus.h"

/* ---- topology
 * -------------------------------------------------------------------------------------------------
 */

static const cJSON *topology_find(const cJSON *clusterdef, const char *name, struct err **err)
{
    struct buf names = BUF_INIT(1024);
    const cJSON *topologies = json_at(clusterdef, "spec", "topologies"), *found = NULL;
    json_foreach (t, topologies) {
        bool meant =
            name && *name ? streq(json_str(t, "name"), name) : json_bool(false, t, "default");
        if (meant && !found)
            found = t;
        buf_addf(&names, "%s%s", names.len ? ", " : "", json_str(t, "name"));
    }
    if (!found && !(name && *name) && cJSON_GetArraySize(topologies) == 1)
        found = topologies->child;
    if (!found)
        err_set(err, -ENOENT, "spec.topology: ClusterDefinition %s has %s \"%s\"; it has: %s",
                json_str(clusterdef, "metadata", "name"),
                name && *name ? "no topology" : "no default topology", name ? name : "",
                buf_str(&names));
    buf_done(&names);
    return found;
}

static const cJSON *clusterdef_find(const struct clus *c, const char *name, struct err **err)
{
    struct buf names = BUF_INIT(1024);
    for (size_t i = 0; i < c->in->n_clusterdefs; i++) {
        const char *have = json_str(c->in->clusterdefs[i], "metadata", "name");
        if (streq(have, name)) {
            buf_done(&names);
            return c->in->clusterdefs[i];
        }
        buf_addf(&names, "%s%s", names.len ? ", " : "", have);
    }
    err_set(err, -ENOENT, "spec.clusterDef: there is no ClusterDefinition \"%s\"; there are: %s",
            name, names.len ? buf_str(&names) : "none");
    buf_done(&names);
    return NULL;
}

/* The topology's row for a component; rows that are templates match by the start of the name. */
static const cJSON *topology_row(const cJSON *topology, const char *name)
{
    const cJSON *exact = json_find(json_at(topology, "components"), "name", name);
    if (exact)
        return exact;
    json_foreach (row, json_at(topology, "components")) {
        if (json_bool(false, row, "template") && str_starts(name, json_str(row, "name")))
            return row;
    }
    return NULL;
}

static int stage_in(const cJSON *topology, const char *order, const char *name)
{
    int stage = 0;
    json_foreach (entry, json_at(topology, "orders", order)) {
        struct str rest = str_of(json_string_of(entry)), piece;
        while (str_split(&rest, ',', &piece))
            if (str_eq(str_trim(piece), str_of(name)))
                return stage;
        stage++;
    }
    return STAGE_NONE;
}

/* ---- the list
 * ---------------------------------------------------------------------------------------------------
 */

static const cJSON *component_find(const struct clus *c, const char *comp)
{
    for (size_t i = 0; i < c->in->n_components; i++)
        if (streq(json_str(c->in->components[i], "metadata", "labels", LABEL_COMPONENT), comp))
            return c->in->components[i];
    return NULL;
}

static struct clus_comp *comp_add(struct clus *c, const char *name, const cJSON *spec,
                                  const char *pattern)
{
    struct clus_comp *m = &c->comps[c->n++];
    *m = (struct clus_comp){.name = name, .spec = spec, .pattern = pattern};
    m->provision = stage_in(c->topology, "provision", name);
    m->update = stage_in(c->topology, "update", name);
    m->terminate = stage_in(c->topology, "terminate", name);
    m->have = component_find(c, name);
    return m;
}

static void refuse(struct clus *c, const char *sentence)
{
    if (!c->refused)
        c->refused = sentence;
}

static void add_from_spec(struct clus *c)
{
    json_foreach (row, json_at(c->spec, "componentSpecs")) {
        const char *name = json_str(row, "name"), *def = json_str(row, "componentDef");
        const cJSON *in_topology = topology_row(c->topology, name ? name : "");
        if (!name)
            continue;
        if (c->topology && !in_topology)
            refuse(c, arena_printf(c->a, "spec.componentSpecs: topology %s has no component \"%s\"",
                                   json_str(c->topology, "name"), name));
        else if (!c->topology && !(def && *def))
            refuse(c, arena_printf(c->a,
                                   "spec.componentSpecs: \"%s\" needs a componentDef, because "
                                   "there is no clusterDef",
                                   name));
        else
            comp_add(c, name, row, def && *def ? def : json_str(in_topology, "compDef"));
    }
}

static void add_from_topology(struct clus *c)
{
    json_foreach (row, json_at(c->topology, "components")) {
        const char *name = json_str(row, "name");
        if (!json_bool(false, row, "template") &&
            !json_find(json_at(c->spec, "componentSpecs"), "name", name))
            comp_add(c, name, NULL, json_str(row, "compDef"));
    }
    if (cJSON_GetArraySize(json_at(c->topology, "shardings")))
        refuse(c, arena_printf(c->a, "spec.topology: %s needs sharding, which is not served yet",
                               json_str(c->topology, "name")));
}

void clus_resolve(struct clus *c)
{
    AUTO(err_freep) struct err *err = NULL;
    const char *def = json_str(c->spec, "clusterDef");
    if (def && *def) {
        const cJSON *clusterdef = clusterdef_find(c, def, &err);
        c->topology =
            clusterdef ? topology_find(clusterdef, json_str(c->spec, "topology"), &err) : NULL;
    }
    size_t max = (size_t)cJSON_GetArraySize(json_at(c->spec, "componentSpecs")) +
                 (size_t)cJSON_GetArraySize(json_at(c->topology, "components"));
    c->comps = arena_array(c->a, struct clus_comp, max + 1);
    if (err) {
        refuse(c, arena_strdup(c->a, err_text(err)));
        return;
    }
    add_from_spec(c);
    add_from_topology(c);
}

/* ---- one Component
 * --------------------------------------------------------------------------------------------------
 */

#define NAME_MAX_LEN                                                                               \
    52 /* leaves room for "-headless" and an ordinal within the 63 of a DNS label */

static cJSON *spec_build(const struct clus *c, const struct clus_comp *m, const cJSON *def)
{
    cJSON *spec = m->spec ? cJSON_Duplicate(m->spec, true) : cJSON_CreateObject();
    json_del(spec, "name");
    json_del(spec, "componentDef");
    json_del(spec, "issuer");
    json_del(spec, "tls");
    json_put_str(spec, json_str(def, "metadata", "name"), "compDef");
    if (!json_at(spec, "serviceVersion") && json_str(def, "spec", "serviceVersion"))
        json_put_str(spec, json_str(def, "spec", "serviceVersion"), "serviceVersion");
    if (!json_at(spec, "replicas"))
        json_put_int(spec, 1, "replicas");
    if (!json_at(spec, "schedulingPolicy") && json_at(c->spec, "schedulingPolicy"))
        json_put(spec, cJSON_Duplicate(json_at(c->spec, "schedulingPolicy"), true),
                 "schedulingPolicy");
    if (json_str(c->spec, "runtimeClassName"))
        json_put_str(spec, json_str(c->spec, "runtimeClassName"), "runtimeClassName");
    json_put_str(spec, json_str(c->spec, "terminationPolicy"), "terminationPolicy");
    return spec;
}

static cJSON *labels_build(const struct clus *c, const struct clus_comp *m)
{
    cJSON *labels = cJSON_CreateObject();
    json_put_str(labels, LABEL_MANAGED_BY_VALUE, LABEL_MANAGED_BY);
    json_put_str(labels, c->name, LABEL_CLUSTER);
    json_put_str(labels, m->name, LABEL_COMPONENT);
    json_put_str(labels, json_str(c->in->cluster, "metadata", "uid"), LABEL_CLUSTER_UID);
    return labels;
}

static void want_build(struct clus *c, struct clus_comp *m)
{
    AUTO(err_freep) struct err *err = NULL;
    const char *name = name_component(c->a, c->name, m->name);
    if (strlen(name) > NAME_MAX_LEN) {
        m->error = arena_printf(
            c->a, "%s is too long for a component's name: want at most %d characters, found %zu",
            name, NAME_MAX_LEN, strlen(name));
        return;
    }
    const cJSON *def =
        plan_definition_find(c->in->compdefs, c->in->n_compdefs, m->pattern,
                             json_str(m->have, "spec", "compDef"), "ComponentDefinition", &err);
    if (!def) {
        m->error = arena_printf(c->a, "component %s: %s", m->name, err_text(err));
        return;
    }
    m->want = cJSON_CreateObject();
    json_put_str(m->want, API_GROUP_APPS "/v1", "apiVersion");
    json_put_str(m->want, "Component", "kind");
    cJSON *owner = desired_owner(c->in->cluster, API_GROUP_APPS "/v1", "Cluster");
    json_put(m->want, desired_meta(c->ns, name, labels_build(c, m), owner), "metadata");
    if (c->topology)
        json_put_str(m->want, json_str(c->topology, "name"), "metadata", "annotations",
                     ANNOTATION_TOPOLOGY);
    json_put(m->want, spec_build(c, m, def), "spec");
    api_normalize(API_COMPONENT, m->want);
    field_default(c->in->schemas->of[API_COMPONENT], m->want);
    m->current = m->have && json_equal(json_at(m->have, "spec"), json_at(m->want, "spec"));
}

bool clus_settled(const struct clus_comp *m)
{
    const char *phase = json_str(m->have, "status", "phase");
    bool seen = json_int(-1, m->have, "status", "observedGeneration") ==
                json_int(0, m->have, "metadata", "generation");
    return m->have && m->current && seen && (streq(phase, "Running") || streq(phase, "Stopped"));
}

static int stage_of(const struct clus_comp *m)
{
    return m->have ? m->update : m->provision;
}

/* Only the stage right before is waited for. */
static const struct clus_comp *waits_for(const struct clus *c, const struct clus_comp *m)
{
    int stage = stage_of(m);
    if (stage == STAGE_NONE)
        return NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct clus_comp *o = &c->comps[i];
        int other = m->have ? o->update : o->provision;
        if (other == stage - 1 && other != STAGE_NONE && !clus_settled(o))
            return o;
    }
    return NULL;
}

void clus_components(struct clus *c)
{
    for (size_t i = 0; i < c->n; i++)
        want_build(c, &c->comps[i]);
    for (size_t i = 0; i < c->n; i++) {
        struct clus_comp *m = &c->comps[i];
        if (!m->want || json_at(m->have, "metadata", "deletionTimestamp") || waits_for(c, m))
            continue;
        desired_object(c->p, PLAN_COMPONENT, m->have, TAKE(m->want), "spec");
    }
}
