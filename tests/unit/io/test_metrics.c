/* SPDX-License-Identifier: Apache-2.0 */
/* What the metrics look like to Prometheus. */
#include "unit/cm.h"

#include <string.h>

#include "io/metrics.h"

static void values(void **state)
{
    (void)state;
    struct metric *c = metric_get("atoll_test_total", METRIC_COUNTER, "kind", "Things.");
    assert_ptr_equal(metric_get("atoll_test_total", METRIC_COUNTER, "kind", "Things."), c);
    metric_add(c, "a", 1);
    metric_add(c, "a", 2);
    metric_add(c, "b", 0.5);
    assert_true(metric_value(c, "a") == 3);
    assert_true(metric_value(c, "none") == 0);
    struct metric *g = metric_get("atoll_test_gauge", METRIC_GAUGE, NULL, "Level.");
    metric_set(g, NULL, 10);
    metric_add(g, NULL, -3);
    assert_true(metric_value(g, NULL) == 7);
}

static void printed(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT(100000);
    struct metric *c = metric_get("atoll_z_total", METRIC_COUNTER, "name", "Escapes.");
    struct metric *h = metric_get("atoll_h_seconds", METRIC_HISTOGRAM, NULL, "Times.");
    metric_add(c, "q\"b\\n\n", 1234567);
    metric_observe(h, NULL, 0.0001);
    metric_observe(h, NULL, 0.002);
    metric_observe(h, NULL, 100);
    assert_true(metric_value(h, NULL) == 3);
    metrics_print(&b);
    const char *text = buf_str(&b);
    assert_non_null(strstr(text, "# HELP atoll_z_total Escapes.\n# TYPE atoll_z_total counter\n"
                                 "atoll_z_total{name=\"q\\\"b\\\\n\\n\"} 1234567\n"));
    assert_non_null(strstr(
        text, "# TYPE atoll_h_seconds histogram\natoll_h_seconds_bucket{le=\"0.0001\"} 1\n"));
    assert_non_null(strstr(
        text, "atoll_h_seconds_bucket{le=\"0.001\"} 1\natoll_h_seconds_bucket{le=\"0.0025\"} 2\n"));
    assert_non_null(
        strstr(text, "atoll_h_seconds_bucket{le=\"10\"} 2\natoll_h_seconds_bucket{le=\"+Inf\"} 3\n"
                     "atoll_h_seconds_sum 100.0021\natoll_h_seconds_count 3\n"));
    assert_true(strstr(text, "atoll_h_seconds") < strstr(text, "atoll_z_total"));
}

static void labelled_histogram(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf b = BUF_INIT(100000);
    struct metric *h = metric_get("atoll_l_seconds", METRIC_HISTOGRAM, "op", "Times.");
    metric_observe(h, "get", 0.3);
    metrics_print(&b);
    assert_non_null(strstr(buf_str(&b), "atoll_l_seconds_bucket{op=\"get\",le=\"0.5\"} 1\n"));
    assert_non_null(strstr(buf_str(&b), "atoll_l_seconds_count{op=\"get\"} 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(printed),
                                       cmocka_unit_test(labelled_histogram)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
