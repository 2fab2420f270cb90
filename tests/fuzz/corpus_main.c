/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every file of the given directories through a fuzz target, once: the regression in every
 * build. */
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "fuzz/fuzz.h"

#define INPUT_MAX (1 << 20)

static int run_file(const char *dir, const char *name)
{
    char *path AUTO(mem_freep) = file_path(dir, name), *text AUTO(mem_freep) = NULL;
    struct err *err AUTO(err_freep) = NULL;
    size_t n = 0;
    if (file_read(path, INPUT_MAX, &text, &n, &err)) {
        fprintf(stderr, "%s\n", err_text(err));
        return 1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)text, n);
    return 0;
}

static int run_dir(const char *dir, int *count)
{
    DIR *d = opendir(dir);
    int failed = 0;
    if (!d) {
        fprintf(stderr, "%s: cannot be opened\n", dir);
        return 1;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        failed |= run_file(dir, e->d_name);
        ++*count;
    }
    closedir(d);
    return failed;
}

int main(int argc, char **argv)
{
    int count = 0, failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_dir(argv[i], &count);
    printf("%d inputs\n", count);
    /* An empty corpus tests nothing. */
    return failed || count == 0;
}
