/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration through one table. libconfig reads the syntax, file by file so that line numbers
 * are right; every scalar becomes one entry "dotted path -> text, file, line", checked against the
 * row that matches its path. Reading a value later is a look-up of its path, then of its row's
 * default.
 */
#include "base/conf.h"

#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/map.h"
#include "base/str.h"

#define CONF_FILE_MAX (1024 * 1024)
#define CONF_PATH_MAX 512

struct conf_value {
    char *text;     /* of a scalar */
    int64_t number; /* INT, BOOL, DURATION */
    char **list;    /* STR_LIST, ended by NULL */
    size_t list_len;
    char *where; /* "conf.d/10.cfg line 4" */
    bool loose;  /* below a ".**" path: text alone */
};

struct conf {
    const struct conf_key *keys; /* the caller's table, which outlives us */
    size_t n_keys;
    struct conf_value *defaults; /* one per key */
    struct map values;           /* path -> struct conf_value */
    struct map groups;           /* path -> itself: groups that stand in a file, empty or not */
    struct map names;            /* prefix -> name array, made on demand */
};

static void value_free(struct conf_value *v)
{
    for (size_t i = 0; i < v->list_len; i++)
        mem_free(v->list[i]);
    mem_free(v->list);
    mem_free(v->text);
    mem_free(v->where);
    *v = (struct conf_value){0};
}

void conf_free(struct conf *c)
{
    if (!c)
        return;
    void *p;
    for (size_t i = 0; i < c->n_keys; i++)
        value_free(&c->defaults[i]);
    for (size_t it = 0; map_next(&c->values, &it, NULL, &p);) {
        value_free(p);
        mem_free(p);
    }
    for (size_t it = 0; map_next(&c->names, &it, NULL, &p);) {
        for (char **name = p; *name; name++)
            mem_free(*name);
        mem_free(p);
    }
    map_done(&c->values);
    map_done(&c->groups);
    map_done(&c->names);
    mem_free(c->defaults);
    mem_free(c);
}

/* Does pattern stand for path? With `group` it is enough that something below path could. */
static bool path_matches(const char *pattern, const char *path, bool group)
{
    struct str p = str_of(pattern), s = str_of(path), a, b;
    while (str_split(&s, '.', &b)) {
        if (!str_split(&p, '.', &a))
            return false;
        if (str_eq(a, STR("**")))
            return true;
        if (!str_eq(a, STR("*")) && !str_eq(a, b))
            return false;
    }
    return group || !p.ptr;
}

/* The row of a path; a row without "**" wins over one with it. */
static const struct conf_key *row_of(const struct conf *c, const char *path, bool group)
{
    const struct conf_key *found = NULL;
    for (size_t i = 0; i < c->n_keys; i++) {
        const struct conf_key *k = &c->keys[i];
        if (!path_matches(k->path, path, group))
            continue;
        if (!str_ends(k->path, ".**"))
            return k;
        found = found ? found : k;
    }
    return found;
}

static bool is_loose(const struct conf_key *k)
{
    return str_ends(k->path, ".**");
}

static bool allowed_has(const char *allowed, const char *text)
{
    struct str rest = str_of(allowed), one;
    while (str_split(&rest, '|', &one))
        if (str_eq(one, str_of(text)))
            return true;
    return false;
}

static int check_number(const struct conf_key *k, const char *path, struct conf_value *v,
                        struct err **err)
{
    if ((k->min || k->max) && (v->number < k->min || v->number > k->max))
        return err_set(err, -EINVAL, "%s: want %lld..%lld%s, found %s", path, (long long)k->min,
                       (long long)k->max, k->type == CONF_DURATION ? " ms" : "", v->text);
    return 0;
}

static const char *const type_words[] = {[CONF_STR] = "a string",
                                         [CONF_INT] = "a whole number",
                                         [CONF_BOOL] = "true or false",
                                         [CONF_DURATION] = "a duration like \"10s\"",
                                         [CONF_STR_LIST] = "a list of strings"};

