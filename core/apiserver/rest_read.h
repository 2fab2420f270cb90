/* SPDX-License-Identifier: Apache-2.0 */
/* What lists, watches and deletions of collections share: selection and revisions. */
#ifndef ATOLL_APISERVER_REST_READ_H
#define ATOLL_APISERVER_REST_READ_H

#include "apiserver/rest.h"

bool selected(const struct label_selector *labels, const struct field_selector *fields,
              const struct object *o);
bool head_selected(const struct label_selector *labels, const struct field_selector *fields,
                   const cJSON *head);
/* "ns/" of the request or its selector, "" for all. */
const char *rest_prefix(struct call *c);
/* -1 and the 504 failure when the revision has not been given yet. */
int rest_future(struct call *c, uint64_t rv);

#endif
