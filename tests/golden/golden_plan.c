/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one planner on <folder>/in.json and compares its plan with <folder>/plan.txt. UPDATE=1
 * rewrites the file instead; the difference is then reviewed with the change that made it.
 *
 * in.json: {"planner": "instanceset|component|cluster|roles|wiring", "now": time, ...}; the rest is
 * what that planner's row below reads. Objects may leave out defaults and use old spellings, as
 * users do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "plan/plan.h"

#define ARENA_MAX (64u << 20)
#define FILE_MAX  (4u << 20)

struct golden {
    cJSON *in;
    struct api_schemas schemas;
    int64_t now_us;
    struct plan plan;
    struct buf out;
};

/* ---- reading the input
 * --------------------------------------------------------------------------------------- */

static void ready(struct golden *g, cJSON *o, enum api_kind_id id)
{
    if (!o)
        return;
    api_normalize(id, o);
    field_default(g->schemas.of[id], o);
}

static cJSON *object(struct golden *g, const char *name)
{
    cJSON *o = cJSON_GetObjectItemCaseSensitive(g->in, name);
    return cJSON_IsNull(o) ? NULL : o;
}

static const cJSON *const *list(struct golden *g, const char *name, size_t *ret_n)
{
    const cJSON *array = object(g, name);
    size_t n = 0;
    const cJSON **items =
        arena_array(g->plan.arena, const cJSON *, (size_t)cJSON_GetArraySize(array) + 1);
    json_foreach (it, array) {
        items[n++] = it;
    }
    *ret_n = n;
    return items;
}

static void list_ready(struct golden *g, const char *name, enum api_kind_id id)
{
    const cJSON *array = object(g, name);
    for (cJSON *it = array ? array->child : NULL; it; it = it->next)
        ready(g, it, id);
}

/* ---- planners
 * --------------------------------------------------------------------------------------------------
 */

static void run_instanceset(struct golden *g)
{
    struct plan_its_in in = {.schemas = &g->schemas,
                             .its = object(g, "its"),
                             .headless = object(g, "headless"),
                             .now_us = g->now_us};
    ready(g, object(g, "its"), API_INSTANCESET);
    in.hold = json_str(g->in, "hold");
    in.pods = list(g, "pods", &in.n_pods);
    in.pvcs = list(g, "pvcs", &in.n_pvcs);
    plan_instanceset(&in, &g->plan);
}

static void engine_read(struct golden *g, struct plan_component_in *in)
{
    const char *state = json_str(g->in, "engine");
    in->engine = streq(state, "waiting")    ? PLAN_ENGINE_WAITING
                 : streq(state, "answered") ? PLAN_ENGINE_ANSWERED
                 : streq(state, "failed")   ? PLAN_ENGINE_FAILED
                                            : PLAN_ENGINE_NONE;
    in->engine_available = in->engine != PLAN_ENGINE_FAILED;
    in->engine_reason = json_str(g->in, "engineReason");
    in->engine_message = json_str(g->in, "engineMessage");
    in->validate = object(g, "validate");
    in->render = object(g, "render");
    const cJSON *wired = object(g, "wired");
    in->wired = (struct plan_wired){.known = wired != NULL,
                                    .status = json_bool(false, wired, "ok") ? CONDITION_TRUE
                                                                            : CONDITION_FALSE,
                                    .reason = json_str(wired, "reason"),
                                    .message = json_str(wired, "message")};
}

static void run_component(struct golden *g)
{
    static const unsigned char RANDOM[PLAN_ACCOUNTS_MAX][PASSWORD_RANDOM] = {{1, 2, 3}, {4, 5, 6}};
    struct plan_component_in in = {.schemas = &g->schemas,
                                   .component = object(g, "component"),
                                   .cluster = object(g, "cluster"),
                                   .definition = object(g, "definition"),
                                   .definition_error = json_str(g->in, "definitionError"),
                                   .its = object(g, "its"),
                                   .random = RANDOM,
                                   .now_us = g->now_us};
    ready(g, object(g, "component"), API_COMPONENT);
    ready(g, object(g, "definition"), API_COMPONENTDEFINITION);
    ready(g, object(g, "its"), API_INSTANCESET);
    in.services = list(g, "services", &in.n_services);
    in.secrets = list(g, "secrets", &in.n_secrets);
    in.configmaps = list(g, "configmaps", &in.n_configmaps);
    engine_read(g, &in);
    plan_component(&in, &g->plan);
}

static void run_cluster(struct golden *g)
{
    struct plan_cluster_in in = {
        .schemas = &g->schemas, .cluster = object(g, "cluster"), .now_us = g->now_us};
    ready(g, object(g, "cluster"), API_CLUSTER);
    list_ready(g, "clusterdefs", API_CLUSTERDEFINITION);
    list_ready(g, "compdefs", API_COMPONENTDEFINITION);
    list_ready(g, "components", API_COMPONENT);
    in.clusterdefs = list(g, "clusterdefs", &in.n_clusterdefs);
    in.compdefs = list(g, "compdefs", &in.n_compdefs);
    in.components = list(g, "components", &in.n_components);
    in.services = list(g, "services", &in.n_services);
    plan_cluster(&in, &g->plan);
}

