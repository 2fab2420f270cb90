/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka wants these headers, in this order, before its own. */
#ifndef ATOLL_TESTS_UNIT_CM_H
#define ATOLL_TESTS_UNIT_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
