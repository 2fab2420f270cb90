/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions: what they add to the table of resources, and their end. */
#ifndef ATOLL_APISERVER_CRDS_H
#define ATOLL_APISERVER_CRDS_H

#include "apiserver/rest.h"

/* Registers all stored CRDs and follows them. */
struct crds *crds_new(struct api *api);
void crds_free(struct crds *c);

/* GET, PUT and PATCH of /scale (rest_scale.c). */
void rest_scale(struct call *c);
/* The numbers that /scale shows, on any write of the object. */
void rest_scale_check(const struct custom *cu, const cJSON *obj, struct causes *causes);

#endif
