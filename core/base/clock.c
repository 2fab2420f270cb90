/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and their texts. Only the three functions at the top look at a clock; the rest are pure.
 */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

uint64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar, and back (H. Hinnant's algorithms). */
static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *y, int *m, int *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

/* "2026-11-22T07:33:21" and the microseconds that are left. */
static int time_text(int64_t wall_us, char out[CLOCK_TEXT_MAX])
{
    int64_t second = wall_us / 1000000 - (wall_us % 1000000 < 0);
    int micro = (int)(wall_us - second * 1000000);
    int64_t day = second / 86400 - (second % 86400 < 0);
    unsigned rest = (unsigned)(second - day * 86400);
    int64_t y;
    int m, d;
    date_of(day, &y, &m, &d);
    ATOLL_ASSERT(y >= 0 && y <= 9999);
    snprintf(out, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)y % 10000,
             (unsigned)m % 100, (unsigned)d % 100, rest / 3600 % 24, rest / 60 % 60, rest % 60);
    return micro;
}

const char *clock_time_text(int64_t wall_us, char out[CLOCK_TEXT_MAX])
{
    time_text(wall_us, out);
    size_t n = strlen(out);
    snprintf(out + n, CLOCK_TEXT_MAX - n, "Z");
    return out;
}

const char *clock_micro_text(int64_t wall_us, char out[CLOCK_TEXT_MAX])
{
    int micro = time_text(wall_us, out);
    size_t n = strlen(out);
    snprintf(out + n, CLOCK_TEXT_MAX - n, ".%06dZ", micro);
    return out;
}

/* Exactly n digits, then *s stands behind them. -1 when they are not there. */
static int digits(const char **s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9')
            return -1;
        v = v * 10 + (**s - '0');
    }
    return v;
}

static bool accept(const char **s, const char *any)
{
    if (!**s || !strchr(any, **s))
        return false;
    (*s)++;
    return true;
}

static int month_days(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return days[m - 1] + (m == 2 && leap);
}

/* ".123456789" to microseconds; the rest of the digits is dropped. */
static int fraction(const char **s, int *ret_micro)
{
    int micro = 0, n = 0;
    if (!accept(s, "."))
        return 0;
    for (; **s >= '0' && **s <= '9'; (*s)++, n++)
        if (n < 6)
            micro = micro * 10 + (**s - '0');
    for (int i = n; i < 6; i++)
        micro *= 10;
    *ret_micro = micro;
    return n ? 0 : -EINVAL;
}

/* "Z" or "+02:00", as seconds east of UTC. */
static int offset(const char **s, int *ret_seconds)
{
    if (accept(s, "Zz"))
        return 0;
    int sign = **s == '-' ? -1 : 1;
    if (!accept(s, "+-"))
        return -EINVAL;
    int h = digits(s, 2);
    if (h < 0 || h > 23 || !accept(s, ":"))
        return -EINVAL;
    int m = digits(s, 2);
    if (m < 0 || m > 59)
        return -EINVAL;
    *ret_seconds = sign * (h * 3600 + m * 60);
    return 0;
}

static int date(const char **s, int64_t *ret_days)
{
    int y = digits(s, 4);
    if (y < 0 || !accept(s, "-"))
        return -EINVAL;
    int m = digits(s, 2);
    if (m < 1 || m > 12 || !accept(s, "-"))
        return -EINVAL;
    int d = digits(s, 2);
    if (d < 1 || d > month_days(y, m))
        return -EINVAL;
    *ret_days = days_of(y, m, d);
    return 0;
}

static int time_of_day(const char **s, int *ret_seconds)
{
    int h = digits(s, 2);
    if (h < 0 || h > 23 || !accept(s, ":"))
        return -EINVAL;
    int m = digits(s, 2);
    if (m < 0 || m > 59 || !accept(s, ":"))
        return -EINVAL;
    int sec = digits(s, 2);
    if (sec < 0 || sec > 59)
        return -EINVAL;
    *ret_seconds = h * 3600 + m * 60 + sec;
    return 0;
}

int clock_parse(const char *text, int64_t *ret_wall_us)
{
    const char *s = text ? text : "";
    int64_t days;
    int second, micro = 0, east = 0;
    if (date(&s, &days) || !accept(&s, "Tt") || time_of_day(&s, &second) || fraction(&s, &micro) ||
        offset(&s, &east) || *s)
        return -EINVAL;
    *ret_wall_us = (days * 86400 + second - east) * 1000000 + micro;
    return 0;
}

/* Same steps as duration.HumanDuration of k8s.io/apimachinery, which kubectl prints in its AGE
 * column. */
const char *clock_age_text(int64_t s, char out[CLOCK_TEXT_MAX])
{
    long long sec = s < 0 ? 0 : s;
    long long m = sec / 60, h = sec / 3600, d = h / 24, y = d / 365;
    if (s < -1)
        snprintf(out, CLOCK_TEXT_MAX, "<invalid>");
    else if (sec < 120)
        snprintf(out, CLOCK_TEXT_MAX, "%llds", sec);
    else if (m < 10 && sec % 60)
        snprintf(out, CLOCK_TEXT_MAX, "%lldm%llds", m, sec % 60);
    else if (m < 180)
        snprintf(out, CLOCK_TEXT_MAX, "%lldm", m);
    else if (h < 8 && m % 60)
        snprintf(out, CLOCK_TEXT_MAX, "%lldh%lldm", h, m % 60);
    else if (h < 48)
        snprintf(out, CLOCK_TEXT_MAX, "%lldh", h);
    else if (h < 24 * 8 && h % 24)
        snprintf(out, CLOCK_TEXT_MAX, "%lldd%lldh", d, h % 24);
    else if (d < 365 * 2)
        snprintf(out, CLOCK_TEXT_MAX, "%lldd", d);
    else if (d < 365 * 8 && d % 365)
        snprintf(out, CLOCK_TEXT_MAX, "%lldy%lldd", y, d % 365);
    else
        snprintf(out, CLOCK_TEXT_MAX, "%lldy", y);
    return out;
}

/* One unit or none; "1h30m" is deliberately not understood: one number, one unit, nothing to
 * misread. */
int clock_duration_parse(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    struct str s = str_of(text);
    int64_t unit = 1000, n, ms;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_ends(text, units[i].suffix)) {
            unit = units[i].ms;
            s.len -= strlen(units[i].suffix);
            break;
        }
    }
    if (s.len == 0 || s.ptr[0] == '-' || s.ptr[0] == '+')
        return -EINVAL;
    int rc = str_to_i64(s, &n);
    if (rc)
        return rc;
    if (__builtin_mul_overflow(n, unit, &ms))
        return -ERANGE;
    *ret_ms = ms;
    return 0;
}
