/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading one plugin. The order is: path, owner and mode, dlopen, symbol, magic, major, size,
 * must-understand flags, copies, mandatory fields, name, definitions. Each step refuses with one
 * sentence.
 *
 * Sizes of version 1.0 are written as "the end of the last member of 1.0", so that members appended
 * to the header later do not silently become mandatory. RTLD_LOCAL keeps the plugin's libraries to
 * itself; nothing is ever dlclosed, because threads of the plugin may still run.
 */
#include "engine/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/abi.h"

#define ROLES_MAX   16
#define HOOKS_MAX   64
#define OPTIONS_MAX 256

#define KNOWN_PLUGIN_FLAGS  0u
#define SENSIBLE_STRUCT_MAX 65536u /* a larger size is not a newer plugin but garbage */

const char *const hook_names[] = {
    "post-provision",    "pre-terminate",   "member-join", "member-leave",
    "switchover",        "readonly",        "readwrite",   "data-dump",
    "data-load",         "reconfigure",     "shard-add",   "shard-remove",
    "account-provision", "available-probe", "wire",        NULL};

static int path_check(const char *path, struct err **err)
{
    struct stat st;
    if (!path || path[0] != '/')
        return err_set(err, -EINVAL, "plugin %s: want an absolute path", path ? path : "(none)");
    if (stat(path, &st) < 0)
        return err_set(err, -errno, "plugin %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "plugin %s: want a regular file", path);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return err_set(err, -EPERM, "plugin %s: want owner root or uid %u, found uid %u", path,
                       geteuid(), st.st_uid);
    bool foreign_group = (st.st_mode & S_IWGRP) && st.st_gid != getegid();
    if ((st.st_mode & S_IWOTH) || foreign_group)
        return err_set(err, -EPERM,
                       "plugin %s: want mode not writable by others, found %04o of gid %u", path,
                       st.st_mode & 07777, st.st_gid);
    return 0;
}

/* ---- copies
 * ----------------------------------------------------------------------------------------- */

/* The first `size` bytes the plugin has of a struct of which the host knows `room`. */
static int copy_struct(void *to, size_t room, const void *from, uint32_t size, size_t min,
                       const char *path, const char *what, struct err **err)
{
    if (size < min || size > SENSIBLE_STRUCT_MAX)
        return err_set(err, -EINVAL,
                       "plugin %s: %s.size: want at least %zu (version 1.0), found %u", path, what,
                       min, size);
    memset(to, 0, room);
    memcpy(to, from, size < room ? size : room);
    return 0;
}

struct array {
    const void *from;
    uint32_t n, size; /* elements and their size, as the plugin says */
    size_t room, min; /* element size here and in 1.0 */
    uint32_t max;
    const char *what;
};

static int copy_array(void *ret, const struct array *a, const char *path, struct err **err)
{
    if (a->n > a->max)
        return err_set(err, -EINVAL, "plugin %s: %s: want at most %u, found %u", path, a->what,
                       a->max, a->n);
    if (a->n == 0)
        return 0;
    if (!a->from)
        return err_set(err, -EINVAL, "plugin %s: %s: %u announced, found a NULL table", path,
                       a->what, a->n);
    char *copy = mem_calloc(a->n, a->room);
    for (uint32_t i = 0; i < a->n; i++) {
        int rc =
            copy_struct(copy + i * a->room, a->room, (const char *)a->from + (size_t)i * a->size,
                        a->size, a->min, path, a->what, err);
        if (rc < 0) {
            mem_free(copy);
            return rc;
        }
    }
    *(void **)ret = copy;
    return 0;
}

static int threads_check(uint32_t threads, const char *path, const char *what, struct err **err)
{
    switch (threads) {
    case ATOLL_THREADS_SERIAL:
    case ATOLL_THREADS_LOOP:
    case ATOLL_THREADS_SERIAL_2000:
    case ATOLL_THREADS_PER_INSTANCE:
    case ATOLL_THREADS_PARALLEL:
        return 0;
    default:
        return err_set(err, -EINVAL,
                       "plugin %s: %s.threads: want 0, 1000, 2000, 3000 or 4000, found %u", path,
                       what, threads);
    }
}

