/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client room against the embedded server, over TLS: what unit tests do against a fake, once
 * more with the two real ends. Both live in one loop; the server is stopped and started on its
 * data.
 */
#include "unit/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/apiserver.h"
#include "base/file.h"
#include "base/log.h"
#include "kube/kube.h"

#define ADDRESS "127.14.0.3"
#define TOKEN   "kube-test-token"

struct world {
    char dir[32];
    struct tls_pair ca, server;
    struct conf *conf;
    struct loop *loop;
    struct http_client *http;
    struct apiserver *api;
    uint16_t port;
    struct kube_client *client;
};

/* ---- the world ------------------------------------------------------------------------------- */

static void must(int rc, struct err *err)
{
    if (rc)
        fail_msg("%s", err_text(err));
}

static void server_start(struct world *w, uint16_t port)
{
    AUTO(err_freep) struct err *err = NULL;
    AUTO(mem_freep) char *data = file_path(w->dir, "data");
    AUTO(mem_freep) char *tokens = file_path(w->dir, "tokens");
    struct apiserver_opts o = {.address = ADDRESS,
                               .port = port,
                               .data_dir = data,
                               .cert = w->server.cert,
                               .key = w->server.key,
                               .client_ca = w->ca.cert,
                               .tokens_file = tokens,
                               .service_cidr = "10.96.0.0/16",
                               .conf = w->conf};
    must(apiserver_new(w->loop, w->http, &o, &w->api, &err), err);
}

static void server_stop(struct world *w)
{
    apiserver_free(TAKE(w->api));
}

static struct kube_client *client_new(struct world *w, uint16_t port)
{
    AUTO(err_freep) struct err *err = NULL;
    struct kube_config *cfg = NULL;
    struct kube_client *c = NULL;
    AUTO(mem_freep) char *url = mem_printf("https://" ADDRESS ":%u", port);
    must(kube_config_direct(url, w->ca.cert, TOKEN, &cfg, &err), err);
    must(kube_client_new(w->loop, w->http, cfg, "kubetest/1", &c, &err), err);
    kube_client_limit(c, 0, 1);
    return c;
}

static void make_credentials(struct world *w)
{
    static const char *const addresses[] = {ADDRESS, NULL};
    AUTO(err_freep) struct err *err = NULL;
    struct tls_leaf leaf = {
        .common_name = "apiserver", .addresses = addresses, .server = true, .days = 2};
    char digest[TLS_SHA256_HEX];
    must(tls_ca_new("test", 2, &w->ca, &err), err);
    must(tls_leaf_new(&w->ca, &leaf, &w->server, &err), err);
    AUTO(mem_freep)
    char *line = mem_printf("%s,admin,1,system:masters\n", tls_sha256(STR(TOKEN), digest));
    AUTO(mem_freep) char *path = file_path(w->dir, "tokens");
    must(file_replace(path, line, strlen(line), 0600, &err), err);
}

static int setup(void **state)
{
    AUTO(err_freep) struct err *err = NULL;
    struct world *w = mem_new(struct world);
    log_level_set(LOG_ERROR);
    snprintf(w->dir, sizeof(w->dir), "/tmp/kube-api-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    must(conf_load_text("test", "apiserver: { history_events = 100; };", apiserver_conf_keys,
                        apiserver_conf_keys_n, &w->conf, &err),
         err);
    must(loop_new(&w->loop, &err), err);
    must(http_client_new(w->loop, &w->http, &err), err);
    make_credentials(w);
    server_start(w, 0);
    w->port = apiserver_port(w->api);
    w->client = client_new(w, w->port);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kube_client_free(w->client);
    server_stop(w);
    http_client_free(w->http);
    loop_free(w->loop);
    conf_free(w->conf);
    tls_pair_done(&w->ca);
    tls_pair_done(&w->server);
    int rc = file_tree_remove(w->dir, NULL);
    mem_free(w);
    return rc;
}

