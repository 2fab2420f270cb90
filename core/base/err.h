/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors for people: a negative errno for the code, a chain of sentences for the reader.
 *
 * A function that can fail returns 0 or a negative errno and takes `struct err **err` as its last
 * parameter when somebody will read the cause. On success *err is untouched. On failure the
 * outermost sentence comes first: "starting member-1: reading conf.d/10.cfg line 3: unknown option
 * 'prot'". `err` may be NULL when the caller wants the code alone. Library code never logs an error
 * it returns.
 */
#ifndef ATOLL_BASE_ERR_H
#define ATOLL_BASE_ERR_H

#include "base/mem.h"

struct err; /* owned by whoever holds the pointer; freed with err_free */

/* Set the cause. `code` is a negative errno; it is also returned, so: return err_set(err, -EINVAL,
 * ...). */
int err_set(struct err **err, int code, const char *fmt, ...) ATOLL_PRINTF(3, 4);
/* Put a context in front of an error that is on its way up. Returns the code of the error. */
int err_wrap(struct err **err, const char *fmt, ...) ATOLL_PRINTF(2, 3);
/* A CamelCase reason for conditions and API answers, e.g. "PortInUse". Kept by err_wrap. Static
 * string. */
void err_reason_set(struct err **err, const char *reason);

int err_code(const struct err *err);           /* 0 for NULL */
const char *err_text(const struct err *err);   /* never NULL; "no error" for NULL */
const char *err_reason(const struct err *err); /* "" when none was set */
void err_free(struct err *err);
static inline void err_freep(struct err **err)
{
    err_free(*err);
    *err = NULL;
}

#endif
