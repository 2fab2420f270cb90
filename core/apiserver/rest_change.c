/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a writer sent to what is stored: what belongs to the server is put back, defaults and
 * the kind's own rules are applied, everything is checked, and a change that changes nothing is not
 * made.
 *
 * Trees are in the served version until the moment they are queued.
 */
#include <string.h>

#include "apiserver/crds.h"
#include "apiserver/namespaces.h"
#include "apiserver/rest_write.h"
#include "base/clock.h"
#include "base/ids.h"
#include "io/metrics.h"

#define NAME_TRIES      8
#define GENERATED_CHARS 5
#define NAME_BASE_MAX   (63 - GENERATED_CHARS)

static bool has_status(const struct resource *res)
{
    return res->flags & RES_STATUS;
}

static cJSON *metadata_of(cJSON *obj)
{
    return json_obj(obj, "metadata");
}

const struct object *rest_latest(struct call *c)
{
    const struct object *o = shelf_latest(c->res->shelf, rest_key(c, c->ns, c->name));
    if (!o)
        call_fail_not_found(c, c->res, c->name);
    return o;
}

/* Members no client may set. */
static void strip_foreign(cJSON *obj)
{
    cJSON *m = metadata_of(obj);
    json_del(m, "selfLink");
    json_del(
        m,
        "managedFields"); /* ownership of fields is not tracked (server-side apply is not served) */
}

static void set_time(cJSON *m, const char *key, int64_t now_us)
{
    char text[CLOCK_TEXT_MAX];
    json_put_str(m, clock_time_text(now_us, text), key);
}

/* ---- what is checked on every write ---- */

static void validate(struct call *c, const cJSON *obj, const cJSON *old, struct causes *causes)
{
    const struct resource *res = c->res;
    meta_validate(json_at(obj, "metadata"), res->namespaced, res->name_rule, causes);
    if (res->type)
        type_validate(res->type, obj, old, causes);
    else if (res->custom->schema)
        schema_validate(res->custom->schema, obj, old, causes);
    if (res->custom && res->custom->replicas_spec)
        rest_scale_check(res->custom, obj, causes);
    if (res->hooks && res->hooks->check)
        res->hooks->check(c, obj, old, causes);
}

static int complete(struct call *c, cJSON *obj, const cJSON *old)
{
    const struct resource *res = c->res;
    if (res->type)
        type_default(res->type, obj);
    else if (res->custom->schema)
        schema_default(res->custom->schema, obj);
    if (res->hooks && res->hooks->prepare)
        return res->hooks->prepare(c, obj, old);
    return 0;
}

static int fail_causes(struct call *c, const cJSON *obj, const struct causes *causes)
{
    const char *name = json_str(obj, "metadata", "name");
    return call_fail_invalid(c, c->res->group, c->res->kind, name ? name : "", causes);
}

/* ---- new objects ---- */

static bool starts_with_status(const struct resource *res)
{
    return !has_status(res) || streq(res->kind, "Node"); /* a node registers with its status */
}

static void init_new(struct call *c, cJSON *obj)
{
    cJSON *m = metadata_of(obj);
    char uid[IDS_UUID_MAX];
    strip_foreign(obj);
    json_del(m, "deletionTimestamp");
    json_del(m, "deletionGracePeriodSeconds");
    json_del(m, "generation");
    json_put_str(m, ids_uuid(uid), "uid");
    set_time(m, "creationTimestamp", c->now_us);
    if (c->res->flags & RES_GENERATION)
        json_put_int(m, 1, "generation");
    if (!starts_with_status(c->res))
        json_del(obj, "status");
}

static bool exists(struct call *c, const char *name)
{
    return shelf_latest(c->res->shelf, rest_key(c, c->ns, name)) != NULL;
}

