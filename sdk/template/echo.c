/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo: a complete engine plugin whose engine is a folder of small files. The file <dir>/<instance
 * name> holds a role and its version ("primary 7"); writing it is what "the engine" does. Copy this
 * file, replace the reading and writing by talking to your database, and you have a plugin.
 *
 * It uses the default thread model: SERIAL, one call at a time on a thread that may block. So it
 * keeps no locks, and `self` is the only state.
 */
#include <stdio.h>
#include <stdlib.h>

#include "atoll/sugar.h"

struct echo {
    const struct atoll_host *host;
};

/* ---- "the engine"
 * ---------------------------------------------------------------------------------- */

static int file_path(struct echo *e, struct atoll_str name, char *out, size_t size)
{
    struct atoll_str dir = atoll_conf_text(e->host, "dir");
    int n = snprintf(out, size, "%.*s/%.*s", (int)dir.len, dir.ptr, (int)name.len, name.ptr);
    return n > 0 && (size_t)n < size ? 0 : -1;
}

static int engine_read(struct echo *e, struct atoll_str name, char role[32],
                       unsigned long long *version)
{
    char path[512];
    FILE *f = file_path(e, name, path, sizeof(path)) == 0 ? fopen(path, "r") : NULL;
    int found = f ? fscanf(f, "%31s %llu", role, version) : 0;
    if (f)
        fclose(f);
    return found == 2 ? 0 : -1;
}

static int engine_write(struct echo *e, struct atoll_str name, const char *role,
                        unsigned long long version)
{
    char path[512];
    FILE *f = file_path(e, name, path, sizeof(path)) == 0 ? fopen(path, "w") : NULL;
    int n = f ? fprintf(f, "%s %llu\n", role, version) : -1;
    if (f && fclose(f) != 0)
        n = -1;
    return n > 0 ? 0 : -1;
}

/* ---- role probe
 * ------------------------------------------------------------------------------------- */

static const struct atoll_role roles[] = {
    {"primary", ATOLL_ROLE_WRITABLE | ATOLL_ROLE_VOTER | ATOLL_ROLE_EXCLUSIVE, 2},
    {"secondary", ATOLL_ROLE_VOTER, 1},
};

static int32_t probe(void *self, const struct atoll_view *view,
                     const struct atoll_instance *instance, struct atoll_op op)
{
    struct echo *e = self;
    char role[32];
    unsigned long long version;
    (void)view;
    if (engine_read(e, instance->name, role, &version) == 0) {
        struct atoll_fact fact = atoll_fact_make("source", "file", 0);
        atoll_report_role(e->host, op, instance->id, role, version, &fact, 1);
    } else {
        atoll_report_unknown(e->host, op, instance->id, "NoFile",
                             "there is no file for this instance");
    }
    atoll_done(e->host, op);
    return ATOLL_OK;
}

static const struct atoll_role_probe role_probe = {
    .size = sizeof(role_probe),
    .roles = roles,
    .n_roles = 2,
    .role_size = sizeof(roles[0]),
    .period_ms = 1000,
    .timeout_ms = 1000,
    .probe = probe,
};

/* ---- lifecycle
 * -------------------------------------------------------------------------------------- */

static int32_t become(struct echo *e, struct atoll_op op, const struct atoll_instance *who,
                      const char *role, unsigned long long version)
{
    if (engine_write(e, who->name, role, version) < 0)
        return atoll_complete(e->host, op, ATOLL_CLASS_RETRY, "WriteFailed",
                              "cannot write the file of %.*s", (int)who->name.len, who->name.ptr);
    atoll_result(e->host, op, "role", role);
    return atoll_done(e->host, op);
}

/* The verbs are our own: advise() below says them, the host brings them back here. */
static int32_t wire(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct atoll_str verb = atoll_arg(call, "verb");
    if (!call->instance)
        return ATOLL_ERR_INVALID;
    if (atoll_str_is(verb, "promote"))
        become(self, op, call->instance, "primary", call->instance->role_version + 1);
    else if (atoll_str_is(verb, "follow"))
        become(self, op, call->instance, "secondary", call->instance->role_version);
    else
        return ATOLL_ERR_UNKNOWN;
    return ATOLL_OK;
}

/* May run twice with the same key: the second time it finds the work done and says so. */
static int32_t switchover(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    struct echo *e = self;
    char role[32];
    unsigned long long version = 0;
    if (!call->instance || !call->peer)
        return ATOLL_ERR_INVALID;
    if (engine_read(e, call->peer->name, role, &version) == 0 && strcmp(role, "primary") == 0) {
        atoll_done(e->host, op);
        return ATOLL_OK;
    }
    engine_read(e, call->instance->name, role, &version);
    if (engine_write(e, call->instance->name, "secondary", version) < 0)
        atoll_complete(e->host, op, ATOLL_CLASS_RETRY, "WriteFailed",
                       "cannot demote the old primary");
    else
        become(e, op, call->peer, "primary", version + 1);
    return ATOLL_OK;
}

static const struct atoll_hook hooks[] = {{"wire", 0, 5000, wire},
                                          {"switchover", 0, 5000, switchover}};

