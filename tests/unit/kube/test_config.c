/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfig files, merging, refusals, the service account, and reading credentials again. */
#include "unit/cm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "kube/config.h"
#include "kube/kube.h"

static char dir[] = "/tmp/kube-config-XXXXXX";

static void put(const char *name, const char *text)
{
    AUTO(mem_freep) char *path = file_path(dir, name);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
}

static int load(const char *name, const char *context, struct kube_config **ret, struct err **err)
{
    AUTO(mem_freep) char *path = file_path(dir, name);
    return kube_config_load(path, context, ret, err);
}

static const char one[] = "apiVersion: v1\n"
                          "kind: Config\n"
                          "current-context: c1\n"
                          "clusters:\n"
                          "- name: k1\n"
                          "  cluster:\n"
                          "    server: https://one:6443\n"
                          "    certificate-authority-data: Q0EtUEVN\n"
                          "    tls-server-name: api.one\n"
                          "users:\n"
                          "- name: u1\n"
                          "  user: {token: inline, tokenFile: token.txt}\n"
                          "- name: u2\n"
                          "  user: {username: me, password: pw, as: you, as-groups: [g1, g2]}\n"
                          "- name: u3\n"
                          "  user: {exec: {command: aws}}\n"
                          "- name: u4\n"
                          "  user: {client-certificate: sub/cert.pem, client-key: sub/key.pem}\n"
                          "- name: u5\n"
                          "  user: {client-certificate: sub/cert.pem}\n"
                          "- name: u6\n"
                          "  user: {tokenFile: nowhere}\n"
                          "- name: u7\n"
                          "  user: {client-key-data: '%%%', client-certificate-data: Q0E=}\n"
                          "contexts:\n"
                          "- {name: c1, context: {cluster: k1, user: u1, namespace: shop}}\n"
                          "- {name: c2, context: {cluster: k1, user: u2}}\n"
                          "- {name: c3, context: {cluster: k1, user: u3}}\n"
                          "- {name: c4, context: {cluster: k1, user: u4}}\n"
                          "- {name: c5, context: {cluster: k1, user: u5}}\n"
                          "- {name: c6, context: {cluster: k1, user: u6}}\n"
                          "- {name: c7, context: {cluster: k1, user: u7}}\n"
                          "- {name: c8, context: {cluster: absent, user: u1}}\n"
                          "- {name: c9, context: {cluster: k1, user: absent}}\n";

static void current_context(void **state)
{
    (void)state;
    struct kube_config *c = NULL;
    put("token.txt", "from-file\n");
    put("one", one);
    assert_int_equal(load("one", NULL, &c, NULL), 0);
    assert_string_equal(kube_config_server(c), "https://one:6443");
    assert_string_equal(kube_config_namespace(c), "shop");
    assert_string_equal(kube_config_context(c), "c1");
    assert_string_equal(c->ca.text, "CA-PEM");
    assert_string_equal(c->server_name, "api.one");
    assert_string_equal(c->token.text, "from-file"); /* tokenFile wins over token */
    kube_config_free(c);
}

static void other_contexts(void **state)
{
    (void)state;
    struct kube_config *c = NULL;
    put("one", one);
    assert_int_equal(load("one", "c2", &c, NULL), 0);
    assert_string_equal(kube_config_namespace(c), "default");
    assert_string_equal(c->user, "me");
    assert_string_equal(c->as, "you");
    assert_string_equal(c->as_groups[1], "g2");
    assert_null(c->as_groups[2]);
    kube_config_free(c);
    AUTO(mem_freep) char *sub = file_path(dir, "sub");
    assert_int_equal(file_dir_make(sub, 0700, NULL), 0);
    put("sub/cert.pem", "CERT\n");
    put("sub/key.pem", "KEY\n");
    assert_int_equal(load("one", "c4", &c, NULL), 0);
    assert_string_equal(c->cert.text, "CERT");
    assert_string_equal(c->key.text, "KEY");
    assert_true(str_starts(c->key.file, dir)); /* relative to the file it stands in */
    kube_config_free(c);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *context, *text;
    } rows[] = {
        {"c3", "exec plugins are not supported"},
        {"c5", "certificate and key together"},
        {"c6", "nowhere"},
        {"c7", "client-key-data: want base64"},
        {"c8", "no cluster \"absent\""},
        {"c9", "no user \"absent\""},
        {"c10", "no context \"c10\""},
    };
    put("one", one);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_config *c = NULL;
        AUTO(err_freep) struct err *err = NULL;
        assert_true(load("one", rows[i].context, &c, &err) < 0);
        if (!strstr(err_text(err), rows[i].text))
            fail_msg("%s: %s", rows[i].context, err_text(err));
        assert_null(c);
    }
}

