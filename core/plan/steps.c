/* SPDX-License-Identifier: Apache-2.0 */
/* The plan itself: an ordered list of steps and the events that go with it. */
#include <string.h>

#include "plan/plan.h"

void plan_init(struct plan *p, size_t arena_max)
{
    *p = (struct plan){.arena = arena_new(arena_max), .wake_ms = PLAN_NO_WAKE};
    p->tail = &p->first;
    p->events_tail = &p->events;
}

void plan_done(struct plan *p)
{
    for (struct plan_step *s = p->first; s; s = s->next)
        json_freep(&s->body);
    arena_free(p->arena);
    *p = (struct plan){0};
}

static const char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) ATOLL_PRINTF(2, 0);
static const char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    AUTO(mem_freep) char *text = mem_vprintf(fmt, ap);
    return arena_strdup(a, text);
}

struct plan_step *plan_step_add(struct plan *p, enum plan_verb verb, enum plan_object object,
                                const char *ns, const char *name, cJSON *body, const char *fmt, ...)
{
    struct plan_step *s = arena_new_of(p->arena, struct plan_step);
    s->verb = verb;
    s->object = object;
    s->stage = p->stage;
    s->ns = arena_strdup(p->arena, ns);
    s->name = arena_strdup(p->arena, name);
    s->body = body;
    va_list ap;
    va_start(ap, fmt);
    s->reason = arena_vprintf(p->arena, fmt, ap);
    va_end(ap);
    *p->tail = s;
    p->tail = &s->next;
    p->n_steps++;
    return s;
}

/* An empty stage is not opened: stages count 0, 1, 2 for what is really there. */
void plan_barrier(struct plan *p)
{
    if (p->first && container_of(p->tail, struct plan_step, next)->stage == p->stage)
        p->stage++;
}

void plan_wake(struct plan *p, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    if (ms < p->wake_ms)
        p->wake_ms = ms;
}

void plan_event_add(struct plan *p, bool warning, const char *reason, const char *fmt, ...)
{
    struct plan_event *e = arena_new_of(p->arena, struct plan_event);
    e->warning = warning;
    e->reason = arena_strdup(p->arena, reason);
    va_list ap;
    va_start(ap, fmt);
    e->message = arena_vprintf(p->arena, fmt, ap);
    va_end(ap);
    *p->events_tail = e;
    p->events_tail = &e->next;
}

const char *plan_object_text(enum plan_object o)
{
    static const char *const TEXT[PLAN_OBJECTS_N] = {
        [PLAN_CLUSTER] = "Cluster",
        [PLAN_COMPONENT] = "Component",
        [PLAN_INSTANCESET] = "InstanceSet",
        [PLAN_POD] = "Pod",
        [PLAN_PVC] = "PersistentVolumeClaim",
        [PLAN_SERVICE] = "Service",
        [PLAN_SECRET] = "Secret",
        [PLAN_CONFIGMAP] = "ConfigMap",
    };
    return TEXT[o];
}

const char *plan_verb_text(enum plan_verb v)
{
    static const char *const TEXT[] = {[PLAN_CREATE] = "create",
                                       [PLAN_PATCH] = "patch",
                                       [PLAN_STATUS] = "status",
                                       [PLAN_DELETE] = "delete"};
    return TEXT[v];
}

/* ---- for people
 * ---------------------------------------------------------------------------------------- */

static void print_body(const cJSON *body, struct buf *out)
{
    AUTO(mem_freep) char *text = cJSON_Print(body);
    struct str rest = str_of(text), line;
    while (str_split(&rest, '\n', &line)) {
        buf_adds(out, "    ");
        for (size_t i = 0; i < line.len; i++)
            buf_adds(out, line.ptr[i] == '\t' ? "  " : (char[]){line.ptr[i], '\0'});
        buf_addc(out, '\n');
    }
}

void plan_print(const struct plan *p, struct buf *out)
{
    for (const struct plan_step *s = p->first; s; s = s->next) {
        buf_addf(out, "%u %s %s %s%s%s: %s\n", s->stage, plan_verb_text(s->verb),
                 plan_object_text(s->object), s->ns, *s->ns ? "/" : "", s->name, s->reason);
        if (s->body)
            print_body(s->body, out);
    }
    for (const struct plan_event *e = p->events; e; e = e->next)
        buf_addf(out, "event %s %s: %s\n", e->warning ? "Warning" : "Normal", e->reason,
                 e->message);
    if (p->wake_ms != PLAN_NO_WAKE)
        buf_addf(out, "wake after %lld ms\n", (long long)p->wake_ms);
    if (!p->first && !p->events && p->wake_ms == PLAN_NO_WAKE)
        buf_adds(out, "nothing to do\n");
}
