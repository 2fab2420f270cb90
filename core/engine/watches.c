/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: one long operation per component that pushes role changes as the engine announces them.
 * A watch that ends is started again after a pause; when the view changes the running one is
 * cancelled and, once it has completed, started with the new view. A plugin that has nothing to
 * push for this component is asked again only with another view. Probes stay the floor: a lost
 * watch costs speed, not truth.
 */
#define LOG_ROOM "engine"
#include "base/log.h"
#include "engine/runner_own.h"

#define PAUSE_MIN_MS 500
#define PAUSE_MAX_MS 30000
#define STEADY_MS    10000 /* a watch that lived this long starts its pauses anew */

struct watch {
    struct wheel_node timer;
    struct runner *runner;
    char *key;
    struct scene *scene;
    struct op *op;
    uint64_t began_ms;
    uint32_t pause_ms;
    bool changed; /* start again at once when the running one has ended */
    bool removed;
};

static void watch_free(struct watch *w)
{
    wheel_del(&w->timer);
    scene_unref(w->scene);
    mem_free(w->key);
    mem_free(w);
}

static void on_end(void *arg, struct op *op)
{
    struct watch *w = arg;
    struct runner *r = w->runner;
    uint64_t now = loop_now_ms(r->loop);
    w->op = NULL;
    if (w->removed || r->closing) {
        map_del(&r->watches, w->key);
        watch_free(w);
        return;
    }
    if (w->changed || now - w->began_ms >= STEADY_MS)
        w->pause_ms = 0;
    if (w->changed)
        wheel_add(r->wheel, &w->timer, now);
    else if (!(op->class_ == ATOLL_CLASS_FATAL))
        wheel_add(r->wheel, &w->timer, now + w->pause_ms);
    w->changed = false;
    w->pause_ms = w->pause_ms ? w->pause_ms * 2 : PAUSE_MIN_MS;
    if (w->pause_ms > PAUSE_MAX_MS)
        w->pause_ms = PAUSE_MAX_MS;
}

static void watch_start(struct watch *w)
{
    struct runner *r = w->runner;
    struct op_spec spec = {.kind = OP_WATCH,
                           .what = mem_printf("watch of %s", w->key),
                           .scene = w->scene,
                           .deadline_ms = OP_NO_DEADLINE,
                           .end = on_end,
                           .arg = w};
    struct op *op = op_open(r, &spec);
    if (!op) {
        wheel_add(r->wheel, &w->timer, loop_now_ms(r->loop) + PAUSE_MAX_MS);
        return;
    }
    struct job *j = mem_new(struct job);
    j->runner = r;
    j->kind = JOB_WATCH;
    j->op = op->id;
    j->threads = r->plugin->role_probe.threads;
    j->scene = scene_ref(w->scene);
    j->what = mem_strdup(op->what);
    j->lane_key = mem_strdup(w->key);
    w->began_ms = loop_now_ms(r->loop);
    w->op = op;
    op->job = j;
    lanes_submit(r->lanes, j);
}

static void on_due(struct wheel_node *n)
{
    struct watch *w = container_of(n, struct watch, timer);
    struct runner *r = w->runner;
    if (w->op || r->closing)
        return;
    if (r->ops.abandoned) /* a stuck plugin is asked for nothing that is not needed */
        wheel_add(r->wheel, &w->timer, loop_now_ms(r->loop) + PAUSE_MIN_MS);
    else
        watch_start(w);
}

void watch_set(struct runner *r, const char *key, const cJSON *spec)
{
    AUTO(err_freep) struct err *err = NULL;
    AUTO(scene_unrefp) struct scene *scene = NULL;
    if (r->closing || !r->plugin->role_probe.watch)
        return;
    if (scene_new(json_at(spec, "view"), json_at(spec, "secrets"), NULL, NULL, &scene, &err) < 0) {
        log_error("%s: watch of %s: %s", runner_file(r), key, err_text(err));
        return;
    }
    struct watch *w = map_get(&r->watches, key);
    if (!w) {
        w = mem_new(struct watch);
        w->runner = r;
        w->key = mem_strdup(key);
        wheel_node_init(&w->timer, on_due);
        map_set(&r->watches, key, w);
    }
    scene_unref(w->scene);
    w->scene = TAKE(scene);
    w->removed = false;
    w->changed = w->op != NULL;
    if (w->op)
        op_cancel(w->op);
    else
        wheel_add(r->wheel, &w->timer, loop_now_ms(r->loop));
}

void watch_clear(struct runner *r, const char *key)
{
    struct watch *w = map_get(&r->watches, key);
    if (!w)
        return;
    if (w->op) {
        w->removed = true;
        op_cancel(w->op);
        return;
    }
    map_del(&r->watches, key);
    watch_free(w);
}

void watches_close(struct runner *r)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&r->watches, &it, &key, &value))
        watch_clear(r, key);
}

void watches_done(struct runner *r)
{
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(&r->watches, &it, &key, &value))
        watch_free(value);
    map_done(&r->watches);
}
