/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/compatibility.md is printed from the field tables; this keeps it so. UPDATE=1 rewrites it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/kinds.h"
#include "base/file.h"

#define FILE_MAX (4u << 20)

static const char HEAD[] = "# What of the API is served\n"
                           "\n"
                           "Printed from the field tables in `core/api/` by the test `golden_docs` "
                           "(`UPDATE=1` rewrites it); do not edit.\n"
                           "Groups, kinds and field names are those of KubeBlocks. Every field "
                           "works, or is accepted without effect (the\n"
                           "Cluster gets a warning Event that says so), or is rejected with the "
                           "alternative. A field in a list is shown as\n"
                           "`list[].field`, a value in a map as `map.*`.\n"
                           "\n";

int main(void)
{
    AUTO(err_freep) struct err *err = NULL;
    const char *source = getenv("ATOLL_SOURCE_DIR"), *update = getenv("UPDATE");
    AUTO(mem_freep) char *path = mem_printf("%s/docs/compatibility.md", source ? source : ".");
    AUTO(mem_freep) char *have = NULL;
    AUTO(buf_done) struct buf want = BUF_INIT(FILE_MAX);
    size_t len;
    buf_adds(&want, HEAD);
    api_docs(&want);
    if (update && streq(update, "1"))
        return file_replace(path, buf_str(&want), want.len, 0644, &err) < 0;
    if (file_read(path, FILE_MAX, &have, &len, &err) < 0) {
        fprintf(stderr, "%s\n", err_text(err));
        return 2;
    }
    if (streq(have, buf_str(&want)))
        return 0;
    fprintf(stderr, "%s is not what the field tables say; UPDATE=1 rewrites it\n", path);
    return 1;
}
