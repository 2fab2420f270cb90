/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of redis.conf and sentinel.conf: which a user may set, what they look like, and
 * which are ours and why. One table each; validate and render read them.
 */
#ifndef REDIS_PARAMS_H
#define REDIS_PARAMS_H

#include "memory.h"

enum param_type { PARAM_INT, PARAM_MEMORY, PARAM_BOOL, PARAM_WORD, PARAM_TEXT, PARAM_OWNED };
struct param {
    const char *name;
    enum param_type type;
    int64_t min, max;  /* PARAM_INT, PARAM_MEMORY (bytes) */
    const char *words; /* PARAM_WORD: "a b c"; PARAM_OWNED: why it is ours */
};

const struct param *server_param(struct atoll_str name);
const struct param *sentinel_param(struct atoll_str name);

/* NULL when the value fits, else one sentence in `text`. */
const char *param_fault(const struct param *p, struct atoll_str value, char *text, size_t size);
/* "1gb", "64mb", "100k", "4096" as redis.conf reads them. */
bool memory_parse(struct atoll_str text, int64_t *ret);

#endif
