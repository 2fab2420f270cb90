/* SPDX-License-Identifier: Apache-2.0 */
/* Client and server together, plain and TLS: answers, streams, deadlines, cancelling at awkward
 * moments, client certificates, upgrades over TLS. */
#include "unit/cm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/http_client.h"
#include "io/http_server.h"
#include "io/tls.h"

#define WAIT_MS 10000

static struct loop *loop;
static struct http_server *server;
static struct http_client *client;
static struct tls_pair ca, server_pair, client_pair, stranger_ca, stranger_pair;
static struct http_in *stream_in;
static int hanging, left;
static char base_url[64];

/* What one request brought. */
struct result {
    bool done, head_seen;
    int heads, head_status, status;
    bool timed_out;
    char *error, *content_type, *retry_after;
    struct buf data;
    struct http_request *request;
    bool cancel_in_data;
};

static void on_head(void *arg, int status)
{
    struct result *r = arg;
    r->heads++;
    r->head_seen = true;
    r->head_status = status;
}

static void on_data(void *arg, struct str piece)
{
    struct result *r = arg;
    buf_add(&r->data, piece.ptr, piece.len);
    if (r->cancel_in_data) {
        http_cancel(r->request);
        r->done = true;
    }
}

static void on_done(void *arg, const struct http_answer *a)
{
    struct result *r = arg;
    assert_false(r->done);
    r->done = true;
    r->status = a->status;
    r->timed_out = a->timed_out;
    r->error = mem_strdup(a->error);
    r->content_type = mem_strdup(a->content_type);
    r->retry_after = mem_strdup(a->retry_after);
    if (a->body.len)
        buf_add(&r->data, a->body.ptr, a->body.len);
}

static void result_done(struct result *r)
{
    mem_free(r->error);
    mem_free(r->content_type);
    mem_free(r->retry_after);
    buf_done(&r->data);
}

#define RESULT(name) AUTO(result_done) struct result name = {.data = BUF_INIT(100000000)}

static char *url_of(const char *path)
{
    return mem_printf("%s%s", base_url, path);
}

static void start(struct result *r, struct http_call call, const char *path, bool streaming)
{
    AUTO(mem_freep) char *url = url_of(path);
    AUTO(err_freep) struct err *err = NULL;
    struct http_handler h = {on_head, streaming ? on_data : NULL, on_done, r};
    call.url = url;
    call.method = call.method ? call.method : "GET";
    assert_int_equal(http_start(client, &call, &h, &r->request, &err), 0);
    assert_false(r->done); /* never from inside http_start */
}

static void finish(struct result *r)
{
    if (loop_run_until(loop, &r->done, WAIT_MS))
        fail_msg("no end of the request; so far '%s'", buf_str(&r->data));
}

static void on_stream_gone(void *user)
{
    (void)user;
    left++;
    stream_in = NULL;
}

static void on_hang_gone(void *user)
{
    (void)user;
    left++;
}

static void whoami(struct http_in *in)
{
    AUTO(buf_done) struct buf b = BUF_INIT(1000);
    buf_addf(&b, "cn=%s", http_in_cert_cn(in) ? http_in_cert_cn(in) : "-");
    for (const char *const *org = http_in_cert_orgs(in); *org; org++)
        buf_addf(&b, " o=%s", *org);
    http_reply(in, 200, NULL, 0, str_of(buf_str(&b)));
}

static void on_request(void *arg, struct http_in *in)
{
    (void)arg;
    const struct http_header headers[] = {{"Content-Type", "text/plain"}, {"Retry-After", "7"}};
    const char *path = http_in_path(in);
    if (streq(path, "/stream")) {
        http_in_set_user(in, &left, on_stream_gone);
        http_stream_start(in, 200, headers, 1);
        stream_in = in;
    } else if (streq(path, "/hang")) {
        http_in_set_user(in, &left, on_hang_gone);
        hanging++;
    } else if (streq(path, "/whoami")) {
        whoami(in);
    } else if (streq(path, "/host")) {
        http_reply(in, 200, NULL, 0, str_of(http_in_header(in, "Host")));
    } else if (streq(path, "/busy")) {
        http_reply(in, 429, headers, 2, STR("later"));
    } else if (streq(path, "/big")) {
        static char block[200000];
        http_reply(in, 200, NULL, 0, (struct str){block, sizeof(block)});
    } else {
        AUTO(buf_done) struct buf b = BUF_INIT(1000000);
        buf_addf(&b, "%s %s ", http_in_method(in),
                 http_in_header(in, "x-key") ? http_in_header(in, "x-key") : "-");
        buf_add(&b, http_in_body(in).ptr, http_in_body(in).len);
        http_reply(in, 200, headers, 1, str_of(buf_str(&b)));
    }
}

