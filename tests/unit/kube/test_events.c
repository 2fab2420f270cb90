/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what they say, that repeats are counted and not written, and that nothing floods. */
#include "unit/kube/fake_api.h"

#include "base/log.h"

struct world {
    struct fake *f;
    struct kube_events *e;
    cJSON *pod;
};

/* The only Event of the fake, or the one whose message contains `part`. */
static const cJSON *event(struct fake *f, const char *part)
{
    size_t it = 0;
    const char *path;
    void *value;
    while (map_next(&f->objects, &it, &path, &value)) {
        const char *message = json_str(value, "message");
        if (strstr(path, "/events/") && message && strstr(message, part))
            return value;
    }
    return NULL;
}

static void says_all(void **state)
{
    struct world *w = *state;
    kube_event(w->e, w->pod, true, "Failed", "probe of %s: %d", "db-0", 7);
    assert_int_equal(w->f->n_log, 0);
    fake_until(w->f, event(w->f, "probe of db-0: 7"), 5000);
    const cJSON *e = event(w->f, "probe");
    assert_string_equal(json_str(e, "type"), "Warning");
    assert_string_equal(json_str(e, "reason"), "Failed");
    assert_string_equal(json_str(e, "source", "component"), "tester");
    assert_string_equal(json_str(e, "reportingComponent"), "tester");
    assert_int_equal(json_int(0, e, "count"), 1);
    assert_string_equal(json_str(e, "firstTimestamp"), json_str(e, "lastTimestamp"));
    assert_string_equal(kube_ns(e), "shop");
    assert_true(str_starts(kube_name(e), "db-0."));
    assert_int_equal(strlen(kube_name(e)), strlen("db-0.") + 16);
    const cJSON *ref = json_at(e, "involvedObject");
    assert_string_equal(json_str(ref, "apiVersion"), "v1");
    assert_string_equal(json_str(ref, "kind"), "Pod");
    assert_string_equal(json_str(ref, "name"), "db-0");
    assert_string_equal(json_str(ref, "namespace"), "shop");
    assert_string_equal(json_str(ref, "uid"), "uid-shop-db-0");
    assert_string_equal(w->f->log[0], "POST /api/v1/namespaces/shop/events?fieldManager=tester");
}

static void counts_repeats(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++)
        kube_event(w->e, w->pod, false, "Done", "same");
    fake_until(w->f, event(w->f, "same"), 5000);
    assert_int_equal(json_int(0, event(w->f, "same"), "count"), 3); /* not yet sent: one write */
    uint64_t start = loop_now_ms(w->f->loop);
    for (int i = 0; i < 10; i++)
        kube_event(w->e, w->pod, false, "Done", "same");
    fake_turns(w->f, 100);
    assert_int_equal(w->f->n_log, 1);
    fake_until(w->f, json_int(0, event(w->f, "same"), "count") == 13, 8000);
    assert_true(loop_now_ms(w->f->loop) - start >= 4500); /* five seconds between two writes */
    assert_int_equal(w->f->n_log, 2);
    assert_int_equal(fake_count(w->f, "PATCH", "/events/db-0."), 1);
}

static void does_not_flood(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 200; i++)
        kube_event(w->e, w->pod, false, "Loop", "attempt %d", i);
    fake_until(w->f, w->f->n_log == 25, 5000);
    AUTO(json_freep) cJSON *other = fake_object("Pod", "shop", "db-1");
    kube_event(w->e, other, false, "Loop", "another object may speak");
    fake_until(w->f, event(w->f, "another"), 5000);
    assert_int_equal(w->f->n_log, 26);
}

static void many_objects(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2000; i++) { /* more than are remembered */
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        AUTO(json_freep) cJSON *o = fake_object("Pod", "shop", name);
        kube_event(w->e, o, false, "Made", "hello %d", i);
    }
    fake_until(w->f, event(w->f, "hello 1999"), 10000);
    fake_turns(w->f, 100);
    assert_int_equal(w->f->n_log, 512);
}

static void cluster_scoped(void **state)
{
    struct world *w = *state;
    AUTO(json_freep) cJSON *node = fake_object("Node", "", "n1");
    AUTO(json_freep) cJSON *nobody = cJSON_CreateObject();
    kube_event(w->e, nobody, false, "Odd", "no name, no event");
    kube_event(w->e, node, false, "Seen", "node");
    fake_until(w->f, event(w->f, "node"), 5000);
    assert_string_equal(kube_ns(event(w->f, "node")), "default");
    assert_null(json_at(event(w->f, "node"), "involvedObject", "namespace"));
    assert_int_equal(w->f->n_log, 1);
}

static void long_texts(void **state)
{
    struct world *w = *state;
    struct buf b = BUF_INIT(8192);
    buf_adds(&b, "xy");
    for (int i = 0; i < 2000; i++)
        buf_adds(&b, "\xc3\xa9"); /* cut in the middle of a character */
    kube_event(w->e, w->pod, false, "Long", "%s", buf_str(&b));
    fake_until(w->f, event(w->f, "xy\xc3\xa9"), 5000);
    const char *message = json_str(event(w->f, "xy\xc3\xa9"), "message");
    assert_true(strlen(message) <= 1024 && strlen(message) % 2 == 0);
    assert_memory_equal(message, buf_str(&b), strlen(message));
    buf_done(&b);
}

static void given_up(void **state)
{
    struct world *w = *state;
    fake_answer(w->f, "POST", "/events", 403, "{\"reason\":\"Forbidden\"}", NULL, 1);
    kube_event(w->e, w->pod, false, "Made", "second try");
    fake_until(w->f, event(w->f, "second try"), 8000);
    assert_int_equal(w->f->n_log, 2);
    fake_answer(w->f, "POST", "/events", 0, NULL, NULL, 1);
    kube_event(w->e, w->pod, false, "Made", "freed while it is being written");
    fake_until(w->f, w->f->n_log == 3, 5000);
}

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    log_level_set(LOG_ERROR);
    w->f = fake_new();
    w->e = kube_events_new(w->f->client, "tester");
    w->pod = fake_object("Pod", "shop", "db-0");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kube_events_free(w->e);
    fake_free(w->f);
    cJSON_Delete(w->pod);
    mem_free(w);
    return 0;
}

#define with_world(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_world(says_all),     with_world(counts_repeats), with_world(does_not_flood),
        with_world(many_objects), with_world(cluster_scoped), with_world(long_texts),
        with_world(given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
