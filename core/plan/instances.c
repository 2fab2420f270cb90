/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instances an InstanceSet shall have: names `set-[template-]N`. Without explicit ordinals N
 * counts from 0 and skips offline names; with them the listed ordinals are used in order.
 * Everything is O(n log n) in the number of instances: a set may have ten thousand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "plan/plan.h"

#define ORDINALS_MAX 100000 /* listed in one template; more is a mistake in a range */

struct ordinals {
    int64_t *at;
    size_t n;
    bool listed; /* false: count from 0 */
};

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t ordinals_count(const cJSON *spec)
{
    int64_t n = 0;
    json_foreach (r, json_at(spec, "ranges")) {
        int64_t width = json_int(0, r, "end") - json_int(0, r, "start") + 1;
        n += width > 0 ? width : 0;
    }
    json_foreach (d, json_at(spec, "discrete")) {
        n++;
    }
    return n;
}

static int ordinals_read(struct arena *a, const cJSON *spec, const char *tpl, struct ordinals *o,
                         struct err **err)
{
    *o = (struct ordinals){.listed = json_at(spec, "ranges") || json_at(spec, "discrete")};
    if (!o->listed)
        return 0;
    int64_t count = ordinals_count(spec);
    if (count > ORDINALS_MAX)
        return err_set(err, -EINVAL, "ordinals of template \"%s\": want at most %d, found %lld",
                       tpl, ORDINALS_MAX, (long long)count);
    o->at = arena_array(a, int64_t, (size_t)count + 1);
    json_foreach (r, json_at(spec, "ranges")) {
        for (int64_t i = json_int(0, r, "start"); i <= json_int(-1, r, "end"); i++)
            o->at[o->n++] = i;
    }
    json_foreach (d, json_at(spec, "discrete")) {
        o->at[o->n++] = json_int_of(d, 0);
    }
    qsort(o->at, o->n, sizeof(*o->at), by_value);
    size_t kept = 0;
    for (size_t i = 0; i < o->n; i++)
        if (!kept || o->at[kept - 1] != o->at[i])
            o->at[kept++] = o->at[i];
    o->n = kept;
    return 0;
}

struct naming {
    struct arena *a;
    const char *its;
    struct map offline, taken; /* names */
    struct plan_instance *list;
    size_t n;
};

static int instance_take(struct naming *c, const cJSON *tpl, const char *tpl_name, int64_t ordinal,
                         struct err **err)
{
    const char *name = name_instance(c->a, c->its, tpl_name, ordinal);
    if (map_set(&c->taken, name, c))
        return err_set(err, -EINVAL, "two templates name an instance %s", name);
    c->list[c->n++] =
        (struct plan_instance){.name = name, .tpl = tpl, .tpl_name = tpl_name, .ordinal = ordinal};
    return 0;
}

static bool is_offline(struct naming *c, const char *tpl_name, int64_t ordinal)
{
    return map_len(&c->offline) &&
           map_get(&c->offline, name_instance(c->a, c->its, tpl_name, ordinal));
}

static int template_add(struct naming *c, const cJSON *tpl, const char *tpl_name,
                        const cJSON *ordinals, int64_t replicas, struct err **err)
{
    struct ordinals o;
    int r = ordinals_read(c->a, ordinals, tpl_name, &o, err);
    if (r < 0)
        return r;
    int64_t taken = 0;
    for (size_t i = 0; taken < replicas && (!o.listed || i < o.n); i++) {
        int64_t ordinal = o.listed ? o.at[i] : (int64_t)i;
        if (is_offline(c, tpl_name, ordinal))
            continue;
        if ((r = instance_take(c, tpl, tpl_name, ordinal, err)) < 0)
            return r;
        taken++;
    }
    if (taken < replicas)
        return err_set(err, -EINVAL, "%s%s wants %lld instances, its ordinals allow %lld",
                       *tpl_name ? "template " : "the default template", tpl_name,
                       (long long)replicas, (long long)taken);
    return 0;
}

static int by_template(const void *a, const void *b)
{
    const struct plan_instance *x = a, *y = b;
    int c = strcmp(x->tpl_name, y->tpl_name);
    return c ? c : by_value(&x->ordinal, &y->ordinal);
}

static int templates_add(struct naming *c, const cJSON *spec, int64_t replicas, struct err **err)
{
    int64_t rest = replicas;
    struct map names = MAP_INIT;
    int r = 0;
    json_foreach (tpl, json_at(spec, "instances")) {
        const char *name = json_str(tpl, "name");
        int64_t want = json_int(1, tpl, "replicas");
        if (!name || map_set(&names, name, &names)) {
            r = err_set(err, -EINVAL, "spec.instances: template \"%s\" is there twice",
                        name ? name : "");
            break;
        }
        rest -= want;
        if (rest < 0) {
            r = err_set(err, -EINVAL,
                        "spec.instances: templates want %lld instances, spec.replicas is %lld",
                        (long long)(replicas - rest), (long long)replicas);
            break;
        }
        if ((r = template_add(c, tpl, name, json_at(tpl, "ordinals"), want, err)) < 0)
            break;
    }
    map_done(&names);
    return r < 0 ? r : template_add(c, NULL, "", json_at(spec, "ordinals"), rest, err);
}

int plan_instances(struct arena *a, const cJSON *its, struct plan_instance **ret, size_t *ret_n,
                   struct err **err)
{
    const cJSON *spec = json_at(its, "spec");
    int64_t replicas = json_int(1, spec, "replicas");
    if (replicas < 0 || replicas > ORDINALS_MAX)
        return err_set(err, -EINVAL, "spec.replicas: want 0..%d, found %lld", ORDINALS_MAX,
                       (long long)replicas);
    struct naming c = {.a = a, .its = json_str(its, "metadata", "name")};
    c.list = arena_array(a, struct plan_instance, (size_t)replicas + 1);
    json_foreach (name, json_at(spec, "offlineInstances")) {
        if (cJSON_IsString(name))
            map_set(&c.offline, name->valuestring, &c);
    }
    int r = templates_add(&c, spec, replicas, err);
    map_done(&c.offline);
    map_done(&c.taken);
    if (r < 0)
        return r;
    qsort(c.list, c.n, sizeof(*c.list), by_template);
    *ret = c.list;
    *ret_n = c.n;
    return 0;
}
