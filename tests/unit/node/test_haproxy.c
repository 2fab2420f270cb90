/* SPDX-License-Identifier: Apache-2.0 */
/* The real HAProxy: targets follow commands, sessions to a target that left end, reloads refuse
 * nobody, and the next life finds everything as it was. Skipped with a message when HAProxy is not
 * installed. */
#include "unit/cm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "node/haproxy.h"
#include "node/node.h"

#define FRONT  "127.17.201.1:7379"
#define FRONT2 "127.17.201.2:7379"
#define N_BACK 3

struct world {
    struct loop *loop;
    char dir[64], *shim, *hadir;
    struct haproxy *h;
    int back[N_BACK];
    char target[N_BACK][32];
    bool ready;
    char problem[512];
};

static void on_ready(void *arg)
{
    ((struct world *)arg)->ready = true;
}

static void on_problem(void *arg, const char *proxy, const char *sentence)
{
    struct world *w = arg;
    snprintf(w->problem, sizeof(w->problem), "%s: %s", proxy, sentence);
}

static struct sockaddr_in at(const char *ip, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, ip, &a.sin_addr);
    return a;
}

static int listener(const char *ip, int port)
{
    struct sockaddr_in a = at(ip, port);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0)
        fail_msg("listening on %s:%d: %s", ip, port, strerror(errno));
    return fd;
}

static void open_haproxy(struct world *w)
{
    struct haproxy_opts o = {w->hadir, w->shim, 1, on_ready, on_problem, w};
    AUTO(err_freep) struct err *err = NULL;
    w->ready = false;
    if (haproxy_new(w->loop, &o, &w->h, &err))
        fail_msg("%s", err_text(err));
    assert_int_equal(loop_run_until(w->loop, &w->ready, 10000), 0);
}

