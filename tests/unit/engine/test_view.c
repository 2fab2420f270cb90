/* SPDX-License-Identifier: Apache-2.0 */
/* JSON view to ABI structs: every field, every complaint with its path, roles filled from outside,
 * bounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/view.h"

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;
    assert_int_equal(json_parse(text, strlen(text), &j, NULL), 0);
    return j;
}

static struct scene *decode(const char *text, view_role_fn *roles)
{
    AUTO(json_freep) cJSON *j = parse(text);
    struct scene *s = NULL;
    struct err *err = NULL;
    if (scene_new(j, NULL, roles, NULL, &s, &err) < 0)
        fail_msg("%s", err_text(err));
    return s;
}

static void check_is(struct atoll_str s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.len ? s.ptr : "", text, s.len);
}

static const char full[] =
    "{\"cluster\":\"default/"
    "orders\",\"topology\":\"replication\",\"component\":\"db\",\"ageMs\":\"12345678901\","
    "\"components\":[{\"name\":\"db\",\"definition\":\"db-7\",\"serviceVersion\":\"7.0.6\","
    "\"sharding\":\"sh\","
    "\"replicas\":3,\"cpuMilli\":500,\"memoryBytes\":1073741824,\"storageBytes\":7,"
    "\"options\":{\"maxmemory-policy\":\"noeviction\"},"
    "\"accounts\":[{\"name\":\"default\",\"username\":\"u\",\"secret\":\"ref\"}],"
    "\"instances\":[{\"id\":\"u1\",\"name\":\"orders-db-0\",\"component\":\"db\",\"address\":\"127."
    "15.0.1\","
    "\"host\":\"orders-db-0.x\",\"ordinal\":4,\"present\":true,\"running\":true,\"ready\":false,"
    "\"terminating\":true,\"leaving\":true,\"role\":\"primary\",\"roleVersion\":"
    "\"18446744073709551615\","
    "\"observedMsAgo\":17,\"facts\":{\"offset\":\"99\"}},{\"id\":\"u2\",\"name\":\"orders-db-1\"}]}"
    ","
    "{\"name\":\"watcher\"}]}";

static void test_every_field(void **state)
{
    (void)state;
    struct scene *s = decode(full, NULL);
    const struct atoll_view *v = s->view;
    check_is(v->cluster, "default/orders");
    check_is(v->topology, "replication");
    check_is(v->component, "db");
    assert_true(v->age_ms == 12345678901ull);
    assert_int_equal(v->size, sizeof(*v));
    assert_int_equal(v->n_components, 2);
    const struct atoll_component *c = v->components[0];
    assert_int_equal(c->size, sizeof(*c));
    check_is(c->definition, "db-7");
    check_is(c->service_version, "7.0.6");
    check_is(c->sharding, "sh");
    assert_int_equal(c->replicas, 3);
    assert_true(c->cpu_milli == 500 && c->memory_bytes == 1073741824 && c->storage_bytes == 7);
    assert_int_equal(c->n_options, 1);
    check_is(c->options[0].key, "maxmemory-policy");
    check_is(c->options[0].value, "noeviction");
    assert_int_equal(c->n_accounts, 1);
    check_is(c->accounts[0]->secret, "ref");
    assert_int_equal(c->n_instances, 2);
    const struct atoll_instance *in = c->instances[0];
    check_is(in->name, "orders-db-0");
    check_is(in->address, "127.15.0.1");
    check_is(in->host, "orders-db-0.x");
    assert_true(in->ordinal == 4);
    assert_int_equal(in->flags, ATOLL_INSTANCE_PRESENT | ATOLL_INSTANCE_RUNNING |
                                    ATOLL_INSTANCE_TERMINATING | ATOLL_INSTANCE_LEAVING |
                                    ATOLL_INSTANCE_ROLE_KNOWN);
    check_is(in->role, "primary");
    assert_true(in->role_version == UINT64_MAX && in->observed_ms_ago == 17);
    assert_int_equal(in->n_facts, 1);
    assert_int_equal(in->fact_size, sizeof(struct atoll_fact));
    check_is(in->facts[0].value, "99");
    check_is(c->instances[1]->component, "db"); /* inherited */
    assert_int_equal(c->instances[1]->flags, 0);
    assert_ptr_equal(scene_instance(s, "u2"), c->instances[1]);
    assert_null(scene_instance(s, "u3"));
    scene_unref(s);
}

static bool roles(void *arg, struct atoll_str instance, struct view_role *ret)
{
    static const struct atoll_fact fact = {{"k", 1}, {"v", 1}, ATOLL_FACT_VOLATILE, 0};
    (void)arg;
    if (strcmp(instance.ptr, "u2") != 0 && strcmp(instance.ptr, "u1") != 0)
        return false;
    *ret = (struct view_role){.known = true,
                              .role = {"secondary", 9},
                              .version = 8,
                              .observed_ms_ago = 3,
                              .facts = &fact,
                              .n_facts = 1};
    return true;
}

