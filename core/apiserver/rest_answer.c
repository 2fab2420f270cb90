/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: objects in the form that was asked for, failures as Status, everything else as it is.
 *
 * Stored text is copied, never parsed, wherever the asked form allows it: a plain object of the
 * stored version goes out from the store's own memory, a list concatenates, a partial answer cuts
 * the metadata out. Tables and kinds with two faces parse.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/rest.h"
#include "base/clock.h"
#include "io/metrics.h"

#define ANSWER_MAX (1U << 30)

/* ---- forms ---- */

static bool two_faced(const struct resource *res)
{
    return res->hooks && res->hooks->to_served;
}

cJSON *served_tree(const struct resource *res, const struct object *o)
{
    cJSON *tree = object_tree(o);
    if (two_faced(res))
        res->hooks->to_served(tree);
    if (!streq(json_str(tree, "apiVersion"), res->api_version))
        json_put_str(tree, res->api_version, "apiVersion");
    return tree;
}

void stored_form(const struct resource *res, cJSON *obj)
{
    if (res->hooks && res->hooks->to_stored)
        res->hooks->to_stored(obj);
}

bool view_is_stored(const struct view *v, const struct object *o)
{
    return v->form == FORM_OBJECT && !two_faced(v->res) && o->body == v->res->prefix_len &&
           memcmp(o->text.ptr, v->res->prefix, o->body) == 0;
}

static void add_full(struct buf *b, const struct resource *res, const struct object *o)
{
    if (two_faced(res)) {
        AUTO(json_freep) cJSON *tree = served_tree(res, o);
        json_add_to(b, tree);
        return;
    }
    buf_add(b, res->prefix, res->prefix_len);
    buf_add(b, o->text.ptr + o->body, o->text.len - o->body);
}

