/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `atoll status` shows, as one JSON document, and its three printers. Pure: objects in, text
 * out.
 *
 * The document: {members: [{name, server, reachable, message?, node, clusters: [{namespace, name,
 * phase, message?, definition, topology, age, ready, replicas, components: [{name, phase, ready,
 * replicas, message?, instances: [{name, role, phase, ready, restarts, address, age}]}]}]}]}
 */
#ifndef ATOLL_CLI_STATUS_VIEW_H
#define ATOLL_CLI_STATUS_VIEW_H

#include "base/json.h"

struct status_input { /* lists of objects of one member; any may be NULL */
    const cJSON *nodes, *clusters, *components, *pods;
    int64_t now_us;
};
/* One element of members[]. */
cJSON *status_member(const char *name, const char *server, const struct status_input *in);
cJSON *status_member_unreachable(const char *name, const char *server, const char *message);

void status_print_table(const cJSON *document, struct buf *out);
void status_print_tree(const cJSON *document, bool colour, struct buf *out);

#endif
