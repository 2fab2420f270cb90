/* SPDX-License-Identifier: Apache-2.0 */
/* The token bucket of a client's requests and of one object's Events. No clock of its own. */
#include "kube/pace.h"

#include <math.h>

void kube_pace_init(struct pace *p, double per_second, double burst, uint64_t now_ms)
{
    *p = (struct pace){per_second, burst < 1 ? 1 : burst, burst < 1 ? 1 : burst, now_ms};
}

uint64_t kube_pace_take(struct pace *p, uint64_t now_ms)
{
    if (p->per_second <= 0)
        return 0;
    if (now_ms > p->at_ms) {
        p->tokens += (double)(now_ms - p->at_ms) * p->per_second / 1000.0;
        p->at_ms = now_ms;
    }
    if (p->tokens > p->burst)
        p->tokens = p->burst;
    if (p->tokens >= 1) {
        p->tokens -= 1;
        return 0;
    }
    return (uint64_t)ceil((1 - p->tokens) * 1000.0 / p->per_second);
}
