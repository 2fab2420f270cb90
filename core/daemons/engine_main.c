/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atoll-engine: the process around one engine plugin. Started by atolld only, with a socket it
 * speaks frames over; see core/engine/helper.c for what it does. `atoll-engine --fd N`
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "engine/engine.h"

int main(int argc, char **argv)
{
    int64_t fd = -1;
    if (argc == 3 && strcmp(argv[1], "--fd") == 0 && str_to_i64(str_of(argv[2]), &fd) == 0 &&
        fd > 2 && fd < 1024)
        return engine_helper_main((int)fd);
    fprintf(stderr, "usage: atoll-engine --fd N\n"
                    "Hosts one engine plugin; started by atolld with N an inherited socket.\n");
    return 1;
}
