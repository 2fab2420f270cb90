/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object: one code, one growing sentence, one reason word.
 *
 * A caller may pass `err` as NULL and still write `return err_wrap(err, ...)`. The code must not
 * get lost on that path, so the last code set on this thread is remembered.
 */
#include "base/err.h"

#include <errno.h>
#include <string.h>

struct err {
    int code;
    char *text;
    const char *reason; /* static string or NULL */
};

static _Thread_local int last_code = -EIO;

int err_set(struct err **err, int code, const char *fmt, ...)
{
    ATOLL_ASSERT(code < 0);
    last_code = code;
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    char *text = mem_vprintf(fmt, ap); /* before the free: an argument may be the old text */
    va_end(ap);
    err_free(*err);
    *err = mem_new(struct err);
    (*err)->code = code;
    (*err)->text = text;
    return code;
}

int err_wrap(struct err **err, const char *fmt, ...)
{
    if (!err || !*err)
        return last_code;
    va_list ap;
    va_start(ap, fmt);
    char *context = mem_vprintf(fmt, ap);
    va_end(ap);
    char *text = mem_printf("%s: %s", context, (*err)->text);
    mem_free(context);
    mem_free((*err)->text);
    (*err)->text = text;
    return last_code = (*err)->code;
}

void err_reason_set(struct err **err, const char *reason)
{
    if (err && *err)
        (*err)->reason = reason;
}

int err_code(const struct err *err)
{
    return err ? err->code : 0;
}

const char *err_text(const struct err *err)
{
    return err ? err->text : "no error";
}

const char *err_reason(const struct err *err)
{
    return err && err->reason ? err->reason : "";
}

void err_free(struct err *err)
{
    if (!err)
        return;
    mem_free(err->text);
    mem_free(err);
}