static void run_roles(struct golden *g)
{
    const cJSON *rows = object(g, "members");
    size_t n = 0;
    struct plan_member *m =
        arena_array(g->plan.arena, struct plan_member, (size_t)cJSON_GetArraySize(rows) + 1);
    json_foreach (row, rows) {
        m[n++] =
            (struct plan_member){.pod = json_str(row, "pod"),
                                 .uid = json_str(row, "pod"),
                                 .label = json_str(row, "label"),
                                 .label_version = (uint64_t)json_int(0, row, "labelVersion"),
                                 .heard = json_bool(json_at(row, "role") != NULL, row, "heard"),
                                 .known = json_bool(json_at(row, "role") != NULL, row, "known"),
                                 .role = json_str(row, "role") ? json_str(row, "role") : "",
                                 .version = (uint64_t)json_int(0, row, "version")};
    }
    plan_roles(object(g, "roles"), "default", m, n, &g->plan);
}

static void run_wiring(struct golden *g)
{
    const cJSON *rows = object(g, "records"), *wires = json_at(object(g, "advice"), "wire");
    size_t n = 0;
    struct plan_wire_record *r =
        arena_array(g->plan.arena, struct plan_wire_record, (size_t)cJSON_GetArraySize(rows) + 1);
    json_foreach (row, rows) {
        const cJSON *wire = json_find(wires, "key", json_str(row, "key"));
        r[n++] = (struct plan_wire_record){
            .key = json_str(row, "key"),
            .digest = json_bool(false, row, "other") ? 1 : plan_wire_digest(wire),
            .in_flight = json_bool(false, row, "inFlight"),
            .attempt = (unsigned)json_int(1, row, "attempt"),
            .outcome = (int)json_int(0, row, "outcome"),
            .ended_ms = (uint64_t)json_int(0, row, "endedMs")};
    }
    struct plan_wiring w;
    plan_wiring(object(g, "advice"), r, n, (uint64_t)json_int(1000000, g->in, "nowMs"),
                g->plan.arena, &w);
    for (size_t i = 0; i < w.n_starts; i++)
        buf_addf(&g->out, "start %s (attempt %u): %s %s\n", json_str(w.starts[i].wire, "key"),
                 w.starts[i].attempt, json_str(w.starts[i].wire, "verb"),
                 json_str(w.starts[i].wire, "target"));
    buf_addf(&g->out, "wired %d %s: %s\n", w.wired.status, w.wired.reason, w.wired.message);
    if (w.wake_ms)
        buf_addf(&g->out, "wake after %llu ms\n", (unsigned long long)w.wake_ms);
}

static const struct {
    const char *name;
    void (*run)(struct golden *g);
} PLANNERS[] = {
    {"instanceset", run_instanceset}, {"component", run_component},
    {"cluster", run_cluster},         {"roles", run_roles},
    {"wiring", run_wiring},
};

static int run(struct golden *g)
{
    const char *planner = json_str(g->in, "planner"), *now = json_str(g->in, "now");
    if (now && clock_parse(now, &g->now_us) < 0) {
        fprintf(stderr, "now: want a time, found \"%s\"\n", now);
        return 2;
    }
    for (size_t i = 0; i < ARRAY_LEN(PLANNERS); i++) {
        if (!streq(PLANNERS[i].name, planner))
            continue;
        PLANNERS[i].run(g);
        if (!streq(planner, "wiring"))
            plan_print(&g->plan, &g->out);
        return 0;
    }
    fprintf(stderr, "planner: unknown \"%s\"\n", planner ? planner : "");
    return 2;
}

/* ---- comparing
 * ----------------------------------------------------------------------------------------------------
 */

static int compare(const char *path, const char *want, const char *have)
{
    if (streq(want, have))
        return 0;
    struct str a = str_of(want ? want : ""), b = str_of(have), la, lb;
    unsigned line = 1;
    for (;; line++) {
        bool ma = str_split(&a, '\n', &la), mb = str_split(&b, '\n', &lb);
        if (!ma && !mb)
            break;
        if (ma && mb && str_eq(la, lb))
            continue;
        fprintf(stderr, "%s line %u:\n  want %.*s\n  have %.*s\n", path, line, ma ? (int)la.len : 0,
                ma ? la.ptr : "", mb ? (int)lb.len : 0, mb ? lb.ptr : "");
        break;
    }
    fprintf(stderr, "the whole plan now:\n%s\nUPDATE=1 rewrites the file\n", have);
    return 1;
}

static int finish(struct golden *g, const char *path)
{
    AUTO(err_freep) struct err *err = NULL;
    const char *update = getenv("UPDATE");
    if (update && streq(update, "1")) {
        if (file_replace(path, buf_str(&g->out), g->out.len, 0644, &err) < 0)
            fprintf(stderr, "%s\n", err_text(err));
        return err ? 2 : 0;
    }
    AUTO(mem_freep) char *want = NULL;
    size_t len;
    if (file_read(path, FILE_MAX, &want, &len, &err) < 0) {
        fprintf(stderr, "%s\n", err_text(err));
        return 2;
    }
    return compare(path, want, buf_str(&g->out));
}

int main(int argc, char **argv)
{
    AUTO(err_freep) struct err *err = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: golden_plan FOLDER\n");
        return 2;
    }
    struct golden g = {.out = BUF_INIT(FILE_MAX)};
    AUTO(mem_freep) char *in = file_path(argv[1], "in.json"), *out = file_path(argv[1], "plan.txt");
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    if (file_read(in, FILE_MAX, &text, &len, &err) < 0 || json_parse(text, len, &g.in, &err) < 0) {
        fprintf(stderr, "%s: %s\n", in, err_text(err));
        return 2;
    }
    api_schemas_init(&g.schemas);
    plan_init(&g.plan, ARENA_MAX);
    int code = run(&g);
    if (code == 0)
        code = finish(&g, out);
    plan_done(&g.plan);
    api_schemas_done(&g.schemas);
    cJSON_Delete(g.in);
    buf_done(&g.out);
    return code;
}
