/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, labels and keys as Kubernetes accepts them, and the checks of metadata built from them.
 *
 * The alphabets are small enough for plain loops, which are also bounded by the text alone. The
 * sentences name the expression that Kubernetes documents, because people search for it.
 */
#include "apiserver/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LABEL_1123_TEXT                                                                            \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "   \
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "     \
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define LABEL_1035_TEXT                                                                            \
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "   \
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123'," \
    " regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
#define SUBDOMAIN_TEXT                                                                             \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define QUALIFIED_TEXT                                                                             \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define LABEL_VALUE_TEXT                                                                           \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "    \
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', " \
    " or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define CONFIG_KEY_TEXT                                                                            \
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "           \
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

#define TOO_LONG_63  "must be no more than 63 characters"
#define TOO_LONG_253 "must be no more than 253 characters"

static bool lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool alnum(char c)
{
    return lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? over n bytes. */
static bool label_shape(const char *s, size_t n)
{
    if (n == 0 || !lower_alnum(s[0]) || !lower_alnum(s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!lower_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool qualified_shape(const char *s, size_t n)
{
    if (n == 0 || !alnum(s[0]) || !alnum(s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
            return false;
    return true;
}

static bool subdomain_shape(const char *s, size_t n)
{
    struct str left = {s, n}, part;
    if (n == 0 || s[n - 1] == '.')
        return false;
    while (str_split(&left, '.', &part))
        if (!label_shape(part.ptr, part.len))
            return false;
    return true;
}

const char *name_check_label(const char *s)
{
    size_t n = strlen(s);
    if (n > 63)
        return TOO_LONG_63;
    return label_shape(s, n) ? NULL : LABEL_1123_TEXT;
}

const char *name_check_label_1035(const char *s)
{
    size_t n = strlen(s);
    if (n > 63)
        return TOO_LONG_63;
    return label_shape(s, n) && !isdigit((unsigned char)s[0]) ? NULL : LABEL_1035_TEXT;
}

const char *name_check_subdomain(const char *s)
{
    size_t n = strlen(s);
    if (n > NAMES_SUBDOMAIN_MAX)
        return TOO_LONG_253;
    return subdomain_shape(s, n) ? NULL : SUBDOMAIN_TEXT;
}

const char *name_check_path_segment(const char *s)
{
    if (streq(s, ".") || streq(s, ".."))
        return "may not be '.' or '..'";
    if (strlen(s) > NAMES_SUBDOMAIN_MAX)
        return TOO_LONG_253;
    if (strchr(s, '/'))
        return "may not contain '/'";
    if (strchr(s, '%'))
        return "may not contain '%'";
    return NULL;
}

const char *name_check(enum name_rule rule, const char *s)
{
    switch (rule) {
    case NAME_SUBDOMAIN:
        return name_check_subdomain(s);
    case NAME_LABEL:
        return name_check_label(s);
    case NAME_LABEL_1035:
        return name_check_label_1035(s);
    case NAME_PATH_SEGMENT:
        return name_check_path_segment(s);
    }
    return NULL;
}

const char *name_check_qualified(const char *s)
{
    const char *slash = strchr(s, '/');
    const char *name = s;
    if (slash) {
        if (strchr(slash + 1, '/'))
            return "a qualified name has at most one '/': an optional DNS subdomain prefix, then "
                   "the name";
        if (slash == s)
            return "prefix part must be non-empty";
        size_t n = (size_t)(slash - s);
        if (n > NAMES_SUBDOMAIN_MAX)
            return "prefix part must be no more than 253 characters";
        if (!subdomain_shape(s, n))
            return "prefix part " SUBDOMAIN_TEXT;
        name = slash + 1;
    }
    size_t n = strlen(name);
    if (n == 0)
        return "name part must be non-empty";
    if (n > 63)
        return "name part must be no more than 63 characters";
    return qualified_shape(name, n) ? NULL : QUALIFIED_TEXT;
}

const char *name_check_label_value(const char *s)
{
    size_t n = strlen(s);
    if (n > NAMES_LABEL_VALUE_MAX)
        return TOO_LONG_63;
    return n == 0 || qualified_shape(s, n) ? NULL : LABEL_VALUE_TEXT;
}

const char *name_check_config_key(const char *s)
{
    size_t n = strlen(s);
    if (n > NAMES_SUBDOMAIN_MAX)
        return TOO_LONG_253;
    if (streq(s, "."))
        return "must not be '.'";
    if (str_starts(s, ".."))
        return "must not start with '..'";
    for (size_t i = 0; i < n; i++)
        if (!alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
            return CONFIG_KEY_TEXT;
    return n ? NULL : CONFIG_KEY_TEXT;
}

/* Kubernetes 1.30 relaxed this to any printable ASCII but '='. */
const char *name_check_env(const char *s)
{
    if (*s == '\0')
        return "environment variable names must not be empty";
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e || *s == '=')
            return "a valid environment variable name must consist only of printable ASCII "
                   "characters other than '='";
    return NULL;
}

const char *name_check_port(const char *s)
{
    size_t n = strlen(s);
    bool letter = false;
    if (n > 15)
        return "must be no more than 15 characters";
    if (!label_shape(s, n))
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), and start "
               "and end with an alpha-numeric character";
    for (size_t i = 0; i < n; i++) {
        letter = letter || (s[i] >= 'a' && s[i] <= 'z');
        if (s[i] == '-' && s[i + 1] == '-')
            return "must not contain consecutive hyphens";
    }
    return letter ? NULL : "must contain at least one letter (a-z)";
}

/* --- metadata ------------------------------------------------------------------------------- */

static void check_name(const cJSON *m, enum name_rule rule, struct causes *c)
{
    const char *name = json_str(m, "name"), *generate = json_str(m, "generateName");
    if (generate && *generate) {
        /* Only the prefix is given: complete it with a character that every rule accepts. */
        char *probe = mem_printf("%sx", generate);
        const char *why = name_check(rule, probe);
        if (why)
            causes_invalid(c, "metadata.generateName", generate, why);
        mem_free(probe);
    }
    if (!name || !*name) {
        causes_add(c, CAUSE_REQUIRED, "metadata.name",
                   "Required value: name or generateName is required");
        return;
    }
    const char *why = name_check(rule, name);
    if (why)
        causes_invalid(c, "metadata.name", name, why);
}

static void check_namespace(const cJSON *m, bool namespaced, struct causes *c)
{
    const char *ns = json_str(m, "namespace");
    bool given = ns && *ns;
    if (namespaced && !given) {
        causes_add(c, CAUSE_REQUIRED, "metadata.namespace", "Required value");
    } else if (namespaced) {
        const char *why = name_check_label(ns);
        if (why)
            causes_invalid(c, "metadata.namespace", ns, why);
    } else if (given) {
        causes_add(c, CAUSE_FORBIDDEN, "metadata.namespace", "Forbidden: not allowed on this type");
    }
}

void meta_validate_labels(const cJSON *labels, const char *path, struct causes *c)
{
    json_foreach (l, labels) {
        const char *why = name_check_qualified(l->string);
        if (why)
            causes_invalid(c, path, l->string, why);
        why = cJSON_IsString(l) ? name_check_label_value(l->valuestring) : NULL;
        if (why)
            causes_invalid(c, path, l->valuestring, why);
    }
}

void meta_validate_annotations(const cJSON *annotations, const char *path, struct causes *c)
{
    size_t total = 0;
    json_foreach (a, annotations) {
        /* Prefixes of annotation keys may be upper case: Kubernetes lowers the key first. */
        char *lower = mem_strdup(a->string);
        for (char *p = lower; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        const char *why = name_check_qualified(lower);
        if (why)
            causes_invalid(c, path, a->string, why);
        mem_free(lower);
        total += strlen(a->string) + (cJSON_IsString(a) ? strlen(a->valuestring) : 0);
    }
    if (total > NAMES_ANNOTATIONS_MAX)
        causes_add(c, CAUSE_TOO_LONG, path, "Too long: must have at most %d bytes",
                   NAMES_ANNOTATIONS_MAX);
}

static bool finalizer_known(const char *s)
{
    return streq(s, "orphan") || streq(s, "foregroundDeletion") || streq(s, "kubernetes");
}

static void check_finalizers(const cJSON *finalizers, struct causes *c)
{
    int i = 0;
    bool orphan = false, foreground = false;
    json_foreach (f, finalizers) {
        char path[48];
        snprintf(path, sizeof(path), "metadata.finalizers[%d]", i++);
        if (!cJSON_IsString(f))
            continue;
        orphan = orphan || streq(f->valuestring, "orphan");
        foreground = foreground || streq(f->valuestring, "foregroundDeletion");
        const char *why = name_check_qualified(f->valuestring);
        if (why)
            causes_invalid(c, path, f->valuestring, why);
        else if (!strchr(f->valuestring, '/') && !finalizer_known(f->valuestring))
            causes_invalid(c, path, f->valuestring,
                           "name is neither a standard finalizer name nor is it fully qualified");
    }
    if (orphan && foreground)
        causes_invalid(c, "metadata.finalizers", "orphan",
                       "finalizers orphan and foregroundDeletion cannot be both set");
}

static void check_owners(const cJSON *owners, struct causes *c)
{
    static const char *const needed[] = {"apiVersion", "kind", "name", "uid"};
    int i = 0, controllers = 0;
    json_foreach (o, owners) {
        for (size_t k = 0; k < ARRAY_LEN(needed); k++) {
            const char *v = json_str(o, needed[k]);
            if (v && *v)
                continue;
            char path[64];
            snprintf(path, sizeof(path), "metadata.ownerReferences[%d].%s", i, needed[k]);
            causes_add(c, CAUSE_INVALID, path, "Invalid value: \"\": must not be empty");
        }
        controllers += json_bool(false, o, "controller") ? 1 : 0;
        i++;
    }
    if (controllers > 1)
        causes_add(c, CAUSE_INVALID, "metadata.ownerReferences",
                   "Invalid value: only one reference can have Controller set to true, found %d",
                   controllers);
}

void meta_validate(const cJSON *metadata, bool namespaced, enum name_rule rule, struct causes *c)
{
    check_name(metadata, rule, c);
    check_namespace(metadata, namespaced, c);
    meta_validate_labels(json_at(metadata, "labels"), "metadata.labels", c);
    meta_validate_annotations(json_at(metadata, "annotations"), "metadata.annotations", c);
    check_owners(json_at(metadata, "ownerReferences"), c);
    check_finalizers(json_at(metadata, "finalizers"), c);
}
