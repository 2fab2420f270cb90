/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, certificates and digests, on GnuTLS. ECDSA P-256; PEM text in and out. */
#ifndef ATOLL_IO_TLS_H
#define ATOLL_IO_TLS_H

#include "base/err.h"
#include "base/str.h"

struct tls_pair {
    char *cert, *key; /* PEM, heap */
};
void tls_pair_done(struct tls_pair *p);

int tls_ca_new(const char *common_name, unsigned days, struct tls_pair *ret, struct err **err);
struct tls_leaf {
    const char *common_name;
    const char *const *organisations; /* NULL-ended or NULL */
    const char *const *dns_names;     /* NULL-ended or NULL */
    const char *const *addresses;     /* NULL-ended or NULL */
    bool server, client;
    unsigned days;
};
int tls_leaf_new(const struct tls_pair *ca, const struct tls_leaf *leaf, struct tls_pair *ret,
                 struct err **err);
/* Seconds until the certificate ends; negative when it has. */
int tls_cert_remaining(const char *cert_pem, int64_t *ret_seconds, struct err **err);

#define TLS_SHA256_HEX 65
const char *tls_sha256(struct str data, char out[TLS_SHA256_HEX]);
bool tls_equal_secret(struct str a, struct str b); /* constant time */

#endif
