/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of a request and the struct they share. What a verb does is in rest_read.c,
 * rest_write.c and rest_delete.c; how parameters are read in rest_options.c; how answers are made
 * in rest_answer.c.
 */
#include "apiserver/rest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/discovery.h"
#include "base/clock.h"
#include "base/map.h"
#include "io/metrics.h"

#define ARENA_MAX    (512U << 20)
#define SEGMENTS_MAX 12

struct call *call_new(struct api *api, const struct transport *tr, void *t,
                      const struct request *req)
{
    struct call *c = mem_new(struct call);
    c->magic = call_MAGIC;
    c->api = api;
    c->arena = arena_new(ARENA_MAX);
    c->transport = tr;
    c->t = t;
    c->req = *req;
    c->now_us = api->now_us();
    c->started_us = clock_mono_us();
    c->verb = VERB_NONE;
    list_init(&c->link);
    return c;
}

void call_free(struct call *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_trees; i++)
        cJSON_Delete(c->trees[i]);
    label_selector_free(c->labels);
    field_selector_free(c->fields);
    object_unref(c->answer);
    resource_unref(c->res);
    mem_free(c->answer_text);
    list_remove(&c->link);
    arena_free(c->arena);
    c->magic = 0;
    mem_free(c);
}

void call_gone(struct call *c)
{
    c->gone = true;
    if (c->on_gone)
        c->on_gone(c);
}

const char *call_param(const struct call *c, const char *key)
{
    for (size_t i = 0; i < c->req.n_params; i++) {
        if (streq(c->req.params[i].key, key))
            return c->req.params[i].value;
    }
    return NULL;
}

const char *call_header(const struct call *c, const char *name)
{
    return c->transport->header(c->t, name);
}

bool call_flag(const char *value)
{
    return streq(value, "true") || streq(value, "1");
}

cJSON *call_own(struct call *c, cJSON *tree)
{
    ATOLL_ASSERT(c->n_trees < CALL_TREES_MAX);
    c->trees[c->n_trees++] = tree;
    return tree;
}

void call_add_header(struct call *c, const char *name, const char *value)
{
    if (c->n_headers < CALL_HEADERS_MAX)
        c->headers[c->n_headers++] = (struct http_header){name, arena_strdup(c->arena, value)};
}

/* RFC 7234: 299 - "text", quotes and backslashes escaped, no line breaks. */
void call_warn(struct call *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    AUTO(buf_done) struct buf b = BUF_INIT(4096);
    buf_adds(&b, "299 - \"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_addc(&b, '\\');
        buf_addc(&b, (unsigned char)*p < 0x20 ? ' ' : *p);
    }
    buf_addc(&b, '"');
    if (!b.overflow)
        call_add_header(c, "Warning", buf_str(&b));
}

/* ---- failures ---- */

static const char *format_text(struct call *c, const char *fmt, va_list ap) ATOLL_PRINTF(2, 0);
static const char *format_text(struct call *c, const char *fmt, va_list ap)
{
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    return arena_strdup(c->arena, text);
}

int call_fail(struct call *c, int code, const char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    c->failure = (struct failure){
        .code = code, .reason = reason, .message = format_text(c, fmt, ap), .no_details = true};
    va_end(ap);
    return -1;
}

int call_fail_object(struct call *c, int code, const char *reason, const char *name,
                     const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    c->failure = (struct failure){.code = code,
                                  .reason = reason,
                                  .message = format_text(c, fmt, ap),
                                  .name = name && *name ? name : NULL,
                                  .group = c->group && *c->group ? c->group : NULL,
                                  .kind = c->plural};
    va_end(ap);
    return -1;
}

int call_fail_not_found(struct call *c, const struct resource *res, const char *name)
{
    c->failure = (struct failure){
        .code = 404,
        .reason = "NotFound",
        .message = arena_printf(c->arena, "%s \"%s\" not found", res->qualified, name),
        .name = name,
        .group = *res->group ? res->group : NULL,
        .kind = res->plural};
    return -1;
}