static int begin(bool tls)
{
    struct http_server_opts o = {
        .address = "127.0.0.1", .body_max = 1000000, .on_request = on_request};
    if (tls) {
        o.cert = server_pair.cert;
        o.key = server_pair.key;
        o.client_ca = ca.cert;
    }
    stream_in = NULL;
    hanging = left = 0;
    if (loop_new(&loop, NULL) || http_server_new(loop, &o, &server, NULL) ||
        http_client_new(loop, &client, NULL))
        return -1;
    snprintf(base_url, sizeof(base_url), "%s://127.0.0.1:%u", tls ? "https" : "http",
             http_server_port(server));
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return begin(false);
}

static int setup_tls(void **state)
{
    (void)state;
    return begin(true);
}

static int teardown(void **state)
{
    (void)state;
    http_client_free(client);
    http_server_free(server);
    loop_free(loop);
    return 0;
}

static void plain(void **state)
{
    (void)state;
    RESULT(r);
    const struct http_header headers[] = {{"X-Key", "value"}};
    start(&r, (struct http_call){.headers = headers, .n_headers = 1}, "/x", false);
    finish(&r);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.heads, 1);
    assert_int_equal(r.head_status, 200);
    assert_null(r.error);
    assert_string_equal(r.content_type, "text/plain");
    assert_string_equal(buf_str(&r.data), "GET value ");
}

static void bodies(void **state)
{
    (void)state;
    static const char *const names[] = {"POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        RESULT(r);
        RESULT(empty);
        char want[64];
        start(&r, (struct http_call){.method = names[i], .body = STR("the body")}, "/x", false);
        start(&empty, (struct http_call){.method = names[i]}, "/x", false);
        finish(&r);
        finish(&empty);
        snprintf(want, sizeof(want), "%s - the body", names[i]);
        assert_string_equal(buf_str(&r.data), want);
        snprintf(want, sizeof(want), "%s - ", names[i]);
        assert_string_equal(buf_str(&empty.data), want);
    }
    RESULT(head);
    RESULT(busy);
    start(&head, (struct http_call){.method = "HEAD"}, "/x", false);
    start(&busy, (struct http_call){0}, "/busy", false);
    finish(&head);
    finish(&busy);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.data.len, 0);
    assert_int_equal(busy.status, 429);
    assert_string_equal(busy.retry_after, "7");
    assert_null(busy.error);
}

static void large_upload(void **state)
{
    (void)state;
    RESULT(r);
    AUTO(mem_freep) char *body = mem_alloc(900001);
    memset(body, 'u', 900000);
    start(&r, (struct http_call){.method = "POST", .body = str_of(body)}, "/x", false);
    finish(&r);
    assert_int_equal(r.data.len, 7 + 900000);
}

static void failures(void **state)
{
    (void)state;
    RESULT(refused);
    RESULT(big);
    RESULT(slow);
    RESULT(bad);
    AUTO(err_freep) struct err *err = NULL;
    struct http_handler h = {NULL, NULL, on_done, &refused};
    struct http_call call = {.method = "GET", .url = "http://127.0.0.1:1/"};
    assert_int_equal(http_start(client, &call, &h, NULL, &err), 0);
    finish(&refused);
    assert_int_equal(refused.status, 0);
    assert_string_equal(refused.error, "connect to 127.0.0.1:1: Connection refused");
    assert_false(refused.timed_out);
    start(&big, (struct http_call){.body_max = 1000}, "/big", false);
    finish(&big);
    assert_int_equal(big.status, 0);
    assert_non_null(strstr(big.error, "want at most 1000 bytes, found more"));
    start(&slow, (struct http_call){.deadline_ms = 50}, "/hang", false);
    finish(&slow);
    assert_int_equal(slow.status, 0);
    assert_true(slow.timed_out);
    assert_non_null(strstr(slow.error, "no answer within 50 ms"));
    call.url = "not a url";
    assert_int_equal(http_start(client, &call, &h, NULL, &err), -EINVAL);
    call.url = "file:///etc/passwd";
    h.arg = &bad;
    if (http_start(client, &call, &h, NULL, NULL) == 0) {
        finish(&bad);
        assert_int_equal(bad.status, 0);
        assert_non_null(bad.error);
    }
}

