/* SPDX-License-Identifier: Apache-2.0 */
/* Inside base only: the tree that field.c builds and field_print.c prints. */
#ifndef ATOLL_BASE_FIELD_TREE_H
#define ATOLL_BASE_FIELD_TREE_H

#include <regex.h>

#include "base/field.h"
#include "base/map.h"

struct field_node {
    const char *name; /* "" for the root, items and values */
    enum field_type type;
    const struct field *row;     /* NULL: an object that only leads to others */
    struct field_node *children; /* members of an object, in table order */
    struct field_node *element;  /* item of a list, value of a map */
    struct field_node *next;
    regex_t *pattern;
};

const struct field_node *field_root(const struct field_schema *s);

#endif
