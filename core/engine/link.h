/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link: the host's way to one plugin at work, behind a vtable with two kinds. `process` starts
 * atoll-engine and speaks over a socket pair; `inline` runs the same runner in this process. Both
 * take and give the same messages, in order, and give them in a later turn.
 */
#ifndef ATOLL_ENGINE_LINK_H
#define ATOLL_ENGINE_LINK_H

#include "engine/frames.h"
#include "io/loop.h"

struct link_opts {
    const char *name;     /* of the engine */
    const char *plugin;   /* absolute path */
    const char *helper;   /* absolute path of atoll-engine; process only */
    const cJSON *options; /* {name: {value, where}} */
    unsigned threads;
    uint64_t address_space; /* bytes, 0 = no limit */
};
struct link_events {
    void (*on_frame)(void *arg, const struct frame *f);
    /* The process is gone: "x.so ended with SIGSEGV in probe of y". Once; close the link
     * afterwards. */
    void (*on_down)(void *arg, const char *why);
    void *arg;
};

struct link;
struct link_kind {
    const char *name;
    int (*open)(struct loop *l, const struct link_opts *o, const struct link_events *ev,
                struct link **ret, struct err **err);
    int (*send)(struct link *l, cJSON *msg); /* takes msg; -ENOBUFS, -EPIPE */
    int (*pid)(const struct link *l);        /* 0 = none */
    /* Since when the plugin stands in one call on its loop, 0 = it does not. */
    uint64_t (*busy_since)(const struct link *l);
    void (*kill)(struct link *l,
                 const char *why); /* on_down follows, naming `why`; inline: nothing */
    void (*close)(struct link *l); /* no callbacks afterwards; NULL is fine */
};
extern const struct link_kind link_process, link_inline;

/* The hello message that opens either kind. note_fd < 0: none. */
cJSON *link_hello(const struct link_opts *o, int note_fd);

#endif
