/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP answer means: the Status object of Kubernetes when there is one, otherwise the same
 * facts from the code and the text (the priority-and-fairness 429 and many 5xx are plain text).
 *
 * A success whose body cannot be read counts as no answer: whether it happened is not known.
 */
#include "kube/request.h"

#include <ctype.h>
#include <string.h>

#define MESSAGE_MAX ((size_t)1024)

static const struct reason_row {
    int status;
    const char *reason;
} reasons[] = {
    {400, "BadRequest"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "NotFound"},
    {405, "MethodNotAllowed"},
    {406, "NotAcceptable"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "RequestEntityTooLarge"},
    {415, "UnsupportedMediaType"},
    {422, "Invalid"},
    {429, "TooManyRequests"},
    {500, "InternalError"},
    {503, "ServiceUnavailable"},
    {504, "Timeout"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "UnknownError";
}

/* Seconds; the form with a date is not used by Kubernetes. */
static uint64_t retry_after_ms(const char *header)
{
    uint64_t s;
    if (!header || str_to_u64(str_trim(str_of(header)), &s))
        return 0;
    return (s > 3600 ? 3600 : s) * 1000;
}

/* The first line of a text answer, bounded. */
static char *first_line(struct str body)
{
    size_t n = 0;
    body = str_trim(body);
    while (n < body.len && n < MESSAGE_MAX && (unsigned char)body.ptr[n] >= 0x20)
        n++;
    return mem_strndup(n ? body.ptr : "", n);
}

void kube_answer_none(struct answer *out, const char *reason, const char *message)
{
    *out = (struct answer){.message = mem_strdup(message ? message : reason)};
    out->a.reason = reason;
    out->a.message = out->message;
}

static void read_failure(struct answer *out, const struct http_answer *http)
{
    const char *reason = json_str(out->tree, "reason"), *message = json_str(out->tree, "message");
    uint64_t asked = (uint64_t)json_int(0, out->tree, "details", "retryAfterSeconds");
    out->a.reason = reason && reason[0] ? reason : reason_of(http->status);
    if (!message || !message[0]) {
        out->message = first_line(http->body);
        if (!out->message[0]) {
            mem_free(out->message);
            out->message = mem_printf("HTTP %d", http->status);
        }
        message = out->message;
    }
    out->a.message = message;
    if (out->a.retry_after_ms == 0 && asked > 0 && asked <= 3600)
        out->a.retry_after_ms = asked * 1000;
}

void kube_answer_read(struct answer *out, const struct http_answer *http)
{
    if (http->status == 0 || http->error) {
        kube_answer_none(out, http->timed_out ? "Timeout" : "NoAnswer", http->error);
        return;
    }
    AUTO(err_freep) struct err *err = NULL;
    bool good = http->status >= 200 && http->status < 300;
    *out = (struct answer){.a = {.status = http->status, .reason = "", .message = ""}};
    out->a.retry_after_ms = retry_after_ms(http->retry_after);
    if (json_parse(http->body.ptr, http->body.len, &out->tree, &err) && good) {
        kube_answer_none(out, "BadAnswer", err_text(err));
        return;
    }
    out->a.body = out->tree;
    if (!good)
        read_failure(out, http);
}

void kube_answer_done(struct answer *a)
{
    cJSON_Delete(a->tree);
    mem_free(a->message);
    *a = (struct answer){0};
}
