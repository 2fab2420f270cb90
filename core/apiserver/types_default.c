/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults from the rows, then those that depend on other fields (the def hooks). Runs on every
 * write and is idempotent: a defaulted object gets nothing more.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/types_rows.h"

cJSON *type_default_value(const struct type_field *f)
{
    const char *text = f->def;
    size_t n = strlen(text);
    if (text[0] == '"') {
        char *s = mem_strndup(text + 1, n - 2);
        cJSON *j = cJSON_CreateString(s);
        mem_free(s);
        return j;
    }
    if (streq(text, "{}"))
        return cJSON_CreateObject();
    if (streq(text, "true") || streq(text, "false"))
        return cJSON_CreateBool(text[0] == 't');
    int64_t number = 0;
    ATOLL_ASSERT(str_to_i64(str_of(text), &number) == 0);
    return cJSON_CreateNumber((double)number);
}

static bool absent(const cJSON *obj, const char *name)
{
    return !type_member(obj, name);
}

/* Rows of the type itself; `obj` also holds the members of inlined types. */
static void default_rows(const struct type *t, cJSON *obj)
{
    for (const struct type_field *f = t->fields; f->name; f++) {
        if (f->flags & TF_INLINE)
            default_rows(f->ref, obj);
        else if (f->def && absent(obj, f->name))
            cJSON_AddItemToObjectCS(obj, f->name, type_default_value(f));
        else if ((f->flags & TF_NULL) && absent(obj, f->name))
            cJSON_AddItemToObjectCS(obj, f->name, cJSON_CreateNull());
    }
    if (t->def)
        t->def(obj);
}

void type_default(const struct type *t, cJSON *obj)
{
    default_rows(t, obj);
    for (cJSON *j = obj->child; j; j = j->next) {
        bool list = cJSON_IsArray(j);
        if (!list && !cJSON_IsObject(j))
            continue;
        const struct type_field *f = type_field_find(t, j->string);
        if (!f || !f->ref)
            continue;
        if (f->kind == T_OBJECT && !list)
            type_default(f->ref, j);
        if (f->kind == T_LIST && list)
            for (cJSON *e = j->child; e; e = e->next)
                if (cJSON_IsObject(e))
                    type_default(f->ref, e);
    }
}
