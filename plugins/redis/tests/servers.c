/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes for the end-to-end tests; see servers.h.
 */
#include "servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSWORD          "secret-of-the-servers"
#define SENTINEL_PASSWORD "secret-of-the-sentinels"

static void nap_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* ---- the site
 * ------------------------------------------------------------------------------------------------
 */

void site_skip_without_redis(void)
{
    if (access("/usr/bin/redis-server", X_OK) == 0 && access("/usr/bin/redis-sentinel", X_OK) == 0)
        return;
    printf("skipped: /usr/bin/redis-server and redis-sentinel are needed (packages redis-server, "
           "redis-sentinel)\n");
    exit(77);
}

static void fill_component(struct site *s, unsigned k, const char *name, const char *definition,
                           unsigned n)
{
    struct atoll_component *c = &s->components[k];
    *c = (struct atoll_component){.size = sizeof(*c),
                                  .name = atoll_str_of(name),
                                  .definition = atoll_str_of(definition),
                                  .replicas = n,
                                  .n_instances = n,
                                  .n_accounts = 1,
                                  .instances = s->instance_list[k],
                                  .accounts = &s->account_list[k],
                                  .memory_bytes = 256 << 20};
    s->accounts[k] = (struct atoll_account){sizeof(s->accounts[k]), 0, atoll_str_of("default"),
                                            atoll_str_of("default"), atoll_str_of(name)};
    s->account_list[k] = &s->accounts[k];
    s->component_list[k] = c;
    for (unsigned i = 0; i < n; i++) {
        struct process *p = k ? &s->sentinel[i] : &s->server[i];
        struct atoll_instance *in = &s->instances[k][i];
        p->sentinel = k == 1;
        snprintf(p->id, sizeof(p->id), "%c%u", k ? 's' : 'r', i);
        snprintf(p->ip, sizeof(p->ip), "127.16.%u.%u", s->net, (k ? 100 : 0) + i + 1);
        snprintf(p->dir, sizeof(p->dir), "%s/%s", s->root, p->id);
        assert_int_equal(mkdir(p->dir, 0700), 0);
        *in = (struct atoll_instance){.size = sizeof(*in),
                                      .id = atoll_str_of(p->id),
                                      .name = atoll_str_of(p->id),
                                      .component = c->name,
                                      .address = atoll_str_of(p->ip),
                                      .ordinal = i};
        s->instance_list[k][i] = in;
    }
}

