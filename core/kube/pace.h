/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket: so many at once, then so many a second. Time is an argument. */
#ifndef ATOLL_KUBE_PACE_H
#define ATOLL_KUBE_PACE_H

#include <stdint.h>

struct pace {
    double per_second; /* <= 0: no limit */
    double burst;
    double tokens;
    uint64_t at_ms;
};
void kube_pace_init(struct pace *p, double per_second, double burst, uint64_t now_ms);
/* Take one if there is one: 0. Otherwise nothing is taken: the milliseconds until there is one. */
uint64_t kube_pace_take(struct pace *p, uint64_t now_ms);

#endif
