/* SPDX-License-Identifier: Apache-2.0 */
/* Line 1 is an object of a built-in kind, line 2 the object before the change. */
#include "apiserver/columns.h"
#include "apiserver/schema.h"
#include "apiserver/types.h"
#include "fuzz/fuzz.h"

struct kind {
    char *group;
    const char *version, *kind;
    const struct type *type;
};

static bool kind_of(const cJSON *j, struct kind *ret)
{
    const char *version = json_str(j, "apiVersion"), *kind = json_str(j, "kind");
    if (!version || !kind)
        return false;
    const char *slash = strchr(version, '/');
    ret->group = mem_strndup(version, slash ? (size_t)(slash - version) : 0);
    ret->version = slash ? slash + 1 : version;
    ret->kind = kind;
    ret->type = type_of(ret->group, ret->version, kind);
    return ret->type != NULL;
}

static bool decode(const struct type *t, cJSON *j, struct arena *a, size_t *ret_unknown)
{
    struct err *err AUTO(err_freep) = NULL;
    const char **unknown;
    bool ok = j && type_decode(t, j, a, &unknown, ret_unknown, &err) == 0;
    ATOLL_ASSERT(!j || ok == !err);
    return ok;
}

static bool is_crd(const struct kind *k)
{
    return streq(k->kind, "CustomResourceDefinition");
}

static void set_defaults(const struct kind *k, cJSON *j)
{
    if (is_crd(k))
        crd_default(j);
    type_default(k->type, j);
}

/* Decoding and defaulting what was decoded and defaulted changes nothing. */
static void check_again(const struct kind *k, const cJSON *j, struct arena *a)
{
    cJSON *again AUTO(json_freep) = cJSON_Duplicate(j, true);
    size_t unknown;
    ATOLL_ASSERT(decode(k->type, again, a, &unknown) && unknown == 0);
    set_defaults(k, again);
    ATOLL_ASSERT(json_equal(again, j));
}

static void check_cells(const struct kind *k, const cJSON *j)
{
    const struct columns *c = columns_builtin(k->group, k->kind);
    cJSON *names AUTO(json_freep) = columns_definitions(c);
    cJSON *cells AUTO(json_freep) = columns_cells(c, j, 1700000000000000);
    ATOLL_ASSERT(cJSON_GetArraySize(names) == cJSON_GetArraySize(cells));
}

static void check_object(const struct kind *k, cJSON *j, cJSON *old, struct arena *a)
{
    struct causes c = {.arena = a};
    size_t unknown;
    char *twice AUTO(mem_freep) = json_duplicate(j);
    if (!decode(k->type, j, a, &unknown))
        return;
    set_defaults(k, j);
    if (!twice)
        check_again(k, j, a);
    if (!decode(k->type, old, a, &unknown))
        old = NULL;
    meta_validate(json_at(j, "metadata"), true, NAME_SUBDOMAIN, &c);
    type_validate(k->type, j, old, &c);
    if (is_crd(k))
        crd_validate(j, old, &c);
    check_cells(k, j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct arena *a AUTO(arena_freep) = arena_new(16 << 20);
    cJSON *j AUTO(json_freep) = fuzz_json(&in), *old AUTO(json_freep) = fuzz_json(&in);
    struct kind k = {0};
    if (kind_of(j, &k)) {
        /* The names lie in the object: a copy of it is worked on. */
        cJSON *obj AUTO(json_freep) = cJSON_Duplicate(j, true);
        check_object(&k, obj, old, a);
    }
    mem_free(k.group);
    return 0;
}
