/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: address, credentials, identity, and one HTTP attempt. What an answer means and when
 * to ask again is call.c's and follow.c's business.
 *
 * Credentials that lie in files are read again once a minute and after a 401, so rotated tokens and
 * certificates need no restart. New certificates mean a new TLS context; attempts under way keep
 * the old one until they end. A token never goes over plain http to another machine.
 */
#include "kube/client.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/map.h"
#include "kube/config.h"

#if defined(__x86_64__)
#define MACHINE "amd64"
#elif defined(__aarch64__)
#define MACHINE "arm64"
#else
#define MACHINE "other"
#endif

#define LOG_ROOM            "kube"
#define REFRESH_MS          60000
#define PACE_PER_SECOND     50
#define PACE_BURST          100
#define WARNINGS_MAX        256
#define ANSWER_MAX          ((size_t)256 << 20)
#define HEADERS_MAX         16
#define IMPERSONATE_MAX     8
#define CONNECT_DEADLINE_MS 5000

static void cred_free(struct client_cred *cred)
{
    ATOLL_ASSERT(cred->attempts == 0);
    list_remove(&cred->node);
    if (cred->tls)
        http_tls_free(cred->tls);
    mem_free(cred);
}

/* Called before an attempt, never from the end of one: its request may still be on the stack. */
static void creds_reap(struct kube_client *c)
{
    list_foreach_safe (it, &c->creds) {
        struct client_cred *cred = list_entry(it, struct client_cred, node);
        if (cred != c->cred && cred->attempts == 0)
            cred_free(cred);
    }
}

static struct client_cred *cred_new(struct kube_client *c)
{
    const struct kube_config *cfg = c->cfg;
    struct client_cred *cred = mem_new(struct client_cred);
    list_append(&c->creds, &cred->node);
    if (str_starts(cfg->server, "https://"))
        cred->tls = http_tls_new(cfg->ca.text, cfg->cert.text, cfg->key.text, cfg->insecure,
                                 cfg->server_name);
    return cred;
}

static bool refresh(struct kube_client *c)
{
    bool token, tls;
    c->refreshed_ms = loop_now_ms(c->loop);
    kube_config_refresh(c->cfg, &token, &tls);
    if (tls) {
        c->cred = cred_new(c);
        log_info("certificates of %s were read again", c->cfg->server);
    }
    return token || tls;
}

bool kube_client_reauth(struct kube_client *c)
{
    return refresh(c);
}

/* "http://127.0.0.1:8080", "http://localhost", "http://[::1]:1" */
static bool server_is_here(const char *server)
{
    const char *host = strstr(server, "://");
    host = host ? host + 3 : server;
    size_t n = strcspn(host, host[0] == '[' ? "]" : ":/");
    struct str h = {host, n};
    return (n > 4 && memcmp(host, "127.", 4) == 0) || str_eq(h, STR("localhost")) ||
           str_eq(h, STR("[::1"));
}

static char *field_manager(const char *user_agent)
{
    return mem_strndup(user_agent, strcspn(user_agent, "/"));
}

int kube_client_new(struct loop *l, struct http_client *http, struct kube_config *cfg,
                    const char *user_agent, struct kube_client **ret, struct err **err)
{
    ATOLL_ASSERT(l && http && cfg && user_agent && user_agent[0]);
    bool here = server_is_here(cfg->server);
    if (!here && str_starts(cfg->server, "http://") &&
        (cfg->token.text || cfg->password || cfg->cert.text)) {
        int rc = err_set(err, -EPERM,
                         "%s: want https:// to send credentials to another machine, found http://",
                         cfg->server);
        kube_config_free(cfg);
        return rc;
    }
    struct kube_client *c = mem_new(struct kube_client);
    c->magic = kube_client_MAGIC;
    c->loop = l;
    c->http = http;
    c->cfg = cfg;
    c->user_agent = mem_printf("%s (linux/" MACHINE ")", user_agent);
    c->manager = field_manager(user_agent);
    list_init(&c->creds);
    c->cred = cred_new(c);
    c->refreshed_ms = loop_now_ms(l);
    c->warned = mem_new(struct map);
    list_init(&c->calls);
    list_init(&c->waiting);
    c->turn = loop_timer_new(l, kube_client_calls_turn, c);
    /* Manners towards a server that others use too; the one on this machine is ours. */
    kube_client_limit(c, here ? 0 : PACE_PER_SECOND, PACE_BURST);
    c->requests_total = metric_get("atoll_kube_requests_total", METRIC_COUNTER, "verb",
                                   "HTTP requests sent to Kubernetes APIs");
    c->writes_total = metric_get("atoll_kube_writes_total", METRIC_COUNTER, "verb",
                                 "Writes started at Kubernetes APIs");
    *ret = c;
    return 0;
}

