/* SPDX-License-Identifier: Apache-2.0 */
/* The test rig. Waiting is always for a condition, with a deadline that says what was awaited. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

const char *rig_isolation = "inline";
const char *rig_folder;

bool rig_is_process(void)
{
    return streq(rig_isolation, "process");
}

static void on_role(void *arg, struct engine *e, const char *instance,
                    const struct engine_role_view *v)
{
    struct rig *r = arg;
    (void)e;
    assert_true(r->n_roles < RIG_ROLES_MAX);
    struct rig_role *role = &r->roles[r->n_roles++];
    const char *steady = json_str(v->facts, "steady"), *offset = json_str(v->facts, "offset");
    role->known = v->known;
    role->version = v->version;
    snprintf(role->instance, sizeof(role->instance), "%s", instance);
    snprintf(role->role, sizeof(role->role), "%s", v->role);
    snprintf(role->reason, sizeof(role->reason), "%s", v->reason);
    snprintf(role->message, sizeof(role->message), "%s", v->message);
    snprintf(role->steady, sizeof(role->steady), "%s", steady ? steady : "");
    snprintf(role->offset, sizeof(role->offset), "%s", offset ? offset : "");
}

static void on_state(void *arg, struct engine *e)
{
    struct rig *r = arg;
    (void)e;
    r->states++;
}

char *rig_engine(const char *dir, const char *name, const char *extra)
{
    return mem_printf("%s: { plugin = \"%s/%s.so\"; isolation = \"%s\"; %s };", name,
                      rig_folder ? rig_folder : dir, name, rig_isolation, extra ? extra : "");
}

void rig_start(struct rig *r, const char *conf_text)
{
    struct err *err = NULL;
    AUTO(mem_freep) char *text = mem_printf("engines: { %s };", conf_text);
    *r = (struct rig){0};
    int rc = loop_new(&r->loop, &err);
    if (rc == 0)
        rc = conf_load_text("test.cfg", text, engine_conf_keys, engine_conf_keys_n, &r->conf, &err);
    struct engine_host_opts o = {.conf = r->conf,
                                 .helper = ENGINE_HELPER,
                                 .on_role = on_role,
                                 .on_state = on_state,
                                 .arg = r};
    if (rc == 0)
        rc = engine_host_new(r->loop, &o, &r->host, &err);
    if (rc < 0)
        fail_msg("%s", err_text(err));
    r->e = engine_at(r->host, 0);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

void rig_stop(struct rig *r)
{
    engine_host_free(r->host);
    rig_within(r, never, NULL, 1); /* what was deferred */
    conf_free(r->conf);
    loop_free(r->loop);
}

bool rig_within(struct rig *r, bool (*cond)(void *arg), void *arg, uint64_t ms)
{
    static const bool no = false;
    uint64_t end = clock_mono_ms() + ms;
    while (!cond(arg) && clock_mono_ms() < end)
        loop_run_until(r->loop, &no, 5);
    return cond(arg);
}

void rig_until(struct rig *r, bool (*cond)(void *arg), void *arg, uint64_t ms, const char *what)
{
    if (!rig_within(r, cond, arg, ms))
        fail_msg("after %llu ms still waiting for %s; engine is %s: %s", (unsigned long long)ms,
                 what, engine_state_reason(r->e), engine_state_message(r->e));
}

/* ---- states and roles
 * ------------------------------------------------------------------------------------------ */

struct wanted {
    struct rig *r;
    const char *instance, *text;
    bool known;
};

static bool state_is(void *arg)
{
    struct wanted *w = arg;
    return streq(engine_state_reason(w->r->e), w->text);
}

void rig_until_state(struct rig *r, const char *reason, uint64_t ms)
{
    struct wanted w = {.r = r, .text = reason};
    rig_until(r, state_is, &w, ms, reason);
}

const struct rig_role *rig_role_of(const struct rig *r, const char *instance)
{
    for (size_t i = r->n_roles; i > 0; i--)
        if (streq(r->roles[i - 1].instance, instance))
            return &r->roles[i - 1];
    return NULL;
}

size_t rig_role_count(const struct rig *r, const char *instance)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_roles; i++)
        n += streq(r->roles[i].instance, instance);
    return n;
}

static bool role_is(void *arg)
{
    struct wanted *w = arg;
    const struct rig_role *role = rig_role_of(w->r, w->instance);
    return role && role->known == w->known && streq(w->known ? role->role : role->reason, w->text);
}

const struct rig_role *rig_until_role(struct rig *r, const char *instance, const char *role,
                                      uint64_t ms)
{
    struct wanted w = {.r = r, .instance = instance, .text = role, .known = true};
    rig_until(r, role_is, &w, ms, role);
    return rig_role_of(r, instance);
}

