/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands by table: flags are parsed, documented and completed from the same rows.
 */
#ifndef ATOLL_CLI_COMMAND_H
#define ATOLL_CLI_COMMAND_H

#include "base/err.h"
#include "base/str.h"

struct flag {
    const char *name;  /* "members" */
    char letter;       /* 0 = none */
    const char *value; /* placeholder "N"; NULL = a switch */
    const char *help;
};

#define ARGS_FLAGS_MAX 16
struct args { /* parsed: values stand in the order of the command's flags; NULL = not given, "" = a
                 switch */
    const struct command *command;
    const char *values[ARGS_FLAGS_MAX];
    const char *positional[4];
    size_t n_positional;
};

struct command {
    const char *name;
    const char *operands;                               /* "bash|zsh", NULL = takes none */
    const char *summary;                                /* one line */
    const struct flag *flags;                           /* ended by name NULL */
    int (*run)(const struct args *a, struct err **err); /* 0, or negative with *err set */
};

const struct command *commands_all(size_t *ret_n);
/* Value of a flag of this command; NULL when not given. Asserts that the flag exists. */
const char *args_value(const struct args *a, const char *flag);
/* -EINVAL with a sentence that names the word, what was wanted and what exists. Words are borrowed.
 */
int args_parse(const struct command *c, int argc, const char *const *argv, struct args *ret,
               struct err **err);
void command_usage(const struct command *c, struct buf *out);
void commands_usage(struct buf *out);
/* A completion script for "bash" or "zsh", printed from the table. -EINVAL for another shell. */
int completion_print(const char *shell, struct buf *out, struct err **err);

int up_run(const struct args *a, struct err **err);
int down_run(const struct args *a, struct err **err);
int kubeconfig_run(const struct args *a, struct err **err);
int status_run(const struct args *a, struct err **err);
int completion_run(const struct args *a, struct err **err);

#endif
