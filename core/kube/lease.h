/* SPDX-License-Identifier: Apache-2.0 */
/* The decision of a leader election's round: pure, so that its table can be tested row by row. */
#ifndef ATOLL_KUBE_LEASE_H
#define ATOLL_KUBE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum lease_step {
    LEASE_READ,   /* GET: we do not know the record of this moment */
    LEASE_CREATE, /* POST */
    LEASE_WAIT,   /* somebody else holds it */
    LEASE_TAKE,   /* PUT with us as holder; a renewal when we are it already */
};

struct lease_facts {
    bool leading;         /* we hold it, and our own clock says it is still good */
    bool known;           /* a record with a version we may PUT on is at hand */
    bool read_now;        /* it was read in this round */
    bool absent;          /* read in this round: there is none */
    bool ours, free;      /* its holder is us; is "" */
    uint64_t changed_ms;  /* our clock when the record was first seen as it is */
    uint64_t duration_ms; /* what its holder promised */
    uint64_t now_ms;
};
enum lease_step kube_lease_next(const struct lease_facts *f);

#endif
