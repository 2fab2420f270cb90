/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: what each watcher gets, in order and once; selectors, history, bookmarks, slow readers.
 */
#include "unit/apiserver/api_fixture.h"

#include "apiserver/watch.h"

#define CMS "/api/v1/namespaces/default/configmaps"

static const char *cm(const char *name, const char *label, const char *data)
{
    static char text[512];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"l\":\"%s\"}},\"data\":{\"d\":\"%s\"}}",
             name, label, data);
    return text;
}

/* "ADDED a=1 MODIFIED a=2 ": type, name and data of each line. */
static const char *events(const struct exchange *x)
{
    static char out[8192];
    struct str rest = str_of(x->text), line;
    out[0] = '\0';
    while (str_split(&rest, '\n', &line)) {
        cJSON *j AUTO(json_freep) = NULL;
        if (!line.len)
            continue;
        if (json_parse(line.ptr, line.len, &j, NULL) < 0)
            fail_msg("a line is no JSON: %.*s", (int)line.len, line.ptr);
        const cJSON *o = json_at(j, "object");
        const char *name = json_str(o, "metadata", "name"), *data = json_str(o, "data", "d");
        size_t n = strlen(out);
        snprintf(out + n, sizeof(out) - n, "%s %s=%s ", json_str(j, "type"), name ? name : "-",
                 data ? data : "-");
    }
    return out;
}

static void watch(struct fixture *f, struct exchange *x, const char *query)
{
    AUTO(mem_freep) char *target = mem_printf(CMS "?watch=true%s", query);
    memset(x, 0, sizeof(*x));
    x->slow_after = -1;
    fx_begin(f, x, "GET", target, NULL);
}

static void transitions(void **state)
{
    (void)state;
    assert_int_equal(watch_transition(false, true), EVENT_ADDED);
    assert_int_equal(watch_transition(true, true), EVENT_MODIFIED);
    assert_int_equal(watch_transition(true, false), EVENT_DELETED);
    assert_int_equal(watch_transition(false, false), -1);
}

static void life_of_an_object(struct fixture *f)
{
    assert_int_equal(fx_code(f, "POST", CMS, cm("a", "x", "1")), 201);
    assert_int_equal(fx_code(f, "PUT", CMS "/a", cm("a", "x", "2")), 200);
    assert_int_equal(fx_code(f, "PUT", CMS "/a", cm("a", "x", "2")),
                     200); /* changes nothing: no event */
    assert_int_equal(fx_code(f, "PUT", CMS "/a", cm("a", "y", "3")), 200);
    assert_int_equal(fx_code(f, "PUT", CMS "/a", cm("a", "x", "4")), 200);
    assert_int_equal(fx_code(f, "DELETE", CMS "/a", NULL), 200);
}

static void live_and_replayed(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange all, x, late, other;
    fx_open(&f, NULL);
    uint64_t rv = store_revision(f.api.store);
    AUTO(mem_freep) char *from = mem_printf("&resourceVersion=%llu", (unsigned long long)rv);
    AUTO(mem_freep)
    char *from_x = mem_printf("&resourceVersion=%llu&labelSelector=l=x", (unsigned long long)rv);
    assert_int_equal(fx_code(&f, "POST", CMS, cm("old", "x", "0")), 201);
    watch(&f, &all, "");
    watch(&f, &x, "&labelSelector=l=x");
    watch(&f, &other, "&fieldSelector=metadata.name=b");
    assert_int_equal(all.status, 200);
    assert_true(all.streaming);
    life_of_an_object(&f);
    static const char LIFE[] = "ADDED a=1 MODIFIED a=2 MODIFIED a=3 MODIFIED a=4 DELETED a=4 ";
    static const char LIFE_X[] = "ADDED a=1 MODIFIED a=2 DELETED a=2 ADDED a=4 DELETED a=4 ";
    assert_memory_equal(events(&all), "ADDED old=0 ", 12);
    assert_string_equal(events(&all) + 12, LIFE);
    assert_string_equal(events(&x) + 12, LIFE_X);
    assert_string_equal(events(&other), "");
    watch(&f, &late, from); /* the same again, from the history */
    assert_string_equal(events(&late) + 12, LIFE);
    watch(&f, &late, from_x);
    assert_string_equal(events(&late) + 12, LIFE_X);
    fx_close(&f);
    assert_true(all.ended && x.ended && other.ended && late.ended);
}

