/* SPDX-License-Identifier: Apache-2.0 */
/* Inside io only: what the HTTP client needs of a struct http_tls. */
#ifndef ATOLL_IO_HTTP_TLS_H
#define ATOLL_IO_HTTP_TLS_H

#include <curl/curl.h>

#include "io/http_client.h"

void http_tls_apply(const struct http_tls *t, CURL *easy);
const char *http_tls_server_name(const struct http_tls *t); /* NULL: that of the URL */

#endif