int call_fail_invalid(struct call *c, const char *group, const char *kind, const char *name,
                      const struct causes *causes)
{
    struct causes *kept = arena_new_of(c->arena, struct causes); /* the caller's lie on its stack */
    *kept = *causes;
    failure_invalid(&c->failure, c->arena, group, kind, name, kept);
    return -1;
}

int call_fail_conflict(struct call *c, const char *name)
{
    return call_fail_object(
        c, 409, "Conflict", name,
        "Operation cannot be fulfilled on %s \"%s\": the object has been modified; "
        "please apply your changes to the latest version and try again",
        c->res->qualified, name);
}

int call_fail_store(struct call *c, int error)
{
    if (error == -ENOSPC)
        return call_fail(
            c, 507, "InsufficientStorage",
            "the write is not stored: the disk or the bound of the store is full; delete "
            "something or make room, then try again");
    return call_fail(
        c, 500, "InternalError",
        "the write is not stored: the database reports an error, see the server's log");
}

/* ---- stage: the path ---- */

struct segments {
    const char *at[SEGMENTS_MAX];
    size_t n;
};

static void path_split(struct call *c, struct segments *s)
{
    struct str rest = str_of(c->req.path), piece;
    while (s->n < SEGMENTS_MAX && str_split(&rest, '/', &piece)) {
        if (piece.len)
            s->at[s->n++] = arena_strndup(c->arena, piece.ptr, piece.len);
    }
}

static const char *segment(const struct segments *s, size_t i)
{
    return i < s->n ? s->at[i] : NULL;
}

static bool is_namespace_sub(const char *s)
{
    return streq(s, "status") || streq(s, "finalize");
}

/* namespaces/NS/RESOURCE/..., namespaces/NS[/status], or RESOURCE/NAME/SUB */
static void path_resource(struct call *c, const struct segments *s, size_t i)
{
    if (streq(segment(s, i), "namespaces") && i + 2 < s->n && !is_namespace_sub(s->at[i + 2])) {
        c->ns = s->at[i + 1];
        i += 2;
    }
    c->plural = segment(s, i);
    c->name = segment(s, i + 1);
    c->sub = segment(s, i + 2);
    if (i + 3 < s->n) /* pods/x/proxy/more: nothing has a path below a subresource here */
        c->sub = "";
}

static void path_parse(struct call *c)
{
    struct segments s = {.n = 0};
    path_split(c, &s);
    size_t i = 1;
    if (streq(segment(&s, 0), "api")) {
        c->group = s.n > 1 ? "" : NULL;
    } else if (streq(segment(&s, 0), "apis")) {
        c->group = segment(&s, i++);
    } else {
        return;
    }
    c->version = segment(&s, i++);
    if (!c->version || i >= s.n)
        return; /* discovery */
    c->is_api = true;
    if (streq(segment(&s, i), "watch") && i + 1 < s.n) { /* the old form of ?watch=true */
        c->watching = true;
        i++;
    }
    path_resource(c, &s, i);
}

static enum verb verb_of(const struct call *c)
{
    const char *m = c->req.method;
    if (streq(m, "GET") && c->name)
        return VERB_GET;
    if (streq(m, "GET"))
        return c->watching ? VERB_WATCH : VERB_LIST;
    if (streq(m, "POST"))
        return VERB_CREATE;
    if (streq(m, "PUT"))
        return VERB_UPDATE;
    if (streq(m, "PATCH"))
        return VERB_PATCH;
    if (streq(m, "DELETE"))
        return c->name ? VERB_DELETE : VERB_DELETECOLLECTION;
    return VERB_NONE;
}

enum next { NEXT, DONE, FAILED };

static enum next stage_path(struct call *c)
{
    path_parse(c);
    if (call_flag(call_param(c, "watch")) && !c->name)
        c->watching = true;
    c->verb = verb_of(c);
    return NEXT;
}

