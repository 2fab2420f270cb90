/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of answers, from bytes as Redis 7.0.15 sends them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer.h"

static struct server_answer parsed(const char *info)
{
    struct server_answer a;
    assert_int_equal(server_answer_parse(&a, info, strlen(info)), 0);
    return a;
}

/* RESP bytes to a reply. */
static redisReply *reply(const char *bytes)
{
    redisReader *r = redisReaderCreate();
    void *out = NULL;
    assert_int_equal(redisReaderFeed(r, bytes, strlen(bytes)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(r, &out), REDIS_OK);
    assert_non_null(out);
    redisReaderFree(r);
    return out;
}

#define RUN_ID "c0ffee0123456789c0ffee0123456789c0ffee01"
#define REPLID "9c0a56ed7e84941a218441cfeb960bf5e176da84"

static void test_master(void **state)
{
    (void)state;
    struct server_answer a =
        parsed("# Replication\r\nrole:master\r\nconnected_slaves:2\r\nmin_slaves_good_slaves:0\r\n"
               "slave0:ip=127.16.0.2,port=6379,state=online,offset=50,lag=0\r\n"
               "slave1:ip=127.16.0.3,port=6379,state=wait_bgsave,offset=0,lag=0\r\n"
               "master_replid:" REPLID "\r\nmaster_repl_offset:5484\r\n"
               "# Persistence\r\nloading:0\r\naof_last_write_status:ok\r\n"
               "# Keyspace\r\ndb0:keys=100,expires=0,avg_ttl=0\r\n"
               "db12:keys=7,expires=1,avg_ttl=9\r\n"
               "# Server\r\nrun_id:" RUN_ID "\r\nuptime_in_seconds:12\r\n");
    assert_true(a.master);
    assert_false(a.gated || a.loading || a.link_up || a.empty);
    assert_true(a.aof_ok && a.strict);
    assert_int_equal(a.replicas_online, 1);
    assert_int_equal(a.offset, 5484);
    assert_int_equal(a.keys, 107);
    assert_int_equal(a.uptime, 12);
    assert_string_equal(a.run_id, RUN_ID);
    assert_string_equal(a.replid, REPLID);
    assert_string_equal(a.upstream, "");
}

static void test_replica(void **state)
{
    (void)state;
    struct server_answer a = parsed(
        "role:slave\r\nmaster_host:127.16.0.1\r\nmaster_port:6379\r\nmaster_link_status:up\r\n"
        "master_last_io_seconds_ago:3\r\nslave_read_repl_offset:9\r\nslave_repl_offset:9565\r\n"
        "slave_priority:100\r\nmaster_repl_offset:1\r\nloading:0\r\nrun_id:" RUN_ID "\r\n");
    assert_false(a.master || a.gated);
    assert_true(a.link_up && a.empty);
    assert_false(a.strict);
    assert_string_equal(a.upstream, "127.16.0.1:6379");
    assert_int_equal(a.offset, 9565); /* not master_repl_offset */
    assert_int_equal(a.lag, 3);
    assert_int_equal(a.priority, 100);
}

static void test_gated(void **state)
{
    (void)state;
    struct server_answer a =
        parsed("role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:1\r\n"
               "master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n"
               "loading:1\r\naof_last_write_status:err\r\nrun_id:" RUN_ID "\r\n");
    assert_true(a.gated && a.loading);
    assert_false(a.link_up || a.aof_ok);
    assert_int_equal(a.lag, -1);
}

static void test_not_an_info(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "role:master\r\n",
        "role:sentinel\r\nrun_id:" RUN_ID "\r\n",
        "run_id:" RUN_ID "\r\n",
        "role:slave\r\nrun_id:" RUN_ID "\r\n",
        "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:99999\r\nrun_id:" RUN_ID "\r\n",
        "role:master\r\nrun_id:" RUN_ID "ff\r\n",
        "role",
        ":::\n\n\r\n",
    };
    struct server_answer a;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (server_answer_parse(&a, bad[i], strlen(bad[i])) == 0)
            fail_msg("accepted: %s", bad[i]);
    redisReply *r = reply(":1\r\n");
    assert_int_equal(server_answer_reply(&a, r), -1);
    freeReplyObject(r);
}

/* Every prefix of a good answer must be refused or read without touching what lies behind it. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    static const char info[] =
        "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:1\r\ndb0:keys=1\r\n"
        "slave0:ip=1,state=online\r\nrun_id:" RUN_ID "\r\n";
    for (size_t n = 0; n < sizeof(info); n++) {
        struct server_answer a;
        char *copy = heap_alloc(n); /* exact size: the sanitizer sees one byte too many */
        memcpy(copy, info, n);
        (void)server_answer_parse(&a, copy, n);
        heap_free(copy);
    }
}

