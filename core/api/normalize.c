/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spellings of KubeBlocks 1.0 that its main branch renamed without a new API version. A table of
 * renames; whoever reads an object applies it first, so that the rest of the program knows one
 * spelling.
 */
#include <string.h>

#include "api/kinds.h"

struct rename {
    enum api_kind_id kind;
    const char *where; /* path of the object that holds the member; "[]" goes through a list */
    const char *from, *to;
};

static const struct rename RENAMES[] = {
    {API_CLUSTER, "spec.componentSpecs[].systemAccounts[]", "passwordGenerationPolicy",
     "passwordConfig"},
    {API_COMPONENT, "spec.systemAccounts[]", "passwordGenerationPolicy", "passwordConfig"},
    {API_COMPONENTDEFINITION, "spec.systemAccounts[]", "passwordGenerationPolicy",
     "passwordConfig"},
    {API_INSTANCESET, "spec", "defaultTemplateOrdinals", "ordinals"},
};

static void rename_member(cJSON *object, const char *from, const char *to)
{
    cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(object, from);
    if (!value)
        return;
    if (json_at(object, to))
        cJSON_Delete(value);
    else
        cJSON_AddItemToObject(object, to, value);
}

static void apply(cJSON *at, struct str path, const struct rename *r)
{
    struct str piece;
    if (!at)
        return;
    if (!path.len) {
        rename_member(at, r->from, r->to);
        return;
    }
    str_split(&path, '.', &piece);
    bool list = piece.len > 2 && memcmp(piece.ptr + piece.len - 2, "[]", 2) == 0;
    AUTO(mem_freep) char *name = mem_strndup(piece.ptr, piece.len - (list ? 2 : 0));
    cJSON *next = cJSON_GetObjectItemCaseSensitive(at, name);
    if (!list) {
        apply(next, path, r);
        return;
    }
    for (cJSON *item = next ? next->child : NULL; item; item = item->next)
        apply(item, path, r);
}

void api_normalize(enum api_kind_id id, cJSON *object)
{
    for (size_t i = 0; i < ARRAY_LEN(RENAMES); i++)
        if (RENAMES[i].kind == id)
            apply(object, str_of(RENAMES[i].where), &RENAMES[i]);
}
