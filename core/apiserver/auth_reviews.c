/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about identity and permission as API kinds: they are answered from auth.c and never
 * stored.
 */
#include <string.h>

#include "apiserver/rest_write.h"

/* The review of the request, checked; NULL + failure. */
static cJSON *review_read(struct call *c)
{
    cJSON *obj = rest_body(c) < 0 ? NULL : rest_parse(c);
    if (!obj || rest_decode(c, obj, false) < 0)
        return NULL;
    struct causes causes = {.arena = c->arena};
    type_validate(c->res->type, obj, NULL, &causes);
    if (!causes.n)
        return obj;
    call_fail_invalid(c, c->res->group, "", "", &causes);
    c->failure.kind = NULL;
    return NULL;
}

static void review_answer(struct call *c, cJSON *obj)
{
    if (obj)
        call_answer_json(c, 201, obj);
    else
        call_answer_failure(c);
}

static cJSON *user_json(const struct user *u)
{
    cJSON *out = cJSON_CreateObject(), *groups = cJSON_CreateArray();
    json_put_str(out, u->name, "username");
    if (u->uid && *u->uid)
        json_put_str(out, u->uid, "uid");
    for (size_t i = 0; i < u->n_groups; i++)
        cJSON_AddItemToArray(groups, cJSON_CreateString(u->groups[i]));
    json_put(out, groups, "groups");
    return out;
}

/* ---- who is this ---- */

static void token_review(struct call *c)
{
    cJSON *obj = review_read(c);
    const char *token = json_str(obj, "spec", "token");
    struct user u;
    if (obj && (!token || !*token)) {
        call_fail(c, 400, "BadRequest", "token is required for TokenReview in authentication");
        obj = NULL;
    } else if (obj && auth_token(c->api->auth, str_of(token), c->arena, &u) == 0) {
        json_put_bool(obj, true, "status", "authenticated");
        json_put(obj, user_json(&u), "status", "user");
    } else if (obj) {
        json_obj(obj, "status", "user");
        json_put_str(obj, "nobody has this token", "status", "error");
    }
    review_answer(c, obj);
}

static void self_subject_review(struct call *c)
{
    cJSON *obj = review_read(c);
    if (obj)
        json_put(obj, user_json(&c->user), "status", "userInfo");
    review_answer(c, obj);
}

/* ---- may they ---- */

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* What the spec of a review asks. */
static void attributes_of(const cJSON *spec, struct attributes *at)
{
    const cJSON *r = json_at(spec, "resourceAttributes"),
                *n = json_at(spec, "nonResourceAttributes");
    *at = (struct attributes){0};
    if (n) {
        at->path = or_empty(json_str(n, "path"));
        at->verb = or_empty(json_str(n, "verb"));
        return;
    }
    at->verb = or_empty(json_str(r, "verb"));
    at->group = or_empty(json_str(r, "group"));
    at->version = or_empty(json_str(r, "version"));
    at->resource = or_empty(json_str(r, "resource"));
    at->sub = json_str(r, "subresource");
    at->ns = json_str(r, "namespace");
    at->name = json_str(r, "name");
}

static void put_decision(struct call *c, cJSON *obj, const struct user *u)
{
    struct attributes at;
    const char *reason = NULL;
    attributes_of(json_at(obj, "spec"), &at);
    json_put_bool(obj, auth_allowed(c->api->auth, u, &at, &reason), "status", "allowed");
    if (reason)
        json_put_str(obj, reason, "status", "reason");
}

static void self_access_review(struct call *c)
{
    cJSON *obj = review_read(c);
    if (obj)
        put_decision(c, obj, &c->user);
    review_answer(c, obj);
}

static void access_review(struct call *c)
{
    cJSON *obj = review_read(c);
    const cJSON *spec = json_at(obj, "spec");
    struct user u = {.name = or_empty(json_str(spec, "user")),
                     .uid = or_empty(json_str(spec, "uid"))};
    json_foreach (g, json_at(spec, "groups"))
        user_add_group(&u, or_empty(json_string_of(g)));
    if (obj)
        put_decision(c, obj, &u);
    review_answer(c, obj);
}

/* ---- what may I do ---- */

static cJSON *strings(const char *const *list)
{
    cJSON *out = cJSON_CreateArray();
    for (size_t i = 0; list[i]; i++)
        cJSON_AddItemToArray(out, cJSON_CreateString(list[i]));
    return out;
}

static cJSON *rule(const char *const *verbs, const char *const *groups,
                   const char *const *resources, const char *const *urls)
{
    cJSON *out = cJSON_CreateObject();
    json_put(out, strings(verbs), "verbs");
    if (groups)
        json_put(out, strings(groups), "apiGroups");
    if (resources)
        json_put(out, strings(resources), "resources");
    if (urls)
        json_put(out, strings(urls), "nonResourceURLs");
    return out;
}

static void self_rules_review(struct call *c)
{
    static const char *const ANY[] = {"*", NULL}, *const CREATE[] = {"create", NULL},
                             *const GET[] = {"get", NULL};
    static const char *const GROUP[] = {"authorization.k8s.io", NULL};
    static const char *const SELF[] = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", NULL};
    static const char *const URLS[] = {"/api",     "/api/*",   "/apis",    "/apis/*",
                                       "/healthz", "/livez",   "/openapi", "/openapi/*",
                                       "/readyz",  "/version", NULL};
    cJSON *obj = review_read(c);
    if (obj) {
        cJSON *resources = cJSON_CreateArray(), *urls = cJSON_CreateArray();
        if (user_in_group(&c->user, "system:masters")) {
            cJSON_AddItemToArray(resources, rule(ANY, ANY, ANY, NULL));
            cJSON_AddItemToArray(urls, rule(ANY, NULL, NULL, ANY));
        }
        cJSON_AddItemToArray(resources, rule(CREATE, GROUP, SELF, NULL));
        cJSON_AddItemToArray(urls, rule(GET, NULL, NULL, URLS));
        json_put(obj, resources, "status", "resourceRules");
        json_put(obj, urls, "status", "nonResourceRules");
        json_put_bool(obj, false, "status", "incomplete");
    }
    review_answer(c, obj);
}

const struct hooks TOKEN_REVIEW_HOOKS = {.answer = token_review};
const struct hooks SELF_SUBJECT_HOOKS = {.answer = self_subject_review};
const struct hooks SELF_SAR_HOOKS = {.answer = self_access_review};
const struct hooks SAR_HOOKS = {.answer = access_review};
const struct hooks LOCAL_SAR_HOOKS = {.answer = access_review};
const struct hooks SELF_RULES_HOOKS = {.answer = self_rules_review};
