/* SPDX-License-Identifier: Apache-2.0 */
/* Heap wrappers, arenas, and the two ways a programming error ends the program. */
#include "unit/cm.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

struct foo {
    uint32_t magic;
    int x;
};
#define foo_MAGIC 0x600dcafe

/* Run fn in a child; true when it ended by SIGABRT. */
static bool aborts(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        fn();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void strings(void **state)
{
    (void)state;
    AUTO(mem_freep) char *a = mem_strdup("hello");
    AUTO(mem_freep) char *b = mem_strndup("hello", 3);
    AUTO(mem_freep) char *c = mem_strndup("hi", 10);
    AUTO(mem_freep) char *d = mem_printf("%s-%d", "x", 7);
    assert_string_equal(a, "hello");
    assert_string_equal(b, "hel");
    assert_string_equal(c, "hi");
    assert_string_equal(d, "x-7");
    assert_null(mem_strdup(NULL));
    assert_null(mem_strndup(NULL, 3));
}

static void zeroed_and_moved(void **state)
{
    (void)state;
    AUTO(mem_freep) struct foo *f = mem_new(struct foo);
    assert_int_equal(f->x, 0);
    struct foo *moved = TAKE(f);
    assert_null(f);
    moved->magic = foo_MAGIC;
    assert_ptr_equal(CAST(foo, moved), moved);
    mem_wipe(moved, sizeof(*moved));
    assert_int_equal(moved->magic, 0);
    mem_free(moved);
}

static void cast_wrong(void)
{
    struct foo f = {0x1, 1};
    CAST(foo, &f);
}

static void cast_null(void)
{
    CAST(foo, NULL);
}

static void calloc_overflow(void)
{
    mem_calloc(SIZE_MAX / 2, 3);
}

static void arena_above_max(void)
{
    struct arena *a = arena_new(100);
    arena_alloc(a, 60);
    arena_alloc(a, 41);
}

static void mistakes_abort(void **state)
{
    (void)state;
    assert_true(aborts(cast_wrong));
    assert_true(aborts(cast_null));
    assert_true(aborts(calloc_overflow));
    assert_true(aborts(arena_above_max));
}

static void arena_sizes(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new(64 * 1024 * 1024);
    size_t sum = 0;
    char *all[500];
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        size_t n = (i * i * 37) % 30000;
        all[i] = arena_alloc(a, n);
        assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(all[i][k], 0);
        memset(all[i], (int)(i & 0xff), n);
        sum += n;
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) /* nobody wrote over a neighbour */
        for (size_t k = 0; k < (i * i * 37) % 30000; k++)
            assert_int_equal((unsigned char)all[i][k], i & 0xff);
    assert_int_equal(arena_used(a), sum);
}

static void arena_strings(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new(100000);
    char big[1000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_string_equal(arena_strdup(a, "abc"), "abc");
    assert_string_equal(arena_strndup(a, "abc", 2), "ab");
    assert_string_equal(arena_printf(a, "%d/%s", 5, "y"), "5/y");
    const char *long_text = arena_printf(a, "<%s>", big);
    assert_int_equal(strlen(long_text), 1001);
    assert_int_equal(long_text[1000], '>');
    assert_null(arena_strdup(a, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),        cmocka_unit_test(zeroed_and_moved),
        cmocka_unit_test(mistakes_abort), cmocka_unit_test(arena_sizes),
        cmocka_unit_test(arena_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
