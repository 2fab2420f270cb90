/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors: parse once, match many. */
#ifndef ATOLL_APISERVER_SELECTOR_H
#define ATOLL_APISERVER_SELECTOR_H

#include "base/json.h"

struct label_selector; /* NULL matches everything */
int label_selector_parse(const char *text, struct label_selector **ret, struct err **err);
bool label_selector_matches(const struct label_selector *s, const cJSON *labels);
void label_selector_free(struct label_selector *s);
bool label_selector_empty(const struct label_selector *s);

/* The LabelSelector object {matchLabels, matchExpressions}. {} and NULL match everything: whether
 * an absent selector means all or nothing differs by kind and is the caller's to decide. */
int label_selector_of(const cJSON *object, struct label_selector **ret, struct err **err);

/* A field the kind allows to select by: "spec.nodeName" and where its value lies. */
struct field_label {
    const char *name;    /* as the user writes it */
    const char *path;    /* dotted path in the object, "" ended table */
    const char *missing; /* value when the object has none ("" usually) */
};
struct field_selector; /* NULL matches everything */
/* `allowed` ends with name NULL, is kept by the selector and must outlive it; metadata.name and
 * metadata.namespace are always allowed. */
int field_selector_parse(const char *text, const struct field_label *allowed,
                         struct field_selector **ret, struct err **err);
bool field_selector_matches(const struct field_selector *s, const cJSON *obj);
/* metadata.name=x (or namespace): the value required by equality, NULL when the selector does not
 * fix it. */
const char *field_selector_exact(const struct field_selector *s, const char *name);
void field_selector_free(struct field_selector *s);

#endif
