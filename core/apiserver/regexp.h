/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions in the syntax schemas and CEL use (RE2), matched in time linear in the text:
 * a pattern comes from whoever may create a CRD, and must not be able to stop the server.
 */
#ifndef ATOLL_APISERVER_REGEXP_H
#define ATOLL_APISERVER_REGEXP_H

#include "base/err.h"
#include "base/str.h"

struct regexp; /* immutable */
/* -EINVAL with what is wrong, -ENOTSUP for syntax we do not have (\p, \C, \Q), -E2BIG for too large
 * a pattern. */
int regexp_compile(const char *pattern, struct regexp **ret, struct err **err);
/* Anywhere in the text, as in Go's MatchString. A search that would take too long is "no match".
 * The steps it took are added to *steps (may be NULL): for callers with a budget of their own; 100
 * of them take about a microsecond. */
bool regexp_matches(const struct regexp *r, const char *text, size_t len, int64_t *steps);
void regexp_free(struct regexp *r);

#endif
