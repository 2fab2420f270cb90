/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI documents, built from the resource list and the type tables or CRD schemas.
 * v3 per group-version as JSON; v2 as gnostic protobuf (kubectl accepts nothing else).
 */
#ifndef ATOLL_APISERVER_OPENAPI_H
#define ATOLL_APISERVER_OPENAPI_H

#include "apiserver/types.h"

struct openapi_resource {
    const char *group, *version, *kind, *plural;
    bool namespaced;
    bool has_status, has_scale;
    const struct type *type; /* built-in, or NULL */
    const cJSON *schema;     /* CRD's openAPIV3Schema, or NULL */
};
/* One group-version. Returns an owned tree. */
cJSON *openapi_v3(const char *group, const char *version, const struct openapi_resource *r,
                  size_t n);
/* All of them. Serialised com.github.proto-openapi.spec.v2 document. */
void openapi_v2_proto(const struct openapi_resource *r, size_t n, struct buf *out);
/* The same as JSON, for clients that ask for JSON. */
cJSON *openapi_v2_json(const struct openapi_resource *r, size_t n);

#endif
