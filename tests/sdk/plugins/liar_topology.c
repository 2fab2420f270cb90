/* SPDX-License-Identifier: Apache-2.0 */
/* Answers topology questions with what the topology's name says: each answer breaks one rule. */
#include "tiny.h"

static void validate(void *self, const struct atoll_view *view, const struct atoll_diag *diag)
{
    uint32_t i;
    (void)self;
    for (i = 0; atoll_str_is(view->topology, "endless") && i < 30000; i++)
        diag->error(diag->impl, "field", atoll_str_of("again"));
}

static void render(void *self, const struct atoll_view *view, const struct atoll_instance *instance,
                   const struct atoll_files *files)
{
    (void)self;
    (void)instance;
    if (atoll_str_is(view->topology, "file-name"))
        files->file(files->impl, "config", "../passwd", 0644, atoll_str_of("x"));
    else if (atoll_str_is(view->topology, "binary"))
        files->file(files->impl, "config", "x.conf", 0644, atoll_str_of("\xff\xfe"));
    else if (atoll_str_is(view->topology, "mode"))
        files->file(files->impl, "config", "x.conf", 04755, atoll_str_of("x"));
    else if (atoll_str_is(view->topology, "nameless"))
        files->env(files->impl, "c", NULL, atoll_str_of("x"));
    else
        files->file(files->impl, "config", "x.conf", 0600, atoll_str_of("two\nlines\n"));
}

static void advise(void *self, const struct atoll_view *view, const struct atoll_advice *advice)
{
    struct atoll_wire w = {.size = sizeof(w), .verb = "follow", .key = atoll_str_of("k")};
    (void)self;
    w.target = view->components[0]->instances[0]->id;
    if (atoll_str_is(view->topology, "stranger"))
        w.target = atoll_str_of("id-somebody-else");
    else if (atoll_str_is(view->topology, "peer"))
        w.peer = atoll_str_of("id-somebody-else");
    else if (atoll_str_is(view->topology, "keyless"))
        w.key = atoll_str_of(NULL);
    else if (atoll_str_is(view->topology, "short"))
        w.size = 8;
    else if (atoll_str_is(view->topology, "reason"))
        advice->refuse(advice->impl, atoll_str_of(NULL), "not camel case", atoll_str_of("x"));
    advice->wire(advice->impl, 0, &w);
}

static const struct atoll_topology topology = {
    .size = sizeof(topology), .validate = validate, .render = render, .advise = advise};
TINY_PLUGIN("liar-topology", .topology = &topology)
