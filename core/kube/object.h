/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kube share about objects: keys, resource versions, textual selectors. */
#ifndef ATOLL_KUBE_OBJECT_H
#define ATOLL_KUBE_OBJECT_H

#include "base/json.h"

/* A namespace has at most 63 characters and a name 253. */
#define OBJECT_KEY_MAX 320

/* "ns/name", or "name" when ns is NULL or "". false: no name, or longer than any valid one. */
bool kube_object_key(const char *ns, const char *name, char out[OBJECT_KEY_MAX]);
/* Resource versions are opaque texts by contract, but decimal and growing on every server in use
 * (KEP-5504). 0 = not a number: then the caller may compare for equality only. */
uint64_t kube_object_rv(const char *rv);

/* Does the text of a labelSelector or fieldSelector parameter select these labels or this object?
 * NULL selects all; a text that cannot be read selects nothing. */
bool kube_selector_labels_match(const char *selector, const cJSON *labels);
bool kube_selector_fields_match(const char *selector, const cJSON *object);

#endif
