/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoch bookkeeping; the rule is in epoch.h.
 */
#include "epoch.h"

bool epoch_configured(struct epoch_book *b, const char *master, uint64_t epoch)
{
    if (!master[0])
        return false;
    if (b->master[0] && epoch <= b->config)
        return false; /* known, or the word of a sentinel that lags behind */
    snprintf(b->master, sizeof(b->master), "%s", master);
    b->config = epoch;
    if (b->running < epoch)
        b->running = epoch;
    return true;
}

bool epoch_announced(struct epoch_book *b, uint64_t epoch)
{
    if (epoch <= b->running)
        return false;
    b->running = epoch;
    return true;
}

uint64_t epoch_claim_update(const struct epoch_book *b, struct epoch_claim *c, const char *endpoint,
                            bool was_replica)
{
    uint64_t version = 0;
    if (was_replica)
        c->fresh = true;
    if (strcmp(b->master, endpoint) == 0) {
        c->fresh = false;
        version = b->config;
    } else if (c->fresh && b->running > b->config) {
        version = b->running;
    }
    if (c->version < version)
        c->version = version;
    return c->version;
}

void epoch_claim_clear(struct epoch_claim *c)
{
    *c = (struct epoch_claim){0};
}
