/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small Kubernetes API in the test's own loop: objects by path, one version counter, watches. It
 * does what a test tells it to do wrong: answer with a script, hang, cut streams, forget history.
 * It is not the embedded server, and knows no kinds: the last but one segment of a path is a
 * plural.
 */
#ifndef ATOLL_TESTS_KUBE_FAKE_API_H
#define ATOLL_TESTS_KUBE_FAKE_API_H

#include "unit/cm.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "io/http_server.h"
#include "kube/kube.h"

#define FAKE_STREAMS_MAX 16
#define FAKE_SCRIPTS_MAX 16
#define FAKE_LOG_MAX     4096

struct fake_script {
    const char *method, *part; /* of the raw target */
    int status;                /* 0: never answer */
    const char *body, *retry_after;
    int times;
};

struct fake {
    struct loop *loop;
    struct http_server *server;
    struct http_client *http;
    struct kube_client *client;
    uint16_t port;
    struct map objects; /* path -> cJSON */
    struct map history; /* "%020llu" -> event line, for replay */
    uint64_t rv;
    uint64_t floor; /* versions below it are forgotten */
    struct fake_stream {
        struct http_in *in;
        char *plural;
    } streams[FAKE_STREAMS_MAX];
    struct fake_script scripts[FAKE_SCRIPTS_MAX];
    size_t n_scripts;
    char *log[FAKE_LOG_MAX]; /* "GET /api/v1/pods?limit=100" */
    size_t n_log;
    char *authorization; /* of the last request */
    const char *want_authorization;
    void (*on_401)(void *arg);
    void *on_401_arg;
};

static void fake_serve(void *arg, struct http_in *in);

/* ---- driving it ------------------------------------------------------------------------------ */

static inline void fake_open(struct fake *f)
{
    struct http_server_opts o = {.address = "127.14.0.1",
                                 .port = f->port,
                                 .body_max = 16 << 20,
                                 .on_request = fake_serve,
                                 .arg = f};
    AUTO(err_freep) struct err *err = NULL;
    if (http_server_new(f->loop, &o, &f->server, &err))
        fail_msg("%s", err_text(err));
    f->port = http_server_port(f->server);
}

/* Every connection breaks; the port refuses until fake_open. */
static inline void fake_close(struct fake *f)
{
    http_server_free(TAKE(f->server));
    for (size_t i = 0; i < FAKE_STREAMS_MAX; i++) {
        f->streams[i].in = NULL;
        mem_free(TAKE(f->streams[i].plural));
    }
}

static inline void fake_client(struct fake *f, const char *token)
{
    struct kube_config *cfg;
    AUTO(mem_freep) char *url = mem_printf("http://127.14.0.1:%u", f->port);
    assert_int_equal(kube_config_direct(url, NULL, token, &cfg, NULL), 0);
    assert_int_equal(kube_client_new(f->loop, f->http, cfg, "tester/1.0", &f->client, NULL), 0);
}

static inline struct fake *fake_new(void)
{
    struct fake *f = mem_new(struct fake);
    assert_int_equal(loop_new(&f->loop, NULL), 0);
    assert_int_equal(http_client_new(f->loop, &f->http, NULL), 0);
    f->rv = 100;
    fake_open(f);
    fake_client(f, NULL);
    return f;
}

static inline void fake_map_free(struct map *m, void (*fn)(void *))
{
    size_t it = 0;
    void *value;
    while (map_next(m, &it, NULL, &value))
        fn(value);
    map_done(m);
}

static inline void fake_json_free(void *j)
{
    cJSON_Delete(j);
}

static inline void fake_free(struct fake *f)
{
    kube_client_free(f->client);
    if (f->server)
        fake_close(f);
    http_client_free(f->http);
    loop_free(f->loop);
    fake_map_free(&f->objects, fake_json_free);
    fake_map_free(&f->history, mem_free);
    for (size_t i = 0; i < f->n_log; i++)
        mem_free(f->log[i]);
    mem_free(f->authorization);
    mem_free(f);
}

static inline void fake_answer(struct fake *f, const char *method, const char *part, int status,
                               const char *body, const char *retry_after, int times)
{
    assert_true(f->n_scripts < FAKE_SCRIPTS_MAX);
    f->scripts[f->n_scripts++] =
        (struct fake_script){method, part, status, body, retry_after, times};
}

