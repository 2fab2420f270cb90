/* SPDX-License-Identifier: Apache-2.0 */
/* The planner of one Pod: each test states a situation and reads the plan as one line of text. */
#include "unit/cm.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "node/plan.h"

#define S 1000000LL /* microseconds */

static int64_t now; /* wall clock of the test: 2026-01-01T00:00:00Z + its steps */

struct world {
    cJSON *pod;
    struct pod_seen s;
    struct container_seen c[4];
    struct arena *arena;
};

static struct world *world_new(const char *policy, const char *init, const char *apps)
{
    AUTO(mem_freep)
    char *text = mem_printf(
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":\"u\"},\"spec\":{"
        "\"restartPolicy\":\"%s\",\"terminationGracePeriodSeconds\":20,\"initContainers\":%s,"
        "\"containers\":%s}}",
        policy, init, apps);
    struct world *w = mem_new(struct world);
    struct err *err = NULL;
    if (json_parse(text, strlen(text), &w->pod, &err))
        fail_msg("%s", err_text(err));
    clock_parse("2026-01-01T00:00:00Z", &now);
    w->arena = arena_new(1 << 22);
    w->s = (struct pod_seen){.pod = w->pod,
                             .ip = "127.1.1.2",
                             .host_ip = "127.1.0.1",
                             .node_name = "n1",
                             .c = w->c,
                             .volumes_ready = true,
                             .accepted_us = now,
                             .now_ms = 1000000};
    static const char *const lists[] = {"initContainers", "containers"};
    for (size_t l = 0; l < 2; l++) {
        json_foreach (it, json_at(w->pod, "spec", lists[l])) {
            bool sidecar = streq(json_str(it, "restartPolicy"), "Always");
            w->c[w->s.n++] = (struct container_seen){
                .spec = it,
                .name = json_str(it, "name"),
                .kind = l         ? CONTAINER_APP
                        : sidecar ? CONTAINER_SIDECAR
                                  : CONTAINER_INIT,
                .now.number = -1,
                .last.number = -1,
                .started = true,
                .ready = true,
            };
        }
    }
    return w;
}

static void world_free(struct world *w)
{
    cJSON_Delete(w->pod);
    arena_free(w->arena);
    mem_free(w);
}

/* "START a; TERM b 20000; wake 5000; Running" */
static const char *planned(struct world *w)
{
    static const char *const words[] = {"VOLUMES", "START",  "HOOK", "TERM",
                                        "KILL",    "DELETE", "CLEAN"};
    AUTO(buf_done) struct buf b = BUF_INIT(4096);
    struct pod_plan p;
    w->s.now_us = now;
    pod_plan(&w->s, w->arena, &p);
    for (size_t i = 0; i < p.n; i++) {
        const struct pod_step *st = &p.steps[i];
        buf_adds(&b, words[st->kind]);
        if (st->kind >= STEP_START && st->kind <= STEP_KILL)
            buf_addf(&b, " %s", w->c[st->c].name);
        if (st->kind == STEP_TERM || st->kind == STEP_HOOK)
            buf_addf(&b, " %llu", (unsigned long long)st->grace_ms);
        buf_adds(&b, "; ");
    }
    if (p.wake_ms >= 0)
        buf_addf(&b, "wake %lld; ", (long long)p.wake_ms);
    buf_adds(&b, p.phase);
    return arena_strdup(w->arena, buf_str(&b));
}

static void started(struct world *w, size_t i)
{
    struct container_seen *c = &w->c[i];
    if (c->now.state == RUN_ENDED) {
        c->level = restart_level(c->level, c->now.started_us, c->now.ended_us);
        c->last = c->now;
    }
    c->now =
        (struct run_seen){.state = RUN_RUNNING, .number = c->now.number + 1, .started_us = now};
    c->now.image = json_str(c->spec, "image");
}

static void ended(struct world *w, size_t i, int code)
{
    w->c[i].now.state = RUN_ENDED;
    w->c[i].now.code = code;
    w->c[i].now.ended_us = now;
}

