/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the files of rows are written, and what they share. Only for types*.c, strategic.c, proto.c
 * and openapi*.c; everybody else uses types.h.
 *
 * A row macro takes the JSON name, the protobuf number and flags; more members of struct type_field
 * may follow as designators: ROW_STR("protocol", 4, TF_OMIT_ZERO, .def = "\"TCP\"").
 */
#ifndef ATOLL_APISERVER_TYPES_ROWS_H
#define ATOLL_APISERVER_TYPES_ROWS_H

#include "apiserver/types.h"
#include "base/map.h"

#define ROW(n, k, p, f, ...)                                                                       \
    {                                                                                              \
        .name = (n), .kind = (k), .proto = (p), .flags = (f), ##__VA_ARGS__                        \
    }
#define ROW_STR(n, p, f, ...)           ROW(n, T_STRING, p, f, ##__VA_ARGS__)
#define ROW_INT(n, p, f, ...)           ROW(n, T_INT32, p, f, ##__VA_ARGS__)
#define ROW_LONG(n, p, f, ...)          ROW(n, T_INT64, p, f, ##__VA_ARGS__)
#define ROW_BOOL(n, p, f, ...)          ROW(n, T_BOOL, p, f, ##__VA_ARGS__)
#define ROW_BYTES(n, p, f, ...)         ROW(n, T_BYTES, p, f, ##__VA_ARGS__)
#define ROW_TIME(n, p, f, ...)          ROW(n, T_TIME, p, f, ##__VA_ARGS__)
#define ROW_MICROTIME(n, p, f, ...)     ROW(n, T_MICROTIME, p, f, ##__VA_ARGS__)
#define ROW_QUANTITY(n, p, f, ...)      ROW(n, T_QUANTITY, p, f, ##__VA_ARGS__)
#define ROW_INT_OR_STRING(n, p, f, ...) ROW(n, T_INT_OR_STRING, p, f, ##__VA_ARGS__)
#define ROW_ANY(n, p, f, ...)           ROW(n, T_ANY, p, f, ##__VA_ARGS__)
#define ROW_OBJ(n, p, f, r, ...)        ROW(n, T_OBJECT, p, f, .ref = (r), ##__VA_ARGS__)
#define ROW_LIST(n, p, f, r, ...)       ROW(n, T_LIST, p, f, .ref = (r), ##__VA_ARGS__)
#define ROW_SCALARS(n, p, f, e, ...)    ROW(n, T_LIST, p, f, .elem = (e), ##__VA_ARGS__)
#define ROW_MAP(n, p, f, e, ...)        ROW(n, T_MAP, p, f, .elem = (e), ##__VA_ARGS__)
#define ROW_INLINE(p, r)                ROW("", T_OBJECT, p, TF_INLINE, .ref = (r))
#define ROW_END                                                                                    \
    {                                                                                              \
        .name = NULL                                                                               \
    }

extern const struct type TYPE_NAMESPACE;
extern const struct type TYPE_NODE;
extern const struct type TYPE_HOST_PATH_VOLUME_SOURCE;
extern const struct type TYPE_NFS_VOLUME_SOURCE;
extern const struct type TYPE_OBJECT_FIELD_SELECTOR;
extern const struct type TYPE_RESOURCE_FIELD_SELECTOR;
extern const struct type TYPE_LOCAL_OBJECT_REFERENCE;
extern const struct type TYPE_LABEL_SELECTOR_REQUIREMENT;
extern const struct type TYPE_LABEL_SELECTOR;
extern const struct type TYPE_TYPED_LOCAL_OBJECT_REFERENCE;
extern const struct type TYPE_TYPED_OBJECT_REFERENCE;
extern const struct type TYPE_PERSISTENT_VOLUME_CLAIM_SPEC;
extern const struct type TYPE_VOLUME;
extern const struct type TYPE_RESOURCE_REQUIREMENTS;
extern const struct type TYPE_SE_LINUX_OPTIONS;
extern const struct type TYPE_WINDOWS_SECURITY_CONTEXT_OPTIONS;
extern const struct type TYPE_SECCOMP_PROFILE;
extern const struct type TYPE_APP_ARMOR_PROFILE;
extern const struct type TYPE_CONTAINER;
extern const struct type TYPE_NODE_SELECTOR;
extern const struct type TYPE_POD_STATUS;
extern const struct type TYPE_POD;
extern const struct type TYPE_CONDITION;
extern const struct type TYPE_SERVICE;
extern const struct type TYPE_OBJECT_REFERENCE;
extern const struct type TYPE_ENDPOINTS;
extern const struct type TYPE_CONFIG_MAP;
extern const struct type TYPE_SECRET;
extern const struct type TYPE_SERVICE_ACCOUNT;
extern const struct type TYPE_EVENT;
extern const struct type TYPE_SECRET_REFERENCE;
extern const struct type TYPE_PERSISTENT_VOLUME;
extern const struct type TYPE_PERSISTENT_VOLUME_CLAIM;
extern const struct type TYPE_BINDING;
extern const struct type TYPE_ENDPOINT_SLICE;
extern const struct type TYPE_LEASE;
extern const struct type TYPE_POD_DISRUPTION_BUDGET;
extern const struct type TYPE_DELETE_OPTIONS;
extern const struct type TYPE_EVICTION;
extern const struct type TYPE_POD_TEMPLATE_SPEC;
extern const struct type TYPE_CONTROLLER_REVISION;
extern const struct type TYPE_JOB;
extern const struct type TYPE_CRON_JOB;
extern const struct type TYPE_VALIDATING_WEBHOOK_CONFIGURATION;
extern const struct type TYPE_MUTATING_WEBHOOK_CONFIGURATION;
extern const struct type TYPE_ROLE;
extern const struct type TYPE_ROLE_BINDING;
extern const struct type TYPE_CLUSTER_ROLE;
extern const struct type TYPE_CLUSTER_ROLE_BINDING;
extern const struct type TYPE_TOKEN_REVIEW;
extern const struct type TYPE_TOKEN_REQUEST;
extern const struct type TYPE_SELF_SUBJECT_REVIEW;
extern const struct type TYPE_FIELD_SELECTOR_REQUIREMENT;
extern const struct type TYPE_SUBJECT_ACCESS_REVIEW;
extern const struct type TYPE_SELF_SUBJECT_ACCESS_REVIEW;
extern const struct type TYPE_LOCAL_SUBJECT_ACCESS_REVIEW;
extern const struct type TYPE_SELF_SUBJECT_RULES_REVIEW;
extern const struct type TYPE_CUSTOM_RESOURCE_DEFINITION;
extern const struct type TYPE_EVENTS_EVENT;
extern const struct type TYPE_SCALE;

