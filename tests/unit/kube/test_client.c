/* SPDX-License-Identifier: Apache-2.0 */
/* Calls against a fake API: answers, repetition, credentials, limits, and the end of a client. */
#include "unit/kube/fake_api.h"

#include <stdlib.h>

#include "base/file.h"
#include "io/metrics.h"

struct seen {
    int n, status;
    char reason[64], message[256];
    char *body;
    uint64_t at_ms;
    struct fake *f;
    bool free_client;
};

static void seen_clear(struct seen *s)
{
    mem_free(s->body);
    *s = (struct seen){.f = s->f};
}

static void on_done(void *arg, const struct kube_answer *a)
{
    struct seen *s = arg;
    s->n++;
    s->status = a->status;
    snprintf(s->reason, sizeof(s->reason), "%s", a->reason);
    snprintf(s->message, sizeof(s->message), "%s", a->message);
    mem_free(s->body);
    s->body = a->body ? json_print(a->body) : NULL;
    s->at_ms = loop_now_ms(s->f->loop);
    if (s->free_client)
        kube_client_free(TAKE(s->f->client));
}

static void call(struct seen *s, struct kube_call c)
{
    c.grace_seconds = -1;
    kube_start(s->f->client, &c, on_done, s);
    assert_int_equal(s->n, 0); /* never before kube_start returns */
    fake_until(s->f, s->n > 0, 5000);
    assert_int_equal(s->n, 1);
}

static void writes_and_reads(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    AUTO(json_freep) cJSON *o = fake_object("ConfigMap", "a", "x");
    json_put_str(o, "1", "data", "k");
    call(&s, (struct kube_call){
                 .verb = KUBE_CREATE, .resource = &KUBE_CONFIGMAPS, .ns = "a", .body = o});
    assert_int_equal(s.status, 201);
    assert_string_equal(s.reason, "");
    seen_clear(&s);
    call(&s, (struct kube_call){
                 .verb = KUBE_CREATE, .resource = &KUBE_CONFIGMAPS, .ns = "a", .body = o});
    assert_int_equal(s.status, 409);
    assert_string_equal(s.reason, "AlreadyExists");
    seen_clear(&s);
    AUTO(json_freep) cJSON *patch = cJSON_CreateObject();
    json_put_str(patch, "2", "data", "k");
    call(&s, (struct kube_call){.verb = KUBE_PATCH_MERGE,
                                .resource = &KUBE_CONFIGMAPS,
                                .ns = "a",
                                .name = "x",
                                .body = patch});
    assert_int_equal(s.status, 200);
    seen_clear(&s);
    call(&s, (struct kube_call){
                 .verb = KUBE_GET, .resource = &KUBE_CONFIGMAPS, .ns = "a", .name = "x"});
    assert_non_null(strstr(s.body, "\"k\":\"2\""));
    seen_clear(&s);
    call(&s, (struct kube_call){.verb = KUBE_LIST, .resource = &KUBE_CONFIGMAPS});
    assert_non_null(strstr(s.body, "uid-a-x"));
    seen_clear(&s);
    call(&s, (struct kube_call){
                 .verb = KUBE_DELETE, .resource = &KUBE_CONFIGMAPS, .ns = "a", .name = "x"});
    assert_int_equal(s.status, 200);
    seen_clear(&s);
    call(&s, (struct kube_call){
                 .verb = KUBE_GET, .resource = &KUBE_CONFIGMAPS, .ns = "a", .name = "x"});
    assert_int_equal(s.status, 404);
    assert_string_equal(s.message, "fake: NotFound");
    seen_clear(&s);
    assert_int_equal(kube_client_writes(f->client), 4);
    assert_non_null(strstr(f->log[0], "?fieldManager=tester"));
}

