/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of a plugin: what its author runs before anybody else does (atoll engine check x.so).
 *
 * The plugin runs in a runner of this process. Everything it is asked goes through the same frames
 * as in production, with a view made from its own definitions and addresses at which nobody
 * answers; so hooks are expected to fail, but to end: exactly once, soon after cancel, without
 * breaking a rule. Not here: whether the plugin understands its database.
 */
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "base/clock.h"
#include "engine/abi.h"
#include "engine/engine.h"
#include "engine/load.h"
#include "engine/runner.h"

#define FINISH_MS      1500 /* deadline of a hook that may take its time */
#define LIMIT_MS       6000 /* deadline, grace and what a slow machine adds */
#define CYCLES         6
#define LEAK_BYTES_MAX 2048 /* per create and destroy; allocators keep a little */
#define INSTANCES      2
#define TEXT_MAX       2048

struct checker {
    struct loop *loop;
    struct buf *out;
    int failures;
    cJSON *hello, *view, *secrets;
    cJSON
        *wire; /* the first piece of wiring it advises: what hook wire is tried with; NULL = none */
    struct plugin *plugin; /* for reading only */
    /* of the runner at work */
    uint64_t next_id, awaited;
    bool done;
    cJSON *answer; /* body of the last done frame that was awaited */
    unsigned bugs, stuck;
    char bug[TEXT_MAX];
};

static void verdict(struct checker *c, bool good, const char *fmt, ...) ATOLL_PRINTF(3, 4);
static void verdict(struct checker *c, bool good, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    c->failures += !good;
    buf_addf(c->out, "%s %s\n", good ? "ok  " : "FAIL", text);
}

static void warn(struct checker *c, const char *fmt, ...) ATOLL_PRINTF(2, 3);
static void warn(struct checker *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    buf_addf(c->out, "warn %s\n", text);
}

/* ---- the view
 * --------------------------------------------------------------------------------------------------------
 */

static const cJSON *definition_of(const struct checker *c, const char *kind, const char *name)
{
    json_foreach (o, c->plugin->definitions) {
        if (streq(json_str(o, "kind"), kind) &&
            (!name || streq(json_str(o, "metadata", "name"), name)))
            return o;
    }
    return NULL;
}

static cJSON *instances_make(const char *component, unsigned first_address)
{
    cJSON *list = cJSON_CreateArray();
    for (unsigned i = 0; i < INSTANCES; i++) {
        cJSON *in = cJSON_CreateObject();
        AUTO(mem_freep) char *id = mem_printf("check-%s-%u", component, i);
        AUTO(mem_freep) char *address = mem_printf("127.255.255.%u", first_address + i);
        json_put_str(in, id, "id");
        json_put_str(in, id, "name");
        json_put_str(in, address, "address");
        json_put_str(in, address, "host");
        json_put_int(in, i, "ordinal");
        json_put_bool(in, true, "present");
        json_put_bool(in, true, "running");
        cJSON_AddItemToArray(list, in);
    }
    return list;
}

static cJSON *accounts_make(struct checker *c, const cJSON *definition)
{
    cJSON *list = cJSON_CreateArray();
    json_foreach (account, json_at(definition, "spec", "systemAccounts")) {
        const char *name = json_str(account, "name");
        if (!name)
            continue;
        AUTO(mem_freep) char *ref = mem_printf("check/%s", name);
        cJSON *one = cJSON_CreateObject();
        json_put_str(one, name, "name");
        json_put_str(one, name, "username");
        json_put_str(one, ref, "secret");
        json_put_str(c->secrets, "check-secret", ref);
        cJSON_AddItemToArray(list, one);
    }
    return list;
}

static void component_add(struct checker *c, const char *name, const char *definition)
{
    cJSON *components = cJSON_GetObjectItemCaseSensitive(c->view, "components");
    const cJSON *d = definition_of(c, "ComponentDefinition", definition);
    const char *version = json_str(d, "spec", "serviceVersion");
    cJSON *component = cJSON_CreateObject();
    json_put_str(component, name, "name");
    json_put_str(component, definition ? definition : "", "definition");
    json_put_str(component, version ? version : "", "serviceVersion");
    json_put_int(component, INSTANCES, "replicas");
    json_put(component, accounts_make(c, d), "accounts");
    json_put(component,
             instances_make(name, 1 + INSTANCES * (unsigned)cJSON_GetArraySize(components)),
             "instances");
    cJSON_AddItemToArray(components, component);
}

