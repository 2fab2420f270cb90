/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real redis-servers and sentinels for a test: rendered by the plugin, started with the command
 * lines of its definitions, on their own loopback addresses and folders, ended by pid.
 */
#ifndef REDIS_TESTS_SERVERS_H
#define REDIS_TESTS_SERVERS_H

#include <sys/types.h>

#include "fakehost.h"

#define SITE_MAX 5

struct process {
    pid_t pid;
    bool sentinel;
    char id[16], ip[32], dir[256];
};

struct site {
    struct fake *fake;
    char root[128];
    unsigned net, n_servers, n_sentinels;
    struct process server[SITE_MAX], sentinel[SITE_MAX];
    /* the view, writable */
    struct atoll_view view;
    struct atoll_component components[2];
    const struct atoll_component *component_list[2];
    struct atoll_instance instances[2][SITE_MAX];
    const struct atoll_instance *instance_list[2][SITE_MAX];
    struct atoll_account accounts[2];
    const struct atoll_account *account_list[2];
    struct atoll_kv options[8];
};

/* Servers "r0"..., sentinels "s0"...; nothing runs yet. Skips the program when redis-server is
 * missing. */
void site_skip_without_redis(void);
struct site *site_new(unsigned n_servers, unsigned n_sentinels);
void site_free(struct site *s); /* kills what runs, removes the folders */
/* A parameter of the servers, before they are rendered. */
void site_option(struct site *s, const char *name, const char *value);

/* `extra`: more arguments, NULL-terminated; or NULL. Returns when the port accepts connections. */
void process_start(struct site *s, struct process *p, const char *const *extra);
void process_kill(struct process *p, int signo); /* waits for its end when the signal is deadly */
void process_wipe(struct process *p);            /* its data folder, while it does not run */
void site_start(struct site *s);                 /* everything; sentinels with fast timers */
void sentinel_hurry(struct process *p);

/* A command, synchronously; the answer as text: "OK", "42", "a b c" for lists, "(nil)", "-ERR ...".
 */
char *ask(struct process *p, char *out, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define ASK(p, ...) ask((p), (char[2048]){0}, 2048, __VA_ARGS__)
/* One field of an INFO section ("" when absent). */
char *info(struct process *p, const char *section, const char *field, char out[128]);
#define INFO(p, section, field) info((p), (section), (field), (char[128]){0})
/* calls= of a command's statistics; 0 when never called. */
unsigned calls(struct process *p, const char *command);

/* A writer in its own thread: unique keys, every acknowledged one is remembered; finds the primary
 * by asking ROLE after any error. */
struct load;
struct load *load_start(struct site *s, const char *prefix);
unsigned load_acked(struct load *l);
/* Ends it. Returns how many acknowledged keys the server lacks; gap: longest time between two acks.
 */
unsigned load_stop(struct load *l, struct process *judge, unsigned *ret_acked,
                   unsigned *ret_gap_us);

#endif
