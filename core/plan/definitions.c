/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which definition a manifest means: by exact name, by prefix, or by regular expression; the newest
 * match wins, and what runs keeps its definition as long as that still matches. Names are compared
 * with their numbers by value, so that db-10 is newer than db-9.
 */
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "plan/plan.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares the numbers both texts start with and moves past them. */
static int number_compare(const char **a, const char **b)
{
    while (**a == '0')
        ++*a;
    while (**b == '0')
        ++*b;
    size_t na = strspn(*a, "0123456789"), nb = strspn(*b, "0123456789");
    int c = na != nb ? (na < nb ? -1 : 1) : strncmp(*a, *b, na);
    *a += na;
    *b += nb;
    return c;
}

int plan_name_compare(const char *a, const char *b)
{
    while (*a && *b) {
        if (is_digit(*a) && is_digit(*b)) {
            int c = number_compare(&a, &b);
            if (c)
                return c;
            continue;
        }
        if (*a != *b)
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        a++;
        b++;
    }
    return *a ? 1 : *b ? -1 : 0;
}

struct matcher {
    const char *pattern;
    regex_t re;
    bool is_regex;
};

static bool has_operator(const char *pattern)
{
    return strpbrk(pattern, "^$*+?()[]{}|\\") != NULL;
}

static bool matches(const struct matcher *m, const char *name)
{
    if (m->is_regex)
        return regexec(&m->re, name, 0, NULL, 0) == 0;
    return str_starts(name, m->pattern);
}

static void list_names(const cJSON *const *defs, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s%s", i ? ", " : "", json_str(defs[i], "metadata", "name"));
}

static const cJSON *search(const struct matcher *m, const cJSON *const *defs, size_t n,
                           const char *current)
{
    const cJSON *best = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = json_str(defs[i], "metadata", "name");
        if (streq(name, m->pattern))
            return defs[i];
        if (!matches(m, name) || json_at(defs[i], "metadata", "deletionTimestamp"))
            continue;
        if (streq(name, current))
            best = defs[i];
        else if (!best || (!streq(json_str(best, "metadata", "name"), current) &&
                           plan_name_compare(name, json_str(best, "metadata", "name")) > 0))
            best = defs[i];
    }
    return best;
}

const cJSON *plan_definition_find(const cJSON *const *defs, size_t n, const char *pattern,
                                  const char *current, const char *kind, struct err **err)
{
    struct matcher m = {.pattern = pattern, .is_regex = has_operator(pattern)};
    if (m.is_regex && regcomp(&m.re, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        err_set(err, -EINVAL, "\"%s\" is not a name and not a regular expression", pattern);
        return NULL;
    }
    const cJSON *found = search(&m, defs, n, current);
    if (m.is_regex)
        regfree(&m.re);
    if (found)
        return found;
    struct buf names = BUF_INIT(2048);
    list_names(defs, n, &names);
    err_set(err, -ENOENT, "no %s matches \"%s\"; there %s: %s", kind, pattern,
            n == 1 ? "is" : "are", n ? buf_str(&names) : "none");
    buf_done(&names);
    return NULL;
}
