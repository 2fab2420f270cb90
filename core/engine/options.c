/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's option table against the values of conf.d (engines.<name>.options.*): types, bounds,
 * defaults.
 *
 * The table is the plugin's own, so an unknown option is answered with the list of those it has.
 * Defaults go through the same parser as values: a default out of its own bounds is a fault of the
 * plugin and refused.
 */
#include <errno.h>

#include "base/clock.h"
#include "engine/load.h"

static const char *const type_words[] = {"a text", "a whole number", "true or false",
                                         "a duration like 500ms or 10s"};

static int bool_parse(const char *text, int64_t *ret)
{
    if (streq(text, "true") || streq(text, "yes") || streq(text, "on") || streq(text, "1"))
        *ret = 1;
    else if (streq(text, "false") || streq(text, "no") || streq(text, "off") || streq(text, "0"))
        *ret = 0;
    else
        return -EINVAL;
    return 0;
}

static int number_parse(uint32_t type, const char *text, int64_t *ret)
{
    switch (type) {
    case ATOLL_OPTION_INT:
        return str_to_i64(str_of(text), ret);
    case ATOLL_OPTION_BOOL:
        return bool_parse(text, ret);
    case ATOLL_OPTION_DURATION:
        return clock_duration_parse(text, ret);
    default:
        return 0; /* a text has no number */
    }
}

static int value_set(struct option_value *v, const struct atoll_option *o, const char *engine,
                     const char *text, const char *where, struct err **err)
{
    int64_t number = 0;
    if (number_parse(o->type, text, &number) < 0)
        return err_set(err, -EINVAL, "%s: engines.%s.options.%s: want %s, found \"%s\"", where,
                       engine, o->name, type_words[o->type], text);
    bool bounded = o->type != ATOLL_OPTION_BOOL && (o->min || o->max);
    int64_t measured = o->type == ATOLL_OPTION_STR ? (int64_t)str_of(text).len : number;
    if (bounded && (measured < o->min || measured > o->max))
        return err_set(err, -ERANGE, "%s: engines.%s.options.%s: want %lld..%lld%s, found %s",
                       where, engine, o->name, (long long)o->min, (long long)o->max,
                       o->type == ATOLL_OPTION_DURATION ? " ms"
                       : o->type == ATOLL_OPTION_STR    ? " characters"
                                                        : "",
                       text);
    v->set = true;
    v->number = number;
    v->text = mem_strdup(text);
    return 0;
}

static const struct atoll_option *option_find(const struct atoll_option *table, size_t n,
                                              const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (streq(table[i].name, name))
            return &table[i];
    return NULL;
}

/* Every given name must be in the table. */
static int names_check(const struct atoll_option *table, size_t n, const char *engine,
                       const cJSON *given, struct err **err)
{
    json_foreach (item, given) {
        if (option_find(table, n, item->string))
            continue;
        AUTO(buf_done) struct buf list = BUF_INIT(16384);
        for (size_t i = 0; i < n; i++)
            buf_addf(&list, "%s%s", i ? ", " : "", table[i].name);
        const char *where = json_str(item, "where");
        return err_set(err, -EINVAL, "%s: engines.%s.options.%s: no such option; want one of: %s",
                       where ? where : "conf.d", engine, item->string,
                       n ? buf_str(&list) : "(none)");
    }
    return 0;
}

int options_check(const struct atoll_option *table, size_t n, const char *engine,
                  const cJSON *given, struct option_value **ret, struct err **err)
{
    int rc = names_check(table, n, engine, given, err);
    if (rc < 0)
        return rc;
    struct option_value *values = mem_calloc(n ? n : 1, sizeof(*values));
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct atoll_option *o = &table[i];
        const char *text = json_str(given, o->name, "value");
        const char *where = json_str(given, o->name, "where");
        values[i].name = o->name;
        values[i].type = o->type;
        if (text)
            rc = value_set(&values[i], o, engine, text, where ? where : "conf.d", err);
        else if (o->def)
            rc = value_set(&values[i], o, engine, o->def, "default of the plugin", err);
    }
    if (rc < 0) {
        options_free(values, n);
        return rc;
    }
    *ret = values;
    return 0;
}

void options_free(struct option_value *values, size_t n)
{
    for (size_t i = 0; values && i < n; i++)
        mem_free(values[i].text);
    mem_free(values);
}
