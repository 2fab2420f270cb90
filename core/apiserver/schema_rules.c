/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x-kubernetes-validations: the rules of a schema are compiled with the types the schema declares,
 * and run on objects whose shape is right. A rule that mentions oldSelf runs on updates only, and
 * only where an old value belongs to the new one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/schema_node.h"

enum { VAR_SELF, VAR_OLD, VARS };

/* --- types ---------------------------------------------------------------------------------- */

static const struct cel_type *type_of_node(struct schema *s, struct schema_node *n);

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct cel_field *)a)->name, ((const struct cel_field *)b)->name);
}

/* name and generateName: all of metadata that rules may see. */
static const struct cel_field meta_fields[] = {{"generateName", &cel_string},
                                               {"name", &cel_string}};
static const struct cel_type meta_type = {
    .kind = CEL_OBJECT, .fields = meta_fields, .n_fields = ARRAY_LEN(meta_fields)};

static void object_fields(struct schema *s, const struct schema_node *n, bool resource,
                          struct cel_type *t)
{
    struct cel_field *fields = arena_array(s->arena, struct cel_field, n->n_props + 3);
    size_t count = 0;
    for (size_t i = 0; i < n->n_props; i++) {
        const char *name = n->props[i].name;
        bool own = resource &&
                   (streq(name, "apiVersion") || streq(name, "kind") || streq(name, "metadata"));
        if (!own)
            fields[count++] = (struct cel_field){name, type_of_node(s, n->props[i].node)};
    }
    if (resource) {
        fields[count++] = (struct cel_field){"apiVersion", &cel_string};
        fields[count++] = (struct cel_field){"kind", &cel_string};
        fields[count++] = (struct cel_field){"metadata", &meta_type};
    }
    qsort(fields, count, sizeof(*fields), by_name);
    t->kind = CEL_OBJECT;
    t->fields = fields;
    t->n_fields = count;
}

static enum cel_kind string_kind(const struct schema_node *n)
{
    if (n->format && streq(n->format->name, "date-time"))
        return CEL_TIMESTAMP;
    return n->format && streq(n->format->name, "duration") ? CEL_DURATION : CEL_STRING;
}

static void fill_type(struct schema *s, struct schema_node *n, struct cel_type *t)
{
    bool root = n == s->root;
    switch (n->type) {
    case ST_OBJECT:
        if (n->n_props || root || n->embedded)
            object_fields(s, n, root || n->embedded, t);
        else if (n->additional)
            *t = (struct cel_type){.kind = CEL_MAP, .elem = type_of_node(s, n->additional)};
        break;
    case ST_ARRAY:
        *t = (struct cel_type){.kind = CEL_LIST,
                               .elem = n->items ? type_of_node(s, n->items) : &cel_dyn,
                               .is_set = n->list == SL_SET,
                               .map_keys = n->list == SL_MAP ? n->map_keys : NULL};
        break;
    case ST_STRING:
        t->kind = string_kind(n);
        break;
    case ST_INTEGER:
        t->kind = CEL_INT;
        break;
    case ST_NUMBER:
        t->kind = CEL_DOUBLE;
        break;
    case ST_BOOLEAN:
        t->kind = CEL_BOOL;
        break;
    case ST_ANY: /* int-or-string, or nothing is known */
        break;
    }
}

static const struct cel_type *type_of_node(struct schema *s, struct schema_node *n)
{
    if (!n->cel) {
        n->cel = arena_new_of(s->arena, struct cel_type);
        fill_type(s, n, n->cel);
    }
    return n->cel;
}

/* --- compiling ------------------------------------------------------------------------------ */

struct compile {
    struct schema *s;
    struct place *at;
    struct causes *c;
    const char *uncorrelated; /* the list below which old and new cannot be matched */
};

static void blame(struct compile *k, const char *name, const char *reason, const char *fmt, ...)
    ATOLL_PRINTF(4, 5);
