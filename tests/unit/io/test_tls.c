/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made here, read back and verified by GnuTLS itself; digests and secret comparison.
 */
#include "unit/cm.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "io/tls.h"

static gnutls_x509_crt_t crt_of(const char *pem)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t text = {(unsigned char *)pem, (unsigned)strlen(pem)};
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &text, GNUTLS_X509_FMT_PEM), 0);
    return crt;
}

static unsigned verified(gnutls_x509_crt_t leaf, gnutls_x509_crt_t ca, const char *host,
                         const char *purpose)
{
    gnutls_x509_trust_list_t list;
    gnutls_typed_vdata_st data[2] = {
        {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)purpose},
        {.type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)host},
    };
    unsigned status = 0;
    assert_int_equal(gnutls_x509_trust_list_init(&list, 0), 0);
    assert_int_equal(gnutls_x509_trust_list_add_cas(list, &ca, 1, 0), 1);
    assert_int_equal(
        gnutls_x509_trust_list_verify_crt2(list, &leaf, 1, data, host ? 2 : 1, 0, &status, NULL),
        0);
    gnutls_x509_trust_list_deinit(list, 0);
    return status;
}

static void chain(void **state)
{
    (void)state;
    AUTO(tls_pair_done) struct tls_pair ca = {0}, other = {0}, server = {0}, client = {0};
    AUTO(err_freep) struct err *err = NULL;
    const char *const names[] = {"api.local", "localhost", NULL}, *const addresses[] = {
                                                                      "127.0.0.1", "::1", NULL};
    const char *const orgs[] = {"system:masters", NULL};
    struct tls_leaf for_server = {"api", NULL, names, addresses, true, false, 30};
    struct tls_leaf for_client = {"admin", orgs, NULL, NULL, false, true, 30};
    assert_int_equal(tls_ca_new("test ca", 365, &ca, &err), 0);
    assert_int_equal(tls_ca_new("test ca", 365, &other, &err), 0);
    assert_int_equal(tls_leaf_new(&ca, &for_server, &server, &err), 0);
    assert_int_equal(tls_leaf_new(&ca, &for_client, &client, &err), 0);
    gnutls_x509_crt_t a = crt_of(ca.cert), o = crt_of(other.cert), s = crt_of(server.cert),
                      c = crt_of(client.cert);
    assert_int_equal(verified(s, a, "api.local", GNUTLS_KP_TLS_WWW_SERVER), 0);
    assert_int_not_equal(verified(s, a, "other.local", GNUTLS_KP_TLS_WWW_SERVER), 0);
    assert_int_not_equal(verified(s, a, "api.local", GNUTLS_KP_TLS_WWW_CLIENT), 0);
    assert_int_not_equal(verified(s, o, "api.local", GNUTLS_KP_TLS_WWW_SERVER), 0);
    assert_int_equal(verified(c, a, NULL, GNUTLS_KP_TLS_WWW_CLIENT), 0);
    assert_int_not_equal(verified(c, a, NULL, GNUTLS_KP_TLS_WWW_SERVER), 0);
    assert_int_equal(gnutls_x509_crt_check_ip(s, (const unsigned char *)"\x7f\x00\x00\x01", 4, 0),
                     1);
    assert_int_equal(gnutls_x509_crt_check_ip(s, (const unsigned char *)"\x7f\x00\x00\x02", 4, 0),
                     0);
    char text[64];
    size_t len = sizeof(text);
    assert_int_equal(
        gnutls_x509_crt_get_dn_by_oid(c, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, 0, text, &len), 0);
    assert_string_equal(text, "system:masters");
    assert_int_equal(gnutls_x509_crt_get_pk_algorithm(s, NULL), GNUTLS_PK_ECDSA);
    gnutls_x509_crt_deinit(a);
    gnutls_x509_crt_deinit(o);
    gnutls_x509_crt_deinit(s);
    gnutls_x509_crt_deinit(c);
}

static void remaining(void **state)
{
    (void)state;
    AUTO(tls_pair_done) struct tls_pair ca = {0}, over = {0};
    AUTO(err_freep) struct err *err = NULL;
    struct tls_leaf leaf = {"ends now", NULL, NULL, NULL, true, false, 0};
    int64_t seconds = 0;
    assert_int_equal(tls_ca_new("ca", 10, &ca, &err), 0);
    assert_int_equal(tls_cert_remaining(ca.cert, &seconds, &err), 0);
    assert_true(seconds > 10 * 86400 - 60 && seconds <= 10 * 86400);
    assert_int_equal(tls_leaf_new(&ca, &leaf, &over, &err), 0);
    assert_int_equal(tls_cert_remaining(over.cert, &seconds, &err), 0);
    assert_true(seconds <= 0);
    assert_int_equal(tls_cert_remaining("no PEM", &seconds, &err), -EINVAL);
}

static void refused(void **state)
{
    (void)state;
    AUTO(tls_pair_done) struct tls_pair ca = {0}, out = {0};
    AUTO(err_freep) struct err *err = NULL;
    const char *const addresses[] = {"not an address", NULL};
    struct tls_leaf leaf = {"x", NULL, NULL, addresses, true, false, 1};
    struct tls_pair broken = {(char *)"a", (char *)"b"};
    assert_int_equal(tls_ca_new("ca", 10, &ca, &err), 0);
    assert_int_equal(tls_leaf_new(&ca, &leaf, &out, &err), -EINVAL);
    assert_non_null(strstr(err_text(err), "x: making a certificate: "));
    leaf.addresses = NULL;
    assert_int_equal(tls_leaf_new(&broken, &leaf, &out, &err), -EINVAL);
    assert_null(out.cert);
}

static void digest(void **state)
{
    (void)state;
    char out[TLS_SHA256_HEX];
    assert_string_equal(tls_sha256(STR("abc"), out),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(tls_sha256(str_of(NULL), out),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(tls_equal_secret(STR("secret"), STR("secret")));
    assert_false(tls_equal_secret(STR("secret"), STR("secreT")));
    assert_false(tls_equal_secret(STR("secret"), STR("secre")));
    assert_true(tls_equal_secret(str_of(NULL), STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chain), cmocka_unit_test(remaining),
                                       cmocka_unit_test(refused), cmocka_unit_test(digest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
