/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET of one object and of lists: selectors, pages, revisions.
 *
 * A page pins the revision its list began with: the store can undo events it still remembers, and a
 * token older than that is answered 410 with a token that goes on from the present state.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/rest.h"
#include "apiserver/rest_read.h"

#define ANSWER_MAX (1U << 30)
#define TOKEN_MAX  4096

/* ---- selection ---- */

bool selected(const struct label_selector *labels, const struct field_selector *fields,
              const struct object *o)
{
    bool all_labels = label_selector_empty(labels);
    if (all_labels && !fields)
        return true;
    AUTO(json_freep) cJSON *head = object_head(o);
    return head_selected(labels, fields, head);
}

bool head_selected(const struct label_selector *labels, const struct field_selector *fields,
                   const cJSON *head)
{
    return label_selector_matches(labels, json_at(head, "metadata", "labels")) &&
           (!fields || field_selector_matches(fields, head));
}

const char *rest_prefix(struct call *c)
{
    const char *ns = c->ns;
    if (!ns && c->res->namespaced && c->fields)
        ns = field_selector_exact(c->fields, "metadata.namespace");
    return ns ? arena_printf(c->arena, "%s/", ns) : "";
}

const char *rest_key(struct call *c, const char *ns, const char *name)
{
    return ns ? arena_printf(c->arena, "%s/%s", ns, name) : name;
}

/* ---- revisions ---- */

int rest_future(struct call *c, uint64_t rv)
{
    uint64_t now = store_revision(c->api->store);
    if (rv <= now)
        return 0;
    struct causes *causes = arena_new_of(c->arena, struct causes);
    causes->arena = c->arena;
    causes_add(causes, "ResourceVersionTooLarge", "", "Too large resource version");
    causes->items[0].field = NULL;
    c->failure =
        (struct failure){.code = 504,
                         .reason = "Timeout",
                         .message = arena_printf(
                             c->arena, "Timeout: Too large resource version: %llu, current: %llu",
                             (unsigned long long)rv, (unsigned long long)now),
                         .causes = causes,
                         .retry_after = 1};
    return -1;
}

void rest_get(struct call *c)
{
    struct list_params p;
    c->watching = false;
    if (rest_list_params(c, &p) < 0 || (p.rv_given && rest_future(c, p.rv) < 0)) {
        call_answer_failure(c);
        return;
    }
    const struct object *o = shelf_get(c->res->shelf, rest_key(c, c->ns, c->name));
    if (o) {
        call_answer_object(c, 200, o);
        return;
    }
    call_fail_not_found(c, c->res, c->name);
    call_answer_failure(c);
}

/* ---- continue tokens ---- */

struct page_token {
    int64_t rv;        /* -1: go on from the present state */
    const char *after; /* full key */
};

/* base64url without padding, of {"v":"meta.k8s.io/v1","rv":N,"start":"key\0"}, key relative to the
 * list. */
static const char *token_make(struct call *c, int64_t rv, const char *after, const char *prefix)
{
    AUTO(buf_done) struct buf json = BUF_INIT(TOKEN_MAX), b64 = BUF_INIT(TOKEN_MAX * 2);
    buf_addf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":\"%s\\u0000\"}", (long long)rv,
             after + strlen(prefix));
    buf_add_base64(&b64, json.ptr, json.len);
    for (char *p = b64.ptr; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    while (b64.len && b64.ptr[b64.len - 1] == '=')
        buf_cut(&b64, b64.len - 1);
    return arena_strdup(c->arena, b64.ptr);
}

static int token_json(const char *text, cJSON **ret)
{
    AUTO(buf_done) struct buf b64 = BUF_INIT(TOKEN_MAX), json = BUF_INIT(TOKEN_MAX);
    for (const char *p = text; *p; p++)
        buf_addc(&b64, (char)(*p == '-' ? '+' : *p == '_' ? '/' : *p));
    while (b64.len % 4)
        buf_addc(&b64, '=');
    if (b64.overflow || base64_decode((struct str){b64.ptr, b64.len}, &json) < 0)
        return -EINVAL;
    /* cJSON cannot hold the NUL that ends the key: cut the escape away. */
    const char *nul = json.len ? memmem(json.ptr, json.len, "\\u0000", 6) : NULL;
    AUTO(buf_done) struct buf plain = BUF_INIT(TOKEN_MAX);
    size_t cut = nul ? (size_t)(nul - json.ptr) : json.len;
    buf_add(&plain, json.ptr ? json.ptr : "", cut);
    if (nul)
        buf_add(&plain, nul + 6, json.len - cut - 6);
    return json_parse(buf_str(&plain), plain.len, ret, NULL);
}

static int token_read(struct call *c, const char *text, const char *prefix, struct page_token *ret)
{
    AUTO(json_freep) cJSON *json = NULL;
    if (token_json(text, &json) < 0)
        return call_fail(c, 400, "BadRequest",
                         "invalid continue token: it was not given by this server");
    const char *start = json_str(json, "start");
    int64_t rv = json_int(0, json, "rv");
    if (!streq(json_str(json, "v"), "meta.k8s.io/v1") || !start || !*start || rv == 0 || rv < -1)
        return call_fail(c, 400, "BadRequest",
                         "invalid continue token: it has not the parts of one");
    *ret = (struct page_token){rv, arena_printf(c->arena, "%s%s", prefix, start)};
    return 0;
}

