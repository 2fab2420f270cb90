/* SPDX-License-Identifier: Apache-2.0 */
/* Line 1 is a path, line 2 the object. */
#include "apiserver/columns.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    char *path AUTO(mem_freep) = fuzz_line(&in);
    cJSON *obj AUTO(json_freep) = fuzz_json(&in);
    const cJSON *found = jsonpath_get(obj, path);
    ATOLL_ASSERT(!found || jsonpath_valid(path));
    if (found) {
        char *text = json_print(found);
        mem_free(text);
    }
    return 0;
}