/* Fill v->number from v->text as the row says. */
static int interpret(const struct conf_key *k, const char *path, struct conf_value *v,
                     struct err **err)
{
    int rc = 0;
    switch (k->type) {
    case CONF_STR:
        if (k->allowed && !allowed_has(k->allowed, v->text))
            return err_set(err, -EINVAL, "%s: want %s, found '%s'", path, k->allowed, v->text);
        return 0;
    case CONF_INT:
        rc = str_to_i64(str_of(v->text), &v->number);
        break;
    case CONF_DURATION:
        rc = clock_duration_parse(v->text, &v->number);
        break;
    case CONF_BOOL:
        v->number = streq(v->text, "true");
        return v->number || streq(v->text, "false")
                   ? 0
                   : err_set(err, -EINVAL, "%s: want true or false, found '%s'", path, v->text);
    case CONF_STR_LIST:
        return 0;
    }
    if (rc)
        return err_set(err, -EINVAL, "%s: want %s, found '%s'", path, type_words[k->type], v->text);
    return check_number(k, path, v, err);
}

static void list_add(struct conf_value *v, struct str item)
{
    v->list = mem_realloc(v->list, (v->list_len + 2) * sizeof(*v->list));
    v->list[v->list_len++] = mem_strndup(item.ptr, item.len);
    v->list[v->list_len] = NULL;
}

/* A default that does not fit its own row is a mistake in the program. */
static void defaults_make(struct conf *c)
{
    c->defaults = mem_calloc(c->n_keys, sizeof(*c->defaults));
    for (size_t i = 0; i < c->n_keys; i++) {
        const struct conf_key *k = &c->keys[i];
        struct conf_value *v = &c->defaults[i];
        if (!k->def)
            continue;
        v->text = mem_strdup(k->def);
        struct str rest = str_of(k->def), item;
        while (k->type == CONF_STR_LIST && k->def[0] && str_split(&rest, ',', &item))
            list_add(v, str_trim(item));
        ATOLL_ASSERT(interpret(k, k->path, v, NULL) == 0);
    }
}

/* The text of a scalar setting, NULL for a group or list. */
static char *scalar_text(const config_setting_t *s)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_INT:
        return mem_printf("%d", config_setting_get_int(s));
    case CONFIG_TYPE_INT64:
        return mem_printf("%lld", config_setting_get_int64(s));
    case CONFIG_TYPE_FLOAT:
        return mem_printf("%g", config_setting_get_float(s));
    case CONFIG_TYPE_BOOL:
        return mem_strdup(config_setting_get_bool(s) ? "true" : "false");
    case CONFIG_TYPE_STRING:
        return mem_strdup(config_setting_get_string(s));
    default:
        return NULL;
    }
}

/* The libconfig types a row accepts. A duration may be a bare number of seconds. */
static bool type_fits(enum conf_type want, int found)
{
    bool number = found == CONFIG_TYPE_INT || found == CONFIG_TYPE_INT64;
    switch (want) {
    case CONF_STR:
        return found == CONFIG_TYPE_STRING;
    case CONF_INT:
        return number;
    case CONF_BOOL:
        return found == CONFIG_TYPE_BOOL;
    case CONF_DURATION:
        return number || found == CONFIG_TYPE_STRING;
    case CONF_STR_LIST:
        return found == CONFIG_TYPE_ARRAY || found == CONFIG_TYPE_LIST;
    }
    return false;
}

static const char *found_word(const config_setting_t *s)
{
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_GROUP:
        return "a group";
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        return "a list";
    case CONFIG_TYPE_FLOAT:
        return "a fraction";
    case CONFIG_TYPE_STRING:
        return "a string";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    default:
        return "a number";
    }
}

static int read_list(const config_setting_t *s, const char *path, struct conf_value *v,
                     struct err **err)
{
    int n = config_setting_length(s);
    for (int i = 0; i < n; i++) {
        const char *item = config_setting_get_string_elem(s, i);
        if (!item)
            return err_set(err, -EINVAL, "%s: want a list of strings, element %d is not one", path,
                           i);
        list_add(v, str_of(item));
    }
    return 0;
}

static int read_value(const struct conf_key *k, const config_setting_t *s, const char *path,
                      struct conf_value *v, struct err **err)
{
    v->text = scalar_text(s);
    if (is_loose(k)) {
        v->loose = true;
        return v->text ? 0
                       : err_set(err, -EINVAL, "%s: want a scalar, found %s", path, found_word(s));
    }
    if (!type_fits(k->type, config_setting_type(s)))
        return err_set(err, -EINVAL, "%s: want %s, found %s%s%s", path, type_words[k->type],
                       found_word(s), v->text ? " " : "", v->text ? v->text : "");
    if (k->type == CONF_STR_LIST)
        return read_list(s, path, v, err);
    return interpret(k, path, v, err);
}

