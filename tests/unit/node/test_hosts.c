/* SPDX-License-Identifier: Apache-2.0 */
/* Names: the lines of a Service, and the files that follow. */
#include "unit/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "node/hosts.h"

static void of_service(const char *service, const struct endpoint_set *set, const char *global,
                       const char *local)
{
    AUTO(json_freep) cJSON *s = cJSON_Parse(service);
    AUTO(buf_done) struct buf g = BUF_INIT(65536), l = BUF_INIT(65536);
    hosts_of_service(s, set, &g, &l);
    assert_string_equal(buf_str(&g), global);
    assert_string_equal(buf_str(&l), local);
}

static void lines(void **state)
{
    (void)state;
    struct endpoint list[] = {{.ip = "127.1.1.1", .pod = "p-0", .hostname = "h-0", .ready = true},
                              {.ip = "127.1.1.2", .pod = "p-1", .ready = true},
                              {.ip = "127.1.1.3", .pod = "p-2", .ready = false}};
    struct endpoint_group group = {.list = list, .n = 3};
    struct endpoint_set set = {&group, 1};
    of_service("{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"127."
               "101.0.1\"}}",
               &set, "127.101.0.1\ts.ns.svc.cluster.local s.ns.svc s.ns\n", "127.101.0.1\ts\n");
    of_service(
        "{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"None\"}}",
        &set,
        "127.1.1.1\th-0.s.ns.svc.cluster.local h-0.s.ns.svc h-0.s.ns\n"
        "127.1.1.1\ts.ns.svc.cluster.local s.ns.svc s.ns\n"
        "127.1.1.2\tp-1.s.ns.svc.cluster.local p-1.s.ns.svc p-1.s.ns\n"
        "127.1.1.2\ts.ns.svc.cluster.local s.ns.svc s.ns\n",
        "127.1.1.1\th-0.s s\n127.1.1.2\tp-1.s s\n");
    of_service(
        "{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\"},\"spec\":{\"type\":\"ExternalName\"}}",
        &set, "", "");
}

static char *content(const char *dir)
{
    AUTO(mem_freep) char *path = file_path(dir, "hosts");
    char *text = NULL;
    size_t len;
    return file_read(path, 65536, &text, &len, NULL) ? mem_strdup("") : text;
}

static void await(struct loop *l, const char *dir, const char *want, bool there)
{
    static const bool never = false;
    uint64_t until = clock_mono_ms() + 10000;
    for (;;) {
        AUTO(mem_freep) char *text = content(dir);
        if ((strstr(text, want) != NULL) == there)
            return;
        if (clock_mono_ms() > until)
            fail_msg("waited 10 s for \"%s\" in %s", want, dir);
        loop_run_until(l, &never, 5);
    }
}

static void files(void **state)
{
    (void)state;
    char dir[] = "/tmp/atoll-hosts-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct loop *l = NULL;
    assert_int_equal(loop_new(&l, NULL), 0);
    AUTO(arena_freep) struct arena *a = arena_new(65536);
    struct hosts *h = hosts_new(l, dir);
    hosts_set(h, "svc a/s", "a", "1.1.1.1\ts.a\n", "1.1.1.1\ts\n");
    hosts_set(h, "the pod a/s", "a", NULL, "2.2.2.2\ts\n");
    AUTO(err_freep) struct err *err = NULL;
    const char *da = hosts_dir(h, "a", a, &err),
               *db = hosts_dir(h, "b", a, &err); /* filled at once */
    AUTO(mem_freep) char *ta = content(da), *tb = content(db);
    assert_non_null(
        strstr(ta, "1.1.1.1\ts\n2.2.2.2\ts\n1.1.1.1\ts.a\n")); /* a Service wins over a Pod */
    assert_non_null(strstr(tb, "1.1.1.1\ts.a\n"));
    assert_null(strstr(tb, "1.1.1.1\ts\n")); /* short names are for their own namespace */
    hosts_set(h, "svc a/s", "a", "3.3.3.3\ts.a\n", NULL);
    await(l, db, "3.3.3.3\ts.a", true);
    await(l, da, "1.1.1.1", false);
    hosts_set(h, "svc a/s", "a", NULL, NULL);
    await(l, db, "3.3.3.3", false);
    hosts_free(h);
    loop_free(l);
    assert_int_equal(file_tree_remove(dir, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
