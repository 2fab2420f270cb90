/* SPDX-License-Identifier: Apache-2.0 */
/* Derived names. One line each: the format strings are the compatibility contract, see names.h. */
#include <string.h>

#include "api/names.h"

const char *name_component(struct arena *a, const char *cluster, const char *comp)
{
    return arena_printf(a, "%s-%s", cluster, comp);
}

const char *name_headless(struct arena *a, const char *cluster, const char *comp)
{
    return arena_printf(a, "%s-%s-headless", cluster, comp);
}

const char *name_service(struct arena *a, const char *cluster, const char *comp,
                         const char *service)
{
    return service && *service ? arena_printf(a, "%s-%s-%s", cluster, comp, service)
                               : arena_printf(a, "%s-%s", cluster, comp);
}

const char *name_cluster_service(struct arena *a, const char *cluster, const char *service)
{
    return service && *service ? arena_printf(a, "%s-%s", cluster, service)
                               : arena_strdup(a, cluster);
}

const char *name_pod_service(struct arena *a, const char *service, int64_t ordinal)
{
    return arena_printf(a, "%s-%lld", service, (long long)ordinal);
}

const char *name_account(struct arena *a, const char *cluster, const char *comp,
                         const char *account)
{
    return arena_printf(a, "%s-%s-account-%s", cluster, comp, account);
}

const char *name_config(struct arena *a, const char *cluster, const char *comp, const char *config)
{
    return arena_printf(a, "%s-%s-%s", cluster, comp, config);
}

const char *name_pvc(struct arena *a, const char *vct, const char *pod)
{
    return arena_printf(a, "%s-%s", vct, pod);
}

const char *name_pod_host(struct arena *a, const char *pod, const char *headless, const char *ns)
{
    return arena_printf(a, "%s.%s.%s.svc", pod, headless, ns);
}

const char *name_instance(struct arena *a, const char *its, const char *tpl, int64_t ordinal)
{
    return tpl && *tpl ? arena_printf(a, "%s-%s-%lld", its, tpl, (long long)ordinal)
                       : arena_printf(a, "%s-%lld", its, (long long)ordinal);
}

int64_t name_ordinal(const char *instance)
{
    const char *dash = instance ? strrchr(instance, '-') : NULL;
    int64_t n;
    if (!dash || dash[1] < '0' || dash[1] > '9' || str_to_i64(str_of(dash + 1), &n) < 0)
        return -1;
    return n;
}
