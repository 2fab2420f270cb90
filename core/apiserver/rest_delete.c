/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DELETE of one object and of a collection, and the plan both follow.
 *
 * An object with finalizers is marked and lingers; one with a grace period is marked and lingers
 * until whoever runs it has finished; all others go at once. What happens to dependents is written
 * on the owner as a finalizer and done by gc.c.
 */
#include <stdio.h>
#include <string.h>

#include "apiserver/rest_read.h"
#include "apiserver/rest_write.h"
#include "base/clock.h"
#include "io/metrics.h"

#define ANSWER_MAX (1U << 30)
#define FOREGROUND "foregroundDeletion"
#define ORPHAN     "orphan"

/* ---- the plan ---- */

static cJSON *metadata_of(cJSON *obj)
{
    return json_obj(obj, "metadata");
}

static void finalizer_set(cJSON *obj, const char *name, bool want)
{
    cJSON *m = metadata_of(obj);
    cJSON *list = (cJSON *)(uintptr_t)json_at(m, "finalizers");
    bool have = json_array_has(list, name);
    if (want && !have) {
        if (!list) {
            list = cJSON_CreateArray();
            json_put(m, list, "finalizers");
        }
        cJSON_AddItemToArray(list, cJSON_CreateString(name));
    } else if (!want && have) {
        for (cJSON *it = list->child, *next; it; it = next) {
            next = it->next;
            if (streq(json_string_of(it), name))
                cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
        }
        if (!list->child)
            json_del(m, "finalizers");
    }
}

static void plan_propagation(cJSON *obj, enum propagation p)
{
    if (p == PROPAGATE_DEFAULT)
        return;
    finalizer_set(obj, FOREGROUND, p == PROPAGATE_FOREGROUND);
    finalizer_set(obj, ORPHAN, p == PROPAGATE_ORPHAN);
}

static void mark(cJSON *obj, int64_t at_us, int64_t grace, bool with_grace)
{
    cJSON *m = metadata_of(obj);
    char text[CLOCK_TEXT_MAX];
    json_put_str(m, clock_time_text(at_us, text), "deletionTimestamp");
    if (with_grace)
        json_put_int(m, grace, "deletionGracePeriodSeconds");
}

static void count_generation(cJSON *obj)
{
    int64_t g = json_int(0, obj, "metadata", "generation");
    if (g > 0)
        json_put_int(metadata_of(obj), g + 1, "generation");
}

static bool has_finalizers(cJSON *obj)
{
    return cJSON_GetArraySize(json_at(obj, "metadata", "finalizers")) > 0;
}

/* A grace period may be shortened, never extended. */
static enum verdict plan_graceful(cJSON *obj, int64_t grace, int64_t asked, int64_t now_us)
{
    const char *since = json_str(obj, "metadata", "deletionTimestamp");
    int64_t had = json_int(0, obj, "metadata", "deletionGracePeriodSeconds"), end_us;
    bool changed = true;
    if (!since) {
        count_generation(obj);
        mark(obj, now_us + grace * 1000000, grace, true);
    } else if ((asked >= 0 || grace == 0) && grace < had && clock_parse(since, &end_us) == 0) {
        int64_t new_end = end_us - (had - grace) * 1000000;
        mark(obj, grace == 0 ? now_us : new_end, grace, true);
    } else {
        grace = had;
        changed = false;
    }
    if (grace == 0 && !has_finalizers(obj))
        return changed ? DELETE_MARK_NOW : DELETE_NOW;
    return changed ? DELETE_MARK : DELETE_NOTHING;
}

enum verdict deletion_plan(const struct resource *res, cJSON *obj, const struct deletion *d,
                           int64_t now_us)
{
    const struct hooks *h = res->hooks;
    bool already = json_str(obj, "metadata", "deletionTimestamp") != NULL;
    if (!already)
        plan_propagation(obj, d->propagation);
    if (h && h->grace)
        return plan_graceful(obj, h->grace(obj, d->grace), d->grace, now_us);
    bool stays = (h && h->deleting && h->deleting(obj, now_us)) || has_finalizers(obj);
    if (!stays)
        return DELETE_NOW;
    if (already)
        return DELETE_NOTHING;
    count_generation(obj);
    mark(obj, now_us, 0, !(res->flags & RES_PLAIN_DELETION));
    return DELETE_MARK;
}

