/* SPDX-License-Identifier: Apache-2.0 */
/* Requests without a socket: the order of refusals, writes and what they may not touch, pages,
 * deletion, users. */
#include "unit/apiserver/api_fixture.h"

#include "apiserver/gc.h"
#include "apiserver/rest_write.h"
#include "apiserver/services.h"
#include "apiserver/volumes.h"

#define NS  "/api/v1/namespaces/default"
#define CMS NS "/configmaps"

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;
    if (json_parse(text, strlen(text), &j, NULL) < 0)
        fail_msg("not JSON: %s", text);
    return j;
}

/* ---- who ---- */

static void as(struct fixture *f, struct exchange *x, const char *cn, const char *header,
               const char *value, const char *target)
{
    memset(x, 0, sizeof(*x));
    x->slow_after = -1;
    x->cn = cn;
    x->headers[0] = header ? header : "X-Nothing";
    x->headers[1] = value ? value : "";
    fx_begin(f, x, "GET", target, NULL);
    assert_int_equal(loop_run_until(f->loop, &x->answered, WAIT_MS), 0);
}

static void strangers_learn_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    as(&f, &x, NULL, NULL, NULL, "/healthz");
    assert_int_equal(x.status, 200);
    as(&f, &x, NULL, NULL, NULL, "/metrics");
    assert_int_equal(x.status, 403);
    fx_done(&x);
    as(&f, &x, NULL, NULL, NULL, "/api/v1/nosuchthings"); /* not 404: that would tell what exists */
    assert_int_equal(x.status, 403);
    fx_done(&x);
    as(&f, &x, NULL, "Authorization", "Bearer wrong", "/healthz");
    assert_int_equal(x.status, 401);
    fx_done(&x);
    as(&f, &x, "admin", "Impersonate-User", "jane", CMS);
    assert_int_equal(x.status, 403);
    assert_string_equal(
        json_str(x.body, "message"),
        "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group "
        "\"\" in the namespace \"default\"");
    fx_done(&x);
    as(&f, &x, "admin", "Impersonate-User", "jane",
       "/apis"); /* authenticated users see what is served */
    assert_int_equal(x.status, 200);
    fx_done(&x);
    fx_close(&f);
}

static void token_files(void **state)
{
    (void)state;
    struct token_table *t = NULL;
    struct err *err = NULL;
    static const char GOOD[] =
        "# comment\n\n"
        "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b,jane,u1,a|b\n";
    assert_int_equal(token_table_parse("tokens", GOOD, &t, &err), 0);
    token_table_free(t);
    static const char *const BAD[] = {
        "secret,jane,u1,a\n", "2bb80d,jane,u1,a\n", "justtext\n",
        "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b,,u1,a\n"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        err = NULL;
        assert_int_equal(token_table_parse("tokens", BAD[i], &t, &err), -EINVAL);
        assert_non_null(strstr(err_text(err), "tokens line 1"));
        assert_null(
            strstr(err_text(err), "secret")); /* it may be a token that was put there by mistake */
        err_free(err);
    }
}

/* ---- writes ---- */

static void server_owns_its_fields(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    fx_do(&f, &x, "POST", CMS,
          "{\"metadata\":{\"name\":\"a\",\"uid\":\"mine\",\"creationTimestamp\":\"2001-01-01T00:00:"
          "00Z\","
          "\"deletionTimestamp\":\"2001-01-01T00:00:00Z\",\"generation\":7,\"managedFields\":[]}}");
    assert_int_equal(x.status, 201);
    assert_string_not_equal(json_str(x.body, "metadata", "uid"), "mine");
    assert_string_not_equal(json_str(x.body, "metadata", "creationTimestamp"),
                            "2001-01-01T00:00:00Z");
    assert_null(json_at(x.body, "metadata", "deletionTimestamp"));
    assert_null(json_at(x.body, "metadata", "generation"));
    AUTO(mem_freep) char *uid = mem_strdup(json_str(x.body, "metadata", "uid"));
    fx_done(&x);
    fx_do(&f, &x, "PUT", CMS "/a", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}");
    assert_int_equal(x.status, 200);
    assert_string_equal(json_str(x.body, "metadata", "uid"), uid);
    fx_done(&x);
    fx_close(&f);
}

