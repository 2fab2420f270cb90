/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a call to a URL, headers and a body. The rows of `verbs` say what each verb is in HTTP and
 * whether it may be sent again when nobody knows whether the first one arrived.
 */
#include "kube/request.h"

#include <ctype.h>
#include <string.h>

#include "io/http_server.h" /* http_escape */

#define URL_MAX  ((size_t)64 << 10)
#define BODY_MAX ((size_t)64 << 20)

static const struct verb_row {
    const char *method, *verb, *content_type;
    bool write, repeatable, managed; /* managed: the server wants to know the field manager */
} verbs[] = {
    [KUBE_GET] = {"GET", "get", NULL, false, true, false},
    [KUBE_LIST] = {"GET", "list", NULL, false, true, false},
    [KUBE_CREATE] = {"POST", "create", "application/json", true, false, true},
    [KUBE_UPDATE] = {"PUT", "update", "application/json", true, true, true},
    [KUBE_PATCH_MERGE] = {"PATCH", "patch", "application/merge-patch+json", true, true, true},
    /* "add" to an array is not the same done twice */
    [KUBE_PATCH_JSON] = {"PATCH", "patch", "application/json-patch+json", true, false, true},
    [KUBE_PATCH_STRATEGIC] = {"PATCH", "patch", "application/strategic-merge-patch+json", true,
                              true, true},
    [KUBE_APPLY] = {"PATCH", "apply", "application/apply-patch+yaml", true, true, true},
    [KUBE_DELETE] = {"DELETE", "delete", "application/json", true, true, false},
};

static void add_segment(struct buf *b, const char *segment)
{
    buf_addc(b, '/');
    http_escape(b, segment);
}

/* "https://host/prefix" + "/apis/group/version[/namespaces/ns]/plural" */
static void add_collection(struct buf *b, const char *server, const struct kube_resource *r,
                           const char *ns)
{
    size_t n = strlen(server);
    while (n && server[n - 1] == '/')
        n--;
    buf_add(b, server, n);
    buf_adds(b, r->group[0] ? "/apis" : "/api");
    if (r->group[0])
        add_segment(b, r->group);
    add_segment(b, r->version);
    if (r->namespaced && ns && ns[0]) {
        buf_adds(b, "/namespaces");
        add_segment(b, ns);
    }
    add_segment(b, r->plural);
}

static void add_param(struct buf *b, char *sep, const char *key, const char *value)
{
    if (!value || !value[0])
        return;
    buf_addc(b, *sep);
    *sep = '&';
    buf_addf(b, "%s=", key);
    http_escape(b, value);
}

static void add_number(struct buf *b, char *sep, const char *key, unsigned value)
{
    if (value) {
        buf_addf(b, "%c%s=%u", *sep, key, value);
        *sep = '&';
    }
}

static char *delete_options(const struct kube_call *call)
{
    AUTO(json_freep) cJSON *o = cJSON_CreateObject();
    json_put_str(o, "DeleteOptions", "kind");
    json_put_str(o, "v1", "apiVersion");
    json_put_str(o, call->propagation ? call->propagation : "Background", "propagationPolicy");
    if (call->grace_seconds >= 0)
        json_put_int(o, call->grace_seconds, "gracePeriodSeconds");
    if (call->precondition_uid)
        json_put_str(o, call->precondition_uid, "preconditions", "uid");
    return json_print(o);
}

static void check(const struct kube_call *call)
{
    bool named = call->verb != KUBE_LIST && call->verb != KUBE_CREATE;
    ATOLL_ASSERT(call->resource && (size_t)call->verb < ARRAY_LEN(verbs));
    ATOLL_ASSERT(!named || (call->name && call->name[0]));
    ATOLL_ASSERT(call->verb == KUBE_LIST || !call->resource->namespaced ||
                 (call->ns && call->ns[0]));
    ATOLL_ASSERT(!verbs[call->verb].write || call->verb == KUBE_DELETE || call->body);
}

