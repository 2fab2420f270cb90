/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the controllers: install, then caches, then work. What each of them does is in the
 * file of its kind; how a change becomes a dirty key in changes.c, and a plan requests in act.c.
 */
#include <errno.h>

#include "workload/control.h"

/* Reachable on purpose: an answer may still come after the controllers ended, or never. */
static struct list orphans = {&orphans, &orphans};

void ticket_open(struct workload *w, struct ticket *t)
{
    t->w = w;
    list_append(&w->tickets, &t->node);
}

void ticket_close(struct ticket *t)
{
    list_remove(&t->node);
}

static void tickets_orphan(struct workload *w)
{
    list_foreach_safe (node, &w->tickets) {
        struct ticket *t = list_entry(node, struct ticket, node);
        list_remove(node);
        t->w = NULL;
        list_append(&orphans, node);
    }
}

static void on_installed(void *arg)
{
    struct workload *w = CAST(workload, arg);
    stores_start(w);
}

int workload_new(const struct workload_opts *o, struct workload **ret, struct err **err)
{
    if (!o->client)
        return err_set(err, -EINVAL, "the controllers need an API client");
    struct workload *w = mem_new(struct workload);
    w->magic = workload_MAGIC;
    w->client = o->client;
    w->loop = kube_client_loop(o->client);
    w->engines = o->engines;
    list_init(&w->tickets);
    api_schemas_init(&w->schemas);
    w->events = kube_events_new(w->client, "atoll");
    stores_new(w);
    changes_watch(w);
    queues_new(w);
    answers_new(w);
    drive_new(w);
    if (o->install)
        install_start(w, on_installed, w);
    else
        stores_start(w);
    *ret = w;
    return 0;
}

void workload_free(struct workload *w)
{
    if (!w)
        return;
    install_free(w);
    drive_free(w);
    answers_free(w);
    tickets_orphan(w);
    queues_free(w);
    stores_free(w);
    kube_events_free(w->events);
    api_schemas_done(&w->schemas);
    w->magic = 0;
    mem_free(w);
}

bool workload_synced(const struct workload *w)
{
    return w->synced;
}

void workload_on_role(void *arg, struct engine *e, const char *instance,
                      const struct engine_role_view *r)
{
    drive_report(CAST(workload, arg), e, instance, r);
}

void workload_on_state(void *arg, struct engine *e)
{
    struct workload *w = CAST(workload, arg);
    answers_retry(w, e);
    drive_state(w, e);
}
