/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container logs as text: the shim's records ("2026-11-22T07:33:21.123456789Z stdout F text") into
 * what `kubectl logs` shows. Pure.
 */
#ifndef ATOLL_NODE_LOG_LINES_H
#define ATOLL_NODE_LOG_LINES_H

#include "base/str.h"

struct log_filter {
    bool timestamps;
    int64_t since_us; /* records before are left out; 0 = none are */
    int64_t limit;    /* bytes still to be shown; -1 = no limit. Counts down. */
};
/* Append what is shown of the complete records in `text`; returns how many bytes of it were used
 * (up to the last newline). Stops adding when the limit is reached. */
size_t log_lines_show(struct log_filter *f, struct str text, struct buf *out);
/* Offset in `text` where its last `n` records begin; *ret_found says how many there are behind it.
 */
size_t log_lines_tail(struct str text, size_t n, size_t *ret_found);

#endif
