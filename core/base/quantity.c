/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes quantities, after resource.Quantity of k8s.io/apimachinery: three families of suffixes
 * (binary, decimal, exponent), nothing below a billionth, nothing above 2^63-1 whole units.
 * Inside this file a value is a count of billionths in 128 bits, so no step rounds but the last.
 */
#include "base/quantity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

typedef __int128 nano_t; /* a width, not a struct: the language has no short name for it */

#define NANO ((nano_t)1000000000)

enum family { BINARY, DECIMAL, EXPONENT };

struct quantity {
    nano_t nano;
    enum family family;
};

static const struct {
    const char *text;
    enum family family;
    int power; /* of 1024 or of ten */
} suffixes[] = {
    {"Ki", BINARY, 1},  {"Mi", BINARY, 2},  {"Gi", BINARY, 3},  {"Ti", BINARY, 4},
    {"Pi", BINARY, 5},  {"Ei", BINARY, 6},  {"n", DECIMAL, -9}, {"u", DECIMAL, -6},
    {"m", DECIMAL, -3}, {"", DECIMAL, 0},   {"k", DECIMAL, 3},  {"M", DECIMAL, 6},
    {"G", DECIMAL, 9},  {"T", DECIMAL, 12}, {"P", DECIMAL, 15}, {"E", DECIMAL, 18},
};

static const nano_t nano_max = (nano_t)INT64_MAX * NANO;

/* v * 10^power, away from zero when digits get lost. Saturates above nano_max. */
static nano_t scale10(nano_t v, int power)
{
    bool lost = false;
    for (; power > 0 && v <= nano_max; power--)
        v *= 10;
    for (; power < 0 && v; power++) {
        lost |= v % 10 != 0;
        v /= 10;
    }
    return v + lost;
}

/* Digits with at most one point; *ret_places counts those behind it. */
static int parse_digits(struct str *s, nano_t *ret, int *ret_places)
{
    nano_t v = 0;
    int places = 0;
    bool point = false, any = false;
    for (; s->len; s->ptr++, s->len--) {
        char c = s->ptr[0];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        any = true;
        if (v > nano_max) /* more digits than can matter; before the point they are an overflow */
            return point ? -EINVAL : -ERANGE;
        v = v * 10 + (c - '0');
        places += point;
    }
    *ret = v;
    *ret_places = places;
    return any ? 0 : -EINVAL;
}

static int parse_suffix(struct str s, enum family *family, int *power)
{
    if (s.len > 1 && (s.ptr[0] == 'e' || s.ptr[0] == 'E')) {
        int64_t e;
        *family = EXPONENT;
        if (str_to_i64((struct str){s.ptr + 1, s.len - 1}, &e) || e < -1000 || e > 1000)
            return -EINVAL;
        *power = (int)e;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (str_eq(s, str_of(suffixes[i].text))) {
            *family = suffixes[i].family;
            *power = suffixes[i].power;
            return 0;
        }
    }
    return -EINVAL;
}

static int parse(const char *text, struct quantity *ret)
{
    struct str s = str_of(text);
    bool negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        s.ptr++;
        s.len--;
    }
    nano_t v;
    int places, power;
    int rc = parse_digits(&s, &v, &places);
    if (!rc)
        rc = parse_suffix(s, &ret->family, &power);
    if (rc)
        return rc;
    for (int i = 0; ret->family == BINARY && i < power && v <= nano_max; i++)
        v *= 1024;
    v = scale10(v, 9 - places + (ret->family == BINARY ? 0 : power));
    if (v > nano_max)
        return -ERANGE;
    ret->nano = negative ? -v : v;
    return 0;
}

static int parse_told(const char *text, struct quantity *ret, struct err **err)
{
    int rc = parse(text, ret);
    if (rc == -ERANGE)
        return err_set(err, rc, "quantity '%s': out of range", text);
    if (rc)
        return err_set(err, rc, "quantity '%s': want a number like 100m, 1.5 or 512Mi",
                       text ? text : "");
    return 0;
}

int quantity_parse(const char *text, int64_t *ret_milli, struct err **err)
{
    struct quantity q;
    int rc = parse_told(text, &q, err);
    if (rc)
        return rc;
    nano_t v = q.nano < 0 ? -q.nano : q.nano;
    nano_t milli = v / 1000000 + (v % 1000000 != 0);
    if (milli > INT64_MAX)
        return err_set(err, -ERANGE, "quantity '%s': out of range", text);
    *ret_milli = (int64_t)(q.nano < 0 ? -milli : milli);
    return 0;
}

static void print(nano_t v, bool negative, const char *suffix, char out[48])
{
    char digits[40];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v);
    snprintf(out, 48, "%s%.*s%s", negative ? "-" : "", (int)(sizeof(digits) - at), digits + at,
             suffix);
}

static const char *suffix_of(enum family family, int power)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (suffixes[i].family == family && suffixes[i].power == power)
            return suffixes[i].text;
    return NULL;
}

static void print_binary(nano_t units, bool negative, char out[48])
{
    int power = 0;
    for (; units % 1024 == 0 && power < 6; power++)
        units /= 1024;
    print(units, negative, power ? suffix_of(BINARY, power) : "", out);
}

/* Without fraction, with the largest exponent that is a multiple of three. */
static void print_decimal(nano_t nano, bool negative, enum family family, char out[48])
{
    char exponent[16];
    int power = -9;
    for (; nano % 1000 == 0 && power < 18; power += 3)
        nano /= 1000;
    snprintf(exponent, sizeof(exponent), "e%d", power);
    print(nano, negative, family == DECIMAL || power == 0 ? suffix_of(DECIMAL, power) : exponent,
          out);
}

int quantity_canonical(const char *text, char out[48], struct err **err)
{
    struct quantity q;
    int rc = parse_told(text, &q, err);
    if (rc)
        return rc;
    bool negative = q.nano < 0;
    nano_t v = negative ? -q.nano : q.nano;
    if (v == 0)
        print(0, false, "", out);
    else if (q.family == BINARY && v >= 1024 * NANO && v % NANO == 0)
        print_binary(v / NANO, negative, out);
    else /* binary with a fraction, or small: decimal loses nothing */
        print_decimal(v, negative, q.family == BINARY ? DECIMAL : q.family, out);
    return 0;
}
