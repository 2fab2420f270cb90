/* SPDX-License-Identifier: Apache-2.0 */
/* The room without its port. */
#ifndef ATOLL_APISERVER_SERVER_H
#define ATOLL_APISERVER_SERVER_H

#include "apiserver/apiserver.h"
#include "apiserver/rest.h"

/* `api` is zeroed. On failure api_quiesce and api_stop clean up what was made. Texts of `o` must
 * outlive it. */
int api_start(struct api *api, struct loop *l, struct http_client *http,
              const struct apiserver_opts *o, struct err **err);
/* Commits what is queued, answers those who waited for it, ends watches. No request may come
 * afterwards. */
void api_quiesce(struct api *api);
void api_stop(struct api *api); /* after every call has been freed */

#endif
