/* SPDX-License-Identifier: Apache-2.0 */
/* What create, update, patch, delete and the subresources that write have in common. */
#ifndef ATOLL_APISERVER_REST_WRITE_H
#define ATOLL_APISERVER_REST_WRITE_H

#include "apiserver/rest.h"

/* ---- bodies (rest_body.c) ---- */
int rest_body(struct call *c); /* size and content type of an object */
cJSON *rest_parse(
    struct call *c); /* JSON, YAML or protobuf by content type; owned by the call; NULL + failure */
cJSON *rest_parse_text(struct call *c, struct str text,
                       bool yaml); /* the same without content type */
/* The object in the call's resource: kind, apiVersion, members without a place, duplicates;
 * completes kind, apiVersion and metadata. `patched`: the words of a patch that went wrong. */
int rest_decode(struct call *c, cJSON *obj, bool patched);
int rest_check_place(struct call *c, cJSON *obj); /* namespace and name of the URL */

/* ---- patches (rest_write.c) ---- */
/* The body as a patch of `target` (consumed); the result is owned by the call. NULL: failure. */
cJSON *rest_apply_patch(struct call *c, cJSON *target);

/* ---- changes (rest_change.c) ---- */
/* The addressed object, queued writes included, or NULL and 404. */
const struct object *rest_latest(struct call *c);
/* obj is complete but for what the server gives: names, defaults, checks, store, answer 201. */
void rest_store_new(struct call *c, cJSON *obj);
/* obj replaces `cur`: preconditions, what a writer may not touch, defaults, checks, store, answer
 * 200. `must_name_revision`: without one in obj it is refused when the kind asks for it (PUT). */
void rest_store_changed(struct call *c, const struct object *cur, cJSON *obj,
                        bool must_name_revision);
/* The same for a change of the spec through /scale: the object must be complete. Negative: failure;
 * else *ret is the new state (referenced). */
int rest_change(struct call *c, const struct object *cur, cJSON *obj, bool must_name_revision,
                const struct object **ret);
/* Writes of controllers inside the server: obj (stored form) replaces cur, or removes it when it
 * was only waiting for its finalizers. */
void change_commit(struct api *api, const struct resource *res, const struct object *cur,
                   const cJSON *obj);
/* Pure: nothing holds the object any more. */
bool change_releases(const struct resource *res, cJSON *obj, int64_t now_us);

/* ---- deletion (rest_delete.c) ---- */
enum propagation {
    PROPAGATE_DEFAULT,
    PROPAGATE_BACKGROUND,
    PROPAGATE_FOREGROUND,
    PROPAGATE_ORPHAN
};
struct deletion {
    enum propagation propagation;
    int64_t grace; /* -1 = not said */
};
enum verdict {
    DELETE_NOW,      /* remove it */
    DELETE_MARK,     /* store the changed object: it lingers */
    DELETE_MARK_NOW, /* store the changed object, then remove it */
    DELETE_NOTHING   /* it lingers already, nothing changes */
};
/* Pure: what becomes of obj (stored form, changed in place). */
enum verdict deletion_plan(const struct resource *res, cJSON *obj, const struct deletion *d,
                           int64_t now_us);
/* Plan and queue. The result is what remains or what was removed, referenced. */
const struct object *deletion_run(struct api *api, const struct resource *res,
                                  const struct object *cur, const struct deletion *d,
                                  bool *ret_gone);

#endif
