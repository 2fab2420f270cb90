/* SPDX-License-Identifier: Apache-2.0 */
/* The door of cli: everything behind the program `atoll`. One table of commands; see command.c. */
#ifndef ATOLL_CLI_CLI_H
#define ATOLL_CLI_CLI_H

/* Runs one command line. Returns the exit code: 0, 1 failed (the reason is on stderr), 2 wrong
 * usage. */
int cli_run(int argc, char **argv);

#endif