static void stream(void **state)
{
    (void)state;
    RESULT(r);
    start(&r, (struct http_call){.lane = HTTP_LANE_STREAM}, "/stream", true);
    assert_int_equal(loop_run_until(loop, &r.head_seen, WAIT_MS), 0);
    assert_int_equal(r.head_status, 200);
    for (int i = 1; i <= 20; i++) {
        bool never = false;
        assert_int_equal(http_stream_write(stream_in, STR("0123456789"), 1000), 0);
        for (int k = 0; k < 1000 && r.data.len < (size_t)i * 10; k++)
            loop_run_until(loop, &never, 5);
        assert_int_equal(r.data.len, i * 10);
    }
    http_stream_end(stream_in);
    finish(&r);
    assert_int_equal(r.status, 200);
    assert_null(r.error);
}

static void wait_for(const int *counter, int value)
{
    bool never = false;
    for (int i = 0; i < 2000 && *counter < value; i++)
        loop_run_until(loop, &never, 5);
    assert_int_equal(*counter, value);
}

static void cancel(void **state)
{
    (void)state;
    RESULT(never_started);
    RESULT(r);
    start(&never_started, (struct http_call){0}, "/hang", false);
    http_cancel(never_started.request);
    start(&r, (struct http_call){0}, "/hang", false);
    wait_for(&hanging, 1);
    http_cancel(r.request);
    wait_for(&left, 1); /* the server sees it */
    assert_false(r.done);
    assert_false(never_started.done);
}

static void cancel_inside(void **state)
{
    (void)state;
    RESULT(r);
    r.cancel_in_data = true;
    start(&r, (struct http_call){.lane = HTTP_LANE_STREAM}, "/stream", true);
    assert_int_equal(loop_run_until(loop, &r.head_seen, WAIT_MS), 0);
    assert_int_equal(http_stream_write(stream_in, STR("x"), 1000), 0);
    finish(&r);
    wait_for(&left, 1);
    assert_int_equal(r.status, 0); /* on_done never ran */
}

static struct result *other;

static void cancel_other(void *arg, struct str piece)
{
    (void)piece;
    struct result *r = arg;
    if (other->request)
        http_cancel(TAKE(other->request));
    struct http_handler h = {NULL, NULL, on_done, r};
    if (!r->request)
        return;
    r->request = NULL;
    struct http_call call = {.method = "GET", .url = "http://127.0.0.1:1/"};
    assert_int_equal(http_start(client, &call, &h, NULL, NULL),
                     0); /* a start from inside libcurl */
}

static void on_done_nothing(void *arg, const struct http_answer *a)
{
    (void)arg;
    assert_int_equal(a->status, 200);
}

static void cancel_other_inside(void **state)
{
    (void)state;
    RESULT(r);
    RESULT(victim);
    AUTO(mem_freep) char *url = url_of("/x");
    other = &victim;
    start(&victim, (struct http_call){0}, "/hang", false);
    wait_for(&hanging, 1);
    struct http_handler h = {NULL, cancel_other, on_done_nothing, &r};
    struct http_call call = {.method = "GET", .url = url};
    assert_int_equal(http_start(client, &call, &h, &r.request, NULL), 0);
    finish(&r); /* by the request started inside */
    assert_int_equal(r.status, 0);
    wait_for(&left, 1);
    assert_false(victim.done);
}

static struct result *chain_next;

static void chain_done(void *arg, const struct http_answer *a)
{
    struct result *r = arg;
    on_done(arg, a);
    if (r != chain_next)
        start(chain_next, (struct http_call){0}, "/x", false);
}

static void start_from_done(void **state)
{
    (void)state;
    RESULT(first);
    RESULT(second);
    AUTO(mem_freep) char *url = url_of("/x");
    chain_next = &second;
    struct http_handler h = {NULL, NULL, chain_done, &first};
    struct http_call call = {.method = "GET", .url = url};
    assert_int_equal(http_start(client, &call, &h, NULL, NULL), 0);
    finish(&second);
    assert_int_equal(second.status, 200);
}

