/* SPDX-License-Identifier: Apache-2.0 */
/* HAProxy as text: slots, commands, configuration, and reading its answers (recorded from 2.6.12).
 */
#include "unit/cm.h"

#include <string.h>

#include "node/balance.h"

#define PROXY "127.101.0.5:6379"

static bool assign(struct proxy *p, const char *a, const char *b, const char *c)
{
    const char *t[] = {a, b, c};
    size_t n = 0;
    while (n < 3 && t[n])
        n++;
    return proxy_assign(p, t, n);
}

static void says(struct proxy *p, const char *commands, const char *cuts)
{
    AUTO(buf_done) struct buf c = BUF_INIT(65536), k = BUF_INIT(65536);
    proxy_commands(p, &c, &k);
    assert_string_equal(buf_str(&c), commands);
    assert_string_equal(buf_str(&k), cuts);
    assert_true(proxy_settled(p));
}

static void one_target_moves(void **state)
{
    (void)state;
    struct proxy *p = proxy_new(PROXY);
    assert_true(assign(p, "127.1.1.1:6379", NULL, NULL)); /* the first slots are new */
    assert_int_equal(p->n, BALANCE_SLOTS_MIN);
    says(p, "", ""); /* no worker knows it yet */
    p->known = p->n;
    says(p,
         "set server " PROXY "/s1 addr 127.1.1.1 port 6379\nset server " PROXY "/s1 state ready\n",
         "");
    assert_false(assign(p, "127.1.1.1:6379", NULL, NULL));
    says(p, "", "");
    /* The role moves: one slot changes its address, old sessions end after that. */
    assert_false(assign(p, "127.1.1.2:6379", NULL, NULL));
    assert_false(proxy_settled(p));
    says(p,
         "set server " PROXY "/s1 addr 127.1.1.2 port 6379\nset server " PROXY "/s1 state ready\n"
         "shutdown sessions server " PROXY "/s1\n",
         PROXY "/s1\n");
    assert_false(assign(p, NULL, NULL, NULL));
    says(p, "set server " PROXY "/s1 state maint\nshutdown sessions server " PROXY "/s1\n",
         PROXY "/s1\n");
    proxy_free(p);
}

static void others_keep_their_slot(void **state)
{
    (void)state;
    struct proxy *p = proxy_new(PROXY);
    assign(p, "a:1", "b:1", "c:1");
    p->known = p->n;
    AUTO(buf_done) struct buf drop = BUF_INIT(65536);
    proxy_commands(p, &drop, &drop);
    assign(p, "c:1", "d:1", NULL);
    says(p,
         "set server " PROXY "/s2 state maint\nset server " PROXY
         "/s1 addr d port 1\nset server " PROXY "/s1 state ready\nshutdown sessions server " PROXY
         "/s1\nshutdown sessions server " PROXY "/s2\n",
         PROXY "/s1\n" PROXY "/s2\n");
    assert_string_equal(p->slots[2].want, "c:1");
    const char *many[] = {"a:1", "b:1", "c:1", "d:1", "e:1"};
    assert_true(proxy_assign(p, many, 5));
    assert_int_equal(p->n, 16);
    assert_string_equal(p->slots[2].want, "c:1");
    AUTO(map_done) struct map all = MAP_INIT;
    AUTO(buf_done) struct buf text = BUF_INIT(65536), late = BUF_INIT(65536);
    struct balance_settings s = {"/x/worker.sock", 1000, 1};
    map_set(&all, p->name, p);
    p->declared = true;
    balance_config(&all, &s, &text);
    assign(p, "z:1", NULL, NULL); /* while the new worker starts */
    proxy_commands(p, &late, &late);
    proxy_reloaded(p); /* it starts from the file: what came later is said again */
    assert_int_equal(p->known, 16);
    assert_string_equal(p->slots[2].told, "c:1");
    assert_false(proxy_settled(p));
    proxy_free(p);
}

