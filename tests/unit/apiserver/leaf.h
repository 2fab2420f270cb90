/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the apiserver's pure modules share: JSON from text, causes as text. */
#ifndef ATOLL_TESTS_APISERVER_LEAF_H
#define ATOLL_TESTS_APISERVER_LEAF_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/status.h"

/* JSON written with single quotes, to keep the tables readable. A quote inside a text is \". */
static inline cJSON *js(const char *text)
{
    char *copy = mem_strdup(text);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    cJSON *j = NULL;
    struct err *err = NULL;
    if (json_parse(copy, strlen(copy), &j, &err))
        fail_msg("test data is not JSON: %s: %s", err_text(err), text);
    mem_free(copy);
    return j;
}

static inline void assert_json(const cJSON *have, const char *want, const char *what)
{
    cJSON *w = js(want);
    if (!json_equal(have, w)) {
        char *h = json_print(have), *t = json_print(w);
        fail_msg("%s:\n  have %s\n  want %s", what, h, t);
    }
    cJSON_Delete(w);
}

/* "Reason field, Reason field" in order; "" when there are none. Short reasons: FieldValue is left
 * out. */
static inline const char *causes_text(const struct causes *c, char *out, size_t max)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->n && n < max; i++) {
        const char *reason = c->items[i].reason;
        if (str_starts(reason, "FieldValue"))
            reason += strlen("FieldValue");
        n +=
            (size_t)snprintf(out + n, max - n, "%s%s %s", i ? ", " : "", reason, c->items[i].field);
    }
    return out;
}

static inline void assert_causes(const struct causes *c, const char *want, const char *what)
{
    char text[4096];
    causes_text(c, text, sizeof(text));
    if (strcmp(text, want) != 0) {
        fprintf(stderr, "%s:\n", what);
        for (size_t i = 0; i < c->n; i++)
            fprintf(stderr, "  %s %s: %s\n", c->items[i].reason, c->items[i].field,
                    c->items[i].message);
        fail_msg("%s:\n  have %s\n  want %s", what, text, want);
    }
}

#endif
