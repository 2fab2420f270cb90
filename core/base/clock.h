/* SPDX-License-Identifier: Apache-2.0 */
/* Time: monotonic for deadlines, wall clock for people. Planners never call this; time is their
 * input. */
#ifndef ATOLL_BASE_CLOCK_H
#define ATOLL_BASE_CLOCK_H

#include "base/mem.h"

uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
int64_t clock_wall_us(void); /* microseconds since 1970, UTC */
/* RFC 3339 in UTC as Kubernetes writes it. */
#define CLOCK_TEXT_MAX 32
const char *clock_time_text(int64_t wall_us, char out[CLOCK_TEXT_MAX]); /* 2026-11-22T07:33:21Z */
const char *clock_micro_text(int64_t wall_us,
                             char out[CLOCK_TEXT_MAX]);  /* 2026-11-22T07:33:21.123456Z */
int clock_parse(const char *text, int64_t *ret_wall_us); /* RFC 3339 with any offset; -EINVAL */
/* kubectl's short form of a duration: 5s, 3m10s, 5h, 12d. */
const char *clock_age_text(int64_t seconds, char out[CLOCK_TEXT_MAX]);
/* "500ms", "10s", "5m", "1h", "2d" or a bare number of seconds, to milliseconds. -EINVAL, -ERANGE
 */
int clock_duration_parse(const char *text, int64_t *ret_ms);

#endif