static void a_change_of_nothing_is_no_change(void **state)
{
    (void)state;
    struct fixture f;
    fx_open(&f, NULL);
    assert_int_equal(
        fx_code(&f, "POST", CMS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}"), 201);
    uint64_t rv = store_revision(f.api.store);
    assert_int_equal(
        fx_code(&f, "PUT", CMS "/a", "{\"data\":{\"k\":\"v\"},\"metadata\":{\"name\":\"a\"}}"),
        200);
    assert_int_equal(fx_code(&f, "PUT", CMS "/a?dryRun=All",
                             "{\"data\":{\"k\":\"w\"},\"metadata\":{\"name\":\"a\"}}"),
                     200);
    assert_int_equal(fx_code(&f, "POST", CMS "?dryRun=All", "{\"metadata\":{\"name\":\"b\"}}"),
                     201);
    assert_int_equal(fx_code(&f, "DELETE", CMS "/a?dryRun=All", NULL), 200);
    assert_int_equal(fx_code(&f, "GET", CMS "/a", NULL), 200);
    assert_int_equal(fx_code(&f, "GET", CMS "/b", NULL), 404);
    assert_int_equal(store_revision(f.api.store), rv);
    fx_close(&f);
}

/* Two writers that read the same revision: one wins, whatever is still on its way to the disk. */
static void compare_and_swap(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange a = {.slow_after = -1}, b = {.slow_after = -1}, c = {.slow_after = -1};
    fx_open(&f, NULL);
    fx_do(&f, &a, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
    AUTO(mem_freep)
    char *body = mem_printf(
        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"%s\"},\"data\":{\"k\":\"v\"}}",
        json_str(a.body, "metadata", "resourceVersion"));
    fx_done(&a);
    memset(&a, 0, sizeof(a));
    fx_begin(&f, &a, "PUT", CMS "/a", body);
    fx_begin(&f, &b, "PUT", CMS "/a", body); /* sent before the first is committed */
    fx_begin(&f, &c, "POST", CMS, "{\"metadata\":{\"name\":\"a\"}}");
    assert_int_equal(loop_run_until(f.loop, &a.answered, WAIT_MS), 0);
    assert_int_equal(a.status, 200);
    assert_int_equal(b.status, 409);
    assert_int_equal(c.status, 409);
    fx_done(&a);
    fx_done(&b);
    fx_done(&c);
    AUTO(mem_freep) char *stale = mem_printf("%.*s\"w\"}}", (int)(strlen(body) - 5), body);
    assert_int_equal(fx_code(&f, "PUT", CMS "/a", stale), 409);
    fx_close(&f);
}

static void the_full_disk_is_told_and_survived(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    char body[70000];
    fx_open(&f, "store_max_mib=1");
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"generateName\":\"big-\"},\"data\":{\"k\":\"%060000d\"}}", 0);
    int made = 0;
    do {
        fx_do(&f, &x, "POST", CMS, body);
        made += x.status == 201;
        if (x.status == 201)
            fx_done(&x);
    } while (x.status == 201 && made < 100);
    assert_int_equal(x.status, 507);
    assert_non_null(strstr(json_str(x.body, "message"), "full"));
    fx_done(&x);
    fx_do(&f, &x, "GET", CMS, NULL);
    assert_int_equal(cJSON_GetArraySize(json_at(x.body, "items")), made);
    fx_done(&x);
    assert_int_equal(fx_code(&f, "DELETE", CMS, NULL), 200);
    assert_int_equal(fx_code(&f, "POST", CMS, body), 201);
    fx_close(&f);
}

/* ---- lists ---- */

static void pages_show_one_moment(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    char body[128];
    fx_open(&f, "history_events=100");
    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"c%d\"}}", i);
        assert_int_equal(fx_code(&f, "POST", CMS, body), 201);
    }
    fx_do(&f, &x, "GET", CMS "?limit=2", NULL);
    assert_int_equal(json_int(0, x.body, "metadata", "remainingItemCount"), 3);
    AUTO(mem_freep)
    char *next = mem_printf(CMS "?limit=10&continue=%s", json_str(x.body, "metadata", "continue"));
    AUTO(mem_freep) char *rv = mem_strdup(json_str(x.body, "metadata", "resourceVersion"));
    fx_done(&x);
    assert_int_equal(fx_code(&f, "DELETE", CMS "/c3", NULL), 200);
    assert_int_equal(fx_code(&f, "POST", CMS, "{\"metadata\":{\"name\":\"c2a\"}}"), 201);
    fx_do(&f, &x, "GET", next, NULL);
    assert_int_equal(cJSON_GetArraySize(json_at(x.body, "items")), 3);
    assert_string_equal(json_str(json_at(x.body, "items")->child, "metadata", "name"), "c2");
    assert_string_equal(json_str(json_at(x.body, "items")->child->next, "metadata", "name"), "c3");
    assert_string_equal(json_str(x.body, "metadata", "resourceVersion"), rv);
    fx_done(&x);
    for (int i = 0; i < 60; i++) { /* push the moment out of the history */
        assert_int_equal(fx_code(&f, "POST", CMS, "{\"metadata\":{\"name\":\"x\"}}"), 201);
        assert_int_equal(fx_code(&f, "DELETE", CMS "/x", NULL), 200);
    }
    fx_do(&f, &x, "GET", next, NULL);
    assert_int_equal(x.status, 410);
    AUTO(mem_freep)
    char *again = mem_printf(CMS "?limit=10&continue=%s", json_str(x.body, "metadata", "continue"));
    fx_done(&x);
    fx_do(&f, &x, "GET", again, NULL); /* goes on from the present */
    assert_int_equal(cJSON_GetArraySize(json_at(x.body, "items")), 3);
    assert_string_equal(json_str(json_at(x.body, "items")->child->next, "metadata", "name"), "c2a");
    fx_done(&x);
    fx_close(&f);
}