static const char master_reply[] =
    "*22\r\n$4\r\nname\r\n$1\r\nm\r\n$2\r\nip\r\n$10\r\n127.16.0.1\r\n"
    "$4\r\nport\r\n$4\r\n6379\r\n$5\r\nflags\r\n$27\r\n"
    "master,failover_in_progress\r\n$14\r\nfailover-state\r\n$13\r\n"
    "reconf_slaves\r\n$12\r\nconfig-epoch\r\n$1\r\n8\r\n"
    "$10\r\nnum-slaves\r\n$1\r\n2\r\n$19\r\nnum-other-sentinels\r\n$1\r\n2\r\n"
    "$6\r\nquorum\r\n$1\r\n2\r\n$23\r\ndown-after-milliseconds\r\n$4\r\n5000\r\n"
    "$14\r\nparallel-syncs\r\n$1\r\n1\r\n";

static void test_sentinel_leader_after_promotion(void **state)
{
    (void)state;
    struct sentinel_answer a;
    redisReply *m = reply(master_reply);
    redisReply *address = reply("*2\r\n$10\r\n127.16.0.3\r\n$4\r\n6379\r\n");
    assert_int_equal(sentinel_answer_master(&a, m), 0);
    assert_true(a.knows);
    assert_string_equal(a.monitors, "127.16.0.1:6379");
    assert_string_equal(a.failover, "reconf_slaves");
    assert_int_equal(a.epoch, 8);
    assert_int_equal(a.others, 2);
    assert_int_equal(a.down_after, 5000);
    assert_false(a.down);
    sentinel_answer_address(&a, address); /* epoch 8 belongs to the promoted one */
    assert_string_equal(a.monitors, "127.16.0.3:6379");
    memcpy(a.failover, "wait_promotion", sizeof("wait_promotion"));
    memcpy(a.monitors, "x", 2);
    sentinel_answer_address(&a, address); /* before the promotion the address says nothing new */
    assert_string_equal(a.monitors, "x");
    freeReplyObject(m);
    freeReplyObject(address);
}

static void test_sentinel_knows_nothing(void **state)
{
    (void)state;
    struct sentinel_answer a;
    redisReply *none = reply("-ERR No such master with that name\r\n");
    redisReply *auth = reply("-NOAUTH Authentication required.\r\n");
    redisReply *quorum =
        reply("+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n");
    redisReply *noquorum = reply("-NOQUORUM 1 usable Sentinels.\r\n");
    assert_int_equal(sentinel_answer_master(&a, none), 0);
    assert_false(a.knows);
    assert_string_equal(a.failover, "none");
    assert_int_equal(sentinel_answer_master(&a, auth), -1);
    sentinel_answer_quorum(&a, quorum);
    assert_true(a.usable);
    sentinel_answer_quorum(&a, noquorum);
    assert_false(a.usable);
    freeReplyObject(none);
    freeReplyObject(auth);
    freeReplyObject(quorum);
    freeReplyObject(noquorum);
}

static void test_errors(void **state)
{
    (void)state;
    assert_string_equal(answer_error_reason("NOAUTH Authentication required."), "AuthFailed");
    assert_string_equal(answer_error_reason("WRONGPASS invalid username-password pair"),
                        "AuthFailed");
    assert_string_equal(answer_error_reason("BUSY Redis is busy running a script."), "Busy");
    assert_string_equal(answer_error_reason("NOPERM this user has no permissions"), "NoPermission");
    assert_string_equal(answer_error_reason("ERR max number of clients reached"), "MaxClients");
    assert_string_equal(answer_error_reason("ERR unknown command"), "EngineError");
}

static void test_endpoints(void **state)
{
    (void)state;
    char out[ENDPOINT_MAX], host[ENDPOINT_MAX];
    int port;
    assert_true(endpoint_format(out, "127.16.0.1", 10, 6379));
    assert_string_equal(out, "127.16.0.1:6379");
    assert_false(endpoint_format(out, "", 0, 6379));
    assert_false(endpoint_format(out, "h", 1, 70000));
    assert_true(endpoint_parse(atoll_str_of("fd00::1:6379"), host, &port));
    assert_string_equal(host, "fd00::1");
    assert_int_equal(port, 6379);
    assert_false(endpoint_parse(atoll_str_of("127.0.0.1"), host, &port));
    assert_false(endpoint_parse(atoll_str_of(":6379"), host, &port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_master),
        cmocka_unit_test(test_replica),
        cmocka_unit_test(test_gated),
        cmocka_unit_test(test_not_an_info),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_sentinel_leader_after_promotion),
        cmocka_unit_test(test_sentinel_knows_nothing),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
