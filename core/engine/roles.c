/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is probed and watched, and what was last heard. The specifications are kept here so that a
 * helper that died gets them again; the roles, so that its first answers, which repeat what is
 * known, tell nobody.
 */
#include <string.h>

#include "engine/engine_own.h"

struct probe_spec {
    cJSON *spec;
    cJSON *role; /* last heard; NULL = nothing yet */
};

static void spec_free(struct probe_spec *s)
{
    frame_wipe(s->spec);
    cJSON_Delete(s->spec);
    cJSON_Delete(s->role);
    mem_free(s);
}

static void watch_free(cJSON *spec)
{
    frame_wipe(spec);
    cJSON_Delete(spec);
}

static void send_about(struct engine *e, enum frame_type type, const char *member, const char *name,
                       const cJSON *spec)
{
    if (!e->link)
        return;
    cJSON *msg = frame_new(type);
    json_put_str(msg, name, member);
    if (spec)
        json_put(msg, cJSON_Duplicate(spec, true), "spec");
    engine_send(e, msg);
}

/* ---- probes
 * -------------------------------------------------------------------------------------------------
 */

void engine_probe_set(struct engine *e, const char *instance, const cJSON *spec)
{
    e = CAST(engine, e);
    struct probe_spec *s = map_get(&e->specs, instance);
    if (s && json_equal(s->spec, spec))
        return;
    if (!s) {
        s = mem_new(struct probe_spec);
        map_set(&e->specs, instance, s);
    }
    frame_wipe(s->spec);
    cJSON_Delete(s->spec);
    s->spec = cJSON_Duplicate(spec, true);
    send_about(e, FRAME_SPEC, "instance", instance, spec);
}

void engine_probe_clear(struct engine *e, const char *instance)
{
    e = CAST(engine, e);
    struct probe_spec *s = map_get(&e->specs, instance);
    if (!s)
        return;
    send_about(e, FRAME_CLEAR, "instance", instance, NULL);
    map_del(&e->specs, instance);
    spec_free(s);
}

void engine_probe_now(struct engine *e, const char *instance)
{
    e = CAST(engine, e);
    if (map_get(&e->specs, instance))
        send_about(e, FRAME_PROBE, "instance", instance, NULL);
}

size_t engine_probe_count(const struct engine *e)
{
    return map_len(&e->specs);
}

/* ---- watches
 * -------------------------------------------------------------------------------------------------
 */

void engine_watch_set(struct engine *e, const char *key, const cJSON *spec)
{
    e = CAST(engine, e);
    cJSON *old = map_get(&e->watches, key);
    if (old && json_equal(old, spec))
        return;
    map_set(&e->watches, key, cJSON_Duplicate(spec, true));
    watch_free(old);
    send_about(e, FRAME_WATCH, "key", key, spec);
}

void engine_watch_clear(struct engine *e, const char *key)
{
    e = CAST(engine, e);
    cJSON *old = map_del(&e->watches, key);
    if (!old)
        return;
    watch_free(old);
    send_about(e, FRAME_UNWATCH, "key", key, NULL);
}

void roles_resend(struct engine *e)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&e->specs, &it, &key, &value))
        send_about(e, FRAME_SPEC, "instance", key, ((struct probe_spec *)value)->spec);
    it = 0;
    while (map_next(&e->watches, &it, &key, &value))
        send_about(e, FRAME_WATCH, "key", key, value);
}

void roles_done(struct engine *e)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&e->specs, &it, &key, &value))
        spec_free(value);
    it = 0;
    while (map_next(&e->watches, &it, &key, &value))
        watch_free(value);
    map_done(&e->specs);
    map_done(&e->watches);
}

/* ---- what is heard
 * ---------------------------------------------------------------------------------------------- */

/* Every fact of a that is not volatile is in b with the same value. */
static bool facts_covered(const cJSON *a, const cJSON *b)
{
    json_foreach (fact, json_at(a, "facts")) {
        const char *other = json_str(b, "facts", fact->string);
        if (!json_array_has(json_at(a, "volatile"), fact->string) &&
            !streq(other, json_string_of(fact)))
            return false;
    }
    return true;
}

/* The same rule as report_changed, over what crossed the socket. */
static bool role_changed(const cJSON *old, const cJSON *now)
{
    bool known = json_bool(false, now, "known");
    if (!old || json_bool(false, old, "known") != known)
        return true;
    if (!known)
        return false;
    return !streq(json_str(old, "role"), json_str(now, "role")) ||
           !streq(json_str(old, "version"), json_str(now, "version")) || !facts_covered(old, now) ||
           !facts_covered(now, old);
}

static const char *text_of(const cJSON *role, const char *key)
{
    const char *s = json_str(role, key);
    return s ? s : "";
}

void roles_heard(struct engine *e, const struct frame *f)
{
    const char *instance = json_str(f->body, "instance");
    struct probe_spec *s = map_get(&e->specs, instance);
    const cJSON *role = json_at(f->body, "role");
    if (!s)
        return; /* cleared meanwhile */
    bool changed = role_changed(s->role, role);
    cJSON_Delete(s->role);
    s->role = cJSON_Duplicate(role, true);
    if (!changed || !e->host->on_role)
        return;
    struct engine_role_view view = {.known = json_bool(false, role, "known"),
                                    .role = text_of(role, "role"),
                                    .reason = text_of(role, "reason"),
                                    .message = text_of(role, "message"),
                                    .facts = json_at(role, "facts")};
    str_to_u64(str_of(text_of(role, "version")), &view.version);
    e->host->on_role(e->host->arg, e, instance, &view);
}
