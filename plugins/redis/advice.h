/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of one advice: a scene read from the view, and where the conclusions go.
 */
#ifndef REDIS_ADVICE_H
#define REDIS_ADVICE_H

#include "scene.h"

struct thought {
    const struct scene *scene;
    const struct atoll_advice *out;
};

void thought_wire(struct thought *t, uint32_t stage, const char *verb,
                  const struct atoll_instance *target, const struct atoll_instance *peer,
                  struct atoll_str key, const struct atoll_kv *args, uint32_t n_args,
                  struct atoll_str reason);
/* subject NULL = the component. */
void thought_refuse(struct thought *t, const struct atoll_instance *subject, const char *reason,
                    const char *fmt, ...) ATOLL_FORMAT(4, 5);

void advise_wiring(struct thought *t);       /* advise.c */
void advise_server_order(struct thought *t); /* order.c */
void advise_sentinel_order(struct thought *t);

#endif
