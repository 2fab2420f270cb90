/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers as runs: preparing and starting one, following it, stopping it, finding it again. A
 * run that cannot even be prepared (a missing key, a missing program) leaves a problem in the
 * container, which the planner shows and retries; a run that was started and could not execute its
 * program ends like any other.
 */
#define LOG_ROOM "node"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "node/state.h"

enum {
    START_ARENA = 16 * 1024 * 1024,
    LOG_BYTES = 10 * 1024 * 1024,
    PROBLEM_FIRST_S = 2,
    PROBLEM_MAX_S = 60,
};

static void text_set(char **at, const char *text)
{
    mem_free(*at);
    *at = mem_strdup(text);
}

/* ---- preparing a run ----------------------------------------------------------------------------
 */

#define start_job_MAGIC 0x736a6f62u
struct start_job {
    uint32_t magic;
    struct container *c;
    struct pod *pod;
    struct arena *arena;
    const char **argv;
    struct environment env;
    char *dir, *previous_tmp, *stale, *text; /* text: start.json */
    int rc;
    struct err *err;
};

static void start_job_free(struct start_job *j)
{
    arena_free(j->arena);
    mem_free(j->dir);
    mem_free(j->previous_tmp);
    mem_free(j->stale);
    mem_free(j->text);
    err_free(j->err);
    j->magic = 0;
    mem_free(j);
}

/* On a worker: the directory of the run, what to remember of it; the run before the last goes. */
static void start_work(void *arg)
{
    struct start_job *j = CAST(start_job, arg);
    AUTO(mem_freep) char *tmp = file_path(j->dir, "tmp"), *file = file_path(j->dir, "start.json");
    if (j->stale)
        file_tree_remove(j->stale, NULL);
    if (j->previous_tmp)
        file_tree_remove(j->previous_tmp, NULL);
    j->rc = file_tree_remove(j->dir, &j->err); /* a preparation that was cut short */
    if (!j->rc)
        j->rc = file_dir_make(tmp, 0700, &j->err);
    if (!j->rc && chmod(tmp, 01777) < 0) /* the directories above are closed */
        j->rc = err_set(&j->err, -errno, "%s: %s", tmp, strerror(errno));
    if (!j->rc)
        j->rc = file_replace(file, j->text, strlen(j->text), 0600, &j->err);
}

static void problem(struct container *c, const struct err *err, const char *reason)
{
    const cJSON *object = pod_object(c->pod);
    unsigned shift = c->problems < 5 ? c->problems : 5;
    int64_t pause = (int64_t)PROBLEM_FIRST_S << shift;
    c->problems++;
    text_set(&c->problem, err_reason(err)[0] ? err_reason(err) : reason);
    text_set(&c->problem_message, err_text(err));
    c->seen.problem_until_us =
        clock_wall_us() + (pause > PROBLEM_MAX_S ? PROBLEM_MAX_S : pause) * 1000000;
    if (object)
        kube_event(c->pod->node->events, object, true, "Failed", "%s", c->problem_message);
    pod_dirty(c->pod);
}

/* Undo the state a start announced: this run never existed. */
static void start_undone(struct container *c)
{
    c->seen.level = c->level_before;
    c->seen.now = c->seen.last;
    c->seen.last = (struct run_seen){.number = -1};
    text_set(&c->message, c->last_message);
    text_set(&c->last_message, NULL);
}

static void run_begin(struct container *c, struct start_job *j)
{
    struct pod *p = c->pod;
    struct run_spec spec = {.shim = p->node->shim,
                            .dir = j->dir,
                            .argv = j->argv,
                            .env = j->env.list,
                            .sandboxed = true,
                            .log_max = LOG_BYTES};
    AUTO(err_freep) struct err *err = NULL;
    if (run_start(p->node->loop, &spec, container_on_run, c, &c->run, &err)) {
        start_undone(c);
        problem(c, err, "CreateContainerError");
        return;
    }
    c->problems = 0;
    text_set(&c->problem, NULL);
    text_set(&c->problem_message, NULL);
}

static void start_done(void *arg)
{
    struct start_job *j = CAST(start_job, arg);
    struct container *c = j->c;
    struct pod *p = j->pod;
    p->jobs--;
    if (p->dead) {
        pod_free(p);
    } else if (j->rc) {
        start_undone(c);
        problem(c, j->err, "CreateContainerError");
    } else if (c->cancelled) {
        start_undone(c);
        pod_dirty(p);
    } else {
        run_begin(c, j);
    }
    start_job_free(j);
}

static char *start_text(const struct container *c)
{
    AUTO(json_freep) cJSON *j = cJSON_CreateObject();
    json_put_int(j, c->seen.level, "level");
    json_put_str(j, c->image ? c->image : "", "image");
    if (c->identity)
        json_put_str(j, c->identity, "identity");
    if (c->program)
        json_put_str(j, c->program, "program");
    return json_print(j);
}