/* ---- stage: who, and may they ---- */

static enum next stage_authenticate(struct call *c)
{
    const char *const *orgs = NULL;
    const char *cn = c->transport->certificate(c->t, &orgs);
    if (auth_user(c->api->auth, call_header(c, "Authorization"), cn, orgs, c->arena, &c->user) <
        0) {
        call_fail(c, 401, "Unauthorized", "Unauthorized");
        return FAILED;
    }
    return NEXT;
}

static enum next stage_impersonate(struct call *c)
{
    const char *user = call_header(c, "Impersonate-User");
    const char *group = call_header(c, "Impersonate-Group");
    if (!user && (group || call_header(c, "Impersonate-Uid"))) {
        call_fail(c, 400, "BadRequest",
                  "Impersonate-Group and Impersonate-Uid need Impersonate-User");
        return FAILED;
    }
    if (!user)
        return NEXT;
    if (!user_in_group(&c->user, "system:masters")) {
        call_fail(
            c, 403, "Forbidden",
            "users \"%s\" is forbidden: User \"%s\" cannot impersonate resource \"users\" in API "
            "group \"\" at the cluster scope",
            user, c->user.name);
        return FAILED;
    }
    const char *uid = call_header(c, "Impersonate-Uid");
    c->user = (struct user){.name = arena_strdup(c->arena, user),
                            .uid = uid ? arena_strdup(c->arena, uid) : ""};
    if (group)
        user_add_group(&c->user, arena_strdup(c->arena, group));
    user_add_group(&c->user, streq(user, "system:anonymous") ? "system:unauthenticated"
                                                             : "system:authenticated");
    return NEXT;
}

/* The sentence of a 403, as Kubernetes words it: people and programs look for it. */
static const char *denied_text(struct call *c, const struct attributes *at)
{
    struct arena *a = c->arena;
    if (at->path)
        return arena_printf(a, "forbidden: User \"%s\" cannot %s path \"%s\"", c->user.name,
                            at->verb, at->path);
    const char *group = at->group ? at->group : "", *dot = *group ? "." : "",
               *sub = at->sub ? "/" : "";
    const char *what = at->name
                           ? arena_printf(a, "%s%s%s \"%s\"", at->resource, dot, group, at->name)
                           : arena_printf(a, "%s%s%s", at->resource, dot, group);
    const char *where =
        at->ns ? arena_printf(a, "in the namespace \"%s\"", at->ns) : "at the cluster scope";
    return arena_printf(
        a, "%s is forbidden: User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s",
        what, c->user.name, at->verb, at->resource, sub, at->sub ? at->sub : "", group, where);
}

static enum next stage_authorize(struct call *c)
{
    struct attributes at = {.verb = verb_name(c->verb)};
    if (c->is_api) {
        at.group = c->group;
        at.version = c->version;
        at.resource = c->plural;
        at.sub = c->sub;
        at.ns = c->ns;
        at.name = c->name;
    } else {
        at.path = c->req.path;
        at.verb =
            streq(c->req.method, "GET") || streq(c->req.method, "HEAD") ? "get" : c->req.method;
    }
    const char *reason;
    if (auth_allowed(c->api->auth, &c->user, &at, &reason))
        return NEXT;
    const char *text = denied_text(c, &at);
    call_fail_object(c, 403, "Forbidden", c->name, "%s", text);
    if (!c->is_api)
        c->failure.kind = c->failure.group = NULL;
    call_add_header(c, "X-Content-Type-Options", "nosniff");
    return FAILED;
}

/* ---- stage: routing ---- */

static enum next stage_discovery(struct call *c)
{
    if (c->is_api)
        return NEXT;
    discovery_answer(c); /* discovery, health, version, metrics, or 404 */
    return DONE;
}

static enum next fail_method(struct call *c)
{
    call_fail(c, 405, "MethodNotAllowed",
              "the server does not allow this method on the requested resource");
    c->failure.no_details = false;
    return FAILED;
}