struct site *site_new(unsigned n_servers, unsigned n_sentinels)
{
    struct site *s = calloc(1, sizeof(*s));
    s->fake = fake_new();
    s->net = 10 + (unsigned)getpid() % 240;
    s->n_servers = n_servers;
    s->n_sentinels = n_sentinels;
    snprintf(s->root, sizeof(s->root), "/tmp/atoll-redis-test.XXXXXX");
    assert_non_null(mkdtemp(s->root));
    fill_component(s, 0, "redis", "redis-7", n_servers);
    fill_component(s, 1, "redis-sentinel", "redis-sentinel-7", n_sentinels);
    s->view =
        (struct atoll_view){.size = sizeof(s->view),
                            .cluster = atoll_str_of("default/orders"),
                            .topology = atoll_str_of(n_sentinels ? "replication" : "standalone"),
                            .component = atoll_str_of("redis"),
                            .n_components = n_sentinels ? 2 : 1,
                            .components = s->component_list,
                            .age_ms = 600000};
    fake_secret(s->fake, "redis", PASSWORD);
    fake_secret(s->fake, "redis-sentinel", SENTINEL_PASSWORD);
    return s;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void site_free(struct site *s)
{
    fake_free(s->fake);
    for (unsigned i = 0; i < SITE_MAX; i++) {
        process_kill(&s->server[i], SIGKILL);
        process_kill(&s->sentinel[i], SIGKILL);
    }
    nftw(s->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
}

void site_option(struct site *s, const char *name, const char *value)
{
    struct atoll_component *c = &s->components[0];
    assert_true(c->n_options < ARRAY_LEN(s->options));
    s->options[c->n_options++] = (struct atoll_kv){atoll_str_of(name), atoll_str_of(value)};
    c->options = s->options;
}

/* ---- files and command lines
 * ----------------------------------------------------------------------------------- */

/* Every `from` in text becomes `to`; the result is the caller's. */
static char *replaced(const char *text, const char *from, const char *to)
{
    size_t room = strlen(text) * 2 + strlen(to) * 64 + 4096, len = 0;
    char *out = calloc(1, room);
    for (const char *at = text; *at;) {
        if (!strncmp(at, from, strlen(from))) {
            len += (size_t)snprintf(out + len, room - len, "%s", to);
            at += strlen(from);
        } else {
            out[len++] = *at++;
        }
        assert_true(len + 256 < room);
    }
    return out;
}

static char *replaced_free(char *text, const char *from, const char *to)
{
    char *out = replaced(text, from, to);
    free(text);
    return out;
}

struct rendering {
    struct process *p;
    unsigned files;
};

static void write_file(void *impl, const char *volume, const char *name, uint32_t mode,
                       struct atoll_str content)
{
    struct rendering *r = impl;
    char path[512];
    (void)volume, (void)mode;
    char *text = calloc(1, content.len + 1);
    memcpy(text, content.ptr, content.len);
    text = replaced_free(text, "@{secret redis-sentinel}", SENTINEL_PASSWORD);
    text = replaced_free(text, "@{secret redis}", PASSWORD);
    text = replaced_free(text, "dir /data", r->p->dir[0] ? "dir ." : "");
    snprintf(path, sizeof(path), "%s/etc", r->p->dir);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/etc/%s", r->p->dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    free(text);
    r->files++;
}

static void render_for(struct site *s, struct process *p)
{
    static const struct atoll_instance late = {.size = sizeof(late)};
    struct rendering r = {p, 0};
    const struct atoll_files files = {.size = sizeof(files), .impl = &r, .file = write_file};
    struct atoll_view v = s->view;
    v.component = s->components[p->sentinel].name;
    atoll_plugin_entry()->topology->render(fake_self(s->fake), &v, &late, &files);
    assert_int_equal(r.files, 1);
}

/* The `args:` of the definition: items of a YAML list, the last of which may be a block of text. */
static unsigned definition_args(const char *name, char *args[16])
{
    char path[512], line[1024];
    snprintf(path, sizeof(path), "%s/%s.yaml", REDIS_DEFINITIONS, name);
    FILE *f = fopen(path, "re");
    unsigned n = 0;
    bool inside = false;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (text_eq(line, "        args:"))
            inside = true;
        else if (inside && text_eq(line, "          - |"))
            args[n++] = calloc(1, 8192);
        else if (inside && !strncmp(line, "          - ", 12))
            args[n++] = replaced(line + 12, "\t", " ");
        else if (inside && !strncmp(line, "            ", 12) && n)
            snprintf(args[n - 1] + strlen(args[n - 1]), 8192 - strlen(args[n - 1]), "%s\n",
                     line + 12);
        else if (inside && line[0])
            break;
        assert_true(n < 16);
    }
    fclose(f);
    assert_true(n > 0);
    return n;
}

static void run(struct process *p, const char *const *argv)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/log", p->dir);
    pid_t parent = getpid();
    fflush(stdout);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    int log = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    dup2(log, 1);
    dup2(log, 2);
    setenv("ATOLL_ADDRESS", p->ip, 1);
    if (chdir(p->dir) == 0)
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool port_open(const struct process *p)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port =
                                htons((uint16_t)(p->sentinel ? SENTINEL_PORT : REDIS_PORT))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, p->ip, &a.sin_addr);
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    close(fd);
    return ok;
}