static void config(void **state)
{
    (void)state;
    AUTO(map_done) struct map all = MAP_INIT;
    struct proxy *a = proxy_new(PROXY), *b = proxy_new("127.101.0.4:80");
    map_set(&all, a->name, a);
    map_set(&all, b->name, b);
    a->declared = b->declared = true;
    b->sticky = true;
    assign(a, "127.1.1.2:6379", NULL, NULL);
    assign(b, NULL, NULL, NULL);
    AUTO(buf_done) struct buf text = BUF_INIT(65536);
    struct balance_settings s = {"/x/worker.sock", 1000, 1};
    balance_config(&all, &s, &text);
    const char *listen = strstr(buf_str(&text), "listen ");
    assert_string_equal(listen,
                        "listen 127.101.0.4:80\n    bind 127.101.0.4:80\n    balance source\n"
                        "    server s1 127.0.0.1:1 disabled\n    server s2 127.0.0.1:1 disabled\n"
                        "    server s3 127.0.0.1:1 disabled\n    server s4 127.0.0.1:1 disabled\n"
                        "\nlisten " PROXY "\n    bind " PROXY "\n    balance roundrobin\n"
                        "    server s1 127.1.1.2:6379\n    server s2 127.0.0.1:1 disabled\n"
                        "    server s3 127.0.0.1:1 disabled\n    server s4 127.0.0.1:1 disabled\n");
    assert_non_null(strstr(buf_str(&text), "stats socket /x/worker.sock mode 600 level admin"));
    b->barred = true;
    buf_cut(&text, 0);
    balance_config(&all, &s, &text);
    assert_null(strstr(buf_str(&text), "127.101.0.4"));
    proxy_free(a);
    proxy_free(b);
}

static const char servers_state[] =
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
    "srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
    "srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
    "srv_check_addr "
    "srv_agent_addr srv_agent_port\n"
    "2 " PROXY " 1 s1 127.1.1.9 0 1 1 1 0 1 0 0 0 0 0 0 - 7000 - 0 0 - - 0\n"
    "2 " PROXY " 2 s2 127.1.1.8 2 4 1 1 0 1 0 0 8 0 0 0 - 7001 - 0 0 - - 0\n"
    "2 " PROXY " 3 s3 127.0.0.1 0 5 1 1 0 1 0 0 8 0 0 0 - 1 - 0 0 - - 0\n"
    "nonsense\n3 MASTER 1 s1\n\n";

/* After a restart of the daemon: what runs is learned, so unchanged targets cost nothing. */
static void adoption(void **state)
{
    (void)state;
    AUTO(map_done) struct map all = MAP_INIT;
    balance_learn(&all, servers_state);
    assert_int_equal(map_len(&all), 1);
    struct proxy *p = map_get(&all, PROXY);
    assert_int_equal(p->n, 3);
    assert_null(p->slots[0].told);
    assert_string_equal(p->slots[1].told, "127.1.1.8:7001");
    assert_true(proxy_settled(p));
    p->declared = true;
    balance_learn(&all, servers_state);
    assert_false(assign(p, "127.1.1.8:7001", NULL, NULL));
    says(p, "", "");
    proxy_free(p);
}

static void answers(void **state)
{
    (void)state;
    int pids[4];
    assert_int_equal(balance_old_workers(
                         "#<PID> <type> <reloads>\n32039           master          1\n# workers\n"
                         "32128           worker          0\n# old workers\n"
                         "32042           worker          1\n32001 worker 2\n# programs\n\n",
                         pids, 4),
                     2);
    assert_int_equal(pids[0], 32042);
    assert_int_equal(pids[1], 32001);
    AUTO(buf_done) struct buf out = BUF_INIT(65536);
    balance_cut(
        "0x560299ba2420: proto=tcpv4 src=127.0.0.1:45520 fe=" PROXY " be=" PROXY
        " srv=s1 ts=00 age=0s\n"
        "0x560299ba2421: proto=tcpv4 src=127.0.0.1:45521 fe=" PROXY " be=" PROXY
        " srv=s11 ts=00 age=0s\n"
        "0x560299ca9180: proto=sockpair src=unix:2 fe=GLOBAL be=<NONE> srv=<none> ts=00\n\n",
        "x/s1\n" PROXY "/s1\n", 77, &out);
    assert_string_equal(buf_str(&out), "@!77 shutdown session 0x560299ba2420\n");
}

static void batches(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf lines = BUF_INIT(1000), out = BUF_INIT(1000);
    buf_adds(&lines, "aaaa\nbbbb\ncccc\n");
    balance_batch(&lines, 10, &out);
    assert_string_equal(buf_str(&out), "aaaa;bbbb\n");
    buf_cut(&out, 0);
    balance_batch(&lines, 2, &out); /* one is always taken */
    assert_string_equal(buf_str(&out), "cccc\n");
    assert_int_equal(lines.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_target_moves), cmocka_unit_test(others_keep_their_slot),
        cmocka_unit_test(config),           cmocka_unit_test(adoption),
        cmocka_unit_test(answers),          cmocka_unit_test(batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