static void many(void **state)
{
    (void)state;
    enum { N = 300 };
    static struct result all[N];
    for (int i = 0; i < N; i++) {
        all[i] = (struct result){.data = BUF_INIT(1000)};
        start(&all[i], (struct http_call){0}, "/x", false);
    }
    for (int i = 0; i < N; i++) {
        finish(&all[i]);
        assert_int_equal(all[i].status, 200);
        result_done(&all[i]);
    }
}

static void freed_while_busy(void **state)
{
    (void)state;
    RESULT(a);
    RESULT(b);
    start(&a, (struct http_call){0}, "/hang", false);
    start(&b, (struct http_call){.lane = HTTP_LANE_STREAM}, "/stream", true);
    wait_for(&hanging, 1);
    assert_int_equal(loop_run_until(loop, &b.head_seen, WAIT_MS), 0);
    http_client_free(TAKE(client));
    wait_for(&left, 2);
    assert_false(a.done);
    assert_false(b.done);
}

static void server_dies(void **state)
{
    (void)state;
    RESULT(a);
    RESULT(b);
    start(&a, (struct http_call){0}, "/hang", false);
    start(&b, (struct http_call){.lane = HTTP_LANE_STREAM}, "/stream", true);
    wait_for(&hanging, 1);
    assert_int_equal(loop_run_until(loop, &b.head_seen, WAIT_MS), 0);
    http_server_free(TAKE(server));
    finish(&a);
    finish(&b);
    assert_int_equal(a.status, 0);
    assert_int_equal(b.status, 0); /* a stream that broke off is told from one that ended */
    assert_non_null(a.error);
    assert_non_null(b.error);
}

/* The pool holds a connection that the other side has closed meanwhile. */
static void server_restarts(void **state)
{
    (void)state;
    struct http_server_opts o = {.address = "127.0.0.1",
                                 .port = http_server_port(server),
                                 .body_max = 1000,
                                 .on_request = on_request};
    RESULT(before);
    RESULT(after);
    start(&before, (struct http_call){0}, "/x", false);
    finish(&before);
    http_server_free(TAKE(server));
    assert_int_equal(http_server_new(loop, &o, &server, NULL), 0);
    start(&after, (struct http_call){.method = "POST", .body = STR("b")}, "/x", false);
    finish(&after);
    assert_int_equal(before.status, 200);
    assert_int_equal(after.status, 200);
    assert_string_equal(buf_str(&after.data), "POST - b");
}

static void tls_get(struct result *r, const struct http_tls *tls, const char *path)
{
    start(r, (struct http_call){.tls = tls}, path, false);
    finish(r);
}

static void tls_certificates(void **state)
{
    (void)state;
    struct http_tls *good = http_tls_new(ca.cert, client_pair.cert, client_pair.key, false, NULL);
    struct http_tls *nobody = http_tls_new(ca.cert, NULL, NULL, false, NULL);
    struct http_tls *stranger =
        http_tls_new(ca.cert, stranger_pair.cert, stranger_pair.key, false, NULL);
    struct http_tls *careless = http_tls_new(NULL, NULL, NULL, true, NULL);
    struct http_tls *distrustful = http_tls_new(stranger_ca.cert, NULL, NULL, false, NULL);
    for (int round = 0; round < 2; round++) { /* the second time over kept connections */
        RESULT(a);
        RESULT(b);
        RESULT(c);
        RESULT(d);
        RESULT(e);
        tls_get(&a, good, "/whoami");
        tls_get(&b, nobody, "/whoami");
        tls_get(&c, stranger, "/whoami");
        tls_get(&d, careless, "/whoami");
        tls_get(&e, distrustful, "/whoami");
        assert_string_equal(buf_str(&a.data), "cn=admin o=system:masters o=second");
        assert_string_equal(buf_str(&b.data), "cn=-");
        assert_string_equal(buf_str(&c.data),
                            "cn=-"); /* a certificate of another authority counts for nothing */
        assert_string_equal(buf_str(&d.data), "cn=-");
        assert_int_equal(e.status, 0);
        assert_non_null(strstr(e.error, "certificate"));
    }
    http_tls_free(good);
    http_tls_free(nobody);
    http_tls_free(stranger);
    http_tls_free(careless);
    http_tls_free(distrustful);
}

/* Two identities one after the other, the second in the descriptors of the first: no connection may
 * be taken over. */
