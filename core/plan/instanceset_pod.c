/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pods and claims of an InstanceSet: how they are built from the template, and how one that is
 * there differs from it. The revision leaves out what can change without a new Pod, and nothing of
 * this program's version enters it, so that upgrading the program restarts no database.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/quantity.h"
#include "plan/its.h"

/* ---- templates
 * ------------------------------------------------------------------------------------------- */

static void map_over(cJSON *root, const cJSON *members, const char *key)
{
    json_foreach (m, members) {
        json_put(root, cJSON_Duplicate(m, true), "metadata", key, m->string);
    }
}

static void env_over(cJSON *container, const cJSON *env)
{
    json_foreach (e, env) {
        cJSON *list = cJSON_GetObjectItemCaseSensitive(container, "env");
        if (!list)
            list = cJSON_AddArrayToObject(container, "env");
        const cJSON *there = json_find(list, "name", json_str(e, "name"));
        int at = 0;
        for (const cJSON *it = list->child; it && it != there; it = it->next)
            at++;
        if (there)
            cJSON_ReplaceItemInArray(list, at, cJSON_Duplicate(e, true));
        else
            cJSON_AddItemToArray(list, cJSON_Duplicate(e, true));
    }
}

void its_schedule(cJSON *pod_spec, const cJSON *policy)
{
    static const char *const MEMBERS[] = {"affinity",     "nodeName",
                                          "nodeSelector", "schedulerName",
                                          "tolerations",  "topologySpreadConstraints"};
    for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++) {
        const cJSON *v = json_at(policy, MEMBERS[i]);
        if (v)
            json_put(pod_spec, cJSON_Duplicate(v, true), MEMBERS[i]);
    }
}

static void images_over(cJSON *pod_spec, const char *list, const cJSON *images)
{
    const cJSON *containers = json_at(pod_spec, list);
    for (cJSON *c = containers ? containers->child : NULL; c; c = c->next) {
        const char *image = json_str(c, "name") ? json_str(images, json_str(c, "name")) : NULL;
        if (image)
            json_put_str(c, image, "image");
    }
}

static void row_over(cJSON *pod, const cJSON *row)
{
    cJSON *spec = json_obj(pod, "spec");
    const cJSON *containers = json_at(spec, "containers");
    cJSON *first = containers ? containers->child : NULL;
    map_over(pod, json_at(row, "labels"), "labels");
    map_over(pod, json_at(row, "annotations"), "annotations");
    its_schedule(spec, json_at(row, "schedulingPolicy"));
    images_over(spec, "containers", json_at(row, "images"));
    images_over(spec, "initContainers", json_at(row, "images"));
    if (!first)
        return;
    env_over(first, json_at(row, "env"));
    if (json_at(row, "resources"))
        json_put(first, cJSON_Duplicate(json_at(row, "resources"), true), "resources");
}

static void drop_cpu_memory(cJSON *container)
{
    static const char *const KINDS[] = {"limits", "requests"};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        json_del(container, "resources", KINDS[i], "cpu");
        json_del(container, "resources", KINDS[i], "memory");
        const cJSON *left = json_at(container, "resources", KINDS[i]);
        if (left && !left->child)
            json_del(container, "resources", KINDS[i]);
    }
    const cJSON *left = json_at(container, "resources");
    if (left && !left->child)
        json_del(container, "resources");
}

static void drop_changeable(cJSON *pod)
{
    static const char *const LISTS[] = {"containers", "initContainers"};
    AUTO(mem_freep)
    char *restart = mem_strdup(json_str(pod, "metadata", "annotations", ANNOTATION_RESTART));
    AUTO(mem_freep)
    char *config = mem_strdup(json_str(pod, "metadata", "annotations", ANNOTATION_CONFIG_HASH));
    json_del(pod, "metadata");
    if (restart)
        json_put_str(pod, restart, "metadata", "annotations", ANNOTATION_RESTART);
    if (config)
        json_put_str(pod, config, "metadata", "annotations", ANNOTATION_CONFIG_HASH);
    json_del(pod, "spec", "tolerations");
    json_del(pod, "spec", "activeDeadlineSeconds");
    for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
        const cJSON *list = json_at(pod, "spec", LISTS[i]);
        for (cJSON *c = list ? list->child : NULL; c; c = c->next) {
            json_del(c, "image");
            drop_cpu_memory(c);
        }
    }
}