/* ---- deletion ---- */

static void deletion_plans(void **state)
{
    (void)state;
    struct resource plain = {.kind = "Thing"}, pod = {.kind = "Pod", .hooks = &POD_HOOKS};
    struct deletion d = {PROPAGATE_DEFAULT, -1};
    cJSON *a AUTO(json_freep) = parse("{\"metadata\":{}}");
    assert_int_equal(deletion_plan(&plain, a, &d, 0), DELETE_NOW);
    cJSON *b AUTO(json_freep) = parse("{\"metadata\":{\"finalizers\":[\"x/y\"],\"generation\":3}}");
    assert_int_equal(deletion_plan(&plain, b, &d, 1000000), DELETE_MARK);
    assert_string_equal(json_str(b, "metadata", "deletionTimestamp"), "1970-01-01T00:00:01Z");
    assert_int_equal(json_int(-1, b, "metadata", "deletionGracePeriodSeconds"), 0);
    assert_int_equal(json_int(-1, b, "metadata", "generation"), 4);
    assert_int_equal(deletion_plan(&plain, b, &d, 2000000), DELETE_NOTHING);
    d.propagation = PROPAGATE_FOREGROUND;
    cJSON *c AUTO(json_freep) = parse("{\"metadata\":{}}");
    assert_int_equal(deletion_plan(&plain, c, &d, 0), DELETE_MARK);
    assert_true(json_array_has(json_at(c, "metadata", "finalizers"), "foregroundDeletion"));
    d = (struct deletion){PROPAGATE_BACKGROUND, -1};
    cJSON *p AUTO(json_freep) = parse(
        "{\"metadata\":{},\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":20}}");
    assert_int_equal(deletion_plan(&pod, p, &d, 0), DELETE_MARK);
    assert_string_equal(json_str(p, "metadata", "deletionTimestamp"), "1970-01-01T00:00:20Z");
    d.grace = 90; /* cannot be made longer */
    assert_int_equal(deletion_plan(&pod, p, &d, 0), DELETE_NOTHING);
    d.grace = 5;
    assert_int_equal(deletion_plan(&pod, p, &d, 0), DELETE_MARK);
    assert_string_equal(json_str(p, "metadata", "deletionTimestamp"), "1970-01-01T00:00:05Z");
    d.grace = 0;
    assert_int_equal(deletion_plan(&pod, p, &d, 0), DELETE_MARK_NOW);
    assert_int_equal(deletion_plan(&pod, p, &d, 0), DELETE_NOW);
    cJSON *q AUTO(json_freep) = parse("{\"metadata\":{},\"spec\":{}}"); /* on no node */
    d.grace = 30;
    assert_int_equal(deletion_plan(&pod, q, &d, 0), DELETE_MARK_NOW);
}

