/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structural schemas of CRDs: checked and compiled once, then used to prune, default and validate
 * every custom resource. CEL rules (x-kubernetes-validations) are compiled by cel.h and run last.
 */
#ifndef ATOLL_APISERVER_SCHEMA_H
#define ATOLL_APISERVER_SCHEMA_H

#include "apiserver/status.h"

struct schema; /* immutable */
/* Structural rules of the CRD's openAPIV3Schema; `path` is its place in the CRD for causes. NULL +
 * causes on failure. */
struct schema *schema_compile(const cJSON *openapi, const char *path, struct causes *c);
void schema_free(struct schema *s);
/* Remove what the schema does not name (metadata, kind, apiVersion stay); paths of removed fields
 * to *removed. */
void schema_prune(const struct schema *s, cJSON *obj, struct arena *a, const char ***ret_removed,
                  size_t *ret_n);
void schema_default(const struct schema *s, cJSON *obj);
/* All errors. `old` NULL on create; transition rules (oldSelf) need it. Status-only writes pass
 * only="status". */
void schema_validate(const struct schema *s, const cJSON *obj, const cJSON *old, struct causes *c);

/* A CustomResourceDefinition as a whole: names, versions, storage, schemas, printer columns,
 * subresources. */
void crd_validate(const cJSON *crd, const cJSON *old, struct causes *c);
void crd_default(cJSON *crd);

#endif