static void tls_identity_is_not_inherited(void **state)
{
    (void)state;
    RESULT(a);
    RESULT(b);
    struct http_tls *first = http_tls_new(ca.cert, client_pair.cert, client_pair.key, false, NULL);
    tls_get(&a, first, "/whoami");
    http_tls_free(first);
    struct http_tls *second =
        http_tls_new(ca.cert, stranger_pair.cert, stranger_pair.key, false, NULL);
    tls_get(&b, second, "/whoami");
    http_tls_free(second);
    assert_string_equal(buf_str(&a.data), "cn=admin o=system:masters o=second");
    assert_string_equal(buf_str(&b.data), "cn=-");
}

static void tls_server_name(void **state)
{
    (void)state;
    RESULT(good);
    RESULT(wrong);
    char want[32];
    struct http_tls *a = http_tls_new(ca.cert, NULL, NULL, false, "api.local");
    struct http_tls *b = http_tls_new(ca.cert, NULL, NULL, false, "wrong.local");
    tls_get(&good, a, "/host");
    tls_get(&wrong, b, "/host");
    snprintf(want, sizeof(want), "127.0.0.1:%u", http_server_port(server));
    assert_string_equal(buf_str(&good.data), want);
    assert_int_equal(wrong.status, 0);
    assert_non_null(wrong.error);
    http_tls_free(a);
    http_tls_free(b);
}

static void tls_stream(void **state)
{
    (void)state;
    RESULT(r);
    struct http_tls *tls = http_tls_new(ca.cert, NULL, NULL, false, NULL);
    start(&r, (struct http_call){.lane = HTTP_LANE_STREAM, .tls = tls}, "/stream", true);
    assert_int_equal(loop_run_until(loop, &r.head_seen, WAIT_MS), 0);
    AUTO(mem_freep) char *block = mem_alloc(2000001);
    memset(block, 's', 2000000);
    assert_int_equal(http_stream_write(stream_in, str_of(block), 3000000), 0);
    bool never = false;
    for (int i = 0; i < 5000 && r.data.len < 2000000; i++)
        loop_run_until(loop, &never, 2);
    assert_int_equal(r.data.len, 2000000);
    http_cancel(r.request);
    wait_for(&left, 1);
    http_tls_free(tls);
}

static void tls_upload(void **state)
{
    (void)state;
    RESULT(r);
    struct http_tls *tls = http_tls_new(ca.cert, NULL, NULL, false, NULL);
    AUTO(mem_freep) char *body = mem_alloc(900001);
    memset(body, 'u', 900000);
    start(&r, (struct http_call){.method = "POST", .body = str_of(body), .tls = tls}, "/x", false);
    finish(&r);
    assert_int_equal(r.data.len, 7 + 900000);
    http_tls_free(tls);
}

static int make_certificates(void **state)
{
    (void)state;
    const char *const names[] = {"api.local", NULL}, *const addresses[] = {"127.0.0.1", NULL};
    const char *const orgs[] = {"system:masters", "second", NULL};
    struct tls_leaf for_server = {"api", NULL, names, addresses, true, false, 30};
    struct tls_leaf for_client = {"admin", orgs, NULL, NULL, false, true, 30};
    return tls_ca_new("ca", 365, &ca, NULL) || tls_ca_new("ca", 365, &stranger_ca, NULL) ||
           tls_leaf_new(&ca, &for_server, &server_pair, NULL) ||
           tls_leaf_new(&ca, &for_client, &client_pair, NULL) ||
           tls_leaf_new(&stranger_ca, &for_client, &stranger_pair, NULL);
}

static int drop_certificates(void **state)
{
    (void)state;
    tls_pair_done(&ca);
    tls_pair_done(&stranger_ca);
    tls_pair_done(&server_pair);
    tls_pair_done(&client_pair);
    tls_pair_done(&stranger_pair);
    return 0;
}

#define T(fn)   cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define TLS(fn) cmocka_unit_test_setup_teardown(fn, setup_tls, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain),
        T(bodies),
        T(large_upload),
        T(failures),
        T(stream),
        T(cancel),
        T(cancel_inside),
        T(cancel_other_inside),
        T(start_from_done),
        T(many),
        T(freed_while_busy),
        T(server_dies),
        T(server_restarts),
        TLS(tls_certificates),
        TLS(tls_identity_is_not_inherited),
        TLS(tls_server_name),
        TLS(tls_stream),
        TLS(tls_upload),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
