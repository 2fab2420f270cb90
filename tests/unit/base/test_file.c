/* SPDX-License-Identifier: Apache-2.0 */
/* Files in a directory of our own below /tmp. */
#include "unit/cm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    memcpy(dir, "/tmp/atoll-test-file-XXXXXX", sizeof("/tmp/atoll-test-file-XXXXXX"));
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    return file_tree_remove(dir, NULL);
}

static void replace_and_read(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    AUTO(mem_freep) char *path = file_path(dir, "a.txt");
    AUTO(mem_freep) char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_replace(path, "one", 3, 0600, &err), 0);
    assert_int_equal(file_replace(path, "tw\0o", 4, 0640, &err), 0);
    assert_int_equal(file_read(path, 4, &text, &len, &err), 0);
    assert_int_equal(len, 4);
    assert_memory_equal(text, "tw\0o", 5);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    char *other = NULL;
    assert_int_equal(file_read(path, 3, &other, NULL, &err), -EFBIG);
    assert_non_null(strstr(err_text(err), "a.txt"));
    assert_null(other);
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    AUTO(mem_freep) char *sub = file_path(dir, "target");
    AUTO(mem_freep) char *in = file_path(sub, "x");
    assert_int_equal(file_dir_make(in, 0700, &err), 0);
    assert_int_equal(file_replace(sub, "x", 1, 0600, &err), -EISDIR); /* rename over a directory */
    assert_int_equal(file_replace("/tmp/atoll-no-such-dir/x", "x", 1, 0600, &err), -ENOENT);
    AUTO(mem_freep) char *text = NULL;
    assert_int_equal(file_read("/tmp/atoll-no-such-file", 10, &text, NULL, &err), -ENOENT);
    assert_string_equal(err_text(err),
                        "opening /tmp/atoll-no-such-file: No such file or directory");
    assert_int_equal(rmdir(in), 0);
    assert_int_equal(rmdir(sub), 0);
    assert_int_equal(rmdir(dir), 0); /* empty: the temporary file is gone */
    assert_int_equal(mkdir(dir, 0700), 0);
}

static void directories(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    AUTO(mem_freep) char *deep = file_path(dir, "a//b/c");
    AUTO(mem_freep) char *file = file_path(deep, "f");
    AUTO(mem_freep) char *below = file_path(file, "x");
    assert_int_equal(file_dir_make(deep, 0700, &err), 0);
    assert_int_equal(file_dir_make(deep, 0700, &err), 0);
    assert_int_equal(file_replace(file, "", 0, 0600, &err), 0);
    assert_true(file_exists(file));
    assert_int_equal(file_dir_make(file, 0700, &err), -ENOTDIR);
    assert_int_equal(file_dir_make(below, 0700, &err), -ENOTDIR);
    assert_int_equal(file_dir_make("", 0700, &err), -EINVAL);
}

static void remove_does_not_follow(void **state)
{
    (void)state;
    AUTO(err_freep) struct err *err = NULL;
    AUTO(mem_freep) char *keep = file_path(dir, "keep");
    AUTO(mem_freep) char *kept = file_path(keep, "f");
    AUTO(mem_freep) char *gone = file_path(dir, "gone/x/y");
    AUTO(mem_freep) char *top = file_path(dir, "gone");
    AUTO(mem_freep) char *link = file_path(gone, "link");
    assert_int_equal(file_dir_make(keep, 0700, &err), 0);
    assert_int_equal(file_replace(kept, "x", 1, 0600, &err), 0);
    assert_int_equal(file_dir_make(gone, 0700, &err), 0);
    assert_int_equal(symlink(keep, link), 0);
    assert_int_equal(file_tree_remove(top, &err), 0);
    assert_false(file_exists(top));
    assert_true(file_exists(kept));
    assert_int_equal(file_tree_remove(top, &err), 0); /* absent is fine */
}

static void programs(void **state)
{
    (void)state;
    AUTO(mem_freep) char *sh = file_program("sh");
    AUTO(mem_freep) char *same = file_program(sh);
    assert_non_null(sh);
    assert_int_equal(sh[0], '/');
    assert_string_equal(sh, same);
    assert_null(file_program("atoll-no-such-program"));
    assert_null(file_program(""));
    assert_null(file_program("./sh"));
    assert_null(file_program("/tmp")); /* a directory is not a program */
    AUTO(mem_freep) char *joined = file_path("/a/", "b");
    assert_string_equal(joined, "/a/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replace_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(directories, setup, teardown),
        cmocka_unit_test_setup_teardown(remove_does_not_follow, setup, teardown),
        cmocka_unit_test(programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