#define until(w, cond)                                                                             \
    do {                                                                                           \
        uint64_t end_ = loop_now_ms((w)->loop) + 15000;                                            \
        while (!(cond)) {                                                                          \
            bool never_ = false;                                                                   \
            if (loop_now_ms((w)->loop) >= end_)                                                    \
                fail_msg("waited 15 s for: %s", #cond);                                            \
            loop_run_until((w)->loop, &never_, 5);                                                 \
        }                                                                                          \
    } while (0)

/* ---- calls ----------------------------------------------------------------------------------- */

struct seen {
    bool done;
    int status;
    char reason[64];
    cJSON *body;
};

static void on_done(void *arg, const struct kube_answer *a)
{
    struct seen *s = arg;
    s->done = true;
    s->status = a->status;
    snprintf(s->reason, sizeof(s->reason), "%s", a->reason);
    cJSON_Delete(s->body);
    s->body = a->body ? cJSON_Duplicate(a->body, true) : NULL;
}

static int call(struct world *w, struct kube_client *c, struct kube_call k, struct seen *s)
{
    s->done = false;
    kube_start(c, &k, on_done, s);
    until(w, s->done);
    return s->status;
}

static cJSON *config_map(const char *name, const char *value)
{
    cJSON *o = cJSON_CreateObject();
    json_put_str(o, "v1", "apiVersion");
    json_put_str(o, "ConfigMap", "kind");
    json_put_str(o, name, "metadata", "name");
    json_put_str(o, value, "data", "v");
    return o;
}

static int create(struct world *w, struct kube_client *c, const char *name, struct seen *s)
{
    AUTO(json_freep) cJSON *o = config_map(name, "1");
    return call(w, c,
                (struct kube_call){
                    .verb = KUBE_CREATE, .resource = &KUBE_CONFIGMAPS, .ns = "default", .body = o},
                s);
}

static int patch(struct world *w, const char *name, const char *value, struct seen *s)
{
    AUTO(json_freep) cJSON *o = cJSON_CreateObject();
    json_put_str(o, value, "data", "v");
    return call(w, w->client,
                (struct kube_call){.verb = KUBE_PATCH_MERGE,
                                   .resource = &KUBE_CONFIGMAPS,
                                   .ns = "default",
                                   .name = name,
                                   .body = o},
                s);
}

static int delete (struct world *w, const char *name, const char *uid, struct seen *s)
{
    return call(w, w->client,
                (struct kube_call){.verb = KUBE_DELETE,
                                   .resource = &KUBE_CONFIGMAPS,
                                   .ns = "default",
                                   .name = name,
                                   .precondition_uid = uid,
                                   .grace_seconds = -1},
                s);
}

static void verbs(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    assert_int_equal(create(w, w->client, "a", &s), 201);
    assert_int_equal(create(w, w->client, "a", &s), 409);
    assert_string_equal(s.reason, "AlreadyExists");
    assert_int_equal(patch(w, "a", "2", &s), 200);
    assert_string_equal(json_str(s.body, "data", "v"), "2");
    struct kube_call get = {
        .verb = KUBE_GET, .resource = &KUBE_CONFIGMAPS, .ns = "default", .name = "a"};
    assert_int_equal(call(w, w->client, get, &s), 200);
    AUTO(json_freep) cJSON *stale = cJSON_Duplicate(s.body, true);
    assert_int_equal(patch(w, "a", "3", &s), 200);
    struct kube_call put = {.verb = KUBE_UPDATE,
                            .resource = &KUBE_CONFIGMAPS,
                            .ns = "default",
                            .name = "a",
                            .body = stale};
    assert_int_equal(call(w, w->client, put, &s), 409);
    assert_string_equal(s.reason, "Conflict");
    assert_int_equal(delete (w, "a", "00000000-0000-0000-0000-000000000000", &s), 409);
    assert_int_equal(delete (w, "a", NULL, &s), 200);
    assert_int_equal(call(w, w->client, get, &s), 404);
    cJSON_Delete(s.body);
}

/* ---- the cache ------------------------------------------------------------------------------- */

struct told {
    struct world *w;
    int adds, changes, deletes;
    bool synced;
};

static void on_change(void *arg, const cJSON *old, const cJSON *now)
{
    struct told *t = arg;
    t->adds += !old;
    t->changes += old && now;
    t->deletes += !now;
}

static void on_sync(void *arg)
{
    struct told *t = arg;
    t->synced = true;
}

static struct kube_cache *cache_open(struct world *w, struct told *t)
{
    *t = (struct told){.w = w};
    struct kube_cache *k = kube_cache_new(
        w->client, &(struct kube_cache_opts){.resource = &KUBE_CONFIGMAPS, .ns = "default"});
    kube_cache_on_change(k, on_change, t);
    kube_cache_on_sync(k, on_sync, t);
    kube_cache_start(k);
    until(w, t->synced);
    return k;
}

static void cache_follows(void **state)
{
    struct world *w = *state;
    struct told t;
    struct seen s = {0};
    for (int i = 0; i < 250; i++) { /* three pages */
        char name[16];
        snprintf(name, sizeof(name), "c%03d", i);
        assert_int_equal(create(w, w->client, name, &s), 201);
    }
    struct kube_cache *k = cache_open(w, &t);
    int base = t.adds;
    assert_true(base >= 250);
    assert_null(json_at(kube_cache_get(k, "default", "c007"), "metadata", "managedFields"));
    assert_string_equal(json_str(kube_cache_get(k, "default", "c007"), "kind"), "ConfigMap");
    assert_int_equal(create(w, w->client, "live", &s), 201);
    until(w, t.adds == base + 1);
    assert_int_equal(patch(w, "live", "2", &s), 200);
    kube_cache_learn(k, s.body); /* before or after the watch said it: told once */
    assert_string_equal(json_str(kube_cache_get(k, "default", "live"), "data", "v"), "2");
    assert_int_equal(patch(w, "live", "3", &s), 200);
    until(w, t.changes == 2);
    assert_int_equal(delete (w, "live", NULL, &s), 200);
    until(w, t.deletes == 1);
    assert_null(kube_cache_get(k, "default", "live"));
    assert_int_equal(t.adds, base + 1);
    kube_cache_free(k);
    cJSON_Delete(s.body);
}

static void cache_survives_a_restart(void **state)
{
    struct world *w = *state;
    struct told t;
    struct seen s = {0};
    struct kube_cache *k = cache_open(w, &t);
    assert_int_equal(create(w, w->client, "before", &s), 201);
    until(w, kube_cache_get(k, "default", "before"));
    int adds = t.adds;
    server_stop(w);
    server_start(w, w->port);
    assert_int_equal(create(w, w->client, "after", &s), 201);
    until(w, kube_cache_get(k, "default", "after"));
    assert_int_equal(t.adds, adds + 1); /* resumed: nothing was told twice */
    assert_int_equal(t.changes + t.deletes, 0);
    kube_cache_free(k);
    cJSON_Delete(s.body);
}

/* While the server we follow is away, another one writes more to its data than history remembers.
 */
static void cache_relists_when_history_is_gone(void **state)
{
    struct world *w = *state;
    struct told t;
    struct seen s = {0};
    assert_int_equal(create(w, w->client, "doomed", &s), 201);
    struct kube_cache *k = cache_open(w, &t);
    assert_non_null(kube_cache_get(k, "default", "doomed"));
    int adds = t.adds;
    server_stop(w);
    server_start(w, 0);
    struct kube_client *other = client_new(w, apiserver_port(w->api));
    struct kube_call kill = {.verb = KUBE_DELETE,
                             .resource = &KUBE_CONFIGMAPS,
                             .ns = "default",
                             .name = "doomed",
                             .grace_seconds = -1};
    assert_int_equal(call(w, other, kill, &s), 200);
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%03d", i);
        assert_int_equal(create(w, other, name, &s), 201);
    }
    kube_client_free(other);
    server_stop(w);
    server_start(w, w->port);
    until(w, t.adds == adds + 300 && t.deletes == 1);
    assert_null(kube_cache_get(k, "default", "doomed"));
    assert_non_null(kube_cache_get(k, "default", "r299"));
    kube_cache_free(k);
    cJSON_Delete(s.body);
}