static void finish_url(struct request *r, struct buf *b)
{
    ATOLL_ASSERT(!b->overflow); /* names and selectors are bounded by the server that made them */
    r->url = buf_take(b);
}

void kube_request_build(struct request *r, const char *server, const char *manager,
                        const struct kube_call *call, const struct request_page *page)
{
    check(call);
    const struct verb_row *row = &verbs[call->verb];
    struct buf b = BUF_INIT(URL_MAX);
    char sep = '?';
    *r = (struct request){.method = row->method,
                          .verb = row->verb,
                          .write = row->write,
                          .repeatable = row->repeatable,
                          .content_type = row->content_type};
    add_collection(&b, server, call->resource, call->ns);
    if (call->verb == KUBE_CREATE ? call->subresource != NULL : call->verb != KUBE_LIST)
        add_segment(&b, call->name); /* POST goes to the collection, or to a subresource of one */
    if (call->subresource)
        add_segment(&b, call->subresource);
    if (call->verb == KUBE_LIST) {
        add_param(&b, &sep, "labelSelector", call->label_selector);
        add_param(&b, &sep, "fieldSelector", call->field_selector);
    }
    add_number(&b, &sep, "limit", page ? page->limit : 0);
    add_param(&b, &sep, "continue", page ? page->cont : NULL);
    add_param(&b, &sep, "fieldManager", row->managed ? manager : NULL);
    add_param(&b, &sep, "force", call->verb == KUBE_APPLY && call->force ? "true" : NULL);
    finish_url(r, &b);
    if (call->verb == KUBE_DELETE)
        r->body = delete_options(call);
    else if (row->write)
        r->body = json_print(call->body);
}

void kube_request_watch(struct request *r, const char *server, const struct kube_cache_opts *scope,
                        const char *rv, unsigned timeout_s)
{
    struct buf b = BUF_INIT(URL_MAX);
    char sep = '?';
    *r = (struct request){.method = "GET", .verb = "watch", .repeatable = true};
    add_collection(&b, server, scope->resource, scope->ns);
    add_param(&b, &sep, "watch", "true");
    add_param(&b, &sep, "allowWatchBookmarks", "true");
    add_param(&b, &sep, "resourceVersion", rv);
    add_number(&b, &sep, "timeoutSeconds", timeout_s);
    add_param(&b, &sep, "labelSelector", scope->label_selector);
    add_param(&b, &sep, "fieldSelector", scope->field_selector);
    finish_url(r, &b);
}

/* Raw requests are counted under the verb their method stands for. */
static const char *verb_of_method(const char *method)
{
    static const char *const pairs[][2] = {{"GET", "get"},
                                           {"POST", "create"},
                                           {"PUT", "update"},
                                           {"PATCH", "patch"},
                                           {"DELETE", "delete"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (streq(method, pairs[i][0]))
            return pairs[i][1];
    return "other";
}

void kube_request_raw(struct request *r, const char *server, const char *method,
                      const char *path_and_query, const char *content_type, struct str body)
{
    struct buf b = BUF_INIT(URL_MAX);
    size_t n = strlen(server);
    while (n && server[n - 1] == '/')
        n--;
    ATOLL_ASSERT(path_and_query && path_and_query[0] == '/' && body.len <= BODY_MAX);
    *r = (struct request){.method = method, .verb = verb_of_method(method)};
    r->write = !streq(method, "GET");
    r->repeatable = !r->write;
    buf_add(&b, server, n);
    buf_adds(&b, path_and_query);
    finish_url(r, &b);
    if (body.len) {
        r->content_type = content_type ? content_type : "application/json";
        r->body = mem_strndup(body.ptr, body.len);
    }
}

void kube_request_done(struct request *r)
{
    mem_free(r->url);
    mem_free(r->body);
    *r = (struct request){0};
}
