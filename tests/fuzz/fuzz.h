/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: the entry point, and cutting an input into lines. */
#ifndef ATOLL_TESTS_FUZZ_H
#define ATOLL_TESTS_FUZZ_H

#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line of the input, without its end; the rest stays in *s. Heap. */
static inline char *fuzz_line(struct str *s)
{
    const char *end = s->len ? memchr(s->ptr, '\n', s->len) : NULL;
    size_t n = end ? (size_t)(end - s->ptr) : s->len;
    char *line = mem_strndup(s->ptr ? s->ptr : "", n);
    n += end ? 1 : 0;
    s->ptr += n;
    s->len -= n;
    return line;
}

/* The next line as JSON, NULL when it is none. */
static inline cJSON *fuzz_json(struct str *s)
{
    char *line AUTO(mem_freep) = fuzz_line(s);
    cJSON *j = NULL;
    return json_parse(line, strlen(line), &j, NULL) ? NULL : j;
}

#endif
