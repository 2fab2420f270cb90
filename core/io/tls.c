/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making keys and certificates for the embedded mode and for webhooks, and digests. Who trusts whom
 * is the caller's business; the sockets are in http_server.c and http_client.c.
 *
 * Certificates start an hour in the past, because the clocks of two machines are not the same.
 */
#include "io/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/ids.h"

#define BACKDATE_SECONDS 3600
#define SERIAL_BYTES     16

/* A certificate and the private key that belongs to it. */
struct request {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

void tls_pair_done(struct tls_pair *p)
{
    if (p->key)
        mem_wipe(p->key, strlen(p->key));
    mem_free(p->cert);
    mem_free(p->key);
    *p = (struct tls_pair){NULL, NULL};
}

static int tls_fail(struct err **err, const char *what, int rc)
{
    return err_set(err, -EINVAL, "%s: %s", what, gnutls_strerror(rc));
}

static void request_done(struct request *r)
{
    if (r->crt)
        gnutls_x509_crt_deinit(r->crt);
    if (r->key)
        gnutls_x509_privkey_deinit(r->key);
}

static int request_init(struct request *r)
{
    int rc = gnutls_x509_crt_init(&r->crt);
    return rc < 0 ? rc : gnutls_x509_privkey_init(&r->key);
}

/* New key, serial, validity, name: what both kinds of certificates have. */
static int request_begin(struct request *r, const char *common_name, unsigned days)
{
    unsigned char serial[SERIAL_BYTES];
    time_t now = (time_t)(clock_wall_us() / 1000000);
    ids_random(serial, sizeof(serial));
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, and never shortened */
    int rc = request_init(r);
    if (rc >= 0)
        rc = gnutls_x509_privkey_generate(r->key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_version(r->crt, 3);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_serial(r->crt, serial, sizeof(serial));
    if (rc >= 0)
        rc = gnutls_x509_crt_set_activation_time(r->crt, now - BACKDATE_SECONDS);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_expiration_time(r->crt, now + (time_t)days * 86400);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key(r->crt, r->key);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_dn_by_oid(r->crt, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
                                           (unsigned)strlen(common_name));
    return rc;
}

/* The key identifier that lets a verifier pick the right authority of several with one name. */
static int set_key_id(gnutls_x509_crt_t crt, gnutls_x509_crt_t of,
                      int (*set)(gnutls_x509_crt_t, const void *, size_t))
{
    unsigned char id[64];
    size_t len = sizeof(id);
    int rc = gnutls_x509_crt_get_key_id(of, 0, id, &len);
    return rc < 0 ? rc : set(crt, id, len);
}

static char *datum_text(gnutls_datum_t *d)
{
    char *text = mem_strndup((const char *)d->data, d->size);
    mem_wipe(d->data, d->size);
    gnutls_free(d->data);
    return text;
}

static int request_export(const struct request *r, struct tls_pair *ret)
{
    gnutls_datum_t cert = {NULL, 0}, key = {NULL, 0};
    int rc = gnutls_x509_crt_export2(r->crt, GNUTLS_X509_FMT_PEM, &cert);
    if (rc < 0)
        return rc;
    rc = gnutls_x509_privkey_export2_pkcs8(r->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                           &key);
    if (rc < 0) {
        gnutls_free(cert.data);
        return rc;
    }
    ret->cert = datum_text(&cert);
    ret->key = datum_text(&key);
    return 0;
}

static int ca_fill(struct request *r, const char *common_name, unsigned days)
{
    int rc = request_begin(r, common_name, days);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_basic_constraints(r->crt, 1, -1);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(r->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
    if (rc >= 0)
        rc = set_key_id(r->crt, r->crt, gnutls_x509_crt_set_subject_key_id);
    return rc < 0 ? rc : gnutls_x509_crt_sign2(r->crt, r->crt, r->key, GNUTLS_DIG_SHA256, 0);
}

int tls_ca_new(const char *common_name, unsigned days, struct tls_pair *ret, struct err **err)
{
    AUTO(request_done) struct request r = {NULL, NULL};
    int rc = ca_fill(&r, common_name, days);
    if (rc >= 0)
        rc = request_export(&r, ret);
    return rc < 0 ? tls_fail(err, "making an authority's certificate", rc) : 0;
}

static int import_pair(const struct tls_pair *pair, struct request *r)
{
    gnutls_datum_t cert = {(unsigned char *)pair->cert, (unsigned)strlen(pair->cert)};
    gnutls_datum_t key = {(unsigned char *)pair->key, (unsigned)strlen(pair->key)};
    int rc = request_init(r);
    if (rc >= 0)
        rc = gnutls_x509_crt_import(r->crt, &cert, GNUTLS_X509_FMT_PEM);
    return rc < 0 ? rc : gnutls_x509_privkey_import2(r->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
}

static int add_address(gnutls_x509_crt_t crt, const char *text)
{
    unsigned char raw[16];
    unsigned len = inet_pton(AF_INET, text, raw) == 1    ? 4
                   : inet_pton(AF_INET6, text, raw) == 1 ? 16
                                                         : 0;
    return len ? gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, raw, len,
                                                      GNUTLS_FSAN_APPEND)
               : GNUTLS_E_INVALID_REQUEST;
}

static int leaf_names(gnutls_x509_crt_t crt, const struct tls_leaf *leaf)
{
    int rc = 0;
    for (const char *const *p = leaf->organisations; p && *p && rc >= 0; p++)
        rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, *p,
                                           (unsigned)strlen(*p));
    for (const char *const *p = leaf->dns_names; p && *p && rc >= 0; p++)
        rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, *p, (unsigned)strlen(*p),
                                                  GNUTLS_FSAN_APPEND);
    for (const char *const *p = leaf->addresses; p && *p && rc >= 0; p++)
        rc = add_address(crt, *p);
    return rc;
}

static int leaf_fill(struct request *r, const struct request *ca, const struct tls_leaf *leaf)
{
    int rc = request_begin(r, leaf->common_name, leaf->days);
    if (rc >= 0)
        rc = leaf_names(r->crt, leaf);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_basic_constraints(r->crt, 0, -1);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(r->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (rc >= 0 && leaf->server)
        rc = gnutls_x509_crt_set_key_purpose_oid(r->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (rc >= 0 && leaf->client)
        rc = gnutls_x509_crt_set_key_purpose_oid(r->crt, GNUTLS_KP_TLS_WWW_CLIENT, 0);
    if (rc >= 0)
        rc = set_key_id(r->crt, r->crt, gnutls_x509_crt_set_subject_key_id);
    if (rc >= 0)
        rc = set_key_id(r->crt, ca->crt, gnutls_x509_crt_set_authority_key_id);
    return rc < 0 ? rc : gnutls_x509_crt_sign2(r->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0);
}

int tls_leaf_new(const struct tls_pair *ca, const struct tls_leaf *leaf, struct tls_pair *ret,
                 struct err **err)
{
    AUTO(request_done) struct request signer = {NULL, NULL}, r = {NULL, NULL};
    int rc = import_pair(ca, &signer);
    if (rc < 0)
        return tls_fail(err, "reading the authority's certificate and key", rc);
    rc = leaf_fill(&r, &signer, leaf);
    if (rc >= 0)
        rc = request_export(&r, ret);
    if (rc < 0) {
        tls_fail(err, "making a certificate", rc);
        return err_wrap(err, "%s", leaf->common_name);
    }
    return 0;
}

int tls_cert_remaining(const char *cert_pem, int64_t *ret_seconds, struct err **err)
{
    gnutls_datum_t text = {(unsigned char *)cert_pem, (unsigned)strlen(cert_pem)};
    AUTO(request_done) struct request r = {NULL, NULL};
    int rc = gnutls_x509_crt_init(&r.crt);
    if (rc >= 0)
        rc = gnutls_x509_crt_import(r.crt, &text, GNUTLS_X509_FMT_PEM);
    if (rc < 0)
        return tls_fail(err, "reading a certificate", rc);
    *ret_seconds = (int64_t)gnutls_x509_crt_get_expiration_time(r.crt) - clock_wall_us() / 1000000;
    return 0;
}

const char *tls_sha256(struct str data, char out[TLS_SHA256_HEX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[32];
    int rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, data.len ? data.ptr : "", data.len, digest);
    ATOLL_ASSERT(rc == 0); /* fails only for an unknown algorithm */
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[2 * sizeof(digest)] = '\0';
    return out;
}

bool tls_equal_secret(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || gnutls_memcmp(a.ptr, b.ptr, a.len) == 0);
}