/* ---- lease and events ------------------------------------------------------------------------ */

static void on_lease(void *arg, bool leader)
{
    *(int *)arg += leader ? 1 : 100;
}

static void on_released(void *arg)
{
    *(bool *)arg = true;
}

static void lease_is_won_and_released(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    int a = 0, b = 0;
    bool released = false;
    struct kube_lease_opts o = {.ns = "default",
                                .name = "main",
                                .identity = "a",
                                .duration_s = 3,
                                .renew_s = 2,
                                .retry_s = 1,
                                .on_change = on_lease,
                                .arg = &a};
    struct kube_lease *first = kube_lease_new(w->client, &o);
    until(w, a == 1);
    o.identity = "b";
    o.arg = &b;
    struct kube_lease *second = kube_lease_new(w->client, &o);
    struct kube_call get = {
        .verb = KUBE_GET, .resource = &KUBE_LEASES, .ns = "default", .name = "main"};
    assert_int_equal(call(w, w->client, get, &s), 200);
    AUTO(mem_freep) char *rv = mem_strdup(kube_rv(s.body));
    until(w, call(w, w->client, get, &s) == 200 && !streq(rv, kube_rv(s.body))); /* renewed */
    assert_string_equal(json_str(s.body, "spec", "holderIdentity"), "a");
    assert_int_equal(a, 1);
    assert_int_equal(b, 0);
    kube_lease_release(first, on_released, &released);
    until(w, released && b == 1);
    assert_int_equal(call(w, w->client, get, &s), 200);
    assert_string_equal(json_str(s.body, "spec", "holderIdentity"), "b");
    kube_lease_free(second);
    cJSON_Delete(s.body);
}

static void events_are_accepted(void **state)
{
    struct world *w = *state;
    struct seen s = {0};
    struct kube_events *e = kube_events_new(w->client, "tester");
    assert_int_equal(create(w, w->client, "subject", &s), 201);
    kube_event(e, s.body, true, "Failed", "tried %d times", 3);
    kube_event(e, s.body, true, "Failed", "tried %d times", 3);
    struct kube_call list = {.verb = KUBE_LIST,
                             .resource = &KUBE_EVENTS,
                             .ns = "default",
                             .field_selector = "involvedObject.name=subject,reason=Failed"};
    until(w, call(w, w->client, list, &s) == 200 && json_at(s.body, "items")->child);
    const cJSON *event = json_at(s.body, "items")->child;
    assert_string_equal(json_str(event, "message"), "tried 3 times");
    assert_int_equal(json_int(0, event, "count"), 2);
    assert_string_equal(json_str(event, "involvedObject", "kind"), "ConfigMap");
    kube_events_free(e);
    cJSON_Delete(s.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs),
        cmocka_unit_test(cache_follows),
        cmocka_unit_test(cache_survives_a_restart),
        cmocka_unit_test(cache_relists_when_history_is_gone),
        cmocka_unit_test(lease_is_won_and_released),
        cmocka_unit_test(events_are_accepted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
