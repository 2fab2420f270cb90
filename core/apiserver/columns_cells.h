/* SPDX-License-Identifier: Apache-2.0 */
/* One column and how its cell is computed; shared by the columns_*.c files. */
#ifndef ATOLL_APISERVER_COLUMNS_CELLS_H
#define ATOLL_APISERVER_COLUMNS_CELLS_H

#include "apiserver/columns.h"

struct column {
    const char *name, *type, *format;
    int priority; /* 1: only with -o wide */
    const char *description;
    cJSON *(*cell)(const cJSON *obj, int64_t now_us); /* NULL: custom, by path */
    const char *path;
};
struct columns {
    const struct column *items; /* ended by name NULL */
    struct column *owned;       /* of a custom kind: freed with it */
    cJSON *source;
};

#define COLUMN(n, t, f, p, d, c)                                                                   \
    {                                                                                              \
        .name = (n), .type = (t), .format = (f), .priority = (p), .description = (d), .cell = (c)  \
    }
#define COLUMN_NAME COLUMN("Name", "string", "name", 0, "Name of the object.", cell_name)
#define COLUMN_AGE  COLUMN("Age", "string", "", 0, "Time since the object was created.", cell_age)
#define COLUMNS_END                                                                                \
    {                                                                                              \
        .name = NULL                                                                               \
    }

cJSON *cell_name(const cJSON *obj, int64_t now_us);
cJSON *cell_age(const cJSON *obj, int64_t now_us);
cJSON *cell_created(const cJSON *obj, int64_t now_us); /* the time itself */

/* Text, or `missing` when it is absent or empty. */
cJSON *cell_text(const char *s, const char *missing);
/* "5m" since an RFC 3339 time; `missing` when there is none. */
const char *age_text(const char *time, int64_t now_us, const char *missing, char out[32]);
/* What a builder holds, or `missing` when it is empty. */
cJSON *cell_buf(const struct buf *b, const char *missing);
/* "a=b,c=d" in the order of names. */
cJSON *cell_labels(const cJSON *map, const char *missing);

const struct columns *columns_of_kind(const char *group, const char *kind); /* NULL when unknown */
extern const struct columns columns_pod, columns_job, columns_cron_job;

#endif
