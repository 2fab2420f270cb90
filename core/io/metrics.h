/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in the Prometheus text format. Registration is at start-up; updating costs one addition.
 * Metrics are process-wide; updates come from the loop's thread only.
 */
#ifndef ATOLL_IO_METRICS_H
#define ATOLL_IO_METRICS_H

#include "base/str.h"

struct metric;
enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM /* seconds, fixed buckets 100 us .. 10 s */
};
/* `name` with the atoll_ prefix and unit suffix; `label` one label name or NULL. Same name gives
 * the same metric. */
struct metric *metric_get(const char *name, enum metric_type type, const char *label,
                          const char *help);
void metric_add(struct metric *m, const char *label_value,
                double v); /* label_value NULL without label */
void metric_set(struct metric *m, const char *label_value, double v);
void metric_observe(struct metric *m, const char *label_value, double seconds);
double metric_value(const struct metric *m, const char *label_value);
void metrics_print(struct buf *out);

#endif