/* The walks below look at every member of every object: these three are what makes them fast. */
static inline cJSON *type_member(const cJSON *obj, const char *name)
{
    for (cJSON *j = obj ? obj->child : NULL; j; j = j->next)
        if (j->string && j->string[0] == name[0] && __builtin_strcmp(j->string, name) == 0)
            return j;
    return NULL;
}
/* Appends ".name" or "[i]" to the path in b; returns the length before, for buf_cut. */
static inline size_t type_path_name(struct buf *b, const char *name)
{
    size_t before = b->len;
    if (before)
        buf_addc(b, '.');
    buf_adds(b, name);
    return before;
}
static inline size_t type_path_index(struct buf *b, size_t i)
{
    size_t before = b->len;
    char digits[24], *p = digits + sizeof(digits);
    *--p = ']';
    do {
        *--p = (char)('0' + i % 10);
        i /= 10;
    } while (i);
    *--p = '[';
    buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
    return before;
}

/* "path.name", or "name" below the root. The name is a printf format. Returns out. */
const char *type_path(char out[CAUSE_FIELD_MAX], const char *path, const char *fmt, ...)
    ATOLL_PRINTF(3, 4);
/* A JSON text of a row's default as a tree. */
cJSON *type_default_value(const struct type_field *f);

/* For check hooks. `path` is the object's, `name` a member of it. */
bool type_given(const cJSON *obj, const char *name); /* there, and not null, "" or [] */
void type_check_range(const cJSON *obj, const char *path, const char *name, int64_t low,
                      int64_t high, struct causes *c); /* high INT64_MAX: no upper bound */
void type_check_name(const cJSON *obj, const char *path, const char *name,
                     const char *(*rule)(const char *), struct causes *c);
/* Elements of the list `name` in obj whose member `key` was seen before; `path` is obj's. */
void type_check_unique(const cJSON *obj, const char *path, const char *name, const char *key,
                       struct map *seen, struct causes *c);
bool type_is_ip(const char *s, int *ret_family); /* 4 or 6 */

/* Defaults and rules that the rows name. */
void container_default(cJSON *obj);
void job_default(cJSON *obj);
void namespace_default(cJSON *obj);
void pod_default(cJSON *obj);
void pod_spec_default(cJSON *obj);
void secret_default(cJSON *obj);
void service_default(cJSON *obj);
void subject_default(cJSON *obj);
void volume_default(cJSON *obj);
void access_review_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void budget_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void claim_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void config_map_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void container_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void container_port_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void controller_revision_check(const cJSON *obj, const cJSON *old, const char *path,
                               struct causes *c);
void cron_job_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void endpoint_address_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void endpoint_port_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void endpoint_slice_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void env_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void job_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void label_requirement_check(const cJSON *obj, const cJSON *old, const char *path,
                             struct causes *c);
void label_selector_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void lease_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void node_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void persistent_volume_check(const cJSON *obj, const cJSON *old, const char *path,
                             struct causes *c);
void pod_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void pod_spec_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void pod_template_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void policy_rule_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void port_holder_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void probe_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void resources_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void cluster_role_binding_check(const cJSON *obj, const cJSON *old, const char *path,
                                struct causes *c);
void role_binding_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void scale_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void secret_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void service_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void service_port_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void subject_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void token_request_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void toleration_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void volume_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void volume_mount_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);
void webhooks_check(const cJSON *obj, const cJSON *old, const char *path, struct causes *c);

#endif