static bool is_there(void *arg, const char *uid)
{
    return strchr(arg, uid[0]) != NULL;
}

static void owners(void **state)
{
    (void)state;
    assert_int_equal(gc_owner_state("\0", is_there, (void *)(uintptr_t) "a"), OWNER_NONE);
    assert_int_equal(gc_owner_state("a\0b\0\0", is_there, (void *)(uintptr_t) "ab"),
                     OWNER_ALL_THERE);
    assert_int_equal(gc_owner_state("a\0b\0\0", is_there, (void *)(uintptr_t) "b"),
                     OWNER_SOME_GONE);
    assert_int_equal(gc_owner_state("a\0b\0\0", is_there, (void *)(uintptr_t) "c"), OWNER_ALL_GONE);
    cJSON *o AUTO(json_freep) =
        parse("{\"metadata\":{\"ownerReferences\":[{\"uid\":\"a\"},{\"uid\":\"b\"}]}}");
    assert_true(gc_drop_owner(o, "a"));
    assert_false(gc_drop_owner(o, "a"));
    assert_int_equal(cJSON_GetArraySize(json_at(o, "metadata", "ownerReferences")), 1);
    assert_true(gc_drop_owner(o, "b"));
    assert_null(json_at(o, "metadata", "ownerReferences"));
}

/* A chain of 50 owners goes from one deletion; what has another owner stays. */
static void collector(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    fx_open(&f, NULL);
    fx_do(&f, &x, "POST", CMS, "{\"metadata\":{\"name\":\"keeper\"}}");
    AUTO(mem_freep) char *keeper = mem_strdup(json_str(x.body, "metadata", "uid"));
    fx_done(&x);
    fx_do(&f, &x, "POST", CMS, "{\"metadata\":{\"name\":\"c0\"}}");
    char uid[64], body[512];
    for (int i = 1; i < 50; i++) {
        snprintf(uid, sizeof(uid), "%s", json_str(x.body, "metadata", "uid"));
        fx_done(&x);
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"name\":\"c%d\",\"ownerReferences\":[{\"apiVersion\":\"v1\","
                 "\"kind\":\"ConfigMap\","
                 "\"name\":\"c%d\",\"uid\":\"%s\"}]}}",
                 i, i - 1, uid);
        fx_do(&f, &x, "POST", CMS, body);
        assert_int_equal(x.status, 201);
    }
    fx_done(&x);
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"two\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
             "\"ConfigMap\",\"name\":"
             "\"c48\",\"uid\":\"%s\"},{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":"
             "\"keeper\",\"uid\":\"%s\"}]}}",
             uid, keeper);
    assert_int_equal(fx_code(&f, "POST", CMS, body), 201);
    assert_int_equal(fx_code(&f, "DELETE", CMS "/c0", NULL), 200);
    const struct shelf *sh = store_find(f.api.store, "configmaps");
    FX_UNTIL(&f, sh->live == 2);
    FX_UNTIL(&f, !strstr(shelf_get(sh, "default/two")->text.ptr,
                         uid)); /* the dangling reference is taken off */
    assert_non_null(strstr(shelf_get(sh, "default/two")->text.ptr, keeper));
    fx_close(&f);
}

