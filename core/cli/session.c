/* SPDX-License-Identifier: Apache-2.0 */
/* A command waits for each answer in turn; deadlines are those of the requests. */
#include "cli/session.h"

#define ANSWER_MS 5000

int session_init(struct session *s, struct err **err)
{
    *s = (struct session){0};
    int r = loop_new(&s->loop, err);
    return r < 0 ? r : http_client_new(s->loop, &s->http, err);
}

void session_done(struct session *s)
{
    if (s->http)
        http_client_free(s->http);
    if (s->loop)
        loop_free(s->loop);
}

int session_client(struct session *s, const struct install *i, int member, struct kube_client **ret,
                   struct err **err)
{
    AUTO(mem_freep) char *path = install_path(i, "kubeconfig");
    AUTO(mem_freep) char *context = install_member_name(member);
    struct kube_config *cfg = NULL;
    int r = kube_config_load(path, context, &cfg, err);
    return r < 0 ? r : kube_client_new(s->loop, s->http, cfg, "atoll/" ATOLL_VERSION, ret, err);
}

struct answer {
    bool done;
    int status;
    cJSON *body;
    char *text;
};

static void on_answer(void *arg, const struct kube_answer *a)
{
    struct answer *to = arg;
    to->done = true;
    to->status = a->status;
    to->body = a->body ? cJSON_Duplicate(a->body, true) : NULL;
    to->text = mem_strdup(a->message);
}

int session_call(struct session *s, struct kube_client *c, const struct kube_call *call,
                 cJSON **ret_body, char **ret_text)
{
    struct answer a = {0};
    struct kube_call copy = *call;
    if (!copy.deadline_ms)
        copy.deadline_ms = ANSWER_MS;
    kube_start(c, &copy, on_answer, &a);
    int r = loop_run_until(s->loop, &a.done, copy.deadline_ms * 2);
    ATOLL_ASSERT(r == 0); /* kube_start promises an answer by its deadline */
    if (ret_body)
        *ret_body = TAKE(a.body);
    if (ret_text)
        *ret_text = TAKE(a.text);
    cJSON_Delete(a.body);
    mem_free(a.text);
    return a.status;
}

struct probe {
    bool done;
    int status;
};

static void on_probe(void *arg, int status, struct str body, const char *error)
{
    struct probe *p = arg;
    (void)body;
    (void)error;
    p->done = true;
    p->status = status;
}

int session_probe(struct session *s, struct kube_client *c, const char *path)
{
    struct probe p = {0};
    kube_raw(c, "GET", path, str_of(NULL), NULL, NULL, on_probe, &p);
    int r = loop_run_until(s->loop, &p.done, 4ULL * ANSWER_MS * 2);
    ATOLL_ASSERT(r == 0);
    return p.status;
}
