/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The topology family: validate, render, advise. Each is one synchronous call on the loop whose
 * answer comes through the builder tables below and is collected into one JSON object (see engine.h
 * for its shape).
 *
 * An answer that breaks a rule (an instance that is not in the view, a file name that leads out of
 * its volume, text that is not UTF-8, too much of anything) is refused as a whole: half an advice
 * is worse than none.
 */
#include <stdio.h>
#include <string.h>

#include "engine/abi.h"
#include "engine/runner_own.h"

#define ANSWER_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define ANSWER_ITEMS_MAX 20000

struct answer {
    struct runner *runner;
    const struct scene *scene;
    cJSON *json;
    size_t bytes, items;
    char fault[400]; /* first broken rule; "" = none */
};

/* ---- rules
 * --------------------------------------------------------------------------------------------------
 */

static bool fault(struct answer *a, const char *fmt, ...) ATOLL_PRINTF(2, 3);
static bool fault(struct answer *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    if (!a->fault[0])
        snprintf(a->fault, sizeof(a->fault), "%s", text);
    return false;
}

static bool room_for(struct answer *a, size_t bytes)
{
    a->bytes += bytes;
    a->items++;
    return a->bytes <= ANSWER_BYTES_MAX && a->items <= ANSWER_ITEMS_MAX
               ? true
               : fault(a, "an answer of more than %zu bytes or %d items", ANSWER_BYTES_MAX,
                       ANSWER_ITEMS_MAX);
}

/* A member from a view; one line of text. */
static bool put_text(struct answer *a, cJSON *o, const char *key, struct atoll_str s)
{
    if (!room_for(a, s.len))
        return false;
    AUTO(mem_freep) char *text = mem_alloc(s.len + 1);
    text_clean(text, s.len + 1, s);
    json_put_str(o, text, key);
    return true;
}

static bool put_name(struct answer *a, cJSON *o, const char *key, const char *name)
{
    if (!name || !name[0])
        return fault(a, "%s is missing", key);
    return put_text(a, o, key, (struct atoll_str){name, strlen(name)});
}

/* File contents keep their line ends, so they are checked instead of cleaned. */
static bool put_content(struct answer *a, cJSON *o, struct atoll_str s)
{
    if (!room_for(a, s.len))
        return false;
    AUTO(mem_freep) char *clean = mem_alloc(s.len + 1);
    AUTO(mem_freep) char *text = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(text, s.ptr, s.len);
    for (char *p = text; p < text + s.len; p++)
        if (*p == '\n' || *p == '\t' || *p == '\r')
            *p = ' ';
    struct atoll_str flat = {text, s.len};
    if (text_clean(clean, s.len + 1, flat) != s.len || memcmp(clean, text, s.len) != 0)
        return fault(a, "content that is not UTF-8 text");
    if (s.len)
        memcpy(text, s.ptr, s.len);
    json_put_str(o, text, "content");
    return true;
}

static bool put_instance(struct answer *a, cJSON *o, const char *key, struct atoll_str id,
                         bool required)
{
    AUTO(mem_freep) char *text = mem_alloc(id.len + 1);
    if (id.len)
        memcpy(text, id.ptr, id.len);
    if ((id.len || required) && !scene_instance(a->scene, text))
        return fault(a, "%s names instance \"%.200s\", which is not in the view", key, text);
    return put_text(a, o, key, id);
}

static void add(struct answer *a, const char *list, cJSON *item, bool good)
{
    cJSON *array = cJSON_GetObjectItemCaseSensitive(a->json, list);
    if (good && !a->fault[0] && array)
        cJSON_AddItemToArray(array, item);
    else
        cJSON_Delete(item);
}

/* ---- validate
 * --------------------------------------------------------------------------------------------------
 */

static void diag_add(void *impl, const char *list, const char *field, struct atoll_str message)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    bool good = put_text(a, item, "field",
                         (struct atoll_str){field ? field : "", field ? strlen(field) : 0}) &&
                put_text(a, item, "message", message);
    add(a, list, item, good);
}

static void diag_error(void *impl, const char *field, struct atoll_str message)
{
    diag_add(impl, "errors", field, message);
}

static void diag_warn(void *impl, const char *field, struct atoll_str message)
{
    diag_add(impl, "warnings", field, message);
}

static void validate(struct answer *a, const struct atoll_topology *t)
{
    const struct atoll_diag diag = {
        .size = sizeof(diag), .impl = a, .error = diag_error, .warn = diag_warn};
    json_put(a->json, cJSON_CreateArray(), "errors");
    json_put(a->json, cJSON_CreateArray(), "warnings");
    if (t->validate)
        t->validate(a->runner->self, a->scene->view, &diag);
}