/* Ten letters that are safe in a label and cannot spell a word. */
static const char *revision_of(struct arena *a, const cJSON *pod)
{
    static const char ALPHABET[] = "bcdfghjklmnpqrstvwxz2456789";
    AUTO(json_freep) cJSON *copy = cJSON_Duplicate(pod, true);
    drop_changeable(copy);
    uint64_t h = json_hash(copy);
    char text[11] = "";
    for (size_t i = 0; i < sizeof(text) - 1; i++, h /= sizeof(ALPHABET) - 1)
        text[i] = ALPHABET[h % (sizeof(ALPHABET) - 1)];
    return arena_strdup(a, text);
}

static void template_build(struct its *s, const cJSON *row)
{
    struct its_template *t = &s->tpls[s->n_tpls++];
    t->row = row;
    t->name = row ? json_str(row, "name") : "";
    t->pod = cJSON_Duplicate(json_at(s->spec, "template"), true);
    if (!t->pod)
        t->pod = cJSON_CreateObject();
    if (row)
        row_over(t->pod, row);
    t->revision = revision_of(s->p->arena, t->pod);
}

void its_templates_build(struct its *s)
{
    size_t n = (size_t)cJSON_GetArraySize(json_at(s->spec, "instances")) + 1;
    s->tpls = arena_array(s->p->arena, struct its_template, n);
    template_build(s, NULL);
    json_foreach (row, json_at(s->spec, "instances")) {
        template_build(s, row);
    }
}

const struct its_template *its_template_of(const struct its *s, const struct plan_instance *i)
{
    for (size_t k = 0; k < s->n_tpls; k++)
        if (s->tpls[k].row == i->tpl)
            return &s->tpls[k];
    return &s->tpls[0];
}

/* ---- building
 * ---------------------------------------------------------------------------------------------- */

static void labels_system(const struct its *s, const struct plan_instance *i, cJSON *meta)
{
    json_put_str(meta, LABEL_ITS_KIND, "labels", LABEL_ITS_MANAGED_BY);
    json_put_str(meta, s->name, "labels", LABEL_ITS);
    json_put_str(meta, i->name, "labels", LABEL_POD_NAME);
    if (*i->tpl_name)
        json_put_str(meta, i->tpl_name, "labels", LABEL_ITS_TEMPLATE);
}

static const cJSON *claim_of(const struct plan_instance *i, const cJSON *claim)
{
    json_foreach (own, json_at(i->tpl, "volumeClaimTemplates")) {
        const char *name = json_str(own, "metadata", "name") ? json_str(own, "metadata", "name")
                                                             : json_str(own, "name");
        if (streq(name, json_str(claim, "metadata", "name")))
            return own;
    }
    return claim;
}

cJSON *its_pvc_build(const struct its *s, const struct plan_instance *i, const cJSON *claim)
{
    const char *vct = json_str(claim, "metadata", "name");
    const cJSON *from = claim_of(i, claim);
    cJSON *labels = cJSON_Duplicate(json_at(s->spec, "selector", "matchLabels"), true);
    cJSON *pvc = cJSON_CreateObject();
    json_put_str(pvc, "v1", "apiVersion");
    json_put_str(pvc, "PersistentVolumeClaim", "kind");
    json_put(pvc, desired_meta(s->ns, name_pvc(s->p->arena, vct, i->name), labels, NULL),
             "metadata");
    map_over(pvc, json_at(from, "metadata", "labels"), "labels");
    map_over(pvc, json_at(from, "metadata", "annotations"), "annotations");
    labels_system(s, i, json_obj(pvc, "metadata"));
    json_put_str(pvc, vct, "metadata", "labels", LABEL_VCT_NAME);
    if (json_at(from, "spec"))
        json_put(pvc, cJSON_Duplicate(json_at(from, "spec"), true), "spec");
    return pvc;
}