/* prefix + 5 characters, another one when it is taken. */
static void generate_name(struct call *c, cJSON *obj)
{
    const char *name = json_str(obj, "metadata", "name"),
               *base = json_str(obj, "metadata", "generateName");
    if ((name && *name) || !base || !*base)
        return;
    char suffix[GENERATED_CHARS + 1];
    for (int i = 0; i < NAME_TRIES; i++) {
        name = arena_printf(c->arena, "%.*s%s", NAME_BASE_MAX, base,
                            ids_suffix(suffix, GENERATED_CHARS));
        if (!exists(c, name))
            break;
    }
    json_put_str(obj, name, "metadata", "name");
}

static int fail_exists(struct call *c, const char *name)
{
    const struct object *o = shelf_latest(c->res->shelf, rest_key(c, c->ns, name));
    return call_fail_object(c, 409, "AlreadyExists", name, "%s%s \"%s\" already exists",
                            o->flags & OBJECT_DELETING ? "object is being deleted: " : "",
                            c->res->qualified, name);
}

/* One write on its way through its steps. */
struct write {
    const struct object *cur; /* NULL: a new object */
    cJSON *old;               /* cur in the served version; NULL: a new object */
    cJSON *obj;
    bool must_name_revision;
};
struct step {
    const char *name;
    int (*run)(struct call *c, struct write *w); /* negative: c->failure says why */
};

