/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /healthz, /livez, /readyz with their parts, /version and /metrics.
 *
 * A server that runs its loop is alive, and it is ready from its first request: the store is loaded
 * before the port opens.
 */
#include "apiserver/health.h"

#include <string.h>

#include "io/metrics.h"

/* The minor version decides what kubectl says about skew; the suffix says who we are. */
static const char VERSION_TEXT[] =
    "{\"major\":\"1\",\"minor\":\"32\",\"gitVersion\":\"v1.32.0+atoll\",\"gitCommit\":\"\","
    "\"gitTreeState\":\"\",\"buildDate\":\"1970-01-01T00:00:00Z\",\"goVersion\":\"\","
    "\"compiler\":\"gcc\",\"platform\":\"linux/amd64\"}";

static const char *const CHECKS[] = {"ping", "store"};

/* The rest of the path behind /healthz, /livez or /readyz; NULL when it is another path. */
static const char *health_part(const char *path)
{
    static const char *const ROOTS[] = {"/healthz", "/livez", "/readyz"};
    for (size_t i = 0; i < ARRAY_LEN(ROOTS); i++) {
        size_t n = strlen(ROOTS[i]);
        if (strncmp(path, ROOTS[i], n) == 0 && (!path[n] || path[n] == '/'))
            return path[n] ? path + n + 1 : path + n;
    }
    return NULL;
}

static void answer_verbose(struct call *c)
{
    AUTO(buf_done) struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++)
        buf_addf(&b, "[+]%s ok\n", CHECKS[i]);
    buf_addf(&b, "%s check passed\n", c->req.path + 1);
    call_answer_text(c, 200, "text/plain; charset=utf-8", (struct str){b.ptr, b.len});
}

static void answer_health(struct call *c, const char *part)
{
    bool known = !*part;
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++)
        known |= streq(part, CHECKS[i]);
    if (!known)
        call_answer_plain_404(c);
    else if (call_param(c, "verbose"))
        answer_verbose(c);
    else
        call_answer_text(c, 200, "text/plain; charset=utf-8", STR("ok"));
}

static void answer_metrics(struct call *c)
{
    AUTO(buf_done) struct buf b = BUF_INIT(16U << 20);
    metrics_print(&b);
    call_answer_text(c, 200, "text/plain; version=0.0.4; charset=utf-8",
                     (struct str){b.ptr, b.len});
}

bool health_answer(struct call *c)
{
    const char *part = health_part(c->req.path);
    if (part)
        answer_health(c, part);
    else if (streq(c->req.path, "/version") || streq(c->req.path, "/version/"))
        call_answer_text(c, 200, "application/json", str_of(VERSION_TEXT));
    else if (streq(c->req.path, "/metrics"))
        answer_metrics(c);
    else
        return false;
    return true;
}
