/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event on stderr, "2026-11-22T07:33:21.123Z INFO room: text key=value".
 * Rooms base, api and plan never call it. A secret never reaches it.
 */
#ifndef ATOLL_BASE_LOG_H
#define ATOLL_BASE_LOG_H

#include "base/mem.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
void log_level_set(enum log_level level);                   /* default LOG_INFO */
int log_level_parse(const char *name, enum log_level *ret); /* debug info warn error */
void log_name_set(const char *name); /* program or member, shown in each line */
void log_write(enum log_level level, const char *room, const char *fmt, ...) ATOLL_PRINTF(3, 4);
#define log_debug(...) log_write(LOG_DEBUG, LOG_ROOM, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, LOG_ROOM, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, LOG_ROOM, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, LOG_ROOM, __VA_ARGS__)
/* Each .c file that logs says first: #define LOG_ROOM "io" */

#endif
