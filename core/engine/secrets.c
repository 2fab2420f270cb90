/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets travel by value with the operation that needs them, are reached by reference, and are
 * overwritten when it ends. Also here: putting them into the place of @{secret REF} in a rendered
 * file.
 */
#include <errno.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/view.h"

#define SECRETS_MAX     256
#define SECRET_SIZE_MAX (64 * 1024)

struct secret {
    char *ref, *text;
    size_t len;
};
struct secrets {
    size_t n;
    struct secret at[];
};

int secrets_new(const cJSON *map, struct secrets **ret, struct err **err)
{
    if (!cJSON_IsObject(map))
        return err_set(err, -EINVAL, "secrets: want an object of texts");
    size_t n = 0;
    json_foreach (item, map) {
        if (!cJSON_IsString(item) || strlen(item->valuestring) > SECRET_SIZE_MAX)
            return err_set(err, -EINVAL, "secrets.%s: want a text of at most %d bytes",
                           item->string, SECRET_SIZE_MAX);
        if (++n > SECRETS_MAX)
            return err_set(err, -E2BIG, "secrets: want at most %d", SECRETS_MAX);
    }
    struct secrets *s = mem_alloc(sizeof(*s) + n * sizeof(s->at[0]));
    json_foreach (item, map) {
        struct secret *one = &s->at[s->n++];
        one->ref = mem_strdup(item->string);
        one->text = mem_strdup(item->valuestring);
        one->len = strlen(one->text);
    }
    *ret = s;
    return 0;
}

bool secrets_get(const struct secrets *s, struct str ref, struct str *ret)
{
    for (size_t i = 0; s && i < s->n; i++) {
        if (str_eq(str_of(s->at[i].ref), ref)) {
            *ret = (struct str){s->at[i].text, s->at[i].len};
            return true;
        }
    }
    return false;
}

void secrets_free(struct secrets *s)
{
    for (size_t i = 0; s && i < s->n; i++) {
        mem_wipe(s->at[i].text, s->at[i].len);
        mem_free(s->at[i].text);
        mem_free(s->at[i].ref);
    }
    mem_free(s);
}

int engine_expand_secrets(const char *text, const cJSON *secrets, struct buf *out, bool *ret_had,
                          struct err **err)
{
    static const char mark[] = "@{secret ";
    bool had = false;
    for (const char *p = text;;) {
        const char *at = strstr(p, mark);
        buf_add(out, p, at ? (size_t)(at - p) : strlen(p));
        if (!at)
            break;
        const char *ref = at + strlen(mark);
        const char *end = strchr(ref, '}');
        if (!end)
            return err_set(err, -EINVAL, "@{secret: want a closing }, found none in \"%.40s\"", at);
        AUTO(mem_freep) char *name = mem_strndup(ref, (size_t)(end - ref));
        const char *value = json_str(secrets, name);
        if (!value)
            return err_set(err, -ENOENT, "@{secret %s}: no such secret was given", name);
        buf_adds(out, value);
        had = true;
        p = end + 1;
    }
    if (out->overflow)
        return err_set(err, -ENOBUFS, "text with its secrets is larger than %zu bytes", out->max);
    if (ret_had)
        *ret_had = had;
    return 0;
}
