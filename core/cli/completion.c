/* SPDX-License-Identifier: Apache-2.0 */
/* Shell completion, printed from the command table, so it is never behind it. */
#include <errno.h>
#include <stdio.h>

#include "cli/command.h"

static void words_of(const struct command *c, struct buf *out)
{
    for (const struct flag *f = c->flags; f->name; f++)
        buf_addf(out, "--%s ", f->name);
    struct str left = str_of(c->operands ? c->operands : ""), piece;
    while (left.len && str_split(&left, '|', &piece))
        buf_addf(out, "%.*s ", (int)piece.len, piece.ptr);
    buf_adds(out, "--help");
}

static void print_bash(struct buf *out)
{
    size_t n;
    const struct command *all = commands_all(&n);
    buf_adds(out,
             "# bash completion for atoll: source <(atoll completion bash)\n"
             "_atoll() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
             "words\n"
             "    case $prev in\n    -d|--dir) COMPREPLY=($(compgen -d -- \"$cur\")); return;;\n"
             "    -o|--output) COMPREPLY=($(compgen -W json -- \"$cur\")); return;;\n    esac\n"
             "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s ", all[i].name);
    buf_adds(out, "--help --version\"\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, "        %s) words=\"", all[i].name);
        words_of(&all[i], out);
        buf_adds(out, "\";;\n");
    }
    buf_adds(out, "        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
                  "complete -F _atoll atoll\n");
}

static void print_zsh(struct buf *out)
{
    size_t n;
    const struct command *all = commands_all(&n);
    buf_adds(out, "#compdef atoll\n# zsh completion for atoll: source <(atoll completion zsh)\n"
                  "_atoll() {\n    if (( CURRENT == 2 )); then\n        compadd ");
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s ", all[i].name);
    buf_adds(out, "\n        return\n    fi\n    if [[ $words[CURRENT-1] == (-d|--dir) ]]; then "
                  "_files -/; return; fi\n"
                  "    case $words[2] in\n");
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, "    %s) compadd -- ", all[i].name);
        words_of(&all[i], out);
        buf_adds(out, ";;\n");
    }
    buf_adds(out, "    esac\n}\ncompdef _atoll atoll\n");
}

int completion_print(const char *shell, struct buf *out, struct err **err)
{
    static const struct {
        const char *shell;
        void (*print)(struct buf *out);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}};
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (streq(shells[i].shell, shell)) {
            shells[i].print(out);
            return 0;
        }
    }
    return err_set(err, -EINVAL, "shell: want bash or zsh, found \"%s\"", shell);
}

int completion_run(const struct args *a, struct err **err)
{
    AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
    int r = completion_print(a->positional[0], &b, err);
    if (r == 0)
        fputs(buf_str(&b), stdout);
    return r;
}