/* A claim replaces a volume of the same name that the template may have. */
static void volumes_add(const struct its *s, const struct plan_instance *i, cJSON *pod_spec)
{
    json_foreach (claim, json_at(s->spec, "volumeClaimTemplates")) {
        const char *name = json_str(claim, "metadata", "name");
        if (!name)
            continue;
        cJSON *list = cJSON_GetObjectItemCaseSensitive(pod_spec, "volumes");
        if (!list)
            list = cJSON_AddArrayToObject(pod_spec, "volumes");
        for (cJSON *v = list->child; v; v = v->next) {
            if (streq(json_str(v, "name"), name)) {
                cJSON_Delete(cJSON_DetachItemViaPointer(list, v));
                break;
            }
        }
        cJSON *v = cJSON_CreateObject();
        json_put_str(v, name, "name");
        json_put_str(v, name_pvc(s->p->arena, name, i->name), "persistentVolumeClaim", "claimName");
        cJSON_AddItemToArray(list, v);
    }
}

cJSON *its_pod_build(const struct its *s, const struct plan_instance *i)
{
    const struct its_template *t = its_template_of(s, i);
    cJSON *owners = cJSON_CreateArray();
    cJSON_AddItemToArray(owners,
                         desired_owner(s->in->its, API_GROUP_WORKLOADS "/v1", LABEL_ITS_KIND));
    cJSON *pod = cJSON_CreateObject();
    json_put_str(pod, "v1", "apiVersion");
    json_put_str(pod, "Pod", "kind");
    cJSON *meta = json_obj(pod, "metadata");
    json_put_str(meta, i->name, "name");
    json_put_str(meta, s->ns, "namespace");
    map_over(pod, json_at(t->pod, "metadata", "labels"), "labels");
    map_over(pod, json_at(t->pod, "metadata", "annotations"), "annotations");
    labels_system(s, i, meta);
    json_put_str(meta, t->revision, "labels", LABEL_REVISION);
    json_put(meta, owners, "ownerReferences");
    if (json_at(t->pod, "spec"))
        json_put(pod, cJSON_Duplicate(json_at(t->pod, "spec"), true), "spec");
    json_put_str(pod, i->name, "spec", "hostname");
    if (!json_str(pod, "spec", "subdomain")) {
        const char *headless = arena_printf(s->p->arena, "%s-headless", s->name);
        json_put_str(pod, headless, "spec", "subdomain");
    }
    volumes_add(s, i, json_obj(pod, "spec"));
    return pod;
}

/* ---- comparing
 * ------------------------------------------------------------------------------------------------
 */

static bool quantities_equal(const char *a, const char *b)
{
    int64_t x, y;
    return a && b && quantity_parse(a, &x, NULL) == 0 && quantity_parse(b, &y, NULL) == 0 && x == y;
}

static const char *quantity_text(struct arena *a, const cJSON *v)
{
    return cJSON_IsNumber(v) ? arena_printf(a, "%.17g", v->valuedouble) : json_string_of(v);
}

/* cpu and memory that the template says and the Pod has otherwise. */
static bool resources_differ(struct arena *a, const cJSON *want, const cJSON *have)
{
    static const char *const KINDS[] = {"limits", "requests"}, *const NAMES[] = {"cpu", "memory"};
    for (size_t i = 0; i < ARRAY_LEN(KINDS) * ARRAY_LEN(NAMES); i++) {
        const cJSON *w = json_at(want, "resources", KINDS[i / 2], NAMES[i % 2]);
        const cJSON *h = json_at(have, "resources", KINDS[i / 2], NAMES[i % 2]);
        if (w && !quantities_equal(quantity_text(a, w), quantity_text(a, h)))
            return true;
    }
    return false;
}