static void no_answer(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    fake_answer(f, "GET", "/pods/hang", 0, NULL, NULL, 1);
    call(&s, (struct kube_call){.verb = KUBE_GET,
                                .resource = &KUBE_PODS,
                                .ns = "a",
                                .name = "hang",
                                .deadline_ms = 100});
    assert_int_equal(s.status, 0);
    assert_string_equal(s.reason, "Timeout");
    seen_clear(&s);
    fake_close(f);
    call(&s, (struct kube_call){.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"});
    assert_int_equal(s.status, 0);
    assert_string_equal(s.reason, "NoAnswer");
    assert_true(s.message[0]);
    seen_clear(&s);
}

static void repeats_what_may_be_repeated(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    fake_pod(f, "a", "p", NULL);
    AUTO(json_freep) cJSON *o = fake_object("Pod", "a", "q");
    fake_answer(f, "GET", "/pods/p", 429, "slow down", "1", 1);
    fake_answer(f, "POST", "/pods", 429, "slow down", "1", 1);
    fake_answer(f, "GET", "/pods/r", 503, "later", "60", 1);
    uint64_t start = loop_now_ms(f->loop);
    call(&s, (struct kube_call){.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"});
    assert_int_equal(s.status, 200);
    assert_true(s.at_ms - start >= 1000);
    seen_clear(&s);
    call(&s, (struct kube_call){.verb = KUBE_CREATE, .resource = &KUBE_PODS, .ns = "a", .body = o});
    assert_int_equal(s.status, 429); /* the caller decides about a create */
    assert_string_equal(s.reason, "TooManyRequests");
    seen_clear(&s);
    call(
        &s,
        (struct kube_call){
            .verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "r", .deadline_ms = 5000});
    assert_int_equal(s.status, 503); /* a minute does not fit before the deadline */
    seen_clear(&s);
}

/* The server dies after it has read the request: what may be repeated is, the rest is unknown. */
static void repeats_after_no_answer(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    AUTO(json_freep) cJSON *o = fake_object("Pod", "a", "q");
    fake_pod(f, "a", "p", NULL);
    fake_answer(f, "GET", "/pods/p", 0, NULL, NULL, 1);
    fake_answer(f, "POST", "/pods", 0, NULL, NULL, 1);
    struct kube_call create = {
        .verb = KUBE_CREATE, .resource = &KUBE_PODS, .ns = "a", .body = o, .deadline_ms = 5000};
    kube_start(f->client, &create, on_done, &s);
    fake_until(f, f->n_log == 1, 5000);
    fake_close(f);
    fake_open(f);
    fake_until(f, s.n == 1, 8000);
    assert_int_equal(s.status, 0);
    assert_string_equal(s.reason, "NoAnswer");
    fake_turns(f, 50);
    assert_int_equal(f->n_log, 1);
    seen_clear(&s);
    struct kube_call get = {.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"};
    kube_start(f->client, &get, on_done, &s);
    fake_until(f, f->n_log == 2, 5000);
    fake_close(f);
    fake_open(f);
    fake_until(f, s.n == 1, 5000);
    assert_int_equal(s.status, 200);
    assert_int_equal(f->n_log, 3);
    seen_clear(&s);
}

static void write_another_token(void *path)
{
    static int n;
    AUTO(mem_freep) char *text = mem_printf("other-%d", n++);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
}

static void token_is_read_again(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    char dir[] = "/tmp/kube-token-XXXXXX";
    assert_non_null(mkdtemp(dir));
    AUTO(mem_freep) char *token = file_path(dir, "token");
    AUTO(mem_freep) char *config = file_path(dir, "config");
    AUTO(mem_freep)
    char *text =
        mem_printf("{current-context: c, contexts: [{name: c, context: {cluster: k, user: "
                   "u}}], clusters: [{name: k, cluster: {server: 'http://127.14.0.1:%u'}}],"
                   " users: [{name: u, user: {tokenFile: token}}]}",
                   f->port);
    assert_int_equal(file_replace(token, "old\n", 4, 0600, NULL), 0);
    assert_int_equal(file_replace(config, text, strlen(text), 0600, NULL), 0);
    struct kube_config *cfg;
    assert_int_equal(kube_config_load(config, NULL, &cfg, NULL), 0);
    kube_client_free(TAKE(f->client));
    assert_int_equal(kube_client_new(f->loop, f->http, cfg, "tester", &f->client, NULL), 0);
    fake_pod(f, "a", "p", NULL);
    f->want_authorization = "Bearer new";
    call(&s, (struct kube_call){.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"});
    assert_int_equal(s.status, 401); /* the file holds nothing new: one try */
    assert_int_equal(f->n_log, 1);
    seen_clear(&s);
    assert_int_equal(file_replace(token, "new\n", 4, 0600, NULL), 0);
    call(&s, (struct kube_call){.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"});
    assert_int_equal(s.status, 200);
    assert_int_equal(f->n_log, 3);
    seen_clear(&s);
    f->want_authorization = "Bearer none";
    f->on_401 = write_another_token; /* a file that never stops changing: still one more try */
    f->on_401_arg = token;
    call(&s, (struct kube_call){.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"});
    assert_int_equal(s.status, 401);
    assert_int_equal(f->n_log, 5);
    seen_clear(&s);
    assert_int_equal(file_tree_remove(dir, NULL), 0);
}

static void no_secret_over_plain_http(void **state)
{
    struct fake *f = *state;
    struct kube_config *cfg;
    struct kube_client *c = NULL;
    AUTO(err_freep) struct err *err = NULL;
    assert_int_equal(kube_config_direct("http://10.0.0.1:80", NULL, "t", &cfg, NULL), 0);
    assert_true(kube_client_new(f->loop, f->http, cfg, "t", &c, &err) < 0);
    assert_non_null(strstr(err_text(err), "want https://"));
    assert_null(c);
}

static void many_at_once(void **state)
{
    struct fake *f = *state;
    struct seen s[100] = {0};
    fake_pod(f, "a", "p", NULL);
    struct kube_call c = {.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"};
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        s[i].f = f;
        kube_start(f->client, &c, on_done, &s[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        fake_until(f, s[i].n == 1, 5000);
        assert_int_equal(s[i].status, 200);
        seen_clear(&s[i]);
    }
}

static void paced(void **state)
{
    struct fake *f = *state;
    struct seen s[6] = {0};
    fake_pod(f, "a", "p", NULL);
    kube_client_limit(f->client, 20, 2);
    struct kube_call c = {.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"};
    uint64_t start = loop_now_ms(f->loop);
    for (size_t i = 0; i < ARRAY_LEN(s); i++) {
        s[i].f = f;
        kube_start(f->client, &c, on_done, &s[i]);
    }
    fake_until(f, s[5].n == 1, 5000);
    assert_true(s[5].at_ms - start >= 195); /* two at once, then one each 50 ms */
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        seen_clear(&s[i]);
    /* one whose deadline comes while it stands in line */
    kube_client_limit(f->client, 0.1, 1);
    struct seen first = {.f = f}, late = {.f = f};
    kube_start(f->client, &c, on_done, &first);
    c.deadline_ms = 50;
    kube_start(f->client, &c, on_done, &late);
    fake_until(f, late.n == 1 && first.n == 1, 5000);
    assert_int_equal(first.status, 200);
    assert_int_equal(late.status, 0);
    assert_string_equal(late.reason, "Timeout");
    seen_clear(&first);
}

static void freed_with_open_calls(void **state)
{
    struct fake *f = *state;
    struct seen hanging = {.f = f}, last = {.f = f, .free_client = true};
    fake_pod(f, "a", "p", NULL);
    fake_answer(f, "GET", "/pods/hang", 0, NULL, NULL, 1);
    struct kube_call c = {.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "hang"};
    kube_start(f->client, &c, on_done, &hanging);
    fake_until(f, f->n_log == 1, 5000);
    c.name = "p";
    kube_start(f->client, &c, on_done, &last); /* frees the client in its done */
    fake_until(f, last.n == 1, 5000);
    fake_turns(f, 50);
    assert_int_equal(hanging.n, 0);
    seen_clear(&last);
}

struct raw_seen {
    int n, status;
    char text[128], error[128], pieces[128];
};

static void on_raw_data(void *arg, struct str piece)
{
    struct raw_seen *s = arg;
    snprintf(s->pieces + strlen(s->pieces), sizeof(s->pieces) - strlen(s->pieces), "%.*s",
             (int)piece.len, piece.ptr);
}

static void on_raw(void *arg, int status, struct str body, const char *error)
{
    struct raw_seen *s = arg;
    s->n++;
    s->status = status;
    snprintf(s->text, sizeof(s->text), "%.*s", (int)body.len, body.ptr ? body.ptr : "");
    snprintf(s->error, sizeof(s->error), "%s", error ? error : "");
}

static void raw(void **state)
{
    struct fake *f = *state;
    struct raw_seen s = {0};
    fake_answer(f, "GET", "/version", 200, "hello", NULL, 2);
    fake_answer(f, "GET", "/version", 500, "sorry", NULL, 1);
    kube_raw(f->client, "GET", "/version?x=y", (struct str){NULL, 0}, NULL, NULL, on_raw, &s);
    fake_until(f, s.n == 1, 5000);
    assert_int_equal(s.status, 200);
    assert_string_equal(s.text, "hello");
    kube_raw(f->client, "GET", "/version", (struct str){NULL, 0}, NULL, on_raw_data, on_raw, &s);
    fake_until(f, s.n == 2, 5000);
    assert_string_equal(s.pieces, "hello");
    assert_string_equal(s.text, "");
    kube_raw(f->client, "GET", "/version", (struct str){NULL, 0}, NULL, on_raw_data, on_raw, &s);
    fake_until(f, s.n == 3, 5000);
    assert_string_equal(s.pieces, "hello"); /* the text of an error is not data */
    assert_string_equal(s.text, "sorry");
    fake_close(f);
    kube_raw(f->client, "GET", "/version", (struct str){NULL, 0}, NULL, NULL, on_raw, &s);
    fake_until(f, s.n == 4, 5000);
    assert_int_equal(s.status, 0);
    assert_true(s.error[0]);
}

static void metrics(void **state)
{
    struct fake *f = *state;
    struct seen s = {.f = f};
    struct metric *requests =
        metric_get("atoll_kube_requests_total", METRIC_COUNTER, "verb", "HTTP requests sent");
    struct metric *writes =
        metric_get("atoll_kube_writes_total", METRIC_COUNTER, "verb", "Writes started");
    double gets = metric_value(requests, "get"), deletes = metric_value(writes, "delete");
    fake_pod(f, "a", "p", NULL);
    call(&s, (struct kube_call){.verb = KUBE_GET, .resource = &KUBE_PODS, .ns = "a", .name = "p"});
    seen_clear(&s);
    call(&s,
         (struct kube_call){.verb = KUBE_DELETE, .resource = &KUBE_PODS, .ns = "a", .name = "p"});
    seen_clear(&s);
    assert_true(metric_value(requests, "get") == gets + 1);
    assert_true(metric_value(writes, "delete") == deletes + 1);
}

static int setup(void **state)
{
    *state = fake_new();
    return 0;
}

static int teardown(void **state)
{
    fake_free(*state);
    return 0;
}

#define with_fake(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fake(writes_and_reads),
        with_fake(no_answer),
        with_fake(repeats_what_may_be_repeated),
        with_fake(repeats_after_no_answer),
        with_fake(token_is_read_again),
        with_fake(no_secret_over_plain_http),
        with_fake(many_at_once),
        with_fake(paced),
        with_fake(freed_with_open_calls),
        with_fake(raw),
        with_fake(metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
