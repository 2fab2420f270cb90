/* SPDX-License-Identifier: Apache-2.0 */
/* atoll, the command line. Everything is in cli/; see cli/command.c for the table of commands. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_run(argc, argv);
}