static inline size_t fake_count(const struct fake *f, const char *method, const char *part)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n_log; i++)
        n += str_starts(f->log[i], method) && strstr(f->log[i], part) != NULL;
    return n;
}

/* Turn the loop until cond holds; says what was awaited when it does not. */
#define fake_until(f, cond, ms)                                                                    \
    do {                                                                                           \
        uint64_t until_ = loop_now_ms((f)->loop) + (ms);                                           \
        while (!(cond)) {                                                                          \
            bool never_ = false;                                                                   \
            if (loop_now_ms((f)->loop) >= until_)                                                  \
                fail_msg("waited %d ms for: %s", (int)(ms), #cond);                                \
            loop_run_until((f)->loop, &never_, 5);                                                 \
        }                                                                                          \
    } while (0)

/* Let some turns pass in which nothing of a kind may happen. */
static inline void fake_turns(struct fake *f, uint64_t ms)
{
    bool never = false;
    loop_run_until(f->loop, &never, ms);
}

/* ---- its objects ----------------------------------------------------------------------------- */

static inline char *fake_plural(const char *path)
{
    const char *end = strrchr(path, '/'), *start = end;
    while (start > path && start[-1] != '/')
        start--;
    return mem_strndup(start, (size_t)(end - start));
}

static inline void fake_send(struct fake *f, const char *plural, const char *line)
{
    for (size_t i = 0; i < FAKE_STREAMS_MAX; i++)
        if (f->streams[i].in && streq(f->streams[i].plural, plural))
            http_stream_write(f->streams[i].in, str_of(line), 64 << 20);
}

static inline void fake_event(struct fake *f, const char *path, const char *type, const cJSON *o)
{
    AUTO(mem_freep) char *object = json_print(o);
    AUTO(mem_freep) char *plural = fake_plural(path);
    char *line = mem_printf("{\"type\":\"%s\",\"object\":%s}\n", type, object);
    char key[64];
    snprintf(key, sizeof(key), "%020llu %s", (unsigned long long)f->rv, plural);
    mem_free(map_set(&f->history, key, line));
    fake_send(f, plural, line);
}

static inline void fake_stamp(struct fake *f, cJSON *o)
{
    char rv[24];
    snprintf(rv, sizeof(rv), "%llu", (unsigned long long)++f->rv);
    json_put_str(o, rv, "metadata", "resourceVersion");
}

/* Create or replace; takes o. */
static inline void fake_put(struct fake *f, const char *path, cJSON *o)
{
    cJSON *old = map_get(&f->objects, path);
    fake_stamp(f, o);
    map_set(&f->objects, path, o);
    cJSON_Delete(old);
    fake_event(f, path, old ? "MODIFIED" : "ADDED", o);
}

static inline void fake_delete(struct fake *f, const char *path)
{
    cJSON *o = map_del(&f->objects, path);
    assert_non_null(o);
    fake_stamp(f, o);
    fake_event(f, path, "DELETED", o);
    cJSON_Delete(o);
}

static inline void fake_bookmark(struct fake *f, const char *plural)
{
    AUTO(mem_freep)
    char *line =
        mem_printf("{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"X\",\"apiVersion\":\"v1\","
                   "\"metadata\":{\"resourceVersion\":\"%llu\"}}}\n",
                   (unsigned long long)f->rv);
    fake_send(f, plural, line);
}

static inline cJSON *fake_object(const char *kind, const char *ns, const char *name)
{
    cJSON *o = cJSON_CreateObject();
    AUTO(mem_freep) char *uid = mem_printf("uid-%s-%s", ns, name);
    json_put_str(o, "v1", "apiVersion");
    json_put_str(o, kind, "kind");
    json_put_str(o, name, "metadata", "name");
    if (ns[0])
        json_put_str(o, ns, "metadata", "namespace");
    json_put_str(o, uid, "metadata", "uid");
    return o;
}

#define FAKE_POD_PATH "/api/v1/namespaces/%s/pods/%s"
static inline void fake_pod(struct fake *f, const char *ns, const char *name, const char *role)
{
    AUTO(mem_freep) char *path = mem_printf(FAKE_POD_PATH, ns, name);
    cJSON *o = fake_object("Pod", ns, name);
    if (role)
        json_put_str(o, role, "metadata", "labels", "role");
    fake_put(f, path, o);
}

static inline void fake_pod_delete(struct fake *f, const char *ns, const char *name)
{
    AUTO(mem_freep) char *path = mem_printf(FAKE_POD_PATH, ns, name);
    fake_delete(f, path);
}

static inline size_t fake_watches(const struct fake *f)
{
    size_t n = 0;
    for (size_t i = 0; i < FAKE_STREAMS_MAX; i++)
        n += f->streams[i].in != NULL;
    return n;
}

/* The server ends all watches in order; what happens from now on they do not see. */
static inline void fake_end_streams(struct fake *f)
{
    for (size_t i = 0; i < FAKE_STREAMS_MAX; i++) {
        struct fake_stream *s = &f->streams[i];
        if (!s->in)
            continue;
        http_in_set_user(s->in, NULL, NULL);
        http_stream_end(TAKE(s->in));
        mem_free(TAKE(s->plural));
    }
}

/* ---- serving --------------------------------------------------------------------------------- */

static inline void fake_reply(struct http_in *in, int status, const char *body,
                              const char *retry_after)
{
    struct http_header h[] = {{"Content-Type", "application/json"}, {"Retry-After", retry_after}};
    http_reply(in, status, h, retry_after ? 2 : 1, str_of(body ? body : "{}"));
}

static inline void fake_refuse(struct http_in *in, int status, const char *reason)
{
    AUTO(mem_freep)
    char *body = mem_printf("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
                            "\"reason\":\"%s\",\"message\":\"fake: %s\",\"code\":%d}",
                            reason, reason, status);
    fake_reply(in, status, body, NULL);
}

static inline void fake_gone(void *user)
{
    struct fake_stream *s = user;
    s->in = NULL;
    mem_free(TAKE(s->plural));
}

static inline void fake_replay(struct fake *f, struct fake_stream *s, uint64_t after)
{
    AUTO(arena_freep) struct arena *a = arena_new(64 << 20);
    const char **keys = map_keys_sorted(&f->history, a);
    for (size_t i = 0; keys[i]; i++) {
        unsigned long long rv;
        if (sscanf(keys[i], "%llu", &rv) == 1 && rv > after && str_ends(keys[i], s->plural))
            http_stream_write(s->in, str_of(map_get(&f->history, keys[i])), 64 << 20);
    }
}

static inline void fake_watch(struct fake *f, struct http_in *in, const char *plural)
{
    static const struct http_header h = {"Content-Type", "application/json"};
    unsigned long long after = 0;
    const char *rv = http_in_query(in, "resourceVersion");
    assert_true(rv && sscanf(rv, "%llu", &after) == 1);
    assert_string_equal(http_in_query(in, "allowWatchBookmarks"), "true");
    http_stream_start(in, 200, &h, 1);
    if (after < f->floor) {
        http_stream_write(in,
                          STR("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
                              "\"reason\":\"Expired\",\"message\":\"too old\"}}\n"),
                          1 << 20);
        http_stream_end(in);
        return;
    }
    for (size_t i = 0; i < FAKE_STREAMS_MAX; i++) {
        struct fake_stream *s = &f->streams[i];
        if (s->in)
            continue;
        s->in = in;
        s->plural = mem_strdup(plural);
        http_in_set_user(in, s, fake_gone);
        fake_replay(f, s, after);
        return;
    }
    fail_msg("more than %d watches", FAKE_STREAMS_MAX);
}

/* "/api/v1/pods" holds "/api/v1/namespaces/a/pods/x"; "/api/v1/namespaces/a/pods" only those of a.
 */
static inline bool fake_in_collection(const char *path, const char *collection, const char *plural)
{
    AUTO(mem_freep) char *of = fake_plural(path);
    return streq(of, plural) &&
           (strstr(collection, "/namespaces/") == NULL || str_starts(path, collection));
}

static inline void fake_list(struct fake *f, struct http_in *in, const char *collection,
                             const char *plural)
{
    AUTO(arena_freep) struct arena *a = arena_new(256 << 20);
    const char *limit_text = http_in_query(in, "limit"), *cont = http_in_query(in, "continue");
    unsigned limit = 0, from = 0, seen = 0, sent = 0;
    unsigned long long shown = f->rv;
    if (limit_text)
        assert_int_equal(sscanf(limit_text, "%u", &limit), 1);
    if (cont)
        assert_int_equal(sscanf(cont, "%u-%llu", &from, &shown), 2);
    const char **keys = map_keys_sorted(&f->objects, a);
    struct buf b = BUF_INIT(256 << 20);
    bool more = false;
    buf_adds(&b, "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[");
    for (size_t i = 0; keys[i] && !more; i++) {
        if (!fake_in_collection(keys[i], collection, plural) || seen++ < from)
            continue;
        more = limit && sent == limit;
        if (more)
            break;
        buf_adds(&b, sent++ ? "," : "");
        json_add_to(&b, map_get(&f->objects, keys[i]));
    }
    buf_addf(&b, "],\"metadata\":{\"resourceVersion\":\"%llu\"", shown);
    if (more)
        buf_addf(&b, ",\"continue\":\"%u-%llu\"", from + sent, shown);
    buf_adds(&b, "}}");
    fake_reply(in, 200, buf_str(&b), NULL);
    buf_done(&b);
}

static inline void fake_reply_object(struct http_in *in, int status, const cJSON *o)
{
    AUTO(mem_freep) char *text = json_print(o);
    fake_reply(in, status, text, NULL);
}

static inline void fake_write(struct fake *f, struct http_in *in, const char *path, cJSON *body)
{
    const char *method = http_in_method(in);
    cJSON *have = map_get(&f->objects, path);
    const char *rv = kube_rv(body);
    if (!have && !streq(method, "POST")) {
        cJSON_Delete(body);
        fake_refuse(in, 404, "NotFound");
    } else if (have && streq(method, "POST")) {
        cJSON_Delete(body);
        fake_refuse(in, 409, "AlreadyExists");
    } else if (have && rv[0] && !streq(rv, kube_rv(have))) {
        cJSON_Delete(body);
        fake_refuse(in, 409, "Conflict");
    } else {
        if (streq(method, "PATCH")) {
            cJSON *merged = json_merge_patch(cJSON_Duplicate(have, true), body);
            cJSON_Delete(body);
            body = merged;
        }
        fake_put(f, path, body);
        fake_reply_object(in, streq(method, "POST") ? 201 : 200, body);
    }
}

static inline bool fake_scripted(struct fake *f, struct http_in *in)
{
    for (size_t i = 0; i < f->n_scripts; i++) {
        struct fake_script *s = &f->scripts[i];
        if (s->times <= 0 || !streq(s->method, http_in_method(in)) ||
            !strstr(http_in_raw_target(in), s->part))
            continue;
        s->times--;
        if (s->status)
            fake_reply(in, s->status, s->body, s->retry_after);
        return true;
    }
    return false;
}

/* A collection's last segment is a plural: all of them end in s, and names of tests do not. */
static inline void fake_serve(void *arg, struct http_in *in)
{
    struct fake *f = arg;
    const char *path = http_in_path(in), *method = http_in_method(in);
    const char *auth = http_in_header(in, "Authorization");
    const char *last = strrchr(path, '/') + 1;
    mem_free(f->authorization);
    f->authorization = mem_strdup(auth);
    assert_true(f->n_log < FAKE_LOG_MAX);
    f->log[f->n_log++] = mem_printf("%s %s", method, http_in_raw_target(in));
    if (f->want_authorization && !streq(f->want_authorization, auth)) {
        if (f->on_401)
            f->on_401(f->on_401_arg);
        fake_refuse(in, 401, "Unauthorized");
    } else if (fake_scripted(f, in)) {
        return;
    } else if (streq(method, "GET") && str_ends(last, "s")) {
        if (streq(http_in_query(in, "watch"), "true"))
            fake_watch(f, in, last);
        else
            fake_list(f, in, path, last);
    } else if (streq(method, "GET")) {
        const cJSON *o = map_get(&f->objects, path);
        if (o)
            fake_reply_object(in, 200, o);
        else
            fake_refuse(in, 404, "NotFound");
    } else if (streq(method, "DELETE")) {
        fake_delete(f, path);
        fake_reply(in, 200, "{\"kind\":\"Status\",\"status\":\"Success\"}", NULL);
    } else {
        cJSON *body = NULL;
        struct str text = http_in_body(in);
        assert_int_equal(json_parse(text.ptr, text.len, &body, NULL), 0);
        AUTO(mem_freep)
        char *object_path =
            streq(method, "POST") ? mem_printf("%s/%s", path, kube_name(body)) : mem_strdup(path);
        fake_write(f, in, object_path, body);
    }
}

#endif
