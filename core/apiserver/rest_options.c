/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accept and query parameters: read, checked, and refused in the words clients know.
 */
#include <errno.h>
#include <string.h>

#include "apiserver/rest.h"

/* ---- Accept ---- */

struct media {
    struct str type, as, version, group;
};

static void media_parse(struct str item, struct media *m)
{
    struct str piece;
    *m = (struct media){0};
    if (str_split(&item, ';', &piece))
        m->type = str_trim(piece);
    while (str_split(&item, ';', &piece)) {
        struct str key;
        if (!str_split(&piece, '=', &key))
            continue;
        key = str_trim(key);
        if (str_eq(key, STR("as")))
            m->as = str_trim(piece);
        else if (str_eq(key, STR("v")))
            m->version = str_trim(piece);
        else if (str_eq(key, STR("g")))
            m->group = str_trim(piece);
    }
}

static bool media_is_json(struct str type)
{
    return str_eq(type, STR("application/json")) || str_eq(type, STR("*/*")) ||
           str_eq(type, STR("application/*"));
}

/* Whether this form can be served; sets it. */
static bool media_form(const struct media *m, enum form *ret)
{
    if (!m->as.len) {
        *ret = FORM_OBJECT;
        return true;
    }
    if (!str_eq(m->group, STR("meta.k8s.io")) || !str_eq(m->version, STR("v1")))
        return false;
    if (str_eq(m->as, STR("Table")))
        *ret = FORM_TABLE;
    else if (str_eq(m->as, STR("PartialObjectMetadata")) ||
             str_eq(m->as, STR("PartialObjectMetadataList")))
        *ret = FORM_PARTIAL;
    else
        return false;
    return true;
}

