/* SPDX-License-Identifier: Apache-2.0 */
/* ClusterIPs: given to Services at birth, kept for life, not given again at once. */
#ifndef ATOLL_APISERVER_SERVICES_H
#define ATOLL_APISERVER_SERVICES_H

#include "apiserver/rest.h"

/* `cidr` as "127.101.0.0/16". */
int services_new(struct api *api, const char *cidr, struct services **ret, struct err **err);
void services_free(struct services *s);

/* ---- pure, for tests ---- */
struct ip_range {
    uint32_t base, size; /* host order */
};
int ip_range_parse(const char *cidr, struct ip_range *ret, struct err **err);
int ip_parse(const char *text, uint32_t *ret); /* dotted, host order */
#define IP_TEXT_MAX 16
const char *ip_text(uint32_t ip, char out[IP_TEXT_MAX]);

#endif