struct difference {
    bool resources, image;
};

static void compare_containers(struct arena *a, const struct its_pod *m, const char *list,
                               struct difference *d)
{
    const cJSON *have = json_at(m->pod, "spec", list);
    json_foreach (want, json_at(m->tpl->pod, "spec", list)) {
        const cJSON *h = json_find(have, "name", json_str(want, "name"));
        d->resources |= resources_differ(a, want, h);
        d->image |=
            json_str(want, "image") && !streq(json_str(want, "image"), json_str(h, "image"));
    }
}

/* Containers as they are in the Pod, with the template's images. */
static void patch_images(const struct its_pod *m, const char *list, cJSON *patch)
{
    const cJSON *have = json_at(m->pod, "spec", list);
    if (!have)
        return;
    cJSON *copy = cJSON_Duplicate(have, true);
    for (cJSON *c = copy->child; c; c = c->next) {
        const cJSON *want =
            json_find(json_at(m->tpl->pod, "spec", list), "name", json_str(c, "name"));
        if (json_str(want, "image"))
            json_put_str(c, json_str(want, "image"), "image");
    }
    json_put(patch, copy, "spec", list);
}

/* A Pod's tolerations may only grow. */
static void patch_tolerations(const struct its_pod *m, cJSON **patch)
{
    const cJSON *have = json_at(m->pod, "spec", "tolerations");
    cJSON *more = NULL;
    json_foreach (want, json_at(m->tpl->pod, "spec", "tolerations")) {
        bool there = false;
        json_foreach (h, have) {
            there |= json_covers(h, want);
        }
        if (there)
            continue;
        if (!more)
            more = have ? cJSON_Duplicate(have, true) : cJSON_CreateArray();
        cJSON_AddItemToArray(more, cJSON_Duplicate(want, true));
    }
    if (!more)
        return;
    if (!*patch)
        *patch = cJSON_CreateObject();
    json_put(*patch, more, "spec", "tolerations");
}

static cJSON *patch_metadata(const struct its_pod *m)
{
    cJSON *want = cJSON_CreateObject();
    map_over(want, json_at(m->tpl->pod, "metadata", "labels"), "labels");
    map_over(want, json_at(m->tpl->pod, "metadata", "annotations"), "annotations");
    cJSON *patch = desired_patch(m->pod, want);
    cJSON_Delete(want);
    return patch;
}

static enum its_change by_policy(const char *policy, enum its_change when_possible)
{
    return streq(policy, "ReCreate") ? ITS_RECREATE : when_possible;
}

void its_pod_compare(const struct its *s, struct its_pod *m)
{
    const char *update = json_str(s->spec, "podUpdatePolicy"),
               *upgrade = json_str(s->spec, "podUpgradePolicy");
    struct difference d = {false, false};
    if (m->terminating)
        return;
    compare_containers(s->p->arena, m, "containers", &d);
    compare_containers(s->p->arena, m, "initContainers", &d);
    bool new_pod = d.resources ||
                   !streq(json_str(m->pod, "metadata", "labels", LABEL_REVISION), m->tpl->revision);
    if (new_pod) {
        m->change = streq(update, "StrictInPlace") ? ITS_RESTRICTED : ITS_RECREATE;
        return;
    }
    m->patch = patch_metadata(m);
    patch_tolerations(m, &m->patch);
    m->change = m->patch ? ITS_METADATA : ITS_SAME;
    if (!d.image)
        return;
    m->change = by_policy(upgrade ? upgrade : update, ITS_IN_PLACE);
    if (!m->patch)
        m->patch = cJSON_CreateObject();
    patch_images(m, "containers", m->patch);
    patch_images(m, "initContainers", m->patch);
}