/* The default topology of the first ClusterDefinition, or one component of no definition. */
static void view_make(struct checker *c)
{
    const cJSON *topology = NULL;
    c->view = cJSON_CreateObject();
    c->secrets = cJSON_CreateObject();
    json_put_str(c->view, "check/check", "cluster");
    json_put(c->view, cJSON_CreateArray(), "components");
    json_foreach (t, json_at(definition_of(c, "ClusterDefinition", NULL), "spec", "topologies")) {
        if (!topology || json_bool(false, t, "default"))
            topology = t;
    }
    const char *name = json_str(topology, "name");
    json_put_str(c->view, name ? name : "", "topology");
    json_foreach (component, json_at(topology, "components")) {
        if (json_str(component, "name"))
            component_add(c, json_str(component, "name"), json_str(component, "compDef"));
    }
    if (!json_at(c->view, "components")->child)
        component_add(c, "main", NULL);
    json_put_str(c->view, json_str(json_at(c->view, "components")->child, "name"), "component");
}

static const char *instance_id(const struct checker *c, int index)
{
    const cJSON *first = json_at(c->view, "components")->child;
    return json_str(cJSON_GetArrayItem(json_at(first, "instances"), index), "id");
}

/* ---- asking a runner
 * ---------------------------------------------------------------------------------------------------
 */

static void on_emit(void *arg, cJSON *msg)
{
    struct checker *c = arg;
    struct frame f;
    if (frame_check(msg, false, &f, NULL) < 0)
        return;
    if (f.type == FRAME_BUG) {
        c->bugs++;
        AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX - 1);
        buf_addf(&text, "%s: %s", json_str(f.body, "kind"), json_str(f.body, "text"));
        memcpy(c->bug, buf_str(&text), text.len + 1);
    } else if (f.type == FRAME_STATE) {
        c->stuck = (unsigned)json_int(0, f.body, "stuck");
    } else if (f.type == FRAME_DONE && f.id == c->awaited) {
        cJSON_Delete(c->answer);
        c->answer = TAKE(f.body);
        c->done = true;
    }
    frame_done(&f);
}

static int runner_begin(struct checker *c, struct runner **ret, struct err **err)
{
    struct frame hello;
    struct runner_opts o = {.loop = c->loop, .emit = on_emit, .arg = c};
    int rc = frame_check(cJSON_Duplicate(c->hello, true), true, &hello, err);
    if (rc < 0)
        return rc;
    rc = runner_new(&o, &hello, ret, err);
    frame_done(&hello);
    return rc;
}

static void tell(struct runner *r, cJSON *msg)
{
    struct frame f;
    int rc = frame_check(msg, true, &f, NULL);
    ATOLL_ASSERT(rc == 0);
    runner_handle(r, &f);
    frame_done(&f);
}

/* Send a message that is answered by done, and wait. */
static bool ask(struct checker *c, struct runner *r, cJSON *msg, bool cancel)
{
    c->awaited = ++c->next_id;
    c->done = false;
    c->bugs = 0;
    frame_put_id(msg, c->awaited);
    tell(r, msg);
    if (cancel && !c->done) {
        cJSON *stop = frame_new(FRAME_CANCEL);
        frame_put_id(stop, c->awaited);
        tell(r, stop);
    }
    loop_run_until(c->loop, &c->done, LIMIT_MS);
    bool never = false;
    loop_run_until(c->loop, &never, 1); /* a second completion would come now */
    return c->done;
}

static cJSON *call_make(const struct checker *c, const char *hook, unsigned deadline_ms)
{
    cJSON *msg = frame_new(FRAME_CALL);
    json_put_str(msg, hook, "hook");
    json_put_str(msg, "check", "key");
    json_put_int(msg, 1, "attempt");
    json_put_int(msg, deadline_ms, "deadlineMs");
    json_put(msg, cJSON_Duplicate(c->view, true), "view");
    json_put(msg, cJSON_Duplicate(c->secrets, true), "secrets");
    if (c->wire && streq(hook, "wire")) {
        json_put_str(msg, json_str(c->wire, "target"), "instance");
        json_put_str(msg, json_str(c->wire, "peer"), "peer");
        json_put(msg, cJSON_Duplicate(json_at(c->wire, "args"), true), "args");
        json_put_str(msg, json_str(c->wire, "verb"), "args", "verb");
        return msg;
    }
    json_put_str(msg, instance_id(c, 0), "instance");
    json_put_str(msg, instance_id(c, 1), "peer");
    return msg;
}

/* ---- the checks
 * ----------------------------------------------------------------------------------------------------------
 */

