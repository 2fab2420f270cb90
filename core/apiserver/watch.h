/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: every committed event to everyone who asked for it, once and in order.
 *
 * An event is serialised when it is written; a plain watch sends that text without copying it,
 * however many watch. A watcher that does not read is closed, never waited for.
 */
#ifndef ATOLL_APISERVER_WATCH_H
#define ATOLL_APISERVER_WATCH_H

#include "apiserver/rest.h"

struct watch_hub;
struct watch_hub *watch_hub_new(struct api *api);
void watch_hub_free(struct watch_hub *h); /* ends all streams */
/* Ends the watches of a resource that is no longer served. */
void watch_close(const struct resource *res);

/* ---- pure parts, for tests ---- */
/* What a watcher with selectors gets of an event, by whether the old and the new state match: an
 * enum event_type, or -1 for nothing. */
int watch_transition(bool matched_before, bool matches_now);

#endif
