/* SPDX-License-Identifier: Apache-2.0 */
/* Calls as HTTP, HTTP answers as Kubernetes means them, and the token bucket. */
#include "unit/cm.h"

#include <string.h>

#include "kube/pace.h"
#include "kube/request.h"

static const struct kube_resource widgets = {"apps.example.com", "v1", "widgets", "Widget", true};

struct row {
    struct kube_call call;
    const char *method, *url, *type, *body;
    bool repeatable;
};

static void check(const struct row *row, const struct request_page *page)
{
    struct request r;
    AUTO(json_freep) cJSON *body = NULL;
    struct kube_call call = row->call;
    if (row->body) {
        assert_int_equal(json_parse(row->body, strlen(row->body), &body, NULL), 0);
        if (call.verb != KUBE_DELETE)
            call.body = body;
    }
    kube_request_build(&r, "https://h:1/prefix/", "me", &call, page);
    assert_string_equal(r.url, row->url);
    assert_string_equal(r.method, row->method);
    assert_int_equal(r.repeatable, row->repeatable);
    assert_int_equal(r.write, !streq(row->method, "GET"));
    if (row->type)
        assert_string_equal(r.content_type, row->type);
    else
        assert_null(r.content_type);
    if (row->body) {
        AUTO(json_freep) cJSON *sent = NULL;
        assert_int_equal(json_parse(r.body, strlen(r.body), &sent, NULL), 0);
        assert_true(json_equal(sent, body));
    } else {
        assert_null(r.body);
    }
    kube_request_done(&r);
}

#define P "https://h:1/prefix"
#define W P "/apis/apps.example.com/v1/namespaces/n/widgets"

