/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of commands, and the one parser, help printer and completion printer that read it.
 * What a command does stands in its own file (up.c, down.c, status.c, kubeconfig.c).
 */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define FLAG_DIR                                                                                   \
    {                                                                                              \
        "dir", 'd', "DIR",                                                                         \
            "the installation's directory (default $ATOLL_DIR, else ~/.local/state/atoll/default)" \
    }

static const struct flag up_flags[] = {
    FLAG_DIR,
    {"members", 'm', "N", "number of member clusters, 1 to 8 (default 1, or as it was)"},
    {NULL, 0, NULL, NULL}};
static const struct flag down_flags[] = {
    FLAG_DIR,
    {"yes", 'y', NULL, "remove the data without asking"},
    {"keep-data", 'k', NULL,
     "stop everything, remove nothing: the next `atoll up` goes on with it"},
    {NULL, 0, NULL, NULL}};
static const struct flag kubeconfig_flags[] = {FLAG_DIR, {NULL, 0, NULL, NULL}};
static const struct flag status_flags[] = {
    FLAG_DIR,
    {"output", 'o', "json", "print JSON instead of the table and the tree"},
    {"watch", 'w', NULL, "stay, and print again when something changed"},
    {NULL, 0, NULL, NULL}};
static const struct flag no_flags[] = {{NULL, 0, NULL, NULL}};

static const struct command commands[] = {
    {"up", NULL, "start an installation on this machine, or go on with a stopped one", up_flags,
     up_run},
    {"status", NULL, "show members, clusters, instances and their roles", status_flags, status_run},
    {"kubeconfig", NULL, "print the path of the installation's kubeconfig", kubeconfig_flags,
     kubeconfig_run},
    {"down", NULL, "stop an installation and remove it", down_flags, down_run},
    {"completion", "bash|zsh", "print a shell completion script", no_flags, completion_run},
};

const struct command *commands_all(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(commands);
    return commands;
}

static size_t flag_index(const struct command *c, const char *name, size_t len, char letter)
{
    size_t i = 0;
    for (; c->flags[i].name; i++)
        if ((name && strlen(c->flags[i].name) == len && !strncmp(c->flags[i].name, name, len)) ||
            (letter && c->flags[i].letter == letter))
            break;
    return i;
}

const char *args_value(const struct args *a, const char *flag)
{
    size_t i = flag_index(a->command, flag, strlen(flag), 0);
    ATOLL_ASSERT(a->command->flags[i].name);
    return a->values[i];
}

/* One word that starts with '-'. Returns how many words were used. */
static int flag_parse(const struct command *c, int left, const char *const *words, struct args *ret,
                      struct err **err)
{
    const char *word = words[0];
    bool is_long = word[1] == '-';
    const char *equals = is_long ? strchr(word, '=') : NULL;
    size_t len = !is_long ? 0 : equals ? (size_t)(equals - word - 2) : strlen(word + 2);
    size_t i = flag_index(c, is_long ? word + 2 : NULL, len, is_long ? 0 : word[1]);
    const struct flag *f = &c->flags[i];
    if (!f->name)
        return err_set(err, -EINVAL, "unknown option %s; see atoll %s --help", word, c->name);
    if (!f->value) {
        if (equals || (!is_long && word[2]))
            return err_set(err, -EINVAL, "option --%s takes no value, found %s", f->name, word);
        ret->values[i] = "";
        return 1;
    }
    if (equals) {
        ret->values[i] = equals + 1;
        return 1;
    }
    if (!is_long && word[2]) {
        ret->values[i] = word + 2;
        return 1;
    }
    if (left < 2)
        return err_set(err, -EINVAL, "option --%s wants a value: --%s %s", f->name, f->name,
                       f->value);
    ret->values[i] = words[1];
    return 2;
}

int args_parse(const struct command *c, int argc, const char *const *argv, struct args *ret,
               struct err **err)
{
    struct args a = {.command = c};
    for (int i = 0; i < argc;) {
        if (argv[i][0] == '-' && argv[i][1]) {
            int used = flag_parse(c, argc - i, argv + i, &a, err);
            if (used < 0)
                return used;
            i += used;
            continue;
        }
        if (!c->operands || a.n_positional == 1)
            return err_set(err, -EINVAL,
                           "atoll %s: unexpected argument \"%s\"; see atoll %s --help", c->name,
                           argv[i], c->name);
        a.positional[a.n_positional++] = argv[i++];
    }
    if (c->operands && !a.n_positional)
        return err_set(err, -EINVAL, "atoll %s: want %s, found nothing", c->name, c->operands);
    *ret = a;
    return 0;
}

void command_usage(const struct command *c, struct buf *out)
{
    buf_addf(out, "atoll %s - %s\n\nusage: atoll %s%s%s%s\n", c->name, c->summary, c->name,
             c->flags[0].name ? " [options]" : "", c->operands ? " " : "",
             c->operands ? c->operands : "");
    if (c->flags[0].name)
        buf_adds(out, "\noptions:\n");
    for (const struct flag *f = c->flags; f->name; f++) {
        AUTO(mem_freep)
        char *left = mem_printf("--%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
        buf_addf(out, "  -%c, %-18s %s\n", f->letter, left, f->help);
    }
}

void commands_usage(struct buf *out)
{
    buf_adds(out, "atoll - databases over Kubernetes clusters, or over this machine\n\n"
                  "usage: atoll COMMAND [options]\n\ncommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        buf_addf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    buf_adds(out, "\n`atoll COMMAND --help` explains one command. First steps: atoll up, then\n"
                  "export KUBECONFIG=$(atoll kubeconfig) and kubectl apply -f a manifest.\n");
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (streq(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (streq(argv[i], "--help") || streq(argv[i], "-h"))
            return true;
    return false;
}

int cli_run(int argc, char **argv)
{
    AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
    AUTO(err_freep) struct err *err = NULL;
    if (argc < 2 || streq(argv[1], "help") || streq(argv[1], "--help") || streq(argv[1], "-h")) {
        commands_usage(&text);
        fputs(buf_str(&text), argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (streq(argv[1], "--version") || streq(argv[1], "-V") || streq(argv[1], "version")) {
        printf("atoll %s\n", ATOLL_VERSION);
        return 0;
    }
    const struct command *c = command_find(argv[1]);
    if (!c) {
        fprintf(stderr, "atoll: unknown command \"%s\"; atoll --help lists them\n", argv[1]);
        return 2;
    }
    if (asks_help(argc - 2, argv + 2)) {
        command_usage(c, &text);
        fputs(buf_str(&text), stdout);
        return 0;
    }
    struct args a;
    if (args_parse(c, argc - 2, (const char *const *)argv + 2, &a, &err) < 0) {
        fprintf(stderr, "atoll: %s\n", err_text(err));
        return 2;
    }
    if (c->run(&a, &err) < 0) {
        fprintf(stderr, "atoll %s: %s\n", c->name, err_text(err));
        return 1;
    }
    return 0;
}
