/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role report, copied out of the plugin's memory in one block, immutable and reference counted;
 * and the pure question what counts as a change. The thread that makes one hands it over;
 * references are the loop's.
 */
#ifndef ATOLL_ENGINE_REPORT_H
#define ATOLL_ENGINE_REPORT_H

#include "atoll/plugin.h"
#include "base/json.h"

#define REPORT_FACTS_MAX 64
#define REPORT_KEY_MAX   128
#define REPORT_VALUE_MAX 4096
#define REPORT_TEXT_MAX  1024

struct report {
    unsigned refs;
    bool known;
    struct atoll_str role; /* all views are NUL-terminated */
    uint64_t version;
    struct atoll_str reason, message;
    uint32_t n_facts;
    struct atoll_fact facts[];
};

/* NULL when it breaks a rule of the ABI; *ret_fault then says which, for the log. */
struct report *report_new(const struct atoll_role_report *r, const char **ret_fault);
struct report *report_unknown(const char *reason, const char *message);
struct report *report_ref(struct report *r);
void report_unref(struct report *r); /* NULL is fine */
static inline void report_unrefp(struct report **r)
{
    report_unref(*r);
    *r = NULL;
}
/* Role, role version, known or not, or a fact that is not volatile. `old` NULL: nothing was told
 * yet. */
bool report_changed(const struct report *old, const struct report *now);
/* {known, role, version, facts, volatile: [key]} or {known, reason, message}: what crosses to the
 * host. Heap tree. */
cJSON *report_json(const struct report *r);

/* Text of a plugin as the core may show it: valid UTF-8, no control characters, cut at max - 1
 * bytes. */
size_t text_clean(char *out, size_t max, struct atoll_str s);
/* A CamelCase reason as Kubernetes conditions want it. */
bool reason_ok(struct atoll_str s);

#endif
