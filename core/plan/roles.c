/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role labels of one InstanceSet from what its engine said of each instance.
 *
 * The engine is the truth, the label a copy. Rules:
 *  - unknown is not "no": an instance that does not answer keeps its label;
 *  - an exclusive role belongs to the claim with the highest version. A newer claim takes the label
 * from everybody else in the same plan, losers first, so that two are never selected together;
 *  - equal claims do not move: who has the label keeps it; nobody has it, then nobody gets it;
 *  - the label of an instance that has not been heard since we started counts as a claim with the
 * version written beside it; once heard, its own last words count.
 */
#include <inttypes.h>
#include <stdio.h>

#include "plan/plan.h"

static const cJSON *role_row(const cJSON *roles, const char *name)
{
    return name && *name ? json_find(roles, "name", name) : NULL;
}

static bool exclusive(const cJSON *roles, const char *name)
{
    return json_bool(false, role_row(roles, name), "isExclusive");
}

/* Does m claim `role`, and with which version? */
static bool claims(const struct plan_member *m, const char *role, uint64_t *ret_version)
{
    if (m->heard) {
        *ret_version = m->version;
        return streq(m->role, role);
    }
    *ret_version = m->label_version;
    return streq(m->label, role);
}

/* The one that shall have an exclusive role; NULL when nobody may be chosen. */
static const struct plan_member *winner(const char *role, const struct plan_member *m, size_t n)
{
    const struct plan_member *best = NULL;
    uint64_t best_version = 0, version;
    bool tie = false;
    for (size_t i = 0; i < n; i++) {
        if (!claims(&m[i], role, &version))
            continue;
        if (!best || version > best_version) {
            best = &m[i];
            best_version = version;
            tie = false;
        } else if (version == best_version) {
            if (streq(m[i].label, role))
                best = &m[i];
            tie = true;
        }
    }
    return tie && !streq(best->label, role) ? NULL : best;
}

static void label_patch(const struct plan_member *m, const char *ns, const char *role,
                        const char *why, struct plan *p)
{
    cJSON *patch = cJSON_CreateObject();
    json_put(patch, role ? cJSON_CreateString(role) : cJSON_CreateNull(), "metadata", "labels",
             LABEL_ROLE);
    if (role && m->version) {
        char text[24];
        snprintf(text, sizeof(text), "%" PRIu64, m->version);
        json_put_str(patch, text, "metadata", "annotations", ANNOTATION_ROLE_VERSION);
    }
    plan_step_add(p, PLAN_PATCH, PLAN_POD, ns, m->pod, patch, "%s", why)->uid =
        arena_strdup(p->arena, m->uid);
}

/* What m's label shall be; NULL none. Says why in *why. */
static const char *wanted_label(const cJSON *roles, const struct plan_member *all, size_t n,
                                const struct plan_member *m, struct arena *a, const char **why)
{
    const char *now = m->label;
    if (exclusive(roles, now) && !(m->known && !streq(m->role, now))) {
        const struct plan_member *w = winner(now, all, n);
        if (w && w != m && streq(w->role, now)) {
            *why = arena_printf(a, "%s claims the exclusive role %s with version %" PRIu64, w->pod,
                                now, w->version);
            /* It may have said meanwhile that it is something else. */
            return m->known && !exclusive(roles, m->role) && role_row(roles, m->role) ? m->role
                                                                                      : NULL;
        }
    }
    if (!m->known)
        return now;
    if (!role_row(roles, m->role)) {
        *why = *m->role ? arena_printf(a, "the engine says \"%s\", which is no role of this set",
                                       m->role)
                        : "the engine says that it has no role now";
        return NULL;
    }
    if (exclusive(roles, m->role)) {
        const struct plan_member *w = winner(m->role, all, n);
        if (w != m)
            return now; /* refused: an equal or newer claim stands */
        *why = arena_printf(a, "the engine says %s, version %" PRIu64 " is the newest claim",
                            m->role, m->version);
        return m->role;
    }
    *why = arena_printf(a, "the engine says %s", m->role);
    return m->role;
}

void plan_roles(const cJSON *roles, const char *ns, const struct plan_member *m, size_t n,
                struct plan *p)
{
    /* First who loses an exclusive role, then the rest. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n; i++) {
            const char *why = "";
            const char *want = wanted_label(roles, m, n, &m[i], p->arena, &why);
            bool loses = exclusive(roles, m[i].label) && !streq(want, m[i].label);
            if (loses != (pass == 0) || streq(want, m[i].label))
                continue;
            label_patch(&m[i], ns, want, why, p);
        }
        plan_barrier(p);
    }
}