/* Everything about the next run that can fail without touching the disk. */
static int start_make(struct container *c, const cJSON *object, struct start_job *j,
                      const char **ret_program, struct err **err)
{
    struct pod *p = c->pod;
    struct node *n = p->node;
    struct downward d = {object, p->ip, n->address, n->name, n->cpu_milli, n->memory};
    struct lookup lookup = node_lookup(n);
    AUTO(mem_freep) char *volumes = file_path(p->dir, "volumes");
    const char **command, *refused = action_refused(c->seen.spec, j->arena);
    if (refused)
        return err_set(err, -ENOTSUP, "%s", refused);
    int rc = environment_make(&d, c->seen.spec, &lookup, j->arena, &j->env, err);
    if (!rc)
        rc = environment_command(&j->env, c->seen.spec, j->arena, &command, err);
    if (!rc)
        rc = program_find(c->seen.spec, command[0], environment_get(&j->env, "PATH"), n->conf,
                          j->arena, ret_program, err);
    if (rc)
        return rc;
    struct sandbox s = {.host = &n->host,
                        .bwrap = n->bwrap,
                        .pod = object,
                        .container = c->seen.spec,
                        .env = &j->env,
                        .volumes = p->volumes,
                        .n_volumes = p->n_volumes,
                        .volumes_dir = volumes,
                        .tmp_dir = arena_printf(j->arena, "%s/tmp", j->dir),
                        .hosts_dir = hosts_dir(n->hosts, p->ns, j->arena, err),
                        .command = command};
    return s.hosts_dir ? sandbox_argv(&s, j->arena, &j->argv, err) : err_code(*err);
}

/* The container becomes its next run, in state STARTING until the shim says more. */
static void start_announce(struct container *c, const char *program)
{
    struct container_seen *s = &c->seen;
    const char *image = json_str(s->spec, "image");
    c->level_before = s->level;
    if (s->now.number >= 0) {
        bool changed = c->image && !streq(c->image, image);
        s->level = changed ? 0 : restart_level(s->level, s->now.started_us, s->now.ended_us);
        s->last = s->now;
        text_set(&c->last_message, c->message);
    }
    text_set(&c->message, NULL);
    text_set(&c->image, image ? image : "");
    text_set(&c->program, program);
    text_set(&c->identity, program ? programs_identity(c->pod->node->programs, program)
                                   : json_str(s->spec, "image"));
    s->now = (struct run_seen){.state = RUN_STARTING, .number = s->last.number + 1};
    s->stopping_ms = 0;
    s->term_sent = false;
    s->prestop = HOOK_IDLE;
    c->probed = c->cancelled = false;
}

void container_start(struct container *c, const cJSON *object, const char *why)
{
    struct pod *p = c->pod;
    int number = c->seen.now.number + 1;
    const char *program = NULL;
    AUTO(err_freep) struct err *err = NULL;
    struct start_job *j = mem_new(struct start_job);
    *j = (struct start_job){
        .magic = start_job_MAGIC, .c = c, .pod = p, .arena = arena_new(START_ARENA)};
    j->dir = pod_run_dir(p, c->name, number);
    if (start_make(c, object, j, &program, &err)) {
        start_job_free(j);
        problem(c, err, "CreateContainerConfigError");
        return;
    }
    log_info("pod %s: starting %s, run %d: %s", p->key, c->name, number, why);
    start_announce(c, program);
    j->text = start_text(c);
    if (number >= 1) {
        AUTO(mem_freep) char *before = pod_run_dir(p, c->name, number - 1);
        j->previous_tmp = file_path(before, "tmp");
    }
    j->stale = number >= 2 ? pod_run_dir(p, c->name, number - 2) : NULL;
    p->jobs++;
    worker_run(p->node->loop, start_work, start_done, j);
}

/* ---- following a run ----------------------------------------------------------------------------
 */

static void run_over(struct container *c)
{
    run_free(TAKE(c->run));
    prober_free(TAKE(c->prober));
    action_cancel(TAKE(c->hook));
    c->seen.stopping_ms = 0;
    c->seen.term_sent = false;
    c->seen.prestop = HOOK_IDLE;
}

static void facts_take(struct container *c, const struct run_facts *f)
{
    struct run_seen *r = &c->seen.now;
    r->state = f->state;
    r->started_us = f->started_us;
    r->ended_us = f->ended_us;
    r->code = f->code;
    r->lost = f->lost;
    text_set(&c->message, f->message[0] ? f->message : NULL);
}

void container_on_run(void *arg)
{
    struct container *c = CAST(container, arg);
    struct pod *p = c->pod;
    const cJSON *object = pod_object(p);
    facts_take(c, run_facts(c->run));
    if (c->seen.now.state == RUN_RUNNING && object)
        kube_event(p->node->events, object, false, "Started", "Started container %s", c->name);
    if (c->seen.now.state == RUN_ENDED) {
        log_info("pod %s: %s, run %d, ended with code %d%s%s", p->key, c->name, c->seen.now.number,
                 c->seen.now.code,
                 c->message         ? ": "
                 : c->seen.now.lost ? ", nobody saw how"
                                    : "",
                 c->message ? c->message : "");
        run_over(c);
    }
    /* Not through the queue: a dead primary should not wait for a turn. */
    if (kube_cache_synced(p->node->pods_cache))
        pod_sync(p, object);
    else
        pod_dirty(p);
}

