/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scene: the JSON view of a cluster decoded once into the structs of the plugin ABI, with the
 * secrets that came with it. Decoding checks everything; an error names the path
 * ("components[0].instances[2].id").
 *
 * A scene is immutable and reference counted: a probe specification keeps one for its life, an
 * operation for as long as the plugin may read its arguments. References are taken and dropped on
 * the loop only.
 */
#ifndef ATOLL_ENGINE_VIEW_H
#define ATOLL_ENGINE_VIEW_H

#include "atoll/plugin.h"
#include "base/json.h"

#define VIEW_COMPONENTS_MAX 1024
#define VIEW_INSTANCES_MAX  20000 /* of all components together */
#define VIEW_ACCOUNTS_MAX   64    /* of one component */
#define VIEW_PAIRS_MAX      4096  /* of one map */

struct secrets;

struct scene {
    unsigned refs;
    struct arena *arena;
    const struct atoll_view *view;
    struct secrets *secrets; /* NULL when none came */
};

/* The role, version, age and facts known for an instance; false when nothing is. Strings and arrays
 * only have to live as long as the call: they are copied. */
struct view_role {
    bool known;
    struct atoll_str role;
    uint64_t version, observed_ms_ago;
    const struct atoll_fact *facts;
    uint32_t n_facts;
};
typedef bool view_role_fn(void *arg, struct atoll_str instance, struct view_role *ret);

/* `roles` fills what the JSON does not say itself; NULL = nobody knows. -EINVAL, -E2BIG. */
int scene_new(const cJSON *view, const cJSON *secrets, view_role_fn *roles, void *arg,
              struct scene **ret, struct err **err);
struct scene *scene_ref(struct scene *s);
void scene_unref(struct scene *s); /* NULL is fine; wipes the secrets with the last one */
static inline void scene_unrefp(struct scene **s)
{
    scene_unref(*s);
    *s = NULL;
}
const struct atoll_instance *scene_instance(const struct scene *s,
                                            const char *id); /* NULL when absent */

/* {name: text} into key/value views in the arena. `path` for errors. */
int view_pairs(struct arena *a, const cJSON *object, const char *path, const struct atoll_kv **ret,
               uint32_t *ret_n, struct err **err);
struct atoll_str view_text(struct arena *a, const char *s);

/* Secrets by reference (secrets.c). */
int secrets_new(const cJSON *map, struct secrets **ret, struct err **err);
bool secrets_get(const struct secrets *s, struct str ref, struct str *ret);
void secrets_free(struct secrets *s); /* wipes; NULL is fine */

#endif