static void check_descriptor(struct checker *c)
{
    const struct plugin *p = c->plugin;
    verdict(c, true, "descriptor: %s version %s, ABI %u.%u", p->desc.name, p->desc.version,
            p->desc.abi_major, p->desc.abi_minor);
    if (!p->desc.summary || !p->desc.summary[0])
        warn(c, "descriptor: summary is empty");
    for (uint32_t i = 0; i < p->lifecycle.n_hooks; i++)
        if (!p->hooks[i].deadline_ms)
            warn(c, "hook %s: no default deadline; the host takes 30 s", p->hooks[i].name);
    for (uint32_t i = 0; i < p->desc.n_options; i++)
        if (!p->options[i].help || !p->options[i].help[0])
            warn(c, "option %s: no help", p->options[i].name);
    if (p->role_probe.timeout_ms > p->role_probe.period_ms)
        warn(c, "role_probe: timeout_ms %u is longer than period_ms %u", p->role_probe.timeout_ms,
             p->role_probe.period_ms);
    for (uint32_t i = 0; i < p->role_probe.n_roles; i++)
        for (uint32_t k = 0; k < i; k++)
            if (streq(p->roles[i].name, p->roles[k].name))
                verdict(c, false, "roles: %s stands twice", p->roles[i].name);
}

/* The same plugin as a host of another version sees it. */
static void check_skew(struct checker *c)
{
    struct {
        struct atoll_plugin plugin;
        unsigned char unknown[64];
    } later;
    struct plugin *copy = NULL;
    AUTO(err_freep) struct err *err = NULL;
    memset(&later, 0xa5, sizeof(later));
    later.plugin = c->plugin->desc;
    later.plugin.size = sizeof(later);
    int rc = plugin_adopt(&later.plugin, c->plugin->path, NULL, &copy, &err);
    verdict(c, rc == 0, "as a plugin of a later version: %s", rc == 0 ? "loads" : err_text(err));
    plugin_free(copy);
    err_freep(&err);
    copy = NULL;
    later.plugin.size = ABI_PLUGIN_1_0;
    rc = plugin_adopt(&later.plugin, c->plugin->path, NULL, &copy, &err);
    verdict(c, rc == 0, "as a plugin of version 1.0: %s", rc == 0 ? "loads" : err_text(err));
    plugin_free(copy);
}

static const char *class_word(const cJSON *answer)
{
    static const char *const words[] = {"done", "retry", "fatal", "unknown"};
    return words[json_int(3, answer, "class") & 3];
}

static void check_hook(struct checker *c, struct runner *r, const char *hook)
{
    static const struct {
        const char *how;
        unsigned deadline_ms;
        bool cancel;
    } ways[] = {
        {"left alone", FINISH_MS, false}, {"cancelled", 60000, true}, {"expired", 1, false}};
    for (size_t i = 0; i < ARRAY_LEN(ways) && !c->stuck; i++) {
        bool ended = ask(c, r, call_make(c, hook, ways[i].deadline_ms), ways[i].cancel);
        if (!ended || c->stuck)
            verdict(c, false, "hook %s %s: did not complete within its grace", hook, ways[i].how);
        else if (c->bugs)
            verdict(c, false, "hook %s %s: %s", hook, ways[i].how, c->bug);
        else
            verdict(c, true, "hook %s %s: %s %s", hook, ways[i].how, class_word(c->answer),
                    json_str(c->answer, "reason"));
    }
}

/* Probe, probe again, forget: no answer is fine, a broken rule is not. The second hook behind the
 * probes makes sure that they had their time. */
static void check_probe(struct checker *c, struct runner *r)
{
    cJSON *msg = frame_new(FRAME_SPEC);
    json_put_str(msg, instance_id(c, 0), "instance");
    json_put_str(msg, instance_id(c, 0), "spec", "instance");
    json_put_int(msg, 100, "spec", "periodMs");
    json_put_int(msg, 50, "spec", "timeoutMs");
    json_put(msg, cJSON_Duplicate(c->view, true), "spec", "view");
    json_put(msg, cJSON_Duplicate(c->secrets, true), "spec", "secrets");
    c->bugs = 0;
    tell(r, msg);
    bool never = false;
    loop_run_until(c->loop, &never, 700);
    msg = frame_new(FRAME_CLEAR);
    json_put_str(msg, instance_id(c, 0), "instance");
    tell(r, msg);
    loop_run_until(c->loop, &never, 100);
    verdict(c, c->bugs == 0, "probe: %s", c->bugs ? c->bug : "keeps the rules");
}

/* Heap tree, NULL after a failure that was noted. */
static cJSON *topology_answer(struct checker *c, struct runner *r, const char *question)
{
    cJSON *msg = frame_new(FRAME_TOPOLOGY);
    json_put_str(msg, question, "what");
    json_put(msg, cJSON_Duplicate(c->view, true), "view");
    bool ended = ask(c, r, msg, false);
    if (ended && !c->bugs && json_int(3, c->answer, "class") == ATOLL_CLASS_DONE)
        return cJSON_Duplicate(json_at(c->answer, "results"), true);
    const char *why = c->bugs ? c->bug : ended ? json_str(c->answer, "message") : "no answer";
    verdict(c, false, "%s: %s", question, why);
    return NULL;
}

