/* SPDX-License-Identifier: Apache-2.0 */
/* atoll status: from API objects to the document, the table and the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/status_view.h"

static cJSON *parsed(const char *text)
{
    cJSON *j = NULL;
    AUTO(err_freep) struct err *err = NULL;
    if (json_parse(text, strlen(text), &j, &err) < 0)
        fail_msg("%s", err_text(err));
    return j;
}

static cJSON *document(void)
{
    AUTO(json_freep)
    cJSON *nodes =
        parsed("[{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}]");
    AUTO(json_freep)
    cJSON *clusters =
        parsed("[{\"metadata\":{\"namespace\":\"default\",\"name\":\"orders\","
               "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},"
               "\"spec\":{\"clusterDef\":\"fake\",\"topology\":\"pair\"},\"status\":{\"phase\":"
               "\"Updating\",\"conditions\":"
               "[{\"type\":\"Ready\",\"status\":\"False\",\"message\":\"waiting for fake-0\"}]}}]");
    AUTO(json_freep)
    cJSON *components =
        parsed("[{\"metadata\":{\"namespace\":\"default\",\"name\":\"orders-fake\",\"labels\":{"
               "\"app.kubernetes.io/instance\":"
               "\"orders\",\"apps.kubeblocks.io/"
               "component-name\":\"fake\"}},\"spec\":{\"replicas\":2},\"status\":{\"phase\":"
               "\"Running\"}}]");
    AUTO(json_freep)
    cJSON *pods =
        parsed("[{\"metadata\":{\"namespace\":\"default\",\"name\":\"orders-fake-0\",\"labels\":{"
               "\"app.kubernetes.io/instance\":"
               "\"orders\",\"apps.kubeblocks.io/component-name\":\"fake\",\"kubeblocks.io/"
               "role\":\"primary\"}},\"status\":"
               "{\"phase\":\"Running\",\"podIP\":\"127.20.0.2\",\"conditions\":[{\"type\":"
               "\"Ready\",\"status\":\"True\"}],"
               "\"containerStatuses\":[{\"restartCount\":2}]}},"
               "{\"metadata\":{\"namespace\":\"other\",\"name\":\"orders-fake-9\",\"labels\":{"
               "\"app.kubernetes.io/instance\":"
               "\"orders\",\"apps.kubeblocks.io/component-name\":\"fake\"}}}]");
    int64_t now;
    assert_int_equal(clock_parse("2026-01-01T01:00:00Z", &now), 0);
    struct status_input in = {nodes, clusters, components, pods, now};
    cJSON *doc = cJSON_CreateObject(), *members = cJSON_AddArrayToObject(doc, "members");
    cJSON_AddItemToArray(members, status_member("member-1", "https://x", &in));
    cJSON_AddItemToArray(members,
                         status_member_unreachable("member-2", "https://y", "connect refused"));
    return doc;
}

static void the_document_says_what_is(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *doc = document();
    const cJSON *cluster = json_at(doc->child->child, "clusters")->child;
    assert_string_equal(json_str(cluster, "phase"), "Updating");
    assert_string_equal(json_str(cluster, "message"), "waiting for fake-0");
    assert_int_equal(json_int(0, cluster, "ready"), 1);
    assert_int_equal(json_int(0, cluster, "replicas"), 2);
    const cJSON *component = json_at(cluster, "components")->child;
    assert_int_equal(cJSON_GetArraySize(json_at(component, "instances")),
                     1); /* not the one of the other namespace */
}

static void table_and_tree_show_it(void **state)
{
    (void)state;
    AUTO(json_freep) cJSON *doc = document();
    AUTO(buf_done) struct buf table = BUF_INIT(1 << 16);
    AUTO(buf_done) struct buf tree = BUF_INIT(1 << 16);
    AUTO(buf_done) struct buf coloured = BUF_INIT(1 << 16);
    status_print_table(doc, &table);
    status_print_tree(doc, false, &tree);
    status_print_tree(doc, true, &coloured);
    assert_non_null(strstr(buf_str(&table), "MEMBER"));
    assert_non_null(strstr(buf_str(&table), "fake/pair"));
    assert_non_null(strstr(buf_str(&tree), "primary"));
    assert_non_null(strstr(buf_str(&tree), "restarts 2"));
    assert_non_null(strstr(buf_str(&tree), "not reachable: connect refused"));
    assert_null(strchr(buf_str(&tree), '\033'));
    assert_non_null(strchr(buf_str(&coloured), '\033'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_says_what_is),
        cmocka_unit_test(table_and_tree_show_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
