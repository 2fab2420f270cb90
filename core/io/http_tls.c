/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of the HTTP client.
 *
 * libcurl's GnuTLS backend reads PEM only from files (its _BLOB options are for other TLS
 * libraries), and a private key must not touch a disk. So each text is a memfd, given to libcurl as
 * /proc/self/fd/N.
 *
 * libcurl reuses a connection when the file names are equal. A descriptor number comes back after a
 * free, with other credentials behind it, so the name also carries a serial number, written in
 * binary with "/." for one and "/" for zero: to the kernel all these names are the same file.
 */
#include "io/http_tls.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/str.h"

#define http_tls_MAGIC 0x71500001

struct secret {
    int fd;
    char *path; /* NULL: absent */
};

struct http_tls {
    uint32_t magic;
    struct secret ca, cert, key;
    bool insecure;
    char *server_name;
};

static atomic_uint next_serial;

static char *unique_path(int fd)
{
    struct buf b = BUF_INIT(256);
    unsigned serial = atomic_fetch_add(&next_serial, 1);
    buf_adds(&b, "/proc/self/fd");
    for (int bit = 31; bit >= 0; bit--)
        buf_adds(&b, serial >> bit & 1 ? "/." : "/");
    buf_addf(&b, "/%d", fd);
    return buf_take(&b);
}

static struct secret secret_of(const char *text)
{
    struct secret s = {-1, NULL};
    if (!text)
        return s;
    s.fd = memfd_create("atoll-tls", MFD_CLOEXEC);
    ATOLL_ASSERT(s.fd >= 0); /* fails only for want of memory or descriptors */
    for (size_t n = strlen(text); n;) {
        ssize_t done = write(s.fd, text, n);
        ATOLL_ASSERT(done > 0);
        text += done;
        n -= (size_t)done;
    }
    s.path = unique_path(s.fd);
    return s;
}

static void secret_done(struct secret *s)
{
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s->path);
}

struct http_tls *http_tls_new(const char *ca, const char *cert, const char *key, bool insecure,
                              const char *server_name)
{
    struct http_tls *t = mem_new(struct http_tls);
    t->magic = http_tls_MAGIC;
    t->ca = secret_of(ca);
    t->cert = secret_of(cert);
    t->key = secret_of(key);
    t->insecure = insecure;
    t->server_name = mem_strdup(server_name);
    return t;
}

void http_tls_free(struct http_tls *t)
{
    if (!t)
        return;
    t = CAST(http_tls, t);
    secret_done(&t->ca);
    secret_done(&t->cert);
    secret_done(&t->key);
    mem_free(t->server_name);
    t->magic = 0;
    mem_free(t);
}

void http_tls_apply(const struct http_tls *t, CURL *easy)
{
    if (t->ca.path) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca.path);
        curl_easy_setopt(easy, CURLOPT_CAPATH,
                         NULL); /* this authority alone, not also the system's */
    }
    if (t->cert.path)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, t->cert.path);
    if (t->key.path)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, t->key.path);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
}

const char *http_tls_server_name(const struct http_tls *t)
{
    return t->server_name;
}