#define PLAN(w, text) assert_string_equal(planned(w), text)

static void simple_life(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\"},{\"name\":\"b\"}]");
    w->s.volumes_ready = false;
    PLAN(w, "VOLUMES; Pending");
    w->s.volumes_ready = true;
    PLAN(w, "START a; START b; Pending");
    w->c[0].now = (struct run_seen){.state = RUN_STARTING, .number = 0};
    PLAN(w, "START b; Pending");
    started(w, 1);
    PLAN(w, "Pending");
    w->c[0].now.number = -1;
    started(w, 0);
    PLAN(w, "Running");
    w->s.held = "another Pod of this name still runs";
    PLAN(w, "Running");
    world_free(w);
}

static void backoff(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\"}]");
    static const int wait_s[] = {0, 10, 20, 40, 80, 160, 300, 300, 300};
    started(w, 0);
    for (size_t i = 0; i < ARRAY_LEN(wait_s); i++) {
        now += 1 * S;
        ended(w, 0, 1);
        if (wait_s[i]) {
            AUTO(mem_freep) char *want = mem_printf("wake %d; Running", wait_s[i] * 1000 + 1);
            PLAN(w, want);
            now += wait_s[i] * S - 1;
            PLAN(w, "wake 1; Running");
            now += 1;
        }
        PLAN(w, "START a; Running");
        started(w, 0);
        assert_int_equal(w->c[0].now.number, i + 1);
    }
    now += 601 * S; /* ten good minutes forgive */
    ended(w, 0, 1);
    PLAN(w, "START a; Running");
    started(w, 0);
    now += 1 * S;
    ended(w, 0, 1);
    PLAN(w, "wake 10001; Running");
    now -= 3600 * S; /* the clock was set back: do not wait an hour */
    PLAN(w, "START a; Running");
    world_free(w);
}

static void policies(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        int a, b;
        const char *plan;
    } rows[] = {
        {"Never", 0, 0, "Succeeded"},
        {"Never", 0, 3, "Failed"},
        {"OnFailure", 0, 0, "Succeeded"},
        {"OnFailure", 0, 3, "START b; Running"},
        {"Always", 0, 0, "START a; START b; Running"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_new(rows[i].policy, "[]", "[{\"name\":\"a\"},{\"name\":\"b\"}]");
        started(w, 0);
        started(w, 1);
        now += S;
        ended(w, 0, rows[i].a);
        assert_string_equal(strrchr(planned(w), ' ') ? strrchr(planned(w), ' ') + 1 : planned(w),
                            "Running");
        ended(w, 1, rows[i].b);
        PLAN(w, rows[i].plan);
        world_free(w);
    }
}

static void final_is_final(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\"}]");
    json_put_str(w->pod, "Failed", "status", "phase");
    PLAN(w, "Failed");
    started(w, 0);
    PLAN(w, "TERM a 20000; wake 20000; Failed");
    world_free(w);
}

static void init_in_order(void **state)
{
    (void)state;
    struct world *w =
        world_new("Always", "[{\"name\":\"i\"},{\"name\":\"s\",\"restartPolicy\":\"Always\"}]",
                  "[{\"name\":\"a\"}]");
    PLAN(w, "START i; Pending");
    started(w, 0);
    PLAN(w, "Pending");
    now += S;
    ended(w, 0, 1);
    PLAN(w, "START i; Pending");
    started(w, 0);
    now += S;
    ended(w, 0, 1);
    PLAN(w, "wake 10001; Pending");
    now += 10 * S;
    started(w, 0);
    ended(w, 0, 0);
    PLAN(w, "START s; Pending");
    started(w, 1);
    w->c[1].started = false;
    PLAN(w, "Pending"); /* its startup probe decides when the next may start */
    w->c[1].started = true;
    PLAN(w, "START a; Pending");
    started(w, 2);
    PLAN(w, "Running");
    now += S;
    ended(w, 1, 0);
    PLAN(w, "START s; Running");
    started(w, 1);
    now += S;
    ended(w, 2, 9); /* init containers are history */
    PLAN(w, "START a; Running");
    world_free(w);
}