const struct object *deletion_run(struct api *api, const struct resource *res,
                                  const struct object *cur, const struct deletion *d,
                                  bool *ret_gone)
{
    AUTO(json_freep) cJSON *obj = object_tree(cur);
    enum verdict v = deletion_plan(res, obj, d, api->now_us());
    const struct object *result = cur;
    metric_add(api->writes, res->plural, 1);
    if (v == DELETE_MARK || v == DELETE_MARK_NOW)
        result = store_put(api->store, res->shelf, cur->key, obj);
    *ret_gone = v == DELETE_NOW || v == DELETE_MARK_NOW;
    if (*ret_gone)
        result = store_delete(api->store, res->shelf, result->key);
    return object_ref(result);
}

/* ---- options ---- */

struct delete_request {
    struct deletion d;
    const char *uid; /* preconditions; NULL = none */
    const char *rv;
};

static enum propagation propagation_parse(const char *text, struct causes *causes)
{
    if (!text || streq(text, "nil"))
        return PROPAGATE_DEFAULT;
    if (streq(text, "Background"))
        return PROPAGATE_BACKGROUND;
    if (streq(text, "Foreground"))
        return PROPAGATE_FOREGROUND;
    if (streq(text, "Orphan"))
        return PROPAGATE_ORPHAN;
    causes_add(
        causes, CAUSE_NOT_SUPPORTED, "propagationPolicy",
        "Unsupported value: \"%s\": supported values: \"Foreground\", \"Background\", \"Orphan\", "
        "\"nil\"",
        text);
    return PROPAGATE_DEFAULT;
}

/* orphanDependents is the old way to say it. */
static void read_orphan(struct delete_request *r, const char *policy, int orphan,
                        struct causes *causes)
{
    if (orphan >= 0 && policy)
        causes_add(
            causes, CAUSE_INVALID, "propagationPolicy",
            "Invalid value: \"%s\": orphanDependents and deletionPropagation cannot be both set",
            policy);
    else if (orphan >= 0)
        r->d.propagation = orphan ? PROPAGATE_ORPHAN : PROPAGATE_BACKGROUND;
}

static int read_params(struct call *c, struct delete_request *r, struct causes *causes)
{
    const char *policy = call_param(c, "propagationPolicy"),
               *orphan = call_param(c, "orphanDependents");
    if (rest_number(c, "gracePeriodSeconds", &r->d.grace) < 0)
        return -1;
    r->d.propagation = propagation_parse(policy, causes);
    read_orphan(r, policy, orphan ? call_flag(orphan) : -1, causes);
    return 0;
}

static void read_dry_run(struct call *c, const cJSON *body, struct causes *causes)
{
    json_foreach (item, json_at(body, "dryRun")) {
        c->dry_run = true;
        if (!streq(json_string_of(item), "All"))
            causes_add(causes, CAUSE_NOT_SUPPORTED, "dryRun",
                       "Unsupported value: supported values: \"All\"");
    }
}

static int read_body(struct call *c, struct delete_request *r, struct causes *causes)
{
    if (rest_body(c) < 0)
        return -1;
    cJSON *body = rest_parse(c);
    if (!body)
        return -1;
    const char *kind = json_str(body, "kind");
    if (kind && !streq(kind, "DeleteOptions"))
        return call_fail(c, 400, "BadRequest",
                         "the body of a DELETE must be DeleteOptions, found %s", kind);
    const char *policy = json_str(body, "propagationPolicy");
    const cJSON *orphan = json_at(body, "orphanDependents");
    r->d.grace = json_int(-1, body, "gracePeriodSeconds");
    r->d.propagation = propagation_parse(policy, causes);
    read_orphan(r, policy, cJSON_IsBool(orphan) ? cJSON_IsTrue(orphan) : -1, causes);
    r->uid = json_str(body, "preconditions", "uid");
    r->rv = json_str(body, "preconditions", "resourceVersion");
    read_dry_run(c, body, causes);
    return 0;
}

static int read_request(struct call *c, struct delete_request *r)
{
    *r = (struct delete_request){.d.grace = -1};
    struct causes causes = {.arena = c->arena};
    bool has_body = c->req.body.len || c->req.too_large;
    if ((has_body ? read_body(c, r, &causes) : read_params(c, r, &causes)) < 0)
        return -1;
    if (r->d.grace < -1)
        causes_add(&causes, CAUSE_INVALID, "gracePeriodSeconds",
                   "Invalid value: %lld: must be greater than or equal to 0",
                   (long long)r->d.grace);
    if (causes.n)
        return call_fail_invalid(c, "meta.k8s.io", "DeleteOptions", "", &causes);
    return 0;
}

