/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of Pods: which one a Pod gets, and how long a free one rests before another Pod may
 * have it.
 *
 * Clients of a database keep addresses for a while after a Pod is gone. So a free address rests as
 * long as the range allows (never used before least recently used), and the next Pod of the same
 * name gets its old one back when it can. Addresses are numbers here, in host byte order; no I/O,
 * no clock: who keeps the memory on disk is node.c.
 */
#ifndef ATOLL_NODE_ADDRESS_H
#define ATOLL_NODE_ADDRESS_H

#include "base/err.h"
#include "base/str.h"

#define ADDRESS_TEXT_MAX 16

struct addresses;
/* `cidr` is an IPv4 range with a prefix of 8 to 29; `own` (the node's own address, may lie outside)
 * is never given away, nor is the first /24 of a range that has more than one: it is the node's for
 * its own use. */
int addresses_new(const char *cidr, const char *own, struct addresses **ret, struct err **err);
void addresses_free(struct addresses *a);

/* An address for `key` ("ns/name"); 0 when every one is in use. */
uint32_t addresses_take(struct addresses *a, const char *key);
/* The address is known to be in use by `key` (a Pod found on disk or in the API): -EADDRINUSE when
 * another key has it, -ERANGE outside the range. */
int addresses_claim(struct addresses *a, uint32_t address, const char *key);
void addresses_release(struct addresses *a, uint32_t address);
size_t addresses_used(const struct addresses *a);

/* What to remember over a restart: one line "address key" per resting address, oldest first. */
void addresses_print(const struct addresses *a, struct buf *out);
void addresses_load(struct addresses *a,
                    struct str text); /* lines that make no sense are skipped */

int address_parse(const char *text, uint32_t *ret); /* "127.1.2.3"; -EINVAL */
const char *address_text(uint32_t address, char out[ADDRESS_TEXT_MAX]);

#endif
