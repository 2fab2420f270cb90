/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `atoll status`: asks every member, prints the document of status_view.h. With --watch it keeps
 * caches and prints again when something changed, at most ten times a second.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/session.h"
#include "cli/status_view.h"

#define REDRAW_MS 100

static const struct kube_resource CLUSTERS = {"apps.kubeblocks.io", "v1", "clusters", "Cluster",
                                              true};
static const struct kube_resource COMPONENTS = {"apps.kubeblocks.io", "v1", "components",
                                                "Component", true};
static const struct kube_resource *const shown[] = {&KUBE_NODES, &CLUSTERS, &COMPONENTS,
                                                    &KUBE_PODS};

static void document_print(const cJSON *document, bool json, bool colour)
{
    AUTO(buf_done) struct buf b = BUF_INIT(256 << 20);
    if (json) {
        char *text = cJSON_Print(document);
        buf_adds(&b, text);
        buf_addc(&b, '\n');
        cJSON_free(text);
    } else {
        status_print_table(document, &b);
        buf_addc(&b, '\n');
        status_print_tree(document, colour, &b);
    }
    fputs(buf_str(&b), stdout);
    fflush(stdout);
}

/* ---- once
 * ------------------------------------------------------------------------------------------- */

static cJSON *member_ask(struct session *s, const struct install *i, int member, struct err **err)
{
    AUTO(mem_freep) char *name = install_member_name(member);
    AUTO(mem_freep) char *server = mem_printf("https://127.0.0.1:%d", install_port(i, member));
    AUTO(mem_freep) char *why = NULL;
    cJSON *lists[ARRAY_LEN(shown)] = {0}, *out = NULL;
    struct kube_client *c = NULL;
    if (session_client(s, i, member, &c, err) < 0)
        return NULL;
    bool ok = true;
    for (size_t k = 0; k < ARRAY_LEN(shown) && ok; k++) {
        struct kube_call call = {.verb = KUBE_LIST, .resource = shown[k], .grace_seconds = -1};
        mem_freep(&why);
        int status = session_call(s, c, &call, &lists[k], &why);
        ok = status == 200 || status == 404; /* 404: our kinds are not installed yet */
    }
    struct status_input in = {json_at(lists[0], "items"), json_at(lists[1], "items"),
                              json_at(lists[2], "items"), json_at(lists[3], "items"),
                              clock_wall_us()};
    out = ok ? status_member(name, server, &in)
             : status_member_unreachable(name, server, why ? why : "no answer");
    for (size_t k = 0; k < ARRAY_LEN(shown); k++)
        cJSON_Delete(lists[k]);
    kube_client_free(c);
    return out;
}

static int status_once(struct session *s, const struct install *i, bool json, bool colour,
                       struct err **err)
{
    AUTO(json_freep) cJSON *document = cJSON_CreateObject();
    cJSON *members = cJSON_AddArrayToObject(document, "members");
    for (int m = 1; m <= i->members; m++) {
        cJSON *one = member_ask(s, i, m, err);
        if (!one)
            return err_wrap(err, "asking member-%d", m);
        cJSON_AddItemToArray(members, one);
    }
    document_print(document, json, colour);
    return 0;
}

/* ---- watch
 * ------------------------------------------------------------------------------------------ */

struct watch {
    const struct install *install;
    struct kube_client *clients[INSTALL_MEMBERS_MAX];
    struct kube_cache *caches[INSTALL_MEMBERS_MAX][ARRAY_LEN(shown)];
    struct loop_timer *redraw;
    bool json, colour;
};

static void on_change(void *arg, const cJSON *old, const cJSON *now)
{
    struct watch *w = arg;
    (void)old;
    (void)now;
    if (!loop_timer_active(w->redraw))
        loop_timer_start(w->redraw, REDRAW_MS);
}

static void on_sync(void *arg)
{
    on_change(arg, NULL, NULL);
}

/* References, not copies: the document is printed before the next turn of the loop. */
static cJSON *list_of(const struct kube_cache *k, struct arena *a)
{
    const cJSON **items;
    cJSON *list = cJSON_CreateArray();
    size_t n = kube_cache_all(k, a, &items);
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemReferenceToArray(list, (cJSON *)(uintptr_t)items[i]);
    return list;
}

static void on_redraw(void *arg)
{
    struct watch *w = arg;
    AUTO(arena_freep) struct arena *a = arena_new(256 << 20);
    AUTO(json_freep) cJSON *document = cJSON_CreateObject();
    cJSON *members = cJSON_AddArrayToObject(document, "members");
    for (int m = 1; m <= w->install->members; m++) {
        AUTO(mem_freep) char *name = install_member_name(m);
        AUTO(mem_freep)
        char *server = mem_printf("https://127.0.0.1:%d", install_port(w->install, m));
        struct kube_cache **k = w->caches[m - 1];
        cJSON *lists[ARRAY_LEN(shown)];
        for (size_t i = 0; i < ARRAY_LEN(shown); i++)
            lists[i] = list_of(k[i], a);
        struct status_input in = {lists[0], lists[1], lists[2], lists[3], clock_wall_us()};
        cJSON_AddItemToArray(members, kube_cache_synced(k[0]) ? status_member(name, server, &in)
                                                              : status_member_unreachable(
                                                                    name, server, "no answer yet"));
        for (size_t i = 0; i < ARRAY_LEN(shown); i++)
            cJSON_Delete(lists[i]);
    }
    if (isatty(STDOUT_FILENO))
        fputs("\033[H\033[2J", stdout);
    document_print(document, w->json, w->colour);
}

static int status_watch(struct session *s, const struct install *i, bool json, bool colour,
                        struct err **err)
{
    struct watch w = {.install = i, .json = json, .colour = colour};
    w.redraw = loop_timer_new(s->loop, on_redraw, &w);
    for (int m = 1; m <= i->members; m++) {
        int r = session_client(s, i, m, &w.clients[m - 1], err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < ARRAY_LEN(shown); k++) {
            struct kube_cache_opts o = {.resource = shown[k]};
            w.caches[m - 1][k] = kube_cache_new(w.clients[m - 1], &o);
            kube_cache_on_change(w.caches[m - 1][k], on_change, &w);
            kube_cache_on_sync(w.caches[m - 1][k], on_sync, &w);
            kube_cache_start(w.caches[m - 1][k]);
        }
    }
    loop_run(s->loop); /* until the user interrupts */
    return 0;
}

int status_run(const struct args *a, struct err **err)
{
    AUTO(mem_freep) char *dir = install_dir(args_value(a, "dir"));
    const char *output = args_value(a, "output");
    bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    struct install i;
    struct session s;
    if (output && !streq(output, "json"))
        return err_set(err, -EINVAL, "--output: want json, found \"%s\"", output);
    int r = install_load(dir, &i, err);
    if (r < 0)
        return r;
    if ((r = session_init(&s, err)) == 0) {
        r = args_value(a, "watch") ? status_watch(&s, &i, output, colour, err)
                                   : status_once(&s, &i, output, colour, err);
        session_done(&s);
    }
    install_done(&i);
    return r;
}