static void init_fails_for_good(void **state)
{
    (void)state;
    struct world *w = world_new("Never", "[{\"name\":\"i\"}]", "[{\"name\":\"a\"}]");
    started(w, 0);
    ended(w, 0, 2);
    PLAN(w, "Failed");
    world_free(w);
}

static void deletion(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[{\"name\":\"s\",\"restartPolicy\":\"Always\"}]",
                                "[{\"name\":\"a\"},{\"name\":\"b\"}]");
    for (size_t i = 0; i < 3; i++)
        started(w, i);
    json_put_str(w->pod, "2026-01-01T00:00:20Z", "metadata", "deletionTimestamp");
    json_put_int(w->pod, 20, "metadata", "deletionGracePeriodSeconds");
    PLAN(w, "TERM a 20000; TERM b 20000; wake 20000; Running");
    for (size_t i = 1; i < 3; i++) {
        w->c[i].stopping_ms = w->s.now_ms;
        w->c[i].term_sent = true;
    }
    w->s.now_ms += 5000;
    PLAN(w, "wake 15000; Running");
    json_put_int(w->pod, 6, "metadata", "deletionGracePeriodSeconds"); /* shortened */
    PLAN(w, "wake 1000; Running");
    w->s.now_ms += 1000;
    PLAN(w, "KILL a; KILL b; wake 1000; Running");
    ended(w, 1, 137);
    ended(w, 2, 0);
    PLAN(w, "TERM s 6000; wake 6000; Running");
    ended(w, 0, 0);
    PLAN(w, "DELETE; Running");
    w->s.pod = NULL;
    PLAN(w, "CLEAN; Pending");
    world_free(w);
}

static void hooks(void **state)
{
    (void)state;
    struct world *w = world_new(
        "Always", "[]",
        "[{\"name\":\"a\",\"lifecycle\":{\"preStop\":{\"exec\":{\"command\":[\"x\"]}}}}]");
    started(w, 0);
    json_put_str(w->pod, "x", "metadata", "deletionTimestamp");
    json_put_int(w->pod, 10, "metadata", "deletionGracePeriodSeconds");
    PLAN(w, "HOOK a 10000; wake 10000; Running");
    w->c[0].prestop = HOOK_RUNNING;
    w->c[0].stopping_ms = w->s.now_ms;
    w->s.now_ms += 4000;
    PLAN(w, "wake 6000; Running");
    w->s.now_ms += 6000; /* the hook took all of it: two seconds are left to end by itself */
    PLAN(w, "TERM a 2000; wake 2000; Running");
    w->s.now_ms -= 3000;
    w->c[0].prestop = HOOK_DONE;
    PLAN(w, "TERM a 5000; wake 5000; Running");
    w->c[0].term_sent = true;
    w->s.now_ms += 5000;
    PLAN(w, "KILL a; wake 1000; Running");
    world_free(w);
}

static void forced(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\"}]");
    started(w, 0);
    w->s.pod = w->c[0].spec = NULL;
    PLAN(w, "TERM a 2000; wake 2000; Pending");
    ended(w, 0, 0);
    PLAN(w, "CLEAN; Pending");
    world_free(w);
}

static void unhealthy(void **state)
{
    (void)state;
    struct world *w =
        world_new("Always", "[]",
                  "[{\"name\":\"a\",\"livenessProbe\":{\"terminationGracePeriodSeconds\":3}}]");
    started(w, 0);
    w->c[0].unhealthy = true;
    PLAN(w, "TERM a 3000; wake 3000; Running");
    w->c[0].stopping_ms = w->s.now_ms;
    w->c[0].term_sent = true;
    now += S;
    ended(w, 0, 0);
    w->c[0].stopping_ms = 0;
    PLAN(w, "START a; Running");
    world_free(w);
}

