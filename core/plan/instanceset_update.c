/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rolling an InstanceSet to its template: which of the outdated Pods are touched now.
 *
 * Followers first, leader last: Pods are sorted by the updatePriority of their role (none first),
 * then by falling ordinal, and a group of a higher priority is not touched while one below it is
 * outdated or not available. Within that: rollingUpdate.replicas is how many may ever have the new
 * revision, maxUnavailable how many may be unavailable at once, memberUpdateStrategy how many move
 * together.
 */
#include <stdlib.h>

#include "plan/its.h"

static int in_update_order(const void *a, const void *b)
{
    const struct its_pod *x = *(struct its_pod *const *)a, *y = *(struct its_pod *const *)b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    if (x->ordinal != y->ordinal)
        return x->ordinal > y->ordinal ? -1 : 1;
    return __builtin_strcmp(y->name, x->name);
}

static bool outdated(const struct its_pod *m)
{
    return m->change == ITS_IN_PLACE || m->change == ITS_RECREATE;
}

static void metadata_patch(struct its *s, struct its_pod **order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (order[i]->change == ITS_METADATA)
            plan_step_add(s->p, PLAN_PATCH, PLAN_POD, s->ns, order[i]->name, TAKE(order[i]->patch),
                          "labels or annotations of the template changed");
}

static void touch(struct its *s, struct its_pod *m)
{
    if (m->change == ITS_RECREATE)
        its_pod_delete(
            s, m, arena_printf(s->p->arena, "it comes back with revision %s", m->tpl->revision));
    else
        plan_step_add(s->p, PLAN_PATCH, PLAN_POD, s->ns, m->name, TAKE(m->patch),
                      "image changed, in place");
}

static int64_t window(const struct its *s)
{
    const cJSON *rolling = json_at(s->spec, "instanceUpdateStrategy", "rollingUpdate");
    return desired_share(json_at(rolling, "replicas"), s->replicas, true, s->replicas);
}

static int64_t max_unavailable(const struct its *s)
{
    const cJSON *rolling = json_at(s->spec, "instanceUpdateStrategy", "rollingUpdate");
    int64_t n = desired_share(json_at(rolling, "maxUnavailable"), s->replicas, false, 1);
    return n < 1 ? 1 : n;
}

/* A Pod that has its revision but not its role yet holds the others back, unless nobody has a role
 * at all. */
static bool role_missing(const struct its *s, struct its_pod **order, size_t n)
{
    bool somebody = false, missing = false;
    if (!cJSON_GetArraySize(json_at(s->spec, "roles")))
        return false;
    for (size_t i = 0; i < n; i++) {
        somebody |= order[i]->priority >= 0;
        missing |= order[i]->priority < 0 && !outdated(order[i]);
    }
    return somebody && missing;
}

static void note_restricted(struct its *s, struct its_pod **order, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (order[i]->change != ITS_RESTRICTED)
            continue;
        s->restricted =
            arena_printf(s->p->arena,
                         "%s needs a new Pod to get the template's change, and podUpdatePolicy is "
                         "StrictInPlace",
                         order[i]->name);
        return;
    }
}

/* End of the group of equal priority that starts at i. */
static size_t group_end(struct its_pod **order, size_t n, size_t i)
{
    size_t end = i;
    while (end < n && order[end]->priority == order[i]->priority)
        end++;
    return end;
}

/* How many of a group may be touched together under memberUpdateStrategy. */
static int64_t at_once(const struct its *s, struct its_pod **order, size_t first, size_t end)
{
    const char *how = json_str(s->spec, "memberUpdateStrategy");
    const cJSON *roles = json_at(s->spec, "roles");
    if (!cJSON_GetArraySize(roles) || streq(how, "Parallel"))
        return INT64_MAX;
    if (!streq(how, "BestEffortParallel"))
        return 1;
    /* Half of the voters at a time, so that the other half and the leader are still a majority. */
    const cJSON *row = order[first]->role ? json_find(roles, "name", order[first]->role) : NULL;
    return json_bool(false, row, "participatesInQuorum") ? (int64_t)(end - first + 1) / 2
                                                         : INT64_MAX;
}

struct budget {
    int64_t revision; /* how many more may get the new revision */
    int64_t down;     /* how many more may become unavailable */
    int64_t together;
};

/* Outdated Pods that are down already cost no availability: they go first and for free. */
static void touch_group(struct its *s, struct its_pod **order, size_t first, size_t end,
                        struct budget *b)
{
    for (size_t i = first; i < end; i++) {
        if (!outdated(order[i]) || order[i]->available || order[i]->leaving || b->revision <= 0)
            continue;
        touch(s, order[i]);
        b->revision--;
        b->together--;
    }
    for (size_t i = first; i < end && b->revision > 0 && b->down > 0 && b->together > 0; i++) {
        if (!outdated(order[i]) || !order[i]->available)
            continue;
        touch(s, order[i]);
        b->revision--;
        b->down--;
        b->together--;
    }
}

static bool group_settled(struct its_pod **order, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (outdated(order[i]) || !order[i]->available)
            return false;
    return true;
}

static struct budget budget_now(const struct its *s, struct its_pod **order, size_t n)
{
    struct budget b = {.revision = window(s), .down = max_unavailable(s)};
    for (size_t i = 0; i < n; i++) {
        b.revision -= !outdated(order[i]) && order[i]->change != ITS_RESTRICTED;
        b.down -= !order[i]->available;
    }
    /* One instance at a time is only safe when the one before is back in its place, not just
     * running. */
    if (s->in->hold)
        b.down = 0;
    return b;
}

void its_update(struct its *s)
{
    struct its_pod **order = arena_array(s->p->arena, struct its_pod *, s->n_pods + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_pods; i++)
        if (s->pods[i].want)
            order[n++] = &s->pods[i];
    qsort(order, n, sizeof(void *), in_update_order);
    metadata_patch(s, order, n);
    note_restricted(s, order, n);
    if (streq(json_str(s->spec, "instanceUpdateStrategy", "type"), "OnDelete") ||
        role_missing(s, order, n))
        return;
    struct budget b = budget_now(s, order, n);
    bool all_together = streq(json_str(s->spec, "memberUpdateStrategy"), "Parallel");
    for (size_t first = 0; first < n;) {
        size_t end = all_together ? n : group_end(order, n, first);
        b.together = at_once(s, order, first, end);
        for (size_t i = first; i < end; i++)
            b.together -= b.together != INT64_MAX && !outdated(order[i]) && !order[i]->available;
        touch_group(s, order, first, end, &b);
        if (!group_settled(order, first, end))
            return;
        first = end;
    }
}