static void test_roles_from_outside(void **state)
{
    (void)state;
    struct scene *s = decode(full, roles);
    const struct atoll_instance *first = scene_instance(s, "u1"), *second = scene_instance(s, "u2");
    check_is(first->role, "primary"); /* the view said so itself */
    check_is(second->role, "secondary");
    assert_true(second->flags & ATOLL_INSTANCE_ROLE_KNOWN);
    assert_true(second->role_version == 8);
    check_is(second->facts[0].key, "k");
    assert_int_equal(second->facts[0].flags, ATOLL_FACT_VOLATILE);
    scene_unref(s);
}

static void test_complaints_name_the_path(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"[]", "view: want an object"},
        {"{}", "view: cluster: want a text, found nothing"},
        {"{\"cluster\":\"\"}", "view: cluster: want a text, found an empty one"},
        {"{\"cluster\":\"c\",\"ageMs\":\"x\"}", "view: ageMs: want an unsigned number"},
        {"{\"cluster\":\"c\",\"components\":{}}", "view: components: want a list"},
        {"{\"cluster\":\"c\",\"components\":[1]}", "view: components: want a list of objects"},
        {"{\"cluster\":\"c\",\"components\":[{\"name\":7}]}",
         "view: components[0].name: want a text"},
        {"{\"cluster\":\"c\",\"components\":[{\"name\":\"a\",\"replicas\":-1}]}",
         "view: components[0].replicas: want a whole number in its bounds"},
        {"{\"cluster\":\"c\",\"components\":[{\"name\":\"a\",\"options\":{\"k\":1}}]}",
         "view: components[0].options.k: want a text"},
        {"{\"cluster\":\"c\",\"components\":[{\"name\":\"a\"},{\"name\":\"b\",\"instances\":[{"
         "\"name\":\"x\"}]}]}",
         "view: components[1].instances[0].id: want a text, found nothing"},
        {"{\"cluster\":\"c\",\"components\":[{\"name\":\"a\",\"instances\":[{\"id\":\"x\",\"name\":"
         "\"x\",\"ready\":1}]}]}",
         "view: components[0].instances[0].ready: want true or false"},
        {"{\"cluster\":\"c\",\"components\":[{\"name\":\"a\",\"instances\":[{\"id\":\"x\",\"name\":"
         "\"x\"},"
         "{\"id\":\"x\",\"name\":\"y\"}]}]}",
         "view: components[0].instances[1].id: x stands twice"},
        {"{\"cluster\":\"c\",\"component\":\"z\",\"components\":[{\"name\":\"a\"}]}",
         "view: component: \"z\" is none of components"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(json_freep) cJSON *j = parse(rows[i][0]);
        struct scene *s = NULL;
        struct err *err = NULL;
        assert_int_equal(scene_new(j, NULL, NULL, NULL, &s, &err), -EINVAL);
        assert_null(s);
        assert_string_equal(err_text(err), rows[i][1]);
        err_free(err);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    buf_adds(&b, "{\"cluster\":\"c\",\"components\":[{\"name\":\"a\"}");
    for (int i = 0; i < VIEW_COMPONENTS_MAX; i++)
        buf_adds(&b, ",{\"name\":\"a\"}");
    buf_adds(&b, "]}");
    AUTO(json_freep) cJSON *j = parse(buf_str(&b));
    struct scene *s = NULL;
    struct err *err = NULL;
    assert_int_equal(scene_new(j, NULL, NULL, NULL, &s, &err), -E2BIG);
    assert_string_equal(err_text(err), "view: components: want at most 1024 elements");
    err_free(err);
    buf_done(&b);
}

/* The bound is over all components together. */
static void test_instances_in_total(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4 << 20);
    buf_adds(&b, "{\"cluster\":\"c\",\"components\":[");
    for (int c = 0; c < 3; c++) {
        buf_addf(&b, "%s{\"name\":\"%d\",\"instances\":[", c ? "," : "", c);
        for (int i = 0; i < VIEW_INSTANCES_MAX / 3 + 1; i++)
            buf_addf(&b, "%s{\"id\":\"%d-%d\",\"name\":\"x\"}", i ? "," : "", c, i);
        buf_adds(&b, "]}");
    }
    buf_adds(&b, "]}");
    AUTO(json_freep) cJSON *j = parse(buf_str(&b));
    struct scene *s = NULL;
    struct err *err = NULL;
    assert_int_equal(scene_new(j, NULL, NULL, NULL, &s, &err), -E2BIG);
    assert_string_equal(err_text(err), "view: want at most 20000 instances");
    err_free(err);
    buf_done(&b);
}

static void test_references(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *j = parse("{\"cluster\":\"c\"}");
    AUTO(json_freep) cJSON *secrets = parse("{\"a\":\"one\",\"b\":\"two\"}");
    AUTO(json_freep) cJSON *wrong = parse("{\"a\":1}");
    struct scene *s = NULL;
    struct str got = {0};
    assert_int_equal(scene_new(j, wrong, NULL, NULL, &s, NULL), -EINVAL);
    assert_int_equal(scene_new(j, secrets, NULL, NULL, &s, NULL), 0);
    scene_ref(s);
    scene_unref(s);
    assert_true(secrets_get(s->secrets, STR("b"), &got));
    assert_true(str_eq(got, STR("two")));
    assert_false(secrets_get(s->secrets, STR("c"), &got));
    scene_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field), cmocka_unit_test(test_roles_from_outside),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_complaints_name_the_path),
        cmocka_unit_test(test_references),  cmocka_unit_test(test_instances_in_total),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
