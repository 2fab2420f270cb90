/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says how many of its calls ran at once, over all and for one instance, and on which kind of
 * thread. Built once per thread model: THREADS is the model, NAME the name.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tiny.h"

static atomic_int running, running_here[2];
static atomic_uint_fast64_t cancelled;
static pthread_t loop_thread;

static void raise_to(int *most, int now)
{
    if (now > *most)
        *most = now;
}

static int32_t stay(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    const struct atoll_host *host = tiny_host(self);
    atomic_int *here = &running_here[call->instance->ordinal != 0];
    int most = 0, most_here = 0, i;
    char text[32];
    atomic_fetch_add(&running, 1);
    atomic_fetch_add(here, 1);
    for (i = 0; i < (THREADS == ATOLL_THREADS_LOOP ? 1 : 60); i++) {
        raise_to(&most, atomic_load(&running));
        raise_to(&most_here, atomic_load(here));
        usleep(2000);
    }
    atomic_fetch_sub(here, 1);
    atomic_fetch_sub(&running, 1);
    snprintf(text, sizeof(text), "%d", most);
    atoll_result(host, op, "most", text);
    snprintf(text, sizeof(text), "%d", most_here);
    atoll_result(host, op, "here", text);
    atoll_result(host, op, "loop", pthread_equal(loop_thread, pthread_self()) ? "yes" : "no");
    atoll_done(host, op);
    return ATOLL_OK;
}

/* Blocks until it is cancelled; cancel must reach it although it holds its lane. */
static int32_t block(void *self, const struct atoll_hook_call *call, struct atoll_op op)
{
    const struct atoll_host *host = tiny_host(self);
    (void)call;
    while (THREADS != ATOLL_THREADS_LOOP && atomic_load(&cancelled) != op.id)
        usleep(2000);
    atoll_complete(host, op, ATOLL_CLASS_RETRY, "Cancelled", "it was cancelled");
    return ATOLL_OK;
}

static void cancel(void *self, struct atoll_op op)
{
    if (tiny_host(self)->op->is_cancelled(tiny_host(self)->impl, op))
        atomic_store(&cancelled, op.id);
}

static int32_t create(const struct atoll_host *host, void **ret_self)
{
    loop_thread = pthread_self();
    return tiny_create(host, ret_self);
}

static const struct atoll_hook hooks[] = {{"readonly", 0, 20000, stay},
                                          {"readwrite", 0, 300, block}};
static const struct atoll_lifecycle lifecycle =
    TINY_LIFECYCLE(hooks, .threads = THREADS, .cancel = cancel);
static const struct atoll_plugin plugin = {.magic = ATOLL_PLUGIN_MAGIC,
                                           .abi_major = ATOLL_ABI_MAJOR,
                                           .size = sizeof(plugin),
                                           .name = NAME,
                                           .version = "0.1",
                                           .create = create,
                                           .destroy = tiny_destroy,
                                           .lifecycle = &lifecycle};

const struct atoll_plugin *atoll_plugin_entry(void)
{
    (void)tiny_roles;
    return &plugin;
}
