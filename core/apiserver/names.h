/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Kubernetes allows as a name, a label, an annotation key: pure checks with the sentence that
 * says what is wrong. Each function returns NULL when the text is fine, else a static sentence.
 */
#ifndef ATOLL_APISERVER_NAMES_H
#define ATOLL_APISERVER_NAMES_H

#include "apiserver/types.h"

#define NAMES_LABEL_VALUE_MAX 63
#define NAMES_SUBDOMAIN_MAX   253
#define NAMES_ANNOTATIONS_MAX (256 * 1024) /* keys and values of all annotations together */

const char *name_check(enum name_rule rule, const char *s);
const char *name_check_label(const char *s); /* DNS-1123 label */
const char *name_check_label_1035(const char *s);
const char *name_check_subdomain(const char *s); /* DNS-1123 subdomain */
const char *name_check_path_segment(const char *s);
const char *name_check_qualified(const char *s); /* label and annotation keys: [prefix/]name */
const char *name_check_label_value(const char *s);
const char *name_check_config_key(const char *s); /* keys of ConfigMap and Secret data */
const char *name_check_env(const char *s);        /* environment variable */
const char *name_check_port(const char *s);       /* IANA service name */

#endif