static int copy_role_probe(struct plugin *p, const struct atoll_role_probe *raw, struct err **err)
{
    if (!raw)
        return 0;
    int rc = copy_struct(&p->role_probe, sizeof(p->role_probe), raw, raw->size, ABI_ROLE_PROBE_1_0,
                         p->path, "role_probe", err);
    if (rc < 0)
        return rc;
    struct atoll_role_probe *t = &p->role_probe;
    struct array roles = {t->roles,     t->n_roles, t->role_size, sizeof(*p->roles),
                          ABI_ROLE_1_0, ROLES_MAX,  "roles"};
    rc = copy_array(&p->roles, &roles, p->path, err);
    if (rc == 0)
        rc = threads_check(t->threads, p->path, "role_probe", err);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < t->n_roles; i++)
        if (!p->roles[i].name || !p->roles[i].name[0])
            return err_set(err, -EINVAL, "plugin %s: roles[%u].name: want a name, found none",
                           p->path, i);
    if (!t->probe)
        return err_set(err, -EINVAL, "plugin %s: role_probe.probe: want a function, found NULL",
                       p->path);
    t->roles = p->roles;
    p->desc.role_probe = t;
    return 0;
}

static int hook_check(const struct plugin *p, uint32_t i, struct err **err)
{
    const struct atoll_hook *h = &p->hooks[i];
    if (!h->name || !h->run)
        return err_set(err, -EINVAL, "plugin %s: hooks[%u]: want a name and a function", p->path,
                       i);
    for (uint32_t k = 0; k < i; k++)
        if (streq(p->hooks[k].name, h->name))
            return err_set(err, -EINVAL, "plugin %s: hook %s stands twice in the table", p->path,
                           h->name);
    for (const char *const *known = hook_names; *known; known++)
        if (streq(*known, h->name))
            return 0;
    AUTO(buf_done) struct buf list = BUF_INIT(1024);
    for (const char *const *known = hook_names; *known; known++)
        buf_addf(&list, " %s", *known);
    return err_set(err, -EINVAL, "plugin %s: hooks[%u].name: want one of%s, found \"%s\"", p->path,
                   i, buf_str(&list), h->name);
}

static int copy_lifecycle(struct plugin *p, const struct atoll_lifecycle *raw, struct err **err)
{
    if (!raw)
        return 0;
    int rc = copy_struct(&p->lifecycle, sizeof(p->lifecycle), raw, raw->size, ABI_LIFECYCLE_1_0,
                         p->path, "lifecycle", err);
    if (rc < 0)
        return rc;
    struct atoll_lifecycle *t = &p->lifecycle;
    struct array hooks = {t->hooks,     t->n_hooks, t->hook_size, sizeof(*p->hooks),
                          ABI_HOOK_1_0, HOOKS_MAX,  "hooks"};
    rc = copy_array(&p->hooks, &hooks, p->path, err);
    if (rc == 0)
        rc = threads_check(t->threads, p->path, "lifecycle", err);
    for (uint32_t i = 0; rc == 0 && i < t->n_hooks; i++)
        rc = hook_check(p, i, err);
    if (rc < 0)
        return rc;
    t->hooks = p->hooks;
    p->desc.lifecycle = t;
    return 0;
}

static int copy_topology(struct plugin *p, const struct atoll_topology *raw, struct err **err)
{
    if (!raw)
        return 0;
    int rc = copy_struct(&p->topology, sizeof(p->topology), raw, raw->size, ABI_TOPOLOGY_1_0,
                         p->path, "topology", err);
    if (rc < 0)
        return rc;
    p->desc.topology = &p->topology;
    return 0;
}