static void namespaces_end_empty(void **state)
{
    (void)state;
    struct fixture f;
    fx_open(&f, NULL);
    assert_int_equal(fx_code(&f, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"n\"}}"),
                     201);
    assert_int_equal(fx_code(&f, "GET", "/api/v1/namespaces/n/serviceaccounts/default", NULL), 200);
    assert_int_equal(fx_code(&f, "POST", "/api/v1/namespaces/n/configmaps",
                             "{\"metadata\":{\"name\":\"held\",\"finalizers\":[\"a.example/b\"]}}"),
                     201);
    assert_int_equal(
        fx_code(&f, "POST", "/api/v1/namespaces/n/secrets", "{\"metadata\":{\"name\":\"s\"}}"),
        201);
    assert_int_equal(fx_code(&f, "DELETE", "/api/v1/namespaces/n", NULL), 200);
    FX_UNTIL(&f, !shelf_get(store_find(f.api.store, "secrets"), "n/s"));
    assert_int_equal(fx_code(&f, "POST", "/api/v1/namespaces/n/configmaps",
                             "{\"metadata\":{\"name\":\"late\"}}"),
                     403);
    assert_int_equal(fx_code(&f, "GET", "/api/v1/namespaces/n", NULL), 200);
    fx_stop(&f); /* a restart in the middle of it */
    fx_start(&f);
    assert_int_equal(fx_code(&f, "PUT", "/api/v1/namespaces/n/configmaps/held",
                             "{\"metadata\":{\"name\":\"held\"}}"),
                     200);
    FX_UNTIL(&f, !shelf_get(store_find(f.api.store, "namespaces"), "n"));
    fx_close(&f);
}

/* ---- services and claims ---- */

static void address_ranges(void **state)
{
    (void)state;
    struct ip_range r;
    struct err *err = NULL;
    char text[IP_TEXT_MAX];
    assert_int_equal(ip_range_parse("127.101.3.7/16", &r, &err), 0);
    assert_string_equal(ip_text(r.base, text), "127.101.0.0");
    assert_int_equal(r.size, 65536);
    static const char *const BAD[] = {"",     "127.0.0.1", "127.0.0.1/33", "127.0.0.1/31",
                                      "x/16", "::1/64",    "10.0.0.0/4"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        err = NULL;
        assert_int_equal(ip_range_parse(BAD[i], &r, &err), -EINVAL);
        err_free(err);
    }
}

static void cluster_addresses_are_unique_and_rest(void **state)
{
    (void)state;
    struct fixture f;
    struct exchange x;
    char body[256], seen[254][IP_TEXT_MAX];
    fx_open(&f, NULL); /* 10.96.0.0/24: 254 addresses */
    for (int i = 0; i < 254; i++) {
        snprintf(body, sizeof(body),
                 "{\"metadata\":{\"name\":\"s%d\"},\"spec\":{\"ports\":[{\"port\":80}]}}", i);
        fx_do(&f, &x, "POST", NS "/services", body);
        assert_int_equal(x.status, 201);
        snprintf(seen[i], IP_TEXT_MAX, "%s", json_str(x.body, "spec", "clusterIP"));
        assert_memory_equal(seen[i], "10.96.0.", 8);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
        fx_done(&x);
    }
    assert_int_equal(
        fx_code(&f, "POST", NS "/services",
                "{\"metadata\":{\"name\":\"full\"},\"spec\":{\"ports\":[{\"port\":80}]}}"),
        500);
    assert_int_equal(fx_code(&f, "DELETE", NS "/services/s7", NULL), 200);
    assert_int_equal(fx_code(&f, "DELETE", NS "/services/s9", NULL), 200);
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"asks\"},\"spec\":{\"clusterIP\":\"%s\",\"ports\":[{"
             "\"port\":80}]}}",
             seen[8]);
    assert_int_equal(fx_code(&f, "POST", NS "/services", body), 422); /* s8 has it */
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"asks\"},\"spec\":{\"clusterIP\":\"%s\",\"ports\":[{"
             "\"port\":80}]}}",
             seen[9]);
    assert_int_equal(fx_code(&f, "POST", NS "/services", body), 201);
    fx_stop(&f); /* the Services are the record */
    fx_start(&f);
    fx_do(&f, &x, "POST", NS "/services",
          "{\"metadata\":{\"name\":\"last\"},\"spec\":{\"ports\":[{\"port\":80}]}}");
    assert_string_equal(json_str(x.body, "spec", "clusterIP"), seen[7]);
    fx_done(&x);
    fx_do(&f, &x, "PUT", NS "/services/last",
          "{\"metadata\":{\"name\":\"last\"},\"spec\":{\"ports\":[{\"port\":81}]}}");
    assert_int_equal(x.status, 200); /* an update that does not name the address keeps it */
    assert_string_equal(json_str(x.body, "spec", "clusterIP"), seen[7]);
    fx_done(&x);
    fx_close(&f);
}