static int run_steps(struct call *c, struct write *w, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int rc = steps[i].run(c, w);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int step_complete(struct call *c, struct write *w)
{
    return complete(c, w->obj, w->old);
}

static int new_unrevised(struct call *c, struct write *w)
{
    const char *rv = json_str(w->obj, "metadata", "resourceVersion");
    if (!rv || !*rv)
        return 0;
    return call_fail(c, 400, "BadRequest",
                     "resourceVersion should not be set on objects to be created");
}

static int new_in_namespace(struct call *c, struct write *w)
{
    return c->ns ? namespaces_check_create(c, json_str(w->obj, "metadata", "name")) : 0;
}

static int new_init(struct call *c, struct write *w)
{
    init_new(c, w->obj);
    generate_name(c, w->obj);
    return 0;
}

static int new_valid(struct call *c, struct write *w)
{
    struct causes causes = {.arena = c->arena};
    validate(c, w->obj, NULL, &causes);
    return causes.n ? fail_causes(c, w->obj, &causes) : 0;
}

static int new_absent(struct call *c, struct write *w)
{
    const char *name = json_str(w->obj, "metadata", "name");
    return exists(c, name) ? fail_exists(c, name) : 0;
}

/* Mutating webhooks belong behind "complete", validating ones behind "valid"; they may take time,
 * so that "absent" has to be asked after them. */
static const struct step NEW_STEPS[] = {
    {"unrevised", new_unrevised}, {"namespace", new_in_namespace},
    {"init", new_init},           {"complete", step_complete},
    {"valid", new_valid},         {"absent", new_absent},
};

static void answer_with(struct call *c, int status, const struct object *o)
{
    c->answer = o;
    c->answer_status = status;
    call_answer_after_commit(c);
}

void rest_store_new(struct call *c, cJSON *obj)
{
    struct write w = {.obj = obj};
    if (run_steps(c, &w, NEW_STEPS, ARRAY_LEN(NEW_STEPS)) < 0) {
        call_answer_failure(c);
        return;
    }
    const char *key = rest_key(c, c->ns, json_str(obj, "metadata", "name"));
    stored_form(c->res, obj);
    if (c->dry_run) {
        answer_with(c, 201, store_draft(c->res->shelf, key, obj, 0));
        return;
    }
    const struct object *o = object_ref(store_put(c->api->store, c->res->shelf, key, obj));
    metric_add(c->api->writes, c->res->plural, 1);
    if (c->res->hooks && c->res->hooks->created)
        c->res->hooks->created(c, o);
    answer_with(c, 201, o);
}

/* ---- changed objects ---- */

static int check_revision(struct call *c, const struct object *cur, const cJSON *obj,
                          bool must_name_revision)
{
    const char *rv = json_str(obj, "metadata", "resourceVersion");
    uint64_t asked = 0;
    if (!rv || !*rv || streq(rv, "0")) {
        if (!must_name_revision || (c->res->flags & RES_UNCONDITIONAL))
            return 0;
        struct causes causes = {.arena = c->arena};
        causes_add(&causes, CAUSE_INVALID, "metadata.resourceVersion",
                   "Invalid value: 0x0: must be specified for an update");
        return call_fail_invalid(c, c->res->group, c->res->plural, c->name, &causes);
    }
    if (str_to_u64(str_of(rv), &asked) < 0)
        return call_fail(
            c, 400, "BadRequest",
            "metadata.resourceVersion: want a number that this server gave, found \"%s\"", rv);
    return asked == cur->rv ? 0 : call_fail_conflict(c, c->name);
}

static int check_uid(struct call *c, const struct object *cur, const cJSON *obj)
{
    const char *uid = json_str(obj, "metadata", "uid");
    if (!uid || !*uid || streq(uid, cur->uid))
        return 0;
    return call_fail_object(
        c, 409, "Conflict", c->name,
        "Operation cannot be fulfilled on %s \"%s\": Precondition failed: UID in "
        "precondition: %s, UID in object meta: %s",
        c->res->qualified, c->name, uid, cur->uid);
}

static void keep(cJSON *to, const cJSON *from, const char *key)
{
    const cJSON *value = json_at(from, key);
    if (value)
        json_put(to, cJSON_Duplicate(value, true), key);
    else
        json_del(to, key);
}

static void keep_server_metadata(cJSON *obj, const cJSON *old)
{
    static const char *const OWNED[] = {
        "uid",        "creationTimestamp", "deletionTimestamp",
        "generation", "resourceVersion",   "deletionGracePeriodSeconds"};
    cJSON *m = metadata_of(obj);
    for (size_t i = 0; i < ARRAY_LEN(OWNED); i++)
        keep(m, json_at(old, "metadata"), OWNED[i]);
    strip_foreign(obj);
}

/* /status changes the status, the rest changes the rest. Returns the tree that goes on; the other
 * is owned by the call. */
static cJSON *isolate_status(struct call *c, cJSON *obj, const cJSON *old)
{
    if (!has_status(c->res))
        return obj;
    if (!c->subres || !streq(c->subres->name, "status")) {
        keep(obj, old, "status");
        return obj;
    }
    cJSON *result = call_own(c, cJSON_Duplicate(old, true));
    keep(result, obj, "status");
    if (c->res->flags & RES_STATUS_METADATA) {
        keep(result, obj, "metadata");
        keep(metadata_of(result), json_at(old, "metadata"), "ownerReferences");
    }
    return result;
}

/* Whether something outside metadata and a separate status differs. */
static bool spec_changed(const struct resource *res, const cJSON *obj, const cJSON *old)
{
    json_foreach (m, obj) {
        bool skip = streq(m->string, "metadata") || (has_status(res) && streq(m->string, "status"));
        if (!skip && !json_equal(m, json_at(old, m->string)))
            return true;
    }
    json_foreach (m, old) {
        bool skip = streq(m->string, "metadata") || (has_status(res) && streq(m->string, "status"));
        if (!skip && !json_at(obj, m->string))
            return true;
    }
    return false;
}

static void count_generation(const struct resource *res, cJSON *obj, const cJSON *old)
{
    if (!(res->flags & RES_GENERATION) || !spec_changed(res, obj, old))
        return;
    json_put_int(metadata_of(obj), json_int(0, old, "metadata", "generation") + 1, "generation");
}

/* An object that is being deleted can only lose finalizers. */
static void check_finalizers(const cJSON *obj, const cJSON *old, struct causes *causes)
{
    if (!json_str(old, "metadata", "deletionTimestamp"))
        return;
    AUTO(buf_done) struct buf added = BUF_INIT(1024);
    json_foreach (f, json_at(obj, "metadata", "finalizers")) {
        const char *name = json_string_of(f);
        if (name && !json_array_has(json_at(old, "metadata", "finalizers"), name))
            buf_addf(&added, "%s\"%s\"", added.len ? ", " : "", name);
    }
    if (added.len)
        causes_add(
            causes, CAUSE_FORBIDDEN, "metadata.finalizers",
            "Forbidden: no new finalizers can be added if the object is being deleted, found new "
            "finalizers [%s]",
            added.ptr);
}

static void queue_change(struct api *api, const struct resource *res, const struct object *cur,
                         const cJSON *stored, bool released, const struct object **ret)
{
    if (released) {
        const struct object *gone = store_delete(api->store, res->shelf, cur->key);
        *ret = store_draft(res->shelf, cur->key, stored, gone->rv);
    } else {
        *ret = object_ref(store_put(api->store, res->shelf, cur->key, stored));
    }
    metric_add(api->writes, res->plural, 1);
}

bool change_releases(const struct resource *res, cJSON *obj, int64_t now_us)
{
    const cJSON *m = json_at(obj, "metadata");
    if (!json_str(m, "deletionTimestamp") || cJSON_GetArraySize(json_at(m, "finalizers")) > 0 ||
        json_int(0, m, "deletionGracePeriodSeconds") > 0)
        return false;
    return !(res->hooks && res->hooks->deleting && res->hooks->deleting(obj, now_us));
}

void change_commit(struct api *api, const struct resource *res, const struct object *cur,
                   const cJSON *obj)
{
    AUTO(json_freep) cJSON *copy = cJSON_Duplicate(obj, true);
    const struct object *result = NULL;
    queue_change(api, res, cur, obj, change_releases(res, copy, api->now_us()), &result);
    object_unref(result);
}

static int change_agreed(struct call *c, struct write *w)
{
    if (check_revision(c, w->cur, w->obj, w->must_name_revision) < 0)
        return -1;
    return check_uid(c, w->cur, w->obj);
}

static int change_bounded(struct call *c, struct write *w)
{
    w->obj = isolate_status(c, w->obj, w->old);
    keep_server_metadata(w->obj, w->old);
    return 0;
}

static int change_counted(struct call *c, struct write *w)
{
    count_generation(c->res, w->obj, w->old);
    return 0;
}

static int change_valid(struct call *c, struct write *w)
{
    struct causes causes = {.arena = c->arena};
    check_finalizers(w->obj, w->old, &causes);
    validate(c, w->obj, w->old, &causes);
    return causes.n ? fail_causes(c, w->obj, &causes) : 0;
}

/* Webhooks as above; after them the revision has to be looked at again. */
static const struct step CHANGE_STEPS[] = {
    {"agreed", change_agreed},   {"bounded", change_bounded}, {"complete", step_complete},
    {"counted", change_counted}, {"valid", change_valid},
};

int rest_change(struct call *c, const struct object *cur, cJSON *obj, bool must_name_revision,
                const struct object **ret)
{
    struct write w = {cur, call_own(c, served_tree(c->res, cur)), obj, must_name_revision};
    if (run_steps(c, &w, CHANGE_STEPS, ARRAY_LEN(CHANGE_STEPS)) < 0)
        return -1;
    if (json_equal(w.obj, w.old)) {
        *ret = object_ref(cur);
        return 0;
    }
    bool released = change_releases(c->res, w.obj, c->now_us);
    stored_form(c->res, w.obj);
    if (c->dry_run)
        *ret = store_draft(c->res->shelf, cur->key, w.obj, cur->rv);
    else
        queue_change(c->api, c->res, cur, w.obj, released, ret);
    return 0;
}

void rest_store_changed(struct call *c, const struct object *cur, cJSON *obj,
                        bool must_name_revision)
{
    const struct object *result = NULL;
    if (rest_change(c, cur, obj, must_name_revision, &result) < 0) {
        call_answer_failure(c);
        return;
    }
    answer_with(c, 200, result);
}