static int copy_options(struct plugin *p, struct err **err)
{
    struct array options = {p->desc.options,
                            p->desc.n_options,
                            p->desc.option_size,
                            sizeof(*p->options),
                            ABI_OPTION_1_0,
                            OPTIONS_MAX,
                            "options"};
    int rc = copy_array(&p->options, &options, p->path, err);
    if (rc < 0)
        return rc;
    p->desc.options = p->options;
    for (uint32_t i = 0; i < p->desc.n_options; i++) {
        if (!p->options[i].name || !p->options[i].name[0])
            return err_set(err, -EINVAL, "plugin %s: options[%u].name: want a name, found none",
                           p->path, i);
        if (p->options[i].type > ATOLL_OPTION_DURATION)
            return err_set(err, -EINVAL, "plugin %s: option %s: want type 0..%u, found %u", p->path,
                           p->options[i].name, ATOLL_OPTION_DURATION, p->options[i].type);
    }
    return 0;
}

/* ---- the descriptor
 * --------------------------------------------------------------------------------- */

static int head_check(const struct atoll_plugin *raw, const char *path, struct err **err)
{
    if (!raw)
        return err_set(err, -EINVAL, "plugin %s: atoll_plugin_entry: want a descriptor, found NULL",
                       path);
    if (raw->magic != ATOLL_PLUGIN_MAGIC)
        return err_set(err, -EINVAL, "plugin %s: magic: want %08x, found %08x", path,
                       ATOLL_PLUGIN_MAGIC, raw->magic);
    if (raw->abi_major != ATOLL_ABI_MAJOR)
        return err_set(err, -EINVAL, "plugin %s: ABI major: want %u, found %u", path,
                       ATOLL_ABI_MAJOR, raw->abi_major);
    if (raw->flags & ATOLL_PLUGIN_MUST_UNDERSTAND & ~KNOWN_PLUGIN_FLAGS)
        return err_set(
            err, -EINVAL,
            "plugin %s: flags: it needs features %08x of a newer host, this one is %u.%u", path,
            raw->flags & ATOLL_PLUGIN_MUST_UNDERSTAND, ATOLL_ABI_MAJOR, ATOLL_ABI_MINOR);
    return 0;
}

static bool is_dns_label(const char *s)
{
    size_t n = strlen(s);
    size_t good = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n > 0 && n <= 63 && good == n && s[0] != '-' && s[n - 1] != '-';
}

static int fields_check(const struct plugin *p, const char *want_name, struct err **err)
{
    const struct atoll_plugin *d = &p->desc;
    if (!d->name || !is_dns_label(d->name))
        return err_set(err, -EINVAL, "plugin %s: name: want a DNS label, found \"%s\"", p->path,
                       d->name ? d->name : "");
    if (want_name && !streq(want_name, d->name))
        return err_set(err, -EINVAL, "plugin %s: name: want \"%s\" as configured, found \"%s\"",
                       p->path, want_name, d->name);
    if (!d->version || !d->version[0])
        return err_set(err, -EINVAL, "plugin %s: version: want a version, found none", p->path);
    if (!d->create || !d->destroy)
        return err_set(err, -EINVAL, "plugin %s: %s: want a function, found NULL", p->path,
                       d->create ? "destroy" : "create");
    return 0;
}

int plugin_adopt(const struct atoll_plugin *raw, const char *path, const char *want_name,
                 struct plugin **ret, struct err **err)
{
    int rc = head_check(raw, path, err);
    if (rc < 0)
        return rc;
    AUTO(plugin_freep) struct plugin *p = mem_new(struct plugin);
    p->path = mem_strdup(path);
    p->definitions = cJSON_CreateArray();
    rc = copy_struct(&p->desc, sizeof(p->desc), raw, raw->size, ABI_PLUGIN_1_0, path, "descriptor",
                     err);
    if (rc < 0)
        return rc;
    /* From here on only what a copy function puts back may be reached. */
    p->desc.role_probe = NULL;
    p->desc.lifecycle = NULL;
    p->desc.topology = NULL;
    rc = fields_check(p, want_name, err);
    if (rc == 0)
        rc = copy_options(p, err);
    if (rc == 0)
        rc = copy_role_probe(p, raw->role_probe, err);
    if (rc == 0)
        rc = copy_lifecycle(p, raw->lifecycle, err);
    if (rc == 0)
        rc = copy_topology(p, raw->topology, err);
    if (rc == 0 && p->topology.definitions) {
        cJSON_Delete(TAKE(p->definitions));
        rc = definitions_read(path, p->topology.definitions, &p->definitions, err);
    }
    if (rc == 0)
        *ret = TAKE(p);
    return rc;
}