static void image_change(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\",\"image\":\"x:1\"}]");
    started(w, 0);
    PLAN(w, "Running");
    w->c[0].now.image = "x:0";
    PLAN(w, "TERM a 20000; wake 20000; Running");
    w->c[0].level = 5;
    now += S;
    ended(w, 0, 0);
    PLAN(w, "START a; Running"); /* without backoff: it did not fail */
    world_free(w);
}

static void problems(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\"}]");
    w->c[0].problem = "ErrImageNeverPull";
    w->c[0].problem_message = "container a: program q is not installed";
    w->c[0].problem_until_us = now + 7 * S;
    PLAN(w, "wake 7000; Pending");
    struct pod_plan p;
    pod_plan(&w->s, w->arena, &p);
    AUTO(json_freep) cJSON *st = pod_status(&w->s, &p, NULL);
    const cJSON *c = json_at(st, "containerStatuses")->child;
    assert_string_equal(json_str(c, "state", "waiting", "reason"), "ErrImageNeverPull");
    assert_string_equal(json_str(c, "state", "waiting", "message"),
                        "container a: program q is not installed");
    now += 7 * S;
    PLAN(w, "START a; Pending");
    world_free(w);
}

static void deadline(void **state)
{
    (void)state;
    struct world *w = world_new("Never", "[]", "[{\"name\":\"a\"}]");
    json_put_int(w->pod, 30, "spec", "activeDeadlineSeconds");
    started(w, 0);
    PLAN(w, "wake 30001; Running");
    now += 30 * S;
    PLAN(w, "TERM a 20000; wake 20000; Failed");
    world_free(w);
}

/* ---- status -------------------------------------------------------------------------------------
 */

static cJSON *status_of(struct world *w, const cJSON *old)
{
    struct pod_plan p;
    w->s.now_us = now;
    pod_plan(&w->s, w->arena, &p);
    return pod_status(&w->s, &p, old);
}

static void status_words(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\",\"image\":\"x:1\"}]");
    started(w, 0);
    w->c[0].now.identity = "/usr/bin/x@1.2";
    now += 5 * S;
    ended(w, 0, 0);
    started(w, 0);
    now += 5 * S;
    ended(w, 0, 143);
    AUTO(json_freep) cJSON *st = status_of(w, NULL);
    const cJSON *c = json_at(st, "containerStatuses")->child;
    assert_string_equal(json_str(c, "state", "waiting", "reason"), "CrashLoopBackOff");
    assert_string_equal(json_str(c, "state", "waiting", "message"),
                        "back-off 10s restarting failed container a");
    assert_int_equal(json_int(-1, c, "lastState", "terminated", "exitCode"), 143);
    assert_string_equal(json_str(c, "lastState", "terminated", "finishedAt"),
                        "2026-01-01T00:00:10Z");
    assert_int_equal(json_int(-1, c, "restartCount"), 1);
    now += 10 * S;
    started(w, 0);
    AUTO(json_freep) cJSON *up = status_of(w, st);
    c = json_at(up, "containerStatuses")->child;
    assert_string_equal(json_str(c, "state", "running", "startedAt"), "2026-01-01T00:00:20Z");
    assert_string_equal(json_str(c, "lastState", "terminated", "reason"), "Error");
    assert_string_equal(json_str(c, "containerID"), "atoll://u/a/2");
    assert_string_equal(json_str(up, "startTime"), "2026-01-01T00:00:00Z");
    assert_string_equal(json_str(up, "podIP"), "127.1.1.2");
    const cJSON *ready = json_find(json_at(up, "conditions"), "type", "Ready");
    assert_string_equal(json_str(ready, "status"), "True");
    ready = json_find(json_at(st, "conditions"), "type", "Ready");
    assert_string_equal(json_str(ready, "reason"), "ContainersNotReady");
    assert_string_equal(json_str(ready, "message"), "containers with unready status: [a]");
    world_free(w);
}