/* ---- render
 * ----------------------------------------------------------------------------------------------------
 */

/* A key of a ConfigMap. */
static bool file_name_ok(const char *s)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    return s && s[0] && strlen(s) <= 253 && s[strspn(s, good)] == '\0' && !streq(s, ".") &&
           !streq(s, "..");
}

static void files_file(void *impl, const char *volume, const char *name, uint32_t mode,
                       struct atoll_str content)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    bool good = put_name(a, item, "volume", volume) && put_name(a, item, "name", name);
    if (good && !file_name_ok(name))
        good = fault(a, "file name \"%.100s\": want letters, digits and -._", name);
    if (good && mode > 0777)
        good = fault(a, "file %s: want a mode of at most 0777, found %o", name, mode);
    json_put_int(item, mode, "mode");
    add(a, "files", item, good && put_content(a, item, content));
}

/* The list of a container in `member`, made when it is not there. */
static cJSON *container_list(struct answer *a, const char *member, const char *container)
{
    cJSON *by_container = cJSON_GetObjectItemCaseSensitive(a->json, member);
    if (!container || !container[0]) {
        fault(a, "%s without a container", member);
        return NULL;
    }
    cJSON *list = cJSON_GetObjectItemCaseSensitive(by_container, container);
    if (!list) {
        list = cJSON_CreateArray();
        cJSON_AddItemToObject(by_container, container, list);
    }
    return list;
}

static void files_env(void *impl, const char *container, const char *name, struct atoll_str value)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    cJSON *list = container_list(a, "env", container);
    if (list && put_name(a, item, "name", name) && put_text(a, item, "value", value))
        cJSON_AddItemToArray(list, item);
    else
        cJSON_Delete(item);
}

static void files_arg(void *impl, const char *container, struct atoll_str value)
{
    struct answer *a = impl;
    cJSON *list = container_list(a, "args", container);
    AUTO(json_freep) cJSON *holder = cJSON_CreateObject();
    if (list && put_text(a, holder, "v", value))
        cJSON_AddItemToArray(list, cJSON_DetachItemFromObjectCaseSensitive(holder, "v"));
}

static struct atoll_str literal(const char *s)
{
    return (struct atoll_str){s, strlen(s)};
}

static void render(struct answer *a, const struct atoll_topology *t)
{
    const struct atoll_files files = {
        .size = sizeof(files), .impl = a, .file = files_file, .env = files_env, .arg = files_arg};
    struct atoll_instance late = {.size = sizeof(late),
                                  .name = literal("$(ATOLL_NAME)"),
                                  .component = a->scene->view->component,
                                  .address = literal("$(ATOLL_ADDRESS)"),
                                  .host = literal("$(ATOLL_HOST)"),
                                  .ordinal = -1,
                                  .fact_size = sizeof(struct atoll_fact)};
    json_put(a->json, cJSON_CreateArray(), "files");
    json_put(a->json, cJSON_CreateObject(), "env");
    json_put(a->json, cJSON_CreateObject(), "args");
    if (t->render)
        t->render(a->runner->self, a->scene->view, &late, &files);
}

/* ---- advise
 * ----------------------------------------------------------------------------------------------------
 */

static bool put_args(struct answer *a, cJSON *item, const struct atoll_wire *w)
{
    cJSON *args = json_obj(item, "args");
    if (w->n_args > VIEW_PAIRS_MAX || (w->n_args && !w->args))
        return fault(a, "wire %s: %u arguments", w->verb, w->n_args);
    for (uint32_t i = 0; i < w->n_args; i++) {
        char key[REPORT_KEY_MAX + 1];
        text_clean(key, sizeof(key), w->args[i].key);
        if (!key[0] || !put_text(a, args, key, w->args[i].value))
            return fault(a, "wire %s: an argument without a name", w->verb);
    }
    return true;
}

static void advice_wire(void *impl, uint32_t stage, const struct atoll_wire *w)
{
    struct answer *a = impl;
    if (!w || w->size < ABI_WIRE_1_0) {
        fault(a, "wire: a struct that is NULL or too short");
        return;
    }
    cJSON *item = cJSON_CreateObject();
    json_put_int(item, stage, "stage");
    bool good = put_name(a, item, "verb", w->verb) &&
                put_instance(a, item, "target", w->target, true) &&
                put_instance(a, item, "peer", w->peer, false) && put_text(a, item, "key", w->key) &&
                put_args(a, item, w) && put_text(a, item, "reason", w->reason);
    if (good && w->key.len == 0)
        good = fault(a, "wire %s: key is missing", w->verb);
    add(a, "wire", item, good);
}

