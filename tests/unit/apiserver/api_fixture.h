/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server without a socket: requests go in as structs, answers come out as parsed JSON.
 * Each test has its own directory under /tmp and its own loop.
 */
#ifndef ATOLL_TESTS_UNIT_APISERVER_API_FIXTURE_H
#define ATOLL_TESTS_UNIT_APISERVER_API_FIXTURE_H

#include "unit/cm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apiserver/rest.h"
#include "apiserver/server.h"
#include "base/file.h"

#define WAIT_MS 10000

struct fixture {
    struct loop *loop;
    struct api api;
    struct conf *conf;
    char dir[64];
    char *settings; /* text of apiserver.* or NULL */
};

/* One exchange: what the server was asked and what it did with it. */
struct exchange {
    struct fixture *f;
    const char *headers[16]; /* name, value, ..., NULL */
    const char *cn;          /* of a client certificate */
    int status;
    cJSON *body;      /* of a reply, when JSON */
    char text[65536]; /* of a reply or stream, cut */
    size_t text_len;
    char warnings[1024];
    bool answered, streaming, ended;
    int slow_after; /* stream writes that succeed; -1 = all */
    struct call *call;
};

static const char *fx_header(void *t, const char *name)
{
    struct exchange *x = t;
    for (size_t i = 0; x->headers[i]; i += 2) {
        if (strcasecmp(x->headers[i], name) == 0)
            return x->headers[i + 1];
    }
    return NULL;
}

static const char *fx_certificate(void *t, const char *const **ret_orgs)
{
    static const char *const masters[] = {"system:masters", NULL};
    *ret_orgs = masters;
    return ((struct exchange *)t)->cn;
}

static void fx_add(struct exchange *x, struct str s)
{
    size_t n =
        s.len < sizeof(x->text) - 1 - x->text_len ? s.len : sizeof(x->text) - 1 - x->text_len;
    if (n)
        memcpy(x->text + x->text_len, s.ptr, n);
    x->text_len += n;
    x->text[x->text_len] = '\0';
}

static void fx_head(struct exchange *x, int status, const struct http_header *h, size_t n)
{
    x->status = status;
    for (size_t i = 0; i < n; i++) {
        size_t have = strlen(x->warnings);
        if (streq(h[i].name, "Warning"))
            snprintf(x->warnings + have, sizeof(x->warnings) - have, "%s\n", h[i].value);
    }
}

static void fx_reply(void *t, int status, const struct http_header *h, size_t n, struct str body,
                     void (*free_fn)(void *), void *free_arg)
{
    struct exchange *x = t;
    assert_false(x->answered); /* one answer per request */
    fx_head(x, status, h, n);
    fx_add(x, body);
    json_parse(body.ptr ? body.ptr : "", body.len, &x->body, NULL);
    if (free_fn)
        free_fn(free_arg);
    x->answered = true;
    x->call = NULL;
}

static void fx_stream_start(void *t, int status, const struct http_header *h, size_t n)
{
    struct exchange *x = t;
    fx_head(x, status, h, n);
    x->streaming = true;
}

static int fx_stream_write(void *t, struct str piece, size_t queue_max, void (*release)(void *),
                           void *arg)
{
    struct exchange *x = t;
    assert_true(x->streaming && !x->ended);
    bool slow = x->slow_after == 0 && queue_max != SIZE_MAX;
    if (!slow)
        fx_add(x, piece);
    if (x->slow_after > 0)
        x->slow_after--;
    if (release)
        release(arg);
    return slow ? -ENOBUFS : 0;
}

static void fx_stream_end(void *t)
{
    struct exchange *x = t;
    x->ended = true;
    x->call = NULL;
}

static const struct transport FX_TRANSPORT = {fx_header,       fx_certificate,  fx_reply,
                                              fx_stream_start, fx_stream_write, fx_stream_end};

static void fx_start(struct fixture *f)
{
    struct err *err = NULL;
    AUTO(mem_freep) char *text = mem_printf("apiserver: { %s };", f->settings ? f->settings : "");
    assert_int_equal(loop_new(&f->loop, &err), 0);
    assert_int_equal(
        conf_load_text("test", text, apiserver_conf_keys, apiserver_conf_keys_n, &f->conf, &err),
        0);
    AUTO(mem_freep) char *data = file_path(f->dir, "data");
    struct apiserver_opts o = {.data_dir = data, .service_cidr = "10.96.0.0/24", .conf = f->conf};
    f->api = (struct api){0};
    if (api_start(&f->api, f->loop, NULL, &o, &err) < 0)
        fail_msg("api_start: %s", err_text(err));
}

static void fx_stop(struct fixture *f)
{
    bool never = false;
    api_quiesce(&f->api);
    loop_run_until(f->loop, &never, 1); /* what was deferred */
    api_stop(&f->api);
    loop_free(f->loop);
    conf_free(f->conf);
}

static void fx_open(struct fixture *f, const char *settings)
{
    *f = (struct fixture){.settings = mem_strdup(settings)};
    snprintf(f->dir, sizeof(f->dir), "/tmp/atoll-apiserver-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    fx_start(f);
}

static void fx_close(struct fixture *f)
{
    fx_stop(f);
    assert_int_equal(file_tree_remove(f->dir, NULL), 0);
    mem_free(f->settings);
}

/* "/path?a=b&c=d" without escapes. */
static void fx_begin(struct fixture *f, struct exchange *x, const char *method, const char *target,
                     const char *body)
{
    static struct param params[32];
    static char copy[2048];
    size_t n = 0;
    snprintf(copy, sizeof(copy), "%s", target);
    char *query = strchr(copy, '?');
    if (query)
        *query++ = '\0';
    while (query && *query && n < ARRAY_LEN(params)) {
        char *next = strchr(query, '&'), *value = strchr(query, '=');
        if (next)
            *next++ = '\0';
        if (value)
            *value++ = '\0';
        params[n++] = (struct param){query, value ? value : ""};
        query = next;
    }
    struct request req = {
        .method = method, .path = copy, .params = params, .n_params = n, .body = str_of(body)};
    x->f = f;
    if (!x->cn && !x->headers[0])
        x->cn = "admin";
    x->call = call_new(&f->api, &FX_TRANSPORT, x, &req);
    call_run(x->call);
}

/* Runs until it is answered. The body is freed with fx_done. */
static void fx_do(struct fixture *f, struct exchange *x, const char *method, const char *target,
                  const char *body)
{
    memset(x, 0, sizeof(*x));
    x->slow_after = -1;
    fx_begin(f, x, method, target, body);
    if (loop_run_until(f->loop, &x->answered, WAIT_MS) < 0)
        fail_msg("no answer to %s %s within %d ms", method, target, WAIT_MS);
}

static void fx_done(struct exchange *x)
{
    cJSON_Delete(x->body);
    x->body = NULL;
}

/* The status code alone. */
static int fx_code(struct fixture *f, const char *method, const char *target, const char *body)
{
    struct exchange x;
    fx_do(f, &x, method, target, body);
    fx_done(&x);
    return x.status;
}

/* Turns of the loop until the condition of the test holds. */
#define FX_UNTIL(f, cond)                                                                          \
    do {                                                                                           \
        bool never_ = false;                                                                       \
        int turns_ = 0;                                                                            \
        while (!(cond) && turns_++ < 2000)                                                         \
            loop_run_until((f)->loop, &never_, 5);                                                 \
        if (!(cond))                                                                               \
            fail_msg("waited in vain for %s", #cond);                                              \
    } while (0)

#endif
