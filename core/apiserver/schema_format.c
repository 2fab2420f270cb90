/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of strings that CRDs may name. A format we do not know is not checked, as in
 * Kubernetes. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/names.h"
#include "apiserver/schema_node.h"
#include "base/clock.h"

static bool is_date_time(const char *s)
{
    int64_t us;
    return clock_parse(s, &us) == 0;
}

static bool is_date(const char *s)
{
    char text[32];
    int64_t us;
    if (strlen(s) != 10)
        return false;
    snprintf(text, sizeof(text), "%sT00:00:00Z", s);
    return clock_parse(text, &us) == 0;
}

/* Go's form: [-+]( number unit )+, or 0; and the ISO form is not accepted. */
static bool is_duration(const char *s)
{
    static const char *const units[] = {"ns", "us", "\xc2\xb5s", "ms", "s", "m", "h"};
    s += *s == '-' || *s == '+';
    if (streq(s, "0"))
        return true;
    if (!*s)
        return false;
    while (*s) {
        size_t digits = strspn(s, "0123456789"), fraction = 0;
        s += digits;
        if (*s == '.') {
            fraction = strspn(s + 1, "0123456789");
            s += 1 + fraction;
        }
        if (digits + fraction == 0)
            return false;
        size_t best = 0;
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
            if (str_starts(s, units[i]) && strlen(units[i]) > best)
                best = strlen(units[i]);
        if (best == 0)
            return false;
        s += best;
    }
    return true;
}

static bool is_ipv4(const char *s)
{
    unsigned char raw[4];
    return inet_pton(AF_INET, s, raw) == 1;
}

static bool is_ipv6(const char *s)
{
    unsigned char raw[16];
    return inet_pton(AF_INET6, s, raw) == 1;
}

static bool is_cidr(const char *s)
{
    const char *slash = strchr(s, '/');
    int64_t bits = -1;
    if (!slash || slash - s >= INET6_ADDRSTRLEN || !isdigit((unsigned char)slash[1]) ||
        str_to_i64(str_of(slash + 1), &bits))
        return false;
    char address[INET6_ADDRSTRLEN];
    memcpy(address, s, (size_t)(slash - s));
    address[slash - s] = '\0';
    return is_ipv4(address) ? bits <= 32 : is_ipv6(address) && bits <= 128;
}

static bool hex_groups(const char *s, const size_t *groups, size_t n, char separator)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < groups[i]; k++)
            if (!isxdigit((unsigned char)*s++))
                return false;
        if (i + 1 < n && *s++ != separator)
            return false;
    }
    return *s == '\0';
}

static bool is_uuid(const char *s)
{
    static const size_t groups[] = {8, 4, 4, 4, 12}, plain[] = {32};
    return hex_groups(s, groups, 5, '-') || hex_groups(s, plain, 1, '-');
}

static bool is_mac(const char *s)
{
    static const size_t six[] = {2, 2, 2, 2, 2, 2}, three[] = {4, 4, 4};
    return hex_groups(s, six, 6, ':') || hex_groups(s, six, 6, '-') || hex_groups(s, three, 3, '.');
}

static bool is_byte(const char *s)
{
    struct buf out AUTO(buf_done) = BUF_INIT(strlen(s) + 4);
    return base64_decode(str_of(s), &out) == 0;
}

static bool is_hostname(const char *s)
{
    struct str left = str_of(s), part;
    size_t n = strlen(s);
    if (n == 0 || n > 255)
        return false;
    left.len -= s[n - 1] == '.' ? 1 : 0;
    while (str_split(&left, '.', &part)) {
        if (part.len == 0 || part.len > 63 || part.ptr[0] == '-' || part.ptr[part.len - 1] == '-')
            return false;
        for (size_t i = 0; i < part.len; i++)
            if (!isalnum((unsigned char)part.ptr[i]) && part.ptr[i] != '-')
                return false;
    }
    return true;
}

static bool is_email(const char *s)
{
    const char *at = strrchr(s, '@');
    if (!at || at == s || at - s > 64 || strpbrk(s, " \t\r\n<>"))
        return false;
    return is_hostname(at + 1);
}

/* A scheme and something behind it, without blanks. */
static bool is_uri(const char *s)
{
    const char *colon = strchr(s, ':');
    if (!colon || colon == s || !colon[1] || !isalpha((unsigned char)*s))
        return false;
    for (const char *p = s; p < colon; p++)
        if (!isalnum((unsigned char)*p) && !strchr("+-.", *p))
            return false;
    for (const char *p = colon; *p; p++)
        if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return false;
    return true;
}

static const struct schema_format formats[] = {
    {"date-time", is_date_time}, {"datetime", is_date_time},
    {"date", is_date},           {"duration", is_duration},
    {"ipv4", is_ipv4},           {"ipv6", is_ipv6},
    {"cidr", is_cidr},           {"uuid", is_uuid},
    {"uuid3", is_uuid},          {"uuid4", is_uuid},
    {"uuid5", is_uuid},          {"mac", is_mac},
    {"byte", is_byte},           {"hostname", is_hostname},
    {"email", is_email},         {"uri", is_uri},
};

const struct schema_format *schema_format_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (streq(formats[i].name, name))
            return &formats[i];
    return NULL;
}