static void check_topology(struct checker *c, struct runner *r)
{
    static const char *const questions[] = {"validate", "render", "advise"};
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        AUTO(json_freep) cJSON *first = topology_answer(c, r, questions[i]);
        AUTO(json_freep) cJSON *second = first ? topology_answer(c, r, questions[i]) : NULL;
        if (!second)
            continue;
        verdict(c, json_equal(first, second), "%s: twice the same answer", questions[i]);
        const cJSON *wire = json_at(first, "wire");
        if (wire && wire->child && !c->wire)
            c->wire = cJSON_Duplicate(wire->child, true);
    }
}

static void check_work(struct checker *c, struct runner *r, const char *who)
{
    AUTO(buf_done) struct buf head = BUF_INIT(256);
    buf_addf(&head, "-- %s\n", who);
    buf_addb(c->out, &head);
    c->stuck = 0;
    if (c->plugin->desc.topology)
        check_topology(c, r);
    if (c->plugin->desc.role_probe)
        check_probe(c, r);
    for (uint32_t i = 0; i < c->plugin->lifecycle.n_hooks && !c->stuck; i++)
        check_hook(c, r, c->plugin->hooks[i].name);
    if (c->stuck)
        warn(c, "the other hooks were not tried: a stuck plugin is asked nothing");
}

/* ---- leaks
 * -------------------------------------------------------------------------------------------------------------
 */

static unsigned open_files(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void check_leaks(struct checker *c)
{
    size_t before = 0;
    unsigned files = 0;
    bool never = false;
    for (int i = 0; i < CYCLES; i++) {
        struct runner *r = NULL;
        if (i == CYCLES / 2) { /* the first rounds fill caches */
            before = mallinfo2().uordblks;
            files = open_files();
        }
        if (runner_begin(c, &r, NULL) < 0 || !runner_free(r)) {
            verdict(c, false, "create and destroy: round %d failed", i + 1);
            return;
        }
        loop_run_until(c->loop, &never, 1);
    }
    size_t after = mallinfo2().uordblks;
    size_t grown = after > before ? (after - before) / (CYCLES - CYCLES / 2) : 0;
    if (!after)
        warn(c, "create and destroy: memory is not measured in a build with sanitizers");
    else
        verdict(c, grown <= LEAK_BYTES_MAX, "create and destroy: memory grows by %zu bytes a round",
                grown);
    unsigned now = open_files();
    verdict(c, now <= files, "create and destroy: %u descriptors open before, %u after", files,
            now);
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------------------------
 */

static void check_two(struct checker *c)
{
    struct runner *first = NULL, *second = NULL;
    AUTO(err_freep) struct err *err = NULL;
    int rc = runner_begin(c, &first, &err);
    if (rc == 0)
        rc = runner_begin(c, &second, &err);
    verdict(c, rc == 0, "two instances of the plugin: %s", rc == 0 ? "created" : err_text(err));
    if (rc == 0) {
        check_work(c, first, "the first of two");
        check_work(c, second, "the second of two");
    }
    if (first)
        verdict(c, runner_free(first), "the first is destroyed");
    if (rc == 0 && c->plugin->desc.topology)
        check_topology(c, second); /* what the first took along must not be missed */
    if (second)
        verdict(c, runner_free(second), "the second is destroyed");
}

static cJSON *hello_make(const char *path, const char *name, const cJSON *options)
{
    cJSON *hello = frame_new(FRAME_HELLO);
    json_put_str(hello, name, "name");
    json_put_str(hello, path, "plugin");
    json_put_int(hello, 8, "threads");
    json_foreach (o, options) {
        json_put_str(hello, json_string_of(o), "options", o->string, "value");
        json_put_str(hello, "command line", "options", o->string, "where");
    }
    return hello;
}

int engine_check(const char *path, const cJSON *options, struct buf *out)
{
    struct checker c = {.out = out};
    AUTO(err_freep) struct err *err = NULL;
    int rc = plugin_load(path, NULL, &c.plugin, &err);
    if (rc == 0)
        rc = loop_new(&c.loop, &err);
    if (rc < 0) {
        buf_addf(out, "FAIL %s\n", err_text(err));
        plugin_free(c.plugin);
        return rc;
    }
    c.hello = hello_make(path, c.plugin->desc.name, options);
    view_make(&c);
    check_descriptor(&c);
    check_skew(&c);
    check_two(&c);
    check_leaks(&c);
    buf_addf(out, "%s: %d failures\n", c.plugin->desc.name, c.failures);
    cJSON_Delete(c.answer);
    cJSON_Delete(c.hello);
    cJSON_Delete(c.view);
    cJSON_Delete(c.wire);
    cJSON_Delete(c.secrets);
    plugin_free(c.plugin);
    loop_free(c.loop);
    return c.failures;
}
