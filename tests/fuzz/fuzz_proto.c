/* SPDX-License-Identifier: Apache-2.0 */
/* A protobuf body from the wire, then all that happens to an object that could be decoded. */
#include "apiserver/types.h"
#include "fuzz/fuzz.h"

static const struct type *type_named(const cJSON *j)
{
    const char *version = json_str(j, "apiVersion"), *slash = strchr(version, '/');
    char *group AUTO(mem_freep) = mem_strndup(version, slash ? (size_t)(slash - version) : 0);
    return type_of(group, slash ? slash + 1 : version, json_str(j, "kind"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *j AUTO(json_freep) = NULL;
    struct arena *a AUTO(arena_freep) = arena_new(8 << 20);
    struct causes c = {.arena = a};
    const char **unknown;
    size_t n;
    if (proto_decode((struct str){(const char *)data, size}, &j, NULL))
        return 0;
    const struct type *t = type_named(j);
    if (type_decode(t, j, a, &unknown, &n, NULL))
        return 0;
    type_default(t, j);
    type_validate(t, j, NULL, &c);
    cJSON *again AUTO(json_freep) = cJSON_Duplicate(j, true);
    type_default(t, again);
    ATOLL_ASSERT(json_equal(again, j)); /* defaults are idempotent */
    char *text = json_print(j);
    mem_free(text);
    return 0;
}