void process_start(struct site *s, struct process *p, const char *const *extra)
{
    const char *argv[32] = {p->sentinel ? "sh" : "redis-server"};
    char *args[16], etc[512];
    unsigned n = 1, count = definition_args(p->sentinel ? "redis-sentinel-7" : "redis-7", args);
    render_for(s, p);
    if (p->sentinel)
        argv[n++] = "-ec";
    snprintf(etc, sizeof(etc), "%s/etc", p->dir);
    for (unsigned i = 0; i < count; i++) {
        args[i] = replaced_free(args[i], p->sentinel ? "/etc/sentinel" : "/etc/redis", etc);
        args[i] = replaced_free(args[i], "/data", p->dir);
        args[i] = replaced_free(args[i], "$(ATOLL_ADDRESS)", p->ip);
        argv[n++] = args[i];
    }
    for (; extra && *extra; extra++)
        argv[n++] = *extra;
    run(p, argv);
    for (unsigned i = 0; i < count; i++)
        free(args[i]);
    for (unsigned i = 0; !port_open(p); i++) {
        if (i > 5000 || waitpid(p->pid, NULL, WNOHANG) != 0)
            fail_msg("%s does not listen on %s; see %s/log", p->id, p->ip, p->dir);
        nap_ms(1);
    }
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < SITE_MAX; i++)
            if (&(k ? s->sentinel : s->server)[i] == p)
                s->instances[k][i].flags |= ATOLL_INSTANCE_PRESENT | ATOLL_INSTANCE_RUNNING;
}

void process_kill(struct process *p, int signo)
{
    if (p->pid <= 0)
        return;
    kill(p->pid, signo);
    if (signo == SIGSTOP || signo == SIGCONT)
        return;
    kill(p->pid, SIGCONT);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
}

void process_wipe(struct process *p)
{
    assert_int_equal(p->pid, 0);
    nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(p->dir, 0700), 0);
}

void sentinel_hurry(struct process *p)
{
    assert_string_equal(
        ASK(p, "SENTINEL DEBUG INFO-PERIOD 500 PUBLISH-PERIOD 300 ASK-PERIOD 200 "
               "PING-PERIOD 200 SLAVE-RECONF-TIMEOUT 2000 MIN-LINK-RECONNECT-PERIOD 500"),
        "OK");
}

void site_start(struct site *s)
{
    for (unsigned i = 0; i < s->n_servers; i++)
        process_start(s, &s->server[i], NULL);
    for (unsigned i = 0; i < s->n_sentinels; i++) {
        process_start(s, &s->sentinel[i], NULL);
        sentinel_hurry(&s->sentinel[i]);
    }
    fake_view(s->fake, &s->view);
}

/* ---- asking
 * ---------------------------------------------------------------------------------------------------
 */

static redisContext *connect_to(const struct process *p)
{
    struct timeval t = {2, 0};
    redisContext *c = redisConnectWithTimeout(p->ip, p->sentinel ? SENTINEL_PORT : REDIS_PORT, t);
    if (!c || c->err) {
        redisFree(c);
        return NULL;
    }
    redisSetTimeout(c, t);
    redisReply *r = redisCommand(c, "AUTH default %s", p->sentinel ? SENTINEL_PASSWORD : PASSWORD);
    if (r)
        freeReplyObject(r);
    return c;
}

