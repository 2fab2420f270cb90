/* SPDX-License-Identifier: Apache-2.0 */
/* Health, version and metrics. */
#ifndef ATOLL_APISERVER_HEALTH_H
#define ATOLL_APISERVER_HEALTH_H

#include "apiserver/rest.h"

bool health_answer(struct call *c); /* false: the path is none of ours, nothing was answered */

#endif
