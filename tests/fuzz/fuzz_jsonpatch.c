/* SPDX-License-Identifier: Apache-2.0 */
/* Line 1 is a JSON patch, line 2 the document. */
#include "apiserver/patch.h"
#include "fuzz/fuzz.h"

static size_t depth_of(const cJSON *j)
{
    size_t deepest = 0;
    json_foreach (child, j) {
        size_t d = depth_of(child);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    cJSON *ops AUTO(json_freep) = fuzz_json(&in), *target = fuzz_json(&in), *result = NULL;
    struct err *err AUTO(err_freep) = NULL;
    if (!ops || !target) {
        cJSON_Delete(target);
        return 0;
    }
    if (patch_json(target, ops, &result, &err))
        return 0;
    /* The result is a sound tree: it prints, what was printed reads back to the same, and it is not
     * deeper than bodies may be. */
    ATOLL_ASSERT(depth_of(result) <= JSON_DEPTH_MAX + 1);
    char *text AUTO(mem_freep) = json_print(result);
    cJSON *again AUTO(json_freep) = NULL;
    if (!json_parse(text, strlen(text), &again, NULL)) {
        char *twice AUTO(mem_freep) = json_print(again);
        ATOLL_ASSERT(streq(text, twice));
    }
    cJSON_Delete(result);
    return 0;
}