int plugin_load(const char *path, const char *want_name, struct plugin **ret, struct err **err)
{
    int rc = path_check(path, err);
    if (rc < 0)
        return rc;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, -EINVAL, "plugin %s: %s", path, dlerror());
    const struct atoll_plugin *(*entry)(void);
    *(void **)&entry = dlsym(handle, "atoll_plugin_entry");
    if (!entry)
        return err_set(err, -EINVAL,
                       "plugin %s: want the function atoll_plugin_entry, found no such symbol",
                       path);
    return plugin_adopt(entry(), path, want_name, ret, err);
}

int plugin_configure(struct plugin *p, const cJSON *given, struct err **err)
{
    struct option_value *values;
    int rc = options_check(p->options, p->desc.n_options, p->desc.name, given, &values, err);
    if (rc < 0)
        return rc;
    options_free(p->values, p->desc.n_options);
    p->values = values;
    return 0;
}

void plugin_free(struct plugin *p)
{
    if (!p)
        return;
    options_free(p->values, p->desc.n_options);
    cJSON_Delete(p->definitions);
    mem_free(p->roles);
    mem_free(p->hooks);
    mem_free(p->options);
    mem_free(p->path);
    mem_free(p);
}

/* ---- reading the copy
 * --------------------------------------------------------------------------------- */

const struct atoll_hook *plugin_hook(const struct plugin *p, struct str name)
{
    for (uint32_t i = 0; i < p->lifecycle.n_hooks; i++)
        if (str_eq(str_of(p->hooks[i].name), name))
            return &p->hooks[i];
    return NULL;
}

bool plugin_has_role(const struct plugin *p, struct str role)
{
    for (uint32_t i = 0; i < p->role_probe.n_roles; i++)
        if (str_eq(str_of(p->roles[i].name), role))
            return true;
    return false;
}

const struct option_value *plugin_option(const struct plugin *p, const char *name)
{
    for (uint32_t i = 0; p->values && i < p->desc.n_options; i++)
        if (streq(p->values[i].name, name))
            return &p->values[i];
    return NULL;
}

static cJSON *describe_roles(const struct plugin *p)
{
    cJSON *roles = cJSON_CreateArray();
    for (uint32_t i = 0; i < p->role_probe.n_roles; i++) {
        const struct atoll_role *r = &p->roles[i];
        cJSON *role = cJSON_CreateObject();
        json_put_str(role, r->name, "name");
        json_put_bool(role, (r->flags & ATOLL_ROLE_WRITABLE) != 0, "writable");
        json_put_bool(role, (r->flags & ATOLL_ROLE_VOTER) != 0, "voter");
        json_put_bool(role, (r->flags & ATOLL_ROLE_EXCLUSIVE) != 0, "exclusive");
        json_put_int(role, r->update_priority, "updatePriority");
        cJSON_AddItemToArray(roles, role);
    }
    return roles;
}

cJSON *plugin_describe(const struct plugin *p)
{
    cJSON *j = cJSON_CreateObject();
    json_put_str(j, p->desc.name, "name");
    json_put_str(j, p->desc.version, "version");
    json_put_str(j, p->desc.summary ? p->desc.summary : "", "summary");
    json_put(j, describe_roles(p), "roles");
    cJSON *hooks = json_obj(j, "hooks");
    for (uint32_t i = 0; i < p->lifecycle.n_hooks; i++)
        json_put_int(hooks, p->hooks[i].deadline_ms, p->hooks[i].name);
    json_put_bool(j, p->desc.role_probe != NULL, "families", "roleProbe");
    json_put_bool(j, p->desc.lifecycle != NULL, "families", "lifecycle");
    json_put_bool(j, p->desc.topology != NULL, "families", "topology");
    json_put_bool(j, p->role_probe.watch != NULL, "families", "watch");
    json_put(j, cJSON_Duplicate(p->definitions, true), "definitions");
    return j;
}