static void flatten(const redisReply *r, char *out, size_t size)
{
    size_t len = strlen(out);
    const char *gap = len ? " " : "";
    if (!r)
        snprintf(out + len, size - len, "%s-NOANSWER", gap);
    else if (r->type == REDIS_REPLY_INTEGER)
        snprintf(out + len, size - len, "%s%lld", gap, r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        snprintf(out + len, size - len, "%s(nil)", gap);
    else if (r->type == REDIS_REPLY_ERROR)
        snprintf(out + len, size - len, "%s-%s", gap, r->str);
    else if (r->type == REDIS_REPLY_ARRAY)
        for (size_t i = 0; i < r->elements; i++)
            flatten(r->element[i], out, size);
    else
        snprintf(out + len, size - len, "%s%s", gap, r->str);
}

char *ask(struct process *p, char *out, size_t size, const char *fmt, ...)
{
    redisContext *c = connect_to(p);
    redisReply *r = NULL;
    va_list ap;
    out[0] = '\0';
    va_start(ap, fmt);
    if (c)
        r = redisvCommand(c, fmt, ap);
    va_end(ap);
    flatten(r, out, size);
    if (r)
        freeReplyObject(r);
    if (c)
        redisFree(c);
    return out;
}

char *info(struct process *p, const char *section, const char *field, char out[128])
{
    redisContext *c = connect_to(p);
    redisReply *r = c ? redisCommand(c, "INFO %s", section) : NULL;
    char key[64];
    out[0] = '\0';
    snprintf(key, sizeof(key), "\n%s:", field);
    const char *at = r && r->type == REDIS_REPLY_STRING ? strstr(r->str, key) : NULL;
    if (at)
        snprintf(out, 128, "%.*s", (int)strcspn(at + strlen(key), "\r"), at + strlen(key));
    if (r)
        freeReplyObject(r);
    if (c)
        redisFree(c);
    return out;
}

unsigned calls(struct process *p, const char *command)
{
    char field[64];
    snprintf(field, sizeof(field), "cmdstat_%s", command);
    const char *value = INFO(p, "commandstats", field);
    return strncmp(value, "calls=", 6) != 0 ? 0 : (unsigned)strtoul(value + 6, NULL, 10);
}

/* ---- load
 * -----------------------------------------------------------------------------------------------------
 */

#define LOAD_MAX 400000

struct load {
    struct site *site;
    char prefix[32];
    pthread_t thread;
    atomic_bool stop;
    atomic_uint acked;
    unsigned next, gap_us;
    unsigned char *ok; /* by number of the key */
};

static redisContext *find_primary(struct site *s)
{
    for (unsigned i = 0; i < s->n_servers; i++) {
        struct timeval t = {0, 300000};
        redisContext *c = redisConnectWithTimeout(s->server[i].ip, REDIS_PORT, t);
        if (!c || c->err) {
            redisFree(c);
            continue;
        }
        redisSetTimeout(c, t);
        redisReply *a = redisCommand(c, "AUTH %s", PASSWORD), *r = redisCommand(c, "ROLE");
        bool master = r && r->type == REDIS_REPLY_ARRAY && text_eq(r->element[0]->str, "master");
        if (a)
            freeReplyObject(a);
        if (r)
            freeReplyObject(r);
        struct timeval patient = {3, 0};
        redisSetTimeout(c, patient);
        if (master)
            return c;
        redisFree(c);
    }
    return NULL;
}

static void *load_run(void *arg)
{
    struct load *l = arg;
    redisContext *c = NULL;
    uint64_t last = 0;
    while (!atomic_load(&l->stop) && l->next < LOAD_MAX) {
        if (!c && !(c = find_primary(l->site))) {
            nap_ms(1);
            continue;
        }
        unsigned n = l->next++;
        redisReply *r = redisCommand(c, "SET %s:%u %u", l->prefix, n, n);
        if (r && r->type == REDIS_REPLY_STATUS) {
            uint64_t now = now_us();
            l->ok[n] = 1;
            atomic_fetch_add(&l->acked, 1);
            if (last && now - last > l->gap_us)
                l->gap_us = (unsigned)(now - last);
            last = now;
        } else if (!r || strncmp(r->str, "NOREPLICAS", 10)) {
            redisFree(c);
            c = NULL;
        }
        if (r)
            freeReplyObject(r);
        nanosleep(&(struct timespec){0, 200000},
                  NULL); /* a few thousand writes per second are enough */
    }
    redisFree(c);
    return NULL;
}

struct load *load_start(struct site *s, const char *prefix)
{
    struct load *l = calloc(1, sizeof(*l));
    l->site = s;
    l->ok = calloc(1, LOAD_MAX);
    snprintf(l->prefix, sizeof(l->prefix), "%s", prefix);
    assert_int_equal(pthread_create(&l->thread, NULL, load_run, l), 0);
    return l;
}

unsigned load_acked(struct load *l)
{
    return atomic_load(&l->acked);
}

unsigned load_stop(struct load *l, struct process *judge, unsigned *ret_acked, unsigned *ret_gap_us)
{
    unsigned lost = 0;
    atomic_store(&l->stop, true);
    pthread_join(l->thread, NULL);
    redisContext *c = connect_to(judge);
    assert_non_null(c);
    for (unsigned n = 0; n < l->next; n++) {
        if (!l->ok[n])
            continue;
        redisReply *r = redisCommand(c, "EXISTS %s:%u", l->prefix, n);
        assert_true(r && r->type == REDIS_REPLY_INTEGER);
        lost += r->integer == 0;
        freeReplyObject(r);
    }
    redisFree(c);
    *ret_acked = load_acked(l);
    *ret_gap_us = l->gap_us;
    free(l->ok);
    free(l);
    return lost;
}
