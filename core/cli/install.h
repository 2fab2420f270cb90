/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An installation: one directory that holds everything `atoll up` made on this machine.
 *
 *   DIR/installation.json      members, their ports and loopback ranges
 *   DIR/pki/                   certificate authority
 *   DIR/kubeconfig             contexts member-1, member-2, ... for people
 *   DIR/member-1/conf.d/       00-atoll.cfg is written by `atoll up`; add your own files beside it
 *   DIR/member-1/{lock,atolld.log,store/,node/,tls.*,tokens,controller.kubeconfig}
 *
 * Installations side by side differ in their block: block b owns ports 16440+8b.. and the loopback
 * networks 127.(20+8b).0.0/16 and following, one per member. A registry in the user's state
 * directory remembers which directory has which block.
 */
#ifndef ATOLL_CLI_INSTALL_H
#define ATOLL_CLI_INSTALL_H

#include "base/err.h"
#include "base/str.h"

#define INSTALL_MEMBERS_MAX 8
#define INSTALL_BLOCKS      28

struct install {
    char *dir; /* absolute */
    int block, members;
};

/* The directory the user means: the flag, else $ATOLL_DIR, else the default. Heap, absolute. */
char *install_dir(const char *flag);
/* Reads installation.json. -ENOENT with a sentence when there is none. */
int install_load(const char *dir, struct install *ret, struct err **err);
/* Makes the directory, chooses a block, writes installation.json. */
int install_create(const char *dir, int members, struct install *ret, struct err **err);
int install_save(const struct install *i, struct err **err);
void install_done(struct install *i);
/* Forget the block in the registry; the directory is the caller's. */
void install_release(const struct install *i);

int install_port(const struct install *i, int member); /* member counts from 1 */
char *install_member_name(int member);                 /* "member-1", heap */
char *install_member_path(const struct install *i, int member,
                          const char *rest);                   /* DIR/member-N/rest, heap */
char *install_path(const struct install *i, const char *rest); /* DIR/rest, heap */
char *install_pod_cidr(const struct install *i,
                       int member); /* lower half of the member's network */
char *install_service_cidr(const struct install *i, int member); /* upper half */
char *install_node_address(const struct install *i, int member);

/* Certificates, tokens, conf.d and kubeconfigs of all members; existing keys and tokens are kept.
 */
int install_write(const struct install *i, struct err **err);

/* Process id of the running daemon of a member, 0 when none holds its lock. */
int install_running(const struct install *i, int member);

/* Text of a member's configuration (pure; for tests). `engines` ends with NULL. Heap. */
char *install_conf_text(const struct install *i, int member, const char *const *engines);
/* Text of a kubeconfig with one context per member. Heap. */
char *install_kubeconfig_text(const struct install *i, const char *ca_pem,
                              const char *const *tokens, int first, int last);

#endif