static void advice_update_order(void *impl, uint32_t position, struct atoll_str instance)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    json_put_int(item, position, "position");
    add(a, "updateOrder", item, put_instance(a, item, "instance", instance, true));
}

static void advice_switchover_before(void *impl, struct atoll_str instance,
                                     struct atoll_str candidate, struct atoll_str reason)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    bool good = put_instance(a, item, "instance", instance, true) &&
                put_instance(a, item, "candidate", candidate, false) &&
                put_text(a, item, "reason", reason);
    add(a, "switchoverBefore", item, good);
}

static void advice_victim(void *impl, uint32_t position, struct atoll_str instance,
                          struct atoll_str reason)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    json_put_int(item, position, "position");
    bool good =
        put_instance(a, item, "instance", instance, true) && put_text(a, item, "reason", reason);
    add(a, "victims", item, good);
}

static void advice_endpoint(void *impl, const char *role, struct atoll_str instance)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    bool good =
        put_name(a, item, "role", role) && put_instance(a, item, "instance", instance, true);
    add(a, "endpoints", item, good);
}

static void advice_refuse(void *impl, struct atoll_str subject, const char *reason,
                          struct atoll_str message)
{
    struct answer *a = impl;
    cJSON *item = cJSON_CreateObject();
    bool good = put_instance(a, item, "subject", subject, false) &&
                put_name(a, item, "reason", reason) && put_text(a, item, "message", message);
    if (good && !reason_ok(literal(reason)))
        good = fault(a, "refuse: want a CamelCase reason, found \"%.60s\"", reason);
    add(a, "refusals", item, good);
}

static void advise(struct answer *a, const struct atoll_topology *t)
{
    static const char *const lists[] = {"wire",    "updateOrder", "switchoverBefore",
                                        "victims", "endpoints",   "refusals"};
    const struct atoll_advice advice = {.size = sizeof(advice),
                                        .impl = a,
                                        .wire = advice_wire,
                                        .update_order = advice_update_order,
                                        .switchover_before = advice_switchover_before,
                                        .victim = advice_victim,
                                        .endpoint = advice_endpoint,
                                        .refuse = advice_refuse};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        json_put(a->json, cJSON_CreateArray(), lists[i]);
    if (t->advise)
        t->advise(a->runner->self, a->scene->view, &advice);
}

/* ---- the call
 * ----------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *what;
    void (*run)(struct answer *a, const struct atoll_topology *t);
} questions[] = {{"validate", validate}, {"render", render}, {"advise", advise}};

static void answer_run(struct runner *r, uint64_t id, size_t question, const struct scene *scene)
{
    struct answer a = {.runner = r, .scene = scene, .json = cJSON_CreateObject()};
    AUTO(mem_freep)
    char *what = mem_printf("%s of %s", questions[question].what, scene->view->cluster.ptr);
    struct guard g = guard_begin(r, what);
    questions[question].run(&a, &r->plugin->topology);
    guard_end(&g);
    if (!a.fault[0]) {
        done_emit(r, id, ATOLL_CLASS_DONE, "", "", a.json);
        return;
    }
    AUTO(mem_freep)
    char *text = mem_printf("%s answered %s with %s", runner_file(r), what, a.fault);
    runner_bug(r, "bad-answer", "%s", text);
    done_emit(r, id, ATOLL_CLASS_FATAL, "BadAnswer", text, NULL);
    cJSON_Delete(a.json);
}

void topology_run(struct runner *r, const struct frame *f)
{
    AUTO(err_freep) struct err *err = NULL;
    AUTO(scene_unrefp) struct scene *scene = NULL;
    const char *what = json_str(f->body, "what");
    size_t q = 0;
    while (q < ARRAY_LEN(questions) && !streq(questions[q].what, what))
        q++;
    if (r->closing)
        done_emit(r, f->id, ATOLL_CLASS_RETRY, "NotStarted", "the plugin is closing", NULL);
    else if (q == ARRAY_LEN(questions))
        done_emit(r, f->id, ATOLL_CLASS_FATAL, "InvalidCall",
                  "what: want validate, render or advise", NULL);
    else if (scene_new(json_at(f->body, "view"), NULL, probe_role, r, &scene, &err) < 0)
        done_emit(r, f->id, ATOLL_CLASS_FATAL, "InvalidCall", err_text(err), NULL);
    else
        answer_run(r, f->id, q, scene);
}
