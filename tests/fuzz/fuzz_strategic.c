/* SPDX-License-Identifier: Apache-2.0 */
/* Line 1 is a strategic merge patch of a Pod, line 2 the Pod. */
#include "apiserver/types.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    const struct type *t = type_of("", "v1", "Pod");
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    cJSON *patch AUTO(json_freep) = fuzz_json(&in), *pod = fuzz_json(&in),
                 *result AUTO(json_freep) = NULL;
    struct err *err AUTO(err_freep) = NULL;
    struct causes c = {.arena = a};
    const char **unknown;
    size_t n;
    if (!patch || !pod) {
        cJSON_Delete(pod);
        return 0;
    }
    if (type_strategic_merge(t, pod, patch, &result, &err))
        return 0;
    if (type_decode(t, result, a, &unknown, &n, &err))
        return 0;
    type_default(t, result);
    type_validate(t, result, NULL, &c);
    return 0;
}