static void add_partial(struct buf *b, const struct object *o)
{
    buf_adds(b,
             "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
    buf_add(b, o->metadata.ptr, o->metadata.len);
    buf_addc(b, '}');
}

static void add_row(struct buf *b, const struct view *v, const struct object *o)
{
    AUTO(json_freep) cJSON *tree = served_tree(v->res, o);
    AUTO(json_freep) cJSON *cells = columns_cells(v->res->columns, tree, v->now_us);
    buf_adds(b, "{\"cells\":");
    json_add_to(b, cells);
    buf_adds(b, ",\"object\":");
    if (v->include == INCLUDE_NONE)
        buf_adds(b, "null");
    else if (v->include == INCLUDE_OBJECT)
        add_full(b, v->res, o);
    else
        add_partial(b, o);
    buf_addc(b, '}');
}

static void add_columns(struct buf *b, const struct view *v, bool columns)
{
    if (!columns) {
        buf_adds(b, "null");
        return;
    }
    AUTO(json_freep) cJSON *definitions = columns_definitions(v->res->columns);
    json_add_to(b, definitions);
}

/* Up to and with the '[' of the rows; `metadata` is the text inside metadata's braces. */
void view_add_table(struct buf *b, const struct view *v, const char *metadata, bool columns)
{
    buf_addf(b, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{%s},",
             metadata);
    buf_adds(b, "\"columnDefinitions\":");
    add_columns(b, v, columns);
    buf_adds(b, ",\"rows\":[");
}

void view_add_object(struct buf *b, const struct view *v, const struct object *o, bool columns)
{
    if (v->form == FORM_PARTIAL) {
        add_partial(b, o);
    } else if (v->form == FORM_TABLE) {
        char metadata[64] = "";
        if (o->rv)
            snprintf(metadata, sizeof(metadata), "\"resourceVersion\":\"%llu\"",
                     (unsigned long long)o->rv);
        view_add_table(b, v, metadata, columns);
        add_row(b, v, o);
        buf_adds(b, "]}");
    } else {
        add_full(b, v->res, o);
    }
}

void view_add_item(struct buf *b, const struct view *v, const struct object *o)
{
    if (v->form == FORM_PARTIAL) {
        add_partial(b, o);
    } else if (v->form == FORM_TABLE) {
        add_row(b, v, o);
    } else if (v->res->custom) {
        add_full(b, v->res, o);
    } else if (two_faced(v->res)) {
        AUTO(json_freep) cJSON *tree = served_tree(v->res, o);
        json_del(tree, "kind");
        json_del(tree, "apiVersion");
        json_add_to(b, tree);
    } else { /* items of built-in lists do not repeat kind and apiVersion */
        buf_addc(b, '{');
        buf_add(b, o->text.ptr + o->body, o->text.len - o->body);
    }
}

void view_add_list_head(struct buf *b, const struct view *v, const char *metadata)
{
    if (v->form == FORM_TABLE)
        view_add_table(b, v, metadata, true);
    else if (v->form == FORM_PARTIAL)
        buf_addf(b,
                 "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/"
                 "v1\",\"metadata\":{%s},"
                 "\"items\":[",
                 metadata);
    else
        buf_addf(b, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{%s},\"items\":[",
                 v->res->list_kind, v->res->api_version, metadata);
}

/* ---- sending ---- */

static void count(struct call *c)
{
    const char *verb = c->is_api ? verb_name(c->verb) : "other";
    metric_add(c->api->requests, *verb ? verb : "none", 1);
    metric_observe(c->api->request_seconds, NULL, (double)(clock_mono_us() - c->started_us) / 1e6);
}

static void send(struct call *c, int status, const char *type, struct str body,
                 void (*free_fn)(void *), void *free_arg)
{
    count(c);
    c->answered = true;
    if (c->gone) {
        if (free_fn)
            free_fn(free_arg);
        call_free(c);
        return;
    }
    struct http_header headers[CALL_HEADERS_MAX + 2];
    size_t n = 0;
    if (type)
        headers[n++] = (struct http_header){"Content-Type", type};
    bool cached = false;
    for (size_t i = 0; i < c->n_headers; i++) {
        headers[n++] = c->headers[i];
        cached |= streq(c->headers[i].name, "Cache-Control");
    }
    if (!cached)
        headers[n++] = (struct http_header){"Cache-Control", "no-cache, private"};
    c->transport->reply(c->t, status, headers, n, body, free_fn, free_arg);
    call_free(c);
}

static const char *json_type(const struct call *c)
{
    return c->yaml ? "application/yaml" : "application/json"; /* JSON is YAML */
}

void call_answer_text(struct call *c, int status, const char *type, struct str text)
{
    send(c, status, type, text, NULL, NULL);
}

static void free_text(void *text)
{
    mem_free(text);
}

void call_answer_buf(struct call *c, int status, struct buf *b)
{
    if (b->overflow) {
        buf_done(b);
        call_fail(c, 500, "InternalError", "the answer has more than %u bytes: ask with limit",
                  ANSWER_MAX);
        call_answer_failure(c);
        return;
    }
    size_t len = b->len;
    char *text = buf_take(b);
    send(c, status, json_type(c), (struct str){text, len}, free_text, text);
}

void call_answer_json(struct call *c, int status, const cJSON *tree)
{
    struct buf b = BUF_INIT(ANSWER_MAX);
    json_add_to(&b, tree);
    call_answer_buf(c, status, &b);
}

void call_answer_failure(struct call *c)
{
    if (c->failure.retry_after) {
        char text[16];
        snprintf(text, sizeof(text), "%d", c->failure.retry_after);
        call_add_header(c, "Retry-After", text);
    }
    cJSON *status = failure_status(&c->failure);
    if (c->failure_continue)
        json_put_str(status, c->failure_continue, "metadata", "continue");
    c->yaml = false;
    struct buf b = BUF_INIT(ANSWER_MAX);
    json_add_to(&b, status);
    cJSON_Delete(status);
    call_answer_buf(c, c->failure.code, &b);
}

void call_answer_plain_404(struct call *c)
{
    call_add_header(c, "X-Content-Type-Options", "nosniff");
    send(c, 404, "text/plain; charset=utf-8", STR("404 page not found\n"), NULL, NULL);
}

void call_answer_object(struct call *c, int status, const struct object *o)
{
    struct view v = {c->res, c->form, c->include, c->now_us};
    if (view_is_stored(&v, o)) {
        send(c, status, json_type(c), o->text, object_release, (void *)(uintptr_t)object_ref(o));
        return;
    }
    struct buf b = BUF_INIT(ANSWER_MAX);
    view_add_object(&b, &v, o, true);
    call_answer_buf(c, status, &b);
}

/* ---- after the commit ---- */

static void committed(void *arg, int error)
{
    struct call *c = CAST(call, arg);
    if (error) {
        call_fail_store(c, error);
        call_answer_failure(c);
    } else if (c->answer_text) {
        char *text = TAKE(c->answer_text);
        send(c, c->answer_status, json_type(c), str_of(text), free_text, text);
    } else {
        call_answer_object(c, c->answer_status, c->answer);
    }
}

void call_answer_after_commit(struct call *c)
{
    store_sync(c->api->store, committed, c);
}