static int fail_precondition(struct call *c, const char *what, const char *want, const char *have)
{
    call_fail_object(
        c, 409, "Conflict", c->name,
        "Operation cannot be fulfilled on %s \"%s\": the %s in the precondition (%s) does not "
        "match the %s in record (%s). The object might have been modified or deleted and "
        "then recreated",
        c->res->kind, c->name, what, want, what, have);
    c->failure.kind = c->res->kind;
    return -1;
}

static int check_preconditions(struct call *c, const struct delete_request *r,
                               const struct object *cur)
{
    const char *rv = arena_printf(c->arena, "%llu", (unsigned long long)cur->rv);
    if (r->uid && !streq(r->uid, cur->uid))
        return fail_precondition(c, "UID", r->uid, cur->uid);
    if (r->rv && !streq(r->rv, rv))
        return fail_precondition(c, "ResourceVersion", r->rv, rv);
    return 0;
}

/* ---- one object ---- */

static void answer_status(struct call *c, const char *uid)
{
    AUTO(json_freep)
    cJSON *s = success_status(c->name, *c->res->group ? c->res->group : NULL, c->res->plural, uid);
    c->answer_text = json_print(s);
}

static void answer_deleted(struct call *c, const struct object *result, bool gone)
{
    c->answer_status = 200;
    c->answer = result;
    if (gone && !(c->res->flags & RES_DELETE_OBJECT))
        answer_status(c, result->uid);
    call_answer_after_commit(c);
}

static void delete_dry(struct call *c, const struct object *cur, const struct deletion *d)
{
    cJSON *obj = call_own(c, object_tree(cur));
    enum verdict v = deletion_plan(c->res, obj, d, c->now_us);
    answer_deleted(c, store_draft(c->res->shelf, cur->key, obj, cur->rv),
                   v == DELETE_NOW || v == DELETE_MARK_NOW);
}

static int may_delete(struct call *c, const char *name)
{
    return c->res->hooks && c->res->hooks->may_delete ? c->res->hooks->may_delete(c, name) : 0;
}

void rest_delete(struct call *c)
{
    struct delete_request r;
    const struct object *cur = NULL;
    if (read_request(c, &r) < 0 || may_delete(c, c->name) < 0 || !(cur = rest_latest(c)) ||
        check_preconditions(c, &r, cur) < 0) {
        call_answer_failure(c);
        return;
    }
    if (c->dry_run) {
        delete_dry(c, cur, &r.d);
        return;
    }
    bool gone;
    const struct object *result = deletion_run(c->api, c->res, cur, &r.d, &gone);
    answer_deleted(c, result, gone);
}

/* ---- a collection ---- */

static void delete_one(struct call *c, const struct object *o, const struct deletion *d)
{
    const struct object *cur = shelf_latest(c->res->shelf, o->key);
    if (c->dry_run || !cur || !streq(cur->uid, o->uid))
        return;
    bool gone;
    object_unref(deletion_run(c->api, c->res, cur, d, &gone));
}

/* The list of what was selected, as it was; then all of it is deleted in one batch. */
void rest_delete_collection(struct call *c)
{
    struct delete_request r;
    struct list_params p;
    if (read_request(c, &r) < 0 || rest_list_params(c, &p) < 0) {
        call_answer_failure(c);
        return;
    }
    const struct shelf *sh = c->res->shelf;
    const char *prefix = rest_prefix(c);
    const struct object **chosen = arena_array(c->arena, const struct object *, sh->n + 1), *o;
    size_t n = 0;
    for (size_t i = shelf_first(sh, prefix); shelf_at(sh, i, prefix, &o); i++) {
        if (o && selected(c->labels, c->fields, o))
            chosen[n++] = o;
    }
    struct view v = {c->res, c->form, c->include, c->now_us};
    struct buf b = BUF_INIT(ANSWER_MAX);
    char metadata[64];
    snprintf(metadata, sizeof(metadata), "\"resourceVersion\":\"%llu\"",
             (unsigned long long)store_revision(c->api->store));
    view_add_list_head(&b, &v, metadata);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_addc(&b, ',');
        view_add_item(&b, &v, chosen[i]);
    }
    buf_adds(&b, "]}");
    for (size_t i = 0; i < n; i++)
        delete_one(c, chosen[i], &r.d);
    c->answer_text = buf_take(&b);
    c->answer_status = 200;
    call_answer_after_commit(c);
}