static void blame(struct compile *k, const char *name, const char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text AUTO(mem_freep) = mem_vprintf(fmt, ap);
    va_end(ap);
    size_t before = place_key(k->at, name);
    causes_add(k->c, reason, buf_str(&k->at->text), "%s", text);
    place_back(k->at, before);
}

static bool blank(const char *s)
{
    return !s || s[strspn(s, " \t\r\n")] == '\0';
}

static struct cel *compile_text(struct compile *k, const char *text, const struct cel_type *self,
                                enum cel_kind wanted, const char *member)
{
    struct cel_var vars[VARS] = {[VAR_SELF] = {"self", self}, [VAR_OLD] = {"oldSelf", self}};
    struct cel *program = NULL;
    struct err *err AUTO(err_freep) = NULL;
    if (cel_compile(k->s->arena, text, vars, VARS, wanted, &program, &err))
        blame(k, member, CAUSE_INVALID, "Invalid value: \"%.300s\": compilation failed: %s", text,
              err_text(err));
    return program;
}

static void check_words(struct compile *k, const cJSON *rule)
{
    static const char *const reasons[] = {CAUSE_REQUIRED, CAUSE_FORBIDDEN, CAUSE_INVALID,
                                          CAUSE_DUPLICATE};
    const char *reason = json_str(rule, "reason"), *message = json_str(rule, "message");
    bool known = !reason || !*reason;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        known = known || streq(reasons[i], reason);
    if (!known)
        blame(k, "reason", CAUSE_NOT_SUPPORTED,
              "Unsupported value: \"%.80s\": supported values: \"%s\", \"%s\", \"%s\", \"%s\"",
              reason, CAUSE_REQUIRED, CAUSE_FORBIDDEN, CAUSE_INVALID, CAUSE_DUPLICATE);
    if (message && *message && blank(message))
        blame(k, "message", CAUSE_INVALID, "Invalid value: must be non-empty if specified");
    if (message && strchr(message, '\n'))
        blame(k, "message", CAUSE_INVALID, "Invalid value: must not contain line breaks");
    if (json_bool(false, rule, "optionalOldSelf"))
        blame(k, "optionalOldSelf", CAUSE_INVALID,
              "Invalid value: true: optional types are not supported");
}

static void compile_rule(struct compile *k, const struct cel_type *self, const cJSON *j,
                         struct schema_rule *r)
{
    const char *text = json_str(j, "rule"), *expression = json_str(j, "messageExpression");
    check_words(k, j);
    if (blank(text)) {
        blame(k, "rule", CAUSE_REQUIRED, "Required value: rule is not specified");
        return;
    }
    *r = (struct schema_rule){.text = text,
                              .message = json_str(j, "message"),
                              .reason = json_str(j, "reason"),
                              .field_path = json_str(j, "fieldPath")};
    r->rule = compile_text(k, text, self, CEL_BOOL, "rule");
    if (expression && *expression)
        r->message_expression = compile_text(k, expression, self, CEL_STRING, "messageExpression");
    if (r->field_path && *r->field_path && r->field_path[0] != '.' && r->field_path[0] != '[')
        blame(k, "fieldPath", CAUSE_INVALID, "Invalid value: \"%.200s\": must be a valid path",
              r->field_path);
    r->uses_old = (r->rule && cel_uses(r->rule, VAR_OLD)) ||
                  (r->message_expression && cel_uses(r->message_expression, VAR_OLD));
    if (r->uses_old && k->uncorrelated)
        blame(k, "rule", CAUSE_INVALID,
              "Invalid value: \"%.300s\": oldSelf cannot be used on the uncorrelatable portion of "
              "the "
              "schema within %s",
              text, k->uncorrelated);
}

static void compile_rules(struct compile *k, struct schema_node *n, const cJSON *rules)
{
    const struct cel_type *self = type_of_node(k->s, n);
    size_t count = (size_t)cJSON_GetArraySize(rules), i = 0;
    size_t before = place_key(k->at, "x-kubernetes-validations");
    n->rules = arena_array(k->s->arena, struct schema_rule, count);
    n->n_rules = count;
    json_foreach (j, rules) {
        size_t inner = place_index(k->at, i);
        compile_rule(k, self, j, &n->rules[i]);
        place_back(k->at, inner);
        i++;
    }
    place_back(k->at, before);
}

