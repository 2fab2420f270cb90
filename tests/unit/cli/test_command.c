/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: parsing by table, error sentences, help and completion printed from the same rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"

static const struct command *command_named(const char *name)
{
    size_t n;
    const struct command *all = commands_all(&n);
    for (size_t i = 0; i < n; i++)
        if (streq(all[i].name, name))
            return &all[i];
    fail_msg("no command %s", name);
    return NULL;
}

static void flags_in_every_spelling(void **state)
{
    (void)state;
    const char *spellings[][3] = {{"--members", "3", NULL},
                                  {"--members=3", NULL, NULL},
                                  {"-m", "3", NULL},
                                  {"-m3", NULL, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        struct args a;
        int argc = spellings[i][1] ? 2 : 1;
        assert_int_equal(args_parse(command_named("up"), argc, spellings[i], &a, NULL), 0);
        assert_string_equal(args_value(&a, "members"), "3");
        assert_null(args_value(&a, "dir"));
    }
}

static void wrong_lines_are_explained(void **state)
{
    (void)state;
    struct {
        const char *command;
        const char *words[3];
        const char *says;
    } cases[] = {
        {"up", {"--member", "3", NULL}, "unknown option --member"},
        {"up", {"--members", NULL, NULL}, "--members wants a value"},
        {"up", {"three", NULL, NULL}, "unexpected argument \"three\""},
        {"down", {"--yes=no", NULL, NULL}, "takes no value"},
        {"completion", {NULL, NULL, NULL}, "want bash|zsh, found nothing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(err_freep) struct err *err = NULL;
        struct args a;
        int argc = cases[i].words[0] ? cases[i].words[1] ? 2 : 1 : 0;
        assert_true(args_parse(command_named(cases[i].command), argc, cases[i].words, &a, &err) <
                    0);
        assert_non_null(strstr(err_text(err), cases[i].says));
    }
}

static void help_and_completion_know_every_flag(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf bash = BUF_INIT(1 << 20);
    AUTO(buf_done) struct buf zsh = BUF_INIT(1 << 20);
    assert_int_equal(completion_print("bash", &bash, NULL), 0);
    assert_int_equal(completion_print("zsh", &zsh, NULL), 0);
    assert_true(completion_print("fish", &bash, NULL) < 0);
    size_t n;
    const struct command *all = commands_all(&n);
    for (size_t i = 0; i < n; i++) {
        AUTO(buf_done) struct buf help = BUF_INIT(1 << 16);
        command_usage(&all[i], &help);
        for (const struct flag *f = all[i].flags; f->name; f++) {
            AUTO(mem_freep) char *word = mem_printf("--%s", f->name);
            assert_non_null(strstr(buf_str(&help), word));
            assert_non_null(strstr(buf_str(&bash), word));
            assert_non_null(strstr(buf_str(&zsh), word));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_in_every_spelling),
        cmocka_unit_test(wrong_lines_are_explained),
        cmocka_unit_test(help_and_completion_know_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
