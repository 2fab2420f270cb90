/* SPDX-License-Identifier: Apache-2.0 */
/* Random identifiers. Every byte comes from getrandom(2), so none of them can be guessed from
 * another. */
#include "base/ids.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void ids_random(void *p, size_t n)
{
    unsigned char *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        ATOLL_ASSERT(got > 0); /* the kernel cannot fail here once the machine has booted */
        at += got;
        n -= (size_t)got;
    }
}

const char *ids_uuid(char out[IDS_UUID_MAX])
{
    unsigned char b[16];
    ids_random(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, IDS_UUID_MAX,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return out;
}

/* n characters of the alphabet, each as likely as the other: bytes of the uneven rest are thrown
 * away. */
static const char *ids_pick(char *out, size_t n, const char *alphabet)
{
    size_t base = strlen(alphabet);
    unsigned limit = (unsigned)(256 / base * base);
    for (size_t i = 0; i < n;) {
        unsigned char raw[32];
        ids_random(raw, sizeof(raw));
        for (size_t k = 0; k < sizeof(raw) && i < n; k++)
            if (raw[k] < limit)
                out[i++] = alphabet[raw[k] % base];
        mem_wipe(raw, sizeof(raw));
    }
    out[n] = '\0';
    return out;
}

const char *ids_suffix(char *out, size_t n)
{
    return ids_pick(out, n, "bcdfghjklmnpqrstvwxz2456789");
}

const char *ids_token(char *out, size_t n)
{
    return ids_pick(out, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
}
