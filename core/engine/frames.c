/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame table and its one interpreter. Whoever reads a frame afterwards may use its required
 * members without asking. Strings are bounded by the frame; deeper structure (a view) is checked by
 * its own reader.
 */
#include "engine/frames.h"

#include <errno.h>
#include <string.h>

enum member_kind { M_END, M_STR, M_ID, M_INT, M_BOOL, M_OBJECT };
enum direction { DOWN = 1, UP = 2 };

struct member {
    const char *key;
    enum member_kind kind;
    bool optional;
};
struct frame_row {
    const char *name;
    enum direction direction;
    struct member members[12];
};

static const char *const kind_words[] = {
    "", "a text", "an operation number as text", "a whole number", "true or false", "an object"};

static const struct frame_row rows[FRAME_TYPES] = {
    [FRAME_HELLO] = {"hello",
                     DOWN,
                     {{"name", M_STR, false},
                      {"plugin", M_STR, false},
                      {"options", M_OBJECT, true},
                      {"threads", M_INT, true},
                      {"note", M_INT, true}}},
    [FRAME_SPEC] = {"spec", DOWN, {{"instance", M_STR, false}, {"spec", M_OBJECT, false}}},
    [FRAME_CLEAR] = {"clear", DOWN, {{"instance", M_STR, false}}},
    [FRAME_PROBE] = {"probe", DOWN, {{"instance", M_STR, false}}},
    [FRAME_WATCH] = {"watch", DOWN, {{"key", M_STR, false}, {"spec", M_OBJECT, false}}},
    [FRAME_UNWATCH] = {"unwatch", DOWN, {{"key", M_STR, false}}},
    [FRAME_CALL] = {"call",
                    DOWN,
                    {{"id", M_ID, false},
                     {"hook", M_STR, false},
                     {"key", M_STR, true},
                     {"attempt", M_INT, true},
                     {"deadlineMs", M_INT, true},
                     {"view", M_OBJECT, false},
                     {"instance", M_STR, true},
                     {"peer", M_STR, true},
                     {"args", M_OBJECT, true},
                     {"secrets", M_OBJECT, true}}},
    [FRAME_CANCEL] = {"cancel", DOWN, {{"id", M_ID, false}}},
    [FRAME_TOPOLOGY] = {"topology",
                        DOWN,
                        {{"id", M_ID, false}, {"what", M_STR, false}, {"view", M_OBJECT, false}}},
    [FRAME_READY] = {"ready", UP, {{"error", M_STR, true}, {"plugin", M_OBJECT, true}}},
    [FRAME_ROLE] = {"role", UP, {{"instance", M_STR, false}, {"role", M_OBJECT, false}}},
    [FRAME_DONE] =
        {"done",
         UP,
         {{"id", M_ID, false},
          {"class", M_INT, false},
          {"reason", M_STR, false},
          {"message", M_STR, false},
          {"results", M_OBJECT, true}}},
    [FRAME_STATE] = {"state", UP, {{"stuck", M_INT, false}, {"message", M_STR, false}}},
    [FRAME_LOG] = {"log", UP, {{"level", M_INT, false}, {"text", M_STR, false}}},
    [FRAME_PROGRESS] = {"progress", UP, {{"id", M_ID, false}, {"text", M_STR, false}}},
    [FRAME_BUG] =
        {"bug", UP, {{"kind", M_STR, false}, {"text", M_STR, false}, {"n", M_INT, false}}},
};

cJSON *frame_new(enum frame_type type)
{
    cJSON *msg = cJSON_CreateObject();
    json_put_str(msg, rows[type].name, "type");
    return msg;
}

const char *frame_type_name(enum frame_type type)
{
    return rows[type].name;
}

void frame_put_id(cJSON *msg, uint64_t id)
{
    AUTO(mem_freep) char *text = mem_printf("%llu", (unsigned long long)id);
    json_put_str(msg, text, "id");
}

static bool member_fits(const cJSON *j, enum member_kind kind, uint64_t *ret_id)
{
    switch (kind) {
    case M_STR:
        return cJSON_IsString(j);
    case M_ID:
        return cJSON_IsString(j) && str_to_u64(str_of(j->valuestring), ret_id) == 0;
    case M_INT:
        return cJSON_IsNumber(j) && j->valuedouble >= 0 && j->valuedouble <= 9007199254740992.0 &&
               j->valuedouble == (double)(int64_t)j->valuedouble;
    case M_BOOL:
        return cJSON_IsBool(j);
    case M_OBJECT:
        return cJSON_IsObject(j);
    case M_END:
        break;
    }
    return false;
}

static int row_find(const cJSON *body, bool from_host, enum frame_type *ret, struct err **err)
{
    const char *name = json_str(body, "type");
    if (!name)
        return err_set(err, -EINVAL, "frame: type: want a text, found nothing");
    for (int i = 0; i < FRAME_TYPES; i++) {
        if (streq(rows[i].name, name) && (rows[i].direction == DOWN) == from_host) {
            *ret = (enum frame_type)i;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "frame: type: \"%.40s\" is not one that comes from the %s", name,
                   from_host ? "host" : "plugin's process");
}

int frame_check(cJSON *body, bool from_host, struct frame *ret, struct err **err)
{
    struct frame f = {.body = body};
    int rc = cJSON_IsObject(body) ? row_find(body, from_host, &f.type, err)
                                  : err_set(err, -EINVAL, "frame: want an object");
    for (const struct member *m = rows[f.type].members; rc == 0 && m->kind != M_END; m++) {
        const cJSON *j = json_at(body, m->key);
        if (!j && m->optional)
            continue;
        if (!member_fits(j, m->kind, &f.id))
            rc = err_set(err, -EINVAL, "frame %s: %s: want %s", rows[f.type].name, m->key,
                         kind_words[m->kind]);
    }
    if (rc < 0)
        frame_done(&f);
    else
        *ret = f;
    return rc;
}

int frame_decode(struct str text, bool from_host, struct frame *ret, struct err **err)
{
    cJSON *body = NULL;
    if (text.len > FRAME_MAX)
        return err_set(err, -E2BIG, "frame: want at most %zu bytes, found %zu", FRAME_MAX,
                       text.len);
    int rc = json_parse(text.ptr, text.len, &body, err);
    if (rc < 0)
        return err_wrap(err, "frame");
    return frame_check(body, from_host, ret, err);
}

void frame_wipe(cJSON *msg)
{
    for (cJSON *it = msg ? msg->child : NULL; it; it = it->next) {
        if (it->string && strcmp(it->string, "secrets") == 0) {
            for (cJSON *secret = it->child; secret; secret = secret->next)
                if (cJSON_IsString(secret))
                    mem_wipe(secret->valuestring, strlen(secret->valuestring));
        } else if (it->string && strcmp(it->string, "spec") == 0) {
            frame_wipe(it);
        }
    }
}

void frame_done(struct frame *f)
{
    frame_wipe(f->body);
    cJSON_Delete(f->body);
    f->body = NULL;
}
