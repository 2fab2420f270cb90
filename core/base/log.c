/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event, one line, one write: lines of several threads or processes on one stderr do not mix.
 * Control characters are shown as '?', so text from a network cannot forge a second line.
 */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define LOG_LINE_MAX 4096

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
static const char *const level_words[] = {"debug", "info", "warn", "error"};

static _Atomic int log_level_now = LOG_INFO;
static char log_name[64];

void log_level_set(enum log_level level)
{
    atomic_store(&log_level_now, (int)level);
}

int log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_words); i++) {
        if (streq(name, level_words[i])) {
            *ret = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void log_name_set(const char *name)
{
    snprintf(log_name, sizeof(log_name), "%s", name ? name : "");
}

/* "2026-11-22T07:33:21.123Z INFO member-1 room: " */
static size_t log_head(char line[LOG_LINE_MAX], enum log_level level, const char *room)
{
    char when[CLOCK_TEXT_MAX];
    clock_micro_text(clock_wall_us(), when);
    int n = snprintf(line, LOG_LINE_MAX, "%.23sZ %s %s%s%s: ", when, level_names[level], log_name,
                     log_name[0] ? " " : "", room);
    return n < 0 ? 0 : (size_t)n < LOG_LINE_MAX / 2 ? (size_t)n : LOG_LINE_MAX / 2;
}

void log_write(enum log_level level, const char *room, const char *fmt, ...)
{
    if ((int)level < atomic_load(&log_level_now))
        return;
    int saved = errno;
    char line[LOG_LINE_MAX];
    size_t head = log_head(line, level, room);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line + head, sizeof(line) - head - 1, fmt, ap);
    va_end(ap);
    size_t len = head + (n < 0 ? 0 : (size_t)n);
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2; /* a longer text is cut */
    for (size_t i = head; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    ssize_t done = write(STDERR_FILENO, line, len);
    (void)done; /* nobody is left to tell */
    errno = saved;
}
