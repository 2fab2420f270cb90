/* SPDX-License-Identifier: Apache-2.0 */
/* What the openapi*.c files share. `v2` chooses the dialect: references and what a schema may say
 * differ. */
#ifndef ATOLL_APISERVER_OPENAPI_BUILD_H
#define ATOLL_APISERVER_OPENAPI_BUILD_H

#include "apiserver/openapi.h"

/* Adds the schema of a type and of all it reaches to `schemas`. */
void openapi_type(const struct type *t, cJSON *schemas, bool v2);
/* The schema of a custom kind with apiVersion, kind and metadata; metadata's schema goes to
 * `schemas`. */
cJSON *openapi_custom(const cJSON *openapi, cJSON *schemas, bool v2);
/* {"$ref": ...} */
cJSON *openapi_ref(const char *name, bool v2);
/* "com.example.group.v1.Kind" for a custom kind, "io.k8s...Kind" for a built-in one. Heap. */
char *openapi_name(const struct openapi_resource *r);

/* A v2 document (JSON) in gnostic's protobuf. */
void openapi_gnostic(const cJSON *doc, struct buf *out);

#endif