static void builds(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {{KUBE_GET, &KUBE_PODS, .ns = "a", .name = "p"},
         "GET",
         P "/api/v1/namespaces/a/pods/p",
         NULL,
         NULL,
         true},
        {{KUBE_GET, &KUBE_NODES, .name = "n 1"}, "GET", P "/api/v1/nodes/n%201", NULL, NULL, true},
        {{KUBE_LIST, &KUBE_PODS, .ns = NULL}, "GET", P "/api/v1/pods", NULL, NULL, true},
        {{KUBE_LIST, &widgets, .ns = "n", .label_selector = "a in (b,c)", .field_selector = "x=y"},
         "GET",
         W "?labelSelector=a%20in%20%28b%2Cc%29&fieldSelector=x%3Dy",
         NULL,
         NULL,
         true},
        {{KUBE_CREATE, &widgets, .ns = "n"},
         "POST",
         W "?fieldManager=me",
         "application/json",
         "{\"a\":1}",
         false},
        {{KUBE_CREATE, &KUBE_PODS, .ns = "n", .name = "p", .subresource = "binding"},
         "POST",
         P "/api/v1/namespaces/n/pods/p/binding?fieldManager=me",
         "application/json",
         "{}",
         false},
        {{KUBE_UPDATE, &widgets, .ns = "n", .name = "w", .subresource = "status"},
         "PUT",
         W "/w/status?fieldManager=me",
         "application/json",
         "{}",
         true},
        {{KUBE_PATCH_MERGE, &widgets, .ns = "n", .name = "w"},
         "PATCH",
         W "/w?fieldManager=me",
         "application/merge-patch+json",
         "{}",
         true},
        {{KUBE_PATCH_JSON, &widgets, .ns = "n", .name = "w"},
         "PATCH",
         W "/w?fieldManager=me",
         "application/json-patch+json",
         "[]",
         false},
        {{KUBE_PATCH_STRATEGIC, &KUBE_NODES, .name = "n"},
         "PATCH",
         P "/api/v1/nodes/n?fieldManager=me",
         "application/strategic-merge-patch+json",
         "{}",
         true},
        {{KUBE_APPLY, &widgets, .ns = "n", .name = "w", .force = true},
         "PATCH",
         W "/w?fieldManager=me&force=true",
         "application/apply-patch+yaml",
         "{}",
         true},
        {{KUBE_DELETE, &widgets, .ns = "n", .name = "w", .grace_seconds = -1},
         "DELETE",
         W "/w",
         "application/json",
         "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}",
         true},
        {{KUBE_DELETE, &widgets, .ns = "n", .name = "w", .propagation = "Orphan",
          .precondition_uid = "u"},
         "DELETE",
         W "/w",
         "application/json",
         "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Orphan\","
         "\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"u\"}}",
         true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(&rows[i], NULL);
    static const struct row paged = {{KUBE_LIST, &KUBE_PODS, .ns = NULL},
                                     "GET",
                                     P "/api/v1/pods?limit=5&continue=a%2Fb",
                                     NULL,
                                     NULL,
                                     true};
    check(&paged, &(struct request_page){5, "a/b"});
}

static void builds_watches(void **state)
{
    (void)state;
    struct request r;
    struct kube_cache_opts scope = {&widgets, "n", "a=b", NULL};
    kube_request_watch(&r, "https://h", &scope, "77", 321);
    assert_string_equal(r.url, "https://h/apis/apps.example.com/v1/namespaces/n/widgets?watch=true&"
                               "allowWatchBookmarks=true&resourceVersion=77&timeoutSeconds=321&"
                               "labelSelector=a%3Db");
    assert_string_equal(r.verb, "watch");
    kube_request_done(&r);
    kube_request_raw(&r, "https://h/", "POST", "/x?y=z", NULL, STR("{}"));
    assert_string_equal(r.url, "https://h/x?y=z");
    assert_string_equal(r.verb, "create");
    assert_true(r.write && !r.repeatable);
    kube_request_done(&r);
}

static struct answer read_answer(int status, const char *body, const char *retry_after)
{
    struct answer a;
    struct http_answer http = {.status = status, .body = str_of(body), .retry_after = retry_after};
    kube_answer_read(&a, &http);
    return a;
}

static void reads_answers(void **state)
{
    (void)state;
    struct answer a = read_answer(200, "{\"kind\":\"Pod\"}", NULL);
    assert_true(kube_ok(&a.a));
    assert_string_equal(a.a.reason, "");
    assert_string_equal(json_str(a.a.body, "kind"), "Pod");
    kube_answer_done(&a);

    a = read_answer(409,
                    "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"message\":\"m\","
                    "\"details\":{\"retryAfterSeconds\":3}}",
                    NULL);
    assert_int_equal(a.a.status, 409);
    assert_string_equal(a.a.reason, "AlreadyExists");
    assert_string_equal(a.a.message, "m");
    assert_true(a.a.retry_after_ms == 3000);
    kube_answer_done(&a);

    a = read_answer(429, "Too many requests, please try again later.\n", "2");
    assert_string_equal(a.a.reason, "TooManyRequests");
    assert_string_equal(a.a.message, "Too many requests, please try again later.");
    assert_true(a.a.retry_after_ms == 2000);
    assert_null(a.a.body);
    kube_answer_done(&a);

    a = read_answer(503, "x", "999999999999999");
    assert_true(a.a.retry_after_ms == 3600 * 1000);
    kube_answer_done(&a);

    a = read_answer(418, "", "Wed, 21 Oct 2015 07:28:00 GMT");
    assert_string_equal(a.a.reason, "UnknownError");
    assert_string_equal(a.a.message, "HTTP 418");
    assert_true(a.a.retry_after_ms == 0);
    kube_answer_done(&a);

    a = read_answer(200, "{\"kind\":", NULL); /* it happened or not: nobody knows */
    assert_int_equal(a.a.status, 0);
    assert_string_equal(a.a.reason, "BadAnswer");
    kube_answer_done(&a);
}

static void reads_silence(void **state)
{
    (void)state;
    struct answer a;
    struct http_answer http = {.error = "connect to h: refused"};
    kube_answer_read(&a, &http);
    assert_int_equal(a.a.status, 0);
    assert_string_equal(a.a.reason, "NoAnswer");
    assert_string_equal(a.a.message, "connect to h: refused");
    kube_answer_done(&a);
    http = (struct http_answer){.status = 200, .error = "cut", .timed_out = true};
    kube_answer_read(&a, &http);
    assert_int_equal(a.a.status, 0);
    assert_string_equal(a.a.reason, "Timeout");
    kube_answer_done(&a);
}

static void paces(void **state)
{
    (void)state;
    struct pace p;
    kube_pace_init(&p, 10, 2, 1000);
    assert_true(kube_pace_take(&p, 1000) == 0);
    assert_true(kube_pace_take(&p, 1000) == 0);
    assert_true(kube_pace_take(&p, 1000) == 100);
    assert_true(kube_pace_take(&p, 1060) == 40);
    assert_true(kube_pace_take(&p, 1100) == 0);
    assert_true(kube_pace_take(&p, 900) > 0); /* a clock that steps back gives nothing */
    assert_true(kube_pace_take(&p, 60000) == 0);
    assert_true(kube_pace_take(&p, 60000) == 0);
    assert_true(kube_pace_take(&p, 60000) == 100); /* no more than the burst is saved up */
    kube_pace_init(&p, 0, 1, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(kube_pace_take(&p, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds),        cmocka_unit_test(builds_watches),
        cmocka_unit_test(reads_answers), cmocka_unit_test(reads_silence),
        cmocka_unit_test(paces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
