/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics: a registry of names, each with its series by label value, printed in the Prometheus text
 * format (version 0.0.4). The registry lives as long as the program.
 */
#include "io/metrics.h"

#include <string.h>

#include "base/map.h"

/* Upper bounds of the histogram buckets in seconds; one more bucket takes the rest. */
static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

struct series {
    double value; /* counter, gauge; of a histogram the sum */
    uint64_t count;
    uint64_t buckets[ARRAY_LEN(bounds) + 1];
};

struct metric {
    char *name, *label, *help;
    enum metric_type type;
    struct map series; /* label value, "" without label -> struct series */
};

static struct map registry;

struct metric *metric_get(const char *name, enum metric_type type, const char *label,
                          const char *help)
{
    struct metric *m = map_get(&registry, name);
    if (m) {
        ATOLL_ASSERT(m->type == type && streq(m->label, label)); /* one name, one meaning */
        return m;
    }
    ATOLL_ASSERT(str_starts(name, "atoll_"));
    m = mem_new(struct metric);
    m->name = mem_strdup(name);
    m->label = mem_strdup(label);
    m->help = mem_strdup(help);
    m->type = type;
    map_set(&registry, name, m);
    return m;
}

static struct series *series_of(struct metric *m, const char *label_value)
{
    ATOLL_ASSERT((label_value != NULL) == (m->label != NULL));
    const char *key = label_value ? label_value : "";
    struct series *s = map_get(&m->series, key);
    if (!s) {
        s = mem_new(struct series);
        map_set(&m->series, key, s);
    }
    return s;
}

void metric_add(struct metric *m, const char *label_value, double v)
{
    ATOLL_ASSERT(m->type != METRIC_HISTOGRAM && (v >= 0 || m->type == METRIC_GAUGE));
    series_of(m, label_value)->value += v;
}

void metric_set(struct metric *m, const char *label_value, double v)
{
    ATOLL_ASSERT(m->type == METRIC_GAUGE);
    series_of(m, label_value)->value = v;
}

void metric_observe(struct metric *m, const char *label_value, double seconds)
{
    ATOLL_ASSERT(m->type == METRIC_HISTOGRAM);
    struct series *s = series_of(m, label_value);
    size_t i = 0;
    while (i < ARRAY_LEN(bounds) && seconds > bounds[i])
        i++;
    s->buckets[i]++;
    s->count++;
    s->value += seconds;
}

/* Of a histogram: how many were observed. */
double metric_value(const struct metric *m, const char *label_value)
{
    const struct series *s = map_get(&m->series, label_value ? label_value : "");
    if (!s)
        return 0;
    return m->type == METRIC_HISTOGRAM ? (double)s->count : s->value;
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_adds(out, "\\n");
        else if (*text == '"' || *text == '\\')
            buf_addf(out, "\\%c", *text);
        else
            buf_addc(out, *text);
    }
}

/* name_suffix{label="value",le="bound"} */
static void add_head(struct buf *out, const struct metric *m, const char *suffix, const char *value,
                     const char *le)
{
    buf_addf(out, "%s%s", m->name, suffix);
    if (!m->label && !le) {
        buf_addc(out, ' ');
        return;
    }
    buf_addc(out, '{');
    if (m->label) {
        buf_addf(out, "%s=\"", m->label);
        add_escaped(out, value);
        buf_adds(out, le ? "\"," : "\"");
    }
    if (le)
        buf_addf(out, "le=\"%s\"", le);
    buf_adds(out, "} ");
}

static void print_histogram(struct buf *out, const struct metric *m, const char *value,
                            const struct series *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= ARRAY_LEN(bounds); i++) {
        AUTO(buf_done) struct buf le = BUF_INIT(32);
        sum += s->buckets[i];
        if (i < ARRAY_LEN(bounds))
            buf_addf(&le, "%g", bounds[i]);
        add_head(out, m, "_bucket", value, i < ARRAY_LEN(bounds) ? buf_str(&le) : "+Inf");
        buf_addf(out, "%llu\n", (unsigned long long)sum);
    }
    add_head(out, m, "_sum", value, NULL);
    buf_addf(out, "%.9g\n", s->value);
    add_head(out, m, "_count", value, NULL);
    buf_addf(out, "%llu\n", (unsigned long long)s->count);
}

static void print_metric(struct buf *out, const struct metric *m, struct arena *a)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, types[m->type]);
    for (const char **value = map_keys_sorted(&m->series, a); *value; value++) {
        const struct series *s = map_get(&m->series, *value);
        if (m->type == METRIC_HISTOGRAM) {
            print_histogram(out, m, *value, s);
        } else {
            add_head(out, m, "", *value, NULL);
            buf_addf(out, "%.15g\n", s->value);
        }
    }
}

void metrics_print(struct buf *out)
{
    AUTO(arena_freep) struct arena *a = arena_new(SIZE_MAX / 4);
    for (const char **name = map_keys_sorted(&registry, a); *name; name++)
        print_metric(out, map_get(&registry, *name), a);
}
