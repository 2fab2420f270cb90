/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading one plugin: from a path to a checked host copy of its descriptor and of every table below
 * it.
 *
 * The copy is what makes the ABI grow by appending: min(size) bytes of each struct, the rest zero.
 * A plugin that is not what it says is refused with one sentence that names the file, what was
 * wanted and what was found, before any of its code but the entry function ran. Not here: create(),
 * see runner.c.
 */
#ifndef ATOLL_ENGINE_LOAD_H
#define ATOLL_ENGINE_LOAD_H

#include "atoll/plugin.h"
#include "base/json.h"

struct option_value; /* options.c */

struct plugin {
    char *path;
    struct atoll_plugin desc; /* host copy; its tables point at the copies below or are NULL */
    struct atoll_role_probe role_probe;
    struct atoll_lifecycle lifecycle;
    struct atoll_topology topology;
    struct atoll_role *roles;
    struct atoll_hook *hooks;
    struct atoll_option *options;
    struct option_value *values; /* one per option, after plugin_configure */
    cJSON *definitions;          /* array of API objects, empty when it brings none */
};

/* `path` absolute; `want_name` the name under which it is configured, NULL = any. -EINVAL, -ENOENT,
 * -EPERM. The shared object stays mapped for ever. */
int plugin_load(const char *path, const char *want_name, struct plugin **ret, struct err **err);
/* The same checks and copies for a descriptor that is in memory already. */
int plugin_adopt(const struct atoll_plugin *raw, const char *path, const char *want_name,
                 struct plugin **ret, struct err **err);
/* Check `given` ({name: {value, where}} from conf.d, NULL = none) against the option table. */
int plugin_configure(struct plugin *p, const cJSON *given, struct err **err);
void plugin_free(struct plugin *p);
static inline void plugin_freep(struct plugin **p)
{
    plugin_free(*p);
    *p = NULL;
}
/* NULL when it has no such hook. */
const struct atoll_hook *plugin_hook(const struct plugin *p, struct str name);
bool plugin_has_role(const struct plugin *p, struct str role);
/* What the host tells about it: {name, version, summary, roles, hooks, definitions, families}. Heap
 * tree. */
cJSON *plugin_describe(const struct plugin *p);

/* Values of options (options.c). NULL: no such option. */
struct option_value {
    const char *name;
    uint32_t type;
    bool set;
    char *text;     /* STR; NULL when unset */
    int64_t number; /* INT, BOOL, DURATION in ms */
};
const struct option_value *plugin_option(const struct plugin *p, const char *name);
int options_check(const struct atoll_option *table, size_t n, const char *engine,
                  const cJSON *given, struct option_value **ret, struct err **err);
void options_free(struct option_value *values, size_t n);

/* The YAML beside the plugin (definitions.c): every document of a file or of the *.yaml of a
 * folder. */
int definitions_read(const char *plugin_path, const char *relative, cJSON **ret, struct err **err);

/* The names a hook may have; a plugin with another one is refused with this list. NULL-ended. */
extern const char *const hook_names[];

#endif
