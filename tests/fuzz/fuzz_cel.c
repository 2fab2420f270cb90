/* SPDX-License-Identifier: Apache-2.0 */
/* Line 1 is an expression over self and oldSelf, compiled with types and without; line 2 and 3
 * their values. */
#include "apiserver/cel.h"
#include "fuzz/fuzz.h"

static const struct cel_type list = {.kind = CEL_LIST, .elem = &cel_string};
static const struct cel_type map = {.kind = CEL_MAP, .elem = &cel_int};
static const struct cel_field fields[] = {
    {"l", &list}, {"m", &map}, {"n", &cel_int}, {"s", &cel_string}, {"x", &cel_dyn}};
static const struct cel_type object = {.kind = CEL_OBJECT, .fields = fields, .n_fields = 5};

static void run(const char *text, const struct cel_type *t, const cJSON *const *values)
{
    struct arena *a AUTO(arena_freep) = arena_new(64 << 20);
    const struct cel_var vars[] = {{"self", t}, {"oldSelf", t}};
    struct err *err AUTO(err_freep) = NULL;
    struct cel *c = NULL;
    /* A small budget keeps the fuzzer fast; running out is a normal end. */
    struct cel_budget budget = {20000};
    bool result;
    if (cel_compile(a, text, vars, 2, CEL_BOOL, &c, &err))
        return;
    cel_eval_bool(c, values, &budget, &result, &err);
    cel_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    char *text AUTO(mem_freep) = fuzz_line(&in);
    cJSON *self AUTO(json_freep) = fuzz_json(&in), *old AUTO(json_freep) = fuzz_json(&in);
    const cJSON *values[] = {self, old};
    run(text, &object, values);
    run(text, &cel_dyn, values);
    return 0;
}
