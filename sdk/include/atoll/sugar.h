/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conveniences for engine plugins: everything here is static inline over plugin.h, so it is
 * compiled into the plugin and is no part of the ABI. Source compatible only: a later version may
 * add, never change meaning. Nothing here allocates. Compiles as C99 -pedantic, C11 and C++11.
 */
#ifndef ATOLL_SUGAR_H
#define ATOLL_SUGAR_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "atoll/plugin.h"

#if defined(__GNUC__)
#define ATOLL_FORMAT(fmt, arg) __attribute__((format(printf, fmt, arg)))
#else
#define ATOLL_FORMAT(fmt, arg)
#endif

#define ATOLL_TEXT_MAX 1024 /* longer formatted texts are cut */

/* ---- views
 * ---------------------------------------------------------------------------------------- */

static inline struct atoll_str atoll_str_of(const char *z) /* NULL gives the absent view */
{
    struct atoll_str s;
    s.ptr = z;
    s.len = z ? (uint64_t)strlen(z) : 0;
    return s;
}
static inline int atoll_str_eq(struct atoll_str a, struct atoll_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, (size_t)a.len) == 0);
}
static inline int atoll_str_is(struct atoll_str a, const char *z)
{
    return atoll_str_eq(a, atoll_str_of(z));
}
/* Copy with a NUL behind it. ATOLL_ERR_LIMIT when it does not fit; then out is "". */
static inline int32_t atoll_str_copy(struct atoll_str s, char *out, size_t size)
{
    if (s.len >= size) {
        if (size)
            out[0] = '\0';
        return ATOLL_ERR_LIMIT;
    }
    if (s.len)
        memcpy(out, s.ptr, (size_t)s.len);
    out[s.len] = '\0';
    return ATOLL_OK;
}

/* ---- looking things up
 * ----------------------------------------------------------------------------- */

static inline struct atoll_str atoll_kv_get(const struct atoll_kv *kv, uint32_t n, const char *key)
{
    uint32_t i;
    for (i = 0; i < n; i++)
        if (atoll_str_is(kv[i].key, key))
            return kv[i].value;
    return atoll_str_of(NULL);
}
/* An argument of a hook ("verb" of wire, "candidate", ...); absent = {0, 0}. */
static inline struct atoll_str atoll_arg(const struct atoll_hook_call *call, const char *key)
{
    return atoll_kv_get(call->args, call->n_args, key);
}
/* A parameter the user set for a component. */
static inline struct atoll_str atoll_component_option(const struct atoll_component *c,
                                                      const char *key)
{
    return atoll_kv_get(c->options, c->n_options, key);
}
/* A fact of the latest answer of an instance. Steps by the host's element size, as arrays of
 * structs must. */
static inline struct atoll_str atoll_fact_get(const struct atoll_instance *instance,
                                              const char *key)
{
    const char *at = (const char *)instance->facts;
    uint32_t i;
    for (i = 0; i < instance->n_facts; i++, at += instance->fact_size) {
        const struct atoll_fact *f = (const struct atoll_fact *)(const void *)at;
        if (atoll_str_is(f->key, key))
            return f->value;
    }
    return atoll_str_of(NULL);
}
static inline const struct atoll_component *atoll_component_named(const struct atoll_view *view,
                                                                  struct atoll_str name)
{
    uint32_t i;
    for (i = 0; i < view->n_components; i++)
        if (atoll_str_eq(view->components[i]->name, name))
            return view->components[i];
    return NULL;
}
/* The component the call is about; NULL when it is about the whole cluster. */
static inline const struct atoll_component *atoll_component_this(const struct atoll_view *view)
{
    return atoll_component_named(view, view->component);
}
static inline const struct atoll_instance *atoll_instance_by_id(const struct atoll_view *view,
                                                                struct atoll_str id)
{
    uint32_t c, i;
    for (c = 0; c < view->n_components; c++)
        for (i = 0; i < view->components[c]->n_instances; i++)
            if (atoll_str_eq(view->components[c]->instances[i]->id, id))
                return view->components[c]->instances[i];
    return NULL;
}
static inline const struct atoll_account *atoll_account_named(const struct atoll_component *c,
                                                              const char *name)
{
    uint32_t i;
    for (i = 0; i < c->n_accounts; i++)
        if (atoll_str_is(c->accounts[i]->name, name))
            return c->accounts[i];
    return NULL;
}
/* The role is known, and it is this one. */
static inline int atoll_role_is(const struct atoll_instance *instance, const char *role)
{
    return (instance->flags & ATOLL_INSTANCE_ROLE_KNOWN) && atoll_str_is(instance->role, role);
}

