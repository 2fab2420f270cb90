/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about a request: target, path, query, headers, body, peer, client certificate; and the
 * percent-encoding they need. Nothing here changes the state of a request.
 */
#include "io/http_in.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#define ORGS_MAX 32

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void http_escape(struct buf *b, const char *s)
{
    for (; s && *s; s++) {
        if (is_unreserved(*s))
            buf_addc(b, *s);
        else
            buf_addf(b, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* A NUL is refused: it would cut the text for everybody who reads it as a C string. */
int http_unescape(struct str s, struct buf *b, bool plus_is_blank)
{
    size_t start = b->len;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            int hi = i + 2 < s.len ? hex_digit(s.ptr[i + 1]) : -1;
            int lo = i + 2 < s.len ? hex_digit(s.ptr[i + 2]) : -1;
            c = (char)(hi * 16 + lo);
            if (hi < 0 || lo < 0 || c == '\0') {
                buf_cut(b, start);
                return -EINVAL;
            }
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        if (buf_addc(b, c)) {
            buf_cut(b, start);
            return -ENOBUFS;
        }
    }
    return 0;
}

/* Decoded, or as it stands when it is not well encoded. */
static char *decoded(struct str s, bool plus_is_blank)
{
    struct buf b = BUF_INIT(s.len + 1);
    if (http_unescape(s, &b, plus_is_blank)) {
        buf_done(&b);
        return mem_strndup(s.ptr, s.len);
    }
    return buf_take(&b);
}

/* The path and query of a target; "http://host/path" is a legal target too (RFC 9112, 3.2.2). */
static struct str path_and_query(const char *target)
{
    const char *scheme = target[0] == '/' ? NULL : strstr(target, "://");
    if (!scheme)
        return str_of(target);
    const char *path = strchr(scheme + 3, '/');
    return path ? str_of(path) : STR("/");
}

const char *http_in_path(const struct http_in *in)
{
    struct http_in *own = (struct http_in *)in; /* fills a cache */
    if (own->path)
        return own->path;
    struct str rest = path_and_query(in->target), path = rest;
    str_split(&rest, '?', &path);
    return own->path = decoded(path, false);
}

static void param_add(struct http_in *in, struct str piece)
{
    struct str rest = piece, key = piece;
    str_split(&rest, '=', &key);
    in->params = mem_realloc(in->params, (in->n_params + 1) * sizeof(*in->params));
    in->params[in->n_params++] =
        (struct http_param){decoded(key, true), rest.ptr ? decoded(rest, true) : mem_strdup("")};
}

static const struct http_param *params(const struct http_in *in, size_t *ret_n)
{
    struct http_in *own = (struct http_in *)in; /* fills a cache */
    struct str rest = path_and_query(in->target), path, piece;
    bool query = !in->params_known && str_split(&rest, '?', &path) && rest.ptr;
    while (query && str_split(&rest, '&', &piece))
        if (piece.len)
            param_add(own, piece);
    own->params_known = true;
    *ret_n = in->n_params;
    return in->params;
}

const char *http_in_query(const struct http_in *in, const char *key)
{
    size_t n;
    const struct http_param *p = params(in, &n);
    for (size_t i = 0; i < n; i++)
        if (streq(p[i].key, key))
            return p[i].value;
    return NULL;
}

void http_in_query_each(const struct http_in *in,
                        bool (*fn)(void *arg, const char *key, const char *value), void *arg)
{
    size_t n;
    const struct http_param *p = params(in, &n);
    for (size_t i = 0; i < n; i++)
        if (!fn(arg, p[i].key, p[i].value))
            return;
}

void http_in_forget(struct http_in *in)
{
    for (size_t i = 0; i < in->n_params; i++) {
        mem_free(in->params[i].key);
        mem_free(in->params[i].value);
    }
    mem_free(in->params);
    mem_free(in->target);
    mem_free(in->path);
    buf_done(&in->body);
}

const char *http_in_method(const struct http_in *in)
{
    return in->method;
}

const char *http_in_raw_target(const struct http_in *in)
{
    return in->target;
}

const char *http_in_header(const struct http_in *in, const char *name)
{
    return MHD_lookup_connection_value(in->conn, MHD_HEADER_KIND, name);
}

struct str http_in_body(const struct http_in *in)
{
    return (struct str){buf_str(&in->body), in->body.len};
}

bool http_in_too_large(const struct http_in *in)
{
    return in->too_large;
}

const char *http_in_peer(const struct http_in *in)
{
    return in->peer->address;
}

void *http_in_user(const struct http_in *in)
{
    return in->user;
}

static char *dn_part(gnutls_x509_crt_t crt, const char *oid, unsigned index)
{
    char text[256];
    size_t len = sizeof(text);
    int rc = gnutls_x509_crt_get_dn_by_oid(crt, oid, index, 0, text, &len);
    return rc == GNUTLS_E_SUCCESS ? mem_strndup(text, len) : NULL;
}

static void cert_read(struct http_peer *p, const gnutls_datum_t *der)
{
    gnutls_x509_crt_t crt;
    if (gnutls_x509_crt_init(&crt) < 0)
        return;
    if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
        p->cert_cn = dn_part(crt, GNUTLS_OID_X520_COMMON_NAME, 0);
        p->cert_orgs = mem_calloc(ORGS_MAX + 1, sizeof(char *));
        for (unsigned i = 0; i < ORGS_MAX; i++)
            if (!(p->cert_orgs[i] = dn_part(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, i)))
                break;
    }
    gnutls_x509_crt_deinit(crt);
}

/* The server asks for a certificate and takes any: whether it counts is decided here, once per
 * connection. */
static void cert_look(const struct http_in *in)
{
    struct http_peer *p = in->peer;
    if (p->cert_known)
        return;
    p->cert_known = true;
    const union MHD_ConnectionInfo *info =
        in->server->tls ? MHD_get_connection_info(in->conn, MHD_CONNECTION_INFO_GNUTLS_SESSION)
                        : NULL;
    if (!info || !in->server->opts.client_ca)
        return;
    gnutls_session_t session = info->tls_session;
    gnutls_typed_vdata_st want = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                  .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = 0, n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    if (chain && n && gnutls_certificate_verify_peers(session, &want, 1, &status) == 0 &&
        status == 0)
        cert_read(p, &chain[0]);
}

const char *http_in_cert_cn(const struct http_in *in)
{
    cert_look(in);
    return in->peer->cert_cn;
}

const char *const *http_in_cert_orgs(const struct http_in *in)
{
    static const char *const none[] = {NULL};
    cert_look(in);
    return in->peer->cert_orgs ? (const char *const *)in->peer->cert_orgs : none;
}

void http_peer_forget(struct http_peer *p)
{
    for (char **org = p->cert_orgs; org && *org; org++)
        mem_free(*org);
    mem_free(p->cert_orgs);
    mem_free(p->cert_cn);
    mem_free(p);
}