void container_adopt(struct container *c)
{
    struct pod *p = c->pod;
    AUTO(mem_freep) char *dir = pod_run_dir(p, c->name, c->seen.now.number);
    if (run_adopt(p->node->loop, dir, container_on_run, c, &c->run, NULL) == 0) {
        facts_take(c, run_facts(c->run));
        log_info("pod %s: %s, run %d, runs on", p->key, c->name, c->seen.now.number);
        return;
    }
    struct run_facts f;
    run_facts_of_dir(dir, &f);
    facts_take(c, &f);
}

/* ---- probes -------------------------------------------------------------------------------------
 */

static void on_probe(void *arg)
{
    struct container *c = CAST(container, arg);
    struct pod *p = c->pod;
    const struct prober_state *s = prober_state(c->prober);
    const cJSON *object = pod_object(p);
    if (object && (!s->ready || s->unhealthy) && s->message[0])
        kube_event(p->node->events, object, true, "Unhealthy", "%s failed: %s", s->which,
                   s->message);
    if (object && kube_cache_synced(p->node->pods_cache))
        pod_sync(p, object);
}

/* What the API says about this very run, from an earlier life of this daemon. */
static bool known_before(const struct container *c, const cJSON *object, struct prober_state *ret)
{
    static const char *const lists[] = {"containerStatuses", "initContainerStatuses"};
    AUTO(mem_freep)
    char *id = mem_printf("atoll://%s/%s/%d", c->pod->uid, c->name, c->seen.now.number);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const cJSON *st = json_find(json_at(object, "status", lists[i]), "name", c->name);
        if (st && streq(json_str(st, "containerID"), id)) {
            *ret = (struct prober_state){.started = json_bool(false, st, "started"),
                                         .ready = json_bool(false, st, "ready")};
            return true;
        }
    }
    return false;
}

static struct action_target target_of(const struct container *c, const cJSON *spec)
{
    const struct pod *p = c->pod;
    const struct run_facts *f = c->run ? run_facts(c->run) : NULL;
    return (struct action_target){.loop = p->node->loop,
                                  .http = p->node->http,
                                  .shim = p->node->shim,
                                  .ip = p->ip,
                                  .pid = f ? f->main_pid : 0,
                                  .start = f ? f->main_start : 0,
                                  .container = spec};
}

void container_probe(struct container *c, const cJSON *object)
{
    struct prober_state was;
    int64_t age_us = clock_wall_us() - c->seen.now.started_us;
    if (c->probed)
        return;
    c->probed = true;
    bool known = known_before(c, object, &was);
    struct action_target t = target_of(c, c->seen.spec);
    c->prober =
        prober_new(&t, age_us > 0 ? (uint64_t)age_us / 1000 : 0, known ? &was : NULL, on_probe, c);
}

/* ---- stopping -----------------------------------------------------------------------------------
 */

static void on_hook(void *arg, bool ok, const char *message)
{
    struct container *c = CAST(container, arg);
    const cJSON *object = pod_object(c->pod);
    c->hook = NULL;
    c->seen.prestop = HOOK_DONE;
    if (!ok && object)
        kube_event(c->pod->node->events, object, true, "FailedPreStopHook",
                   "preStop of container %s: %s", c->name, message);
    pod_dirty(c->pod);
}

void container_hook(struct container *c, const cJSON *object, uint64_t grace_ms)
{
    struct action_target t = target_of(c, c->seen.spec);
    (void)object;
    c->seen.stopping_ms = clock_mono_ms();
    c->seen.prestop = HOOK_RUNNING;
    c->hook = action_start(&t, json_at(c->seen.spec, "lifecycle", "preStop"), grace_ms, on_hook, c);
}

void container_term(struct container *c, const cJSON *object, const char *why)
{
    log_info("pod %s: stopping %s, run %d: %s", c->pod->key, c->name, c->seen.now.number, why);
    if (object)
        kube_event(c->pod->node->events, object, false, "Killing", "Stopping container %s: %s",
                   c->name, why);
    if (!c->seen.stopping_ms)
        c->seen.stopping_ms = clock_mono_ms();
    c->seen.term_sent = true;
    c->cancelled = !c->run;
    if (c->run)
        run_term(c->run);
}

void container_kill(struct container *c)
{
    log_warn("pod %s: killing %s, run %d: it did not end within its grace period", c->pod->key,
             c->name, c->seen.now.number);
    c->cancelled = !c->run;
    if (c->run)
        run_kill(c->run);
}