static char *where_text(const char *file, const config_setting_t *s)
{
    const char *own = config_setting_source_file(s); /* set when the text came through @include */
    return mem_printf("%s line %u", own ? own : file, (unsigned)config_setting_source_line(s));
}

static int walk(struct conf *c, const char *file, const config_setting_t *group, const char *prefix,
                struct err **err); /* groups nest */

static int take_setting(struct conf *c, const char *file, const config_setting_t *s,
                        const char *path, struct err **err)
{
    AUTO(mem_freep) char *where = where_text(file, s);
    bool group = config_setting_type(s) == CONFIG_TYPE_GROUP;
    const struct conf_key *k = row_of(c, path, group);
    if (!k)
        return err_set(err, -EINVAL, "%s: unknown option '%s'", where, path);
    if (group && (is_loose(k) || !path_matches(k->path, path, false))) {
        map_set(&c->groups, path, c);
        return walk(c, file, s, path, err);
    }
    struct conf_value *v = mem_new(struct conf_value);
    int rc = read_value(k, s, path, v, err);
    if (rc) {
        value_free(v);
        mem_free(v);
        return err_wrap(err, "%s", where);
    }
    v->where = TAKE(where);
    struct conf_value *old = map_set(&c->values, path, v);
    if (old) {
        value_free(old);
        mem_free(old);
    }
    return 0;
}

static int walk(struct conf *c, const char *file, const config_setting_t *group, const char *prefix,
                struct err **err)
{
    int n = config_setting_length(group), rc = 0;
    for (int i = 0; i < n && !rc; i++) {
        const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        AUTO(mem_freep)
        char *path = mem_printf("%s%s%s", prefix, prefix[0] ? "." : "", config_setting_name(s));
        if (strlen(path) > CONF_PATH_MAX)
            rc =
                err_set(err, -EINVAL, "%s: option name of more than %d bytes", file, CONF_PATH_MAX);
        else
            rc = take_setting(c, file, s, path, err);
    }
    return rc;
}

static int load_text(struct conf *c, const char *name, const char *text, struct err **err)
{
    config_t raw;
    config_init(&raw);
    int rc;
    if (config_read_string(&raw, text) != CONFIG_TRUE) {
        const char *own = config_error_file(&raw);
        rc = err_set(err, -EINVAL, "%s line %d: %s", own ? own : name, config_error_line(&raw),
                     config_error_text(&raw));
    } else {
        rc = walk(c, name, config_root_setting(&raw), "", err);
    }
    config_destroy(&raw);
    return rc;
}

static struct conf *conf_new(const struct conf_key *keys, size_t n_keys)
{
    struct conf *c = mem_new(struct conf);
    c->keys = keys;
    c->n_keys = n_keys;
    defaults_make(c);
    return c;
}

int conf_load_text(const char *name, const char *text, const struct conf_key *keys, size_t n_keys,
                   struct conf **ret, struct err **err)
{
    AUTO(conf_freep) struct conf *c = conf_new(keys, n_keys);
    int rc = load_text(c, name, text, err);
    if (!rc)
        *ret = TAKE(c);
    return rc;
}

static int load_file(struct conf *c, const char *dir, const char *name, struct err **err)
{
    AUTO(mem_freep) char *path = file_path(dir, name);
    AUTO(mem_freep) char *text = NULL;
    size_t len;
    int rc = file_read(path, CONF_FILE_MAX, &text, &len, err);
    if (!rc && strlen(text) != len)
        rc = err_set(err, -EINVAL, "%s: want text, found a NUL byte", path);
    return rc ? rc : load_text(c, path, text, err);
}

/* The *.cfg names of a directory. Hidden files are an editor's business. */
static int names_in(const char *dir, struct map *names, struct err **err)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_set(err, -errno, "opening directory %s: %s", dir, strerror(errno));
    for (const struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.' && str_ends(e->d_name, ".cfg"))
            map_set(names, e->d_name, names);
    closedir(d);
    return 0;
}

int conf_load_dir(const char *dir, const struct conf_key *keys, size_t n_keys, struct conf **ret,
                  struct err **err)
{
    AUTO(map_done) struct map names = MAP_INIT;
    AUTO(arena_freep) struct arena *arena = arena_new(CONF_FILE_MAX);
    int rc = names_in(dir, &names, err);
    if (rc)
        return rc;
    AUTO(conf_freep) struct conf *c = conf_new(keys, n_keys);
    for (const char **name = map_keys_sorted(&names, arena); *name && !rc; name++)
        rc = load_file(c, dir, *name, err);
    if (!rc)
        *ret = TAKE(c);
    return rc;
}