static int setup(void **state)
{
    struct world *w = mem_new(struct world);
    const char *build = getenv("ATOLL_BUILD_DIR");
    w->shim = mem_printf("%s/libexec/atoll/atoll-shim", build ? build : ".");
    snprintf(w->dir, sizeof(w->dir), "/tmp/atoll-haproxy-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->hadir = file_path(w->dir, "haproxy");
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    for (int i = 0; i < N_BACK; i++) {
        snprintf(w->target[i], sizeof(w->target[i]), "127.17.202.%d:7500", i + 1);
        char ip[32];
        snprintf(ip, sizeof(ip), "127.17.202.%d", i + 1);
        w->back[i] = listener(ip, 7500);
    }
    open_haproxy(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    haproxy_free(w->h);
    assert_int_equal(node_stop_all(w->dir, 5, NULL), 1);
    for (int i = 0; i < N_BACK; i++)
        close(w->back[i]);
    loop_free(w->loop);
    assert_int_equal(file_tree_remove(w->dir, NULL), 0);
    mem_free(w->shim);
    mem_free(w->hadir);
    mem_free(w);
    return 0;
}

static void turn(struct world *w)
{
    static const bool never = false;
    loop_run_until(w->loop, &never, 2);
}

static int connect_to(const char *front)
{
    char ip[32];
    snprintf(ip, sizeof(ip), "%s", front);
    *strchr(ip, ':') = '\0';
    struct sockaddr_in a = at(ip, 7379);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Connect until a session stands; which backend took it? The accepted side is closed with
 * *ret_server. */
static int session(struct world *w, const char *front, int *ret_client, int *ret_server)
{
    uint64_t until = clock_mono_ms() + 10000;
    for (;;) {
        int fd = connect_to(front);
        for (int tries = 0; fd >= 0 && tries < 50; tries++) {
            for (int i = 0; i < N_BACK; i++) {
                int s = accept4(w->back[i], NULL, NULL, SOCK_CLOEXEC);
                if (s >= 0) {
                    *ret_client = fd;
                    *ret_server = s;
                    return i;
                }
            }
            turn(w);
        }
        if (fd >= 0)
            close(fd);
        turn(w);
        if (clock_mono_ms() > until)
            fail_msg("no session through %s within 10 s", front);
    }
}

static void hang_up(int a, int b)
{
    close(a);
    close(b);
}

/* The client sees the end of its session. */
static void expect_cut(struct world *w, int client)
{
    uint64_t until = clock_mono_ms() + 10000;
    struct pollfd p = {client, POLLIN, 0};
    while (poll(&p, 1, 0) == 0) {
        turn(w);
        if (clock_mono_ms() > until)
            fail_msg("the session was not ended within 10 s");
    }
    char c;
    assert_true(recv(client, &c, 1, 0) <= 0);
}

static bool open_still(int client)
{
    struct pollfd p = {client, POLLIN, 0};
    return poll(&p, 1, 0) == 0;
}

static void set(struct world *w, const char *front, int a, int b)
{
    const char *t[2];
    size_t n = 0;
    if (a >= 0)
        t[n++] = w->target[a];
    if (b >= 0)
        t[n++] = w->target[b];
    haproxy_set(w->h, front, false, t, n);
}

static void follows_and_cuts(void **state)
{
    struct world *w = *state;
    int c, s, c2, s2, c3, s3;
    set(w, FRONT, 0, -1);
    haproxy_complete(w->h);
    assert_int_equal(session(w, FRONT, &c, &s), 0);
    set(w, FRONT, 1, -1);
    expect_cut(w, c);
    assert_int_equal(session(w, FRONT, &c2, &s2), 1);
    /* A new port: nobody is refused, and the session of the old worker goes on... */
    set(w, FRONT2, 2, -1);
    assert_int_equal(session(w, FRONT2, &c3, &s3), 2);
    assert_true(open_still(c2));
    /* ...until its target leaves: old workers are searched, too. */
    set(w, FRONT, 2, -1);
    expect_cut(w, c2);
    assert_true(open_still(c3));
    hang_up(c, s);
    hang_up(c2, s2);
    hang_up(c3, s3);
    assert_string_equal(w->problem, "");
}

static void adopted(void **state)
{
    struct world *w = *state;
    int c, s, c2, s2;
    set(w, FRONT, 0, -1);
    haproxy_complete(w->h);
    assert_int_equal(session(w, FRONT, &c, &s), 0);
    set(w, FRONT, 0, 1); /* known to the worker alone, not to its file */
    uint64_t until = clock_mono_ms() + 5000;
    for (bool both[2] = {false}; !both[0] || !both[1];) {
        int i = session(w, FRONT, &c2, &s2);
        both[i] = true;
        hang_up(c2, s2);
        assert_true(clock_mono_ms() < until);
    }
    haproxy_free(w->h);
    open_haproxy(w);
    set(w, FRONT, 0, 1);
    haproxy_complete(w->h);
    for (int i = 0; i < 50; i++)
        turn(w);
    assert_true(open_still(c)); /* the session did not notice */
    set(w, FRONT, 1, -1);
    expect_cut(w, c);
    assert_int_equal(session(w, FRONT, &c2, &s2), 1);
    hang_up(c, s);
    hang_up(c2, s2);
}

static void one_bad_address(void **state)
{
    struct world *w = *state;
    int c, s, taken = listener("127.17.201.2", 7379);
    set(w, FRONT2, 0, -1);
    set(w, FRONT, 0, -1);
    haproxy_complete(w->h);
    assert_int_equal(session(w, FRONT, &c, &s), 0); /* the others do not suffer */
    assert_non_null(strstr(w->problem, FRONT2 ": nobody listens on " FRONT2));
    assert_non_null(strstr(w->problem, "Address already in use"));
    close(taken);
    hang_up(c, s);
}

/* How long from the call to the first new session on the new target; printed, asserted generously.
 */
static void quick(void **state)
{
    struct world *w = *state;
    int c, s;
    uint64_t worst = 0;
    set(w, FRONT, 0, -1);
    haproxy_complete(w->h);
    session(w, FRONT, &c, &s);
    hang_up(c, s);
    for (int i = 1; i <= 20; i++) {
        uint64_t began = clock_mono_us();
        set(w, FRONT, i % 2, -1);
        for (int got = -1; got != i % 2; hang_up(c, s))
            got = session(w, FRONT, &c, &s);
        uint64_t took = clock_mono_us() - began;
        worst = took > worst ? took : worst;
    }
    print_message("slowest of 20 switches, call to new session: %.2f ms\n", (double)worst / 1000);
    assert_true(worst < 2000000);
}

int main(void)
{
    AUTO(mem_freep) char *program = file_program("haproxy");
    if (!program) {
        print_message("SKIPPED: haproxy is not installed\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(follows_and_cuts, setup, teardown),
        cmocka_unit_test_setup_teardown(adopted, setup, teardown),
        cmocka_unit_test_setup_teardown(one_bad_address, setup, teardown),
        cmocka_unit_test_setup_teardown(quick, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
