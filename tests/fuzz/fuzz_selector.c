/* SPDX-License-Identifier: Apache-2.0 */
/* Line 1 is a label selector, line 2 a field selector, line 3 a LabelSelector object. */
#include "apiserver/selector.h"
#include "fuzz/fuzz.h"

static const struct field_label fields[] = {{"spec.nodeName", "spec.nodeName", ""}, {NULL, "", ""}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "{\"metadata\":{\"name\":\"p\",\"labels\":{\"app\":\"x\",\"n\":"
                               "\"5\"}},\"spec\":{\"nodeName\":\"a\"}}";
    struct str in = {(const char *)data, size};
    char *label AUTO(mem_freep) = fuzz_line(&in), *field AUTO(mem_freep) = fuzz_line(&in);
    cJSON *object AUTO(json_freep) = fuzz_json(&in), *pod AUTO(json_freep) = NULL;
    struct label_selector *l = NULL, *o = NULL;
    struct field_selector *f = NULL;
    struct err *err AUTO(err_freep) = NULL;
    if (json_parse(text, sizeof(text) - 1, &pod, NULL))
        return 1;
    if (!label_selector_parse(label, &l, &err))
        label_selector_matches(l, json_at(pod, "metadata", "labels"));
    if (!label_selector_of(object, &o, &err))
        label_selector_matches(o, json_at(pod, "metadata", "labels"));
    if (!field_selector_parse(field, fields, &f, &err)) {
        const char *name = field_selector_exact(f, "metadata.name");
        bool matches = field_selector_matches(f, pod);
        ATOLL_ASSERT(!name || !matches || streq(name, "p"));
    }
    label_selector_free(l);
    label_selector_free(o);
    field_selector_free(f);
    return 0;
}
