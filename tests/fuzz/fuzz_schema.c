/* SPDX-License-Identifier: Apache-2.0 */
/* Line 1 is an openAPIV3Schema, line 2 an object, line 3 the object before the change. */
#include "apiserver/schema.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c = {.arena = a};
    cJSON *openapi AUTO(json_freep) = fuzz_json(&in);
    cJSON *obj AUTO(json_freep) = fuzz_json(&in), *old AUTO(json_freep) = fuzz_json(&in);
    if (!openapi)
        return 0;
    struct schema *s = schema_compile(openapi, "schema", &c);
    ATOLL_ASSERT((s == NULL) == (c.n > 0));
    if (s && obj) {
        const char **removed;
        size_t n;
        schema_prune(s, obj, a, &removed, &n);
        schema_default(s, obj);
        schema_prune(s, obj, a, &removed, &n);
        ATOLL_ASSERT(n == 0); /* what is left is all known, with its defaults */
        schema_validate(s, obj, old, &c);
    }
    schema_free(s);
    return 0;
}