const struct rig_role *rig_until_unknown(struct rig *r, const char *instance, const char *reason,
                                         uint64_t ms)
{
    struct wanted w = {.r = r, .instance = instance, .text = reason, .known = false};
    rig_until(r, role_is, &w, ms, reason);
    return rig_role_of(r, instance);
}

double rig_bugs(const char *kind)
{
    return metric_value(metric_get("atoll_engine_plugin_bugs_total", METRIC_COUNTER, "kind", ""),
                        kind);
}

/* ---- views and calls
 * --------------------------------------------------------------------------------------------- */

cJSON *rig_view(const char *prefix, unsigned n)
{
    AUTO(mem_freep) char *cluster = mem_printf("test/%s", prefix);
    cJSON *view = cJSON_CreateObject(), *components = cJSON_CreateArray(),
          *c = cJSON_CreateObject();
    cJSON *instances = cJSON_CreateArray();
    json_put_str(view, cluster, "cluster");
    json_put_str(view, "c", "component");
    json_put_str(c, "c", "name");
    json_put_int(c, n, "replicas");
    for (unsigned i = 0; i < n; i++) {
        AUTO(mem_freep) char *name = mem_printf("%s-%u", prefix, i);
        AUTO(mem_freep) char *id = mem_printf("id-%s-%u", prefix, i);
        cJSON *instance = cJSON_CreateObject();
        json_put_str(instance, id, "id");
        json_put_str(instance, name, "name");
        json_put_int(instance, i, "ordinal");
        json_put_bool(instance, true, "running");
        cJSON_AddItemToArray(instances, instance);
    }
    json_put(c, instances, "instances");
    cJSON_AddItemToArray(components, c);
    json_put(view, components, "components");
    return view;
}

void rig_probe(struct rig *r, const char *prefix, unsigned n, unsigned index, unsigned period_ms)
{
    AUTO(json_freep) cJSON *spec = cJSON_CreateObject();
    AUTO(mem_freep) char *id = mem_printf("id-%s-%u", prefix, index);
    json_put(spec, rig_view(prefix, n), "view");
    json_put_str(spec, id, "instance");
    if (period_ms)
        json_put_int(spec, period_ms, "periodMs");
    json_put_int(spec, 2000, "timeoutMs");
    engine_probe_set(r->e, id, spec);
}

void rig_done(void *arg, const struct engine_outcome *o)
{
    struct rig_outcome *out = arg;
    out->done = true;
    out->times++;
    out->took_ms = clock_mono_ms() - out->began_ms;
    out->class_ = o->class_;
    snprintf(out->reason, sizeof(out->reason), "%s", o->reason);
    snprintf(out->message, sizeof(out->message), "%s", o->message);
    cJSON_Delete(out->results);
    out->results = o->results ? cJSON_Duplicate(o->results, true) : NULL;
}

void rig_outcome_clear(struct rig_outcome *o)
{
    cJSON_Delete(o->results);
    *o = (struct rig_outcome){.began_ms = clock_mono_ms()};
}

uint64_t rig_call(struct rig *r, const char *hook, const char *prefix, const char *args_json,
                  struct rig_outcome *o)
{
    AUTO(json_freep) cJSON *view = rig_view(prefix, 2);
    AUTO(json_freep) cJSON *args = NULL;
    AUTO(mem_freep) char *instance = mem_printf("id-%s-0", prefix);
    AUTO(mem_freep) char *peer = mem_printf("id-%s-1", prefix);
    if (args_json)
        assert_int_equal(json_parse(args_json, strlen(args_json), &args, NULL), 0);
    struct engine_call c = {.hook = hook,
                            .key = "work-1",
                            .attempt = 3,
                            .view = view,
                            .instance = instance,
                            .peer = peer,
                            .args = args};
    rig_outcome_clear(o);
    return engine_hook_start(r->e, &c, rig_done, o);
}

static bool outcome_done(void *arg)
{
    return ((struct rig_outcome *)arg)->done;
}

void rig_until_done(struct rig *r, struct rig_outcome *o, uint64_t ms)
{
    rig_until(r, outcome_done, o, ms, "an outcome");
}

const char *rig_result(const struct rig_outcome *o, const char *key)
{
    const char *s = json_str(o->results, key);
    return s ? s : "";
}

int rig_main(int argc, char **argv, int (*run)(void))
{
    if (argc < 2 || argc > 3 || (!streq(argv[1], "inline") && !streq(argv[1], "process"))) {
        fprintf(stderr, "usage: %s inline|process [FOLDER OF PLUGINS]\n", argv[0]);
        return 2;
    }
    rig_isolation = argv[1];
    rig_folder = argc == 3 ? argv[2] : NULL;
    return run();
}