/* ---- saying things
 * ----------------------------------------------------------------------------------- */

static inline void atoll_logf(const struct atoll_host *host, int32_t level, const char *fmt, ...)
    ATOLL_FORMAT(3, 4);
static inline void atoll_logf(const struct atoll_host *host, int32_t level, const char *fmt, ...)
{
    char text[ATOLL_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    host->log->write(host->impl, level, atoll_str_of(text));
}
/* Complete with a class, a CamelCase reason and a sentence. */
static inline int32_t atoll_complete(const struct atoll_host *host, struct atoll_op op,
                                     uint32_t class_, const char *reason, const char *fmt, ...)
    ATOLL_FORMAT(5, 6);
static inline int32_t atoll_complete(const struct atoll_host *host, struct atoll_op op,
                                     uint32_t class_, const char *reason, const char *fmt, ...)
{
    char text[ATOLL_TEXT_MAX];
    struct atoll_outcome out;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    memset(&out, 0, sizeof(out));
    out.size = (uint32_t)sizeof(out);
    out.class_ = class_;
    out.reason = atoll_str_of(reason);
    out.message = atoll_str_of(text);
    return host->op->complete(host->impl, op, &out);
}
static inline int32_t atoll_done(const struct atoll_host *host, struct atoll_op op)
{
    struct atoll_outcome out;
    memset(&out, 0, sizeof(out));
    out.size = (uint32_t)sizeof(out);
    out.class_ = ATOLL_CLASS_DONE;
    return host->op->complete(host->impl, op, &out);
}
/* One result of a hook. */
static inline int32_t atoll_result(const struct atoll_host *host, struct atoll_op op,
                                   const char *key, const char *value)
{
    return host->op->set(host->impl, op, atoll_str_of(key), atoll_str_of(value));
}
static inline struct atoll_fact atoll_fact_make(const char *key, const char *value, uint32_t flags)
{
    struct atoll_fact f;
    memset(&f, 0, sizeof(f));
    f.key = atoll_str_of(key);
    f.value = atoll_str_of(value);
    f.flags = flags;
    return f;
}
/* The engine answered: this is its role now ("" = none) and the epoch that orders the claim. */
static inline int32_t atoll_report_role(const struct atoll_host *host, struct atoll_op op,
                                        struct atoll_str instance, const char *role,
                                        uint64_t role_version, const struct atoll_fact *facts,
                                        uint32_t n_facts)
{
    struct atoll_role_report r;
    memset(&r, 0, sizeof(r));
    r.size = (uint32_t)sizeof(r);
    r.state = ATOLL_ROLE_STATE_KNOWN;
    r.role = atoll_str_of(role);
    r.role_version = role_version;
    r.facts = facts;
    r.n_facts = n_facts;
    r.fact_size = (uint32_t)sizeof(*facts);
    return host->op->report(host->impl, op, instance, &r);
}
/* No answer. */
static inline int32_t atoll_report_unknown(const struct atoll_host *host, struct atoll_op op,
                                           struct atoll_str instance, const char *reason,
                                           const char *message)
{
    struct atoll_role_report r;
    memset(&r, 0, sizeof(r));
    r.size = (uint32_t)sizeof(r);
    r.state = ATOLL_ROLE_STATE_UNKNOWN;
    r.reason = atoll_str_of(reason);
    r.message = atoll_str_of(message);
    return host->op->report(host->impl, op, instance, &r);
}

/* ---- configuration
 * ------------------------------------------------------------------------------------ */

/* Value of an option of the plugin's own table; `def` when it has neither a value nor a default. */
static inline int64_t atoll_conf_number(const struct atoll_host *host, const char *name,
                                        int64_t def)
{
    int64_t v = 0;
    return host->conf->get_int(host->impl, name, &v) == ATOLL_OK ? v : def;
}
static inline struct atoll_str atoll_conf_text(const struct atoll_host *host, const char *name)
{
    struct atoll_str v = atoll_str_of(NULL);
    (void)host->conf->get_str(host->impl, name, &v);
    return v;
}

#endif
