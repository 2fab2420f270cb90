/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS server seen by a raw TLS peer that runs on a thread: session tickets, old protocol
 * versions, upgrades in both directions of closing. */
#include "unit/cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_server.h"
#include "io/tls.h"

#define WAIT_MS 10000

static struct loop *loop;
static struct http_server *server;
static struct tls_pair ca, server_pair, client_pair;

static int upgrade_fd = -1;
static void *upgrade_token;
static bool upgraded;

static void on_upgraded(void *arg, int fd, struct str extra, void *token)
{
    (void)arg;
    assert_int_equal(extra.len, 0);
    upgrade_fd = fd;
    upgrade_token = token;
    upgraded = true;
}

static void on_request(void *arg, struct http_in *in)
{
    (void)arg;
    const struct http_header up[] = {{"Upgrade", "test"}};
    const char *cn = http_in_cert_cn(in);
    if (streq(http_in_path(in), "/upgrade"))
        http_upgrade(in, up, 1, on_upgraded, NULL);
    else
        http_reply(in, 200, NULL, 0, str_of(cn ? cn : "nobody"));
}

static int setup(void **state)
{
    (void)state;
    const char *const addresses[] = {"127.0.0.1", NULL};
    struct tls_leaf for_server = {"api", NULL, NULL, addresses, true, false, 30};
    struct tls_leaf for_client = {"admin", NULL, NULL, NULL, false, true, 30};
    if (tls_ca_new("ca", 365, &ca, NULL) || tls_leaf_new(&ca, &for_server, &server_pair, NULL) ||
        tls_leaf_new(&ca, &for_client, &client_pair, NULL))
        return -1;
    struct http_server_opts o = {.address = "127.0.0.1",
                                 .cert = server_pair.cert,
                                 .key = server_pair.key,
                                 .client_ca = ca.cert,
                                 .body_max = 1000,
                                 .on_request = on_request};
    upgraded = false;
    return loop_new(&loop, NULL) || http_server_new(loop, &o, &server, NULL);
}

static int teardown(void **state)
{
    (void)state;
    http_server_free(server);
    loop_free(loop);
    tls_pair_done(&ca);
    tls_pair_done(&server_pair);
    tls_pair_done(&client_pair);
    return 0;
}

/* One connection of the peer; `talk` runs on the thread once the handshake is done. */
struct peer {
    const char *priority;
    bool (*talk)(struct peer *p, gnutls_session_t s);
    gnutls_datum_t ticket; /* offered when set; the newest one afterwards */
    bool connected, resumed, ok;
    bool close_first;
    char got[512];
    bool finished; /* set on the loop's thread */
};

static bool read_until(gnutls_session_t s, char *text, size_t max, const char *until)
{
    size_t n = 0;
    text[0] = '\0';
    gnutls_record_set_timeout(s, WAIT_MS);
    while (!strstr(text, until) && n + 1 < max) {
        ssize_t got = gnutls_record_recv(s, text + n, max - 1 - n);
        if (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_AGAIN)
            continue;
        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
    }
    return strstr(text, until) != NULL;
}

static bool say(gnutls_session_t s, const char *text)
{
    return gnutls_record_send(s, text, strlen(text)) == (ssize_t)strlen(text);
}

static void peer_connect(struct peer *p, gnutls_session_t s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_server_port(server))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gnutls_transport_set_int(s, fd);
    gnutls_handshake_set_timeout(s, WAIT_MS);
    if (p->ticket.data)
        gnutls_session_set_data(s, p->ticket.data, p->ticket.size);
    p->connected = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 && gnutls_handshake(s) == 0;
    p->resumed = p->connected && gnutls_session_is_resumed(s);
    p->ok = p->connected && p->talk(p, s);
    gnutls_free(p->ticket.data);
    p->ticket.data = NULL;
    if (p->connected)
        gnutls_session_get_data2(s, &p->ticket);
    close(fd);
}

static void on_finished(void *arg)
{
    struct peer *p = arg;
    p->finished = true;
}

static void *peer_main(void *arg)
{
    struct peer *p = arg;
    gnutls_certificate_credentials_t cred;
    gnutls_session_t s;
    gnutls_datum_t cert = {(unsigned char *)client_pair.cert, (unsigned)strlen(client_pair.cert)};
    gnutls_datum_t key = {(unsigned char *)client_pair.key, (unsigned)strlen(client_pair.key)};
    gnutls_certificate_allocate_credentials(&cred);
    gnutls_certificate_set_x509_key_mem(cred, &cert, &key, GNUTLS_X509_FMT_PEM);
    gnutls_init(&s, GNUTLS_CLIENT);
    gnutls_priority_set_direct(s, p->priority ? p->priority : "NORMAL", NULL);
    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred);
    peer_connect(p, s);
    gnutls_deinit(s);
    gnutls_certificate_free_credentials(cred);
    loop_post(loop, on_finished, p);
    return NULL;
}