static void a_freed_address_rests(void **state)
{
    (void)state;
    static const char S[] = "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"port\":80}]}}";
    struct fixture f;
    struct exchange x;
    char first[IP_TEXT_MAX];
    fx_open(&f, NULL);
    fx_do(&f, &x, "POST", NS "/services", S);
    snprintf(first, sizeof(first), "%s", json_str(x.body, "spec", "clusterIP"));
    fx_done(&x);
    assert_int_equal(fx_code(&f, "DELETE", NS "/services/s", NULL), 200);
    fx_do(&f, &x, "POST", NS "/services", S);
    assert_string_not_equal(json_str(x.body, "spec", "clusterIP"), first);
    fx_done(&x);
    fx_close(&f);
}

static void a_claim_in_use_outlives_its_deletion(void **state)
{
    (void)state;
    struct fixture f;
    fx_open(&f, NULL);
    static const char CLAIM[] =
        "{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
        "\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}";
    static const char POD[] =
        "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]"
        ","
        "\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"data\"}}]}}";
    assert_int_equal(fx_code(&f, "POST", NS "/persistentvolumeclaims", CLAIM), 201);
    assert_int_equal(fx_code(&f, "POST", NS "/pods", POD), 201);
    assert_int_equal(fx_code(&f, "DELETE", NS "/persistentvolumeclaims/data", NULL), 200);
    bool never = false;
    loop_run_until(f.loop, &never, 50);
    assert_int_equal(fx_code(&f, "GET", NS "/persistentvolumeclaims/data", NULL), 200);
    assert_int_equal(fx_code(&f, "DELETE", NS "/pods/p", NULL), 200);
    FX_UNTIL(&f, !shelf_get(store_find(f.api.store, "persistentvolumeclaims"), "default/data"));
    fx_close(&f);
}

static void events_go(void **state)
{
    (void)state;
    struct fixture f;
    fx_open(&f, "event_ttl=\"1s\"");
    static const char EVENT[] =
        "{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\","
        "\"namespace\":\"default\"},\"reason\":\"Started\"}";
    assert_int_equal(fx_code(&f, "POST", NS "/events", EVENT), 201);
    assert_int_equal(fx_code(&f, "POST", CMS, "{\"metadata\":{\"name\":\"stays\"}}"), 201);
    assert_int_equal(fx_code(&f, "GET", NS "/events/e", NULL), 200);
    FX_UNTIL(&f, !shelf_get(store_find(f.api.store, "events"), "default/e"));
    assert_int_equal(fx_code(&f, "GET", CMS "/stays", NULL), 200);
    fx_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_learn_nothing),
        cmocka_unit_test(token_files),
        cmocka_unit_test(server_owns_its_fields),
        cmocka_unit_test(a_change_of_nothing_is_no_change),
        cmocka_unit_test(compare_and_swap),
        cmocka_unit_test(the_full_disk_is_told_and_survived),
        cmocka_unit_test(pages_show_one_moment),
        cmocka_unit_test(deletion_plans),
        cmocka_unit_test(owners),
        cmocka_unit_test(collector),
        cmocka_unit_test(namespaces_end_empty),
        cmocka_unit_test(address_ranges),
        cmocka_unit_test(cluster_addresses_are_unique_and_rest),
        cmocka_unit_test(a_freed_address_rests),
        cmocka_unit_test(a_claim_in_use_outlives_its_deletion),
        cmocka_unit_test(events_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
