/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table output: which kind has which columns, the cells of custom kinds, and the bits all cells are
 * made of. The columns of built-in kinds are in columns_builtin.c, those of Pods and Jobs in
 * columns_pod.c.
 */
#include "apiserver/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/columns_cells.h"
#include "base/clock.h"
#include "base/map.h"

#define CELL_TEXT_MAX (16 * 1024)
#define COLUMNS_MAX   64

/* --- bits of cells -------------------------------------------------------------------------- */

cJSON *cell_text(const char *s, const char *missing)
{
    return cJSON_CreateString(s && *s ? s : missing);
}

cJSON *cell_buf(const struct buf *b, const char *missing)
{
    return cell_text(buf_str(b), missing);
}

const char *age_text(const char *time, int64_t now_us, const char *missing, char out[32])
{
    int64_t then;
    if (!time || !*time || clock_parse(time, &then))
        return missing;
    int64_t seconds = (now_us - then) / 1000000;
    /* A clock that is a moment behind is no reason for a strange age. */
    if (seconds < -1)
        return "<invalid>";
    return clock_age_text(seconds < 0 ? 0 : seconds, out);
}

cJSON *cell_name(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(json_str(obj, "metadata", "name"), "");
}

cJSON *cell_age(const cJSON *obj, int64_t now_us)
{
    char out[32];
    const char *created = json_str(obj, "metadata", "creationTimestamp");
    return cJSON_CreateString(age_text(created, now_us, "<unknown>", out));
}

cJSON *cell_created(const cJSON *obj, int64_t now_us)
{
    (void)now_us;
    return cell_text(json_str(obj, "metadata", "creationTimestamp"), "<unknown>");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

cJSON *cell_labels(const cJSON *map, const char *missing)
{
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    size_t n = (size_t)cJSON_GetArraySize(map), i = 0;
    const char **names = mem_calloc(n + 1, sizeof(*names));
    json_foreach (j, map) {
        names[i++] = j->string;
    }
    qsort(names, n, sizeof(*names), by_text);
    for (i = 0; i < n; i++) {
        const char *value = json_str(map, names[i]);
        buf_addf(&out, "%s%s=%s", i ? "," : "", names[i], value ? value : "");
    }
    mem_free(names);
    return cell_buf(&out, missing);
}

/* --- custom kinds --------------------------------------------------------------------------- */

static const struct column plain_columns[] = {COLUMN_NAME, COLUMN_AGE, COLUMNS_END};
static const struct columns plain = {.items = plain_columns};

static const char *text_or(const cJSON *j, const char *name, const char *other)
{
    const char *s = json_str(j, name);
    return s && *s ? s : other;
}

struct columns *columns_custom(const cJSON *additional)
{
    struct columns *c = mem_new(struct columns);
    c->items = plain_columns;
    if (!additional || !additional->child)
        return c;
    c->source = cJSON_Duplicate(additional, true);
    c->owned = mem_calloc(COLUMNS_MAX + 2, sizeof(*c->owned));
    c->owned[0] = plain_columns[0];
    size_t n = 1;
    json_foreach (a, c->source) {
        if (n > COLUMNS_MAX)
            break;
        c->owned[n++] = (struct column){.name = text_or(a, "name", ""),
                                        .type = text_or(a, "type", "string"),
                                        .format = text_or(a, "format", ""),
                                        .priority = (int)json_int(0, a, "priority"),
                                        .description = json_str(a, "description"),
                                        .path = text_or(a, "jsonPath", "")};
    }
    c->items = c->owned;
    return c;
}

void columns_free(struct columns *c)
{
    if (!c)
        return;
    mem_free(c->owned);
    cJSON_Delete(c->source);
    mem_free(c);
}

static cJSON *custom_text(const cJSON *j)
{
    if (cJSON_IsString(j))
        return cJSON_CreateString(j->valuestring);
    struct buf out AUTO(buf_done) = BUF_INIT(CELL_TEXT_MAX);
    json_add_to(&out, j);
    return cell_buf(&out, "");
}

/* The value as the column's type says; null when it has another one. */
static cJSON *custom_cell(const struct column *c, const cJSON *obj, int64_t now_us)
{
    const cJSON *j = jsonpath_get(obj, c->path);
    char out[32];
    if (!j || cJSON_IsNull(j))
        return cJSON_CreateNull();
    if (streq(c->type, "string"))
        return custom_text(j);
    if (streq(c->type, "integer") && cJSON_IsNumber(j))
        return cJSON_CreateNumber(trunc(j->valuedouble));
    if (streq(c->type, "number") && cJSON_IsNumber(j))
        return cJSON_CreateNumber(j->valuedouble);
    if (streq(c->type, "boolean") && cJSON_IsBool(j))
        return cJSON_CreateBool(cJSON_IsTrue(j));
    if (streq(c->type, "date") && cJSON_IsString(j))
        return cJSON_CreateString(age_text(j->valuestring, now_us, "<invalid>", out));
    return cJSON_CreateNull();
}

/* --- tables --------------------------------------------------------------------------------- */

cJSON *columns_definitions(const struct columns *c)
{
    cJSON *list = cJSON_CreateArray();
    for (const struct column *col = c->items; col->name; col++) {
        cJSON *d = cJSON_CreateObject();
        cJSON_AddStringToObject(d, "name", col->name);
        cJSON_AddStringToObject(d, "type", col->type);
        cJSON_AddStringToObject(d, "format", col->format);
        if (col->description) {
            cJSON_AddStringToObject(d, "description", col->description);
        } else {
            char *text = mem_printf("Custom resource column from %s.", col->path);
            cJSON_AddStringToObject(d, "description", text);
            mem_free(text);
        }
        cJSON_AddNumberToObject(d, "priority", col->priority);
        cJSON_AddItemToArray(list, d);
    }
    return list;
}

cJSON *columns_cells(const struct columns *c, const cJSON *obj, int64_t now_us)
{
    cJSON *cells = cJSON_CreateArray();
    for (const struct column *col = c->items; col->name; col++)
        cJSON_AddItemToArray(cells,
                             col->cell ? col->cell(obj, now_us) : custom_cell(col, obj, now_us));
    return cells;
}

const struct columns *columns_builtin(const char *group, const char *kind)
{
    const struct columns *c = columns_of_kind(group, kind);
    return c ? c : &plain;
}
