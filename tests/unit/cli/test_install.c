/* SPDX-License-Identifier: Apache-2.0 */
/* Installations: ports and networks never overlap, files on disk are checked, texts are readable by
 * their readers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/conf.h"
#include "base/file.h"
#include "base/map.h"
#include "base/yaml.h"
#include "cli/install.h"

static char *scratch(void)
{
    char name[] = "/tmp/atoll-install-XXXXXX";
    return mem_strdup(mkdtemp(name));
}

static void blocks_do_not_overlap(void **state)
{
    (void)state;
    struct map seen = MAP_INIT;
    for (int b = 0; b < INSTALL_BLOCKS; b++) {
        for (int m = 1; m <= INSTALL_MEMBERS_MAX; m++) {
            struct install i = {.block = b};
            AUTO(mem_freep) char *port = mem_printf("%d", install_port(&i, m));
            AUTO(mem_freep) char *pods = install_pod_cidr(&i, m);
            AUTO(mem_freep) char *services = install_service_cidr(&i, m);
            assert_null(map_set(&seen, port, &seen));
            assert_null(map_set(&seen, pods, &seen));
            assert_null(map_set(&seen, services, &seen));
            int octet = 0;
            assert_true(sscanf(pods, "127.%d.0.0/17", &octet) == 1 && octet > 0 && octet < 256);
        }
    }
    map_done(&seen);
}

static void an_installation_is_found_again(void **state)
{
    (void)state;
    AUTO(mem_freep) char *dir = scratch();
    setenv("XDG_STATE_HOME", dir, 1);
    AUTO(mem_freep) char *at = file_path(dir, "one");
    AUTO(mem_freep) char *other_at = file_path(dir, "two");
    AUTO(err_freep) struct err *err = NULL;
    struct install one, again, two;
    assert_int_equal(install_load(at, &one, &err), -ENOENT);
    assert_non_null(strstr(err_text(err), "atoll up"));
    assert_int_equal(install_create(at, 2, &one, NULL), 0);
    assert_int_equal(install_load(at, &again, NULL), 0);
    assert_int_equal(again.block, one.block);
    assert_int_equal(again.members, 2);
    assert_int_equal(install_create(other_at, 1, &two, NULL), 0);
    assert_int_not_equal(two.block, one.block);
    install_done(&one);
    install_done(&again);
    install_done(&two);
    file_tree_remove(dir, NULL);
}

static void a_damaged_file_is_named(void **state)
{
    (void)state;
    AUTO(mem_freep) char *dir = scratch();
    AUTO(mem_freep) char *path = file_path(dir, "installation.json");
    const char *text = "{\"version\":1,\"block\":0,\"members\":99}";
    AUTO(err_freep) struct err *err = NULL;
    struct install i;
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
    assert_true(install_load(dir, &i, &err) < 0);
    assert_non_null(strstr(err_text(err), "installation.json: members: want 1..8, found 99"));
    file_tree_remove(dir, NULL);
}

static void the_configuration_can_be_read(void **state)
{
    (void)state;
    static const struct conf_key keys[] = {
        {"name", CONF_STR, NULL, 0, 0, NULL, ""},
        {"roles", CONF_STR_LIST, NULL, 0, 0, NULL, ""},
        {"lock_file", CONF_STR, NULL, 0, 0, NULL, ""},
        {"api.port", CONF_INT, NULL, 1, 65535, NULL, ""},
        {"api.address", CONF_STR, NULL, 0, 0, NULL, ""},
        {"api.data_dir", CONF_STR, NULL, 0, 0, NULL, ""},
        {"api.cert_file", CONF_STR, NULL, 0, 0, NULL, ""},
        {"api.key_file", CONF_STR, NULL, 0, 0, NULL, ""},
        {"api.client_ca_file", CONF_STR, NULL, 0, 0, NULL, ""},
        {"api.tokens_file", CONF_STR, NULL, 0, 0, NULL, ""},
        {"api.service_cidr", CONF_STR, NULL, 0, 0, NULL, ""},
        {"kube.kubeconfig", CONF_STR, NULL, 0, 0, NULL, ""},
        {"node_agent.dir", CONF_STR, NULL, 0, 0, NULL, ""},
        {"node_agent.pod_cidr", CONF_STR, NULL, 0, 0, NULL, ""},
        {"node_agent.address", CONF_STR, NULL, 0, 0, NULL, ""},
        {"node_agent.log_token_file", CONF_STR, NULL, 0, 0, NULL, ""},
        {"member.leader_election", CONF_BOOL, NULL, 0, 0, NULL, ""},
        {"engines.*.isolation", CONF_STR, "process", 0, 0, "process|inline", ""},
    };
    struct install i = {.dir = (char *)(uintptr_t) "/tmp/x", .block = 3, .members = 2};
    const char *engines[] = {"fake", NULL};
    AUTO(mem_freep) char *text = install_conf_text(&i, 2, engines);
    AUTO(err_freep) struct err *err = NULL;
    AUTO(conf_freep) struct conf *c = NULL;
    if (conf_load_text("00-atoll.cfg", text, keys, ARRAY_LEN(keys), &c, &err) < 0)
        fail_msg("%s", err_text(err));
    assert_string_equal(conf_str(c, "name"), "member-2");
    assert_int_equal(conf_int(c, "api.port"), install_port(&i, 2));
    assert_string_equal(conf_str(c, "engines.fake.isolation"), "process");
}

static void the_kubeconfig_can_be_read(void **state)
{
    (void)state;
    struct install i = {.dir = (char *)(uintptr_t) "/tmp/x", .block = 0, .members = 2};
    const char *tokens[] = {"aaa", "bbb"};
    AUTO(mem_freep) char *text = install_kubeconfig_text(&i, "PEM", tokens, 1, 2);
    AUTO(json_freep) cJSON *docs = NULL;
    assert_int_equal(yaml_parse("kubeconfig", text, strlen(text), &docs, NULL), 0);
    const cJSON *config = docs->child;
    assert_string_equal(json_str(config, "current-context"), "member-1");
    assert_int_equal(cJSON_GetArraySize(json_at(config, "contexts")), 2);
    const cJSON *user = json_find(json_at(config, "users"), "name", "member-2");
    assert_string_equal(json_str(user, "user", "token"), "bbb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_do_not_overlap),
        cmocka_unit_test(an_installation_is_found_again),
        cmocka_unit_test(a_damaged_file_is_named),
        cmocka_unit_test(the_configuration_can_be_read),
        cmocka_unit_test(the_kubeconfig_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