static void peer_run(struct peer *p)
{
    pthread_t thread;
    p->finished = false;
    assert_int_equal(pthread_create(&thread, NULL, peer_main, p), 0);
    assert_int_equal(loop_run_until(loop, &p->finished, 2 * WAIT_MS), 0);
    pthread_join(thread, NULL);
}

static bool ask_name(struct peer *p, gnutls_session_t s)
{
    return say(s, "GET /name HTTP/1.1\r\nHost: h\r\n\r\n") &&
           read_until(s, p->got, sizeof(p->got), "admin");
}

/* The second connection resumes the first, and still knows who the client is. */
static void tickets(const char *priority)
{
    struct peer p = {.talk = ask_name, .priority = priority};
    peer_run(&p);
    assert_true(p.ok);
    assert_false(p.resumed);
    peer_run(&p);
    assert_true(p.ok);
    assert_true(p.resumed);
    gnutls_free(p.ticket.data);
}

static void tickets_13(void **state)
{
    (void)state;
    tickets("NORMAL:-VERS-ALL:+VERS-TLS1.3");
}

static void tickets_12(void **state)
{
    (void)state;
    tickets("NORMAL:-VERS-ALL:+VERS-TLS1.2");
}

static void old_versions(void **state)
{
    (void)state;
    struct peer p = {.talk = ask_name, .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT"};
    peer_run(&p);
    assert_false(p.connected);
}

static bool upgrade_and_talk(struct peer *p, gnutls_session_t s)
{
    char text[64];
    if (!say(s,
             "GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n") ||
        !read_until(s, p->got, sizeof(p->got), "hello peer") || !say(s, "hello server"))
        return false;
    if (p->close_first)
        return true;
    return read_until(s, p->got, sizeof(p->got), "bye") &&
           gnutls_record_recv(s, text, sizeof(text)) == 0;
}

/* Our side of an upgraded connection. */
struct reader {
    struct loop_fd *watch;
    struct buf text;
    bool ended, hello;
};

static void on_bytes(void *arg, int events)
{
    (void)events;
    struct reader *r = arg;
    char piece[1024];
    ssize_t n = read(upgrade_fd, piece, sizeof(piece));
    if (n > 0)
        buf_add(&r->text, piece, (size_t)n);
    r->hello = r->text.len >= strlen("hello server");
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        r->ended = true;
        loop_fd_want(r->watch, 0);
    }
}

static void upgrade_once(bool peer_closes_first)
{
    pthread_t thread;
    struct peer p = {.talk = upgrade_and_talk, .close_first = peer_closes_first};
    struct reader r = {.text = BUF_INIT(1000)};
    upgraded = false;
    assert_int_equal(pthread_create(&thread, NULL, peer_main, &p), 0);
    assert_int_equal(loop_run_until(loop, &upgraded, WAIT_MS), 0);
    assert_int_equal(loop_fd_new(loop, upgrade_fd, on_bytes, &r, &r.watch, NULL), 0);
    loop_fd_want(r.watch, LOOP_READ);
    assert_int_equal(write(upgrade_fd, "hello peer", 10), 10);
    assert_int_equal(loop_run_until(loop, &r.hello, WAIT_MS), 0);
    assert_string_equal(buf_str(&r.text), "hello server");
    if (peer_closes_first)
        assert_int_equal(loop_run_until(loop, &r.ended, WAIT_MS),
                         0); /* the end of file reaches us */
    else
        assert_int_equal(write(upgrade_fd, "bye", 3), 3);
    loop_fd_free(r.watch);
    http_upgrade_close(upgrade_token); /* what was written just before still goes out */
    assert_int_equal(loop_run_until(loop, &p.finished, WAIT_MS), 0);
    pthread_join(thread, NULL);
    assert_true(p.ok);
    gnutls_free(p.ticket.data);
    buf_done(&r.text);
}

static void upgrade_we_close(void **state)
{
    (void)state;
    upgrade_once(false);
}

static void upgrade_peer_closes(void **state)
{
    (void)state;
    upgrade_once(true);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(tickets_13), T(tickets_12), T(old_versions),
                                       T(upgrade_we_close), T(upgrade_peer_closes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
