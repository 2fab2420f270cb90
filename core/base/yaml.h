/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to JSON trees, with the scalars kubectl would send to a Kubernetes API for the same text.
 *
 * That is YAML 1.1 as kubectl's parser resolves it: yes/no/on/off are booleans, 010 is eight, 1_000
 * is a thousand, a quoted or !!str scalar is text, a date stays text, .inf and .nan are refused
 * because JSON has no such numbers. Anchors, aliases and merge keys (<<) are expanded. Several
 * documents give several elements; empty documents are left out. Keys that repeat inside one
 * mapping are kept, as json_parse keeps them: see json_duplicate. JSON is YAML, so this reads both.
 */
#ifndef ATOLL_BASE_YAML_H
#define ATOLL_BASE_YAML_H

#include "base/json.h"

#define YAML_NODES_MAX                                                                             \
    500000 /* after the expansion of aliases: the bound against "a billion laughs" */

/* All documents of `text` as one array tree. `name` (a file name) and the line stand in every
 * error. -EINVAL not YAML or not expressible in JSON; -E2BIG too deep (JSON_DEPTH_MAX) or too many
 * nodes. */
int yaml_parse(const char *name, const char *text, size_t len, cJSON **ret_array, struct err **err);

#endif