static void too_old_is_told(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, "history_events=100");
    for (int i = 0; i < 120; i++) {
        char data[16];
        snprintf(data, sizeof(data), "%d", i);
        assert_int_equal(fx_code(&f, "PUT", "/api/v1/namespaces/default/endpoints/e",
                                 i % 2 ? "{\"metadata\":{\"name\":\"e\",\"labels\":{\"a\":\"1\"}}}"
                                       : "{\"metadata\":{\"name\":\"e\"}}"),
                         i ? 200 : 201);
    }
    watch(&f, &x, "&resourceVersion=1");
    assert_int_equal(x.status, 200);
    assert_true(x.ended);
    cJSON *j AUTO(json_freep) = NULL;
    assert_int_equal(json_parse(x.text, strlen(x.text) - 1, &j, NULL), 0);
    assert_string_equal(json_str(j, "type"), "ERROR");
    assert_int_equal(json_int(0, j, "object", "code"), 410);
    assert_string_equal(json_str(j, "object", "reason"), "Expired");
    fx_close(&f);
}

static void initial_events_end_with_a_bookmark(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    assert_int_equal(fx_code(&f, "POST", CMS, cm("a", "x", "1")), 201);
    watch(&f, &x,
          "&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan");
    assert_string_equal(events(&x), "ADDED a=1 BOOKMARK -=- ");
    assert_non_null(strstr(x.text, "\"k8s.io/initial-events-end\":\"true\""));
    watch(&f, &x, "&sendInitialEvents=true");
    assert_int_equal(x.status, 422);
    fx_done(&x);
    fx_close(&f);
}

static void a_slow_reader_is_closed(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange slow, fine;
    fx_open(&f, NULL);
    watch(&f, &slow, "");
    watch(&f, &fine, "");
    slow.slow_after = 2;
    assert_int_equal(fx_code(&f, "POST", CMS, cm("a", "x", "1")), 201);
    assert_false(slow.ended);
    assert_int_equal(fx_code(&f, "POST", CMS, cm("b", "x", "1")), 201);
    assert_true(slow.ended);
    assert_int_equal(fx_code(&f, "POST", CMS, cm("c", "x", "1")), 201);
    assert_false(fine.ended);
    assert_string_equal(events(&fine), "ADDED a=1 ADDED b=1 ADDED c=1 ");
    fx_close(&f);
}

static void a_peer_that_left_is_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    watch(&f, &x, "");
    call_gone(x.call);
    x.ended = true; /* fx_stream_write would fail the test now */
    assert_int_equal(fx_code(&f, "POST", CMS, cm("a", "x", "1")), 201);
    fx_close(&f);
}

static void time_is_up(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    watch(&f, &x, "&timeoutSeconds=1&allowWatchBookmarks=true");
    assert_int_equal(loop_run_until(f.loop, &x.ended, 10000), 0);
    fx_close(&f);
}

static void the_future_is_silent(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    AUTO(mem_freep)
    char *query =
        mem_printf("&resourceVersion=%llu", (unsigned long long)store_revision(f.api.store) + 2);
    watch(&f, &x, query);
    assert_int_equal(x.status, 200);
    assert_int_equal(fx_code(&f, "POST", CMS, cm("a", "x", "1")), 201);
    assert_int_equal(fx_code(&f, "POST", CMS, cm("b", "x", "1")), 201);
    assert_string_equal(events(&x), "");
    assert_int_equal(fx_code(&f, "POST", CMS, cm("c", "x", "1")), 201);
    assert_string_equal(events(&x), "ADDED c=1 ");
    fx_close(&f);
}

static void only_the_namespace(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    watch(&f, &x, "");
    assert_int_equal(
        fx_code(&f, "POST", "/api/v1/namespaces/kube-system/configmaps", cm("a", "x", "1")), 201);
    assert_int_equal(fx_code(&f, "POST", CMS, cm("b", "x", "1")), 201);
    assert_string_equal(events(&x), "ADDED b=1 ");
    fx_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transitions),
        cmocka_unit_test(live_and_replayed),
        cmocka_unit_test(too_old_is_told),
        cmocka_unit_test(initial_events_end_with_a_bookmark),
        cmocka_unit_test(a_slow_reader_is_closed),
        cmocka_unit_test(a_peer_that_left_is_forgotten),
        cmocka_unit_test(time_is_up),
        cmocka_unit_test(the_future_is_silent),
        cmocka_unit_test(only_the_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