/* A known version without this resource. The kinds of CRDs are served by a handler of its own in
 * Kubernetes, which says so in plain text. */
static enum next fail_unknown(struct call *c)
{
    const struct resources *r = &c->api->resources;
    bool custom = false;
    for (size_t i = 0; i < r->n; i++)
        custom |= r->items[i]->custom && streq(r->items[i]->group, c->group);
    if (custom || !resources_has_group(r, c->group, c->version)) {
        call_answer_plain_404(c);
        return DONE;
    }
    call_fail(c, 404, "NotFound", "the server could not find the requested resource");
    c->failure.no_details = false;
    return FAILED;
}

static const struct subresource *find_sub(const struct resource *res, const char *name)
{
    for (const struct subresource *s = res->subs; s && s->name; s++) {
        if (streq(s->name, name))
            return s;
    }
    return NULL;
}

static enum next stage_route(struct call *c)
{
    struct resource *res = resources_find(&c->api->resources, c->group, c->version, c->plural);
    if (!res || (c->ns && !res->namespaced))
        return fail_unknown(c);
    c->res = resource_ref(res);
    bool across = res->namespaced && !c->ns; /* all namespaces: only reading makes sense */
    if (across && (c->name || !(c->verb == VERB_LIST || c->verb == VERB_WATCH))) {
        if (!res->custom && !c->name)
            return fail_method(c);
        return fail_unknown(c);
    }
    if (c->sub) {
        c->subres = find_sub(res, c->sub);
        if (!c->subres)
            return fail_unknown(c);
    }
    unsigned verbs = c->subres ? c->subres->verbs : res->verbs;
    bool named_create = c->verb == VERB_CREATE && c->name && !c->subres;
    if (c->verb == VERB_NONE || !(verbs & VERB_BIT(c->verb)) || named_create ||
        (c->verb == VERB_UPDATE && !c->name) || (c->verb == VERB_PATCH && !c->name))
        return fail_method(c);
    if (res->custom && res->custom->warning)
        call_warn(c, "%s", res->custom->warning);
    return NEXT;
}

static enum next stage_negotiate(struct call *c)
{
    return rest_negotiate(c) < 0 ? FAILED : NEXT;
}

static enum next stage_options(struct call *c)
{
    return rest_options(c) < 0 ? FAILED : NEXT;
}

static enum next stage_verb(struct call *c)
{
    static void (*const RUN[])(struct call *) = {
        [VERB_GET] = rest_get,       [VERB_LIST] = rest_list,
        [VERB_WATCH] = rest_watch,   [VERB_CREATE] = rest_create,
        [VERB_UPDATE] = rest_update, [VERB_PATCH] = rest_patch,
        [VERB_DELETE] = rest_delete, [VERB_DELETECOLLECTION] = rest_delete_collection,
    };
    if (c->subres && c->subres->run)
        c->subres->run(c);
    else if (c->res->hooks && c->res->hooks->answer)
        c->res->hooks->answer(c);
    else
        RUN[c->verb](c);
    return DONE;
}

/* The order is that of a kube-apiserver: an unprivileged user learns nothing about what exists. */
static const struct {
    const char *name;
    enum next (*run)(struct call *c);
} STAGES[] = {
    {"path", stage_path},
    {"authenticate", stage_authenticate},
    {"impersonate", stage_impersonate},
    {"authorize", stage_authorize},
    {"discovery", stage_discovery},
    {"route", stage_route},
    {"negotiate", stage_negotiate},
    {"options", stage_options},
    {"verb", stage_verb},
};

void call_run(struct call *c)
{
    for (size_t i = 0; i < ARRAY_LEN(STAGES); i++) {
        enum next next = STAGES[i].run(c);
        if (next == FAILED)
            call_answer_failure(c);
        if (next != NEXT)
            return;
    }
}
