/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status objects and the causes inside them. Nothing here decides what is wrong; it only words it
 * the way clients of Kubernetes expect, because they read reason, field and parts of the message.
 */
#include "apiserver/status.h"

#include <stdio.h>
#include <string.h>

#define INVALID_MESSAGE_MAX (64 * 1024)

static struct cause *causes_slot(struct causes *c)
{
    if (c->n >= CAUSES_MAX) {
        c->dropped++;
        return NULL;
    }
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        struct cause *items = arena_array(c->arena, struct cause, cap);
        if (c->n)
            memcpy(items, c->items, c->n * sizeof(*items));
        c->items = items;
        c->cap = cap;
    }
    return &c->items[c->n++];
}

/* At most `max` bytes, cut at a character boundary. */
static char *bounded(struct arena *a, const char *s, size_t max)
{
    size_t n = strlen(s);
    if (n > max) {
        n = max;
        while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
            n--;
    }
    return arena_strndup(a, s, n);
}

void causes_add(struct causes *c, const char *reason, const char *field, const char *fmt, ...)
{
    struct cause *slot = causes_slot(c);
    if (!slot)
        return;
    char text[CAUSE_MESSAGE_MAX + 1];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    slot->reason = reason;
    slot->field = bounded(c->arena, field, CAUSE_FIELD_MAX);
    /* vsnprintf may have cut a character in half: bounded() drops the torn one. */
    slot->message = bounded(c->arena, text, CAUSE_MESSAGE_MAX - 4);
}

/* A value as Go prints it in these messages: strings quoted, the rest as JSON, long ones cut. */
static void value_text(const cJSON *value, char *out, size_t max)
{
    char *text = json_print(value);
    size_t n = strlen(text), keep = max - 8;
    if (n > keep) {
        while (keep > 0 && ((unsigned char)text[keep] & 0xc0) == 0x80)
            keep--;
        snprintf(out, max, "%.*s...", (int)keep, text);
    } else {
        snprintf(out, max, "%s", text);
    }
    mem_free(text);
}

void causes_invalid_json(struct causes *c, const char *field, const cJSON *value, const char *why)
{
    char text[256];
    if (value)
        value_text(value, text, sizeof(text));
    else
        snprintf(text, sizeof(text), "\"null\"");
    causes_add(c, CAUSE_INVALID, field, "Invalid value: %s: %s", text, why);
}

void causes_invalid(struct causes *c, const char *field, const char *value, const char *why)
{
    cJSON s = {.type = cJSON_String};
    s.valuestring = (char *)(uintptr_t)value; /* only read */
    causes_invalid_json(c, field, &s, why);
}

void causes_required(struct causes *c, const char *field, const char *why)
{
    if (why)
        causes_add(c, CAUSE_REQUIRED, field, "Required value: %s", why);
    else
        causes_add(c, CAUSE_REQUIRED, field, "Required value");
}

void causes_duplicate(struct causes *c, const char *field, const cJSON *value)
{
    char text[256];
    value_text(value, text, sizeof(text));
    causes_add(c, CAUSE_DUPLICATE, field, "Duplicate value: %s", text);
}

void causes_forbidden(struct causes *c, const char *field, const char *why)
{
    causes_add(c, CAUSE_FORBIDDEN, field, "Forbidden: %s", why);
}

void causes_not_supported(struct causes *c, const char *field, const cJSON *value,
                          const char *allowed)
{
    char text[256];
    value_text(value, text, sizeof(text));
    struct buf list AUTO(buf_done) = BUF_INIT(1024);
    struct str left = str_of(allowed), one;
    while (str_split(&left, '|', &one))
        buf_addf(&list, "%s\"%.*s\"", list.len ? ", " : "", (int)one.len, one.ptr);
    causes_add(c, CAUSE_NOT_SUPPORTED, field, "Unsupported value: %s: supported values: %s", text,
               buf_str(&list));
}

static cJSON *status_new(const char *outcome)
{
    cJSON *s = cJSON_CreateObject();
    cJSON_AddStringToObject(s, "kind", "Status");
    cJSON_AddStringToObject(s, "apiVersion", "v1");
    cJSON_AddObjectToObject(s, "metadata");
    cJSON_AddStringToObject(s, "status", outcome);
    return s;
}

static void add_text(cJSON *o, const char *key, const char *value)
{
    if (value && *value)
        cJSON_AddStringToObject(o, key, value);
}

static void add_causes(cJSON *details, const struct causes *causes)
{
    if (!causes || causes->n == 0)
        return;
    cJSON *list = cJSON_AddArrayToObject(details, "causes");
    for (size_t i = 0; i < causes->n; i++) {
        cJSON *one = cJSON_CreateObject();
        add_text(one, "reason", causes->items[i].reason);
        add_text(one, "message", causes->items[i].message);
        add_text(one, "field", causes->items[i].field);
        cJSON_AddItemToArray(list, one);
    }
}

cJSON *failure_status(const struct failure *f)
{
    cJSON *s = status_new("Failure");
    add_text(s, "message", f->message);
    add_text(s, "reason", f->reason);
    if (!f->no_details) {
        cJSON *details = cJSON_AddObjectToObject(s, "details");
        add_text(details, "name", f->name);
        add_text(details, "group", f->group);
        add_text(details, "kind", f->kind);
        add_text(details, "uid", f->uid);
        add_causes(details, f->causes);
        if (f->retry_after > 0)
            cJSON_AddNumberToObject(details, "retryAfterSeconds", f->retry_after);
    }
    cJSON_AddNumberToObject(s, "code", f->code);
    return s;
}

cJSON *success_status(const char *name, const char *group, const char *kind, const char *uid)
{
    cJSON *s = status_new("Success");
    if (name || group || kind || uid) {
        cJSON *details = cJSON_AddObjectToObject(s, "details");
        add_text(details, "name", name);
        add_text(details, "group", group);
        add_text(details, "kind", kind);
        add_text(details, "uid", uid);
    }
    return s;
}

/* The same sentence about the same field is said once. */
static bool said_before(const struct causes *c, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (streq(c->items[k].field, c->items[i].field) &&
            streq(c->items[k].message, c->items[i].message))
            return true;
    return false;
}

void failure_invalid(struct failure *ret, struct arena *a, const char *group, const char *kind,
                     const char *name, const struct causes *causes)
{
    struct buf list AUTO(buf_done) = BUF_INIT(INVALID_MESSAGE_MAX);
    size_t said = 0;
    for (size_t i = 0; causes && i < causes->n; i++) {
        if (said_before(causes, i))
            continue;
        buf_addf(&list, "%s%s: %s", said ? ", " : "", causes->items[i].field,
                 causes->items[i].message);
        said++;
    }
    if (causes && causes->dropped)
        buf_addf(&list, ", and %zu more", causes->dropped);
    bool grouped = group && *group;
    const char *text =
        arena_printf(a, "%s%s%s \"%s\" is invalid%s%s%s%s", kind ? kind : "", grouped ? "." : "",
                     grouped ? group : "", name ? name : "", said ? ": " : "", said > 1 ? "[" : "",
                     buf_str(&list), said > 1 ? "]" : "");
    *ret = (struct failure){.code = 422,
                            .reason = "Invalid",
                            .message = text,
                            .name = name,
                            .group = group,
                            .kind = kind,
                            .causes = causes};
}
