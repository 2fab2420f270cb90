/* SPDX-License-Identifier: Apache-2.0 */
/* Leader election: the decision row by row, then two candidates and a fake API with its faults. */
#include "unit/kube/fake_api.h"

#include "base/clock.h"
#include "base/log.h"
#include "kube/lease.h"

static void decides(void **state)
{
    (void)state;
    static const struct {
        struct lease_facts f;
        enum lease_step want;
    } rows[] = {
        {{.now_ms = 5}, LEASE_READ},
        {{.known = true}, LEASE_READ}, /* a follower reads each round */
        {{.leading = true, .known = true}, LEASE_TAKE},
        {{.leading = true}, LEASE_READ}, /* a conflict: somebody wrote */
        {{.read_now = true, .absent = true}, LEASE_CREATE},
        {{.read_now = true, .known = true, .free = true, .now_ms = 1, .duration_ms = 9999},
         LEASE_TAKE},
        {{.read_now = true, .known = true, .ours = true, .now_ms = 1, .duration_ms = 9999},
         LEASE_TAKE},
        {{.read_now = true, .known = true, .changed_ms = 100, .duration_ms = 1000, .now_ms = 1099},
         LEASE_WAIT},
        {{.read_now = true, .known = true, .changed_ms = 100, .duration_ms = 1000, .now_ms = 1100},
         LEASE_TAKE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (kube_lease_next(&rows[i].f) != rows[i].want)
            fail_msg("row %zu", i);
}

#define LEASE_PATH "/apis/coordination.k8s.io/v1/namespaces/sys/leases/main"

struct candidate {
    struct kube_lease *lease;
    int won, lost;
    uint64_t lost_at_ms, won_at_ms;
    struct fake *f;
    bool released, free_on_loss;
};

static void on_change(void *arg, bool leader)
{
    struct candidate *c = arg;
    c->won += leader;
    c->lost += !leader;
    *(leader ? &c->won_at_ms : &c->lost_at_ms) = clock_mono_ms();
    assert_int_equal(kube_lease_held(c->lease), leader);
    if (!leader && c->free_on_loss)
        kube_lease_free(TAKE(c->lease));
}

/* Quick terms: 3 s, renewed within 2 s, a round each second. */
static void candidate_start(struct fake *f, struct candidate *c, const char *identity)
{
    *c = (struct candidate){.f = f};
    c->lease = kube_lease_new(f->client, &(struct kube_lease_opts){.ns = "sys",
                                                                   .name = "main",
                                                                   .identity = identity,
                                                                   .duration_s = 3,
                                                                   .renew_s = 2,
                                                                   .retry_s = 1,
                                                                   .on_change = on_change,
                                                                   .arg = c});
}

static const cJSON *spec(struct fake *f)
{
    return json_at(map_get(&f->objects, LEASE_PATH), "spec");
}

static void takes_and_renews(void **state)
{
    struct fake *f = *state;
    struct candidate a;
    candidate_start(f, &a, "a");
    assert_false(kube_lease_held(a.lease));
    fake_until(f, a.won == 1, 5000);
    assert_string_equal(json_str(spec(f), "holderIdentity"), "a");
    assert_int_equal(json_int(-1, spec(f), "leaseDurationSeconds"), 3);
    assert_int_equal(json_int(-1, spec(f), "leaseTransitions"), 0);
    int64_t us;
    assert_int_equal(clock_parse(json_str(spec(f), "renewTime"), &us), 0);
    assert_int_equal(strlen(json_str(spec(f), "renewTime")), 27); /* MicroTime */
    AUTO(json_freep) cJSON *before = cJSON_Duplicate(spec(f), true);
    size_t gets = fake_count(f, "GET", "leases");
    fake_until(f, fake_count(f, "PUT", "leases") == 1, 1600); /* a leader does not jitter */
    fake_until(f, fake_count(f, "PUT", "leases") == 2, 5000);
    assert_int_equal(fake_count(f, "GET", "leases"), gets); /* renewals do not read */
    assert_string_equal(json_str(before, "acquireTime"), json_str(spec(f), "acquireTime"));
    assert_string_not_equal(json_str(before, "renewTime"), json_str(spec(f), "renewTime"));
    assert_int_equal(a.lost, 0);
    kube_lease_free(a.lease);
    fake_until(f, streq(json_str(spec(f), "holderIdentity"), ""), 5000);
    assert_int_equal(json_int(-1, spec(f), "leaseDurationSeconds"), 1);
}

/* The holder falls silent: its successor waits a whole duration by its own clock, whatever the
 * record's timestamps claim, and the transition is counted. */
static void takes_over_from_the_silent(void **state)
{
    struct fake *f = *state;
    struct candidate b;
    cJSON *o = fake_object("Lease", "sys", "main");
    json_put_str(o, "x", "spec", "holderIdentity");
    json_put_int(o, 2, "spec", "leaseDurationSeconds");
    json_put_int(o, 7, "spec", "leaseTransitions");
    json_put_str(o, "2001-01-01T00:00:00.000000Z", "spec", "renewTime");
    json_put_str(o, "2001-01-01T00:00:00.000000Z", "spec", "acquireTime");
    json_put_str(o, "kept", "metadata", "labels", "theirs");
    fake_put(f, LEASE_PATH, o);
    uint64_t start = clock_mono_ms();
    candidate_start(f, &b, "b");
    fake_until(f, b.won == 1, 10000);
    assert_true(b.won_at_ms - start >= 2000);
    assert_string_equal(json_str(spec(f), "holderIdentity"), "b");
    assert_int_equal(json_int(-1, spec(f), "leaseTransitions"), 8);
    assert_false(str_starts(json_str(spec(f), "acquireTime"), "2001"));
    assert_string_equal(kube_label(map_get(&f->objects, LEASE_PATH), "theirs"), "kept");
    kube_lease_free(b.lease);
}

/* One leader at a time; when it lets go in order, the other follows within its next round. */
static void two_candidates(void **state)
{
    struct fake *f = *state;
    struct candidate a, b;
    candidate_start(f, &a, "a");
    fake_until(f, a.won == 1, 5000);
    candidate_start(f, &b, "b");
    fake_turns(f, 3500); /* longer than a term: b must not take what a renews */
    assert_int_equal(b.won, 0);
    assert_int_equal(a.lost, 0);
    uint64_t start = clock_mono_ms();
    kube_lease_free(a.lease);
    fake_until(f, b.won == 1, 5000);
    assert_true(b.won_at_ms - start < 2900); /* not the whole term of the old holder */
    kube_lease_free(b.lease);
}

/* The API server is gone: the leader stops before anybody else could start. */
static void stops_when_cut_off(void **state)
{
    struct fake *f = *state;
    struct candidate a;
    candidate_start(f, &a, "a");
    fake_until(f, a.won == 1, 5000);
    uint64_t cut = clock_mono_ms();
    fake_close(f);
    fake_until(f, a.lost == 1, 5000);
    assert_true(a.lost_at_ms - cut <= 2100);
    assert_false(kube_lease_held(a.lease));
    fake_open(f);
    fake_until(f, a.won == 2, 10000); /* its own record: taken back at once */
    assert_int_equal(json_int(-1, spec(f), "leaseTransitions"), 0);
    kube_lease_free(a.lease);
}

/* The server takes the renewals and never answers. */
static void stops_when_unanswered(void **state)
{
    struct fake *f = *state;
    struct candidate a;
    candidate_start(f, &a, "a");
    fake_until(f, a.won == 1, 5000);
    fake_answer(f, "PUT", "leases", 0, NULL, NULL, 100);
    fake_answer(f, "GET", "leases", 0, NULL, NULL, 100);
    uint64_t cut = clock_mono_ms();
    fake_until(f, a.lost == 1, 5000);
    assert_true(a.lost_at_ms - cut <= 2100);
    kube_lease_free(a.lease);
}

/* Somebody took it by force: we notice at the next write, read, and step down at once. */
static void steps_down_for_another(void **state)
{
    struct fake *f = *state;
    struct candidate a;
    candidate_start(f, &a, "a");
    a.free_on_loss = true;
    fake_until(f, a.won == 1, 5000);
    cJSON *o = cJSON_Duplicate(map_get(&f->objects, LEASE_PATH), true);
    json_put_str(o, "thief", "spec", "holderIdentity");
    fake_put(f, LEASE_PATH, o);
    fake_until(f, a.lost == 1, 5000);
    fake_turns(f, 50);
    assert_string_equal(json_str(spec(f), "holderIdentity"), "thief"); /* and does not release it */
}

static void on_released(void *arg)
{
    struct candidate *c = arg;
    c->released = true;
}

static void releases_in_order(void **state)
{
    struct fake *f = *state;
    struct candidate a, b;
    candidate_start(f, &a, "a");
    fake_until(f, a.won == 1, 5000);
    kube_lease_release(a.lease, on_released, &a);
    assert_false(kube_lease_held(a.lease));
    assert_false(a.released);
    fake_until(f, a.released, 5000);
    assert_string_equal(json_str(spec(f), "holderIdentity"), "");
    assert_int_equal(a.lost, 0);
    candidate_start(f, &b, "b");
    kube_lease_release(b.lease, on_released, &b); /* before it held anything */
    fake_until(f, b.released, 5000);
}

static int setup(void **state)
{
    log_level_set(LOG_ERROR);
    *state = fake_new();
    return 0;
}

static int teardown(void **state)
{
    fake_free(*state);
    return 0;
}

#define with_fake(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides),
        with_fake(takes_and_renews),
        with_fake(takes_over_from_the_silent),
        with_fake(two_candidates),
        with_fake(stops_when_cut_off),
        with_fake(stops_when_unanswered),
        with_fake(steps_down_for_another),
        with_fake(releases_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