static void bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"a: [", "bad"},
        {"- 1\n- 2\n", "want a Config object"},
        {"{}", "no current-context"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: k}}]\n"
         "clusters: [{name: k, cluster: {server: 'ftp://x'}}]\n",
         "found \"ftp://x\""},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: k}}]\n"
         "clusters: [{name: k, cluster: {server: 'https://x', proxy-url: 'socks5://p'}}]\n",
         "proxy-url is not supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kube_config *c = NULL;
        AUTO(err_freep) struct err *err = NULL;
        put("bad", rows[i].text);
        assert_true(load("bad", NULL, &c, &err) < 0);
        if (!strstr(err_text(err), rows[i].want))
            fail_msg("%s: %s", rows[i].text, err_text(err));
    }
}

static void several_files(void **state)
{
    (void)state;
    struct kube_config *c = NULL;
    AUTO(err_freep) struct err *err = NULL;
    put("token.txt", "t");
    put("one", one);
    put("two", "current-context: late\n"
               "contexts: [{name: late, context: {cluster: k2}}]\n"
               "clusters: [{name: k2, cluster: {server: 'http://two'}},"
               "{name: k1, cluster: {server: 'http://never'}}]\n");
    AUTO(mem_freep) char *list = mem_printf("%s/absent:%s/one:%s/two", dir, dir, dir);
    assert_int_equal(setenv("KUBECONFIG", list, 1), 0);
    assert_int_equal(kube_config_load(NULL, NULL, &c, NULL), 0);
    assert_string_equal(kube_config_server(c), "https://one:6443"); /* the first of a name wins */
    kube_config_free(c);
    assert_int_equal(kube_config_load(NULL, "late", &c, NULL), 0);
    assert_string_equal(kube_config_server(c), "http://two");
    kube_config_free(c);
    setenv("KUBECONFIG", "/nonexistent/a:/nonexistent/b", 1);
    assert_int_equal(kube_config_load(NULL, NULL, &c, &err), -ENOENT);
    assert_non_null(strstr(err_text(err), "none of these files exists"));
    unsetenv("KUBECONFIG");
    setenv("HOME", dir, 1);
    err_free(TAKE(err));
    assert_int_equal(kube_config_load(NULL, NULL, &c, &err), -ENOENT);
    assert_non_null(strstr(err_text(err), ".kube/config"));
}

static void service_account(void **state)
{
    (void)state;
    struct kube_config *c = NULL;
    AUTO(err_freep) struct err *err = NULL;
    bool token, tls;
    put("token", "sa-1");
    put("ca.crt", "CA");
    put("namespace", "system");
    assert_int_equal(kube_config_in_cluster_at(dir, "fd00::1", "443", &c, NULL), 0);
    assert_string_equal(kube_config_server(c), "https://[fd00::1]:443");
    assert_string_equal(kube_config_namespace(c), "system");
    kube_config_refresh(c, &token, &tls);
    assert_false(token || tls);
    put("token", "sa-2\n");
    kube_config_refresh(c, &token, &tls);
    assert_true(token && !tls);
    assert_string_equal(c->token.text, "sa-2");
    put("ca.crt", "CA2");
    put("token", ""); /* half a rotation: the old token stays */
    kube_config_refresh(c, &token, &tls);
    assert_true(!token && tls);
    assert_string_equal(c->token.text, "sa-2");
    kube_config_free(c);
    assert_int_equal(kube_config_in_cluster_at(dir, NULL, "443", &c, &err), -ENOENT);
    assert_non_null(strstr(err_text(err), "not in a cluster"));
}

static void direct(void **state)
{
    (void)state;
    struct kube_config *c = NULL;
    assert_int_equal(kube_config_direct("https://x", NULL, "tok", &c, NULL), 0);
    assert_string_equal(kube_config_namespace(c), "default");
    assert_string_equal(kube_config_context(c), "");
    kube_config_free(c);
    assert_int_equal(kube_config_direct("x:6443", NULL, NULL, &c, NULL), -EINVAL);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return file_tree_remove(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(current_context), cmocka_unit_test(other_contexts),
        cmocka_unit_test(refusals),        cmocka_unit_test(bad_files),
        cmocka_unit_test(several_files),   cmocka_unit_test(service_account),
        cmocka_unit_test(direct),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