int rest_negotiate(struct call *c)
{
    const char *accept = call_header(c, "Accept");
    struct str rest = accept && *accept ? str_of(accept) : STR("*/*"), item;
    bool type_known = false;
    while (str_split(&rest, ',', &item)) {
        struct media m;
        media_parse(item, &m);
        bool yaml = str_eq(m.type, STR("application/yaml"));
        if (!yaml && !media_is_json(m.type))
            continue;
        type_known = true;
        if (media_form(&m, &c->form)) {
            c->yaml = yaml;
            return 0;
        }
    }
    if (type_known)
        return call_fail(
            c, 406, "NotAcceptable",
            "only the following media types are accepted: application/json, application/yaml, "
            "each also as Table or PartialObjectMetadata of meta.k8s.io/v1");
    call_fail(
        c, 406, "NotAcceptable",
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml");
    c->failure.no_details = false;
    return -1;
}

/* ---- parameters of all verbs ---- */

int rest_number(struct call *c, const char *key, int64_t *ret)
{
    const char *text = call_param(c, key);
    if (!text || !*text)
        return 0;
    if (str_to_i64(str_of(text), ret) < 0)
        return call_fail(c, 400, "BadRequest", "%s: want a whole number, found \"%s\"", key, text);
    return 0;
}

static const char *options_kind(enum verb v)
{
    switch (v) {
    case VERB_CREATE:
        return "CreateOptions";
    case VERB_UPDATE:
        return "UpdateOptions";
    case VERB_PATCH:
        return "PatchOptions";
    case VERB_DELETE:
    case VERB_DELETECOLLECTION:
        return "DeleteOptions";
    default:
        return "ListOptions";
    }
}

static void check_dry_run(struct call *c, struct causes *causes)
{
    for (size_t i = 0; i < c->req.n_params; i++) {
        const struct param *p = &c->req.params[i];
        if (!streq(p->key, "dryRun"))
            continue;
        c->dry_run = true;
        if (!streq(p->value, "All"))
            causes_add(causes, "FieldValueNotSupported", "dryRun",
                       "Unsupported value: [\"%s\"]: supported values: \"All\"", p->value);
    }
}

static void check_validation(struct call *c, struct causes *causes)
{
    const char *v = call_param(c, "fieldValidation");
    if (!v || !*v || streq(v, "Warn"))
        return;
    if (streq(v, "Strict"))
        c->validation = VALIDATE_STRICT;
    else if (streq(v, "Ignore"))
        c->validation = VALIDATE_IGNORE;
    else
        causes_add(
            causes, "FieldValueNotSupported", "fieldValidation",
            "Unsupported value: \"%s\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
            v);
}

static void check_include(struct call *c)
{
    const char *v = call_param(c, "includeObject");
    if (streq(v, "None"))
        c->include = INCLUDE_NONE;
    else if (streq(v, "Object"))
        c->include = INCLUDE_OBJECT;
}

static const char *content_type(struct call *c)
{
    const char *text = call_header(c, "Content-Type");
    struct str rest = str_of(text), type;
    if (!text || !str_split(&rest, ';', &type))
        return "";
    type = str_trim(type);
    return type.len ? arena_strndup(c->arena, type.ptr, type.len) : "";
}

int rest_options(struct call *c)
{
    struct causes causes = {.arena = c->arena};
    bool writes = c->verb >= VERB_CREATE;
    if (writes)
        check_dry_run(c, &causes);
    if (writes && c->verb < VERB_DELETE)
        check_validation(c, &causes);
    c->content_type = content_type(c);
    if (c->verb == VERB_PATCH && call_param(c, "force") &&
        !str_starts(c->content_type, "application/apply-patch"))
        causes_add(&causes, "FieldValueForbidden", "force",
                   "Forbidden: may not be specified for non-apply patch");
    if (causes.n)
        return call_fail_invalid(c, "meta.k8s.io", options_kind(c->verb), "", &causes);
    check_include(c);
    return 0;
}

int rest_selectors(struct call *c)
{
    AUTO(err_freep) struct err *err = NULL;
    const char *labels = call_param(c, "labelSelector"), *fields = call_param(c, "fieldSelector");
    if (labels && label_selector_parse(labels, &c->labels, &err) < 0)
        return call_fail(c, 400, "BadRequest", "%s", err_text(err));
    static const struct field_label none[] = {{NULL, NULL, NULL}};
    const struct field_label *allowed = c->res->fields ? c->res->fields : none;
    if (fields && *fields && field_selector_parse(fields, allowed, &c->fields, &err) < 0)
        return call_fail(c, 400, "BadRequest", "%s", err_text(err));
    return 0;
}

/* ---- parameters of lists and watches ---- */

static int read_revision(struct call *c, struct list_params *p)
{
    const char *rv = call_param(c, "resourceVersion");
    if (!rv || !*rv)
        return 0;
    p->rv_given = true;
    if (str_to_u64(str_of(rv), &p->rv) < 0)
        return call_fail(
            c, 400, "BadRequest",
            "resourceVersion: Invalid value: \"%s\": want a number that this server gave", rv);
    return 0;
}

static void read_match(const char *v, struct list_params *p, struct causes *causes)
{
    if (!v || !*v)
        return;
    if (streq(v, "Exact"))
        p->match = MATCH_EXACT;
    else if (streq(v, "NotOlderThan"))
        p->match = MATCH_NOT_OLDER;
    else
        causes_add(causes, "FieldValueNotSupported", "resourceVersionMatch",
                   "Unsupported value: \"%s\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
                   v);
}

static void forbid(struct causes *causes, const char *field, const char *text)
{
    causes_add(causes, "FieldValueForbidden", field, "Forbidden: %s", text);
}

static void check_watch_match(const struct list_params *p, struct causes *causes)
{
    if (p->send_initial && p->match != MATCH_NOT_OLDER)
        forbid(causes, "resourceVersionMatch",
               "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    else if (!p->send_initial && p->match != MATCH_UNSET)
        forbid(causes, "resourceVersionMatch",
               "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
}

static void check_list_match(const struct list_params *p, struct causes *causes)
{
    if (p->send_initial)
        forbid(causes, "sendInitialEvents", "sendInitialEvents is forbidden for list");
    if (p->match == MATCH_UNSET)
        return;
    if (p->token)
        forbid(causes, "resourceVersionMatch",
               "resourceVersionMatch is forbidden when continue is provided");
    else if (!p->rv_given)
        forbid(causes, "resourceVersionMatch",
               "resourceVersionMatch is forbidden unless resourceVersion is provided");
    else if (p->match == MATCH_EXACT && p->rv == 0)
        forbid(causes, "resourceVersionMatch",
               "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
}

int rest_list_params(struct call *c, struct list_params *p)
{
    *p = (struct list_params){0};
    if (rest_number(c, "limit", &p->limit) < 0 ||
        rest_number(c, "timeoutSeconds", &p->timeout_seconds) < 0)
        return -1;
    const char *token = call_param(c, "continue");
    p->token = token && *token ? token : NULL;
    p->send_initial = call_flag(call_param(c, "sendInitialEvents"));
    p->bookmarks = call_flag(call_param(c, "allowWatchBookmarks"));
    if (p->token && call_param(c, "resourceVersion") && *call_param(c, "resourceVersion"))
        return call_fail(c, 400, "BadRequest",
                         "specifying resource version is not allowed when using continue");
    struct causes causes = {.arena = c->arena};
    read_match(call_param(c, "resourceVersionMatch"), p, &causes);
    if (!causes.n && read_revision(c, p) < 0)
        return -1;
    if (!causes.n && c->watching)
        check_watch_match(p, &causes);
    else if (!causes.n)
        check_list_match(p, &causes);
    if (causes.n)
        return call_fail_invalid(c, "meta.k8s.io", "ListOptions", "", &causes);
    return rest_selectors(c);
}