static void compile_node(struct compile *k, struct schema_node *n, const cJSON *j)
{
    const cJSON *rules = cJSON_GetObjectItemCaseSensitive(j, "x-kubernetes-validations");
    if (rules && rules->child)
        compile_rules(k, n, rules);
    n->has_rules = n->n_rules > 0;
    size_t before = place_key(k->at, "properties");
    json_foreach (p, json_at(j, "properties")) {
        struct schema_node *inner = schema_prop(n, p->string);
        size_t at = place_in(k->at, p->string);
        compile_node(k, inner, p);
        place_back(k->at, at);
        n->has_rules = n->has_rules || inner->has_rules;
    }
    place_back(k->at, before);
    before = place_key(k->at, "additionalProperties");
    if (n->additional) {
        compile_node(k, n->additional, json_at(j, "additionalProperties"));
        n->has_rules = n->has_rules || n->additional->has_rules;
    }
    place_back(k->at, before);
    if (!n->items)
        return;
    const char *outer = k->uncorrelated;
    if (!outer && n->list != SL_MAP)
        k->uncorrelated = arena_strdup(k->s->arena, buf_str(&k->at->text));
    before = place_key(k->at, "items");
    compile_node(k, n->items, json_at(j, "items"));
    place_back(k->at, before);
    n->has_rules = n->has_rules || n->items->has_rules;
    k->uncorrelated = outer;
}

/* Most schemas have no rules: they shall not pay for types. */
static bool any_rules(const cJSON *j)
{
    json_foreach (m, j) {
        if (m->string && streq(m->string, "x-kubernetes-validations") && m->child)
            return true;
        if (m->child && any_rules(m))
            return true;
    }
    return false;
}

void schema_rules_compile(struct schema *s, const cJSON *openapi, struct place *at,
                          struct causes *c)
{
    struct compile k = {.s = s, .at = at, .c = c};
    if (any_rules(openapi))
        compile_node(&k, s->root, openapi);
}

/* --- running -------------------------------------------------------------------------------- */

struct run {
    struct causes *c;
    struct cel_budget budget;
    struct place at;
    bool stopped;
};

static const char *type_word(const cJSON *v)
{
    return cJSON_IsString(v)   ? "string"
           : cJSON_IsNumber(v) ? "number"
           : cJSON_IsBool(v)   ? "boolean"
           : cJSON_IsArray(v)  ? "array"
                               : "object";
}

/* Where the rule puts the blame: its own place, or a path below it. */
static const char *blamed_field(struct run *r, const struct schema_rule *rule)
{
    if (rule->field_path && *rule->field_path)
        buf_addf(&r->at.text, "%.200s",
                 rule->field_path + (r->at.text.len == 0 && rule->field_path[0] == '.' ? 1 : 0));
    return r->at.text.len ? buf_str(&r->at.text) : "<nil>";
}

/* The sentence for people: computed, given, or the rule itself. Heap. */
static char *message_of(struct run *r, const struct schema_rule *rule, const cJSON *const *values)
{
    char *text = NULL;
    if (rule->message_expression &&
        cel_eval_string(rule->message_expression, values, &r->budget, &text, NULL) == 0) {
        if (!blank(text) && !strchr(text, '\n'))
            return text;
        mem_free(text);
    }
    return rule->message && *rule->message ? mem_strdup(rule->message)
                                           : mem_printf("failed rule: %s", rule->text);
}