static const struct conf_value *value_set(const struct conf *c, const char *path)
{
    return map_get(&c->values, path);
}

static const struct conf_value *value_at(const struct conf *c, const char *path, enum conf_type a,
                                         enum conf_type b)
{
    const struct conf_key *k = row_of(c, path, false);
    ATOLL_ASSERT(k && !is_loose(k) && (k->type == a || k->type == b));
    const struct conf_value *v = value_set(c, path);
    return v ? v : &c->defaults[k - c->keys];
}

const char *conf_str(const struct conf *c, const char *path)
{
    return value_at(c, path, CONF_STR, CONF_STR)->text;
}

int64_t conf_int(const struct conf *c, const char *path)
{
    return value_at(c, path, CONF_INT, CONF_DURATION)->number;
}

bool conf_bool(const struct conf *c, const char *path)
{
    return value_at(c, path, CONF_BOOL, CONF_BOOL)->number != 0;
}

size_t conf_list_len(const struct conf *c, const char *path)
{
    return value_at(c, path, CONF_STR_LIST, CONF_STR_LIST)->list_len;
}

const char *conf_list_at(const struct conf *c, const char *path, size_t i)
{
    const struct conf_value *v = value_at(c, path, CONF_STR_LIST, CONF_STR_LIST);
    ATOLL_ASSERT(i < v->list_len);
    return v->list[i];
}

bool conf_is_set(const struct conf *c, const char *path)
{
    ATOLL_ASSERT(row_of(c, path, false));
    return value_set(c, path) != NULL;
}

const char *conf_where(const struct conf *c, const char *path)
{
    const struct conf_value *v = value_set(c, path);
    return v ? v->where : "default";
}

const char *conf_raw(const struct conf *c, const char *path)
{
    const struct conf_value *v = value_set(c, path);
    return v && v->loose ? v->text : NULL;
}

/* The piece of path right behind prefix and its dot, or an empty view. */
static struct str name_below(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(path, prefix, n) != 0 || (n && path[n] != '.'))
        return str_of(NULL);
    struct str rest = str_of(path + n + (n ? 1 : 0)), name;
    return str_split(&rest, '.', &name) ? name : str_of(NULL);
}

static void names_collect(const struct map *from, const char *prefix, struct map *names)
{
    const char *path;
    for (size_t it = 0; map_next(from, &it, &path, NULL);) {
        struct str name = name_below(path, prefix);
        AUTO(mem_freep) char *text = mem_strndup(name.ptr, name.len);
        if (text && text[0])
            map_set(names, text, names);
    }
}

const char *const *conf_names(const struct conf *c, const char *prefix)
{
    struct map *cache = &((struct conf *)c)->names; /* what it holds follows from the rest of c */
    char **found = map_get(cache, prefix);
    if (found)
        return (const char *const *)found;
    AUTO(map_done) struct map names = MAP_INIT;
    AUTO(arena_freep) struct arena *arena = arena_new(SIZE_MAX / 4);
    names_collect(&c->values, prefix, &names);
    names_collect(&c->groups, prefix, &names);
    const char **sorted = map_keys_sorted(&names, arena);
    found = mem_calloc(map_len(&names) + 1, sizeof(*found));
    for (size_t i = 0; sorted[i]; i++)
        found[i] = mem_strdup(sorted[i]);
    map_set(cache, prefix, found);
    return (const char *const *)found;
}

void conf_keys_print(const struct conf_key *keys, size_t n_keys, struct buf *out)
{
    for (size_t i = 0; i < n_keys; i++) {
        const struct conf_key *k = &keys[i];
        buf_addf(out, "%s: %s", k->path, is_loose(k) ? "any scalar" : type_words[k->type]);
        if (k->allowed)
            buf_addf(out, " (%s)", k->allowed);
        if (k->min || k->max)
            buf_addf(out, " %lld..%lld%s", (long long)k->min, (long long)k->max,
                     k->type == CONF_DURATION ? " ms" : "");
        if (k->def)
            buf_addf(out, ", default %s", k->def[0] ? k->def : "empty");
        buf_addf(out, ". %s\n", k->help ? k->help : "");
    }
}