static const struct atoll_lifecycle lifecycle = {
    .size = sizeof(lifecycle), .hooks = hooks, .n_hooks = 2, .hook_size = sizeof(hooks[0])};

/* ---- topology: pure
 * ----------------------------------------------------------------------------------- */

static void validate(void *self, const struct atoll_view *view, const struct atoll_diag *diag)
{
    uint32_t i;
    (void)self;
    for (i = 0; i < view->n_components; i++)
        if (view->components[i]->replicas > 9)
            diag->error(diag->impl, "replicas", atoll_str_of("echo runs at most 9 replicas"));
}

static void render(void *self, const struct atoll_view *view, const struct atoll_instance *instance,
                   const struct atoll_files *files)
{
    char text[256];
    (void)self;
    snprintf(text, sizeof(text), "cluster = %.*s\npassword = @{secret default}\n",
             (int)view->cluster.len, view->cluster.ptr);
    files->file(files->impl, "echo-config", "echo.conf", 0644, atoll_str_of(text));
    files->env(files->impl, "echo", "ECHO_ADDRESS", instance->address);
    files->arg(files->impl, "echo", atoll_str_of("--serve"));
}

static void wire_advice(const struct atoll_advice *advice, uint32_t stage, const char *verb,
                        const struct atoll_instance *target, struct atoll_str peer,
                        const char *reason)
{
    char key[256];
    struct atoll_kv arg = {atoll_str_of("verb"), atoll_str_of(verb)};
    struct atoll_wire w = {
        .size = sizeof(w), .n_args = 1, .verb = verb, .target = target->id, .peer = peer};
    snprintf(key, sizeof(key), "%s-%.*s", verb, (int)target->name.len, target->name.ptr);
    w.key = atoll_str_of(key);
    w.args = &arg;
    w.reason = atoll_str_of(reason);
    advice->wire(advice->impl, stage, &w);
}

/* The primary with the highest version; with equal versions nobody moves. */
static const struct atoll_instance *find_primary(const struct atoll_component *c, uint32_t *ret_n)
{
    const struct atoll_instance *best = NULL;
    uint32_t i;
    for (i = 0; i < c->n_instances; i++) {
        if (!atoll_role_is(c->instances[i], "primary"))
            continue;
        ++*ret_n;
        if (!best || c->instances[i]->role_version > best->role_version)
            best = c->instances[i];
    }
    return best;
}

static void advise(void *self, const struct atoll_view *view, const struct atoll_advice *advice)
{
    const struct atoll_component *c = atoll_component_this(view);
    uint32_t i, n_primaries = 0;
    const struct atoll_instance *primary = c ? find_primary(c, &n_primaries) : NULL;
    (void)self;
    if (!c || c->n_instances == 0)
        return;
    if (!primary)
        wire_advice(advice, 0, "promote", c->instances[0], atoll_str_of(NULL),
                    "no instance is primary");
    if (n_primaries > 1)
        advice->refuse(advice->impl, atoll_str_of(NULL), "TwoPrimaries",
                       atoll_str_of("more than one primary"));
    for (i = 0; primary && i < c->n_instances; i++) {
        const struct atoll_instance *it = c->instances[i];
        if (it != primary && !atoll_role_is(it, "secondary"))
            wire_advice(advice, 1, "follow", it, primary->id,
                        "it is not a secondary of the primary");
        advice->update_order(advice->impl, it == primary, it->id);
        advice->victim(advice->impl, it == primary ? c->n_instances : c->n_instances - i, it->id,
                       atoll_str_of(it == primary ? "the primary goes last"
                                                  : "the highest ordinal goes first"));
        advice->endpoint(advice->impl, it == primary ? "primary" : "secondary", it->id);
    }
}

static const struct atoll_topology topology = {.size = sizeof(topology),
                                               .definitions = "echo.definitions",
                                               .validate = validate,
                                               .render = render,
                                               .advise = advise};

/* ---- the descriptor
 * --------------------------------------------------------------------------------------- */

static const struct atoll_option options[] = {
    {"dir", "/var/lib/atoll/echo", "Folder with one file per instance.", ATOLL_OPTION_STR, 0, 1,
     200},
};

static int32_t create(const struct atoll_host *host, void **ret_self)
{
    struct echo *e = calloc(1, sizeof(*e));
    if (!e)
        return ATOLL_ERR_SYSTEM;
    e->host = host;
    *ret_self = e;
    return ATOLL_OK;
}

static void destroy(void *self)
{
    free(self);
}

static const struct atoll_plugin plugin = {
    .magic = ATOLL_PLUGIN_MAGIC,
    .abi_major = ATOLL_ABI_MAJOR,
    .abi_minor = ATOLL_ABI_MINOR,
    .size = sizeof(plugin),
    .name = "echo",
    .version = "1.0.0",
    .summary = "A folder of files that plays a database",
    .options = options,
    .n_options = 1,
    .option_size = sizeof(options[0]),
    .create = create,
    .destroy = destroy,
    .role_probe = &role_probe,
    .lifecycle = &lifecycle,
    .topology = &topology,
};

const struct atoll_plugin *atoll_plugin_entry(void)
{
    return &plugin;
}