static void report(struct run *r, const struct schema_rule *rule, const cJSON *const *values)
{
    char *message AUTO(mem_freep) = message_of(r, rule, values);
    const char *reason = rule->reason && *rule->reason ? rule->reason : CAUSE_INVALID;
    size_t before = r->at.text.len;
    const char *field = blamed_field(r, rule), *type = type_word(values[VAR_SELF]);
    if (streq(reason, CAUSE_REQUIRED))
        causes_add(r->c, CAUSE_REQUIRED, field, "Required value: %s", message);
    else if (streq(reason, CAUSE_FORBIDDEN))
        causes_add(r->c, CAUSE_FORBIDDEN, field, "Forbidden: %s", message);
    else if (streq(reason, CAUSE_DUPLICATE))
        causes_add(r->c, CAUSE_DUPLICATE, field, "Duplicate value: \"%s\": %s", type, message);
    else
        causes_add(r->c, CAUSE_INVALID, field, "Invalid value: \"%s\": %s", type, message);
    place_back(&r->at, before);
}

static void run_rule(struct run *r, const struct schema_rule *rule, const cJSON *const *values)
{
    struct err *err AUTO(err_freep) = NULL;
    bool holds = false;
    int rc = cel_eval_bool(rule->rule, values, &r->budget, &holds, &err);
    const char *field = r->at.text.len ? buf_str(&r->at.text) : "<nil>";
    if (rc == -E2BIG) {
        causes_add(r->c, CAUSE_INVALID, field,
                   "Invalid value: \"%s\": validation failed due to running out of cost budget, no "
                   "further validation rules will be run",
                   type_word(values[VAR_SELF]));
        r->stopped = true;
    } else if (rc) {
        causes_add(r->c, CAUSE_INVALID, field, "Invalid value: \"%s\": %s evaluating rule: %s",
                   type_word(values[VAR_SELF]), err_text(err),
                   rule->message && *rule->message ? rule->message : rule->text);
    } else if (!holds) {
        report(r, rule, values);
    }
}

/* The element of the old list with the same keys. */
static const cJSON *same_element(const struct schema_node *n, const cJSON *old,
                                 const cJSON *element, struct cel_budget *budget)
{
    if (n->list != SL_MAP)
        return NULL;
    json_foreach (o, old) {
        bool same = true;
        if (--budget->left < 0)
            return NULL;
        json_foreach (key, n->map_keys) {
            const cJSON *a = cJSON_GetObjectItemCaseSensitive(o, key->valuestring);
            const cJSON *b = cJSON_GetObjectItemCaseSensitive(element, key->valuestring);
            same = same && json_equal(a, b);
        }
        if (same)
            return o;
    }
    return NULL;
}

static void run_node(struct run *r, const struct schema_node *n, const cJSON *v, const cJSON *old)
{
    if (!n->has_rules || r->stopped || !v || cJSON_IsNull(v))
        return;
    const cJSON *values[VARS] = {[VAR_SELF] = v, [VAR_OLD] = old};
    for (size_t i = 0; i < n->n_rules && !r->stopped; i++)
        if (!n->rules[i].uses_old || (old && !cJSON_IsNull(old)))
            run_rule(r, &n->rules[i], values);
    size_t index = 0;
    json_foreach (j, v) {
        const struct schema_node *inner = n->items;
        const cJSON *was = NULL;
        size_t before = r->at.text.len;
        if (cJSON_IsArray(v)) {
            place_index(&r->at, index++);
            if (inner && inner->has_rules && cJSON_IsArray(old))
                was = same_element(n, old, j, &r->budget);
        } else {
            const struct schema_node *prop = schema_prop(n, j->string);
            if (prop)
                place_key(&r->at, j->string);
            else
                place_in(&r->at, j->string);
            inner = prop ? prop : n->additional;
            was = cJSON_IsObject(old) ? cJSON_GetObjectItemCaseSensitive(old, j->string) : NULL;
        }
        if (inner)
            run_node(r, inner, j, was);
        place_back(&r->at, before);
    }
}

void schema_rules_check(const struct schema *s, const cJSON *obj, const cJSON *old,
                        struct causes *c)
{
    struct run r = {.c = c, .budget = {CEL_BUDGET}, .at = {.text = BUF_INIT(8192)}};
    run_node(&r, s->root, obj, old);
    buf_done(&r.at.text);
}
