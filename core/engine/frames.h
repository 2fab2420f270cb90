/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: the messages between the host and the process of a plugin, as JSON objects with a `type`.
 *
 * One table says which members each type must have and of what kind; both directions are checked
 * against it, so the code behind may rely on them. Secrets are members named "secrets" and are
 * overwritten with frame_wipe. Bounds: FRAME_MAX bytes, JSON_DEPTH_MAX levels, and the field limits
 * of the table.
 *
 *   down: hello spec clear probe watch unwatch call cancel topology
 *   up:   hello role done state log progress bug
 */
#ifndef ATOLL_ENGINE_FRAMES_H
#define ATOLL_ENGINE_FRAMES_H

#include "base/json.h"

#define FRAME_MAX       ((size_t)16 * 1024 * 1024)
#define FRAME_QUEUE_MAX ((size_t)64 * 1024 * 1024)

enum frame_type {
    FRAME_HELLO,    /* name, plugin, options, threads, note */
    FRAME_SPEC,     /* instance, spec */
    FRAME_CLEAR,    /* instance */
    FRAME_PROBE,    /* instance: now */
    FRAME_WATCH,    /* key, spec */
    FRAME_UNWATCH,  /* key */
    FRAME_CALL,     /* id, hook, key, attempt, deadlineMs, view, instance, peer, args, secrets */
    FRAME_CANCEL,   /* id */
    FRAME_TOPOLOGY, /* id, what, view */
    FRAME_READY,    /* up: answer to hello: plugin, or error */
    FRAME_ROLE,     /* instance, role */
    FRAME_DONE,     /* id, class, reason, message, results */
    FRAME_STATE,    /* stuck, message */
    FRAME_LOG,      /* level, text */
    FRAME_PROGRESS, /* id, text */
    FRAME_BUG,      /* kind, text, n */
    FRAME_TYPES
};

struct frame {
    enum frame_type type;
    cJSON *body; /* owned */
    uint64_t id; /* CALL CANCEL TOPOLOGY DONE PROGRESS */
};

/* An empty message of a type, to be filled with json_put. */
cJSON *frame_new(enum frame_type type);
const char *frame_type_name(enum frame_type type);
void frame_put_id(cJSON *msg, uint64_t id); /* as text: 64 bits */
/* `from_host`: the direction it came in. -EINVAL names the member. */
int frame_decode(struct str text, bool from_host, struct frame *ret, struct err **err);
/* The same checks for a tree; takes `body`, also on failure. */
int frame_check(cJSON *body, bool from_host, struct frame *ret, struct err **err);
/* Overwrite every "secrets" member. */
void frame_wipe(cJSON *msg);
void frame_done(struct frame *f); /* wipes and frees the body */

#endif