static int fail_expired(struct call *c, const struct page_token *t, const char *prefix)
{
    call_fail(
        c, 410, "Expired",
        t ? "The provided continue parameter is too old to display a consistent list result. You "
            "can "
            "start a new list without the continue parameter, or use the continue token in this "
            "response to retrieve the remainder of the results. Continuing with the provided token "
            "results in an inconsistent list."
          : "The resourceVersion for the provided list is too old.");
    if (t)
        c->failure_continue = token_make(c, -1, t->after, prefix);
    return -1;
}

/* ---- lists ---- */

struct listing {
    struct list_params p;
    struct page_token token;
    const char *prefix;
    uint64_t rv;                      /* of the answer */
    const struct object **candidates; /* borrowed */
    size_t n;
    size_t taken, more; /* of candidates: returned; not looked at (counted without selectors) */
};

static void take_present(struct call *c, struct listing *l)
{
    const struct shelf *sh = c->res->shelf;
    const struct object *o;
    l->candidates = arena_array(c->arena, const struct object *, sh->n + 1);
    for (size_t i = shelf_first(sh, l->prefix); shelf_at(sh, i, l->prefix, &o); i++) {
        if (o)
            l->candidates[l->n++] = o;
    }
}

static int take_past(struct call *c, struct listing *l, uint64_t rv)
{
    if (rest_future(c, rv) < 0)
        return -1;
    l->rv = rv;
    if (store_snapshot(c->api->store, c->res->shelf, l->prefix, rv, c->arena, &l->candidates,
                       &l->n) < 0)
        return fail_expired(c, l->p.token ? &l->token : NULL, l->prefix);
    return 0;
}

/* What lies behind the last page. */
static void skip_pages(struct listing *l)
{
    size_t i = 0;
    while (i < l->n && strcmp(l->candidates[i]->key, l->token.after) <= 0)
        i++;
    l->candidates += i;
    l->n -= i;
}

static int list_candidates(struct call *c, struct listing *l)
{
    l->prefix = rest_prefix(c);
    l->rv = store_revision(c->api->store);
    if (l->p.token && token_read(c, l->p.token, l->prefix, &l->token) < 0)
        return -1;
    int rc = 0;
    if (l->p.token && l->token.rv > 0)
        rc = take_past(c, l, (uint64_t)l->token.rv);
    else if (l->p.match == MATCH_EXACT)
        rc = take_past(c, l, l->p.rv);
    else if (l->p.rv_given && rest_future(c, l->p.rv) < 0)
        rc = -1;
    else
        take_present(c, l);
    if (rc == 0 && l->p.token)
        skip_pages(l);
    return rc;
}

/* Moves what is selected to the front; stops at the limit, as soon as it is sure that more follows.
 */
static void list_select(struct call *c, struct listing *l)
{
    bool all = label_selector_empty(c->labels) && !c->fields;
    bool cached = l->p.rv_given && l->p.rv == 0; /* such lists are answered whole */
    size_t limit = l->p.limit > 0 && !cached ? (size_t)l->p.limit : SIZE_MAX;
    for (size_t i = 0; i < l->n; i++) {
        if (l->taken == limit && all) {
            l->more = l->n - i;
            return;
        }
        const struct object *o = l->candidates[i];
        if (!all && !selected(c->labels, c->fields, o))
            continue;
        if (l->taken == limit) {
            l->more = 1;
            return;
        }
        l->candidates[l->taken++] = o;
    }
}

static void list_metadata(struct call *c, const struct listing *l, struct buf *b)
{
    buf_addf(b, "\"resourceVersion\":\"%llu\"", (unsigned long long)l->rv);
    if (l->more) {
        bool selects = !label_selector_empty(c->labels) || c->fields;
        int64_t rv = l->p.token && l->token.rv < 0 ? -1 : (int64_t)l->rv;
        buf_addf(b, ",\"continue\":\"%s\"",
                 token_make(c, rv, l->candidates[l->taken - 1]->key, l->prefix));
        if (!selects)
            buf_addf(b, ",\"remainingItemCount\":%zu", l->more);
    } else if (c->res->custom && c->form == FORM_OBJECT) {
        buf_adds(b, ",\"continue\":\"\"");
    }
}

void rest_list(struct call *c)
{
    struct listing l = {.n = 0};
    if (rest_list_params(c, &l.p) < 0 || list_candidates(c, &l) < 0) {
        call_answer_failure(c);
        return;
    }
    list_select(c, &l);
    AUTO(buf_done) struct buf metadata = BUF_INIT(TOKEN_MAX * 2);
    list_metadata(c, &l, &metadata);
    struct view v = {c->res, c->form, c->include, c->now_us};
    struct buf b = BUF_INIT(ANSWER_MAX);
    view_add_list_head(&b, &v, buf_str(&metadata));
    for (size_t i = 0; i < l.taken; i++) {
        if (i)
            buf_addc(&b, ',');
        view_add_item(&b, &v, l.candidates[i]);
    }
    buf_adds(&b, "]}");
    call_answer_buf(c, 200, &b);
}