void kube_client_limit(struct kube_client *c, double per_second, unsigned burst)
{
    kube_pace_init(&c->pace, per_second, burst, loop_now_ms(c->loop));
}

void kube_client_free(struct kube_client *c)
{
    if (!c)
        return;
    ATOLL_ASSERT(c->streams == 0); /* free the caches first */
    kube_client_calls_drop(c);
    loop_timer_free(c->turn);
    while (!list_empty(&c->creds))
        cred_free(list_entry(c->creds.next, struct client_cred, node));
    kube_config_free(c->cfg);
    map_done(c->warned);
    mem_free(c->warned);
    mem_free(c->user_agent);
    mem_free(c->manager);
    c->magic = 0;
    mem_free(c);
}

struct loop *kube_client_loop(struct kube_client *c)
{
    return c->loop;
}

uint64_t kube_client_writes(const struct kube_client *c)
{
    return c->writes;
}

struct headers {
    struct http_header list[HEADERS_MAX];
    size_t n;
    struct buf auth;
};

static void headers_done(struct headers *h)
{
    if (h->auth.ptr)
        mem_wipe(h->auth.ptr, h->auth.len);
    buf_done(&h->auth);
}

static void add_header(struct headers *h, const char *name, const char *value)
{
    ATOLL_ASSERT(h->n < HEADERS_MAX);
    if (value)
        h->list[h->n++] = (struct http_header){name, value};
}

static void add_authorization(struct headers *h, const struct kube_config *cfg)
{
    if (cfg->token.text) {
        buf_addf(&h->auth, "Bearer %s", cfg->token.text);
    } else if (cfg->user) {
        AUTO(mem_freep)
        char *pair = mem_printf("%s:%s", cfg->user, cfg->password ? cfg->password : "");
        buf_adds(&h->auth, "Basic ");
        buf_add_base64(&h->auth, pair, strlen(pair));
        mem_wipe(pair, strlen(pair));
    }
    if (h->auth.len)
        add_header(h, "Authorization", buf_str(&h->auth));
}

static void fill_headers(struct headers *h, const struct kube_client *c, const struct request *r)
{
    const struct kube_config *cfg = c->cfg;
    *h = (struct headers){.auth = BUF_INIT((size_t)2 << 20)};
    add_header(h, "User-Agent", c->user_agent);
    add_header(h, "Accept", "application/json");
    add_header(h, "Content-Type", r->body ? r->content_type : NULL);
    add_authorization(h, cfg);
    add_header(h, "Impersonate-User", cfg->as);
    for (size_t i = 0; cfg->as_groups && cfg->as_groups[i] && i < IMPERSONATE_MAX; i++)
        add_header(h, "Impersonate-Group", cfg->as_groups[i]);
}

int kube_client_try(struct kube_client *c, const struct client_send *s,
                    const struct http_handler *h, struct kube_client_try *ret, struct err **err)
{
    if (loop_now_ms(c->loop) - c->refreshed_ms >= REFRESH_MS)
        refresh(c);
    creds_reap(c);
    const struct request *r = s->request;
    AUTO(headers_done) struct headers headers;
    fill_headers(&headers, c, r);
    struct http_call call = {.method = r->method,
                             .url = r->url,
                             .headers = headers.list,
                             .n_headers = headers.n,
                             .body = str_of(r->body),
                             .tls = c->cred->tls,
                             .lane = s->lane,
                             .deadline_ms = s->deadline_ms,
                             .connect_ms = CONNECT_DEADLINE_MS,
                             .body_max = ANSWER_MAX};
    metric_add(c->requests_total, r->verb, 1);
    int rc = http_start(c->http, &call, h, &ret->http, err);
    if (rc)
        return rc;
    ret->cred = c->cred;
    ret->cred->attempts++;
    return 0;
}

void kube_client_try_ended(struct kube_client_try *t)
{
    if (t->cred)
        t->cred->attempts--;
    *t = (struct kube_client_try){0};
}

void kube_client_try_cancel(struct kube_client_try *t)
{
    if (t->http)
        http_cancel(t->http);
    kube_client_try_ended(t);
}

void kube_client_warnings(struct kube_client *c, const struct http_answer *a)
{
    for (size_t i = 0; i < a->n_headers; i++) {
        const struct http_header *h = &a->headers[i];
        if (strcasecmp(h->name, "Warning") != 0 || map_len(c->warned) >= WARNINGS_MAX)
            continue;
        if (!map_set(c->warned, h->value, c))
            log_warn("%s warns: %s", c->cfg->server, h->value);
    }
}