static void status_of_lost_and_unstarted(void **state)
{
    (void)state;
    struct world *w = world_new("Never", "[]", "[{\"name\":\"a\"},{\"name\":\"b\"}]");
    started(w, 0);
    ended(w, 0, 0);
    w->c[0].now.lost = true;
    started(w, 1);
    ended(w, 1, 1);
    w->c[1].now.started_us = 0;
    w->c[1].now.message = "bwrap: no such file";
    AUTO(json_freep) cJSON *st = status_of(w, NULL);
    const cJSON *a = json_at(st, "containerStatuses")->child, *b = a->next;
    assert_int_equal(json_int(0, a, "state", "terminated", "exitCode"), 137);
    assert_string_equal(json_str(a, "state", "terminated", "reason"), "ContainerStatusUnknown");
    assert_int_equal(json_int(0, b, "state", "terminated", "exitCode"), 128);
    assert_string_equal(json_str(b, "state", "terminated", "message"), "bwrap: no such file");
    world_free(w);
}

static void gates(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\"}]");
    started(w, 0);
    json_put(w->pod, cJSON_Parse("[{\"conditionType\":\"x/y\"}]"), "spec", "readinessGates");
    AUTO(json_freep) cJSON *st = status_of(w, NULL);
    const cJSON *ready = json_find(json_at(st, "conditions"), "type", "Ready");
    assert_string_equal(json_str(ready, "reason"), "ReadinessGatesNotReady");
    AUTO(json_freep)
    cJSON *old = cJSON_Parse("{\"conditions\":[{\"type\":\"x/y\",\"status\":\"True\"}]}");
    AUTO(json_freep) cJSON *open = status_of(w, old);
    assert_string_equal(json_str(json_find(json_at(open, "conditions"), "type", "Ready"), "status"),
                        "True");
    world_free(w);
}

/* Converged means silent; a change names only what changed; conditions of others stay out of it. */
static void diffs(void **state)
{
    (void)state;
    struct world *w = world_new("Always", "[]", "[{\"name\":\"a\"}]");
    started(w, 0);
    AUTO(json_freep) cJSON *st = status_of(w, NULL);
    cJSON_AddItemToArray((cJSON *)json_at(st, "conditions"),
                         cJSON_Parse("{\"type\":\"x/y\",\"status\":\"True\"}"));
    json_put_str(st, "BestEffort", "qosClass");
    now += 100 * S;
    AUTO(json_freep) cJSON *same = status_of(w, st);
    assert_null(pod_status_diff(st, same));
    w->c[0].ready = false;
    AUTO(json_freep) cJSON *want = status_of(w, st);
    AUTO(json_freep) cJSON *patch = pod_status_diff(st, want);
    assert_int_equal(cJSON_GetArraySize(patch), 2);
    assert_int_equal(cJSON_GetArraySize(json_at(patch, "conditions")),
                     2); /* ContainersReady, Ready */
    const cJSON *ready = json_find(json_at(patch, "conditions"), "type", "Ready");
    assert_string_equal(json_str(ready, "lastTransitionTime"), "2026-01-01T00:01:40Z");
    AUTO(json_freep) cJSON *back = pod_status_diff(want, st);
    ready = json_find(json_at(back, "conditions"), "type", "Ready");
    assert_true(cJSON_IsNull(json_at(ready, "reason")));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_life),
        cmocka_unit_test(backoff),
        cmocka_unit_test(policies),
        cmocka_unit_test(final_is_final),
        cmocka_unit_test(init_in_order),
        cmocka_unit_test(init_fails_for_good),
        cmocka_unit_test(deletion),
        cmocka_unit_test(hooks),
        cmocka_unit_test(forced),
        cmocka_unit_test(unhealthy),
        cmocka_unit_test(image_change),
        cmocka_unit_test(problems),
        cmocka_unit_test(deadline),
        cmocka_unit_test(status_words),
        cmocka_unit_test(status_of_lost_and_unstarted),
        cmocka_unit_test(gates),
        cmocka_unit_test(diffs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
